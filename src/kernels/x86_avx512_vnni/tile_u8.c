// SPDX-License-Identifier: Apache-2.0
// The byte tile with vpdpbusd: 12 rows of 32 columns or, in two parts, of 64.
#include "kernels/x86_avx512/tile_u8.h"
#include "kernels/slots.h"

#define EACH_PART_ROWS(M, v) M(1, v) M(2, v) M(3, v) M(4, v) M(5, v) M(6, v)
#define EACH_ROWS(M, v) EACH_PART_ROWS(M, v) M(7, v) M(8, v) M(9, v) M(10, v) M(11, v) M(12, v)

EACH_ROWS(TILE_FUNCTION, 1)
EACH_ROWS(TILE_FUNCTION, 2)
EACH_PART_ROWS(TILE_FUNCTION, 3)
EACH_PART_ROWS(TILE_FUNCTION, 4)

void mopt__tile_u8_avx512_vnni(const struct mopt_tile_u8 *work)
{
    static tile_function *const parts[TILE_VECTORS][TILE_ROWS] = {
        {EACH_ROWS(TILE_ENTRY, 1)},
        {EACH_ROWS(TILE_ENTRY, 2)},
        {EACH_PART_ROWS(TILE_ENTRY, 3)},
        {EACH_PART_ROWS(TILE_ENTRY, 4)},
    };
    tile_function *const *of = parts[(work->cols - 1) / 16];
    int rows = work->rows;
    if (work->cols > 32 && rows > TILE_PART_ROWS) {
        int upper = rows / 2;
        tile_all(of[upper - 1], work, 0, upper);
        tile_all(of[rows - upper - 1], work, upper, rows - upper);
    } else {
        tile_all(of[rows - 1], work, 0, rows);
    }
}
