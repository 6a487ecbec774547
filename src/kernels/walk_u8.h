// SPDX-License-Identifier: Apache-2.0
// The walk over the tiles of a byte product, shared by gemm_u8.c and conv_u8.c: rows of A in tiles,
// columns of B in panels, blocks of tiles that stay in the second-level cache. It must not know
// where the rows of A come from: a callback points at them.
#ifndef MOPT_KERNELS_WALK_U8_H
#define MOPT_KERNELS_WALK_U8_H

#include "kernels/int8.h"

enum { MOPT_WALK_BLOCK_MAX = 32 }; // tiles of a block

struct mopt_walk_u8 {
    const struct mopt_kernels *kernels;
    size_t rows;            // of A, of the result
    size_t groups, columns; // groups of columns; columns of one
    size_t taps, k;         // bytes of a tap
    size_t group_bytes;     // from a group to the next one in a row of A
    const int8_t *b;        // [groups][panels][taps][ceil(k/4)][tile cols][4]
    const int32_t *b_zero;  // [groups * columns] or NULL; there is one group then
    const struct mopt_requantize *out;
    int32_t *c32;
    uint8_t *c8;
    float *cf;
    size_t ldc;
    // Writes the pointers of rows first..first+count to a[tap * step + i].
    void (*point)(const struct mopt_walk_u8 *walk, size_t first, size_t count, size_t step,
                  const uint8_t **a);
    const void *context;
    const uint8_t **pointers; // of all threads; NULL is enough when taps is 1
    size_t thread_pointers;   // from one thread's to the next one's, >= mopt__walk_u8_pointers
    // Set by mopt__walk_u8_init:
    size_t tiles, panels, panel_bytes, block;
};

// Sets the last line from the others (rows, groups, columns, taps, k and kernels are enough).
void mopt__walk_u8_init(struct mopt_walk_u8 *walk);
// Pointers one thread needs.
size_t mopt__walk_u8_pointers(const struct mopt_walk_u8 *walk);
void mopt__walk_u8(const struct mopt_walk_u8 *walk, struct mopt_pool *pool);

// Bounds of floats that are clamped by the slots; infinities for other functions.
void mopt__clamp_of(const struct mopt_function_f32 *act, float *low, float *high);
// Any other function, on `rows` rows of `cols` floats, ld from row to row.
void mopt__activate_rows(const struct mopt_kernels *kernels, const struct mopt_function_f32 *act,
                         float *c, size_t ld, size_t rows, size_t cols);

// Where an element of a weight lies: tap t, byte p of the tap, column j at
// b[t * tap_step + p / inner * outer_step + p % inner * inner_step + j * column_step].
struct mopt_weight_u8 {
    size_t taps, k, columns;
    size_t tap_step, inner, inner_step, outer_step, column_step;
};
// Bytes of all panels of one group, without overread; false when the size does not fit.
bool mopt__panels_s8_bytes(const struct mopt_kernels *kernels, const struct mopt_weight_u8 *weight,
                           size_t *bytes);
void mopt__panels_s8(const struct mopt_kernels *kernels, const struct mopt_weight_u8 *weight,
                     const int8_t *b, int8_t *out);

#endif
