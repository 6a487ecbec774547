// SPDX-License-Identifier: Apache-2.0
// Replacing values: names and types of graph outputs, uses in bodies, names that hide others.
#include "tests.h"

// Skip(x) -> x, always
static enum mopt_status apply_skip(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                   struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[0], match->values[1], err);
}
static const struct mopt_rule skip_rule = {.name = "skip",
                                           .pattern = "y = Skip|Identity(x)",
                                           .apply = apply_skip};

static bool replaceable(struct mopt_match *match)
{
    return mopt__rewrite_can_replace(match->values[0], match->values[1]) ||
           mopt__match_refuse(match, "the output keeps its name");
}
static const struct mopt_rule polite_rule = {.name = "polite",
                                             .pattern = "y = Skip|Identity(x)",
                                             .match = replaceable,
                                             .apply = apply_skip};

static void expect(const char *text, uint64_t applied, const char *result)
{
    struct mopt_model *model = support_model(text);
    assert_int_equal(support_run_one(model, &skip_rule), applied);
    support_expect(model, result);
}

static void inner_value_goes(void **state)
{
    (void)state;
    expect("graph main (x) -> (z) { a = Abs(x); b = Skip(a); c = Neg(b); z = Foo(b, c); }", 1,
           "graph main (x) -> (z) {\n  a = Abs(x);\n  c = Neg(a);\n  z = Foo(a, c);\n}\n");
    expect("graph main (x) -> (z) { b = Skip(x); z = Foo(b, b); }", 1,
           "graph main (x) -> (z) {\n  z = Foo(x, x);\n}\n");
    expect("graph main (x) -> (z) { a = Skip(x); b = Skip(a); c = Skip(b); z = Foo(c); }", 3,
           "graph main (x) -> (z) {\n  z = Foo(x);\n}\n");
}

static void output_name_moves_to_the_producer(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (float[n] y) { a = Abs(x); b = Neg(a); y = Skip(a); "
        "c = Foo(b); }");
    struct mopt_value *a = support_value(model, "a");
    const struct mopt_type *declared = support_value(model, "y")->declared;
    assert_int_equal(support_run_one(model, &skip_rule), 1);
    assert_ptr_equal(support_value(model, "y"), a);
    assert_ptr_equal(a->declared, declared); // the interface stays as written
    assert_ptr_equal(model->graph->outputs.items[0], a);
    assert_true(a->type->dims[0] == 2); // and what is known better stays too
    support_expect(model, "graph main (float[2] x) -> (float[n] y) {\n"
                          "  y = Abs(x);\n"
                          "  b = Neg(y);\n"
                          "  c = Foo(b);\n"
                          "}\n");
}

static void output_that_must_stay(void **state)
{
    (void)state;
    // An input cannot give its name away.
    expect("graph main (x) -> (y) { y = Identity(x); }", 0,
           "graph main (x) -> (y) {\n  y = Identity(x);\n}\n");
    expect("graph main (x) -> (y, z) { y = Skip(x); z = Neg(y); }", 1,
           "graph main (x) -> (y, z) {\n  z = Neg(x);\n  y = Identity(x);\n}\n");
    expect("graph main (x) -> (y, z) { y = Identity(x); z = Neg(y); }", 1,
           "graph main (x) -> (y, z) {\n  y = Identity(x);\n  z = Neg(x);\n}\n");
    // Nor can an initializer or another output.
    expect("graph main () -> (y) { float[1] c = {1}; y = Skip(c); }", 1,
           "graph main () -> (y) {\n  float[1] c = {1};\n  y = Identity(c);\n}\n");
    expect("graph main (x) -> (a, y) { a = Abs(x); y = Skip(a); }", 1,
           "graph main (x) -> (a, y) {\n  a = Abs(x);\n  y = Identity(a);\n}\n");
    expect("graph main (x) -> (y, z) { a = Abs(x); y = Skip(a); z = Skip(a); }", 2,
           "graph main (x) -> (y, z) {\n  y = Abs(x);\n  z = Identity(y);\n}\n");
    struct mopt_model *model = support_model("graph main (x) -> (y, z) { y = Identity(x);\n"
                                             "  a = Skip(x); z = Foo(a); }");
    assert_int_equal(support_run_one(model, &polite_rule), 1);
    support_expect(model, "graph main (x) -> (y, z) {\n  y = Identity(x);\n  z = Foo(x);\n}\n");
}

// Both outputs of one node: the other one keeps its place.
static void producer_with_two_outputs(void **state)
{
    (void)state;
    static const struct mopt_rule rule = {.name = "first",
                                          .pattern = "y, _ = Pair(x)",
                                          .apply = apply_skip};
    struct mopt_model *model =
        support_model("graph main (x) -> (y, m) { y, m = Pair(x); z = Neg(y); w = Foo(z); }");
    // values: y, x
    assert_int_equal(support_run_one(model, &rule), 1);
    const struct mopt_node *pair = support_node(model, "m");
    assert_int_equal(pair->output_count, 2);
    assert_string_equal(support_node(model, "y")->op_type, "Identity");
    assert_true(mopt__value_is_dead(pair->outputs[0]));
    char *text = support_text(model);
    assert_non_null(text);
    mopt__free(text);
    mopt__model_free(model);
}

static const char captured[] =
    "graph main (float[2] x, bool[] c) -> (z) { a = Abs(x); b = Skip(a);\n"
    "  z = If<then_branch=graph () -> (o) { o = Neg(b); },\n"
    "         else_branch=graph () -> (p) { a = Foo(x); p = Foo(a, b); }>(c); }";

static void uses_in_bodies_and_hidden_names(void **state)
{
    (void)state;
    // The else branch has its own "a", which would hide the outer one.
    struct mopt_model *model = support_model(captured);
    assert_int_equal(support_run_one(model, &skip_rule), 1);
    support_expect(model, "graph main (float[2] x, bool[] c) -> (z) {\n"
                          "  a = Abs(x);\n"
                          "  z = If<then_branch=graph () -> (float[2] o) {\n"
                          "    o = Neg(a);\n"
                          "  }, else_branch=graph () -> (p) {\n"
                          "    a_1 = Foo(x);\n"
                          "    p = Foo(a_1, a);\n"
                          "  }>(c);\n"
                          "}\n");
}

static void plain_replacing_unhides_too(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(captured);
    struct mopt_error err = {.offset = -1};
    assert_int_equal(mopt__rewrite_replace_uses(support_value(model, "b"),
                                                support_value(model, "a"), &err),
                     MOPT_OK);
    const struct mopt_graph *body = support_body(support_node(model, "z"), "else_branch");
    assert_string_equal(body->first->outputs[0]->name, "a_1");
    assert_int_equal(mopt__model_verify(model, &err), MOPT_OK);
    mopt__model_free(model);
}

static void renamed_output_hidden_in_a_body(void **state)
{
    (void)state;
    // "a" becomes "y"; the body that uses it has a "y" of its own.
    expect("graph main (float[2] x, bool[] c) -> (y, z) { a = Abs(x); y = Skip(a);\n"
           "  z = If<then_branch=graph () -> (o) { y = Neg(x); o = Foo(y, a); },\n"
           "         else_branch=graph () -> (p) { p = Neg(x); }>(c); }",
           1,
           "graph main (float[2] x, bool[] c) -> (float[2] y, z) {\n"
           "  y = Abs(x);\n"
           "  z = If<then_branch=graph () -> (o) {\n"
           "    y_2 = Neg(x);\n"
           "    o = Foo(y_2, y);\n"
           "  }, else_branch=graph () -> (float[2] p) {\n"
           "    p = Neg(x);\n"
           "  }>(c);\n"
           "}\n");
}

static void body_output_of_outer_value(void **state)
{
    (void)state;
    // A body may not give out what it captures: the Identity is needed.
    static const char text[] = "graph main (float[2] x, bool[] c) -> (z) {\n"
                               "  z = If<then_branch=graph () -> (o) {\n"
                               "    o = Identity(x);\n"
                               "  }, else_branch=graph () -> (p) {\n"
                               "    q = Abs(x);\n"
                               "    p = Skip(q);\n"
                               "  }>(c);\n"
                               "}\n";
    expect(text, 1,
           "graph main (float[2] x, bool[] c) -> (z) {\n"
           "  z = If<then_branch=graph () -> (float[2] o) {\n"
           "    o = Identity(x);\n"
           "  }, else_branch=graph () -> (float[2] p) {\n"
           "    p = Abs(x);\n"
           "  }>(c);\n"
           "}\n");
}

static void function_results_keep_their_names(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("model (ir=8, opset=13, \"d\"=1) {\n"
                      "  graph main (float[2] x) -> (y) { y = d::F(x); }\n"
                      "  function d::F(a) -> (b, e) (opset=13) { t = Abs(a); b = Skip(t);\n"
                      "    e = Skip(a); }\n"
                      "}");
    assert_int_equal(support_run_one(model, &skip_rule), 2);
    const struct mopt_graph *body = model->functions[0]->body;
    assert_string_equal(body->outputs.items[0]->name, "b");
    assert_string_equal(body->outputs.items[0]->producer->op_type, "Abs");
    assert_string_equal(body->outputs.items[1]->name, "e");
    assert_string_equal(body->outputs.items[1]->producer->op_type, "Identity");
    mopt__model_free(model);
}

static void questions_before(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] x, bool[] c) -> (y, z) { a = Abs(x); y = Neg(a);\n"
                      "  z = If<then_branch=graph () -> (o) { i = Neg(x); o = Foo(i); },\n"
                      "         else_branch=graph () -> (p) { p = Neg(x); }>(c); }");
    const struct mopt_value *a = support_value(model, "a"), *x = support_value(model, "x");
    const struct mopt_value *y = support_value(model, "y"), *z = support_value(model, "z");
    const struct mopt_graph *body = support_body(z->producer, "then_branch");
    const struct mopt_value *i = mopt__value_find(body, "i"), *o = mopt__value_find(body, "o");
    assert_true(mopt__rewrite_can_replace(a, x));
    assert_true(mopt__rewrite_can_replace(y, a));
    assert_false(mopt__rewrite_can_replace(y, x)); // an input
    assert_false(mopt__rewrite_can_replace(y, z)); // an output
    assert_true(mopt__rewrite_can_replace(i, a));
    assert_false(mopt__rewrite_can_replace(a, i)); // not visible
    assert_false(mopt__rewrite_can_replace(o, a)); // a body gives out its own values
    assert_true(mopt__rewrite_can_replace(o, i));
    mopt__model_free(model);
}

int mopt__test_replace(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inner_value_goes),
        cmocka_unit_test(output_name_moves_to_the_producer),
        cmocka_unit_test(output_that_must_stay),
        cmocka_unit_test(producer_with_two_outputs),
        cmocka_unit_test(uses_in_bodies_and_hidden_names),
        cmocka_unit_test(plain_replacing_unhides_too),
        cmocka_unit_test(renamed_output_hidden_in_a_body),
        cmocka_unit_test(body_output_of_outer_value),
        cmocka_unit_test(function_results_keep_their_names),
        cmocka_unit_test(questions_before),
    };
    return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
