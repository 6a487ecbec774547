// SPDX-License-Identifier: Apache-2.0
// Streams samples through one or two models and accumulates metrics.
#include "measure/evaluate.h"

#include <string.h>

struct side {
    struct mopt_model *model;
    struct mopt_session *session;
    struct mopt_datum **inputs, **outputs;
    struct mopt_evaluation *result;
};

struct evaluator {
    struct side model, baseline;
    const struct mopt_evaluate_options *options;
    struct mopt_evaluation_pair *out;
};

static enum mopt_status open_side(struct side *side, struct mopt_model *model,
                                  struct mopt_evaluation *result,
                                  const struct mopt_evaluate_options *options,
                                  struct mopt_error *err)
{
    side->model = model;
    side->result = result;
    if (options->output >= model->graph->outputs.count) {
        return mopt_error_set(err, MOPT_E_USAGE, "the model has no output %zu", options->output);
    }
    side->inputs = mopt__calloc(model->graph->inputs.count + 1, sizeof(struct mopt_datum *));
    side->outputs = mopt__calloc(model->graph->outputs.count + 1, sizeof(struct mopt_datum *));
    if (side->inputs == NULL || side->outputs == NULL) {
        return mopt_error_memory(err);
    }
    return mopt__session_new(model, &options->session, &side->session, err);
}

static void drop_outputs(struct side *side)
{
    for (size_t i = 0; side->outputs != NULL && i < side->model->graph->outputs.count; i++) {
        mopt__datum_unref(side->outputs[i]);
        side->outputs[i] = NULL;
    }
}

static void close_side(struct side *side)
{
    drop_outputs(side);
    mopt__session_free(side->session);
    mopt__free(side->inputs);
    mopt__free(side->outputs);
}

static bool needs_value(const struct mopt_value *input)
{
    return input->constant == NULL && input->sparse == NULL;
}

// Inputs of the baseline from those of the model: by name, else the n-th that needs a value.
static void map_inputs(const struct evaluator *self, struct mopt_datum *const *given)
{
    const struct mopt_graph *from = self->model.model->graph;
    const struct mopt_graph *to = self->baseline.model->graph;
    size_t next = 0;
    for (size_t i = 0; i < to->inputs.count; i++) {
        struct mopt_datum *datum = NULL;
        bool needed = needs_value(to->inputs.items[i]);
        while (needed && next < from->inputs.count && !needs_value(from->inputs.items[next])) {
            next++;
        }
        if (needed && next < from->inputs.count) {
            datum = given[next++];
        }
        for (size_t k = 0; k < from->inputs.count; k++) {
            if (strcmp(from->inputs.items[k]->name, to->inputs.items[i]->name) == 0) {
                datum = given[k];
            }
        }
        self->baseline.inputs[i] = datum;
    }
}

static const struct mopt_tensor *scores_of(const struct evaluator *self, const struct side *side)
{
    const struct mopt_datum *datum = side->outputs[self->options->output];
    return datum->kind == MOPT_DATUM_TENSOR ? datum->tensor : NULL;
}

static void add_expected(struct side *side, const struct mopt_sample *sample)
{
    static const struct mopt_tolerance exact = {0, 0};
    size_t count = side->model->graph->outputs.count;
    for (size_t i = 0; i < sample->expected_count; i++) {
        size_t output = i;
        for (size_t k = 0; k < count && sample->expected_names != NULL; k++) {
            if (mopt__streq(sample->expected_names[i],
                            side->model->graph->outputs.items[k]->name)) {
                output = k;
            }
        }
        if (output < count && sample->expected[i] != NULL) {
            side->result->has_expected = true;
            mopt__difference_datum(&side->result->expected, sample->expected[i],
                                   side->outputs[output], &exact);
        }
    }
}

static enum mopt_status run_side(struct evaluator *self, struct side *side,
                                 const struct mopt_feed_item *item, struct mopt_error *err)
{
    struct mopt_run_options run = {.budget = self->options->budget};
    enum mopt_status status =
        mopt__session_run(side->session, side->inputs, side->outputs, &run, err);
    if (status != MOPT_OK) {
        return status;
    }
    side->result->samples += item->rows;
    if (item->sample == NULL) {
        return MOPT_OK;
    }
    add_expected(side, item->sample);
    if (item->sample->labels == NULL) {
        return MOPT_OK;
    }
    const struct mopt_tensor *scores = scores_of(self, side);
    if (scores == NULL) {
        return mopt_error_set(err, MOPT_E_TYPE, "output '%s' is no tensor",
                              side->model->graph->outputs.items[self->options->output]->name);
    }
    side->result->has_labels = true;
    return mopt__accuracy_add(&side->result->accuracy, scores, item->sample->labels, item->rows,
                              err);
}

static void compare_classes(struct evaluator *self, const struct mopt_feed_item *item)
{
    struct mopt_evaluation_pair *out = self->out;
    const struct mopt_tensor *a = scores_of(self, &self->baseline);
    const struct mopt_tensor *b = scores_of(self, &self->model);
    if (a == NULL || b == NULL || a->dtype == MOPT_STRING || b->dtype == MOPT_STRING ||
        mopt__classes_of(a, item->rows) < 2 ||
        mopt__classes_of(a, item->rows) != mopt__classes_of(b, item->rows)) {
        out->classes = false;
        return;
    }
    const int64_t *labels = item->sample != NULL ? item->sample->labels : NULL;
    for (size_t row = 0; row < item->rows; row++) {
        int64_t best_a = mopt__best_class(a, row);
        int64_t best_b = mopt__best_class(b, row);
        out->agree += best_a == best_b;
        if (labels != NULL) {
            out->only_baseline_1 += best_a == labels[row] && best_b != labels[row];
            out->only_model_1 += best_b == labels[row] && best_a != labels[row];
        }
    }
}

static enum mopt_status run_item(struct evaluator *self, const struct mopt_feed_item *item,
                                 struct mopt_error *err)
{
    static const struct mopt_tolerance exact = {0, 0};
    memcpy(self->model.inputs, item->inputs,
           self->model.model->graph->inputs.count * sizeof(struct mopt_datum *));
    enum mopt_status status = run_side(self, &self->model, item, err);
    if (status == MOPT_OK && self->baseline.model != NULL) {
        map_inputs(self, item->inputs);
        status = run_side(self, &self->baseline, item, err);
        if (status == MOPT_OK) {
            compare_classes(self, item);
            size_t count = self->model.model->graph->outputs.count;
            for (size_t i = 0; i < count && i < self->baseline.model->graph->outputs.count; i++) {
                mopt__difference_datum(&self->out->difference, self->baseline.outputs[i],
                                       self->model.outputs[i], &exact);
            }
        } else {
            status = mopt_error_wrap(err, "baseline");
        }
    }
    drop_outputs(&self->model);
    if (self->baseline.model != NULL) {
        drop_outputs(&self->baseline);
    }
    return status;
}

static enum mopt_status stream(struct evaluator *self, struct mopt_feed *feed,
                               struct mopt_error *err)
{
    size_t total = mopt__feed_count(feed);
    size_t done = 0;
    for (;;) {
        const struct mopt_feed_item *item = NULL;
        enum mopt_status status = mopt__budget_check(self->options->budget, err);
        if (status == MOPT_OK) {
            status = mopt__feed_next(feed, &item, err);
        }
        if (status != MOPT_OK || item == NULL) {
            mopt__progress(self->options->log, "evaluate", total, total);
            return status;
        }
        status = run_item(self, item, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "%s", item->name);
        }
        done += item->rows;
        mopt__progress(self->options->log, "evaluate", done, total);
    }
}

enum mopt_status mopt__evaluate(struct mopt_model *model, struct mopt_model *baseline,
                                struct mopt_feed *feed, const struct mopt_evaluate_options *options,
                                struct mopt_evaluation_pair *out, struct mopt_error *err)
{
    *out = (struct mopt_evaluation_pair){.classes = true};
    struct evaluator self = {.options = options, .out = out};
    enum mopt_status status = open_side(&self.model, model, &out->model, options, err);
    if (status == MOPT_OK && baseline != NULL) {
        status = open_side(&self.baseline, baseline, &out->baseline, options, err);
        status = status != MOPT_OK ? mopt_error_wrap(err, "baseline") : MOPT_OK;
    }
    if (status == MOPT_OK) {
        status = stream(&self, feed, err);
    }
    if (status == MOPT_OK && out->model.samples == 0) {
        status = mopt_error_set(err, MOPT_E_VALUE, "the data have no samples");
    }
    close_side(&self.model);
    if (self.baseline.model != NULL) {
        close_side(&self.baseline);
    }
    return status;
}
