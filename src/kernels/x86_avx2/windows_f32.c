// SPDX-License-Identifier: Apache-2.0
// Pooling of output pixels with AVX2.
#include "kernels/template/windows_f32.h"
#include "kernels/slots.h"

void mopt__max_f32_avx2(const struct mopt_window_f32 *window)
{
    max_body(window);
}

void mopt__average_f32_avx2(const struct mopt_window_f32 *window)
{
    average_body(window);
}
