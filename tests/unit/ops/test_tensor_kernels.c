// SPDX-License-Identifier: Apache-2.0
// What stands under the mathematical operators: results on several threads, conversion of runs of
// 16-bit floats, the smooth functions against the C library, and Einsum as matrix products against
// its meaning.
#include "ops/lanes.h"
#include "ops/smooth.h"
#include "support.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/table.h"

// ---- Threads ------------------------------------------------------------------------------------

static struct mopt_datum *run_with(struct mopt_model *model, struct mopt_pool *pool, const char *op)
{
    struct mopt_node *node = node_of(model, op);
    struct mopt_rng rng;
    struct mopt_error err;
    struct mopt_datum *inputs[2] = {NULL, NULL};
    struct mopt_datum *output = NULL;
    const int64_t dims[2][3] = {{7, 300, 41}, {300, 1, 0}};
    mopt_error_clear(&err);
    mopt__rng_init(&rng, 3);
    for (uint32_t k = 0; k < node->input_count; k++) {
        struct mopt_tensor *t = NULL;
        assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, k == 0 ? 3 : 2, dims[k], &t, &err),
                         MOPT_OK);
        for (size_t i = 0; i < t->count; i++) {
            ((float *)mopt__tensor_data(t))[i] = (float)mopt__rng_normal(&rng);
        }
        assert_int_equal(mopt__datum_tensor(t, &inputs[k], &err), MOPT_OK);
        mopt__tensor_unref(t);
    }
    struct mopt_eval eval = {.node = node,
                             .version = 13,
                             .inputs = inputs,
                             .outputs = &output,
                             .input_count = node->input_count,
                             .output_count = 1,
                             .pool = pool,
                             .rng = &rng};
    assert_int_equal(mopt__eval_run(&eval, &err), MOPT_OK);
    mopt__datum_unref(inputs[0]);
    mopt__datum_unref(inputs[1]);
    return output;
}

static void threads_change_nothing(void **state)
{
    static const char *const nodes[][2] = {
        {"Add", "y = Add(x, z);"},
        {"Sigmoid", "y = Sigmoid(x);"},
        {"Softmax", "y = Softmax<axis=1>(x);"},
        {"Softmax", "y = Softmax(x);"},
        {"ReduceMean", "y = ReduceMean<axes=[0,2]>(x);"},
        {"ReduceMax", "y = ReduceMax<axes=[1]>(x);"},
        {"Transpose", "y = Transpose<perm=[2,0,1]>(x);"},
        {"ArgMax", "y = ArgMax<axis=1>(x);"},
        {"Einsum", "y = Einsum<equation=\"abc,bd->acd\">(x, z);"},
    };
    struct mopt_pool *pool = NULL;
    struct mopt_error err;
    (void)state;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    for (size_t i = 0; i < MOPT_COUNTOF(nodes); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "model (ir=8, opset=13) { graph main (float[7,300,41] x, float[300,1] z) -> (y) { "
                 "%s } }",
                 nodes[i][1]);
        struct mopt_model *model = parse_model(text);
        struct mopt_datum *one = run_with(model, NULL, nodes[i][0]);
        struct mopt_datum *three = run_with(model, pool, nodes[i][0]);
        if (!mopt__tensor_equal(one->tensor, three->tensor)) {
            fail_msg("%s differs on three threads", nodes[i][1]);
        }
        mopt__datum_unref(one);
        mopt__datum_unref(three);
        mopt__model_free(model);
    }
    mopt__pool_free(pool);
}

// ---- Floats, which have loops of their own, and doubles, which have the general ones ------------

struct twin {
    const char *op, *text;
    int64_t dims[2][5]; // of the operands, 0 behind the last one
};

static const struct twin twins[] = {
    {"ArgMax", "y = ArgMax<axis=1>(x);", {{3, 9, 300}}},
    {"ArgMax", "y = ArgMax<axis=1, select_last_index=1>(x);", {{3, 9, 30}}},
    {"ArgMin", "y = ArgMin<axis=0>(x);", {{7, 5, 11}}},
    {"ArgMin", "y = ArgMin<axis=-1, select_last_index=1>(x);", {{6, 5, 331}}},
    {"ArgMax", "y = ArgMax<axis=-1>(x);", {{6, 5, 131}}},
    {"ArgMin", "y = ArgMin<axis=-1>(x);", {{30, 2, 17}}},
    {"CumSum", "int64 a = {1}; y = CumSum(x, a);", {{3, 9, 300}}},
    {"CumSum", "int64 a = {0}; y = CumSum<exclusive=1, reverse=1>(x, a);", {{9, 20}}},
    {"CumSum", "int64 a = {-1}; y = CumSum<exclusive=1>(x, a);", {{9, 20}}},
    {"CumSum", "int64 a = {-1}; y = CumSum<reverse=1>(x, a);", {{2, 3, 20}}},
    {"ReduceSum", "int64[1] a = {1}; y = ReduceSum(x, a);", {{3, 9, 300}}},
    {"ReduceMean", "int64[2] a = {0, 2}; y = ReduceMean(x, a);", {{5, 7, 3, 9}}},
    {"ReduceMax", "int64[1] a = {1}; y = ReduceMax(x, a);", {{3, 11, 30}}},
    {"ReduceMin", "int64[1] a = {0}; y = ReduceMin(x, a);", {{6, 3, 30}}},
    {"ReduceL1", "int64[1] a = {-2}; y = ReduceL1(x, a);", {{3, 13, 30}}},
    {"ReduceL2", "int64[1] a = {-2}; y = ReduceL2(x, a);", {{3, 13, 30}}},
    {"ReduceSumSquare", "int64[1] a = {1}; y = ReduceSumSquare(x, a);", {{3, 13, 30}}},
    {"ReduceProd", "int64[1] a = {1}; y = ReduceProd(x, a);", {{3, 5, 30}}},
    {"ReduceLogSumExp", "int64[1] a = {1}; y = ReduceLogSumExp(x, a);", {{3, 5, 30}}},
    {"ReduceSum", "int64[1] a = {-1}; y = ReduceSum(x, a);", {{3, 700}}},
    {"ReduceMax", "int64[1] a = {-1}; y = ReduceMax(x, a);", {{3, 700}}},
    {"ReduceMin", "int64[1] a = {-1}; y = ReduceMin(x, a);", {{3, 300}}},
    {"ReduceMin", "int64[1] a = {-1}; y = ReduceMin(x, a);", {{5, 9}}},
    {"ReduceLogSumExp", "int64[1] a = {-1}; y = ReduceLogSumExp(x, a);", {{3, 30}}},
    {"Pad", "int64[6] p = {0,2,3,1,2,-1}; y = Pad<mode=\"reflect\">(x, p);", {{3, 5, 7}}},
    {"Pad", "int64[4] p = {5,2,-3,1}; y = Pad<mode=\"wrap\">(x, p);", {{4, 7}}},
    {"Pad", "int64[4] p = {5,2,3,-1}; y = Pad<mode=\"edge\">(x, p);", {{4, 7}}},
    {"Pad", "int64[6] p = {0,2,3,1,-2,4}; y = Pad(x, p);", {{3, 5, 7}}},
    {"Pad", "int64[2] p = {17, 23}; y = Pad<mode=\"reflect\">(x, p);", {{6}}},
    {"Pad", "int64[4] p = {0, 3, -1, 2}; y = Pad<mode=\"reflect\">(x, p);", {{2, 1}}},
    {"Pad", "int64[4] p = {13, 0, 9, 0}; y = Pad<mode=\"wrap\">(x, p);", {{4, 5}}},
    {"Pad", "int64[6] p = {0,2,0,0,5,0}; y = Pad<mode=\"reflect\">(x, p);", {{3, 4, 5}}},
    {"Pad", "int64[6] p = {0,2,0,0,-5,0}; y = Pad(x, p);", {{3, 4, 5}}},
    {"Resize", "float[4] s = {1,1,1.7,2}; y = Resize<mode=\"linear\">(x, _, s);", {{2, 3, 5, 6}}},
    {"Resize", "float[4] s = {1,2,0.6,1}; y = Resize<mode=\"linear\">(x, _, s);", {{2, 3, 7, 6}}},
    {"Resize", "float[4] s = {1,1,1,2.5}; y = Resize<mode=\"cubic\">(x, _, s);", {{2, 3, 5, 6}}},
    {"Resize", "float[3] s = {1,2,2.5}; y = Resize(x, _, s);", {{3, 5, 6}}},
    {"Resize", "float[4] s = {1,2,2.5,1}; y = Resize(x, _, s);", {{3, 5, 6, 2}}},
    {"RoiAlign",
     "int64[5] n = {1,0,1,1,0};"
     " y = RoiAlign<output_height=3, output_width=2, sampling_ratio=2>(x, z, n);",
     {{2, 3, 5, 6}, {5, 4}}},
    {"RoiAlign",
     "int64[5] n = {1,0,1,1,0};"
     " y = RoiAlign<output_height=3, output_width=2, spatial_scale=2.5>(x, z, n);",
     {{2, 3, 5, 6}, {5, 4}}},
    {"GridSample", "y = GridSample(x, z);", {{2, 3, 5, 6}, {2, 9, 7, 2}}},
    {"GridSample",
     "y = GridSample<mode=\"nearest\", padding_mode=\"border\">(x, z);",
     {{2, 3, 5, 6}, {2, 9, 7, 2}}},
    {"GridSample",
     "y = GridSample<mode=\"cubic\", padding_mode=\"reflection\", align_corners=1>(x, z);",
     {{1, 3, 5, 6}, {1, 9, 7, 2}}},
    {"GridSample", "y = GridSample(x, z);", {{1, 2, 3, 4, 5}, {1, 2, 9, 7, 3}}},
    {"GridSample", "y = GridSample(x, z);", {{1, 2, 5}, {1, 50, 1}}},
};

// Whole quarters, so that some are equal; a NaN among those that only move or are compared.
static struct mopt_tensor *operand(enum mopt_dtype dtype, const int64_t *dims, bool nan)
{
    struct mopt_tensor *t = NULL;
    struct mopt_error err;
    struct mopt_rng rng;
    int rank = 0;
    while (rank < 5 && dims[rank] != 0) {
        rank++;
    }
    mopt_error_clear(&err);
    mopt__rng_init(&rng, 4);
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &t, &err), MOPT_OK);
    for (size_t i = 0; i < t->count; i++) {
        const double quarters = round(mopt__rng_normal(&rng) * 4) / 4;
        mopt__element_set_f64(dtype, mopt__tensor_data(t), i,
                              nan && i == t->count / 3 ? (double)NAN : quarters);
    }
    return t;
}

static struct mopt_datum *run_twin(const struct twin *twin, enum mopt_dtype dtype)
{
    const char *type = dtype == MOPT_FLOAT32 ? "float" : "double";
    const bool moves =
        strstr("ArgMax ArgMin Pad ReduceMax ReduceMin ReduceLogSumExp", twin->op) != NULL;
    const bool two = twin->dims[1][0] != 0;
    char text[512];
    struct mopt_error err;
    struct mopt_datum *output = NULL;
    mopt_error_clear(&err);
    snprintf(text, sizeof text, "model (ir=9, opset=20) { graph main (%s x%s%s%s) -> (y) { %s } }",
             type, two ? ", " : "", two ? type : "", two ? " z" : "", twin->text);
    struct mopt_model *model = parse_model(text);
    struct mopt_tensor *inputs[2] = {operand(dtype, twin->dims[0], moves),
                                     two ? operand(dtype, twin->dims[1], false) : NULL};
    if (run_model(model, inputs, two ? 2 : 1, &output, &err) != MOPT_OK) {
        fail_msg("%s: %s", twin->text, err.text);
    }
    mopt__tensor_unref(inputs[0]);
    mopt__tensor_unref(inputs[1]);
    mopt__model_free(model);
    return output;
}

static void floats_are_as_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(twins); i++) {
        struct mopt_datum *floats = run_twin(&twins[i], MOPT_FLOAT32);
        struct mopt_datum *doubles = run_twin(&twins[i], MOPT_FLOAT64);
        const struct mopt_tensor *have = floats->tensor, *want = doubles->tensor;
        assert_true(have->count > 0);
        assert_int_equal(have->count, want->count);
        for (size_t e = 0; e < want->count; e++) {
            const float u = (float)mopt__tensor_f64(have, e), v = (float)mopt__tensor_f64(want, e);
            if (!(u == v || (isnan(u) && isnan(v)))) {
                fail_msg("%s: element %zu is %.9g, must be %.9g", twins[i].text, e, (double)u,
                         (double)v);
            }
        }
        mopt__datum_unref(floats);
        mopt__datum_unref(doubles);
    }
}

// ---- Conversions and smooth functions -------------------------------------------------------------------------

static bool same_half(uint16_t a, uint16_t b)
{
    return a == b || ((a & 0x7fff) > 0x7c00 && (b & 0x7fff) > 0x7c00);
}

static void check_half(double x)
{
    const float narrow = (float)x;
    uint16_t from_float = 0;
    uint16_t from_double = 0;
    mopt__store_f32(MOPT_FLOAT16, &from_float, 0, 1, &narrow);
    mopt__store_f64(MOPT_FLOAT16, &from_double, 0, 1, &x);
    assert_true(same_half(from_float, mopt__float_to_half(narrow)));
    assert_true(same_half(from_double, mopt__double_to_half(x)));
}

static void check_bfloat(float x)
{
    uint16_t code = 0;
    mopt__store_f32(MOPT_BFLOAT16, &code, 0, 1, &x);
    assert_true(code == mopt__float_to_bfloat(x) || isnan(x));
}

static void runs_convert_like_elements(void **state)
{
    struct mopt_rng rng;
    (void)state;
    mopt__rng_init(&rng, 5);
    for (uint32_t code = 0; code < 65536; code++) {
        const uint16_t half = (uint16_t)code;
        float wide = 0;
        mopt__load_f32(MOPT_FLOAT16, &half, 0, 1, 1, &wide);
        const float want = mopt__half_to_float(half);
        assert_true((isnan(wide) && isnan(want)) || memcmp(&wide, &want, sizeof wide) == 0);
        if (!isnan(wide) &&
            !isinf(wide)) { // the number, the middle to the next one, and its neighbours
            const double middle =
                ((double)wide + (double)mopt__half_to_float((uint16_t)(half ^ 1))) / 2;
            check_half((double)wide);
            check_half(middle);
            check_half(nextafter(middle, 1e9));
            check_half(nextafter(middle, -1e9));
        }
    }
    for (int i = 0; i < 200000; i++) {
        const uint32_t bits = (uint32_t)mopt__rng_u64(&rng);
        float x;
        memcpy(&x, &bits, sizeof x);
        check_bfloat(x);
        check_half((double)x);
    }
}

static float exp_f(float x)
{
    return (float)mopt__smooth_exp(x);
}

static double sigmoid_d(double x)
{
    return 1 / (1 + exp(-x));
}

static double gelu_d(double x)
{
    return x / 2 * erfc(-x * sqrt(0.5));
}

static void smooth_functions_are_exact(void **state)
{
    static const struct {
        float (*f)(float);
        double (*want)(double);
    } pairs[] = {{exp_f, exp},
                 {mopt__smooth_tanh, tanh},
                 {mopt__smooth_sigmoid, sigmoid_d},
                 {mopt__smooth_erf, erf},
                 {mopt__smooth_gelu, gelu_d}};
    (void)state;
    for (size_t k = 0; k < MOPT_COUNTOF(pairs); k++) {
        for (uint32_t bits = 0; bits < 0xff800000u; bits += 20011) {
            float x;
            memcpy(&x, &bits, sizeof x);
            const double want = pairs[k].want((double)x);
            const float got = pairs[k].f(x);
            if (isnan(x) || isnan(want)) {
                assert_true(isnan(got));
                continue;
            }
            const float round = (float)want;
            assert_true(got == round || got == nextafterf(round, INFINITY) ||
                        got == nextafterf(round, -INFINITY));
        }
    }
}

// ---- Einsum as matrix products --------------------------------------------------------------------------------

static struct mopt_datum *random_operand(const char *labels, size_t count, struct mopt_rng *rng)
{
    int64_t dims[8];
    double values[1024];
    struct mopt_error err;
    struct mopt_datum *datum = NULL;
    for (size_t i = 0; i < count; i++) {
        dims[i] = labels[i] - 'a' + 2;
    }
    for (size_t i = 0; i < MOPT_COUNTOF(values); i++) {
        values[i] = mopt__rng_normal(rng);
    }
    struct mopt_tensor *tensor = tensor_of(MOPT_FLOAT32, (int)count, dims, values);
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static void einsum_products_agree(void **state)
{
    static const char *const equations[] = {
        "ab,bc->ac",    "ab,cb->ac",   "ab,bc->ca",     "abc,abd->acd", "abcd,abed->abce",
        "bca,bcd->bad", "bac,dbc->da", "abcd,cbad->db", "abc,abc->",    "a,a->",
        "abc,dbc->abd", "ab,bc->abc",  "aab,bc->ac",    "ab,cd->acd",   "cab,cbd->acd",
        "ab,bc",        "abc,c->ab",   "abdc,dce->abe",
    };
    struct mopt_rng rng;
    (void)state;
    mopt__rng_init(&rng, 11);
    for (size_t i = 0; i < MOPT_COUNTOF(equations); i++) {
        const char *comma = strchr(equations[i], ',');
        const char *arrow = strstr(equations[i], "->");
        const size_t length = arrow != NULL ? (size_t)(arrow - comma) - 1 : strlen(comma + 1);
        char text[256];
        snprintf(text, sizeof text,
                 "model (ir=8, opset=13) { graph main (float x, float z) -> (y) { y = "
                 "Einsum<equation=\"%s\">(x, z); } }",
                 equations[i]);
        struct mopt_model *model = parse_model(text);
        struct mopt_node *node = node_of(model, "Einsum");
        struct mopt_datum *in[2] = {random_operand(equations[i], (size_t)(comma - equations[i]),
                                                   &rng),
                                    random_operand(comma + 1, length, &rng)};
        struct mopt_datum *plain = NULL;
        struct mopt_datum *fast = NULL;
        struct mopt_error err;
        struct mopt_kernels kernels;
        mopt__kernels_select(mopt__cpu_isa(), &kernels);
        struct mopt_bind bind = {.node = node, .version = 13, .kernels = &kernels};
        struct mopt_eval eval = {.node = node,
                                 .version = 13,
                                 .inputs = in,
                                 .outputs = &plain,
                                 .input_count = 2,
                                 .output_count = 1,
                                 .rng = &rng};
        mopt_error_clear(&err);
        assert_int_equal(mopt__eval_run(&eval, &err), MOPT_OK);
        assert_int_equal(node->op->bind(&bind, &err), MOPT_OK);
        assert_non_null(bind.run);
        eval.outputs = &fast;
        eval.state = bind.state;
        assert_int_equal(bind.run(&eval, &err), MOPT_OK);
        bind.free_state(bind.state);
        assert_int_equal(plain->tensor->rank, fast->tensor->rank);
        for (size_t k = 0; k < plain->tensor->count; k++) {
            const double want = mopt__tensor_f64(plain->tensor, k);
            if (fabs(mopt__tensor_f64(fast->tensor, k) - want) > 1e-4 * (1 + fabs(want))) {
                fail_msg("%s: element %zu differs", equations[i], k);
            }
        }
        for (int k = 0; k < plain->tensor->rank; k++) {
            assert_int_equal(plain->tensor->dims[k], fast->tensor->dims[k]);
        }
        mopt__datum_unref(in[0]);
        mopt__datum_unref(in[1]);
        mopt__datum_unref(plain);
        mopt__datum_unref(fast);
        mopt__model_free(model);
    }
}

int mopt__test_tensor_kernels(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),     cmocka_unit_test(floats_are_as_doubles),
        cmocka_unit_test(runs_convert_like_elements), cmocka_unit_test(smooth_functions_are_exact),
        cmocka_unit_test(einsum_products_agree),
    };
    return cmocka_run_group_tests_name("tensor_kernels", tests, NULL, NULL);
}
