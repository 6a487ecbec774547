// SPDX-License-Identifier: Apache-2.0
// Depthwise bytes with AVX2.
#include "kernels/template/depthwise_u8.h"
#include "kernels/slots.h"

void mopt__depthwise_u8_avx2(const struct mopt_depthwise_u8 *work)
{
    depthwise_run(work);
}
