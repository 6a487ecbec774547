// SPDX-License-Identifier: Apache-2.0
// Weights of DynamicQuantizeLSTM, packed for products of bytes.
#ifndef MOPT_OPS_RECURRENT_CODES_H
#define MOPT_OPS_RECURRENT_CODES_H

#include "kernels/dynamic_u8.h"
#include "ops/eval.h"

struct mopt_recurrent_codes {
    struct mopt_dynamic_weights *weights; // [directions][2]: of the inputs, of the state
    float *bias;                          // [directions, 4 * hidden], both biases added
    void *memory;
};
// True when W, R (int8 or uint8), their scales and zero points and B are constants of shapes that
// fit; hidden and inputs are set.
bool mopt__recurrent_codes_fit(const struct mopt_bind *bind, size_t directions, size_t *inputs,
                               size_t *hidden);
// Packs them; they fit. Release also on failure.
enum mopt_status mopt__recurrent_codes_pack(const struct mopt_bind *bind, size_t directions,
                                            struct mopt_recurrent_codes *codes,
                                            struct mopt_error *err);
void mopt__recurrent_codes_release(struct mopt_recurrent_codes *codes);

#endif
