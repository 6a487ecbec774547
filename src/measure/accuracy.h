// SPDX-License-Identifier: Apache-2.0
// Classification accuracy over rows of scores.
#ifndef MOPT_MEASURE_ACCURACY_H
#define MOPT_MEASURE_ACCURACY_H

#include "ir/ir.h"

struct mopt_accuracy { // a zeroed struct is empty
    size_t samples, top1, top5;
};

// Place (0 = best) of class `label` among the scores of row `row` of a tensor [N, classes...]: the
// number of classes with a higher score, or an equal one and a lower number. NaN ranks last. -1
// when the label is out of range.
int64_t mopt__rank_of_label(const struct mopt_tensor *scores, size_t row, int64_t label);
// Class with the best score of a row (the first of equals); -1 without classes.
int64_t mopt__best_class(const struct mopt_tensor *scores, size_t row);
// Adds the rows of scores [rows, classes...] with their labels. Errors: MOPT_E_SHAPE (axis 0 is not
// rows), MOPT_E_TYPE (no numbers), MOPT_E_VALUE (a label out of range, named).
enum mopt_status mopt__accuracy_add(struct mopt_accuracy *accuracy,
                                    const struct mopt_tensor *scores, const int64_t *labels,
                                    size_t rows, struct mopt_error *err);
// Elements per row; 0 when axis 0 is not rows.
size_t mopt__classes_of(const struct mopt_tensor *scores, size_t rows);

#endif
