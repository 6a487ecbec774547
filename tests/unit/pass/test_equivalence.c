// SPDX-License-Identifier: Apache-2.0
// Equivalence of models: what must be found, what must not be called different, what is skipped.
#include <string.h>

#include "tests.h"

struct outcome {
    enum mopt_status status;
    struct mopt_equivalence result;
    char output[64], failure[256], skipped[256];
};

static void keep(char *to, size_t capacity, const char *text)
{
    (void)strncpy(to, text != NULL ? text : "", capacity - 1);
}

static struct outcome compare(const char *a, const char *b, enum mopt_numerics numerics)
{
    struct mopt_error err = {.offset = -1};
    struct outcome outcome = {.status = MOPT_OK};
    struct mopt_model *x = support_model(a), *y = support_model(b);
    assert_int_equal(mopt__ops_resolve(x, &err), MOPT_OK);
    assert_int_equal(mopt__ops_resolve(y, &err), MOPT_OK);
    outcome.status = mopt__equivalence_check(x, y, numerics, 6, 42, NULL, &outcome.result, &err);
    keep(outcome.output, sizeof outcome.output, outcome.result.output);
    keep(outcome.failure, sizeof outcome.failure, outcome.result.failure);
    keep(outcome.skipped, sizeof outcome.skipped, outcome.result.skipped);
    mopt__model_free(x);
    mopt__model_free(y);
    return outcome;
}

static void expect_equal(const char *a, const char *b, enum mopt_numerics numerics)
{
    struct outcome outcome = compare(a, b, numerics);
    if (outcome.status != MOPT_OK || !outcome.result.equal || outcome.result.runs != 6) {
        fail_msg("%d runs, %s %s", outcome.result.runs, outcome.failure, outcome.skipped);
    }
}

static void expect_different(const char *a, const char *b, enum mopt_numerics numerics,
                             const char *why)
{
    struct outcome outcome = compare(a, b, numerics);
    assert_int_equal(outcome.status, MOPT_OK);
    assert_false(outcome.result.equal);
    if (strstr(outcome.failure, why) == NULL) {
        fail_msg("%s", outcome.failure);
    }
}

static void expect_skipped(const char *a, const char *why)
{
    struct outcome outcome = compare(a, a, MOPT_NUMERICS_EXACT);
    assert_int_equal(outcome.status, MOPT_OK);
    assert_true(outcome.result.equal);
    assert_int_equal(outcome.result.runs, 0);
    if (strstr(outcome.skipped, why) == NULL) {
        fail_msg("%s", outcome.skipped);
    }
}

#define UNARY(body) "graph main (float[n,5] x) -> (y) { " body " }"

static void same_results(void **state)
{
    (void)state;
    expect_equal(UNARY("y = Neg(x);"), UNARY("y = Neg(x);"), MOPT_NUMERICS_EXACT);
    expect_equal(UNARY("a = Neg(x); y = Neg(a);"), UNARY("y = Identity(x);"), MOPT_NUMERICS_EXACT);
    expect_equal(UNARY("a = Add(x, x); y = Add(a, x);"), UNARY("float c = {3}; y = Mul(x, c);"),
                 MOPT_NUMERICS_REASSOCIATES);
}

static void mistakes_that_uniform_inputs_hide(void **state)
{
    (void)state;
    // Sign of numbers, sign of zero, ties, large values.
    expect_different(UNARY("y = Identity(x);"), UNARY("y = Abs(x);"), MOPT_NUMERICS_REASSOCIATES,
                     "output 'y': elements differ");
    expect_different(UNARY("y = Identity(x);"), UNARY("float z = {0}; y = Add(x, z);"),
                     MOPT_NUMERICS_EXACT, "output 'y'"); // -0 + 0 is 0
    expect_different(UNARY("y = Identity(x);"),
                     UNARY("float a = {-99}; float b = {99}; y = Clip(x, a, b);"),
                     MOPT_NUMERICS_REASSOCIATES, "elements differ");
    expect_different(UNARY("a = Add(x, x); y = Add(a, x);"),
                     UNARY("float c = {3.01}; y = Mul(x, c);"), MOPT_NUMERICS_REASSOCIATES,
                     "elements differ");
}

static void other_interfaces(void **state)
{
    (void)state;
    expect_different(UNARY("y = Neg(x);"), "graph main (float[n,5] x) -> (z) { z = Neg(x); }",
                     MOPT_NUMERICS_EXACT, "other names");
    expect_different(UNARY("y = Neg(x);"), UNARY("float[2,1,1] c = {1, 1}; y = Mul(x, c);"),
                     MOPT_NUMERICS_EXACT, "shapes differ");
    expect_different(UNARY("y = Neg(x);"), UNARY("y = Cast<to=11>(x);"), MOPT_NUMERICS_EXACT,
                     "element types differ");
    expect_different(UNARY("y = Neg(x);"), UNARY("int64[1] s = {7}; y = Reshape(x, s);"),
                     MOPT_NUMERICS_EXACT, "the changed model fails");
}

static void overridable_inputs_are_overridden(void **state)
{
    (void)state;
    // Folding an initializer that the caller may replace is wrong.
    expect_different("model (ir=8, opset=13) { graph main (float[2] x, float[2] w) -> (y) {\n"
                     "  float[2] w = {1, 2}; y = Mul(x, w); } }",
                     "model (ir=8, opset=13) { graph main (float[2] x, float[2] w) -> (y) {\n"
                     "  float[2] w = {1, 2}; float[2] c = {1, 2}; y = Mul(x, c); } }",
                     MOPT_NUMERICS_REASSOCIATES, "elements differ");
    // The default counts as well.
    expect_different("model (ir=8, opset=13) { graph main (float[2] x, float[2] w) -> (y) {\n"
                     "  float[2] w = {1, 2}; y = Mul(x, w); } }",
                     "model (ir=8, opset=13) { graph main (float[2] x, float[2] w) -> (y) {\n"
                     "  float[2] w = {1, 3}; y = Mul(x, w); } }",
                     MOPT_NUMERICS_REASSOCIATES, "elements differ");
    // Before IR 4 every initializer had to be an input, and none could be replaced.
    expect_equal("model (ir=3, opset=7) { graph main (float[2] x, float[2] w) -> (y) {\n"
                 "  float[2] w = {1, 2}; y = Mul(x, w); } }",
                 "model (ir=3, opset=7) { graph main (float[2] x, float[2] w) -> (y) {\n"
                 "  float[2] w = {1, 2}; float[2] c = {1, 2}; y = Mul(x, c); } }",
                 MOPT_NUMERICS_REASSOCIATES);
}

static void symbols_fit_together(void **state)
{
    (void)state;
    static const char text[] = "graph main (float[b,n] x, float[b,n] z, float[n,b] v) -> (y, w) {\n"
                               "  y = Add(x, z); t = Transpose(v); w = Add(t, x); }";
    expect_equal(text, text, MOPT_NUMERICS_EXACT);
    // Strides need larger sizes.
    static const char large[] =
        "graph main (float[b,h] x) -> (y) { int64[2] s = {-1, 32}; y = Reshape(x, s); }";
    expect_equal(large, large, MOPT_NUMERICS_EXACT);
}

static void what_cannot_be_compared(void **state)
{
    (void)state;
    expect_skipped("graph main (float[2] x) -> (y) { y = my::Foo(x); }", "my::Foo");
    expect_skipped("graph main (string[2] x) -> (y) { y = Identity(x); }", "strings");
    expect_skipped("graph main (float[...] x) -> (y) { y = Identity(x); }", "rank");
    expect_skipped("graph main (x) -> (y) { y = Identity(x); }", "known element type");
    expect_skipped("graph main (float[2] x) -> (y) { r = RandomNormal<shape=[2]>();\n"
                   "  y = Add(x, r); }",
                   "random");
    expect_skipped("graph main (float[2] x, float[3] z) -> (y) { y = Add(x, z); }", "node 'y'");
    struct outcome outcome =
        compare(UNARY("y = Neg(x);"), UNARY("y = Abs(x);"), MOPT_NUMERICS_LOSSY);
    assert_true(outcome.result.equal);
    assert_non_null(strstr(outcome.skipped, "lossy"));
}

static void limits_are_errors(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    volatile int interrupted = 1;
    const struct mopt_budget budget = {.interrupted = &interrupted};
    struct mopt_equivalence result;
    struct mopt_model *model = support_model(UNARY("y = Neg(x);"));
    assert_int_equal(mopt__ops_resolve(model, &err), MOPT_OK);
    assert_int_equal(mopt__equivalence_check(model, model, MOPT_NUMERICS_EXACT, 1, 1, &budget,
                                             &result, &err),
                     MOPT_E_INTERRUPTED);
    mopt__model_free(model);
}

static void worst_output_is_named(void **state)
{
    (void)state;
    struct outcome outcome =
        compare("graph main (float[2] x) -> (a, b) { a = Neg(x); b = Identity(x); }",
                "graph main (float[2] x) -> (a, b) { a = Neg(x); c = Identity(x); b = Neg(c); }",
                MOPT_NUMERICS_REASSOCIATES);
    assert_string_equal(outcome.output, "b");
    assert_true(outcome.result.max_abs > 0);
}

int mopt__test_equivalence(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_results),         cmocka_unit_test(mistakes_that_uniform_inputs_hide),
        cmocka_unit_test(other_interfaces),     cmocka_unit_test(overridable_inputs_are_overridden),
        cmocka_unit_test(symbols_fit_together), cmocka_unit_test(what_cannot_be_compared),
        cmocka_unit_test(limits_are_errors),    cmocka_unit_test(worst_output_is_named),
    };
    return cmocka_run_group_tests_name("equivalence", tests, NULL, NULL);
}
