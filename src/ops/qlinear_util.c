// SPDX-License-Identifier: Apache-2.0
// An 8-bit tensor with its parameters; single precision as in the peers' kernels. It must not know
// any operator.
#include "ops/qlinear_util.h"

enum mopt_status mopt__quantized_open(const struct mopt_tensor *t, const struct mopt_tensor *scale,
                                      const struct mopt_tensor *zero, struct mopt_quantized *q,
                                      struct mopt_error *err)
{
    if (!scale || scale->count != 1 || (zero && zero->count != 1)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "scale and zero point must have one element");
    }
    if (t && zero && t->dtype != zero->dtype) {
        return mopt_error_set(err, MOPT_E_TYPE, "tensor is %s, its zero point %s",
                              mopt__dtype_name(t->dtype), mopt__dtype_name(zero->dtype));
    }
    *q = (struct mopt_quantized){.t = t,
                                 .scale = mopt__tensor_f64(scale, 0),
                                 .zero = zero ? mopt__tensor_i64_at(zero, 0) : 0,
                                 .dtype = t      ? t->dtype
                                          : zero ? zero->dtype
                                                 : MOPT_UINT8};
    return MOPT_OK;
}

double mopt__quantized_at(const struct mopt_quantized *q, size_t i)
{
    return (double)((float)(mopt__tensor_i64_at(q->t, i) - q->zero) * (float)q->scale);
}

void mopt__quantized_store(const struct mopt_quantized *q, struct mopt_tensor *y, size_t i,
                           double value)
{
    int64_t low = 0;
    int64_t high = 0;
    mopt__nn_int_range(q->dtype, &low, &high);
    mopt__element_set_i64(q->dtype, mopt__tensor_data(y), i,
                          mopt__nn_quantize((double)((float)value / (float)q->scale), q->zero, low,
                                            high));
}
