// SPDX-License-Identifier: Apache-2.0
// The dynamic form of every product, and what it leaves alone.
#include <string.h>

#include "tests.h"

#define HEAD "model (ir=8, opset=13) { graph g "

static const int64_t row[] = {4, 8};
static const int64_t image[] = {2, 4, 6, 6};
static const int64_t line[] = {2, 4, 9};

static void expect_close(const char *text, int rank, const int64_t *dims)
{
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    mopt__test_close(text, &options, rank, dims, 0.05F);
    options.per_tensor = true;
    mopt__test_close(text, &options, rank, dims, 0.06F);
    options.reduce_range = true;
    mopt__test_close(text, &options, rank, dims, 0.1F);
}

static void test_matmul(void **state)
{
    (void)state;
    expect_close(HEAD
                 "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; y = MatMul(x, w); } }",
                 2, row);
    expect_close(HEAD
                 "(float[4,8] x) -> (float[2,4,3] y) { float[2,8,3] w = @48; y = MatMul(x, w); } }",
                 2, row);
}

static void test_gemm(void **state)
{
    (void)state;
    expect_close(HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; y = Gemm(x, w); } }",
                 2, row);
    expect_close(HEAD "(float[4,8] x) -> (float[4,3] y) { float[3,8] w = @24; float[3] b = @3;\n"
                      "y = Gemm<transB=1>(x, w, b); } }",
                 2, row);
    expect_close(HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; float[4,3] b = @12;\n"
                      "y = Gemm(x, w, b); } }",
                 2, row);
    expect_close(HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; float[4,1] b = @4;\n"
                      "y = Gemm(x, w, b); } }",
                 2, row);
    expect_close(HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; float b = {0.25};\n"
                      "y = Gemm(x, w, b); } }",
                 2, row);
}

static void test_conv(void **state)
{
    (void)state;
    expect_close(
        HEAD
        "(float[n,4,6,6] x) -> (float[n,3,6,6] y) { float[3,4,3,3] w = @108; float[3] b = @3;\n"
        "y = Conv<pads=[1,1,1,1]>(x, w, b); } }",
        4, image);
    expect_close(HEAD "(float[n,4,6,6] x) -> (float[n,4,2,2] y) { float[4,2,3,3] w = @72;\n"
                      "y = Conv<group=2, strides=[2,2]>(x, w); } }",
                 4, image);
    expect_close(HEAD
                 "(float[n,4,9] x) -> (float[n,2,5] y) { float[2,4,5] w = @40; float[2] b = @2;\n"
                 "y = Conv(x, w, b); } }",
                 3, line);
}

static void test_names_and_shared_activation(void **state)
{
    (void)state;
    struct mopt_model *model = mopt__test_model(
        HEAD
        "(float[4,8] x) -> (float[4,3] y, float[4,3] z) { float[8,3] w = @24; float[8,3] v = @24;\n"
        "y = MatMul(x, w); z = MatMul(x, v); } }");
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    struct mopt_quantize_report report;
    struct mopt_error err;
    assert_int_equal(mopt__test_quantize(&model, &options, 2, row, &report, &err), MOPT_OK);
    assert_int_equal(mopt__test_count(model, "DynamicQuantizeLinear"), 1); // once for both readers
    assert_int_equal(mopt__test_count(model, "MatMulInteger"), 2);
    assert_int_equal(mopt__test_count(model, "MatMul"), 0);
    assert_string_equal(model->graph->outputs.items[0]->name, "y");
    assert_string_equal(model->graph->outputs.items[1]->name, "z");
    assert_null(mopt__value_find(model->graph, "w"));
    assert_int_equal(report.tensors, 1);
    assert_int_equal(report.weight_bytes_before, 192);
    assert_true(report.weight_bytes_after < 192);
    mopt__quantize_report_release(&report);
    mopt__model_free(model);
}

// Weights that nodes share are shared by what becomes of the nodes, unless static quantization had
// to widen the scales of one of them for its bias.
static void test_shared_weights(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct mopt_model *model = mopt__test_model(
            HEAD "(float[4,8] x) -> (float[4,8] y) { float[8,8] w = @64; float[8] b = @8;\n"
                 "p = Gemm(x, w, b); q = Relu(p); y = Gemm(q, w, b); } }");
        struct mopt_quantize_options options = {.mode = mode == 0 ? MOPT_QUANTIZE_DYNAMIC
                                                                  : MOPT_QUANTIZE_STATIC};
        struct mopt_quantize_report report;
        struct mopt_error err;
        assert_int_equal(mopt__test_quantize(&model, &options, 2, row, &report, &err), MOPT_OK);
        assert_int_equal(report.quantized, 2);
        size_t weights = 0;
        for (size_t i = 0; i < model->graph->initializers.count; i++) {
            const struct mopt_tensor *tensor = model->graph->initializers.items[i]->constant;
            weights += tensor->dtype == MOPT_INT8 && tensor->count == 64;
        }
        assert_int_equal(weights, 1);
        mopt__quantize_report_release(&report);
        mopt__model_free(model);
    }
}

// What was equal before is none of its business.
static void test_equal_constants(void **state)
{
    (void)state;
    struct mopt_model *model = mopt__test_model(
        HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; float[3] b = {1, 2, 3};\n"
             "float[3] c = {1, 2, 3}; p = MatMul(x, w); q = Mul(p, b); y = Add(q, c); } }");
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    struct mopt_error err;
    assert_int_equal(mopt__test_quantize(&model, &options, 2, row, NULL, &err), MOPT_OK);
    assert_int_equal(mopt__test_count(model, "MatMulInteger"), 1);
    assert_non_null(mopt__value_find(model->graph, "b"));
    assert_non_null(mopt__value_find(model->graph, "c"));
    mopt__model_free(model);
}

static void expect_refused(const char *text, int rank, const int64_t *dims, const char *reason)
{
    struct mopt_model *model = mopt__test_model(text);
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    struct mopt_quantize_report report;
    struct mopt_error err;
    char *before = mopt__test_text(model);
    assert_int_equal(mopt__test_quantize(&model, &options, rank, dims, &report, &err), MOPT_OK);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.quantized, 0);
    assert_non_null(strstr(report.rows[0].kept_float, reason));
    char *after = mopt__test_text(model);
    assert_string_equal(before, after);
    mopt__free(before);
    mopt__free(after);
    mopt__quantize_report_release(&report);
    mopt__model_free(model);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refused(
        HEAD
        "(float[4,8] x) -> (float[4,4] y) { t = Transpose<perm=[1,0]>(x); y = MatMul(x, t); } }",
        2, row, "computed");
    expect_refused(HEAD "(float[4,8] x, float[8,2] w) -> (float[4,2] y) { float[8,2] w = @16; y = "
                        "MatMul(x, w); } }",
                   2, row, "input of the model");
    expect_refused(
        HEAD
        "(float[4,8] x) -> (float[4,2] y) { float[8,2] w = @16; y = Gemm<alpha=0.5>(x, w); } }",
        2, row, "alpha");
    expect_refused(
        HEAD "(float[4,8] x) -> (float[8,2] y) { float[4,2] w = @8; y = Gemm<transA=1>(x, w); } }",
        2, row, "transposed");
    expect_refused(HEAD "(float[n,4,6,6] x) -> (float[n,4,4,4] y) { float[4,1,3,3] w = @36;\n"
                        "y = Conv<group=4>(x, w); } }",
                   4, image, "too few");
}

static void test_zeros(void **state)
{
    (void)state;
    struct mopt_model *model = mopt__test_model(
        HEAD "(float[4,8] x) -> (float[4,3] y) { float[8,3] w = @24; y = MatMul(x, w); } }");
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    struct mopt_error err;
    assert_int_equal(mopt__test_quantize(&model, &options, 2, row, NULL, &err), MOPT_OK);
    struct mopt_tensor *zeros = mopt__test_floats(2, row, 0, 1);
    struct mopt_tensor *out = mopt__test_run(model, zeros);
    for (size_t i = 0; i < out->count; i++) {
        assert_true(((const float *)out->data)[i] == 0);
    }
    mopt__tensor_unref(zeros);
    mopt__tensor_unref(out);
    mopt__model_free(model);
}

int mopt__test_dynamic(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),         cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_conv),           cmocka_unit_test(test_names_and_shared_activation),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_shared_weights), cmocka_unit_test(test_equal_constants),
    };
    return cmocka_run_group_tests_name("dynamic", tests, NULL, NULL);
}
