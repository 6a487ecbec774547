// SPDX-License-Identifier: Apache-2.0
// New weights for convolutions: per output channel scale and shift. ConvTranspose keeps its output
// channels in axis 1 of the weight, group by group: channel c = g * (C / group) + k stands at
// [inputs of group g, k].
#include "optimize/conv.h"

#include <math.h>
#include <string.h>

static int64_t read_group(const struct mopt_node *node)
{
    const struct mopt_attribute *group = mopt__node_attribute(node, "group");
    return group == NULL ? 1 : group->kind == MOPT_ATTR_INT ? group->i : 0;
}

static bool read_bias(struct mopt_match *match, struct mopt_conv *conv)
{
    const struct mopt_value *bias = mopt__node_input(conv->node, 2);
    if (bias == NULL) {
        return true;
    }
    conv->bias = mopt__match_constant(bias);
    if (conv->bias == NULL || conv->bias->rank != 1 || conv->bias->dims[0] != conv->channels ||
        conv->bias->dtype != conv->weight->dtype) {
        return mopt__match_refuse(match, "the bias is not a constant vector");
    }
    return true;
}

bool mopt__conv_read(struct mopt_match *match, struct mopt_node *node, struct mopt_conv *conv)
{
    *conv =
        (struct mopt_conv){.node = node, .transposed = strcmp(node->op_type, "ConvTranspose") == 0};
    const struct mopt_value *weight = mopt__node_input(node, 1);
    conv->weight = weight != NULL ? mopt__match_constant(weight) : NULL;
    if (conv->weight == NULL || conv->weight->rank < 3 || !mopt__fold_dtype(conv->weight->dtype)) {
        return mopt__match_refuse(match, "the weight is not a constant of a float type");
    }
    conv->rank = conv->weight->rank;
    conv->group = read_group(node);
    if (conv->group < 1) {
        return mopt__match_refuse(match, "malformed group");
    }
    conv->channels = conv->weight->dims[0];
    bool fits =
        !conv->transposed || mopt__i64_mul(conv->weight->dims[1], conv->group, &conv->channels);
    if (!fits || conv->channels < 1 ||
        (conv->transposed && conv->weight->dims[0] % conv->group != 0)) {
        return mopt__match_refuse(match, "malformed weight");
    }
    return read_bias(match, conv);
}

// Weight of a transposed convolution: the channel depends on the group of the input row too.
static enum mopt_status scale_transposed(const struct mopt_conv *conv, const double *scale,
                                         struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_tensor *in = conv->weight;
    enum mopt_status status = mopt__tensor_new(in->dtype, in->rank, in->dims, out, err);
    if (status != MOPT_OK || in->count == 0) {
        return status;
    }
    size_t columns = (size_t)in->dims[1];
    size_t rows_per_group = (size_t)(in->dims[0] / conv->group);
    size_t inner = in->count / ((size_t)in->dims[0] * columns);
    for (size_t i = 0; i < in->count; i++) {
        size_t column = i / inner % columns;
        size_t row = i / inner / columns;
        double value = mopt__element_f64(in->dtype, in->data, i) *
                       scale[row / rows_per_group * columns + column];
        mopt__element_set_f64(in->dtype, mopt__tensor_data(*out), i, value);
    }
    return MOPT_OK;
}

bool mopt__conv_may_scale(struct mopt_match *match, const struct mopt_conv *conv)
{
    enum { SMALL_BYTES = 1024 };
    bool cheap =
        conv->weight->bytes <= SMALL_BYTES || mopt__match_single_use(conv->node->inputs[1].value);
    return cheap || mopt__match_refuse(match, "the weight is shared");
}

// ---- New weight and bias

static bool all_finite(const struct mopt_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        if (!isfinite(mopt__element_f64(tensor->dtype, tensor->data, i))) {
            return false;
        }
    }
    return true;
}

static enum mopt_status make_weight(const struct mopt_conv *conv, const double *scale,
                                    struct mopt_tensor **out, struct mopt_error *err)
{
    return conv->transposed
               ? scale_transposed(conv, scale, out, err)
               : mopt__fold_scale_axis(conv->weight, 0, scale, (size_t)conv->channels, out, err);
}

static enum mopt_status make_bias(const struct mopt_conv *conv, const double *scale,
                                  const double *shift, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    double *values = mopt__calloc((size_t)conv->channels, sizeof *values);
    if (values == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t c = 0; c < (size_t)conv->channels; c++) {
        double old = conv->bias != NULL ? mopt__tensor_f64(conv->bias, c) : 0;
        values[c] = old * (scale != NULL ? scale[c] : 1) + (shift != NULL ? shift[c] : 0);
    }
    enum mopt_status status =
        mopt__fold_vector(conv->weight->dtype, values, conv->channels, out, err);
    mopt__free(values);
    return status;
}

// tensor NULL: the input stays.
static enum mopt_status set_constant(struct mopt_rewriter *rewriter, const struct mopt_conv *conv,
                                     uint32_t index, const char *hint, struct mopt_tensor *tensor,
                                     struct mopt_error *err)
{
    if (tensor == NULL) {
        return MOPT_OK;
    }
    struct mopt_value *value = mopt__rewriter_constant(rewriter, conv->node, hint, tensor, err);
    return value != NULL ? mopt__rewriter_set_input(rewriter, conv->node, index, value, err)
                         : err->status;
}

// The convolution's output stands for result from now on, under its name too: that is the tensor
// people look for.
static enum mopt_status take_place(struct mopt_rewriter *rewriter, struct mopt_value *output,
                                   struct mopt_value *result, struct mopt_error *err)
{
    const char *name = result->name; // the text stays, whatever becomes of the value
    struct mopt_graph *graph = result->graph;
    struct mopt_node *old = result->producer;
    enum mopt_status status = mopt__rewriter_replace(rewriter, result, output, err);
    if (status != MOPT_OK || !mopt__value_is_dead(result)) {
        return status;
    }
    mopt__rewriter_erase(rewriter, old);
    bool free_name = graph == output->graph && mopt__value_find(graph, name) == NULL;
    return free_name ? mopt__value_rename(output, name, err) : MOPT_OK;
}

static enum mopt_status install(struct mopt_rewriter *rewriter, const struct mopt_conv *conv,
                                struct mopt_tensor *weight, struct mopt_tensor *bias,
                                struct mopt_value *result, struct mopt_error *err)
{
    if ((weight != NULL && !all_finite(weight)) || (bias != NULL && !all_finite(bias))) {
        return MOPT_OK;
    }
    const struct mopt_value *old = mopt__node_input(conv->node, 2);
    const char *hint = old != NULL ? old->name : "bias";
    enum mopt_status status =
        set_constant(rewriter, conv, 1, conv->node->inputs[1].value->name, weight, err);
    if (status == MOPT_OK) {
        status = set_constant(rewriter, conv, 2, hint, bias, err);
    }
    if (status == MOPT_OK) {
        status = take_place(rewriter, conv->node->outputs[0], result, err);
    }
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, conv->node, err) : status;
}

enum mopt_status mopt__conv_fold_affine(struct mopt_rewriter *rewriter,
                                        const struct mopt_conv *conv, const double *scale,
                                        const double *shift, struct mopt_value *result,
                                        struct mopt_error *err)
{
    struct mopt_tensor *weight = NULL;
    struct mopt_tensor *bias = NULL;
    enum mopt_status status = scale != NULL ? make_weight(conv, scale, &weight, err) : MOPT_OK;
    if (status == MOPT_OK && (conv->bias != NULL || shift != NULL)) {
        status = make_bias(conv, scale, shift, &bias, err);
    }
    if (status == MOPT_OK) {
        status = install(rewriter, conv, weight, bias, result, err);
    }
    mopt__tensor_unref(weight);
    mopt__tensor_unref(bias);
    return status;
}
