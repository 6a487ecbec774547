// SPDX-License-Identifier: Apache-2.0
// MaxUnpool: puts the maxima of a MaxPool back to where its indices say; the rest is zero. The
// indices count in the shape that follows from the window; a larger output_shape only adds room
// behind.
#include "ops/window.h"

struct unpool {
    const struct mopt_tensor *x, *indices;
    int64_t inner[MOPT_RANK_MAX]; // shape that the indices count in
    int64_t dims[MOPT_RANK_MAX];  // of the output
};

static enum mopt_status natural_shape(const struct mopt_node *node, int rank, const int64_t *x,
                                      int64_t *out, struct mopt_error *err)
{
    struct mopt_window w;
    enum mopt_status status = mopt__window_read(node, rank - 2, NULL, &w, err);
    for (int i = 0; status == MOPT_OK && i < rank; i++) {
        if (i < 2) {
            out[i] = x[i];
            continue;
        }
        if (x[i] > INT32_MAX) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED, "input too large on axis %d", i);
        }
        out[i] = (x[i] - 1) * w.stride[i - 2] - w.begin[i - 2] - w.end[i - 2] + w.kernel[i - 2];
        out[i] = out[i] < 0 || x[i] == 0 ? 0 : out[i];
    }
    return status;
}

static enum mopt_status given_shape(const struct mopt_tensor *shape, struct unpool *u,
                                    struct mopt_error *err)
{
    if (!shape) {
        return MOPT_OK;
    }
    if (shape->rank != 1 || shape->dims[0] != u->x->rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'output_shape' must have %d elements",
                              u->x->rank);
    }
    for (int i = 0; i < u->x->rank; i++) {
        u->dims[i] = mopt__tensor_i64_at(shape, (size_t)i);
        if (u->dims[i] < u->inner[i]) {
            return mopt_error_set(err, MOPT_E_VALUE, "output of %lld on axis %d, must be %lld",
                                  (long long)u->dims[i], i, (long long)u->inner[i]);
        }
    }
    return MOPT_OK;
}

static enum mopt_status open_unpool(const struct mopt_eval *eval, struct unpool *u,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "X", 3, MOPT_RANK_MAX, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    u->x = in[0];
    u->indices = in[1];
    bool same = in[1]->rank == in[0]->rank;
    for (int i = 0; same && i < in[0]->rank; i++) {
        same = in[1]->dims[i] == in[0]->dims[i];
    }
    if (!same) {
        return mopt_error_set(err, MOPT_E_SHAPE, "values and indices have different shapes");
    }
    status = natural_shape(eval->node, in[0]->rank, in[0]->dims, u->inner, err);
    for (int i = 0; i < in[0]->rank; i++) {
        u->dims[i] = u->inner[i];
    }
    return status == MOPT_OK ? given_shape(in[2], u, err) : status;
}

static size_t place(const struct unpool *u, uint64_t index)
{
    size_t at = 0;
    size_t step = 1;
    for (int i = u->x->rank - 1; i >= 0; i--) {
        at += (size_t)(index % (uint64_t)u->inner[i]) * step;
        index /= (uint64_t)u->inner[i];
        step *= (size_t)u->dims[i];
    }
    return at;
}

static enum mopt_status unpool_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct unpool u = {.x = NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_unpool(eval, &u, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, u.x->dtype, u.x->rank, u.dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    uint64_t total = 0;
    if (!mopt__nn_count(u.inner, u.x->rank, &total)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "output is too large");
    }
    for (size_t i = 0; i < y->count; i++) {
        mopt__nn_store_at(y, i, 0);
    }
    for (size_t i = 0; i < u.x->count; i++) {
        int64_t index = mopt__tensor_i64_at(u.indices, i);
        if (index < 0 || (uint64_t)index >= total) {
            return mopt_error_set(err, MOPT_E_VALUE, "index %lld of %llu elements",
                                  (long long)index, (unsigned long long)total);
        }
        mopt__nn_store_at(y, place(&u, (uint64_t)index), mopt__tensor_f64(u.x, i));
    }
    return MOPT_OK;
}

static enum mopt_status unpool_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (!x || x->rank < 3) {
        return mopt__infer_set(infer, 0, dtype, x ? x->rank : -1, x ? x->dims : NULL, err);
    }
    if (mopt__infer_has(infer, 2)) {
        bool known = mopt__infer_ints(infer, 2, &items, &count) && count == (size_t)x->rank;
        for (int i = 0; i < x->rank; i++) {
            dims[i] = known ? items[i] : MOPT_DIM_UNKNOWN;
        }
        return mopt__infer_set(infer, 0, dtype, x->rank, dims, err);
    }
    struct mopt_window w;
    enum mopt_status status = mopt__window_read(infer->node, x->rank - 2, NULL, &w, err);
    for (int i = 0; status == MOPT_OK && i < x->rank; i++) {
        dims[i] = x->dims[i];
        if (i >= 2) {
            int64_t scaled = mopt__dim_mul(infer->dims, x->dims[i],
                                           mopt__dim_const(infer->dims, w.stride[i - 2]));
            int64_t more = w.kernel[i - 2] - w.stride[i - 2] - w.begin[i - 2] - w.end[i - 2];
            dims[i] = mopt__dim_add(infer->dims, scaled, mopt__dim_const(infer->dims, more));
            int64_t known;
            bool none = mopt__dim_is_known(infer->dims, dims[i], &known) && known < 0;
            dims[i] = none || x->dims[i] == 0 ? 0 : dims[i];
        }
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, x->rank, dims, err) : status;
}

#define RECORD(from, to, set)                                                      \
    {                                                                              \
        .domain = "", .name = "MaxUnpool", .since = from, .until = to,             \
        .summary = "inverse of MaxPool by its indices",                            \
        MOPT_INPUTS({"X", "T1", set, 0}, {"I", "T2", MOPT_SET_I64, 0},             \
                    {"output_shape", "T2", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}),    \
        MOPT_OUTPUTS({"output", "T1", set, 0}),                                    \
        MOPT_ATTRIBUTES(MOPT_A_INTS_REQUIRED("kernel_shape"), MOPT_A_INTS("pads"), \
                        MOPT_A_INTS("strides")),                                   \
        .infer = unpool_infer, .eval = unpool_eval, .cost = mopt__cost_output      \
    }

static const struct mopt_op records[] = {
    RECORD(9, 21, MOPT_SET_FLOATS),
    RECORD(22, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_max_unpool = {records, MOPT_COUNTOF(records)};
