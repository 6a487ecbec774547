// SPDX-License-Identifier: Apache-2.0
// DynamicQuantizeLinear: scale and zero point from the range of the data, then uint8 codes. A
// tensor of zeros (or without elements) gets scale 1.
#include <math.h>

#include "kernels/kernels.h"
#include "ops/nn_util.h"

// Range widened to hold 0; NaN is ignored.
static void range_of(const float *x, size_t count, float *low, float *high)
{
    *low = 0;
    *high = 0;
    for (size_t i = 0; i < count; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

static void codes(const float *x, size_t count, float scale, float zero, uint8_t *y)
{
    float values[256];
    for (size_t done = 0; done < count; done += MOPT_COUNTOF(values)) {
        size_t n = count - done < MOPT_COUNTOF(values) ? count - done : MOPT_COUNTOF(values);
        for (size_t i = 0; i < n; i++) {
            values[i] = x[done + i] / scale;
        }
        mopt__quantize_bytes(values, NULL, 0, n, false, (int32_t)zero, y + done);
    }
}

static enum mopt_status dynamic_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_UINT8, x->rank, x->dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    float low = 0;
    float high = 0;
    range_of(x->data, x->count, &low, &high);
    float scale = (high - low) / 255.0F;
    scale = scale == 0 ? 1 : scale;
    float zero = rintf(fminf(fmaxf(0 - low / scale, 0), 255));
    codes(x->data, x->count, scale, zero, mopt__tensor_data(y));
    const double values[2] = {(double)scale, (double)zero};
    status = mopt__nn_put(eval, 1, MOPT_FLOAT32, 0, NULL, &values[0], err);
    return status == MOPT_OK ? mopt__nn_put(eval, 2, MOPT_UINT8, 0, NULL, &values[1], err) : status;
}

static enum mopt_status dynamic_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    enum mopt_status status =
        mopt__infer_set(infer, 0, MOPT_UINT8, x ? x->rank : -1, x ? x->dims : NULL, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 1, MOPT_FLOAT32, 0, NULL, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 2, MOPT_UINT8, 0, NULL, err) : status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "DynamicQuantizeLinear",
     .since = 11,
     .summary = "uint8 codes with scale and zero point from the data",
     MOPT_INPUTS({"x", "T1", MOPT_SET_F32, 0}),
     MOPT_OUTPUTS({"y", "T2", MOPT_DT(MOPT_UINT8), 0},
                  {"y_scale", "tensor(float)", MOPT_SET_F32, 0},
                  {"y_zero_point", "T2", MOPT_DT(MOPT_UINT8), 0}),
     .infer = dynamic_infer,
     .eval = dynamic_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_dynamic_quantize_linear = {records, MOPT_COUNTOF(records)};
