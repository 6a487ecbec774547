// SPDX-License-Identifier: Apache-2.0
// What the quantized operators of com.microsoft share: an 8-bit tensor with its scale and zero
// point. It must not know any operator.
#ifndef MOPT_OPS_QLINEAR_UTIL_H
#define MOPT_OPS_QLINEAR_UTIL_H

#include "ops/nn_util.h"

struct mopt_quantized {
    const struct mopt_tensor *t; // NULL for an output
    double scale;
    int64_t zero;
    enum mopt_dtype dtype; // int8 or uint8
};

// From tensor, scale (one element) and zero point (one element or NULL = 0). Errors: MOPT_E_SHAPE,
// MOPT_E_TYPE.
enum mopt_status mopt__quantized_open(const struct mopt_tensor *t, const struct mopt_tensor *scale,
                                      const struct mopt_tensor *zero, struct mopt_quantized *q,
                                      struct mopt_error *err);
// Real values of all 256 codes; the codes of int8 stand at their unsigned bytes.
void mopt__quantized_values(const struct mopt_quantized *q, float values[256]);
// A real value as the byte of a code, rounded to even and saturated.
uint8_t mopt__quantized_code(const struct mopt_quantized *q, double value);
// y[i] = table[x[i]].
void mopt__quantized_look_up(const uint8_t table[256], const uint8_t *x, size_t count, uint8_t *y);

#endif
