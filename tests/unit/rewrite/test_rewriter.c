// SPDX-License-Identifier: Apache-2.0
// Single edits: new nodes and constants, inputs, types that follow, wrong edits.
#include <string.h>

#include "tests.h"

#define RULE(rule_name, text, function)                            \
    static const struct mopt_rule rule_name = {.name = #rule_name, \
                                               .pattern = (text),  \
                                               .apply = (function)}

// y = Twice(x) -> y = x + x as a new node with a constant: (x * 2)
static enum mopt_status apply_twice(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    struct mopt_tensor *two;
    enum mopt_status status = mopt__tensor_f32_scalar(2, &two, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *factor = mopt__rewriter_constant(rewriter, match->root, "two", two, err);
    mopt__tensor_unref(two);
    if (factor == NULL) {
        return err->status;
    }
    struct mopt_value *inputs[] = {match->values[1], factor};
    struct mopt_node *node =
        mopt__rewriter_node(rewriter, match->root, "Mul", NULL, inputs, 2, 1, "twice", err);
    if (node == NULL) {
        return err->status;
    }
    status = mopt__rewriter_finish_node(rewriter, node, err);
    assert_ptr_equal(mopt__rewriter_model(rewriter), match->model);
    return status == MOPT_OK
               ? mopt__rewriter_replace(rewriter, match->values[0], node->outputs[0], err)
               : status;
}
RULE(twice, "y = Twice(x)", apply_twice);

static void new_node_and_constant(void **state)
{
    (void)state;
    struct mopt_model *model = support_model("graph main (float[2,b] x) -> (float[2,b] z) {\n"
                                             "  a = Abs(x); y = Twice(a); z = Neg(y); }");
    assert_int_equal(support_run_one(model, &twice), 1);
    const struct mopt_value *made = support_value(model, "twice");
    assert_non_null(made->producer->op); // resolved
    assert_int_equal(made->type->dtype, MOPT_FLOAT32);
    assert_true(mopt__match_same_shape(made, support_value(model, "x")));
    assert_true(mopt__match_same_shape(support_value(model, "z"), support_value(model, "x")));
    support_expect(model, "graph main (float[2,b] x) -> (float[2,b] z) {\n"
                          "  float[] two = {2};\n"
                          "  a = Abs(x);\n"
                          "  twice = Mul(a, two);\n"
                          "  z = Neg(twice);\n"
                          "}\n");
}

static void new_things_in_bodies(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] x, bool[] c) -> (z) {\n"
                      "  twice = Abs(x);\n"
                      "  z = If<then_branch=graph () -> (o) { o = Twice(twice); },\n"
                      "         else_branch=graph () -> (p) { p = Neg(x); }>(c); }");
    assert_int_equal(support_run_one(model, &twice), 1);
    support_expect(model, "graph main (float[2] x, bool[] c) -> (z) {\n"
                          "  twice = Abs(x);\n"
                          "  z = If<then_branch=graph () -> (float[2] o) {\n"
                          "    float[] two = {2};\n"
                          "    o = Mul(twice, two);\n"
                          "  }, else_branch=graph () -> (float[2] p) {\n"
                          "    p = Neg(x);\n"
                          "  }>(c);\n"
                          "}\n");
}

static void constants_of_functions_are_nodes(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("model (ir=8, opset=13, \"d\"=1) {\n"
                      "  graph main (float[2] x) -> (y) { y = d::F(x); }\n"
                      "  function d::F(a) -> (b) (opset=13) { t = Abs(a); b = Twice(t); }\n"
                      "}");
    assert_int_equal(support_run_one(model, &twice), 1);
    const struct mopt_graph *body = model->functions[0]->body;
    assert_int_equal(body->initializers.count, 0);
    assert_int_equal(body->node_count, 3);
    assert_string_equal(body->first->next->op_type, "Constant");
    assert_string_equal(body->last->op_type, "Mul");
    assert_string_equal(body->outputs.items[0]->name, "b");
    assert_null(body->outputs.items[0]->type); // a body holds for calls of all types
    mopt__model_free(model);
}

// Foo(x, ...) -> Foo(x, _, x), then trailing inputs away
static enum mopt_status apply_widen(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    struct mopt_value *x = match->values[1];
    enum mopt_status status = mopt__rewriter_set_input(rewriter, match->root, 2, x, err);
    if (status == MOPT_OK) {
        assert_int_equal(match->root->input_count, 3);
        assert_null(match->root->inputs[1].value);
        status = mopt__rewriter_set_input(rewriter, match->root, 2, x, err); // as it is
    }
    if (status == MOPT_OK && strcmp(match->root->outputs[0]->name, "z") == 0) {
        status = mopt__rewriter_set_input(rewriter, match->root, 2, NULL, err);
        assert_int_equal(match->root->input_count, 1); // the gap goes too
        if (status == MOPT_OK) {
            status = mopt__rewriter_set_input(rewriter, match->root, 1, x, err);
        }
    }
    return status;
}
RULE(widen, "y = Foo(x)", apply_widen);

static void inputs_grow_and_shrink(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (x) -> (y, z) { y = Foo(x); z = Foo(x); }");
    assert_int_equal(support_run_one(model, &widen), 2);
    support_expect(model, "graph main (x) -> (y, z) {\n"
                          "  y = Foo(x, _, x);\n"
                          "  z = Foo(x, x);\n"
                          "}\n");
}

// Cast to double becomes a cast to float: types behind it must follow.
static enum mopt_status apply_narrow(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                     struct mopt_error *err)
{
    enum mopt_status status = mopt__node_set_int(match->root, "to", MOPT_FLOAT32, err);
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, match->root, err) : status;
}

static bool is_double(struct mopt_match *match)
{
    return mopt__node_attribute(match->root, "to")->i == MOPT_FLOAT64;
}

static void types_follow(void **state)
{
    (void)state;
    static const struct mopt_rule rule = {.name = "narrow",
                                          .pattern = "y = Cast(x)",
                                          .match = is_double,
                                          .apply = apply_narrow};
    struct mopt_model *model =
        support_model("graph main (int64[2] x) -> (z) { a = Cast<to=11>(x); b = Neg(a);\n"
                      "  c = Abs(b); z = Relu(c); }");
    assert_int_equal(support_value(model, "z")->type->dtype, MOPT_FLOAT64);
    assert_int_equal(support_run_one(model, &rule), 1);
    assert_int_equal(support_value(model, "a")->type->dtype, MOPT_FLOAT32);
    assert_int_equal(support_value(model, "z")->type->dtype, MOPT_FLOAT32);
    mopt__model_free(model);
}

// Reshape by something unknown becomes a reshape to [3,2]: sizes behind it are known then.
static enum mopt_status apply_shape(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    static const int64_t items[] = {3, 2}, dims[] = {2};
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__tensor_i64(items, 1, dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *shape = mopt__rewriter_constant(rewriter, match->root, "s", tensor, err);
    mopt__tensor_unref(tensor);
    return shape != NULL ? mopt__rewriter_set_input(rewriter, match->root, 1, shape, err)
                         : err->status;
}

static bool shape_is_unknown(struct mopt_match *match)
{
    return mopt__match_constant(match->root->inputs[1].value) == NULL;
}

static void sizes_follow(void **state)
{
    (void)state;
    static const struct mopt_rule rule = {.name = "shape",
                                          .pattern = "y = Reshape(x, s)",
                                          .match = shape_is_unknown,
                                          .apply = apply_shape};
    struct mopt_model *model = support_model("graph main (float[6] x, int64[2] n) -> (z) { a = "
                                             "Reshape(x, n); b = Neg(a); z = Abs(b); }");
    int64_t size = 0;
    const struct mopt_type *type = support_value(model, "z")->type;
    assert_false(mopt__dim_is_known(model->dims, type->dims[0], &size));
    assert_int_equal(support_run_one(model, &rule), 1);
    type = support_value(model, "z")->type;
    assert_true(mopt__dim_is_known(model->dims, type->dims[0], &size));
    assert_int_equal(size, 3);
    mopt__model_free(model);
}

// ---- Wrong edits

static void expect_internal(const char *text, const struct mopt_rule *rule, const char *message)
{
    struct mopt_model *model = support_model(text);
    const struct mopt_rule *rules[] = {rule};
    struct mopt_error err = {.offset = -1};
    uint64_t applied;
    assert_int_equal(mopt__rewrite_run(model, rules, 1, NULL, &applied, &err), MOPT_E_INTERNAL);
    if (strstr(err.text, message) == NULL || strstr(err.text, rule->name) == NULL) {
        fail_msg("%s", err.text);
    }
    mopt__model_free(model);
}

static enum mopt_status apply_erase(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    (void)err;
    mopt__rewriter_erase(rewriter, match->root);
    return MOPT_OK;
}
RULE(erase, "y = Foo(x)", apply_erase);

static enum mopt_status apply_circle(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                     struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[1], match->values[0], err);
}
RULE(circle, "y = Foo(x)", apply_circle);

// Gives a value of a body to a node outside.
static enum mopt_status apply_leak(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                   struct mopt_error *err)
{
    struct mopt_value *inner = match->values[0];
    if (match->root->graph->owner == NULL) {
        return MOPT_OK;
    }
    struct mopt_node *owner = match->root->graph->owner;
    if (match->root->inputs[0].value->graph == match->root->graph) {
        return mopt__rewriter_set_input(rewriter, owner, 0, inner, err);
    }
    struct mopt_node *node =
        mopt__rewriter_node(rewriter, owner, "Abs", "", &inner, 1, 1, "n", err);
    return node == NULL ? err->status : MOPT_OK;
}
RULE(leak, "y = Foo(x)", apply_leak);

static enum mopt_status apply_failing(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                      struct mopt_error *err)
{
    (void)rewriter;
    (void)match;
    return mopt_error_set(err, MOPT_E_INTERNAL, "no luck");
}
RULE(failing, "y = Foo(x)", apply_failing);

static void wrong_edits_are_told(void **state)
{
    (void)state;
    static const char plain[] = "graph main (float[2] x) -> (z) { a = Abs(x); %n: y = Foo(a);\n"
                                "  z = Neg(y); }";
    static const char nested[] = "graph main (float[2] x, bool[] c) -> (z) {\n"
                                 "  z = If<then_branch=graph () -> (o) { o = Foo(x); },\n"
                                 "         else_branch=graph () -> (p) { p = Neg(x); }>(c); }";
    static const char deeper[] =
        "graph main (float[2] x, bool[] c) -> (z) {\n"
        "  z = If<then_branch=graph () -> (o) { t = Abs(x); o = Foo(t); },\n"
        "         else_branch=graph () -> (p) { p = Neg(x); }>(c); }";
    expect_internal(plain, &erase, "erased while its outputs are in use");
    expect_internal(plain, &circle, "would depend on itself");
    expect_internal(plain, &failing, "at node 'n' (Foo): no luck");
    expect_internal(nested, &leak, "not visible");
    expect_internal(deeper, &leak, "not visible");
}

int mopt__test_rewriter(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_node_and_constant),
        cmocka_unit_test(new_things_in_bodies),
        cmocka_unit_test(constants_of_functions_are_nodes),
        cmocka_unit_test(inputs_grow_and_shrink),
        cmocka_unit_test(types_follow),
        cmocka_unit_test(sizes_follow),
        cmocka_unit_test(wrong_edits_are_told),
    };
    return cmocka_run_group_tests_name("rewriter", tests, NULL, NULL);
}
