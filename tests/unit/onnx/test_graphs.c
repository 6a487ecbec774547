// SPDX-License-Identifier: Apache-2.0
// Graphs: order of nodes, names, scopes, attributes, operator sets, old files.
#include <string.h>

#include "support.h"

// ---- Order and names

static void unsorted_nodes_are_sorted(void **state)
{
    struct pb graph = {0};
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    add_node(&graph, "Third", "b", "y");
    add_node(&graph, "Second", "a", "b");
    add_node(&graph, "First", "x", "a");
    add_float_info(&graph, 11, "x");
    add_float_info(&graph, 12, "y");
    model = model_of(&graph);
    loaded = assert_loads(&model);
    assert_string_equal(loaded->graph->first->op_type, "First");
    assert_string_equal(loaded->graph->first->next->op_type, "Second");
    assert_string_equal(loaded->graph->last->op_type, "Third");
    mopt__model_free(loaded);
}

static void cycles_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb model = {0};
    (void)state;

    add_node(&graph, "A", "c", "a");
    add_node(&graph, "B", "a", "b");
    add_node(&graph, "C", "b", "c");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "depends on itself");
    graph = small_graph();
    add_node(&graph, "Self", "s", "s");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "node 's' (Self) depends on itself");
}

static void twice_defined_names_are_refused(void **state)
{
    (void)state;

    for (int which = 0; which < 6; which++) {
        struct pb graph = small_graph();
        struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){0});
        struct pb again = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){0});
        struct pb model = {0};

        pb_sub(&graph, 5, &tensor);
        switch (which) {
        case 0:
            add_node(&graph, "A", "x", "y"); // two nodes
            break;
        case 1:
            add_node(&graph, "A", "x", "a,a"); // one node
            break;
        case 2:
            add_node(&graph, "A", "x", "x"); // node and input
            break;
        case 3:
            add_node(&graph, "A", "x", "w"); // node and initializer
            break;
        case 4:
            pb_sub(&graph, 5, &again); // two initializers
            break;
        default:
            add_float_info(&graph, 11, "x"); // two inputs
            break;
        }
        model = model_of(&graph);
        assert_load_fails(&model, MOPT_E_FORMAT, "defined twice");
        pb_free(&again);
    }
}

static void undefined_names_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb model = {0};
    (void)state;

    add_node(&graph, "A", "nothing", "a");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "node 'a' (A): input 0 'nothing' is not defined");
    graph = small_graph();
    add_float_info(&graph, 12, "nothing");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "graph output 'nothing' is not defined");
    graph = small_graph(); // to be described is not to be defined
    add_node(&graph, "A", "nothing", "a");
    add_float_info(&graph, 13, "nothing");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "not defined");
}

static void missing_names_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb sub = {0};
    struct pb model = {0};
    (void)state;

    add_float_info(&graph, 11, "");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "a graph input has no name");
    graph = small_graph();
    sub = tensor_of(NULL, MOPT_FLOAT32, 1, (const int64_t[]){0});
    pb_sub(&graph, 5, &sub);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "an initializer has no name");
    graph = small_graph();
    pb_text(&sub, 1, "x");
    pb_sub(&graph, 1, &sub);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "the operator has no name");
}

// ---- Sub-graphs

static void add_if(struct pb *graph, struct pb *body, const char *output)
{
    struct pb node = node_of("If", "x", output);
    struct pb attribute = {0};

    pb_text(&attribute, 1, "then_branch");
    pb_sub(&attribute, 6, body);
    pb_int(&attribute, 20, MOPT_ATTR_GRAPH);
    pb_sub(&node, 5, &attribute);
    pb_sub(graph, 1, &node);
}

static void captured_values_are_used(void **state)
{
    struct pb graph = {0};
    struct pb body = {0};
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    const struct mopt_value *late = NULL;
    (void)state;

    add_node(&body, "Neg", "late", "inner");
    add_float_info(&body, 12, "inner");
    add_float_info(&body, 12, "x"); // an output that belongs to the scope outside
    add_if(&graph, &body, "y");
    add_node(&graph, "Abs", "x", "late"); // stands behind its user
    add_float_info(&graph, 11, "x");
    add_float_info(&graph, 12, "y");
    model = model_of(&graph);
    loaded = assert_loads(&model);
    late = mopt__value_find(loaded->graph, "late");
    assert_int_equal(late->use_count, 1);
    assert_string_equal(loaded->graph->first->op_type, "Abs");
    assert_ptr_equal(late->uses->node->graph->owner, loaded->graph->last);
    mopt__model_free(loaded);
}

static void cycles_through_bodies_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb body = {0};
    struct pb model = {0};
    (void)state;

    add_node(&body, "Neg", "own", "inner");
    add_float_info(&body, 12, "inner");
    add_if(&graph, &body, "own");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "depends on itself");
}

static void inner_names_hide_outer_ones(void **state)
{
    struct pb graph = small_graph();
    struct pb body = {0};
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    add_node(&body, "Neg", "x", "y");
    add_node(&body, "Abs", "y", "z");
    add_float_info(&body, 12, "z");
    add_float_info(&body, 13, "x"); // speaks about the outer x: defines nothing here
    add_if(&graph, &body, "out");
    model = model_of(&graph);
    loaded = assert_loads(&model);
    const struct mopt_graph *inner = loaded->graph->last->attributes[0].g;
    assert_ptr_equal(inner->last->inputs[0].value, inner->first->outputs[0]);
    assert_ptr_equal(inner->first->inputs[0].value, mopt__value_find(loaded->graph, "x"));
    mopt__model_free(loaded);
}

// ---- Attributes

static struct pb with_attribute(struct pb *attribute)
{
    struct pb graph = small_graph();
    struct pb node = node_of("Op", "x", "z");

    pb_sub(&node, 5, attribute);
    pb_sub(&graph, 1, &node);
    return model_of(&graph);
}

// Fills the field of one kind.
static void fill(struct pb *attribute, int kind)
{
    static const uint32_t fields[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 14, 15};
    struct pb sub = {0};

    switch (kind) {
    case MOPT_ATTR_FLOAT:
    case MOPT_ATTR_FLOATS:
        pb_float(attribute, fields[kind], 1.0f);
        return;
    case MOPT_ATTR_INT:
    case MOPT_ATTR_INTS:
        pb_int(attribute, fields[kind], 1);
        return;
    case MOPT_ATTR_TENSOR:
    case MOPT_ATTR_TENSORS:
        sub = tensor_of(NULL, MOPT_FLOAT32, 1, (const int64_t[]){0});
        break;
    case MOPT_ATTR_GRAPH:
    case MOPT_ATTR_GRAPHS:
        sub = (struct pb){0};
        add_node(&sub, "Neg", "x", "inner");
        break;
    case MOPT_ATTR_SPARSE_TENSOR:
    case MOPT_ATTR_SPARSE_TENSORS: {
        struct pb values = tensor_of("v", MOPT_FLOAT32, 1, (const int64_t[]){0});
        struct pb indices = tensor_of("i", MOPT_INT64, 1, (const int64_t[]){0});

        pb_sub(&sub, 1, &values);
        pb_sub(&sub, 2, &indices);
        pb_int(&sub, 3, 4);
        break;
    }
    default:
        break;
    }
    pb_sub(attribute, fields[kind], &sub);
}

static void kinds_must_fit_values(void **state)
{
    (void)state;

    for (int said = MOPT_ATTR_FLOAT; said <= MOPT_ATTR_TYPES; said++) {
        for (int filled = MOPT_ATTR_FLOAT; filled <= MOPT_ATTR_TYPES; filled++) {
            struct pb attribute = {0};
            struct pb model = {0};

            pb_text(&attribute, 1, "a");
            fill(&attribute, filled);
            pb_int(&attribute, 20, said);
            model = with_attribute(&attribute);
            if (said != filled) {
                assert_load_fails(&model, MOPT_E_FORMAT,
                                  "attribute 'a': the value is not of the kind");
                continue;
            }
            struct mopt_model *loaded = assert_loads(&model);
            assert_int_equal(mopt__node_attribute(loaded->graph->last, "a")->kind, said);
            mopt__model_free(loaded);
        }
    }
}

static void two_values_are_refused(void **state)
{
    (void)state;

    for (int filled = MOPT_ATTR_FLOAT; filled <= MOPT_ATTR_TYPES; filled++) {
        struct pb attribute = {0};
        struct pb model = {0};
        int other = filled == MOPT_ATTR_INT ? MOPT_ATTR_FLOAT : MOPT_ATTR_INT;

        pb_text(&attribute, 1, "a");
        fill(&attribute, filled);
        fill(&attribute, other);
        pb_int(&attribute, 20, filled);
        model = with_attribute(&attribute);
        assert_load_fails(&model, MOPT_E_FORMAT, "several kinds");
    }
}

static void odd_attributes_are_refused(void **state)
{
    struct pb attribute = {0};
    struct pb model = {0};
    (void)state;

    pb_int(&attribute, 3, 1);
    model = with_attribute(&attribute);
    assert_load_fails(&model, MOPT_E_FORMAT, "an attribute has no name");
    pb_text(&attribute, 1, "a");
    model = with_attribute(&attribute);
    assert_load_fails(&model, MOPT_E_FORMAT, "neither kind nor value");
    pb_text(&attribute, 1, "a");
    pb_int(&attribute, 20, 15);
    model = with_attribute(&attribute);
    assert_load_fails(&model, MOPT_E_UNSUPPORTED, "kind 15");
    pb_text(&attribute, 1, "a");
    pb_int(&attribute, 20, MOPT_ATTR_TENSOR);
    model = with_attribute(&attribute);
    assert_load_fails(&model, MOPT_E_FORMAT, "the value is missing");
    pb_text(&attribute, 1, "a");
    pb_int(&attribute, 3, 1);
    pb_text(&attribute, 21, "outer");
    model = with_attribute(&attribute);
    assert_load_fails(&model, MOPT_E_FORMAT, "refers to another");
}

static void repeated_attributes_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb node = node_of("Op", "x", "z");
    struct pb model = {0};
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct pb attribute = {0};

        pb_text(&attribute, 1, "a");
        fill(&attribute, MOPT_ATTR_TENSOR);
        pb_sub(&node, 5, &attribute);
    }
    pb_sub(&graph, 1, &node);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "'a' appears twice");
}

// Files of the first IR version have attributes without a kind.
static void kinds_are_guessed(void **state)
{
    (void)state;

    for (int filled = MOPT_ATTR_FLOAT; filled <= MOPT_ATTR_TYPES; filled++) {
        struct pb attribute = {0};
        struct pb model = {0};

        pb_text(&attribute, 1, "a");
        fill(&attribute, filled);
        model = with_attribute(&attribute);
        struct mopt_model *loaded = assert_loads(&model);
        assert_int_equal(mopt__node_attribute(loaded->graph->last, "a")->kind, filled);
        mopt__model_free(loaded);
    }
}

// ---- Types

static void dimensions_are_named(void **state)
{
    struct pb graph = small_graph();
    struct pb shape = {0};
    struct pb model = {0};
    struct pb sub = {0};
    struct pb info = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    for (int i = 0; i < 4; i++) {
        struct pb dim = {0};

        if (i < 2) {
            pb_text(&dim, 2, "batch");
        } else if (i == 2) {
            pb_int(&dim, 1, -1);
        }
        pb_sub(&shape, 1, &dim);
    }
    pb_text(&info, 1, "in");
    pb_int(&sub, 1, MOPT_FLOAT32);
    pb_sub(&sub, 2, &shape);
    struct pb type = {0};
    pb_sub(&type, 1, &sub);
    pb_sub(&info, 2, &type);
    pb_sub(&graph, 11, &info);
    model = model_of(&graph);
    loaded = assert_loads(&model);
    const struct mopt_value *value = mopt__value_find(loaded->graph, "in");
    const int64_t *dims = value->declared->dims;
    assert_ptr_equal(value->declared, value->type);
    assert_true(dims[0] == dims[1] && dims[0] < 0);
    assert_string_equal(mopt__dim_name(loaded->dims, dims[0]), "batch");
    assert_true(dims[2] == MOPT_DIM_UNKNOWN && dims[3] == MOPT_DIM_UNKNOWN);
    mopt__model_free(loaded);
}

static void double_types_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb info = {0};
    struct pb type = {0};
    struct pb model = {0};
    (void)state;

    pb_bytes(&type, 1, "", 0);
    pb_bytes(&type, 4, "", 0);
    pb_text(&info, 1, "in");
    pb_sub(&info, 2, &type);
    pb_sub(&graph, 11, &info);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "two kinds");
}

// ---- Versions

static struct pb bare_model(int64_t ir, const char *domain)
{
    struct pb model = {0};
    struct pb graph = small_graph();
    struct pb node = node_of("Gelu", "x", "z");

    if (domain != NULL) {
        pb_text(&node, 7, domain);
    }
    pb_sub(&graph, 1, &node);
    pb_int(&model, 1, ir);
    pb_sub(&model, 7, &graph);
    return model;
}

static void missing_opsets_are_completed(void **state)
{
    struct pb model = bare_model(8, "com.microsoft");
    struct mopt_model *loaded = assert_loads(&model);
    (void)state;

    assert_int_equal(loaded->opsets.count, 2);
    assert_true(mopt__graph_opset(loaded->graph, "") >= 21);
    assert_int_equal(mopt__graph_opset(loaded->graph, "com.microsoft"), 1);
    mopt__model_free(loaded);
    model = bare_model(2, "ai.onnx"); // before files could import any
    loaded = assert_loads(&model);
    assert_int_equal(mopt__graph_opset(loaded->graph, ""), 1);
    mopt__model_free(loaded);
}

static void bad_versions_are_refused(void **state)
{
    static const int64_t versions[] = {0, -1, INT64_MIN};
    struct pb model = bare_model(0, NULL);
    (void)state;

    assert_load_fails(&model, MOPT_E_FORMAT, "IR version 0");
    for (size_t i = 0; i < MOPT_COUNTOF(versions); i++) {
        struct pb opset = {0};

        model = bare_model(8, NULL);
        pb_int(&opset, 2, versions[i]);
        pb_sub(&model, 8, &opset);
        assert_load_fails(&model, MOPT_E_FORMAT, "is below 1");
    }
    model = bare_model(8, NULL);
    for (int version = 7; version < 9; version++) {
        struct pb opset = {0};

        pb_int(&opset, 2, version);
        pb_sub(&model, 8, &opset);
    }
    assert_load_fails(&model, MOPT_E_FORMAT, "two versions");
}

static void inputs_may_have_initial_values(void **state)
{
    struct pb graph = small_graph();
    struct pb tensor = tensor_of("x", MOPT_FLOAT32, 1, (const int64_t[]){2});
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    pb_bytes(&tensor, 9, "\0\0\0\0\0\0\0\0", 8);
    pb_sub(&graph, 5, &tensor);
    pb_int(&model, 1, 3);
    pb_sub(&model, 7, &graph);
    loaded = assert_loads(&model);
    const struct mopt_value *x = mopt__value_find(loaded->graph, "x");
    assert_true(x->is_input && x->constant != NULL);
    assert_non_null(mopt__value_constant(x)); // IR 3: nobody can override it
    mopt__model_free(loaded);
}

int mopt__test_graphs(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsorted_nodes_are_sorted),
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(twice_defined_names_are_refused),
        cmocka_unit_test(undefined_names_are_refused),
        cmocka_unit_test(missing_names_are_refused),
        cmocka_unit_test(captured_values_are_used),
        cmocka_unit_test(cycles_through_bodies_are_refused),
        cmocka_unit_test(inner_names_hide_outer_ones),
        cmocka_unit_test(kinds_must_fit_values),
        cmocka_unit_test(two_values_are_refused),
        cmocka_unit_test(odd_attributes_are_refused),
        cmocka_unit_test(repeated_attributes_are_refused),
        cmocka_unit_test(kinds_are_guessed),
        cmocka_unit_test(dimensions_are_named),
        cmocka_unit_test(double_types_are_refused),
        cmocka_unit_test(missing_opsets_are_completed),
        cmocka_unit_test(bad_versions_are_refused),
        cmocka_unit_test(inputs_may_have_initial_values),
    };

    return cmocka_run_group_tests_name("graphs", tests, NULL, NULL);
}
