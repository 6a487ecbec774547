// SPDX-License-Identifier: Apache-2.0
// Largest elements of sliding windows, a row of results at a time. It must not know of nodes.
#include <math.h>

#include "ops/window.h"

// One kernel element over a row of results: result i takes part in x[i * step].
struct row {
    const void *x;
    void *y;
    size_t count, step;
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

struct kind {
    enum mopt_dtype dtype;
    size_t size;
    void (*fill)(void *y, size_t count);
    void (*row)(const struct row *row);
};

static const struct kind *find_kind(enum mopt_dtype dtype)
{
    static const struct kind kinds[] = {
        {MOPT_FLOAT32, sizeof(float), fill_f32, row_f32},
        {MOPT_FLOAT64, sizeof(double), fill_f64, row_f64},
        {MOPT_INT8, 1, fill_s8, row_s8},
        {MOPT_UINT8, 1, fill_u8, row_u8},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(kinds); i++) {
        if (kinds[i].dtype == dtype) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool mopt__window_max_fits(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes)
{
    return w->rank > 0 && find_kind(dtype) && !mopt__window_is_endless(w, (double)planes);
}

// Kernel element k of the last axis over one row: `x` is a row of the input, `y` of the results.
static void step_row(const struct mopt_window *w, const struct kind *kind, int64_t k,
                     const uint8_t *x, uint8_t *y)
{
    const int axis = w->rank - 1;
    const int64_t stride = w->stride[axis];
    const int64_t start = k * w->dilation[axis] - w->begin[axis]; // input under the first result
    const int64_t from = start < 0 ? (-start + stride - 1) / stride : 0;
    const int64_t room = w->in[axis] - start;
    int64_t past = room > 0 ? (room + stride - 1) / stride : 0;
    past = past < w->out[axis] ? past : w->out[axis];
    if (past > from) {
        const struct row row = {x + (size_t)(start + from * stride) * kind->size,
                                y + (size_t)from * kind->size, (size_t)(past - from),
                                (size_t)stride};
        kind->row(&row);
    }
}

// One row of results of one plane; taps: rows of the input under it.
static void max_row(const struct mopt_window *w, const struct kind *kind, const uint8_t *x,
                    const struct mopt_tap *taps, size_t count, uint8_t *y)
{
    const int axis = w->rank - 1;
    kind->fill(y, (size_t)w->out[axis]);
    for (size_t t = 0; t < count; t++) {
        const uint8_t *from = x + taps[t].input * (size_t)w->in[axis] * kind->size;
        for (int64_t k = 0; k < w->kernel[axis]; k++) {
            step_row(w, kind, k, from, y);
        }
    }
}

enum mopt_status mopt__window_max(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes,
                                  const void *x, void *y, const struct mopt_budget *budget,
                                  struct mopt_error *err)
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
            max_row(w, kind, (const uint8_t *)x + plane * in, taps, count,
                    (uint8_t *)y + (plane * rows + r) * row);
        }
        status = budget ? mopt__budget_check(budget, err) : MOPT_OK;
    }
    mopt__free(taps);
    return status;
}
