// SPDX-License-Identifier: Apache-2.0
// The graph: use lists, names, initializers, attributes, sub-graphs and their copies, sort, walks.
#include <stdio.h>
#include <string.h>

#include "graph_support.h"

// ---- Building and use lists

static void uses_follow_inputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_model();
    struct mopt_graph *graph = model->graph;
    struct mopt_value *x = support_input(graph, "x"), *w = support_constant(graph, "w", 1);
    struct mopt_node *add = support_node(graph, "Add", "a", x, x);
    assert_int_equal(x->use_count, 2);
    assert_ptr_equal(x->uses, &add->inputs[0]);
    mopt__node_set_input(add, 0, w);
    assert_int_equal(x->use_count, 1);
    assert_ptr_equal(x->uses, &add->inputs[1]);
    for (uint32_t i = 3; i < 40; i++) { // the array moves: uses must move with it
        assert_int_equal(mopt__node_resize_inputs(add, i, &err), MOPT_OK);
        assert_null(mopt__node_input(add, i - 1));
        mopt__node_set_input(add, i - 1, x);
        support_verify(model);
    }
    assert_int_equal(x->use_count, 38);
    assert_int_equal(mopt__node_resize_inputs(add, 1, &err), MOPT_OK);
    assert_int_equal(x->use_count, 0);
    assert_true(mopt__value_is_dead(x));
    assert_null(mopt__node_input(add, 1));
    support_verify(model);
    mopt__model_free(model);
}

static void outputs_grow_and_shrink(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_model();
    struct mopt_node *node = support_node(model->graph, "Split", "a", NULL, NULL);
    assert_int_equal(mopt__node_resize_outputs(node, 9, &err), MOPT_OK);
    assert_string_equal(mopt__node_output(node, 0)->name, "a");
    assert_null(mopt__node_output(node, 8));
    assert_int_equal(mopt__node_resize_outputs(node, 0, &err), MOPT_E_INTERNAL);
    mopt__node_set_output(node, 0, NULL);
    assert_int_equal(mopt__node_resize_outputs(node, 0, &err), MOPT_OK);
    support_verify(model);
    mopt__model_free(model);
}

static void replacing_uses_reaches_bodies_and_outputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_parse("graph (x, c) -> (a, a) { a = Relu(x); y = Abs(a);\n"
                                             "  b = If<t=graph () -> (a) { q = Neg(a); }>(c); }");
    struct mopt_graph *graph = model->graph;
    struct mopt_value *a = mopt__value_find(graph, "a"), *x = mopt__value_find(graph, "x");
    assert_int_equal(a->graph_output_count, 3);
    assert_int_equal(mopt__value_replace_uses(a, x, &err), MOPT_OK);
    assert_true(mopt__value_is_dead(a));
    assert_int_equal(x->use_count, 3);
    assert_int_equal(x->graph_output_count, 3);
    assert_ptr_equal(graph->outputs.items[1], x);
    support_verify(model);
    mopt__node_remove(a->producer);
    assert_null(mopt__value_find(graph, "a"));
    assert_int_equal(x->use_count, 2);
    support_verify(model);
    mopt__graph_remove_output(graph, 0);
    assert_int_equal(graph->outputs.count, 1);
    assert_int_equal(mopt__graph_set_output(graph, 0, mopt__value_find(graph, "y"), &err), MOPT_OK);
    assert_int_equal(x->graph_output_count, 1);
    support_verify(model);
    mopt__model_free(model);
}

static void removing_a_node_drops_its_bodies(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_parse("graph (x, c) -> () { a = Relu(x);\n"
                      "  b = If<t=graph () -> (i) { float[] w = {1}; i = Add(a, w);\n"
                      "    j = If<t=graph () -> (a) { k = Neg(a); }>(c); }>(c); }");
    struct mopt_value *a = mopt__value_find(model->graph, "a");
    assert_int_equal(a->use_count, 2);
    assert_int_equal(a->graph_output_count, 1);
    mopt__node_remove(support_find(model->graph, "b"));
    assert_true(mopt__value_is_dead(a));
    assert_int_equal(mopt__value_find(model->graph, "c")->use_count, 0);
    assert_int_equal(mopt__model_node_count(model), 1);
    support_verify(model);
    mopt__model_free(model);
}

static void a_node_gives_its_outputs_back(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_parse("graph (x) -> (y) { y = Relu(x); }");
    struct mopt_node *old = support_find(model->graph, "y");
    struct mopt_node *made = mopt__node_new(model->graph, old, "Abs", "ai.onnx", 1, 1, &err);
    mopt__node_set_input(made, 0, old->inputs[0].value);
    struct mopt_value *y = old->outputs[0];
    mopt__node_set_output(old, 0, NULL);
    mopt__node_set_output(made, 0, y);
    mopt__node_remove(old);
    assert_string_equal(made->domain, "");
    assert_ptr_equal(mopt__value_find(model->graph, "y"), y);
    assert_ptr_equal(model->graph->first, made);
    support_verify(model);
    mopt__model_free(model);
}

// ---- Names

static void fresh_names_avoid_every_scope(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model =
        support_parse("graph (x, h_1) -> () { b = If<t=graph () -> () { h = Neg(x); }>(x); }");
    assert_string_equal(mopt__value_fresh(model->graph, "h", &err)->name, "h_2");
    assert_string_equal(mopt__value_fresh(model->graph, "new", &err)->name, "new");
    assert_string_equal(mopt__value_fresh(model->graph, "new", &err)->name, "new_1");
    assert_string_equal(mopt__value_new(model->graph, "", &err)->name, "value");
    assert_string_equal(mopt__value_new(model->graph, NULL, &err)->name, "value_1");
    assert_null(mopt__value_new(model->graph, "x", &err));
    assert_int_equal(err.status, MOPT_E_INTERNAL);
    struct mopt_value *x = mopt__value_find(model->graph, "x");
    assert_int_equal(mopt__value_rename(x, "new", &err), MOPT_E_INTERNAL);
    assert_int_equal(mopt__value_rename(x, "other", &err), MOPT_OK);
    assert_null(mopt__value_find(model->graph, "x"));
    assert_ptr_equal(mopt__value_find(model->graph, "other"), x);
    support_verify(model);
    mopt__model_free(model);
}

// ---- Initializers and inputs

static void overridable_initializers_are_no_constants(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse(
        "model (ir=4, opset=9) { graph (float[] w) -> () { float[] w = {2}; float[] v = {3}; } }");
    struct mopt_value *w = mopt__value_find(model->graph, "w");
    assert_non_null(w->constant);
    assert_null(mopt__value_constant(w));
    assert_non_null(mopt__value_constant(mopt__value_find(model->graph, "v")));
    model->defaults_stand = true;
    assert_non_null(mopt__value_constant(w));
    model->defaults_stand = false;
    model->ir_version = 3;
    assert_non_null(mopt__value_constant(w));
    mopt__graph_remove_initializer(w);
    assert_ptr_equal(mopt__value_find(model->graph, "w"), w); // still an input
    mopt__graph_remove_input(model->graph, 0);
    assert_null(mopt__value_find(model->graph, "w"));
    support_verify(model);
    mopt__model_free(model);
}

static void tensors_are_released(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_f32_scalar(1, &tensor, &err), MOPT_OK);
    struct mopt_model *model = support_model();
    struct mopt_value *first = mopt__graph_constant(model->graph, "a", tensor, &err);
    assert_non_null(mopt__graph_constant(model->graph, "b", tensor, &err));
    struct mopt_node *node = support_node(model->graph, "Constant", "c", NULL, NULL);
    assert_int_equal(mopt__node_set_tensor(node, "value", tensor, &err), MOPT_OK);
    assert_int_equal(tensor->references, 4);
    mopt__graph_remove_initializer(first);
    assert_int_equal(tensor->references, 3);
    assert_int_equal(mopt__node_set_tensor(node, "value", tensor, &err), MOPT_OK); // replaces
    assert_int_equal(tensor->references, 3);
    struct mopt_model *clone;
    assert_int_equal(mopt__model_clone(model, &clone, &err), MOPT_OK);
    assert_int_equal(tensor->references, 5);
    mopt__node_remove(node);
    assert_int_equal(tensor->references, 4);
    mopt__model_free(model);
    assert_int_equal(tensor->references, 3);
    mopt__model_free(clone);
    assert_int_equal(tensor->references, 1);
    mopt__tensor_unref(tensor);
}

// Removes all initializers in an order given by step, each time checking that the list is dense.
static void remove_initializers(size_t count, size_t step)
{
    struct mopt_model *model = support_model();
    struct mopt_value **values = mopt__calloc(count, sizeof(struct mopt_value *));
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = support_constant(model->graph, "w", (float)i);
    }
    for (size_t i = 0, at = 0; i < count; i++, at = (at + step) % count) {
        mopt__graph_remove_initializer(values[at]);
        assert_int_equal(model->graph->initializers.count, count - i - 1);
        if ((i & (i - 1)) == 0) { // now and then
            support_verify(model);
        }
    }
    mopt__free(values);
    mopt__model_free(model);
}

static void initializers_can_go_in_any_order(void **state)
{
    (void)state;
    remove_initializers(50, 1);
    remove_initializers(50, 49);
    remove_initializers(20011, 7919); // large enough to lose the order on the way
}

static void lost_order_of_initializers_comes_back(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    struct mopt_error err;
    struct mopt_model *model = support_model(), *clone;
    for (int i = 0; i < COUNT; i++) {
        (void)support_constant(model->graph, "w", (float)i);
    }
    for (int i = 0; i < COUNT / 4; i++) { // from the front: the dearest removals
        mopt__graph_remove_initializer(model->graph->initializers.items[0]);
    }
    assert_int_equal(mopt__model_clone(model, &clone, &err), MOPT_OK);
    assert_int_equal(mopt__graph_sort(model->graph, &err), MOPT_OK);
    const struct mopt_value_list *list = &model->graph->initializers;
    assert_int_equal(list->count, COUNT - COUNT / 4);
    for (size_t i = 0; i < list->count; i++) {
        assert_true(i == 0 || list->items[i - 1]->id < list->items[i]->id);
        assert_int_equal(list->items[i]->id, clone->graph->initializers.items[i]->id);
    }
    support_verify(model);
    support_verify(clone);
    mopt__model_free(model);
    mopt__model_free(clone);
}

static void value_infos_lose_dropped_values(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_parse(
        "graph (x) -> () { float[1] a = Relu(x); float[2] b = Relu(x); float[3] c = Relu(x); }");
    struct mopt_value_list *list = &model->graph->value_infos;
    assert_int_equal(list->count, 3);
    mopt__node_remove(support_find(model->graph, "b"));
    assert_int_equal(list->count, 2);
    assert_string_equal(list->items[1]->name, "c");
    // importers append by hand
    struct mopt_value *d =
        support_node(model->graph, "Relu", "d", list->items[0], NULL)->outputs[0];
    assert_int_equal(mopt__grow((void **)&list->items, &list->capacity, 3,
                                sizeof(struct mopt_value *), &err),
                     MOPT_OK);
    list->items[list->count++] = d;
    mopt__node_remove(d->producer);
    assert_int_equal(list->count, 2);
    support_verify(model);
    mopt__model_free(model);
}

// ---- Attributes

static void attributes_are_set_replaced_and_compared(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_model();
    struct mopt_node *a = support_node(model->graph, "A", "a", NULL, NULL);
    struct mopt_node *b = support_node(model->graph, "A", "b", NULL, NULL);
    int64_t ints[3] = {1, 2, 3};
    float floats[2] = {1, 2};
    char name[16];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(mopt__node_set_int(a, name, i, &err), MOPT_OK);
    }
    assert_int_equal(mopt__node_set_ints(a, "n3", ints, 3, &err), MOPT_OK);
    assert_int_equal(mopt__node_set_floats(a, "n4", floats, 2, &err), MOPT_OK);
    assert_int_equal(mopt__node_set_string(a, "n5", "text", &err), MOPT_OK);
    assert_int_equal(mopt__node_set_float(a, "n6", 0.0F, &err), MOPT_OK);
    assert_int_equal(a->attribute_count, 20);
    assert_int_equal(mopt__node_attribute(a, "n3")->ints[2], 3);
    assert_true(mopt__node_remove_attribute(a, "n0"));
    assert_false(mopt__node_remove_attribute(a, "n0"));
    assert_string_equal(a->attributes[0].name, "n1");
    assert_int_equal(mopt__node_copy_attributes(b, a, &err), MOPT_OK);
    for (uint32_t i = 0; i < a->attribute_count; i++) {
        assert_true(mopt__attribute_equal(&a->attributes[i], &b->attributes[i]));
    }
    assert_int_equal(mopt__node_set_float(b, "n6", -0.0F, &err), MOPT_OK);
    assert_false(
        mopt__attribute_equal(mopt__node_attribute(a, "n6"), mopt__node_attribute(b, "n6")));
    assert_false(
        mopt__attribute_equal(mopt__node_attribute(a, "n1"), mopt__node_attribute(a, "n2")));
    char many[16];
    for (int i = 0; i < 1100; i++) {
        (void)snprintf(many, sizeof many, "m%d", i);
        enum mopt_status wanted = b->attribute_count < 1024 ? MOPT_OK : MOPT_E_LIMIT;
        assert_int_equal(mopt__node_set_int(b, many, i, &err), wanted);
    }
    struct mopt_attribute twice = {.name = "n6", .kind = MOPT_ATTR_INT};
    assert_int_equal(mopt__node_add_attribute(b, &twice, &err), MOPT_E_FORMAT);
    support_verify(model);
    mopt__model_free(model);
}

static void subgraphs_are_copied_with_their_captures(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_parse(
        "graph (x, c) -> () { float[] k = {1}; b = If<t=graph () -> (i) { float[] w = {1};\n"
        "  float[n] i = Add(x, w); j = If<t=graph () -> (x) { k2 = Neg(i); }>(c); }>(c); }");
    struct mopt_node *from = support_find(model->graph, "b");
    struct mopt_node *to = support_node(model->graph, "If", "b2", NULL, NULL);
    assert_int_equal(mopt__node_copy_attributes(to, from, &err), MOPT_OK);
    support_verify(model);
    struct mopt_value *x = mopt__value_find(model->graph, "x");
    assert_int_equal(x->use_count, 2);
    assert_int_equal(x->graph_output_count, 2);
    struct mopt_graph *copy = mopt__node_attribute(to, "t")->g;
    assert_ptr_equal(copy->owner, to);
    assert_int_equal(copy->initializers.count, 1);
    mopt__node_remove(to);
    assert_int_equal(x->use_count, 1);
    support_verify(model);
    // into another model: captured values are found by name, dims by name
    struct mopt_model *other = support_parse("graph (a, x, c) -> () { q = Relu(a); }");
    assert_int_equal(mopt__node_copy_attributes(support_find(other->graph, "q"), from, &err),
                     MOPT_OK);
    support_verify(other);
    assert_int_equal(mopt__value_find(other->graph, "x")->use_count, 1);
    struct mopt_model *bare = support_parse("graph (a) -> () { q = Relu(a); }");
    assert_int_equal(mopt__node_copy_attributes(support_find(bare->graph, "q"), from, &err),
                     MOPT_E_INTERNAL);
    assert_int_equal(support_find(bare->graph, "q")->attribute_count, 0);
    support_verify(bare);
    mopt__model_free(model);
    mopt__model_free(other);
    mopt__model_free(bare);
}

static void depth_of_subgraphs_is_limited(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_model();
    struct mopt_graph *graph = model->graph;
    for (int i = 0; i < MOPT_DEPTH_MAX; i++) {
        graph = support_body(support_node(graph, "If", "", NULL, NULL), "t", NULL);
    }
    assert_null(mopt__graph_new(model, graph, &err));
    assert_int_equal(err.status, MOPT_E_LIMIT);
    support_verify(model);
    mopt__model_free(model);
}

// ---- Order

static void expect_sorted(const char *text, const char *expected)
{
    struct mopt_error err;
    struct mopt_model *model = support_parse(text);
    assert_int_equal(mopt__graph_sort(model->graph, &err), MOPT_OK);
    char *order = support_order(model->graph);
    assert_string_equal(order, expected);
    assert_true(mopt__graph_is_sorted(model->graph));
    uint32_t at = 0;
    for (const struct mopt_node *node = model->graph->first; node != NULL; node = node->next) {
        assert_int_equal(node->order, at++);
    }
    support_verify(model);
    mopt__free(order);
    mopt__model_free(model);
}

static void sort_is_stable(void **state)
{
    (void)state;
    expect_sorted("graph (x) -> () { a = A(x); b = B(a); c = C(x); d = D(c, a); }", "a b c d");
    expect_sorted("graph (x) -> () { d = D(c, a); b = B(a); c = C(x); a = A(x); e = E(x); }",
                  "c a d b e");
    expect_sorted("graph (x) -> () { b = B(a, a, a); c = C(x); a = A(x); }", "c a b");
    // captured values count, at any depth, as inputs of inner nodes and as outputs of inner graphs
    expect_sorted("graph (x) -> () { i = If<t=graph () -> () { j = If<t=graph () -> () { k = K(a); "
                  "}>(x); }>(x);"
                  " o = If<t=graph () -> (a) {}>(x); a = A(x); }",
                  "a i o");
    expect_sorted(
        "graph (x) -> () { a = A(x); i = If<t=graph () -> () { k = K(a); }>(x); b = B(x); }",
        "a i b");
}

static void sort_reaches_subgraphs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model =
        support_parse("graph (x) -> () { i = If<t=graph () -> () { p = P(q); q = Q(x); }>(x); }");
    assert_int_equal(mopt__graph_sort(model->graph, &err), MOPT_OK);
    const struct mopt_graph *body = mopt__node_attribute(support_find(model->graph, "i"), "t")->g;
    char *order = support_order(body);
    assert_string_equal(order, "q p");
    mopt__free(order);
    mopt__model_free(model);
}

static void expect_cycle(const char *text, const char *expected)
{
    struct mopt_error err;
    struct mopt_model *model = support_parse(text);
    char *before = support_order(model->graph);
    assert_int_equal(mopt__graph_sort(model->graph, &err), MOPT_E_FORMAT);
    if (strstr(err.text, expected) == NULL) {
        fail_msg("expected '%s' in '%s'", expected, err.text);
    }
    assert_false(mopt__graph_is_sorted(model->graph));
    char *after = support_order(model->graph);
    assert_string_equal(before, after);
    mopt__free(before);
    mopt__free(after);
    mopt__model_free(model);
}

static void cycles_are_named(void **state)
{
    (void)state;
    expect_cycle("graph (x) -> () { %self: a = A(a); b = B(a); }", "node 'self' (A)");
    expect_cycle("graph (x) -> () { a = Before(x); %p: p = On(q); %p: q = On(p); z = Behind(q); y "
                 "= Behind(z); }",
                 "node 'p' (On)");
    expect_cycle("graph (x) -> () { i = If<t=graph () -> () { k = K(i); }>(x); }", "node 'i' (If)");
}

static void nodes_move(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse("graph (x) -> () { a = A(x); b = A(x); c = A(x); }");
    struct mopt_graph *graph = model->graph;
    mopt__node_move_before(graph->last, graph->first);
    mopt__node_move_before(graph->first, graph->first);
    mopt__node_move_before(graph->first, graph->first->next);
    char *order = support_order(graph);
    assert_string_equal(order, "c a b");
    mopt__free(order);
    mopt__node_move_before(graph->first, NULL);
    mopt__node_move_before(graph->last, NULL);
    order = support_order(graph);
    assert_string_equal(order, "a b c");
    mopt__free(order);
    support_verify(model);
    mopt__model_free(model);
}

static enum mopt_status note_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    mopt__strbuf_printf(context, "%s ", graph->name);
    return strcmp(graph->name, "stop") == 0 ? mopt_error_set(err, MOPT_E_LIMIT, "stop") : MOPT_OK;
}

static void walks_visit_in_order(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_strbuf text = {0};
    struct mopt_model *model =
        support_parse("model (ir=8) { graph m (x) -> () { _ = I<t=graph a () -> () { _ = I<t=graph "
                      "b () -> () {}>(x); },"
                      " l=[graph c () -> () {}, graph d () -> () {}]>(x); }\n"
                      "function F(x) -> () { _ = I<t=graph f () -> () {}>(x); } }");
    model->functions[0]->body->name = "body";
    assert_int_equal(mopt__model_walk(model, note_graph, &text, &err), MOPT_OK);
    assert_string_equal(text.text, "m a b c d body f ");
    mopt__node_attribute(model->graph->first, "t")->g->name = "stop";
    mopt__strbuf_clear(&text);
    assert_int_equal(mopt__model_walk(model, note_graph, &text, &err), MOPT_E_LIMIT);
    assert_string_equal(text.text, "m stop ");
    assert_int_equal(mopt__model_node_count(model), 3);
    assert_ptr_equal(mopt__model_function(model, "", "F", NULL), model->functions[0]);
    assert_null(mopt__model_function(model, "d", "F", NULL));
    mopt__strbuf_release(&text);
    mopt__model_free(model);
}

static void marks_are_new_even_after_wrapping(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse("graph (x) -> () { a = A(x); }");
    model->mark = UINT32_MAX - 1;
    model->graph->first->mark = mopt__model_new_mark(model);
    assert_int_equal(model->graph->first->mark, UINT32_MAX);
    mopt__value_find(model->graph, "x")->mark = 1;
    uint32_t mark = mopt__model_new_mark(model);
    assert_int_not_equal(model->graph->first->mark, mark);
    assert_int_not_equal(mopt__value_find(model->graph, "x")->mark, mark);
    mopt__model_free(model);
}

int mopt__test_graph(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_follow_inputs),
        cmocka_unit_test(outputs_grow_and_shrink),
        cmocka_unit_test(replacing_uses_reaches_bodies_and_outputs),
        cmocka_unit_test(removing_a_node_drops_its_bodies),
        cmocka_unit_test(a_node_gives_its_outputs_back),
        cmocka_unit_test(fresh_names_avoid_every_scope),
        cmocka_unit_test(overridable_initializers_are_no_constants),
        cmocka_unit_test(tensors_are_released),
        cmocka_unit_test(initializers_can_go_in_any_order),
        cmocka_unit_test(lost_order_of_initializers_comes_back),
        cmocka_unit_test(value_infos_lose_dropped_values),
        cmocka_unit_test(attributes_are_set_replaced_and_compared),
        cmocka_unit_test(subgraphs_are_copied_with_their_captures),
        cmocka_unit_test(depth_of_subgraphs_is_limited),
        cmocka_unit_test(sort_is_stable),
        cmocka_unit_test(sort_reaches_subgraphs),
        cmocka_unit_test(cycles_are_named),
        cmocka_unit_test(nodes_move),
        cmocka_unit_test(walks_visit_in_order),
        cmocka_unit_test(marks_are_new_even_after_wrapping),
    };
    int failures = cmocka_run_group_tests_name("graph", tests, NULL, NULL);
    return failures + support_test_random_edits();
}
