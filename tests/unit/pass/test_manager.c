// SPDX-License-Identifier: Apache-2.0
// The manager: counters, rounds, stopping, undoing failing passes, checks, dumps, cleaning up,
// speed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

static const char simple[] = "graph main (float[2] x) -> (float[2] z) {\n"
                             "  a = Identity(x);\n"
                             "  b = Skip(a);\n"
                             "  z = Neg(b);\n"
                             "}\n";
static const char simplified[] = "graph main (float[2] x) -> (float[2] z) {\n  z = Neg(x);\n}\n";

static enum mopt_status run(struct mopt_model **model, const char *passes,
                            const struct mopt_manager_options *options,
                            struct mopt_pass_report *report, struct mopt_error *err)
{
    struct mopt_pipeline pipeline = support_pipeline(passes);
    *err = (struct mopt_error){.offset = -1};
    enum mopt_status status = mopt__manager_run(model, &pipeline, options, report, err);
    mopt__pipeline_release(&pipeline);
    return status;
}

static void report_and_counters(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pass_report report = {.count = 0};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(run(&model, "count-nodes,no-identity,no-double-neg,no-identity", NULL, &report,
                         &err),
                     MOPT_OK);
    assert_int_equal(report.count, 4);
    assert_string_equal(report.results[1].pass->name, "no-identity");
    assert_int_equal(report.results[0].counters[0], 3);
    assert_int_equal(report.results[1].round, 1);
    assert_int_equal(report.results[1].counters[0], 1);
    assert_int_equal(report.results[1].counters[1], 1);
    assert_int_equal(report.results[1].changes, 2);
    assert_int_equal(report.results[1].nodes_before, 3);
    assert_int_equal(report.results[1].nodes_after, 1);
    assert_int_equal(report.results[2].changes, 0);
    assert_int_equal(report.results[3].changes, 0);
    mopt__pass_report_release(&report);
    support_expect(model, simplified);
}

static void rounds_end_when_nothing_changes(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    struct mopt_pass_report report = {.count = 0};
    struct mopt_pipeline pipeline;
    // no-double-neg comes first in the list but needs no-identity.
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (float[2] z) { a = Neg(x); b = Identity(a); c = Neg(b);\n"
        "  z = Abs(c); }");
    assert_int_equal(mopt__pipeline_level(&support_passes, 0, &pipeline, &err), MOPT_OK);
    assert_int_equal(mopt__pipeline_add(&support_passes, "no-double-neg,no-identity,count-nodes",
                                        &pipeline, &err),
                     MOPT_OK);
    support_seen()->runs = 0;
    assert_int_equal(mopt__manager_run(&model, &pipeline, NULL, &report, &err), MOPT_OK);
    // Round 1: nothing, 1, analysis; round 2: 1, nothing, analysis; round 3: the fixpoint pass
    // again.
    static const struct {
        const char *name;
        int round;
        uint64_t changes;
    } expected[] = {{"no-double-neg", 1, 0}, {"no-identity", 1, 1}, {"count-nodes", 1, 3},
                    {"no-double-neg", 2, 1}, {"no-identity", 2, 0}, {"count-nodes", 2, 1},
                    {"no-double-neg", 3, 0}};
    assert_int_equal(report.count, MOPT_COUNTOF(expected));
    for (size_t i = 0; i < report.count; i++) {
        assert_string_equal(report.results[i].pass->name, expected[i].name);
        assert_int_equal(report.results[i].round, expected[i].round);
        assert_int_equal(report.results[i].changes, expected[i].changes);
    }
    assert_int_equal(support_seen()->runs, 2);
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
    support_expect(model, "graph main (float[2] x) -> (float[2] z) {\n  z = Abs(x);\n}\n");
}

static void failing_pass_leaves_the_model(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pass_report report = {.count = 0};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(run(&model, "fail-late", NULL, NULL, &err), MOPT_E_VALUE);
    assert_string_equal(err.text, "pass 'fail-late': no luck");
    support_expect(model, simple);
    model = support_model(simple);
    assert_int_equal(run(&model, "no-identity,fail-late,count-nodes", NULL, &report, &err),
                     MOPT_E_VALUE);
    assert_int_equal(report.count, 1); // what was done before stays
    mopt__pass_report_release(&report);
    support_expect(model, simplified);
}

static void broken_models_are_found(void **state)
{
    (void)state;
    struct mopt_error err;
    const struct mopt_manager_options options = {.verify_each = true};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(run(&model, "break-model", &options, NULL, &err), MOPT_E_INTERNAL);
    assert_non_null(strstr(err.text, "pass 'break-model': model is broken"));
    support_expect(model, simple);
}

static void changed_results_are_found(void **state)
{
    (void)state;
    struct mopt_error err;
    const struct mopt_manager_options options = {.equivalence = 3, .seed = 1};
    static const char *const text = "graph main (float[4] x) -> (float[4] z) {\n"
                                    "  a = Identity(x);\n"
                                    "  z = Add(a, a);\n"
                                    "}\n";
    struct mopt_model *model = support_model(text);
    assert_int_equal(run(&model, "change-result", &options, NULL, &err), MOPT_E_INTERNAL);
    assert_non_null(strstr(err.text, "pass 'change-result': outputs have changed: output 'z'"));
    assert_int_equal(run(&model, "no-identity", &options, NULL, &err), MOPT_OK);
    support_expect(model, "graph main (float[4] x) -> (float[4] z) {\n  z = Add(x, x);\n}\n");
    model = support_model(text);
    assert_int_equal(run(&model, "change-result", NULL, NULL, &err), MOPT_OK); // not asked for
    mopt__model_free(model);
}

static void stop_after(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_manager_options options = {.stop_after = 1};
    struct mopt_model *model = support_model(simple);
    struct mopt_pass_report report = {.count = 0};
    assert_int_equal(run(&model, "count-nodes,no-identity", &options, &report, &err), MOPT_OK);
    assert_int_equal(report.count, 1);
    support_expect(model, simple);
    model = support_model(simple);
    options.stop_after = 2;
    assert_int_equal(run(&model, "count-nodes,no-identity,fail-late", &options, &report, &err),
                     MOPT_OK);
    assert_int_equal(report.count, 3);
    mopt__pass_report_release(&report);
    support_expect(model, simplified);
}

static void leftovers_go_but_old_ones_stay(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pass_report report = {.count = 0};
    static const char text[] = "graph main (float[2] x) -> (float[2] z) {\n"
                               "  float[1] unused = {1};\n"
                               "  dead = Foo(x);\n"
                               "  z = Neg(x);\n"
                               "}\n";
    struct mopt_model *model = support_model(text);
    assert_int_equal(run(&model, "add-dead", NULL, &report, &err), MOPT_OK);
    assert_int_equal(report.results[0].nodes_after, 3);
    mopt__pass_report_release(&report);
    support_expect(model, text);
}

static void unsorted_models_are_sorted(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (float[2] z) { z = Neg(b); b = Identity(a); a = Abs(x); }");
    assert_int_equal(run(&model, "no-identity", NULL, NULL, &err), MOPT_OK);
    support_expect(model, "graph main (float[2] x) -> (float[2] z) {\n"
                          "  a = Abs(x);\n"
                          "  z = Neg(a);\n"
                          "}\n");
}

static void budget_stops_the_pipeline(void **state)
{
    (void)state;
    struct mopt_error err;
    volatile int interrupted = 1;
    const struct mopt_budget budget = {.interrupted = &interrupted};
    const struct mopt_manager_options options = {.budget = &budget};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(run(&model, "no-identity", &options, NULL, &err), MOPT_E_INTERRUPTED);
    support_expect(model, simple);
}

static void passes_need_a_body(void **state)
{
    (void)state;
    static const struct mopt_pass empty = {.name = "empty"};
    struct mopt_pipeline_item items[] = {{.pass = &empty}};
    const struct mopt_pipeline pipeline = {.items = items, .count = 1};
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(mopt__manager_run(&model, &pipeline, NULL, NULL, &err), MOPT_E_INTERNAL);
    support_expect(model, simple);
}

// ---- Dumps

static bool contains(const char *dir, const char *name, const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_mapping *mapping = NULL;
    char *path = mopt__path_join(dir, name);
    if (mopt__mapping_open(path, 0, &mapping, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    char *content = mopt__strndup((const char *)mapping->data, mapping->size);
    bool found = strstr(content, text) != NULL;
    mopt__free(content);
    mopt__mapping_unref(mapping);
    assert_int_equal(remove(path), 0);
    mopt__free(path);
    return found;
}

static void dumps_after_changing_passes(void **state)
{
    (void)state;
    struct mopt_error err;
    char folder[] = "/tmp/mopt-pass-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *dir = mopt__path_join(folder, "dump"); // made by the manager
    const struct mopt_manager_options options = {.dump_dir = dir};
    struct mopt_model *model = support_model(simple);
    assert_int_equal(run(&model, "count-nodes,no-identity", &options, NULL, &err), MOPT_OK);
    mopt__model_free(model);
    char **names;
    size_t count;
    assert_int_equal(mopt__dir_list(dir, &names, &count, &err), MOPT_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "000-start.txt");
    assert_string_equal(names[1], "002-no-identity.txt");
    mopt__names_free(names, count);
    assert_true(contains(dir, "000-start.txt", "Identity(x)"));
    assert_false(contains(dir, "002-no-identity.txt", "Identity(x)"));
    assert_int_equal(remove(dir), 0);
    mopt__free(dir);
    assert_int_equal(remove(folder), 0);
}

// ---- Speed

static void large_models_are_fast(void **state)
{
    (void)state;
    enum { NODES = 16000, PASSES = 25 };
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(&text, "graph main (float[2] x) -> (z) {\n  v0 = Abs(x);\n");
    for (size_t i = 1; i < NODES / 2; i++) {
        mopt__strbuf_printf(&text, "  i%zu = %s(v%zu);\n  v%zu = Add(i%zu, x);\n", i,
                            i % 2 != 0 ? "Identity" : "Abs", i - 1, i, i);
    }
    mopt__strbuf_printf(&text, "  z = Neg(v%d);\n}\n", NODES / 2 - 1);
    struct mopt_model *model = support_model(mopt__strbuf_text(&text));
    mopt__strbuf_clear(&text);
    for (int i = 0; i < PASSES; i++) {
        mopt__strbuf_printf(&text, "%s%s", i > 0 ? "," : "",
                            i % 3 == 0 ? "add-dead" : "no-identity");
    }
    struct mopt_error err;
    uint64_t start = mopt__clock_ns();
    assert_int_equal(run(&model, mopt__strbuf_text(&text), NULL, NULL, &err), MOPT_OK);
    double taken = (double)(mopt__clock_ns() - start) * 1e-9;
    assert_int_equal(mopt__model_node_count(model), NODES / 2 + NODES / 4);
    mopt__model_free(model);
    mopt__strbuf_release(&text);
    if (taken >
        10) { // quadratic work would take minutes; sanitizers and busy machines may take long
        fail_msg("%.3f s", taken);
    }
    print_message("%d nodes, %d passes: %.3f s\n", NODES, PASSES, taken);
}

int mopt__test_manager(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_and_counters),
        cmocka_unit_test(rounds_end_when_nothing_changes),
        cmocka_unit_test(failing_pass_leaves_the_model),
        cmocka_unit_test(broken_models_are_found),
        cmocka_unit_test(changed_results_are_found),
        cmocka_unit_test(stop_after),
        cmocka_unit_test(leftovers_go_but_old_ones_stay),
        cmocka_unit_test(unsorted_models_are_sorted),
        cmocka_unit_test(budget_stops_the_pipeline),
        cmocka_unit_test(passes_need_a_body),
        cmocka_unit_test(dumps_after_changing_passes),
        cmocka_unit_test(large_models_are_fast),
    };
    return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
