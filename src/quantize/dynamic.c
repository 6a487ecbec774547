// SPDX-License-Identifier: Apache-2.0
// The dynamic graph: activations are quantized when they are computed (DynamicQuantizeLinear,
// uint8), products run on integers (MatMulInteger, ConvInteger) and are scaled back. Convolution
// weights are uint8 with zero point 128, the only form that ONNX Runtime's ConvInteger takes; their
// scales are still per channel, applied after the sum.
#include <string.h>

#include "quantize/internal.h"

enum { PRODUCTS_MIN = 16 };

struct dynamic {
    const struct mopt_quantize_options *options;
    struct mopt_quantize_report *report;
    struct mopt_map activations; // value id -> DynamicQuantizeLinear node
    uint32_t known_nodes;
};

static struct mopt_node *quantized_activation(struct dynamic *d, struct mopt_value *value,
                                              struct mopt_error *err)
{
    struct mopt_node *node = mopt__map_find_u64(&d->activations, value->id);
    if (node != NULL) {
        return node;
    }
    struct mopt_node *before =
        value->producer != NULL ? value->producer->next : value->graph->first;
    struct mopt_value *codes = mopt__quant_node(value->graph, before, "DynamicQuantizeLinear",
                                                &value, 1, 3, value->name, err);
    if (codes == NULL ||
        mopt__map_put_u64(&d->activations, value->id, codes->producer, err) != MOPT_OK) {
        return NULL;
    }
    if (d->report != NULL) {
        d->report->tensors++;
    }
    return codes->producer;
}

// Gemm's weight may be stored transposed; MatMulInteger wants [K,N].
static enum mopt_status transposed(const struct mopt_tensor *in, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    int64_t dims[2] = {in->dims[1], in->dims[0]};
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, 2, dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    const float *from = in->data;
    float *to = mopt__tensor_data(*out);
    size_t rows = (size_t)in->dims[0];
    size_t columns = (size_t)in->dims[1];
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            to[c * rows + r] = from[r * columns + c];
        }
    }
    return MOPT_OK;
}

static struct mopt_value *scalar(struct mopt_graph *graph, enum mopt_dtype dtype, int64_t number,
                                 const char *hint, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    if (mopt__tensor_new(dtype, 0, NULL, &tensor, err) != MOPT_OK) {
        return NULL;
    }
    mopt__element_set_i64(dtype, mopt__tensor_data(tensor), 0, number);
    struct mopt_value *value = mopt__graph_constant(graph, hint, tensor, err);
    mopt__tensor_unref(tensor);
    return value;
}

// Scales [C] as [C,1,1..] so that they broadcast along the channel axis of a result of the given
// rank; rank 0: last axis.
static enum mopt_status shaped(struct mopt_tensor *vector, int result_rank,
                               struct mopt_tensor **out, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    bool channels = result_rank > 1 && vector->rank == 1;
    int rank = channels ? result_rank - 1 : vector->rank;
    for (int d = 0; d < rank; d++) {
        dims[d] = channels && d > 0 ? 1 : vector->dims[d];
    }
    return mopt__tensor_view(vector, rank, dims, out, err);
}

static struct mopt_value *shaped_constant(struct mopt_graph *graph, struct mopt_tensor *vector,
                                          int result_rank, const char *hint, struct mopt_error *err)
{
    struct mopt_tensor *view = NULL;
    if (shaped(vector, result_rank, &view, err) != MOPT_OK) {
        return NULL;
    }
    struct mopt_value *value = mopt__graph_constant(graph, hint, view, err);
    mopt__tensor_unref(view);
    return value;
}

// sums (int32) -> float: Cast(sums) * (activation scale * weight scales) [+ bias]. The last node
// makes node's own output.
static enum mopt_status scale_back(struct mopt_node *node, struct mopt_value *sums,
                                   struct mopt_value *activation_scale,
                                   struct mopt_tensor *weight_scales, int result_rank,
                                   struct mopt_error *err)
{
    struct mopt_graph *graph = node->graph;
    struct mopt_value *out = node->outputs[0];
    const char *base = node->inputs[1].value->name;
    struct mopt_value *bias = mopt__node_input(node, 2);
    struct mopt_value *scales = shaped_constant(graph, weight_scales, result_rank, base, err);
    struct mopt_value *real =
        scales != NULL ? mopt__quant_node(graph, node, "Cast", &sums, 1, 1, out->name, err) : NULL;
    if (real == NULL || mopt__node_set_int(real->producer, "to", MOPT_FLOAT32, err) != MOPT_OK) {
        return err->status;
    }
    struct mopt_value *scale_inputs[] = {activation_scale, scales};
    struct mopt_value *scale = mopt__quant_node(graph, node, "Mul", scale_inputs, 2, 1, base, err);
    if (scale == NULL) {
        return err->status;
    }
    struct mopt_value *product_inputs[] = {real, scale};
    struct mopt_value *last =
        mopt__quant_node(graph, node, "Mul", product_inputs, 2, 1, out->name, err);
    if (last != NULL && bias != NULL) {
        struct mopt_value *shift =
            shaped_constant(graph, bias->constant, result_rank, bias->name, err);
        struct mopt_value *sum_inputs[] = {last, shift};
        last = shift != NULL
                   ? mopt__quant_node(graph, node, "Add", sum_inputs, 2, 1, out->name, err)
                   : NULL;
    }
    if (last == NULL) {
        return err->status;
    }
    struct mopt_node *producer = last->producer;
    mopt__node_set_output(node, 0, NULL);
    mopt__node_set_output(producer, 0, NULL);
    mopt__node_set_output(producer, 0, out);
    return MOPT_OK;
}

static enum mopt_status replace_product(struct dynamic *d, struct mopt_node *node,
                                        const char *op_type, const struct mopt_quant_weight *weight,
                                        int result_rank, struct mopt_error *err)
{
    struct mopt_graph *graph = node->graph;
    const char *base = node->inputs[1].value->name;
    struct mopt_node *activation = quantized_activation(d, node->inputs[0].value, err);
    struct mopt_value *codes =
        activation != NULL ? mopt__graph_constant(graph, base, weight->codes, err) : NULL;
    int64_t zero_point = weight->codes->dtype == MOPT_UINT8 ? 128 : 0;
    struct mopt_value *zero =
        codes != NULL ? scalar(graph, weight->codes->dtype, zero_point, base, err) : NULL;
    if (zero == NULL) {
        return err->status;
    }
    struct mopt_value *inputs[] = {activation->outputs[0], codes, activation->outputs[2], zero};
    struct mopt_value *sums =
        mopt__quant_node(graph, node, op_type, inputs, 4, 1, node->outputs[0]->name, err);
    if (sums == NULL) {
        return err->status;
    }
    enum mopt_status status = MOPT_OK;
    if (strcmp(op_type, "ConvInteger") == 0) {
        status = mopt__node_copy_attributes(sums->producer, node, err);
    }
    if (status == MOPT_OK) {
        status = scale_back(node, sums, activation->outputs[1], weight->scales, result_rank, err);
    }
    if (status == MOPT_OK) {
        mopt__node_remove(node);
    }
    return status;
}

static bool gemm_is_transposed(const struct mopt_node *node)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "transB");
    return strcmp(node->op_type, "Gemm") == 0 && attribute != NULL && attribute->i != 0;
}

static enum mopt_status quantize_node(struct dynamic *d, struct mopt_node *node,
                                      struct mopt_error *err)
{
    struct mopt_tensor *weight = mopt__tensor_ref(mopt__value_constant(node->inputs[1].value));
    bool conv = strcmp(node->op_type, "Conv") == 0;
    enum mopt_status status = MOPT_OK;
    if (gemm_is_transposed(node)) {
        struct mopt_tensor *turned = NULL;
        status = transposed(weight, &turned, err);
        mopt__tensor_unref(weight);
        weight = turned;
    }
    struct mopt_quant_weight quantized = {0};
    if (status == MOPT_OK) {
        int axis = d->options->per_tensor ? -1 : conv ? 0 : weight->rank == 2 ? 1 : -1;
        status = mopt__quantize_weight(weight, axis, conv ? MOPT_UINT8 : MOPT_INT8,
                                       d->options->reduce_range, NULL, &quantized, err);
    }
    if (status == MOPT_OK) {
        status = replace_product(d, node, conv ? "ConvInteger" : "MatMulInteger", &quantized,
                                 conv ? weight->rank : 0, err);
    }
    mopt__quant_weight_release(&quantized);
    mopt__tensor_unref(weight);
    return status;
}

// Products per output element. Below the minimum (depthwise filters, the first layer of a grey
// image) quantizing and scaling back costs more than the integer arithmetic saves, and only adds
// error.
static bool is_too_small(const struct mopt_node *node)
{
    const struct mopt_tensor *weight = mopt__value_constant(node->inputs[1].value);
    return strcmp(node->op_type, "Conv") == 0 &&
           weight->count / (size_t)weight->dims[0] < PRODUCTS_MIN;
}

static const char *refusal(const struct mopt_node *node,
                           const struct mopt_quantize_options *options)
{
    const char *reason = mopt__anchor_refusal(node, options);
    if (reason == NULL && is_too_small(node)) {
        reason = "too few products per output to gain";
    }
    if (reason == NULL && strcmp(node->op_type, "ConvTranspose") == 0) {
        reason = "no integer form of a transposed convolution";
    }
    return reason;
}

static enum mopt_status visit(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct dynamic *d = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;) {
        struct mopt_node *next = node->next;
        if (node->id < d->known_nodes && mopt__is_anchor_type(node) &&
            mopt__node_output(node, 0) != NULL) {
            const char *reason = refusal(node, d->options);
            status = mopt__quantize_note(d->report, node, reason, err);
            if (status == MOPT_OK && reason == NULL) {
                status = quantize_node(d, node, err);
            }
        }
        node = next;
    }
    return status;
}

enum mopt_status mopt__insert_dynamic(struct mopt_model *model,
                                      const struct mopt_quantize_options *options,
                                      struct mopt_quantize_report *report, struct mopt_error *err)
{
    struct dynamic d = {.options = options,
                        .report = report,
                        .known_nodes = model->node_count_ever};
    enum mopt_status status = mopt__graph_walk(model->graph, visit, &d, err);
    mopt__map_release(&d.activations);
    return status;
}
