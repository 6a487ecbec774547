// SPDX-License-Identifier: Apache-2.0
// The mixed-radix transform in numbers of type double.
#define REAL double
#include "ops/fft_pass.h"

void mopt__fft_double(const struct mopt_fft_plan *plan, size_t lanes, double *data, double *spare)
{
    if (lanes == 1) {
        run_passes(plan, 1, data, spare);
    } else {
        run_passes(plan, MOPT_FFT_LANES, data, spare);
    }
}
