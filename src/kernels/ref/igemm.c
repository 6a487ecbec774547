// SPDX-License-Identifier: Apache-2.0
// Integer product in plain loops: the measure for every faster form.
#include "kernels/kernels.h"

static uint32_t element(const struct mopt_bytes *b, int64_t i)
{
    int32_t value = b->is_signed ? ((const int8_t *)b->data)[i] : ((const uint8_t *)b->data)[i];
    return (uint32_t)(value - b->zero_point);
}

void mopt__igemm_ref(const struct mopt_bytes *a, const struct mopt_bytes *b, int64_t m, int64_t n,
                     int64_t k, int32_t *c)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            uint32_t sum = 0;
            for (int64_t l = 0; l < k; l++) {
                sum += element(a, i * k + l) * element(b, l * n + j);
            }
            c[i * n + j] = (int32_t)sum;
        }
    }
}
