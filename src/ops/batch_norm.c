// SPDX-License-Identifier: Apache-2.0
// BatchNormalization: per-channel scale and shift by given statistics (inference) or by those of
// the batch (training). Before opset 14 training is told by the node having more than one output.
#include <math.h>

#include "kernels/kernels.h"
#include "ops/nn_util.h"

struct batch_norm {
    const struct mopt_tensor *x;
    double epsilon, momentum;
    bool training;
    size_t images, channels,
        each; // channels: statistics per image; spatial = 0 has one per element
};

static enum mopt_status read_mode(const struct mopt_eval *eval, struct batch_norm *bn,
                                  struct mopt_error *err)
{
    int64_t mode = 0;
    enum mopt_status status = MOPT_OK;
    if (eval->version >= 14) {
        status = mopt__attr_int(eval->node, "training_mode", 0, &mode, err);
        bn->training = mode != 0;
        return status;
    }
    if (eval->version < 7) {
        status = mopt__attr_int(eval->node, "is_test", 0, &mode, err);
    }
    for (uint32_t i = 1; i < 5; i++) {
        bn->training = bn->training || (mode == 0 && mopt__eval_wants(eval, i));
    }
    return status;
}

static enum mopt_status open_batch_norm(const struct mopt_eval *eval,
                                        const struct mopt_tensor *const *in, struct batch_norm *bn,
                                        struct mopt_error *err)
{
    float epsilon = 0;
    float momentum = 0;
    int64_t spatial = 1;
    *bn = (struct batch_norm){.x = in[0]};
    enum mopt_status status = mopt__attr_float(eval->node, "epsilon", 1e-5F, &epsilon, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "momentum", 0.9F, &momentum, err);
    }
    if (status == MOPT_OK && eval->version < 9) {
        status = mopt__attr_int(eval->node, "spatial", 1, &spatial, err);
    }
    if (status == MOPT_OK) {
        status = read_mode(eval, bn, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "X", 1, MOPT_RANK_MAX, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int inner = spatial != 0 ? 2 : in[0]->rank; // first axis behind the statistics
    bn->epsilon = (double)epsilon;
    bn->momentum = (double)momentum;
    bn->images = (size_t)in[0]->dims[0];
    bn->channels = in[0]->rank > 1 ? mopt__nn_product(in[0]->dims, 1, inner) : 1;
    bn->each = in[0]->rank > 1 ? mopt__nn_product(in[0]->dims, inner, in[0]->rank) : 1;
    for (int i = 1; i < 5; i++) {
        if (in[i]->count != bn->channels) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input %d has %zu elements, must have %zu", i,
                                  in[i]->count, bn->channels);
        }
    }
    return MOPT_OK;
}

// Mean and (population) variance of one channel over images and space.
static void statistics(const struct batch_norm *bn, const double *x, size_t channel, double *mean,
                       double *variance)
{
    double sum = 0;
    double square = 0;
    double count = (double)bn->images * (double)bn->each;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t n = 0; n < bn->images; n++) {
            const double *plane = x + (n * bn->channels + channel) * bn->each;
            for (size_t i = 0; i < bn->each; i++) {
                sum += pass == 0 ? plane[i] : 0;
                square += pass == 1 ? (plane[i] - *mean) * (plane[i] - *mean) : 0;
            }
        }
        *mean = count > 0 ? sum / count : 0;
    }
    *variance = count > 0 ? square / count : 0;
}

struct moments {
    double *mean, *variance, *running_mean, *running_variance;
};

static void normalise(const struct batch_norm *bn, double *x, const struct mopt_tensor *const *in,
                      const struct moments *m)
{
    for (size_t c = 0; c < bn->channels; c++) {
        double mean = mopt__tensor_f64(in[3], c);
        double variance = mopt__tensor_f64(in[4], c);
        if (bn->training) {
            statistics(bn, x, c, &m->mean[c], &m->variance[c]);
            m->running_mean[c] = mean * bn->momentum + m->mean[c] * (1 - bn->momentum);
            m->running_variance[c] = variance * bn->momentum + m->variance[c] * (1 - bn->momentum);
            mean = m->mean[c];
            variance = m->variance[c];
        }
        double scale = mopt__tensor_f64(in[1], c) / sqrt(variance + bn->epsilon);
        double shift = mopt__tensor_f64(in[2], c);
        for (size_t n = 0; n < bn->images; n++) {
            double *plane = x + (n * bn->channels + c) * bn->each;
            for (size_t i = 0; i < bn->each; i++) {
                plane[i] = (plane[i] - mean) * scale + shift;
            }
        }
    }
}

static enum mopt_status put_moments(struct mopt_eval *eval, const struct mopt_tensor *const *in,
                                    const struct moments *m, struct mopt_error *err)
{
    const double *values[] = {NULL, m->running_mean, m->running_variance, m->mean, m->variance};
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 1; status == MOPT_OK && i < 5; i++) {
        if (mopt__eval_wants(eval, i)) {
            const struct mopt_tensor *like = in[3 + (i - 1) % 2];
            status = mopt__nn_put(eval, i, like->dtype, like->rank, like->dims, values[i], err);
        }
    }
    return status;
}

static enum mopt_status batch_norm_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    struct batch_norm bn = {.x = NULL};
    double *x = NULL;
    double *room = NULL;
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = open_batch_norm(eval, in, &bn, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[0], &x, err);
    }
    if (status == MOPT_OK) {
        room = mopt__calloc(4, (bn.channels + 1) * sizeof *room);
        status = mopt__nn_got(room, err);
    }
    if (status == MOPT_OK) {
        struct moments m = {room, room + bn.channels, room + 2 * bn.channels,
                            room + 3 * bn.channels};
        normalise(&bn, x, in, &m);
        status = mopt__nn_put(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, x, err);
        if (status == MOPT_OK) {
            status = put_moments(eval, in, &m, err);
        }
    }
    mopt__free(x);
    mopt__free(room);
    return status;
}

static bool wants_moments(const struct mopt_eval *eval)
{
    bool wants = false;
    for (uint32_t i = 1; i < eval->output_count; i++) {
        wants = wants || mopt__eval_wants(eval, i);
    }
    return wants;
}

static enum mopt_status batch_norm_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    struct batch_norm bn = {.x = NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = open_batch_norm(eval, in, &bn, err);
    }
    if (status != MOPT_OK || bn.training || wants_moments(eval)) {
        return status != MOPT_OK ? status : batch_norm_eval(eval, err);
    }
    float *room = mopt__calloc(2, (bn.channels + 1) * sizeof *room);
    status = mopt__nn_got(room, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, in[0]->rank, in[0]->dims, &y, err);
    }
    if (status == MOPT_OK) {
        for (size_t c = 0; c < bn.channels; c++) {
            double scale =
                mopt__tensor_f64(in[1], c) / sqrt(mopt__tensor_f64(in[4], c) + bn.epsilon);
            room[c] = (float)scale;
            room[bn.channels + c] =
                (float)(mopt__tensor_f64(in[2], c) - mopt__tensor_f64(in[3], c) * scale);
        }
        mopt__affine_planes(in[0]->data, room, room + bn.channels, mopt__nn_f32(y),
                            bn.images * bn.channels, bn.channels, bn.each, eval->pool);
    }
    mopt__free(room);
    return status;
}

static enum mopt_status batch_norm_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        bind->run = batch_norm_run;
    }
    return MOPT_OK;
}

static enum mopt_status batch_norm_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_status status = mopt__infer_like(infer, err);
    for (uint32_t i = 1; status == MOPT_OK && i < 5; i++) {
        const struct mopt_type *like = mopt__infer_tensor(infer, 3 + (i - 1) % 2);
        if (like) {
            status = mopt__infer_set(infer, i, like->dtype, like->rank, like->dims, err);
        }
    }
    return status;
}

static const struct mopt_quant_spec quant = {.activations = 1, .weight_axis = 0, .bias_input = -1};

#define RUN                                                                                       \
    .quant = &quant, .infer = batch_norm_infer, .eval = batch_norm_eval, .bind = batch_norm_bind, \
    .cost = mopt__cost_output
#define OLD(from, to, ...)                                                              \
    {                                                                                   \
        .domain = "", .name = "BatchNormalization", .since = from, .until = to,         \
        .summary = "normalisation per channel by mean and variance",                    \
        MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS, 0}, {"scale", "T", MOPT_SET_FLOATS, 0}, \
                    {"B", "T", MOPT_SET_FLOATS, 0}, {"mean", "T", MOPT_SET_FLOATS, 0},  \
                    {"var", "T", MOPT_SET_FLOATS, 0}),                                  \
        MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS, 0},                                    \
                     {"mean", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL},               \
                     {"var", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL},                \
                     {"saved_mean", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL},         \
                     {"saved_var", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL}),         \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-5F),                         \
                        MOPT_A_FLOAT("momentum", (double)0.9F), __VA_ARGS__),           \
        RUN                                                                             \
    }
#define NEW(from, to, t1, t2)                                                                     \
    {                                                                                             \
        .domain = "", .name = "BatchNormalization", .since = from, .until = to,                   \
        .summary = "normalisation per channel by mean and variance",                              \
        MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS_BF, 0}, {"scale", t1, MOPT_SET_FLOATS_BF, 0},      \
                    {"B", t1, MOPT_SET_FLOATS_BF, 0}, {"input_mean", t2, MOPT_SET_FLOATS_BF, 0},  \
                    {"input_var", t2, MOPT_SET_FLOATS_BF, 0}),                                    \
        MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS_BF, 0},                                           \
                     {"running_mean", t2, MOPT_SET_FLOATS_BF, MOPT_PARAM_OPTIONAL},               \
                     {"running_var", t2, MOPT_SET_FLOATS_BF, MOPT_PARAM_OPTIONAL}),               \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-5F),                                   \
                        MOPT_A_FLOAT("momentum", (double)0.9F), MOPT_A_FLAG("training_mode", 0)), \
        RUN                                                                                       \
    }

static const struct mopt_op records[] = {
    OLD(1, 5, MOPT_A_INT("is_test", 0), MOPT_A_INT("spatial", 1), MOPT_A_CONSUMED),
    OLD(6, 6, MOPT_A_INT("is_test", 0), MOPT_A_INT("spatial", 1)),
    OLD(7, 8, MOPT_A_INT("spatial", 1)),
    OLD(9, 13, ),
    NEW(14, 14, "T", "U"),
    NEW(15, 0, "T1", "T2"),
};
const struct mopt_op_family mopt__ops_batch_norm = {records, MOPT_COUNTOF(records)};
