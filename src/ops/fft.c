// SPDX-License-Identifier: Apache-2.0
// Mixed-radix transform for lengths of small prime factors, and Bluestein's chirp form (1970) for
// the others. It must not know tensors.
#include "ops/fft.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

enum { RADIX_MAX = 31, FACTORS_MAX = 64 };

struct plan { // transform of n points, n of small factors
    size_t n;
    size_t factors[FACTORS_MAX], count;
    bool single;                // every step is rounded to 32-bit floats
    struct mopt_complex *roots; // [n] exp(-2 pi i k / n)
    struct mopt_complex *spare; // [n]
};

struct mopt_fft {
    size_t n;
    struct plan plan;            // of n points, or of the power of two that does Bluestein's work
    struct mopt_complex *chirp;  // [n] exp(-pi i k^2 / n); NULL when n has small factors
    struct mopt_complex *filter; // [plan.n] transform of the conjugate chirp
    struct mopt_complex *work;   // [plan.n]
};

static const double pi = 3.14159265358979323846;

// ---- Transform of small factors -----------------------------------------------------------------

// A sum, difference or product of floats, rounded from double to float, is what arithmetic of
// floats gives: doubles have more than twice the digits.
static double fit(const struct plan *plan, double x)
{
    return plan->single ? (double)(float)x : x;
}

static struct mopt_complex plus(const struct plan *plan, struct mopt_complex a,
                                struct mopt_complex b)
{
    return (struct mopt_complex){fit(plan, a.re + b.re), fit(plan, a.im + b.im)};
}

static struct mopt_complex minus(const struct plan *plan, struct mopt_complex a,
                                 struct mopt_complex b)
{
    return (struct mopt_complex){fit(plan, a.re - b.re), fit(plan, a.im - b.im)};
}

// y[u] = sum over j of x[j] exp(-2 pi i u j / p). Odd lengths pair j with p - j: their roots are
// conjugate, so that half the products do.
static void butterfly(const struct plan *plan, size_t p, const struct mopt_complex *x,
                      struct mopt_complex *y)
{
    struct mopt_complex sum[RADIX_MAX / 2 + 1] = {{0, 0}};
    struct mopt_complex gap[RADIX_MAX / 2 + 1] = {{0, 0}};
    const size_t half = p / 2;
    assert(p >= 2);
    if (p == 2) {
        y[0] = plus(plan, x[0], x[1]);
        y[1] = minus(plan, x[0], x[1]);
        return;
    }
    y[0] = x[0];
    for (size_t j = 1; j <= half; j++) {
        sum[j] = plus(plan, x[j], x[p - j]);
        gap[j] = minus(plan, x[j], x[p - j]);
        y[0] = plus(plan, y[0], sum[j]);
    }
    for (size_t u = 1; u <= half; u++) {
        struct mopt_complex a = x[0];
        struct mopt_complex b = {0, 0};
        for (size_t j = 1; j <= half; j++) {
            const struct mopt_complex root = plan->roots[u * j % p * (plan->n / p)];
            a.re = fit(plan, a.re + fit(plan, root.re * sum[j].re));
            a.im = fit(plan, a.im + fit(plan, root.re * sum[j].im));
            b.re = fit(plan, b.re - fit(plan, root.im * gap[j].im));
            b.im = fit(plan, b.im + fit(plan, root.im * gap[j].re));
        }
        y[u] = plus(plan, a, b);
        y[p - u] = minus(plan, a, b);
    }
}

// One factor p; `done` is the product of the factors before it.
static void pass(const struct plan *plan, size_t p, size_t done, const struct mopt_complex *from,
                 struct mopt_complex *to)
{
    const size_t rest = plan->n / (done * p);
    struct mopt_complex x[RADIX_MAX] = {{0, 0}};
    struct mopt_complex y[RADIX_MAX] = {{0, 0}};
    for (size_t ki = 0; ki < done * rest; ki++) {
        const size_t k = ki / rest;
        const size_t i = ki % rest;
        for (size_t j = 0; j < p; j++) {
            x[j] = from[i + rest * (j + p * k)];
        }
        butterfly(plan, p, x, y);
        to[i + rest * k] = y[0];
        for (size_t u = 1; u < p; u++) {
            const struct mopt_complex root = plan->roots[u * i * done];
            const double re = fit(plan, y[u].re * root.re) - fit(plan, y[u].im * root.im);
            const double im = fit(plan, y[u].re * root.im) + fit(plan, y[u].im * root.re);
            to[i + rest * (k + done * u)] = (struct mopt_complex){fit(plan, re), fit(plan, im)};
        }
    }
}

// Transforms data [n], in the order of Stockham (no reversal of digits).
static void run_plan(const struct plan *plan, struct mopt_complex *data)
{
    struct mopt_complex *from = data;
    struct mopt_complex *to = plan->spare;
    size_t done = 1;
    for (size_t i = 0; plan->single && i < plan->n; i++) {
        data[i] = (struct mopt_complex){fit(plan, data[i].re), fit(plan, data[i].im)};
    }
    for (size_t f = 0; f < plan->count; f++) {
        pass(plan, plan->factors[f], done, from, to);
        done *= plan->factors[f];
        struct mopt_complex *swap = from;
        from = to;
        to = swap;
    }
    if (from != data) {
        memcpy(data, from, plan->n * sizeof *data);
    }
}

static struct mopt_complex multiply(struct mopt_complex a, struct mopt_complex b)
{
    struct mopt_complex c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

static void conjugate(struct mopt_complex *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i].re *= scale;
        x[i].im *= -scale;
    }
}

// ---- Tables -------------------------------------------------------------------------------------

// Twos first, then odd primes in rising order; false when one is too large.
static bool factorize(struct plan *plan, size_t n)
{
    plan->n = n;
    plan->count = 0;
    for (size_t p = 2; p <= RADIX_MAX; p += p == 2 ? 1 : 2) {
        for (; n % p == 0; n /= p) {
            plan->factors[plan->count++] = p;
        }
    }
    return n == 1;
}

static enum mopt_status fill_plan(struct plan *plan, struct mopt_error *err)
{
    size_t n = plan->n;
    plan->roots = mopt__calloc(n, sizeof *plan->roots);
    plan->spare = mopt__calloc(n, sizeof *plan->spare);
    if (!plan->roots || !plan->spare) {
        return mopt_error_memory(err);
    }
    plan->roots[0] = (struct mopt_complex){1, 0};
    for (size_t k = 1; k <= n / 2; k++) { // the other half is conjugate to the bit
        double angle = 2 * pi * (double)k / (double)n;
        plan->roots[k] = (struct mopt_complex){fit(plan, cos(angle)), fit(plan, -sin(angle))};
        if (2 * k != n) {
            plan->roots[n - k] = (struct mopt_complex){plan->roots[k].re, -plan->roots[k].im};
        }
    }
    return MOPT_OK;
}

static void fill_chirp(struct mopt_fft *fft)
{
    uint64_t turn = 2 * (uint64_t)fft->n;
    uint64_t square = 0; // k^2 mod 2n, without overflow
    for (uint64_t k = 0; k < fft->n; k++) {
        double angle = pi * (double)square / (double)fft->n;
        fft->chirp[k] = (struct mopt_complex){cos(angle), -sin(angle)};
        square = (square + 2 * k + 1) % turn;
    }
    for (size_t k = 0; k < fft->n; k++) {
        struct mopt_complex c = {fft->chirp[k].re, -fft->chirp[k].im};
        fft->filter[k] = c;
        fft->filter[(fft->plan.n - k) % fft->plan.n] = c;
    }
    run_plan(&fft->plan, fft->filter);
}

enum mopt_status mopt__fft_new(size_t n, bool single, struct mopt_fft **out, struct mopt_error *err)
{
    struct mopt_fft *fft = mopt__calloc(1, sizeof *fft);
    *out = fft;
    if (!fft || n > SIZE_MAX / 256) {
        return mopt_error_memory(err);
    }
    fft->n = n;
    bool small = factorize(&fft->plan, n);
    fft->plan.single = single && small;
    size_t m = 1;
    while (!small && m < 2 * n - 1) {
        m *= 2;
    }
    if (!small) {
        (void)factorize(&fft->plan, m);
        fft->chirp = mopt__calloc(n, sizeof *fft->chirp);
        fft->filter = mopt__calloc(m, sizeof *fft->filter);
        fft->work = mopt__calloc(m, sizeof *fft->work);
    }
    if (!small && (!fft->chirp || !fft->filter || !fft->work)) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = fill_plan(&fft->plan, err);
    if (status == MOPT_OK && !small) {
        fill_chirp(fft);
    }
    return status;
}

void mopt__fft_free(struct mopt_fft *fft)
{
    if (fft) {
        mopt__free(fft->plan.roots);
        mopt__free(fft->plan.spare);
        mopt__free(fft->chirp);
        mopt__free(fft->filter);
        mopt__free(fft->work);
    }
    mopt__free(fft);
}

// ---- Transforms ---------------------------------------------------------------------------------

static void bluestein(struct mopt_fft *fft, struct mopt_complex *x)
{
    const struct mopt_complex zero = {0, 0};
    const size_t m = fft->plan.n;
    for (size_t k = 0; k < m; k++) {
        fft->work[k] = k < fft->n ? multiply(x[k], fft->chirp[k]) : zero;
    }
    run_plan(&fft->plan, fft->work);
    for (size_t k = 0; k < m; k++) {
        fft->work[k] = multiply(fft->work[k], fft->filter[k]);
    }
    conjugate(fft->work, m, 1);
    run_plan(&fft->plan, fft->work);
    conjugate(fft->work, m, 1 / (double)m);
    for (size_t k = 0; k < fft->n; k++) {
        x[k] = multiply(fft->work[k], fft->chirp[k]);
    }
}

void mopt__fft_run(struct mopt_fft *fft, struct mopt_complex *x, bool inverse)
{
    if (inverse) {
        conjugate(x, fft->n, 1);
    }
    if (fft->chirp) {
        bluestein(fft, x);
    } else {
        run_plan(&fft->plan, x);
    }
    if (inverse) {
        conjugate(x, fft->n, 1 / (double)fft->n);
    }
}
