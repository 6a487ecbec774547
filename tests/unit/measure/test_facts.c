// SPDX-License-Identifier: Apache-2.0
// Counts of nodes, parameters and multiply-adds on small models.
#include <string.h>

#include "tests.h"

static const char conv_model[] = "model (ir=8, opset=13) {\n"
                                 "  graph g (float[batch,3,height,8] x) -> (float[?,?,?,?] y) {\n"
                                 "    float[4,3,3,3] w = {...};\n"
                                 "    float[4] b = {0, 1, 2, 0};\n"
                                 "    c = Conv<pads=[1,1,1,1]>(x, w, b);\n"
                                 "    y = Relu(c);\n"
                                 "  }\n"
                                 "}\n";

static struct mopt_model *conv(void)
{
    // The text form has no short way to write 108 numbers.
    struct mopt_strbuf text = {0};
    struct mopt_strbuf numbers = {0};
    for (int i = 0; i < 108; i++) {
        mopt__strbuf_add(&numbers, i > 0 ? ", 1" : "1");
    }
    const char *hole = strstr(conv_model, "{...}");
    mopt__strbuf_add_bytes(&text, conv_model, (size_t)(hole - conv_model));
    mopt__strbuf_printf(&text, "{%s}%s", mopt__strbuf_text(&numbers), hole + 5);
    struct mopt_model *model = mopt__test_model(mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
    mopt__strbuf_release(&numbers);
    return model;
}

static void counts_and_costs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_facts facts;
    struct mopt_model *model = conv();
    const struct mopt_binding height = {"height", 4};
    mopt_error_clear(&err);
    assert_int_equal(mopt__facts_gather(model, &height, 1, &facts, &err), MOPT_OK);
    assert_int_equal(facts.nodes, 2);
    assert_int_equal(facts.parameters, 112);
    assert_int_equal(facts.weight_bytes, 448);
    assert_int_equal(facts.zeros, 2);
    assert_int_equal(facts.dtype_elements[MOPT_FLOAT32], 112);
    assert_int_equal(facts.macs, 4 * 4 * 8 * 27); // channels * positions * (3*3*3)
    assert_int_equal(facts.macs_open, 0);
    assert_int_equal(mopt__facts_op(&facts, "", "Conv")->macs, facts.macs);
    assert_null(mopt__facts_op(&facts, "", "Gemm"));
    assert_string_equal(mopt__facts_quantization(&facts), "none");
    mopt__facts_release(&facts);
    mopt__model_free(model);
}

static void open_dims_leave_costs_open(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_facts facts;
    struct mopt_model *model = conv();
    assert_int_equal(mopt__facts_gather(model, NULL, 0, &facts, &err), MOPT_OK);
    assert_true(facts.macs_open > 0);
    assert_int_equal(facts.macs, 0);
    mopt__facts_release(&facts);
    const struct mopt_binding by_axis = {"x:2", 4};
    assert_int_equal(mopt__facts_gather(model, &by_axis, 1, &facts, &err), MOPT_OK);
    assert_int_equal(facts.macs, 4 * 4 * 8 * 27);
    mopt__facts_release(&facts);
    mopt__model_free(model);
}

static void unknown_dim_is_an_error(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_facts facts;
    struct mopt_model *model = conv();
    const struct mopt_binding wrong = {"hight", 4};
    mopt_error_clear(&err);
    assert_int_equal(mopt__facts_gather(model, &wrong, 1, &facts, &err), MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "hight"));
    assert_non_null(strstr(err.text, "height"));
    mopt__model_free(model);
}

static void quantization_states(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_facts facts;
    struct mopt_model *model =
        mopt__test_model("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {\n"
                         "  float s = {0.5}; uint8 z = {0};\n"
                         "  q = QuantizeLinear(x, s, z); y = DequantizeLinear(q, s, z); } }");
    assert_int_equal(mopt__facts_gather(model, NULL, 0, &facts, &err), MOPT_OK);
    assert_string_equal(mopt__facts_quantization(&facts), "static, QDQ pairs");
    mopt__facts_release(&facts);
    mopt__model_free(model);
}

int mopt__test_facts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_costs),
        cmocka_unit_test(open_dims_leave_costs_open),
        cmocka_unit_test(unknown_dim_is_an_error),
        cmocka_unit_test(quantization_states),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
