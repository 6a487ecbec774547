// SPDX-License-Identifier: Apache-2.0
// Steps of operators that sample images: Upsample, which became Resize, and friends.
#include "optimize/upgrade_steps.h"

static enum mopt_status set_mode(struct mopt_node *node, const char *from, const char *to,
                                 struct mopt_error *err)
{
    const struct mopt_attribute *mode = mopt__node_attribute(node, "mode");
    return mode != NULL && mopt__upgrade_is_text(mode, from)
               ? mopt__node_set_string(node, "mode", to, err)
               : MOPT_OK;
}

enum mopt_status mopt__step_upsample_7(struct mopt_node *node, struct mopt_error *err)
{
    float scales[4] = {1, 1, 1, 1};
    enum mopt_status status = mopt__upgrade_float(node, "height_scale", 1, &scales[2], err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_float(node, "width_scale", 1, &scales[3], err);
    }
    if (status == MOPT_OK) {
        status = mopt__node_set_floats(node, "scales", scales, 4, err);
    }
    (void)mopt__node_remove_attribute(node, "height_scale");
    (void)mopt__node_remove_attribute(node, "width_scale");
    return status == MOPT_OK ? set_mode(node, "bilinear", "linear", err) : status;
}

enum mopt_status mopt__step_upsample_9(struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_attribute *scales = mopt__node_attribute(node, "scales");
    if (scales == NULL || scales->kind != MOPT_ATTR_FLOATS) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute 'scales' is missing");
    }
    struct mopt_tensor *tensor = NULL;
    int64_t count = (int64_t)scales->count;
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, 1, &count, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < scales->count; i++) {
        mopt__element_set_f64(MOPT_FLOAT32, mopt__tensor_data(tensor), i,
                              (double)scales->floats[i]);
    }
    (void)mopt__node_remove_attribute(node, "scales");
    return mopt__upgrade_tensor_input(node, 1, "scales", tensor, err);
}

enum mopt_status mopt__step_upsample_10(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_rename(node, "Resize", err);
}

// Resize-10 takes the pixel at floor(x / scale) where an axis grows, ceil where it shrinks. Both
// can only be told at once when the scales are known; computed scales are taken to enlarge.
static enum mopt_status rounding_10(const struct mopt_node *node, const char **out,
                                    struct mopt_error *err)
{
    const struct mopt_value *scales = mopt__node_input(node, 1);
    const struct mopt_tensor *tensor = scales != NULL ? mopt__match_constant(scales) : NULL;
    bool grows = false;
    bool shrinks = false;
    for (size_t i = 0; tensor != NULL && i < tensor->count; i++) {
        double scale = mopt__tensor_f64(tensor, i);
        grows = grows || scale > 1;
        shrinks = shrinks || scale < 1;
    }
    *out = shrinks ? "ceil" : "floor";
    return grows && shrinks
               ? mopt__upgrade_refuse("nearest mode with one axis that grows and one that shrinks",
                                      err)
               : MOPT_OK;
}

static enum mopt_status empty_roi(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    int64_t none = 0;
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, 1, &none, &tensor, err);
    return status == MOPT_OK ? mopt__upgrade_tensor_input(node, 1, "roi", tensor, err) : status;
}

enum mopt_status mopt__step_resize_11(struct mopt_node *node, struct mopt_error *err)
{
    const char *rounding = "floor";
    const struct mopt_attribute *mode = mopt__node_attribute(node, "mode");
    bool nearest = mode == NULL || mopt__upgrade_is_text(mode, "nearest");
    struct mopt_value *scales = mopt__node_input(node, 1);
    if (scales == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "input 'scales' is missing");
    }
    enum mopt_status status = nearest ? rounding_10(node, &rounding, err) : MOPT_OK;
    if (status == MOPT_OK) {
        status = mopt__node_set_string(node, "coordinate_transformation_mode", "asymmetric", err);
    }
    if (status == MOPT_OK && nearest) {
        status = mopt__node_set_string(node, "nearest_mode", rounding, err);
    }
    if (status == MOPT_OK) {
        status = mopt__upgrade_set_input(node, 2, scales, err);
    }
    return status == MOPT_OK ? empty_roi(node, err) : status;
}

// Inputs that do not matter may be absent now instead of empty; from 18 scales and sizes must not
// both be there.
enum mopt_status mopt__step_resize_13(struct mopt_node *node, struct mopt_error *err)
{
    (void)err;
    for (uint32_t i = 1; i < 4; i++) {
        const struct mopt_value *value = mopt__node_input(node, i);
        const struct mopt_tensor *tensor = value != NULL ? mopt__match_constant(value) : NULL;
        if (tensor != NULL && tensor->count == 0) {
            mopt__node_set_input(node, i, NULL);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__step_grid_sample_20(struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = set_mode(node, "bilinear", "linear", err);
    return status == MOPT_OK ? set_mode(node, "bicubic", "cubic", err) : status;
}

enum mopt_status mopt__step_roi_align_16(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__upgrade_has(node, "coordinate_transformation_mode")
               ? MOPT_OK
               : mopt__node_set_string(node, "coordinate_transformation_mode", "output_half_pixel",
                                       err);
}
