// SPDX-License-Identifier: Apache-2.0
// Makers of nodes that put images side by side, cut them and pad them.
#include "property/net_image.h"

static bool same_but_axis(const struct shape *a, const struct shape *b, int axis)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = i == axis || a->dims[i] == b->dims[i];
    }
    return same;
}

bool net_add_concat(struct net *net, int v)
{
    enum { PARTS_MAX = 4 };
    struct shape out = net->values[v];
    int parts[PARTS_MAX];
    int count = 1 + (int)net_below(net, PARTS_MAX);
    if (out.rank <= net->fixed_axes + 1) {
        return false;
    }
    int axis = net_chance(net, 75) ? 1 : (int)net_below(net, out.rank);
    axis = axis < net->fixed_axes ? 1 : axis;
    out.dims[axis] = 0;
    for (int i = 0; i < count; i++) {
        parts[i] = net_pick_like(net, v, axis, same_but_axis);
    }
    parts[net_below(net, count)] = v;
    for (int i = 0; i < count; i++) {
        out.dims[axis] += net->values[parts[i]].dims[axis];
    }
    if (net_elements(&out) > ELEMENTS_MAX || out.dims[1] > CHANNELS_MAX) {
        return false;
    }
    net_line(net, "    v%d = Concat<axis=%d>(", net->count,
             net_chance(net, 30) ? axis - out.rank : axis);
    for (int i = 0; i < count; i++) {
        net_line(net, "%sv%d", i > 0 ? ", " : "", parts[i]);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
    return true;
}

static bool same_pixels(const struct shape *a, const struct shape *b, int axis)
{
    return axis >= 0 && a->rank == b->rank && same_but_axis(a, b, 1);
}

// Read by somebody else, and joined with another image later.
bool net_add_late_join(struct net *net, int v)
{
    static const char *const readers[] = {"Selu", "Softsign", "Sin", "Relu", "Cos"};
    if (!net_is_image(&net->values[v]) || !net_add_conv_1x1(net, v)) {
        return false;
    }
    int image = net->count - 1;
    struct shape out = net->values[image];
    int read = net_add(net, &out, "%s(v%d)", readers[net_below(net, 5)], image);
    int other = v, joined;
    for (int i = 0; i < net->count && net_chance(net, 80); i++) { // an old one, an input, say
        if (net->values[i].type == NET_FLOAT && same_pixels(&out, &net->values[i], 1)) {
            other = i;
            break;
        }
    }
    if (out.dims[1] % 2 == 0 && net_chance(net, 50)) {
        struct shape half = out;
        half.dims[1] /= 2;
        net_line(net, "    v%d, v%d = Split<axis=1, num_outputs=2>(v%d);\n", net->count,
                 net->count + 1, image);
        (void)net_result(net, &half);
        (void)net_result(net, &half);
        out.dims[1] *= 2;
        joined = net_add(net, &out, "Concat<axis=1>(v%d, v%d, v%d)", net->count - 2, net->count - 1,
                         read);
    } else {
        bool turned = net_chance(net, 40);
        out.dims[1] += net->values[other].dims[1];
        joined = net_add(net, &out, "Concat<axis=1>(v%d, v%d)", turned ? other : image,
                         turned ? image : other);
    }
    if (net_elements(&out) <= ELEMENTS_MAX && net_chance(net, 70)) {
        if (net_chance(net, 50) || !net_add_conv_1x1(net, joined)) {
            (void)net_add(net, &out, "Relu(v%d)", joined);
        }
    }
    return true;
}

// Two parts; often one is worked on and joined with the other again.
bool net_add_split(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes + 1) {
        return false;
    }
    int axis = net_chance(net, 80) ? 1 : (int)net_below(net, out.rank);
    axis = axis < net->fixed_axes ? 1 : axis;
    if (out.dims[axis] < 2) {
        return false;
    }
    const int64_t whole = out.dims[axis];
    bool even = whole % 2 == 0 && net_chance(net, 60);
    const int64_t sizes[2] = {even ? whole / 2 : 1 + net_below(net, whole - 1), whole};
    const int64_t parts[2] = {sizes[0], whole - sizes[0]};
    if (even && net_chance(net, 50)) {
        net_line(net, "    v%d, v%d = Split<axis=%d, num_outputs=2>(v%d);\n", net->count,
                 net->count + 1, axis, v);
    } else {
        int c = net_integers(net, parts, 2);
        net_line(net, "    v%d, v%d = Split<axis=%d>(v%d, c%d);\n", net->count, net->count + 1,
                 axis - out.rank, v, c);
    }
    out.dims[axis] = parts[0];
    int a = net_result(net, &out);
    out.dims[axis] = parts[1];
    int b = net_result(net, &out);
    if (net_chance(net, 40)) {
        bool worked = net_add_block(net, b);
        int c = worked ? net->count - 1 : b;
        int third = net_chance(net, 50) ? b : a;
        if (same_but_axis(&out, &net->values[c], axis)) {
            out.dims[axis] = parts[0] + net->values[c].dims[axis] + net->values[third].dims[axis];
            (void)net_add(net, &out, "Concat<axis=%d>(v%d, v%d, v%d)", axis, a, c, third);
        }
    }
    return true;
}

bool net_add_slice(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    int64_t axis = net->fixed_axes + net_below(net, out.rank - net->fixed_axes);
    int64_t size = out.dims[axis];
    int64_t step = NET_ONE_OF(net, 1, 1, 2, 3, -1, -2);
    int64_t start = step > 0 ? net_below(net, size) : size - 1 - net_below(net, size);
    int64_t end = step > 0 ? start + 1 + net_below(net, size - start) : -size - 1;
    int64_t span = step > 0 ? end - start : start + 1;
    out.dims[axis] = (span + (step > 0 ? step : -step) - 1) / (step > 0 ? step : -step);
    int s = net_integers(net, &start, 1), e = net_integers(net, &end, 1);
    int a = net_integers(net, &axis, 1), t = net_integers(net, &step, 1);
    (void)net_add(net, &out, "Slice(v%d, c%d, c%d, c%d, c%d)", v, s, e, a, t);
    return true;
}

bool net_add_pad(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t pads[2 * RANK_MAX] = {0};
    const char *mode = net_chance(net, 70) ? "constant" : net_chance(net, 50) ? "reflect" : "edge";
    for (int i = net->fixed_axes; i < out.rank; i++) {
        int64_t most = mode[0] == 'r' ? out.dims[i] : 3;
        pads[i] = net_chance(net, 40) ? net_below(net, most < 3 ? most : 3) : 0;
        pads[i + out.rank] = net_chance(net, 40) ? net_below(net, most < 3 ? most : 3) : 0;
        out.dims[i] += pads[i] + pads[i + out.rank];
    }
    if (out.rank == 0 || net_elements(&net->values[v]) == 0 || net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    int c = net_integers(net, pads, 2 * out.rank);
    (void)net_add(net, &out, "Pad<mode=\"%s\">(v%d, c%d)", mode, v, c);
    return true;
}
