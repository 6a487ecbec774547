// SPDX-License-Identifier: Apache-2.0
// ArgMax and ArgMin: index of the extreme element along an axis; of equals the first, or the last
// if asked for. A NaN counts as the extreme.
#include "ops/elementwise.h"
#include "ops/lanes.h"

static const bool largest = true, smallest = false;

struct arg_job {
    const struct mopt_tensor *in;
    int64_t *out;
    bool high, last;
    int64_t n, inner;
};

// Key whose smallest value wins.
static uint64_t rank_of(const struct arg_job *job, uint64_t key)
{
    return key == UINT64_MAX && mopt__dtype_is_float(job->in->dtype) ? 0 : job->high ? ~key : key;
}

// ---- Results that lie side by side: the best so far of each, whatever the axis ------------------

static void keys_lanes(const struct arg_job *job, int64_t first, size_t lanes, int64_t *index)
{
    uint64_t best[MOPT_LANES];
    uint64_t keys[MOPT_LANES];
    for (int64_t at = 0; at < job->n; at++) {
        mopt__load_keys(job->in->dtype, job->in->data, first + at * job->inner, 1, lanes, keys);
        for (size_t k = 0; k < lanes; k++) {
            const uint64_t key = rank_of(job, keys[k]);
            if (at == 0 || key < best[k] || (job->last && key == best[k])) {
                best[k] = key;
                index[k] = at;
            }
        }
    }
}

// Floats are compared as what they are, the smallest one by the sign turned.
struct best {
    float value[MOPT_LANES];
    int32_t index[MOPT_LANES];
};

static void better_first(const float *x, size_t lanes, float sign, int32_t at, struct best *best)
{
    for (size_t k = 0; k < lanes; k++) {
        const float v = x[k] * sign, b = best->value[k];
        const bool better = (v > b) | ((v != v) & (b == b));
        best->value[k] = better ? v : b;
        best->index[k] = better ? at : best->index[k];
    }
}

static void better_last(const float *x, size_t lanes, float sign, int32_t at, struct best *best)
{
    for (size_t k = 0; k < lanes; k++) {
        const float v = x[k] * sign, b = best->value[k];
        const bool better = (v >= b) | (v != v);
        best->value[k] = better ? v : b;
        best->index[k] = better ? at : best->index[k];
    }
}

// Rows of `lanes` elements, `step` apart: the best of each column.
static void float_columns(const struct arg_job *job, const float *x, int64_t rows, int64_t step,
                          size_t lanes, struct best *best)
{
    const float sign = job->high ? 1.0F : -1.0F;
    for (size_t k = 0; k < lanes; k++) {
        best->value[k] = x[k] * sign;
        best->index[k] = 0;
    }
    for (int64_t at = 1; at < rows; at++) {
        if (job->last) {
            better_last(x + at * step, lanes, sign, (int32_t)at, best);
        } else {
            better_first(x + at * step, lanes, sign, (int32_t)at, best);
        }
    }
}

static void float_lanes(const struct arg_job *job, int64_t first, size_t lanes, int64_t *index)
{
    struct best best;
    float_columns(job, (const float *)job->in->data + first, job->n, job->inner, lanes, &best);
    for (size_t k = 0; k < lanes; k++) {
        index[k] = best.index[k];
    }
}

// ---- The last axis: a row is taken as rows of COLUMNS -------------------------------------------

enum { COLUMNS = 32 };

static int64_t float_row(const struct arg_job *job, const float *x)
{
    const float sign = job->high ? 1.0F : -1.0F;
    const int64_t rows = job->n / COLUMNS;
    struct best all; // filled as far as there are rows: short ones would be shorter than that
    int64_t index = 0;
    float best = x[0] * sign;
    if (rows > 0) {
        float_columns(job, x, rows, COLUMNS, COLUMNS, &all);
        best = all.value[0];
        index = (int64_t)all.index[0] * COLUMNS;
    }
    for (int64_t k = 1; rows > 0 && k < COLUMNS; k++) {
        const float v = all.value[k];
        const int64_t at = (int64_t)all.index[k] * COLUMNS + k;
        const bool same = v == best || (v != v && best != best);
        if (same ? (at > index) == job->last : v > best || v != v) {
            best = v;
            index = at;
        }
    }
    for (int64_t at = rows * COLUMNS; at < job->n; at++) {
        const float v = x[at] * sign;
        const bool same = v == best || (v != v && best != best);
        if (same ? job->last : v > best || (v != v && best == best)) {
            best = v;
            index = at;
        }
    }
    return index;
}

static int64_t keys_row(const struct arg_job *job, int64_t first)
{
    uint64_t best = UINT64_MAX;
    int64_t index = 0;
    bool any = false;
    for (int64_t at = 0; at < job->n; at += MOPT_LANES) {
        uint64_t keys[MOPT_LANES];
        const int64_t part = job->n - at < MOPT_LANES ? job->n - at : MOPT_LANES;
        mopt__load_keys(job->in->dtype, job->in->data, first + at, 1, (size_t)part, keys);
        for (int64_t i = 0; i < part; i++) {
            const uint64_t key = rank_of(job, keys[i]);
            if (!any || key < best || (job->last && key == best)) {
                best = key;
                index = at + i;
                any = true;
            }
        }
    }
    return index;
}

static void arg_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct arg_job *job = context;
    const bool floats = job->in->dtype == MOPT_FLOAT32 && job->n <= INT32_MAX;
    int64_t lanes = 1;
    (void)thread;
    for (int64_t g = begin; g < end; g += lanes) {
        const int64_t first = g / job->inner * job->n * job->inner + g % job->inner;
        if (job->inner == 1) {
            job->out[g] = floats ? float_row(job, (const float *)job->in->data + first)
                                 : keys_row(job, first);
            continue;
        }
        lanes = job->inner - g % job->inner;
        lanes = lanes < end - g ? lanes : end - g;
        lanes = lanes < MOPT_LANES ? lanes : MOPT_LANES;
        (floats ? float_lanes : keys_lanes)(job, first, (size_t)lanes, job->out + g);
    }
}

static int out_dims(int rank, const int64_t *dims, int axis, bool keep, int64_t *out)
{
    int count = 0;
    for (int i = 0; i < rank; i++) {
        if (i != axis || keep) {
            out[count++] = i == axis ? 1 : dims[i];
        }
    }
    return count;
}

static enum mopt_status read_attributes(const struct mopt_node *node, int rank, int *axis,
                                        int64_t *keep, int64_t *last, struct mopt_error *err)
{
    int64_t value = 0;
    *last = 0;
    enum mopt_status status = mopt__attr_int(node, "axis", 0, &value, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "keepdims", 1, keep, err);
    }
    if (status == MOPT_OK && node->op->since >= 12) {
        status = mopt__attr_int(node, "select_last_index", 0, last, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, rank, axis, err);
    }
    return status;
}

static enum mopt_status arg_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t keep = 1;
    int64_t last = 0;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, in[0]->rank, &axis, &keep, &last, err);
    }
    if (status == MOPT_OK && in[0]->dims[axis] == 0) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "axis %d has no elements", axis);
    }
    if (status == MOPT_OK) {
        const int rank = out_dims(in[0]->rank, in[0]->dims, axis, keep != 0, dims);
        status = mopt__eval_output(eval, 0, MOPT_INT64, rank, dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    struct arg_job job = {.in = in[0],
                          .out = mopt__tensor_data(out),
                          .high = *(const bool *)eval->node->op->data,
                          .last = last != 0,
                          .n = in[0]->dims[axis],
                          .inner = 1};
    for (int i = axis + 1; i < in[0]->rank; i++) {
        job.inner *= in[0]->dims[i];
    }
    mopt__pool_for(eval->pool, (int64_t)out->count, MOPT_LOOPS_GRAIN / job.n + 1, arg_range, &job);
    return MOPT_OK;
}

static enum mopt_status arg_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    int64_t keep = 1;
    int64_t last = 0;
    int axis = 0;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_set(infer, 0, MOPT_INT64, -1, NULL, err);
    }
    const enum mopt_status status =
        read_attributes(infer->node, type->rank, &axis, &keep, &last, err);
    if (status != MOPT_OK) {
        return status;
    }
    const int rank = out_dims(type->rank, type->dims, axis, keep != 0, dims);
    return mopt__infer_set(infer, 0, MOPT_INT64, rank, dims, err);
}

#define RECORD(op, text, from, to, set, row, ...)                                                  \
    {                                                                                              \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                     \
        MOPT_INPUTS({"data", "T", set, 0}),                                                        \
        MOPT_OUTPUTS({"reduced", "tensor(int64)", MOPT_SET_I64, 0}), MOPT_ATTRIBUTES(__VA_ARGS__), \
        .infer = arg_infer, .eval = arg_eval, .cost = mopt__cost_input, .data = &(row)             \
    }
#define BASIC MOPT_A_INT("axis", 0), MOPT_A_FLAG("keepdims", 1)
#define WITH_LAST BASIC, MOPT_A_FLAG("select_last_index", 0)
#define VERSIONS(op, text, row)                                     \
    RECORD(op, text, 1, 11, MOPT_SET_NUMBERS, row, BASIC),          \
        RECORD(op, text, 12, 12, MOPT_SET_NUMBERS, row, WITH_LAST), \
        RECORD(op, text, 13, 0, MOPT_SET_NUMBERS_BF, row, WITH_LAST)

static const struct mopt_op records[] = {
    VERSIONS("ArgMax", "index of the largest element along an axis", largest),
    VERSIONS("ArgMin", "index of the smallest element along an axis", smallest),
};
const struct mopt_op_family mopt__ops_arg_max = {records, MOPT_COUNTOF(records)};
