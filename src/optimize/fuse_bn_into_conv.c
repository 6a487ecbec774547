// SPDX-License-Identifier: Apache-2.0
// BatchNormalization at inference time after a convolution becomes part of its weight and bias.
#include <math.h>

#include "optimize/conv.h"

enum { SCALE = 1, SHIFT, MEAN, VARIANCE };

struct affine {
    double *scale, *shift; // heap, per channel
};

// Training mode updates statistics and normalises by the batch.
static bool is_inference(const struct mopt_node *node)
{
    if (mopt__is_training_norm(node)) {
        return false;
    }
    const struct mopt_attribute *spatial = mopt__node_attribute(node, "spatial"); // opset < 9
    if (spatial != NULL && (spatial->kind != MOPT_ATTR_INT || spatial->i == 0)) {
        return false;
    }
    for (uint32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return true;
}

static const struct mopt_tensor *parameter(const struct mopt_node *node, uint32_t index,
                                           int64_t channels)
{
    const struct mopt_value *value = mopt__node_input(node, index);
    const struct mopt_tensor *tensor = value != NULL ? mopt__match_constant(value) : NULL;
    bool fits = tensor != NULL && tensor->rank == 1 && tensor->dims[0] == channels &&
                mopt__fold_dtype(tensor->dtype);
    return fits ? tensor : NULL;
}

// variance + epsilon is positive for every channel.
static bool has_deviations(const struct mopt_node *node, int64_t channels)
{
    const struct mopt_tensor *variance = parameter(node, VARIANCE, channels);
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "epsilon");
    double epsilon = attribute != NULL ? (double)attribute->f : (double)1e-5F;
    for (size_t c = 0; c < (size_t)channels; c++) {
        if (!(mopt__tensor_f64(variance, c) + epsilon > 0)) {
            return false;
        }
    }
    return true;
}

static bool match(struct mopt_match *match)
{
    struct mopt_conv conv;
    if (!is_inference(match->root)) {
        return mopt__match_refuse(match, "training mode, or statistics are used");
    }
    if (!mopt__conv_read(match, match->nodes[0], &conv)) {
        return false;
    }
    for (uint32_t i = SCALE; i <= VARIANCE; i++) {
        if (parameter(match->root, i, conv.channels) == NULL) {
            return mopt__match_refuse(match, "a parameter is not a constant vector");
        }
    }
    if (!has_deviations(match->root, conv.channels)) {
        return mopt__match_refuse(match, "a variance is not positive");
    }
    if (!mopt__conv_may_scale(match, &conv)) {
        return false;
    }
    if (!mopt__rewrite_can_replace(match->root->outputs[0], match->nodes[0]->outputs[0])) {
        return mopt__match_refuse(match, "a graph output must keep its own value");
    }
    return true;
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + shift
static enum mopt_status read_affine(const struct mopt_node *bn, int64_t channels,
                                    struct affine *affine, struct mopt_error *err)
{
    float epsilon;
    enum mopt_status status = mopt__attr_float(bn, "epsilon", 1e-5F, &epsilon, err);
    affine->scale = mopt__calloc((size_t)channels, sizeof *affine->scale);
    affine->shift = mopt__calloc((size_t)channels, sizeof *affine->shift);
    if (status != MOPT_OK || affine->scale == NULL || affine->shift == NULL) {
        return status != MOPT_OK ? status : mopt_error_memory(err);
    }
    for (size_t c = 0; c < (size_t)channels; c++) {
        double variance = mopt__tensor_f64(parameter(bn, VARIANCE, channels), c);
        double mean = mopt__tensor_f64(parameter(bn, MEAN, channels), c);
        affine->scale[c] =
            mopt__tensor_f64(parameter(bn, SCALE, channels), c) / sqrt(variance + (double)epsilon);
        affine->shift[c] =
            mopt__tensor_f64(parameter(bn, SHIFT, channels), c) - mean * affine->scale[c];
    }
    return MOPT_OK;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_conv conv;
    struct affine affine = {NULL, NULL};
    if (!mopt__conv_read(match, match->nodes[0], &conv)) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "convolution changed between match and apply");
    }
    enum mopt_status status = read_affine(match->root, conv.channels, &affine, err);
    if (status == MOPT_OK) {
        status = mopt__conv_fold_affine(rewriter, &conv, affine.scale, affine.shift,
                                        match->root->outputs[0], err);
    }
    mopt__free(affine.scale);
    mopt__free(affine.shift);
    return status;
}

static const struct mopt_rule rule = {
    .name = "bn-into-conv",
    .pattern = "c! = Conv|ConvTranspose(x, w, ?b)\n"
               "y = BatchNormalization(c, scale, shift, mean, variance)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "BatchNormalization nodes fused"}};

const struct mopt_pass mopt__pass_fuse_bn_into_conv = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-bn-into-conv",
    .summary = "folds BatchNormalization into the convolution before it",
    .help = "y = BatchNormalization(Conv(x, w, b), s, t, m, v)  ->  y = Conv(x, w', b')\n"
            "with k = s / sqrt(v + epsilon), w' = w * k per output channel, b' = (b - m) * k + t, "
            "computed in double. Needs "
            "constant weights and statistics, inference mode, and the convolution's result used "
            "only here. Also ConvTranspose.",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
