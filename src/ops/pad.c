// SPDX-License-Identifier: Apache-2.0
// Pad: axes made longer with a constant, a reflection, the edge, or the other end; negative amounts
// crop. Cropping happens before padding. A pad that is longer than the axis keeps reflecting or
// wrapping around.
#include <string.h>

#include "ops/copy.h"
#include "ops/elementwise.h"
#include "ops/lanes.h"
#include "ops/operands.h"
#include "ops/pad.h"

struct pad_job {
    const struct mopt_tensor *data;
    struct mopt_tensor *out;
    enum mopt_padding mode;
    int64_t before[MOPT_RANK_MAX], after[MOPT_RANK_MAX];
};

static bool as_input(const struct mopt_node *node)
{
    return node->op->input_count > 1;
}

enum mopt_status mopt__pad_mode(const struct mopt_node *node, enum mopt_padding *mode,
                                struct mopt_error *err)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *text = "constant";
    const enum mopt_status status = mopt__attr_string(node, "mode", "constant", &text, err);
    for (int i = 0; status == MOPT_OK && i < (int)MOPT_COUNTOF(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *mode = (enum mopt_padding)i;
            return MOPT_OK;
        }
    }
    return status != MOPT_OK
               ? status
               : mopt_error_set(err, MOPT_E_VALUE, "mode is '%s', which is not known", text);
}

enum mopt_status mopt__pad_spread(const int64_t *pads, size_t pad_count, const int64_t *axes,
                                  size_t axis_count, int rank, int64_t *before, int64_t *after,
                                  struct mopt_error *err)
{
    const size_t count = axes != NULL ? axis_count : (size_t)rank;
    if (pad_count != 2 * count) {
        return mopt_error_set(err, MOPT_E_VALUE, "%zu pads for %zu axes", pad_count, count);
    }
    for (int i = 0; i < rank; i++) {
        before[i] = after[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        int axis = 0;
        const enum mopt_status status =
            mopt__axis_normalise(axes != NULL ? axes[i] : (int64_t)i, rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        before[axis] = pads[i];
        after[axis] = pads[i + count];
    }
    return MOPT_OK;
}

static enum mopt_status read_pads(const struct mopt_eval *eval, struct pad_job *job,
                                  struct mopt_error *err)
{
    int64_t *pads = NULL;
    int64_t *axes = NULL;
    size_t pad_count = 0;
    size_t axis_count = 0;
    bool given = false;
    const bool input = as_input(eval->node);
    const char *name = eval->node->op->until == 1 ? "paddings" : "pads";
    enum mopt_status status =
        mopt__list_i64(eval, input ? 1 : 0, input ? NULL : name, &pads, &pad_count, &given, err);
    if (status == MOPT_OK && eval->node->op->input_count > 3) {
        status = mopt__list_i64(eval, 3, NULL, &axes, &axis_count, &given, err);
    }
    if (status == MOPT_OK) {
        status = mopt__pad_spread(pads, pad_count, axes, axis_count, job->data->rank, job->before,
                                  job->after, err);
    }
    mopt__free(pads);
    mopt__free(axes);
    return status;
}

static enum mopt_status padded_dims(const struct pad_job *job, int64_t *dims,
                                    struct mopt_error *err)
{
    for (int i = 0; i < job->data->rank; i++) {
        if (!mopt__i64_add(job->data->dims[i], job->before[i], &dims[i]) ||
            !mopt__i64_add(dims[i], job->after[i], &dims[i]) || dims[i] < 0) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "pads %lld and %lld do not fit axis %d of %lld",
                                  (long long)job->before[i], (long long)job->after[i], i,
                                  (long long)job->data->dims[i]);
        }
    }
    return MOPT_OK;
}

// ---- Constant -------------------------------------------------------------------------------------------------

static enum mopt_status constant_value(const struct mopt_eval *eval, enum mopt_dtype dtype,
                                       struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_tensor *given = as_input(eval->node) ? mopt__eval_input(eval, 2) : NULL;
    if (given != NULL) {
        if (given->count != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "constant has %zu elements, must be a scalar",
                                  given->count);
        }
        *out = mopt__tensor_ref(mopt__eval_input_mutable(eval, 2));
        return MOPT_OK;
    }
    enum mopt_status status = mopt__tensor_new(dtype, 0, NULL, out, err);
    if (status != MOPT_OK || dtype == MOPT_STRING) {
        return status;
    }
    memset(mopt__tensor_data(*out), 0, (*out)->bytes);
    float value = 0;
    if (!as_input(eval->node)) {
        status = mopt__attr_float(eval->node, "value", 0.0f, &value, err);
        mopt__store_f32(dtype, mopt__tensor_data(*out), 0, 1, &value);
    }
    return status;
}

// ---- A table of source places per axis ------------------------------------------------------------------------

static int64_t positive_mod(int64_t x, int64_t n)
{
    const int64_t rest = x % n;
    return rest < 0 ? rest + n : rest;
}

int64_t mopt__pad_source(enum mopt_padding mode, int64_t x, int64_t n)
{
    if (mode == MOPT_PADDING_CONSTANT) {
        return x < 0 || x >= n ? MOPT_PAD_OUTSIDE : x;
    }
    if (mode == MOPT_PADDING_EDGE || n <= 1) {
        return x < 0 ? 0 : x >= n ? n - 1 : x;
    }
    if (mode == MOPT_PADDING_WRAP) {
        return positive_mod(x, n);
    }
    const int64_t at = positive_mod(x, 2 * (n - 1));
    return at < n ? at : 2 * (n - 1) - at;
}

// What is left of an axis when it has been cropped, and where the output begins in the pattern.
struct pad_axis {
    int64_t crop, n, shift;
};

static enum mopt_status open_axis(const struct pad_job *job, int i, struct pad_axis *axis,
                                  struct mopt_error *err)
{
    const int64_t crop = mopt__pad_crop(job->before[i]);
    const int64_t n = job->data->dims[i] - crop - mopt__pad_crop(job->after[i]);
    *axis = (struct pad_axis){crop, n > 0 ? n : 0, job->before[i] > 0 ? job->before[i] : 0};
    return n <= 0 && job->out->dims[i] > 0 && job->mode != MOPT_PADDING_CONSTANT
               ? mopt_error_set(err, MOPT_E_SHAPE, "axis %d has nothing left to repeat", i)
               : MOPT_OK;
}

// Fills room with one table for each axis of the first `count`: room[starts[axis] + place of the
// output] = place of the data.
static enum mopt_status make_tables(const struct pad_job *job, int count, int64_t *room,
                                    size_t *starts, struct mopt_error *err)
{
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        struct pad_axis axis;
        const enum mopt_status status = open_axis(job, i, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        starts[i] = at;
        for (int64_t k = 0; k < job->out->dims[i]; k++) {
            const int64_t from = mopt__pad_source(job->mode, k - axis.shift, axis.n);
            room[at++] = from == MOPT_PAD_OUTSIDE ? MOPT_PAD_OUTSIDE : axis.crop + from;
        }
    }
    return MOPT_OK;
}

// Places of an axis that come from places at equal steps; from MOPT_PAD_OUTSIDE: the constant.
struct pad_run {
    int64_t count, from, step;
};

// The longest run that begins at place x of the pattern, at most `left` places.
static struct pad_run run_at(enum mopt_padding mode, int64_t x, int64_t n, int64_t left)
{
    struct pad_run run = {1, mopt__pad_source(mode, x, n), 0};
    const int64_t period = mode == MOPT_PADDING_REFLECT ? 2 * (n - 1) : n;
    if (mode == MOPT_PADDING_CONSTANT || mode == MOPT_PADDING_EDGE || n <= 1) {
        run.step = x >= 0 && x < n;
        run.count = x < 0 ? -x : x < n ? n - x : left;
    } else if (mode == MOPT_PADDING_WRAP || positive_mod(x, period) < n - 1) {
        run.step = 1; // to the last place, or to the one before it, where a way back begins
        run.count = (mode == MOPT_PADDING_WRAP ? n : n - 1) - run.from;
    } else {
        run.step = -1;
        run.count = run.from;
    }
    run.count = run.count < left ? run.count : left;
    return run;
}

// Rows: of the last axis that is padded, together with the axes behind it.
struct pad_rows {
    const struct pad_job *job;
    const int64_t *room;
    int axis;
    size_t starts[MOPT_RANK_MAX];
    int64_t strides[MOPT_RANK_MAX];
    int64_t unit;   // elements of one place of the axis
    size_t element; // bytes; 0: no whole number
    const struct pad_run *runs;
    size_t run_count;
    const void *constant;
};

// First element of a row's source; MOPT_PAD_OUTSIDE: none.
static int64_t row_source(const struct pad_rows *p, int64_t row)
{
    int64_t from = 0;
    for (int d = p->axis - 1; d >= 0; d--) {
        const int64_t dim = p->job->out->dims[d];
        const int64_t at = p->room[p->starts[d] + (size_t)(row % dim)];
        if (at == MOPT_PAD_OUTSIDE) {
            return MOPT_PAD_OUTSIDE;
        }
        from += at * p->strides[d];
        row /= dim;
    }
    return from;
}

#define FILL(T)                                 \
    {                                           \
        const T only = *(const T *)p->constant; \
        T *y = (T *)to;                         \
        for (int64_t i = 0; i < count; i++) {   \
            y[i] = only;                        \
        }                                       \
    }                                           \
    break

static void fill(const struct pad_rows *p, void *to, int64_t count)
{
    switch (p->element) {
    case 1:
        memset(to, *(const uint8_t *)p->constant, (size_t)count);
        break;
    case 2:
        FILL(uint16_t);
    case 4:
        FILL(uint32_t);
    default:
        FILL(uint64_t);
    }
}

#define STEP(T)                               \
    {                                         \
        const T *x = (const T *)from;         \
        T *y = (T *)to;                       \
        for (int64_t i = 0; i < count; i++) { \
            y[i] = x[i * step];               \
        }                                     \
    }                                         \
    return

// Places that come from others at equal steps; where one is an element, without a call for each.
static void copy_places(size_t bytes, uint8_t *to, const uint8_t *from, int64_t count, int64_t step)
{
    if (step == 1) {
        memcpy(to, from, (size_t)count * bytes);
        return;
    }
    switch (bytes) {
    case 1:
        STEP(uint8_t);
    case 2:
        STEP(uint16_t);
    case 4:
        STEP(uint32_t);
    case 8:
        STEP(uint64_t);
    default:
        for (int64_t i = 0; i < count; i++) {
            memcpy(to + (size_t)i * bytes, from + i * step * (int64_t)bytes, bytes);
        }
    }
}

static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct pad_rows *p = context;
    const uint8_t *data = p->job->data->data;
    const int64_t unit = p->unit;
    const size_t bytes = (size_t)unit * p->element;
    uint8_t *to = mopt__tensor_data(p->job->out);
    to += (size_t)(begin * p->job->out->dims[p->axis]) * bytes;
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const int64_t from = row_source(p, row);
        for (size_t r = 0; r < p->run_count; r++) {
            const struct pad_run *run = &p->runs[r];
            if (from == MOPT_PAD_OUTSIDE || run->from == MOPT_PAD_OUTSIDE) {
                fill(p, to, run->count * unit);
            } else {
                copy_places(bytes, to, data + (size_t)(from + run->from * unit) * p->element,
                            run->count, run->step);
            }
            to += (size_t)run->count * bytes;
        }
    }
}

// The same of strings, and of elements that are no whole bytes; not of a constant.
static enum mopt_status copy_rows(const struct pad_rows *p, int64_t rows, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    int64_t to = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t from = row_source(p, row);
        for (size_t r = 0; r < p->run_count; r++) {
            const struct pad_run *run = &p->runs[r];
            for (int64_t i = 0; i < run->count && status == MOPT_OK; i++, to += p->unit) {
                status = mopt__copy_run(p->job->out, to, p->job->data,
                                        from + (run->from + i * run->step) * p->unit, p->unit, err);
            }
        }
    }
    return status;
}

// The runs of the rows; *count is how many there are.
static enum mopt_status make_runs(const struct pad_job *job, int axis, struct pad_run **runs,
                                  size_t *count, struct mopt_error *err)
{
    struct pad_axis a;
    size_t capacity = 0;
    enum mopt_status status = open_axis(job, axis, &a, err);
    *count = 0;
    for (int64_t k = 0; k < job->out->dims[axis] && status == MOPT_OK;) {
        status = mopt__grow((void **)runs, &capacity, *count + 1, sizeof **runs, err);
        if (status == MOPT_OK) {
            struct pad_run run = run_at(job->mode, k - a.shift, a.n, job->out->dims[axis] - k);
            k += run.count;
            run.from += run.from == MOPT_PAD_OUTSIDE ? 0 : a.crop;
            (*runs)[(*count)++] = run;
        }
    }
    return status;
}

// The last axis that is padded or cropped; 0 when none is.
static int padded_axis(const struct pad_job *job)
{
    int axis = job->data->rank - 1;
    while (axis > 0 && job->before[axis] == 0 && job->after[axis] == 0) {
        axis--;
    }
    return axis;
}

static bool is_whole(enum mopt_dtype dtype)
{
    const unsigned bits = mopt__dtype_bits(dtype);
    return dtype != MOPT_STRING && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
}

// constant: of one element; NULL in the modes that have none.
static enum mopt_status pad_rows(const struct pad_job *job, const struct mopt_tensor *constant,
                                 struct mopt_pool *pool, struct mopt_error *err)
{
    static const uint64_t none = 0;
    struct pad_rows p = {.job = job,
                         .axis = padded_axis(job),
                         .element =
                             is_whole(job->out->dtype) ? mopt__dtype_bits(job->out->dtype) / 8 : 0,
                         .constant = constant != NULL ? constant->data : &none};
    struct pad_run *runs = NULL;
    size_t total = 1;
    int64_t rows = 1;
    for (int i = 0; i < p.axis; i++) {
        total += (size_t)job->out->dims[i]; // the output has that many elements or more
        rows *= job->out->dims[i];
    }
    int64_t *room = mopt__calloc(total, sizeof *room);
    if (room == NULL) {
        return mopt_error_memory(err);
    }
    p.unit = (int64_t)job->out->count / (rows * job->out->dims[p.axis]); // it is not empty
    mopt__strides(job->data->rank, job->data->dims, p.strides);
    enum mopt_status status = make_tables(job, p.axis, room, p.starts, err);
    if (status == MOPT_OK) {
        status = make_runs(job, p.axis, &runs, &p.run_count, err);
    }
    p.room = room;
    p.runs = runs;
    if (status == MOPT_OK && p.element == 0) {
        status = copy_rows(&p, rows, err);
    } else if (status == MOPT_OK) {
        const int64_t grain = MOPT_LOOPS_GRAIN / ((int64_t)job->out->count / rows) + 1;
        mopt__pool_for(pool, rows, grain, some_rows, &p);
    }
    mopt__free(room);
    mopt__free(runs);
    return status;
}

// Elements that are no whole bytes: the constant everywhere, then the box of the data.
static enum mopt_status fill_and_copy(const struct mopt_eval *eval, const struct pad_job *job,
                                      const struct mopt_tensor *value, struct mopt_error *err)
{
    struct mopt_copy copy = {.to = job->out, .from = job->data, .rank = job->data->rank};
    const enum mopt_status status =
        mopt__copy_fill(job->out, 0, value, 0, (int64_t)job->out->count, err);
    mopt__strides(job->out->rank, job->out->dims, copy.to_strides);
    mopt__strides(job->data->rank, job->data->dims, copy.from_strides);
    for (int i = 0; i < copy.rank; i++) {
        const int64_t before = job->before[i];
        const int64_t crop = mopt__pad_crop(before);
        copy.dims[i] = job->data->dims[i] - crop - mopt__pad_crop(job->after[i]);
        if (copy.dims[i] <= 0) {
            return status; // nothing of the data is left
        }
        copy.to_first += (before > 0 ? before : 0) * copy.to_strides[i];
        copy.from_first += crop * copy.from_strides[i];
    }
    return status == MOPT_OK ? mopt__copy_box(&copy, eval->pool, err) : status;
}

static enum mopt_status pad_constant(const struct mopt_eval *eval, const struct pad_job *job,
                                     struct mopt_error *err)
{
    struct mopt_tensor *value = NULL;
    enum mopt_status status = constant_value(eval, job->out->dtype, &value, err);
    if (status == MOPT_OK) {
        status = job->data->rank > 0 && is_whole(job->out->dtype)
                     ? pad_rows(job, value, eval->pool, err)
                     : fill_and_copy(eval, job, value, err);
    }
    mopt__tensor_unref(value);
    return status;
}

static enum mopt_status pad_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[4] = {NULL};
    struct pad_job job = {.mode = MOPT_PADDING_CONSTANT};
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    job.data = in[0];
    if (status == MOPT_OK) {
        status = mopt__pad_mode(eval->node, &job.mode, err);
    }
    if (status == MOPT_OK) {
        status = read_pads(eval, &job, err);
    }
    if (status == MOPT_OK) {
        status = padded_dims(&job, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, dims, &job.out, err);
    }
    if (status != MOPT_OK || job.out->count == 0) {
        return status;
    }
    return job.mode == MOPT_PADDING_CONSTANT || in[0]->rank == 0
               ? pad_constant(eval, &job, err)
               : pad_rows(&job, NULL, eval->pool, err);
}

// ---- Inference ------------------------------------------------------------------------------------------------

static enum mopt_status pad_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const bool input = as_input(infer->node);
    const char *name = infer->node->op->until == 1 ? "paddings" : "pads";
    const int64_t *pads = NULL;
    const int64_t *axes = NULL;
    size_t pad_count = 0;
    size_t axis_count = 0;
    bool given = false;
    int64_t before[MOPT_RANK_MAX] = {0};
    int64_t after[MOPT_RANK_MAX] = {0};
    int64_t dims[MOPT_RANK_MAX];
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    const bool known =
        mopt__infer_list(infer, input ? 1 : 0, input ? NULL : name, &pads, &pad_count, &given);
    const bool axes_given = infer->node->op->input_count > 3 && mopt__infer_has(infer, 3);
    if (!known || (axes_given && !mopt__infer_values(infer, 3, &axes, &axis_count))) {
        return mopt__infer_unknown(infer, type->rank, err);
    }
    enum mopt_status status = mopt__pad_spread(pads, pad_count, axes_given ? axes : NULL,
                                               axis_count, type->rank, before, after, err);
    for (int i = 0; status == MOPT_OK && i < type->rank; i++) {
        // attribute values are plain numbers
        const int64_t a = input ? before[i] : mopt__dim_const(infer->dims, before[i]);
        const int64_t b = input ? after[i] : mopt__dim_const(infer->dims, after[i]);
        dims[i] = mopt__dim_add(infer->dims, mopt__dim_add(infer->dims, type->dims[i], a), b);
        dims[i] = dims[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : dims[i];
        int64_t value = 0;
        if (mopt__dim_is_known(infer->dims, dims[i], &value) && value < 0) {
            status = mopt_error_set(err, MOPT_E_VALUE, "pads crop more than axis %d has", i);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    }
    return status == MOPT_OK && input ? mopt__infer_moved(infer, 5, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define MODES_OLD MOPT_A_STRING("mode", "constant", "constant|reflect|edge")
#define MODES_19 MOPT_A_STRING("mode", "constant", "constant|reflect|edge|wrap")
#define RECORD(from, to, set, ...)                                                         \
    {                                                                                      \
        .domain = "", .name = "Pad", .since = from, .until = to,                           \
        .summary = "axes made longer at both ends", MOPT_OUTPUTS({"output", "T", set, 0}), \
        __VA_ARGS__, .quant = &mopt__quant_moves, .infer = pad_infer, .eval = pad_eval     \
    }
#define PADS(set)                                                      \
    {"data", "T", set, 0}, {"pads", "tensor(int64)", MOPT_SET_I64, 0}, \
    {                                                                  \
        "constant_value", "T", set, MOPT_PARAM_OPTIONAL                \
    }
#define AXES                                                \
    {                                                       \
        "axes", "Tind", MOPT_SET_INDEX, MOPT_PARAM_OPTIONAL \
    }
#define NEW(from, to, set, modes) \
    RECORD(from, to, set, MOPT_INPUTS(PADS(set), AXES), MOPT_ATTRIBUTES(modes))
#define ATTRIBUTE_FORM(name)                        \
    MOPT_INPUTS({"data", "T", MOPT_SET_FLOATS, 0}), \
        MOPT_ATTRIBUTES(MODES_OLD, MOPT_A_INTS_REQUIRED(name), MOPT_A_FLOAT("value", 0.0))

static const struct mopt_op records[] = {
    RECORD(1, 1, MOPT_SET_FLOATS, ATTRIBUTE_FORM("paddings")),
    RECORD(2, 10, MOPT_SET_FLOATS, ATTRIBUTE_FORM("pads")),
    RECORD(11, 12, MOPT_SET_NUMBERS, MOPT_INPUTS(PADS(MOPT_SET_NUMBERS)),
           MOPT_ATTRIBUTES(MODES_OLD)),
    RECORD(13, 17, MOPT_SET_ALL_13, MOPT_INPUTS(PADS(MOPT_SET_ALL_13)), MOPT_ATTRIBUTES(MODES_OLD)),
    NEW(18, 18, MOPT_SET_ALL_13, MODES_OLD),
    NEW(19, 20, MOPT_SET_ALL_13, MODES_19),
    NEW(21, 22, MOPT_SET_ALL_21, MODES_19),
    NEW(23, 23, MOPT_SET_ALL_23, MODES_19),
    NEW(24, 24, MOPT_SET_ALL_24, MODES_19),
    NEW(25, 0, MOPT_SET_ALL_25, MODES_19),
};
const struct mopt_op_family mopt__ops_pad = {records, MOPT_COUNTOF(records)};
