// SPDX-License-Identifier: Apache-2.0
// Every rule on a model that breaks exactly it.
#include <string.h>

#include "tests.h"

static struct mopt_lint lint_of(const char *text, size_t limit)
{
    struct mopt_error err;
    struct mopt_lint lint;
    struct mopt_model *model = mopt__test_model(text);
    mopt_error_clear(&err);
    if (mopt__lint_model(model, limit, &lint, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    mopt__model_free(model);
    return lint;
}

static void expect_only(const char *text, enum mopt_lint_code code, const char *place)
{
    struct mopt_lint lint = lint_of(text, 0);
    if (lint.count != 1) {
        for (size_t i = 0; i < lint.count; i++) {
            print_error("%s %s: %s\n", mopt__lint_name(lint.rows[i].code), lint.rows[i].place,
                        lint.rows[i].text);
        }
    }
    assert_int_equal(lint.count, 1);
    assert_int_equal(lint.rows[0].code, code);
    assert_non_null(strstr(lint.rows[0].place, place));
    mopt__lint_release(&lint);
}

static void clean(void **state)
{
    (void)state;
    struct mopt_lint lint =
        lint_of("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) { y = Relu(x); } }",
                0);
    assert_int_equal(lint.count, 0);
    mopt__lint_release(&lint);
}

static void rules(void **state)
{
    (void)state;
    expect_only("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " float[2] w = {nan, 1}; y = Add(x, w); } }",
                MOPT_LINT_NAN, "w");
    expect_only("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " float[2] w = {inf, 1}; y = Add(x, w); } }",
                MOPT_LINT_INFINITE, "w");
    expect_only("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " %idle: z = Neg(x); y = Relu(x); } }",
                MOPT_LINT_DEAD_NODE, "idle");
    expect_only("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " float[2] w = {0, 1}; y = Relu(x); } }",
                MOPT_LINT_DEAD_WEIGHT, "w");
    expect_only("model (ir=8, opset=13) { graph g (float[2] x, float[2] u) -> (float[2] y) {"
                " y = Relu(x); } }",
                MOPT_LINT_DEAD_INPUT, "u");
    expect_only("model (ir=8, opset=13, \"a.b\"=1) { graph g (float[2] x) -> (float[2] y) {"
                " y = a.b::Thing(x); } }",
                MOPT_LINT_CUSTOM, "Thing");
    expect_only("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " y = Rleu(x); } }",
                MOPT_LINT_OPERATOR, "Rleu");
    expect_only("model (ir=3, opset=6) { graph g (float[2] x) -> (float[2] y) { y = Relu(x); } }",
                MOPT_LINT_OLD_OPSET, "");
}

// One number is no weight: what a mask is filled with may well be NaN or infinite.
static void single_numbers(void **state)
{
    (void)state;
    struct mopt_lint lint =
        lint_of("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " float w = {nan}; float[1] v = {-inf}; a = Add(x, w); y = Add(a, v); } }",
                0);
    assert_int_equal(lint.count, 0);
    mopt__lint_release(&lint);
}

static void schema_fault(void **state)
{
    (void)state;
    struct mopt_lint lint =
        lint_of("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " y = Softmax<axis=\"last\">(x); } }",
                0);
    assert_true(lint.severities[MOPT_LINT_ERROR] > 0);
    assert_int_equal(lint.codes[MOPT_LINT_SCHEMA], 1);
    mopt__lint_release(&lint);
}

static void errors_first_and_limit(void **state)
{
    (void)state;
    struct mopt_lint lint =
        lint_of("model (ir=8, opset=13) { graph g (float[2] x) -> (float[2] y) {"
                " float[2] w = {nan, 1}; a = Neg(x); b = Neg(x); c = Neg(x); y = Add(x, w); } }",
                2);
    assert_int_equal(lint.count, 3);
    assert_int_equal(lint.rows[0].code, MOPT_LINT_NAN);
    assert_int_equal(lint.rows[1].count, 1);
    assert_int_equal(lint.rows[2].count, 2); // the second row stands for the third finding, too
    assert_int_equal(lint.codes[MOPT_LINT_DEAD_NODE], 3);
    assert_int_equal(lint.severities[MOPT_LINT_WARNING], 3);
    mopt__lint_release(&lint);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(mopt__lint_name(MOPT_LINT_STRUCTURE), "E001");
    for (int i = 0; i < MOPT_LINT_CODES; i++) {
        const char *name = mopt__lint_name((enum mopt_lint_code)i);
        static const char letters[] = "EWN";
        assert_int_equal(name[0], letters[mopt__lint_severity((enum mopt_lint_code)i)]);
    }
}

int mopt__test_lint(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),
        cmocka_unit_test(rules),
        cmocka_unit_test(single_numbers),
        cmocka_unit_test(schema_fault),
        cmocka_unit_test(errors_first_and_limit),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
