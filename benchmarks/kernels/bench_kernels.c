// SPDX-License-Identifier: Apache-2.0
// Prints, per shape of a product or a convolution, GFLOP/s of the float kernels, per cent of the
// peak measured in this process, and OpenBLAS for comparison. Every shape is run in short bursts,
// each after a burst of the peak loop; the best of them count. One thread is timed by its own
// processor time, so that other programs on the machine disturb little; more threads by the clock.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "kernels/conv_nhwc.h"
#include "kernels/kernels.h"

struct bench {
    struct mopt_kernels table;
    struct mopt_pool *pool;
    int threads, bursts;
    const char *only;
};

static double now(const struct bench *bench)
{
    struct timespec t;
    clock_gettime(bench->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *numbers(size_t count)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, count);
    float *x = aligned_alloc(64, (count * sizeof *x + 127) / 64 * 64);
    if (!x) {
        fputs("bench_kernels: out of memory\n", stderr);
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)mopt__rng_unit(&rng) - 0.5F;
    }
    return x;
}

static double peak(const struct bench *bench)
{
    double start = now(bench);
    double work = (double)bench->table.peak_f32(3000);
    return work / (now(bench) - start) * 1e-9;
}

// What is timed.
struct job {
    const struct bench *bench;
    struct mopt_gemm_f32 gemm; // m > 0: a product
    const float *b;            // not packed
    float *other;              // result of OpenBLAS
    struct mopt_conv2d_run run;
};

static void run_ours(const struct job *job)
{
    if (job->gemm.m > 0) {
        mopt__gemm_f32(&job->bench->table, &job->gemm, job->bench->pool);
    } else {
        mopt__conv2d_f32(&job->bench->table, &job->run, job->bench->pool);
    }
}

static void run_blas(const struct job *job)
{
    const struct mopt_gemm_f32 *g = &job->gemm;
    struct mopt_gemm gemm = {.m = (int64_t)g->m,
                             .n = (int64_t)g->n,
                             .k = (int64_t)g->k,
                             .lda = (int64_t)g->k,
                             .ldb = (int64_t)g->n,
                             .ldc = (int64_t)g->n,
                             .alpha = 1};
    mopt__sgemm_pool(&gemm, g->a, job->b, job->other, job->bench->pool);
}

static double once(const struct job *job, void (*run)(const struct job *job), int times)
{
    double start = now(job->bench);
    for (int i = 0; i < times; i++) {
        run(job);
    }
    return (now(job->bench) - start) / times;
}

static void measure(const char *name, const struct job *job, double multiplications)
{
    const struct bench *bench = job->bench;
    double ours = 1e9, blas = 1e9, most = 0;
    int times = (int)(3e7 / multiplications) + 1;
    for (int i = 0; i < bench->bursts; i++) {
        double rate = peak(bench);
        most = rate > most ? rate : most;
        double t = once(job, run_ours, times);
        ours = t < ours ? t : ours;
        if (job->gemm.m > 0) {
            t = once(job, run_blas, times);
            blas = t < blas ? t : blas;
        }
    }
    double work = 2e-9 * multiplications;
    printf("%-28s %10.1f us %8.1f GFLOP/s %6.1f %%", name, ours * 1e6, work / ours,
           100 * work / ours / most / bench->threads);
    if (job->gemm.m > 0) {
        printf("   OpenBLAS %8.1f GFLOP/s", work / blas);
    }
    printf("\n");
}

static void bench_product(const struct bench *bench, size_t m, size_t n, size_t k)
{
    char name[64];
    snprintf(name, sizeof name, "%zu x %zu x %zu", m, n, k);
    if (bench->only && !strstr(name, bench->only)) {
        return;
    }
    float *a = numbers(m * k), *b = numbers(k * n), *c = numbers(m * n), *other = numbers(m * n);
    float *packed = numbers(mopt__packed_f32_count(&bench->table, k, n));
    mopt__pack_f32(&bench->table, k, n, b, n, 1, packed);
    struct job job = {.bench = bench, .b = b, .other = other};
    job.gemm = (struct mopt_gemm_f32){
        .m = m, .n = n, .k = k, .a = a, .lda = k, .b = packed, .c = c, .ldc = n};
    measure(name, &job, (double)m * (double)n * (double)k);
    free(a);
    free(b);
    free(c);
    free(other);
    free(packed);
}

struct layer {
    const char *name;
    size_t channels, out_channels, in, kernel, stride, pad, groups;
};

static void bench_form(const struct bench *bench, const struct layer *l, struct mopt_conv2d *conv,
                       enum mopt_conv_form form)
{
    static const char *const forms[] = {"pointwise", "direct", "depthwise", "F(4,3)", "F(2,3)"};
    const struct mopt_window2d *w = &conv->window;
    size_t per_group = l->channels / l->groups, taps = l->kernel * l->kernel;
    float *x = numbers(l->in * l->in * l->channels);
    float *y = numbers(w->out_h * w->out_w * l->out_channels);
    float *weights = numbers(l->out_channels * per_group * taps);
    float *packed = numbers(mopt__conv2d_packed_count(&bench->table, conv, form));
    void *scratch =
        numbers(mopt__conv2d_scratch(&bench->table, conv, form, bench->threads) / sizeof(float));
    mopt__conv2d_pack(&bench->table, conv, form, weights, packed);
    struct job job = {.bench = bench};
    job.run = (struct mopt_conv2d_run){.conv = conv,
                                       .form = form,
                                       .x = x,
                                       .ldx = l->channels,
                                       .w = packed,
                                       .y = y,
                                       .ldy = l->out_channels,
                                       .scratch = scratch};
    char name[64];
    snprintf(name, sizeof name, "%s %s%s", l->name, forms[form],
             form == mopt__conv2d_form(&bench->table, conv) ? " *" : "");
    measure(name, &job,
            (double)(w->out_h * w->out_w) * (double)(l->out_channels * per_group * taps));
    free(x);
    free(y);
    free(weights);
    free(packed);
    free(scratch);
}

static void bench_layer(const struct bench *bench, const struct layer *l)
{
    size_t out = (l->in + 2 * l->pad - l->kernel) / l->stride + 1;
    struct mopt_conv2d conv = {.groups = l->groups, .out_channels = l->out_channels};
    conv.window =
        (struct mopt_window2d){1,         l->channels, l->in,     l->in, out, out,    l->kernel,
                               l->kernel, l->stride,   l->stride, 1,     1,   l->pad, l->pad};
    if (bench->only && !strstr(l->name, bench->only)) {
        return;
    }
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
    {1024, 1024, 1024}, {128, 768, 768},  {128, 3072, 768}, {128, 768, 3072}, {128, 384, 384},
    {8, 768, 768},      {8, 3072, 768},   {8, 3072, 3072},  {1, 768, 768},    {1, 3072, 768},
    {1, 3072, 3072},    {1, 1000, 2048},  {3136, 64, 64},   {3136, 256, 64},  {784, 512, 128},
    {784, 128, 512},    {196, 1024, 256}, {196, 256, 1024}, {49, 2048, 512},  {49, 512, 2048},
    {128, 128, 64},     {128, 64, 128},   {64, 64, 64},     {32, 32, 32},     {16, 16, 16}};
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

static bool read_options(int argc, char **argv, struct bench *bench)
{
    enum mopt_isa isa = mopt__cpu_isa();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0) {
            bench->threads = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--bursts") == 0) {
            bench->bursts = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            bench->only = argv[i + 1];
        } else if (strcmp(argv[i], "--isa") == 0) {
            while (isa > MOPT_ISA_REF && strcmp(mopt__isa_name(isa), argv[i + 1]) != 0) {
                isa--;
            }
        } else {
            return false;
        }
    }
    mopt__kernels_select(isa, &bench->table);
    return argc % 2 == 1 && bench->threads > 0;
}

int main(int argc, char **argv)
{
    struct bench bench = {.threads = 1, .bursts = 20};
    if (!read_options(argc, argv, &bench)) {
        fputs("usage: bench_kernels [--isa NAME] [--threads N] [--bursts N] [--only TEXT]\n",
              stderr);
        return 2;
    }
    struct mopt_error err;
    if (bench.threads > 1 && mopt__pool_new(bench.threads, &bench.pool, &err) != MOPT_OK) {
        fprintf(stderr, "bench_kernels: %s\n", err.text);
        return 1;
    }
    printf("%s, %d thread(s), peak %.1f GFLOP/s a thread\n", mopt__isa_name(bench.table.isa),
           bench.threads, peak(&bench));
    for (size_t i = 0; i < MOPT_COUNTOF(products); i++) {
        bench_product(&bench, products[i][0], products[i][1], products[i][2]);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(layers); i++) {
        bench_layer(&bench, &layers[i]);
    }
    mopt__pool_free(bench.pool);
    return 0;
}
