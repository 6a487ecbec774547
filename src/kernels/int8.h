// SPDX-License-Identifier: Apache-2.0
// Products and convolutions of bytes with exact 32-bit accumulation: activations unsigned, weights
// signed, prepacked; the same bytes on every instruction set. Signed activations are handed in as
// value + 128 with zero point + 128, unsigned weights as value - 128 with zero point - 128.
#ifndef MOPT_KERNELS_INT8_H
#define MOPT_KERNELS_INT8_H

#include "kernels/conv_nhwc.h"

// A packed B or convolution weight. Weight zero points other than 0 need the sums of rows of A (see
// mopt_gemm_u8); those of convolutions with groups are subtracted before packing.
// Bytes of packed B[k, n]; 0 when the size does not fit. MOPT_OVERREAD included.
size_t mopt__packed_s8_bytes(const struct mopt_kernels *kernels, size_t k, size_t n);
void mopt__pack_s8(const struct mopt_kernels *kernels, size_t k, size_t n, const int8_t *b,
                   size_t row_step, size_t column_step, int8_t *out);
// start[j] = bias[j] (NULL: 0) - a_zero_point * sum over p of (b[p][j] - b_zero[j]) (mod 2^32);
// b_zero [n] or NULL.
void mopt__fold_zero_point(size_t k, size_t n, const int8_t *b, size_t row_step, size_t column_step,
                           const int32_t *bias, int32_t a_zero_point, const int32_t *b_zero,
                           int32_t *start);

// What becomes of the exact sums: see struct mopt_tile_u8. Exactly one of c32, c8, cf.
struct mopt_requantize {
    const int32_t *start; // [n], NULL = 0: from mopt__fold_zero_point
    const float *scale;   // [n]
    const float *shift;   // [n] or NULL: added to the scaled sums, in steps of c8; of c8
    int32_t zero_point, low, high;
    const float *row_scale;       // [m] or NULL
    const float *float_bias;      // [n] or NULL
    struct mopt_function_f32 act; // of cf
};
struct mopt_gemm_u8 {
    size_t m, n, k;
    const uint8_t *a; // [m, k], lda bytes between rows; 3 bytes behind the last row may be read
    size_t lda;
    const int8_t *b;       // packed
    const int32_t *b_zero; // [n] zero points of B or NULL (all 0); then sums of rows of A are taken
    struct mopt_requantize out;
    int32_t *c32;
    uint8_t *c8;
    float *cf;
    size_t ldc;
};
void mopt__gemm_u8(const struct mopt_kernels *kernels, const struct mopt_gemm_u8 *gemm,
                   struct mopt_pool *pool);

// Forms: POINTWISE, DIRECT, DEPTHWISE (without row_scale).
enum mopt_conv_form mopt__conv2d_u8_form(const struct mopt_conv2d *conv);
// Zero points of the weights of groups. A weight less its zero point has 9 bits, and is at most
// three signed bytes: the taps where one is not enough come again. Few sums would be shared within
// a group; and mostly few weights are that large.
// Which taps come again, and how often: again [2 * taps] of the caller; their number.
size_t mopt__conv2d_u8_again(const struct mopt_conv2d *conv, const int8_t *w, const int32_t *w_zero,
                             uint32_t *again);
// w: as for packing, but without conv->again; w_zero: [out_channels]; out: [out_channels,
// channels/groups, kernel_h * kernel_w + again_count], to be packed.
void mopt__conv2d_u8_subtract(const struct mopt_conv2d *conv, const int8_t *w,
                              const int32_t *w_zero, int8_t *out);
size_t mopt__conv2d_u8_packed_bytes(const struct mopt_kernels *kernels,
                                    const struct mopt_conv2d *conv, enum mopt_conv_form form);
// w: [out_channels, channels/groups, kernel_h, kernel_w]; taps that come again behind them
void mopt__conv2d_u8_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                          enum mopt_conv_form form, const int8_t *w, int8_t *out);
size_t mopt__conv2d_u8_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                               enum mopt_conv_form form, int threads);
struct mopt_conv2d_u8_run {
    const struct mopt_conv2d *conv;
    enum mopt_conv_form form;
    const uint8_t *x; // NHWC, ldx bytes from pixel to pixel
    size_t ldx;
    int32_t x_zero_point;
    const int8_t *w;
    const int32_t *w_zero;      // [out_channels] zero points of w, with one group; NULL: all 0
    struct mopt_requantize out; // start: per output channel, with the zero points folded in
    int32_t *c32;
    uint8_t *c8;
    float *cf;
    size_t ldy; // elements from pixel to pixel
    void *scratch;
};
void mopt__conv2d_u8(const struct mopt_kernels *kernels, const struct mopt_conv2d_u8_run *run,
                     struct mopt_pool *pool);
// Maximum of bytes; padding never wins.
void mopt__pool2d_u8(const struct mopt_kernels *kernels, const struct mopt_window2d *window,
                     const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy, struct mopt_pool *pool);

#endif
