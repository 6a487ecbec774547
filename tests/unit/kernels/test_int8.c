// SPDX-License-Identifier: Apache-2.0
// Byte products and convolutions at every level of this machine against plain loops in 64 bits.
#include "bytes.h"
#include "tests.h"

enum { ROUNDS = 150, KIND_C32 = 0, KIND_C8, KIND_CF, KINDS };

// What stands behind the sums, for n columns and m rows.
struct finish {
    int kind;
    int32_t *start;
    float *scale, *shift, *row_scale, *float_bias;
    struct mopt_requantize out;
};

static void finish_init(struct mopt_rng *rng, size_t m, size_t n, float typical, struct finish *f)
{
    *f = (struct finish){.kind = (int)mopt__rng_below(rng, KINDS)};
    f->start = mopt__malloc((n + 1) * sizeof(int32_t));
    f->scale = mopt__malloc((n + 1) * sizeof(float));
    f->shift = mopt__malloc((n + 1) * sizeof(float));
    f->row_scale = mopt__malloc((m + 1) * sizeof(float));
    f->float_bias = mopt__malloc((n + 1) * sizeof(float));
    assert_true(f->start && f->scale && f->shift && f->row_scale && f->float_bias);
    bool wild = mopt__rng_below(rng, 8) == 0;
    for (size_t j = 0; j < n; j++) {
        f->start[j] = wild ? (int32_t)(uint32_t)mopt__rng_u64(rng) : (int32_t)between(rng, -9, 9);
        f->float_bias[j] = (float)mopt__rng_normal(rng);
    }
    fill_scales(rng, typical, f->scale, n);
    fill_shifts(rng, f->shift, n);
    fill_scales(rng, 1, f->row_scale, m);
    f->out.start = mopt__rng_below(rng, 4) ? f->start : NULL;
    f->out.scale = f->scale;
    f->out.shift = mopt__rng_below(rng, 2) ? f->shift : NULL;
    f->out.zero_point = (int32_t)between(rng, 0, 255);
    f->out.low = mopt__rng_below(rng, 2) ? 0 : (int32_t)between(rng, 0, 100);
    f->out.high = mopt__rng_below(rng, 2) ? 255 : (int32_t)between(rng, 100, 255);
    f->out.row_scale = mopt__rng_below(rng, 2) ? f->row_scale : NULL;
    f->out.float_bias = mopt__rng_below(rng, 2) ? f->float_bias : NULL;
    f->out.act.kind = mopt__rng_below(rng, 2)   ? MOPT_ACT_NONE
                      : mopt__rng_below(rng, 2) ? MOPT_ACT_RELU
                                                : MOPT_ACT_CLIP;
    f->out.act.alpha = -1;
    f->out.act.beta = 2;
}

static void finish_free(struct finish *f)
{
    mopt__free(f->start);
    mopt__free(f->scale);
    mopt__free(f->shift);
    mopt__free(f->row_scale);
    mopt__free(f->float_bias);
}

static size_t element_size(const struct finish *f)
{
    return f->kind == KIND_C8 ? 1 : 4;
}

static float want_float(const struct finish *f, size_t i, size_t j, int32_t acc)
{
    float v = (float)acc * f->scale[j];
    v = f->out.row_scale ? v * f->out.row_scale[i] : v;
    v = f->out.float_bias ? v + f->out.float_bias[j] : v;
    if (isnan(v) || f->out.act.kind == MOPT_ACT_NONE) {
        return v;
    }
    float low = f->out.act.kind == MOPT_ACT_CLIP ? f->out.act.alpha : 0;
    float high = f->out.act.kind == MOPT_ACT_CLIP ? f->out.act.beta : INFINITY;
    return v < low ? low : v > high ? high : v;
}

// c: start of the result, `at`: element; sum: without start.
static void check(const struct finish *f, const uint8_t *c, size_t at, size_t i, size_t j,
                  int64_t sum)
{
    int64_t whole = sum + (f->out.start ? f->out.start[j] : 0);
    int32_t acc = (int32_t)(uint32_t)(uint64_t)whole;
    float got = 0;
    int32_t got32 = 0;
    if (f->kind == KIND_C8) {
        const float *shift = f->out.shift ? f->out.shift + j : NULL;
        assert_int_equal(c[at], want_shifted(acc, f->scale[j], shift, f->out.zero_point, f->out.low,
                                             f->out.high));
    } else if (f->kind == KIND_C32) {
        memcpy(&got32, c + at * 4, 4);
        assert_int_equal(got32, acc);
    } else {
        memcpy(&got, c + at * 4, 4);
        if (!same_float(got, want_float(f, i, j, acc))) {
            fail_msg("%.9g, expected %.9g", (double)got, (double)want_float(f, i, j, acc));
        }
    }
}

// ---- Products
struct product {
    size_t m, n, k, lda, ldc;
    uint8_t *a;
    int8_t *b, *packed;
    int32_t *b_zero;
    int32_t a_zero;
    struct finish finish;
};

static void product_init(struct mopt_rng *rng, const struct mopt_kernels *kernels, bool large,
                         struct product *p)
{
    p->m = (size_t)between(rng, 1, mopt__rng_below(rng, 4) ? 20 : large ? 600 : 70);
    p->n = (size_t)between(rng, 1, mopt__rng_below(rng, 2) ? 40 : 130);
    p->k = (size_t)between(rng, 0, mopt__rng_below(rng, 4) ? 40 : large ? 3000 : 300);
    p->lda = p->k + (size_t)between(rng, 0, 5);
    p->ldc = p->n + (size_t)between(rng, 0, 5);
    size_t a_bytes = p->m * p->lda + 3;
    p->a = mopt__malloc(a_bytes);
    p->b = mopt__malloc(p->k * p->n + 1);
    p->b_zero = mopt__malloc(p->n * sizeof(int32_t));
    size_t packed = mopt__packed_s8_bytes(kernels, p->k, p->n);
    p->packed = mopt__malloc_aligned(packed);
    assert_true(p->a && p->b && p->packed && p->b_zero && packed >= p->k * p->n);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), p->a, a_bytes);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), p->b, p->k * p->n);
    memset(p->packed, 0x55, packed);
    for (size_t j = 0; j < p->n; j++) {
        p->b_zero[j] = (int32_t)between(rng, -128, 127);
    }
    bool transposed = mopt__rng_below(rng, 2);
    if (transposed) { // p->b is [n, k]
        int8_t *turned = mopt__malloc(p->k * p->n + 1);
        assert_non_null(turned);
        for (size_t i = 0; i < p->k * p->n; i++) {
            turned[i % p->n * p->k + i / p->n] = p->b[i];
        }
        mopt__pack_s8(kernels, p->k, p->n, turned, 1, p->k, p->packed);
        mopt__free(turned);
    } else {
        mopt__pack_s8(kernels, p->k, p->n, p->b, p->n, 1, p->packed);
    }
    finish_init(rng, p->m, p->n, 1e-2F / (float)(p->k + 1), &p->finish);
}

static void product_free(struct product *p)
{
    mopt__free(p->a);
    mopt__free(p->b);
    mopt__free(p->b_zero);
    mopt__free_aligned(p->packed);
    finish_free(&p->finish);
}

static void product_run(const struct mopt_kernels *kernels, const struct product *p, bool b_zero,
                        struct mopt_pool *pool, struct band *c)
{
    int kind = p->finish.kind;
    struct mopt_gemm_u8 gemm = {.m = p->m,
                                .n = p->n,
                                .k = p->k,
                                .a = p->a,
                                .lda = p->lda,
                                .b = p->packed,
                                .b_zero = b_zero ? p->b_zero : NULL,
                                .out = p->finish.out,
                                .c32 = kind == KIND_C32 ? (int32_t *)(void *)c->data : NULL,
                                .c8 = kind == KIND_C8 ? c->data : NULL,
                                .cf = kind == KIND_CF ? (float *)(void *)c->data : NULL,
                                .ldc = p->ldc};
    mopt__gemm_u8(kernels, &gemm, pool);
}

static void product_check(const struct product *p, bool b_zero, const struct band *c)
{
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            int64_t sum = 0;
            for (size_t q = 0; q < p->k; q++) {
                int64_t b = 1 * p->b[q * p->n + j];
                sum += p->a[i * p->lda + q] * (b_zero ? b - p->b_zero[j] : b);
            }
            check(&p->finish, c->data, i * p->ldc + j, i, j, sum);
        }
    }
    size_t size = element_size(&p->finish);
    for (size_t at = 0; at + 1 < p->m * p->ldc * size; at++) {
        if (at / size % p->ldc >= p->n) {
            assert_int_equal(c->data[at], BAND_BYTE);
        }
    }
}

static void products(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 21);
    for (int round = 0; round < ROUNDS; round++) {
        struct product p;
        product_init(&rng, kernels, round % 50 == 49, &p);
        if (round % 4 == 0) { // the most frequent end, which has code of its own
            p.finish.kind = KIND_C8;
            p.finish.out.zero_point = p.finish.out.low = 0;
            p.finish.out.high = 255;
            p.finish.out.shift = NULL;
        }
        size_t size = element_size(&p.finish);
        size_t bytes = ((p.m - 1) * p.ldc + p.n) * size;
        bool b_zero = mopt__rng_below(&rng, 2);
        struct band c = band_new(bytes, size * (size_t)between(&rng, 0, 3));
        product_run(kernels, &p, b_zero, NULL, &c);
        product_check(&p, b_zero, &c);
        band_free(&c);
        product_free(&p);
    }
}

static void test_products(void **state)
{
    (void)state;
    assert_true(each_level(products) >= 1);
}

// An activation after the product is the one of the vector slot.
static void activations(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 26);
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct product p;
        product_init(&rng, kernels, false, &p);
        p.finish.kind = KIND_CF;
        p.ldc = p.n;
        p.finish.out.act = (struct mopt_function_f32){.kind = MOPT_ACT_NONE};
        struct band plain = band_new(p.m * p.n * sizeof(float), 4);
        struct band bent = band_new(p.m * p.n * sizeof(float), 8);
        product_run(kernels, &p, false, NULL, &plain);
        p.finish.out.act.kind = MOPT_ACT_TANH;
        product_run(kernels, &p, false, NULL, &bent);
        float *want = (float *)(void *)plain.data;
        kernels->unary_f32(&p.finish.out.act, want, want, p.m * p.n);
        for (size_t i = 0; i < p.m * p.n; i++) {
            float got = 0;
            memcpy(&got, bent.data + 4 * i, sizeof got);
            assert_true(same_float(got, want[i]));
        }
        band_free(&plain);
        band_free(&bent);
        product_free(&p);
    }
}

static void test_activations(void **state)
{
    (void)state;
    assert_true(each_level(activations) >= 1);
}

// ---- Convolutions
// A third axis, whose window may hang over both ends, too.
static struct mopt_planes random_planes(struct mopt_rng *rng, bool point)
{
    struct mopt_planes p = {.out = (size_t)between(rng, 1, 3),
                            .kernel = (size_t)between(rng, 1, point ? 1 : 3),
                            .stride = (size_t)between(rng, 1, point ? 1 : 2),
                            .dilation = (size_t)between(rng, 1, 2),
                            .pad = point ? 0 : (size_t)between(rng, 0, 2)};
    p.in = point ? p.out : (size_t)between(rng, 1, 1 + (int64_t)(p.out * p.stride + 2));
    return p;
}

static size_t kernel_taps(const struct mopt_conv2d *conv)
{
    size_t planes = conv->planes.kernel > 0 ? conv->planes.kernel : 1;
    return planes * conv->window.kernel_h * conv->window.kernel_w;
}

// Images of the result, and of the input, counting planes.
static size_t images_out(const struct mopt_conv2d *conv)
{
    return conv->window.batch * (conv->planes.kernel > 0 ? conv->planes.out : 1);
}

static size_t images_in(const struct mopt_conv2d *conv)
{
    return conv->window.batch * (conv->planes.kernel > 0 ? conv->planes.in : 1);
}

static struct mopt_conv2d random_conv(struct mopt_rng *rng)
{
    struct mopt_conv2d conv = {.groups = mopt__rng_below(rng, 3) ? 1 : (size_t)between(rng, 1, 4)};
    struct mopt_window2d *w = &conv.window;
    size_t group_channels = (size_t)between(rng, 1, mopt__rng_below(rng, 2) ? 5 : 40);
    w->channels = conv.groups * group_channels;
    conv.out_channels = conv.groups * (size_t)between(rng, 1, mopt__rng_below(rng, 2) ? 20 : 70);
    if (mopt__rng_below(rng, 4) == 0) { // depthwise
        conv.groups = conv.out_channels = w->channels = (size_t)between(rng, 2, 150);
    }
    w->batch = (size_t)between(rng, 1, 2);
    bool point = mopt__rng_below(rng, 4) == 0;
    bool longer = mopt__rng_below(rng, 16) == 0;
    w->kernel_h = point ? 1 : (size_t)between(rng, 1, longer ? 11 : 5);
    w->kernel_w = point ? 1 : (size_t)between(rng, 1, longer ? 11 : 5);
    w->stride_h = point ? 1 : (size_t)between(rng, 1, 3);
    w->stride_w = point ? 1 : (size_t)between(rng, 1, 3);
    w->dilation_h = (size_t)between(rng, 1, 2);
    w->dilation_w = (size_t)between(rng, 1, 2);
    w->out_h = (size_t)between(rng, 1, 9);
    w->out_w = (size_t)between(rng, 1, 33);
    w->pad_top = point ? 0 : (size_t)between(rng, 0, 3);
    w->pad_left = point ? 0 : (size_t)between(rng, 0, 3);
    // Any input size goes: windows may hang over both ends, or be cut off by the last stride.
    w->in_h = point ? w->out_h : (size_t)between(rng, 1, 1 + (int64_t)(w->out_h * w->stride_h + 4));
    w->in_w = point ? w->out_w : (size_t)between(rng, 1, 1 + (int64_t)(w->out_w * w->stride_w + 4));
    if (!longer && mopt__rng_below(rng, 4) == 0) {
        conv.planes = random_planes(rng, point);
    }
    return conv;
}

struct convolution {
    struct mopt_conv2d conv;
    enum mopt_conv_form form;
    size_t ldx, ldy;
    uint8_t *x;
    int8_t *w, *packed;
    int32_t x_zero;
    int32_t zeros[4 * 70];
    const int32_t *w_zero; // zeros, or NULL
    uint32_t again[2 * 11 * 11];
    struct finish finish;
};

// Zero points near the middle, where weights of 8 bits need few taps again, or anywhere.
static void zeros_init(struct mopt_rng *rng, struct convolution *c)
{
    int64_t most = mopt__rng_below(rng, 2) ? 3 : 128;
    for (size_t o = 0; o < c->conv.out_channels; o++) {
        c->zeros[o] = (int32_t)between(rng, -most, most - 1);
    }
    c->w_zero = c->zeros;
}

// Packs the weights; those of groups less their zero points.
static void convolution_pack(const struct mopt_kernels *kernels, struct convolution *c)
{
    const struct mopt_window2d *w = &c->conv.window;
    bool subtract = c->conv.groups > 1 && c->w_zero;
    size_t filters = w->channels / c->conv.groups * c->conv.out_channels;
    size_t taps = kernel_taps(&c->conv);
    int8_t *codes = c->w;
    if (subtract) {
        c->conv.again_count = mopt__conv2d_u8_again(&c->conv, c->w, c->zeros, c->again);
        c->conv.again = c->again;
        assert_true(c->conv.again_count <= 2 * taps);
        codes = mopt__malloc(filters * (taps + c->conv.again_count));
        assert_non_null(codes);
        mopt__conv2d_u8_subtract(&c->conv, c->w, c->zeros, codes);
    }
    size_t packed = mopt__conv2d_u8_packed_bytes(kernels, &c->conv, c->form);
    c->packed = mopt__malloc_aligned(packed);
    assert_true(c->packed && packed > 0);
    memset(c->packed, 0x55, packed);
    mopt__conv2d_u8_pack(kernels, &c->conv, c->form, codes, c->packed);
    if (subtract) {
        mopt__free(codes);
    }
}

static void convolution_init(struct mopt_rng *rng, const struct mopt_kernels *kernels,
                             struct convolution *c)
{
    c->conv = random_conv(rng);
    const struct mopt_window2d *w = &c->conv.window;
    c->form = mopt__conv2d_u8_form(&c->conv);
    if (mopt__rng_below(rng, 8) == 0) {
        c->form = MOPT_CONV_DIRECT;
    }
    c->ldx = w->channels + (mopt__rng_below(rng, 2) ? (size_t)between(rng, 0, 5) : 0);
    c->ldy = c->conv.out_channels + (size_t)between(rng, 0, 5);
    size_t x_bytes = images_in(&c->conv) * w->in_h * w->in_w * c->ldx + MOPT_OVERREAD;
    size_t depth = w->channels / c->conv.groups * kernel_taps(&c->conv);
    c->x = mopt__malloc(x_bytes);
    c->w = mopt__malloc(depth * c->conv.out_channels);
    assert_true(c->x && c->w);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), c->x, x_bytes);
    fill_bytes(rng, (int)mopt__rng_below(rng, 5), c->w, depth * c->conv.out_channels);
    c->x_zero = (int32_t)between(rng, 0, 255);
    c->w_zero = NULL;
    if (mopt__rng_below(rng, 3) == 0) {
        zeros_init(rng, c);
    }
    convolution_pack(kernels, c);
    finish_init(rng, images_out(&c->conv) * w->out_h * w->out_w, c->conv.out_channels,
                1e-2F / (float)depth, &c->finish);
    if (c->form == MOPT_CONV_DEPTHWISE) {
        c->finish.out.row_scale = NULL;
    }
}

static void convolution_free(struct convolution *c)
{
    mopt__free(c->x);
    mopt__free(c->w);
    mopt__free_aligned(c->packed);
    finish_free(&c->finish);
}

static void convolution_run(const struct mopt_kernels *kernels, const struct convolution *c,
                            struct mopt_pool *pool, struct band *y)
{
    size_t bytes = mopt__conv2d_u8_scratch(kernels, &c->conv, c->form, mopt__pool_size(pool));
    void *scratch = mopt__malloc_aligned(bytes);
    assert_non_null(scratch);
    int kind = c->finish.kind;
    struct mopt_conv2d_u8_run run = {.conv = &c->conv,
                                     .form = c->form,
                                     .x = c->x,
                                     .ldx = c->ldx,
                                     .x_zero_point = c->x_zero,
                                     .w = c->packed,
                                     .w_zero = c->conv.groups == 1 ? c->w_zero : NULL,
                                     .out = c->finish.out,
                                     .c32 = kind == KIND_C32 ? (int32_t *)(void *)y->data : NULL,
                                     .c8 = kind == KIND_C8 ? y->data : NULL,
                                     .cf = kind == KIND_CF ? (float *)(void *)y->data : NULL,
                                     .ldy = c->ldy,
                                     .scratch = scratch};
    mopt__conv2d_u8(kernels, &run, pool);
    mopt__free_aligned(scratch);
}

// The sum of one output element; padding counts as the zero point of x.
static int64_t window_sum(const struct convolution *c, size_t image, size_t oy, size_t ox, size_t o)
{
    const struct mopt_window2d *w = &c->conv.window;
    size_t in = w->channels / c->conv.groups;
    size_t group = o / (c->conv.out_channels / c->conv.groups);
    int64_t sum = 0;
    const struct mopt_planes *p = &c->conv.planes;
    for (size_t tap = 0; tap < kernel_taps(&c->conv); tap++) {
        size_t ky = tap / w->kernel_w % w->kernel_h, kz = tap / w->kernel_w / w->kernel_h;
        int64_t iy = (int64_t)(oy * w->stride_h + ky * w->dilation_h) - (int64_t)w->pad_top;
        int64_t ix =
            (int64_t)(ox * w->stride_w + tap % w->kernel_w * w->dilation_w) - (int64_t)w->pad_left;
        bool inside = iy >= 0 && ix >= 0 && iy < (int64_t)w->in_h && ix < (int64_t)w->in_w;
        size_t from = image;
        if (p->kernel > 0) {
            int64_t z = (int64_t)(image % p->out * p->stride + kz * p->dilation) - (int64_t)p->pad;
            inside = inside && z >= 0 && z < (int64_t)p->in;
            from = image / p->out * p->in + (inside ? (size_t)z : 0);
        }
        size_t pixel = inside ? (from * w->in_h + (size_t)iy) * w->in_w + (size_t)ix : 0;
        for (size_t i = 0; i < in; i++) {
            int64_t x = inside ? c->x[pixel * c->ldx + group * in + i] : c->x_zero;
            int64_t zero = c->w_zero ? c->w_zero[o] : 0;
            sum += x * (c->w[(o * in + i) * kernel_taps(&c->conv) + tap] - zero);
        }
    }
    return sum;
}

static void convolution_check(const struct convolution *c, const struct band *y)
{
    const struct mopt_window2d *w = &c->conv.window;
    size_t pixels = images_out(&c->conv) * w->out_h * w->out_w;
    for (size_t i = 0; i < pixels; i++) {
        size_t image = i / (w->out_h * w->out_w);
        for (size_t o = 0; o < c->conv.out_channels; o++) {
            int64_t sum = window_sum(c, image, i / w->out_w % w->out_h, i % w->out_w, o);
            check(&c->finish, y->data, i * c->ldy + o, i, o, sum);
        }
    }
}

static struct band convolution_result(const struct convolution *c, size_t shift)
{
    const struct mopt_window2d *w = &c->conv.window;
    size_t pixels = images_out(&c->conv) * w->out_h * w->out_w;
    size_t size = element_size(&c->finish);
    return band_new(((pixels - 1) * c->ldy + c->conv.out_channels) * size, size * shift);
}

static void convolutions(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 22);
    for (int round = 0; round < ROUNDS; round++) {
        struct convolution c;
        convolution_init(&rng, kernels, &c);
        struct band y = convolution_result(&c, (size_t)between(&rng, 0, 3));
        convolution_run(kernels, &c, NULL, &y);
        convolution_check(&c, &y);
        band_free(&y);
        convolution_free(&c);
    }
}

static void test_convolutions(void **state)
{
    (void)state;
    assert_true(each_level(convolutions) >= 1);
}

static void convolution_activations(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 27);
    for (int round = 0; round < ROUNDS / 5; round++) {
        struct convolution c;
        convolution_init(&rng, kernels, &c);
        c.finish.kind = KIND_CF;
        c.finish.out.act = (struct mopt_function_f32){.kind = MOPT_ACT_NONE};
        struct band plain = convolution_result(&c, 1);
        struct band bent = convolution_result(&c, 2);
        convolution_run(kernels, &c, NULL, &plain);
        c.finish.out.act.kind = MOPT_ACT_TANH;
        convolution_run(kernels, &c, NULL, &bent);
        float *want = (float *)(void *)plain.data;
        for (size_t i = 0; i < plain.bytes / sizeof *want; i++) {
            float got = 0;
            memcpy(&got, bent.data + sizeof got * i, sizeof got);
            if (i % c.ldy < c.conv.out_channels) {
                kernels->unary_f32(&c.finish.out.act, want + i, want + i, 1);
            }
            assert_true(same_float(got, want[i]));
        }
        band_free(&plain);
        band_free(&bent);
        convolution_free(&c);
    }
}

static void test_convolution_activations(void **state)
{
    (void)state;
    assert_true(each_level(convolution_activations) >= 1);
}

// ---- Threads
static void threads(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 23);
    struct mopt_error err = {0};
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct product p;
        product_init(&rng, kernels, true, &p);
        size_t bytes = ((p.m - 1) * p.ldc + p.n) * element_size(&p.finish);
        struct band one = band_new(bytes, 0);
        struct band three = band_new(bytes, 0);
        product_run(kernels, &p, round & 1, NULL, &one);
        product_run(kernels, &p, round & 1, pool, &three);
        assert_memory_equal(one.data, three.data, bytes);
        band_free(&one);
        band_free(&three);
        product_free(&p);
        struct convolution c;
        convolution_init(&rng, kernels, &c);
        struct band y1 = convolution_result(&c, 0);
        struct band y3 = convolution_result(&c, 0);
        convolution_run(kernels, &c, NULL, &y1);
        convolution_run(kernels, &c, pool, &y3);
        assert_memory_equal(y1.data, y3.data, y1.bytes);
        band_free(&y1);
        band_free(&y3);
        convolution_free(&c);
    }
    mopt__pool_free(pool);
}

static void test_threads(void **state)
{
    (void)state;
    assert_true(each_level(threads) >= 1);
}

// ---- Pooling
static uint8_t window_max(const struct mopt_window2d *w, const uint8_t *x, size_t ldx, size_t i)
{
    size_t top = i / w->out_w % w->out_h * w->stride_h;
    size_t left = i % w->out_w * w->stride_w;
    const uint8_t *image = x + i / (w->out_h * w->out_w) * w->in_h * w->in_w * ldx;
    uint8_t most = 0;
    for (size_t tap = 0; tap < w->kernel_h * w->kernel_w; tap++) {
        size_t iy = top + tap / w->kernel_w * w->dilation_h - w->pad_top;
        size_t ix = left + tap % w->kernel_w * w->dilation_w - w->pad_left;
        bool inside = iy < w->in_h && ix < w->in_w;
        uint8_t v = inside ? image[(iy * w->in_w + ix) * ldx] : 0;
        most = v > most ? v : most;
    }
    return most;
}

static void pooling(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 25);
    for (int round = 0; round < ROUNDS; round++) {
        struct mopt_conv2d conv = random_conv(&rng);
        struct mopt_window2d *w = &conv.window;
        size_t ldx = w->channels + 1;
        size_t ldy = w->channels + 2;
        size_t x_bytes = w->batch * w->in_h * w->in_w * ldx;
        size_t pixels = w->batch * w->out_h * w->out_w;
        uint8_t *x = mopt__malloc(x_bytes + MOPT_OVERREAD);
        assert_non_null(x);
        fill_bytes(&rng, 0, x, x_bytes + MOPT_OVERREAD);
        struct band y = band_new(pixels * ldy - 2, 1);
        mopt__pool2d_u8(kernels, w, x, ldx, y.data, ldy, NULL);
        for (size_t i = 0; i < pixels * w->channels; i++) {
            size_t channel = i % w->channels;
            size_t pixel = i / w->channels;
            assert_int_equal(y.data[pixel * ldy + channel], window_max(w, x + channel, ldx, pixel));
        }
        band_free(&y);
        mopt__free(x);
    }
}

static void test_pooling(void **state)
{
    (void)state;
    assert_true(each_level(pooling) >= 1);
}

int mopt__test_int8(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),     cmocka_unit_test(test_activations),
        cmocka_unit_test(test_convolutions), cmocka_unit_test(test_convolution_activations),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_pooling),
    };
    return cmocka_run_group_tests_name("int8", tests, NULL, NULL);
}
