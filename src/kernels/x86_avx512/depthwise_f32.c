// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution of rows of floats with AVX-512.
#include "kernels/template/depthwise_f32.h"
#include "kernels/slots.h"

void mopt__depthwise_f32_avx512(const struct mopt_depthwise_f32 *work)
{
    depthwise_body(work);
}
