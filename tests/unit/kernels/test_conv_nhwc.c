// SPDX-License-Identifier: Apache-2.0
// Float convolutions, poolings and transposes with channels innermost against naive loops in
// double: stride, dilation, groups, padding, one dimension, windows wholly in the padding, pixels
// further apart than their channels, epilogues; same bytes on one, two and five
// threads.
#include "floats.h"
#include "tests.h"
#include "windows.h"

#include "kernels/conv_nhwc.h"

struct conv_case {
    struct mopt_conv2d conv;
    struct mopt_conv2d_run run;
    enum mopt_conv_form form;
    float *x, *w, *y, *before, *bias, *residual;
    void *packed;
    size_t x_count, w_count, y_count, pixels, scratch;
    bool in_place;
    double largest; // |x|
    double units;   // Winograd: bound of the error as conv_nhwc.h says; 0: a plain sum
    size_t every;   // elements that are left out between those that are checked
};

static void random_conv(struct mopt_rng *rng, struct mopt_conv2d *conv)
{
    static const enum mopt_weights forms[] = {MOPT_WEIGHTS_F32, MOPT_WEIGHTS_BF16,
                                              MOPT_WEIGHTS_F16};
    size_t pad = 0;
    *conv = (struct mopt_conv2d){.window = random_window(rng, &pad, &pad),
                                 .weights = forms[mopt__rng_below(rng, MOPT_COUNTOF(forms))]};
    struct mopt_window2d *w = &conv->window;
    size_t per_group = (size_t)between(rng, 1, 40);
    switch (mopt__rng_below(rng, 4)) {
    case 0: // depthwise
        conv->groups = w->channels = conv->out_channels = (size_t)between(rng, 2, 70);
        break;
    case 1: // groups
        conv->groups = (size_t)between(rng, 2, 4);
        w->channels = conv->groups * (size_t)between(rng, 1, 9);
        conv->out_channels = conv->groups * (size_t)between(rng, 1, 40);
        break;
    case 2: // pointwise
        w->kernel_h = w->kernel_w = w->stride_h = w->stride_w = 1;
        w->pad_top = w->pad_left = 0;
        w->out_h = w->in_h;
        w->out_w = w->in_w;
        conv->groups = 1;
        w->channels = per_group;
        conv->out_channels = (size_t)between(rng, 1, 80);
        break;
    default:
        conv->groups = 1;
        w->channels = per_group;
        conv->out_channels = (size_t)between(rng, 1, 80);
        break;
    }
}

static void make_conv(struct mopt_rng *rng, const struct mopt_kernels *table, struct conv_case *t,
                      int threads)
{
    const struct mopt_window2d *w = &t->conv.window;
    size_t ldx = w->channels + (size_t)between(rng, 0, 2);
    size_t ldy = t->conv.out_channels;
    if (t->form != MOPT_CONV_STRIPS || t->conv.apart) {
        ldy += (size_t)between(rng, t->conv.apart, 2);
    }
    t->pixels = w->batch * w->out_h * w->out_w;
    t->x_count = (w->batch * w->in_h * w->in_w - 1) * ldx + w->channels;
    t->y_count = (t->pixels - 1) * ldy + t->conv.out_channels;
    t->w_count = t->conv.out_channels * (w->channels / t->conv.groups) * w->kernel_h * w->kernel_w;
    t->x = guarded(rng, t->x_count);
    for (size_t i = 0; i < t->x_count; i++) {
        t->largest = fmax(t->largest, fabs((double)t->x[i]));
    }
    t->w = guarded(rng, t->w_count);
    for (size_t i = 0; t->conv.weights != MOPT_WEIGHTS_F32 && i < t->w_count; i++) {
        t->w[i] = (float)(int)(t->w[i] * 32) / 32; // exact in all forms
    }
    t->y = guarded(rng, t->y_count);
    t->residual = guarded(rng, t->y_count);
    t->before = guarded(rng, t->y_count);
    memcpy(t->before, t->y, t->y_count * sizeof(float));
    t->bias = guarded(rng, t->conv.out_channels);
    t->in_place = mopt__rng_below(rng, 3) == 0;
    t->packed = aligned_block(mopt__conv2d_packed_bytes(table, &t->conv, t->form));
    mopt__conv2d_pack(table, &t->conv, t->form, t->w, t->packed);
    t->scratch = mopt__conv2d_scratch(table, &t->conv, t->form, threads);
    t->run = (struct mopt_conv2d_run){
        .conv = &t->conv,
        .form = t->form,
        .x = t->x,
        .ldx = ldx,
        .w = t->packed,
        .y = t->y,
        .ldy = ldy,
        .epilogue = random_finish(rng, t->bias, t->in_place ? t->y : t->residual, ldy),
        .scratch = aligned_block(t->scratch),
    };
    if (t->conv.apart) { // a residual would lie as far apart
        t->run.epilogue.residual = NULL;
    }
}

static double winograd_bound(const struct conv_case *t, size_t m)
{
    double sum = 0;
    size_t count = t->w_count / t->conv.out_channels;
    for (size_t i = 0; t->units > 0 && i < count; i++) {
        sum += fabs((double)t->w[m * count + i]);
    }
    return t->units * 0x1p-24 * t->largest * sum;
}

static void check_conv(const struct conv_case *t)
{
    const struct mopt_window2d *w = &t->conv.window;
    size_t channels = w->channels / t->conv.groups, n = t->conv.out_channels / t->conv.groups;
    size_t taps = w->kernel_h * w->kernel_w;
    for (size_t at = 0; at < t->y_count; at++) {
        size_t pixel = at / t->run.ldy, m = at % t->run.ldy;
        if (at % (t->every + 1) != 0) {
            continue;
        }
        if (m >= t->conv.out_channels) {
            assert_true(t->y[at] == t->before[at]);
            continue;
        }
        struct exact e = {0};
        for (size_t tap = 0; tap < taps; tap++) {
            int64_t from = under(w, pixel, tap / w->kernel_w, tap % w->kernel_w);
            for (size_t c = 0; from >= 0 && c < channels; c++) {
                float x = t->x[(size_t)from * t->run.ldx + m / n * channels + c];
                exact_add(&e, (double)x * (double)t->w[(m * channels + c) * taps + tap]);
            }
        }
        const float *residual = t->in_place ? t->before : t->residual;
        double r = t->run.epilogue.residual ? (double)residual[at] : 0;
        double want = finish_double(&t->run.epilogue, &e, m, r);
        near((double)t->y[at], want, exact_bound(&e) + winograd_bound(t, m));
    }
}

static void free_conv(struct conv_case *t)
{
    const unsigned char *behind = (const unsigned char *)t->run.scratch + t->scratch;
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(behind[i], 0x55);
    }
    free(t->run.scratch);
    free(t->packed);
    release(t->x, t->x_count);
    release(t->w, t->w_count);
    release(t->y, t->y_count);
    release(t->before, t->y_count);
    release(t->residual, t->y_count);
    release(t->bias, t->conv.out_channels);
}

static void test_convs(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 41);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 160; round++) {
            struct conv_case t = {.units = 0};
            random_conv(&rng, &t.conv);
            t.conv.strict = true;
            t.form = mopt__conv2d_form(&table, &t.conv);
            if (mopt__rng_below(&rng, 4) == 0) {
                t.form = MOPT_CONV_DIRECT; // which can do them all
            }
            make_conv(&rng, &table, &t, 1);
            mopt__conv2d_f32(&table, &t.run, NULL);
            check_conv(&t);
            free_conv(&t);
        }
    }
}

// Few output channels, and rows with and without a strip that is cut off.
static void random_strips(struct mopt_rng *rng, struct mopt_conv2d *conv)
{
    size_t pad = 0;
    *conv = (struct mopt_conv2d){.window = random_window(rng, &pad, &pad), .groups = 1};
    struct mopt_window2d *w = &conv->window;
    size_t bottom = 0, right = 0;
    w->in_w = (size_t)between(rng, 1, 90);
    w->kernel_w = (size_t)between(rng, 2, 20);
    w->pad_left = (size_t)between(rng, 0, 2) * (size_t)between(rng, 0, 12);
    w->out_w = out_size(w->in_w, w->kernel_w, w->stride_w, w->dilation_w, &right, w->pad_left);
    w->out_h = out_size(w->in_h, w->kernel_h, w->stride_h, w->dilation_h, &bottom, w->pad_top);
    w->channels = (size_t)between(rng, 1, mopt__rng_below(rng, 3) ? 5 : 40);
    conv->out_channels = (size_t)between(rng, 1, mopt__rng_below(rng, 3) ? 4 : 16);
}

// The direct form gives the same bytes.
static void check_direct(const struct mopt_kernels *table, struct conv_case *t)
{
    float *strips = malloc(t->y_count * sizeof *strips);
    assert_non_null(strips);
    memcpy(strips, t->y, t->y_count * sizeof *strips);
    memcpy(t->y, t->before, t->y_count * sizeof *strips);
    struct mopt_conv2d_run run = t->run;
    run.form = MOPT_CONV_DIRECT;
    void *packed = aligned_block(mopt__conv2d_packed_bytes(table, &t->conv, run.form));
    mopt__conv2d_pack(table, &t->conv, run.form, t->w, packed);
    run.w = packed;
    run.scratch = aligned_block(mopt__conv2d_scratch(table, &t->conv, run.form, 1));
    mopt__conv2d_f32(table, &run, NULL);
    assert_memory_equal(strips, t->y, t->y_count * sizeof *strips);
    free(run.scratch);
    free(packed);
    free(strips);
}

static void test_strips(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 47);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        int strips = 0;
        for (int round = 0; round < 240; round++) {
            struct conv_case t = {.units = 0};
            random_strips(&rng, &t.conv);
            t.conv.apart = round % 4 == 1;
            t.form = mopt__conv2d_form(&table, &t.conv);
            t.conv.window.batch = round % 8 ? t.conv.window.batch : 12;
            if (t.form != MOPT_CONV_STRIPS) {
                continue;
            }
            strips++;
            make_conv(&rng, &table, &t, 3);
            mopt__conv2d_f32(&table, &t.run, round % 2 ? pool : NULL);
            check_conv(&t);
            check_direct(&table, &t);
            free_conv(&t);
        }
        assert_in_range(strips, 100, 240);
    }
    mopt__pool_free(pool);
}

// 3x3 with stride 1: both Winograd forms.
static void random_winograd(struct mopt_rng *rng, struct conv_case *t)
{
    random_conv(rng, &t->conv);
    struct mopt_window2d *w = &t->conv.window;
    t->conv.groups = 1;
    w->kernel_h = w->kernel_w = 3;
    w->stride_h = w->stride_w = w->dilation_h = w->dilation_w = 1;
    w->pad_top = (size_t)between(rng, 0, 3);
    size_t bottom = (size_t)between(rng, 0, 3), right = (size_t)between(rng, 0, 3);
    w->out_h = out_size(w->in_h, 3, 1, 1, &bottom, w->pad_top);
    w->out_w = out_size(w->in_w, 3, 1, 1, &right, w->pad_left);
    bool four = mopt__rng_below(rng, 2) == 0;
    t->form = four ? MOPT_CONV_WINOGRAD4 : MOPT_CONV_WINOGRAD2;
    t->units = four ? 100 : 10;
}

static void test_winograd(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 45);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 120; round++) {
            struct conv_case t = {.units = 0};
            random_winograd(&rng, &t);
            t.conv.window.batch = round % 16 ? 1 : 12; // enough tiles for more than one block
            make_conv(&rng, &table, &t, 2);
            mopt__conv2d_f32(&table, &t.run, round % 2 ? pool : NULL);
            check_conv(&t);
            free_conv(&t);
        }
    }
    mopt__pool_free(pool);
}

// As many weights as are worked on row by row of frequencies. Threads share the tiles when there
// are many; few threads transform all tiles each for itself, many do it together.
static void test_winograd_deep(void **state)
{
    (void)state;
    static const size_t tiles[] = {6, 48, 6, 110, 6}; // at least, by threads; 110: two blocks
    struct mopt_error err;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 46);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int threads = 1; threads <= 5; threads++) {
            struct mopt_pool *pool = NULL;
            assert_int_equal(mopt__pool_new(threads, &pool, &err), MOPT_OK);
            struct conv_case t = {.units = 0};
            random_winograd(&rng, &t);
            const struct mopt_window2d *w = &t.conv.window;
            size_t size = t.form == MOPT_CONV_WINOGRAD4 ? 4 : 2;
            size_t image = ((w->out_h + size - 1) / size) * ((w->out_w + size - 1) / size);
            t.conv.window.batch = tiles[threads - 1] / image + 1;
            t.every = 12; // 13 is no divisor of tiles and lines: all places are met
            t.conv.window.channels = (size_t)between(&rng, 240, 280);
            t.conv.out_channels = (size_t)between(&rng, 250, 270);
            make_conv(&rng, &table, &t, threads);
            mopt__conv2d_f32(&table, &t.run, pool);
            check_conv(&t);
            free_conv(&t);
            mopt__pool_free(pool);
        }
    }
}

// Which form is taken; strict never takes Winograd.
static void test_forms(void **state)
{
    (void)state;
    struct mopt_kernels table;
    mopt__kernels_select(MOPT_ISA_REF, &table);
    struct mopt_conv2d conv = {.window = {1, 64, 56, 56, 56, 56, 3, 3, 1, 1, 1, 1, 1, 1},
                               .groups = 1,
                               .out_channels = 64};
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_WINOGRAD4);
    conv.strict = true;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.strict = false;
    conv.window.channels = conv.out_channels = 512;
    conv.window.in_h = conv.window.in_w = conv.window.out_h = conv.window.out_w = 7;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_WINOGRAD4);
    conv.window.in_h = conv.window.in_w = conv.window.out_h = conv.window.out_w = 10;
    conv.window.channels = conv.out_channels = 64;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_WINOGRAD4);
    conv.window.in_h = conv.window.in_w = conv.window.out_h = conv.window.out_w = 3;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.window.channels = conv.out_channels = 512;
    conv.groups = 512;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DEPTHWISE);
    conv.groups = 2;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.groups = 1;
    conv.window.kernel_h = conv.window.kernel_w = 1;
    conv.window.pad_top = conv.window.pad_left = 0;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_POINTWISE);
    conv.window.stride_h = 2;
    conv.window.out_h = 4;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
}

// Few output channels are taken in strips, unless a sum must not see other pixels, or those of the
// residual lie apart; a window of one pixel, or one that strides past its own width, gains nothing.
static void test_forms_of_few_channels(void **state)
{
    (void)state;
    struct mopt_kernels table;
    mopt__kernels_select(MOPT_ISA_REF, &table);
    struct mopt_conv2d conv = {.window = {1, 64, 56, 56, 56, 56, 3, 3, 1, 1, 1, 1, 1, 1},
                               .groups = 1,
                               .out_channels = 3};
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_STRIPS);
    conv.strict = true;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.strict = false;
    conv.residual_apart = true;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.residual_apart = false;
    conv.out_channels = 24;
    conv.window.channels = 8;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.out_channels = 1;
    conv.window.kernel_w = 1;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
    conv.window.kernel_w = 4;
    conv.window.stride_w = 16;
    conv.window.out_w = 4;
    assert_int_equal(mopt__conv2d_form(&table, &conv), MOPT_CONV_DIRECT);
}

static void test_conv_threads(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 42);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 60; round++) {
            int threads = round % 3 == 0 ? 5 : 2;
            assert_int_equal(mopt__pool_new(threads, &pool, &err), MOPT_OK);
            struct conv_case t = {.units = 0};
            random_conv(&rng, &t.conv);
            t.conv.window.batch = 4;
            t.form = mopt__conv2d_form(&table, &t.conv);
            if (round % 4 == 0) {
                random_winograd(&rng, &t);
                t.conv.window.batch = (size_t)between(&rng, 1, 20);
            }
            make_conv(&rng, &table, &t, threads);
            if (t.in_place) {
                t.run.epilogue.residual = NULL;
            }
            mopt__conv2d_f32(&table, &t.run, NULL);
            memcpy(t.before, t.y, t.y_count * sizeof(float));
            mopt__conv2d_f32(&table, &t.run, pool);
            assert_memory_equal(t.before, t.y, t.y_count * sizeof(float));
            free_conv(&t);
            mopt__pool_free(pool);
        }
    }
}

static double pool_double(const struct mopt_pool2d *p, const float *x, size_t ldx, size_t pixel,
                          size_t c)
{
    const struct mopt_window2d *w = &p->window;
    double most = -INFINITY, sum = 0;
    size_t count = 0, padded = 0;
    for (size_t i = 0; i < w->kernel_h; i++) {
        for (size_t j = 0; j < w->kernel_w; j++) {
            size_t oy = pixel / w->out_w % w->out_h, ox = pixel % w->out_w;
            padded += oy * w->stride_h + i * w->dilation_h < w->in_h + w->pad_top + p->pad_bottom &&
                      ox * w->stride_w + j * w->dilation_w < w->in_w + w->pad_left + p->pad_right;
            int64_t from = under(w, pixel, i, j);
            if (from >= 0) {
                double value = (double)x[(size_t)from * ldx + c];
                most = value > most ? value : most;
                sum += value;
                count++;
            }
        }
    }
    if (p->kind == MOPT_POOLING_MAX) {
        return most;
    }
    return count ? sum / (double)(p->count_pad ? padded : count) : 0;
}

static void pool_case(struct mopt_rng *rng, const struct mopt_kernels *table,
                      struct mopt_pool *pool)
{
    struct mopt_pool2d p = {.kind =
                                mopt__rng_below(rng, 2) ? MOPT_POOLING_MAX : MOPT_POOLING_AVERAGE,
                            .count_pad = mopt__rng_below(rng, 2) == 0};
    p.window = random_window(rng, &p.pad_bottom, &p.pad_right);
    struct mopt_window2d *w = &p.window;
    w->channels = (size_t)between(rng, 1, 40);
    if (mopt__rng_below(rng, 6) == 0) { // global, more taps than one call takes
        *w = (struct mopt_window2d){1, 700, 13, 11, 1, 1, 13, 11, 1, 1, 1, 1, 0, 0};
        p.pad_bottom = p.pad_right = 0;
    }
    size_t ldx = w->channels + (size_t)between(rng, 0, 2);
    size_t ldy = w->channels + (size_t)between(rng, 0, 2);
    size_t in = (w->batch * w->in_h * w->in_w - 1) * ldx + w->channels;
    size_t pixels = w->batch * w->out_h * w->out_w;
    size_t out = (pixels - 1) * ldy + w->channels;
    float *x = guarded(rng, in), *y = guarded(rng, out);
    mopt__pool2d_f32(table, &p, x, ldx, y, ldy, pool);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < w->channels; c++) {
            double want = pool_double(&p, x, ldx, pixel, c);
            float got = y[pixel * ldy + c];
            if (isinf(want)) {
                assert_true((double)got == want);
            } else {
                near((double)got, want, 1e-5);
            }
        }
    }
    release(x, in);
    release(y, out);
}

static void test_pools(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 43);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 200; round++) {
            pool_case(&rng, &table, round % 2 ? pool : NULL);
        }
    }
    mopt__pool_free(pool);
}

static void transpose_case(struct mopt_rng *rng, const struct mopt_kernels *table, size_t element,
                           struct mopt_pool *pool)
{
    size_t most = mopt__rng_below(rng, 3) == 0 ? 5 : 70;
    size_t batch = (size_t)between(rng, 1, 3), channels = (size_t)between(rng, 1, (int64_t)most);
    size_t pixels = (size_t)between(rng, 1, 200), ld = channels + (size_t)between(rng, 0, 3);
    if (element == 1 && mopt__rng_below(rng, 2) == 0) { // colours
        channels = ld = 3;
    }
    size_t packed = batch * channels * pixels * element;
    size_t spread = ((batch * pixels - 1) * ld + channels) * element;
    unsigned char *x = mopt__malloc(packed), *y = mopt__malloc(spread), *z = mopt__malloc(packed);
    assert_true(x && y && z);
    for (size_t i = 0; i < packed; i++) {
        x[i] = (unsigned char)mopt__rng_below(rng, 256);
    }
    memset(y, 0xAA, spread);
    const struct mopt_images images = {element, batch, channels, pixels};
    mopt__to_nhwc(table, &images, x, y, ld, pool);
    for (size_t i = 0; i < batch * pixels * channels; i++) {
        size_t c = i % channels, p = i / channels % pixels, b = i / channels / pixels;
        const unsigned char *from = x + ((b * channels + c) * pixels + p) * element;
        assert_memory_equal(from, y + ((b * pixels + p) * ld + c) * element, element);
    }
    for (size_t i = channels * element; i < spread; i++) {
        assert_true(i % (ld * element) < channels * element || y[i] == 0xAA);
    }
    mopt__to_nchw(table, &images, y, ld, z, pool);
    assert_memory_equal(x, z, packed);
    mopt__free(x);
    mopt__free(y);
    mopt__free(z);
}

static void test_transposes(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 44);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 100; round++) {
            transpose_case(&rng, &table, (size_t)1 << mopt__rng_below(&rng, 4),
                           round % 2 ? pool : NULL);
        }
    }
    mopt__pool_free(pool);
}

// Dilated windows that are half outside: taps that blocks of rows do not reach are left out, with
// the same bytes, on any number of threads.
static void reach_case(struct mopt_rng *rng, const struct mopt_kernels *table,
                       struct mopt_pool *pool)
{
    size_t dilation = (size_t)between(rng, 6, 14);
    struct conv_case t = {
        .conv = {.window = {.batch = (size_t)between(rng, 1, 2),
                            .channels = (size_t)between(rng, 700, 1100),
                            .in_h = 16,
                            .in_w = 16,
                            .out_h = 16,
                            .out_w = 16,
                            .kernel_h = 3,
                            .kernel_w = 3,
                            .stride_h = 1,
                            .stride_w = 1,
                            .dilation_h = dilation,
                            .dilation_w = dilation,
                            .pad_top = dilation,
                            .pad_left = dilation},
                 .groups = 1,
                 .out_channels = (size_t)between(rng, 1, 6)},
        .form = MOPT_CONV_DIRECT,
        .every = 16,
    };
    make_conv(rng, table, &t, 2);
    mopt__conv2d_f32(table, &t.run, NULL);
    check_conv(&t);
    float *all = aligned_block(t.y_count * sizeof(float));
    memcpy(all, t.y, t.y_count * sizeof(float));
    memcpy(t.y, t.before, t.y_count * sizeof(float));
    t.conv.finite = true;
    mopt__conv2d_f32(table, &t.run, pool);
    assert_memory_equal(t.y, all, t.y_count * sizeof(float));

    // Not finite at all: the first rows do not reach the upper taps, the last ones do.
    size_t per_channel = t.w_count / t.conv.out_channels;
    for (size_t i = 0; i < t.w_count; i++) {
        t.w[i] = i % per_channel % 9 < 3 ? NAN : t.w[i];
    }
    mopt__conv2d_pack(table, &t.conv, t.form, t.w, t.packed);
    t.run.epilogue = (struct mopt_finish){.act = {.kind = MOPT_ACT_NONE}};
    mopt__conv2d_f32(table, &t.run, pool);
    assert_true(!isnan(t.y[0]));
    assert_true(isnan(t.y[255 * t.run.ldy]) != 0);
    free(all);
    free_conv(&t);
}

static void test_reach(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 45);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 6; round++) {
            reach_case(&rng, &table, round % 2 ? pool : NULL);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_conv_nhwc(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convs),        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_winograd),     cmocka_unit_test(test_winograd_deep),
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_forms_of_few_channels),
        cmocka_unit_test(test_conv_threads), cmocka_unit_test(test_pools),
        cmocka_unit_test(test_transposes),   cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
