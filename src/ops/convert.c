// SPDX-License-Identifier: Apache-2.0
// Whole-tensor conversion between element types. Sources are read in chunks as double or as 64-bit
// integers, which hold every element exactly; each target then rounds once. It knows nothing of
// nodes.
#include "ops/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/lanes.h"

// ---- Single values ------------------------------------------------------------------------------

// Float nearest to value, or, when that is not exact, the neighbour with an odd last bit: rounding
// the result again to a format that is at least two bits shorter gives what rounding value once
// would give.
static float round_to_odd(double value)
{
    union {
        float number;
        uint32_t bits;
    } near = {.number = (float)value};
    if ((double)near.number == value || isnan(value)) {
        return near.number;
    }
    if (fabs((double)near.number) > fabs(value)) {
        near.bits--; // toward zero; infinity becomes the largest finite number
    }
    near.bits |= 1;
    return near.number;
}

static int64_t double_to_i64(double value)
{
    return value >= -9223372036854775808.0 && value < 9223372036854775808.0 ? (int64_t)value
                                                                            : INT64_MIN;
}

static int32_t double_to_i32(double value)
{
    return value > -2147483649.0 && value < 2147483648.0 ? (int32_t)value : INT32_MIN;
}

static uint64_t double_to_u64(double value)
{
    if (value >= 9223372036854775808.0) {
        return value < 18446744073709551616.0 ? (uint64_t)value : UINT64_MAX;
    }
    return (uint64_t)double_to_i64(value);
}

// float8e8m0 holds 2^(bits-127) only; 255 is NaN. The sign is dropped.
static uint8_t to_e8m0(float value, const struct mopt_convert *options)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (bits >> 23) & 0xFFU;
    uint32_t fraction = bits & 0x7FFFFFU;
    if (exponent == 0xFFU) {
        return fraction == 0 && options->saturate ? 0xFEU : 0xFFU;
    }
    bool up = false;
    if (options->round == MOPT_ROUND_UP) {
        up = fraction != 0;
    } else if (options->round == MOPT_ROUND_NEAREST) {
        up = fraction > 0x400000U || (fraction == 0x400000U && exponent > 0);
    }
    if (up && exponent == 0xFEU && options->saturate) {
        up = false;
    }
    return (uint8_t)(exponent + (up ? 1U : 0U));
}

static void set_nibble(uint8_t *data, size_t i, unsigned bits, unsigned value)
{
    size_t per = 8U / bits;
    unsigned shift = (unsigned)(i % per) * bits;
    unsigned mask = ((1U << bits) - 1U) << shift;
    data[i / per] = (uint8_t)((data[i / per] & ~mask) | ((value << shift) & mask));
}

// ---- Chunks into one target type ----------------------------------------------------------------

static void floats_from_f64(enum mopt_dtype dtype, void *data, size_t first, size_t n,
                            const double *in, const struct mopt_convert *options)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = first + k;
        switch (dtype) {
        case MOPT_FLOAT32:
            ((float *)data)[i] = (float)in[k];
            break;
        case MOPT_FLOAT64:
            ((double *)data)[i] = in[k];
            break;
        case MOPT_FLOAT16:
            ((uint16_t *)data)[i] = mopt__double_to_half(in[k]);
            break;
        case MOPT_BFLOAT16:
            ((uint16_t *)data)[i] = mopt__float_to_bfloat(round_to_odd(in[k]));
            break;
        case MOPT_FLOAT8E8M0:
            ((uint8_t *)data)[i] = to_e8m0((float)in[k], options);
            break;
        case MOPT_FLOAT4E2M1:
            // There is no NaN: the peers make it -0.
            set_nibble(data, i, 4,
                       isnan(in[k]) ? 0x8U
                                    : mopt__float_to_float8(dtype, round_to_odd(in[k]), true));
            break;
        default:
            ((uint8_t *)data)[i] =
                mopt__float_to_float8(dtype, round_to_odd(in[k]), options->saturate);
            break;
        }
    }
}

static void integers_from_f64(enum mopt_dtype dtype, void *data, size_t first, size_t n,
                              const double *in)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = first + k;
        switch (dtype) {
        case MOPT_BOOL:
            ((uint8_t *)data)[i] = in[k] != 0 ? 1 : 0; // NaN is true
            break;
        case MOPT_INT64:
            ((int64_t *)data)[i] = double_to_i64(in[k]);
            break;
        case MOPT_UINT64:
            ((uint64_t *)data)[i] = double_to_u64(in[k]);
            break;
        case MOPT_UINT32:
            ((uint32_t *)data)[i] = (uint32_t)(uint64_t)double_to_i64(in[k]);
            break;
        case MOPT_INT32:
            ((int32_t *)data)[i] = double_to_i32(in[k]);
            break;
        case MOPT_INT16:
        case MOPT_UINT16:
            ((uint16_t *)data)[i] = (uint16_t)(uint32_t)double_to_i32(in[k]);
            break;
        case MOPT_INT8:
        case MOPT_UINT8:
            ((uint8_t *)data)[i] = (uint8_t)(uint32_t)double_to_i32(in[k]);
            break;
        default:
            set_nibble(data, i, mopt__dtype_bits(dtype), (unsigned)double_to_i32(in[k]));
            break;
        }
    }
}

static void integers_from_i64(enum mopt_dtype dtype, void *data, size_t first, size_t n,
                              const int64_t *in)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = first + k;
        uint64_t bits = (uint64_t)in[k];
        switch (dtype) {
        case MOPT_BOOL:
            ((uint8_t *)data)[i] = bits != 0 ? 1 : 0;
            break;
        case MOPT_INT64:
        case MOPT_UINT64:
            ((uint64_t *)data)[i] = bits;
            break;
        case MOPT_INT32:
        case MOPT_UINT32:
            ((uint32_t *)data)[i] = (uint32_t)bits;
            break;
        case MOPT_INT16:
        case MOPT_UINT16:
            ((uint16_t *)data)[i] = (uint16_t)bits;
            break;
        case MOPT_INT8:
        case MOPT_UINT8:
            ((uint8_t *)data)[i] = (uint8_t)bits;
            break;
        default:
            set_nibble(data, i, mopt__dtype_bits(dtype), (unsigned)bits);
            break;
        }
    }
}

// 64-bit integers do not fit into a double: the wide targets take them directly, all others are
// coarser than 2^53 where it matters, so that the odd rounding keeps them right.
static void floats_from_i64(enum mopt_dtype dtype, void *data, size_t first, size_t n,
                            const int64_t *in, bool is_unsigned, const struct mopt_convert *options)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = first + k;
        if (dtype == MOPT_FLOAT32) {
            ((float *)data)[i] = is_unsigned ? (float)(uint64_t)in[k] : (float)in[k];
        } else if (dtype == MOPT_FLOAT64) {
            ((double *)data)[i] = is_unsigned ? (double)(uint64_t)in[k] : (double)in[k];
        } else {
            double value = is_unsigned ? (double)(uint64_t)in[k] : (double)in[k];
            floats_from_f64(dtype, data, i, 1, &value, options);
        }
    }
}

// The same from floats, without branches.
static int32_t float_to_i32(float value)
{
    const bool fits = (value >= -2147483648.0F) & (value < 2147483648.0F);
    return (int32_t)(fits ? value : -2147483648.0F);
}

// The pairs that masks, indices and codes are converted between, as loops that vectorize.
#define LOOP_BY(from_code, from_type, to_code, to_type, expr) \
    case (from_code)*256 + (to_code):                         \
        for (size_t i = 0; i < count; i++) {                  \
            const from_type x = ((const from_type *)from)[i]; \
            ((to_type *)to)[i] = (to_type)(expr);             \
        }                                                     \
        return true;
#define LOOP(from_code, from_type, to_code, to_type) \
    LOOP_BY(from_code, from_type, to_code, to_type, x)
#define LOOPS(from_code, from_type)                           \
    LOOP(from_code, from_type, MOPT_FLOAT32, float)           \
    LOOP(from_code, from_type, MOPT_FLOAT64, double)          \
    LOOP(from_code, from_type, MOPT_INT32, int32_t)           \
    LOOP(from_code, from_type, MOPT_INT64, int64_t)           \
    LOOP_BY(from_code, from_type, MOPT_BOOL, uint8_t, x != 0) \
    LOOP(from_code, from_type, MOPT_UINT8, uint8_t)           \
    LOOP(from_code, from_type, MOPT_INT8, int8_t)
#define FLOAT_LOOPS(from_code, from_type, to_i32)                                \
    LOOP_BY(from_code, from_type, MOPT_INT32, int32_t, to_i32(x))                \
    LOOP_BY(from_code, from_type, MOPT_INT64, int64_t, double_to_i64((double)x)) \
    LOOP_BY(from_code, from_type, MOPT_BOOL, uint8_t, x != 0)                    \
    LOOP_BY(from_code, from_type, MOPT_UINT8, uint8_t, (uint32_t)to_i32(x))      \
    LOOP_BY(from_code, from_type, MOPT_INT8, uint8_t, (uint32_t)to_i32(x))

static bool convert_directly(enum mopt_dtype from_dtype, const void *from, enum mopt_dtype to_dtype,
                             void *to, size_t count)
{
    switch ((int)from_dtype * 256 + (int)to_dtype) {
        LOOPS(MOPT_BOOL, uint8_t)
        LOOPS(MOPT_UINT8, uint8_t)
        LOOPS(MOPT_INT8, int8_t)
        LOOPS(MOPT_INT32, int32_t)
        LOOPS(MOPT_INT64, int64_t)
        FLOAT_LOOPS(MOPT_FLOAT32, float, float_to_i32)
        FLOAT_LOOPS(MOPT_FLOAT64, double, double_to_i32)
        LOOP(MOPT_FLOAT32, float, MOPT_FLOAT64, double)
        LOOP(MOPT_FLOAT64, double, MOPT_FLOAT32, float)
    default:
        return false;
    }
}

static void numbers(struct mopt_tensor *to, const struct mopt_tensor *from,
                    const struct mopt_convert *options)
{
    bool from_float = mopt__dtype_is_float(from->dtype);
    bool to_float = mopt__dtype_is_float(to->dtype);
    void *data = mopt__tensor_data(to);
    if (convert_directly(from->dtype, from->data, to->dtype, data, to->count)) {
        return;
    }
    double reals[MOPT_LANES];
    int64_t integers[MOPT_LANES];
    for (size_t first = 0; first < to->count; first += MOPT_LANES) {
        size_t n = to->count - first < MOPT_LANES ? to->count - first : MOPT_LANES;
        if (from_float) {
            mopt__load_f64(from->dtype, from->data, (int64_t)first, 1, n, reals);
        } else {
            mopt__load_i64(from->dtype, from->data, (int64_t)first, 1, n, integers);
        }
        if (from_float && to_float) {
            floats_from_f64(to->dtype, data, first, n, reals, options);
        } else if (from_float) {
            integers_from_f64(to->dtype, data, first, n, reals);
        } else if (to_float) {
            floats_from_i64(to->dtype, data, first, n, integers,
                            mopt__dtype_is_unsigned(from->dtype), options);
        } else {
            integers_from_i64(to->dtype, data, first, n, integers);
        }
    }
}

// ---- Strings ------------------------------------------------------------------------------------

static enum mopt_status to_text(struct mopt_tensor *to, const struct mopt_tensor *from,
                                struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < to->count; i++) {
        char text[MOPT_NUMBER_TEXT];
        size_t length;
        if (mopt__dtype_is_float(from->dtype)) {
            length = mopt__float_text(from->dtype, mopt__tensor_f64(from, i), text);
        } else {
            int64_t value = mopt__tensor_i64_at(from, i);
            if (from->dtype == MOPT_BOOL) {
                length = (size_t)snprintf(text, sizeof text, "%s", value != 0 ? "True" : "False");
            } else if (from->dtype == MOPT_UINT64) {
                length = (size_t)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value);
            } else {
                length = (size_t)snprintf(text, sizeof text, "%" PRId64, value);
            }
        }
        status = mopt__tensor_set_string(to, i, text, length, err);
    }
    return status;
}

static bool is_word(const struct mopt_string *text, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < length && i < text->size; i++) {
        char c = text->data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != word[i]) {
            return false;
        }
    }
    return text->size == length;
}

static bool text_element(struct mopt_tensor *to, size_t i, const struct mopt_string *text,
                         const struct mopt_convert *options)
{
    void *data = mopt__tensor_data(to);
    if (mopt__dtype_is_float(to->dtype)) {
        double value;
        if (!mopt__text_float(text->data, text->size, &value)) {
            return false;
        }
        floats_from_f64(to->dtype, data, i, 1, &value, options);
        return true;
    }
    int64_t value;
    if (to->dtype == MOPT_BOOL && (is_word(text, "true") || is_word(text, "false"))) {
        value = is_word(text, "true");
    } else if (!mopt__text_integer(text->data, text->size, &value)) {
        return false;
    }
    integers_from_i64(to->dtype, data, i, 1, &value);
    return true;
}

static enum mopt_status from_text(struct mopt_tensor *to, const struct mopt_tensor *from,
                                  const struct mopt_convert *options, struct mopt_error *err)
{
    const struct mopt_string *strings = from->data;
    for (size_t i = 0; i < to->count; i++) {
        if (!text_element(to, i, &strings[i], options)) {
            return mopt_error_set(err, MOPT_E_VALUE, "element %zu, '%.*s', is not a number", i,
                                  (int)(strings[i].size < 40 ? strings[i].size : 40),
                                  strings[i].data);
        }
    }
    return MOPT_OK;
}

static enum mopt_status copy_text(struct mopt_tensor *to, const struct mopt_tensor *from,
                                  struct mopt_error *err)
{
    const struct mopt_string *strings = from->data;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < to->count; i++) {
        status = mopt__tensor_set_string(to, i, strings[i].data, strings[i].size, err);
    }
    return status;
}

static bool is_complex(enum mopt_dtype dtype)
{
    return dtype == MOPT_COMPLEX64 || dtype == MOPT_COMPLEX128;
}

enum mopt_status mopt__convert(struct mopt_tensor *to, const struct mopt_tensor *from,
                               const struct mopt_convert *options, struct mopt_error *err)
{
    if (is_complex(to->dtype) || is_complex(from->dtype)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "conversion from '%s' to '%s'",
                              mopt__dtype_name(from->dtype), mopt__dtype_name(to->dtype));
    }
    if (to->dtype == MOPT_STRING) {
        return from->dtype == MOPT_STRING ? copy_text(to, from, err) : to_text(to, from, err);
    }
    if (to->bytes > 0 && mopt__dtype_bits(to->dtype) < 8) {
        memset(mopt__tensor_data(to), 0, to->bytes); // unused bits of the last byte
    }
    if (from->dtype == MOPT_STRING) {
        return from_text(to, from, options, err);
    }
    numbers(to, from, options);
    return MOPT_OK;
}

// ---- Kernels ------------------------------------------------------------------------------------

static bool is_16(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT16 || dtype == MOPT_BFLOAT16;
}

bool mopt__converts_16(enum mopt_dtype from, enum mopt_dtype to)
{
    return (from == MOPT_FLOAT32 && is_16(to)) || (is_16(from) && to == MOPT_FLOAT32);
}

void mopt__convert_16(const struct mopt_kernels *kernels, enum mopt_dtype from, const void *x,
                      enum mopt_dtype to, void *y, size_t begin, size_t n)
{
    if (from == MOPT_FLOAT16) {
        kernels->half_to_f32((const uint16_t *)x + begin, (float *)y + begin, n);
    } else if (from == MOPT_BFLOAT16) {
        kernels->bfloat_to_f32((const uint16_t *)x + begin, (float *)y + begin, n);
    } else if (to == MOPT_FLOAT16) {
        kernels->f32_to_half((const float *)x + begin, (uint16_t *)y + begin, n);
    } else {
        kernels->f32_to_bfloat((const float *)x + begin, (uint16_t *)y + begin, n);
    }
}
