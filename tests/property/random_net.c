// SPDX-License-Identifier: Apache-2.0
// See random_net.h.
#include "property/random_net.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/size.h"

enum { VALUES_MAX = 256, RANK_MAX = 5, ELEMENTS_MAX = 20000 };

struct shape {
    int rank;
    int64_t dims[RANK_MAX];
};

struct net {
    struct mopt_rng rng;
    struct mopt_strbuf constants, body;
    struct shape values[VALUES_MAX]; // float values v0, v1, ...
    int count;
    int names; // of constants and helpers
};

static int64_t below(struct net *net, int64_t bound)
{
    return (int64_t)mopt__rng_below(&net->rng, (uint64_t)bound);
}

static bool chance(struct net *net, int percent)
{
    return below(net, 100) < percent;
}

static int64_t elements(const struct shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= shape->dims[i];
    }
    return count;
}

// Enters the result of the next node; the caller writes the node.
static int result(struct net *net, const struct shape *shape)
{
    net->values[net->count] = *shape;
    return net->count++;
}

// ---- Constants ----------------------------------------------------------------------------------

enum fill { FILL_RANDOM, FILL_POSITIVE, FILL_ZERO, FILL_ONE };

static void dims_text(struct mopt_strbuf *out, const struct shape *shape)
{
    for (int i = 0; i < shape->rank; i++) {
        mopt__strbuf_printf(out, "%s%lld", i > 0 ? "," : "[", (long long)shape->dims[i]);
    }
    mopt__strbuf_add(out, shape->rank > 0 ? "]" : "");
}

static int constant(struct net *net, const struct shape *shape, enum fill fill)
{
    int name = net->names++;
    mopt__strbuf_add(&net->constants, "    float");
    dims_text(&net->constants, shape);
    mopt__strbuf_printf(&net->constants, " c%d = {", name);
    for (int64_t i = 0; i < elements(shape); i++) {
        // Multiples of 1/64: exact in every float type, so that equal ones are found to be equal.
        int64_t k = fill == FILL_RANDOM     ? below(net, 129) - 64
                    : fill == FILL_POSITIVE ? 1 + below(net, 96)
                    : fill == FILL_ONE      ? 64
                                            : 0;
        mopt__strbuf_printf(&net->constants, "%s%g", i > 0 ? ", " : "", (double)k / 64);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

static int integers(struct net *net, const int64_t *values, int count)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    int64[%d] c%d = {", count, name);
    for (int i = 0; i < count; i++) {
        mopt__strbuf_printf(&net->constants, "%s%lld", i > 0 ? ", " : "", (long long)values[i]);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

// ---- Nodes: each takes value v and adds one node or a few; false when v is not of its kind ------

static bool add_unary(struct net *net, int v)
{
    static const char *const ops[] = {"Relu",     "Sigmoid", "Tanh", "Neg",      "Abs",
                                      "Identity", "Dropout", "Relu", "Identity", "HardSwish"};
    const char *op = ops[below(net, (int64_t)MOPT_COUNTOF(ops))];
    mopt__strbuf_printf(&net->body, "    v%d = %s(v%d);\n", net->count, op, v);
    (void)result(net, &net->values[v]);
    return true;
}

static bool add_binary(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Mul", "Sub", "Add", "Max"};
    const char *op = ops[below(net, (int64_t)MOPT_COUNTOF(ops))];
    const struct shape *shape = &net->values[v];
    int other = (int)below(net, net->count);
    if (chance(net, 40) && net->values[other].rank == shape->rank) {
        bool same = true;
        for (int i = 0; i < shape->rank; i++) {
            same = same && net->values[other].dims[i] == shape->dims[i];
        }
        if (same) {
            mopt__strbuf_printf(&net->body, "    v%d = %s(v%d, v%d);\n", net->count, op, v, other);
            (void)result(net, shape);
            return true;
        }
    }
    struct shape small = {.rank = 0};
    if (shape->rank == 4 && chance(net, 60)) {
        small = (struct shape){.rank = 3, .dims = {shape->dims[1], 1, 1}};
    } else if (shape->rank > 0 && chance(net, 50)) {
        small = (struct shape){.rank = 1, .dims = {shape->dims[shape->rank - 1]}};
    }
    enum fill fill = (enum fill)below(net, 4);
    int c = constant(net, &small, fill);
    bool turned = chance(net, 30);
    mopt__strbuf_printf(&net->body,
                        turned ? "    v%d = %s(c%d, v%d);\n" : "    v%d = %s(v%d, c%d);\n",
                        net->count, op, turned ? c : v, turned ? v : c);
    (void)result(net, shape);
    return true;
}

static bool add_conv(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || out.dims[2] < 3 || out.dims[3] < 3) {
        return false;
    }
    int64_t kernel = chance(net, 50) ? 3 : 1;
    int64_t pad = kernel == 3 && chance(net, 60) ? 1 : 0;
    int64_t stride = chance(net, 25) ? 2 : 1;
    int64_t channels = out.dims[1];
    bool depthwise = chance(net, 30);
    struct shape weight = {.rank = 4,
                           .dims = {depthwise ? channels : 1 + below(net, 6),
                                    depthwise ? 1 : channels, kernel, kernel}};
    struct shape bias = {.rank = 1, .dims = {weight.dims[0]}};
    int w = constant(net, &weight, FILL_RANDOM);
    mopt__strbuf_printf(
        &net->body, "    v%d = Conv<pads=[%d, %d, %d, %d], strides=[%d, %d], group=%d>(v%d, c%d",
        net->count, (int)pad, (int)pad, (int)pad, (int)pad, (int)stride, (int)stride,
        depthwise ? (int)channels : 1, v, w);
    if (chance(net, 50)) {
        mopt__strbuf_printf(&net->body, ", c%d", constant(net, &bias, FILL_RANDOM));
    }
    mopt__strbuf_add(&net->body, ");\n");
    out.dims[1] = weight.dims[0];
    for (int i = 2; i < 4; i++) {
        out.dims[i] = (out.dims[i] + 2 * pad - kernel) / stride + 1;
    }
    (void)result(net, &out);
    return true;
}

static bool add_batch_norm(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 2) {
        return false;
    }
    struct shape channel = {.rank = 1, .dims = {shape->dims[1]}};
    int scale = constant(net, &channel, FILL_RANDOM);
    int shift = constant(net, &channel, FILL_RANDOM);
    int mean = constant(net, &channel, FILL_RANDOM);
    int var = constant(net, &channel, FILL_POSITIVE);
    mopt__strbuf_printf(&net->body, "    v%d = BatchNormalization(v%d, c%d, c%d, c%d, c%d);\n",
                        net->count, v, scale, shift, mean, var);
    (void)result(net, shape);
    return true;
}

static bool add_pool(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || out.dims[2] < 2 || out.dims[3] < 2) {
        return false;
    }
    if (chance(net, 20)) {
        out.dims[2] = out.dims[3] = 1;
        mopt__strbuf_printf(&net->body, "    v%d = GlobalAveragePool(v%d);\n", net->count, v);
    } else {
        out.dims[2] /= 2;
        out.dims[3] /= 2;
        mopt__strbuf_printf(&net->body, "    v%d = %s<kernel_shape=[2, 2], strides=[2, 2]>(v%d);\n",
                            net->count, chance(net, 50) ? "MaxPool" : "AveragePool", v);
    }
    (void)result(net, &out);
    return true;
}

static bool add_pad(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t pads[2 * RANK_MAX] = {0};
    if (out.rank < 2) {
        return false;
    }
    for (int i = out.rank - 2; i < out.rank && chance(net, 80); i++) {
        pads[i] = below(net, 2);
        pads[i + out.rank] = below(net, 2);
        out.dims[i] += pads[i] + pads[i + out.rank];
    }
    int c = integers(net, pads, 2 * out.rank);
    mopt__strbuf_printf(&net->body, "    v%d = Pad(v%d, c%d);\n", net->count, v, c);
    (void)result(net, &out);
    return true;
}

static bool add_transpose(struct net *net, int v)
{
    struct shape out = net->values[v];
    int perm[RANK_MAX];
    for (int i = 0; i < out.rank; i++) {
        perm[i] = i;
    }
    for (int i = out.rank - 1; i > 0; i--) {
        int k = (int)below(net, i + 1);
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
    (void)result(net, &out);
    return out.rank > 0;
}

// Flattening, by a constant shape or by one that is computed from the input's.
static bool add_reshape(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    int64_t last = -1, zero = 0;
    if (shape->rank < 1) {
        return false;
    }
    struct shape out = {.rank = 2, .dims = {shape->dims[0], elements(shape) / shape->dims[0]}};
    int minus = integers(net, &last, 1);
    int n = net->names++;
    if (chance(net, 50)) {
        int first = integers(net, &zero, 1);
        mopt__strbuf_printf(&net->body,
                            "    s%d = Shape(v%d);\n    g%d = Gather<axis=0>(s%d, c%d);\n"
                            "    t%d = Concat<axis=0>(g%d, c%d);\n",
                            n, v, n, n, first, n, n, minus);
        mopt__strbuf_printf(&net->body, "    v%d = Reshape(v%d, t%d);\n", net->count, v, n);
    } else {
        const int64_t target[2] = {out.dims[0], -1};
        mopt__strbuf_printf(&net->body, "    v%d = Reshape(v%d, c%d);\n", net->count, v,
                            integers(net, target, 2));
    }
    (void)result(net, &out);
    return true;
}

static bool add_matmul(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 2) {
        return false;
    }
    struct shape weight = {.rank = 2, .dims = {out.dims[out.rank - 1], 1 + below(net, 8)}};
    if (weight.dims[0] > 256) {
        return false;
    }
    int w = constant(net, &weight, FILL_RANDOM);
    out.dims[out.rank - 1] = weight.dims[1];
    struct shape bias = {.rank = 1, .dims = {weight.dims[1]}};
    if (out.rank == 2 && chance(net, 30)) {
        mopt__strbuf_printf(&net->body, "    v%d = Gemm(v%d, c%d, c%d);\n", net->count, v, w,
                            constant(net, &bias, FILL_RANDOM));
        (void)result(net, &out);
        return true;
    }
    mopt__strbuf_printf(&net->body, "    v%d = MatMul(v%d, c%d);\n", net->count, v, w);
    int product = result(net, &out);
    if (chance(net, 60)) {
        mopt__strbuf_printf(&net->body, "    v%d = Add(v%d, c%d);\n", net->count, product,
                            constant(net, &bias, FILL_RANDOM));
        (void)result(net, &out);
    }
    return true;
}

static bool add_concat(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 1) {
        return false;
    }
    int axis = (int)below(net, out.rank);
    int copies = chance(net, 30) ? 1 : 2;
    if (elements(&out) * copies > ELEMENTS_MAX) {
        return false;
    }
    out.dims[axis] *= copies;
    mopt__strbuf_printf(&net->body, "    v%d = Concat<axis=%d>(v%d%s", net->count, axis, v,
                        copies == 2 ? ", " : "");
    mopt__strbuf_printf(&net->body, copies == 2 ? "v%d);\n" : ");\n", v);
    (void)result(net, &out);
    return true;
}

static bool add_slice(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 1) {
        return false;
    }
    int64_t axis = below(net, out.rank), one = 1;
    int64_t start = chance(net, 40) ? 0 : below(net, out.dims[axis]);
    int64_t end = chance(net, 40) ? INT64_MAX : start + 1 + below(net, out.dims[axis] - start);
    int starts = integers(net, &start, 1), ends = integers(net, &end, 1);
    int axes = integers(net, &axis, 1), steps = integers(net, &one, 1);
    out.dims[axis] = (end < out.dims[axis] ? end : out.dims[axis]) - start;
    mopt__strbuf_printf(&net->body, "    v%d = Slice(v%d, c%d, c%d, c%d, c%d);\n", net->count, v,
                        starts, ends, axes, steps);
    (void)result(net, &out);
    return true;
}

static bool add_softmax(struct net *net, int v)
{
    if (net->values[v].rank < 1) {
        return false;
    }
    mopt__strbuf_printf(&net->body, "    v%d = Softmax<axis=-1>(v%d);\n", net->count, v);
    (void)result(net, &net->values[v]);
    return true;
}

static bool add_cast(struct net *net, int v)
{
    if (chance(net, 50)) {
        mopt__strbuf_printf(&net->body, "    v%d = Cast<to=1>(v%d);\n", net->count, v);
    } else {
        int n = net->names++;
        mopt__strbuf_printf(&net->body, "    d%d = Cast<to=11>(v%d);\n    v%d = Cast<to=1>(d%d);\n",
                            n, v, net->count, n);
    }
    (void)result(net, &net->values[v]);
    return true;
}

static bool add_unsqueeze(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t zero = 0;
    if (out.rank < 1 || out.rank >= RANK_MAX) {
        return false;
    }
    int axes = integers(net, &zero, 1);
    int n = net->names++;
    mopt__strbuf_printf(&net->body, "    u%d = Unsqueeze(v%d, c%d);\n", n, v, axes);
    mopt__strbuf_printf(&net->body, "    v%d = Squeeze(u%d, c%d);\n", net->count, n, axes);
    (void)result(net, &out);
    return true;
}

// The same node once more, for common subexpressions; or one nobody needs.
static bool add_twin(struct net *net, int v)
{
    int first = net->count;
    mopt__strbuf_printf(&net->body, "    v%d = Relu(v%d);\n    v%d = Relu(v%d);\n", first, v,
                        first + 1, v);
    (void)result(net, &net->values[v]);
    (void)result(net, &net->values[v]);
    mopt__strbuf_printf(&net->body, "    v%d = Add(v%d, v%d);\n", net->count, first, first + 1);
    (void)result(net, &net->values[v]);
    return true;
}

static bool (*const makers[])(struct net *net,
                              int v) = {add_unary,      add_unary,      add_binary,  add_binary,
                                        add_binary,     add_conv,       add_conv,    add_conv,
                                        add_batch_norm, add_batch_norm, add_pool,    add_pad,
                                        add_transpose,  add_transpose,  add_reshape, add_matmul,
                                        add_matmul,     add_concat,     add_slice,   add_softmax,
                                        add_cast,       add_unsqueeze,  add_twin};

static void outputs_text(struct net *net, struct mopt_strbuf *out)
{
    int last = net->count - 1;
    int other = (int)below(net, net->count);
    mopt__strbuf_add(out, "(float");
    dims_text(out, &net->values[last]);
    mopt__strbuf_printf(out, " v%d", last);
    if (other != last && other != 0) {
        mopt__strbuf_add(out, ", float");
        dims_text(out, &net->values[other]);
        mopt__strbuf_printf(out, " v%d", other);
    }
    mopt__strbuf_add(out, ")");
}

void random_net(uint64_t seed, int nodes, struct mopt_strbuf *out)
{
    struct net net = {.count = 0};
    mopt__rng_init(&net.rng, seed);
    const struct shape input = {.rank = 4, .dims = {1 + below(&net, 2), 1 + below(&net, 4), 8, 8}};
    (void)result(&net, &input);
    for (int i = 0; i < nodes && net.count + 4 < VALUES_MAX; i++) {
        // Mostly on the newest value, so that chains grow.
        int v = chance(&net, 75) ? net.count - 1 : (int)below(&net, net.count);
        if (elements(&net.values[v]) <= ELEMENTS_MAX) {
            (void)makers[below(&net, (int64_t)MOPT_COUNTOF(makers))](&net, v);
        }
    }
    (void)add_unary(&net, net.count - 1);
    mopt__strbuf_printf(out, "model (ir=8, opset=17) {\n  graph main (float");
    dims_text(out, &input);
    mopt__strbuf_add(out, " v0) -> ");
    outputs_text(&net, out);
    mopt__strbuf_printf(out, " {\n%s%s  }\n}\n", mopt__strbuf_text(&net.constants),
                        mopt__strbuf_text(&net.body));
    mopt__strbuf_release(&net.constants);
    mopt__strbuf_release(&net.body);
}
