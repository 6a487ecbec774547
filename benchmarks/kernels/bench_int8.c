// SPDX-License-Identifier: Apache-2.0
// Byte kernels as per cent of the in-process peak: bench_int8 [level] [threads] [seconds per row].
// Each row is the best of many short bursts; the peak is measured next to each burst, and the best
// of all peaks counts, so that a busy machine lowers results but never flatters them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "kernels/int8.h"

enum { BURST_NS = 2000000 };

struct bench {
    struct mopt_kernels kernels;
    struct mopt_pool *pool;
    double seconds;
};

static void *block(size_t bytes)
{
    void *p = mopt__malloc_aligned(bytes + MOPT_OVERREAD);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    memset(p, 1, bytes + MOPT_OVERREAD);
    return p;
}

// Operations per nanosecond of one thread.
static double peak(const struct bench *b)
{
    uint64_t start = mopt__clock_ns();
    uint64_t operations = b->kernels.peak_u8(2000);
    return (double)operations / (double)(mopt__clock_ns() - start);
}

// Runs `run` in bursts; prints the best time and its share of the peak (operations > 0) or its
// gigabytes a second.
static void measure(const struct bench *b, const char *name, void (*run)(void *work), void *work,
                    double operations, double bytes)
{
    double best = 1e30;
    double top = 0;
    run(work);
    uint64_t end = mopt__clock_ns() + (uint64_t)(b->seconds * 1e9);
    while (mopt__clock_ns() < end) {
        double now = peak(b);
        top = now > top ? now : top;
        uint64_t burst = mopt__clock_ns();
        while (mopt__clock_ns() < burst + BURST_NS) {
            uint64_t start = mopt__clock_ns();
            run(work);
            double ns = (double)(mopt__clock_ns() - start);
            best = ns < best ? ns : best;
        }
    }
    printf("%-36s %10.2f us", name, best / 1000);
    if (operations > 0) {
        printf("  %6.1f GOP/s  %5.1f %% of peak", operations / best,
               100 * operations / best / top / mopt__pool_size(b->pool));
    }
    if (bytes > 0) {
        printf("  %6.1f GB/s", bytes / best);
    }
    printf("\n");
    fflush(stdout);
}

// ---- Products
struct product {
    const struct bench *bench;
    struct mopt_gemm_u8 gemm;
};

static void run_product(void *work)
{
    struct product *p = work;
    mopt__gemm_u8(&p->bench->kernels, &p->gemm, p->bench->pool);
}

static void product(const struct bench *b, size_t m, size_t n, size_t k)
{
    size_t packed = mopt__packed_s8_bytes(&b->kernels, k, n);
    struct product p = {.bench = b, .gemm = {.m = m, .n = n, .k = k, .lda = k, .ldc = n}};
    int8_t *weights = block(k * n);
    int8_t *panels = block(packed);
    uint8_t *a = block(m * k);
    float *scale = block(n * sizeof *scale);
    int32_t *start = block(n * sizeof *start);
    mopt__pack_s8(&b->kernels, k, n, weights, n, 1, panels);
    for (size_t j = 0; j < n; j++) {
        scale[j] = 0.001F;
        start[j] = (int32_t)j;
    }
    p.gemm.a = a;
    p.gemm.b = panels;
    p.gemm.c8 = block(m * n);
    p.gemm.out = (struct mopt_requantize){.start = start, .scale = scale, .high = 255};
    char name[64];
    snprintf(name, sizeof name, "product %zux%zux%zu", m, n, k);
    measure(b, name, run_product, &p, 2.0 * (double)(m * n * k), m <= 4 ? (double)packed : 0);
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

static void run_convolution(void *work)
{
    struct convolution *c = work;
    mopt__conv2d_u8(&c->bench->kernels, &c->run, c->bench->pool);
}

// A square image and window with "same" padding; groups 0: depthwise.
static void convolution(const struct bench *b, size_t in, size_t out, size_t size, size_t kernel,
                        size_t stride, size_t groups)
{
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
    int8_t *weights = block(depth * out);
    int8_t *packed = block(mopt__conv2d_u8_packed_bytes(&b->kernels, &conv, c.run.form));
    uint8_t *x = block(in * size * size);
    float *scale = block(out * sizeof *scale);
    mopt__conv2d_u8_pack(&b->kernels, &conv, c.run.form, weights, packed);
    for (size_t j = 0; j < out; j++) {
        scale[j] = 0.001F;
    }
    c.run.x = x;
    c.run.w = packed;
    c.run.out = (struct mopt_requantize){.scale = scale, .high = 255};
    c.run.c8 = block(out * w->out_h * w->out_w);
    c.run.scratch =
        block(mopt__conv2d_u8_scratch(&b->kernels, &conv, c.run.form, mopt__pool_size(b->pool)));
    char name[64];
    snprintf(name, sizeof name, "%s %zu-%zu @%zu %zux%zu s%zu", groups ? "conv" : "depthwise", in,
             out, size, kernel, kernel, stride);
    measure(b, name, run_convolution, &c, 2.0 * (double)(depth * out * w->out_h * w->out_w),
            groups ? 0 : (double)(in * size * size + out * w->out_h * w->out_w));
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
    MAX9,
    SUM49,
    LOOKUP,
    VECTORS
};
struct vector {
    const struct bench *bench;
    enum vector_kind kind;
    size_t n;
    float *floats;
    uint8_t *a, *b, *y;
    int32_t *sums;
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
        if (v->kind == MAX9) {
            v->bench->kernels.max_u8(x, taps, CHANNELS, v->y);
        } else {
            v->bench->kernels.sum_u8(x, taps, CHANNELS, v->sums);
        }
    }
}

static void run_vector(void *work)
{
    struct vector *v = work;
    const struct mopt_kernels *k = &v->bench->kernels;
    static const float factors[2] = {0.5F, 0.7F};
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
        k->add_u8(v->a, v->b, factors, zeros, bounds, v->y, v->n);
        break;
    case LOOKUP:
        k->lookup_u8(v->a, v->table, v->y, v->n);
        break;
    default:
        run_windows(v, v->kind == MAX9 ? 9 : 49);
        break;
    }
}

static void vectors(const struct bench *b)
{
    static const char *const names[VECTORS] = {"quantize_u8",   "quantize_u8 divide",
                                               "dequantize_u8", "range_f32",
                                               "add_u8",        "max_u8 9x64",
                                               "sum_u8 49x64",  "lookup_u8"};
    static const double bytes[VECTORS] = {5, 5, 5, 4, 3, 1, 1, 2};
    struct vector v = {.bench = b, .n = 98304};
    v.floats = block(v.n * sizeof *v.floats);
    v.a = block(v.n);
    v.b = block(v.n);
    v.y = block(v.n);
    v.sums = block(256 * sizeof *v.sums);
    for (size_t i = 0; i < v.n; i++) {
        v.floats[i] = (float)(i % 100) * 0.01F;
        v.a[i] = (uint8_t)i;
    }
    for (v.kind = 0; v.kind < VECTORS; v.kind++) {
        measure(b, names[v.kind], run_vector, &v, 0, bytes[v.kind] * (double)v.n);
    }
    mopt__free_aligned(v.floats);
    mopt__free_aligned(v.a);
    mopt__free_aligned(v.b);
    mopt__free_aligned(v.y);
    mopt__free_aligned(v.sums);
}

static void products(const struct bench *b)
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

static void convolutions(const struct bench *b)
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

static enum mopt_isa level_named(const char *name)
{
    enum mopt_isa isa = mopt__cpu_isa();
    for (int i = 0; i <= (int)mopt__cpu_isa(); i++) {
        if (strcmp(name, mopt__isa_name((enum mopt_isa)i)) == 0) {
            isa = (enum mopt_isa)i;
        }
    }
    return isa;
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = argc > 3 ? strtod(argv[3], NULL) : 0.2};
    mopt__kernels_select(level_named(argc > 1 ? argv[1] : ""), &b.kernels);
    struct mopt_error err = {0};
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    if (threads > 1 && mopt__pool_new(threads, &b.pool, &err) != MOPT_OK) {
        fprintf(stderr, "no threads\n");
        return 1;
    }
    printf("level %s, %d thread(s), peak of one %.1f GOP/s\n", mopt__isa_name(b.kernels.isa),
           mopt__pool_size(b.pool), peak(&b));
    products(&b);
    convolutions(&b);
    vectors(&b);
    mopt__pool_free(b.pool);
    return 0;
}
