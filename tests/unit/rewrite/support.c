// SPDX-License-Identifier: Apache-2.0
// Models from text and runs of single rules, for the tests of rewrite.
#include <string.h>

#include "tests.h"

static void expect_ok(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK) {
        fail_msg("%s", err->text);
    }
}

static void verify(const struct mopt_model *model)
{
    struct mopt_error err = {.offset = -1};
    expect_ok(mopt__model_verify(model, &err), &err);
}

struct mopt_model *support_model(const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = NULL;
    expect_ok(mopt__text_parse(text, strlen(text), &model, &err), &err);
    verify(model);
    expect_ok(mopt__ops_resolve(model, &err), &err);
    expect_ok(mopt__infer_model(model, 0, &err), &err);
    return model;
}

char *support_text(const struct mopt_model *model)
{
    static const struct mopt_text_options options;
    struct mopt_error err = {.offset = -1};
    struct mopt_strbuf text = {0};
    verify(model);
    expect_ok(mopt__text_print_graph(model->graph, &options, &text, &err), &err);
    return text.text;
}

void support_expect(struct mopt_model *model, const char *text)
{
    char *printed = support_text(model);
    assert_string_equal(printed, text);
    mopt__free(printed);
    mopt__model_free(model);
}

struct mopt_value *support_value(const struct mopt_model *model, const char *name)
{
    struct mopt_value *value = mopt__value_find(model->graph, name);
    assert_non_null(value);
    return value;
}

struct mopt_node *support_node(const struct mopt_model *model, const char *output)
{
    struct mopt_node *node = support_value(model, output)->producer;
    assert_non_null(node);
    return node;
}

struct mopt_graph *support_body(const struct mopt_node *node, const char *name)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    assert_non_null(attribute);
    return attribute->g;
}

uint64_t support_run(struct mopt_model *model, const struct mopt_rule *const *rules, size_t count)
{
    struct mopt_error err = {.offset = -1};
    uint64_t applied = 0;
    expect_ok(mopt__rewrite_run(model, rules, count, NULL, &applied, &err), &err);
    verify(model);
    return applied;
}

uint64_t support_run_one(struct mopt_model *model, const struct mopt_rule *rule)
{
    return support_run(model, &rule, 1);
}

enum mopt_status support_nothing(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                 struct mopt_error *err)
{
    (void)rewriter;
    (void)match;
    (void)err;
    return MOPT_OK;
}

bool support_matches(struct mopt_model *model, const char *pattern)
{
    struct mopt_error err = {.offset = -1};
    const struct mopt_rule rule = {.name = "test", .pattern = pattern, .apply = support_nothing};
    const struct mopt_rule *rules[] = {&rule};
    bool found = false;
    char *before = support_text(model);
    expect_ok(mopt__rewrite_scan(model, rules, 1, &found, &err), &err);
    char *after = support_text(model);
    assert_string_equal(before, after); // looking changes nothing
    mopt__free(before);
    mopt__free(after);
    return found;
}
