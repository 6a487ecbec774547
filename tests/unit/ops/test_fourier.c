// SPDX-License-Identifier: Apache-2.0
// Fourier transforms of lines against sums in long double, and DFT and STFT nodes against the
// transforms of their lines.
#include "node_call.h"
#include "tests.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "ops/fft_lines.h"

enum { POINTS_MAX = 512 };

struct point {
    long double re, im;
};

// y[k] = sum of x[j] exp(-+ 2 pi i j k / n), divided by n when inverse.
static void exact(const struct point *x, size_t n, bool inverse, struct point *y)
{
    struct point roots[POINTS_MAX];
    for (size_t k = 0; k < n; k++) {
        const long double angle = 2 * acosl(-1.0L) * (long double)k / (long double)n;
        roots[k] = (struct point){cosl(angle), inverse ? sinl(angle) : -sinl(angle)};
    }
    for (size_t k = 0; k < n; k++) {
        struct point sum = {0, 0};
        for (size_t j = 0; j < n; j++) {
            const struct point root = roots[j * k % n];
            sum.re += x[j].re * root.re - x[j].im * root.im;
            sum.im += x[j].re * root.im + x[j].im * root.re;
        }
        y[k].re = inverse ? sum.re / (long double)n : sum.re;
        y[k].im = inverse ? sum.im / (long double)n : sum.im;
    }
}

// ---- Lines --------------------------------------------------------------------------------------

// A tensor [outer, in, inner, parts] whose lines go along the second axis.
struct lines_case {
    enum mopt_dtype dtype;
    size_t outer, in, inner, parts, n, bins, y_parts;
    bool inverse, mirror, single, window;
};

static struct mopt_tensor *new_tensor(enum mopt_dtype dtype, const struct lines_case *c,
                                      size_t points, size_t parts)
{
    const int64_t dims[4] = {(int64_t)c->outer, (int64_t)points, (int64_t)c->inner, (int64_t)parts};
    struct mopt_error err;
    struct mopt_tensor *t = NULL;
    assert_int_equal(mopt__tensor_new(dtype, 4, dims, &t, &err), MOPT_OK);
    return t;
}

static struct mopt_tensor *random_lines(const struct lines_case *c, struct mopt_rng *rng)
{
    struct mopt_tensor *t = new_tensor(c->dtype, c, c->in, c->parts);
    for (size_t i = 0; i < t->count; i++) {
        mopt__element_set_f64(c->dtype, mopt__tensor_data(t), i, mopt__rng_normal(rng));
    }
    return t;
}

static size_t element(const struct lines_case *c, size_t points, size_t parts, size_t line,
                      size_t k)
{
    return ((line / c->inner * points + k) * c->inner + line % c->inner) * parts;
}

// The points of a line as the transform must see them.
static void line_of(const struct lines_case *c, const struct mopt_tensor *x, const double *window,
                    size_t line, struct point *to)
{
    memset(to, 0, c->n * sizeof *to);
    for (size_t k = 0; k < c->in && k < c->n; k++) {
        const size_t at = element(c, c->in, c->parts, line, k);
        const double weight = c->window ? window[k] : 1;
        to[k].re = (long double)(mopt__tensor_f64(x, at) * weight);
        to[k].im = c->parts == 2 ? (long double)(mopt__tensor_f64(x, at + 1) * weight) : 0;
    }
    if (c->mirror) {
        to[0].im = 0;
        to[c->n / 2].im = c->n % 2 == 0 ? 0 : to[c->n / 2].im;
    }
    for (size_t k = c->n / 2 + 1; c->mirror && k < c->n; k++) {
        to[k] = (struct point){to[c->n - k].re, -to[c->n - k].im};
    }
}

// Rounding of the steps by the length of the line and of its parts, and of the result.
static long double tolerance(const struct lines_case *c, const struct point *x)
{
    const bool single = c->single && c->dtype != MOPT_FLOAT64;
    long double squares = 0;
    for (size_t k = 0; k < c->n; k++) {
        squares += x[k].re * x[k].re + x[k].im * x[k].im;
    }
    const long double step = single ? 1.2e-7L : 2.3e-16L;
    return step * 8 * log2l(2 * (long double)c->n) * sqrtl(squares) + 1e-300L;
}

// Rounding of a number to a type, those below its normal range too.
static long double rounding(enum mopt_dtype dtype, long double x)
{
    switch (dtype) {
    case MOPT_FLOAT64:
        return 0x1p-53L * fabsl(x);
    case MOPT_FLOAT32:
        return 0x1p-24L * fabsl(x) + 0x1p-149L;
    default:
        return 0x1p-11L * fabsl(x) + 0x1p-24L;
    }
}

static void check_line(const struct lines_case *c, const struct mopt_tensor *x,
                       const double *window, const struct mopt_tensor *y, size_t line)
{
    struct point in[POINTS_MAX];
    struct point out[POINTS_MAX];
    line_of(c, x, window, line, in);
    exact(in, c->n, c->inverse, out);
    const long double near = tolerance(c, in);
    for (size_t k = 0; k < c->bins; k++) {
        const size_t at = element(c, c->bins, c->y_parts, line, k);
        const long double want[2] = {out[k].re, out[k].im};
        for (size_t part = 0; part < c->y_parts; part++) {
            const long double got = (long double)mopt__tensor_f64(y, at + part);
            const long double room = near + rounding(c->dtype, want[part]);
            assert_true(fabsl(got - want[part]) <= room);
        }
    }
}

static struct mopt_tensor *transform(const struct lines_case *c, const struct mopt_tensor *x,
                                     const double *window, struct mopt_pool *pool)
{
    struct mopt_tensor *y = new_tensor(c->dtype, c, c->bins, c->y_parts);
    const struct mopt_eval eval = {.pool = pool};
    struct mopt_error err;
    const struct mopt_fft_lines lines = {
        .x = x,
        .window = c->window ? window : NULL,
        .parts = c->parts,
        .in = {c->in * c->inner * c->parts, c->parts, c->inner * c->parts},
        .y = y,
        .y_parts = c->y_parts,
        .out = {c->bins * c->inner * c->y_parts, c->y_parts, c->inner * c->y_parts},
        .outer = c->outer,
        .inner = c->inner,
        .n = c->n,
        .given = c->in < c->n ? c->in : c->n,
        .bins = c->bins,
        .inverse = c->inverse,
        .mirror = c->mirror,
        .single = c->single && c->dtype != MOPT_FLOAT64,
    };
    assert_int_equal(mopt__fft_lines(&eval, &lines, &err), MOPT_OK);
    return y;
}

static void check_case(const struct lines_case *c, struct mopt_rng *rng, struct mopt_pool *pool)
{
    double window[POINTS_MAX];
    for (size_t k = 0; k < POINTS_MAX; k++) {
        window[k] = mopt__rng_unit(rng);
    }
    struct mopt_tensor *x = random_lines(c, rng);
    struct mopt_tensor *y = transform(c, x, window, NULL);
    struct mopt_tensor *shared = transform(c, x, window, pool);
    assert_memory_equal(y->data, shared->data, y->count * mopt__dtype_bits(y->dtype) / 8);
    for (size_t line = 0; line < c->outer * c->inner; line++) {
        check_line(c, x, window, y, line);
    }
    mopt__tensor_unref(x);
    mopt__tensor_unref(y);
    mopt__tensor_unref(shared);
}

static size_t pick(struct mopt_rng *rng, size_t low, size_t high)
{
    return low + (size_t)mopt__rng_below(rng, high - low + 1);
}

// Every form on lengths with all radices, primes beyond them, their doubles, and one point.
static void lines_of_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {1,   2,   3,  4,  5,   6,   8,   12,  16,  20,  29,
                                     31,  37,  62, 74, 97,  100, 128, 111, 148, 202, 240,
                                     320, 400, 64, 49, 121, 360, 493, 509, 511, 512};
    static const enum mopt_dtype dtypes[] = {MOPT_FLOAT32, MOPT_FLOAT64, MOPT_FLOAT16};
    struct mopt_pool *pool = NULL;
    struct mopt_error err;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 1);
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    for (size_t i = 0; i < MOPT_COUNTOF(lengths); i++) {
        for (unsigned form = 0; form < 32; form++) {
            struct lines_case c = {.dtype = dtypes[mopt__rng_below(&rng, 3)],
                                   .outer = pick(&rng, 1, 2),
                                   .inner = pick(&rng, 1, 3),
                                   .n = lengths[i],
                                   .bins = (form & 1) != 0 ? lengths[i] : lengths[i] / 2 + 1,
                                   .parts = (form & 2) != 0 ? 2 : 1,
                                   .y_parts = pick(&rng, 1, 2),
                                   .inverse = (form & 4) != 0,
                                   .single = (form & 8) != 0,
                                   .window = (form & 16) != 0};
            c.mirror = c.inverse && c.parts == 2 && (form & 1) != 0 && !c.window;
            c.in = c.mirror ? c.n / 2 + 1 : pick(&rng, c.n - c.n / 3, c.n + 2);
            check_case(&c, &rng, pool);
        }
    }
    mopt__pool_free(pool);
}

// What a line becomes does not depend on its neighbours: zeros stay zeros.
static void silence_stays_silent(void **state)
{
    (void)state;
    const struct lines_case c = {.dtype = MOPT_FLOAT32,
                                 .outer = 1,
                                 .in = 400,
                                 .inner = 5,
                                 .parts = 1,
                                 .n = 400,
                                 .bins = 400,
                                 .y_parts = 2};
    struct mopt_rng rng;
    mopt__rng_init(&rng, 2);
    struct mopt_tensor *x = random_lines(&c, &rng);
    for (size_t k = 0; k < c.n; k++) {
        mopt__element_set_f64(c.dtype, mopt__tensor_data(x), k * c.inner + 2, 0);
    }
    struct mopt_tensor *y = transform(&c, x, NULL, NULL);
    for (size_t k = 0; k < c.n; k++) {
        assert_true(mopt__tensor_f64(y, (k * c.inner + 2) * 2) == 0);
        assert_true(mopt__tensor_f64(y, (k * c.inner + 2) * 2 + 1) == 0);
    }
    mopt__tensor_unref(x);
    mopt__tensor_unref(y);
}

// ---- Nodes --------------------------------------------------------------------------------------

// Frames of `frame` samples every `step` of [2, 40, parts], with or without window.
static void check_stft(const char *inputs, const char *attributes, size_t frame, size_t step,
                       size_t parts, bool window, size_t bins)
{
    struct node_call call = call_node("STFT", inputs, attributes, 1);
    const struct mopt_tensor *y = call_output(&call, 0);
    const struct mopt_tensor *x = call_input(&call, 0);
    const size_t frames = 1 + (40 - frame) / step;
    assert_int_equal(y->rank, 4);
    assert_int_equal(y->dims[1], frames);
    assert_int_equal(y->dims[2], bins);
    for (size_t i = 0; i < 2 * frames; i++) {
        struct point in[40];
        struct point out[40];
        for (size_t k = 0; k < frame; k++) {
            const size_t at = (i / frames * 40 + i % frames * step + k) * parts;
            const double weight = window ? mopt__tensor_f64(call_input(&call, 2), k) : 1;
            in[k].re = (long double)(mopt__tensor_f64(x, at) * weight);
            in[k].im = parts == 2 ? (long double)(mopt__tensor_f64(x, at + 1) * weight) : 0;
        }
        exact(in, frame, false, out);
        for (size_t k = 0; k < bins; k++) {
            const size_t at = (i * bins + k) * 2;
            assert_true(fabsl((long double)mopt__tensor_f64(y, at) - out[k].re) <= 1e-5L);
            assert_true(fabsl((long double)mopt__tensor_f64(y, at + 1) - out[k].im) <= 1e-5L);
        }
    }
    call_release(&call);
}

static void frames_of_signals(void **state)
{
    (void)state;
    check_stft("f 2 40 1;l.=7;f 16;l.=16", "", 16, 7, 1, true, 9);
    check_stft("f 2 40 1;l.=3;f 15;_", "", 15, 3, 1, true, 8);
    check_stft("d 2 40 1;i.=5;_;i.=12", "onesided=0", 12, 5, 1, false, 12);
    check_stft("f 2 40;l.=1;_;_", "onesided=1", 40, 1, 1, false, 21);
    check_stft("d 2 40 2;l.=4;d 37;_", "onesided=0", 37, 4, 2, true, 37);
    check_stft("f 2 40 2;l.=11;f 20;_", "onesided=0", 20, 11, 2, true, 20);
}

// The real spectrum and back: what DFT makes one-sided, its inverse makes the line again.
static void there_and_back(void **state)
{
    (void)state;
    struct node_call there = call_node("DFT", "d 3 18 2 1;_;l.=1", "onesided=1", 1);
    const struct mopt_tensor *half = call_output(&there, 0);
    assert_int_equal(half->dims[1], 10);
    assert_int_equal(half->dims[3], 2);
    struct node_call back = call_node("DFT", "d 3 10 2 2;l.=18;l.=1", "onesided=1 inverse=1", 1);
    call_fill(&back, 0, half, 0);
    call_again(&back);
    const struct mopt_tensor *line = call_output(&back, 0);
    const struct mopt_tensor *x = call_input(&there, 0);
    assert_int_equal(line->count, x->count);
    for (size_t i = 0; i < x->count; i++) {
        assert_true(fabs(mopt__tensor_f64(line, i) - mopt__tensor_f64(x, i)) <= 1e-14);
    }
    call_release(&there);
    call_release(&back);
}

// What a reduction of the two parts of each of 2 x 301 points must give.
static double of_parts(const char *op, double re, double im)
{
    const double squares = re * re + im * im;
    if (strcmp(op, "ReduceSum") == 0) {
        return re + im;
    }
    if (strcmp(op, "ReduceMean") == 0) {
        return (re + im) / 2;
    }
    return strcmp(op, "ReduceL2") == 0 ? sqrt(squares) : squares;
}

// Powers of a spectrum, and other sums of pairs, with the parts next to each other and
// far apart: exact to the rounding of the result.
static void parts_of_points(void **state)
{
    (void)state;
    static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceL2", "ReduceSumSquare"};
    for (size_t i = 0; i < MOPT_COUNTOF(ops); i++) {
        struct node_call call = call_node(ops[i], "f 2 301 2;l 1=-1", "keepdims=0", 1);
        struct node_call whole = call_node(ops[i], "f 2 301 2;l 1=0", "keepdims=0", 1);
        const float *x = call_input(&call, 0)->data;
        const struct mopt_tensor *y = call_output(&call, 0);
        assert_int_equal(y->count, 602);
        for (size_t k = 0; k < 602; k++) {
            const double want = of_parts(ops[i], (double)x[2 * k], (double)x[2 * k + 1]);
            assert_true(((const float *)y->data)[k] == (float)want);
            const double other = of_parts(ops[i], (double)x[k], (double)x[k + 602]);
            assert_true(((const float *)call_output(&whole, 0)->data)[k] == (float)other);
        }
        call_release(&call);
        call_release(&whole);
    }
}

int mopt__test_fourier(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_every_length), cmocka_unit_test(silence_stays_silent),
        cmocka_unit_test(frames_of_signals),     cmocka_unit_test(there_and_back),
        cmocka_unit_test(parts_of_points),
    };
    return cmocka_run_group_tests_name("ops fourier", tests, NULL, NULL);
}
