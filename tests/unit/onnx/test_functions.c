// SPDX-License-Identifier: Apache-2.0
// Model-local functions: linking of calls, recursion, depth, operator sets of bodies.
#include <stdio.h>
#include <string.h>

#include "support.h"

// Function `name` of domain "f" that calls `callee` of the same domain (NULL: Relu of the default
// domain).
static void add_function(struct pb *model, const char *name, const char *callee)
{
    struct pb f = {0};
    struct pb node = node_of(callee != NULL ? callee : "Relu", "a", "b");
    struct pb opset = {0};

    if (callee != NULL) {
        pb_text(&node, 7, "f");
    }
    pb_text(&f, 1, name);
    pb_text(&f, 4, "a");
    pb_text(&f, 5, "b");
    pb_sub(&f, 7, &node);
    pb_int(&opset, 2, 13);
    pb_sub(&f, 9, &opset);
    pb_text(&f, 10, "f");
    pb_sub(model, 25, &f);
}

static struct pb calling_model(const char *callee)
{
    struct pb graph = small_graph();
    struct pb node = node_of(callee, "x", "z");

    pb_text(&node, 7, "f");
    pb_sub(&graph, 1, &node);
    return model_of(&graph);
}

static void calls_are_linked(void **state)
{
    struct pb model = calling_model("F");
    struct mopt_model *loaded = NULL;
    (void)state;

    add_function(&model, "F", "G");
    add_function(&model, "G", NULL);
    loaded = assert_loads(&model);
    assert_int_equal(loaded->function_count, 2);
    assert_ptr_equal(loaded->graph->last->function, loaded->functions[0]);
    assert_ptr_equal(loaded->functions[0]->body->first->function, loaded->functions[1]);
    assert_null(loaded->functions[1]->body->first->function);
    assert_int_equal(mopt__graph_opset(loaded->functions[1]->body, ""), 13);
    assert_int_equal(mopt__graph_opset(loaded->functions[0]->body, "f"), 1); // completed
    mopt__model_free(loaded);
}

static void recursion_is_refused(void **state)
{
    struct pb model = calling_model("F");
    (void)state;

    add_function(&model, "F", "F");
    assert_load_fails(&model, MOPT_E_FORMAT, "calls itself");
    model = calling_model("F");
    add_function(&model, "F", "G");
    add_function(&model, "G", "H");
    add_function(&model, "H", "F");
    assert_load_fails(&model, MOPT_E_FORMAT, "calls itself");
}

static void recursion_through_bodies_is_refused(void **state)
{
    struct pb model = calling_model("F");
    struct pb f = {0};
    struct pb node = node_of("If", "a", "b");
    struct pb body = {0};
    struct pb call = node_of("F", "a", "c");
    struct pb attribute = {0};
    (void)state;

    pb_text(&call, 7, "f");
    pb_sub(&body, 1, &call);
    add_float_info(&body, 12, "c");
    pb_text(&attribute, 1, "then_branch");
    pb_sub(&attribute, 6, &body);
    pb_sub(&node, 5, &attribute);
    pb_text(&f, 1, "F");
    pb_text(&f, 4, "a");
    pb_text(&f, 5, "b");
    pb_sub(&f, 7, &node);
    pb_text(&f, 10, "f");
    pb_sub(&model, 25, &f);
    assert_load_fails(&model, MOPT_E_FORMAT, "calls itself");
}

static struct pb chain(int length)
{
    struct pb model = calling_model("F0");

    for (int i = 0; i < length; i++) {
        char name[16];
        char callee[16];

        (void)snprintf(name, sizeof name, "F%d", i);
        (void)snprintf(callee, sizeof callee, "F%d", i + 1);
        add_function(&model, name, i + 1 < length ? callee : NULL);
    }
    return model;
}

static void long_chains_are_refused(void **state)
{
    struct pb model = chain(101);
    (void)state;

    mopt__model_free(assert_loads(&model));
    model = chain(102);
    assert_load_fails(&model, MOPT_E_LIMIT, "is called through more than 100");
}

static void twice_defined_functions_are_refused(void **state)
{
    struct pb model = calling_model("F");
    (void)state;

    add_function(&model, "F", NULL);
    add_function(&model, "F", NULL);
    assert_load_fails(&model, MOPT_E_FORMAT, "'F' is defined twice");
}

static void functions_need_names_and_outputs(void **state)
{
    struct pb model = calling_model("F");
    struct pb f = {0};
    (void)state;

    pb_text(&f, 5, "b");
    pb_sub(&model, 25, &f);
    assert_load_fails(&model, MOPT_E_FORMAT, "a function has no name");
    model = calling_model("F");
    pb_text(&f, 1, "F");
    pb_text(&f, 5, "b");
    pb_sub(&model, 25, &f);
    assert_load_fails(&model, MOPT_E_FORMAT, "function 'F': output 'b' is not defined");
}

int mopt__test_functions(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_linked),
        cmocka_unit_test(recursion_is_refused),
        cmocka_unit_test(recursion_through_bodies_is_refused),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(twice_defined_functions_are_refused),
        cmocka_unit_test(functions_need_names_and_outputs),
    };

    return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}
