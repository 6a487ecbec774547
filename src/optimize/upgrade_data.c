// SPDX-License-Identifier: Apache-2.0
// Steps of operators that move data, and of broadcasting.
#include <math.h>
#include <string.h>

#include "optimize/upgrade_steps.h"

// Before 7: B covers a run of A's axes that starts at `axis`, or ends at the last axis; 7: numpy.
enum mopt_status mopt__step_broadcast_7(struct mopt_node *node, struct mopt_error *err)
{
    int64_t enabled;
    int64_t axis;
    bool given = mopt__upgrade_has(node, "axis");
    enum mopt_status status = mopt__upgrade_int(node, "broadcast", 0, &enabled, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_int(node, "axis", 0, &axis, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    (void)mopt__node_remove_attribute(node, "broadcast");
    (void)mopt__node_remove_attribute(node, "axis");
    if (enabled == 0 || !given) {
        return MOPT_OK;
    }
    int rank_a = mopt__upgrade_rank(node, 0);
    int rank_b = mopt__upgrade_rank(node, 1);
    if (rank_a < 0 || rank_b < 0) {
        return mopt__upgrade_refuse("broadcast along an axis, but the ranks are not known", err);
    }
    axis += axis < 0 ? rank_a : 0;
    if (axis < 0 || axis > rank_a) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'axis' is out of range");
    }
    int trailing = rank_a - (int)axis - rank_b;
    return trailing > 0 ? mopt__upgrade_trailing_axes(node, 1, trailing, err) : MOPT_OK;
}

// "FLOAT" -> 1
enum mopt_status mopt__step_cast_6(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_attribute *to = mopt__node_attribute(node, "to");
    if (to == NULL || to->kind != MOPT_ATTR_STRING) {
        return MOPT_OK;
    }
    char name[16] = "";
    for (size_t i = 0; i < to->s.size && i + 1 < sizeof name; i++) {
        char c = to->s.data[i];
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    enum mopt_dtype dtype = mopt__dtype_find(name);
    if (dtype == MOPT_UNDEFINED) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'to' names no element type: '%s'",
                              name);
    }
    (void)mopt__node_remove_attribute(node, "to");
    return mopt__node_set_int(node, "to", (int64_t)dtype, err);
}

enum mopt_status mopt__step_concat_4(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_has(node, "axis") ? MOPT_OK : mopt__node_set_int(node, "axis", 1, err);
}

enum mopt_status mopt__step_dft_20(struct mopt_node *node, struct mopt_error *err)
{
    int64_t axis;
    enum mopt_status status = mopt__upgrade_int(node, "axis", 1, &axis, err);
    if (status == MOPT_OK) {
        struct mopt_tensor *tensor = NULL;
        status = mopt__tensor_i64(&axis, 0, NULL, &tensor, err);
        status =
            status == MOPT_OK ? mopt__upgrade_tensor_input(node, 2, "axis", tensor, err) : status;
    }
    (void)mopt__node_remove_attribute(node, "axis");
    return status;
}

enum mopt_status mopt__step_pad_2(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_attribute *pads;
    enum mopt_status status = mopt__upgrade_ints(node, "paddings", &pads, err);
    if (status != MOPT_OK || pads == NULL) {
        return status;
    }
    const int64_t *items = pads->ints;
    size_t count = pads->count;
    (void)mopt__node_remove_attribute(node, "paddings");
    return mopt__node_set_ints(node, "pads", items, count, err);
}

enum mopt_status mopt__step_pad_11(struct mopt_node *node, struct mopt_error *err)
{
    float value;
    enum mopt_status status = mopt__upgrade_ints_to_input(node, "pads", 1, false, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_float(node, "value", 0, &value, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    (void)mopt__node_remove_attribute(node, "value");
    if (value == 0 && !signbit(value)) {
        return MOPT_OK;
    }
    enum mopt_dtype dtype = mopt__upgrade_dtype(node, 0);
    if (!mopt__dtype_is_float(dtype)) {
        return mopt__upgrade_refuse("the element type is not known", err);
    }
    return mopt__upgrade_scalar_input(node, 2, "value", dtype, (double)value, err);
}

enum mopt_status mopt__step_axes_1(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_ints_to_input(node, "axes", 1, true, err);
}

enum mopt_status mopt__step_reshape_5(struct mopt_node *node, struct mopt_error *err)
{
    (void)mopt__node_remove_attribute(node, "consumed_inputs");
    return mopt__upgrade_ints_to_input(node, "shape", 1, false, err);
}

enum mopt_status mopt__step_scatter_11(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_rename(node, "ScatterElements", err);
}

enum mopt_status mopt__step_slice_10(struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = mopt__upgrade_ints_to_input(node, "starts", 1, false, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_ints_to_input(node, "ends", 2, false, err);
    }
    return status == MOPT_OK ? mopt__upgrade_ints_to_input(node, "axes", 3, false, err) : status;
}

// Opset 1 alone took the sizes as an input too, in the type of the data.
enum mopt_status mopt__step_split_2(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_value *input = mopt__node_input(node, 1);
    if (input == NULL) {
        return MOPT_OK;
    }
    int64_t sizes[MOPT_MATCH_VALUES * 8];
    const struct mopt_tensor *tensor = mopt__match_constant(input);
    bool readable = tensor != NULL && tensor->count <= MOPT_COUNTOF(sizes) &&
                    (mopt__dtype_is_float(tensor->dtype) || mopt__dtype_is_integer(tensor->dtype));
    for (size_t i = 0; readable && i < tensor->count; i++) {
        double size = mopt__tensor_f64(tensor, i);
        readable = size >= 0 && size <= 1e15;
        sizes[i] = readable ? (int64_t)size : 0;
    }
    if (!readable) {
        return mopt__upgrade_refuse("the sizes of the parts are computed", err);
    }
    enum mopt_status status = mopt__node_set_ints(node, "split", sizes, tensor->count, err);
    return status == MOPT_OK ? mopt__node_resize_inputs(node, 1, err) : status;
}

enum mopt_status mopt__step_split_13(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_ints_to_input(node, "split", 1, true, err);
}

enum mopt_status mopt__step_split_18(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__node_input(node, 1) != NULL
               ? MOPT_OK
               : mopt__node_set_int(node, "num_outputs", (int64_t)node->output_count, err);
}

// Tile-1 repeats one axis: inputs data, tiles, axis.
enum mopt_status mopt__step_tile_6(struct mopt_node *node, struct mopt_error *err)
{
    double tiles;
    double axis;
    int rank = mopt__upgrade_rank(node, 0);
    if (node->input_count != 3 || node->inputs[1].value == NULL || node->inputs[2].value == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "inputs 'tiles' and 'axis' are missing");
    }
    if (rank < 0 || !mopt__match_scalar(node->inputs[1].value, &tiles) ||
        !mopt__match_scalar(node->inputs[2].value, &axis)) {
        return mopt__upgrade_refuse("tiles or axis are computed, or the rank is not known", err);
    }
    int64_t repeats[MOPT_RANK_MAX];
    for (int d = 0; d < rank; d++) {
        repeats[d] = (double)d == axis ? (int64_t)tiles : 1;
    }
    if (!(axis >= 0 && axis < rank && tiles >= 0 && tiles <= 1e9)) {
        return mopt_error_set(err, MOPT_E_VALUE, "inputs 'tiles' or 'axis' are out of range");
    }
    enum mopt_status status =
        mopt__upgrade_i64_input(node, 1, "repeats", repeats, (size_t)rank, err);
    return status == MOPT_OK ? mopt__node_resize_inputs(node, 2, err) : status;
}

enum mopt_status mopt__step_top_k_10(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_attribute *k = mopt__node_attribute(node, "k");
    if (k == NULL || k->kind != MOPT_ATTR_INT) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute 'k' is missing");
    }
    enum mopt_status status = mopt__upgrade_i64_input(node, 1, "k", &k->i, 1, err);
    (void)mopt__node_remove_attribute(node, "k");
    return status;
}
