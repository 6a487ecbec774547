// SPDX-License-Identifier: Apache-2.0
// The float tile with pairs of bfloat16 in the place of floats: vdpbf16ps, which adds the products
// of the odd numbers and of the even ones one after the other, denormal numbers as 0 (Intel SDM
// volume 2, VDPBF16PS).
#define ADD_PAIRS "vdpbf16ps"
#include "kernels/x86_avx512/add_pairs.h"

#define TILE_ROWS 11
#define TILE_VECTORS 2
#define TILE_EACH_ROWS(M, v) \
    M(1, v)                  \
    M(2, v) M(3, v) M(4, v) M(5, v) M(6, v) M(7, v) M(8, v) M(9, v) M(10, v) M(11, v)
#include "kernels/slots.h"
#include "kernels/template/tile_f32.h"

TILE_EACH_ROWS(TILE_FUNCTION, 1)
TILE_EACH_ROWS(TILE_FUNCTION, 2)

void mopt__tile_pairs_avx512_bf16(const struct mopt_tile_f32 *tile)
{
    static mopt_slot_tile_pairs *const kernels[TILE_VECTORS][TILE_ROWS] = {
        {TILE_EACH_ROWS(TILE_ENTRY, 1)},
        {TILE_EACH_ROWS(TILE_ENTRY, 2)},
    };
    kernels[tile->cols > VF_LANES][tile->rows - 1](tile);
}
