// SPDX-License-Identifier: Apache-2.0
// Operators on codes whose scales and zero points are operands (QLinearMul, QLinearConcat ...)
// become DequantizeLinear, the operator on floats and QuantizeLinear in a private copy of the
// model: lowering knows this form, and what it makes fast there is fast here. Products and
// convolutions stay as they are: qlinear.c takes them, and their reference sums integers.
#include <string.h>

#include "exec/prepare.h"
#include "ops/ops.h"

enum {
    ALL = 0,      // operands: to the end
    VERSION = 13, // of the operators that are made; all of them mean the same in later ones
    LAST_FLAT = 12
};

// An operator on codes: its operands are codes, scale and zero point from `first` on, its result
// has its scale and zero point at `out`; `plain` inputs in front of the operands stay.
struct rule {
    const char *name, *becomes;
    uint32_t plain, first, operands, out;
};

static const struct rule rules[] = {
    {"QLinearAdd", "Add", 0, 0, 2, 6},
    {"QLinearMul", "Mul", 0, 0, 2, 6},
    {"QLinearSigmoid", "Sigmoid", 0, 0, 1, 3},
    {"QLinearLeakyRelu", "LeakyRelu", 0, 0, 1, 3},
    {"QLinearSoftmax", "Softmax", 0, 0, 1, 3},
    {"QLinearAveragePool", "AveragePool", 0, 0, 1, 3},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 0, 0, 1, 3},
    {"QLinearConcat", "Concat", 0, 2, ALL, 0},
    {"QLinearWhere", "Where", 1, 1, 2, 7},
};

static uint32_t operands_of(const struct rule *rule, const struct mopt_node *node)
{
    return rule->operands != ALL ? rule->operands : (node->input_count - rule->first) / 3;
}

// ---- Which nodes change -------------------------------------------------------------------------

static bool is_number(const struct mopt_value *value, bool scale)
{
    const struct mopt_tensor *t = mopt__initial_constant(value);
    bool fits = t != NULL && t->count == 1 && t->rank <= 1;
    return fits &&
           (scale ? t->dtype == MOPT_FLOAT32 : t->dtype == MOPT_INT8 || t->dtype == MOPT_UINT8);
}

// Scale and zero point are numbers that never change.
static bool has_numbers(const struct mopt_node *node, uint32_t at)
{
    return is_number(mopt__node_input(node, at), true) &&
           is_number(mopt__node_input(node, at + 1), false);
}

static bool is_channels_last(const struct mopt_node *node)
{
    const struct mopt_attribute *a = mopt__node_attribute(node, "channels_last");
    return a != NULL && a->i != 0;
}

static const struct rule *rule_of(const struct mopt_node *node)
{
    const struct rule *rule = NULL;
    bool named = strcmp(node->domain, "com.microsoft") == 0 &&
                 strncmp(node->op_type, "QLinear", strlen("QLinear")) == 0;
    for (size_t i = 0; named && rule == NULL && i < MOPT_COUNTOF(rules); i++) {
        rule = strcmp(node->op_type, rules[i].name) == 0 ? &rules[i] : NULL;
    }
    if (rule == NULL || !mopt__prepare_is_sound(node) || is_channels_last(node) ||
        !has_numbers(node, rule->out)) {
        return NULL;
    }
    uint32_t count = operands_of(rule, node);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = rule->first + 3 * i;
        if (mopt__node_input(node, at) == NULL || !has_numbers(node, at + 1)) {
            return NULL;
        }
    }
    bool complete = rule->operands != ALL || node->input_count == rule->first + 3 * count;
    return complete && count > 0 ? rule : NULL;
}

static bool takes(const struct mopt_node *node)
{
    return rule_of(node) != NULL;
}

// ---- The three nodes ----------------------------------------------------------------------------

// A number as DequantizeLinear and QuantizeLinear take it: one of rank 1 would be an axis to them.
static enum mopt_status scalar(struct mopt_graph *graph, struct mopt_value *value,
                               struct mopt_value **out, struct mopt_error *err)
{
    const struct mopt_tensor *t = mopt__initial_constant(value);
    struct mopt_tensor *copy = NULL;
    *out = value;
    if (t->rank == 0) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__tensor_new(t->dtype, 0, NULL, &copy, err);
    if (status != MOPT_OK) {
        return status;
    }
    memcpy(mopt__tensor_data(copy), t->data, t->bytes);
    *out = mopt__graph_constant(graph, value->name, copy, err);
    mopt__tensor_unref(copy);
    return *out != NULL ? MOPT_OK : err->status;
}

// DequantizeLinear or QuantizeLinear of x in front of `before`, with the scale and the zero point
// that are inputs `at` and at + 1 of `from`; the output is the caller's to set. NULL: no memory.
static struct mopt_node *add_linear(const char *name, struct mopt_node *before,
                                    const struct mopt_node *from, uint32_t at, struct mopt_value *x,
                                    struct mopt_error *err)
{
    struct mopt_node *linear = mopt__node_new(before->graph, before, name, "", 3, 1, err);
    if (linear == NULL) {
        return NULL;
    }
    linear->op = mopt__op_find("", name, VERSION);
    mopt__node_set_input(linear, 0, x);
    for (uint32_t i = 0; i < 2; i++) {
        struct mopt_value *number = NULL;
        if (scalar(before->graph, from->inputs[at + i].value, &number, err) != MOPT_OK) {
            return NULL;
        }
        mopt__node_set_input(linear, 1 + i, number);
    }
    return linear;
}

static enum mopt_status set_inputs(struct mopt_node *to, const struct mopt_node *from,
                                   const struct rule *rule, struct mopt_error *err)
{
    for (uint32_t i = 0; i < rule->plain; i++) {
        mopt__node_set_input(to, i, from->inputs[i].value);
    }
    for (uint32_t i = 0; i < operands_of(rule, from); i++) {
        uint32_t at = rule->first + 3 * i;
        struct mopt_value *codes = from->inputs[at].value;
        struct mopt_node *linear = add_linear("DequantizeLinear", to, from, at + 1, codes, err);
        struct mopt_value *real =
            linear != NULL ? mopt__prepare_output(linear, codes->name, err) : NULL;
        if (real == NULL) {
            return err->status;
        }
        mopt__node_set_input(to, rule->plain + i, real);
    }
    return MOPT_OK;
}

// The attributes the operator on floats has, too. Softmax before opset 13 runs over all axes from
// its own on, which is another one by default, and QLinearSoftmax says which of the two it means.
static enum mopt_status set_attributes(struct mopt_node *to, const struct mopt_node *from,
                                       struct mopt_error *err)
{
    const struct mopt_attribute *opset = mopt__node_attribute(from, "opset");
    bool flat = strcmp(to->op_type, "Softmax") == 0 && opset != NULL && opset->i < VERSION;
    to->op = mopt__op_find("", to->op_type, flat ? LAST_FLAT : VERSION);
    enum mopt_status status = mopt__node_copy_attributes(to, from, err);
    mopt__node_remove_attribute(to, "opset");
    mopt__node_remove_attribute(to, "channels_last");
    if (status == MOPT_OK && flat && mopt__node_attribute(to, "axis") == NULL) {
        status = mopt__node_set_int(to, "axis", -1, err);
    }
    return status;
}

// The operator on floats, between what dequantizes its operands and what quantizes its result.
static enum mopt_status spread(struct mopt_node *node, struct mopt_error *err)
{
    const struct rule *rule = rule_of(node);
    struct mopt_value *y = node->outputs[0];
    struct mopt_node *middle = mopt__node_new(node->graph, node, rule->becomes, "",
                                              rule->plain + operands_of(rule, node), 1, err);
    if (middle == NULL) {
        return err->status;
    }
    middle->name = node->name;
    enum mopt_status status = set_attributes(middle, node, err);
    if (status == MOPT_OK) {
        status = set_inputs(middle, node, rule, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *real = mopt__prepare_output(middle, y->name, err);
    struct mopt_node *linear =
        real != NULL ? add_linear("QuantizeLinear", node, node, rule->out, real, err) : NULL;
    if (linear == NULL) {
        return err->status;
    }
    mopt__node_set_output(node, 0, NULL);
    mopt__node_set_output(linear, 0, y);
    mopt__node_remove(node);
    return MOPT_OK;
}

const struct mopt_prepare mopt__prepare_qlinear = {.takes = takes, .change = spread};
