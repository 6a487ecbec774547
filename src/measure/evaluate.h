// SPDX-License-Identifier: Apache-2.0
// Quality of a model on data: top-1 and top-5 against labels, distance from recorded outputs, and
// agreement with a baseline model. One batch is in memory at a time.
#ifndef MOPT_MEASURE_EVALUATE_H
#define MOPT_MEASURE_EVALUATE_H

#include "exec/exec.h"
#include "measure/accuracy.h"
#include "measure/difference.h"
#include "measure/feed.h"

struct mopt_evaluate_options {
    struct mopt_session_options session;
    size_t output; // that holds the scores
    const struct mopt_budget *budget;
    const struct mopt_log *log;
};

struct mopt_evaluation {
    size_t samples;
    bool has_labels, has_expected;
    struct mopt_accuracy accuracy;
    struct mopt_difference expected; // from outputs recorded with the data
};

struct mopt_evaluation_pair { // filled when there is a baseline
    struct mopt_evaluation model, baseline;
    size_t agree;                         // samples with the same best class
    size_t only_baseline_1, only_model_1; // top-1 right in one of them alone
    struct mopt_difference difference;    // all outputs, baseline is the reference
    bool classes;                         // both outputs have a row of scores per sample
};

// Runs model (and baseline, if not NULL) over everything that the feed gives. The feed was made for
// the model; the baseline takes the inputs by name, else by position.
// Errors: MOPT_E_VALUE (no samples, a label out of range), MOPT_E_SHAPE, those of data and runs.
enum mopt_status mopt__evaluate(struct mopt_model *model, struct mopt_model *baseline,
                                struct mopt_feed *feed, const struct mopt_evaluate_options *options,
                                struct mopt_evaluation_pair *out, struct mopt_error *err);

#endif
