// SPDX-License-Identifier: Apache-2.0
// Mixed-radix transform for lengths of small prime factors, and Bluestein's chirp form (1970) for
// the others. Real numbers of an even count are transformed as half as many complex ones. It must
// not know tensors.
#include "ops/fft.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "ops/fft_plan.h"

struct mopt_fft {
    struct mopt_fft_form form;
    bool halves;                 // even and odd numbers are the parts of complex points
    size_t points;               // of the complex transform: n or n / 2
    bool single;                 // every step is rounded to 32-bit floats
    struct mopt_fft_plan plan;   // of `points`, or of the power of two of Bluestein's form
    struct mopt_complex *turns;  // of halves: [points/2 + 1] exp(-2 pi i k / n)
    struct mopt_complex *chirp;  // [points] exp(-pi i k^2 / points); NULL for small factors
    struct mopt_complex *filter; // [plan.n] transform of the conjugate chirp
};

static const double pi = 3.14159265358979323846;

// Doubles of `points` points of all lanes.
static size_t doubles_of(const struct mopt_fft *fft, size_t points)
{
    return points * 2 * fft->form.lanes;
}

static void run_plan(const struct mopt_fft *fft, double *data, double *spare)
{
    mopt__fft_double(&fft->plan, fft->form.lanes, data, spare);
}

// room: as much as data.
static void run_single(const struct mopt_fft *fft, double *data, void *room)
{
    const size_t count = doubles_of(fft, fft->plan.n);
    float *floats = room;
    for (size_t i = 0; i < count; i++) {
        floats[i] = (float)data[i];
    }
    mopt__fft_float(&fft->plan, fft->form.lanes, floats, floats + count);
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)floats[i];
    }
}

// ---- Tables -------------------------------------------------------------------------------------

// Twos first, then odd primes in rising order; false when one is too large. Of fours, a transform
// needs fewer steps, but its steps are not those of a transform of twos.
static bool factorize(struct mopt_fft_plan *plan, size_t n, bool fours)
{
    plan->n = n;
    plan->count = 0;
    for (; fours && n % 4 == 0; n /= 4) {
        plan->factors[plan->count++] = 4;
    }
    for (size_t p = 2; p <= MOPT_FFT_RADIX_MAX; p += p == 2 ? 1 : 2) {
        for (; n % p == 0; n /= p) {
            plan->factors[plan->count++] = p;
        }
    }
    return n == 1;
}

static struct mopt_complex root_of(double angle)
{
    return (struct mopt_complex){cos(angle), -sin(angle)};
}

static enum mopt_status fill_roots(struct mopt_fft_plan *plan, bool single, struct mopt_error *err)
{
    size_t n = plan->n;
    plan->roots = mopt__calloc(n, sizeof *plan->roots);
    if (!plan->roots) {
        return mopt_error_memory(err);
    }
    plan->roots[0] = (struct mopt_complex){1, 0};
    for (size_t k = 1; k <= n / 2; k++) { // the other half is conjugate to the bit
        struct mopt_complex root = root_of(2 * pi * (double)k / (double)n);
        if (single) {
            root = (struct mopt_complex){(double)(float)root.re, (double)(float)root.im};
        }
        plan->roots[k] = root;
        if (2 * k != n) {
            plan->roots[n - k] = (struct mopt_complex){root.re, -root.im};
        }
    }
    return MOPT_OK;
}

static enum mopt_status fill_turns(struct mopt_fft *fft, struct mopt_error *err)
{
    size_t count = fft->points / 2 + 1;
    fft->turns = mopt__calloc(count, sizeof *fft->turns);
    if (!fft->turns) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k < count; k++) {
        fft->turns[k] = root_of(2 * pi * (double)k / (double)fft->form.n);
    }
    return MOPT_OK;
}

static void fill_chirp(struct mopt_fft *fft, double *spare)
{
    uint64_t turn = 2 * (uint64_t)fft->points;
    uint64_t square = 0; // k^2 mod 2n, without overflow
    for (uint64_t k = 0; k < fft->points; k++) {
        fft->chirp[k] = root_of(pi * (double)square / (double)fft->points);
        square = (square + 2 * k + 1) % turn;
    }
    for (size_t k = 0; k < fft->points; k++) {
        struct mopt_complex c = {fft->chirp[k].re, -fft->chirp[k].im};
        fft->filter[k] = c;
        fft->filter[(fft->plan.n - k) % fft->plan.n] = c;
    }
    mopt__fft_double(&fft->plan, 1, &fft->filter[0].re, spare);
}

// Tables of Bluestein's form, whose products are transforms of a power of two.
static enum mopt_status open_chirp(struct mopt_fft *fft, struct mopt_error *err)
{
    size_t m = 1;
    while (m < 2 * fft->points - 1) {
        m *= 2;
    }
    (void)factorize(&fft->plan, m, true);
    fft->chirp = mopt__calloc(fft->points, sizeof *fft->chirp);
    fft->filter = mopt__calloc(m, sizeof *fft->filter);
    double *spare = mopt__calloc(m, 2 * sizeof *spare);
    enum mopt_status status = MOPT_OK;
    if (!fft->chirp || !fft->filter || !spare) {
        status = mopt_error_memory(err);
    }
    if (status == MOPT_OK) {
        status = fill_roots(&fft->plan, false, err);
    }
    if (status == MOPT_OK) {
        fill_chirp(fft, spare);
    }
    mopt__free(spare);
    return status;
}

enum mopt_status mopt__fft_new(const struct mopt_fft_form *form, struct mopt_fft **out,
                               struct mopt_error *err)
{
    struct mopt_fft *fft = mopt__calloc(1, sizeof *fft);
    assert(form->n > 0 && (form->lanes == 1 || form->lanes == MOPT_FFT_LANES));
    assert(!form->real || !form->single);
    *out = fft;
    if (!fft || form->n > SIZE_MAX / 4096) { // sizes of tables and scratch do not overflow
        return mopt_error_memory(err);
    }
    fft->form = *form;
    fft->halves = form->real && form->n % 2 == 0;
    fft->points = fft->halves ? form->n / 2 : form->n;
    bool small = factorize(&fft->plan, fft->points, !form->single);
    fft->single = form->single && small;
    enum mopt_status status = MOPT_OK;
    if (fft->halves) {
        status = fill_turns(fft, err);
    }
    if (status == MOPT_OK) {
        status = small ? fill_roots(&fft->plan, fft->single, err) : open_chirp(fft, err);
    }
    return status;
}

void mopt__fft_free(struct mopt_fft *fft)
{
    if (fft) {
        mopt__free(fft->plan.roots);
        mopt__free(fft->turns);
        mopt__free(fft->chirp);
        mopt__free(fft->filter);
    }
    mopt__free(fft);
}

// ---- Transforms ---------------------------------------------------------------------------------

size_t mopt__fft_room(const struct mopt_fft *fft)
{
    return doubles_of(fft, fft->plan.n) * (fft->chirp ? 2 : 1);
}

static void conjugate(double *x, size_t points, size_t lanes, double scale)
{
    for (size_t k = 0; k < points; k++, x += 2 * lanes) {
        for (size_t l = 0; l < lanes; l++) {
            x[l] *= scale;
            x[lanes + l] *= -scale;
        }
    }
}

// to[k] = from[k] * by[k]; from and to may be the same.
static void multiply(const double *from, const struct mopt_complex *by, size_t points, size_t lanes,
                     double *to)
{
    for (size_t k = 0; k < points; k++) {
        for (size_t l = 0; l < lanes; l++) {
            const size_t at = 2 * k * lanes + l;
            const double re = from[at] * by[k].re - from[at + lanes] * by[k].im;
            const double im = from[at] * by[k].im + from[at + lanes] * by[k].re;
            to[at] = re;
            to[at + lanes] = im;
        }
    }
}

static void bluestein(const struct mopt_fft *fft, double *x, double *room)
{
    const size_t m = fft->plan.n;
    const size_t lanes = fft->form.lanes;
    const size_t given = doubles_of(fft, fft->points);
    double *work = room;
    double *spare = room + doubles_of(fft, m);
    multiply(x, fft->chirp, fft->points, lanes, work);
    memset(work + given, 0, (doubles_of(fft, m) - given) * sizeof *work);
    run_plan(fft, work, spare);
    multiply(work, fft->filter, m, lanes, work);
    conjugate(work, m, lanes, 1);
    run_plan(fft, work, spare);
    conjugate(work, m, lanes, 1 / (double)m);
    multiply(work, fft->chirp, fft->points, lanes, x);
}

// From the transform z of x[2j] + i x[2j+1] to that of x: the transforms of the even and the odd
// numbers are (z[k] + conj z[h-k]) / 2 and -i (z[k] - conj z[h-k]) / 2, with h points of z.
static void join_halves(const struct mopt_fft *fft, double *z)
{
    const size_t h = fft->points;
    const size_t lanes = fft->form.lanes;
    for (size_t k = 0; k <= h / 2; k++) {
        const struct mopt_complex turn = fft->turns[k];
        double *low = z + 2 * k * lanes;
        double *high = z + 2 * (h - k) * lanes;
        const double *mirror = k == 0 ? low : high;
        for (size_t l = 0; l < lanes; l++) {
            const double even_re = (low[l] + mirror[l]) / 2;
            const double even_im = (low[lanes + l] - mirror[lanes + l]) / 2;
            const double odd_re = (low[lanes + l] + mirror[lanes + l]) / 2;
            const double odd_im = (mirror[l] - low[l]) / 2;
            const double re = odd_re * turn.re - odd_im * turn.im;
            const double im = odd_re * turn.im + odd_im * turn.re;
            high[l] = even_re - re;
            high[lanes + l] = im - even_im;
            low[l] = even_re + re;
            low[lanes + l] = even_im + im;
        }
    }
}

// Real numbers become complex ones, in place.
static void spread(double *x, size_t n, size_t lanes)
{
    for (size_t k = n; k-- > 0;) {
        for (size_t l = 0; l < lanes; l++) {
            x[2 * k * lanes + l] = x[k * lanes + l];
            x[(2 * k + 1) * lanes + l] = 0;
        }
    }
}

void mopt__fft_run(const struct mopt_fft *fft, double *x, void *room, bool inverse)
{
    const size_t lanes = fft->form.lanes;
    assert(!inverse || !fft->form.real);
    if (fft->form.real && !fft->halves) {
        spread(x, fft->form.n, lanes);
    }
    if (inverse) {
        conjugate(x, fft->points, lanes, 1);
    }
    if (fft->chirp) {
        bluestein(fft, x, room);
    } else if (fft->single) {
        run_single(fft, x, room);
    } else {
        run_plan(fft, x, room);
    }
    if (inverse) {
        conjugate(x, fft->points, lanes, 1 / (double)fft->points);
    }
    if (fft->halves) {
        join_halves(fft, x);
    }
}
