// SPDX-License-Identifier: Apache-2.0
// Elementwise and window kernels on bytes with AVX512.
#include "kernels/template/bytes.h"
#include "kernels/slots.h"

void mopt__quantize_u8_avx512(const float *x, float factor, bool divide, int32_t zero_point,
                              uint8_t *y, size_t n)
{
    bytes_quantize(x, factor, divide, zero_point, y, n);
}

void mopt__dequantize_u8_avx512(const uint8_t *x, float scale, int32_t zero_point, float *y,
                                size_t n)
{
    bytes_dequantize(x, scale, zero_point, y, n);
}

void mopt__sums_u8_avx512(const uint8_t *x, size_t step, size_t pixels, size_t channels,
                          float scale, int32_t zero_point, float *y)
{
    bytes_sums(x, step, pixels, channels, scale, zero_point, y);
}

void mopt__range_f32_avx512(const float *x, size_t n, float *low, float *high)
{
    bytes_range(x, n, low, high);
}

void mopt__add_u8_avx512(const uint8_t *a, const uint8_t *b, const float scales[3],
                         const int32_t zeros[3], const int32_t bounds[2], uint8_t *y, size_t n)
{
    bytes_add(a, b, scales, zeros, bounds, y, n);
}

void mopt__mul_u8_avx512(const uint8_t *a, float scale, const float *b, float y_scale,
                         const int32_t zeros[2], uint8_t *y, size_t n)
{
    bytes_multiply(a, scale, b, y_scale, zeros, y, n);
}

void mopt__scale_u8_avx512(const uint8_t *a, const float *factors, const int32_t zeros[2],
                           uint8_t *y, size_t n)
{
    bytes_scale(a, factors, zeros, y, n);
}

void mopt__max_u8_avx512(const uint8_t *const *x, size_t taps, size_t channels, uint8_t *y)
{
    bytes_max(x, taps, channels, y);
}

uint32_t mopt__total_u8_avx512(const uint8_t *x, size_t n)
{
    return bytes_total(x, n);
}

// The table is 128 words in four vectors; a byte's word comes from two of them, then its half.
struct words {
    __m512i t[4];
};

static inline __m512i word_of(const struct words *words, __m512i index, __m512i half)
{
    __m512i low = _mm512_permutex2var_epi16(words->t[0], index, words->t[1]);
    __m512i high = _mm512_permutex2var_epi16(words->t[2], index, words->t[3]);
    __mmask32 upper = _mm512_test_epi16_mask(index, _mm512_set1_epi16(64));
    return _mm512_srlv_epi16(_mm512_mask_mov_epi16(low, upper, high), half);
}

static inline __m512i look_up(const struct words *words, __m512i x)
{
    const __m512i eight = _mm512_set1_epi16(8);
    const __m512i low_byte = _mm512_set1_epi16(255);
    __m512i even = _mm512_srli_epi16(_mm512_slli_epi16(x, 8), 9);
    __m512i odd = _mm512_srli_epi16(x, 9);
    __m512i even_half = _mm512_and_si512(_mm512_slli_epi16(x, 3), eight);
    __m512i odd_half = _mm512_and_si512(_mm512_srli_epi16(x, 5), eight);
    __m512i low = _mm512_and_si512(word_of(words, even, even_half), low_byte);
    return _mm512_or_si512(low, _mm512_slli_epi16(word_of(words, odd, odd_half), 8));
}

void mopt__lookup_u8_avx512(const uint8_t *x, const uint8_t table[256], uint8_t *y, size_t n)
{
    struct words words;
    for (int i = 0; i < 4; i++) {
        words.t[i] = vb_load(table + 64 * i);
    }
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, look_up(&words, vb_load(x + i)));
    }
    vb_store_n(y + i, look_up(&words, vb_load_n(x + i, n - i)), n - i);
}
