// SPDX-License-Identifier: Apache-2.0
// InstanceNormalization and GroupNormalization: each group of channels of each image is normalised,
// then scaled and shifted per channel (GroupNormalization before opset 21: per group).
#include <math.h>

#include "ops/nn_util.h"

struct group_norm {
    const struct mopt_tensor *x, *scale, *bias;
    double epsilon;
    int64_t groups; // 0: one group per channel
    bool per_group; // scale and bias have one value per group
    size_t rows, n; // images * groups, elements of each
    size_t group_count, channels, each;
};

static enum mopt_status open_groups(const struct mopt_eval *eval, struct group_norm *g,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    float epsilon = 0;
    *g = (struct group_norm){0};
    bool grouped = *(const bool *)eval->node->op->data;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "epsilon", 1e-5F, &epsilon, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "X", 2, MOPT_RANK_MAX, err);
    }
    if (status == MOPT_OK && grouped) {
        status = mopt__attr_int(eval->node, "num_groups", 1, &g->groups, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t channels = in[0]->dims[1];
    if (grouped && (g->groups < 1 || channels % g->groups != 0)) {
        return mopt_error_set(err, MOPT_E_VALUE, "%lld channels do not divide into %lld groups",
                              (long long)channels, (long long)g->groups);
    }
    int64_t groups = grouped ? g->groups : channels;
    g->per_group = grouped && eval->version < 21;
    g->x = in[0];
    g->scale = in[1];
    g->bias = in[2];
    g->epsilon = (double)epsilon;
    g->group_count = (size_t)groups;
    g->channels = (size_t)channels;
    g->rows = (size_t)in[0]->dims[0] * (size_t)groups;
    g->each = mopt__nn_product(in[0]->dims, 2, in[0]->rank);
    g->n = g->rows ? in[0]->count / g->rows : 0;
    int64_t length = g->per_group ? groups : channels;
    status = mopt__nn_vector(in[1], "scale", length, err);
    return status == MOPT_OK ? mopt__nn_vector(in[2], "bias", length, err) : status;
}

static void normalise(const struct group_norm *g, size_t row, double *x)
{
    double sum = 0;
    double square = 0;
    for (size_t i = 0; i < g->n; i++) {
        sum += x[i];
    }
    double mean = sum / (double)g->n;
    for (size_t i = 0; i < g->n; i++) {
        square += (x[i] - mean) * (x[i] - mean);
    }
    double inverse = 1 / sqrt(square / (double)g->n + g->epsilon);
    size_t group = row % g->group_count;
    size_t per = g->channels / g->group_count;
    for (size_t i = 0; i < g->n; i++) {
        size_t entry = g->per_group ? group : group * per + i / g->each;
        x[i] = (x[i] - mean) * inverse * mopt__tensor_f64(g->scale, entry) +
               mopt__tensor_f64(g->bias, entry);
    }
}

static enum mopt_status group_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct group_norm g;
    double *x = NULL;
    enum mopt_status status = open_groups(eval, &g, err);
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(g.x, &x, err);
    }
    for (size_t row = 0; status == MOPT_OK && g.n > 0 && row < g.rows; row++) {
        normalise(&g, row, x + row * g.n);
        status = mopt__nn_tick(eval, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_put(eval, 0, g.x->dtype, g.x->rank, g.x->dims, x, err);
    }
    mopt__free(x);
    return status;
}

static const bool is_instance = false;
static const bool is_group = true;
static const struct mopt_quant_spec quant = {.activations = 1, .weight_axis = 0, .bias_input = -1};

#define INSTANCE(from, to, set, ...)                                                           \
    {                                                                                          \
        .domain = "", .name = "InstanceNormalization", .since = from, .until = to,             \
        .summary = "normalisation of each channel of each image",                              \
        MOPT_INPUTS({"input", "T", set, 0}, {"scale", "T", set, 0}, {"B", "T", set, 0}),       \
        MOPT_OUTPUTS({"output", "T", set, 0}),                                                 \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-5F), __VA_ARGS__), .quant = &quant, \
        .infer = mopt__infer_like, .eval = group_eval, .cost = mopt__cost_output,              \
        .data = &is_instance                                                                   \
    }
#define GROUP(from, to, ...)                                                                       \
    {                                                                                              \
        .domain = "", .name = "GroupNormalization", .since = from, .until = to,                    \
        .summary = "normalisation of each group of channels",                                      \
        MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS_BF, 0}, {"scale", "T", MOPT_SET_FLOATS_BF, 0},      \
                    {"bias", "T", MOPT_SET_FLOATS_BF, 0}),                                         \
        MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS_BF, 0}),                                           \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-5F), MOPT_A_INT_REQUIRED("num_groups"), \
                        __VA_ARGS__),                                                              \
        .infer = mopt__infer_like, .eval = group_eval, .cost = mopt__cost_output,                  \
        .data = &is_group                                                                          \
    }

static const struct mopt_op records[] = {
    INSTANCE(1, 5, MOPT_SET_FLOATS, MOPT_A_CONSUMED),
    INSTANCE(6, 21, MOPT_SET_FLOATS, ),
    INSTANCE(22, 0, MOPT_SET_FLOATS_BF, ),
    GROUP(18, 20, ),
    GROUP(21, 0, MOPT_A_INT("stash_type", 1)),
};
const struct mopt_op_family mopt__ops_group_norm = {records, MOPT_COUNTOF(records)};
