// SPDX-License-Identifier: Apache-2.0
// Direct convolutions in blocks of integers: against sums in double of rounded operands, within the
// bound of blocks of the operands as they are, and the same bytes at every level and with any
// number of threads. Which convolutions run so.
#include "floats.h"
#include "tests.h"
#include "windows.h"

#include "kernels/slots.h"

struct blocks_case {
    struct mopt_conv2d conv;
    struct mopt_finish finish;
    bool in_place; // the residual is the result
    size_t ldx, ldy, pixels, x_count, w_count, y_count;
    float *x, *w, *before, *first, *y, *bias, *residual;
    double *x_rounded, *w_rounded; // [pixels][channels], [out_channels][taps][channels of a group]
};

static void random_conv(struct mopt_rng *rng, struct mopt_conv2d *conv)
{
    size_t pad = 0;
    bool deep = mopt__rng_below(rng, 6) == 0;
    *conv = (struct mopt_conv2d){.window = random_window(rng, &pad, &pad),
                                 .groups = mopt__rng_below(rng, 3) ? 1 : (size_t)between(rng, 2, 3),
                                 .weights = MOPT_WEIGHTS_BLOCKS};
    struct mopt_window2d *w = &conv->window;
    if (mopt__rng_below(rng, 4) == 0) { // some pixels are not looked at
        w->kernel_h = w->kernel_w = w->dilation_h = w->dilation_w = 1;
        w->stride_h = w->in_h > 1 ? 2 : 1;
        w->stride_w = 3;
        w->pad_top = mopt__rng_below(rng, 2);
        w->pad_left = mopt__rng_below(rng, 2);
        w->out_h = out_size(w->in_h, 1, w->stride_h, 1, &pad, w->pad_top);
        w->out_w = out_size(w->in_w, 1, w->stride_w, 1, &pad, w->pad_left);
    }
    w->channels = conv->groups * (size_t)(deep ? between(rng, 120, 280) : between(rng, 1, 40));
    conv->out_channels = conv->groups * (size_t)(deep ? between(rng, 1, 9) : between(rng, 1, 40));
}

// n neighbours as blocks hold them.
static void round_line(const float *x, size_t n, double *out)
{
    enum { UNITS = 1 + MOPT_BLOCK_LENGTH / 2 };
    float block[UNITS];
    size_t blocks = (n + MOPT_BLOCK_LENGTH - 1) / MOPT_BLOCK_LENGTH;
    size_t length = (n + blocks - 1) / blocks;
    length = (length + MOPT_BLOCK_STEP - 1) / MOPT_BLOCK_STEP * MOPT_BLOCK_STEP;
    for (size_t at = 0; at < n; at += length) {
        size_t count = n - at < length ? n - at : length;
        mopt__f32_to_blocks_ref(x + at, count, length, block);
        for (size_t i = 0; i < count; i++) {
            int16_t number;
            memcpy(&number, (const char *)(block + 1) + i * sizeof number, sizeof number);
            out[at + i] = (double)number * (double)block[0];
        }
    }
}

static void round_operands(struct blocks_case *t)
{
    const struct mopt_window2d *w = &t->conv.window;
    size_t channels = w->channels / t->conv.groups, taps = w->kernel_h * w->kernel_w;
    size_t pixels = w->batch * w->in_h * w->in_w;
    t->x_rounded = malloc(pixels * w->channels * sizeof(double));
    t->w_rounded = malloc(t->w_count * sizeof(double));
    assert_true(t->x_rounded && t->w_rounded);
    for (size_t i = 0; i < pixels * t->conv.groups; i++) {
        round_line(t->x + i / t->conv.groups * t->ldx + i % t->conv.groups * channels, channels,
                   t->x_rounded + i * channels);
    }
    for (size_t i = 0; i < t->conv.out_channels * taps; i++) {
        float line[512];
        assert_true(channels <= MOPT_COUNTOF(line));
        for (size_t c = 0; c < channels; c++) {
            line[c] = t->w[(i / taps * channels + c) * taps + i % taps];
        }
        round_line(line, channels, t->w_rounded + i * channels);
    }
}

static void make(struct mopt_rng *rng, struct blocks_case *t)
{
    random_conv(rng, &t->conv);
    const struct mopt_window2d *w = &t->conv.window;
    t->ldx = w->channels + (size_t)between(rng, 0, 2);
    t->ldy = t->conv.out_channels + (size_t)between(rng, 0, 2);
    t->pixels = w->batch * w->out_h * w->out_w;
    t->x_count = (w->batch * w->in_h * w->in_w - 1) * t->ldx + w->channels;
    t->y_count = (t->pixels - 1) * t->ldy + t->conv.out_channels;
    t->w_count = t->conv.out_channels * (w->channels / t->conv.groups) * w->kernel_h * w->kernel_w;
    t->x = guarded(rng, t->x_count);
    t->w = guarded(rng, t->w_count);
    t->before = guarded(rng, t->y_count);
    t->first = guarded(rng, t->y_count);
    t->y = guarded(rng, t->y_count);
    t->residual = guarded(rng, t->y_count);
    t->bias = guarded(rng, t->conv.out_channels);
    t->in_place = mopt__rng_below(rng, 3) == 0;
    t->finish = random_finish(rng, t->bias, t->residual, t->ldy);
    round_operands(t);
}

static void free_case(struct blocks_case *t)
{
    release(t->x, t->x_count);
    release(t->w, t->w_count);
    release(t->before, t->y_count);
    release(t->first, t->y_count);
    release(t->y, t->y_count);
    release(t->residual, t->y_count);
    release(t->bias, t->conv.out_channels);
    free(t->x_rounded);
    free(t->w_rounded);
}

static void run(const struct mopt_kernels *table, const struct blocks_case *t, float *y,
                struct mopt_pool *pool)
{
    size_t bytes = mopt__conv2d_packed_bytes(table, &t->conv, MOPT_CONV_DIRECT);
    size_t room = mopt__conv2d_scratch(table, &t->conv, MOPT_CONV_DIRECT, mopt__pool_size(pool));
    unsigned char *packed = aligned_block(bytes), *scratch = aligned_block(room);
    mopt__conv2d_pack(table, &t->conv, MOPT_CONV_DIRECT, t->w, packed);
    struct mopt_conv2d_run call = {.conv = &t->conv,
                                   .form = MOPT_CONV_DIRECT,
                                   .x = t->x,
                                   .ldx = t->ldx,
                                   .w = packed,
                                   .y = y,
                                   .ldy = t->ldy,
                                   .epilogue = t->finish,
                                   .scratch = scratch};
    if (t->in_place && t->finish.residual) {
        call.epilogue.residual = y;
    }
    memcpy(y, t->in_place && t->finish.residual ? t->residual : t->before,
           t->y_count * sizeof(float));
    mopt__conv2d_f32(table, &call, pool);
    assert_int_equal(packed[bytes], 0x55);
    assert_int_equal(scratch[room], 0x55);
    free(packed);
    free(scratch);
}

// One element: the sums of rounded operands, and those of the operands as they are with what their
// rounding may change: 1.8e-4 of either norm for each tap.
static void check_element(const struct blocks_case *t, size_t pixel, size_t m)
{
    const struct mopt_window2d *w = &t->conv.window;
    size_t channels = w->channels / t->conv.groups, n = t->conv.out_channels / t->conv.groups;
    size_t taps = w->kernel_h * w->kernel_w, at = pixel * t->ldy + m;
    struct exact rounded = {0}, plain = {0};
    double bound = 0;
    for (size_t tap = 0; tap < taps; tap++) {
        int64_t from = under(w, pixel, tap / w->kernel_w, tap % w->kernel_w);
        double left = 0, right = 0;
        for (size_t c = 0; from >= 0 && c < channels; c++) {
            size_t column = m / n * channels + c;
            double a = (double)t->x[(size_t)from * t->ldx + column];
            double b = (double)t->w[(m * channels + c) * taps + tap];
            exact_add(&rounded, t->x_rounded[(size_t)from * w->channels + column] *
                                    t->w_rounded[(m * taps + tap) * channels + c]);
            exact_add(&plain, a * b);
            left += a * a;
            right += b * b;
        }
        bound += 3.7e-4 * sqrt(left) * sqrt(right);
    }
    double r = t->finish.residual ? (double)t->residual[at] : 0, is = (double)t->first[at];
    double want = finish_double(&t->finish, &rounded, m, r);
    near(is, want, exact_bound(&rounded));
    want = finish_double(&t->finish, &plain, m, r);
    near(is, want, exact_bound(&plain) + bound);
}

static void check(const struct blocks_case *t)
{
    const float *untouched = t->in_place && t->finish.residual ? t->residual : t->before;
    for (size_t at = 0; at < t->y_count; at++) {
        if (at % t->ldy < t->conv.out_channels) {
            check_element(t, at / t->ldy, at % t->ldy);
        } else {
            assert_true(t->first[at] == untouched[at]);
        }
    }
}

static void test_convs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pools[3] = {NULL};
    assert_int_equal(mopt__pool_new(2, &pools[1], &err), MOPT_OK);
    assert_int_equal(mopt__pool_new(3, &pools[2], &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 61);
    struct mopt_kernels table;
    for (int round = 0; round < 100; round++) {
        struct blocks_case t = {.in_place = false};
        make(&rng, &t);
        for (int level = 0; level_table(level, &table); level++) {
            for (size_t threads = 0; threads < 3; threads++) {
                bool first = level == 0 && threads == 0;
                run(&table, &t, first ? t.first : t.y, pools[threads]);
                assert_true(first || memcmp(t.first, t.y, t.y_count * sizeof(float)) == 0);
            }
        }
        check(&t);
        free_case(&t);
    }
    mopt__pool_free(pools[1]);
    mopt__pool_free(pools[2]);
}

// A NaN or an infinity reaches those pixels whose windows hold it, and no others.
static void test_not_a_number(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 62);
    struct mopt_kernels table;
    for (int round = 0; round < 60; round++) {
        struct blocks_case t = {.in_place = false};
        make(&rng, &t);
        const struct mopt_window2d *w = &t.conv.window;
        t.finish = (struct mopt_finish){.act = {.kind = MOPT_ACT_NONE}};
        size_t bad = mopt__rng_below(&rng, w->batch * w->in_h * w->in_w);
        t.x[bad * t.ldx] = round % 2 ? INFINITY : NAN; // of the first group
        for (int level = 0; level_table(level, &table); level++) {
            run(&table, &t, t.y, NULL);
            for (size_t pixel = 0; pixel < t.pixels; pixel++) {
                bool holds = false;
                for (size_t tap = 0; tap < w->kernel_h * w->kernel_w; tap++) {
                    holds = holds ||
                            under(w, pixel, tap / w->kernel_w, tap % w->kernel_w) == (int64_t)bad;
                }
                for (size_t m = 0; m < t.conv.out_channels; m++) {
                    bool want = holds && m < t.conv.out_channels / t.conv.groups;
                    assert_true(isnan(t.y[pixel * t.ldy + m]) == want);
                }
            }
        }
        free_case(&t);
    }
}

struct choice {
    size_t channels, out_channels, groups, in, kernel, stride;
    enum mopt_weights rounded; // of the table
    enum mopt_conv_form form;
    enum mopt_weights weights;
};

// Blocks where they are faster than floats; else floats, not bfloat16, unless reading the weights
// is the work.
static void test_choice(void **state)
{
    (void)state;
    static const struct choice choices[] = {
        {128, 128, 1, 56, 3, 2, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_BLOCKS},
        {256, 512, 1, 56, 1, 2, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_BLOCKS},
        {256, 256, 1, 14, 1, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_BLOCKS},
        {480, 120, 1, 1, 1, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_BLOCKS},
        {512, 512, 1, 7, 3, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_BLOCKS},
        {64, 64, 1, 56, 3, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_WINOGRAD4, MOPT_WEIGHTS_F32},
        {3, 64, 1, 224, 7, 2, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_F32},
        {16, 32, 1, 320, 3, 2, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_F32},
        {16, 96, 1, 112, 1, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_F32},
        {128, 128, 32, 56, 3, 2, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_F32},
        {144, 144, 144, 56, 3, 1, MOPT_WEIGHTS_BLOCKS, MOPT_CONV_DEPTHWISE, MOPT_WEIGHTS_F32},
        {256, 256, 1, 14, 1, 1, MOPT_WEIGHTS_PAIRS, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_PAIRS},
        {128, 128, 1, 56, 3, 2, MOPT_WEIGHTS_PAIRS, MOPT_CONV_DIRECT, MOPT_WEIGHTS_BLOCKS},
        {128, 128, 1, 56, 3, 2, MOPT_WEIGHTS_BF16, MOPT_CONV_DIRECT, MOPT_WEIGHTS_F32},
        {256, 256, 1, 14, 1, 1, MOPT_WEIGHTS_BF16, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_F32},
        {480, 120, 1, 1, 1, 1, MOPT_WEIGHTS_BF16, MOPT_CONV_POINTWISE, MOPT_WEIGHTS_BF16},
        {512, 512, 1, 10, 3, 2, MOPT_WEIGHTS_BF16, MOPT_CONV_DIRECT, MOPT_WEIGHTS_BF16},
    };
    struct mopt_kernels table;
    mopt__kernels_select(MOPT_ISA_REF, &table);
    for (size_t i = 0; i < MOPT_COUNTOF(choices); i++) {
        const struct choice *c = &choices[i];
        size_t k = c->kernel, s = c->stride, p = k / 2, out = (c->in + 2 * p - k) / s + 1;
        struct mopt_conv2d conv = {.window = {1, c->channels, c->in, c->in, out, out, k, k, s, s, 1,
                                              1, p, p},
                                   .groups = c->groups,
                                   .out_channels = c->out_channels};
        table.rounded = c->rounded;
        assert_int_equal(mopt__conv2d_rounded(&table, &conv), c->form);
        assert_int_equal(conv.weights, c->weights);
    }
}

int mopt__test_conv_blocks(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convs),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
