// SPDX-License-Identifier: Apache-2.0
// Activations that ONNX Runtime fuses into convolutions and products. It must not know the
// operators.
#include "ops/epilogue.h"

#include <math.h>
#include <string.h>

static enum mopt_status read_kind(const char *text, struct mopt_epilogue *e, size_t *params,
                                  struct mopt_error *err)
{
    static const struct {
        const char *name;
        enum mopt_epilogue_kind kind;
        size_t params;
    } rows[] = {{"", MOPT_EPILOGUE_NONE, 0},
                {"Relu", MOPT_EPILOGUE_RELU, 0},
                {"Sigmoid", MOPT_EPILOGUE_SIGMOID, 0},
                {"Tanh", MOPT_EPILOGUE_TANH, 0},
                {"LeakyRelu", MOPT_EPILOGUE_LEAKY_RELU, 1},
                {"Clip", MOPT_EPILOGUE_CLIP, 2},
                {"HardSigmoid", MOPT_EPILOGUE_HARD_SIGMOID, 2}};
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        if (mopt__streq(text, rows[i].name)) {
            e->kind = rows[i].kind;
            *params = rows[i].params;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_VALUE, "attribute 'activation' has the unknown value '%s'",
                          text);
}

enum mopt_status mopt__epilogue_read(const struct mopt_node *node, struct mopt_epilogue *e,
                                     struct mopt_error *err)
{
    const char *text = NULL;
    const float *values = NULL;
    size_t count = 0;
    size_t want = 0;
    float alpha = 0;
    float beta = 0;
    *e = (struct mopt_epilogue){MOPT_EPILOGUE_NONE, 0, 0};
    enum mopt_status status = mopt__attr_string(node, "activation", "", &text, err);
    if (status == MOPT_OK) {
        status = read_kind(text, e, &want, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_floats(node, "activation_params", &values, &count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "activation_alpha", 0, &alpha, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "activation_beta", 0, &beta, err);
    }
    bool named = mopt__has_attribute(node, "activation_alpha");
    if (status == MOPT_OK && want > count && !named) {
        return mopt_error_set(err, MOPT_E_VALUE, "activation '%s' wants %zu parameters, has %zu",
                              text, want, count);
    }
    e->alpha = (double)(count > 0 ? values[0] : alpha);
    e->beta = (double)(count > 1 ? values[1] : beta);
    return status;
}

double mopt__epilogue_apply(const struct mopt_epilogue *e, double x)
{
    switch (e->kind) {
    case MOPT_EPILOGUE_NONE:
        break;
    case MOPT_EPILOGUE_RELU:
        return x > 0 || isnan(x) ? x : 0;
    case MOPT_EPILOGUE_SIGMOID:
        return 1 / (1 + exp(-x));
    case MOPT_EPILOGUE_TANH:
        return tanh(x);
    case MOPT_EPILOGUE_LEAKY_RELU:
        return x >= 0 ? x : e->alpha * x;
    case MOPT_EPILOGUE_CLIP:
        return x < e->alpha ? e->alpha : x > e->beta ? e->beta : x;
    case MOPT_EPILOGUE_HARD_SIGMOID:
        return fmin(fmax(e->alpha * x + e->beta, 0), 1);
    }
    return x;
}

enum mopt_status mopt__epilogue_run(const struct mopt_epilogue *e, const struct mopt_tensor *z,
                                    struct mopt_tensor *y, struct mopt_error *err)
{
    if (z && (z->rank != y->rank || z->dtype != y->dtype ||
              memcmp(z->dims, y->dims, (size_t)y->rank * sizeof *y->dims) != 0)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'Z' must have the shape of the output");
    }
    if (!z && e->kind == MOPT_EPILOGUE_NONE) {
        return MOPT_OK;
    }
    float *data = y->dtype == MOPT_FLOAT32 ? mopt__nn_f32(y) : NULL;
    if (data && e->kind == MOPT_EPILOGUE_RELU && !z) {
        for (size_t i = 0; i < y->count; i++) {
            data[i] = data[i] < 0 ? 0 : data[i];
        }
        return MOPT_OK;
    }
    for (size_t i = 0; i < y->count; i++) {
        double x = mopt__tensor_f64(y, i) + (z ? mopt__tensor_f64(z, i) : 0);
        mopt__nn_store_at(y, i, mopt__epilogue_apply(e, x));
    }
    return MOPT_OK;
}
