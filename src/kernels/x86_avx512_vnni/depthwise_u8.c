// SPDX-License-Identifier: Apache-2.0
// Depthwise bytes with vpdpbusd.
#include "kernels/template/depthwise_u8.h"
#include "kernels/slots.h"

void mopt__depthwise_u8_avx512_vnni(const struct mopt_depthwise_u8 *work)
{
    depthwise_run(work);
}
