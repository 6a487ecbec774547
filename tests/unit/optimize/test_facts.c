// SPDX-License-Identifier: Apache-2.0
// Questions that several passes ask about nodes.
#include <stdio.h>

#include "tests.h"

static void pure_nodes(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] x, bool[] c) -> (float[2] y) {\n"
                      "  float[] r = {0.5}; bool[] on = {1}; bool[] off = {0};\n"
                      "  a = Relu(x); b = RandomNormalLike(x); d = Foo(x); e = Dropout(x, r, on); "
                      "f = Dropout(x, r, off);\n"
                      "  g = Dropout(x, r, c); h = Dropout(x);\n"
                      "  i = If<then_branch=graph () -> (o) { o = Neg(x); }, else_branch=graph () "
                      "-> (p) { p = Abs(x); }>(c);\n"
                      "  y = Sum(a, b, d, e, f, g, h, i); }");
    assert_true(mopt__is_pure(support_node(model, "a")));
    assert_false(mopt__is_pure(support_node(model, "b"))); // random
    assert_false(mopt__is_pure(support_node(model, "d"))); // unknown
    assert_false(mopt__is_pure(support_node(model, "e"))); // training
    assert_true(mopt__is_pure(support_node(model, "f")));
    assert_false(mopt__is_pure(support_node(model, "g"))); // may be training
    assert_true(mopt__is_pure(support_node(model, "h")));
    assert_false(mopt__is_pure(support_node(model, "i"))); // sub-graphs
    mopt__model_free(model);
}

static bool is_training(const char *opset, const char *attributes, const char *outputs)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "model (ir=4, opset=%s) { graph main (float[2,1,2,2] x, float[1] s) -> "
                   "(float[2,1,2,2] y) {\n"
                   "  %s = BatchNormalization<%s>(x, s, s, s, s); } }",
                   opset, outputs, attributes);
    struct mopt_model *model = support_model(text);
    bool training = mopt__is_training_norm(support_node(model, "y"));
    mopt__model_free(model);
    return training;
}

static void mode_of_normalisation(void **state)
{
    (void)state;
    assert_false(is_training("15", "epsilon=1e-3", "y"));
    assert_false(is_training("15", "training_mode=0", "y"));
    assert_true(is_training("15", "training_mode=1", "y"));
    assert_false(is_training("9", "epsilon=1e-3", "y"));
    assert_true(is_training("9", "epsilon=1e-3", "y, m, v, n, w"));
    assert_true(is_training("9", "epsilon=1e-3", "y, m"));
    assert_false(is_training("6", "is_test=1", "y, m, v, n, w"));
    assert_true(is_training("6", "is_test=0", "y, m, v, n, w"));
    assert_false(is_training("6", "is_test=0", "y"));
}

static void bodies_of_functions(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("model (ir=8, opset=13, \"d\"=1) { graph main (float[2] x) -> (float[2] y) { "
                      "y = d::F(x); }\n"
                      "  function d::F(a) -> (b) (opset=13) { b = Neg(a); } }");
    assert_false(mopt__in_function(model->graph));
    assert_true(mopt__in_function(model->functions[0]->body));
    mopt__model_free(model);
}

int mopt__test_facts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pure_nodes),
        cmocka_unit_test(mode_of_normalisation),
        cmocka_unit_test(bodies_of_functions),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
