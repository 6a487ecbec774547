// SPDX-License-Identifier: Apache-2.0
// Winograd transforms with AVX-512.
#include "kernels/template/winograd_f32.h"
#include "kernels/slots.h"

void mopt__winograd_in_f32_avx512(int t, const float *const *x, float *v, size_t v_step,
                                  size_t channels)
{
    if (t == 6) {
        winograd_in_body(6, x, v, v_step, channels);
    } else {
        winograd_in_body(4, x, v, v_step, channels);
    }
}

void mopt__winograd_out_f32_avx512(int t, const struct mopt_winograd_out *work)
{
    if (t == 6) {
        winograd_out_body(6, work);
    } else {
        winograd_out_body(4, work);
    }
}
