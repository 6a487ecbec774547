// SPDX-License-Identifier: Apache-2.0
// Rules of reverse accumulation, operator by operator.
#include <math.h>
#include <string.h>

#include "ops/gradient.h"
#include "ops/nn_util.h"
#include "ops/operands.h"

struct rule {
    const char *name;
    int since; // first opset with this meaning
    enum mopt_status (*add)(const struct mopt_gradient *g, const struct rule *rule,
                            struct mopt_error *err);
    double (*unary)(double x, double y);
    void (*binary)(double x, double y, double z, double *dx, double *dy);
};

// ---- One input, element by element --------------------------------------------------------------

static double d_neg(double x, double y)
{
    (void)x;
    (void)y;
    return -1;
}

static double d_abs(double x, double y)
{
    (void)y;
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static double d_exp(double x, double y)
{
    (void)x;
    return y;
}

static double d_log(double x, double y)
{
    (void)y;
    return 1 / x;
}

static double d_sqrt(double x, double y)
{
    (void)x;
    return 0.5 / y;
}

static double d_reciprocal(double x, double y)
{
    (void)x;
    return -y * y;
}

static double d_sin(double x, double y)
{
    (void)y;
    return cos(x);
}

static double d_cos(double x, double y)
{
    (void)y;
    return -sin(x);
}

static double d_tan(double x, double y)
{
    (void)x;
    return 1 + y * y;
}

static double d_sinh(double x, double y)
{
    (void)y;
    return cosh(x);
}

static double d_cosh(double x, double y)
{
    (void)y;
    return sinh(x);
}

static double d_tanh(double x, double y)
{
    (void)x;
    return 1 - y * y;
}

static double d_atan(double x, double y)
{
    (void)y;
    return 1 / (1 + x * x);
}

static double d_sigmoid(double x, double y)
{
    (void)x;
    return y * (1 - y);
}

static double d_relu(double x, double y)
{
    (void)y;
    return x > 0 ? 1 : 0;
}

static double d_softplus(double x, double y)
{
    (void)y;
    return 1 / (1 + exp(-x));
}

static double d_softsign(double x, double y)
{
    (void)y;
    return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
}

static double d_erf(double x, double y)
{
    (void)y;
    return 1.12837916709551257390 * exp(-x * x); // 2 / sqrt(pi)
}

static enum mopt_status add_unary(const struct mopt_gradient *g, const struct rule *rule,
                                  struct mopt_error *err)
{
    (void)err;
    for (size_t i = 0; g->slopes[0] != NULL && i < g->output->count; i++) {
        g->slopes[0][i] += g->slope[i] * rule->unary(mopt__tensor_f64(g->inputs[0], i),
                                                     mopt__tensor_f64(g->output, i));
    }
    return MOPT_OK;
}

// The output holds the elements of input 0 in the same order.
static enum mopt_status add_same(const struct mopt_gradient *g, const struct rule *rule,
                                 struct mopt_error *err)
{
    (void)rule;
    const struct mopt_tensor *x = g->inputs[0];
    if (x->count != g->output->count || !mopt__dtype_is_float(x->dtype)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no gradient for type '%s'",
                              mopt__dtype_name(x->dtype));
    }
    for (size_t i = 0; g->slopes[0] != NULL && i < x->count; i++) {
        g->slopes[0][i] += g->slope[i];
    }
    return MOPT_OK;
}

// ---- Broadcast ----------------------------------------------------------------------------------

// Steps through all indices of a shape; gives the places in up to three strided arrays.
struct places {
    int rank;
    int64_t dims[MOPT_RANK_MAX], index[MOPT_RANK_MAX];
    int64_t strides[3][MOPT_RANK_MAX];
    size_t at[3];
};

static void next_place(struct places *p)
{
    for (int k = p->rank - 1; k >= 0; k--) {
        const bool carry = ++p->index[k] == p->dims[k];
        for (int a = 0; a < 3; a++) {
            const int64_t step = carry ? -(p->dims[k] - 1) * p->strides[a][k] : p->strides[a][k];
            p->at[a] = (size_t)((int64_t)p->at[a] + step);
        }
        if (!carry) {
            return;
        }
        p->index[k] = 0;
    }
}

static void open_places(struct places *p, const struct mopt_tensor *over)
{
    memset(p, 0, sizeof *p);
    p->rank = over->rank;
    memcpy(p->dims, over->dims, sizeof p->dims);
}

static void d_add(double x, double y, double z, double *dx, double *dy)
{
    (void)x;
    (void)y;
    (void)z;
    *dx = 1;
    *dy = 1;
}

static void d_sub(double x, double y, double z, double *dx, double *dy)
{
    (void)x;
    (void)y;
    (void)z;
    *dx = 1;
    *dy = -1;
}

static void d_mul(double x, double y, double z, double *dx, double *dy)
{
    (void)z;
    *dx = y;
    *dy = x;
}

static void d_div(double x, double y, double z, double *dx, double *dy)
{
    (void)x;
    *dx = 1 / y;
    *dy = -z / y;
}

static void d_pow(double x, double y, double z, double *dx, double *dy)
{
    *dx = y == 0 ? 0 : y * pow(x, y - 1);
    *dy = x > 0 ? z * log(x) : 0;
}

static enum mopt_status add_binary(const struct mopt_gradient *g, const struct rule *rule,
                                   struct mopt_error *err)
{
    (void)err;
    const struct mopt_tensor *x = g->inputs[0];
    const struct mopt_tensor *y = g->inputs[1];
    struct places p;
    open_places(&p, g->output);
    mopt__broadcast_strides(x, p.rank, p.dims, p.strides[0]);
    mopt__broadcast_strides(y, p.rank, p.dims, p.strides[1]);
    for (size_t i = 0; i < g->output->count; i++, next_place(&p)) {
        double dx = 0;
        double dy = 0;
        rule->binary(mopt__tensor_f64(x, p.at[0]), mopt__tensor_f64(y, p.at[1]),
                     mopt__tensor_f64(g->output, i), &dx, &dy);
        if (g->slopes[0] != NULL) {
            g->slopes[0][p.at[0]] += g->slope[i] * dx;
        }
        if (g->slopes[1] != NULL) {
            g->slopes[1][p.at[1]] += g->slope[i] * dy;
        }
    }
    return MOPT_OK;
}

// Sum, and Mean.
static enum mopt_status add_sum(const struct mopt_gradient *g, const struct rule *rule,
                                struct mopt_error *err)
{
    (void)err;
    const double part = strcmp(rule->name, "Mean") == 0 ? 1.0 / g->node->input_count : 1.0;
    for (uint32_t k = 0; k < g->node->input_count; k++) {
        struct places p;
        open_places(&p, g->output);
        mopt__broadcast_strides(g->inputs[k], p.rank, p.dims, p.strides[0]);
        for (size_t i = 0; g->slopes[k] != NULL && i < g->output->count; i++, next_place(&p)) {
            g->slopes[k][p.at[0]] += part * g->slope[i];
        }
    }
    return MOPT_OK;
}

static enum mopt_status add_where(const struct mopt_gradient *g, const struct rule *rule,
                                  struct mopt_error *err)
{
    (void)rule;
    (void)err;
    struct places p;
    open_places(&p, g->output);
    for (int k = 0; k < 3; k++) {
        mopt__broadcast_strides(g->inputs[k], p.rank, p.dims, p.strides[k]);
    }
    for (size_t i = 0; i < g->output->count; i++, next_place(&p)) {
        const int chosen = mopt__tensor_i64_at(g->inputs[0], p.at[0]) != 0 ? 1 : 2;
        if (g->slopes[chosen] != NULL) {
            g->slopes[chosen][p.at[chosen]] += g->slope[i];
        }
    }
    return MOPT_OK;
}

// ---- Moves and sums -----------------------------------------------------------------------------

static enum mopt_status add_transpose(const struct mopt_gradient *g, const struct rule *rule,
                                      struct mopt_error *err)
{
    (void)rule;
    const struct mopt_tensor *x = g->inputs[0];
    const int64_t *perm = NULL;
    size_t count = 0;
    int64_t strides[MOPT_RANK_MAX];
    struct places p;
    enum mopt_status status = mopt__attr_ints(g->node, "perm", &perm, &count, err);
    open_places(&p, g->output);
    mopt__strides(x->rank, x->dims, strides);
    for (int k = 0; k < x->rank; k++) {
        p.strides[0][k] = strides[count > 0 ? (int)perm[k] : x->rank - 1 - k];
    }
    for (size_t i = 0; status == MOPT_OK && g->slopes[0] != NULL && i < x->count;
         i++, next_place(&p)) {
        g->slopes[0][p.at[0]] += g->slope[i];
    }
    return status;
}

// Axes that ReduceSum and ReduceMean sum over.
static enum mopt_status reduced_axes(const struct mopt_gradient *g, bool marks[MOPT_RANK_MAX],
                                     struct mopt_error *err)
{
    const int rank = g->inputs[0]->rank;
    const struct mopt_tensor *list = g->node->input_count > 1 ? g->inputs[1] : NULL;
    const int64_t *given = NULL;
    int64_t axes[MOPT_RANK_MAX];
    size_t count = 0;
    enum mopt_status status =
        list == NULL ? mopt__attr_ints(g->node, "axes", &given, &count, err) : MOPT_OK;
    count = list != NULL ? list->count : count;
    if (status != MOPT_OK || count > MOPT_RANK_MAX) {
        return status != MOPT_OK ? status : mopt_error_set(err, MOPT_E_VALUE, "too many axes");
    }
    for (size_t k = 0; k < count; k++) {
        axes[k] = list != NULL ? mopt__tensor_i64_at(list, k) : given[k];
    }
    const bool all = count == 0 && mopt__int_of(g->node, "noop_with_empty_axes", 0) == 0;
    for (int k = 0; k < rank; k++) {
        marks[k] = all;
    }
    return count > 0 ? mopt__axes_mark(axes, count, rank, marks, err) : MOPT_OK;
}

static enum mopt_status add_reduce(const struct mopt_gradient *g, const struct rule *rule,
                                   struct mopt_error *err)
{
    const struct mopt_tensor *x = g->inputs[0];
    bool marks[MOPT_RANK_MAX] = {false};
    enum mopt_status status = reduced_axes(g, marks, err);
    struct places p;
    int64_t stride = 1;
    double part = 1;
    open_places(&p, x);
    for (int k = x->rank - 1; k >= 0; k--) {
        p.strides[0][k] = marks[k] ? 0 : stride;
        stride *= marks[k] ? 1 : x->dims[k];
        part /= marks[k] && strcmp(rule->name, "ReduceMean") == 0 ? (double)x->dims[k] : 1.0;
    }
    for (size_t i = 0; status == MOPT_OK && g->slopes[0] != NULL && i < x->count;
         i++, next_place(&p)) {
        g->slopes[0][i] += part * g->slope[p.at[0]];
    }
    return status;
}

static enum mopt_status add_concat(const struct mopt_gradient *g, const struct rule *rule,
                                   struct mopt_error *err)
{
    (void)rule;
    int axis = 0;
    enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(g->node, "axis", 1), g->output->rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    const size_t inner = mopt__nn_product(g->output->dims, axis + 1, g->output->rank);
    const size_t outer = mopt__nn_product(g->output->dims, 0, axis);
    const size_t row = (size_t)g->output->dims[axis] * inner;
    size_t first = 0;
    for (uint32_t k = 0; k < g->node->input_count; k++) {
        const size_t part = (size_t)g->inputs[k]->dims[axis] * inner;
        for (size_t i = 0; g->slopes[k] != NULL && i < outer * part; i++) {
            g->slopes[k][i] += g->slope[i / part * row + first + i % part];
        }
        first += part;
    }
    return MOPT_OK;
}

// Softmax and LogSoftmax: rows of `count` elements that lie `inner` apart.
static enum mopt_status add_softmax(const struct mopt_gradient *g, const struct rule *rule,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *y = g->output;
    const bool logarithm = strcmp(rule->name, "LogSoftmax") == 0;
    const bool flat = g->node->op->since < 13; // all axes from this one on make the row
    int axis = 0;
    enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(g->node, "axis", flat ? 1 : -1), y->rank, &axis, err);
    if (status != MOPT_OK || y->count == 0 || g->slopes[0] == NULL) {
        return status;
    }
    const size_t inner = flat ? 1 : mopt__nn_product(y->dims, axis + 1, y->rank);
    const size_t count = flat ? mopt__nn_product(y->dims, axis, y->rank) : (size_t)y->dims[axis];
    for (size_t row = 0; row < y->count / count; row++) {
        const size_t first = row / inner * count * inner + row % inner;
        double sum = 0;
        for (size_t i = first; i < first + count * inner; i += inner) {
            sum += g->slope[i] * (logarithm ? 1 : mopt__tensor_f64(y, i));
        }
        for (size_t i = first; i < first + count * inner; i += inner) {
            const double v = mopt__tensor_f64(y, i);
            g->slopes[0][i] += logarithm ? g->slope[i] - exp(v) * sum : v * (g->slope[i] - sum);
        }
    }
    return MOPT_OK;
}

// ---- Products -----------------------------------------------------------------------------------

// Y[m,n] += scale * sum over k of A[m,k] B[k,n], with the strides of the two and places of their
// first elements.
struct product {
    size_t m, n, k;
    size_t am, ak, bk, bn;
    size_t a, b, y;
    double scale;
};

// Row i of Y.
static void add_product_row(const struct mopt_gradient *g, const struct product *p, size_t i)
{
    for (size_t jk = 0; jk < p->n * p->k; jk++) {
        const size_t j = jk / p->k;
        const size_t k = jk % p->k;
        const double slope = p->scale * g->slope[p->y + i * p->n + j];
        const size_t a = p->a + i * p->am + k * p->ak;
        const size_t b = p->b + k * p->bk + j * p->bn;
        if (g->slopes[0] != NULL) {
            g->slopes[0][a] += slope * mopt__tensor_f64(g->inputs[1], b);
        }
        if (g->slopes[1] != NULL) {
            g->slopes[1][b] += slope * mopt__tensor_f64(g->inputs[0], a);
        }
    }
}

static enum mopt_status add_product(const struct mopt_gradient *g, const struct product *p,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < p->m; i++) {
        add_product_row(g, p, i);
        status = mopt__budget_check(g->budget, err);
    }
    return status;
}

static enum mopt_status add_gemm(const struct mopt_gradient *g, const struct rule *rule,
                                 struct mopt_error *err)
{
    (void)rule;
    const struct mopt_tensor *a = g->inputs[0];
    const struct mopt_tensor *b = g->inputs[1];
    const bool ta = mopt__int_of(g->node, "transA", 0) != 0;
    const bool tb = mopt__int_of(g->node, "transB", 0) != 0;
    float alpha = 1;
    float beta = 1;
    enum mopt_status status = mopt__attr_float(g->node, "alpha", 1, &alpha, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(g->node, "beta", 1, &beta, err);
    }
    const size_t across = (size_t)a->dims[1];
    const size_t down = (size_t)b->dims[1];
    const struct product p = {.m = (size_t)g->output->dims[0],
                              .n = (size_t)g->output->dims[1],
                              .k = (size_t)a->dims[ta ? 0 : 1],
                              .am = ta ? 1 : across,
                              .ak = ta ? across : 1,
                              .bk = tb ? 1 : down,
                              .bn = tb ? down : 1,
                              .scale = (double)alpha};
    if (status == MOPT_OK) {
        status = add_product(g, &p, err);
    }
    struct places c;
    const bool biased = g->node->input_count > 2 && g->inputs[2] != NULL && g->slopes[2] != NULL;
    open_places(&c, g->output);
    if (biased) {
        mopt__broadcast_strides(g->inputs[2], c.rank, c.dims, c.strides[0]);
    }
    for (size_t i = 0; status == MOPT_OK && biased && i < g->output->count; i++, next_place(&c)) {
        g->slopes[2][c.at[0]] += (double)beta * g->slope[i];
    }
    return status;
}

// Strides of the axes before the last two, against those of the product.
static void batch_strides(const struct mopt_tensor *t, const struct places *p,
                          int64_t strides[MOPT_RANK_MAX])
{
    int64_t all[MOPT_RANK_MAX] = {0};
    mopt__strides(t->rank, t->dims, all);
    for (int k = 0; k < p->rank; k++) {
        const int own = k - p->rank + t->rank - 2; // axis of t
        strides[k] = own >= 0 && t->dims[own] != 1 ? all[own] : 0;
    }
}

static enum mopt_status add_matmul(const struct mopt_gradient *g, const struct rule *rule,
                                   struct mopt_error *err)
{
    (void)rule;
    const struct mopt_tensor *a = g->inputs[0];
    const struct mopt_tensor *b = g->inputs[1];
    const bool row = a->rank == 1;    // vector from the left
    const bool column = b->rank == 1; // vector from the right
    struct product p = {.m = row ? 1 : (size_t)a->dims[a->rank - 2],
                        .n = column ? 1 : (size_t)b->dims[b->rank - 1],
                        .k = (size_t)a->dims[a->rank - 1],
                        .ak = 1,
                        .bn = 1,
                        .scale = 1};
    p.am = p.k;
    p.bk = p.n;
    struct places batch;
    open_places(&batch, g->output);
    batch.rank = g->output->rank - (row ? 0 : 1) - (column ? 0 : 1);
    batch_strides(a, &batch, batch.strides[0]);
    batch_strides(b, &batch, batch.strides[1]);
    const size_t each = p.m * p.n;
    const size_t batches = each > 0 ? g->output->count / each : 0;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < batches; i++, next_place(&batch)) {
        p.a = batch.at[0];
        p.b = batch.at[1];
        p.y = i * each;
        status = add_product(g, &p, err);
    }
    return status;
}

// ---- Table --------------------------------------------------------------------------------------

#define UNARY(op, function)                                             \
    {                                                                   \
        .name = (op), .since = 1, .add = add_unary, .unary = (function) \
    }
#define BINARY(op, function)                                              \
    {                                                                     \
        .name = (op), .since = 7, .add = add_binary, .binary = (function) \
    }
#define OTHER(op, version, function)                        \
    {                                                       \
        .name = (op), .since = (version), .add = (function) \
    }

static const struct rule rules[] = {
    UNARY("Neg", d_neg),
    UNARY("Abs", d_abs),
    UNARY("Exp", d_exp),
    UNARY("Log", d_log),
    UNARY("Sqrt", d_sqrt),
    UNARY("Reciprocal", d_reciprocal),
    UNARY("Sin", d_sin),
    UNARY("Cos", d_cos),
    UNARY("Tan", d_tan),
    UNARY("Sinh", d_sinh),
    UNARY("Cosh", d_cosh),
    UNARY("Tanh", d_tanh),
    UNARY("Atan", d_atan),
    UNARY("Sigmoid", d_sigmoid),
    UNARY("Relu", d_relu),
    UNARY("Softplus", d_softplus),
    UNARY("Softsign", d_softsign),
    UNARY("Erf", d_erf),
    BINARY("Add", d_add),
    BINARY("Sub", d_sub),
    BINARY("Mul", d_mul),
    BINARY("Div", d_div),
    BINARY("Pow", d_pow),
    OTHER("Sum", 8, add_sum),
    OTHER("Mean", 8, add_sum),
    OTHER("Where", 9, add_where),
    OTHER("Identity", 1, add_same),
    OTHER("Cast", 6, add_same),
    OTHER("Reshape", 1, add_same),
    OTHER("Flatten", 1, add_same),
    OTHER("Squeeze", 1, add_same),
    OTHER("Unsqueeze", 1, add_same),
    OTHER("Transpose", 1, add_transpose),
    OTHER("Concat", 4, add_concat),
    OTHER("ReduceSum", 1, add_reduce),
    OTHER("ReduceMean", 1, add_reduce),
    OTHER("Softmax", 1, add_softmax),
    OTHER("LogSoftmax", 1, add_softmax),
    OTHER("Gemm", 7, add_gemm),
    OTHER("MatMul", 1, add_matmul),
};

enum mopt_status mopt__gradient_add(const struct mopt_gradient *gradient, struct mopt_error *err)
{
    const struct mopt_op *op = gradient->node->op;
    for (size_t i = 0; i < MOPT_COUNTOF(rules) && *op->domain == '\0'; i++) {
        if (strcmp(rules[i].name, op->name) == 0 && op->since >= rules[i].since) {
            return rules[i].add(gradient, &rules[i], err);
        }
    }
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no rule gives the gradient of '%s' of opset %d",
                          op->name, op->since);
}
