// SPDX-License-Identifier: Apache-2.0
// Winograd with AVX2: up to 6 rows of 16 columns, 12 of 16 registers hold sums.
#define WINOGRAD_ROWS 6
#define WINOGRAD_EACH_ROWS(M, v) \
    M(1, v)                      \
    M(2, v) M(3, v) M(4, v) M(5, v) M(6, v)
#include "kernels/template/winograd_f32.h"
#include "kernels/slots.h"

WINOGRAD_SLOTS(avx2)
