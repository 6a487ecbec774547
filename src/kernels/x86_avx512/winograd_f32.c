// SPDX-License-Identifier: Apache-2.0
// Winograd with AVX-512: up to 12 rows of 32 columns, 24 of 32 registers hold sums. With more rows
// compilers run out of registers where steps overlap.
#define WINOGRAD_ROWS 12
#define WINOGRAD_EACH_ROWS(M, v) \
    M(1, v)                      \
    M(2, v)                      \
    M(3, v) M(4, v) M(5, v) M(6, v) M(7, v) M(8, v) M(9, v) M(10, v) M(11, v) M(12, v)
#include "kernels/template/winograd_f32.h"
#include "kernels/slots.h"

WINOGRAD_SLOTS(avx512)
