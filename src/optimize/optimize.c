// SPDX-License-Identifier: Apache-2.0
// What several clean-up passes share.
#include <string.h>

#include "optimize/optimize.h"

enum mopt_status mopt__replace_by_input(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                        struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->root->outputs[0], match->root->inputs[0].value,
                                  err);
}

static bool other_output_used(const struct mopt_node *node)
{
    for (uint32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return true;
        }
    }
    return false;
}

bool mopt__may_replace_by_input(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    const struct mopt_value *from = mopt__node_output(node, 0);
    const struct mopt_value *to = mopt__node_input(node, 0);
    if (from == NULL || to == NULL) {
        return mopt__match_refuse(match, "input or output is absent");
    }
    if (other_output_used(node)) {
        return mopt__match_refuse(match, "another output is used");
    }
    if (!mopt__rewrite_can_replace(from, to)) {
        return mopt__match_refuse(match, "a graph output must keep its own value");
    }
    return true;
}

static bool is_named(const struct mopt_node *node, const char *op_type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, op_type) == 0;
}

// Opset 12 made training an input.
static bool is_training_dropout(const struct mopt_node *node)
{
    double training;
    const struct mopt_value *mode = mopt__node_input(node, 2);
    return is_named(node, "Dropout") && mode != NULL &&
           !(mopt__match_scalar(mode, &training) && training == 0);
}

bool mopt__is_pure(const struct mopt_node *node)
{
    return node->op != NULL &&
           (node->op->traits & (MOPT_TRAIT_RANDOM | MOPT_TRAIT_CONTROL | MOPT_TRAIT_STATE)) == 0 &&
           !is_training_dropout(node);
}

bool mopt__in_function(const struct mopt_graph *graph)
{
    while (graph->parent != NULL) {
        graph = graph->parent;
    }
    return graph->function != NULL;
}

static bool has_more_outputs(const struct mopt_node *node)
{
    for (uint32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_set(const struct mopt_node *node, const char *name)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    return attribute != NULL &&
           (attribute->kind != MOPT_ATTR_INT || attribute->ref_name != NULL || attribute->i != 0);
}

bool mopt__is_training_norm(const struct mopt_node *node)
{
    enum { IS_TEST_GONE = 7, MODE_IS_ATTRIBUTE = 14 };
    int64_t version = mopt__graph_opset(node->graph, "");
    if (version >= MODE_IS_ATTRIBUTE) {
        return is_set(node, "training_mode");
    }
    return has_more_outputs(node) && !(version < IS_TEST_GONE && is_set(node, "is_test"));
}
