// SPDX-License-Identifier: Apache-2.0
// Gather, GatherElements, GatherND: elements or slices picked by indices. Every index is checked
// before it is used; negative ones count from the end.
#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

static enum mopt_status read_axis(const struct mopt_node *node, int rank, int *axis,
                                  struct mopt_error *err)
{
    int64_t value = 0;
    const enum mopt_status status = mopt__attr_int(node, "axis", 0, &value, err);
    return status == MOPT_OK ? mopt__axis_normalise(value, rank, axis, err) : status;
}

// ---- Gather ---------------------------------------------------------------------------------------------------

struct gather_job {
    const struct mopt_tensor *data;
    struct mopt_tensor *out;
    const struct mopt_tensor *indices;
    int64_t index_count, size, inner; // elements of the axis and behind it
    struct mopt_error *err;
    enum mopt_status status;
};

// Places of up to MOPT_LANES rows from row i on; how many.
static int64_t row_places(const struct gather_job *job, int64_t i, int64_t end,
                          int64_t places[MOPT_LANES])
{
    const int64_t all = end - i < MOPT_LANES ? end - i : MOPT_LANES;
    const int64_t given = all < job->index_count ? all : job->index_count;
    for (int64_t n = 0, many = 0; n < given; n += many) {
        const int64_t index = (i + n) % job->index_count;
        const int64_t base = (i + n) / job->index_count * job->size;
        many = job->index_count - index < given - n ? job->index_count - index : given - n;
        mopt__load_indices(job->indices, job->size, index, (size_t)many, places + n);
        for (int64_t k = n; k < n + many; k++) {
            places[k] = (base + places[k]) * job->inner;
        }
    }
    for (int64_t k = given; k < all; k++) { // all indices once more, of the next rows of the data
        places[k] = places[k - given] + job->size * job->inner;
    }
    return all;
}

static void gather_rows(void *context, int64_t begin, int64_t end, int thread)
{
    struct gather_job *job = context;
    int64_t places[MOPT_LANES] = {0};
    (void)thread;
    for (int64_t i = begin; i < end && job->status == MOPT_OK;) {
        const int64_t n = row_places(job, i, end, places);
        const enum mopt_status status = mopt__copy_picked(job->out, i * job->inner, job->data,
                                                          places, (size_t)n, job->inner, job->err);
        job->status = status != MOPT_OK ? status : job->status; // strings only: one thread
        i += n;
    }
}

static enum mopt_status gather_dims(const struct mopt_tensor *const *in, int axis, int *rank,
                                    int64_t *dims, struct mopt_error *err)
{
    *rank = in[0]->rank - 1 + in[1]->rank;
    if (*rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d", *rank, MOPT_RANK_MAX);
    }
    for (int i = 0, to = 0; i < in[0]->rank; i++) {
        if (i != axis) {
            dims[to++] = in[0]->dims[i];
            continue;
        }
        for (int k = 0; k < in[1]->rank; k++) {
            dims[to++] = in[1]->dims[k];
        }
    }
    return MOPT_OK;
}

static enum mopt_status gather_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    int rank = 0;
    struct gather_job job = {.err = err};
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = read_axis(eval->node, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = gather_dims(in, axis, &rank, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__check_indices(in[1], in[0]->dims[axis], err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, rank, dims, &job.out, err);
    }
    if (status == MOPT_OK && job.out->count > 0) {
        job.data = in[0];
        job.indices = in[1];
        job.index_count = (int64_t)in[1]->count;
        job.size = in[0]->dims[axis];
        (void)mopt__product(in[0]->dims + axis + 1, in[0]->rank - axis - 1, &job.inner, err);
        const int64_t rows = (int64_t)job.out->count / job.inner;
        const bool bytes = job.out->dtype != MOPT_STRING;
        mopt__pool_for(bytes ? eval->pool : NULL, rows, (1 << 16) / job.inner + 1, gather_rows,
                       &job);
        status = job.status;
    }
    return status;
}

static enum mopt_status gather_values(struct mopt_infer *infer, int rank, struct mopt_error *err)
{
    const int64_t *items = NULL;
    const int64_t *indices = NULL;
    size_t count = 0;
    size_t picked = 0;
    if (rank > 1 || mopt__infer_rank(infer, 0) != 1 ||
        !mopt__infer_ints(infer, 0, &items, &count) ||
        !mopt__infer_values(infer, 1, &indices, &picked)) {
        return MOPT_OK;
    }
    int64_t *taken = mopt__infer_room(infer, picked);
    for (size_t i = 0; taken != NULL && i < picked; i++) {
        int64_t at = 0;
        const enum mopt_status status = mopt__index_check(indices[i], (int64_t)count, &at, err);
        if (status != MOPT_OK) {
            return status;
        }
        taken[i] = items[at];
    }
    return taken != NULL ? mopt__infer_set_ints(infer, 0, rank, taken, picked, err) : MOPT_OK;
}

static enum mopt_status gather_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *data = mopt__infer_tensor(infer, 0);
    const struct mopt_type *indices = mopt__infer_tensor(infer, 1);
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    if (data == NULL || data->rank < 0 || indices == NULL || indices->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status = read_axis(infer->node, data->rank, &axis, err);
    const int rank = data->rank - 1 + indices->rank;
    if (status == MOPT_OK && rank > MOPT_RANK_MAX) {
        status =
            mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d", rank, MOPT_RANK_MAX);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0, to = 0; i < data->rank; i++) {
        if (i != axis) {
            dims[to++] = data->dims[i];
            continue;
        }
        for (int k = 0; k < indices->rank; k++) {
            dims[to++] = indices->dims[k];
        }
    }
    status = mopt__infer_set(infer, 0, data->dtype, rank, dims, err);
    return status == MOPT_OK ? gather_values(infer, rank, err) : status;
}

// ---- GatherElements -------------------------------------------------------------------------------------------

struct pick_job {
    struct mopt_tensor *out;
    const struct mopt_tensor *data;
    const struct mopt_tensor *indices;
    int axis;
    struct mopt_error *err;
    enum mopt_status status;
};

// Elements begin..end of the output.
static void pick_elements(void *context, int64_t begin, int64_t end, int thread)
{
    struct pick_job *job = context;
    int64_t strides[MOPT_RANK_MAX];
    int64_t places[MOPT_LANES];
    int64_t indices[MOPT_LANES];
    (void)thread;
    mopt__strides(job->data->rank, job->data->dims, strides);
    for (int64_t i = begin; i < end && job->status == MOPT_OK;) {
        const int64_t first = i;
        const int64_t n = mopt__element_row(job->out->rank, job->out->dims, i, end);
        mopt__load_indices(job->indices, job->data->rank > 0 ? job->data->dims[job->axis] : 1, i,
                           (size_t)n, indices);
        mopt__element_places(job->out->rank, job->out->dims, strides, job->axis, i, n, indices,
                             places);
        i += n;
        const enum mopt_status status =
            mopt__copy_picked(job->out, first, job->data, places, (size_t)(i - first), 1, job->err);
        job->status = status != MOPT_OK ? status : job->status; // strings only: one thread
    }
}

static enum mopt_status elements_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = read_axis(eval->node, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK && in[0]->rank != in[1]->rank) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "indices have rank %d, data %d", in[1]->rank,
                                in[0]->rank);
    }
    for (int i = 0; status == MOPT_OK && i < in[0]->rank; i++) {
        if (i != axis && in[1]->dims[i] > in[0]->dims[i]) {
            status =
                mopt_error_set(err, MOPT_E_SHAPE, "dim %d of indices is above that of data", i);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__check_indices(in[1], in[0]->dims[axis], err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[1]->rank, in[1]->dims, &out, err);
    }
    if (status == MOPT_OK && out->count > 0) {
        struct pick_job job = {out, in[0], in[1], axis, err, MOPT_OK};
        // elements that share bytes, and strings, are written by one thread
        const bool apart = out->dtype != MOPT_STRING && mopt__dtype_bits(out->dtype) >= 8;
        mopt__pool_for(apart ? eval->pool : NULL, (int64_t)out->count, 1 << 14, pick_elements,
                       &job);
        status = job.status;
    }
    return status;
}

static enum mopt_status elements_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *indices = mopt__infer_tensor(infer, 1);
    if (indices == NULL || indices->rank < 0) {
        return mopt__infer_unknown(infer, mopt__infer_rank(infer, 0), err);
    }
    const enum mopt_status status =
        mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), indices->rank, indices->dims, err);
    return status == MOPT_OK ? mopt__infer_moved(infer, 1, err) : status;
}

// ---- GatherND -------------------------------------------------------------------------------------------------

// Checks ranks; out dims = indices without the last dim, then the dims of data that no index
// covers.
static enum mopt_status nd_rank(int64_t batch, int data_rank, int index_rank, int64_t depth,
                                int *rank, struct mopt_error *err)
{
    if (index_rank < 1 || data_rank < 1 || batch < 0 || batch >= index_rank || batch >= data_rank ||
        depth < 1 || depth > data_rank - batch) {
        return mopt_error_set(
            err, MOPT_E_SHAPE,
            "indices of rank %d and depth %lld do not fit data of rank %d with %lld "
            "batch dims",
            index_rank, (long long)depth, data_rank, (long long)batch);
    }
    *rank = index_rank - 1 + data_rank - (int)depth - (int)batch;
    return *rank <= MOPT_RANK_MAX ? MOPT_OK
                                  : mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d",
                                                   *rank, MOPT_RANK_MAX);
}

static enum mopt_status pick_slices(struct mopt_tensor *out, const struct mopt_tensor *const *in,
                                    int batch, int depth, struct mopt_error *err)
{
    int64_t strides[MOPT_RANK_MAX];
    int64_t batches = 1;
    int64_t inner = 1;
    mopt__strides(in[0]->rank, in[0]->dims, strides);
    enum mopt_status status = mopt__product(in[0]->dims, batch, &batches, err);
    if (status == MOPT_OK) {
        status =
            mopt__product(in[0]->dims + batch + depth, in[0]->rank - batch - depth, &inner, err);
    }
    const int64_t count = depth > 0 ? (int64_t)in[1]->count / depth : 0;
    const int64_t per_batch = batches > 0 ? count / batches : 0;
    int64_t places[MOPT_LANES];
    for (int64_t i = 0; status == MOPT_OK && i < count;) {
        const int64_t first = i;
        for (size_t n = 0; status == MOPT_OK && n < MOPT_LANES && i < count; n++, i++) {
            int64_t index[MOPT_RANK_MAX];
            mopt__load_i64(in[1]->dtype, in[1]->data, i * depth, 1, (size_t)depth, index);
            places[n] = batch > 0 ? i / per_batch * strides[batch - 1] : 0;
            for (int k = 0; status == MOPT_OK && k < depth; k++) {
                status = mopt__index_check(index[k], in[0]->dims[batch + k], &index[k], err);
                places[n] += status == MOPT_OK ? index[k] * strides[batch + k] : 0;
            }
        }
        if (status == MOPT_OK) {
            status = mopt__copy_picked(out, first * inner, in[0], places, (size_t)(i - first),
                                       inner, err);
        }
    }
    return status;
}

static enum mopt_status nd_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t batch = 0;
    int64_t depth = 0;
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "batch_dims", 0, &batch, err);
    }
    if (status == MOPT_OK) {
        depth = in[1]->rank > 0 ? in[1]->dims[in[1]->rank - 1] : 0;
        status = nd_rank(batch, in[0]->rank, in[1]->rank, depth, &rank, err);
    }
    for (int i = 0; status == MOPT_OK && i < batch; i++) {
        if (in[0]->dims[i] != in[1]->dims[i]) {
            status = mopt_error_set(err, MOPT_E_SHAPE, "batch dim %d differs", i);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    int to = 0;
    for (int i = 0; i + 1 < in[1]->rank; i++) {
        dims[to++] = in[1]->dims[i];
    }
    for (int i = (int)(batch + depth); i < in[0]->rank; i++) {
        dims[to++] = in[0]->dims[i];
    }
    status = mopt__open_output(eval, 0, in[0]->dtype, rank, dims, &out, err);
    return status == MOPT_OK ? pick_slices(out, in, (int)batch, (int)depth, err) : status;
}

static enum mopt_status nd_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *data = mopt__infer_tensor(infer, 0);
    const struct mopt_type *indices = mopt__infer_tensor(infer, 1);
    const int64_t batch = mopt__int_of(infer->node, "batch_dims", 0);
    int64_t dims[MOPT_RANK_MAX];
    int64_t depth = 0;
    int rank = 0;
    if (data == NULL || data->rank < 0 || indices == NULL || indices->rank < 1 ||
        !mopt__dim_is_known(infer->dims, indices->dims[indices->rank - 1], &depth)) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status = nd_rank(batch, data->rank, indices->rank, depth, &rank, err);
    if (status != MOPT_OK) {
        return status;
    }
    int to = 0;
    for (int i = 0; i + 1 < indices->rank; i++) {
        dims[to++] = indices->dims[i];
    }
    for (int i = (int)(batch + depth); i < data->rank; i++) {
        dims[to++] = data->dims[i];
    }
    status = mopt__infer_set(infer, 0, data->dtype, rank, dims, err);
    return status == MOPT_OK ? mopt__infer_moved(infer, 1, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(op, text, from, to, set, index_var, index_set, bits, infer_fn, eval_fn, ...) \
    {                                                                                       \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,              \
        MOPT_INPUTS({"data", "T", set, 0}, {"indices", index_var, index_set, 0}),           \
        MOPT_OUTPUTS({"output", "T", set, 0}), __VA_ARGS__.traits = bits,                   \
        .quant = &mopt__quant_moves, .infer = infer_fn, .eval = eval_fn                     \
    }
#define AXIS MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0)),
#define GATHER(from, to, set)                                                                      \
    RECORD("Gather", "slices of an axis picked by indices", from, to, set, "Tind", MOPT_SET_INDEX, \
           MOPT_TRAIT_SHAPE_ONLY, gather_infer, gather_eval, AXIS)
#define ELEMENTS(from, to, set)                                                      \
    RECORD("GatherElements", "elements picked along an axis", from, to, set, "Tind", \
           MOPT_SET_INDEX, MOPT_TRAIT_SHAPE_ONLY, elements_infer, elements_eval, AXIS)
#define ND(from, to, set, ...)                                                          \
    RECORD("GatherND", "slices picked by index tuples", from, to, set, "tensor(int64)", \
           MOPT_SET_I64, MOPT_TRAIT_SHAPE_ONLY, nd_infer, nd_eval, __VA_ARGS__)
#define BATCH MOPT_ATTRIBUTES(MOPT_A_INT("batch_dims", 0)),

static const struct mopt_op records[] = {
    GATHER(1, 12, MOPT_SET_ALL),       GATHER(13, 0, MOPT_SET_ALL_13),
    ELEMENTS(11, 12, MOPT_SET_ALL),    ELEMENTS(13, 0, MOPT_SET_ALL_13),
    ND(11, 11, MOPT_SET_ALL, ),        ND(12, 12, MOPT_SET_ALL, BATCH),
    ND(13, 0, MOPT_SET_ALL_13, BATCH),
};
const struct mopt_op_family mopt__ops_gather = {records, MOPT_COUNTOF(records)};
