// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft on images of codes whose channels stand last (ONNX Runtime's layout
// pass writes them: QLinearConv, NhwcMaxPool, poolings with channels_last) become the operators
// whose channels come second, between Transposes, in a private copy of the model: lowering keeps
// codes with channels innermost anyway, so that the Transposes are names of the same bytes.
#include <string.h>

#include "exec/prepare.h"
#include "ops/operands.h"
#include "ops/ops.h"

enum { TRANSPOSE_VERSION = 13 };

struct rule {
    const char *name, *becomes, *domain;
    int version;
    bool always; // channels always stand last; else attribute channels_last says so
    bool moves;  // only the domain changes when they do not
};

static const struct rule rules[] = {
    {"QLinearConv", "QLinearConv", "", 10, false, true},
    {"NhwcMaxPool", "MaxPool", "", 12, true, false},
    {"QLinearAveragePool", "QLinearAveragePool", "com.microsoft", 1, false, false},
    {"QLinearGlobalAveragePool", "QLinearGlobalAveragePool", "com.microsoft", 1, false, false},
};

static bool is_last(const struct rule *rule, const struct mopt_node *node)
{
    return rule->always || mopt__int_of(node, "channels_last", 0) != 0;
}

static const struct rule *rule_of(const struct mopt_node *node)
{
    const struct rule *rule = NULL;
    bool named = strcmp(node->domain, "com.microsoft") == 0;
    for (size_t i = 0; named && rule == NULL && i < MOPT_COUNTOF(rules); i++) {
        rule = strcmp(node->op_type, rules[i].name) == 0 ? &rules[i] : NULL;
    }
    bool fits = rule != NULL && (rule->moves || is_last(rule, node));
    return fits && mopt__prepare_is_sound(node) ? rule : NULL;
}

static bool takes(const struct mopt_node *node)
{
    return rule_of(node) != NULL;
}

// A Transpose of x in front of `before`, which brings the last axis behind the first one (second),
// or the second one to the end; its output is the caller's to set. NULL: no memory.
static struct mopt_node *turn(struct mopt_node *before, struct mopt_value *x, int rank, bool second,
                              struct mopt_error *err)
{
    int64_t perm[MOPT_RANK_MAX] = {0};
    struct mopt_node *made = mopt__node_new(before->graph, before, "Transpose", "", 1, 1, err);
    for (int i = 1; i < rank; i++) {
        perm[i] = second ? (i == 1 ? rank - 1 : i - 1) : (i == rank - 1 ? 1 : i + 1);
    }
    if (made == NULL || mopt__node_set_ints(made, "perm", perm, (size_t)rank, err) != MOPT_OK) {
        return NULL;
    }
    made->op = mopt__op_find("", "Transpose", TRANSPOSE_VERSION);
    mopt__node_set_input(made, 0, x);
    return made;
}

// The operator with channels second in front of `node`, of x.
static struct mopt_node *make(struct mopt_node *node, const struct rule *rule, struct mopt_value *x,
                              struct mopt_error *err)
{
    struct mopt_node *made =
        mopt__node_new(node->graph, node, rule->becomes, rule->domain, node->input_count, 1, err);
    if (made == NULL || mopt__node_copy_attributes(made, node, err) != MOPT_OK) {
        return NULL;
    }
    mopt__node_remove_attribute(made, "channels_last");
    made->op = mopt__op_find(rule->domain, rule->becomes, rule->version);
    made->name = node->name;
    mopt__node_set_input(made, 0, x);
    for (uint32_t i = 1; i < node->input_count; i++) {
        mopt__node_set_input(made, i, mopt__node_input(node, i));
    }
    return made;
}

// `last` makes what `node` made.
static enum mopt_status replace(struct mopt_node *node, struct mopt_node *last)
{
    struct mopt_value *y = node->outputs[0];
    mopt__node_set_output(node, 0, NULL);
    mopt__node_set_output(last, 0, y);
    mopt__node_remove(node);
    return MOPT_OK;
}

static enum mopt_status change(struct mopt_node *node, struct mopt_error *err)
{
    const struct rule *rule = rule_of(node);
    struct mopt_value *x = mopt__node_input(node, 0);
    int rank = mopt__prepare_rank(x);
    if (rule == NULL) {
        return MOPT_OK;
    }
    if (!is_last(rule, node)) {
        struct mopt_node *same = make(node, rule, x, err);
        return same != NULL ? replace(node, same) : err->status;
    }
    if (rank < 3) {
        return MOPT_OK;
    }
    struct mopt_node *in = turn(node, x, rank, true, err);
    struct mopt_value *moved = in != NULL ? mopt__prepare_output(in, x->name, err) : NULL;
    struct mopt_node *middle = moved != NULL ? make(node, rule, moved, err) : NULL;
    struct mopt_value *real =
        middle != NULL ? mopt__prepare_output(middle, node->outputs[0]->name, err) : NULL;
    struct mopt_node *out = real != NULL ? turn(node, real, rank, false, err) : NULL;
    return out != NULL ? replace(node, out) : err->status;
}

const struct mopt_prepare mopt__prepare_channels_last = {
    .takes = takes,
    .change = change,
    .typed = true,
};
