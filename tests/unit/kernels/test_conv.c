// SPDX-License-Identifier: Apache-2.0
// Convolutions and poolings against the definition, element by element in double.
#include "floats.h"
#include "tests.h"

#include "kernels/conv_nhwc.h"

static size_t volume(const int64_t v[3])
{
    return (size_t)v[0] * (size_t)v[1] * (size_t)v[2];
}

static void random_shape(struct mopt_rng *rng, struct mopt_conv_shape *s)
{
    *s = (struct mopt_conv_shape){.batch = between(rng, 1, 2),
                                  .groups = between(rng, 1, 3),
                                  .in_channels = between(rng, 1, 3),
                                  .out_channels = between(rng, 1, 3)};
    for (int i = 0; i < 3; i++) {
        bool flat = i == 0 && mopt__rng_below(rng, 2) == 0;
        s->kernel[i] = flat ? 1 : between(rng, 1, 5);
        s->stride[i] = flat ? 1 : between(rng, 1, 3);
        s->dilation[i] = flat ? 1 : between(rng, 1, 2);
        s->begin[i] = flat ? 0 : between(rng, 0, 4);
        s->in[i] = flat ? 1 : between(rng, 1, 12);
        int64_t span = (s->kernel[i] - 1) * s->dilation[i] + 1;
        int64_t end = flat ? 0 : between(rng, 0, 4);
        while (s->in[i] + s->begin[i] + end < span) {
            end++;
        }
        s->out[i] = (s->in[i] + s->begin[i] + end - span) / s->stride[i] + 1;
    }
}

// Input offset under a kernel element for an output position, or -1 in the padding.
static int64_t under(const struct mopt_conv_shape *s, size_t position, size_t element)
{
    int64_t at[3];
    int64_t k[3];
    for (int i = 2; i >= 0; i--) {
        at[i] = (int64_t)(position % (size_t)s->out[i]);
        position /= (size_t)s->out[i];
        k[i] = (int64_t)(element % (size_t)s->kernel[i]);
        element /= (size_t)s->kernel[i];
    }
    int64_t offset = 0;
    for (int i = 0; i < 3; i++) {
        int64_t x = at[i] * s->stride[i] - s->begin[i] + k[i] * s->dilation[i];
        if (x < 0 || x >= s->in[i]) {
            return -1;
        }
        offset = offset * s->in[i] + x;
    }
    return offset;
}

struct data {
    size_t x_count, w_count, y_count, in, out, taps;
    float *x, *w, *b, *y;
};

static void make(struct mopt_rng *rng, const struct mopt_conv_shape *s, struct data *d)
{
    d->in = volume(s->in);
    d->out = volume(s->out);
    d->taps = volume(s->kernel);
    d->x_count = (size_t)(s->batch * s->groups * s->in_channels) * d->in;
    d->w_count = (size_t)(s->groups * s->out_channels * s->in_channels) * d->taps;
    d->y_count = (size_t)(s->batch * s->groups * s->out_channels) * d->out;
    d->x = guarded(rng, d->x_count);
    d->w = guarded(rng, d->w_count);
    d->b = guarded(rng, (size_t)(s->groups * s->out_channels));
    d->y = guarded(rng, d->y_count);
}

static void drop(const struct mopt_conv_shape *s, struct data *d)
{
    release(d->x, d->x_count);
    release(d->w, d->w_count);
    release(d->b, (size_t)(s->groups * s->out_channels));
    release(d->y, d->y_count);
}

// Output element e (channel-major) by the definition.
static double convolved(const struct mopt_conv_shape *s, const struct data *d, size_t e)
{
    size_t filters = (size_t)(s->groups * s->out_channels);
    size_t filter = e / d->out % filters;
    size_t slice = e / d->out / filters * (size_t)s->groups + filter / (size_t)s->out_channels;
    double sum = (double)d->b[filter];
    for (size_t c = 0; c < (size_t)s->in_channels; c++) {
        for (size_t t = 0; t < d->taps; t++) {
            int64_t at = under(s, e % d->out, t);
            if (at >= 0) {
                sum += (double)d->x[(slice * (size_t)s->in_channels + c) * d->in + (size_t)at] *
                       (double)d->w[(filter * (size_t)s->in_channels + c) * d->taps + t];
            }
        }
    }
    return sum;
}

static void test_conv_f32(void **state)
{
    (void)state;
    struct mopt_rng rng;
    struct mopt_pool *pool = NULL;
    mopt__rng_init(&rng, 1);
    assert_int_equal(mopt__pool_new(2, &pool, NULL), MOPT_OK);
    for (int trial = 0; trial < 150; trial++) {
        struct mopt_conv_shape s;
        struct data d;
        random_shape(&rng, &s);
        if (trial % 3 ==
            0) { // a product of one input channel, and rows longer than a block of sums
            s.in_channels = 1;
            s.out_channels = between(&rng, 1, 9);
            s.in[2] += 40;
            s.out[2] += 40 / s.stride[2];
        }
        make(&rng, &s, &d);
        assert_int_equal(mopt__conv_f32(&s, d.x, d.w, d.b, d.y, trial % 2 ? pool : NULL, NULL),
                         MOPT_OK);
        for (size_t e = 0; e < d.y_count; e++) {
            near((double)d.y[e], convolved(&s, &d, e), 1e-4);
        }
        drop(&s, &d);
    }
    mopt__pool_free(pool);
}

// The form for weights that are not known before the run, at every level, and the same bytes from
// three threads.
static void test_conv_plain(void **state)
{
    (void)state;
    struct mopt_rng rng;
    struct mopt_pool *pool = NULL;
    struct mopt_kernels table;
    mopt__rng_init(&rng, 9);
    assert_int_equal(mopt__pool_new(3, &pool, NULL), MOPT_OK);
    for (int level = 0; level_table(level, &table); level++) {
        int taken = 0;
        for (int trial = 0; trial < 150; trial++) {
            struct mopt_conv_shape s;
            struct data d;
            random_shape(&rng, &s);
            s.in_channels = between(&rng, 1, trial % 3 ? 5 : 40);
            s.out_channels = between(&rng, 1, trial % 4 ? 9 : 45);
            if (trial % 5 == 0) {
                s.kernel[1] = s.kernel[2] = s.stride[1] = s.stride[2] = 1;
                s.begin[1] = s.begin[2] = 0;
                s.out[1] = s.in[1];
                s.out[2] = s.in[2];
            }
            if (!mopt__conv_plain_takes(&s)) {
                continue;
            }
            taken++;
            make(&rng, &s, &d);
            float *shared = guarded(&rng, d.y_count);
            const bool bare = trial % 2 == 0;
            const float *bias = bare ? NULL : d.b;
            assert_int_equal(mopt__conv_plain(&table, &s, d.x, d.w, bias, d.y, NULL, NULL),
                             MOPT_OK);
            assert_int_equal(mopt__conv_plain(&table, &s, d.x, d.w, bias, shared, pool, NULL),
                             MOPT_OK);
            assert_memory_equal(d.y, shared, d.y_count * sizeof *shared);
            if (bare) {
                memset(d.b, 0, (size_t)(s.groups * s.out_channels) * sizeof *d.b);
            }
            for (size_t e = 0; e < d.y_count; e++) {
                near((double)d.y[e], convolved(&s, &d, e), 1e-4);
            }
            release(shared, d.y_count);
            drop(&s, &d);
        }
        assert_in_range(taken, 30, 150);
    }
    mopt__pool_free(pool);
}

// <conv(x), y> = <x, transposed(y)>: the transposed form is the adjoint; the same bytes from five
// threads.
static void test_transpose(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 2);
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(5, &pool, NULL), MOPT_OK);
    for (int trial = 0; trial < 100; trial++) {
        struct mopt_conv_shape s;
        struct data d;
        random_shape(&rng, &s);
        make(&rng, &s, &d);
        float *back = guarded(&rng, d.x_count), *shared = guarded(&rng, d.x_count);
        assert_int_equal(mopt__conv_transpose_f32(&s, d.y, d.w, NULL, back, NULL, NULL), MOPT_OK);
        assert_int_equal(mopt__conv_transpose_f32(&s, d.y, d.w, NULL, shared, pool, NULL), MOPT_OK);
        assert_memory_equal(back, shared, d.x_count * sizeof *back);
        release(shared, d.x_count);
        double left = 0;
        double right = 0;
        memset(d.b, 0, (size_t)(s.groups * s.out_channels) * sizeof *d.b);
        for (size_t e = 0; e < d.y_count; e++) {
            left += convolved(&s, &d, e) * (double)d.y[e];
        }
        for (size_t i = 0; i < d.x_count; i++) {
            right += (double)d.x[i] * (double)back[i];
        }
        near(right, left, 1e-3 * (1 + fabs(left)));
        release(back, d.x_count);
        drop(&s, &d);
    }
    mopt__pool_free(pool);
}

struct sums {
    int32_t *acc;
    size_t filters, positions;
};

static void keep(void *context, int64_t image, int64_t channel, size_t from, size_t count,
                 const int32_t *acc)
{
    const struct sums *s = context;
    size_t at = ((size_t)image * s->filters + (size_t)channel) * s->positions + from;
    memcpy(s->acc + at, acc, count * sizeof *acc);
}

static void test_conv_i8(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 3);
    for (int trial = 0; trial < 80; trial++) {
        struct mopt_conv_shape s;
        struct data d;
        random_shape(&rng, &s);
        make(&rng, &s, &d);
        bool is_signed = trial & 1;
        int32_t zero = (int32_t)between(&rng, 0, 100);
        uint8_t *x = mopt__malloc(d.x_count);
        assert_non_null(x);
        for (size_t i = 0; i < d.x_count; i++) {
            x[i] = (uint8_t)mopt__rng_u64(&rng);
            int32_t value = is_signed ? (int8_t)x[i] : x[i];
            d.x[i] = (float)(value - zero);
        }
        for (size_t i = 0; i < d.w_count; i++) {
            d.w[i] = (float)between(&rng, -128, 127);
        }
        memset(d.b, 0, (size_t)(s.groups * s.out_channels) * sizeof *d.b);
        struct sums sums = {mopt__calloc(d.y_count, sizeof(int32_t)),
                            (size_t)(s.groups * s.out_channels), d.out};
        assert_non_null(sums.acc);
        struct mopt_conv_i8 conv = {&s, x, is_signed, zero, d.w, 255.0 * 128.0, keep, &sums};
        assert_int_equal(mopt__conv_i8(&conv, NULL, NULL), MOPT_OK);
        for (size_t e = 0; e < d.y_count; e++) {
            assert_int_equal(sums.acc[e], (int32_t)convolved(&s, &d, e));
        }
        mopt__free(sums.acc);
        mopt__free(x);
        drop(&s, &d);
    }
}

static void pool_element(const struct mopt_conv_shape *s, const struct data *d, size_t e, float got,
                         enum mopt_pool_kind kind)
{
    double top = -INFINITY;
    double sum = 0;
    double count = 0;
    for (size_t t = 0; t < d->taps; t++) {
        int64_t at = under(s, e % d->out, t);
        if (at >= 0) {
            double value = (double)d->x[e / d->out * d->in + (size_t)at];
            top = value > top ? value : top;
            sum += value;
            count += 1;
        }
    }
    if (kind == MOPT_POOL_MAX) {
        assert_true((double)got == top);
    } else {
        near((double)got, count > 0 ? sum / count : 0, 1e-6);
    }
}

static void test_pool(void **state)
{
    (void)state;
    static const int64_t none[3] = {0, 0, 0};
    struct mopt_rng rng;
    mopt__rng_init(&rng, 4);
    for (int trial = 0; trial < 120; trial++) {
        struct mopt_conv_shape s;
        struct data d;
        random_shape(&rng, &s);
        s.groups = s.in_channels = s.out_channels = 1;
        make(&rng, &s, &d);
        enum mopt_pool_kind kind = trial & 1 ? MOPT_POOL_MAX : MOPT_POOL_AVERAGE;
        mopt__pool_f32(&s, none, kind, d.x, d.y, NULL);
        for (size_t e = 0; e < d.y_count; e++) {
            pool_element(&s, &d, e, d.y[e], kind);
        }
        drop(&s, &d);
    }
}

int mopt__test_conv(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_f32),  cmocka_unit_test(test_conv_plain),
        cmocka_unit_test(test_transpose), cmocka_unit_test(test_conv_i8),
        cmocka_unit_test(test_pool),
    };
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
