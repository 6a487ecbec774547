// SPDX-License-Identifier: Apache-2.0
// Adagrad, Adam and Momentum (ai.onnx.preview.training): one step of an optimiser over any number
// of tensors. The inputs are rate R and step number T, then all tensors X, all gradients G, and all
// states, kind by kind; the outputs are all new X, then the new states.
#include <math.h>
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

struct rule {
    int states; // per tensor
    // Updates x and the states in place from gradient g; parameters in the order of `names`.
    void (*update)(double rate, double step, const double *parameters, double g, double *x,
                   double **states, size_t i);
    const char *names[5];
    bool nesterov; // has attribute `mode`
};

// Index 4 of the parameters of Momentum holds whether the mode is "nesterov".
static void adagrad(double rate, double step, const double *p, double g, double *x, double **states,
                    size_t i)
{
    double regularized = p[0] * x[i] + g;
    states[0][i] += regularized * regularized;
    x[i] -= rate / (1 + step * p[1]) * regularized / (sqrt(states[0][i]) + p[2]);
}

static void adam(double rate, double step, const double *p, double g, double *x, double **states,
                 size_t i)
{
    double alpha = p[0];
    double beta = p[1];
    double regularized = p[2] * x[i] + g;
    states[0][i] = alpha * states[0][i] + (1 - alpha) * regularized;
    states[1][i] = beta * states[1][i] + (1 - beta) * regularized * regularized;
    double adjusted = step > 0 ? rate * sqrt(1 - pow(beta, step)) / (1 - pow(alpha, step)) : rate;
    double moved = x[i] - adjusted * states[0][i] / (sqrt(states[1][i]) + p[4]);
    x[i] = (1 - p[3]) * moved;
}

static void momentum(double rate, double step, const double *p, double g, double *x,
                     double **states, size_t i)
{
    double alpha = p[0];
    double regularized = p[2] * x[i] + g;
    states[0][i] = alpha * states[0][i] + (step > 0 ? p[1] : 1) * regularized;
    x[i] -= rate * (p[4] != 0 ? regularized + alpha * states[0][i] : states[0][i]);
}

static const struct rule adagrad_rule = {1,
                                         adagrad,
                                         {"norm_coefficient", "decay_factor", "epsilon"},
                                         false};
static const struct rule adam_rule = {
    2, adam, {"alpha", "beta", "norm_coefficient", "norm_coefficient_post", "epsilon"}, false};
static const struct rule momentum_rule = {1, momentum, {"alpha", "beta", "norm_coefficient"}, true};

static enum mopt_status tensor_count(const struct mopt_node *node, const struct rule *rule,
                                     uint32_t *count, struct mopt_error *err)
{
    uint32_t kinds = 2 + (uint32_t)rule->states;
    uint32_t given = node->input_count > 2 ? node->input_count - 2 : 0;
    *count = given / kinds;
    if (given == 0 || given % kinds != 0 ||
        node->output_count > *count * (1 + (uint32_t)rule->states)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "%u inputs and %u outputs do not fit together",
                              node->input_count, node->output_count);
    }
    return MOPT_OK;
}

static enum mopt_status training_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct rule *rule = infer->node->op->data;
    uint32_t count = 0;
    enum mopt_status status = tensor_count(infer->node, rule, &count, err);
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        // New tensors look like the tensors, new states like the states, which stand behind the
        // gradients.
        uint32_t input = i < count ? 2 + i : 2 + count + i;
        status = mopt__infer_set_type(infer, i, mopt__infer_tensor(infer, input));
    }
    return status;
}

static enum mopt_status read_parameters(const struct mopt_node *node, const struct rule *rule,
                                        double parameters[5], struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int k = 0; k < 5; k++) {
        float value = 0;
        if (status == MOPT_OK && rule->names[k] != NULL) {
            status = mopt__attr_float(node, rule->names[k], 0, &value, err);
        }
        parameters[k] = (double)value;
    }
    const char *mode = "standard";
    if (status == MOPT_OK && rule->nesterov) {
        status = mopt__attr_string(node, "mode", "standard", &mode, err);
        parameters[4] = status == MOPT_OK && strcmp(mode, "nesterov") == 0 ? 1 : 0;
    }
    return status;
}

static enum mopt_status scalar_input(const struct mopt_eval *eval, uint32_t i, double *value,
                                     struct mopt_error *err)
{
    const struct mopt_tensor *tensor = mopt__eval_input(eval, i);
    if (tensor->count != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input %u has %zu elements, must have 1", i,
                              tensor->count);
    }
    *value = mopt__tensor_f64(tensor, 0);
    return MOPT_OK;
}

// Writable doubles of input i, which must have as many elements as the tensor of its group.
static enum mopt_status copy_input(const struct mopt_eval *eval, uint32_t i, size_t count,
                                   double **out, struct mopt_error *err)
{
    const struct mopt_tensor *tensor = mopt__eval_input(eval, i);
    if (tensor == NULL || tensor->count != count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input %u has not the shape of its tensor", i);
    }
    *out = mopt__calloc(count + 1, sizeof **out);
    if (*out == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k < count; k++) {
        (*out)[k] = mopt__tensor_f64(tensor, k);
    }
    return MOPT_OK;
}

static enum mopt_status put_output(struct mopt_eval *eval, uint32_t i, uint32_t like,
                                   const double *values, struct mopt_error *err)
{
    const struct mopt_tensor *shape = mopt__eval_input(eval, like);
    struct mopt_tensor *out;
    if (i >= eval->output_count) {
        return MOPT_OK;
    }
    enum mopt_status status =
        mopt__eval_output(eval, i, shape->dtype, shape->rank, shape->dims, &out, err);
    for (size_t k = 0; status == MOPT_OK && k < shape->count; k++) {
        mopt__element_set_f64(shape->dtype, mopt__tensor_data(out), k, values[k]);
    }
    return status;
}

// Tensor number t of `count`.
static enum mopt_status step_tensor(struct mopt_eval *eval, const struct rule *rule, uint32_t t,
                                    uint32_t count, const double *parameters, double rate,
                                    double step, struct mopt_error *err)
{
    const struct mopt_tensor *tensor = mopt__eval_input(eval, 2 + t);
    double *lists[4] = {NULL}; // x, states, gradient last
    size_t elements = tensor != NULL ? tensor->count : 0;
    enum mopt_status status = copy_input(eval, 2 + t, elements, &lists[0], err);
    if (status == MOPT_OK) {
        status = copy_input(eval, 2 + count + t, elements, &lists[3], err);
    }
    for (int s = 0; status == MOPT_OK && s < rule->states; s++) {
        status = copy_input(eval, 2 + count * (2 + (uint32_t)s) + t, elements, &lists[1 + s], err);
    }
    for (size_t i = 0; status == MOPT_OK && i < elements; i++) {
        rule->update(rate, step, parameters, lists[3][i], lists[0], &lists[1], i);
    }
    if (status == MOPT_OK) {
        status = put_output(eval, t, 2 + t, lists[0], err);
    }
    for (int s = 0; status == MOPT_OK && s < rule->states; s++) {
        uint32_t kind = (uint32_t)s + 1;
        status = put_output(eval, count * kind + t, 2 + count * (kind + 1) + t, lists[kind], err);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(lists); i++) {
        mopt__free(lists[i]);
    }
    return status;
}

static enum mopt_status training_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct rule *rule = eval->node->op->data;
    double parameters[5] = {0};
    double rate = 0;
    double step = 0;
    uint32_t count = 0;
    enum mopt_status status = tensor_count(eval->node, rule, &count, err);
    if (status == MOPT_OK) {
        status = read_parameters(eval->node, rule, parameters, err);
    }
    if (status == MOPT_OK) {
        status = scalar_input(eval, 0, &rate, err);
    }
    if (status == MOPT_OK) {
        status = scalar_input(eval, 1, &step, err);
    }
    for (uint32_t t = 0; status == MOPT_OK && t < count; t++) {
        status = step_tensor(eval, rule, t, count, parameters, rate, step, err);
    }
    return status;
}

#define REALS (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64))
#define TRAINING "ai.onnx.preview.training"
#define REQUIRED(n)                                            \
    {                                                          \
        .name = (n), .kind = MOPT_ATTR_FLOAT, .required = true \
    }
#define RECORD(op, text, rule, ...)                                                             \
    {                                                                                           \
        .domain = TRAINING, .name = op, .since = 1, .summary = text,                            \
        MOPT_INPUTS({"R", "T1", REALS, 0}, {"T", "T2", MOPT_SET_I64, 0},                        \
                    {"inputs", "T3", REALS, MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS}),   \
        MOPT_OUTPUTS({"outputs", "T3", REALS, MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS}), \
        MOPT_ATTRIBUTES(__VA_ARGS__), .traits = MOPT_TRAIT_STATE, .infer = training_infer,      \
        .eval = training_eval, .data = &(rule)                                                  \
    }

static const struct mopt_op records[] = {
    RECORD("Adagrad", "one step of the Adagrad optimiser", adagrad_rule,
           MOPT_A_FLOAT("decay_factor", 0), MOPT_A_FLOAT("epsilon", 1e-6),
           MOPT_A_FLOAT("norm_coefficient", 0)),
    RECORD("Adam", "one step of the Adam optimiser", adam_rule, MOPT_A_FLOAT("alpha", 0.9),
           MOPT_A_FLOAT("beta", 0.999), MOPT_A_FLOAT("epsilon", 1e-6),
           MOPT_A_FLOAT("norm_coefficient", 0), MOPT_A_FLOAT("norm_coefficient_post", 0)),
    RECORD("Momentum", "one step of gradient descent with momentum", momentum_rule,
           REQUIRED("alpha"), REQUIRED("beta"), REQUIRED("norm_coefficient"),
           MOPT_A_STRING_REQUIRED("mode", "standard|nesterov")),
};
const struct mopt_op_family mopt__ops_training = {records, MOPT_COUNTOF(records)};
