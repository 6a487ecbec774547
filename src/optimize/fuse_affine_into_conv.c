// SPDX-License-Identifier: Apache-2.0
// A constant added to, subtracted from, multiplied with or dividing a convolution's result, one
// number per channel, becomes part of weight and bias.
#include <string.h>

#include "optimize/conv.h"

static bool same_dtype(const struct mopt_tensor *constant, const struct mopt_conv *conv)
{
    return constant->dtype == conv->weight->dtype;
}

enum affine_kind { ADD, SUB, MUL, DIV };

static enum affine_kind kind_of(const struct mopt_node *node)
{
    static const char *const names[] = {"Add", "Sub", "Mul"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(node->op_type, names[i]) == 0) {
            return (enum affine_kind)i;
        }
    }
    return DIV;
}

// The pattern's captures: x w b c k; k is the constant operand.
static const struct mopt_tensor *operand(const struct mopt_match *match)
{
    const struct mopt_node *root = match->root;
    for (uint32_t i = 0; i < 2; i++) {
        const struct mopt_value *value = mopt__node_input(root, i);
        if (value != NULL && value != match->nodes[0]->outputs[0]) {
            return mopt__match_constant(value);
        }
    }
    return NULL;
}

static bool match(struct mopt_match *match)
{
    struct mopt_conv conv;
    if (!mopt__conv_read(match, match->nodes[0], &conv)) {
        return false;
    }
    const struct mopt_tensor *constant = operand(match);
    if (constant == NULL || !same_dtype(constant, &conv)) {
        return mopt__match_refuse(match, "the other operand is not a constant of the same type");
    }
    bool scales = kind_of(match->root) >= MUL;
    if (scales && !mopt__conv_may_scale(match, &conv)) {
        return false;
    }
    double *values = NULL;
    bool fits = mopt__fold_per_channel(constant, conv.rank, 1, conv.channels, true, &values);
    mopt__free(values);
    if (!fits) {
        return mopt__match_refuse(match, "the constant is not one number per channel");
    }
    if (!mopt__rewrite_can_replace(match->root->outputs[0], match->nodes[0]->outputs[0])) {
        return mopt__match_refuse(match, "a graph output must keep its own value");
    }
    return true;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_conv conv;
    double *values = NULL;
    if (!mopt__conv_read(match, match->nodes[0], &conv)) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "convolution changed between match and apply");
    }
    if (!mopt__fold_per_channel(operand(match), conv.rank, 1, conv.channels, true, &values)) {
        return mopt_error_memory(err);
    }
    enum affine_kind kind = kind_of(match->root);
    for (size_t c = 0; c < (size_t)conv.channels; c++) {
        values[c] = kind == SUB ? -values[c] : kind == DIV ? 1 / values[c] : values[c];
    }
    enum mopt_status status =
        mopt__conv_fold_affine(rewriter, &conv, kind >= MUL ? values : NULL,
                               kind >= MUL ? NULL : values, match->root->outputs[0], err);
    mopt__free(values);
    return status;
}

static const struct mopt_rule rule = {
    .name = "affine-into-conv",
    .pattern = "c! = Conv|ConvTranspose(x, w, ?b)\n"
               "y = Add|Mul|Sub|Div(c, $k)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "nodes fused"}};

const struct mopt_pass mopt__pass_fuse_affine_into_conv = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-affine-into-conv",
    .summary = "folds a constant Add, Sub, Mul or Div per channel into the convolution before it",
    .help = "y = Add(Conv(x, w, b), k)  ->  y = Conv(x, w, b + k)\n"
            "y = Mul(Conv(x, w, b), k)  ->  y = Conv(x, w * k, b * k)\n"
            "Sub and Div likewise. k is a scalar or one number per output channel ([C,1,1]); the "
            "convolution's result is used only here. Also "
            "ConvTranspose.",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
