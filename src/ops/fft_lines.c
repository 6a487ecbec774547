// SPDX-License-Identifier: Apache-2.0
// Fourier transforms of many lines: several lines are loaded side by side, transformed by fft.c and
// stored.
#include "ops/fft_lines.h"

#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "ops/fft.h"
#include "ops/nn_util.h"

enum {
    LONG_LINE = 1 << 16,  // points from which on lines go one by one, for the sake of memory
    TICK_POINTS = 1 << 22 // points between two looks at the limits of the job
};

struct job {
    const struct mopt_fft_lines *lines;
    const struct mopt_fft *fft;
    size_t lanes, total; // lines side by side; lines
    bool real;           // the form of the transform
    size_t first;        // group of lines that range 0 starts with
    double *rooms;       // one for each thread
    size_t room;         // doubles of a room: the lines, and scratch of the transform
};

// ---- Loading and storing ------------------------------------------------------------------------

// to[k * stride] = element at + k * step of x, times window[k].
static void load_part(const struct mopt_fft_lines *lines, size_t at, double *to, size_t stride)
{
    const struct mopt_tensor *x = lines->x;
    const double *window = lines->window;
    const size_t step = lines->in.point;
    if (x->dtype == MOPT_FLOAT32) {
        const float *from = (const float *)x->data + at;
        for (size_t k = 0; k < lines->given; k++) {
            to[k * stride] = (double)from[k * step] * (window ? window[k] : 1);
        }
        return;
    }
    for (size_t k = 0; k < lines->given; k++) {
        to[k * stride] = mopt__tensor_f64(x, at + k * step) * (window ? window[k] : 1);
    }
}

// The spectrum of a real line has halves that are conjugate; rounding must not blur the two numbers
// that are their own mirror images.
static void settle(const struct job *job, double *x)
{
    const size_t n = job->lines->n;
    for (size_t l = 0; l < job->lanes; l++) {
        x[job->lanes + l] = 0;
        if (n % 2 == 0) {
            x[(n + 1) * job->lanes + l] = 0;
        }
    }
}

// Completes one-sided spectra by symmetry.
static void mirror(const struct job *job, double *x)
{
    const size_t n = job->lines->n;
    const size_t lanes = job->lanes;
    settle(job, x);
    for (size_t k = n / 2 + 1; k < n; k++) {
        for (size_t l = 0; l < lanes; l++) {
            x[2 * k * lanes + l] = x[2 * (n - k) * lanes + l];
            x[(2 * k + 1) * lanes + l] = -x[(2 * (n - k) + 1) * lanes + l];
        }
    }
}

static void load(const struct job *job, size_t line, size_t lane, double *x)
{
    const struct mopt_fft_lines *lines = job->lines;
    const size_t at = line / lines->inner * lines->in.outer + line % lines->inner * lines->in.inner;
    const size_t stride = job->lanes * (job->real ? 1 : 2);
    load_part(lines, at, x + lane, stride);
    if (lines->parts == 2) {
        load_part(lines, at + 1, x + job->lanes + lane, stride);
    }
}

// y[at + k * step] = sign * from[k * stride], count of them.
static void store_part(const struct mopt_fft_lines *lines, size_t at, size_t count, double sign,
                       const double *from, ptrdiff_t stride)
{
    const size_t step = lines->out.point;
    if (lines->y->dtype == MOPT_FLOAT32) {
        float *to = mopt__nn_f32(lines->y) + at;
        for (size_t k = 0; k < count; k++) {
            to[k * step] = (float)(sign * from[(ptrdiff_t)k * stride]);
        }
        return;
    }
    for (size_t k = 0; k < count; k++) {
        mopt__nn_store_at(lines->y, at + k * step, sign * from[(ptrdiff_t)k * stride]);
    }
}

static void store(const struct job *job, size_t line, size_t lane, const double *x)
{
    const struct mopt_fft_lines *lines = job->lines;
    const size_t at =
        line / lines->inner * lines->out.outer + line % lines->inner * lines->out.inner;
    const size_t half = lines->n / 2 + 1;
    const size_t count = job->real && lines->bins > half ? half : lines->bins;
    const ptrdiff_t stride = 2 * (ptrdiff_t)job->lanes;
    for (size_t part = 0; part < lines->y_parts; part++) {
        const double *from = x + part * job->lanes + lane;
        store_part(lines, at + part, count, 1, from, stride);
        if (count < lines->bins) { // the other half of a real line's spectrum is conjugate
            store_part(lines, at + part + count * lines->out.point, lines->bins - count,
                       part == 0 ? 1 : -1, from + (ptrdiff_t)(lines->n - count) * stride, -stride);
        }
    }
}

// ---- Running ------------------------------------------------------------------------------------

static void run_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *job = context;
    const struct mopt_fft_lines *lines = job->lines;
    const size_t points = lines->n * 2 * job->lanes;
    double *x = job->rooms + (size_t)thread * job->room;
    for (int64_t group = begin; group < end; group++) {
        const size_t line = (job->first + (size_t)group) * job->lanes;
        const size_t left = job->total - line;
        const size_t used = left < job->lanes ? left : job->lanes;
        memset(x, 0, points * sizeof *x);
        for (size_t lane = 0; lane < used; lane++) {
            load(job, line + lane, lane, x);
        }
        if (lines->mirror) {
            mirror(job, x);
        }
        mopt__fft_run(job->fft, x, x + points, lines->inverse);
        if (lines->parts == 1) {
            settle(job, x);
        }
        for (size_t lane = 0; lane < used; lane++) {
            store(job, line + lane, lane, x);
        }
    }
}

static enum mopt_status run_groups(const struct mopt_eval *eval, struct job *job,
                                   struct mopt_error *err)
{
    const size_t groups = (job->total + job->lanes - 1) / job->lanes;
    struct mopt_pool *pool = groups > 1 ? eval->pool : NULL;
    const size_t threads = (size_t)mopt__pool_size(pool);
    const size_t piece = TICK_POINTS / (job->lines->n * job->lanes) + threads;
    size_t count = 0;
    job->room = job->lines->n * 2 * job->lanes + mopt__fft_room(job->fft);
    if (!mopt__size_mul(job->room, threads, &count) ||
        !mopt__size_mul(count, sizeof(double), &count)) {
        return mopt_error_memory(err);
    }
    job->rooms = mopt__malloc(count);
    enum mopt_status status = mopt__nn_got(job->rooms, err);
    for (job->first = 0; status == MOPT_OK && job->first < groups; job->first += piece) {
        const size_t left = groups - job->first;
        mopt__pool_for(pool, (int64_t)(left < piece ? left : piece), 1, run_range, job);
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(job->rooms);
    return status;
}

enum mopt_status mopt__fft_lines(const struct mopt_eval *eval, const struct mopt_fft_lines *lines,
                                 struct mopt_error *err)
{
    struct job job = {.lines = lines, .total = lines->outer * lines->inner};
    struct mopt_fft *fft = NULL;
    if (job.total == 0 || lines->bins == 0) {
        return MOPT_OK;
    }
    job.lanes = job.total == 1 || lines->n >= LONG_LINE ? 1 : MOPT_FFT_LANES;
    job.real = lines->parts == 1 && !lines->inverse && !lines->single;
    const struct mopt_fft_form form = {.n = lines->n,
                                       .lanes = job.lanes,
                                       .real = job.real,
                                       .single = lines->single};
    enum mopt_status status = mopt__fft_new(&form, &fft, err);
    if (status == MOPT_OK) {
        job.fft = fft;
        status = run_groups(eval, &job, err);
    }
    mopt__fft_free(fft);
    return status;
}
