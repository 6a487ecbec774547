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
    enum mopt_dtype dtype;
};

// From tensor, scale (one element) and zero point (one element or NULL = 0). Errors: MOPT_E_SHAPE,
// MOPT_E_TYPE.
enum mopt_status mopt__quantized_open(const struct mopt_tensor *t, const struct mopt_tensor *scale,
                                      const struct mopt_tensor *zero, struct mopt_quantized *q,
                                      struct mopt_error *err);
double mopt__quantized_at(const struct mopt_quantized *q, size_t i); // real value of element i
// Stores a real value as code, rounded to even and saturated.
void mopt__quantized_store(const struct mopt_quantized *q, struct mopt_tensor *y, size_t i,
                           double value);

#endif
