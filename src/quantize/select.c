// SPDX-License-Identifier: Apache-2.0
// Which nodes become integer and which tensors get a scale. Anchors are the nodes with constant
// weights; what lies between them follows when all its inputs are integer already. Everything else,
// and graph outputs, stays float.
#include <math.h>
#include <string.h>

#include "quantize/internal.h"

static bool is_type(const struct mopt_node *node, const char *const *types, size_t count)
{
    if (node->domain[0] != '\0') {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(node->op_type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool mopt__is_anchor_type(const struct mopt_node *node)
{
    static const char *const types[] = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
    return is_type(node, types, MOPT_COUNTOF(types));
}

static bool is_joiner_type(const struct mopt_node *node)
{
    static const char *const types[] = {"Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat"};
    return is_type(node, types, MOPT_COUNTOF(types));
}

static bool is_follower_type(const struct mopt_node *node)
{
    static const char *const types[] = {"Reshape",   "Flatten", "Squeeze", "Unsqueeze",
                                        "Transpose", "MaxPool", "Slice"};
    return is_type(node, types, MOPT_COUNTOF(types)) && mopt__node_output(node, 1) == NULL;
}

static bool is_clamp_type(const struct mopt_node *node)
{
    static const char *const types[] = {"Relu", "Clip"};
    return is_type(node, types, MOPT_COUNTOF(types));
}

bool mopt__kept_float(const struct mopt_node *node, const struct mopt_quantize_options *options)
{
    for (size_t i = 0; i < options->keep_float_count; i++) {
        const char *pattern = options->keep_float[i];
        bool by_type = strncmp(pattern, "op:", 3) == 0;
        if (mopt__glob_match(by_type ? pattern + 3 : pattern,
                             by_type ? node->op_type : mopt__node_label(node))) {
            return true;
        }
    }
    return false;
}

static bool is_float_activation(const struct mopt_value *value)
{
    return value != NULL && mopt__value_constant(value) == NULL && value->type != NULL &&
           value->type->kind == MOPT_TYPE_TENSOR && value->type->dtype == MOPT_FLOAT32;
}

static float float_attribute(const struct mopt_node *node, const char *name, float fallback)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    return attribute != NULL && attribute->kind == MOPT_ATTR_FLOAT ? attribute->f : fallback;
}

static int64_t int_attribute(const struct mopt_node *node, const char *name, int64_t fallback)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    return attribute != NULL && attribute->kind == MOPT_ATTR_INT ? attribute->i : fallback;
}

static const char *gemm_refusal(const struct mopt_node *node)
{
    if (float_attribute(node, "alpha", 1) != 1 || float_attribute(node, "beta", 1) != 1) {
        return "alpha or beta is not 1";
    }
    return int_attribute(node, "transA", 0) != 0 ? "the activation is transposed" : NULL;
}

// One NaN or infinity would spoil the scale of its whole channel.
static bool is_finite(const struct mopt_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        if (!isfinite(mopt__tensor_f64(tensor, i))) {
            return false;
        }
    }
    return true;
}

static const char *bias_refusal(const struct mopt_value *bias)
{
    const struct mopt_tensor *tensor = bias != NULL ? mopt__value_constant(bias) : NULL;
    if (bias != NULL && tensor == NULL) {
        return "the bias is computed";
    }
    return tensor != NULL && !is_finite(tensor) ? "the bias has NaN or infinite elements" : NULL;
}

const char *mopt__anchor_refusal(const struct mopt_node *node,
                                 const struct mopt_quantize_options *options)
{
    const struct mopt_value *value = mopt__node_input(node, 1);
    const struct mopt_tensor *weight = value != NULL ? mopt__value_constant(value) : NULL;
    if (weight == NULL) {
        bool overridable = value != NULL && value->constant != NULL;
        return overridable ? "the weight is an input of the model" : "both operands are computed";
    }
    if (weight->dtype != MOPT_FLOAT32 || !is_float_activation(mopt__node_input(node, 0))) {
        return "element type is not float";
    }
    if (weight->rank < 2 || weight->count == 0) {
        return "the weight is no matrix";
    }
    if (mopt__kept_float(node, options)) {
        return "asked for by --keep-float";
    }
    if (!is_finite(weight)) {
        return "the weight has NaN or infinite elements";
    }
    const char *reason = bias_refusal(mopt__node_input(node, 2));
    return reason == NULL && strcmp(node->op_type, "Gemm") == 0 ? gemm_refusal(node) : reason;
}

int mopt__weight_axis(const struct mopt_node *node, const struct mopt_tensor *weight)
{
    if (strcmp(node->op_type, "Conv") == 0) {
        return 0;
    }
    if (strcmp(node->op_type, "ConvTranspose") == 0) {
        return int_attribute(node, "group", 1) == 1
                   ? 1
                   : -1; // with groups the axis repeats its channels
    }
    if (strcmp(node->op_type, "Gemm") == 0) {
        return int_attribute(node, "transB", 0) != 0 ? 0 : 1;
    }
    return weight->rank == 2 ? 1 : -1; // stacked matrices: the executors want one scale
}

// ---- The walk -----------------------------------------------------------------------------------

struct walk {
    const struct mopt_quantize_options *options;
    const struct mopt_ranges *ranges;
    struct mopt_selection *selection;
    struct mopt_quantize_report *report;
};

static bool has_range(const struct walk *walk, const struct mopt_value *value)
{
    double min;
    double max;
    return walk->ranges == NULL ||
           mopt__ranges_get(walk->ranges, walk->selection->parameters[value->id], &min, &max);
}

static void mark(const struct walk *walk, const struct mopt_value *value)
{
    walk->selection->quantized[value->id] = true;
}

// Integer content: a quantized value whose producer is an integer node.
static bool is_integer(const struct walk *walk, const struct mopt_value *value)
{
    return walk->selection->quantized[value->id] && value->producer != NULL &&
           walk->selection->roles[value->producer->id] != MOPT_ROLE_FLOAT;
}

// The clamp that alone reads the node's result: it belongs to the same integer unit.
static struct mopt_node *clamp_after(const struct walk *walk, const struct mopt_value *value)
{
    if (value->use_count != 1 || value->graph_output_count > 0) {
        return NULL;
    }
    struct mopt_node *next = value->uses->node;
    bool first = value->uses->index == 0 && next->graph == value->graph && is_clamp_type(next);
    bool result = first && mopt__node_output(next, 0) != NULL;
    return result && !mopt__kept_float(next, walk->options) ? next : NULL;
}

// Result of the unit that starts at node: after its clamp if it has one.
static const struct mopt_value *unit_result(const struct walk *walk, const struct mopt_node *node,
                                            struct mopt_node **clamp)
{
    const struct mopt_value *value = node->outputs[0];
    *clamp = clamp_after(walk, value);
    return *clamp != NULL ? (*clamp)->outputs[0] : value;
}

static void mark_result(const struct walk *walk, const struct mopt_node *node)
{
    struct mopt_node *clamp;
    const struct mopt_value *result = unit_result(walk, node, &clamp);
    if (result->graph_output_count > 0 || !has_range(walk, result)) {
        return;
    }
    if (clamp != NULL) {
        walk->selection->roles[clamp->id] = MOPT_ROLE_ABSORBED;
    }
    mark(walk, result);
}

static enum mopt_status visit_anchor(const struct walk *walk, const struct mopt_node *node,
                                     struct mopt_error *err)
{
    const char *reason = mopt__anchor_refusal(node, walk->options);
    if (reason == NULL && !has_range(walk, node->inputs[0].value)) {
        reason = "never reached by the calibration data";
    }
    if (reason == NULL) {
        walk->selection->roles[node->id] = MOPT_ROLE_ANCHOR;
        mark(walk, node->inputs[0].value);
        if (strncmp(node->op_type, "Conv", 4) ==
            0) { // matrix products keep a float result where nobody needs codes
            mark_result(walk, node);
        }
    }
    return walk->ranges != NULL ? mopt__quantize_note(walk->report, node, reason, err) : MOPT_OK;
}

static bool joins(const struct walk *walk, const struct mopt_node *node)
{
    bool any = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        if (!is_float_activation(value) || !has_range(walk, value)) {
            return false;
        }
        any = any || is_integer(walk, value);
        if (!is_integer(walk, value) &&
            node->op_type[0] == 'C') { // Concat: only if every part is integer
            return false;
        }
    }
    return any && !mopt__kept_float(node, walk->options);
}

static bool feeds_integer(const struct mopt_node *node)
{
    const struct mopt_value *out = mopt__node_output(node, 0);
    return out != NULL && out->graph_output_count == 0;
}

static void visit_joiner(const struct walk *walk, const struct mopt_node *node)
{
    if (!joins(walk, node) || !feeds_integer(node)) {
        return;
    }
    struct mopt_node *clamp;
    const struct mopt_value *result = unit_result(walk, node, &clamp);
    if (result->graph_output_count > 0 || !has_range(walk, result)) {
        return;
    }
    walk->selection->roles[node->id] = MOPT_ROLE_JOINER;
    for (uint32_t i = 0; i < node->input_count; i++) {
        mark(walk, node->inputs[i].value);
    }
    mark_result(walk, node);
}

static void visit_follower(const struct walk *walk, const struct mopt_node *node)
{
    const struct mopt_value *in = mopt__node_input(node, 0);
    const struct mopt_value *out = mopt__node_output(node, 0);
    if (in == NULL || out == NULL || !is_integer(walk, in) || out->graph_output_count > 0 ||
        mopt__kept_float(node, walk->options)) {
        return;
    }
    walk->selection->roles[node->id] = MOPT_ROLE_FOLLOWER;
    walk->selection->parameters[out->id] = walk->selection->parameters[in->id];
    mark(walk, out);
}

static enum mopt_status visit(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct walk *walk = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        if (node->output_count == 0 || node->outputs[0] == NULL) {
            continue;
        }
        if (mopt__is_anchor_type(node)) {
            status = visit_anchor(walk, node, err);
        } else if (is_joiner_type(node)) {
            visit_joiner(walk, node);
        } else if (is_follower_type(node)) {
            visit_follower(walk, node);
        }
    }
    return status;
}

enum mopt_status mopt__select(struct mopt_model *model, const struct mopt_quantize_options *options,
                              const struct mopt_ranges *ranges, struct mopt_selection *out,
                              struct mopt_quantize_report *report, struct mopt_error *err)
{
    *out = (struct mopt_selection){0};
    out->roles = mopt__calloc(model->node_count_ever + (size_t)1, sizeof *out->roles);
    out->quantized = mopt__calloc(model->value_count + (size_t)1, sizeof *out->quantized);
    out->parameters = mopt__calloc(model->value_count + (size_t)1, sizeof *out->parameters);
    if (out->roles == NULL || out->quantized == NULL || out->parameters == NULL) {
        mopt__selection_release(out);
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; i < model->value_count; i++) {
        out->parameters[i] = i;
    }
    struct walk walk = {.options = options, .ranges = ranges, .selection = out, .report = report};
    enum mopt_status status = mopt__graph_walk(model->graph, visit, &walk, err);
    if (status != MOPT_OK) {
        mopt__selection_release(out);
    }
    return status;
}

void mopt__selection_release(struct mopt_selection *selection)
{
    mopt__free(selection->roles);
    mopt__free(selection->quantized);
    mopt__free(selection->parameters);
    *selection = (struct mopt_selection){0};
}
