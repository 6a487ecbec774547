// SPDX-License-Identifier: Apache-2.0
// The byte vectors of the instruction set a file is compiled for.
#ifndef MOPT_KERNELS_TEMPLATE_VB_H
#define MOPT_KERNELS_TEMPLATE_VB_H

#if defined(__AVX512F__)
#include "kernels/x86_avx512/vb.h"
#else
#include "kernels/x86_avx2/vb.h"
#endif

#endif
