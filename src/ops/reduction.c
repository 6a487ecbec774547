// SPDX-License-Identifier: Apache-2.0
// How the elements of a reduction become its results. It must not know of axes.
#include "ops/reduction.h"

#include <math.h>

static int64_t far_integer(enum mopt_dtype dtype, bool high)
{
    const unsigned bits = dtype == MOPT_BOOL ? 1 : mopt__dtype_bits(dtype);
    if (mopt__dtype_is_signed(dtype)) {
        const int64_t top = INT64_MAX >> (64 - bits);
        return high ? top : -top - 1;
    }
    return high ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
}

struct mopt_reduction mopt__reduction_open(enum mopt_reduction_kind kind,
                                           const struct mopt_tensor *in)
{
    const bool real =
        kind == MOPT_REDUCE_L2 || kind == MOPT_REDUCE_LOG_SUM || kind == MOPT_REDUCE_LOG_SUM_EXP;
    return (struct mopt_reduction){.kind = kind,
                                   .in = in,
                                   .integers = !mopt__dtype_is_float(in->dtype) && !real,
                                   .is_unsigned = !mopt__dtype_is_signed(in->dtype)};
}

void mopt__reduction_use(struct mopt_reduction *r, const struct mopt_kernels *kernels)
{
    static const enum mopt_fold folds[] = {
        [MOPT_REDUCE_SUM] = MOPT_FOLD_SUM,     [MOPT_REDUCE_MEAN] = MOPT_FOLD_SUM,
        [MOPT_REDUCE_MAX] = MOPT_FOLD_MAX,     [MOPT_REDUCE_MIN] = MOPT_FOLD_MIN,
        [MOPT_REDUCE_L1] = MOPT_FOLD_SIZES,    [MOPT_REDUCE_L2] = MOPT_FOLD_SQUARES,
        [MOPT_REDUCE_LOG_SUM] = MOPT_FOLD_SUM, [MOPT_REDUCE_SUM_SQUARE] = MOPT_FOLD_SQUARES,
    };
    if (!r->integers && r->in->dtype == MOPT_FLOAT32 && r->kind != MOPT_REDUCE_PROD &&
        r->kind != MOPT_REDUCE_LOG_SUM_EXP) {
        r->kernels = kernels;
        r->fold = folds[r->kind];
    }
}

static int64_t integer_start(const struct mopt_reduction *r)
{
    switch (r->kind) {
    case MOPT_REDUCE_PROD:
        return 1;
    case MOPT_REDUCE_MAX:
        return far_integer(r->in->dtype, false);
    case MOPT_REDUCE_MIN:
        return far_integer(r->in->dtype, true);
    default:
        return 0;
    }
}

static double float_start(const struct mopt_reduction *r)
{
    switch (r->kind) {
    case MOPT_REDUCE_PROD:
        return 1;
    case MOPT_REDUCE_MAX:
    case MOPT_REDUCE_LOG_SUM_EXP:
        return (double)-INFINITY;
    case MOPT_REDUCE_MIN:
        return (double)INFINITY;
    default:
        return 0;
    }
}

void mopt__reduction_start(const struct mopt_reduction *r, struct mopt_partial *acc, size_t n)
{
    const int64_t integer = r->integers ? integer_start(r) : 0;
    const double real = float_start(r);
    for (size_t k = 0; k < n; k++) {
        acc->f[k] = real;
        acc->i[k] = integer;
        acc->aux[k] = 0;
    }
}

// ---- Floats -------------------------------------------------------------------------------------

// Sum of exp(x - top) with the top moving up. A NaN becomes the top, which nothing is above: beside
// infinities the sum alone would not show it.
static void log_sum_exp(double *top, double *sum, double x)
{
    if (x > *top || isnan(x)) {
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

static void fold_lanes(enum mopt_reduction_kind kind, struct mopt_partial *acc, const double *x,
                       size_t n)
{
    switch (kind) {
    case MOPT_REDUCE_SUM:
    case MOPT_REDUCE_MEAN:
    case MOPT_REDUCE_LOG_SUM:
        LANES_F(ADD);
    case MOPT_REDUCE_PROD:
        LANES_F(TIMES);
    case MOPT_REDUCE_MAX:
        LANES_F(LARGER);
    case MOPT_REDUCE_MIN:
        LANES_F(SMALLER);
    case MOPT_REDUCE_L1:
        LANES_F(ADD_SIZE);
    case MOPT_REDUCE_L2:
    case MOPT_REDUCE_SUM_SQUARE:
        LANES_F(ADD_SQUARE);
    case MOPT_REDUCE_LOG_SUM_EXP:
        for (size_t k = 0; k < n; k++) {
            log_sum_exp(&acc->f[k], &acc->aux[k], x[k]);
        }
        break;
    }
}

#define ROWS_OF(T, name)                                                                  \
    static void name(enum mopt_reduction_kind kind, double *acc, double *aux, const T *x, \
                     size_t n)                                                            \
    {                                                                                     \
        switch (kind) {                                                                   \
        case MOPT_REDUCE_SUM:                                                             \
        case MOPT_REDUCE_MEAN:                                                            \
        case MOPT_REDUCE_LOG_SUM:                                                         \
            ROW_F(0.0, ADD, ADD);                                                         \
        case MOPT_REDUCE_PROD:                                                            \
            ROW_F(1.0, TIMES, TIMES);                                                     \
        case MOPT_REDUCE_MAX:                                                             \
            ROW_F(*acc, LARGER, LARGER);                                                  \
        case MOPT_REDUCE_MIN:                                                             \
            ROW_F(*acc, SMALLER, SMALLER);                                                \
        case MOPT_REDUCE_L1:                                                              \
            ROW_F(0.0, ADD_SIZE, ADD);                                                    \
        case MOPT_REDUCE_L2:                                                              \
        case MOPT_REDUCE_SUM_SQUARE:                                                      \
            ROW_F(0.0, ADD_SQUARE, ADD);                                                  \
        case MOPT_REDUCE_LOG_SUM_EXP:                                                     \
            for (size_t k = 0; k < n; k++) {                                              \
                log_sum_exp(acc, aux, (double)x[k]);                                      \
            }                                                                             \
            break;                                                                        \
        }                                                                                 \
    }

ROWS_OF(double, fold_row)
ROWS_OF(float, fold_float_row)

// ---- Integers -----------------------------------------------------------------------------------

#define PLUS(a, v) ((int64_t)((uint64_t)(a) + (uint64_t)(v)))
#define MANY(a, v) ((int64_t)((uint64_t)(a) * (uint64_t)(v)))
#define SIZE(a, v) PLUS(a, (v) < 0 ? 0 - (uint64_t)(v) : (uint64_t)(v))
#define SQUARE(a, v) PLUS(a, (uint64_t)(v) * (uint64_t)(v))
#define MOST(a, v) ((v) > (a) ? (v) : (a))
#define LEAST(a, v) ((v) < (a) ? (v) : (a))
#define MOST_U(a, v) ((uint64_t)(v) > (uint64_t)(a) ? (v) : (a))
#define LEAST_U(a, v) ((uint64_t)(v) < (uint64_t)(a) ? (v) : (a))

// Each of acc joins one of x, or the first of acc joins all of them.
#define JOIN(name, op)                                                    \
    static void name(int64_t *acc, const int64_t *x, size_t n, bool each) \
    {                                                                     \
        int64_t a = *acc;                                                 \
        for (size_t k = 0; each && k < n; k++) {                          \
            acc[k] = op(acc[k], x[k]);                                    \
        }                                                                 \
        for (size_t k = 0; !each && k < n; k++) {                         \
            a = op(a, x[k]);                                              \
        }                                                                 \
        *acc = each ? *acc : a;                                           \
    }
JOIN(join_plus, PLUS)
JOIN(join_many, MANY)
JOIN(join_size, SIZE)
JOIN(join_square, SQUARE)
JOIN(join_most, MOST)
JOIN(join_least, LEAST)
JOIN(join_most_u, MOST_U)
JOIN(join_least_u, LEAST_U)

static void join_integers(const struct mopt_reduction *r, int64_t *acc, const int64_t *x, size_t n,
                          bool each)
{
    const bool u = r->is_unsigned;
    switch (r->kind) {
    case MOPT_REDUCE_PROD:
        join_many(acc, x, n, each);
        break;
    case MOPT_REDUCE_MAX:
        (u ? join_most_u : join_most)(acc, x, n, each);
        break;
    case MOPT_REDUCE_MIN:
        (u ? join_least_u : join_least)(acc, x, n, each);
        break;
    case MOPT_REDUCE_L1:
        (u ? join_plus : join_size)(acc, x, n, each);
        break;
    case MOPT_REDUCE_SUM_SQUARE:
        join_square(acc, x, n, each);
        break;
    default:
        join_plus(acc, x, n, each);
        break;
    }
}

// ---- Both ---------------------------------------------------------------------------------------

void mopt__reduction_across(const struct mopt_reduction *r, struct mopt_partial *acc, int64_t first,
                            size_t n)
{
    if (r->integers) {
        int64_t x[MOPT_LANES];
        mopt__load_i64(r->in->dtype, r->in->data, first, 1, n, x);
        join_integers(r, acc->i, x, n, true);
        return;
    }
    double x[MOPT_LANES];
    mopt__load_f64(r->in->dtype, r->in->data, first, 1, n, x);
    fold_lanes(r->kind, acc, x, n);
}

void mopt__reduction_along(const struct mopt_reduction *r, struct mopt_partial *acc, size_t lane,
                           int64_t first, size_t n)
{
    double *f = &acc->f[lane], *aux = &acc->aux[lane];
    if (r->integers) {
        int64_t x[MOPT_LANES];
        mopt__load_i64(r->in->dtype, r->in->data, first, 1, n, x);
        join_integers(r, &acc->i[lane], x, n, false);
        return;
    }
    if (r->in->dtype == MOPT_FLOAT32) {
        const float *x = (const float *)r->in->data + first;
        fold_float_row(r->kind, f, aux, x, n);
        return;
    }
    double x[MOPT_LANES];
    mopt__load_f64(r->in->dtype, r->in->data, first, 1, n, x);
    fold_row(r->kind, f, aux, x, n);
}

static int64_t finish_integer(const struct mopt_reduction *r, int64_t a)
{
    if (r->kind != MOPT_REDUCE_MEAN) {
        return a;
    }
    if (r->total == 0) {
        return 0;
    }
    return r->is_unsigned ? (int64_t)((uint64_t)a / (uint64_t)r->total) : a / r->total;
}

static double finish_float(const struct mopt_reduction *r, double a, double aux)
{
    switch (r->kind) {
    case MOPT_REDUCE_MEAN:
        return a / (double)r->total;
    case MOPT_REDUCE_L2:
        return sqrt(a);
    case MOPT_REDUCE_LOG_SUM:
        return log(a);
    case MOPT_REDUCE_LOG_SUM_EXP:
        return isinf(a) ? a : a + log(aux);
    default:
        return a;
    }
}

void mopt__reduction_finish(const struct mopt_reduction *r, const struct mopt_partial *acc,
                            int64_t first, size_t n)
{
    void *out = mopt__tensor_data(r->out);
    int64_t integers[MOPT_LANES];
    double floats[MOPT_LANES];
    for (size_t k = 0; k < n; k++) {
        if (r->integers) {
            integers[k] = finish_integer(r, acc->i[k]);
        } else {
            floats[k] = finish_float(r, acc->f[k], acc->aux[k]);
        }
    }
    if (r->integers) {
        mopt__store_i64(r->out->dtype, out, first, n, integers);
    } else {
        mopt__store_f64(r->out->dtype, out, first, n, floats);
    }
}
