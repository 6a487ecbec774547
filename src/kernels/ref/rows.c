// SPDX-License-Identifier: Apache-2.0
// Row-wise float kernels: softmax, normalisation, scale and shift. They must not know of axes or
// nodes.
#include <math.h>

#include "kernels/kernels.h"

struct softmax {
    const float *x;
    float *y;
    size_t n;
};

static void softmax_row(const float *x, float *y, size_t n)
{
    float top = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        top = x[i] > top || x[i] != x[i] ? x[i] : top;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = expf(x[i] - top);
        sum += (double)y[i];
    }
    float scale = (float)(1.0 / sum);
    for (size_t i = 0; i < n; i++) {
        y[i] *= scale;
    }
}

static void run_softmax(void *context, int64_t begin, int64_t end, int thread)
{
    const struct softmax *job = context;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        softmax_row(job->x + (size_t)i * job->n, job->y + (size_t)i * job->n, job->n);
    }
}

void mopt__softmax_rows(const float *x, float *y, size_t rows, size_t n, struct mopt_pool *pool)
{
    struct softmax job = {x, y, n};
    mopt__pool_for(pool, (int64_t)rows, (int64_t)(4096 / (n + 1)) + 1, run_softmax, &job);
}

static void norm_row(const struct mopt_norm_rows *job, size_t row)
{
    const float *x = job->x + row * job->n;
    float *y = job->y + row * job->n;
    double mean = 0;
    double square = 0;
    for (size_t i = 0; !job->rms && i < job->n; i++) {
        mean += (double)x[i];
    }
    mean = job->n ? mean / (double)job->n : 0;
    for (size_t i = 0; i < job->n; i++) {
        double difference = (double)x[i] - mean;
        square += difference * difference;
    }
    double inverse = 1 / sqrt((job->n ? square / (double)job->n : 0) + job->epsilon);
    for (size_t i = 0; i < job->n; i++) {
        double value = ((double)x[i] - mean) * inverse;
        value = job->scale ? value * (double)job->scale[i] : value;
        y[i] = (float)(job->bias ? value + (double)job->bias[i] : value);
    }
    if (job->mean) {
        job->mean[row] = (float)mean;
    }
    if (job->inverse) {
        job->inverse[row] = (float)inverse;
    }
}

static void run_norm(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        norm_row(context, (size_t)i);
    }
}

void mopt__norm_rows(const struct mopt_norm_rows *norm, struct mopt_pool *pool)
{
    struct mopt_norm_rows job = *norm;
    mopt__pool_for(pool, (int64_t)job.rows, (int64_t)(4096 / (job.n + 1)) + 1, run_norm, &job);
}

struct affine {
    const float *x, *scale, *shift;
    float *y;
    size_t channels, n;
};

static void run_affine(void *context, int64_t begin, int64_t end, int thread)
{
    const struct affine *job = context;
    (void)thread;
    for (int64_t p = begin; p < end; p++) {
        float scale = job->scale[(size_t)p % job->channels];
        float shift = job->shift[(size_t)p % job->channels];
        const float *x = job->x + (size_t)p * job->n;
        float *y = job->y + (size_t)p * job->n;
        for (size_t i = 0; i < job->n; i++) {
            y[i] = x[i] * scale + shift;
        }
    }
}

static void run_columns(void *context, int64_t begin, int64_t end, int thread)
{
    const struct affine *job = context;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        const float *x = job->x + row * job->channels;
        float *y = job->y + row * job->channels;
        for (size_t c = 0; c < job->channels; c++) {
            y[c] = x[c] * job->scale[c] + job->shift[c];
        }
    }
}

void mopt__affine_planes(const float *x, const float *scale, const float *shift, float *y,
                         size_t planes, size_t channels, size_t n, struct mopt_pool *pool)
{
    struct affine job = {x, scale, shift, y, channels, n};
    if (n == 1 && planes > 0) { // planes of one element lie side by side: rows of channels
        mopt__pool_for(pool, (int64_t)(planes / channels), (int64_t)(16384 / channels) + 1,
                       run_columns, &job);
        return;
    }
    mopt__pool_for(pool, (int64_t)planes, (int64_t)(16384 / (n + 1)) + 1, run_affine, &job);
}
