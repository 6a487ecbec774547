// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution of rows of floats with AVX2.
#include "kernels/template/depthwise_f32.h"
#include "kernels/slots.h"

void mopt__depthwise_f32_avx2(const struct mopt_depthwise_f32 *work)
{
    depthwise_body(work);
}
