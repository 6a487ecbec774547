// SPDX-License-Identifier: Apache-2.0
// Top-1 and top-5.
#include "measure/accuracy.h"

#include <math.h>

size_t mopt__classes_of(const struct mopt_tensor *scores, size_t rows)
{
    if (rows == 0 || scores->count % rows != 0) {
        return 0;
    }
    bool flat = scores->rank < 2 && rows == 1; // one sample without a batch axis
    if (!flat && (scores->rank < 1 || scores->dims[0] != (int64_t)rows)) {
        return 0;
    }
    return scores->count / rows;
}

static size_t row_size(const struct mopt_tensor *scores)
{
    return scores->rank < 2 || scores->dims[0] == 0 ? scores->count
                                                    : scores->count / (size_t)scores->dims[0];
}

static bool better(double a, double b)
{
    return a > b || (isnan(b) && !isnan(a));
}

int64_t mopt__rank_of_label(const struct mopt_tensor *scores, size_t row, int64_t label)
{
    size_t classes = row_size(scores);
    if (label < 0 || (uint64_t)label >= classes) {
        return -1;
    }
    double own = mopt__tensor_f64(scores, row * classes + (size_t)label);
    int64_t rank = 0;
    for (size_t c = 0; c < classes; c++) {
        double other = mopt__tensor_f64(scores, row * classes + c);
        bool tie = !better(other, own) && !better(own, other);
        rank += better(other, own) || (tie && c < (size_t)label);
    }
    return rank;
}

int64_t mopt__best_class(const struct mopt_tensor *scores, size_t row)
{
    size_t classes = row_size(scores);
    int64_t best = -1;
    double best_score = NAN;
    for (size_t c = 0; c < classes; c++) {
        double score = mopt__tensor_f64(scores, row * classes + c);
        if (best < 0 || better(score, best_score)) {
            best = (int64_t)c;
            best_score = score;
        }
    }
    return best;
}

enum mopt_status mopt__accuracy_add(struct mopt_accuracy *accuracy,
                                    const struct mopt_tensor *scores, const int64_t *labels,
                                    size_t rows, struct mopt_error *err)
{
    if (scores->dtype == MOPT_STRING || scores->dtype == MOPT_COMPLEX64 ||
        scores->dtype == MOPT_COMPLEX128) {
        return mopt_error_set(err, MOPT_E_TYPE, "scores of type %s cannot be ranked",
                              mopt__dtype_name(scores->dtype));
    }
    size_t classes = mopt__classes_of(scores, rows);
    if (classes == 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "output has no row of scores per sample");
    }
    for (size_t row = 0; row < rows; row++) {
        int64_t rank = mopt__rank_of_label(scores, row, labels[row]);
        if (rank < 0) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "label %lld is out of range, there are %zu "
                                  "classes",
                                  (long long)labels[row], classes);
        }
        accuracy->samples++;
        accuracy->top1 += rank < 1;
        accuracy->top5 += rank < 5;
    }
    return MOPT_OK;
}
