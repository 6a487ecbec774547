// SPDX-License-Identifier: Apache-2.0
// ReduceSum, Mean, Prod, Max, Min, L1, L2, LogSum, LogSumExp, SumSquare. Floats accumulate in
// double, integers in 64 bits (wrapping); means of integers truncate toward zero. Over an empty
// set: sums are 0, products 1, maxima and minima the far end of the type, means of floats NaN, of
// integers 0.
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/lanes.h"

enum kind { SUM, MEAN, PROD, MAX, MIN, L1, L2, LOG_SUM, LOG_SUM_EXP, SUM_SQUARE };
struct reduce_row {
    enum kind kind;
};

// Loops of the input in order, joined where neighbours are of one kind.
struct plan {
    const struct mopt_tensor *in;
    struct mopt_tensor *out;
    enum kind kind;
    bool integers, is_unsigned;
    int kept, reduced; // loops of either kind outside the innermost one
    int64_t kept_dims[MOPT_RANK_MAX], kept_strides[MOPT_RANK_MAX];
    int64_t reduced_dims[MOPT_RANK_MAX], reduced_strides[MOPT_RANK_MAX];
    int64_t kept_trips, reduced_trips, total; // total: elements that make one result
    int64_t inner;                            // trips of the innermost loop (stride 1)
    bool inner_reduced;
};

// Sums of neighbours: of floats or of integers.
struct lanes {
    double f[MOPT_LANES];
    int64_t i[MOPT_LANES];
};

static int64_t far_integer(enum mopt_dtype dtype, bool high)
{
    const unsigned bits = dtype == MOPT_BOOL ? 1 : mopt__dtype_bits(dtype);
    if (mopt__dtype_is_signed(dtype)) {
        const int64_t top = INT64_MAX >> (64 - bits);
        return high ? top : -top - 1;
    }
    return high ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
}

// What n lanes begin with.
static void start(const struct plan *p, struct lanes *acc, double *aux, size_t n)
{
    const bool one = p->kind == PROD;
    const int64_t integer = !p->integers     ? 0
                            : one            ? 1
                            : p->kind == MAX ? far_integer(p->in->dtype, false)
                            : p->kind == MIN ? far_integer(p->in->dtype, true)
                                             : 0;
    const double real = one                                        ? 1.0
                        : p->kind == MAX || p->kind == LOG_SUM_EXP ? (double)-INFINITY
                        : p->kind == MIN                           ? (double)INFINITY
                                                                   : 0.0;
    for (size_t k = 0; k < n; k++) {
        acc->f[k] = real;
        acc->i[k] = integer;
        aux[k] = 0.0;
    }
}

// sum of exp(x - top) with the top moving up
static void log_sum_exp(double *top, double *sum, double x)
{
    if (x > *top) {
        *sum = *sum * exp(*top - x) + 1.0;
        *top = x;
    } else if (x == *top) {
        *sum += 1.0;
    } else {
        *sum += exp(x - *top);
    }
}

#define ADD(a, v) ((a) + (v))
#define TIMES(a, v) ((a) * (v))
#define LARGER(a, v) ((v) > (a) || (v) != (v) ? (v) : (a))
#define SMALLER(a, v) ((v) < (a) || (v) != (v) ? (v) : (a))
#define ADD_SIZE(a, v) ((a) + fabs(v))
#define ADD_SQUARE(a, v) ((a) + (v) * (v))

// acc[k] = acc[k] op x[k]
#define LANES_F(op)                      \
    for (size_t k = 0; k < n; k++) {     \
        acc->f[k] = op(acc->f[k], x[k]); \
    }                                    \
    break
// acc[0] = acc[0] op x[0] op x[1] ... in four partial results, whose places do not depend on
// threads
#define ROW_F(zero, op, join)            \
    {                                    \
        double a = *acc;                 \
        double b = zero;                 \
        double c = zero;                 \
        double d = zero;                 \
        size_t k = 0;                    \
        for (; k + 4 <= n; k += 4) {     \
            a = op(a, (double)x[k]);     \
            b = op(b, (double)x[k + 1]); \
            c = op(c, (double)x[k + 2]); \
            d = op(d, (double)x[k + 3]); \
        }                                \
        for (; k < n; k++) {             \
            a = op(a, (double)x[k]);     \
        }                                \
        a = join(a, b);                  \
        c = join(c, d);                  \
        *acc = join(a, c);               \
    }                                    \
    break

static void fold_lanes(enum kind kind, struct lanes *acc, double *aux, const double *x, size_t n)
{
    switch (kind) {
    case SUM:
    case MEAN:
    case LOG_SUM:
        LANES_F(ADD);
    case PROD:
        LANES_F(TIMES);
    case MAX:
        LANES_F(LARGER);
    case MIN:
        LANES_F(SMALLER);
    case L1:
        LANES_F(ADD_SIZE);
    case L2:
    case SUM_SQUARE:
        LANES_F(ADD_SQUARE);
    case LOG_SUM_EXP:
        for (size_t k = 0; k < n; k++) {
            log_sum_exp(&acc->f[k], &aux[k], x[k]);
        }
        break;
    }
}

#define ROWS_OF(T, name)                                                             \
    static void name(enum kind kind, double *acc, double *aux, const T *x, size_t n) \
    {                                                                                \
        switch (kind) {                                                              \
        case SUM:                                                                    \
        case MEAN:                                                                   \
        case LOG_SUM:                                                                \
            ROW_F(0.0, ADD, ADD);                                                    \
        case PROD:                                                                   \
            ROW_F(1.0, TIMES, TIMES);                                                \
        case MAX:                                                                    \
            ROW_F(*acc, LARGER, LARGER);                                             \
        case MIN:                                                                    \
            ROW_F(*acc, SMALLER, SMALLER);                                           \
        case L1:                                                                     \
            ROW_F(0.0, ADD_SIZE, ADD);                                               \
        case L2:                                                                     \
        case SUM_SQUARE:                                                             \
            ROW_F(0.0, ADD_SQUARE, ADD);                                             \
        case LOG_SUM_EXP:                                                            \
            for (size_t k = 0; k < n; k++) {                                         \
                log_sum_exp(acc, aux, (double)x[k]);                                 \
            }                                                                        \
            break;                                                                   \
        }                                                                            \
    }

ROWS_OF(double, fold_row)
ROWS_OF(float, fold_float_row)

enum { WIDE = 16 };

// The extreme of many floats: of WIDE columns first.
static void extreme_row(enum kind kind, double *acc, const float *x, size_t n)
{
    float lanes[WIDE];
    size_t i = WIDE;
    for (size_t k = 0; k < WIDE; k++) {
        lanes[k] = x[k];
    }
    for (; i + WIDE <= n; i += WIDE) {
        for (size_t k = 0; k < WIDE; k++) {
            lanes[k] = kind == MAX ? LARGER(lanes[k], x[i + k]) : SMALLER(lanes[k], x[i + k]);
        }
    }
    fold_float_row(kind, acc, NULL, lanes, WIDE);
    fold_float_row(kind, acc, NULL, x + i, n - i);
}

// The same of floats, in the same order: ROWS elements of each lane at once, as most are joined.
enum { ROWS = 4 };

#define LANES_F32(op)                \
    for (size_t k = 0; k < n; k++) { \
        double a = acc->f[k];        \
        a = op(a, (double)x0[k]);    \
        a = op(a, (double)x1[k]);    \
        a = op(a, (double)x2[k]);    \
        a = op(a, (double)x3[k]);    \
        acc->f[k] = a;               \
    }                                \
    break

static void fold_floats(enum kind kind, struct lanes *acc, const float *const x[ROWS], size_t n)
{
    const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    switch (kind) {
    case L1:
        LANES_F32(ADD_SIZE);
    case L2:
    case SUM_SQUARE:
        LANES_F32(ADD_SQUARE);
    case MAX:
        LANES_F32(LARGER);
    case MIN:
        LANES_F32(SMALLER);
    default:
        LANES_F32(ADD);
    }
}

static bool above(int64_t a, int64_t b, bool is_unsigned)
{
    return is_unsigned ? (uint64_t)a > (uint64_t)b : a > b;
}

static int64_t join_integer(const struct plan *p, int64_t a, int64_t v)
{
    const uint64_t x = (uint64_t)v;
    switch (p->kind) {
    case PROD:
        return (int64_t)((uint64_t)a * x);
    case MAX:
        return above(v, a, p->is_unsigned) ? v : a;
    case MIN:
        return above(a, v, p->is_unsigned) ? v : a;
    case L1:
        return (int64_t)((uint64_t)a + (!p->is_unsigned && v < 0 ? 0 - x : x));
    case SUM_SQUARE:
        return (int64_t)((uint64_t)a + x * x);
    default:
        return (int64_t)((uint64_t)a + x);
    }
}

// n consecutive elements: one for each of n results.
static void fold_chunk(const struct plan *p, struct lanes *acc, double *aux, int64_t first,
                       size_t n)
{
    if (p->integers) {
        int64_t x[MOPT_LANES];
        mopt__load_i64(p->in->dtype, p->in->data, first, 1, n, x);
        for (size_t k = 0; k < n; k++) {
            acc->i[k] = join_integer(p, acc->i[k], x[k]);
        }
        return;
    }
    double x[MOPT_LANES];
    mopt__load_f64(p->in->dtype, p->in->data, first, 1, n, x);
    fold_lanes(p->kind, acc, aux, x, n);
}

// n consecutive elements of one result, number k.
static void fold_piece(const struct plan *p, struct lanes *acc, double *aux, size_t k,
                       int64_t first, size_t n)
{
    if (p->integers) {
        int64_t x[MOPT_LANES];
        mopt__load_i64(p->in->dtype, p->in->data, first, 1, n, x);
        for (size_t i = 0; i < n; i++) {
            acc->i[k] = join_integer(p, acc->i[k], x[i]);
        }
        return;
    }
    if (p->in->dtype == MOPT_FLOAT32) {
        const float *x = (const float *)p->in->data + first;
        if ((p->kind == MAX || p->kind == MIN) && n >= WIDE) {
            extreme_row(p->kind, &acc->f[k], x, n);
        } else {
            fold_float_row(p->kind, &acc->f[k], &aux[k], x, n);
        }
        return;
    }
    double x[MOPT_LANES];
    mopt__load_f64(p->in->dtype, p->in->data, first, 1, n, x);
    fold_row(p->kind, &acc->f[k], &aux[k], x, n);
}

static int64_t finish_integer(const struct plan *p, int64_t a)
{
    if (p->kind != MEAN) {
        return a;
    }
    if (p->total == 0) {
        return 0;
    }
    return p->is_unsigned ? (int64_t)((uint64_t)a / (uint64_t)p->total) : a / p->total;
}

static double finish_float(const struct plan *p, double a, double aux)
{
    switch (p->kind) {
    case MEAN:
        return a / (double)p->total;
    case L2:
        return sqrt(a);
    case LOG_SUM:
        return log(a);
    case LOG_SUM_EXP:
        return isinf(a) ? a : a + log(aux);
    default:
        return a;
    }
}

static void finish(const struct plan *p, const struct lanes *acc, const double *aux, int64_t first,
                   size_t n)
{
    int64_t integers[MOPT_LANES];
    double floats[MOPT_LANES];
    for (size_t k = 0; k < n; k++) {
        if (p->integers) {
            integers[k] = finish_integer(p, acc->i[k]);
        } else {
            floats[k] = finish_float(p, acc->f[k], aux[k]);
        }
    }
    if (p->integers) {
        mopt__store_i64(p->out->dtype, mopt__tensor_data(p->out), first, n, integers);
    } else {
        mopt__store_f64(p->out->dtype, mopt__tensor_data(p->out), first, n, floats);
    }
}

static int64_t offset_of(int64_t index, int loops, const int64_t *dims, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = loops - 1; i > 0; i--) {
        offset += index % dims[i] * strides[i];
        index /= dims[i];
    }
    return loops > 0 ? offset + index * strides[0] : 0;
}

// Takes as many trips of the reduced loops as it can at once; how many.
static int64_t skip_floats(const struct plan *p, struct lanes *acc, int64_t base, size_t n)
{
    const float *data = p->in->data;
    int64_t r = 0;
    if (p->integers || p->in->dtype != MOPT_FLOAT32 || p->kind == PROD || p->kind == LOG_SUM_EXP) {
        return 0;
    }
    for (; r + ROWS <= p->reduced_trips; r += ROWS) {
        const float *x[ROWS];
        for (int i = 0; i < ROWS; i++) {
            x[i] = data + base + offset_of(r + i, p->reduced, p->reduced_dims, p->reduced_strides);
        }
        fold_floats(p->kind, acc, x, n);
    }
    return r;
}

// n results of kept trip `trip` side by side, the first one in lane `lane`.
static void lanes_block(const struct plan *p, int64_t trip, int64_t lane, size_t n)
{
    struct lanes acc;
    double aux[MOPT_LANES];
    start(p, &acc, aux, n);
    const int64_t base = offset_of(trip, p->kept, p->kept_dims, p->kept_strides) + lane;
    for (int64_t r = skip_floats(p, &acc, base, n); r < p->reduced_trips; r++) {
        fold_chunk(p, &acc, aux,
                   base + offset_of(r, p->reduced, p->reduced_dims, p->reduced_strides), n);
    }
    finish(p, &acc, aux, trip * p->inner + lane, n);
}

// Results of n kept trips, each of which is made of rows.
static void rows_block(const struct plan *p, int64_t trip, size_t n)
{
    struct lanes acc;
    double aux[MOPT_LANES];
    start(p, &acc, aux, n);
    for (size_t k = 0; k < n; k++) {
        const int64_t base = offset_of(trip + (int64_t)k, p->kept, p->kept_dims, p->kept_strides);
        for (int64_t r = 0; r < p->reduced_trips; r++) {
            const int64_t first =
                base + offset_of(r, p->reduced, p->reduced_dims, p->reduced_strides);
            for (int64_t i = 0; i < p->inner; i += MOPT_LANES) {
                const int64_t rest = p->inner - i;
                fold_piece(p, &acc, aux, k, first + i,
                           (size_t)(rest < MOPT_LANES ? rest : MOPT_LANES));
            }
        }
    }
    finish(p, &acc, aux, trip, n);
}

static void reduce_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct plan *p = context;
    int64_t n = 0;
    (void)thread;
    for (int64_t i = begin; i < end; i += n) {
        const int64_t lane = p->inner_reduced ? 0 : i % p->inner;
        n = p->inner_reduced ? end - i : p->inner - lane;
        n = n < end - i ? n : end - i;
        n = n < MOPT_LANES ? n : MOPT_LANES;
        if (p->inner_reduced) {
            rows_block(p, i, (size_t)n);
        } else {
            lanes_block(p, i / p->inner, lane, (size_t)n);
        }
    }
}

// ---- Plan -----------------------------------------------------------------------------------------------------

static void add_loop(int *count, int64_t *dims, int64_t *strides, int64_t dim, int64_t stride)
{
    dims[*count] = dim;
    strides[*count] = stride;
    (*count)++;
}

static void make_plan(struct plan *p, const bool *marks)
{
    int64_t dims[MOPT_RANK_MAX];
    int64_t strides[MOPT_RANK_MAX];
    bool reduced[MOPT_RANK_MAX];
    int loops = 0;
    mopt__strides(p->in->rank, p->in->dims, strides);
    p->total = p->kept_trips = p->reduced_trips = 1;
    for (int i = 0; i < p->in->rank; i++) {
        const int64_t dim = p->in->dims[i];
        p->total *= marks[i] ? dim : 1;
        if (dim == 1) {
            continue;
        }
        if (loops > 0 && reduced[loops - 1] == marks[i]) {
            dims[loops - 1] *= dim;
            strides[loops - 1] = strides[i];
            continue;
        }
        dims[loops] = dim;
        reduced[loops] = marks[i];
        strides[loops] = strides[i];
        loops++;
    }
    p->inner = loops > 0 ? dims[loops - 1] : 1;
    p->inner_reduced = loops > 0 && reduced[loops - 1];
    for (int i = 0; i + 1 < loops; i++) {
        if (reduced[i]) {
            add_loop(&p->reduced, p->reduced_dims, p->reduced_strides, dims[i], strides[i]);
            p->reduced_trips *= dims[i];
        } else {
            add_loop(&p->kept, p->kept_dims, p->kept_strides, dims[i], strides[i]);
            p->kept_trips *= dims[i];
        }
    }
}

static enum mopt_status read_axes(const struct mopt_eval *eval, int rank, bool *marks,
                                  struct mopt_error *err)
{
    int64_t *axes = NULL;
    size_t count = 0;
    bool given = false;
    int64_t noop = 0;
    const bool as_input = eval->node->op->input_count > 1;
    enum mopt_status status = mopt__list_i64(eval, as_input ? 1 : 0, as_input ? NULL : "axes",
                                             &axes, &count, &given, err);
    if (status == MOPT_OK && as_input) {
        status = mopt__attr_int(eval->node, "noop_with_empty_axes", 0, &noop, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axes_mark(axes, count, rank, marks, err);
    }
    for (int i = 0; status == MOPT_OK && count == 0 && i < rank; i++) {
        marks[i] = noop == 0;
    }
    mopt__free(axes);
    return status;
}

static enum mopt_status reduce_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    bool marks[MOPT_RANK_MAX] = {false};
    int64_t dims[MOPT_RANK_MAX];
    int64_t keep = 1;
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_axes(eval, in[0]->rank, marks, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "keepdims", 1, &keep, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < in[0]->rank; i++) {
        if (!marks[i] || keep != 0) {
            dims[rank++] = marks[i] ? 1 : in[0]->dims[i];
        }
    }
    struct plan plan = {.in = in[0],
                        .kind = ((const struct reduce_row *)eval->node->op->data)->kind};
    const bool real = plan.kind == L2 || plan.kind == LOG_SUM || plan.kind == LOG_SUM_EXP;
    plan.integers = !mopt__dtype_is_float(in[0]->dtype) && !real;
    plan.is_unsigned = !mopt__dtype_is_signed(in[0]->dtype);
    status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &plan.out, err);
    if (status != MOPT_OK || plan.out->count == 0) {
        return status;
    }
    make_plan(&plan, marks);
    const int64_t grain = MOPT_LOOPS_GRAIN / (plan.total > 0 ? plan.total : 1) + 1;
    mopt__pool_for(eval->pool, (int64_t)plan.out->count, grain, reduce_range, &plan);
    return MOPT_OK;
}

// ---- Inference ------------------------------------------------------------------------------------------------

static int64_t join_values(struct mopt_dims *dims, enum kind kind, int64_t a, int64_t b)
{
    switch (kind) {
    case SUM:
        return mopt__dim_add(dims, a, b);
    case PROD:
        return mopt__dim_mul(dims, a, b);
    case MAX:
        return mopt__dim_max(dims, a, b);
    case MIN:
        return mopt__dim_min(dims, a, b);
    default:
        return MOPT_DIM_UNKNOWN;
    }
}

static enum mopt_status reduce_values(struct mopt_infer *infer, bool keep, struct mopt_error *err)
{
    const enum kind kind = ((const struct reduce_row *)infer->node->op->data)->kind;
    const int64_t *items = NULL;
    size_t count = 0;
    if (mopt__infer_rank(infer, 0) != 1 || !mopt__infer_ints(infer, 0, &items, &count) ||
        (count == 0 && kind != SUM && kind != PROD)) {
        return MOPT_OK;
    }
    int64_t value = count > 0 ? items[0] : kind == PROD ? 1 : 0;
    for (size_t i = 1; i < count; i++) {
        value = join_values(infer->dims, kind, value, items[i]);
    }
    value = mopt__value_fit(infer, value);
    const bool known = value != MOPT_DIM_UNKNOWN && mopt__infer_dtype(infer, 0) != MOPT_UINT64 &&
                       (kind == SUM || kind == PROD || kind == MAX || kind == MIN);
    return known ? mopt__infer_set_ints(infer, 0, keep ? 1 : 0, &value, 1, err) : MOPT_OK;
}

// Axes of an inferred node: false when not known; *count their number if that much is known, else
// -1.
static enum mopt_status infer_axes(const struct mopt_infer *infer, int rank, bool *marks,
                                   bool *known, int64_t *count, struct mopt_error *err)
{
    const bool as_input = infer->node->op->input_count > 1;
    const int64_t *axes = NULL;
    size_t n = 0;
    bool given = false;
    *known =
        mopt__infer_list(infer, as_input ? 1 : 0, as_input ? NULL : "axes", &axes, &n, &given) ||
        !given;
    *count = -1;
    for (size_t i = 0; *known && i < n; i++) {
        int64_t axis = 0;
        *known = mopt__dim_is_known(infer->dims, axes[i], &axis) || !as_input;
    }
    if (!*known) {
        const struct mopt_type *type = mopt__infer_tensor(infer, 1);
        if (type == NULL || type->rank != 1 ||
            !mopt__dim_is_known(infer->dims, type->dims[0], count)) {
            *count = -1;
        }
        return MOPT_OK;
    }
    int64_t *plain = mopt__arena_alloc(infer->arena, n + 1, sizeof *plain);
    if (plain == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        plain[i] = axes[i];
        if (as_input) {
            (void)mopt__dim_is_known(infer->dims, axes[i], &plain[i]);
        }
    }
    const enum mopt_status status = mopt__axes_mark(plain, n, rank, marks, err);
    const bool all =
        n == 0 && (!as_input || mopt__int_of(infer->node, "noop_with_empty_axes", 0) == 0);
    for (int i = 0; i < rank && n == 0; i++) {
        marks[i] = all;
    }
    return status;
}

static enum mopt_status reduce_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const bool keep = mopt__int_of(infer->node, "keepdims", 1) != 0;
    bool marks[MOPT_RANK_MAX] = {false};
    bool known = false;
    int64_t count = 0;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status = infer_axes(infer, type->rank, marks, &known, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!known) {
        const bool countable = count > 0 && count <= type->rank;
        return mopt__infer_unknown(infer,
                                   keep        ? type->rank
                                   : countable ? type->rank - (int)count
                                               : -1,
                                   err);
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < type->rank; i++) {
        if (!marks[i] || keep) {
            dims[rank++] = marks[i] ? 1 : type->dims[i];
        }
    }
    status = mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
    return status == MOPT_OK && type->rank == 1 && marks[0] ? reduce_values(infer, keep, err)
                                                            : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(op, text, from, to, set, row, ...)                                           \
    {                                                                                       \
        .domain = "", .name = op, .since = from, .until = to, .summary = text, __VA_ARGS__, \
        MOPT_OUTPUTS({"reduced", "T", set, 0}), .infer = reduce_infer, .eval = reduce_eval, \
        .cost = mopt__cost_input, .data = &(row)                                            \
    }
#define AXES_ATTRIBUTE(set)             \
    MOPT_INPUTS({"data", "T", set, 0}), \
        MOPT_ATTRIBUTES(MOPT_A_INTS("axes"), MOPT_A_FLAG("keepdims", 1))
#define AXES_INPUT(set)                                                        \
    MOPT_INPUTS({"data", "T", set, 0},                                         \
                {"axes", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}), \
        MOPT_ATTRIBUTES(MOPT_A_FLAG("keepdims", 1), MOPT_A_FLAG("noop_with_empty_axes", 0))
#define OLD(op, text, from, to, set, row) RECORD(op, text, from, to, set, row, AXES_ATTRIBUTE(set))
#define NEW(op, text, from, to, set, row) RECORD(op, text, from, to, set, row, AXES_INPUT(set))
#define COMMON(op, text, last, row)                                                         \
    OLD(op, text, 1, 12, MOPT_SET_WIDE, row), OLD(op, text, 13, 17, MOPT_SET_WIDE_BF, row), \
        NEW(op, text, 18, last, MOPT_SET_WIDE_BF, row)
#define BYTES (MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_UINT8))
#define EXTREME(op, text, row)                                                                   \
    OLD(op, text, 1, 11, MOPT_SET_WIDE, row), OLD(op, text, 12, 12, MOPT_SET_WIDE | BYTES, row), \
        OLD(op, text, 13, 17, MOPT_SET_WIDE_BF | BYTES, row),                                    \
        NEW(op, text, 18, 19, MOPT_SET_WIDE_BF | BYTES, row),                                    \
        NEW(op, text, 20, 0, MOPT_SET_WIDE_BF | BYTES | MOPT_SET_BOOL, row)

static const struct reduce_row sum_row = {SUM}, mean_row = {MEAN}, prod_row = {PROD},
                               max_row = {MAX}, min_row = {MIN}, l1_row = {L1}, l2_row = {L2},
                               log_sum_row = {LOG_SUM}, log_sum_exp_row = {LOG_SUM_EXP},
                               sum_square_row = {SUM_SQUARE};

static const struct mopt_op records[] = {
    COMMON("ReduceL1", "sum of absolute values over axes", 0, l1_row),
    COMMON("ReduceL2", "square root of the sum of squares over axes", 0, l2_row),
    COMMON("ReduceLogSum", "logarithm of the sum over axes", 27, log_sum_row),
    NEW("ReduceLogSum", "logarithm of the sum over axes", 28, 0, MOPT_SET_FLOATS_BF, log_sum_row),
    COMMON("ReduceLogSumExp", "logarithm of the sum of exponentials over axes", 27,
           log_sum_exp_row),
    NEW("ReduceLogSumExp", "logarithm of the sum of exponentials over axes", 28, 0,
        MOPT_SET_FLOATS_BF, log_sum_exp_row),
    EXTREME("ReduceMax", "largest element over axes", max_row),
    COMMON("ReduceMean", "mean over axes", 0, mean_row),
    EXTREME("ReduceMin", "smallest element over axes", min_row),
    COMMON("ReduceProd", "product over axes", 0, prod_row),
    OLD("ReduceSum", "sum over axes", 1, 12, MOPT_SET_WIDE, sum_row),
    NEW("ReduceSum", "sum over axes", 13, 0, MOPT_SET_WIDE_BF, sum_row),
    COMMON("ReduceSumSquare", "sum of squares over axes", 0, sum_square_row),
};
const struct mopt_op_family mopt__ops_reduce = {records, MOPT_COUNTOF(records)};
