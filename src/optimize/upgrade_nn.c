// SPDX-License-Identifier: Apache-2.0
// Steps of layers: normalisation, activations, pooling, recurrence.
#include <math.h>

#include "optimize/upgrade_steps.h"

// An output beyond the first, needed or not.
static bool has_more_outputs(const struct mopt_node *node)
{
    for (uint32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            return true;
        }
    }
    return false;
}

static bool uses_more_outputs(const struct mopt_node *node)
{
    for (uint32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return true;
        }
    }
    return false;
}

static enum mopt_status cut_outputs(struct mopt_node *node, struct mopt_error *err)
{
    for (uint32_t i = 1; i < node->output_count; i++) {
        mopt__node_set_output(node, i, NULL);
    }
    return node->output_count > 1 ? mopt__node_resize_outputs(node, 1, err) : MOPT_OK;
}

// ---- BatchNormalization: is_test told of training, then the number of outputs, then an attribute.

enum mopt_status mopt__step_batch_norm_7(struct mopt_node *node, struct mopt_error *err)
{
    int64_t is_test;
    enum mopt_status status = mopt__upgrade_int(node, "is_test", 0, &is_test, err);
    if (status == MOPT_OK && (is_test != 0 ? uses_more_outputs(node) : has_more_outputs(node))) {
        return mopt__upgrade_refuse("training mode, or its outputs are used", err);
    }
    (void)mopt__node_remove_attribute(node, "is_test");
    return status == MOPT_OK ? cut_outputs(node, err) : status;
}

enum mopt_status mopt__step_batch_norm_9(struct mopt_node *node, struct mopt_error *err)
{
    int64_t spatial;
    enum mopt_status status = mopt__upgrade_int(node, "spatial", 1, &spatial, err);
    if (status == MOPT_OK && spatial == 0) {
        return mopt__upgrade_refuse("statistics per element (spatial = 0)", err);
    }
    (void)mopt__node_remove_attribute(node, "spatial");
    return status;
}

enum mopt_status mopt__step_batch_norm_14(struct mopt_node *node, struct mopt_error *err)
{
    return has_more_outputs(node)
               ? mopt__upgrade_refuse("training mode: it has further outputs", err)
               : cut_outputs(node, err);
}

// ---- Clip: bounds become inputs of the data's type; infinite ones are left out.

static enum mopt_status move_bound(struct mopt_node *node, const char *name, uint32_t index,
                                   struct mopt_error *err)
{
    float bound;
    if (!mopt__upgrade_has(node, name)) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__upgrade_float(node, name, 0, &bound, err);
    if (status != MOPT_OK) {
        return status;
    }
    enum mopt_dtype dtype = mopt__upgrade_dtype(node, 0);
    if (!mopt__dtype_is_float(dtype)) {
        return mopt__upgrade_refuse("the element type is not known", err);
    }
    (void)mopt__node_remove_attribute(node, name);
    if (isinf(bound)) {
        return MOPT_OK;
    }
    return mopt__upgrade_scalar_input(node, index, name, dtype, (double)bound, err);
}

enum mopt_status mopt__step_clip_11(struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = move_bound(node, "min", 1, err);
    return status == MOPT_OK ? move_bound(node, "max", 2, err) : status;
}

// ---- Dropout: only inference has a successor.

enum mopt_status mopt__step_dropout_7(struct mopt_node *node, struct mopt_error *err)
{
    int64_t is_test;
    float ratio;
    enum mopt_status status = mopt__upgrade_int(node, "is_test", 0, &is_test, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_float(node, "ratio", 0.5F, &ratio, err);
    }
    if (status == MOPT_OK && is_test == 0 && ratio != 0) {
        return mopt__upgrade_refuse("training mode (is_test = 0)", err);
    }
    (void)mopt__node_remove_attribute(node, "is_test");
    return status;
}

// The mask had the type of the data.
enum mopt_status mopt__step_dropout_10(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_value *mask = mopt__node_output(node, 1);
    if (mask == NULL || mopt__value_is_dead(mask)) {
        return MOPT_OK;
    }
    enum mopt_dtype dtype = mopt__upgrade_dtype(node, 0);
    struct mopt_value *fresh = mopt__value_fresh(node->graph, "mask", err);
    if (dtype == MOPT_UNDEFINED || fresh == NULL) {
        return fresh != NULL ? mopt__upgrade_refuse("the element type is not known", err)
                             : err->status;
    }
    struct mopt_node *cast = mopt__op_node(node->graph, node->next, "Cast", "", &fresh, 1, 1, err);
    if (cast == NULL) {
        return err->status;
    }
    mopt__node_set_output(node, 1, NULL);
    mopt__node_set_output(node, 1, fresh);
    mopt__node_set_output(cast, 0, mask);
    return mopt__node_set_int(cast, "to", (int64_t)dtype, err);
}

enum mopt_status mopt__step_dropout_12(struct mopt_node *node, struct mopt_error *err)
{
    float ratio;
    if (!mopt__upgrade_has(node, "ratio")) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__upgrade_float(node, "ratio", 0.5F, &ratio, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_scalar_input(node, 1, "ratio", MOPT_FLOAT32, (double)ratio, err);
    }
    (void)mopt__node_remove_attribute(node, "ratio");
    return status;
}

// ---- Small ones

enum mopt_status mopt__step_gemm_7(struct mopt_node *node, struct mopt_error *err)
{
    (void)err;
    (void)mopt__node_remove_attribute(node, "broadcast");
    return MOPT_OK;
}

// The exponent was a float.
enum mopt_status mopt__step_lp_pool_2(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_attribute *p = mopt__node_attribute(node, "p");
    if (p == NULL || p->kind != MOPT_ATTR_FLOAT) {
        return MOPT_OK;
    }
    float value = p->f;
    if (!(value >= 1 && value <= 1e6F && floorf(value) == value)) {
        return mopt__upgrade_refuse("the norm is not a whole number", err);
    }
    (void)mopt__node_remove_attribute(node, "p");
    return mopt__node_set_int(node, "p", (int64_t)value, err);
}

// A slope of rank 1 was one number per channel.
enum mopt_status mopt__step_prelu_7(struct mopt_node *node, struct mopt_error *err)
{
    int rank = mopt__upgrade_rank(node, 0);
    int own = mopt__upgrade_rank(node, 1);
    if (rank < 0 || own < 0) {
        return mopt__upgrade_refuse("the rank is not known", err);
    }
    return own == 1 && rank > 2 ? mopt__upgrade_trailing_axes(node, 1, rank - 2, err) : MOPT_OK;
}

enum mopt_status mopt__step_recurrent_7(struct mopt_node *node, struct mopt_error *err)
{
    (void)err;
    (void)mopt__node_remove_attribute(node, "output_sequence");
    return MOPT_OK;
}

// The defaults had four digits.
enum mopt_status mopt__step_selu_6(struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = mopt__upgrade_has(node, "alpha")
                                  ? MOPT_OK
                                  : mopt__node_set_float(node, "alpha", 1.6732F, err);
    if (status == MOPT_OK && !mopt__upgrade_has(node, "gamma")) {
        status = mopt__node_set_float(node, "gamma", 1.0507F, err);
    }
    return status;
}

// ---- GroupNormalization: scale and bias per group become per channel.

static enum mopt_status repeat_parameter(struct mopt_node *node, uint32_t index, int64_t groups,
                                         int64_t each, struct mopt_error *err)
{
    struct mopt_value *value = mopt__node_input(node, index);
    const struct mopt_tensor *tensor = value != NULL ? mopt__match_constant(value) : NULL;
    if (tensor == NULL || tensor->rank != 1 || tensor->dims[0] != groups ||
        !mopt__dtype_is_float(tensor->dtype)) {
        return mopt__upgrade_refuse("scale or bias per group is not a constant", err);
    }
    int64_t channels = groups * each; // the size of an axis
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__tensor_new(tensor->dtype, 1, &channels, &out, err);
    for (size_t c = 0; status == MOPT_OK && c < (size_t)channels; c++) {
        mopt__element_set_f64(tensor->dtype, mopt__tensor_data(out), c,
                              mopt__tensor_f64(tensor, c / (size_t)each));
    }
    return status == MOPT_OK ? mopt__upgrade_tensor_input(node, index, "per_channel", out, err)
                             : status;
}

enum mopt_status mopt__step_group_norm_21(struct mopt_node *node, struct mopt_error *err)
{
    int64_t groups;
    int64_t channels = 0;
    const struct mopt_value *x = mopt__node_input(node, 0);
    enum mopt_status status = mopt__upgrade_int(node, "num_groups", 0, &groups, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (x == NULL || mopt__upgrade_rank(node, 0) < 2 ||
        !mopt__dim_is_known(node->graph->model->dims, x->type->dims[1], &channels)) {
        return mopt__upgrade_refuse("the number of channels is not known", err);
    }
    if (groups < 1 || channels < 1 || channels % groups != 0) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'num_groups' does not divide the channels");
    }
    status = repeat_parameter(node, 1, groups, channels / groups, err);
    return status == MOPT_OK ? repeat_parameter(node, 2, groups, channels / groups, err) : status;
}

// ---- Softmax, LogSoftmax, Hardmax
// Before 13 the input was flattened to two axes at `axis` (default 1); from 13 they work along one
// axis (default -1).

// The one axis along which the flattened rows run; -1 if more than one axis may be longer than 1.
static int single_axis(const struct mopt_node *node, int64_t axis)
{
    const struct mopt_type *type = node->inputs[0].value->type;
    int found = -1;
    for (int d = (int)axis; d < type->rank; d++) {
        int64_t size;
        bool one = mopt__dim_is_known(node->graph->model->dims, type->dims[d], &size) && size == 1;
        if (!one && found >= 0) {
            return -1;
        }
        found = one ? found : d;
    }
    return found >= 0 ? found : type->rank - 1;
}

// Target of the reshape back: the known dims, else Shape(x). *empty: there is nothing to compute.
static struct mopt_value *original_shape(struct mopt_node *node, bool *empty,
                                         struct mopt_error *err)
{
    struct mopt_value *x = node->inputs[0].value;
    const struct mopt_dims *dims = node->graph->model->dims;
    *empty = false;
    if (mopt__upgrade_rank(node, 0) > 0 && mopt__type_static(dims, x->type)) {
        size_t count = 1;
        struct mopt_tensor *tensor = NULL;
        int64_t rank = x->type->rank;
        *empty = mopt__type_count(dims, x->type, &count) && count == 0;
        if (mopt__tensor_i64(x->type->dims, 1, &rank, &tensor, err) != MOPT_OK) {
            return NULL;
        }
        struct mopt_value *value = mopt__graph_constant(node->graph, "shape", tensor, err);
        mopt__tensor_unref(tensor);
        return value;
    }
    struct mopt_node *shape = mopt__upgrade_before(node, "Shape", &x, 1, "shape", err);
    return shape != NULL && mopt__upgrade_finish(shape, err) == MOPT_OK ? shape->outputs[0] : NULL;
}

static enum mopt_status flatten_around(struct mopt_node *node, int64_t axis, struct mopt_error *err)
{
    bool empty = false;
    struct mopt_value *shape = original_shape(node, &empty, err);
    if (shape == NULL) {
        return err->status;
    }
    if (empty) {
        (void)mopt__node_remove_attribute(node, "axis");
        return mopt__upgrade_rename(node, "Identity", err);
    }
    struct mopt_node *flatten =
        mopt__upgrade_before(node, "Flatten", &node->inputs[0].value, 1, "flat", err);
    if (flatten == NULL) {
        return err->status;
    }
    enum mopt_status status = mopt__node_set_int(flatten, "axis", axis, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_finish(flatten, err);
    }
    if (status == MOPT_OK) {
        mopt__node_set_input(node, 0, flatten->outputs[0]);
        status = mopt__node_set_int(node, "axis", 1, err);
    }
    if (status == MOPT_OK && mopt__upgrade_after(node, "Reshape", "rows", shape, err) == NULL) {
        status = err->status;
    }
    return status == MOPT_OK ? mopt__upgrade_finish(node, err) : status;
}

enum mopt_status mopt__step_softmax_13(struct mopt_node *node, struct mopt_error *err)
{
    int64_t axis;
    enum mopt_status status = mopt__upgrade_int(node, "axis", 1, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__node_input(node, 0) == NULL || mopt__node_output(node, 0) == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "input or output is missing");
    }
    int rank = mopt__upgrade_rank(node, 0);
    if (axis == -1) {
        return MOPT_OK;
    }
    if (rank < 0) {
        return flatten_around(node, axis, err);
    }
    int64_t from = axis < 0 ? axis + rank : axis;
    if (from < 0 || from > rank) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'axis' is out of range");
    }
    int single = from < rank ? single_axis(node, from) : -1;
    return single >= 0 ? mopt__node_set_int(node, "axis", single, err)
                       : flatten_around(node, from, err);
}
