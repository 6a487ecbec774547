// SPDX-License-Identifier: Apache-2.0
// Front door of kernels (rank 1): numeric loops on raw pointers. They know nothing of graphs, nodes
// or tensors; sizes are checked by the caller. Used by ops/ (bind) and by training. blas/ wraps
// OpenBLAS, ref/ is portable C; faster instruction sets get folders of their own and are tested
// against ref/. Results never depend on the number of threads: work is cut by shape only.
#ifndef MOPT_KERNELS_KERNELS_H
#define MOPT_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/threads.h"
#include "mopt/status.h"

// ---- Matrix products (blas/gemm.c); row-major ----------------------------------------------------------------------
// One product C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C. lda, ldb, ldc: elements between
// rows as stored.
struct mopt_gemm {
    bool trans_a, trans_b;
    int64_t m, n, k; // >= 0
    int64_t lda, ldb, ldc;
    double alpha, beta; // beta 0: C is not read
};
// Single-threaded. k = 0 scales C by beta.
void mopt__sgemm(const struct mopt_gemm *g, const float *a, const float *b, float *c);
void mopt__dgemm(const struct mopt_gemm *g, const double *a, const double *b, double *c);
// The same split into fixed tiles over the pool (NULL is fine).
void mopt__sgemm_pool(const struct mopt_gemm *g, const float *a, const float *b, float *c,
                      struct mopt_pool *pool);

// ---- Exact integer products (blas/igemm.c, ref/igemm.c) --------------------------------------------------------------
// A product of two integer matrices whose elements are held in floats: a[m,k], b[k,n] (b
// transposed: [n,k]), |a*b| <= bound for every pair of elements. Adds the exact result (mod 2^32)
// to c [m,n]. The sum over k is cut so that every partial sum stays below 2^24, where float
// arithmetic is exact in any order.
struct mopt_igemm {
    bool trans_b;
    int64_t m, n, k, lda, ldb, ldc;
    double bound; // largest |a*b|, 1 .. 2^24
};
// scratch: m*n floats.
void mopt__igemm_exact(const struct mopt_igemm *g, const float *a, const float *b, int32_t *c,
                       float *scratch);
// bytes as numbers minus a zero point: signed or unsigned 8-bit elements.
void mopt__bytes_to_float(const void *bytes, bool is_signed, int32_t zero_point, size_t count,
                          float *out);
// 8-bit elements with their zero point.
struct mopt_bytes {
    const void *data;
    bool is_signed;
    int32_t zero_point;
};
// Plain integer loops: c[m,n] = sum (a - za)(b - zb); a [m,k], b [k,n], packed. The measure for
// every faster form.
void mopt__igemm_ref(const struct mopt_bytes *a, const struct mopt_bytes *b, int64_t m, int64_t n,
                     int64_t k, int32_t *c);

// Codes of count values: clamp(round to even(x[i]) + zero_point) to the 8-bit type; NaN gives the
// zero point. stride 0 or 1 steps through factor; each value is x[i] * factor first (NULL: as it
// is).
void mopt__quantize_bytes(const float *x, const float *factor, size_t stride, size_t count,
                          bool is_signed, int32_t zero_point, void *out);

// ---- Convolution and pooling (ref/) ------------------------------------------------------------------------------------
// Up to three spatial axes (unused ones in front have size 1, kernel 1). Channels are per group.
struct mopt_conv_shape {
    int64_t batch, groups, in_channels, out_channels;
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], begin[3];
};
// Column matrix of one group: columns[in_channels*kernel, to-from] for output positions from <= p <
// to; 0 in the padding. x: [in_channels, in...].
void mopt__im2col_f32(const struct mopt_conv_shape *s, const float *x, size_t from, size_t to,
                      float *columns);
// As above from 8-bit elements, minus the zero point; padding gives 0.
void mopt__im2col_i8(const struct mopt_conv_shape *s, const void *x, bool is_signed,
                     int32_t zero_point, size_t from, size_t to, float *columns);
// One input channel and few output channels per group: rows are summed where they lie, which needs
// no product.
bool mopt__conv_is_planar(const struct mopt_conv_shape *s);
// y [batch, groups*out_channels, out...] = conv(x [batch, groups*in_channels, in...],
// w [groups*out_channels, in_channels, kernel...]) + bias [groups*out_channels] (NULL = 0).
// Errors: MOPT_E_MEMORY (scratch).
enum mopt_status mopt__conv_f32(const struct mopt_conv_shape *s, const float *x, const float *w,
                                const float *bias, float *y, struct mopt_pool *pool,
                                struct mopt_error *err);
// Transposed convolution: x [batch, groups*out_channels, out...] is spread into y [batch,
// groups*in_channels, in...] with w [groups*out_channels, in_channels, kernel...]: the shape s is
// that of the convolution whose gradient this is.
enum mopt_status mopt__conv_transpose_f32(const struct mopt_conv_shape *s, const float *x,
                                          const float *w, const float *bias, float *y,
                                          struct mopt_pool *pool, struct mopt_error *err);
// Integer convolution with exact 32-bit accumulation. w: floats holding (weight - zero point), as
// in mopt__conv_f32. finish is called for every output channel piece: acc[count] belongs to channel
// `channel` of image `image`, positions from..from+count; it may be called from several threads.
struct mopt_conv_i8 {
    const struct mopt_conv_shape *shape;
    const void *x;
    bool x_signed;
    int32_t x_zero_point;
    const float *w;
    double bound; // largest |(x - zx)(w - zw)|
    void (*finish)(void *context, int64_t image, int64_t channel, size_t from, size_t count,
                   const int32_t *acc);
    void *context;
};
enum mopt_status mopt__conv_i8(const struct mopt_conv_i8 *conv, struct mopt_pool *pool,
                               struct mopt_error *err);

enum mopt_pool_kind { MOPT_POOL_MAX, MOPT_POOL_AVERAGE, MOPT_POOL_AVERAGE_PADDED };
// x [planes, in...] to y [planes, out...]; in_channels and groups of s are not used, batch =
// planes. end: padding behind (counts for AVERAGE_PADDED). An empty window gives -infinity (MAX) or
// 0.
void mopt__pool_f32(const struct mopt_conv_shape *s, const int64_t end[3], enum mopt_pool_kind kind,
                    const float *x, float *y, struct mopt_pool *pool);

// ---- Rows (ref/rows.c) -----------------------------------------------------------------------------------------------------
// Each works on `rows` rows of n packed floats; x and y may be the same.
void mopt__softmax_rows(const float *x, float *y, size_t rows, size_t n, struct mopt_pool *pool);
// y = (x - mean) / sqrt(var + epsilon) * scale + bias (scale, bias [n], NULL = 1 and 0). rms: mean
// is taken as 0. mean, inverse: [rows], may be NULL. Sums in double.
struct mopt_norm_rows {
    const float *x, *scale, *bias;
    float *y, *mean, *inverse;
    size_t rows, n;
    double epsilon;
    bool rms;
};
void mopt__norm_rows(const struct mopt_norm_rows *norm, struct mopt_pool *pool);
// y = x * scale + shift, one pair per plane of n floats: plane p uses entry p % channels.
void mopt__affine_planes(const float *x, const float *scale, const float *shift, float *y,
                         size_t planes, size_t channels, size_t n, struct mopt_pool *pool);

#endif
