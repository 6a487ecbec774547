// SPDX-License-Identifier: Apache-2.0
// Integer product in plain loops: the measure for every faster form.
#include "kernels/kernels.h"

static uint32_t element(const void *bytes, bool is_signed, int32_t zero_point, int64_t i)
{
    int32_t value = is_signed ? ((const int8_t *)bytes)[i] : ((const uint8_t *)bytes)[i];
    return (uint32_t)(value - zero_point);
}

void mopt__igemm_ref(const void *a, bool a_signed, int32_t za, const void *b, bool b_signed,
                     int32_t zb, int64_t m, int64_t n, int64_t k, int32_t *c)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            uint32_t sum = 0;
            for (int64_t l = 0; l < k; l++) {
                sum += element(a, a_signed, za, i * k + l) * element(b, b_signed, zb, l * n + j);
            }
            c[i * n + j] = (int32_t)sum;
        }
    }
}
