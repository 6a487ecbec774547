// SPDX-License-Identifier: Apache-2.0
// Makers of nodes on images [N,C,L] and [N,C,H,W].
#include <string.h>

#include "property/net.h"

enum { CHANNELS_MAX = 160, WEIGHT_ELEMENTS_MAX = 60000 };

static bool is_image(const struct shape *shape)
{
    return shape->type == NET_FLOAT && shape->rank >= 3 && shape->rank <= 4 &&
           net_elements(shape) > 0;
}

// ---- Windows ------------------------------------------------------------------------------------

struct window {
    int axes;
    int64_t kernel[2], stride[2], dilation[2], pads[4];
    const char *auto_pad; // NULL: pads
    bool ceil_mode;
};

static int64_t window_extent(const struct window *w, int axis)
{
    return w->dilation[axis] * (w->kernel[axis] - 1) + 1;
}

// Sizes of the result; false when the window does not fit.
static bool slide(const struct window *w, struct shape *shape)
{
    for (int i = 0; i < w->axes; i++) {
        int64_t *size = &shape->dims[2 + i];
        int64_t pads = w->pads[i] + w->pads[i + w->axes];
        if (w->auto_pad != NULL && strcmp(w->auto_pad, "VALID") != 0) {
            *size = (*size + w->stride[i] - 1) / w->stride[i];
            continue;
        }
        int64_t room = *size + (w->auto_pad == NULL ? pads : 0) - window_extent(w, i);
        if (room < 0) {
            return false;
        }
        int64_t steps = (room + (w->ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i];
        // A window that starts in the padding behind is none.
        steps -= w->ceil_mode && steps * w->stride[i] >= *size + w->pads[i] ? 1 : 0;
        *size = steps + 1;
    }
    return true;
}

static void choose_window(struct net *net, int axes, bool pool, struct window *w)
{
    static const char *const autos[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    *w = (struct window){.axes = axes};
    int64_t kernel = NET_ONE_OF(net, 1, 2, 3, 3, 3, 5);
    bool plain = net_chance(net, 50);
    for (int i = 0; i < axes; i++) {
        w->kernel[i] = plain || net_chance(net, 70) ? kernel : NET_ONE_OF(net, 1, 2, 3, 4);
        w->stride[i] = plain ? 1 : NET_ONE_OF(net, 1, 1, 2, 3);
        w->dilation[i] = plain ? 1 : NET_ONE_OF(net, 1, 1, 1, 2);
        int64_t most = pool ? w->kernel[i] : w->kernel[i] + 1; // a window holds an element
        w->pads[i] = plain ? kernel / 2 : net_below(net, most);
        w->pads[i + axes] = plain ? (kernel - 1) / 2 : net_below(net, most);
    }
    w->auto_pad = !plain && net_chance(net, 20) ? autos[net_below(net, 3)] : NULL;
}

static void window_text(struct net *net, const struct window *w, bool kernel)
{
    if (kernel || net_chance(net, 50)) {
        net_ints_text(net, "kernel_shape", w->kernel, w->axes);
        net_line(net, ", ");
    }
    net_ints_text(net, "strides", w->stride, w->axes);
    net_line(net, ", ");
    net_ints_text(net, "dilations", w->dilation, w->axes);
    net_line(net, ", ");
    if (w->auto_pad != NULL) {
        net_line(net, "auto_pad=\"%s\"", w->auto_pad);
    } else {
        net_ints_text(net, "pads", w->pads, 2 * w->axes);
    }
}

// ---- Convolutions -------------------------------------------------------------------------------

static int64_t choose_channels(struct net *net, int64_t groups)
{
    return groups > 1 ? groups * NET_ONE_OF(net, 1, 1, 2, 3, 5, 8)
                      : NET_ONE_OF(net, 1, 2, 3, 5, 7, 8, 16, 17, 24, 32, 33, 40, 64, 65);
}

static int64_t choose_groups(struct net *net, int64_t channels)
{
    int64_t groups = net_chance(net, 25)   ? channels
                     : net_chance(net, 80) ? 1
                                           : NET_ONE_OF(net, 2, 3, 4);
    return channels % groups == 0 ? groups : 1;
}

static bool conv(struct net *net, int v, const struct window *w, int64_t groups, int64_t channels)
{
    struct shape out = net->values[v];
    struct shape weight = {.rank = out.rank, .dims = {channels, out.dims[1] / groups}};
    for (int i = 0; i < w->axes; i++) {
        weight.dims[2 + i] = w->kernel[i];
    }
    out.dims[1] = channels;
    if (net_elements(&weight) > WEIGHT_ELEMENTS_MAX || channels > CHANNELS_MAX || !slide(w, &out) ||
        net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    struct shape bias = {.rank = 1, .dims = {channels}};
    int k = net_weight(net, &weight, net_elements(&weight) / channels);
    int b = net_chance(net, 50) ? net_weight(net, &bias, 1) : -1;
    net_line(net, "    v%d = Conv<", net->count);
    window_text(net, w, false);
    net_line(net, ", group=%d>(v%d, c%d", (int)groups, v, k);
    if (b >= 0) {
        net_line(net, ", c%d", b);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
    return true;
}

static bool add_conv(struct net *net, int v)
{
    struct window w;
    if (!is_image(&net->values[v])) {
        return false;
    }
    int64_t groups = choose_groups(net, net->values[v].dims[1]);
    choose_window(net, net->values[v].rank - 2, false, &w);
    return conv(net, v, &w, groups, choose_channels(net, groups));
}

static bool add_conv_1x1(struct net *net, int v)
{
    struct window w = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    if (!is_image(&net->values[v])) {
        return false;
    }
    w.axes = net->values[v].rank - 2;
    return conv(net, v, &w, 1, choose_channels(net, 1));
}

// Two convolutions with one weight, which differ in steps.
static bool add_twins(struct net *net, int v)
{
    struct window w;
    if (!is_image(&net->values[v])) {
        return false;
    }
    const int reuse = net->reuse;
    int64_t groups = choose_groups(net, net->values[v].dims[1]);
    int64_t channels = choose_channels(net, groups);
    choose_window(net, net->values[v].rank - 2, false, &w);
    bool good = conv(net, v, &w, groups, channels);
    net->reuse = 100;
    for (int i = 0; i < w.axes; i++) {
        w.dilation[i] = NET_ONE_OF(net, 1, 2, 2, 3);
        w.stride[i] = NET_ONE_OF(net, 1, 1, 2);
        w.pads[i] = w.pads[i + w.axes] = w.dilation[i] * (w.kernel[i] / 2);
    }
    good = conv(net, v, &w, groups, channels) || good;
    net->reuse = reuse;
    return good;
}

// 3x3 or depthwise, the size kept; often with what stands behind convolutions.
static bool add_block(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu"};
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    if (!is_image(&net->values[v])) {
        return false;
    }
    const struct shape from = net->values[v];
    const int64_t groups = net_chance(net, 30) ? from.dims[1] : 1;
    w.axes = from.rank - 2;
    int64_t channels = net_chance(net, 50) ? from.dims[1] : choose_channels(net, groups);
    if (!conv(net, v, &w, groups, channels)) {
        return false;
    }
    int y = net->count - 1;
    const struct shape to = net->values[y];
    bool residual = net_same_dims(&from, &to) && net_chance(net, 60);
    bool first = net_chance(net, 50);
    const char *function = behind[net_below(net, (int64_t)MOPT_COUNTOF(behind))];
    if (!first && net_chance(net, 60)) {
        y = net_add(net, &to, "%s(v%d)", function, y);
    }
    if (residual) {
        bool turned = net_chance(net, 50);
        y = net_add(net, &to, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    }
    if (first && net_chance(net, 60)) {
        (void)net_add(net, &to, "%s(v%d)", function, y);
    }
    return true;
}

// Two convolutions and the image that went in, which nobody reads afterwards.
static bool add_bottleneck(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu"};
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    struct window one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    const struct shape from = net->values[v];
    if (!is_image(&from)) {
        return false;
    }
    w.axes = one.axes = from.rank - 2;
    const int64_t inner = choose_channels(net, 1);
    const bool thin = net_chance(net, 50), depthwise = thin && net_chance(net, 40);
    const int64_t groups = depthwise ? from.dims[1] : 1;
    if (!conv(net, v, thin ? &one : &w, 1, depthwise ? from.dims[1] : inner) ||
        !conv(net, net->count - 1, net_chance(net, 70) ? &w : &one, groups, from.dims[1]) ||
        !net_same_dims(&from, &net->values[net->count - 1])) {
        return false;
    }
    int y = net->count - 1;
    if (net_chance(net, 60)) {
        y = net_add(net, &from, "%s(v%d)", behind[net_below(net, 5)], y);
    }
    bool turned = net_chance(net, 50);
    y = net_add(net, &from, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    if (net_chance(net, 30)) {
        (void)net_add(net, &from, "Relu(v%d)", y);
    }
    return true;
}

// As many channels as Winograd's forms want, and some that do not fill a vector.
static bool add_wide(struct net *net, int v)
{
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    struct window one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    if (!is_image(&net->values[v])) {
        return false;
    }
    w.axes = one.axes = net->values[v].rank - 2;
    w.pads[0] = w.pads[2] = net_chance(net, 80) ? 1 : 0;
    if (net->values[v].dims[1] < 16) {
        if (!conv(net, v, &one, 1, NET_ONE_OF(net, 16, 17, 32, 33, 64, 70, 96))) {
            return false;
        }
        v = net->count - 1;
    }
    return conv(net, v, &w, 1, NET_ONE_OF(net, 16, 23, 32, 33, 48, 65, 80, 112));
}

// ---- Pools --------------------------------------------------------------------------------------

static bool add_pool(struct net *net, int v)
{
    struct shape out = net->values[v];
    struct window w;
    if (!is_image(&out)) {
        return false;
    }
    bool most = net_chance(net, 50);
    choose_window(net, out.rank - 2, true, &w);
    w.ceil_mode = w.auto_pad == NULL && net_chance(net, 30);
    if (!slide(&w, &out) || net_elements(&out) == 0) {
        return false;
    }
    net_line(net, "    v%d = %s<", net->count, most ? "MaxPool" : "AveragePool");
    window_text(net, &w, true);
    net_line(net, ", ceil_mode=%d", w.ceil_mode ? 1 : 0);
    if (!most) {
        net_line(net, ", count_include_pad=%d", net_chance(net, 50) ? 1 : 0);
    }
    net_line(net, ">(v%d);\n", v);
    (void)net_result(net, &out);
    return true;
}

static bool add_global_pool(struct net *net, int v)
{
    static const char *const ops[] = {"GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"};
    struct shape out = net->values[v];
    if (!is_image(&out)) {
        return false;
    }
    for (int i = 2; i < out.rank; i++) {
        out.dims[i] = 1;
    }
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    int pooled = net_add(net, &out, "%s(v%d)", op, v);
    if (net_chance(net, 40)) { // a gate of channels
        struct window w = {out.rank - 2, {1, 1}, {1, 1}, {1, 1}, {0}, NULL, false};
        int gate = pooled;
        if (conv(net, pooled, &w, 1, out.dims[1])) {
            gate = net->count - 1;
        }
        gate = net_add(net, &out, "%s(v%d)", net_chance(net, 50) ? "Sigmoid" : "HardSigmoid", gate);
        bool turned = net_chance(net, 50);
        (void)net_add(net, &net->values[v], "Mul(v%d, v%d)", turned ? gate : v, turned ? v : gate);
    }
    return true;
}

// ---- Parts --------------------------------------------------------------------------------------

static bool same_but_axis(const struct shape *a, const struct shape *b, int axis)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = i == axis || a->dims[i] == b->dims[i];
    }
    return same;
}

static bool add_concat(struct net *net, int v)
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
static bool add_late_join(struct net *net, int v)
{
    static const char *const readers[] = {"Selu", "Softsign", "Sin", "Relu", "Cos"};
    if (!is_image(&net->values[v]) || !add_conv_1x1(net, v)) {
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
        if (net_chance(net, 50) || !add_conv_1x1(net, joined)) {
            (void)net_add(net, &out, "Relu(v%d)", joined);
        }
    }
    return true;
}

// Two parts; often one is worked on and joined with the other again.
static bool add_split(struct net *net, int v)
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
        bool worked = add_block(net, b);
        int c = worked ? net->count - 1 : b;
        int third = net_chance(net, 50) ? b : a;
        if (same_but_axis(&out, &net->values[c], axis)) {
            out.dims[axis] = parts[0] + net->values[c].dims[axis] + net->values[third].dims[axis];
            (void)net_add(net, &out, "Concat<axis=%d>(v%d, v%d, v%d)", axis, a, c, third);
        }
    }
    return true;
}

static bool add_slice(struct net *net, int v)
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

static bool add_pad(struct net *net, int v)
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

// ---- Others -------------------------------------------------------------------------------------

static bool add_resize(struct net *net, int v)
{
    static const char *const modes[] = {"nearest", "nearest", "linear", "cubic"};
    static const char *const ways[] = {"half_pixel", "asymmetric", "align_corners",
                                       "pytorch_half_pixel"};
    struct shape out = net->values[v];
    if (!is_image(&out) || out.dims[2] > 16) {
        return false;
    }
    struct shape four = {.rank = 1, .dims = {out.rank}};
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    float[%d] c%d = {1, 1", (int)four.dims[0], name);
    for (int i = 2; i < out.rank; i++) {
        int64_t factor = NET_ONE_OF(net, 1, 2, 2, 3);
        out.dims[i] *= factor;
        mopt__strbuf_printf(&net->constants, ", %d", (int)factor);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    if (net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out,
                  "Resize<mode=\"%s\", coordinate_transformation_mode=\"%s\">(v%d, _, c%d)",
                  modes[net_below(net, 4)], ways[net_below(net, 4)], v, name);
    return true;
}

static bool add_norm(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (!is_image(shape)) {
        return false;
    }
    struct shape channel = {.rank = 1, .dims = {shape->dims[1]}};
    int scale = net_weight(net, &channel, 1), shift = net_weight(net, &channel, 1);
    if (net_chance(net, 25)) {
        (void)net_add(net, shape, "InstanceNormalization(v%d, c%d, c%d)", v, scale, shift);
        return true;
    }
    int mean = net_weight(net, &channel, 1), var = net_constant(net, &channel, FILL_POSITIVE);
    (void)net_add(net, shape, "BatchNormalization(v%d, c%d, c%d, c%d, c%d)", v, scale, shift, mean,
                  var);
    return true;
}

// Functions, some of which have no native form, and gates.
static bool add_function(struct net *net, int v)
{
    static const char *const ops[] = {"Relu",     "Sigmoid",  "Tanh", "HardSwish", "LeakyRelu",
                                      "Selu",     "Softsign", "Neg",  "Abs",       "Erf",
                                      "Softplus", "Elu",      "Sin",  "Mish",      "Identity"};
    const struct shape shape = net->values[v];
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    if (net_chance(net, 15)) {
        int low = net_scalar(net, -0.5), high = net_scalar(net, 6);
        (void)net_add(net, &shape, "Clip(v%d, c%d, c%d)", v, low, high);
        return true;
    }
    int y = net_add(net, &shape, "%s(v%d)", op, v);
    if (net_chance(net, 25)) {
        bool turned = net_chance(net, 50);
        (void)net_add(net, &shape, "Mul(v%d, v%d)", turned ? y : v, turned ? v : y);
    }
    return true;
}

static bool same_shape(const struct shape *a, const struct shape *b, int axis)
{
    (void)axis;
    return net_same_dims(a, b);
}

static bool add_sum(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Add", "Add", "Mul", "Sub", "Max"};
    int other = net_pick_like(net, v, 0, same_shape);
    (void)net_add(net, &net->values[v], "%s(v%d, v%d)", ops[net_below(net, 6)], v, other);
    return true;
}

static bool add_channel_factor(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 3) {
        return false;
    }
    struct shape factor = {.rank = shape->rank, .dims = {1, shape->dims[1], 1, 1, 1}};
    if (net_chance(net, 60)) {
        factor = (struct shape){.rank = shape->rank - 1, .dims = {shape->dims[1], 1, 1, 1}};
    }
    int c = net_weight(net, &factor, 1);
    (void)net_add(net, shape, "%s(v%d, c%d)", net_chance(net, 50) ? "Mul" : "Add", v, c);
    return true;
}

// [N,C,H,W] as rows: [N,C,H*W], or turned to [N,H*W,C].
static bool add_rows(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || net_elements(&out) == 0) {
        return false;
    }
    const int64_t form[3] = {0, 0, -1};
    out = (struct shape){.rank = 3, .dims = {out.dims[0], out.dims[1], out.dims[2] * out.dims[3]}};
    int c = net_integers(net, form, 3);
    int y = net_add(net, &out, "Reshape(v%d, c%d)", v, c);
    if (net_chance(net, 50)) {
        out = (struct shape){.rank = 3, .dims = {out.dims[0], out.dims[2], out.dims[1]}};
        (void)net_add(net, &out, "Transpose<perm=[0, 2, 1]>(v%d)", y);
    }
    return true;
}

static bool add_flatten(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 2 || net_elements(&out) == 0) {
        return false;
    }
    out = (struct shape){.rank = 2, .dims = {out.dims[0], net_elements(&out) / out.dims[0]}};
    (void)net_add(net, &out, "Flatten(v%d)", v);
    return true;
}

static bool add_softmax(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 2 || net_elements(shape) == 0) {
        return false;
    }
    int axis = 1 + (int)net_below(net, shape->rank - 1);
    (void)net_add(net, shape, "%s<axis=%d>(v%d)", net_chance(net, 80) ? "Softmax" : "LogSoftmax",
                  axis, v);
    return true;
}

static bool add_common(struct net *net, int v)
{
    struct net_makers common = net_common_makers();
    return common.items[net_below(net, (int64_t)common.count)](net, v);
}

static const net_maker makers[] = {add_wide,   add_wide,    add_bottleneck,     add_bottleneck,
                                   add_twins,  add_twins,   add_late_join,      add_late_join,
                                   add_conv,   add_conv,    add_conv_1x1,       add_conv_1x1,
                                   add_block,  add_block,   add_block,          add_pool,
                                   add_pool,   add_split,   add_split,          add_concat,
                                   add_concat, add_concat,  add_slice,          add_pad,
                                   add_resize, add_norm,    add_function,       add_function,
                                   add_sum,    add_sum,     add_channel_factor, add_global_pool,
                                   add_rows,   add_flatten, add_softmax,        add_common,
                                   add_common};

struct net_makers net_image_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}
