// SPDX-License-Identifier: Apache-2.0
// Makers of nodes that move codes: joined, cut, in slices, padded, turned, viewed, several of them
// one after the other.
#include "property/net_codes.h"
#include "property/net_image.h"

enum { PARTS_MAX = 4 };

static void hide(struct net *net, int v)
{
    if (net->exact) {
        net->values[v].type = NET_HIDDEN;
    }
}

bool net_add_joined(struct net *net, int v)
{
    struct shape out = net->values[v];
    int parts[PARTS_MAX], count = 1 + (int)net_below(net, PARTS_MAX), constant = -1;
    if (out.rank <= net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    int axis = out.rank > 1 && net_chance(net, 60)
                   ? 1
                   : net->fixed_axes + (int)net_below(net, out.rank - net->fixed_axes);
    struct shape fixed = out;
    out.dims[axis] = 0;
    for (int i = 0; i < count; i++) {
        parts[i] = i == 0 ? v : net_pick_like(net, v, axis, net_joins);
        out.dims[axis] += net->values[parts[i]].dims[axis];
    }
    if (net->fixed_axes == 0 && net_chance(net, 25)) {
        fixed.dims[axis] = 1 + net_below(net, 3);
        out.dims[axis] += fixed.dims[axis];
    } else {
        fixed.rank = -1;
    }
    if (net_elements(&out) > ELEMENTS_MAX || (out.rank > 1 && out.dims[1] > CHANNELS_MAX)) {
        return false;
    }
    struct coded_weight coded = {.name = -1};
    if (fixed.rank >= 0 && net_chance(net, 40)) {
        coded = net_code_weight(net, fixed, -1, 1);
        coded.name = net_real_weight(net, coded, 0);
    } else if (fixed.rank >= 0) {
        constant = net_weight(net, &fixed, 1);
    }
    struct kept kept = net_chance(net, 50) ? net_codes_of(net, v) : net_choose_kept(net);
    net_line(net, "    v%d = Concat<axis=%d>(", net->count,
             net_chance(net, 30) ? axis - out.rank : axis);
    for (int i = 0; i < count; i++) {
        net_line(net, "%sv%d", i > 0 ? ", " : "", parts[i]);
    }
    if (fixed.rank >= 0) {
        net_line(net, constant >= 0 ? ", c%d" : ", d%d", constant >= 0 ? constant : coded.name);
    }
    net_line(net, ");\n");
    net_settle(net, net_result(net, &out), kept);
    return true;
}

bool net_add_cut(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    int axis = out.rank > 1 && net_chance(net, 60)
                   ? 1
                   : net->fixed_axes + (int)net_below(net, out.rank - net->fixed_axes);
    const int64_t whole = out.dims[axis];
    if (whole < 2) {
        return false;
    }
    const int64_t first =
        whole % 2 == 0 && net_chance(net, 60) ? whole / 2 : 1 + net_below(net, whole - 1);
    const int64_t sizes[2] = {first, whole - first};
    struct kept kept = net_codes_of(net, v);
    int c = net_integers(net, sizes, 2);
    net_line(net, "    v%d, v%d = Split<axis=%d>(v%d, c%d);\n", net->count, net->count + 1,
             net_chance(net, 30) ? axis - out.rank : axis, v, c);
    out.dims[axis] = sizes[0];
    int a = net_result(net, &out);
    out.dims[axis] = sizes[1];
    int b = net_result(net, &out);
    if (net_chance(net, 40)) { // joined again as they are, or the other way round
        out.dims[axis] = whole;
        bool turned = net_chance(net, 30);
        int y =
            net_add(net, &out, "Concat<axis=%d>(v%d, v%d)", axis, turned ? b : a, turned ? a : b);
        net_settle(net, y, net_chance(net, 50) ? kept : net_choose_kept(net));
    }
    net_settle(net, a, kept);
    net_settle(net, b, net_chance(net, 60) ? kept : net_choose_kept(net));
    return true;
}

// ---- One after the other ------------------------------------------------------------------------

static bool turn(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t perm[RANK_MAX] = {0, 1, 2, 3, 4};
    if (out.rank <= net->fixed_axes + 1) {
        return false;
    }
    for (int i = out.rank - 1; i > net->fixed_axes; i--) {
        int k = net->fixed_axes + (int)net_below(net, i + 1 - net->fixed_axes);
        int64_t old = perm[i];
        perm[i] = perm[k];
        perm[k] = old;
    }
    for (int i = 0; i < out.rank; i++) {
        out.dims[i] = net->values[v].dims[perm[i]];
    }
    net_line(net, "    v%d = Transpose<", net->count);
    net_ints_text(net, "perm", perm, out.rank);
    net_line(net, ">(v%d);\n", v);
    (void)net_result(net, &out);
    return true;
}

// Pixels in one row, or channels in two parts.
static bool view(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t target[4] = {0, 0, -1};
    int rank = 3;
    if (out.rank < 3 || out.rank > 4 || net_elements(&out) == 0) {
        return false;
    }
    if (out.dims[1] % 2 == 0 && net_chance(net, 40)) {
        target[1] = 2;
        target[2] = out.dims[1] / 2;
        target[3] = -1;
        rank = 4;
        out.dims[3] = net_elements(&out) / out.dims[0] / out.dims[1];
        out.dims[2] = target[2];
        out.dims[1] = 2;
    } else {
        out.dims[2] = net_elements(&out) / out.dims[0] / out.dims[1];
    }
    out.rank = rank;
    int c = net_integers(net, target, rank);
    (void)net_add(net, &out, "Reshape(v%d, c%d)", v, c);
    return true;
}

static bool twice(struct net *net, int v)
{
    struct shape out = net->values[v];
    out.dims[2] *= 2;
    if (out.rank != 3 || net_elements(&out) > ELEMENTS_MAX || net_elements(&out) == 0) {
        return false;
    }
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    float[3] c%d = {1, 1, 2};\n", name);
    (void)net_add(net, &out,
                  "Resize<mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\","
                  " nearest_mode=\"floor\">(v%d, _, c%d)",
                  v, name);
    return true;
}

static bool maximum(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 3 && out.rank != 4) {
        return false;
    }
    (void)net_window_kept(net, &out, v);
    (void)net_result(net, &out);
    return true;
}

static bool pick(struct net *net, int v)
{
    enum { PICKED_MAX = 4 };
    struct shape out = net->values[v];
    int64_t indices[PICKED_MAX];
    if (out.rank <= net->fixed_axes) {
        return false;
    }
    int axis = net->fixed_axes + (int)net_below(net, out.rank - net->fixed_axes);
    int count = 1 + (int)net_below(net, PICKED_MAX);
    for (int i = 0; i < count; i++) {
        indices[i] = net_below(net, 2 * out.dims[axis]) - out.dims[axis];
    }
    out.dims[axis] = count;
    if (net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out, "Gather<axis=%d>(v%d, c%d)", axis, v,
                  net_integers(net, indices, count));
    return true;
}

static bool repeat(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t repeats[RANK_MAX];
    for (int i = 0; i < out.rank; i++) {
        repeats[i] = i >= net->fixed_axes && net_chance(net, 30) ? 2 : 1;
        out.dims[i] *= repeats[i];
    }
    if (out.rank == 0 || net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out, "Tile(v%d, c%d)", v, net_integers(net, repeats, out.rank));
    return true;
}

bool net_add_moved(struct net *net, int v)
{
    static const net_maker moves[] = {turn,  turn,    view, net_add_slice, net_add_pad,
                                      twice, maximum, pick, repeat};
    struct kept kept = net_chance(net, 70) ? net_codes_of(net, v) : net_choose_kept(net);
    int y = v;
    if (net_elements(&net->values[v]) == 0) {
        return false;
    }
    for (int i = 1 + (int)net_below(net, 3); i > 0; i--) {
        const net_maker move = moves[net_below(net, (int64_t)MOPT_COUNTOF(moves))];
        if (!move(net, y)) {
            continue;
        }
        if (y != v) {
            hide(net, y);
        }
        y = net->count - 1;
    }
    if (y == v) {
        return false;
    }
    net_settle(net, y, kept);
    return true;
}
