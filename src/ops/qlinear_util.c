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

void mopt__quantized_values(const struct mopt_quantized *q, float values[256])
{
    for (int i = 0; i < 256; i++) {
        int64_t code = q->dtype == MOPT_INT8 ? (int8_t)i : i;
        values[i] = (float)(code - q->zero) * (float)q->scale;
    }
}

uint8_t mopt__quantized_code(const struct mopt_quantized *q, double value)
{
    bool is_signed = q->dtype == MOPT_INT8;
    return (uint8_t)mopt__nn_quantize((double)((float)value / (float)q->scale), q->zero,
                                      is_signed ? INT8_MIN : 0, is_signed ? INT8_MAX : UINT8_MAX);
}

void mopt__quantized_look_up(const uint8_t table[256], const uint8_t *x, size_t count, uint8_t *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = table[x[i]];
    }
}
