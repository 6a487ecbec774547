// SPDX-License-Identifier: Apache-2.0
// The static form: what gets scales, weights and biases, names, sub-graphs, patterns, failures.
#include <math.h>
#include <string.h>

#include "tests.h"

#define HEAD "model (ir=8, opset=13) { graph g "

static const int64_t image[] = {2, 2, 6, 6};
static const int64_t row[] = {4, 8};

static const char two_convs[] =
    HEAD "(float[n,2,6,6] x) -> (float[n,3,1,1] y) {\n"
         "float[4,2,3,3] w = @72; float[4] b = @4; float[3,4,1,1] v = @12; float[3] d = @3;\n"
         "%first: c = Conv<pads=[1,1,1,1]>(x, w, b); r = Relu(c);\n"
         "p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r);\n"
         "%second: e = Conv(p, v, d); y = GlobalAveragePool(e); } }";

static struct mopt_model *quantized(const char *text, struct mopt_quantize_options *options,
                                    int rank, const int64_t *dims,
                                    struct mopt_quantize_report *report)
{
    struct mopt_model *model = mopt__test_model(text);
    struct mopt_error err;
    if (mopt__test_quantize(&model, options, rank, dims, report, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static double scalar_of(const struct mopt_node *node, uint32_t input)
{
    const struct mopt_tensor *tensor = mopt__value_constant(node->inputs[input].value);
    assert_non_null(tensor);
    assert_int_equal(tensor->count, 1);
    return mopt__tensor_f64(tensor, 0);
}

static void test_close_to_float(void **state)
{
    (void)state;
    struct mopt_quantize_options options = {0};
    mopt__test_close(two_convs, &options, 4, image, 0.05F);
    options.activation = MOPT_INT8;
    mopt__test_close(two_convs, &options, 4, image, 0.05F);
    options.symmetric = true;
    options.per_tensor = true;
    mopt__test_close(two_convs, &options, 4, image, 0.08F);
    options.calibration = MOPT_CALIBRATE_PERCENTILE;
    options.reduce_range = true;
    mopt__test_close(two_convs, &options, 4, image, 0.1F);
}

static void test_structure(void **state)
{
    (void)state;
    struct mopt_quantize_options options = {0};
    struct mopt_quantize_report report;
    struct mopt_model *model = quantized(two_convs, &options, 4, image, &report);
    // x, r (Relu belongs to the convolution), p, e; never c, never the output y
    assert_int_equal(mopt__test_count(model, "QuantizeLinear"), 4);
    assert_int_equal(mopt__test_count(model, "DequantizeLinear"), 8);
    const struct mopt_node *pool = mopt__test_find(model, "MaxPool", 0);
    const struct mopt_node *before = pool->inputs[0].value->producer;
    const struct mopt_node *after = pool->outputs[0]->uses->node;
    assert_true(scalar_of(before, 1) == scalar_of(after, 1)); // only moves elements
    assert_true(scalar_of(before, 2) == scalar_of(after, 2));
    assert_true(scalar_of(before, 2) == 0); // after Relu
    assert_string_equal(model->graph->outputs.items[0]->name, "y");
    assert_string_equal(model->graph->inputs.items[0]->name, "x");
    assert_int_equal(model->graph->outputs.items[0]->type->dtype, MOPT_FLOAT32);
    assert_int_equal(report.quantized, 2);
    assert_int_equal(report.count, 2);
    assert_int_equal(report.tensors, 4);
    assert_int_equal(report.samples, 16);
    assert_int_equal(report.clipped_biases, 0);
    mopt__quantize_report_release(&report);
    mopt__model_free(model);
}

// The slice sees a smaller range than its input, and takes the parameters of the input all the
// same.
static void test_followers_share_parameters(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "(float[n,2,6,6] x) -> (float[n,1,6,6] y) { float[2,2,1,1] w = {1, 0.5, 0.03, 0.02};\n"
             "float[1,1,1,1] v = {1}; int64[1] from = {1}; int64[1] to = {2}; c = Conv(x, w);\n"
             "s = Slice(c, from, to, from); y = Conv(s, v); } }";
    struct mopt_quantize_options options = {0};
    struct mopt_model *model = quantized(text, &options, 4, image, NULL);
    const struct mopt_node *slice = mopt__test_find(model, "Slice", 0);
    const struct mopt_node *before = slice->inputs[0].value->producer;
    const struct mopt_node *after = slice->outputs[0]->uses->node;
    assert_string_equal(after->op_type, "QuantizeLinear");
    assert_true(scalar_of(before, 1) == scalar_of(after, 1));
    assert_true(scalar_of(before, 2) == scalar_of(after, 2));
    mopt__model_free(model);
}

static void test_bias_scale_is_the_product(void **state)
{
    (void)state;
    struct mopt_quantize_options options = {0};
    struct mopt_model *model = quantized(two_convs, &options, 4, image, NULL);
    const struct mopt_node *conv = mopt__test_find(model, "Conv", 0);
    double input_scale = scalar_of(conv->inputs[0].value->producer, 1);
    const struct mopt_node *weight = conv->inputs[1].value->producer;
    const struct mopt_node *bias = conv->inputs[2].value->producer;
    const struct mopt_tensor *weight_scales = mopt__value_constant(weight->inputs[1].value);
    const struct mopt_tensor *bias_scales = mopt__value_constant(bias->inputs[1].value);
    assert_int_equal(weight_scales->count, 4);
    assert_int_equal(bias_scales->count, 4);
    for (size_t c = 0; c < 4; c++) {
        float product = (float)input_scale * ((const float *)weight_scales->data)[c];
        assert_true(((const float *)bias_scales->data)[c] == product);
    }
    assert_int_equal(mopt__value_constant(bias->inputs[0].value)->dtype, MOPT_INT32);
    assert_int_equal(mopt__value_constant(weight->inputs[0].value)->dtype, MOPT_INT8);
    mopt__model_free(model);
}

// Biases that need more than 32 bits widen the weight's scale instead of being clipped.
static void test_huge_bias(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "(float[n,8] x) -> (float[n,2] y) { float[8,2] w = {1e-4, 1, 1e-4, 1, 1e-4, 1, 1e-4, "
             "1, 1e-4, 1, 1e-4, 1, "
             "1e-4, 1, 1e-4, 1}; float[2] b = {60000, -0.5}; y = Gemm(x, w, b); } }";
    for (int i = 0; i < 2; i++) {
        struct mopt_quantize_options options = {.per_tensor = i == 1};
        struct mopt_quantize_report report;
        struct mopt_model *model = quantized(text, &options, 2, row, &report);
        assert_int_equal(report.clipped_biases, 0);
        const struct mopt_node *bias = mopt__test_find(model, "Gemm", 0)->inputs[2].value->producer;
        const struct mopt_tensor *codes = mopt__value_constant(bias->inputs[0].value);
        const struct mopt_tensor *scales = mopt__value_constant(bias->inputs[1].value);
        double back = mopt__tensor_f64(codes, 0) * mopt__tensor_f64(scales, 0);
        assert_true(fabs(back - 60000) < 1);
        mopt__quantize_report_release(&report);
        mopt__model_free(model);
    }
}

static void test_transposed_convolution_with_groups(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "(float[n,2,6,6] x) -> (float[n,4,7,7] y) { float[2,2,2,2] w = @16; float[4] b = @4;\n"
             "y = ConvTranspose<group=2>(x, w, b); } }";
    struct mopt_quantize_options options = {0};
    mopt__test_close(text, &options, 4, image, 0.03F);
    struct mopt_model *model = quantized(text, &options, 4, image, NULL);
    const struct mopt_node *node = mopt__test_find(model, "ConvTranspose", 0);
    assert_string_equal(node->inputs[2].value->producer->op_type, "DequantizeLinear");
    mopt__model_free(model);
}

static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    static const char text[] = HEAD "(float[n,8] x) -> (float[n,2] y) { float[8,2] w = {inf, 1, 1, "
                                    "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};\n"
                                    "float[8,2] v = @16; float[2] b = {nan, 0}; p = Gemm(x, w); q "
                                    "= Gemm(x, v, b); y = Add(p, q); } }";
    struct mopt_quantize_options options = {0};
    struct mopt_quantize_report report;
    struct mopt_model *model = quantized(text, &options, 2, row, &report);
    assert_int_equal(report.count, 2);
    assert_int_equal(report.quantized, 0);
    assert_non_null(strstr(report.rows[0].kept_float, "weight has NaN"));
    assert_non_null(strstr(report.rows[1].kept_float, "bias has NaN"));
    assert_int_equal(mopt__test_count(model, "QuantizeLinear"), 0);
    mopt__quantize_report_release(&report);
    mopt__model_free(model);
}

// One weight, two readers, one of them no product: the float weight stays for that one.
static void test_tied_weight(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "(float[4,8] x) -> (float[4,8] y) { float[8,8] w = @64; a = MatMul(x, w); b = "
             "MatMul(a, w);\n"
             "float[1] k = {0.125}; s = Mul(w, k); c = MatMul(b, s); y = Identity(c); } }";
    struct mopt_quantize_options options = {0};
    mopt__test_close(text, &options, 2, row, 0.05F);
    struct mopt_model *model = quantized(text, &options, 2, row, NULL);
    assert_non_null(mopt__value_find(model->graph, "w"));
    assert_int_equal(mopt__test_count(model, "Mul"), 1);
    assert_string_equal(mopt__test_find(model, "Mul", 0)->inputs[0].value->name, "w");
    mopt__model_free(model);
}

static void test_captured_by_a_body(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "(float[4,8] x) -> (float[4,2] y) { float[8,2] w = @16; float t = {0}; m = "
             "ReduceMean<keepdims=0>(x);\n"
             "c = Greater(m, t); r = Relu(x);\n"
             "y = If<then_branch=graph () -> (o) { o = MatMul(r, w); },\n"
             "else_branch=graph () -> (o) { float[8,2] v = @16; o = MatMul(r, v); }>(c); } }";
    struct mopt_quantize_options options = {0};
    mopt__test_close(text, &options, 2, row, 0.05F);
    options.mode = MOPT_QUANTIZE_DYNAMIC;
    mopt__test_close(text, &options, 2, row, 0.05F);
}

static void test_patterns(void **state)
{
    (void)state;
    static const char *const first[] = {"fir*"};
    static const char *const relu[] = {"op:Relu", "op:MaxPool"};
    static const char *const unknown[] = {"first", "third"};
    struct mopt_quantize_options options = {.keep_float = first, .keep_float_count = 1};
    struct mopt_quantize_report report;
    struct mopt_model *model = quantized(two_convs, &options, 4, image, &report);
    assert_int_equal(report.quantized, 1);
    assert_string_equal(report.rows[0].node, "first");
    assert_non_null(strstr(report.rows[0].kept_float, "keep-float"));
    assert_string_equal(mopt__test_find(model, "Conv", 0)->inputs[1].value->name, "w");
    mopt__quantize_report_release(&report);
    mopt__model_free(model);
    options = (struct mopt_quantize_options){.keep_float = relu, .keep_float_count = 2};
    model = quantized(two_convs, &options, 4, image, NULL);
    const struct mopt_node *node = mopt__test_find(model, "Relu", 0);
    assert_string_equal(node->inputs[0].value->producer->op_type, "DequantizeLinear");
    assert_string_equal(node->outputs[0]->uses->node->op_type, "MaxPool");
    mopt__model_free(model);
    model = mopt__test_model(two_convs);
    struct mopt_error err;
    options = (struct mopt_quantize_options){.keep_float = unknown, .keep_float_count = 2};
    assert_int_equal(mopt__test_quantize(&model, &options, 4, image, NULL, &err), MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "third"));
    mopt__model_free(model);
}

static void test_failure_changes_nothing(void **state)
{
    (void)state;
    struct mopt_model *model = mopt__test_model(two_convs);
    struct mopt_model *same = model;
    char *before = mopt__test_text(model);
    struct mopt_quantize_options options = {.threads = 1};
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__quantize(&model, &options, NULL, &err), MOPT_E_USAGE); // no data
    static const int64_t wrong[] = {16, 2, 1, 1}; // the pool's window does not fit
    struct mopt_tensor *samples = mopt__test_floats(4, wrong, 1, 1);
    struct mopt_model *other =
        mopt__test_model(HEAD "(float[n,2,1,1] x) -> (float[n,2,1,1] y) { y = Identity(x); } }");
    options.data = mopt__test_data(other, samples, 1);
    assert_int_not_equal(mopt__quantize(&model, &options, NULL, &err), MOPT_OK);
    assert_ptr_equal(model, same);
    char *after = mopt__test_text(model);
    assert_string_equal(before, after);
    mopt__dataset_close(options.data);
    mopt__tensor_unref(samples);
    mopt__free(before);
    mopt__free(after);
    mopt__model_free(other);
    mopt__model_free(model);
}

static char *text_with_batch(size_t batch)
{
    static const int64_t dims[] = {16, 2, 6, 6};
    struct mopt_model *model = mopt__test_model(two_convs);
    struct mopt_tensor *samples = mopt__test_floats(4, dims, 1, 7);
    struct mopt_quantize_options options = {.calibration = MOPT_CALIBRATE_PERCENTILE,
                                            .percentile = 99};
    options.data = mopt__test_data(model, samples, batch);
    struct mopt_error err;
    assert_int_equal(mopt__test_quantize(&model, &options, 4, dims, NULL, &err), MOPT_OK);
    char *text = mopt__test_text(model);
    mopt__dataset_close(options.data);
    mopt__tensor_unref(samples);
    mopt__model_free(model);
    return text;
}

static void test_batching_does_not_matter(void **state)
{
    (void)state;
    char *one = text_with_batch(1);
    char *five = text_with_batch(5);
    assert_string_equal(one, five);
    mopt__free(one);
    mopt__free(five);
}

static void test_residual_and_concat(void **state)
{
    (void)state;
    static const char text[] = HEAD
        "(float[n,2,6,6] x) -> (float[n,6,6,4] y) { float[2,2,1,1] w = @4; float[2,2,1,1] v = @4;\n"
        "float[4,4,1,1] u = @16; a = Conv(x, w); b = Conv(a, v); s = Add(a, b); t = Relu(s);\n"
        "c = Concat<axis=1>(t, a); d = Conv(c, u); y = Transpose<perm=[0,2,3,1]>(d); } }";
    struct mopt_quantize_options options = {0};
    mopt__test_close(text, &options, 4, image, 0.05F);
    struct mopt_model *model = quantized(text, &options, 4, image, NULL);
    assert_int_equal(mopt__test_count(model, "QuantizeLinear"), 6); // x a b t c d
    assert_string_equal(mopt__test_find(model, "Add", 0)->outputs[0]->uses->node->op_type, "Relu");
    mopt__model_free(model);
}

int mopt__test_static(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_to_float),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_followers_share_parameters),
        cmocka_unit_test(test_bias_scale_is_the_product),
        cmocka_unit_test(test_huge_bias),
        cmocka_unit_test(test_transposed_convolution_with_groups),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_tied_weight),
        cmocka_unit_test(test_captured_by_a_body),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_failure_changes_nothing),
        cmocka_unit_test(test_batching_does_not_matter),
        cmocka_unit_test(test_residual_and_concat),
    };
    return cmocka_run_group_tests_name("static", tests, NULL, NULL);
}
