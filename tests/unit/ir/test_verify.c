// SPDX-License-Identifier: Apache-2.0
// The verifier: accepts what is right, and for every invariant of graph.h finds the damage and
// names the place.
#include <string.h>

#include "graph_support.h"

static const char sample[] =
    "graph main (x, c) -> (y) {\n"
    "  float[] w = {1};\n"
    "  %first: a = Relu<k=1>(x);\n"
    "  %second: y = Add(a, w);\n"
    "  %branch: b = If<then_branch=graph () -> (o) { %inner: o = Neg(a); }>(c);\n"
    "  d = Abs(b);\n"
    "}\n";

static struct mopt_node *inner_of(const struct mopt_model *model)
{
    return mopt__node_attribute(support_find(model->graph, "b"), "then_branch")->g->first;
}

struct damage {
    void (*harm)(struct mopt_model *model);
    void (*heal)(struct mopt_model *model); // so that freeing stays safe; may be NULL
    const char *expected;                   // part of the message
};

static void wrong_use_count(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->use_count++;
}

static void lost_use(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->uses->next = NULL;
}

static void foreign_node_in_use(struct mopt_model *model)
{
    support_find(model->graph, "y")->inputs[0].node = support_find(model->graph, "d");
}

static void wrong_producer(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->producer = support_find(model->graph, "d");
}

static void two_producers(struct mopt_model *model)
{
    support_find(model->graph, "d")->outputs[0] = mopt__value_find(model->graph, "a");
}

static void produced_input(struct mopt_model *model)
{
    struct mopt_value *x = mopt__value_find(model->graph, "x");
    mopt__node_set_output(support_find(model->graph, "d"), 0, x);
}

static void input_flag(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->is_input = true;
}

static void lost_input_flag(struct mopt_model *model)
{
    mopt__value_find(model->graph, "x")->is_input = false;
}

static void input_twice(struct mopt_model *model)
{
    model->graph->inputs.items[1] = model->graph->inputs.items[0];
}

static void undefined_value(struct mopt_model *model)
{
    mopt__node_set_output(support_find(model->graph, "b"), 0, NULL);
}

static void wrong_name(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->name = "zzz";
}

static void heal_name(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->name = "a";
}

static void wrong_scope(struct mopt_model *model)
{
    struct mopt_node *inner = inner_of(model);
    mopt__node_set_input(support_find(model->graph, "d"), 0, inner->outputs[0]);
}

static void hidden_value(struct mopt_model *model)
{
    struct mopt_error err;
    assert_int_equal(mopt__value_rename(inner_of(model)->outputs[0], "a", &err), MOPT_OK);
}

static void cycle(struct mopt_model *model)
{
    mopt__node_set_input(support_find(model->graph, "a"), 0, mopt__value_find(model->graph, "d"));
}

static void cycle_by_capture(struct mopt_model *model)
{
    mopt__node_set_input(inner_of(model), 0, mopt__value_find(model->graph, "d"));
}

static void output_behind(struct mopt_model *model)
{
    model->graph->outputs.items[0] = mopt__value_find(model->graph, "a");
}

static void output_count(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->graph_output_count = 1;
}

static void node_count(struct mopt_model *model)
{
    model->graph->node_count++;
}

static void broken_chain(struct mopt_model *model)
{
    support_find(model->graph, "y")->prev = NULL;
}

static void same_node_id(struct mopt_model *model)
{
    support_find(model->graph, "y")->id = support_find(model->graph, "a")->id;
}

static void same_value_id(struct mopt_model *model)
{
    mopt__value_find(model->graph, "a")->id = mopt__value_find(model->graph, "x")->id;
}

static void wrong_domain(struct mopt_model *model)
{
    support_find(model->graph, "y")->domain = "ai.onnx";
}

static void attribute_kind(struct mopt_model *model)
{
    support_find(model->graph, "a")->attributes[0].kind = (enum mopt_attr_kind)77;
}

static void attribute_without_content(struct mopt_model *model)
{
    support_find(model->graph, "a")->attributes[0].kind = MOPT_ATTR_TENSOR;
}

static void attribute_twice(struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_node *node = support_find(model->graph, "a");
    assert_int_equal(mopt__node_set_int(node, "m", 1, &err), MOPT_OK);
    node->attributes[1].name = node->attributes[0].name;
}

static void wrong_owner(struct mopt_model *model)
{
    inner_of(model)->graph->owner = support_find(model->graph, "a");
}

static void lost_constant(struct mopt_model *model)
{
    struct mopt_value *w = mopt__value_find(model->graph, "w");
    mopt__tensor_unref(w->constant);
    w->constant = NULL;
}

static void hole(struct mopt_model *model)
{
    model->graph->initializers.items[0] = NULL;
}

static void every_damage_is_found(void **state)
{
    (void)state;
    static const struct damage rows[] = {
        {wrong_use_count, NULL, "graph 'main': value 'a' has a wrong number of uses"},
        {lost_use, NULL, "(Add): an input is not linked in the use list"},
        {foreign_node_in_use, NULL, "node 'second' (Add): an input record is wrong"},
        {wrong_producer, NULL, "value 'a' has a producer that does not produce it"},
        {two_producers, NULL, "value 'd' has a producer that does not produce it"},
        {produced_input, NULL, "value 'x' is produced by a node and also defined"},
        {input_flag, NULL, "value 'a' disagrees with the inputs"},
        {lost_input_flag, NULL, "value 'x' disagrees with the inputs"},
        {input_twice, NULL, "value 'x' stands twice in the inputs"},
        {undefined_value, NULL, "value 'b' is used but never defined"},
        {wrong_name, heal_name, "value 'zzz' is registered under another name"},
        {wrong_scope, NULL, "graph 'main': value 'o' is used outside of its scope"},
        {hidden_value, NULL, "graph 'branch': value 'a' is hidden by a value of an inner scope"},
        {cycle, NULL, "lies on or behind a cycle"},
        {cycle_by_capture, NULL, "lies on or behind a cycle"},
        {output_behind, NULL, "value 'a' is an output behind the back of its record"},
        {output_count, NULL, "value 'a' has a wrong number of graph outputs"},
        {node_count, NULL, "graph 'main': the number of nodes is wrong"},
        {broken_chain, NULL, "node 'second' (Add): is not linked properly"},
        {same_node_id, NULL, "node 'second' (Add): has a wrong id"},
        {same_value_id, NULL, "value 'a' shares its id"},
        {wrong_domain, NULL, "node 'second' (Add): has a domain that is not normalised"},
        {attribute_kind, NULL, "node 'first' (Relu): an attribute has no content"},
        {attribute_without_content, NULL, "node 'first' (Relu): an attribute has no content"},
        {attribute_twice, NULL, "node 'first' (Relu): two attributes have the same name"},
        {wrong_owner, NULL, "node 'branch' (If): a sub-graph has another owner"},
        {lost_constant, NULL, "value 'w' disagrees with the initializers"},
        {hole, NULL, "graph 'main': a list of values has a hole"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        struct mopt_error err;
        struct mopt_model *model = support_parse(sample);
        support_verify(model);
        rows[i].harm(model);
        enum mopt_status status = mopt__model_verify(model, &err);
        if (status != MOPT_E_FORMAT || strstr(err.text, rows[i].expected) == NULL) {
            fail_msg("row %zu: expected '%s', got '%s'", i, rows[i].expected,
                     status == MOPT_OK ? "ok" : err.text);
        }
        if (rows[i].heal != NULL) {
            rows[i].heal(model);
        }
        mopt__model_free(model);
    }
}

static void unsorted_and_dead_parts_are_fine(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_parse("graph (x) -> (y) { y = Relu(a); a = Abs(x); }");
    support_verify(model);
    assert_non_null(mopt__value_new(model->graph, "not defined yet", &err));
    support_verify(model);
    struct mopt_model *empty = support_model();
    support_verify(empty);
    mopt__model_free(empty);
    mopt__model_free(model);
}

static void shadowing_of_unused_outer_names_is_fine(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse(
        "graph (x, c) -> (y) { y = If<then_branch=graph () -> (x) { x = Neg(c); }>(c); }");
    support_verify(model);
    mopt__model_free(model);
}

int mopt__test_verify(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_found),
        cmocka_unit_test(unsorted_and_dead_parts_are_fine),
        cmocka_unit_test(shadowing_of_unused_outer_names_is_fine),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
