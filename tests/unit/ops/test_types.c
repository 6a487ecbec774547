// SPDX-License-Identifier: Apache-2.0
// Operators that move, compare, choose or count elements have loops of their own for some element
// types: all types have to give the numbers that doubles give, or 64-bit integers.
#include "ops/lanes.h"
#include "support.h"
#include "tests.h"

#include <stdio.h>
#include <string.h>

struct sample {
    const char *text;   // of x and z
    int64_t dims[2][4]; // 0 behind the last one; no z: all 0
    bool is_signed;     // negative numbers, too: for types that have them
};

#define BOUNDS "int64 first = {0}; int64 last = {1}; l = Gather(z, first); h = Gather(z, last);"
#define PICKED "int64[3,4] i = {2,0,-1,1, 0,1,2,-3, 1,1,0,2};"
static const struct sample samples[] = {
    {"int64[4] p = {2,3,1,4}; y = Pad<mode=\"reflect\">(x, p);", {{4, 7}}, false},
    {"int64[4] p = {9,0,7,0}; y = Pad<mode=\"wrap\">(x, p);", {{4, 7}}, false},
    {"int64[4] p = {0,5,0,3}; y = Pad<mode=\"edge\">(x, p);", {{4, 7}}, false},
    {"int64[4] p = {-1,5,2,-3}; y = Pad(x, p);", {{4, 7}}, false},
    {"int64[3] i = {2,-1,0}; y = Gather<axis=1>(x, i);", {{3, 4, 2}}, false},
    {"int64 i = {-2}; y = Gather<axis=2>(x, i);", {{3, 4, 5}}, false},
    {PICKED "y = GatherElements(x, i);", {{3, 4}}, false},
    {PICKED "y = GatherElements<axis=1>(x, i);", {{5, 4}}, false},
    {"int64[2,2] i = {1,-1, 0,2}; y = GatherND(x, i);", {{3, 4, 2}}, false},
    {PICKED "y = ScatterElements<axis=0>(x, i, z);", {{4, 5}, {3, 4}}, false},
    {"int64[1,4] i = {3,-4,1,2}; y = ScatterElements<axis=1>(x, i, z);", {{4, 5}, {1, 4}}, false},
    {PICKED "y = ScatterElements<axis=0, reduction=\"max\">(x, i, z);", {{4, 5}, {3, 4}}, false},
    {PICKED "y = ScatterElements<axis=0, reduction=\"add\">(x, i, z);", {{4, 5}, {3, 4}}, false},
    {"int64[2,1] i = {1,-1}; y = ScatterND(x, i, z);", {{4, 5}, {2, 5}}, false},
    {"int64[2,2] i = {1,-1, 0,2}; y = ScatterND<reduction=\"min\">(x, i, z);",
     {{4, 5}, {2}},
     false},
    {"y = NonZero(x);", {{3, 5, 70}}, false},
    {"y = NonZero(x);", {{2, 600}}, false},
    {"int64[1] k = {3}; y, i = TopK<axis=1>(x, k);", {{3, 50, 2}}, false},
    {"int64[1] k = {300}; v, y = TopK<largest=0>(x, k);", {{2, 301}}, false},
    {"b = Greater(x, z); y = Where(b, x, z);", {{3, 40}, {3, 40}}, false},
    {"b = Less(x, z); y = Where(b, x, z);", {{3, 40}, {40}}, false},
    {"b = LessOrEqual(x, z); y = Where(b, z, x);", {{3, 40}, {3, 1}}, false},
    {"bool[3,1] b = {1,0,1}; y = Where(b, x, z);", {{3, 40}, {1, 40}}, false},
    {"bool[1,5] b = {1,0,0,1,1}; y = Where(b, x, z);", {{3, 1}, {1}}, false},
    {"b = Equal(x, z); c = GreaterOrEqual(x, z); d = Or(b, c); e = Xor(d, b); f = And(e, c);"
     " g = Not(f); y = Cast<to=11>(g);",
     {{3, 40}, {40}},
     false},
    {"b = Equal(x, z); y = Cast<to=11>(b);", {{40, 1}, {1, 40}}, false},
    {"b = Equal(z, x); c = Xor(b, b); y = Cast<to=11>(c);", {{1}, {4, 40}}, false},
    {"a = Add(x, z); s = Sub(a, x); y = Mul(s, x);", {{5, 3}, {3}}, false},
    {"y = Mul(x, z);", {{5, 1}, {1, 30}}, false},
    {"int64[4] s = {1,2,3,40}; y = Expand(x, s);", {{2, 1, 40}}, false},
    {"int64[3] s = {2,30,40}; y = Expand(x, s);", {{2, 30, 1}}, false},
    {"y = Transpose<perm=[1,0]>(x);", {{2, 70}}, false},
    {"y = Transpose<perm=[1,0]>(x);", {{3, 70}}, false},
    {"y = Transpose<perm=[0,2,1]>(x);", {{2, 4, 70}}, false},
    {"y = Transpose<perm=[1,0]>(x);", {{5, 70}}, false},
    {"float[2] s = {2,1.5}; y = Resize(x, _, s);", {{4, 9}}, false},
    {"float[3] s = {2,1.5,1}; y = Resize(x, _, s);", {{4, 9, 3}}, false},
    {BOUNDS "y = Clip(x, l, h);", {{3, 90}, {2}}, true},
    {BOUNDS "y = Clip(x, l);", {{3, 90}, {2}}, true},
    {BOUNDS "y = Clip(x, _, h);", {{3, 90}, {2}}, false},
    {"y = Relu(x);", {{3, 90}}, true},
    {"y = Abs(x);", {{3, 90}}, true},
    {"y = Neg(x);", {{3, 90}}, true},
    {"y = Sign(x);", {{3, 90}}, true},
    {"int64 a = {0}; y = CumSum(x, a);", {{3, 4, 5}}, false},
    {"int64 a = {1}; y = CumSum(x, a);", {{2, 200, 2}}, false},
    {"int64 a = {-1}; y = CumSum<reverse=1, exclusive=1>(x, a);", {{3, 5}}, false},
    {"int64[1] a = {1}; y = ReduceSum(x, a);", {{3, 4, 5}}, false},
    {"int64[1] a = {-1}; y = ReduceMax(x, a);", {{3, 70}}, false},
    {"int64[1] a = {0}; y = ReduceMin(x, a);", {{3, 70}}, false},
    {"int64[2] a = {0,1}; y = ReduceL1(x, a);", {{2, 3, 2}}, false},
};

static const enum mopt_dtype types[] = {MOPT_INT8,    MOPT_UINT8,   MOPT_INT16,  MOPT_UINT16,
                                        MOPT_INT32,   MOPT_UINT32,  MOPT_INT64,  MOPT_UINT64,
                                        MOPT_FLOAT16, MOPT_FLOAT32, MOPT_FLOAT64};

// Small numbers, which all types hold with what becomes of them.
static struct mopt_tensor *operand(enum mopt_dtype dtype, const int64_t *dims, bool is_signed)
{
    struct mopt_tensor *t = NULL;
    struct mopt_error err;
    struct mopt_rng rng;
    int rank = 0;
    while (rank < 4 && dims[rank] != 0) {
        rank++;
    }
    mopt_error_clear(&err);
    mopt__rng_init(&rng, 6);
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &t, &err), MOPT_OK);
    for (size_t i = 0; i < t->count; i++) {
        const double number = (double)mopt__rng_below(&rng, 6) - (is_signed ? 3 : 0);
        mopt__store_f64(dtype, mopt__tensor_data(t), (int64_t)i, 1, &number);
    }
    return t;
}

// NULL: the operator does not take the type.
static struct mopt_datum *run_sample(const struct sample *sample, enum mopt_dtype dtype)
{
    const char *type = mopt__dtype_name(dtype);
    const bool two = sample->dims[1][0] != 0;
    char text[640];
    struct mopt_error err;
    struct mopt_datum *outputs[1] = {NULL};
    mopt_error_clear(&err);
    snprintf(text, sizeof text, "model (ir=9, opset=20) { graph main (%s x%s%s%s) -> (y) { %s } }",
             type, two ? ", " : "", two ? type : "", two ? " z" : "", sample->text);
    struct mopt_model *model = parse_model(text);
    struct mopt_tensor *inputs[2] = {operand(dtype, sample->dims[0], sample->is_signed),
                                     two ? operand(dtype, sample->dims[1], sample->is_signed)
                                         : NULL};
    enum mopt_status status = run_model(model, inputs, two ? 2 : 1, outputs, &err);
    if (status != MOPT_OK && status != MOPT_E_TYPE && status != MOPT_E_UNSUPPORTED) {
        fail_msg("%s of %s: %s", sample->text, type, err.text);
    }
    mopt__tensor_unref(inputs[0]);
    mopt__tensor_unref(inputs[1]);
    mopt__model_free(model);
    return outputs[0];
}

static void types_agree(void **state)
{
    enum { TYPES_LEAST = 3 };
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(samples); i++) {
        struct mopt_datum *want = run_sample(&samples[i], MOPT_FLOAT64);
        int ran = 0;
        assert_non_null(want);
        assert_true(want->tensor->count > 0);
        for (size_t k = 0; k < MOPT_COUNTOF(types); k++) {
            const bool fits = !samples[i].is_signed || mopt__dtype_is_signed(types[k]) ||
                              mopt__dtype_is_float(types[k]);
            struct mopt_datum *have = fits ? run_sample(&samples[i], types[k]) : NULL;
            ran += have != NULL;
            for (size_t e = 0; have != NULL && e < want->tensor->count; e++) {
                const double u = mopt__tensor_f64(have->tensor, e);
                const double v = mopt__tensor_f64(want->tensor, e);
                assert_int_equal(have->tensor->count, want->tensor->count);
                if (u != v) {
                    fail_msg("%s of %s: element %zu is %g, must be %g", samples[i].text,
                             mopt__dtype_name(types[k]), e, u, v);
                }
            }
            mopt__datum_unref(have);
        }
        mopt__datum_unref(want);
        assert_true(ran >= TYPES_LEAST);
    }
}

// Of one type against plain loops, where all types share one: longer than a chunk.
static void places_are_right(void **state)
{
    static const struct sample non_zero = {"y = NonZero(x);", {{2, 600}}, false};
    static const struct sample gather = {"int64[3] i = {2,0,-1}; y = Gather<axis=1>(x, i);",
                                         {{200, 4, 2}},
                                         false};
    struct mopt_datum *found = run_sample(&non_zero, MOPT_INT32);
    struct mopt_tensor *x = operand(MOPT_INT32, non_zero.dims[0], false);
    const int32_t *numbers = x->data;
    const int64_t count = found->tensor->dims[1];
    const int64_t *places = found->tensor->data;
    int64_t k = 0;
    (void)state;
    for (int64_t i = 0; i < 1200; i++) {
        if (numbers[i] != 0) {
            assert_true(k < count);
            assert_int_equal(places[k], i / 600);
            assert_int_equal(places[count + k], i % 600);
            k++;
        }
    }
    assert_int_equal(k, count);
    mopt__tensor_unref(x);
    mopt__datum_unref(found);
    struct mopt_datum *picked = run_sample(&gather, MOPT_INT32);
    x = operand(MOPT_INT32, gather.dims[0], false);
    numbers = x->data;
    for (int64_t i = 0; i < 200 * 3 * 2; i++) {
        static const int64_t from[] = {2, 0, 3};
        const int64_t at = i / 6 * 8 + from[i / 2 % 3] * 2 + i % 2;
        assert_int_equal(((const int32_t *)picked->tensor->data)[i], numbers[at]);
    }
    mopt__tensor_unref(x);
    mopt__datum_unref(picked);
}

int mopt__test_types(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(types_agree),
                                       cmocka_unit_test(places_are_right)};
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
