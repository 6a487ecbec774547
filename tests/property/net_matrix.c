// SPDX-License-Identifier: Apache-2.0
// Makers of nodes on matrices [..., M, K]: products, normalizations, attention, reductions,
// choices.
#include <string.h>

#include "property/net.h"

static int64_t choose_columns(struct net *net)
{
    return NET_ONE_OF(net, 1, 2, 3, 5, 7, 8, 16, 17, 24, 33, 64, 65);
}

static bool is_matrix(const struct shape *shape)
{
    return shape->rank >= 2 && shape->dims[shape->rank - 1] <= 300;
}

static int64_t last_dim(const struct shape *shape)
{
    return shape->dims[shape->rank - 1];
}

// ---- Products -----------------------------------------------------------------------------------

// The two last axes exchanged; sometimes another value stands between.
static int transposed(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t perm[RANK_MAX];
    if (net_chance(net, 25)) {
        v = net_add(net, &out, "%s(v%d)", net_chance(net, 50) ? "Neg" : "Softsign", v);
    }
    for (int i = 0; i < out.rank; i++) {
        perm[i] = i;
    }
    perm[out.rank - 1] = out.rank - 2;
    perm[out.rank - 2] = out.rank - 1;
    out.dims[out.rank - 2] = net->values[v].dims[out.rank - 1];
    out.dims[out.rank - 1] = net->values[v].dims[out.rank - 2];
    net_line(net, "    v%d = Transpose<", net->count);
    net_ints_text(net, "perm", perm, out.rank);
    net_line(net, ">(v%d);\n", v);
    return net_result(net, &out);
}

// Leading axes side by side; false when they do not broadcast.
static bool product_shape(const struct shape *a, const struct shape *b, struct shape *out)
{
    *out = (struct shape){.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < out->rank - 2; i++) {
        int ia = i - (out->rank - a->rank), ib = i - (out->rank - b->rank);
        int64_t x = ia < 0 ? 1 : a->dims[ia], y = ib < 0 ? 1 : b->dims[ib];
        if (x != y && x != 1 && y != 1) {
            return false;
        }
        out->dims[i] = x == 1 ? y : x;
    }
    out->dims[out->rank - 2] = a->dims[a->rank - 2];
    out->dims[out->rank - 1] = b->dims[b->rank - 1];
    return a->dims[a->rank - 1] == b->dims[b->rank - 2];
}

// The axis that is not told must not meet another one of a fixed size that happens to be equal.
static bool mixes_batches(const struct net *net, const struct shape *a, const struct shape *b)
{
    return net->fixed_axes > 0 && a->rank != b->rank;
}

static bool matmul(struct net *net, int a, int b)
{
    struct shape out;
    const struct shape *x = &net->values[a], *y = &net->values[b];
    if (x->rank < 2 || y->rank < 2 || !product_shape(x, y, &out) || mixes_batches(net, x, y) ||
        (net->fixed_axes > 0 && x->rank == 2) || net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out, "MatMul(v%d, v%d)", a, b);
    return true;
}

// Two computed operands: with itself turned, an older one, or a new input.
static bool add_product(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    if (!is_matrix(&shape) || (net->fixed_axes > 0 && shape.rank == 2)) {
        return false;
    }
    if (net_chance(net, 30)) {
        int t = transposed(net, v);
        return net_chance(net, 50) ? matmul(net, v, t) : matmul(net, t, v);
    }
    for (int i = 0; i < net->count; i++) {
        int other = net_pick(net, NET_FLOAT);
        if (net->values[other].rank >= 2 + net->fixed_axes && other != v && net_chance(net, 60)) {
            int t = net_chance(net, 50) ? transposed(net, other) : other;
            if (matmul(net, v, t) || matmul(net, t, v)) {
                return true;
            }
        }
        if (i > 3) {
            break;
        }
    }
    if (net->depth > 0 || net->input_count >= INPUTS_MAX) {
        return false;
    }
    struct shape fresh = {.rank = shape.rank};
    for (int i = 0; i < shape.rank - 2; i++) {
        fresh.dims[i] = i >= net->fixed_axes && net_chance(net, 30) ? 1 : shape.dims[i];
    }
    fresh.dims[shape.rank - 2] = last_dim(&shape);
    fresh.dims[shape.rank - 1] = choose_columns(net);
    if (net_chance(net, 40)) {
        int64_t k = fresh.dims[shape.rank - 2];
        fresh.dims[shape.rank - 2] = fresh.dims[shape.rank - 1];
        fresh.dims[shape.rank - 1] = k;
        return matmul(net, v, transposed(net, net_input(net, &fresh)));
    }
    return matmul(net, v, net_input(net, &fresh));
}

static bool add_dense(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Sigmoid", "Tanh", "Gelu", "HardSwish"};
    struct shape out = net->values[v];
    if (!is_matrix(&out)) {
        return false;
    }
    struct shape weight = {.rank = 2, .dims = {last_dim(&out), choose_columns(net)}};
    const struct shape from = out;
    weight.dims[1] = net_chance(net, 30) ? weight.dims[0] : weight.dims[1];
    int w = net_weight(net, &weight, weight.dims[0]);
    out.dims[out.rank - 1] = weight.dims[1];
    int y = net_add(net, &out, "MatMul(v%d, c%d)", v, w);
    struct shape bias = {.rank = 1, .dims = {weight.dims[1]}};
    if (net_chance(net, 60)) {
        int b = net_weight(net, &bias, 1);
        bool turned = net_chance(net, 30);
        y = turned ? net_add(net, &out, "Add(c%d, v%d)", b, y)
                   : net_add(net, &out, "Add(v%d, c%d)", y, b);
    }
    if (net_chance(net, 40)) {
        y = net_add(net, &out, "%s(v%d)", behind[net_below(net, 5)], y);
    }
    if (net_same_dims(&from, &out) && net_chance(net, 60)) {
        bool turned = net_chance(net, 50);
        (void)net_add(net, &out, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    }
    return true;
}

// Two products and what went in, which nobody reads afterwards.
static bool add_perceptron(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Gelu", "Tanh", "Sigmoid", "HardSwish"};
    const struct shape from = net->values[v];
    const int64_t inner = choose_columns(net);
    if (!is_matrix(&from)) {
        return false;
    }
    struct shape wide = from, up = {.rank = 2, .dims = {last_dim(&from), inner}};
    struct shape down = {.rank = 2, .dims = {inner, last_dim(&from)}};
    struct shape bias = {.rank = 1, .dims = {last_dim(&from)}};
    wide.dims[from.rank - 1] = inner;
    int y = net_add(net, &wide, "MatMul(v%d, c%d)", v, net_weight(net, &up, last_dim(&from)));
    y = net_add(net, &wide, "%s(v%d)", behind[net_below(net, 5)], y);
    y = net_add(net, &from, "MatMul(v%d, c%d)", y, net_weight(net, &down, inner));
    if (net_chance(net, 60)) {
        y = net_add(net, &from, "Add(v%d, c%d)", y, net_weight(net, &bias, 1));
    }
    if (net_chance(net, 40)) {
        y = net_add(net, &from, "%s(v%d)", behind[net_below(net, 5)], y);
    }
    bool turned = net_chance(net, 50);
    (void)net_add(net, &from, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    return true;
}

static bool add_gemm(struct net *net, int v)
{
    struct shape a = net->values[v];
    if (a.rank != 2 || a.dims[0] > 300 || a.dims[1] > 300) {
        return false;
    }
    bool turn_a = net->fixed_axes == 0 && net_chance(net, 40), turn_b = net_chance(net, 50);
    int64_t k = a.dims[turn_a ? 0 : 1], m = a.dims[turn_a ? 1 : 0], n = choose_columns(net);
    struct shape b = {.rank = 2, .dims = {turn_b ? n : k, turn_b ? k : n}};
    struct shape out = {.rank = 2, .dims = {m, n}};
    int w = net_weight(net, &b, k);
    const struct shape forms[] = {
        {.rank = 1, .dims = {n}}, {.rank = 2, .dims = {1, n}}, {.rank = 0},
        {.rank = 1, .dims = {1}}, {.rank = 2, .dims = {m, 1}}, {.rank = 2, .dims = {m, n}}};
    int c = -1;
    if (net_chance(net, 70)) {
        c = net_weight(net, &forms[net_below(net, net->fixed_axes > 0 ? 4 : 6)], 1);
    }
    net_line(net, "    v%d = Gemm<alpha=%s, beta=%s, transA=%d, transB=%d>(v%d, c%d", net->count,
             net_chance(net, 60) ? "1.0" : "0.75", net_chance(net, 60) ? "1.0" : "-0.5", turn_a,
             turn_b, v, w);
    if (c >= 0) {
        net_line(net, ", c%d", c);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
    return true;
}

// ---- Weights of few bits ------------------------------------------------------------------------

// Constant of a type that networks do not compute with.
static int code_constant(struct net *net, const char *type, int64_t rows, int64_t columns, int low,
                         int high)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    %s[%lld,%lld] c%d = {", type, (long long)rows,
                        (long long)columns, name);
    for (int64_t i = 0; i < rows * columns; i++) {
        mopt__strbuf_printf(&net->constants, "%s%d", i > 0 ? ", " : "",
                            low + (int)net_below(net, high - low + 1));
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

// Scales for codes of so many bits, of sums of k products.
static int code_scale(struct net *net, struct shape shape, int bits, int64_t k)
{
    return net_weight(net, &shape, k << (2 * bits - 2));
}

static void nbits(struct net *net, int v, int64_t k, int64_t n, int64_t block)
{
    const int bits = 1 << (1 + net_below(net, 3));
    const int64_t blocks = (k + block - 1) / block;
    struct shape codes = {.rank = 3, .dims = {n, blocks, block * bits / 8}, .type = NET_U8};
    struct shape zeros = {.rank = 1, .dims = {n * ((blocks * bits + 7) / 8)}, .type = NET_U8};
    struct shape scales = {.rank = 1, .dims = {n * blocks}}, bias = {.rank = 1, .dims = {n}};
    int b = net_constant(net, &codes, FILL_RANDOM), s = code_scale(net, scales, bits, k);
    int64_t kind = net_below(net, 3);
    int z = kind == 1   ? net_constant(net, &zeros, FILL_RANDOM)
            : kind == 2 ? net_constant(net, &scales, FILL_RANDOM)
                        : -1;
    int c = net_chance(net, 30) ? net_weight(net, &bias, 1) : -1;
    struct shape out = net->values[v];
    out.dims[out.rank - 1] = n;
    net_line(net,
             "    v%d = com.microsoft::MatMulNBits<K=%lld, N=%lld, bits=%d, block_size=%lld>(v%d, "
             "c%d, c%d",
             net->count, (long long)k, (long long)n, bits, (long long)block, v, b, s);
    if (z >= 0) {
        net_line(net, ", c%d", z);
    }
    if (c >= 0) {
        net_line(net, "%s, _, c%d", z >= 0 ? "" : ", _", c);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
}

// Codes with a scale for each block of rows, or for each column.
static void dequantized(struct net *net, int v, int64_t k, int64_t n, int64_t block)
{
    static const struct {
        const char *name;
        int low, high;
    } types[] = {{"int4", -8, 7}, {"uint4", 0, 15}, {"int8", -128, 127}};
    const int64_t t = net_below(net, (int64_t)MOPT_COUNTOF(types));
    const bool blocks = net_chance(net, 70);
    const int64_t rows = blocks ? (k + block - 1) / block : 1;
    struct shape scales = {.rank = blocks ? 2 : 1, .dims = {blocks ? rows : n, n}};
    int b = code_constant(net, types[t].name, k, n, types[t].low, types[t].high);
    int s = code_scale(net, scales, t < 2 ? 4 : 8, k);
    int z = -1, name = net->names++;
    if (blocks && net_chance(net, 50)) {
        z = code_constant(net, types[t].name, rows, n, types[t].low, types[t].high);
    }
    net_line(net, "    d%d = DequantizeLinear<axis=%d, block_size=%lld>(c%d, c%d", name, !blocks,
             blocks ? (long long)block : 0LL, b, s);
    if (z >= 0) {
        net_line(net, ", c%d", z);
    }
    net_line(net, ");\n");
    struct shape out = net->values[v];
    out.dims[out.rank - 1] = n;
    (void)net_add(net, &out, "MatMul(v%d, d%d)", v, name);
    if (net_chance(net, 15)) { // another reader
        (void)net_add(net, &out, "MatMul(v%d, d%d)", v, name);
    }
}

static bool add_few_bits(struct net *net, int v)
{
    const struct shape *from = &net->values[v];
    int64_t block = NET_ONE_OF(net, 16, 16, 32, 64), n = choose_columns(net);
    if (!is_matrix(from) || net_elements(from) == 0) {
        return false;
    }
    (net_chance(net, 60) ? nbits : dequantized)(net, v, last_dim(from), n, block);
    return true;
}

// ---- Attention ----------------------------------------------------------------------------------

static int head(struct net *net, int v, int64_t heads, const char *perm, struct shape shape)
{
    const struct shape *from = &net->values[v];
    int64_t width = last_dim(from);
    struct shape weight = {.rank = 2, .dims = {width, width}};
    const int64_t form[4] = {0, 0, heads, width / heads};
    struct shape split = {.rank = 4, .dims = {from->dims[0], from->dims[1], heads, form[3]}};
    int y = net_add(net, from, "MatMul(v%d, c%d)", v, net_weight(net, &weight, width));
    if (net_chance(net, 50)) {
        struct shape bias = {.rank = 1, .dims = {width}};
        y = net_add(net, &net->values[y], "Add(v%d, c%d)", y, net_weight(net, &bias, 1));
    }
    y = net_add(net, &split, "Reshape(v%d, c%d)", y, net_integers(net, form, 4));
    return net_add(net, &shape, "Transpose<perm=[%s]>(v%d)", perm, y);
}

static bool add_attention(struct net *net, int v)
{
    const struct shape from = net->values[v];
    if (from.rank != 3 || net_elements(&from) == 0 || from.dims[1] > 40 || from.dims[2] > 96) {
        return false;
    }
    int64_t heads = NET_ONE_OF(net, 1, 2, 3, 4), width = from.dims[2];
    heads = width % heads == 0 ? heads : 1;
    const int64_t n = from.dims[0], s = from.dims[1], d = width / heads;
    struct shape wide = {.rank = 4, .dims = {n, heads, s, d}};
    struct shape tall = {.rank = 4, .dims = {n, heads, d, s}};
    struct shape square = {.rank = 4, .dims = {n, heads, s, s}};
    struct shape joined = {.rank = 4, .dims = {n, s, heads, d}};
    bool direct = net_chance(net, 60);
    int q = head(net, v, heads, "0, 2, 1, 3", wide);
    int k = direct ? head(net, v, heads, "0, 2, 3, 1", tall)
                   : transposed(net, head(net, v, heads, "0, 2, 1, 3", wide));
    int values = head(net, v, heads, "0, 2, 1, 3", wide);
    int scores = net_add(net, &square, "MatMul(v%d, v%d)", q, k);
    if (net_chance(net, 70)) {
        bool divide = net_chance(net, 50);
        int c = net_scalar(net, divide ? 2.828427 : 0.353553);
        scores = net_add(net, &square, "%s(v%d, c%d)", divide ? "Div" : "Mul", scores, c);
    }
    if (net_chance(net, 40)) {
        struct shape mask = {.rank = 4, .dims = {1, 1, net_chance(net, 50) ? 1 : s, s}};
        scores =
            net_add(net, &square, "Add(v%d, c%d)", scores, net_constant(net, &mask, FILL_RANDOM));
    }
    scores = net_add(net, &square, "Softmax<axis=%d>(v%d)", net_chance(net, 50) ? 3 : -1, scores);
    int y = net_add(net, &wide, "MatMul(v%d, v%d)", scores, values);
    y = net_add(net, &joined, "Transpose<perm=[0, 2, 1, 3]>(v%d)", y);
    const int64_t form[3] = {0, 0, width};
    y = net_add(net, &from, "Reshape(v%d, c%d)", y, net_integers(net, form, 3));
    if (net_chance(net, 50)) {
        (void)net_add(net, &from, "Add(v%d, v%d)", y, v);
    }
    return true;
}

// ---- Normalizations, reductions -----------------------------------------------------------------

static bool add_norm(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    if (shape.rank < 2 || net_elements(&shape) == 0 || last_dim(&shape) < 2) {
        return false;
    }
    struct shape row = {.rank = 1, .dims = {last_dim(&shape)}};
    int scale = net_weight(net, &row, 1), shift = net_weight(net, &row, 1);
    if (net_chance(net, 60)) {
        net_line(net, "    v%d = LayerNormalization<axis=-1, epsilon=0.001>(v%d, c%d", net->count,
                 v, scale);
        if (net_chance(net, 70)) {
            net_line(net, ", c%d", shift);
        }
        net_line(net, ");\n");
        (void)net_result(net, &shape);
        return true;
    }
    // As older exporters write it.
    struct shape one = shape;
    one.dims[shape.rank - 1] = 1;
    const int64_t axis = -1;
    int axes = net_integers(net, &axis, 1);
    int two = net_scalar(net, 2), epsilon = net_scalar(net, 0.001);
    int mean = net_add(net, &one, "ReduceMean(v%d, c%d)", v, axes);
    int gap = net_add(net, &shape, "Sub(v%d, v%d)", v, mean);
    int square = net_add(net, &shape, "Pow(v%d, c%d)", gap, two);
    int variance = net_add(net, &one, "ReduceMean(v%d, c%d)", square, axes);
    int sum = net_add(net, &one, "Add(v%d, c%d)", variance, epsilon);
    int root = net_add(net, &one, "Sqrt(v%d)", sum);
    int unit = net_add(net, &shape, "Div(v%d, v%d)", gap, root);
    int scaled = net_add(net, &shape, "Mul(v%d, c%d)", unit, scale);
    (void)net_add(net, &shape, "Add(v%d, c%d)", scaled, shift);
    return true;
}

static bool add_reduction(struct net *net, int v)
{
    static const char *const ops[] = {"ReduceMean", "ReduceSum",       "ReduceMax", "ReduceMin",
                                      "ReduceL1",   "ReduceSumSquare", "ReduceL2"};
    struct shape out = net->values[v];
    if (out.rank < 1 + net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    bool keep = net_chance(net, 60);
    int64_t axes[RANK_MAX];
    int count = 0, left = 0;
    for (int i = 0; i < out.rank; i++) {
        bool taken = i >= net->fixed_axes && net_chance(net, 50);
        taken = taken || (count == 0 && i == out.rank - 1);
        if (taken) {
            axes[count++] = net_chance(net, 30) ? i - out.rank : i;
        }
        if (!taken || keep) {
            out.dims[left++] = taken ? 1 : out.dims[i];
        }
    }
    out.rank = left;
    int c = net_integers(net, axes, count);
    (void)net_add(net, &out, "%s<keepdims=%d>(v%d, c%d)",
                  ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))], keep, v, c);
    return true;
}

// ---- Choices and shapes -------------------------------------------------------------------------

static bool add_gather(struct net *net, int v)
{
    enum { MOST = 4 };
    struct shape out = net->values[v];
    if (out.rank <= net->fixed_axes || net_elements(&out) == 0) {
        return false;
    }
    int axis = net->fixed_axes + (int)net_below(net, out.rank - net->fixed_axes);
    int64_t indices[MOST];
    int count = 1 + (int)net_below(net, MOST);
    for (int i = 0; i < count; i++) {
        indices[i] = net_below(net, out.dims[axis]) - (net_chance(net, 20) ? out.dims[axis] : 0);
    }
    out.dims[axis] = count;
    (void)net_add(net, &out, "Gather<axis=%d>(v%d, c%d)", axis, v,
                  net_integers(net, indices, count));
    return true;
}

static bool add_where(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    int n = net->names++;
    int c = net_scalar(net, 0.123456);
    // What is compared is an input, so that no rounding decides.
    const struct shape *input = &net->values[0];
    bool same = net_same_dims(input, &shape) && net->depth == 0;
    if (!same && shape.rank < 1) {
        return false;
    }
    if (same) {
        net_line(net, "    b%d = Greater(v0, c%d);\n", n, c);
        (void)net_add(net, &shape, "Where(b%d, v%d, c%d)", n, v, c);
        return true;
    }
    struct shape row = {.rank = 1, .dims = {last_dim(&shape)}};
    int r = net_constant(net, &row, FILL_RANDOM);
    net_line(net, "    b%d = Less(c%d, c%d);\n", n, r, c);
    if (net_chance(net, 50)) {
        (void)net_add(net, &shape, "Where(b%d, v%d, c%d)", n, v, r);
    } else {
        (void)net_add(net, &shape, "Where(b%d, c%d, v%d)", n, r, v);
    }
    return true;
}

static bool add_tile(struct net *net, int v)
{
    struct shape out = net->values[v];
    int64_t repeats[RANK_MAX];
    if (out.rank < 1) {
        return false;
    }
    for (int i = 0; i < out.rank; i++) {
        repeats[i] = i >= net->fixed_axes && net_chance(net, 30) ? 2 : 1;
        out.dims[i] *= repeats[i];
    }
    bool expand = net_chance(net, 40);
    for (int i = 0; expand && i < out.rank; i++) {
        repeats[i] = 1;
        out.dims[i] = net->values[v].dims[i];
    }
    if (net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out, "%s(v%d, c%d)", expand ? "Expand" : "Tile", v,
                  net_integers(net, repeats, out.rank));
    return true;
}

static bool broadcasts(const struct shape *a, const struct shape *b, int fixed)
{
    for (int i = 1; i <= b->rank; i++) {
        if (i > a->rank ||
            (b->dims[b->rank - i] != a->dims[a->rank - i] && b->dims[b->rank - i] != 1)) {
            return false;
        }
    }
    return fixed == 0 || a->rank == b->rank;
}

static bool add_binary(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Add", "Mul", "Sub", "Min", "Max", "PRelu"};
    int other = net_pick_like(net, v, net->fixed_axes, broadcasts);
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    bool turned = net_chance(net, 30) && op[0] != 'P';
    (void)net_add(net, &net->values[v], "%s(v%d, v%d)", op, turned ? other : v, turned ? v : other);
    return true;
}

static bool add_function(struct net *net, int v)
{
    static const char *const ops[] = {"Relu", "Sigmoid", "Tanh", "Neg",  "Abs",     "Softsign",
                                      "Erf",  "Gelu",    "Cos",  "Celu", "Softplus"};
    const struct shape shape = net->values[v];
    int y = net_add(net, &shape, "%s(v%d)", ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))], v);
    if (net_chance(net, 30)) { // Gelu as it is written out
        int root = net_scalar(net, 1.4142135), one = net_scalar(net, 1),
            half = net_scalar(net, 0.5);
        int d = net_add(net, &shape, "Div(v%d, c%d)", y, root);
        int e = net_add(net, &shape, "Erf(v%d)", d);
        int f = net_add(net, &shape, "Add(v%d, c%d)", e, one);
        int g = net_add(net, &shape, "Mul(v%d, v%d)", y, f);
        (void)net_add(net, &shape, "Mul(v%d, c%d)", g, half);
    }
    return true;
}

static bool add_softmax(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank <= net->fixed_axes || net_elements(shape) == 0) {
        return false;
    }
    int axis = net->fixed_axes + (int)net_below(net, shape->rank - net->fixed_axes);
    (void)net_add(net, shape, "Softmax<axis=%d>(v%d)", net_chance(net, 50) ? -1 : axis, v);
    return true;
}

// A constant that is computed from constants: folded when the session is made.
static bool add_folded(struct net *net, int v)
{
    const struct shape shape = net->values[v];
    if (shape.rank < 2 || net->fixed_axes > 0 || net_elements(&shape) > 2000) {
        return false;
    }
    int a = net_weight(net, &shape, 1), b = net_constant(net, &shape, FILL_RANDOM);
    int sum = net_add(net, &shape, "Add(c%d, c%d)", a, b);
    if (net_chance(net, 50)) {
        struct shape weight = {.rank = 2, .dims = {last_dim(&shape), last_dim(&shape)}};
        sum = net_add(net, &shape, "MatMul(v%d, c%d)", sum,
                      net_weight(net, &weight, last_dim(&shape)));
    }
    if (net_chance(net, 50)) {
        int t = transposed(net, sum);
        return matmul(net, v, t);
    }
    (void)net_add(net, &shape, "%s(v%d, v%d)", net_chance(net, 50) ? "Add" : "Mul", v, sum);
    return true;
}

static bool add_unsqueezed(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 2 || out.rank >= RANK_MAX - 1) {
        return false;
    }
    const int64_t axis = 1;
    for (int i = out.rank; i > 1; i--) {
        out.dims[i] = out.dims[i - 1];
    }
    out.dims[1] = 1;
    out.rank++;
    int c = net_integers(net, &axis, 1);
    int y = net_add(net, &out, "Unsqueeze(v%d, c%d)", v, c);
    if (net_chance(net, 30)) {
        (void)net_add(net, &net->values[v], "Squeeze(v%d, c%d)", y, c);
    }
    return true;
}

static bool add_common(struct net *net, int v)
{
    struct net_makers common = net_common_makers();
    return common.items[net_below(net, (int64_t)common.count)](net, v);
}

static const net_maker makers[] = {add_few_bits,  add_perceptron, add_perceptron, add_product,
                                   add_product,   add_product,    add_dense,      add_dense,
                                   add_dense,     add_gemm,       add_gemm,       add_attention,
                                   add_attention, add_norm,       add_norm,       add_reduction,
                                   add_gather,    add_where,      add_tile,       add_binary,
                                   add_binary,    add_function,   add_function,   add_softmax,
                                   add_folded,    add_unsqueezed, add_common,     add_common};

struct net_makers net_matrix_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}

struct net_makers net_attention_makers(void)
{
    static const net_maker attention[] = {add_attention};
    return (struct net_makers){attention, MOPT_COUNTOF(attention)};
}
