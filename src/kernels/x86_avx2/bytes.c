// SPDX-License-Identifier: Apache-2.0
// Elementwise and window kernels on bytes with AVX2.
#include "kernels/template/bytes.h"
#include "kernels/slots.h"

void mopt__quantize_u8_avx2(const float *x, float factor, bool divide, int32_t zero_point,
                            uint8_t *y, size_t n)
{
    bytes_quantize(x, factor, divide, zero_point, y, n);
}

void mopt__dequantize_u8_avx2(const uint8_t *x, float scale, int32_t zero_point, float *y, size_t n)
{
    bytes_dequantize(x, scale, zero_point, y, n);
}

void mopt__sums_u8_avx2(const uint8_t *x, size_t step, size_t pixels, size_t channels, float scale,
                        int32_t zero_point, float *y)
{
    bytes_sums(x, step, pixels, channels, scale, zero_point, y);
}

void mopt__range_f32_avx2(const float *x, size_t n, float *low, float *high)
{
    bytes_range(x, n, low, high);
}

void mopt__add_u8_avx2(const uint8_t *a, const uint8_t *b, const float scales[3],
                       const int32_t zeros[3], const int32_t bounds[2], uint8_t *y, size_t n)
{
    bytes_add(a, b, scales, zeros, bounds, y, n);
}

void mopt__mul_u8_avx2(const uint8_t *a, float scale, const float *b, float y_scale,
                       const int32_t zeros[2], uint8_t *y, size_t n)
{
    bytes_multiply(a, scale, b, y_scale, zeros, y, n);
}

void mopt__scale_u8_avx2(const uint8_t *a, const float *factors, const int32_t zeros[2], uint8_t *y,
                         size_t n)
{
    bytes_scale(a, factors, zeros, y, n);
}

void mopt__max_u8_avx2(const uint8_t *const *x, size_t taps, size_t channels, uint8_t *y)
{
    bytes_max(x, taps, channels, y);
}

uint32_t mopt__total_u8_avx2(const uint8_t *x, size_t n)
{
    return bytes_total(x, n);
}

// Sixteen tables of sixteen bytes: x ^ 16 i stays below 16 for the bytes of table i only; the
// others get their top bit set, which gives 0.
static inline __m256i look_up(const __m256i tables[16], __m256i x)
{
    __m256i found = _mm256_setzero_si256();
    for (int i = 0; i < 16; i++) {
        __m256i index = _mm256_xor_si256(x, _mm256_set1_epi8((char)(16 * i)));
        index = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(tables[i], index));
    }
    return found;
}

void mopt__lookup_u8_avx2(const uint8_t *x, const uint8_t table[256], uint8_t *y, size_t n)
{
    __m256i tables[16];
    for (int i = 0; i < 16; i++) {
        const __m128i *part = (const __m128i *)(const void *)(table + 16 * i);
        tables[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128(part));
    }
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, look_up(tables, vb_load(x + i)));
    }
    vb_store_n(y + i, look_up(tables, vb_load_n(x + i, n - i)), n - i);
}
