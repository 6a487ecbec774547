// SPDX-License-Identifier: Apache-2.0
// Facts about element types and conversion of single elements. Knows nothing of tensors' shapes or
// of operators' rules for casts; one rounding routine serves every small float format.
#include "ir/dtype.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ir/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor data is little-endian in memory: big-endian hosts are not supported");

// ---- Facts --------------------------------------------------------------------------------------

struct fact {
    const char *name;
    unsigned bits;
    char class;
};
static const struct fact facts[MOPT_DTYPE_COUNT] = {[MOPT_UNDEFINED] = {"undefined", 0, '?'},
#define FACT_ROW(id, number, text, bits, class) [number] = {text, bits, class},
                                                    MOPT_DTYPE_LIST(FACT_ROW)
#undef FACT_ROW
};

static const struct fact *fact_of(enum mopt_dtype dtype)
{
    return &facts[mopt__dtype_valid((int)dtype) ? dtype : MOPT_UNDEFINED];
}

const char *mopt__dtype_name(enum mopt_dtype dtype)
{
    return fact_of(dtype)->name;
}

enum mopt_dtype mopt__dtype_find(const char *name)
{
    for (int i = 1; name && i < MOPT_DTYPE_COUNT; i++) {
        if (strcmp(facts[i].name, name) == 0) {
            return (enum mopt_dtype)i;
        }
    }
    return MOPT_UNDEFINED;
}

bool mopt__dtype_valid(int number)
{
    return number > MOPT_UNDEFINED && number < MOPT_DTYPE_COUNT;
}

unsigned mopt__dtype_bits(enum mopt_dtype dtype)
{
    return fact_of(dtype)->bits;
}

bool mopt__dtype_is_float(enum mopt_dtype dtype)
{
    return fact_of(dtype)->class == 'F';
}

bool mopt__dtype_is_signed(enum mopt_dtype dtype)
{
    return fact_of(dtype)->class == 'I';
}

bool mopt__dtype_is_unsigned(enum mopt_dtype dtype)
{
    return fact_of(dtype)->class == 'U';
}

bool mopt__dtype_is_integer(enum mopt_dtype dtype)
{
    return mopt__dtype_is_signed(dtype) || mopt__dtype_is_unsigned(dtype);
}

bool mopt__dtype_bytes(enum mopt_dtype dtype, size_t count, size_t *bytes)
{
    unsigned bits = mopt__dtype_bits(dtype);
    if (dtype == MOPT_STRING) {
        return mopt__size_mul(count, sizeof(struct mopt_string), bytes);
    }
    if (bits >= 8) {
        return mopt__size_mul(count, bits / 8, bytes);
    }
    if (bits == 0) {
        return false;
    }
    size_t per_byte = 8 / bits;
    *bytes = count / per_byte + (count % per_byte != 0);
    return true;
}

// ---- Small float formats ------------------------------------------------------------------------

// A format of sign, exponent and mantissa. Codes of one sign rise with the magnitude, so a
// magnitude is rounded to a code by integer arithmetic only. Sources: IEEE 754-2019 (half), OCP
// OFP8 (e4m3fn, e5m2), OCP MX (e2m1), ONNX "Float stored in 8 bits" (the FNUZ kinds: bias one
// higher, no negative zero, whose code is NaN).
struct format {
    int mantissa;      // bits
    int bias;          // of the exponent
    uint32_t sign;     // bit of the sign
    uint32_t max;      // code of the largest finite value
    uint32_t infinity; // code, 0: the format has none
    uint32_t nan;      // code, 0: the format has none
    bool fnuz;         // one zero; `nan` carries no sign
};
static const struct format half_format = {10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00, false};
static const struct format bfloat_format = {7, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0, false};
static const struct format e4m3fn_format = {3, 7, 0x80, 0x7e, 0, 0x7f, false};
static const struct format e4m3fnuz_format = {3, 8, 0x80, 0x7f, 0, 0x80, true};
static const struct format e5m2_format = {2, 15, 0x80, 0x7b, 0x7c, 0x7e, false};
static const struct format e5m2fnuz_format = {2, 16, 0x80, 0x7f, 0, 0x80, true};
static const struct format e2m1_format = {1, 1, 0x8, 0x7, 0, 0, false};

static const struct format *small_format(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_FLOAT8E4M3FN:
        return &e4m3fn_format;
    case MOPT_FLOAT8E4M3FNUZ:
        return &e4m3fnuz_format;
    case MOPT_FLOAT8E5M2:
        return &e5m2_format;
    case MOPT_FLOAT8E5M2FNUZ:
        return &e5m2fnuz_format;
    case MOPT_FLOAT4E2M1:
        return &e2m1_format;
    default:
        return NULL;
    }
}

// value / 2^shift rounded to the nearest integer, ties to even; value < 2^63.
static uint64_t shift_to_even(uint64_t value, int shift)
{
    if (shift <= 0) {
        return value;
    }
    if (shift > 63) {
        return 0;
    }
    uint64_t kept = value >> shift;
    uint64_t rest = value - (kept << shift);
    uint64_t tie = UINT64_C(1) << (shift - 1);
    return kept + (rest > tie || (rest == tie && (kept & 1)));
}

// Code of a finite magnitude >= 0, rounded to nearest even, as if the exponent field had no end.
static uint64_t encode_magnitude(const struct format *format, double magnitude)
{
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    if (exponent == -1023) {
        return 0; // zero, and double's subnormals: far below every small format
    }
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1) << 52);
    int lowest = 1 - format->bias;
    int above = exponent - lowest;
    int shift = 52 - format->mantissa;
    if (above < 0) {
        return shift_to_even(mantissa, shift - above);
    }
    return ((uint64_t)above << format->mantissa) + shift_to_even(mantissa, shift);
}

static uint32_t encode(const struct format *format, double value, bool saturate)
{
    uint32_t sign = signbit(value) ? format->sign : 0;
    if (isnan(value)) {
        return format->fnuz ? format->nan : format->nan ? format->nan | sign : format->max;
    }
    uint64_t code = isinf(value) ? UINT64_MAX : encode_magnitude(format, fabs(value));
    if (code > format->max) {
        if (saturate) {
            return format->max | sign;
        }
        uint32_t over = format->infinity ? format->infinity : format->nan;
        return format->fnuz ? over : over | sign;
    }
    return code == 0 && format->fnuz ? 0 : (uint32_t)code | sign;
}

static double decode(const struct format *format, uint32_t code)
{
    uint32_t magnitude = code & (format->sign - 1);
    double sign = (code & format->sign) ? -1.0 : 1.0;
    if (format->fnuz && code == format->nan) {
        return NAN;
    }
    if (magnitude > format->max) {
        return magnitude == format->infinity ? sign * (double)INFINITY
                                             : copysign((double)NAN, sign);
    }
    int exponent = (int)(magnitude >> format->mantissa);
    uint32_t fraction = magnitude & ((1U << format->mantissa) - 1);
    if (exponent > 0) {
        fraction |= 1U << format->mantissa;
    } else {
        exponent = 1;
    }
    return sign * ldexp((double)fraction, exponent - format->bias - format->mantissa);
}

float mopt__half_to_float(uint16_t bits)
{
    return (float)decode(&half_format, bits);
}

uint16_t mopt__float_to_half(float value)
{
    return (uint16_t)encode(&half_format, (double)value, false);
}

uint16_t mopt__double_to_half(double value)
{
    return (uint16_t)encode(&half_format, value, false);
}

float mopt__bfloat_to_float(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t mopt__float_to_bfloat(float value)
{
    return (uint16_t)encode(&bfloat_format, (double)value, false);
}

// Exponent-only format of the OCP MX scales: code c is 2^(c-127), 255 is NaN; no sign, no zero.
static double decode_e8m0(uint8_t bits)
{
    return bits == 255 ? (double)NAN : ldexp(1.0, (int)bits - 127);
}

static uint8_t encode_e8m0(double x, bool saturate, enum mopt_e8m0_round rounding)
{
    if (isnan(x) || x < 0.0 || (!saturate && (isinf(x) || x < 0x1p-127))) {
        return 255;
    }
    if (isinf(x) || x <= 0x1p-127) {
        return x > 1.0 ? 254 : 0;
    }
    int exponent;
    double fraction = 2.0 * frexp(x, &exponent); // x = fraction * 2^(exponent-1), 1 <= fraction < 2
    int code = exponent - 1 + 127;
    if (rounding == MOPT_E8M0_UP) {
        code += fraction > 1.0;
    } else if (rounding == MOPT_E8M0_NEAREST) {
        code += fraction >= 1.5;
    }
    return (uint8_t)(code < 255 ? code : saturate ? 254 : 255);
}

uint8_t mopt__float_to_e8m0(float value, bool saturate, enum mopt_e8m0_round rounding)
{
    return encode_e8m0((double)value, saturate, rounding);
}

float mopt__float8_to_float(enum mopt_dtype dtype, uint8_t bits)
{
    const struct format *format = small_format(dtype);
    assert(format || dtype == MOPT_FLOAT8E8M0);
    return (float)(format ? decode(format, bits) : decode_e8m0(bits));
}

uint8_t mopt__float_to_float8(enum mopt_dtype dtype, float value, bool saturate)
{
    const struct format *format = small_format(dtype);
    assert(format || dtype == MOPT_FLOAT8E8M0);
    if (!format) {
        return mopt__float_to_e8m0(value, saturate, MOPT_E8M0_NEAREST);
    }
    // float4 has neither infinity nor NaN: it always saturates.
    return (uint8_t)encode(format, (double)value, saturate || dtype == MOPT_FLOAT4E2M1);
}

// ---- Elements of packed arrays ------------------------------------------------------------------

// Bit field i of a sub-byte array; low bits first.
static unsigned load_bits(const void *data, size_t i, unsigned bits)
{
    size_t per_byte = 8 / bits;
    const uint8_t *byte = (const uint8_t *)data + i / per_byte;
    return ((unsigned)*byte >> (bits * (unsigned)(i % per_byte))) & ((1U << bits) - 1);
}

static void store_bits(void *data, size_t i, unsigned bits, unsigned value)
{
    size_t per_byte = 8 / bits;
    uint8_t *byte = (uint8_t *)data + i / per_byte;
    unsigned shift = bits * (unsigned)(i % per_byte);
    unsigned mask = ((1U << bits) - 1) << shift;
    *byte = (uint8_t)((*byte & ~mask) | ((value << shift) & mask));
}

// Bytes of element i, for types of whole bytes; memcpy because borrowed data may have any
// alignment.
static uint64_t load_word(const void *data, size_t i, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, (const uint8_t *)data + i * bytes, bytes);
    return word;
}

static void store_word(void *data, size_t i, size_t bytes, uint64_t word)
{
    memcpy((uint8_t *)data + i * bytes, &word, bytes);
}

static float load_float(const void *data, size_t i)
{
    float value;
    memcpy(&value, (const uint8_t *)data + i * sizeof value, sizeof value);
    return value;
}

static double load_double(const void *data, size_t i)
{
    double value;
    memcpy(&value, (const uint8_t *)data + i * sizeof value, sizeof value);
    return value;
}

int64_t mopt__element_i64(enum mopt_dtype dtype, const void *data, size_t i)
{
    unsigned bits = mopt__dtype_bits(dtype);
    bool integer = mopt__dtype_is_integer(dtype);
    assert(integer || dtype == MOPT_BOOL);
    if (dtype == MOPT_BOOL) {
        return ((const uint8_t *)data)[i] != 0;
    }
    if (!integer) {
        return 0;
    }
    uint64_t word = bits < 8 ? load_bits(data, i, bits) : load_word(data, i, bits / 8);
    uint64_t sign = UINT64_C(1) << (bits - 1);
    if (mopt__dtype_is_signed(dtype)) {
        word = (word ^ sign) - sign;
    }
    return (int64_t)word;
}

void mopt__element_set_i64(enum mopt_dtype dtype, void *data, size_t i, int64_t value)
{
    unsigned bits = mopt__dtype_bits(dtype);
    bool integer = mopt__dtype_is_integer(dtype);
    assert(integer || dtype == MOPT_BOOL);
    if (dtype == MOPT_BOOL) {
        ((uint8_t *)data)[i] = value != 0;
    } else if (integer && bits < 8) {
        store_bits(data, i, bits, (unsigned)((uint64_t)value & 0xff));
    } else if (integer) {
        store_word(data, i, bits / 8, (uint64_t)value);
    }
}

double mopt__element_f64(enum mopt_dtype dtype, const void *data, size_t i)
{
    switch (dtype) {
    case MOPT_FLOAT32:
        return (double)load_float(data, i);
    case MOPT_FLOAT64:
        return load_double(data, i);
    case MOPT_FLOAT16:
        return (double)mopt__half_to_float((uint16_t)load_word(data, i, 2));
    case MOPT_BFLOAT16:
        return (double)mopt__bfloat_to_float((uint16_t)load_word(data, i, 2));
    case MOPT_FLOAT8E4M3FN:
    case MOPT_FLOAT8E4M3FNUZ:
    case MOPT_FLOAT8E5M2:
    case MOPT_FLOAT8E5M2FNUZ:
        return decode(small_format(dtype), ((const uint8_t *)data)[i]);
    case MOPT_FLOAT8E8M0:
        return decode_e8m0(((const uint8_t *)data)[i]);
    case MOPT_FLOAT4E2M1:
        return decode(&e2m1_format, load_bits(data, i, 4));
    case MOPT_UINT64:
        return (double)load_word(data, i, 8);
    case MOPT_STRING:
    case MOPT_COMPLEX64:
    case MOPT_COMPLEX128:
    case MOPT_UNDEFINED:
    case MOPT_DTYPE_COUNT:
        assert(false && "element type has no single number");
        return 0.0;
    default:
        return (double)mopt__element_i64(dtype, data, i);
    }
}

void mopt__element_set_f64(enum mopt_dtype dtype, void *data, size_t i, double value)
{
    float single = (float)value;
    switch (dtype) {
    case MOPT_FLOAT32:
        memcpy((uint8_t *)data + i * sizeof single, &single, sizeof single);
        break;
    case MOPT_FLOAT64:
        memcpy((uint8_t *)data + i * sizeof value, &value, sizeof value);
        break;
    case MOPT_FLOAT16:
        store_word(data, i, 2, mopt__double_to_half(value));
        break;
    case MOPT_BFLOAT16:
        store_word(data, i, 2, encode(&bfloat_format, value, false));
        break;
    case MOPT_FLOAT8E4M3FN:
    case MOPT_FLOAT8E4M3FNUZ:
    case MOPT_FLOAT8E5M2:
    case MOPT_FLOAT8E5M2FNUZ:
        ((uint8_t *)data)[i] = (uint8_t)encode(small_format(dtype), value, true);
        break;
    case MOPT_FLOAT8E8M0:
        ((uint8_t *)data)[i] = encode_e8m0(value, true, MOPT_E8M0_NEAREST);
        break;
    case MOPT_FLOAT4E2M1:
        store_bits(data, i, 4, encode(&e2m1_format, value, true));
        break;
    case MOPT_BOOL:
        ((uint8_t *)data)[i] = value != 0.0;
        break;
    case MOPT_UINT64:
        store_word(data, i, 8, (uint64_t)value);
        break;
    case MOPT_STRING:
    case MOPT_COMPLEX64:
    case MOPT_COMPLEX128:
    case MOPT_UNDEFINED:
    case MOPT_DTYPE_COUNT:
        assert(false && "element type has no single number");
        break;
    default:
        mopt__element_set_i64(dtype, data, i, (int64_t)value);
        break;
    }
}
