// SPDX-License-Identifier: Apache-2.0
// The vector slots for AVX2.
#include "kernels/x86_avx2/lanes_f32.h"

#define SLOT(name) mopt__##name##_f32_avx2
#include "kernels/template/fold_f32.h"
