// SPDX-License-Identifier: Apache-2.0
// Which floats have 16 bits, and panels of them. Formats: IEEE 754-2019 section 3.6 (binary16);
// bfloat16 is binary32 without the lower half of its significand.
#include "kernels/weights.h"

#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

enum {
    LEAST_NORMAL = 0x38800000, // bits of 2^-14, the least normal number of binary16
    LARGEST = 0x477fe000,      // bits of 65504, its largest one
    FLOAT_INFINITY = 0x7f800000,
    BFLOAT_INFINITY = 0x7f80,
};
static const float STEP = 0x1p-24F; // between the numbers below 2^-14

static bool is_half(uint32_t bits)
{
    uint32_t size = bits & 0x7fffffff;
    if (size >= LEAST_NORMAL) {
        return ((size & 0x1fff) == 0 && size <= LARGEST) || size == FLOAT_INFINITY;
    }
    float steps = float_of(size) / STEP;
    return (float)(int32_t)steps == steps;
}

enum mopt_weights mopt__weights_exact(const float *x, size_t n)
{
    enum { PIECE = 64 }; // after which one looks whether it is settled
    bool bf16 = true, f16 = true;
    for (size_t from = 0; from < n && (bf16 || f16); from += PIECE) {
        size_t end = n - from < PIECE ? n : from + PIECE;
        uint32_t lower = 0;
        for (size_t i = from; i < end; i++) {
            lower |= bits_of(x[i]);
        }
        bf16 = bf16 && (lower & 0xffff) == 0;
        for (size_t i = from; f16 && i < end; i++) {
            f16 = is_half(bits_of(x[i]));
        }
    }
    return bf16 ? MOPT_WEIGHTS_BF16 : f16 ? MOPT_WEIGHTS_F16 : MOPT_WEIGHTS_F32;
}

// With few rows reading the weights is most of the work; with few columns, or short rows, rounding
// the activations takes as long as the faster product saves.
enum mopt_weights mopt__weights_rounded(const struct mopt_kernels *kernels, size_t m, size_t n,
                                        size_t k)
{
    enum { ROWS = 4, COLUMNS = 64, DEPTH = 32 };
    return m >= ROWS && n >= COLUMNS && k >= DEPTH ? kernels->rounded : MOPT_WEIGHTS_BF16;
}

static bool has_infinity(const uint16_t *y, size_t n)
{
    uint16_t found = 0;
    for (size_t i = 0; i < n; i++) {
        found |= (y[i] & 0x7fff) == BFLOAT_INFINITY;
    }
    return found != 0;
}

void mopt__weights_round(const struct mopt_kernels *kernels, const float *x, uint16_t *y, size_t n)
{
    kernels->f32_to_bfloat(x, y, n);
    const size_t wrong = has_infinity(y, n) ? n : 0;
    for (size_t i = 0; i < wrong; i++) {
        bool finite = (bits_of(x[i]) & 0x7fffffff) < FLOAT_INFINITY;
        if (finite && (y[i] & 0x7fff) == BFLOAT_INFINITY) {
            y[i]--; // the largest number of this sign
        }
    }
}

void mopt__weights_panel(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t cols,
                         size_t rows, const float *from, uint16_t *out)
{
    uint16_t plain[MOPT_TILE_COLS_MAX];
    for (size_t p = 0; p < rows; p++, from += cols, out += cols) {
        if (weights == MOPT_WEIGHTS_F16) {
            kernels->f32_to_half(from, plain, cols);
        } else {
            mopt__weights_round(kernels, from, plain, cols);
        }
        for (size_t j = 0; j < cols; j++) {
            out[mopt__weights_column(weights, cols, j)] = plain[j];
        }
    }
}
