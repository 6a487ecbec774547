// SPDX-License-Identifier: Apache-2.0
// What classifiers of ai.onnx.ml share: names of classes, and their two outputs.
#ifndef MOPT_OPS_ML_LABELS_H
#define MOPT_OPS_ML_LABELS_H

#include "ops/ml_rows.h"

#define MOPT_ML_LABEL_TYPES (MOPT_DT(MOPT_STRING) | MOPT_DT(MOPT_INT64))

struct mopt_ml_labels {
    const int64_t *ints;
    const struct mopt_string *strings; // NULL: ints
    size_t count;
};
// From classlabels_strings, or the attribute of integers of this name. MOPT_E_VALUE: both, or none.
enum mopt_status mopt__ml_labels(const struct mopt_node *node, const char *ints,
                                 struct mopt_ml_labels *labels, struct mopt_error *err);

// Outputs 0, the name of the class of each row, and 1, the scores [rows,classes].
struct mopt_ml_classes {
    struct mopt_ml_labels labels;
    struct mopt_tensor *names, *scores;
};
enum mopt_status mopt__ml_classes_open(struct mopt_eval *eval, const char *ints, size_t rows,
                                       struct mopt_ml_classes *out, struct mopt_error *err);
enum mopt_status mopt__ml_classes_put(struct mopt_ml_classes *out, size_t row, size_t class,
                                      const double *scores, struct mopt_error *err);
enum mopt_status mopt__ml_classes_infer(struct mopt_infer *infer, const char *ints,
                                        struct mopt_error *err);

#endif
