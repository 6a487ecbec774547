// SPDX-License-Identifier: Apache-2.0
// The rows of bytes: products, convolutions, vectors.
#include <stdio.h>

#include "anchors.h"
#include "base/base.h"
#include "kernels/int8.h"
#include "rows.h"

// ---- Products
struct product {
    const struct bench *bench;
    struct mopt_gemm_u8 gemm;
};

static void run_product(const void *work)
{
    const struct product *p = work;
    mopt__gemm_u8(&p->bench->table, &p->gemm, p->bench->pool);
}

static void product(struct bench *b, size_t m, size_t n, size_t k)
{
    char name[64];
    snprintf(name, sizeof name, "u8 %zu x %zu x %zu", m, n, k);
    if (!bench_wants(b, name)) {
        return;
    }
    size_t packed = mopt__packed_s8_bytes(&b->table, k, n);
    struct product p = {.bench = b, .gemm = {.m = m, .n = n, .k = k, .lda = k, .ldc = n}};
    int8_t *weights = bench_bytes(k * n);
    int8_t *panels = bench_bytes(packed);
    uint8_t *a = bench_bytes(m * k);
    float *scale = bench_bytes(n * sizeof *scale);
    int32_t *start = bench_bytes(n * sizeof *start);
    mopt__pack_s8(&b->table, k, n, weights, n, 1, panels);
    for (size_t j = 0; j < n; j++) {
        scale[j] = 0.001F;
        start[j] = (int32_t)j;
    }
    p.gemm.a = a;
    p.gemm.b = panels;
    p.gemm.c8 = bench_bytes(m * n);
    p.gemm.out = (struct mopt_requantize){.start = start, .scale = scale, .high = 255};
    struct anchor *dnnl =
        b->threads == 1 ? anchor_dnnl_u8(m, n, k, a, weights, scale, p.gemm.c8) : NULL;
    struct candidate list[] = {
        bench_peak_u8(b),
        {.name = "mopt",
         .run = run_product,
         .work = &p,
         .operations = 2.0 * (double)(m * n * k),
         .bytes = m < 12 ? (double)(k * n) : 0},
        {.name = "oneDNN", .run = dnnl ? anchor_run : NULL, .work = dnnl},
    };
    bench_measure(b, list, MOPT_COUNTOF(list));
    bench_print(name, list, MOPT_COUNTOF(list));
    anchor_free(dnnl);
    mopt__free_aligned(p.gemm.c8);
    mopt__free_aligned(start);
    mopt__free_aligned(scale);
    mopt__free_aligned(a);
    mopt__free_aligned(panels);
    mopt__free_aligned(weights);
}

// ---- Convolutions
struct convolution {
    const struct bench *bench;
    struct mopt_conv2d_u8_run run;
};

static void run_convolution(const void *work)
{
    const struct convolution *c = work;
    mopt__conv2d_u8(&c->bench->table, &c->run, c->bench->pool);
}

// A square image and window with "same" padding; groups 0: depthwise.
static void convolution(struct bench *b, size_t in, size_t out, size_t size, size_t kernel,
                        size_t stride, size_t groups)
{
    char name[64];
    snprintf(name, sizeof name, "u8 %s%zu->%zu@%zu %zux%zu s%zu", groups ? "" : "dw ", in, out,
             size, kernel, kernel, stride);
    if (!bench_wants(b, name)) {
        return;
    }
    struct mopt_conv2d conv = {.groups = groups ? groups : in, .out_channels = out};
    struct mopt_window2d *w = &conv.window;
    w->batch = 1;
    w->channels = in;
    w->in_h = w->in_w = size;
    w->kernel_h = w->kernel_w = kernel;
    w->stride_h = w->stride_w = stride;
    w->dilation_h = w->dilation_w = 1;
    w->pad_top = w->pad_left = (kernel - 1) / 2;
    w->out_h = w->out_w = (size + stride - 1) / stride;
    size_t depth = in / conv.groups * kernel * kernel;
    struct convolution c = {.bench = b};
    c.run.conv = &conv;
    c.run.form = mopt__conv2d_u8_form(&conv);
    c.run.ldx = in;
    c.run.ldy = out;
    int8_t *weights = bench_bytes(depth * out);
    int8_t *packed = bench_bytes(mopt__conv2d_u8_packed_bytes(&b->table, &conv, c.run.form));
    uint8_t *x = bench_bytes(in * size * size);
    float *scale = bench_bytes(out * sizeof *scale);
    mopt__conv2d_u8_pack(&b->table, &conv, c.run.form, weights, packed);
    for (size_t j = 0; j < out; j++) {
        scale[j] = 0.001F;
    }
    c.run.x = x;
    c.run.w = packed;
    c.run.out = (struct mopt_requantize){.scale = scale, .high = 255};
    c.run.c8 = bench_bytes(out * w->out_h * w->out_w);
    c.run.scratch = bench_bytes(
        mopt__conv2d_u8_scratch(&b->table, &conv, c.run.form, mopt__pool_size(b->pool)));
    struct candidate list[] = {
        bench_peak_u8(b),
        {.name = "mopt",
         .run = run_convolution,
         .work = &c,
         .operations = 2.0 * (double)(depth * out * w->out_h * w->out_w),
         .bytes = groups ? 0 : (double)(in * size * size + out * w->out_h * w->out_w)},
    };
    bench_measure(b, list, MOPT_COUNTOF(list));
    bench_print(name, list, MOPT_COUNTOF(list));
    mopt__free_aligned(c.run.scratch);
    mopt__free_aligned(c.run.c8);
    mopt__free_aligned(scale);
    mopt__free_aligned(x);
    mopt__free_aligned(packed);
    mopt__free_aligned(weights);
}

// ---- Vectors
enum vector_kind {
    QUANTIZE,
    QUANTIZE_DIVIDE,
    DEQUANTIZE,
    RANGE,
    ADD,
    MUL,
    SCALE,
    MAX9,
    LOOKUP,
    VECTORS
};
struct vector {
    const struct bench *bench;
    enum vector_kind kind;
    size_t n;
    float *floats;
    uint8_t *a, *b, *y;
    uint8_t table[256];
};

static void run_windows(const struct vector *v, size_t taps)
{
    enum { CHANNELS = 64 };
    const uint8_t *x[64];
    for (size_t pixel = 0; pixel + taps < v->n / CHANNELS; pixel += taps) {
        for (size_t t = 0; t < taps; t++) {
            x[t] = v->a + (pixel + t) * CHANNELS;
        }
        v->bench->table.max_u8(x, taps, CHANNELS, v->y);
    }
}

static void run_vector(const void *work)
{
    const struct vector *v = work;
    const struct mopt_kernels *k = &v->bench->table;
    static const float scales[3] = {0.5F, 0.7F, 0.6F};
    static const int32_t zeros[3] = {3, 4, 5};
    static const int32_t bounds[2] = {0, 255};
    float low = 0;
    float high = 0;
    switch (v->kind) {
    case QUANTIZE:
    case QUANTIZE_DIVIDE:
        k->quantize_u8(v->floats, 0.02F, v->kind == QUANTIZE_DIVIDE, 128, v->y, v->n);
        break;
    case DEQUANTIZE:
        k->dequantize_u8(v->a, 0.02F, 128, v->floats, v->n);
        break;
    case RANGE:
        k->range_f32(v->floats, v->n, &low, &high);
        break;
    case ADD:
        k->add_u8(v->a, v->b, scales, zeros, bounds, v->y, v->n);
        break;
    case MUL:
        k->mul_u8(v->a, 0.5F, v->floats, 0.7F, zeros, v->y, v->n);
        break;
    case SCALE:
        k->scale_u8(v->a, v->floats, zeros, v->y, v->n);
        break;
    case LOOKUP:
        k->lookup_u8(v->a, v->table, v->y, v->n);
        break;
    default:
        run_windows(v, 9);
        break;
    }
}

static void vectors(struct bench *b)
{
    static const char *const names[VECTORS] = {"quantize_u8",   "quantize_u8 divide",
                                               "dequantize_u8", "range_f32",
                                               "add_u8",        "mul_u8",
                                               "scale_u8",      "max_u8 9x64",
                                               "lookup_u8"};
    static const double bytes[VECTORS] = {5, 5, 5, 4, 3, 6, 6, 1, 2};
    struct vector v = {.bench = b, .n = 98304};
    v.floats = bench_bytes(v.n * sizeof *v.floats);
    v.a = bench_bytes(v.n);
    v.b = bench_bytes(v.n);
    v.y = bench_bytes(v.n);
    for (size_t i = 0; i < v.n; i++) {
        v.floats[i] = (float)(i % 100) * 0.01F;
        v.a[i] = (uint8_t)i;
    }
    for (v.kind = 0; v.kind < VECTORS; v.kind++) {
        struct candidate list[] = {
            bench_peak_u8(b),
            {.name = "mopt",
             .run = run_vector,
             .work = &v,
             .operations = (double)v.n,
             .bytes = bytes[v.kind] * (double)v.n},
        };
        if (bench_wants(b, names[v.kind])) {
            bench_measure(b, list, MOPT_COUNTOF(list));
            bench_print(names[v.kind], list, MOPT_COUNTOF(list));
        }
    }
    mopt__free_aligned(v.floats);
    mopt__free_aligned(v.a);
    mopt__free_aligned(v.b);
    mopt__free_aligned(v.y);
}

static void products(struct bench *b)
{
    static const size_t shapes[][3] = {
        {128, 768, 768},  {128, 3072, 768}, {128, 768, 3072}, {128, 384, 384},  {512, 1024, 1024},
        {3136, 64, 64},   {3136, 256, 64},  {784, 512, 128},  {784, 128, 512},  {196, 1024, 256},
        {196, 256, 1024}, {49, 2048, 512},  {49, 512, 2048},  {48, 256, 256},   {8, 768, 768},
        {4, 768, 768},    {2, 768, 768},    {1, 768, 768},    {1, 3072, 768},   {1, 3072, 3072},
        {1, 1000, 2048},  {12544, 16, 32},  {3136, 24, 96},   {128, 768, 4096},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(shapes); i++) {
        product(b, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
}

static void convolutions(struct bench *b)
{
    static const size_t shapes[][6] = {
        {64, 64, 56, 3, 1, 1},   {128, 128, 28, 3, 1, 1}, {256, 256, 14, 3, 1, 1},
        {512, 512, 7, 3, 1, 1},  {128, 128, 56, 3, 2, 1}, {256, 512, 56, 1, 2, 1},
        {3, 64, 224, 7, 2, 1},   {3, 32, 224, 3, 2, 1},   {1, 16, 28, 3, 1, 1},
        {16, 32, 14, 3, 1, 1},   {32, 32, 112, 3, 1, 0},  {144, 144, 56, 3, 1, 0},
        {384, 384, 14, 3, 1, 0}, {960, 960, 7, 3, 1, 0},  {96, 96, 112, 3, 2, 0},
        {240, 240, 28, 5, 1, 0},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(shapes); i++) {
        const size_t *s = shapes[i];
        convolution(b, s[0], s[1], s[2], s[3], s[4], s[5]);
    }
}

void bench_byte_rows(struct bench *bench)
{
    products(bench);
    convolutions(bench);
    vectors(bench);
}
