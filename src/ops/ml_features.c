// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml: ArrayFeatureExtractor picks columns, Binarizer compares with a threshold.
#include <string.h>

#include "ops/copy.h"
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/lanes.h"
#include "ops/record.h"

static enum mopt_status extractor_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const struct mopt_type *picks = mopt__infer_tensor(infer, 1);
    if (type == NULL || type->rank < 0) {
        return mopt__infer_set(infer, 0, type != NULL ? type->dtype : MOPT_UNDEFINED, -1, NULL,
                               err);
    }
    int64_t dims[MOPT_RANK_MAX] = {1};
    int rank = type->rank > 1 ? type->rank : 2;
    for (int k = 0; k + 1 < type->rank; k++) {
        dims[k] = type->dims[k];
    }
    dims[rank - 1] = 1;
    for (int k = 0; picks != NULL && k < picks->rank; k++) {
        dims[rank - 1] = mopt__dim_mul(infer->dims, dims[rank - 1], picks->dims[k]);
    }
    if (picks == NULL || picks->rank < 0) {
        dims[rank - 1] = MOPT_DIM_UNKNOWN;
    }
    return mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
}

static enum mopt_status extractor_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    const struct mopt_tensor *picks = mopt__eval_input(eval, 1);
    if (input->rank < 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input must have at least rank 1");
    }
    int64_t dims[MOPT_RANK_MAX] = {1};
    int rank = input->rank > 1 ? input->rank : 2;
    for (int k = 0; k + 1 < input->rank; k++) {
        dims[k] = input->dims[k];
    }
    dims[rank - 1] = (int64_t)picks->count;
    int64_t width = input->dims[input->rank - 1];
    size_t rows = width > 0 ? input->count / (size_t)width : 0;
    struct mopt_tensor *out;
    enum mopt_status status = mopt__eval_output(eval, 0, input->dtype, rank, dims, &out, err);
    for (size_t k = 0; status == MOPT_OK && k < picks->count; k++) {
        int64_t pick = mopt__tensor_i64_at(picks, k);
        if (pick < 0 || pick >= width) {
            return mopt_error_set(err, MOPT_E_VALUE, "column %lld of %lld", (long long)pick,
                                  (long long)width);
        }
        for (size_t r = 0; status == MOPT_OK && r < rows; r++) {
            status = mopt__copy_run(out, (int64_t)(r * picks->count + k), input,
                                    (int64_t)r * width + pick, 1, err);
        }
    }
    return status;
}

static enum mopt_status binarizer_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    return mopt__infer_set_type(infer, 0, mopt__infer_tensor(infer, 0));
}

static enum mopt_status binarizer_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    float threshold;
    struct mopt_tensor *out;
    enum mopt_status status = mopt__attr_float(eval->node, "threshold", 0, &threshold, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, input->dtype, input->rank, input->dims, &out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        double value = mopt__tensor_f64(input, i) > (double)threshold ? 1 : 0;
        mopt__element_set_f64(out->dtype, mopt__tensor_data(out), i, value);
    }
    return status;
}

#define WIDE \
    (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64) | MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT64))
static const struct mopt_op records[] = {
    {.domain = "ai.onnx.ml",
     .name = "ArrayFeatureExtractor",
     .since = 1,
     .summary = "chosen entries of the last axis",
     MOPT_INPUTS({"X", "T", WIDE | MOPT_DT(MOPT_STRING), 0}, {"Y", "I", MOPT_SET_I64, 0}),
     MOPT_OUTPUTS({"Z", "T", WIDE | MOPT_DT(MOPT_STRING), 0}),
     .infer = extractor_infer,
     .eval = extractor_eval},
    {.domain = "ai.onnx.ml",
     .name = "Binarizer",
     .since = 1,
     .summary = "1 where an element is above a threshold, else 0",
     MOPT_INPUTS({"X", "T", WIDE, 0}),
     MOPT_OUTPUTS({"Y", "T", WIDE, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("threshold", 0)),
     .traits = MOPT_TRAIT_ELEMENTWISE,
     .infer = binarizer_infer,
     .eval = binarizer_eval},
};
const struct mopt_op_family mopt__ops_ml_features = {records, MOPT_COUNTOF(records)};
