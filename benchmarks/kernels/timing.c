// SPDX-License-Identifier: Apache-2.0
// Bursts, medians, and the table they become.
#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

enum {
    BURSTS = 400,      // most of one kind
    ENOUGH = 21,       // bursts on an unshared core after which a row is done
    BURST_NS = 100000, // a burst is one run or about this long
    PEAK_ROUNDS = 400,
    WIDEST = 8, // cores there are; what is more has been measured wrongly
};

void *bench_bytes(size_t count)
{
    unsigned char *p = mopt__malloc_aligned(count + MOPT_OVERREAD);
    if (!p) {
        fputs("bench_kernels: out of memory\n", stderr);
        exit(1);
    }
    struct mopt_rng rng;
    mopt__rng_init(&rng, count);
    for (size_t i = 0; i < count + MOPT_OVERREAD; i++) {
        p[i] = (unsigned char)(mopt__rng_unit(&rng) * 256);
    }
    return p;
}

float *bench_floats(size_t count)
{
    float *x = bench_bytes(count * sizeof *x);
    struct mopt_rng rng;
    mopt__rng_init(&rng, count);
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)mopt__rng_unit(&rng) - 0.5F;
    }
    return x;
}

static void run_peak_f32(const void *work)
{
    (void)((const struct bench *)work)->table.peak_f32(PEAK_ROUNDS);
}

static void run_peak_u8(const void *work)
{
    (void)((const struct bench *)work)->table.peak_u8(PEAK_ROUNDS);
}

static void run_peak_pairs(const void *work)
{
    (void)((const struct bench *)work)->table.peak_pairs(PEAK_ROUNDS);
}

static void run_peak_blocks(const void *work)
{
    (void)((const struct bench *)work)->table.peak_blocks(PEAK_ROUNDS);
}

struct candidate bench_peak_f32(const struct bench *bench)
{
    return (struct candidate){.name = "peak",
                              .run = run_peak_f32,
                              .work = bench,
                              .operations = (double)bench->table.peak_f32(PEAK_ROUNDS)};
}

struct candidate bench_peak_of(const struct bench *bench, enum mopt_weights weights)
{
    struct candidate peak = bench_peak_f32(bench);
    if (weights == MOPT_WEIGHTS_PAIRS) {
        peak.run = run_peak_pairs;
        peak.operations = (double)bench->table.peak_pairs(PEAK_ROUNDS);
    } else if (weights == MOPT_WEIGHTS_BLOCKS) {
        peak.run = run_peak_blocks;
        peak.operations = (double)bench->table.peak_blocks(PEAK_ROUNDS);
    }
    return peak;
}

struct candidate bench_peak_u8(const struct bench *bench)
{
    return (struct candidate){.name = "peak",
                              .run = run_peak_u8,
                              .work = bench,
                              .operations = (double)bench->table.peak_u8(PEAK_ROUNDS)};
}

// One thread is timed by its own processor time, so that other programs on the core do not count.
static double time_ns(const struct bench *bench)
{
    struct timespec t;
    clock_gettime(bench && bench->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// Instructions a cycle. They do nothing, so that the width of the core is their only limit; while
// another hardware thread runs on the core, half of the width is left. A chain of multiplications
// counts the cycles, three to each, whatever the other thread does.
static double width(const struct bench *bench)
{
    uint64_t x = 3;
    double start = time_ns(bench);
    for (int i = 0; i < 100; i++) {
        __asm__ volatile(".rept 240\n nop\n .endr");
    }
    double middle = time_ns(bench);
    for (int i = 0; i < 4000; i++) {
        x *= x;
        __asm__ volatile("" : "+r"(x));
    }
    double cycles = 4000 * 3 / (time_ns(bench) - middle); // a nanosecond
    return 100 * 240 / ((middle - start) * cycles);
}

// Of bursts while the core was not shared and while it was.
struct samples {
    double alone[BURSTS], shared[BURSTS];
    size_t alone_count, shared_count;
};

static void put(struct samples *s, bool alone, double value)
{
    if (alone) {
        s->alone[s->alone_count++ % BURSTS] = value;
    } else {
        s->shared[s->shared_count++ % BURSTS] = value;
    }
}

struct burst {
    double time; // of a run
    bool alone;
};

static struct burst measure(struct bench *bench, const struct candidate *c, int times)
{
    c->run(c->work); // warm caches, and the frequency of wide vectors
    double before = width(bench);
    double start = time_ns(bench);
    for (int i = 0; i < times; i++) {
        c->run(c->work);
    }
    double time = (time_ns(bench) - start - bench->clock) / times;
    double after = width(bench);
    bench->width = before > bench->width && before < WIDEST ? before : bench->width;
    double least = 0.65 * bench->width; // half of it is what sharing leaves
    return (struct burst){time, before >= least && after >= least};
}

// Nanoseconds between two looks at the clock.
static double clock_ns(const struct bench *bench)
{
    double least = 1e9;
    for (int i = 0; i < 100; i++) {
        double start = time_ns(bench);
        double time = time_ns(bench) - start;
        least = time < least ? time : least;
    }
    return least;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static const double STEADY = 0.01; // change of the peak that is none, of twice itself

static double median(double *x, size_t count)
{
    count = count < BURSTS ? count : BURSTS;
    qsort(x, count, sizeof *x, ascending);
    return count > 0 ? x[count / 2] : 0;
}

// All candidates once, and the peak once more behind list[1]: the frequency of the core moves by
// some per cent within a second, so that only neighbours are compared, and only while it stayed.
static bool one_round(struct bench *bench, const struct candidate *list, size_t count,
                      const int *times, struct samples *all, struct samples *part)
{
    bool done = true;
    struct burst peak = {0};
    for (size_t c = 0; c < count; c++) {
        if (!list[c].run) {
            continue;
        }
        struct burst burst = measure(bench, &list[c], times[c]);
        put(&all[c], burst.alone, burst.time);
        if (c == 0) {
            peak = burst;
        } else if (c == 1) {
            struct burst behind = measure(bench, &list[0], times[0]);
            put(&all[0], behind.alone, behind.time);
            double both = peak.time + behind.time, change = peak.time - behind.time;
            if (fabs(change) <= STEADY * both) {
                double most = list[0].operations / (both / 2) * bench->threads;
                put(part, peak.alone && burst.alone && behind.alone,
                    list[1].operations / burst.time / most);
            }
        }
        done &= all[c].alone_count >= ENOUGH;
    }
    return done;
}

void bench_measure(struct bench *bench, struct candidate *list, size_t count)
{
    static struct samples all[CANDIDATES_MAX], part;
    int times[CANDIDATES_MAX] = {0};
    memset(all, 0, sizeof all);
    memset(&part, 0, sizeof part);
    bench->clock = clock_ns(bench);
    for (size_t c = 0; c < count; c++) {
        if (list[c].run) {
            list[c].run(list[c].work);
            double start = time_ns(bench);
            list[c].run(list[c].work);
            times[c] = (int)(BURST_NS / (time_ns(bench) - start + 1)) + 1;
        }
    }
    double end = time_ns(NULL) + bench->seconds * 1e9;
    while (!one_round(bench, list, count, times, all, &part) && time_ns(NULL) < end) {
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    for (size_t c = 0; c < count; c++) {
        list[c].alone = median(all[c].alone, all[c].alone_count);
        list[c].shared = median(all[c].shared, all[c].shared_count);
    }
    list[1].alone_part = median(part.alone, part.alone_count);
    list[1].shared_part = median(part.shared, part.shared_count);
}

bool bench_wants(const struct bench *bench, const char *row)
{
    return !bench->only || strstr(row, bench->only);
}

void bench_print(const char *row, const struct candidate *list, size_t count)
{
    double best = list[1].alone > 0 ? list[1].alone : list[1].shared;
    printf("%-32s %10.2f us %7.1f Gop/s", row, best / 1000, list[1].operations / best);
    printf(" %6.1f %% %6.1f %%", 100 * list[1].alone_part, 100 * list[1].shared_part);
    if (list[1].bytes > 0) {
        printf(" %6.1f GB/s", list[1].bytes / best);
    }
    for (size_t c = 2; c < count; c++) {
        double other = list[1].alone > 0 && list[c].alone > 0
                           ? list[c].alone / list[1].alone
                           : list[c].shared / (list[1].shared > 0 ? list[1].shared : 1);
        if (list[c].run) {
            printf("   %.2f x %s", other, list[c].name);
        }
    }
    printf("\n");
    fflush(stdout);
}
