// SPDX-License-Identifier: Apache-2.0
// Normalization of channels. A plane of pixels is taken as rows of LANES floats, so that row-major
// images and those with channels innermost share their loops: sums of the columns of a table.
#include "kernels/norm_channels.h"

#include <math.h>

enum {
    BANDS = 8,      // of pixels, at most, which threads share: channels innermost
    LANES = 64,     // columns a plane is cut into
    STRIP = 256,    // columns of one call at most
    SOME = 16,      // floats that are added up in single precision
    FOUR = 4,       // of them at once
    ROW = 2048,     // elements of pixels that are finished together
    GRAIN = 1 << 14 // elements that are worth a thread
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// ---- Tables: rows ld elements apart, at most STRIP columns --------------------------------------

struct table {
    const float *x;
    size_t ld, rows, columns;
};

// FOUR rows at once, one after the other.
static void add_four(const float *restrict x, size_t ld, size_t columns, float *restrict sum)
{
    for (size_t c = 0; c < columns; c++) {
        sum[c] = sum[c] + x[c] + x[ld + c] + x[2 * ld + c] + x[3 * ld + c];
    }
}

// sum[columns] += sums of the columns.
static void add_columns(const struct table *t, double *sum)
{
    for (size_t row = 0; row < t->rows; row += SOME) {
        const float *x = t->x + row * t->ld;
        const size_t rows = smaller(SOME, t->rows - row);
        float some[STRIP] = {0};
        size_t r = 0;
        for (; r + FOUR <= rows; r += FOUR) {
            add_four(x + r * t->ld, t->ld, t->columns, some);
        }
        for (; r < rows; r++) {
            for (size_t c = 0; c < t->columns; c++) {
                some[c] += x[r * t->ld + c];
            }
        }
        for (size_t c = 0; c < t->columns; c++) {
            sum[c] += (double)some[c];
        }
    }
}

static void spread_four(const float *restrict x, size_t ld, size_t columns,
                        const float *restrict mean, float *restrict rest, float *restrict square)
{
    for (size_t c = 0; c < columns; c++) {
        const float a = x[c] - mean[c], b = x[ld + c] - mean[c];
        const float d = x[2 * ld + c] - mean[c], e = x[3 * ld + c] - mean[c];
        rest[c] = rest[c] + a + b + d + e;
        square[c] = square[c] + a * a + b * b + d * d + e * e;
    }
}

static void spread_one(const float *restrict x, size_t columns, const float *restrict mean,
                       float *restrict rest, float *restrict square)
{
    for (size_t c = 0; c < columns; c++) {
        const float d = x[c] - mean[c];
        rest[c] += d;
        square[c] += d * d;
    }
}

// rest[columns] += sums of the differences to the means, square[columns] += those of their squares.
static void add_spread(const struct table *t, const float *mean, double *rest, double *square)
{
    for (size_t row = 0; row < t->rows; row += SOME) {
        const float *x = t->x + row * t->ld;
        const size_t rows = smaller(SOME, t->rows - row);
        float some[STRIP] = {0};
        float squares[STRIP] = {0};
        size_t r = 0;
        for (; r + FOUR <= rows; r += FOUR) {
            spread_four(x + r * t->ld, t->ld, t->columns, mean, some, squares);
        }
        for (; r < rows; r++) {
            spread_one(x + r * t->ld, t->columns, mean, some, squares);
        }
        for (size_t c = 0; c < t->columns; c++) {
            rest[c] += (double)some[c];
            square[c] += (double)squares[c];
        }
    }
}

// ---- What the sums mean -------------------------------------------------------------------------

struct moments {
    float mean;          // nearly
    double rest, square; // sums of the differences to it, and of their squares
};
// y = (x - mean) * factor + shift
struct map {
    float mean, factor, shift;
};

static struct map map_of(const struct mopt_norm_channels *n, const struct moments *m, size_t group,
                         size_t channel)
{
    const size_t each = n->channels / n->groups;
    const double count = (double)each * (double)n->pixels;
    const double rest = m->rest / count;
    const double variance = m->square / count - rest * rest;
    const double inverse = 1 / sqrt((variance < 0 ? 0 : variance) + (double)n->epsilon);
    const size_t entry = n->per_group ? group : channel;
    const double factor = inverse * (double)n->scale[entry];
    return (struct map){.mean = m->mean,
                        .factor = (float)factor,
                        .shift = (float)((double)n->shift[entry] - rest * factor)};
}

// ---- Row-major ----------------------------------------------------------------------------------

struct planes {
    const struct mopt_kernels *kernels;
    const struct mopt_norm_channels *norm;
    size_t image;
    struct moments *moments; // [groups]
    double *rest, *square;   // [channels]
};

static double sum_of(const double *lanes)
{
    double sum = 0;
    for (size_t i = 0; i < LANES; i++) {
        sum += lanes[i];
    }
    return sum;
}

// Whole rows of a plane, and what is left of it.
static struct table whole_rows(const struct mopt_norm_channels *n, const float *x,
                               struct table *tail)
{
    const size_t rows = n->pixels / LANES;
    *tail = (struct table){x + rows * LANES, LANES, 1, n->pixels % LANES};
    return (struct table){x, LANES, rows, LANES};
}

static double plane_sum(const struct mopt_norm_channels *n, size_t plane)
{
    double lanes[LANES] = {0};
    struct table tail;
    const struct table rows = whole_rows(n, n->x + plane * n->pixels, &tail);
    add_columns(&rows, lanes);
    add_columns(&tail, lanes);
    return sum_of(lanes);
}

static void plane_spread(const struct mopt_norm_channels *n, size_t plane, float mean, double *rest,
                         double *square)
{
    double rests[LANES] = {0};
    double squares[LANES] = {0};
    float means[LANES];
    struct table tail;
    const struct table rows = whole_rows(n, n->x + plane * n->pixels, &tail);
    for (size_t i = 0; i < LANES; i++) {
        means[i] = mean;
    }
    add_spread(&rows, means, rests, squares);
    add_spread(&tail, means, rests, squares);
    *rest = sum_of(rests);
    *square = sum_of(squares);
}

static void apply(const struct mopt_kernels *kernels, const struct mopt_norm_channels *n, float *y,
                  size_t count)
{
    if (n->act.kind != MOPT_ACT_NONE) {
        kernels->unary_f32(&n->act, y, y, count);
    }
}

static void plane_map(const struct planes *p, size_t plane, size_t group, const struct moments *m)
{
    const struct mopt_norm_channels *n = p->norm;
    const struct map map = map_of(n, m, group, plane % n->channels);
    const float *x = n->x + plane * n->pixels;
    float *y = n->y + plane * n->pixels;
    for (size_t i = 0; i < n->pixels; i++) {
        y[i] = (x[i] - map.mean) * map.factor + map.shift;
    }
    apply(p->kernels, n, y, n->pixels);
}

// All of a group while it lies in a near cache.
static void some_groups(void *context, int64_t begin, int64_t end, int thread)
{
    const struct planes *p = context;
    const struct mopt_norm_channels *n = p->norm;
    const size_t each = n->channels / n->groups;
    (void)thread;
    for (size_t group = (size_t)begin; group < (size_t)end; group++) {
        struct moments m = {0};
        double sum = 0;
        for (size_t c = 0; c < each; c++) {
            sum += plane_sum(n, group * each + c);
        }
        m.mean = (float)(sum / ((double)each * (double)n->pixels));
        for (size_t c = 0; c < each; c++) {
            double rest, square;
            plane_spread(n, group * each + c, m.mean, &rest, &square);
            m.rest += rest;
            m.square += square;
        }
        for (size_t c = 0; c < each; c++) {
            plane_map(p, group * each + c, group % n->groups, &m);
        }
    }
}

// Few groups: threads share the planes of an image.
static void some_sums(void *context, int64_t begin, int64_t end, int thread)
{
    const struct planes *p = context;
    (void)thread;
    for (size_t c = (size_t)begin; c < (size_t)end; c++) {
        p->rest[c] = plane_sum(p->norm, p->image * p->norm->channels + c);
    }
}

static void some_spreads(void *context, int64_t begin, int64_t end, int thread)
{
    const struct planes *p = context;
    const size_t each = p->norm->channels / p->norm->groups;
    (void)thread;
    for (size_t c = (size_t)begin; c < (size_t)end; c++) {
        plane_spread(p->norm, p->image * p->norm->channels + c, p->moments[c / each].mean,
                     &p->rest[c], &p->square[c]);
    }
}

static void some_maps(void *context, int64_t begin, int64_t end, int thread)
{
    const struct planes *p = context;
    const size_t each = p->norm->channels / p->norm->groups;
    (void)thread;
    for (size_t c = (size_t)begin; c < (size_t)end; c++) {
        plane_map(p, p->image * p->norm->channels + c, c / each, &p->moments[c / each]);
    }
}

// Means of the groups from the sums of the channels, which lie in rest.
static void find_means(const struct mopt_norm_channels *n, const double *sums,
                       struct moments *moments)
{
    const size_t each = n->channels / n->groups;
    for (size_t g = 0; g < n->groups; g++) {
        double sum = 0;
        for (size_t c = 0; c < each; c++) {
            sum += sums[g * each + c];
        }
        moments[g] = (struct moments){.mean = (float)(sum / ((double)each * (double)n->pixels))};
    }
}

static void find_moments(const struct mopt_norm_channels *n, const double *rest,
                         const double *square, struct moments *moments)
{
    const size_t each = n->channels / n->groups;
    for (size_t c = 0; c < n->channels; c++) {
        moments[c / each].rest += rest[c];
        moments[c / each].square += square[c];
    }
}

static void share_planes(struct planes *p, struct mopt_pool *pool)
{
    const struct mopt_norm_channels *n = p->norm;
    const int64_t grain = (int64_t)(GRAIN / n->pixels + 1);
    const int64_t channels = (int64_t)n->channels;
    for (p->image = 0; p->image < n->batch; p->image++) {
        mopt__pool_for(pool, channels, grain, some_sums, p);
        find_means(n, p->rest, p->moments);
        mopt__pool_for(pool, channels, grain, some_spreads, p);
        find_moments(n, p->rest, p->square, p->moments);
        mopt__pool_for(pool, channels, grain, some_maps, p);
    }
}

// ---- Channels innermost -------------------------------------------------------------------------

struct bands {
    const struct mopt_kernels *kernels;
    const struct mopt_norm_channels *norm;
    size_t image, count;
    struct moments *moments; // [groups]
    double *rest, *square;   // [count][channels]
    float *mean;             // [channels]
    float *factor, *shift;   // [channels]
};

static size_t band_start(const struct bands *b, size_t band)
{
    return b->norm->pixels * band / b->count;
}

static struct table strip_of(const struct bands *b, size_t band, size_t channel)
{
    const struct mopt_norm_channels *n = b->norm;
    const size_t first = band_start(b, band);
    return (struct table){.x = n->x + (b->image * n->pixels + first) * n->ldx + channel,
                          .ld = n->ldx,
                          .rows = band_start(b, band + 1) - first,
                          .columns = smaller(STRIP, n->channels - channel)};
}

static void sum_bands(void *context, int64_t begin, int64_t end, int thread)
{
    const struct bands *b = context;
    const size_t channels = b->norm->channels;
    (void)thread;
    for (size_t band = (size_t)begin; band < (size_t)end; band++) {
        for (size_t c = 0; c < channels; c++) {
            b->rest[band * channels + c] = 0;
        }
        for (size_t c = 0; c < channels; c += STRIP) {
            const struct table t = strip_of(b, band, c);
            add_columns(&t, b->rest + band * channels + c);
        }
    }
}

static void spread_bands(void *context, int64_t begin, int64_t end, int thread)
{
    const struct bands *b = context;
    const size_t channels = b->norm->channels;
    (void)thread;
    for (size_t band = (size_t)begin; band < (size_t)end; band++) {
        double *rest = b->rest + band * channels;
        double *square = b->square + band * channels;
        for (size_t c = 0; c < channels; c++) {
            rest[c] = square[c] = 0;
        }
        for (size_t c = 0; c < channels; c += STRIP) {
            const struct table t = strip_of(b, band, c);
            add_spread(&t, b->mean + c, rest + c, square + c);
        }
    }
}

static void map_pixel(const struct bands *b, const float *x, float *y)
{
    const float *mean = b->mean, *factor = b->factor, *shift = b->shift;
    for (size_t c = 0; c < b->norm->channels; c++) {
        y[c] = (x[c] - mean[c]) * factor[c] + shift[c];
    }
}

static void map_bands(void *context, int64_t begin, int64_t end, int thread)
{
    const struct bands *b = context;
    const struct mopt_norm_channels *n = b->norm;
    const size_t each = n->ldy == n->channels ? ROW / n->channels + 1 : 1;
    const size_t past = band_start(b, (size_t)end);
    (void)thread;
    for (size_t p = band_start(b, (size_t)begin), count = 0; p < past; p += count) {
        float *y = n->y + (b->image * n->pixels + p) * n->ldy;
        count = smaller(each, past - p);
        for (size_t i = 0; i < count; i++) {
            map_pixel(b, n->x + (b->image * n->pixels + p + i) * n->ldx, y + i * n->ldy);
        }
        apply(b->kernels, n, y, count * n->channels);
    }
}

// The sums of all bands, in order, where those of the first one are.
static void join_bands(const struct bands *b, double *sums)
{
    const size_t channels = b->norm->channels;
    for (size_t band = 1; band < b->count; band++) {
        for (size_t c = 0; c < channels; c++) {
            sums[c] += sums[band * channels + c];
        }
    }
}

static void find_maps(const struct bands *b)
{
    const struct mopt_norm_channels *n = b->norm;
    const size_t each = n->channels / n->groups;
    for (size_t g = 0; g < n->groups; g++) {
        for (size_t c = g * each; c < (g + 1) * each; c++) {
            const struct map map = map_of(n, &b->moments[g], g, c);
            b->factor[c] = map.factor;
            b->shift[c] = map.shift;
        }
    }
}

static void run_bands(struct bands *b, struct mopt_pool *pool)
{
    const struct mopt_norm_channels *n = b->norm;
    const size_t each = n->channels / n->groups;
    const int64_t grain = (int64_t)(GRAIN / (n->pixels * n->channels / b->count + 1) + 1);
    for (b->image = 0; b->image < n->batch; b->image++) {
        mopt__pool_for(pool, (int64_t)b->count, grain, sum_bands, b);
        join_bands(b, b->rest);
        find_means(n, b->rest, b->moments);
        for (size_t c = 0; c < n->channels; c++) {
            b->mean[c] = b->moments[c / each].mean;
        }
        mopt__pool_for(pool, (int64_t)b->count, grain, spread_bands, b);
        join_bands(b, b->rest);
        join_bands(b, b->square);
        find_moments(n, b->rest, b->square, b->moments);
        find_maps(b);
        mopt__pool_for(pool, (int64_t)b->count, grain, map_bands, b);
    }
}

// ---- Both ---------------------------------------------------------------------------------------

static size_t band_count(const struct mopt_norm_channels *norm)
{
    return norm->innermost ? smaller(BANDS, norm->pixels) : 1;
}

size_t mopt__norm_channels_scratch(const struct mopt_norm_channels *norm)
{
    return norm->groups * sizeof(struct moments) +
           norm->channels * (2 * band_count(norm) * sizeof(double) + 3 * sizeof(float));
}

void mopt__norm_channels(const struct mopt_kernels *kernels, const struct mopt_norm_channels *norm,
                         struct mopt_pool *pool)
{
    const size_t bands = band_count(norm);
    const size_t groups = norm->batch * norm->groups;
    struct moments *moments = norm->scratch;
    double *rest = (double *)(void *)(moments + norm->groups);
    double *square = rest + bands * norm->channels;
    if (norm->innermost) {
        float *mean = (float *)(void *)(square + bands * norm->channels);
        struct bands b = {.kernels = kernels,
                          .norm = norm,
                          .count = bands,
                          .moments = moments,
                          .rest = rest,
                          .square = square,
                          .mean = mean,
                          .factor = mean + norm->channels,
                          .shift = mean + 2 * norm->channels};
        run_bands(&b, pool);
        return;
    }
    struct planes p = {
        .kernels = kernels, .norm = norm, .moments = moments, .rest = rest, .square = square};
    if (groups >= (size_t)mopt__pool_size(pool)) {
        const size_t elements = norm->channels / norm->groups * norm->pixels;
        mopt__pool_for(pool, (int64_t)groups, (int64_t)(GRAIN / elements + 1), some_groups, &p);
    } else {
        share_planes(&p, pool);
    }
}
