// SPDX-License-Identifier: Apache-2.0
// The fold slots of kernels/table.h in the names of an instruction set's lanes_f32.h; included
// behind vector_f32.h. Sums run in double, in an order that the length alone decides.
#ifndef MOPT_KERNELS_TEMPLATE_FOLD_F32_H
#define MOPT_KERNELS_TEMPLATE_FOLD_F32_H

#include "kernels/template/vector_f32.h"

enum {
    FEW = 8,       // elements of a row that are joined one by one: rows run side by side
    FOLD_ROWS = 4, // rows that are joined to the results at once
};

#define SAME_1(v) (v)
#define SIZE_1(v) fabs(v)
#define SQUARE_1(v) ((v) * (v))
#define SAME_V(v) (v)
#define SIZE_V(v) v_abs(v)
#define SAME_D(d) (d)
#define SQUARE_D(d) ((d) * (d))

// one: of a double; some: of a vector of floats; wide: of a vector of doubles.
#define SUMS(name, one, some, wide)                                                             \
    static double total_##name(const float *x, size_t n, double acc)                            \
    {                                                                                           \
        vdouble sum[4] = {vd_zero(), vd_zero(), vd_zero(), vd_zero()};                          \
        size_t i = 0;                                                                           \
        for (; n <= FEW && i < n; i++) {                                                        \
            const double d = (double)x[i];                                                      \
            acc += one(d);                                                                      \
        }                                                                                       \
        if (n <= FEW) {                                                                         \
            return acc;                                                                         \
        }                                                                                       \
        for (; i + 2 * LANES <= n; i += 2 * LANES) {                                            \
            const vfloat a = some(v_load(x + i));                                               \
            const vfloat b = some(v_load(x + i + LANES));                                       \
            sum[0] += wide(vd_low(a));                                                          \
            sum[1] += wide(vd_high(a));                                                         \
            sum[2] += wide(vd_low(b));                                                          \
            sum[3] += wide(vd_high(b));                                                         \
        }                                                                                       \
        for (; i < n; i += LANES) {                                                             \
            const size_t rest = n - i < LANES ? n - i : LANES;                                  \
            const vfloat a = some(v_load_mask(x + i, v_first(rest)));                           \
            sum[0] += wide(vd_low(a));                                                          \
            sum[1] += wide(vd_high(a));                                                         \
        }                                                                                       \
        return acc + vd_total((sum[0] + sum[1]) + (sum[2] + sum[3]));                           \
    }                                                                                           \
    static void totals_##name(const float *x, size_t n, size_t rows, double *acc)               \
    {                                                                                           \
        for (size_t r = 0; r < rows; r++) {                                                     \
            acc[r] = total_##name(x + r * n, n, acc[r]);                                        \
        }                                                                                       \
    }                                                                                           \
    static void columns_##name(const float *x, size_t step, size_t rows, double *acc, size_t n) \
    {                                                                                           \
        size_t r = 0;                                                                           \
        for (; r < rows; r += FOLD_ROWS) {                                                      \
            const size_t many = rows - r < FOLD_ROWS ? rows - r : FOLD_ROWS;                    \
            const float *from = x + r * step;                                                   \
            size_t i = 0;                                                                       \
            for (; i + LANES <= n; i += LANES) {                                                \
                vdouble low = vd_load(acc + i);                                                 \
                vdouble high = vd_load(acc + i + LANES / 2);                                    \
                for (size_t k = 0; k < many; k++) {                                             \
                    const vfloat a = some(v_load(from + k * step + i));                         \
                    low += wide(vd_low(a));                                                     \
                    high += wide(vd_high(a));                                                   \
                }                                                                               \
                vd_store(acc + i, low);                                                         \
                vd_store(acc + i + LANES / 2, high);                                            \
            }                                                                                   \
            for (; i < n; i++) {                                                                \
                for (size_t k = 0; k < many; k++) {                                             \
                    const double d = (double)from[k * step + i];                                \
                    acc[i] += one(d);                                                           \
                }                                                                               \
            }                                                                                   \
        }                                                                                       \
    }

SUMS(sum, SAME_1, SAME_V, SAME_D)
SUMS(sizes, SIZE_1, SIZE_V, SAME_D)
SUMS(squares, SQUARE_1, SAME_V, SQUARE_D)

#define ABOVE(v, acc) ((v) > (acc))
#define BELOW(v, acc) ((v) < (acc))
#define BETTER(v, acc, test) (test(v, acc) || (v) != (v) ? (v) : (acc))

// A NaN stays: it is never passed by, and nothing is above or below it. Of a few, signs of data
// cannot be predicted: no branches.
#define EXTREME(name, test, worst, pick, across)                                                \
    static double total_##name(const float *x, size_t n, double acc)                            \
    {                                                                                           \
        size_t i = 0;                                                                           \
        float few = worst;                                                                      \
        int bad = 0;                                                                            \
        vfloat best[4] = {v_set(worst), v_set(worst), v_set(worst), v_set(worst)};              \
        for (; n <= FEW && i < n; i++) {                                                        \
            few = test(x[i], few) ? x[i] : few;                                                 \
            bad |= x[i] != x[i];                                                                \
        }                                                                                       \
        if (n <= FEW) {                                                                         \
            const double d = bad != 0 ? (double)NAN : (double)few;                              \
            return BETTER(d, acc, test);                                                        \
        }                                                                                       \
        for (; i + STRIDE <= n; i += STRIDE) {                                                  \
            for (int k = 0; k < 4; k++) {                                                       \
                best[k] = pick(best[k], v_load(x + i + k * LANES));                             \
            }                                                                                   \
        }                                                                                       \
        for (; i < n; i += LANES) {                                                             \
            const vmask rest = v_first(n - i < LANES ? n - i : LANES);                          \
            best[0] = pick(best[0], v_select(rest, v_load_mask(x + i, rest), v_set(worst)));    \
        }                                                                                       \
        best[0] = pick(pick(best[0], best[1]), pick(best[2], best[3]));                         \
        const double d = (double)(v_any(v_nan(best[0])) ? NAN : across(best[0]));               \
        return BETTER(d, acc, test);                                                            \
    }                                                                                           \
    static void totals_##name(const float *x, size_t n, size_t rows, double *acc)               \
    {                                                                                           \
        for (size_t r = 0; r < rows; r++) {                                                     \
            acc[r] = total_##name(x + r * n, n, acc[r]);                                        \
        }                                                                                       \
    }                                                                                           \
    static void columns_##name(const float *x, size_t step, size_t rows, double *acc, size_t n) \
    {                                                                                           \
        float lanes[LANES];                                                                     \
        size_t i = 0;                                                                           \
        for (; i + LANES <= n; i += LANES) {                                                    \
            vfloat best = v_set(worst);                                                         \
            for (size_t r = 0; r < rows; r++) {                                                 \
                best = pick(best, v_load(x + r * step + i));                                    \
            }                                                                                   \
            v_store(lanes, best);                                                               \
            for (size_t k = 0; k < LANES; k++) {                                                \
                const double d = (double)lanes[k];                                              \
                acc[i + k] = BETTER(d, acc[i + k], test);                                       \
            }                                                                                   \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            for (size_t r = 0; r < rows; r++) {                                                 \
                const double d = (double)x[r * step + i];                                       \
                acc[i] = BETTER(d, acc[i], test);                                               \
            }                                                                                   \
        }                                                                                       \
    }

static inline float bottom(vfloat v)
{
    return -v_top(v_flip(v));
}

EXTREME(most, ABOVE, -INFINITY, larger, v_top)
EXTREME(least, BELOW, INFINITY, smaller, bottom)

void SLOT(fold)(enum mopt_fold fold, const float *x, size_t n, size_t rows, double *acc)
{
    static void (*const loops[])(const float *, size_t, size_t, double *) = {
        [MOPT_FOLD_SUM] = totals_sum,         [MOPT_FOLD_SIZES] = totals_sizes,
        [MOPT_FOLD_SQUARES] = totals_squares, [MOPT_FOLD_MAX] = totals_most,
        [MOPT_FOLD_MIN] = totals_least,
    };
    loops[fold](x, n, rows, acc);
}

void SLOT(fold_columns)(enum mopt_fold fold, const float *x, size_t step, size_t rows, double *acc,
                        size_t n)
{
    static void (*const loops[])(const float *, size_t, size_t, double *, size_t) = {
        [MOPT_FOLD_SUM] = columns_sum,         [MOPT_FOLD_SIZES] = columns_sizes,
        [MOPT_FOLD_SQUARES] = columns_squares, [MOPT_FOLD_MAX] = columns_most,
        [MOPT_FOLD_MIN] = columns_least,
    };
    loops[fold](x, step, rows, acc, n);
}

#endif
