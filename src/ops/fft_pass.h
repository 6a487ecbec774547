// SPDX-License-Identifier: Apache-2.0
// Passes of the mixed-radix transform. Included by fft_double.c and fft_float.c, each for its type
// of number. Several lines go side by side, so that a compiler makes vectors of the lanes whatever
// the length is: data [points][re, im][lanes], and `lanes` is a constant where these are inlined.
#ifndef MOPT_OPS_FFT_PASS_H
#define MOPT_OPS_FFT_PASS_H

#include <assert.h>
#include <string.h>

#include "ops/fft.h"
#include "ops/fft_plan.h"

#ifndef REAL
#define REAL double
#endif
#define FFT_BODY static inline __attribute__((always_inline))

enum { POINT_MAX = 2 * MOPT_FFT_LANES, PAIRS_MAX = MOPT_FFT_RADIX_MAX / 2 + 1 };

struct root {
    REAL re, im;
};

FFT_BODY struct root root_at(const struct mopt_fft_plan *plan, size_t k)
{
    return (struct root){(REAL)plan->roots[k].re, (REAL)plan->roots[k].im};
}

// to = (re + i im) * root, of one lane.
FFT_BODY void put_turned(size_t lanes, REAL re, REAL im, struct root root, REAL *to)
{
    to[0] = re * root.re - im * root.im;
    to[lanes] = re * root.im + im * root.re;
}

FFT_BODY void pass_2(const struct mopt_fft_plan *plan, size_t lanes, size_t done,
                     const REAL *restrict from, REAL *restrict to)
{
    const size_t rest = plan->n / (done * 2);
    const size_t in = rest * 2 * lanes;
    const size_t out = in * done;
    for (size_t k = 0; k < done; k++, from += in) {
        for (size_t i = 0; i < rest; i++, from += 2 * lanes, to += 2 * lanes) {
            const struct root root = root_at(plan, i * done);
            for (size_t l = 0; l < lanes; l++) {
                const REAL *a = from + l;
                const REAL *b = a + lanes;
                to[l] = a[0] + a[in];
                to[lanes + l] = b[0] + b[in];
                put_turned(lanes, a[0] - a[in], b[0] - b[in], root, to + out + l);
            }
        }
    }
}

FFT_BODY void pass_4(const struct mopt_fft_plan *plan, size_t lanes, size_t done,
                     const REAL *restrict from, REAL *restrict to)
{
    const size_t rest = plan->n / (done * 4);
    const size_t in = rest * 2 * lanes;
    const size_t out = in * done;
    for (size_t k = 0; k < done; k++, from += 3 * in) {
        for (size_t i = 0; i < rest; i++, from += 2 * lanes, to += 2 * lanes) {
            const struct root first = root_at(plan, i * done);
            const struct root second = root_at(plan, 2 * i * done);
            const struct root third = root_at(plan, 3 * i * done);
            for (size_t l = 0; l < lanes; l++) {
                const REAL *a = from + l;
                const REAL *b = a + lanes;
                const struct root even = {a[0] + a[2 * in], b[0] + b[2 * in]};
                const struct root even_gap = {a[0] - a[2 * in], b[0] - b[2 * in]};
                const struct root odd = {a[in] + a[3 * in], b[in] + b[3 * in]};
                const struct root odd_gap = {a[in] - a[3 * in], b[in] - b[3 * in]};
                to[l] = even.re + odd.re;
                to[lanes + l] = even.im + odd.im;
                put_turned(lanes, even_gap.re + odd_gap.im, even_gap.im - odd_gap.re, first,
                           to + out + l);
                put_turned(lanes, even.re - odd.re, even.im - odd.im, second, to + 2 * out + l);
                put_turned(lanes, even_gap.re - odd_gap.im, even_gap.im + odd_gap.re, third,
                           to + 3 * out + l);
            }
        }
    }
}

// Points j and p - j of an odd radix: their roots are conjugate, so that half the products do.
struct pairs {
    REAL sum[PAIRS_MAX][POINT_MAX], gap[PAIRS_MAX][POINT_MAX];
};

// y[u] = sum over j of x[j] exp(-2 pi i u j / p) for odd p, x[j] a point every `step` numbers.
FFT_BODY void butterfly(const struct mopt_fft_plan *plan, size_t lanes, size_t p, const REAL *x,
                        size_t step, struct pairs *pairs, REAL *y)
{
    const size_t half = p / 2;
    const size_t turn = plan->n / p;
    memcpy(y, x, 2 * lanes * sizeof *y);
    for (size_t j = 1; j <= half; j++) {
        for (size_t l = 0; l < 2 * lanes; l++) {
            pairs->sum[j][l] = x[j * step + l] + x[(p - j) * step + l];
            pairs->gap[j][l] = x[j * step + l] - x[(p - j) * step + l];
            y[l] += pairs->sum[j][l];
        }
    }
    for (size_t u = 1; u <= half; u++) {
        REAL a[POINT_MAX];
        REAL b[POINT_MAX] = {0};
        size_t at = 0; // u j mod p
        memcpy(a, x, 2 * lanes * sizeof *a);
        for (size_t j = 1; j <= half; j++) {
            at += at + u < p ? u : u - p;
            const struct root root = root_at(plan, at * turn);
            for (size_t l = 0; l < lanes; l++) {
                a[l] += root.re * pairs->sum[j][l];
                a[lanes + l] += root.re * pairs->sum[j][lanes + l];
                b[l] -= root.im * pairs->gap[j][lanes + l];
                b[lanes + l] += root.im * pairs->gap[j][l];
            }
        }
        for (size_t l = 0; l < 2 * lanes; l++) {
            y[u * 2 * lanes + l] = a[l] + b[l];
            y[(p - u) * 2 * lanes + l] = a[l] - b[l];
        }
    }
}

// to[u * out] = y[u] * root of u * turn.
FFT_BODY void put_points(const struct mopt_fft_plan *plan, size_t lanes, size_t p, size_t turn,
                         const REAL *y, REAL *to, size_t out)
{
    memcpy(to, y, 2 * lanes * sizeof *to);
    for (size_t u = 1; u < p; u++) {
        const struct root root = root_at(plan, u * turn);
        const REAL *point = y + u * 2 * lanes;
        for (size_t l = 0; l < lanes; l++) {
            put_turned(lanes, point[l], point[lanes + l], root, to + u * out + l);
        }
    }
}

FFT_BODY void pass_odd(const struct mopt_fft_plan *plan, size_t lanes, size_t p, size_t done,
                       const REAL *restrict from, REAL *restrict to)
{
    assert(p > 2 && p <= MOPT_FFT_RADIX_MAX);
    const size_t rest = plan->n / (done * p);
    const size_t in = rest * 2 * lanes;
    struct pairs pairs = {.sum = {{0}}};
    REAL y[MOPT_FFT_RADIX_MAX * POINT_MAX] = {0};
    for (size_t k = 0; k < done; k++, from += (p - 1) * in) {
        for (size_t i = 0; i < rest; i++, from += 2 * lanes, to += 2 * lanes) {
            butterfly(plan, lanes, p, from, in, &pairs, y);
            put_points(plan, lanes, p, i * done, y, to, in * done);
        }
    }
}

// Transforms data [n], in the order of Stockham (no reversal of digits); spare is of the same size.
FFT_BODY void run_passes(const struct mopt_fft_plan *plan, size_t lanes, REAL *data, REAL *spare)
{
    REAL *from = data;
    REAL *to = spare;
    size_t done = 1;
    for (size_t f = 0; f < plan->count; f++) {
        const size_t p = plan->factors[f];
        if (p == 2) {
            pass_2(plan, lanes, done, from, to);
        } else if (p == 4) {
            pass_4(plan, lanes, done, from, to);
        } else {
            pass_odd(plan, lanes, p, done, from, to);
        }
        done *= p;
        REAL *swap = from;
        from = to;
        to = swap;
    }
    if (from != data) {
        memcpy(data, from, plan->n * 2 * lanes * sizeof *data);
    }
}

#endif
