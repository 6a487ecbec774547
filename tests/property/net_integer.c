// SPDX-License-Identifier: Apache-2.0
// Makers of nodes on codes themselves, whose scales are operands or known only in the run.
#include "property/net_codes.h"

// ---- Nodes on codes -----------------------------------------------------------------------------

static int pick_codes(struct net *net)
{
    int q = net_pick(net, net_chance(net, 60) ? NET_U8 : NET_I8);
    q = q >= 0 ? q : net_pick(net, NET_U8);
    q = q >= 0 ? q : net_pick(net, NET_I8);
    return q >= 0 && net->codes[q].scale >= 0 && net->codes[q].zero >= 0 ? q : -1;
}

static bool with_codes(struct net *net, struct shape shape, struct kept kept)
{
    shape.type = kept.type;
    int y = net_result(net, &shape);
    net->codes[y] = kept.codes;
    (void)net_dequantize(net, y);
    return true;
}

static struct kept choose_whole(struct net *net, enum net_type type)
{
    struct kept kept = {.type = type, .codes = net_choose_codes(net, type)};
    if (kept.codes.zero < 0) {
        kept.codes.zero = net_zero_point(net, type, 0);
    }
    return kept;
}

static bool add_qlinear_conv(struct net *net, int v)
{
    struct coded_conv c;
    int q = pick_codes(net);
    (void)v;
    if (q < 0 || !net_choose_conv(net, q, &c)) {
        return false;
    }
    struct kept kept = choose_whole(net, net->values[q].type);
    struct coded_weight w =
        net_code_weight(net, c.weight, 0, net_elements(&c.weight) / c.weight.dims[0]);
    struct shape bias = {.rank = 1, .dims = {c.weight.dims[0]}, .type = NET_I32};
    int b = net_chance(net, 50) ? net_weight(net, &bias, 1) : -1;
    net_line(net, "    v%d = QLinearConv<", net->count);
    net_conv_attributes(net, &c);
    net_line(net, ">(");
    net_codes_text(net, 'v', q, net->codes[q]);
    net_line(net, ", ");
    net_codes_text(net, 'c', w.name, w.codes);
    net_line(net, ", c%d, c%d", kept.codes.scale, kept.codes.zero);
    if (b >= 0) {
        net_line(net, ", c%d", b);
    }
    net_line(net, ");\n");
    return with_codes(net, c.out, kept);
}

static bool add_qlinear_product(struct net *net, int v)
{
    int q = pick_codes(net);
    (void)v;
    if (q < 0 || net->values[q].rank < 2 || net_elements(&net->values[q]) == 0 ||
        net->values[q].dims[net->values[q].rank - 1] > 300) {
        return false;
    }
    struct shape out = net->values[q];
    int64_t k = out.dims[out.rank - 1], n = NET_ONE_OF(net, 1, 7, 8, 17, 40);
    struct shape weight = {.rank = 2, .dims = {k, n}};
    bool gemm = out.rank == 2 && net_chance(net, 50), turned = gemm && net_chance(net, 50);
    if (turned) {
        weight = (struct shape){.rank = 2, .dims = {n, k}};
    }
    struct coded_weight w = net_code_weight(net, weight, turned ? 0 : 1, k);
    struct kept kept = choose_whole(net, out.type);
    struct shape bias = {.rank = 1, .dims = {n}, .type = NET_I32};
    int b = gemm && net_chance(net, 50) ? net_weight(net, &bias, 1) : -1;
    out.dims[out.rank - 1] = n;
    net_line(net, "    v%d = %s(", net->count,
             turned ? "com.microsoft::QGemm<transB=1>"
             : gemm ? "com.microsoft::QGemm"
                    : "QLinearMatMul");
    net_codes_text(net, 'v', q, net->codes[q]);
    net_line(net, ", ");
    net_codes_text(net, 'c', w.name, w.codes);
    if (b >= 0) {
        net_line(net, ", c%d", b);
    } else if (gemm) {
        net_line(net, ", _");
    }
    net_line(net, ", c%d, c%d);\n", kept.codes.scale, kept.codes.zero);
    return with_codes(net, out, kept);
}

// The product of codes and the same codes turned, either way round; the Transpose may be seen by
// others, too.
static bool add_computed_product(struct net *net, int v)
{
    enum { LONGEST = 100 };
    int q = pick_codes(net), t = net->count;
    (void)v;
    if (q < 0 || net->values[q].rank < 2 || net_elements(&net->values[q]) == 0) {
        return false;
    }
    struct shape out = net->values[q], turned = out;
    int64_t *rows = &turned.dims[out.rank - 2], *columns = &turned.dims[out.rank - 1];
    if (*rows > LONGEST || *columns > LONGEST) {
        return false;
    }
    net_line(net, "    v%d = Transpose<perm=[", t);
    for (int i = 0; i < out.rank; i++) {
        net_line(net, "%s%d", i > 0 ? ", " : "", i < out.rank - 2 ? i : 2 * out.rank - 3 - i);
    }
    net_line(net, "]>(v%d);\n", q);
    *rows = out.dims[out.rank - 1];
    *columns = out.dims[out.rank - 2];
    (void)with_codes(net, turned, (struct kept){net->codes[q], out.type});
    int left = net_chance(net, 50) ? q : t, right = left == q ? t : q;
    out.dims[out.rank - 1] = out.dims[out.rank - 2] = net->values[left].dims[out.rank - 2];
    struct kept kept = choose_whole(net, out.type);
    if (net_chance(net, 50)) {
        int a = net_dequantize(net, left), b = net_dequantize(net, right);
        out.type = NET_FLOAT;
        net_settle(net, net_add(net, &out, "MatMul(v%d, v%d)", a, b), kept);
        return true;
    }
    net_line(net, "    v%d = QLinearMatMul(", net->count);
    net_codes_text(net, 'v', left, net->codes[left]);
    net_line(net, ", ");
    net_codes_text(net, 'v', right, net->codes[right]);
    net_line(net, ", c%d, c%d);\n", kept.codes.scale, kept.codes.zero);
    return with_codes(net, out, kept);
}

static bool add_qlinear_sum(struct net *net, int v)
{
    int q = pick_codes(net);
    (void)v;
    if (q < 0) {
        return false;
    }
    int other = net_pick_like(net, q, 0, net_like);
    if (net->codes[other].zero < 0) {
        return false;
    }
    struct kept kept = choose_whole(net, net->values[q].type);
    net_line(net, "    v%d = com.microsoft::%s(", net->count,
             net_chance(net, 70) ? "QLinearAdd" : "QLinearMul");
    net_codes_text(net, 'v', q, net->codes[q]);
    net_line(net, ", ");
    net_codes_text(net, 'v', other, net->codes[other]);
    net_line(net, ", c%d, c%d);\n", kept.codes.scale, kept.codes.zero);
    return with_codes(net, net->values[q], kept);
}

// MaxPool, Concat and Transpose of codes as they are; sums of products as they are.
static bool add_on_codes(struct net *net, int v)
{
    int q = pick_codes(net);
    (void)v;
    if (q < 0 || net->values[q].rank < 3 || net_elements(&net->values[q]) == 0) {
        return false;
    }
    struct shape out = net->values[q];
    struct kept kept = {net->codes[q], out.type};
    if (net_chance(net, 30) && out.rank <= 4) {
        (void)net_window_kept(net, &out, q);
        return with_codes(net, out, kept);
    }
    if (net_chance(net, 40)) {
        int other = net_pick_like(net, q, 1, net_joins);
        out.dims[1] += net->values[other].dims[1];
        if (net_elements(&out) > ELEMENTS_MAX || out.dims[1] > 160) {
            return false;
        }
        net_line(net, "    v%d = Concat<axis=1>(v%d, v%d);\n", net->count, q, other);
        return with_codes(net, out, kept);
    }
    struct coded_conv c;
    if (!net_choose_conv(net, q, &c)) {
        return false;
    }
    c.weight.type = NET_I8;
    c.out.type = NET_I32;
    int w = net_weight(net, &c.weight, 1);
    net_line(net, "    v%d = ConvInteger<", net->count);
    net_conv_attributes(net, &c);
    net_line(net, ">(v%d, c%d, c%d);\n", q, w, net->codes[q].zero);
    (void)net_result(net, &c.out);
    return true;
}

// ---- Scales of the run --------------------------------------------------------------------------

// Constant in one of the shapes that broadcast: of one number, or of one per channel.
static int factor(struct net *net, const struct shape *out, int channel_axis, int *rank)
{
    struct shape shape = {.rank = 0};
    int way = (int)net_below(net, 4);
    if (way == 1) {
        int most = out->rank < RANK_MAX ? out->rank + 1 : RANK_MAX;
        shape.rank = (int)NET_ONE_OF(net, 1, out->rank, most);
        for (int i = 0; i < shape.rank; i++) {
            shape.dims[i] = 1;
        }
    } else if (way > 1) {
        shape.rank = out->rank - channel_axis;
        for (int i = 0; i < shape.rank; i++) {
            shape.dims[i] = i == 0 ? out->dims[channel_axis] : 1;
        }
    }
    *rank = shape.rank;
    int c = net_constant(net, &shape, FILL_POSITIVE);
    if (net_chance(net, 50)) {
        return c;
    }
    // One that is computed from constants.
    int small = net_scalar(net, 0.002), name = net->names++;
    net_line(net, "    c%d = Mul(c%d, c%d);\n", name, c, small);
    return name;
}

// q<n>, s<n>, z<n>: codes of v, their scale and zero point, which the run finds or the model says.
static void codes_text(struct net *net, int n, int v)
{
    if (net_chance(net, 75)) {
        net_line(net, "    q%d, s%d, z%d = DynamicQuantizeLinear(v%d);\n", n, n, n, v);
        return;
    }
    struct kept kept = choose_whole(net, net_chance(net, 50) ? NET_U8 : NET_I8);
    net_line(net, "    s%d = Identity(c%d);\n    z%d = Identity(c%d);\n", n, kept.codes.scale, n,
             kept.codes.zero);
    net_line(net, "    q%d = QuantizeLinear(v%d, s%d, z%d);\n", n, v, n, n);
}

// i<n> = sums of products of the codes q<n>.
static void sums_text(struct net *net, int n, const struct coded_conv *c, const struct shape *form)
{
    int w = net_weight(net, form, 1), z = -1;
    if (form->type == NET_U8 || net_chance(net, 40)) {
        z = net_zero_point(net, form->type,
                           form->type == NET_U8 ? NET_ONE_OF(net, 128, 128, 133, 60, 0)
                                                : NET_ONE_OF(net, 3, 3, -100));
    }
    net_line(net, "    i%d = ", n);
    if (c != NULL) {
        net_line(net, "ConvInteger<");
        net_conv_attributes(net, c);
        net_line(net, ">(");
    } else {
        net_line(net, "MatMulInteger(");
    }
    net_line(net, "q%d, c%d, z%d", n, w, n);
    if (z >= 0) {
        net_line(net, ", c%d", z);
    }
    net_line(net, ");\n");
}

// i<n> = sums of products of the codes q<n> and the same codes turned.
static void turned_sums_text(struct net *net, int n, int rank)
{
    net_line(net, "    w%d = Transpose<perm=[", n);
    for (int i = 0; i < rank; i++) {
        net_line(net, "%s%d", i > 0 ? ", " : "", i < rank - 2 ? i : 2 * rank - 3 - i);
    }
    net_line(net, "]>(q%d);\n    i%d = MatMulInteger(q%d, w%d, z%d, z%d);\n", n, n, n, n, n, n);
}

// An addend of the sums i<n>, of one number or one per channel, that the model says or the run
// makes of a float one: i<n> or j<n> is what there is then.
static char term_text(struct net *net, int n, struct shape out, int channel_axis)
{
    struct shape form = {.rank = 0, .type = NET_I32};
    if (net_chance(net, 60)) {
        return 'i';
    }
    if (net_chance(net, 70)) {
        form.rank = out.rank - channel_axis;
        for (int i = 0; i < form.rank; i++) {
            form.dims[i] = i == 0 ? out.dims[channel_axis] : 1;
        }
    }
    if (net_chance(net, 50)) {
        net_line(net, "    j%d = Add(c%d, i%d);\n", n, net_weight(net, &form, 1), n);
        return 'j';
    }
    form.type = NET_FLOAT;
    net_line(net, "    d%d = Div(c%d, s%d);\n    e%d = Floor(d%d);\n", n, net_weight(net, &form, 1),
             n, n, n);
    net_line(net, "    k%d = Cast<to=6>(e%d);\n    j%d = Add(i%d, k%d);\n", n, n, n, n, n);
    return 'j';
}

static void scale_text(struct net *net, int n, int c)
{
    if (net_chance(net, 50)) {
        net_line(net, "    t%d = Mul(s%d, c%d);\n", n, n, c);
    } else {
        net_line(net, "    t%d = Mul(c%d, s%d);\n", n, c, n);
    }
}

// Floats of the sums <sum><n>: times t<n>, or times the factors it is made of.
static int scaled(struct net *net, int n, char sum, const struct shape *result, int rank, int c)
{
    if (rank == 0 && net_chance(net, 25)) {
        return net_add(net, result, "DequantizeLinear(%c%d, t%d)", sum, n, n);
    }
    net_line(net, "    f%d = Cast<to=1>(%c%d);\n", n, sum, n);
    if (net_chance(net, 15)) {
        net_line(net, "    g%d = Mul(f%d, s%d);\n", n, n, n);
        return net_add(net, result, "Mul(g%d, c%d)", n, c);
    }
    return net_chance(net, 50) ? net_add(net, result, "Mul(f%d, t%d)", n, n)
                               : net_add(net, result, "Mul(t%d, f%d)", n, n);
}

struct unscaling {
    int n, v;
    char sum;
    struct shape result;
    int factor, rank, channel_axis;
};

// The result of sums * scale, which has as many axes as the factor at least.
static void unscale(struct net *net, struct unscaling u)
{
    struct shape result = u.result;
    const int64_t channels = result.dims[u.channel_axis];
    struct shape bias = {.rank = result.rank - u.channel_axis, .dims = {channels, 1, 1, 1, 1}};
    for (; result.rank < u.rank; result.rank++) {
        for (int i = result.rank; i > 0; i--) {
            result.dims[i] = result.dims[i - 1];
        }
        result.dims[0] = 1;
    }
    int y = scaled(net, u.n, u.sum, &result, u.rank, u.factor);
    if (net_chance(net, 40)) {
        y = net_add(net, &result, "Add(v%d, c%d)", y, net_weight(net, &bias, 1));
    }
    if (net_chance(net, 40)) {
        y = net_add(net, &result, "%s(v%d)", net_chance(net, 60) ? "Relu" : "Sigmoid", y);
    }
    int other =
        net_same_dims(&result, &net->values[u.v]) ? u.v : net_pick_like(net, y, 0, net_like);
    if (net_chance(net, 50) && other != y) {
        bool turned = net_chance(net, 50);
        (void)net_add(net, &result, "Add(v%d, v%d)", turned ? other : y, turned ? y : other);
    }
}

// The weight of a product of x, and what comes of it; rank 0: x turned is its weight.
static struct shape product_weight(struct net *net, const struct shape *x, struct shape *out)
{
    enum { LONGEST = 100 };
    int64_t rows = x->dims[x->rank - 2];
    struct shape weight = {.rank = 2,
                           .dims = {x->dims[x->rank - 1], NET_ONE_OF(net, 1, 5, 8, 17, 33, 65)}};
    *out = *x;
    if (rows <= LONGEST && net_chance(net, 20)) {
        out->dims[x->rank - 1] = rows;
        return (struct shape){.rank = 0};
    }
    weight.dims[1] = net_chance(net, 40) ? weight.dims[0] : weight.dims[1];
    out->dims[x->rank - 1] = weight.dims[1];
    return weight;
}

// The same codes in front of operators that say their scales themselves, or of DequantizeLinear.
static bool add_scaled(struct net *net, int n, int v, const struct coded_conv *c,
                       struct shape weight, struct shape out)
{
    int axis = c != NULL ? 0 : 1;
    struct coded_weight w =
        net_code_weight(net, weight, axis, net_elements(&weight) / weight.dims[axis]);
    codes_text(net, n, v);
    if (net_chance(net, 50)) {
        struct kept kept = choose_whole(net, net_chance(net, 50) ? NET_U8 : NET_I8);
        if (w.codes.zero < 0) {
            w.codes.zero = net_zero_point(net, w.type, 0);
        }
        net_line(net, "    v%d = %s", net->count, c != NULL ? "QLinearConv<" : "QLinearMatMul(");
        if (c != NULL) {
            net_conv_attributes(net, c);
            net_line(net, ">(");
        }
        net_line(net, "q%d, s%d, z%d, ", n, n, n);
        net_codes_text(net, 'c', w.name, w.codes);
        net_line(net, ", c%d, c%d);\n", kept.codes.scale, kept.codes.zero);
        return with_codes(net, out, kept);
    }
    int d = net_real_weight(net, w, axis);
    net_line(net, "    a%d = DequantizeLinear(q%d, s%d, z%d);\n    v%d = %s", n, n, n, n,
             net->count, c != NULL ? "Conv<" : "MatMul(");
    if (c != NULL) {
        net_conv_attributes(net, c);
        net_line(net, ">(");
    }
    net_line(net, "a%d, d%d);\n", n, d);
    (void)net_result(net, &out);
    return true;
}

static bool add_dynamic(struct net *net, int v)
{
    struct coded_conv c;
    const struct shape x = net->values[v];
    bool image = (x.rank == 4 || x.rank == 3) && net_chance(net, 60);
    if (net->exact || x.rank < 2 || net_elements(&x) == 0 || x.dims[x.rank - 1] > 300 ||
        (image && !net_choose_conv(net, v, &c))) {
        return false;
    }
    struct shape out, weight = image ? c.weight : product_weight(net, &x, &out);
    weight.type = net_chance(net, 70) ? NET_I8 : NET_U8;
    out = image ? c.out : out;
    struct unscaling u = {.n = net->names++, .v = v, .channel_axis = image ? 1 : out.rank - 1};
    if (weight.rank > 0 && net_chance(net, 25)) {
        return add_scaled(net, u.n, v, image ? &c : NULL, weight, out);
    }
    codes_text(net, u.n, v);
    u.factor = factor(net, &out, u.channel_axis, &u.rank);
    bool first = net_chance(net, 50);
    if (first) {
        scale_text(net, u.n, u.factor);
    }
    if (weight.rank == 0) {
        turned_sums_text(net, u.n, x.rank);
    } else {
        sums_text(net, u.n, image ? &c : NULL, &weight);
    }
    u.sum = term_text(net, u.n, out, u.channel_axis);
    if (!first) {
        scale_text(net, u.n, u.factor);
    }
    u.result = out;
    out.type = NET_I32;
    if (net_chance(net, 20)) {
        (void)net_add(net, &out, "Neg(%c%d)", u.sum, u.n); // somebody else reads the sums
    }
    if (net_chance(net, 90)) {
        unscale(net, u);
    }
    return true;
}

static const net_maker makers[] = {add_qlinear_conv,     add_qlinear_conv, add_qlinear_product,
                                   add_computed_product, add_qlinear_sum,  add_on_codes,
                                   add_on_codes,         add_dynamic,      add_dynamic,
                                   add_dynamic};

struct net_makers net_integer_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}

struct net_makers net_dynamic_makers(void)
{
    static const net_maker dynamic[] = {add_dynamic};
    return (struct net_makers){dynamic, MOPT_COUNTOF(dynamic)};
}
