// SPDX-License-Identifier: Apache-2.0
// Makers of common nodes, which passes and the executor know well.
#include "property/net.h"

static bool add_unary(struct net *net, int v)
{
    static const char *const ops[] = {"Relu",     "Sigmoid", "Tanh", "Neg",      "Abs",
                                      "Identity", "Dropout", "Relu", "Identity", "HardSwish"};
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    mopt__strbuf_printf(&net->body, "    v%d = %s(v%d);\n", net->count, op, v);
    (void)net_result(net, &net->values[v]);
    return true;
}

static bool add_binary(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Mul", "Sub", "Add", "Max"};
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    const struct shape *shape = &net->values[v];
    int other = (int)net_below(net, net->count);
    if (net_chance(net, 40) && net_same_dims(shape, &net->values[other])) {
        mopt__strbuf_printf(&net->body, "    v%d = %s(v%d, v%d);\n", net->count, op, v, other);
        (void)net_result(net, shape);
        return true;
    }
    struct shape small = {.rank = 0};
    if (shape->rank == 4 && net_chance(net, 60)) {
        small = (struct shape){.rank = 3, .dims = {shape->dims[1], 1, 1}};
    } else if (shape->rank > 0 && net_chance(net, 50)) {
        small = (struct shape){.rank = 1, .dims = {shape->dims[shape->rank - 1]}};
    }
    enum fill fill = (enum fill)net_below(net, 4);
    int c = net_constant(net, &small, fill);
    bool turned = net_chance(net, 30);
    mopt__strbuf_printf(&net->body,
                        turned ? "    v%d = %s(c%d, v%d);\n" : "    v%d = %s(v%d, c%d);\n",
                        net->count, op, turned ? c : v, turned ? v : c);
    (void)net_result(net, shape);
    return true;
}

static bool add_conv(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || out.dims[2] < 3 || out.dims[3] < 3) {
        return false;
    }
    int64_t kernel = net_chance(net, 50) ? 3 : 1;
    int64_t pad = kernel == 3 && net_chance(net, 60) ? 1 : 0;
    int64_t stride = net_chance(net, 25) ? 2 : 1;
    int64_t channels = out.dims[1];
    bool depthwise = net_chance(net, 30);
    struct shape weight = {.rank = 4,
                           .dims = {depthwise ? channels : 1 + net_below(net, 6),
                                    depthwise ? 1 : channels, kernel, kernel}};
    struct shape bias = {.rank = 1, .dims = {weight.dims[0]}};
    int w = net_constant(net, &weight, FILL_RANDOM);
    mopt__strbuf_printf(
        &net->body, "    v%d = Conv<pads=[%d, %d, %d, %d], strides=[%d, %d], group=%d>(v%d, c%d",
        net->count, (int)pad, (int)pad, (int)pad, (int)pad, (int)stride, (int)stride,
        depthwise ? (int)channels : 1, v, w);
    if (net_chance(net, 50)) {
        mopt__strbuf_printf(&net->body, ", c%d", net_constant(net, &bias, FILL_RANDOM));
    }
    mopt__strbuf_add(&net->body, ");\n");
    out.dims[1] = weight.dims[0];
    for (int i = 2; i < 4; i++) {
        out.dims[i] = (out.dims[i] + 2 * pad - kernel) / stride + 1;
    }
    (void)net_result(net, &out);
    return true;
}

static bool add_batch_norm(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 2) {
        return false;
    }
    struct shape channel = {.rank = 1, .dims = {shape->dims[1]}};
    int scale = net_constant(net, &channel, FILL_RANDOM);
    int shift = net_constant(net, &channel, FILL_RANDOM);
    int mean = net_constant(net, &channel, FILL_RANDOM);
    int var = net_constant(net, &channel, FILL_POSITIVE);
    mopt__strbuf_printf(&net->body, "    v%d = BatchNormalization(v%d, c%d, c%d, c%d, c%d);\n",
                        net->count, v, scale, shift, mean, var);
    (void)net_result(net, shape);
    return true;
}

static bool add_pool(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || out.dims[2] < 2 || out.dims[3] < 2) {
        return false;
    }
    if (net_chance(net, 20)) {
        out.dims[2] = out.dims[3] = 1;
        mopt__strbuf_printf(&net->body, "    v%d = GlobalAveragePool(v%d);\n", net->count, v);
    } else {
        out.dims[2] /= 2;
        out.dims[3] /= 2;
        mopt__strbuf_printf(&net->body, "    v%d = %s<kernel_shape=[2, 2], strides=[2, 2]>(v%d);\n",
                            net->count, net_chance(net, 50) ? "MaxPool" : "AveragePool", v);
    }
    (void)net_result(net, &out);
    return true;
}

static bool add_pad(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t pads[2 * RANK_MAX] = {0};
    if (out.rank < 2) {
        return false;
    }
    for (int i = out.rank - 2; i < out.rank && net_chance(net, 80); i++) {
        pads[i] = net_below(net, 2);
        pads[i + out.rank] = net_below(net, 2);
        out.dims[i] += pads[i] + pads[i + out.rank];
    }
    int c = net_integers(net, pads, 2 * out.rank);
    mopt__strbuf_printf(&net->body, "    v%d = Pad(v%d, c%d);\n", net->count, v, c);
    (void)net_result(net, &out);
    return true;
}

static bool add_transpose(struct net *net, int v)
{
    struct shape out = net->values[v];
    int perm[RANK_MAX];
    if (out.rank < 1) {
        return false; // the text of a model has no empty lists
    }
    for (int i = 0; i < out.rank; i++) {
        perm[i] = i;
    }
    for (int i = out.rank - 1; i > net->fixed_axes; i--) {
        int k = net->fixed_axes + (int)net_below(net, i + 1 - net->fixed_axes);
        int kept = perm[i];
        perm[i] = perm[k];
        perm[k] = kept;
    }
    mopt__strbuf_printf(&net->body, "    v%d = Transpose<perm=[", net->count);
    for (int i = 0; i < out.rank; i++) {
        out.dims[i] = net->values[v].dims[perm[i]];
        mopt__strbuf_printf(&net->body, "%s%d", i > 0 ? ", " : "", perm[i]);
    }
    mopt__strbuf_printf(&net->body, "]>(v%d);\n", v);
    (void)net_result(net, &out);
    return true;
}

// Flattening, by a constant shape or by one that is computed from the input's.
static bool add_reshape(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    int64_t last = -1, zero = 0;
    if (shape->rank < 1 || net_elements(shape) == 0) {
        return false;
    }
    struct shape out = {.rank = 2, .dims = {shape->dims[0], net_elements(shape) / shape->dims[0]}};
    int minus = net_integers(net, &last, 1);
    int n = net->names++;
    if (net_chance(net, 50)) {
        int first = net_integers(net, &zero, 1);
        mopt__strbuf_printf(&net->body,
                            "    s%d = Shape(v%d);\n    g%d = Gather<axis=0>(s%d, c%d);\n"
                            "    t%d = Concat<axis=0>(g%d, c%d);\n",
                            n, v, n, n, first, n, n, minus);
        mopt__strbuf_printf(&net->body, "    v%d = Reshape(v%d, t%d);\n", net->count, v, n);
    } else {
        const int64_t target[2] = {net->fixed_axes > 0 ? 0 : out.dims[0], -1};
        mopt__strbuf_printf(&net->body, "    v%d = Reshape(v%d, c%d);\n", net->count, v,
                            net_integers(net, target, 2));
    }
    (void)net_result(net, &out);
    return true;
}

static bool add_matmul(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 2) {
        return false;
    }
    struct shape weight = {.rank = 2, .dims = {out.dims[out.rank - 1], 1 + net_below(net, 8)}};
    if (weight.dims[0] > 256) {
        return false;
    }
    int w = net_constant(net, &weight, FILL_RANDOM);
    out.dims[out.rank - 1] = weight.dims[1];
    struct shape bias = {.rank = 1, .dims = {weight.dims[1]}};
    if (out.rank == 2 && net_chance(net, 30)) {
        mopt__strbuf_printf(&net->body, "    v%d = Gemm(v%d, c%d, c%d);\n", net->count, v, w,
                            net_constant(net, &bias, FILL_RANDOM));
        (void)net_result(net, &out);
        return true;
    }
    mopt__strbuf_printf(&net->body, "    v%d = MatMul(v%d, c%d);\n", net->count, v, w);
    int product = net_result(net, &out);
    if (net_chance(net, 60)) {
        mopt__strbuf_printf(&net->body, "    v%d = Add(v%d, c%d);\n", net->count, product,
                            net_constant(net, &bias, FILL_RANDOM));
        (void)net_result(net, &out);
    }
    return true;
}

static bool add_concat(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes) {
        return false;
    }
    int axis = net->fixed_axes + (int)net_below(net, out.rank - net->fixed_axes);
    int copies = net_chance(net, 30) ? 1 : 2;
    if (net_elements(&out) * copies > ELEMENTS_MAX) {
        return false;
    }
    out.dims[axis] *= copies;
    mopt__strbuf_printf(&net->body, "    v%d = Concat<axis=%d>(v%d%s", net->count, axis, v,
                        copies == 2 ? ", " : "");
    mopt__strbuf_printf(&net->body, copies == 2 ? "v%d);\n" : ");\n", v);
    (void)net_result(net, &out);
    return true;
}

static bool add_slice(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    int64_t axis = net->fixed_axes + net_below(net, out.rank - net->fixed_axes), one = 1;
    int64_t start = net_chance(net, 40) ? 0 : net_below(net, out.dims[axis]);
    int64_t end =
        net_chance(net, 40) ? INT64_MAX : start + 1 + net_below(net, out.dims[axis] - start);
    int starts = net_integers(net, &start, 1), ends = net_integers(net, &end, 1);
    int axes = net_integers(net, &axis, 1), steps = net_integers(net, &one, 1);
    out.dims[axis] = (end < out.dims[axis] ? end : out.dims[axis]) - start;
    mopt__strbuf_printf(&net->body, "    v%d = Slice(v%d, c%d, c%d, c%d, c%d);\n", net->count, v,
                        starts, ends, axes, steps);
    (void)net_result(net, &out);
    return true;
}

static bool add_softmax(struct net *net, int v)
{
    if (net->values[v].rank < 1) {
        return false;
    }
    mopt__strbuf_printf(&net->body, "    v%d = Softmax<axis=-1>(v%d);\n", net->count, v);
    (void)net_result(net, &net->values[v]);
    return true;
}

static bool add_cast(struct net *net, int v)
{
    if (net_chance(net, 50)) {
        mopt__strbuf_printf(&net->body, "    v%d = Cast<to=1>(v%d);\n", net->count, v);
    } else {
        int n = net->names++;
        mopt__strbuf_printf(&net->body, "    d%d = Cast<to=11>(v%d);\n    v%d = Cast<to=1>(d%d);\n",
                            n, v, net->count, n);
    }
    (void)net_result(net, &net->values[v]);
    return true;
}

static bool add_unsqueeze(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t zero = 0;
    if (out.rank < 1 || out.rank >= RANK_MAX) {
        return false;
    }
    int axes = net_integers(net, &zero, 1);
    int n = net->names++;
    mopt__strbuf_printf(&net->body, "    u%d = Unsqueeze(v%d, c%d);\n", n, v, axes);
    mopt__strbuf_printf(&net->body, "    v%d = Squeeze(u%d, c%d);\n", net->count, n, axes);
    (void)net_result(net, &out);
    return true;
}

// The same node once more, for common subexpressions; or one nobody needs.
static bool add_twin(struct net *net, int v)
{
    int first = net->count;
    mopt__strbuf_printf(&net->body, "    v%d = Relu(v%d);\n    v%d = Relu(v%d);\n", first, v,
                        first + 1, v);
    (void)net_result(net, &net->values[v]);
    (void)net_result(net, &net->values[v]);
    mopt__strbuf_printf(&net->body, "    v%d = Add(v%d, v%d);\n", net->count, first, first + 1);
    (void)net_result(net, &net->values[v]);
    return true;
}

static const net_maker makers[] = {add_unary,      add_unary,      add_binary,  add_binary,
                                   add_binary,     add_conv,       add_conv,    add_conv,
                                   add_batch_norm, add_batch_norm, add_pool,    add_pad,
                                   add_transpose,  add_transpose,  add_reshape, add_matmul,
                                   add_matmul,     add_concat,     add_slice,   add_softmax,
                                   add_cast,       add_unsqueeze,  add_twin};

struct net_makers net_common_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}
