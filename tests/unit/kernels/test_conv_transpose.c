// SPDX-License-Identifier: Apache-2.0
// Transposed convolutions with channels innermost, of every level, against sums in double; the same
// bytes from any number of threads.
#include "floats.h"
#include "kernels/conv_transpose_nhwc.h"
#include "tests.h"

// Sum for one element of the result: every input pixel that meets it.
static void element(const struct mopt_conv_transpose2d *conv, const float *x, size_t ldx,
                    const float *w, size_t at, size_t channel, struct exact *e)
{
    const struct mopt_window2d *g = &conv->window;
    const size_t n = conv->out_channels / conv->groups, k = g->channels / conv->groups;
    const size_t image = at / (g->out_h * g->out_w), group = channel / n;
    const ptrdiff_t oy = (ptrdiff_t)(at / g->out_w % g->out_h + g->pad_top);
    const ptrdiff_t ox = (ptrdiff_t)(at % g->out_w + g->pad_left);
    for (size_t t = 0; t < g->kernel_h * g->kernel_w; t++) {
        const ptrdiff_t y = oy - (ptrdiff_t)(t / g->kernel_w * g->dilation_h);
        const ptrdiff_t q = ox - (ptrdiff_t)(t % g->kernel_w * g->dilation_w);
        const size_t iy = (size_t)y / g->stride_h, ix = (size_t)q / g->stride_w;
        if (y < 0 || q < 0 || (size_t)y % g->stride_h != 0 || (size_t)q % g->stride_w != 0 ||
            iy >= g->in_h || ix >= g->in_w) {
            continue;
        }
        const float *pixel = x + ((image * g->in_h + iy) * g->in_w + ix) * ldx + group * k;
        for (size_t p = 0; p < k; p++) {
            const size_t from = ((group * k + p) * n + channel % n) * g->kernel_h * g->kernel_w + t;
            exact_add(e, (double)pixel[p] * (double)w[from]);
        }
    }
}

static void choose(struct mopt_rng *rng, struct mopt_conv_transpose2d *conv)
{
    struct mopt_window2d w = {.batch = (size_t)between(rng, 1, 2),
                              .in_h = (size_t)between(rng, 1, 9),
                              .in_w = (size_t)between(rng, 1, 13),
                              .kernel_h = (size_t)between(rng, 1, 5),
                              .kernel_w = (size_t)between(rng, 1, 5),
                              .stride_h = (size_t)between(rng, 1, 4),
                              .stride_w = (size_t)between(rng, 1, 4),
                              .dilation_h = (size_t)between(rng, 1, 3),
                              .dilation_w = (size_t)between(rng, 1, 3),
                              .pad_top = (size_t)between(rng, 0, 3),
                              .pad_left = (size_t)between(rng, 0, 3)};
    conv->groups = mopt__rng_below(rng, 3) == 0 ? (size_t)between(rng, 2, 3) : 1;
    w.channels = conv->groups * (size_t)between(rng, 1, 20);
    conv->out_channels = conv->groups * (size_t)between(rng, 1, 40);
    if (mopt__rng_below(rng, 3) == 0) { // depthwise
        conv->groups = conv->out_channels = w.channels = (size_t)between(rng, 2, 40);
    }
    bool patches = mopt__rng_below(rng, 4) == 0;
    if (patches) {
        conv->groups = w.dilation_h = w.dilation_w = 1;
        w.pad_top = w.pad_left = 0;
        w.kernel_h = w.stride_h;
        w.kernel_w = w.stride_w;
    }
    w.out_h = (w.in_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1 +
              (size_t)between(rng, 0, 4);
    w.out_w = (w.in_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1 +
              (size_t)between(rng, 0, 4);
    w.out_h = w.out_h > w.pad_top ? w.out_h - w.pad_top : 1;
    w.out_w = w.out_w > w.pad_left ? w.out_w - w.pad_left : 1;
    if (patches) {
        w.out_h = w.in_h * w.stride_h;
        w.out_w = w.in_w * w.stride_w;
    }
    conv->window = w;
}

struct operands {
    float *x, *w, *bias, *factor, *y, *again;
    size_t in, weights, out;
};

static void check(const struct mopt_conv_transpose2d_run *run, const struct operands *o)
{
    const struct mopt_conv_transpose2d *conv = run->conv;
    const size_t pixels = conv->window.batch * conv->window.out_h * conv->window.out_w;
    for (size_t i = 0; i < pixels * conv->out_channels; i++) {
        const size_t c = i % conv->out_channels, at = i / conv->out_channels;
        struct exact e = {0};
        element(conv, o->x, run->ldx, o->w, at, c, &e);
        const double factor = (double)o->factor[c], bias = (double)o->bias[c];
        const double bound = (exact_bound(&e) + 1e-6 * fabs(e.sum)) * 2 * fabs(factor) +
                             1e-6 * (fabs(bias) + fabs(e.sum * factor)) + 1e-9;
        near((double)o->y[at * run->ldy + c], fmax(0, e.sum * factor + bias), bound);
    }
}

static void try_transpose(struct mopt_rng *rng, const struct mopt_kernels *table,
                          struct mopt_pool *pool)
{
    struct mopt_conv_transpose2d conv;
    choose(rng, &conv);
    const struct mopt_window2d *g = &conv.window;
    const size_t ldx = g->channels + (size_t)between(rng, 0, 3);
    const size_t ldy = conv.out_channels + (size_t)between(rng, 0, 3);
    struct operands o = {.in = g->batch * g->in_h * g->in_w * ldx,
                         .weights = g->channels * conv.out_channels / conv.groups * g->kernel_h *
                                    g->kernel_w,
                         .out = g->batch * g->out_h * g->out_w * ldy};
    o.x = guarded(rng, o.in);
    o.w = guarded(rng, o.weights);
    o.bias = guarded(rng, conv.out_channels);
    o.factor = guarded(rng, conv.out_channels);
    o.y = guarded(rng, o.out);
    o.again = guarded(rng, o.out);
    memcpy(o.again, o.y, o.out * sizeof *o.y);
    float *packed = mopt__malloc_aligned(mopt__conv_transpose_packed_bytes(table, &conv));
    void *scratch = mopt__malloc_aligned(mopt__conv_transpose_scratch(table, &conv, 3));
    assert_true(packed != NULL && scratch != NULL);
    mopt__conv_transpose_pack(table, &conv, o.w, o.factor, packed);
    struct mopt_conv_transpose2d_run run = {.conv = &conv,
                                            .x = o.x,
                                            .ldx = ldx,
                                            .w = packed,
                                            .y = o.y,
                                            .ldy = ldy,
                                            .epilogue = {.bias = o.bias,
                                                         .act = {.kind = MOPT_ACT_RELU}},
                                            .scratch = scratch};
    mopt__conv_transpose_nhwc(table, &run, NULL);
    check(&run, &o);
    run.y = o.again;
    mopt__conv_transpose_nhwc(table, &run, pool);
    assert_memory_equal(o.y, o.again, o.out * sizeof *o.y); // with what lies between pixels
    release(o.x, o.in);
    release(o.w, o.weights);
    release(o.bias, conv.out_channels);
    release(o.factor, conv.out_channels);
    release(o.y, o.out);
    release(o.again, o.out);
    mopt__free_aligned(packed);
    mopt__free_aligned(scratch);
}

static void test_transposes(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    struct mopt_rng rng;
    struct mopt_kernels table;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    mopt__rng_init(&rng, 81);
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 90; round++) {
            try_transpose(&rng, &table, pool);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_conv_transpose(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transposes)};
    return cmocka_run_group_tests_name("conv_transpose", tests, NULL, NULL);
}
