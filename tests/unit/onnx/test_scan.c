// SPDX-License-Identifier: Apache-2.0
// Pre-scan: depth, repetitions, text, wire types, budgets, positions; through the loader, as an
// attacker comes in.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "onnx/wire.h"
#include "support.h"

// ---- Depth

// Graph whose innermost sub-graph lies `levels` below it: If nodes in If nodes, read from the
// inside out.
static struct pb nested_graph(int levels)
{
    struct pb graph = small_graph();

    for (int i = 0; i < levels; i++) {
        struct pb attribute = {0};
        struct pb outer = {0};
        struct pb node = node_of("If", "c", "y");

        pb_text(&attribute, 1, "then_branch");
        pb_sub(&attribute, 6, &graph);
        pb_int(&attribute, 20, MOPT_ATTR_GRAPH);
        pb_sub(&node, 5, &attribute);
        pb_sub(&outer, 1, &node);
        pb_text(&outer, 2, "outer");
        add_float_info(&outer, 11, "c");
        add_float_info(&outer, 12, "y");
        graph = outer;
    }
    return graph;
}

// The innermost graph holds messages five deep (value, type, tensor, shape, dimension).
static void deep_models_load(void **state)
{
    struct pb graph = nested_graph(31);
    struct pb model = model_of(&graph);
    (void)state;

    mopt__model_free(assert_loads(&model));
}

static void deeper_models_are_refused(void **state)
{
    struct pb graph = nested_graph(32);
    struct pb model = model_of(&graph);
    (void)state;

    assert_load_fails(&model, MOPT_E_LIMIT, "nested deeper than 100");
}

// Only the heads of messages: each says that all the rest of the file lies inside it. Written back
// to front.
static struct pb hostile_nesting(size_t levels)
{
    static const uint32_t fields[] = {7, 1, 5}; // graph, then node, attribute, g, node ...
    struct pb model = {0};
    size_t *lengths = test_calloc(levels + 1, sizeof *lengths);

    for (size_t i = levels; i-- > 0;) {
        lengths[i] = lengths[i + 1] + mopt__wire_length(lengths[i + 1]) + 1;
    }
    for (size_t i = 0; i < levels; i++) {
        uint32_t field = i < 3 ? fields[i] : (i - 3) % 3 == 0 ? 6 : (i - 3) % 3 == 1 ? 1 : 5;

        pb_tag(&model, field, MOPT_WIRE_BYTES);
        pb_varint(&model, lengths[i + 1]);
    }
    test_free(lengths);
    return model;
}

static void endless_nesting_is_refused(void **state)
{
    (void)state;

    for (size_t levels = 101; levels <= 1000000; levels *= 10) {
        struct pb model = hostile_nesting(levels);

        assert_load_fails(&model, MOPT_E_LIMIT, "nested deeper than 100");
    }
}

static void endless_types_are_refused(void **state)
{
    struct pb type = {0};
    struct pb info = {0};
    struct pb graph = {0};
    struct pb model = {0};
    (void)state;

    for (int i = 0; i < 2000; i++) {
        struct pb sequence = {0};

        pb_sub(&sequence, 1, &type);
        pb_sub(&type, 4, &sequence);
    }
    pb_text(&info, 1, "x");
    pb_sub(&info, 2, &type);
    pb_sub(&graph, 11, &info);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_LIMIT, "nested deeper than 100");
}

// Time of the processor, so that a busy machine makes no difference.
static uint64_t spent_ns(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

// ---- Repetitions

static void repeated_graphs_are_refused_fast(void **state)
{
    struct pb model = {0};
    uint64_t start = 0;
    (void)state;

    pb_int(&model, 1, 8);
    while (model.size < 1 << 20) {
        struct pb graph = small_graph();

        pb_sub(&model, 7, &graph);
    }
    start = spent_ns();
    assert_load_fails(&model, MOPT_E_FORMAT, "field 'graph' stands more than once");
    assert_true(spent_ns() - start < 100000000);
}

static void repeated_members_are_refused(void **state)
{
    static const char *const names[] = {"type", "t", "name", "ir_version"};
    (void)state;

    for (int which = 0; which < 4; which++) {
        struct pb graph = small_graph();
        struct pb sub = {0};
        struct pb model = {0};

        if (which == 0) { // type of a value
            pb_text(&sub, 1, "v");
            pb_bytes(&sub, 2, "", 0);
            pb_bytes(&sub, 2, "", 0);
            pb_sub(&graph, 13, &sub);
        } else if (which == 1) { // tensor of an attribute
            struct pb node = node_of("Op", "x", "z");

            pb_bytes(&sub, 5, "", 0);
            pb_bytes(&sub, 5, "", 0);
            pb_sub(&node, 5, &sub);
            pb_sub(&graph, 1, &node);
        } else if (which == 2) {
            pb_text(&graph, 2, "again");
        }
        model = model_of(&graph);
        if (which == 3) {
            pb_int(&model, 1, 8);
        }
        assert_load_fails(&model, MOPT_E_FORMAT, names[which]);
    }
}

// ---- Text

static void bad_text_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {{"a\0b", 3, "NUL"},
                 {"\xff", 1, "UTF-8"},
                 {"\xc0\x80", 2, "UTF-8"},
                 {"\xed\xa0\x80", 3, "UTF-8"},
                 {"\xf4\x90\x80\x80", 4, "UTF-8"},
                 {"\xe2\x82", 2, "UTF-8"}};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct pb graph = small_graph();
        struct pb model = {0};

        pb_bytes(&graph, 10, cases[i].bytes, cases[i].size);
        model = model_of(&graph);
        assert_load_fails(&model, MOPT_E_FORMAT, cases[i].why);
    }
}

static void good_text_is_kept(void **state)
{
    struct pb graph = small_graph();
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    pb_text(&graph, 10, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8d");
    model = model_of(&graph);
    loaded = assert_loads(&model);
    assert_string_equal(loaded->graph->doc, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8d");
    mopt__model_free(loaded);
}

// ---- Wire

static void wrong_wire_types_are_refused(void **state)
{
    (void)state;

    for (int wire = 0; wire < 8; wire++) {
        for (uint32_t field = 1; field < 26; field++) {
            static const uint8_t zeros[16];
            struct pb model = {0};
            struct mopt_error err;
            struct mopt_model *loaded = NULL;
            bool graph = field == 7 && wire == MOPT_WIRE_BYTES; // an empty one

            pb_tag(&model, field, wire);
            pb_add(&model, zeros, wire == 0 || wire == 2 ? 1 : wire == 1 ? 8 : 4);
            assert_true((load_pb(&model, &loaded, &err) == MOPT_OK) == graph);
            mopt__model_free(loaded);
            pb_free(&model);
        }
    }
}

static void reserved_numbers_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb model = {0};
    (void)state;

    pb_text(&graph, 19000, "forged");
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "reserves");
}

static void wide_numbers_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb tensor = {0};
    struct pb model = {0};
    (void)state;

    pb_int(&tensor, 2, (INT64_C(1) << 32) + 1); // would be cut to FLOAT
    pb_text(&tensor, 8, "w");
    pb_sub(&graph, 5, &tensor);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "32 bits");
}

static void not_a_model(void **state)
{
    struct pb pb = {0};
    (void)state;

    assert_load_fails(&pb, MOPT_E_FORMAT, "empty");
    pb_int(&pb, 1, 8);
    assert_load_fails(&pb, MOPT_E_FORMAT, "no graph");
    pb_add(&pb, "\x89PNG\r\n\x1a\n", 8);
    assert_load_fails(&pb, MOPT_E_FORMAT, "byte 0");
}

static void faults_have_positions(void **state)
{
    struct pb graph = small_graph();
    struct pb model = model_of(&graph);
    struct mopt_error err;
    struct mopt_model *loaded = NULL;
    size_t size = model.size;
    (void)state;

    pb_add(&model, "\x80", 1);
    assert_int_equal(load_pb(&model, &loaded, &err), MOPT_E_FORMAT);
    assert_int_equal(err.offset, (int64_t)size);
    pb_free(&model);
}

// ---- Budget

static enum mopt_status load_limited(struct pb *pb, size_t memory, struct mopt_error *err)
{
    struct mopt_onnx_limits limits = {.max_memory_bytes = memory};
    struct mopt_mapping *mapping = NULL;
    struct mopt_model *model = NULL;
    void *copy = mopt__malloc(pb->size);

    mopt_error_clear(err);
    assert_non_null(copy);
    memcpy(copy, pb->data, pb->size);
    assert_int_equal(mopt__mapping_take(copy, pb->size, "memory", &mapping, err), MOPT_OK);
    enum mopt_status status = mopt__onnx_load_mapping(mapping, NULL, &limits, &model, err);
    mopt__mapping_unref(mapping);
    mopt__model_free(model);
    return status;
}

static void budgets_hold(void **state)
{
    struct pb graph = small_graph();
    struct pb model = {0};
    struct mopt_error err;
    (void)state;

    for (int i = 0; i < 1000; i++) {
        add_node(&graph, "Op", "x", "");
    }
    model = model_of(&graph);
    assert_int_equal(load_limited(&model, 1000, &err), MOPT_E_LIMIT);
    assert_int_equal(load_limited(&model, 10000000, &err), MOPT_OK);
    pb_free(&model);
}

// 4 MB of empty attributes would take 290 MB (documented 145 times) without a budget.
static void bombs_are_refused(void **state)
{
    struct pb node = node_of("Op", "x", "z");
    struct pb graph = small_graph();
    struct pb model = {0};
    (void)state;

    for (int i = 0; i < 2000000; i++) {
        pb_bytes(&node, 5, "", 0);
    }
    pb_sub(&graph, 1, &node);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_LIMIT, "decoding would take"); // told by the pre-scan
}

// Ten times the size must take about ten times as long, whatever is repeated.
static void work_is_linear(void **state)
{
    uint64_t times[2] = {0};
    (void)state;

    for (int round = 0; round < 2; round++) {
        struct pb graph = small_graph();
        struct pb model = {0};
        struct mopt_error err;
        struct mopt_model *loaded = NULL;
        char name[32];

        for (int i = 0; i < (round == 0 ? 3000 : 30000); i++) {
            (void)snprintf(name, sizeof name, "v%d", i);
            add_node(&graph, "Relu", "x", name);
        }
        model = model_of(&graph);
        times[round] = spent_ns();
        assert_int_equal(load_pb(&model, &loaded, &err), MOPT_OK);
        times[round] = spent_ns() - times[round];
        mopt__model_free(loaded);
        pb_free(&model);
    }
    assert_true(times[1] < 50 * times[0] + 200000000);
}

int mopt__test_scan(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deep_models_load),
        cmocka_unit_test(deeper_models_are_refused),
        cmocka_unit_test(endless_nesting_is_refused),
        cmocka_unit_test(endless_types_are_refused),
        cmocka_unit_test(repeated_graphs_are_refused_fast),
        cmocka_unit_test(repeated_members_are_refused),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(good_text_is_kept),
        cmocka_unit_test(wrong_wire_types_are_refused),
        cmocka_unit_test(reserved_numbers_are_refused),
        cmocka_unit_test(wide_numbers_are_refused),
        cmocka_unit_test(not_a_model),
        cmocka_unit_test(faults_have_positions),
        cmocka_unit_test(budgets_hold),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(work_is_linear),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
