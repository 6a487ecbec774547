// SPDX-License-Identifier: Apache-2.0
// Measures the peaks with loops that do nothing but what is measured.
#include "measure/peaks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "kernels/table.h"

enum {
    BURST_NS = 300000,   // short against the slices of a scheduler
    TOTAL_NS = 20000000, // of one figure
    BUFFER = 64 * 1024 * 1024,
    PIECE = 1024 * 1024, // bytes that are timed at once
    THREADS_MAX = 256,
};

typedef uint64_t work_function(uint64_t rounds);

// Every thread works for TOTAL_NS and times short pieces of its own in processor time, so that
// other programs disturb little; the rates of the threads are added.
struct job {
    work_function *work;
    const uint64_t *data;
    size_t share; // bytes of the data for each thread
    double rates[THREADS_MAX];
    uint64_t sums[THREADS_MAX]; // of what was read: using it keeps the loop alive
};

static uint64_t thread_ns(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
        return mopt__clock_ns();
    }
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static double rate_of(uint64_t amount, uint64_t start)
{
    uint64_t ns = thread_ns() - start;
    return ns > 0 ? (double)amount / ((double)ns * 1e-9) : 0;
}

static double best_work(work_function *work)
{
    double best = 0;
    uint64_t rounds = 64;
    uint64_t begin = mopt__clock_ns();
    while (mopt__clock_ns() - begin < TOTAL_NS) {
        uint64_t start = thread_ns();
        double rate = rate_of(work(rounds), start);
        best = rate > best ? rate : best;
        rounds *= thread_ns() - start < BURST_NS / 2 ? 2 : 1;
    }
    return best;
}

static void compute(void *context, int64_t begin, int64_t end, int thread)
{
    struct job *job = context;
    for (int64_t i = begin; i < end; i++) {
        job->rates[thread] = best_work(job->work);
    }
}

static double sum_of(const struct job *job, int threads)
{
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        sum += job->rates[i];
    }
    return sum;
}

static double measure_work(work_function *work, struct mopt_pool *pool)
{
    struct job job = {.work = work};
    mopt__pool_for(pool, mopt__pool_size(pool), 1, compute, &job);
    return sum_of(&job, mopt__pool_size(pool));
}

// ---- Reading ------------------------------------------------------------------------------------

static uint64_t add_up(const uint64_t *data, size_t bytes)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t c = 0;
    uint64_t d = 0;
    for (size_t i = 0; i + 4 <= bytes / sizeof *data; i += 4) {
        a += data[i];
        b += data[i + 1];
        c += data[i + 2];
        d += data[i + 3];
    }
    return a + b + c + d;
}

static int ascending(const void *a, const void *b)
{
    double x;
    double y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

// Median over pieces: the threads share the memory, so the best piece of each would be too much.
static double median_reading(const uint64_t *data, size_t bytes, uint64_t *sum)
{
    double rates[BUFFER / PIECE] = {0};
    size_t count = 0;
    uint64_t begin = mopt__clock_ns();
    size_t offset = 0;
    while (count < MOPT_COUNTOF(rates) && (count < 5 || mopt__clock_ns() - begin < TOTAL_NS)) {
        size_t piece = bytes - offset < PIECE ? bytes - offset : PIECE;
        uint64_t start = thread_ns();
        *sum += add_up(data + offset / sizeof *data, piece);
        rates[count++] = rate_of(piece, start);
        offset = offset + 2 * PIECE <= bytes ? offset + PIECE : 0;
    }
    qsort(rates, count, sizeof *rates, ascending);
    return rates[count / 2];
}

static void read_share(void *context, int64_t begin, int64_t end, int thread)
{
    struct job *job = context;
    for (int64_t i = begin; i < end; i++) {
        job->rates[thread] =
            median_reading(job->data + (size_t)i * (job->share / sizeof *job->data), job->share,
                           &job->sums[thread]);
    }
}

static enum mopt_status measure_reading(struct mopt_pool *pool, double *rate,
                                        struct mopt_error *err)
{
    int threads = mopt__pool_size(pool);
    uint64_t *data = mopt__malloc(BUFFER);
    if (data == NULL) {
        return mopt_error_memory(err);
    }
    memset(data, 1, BUFFER);
    struct job job = {.data = data, .share = BUFFER / (size_t)threads / 64 * 64};
    mopt__pool_for(pool, threads, 1, read_share, &job);
    *rate = job.sums[0] != 0 ? sum_of(&job, threads) : 0;
    mopt__free(data);
    return MOPT_OK;
}

// Of products of floats, or of what the executor takes in their place.
static mopt_slot_peak_f32 *float_peak(const struct mopt_kernels *kernels, bool bf16)
{
    if (bf16 && kernels->rounded == MOPT_WEIGHTS_PAIRS) {
        return kernels->peak_pairs;
    }
    return bf16 && kernels->rounded == MOPT_WEIGHTS_BLOCKS ? kernels->peak_blocks
                                                           : kernels->peak_f32;
}

enum mopt_status mopt__peaks_measure(enum mopt_isa isa, int threads,
                                     const struct mopt_peaks_wanted *wanted, struct mopt_peaks *out,
                                     struct mopt_error *err)
{
    struct mopt_kernels kernels;
    struct mopt_pool *pool = NULL;
    mopt__kernels_select(isa, &kernels);
    *out = (struct mopt_peaks){.isa = kernels.isa, .threads = threads};
    enum mopt_status status = mopt__pool_new(threads, &pool, err);
    if (status == MOPT_OK && wanted->f32) {
        out->f32 = measure_work(float_peak(&kernels, wanted->bf16), pool);
    }
    if (status == MOPT_OK && wanted->u8) {
        out->u8 = measure_work(kernels.peak_u8, pool);
    }
    if (status == MOPT_OK && wanted->read) {
        status = measure_reading(pool, &out->read, err);
    }
    mopt__pool_free(pool);
    return status;
}

// ---- Roofline -----------------------------------------------------------------------------------

const char *mopt__bound_name(enum mopt_bound bound)
{
    switch (bound) {
    case MOPT_BOUND_COMPUTE:
        return "compute";
    case MOPT_BOUND_MEMORY:
        return "memory";
    case MOPT_BOUND_UNKNOWN:
        break;
    }
    return "-";
}

enum mopt_bound mopt__roofline(double operations, double bytes, double peak, double read,
                               double *seconds)
{
    *seconds = 0;
    if (!(peak > 0) || !(read > 0) || !(operations + bytes > 0)) {
        return MOPT_BOUND_UNKNOWN;
    }
    double computing = operations / peak;
    double moving = bytes / read;
    *seconds = computing > moving ? computing : moving;
    return computing > moving ? MOPT_BOUND_COMPUTE : MOPT_BOUND_MEMORY;
}
