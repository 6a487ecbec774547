// SPDX-License-Identifier: Apache-2.0
// Raising the opset: every model means the same at every opset on the way.
#include <stdio.h>
#include <string.h>

#include "ops/infer.h"
#include "optimize/upgrade.h"
#include "tests.h"

enum { NEWEST = 23, RUNS = 4, SEED = 3 };

static enum mopt_status check_node(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)context;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->op == NULL || mopt__op_check(node, err) != MOPT_OK) {
            fail_msg("%s at opset %lld: %s", node->op_type, (long long)mopt__graph_opset(graph, ""),
                     err->text);
        }
    }
    return MOPT_OK;
}

static void upgrade_to(const char *text, int64_t to)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_equivalence result = {0};
    struct mopt_model *before = support_model(text);
    struct mopt_model *after = support_model(text);
    if (mopt__upgrade_opset(after, to, &err) != MOPT_OK ||
        mopt__model_verify(after, &err) != MOPT_OK) {
        fail_msg("to %lld: %s\n%s", (long long)to, err.text, text);
    }
    assert_true(mopt__graph_opset(after->graph, "") >= to);
    assert_int_equal(mopt__graph_walk(after->graph, check_node, NULL, &err), MOPT_OK);
    assert_int_equal(mopt__equivalence_check(before, after, MOPT_NUMERICS_REASSOCIATES, RUNS, SEED,
                                             NULL, &result, &err),
                     MOPT_OK);
    if (!result.equal || result.runs == 0) {
        fail_msg("to %lld: %s %s\n%s", (long long)to, result.failure != NULL ? result.failure : "",
                 result.skipped != NULL ? result.skipped : "", text);
    }
    mopt__model_free(before);
    mopt__model_free(after);
}

// Main graphs by the opset they are written for; c is a constant condition.
static const struct {
    int from;
    const char *graph;
} cases[] = {
    {1, "(float[2,3,4] x) -> (float[2,3,4] y) { k = Constant<value=float[3]{1, 2, 3}>();\n"
        " a = Add<axis=1, broadcast=1>(x, k); b = Div<broadcast=1>(a, l); l = "
        "Constant<value=float[4]{1, 2, 4, 8}>();\n"
        " y = Sub(b, x); }"},
    {1, "(float[2,3,4] x) -> (bool[2,3,4] y) { k = Constant<value=float[]{0}>(); a = "
        "Greater<axis=-1, broadcast=1>(x, k);\n"
        " b = Less(x, x); y = Or(a, b); }"},
    {1, "(float[2,4] x) -> (float[2,2] y, float[2,2] z) { s = Constant<value=float[2]{2, 2}>(); y, "
        "z = Split<axis=1>(x, s); }"},
    {1, "(float[2,4] x) -> (float[4,4] y) { a = Abs<consumed_inputs=[0]>(x); b = "
        "Pad<mode=\"constant\", paddings=[1,0,1,0], value=-1.5>(a);\n"
        " y = Exp<consumed_inputs=[0]>(b); }"},
    {1, "(float[1,2,4,4] x) -> (float[1,2,2,2] y, float[1,2,1,1] z) { y = "
        "LpPool<kernel_shape=[2,2], strides=[2,2], p=3.0>(x);\n"
        " z = GlobalLpPool<p=2.0>(x); }"},
    {3, "(float[2,3] x) -> (float[2,6] y, int32[2,3] i) { y = Concat(x, x); i = "
        "Cast<to=\"INT32\">(x); }"},
    {6, "(float[2,3,2,2] x) -> (float[2,3,2,2] y) { s = Constant<value=float[3]{0.5, 2, 3}>(); y = "
        "PRelu(x, s); }"},
    {6,
     "(float[2,3,2] x) -> (float[2,3,2] y) { s = Constant<value=float[3]{1, 2, 3}>();\n"
     " a = BatchNormalization<is_test=1>(x, s, s, s, s); y = Dropout<is_test=1, ratio=0.3>(a); }"},
    {6, "(float[2,3] x, float[3,4] w) -> (float[2,4] y) { b = Constant<value=float[4]{1, 2, 3, "
        "4}>(); y = Gemm<broadcast=1>(x, w, b); }"},
    {7, "(float[1,2,2,3] x) -> (float[1,2,4,9] y) { y = Upsample<mode=\"nearest\", scales=[1.0, "
        "1.0, 2.0, 3.0]>(x); }"},
    {9, "(float[1,2,2,3] x) -> (float[1,2,3,6] y) { float[4] s = {1, 1, 1.5, 2}; y = "
        "Upsample<mode=\"linear\">(x, s); }"},
    {9, "(float[3,5] x, float[2,5] u, int64[2,5] i) -> (float[3,5] y, float[3,2] t, int64[3,2] k) "
        "{ y = Scatter<axis=0>(x, i, u); t, k = TopK<k=2>(x); }"},
    {9, "(float[2,3,4] x) -> (float[2,1,2] y) { a = Slice<axes=[1,2], starts=[-2,0], "
        "ends=[-1,2]>(x); y = Clip<min=-0.5, max=0.5>(a); }"},
    {10, "(float[1,1,4,4] x) -> (float[1,1,2,2] y) { float[4] s = {1, 1, 0.5, 0.5}; y = Resize(x, "
         "s); }"},
    {11, "(float[2,3,4] x) -> (float[2,3,4] a, float[2,3,4] b, float[2,3,4] c, float[2,3,4] d) { a "
         "= Softmax(x); b = LogSoftmax<axis=0>(x);\n"
         " c = Hardmax<axis=-2>(x); d = Softmax<axis=2>(x); }"},
    {11, "(float[2,n,4] x) -> (float[2,n,4] a) { a = Softmax(x); }"},
    {11, "(float[2,0,4] x) -> (float[2,0,4] a) { a = Softmax(x); }"},
    {11,
     "(float[2,3,1] x) -> (float[2,3] a, float[2,3,1,1] b, float[2,1,1] c, float[] d, float[1,1] "
     "e) { a = Squeeze<axes=[2]>(x);\n"
     " b = Unsqueeze<axes=[-1]>(x); c = ReduceSum<axes=[-2]>(x); d = ReduceMean<keepdims=0>(x); f "
     "= ReduceMax<axes=[0,1], keepdims=0>(x); e = Unsqueeze<axes=[0]>(f); }"},
    {11, "(float[6,2] x) -> (float[1,2] a, float[5,2] b, float[3,2] c) { a, b = "
         "Split<split=[1,5]>(x); c, d = Split(x); }"},
    {13, "(float[6,2] x) -> (float[3,2] c) { c, d = Split(x); }"},
    {16, "(float[1,1,4,4] x, float[1,2,2,2] g) -> (float[1,1,2,2] y) { y = "
         "GridSample<mode=\"bicubic\">(x, g); }"},
    {18, "(float[2,4,3] x) -> (float[2,4,3] y) { float[2] s = {1, 2}; float[2] b = {3, 4}; y = "
         "GroupNormalization<num_groups=2>(x, s, b); }"},
    {11, "(float[2,3] x, bool[] c) -> (float[2,3] z) { z = If<then_branch=graph () -> (float[2,3] "
         "o) { o = Softmax<axis=0>(x); },\n"
         " else_branch=graph () -> (float[2,3] p) { q = Unsqueeze<axes=[0]>(x); p = "
         "Squeeze<axes=[0]>(q); }>(c); }"},
};

static void same_meaning_at_every_opset(void **state)
{
    (void)state;
    char text[2048];
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        (void)snprintf(text, sizeof text, "model (ir=8, opset=%d) { graph main %s }", cases[i].from,
                       cases[i].graph);
        for (int64_t to = cases[i].from + 1; to <= NEWEST; to++) {
            upgrade_to(text, to);
        }
    }
}

static void expect_refusal(const char *text, int64_t to, const char *node)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = support_model(text);
    assert_int_equal(mopt__upgrade_opset(model, to, &err), MOPT_E_UNSUPPORTED);
    if (strstr(err.text, node) == NULL) {
        fail_msg("'%s' does not name %s", err.text, node);
    }
    mopt__model_free(model);
}

static void no_equivalent(void **state)
{
    (void)state;
    expect_refusal(
        "model (ir=3, opset=6) { graph main (float[2] x) -> (float[2] y) { y = Dropout(x); } }", 7,
        "'y' (Dropout)");
    expect_refusal(
        "model (ir=4, opset=8) { graph main (float[2,3] x, float[3] s) -> (float[2,3] y) {\n"
        " %norm: y = BatchNormalization<spatial=0>(x, s, s, s, s); } }",
        9, "'norm' (BatchNormalization)");
    expect_refusal(
        "model (ir=4, opset=9) { graph main (float[2,3] x, float[3] s) -> (float[2,3] y) {\n"
        " y, a, b, c, d = BatchNormalization(x, s, s, s, s); } }",
        14, "(BatchNormalization)");
    expect_refusal("model (ir=3, opset=6) { graph main (float[...] x, float[3] s) -> (float[...] "
                   "y) { y = Add<axis=1, broadcast=1>(x, s); } }",
                   7, "'y' (Add)");
    expect_refusal("model (ir=3, opset=1) { graph main (float[1,1,4,4] x) -> (float[1,1,1,1] y) { "
                   "y = GlobalLpPool<p=1.5>(x); } }",
                   2, "'y' (GlobalLpPool)");
}

static void import_and_format_rise(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model =
        support_model("model (ir=3, opset=6) { graph main (float[2] x, float[2] w) -> (float[2] y) "
                      "{ float[2] w = {1, 2}; y = Add(x, w); } }");
    assert_int_equal(model->graph->inputs.count, 2);
    assert_int_equal(mopt__upgrade_opset(model, 13, &err), MOPT_OK);
    assert_int_equal(model->ir_version, 7);
    assert_int_equal(mopt__graph_opset(model->graph, ""), 13);
    assert_int_equal(model->graph->inputs.count, 1); // w was constant, and still is
    assert_int_equal(support_node(model, "y")->op->since, 13);
    assert_int_equal(mopt__upgrade_opset(model, 9, &err), MOPT_OK); // never down
    assert_int_equal(mopt__graph_opset(model->graph, ""), 13);
    mopt__model_free(model);
}

static void other_domains_are_left_alone(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model =
        support_model("model (ir=6, opset=11, \"d\"=1) { graph main (float[2] x) -> (float[1,2] y) "
                      "{ y = d::F(x); }\n"
                      "  function d::F(a) -> (b) (opset=11) { b = Unsqueeze<axes=[0]>(a); } }");
    assert_int_equal(mopt__upgrade_opset(model, 13, &err), MOPT_OK);
    const struct mopt_node *inner = model->functions[0]->body->first;
    assert_int_equal(mopt__graph_opset(inner->graph, ""), 11);
    assert_non_null(mopt__node_attribute(inner, "axes"));
    mopt__model_free(model);
}

int mopt__test_upgrade(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_meaning_at_every_opset),
        cmocka_unit_test(no_equivalent),
        cmocka_unit_test(import_and_format_rise),
        cmocka_unit_test(other_domains_are_left_alone),
    };
    return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
