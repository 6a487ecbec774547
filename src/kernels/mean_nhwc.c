// SPDX-License-Identifier: Apache-2.0
// Mean over the pixels of an image. Threads share the rows, as in what comes before: each finds the
// pixels where it wrote them.
#include "kernels/mean_nhwc.h"

enum {
    BANDS = 8,
    CHANNELS = 512,       // of one call of the kernel
    MOST_CHANNELS = 2048, // of one pass over the image
    SOME = 64,            // pixels of one call
    GRAIN = 1 << 13       // loads, below which a second thread is no help
};

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_mean_nhwc *mean;
    size_t image, first, channels; // of this pass
    size_t bands;
    float (*sums)[MOST_CHANNELS]; // [bands]
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Channels from..from+channels of the pixels first..first+count are added to what is in y, if it
// is `more`.
static void add_pixels(const struct work *work, size_t first, size_t count, size_t from,
                       size_t channels, bool more, float *y)
{
    const struct mopt_mean_nhwc *m = work->mean;
    const float *taps[SOME + 1] = {y};
    size_t used = more ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        taps[used++] = m->x + (first + i) * m->ldx + from;
    }
    const struct mopt_window_f32 call = {
        .x = taps, .y = y, .channels = channels, .taps = used, .factor = 1};
    work->kernels->average_f32(&call);
}

// Up to CHANNELS channels of one band.
static void sum_band(const struct work *work, size_t band, size_t at, size_t channels)
{
    const struct mopt_mean_nhwc *m = work->mean;
    size_t image = work->image * m->rows;
    size_t first = (image + m->rows * band / work->bands) * m->columns;
    size_t end = (image + m->rows * (band + 1) / work->bands) * m->columns;
    size_t from = work->first + at;
    float *y = work->sums[band] + at;
    if (m->codes) {
        work->kernels->sums_u8(m->codes + first * m->channels + from, m->channels, end - first,
                               channels, m->scale, m->zero_point, y);
        return;
    }
    for (size_t pixel = first; pixel < end;) {
        size_t count = smaller(SOME, end - pixel);
        add_pixels(work, pixel, count, from, channels, pixel > first, y);
        pixel += count;
    }
}

static void some_bands(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    (void)thread;
    for (size_t band = (size_t)begin; band < (size_t)end; band++) {
        for (size_t at = 0; at < work->channels; at += CHANNELS) {
            sum_band(work, band, at, smaller(CHANNELS, work->channels - at));
        }
    }
}

static void mean_of(struct work *work, struct mopt_pool *pool)
{
    const struct mopt_mean_nhwc *m = work->mean;
    const float *taps[BANDS];
    size_t loads = m->rows * m->columns / work->bands * work->channels + 1;
    mopt__pool_for(pool, (int64_t)work->bands, (int64_t)(GRAIN / loads + 1), some_bands, work);
    for (size_t band = 0; band < work->bands; band++) {
        taps[band] = work->sums[band];
    }
    const struct mopt_window_f32 call = {.x = taps,
                                         .y = m->y + work->image * m->ldy + work->first,
                                         .channels = work->channels,
                                         .taps = work->bands,
                                         .factor = 1.0F / (float)(m->rows * m->columns)};
    work->kernels->average_f32(&call);
}

void mopt__mean_nhwc(const struct mopt_kernels *kernels, const struct mopt_mean_nhwc *mean,
                     struct mopt_pool *pool)
{
    float sums[BANDS][MOST_CHANNELS];
    struct work work = {.kernels = kernels,
                        .mean = mean,
                        .bands = smaller(BANDS, mean->rows),
                        .sums = sums};
    for (; work.image < mean->batch; work.image++) {
        for (work.first = 0; work.first < mean->channels; work.first += work.channels) {
            work.channels = smaller(MOST_CHANNELS, mean->channels - work.first);
            mean_of(&work, pool);
        }
    }
}
