// SPDX-License-Identifier: Apache-2.0
// Resampling by the tables of resize.c: elements are moved (nearest), or weighted sums of them are
// made, in double, one axis after the other. It must not know of nodes.
#include <string.h>

#include "ops/elementwise.h"
#include "ops/nn_util.h"
#include "ops/resize.h"

static bool extrapolated(const struct mopt_resize *r, size_t i)
{
    for (int axis = r->rank - 1; axis >= 0; axis--) {
        size_t at = i % (size_t)r->dims[axis];
        i /= (size_t)r->dims[axis];
        if (r->axes[axis].outside && r->axes[axis].outside[at]) {
            return true;
        }
    }
    return false;
}

static void extrapolate(const struct mopt_resize *r, struct mopt_tensor *y)
{
    for (size_t i = 0; r->rule.coordinates == MOPT_RESIZE_TF_CROP && i < y->count; i++) {
        if (extrapolated(r, i)) {
            mopt__nn_store_at(y, i, r->extrapolation);
        }
    }
}

// ---- Nearest ------------------------------------------------------------------------------------

// Rows: of the last axis that changes, together with the axes behind it.
struct nearest {
    const struct mopt_resize *r;
    const struct mopt_tensor *x;
    struct mopt_tensor *y;
    int axis;
    size_t unit; // elements of one place of the axis
    size_t bytes;
};

#define PICK(T)                                                                 \
    for (int64_t o = 0; o < axis->out; o++) {                                   \
        ((T *)(void *)to)[o] = ((const T *)(const void *)from)[axis->index[o]]; \
    }                                                                           \
    return

// bytes: of one place.
static void copy_row(const struct mopt_resize_axis *axis, const uint8_t *from, uint8_t *to,
                     size_t bytes)
{
    if (!axis->index) {
        memcpy(to, from, (size_t)axis->out * bytes);
        return;
    }
    switch (bytes) {
    case 1:
        PICK(uint8_t);
    case 2:
        PICK(uint16_t);
    case 4:
        PICK(uint32_t);
    case 8:
        PICK(uint64_t);
    default:
        for (int64_t o = 0; o < axis->out; o++) {
            memcpy(to + (size_t)o * bytes, from + (size_t)axis->index[o] * bytes, bytes);
        }
    }
}

// Number of the input row for output row `row`.
static size_t source_row(const struct nearest *n, size_t row)
{
    size_t from = 0;
    size_t step = 1;
    for (int axis = n->axis - 1; axis >= 0; axis--) {
        const struct mopt_resize_axis *a = &n->r->axes[axis];
        size_t at = row % (size_t)a->out;
        row /= (size_t)a->out;
        from += (a->index ? (size_t)a->index[at] : at) * step;
        step *= (size_t)a->in;
    }
    return from;
}

static void nearest_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct nearest *n = context;
    const struct mopt_resize_axis *last = &n->r->axes[n->axis];
    const size_t place = n->unit * n->bytes;
    const size_t length = (size_t)last->out * place;
    size_t before = SIZE_MAX;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        const size_t from = source_row(n, row);
        uint8_t *to = (uint8_t *)mopt__tensor_data(n->y) + row * length;
        if (from == before) {
            memcpy(to, to - length, length);
        } else {
            copy_row(last, (const uint8_t *)n->x->data + from * (size_t)last->in * place, to,
                     place);
        }
        before = from;
    }
}

static enum mopt_status nearest_text(const struct nearest *n, size_t rows, struct mopt_error *err)
{
    const struct mopt_resize_axis *last = &n->r->axes[n->axis];
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < rows * (size_t)last->out * n->unit && status == MOPT_OK; i++) {
        const size_t place = i / n->unit;
        const size_t at = place % (size_t)last->out;
        const size_t row = source_row(n, place / (size_t)last->out) * (size_t)last->in;
        const size_t from = row + (last->index ? (size_t)last->index[at] : at);
        const struct mopt_string *text =
            (const struct mopt_string *)n->x->data + from * n->unit + i % n->unit;
        status = mopt__tensor_set_string(n->y, i, text->data, text->size, err);
    }
    return status;
}

enum mopt_status mopt__resample_nearest(const struct mopt_resize *r, const struct mopt_tensor *x,
                                        struct mopt_tensor *y, struct mopt_pool *pool,
                                        struct mopt_error *err)
{
    struct nearest n = {.r = r, .x = x, .y = y, .axis = r->rank - 1};
    while (n.axis > 0 && !r->axes[n.axis].index) {
        n.axis--;
    }
    n.unit = mopt__nn_product(r->dims, n.axis + 1, r->rank);
    n.bytes = mopt__dtype_bits(x->dtype) / 8;
    const size_t rows = mopt__nn_product(r->dims, 0, n.axis);
    if (x->dtype == MOPT_STRING) {
        return nearest_text(&n, rows, err);
    }
    const int64_t length = r->dims[n.axis] * (int64_t)n.unit;
    mopt__pool_for(pool, (int64_t)rows, MOPT_LOOPS_GRAIN / length + 1, nearest_rows, &n);
    if (x->dtype != MOPT_COMPLEX64 && x->dtype != MOPT_COMPLEX128) {
        extrapolate(r, y);
    }
    return MOPT_OK;
}

// ---- Weights ------------------------------------------------------------------------------------

// One output line of `inner` elements: the weighted sum of its taps.
#define BLEND(name, T)                                                                         \
    static void name(const struct mopt_resize_axis *axis, int64_t o, size_t inner, const T *x, \
                     double *y)                                                                \
    {                                                                                          \
        memset(y, 0, inner * sizeof *y);                                                       \
        for (int64_t t = o * axis->taps; t < (o + 1) * axis->taps; t++) {                      \
            const T *from = x + (size_t)axis->index[t] * inner;                                \
            const double weight = axis->weights[t];                                            \
            for (size_t i = 0; i < inner; i++) {                                               \
                y[i] += weight * (double)from[i];                                              \
            }                                                                                  \
        }                                                                                      \
    }
BLEND(blend, double)
BLEND(blend_floats, float)

// One axis of a tensor seen as [outer, in, inner]; result [outer, out, inner].
static void resample(const struct mopt_resize_axis *axis, size_t outer, size_t inner,
                     const double *x, double *y)
{
    for (size_t a = 0; a < outer; a++) {
        for (int64_t o = 0; o < axis->out; o++, y += inner) {
            blend(axis, o, inner, x + a * (size_t)axis->in * inner, y);
        }
    }
}

// All axes in turn; *values is replaced.
static enum mopt_status resample_all(const struct mopt_resize *r, double **values,
                                     struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    for (int i = 0; i < r->rank; i++) {
        dims[i] = r->axes[i].in;
    }
    for (int i = 0; i < r->rank; i++) {
        if (mopt__resize_is_identity(&r->axes[i])) {
            continue;
        }
        size_t outer = mopt__nn_product(dims, 0, i);
        size_t inner = mopt__nn_product(dims, i + 1, r->rank);
        size_t count = 0;
        dims[i] = r->axes[i].out;
        double *next = mopt__size_mul(outer * inner, (size_t)dims[i], &count)
                           ? mopt__nn_zeros(count, err)
                           : NULL;
        if (!next) {
            return mopt_error_memory(err);
        }
        resample(&r->axes[i], outer, inner, *values, next);
        mopt__free(*values);
        *values = next;
    }
    return MOPT_OK;
}

// ---- Floats of which one axis changes, or two neighbours ----------------------------------------

// Lines of the first axis (identity when only one changes), seen as [outer, in, width]; width: the
// second one and what is behind it, `inner` elements.
struct float_job {
    const struct mopt_resize_axis *first, *second;
    const float *x;
    float *y;
    size_t width, inner;
    double *room; // a line, and a piece of the result, for each thread
    size_t room_each;
};

static void store_floats(const double *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (float)from[i];
    }
}

// Weighted sums of single elements of a line.
static void blend_line(const struct mopt_resize_axis *axis, const double *line, float *y)
{
    for (int64_t o = 0; o < axis->out; o++) {
        double sum = 0;
        for (int64_t t = o * axis->taps; t < (o + 1) * axis->taps; t++) {
            sum += axis->weights[t] * line[axis->index[t]];
        }
        y[o] = (float)sum;
    }
}

static void float_lines(void *context, int64_t begin, int64_t end, int thread)
{
    const struct float_job *j = context;
    const int64_t lines = j->first ? j->first->out : 1;
    const size_t in = j->first ? (size_t)j->first->in : 1;
    const size_t out = (size_t)j->second->out * j->inner;
    double *line = j->room + (size_t)thread * j->room_each;
    double *piece = line + j->width;
    for (int64_t i = begin; i < end; i++) {
        const float *x = j->x + (size_t)(i / lines) * in * j->width;
        float *y = j->y + (size_t)i * out;
        if (j->first) {
            blend_floats(j->first, i % lines, j->width, x, line);
        } else {
            for (size_t k = 0; k < j->width; k++) {
                line[k] = (double)x[k];
            }
        }
        if (j->inner == 1) {
            blend_line(j->second, line, y);
            continue;
        }
        for (int64_t o = 0; o < j->second->out; o++) {
            blend(j->second, o, j->inner, line, piece);
            store_floats(piece, y + (size_t)o * j->inner, j->inner);
        }
    }
}

// The axes that change; false when the form does not fit.
static bool open_floats(const struct mopt_resize *r, struct float_job *j, size_t *lines)
{
    int last = r->rank - 1;
    while (last >= 0 && mopt__resize_is_identity(&r->axes[last])) {
        last--;
    }
    int first = 0;
    while (first < last && mopt__resize_is_identity(&r->axes[first])) {
        first++;
    }
    if (last < 0 || last - first > 1) {
        return false;
    }
    j->first = first < last ? &r->axes[first] : NULL;
    j->second = &r->axes[last];
    j->inner = mopt__nn_product(r->dims, last + 1, r->rank);
    j->width = (size_t)j->second->in * j->inner;
    *lines = mopt__nn_product(r->dims, 0, last);
    return true;
}

static enum mopt_status run_floats(struct float_job *j, size_t lines, struct mopt_pool *pool,
                                   struct mopt_error *err)
{
    const size_t threads = (size_t)mopt__pool_size(pool);
    j->room_each = j->width + j->inner;
    j->room = mopt__calloc(threads, j->room_each * sizeof *j->room);
    if (!j->room) {
        return mopt_error_memory(err);
    }
    const int64_t length = j->second->out * (int64_t)j->inner;
    mopt__pool_for(pool, (int64_t)lines, MOPT_LOOPS_GRAIN / 8 / length + 1, float_lines, j);
    mopt__free(j->room);
    return MOPT_OK;
}

enum mopt_status mopt__resample(const struct mopt_resize *r, const struct mopt_tensor *x,
                                struct mopt_tensor *y, struct mopt_pool *pool,
                                struct mopt_error *err)
{
    double *values = NULL;
    size_t lines = 0;
    struct float_job job = {.x = NULL};
    enum mopt_status status = MOPT_OK;
    if (x->dtype == MOPT_FLOAT32 && open_floats(r, &job, &lines)) {
        job.x = x->data;
        job.y = mopt__nn_f32(y);
        status = run_floats(&job, lines, pool, err);
    } else {
        status = mopt__nn_doubles(x, &values, err);
        if (status == MOPT_OK) {
            status = resample_all(r, &values, err);
        }
        if (status == MOPT_OK) {
            mopt__nn_store(y, values);
        }
    }
    if (status == MOPT_OK) {
        extrapolate(r, y);
    }
    mopt__free(values);
    return status;
}
