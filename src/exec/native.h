// SPDX-License-Identifier: Apache-2.0
// What the natives of exec share beyond lower.h: windows, and weights in bytes with what follows an
// integer sum. Private to exec.
#ifndef MOPT_EXEC_NATIVE_H
#define MOPT_EXEC_NATIVE_H

#include "exec/lower.h"
#include "kernels/int8.h"
#include "ops/window.h"

// One call cannot be interrupted: windows of very many taps are left to the reference, which looks
// at the run's limits on its way. per_tap: operations of one tap of one output pixel.
bool mopt__low_is_endless(const struct mopt_window2d *window, size_t per_tap);
// Geometry of one or two spatial axes for the kernels.
void mopt__low_window(const struct mopt_window *w, size_t batch, size_t channels,
                      struct mopt_window2d *out);
// The constant codes as signed bytes (unsigned ones minus 128), as mopt__low_zero - 128 counts.
enum mopt_status mopt__low_signed(struct mopt_lower *l, const struct mopt_low_quant *q,
                                  const int8_t **codes);
// The constant weights of an integer sum: b[p][j] = codes[p * row_step + j * column_step].
struct mopt_low_columns {
    const int8_t *codes;
    size_t k, n, row_step, column_step;
    const int32_t *zero;           // [n] zero points, NULL = 0
    const struct mopt_value *bias; // real values, or NULL
    const struct mopt_value *more_bias;
};
// What becomes of the sums of a group: start, scales, bounds, bias and function. Biases that were
// quantized in units of x scale * w scale are folded into start, others are added behind the scale.
enum mopt_status mopt__low_requantize(struct mopt_lower *l, const struct mopt_group *group,
                                      const struct mopt_low_columns *columns,
                                      struct mopt_requantize *out);

#endif
