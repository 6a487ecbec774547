// SPDX-License-Identifier: Apache-2.0
// The vector slots for AVX512.
#include "kernels/x86_avx512/lanes_f32.h"

#define SLOT(name) mopt__##name##_f32_avx512
#include "kernels/template/fold_f32.h"
