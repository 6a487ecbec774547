// SPDX-License-Identifier: Apache-2.0
// Recurrent layers in float, one direction: LSTM and GRU with sigmoid and tanh, RNN with a function
// of one number, without peepholes, clipping or sequences of different lengths (other forms are the
// reference's). The products of all inputs are one product; the weights of the state are packed
// once. Formulas: texts of the ONNX operators LSTM, GRU and RNN. The weights of LSTM may have 8
// bits: then each product is of bytes.
#ifndef MOPT_KERNELS_LSTM_H
#define MOPT_KERNELS_LSTM_H

#include "kernels/dynamic_u8.h"
#include "kernels/gemm.h"

enum mopt_recurrent_kind { MOPT_RECURRENT_LSTM, MOPT_RECURRENT_GRU, MOPT_RECURRENT_RNN };

struct mopt_recurrent_f32 {
    enum mopt_recurrent_kind kind;
    bool reverse;             // from the last step to the first
    bool batch_first;         // how the inputs lie
    bool linear_before_reset; // GRU: the reset gate acts on the product with the state
    bool dynamic;             // LSTM: 8-bit weights, inputs and state are quantized by their range
    struct mopt_function_f32 function; // RNN: of the sum
    size_t inputs, hidden;
    size_t steps, batch;
};

// Floats of the packed weights and biases of one direction; 0 when the size does not fit.
size_t mopt__recurrent_f32_packed_count(const struct mopt_kernels *kernels,
                                        const struct mopt_recurrent_f32 *layer);
// w [gates * hidden, inputs], r [gates * hidden, hidden], bias [2 * gates * hidden] or NULL, gates
// in ONNX order (i o f c; z r h; one of RNN); out 64-byte aligned. steps and batch play no part.
void mopt__recurrent_f32_pack(const struct mopt_kernels *kernels,
                              const struct mopt_recurrent_f32 *layer, const float *w,
                              const float *r, const float *bias, float *out);
// Bytes of scratch of a run; 0 when the size does not fit.
size_t mopt__recurrent_f32_scratch(const struct mopt_recurrent_f32 *layer);

struct mopt_recurrent_run {
    const struct mopt_recurrent_f32 *layer;
    const float *packed;
    // of dynamic instead: [2] of inputs [inputs, 4 * hidden] and state [hidden, 4 * hidden], and
    // the sum of both biases [4 * hidden] or NULL
    const struct mopt_dynamic_weights *weights;
    const float *bias;
    const float *x; // [steps, batch, inputs], or [batch, steps, inputs] if batch_first
    float *y;       // the state after step t of entry b at y[t * y_step + b * y_row], or NULL
    size_t y_step, y_row;
    float *h, *c; // [batch, hidden] states, in and out; c for LSTM
    void *scratch;
};
// The bytes of the results do not depend on the number of threads. Does not allocate.
void mopt__recurrent_f32(const struct mopt_kernels *kernels, const struct mopt_recurrent_run *run,
                         struct mopt_pool *pool);

#endif
