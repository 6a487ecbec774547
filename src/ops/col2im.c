// SPDX-License-Identifier: Apache-2.0
// Col2Im: columns of image blocks added up into the image they were cut from, any number of spatial
// axes. Sums in double or 64-bit integers; strings and complex numbers are not supported.
#include "ops/lanes.h"
#include "ops/operands.h"

struct window {
    int rank; // spatial axes
    int64_t image[MOPT_RANK_MAX], block[MOPT_RANK_MAX], stride[MOPT_RANK_MAX];
    int64_t dilation[MOPT_RANK_MAX], pad[MOPT_RANK_MAX], steps[MOPT_RANK_MAX];
    int64_t image_count, block_count, step_count;
};

static enum mopt_status read_numbers(const struct mopt_node *node, const char *name,
                                     int64_t fallback, int64_t low, size_t want, int64_t *out,
                                     struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    const enum mopt_status status = mopt__attr_ints(node, name, &items, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (count != 0 && count != want) {
        return mopt_error_set(err, MOPT_E_VALUE, "%s has %zu entries, must have %zu", name, count,
                              want);
    }
    for (size_t i = 0; i < want; i++) {
        const int64_t value = count == 0 ? fallback : items[i];
        if (value < low || value > INT32_MAX) {
            return mopt_error_set(err, MOPT_E_VALUE, "%s %zu is %lld", name, i, (long long)value);
        }
        out[i] = value;
    }
    return MOPT_OK;
}

static enum mopt_status read_sizes(const struct mopt_eval *eval, uint32_t input, int rank,
                                   int64_t *out, struct mopt_error *err)
{
    int64_t *items = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__eval_i64s(eval, input, &items, &count, err);
    if (status == MOPT_OK && count != (size_t)rank) {
        status = mopt_error_set(err, MOPT_E_VALUE, "input %u has %zu entries, must have %d",
                                (unsigned)input, count, rank);
    }
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        out[i] = items[i];
        if (items[i] < 1 || items[i] > INT32_MAX) {
            status = mopt_error_set(err, MOPT_E_VALUE, "input %u holds %lld", (unsigned)input,
                                    (long long)items[i]);
        }
    }
    mopt__free(items);
    return status;
}

static enum mopt_status read_window(const struct mopt_eval *eval,
                                    const struct mopt_tensor *const *in, struct window *w,
                                    struct mopt_error *err)
{
    int64_t pads[2 * MOPT_RANK_MAX] = {0};
    w->rank = in[1]->count <= MOPT_RANK_MAX - 2 ? (int)in[1]->count : 0;
    if (in[0]->rank != 3 || w->rank < 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3; image has %zu axes",
                              in[0]->rank, in[1]->count);
    }
    const size_t n = (size_t)w->rank;
    enum mopt_status status = read_sizes(eval, 1, w->rank, w->image, err);
    status = status == MOPT_OK ? read_sizes(eval, 2, w->rank, w->block, err) : status;
    status =
        status == MOPT_OK ? read_numbers(eval->node, "strides", 1, 1, n, w->stride, err) : status;
    status = status == MOPT_OK ? read_numbers(eval->node, "dilations", 1, 1, n, w->dilation, err)
                               : status;
    status = status == MOPT_OK ? read_numbers(eval->node, "pads", 0, 0, 2 * n, pads, err) : status;
    for (int i = 0; status == MOPT_OK && i < w->rank && w->stride[i] > 0; i++) {
        w->pad[i] = pads[i];
        const int64_t span =
            w->image[i] + pads[i] + pads[i + w->rank] - w->dilation[i] * (w->block[i] - 1) - 1;
        w->steps[i] = span < 0 ? 0 : span / w->stride[i] + 1;
    }
    status = status == MOPT_OK ? mopt__product(w->image, w->rank, &w->image_count, err) : status;
    status = status == MOPT_OK ? mopt__product(w->block, w->rank, &w->block_count, err) : status;
    status = status == MOPT_OK ? mopt__product(w->steps, w->rank, &w->step_count, err) : status;
    if (status == MOPT_OK && (w->block_count < 1 || w->step_count != in[0]->dims[2] ||
                              in[0]->dims[1] % w->block_count != 0)) {
        status = mopt_error_set(err, MOPT_E_SHAPE,
                                "input of %lld x %lld does not fit %lld blocks of %lld",
                                (long long)in[0]->dims[1], (long long)in[0]->dims[2],
                                (long long)w->step_count, (long long)w->block_count);
    }
    return status;
}

// Image place of block element `element` at step `step`, -1 outside.
static int64_t place(const struct window *w, int64_t element, int64_t step)
{
    int64_t at = 0;
    int64_t stride = 1;
    for (int i = w->rank - 1; i >= 0; i--) {
        const int64_t x =
            step % w->steps[i] * w->stride[i] + element % w->block[i] * w->dilation[i] - w->pad[i];
        if (x < 0 || x >= w->image[i]) {
            return -1;
        }
        at += x * stride;
        stride *= w->image[i];
        step /= w->steps[i];
        element /= w->block[i];
    }
    return at;
}

union sum {
    double f;
    int64_t i;
};

static void add_columns(const struct mopt_tensor *in, const struct window *w, int64_t plane,
                        union sum *sums)
{
    const bool real = mopt__dtype_is_float(in->dtype);
    for (int64_t e = 0; e < w->block_count; e++) {
        for (int64_t s = 0; s < w->step_count; s++) {
            const int64_t at = place(w, e, s);
            const int64_t from = (plane * w->block_count + e) * w->step_count + s;
            union sum x;
            if (at < 0) {
                continue;
            }
            if (real) {
                mopt__load_f64(in->dtype, in->data, from, 1, 1, &x.f);
                sums[at].f += x.f;
            } else {
                mopt__load_i64(in->dtype, in->data, from, 1, 1, &x.i);
                sums[at].i = (int64_t)((uint64_t)sums[at].i + (uint64_t)x.i);
            }
        }
    }
}

static enum mopt_status run(const struct mopt_tensor *in, const struct window *w,
                            struct mopt_tensor *out, struct mopt_error *err)
{
    const bool real = mopt__dtype_is_float(in->dtype);
    const int64_t planes = in->dims[0] * (in->dims[1] / w->block_count);
    union sum *sums = mopt__calloc((size_t)w->image_count, sizeof *sums);
    if (sums == NULL) {
        return mopt_error_memory(err);
    }
    for (int64_t p = 0; p < planes; p++) {
        for (int64_t i = 0; i < w->image_count; i++) {
            sums[i] = (union sum){.i = 0}; // all bits 0: also 0.0
        }
        add_columns(in, w, p, sums);
        for (int64_t i = 0; i < w->image_count; i++) {
            if (real) {
                mopt__store_f64(out->dtype, mopt__tensor_data(out), p * w->image_count + i, 1,
                                &sums[i].f);
            } else {
                mopt__store_i64(out->dtype, mopt__tensor_data(out), p * w->image_count + i, 1,
                                &sums[i].i);
            }
        }
    }
    mopt__free(sums);
    return MOPT_OK;
}

static enum mopt_status col2im_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    struct window w = {.rank = 0, .block_count = 1};
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK && !mopt__dtype_is_float(in[0]->dtype) &&
        !mopt__dtype_is_integer(in[0]->dtype)) {
        status = mopt__eval_unsupported(eval, "adding up columns", err);
    }
    if (status == MOPT_OK) {
        status = read_window(eval, in, &w, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    dims[0] = in[0]->dims[0];
    dims[1] = in[0]->dims[1] / w.block_count;
    for (int i = 0; i < w.rank; i++) {
        dims[i + 2] = w.image[i];
    }
    status = mopt__eval_output(eval, 0, in[0]->dtype, w.rank + 2, dims, &out, err);
    return status == MOPT_OK && out->count > 0 ? run(in[0], &w, out, err) : status;
}

static enum mopt_status col2im_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *image = NULL;
    const int64_t *block = NULL;
    size_t rank = 0;
    size_t block_rank = 0;
    int64_t dims[MOPT_RANK_MAX];
    if (!mopt__infer_ints(infer, 1, &image, &rank) || rank > MOPT_RANK_MAX - 2) {
        return mopt__infer_unknown(infer, -1, err);
    }
    const bool known = type != NULL && type->rank == 3;
    dims[0] = known ? type->dims[0] : mopt__dim_fresh(infer->dims);
    dims[1] = MOPT_DIM_UNKNOWN;
    if (known && mopt__infer_ints(infer, 2, &block, &block_rank)) {
        dims[1] = mopt__dim_floordiv(infer->dims, type->dims[1],
                                     mopt__dim_product(infer->dims, block, (int)block_rank));
    }
    dims[1] = dims[1] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : dims[1];
    for (size_t i = 0; i < rank; i++) {
        dims[i + 2] = image[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : image[i];
    }
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), (int)rank + 2, dims, err);
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "Col2Im",
     .since = 18,
     .summary = "columns of blocks added up into an image",
     MOPT_INPUTS({"input", "T", MOPT_SET_ALL_13, 0},
                 {"image_shape", "tensor(int64)", MOPT_SET_I64, 0},
                 {"block_shape", "tensor(int64)", MOPT_SET_I64, 0}),
     MOPT_OUTPUTS({"output", "T", MOPT_SET_ALL_13, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INTS("dilations"), MOPT_A_INTS("pads"), MOPT_A_INTS("strides")),
     .infer = col2im_infer,
     .eval = col2im_eval,
     .cost = mopt__cost_input},
};
const struct mopt_op_family mopt__ops_col2im = {records, MOPT_COUNTOF(records)};
