// SPDX-License-Identifier: Apache-2.0
// Element types: the table of facts against the ONNX numbers, every code of the small floats
// against the formula of its format, rounding against a search through all codes, and the special
// values of the ONNX Cast tables.
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "ir/dtype.h"
#include "ir/tensor.h"
#include "tests.h"

static void facts_are_those_of_onnx(void **state)
{
    (void)state;
    assert_int_equal(MOPT_FLOAT32, 1);
    assert_int_equal(MOPT_INT2, 26);
    assert_string_equal(mopt__dtype_name(MOPT_FLOAT32), "float");
    assert_string_equal(mopt__dtype_name((enum mopt_dtype)27), "undefined");
    assert_string_equal(mopt__dtype_name((enum mopt_dtype) - 1), "undefined");
    for (int i = 1; i <= 26; i++) {
        assert_true(mopt__dtype_valid(i));
        assert_int_equal(mopt__dtype_find(mopt__dtype_name((enum mopt_dtype)i)), i);
    }
    assert_false(mopt__dtype_valid(0));
    assert_false(mopt__dtype_valid(27));
    assert_int_equal(mopt__dtype_find("float128"), MOPT_UNDEFINED);
    assert_int_equal(mopt__dtype_find("undefined"), MOPT_UNDEFINED);
    assert_int_equal(mopt__dtype_bits(MOPT_COMPLEX128), 128);
    assert_int_equal(mopt__dtype_bits(MOPT_UINT2), 2);
    assert_int_equal(mopt__dtype_bits(MOPT_STRING), 0);
}

static void classes_do_not_overlap(void **state)
{
    (void)state;
    uint64_t floats = 0;
    uint64_t integers = 0;
    for (int i = 1; i <= 26; i++) {
        enum mopt_dtype dtype = (enum mopt_dtype)i;
        int classes = mopt__dtype_is_float(dtype) + mopt__dtype_is_signed(dtype) +
                      mopt__dtype_is_unsigned(dtype);
        assert_true(classes <= 1);
        floats |= mopt__dtype_is_float(dtype) ? MOPT_DT(dtype) : 0;
        integers |= mopt__dtype_is_integer(dtype) ? MOPT_DT(dtype) : 0;
    }
    assert_int_equal(floats, MOPT_DT(1) | MOPT_DT(10) | MOPT_DT(11) | MOPT_DT(16) | MOPT_DT(17) |
                                 MOPT_DT(18) | MOPT_DT(19) | MOPT_DT(20) | MOPT_DT(23) |
                                 MOPT_DT(24));
    assert_int_equal(integers, MOPT_DT(2) | MOPT_DT(3) | MOPT_DT(4) | MOPT_DT(5) | MOPT_DT(6) |
                                   MOPT_DT(7) | MOPT_DT(12) | MOPT_DT(13) | MOPT_DT(21) |
                                   MOPT_DT(22) | MOPT_DT(25) | MOPT_DT(26));
    assert_false(mopt__dtype_is_integer(MOPT_BOOL));
}

static void sizes_round_up_and_are_checked(void **state)
{
    (void)state;
    size_t bytes;
    assert_true(mopt__dtype_bytes(MOPT_INT4, 3, &bytes) && bytes == 2);
    assert_true(mopt__dtype_bytes(MOPT_UINT2, 4, &bytes) && bytes == 1);
    assert_true(mopt__dtype_bytes(MOPT_UINT2, 5, &bytes) && bytes == 2);
    assert_true(mopt__dtype_bytes(MOPT_UINT2, SIZE_MAX, &bytes) && bytes == SIZE_MAX / 4 + 1);
    assert_true(mopt__dtype_bytes(MOPT_COMPLEX128, 2, &bytes) && bytes == 32);
    assert_true(mopt__dtype_bytes(MOPT_STRING, 2, &bytes) &&
                bytes == 2 * sizeof(struct mopt_string));
    assert_true(mopt__dtype_bytes(MOPT_FLOAT32, 0, &bytes) && bytes == 0);
    assert_false(mopt__dtype_bytes(MOPT_FLOAT32, SIZE_MAX / 4 + 1, &bytes));
    assert_false(mopt__dtype_bytes(MOPT_STRING, SIZE_MAX / 8, &bytes));
    assert_false(mopt__dtype_bytes(MOPT_UNDEFINED, 1, &bytes));
}

// ---- Small floats -------------------------------------------------------------------------------

struct layout {
    enum mopt_dtype dtype;
    int exponent, mantissa, bias;
    uint32_t max, infinity,
        nan; // without sign; 0: none. nan of the FNUZ kinds is the sign bit alone
    bool fnuz;
};
static const struct layout layouts[] = {
    {MOPT_FLOAT16, 5, 10, 15, 0x7bff, 0x7c00, 0x7e00, false},
    {MOPT_BFLOAT16, 8, 7, 127, 0x7f7f, 0x7f80, 0x7fc0, false},
    {MOPT_FLOAT8E4M3FN, 4, 3, 7, 0x7e, 0, 0x7f, false},
    {MOPT_FLOAT8E4M3FNUZ, 4, 3, 8, 0x7f, 0, 0x80, true},
    {MOPT_FLOAT8E5M2, 5, 2, 15, 0x7b, 0x7c, 0x7e, false},
    {MOPT_FLOAT8E5M2FNUZ, 5, 2, 16, 0x7f, 0, 0x80, true},
    {MOPT_FLOAT4E2M1, 2, 1, 1, 0x7, 0, 0, false},
};

static double get(enum mopt_dtype dtype, uint32_t code)
{
    uint8_t raw[4];
    memcpy(raw, &code, 4);
    return mopt__element_f64(dtype, raw, 0);
}

static uint32_t put(enum mopt_dtype dtype, double value)
{
    uint32_t code = 0;
    mopt__element_set_f64(dtype, &code, 0, value);
    return code;
}

// (-1)^s * 2^(e-bias) * 1.m, or 2^(1-bias) * 0.m for e = 0, written with pow on purpose.
static double formula(const struct layout *layout, uint32_t code)
{
    uint32_t sign = (code >> (layout->exponent + layout->mantissa)) & 1;
    int e = (int)((code >> layout->mantissa) & ((1U << layout->exponent) - 1));
    double m = (double)(code & ((1U << layout->mantissa) - 1)) / pow(2.0, layout->mantissa);
    double value = e == 0 ? m * pow(2.0, 1 - layout->bias) : (1.0 + m) * pow(2.0, e - layout->bias);
    return sign ? -value : value;
}

static void every_code_has_the_value_of_its_formula(void **state)
{
    (void)state;
    for (size_t k = 0; k < MOPT_COUNTOF(layouts); k++) {
        const struct layout *layout = &layouts[k];
        uint32_t sign = 1U << (layout->exponent + layout->mantissa);
        for (uint32_t code = 0; code < 2 * sign; code++) {
            double value = get(layout->dtype, code);
            uint32_t magnitude = code & (sign - 1);
            if (layout->fnuz && code == layout->nan) {
                assert_true(isnan(value));
            } else if (magnitude <= layout->max) {
                assert_true(value == formula(layout, code));
                assert_int_equal(signbit(value) != 0, code >= sign);
                assert_int_equal(put(layout->dtype, value), code); // and back
            } else if (magnitude == layout->infinity) {
                assert_true(isinf(value) && (value < 0) == (code >= sign));
            } else {
                assert_true(isnan(value));
            }
        }
    }
}

// Nearest finite code by search; ties to the even one. Values inside the finite range only.
static uint32_t search(const struct layout *layout, double value)
{
    uint32_t best = 0;
    double distance = INFINITY;
    for (uint32_t code = 0; code <= layout->max; code++) {
        double d = fabs(formula(layout, code) - fabs(value));
        if (d < distance || (d == distance && (code & 1) == 0)) {
            best = code;
            distance = d;
        }
    }
    uint32_t sign = 1U << (layout->exponent + layout->mantissa);
    return signbit(value) && !(layout->fnuz && best == 0) ? best | sign : best;
}

static void check_rounding(const struct layout *layout, double value)
{
    if (fabs(value) <= formula(layout, layout->max)) {
        assert_int_equal(put(layout->dtype, value), search(layout, value));
    }
}

static void rounding_finds_the_nearest_even_code(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    for (size_t k = 0; k < MOPT_COUNTOF(layouts); k++) {
        const struct layout *layout = &layouts[k];
        bool small = layout->max < 0x100;
        for (int i = 0; i < (small ? 4000 : 60); i++) {
            int lowest = 1 - layout->bias - layout->mantissa - 2;
            int span = layout->bias - lowest + 2;
            int scale = lowest + (int)mopt__rng_below(&rng, (uint64_t)span);
            check_rounding(layout, mopt__rng_normal(&rng) * ldexp(1.0, scale));
        }
        for (uint32_t i = 0; i < (small ? layout->max : 40); i++) {
            uint32_t code = small ? i : (uint32_t)mopt__rng_below(&rng, layout->max);
            double middle = (formula(layout, code) + formula(layout, code + 1)) / 2;
            check_rounding(layout, middle);
            check_rounding(layout, -nextafter(middle, 0.0));
            check_rounding(layout, nextafter(middle, INFINITY));
        }
    }
}

static void halves_overflow_to_infinity(void **state)
{
    (void)state;
    assert_int_equal(mopt__float_to_half(65504.0F), 0x7bff);
    assert_int_equal(mopt__float_to_half(65519.99F), 0x7bff);
    assert_int_equal(mopt__float_to_half(65520.0F), 0x7c00);
    assert_int_equal(mopt__float_to_half(-1e30F), 0xfc00);
    assert_int_equal(mopt__float_to_half(NAN) & 0x7fff, 0x7e00);
    assert_int_equal(mopt__float_to_half(-0.0F), 0x8000);
    assert_int_equal(mopt__float_to_half(0x1p-25F), 0x0000); // half of the least: to even
    assert_int_equal(mopt__float_to_half(0x1.002p-25F), 0x0001);
    // One rounding, not two: through float this would be a tie and go to even.
    assert_int_equal(mopt__double_to_half(1.0 + 0x1p-11 + 0x1p-40), 0x3c01);
    assert_int_equal(mopt__float_to_half((float)(1.0 + 0x1p-11 + 0x1p-40)), 0x3c00);
    assert_int_equal(mopt__float_to_bfloat(3.4028235e38F), 0x7f80);
    assert_int_equal(mopt__float_to_bfloat(-INFINITY), 0xff80);
    assert_int_equal(mopt__float_to_bfloat(0x1p-133F), 0x0001);
    assert_true(isnan((double)mopt__bfloat_to_float(mopt__float_to_bfloat(NAN))));
}

// Rows of the two tables of ONNX Cast: value, then the codes of e4m3fn, e4m3fnuz, e5m2, e5m2fnuz.
struct cast_row {
    float value;
    bool saturate;
    uint8_t codes[4];
};
static const struct cast_row cast_rows[] = {
    {0.0F, true, {0x00, 0x00, 0x00, 0x00}},      {-0.0F, true, {0x80, 0x00, 0x80, 0x00}},
    {NAN, true, {0x7f, 0x80, 0x7e, 0x80}},       {INFINITY, true, {0x7e, 0x7f, 0x7b, 0x7f}},
    {-INFINITY, true, {0xfe, 0xff, 0xfb, 0xff}}, {1e30F, true, {0x7e, 0x7f, 0x7b, 0x7f}},
    {-1e30F, true, {0xfe, 0xff, 0xfb, 0xff}},    {0.0F, false, {0x00, 0x00, 0x00, 0x00}},
    {-0.0F, false, {0x80, 0x00, 0x80, 0x00}},    {NAN, false, {0x7f, 0x80, 0x7e, 0x80}},
    {INFINITY, false, {0x7f, 0x80, 0x7c, 0x80}}, {-INFINITY, false, {0xff, 0x80, 0xfc, 0x80}},
    {1e30F, false, {0x7f, 0x80, 0x7c, 0x80}},    {-1e30F, false, {0xff, 0x80, 0xfc, 0x80}},
};

static void float8_follows_the_tables_of_cast(void **state)
{
    (void)state;
    static const enum mopt_dtype types[4] = {MOPT_FLOAT8E4M3FN, MOPT_FLOAT8E4M3FNUZ,
                                             MOPT_FLOAT8E5M2, MOPT_FLOAT8E5M2FNUZ};
    for (size_t i = 0; i < MOPT_COUNTOF(cast_rows); i++) {
        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(mopt__float_to_float8(types[k], cast_rows[i].value,
                                                   cast_rows[i].saturate),
                             cast_rows[i].codes[k]);
        }
    }
    // The end of the range: half a step above the largest value still rounds down to it.
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT8E4M3FN, 464.0F, false), 0x7e);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT8E4M3FN, 465.0F, false), 0x7f);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT8E5M2, 61439.0F, false), 0x7b);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT8E5M2, 61440.0F, false), 0x7c);
}

static void float4_saturates_and_has_no_nan(void **state)
{
    (void)state;
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, INFINITY, false), 7);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, -100.0F, false), 15);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, NAN, true), 7);
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, 5.0F, true), 6); // tie of 4 and 6
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, 2.5F, true), 4); // tie of 2 and 3
    assert_int_equal(mopt__float_to_float8(MOPT_FLOAT4E2M1, -0.25F, true), 8);
}

static void scale_type_holds_powers_of_two(void **state)
{
    (void)state;
    for (int code = 0; code < 255; code++) {
        float value = mopt__float8_to_float(MOPT_FLOAT8E8M0, (uint8_t)code);
        assert_true((double)value == pow(2.0, code - 127));
        assert_int_equal(mopt__float_to_float8(MOPT_FLOAT8E8M0, value, false), code);
        assert_int_equal(mopt__float_to_e8m0(value, true, MOPT_E8M0_UP), code);
        assert_int_equal(mopt__float_to_e8m0(value, true, MOPT_E8M0_DOWN), code);
    }
    assert_true(isnan((double)mopt__float8_to_float(MOPT_FLOAT8E8M0, 255)));
    assert_int_equal(mopt__float_to_e8m0(1.25F, true, MOPT_E8M0_UP), 128);
    assert_int_equal(mopt__float_to_e8m0(1.75F, true, MOPT_E8M0_DOWN), 127);
    assert_int_equal(mopt__float_to_e8m0(1.49F, true, MOPT_E8M0_NEAREST), 127);
    assert_int_equal(mopt__float_to_e8m0(1.5F, true, MOPT_E8M0_NEAREST), 128);
    assert_int_equal(mopt__float_to_e8m0(3.4e38F, true, MOPT_E8M0_UP), 254);
    assert_int_equal(mopt__float_to_e8m0(3.4e38F, false, MOPT_E8M0_NEAREST), 255);
    assert_int_equal(mopt__float_to_e8m0(INFINITY, true, MOPT_E8M0_UP), 254);
    assert_int_equal(mopt__float_to_e8m0(INFINITY, false, MOPT_E8M0_NEAREST), 255);
    assert_int_equal(mopt__float_to_e8m0(0.0F, true, MOPT_E8M0_UP), 0);
    assert_int_equal(mopt__float_to_e8m0(0.0F, false, MOPT_E8M0_NEAREST), 255);
    assert_int_equal(mopt__float_to_e8m0(1e-42F, true, MOPT_E8M0_UP), 0);
    assert_int_equal(mopt__float_to_e8m0(-2.0F, true, MOPT_E8M0_UP), 255);
    assert_int_equal(mopt__float_to_e8m0(NAN, true, MOPT_E8M0_UP), 255);
}

// ---- Arrays -------------------------------------------------------------------------------------

// Least and greatest value of an integer type.
static void limits(enum mopt_dtype dtype, int64_t *low, int64_t *high)
{
    unsigned bits = mopt__dtype_bits(dtype);
    uint64_t ones = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    *low = mopt__dtype_is_signed(dtype) ? -(int64_t)(ones >> 1) - 1 : 0;
    *high = (int64_t)(mopt__dtype_is_signed(dtype) ? ones >> 1 : ones);
}

static void integers_survive_packing(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 3);
    for (int t = 1; t <= 26; t++) {
        enum mopt_dtype dtype = (enum mopt_dtype)t;
        if (!mopt__dtype_is_integer(dtype)) {
            continue;
        }
        uint8_t data[37 * 8];
        int64_t expected[37];
        int64_t low;
        int64_t high;
        memset(data, 0xa5, sizeof data);
        limits(dtype, &low, &high);
        for (size_t i = 0; i < 37; i++) {
            uint64_t span = (uint64_t)high - (uint64_t)low;
            uint64_t step =
                span == UINT64_MAX ? mopt__rng_u64(&rng) : mopt__rng_below(&rng, span + 1);
            expected[i] = i == 0 ? low : i == 1 ? high : (int64_t)((uint64_t)low + step);
            mopt__element_set_i64(dtype, data, i, expected[i]);
        }
        for (size_t i = 0; i < 37; i++) {
            assert_int_equal(mopt__element_i64(dtype, data, i), expected[i]);
            if (dtype != MOPT_UINT64 && dtype != MOPT_INT64) {
                assert_true(mopt__element_f64(dtype, data, i) == (double)expected[i]);
            }
        }
    }
}

static void packing_starts_at_the_low_bits(void **state)
{
    (void)state;
    const uint8_t bytes[2] = {0x2f, 0xe4};
    assert_int_equal(mopt__element_i64(MOPT_UINT4, bytes, 0), 15);
    assert_int_equal(mopt__element_i64(MOPT_INT4, bytes, 0), -1);
    assert_int_equal(mopt__element_i64(MOPT_UINT4, bytes, 1), 2);
    assert_int_equal(mopt__element_i64(MOPT_INT4, bytes, 3), -2);
    assert_int_equal(mopt__element_i64(MOPT_UINT2, bytes, 4), 0);
    assert_int_equal(mopt__element_i64(MOPT_UINT2, bytes, 7), 3);
    assert_int_equal(mopt__element_i64(MOPT_INT2, bytes, 6), -2);
    assert_true(mopt__element_f64(MOPT_FLOAT4E2M1, bytes, 0) == -6.0);
}

static void numbers_pass_through_double(void **state)
{
    (void)state;
    uint8_t data[16];
    mopt__element_set_f64(MOPT_UINT64, data, 1, 0x1p63);
    assert_true(mopt__element_f64(MOPT_UINT64, data, 1) == 0x1p63);
    assert_int_equal(mopt__element_i64(MOPT_UINT64, data, 1), INT64_MIN);
    mopt__element_set_f64(MOPT_INT32, data, 0, -7.9);
    assert_int_equal(mopt__element_i64(MOPT_INT32, data, 0), -7);
    mopt__element_set_f64(MOPT_BOOL, data, 3, 0.25);
    assert_int_equal(data[3], 1);
    assert_true(mopt__element_f64(MOPT_BOOL, data, 3) == 1.0);
    data[3] = 2; // any other byte than 0 is true
    assert_int_equal(mopt__element_i64(MOPT_BOOL, data, 3), 1);
    mopt__element_set_f64(MOPT_FLOAT64, data, 0, 0.1);
    assert_true(mopt__element_f64(MOPT_FLOAT64, data, 0) == 0.1);
    mopt__element_set_f64(MOPT_FLOAT32, data, 1, 0.1);
    assert_true(mopt__element_f64(MOPT_FLOAT32, data, 1) == (double)0.1F);
}

int mopt__test_dtype(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_of_onnx),
        cmocka_unit_test(classes_do_not_overlap),
        cmocka_unit_test(sizes_round_up_and_are_checked),
        cmocka_unit_test(every_code_has_the_value_of_its_formula),
        cmocka_unit_test(rounding_finds_the_nearest_even_code),
        cmocka_unit_test(halves_overflow_to_infinity),
        cmocka_unit_test(float8_follows_the_tables_of_cast),
        cmocka_unit_test(float4_saturates_and_has_no_nan),
        cmocka_unit_test(scale_type_holds_powers_of_two),
        cmocka_unit_test(integers_survive_packing),
        cmocka_unit_test(packing_starts_at_the_low_bits),
        cmocka_unit_test(numbers_pass_through_double),
    };
    return cmocka_run_group_tests_name("ir/dtype", tests, NULL, NULL);
}
