// SPDX-License-Identifier: Apache-2.0
// The mixed-radix transform in numbers of type float.
#define REAL float
#include "ops/fft_pass.h"

void mopt__fft_float(const struct mopt_fft_plan *plan, size_t lanes, float *data, float *spare)
{
    if (lanes == 1) {
        run_passes(plan, 1, data, spare);
    } else {
        run_passes(plan, MOPT_FFT_LANES, data, spare);
    }
}
