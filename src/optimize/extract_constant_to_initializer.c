// SPDX-License-Identifier: Apache-2.0
// Constant nodes become initializers: the same bytes, one node less.
#include "optimize/optimize.h"

static bool is_value_attribute(const struct mopt_attribute *attribute)
{
    return attribute->kind == MOPT_ATTR_TENSOR || attribute->kind == MOPT_ATTR_INT ||
           attribute->kind == MOPT_ATTR_FLOAT || attribute->kind == MOPT_ATTR_INTS ||
           attribute->kind == MOPT_ATTR_FLOATS || attribute->kind == MOPT_ATTR_STRING ||
           attribute->kind == MOPT_ATTR_STRINGS;
}

// Function bodies cannot hold initializers; a graph output must stay a node's output.
static bool match(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    if (node->attribute_count != 1 || node->attributes[0].ref_name != NULL ||
        !is_value_attribute(&node->attributes[0])) {
        return mopt__match_refuse(match, "sparse, or the value is given by the function's caller");
    }
    for (const struct mopt_graph *graph = node->graph; graph != NULL; graph = graph->parent) {
        if (graph->function != NULL) {
            return mopt__match_refuse(match, "function bodies have no initializers");
        }
    }
    const struct mopt_value *out = mopt__node_output(node, 0);
    if (out == NULL || out->graph_output_count > 0) {
        return mopt__match_refuse(match, "a graph output must keep its node");
    }
    if (out->use_count == 0 || node->output_count != 1) {
        return mopt__match_refuse(match, "nobody uses it: replacing it would change nothing");
    }
    return node->op != NULL && node->op->eval != NULL;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_node *node = match->root;
    struct mopt_value *out = node->outputs[0];
    struct mopt_datum *datum = NULL;
    enum mopt_status status = mopt__eval_node(node, mopt__graph_opset(node->graph, node->domain),
                                              NULL, &datum, NULL, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *constant =
        mopt__rewriter_constant(rewriter, node, out->name, datum->tensor, err);
    status = constant != NULL ? mopt__rewriter_replace(rewriter, out, constant, err) : err->status;
    mopt__datum_unref(datum);
    return status;
}

static const struct mopt_rule rule = {
    .name = "constant",
    .op = "Constant",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {
    {"extracted", "Constant nodes turned into initializers"}};

const struct mopt_pass mopt__pass_extract_constant_to_initializer = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "extract-constant-to-initializer",
    .summary = "turns Constant nodes into initializers",
    .help = "c = Constant<value={1, 2}>()  ->  int64[2] c = {1, 2}\n"
            "All dense forms (value, value_int, value_ints, value_float, value_floats, "
            "value_string, value_strings).",
    .level = 1,
    .kind = MOPT_PASS_CANONICALISE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
