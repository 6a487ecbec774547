// SPDX-License-Identifier: Apache-2.0
// DepthToSpace and SpaceToDepth: blocks of channels moved into the image and back. mode DCR: the
// place in the block is the outer part of the channel number; CRD: the inner one.
#include <string.h>

#include "ops/copy.h"
#include "ops/operands.h"

static enum mopt_status read_block(const struct mopt_node *node, int rank, int64_t *block,
                                   bool *crd, struct mopt_error *err)
{
    const char *mode = "DCR";
    enum mopt_status status = mopt__attr_int(node, "blocksize", 0, block, err);
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "mode", "DCR", &mode, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    *crd = strcmp(mode, "CRD") == 0;
    if (!*crd && strcmp(mode, "DCR") != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "mode is '%s', must be DCR or CRD", mode);
    }
    if (*block < 1 || *block > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_VALUE, "blocksize is %lld", (long long)*block);
    }
    if (rank != 4) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 4", rank);
    }
    return MOPT_OK;
}

static enum mopt_status run(struct mopt_eval *eval, const struct mopt_tensor *in,
                            const int64_t *dims, struct mopt_copy *copy, struct mopt_error *err)
{
    const enum mopt_status status = mopt__open_output(eval, 0, in->dtype, 4, dims, &copy->to, err);
    if (status != MOPT_OK || in->count == 0) {
        return status;
    }
    copy->from = in;
    copy->rank = 6;
    mopt__strides(6, copy->dims, copy->to_strides);
    return mopt__copy_box(copy, eval->pool, err);
}

static void loop(struct mopt_copy *copy, int i, int64_t trips, int64_t stride)
{
    copy->dims[i] = trips;
    copy->from_strides[i] = stride;
}

static enum mopt_status to_space(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_copy copy = {0};
    int64_t b = 1;
    bool crd = false;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_block(eval->node, in[0]->rank, &b, &crd, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t *d = in[0]->dims;
    int64_t dims[4] = {d[0], d[1] / (b * b), 0, 0};
    if (d[1] % (b * b) != 0 || !mopt__i64_mul(d[2], b, &dims[2]) ||
        !mopt__i64_mul(d[3], b, &dims[3])) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%lld channels do not split into blocks of %lld",
                              (long long)d[1], (long long)b);
    }
    const int64_t plane = d[2] * d[3];
    const int64_t channels = dims[1];
    loop(&copy, 0, d[0], d[1] * plane);
    loop(&copy, 1, channels, crd ? b * b * plane : plane);
    loop(&copy, 2, d[2], d[3]);
    loop(&copy, 3, b, crd ? b * plane : b * channels * plane);
    loop(&copy, 4, d[3], 1);
    loop(&copy, 5, b, crd ? plane : channels * plane);
    return run(eval, in[0], dims, &copy, err);
}

static enum mopt_status to_depth(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_copy copy = {0};
    int64_t b = 1;
    bool crd = false;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_block(eval->node, in[0]->rank, &b, &crd, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t *d = in[0]->dims;
    int64_t dims[4] = {d[0], 0, d[2] / b, d[3] / b};
    if (d[2] % b != 0 || d[3] % b != 0 || !mopt__i64_mul(d[1], b * b, &dims[1])) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "image of %lld by %lld does not split into blocks of %lld",
                              (long long)d[2], (long long)d[3], (long long)b);
    }
    loop(&copy, 0, d[0], d[1] * d[2] * d[3]);
    loop(&copy, crd ? 1 : 3, d[1], d[2] * d[3]);
    loop(&copy, crd ? 2 : 1, b, d[3]);
    loop(&copy, crd ? 3 : 2, b, 1);
    loop(&copy, 4, dims[2], b * d[3]);
    loop(&copy, 5, dims[3], b);
    return run(eval, in[0], dims, &copy, err);
}

static enum mopt_status infer_blocks(struct mopt_infer *infer, bool to_image,
                                     struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    struct mopt_dims *dims = infer->dims;
    int64_t b = 1;
    bool crd = false;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, 4, err);
    }
    const enum mopt_status status = read_block(infer->node, type->rank, &b, &crd, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t out[4] = {type->dims[0]};
    out[1] = to_image ? mopt__dim_floordiv(dims, type->dims[1], b * b)
                      : mopt__dim_mul(dims, type->dims[1], b * b);
    for (int i = 2; i < 4; i++) {
        out[i] = to_image ? mopt__dim_mul(dims, type->dims[i], b)
                          : mopt__dim_floordiv(dims, type->dims[i], b);
    }
    return mopt__infer_set(infer, 0, type->dtype, 4, out, err);
}

static enum mopt_status to_space_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return infer_blocks(infer, true, err);
}

static enum mopt_status to_depth_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return infer_blocks(infer, false, err);
}

#define RECORD(op, text, from, to, set, infer_fn, eval_fn, ...)                     \
    {                                                                               \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,      \
        MOPT_INPUTS({"input", "T", set, 0}), MOPT_OUTPUTS({"output", "T", set, 0}), \
        MOPT_ATTRIBUTES(__VA_ARGS__), .traits = MOPT_TRAIT_SHAPE_ONLY,              \
        .quant = &mopt__quant_moves, .infer = infer_fn, .eval = eval_fn             \
    }
#define TO_SPACE(from, to, set, ...)                                                \
    RECORD("DepthToSpace", "blocks of channels become image blocks", from, to, set, \
           to_space_infer, to_space, __VA_ARGS__)
#define TO_DEPTH(from, to, set, ...)                                                      \
    RECORD("SpaceToDepth", "image blocks become channels", from, to, set, to_depth_infer, \
           to_depth, __VA_ARGS__)
#define BLOCK MOPT_A_INT_REQUIRED("blocksize")
#define MODE MOPT_A_STRING("mode", "DCR", "DCR|CRD")

static const struct mopt_op records[] = {
    TO_SPACE(1, 10, MOPT_SET_ALL, BLOCK),          TO_SPACE(11, 12, MOPT_SET_ALL, BLOCK, MODE),
    TO_SPACE(13, 0, MOPT_SET_ALL_13, BLOCK, MODE), TO_DEPTH(1, 12, MOPT_SET_ALL, BLOCK),
    TO_DEPTH(13, 27, MOPT_SET_ALL_13, BLOCK),      TO_DEPTH(28, 0, MOPT_SET_ALL_13, BLOCK, MODE),
};
const struct mopt_op_family mopt__ops_depth_space = {records, MOPT_COUNTOF(records)};
