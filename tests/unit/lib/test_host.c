// SPDX-License-Identifier: Apache-2.0
// The functions for plugins, and the plugins that are refused. Real plugins are built by the
// compiler `cc` if there is one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests.h"

static const char net[] =
    "model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {\n"
    "float[2] k = {1, 2}; a = Neg(x); b = Neg(a); c = Add(b, k); y = LeakyRelu<alpha=0.5>(c); } }";

static void test_reading(void **state)
{
    (void)state;
    const struct mopt_host *h = &mopt__host;
    struct mopt_model *model = mopt__test_load(net);
    struct mopt_node *neg = h->first_node(h->main_graph(model));
    struct mopt_node *add = h->next_node(h->next_node(neg));
    struct mopt_node *leaky = h->next_node(add);
    assert_string_equal(h->op_type(add), "Add");
    assert_string_equal(h->domain(add), "");
    assert_null(h->next_node(leaky));
    assert_null(h->subgraph(add, 0));
    assert_int_equal(h->input_count(add), 2);
    assert_null(h->input(add, 2));
    assert_null(h->output(add, 1));
    assert_ptr_equal(h->producer(h->input(leaky, 0)), add);
    assert_null(h->producer(h->input(neg, 0)));
    float alpha = 0;
    int64_t number = 0;
    assert_int_equal(h->get_float(leaky, "alpha", &alpha), 1);
    assert_true(alpha == 0.5F);
    assert_int_equal(h->get_int(leaky, "alpha", &number), 0);
    assert_int_equal(h->get_float(leaky, "beta", &alpha), 0);
    struct mopt_constant_view view;
    assert_int_equal(h->constant(h->input(add, 0), &view), 0);
    assert_int_equal(h->constant(h->input(add, 1), &view), 1);
    assert_true(view.count == 2 && view.bytes == 8 && view.rank == 1 && view.dims[0] == 2);
    assert_int_equal(h->use_count(h->output(leaky, 0)), 1); // the graph output
    int rank = 0;
    int64_t dims[16];
    assert_int_equal(h->shape(h->input(neg, 0), &rank, dims), 1);
    assert_true(rank == 1 && dims[0] == 2 && h->dtype(h->input(neg, 0)) == MOPT_FLOAT32);
    mopt_model_free(model);
}

static void test_edits(void **state)
{
    (void)state;
    const struct mopt_host *h = &mopt__host;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_load(net);
    struct mopt_graph *graph = h->main_graph(model);
    struct mopt_node *neg = h->first_node(graph);
    struct mopt_node *again = h->next_node(neg);
    struct mopt_node *add = h->next_node(again);
    assert_int_equal(h->remove_node(again, &err), MOPT_E_USAGE); // in use
    assert_int_equal(h->replace_uses(h->output(h->next_node(add), 0), h->input(neg, 0), &err),
                     MOPT_E_USAGE);
    assert_int_equal(h->replace_uses(h->output(again, 0), h->input(neg, 0), &err), MOPT_OK);
    assert_int_equal(h->remove_node(again, &err), MOPT_OK);
    assert_int_equal(h->remove_node(neg, &err), MOPT_OK);
    static const float half[] = {0.5F, 0.25F};
    static const int64_t dims[] = {2};
    struct mopt_constant_view view = {
        .dtype = MOPT_FLOAT32, .rank = 1, .dims = dims, .data = half, .bytes = 4};
    assert_null(h->add_constant(graph, "k", &view, &err)); // too few bytes
    assert_int_equal(err.status, MOPT_E_USAGE);
    view.bytes = 8;
    struct mopt_value *constant = h->add_constant(graph, "k", &view, &err);
    assert_non_null(constant);
    assert_string_not_equal(h->value_name(constant), "k"); // that name is taken
    struct mopt_value *inputs[] = {h->input(add, 0), constant};
    struct mopt_node *mul = h->add_node(graph, add, "Mul", "", inputs, 2, 1, &err);
    assert_non_null(mul);
    assert_int_equal(h->replace_uses(h->output(add, 0), h->output(mul, 0), &err), MOPT_OK);
    assert_int_equal(h->remove_node(add, &err), MOPT_OK);
    assert_int_equal(h->set_float(h->next_node(mul), "alpha", 0.25F, &err), MOPT_OK);
    assert_null(h->add_node(graph, NULL, "Mul", "", inputs, 70000, 1, &err));
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    struct mopt_model_info info;
    mopt_model_info(model, &info);
    assert_int_equal(info.node_count, 2);
    mopt_model_free(model);
}

// ---- Plugins that are refused

// The plugin is at *target afterwards.
static bool build(const char *body, const char **target)
{
    char source[1024];
    char command[512];
    *target = mopt__test_file("plugin.so", NULL, 0);
    (void)snprintf(source, sizeof source, "#include <mopt/plugin.h>\n%s\n", body);
    (void)snprintf(command, sizeof command,
                   "cc -w -shared -fPIC -I'%s/include' -x c -o '%s' - 2>/dev/null",
                   getenv("MOPT_TEST_SOURCE"), *target);
    FILE *pipe = popen(command, "w"); // NOLINT(cert-env33-c): the test's own command
    if (pipe == NULL) {
        return false;
    }
    bool written = fputs(source, pipe) >= 0;
    return pclose(pipe) == 0 && written;
}

static void expect_refused(const char *body, const char *reason)
{
    struct mopt_error err;
    struct mopt_context *context = NULL;
    const char *target = NULL;
    if (!build(body, &target)) {
        fail_msg("the plugin does not compile: %s", body);
    }
    assert_int_equal(mopt_context_new(NULL, NULL, MOPT_MESSAGE_ERROR, &context, &err), MOPT_OK);
    size_t before;
    size_t after;
    (void)mopt_context_passes(context, &before);
    assert_int_equal(mopt_context_load_plugin(context, target, &err), MOPT_E_FORMAT);
    if (strstr(err.text, reason) == NULL) {
        fail_msg("'%s' is not in: %s", reason, err.text);
    }
    (void)mopt_context_passes(context, &after);
    assert_int_equal(before, after);
    mopt_context_free(context);
}

#define PASS(name)                                                                            \
    "static enum mopt_status run(struct mopt_pass_context *c, struct mopt_model *m, struct "  \
    "mopt_error *e) { return "                                                                \
    "MOPT_OK; }\n"                                                                            \
    "static const struct mopt_pass p = {sizeof p, \"" name "\", \"s\", \"h\", .run = run};\n" \
    "static const struct mopt_pass *const ps[] = {&p};\n"
#define INIT(fields)                                      \
    "static const struct mopt_plugin d = {" fields "};\n" \
    "const struct mopt_plugin *mopt_plugin_init(const struct mopt_host *h) { return &d; }\n"

static void test_refused_plugins(void **state)
{
    (void)state;
    const char *target = NULL;
    if (getenv("MOPT_TEST_SOURCE") == NULL || !build("int nothing;", &target)) {
        skip();
    }
    expect_refused("int nothing;", "no symbol");
    expect_refused(
        "const struct mopt_plugin *mopt_plugin_init(const struct mopt_host *h) { return 0; }",
        "refused");
    expect_refused(INIT("sizeof d, 99, \"my\""), "interface 99");
    expect_refused(INIT("sizeof d, 1, 0"), "interface");
    expect_refused(PASS("my-pass") INIT("sizeof d, 1, \"other\", \"1\", \"x\", ps, 1"),
                   "must be named 'other-");
    expect_refused(PASS("myself") INIT("sizeof d, 1, \"my\", \"1\", \"x\", ps, 1"),
                   "must be named 'my-");
    expect_refused(PASS("eliminate-identity")
                       INIT("sizeof d, 1, \"eliminate\", \"1\", \"x\", ps, 1"),
                   "exists");
    expect_refused("static const struct mopt_pass *const ps[] = {0};\n" INIT(
                       "sizeof d, 1, \"my\", \"1\", \"x\", ps, 1"),
                   "malformed");
}

static void test_files_that_are_no_plugins(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_context *context = NULL;
    assert_int_equal(mopt_context_new(NULL, NULL, MOPT_MESSAGE_ERROR, &context, &err), MOPT_OK);
    assert_int_equal(mopt_context_load_plugin(context, "libm.so.6", &err),
                     MOPT_E_MISSING); // no search
    const char *path = mopt__test_file("plugin.so", "not a library", 13);
    assert_int_equal(mopt_context_load_plugin(context, path, &err), MOPT_E_FORMAT);
    assert_non_null(strstr(err.text, "plugin '"));
    mopt_context_free(context);
}

int mopt__test_host(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_refused_plugins),
        cmocka_unit_test(test_files_that_are_no_plugins),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
