// SPDX-License-Identifier: Apache-2.0
// Names of classes and the outputs of classifiers of ai.onnx.ml.
#include "ops/ml_labels.h"

enum mopt_status mopt__ml_labels(const struct mopt_node *node, const char *ints,
                                 struct mopt_ml_labels *labels, struct mopt_error *err)
{
    size_t numbers;
    size_t strings;
    *labels = (struct mopt_ml_labels){0};
    enum mopt_status status =
        mopt__attr_strings(node, "classlabels_strings", &labels->strings, &strings, err);
    if (status == MOPT_OK) {
        status = mopt__attr_ints(node, ints, &labels->ints, &numbers, err);
    }
    if (status == MOPT_OK && (numbers != 0) == (strings != 0)) {
        status = mopt_error_set(err, MOPT_E_VALUE,
                                "classes must have names either as integers or as strings");
    }
    if (status == MOPT_OK) {
        labels->strings = strings != 0 ? labels->strings : NULL;
        labels->count = strings != 0 ? strings : numbers;
    }
    return status;
}

static enum mopt_dtype type_of(const struct mopt_ml_labels *labels)
{
    return labels->strings != NULL ? MOPT_STRING : MOPT_INT64;
}

enum mopt_status mopt__ml_classes_open(struct mopt_eval *eval, const char *ints, size_t rows,
                                       struct mopt_ml_classes *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__ml_labels(eval->node, ints, &out->labels, err);
    const int64_t dims[] = {(int64_t)rows, (int64_t)out->labels.count};
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, type_of(&out->labels), 1, dims, &out->names, err);
    }
    return status == MOPT_OK ? mopt__eval_output(eval, 1, MOPT_FLOAT32, 2, dims, &out->scores, err)
                             : status;
}

enum mopt_status mopt__ml_classes_put(struct mopt_ml_classes *out, size_t row, size_t class,
                                      const double *scores, struct mopt_error *err)
{
    const struct mopt_ml_labels *labels = &out->labels;
    float *to = (float *)mopt__tensor_data(out->scores) + row * labels->count;
    for (size_t i = 0; i < labels->count; i++) {
        to[i] = (float)scores[i];
    }
    if (labels->strings != NULL) {
        const struct mopt_string *text = &labels->strings[class];
        return mopt__tensor_set_string(out->names, row, text->data, text->size, err);
    }
    ((int64_t *)mopt__tensor_data(out->names))[row] = labels->ints[class];
    return MOPT_OK;
}

enum mopt_status mopt__ml_classes_infer(struct mopt_infer *infer, const char *ints,
                                        struct mopt_error *err)
{
    struct mopt_ml_labels labels;
    int64_t dims[2] = {mopt__ml_row_count(infer), 1};
    enum mopt_status status = mopt__ml_labels(infer->node, ints, &labels, err);
    if (status == MOPT_OK) {
        dims[1] = (int64_t)labels.count;
        status = mopt__infer_set(infer, 0, type_of(&labels), 1, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 1, MOPT_FLOAT32, 2, dims, err) : status;
}
