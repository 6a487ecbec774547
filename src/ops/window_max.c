// SPDX-License-Identifier: Apache-2.0
// Largest elements of sliding windows and their places, a row of results at a time. It must not
// know of nodes.
#include <math.h>
#include <string.h>

#include "ops/window.h"

// One kernel element over a row of results: result i takes part in x[i * step].
struct row {
    const void *x;
    void *y;
    size_t count, step;
    int64_t *places; // of the results, as numbers until they are settled; NULL: not asked for
    int64_t first;   // place of x
};

#define ROW(name, T, LOWEST, LARGER)                                 \
    static void fill_##name(void *data, size_t count)                \
    {                                                                \
        T *y = data;                                                 \
        for (size_t i = 0; i < count; i++) {                         \
            y[i] = (LOWEST);                                         \
        }                                                            \
    }                                                                \
    static void row_##name(const struct row *row)                    \
    {                                                                \
        const T *x = row->x;                                         \
        T *y = row->y;                                               \
        size_t step = row->step;                                     \
        for (size_t i = 0; i < row->count && step == 1; i++) {       \
            y[i] = (LARGER(x[i], y[i])) ? x[i] : y[i];               \
        }                                                            \
        for (size_t i = 0; i < row->count && step != 1; i++) {       \
            y[i] = (LARGER(x[i * step], y[i])) ? x[i * step] : y[i]; \
        }                                                            \
    }
// NaN is larger than every number, and the first NaN stays.
#define LARGER_FLOAT(a, b) ((a) > (b) || (isnan(a) && !isnan(b)))
#define LARGER_WHOLE(a, b) ((a) > (b))
ROW(f32, float, -INFINITY, LARGER_FLOAT)
ROW(f64, double, (double)-INFINITY, LARGER_FLOAT)
ROW(s8, int8_t, INT8_MIN, LARGER_WHOLE)
ROW(u8, uint8_t, 0, LARGER_WHOLE)

// ---- Places -------------------------------------------------------------------------------------

// The larger of two elements cannot be foretold, so the search for places has no branches: an
// element and its place make one number, the largest of which is the first of the largest elements.
// Numbers of floats are in their order; NaN is the last, and both zeros are the same.
static inline int32_t order_f32(float x)
{
    const float same = x + 0.0F;
    int32_t bits;
    memcpy(&bits, &same, sizeof bits);
    const int32_t order = bits < 0 ? bits ^ INT32_MAX : bits;
    return isnan(x) ? INT32_MAX : order;
}

static inline int32_t order_s8(int8_t x)
{
    return x;
}

static inline int32_t order_u8(uint8_t x)
{
    return x;
}

#define PLACE(name, T)                                                                      \
    static void place_##name(const struct row *row)                                         \
    {                                                                                       \
        const T *x = row->x;                                                                \
        int64_t *places = row->places;                                                      \
        const int64_t last = UINT32_MAX - row->first;                                       \
        const size_t count = row->count;                                                    \
        const size_t step = row->step;                                                      \
        for (size_t i = 0; i < count; i++) {                                                \
            const int64_t number =                                                          \
                order_##name(x[i * step]) * PLACES + last - (int64_t)(i * step);            \
            places[i] = number > places[i] ? number : places[i];                            \
        }                                                                                   \
    }                                                                                       \
    static void settle_##name(const void *plane, void *data, int64_t *places, size_t count) \
    {                                                                                       \
        T *y = data;                                                                        \
        for (size_t i = 0; i < count; i++) {                                                \
            const bool none = places[i] == INT64_MIN;                                       \
            places[i] = none ? -1 : UINT32_MAX - (places[i] & UINT32_MAX);                  \
            y[i] = none ? y[i] : ((const T *)plane)[places[i]];                             \
        }                                                                                   \
    }
#define PLACES ((int64_t)1 << 32)
PLACE(f32, float)
PLACE(s8, int8_t)
PLACE(u8, uint8_t)

struct kind {
    enum mopt_dtype dtype;
    size_t size;
    void (*fill)(void *y, size_t count);
    void (*row)(const struct row *row);
    void (*place)(const struct row *row); // NULL: of places nothing is known
    // From numbers to places, and the results that lie there.
    void (*settle)(const void *plane, void *y, int64_t *places, size_t count);
};

static const struct kind *find_kind(enum mopt_dtype dtype)
{
    static const struct kind kinds[] = {
        {MOPT_FLOAT32, sizeof(float), fill_f32, row_f32, place_f32, settle_f32},
        {MOPT_FLOAT64, sizeof(double), fill_f64, row_f64, NULL, NULL},
        {MOPT_INT8, 1, fill_s8, row_s8, place_s8, settle_s8},
        {MOPT_UINT8, 1, fill_u8, row_u8, place_u8, settle_u8},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(kinds); i++) {
        if (kinds[i].dtype == dtype) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool mopt__window_max_fits(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes,
                           bool places)
{
    const struct kind *kind = find_kind(dtype);
    const bool placed = kind && kind->place && mopt__window_count(w->in, w->rank) < UINT32_MAX;
    return w->rank > 0 && kind && (!places || placed) &&
           !mopt__window_is_endless(w, (double)planes);
}

// Kernel element k of the last axis over a whole row: line.x is a row of the input, line.y and
// line.places one of the results.
static void step_row(const struct mopt_window *w, const struct kind *kind, int64_t k,
                     const struct row *line)
{
    const int axis = w->rank - 1;
    const int64_t stride = w->stride[axis];
    const int64_t start = k * w->dilation[axis] - w->begin[axis]; // input under the first result
    const int64_t from = start < 0 ? (-start + stride - 1) / stride : 0;
    const int64_t room = w->in[axis] - start;
    int64_t past = room > 0 ? (room + stride - 1) / stride : 0;
    past = past < w->out[axis] ? past : w->out[axis];
    if (past > from) {
        const int64_t at = start + from * stride;
        const struct row row = {.x = (const uint8_t *)line->x + (size_t)at * kind->size,
                                .y = (uint8_t *)line->y + (size_t)from * kind->size,
                                .count = (size_t)(past - from),
                                .step = (size_t)stride,
                                .places = line->places ? line->places + from : NULL,
                                .first = line->first + at};
        (line->places ? kind->place : kind->row)(&row);
    }
}

// One row of results of one plane; taps: rows of the input under it. places may be NULL.
static void max_row(const struct mopt_window *w, const struct kind *kind, const uint8_t *x,
                    const struct mopt_tap *taps, size_t count, uint8_t *y, int64_t *places)
{
    const int axis = w->rank - 1;
    kind->fill(y, (size_t)w->out[axis]);
    for (int64_t i = 0; places && i < w->out[axis]; i++) {
        places[i] = INT64_MIN;
    }
    for (size_t t = 0; t < count; t++) {
        const size_t first = taps[t].input * (size_t)w->in[axis];
        const struct row line = {.x = x + first * kind->size,
                                 .y = y,
                                 .places = places,
                                 .first = (int64_t)first};
        for (int64_t k = 0; k < w->kernel[axis]; k++) {
            step_row(w, kind, k, &line);
        }
    }
    if (places) {
        kind->settle(x, y, places, (size_t)w->out[axis]);
    }
}

enum mopt_status mopt__window_max(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes,
                                  const void *x, void *y, int64_t *places,
                                  const struct mopt_budget *budget, struct mopt_error *err)
{
    const struct kind *kind = find_kind(dtype);
    if (!kind) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "maxima of type '%s'",
                              mopt__dtype_name(dtype));
    }
    struct mopt_window outer = *w; // all axes but the last: its positions are rows
    outer.rank--;
    const size_t in = mopt__window_count(w->in, w->rank) * kind->size;
    const size_t row = (size_t)w->out[outer.rank] * kind->size;
    const size_t rows = row > 0 ? mopt__window_count(w->out, outer.rank) : 0;
    struct mopt_tap *taps = NULL;
    enum mopt_status status = mopt__window_new_taps(&outer, &taps, err);
    for (size_t r = 0; status == MOPT_OK && planes > 0 && r < rows; r++) {
        const size_t count = mopt__window_taps(&outer, r, taps);
        for (size_t plane = 0; plane < planes; plane++) {
            const size_t line = plane * rows + r;
            max_row(w, kind, (const uint8_t *)x + plane * in, taps, count,
                    (uint8_t *)y + line * row,
                    places ? places + line * (size_t)w->out[outer.rank] : NULL);
        }
        status = budget ? mopt__budget_check(budget, err) : MOPT_OK;
    }
    mopt__free(taps);
    return status;
}
