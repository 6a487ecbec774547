// SPDX-License-Identifier: Apache-2.0
// The table of kernels that exist once per instruction set. kernels.def has one row per kernel;
// mopt__kernels_select fills every slot from ref/ and lets each instruction set of the machine
// overwrite it in rising order, so nothing can be missing. A table is a value: a session holds its
// own, there is no global one. Drivers (gemm.h, conv_nhwc.h, int8.h, vector.h) loop over slots.
//
// Rules of every slot: pointers need no alignment beyond their element's; nothing outside the
// described ranges is written; ranges that are read are said with the slot; the result of an
// element depends only on its operands, never on the position of the tile it is computed in (so
// that any split into tiles or threads gives the same bytes). Integer slots give the same bytes on
// every instruction set.
#ifndef MOPT_KERNELS_TABLE_H
#define MOPT_KERNELS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum {
    MOPT_TILE_ROWS_MAX = 16, // largest tile of any instruction set
    MOPT_TILE_COLS_MAX = 64,
    MOPT_TAPS_MAX = 64, // taps of one tile call; longer windows are cut by the driver (accumulate)
    // Bytes of `ahead` for each of the taps * k steps of tile_f32, for half a tile and each 16
    // bytes of k of tile_u8.
    MOPT_TILE_AHEAD = 32,
    MOPT_TILE_AHEAD_U8 = 128,
    MOPT_OVERREAD = 64, // bytes behind every packed or planned buffer that may be read
};

// Elementwise functions of one operand. alpha and beta: CLIP lowest and highest value; LEAKY_RELU
// slope; HARD_SIGMOID max(0, min(1, alpha x + beta)); HARD_SWISH x * HARD_SIGMOID; ELU alpha;
// SILU x / (1 + e^-(alpha x)); SCALE alpha x + beta; POW x^alpha for alpha 2, 3, 0.5, else libm.
enum mopt_act {
    MOPT_ACT_NONE,
    MOPT_ACT_RELU,
    MOPT_ACT_CLIP,
    MOPT_ACT_LEAKY_RELU,
    MOPT_ACT_HARD_SIGMOID,
    MOPT_ACT_HARD_SWISH,
    MOPT_ACT_SIGMOID,
    MOPT_ACT_SILU,
    MOPT_ACT_TANH,
    MOPT_ACT_GELU,      // x/2 (1 + erf(x / sqrt 2))
    MOPT_ACT_GELU_TANH, // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    MOPT_ACT_ELU,
    MOPT_ACT_ERF,
    MOPT_ACT_EXP,
    MOPT_ACT_LOG,
    MOPT_ACT_SQRT,
    MOPT_ACT_RECIPROCAL,
    MOPT_ACT_ABS,
    MOPT_ACT_NEG,
    MOPT_ACT_SOFTPLUS,
    MOPT_ACT_MISH, // x tanh(ln(1 + e^x))
    MOPT_ACT_SCALE,
    MOPT_ACT_POW,
    MOPT_ACT_ROUND, // to the nearest integer, ties to even
    MOPT_ACT_FLOOR,
    MOPT_ACT_CEIL,
    MOPT_ACT_SIN,
    MOPT_ACT_COS,
    MOPT_ACT_COUNT
};
struct mopt_function_f32 {
    enum mopt_act kind;
    float alpha, beta;
};

enum mopt_binary_op {
    MOPT_BIN_ADD,
    MOPT_BIN_SUB,
    MOPT_BIN_MUL,
    MOPT_BIN_DIV,
    MOPT_BIN_MAX,
    MOPT_BIN_MIN
};

// How packed weights are stored. Those of 16 bits are widened as they are read, which rounds
// nothing: the product is that of the widened weights, bit for bit.
enum mopt_weights {
    MOPT_WEIGHTS_F32,
    MOPT_WEIGHTS_BF16, // the upper half of a float
    MOPT_WEIGHTS_F16,  // IEEE 754 binary16
    // The forms of 16 bits that are not widened: activations are rounded, too, when they are read.
    MOPT_WEIGHTS_PAIRS,  // bfloat16, two rows of a panel side by side
    MOPT_WEIGHTS_BLOCKS, // block floating point, see below
    MOPT_WEIGHTS_CODED,  // as struct mopt_coded says
};
// Block floating point: up to MOPT_BLOCK_LENGTH neighbours of a row of A, or of a column of B, are
// integers of 16 bits with one scale. Two of them have the size of a float, so that a block is
// stored as floats: the scale, then pairs of integers, zero behind the last number. Their Euclidean
// norm is less than 2^15.5: by Cauchy and Schwarz the exact products of two blocks, and of any
// parts of them, add up within 32 bits. The error of a block is in this norm at most sqrt(128) / 2
// steps of norm / MOPT_BLOCK_NORM or largest number / MOPT_BLOCK_LARGEST, whichever is more: 1.8e-4
// of the norm; rounded to bfloat16 each number may be wrong by 2e-3 of itself. The norm is at most
// sqrt(128) times the largest number, so that largest number / MOPT_BLOCK_ALIKE is a step that is
// always long enough: the one of numbers whose squares would leave the range of a float.
enum {
    MOPT_BLOCK_LENGTH = 128,
    MOPT_BLOCK_STEP = 16,
    MOPT_BLOCK_NORM = 46320,
    MOPT_BLOCK_LARGEST = 32767,
    MOPT_BLOCK_ALIKE = 4095,
};
// Place of a column in a row of a panel of `cols` columns: those of bfloat16 lie in pairs, one of
// each half of the panel, so that a shift and a mask make vectors of both.
static inline size_t mopt__weights_column(enum mopt_weights weights, size_t cols, size_t column)
{
    size_t half = cols / 2;
    if (weights != MOPT_WEIGHTS_BF16) {
        return column;
    }
    return column < half ? 2 * column : 2 * (column - half) + 1;
}

// Weights as codes of few bits: a weight is (code - zero) * scale, both steps rounded to float,
// with a scale (and zero) for `block` rows of a column. A panel is ceil(k / block) blocks, one
// after the other: scale[cols] floats; zero[cols] floats if there are zeros; [block * bits /
// 32][cols] words of 32 bits, each with 32 / bits codes that are below one another, the first one
// in the lowest bits.
struct mopt_coded {
    int bits;     // 2, 4 or 8
    size_t block; // rows; a multiple of MOPT_CODED_STEP
    bool zeros;   // one for each scale; else all are `zero`
    float zero;
};
enum { MOPT_CODED_STEP = 16 };
static inline size_t mopt__coded_block_bytes(const struct mopt_coded *coded, size_t cols)
{
    size_t words = coded->block / 16 * (size_t)coded->bits / 2;
    return (1 + (size_t)coded->zeros + words) * cols * sizeof(uint32_t);
}
static inline size_t mopt__coded_panel_bytes(const struct mopt_coded *coded, size_t k, size_t cols)
{
    return (k + coded->block - 1) / coded->block * mopt__coded_block_bytes(coded, cols);
}

// One tile of a product or a convolution in float:
// c[i][j] = clamp(start + sum over t, p of a[t][i][p] * b[t][p][j] + bias[j] (+ residual[i][j]),
// low, high), i < rows, j < cols; start is 0, or c[i][j] when accumulate. The bias comes behind the
// products, which it may exceed by far: at their head, each of them would be rounded to its size.
struct mopt_tile_f32 {
    const float *const *a; // [taps][tile rows of the table]: start of a row of k floats each;
                           // entries from `rows` on are not read
    size_t offset;         // floats added to every pointer of a
    size_t taps, k;        // both >= 1
    const float *b;        // packed panel [taps][k][tile cols of the table]; 64-byte aligned
    const uint16_t *b16;   // the same for tile_16 and row_16, which do not look at b
    float *wide;       // NULL, or [taps * k][tile cols]: where tile_16 leaves the panel widened,
                       // to be b of the tiles after it; 64-byte aligned
    float *c;          // [rows][ldc]
    size_t ldc;        // elements
    const void *ahead; // what is read next, MOPT_TILE_AHEAD * taps * k bytes of it, or NULL:
                       // brought nearer, nothing else
    const float *bias; // [cols] or NULL
    const float *residual; // [rows][residual_ld] or NULL
    size_t residual_ld;
    float low, high; // -INFINITY, INFINITY: no clamp; NaN stays NaN
    bool accumulate;
    size_t block;   // of tile_blocks: floats of a block, which divide k
    bool near;      // b comes from far away, is read this once and fetched; ahead is not looked at
    int rows, cols; // 1..tile rows, 1..tile cols
    enum mopt_weights weights; // how b16 is stored: not F32
    // tile_f32, tile_pairs and tile_blocks go on with this many tiles below this one, as high as
    // it: mopt__tile_f32_below says where they are.
    int more;
    size_t a_step;         // pointers from a tile to the one below it
    const void *ahead_end; // a tile whose part of ahead begins there or behind has none
};

// One tile in 8 bits, exact 32-bit accumulation (mod 2^32):
// acc[i][j] = bias[j] + sum over t, p of a[t][i][p] * b[t][p][j] - row_sum[i] * b_zero[j], a
// unsigned, b signed bytes (zero points are folded into bias by the packer: see int8.h).
// Then one of: c32 = acc; c8 = requantized acc (below) with scale[j] and shift[j]; cf =
// (float)acc * scale[j] * row_scale[i] + float_bias[j], each step rounded to float, clamped to
// [float_low, float_high], NaN stays NaN.
//
// Requantized: v = (float)acc * scale + shift, product and sum each rounded to float (no sum when
// shift is NULL); v above high - zero_point becomes that; v below low - zero_point, and NaN (of a
// scale or shift that is infinite or NaN), becomes that; then round to nearest even, + zero_point.
// So every value of scale and shift has a meaning.
struct mopt_tile_u8 {
    const uint8_t *const *a; // [taps][tile rows]: rows of k bytes; up to 3 bytes behind k are read;
                             // entries from `rows` on are not read
    size_t offset;           // bytes added to every pointer of a
    size_t taps, k;          // k in bytes as stored, may be 0; taps >= 1
    const int8_t *b;         // packed panel [taps][ceil(k/4)][tile cols][4], zero behind k; aligned
                             // to 64 bytes
    // What is [cols] below may be read to the next multiple of 16.
    const int32_t *bias;     // [cols], NULL = 0
    const int32_t *row_sum;  // [rows] or NULL
    const int32_t *b_zero;   // [cols]; with row_sum
    const float *scale;      // [cols]; for c8 and cf
    const float *shift;      // [cols] or NULL = no sum, in steps of c8; for c8
    const float *row_scale;  // [rows] or NULL = no product; for cf
    const float *float_bias; // [cols] or NULL = no sum; for cf
    int32_t *c32;            // exactly one of c32, c8, cf is not NULL; ldc in elements of it
    uint8_t *c8;
    float *cf;
    size_t ldc;
    const void *ahead;  // what is read next, or NULL: brought nearer, nothing else
    bool near;          // b of few rows is fetched
    int32_t zero_point; // of c8, 0..255
    int32_t low, high;  // of c8, 0 <= low <= high <= 255
    float float_low, float_high;
    int rows, cols;
    bool plain; // of c8, a promise: scale is at most 1/4 and shift at most 2^29 in magnitude, high
                // is 255: no value can leave the integers; false is always right
    int more;   // tiles below this one, as high as it: mopt__tile_u8_below says where they are
    size_t a_step; // as in the float tile
    const void *ahead_end;
};
// From a tile to the one that is `count` tiles below it.
static inline void mopt__tile_f32_below(struct mopt_tile_f32 *tile, size_t count)
{
    size_t rows = count * (size_t)tile->rows;
    const char *ahead = tile->ahead;
    tile->a += count * tile->a_step;
    tile->c += rows * tile->ldc;
    tile->residual = tile->residual ? tile->residual + rows * tile->residual_ld : NULL;
    ahead = ahead ? ahead + count * tile->taps * tile->k * MOPT_TILE_AHEAD : NULL;
    tile->ahead = ahead < (const char *)tile->ahead_end ? ahead : NULL;
}
static inline void mopt__tile_u8_below(struct mopt_tile_u8 *tile, size_t count)
{
    size_t rows = count * (size_t)tile->rows;
    const char *ahead = tile->ahead;
    tile->a += count * tile->a_step;
    tile->row_sum = tile->row_sum ? tile->row_sum + rows : NULL;
    tile->row_scale = tile->row_scale ? tile->row_scale + rows : NULL;
    tile->c32 = tile->c32 ? tile->c32 + rows * tile->ldc : NULL;
    tile->c8 = tile->c8 ? tile->c8 + rows * tile->ldc : NULL;
    tile->cf = tile->cf ? tile->cf + rows * tile->ldc : NULL;
    ahead = ahead ? ahead + 2 * count * tile->taps * (tile->k / 16) * MOPT_TILE_AHEAD_U8 : NULL;
    tile->ahead = ahead < (const char *)tile->ahead_end ? ahead : NULL;
}

enum { MOPT_DEPTHWISE_PIXELS = 8 }; // most that are worked on at once
// Depthwise convolution of `pixels` neighbouring pixels of an output row: for every channel c
// y[i][c] = clamp(bias[c] + sum over r < rows, k < cols of
//           x[r * line + column * ldx + c] * w[r * cols + k][c] (+ residual[i][c])),
// column = first + i * stride + k * dilation; those outside of 0 .. width - 1 count as 0.
struct mopt_depthwise_f32 {
    const float *x; // column 0 of the first row of taps
    size_t ldx;     // floats from column to column
    size_t line;    // floats from row to row of taps
    size_t width;   // columns
    ptrdiff_t first;
    size_t stride, dilation; // at least 1
    size_t rows, cols;       // of taps
    const float **table;     // room for MOPT_DEPTHWISE_PIXELS * rows * cols pointers
    const float *zero;       // [channels] zeros
    const float *w;          // [rows][cols][ldw]
    size_t ldw;
    const float *bias;     // [channels] or NULL
    const float *residual; // [pixels][residual_ld] or NULL; may be y
    size_t residual_ld;
    float *y; // [pixels][ldy]
    size_t ldy, channels, pixels;
    float low, high;
};
// The same on bytes, with more pixels a call: acc = bias[c] + sum x * w (zero point of x folded
// into bias), then y as c8 of the tile, y32 as c32 or yf as cf without row_scale. Channels are
// worked on in blocks of dw8_cols of the table; the last block is a half or a quarter of that (at
// least 16) when the rest fits. The weights lie so that the bytes of four taps interleave inside
// 16-byte lanes: w[ceil(taps/4)][blocks], each 4 * dw8_cols bytes, of them [4 r][lanes][4
// channels][4 taps] used, channel of the block 16 * lane + 4 * r + index, zero behind channels and
// taps (mopt__depthwise_u8_at).
struct mopt_depthwise_u8 {
    const uint8_t *const *x; // [taps][x_step]; MOPT_OVERREAD bytes behind channels may be read;
                             // so may be the rows up to the next multiple of 4 pixels
    size_t x_step;           // pointers from tap to tap, >= pixels
    const int8_t *w;         // aligned to 64 bytes
    const int32_t *bias;     // [channels] or NULL
    const float *scale;      // [channels]; for y and yf
    const float *shift;      // [channels] or NULL = no sum, in steps of y; for y
    const float *float_bias; // [channels] or NULL = no sum; for yf
    uint8_t *y;              // [pixels][ldy]; exactly one of y, yf, y32 is not NULL
    float *yf;               // [pixels][ldy]
    int32_t *y32;            // [pixels][ldy]
    size_t ldy, channels, taps;
    int pixels;                    // 1..dw8_rows of the table
    int32_t zero_point, low, high; // of y, as of c8
    float float_low, float_high;   // of yf
};
// Channels of the block that starts at channel `first`. cols: dw8_cols.
static inline size_t mopt__depthwise_u8_block(size_t cols, size_t channels, size_t first)
{
    size_t rest = channels - first;
    size_t block = cols;
    for (int halves = 0; halves < 2 && block > 16 && rest <= block / 2; halves++) {
        block /= 2;
    }
    return block;
}
// Index in w of a tap's channel.
static inline size_t mopt__depthwise_u8_at(size_t cols, size_t channels, size_t tap, size_t channel)
{
    size_t blocks = (channels + cols - 1) / cols;
    size_t in = channel % cols;
    size_t lanes = mopt__depthwise_u8_block(cols, channels, channel - in) / 16;
    size_t at = (in % 16 / 4 * lanes + in / 16) * 4 + in % 4;
    return ((tap / 4 * blocks + channel / cols) * cols + at) * 4 + tap % 4;
}
// Pooling of one output pixel: y[c] = max over t of x[t][c], or factor * sum over t (float: plain
// sums in order of t, of weights[t] * x[t][c] when there are weights). taps >= 1.
struct mopt_window_f32 {
    const float *const *x; // [taps]
    float *y;
    size_t channels, taps;
    float factor;
    const float *weights; // [taps]; NULL: all 1, and always so for max
};

typedef void mopt_slot_tile_f32(const struct mopt_tile_f32 *tile);
// One row times several panels: c[panel*tile_cols + j] for cols columns in all; b: panels of
// [k][tile cols], one after the other. Same meaning as tile_f32 with taps 1, rows 1; k is one
// row of A. Used when there is one row only, where reading b is all the work.
typedef void mopt_slot_row_f32(const struct mopt_tile_f32 *tile, size_t cols);
// The same with weights of 16 bits that come from far away and are read this once; near and ahead
// are not looked at.
typedef void mopt_slot_tile_16(const struct mopt_tile_f32 *tile);
typedef void mopt_slot_row_16(const struct mopt_tile_f32 *tile, size_t cols);
// The same with weights of few bits in panels that lie one after the other; a panel is read this
// once.
typedef void mopt_slot_row_coded(const struct mopt_tile_f32 *tile, const struct mopt_coded *coded,
                                 const void *panels, size_t cols);
// Rows from..from+rows of a panel as floats, y[rows][tile cols]. from: a multiple of
// MOPT_CODED_STEP.
typedef void mopt_slot_expand_coded(const struct mopt_coded *coded, const void *panel, size_t from,
                                    size_t rows, float *y);
// tile_f32 with pairs of bfloat16 in the place of the floats of a and b: k counts pairs, and each
// multiplication is the sum of two, of which each is added with at least the precision of a float;
// denormal numbers may count as 0.
typedef void mopt_slot_tile_pairs(const struct mopt_tile_f32 *tile);
// tile_f32 with blocks of integers in the place of the floats of a and b: k and block count floats,
// and in the place of the products of a block comes
// (float)(sum of products of integers, exact) * (scale of a * scale of b[j]),
// the product of scales rounded, the rest added by one fused multiply-add: the same bytes
// everywhere. Blocks of a are 1 + a multiple of MOPT_BLOCK_STEP / 2 floats.
typedef void mopt_slot_tile_blocks(const struct mopt_tile_f32 *tile);
typedef void mopt_slot_tile_u8(const struct mopt_tile_u8 *tile);
typedef void mopt_slot_depthwise_f32(const struct mopt_depthwise_f32 *work);
typedef void mopt_slot_depthwise_u8(const struct mopt_depthwise_u8 *work);
typedef void mopt_slot_max_f32(const struct mopt_window_f32 *window);
typedef void mopt_slot_average_f32(const struct mopt_window_f32 *window);
// y[c * ldy + r] = x[r * ldx + c] of elements of 4 bytes.
typedef void mopt_slot_transpose_32(const void *x, size_t ldx, void *y, size_t ldy, size_t rows,
                                    size_t columns);
typedef void mopt_slot_transpose_8(const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy,
                                   size_t rows, size_t columns); // of bytes
// y[i] = f(x[i]); x == y allowed.
typedef void mopt_slot_unary_f32(const struct mopt_function_f32 *act, const float *x, float *y,
                                 size_t n);
// y[i] = a[i * (a_step)] op b[i * (b_step)], steps 0 or 1; y may be a or b.
typedef void mopt_slot_binary_f32(enum mopt_binary_op op, const float *a, size_t a_step,
                                  const float *b, size_t b_step, float *y, size_t n);
// y = softmax(x * scale + mask) over one row; mask [n] or NULL. What comes out below 2^-124 n may
// be 0.
typedef void mopt_slot_softmax_f32(const float *x, const float *mask, float scale, float *y,
                                   size_t n);
// s = x + skip (skip, skip_bias may be NULL; s written to sum unless NULL);
// y = (s - mean) / sqrt(var + epsilon) * gamma + beta over one row. rms: mean taken as 0. gamma,
// beta: [n] or NULL.
typedef void mopt_slot_norm_f32(const float *x, const float *skip, const float *skip_bias,
                                const float *gamma, const float *beta, float epsilon, bool rms,
                                float *sum, float *y, size_t n);
// Results on their way join floats; sums run in double, of the numbers, their magnitudes or
// squares. A NaN makes a result NaN. The order is that of the elements or another one, which n
// alone decides.
enum mopt_fold { MOPT_FOLD_SUM, MOPT_FOLD_SIZES, MOPT_FOLD_SQUARES, MOPT_FOLD_MAX, MOPT_FOLD_MIN };
// acc[r] joins x[r * n + i] for all i < n, for r < rows.
typedef void mopt_slot_fold_f32(enum mopt_fold fold, const float *x, size_t n, size_t rows,
                                double *acc);
// acc[i] joins x[r * step + i] for all r < rows, in their order, for i < n.
typedef void mopt_slot_fold_columns_f32(enum mopt_fold fold, const float *x, size_t step,
                                        size_t rows, double *acc, size_t n);
// Bytes of floats: clamp(even(x[i] * factor) + zero_point, 0, 255); NaN: zero_point. divide: x[i] /
// factor instead (what QuantizeLinear says). zero_point here and below: 0..255.
typedef void mopt_slot_quantize_u8(const float *x, float factor, bool divide, int32_t zero_point,
                                   uint8_t *y, size_t n);
// y = (float)(x - zero_point) * scale.
typedef void mopt_slot_dequantize_u8(const uint8_t *x, float scale, int32_t zero_point, float *y,
                                     size_t n);
// y[c] = sum over i < pixels, in order, of (float)(x[i * step + c] - zero_point) * scale, each
// product and sum rounded to float; pixels >= 1. Up to 15 bytes behind a pixel's channels are read.
typedef void mopt_slot_sums_u8(const uint8_t *x, size_t step, size_t pixels, size_t channels,
                               float scale, int32_t zero_point, float *y);
// Smallest and largest of x and 0; NaN ignored.
typedef void mopt_slot_range_f32(const float *x, size_t n, float *low, float *high);
// y = clamp(even(((a - a_zero) * a_scale + (b - b_zero) * b_scale) / y_scale) + zero_point, low,
// high); each product, the sum and the quotient rounded to float (what DequantizeLinear, Add and
// QuantizeLinear say), clamped as requantized (table of tile_u8). scales, zeros: {a, b, y}; bounds:
// {low, high}; y may be a or b.
typedef void mopt_slot_add_u8(const uint8_t *a, const uint8_t *b, const float scales[3],
                              const int32_t zeros[3], const int32_t bounds[2], uint8_t *y,
                              size_t n);
// y = what quantize_u8 makes, dividing by y_scale, of (float)(a - zero) * scale * b: each step
// rounded to float. zeros: {a, y}; y may be a.
typedef void mopt_slot_mul_u8(const uint8_t *a, float scale, const float *b, float y_scale,
                              const int32_t zeros[2], uint8_t *y, size_t n);
// y = clamp(even((a - zero) * factor) + zero_point, 0, 255), the product rounded to float; factors
// of at most MOPT_FACTOR_MOST in magnitude. zeros: {a, y}; y may be a.
enum { MOPT_FACTOR_MOST = 64 };
typedef void mopt_slot_scale_u8(const uint8_t *a, const float *factors, const int32_t zeros[2],
                                uint8_t *y, size_t n);
// y[c] = max over t of x[t][c]; taps >= 1; y may be one of x.
typedef void mopt_slot_max_u8(const uint8_t *const *x, size_t taps, size_t channels, uint8_t *y);
// Sum of n bytes (mod 2^32).
typedef uint32_t mopt_slot_total_u8(const uint8_t *x, size_t n);
// y[i] = table[x[i]]; x == y allowed.
typedef void mopt_slot_lookup_u8(const uint8_t *x, const uint8_t table[256], uint8_t *y, size_t n);
// y[i] = x[i] in another format: half is IEEE 754 binary16, bfloat the upper half of a float. To 16
// bits they round to nearest even; to float they are exact. A NaN stays one with the bits that fit:
// those of binary16 and those that become shorter are made quiet. x and y must not overlap.
typedef void mopt_slot_half_to_f32(const uint16_t *x, float *y, size_t n);
typedef void mopt_slot_f32_to_half(const float *x, uint16_t *y, size_t n);
typedef void mopt_slot_bfloat_to_f32(const uint16_t *x, float *y, size_t n);
typedef void mopt_slot_f32_to_bfloat(const float *x, uint16_t *y, size_t n);
// A row of n numbers in blocks of `length` (a multiple of MOPT_BLOCK_STEP, MOPT_BLOCK_LENGTH at
// most; the last one may have fewer), y[ceil(n / length)][1 + length / 2]: see MOPT_WEIGHTS_BLOCKS.
// scale = max(norm * (1.0F / MOPT_BLOCK_NORM), largest magnitude * (1.0F / MOPT_BLOCK_LARGEST));
// norm is the root of the sum of squares: 16 sums, each of every 16th number, by fused
// multiply-adds from 0 on, then of each two that are 8, 4, 2, 1 apart. Where the largest magnitude
// is not between 2^-50 and 2^58: that / MOPT_BLOCK_ALIKE, at least 2^-126. Integers are x[i] times
// 1 / scale, rounded to nearest even. NaN or an infinity among them: the scale is NaN, they are 0.
typedef void mopt_slot_f32_to_blocks(const float *x, size_t n, size_t length, float *y);
// Winograd F(4x4,3x3) and F(2x2,3x3), channels innermost. t = 6 or 4 is the width of an input tile,
// each of its t*t elements a frequency. "cols" is f32_cols of the table.
enum {
    MOPT_WINOGRAD_T = 6,
    MOPT_WINOGRAD_LINE = 16, // channels that lie together in transformed tiles
};
// One tile of the input: element (f, c) to v[f * v_step + c / LINE * line_step + c % LINE].
struct mopt_winograd_in {
    const float *row[MOPT_WINOGRAD_T]; // the rows' pixels in column `first`; NULL: outside, zeros
    size_t step;                       // floats from pixel to pixel
    int first, last;                   // columns first..last - 1 are inside, the others zeros
    float *v;
    size_t v_step, line_step, channels;
};
typedef void mopt_slot_winograd_in_f32(int t, const struct mopt_winograd_in *work);
// Two frequencies of the weights out of three columns g[3][n]: u[0][i] and u[1][i] = sum +- g[1][i]
// with sum = g[0][i] + g[2][i], or far, sum +- 2 g[1][i] with sum = g[0][i] + 4 g[2][i]. The matrix
// G is that of the literature with its rows multiplied by 4, -6, -6, 24, 24, 1 (1, 2, 2, 1), so
// that it holds whole numbers; winograd_out_f32 divides by them. n: multiple of f32_cols; u and g
// aligned to 32 bytes.
typedef void mopt_slot_winograd_filter_f32(bool far, const float *g, size_t n, float *u);
// The product of one frequency: m[r * cols + j] = (itself or 0) + sum over p < k of
// v[p / LINE * line_step + r * LINE + p % LINE] * u[p * cols + j].
struct mopt_winograd_product {
    size_t k, rows, cols;
    size_t used; // columns that are meant; of the others those up to a whole vector are written
    const float *v, *u;
    float *m; // u and m aligned to 64 bytes
    size_t line_step;
    bool accumulate;
    const void *ahead; // brought nearer meanwhile
    size_t ahead_bytes;
};
typedef void mopt_slot_winograd_product_f32(const struct mopt_winograd_product *work);
// Weights and product in one for at most four tiles, t = 6: m[f * m_step + r * row_step + j] =
// (itself or 0) + sum over c < k of v[f * v_step + c / LINE * 4 LINE + r * LINE + c % LINE] *
// (G w_cj G')[f], for all four tiles r and j < cols; w[k][9][cols], G as above.
enum { MOPT_WINOGRAD_FEW = 4 };
struct mopt_winograd_few {
    const float *w, *v;
    float *m;
    size_t k, cols; // cols: multiple of 16, or all columns of a panel
    size_t v_step, m_step, row_step;
    bool accumulate;
    const void *ahead; // 9 * k * cols floats that are brought nearer meanwhile, or NULL
};
typedef void mopt_slot_winograd_few_f32(const struct mopt_winograd_few *work);
// Element (f, c) of m at m[f * m_step + c] to rows * cols of the tile's (t-2)^2 pixels, plus bias
// and residual, clamped.
struct mopt_winograd_out {
    const float *m;
    size_t m_step, channels;
    const float *bias;     // [channels] or NULL
    const float *residual; // or NULL; steps are floats from pixel to pixel, from row to row
    size_t residual_step, residual_row;
    float *y;
    size_t y_step, y_row;
    int rows, cols; // of pixels that are wanted
    float low, high;
};
typedef void mopt_slot_winograd_out_f32(int t, const struct mopt_winograd_out *work);

// Does `rounds` rounds of multiply-adds on registers alone; the operations done, two per
// multiply-add. The fastest that the level can do: what kernels are measured against.
typedef uint64_t mopt_slot_peak_f32(uint64_t rounds);
typedef uint64_t mopt_slot_peak_u8(uint64_t rounds);
typedef uint64_t mopt_slot_peak_pairs(uint64_t rounds);  // as tile_pairs multiplies
typedef uint64_t mopt_slot_peak_blocks(uint64_t rounds); // as tile_blocks multiplies

struct mopt_kernels {
    enum mopt_isa isa;
    int f32_rows, f32_cols;       // tile of tile_f32
    int pairs_rows, pairs_cols;   // tile of tile_pairs
    int blocks_rows, blocks_cols; // tile of tile_blocks
    int u8_rows, u8_cols;         // tile of tile_u8
    // The form of 16 bits in which products of many rows are fastest: BF16, PAIRS or BLOCKS.
    enum mopt_weights rounded;
    bool fetches;           // weights of few rows are fetched before they are read: `near` of tiles
    int dw8_rows, dw8_cols; // pixels a call and channel block (multiple of 16) of depthwise_u8
    mopt_slot_tile_f32 *tile_f32;
    mopt_slot_row_f32 *row_f32;
    mopt_slot_tile_16 *tile_16;
    mopt_slot_row_16 *row_16;
    mopt_slot_row_coded *row_coded;
    mopt_slot_expand_coded *expand_coded;
    mopt_slot_tile_pairs *tile_pairs;
    mopt_slot_tile_blocks *tile_blocks;
    mopt_slot_f32_to_blocks *f32_to_blocks;
    mopt_slot_tile_u8 *tile_u8;
    mopt_slot_depthwise_f32 *depthwise_f32;
    mopt_slot_depthwise_u8 *depthwise_u8;
    mopt_slot_max_f32 *max_f32;
    mopt_slot_average_f32 *average_f32;
    mopt_slot_transpose_32 *transpose_32;
    mopt_slot_transpose_8 *transpose_8;
    mopt_slot_unary_f32 *unary_f32;
    mopt_slot_binary_f32 *binary_f32;
    mopt_slot_softmax_f32 *softmax_f32;
    mopt_slot_norm_f32 *norm_f32;
    mopt_slot_fold_f32 *fold_f32;
    mopt_slot_fold_columns_f32 *fold_columns_f32;
    mopt_slot_quantize_u8 *quantize_u8;
    mopt_slot_dequantize_u8 *dequantize_u8;
    mopt_slot_sums_u8 *sums_u8;
    mopt_slot_range_f32 *range_f32;
    mopt_slot_add_u8 *add_u8;
    mopt_slot_mul_u8 *mul_u8;
    mopt_slot_scale_u8 *scale_u8;
    mopt_slot_max_u8 *max_u8;
    mopt_slot_total_u8 *total_u8;
    mopt_slot_lookup_u8 *lookup_u8;
    mopt_slot_half_to_f32 *half_to_f32;
    mopt_slot_f32_to_half *f32_to_half;
    mopt_slot_bfloat_to_f32 *bfloat_to_f32;
    mopt_slot_f32_to_bfloat *f32_to_bfloat;
    mopt_slot_winograd_in_f32 *winograd_in_f32;
    mopt_slot_winograd_filter_f32 *winograd_filter_f32;
    mopt_slot_winograd_product_f32 *winograd_product_f32;
    mopt_slot_winograd_few_f32 *winograd_few_f32;
    mopt_slot_winograd_out_f32 *winograd_out_f32;
    mopt_slot_peak_f32 *peak_f32;
    mopt_slot_peak_u8 *peak_u8;
    mopt_slot_peak_pairs *peak_pairs;
    mopt_slot_peak_blocks *peak_blocks;
};

// Fills the table for the machine's level or `isa`, whichever is lower.
void mopt__kernels_select(enum mopt_isa isa, struct mopt_kernels *table);

#endif
