// SPDX-License-Identifier: Apache-2.0
// Conversion of runs of elements; see lanes.h.
#include "ops/lanes.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

#define PLAIN_INTEGERS(X)    \
    X(MOPT_INT8, int8_t)     \
    X(MOPT_UINT8, uint8_t)   \
    X(MOPT_BOOL, uint8_t)    \
    X(MOPT_INT16, int16_t)   \
    X(MOPT_UINT16, uint16_t) \
    X(MOPT_INT32, int32_t)   \
    X(MOPT_UINT32, uint32_t) \
    X(MOPT_INT64, int64_t)   \
    X(MOPT_UINT64, uint64_t)
#define PLAIN(X) X(MOPT_FLOAT32, float) X(MOPT_FLOAT64, double) PLAIN_INTEGERS(X)

bool mopt__lanes_narrow(enum mopt_dtype dtype)
{
    return mopt__dtype_is_float(dtype) && dtype != MOPT_FLOAT32 && dtype != MOPT_FLOAT64;
}

size_t mopt__lanes_size(enum mopt_dtype dtype)
{
    return dtype == MOPT_STRING ? sizeof(struct mopt_string) : mopt__dtype_bits(dtype) / 8;
}

int64_t mopt__saturate_i64(double value, int64_t low, int64_t high)
{
    if (isnan(value)) {
        return 0;
    }
    if (value <= (double)low) {
        return low;
    }
    return value >= (double)high ? high : (int64_t)value;
}

enum mopt_status mopt__index_check(int64_t index, int64_t size, int64_t *out,
                                   struct mopt_error *err)
{
    if (index < -size || index >= size) {
        return mopt_error_set(err, MOPT_E_VALUE, "index %lld is outside [%lld, %lld]",
                              (long long)index, (long long)-size, (long long)(size - 1));
    }
    *out = index < 0 ? index + size : index;
    return MOPT_OK;
}

// ---- 16-bit floats, written for runs of many -------------------------------------------------------------------

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Exponents move by 112; numbers below 2^-14 are multiples of 2^-24.
static float from_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t rest = half & 0x7fff;
    if (rest >= 0x7c00) {
        return bits_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    }
    if (rest >= 0x400) {
        return bits_float(sign | ((rest << 13) + (112u << 23)));
    }
    return bits_float(sign | float_bits((float)rest * 0x1p-24f));
}

// Ties to even: half the last place less one, plus the last bit kept, then cut.
static uint16_t to_half(float x)
{
    const uint32_t bits = float_bits(x);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t size = bits & 0x7fffffff;
    if (size > 0x7f800000) {
        return (uint16_t)(sign | 0x7e00);
    }
    if (size >= 0x477ff000) { // 65520: half way to the next power
        return (uint16_t)(sign | 0x7c00);
    }
    if (size >= 0x38800000) { // 2^-14
        return (uint16_t)(sign | (size - (112u << 23) + 0xfff + (size >> 13 & 1)) >> 13);
    }
    // adding 0.5 leaves multiples of 2^-24 in the last places
    return (uint16_t)(sign | (float_bits(bits_float(size) + 0.5f) - float_bits(0.5f)));
}

static uint16_t to_bfloat(float x)
{
    const uint32_t bits = float_bits(x);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return (uint16_t)((bits >> 16 & 0x8000) | 0x7fc0);
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// The float next to x toward zero, last bit set when x is not a float: rounding it again rounds x
// once.
static float odd_float(double x)
{
    const float near = (float)x;
    if ((double)near == x || isnan(x)) {
        return near;
    }
    uint32_t bits = float_bits(near);
    bits -= fabs((double)near) > fabs(x);
    return bits_float(bits | 1);
}

#define LOAD(id, T)                                 \
    case id: {                                      \
        const T *p = (const T *)data + first;       \
        for (size_t i = 0; i < n; i++) {            \
            out[i] = (LOAD_TO)p[(int64_t)i * step]; \
        }                                           \
        return;                                     \
    }

void mopt__load_f32(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    float *out)
{
    switch (dtype) {
#define LOAD_TO float
        PLAIN(LOAD)
#undef LOAD_TO
    case MOPT_FLOAT16:
        for (size_t i = 0; i < n; i++) {
            out[i] = from_half(((const uint16_t *)data)[first + (int64_t)i * step]);
        }
        return;
    case MOPT_BFLOAT16:
        for (size_t i = 0; i < n; i++) {
            out[i] = mopt__bfloat_to_float(((const uint16_t *)data)[first + (int64_t)i * step]);
        }
        return;
    default:
        for (size_t i = 0; i < n; i++) {
            out[i] = (float)mopt__element_f64(dtype, data, (size_t)(first + (int64_t)i * step));
        }
    }
}

void mopt__load_f64(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    double *out)
{
    switch (dtype) {
#define LOAD_TO double
        PLAIN(LOAD)
#undef LOAD_TO
    case MOPT_FLOAT16:
        for (size_t i = 0; i < n; i++) {
            out[i] = (double)from_half(((const uint16_t *)data)[first + (int64_t)i * step]);
        }
        return;
    case MOPT_BFLOAT16:
        for (size_t i = 0; i < n; i++) {
            const uint16_t bits = ((const uint16_t *)data)[first + (int64_t)i * step];
            out[i] = (double)mopt__bfloat_to_float(bits);
        }
        return;
    default:
        for (size_t i = 0; i < n; i++) {
            out[i] = mopt__element_f64(dtype, data, (size_t)(first + (int64_t)i * step));
        }
    }
}

void mopt__load_i64(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    int64_t *out)
{
    switch (dtype) {
#define LOAD_TO int64_t
        PLAIN_INTEGERS(LOAD)
#undef LOAD_TO
    default:
        for (size_t i = 0; i < n; i++) {
            out[i] = mopt__element_i64(dtype, data, (size_t)(first + (int64_t)i * step));
        }
    }
}

// The order of the bits of numbers, without branches: negative ones are turned over.
static inline __attribute__((always_inline)) void float_keys(const float *x, int64_t step, size_t n,
                                                             uint64_t *keys)
{
    for (size_t i = 0; i < n; i++) {
        const float value = x[(int64_t)i * step] + 0.0f; // -0 becomes 0
        const uint32_t bits = float_bits(value);
        const uint32_t key = bits ^ ((0 - (bits >> 31)) | 0x80000000u);
        keys[i] = key | (0 - (uint64_t)((bits & 0x7fffffff) > 0x7f800000));
    }
}

void mopt__load_keys(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                     uint64_t *keys)
{
    const uint64_t top = UINT64_C(1) << 63;
    if (dtype == MOPT_FLOAT32) {
        if (step == 1) {
            float_keys((const float *)data + first, 1, n, keys);
        } else {
            float_keys((const float *)data + first, step, n, keys);
        }
        return;
    }
    for (size_t at = 0; at < n; at += MOPT_LANES) {
        const size_t part = n - at < MOPT_LANES ? n - at : MOPT_LANES;
        const int64_t from = first + (int64_t)at * step;
        if (!mopt__dtype_is_float(dtype)) {
            int64_t x[MOPT_LANES];
            const uint64_t flip = mopt__dtype_is_signed(dtype) ? top : 0;
            mopt__load_i64(dtype, data, from, step, part, x);
            for (size_t i = 0; i < part; i++) {
                keys[at + i] = (uint64_t)x[i] ^ flip;
            }
            continue;
        }
        double x[MOPT_LANES];
        mopt__load_f64(dtype, data, from, step, part, x);
        for (size_t i = 0; i < part; i++) {
            const double value = x[i] + 0.0; // -0 becomes 0
            uint64_t bits = 0;
            memcpy(&bits, &value, sizeof bits);
            keys[at + i] = isnan(value) ? UINT64_MAX : (bits & top) != 0 ? ~bits : bits | top;
        }
    }
}

// Range of an integer type as doubles that truncation may be compared with.
static double store_integer(enum mopt_dtype dtype, double value)
{
    const unsigned bits = mopt__dtype_bits(dtype);
    const bool is_signed = mopt__dtype_is_signed(dtype);
    const double high = ldexp(1.0, (int)(is_signed ? bits - 1 : bits)) - 1;
    const double low = is_signed ? -ldexp(1.0, (int)bits - 1) : 0.0;
    if (isnan(value)) {
        return 0.0;
    }
    return value < low ? low : value > high ? high : trunc(value);
}

static void store_element(enum mopt_dtype dtype, void *data, size_t i, double value)
{
    if (dtype == MOPT_BOOL) {
        ((uint8_t *)data)[i] = value != 0.0;
    } else if (dtype == MOPT_INT64) {
        ((int64_t *)data)[i] = mopt__saturate_i64(value, INT64_MIN, INT64_MAX);
    } else if (dtype == MOPT_UINT64) {
        const bool fits = value > 0 && value < 18446744073709551616.0;
        ((uint64_t *)data)[i] = fits ? (uint64_t)value : value > 0 ? UINT64_MAX : 0;
    } else if (mopt__dtype_is_integer(dtype)) {
        mopt__element_set_i64(dtype, data, i, (int64_t)store_integer(dtype, value));
    } else {
        mopt__element_set_f64(dtype, data, i, value);
    }
}

void mopt__store_f32(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const float *in)
{
    uint16_t *half = (uint16_t *)data + first;
    switch (dtype) {
    case MOPT_FLOAT32:
        memcpy((float *)data + first, in, n * sizeof *in);
        return;
    case MOPT_FLOAT16:
        for (size_t i = 0; i < n; i++) {
            half[i] = to_half(in[i]);
        }
        return;
    case MOPT_BFLOAT16:
        for (size_t i = 0; i < n; i++) {
            half[i] = to_bfloat(in[i]);
        }
        return;
    default:
        for (size_t i = 0; i < n; i++) {
            store_element(dtype, data, (size_t)first + i, (double)in[i]);
        }
    }
}

void mopt__store_f64(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const double *in)
{
    uint16_t *half = (uint16_t *)data + first;
    switch (dtype) {
    case MOPT_FLOAT32:
        for (size_t i = 0; i < n; i++) {
            ((float *)data)[first + (int64_t)i] = (float)in[i];
        }
        return;
    case MOPT_FLOAT64:
        memcpy((double *)data + first, in, n * sizeof *in);
        return;
    case MOPT_FLOAT16:
        for (size_t i = 0; i < n; i++) {
            half[i] = to_half(odd_float(in[i]));
        }
        return;
    case MOPT_BFLOAT16:
        for (size_t i = 0; i < n; i++) {
            half[i] = to_bfloat(odd_float(in[i]));
        }
        return;
    default:
        for (size_t i = 0; i < n; i++) {
            store_element(dtype, data, (size_t)first + i, in[i]);
        }
    }
}

void mopt__store_i64(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const int64_t *in)
{
    switch (dtype) {
#define STORE(id, T)                                             \
    case id: {                                                   \
        T *p = (T *)data + first;                                \
        for (size_t i = 0; i < n; i++) {                         \
            p[i] = id == MOPT_BOOL ? (T)(in[i] != 0) : (T)in[i]; \
        }                                                        \
        return;                                                  \
    }
        PLAIN_INTEGERS(STORE)
#undef STORE
    default:
        for (size_t i = 0; i < n; i++) {
            mopt__element_set_i64(dtype, data, (size_t)first + i, in[i]);
        }
    }
}
