// SPDX-License-Identifier: Apache-2.0
// Radix-2 transform, and Bluestein's chirp form (1970) for lengths that are no power of two. It
// must not know tensors.
#include "ops/fft.h"

#include <math.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/size.h"

struct mopt_fft {
    size_t n, m;                 // m: power of two that does the work
    struct mopt_complex *roots;  // [m/2 + 1] exp(-2 pi i k / m)
    struct mopt_complex *chirp;  // [n] exp(-pi i k^2 / n); NULL when n is a power of two
    struct mopt_complex *filter; // [m] transform of the conjugate chirp
    struct mopt_complex *work;   // [m]
};

static const double pi = 3.14159265358979323846;

static struct mopt_complex multiply(struct mopt_complex a, struct mopt_complex b)
{
    struct mopt_complex c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

static void reverse_bits(struct mopt_complex *x, size_t m)
{
    size_t j = 0;
    for (size_t i = 1; i < m; i++) {
        size_t bit = m >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j |= bit;
        if (i < j) {
            struct mopt_complex t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
    }
}

// Forward transform of m (power of two) points.
static void radix2(const struct mopt_fft *fft, struct mopt_complex *x)
{
    size_t m = fft->m;
    reverse_bits(x, m);
    for (size_t half = 1; half < m; half *= 2) {
        size_t step = m / (2 * half);
        for (size_t i = 0; i < m; i += 2 * half) {
            for (size_t k = 0; k < half; k++) {
                struct mopt_complex a = x[i + k];
                struct mopt_complex b = multiply(x[i + k + half], fft->roots[k * step]);
                x[i + k] = (struct mopt_complex){a.re + b.re, a.im + b.im};
                x[i + k + half] = (struct mopt_complex){a.re - b.re, a.im - b.im};
            }
        }
    }
}

static void conjugate(struct mopt_complex *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i].re *= scale;
        x[i].im *= -scale;
    }
}

static void fill_tables(struct mopt_fft *fft)
{
    for (size_t k = 0; k <= fft->m / 2; k++) {
        double angle = 2 * pi * (double)k / (double)fft->m;
        fft->roots[k] = (struct mopt_complex){cos(angle), -sin(angle)};
    }
    if (!fft->chirp) {
        return;
    }
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
        fft->filter[(fft->m - k) % fft->m] = c;
    }
    radix2(fft, fft->filter);
}

enum mopt_status mopt__fft_new(size_t n, struct mopt_fft **out, struct mopt_error *err)
{
    struct mopt_fft *fft = mopt__calloc(1, sizeof *fft);
    *out = fft;
    if (!fft || n > SIZE_MAX / 256) {
        return mopt_error_memory(err);
    }
    bool power = (n & (n - 1)) == 0;
    fft->n = n;
    fft->m = 1;
    while (fft->m < (power ? n : 2 * n - 1)) {
        fft->m *= 2;
    }
    fft->roots = mopt__calloc(fft->m / 2 + 1, sizeof *fft->roots);
    if (!power) {
        fft->chirp = mopt__calloc(n, sizeof *fft->chirp);
        fft->filter = mopt__calloc(fft->m, sizeof *fft->filter);
        fft->work = mopt__calloc(fft->m, sizeof *fft->work);
    }
    if (!fft->roots || (!power && (!fft->chirp || !fft->filter || !fft->work))) {
        return mopt_error_memory(err);
    }
    fill_tables(fft);
    return MOPT_OK;
}

void mopt__fft_free(struct mopt_fft *fft)
{
    if (fft) {
        mopt__free(fft->roots);
        mopt__free(fft->chirp);
        mopt__free(fft->filter);
        mopt__free(fft->work);
    }
    mopt__free(fft);
}

static void bluestein(struct mopt_fft *fft, struct mopt_complex *x)
{
    const struct mopt_complex zero = {0, 0};
    for (size_t k = 0; k < fft->m; k++) {
        fft->work[k] = k < fft->n ? multiply(x[k], fft->chirp[k]) : zero;
    }
    radix2(fft, fft->work);
    for (size_t k = 0; k < fft->m; k++) {
        fft->work[k] = multiply(fft->work[k], fft->filter[k]);
    }
    conjugate(fft->work, fft->m, 1);
    radix2(fft, fft->work);
    conjugate(fft->work, fft->m, 1 / (double)fft->m);
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
        radix2(fft, x);
    }
    if (inverse) {
        conjugate(x, fft->n, 1 / (double)fft->n);
    }
}
