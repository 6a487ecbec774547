// SPDX-License-Identifier: Apache-2.0
// What several clean-up passes share.
#include "optimize/optimize.h"

enum mopt_status mopt__replace_by_input(struct mopt_rewriter *rewriter, struct mopt_match *match, struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->root->outputs[0], match->root->inputs[0].value, err);
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
