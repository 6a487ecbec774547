// SPDX-License-Identifier: Apache-2.0
// Makers of nodes between DequantizeLinear and QuantizeLinear. In an exact network every number
// that a node sees is made of codes and becomes codes before anybody else sees it.
#include "property/net_codes.h"

enum { WEIGHT_ELEMENTS_MAX = 45000 };

// ---- Convolutions -------------------------------------------------------------------------------

bool net_choose_conv(struct net *net, int v, struct coded_conv *c)
{
    struct shape x = net->values[v];
    if (x.rank < 3 || x.rank > 4 || net_elements(&x) == 0) {
        return false;
    }
    *c = (struct coded_conv){.groups = 1, .kernel = NET_ONE_OF(net, 1, 1, 2, 3, 3, 3, 5)};
    c->groups = net_chance(net, 25) ? x.dims[1] : net_chance(net, 15) ? 2 : 1;
    c->groups = x.dims[1] % c->groups == 0 ? c->groups : 1;
    bool plain = net_chance(net, 60);
    c->stride = plain ? 1 : NET_ONE_OF(net, 1, 2, 3);
    c->dilation = plain ? 1 : NET_ONE_OF(net, 1, 2);
    c->pads[0] = plain ? c->kernel / 2 : net_below(net, c->kernel);
    c->pads[1] = plain ? (c->kernel - 1) / 2 : net_below(net, c->kernel);
    int64_t channels = c->groups > 1 ? c->groups * NET_ONE_OF(net, 1, 1, 2, 3)
                                     : NET_ONE_OF(net, 1, 3, 4, 8, 16, 17, 32, 33, 40, 65);
    c->weight = (struct shape){.rank = x.rank, .dims = {channels, x.dims[1] / c->groups}};
    c->out = x;
    c->out.dims[1] = channels;
    for (int i = 2; i < x.rank; i++) {
        int64_t room = x.dims[i] + c->pads[0] + c->pads[1] - c->dilation * (c->kernel - 1) - 1;
        c->weight.dims[i] = c->kernel;
        c->out.dims[i] = room / c->stride + 1;
        if (room < 0) {
            return false;
        }
    }
    return net_elements(&c->weight) <= WEIGHT_ELEMENTS_MAX &&
           net_elements(&c->out) <= ELEMENTS_MAX && channels <= 160;
}

void net_conv_attributes(struct net *net, const struct coded_conv *c)
{
    int axes = c->weight.rank - 2;
    const int64_t pads[4] = {c->pads[0], axes > 1 ? c->pads[0] : c->pads[1], c->pads[1],
                             c->pads[1]};
    const int64_t strides[2] = {c->stride, c->stride}, dilations[2] = {c->dilation, c->dilation};
    net_ints_text(net, "pads", pads, 2 * axes);
    net_line(net, ", ");
    net_ints_text(net, "strides", strides, axes);
    net_line(net, ", ");
    net_ints_text(net, "dilations", dilations, axes);
    net_line(net, ", group=%d", (int)c->groups);
}

static bool conv(struct net *net, int v, const struct coded_conv *c)
{
    struct mopt_strbuf bias = {0};
    int64_t channels = c->weight.dims[0];
    struct coded_weight w = net_code_weight(net, c->weight, 0, net_elements(&c->weight) / channels);
    int d = net_real_weight(net, w, 0);
    net_bias_text(net, channels, &bias);
    net_line(net, "    v%d = Conv<", net->count);
    net_conv_attributes(net, c);
    net_line(net, ">(v%d, d%d%s);\n", v, d, mopt__strbuf_text(&bias));
    mopt__strbuf_release(&bias);
    int y = net_result(net, &c->out);
    if (net_chance(net, 40)) {
        if (net->exact) {
            net->values[y].type = NET_HIDDEN;
        }
        y = net_add(net, &c->out, "Relu(v%d)", y);
    }
    return net_settle_new(net, y);
}

static bool add_conv(struct net *net, int v)
{
    struct coded_conv c;
    return net_choose_conv(net, v, &c) && conv(net, v, &c);
}

// Two convolutions with one weight, which differ in scales, dilations or borders.
static bool add_twin_convs(struct net *net, int v)
{
    struct coded_conv c;
    const int reuse = net->reuse;
    if (!net_choose_conv(net, v, &c) || !conv(net, v, &c)) {
        return false;
    }
    net->reuse = 100;
    if (net_chance(net, 60)) {
        int64_t more = c.kernel - 1; // one further apart, as far padded
        c.dilation++;
        c.pads[0] += more / 2;
        c.pads[1] += more - more / 2;
    }
    (void)conv(net, v, &c);
    net->reuse = reuse;
    return true;
}

// Two convolutions and the codes that went in, which nobody reads afterwards.
static bool add_bottleneck(struct net *net, int v)
{
    const struct shape from = net->values[v];
    struct coded_conv c;
    if (!net_choose_conv(net, v, &c) || c.groups > 1) {
        return false;
    }
    c.stride = c.dilation = 1;
    c.kernel = net_chance(net, 50) ? 1 : 3;
    c.pads[0] = c.pads[1] = c.kernel / 2;
    for (int i = 2; i < from.rank; i++) {
        c.weight.dims[i] = c.kernel;
        c.out.dims[i] = from.dims[i];
    }
    if (net_elements(&c.out) > ELEMENTS_MAX || !conv(net, v, &c)) {
        return false;
    }
    int y = net->count - 1;
    if (net->values[y].type != NET_FLOAT || net->values[y].dims[1] != c.weight.dims[0]) {
        return true;
    }
    c.weight.dims[1] = c.weight.dims[0];
    c.weight.dims[0] = from.dims[1];
    c.out.dims[1] = from.dims[1];
    (void)conv(net, y, &c);
    y = net->count - 1;
    if (!net_same_dims(&from, &net->values[y])) {
        return true;
    }
    bool turned = net_chance(net, 50);
    return net_settle_new(net,
                          net_add(net, &from, "Add(v%d, v%d)", turned ? v : y, turned ? y : v));
}

// ---- Products -----------------------------------------------------------------------------------

static bool dense(struct net *net, int v, int64_t n)
{
    struct shape out = net->values[v];
    int64_t k = out.dims[out.rank - 1];
    bool gemm = out.rank == 2 && net_chance(net, 50), turned = gemm && net_chance(net, 60);
    struct shape weight = {.rank = 2, .dims = {turned ? n : k, turned ? k : n}};
    int axis = turned ? 0 : 1;
    // Scales along the other axis are legal, too.
    bool other = !net->exact && net_chance(net, 15);
    struct coded_weight w = net_code_weight(net, weight, other ? 1 - axis : axis, k);
    int d = net_real_weight(net, w, other ? 1 - axis : axis);
    struct mopt_strbuf bias = {0};
    out.dims[out.rank - 1] = n;
    net_bias_text(net, n, &bias);
    int y;
    if (gemm) {
        y = net_add(net, &out, "Gemm<transB=%d>(v%d, d%d%s)", turned, v, d,
                    mopt__strbuf_text(&bias));
    } else {
        y = net_add(net, &out, "MatMul(v%d, d%d)", v, d);
        if (bias.length > 0) {
            if (net->exact) {
                net->values[y].type = NET_HIDDEN;
            }
            y = net_add(net, &out, "Add(v%d%s)", y, mopt__strbuf_text(&bias));
        }
    }
    mopt__strbuf_release(&bias);
    return net_settle_new(net, y);
}

static bool has_rows(const struct shape *shape)
{
    return shape->rank >= 2 && net_elements(shape) > 0 && shape->dims[shape->rank - 1] <= 300;
}

static bool add_dense(struct net *net, int v)
{
    return has_rows(&net->values[v]) && dense(net, v, NET_ONE_OF(net, 1, 5, 8, 16, 17, 24, 33, 65));
}

// Two products with one weight, with other scales, along the other axis, or turned.
static bool add_twin_products(struct net *net, int v)
{
    const int reuse = net->reuse;
    const struct shape shape = net->values[v];
    if (!has_rows(&shape)) {
        return false;
    }
    const int64_t k = shape.dims[shape.rank - 1];
    struct shape square = {.rank = 2, .dims = {k, k}};
    if (!net->exact && net_chance(net, 50)) { // the same scales along both axes
        struct coded_weight w = net_code_weight(net, square, 0, k);
        for (int axis = 0; axis < 2; axis++) {
            int d = net_real_weight(net, w, axis);
            (void)net_settle_new(net, net_add(net, &shape, "MatMul(v%d, d%d)", v, d));
        }
        return true;
    }
    int64_t n = net_chance(net, 60) ? k : NET_ONE_OF(net, 1, 8, 17, 33);
    (void)dense(net, v, n);
    net->reuse = 100;
    (void)dense(net, v, n);
    net->reuse = reuse;
    return true;
}

// ---- What passes codes on -----------------------------------------------------------------------

bool net_window_kept(struct net *net, const struct shape *x, int v)
{
    int axes = x->rank - 2;
    const int64_t kernel[2] = {3, 3}, pads[4] = {1, 1, 1, 1};
    net_line(net, "    v%d = MaxPool<", net->count);
    net_ints_text(net, "kernel_shape", kernel, axes);
    net_line(net, ", ");
    net_ints_text(net, "pads", pads, 2 * axes);
    net_line(net, ">(v%d);\n", v);
    return true;
}

static bool add_passing(struct net *net, int v)
{
    struct shape out = net->values[v];
    struct kept kept = net_chance(net, 80) ? net_codes_of(net, v) : net_choose_kept(net);
    bool image = out.rank == 3 || out.rank == 4;
    int y;
    if (net_elements(&out) == 0 || out.rank < 2) {
        return false;
    }
    if (image && net_chance(net, 40)) {
        (void)net_window_kept(net, &out, v);
        y = net_result(net, &out);
    } else if (out.rank == 4 && out.dims[2] < 10 && out.dims[3] < 12 && net_chance(net, 60)) {
        int name = net->names++;
        mopt__strbuf_printf(&net->constants, "    float[4] c%d = {1, 1, 2, 2};\n", name);
        out.dims[2] *= 2;
        out.dims[3] *= 2;
        if (net_elements(&out) > ELEMENTS_MAX) {
            return false;
        }
        y = net_add(net, &out,
                    "Resize<mode=\"nearest\", coordinate_transformation_mode=\"%s\","
                    " nearest_mode=\"floor\">(v%d, _, c%d)",
                    net_chance(net, 50) ? "asymmetric" : "half_pixel", v, name);
    } else if (net_chance(net, 50)) {
        out = (struct shape){.rank = 2, .dims = {out.dims[0], net_elements(&out) / out.dims[0]}};
        y = net_add(net, &out, "Flatten(v%d)", v);
    } else {
        int64_t perm[RANK_MAX] = {0, 1, 2, 3, 4};
        int last = out.rank - 1, from = net->fixed_axes + (out.rank > 2 ? 1 - net->fixed_axes : 0);
        perm[from] = last;
        perm[last] = from;
        out.dims[from] = net->values[v].dims[last];
        out.dims[last] = net->values[v].dims[from];
        net_line(net, "    v%d = Transpose<", net->count);
        net_ints_text(net, "perm", perm, out.rank);
        net_line(net, ">(v%d);\n", v);
        y = net_result(net, &out);
    }
    net_settle(net, y, kept);
    return true;
}

static bool add_mean(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || net_elements(&out) == 0) {
        return false;
    }
    if (net_chance(net, 40) && out.dims[2] > 1 && out.dims[3] > 1) {
        out.dims[2] /= 2;
        out.dims[3] /= 2;
        return net_settle_new(net,
                              net_add(net, &out,
                                      "AveragePool<kernel_shape=[2, 2], strides=[2, 2]>(v%d)", v));
    }
    out.dims[2] = out.dims[3] = 1;
    return net_settle_new(net, net_add(net, &out, "GlobalAveragePool(v%d)", v));
}

bool net_joins(const struct shape *a, const struct shape *b, int axis)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = i == axis || a->dims[i] == b->dims[i];
    }
    return same;
}

// ---- Functions and sums -------------------------------------------------------------------------

static bool add_functions(struct net *net, int v)
{
    static const char *const ops[] = {"Sigmoid",     "Tanh", "HardSwish", "LeakyRelu", "Relu",
                                      "HardSigmoid", "Neg",  "Abs",       "Elu",       "Sqrt"};
    const struct shape shape = net->values[v];
    int y = v;
    for (int i = 1 + (int)net_below(net, 3); i > 0; i--) {
        int x = y;
        const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops) - 1)];
        y = net_add(net, &shape, "%s(v%d)", op, x);
        if (net_chance(net, 30)) {
            if (net->exact) {
                net->values[y].type = NET_HIDDEN;
            }
            y = net_add(net, &shape, "Mul(v%d, v%d)", y, x);
        }
        if (net->exact && i > 1) {
            net->values[y].type = NET_HIDDEN;
        }
    }
    return net_settle_new(net, y);
}

bool net_like(const struct shape *a, const struct shape *b, int axis)
{
    (void)axis;
    return net_same_dims(a, b);
}

static bool add_sum(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Add", "Mul", "Sub", "Max"};
    int other = net_pick_like(net, v, 0, net_like);
    const struct shape shape = net->values[v];
    int y = net_add(net, &shape, "%s(v%d, v%d)", ops[net_below(net, 5)], v, other);
    if (net_chance(net, 30)) {
        if (net->exact) {
            net->values[y].type = NET_HIDDEN;
        }
        y = net_add(net, &shape, "Relu(v%d)", y);
    }
    return net_settle_new(net, y);
}

// Times a gate of its own channels: means, or a function of them.
static bool add_gate(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    struct shape channels = shape;
    if (shape.rank != 4 || net_elements(&shape) == 0) {
        return false;
    }
    channels.dims[2] = channels.dims[3] = 1;
    (void)net_settle_new(net, net_add(net, &channels, "GlobalAveragePool(v%d)", v));
    int gate = net->count - 1;
    if (net_chance(net, 50) && net->values[gate].type == NET_FLOAT) {
        (void)net_settle_new(net, net_add(net, &channels, "%s(v%d)",
                                          net_chance(net, 60) ? "Sigmoid" : "HardSigmoid", gate));
        gate = net->count - 1;
    }
    if (net->values[gate].type != NET_FLOAT || !net_same_dims(&channels, &net->values[gate])) {
        return true;
    }
    bool first = net_chance(net, 50);
    return net_settle_new(net, net_add(net, &shape, "Mul(v%d, v%d)", first ? gate : v,
                                       first ? v : gate));
}

// With a constant, real or coded, of one number or per channel.
static bool add_factor(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    const char *op = net_chance(net, 50) ? "Mul" : "Add";
    if (shape.rank == 4 && net_chance(net, 50)) {
        struct shape factor = {.rank = 3, .dims = {shape.dims[1], 1, 1}};
        int c = net_weight(net, &factor, 1);
        return net_settle_new(net, net_add(net, &shape, "%s(v%d, c%d)", op, v, c));
    }
    struct kept kept = net_choose_kept(net);
    struct shape none = {.rank = 0, .type = kept.type};
    int c = net_constant(net, &none, FILL_RANDOM), name = net->names++;
    net_line(net, "    d%d = DequantizeLinear(", name);
    net_codes_text(net, 'c', c, kept.codes);
    net_line(net, ");\n");
    return net_settle_new(net, net_add(net, &shape, "%s(v%d, d%d)", op, v, name));
}

// Nodes on the codes themselves.
static bool add_integer(struct net *net, int v)
{
    struct net_makers makers = net_integer_makers();
    return makers.items[net_below(net, (int64_t)makers.count)](net, v);
}

// Floats between codes.
static bool add_float(struct net *net, int v)
{
    struct net_makers makers = net_chance(net, 50) ? net_image_makers() : net_common_makers();
    return !net->exact && makers.items[net_below(net, (int64_t)makers.count)](net, v);
}

// Codes of whatever floats there are.
static bool add_codes(struct net *net, int v)
{
    struct kept kept = net_choose_kept(net);
    (void)net_dequantize(net, net_quantize(net, v, kept.type, kept.codes));
    return true;
}

static const net_maker makers[] = {
    add_bottleneck,    add_bottleneck, add_twin_convs, add_twin_convs, add_twin_products,
    add_twin_products, add_conv,       add_conv,       add_conv,       add_conv,
    add_dense,         add_dense,      add_passing,    add_passing,    add_passing,
    add_mean,          net_add_joined, net_add_joined, net_add_cut,    net_add_moved,
    net_add_moved,     add_functions,  add_functions,  add_sum,        add_sum,
    add_factor,        add_gate,       add_gate,       add_integer,    add_integer,
    add_integer,       add_integer,    add_integer,    add_integer,    add_float,
    add_codes};

struct net_makers net_codes_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}
