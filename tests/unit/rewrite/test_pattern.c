// SPDX-License-Identifier: Apache-2.0
// Text patterns: what each mark means, which texts are wrong, and that a match tells what it found.
#include <string.h>

#include "tests.h"

static void expect(const char *graph, const char *pattern, bool matches)
{
    struct mopt_model *model = support_model(graph);
    if (support_matches(model, pattern) != matches) {
        fail_msg("pattern %s", pattern);
    }
    mopt__model_free(model);
}

static void operators_and_alternatives(void **state)
{
    (void)state;
    static const char graph[] = "graph main (float[2] x) -> (y) { y = Relu(x); }";
    expect(graph, "y = Relu(x)", true);
    expect(graph, "y = Sigmoid(x)", false);
    expect(graph, "y = Sigmoid|Relu(x)", true);
    expect(graph, "y = Tanh | Sigmoid (x)", false);
    expect(graph, "\n  y = Relu ( x )\n\n", true);
    expect(graph, "y = com.microsoft::Relu(x)", false);
    expect("graph main (float[2] x) -> (y) { y = com.microsoft::Gelu(x); }",
           "y = Relu|com.microsoft::Gelu(x)", true);
    expect("graph main (float[2] x) -> (y) { y = com.microsoft::Gelu(x); }", "y = Gelu(x)", false);
    expect("graph main (float[2] x) -> (y) { y = com.microsoft::Gelu(x); }", "y = ai.onnx::Gelu(x)",
           false);
}

static void number_of_inputs(void **state)
{
    (void)state;
    static const char two[] = "graph main (float[2] x, float[2] w) -> (y) { y = Foo(x, w); }";
    static const char gap[] = "graph main (float[2] x, float[2] w) -> (y) { y = Foo(x, _, w); }";
    static const char tail[] = "graph main (float[2] x, float[2] w) -> (y) { y = Foo(x, w, _); }";
    expect(two, "y = Foo(a)", false);
    expect(two, "y = Foo(a, b)", true);
    expect(two, "y = Foo(a, b, c)", false);
    expect(two, "y = Foo(a, b, ?c)", true);
    expect(two, "y = Foo(a, b, _)", true);
    expect(two, "y = Foo(a, _)", false);
    expect(two, "y = Foo(a, ...)", true);
    expect(two, "y = Foo(...)", true);
    expect(two, "y = Foo()", false);
    expect(gap, "y = Foo(a, b, c)", false);
    expect(gap, "y = Foo(a, _, c)", true);
    expect(gap, "y = Foo(a, ?b, c)", true);
    expect(gap, "y = Foo(a, ?b)", false);
    expect(tail, "y = Foo(a, b)", true); // trailing absent inputs count for nothing
}

static void same_name_same_value(void **state)
{
    (void)state;
    expect("graph main (float[2] x) -> (y) { y = Foo(x, x); }", "y = Foo(a, a)", true);
    expect("graph main (float[2] x, float[2] w) -> (y) { y = Foo(x, w); }", "y = Foo(a, a)", false);
    expect("graph main (float[2] x) -> (y) { y = Foo(x, _); }", "y = Foo(a, ?a)", false);
}

static void constants(void **state)
{
    (void)state;
    expect("graph main (float[2] x) -> (y) { float[2] c = {1, 2}; y = Foo(x, c); }",
           "y = Foo(a, $c)", true);
    expect("graph main (float[2] x, float[2] c) -> (y) { y = Foo(x, c); }", "y = Foo(a, $c)",
           false);
    expect("graph main (float[2] x) -> (y) { c = Constant<value=float[1]{3}>(); y = Foo(x, c); }",
           "y = Foo(a, $c)", true);
    expect("graph main (float[2] x) -> (y) { y = Foo(x); }", "y = Foo(a, ?$c)", true);
    expect("graph main (float[2] x, float[2] w) -> (y) { y = Foo(x, w); }", "y = Foo(a, $?c)",
           false);
    // An initializer that is an input too is only a default, but before IR 4 it is a constant.
    expect("model (ir=8, opset=13) { graph main (float[1] x, float[1] c) -> (y) {\n"
           "  float[1] c = {1}; y = Foo(x, c); } }",
           "y = Foo(a, $c)", false);
    expect("model (ir=3, opset=13) { graph main (float[1] x, float[1] c) -> (y) {\n"
           "  float[1] c = {1}; y = Foo(x, c); } }",
           "y = Foo(a, $c)", true);
}

static void inner_values(void **state)
{
    (void)state;
    static const char plain[] = "b = Conv(x, w)\ny = Relu(b)";
    static const char inner[] = "b! = Conv(x, w)\ny = Relu(b)";
    static const char once[] = "graph main (x, w) -> (y) { b = Conv(x, w); y = Relu(b); }";
    static const char twice[] =
        "graph main (x, w) -> (y, z) { b = Conv(x, w); y = Relu(b); z = Abs(b); }";
    static const char given[] = "graph main (x, w) -> (y, b) { b = Conv(x, w); y = Relu(b); }";
    static const char captured[] =
        "graph main (x, w, bool[] c) -> (y, z) { b = Conv(x, w); y = Relu(b);\n"
        "  z = If<then_branch=graph () -> (o) { o = Abs(b); },\n"
        "         else_branch=graph () -> (p) { p = Abs(x); }>(c); }";
    static const char shared[] =
        "graph main (x, w) -> (y) { b = Conv(x, w); r = Relu(b); y = Mul(b, r); }";
    expect(once, plain, true);
    expect(once, inner, true);
    expect(twice, plain, true);
    expect(twice, inner, false);
    expect(given, plain, true);
    expect(given, inner, false);
    expect(captured, plain, true);
    expect(captured, inner, false); // a body uses it too
    expect(shared, inner, false);
    expect(shared, "b! = Conv(x, w)\nr! = Relu(b)\ny = Mul(b, r)", true); // all uses are matched
    expect(shared, "b! = Conv(x, w)\nr = Relu(b)\ny = Mul(r, b)", true);
    // As many uses as the pattern has mentions, but one of them elsewhere.
    static const char maybe[] = "b! = Conv(x, w)\nc = Abs(b)\ny = Foo(b, ?c)";
    expect("graph main (x, w) -> (y) { b = Conv(x, w); c = Abs(b); y = Foo(b, c); }", maybe, true);
    expect("graph main (x, w) -> (y) { b = Conv(x, w); y = Foo(b); }", maybe, true);
    expect("graph main (x, w) -> (y, z) { b = Conv(x, w); y = Foo(b); z = Abs(b); }", maybe, false);
}

static void outputs(void **state)
{
    (void)state;
    static const char both[] = "graph main (x) -> (y, m) { y, m = Dropout(x); }";
    static const char dead[] = "graph main (x) -> (y) { y, m = Dropout(x); }";
    static const char second[] = "graph main (x) -> (z) { y, m = Dropout(x); z = Not(m); }";
    expect(both, "y = Dropout(x)", false); // the mask is needed
    expect(both, "y, m = Dropout(x)", true);
    expect(both, "y, _ = Dropout(x)", true);
    expect(dead, "y = Dropout(x)", true);
    expect(dead, "y, m, n = Dropout(x)", false);
    expect(dead, "y, ?m, ?n = Dropout(x)", true);
    expect(second, "d = Dropout(x)\ny = Not(d)", false); // another output
    expect(second, "_, d = Dropout(x)\ny = Not(d)", true);
}

static void optional_producers(void **state)
{
    (void)state;
    static const char pattern[] = "b = Abs(x)\ny = Foo(x, ?b)";
    expect("graph main (x) -> (y) { b = Abs(x); y = Foo(x, b); }", pattern, true);
    expect("graph main (x) -> (y) { y = Foo(x); }", pattern, true);
    expect("graph main (x) -> (y) { b = Neg(x); y = Foo(x, b); }", pattern, false);
    expect("graph main (x) -> (y) { y = Foo(x, x); }", pattern, false);
}

static void commutative_orders(void **state)
{
    (void)state;
    static const char add[] = "graph main (float[2] x) -> (y) {\n"
                              "  float[2] c = {1, 2}; y = Add(c, x); }";
    expect(add, "y = Add(x, $c)", true);
    expect("graph main (float[2] x) -> (y) { float[2] c = {1, 2}; y = Sub(c, x); }",
           "y = Sub(x, $c)", false);
    // Only one order of each inner node fits the other: needs going back.
    static const char deep[] = "graph main (float[2] x, float[2] p, float[2] q) -> (y) {\n"
                               "  a = Add(p, x); b = Add(x, q); y = Mul(b, a); }";
    expect(deep, "a = Add(x, p)\nb = Add(x, q)\ny = Mul(a, b)", true);
    expect(deep, "a = Add(p, x)\nb = Add(x, q)\ny = Mul(a, b)", true);
    expect(deep, "a = Add(x, x)\nb = Add(x, q)\ny = Mul(a, b)", false);
    expect("graph main (float[2] x, float[2] p, float[2] q, float[2] z) -> (y) {\n"
           "  a = Add(p, x); b = Add(z, q); y = Mul(b, a); }",
           "a = Add(x, p)\nb = Add(x, q)\ny = Mul(a, b)", false);
}

static void lines_match_different_nodes(void **state)
{
    (void)state;
    static const char pattern[] = "a = Abs(x)\nb = Abs(x)\ny = Foo(a, b)";
    expect("graph main (x) -> (y) { a = Abs(x); b = Abs(x); y = Foo(a, b); }", pattern, true);
    expect("graph main (x) -> (y) { a = Abs(x); y = Foo(a, a); }", pattern, false);
}

static void scopes(void **state)
{
    (void)state;
    static const char across[] =
        "graph main (float[2] x, bool[] c) -> (y) { a = Abs(x);\n"
        "  y = If<then_branch=graph () -> (o) { o = Relu(a); },\n"
        "         else_branch=graph () -> (p) { q = Abs(x); p = Neg(q); }>(c); }";
    expect(across, "a = Abs(x)\ny = Relu(a)", false); // producer in another scope
    expect(across, "y = Relu(a)", true);              // captured value
    expect(across, "a = Abs(x)\ny = Neg(a)", true);   // inside a body
    static const char function[] =
        "model (ir=8, opset=13, \"d\"=1) {\n"
        "  graph main (float[2] x) -> (y) { y = d::F<k=1>(x); }\n"
        "  function d::F<k>(a) -> (b) (opset=13) { t = Abs(a); b = Foo<k=@k:int>(t); }\n"
        "}";
    expect(function, "y = Abs(x)", true);
    expect(function, "y = Foo(x)", false);  // its attribute is the caller's
    expect(function, "y = d::F(x)", false); // a call, no operator
}

static void bad_texts(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", "no line"},
        {"y Relu(x)", "'=' expected"},
        {"y = Relu x", "'(' expected"},
        {"y = Relu(x", "')' expected"},
        {"y = Relu(x) z", "end of line expected"},
        {"y = (x)", "name expected"},
        {"y = Relu(x,)", "name expected"},
        {"y = Relu(..., x)", "')' expected"},
        {" = Relu(x)", "name expected"},
        {"y = Relu(y)", "its own output"},
        {"y = Abs(x)\ny = Relu(x)", "taken"},
        {"a = Abs(x)\ny = Relu(x)", "does not depend"},
        {"y = Relu(a)\na = Abs(x)", "taken"},
        {"a = Abs(x)\ny = Relu($a)", "constant"},
        {"$y = Relu(x)", "constant"},
        {"y! = Relu(x)", "makes no sense"},
    };
    struct mopt_model *model = support_model("graph main (x) -> (y) { y = Relu(x); }");
    for (size_t i = 0; i < MOPT_COUNTOF(texts); i++) {
        struct mopt_error err = {.offset = -1};
        const struct mopt_rule rule = {.name = "bad-rule", .pattern = texts[i][0]};
        const struct mopt_rule *rules[] = {&rule};
        bool found = true;
        assert_int_equal(mopt__rewrite_scan(model, rules, 1, &found, &err), MOPT_E_INTERNAL);
        assert_false(found);
        if (strstr(err.text, texts[i][1]) == NULL || strstr(err.text, "bad-rule") == NULL) {
            fail_msg("pattern \"%s\": %s", texts[i][0], err.text);
        }
    }
    mopt__model_free(model);
}

static bool record_match(struct mopt_match *match)
{
    assert_ptr_equal(match->user, &match->storage);
    assert_int_equal(match->storage.ints[63], 0);
    assert_string_equal(match->rule->name, "record");
    assert_string_equal(match->root->op_type, "Foo");
    assert_ptr_equal(match->nodes[1], match->root);
    assert_string_equal(match->nodes[0]->op_type, "Conv");
    static const char *const names[] = {"b", "x", "w", NULL, "y", "w"};
    for (size_t i = 0; i < 5; i++) {
        if (names[i] == NULL) {
            assert_null(match->values[i]);
        } else {
            assert_string_equal(match->values[i]->name, names[i]);
        }
    }
    assert_null(match->values[5]);
    return mopt__match_refuse(match, "seen");
}

struct lines {
    char text[256];
};

static void note_line(void *context, enum mopt_log_level level, const char *text)
{
    struct lines *lines = context;
    assert_int_equal(level, MOPT_LOG_DEBUG);
    strncpy(lines->text, text, sizeof lines->text - 1);
}

static void match_tells_what_it_found(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (x, w) -> (y) { b = Conv(x, w); %top: y = Foo(b, w); }");
    const struct mopt_rule rule = {.name = "record",
                                   .pattern = "conv = Conv(in, weight, ?bias)\n"
                                              "out = Foo(conv, weight)",
                                   .match = record_match,
                                   .apply = support_nothing};
    const struct mopt_rule *rules[] = {&rule};
    struct lines lines = {.text = ""};
    const struct mopt_log log = {.level = MOPT_LOG_DEBUG, .context = &lines, .write = note_line};
    const struct mopt_rewrite_options options = {.log = &log};
    struct mopt_error err = {.offset = -1};
    uint64_t applied = 1;
    assert_int_equal(mopt__rewrite_run(model, rules, 1, &options, &applied, &err), MOPT_OK);
    assert_int_equal(applied, 0);
    assert_string_equal(lines.text, "rule 'record' refused node 'top' (Foo): seen");
    mopt__model_free(model);
}

static int rule_calls;

static bool second_order_only(struct mopt_match *match)
{
    rule_calls++;
    return strcmp(match->values[1]->name, "b") == 0;
}

static void conditions_see_both_orders(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] a, float[2] b) -> (y) { y = Add(a, b); }");
    const struct mopt_rule rule = {.name = "order",
                                   .pattern = "y = Add(p, q)",
                                   .match = second_order_only};
    const struct mopt_rule *rules[] = {&rule};
    struct mopt_error err = {.offset = -1};
    bool found = false;
    rule_calls = 0;
    assert_int_equal(mopt__rewrite_scan(model, rules, 1, &found, &err), MOPT_OK);
    assert_true(found);
    assert_int_equal(rule_calls, 2);
    mopt__model_free(model);
}

static bool is_bare_root(struct mopt_match *match)
{
    rule_calls++;
    assert_ptr_equal(match->nodes[0], match->root);
    return false;
}

static void rules_without_pattern(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(
        "graph main (x) -> (y) { a = Abs(x); b, m = Foo(a, a); c = my::Abs(b); y = Neg(c); }");
    static const struct {
        const char *op, *domain;
        int calls;
    } cases[] = {
        {NULL, NULL, 4},  {NULL, "", 3},        {NULL, "my", 1},          {"Abs", NULL, 1},
        {"Abs", "my", 1}, {"Abs|Neg", NULL, 2}, {"Foo|my::Abs", NULL, 2}, {"Bar", NULL, 0},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        const struct mopt_rule rule = {.name = "bare",
                                       .op = cases[i].op,
                                       .domain = cases[i].domain,
                                       .match = is_bare_root};
        const struct mopt_rule *rules[] = {&rule};
        struct mopt_error err = {.offset = -1};
        bool found;
        rule_calls = 0;
        assert_int_equal(mopt__rewrite_scan(model, rules, 1, &found, &err), MOPT_OK);
        assert_int_equal(rule_calls, cases[i].calls);
    }
    mopt__model_free(model);
}

int mopt__test_pattern(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_and_alternatives),
        cmocka_unit_test(number_of_inputs),
        cmocka_unit_test(same_name_same_value),
        cmocka_unit_test(constants),
        cmocka_unit_test(inner_values),
        cmocka_unit_test(outputs),
        cmocka_unit_test(optional_producers),
        cmocka_unit_test(commutative_orders),
        cmocka_unit_test(lines_match_different_nodes),
        cmocka_unit_test(scopes),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(match_tells_what_it_found),
        cmocka_unit_test(conditions_see_both_orders),
        cmocka_unit_test(rules_without_pattern),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
