// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: weighted mean (or sum, or every element)
// of minus the log probability of the target class. Scores [N, C, d1, ...], targets [N, d1, ...].
#include <math.h>

#include "ops/nn_util.h"

enum reduction { REDUCE_NONE, REDUCE_SUM, REDUCE_MEAN };

struct loss {
    const struct mopt_tensor *target, *weight;
    enum reduction reduction;
    bool ignores;
    int64_t ignored;
    size_t images, classes, inner;
    double *x; // heap: log probabilities
};

static enum mopt_status read_reduction(const struct mopt_node *node, enum reduction *out,
                                       struct mopt_error *err)
{
    static const char *const names[] = {"none", "sum", "mean"};
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, "reduction", "mean", &text, err);
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(names); i++) {
        if (mopt__streq(text, names[i])) {
            *out = (enum reduction)i;
            return MOPT_OK;
        }
    }
    return status != MOPT_OK
               ? status
               : mopt_error_set(err, MOPT_E_VALUE,
                                "attribute 'reduction' has the unknown value '%s'", text);
}

static enum mopt_status check_shapes(const struct mopt_tensor *x, const struct loss *l,
                                     struct mopt_error *err)
{
    bool fits = x->rank >= 2 && l->target->rank == x->rank - 1;
    for (int i = 0; fits && i < l->target->rank; i++) {
        fits = l->target->dims[i] == x->dims[i == 0 ? 0 : i + 1];
    }
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "targets must have the shape of the scores without the class axis");
    }
    return mopt__nn_vector(l->weight, "weight", x->dims[1], err);
}

static enum mopt_status open_loss(const struct mopt_eval *eval, const struct mopt_tensor **x,
                                  struct loss *l, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    *l = (struct loss){.x = NULL};
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = read_reduction(eval->node, &l->reduction, err);
    }
    if (status == MOPT_OK) {
        l->ignores = mopt__has_attribute(eval->node, "ignore_index");
        status = mopt__attr_int(eval->node, "ignore_index", 0, &l->ignored, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    *x = in[0];
    l->target = in[1];
    l->weight = in[2];
    status = check_shapes(in[0], l, err);
    if (status != MOPT_OK) {
        return status;
    }
    l->images = (size_t)in[0]->dims[0];
    l->classes = (size_t)in[0]->dims[1];
    l->inner = mopt__nn_product(in[0]->dims, 2, in[0]->rank);
    return mopt__nn_doubles(in[0], &l->x, err);
}

// Scores to log probabilities along the class axis, in place.
static void log_softmax(const struct loss *l)
{
    for (size_t i = 0; l->classes > 0 && i < l->images * l->inner; i++) {
        double *x = l->x + i / l->inner * l->classes * l->inner + i % l->inner;
        double top = x[0];
        double sum = 0;
        for (size_t c = 1; c < l->classes; c++) {
            top = x[c * l->inner] > top ? x[c * l->inner] : top;
        }
        for (size_t c = 0; c < l->classes; c++) {
            sum += exp(x[c * l->inner] - top);
        }
        // cppcheck-suppress invalidFunctionArg ; there is a class, so the sum is at least 1
        double shift = top + log(sum);
        for (size_t c = 0; c < l->classes; c++) {
            x[c * l->inner] -= shift;
        }
    }
}

// Loss and weight of target i. MOPT_E_VALUE: class out of range and not ignored.
static enum mopt_status element(const struct loss *l, size_t i, double *value, double *weight,
                                struct mopt_error *err)
{
    int64_t class = mopt__tensor_i64_at(l->target, i);
    *value = 0;
    *weight = 0;
    if (l->ignores && class == l->ignored) {
        return MOPT_OK;
    }
    if (class < 0 || class >= (int64_t)l->classes) {
        return mopt_error_set(err, MOPT_E_VALUE, "target %lld of %zu classes", (long long)class,
                              l->classes);
    }
    size_t at = (i / l->inner * l->classes + (size_t) class) * l->inner + i % l->inner;
    *weight = l->weight ? mopt__tensor_f64(l->weight, (size_t) class) : 1;
    *value = -l->x[at] * *weight;
    return MOPT_OK;
}

static enum mopt_status put_loss(struct mopt_eval *eval, const struct loss *l,
                                 enum mopt_dtype dtype, struct mopt_error *err)
{
    struct mopt_tensor *y = NULL;
    bool every = l->reduction == REDUCE_NONE;
    double sum = 0;
    double weights = 0;
    enum mopt_status status =
        mopt__eval_output(eval, 0, dtype, every ? l->target->rank : 0, l->target->dims, &y, err);
    for (size_t i = 0; status == MOPT_OK && i < l->target->count; i++) {
        double value = 0;
        double weight = 0;
        status = element(l, i, &value, &weight, err);
        sum += value;
        weights += weight;
        if (every) {
            mopt__nn_store_at(y, i, value);
        }
    }
    if (status == MOPT_OK && !every) {
        mopt__nn_store_at(y, 0, l->reduction == REDUCE_MEAN ? sum / weights : sum);
    }
    return status;
}

static enum mopt_status loss_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct loss l;
    const struct mopt_tensor *x = NULL;
    bool softmax = *(const bool *)eval->node->op->data;
    enum mopt_status status = open_loss(eval, &x, &l, err);
    if (status == MOPT_OK && softmax) {
        log_softmax(&l);
        if (mopt__eval_wants(eval, 1)) {
            status = mopt__nn_put(eval, 1, x->dtype, x->rank, x->dims, l.x, err);
        }
    }
    if (status == MOPT_OK) {
        status = put_loss(eval, &l, x->dtype, err);
    }
    mopt__free(l.x);
    return status;
}

static enum mopt_status loss_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum reduction reduction = REDUCE_MEAN;
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *target = mopt__infer_tensor(infer, 1);
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    enum mopt_status status = read_reduction(infer->node, &reduction, err);
    if (status == MOPT_OK && reduction == REDUCE_NONE) {
        status = mopt__infer_set(infer, 0, dtype, target ? target->rank : -1,
                                 target ? target->dims : NULL, err);
    } else if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, dtype, 0, NULL, err);
    }
    return status == MOPT_OK
               ? mopt__infer_set(infer, 1, dtype, x ? x->rank : -1, x ? x->dims : NULL, err)
               : status;
}

static const bool plain = false;
static const bool with_softmax = true;

#define ATTRIBUTES \
    MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("ignore_index"), MOPT_A_STRING("reduction", "mean", NULL))
#define NLL(from, to, set)                                                                       \
    {                                                                                            \
        .domain = "", .name = "NegativeLogLikelihoodLoss", .since = from, .until = to,           \
        .summary = "minus the given log probability of the target class",                        \
        MOPT_INPUTS({"input", "T", set, 0}, {"target", "Tind", MOPT_SET_INDEX, 0},               \
                    {"weight", "T", set, MOPT_PARAM_OPTIONAL}),                                  \
        MOPT_OUTPUTS({"loss", "T", set, 0}), ATTRIBUTES, .infer = loss_infer, .eval = loss_eval, \
        .cost = mopt__cost_input, .data = &plain                                                 \
    }
#define CROSS(from, to, set)                                                                \
    {                                                                                       \
        .domain = "", .name = "SoftmaxCrossEntropyLoss", .since = from, .until = to,        \
        .summary = "minus the log softmax of the target class",                             \
        MOPT_INPUTS({"scores", "T", set, 0}, {"labels", "Tind", MOPT_SET_INDEX, 0},         \
                    {"weights", "T", set, MOPT_PARAM_OPTIONAL}),                            \
        MOPT_OUTPUTS({"output", "T", set, 0}, {"log_prob", "T", set, MOPT_PARAM_OPTIONAL}), \
        ATTRIBUTES, .infer = loss_infer, .eval = loss_eval, .cost = mopt__cost_input,       \
        .data = &with_softmax                                                               \
    }

static const struct mopt_op records[] = {
    NLL(12, 21, MOPT_SET_FLOATS),
    NLL(22, 0, MOPT_SET_FLOATS_BF),
    CROSS(12, 12, MOPT_SET_FLOATS),
    CROSS(13, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_loss = {records, MOPT_COUNTOF(records)};
