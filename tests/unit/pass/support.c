// SPDX-License-Identifier: Apache-2.0
// Small passes, good and bad ones, for the tests of pass.
#include <string.h>

#include "tests.h"

static void expect_ok(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK) {
        fail_msg("%s", err->text);
    }
}

struct mopt_model *support_model(const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = NULL;
    expect_ok(mopt__text_parse(text, strlen(text), &model, &err), &err);
    expect_ok(mopt__model_verify(model, &err), &err);
    return model;
}

void support_expect(struct mopt_model *model, const char *text)
{
    static const struct mopt_text_options options;
    struct mopt_error err = {.offset = -1};
    struct mopt_strbuf printed = {0};
    expect_ok(mopt__model_verify(model, &err), &err);
    expect_ok(mopt__text_print_graph(model->graph, &options, &printed, &err), &err);
    assert_string_equal(mopt__strbuf_text(&printed), text);
    mopt__strbuf_release(&printed);
    mopt__model_free(model);
}

struct mopt_pipeline support_pipeline(const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_pipeline pipeline = {.rounds = 0};
    expect_ok(mopt__pipeline_add(&support_passes, text, &pipeline, &err), &err);
    return pipeline;
}

// ---- Rules

static enum mopt_status apply_skip(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                   struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[0], match->values[1], err);
}
static const struct mopt_rule identity_rule = {.name = "identity",
                                               .pattern = "y = Identity(x)",
                                               .apply = apply_skip,
                                               .counter = "removed"};
static const struct mopt_rule dropout_rule = {.name = "dropout",
                                              .pattern = "y = Skip(x)",
                                              .apply = apply_skip,
                                              .counter = "skipped"};
static const struct mopt_rule *const identity_rules[] = {&identity_rule, &dropout_rule};
static const struct mopt_pass_counter identity_counters[] = {{"removed", "Identity nodes removed"},
                                                             {"skipped", "Skip nodes removed"}};
static const struct mopt_pass no_identity = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "no-identity",
    .summary = "removes Identity and Skip",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = identity_counters,
    .counter_count = MOPT_COUNTOF(identity_counters),
    .rules = identity_rules,
    .rule_count = MOPT_COUNTOF(identity_rules),
};

static enum mopt_status apply_two(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                  struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->values[2], match->values[1], err);
}
static const struct mopt_rule two_negs = {.name = "two-negs",
                                          .pattern = "n! = Neg(x)\ny = Neg(n)",
                                          .apply = apply_two};
static const struct mopt_rule *const neg_rules[] = {&two_negs};
static const struct mopt_pass no_double_neg = {
    .name = "no-double-neg", .level = 2, .fixpoint = true, .rules = neg_rules, .rule_count = 1};

// ---- Functions

static enum mopt_status count_nodes(struct mopt_pass_context *context, struct mopt_model *model,
                                    struct mopt_error *err)
{
    (void)err;
    mopt__pass_count(context, NULL, mopt__model_node_count(model));
    support_seen()->runs++;
    return MOPT_OK;
}
static const struct mopt_pass_counter node_counters[] = {{"nodes", "nodes seen"}};
static const struct mopt_pass count_pass = {.name = "count-nodes",
                                            .level = 3,
                                            .kind = MOPT_PASS_ANALYSE,
                                            .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
                                            .counters = node_counters,
                                            .counter_count = 1,
                                            .run = count_nodes};

static struct mopt_node *add_node(struct mopt_model *model, const char *op, struct mopt_error *err)
{
    struct mopt_node *node =
        mopt__op_node(model->graph, NULL, op, "", &model->graph->inputs.items[0], 1, 1, err);
    struct mopt_value *value = mopt__value_fresh(model->graph, "added", err);
    assert_non_null(node);
    assert_non_null(value);
    mopt__node_set_output(node, 0, value);
    return node;
}

static enum mopt_status fail_late(struct mopt_pass_context *context, struct mopt_model *model,
                                  struct mopt_error *err)
{
    add_node(model, "Abs", err);
    mopt__pass_count(context, NULL, 1);
    return mopt_error_set(err, MOPT_E_VALUE, "no luck");
}
static const struct mopt_pass fail_pass = {.name = "fail-late", .run = fail_late};

static enum mopt_status break_model(struct mopt_pass_context *context, struct mopt_model *model,
                                    struct mopt_error *err)
{
    struct mopt_node *node = add_node(model, "Abs", err);
    mopt__node_set_input(node, 0, node->outputs[0]); // a cycle
    mopt__pass_count(context, NULL, 1);
    return MOPT_OK;
}
static const struct mopt_pass break_pass = {.name = "break-model", .run = break_model};

// Puts Abs in the place of the first node: another result for negative numbers only.
static enum mopt_status change_result(struct mopt_pass_context *context, struct mopt_model *model,
                                      struct mopt_error *err)
{
    struct mopt_node *first = model->graph->first;
    struct mopt_node *node =
        mopt__op_node(model->graph, first, "Abs", "", &first->inputs[0].value, 1, 1, err);
    struct mopt_value *value = first->outputs[0];
    mopt__node_set_output(first, 0, NULL);
    mopt__node_set_output(node, 0, value);
    mopt__node_remove(first);
    mopt__pass_count(context, NULL, 1);
    return MOPT_OK;
}
static const struct mopt_pass change_pass = {.name = "change-result", .run = change_result};

static enum mopt_status add_dead(struct mopt_pass_context *context, struct mopt_model *model,
                                 struct mopt_error *err)
{
    (void)context; // not counted: the manager notices
    add_node(model, "Abs", err);
    return MOPT_OK;
}
static const struct mopt_pass dead_pass = {.name = "add-dead", .run = add_dead};

struct support_seen *support_seen(void)
{
    static struct support_seen seen;
    return &seen;
}

static enum mopt_status set_options(struct mopt_pass_context *context, struct mopt_model *model,
                                    struct mopt_error *err)
{
    struct support_seen *seen = support_seen();
    (void)model;
    expect_ok(mopt__pass_option_int(context, "number", &seen->number, err), err);
    expect_ok(mopt__pass_option_float(context, "ratio", &seen->ratio, err), err);
    seen->flag = mopt__pass_option_bool(context, "flag");
    const char *text = mopt__pass_option_string(context, "text");
    (void)strncpy(seen->text, text != NULL ? text : "NULL", sizeof seen->text - 1);
    int64_t number;
    seen->errors = mopt__pass_option_int(context, "ratio", &number, err) == MOPT_E_INTERNAL &&
                   mopt__pass_option_int(context, "none", &number, err) == MOPT_E_INTERNAL &&
                   mopt__pass_option_string(context, "number") == NULL;
    seen->data = mopt__pass_data(context);
    assert_non_null(mopt__arena_alloc(mopt__pass_scratch(context), 1, 8));
    assert_null(mopt__pass_log(context));
    return mopt__budget_check(mopt__pass_budget(context), err);
}
static const struct mopt_pass_option option_rows[] = {
    {"number", MOPT_OPTION_INT, "7", "a whole number"},
    {"ratio", MOPT_OPTION_FLOAT, "0.5", "a number"},
    {"flag", MOPT_OPTION_BOOL, "false", "a switch"},
    {"text", MOPT_OPTION_STRING, NULL, "a text"},
};
static const struct mopt_pass option_pass = {.name = "set-options",
                                             .options = option_rows,
                                             .option_count = MOPT_COUNTOF(option_rows),
                                             .run = set_options};

static const struct mopt_pass *const passes[] = {
    &no_identity, &no_double_neg, &count_pass, &fail_pass,
    &break_pass,  &change_pass,   &dead_pass,  &option_pass,
};
const struct mopt_pass_set support_passes = {.items = passes, .count = MOPT_COUNTOF(passes)};
