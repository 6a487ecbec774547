// SPDX-License-Identifier: Apache-2.0
// The worklist: everything reachable is rewritten, neighbours are looked at again, it ends, it is
// linear.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests.h"

static enum mopt_status apply_skip(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                   struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[0], match->values[1], err);
}

// Neg(Neg(x)) -> x
static enum mopt_status apply_two(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                  struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[2], match->values[1], err);
}
static const struct mopt_rule two_negs = {.name = "two-negs",
                                          .pattern = "n! = Neg(x)\ny = Neg(n)",
                                          .apply = apply_two};
static const struct mopt_rule no_identity = {.name = "no-identity",
                                             .pattern = "y = Identity(x)",
                                             .apply = apply_skip};

static void one_rule_opens_the_way_for_another(void **state)
{
    (void)state;
    const struct mopt_rule *rules[] = {&two_negs, &no_identity};
    struct mopt_model *model =
        support_model("graph main (float[2] x) -> (z) { a = Neg(x); b = Identity(a); c = Neg(b);\n"
                      "  d = Abs(c); e = Neg(d); f = Neg(e); z = Foo(f); }");
    assert_int_equal(support_run(model, rules, 2), 3);
    support_expect(model, "graph main (float[2] x) -> (z) {\n  d = Abs(x);\n  z = Foo(d);\n}\n");
}

// Foo(...) -> first input; all that only it needed goes.
static enum mopt_status apply_first(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[0], match->values[1], err);
}
static const struct mopt_rule first = {.name = "first",
                                       .pattern = "y = Foo(x, ...)",
                                       .apply = apply_first};

static void lost_uses_wake_up_users(void **state)
{
    (void)state;
    // n has a second use until Foo gives up its second input.
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (y, z) { n = Neg(x); y = Neg(n); b = Abs(n); c = Abs(x);\n"
        "  f = Foo(c, b); z = Bar(f); }");
    static const struct mopt_rule negs = {.name = "negs",
                                          .pattern = "n! = Neg(x)\na = Neg(n)",
                                          .apply = apply_two};
    const struct mopt_rule *rules[] = {&negs, &first};
    assert_int_equal(support_run(model, rules, 2), 2);
    support_expect(model, "graph main (float[2] x) -> (float[2] y, z) {\n"
                          "  c = Abs(x);\n"
                          "  z = Bar(c);\n"
                          "  y = Identity(x);\n"
                          "}\n");
}

static void unsorted_graphs_and_all_scopes(void **state)
{
    (void)state;
    const struct mopt_rule *rules[] = {&no_identity};
    struct mopt_model *model =
        support_model("model (ir=8, opset=13, \"d\"=1) {\n"
                      "  graph main (float[2] x, bool[] c) -> (z) {\n"
                      "    z = If<then_branch=graph () -> (o) { i = Identity(b); o = Neg(i); },\n"
                      "         else_branch=graph () -> (p) { p = d::F(x); }>(c);\n"
                      "    b = Identity(a);\n"
                      "    a = Abs(x);\n"
                      "  }\n"
                      "  function d::F(s) -> (t) (opset=13) { u = Identity(s); t = Neg(u); }\n"
                      "}");
    assert_int_equal(support_run(model, rules, 1), 3);
    assert_int_equal(mopt__model_node_count(model), 5);
    mopt__model_free(model);
}

static void old_dead_code_stays(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (z) { float[1] w = {1}; float[1] v = {2}; d = Foo(x, v);\n"
        "  z = Neg(x); }");
    assert_int_equal(support_run_one(model, &no_identity), 0);
    support_expect(model, "graph main (float[2] x) -> (float[2] z) {\n"
                          "  float[1] w = {1};\n"
                          "  float[1] v = {2};\n"
                          "  d = Foo(x, v);\n"
                          "  z = Neg(x);\n"
                          "}\n");
}

static void dead_code_of_edits_goes(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_model("graph main (float[2] x, bool[] c, float[1] o) -> (z) {\n"
                      "  float[1] w = {1}; float[1] v = {2}; float[1] o = {3};\n"
                      "  k = Abs(v); l = Neg(k);\n"
                      "  i = If<then_branch=graph () -> (p) { p = Bar(l, w); },\n"
                      "         else_branch=graph () -> (q) { q = Bar(w, o); }>(c);\n"
                      "  y = Foo(x, i, o); z = Neg(y); }");
    assert_int_equal(support_run_one(model, &first), 1);
    support_expect(model, "graph main (float[2] x, bool[] c, float[1] o) -> (float[2] z) {\n"
                          "  float[1] o = {3};\n" // an input stays with its default
                          "  z = Neg(x);\n"
                          "}\n");
}

// Forgets to use what it makes, but changes something too.
static enum mopt_status apply_wasteful(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                       struct mopt_error *err)
{
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__tensor_f32_scalar(1, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *value = mopt__rewriter_constant(rewriter, match->root, "w", tensor, err);
    mopt__tensor_unref(tensor);
    struct mopt_node *node =
        mopt__rewriter_node(rewriter, match->root, "Abs", "", &value, 1, 1, "a", err);
    if (value == NULL || node == NULL) {
        return err->status;
    }
    status = mopt__rewriter_finish_node(rewriter, node, err);
    return status == MOPT_OK ? apply_first(rewriter, match, err) : status;
}

static void forgotten_new_things_go(void **state)
{
    (void)state;
    static const struct mopt_rule rule = {.name = "wasteful",
                                          .pattern = "y = Foo(x)",
                                          .apply = apply_wasteful};
    struct mopt_model *model =
        support_model("graph main (float[2] x) -> (z) { y = Foo(x); z = Neg(y); }");
    assert_int_equal(support_run_one(model, &rule), 1);
    support_expect(model, "graph main (float[2] x) -> (float[2] z) {\n  z = Neg(x);\n}\n");
}

// ---- Ending

static enum mopt_status apply_forever(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                      struct mopt_error *err)
{
    return mopt__rewriter_touch(rewriter, match->root, err);
}
static const struct mopt_rule forever = {.name = "run-forever",
                                         .pattern = "y = Neg(x)",
                                         .apply = apply_forever};

static void endless_rules_are_stopped(void **state)
{
    (void)state;
    struct mopt_model *model = support_model("graph main (float[2] x) -> (y) { y = Neg(x); }");
    const struct mopt_rule *rules[] = {&no_identity, &forever};
    struct mopt_error err = {.offset = -1};
    uint64_t applied;
    assert_int_equal(mopt__rewrite_run(model, rules, 2, NULL, &applied, &err), MOPT_E_INTERNAL);
    assert_non_null(strstr(err.text, "'run-forever' does not come to an end"));
    assert_int_equal(applied, 64 + 1024 + 1);
    const struct mopt_rewrite_options options = {.max_applications = 5};
    assert_int_equal(mopt__rewrite_run(model, rules, 2, &options, &applied, &err), MOPT_E_INTERNAL);
    assert_int_equal(applied, 6);
    mopt__model_free(model);
}

static void deciding_against_it_is_no_application(void **state)
{
    (void)state;
    static const struct mopt_rule nothing = {.name = "nothing",
                                             .pattern = "y = Neg(x)",
                                             .apply = support_nothing};
    const struct mopt_rule *rules[] = {&nothing, &two_negs};
    struct mopt_model *model =
        support_model("graph main (float[2] x) -> (z) { a = Neg(x); b = Neg(a); z = Foo(b); }");
    assert_int_equal(support_run(model, rules, 2), 1); // the next rule gets its turn
    mopt__model_free(model);
}

static void budget_is_respected(void **state)
{
    (void)state;
    volatile int interrupted = 1;
    const struct mopt_budget budget = {.interrupted = &interrupted};
    const struct mopt_rewrite_options options = {.budget = &budget};
    struct mopt_model *model = support_model("graph main (float[2] x) -> (y) { y = Neg(x); }");
    const struct mopt_rule *rules[] = {&no_identity};
    struct mopt_error err = {.offset = -1};
    uint64_t applied;
    assert_int_equal(mopt__rewrite_run(model, rules, 1, &options, &applied, &err),
                     MOPT_E_INTERRUPTED);
    mopt__model_free(model);
}

struct journal {
    char text[256];
};

static void note(void *context, const struct mopt_rule *rule, const char *node)
{
    struct journal *journal = context;
    size_t used = strlen(journal->text);
    (void)snprintf(journal->text + used, sizeof journal->text - used, "%s@%s ", rule->name, node);
}

static void journal_in_topological_order(void **state)
{
    (void)state;
    struct journal journal = {.text = ""};
    const struct mopt_rewrite_options options = {.applied = note, .context = &journal};
    struct mopt_model *model = support_model(
        "graph main (float[2] x) -> (z) { z = Foo(b); b = Identity(a); %first: a = Identity(x); }");
    const struct mopt_rule *rules[] = {&no_identity};
    struct mopt_error err = {.offset = -1};
    uint64_t applied;
    assert_int_equal(mopt__rewrite_run(model, rules, 1, &options, &applied, &err), MOPT_OK);
    assert_string_equal(journal.text, "no-identity@first no-identity@b ");
    mopt__model_free(model);
}

// ---- Size

static struct mopt_model *chain(size_t length, bool star)
{
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(&text, "graph main (float[2] x) -> (z) {\n  v0 = Abs(x);\n");
    for (size_t i = 1; i <= length; i++) {
        mopt__strbuf_printf(&text, "  i%zu = Identity(v%zu);\n  v%zu = Add(i%zu, i%zu);\n", i,
                            star ? (size_t)0 : i - 1, i, i, i);
    }
    mopt__strbuf_printf(&text, "  z = Neg(v%zu);\n}\n", length);
    struct mopt_model *model = support_model(mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
    return model;
}

// The best of three: what else runs on the machine only makes it longer.
static double seconds(size_t length, bool star)
{
    double best = INFINITY;
    for (int i = 0; i < 3; i++) {
        struct mopt_model *model = chain(length, star);
        uint64_t start = mopt__clock_ns();
        assert_int_equal(support_run_one(model, &no_identity), length);
        best = fmin(best, (double)(mopt__clock_ns() - start) * 1e-9);
        mopt__model_free(model);
    }
    return best;
}

static void time_is_linear(void **state)
{
    (void)state;
    for (int star = 0; star < 2; star++) {
        double small = seconds(1000, star), large = seconds(16000, star);
        // 16 times the nodes; quadratic would be 256 times. Generous, because machines are busy.
        if (large > 0.5 && large > small * 64) {
            fail_msg("1,000: %.4f s, 16,000: %.4f s", small, large);
        }
    }
}

int mopt__test_driver(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rule_opens_the_way_for_another),
        cmocka_unit_test(lost_uses_wake_up_users),
        cmocka_unit_test(unsorted_graphs_and_all_scopes),
        cmocka_unit_test(old_dead_code_stays),
        cmocka_unit_test(dead_code_of_edits_goes),
        cmocka_unit_test(forgotten_new_things_go),
        cmocka_unit_test(endless_rules_are_stopped),
        cmocka_unit_test(deciding_against_it_is_no_application),
        cmocka_unit_test(budget_is_respected),
        cmocka_unit_test(journal_in_topological_order),
        cmocka_unit_test(time_is_linear),
    };
    return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
