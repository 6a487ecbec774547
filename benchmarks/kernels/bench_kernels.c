// SPDX-License-Identifier: Apache-2.0
// Speed of single kernels in per cent of what the processor can do at most, beside OpenBLAS and
// oneDNN: options, and the rows of floats. See README.md.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchors.h"
#include "base/base.h"
#include "kernels/conv_nhwc.h"
#include "kernels/slots.h"
#include "rows.h"

struct product {
    const struct bench *bench;
    struct mopt_gemm_f32 gemm;
    const float *b; // not packed
    float *other;   // result of the others
};

static void run_product(const void *work)
{
    const struct product *p = work;
    mopt__gemm_f32(&p->bench->table, &p->gemm, p->bench->pool);
}

static void run_blas(const void *work)
{
    const struct product *p = work;
    const struct mopt_gemm_f32 *g = &p->gemm;
    struct mopt_gemm gemm = {.m = (int64_t)g->m,
                             .n = (int64_t)g->n,
                             .k = (int64_t)g->k,
                             .lda = (int64_t)g->k,
                             .ldb = (int64_t)g->n,
                             .ldc = (int64_t)g->n,
                             .alpha = 1};
    mopt__sgemm_pool(&gemm, g->a, p->b, p->other, p->bench->pool);
}

static void bench_product(struct bench *bench, size_t m, size_t n, size_t k)
{
    char name[64];
    snprintf(name, sizeof name, "f32 %zu x %zu x %zu", m, n, k);
    if (!bench_wants(bench, name)) {
        return;
    }
    float *a = bench_floats(m * k), *b = bench_floats(k * n), *c = bench_floats(m * n);
    float *packed = bench_floats(mopt__packed_f32_count(&bench->table, k, n));
    struct product p = {.bench = bench, .b = b, .other = bench_floats(m * n)};
    mopt__pack_f32(&bench->table, k, n, b, n, 1, packed);
    p.gemm = (struct mopt_gemm_f32){
        .m = m, .n = n, .k = k, .a = a, .lda = k, .b = packed, .c = c, .ldc = n};
    struct anchor *dnnl = bench->threads == 1 ? anchor_dnnl_f32(m, n, k, a, b, p.other) : NULL;
    struct candidate list[] = {
        bench_peak_f32(bench),
        {.name = "mopt",
         .run = run_product,
         .work = &p,
         .operations = 2.0 * (double)m * (double)n * (double)k,
         .bytes = m < 12 ? (double)(k * n * sizeof *b) : 0},
        {.name = "OpenBLAS", .run = run_blas, .work = &p},
        {.name = "oneDNN", .run = dnnl ? anchor_run : NULL, .work = dnnl},
    };
    bench_measure(bench, list, MOPT_COUNTOF(list));
    bench_print(name, list, MOPT_COUNTOF(list));
    anchor_free(dnnl);
    mopt__free_aligned(a);
    mopt__free_aligned(b);
    mopt__free_aligned(c);
    mopt__free_aligned(p.other);
    mopt__free_aligned(packed);
}

// Weights of 16 bits beside those of floats. Their bytes are half of them.
static void bench_narrow(struct bench *bench, enum mopt_weights weights, size_t m, size_t n,
                         size_t k)
{
    char name[64];
    static const char *const names[] = {"f32", "bf16", "f16", "pairs", "blocks"};
    snprintf(name, sizeof name, "%s %zu x %zu x %zu", names[weights], m, n, k);
    if (!bench_wants(bench, name)) {
        return;
    }
    const enum mopt_weights forms[] = {weights, MOPT_WEIGHTS_F32};
    float *a = bench_floats(m * k), *b = bench_floats(k * n), *c = bench_floats(m * n);
    struct product p[2] = {{.bench = bench}, {.bench = bench}};
    void *packed[2], *scratch = bench_bytes(mopt__gemm_f32_scratch(weights, m, k));
    for (size_t i = 0; i < k * n; i++) {
        b[i] = (float)(int)(b[i] * 256) / 256; // exact in all forms
    }
    for (int i = 0; i < 2; i++) {
        packed[i] = bench_bytes(mopt__packed_bytes(&bench->table, forms[i], k, n));
        mopt__pack_weights(&bench->table, forms[i], k, n, b, n, 1, packed[i]);
        p[i].gemm = (struct mopt_gemm_f32){.m = m,
                                           .n = n,
                                           .k = k,
                                           .a = a,
                                           .lda = k,
                                           .b = packed[i],
                                           .weights = forms[i],
                                           .c = c,
                                           .ldc = n,
                                           .scratch = scratch};
    }
    struct candidate list[] = {
        bench_peak_of(bench, weights),
        {.name = "mopt",
         .run = run_product,
         .work = &p[0],
         .operations = 2.0 * (double)m * (double)n * (double)k,
         .bytes = m < 12 ? (double)(k * n * sizeof(uint16_t)) : 0},
        {.name = "fp32", .run = run_product, .work = &p[1]},
    };
    bench_measure(bench, list, MOPT_COUNTOF(list));
    bench_print(name, list, MOPT_COUNTOF(list));
    mopt__free_aligned(a);
    mopt__free_aligned(b);
    mopt__free_aligned(c);
    mopt__free_aligned(packed[0]);
    mopt__free_aligned(packed[1]);
    mopt__free_aligned(scratch);
}

struct convolution {
    const struct bench *bench;
    struct mopt_conv2d_run run;
};

static void run_convolution(const void *work)
{
    const struct convolution *c = work;
    mopt__conv2d_f32(&c->bench->table, &c->run, c->bench->pool);
}

struct layer {
    const char *name;
    size_t channels, out_channels, in, kernel, stride, pad, groups;
};

static void bench_form(struct bench *bench, const struct layer *l, struct mopt_conv2d *conv,
                       enum mopt_conv_form form)
{
    static const char *const forms[] = {"pointwise", "direct", "depthwise",
                                        "F(4,3)",    "F(2,3)", "strips"};
    const struct mopt_window2d *w = &conv->window;
    size_t per_group = l->channels / l->groups, taps = l->kernel * l->kernel;
    char name[64];
    snprintf(name, sizeof name, "f32 %s %s%s", l->name, forms[form],
             form == mopt__conv2d_form(&bench->table, conv) ? " *" : "");
    if (!bench_wants(bench, name)) {
        return;
    }
    float *x = bench_floats(l->in * l->in * l->channels);
    float *y = bench_floats(w->out_h * w->out_w * l->out_channels);
    float *weights = bench_floats(l->out_channels * per_group * taps);
    void *packed = bench_bytes(mopt__conv2d_packed_bytes(&bench->table, conv, form));
    void *scratch = bench_bytes(mopt__conv2d_scratch(&bench->table, conv, form, bench->threads));
    mopt__conv2d_pack(&bench->table, conv, form, weights, packed);
    struct convolution c = {.bench = bench};
    c.run = (struct mopt_conv2d_run){.conv = conv,
                                     .form = form,
                                     .x = x,
                                     .ldx = l->channels,
                                     .w = packed,
                                     .y = y,
                                     .ldy = l->out_channels,
                                     .scratch = scratch};
    struct candidate list[] = {
        bench_peak_f32(bench),
        {.name = "mopt",
         .run = run_convolution,
         .work = &c,
         .operations =
             2.0 * (double)(w->out_h * w->out_w) * (double)(l->out_channels * per_group * taps)},
    };
    bench_measure(bench, list, MOPT_COUNTOF(list));
    bench_print(name, list, MOPT_COUNTOF(list));
    mopt__free_aligned(x);
    mopt__free_aligned(y);
    mopt__free_aligned(weights);
    mopt__free_aligned(packed);
    mopt__free_aligned(scratch);
}

static void bench_layer(struct bench *bench, const struct layer *l)
{
    size_t out = (l->in + 2 * l->pad - l->kernel) / l->stride + 1;
    struct mopt_conv2d conv = {.groups = l->groups, .out_channels = l->out_channels};
    conv.window =
        (struct mopt_window2d){1,         l->channels, l->in,     l->in, out, out,    l->kernel,
                               l->kernel, l->stride,   l->stride, 1,     1,   l->pad, l->pad};
    conv.strict = true;
    enum mopt_conv_form form = mopt__conv2d_form(&bench->table, &conv);
    conv.strict = false;
    bench_form(bench, l, &conv, form);
    if (form == MOPT_CONV_DIRECT && l->kernel == 3 && l->stride == 1 && l->groups == 1) {
        bench_form(bench, l, &conv, MOPT_CONV_WINOGRAD4);
        bench_form(bench, l, &conv, MOPT_CONV_WINOGRAD2);
    }
}

static const size_t products[][3] = {
    {1024, 1024, 1024}, {128, 768, 768},   {128, 3072, 768}, {128, 768, 3072}, {128, 384, 384},
    {48, 256, 256},     {512, 1024, 1024}, {128, 768, 4096}, {12, 768, 768},   {11, 768, 768},
    {4, 768, 768},      {2, 768, 768},     {4, 3072, 768},   {8, 768, 768},    {8, 3072, 768},
    {8, 3072, 3072},    {1, 768, 768},     {1, 3072, 768},   {1, 3072, 3072},  {1, 1000, 2048},
    {3136, 64, 64},     {3136, 256, 64},   {784, 512, 128},  {784, 128, 512},  {196, 1024, 256},
    {196, 256, 1024},   {49, 2048, 512},   {49, 512, 2048},  {128, 128, 64},   {128, 64, 128},
    {64, 64, 64},       {32, 32, 32},      {16, 16, 16}};
static const size_t narrow_products[][3] = {{1, 768, 768},     {4, 768, 768},    {8, 768, 768},
                                            {11, 768, 768},    {16, 768, 768},   {32, 768, 768},
                                            {48, 768, 768},    {128, 768, 768},  {1, 3072, 768},
                                            {4, 3072, 768},    {8, 3072, 768},   {16, 3072, 768},
                                            {32, 3072, 768},   {128, 3072, 768}, {1, 768, 3072},
                                            {8, 768, 3072},    {128, 768, 3072}, {1, 3072, 3072},
                                            {4, 3072, 3072},   {8, 3072, 3072},  {16, 3072, 3072},
                                            {128, 3072, 3072}, {1, 4096, 25088}};
static const struct layer layers[] = {
    {"64->64@56 3x3", 64, 64, 56, 3, 1, 1, 1},
    {"128->128@28 3x3", 128, 128, 28, 3, 1, 1, 1},
    {"256->256@14 3x3", 256, 256, 14, 3, 1, 1, 1},
    {"512->512@7 3x3", 512, 512, 7, 3, 1, 1, 1},
    {"64->64@224 3x3", 64, 64, 224, 3, 1, 1, 1},
    {"256->256@56 3x3", 256, 256, 56, 3, 1, 1, 1},
    {"512->512@14 3x3", 512, 512, 14, 3, 1, 1, 1},
    {"128->128@56 3x3 s2", 128, 128, 56, 3, 2, 1, 1},
    {"256->512@56 1x1 s2", 256, 512, 56, 1, 2, 0, 1},
    {"3->64@224 7x7 s2", 3, 64, 224, 7, 2, 3, 1},
    {"3->32@224 3x3 s2", 3, 32, 224, 3, 2, 1, 1},
    {"16->96@112 1x1", 16, 96, 112, 1, 1, 0, 1},
    {"96->24@56 1x1", 96, 24, 56, 1, 1, 0, 1},
    {"dw 32@112", 32, 32, 112, 3, 1, 1, 32},
    {"dw 144@56", 144, 144, 56, 3, 1, 1, 144},
    {"dw 384@14", 384, 384, 14, 3, 1, 1, 384},
    {"dw 960@7", 960, 960, 7, 3, 1, 1, 960},
};

// Also where a virtual machine hides them.
static void take_pairs(struct bench *bench)
{
#if defined(__x86_64__)
    bench->table.tile_pairs = mopt__tile_pairs_avx512_bf16;
    bench->table.peak_pairs = mopt__peak_pairs_avx512_bf16;
    bench->table.pairs_rows = 11;
    bench->table.pairs_cols = 32;
#endif
}

static bool read_options(int argc, char **argv, struct bench *bench)
{
    enum mopt_isa isa = mopt__cpu_isa();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0) {
            bench->threads = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            bench->seconds = strtod(argv[i + 1], NULL);
        } else if (strcmp(argv[i], "--only") == 0) {
            bench->only = argv[i + 1];
        } else if (strcmp(argv[i], "--pairs") == 0) {
            bench->pairs = strcmp(argv[i + 1], "yes") == 0;
        } else if (strcmp(argv[i], "--isa") == 0) {
            while (isa > MOPT_ISA_REF && strcmp(mopt__isa_name(isa), argv[i + 1]) != 0) {
                isa--;
            }
        } else {
            return false;
        }
    }
    mopt__kernels_select(isa, &bench->table);
    if (bench->pairs) {
        take_pairs(bench);
    }
    bench->pairs = bench->pairs || bench->table.isa >= MOPT_ISA_AVX512_BF16;
    return argc % 2 == 1 && bench->threads > 0;
}

int main(int argc, char **argv)
{
    struct bench bench = {.threads = 1, .seconds = 1, .width = 5.1};
    if (!read_options(argc, argv, &bench)) {
        fputs("usage: bench_kernels [--isa NAME] [--pairs yes] [--threads N] [--seconds N] "
              "[--only TEXT]\n",
              stderr);
        return 2;
    }
    struct mopt_error err;
    if (bench.threads > 1 && mopt__pool_new(bench.threads, &bench.pool, &err) != MOPT_OK) {
        fprintf(stderr, "bench_kernels: %s\n", err.text);
        return 1;
    }
    const char *core = getenv("OPENBLAS_CORETYPE");
    printf("%s, %d thread(s), OPENBLAS_CORETYPE %s\n", mopt__isa_name(bench.table.isa),
           bench.threads, core ? core : "not set: OpenBLAS may not know this processor");
    printf("%-32s %10s    %7s       %8s %8s\n", "", "time", "rate", "peak", "shared");
    for (size_t i = 0; i < MOPT_COUNTOF(products); i++) {
        bench_product(&bench, products[i][0], products[i][1], products[i][2]);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(narrow_products); i++) {
        const size_t *shape = narrow_products[i];
        bench_narrow(&bench, MOPT_WEIGHTS_BF16, shape[0], shape[1], shape[2]);
        bench_narrow(&bench, MOPT_WEIGHTS_F16, shape[0], shape[1], shape[2]);
        bench_narrow(&bench, MOPT_WEIGHTS_BLOCKS, shape[0], shape[1], shape[2]);
        if (bench.pairs) {
            bench_narrow(&bench, MOPT_WEIGHTS_PAIRS, shape[0], shape[1], shape[2]);
        }
    }
    for (size_t i = 0; i < MOPT_COUNTOF(layers); i++) {
        bench_layer(&bench, &layers[i]);
    }
    bench_byte_rows(&bench);
    mopt__pool_free(bench.pool);
    return 0;
}
