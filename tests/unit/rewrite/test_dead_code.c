// SPDX-License-Identifier: Apache-2.0
// Dead code of whole models: what nothing needs goes, what a body or an output needs stays.
#include "tests.h"

static const char graph[] =
    "graph main (float[2] x, bool[] c, float[1] d) -> (z) {\n"
    "  float[1] d = {0};\n"
    "  float[1] v = {1};\n"
    "  float[1] w = {2};\n"
    "  float[1] k = {3};\n"
    "  a = Abs(v);\n"
    "  b = Neg(a);\n"
    "  e = Foo(k);\n"
    "  g, h = Split(x);\n"
    "  dead = If<then_branch=graph () -> (o) { o = Foo(b); },\n"
    "            else_branch=graph () -> (p) { p = Foo(e); }>(c);\n"
    "  z = If<then_branch=graph () -> (q) { float[1] u = {4}; t = Foo(x); q = Foo(e); },\n"
    "         else_branch=graph () -> (r) { r = Foo(h); }>(c);\n"
    "}";

static void removes_what_nothing_needs(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(graph);
    struct mopt_error err = {.offset = -1};
    struct mopt_dead_code removed;
    assert_int_equal(mopt__rewrite_dead_code(model, NULL, &removed, &err), MOPT_OK);
    assert_int_equal(removed.nodes, 4);        // dead, b, a, t (the dead If takes its bodies along)
    assert_int_equal(removed.initializers, 3); // v, w, u
    support_expect(model, "graph main (float[2] x, bool[] c, float[1] d) -> (z) {\n"
                          "  float[1] d = {0};\n"
                          "  float[1] k = {3};\n"
                          "  e = Foo(k);\n"
                          "  g, h = Split(x);\n"
                          "  z = If<then_branch=graph () -> (q) {\n"
                          "    q = Foo(e);\n"
                          "  }, else_branch=graph () -> (r) {\n"
                          "    r = Foo(h);\n"
                          "  }>(c);\n"
                          "}\n");
}

static void older_dead_code_stays(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] x) -> (z) { float[1] w = {1}; float[1] v = {2};\n"
                      "  a = Foo(x, v); z = Neg(x); }");
    struct mopt_error err = {.offset = -1};
    struct mopt_dead_values older;
    struct mopt_dead_code removed;
    assert_int_equal(mopt__rewrite_dead_values(model, &older, &err), MOPT_OK);
    struct mopt_value *x = support_value(model, "x");
    struct mopt_node *node = mopt__node_new(model->graph, NULL, "Foo", "", 1, 1, &err);
    assert_non_null(node);
    mopt__node_set_input(node, 0, x);
    struct mopt_value *value = mopt__value_fresh(model->graph, "new", &err);
    assert_non_null(value);
    mopt__node_set_output(node, 0, value);
    assert_int_equal(mopt__rewrite_dead_code(model, &older, &removed, &err), MOPT_OK);
    assert_int_equal(removed.nodes, 1);
    assert_int_equal(removed.initializers, 0);
    mopt__free(older.bits);
    support_expect(model, "graph main (float[2] x) -> (float[2] z) {\n"
                          "  float[1] w = {1};\n"
                          "  float[1] v = {2};\n"
                          "  a = Foo(x, v);\n"
                          "  z = Neg(x);\n"
                          "}\n");
}

int mopt__test_dead_code(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_what_nothing_needs),
        cmocka_unit_test(older_dead_code_stays),
    };
    return cmocka_run_group_tests_name("dead_code", tests, NULL, NULL);
}
