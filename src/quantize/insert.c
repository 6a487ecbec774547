// SPDX-License-Identifier: Apache-2.0
// The static graph: weights and biases become integer initializers behind DequantizeLinear,
// activations pass through QuantizeLinear and DequantizeLinear. Readers of a tensor that an integer
// node makes read the dequantized value; of other tensors only the integer nodes do.
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "quantize/internal.h"

struct insert {
    struct mopt_model *model;
    const struct mopt_quantize_options *options;
    const struct mopt_ranges *ranges;
    const struct mopt_selection *selection;
    struct mopt_quantize_report *report;
    uint32_t known_nodes; // nodes with a role; later ones are ours
};

struct mopt_value *mopt__quant_node(struct mopt_graph *graph, struct mopt_node *before,
                                    const char *op_type, struct mopt_value *const *inputs,
                                    uint32_t input_count, uint32_t output_count, const char *hint,
                                    struct mopt_error *err)
{
    struct mopt_node *node =
        mopt__op_node(graph, before, op_type, "", inputs, input_count, output_count, err);
    for (uint32_t i = 0; node != NULL && i < output_count; i++) {
        if (node->outputs[i] == NULL) {
            struct mopt_value *value = mopt__value_fresh(graph, hint, err);
            if (value == NULL) {
                return NULL;
            }
            mopt__node_set_output(node, i, value);
        }
    }
    return node != NULL ? node->outputs[0] : NULL;
}

static struct mopt_value *add_constant(struct mopt_graph *graph, const char *base,
                                       const char *suffix, struct mopt_tensor *tensor,
                                       struct mopt_error *err)
{
    struct mopt_strbuf name = {0};
    mopt__strbuf_add(&name, base);
    mopt__strbuf_add(&name, suffix);
    struct mopt_value *value = NULL;
    if (name.failed) {
        (void)mopt_error_memory(err);
    } else {
        value = mopt__graph_constant(graph, mopt__strbuf_text(&name), tensor, err);
    }
    mopt__strbuf_release(&name);
    return value;
}

static struct mopt_value *add_node(struct mopt_graph *graph, struct mopt_node *before,
                                   const char *op_type, struct mopt_value *const inputs[3],
                                   const char *base, const char *suffix, struct mopt_error *err)
{
    struct mopt_strbuf name = {0};
    mopt__strbuf_add(&name, base);
    mopt__strbuf_add(&name, suffix);
    struct mopt_value *value = NULL;
    if (name.failed) {
        (void)mopt_error_memory(err);
    } else {
        value =
            mopt__quant_node(graph, before, op_type, inputs, 3, 1, mopt__strbuf_text(&name), err);
    }
    mopt__strbuf_release(&name);
    return value;
}

static struct mopt_value *add_scalar(struct mopt_graph *graph, enum mopt_dtype dtype, double number,
                                     const char *base, const char *suffix, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    if (mopt__tensor_new(dtype, 0, NULL, &tensor, err) != MOPT_OK) {
        return NULL;
    }
    if (dtype == MOPT_FLOAT32) {
        mopt__element_set_f64(dtype, mopt__tensor_data(tensor), 0, number);
    } else {
        mopt__element_set_i64(dtype, mopt__tensor_data(tensor), 0, (int64_t)number);
    }
    struct mopt_value *value = add_constant(graph, base, suffix, tensor, err);
    mopt__tensor_unref(tensor);
    return value;
}

// ---- Activations --------------------------------------------------------------------------------

static enum mopt_dtype activation_type(const struct insert *in)
{
    return in->options->activation == MOPT_INT8 ? MOPT_INT8 : MOPT_UINT8;
}

static struct mopt_quant_params parameters_of(const struct insert *in,
                                              const struct mopt_value *value)
{
    struct mopt_quant_params params;
    double min = 0;
    double max = 0;
    (void)mopt__ranges_get(in->ranges, in->selection->parameters[value->id], &min,
                           &max); // selection checked it
    mopt__quant_params(activation_type(in), in->options->symmetric, false, min, max, &params);
    return params;
}

static bool reads_codes(const struct insert *in, const struct mopt_node *node)
{
    return in->selection->roles[node->id] != MOPT_ROLE_FLOAT &&
           in->selection->roles[node->id] != MOPT_ROLE_ABSORBED;
}

static bool made_by_integer(const struct insert *in, const struct mopt_value *value)
{
    return value->producer != NULL && in->selection->roles[value->producer->id] != MOPT_ROLE_FLOAT;
}

// Points the uses that should see the rounded value at it. The list changes while we walk: take the
// next first.
static void move_uses(const struct insert *in, struct mopt_value *value, struct mopt_value *rounded,
                      const struct mopt_node *quantize)
{
    bool all = made_by_integer(in, value);
    for (struct mopt_use *use = value->uses; use != NULL;) {
        struct mopt_use *next = use->next;
        bool old = use->node->id < in->known_nodes;
        bool weightless = use->index == 0 || !mopt__is_anchor_type(use->node);
        if (use->node != quantize && (all || (old && weightless && reads_codes(in, use->node)))) {
            mopt__node_set_input(use->node, use->index, rounded);
        }
        use = next;
    }
}

static struct mopt_node *place_after(struct mopt_value *value)
{
    return value->producer != NULL ? value->producer->next : value->graph->first;
}

static enum mopt_status quantize_value(struct insert *in, struct mopt_value *value,
                                       struct mopt_error *err)
{
    struct mopt_quant_params params = parameters_of(in, value);
    struct mopt_graph *graph = value->graph;
    struct mopt_node *before = place_after(value);
    struct mopt_value *scale =
        add_scalar(graph, MOPT_FLOAT32, params.scale, value->name, "_scale", err);
    struct mopt_value *zero =
        scale != NULL ? add_scalar(graph, activation_type(in), (double)params.zero_point,
                                   value->name, "_zero_point", err)
                      : NULL;
    if (zero == NULL) {
        return err->status;
    }
    struct mopt_value *quantize_inputs[] = {value, scale, zero};
    struct mopt_value *codes =
        add_node(graph, before, "QuantizeLinear", quantize_inputs, value->name, "_quantized", err);
    if (codes == NULL) {
        return err->status;
    }
    struct mopt_value *dequantize_inputs[] = {codes, scale, zero};
    struct mopt_value *rounded = add_node(graph, before, "DequantizeLinear", dequantize_inputs,
                                          value->name, "_dequantized", err);
    if (rounded == NULL) {
        return err->status;
    }
    move_uses(in, value, rounded, codes->producer);
    if (in->report != NULL) {
        in->report->tensors++;
    }
    return MOPT_OK;
}

// ---- Weights and biases -------------------------------------------------------------------------

// Smallest weight scales with which every bias element fits into 32 bits, |b| <= 2^31 * s_x * s_w,
// and with which s_x * s_w is no denormal. One per scale of the weight: [scales]; a single one
// holds for all elements.
static double *bias_floor(const struct mopt_tensor *bias, size_t scales, double input_scale)
{
    double *floor = mopt__calloc(scales, sizeof *floor);
    for (size_t i = 0; floor != NULL && bias != NULL && i < bias->count; i++) {
        size_t c = scales > 1 ? i : 0;
        double fits = 2.0 * fabs(mopt__tensor_f64(bias, i)) / 4294967294.0;
        double smallest = 1.0001 * (fits > (double)FLT_MIN ? fits : (double)FLT_MIN) / input_scale;
        floor[c] = smallest > floor[c] ? smallest : floor[c];
    }
    return floor;
}

static enum mopt_status dequantized(struct mopt_node *node, struct mopt_tensor *codes,
                                    struct mopt_tensor *scales, struct mopt_tensor *zeros, int axis,
                                    const char *base, struct mopt_value **out,
                                    struct mopt_error *err)
{
    struct mopt_graph *graph = node->graph;
    struct mopt_value *inputs[3];
    inputs[0] = add_constant(graph, base, "_quantized", codes, err);
    inputs[1] = inputs[0] != NULL ? add_constant(graph, base, "_scale", scales, err) : NULL;
    inputs[2] = inputs[1] != NULL ? add_constant(graph, base, "_zero_point", zeros, err) : NULL;
    *out = inputs[2] != NULL
               ? add_node(graph, node, "DequantizeLinear", inputs, base, "_dequantized", err)
               : NULL;
    if (*out == NULL) {
        return err->status;
    }
    return axis >= 0 ? mopt__node_set_int((*out)->producer, "axis", axis, err) : MOPT_OK;
}

static enum mopt_status set_weight(struct insert *in, struct mopt_node *node,
                                   const struct mopt_tensor *bias, double input_scale,
                                   struct mopt_quant_weight *quantized, struct mopt_error *err)
{
    struct mopt_value *value = node->inputs[1].value;
    const struct mopt_tensor *weight = mopt__value_constant(value);
    int axis = in->options->per_tensor ? -1 : mopt__weight_axis(node, weight);
    size_t channels = axis >= 0 ? (size_t)weight->dims[axis] : 1;
    double *floor = bias_floor(bias, channels, input_scale);
    if (floor == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status =
        mopt__quantize_weight(weight, axis, MOPT_INT8, in->options->reduce_range, floor, quantized,
                              err);
    mopt__free(floor);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *rounded = NULL;
    status = dequantized(node, quantized->codes, quantized->scales, quantized->zeros, axis,
                         value->name, &rounded, err);
    if (status == MOPT_OK) {
        mopt__node_set_input(node, 1, rounded);
    }
    return status;
}

static int32_t bias_code(struct insert *in, double value)
{
    double rounded = rint(value);
    bool fits = rounded >= -2147483648.0 && rounded <= 2147483647.0;
    if (!fits && in->report != NULL) {
        in->report->clipped_biases++;
    }
    return fits ? (int32_t)rounded : rounded > 0 ? INT32_MAX : INT32_MIN;
}

static void fill_bias(struct insert *in, const struct mopt_tensor *bias,
                      const struct mopt_tensor *weight_scales, double input_scale,
                      struct mopt_tensor *codes, struct mopt_tensor *scales)
{
    int32_t *code = mopt__tensor_data(codes);
    float *scale = mopt__tensor_data(scales);
    for (size_t c = 0; c < scales->count; c++) {
        scale[c] = (float)input_scale * (float)mopt__tensor_f64(weight_scales, c);
    }
    for (size_t c = 0; c < bias->count; c++) {
        code[c] =
            bias_code(in, mopt__tensor_f64(bias, c) / (double)scale[scales->count > 1 ? c : 0]);
    }
}

// Bias of C int32 codes with scale s_x * s_w per channel and zero point 0.
static enum mopt_status set_bias(struct insert *in, struct mopt_node *node,
                                 const struct mopt_tensor *bias,
                                 const struct mopt_quant_weight *weight, double input_scale,
                                 struct mopt_error *err)
{
    bool per_channel = weight->scales->rank == 1;
    struct mopt_tensor *codes = NULL;
    struct mopt_tensor *scales = NULL;
    struct mopt_tensor *zeros = NULL;
    enum mopt_status status = mopt__tensor_new(MOPT_INT32, bias->rank, bias->dims, &codes, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(MOPT_FLOAT32, weight->scales->rank, weight->scales->dims, &scales,
                                  err);
    }
    if (status == MOPT_OK) {
        status =
            mopt__tensor_new(MOPT_INT32, weight->scales->rank, weight->scales->dims, &zeros, err);
    }
    if (status == MOPT_OK) {
        fill_bias(in, bias, weight->scales, input_scale, codes, scales);
        memset(mopt__tensor_data(zeros), 0, zeros->bytes);
        struct mopt_value *rounded = NULL;
        status = dequantized(node, codes, scales, zeros, per_channel ? 0 : -1,
                             node->inputs[2].value->name, &rounded, err);
        if (status == MOPT_OK) {
            mopt__node_set_input(node, 2, rounded);
        }
    }
    mopt__tensor_unref(codes);
    mopt__tensor_unref(scales);
    mopt__tensor_unref(zeros);
    return status;
}

static int64_t output_channels(const struct mopt_node *node, const struct mopt_tensor *weight)
{
    int axis = mopt__weight_axis(node, weight);
    if (axis >= 0) {
        return weight->dims[axis];
    }
    const struct mopt_attribute *group = mopt__node_attribute(node, "group"); // of a ConvTranspose
    int64_t channels = weight->dims[weight->rank - 1];
    bool fits = group == NULL || mopt__i64_mul(weight->dims[1], group->i, &channels);
    return fits ? channels : -1;
}

// A bias that is no vector over the channels (Gemm allows a matrix or a scalar) stays float.
static const struct mopt_tensor *vector_bias(const struct mopt_node *node, int64_t channels)
{
    const struct mopt_value *value = mopt__node_input(node, 2);
    const struct mopt_tensor *bias = value != NULL ? mopt__value_constant(value) : NULL;
    bool fits =
        bias != NULL && bias->rank == 1 && bias->dims[0] == channels && bias->dtype == MOPT_FLOAT32;
    return fits ? bias : NULL;
}

static enum mopt_status quantize_anchor(struct insert *in, struct mopt_node *node,
                                        const struct mopt_value *activation, struct mopt_error *err)
{
    double input_scale = parameters_of(in, activation).scale;
    const struct mopt_tensor *weight = mopt__value_constant(node->inputs[1].value);
    const struct mopt_tensor *bias = vector_bias(node, output_channels(node, weight));
    struct mopt_quant_weight quantized = {0};
    enum mopt_status status = set_weight(in, node, bias, input_scale, &quantized, err);
    if (status == MOPT_OK && bias != NULL) {
        status = set_bias(in, node, bias, &quantized, input_scale, err);
    }
    mopt__quant_weight_release(&quantized);
    return status == MOPT_OK
               ? MOPT_OK
               : mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
}

// ---- The walk -----------------------------------------------------------------------------------

static enum mopt_status insert_weights(void *context, struct mopt_graph *graph,
                                       struct mopt_error *err)
{
    struct insert *in = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        if (node->id < in->known_nodes && in->selection->roles[node->id] == MOPT_ROLE_ANCHOR) {
            status = quantize_anchor(in, node, node->inputs[0].value, err);
        }
    }
    return status;
}

struct wanted {
    struct mopt_value **items;
    size_t count, capacity;
    const struct mopt_selection *selection;
};

static enum mopt_status collect_value(struct wanted *wanted, struct mopt_value *value,
                                      struct mopt_error *err)
{
    if (value == NULL || !wanted->selection->quantized[value->id]) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__grow((void **)&wanted->items, &wanted->capacity,
                                         wanted->count + 1, sizeof *wanted->items, err);
    if (status == MOPT_OK) {
        wanted->items[wanted->count++] = value;
    }
    return status;
}

static enum mopt_status collect_graph(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < graph->inputs.count && status == MOPT_OK; i++) {
        status = collect_value(context, graph->inputs.items[i], err);
    }
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        for (uint32_t i = 0; i < node->output_count && status == MOPT_OK; i++) {
            status = collect_value(context, node->outputs[i], err);
        }
    }
    return status;
}

static enum mopt_status insert_activations(struct insert *in, const struct wanted *wanted,
                                           struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < wanted->count && status == MOPT_OK; i++) {
        status = quantize_value(in, wanted->items[i], err);
    }
    return status;
}

enum mopt_status mopt__insert_static(struct mopt_model *model,
                                     const struct mopt_quantize_options *options,
                                     const struct mopt_ranges *ranges,
                                     const struct mopt_selection *selection,
                                     struct mopt_quantize_report *report, struct mopt_error *err)
{
    struct insert in = {.model = model,
                        .options = options,
                        .ranges = ranges,
                        .selection = selection,
                        .report = report,
                        .known_nodes = model->node_count_ever};
    struct wanted wanted = {.selection = selection};
    enum mopt_status status = mopt__graph_walk(model->graph, collect_graph, &wanted, err);
    if (status == MOPT_OK) { // first the weights: they look at the activations of the float graph
        status = mopt__graph_walk(model->graph, insert_weights, &in, err);
    }
    if (status == MOPT_OK) {
        status = insert_activations(&in, &wanted, err);
    }
    mopt__free(wanted.items);
    return status;
}
