// SPDX-License-Identifier: Apache-2.0
// Products of blocks of integers with vpdpwssd: the loop of the float tile with pairs of integers
// in the place of floats, a block at a time. Sums of floats wait in memory meanwhile.
#define ADD_PAIRS "vpdpwssd"
#include "kernels/x86_avx512/add_pairs.h"

#define TILE_ROWS 12
#define TILE_VECTORS 2
#define TILE_EACH_ROWS(M, v) \
    M(1, v)                  \
    M(2, v) M(3, v) M(4, v) M(5, v) M(6, v) M(7, v) M(8, v) M(9, v) M(10, v) M(11, v) M(12, v)
#include "kernels/slots.h"
#include "kernels/template/tile_f32.h"

// sums[i][v] += (float)integers * scales.
VF_BODY void add_scaled(int rows, int vectors, const float *const *a, const float *b,
                        vf integers[TILE_ROWS][TILE_VECTORS], float *sums)
{
    vf right[TILE_VECTORS];
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        right[v] = vf_load(b + v * VF_LANES);
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        vf left = vf_set1(*a[i]);
        __asm__ volatile("" : : "r"(sums) : "memory");
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            float *at = sums + i * TILE_COLS + v * VF_LANES;
            vf sum = _mm512_cvtepi32_ps(_mm512_castps_si512(integers[i][v]));
            vf_store(at, vf_fma(sum, vf_mul(left, right[v]), vf_load(at)));
        }
    }
}

// One block of rows a with one of the panel at b.
VF_BODY void add_block(const struct mopt_tile_f32 *t, int rows, int vectors, enum tile_fetch fetch,
                       const float *const *a, const float *b, const char *ahead, float *sums)
{
    const float *left[TILE_ROWS];
    const char *right = (const char *)(b + TILE_COLS);
    const char *end = (const char *)(b + TILE_COLS * t->block);
    vf acc[TILE_ROWS][TILE_VECTORS];
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        left[i] = a[i] + 1;
        VF_OPAQUE(left[i]);
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i][v] = vf_set1(0);
        }
    }
    do {
        tile_steps(TILE_STEPS, MOPT_WEIGHTS_F32, rows, vectors, fetch, left, right, ahead, t->wide,
                   acc);
        right += TILE_STEPS * tile_line(MOPT_WEIGHTS_F32);
        VF_OPAQUE(right);
        if (fetch == FETCH_FAR) {
            ahead += TILE_STEPS * MOPT_TILE_AHEAD;
            VF_OPAQUE(ahead);
        }
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            left[i] += TILE_STEPS;
            VF_OPAQUE(left[i]);
        }
    } while (right != end);
    add_scaled(rows, vectors, a, b, acc, sums);
}

VF_BODY void add_blocks(const struct mopt_tile_f32 *t, int rows, int vectors, enum tile_fetch fetch,
                        float *sums)
{
    const float *b = t->b;
    const char *ahead = t->ahead ? t->ahead : (const char *)b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a[TILE_ROWS];
        for (int i = 0; i < rows; i++) {
            a[i] = t->a[tap * TILE_ROWS + (size_t)i] + t->offset;
        }
        for (size_t p = 0; p < t->k; p += t->block) {
            add_block(t, rows, vectors, fetch, a, b, ahead, sums);
            for (int i = 0; i < rows; i++) {
                a[i] += t->block;
            }
            b += t->block * TILE_COLS;
            ahead += t->block * MOPT_TILE_AHEAD;
        }
    }
}

VF_BODY void blocks_body(const struct mopt_tile_f32 *t, int rows, int vectors)
{
    _Alignas(64) float room[TILE_ROWS * TILE_COLS];
    float *sums = room;
    VF_OPAQUE(sums); // or they would be variables, and contend for registers
    vf acc[TILE_ROWS][TILE_VECTORS];
    tile_start(t, rows, vectors, false, acc);
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            vf_store(sums + i * TILE_COLS + v * VF_LANES, acc[i][v]);
        }
    }
    if (t->near) {
        add_blocks(t, rows, vectors, FETCH_NEAR, sums);
    } else {
        add_blocks(t, rows, vectors, FETCH_FAR, sums);
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i][v] = vf_load(sums + i * TILE_COLS + v * VF_LANES);
        }
    }
    tile_finish(t, rows, vectors, false, acc);
}

// The tile and those below it.
VF_BODY void blocks_stack(const struct mopt_tile_f32 *stack, int rows, int vectors)
{
    struct mopt_tile_f32 tile = *stack;
    for (int left = stack->more;; left--) {
        blocks_body(&tile, rows, vectors);
        if (left <= 0) {
            return;
        }
        mopt__tile_f32_below(&tile, 1);
    }
}

#define BLOCKS_FUNCTION(rows, vectors)                                           \
    static void tile_blocks_##rows##x##vectors(const struct mopt_tile_f32 *tile) \
    {                                                                            \
        blocks_stack(tile, rows, vectors);                                       \
    }
#define BLOCKS_ENTRY(rows, vectors) tile_blocks_##rows##x##vectors,

TILE_EACH_ROWS(BLOCKS_FUNCTION, 1)
TILE_EACH_ROWS(BLOCKS_FUNCTION, 2)

void mopt__tile_blocks_avx512_vnni(const struct mopt_tile_f32 *tile)
{
    static mopt_slot_tile_blocks *const kernels[TILE_VECTORS][TILE_ROWS] = {
        {TILE_EACH_ROWS(BLOCKS_ENTRY, 1)},
        {TILE_EACH_ROWS(BLOCKS_ENTRY, 2)},
    };
    kernels[tile->cols > VF_LANES][tile->rows - 1](tile);
}
