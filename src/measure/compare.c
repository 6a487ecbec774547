// SPDX-License-Identifier: Apache-2.0
// Runs two models side by side. Inner tensors of a are copied while it runs (the executor reuses
// their memory), and held against those of b while that runs: one sample's activations are alive.
#include "measure/compare.h"

#include <string.h>

struct mopt_comparison {
    struct mopt_model *a, *b;
    struct mopt_session *session_a, *session_b;
    struct mopt_compare_options options;
    struct mopt_map inner; // name in b's main graph -> value; only names that a has, too
    struct mopt_map index; // name -> number of the row + 1
    struct mopt_compare_row *rows;
    size_t count, capacity;
    struct mopt_map seen; // name -> copied tensor of the current sample
    struct mopt_datum **inputs_b, **outputs_a, **outputs_b;
    size_t runs;
};

static struct mopt_compare_row *row_of(struct mopt_comparison *self, const char *name,
                                       struct mopt_error *err)
{
    uintptr_t found = (uintptr_t)mopt__map_find(&self->index, name);
    if (found != 0) {
        return &self->rows[found - 1];
    }
    if (mopt__grow((void **)&self->rows, &self->capacity, self->count + 1, sizeof *self->rows,
                   err) != MOPT_OK ||
        mopt__map_put(&self->index, name,
                      (void *)(uintptr_t)(self->count + 1), // NOLINT: a small number
                      err) != MOPT_OK) {
        return NULL;
    }
    self->rows[self->count] = (struct mopt_compare_row){.name = name, .op = ""};
    return &self->rows[self->count++];
}

static bool is_output(const struct mopt_graph *graph, const struct mopt_value *value)
{
    for (size_t i = 0; i < graph->outputs.count; i++) {
        if (graph->outputs.items[i] == value) {
            return true;
        }
    }
    return false;
}

// Values of bodies run several times and are left out.
static bool wanted(const struct mopt_comparison *self, const struct mopt_value *value,
                   const struct mopt_datum *datum)
{
    return datum->kind == MOPT_DATUM_TENSOR && value->graph->parent == NULL &&
           value->graph->function == NULL && mopt__map_find(&self->inner, value->name) != NULL;
}

static enum mopt_status observe_a(void *context, const struct mopt_value *value,
                                  const struct mopt_datum *datum, struct mopt_error *err)
{
    struct mopt_comparison *self = context;
    if (!wanted(self, value, datum)) {
        return MOPT_OK;
    }
    struct mopt_compare_row *row = row_of(self, value->name, err);
    if (row == NULL) {
        return err->status;
    }
    row->op = value->producer != NULL ? value->producer->op_type : "";
    struct mopt_tensor *copy = NULL;
    enum mopt_status status = mopt__tensor_copy(datum->tensor, &copy, err);
    if (status == MOPT_OK) {
        mopt__tensor_unref(mopt__map_find(&self->seen, value->name));
        status = mopt__map_put(&self->seen, value->name, copy, err);
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(copy);
    }
    return status;
}

static enum mopt_status observe_b(void *context, const struct mopt_value *value,
                                  const struct mopt_datum *datum, struct mopt_error *err)
{
    struct mopt_comparison *self = context;
    const struct mopt_tensor *a =
        wanted(self, value, datum) ? mopt__map_find(&self->seen, value->name) : NULL;
    if (a == NULL) {
        return MOPT_OK;
    }
    struct mopt_compare_row *row = row_of(self, value->name, err);
    if (row == NULL) {
        return err->status;
    }
    mopt__difference_tensor(&row->difference, a, datum->tensor, &self->options.tolerance);
    return MOPT_OK;
}

// ---- Pairing ------------------------------------------------------------------------------------

static bool needs_value(const struct mopt_value *input)
{
    return input->constant == NULL && input->sparse == NULL;
}

static size_t count_needed(const struct mopt_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        count += needs_value(graph->inputs.items[i]);
    }
    return count;
}

// Number of the n-th input of a graph that needs a value.
static size_t needed_at(const struct mopt_graph *graph, size_t n)
{
    size_t i = 0;
    while (i < graph->inputs.count && (!needs_value(graph->inputs.items[i]) || n-- > 0)) {
        i++;
    }
    return i;
}

static size_t find_named(const struct mopt_value_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i]->name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void map_inputs(struct mopt_comparison *self, struct mopt_datum *const *inputs)
{
    const struct mopt_graph *a = self->a->graph;
    const struct mopt_graph *b = self->b->graph;
    size_t needed = 0;
    for (size_t i = 0; i < b->inputs.count; i++) {
        const struct mopt_value *input = b->inputs.items[i];
        size_t from = find_named(&a->inputs, input->name);
        if (needs_value(input)) {
            from = from != SIZE_MAX ? from : needed_at(a, needed);
            needed++;
        }
        self->inputs_b[i] = from < a->inputs.count ? inputs[from] : NULL;
    }
}

// Output of b that stands against output i of a.
static size_t partner(const struct mopt_comparison *self, size_t i)
{
    size_t named = find_named(&self->b->graph->outputs, self->a->graph->outputs.items[i]->name);
    return named != SIZE_MAX ? named : i;
}

static enum mopt_status list_inner(struct mopt_comparison *self, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = self->b->graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        for (uint32_t i = 0; i < node->output_count && status == MOPT_OK; i++) {
            struct mopt_value *b = node->outputs[i];
            struct mopt_value *a = b != NULL ? mopt__value_find(self->a->graph, b->name) : NULL;
            if (a != NULL && a->producer != NULL && !is_output(self->a->graph, a)) {
                status = mopt__map_put(&self->inner, a->name, a, err);
            }
        }
    }
    return status;
}

static enum mopt_status check_pair(const struct mopt_comparison *self, struct mopt_error *err)
{
    size_t inputs_a = count_needed(self->a->graph);
    size_t inputs_b = count_needed(self->b->graph);
    if (inputs_a != inputs_b) {
        return mopt_error_set(err, MOPT_E_SHAPE, "the models have %zu and %zu inputs", inputs_a,
                              inputs_b);
    }
    if (self->a->graph->outputs.count != self->b->graph->outputs.count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "the models have %zu and %zu outputs",
                              self->a->graph->outputs.count, self->b->graph->outputs.count);
    }
    return MOPT_OK;
}

static enum mopt_status prepare(struct mopt_comparison *self, struct mopt_error *err)
{
    size_t outputs = self->a->graph->outputs.count;
    self->inputs_b = mopt__calloc(self->b->graph->inputs.count + 1, sizeof(struct mopt_datum *));
    self->outputs_a = mopt__calloc(outputs + 1, sizeof(struct mopt_datum *));
    self->outputs_b = mopt__calloc(outputs + 1, sizeof(struct mopt_datum *));
    if (self->inputs_b == NULL || self->outputs_a == NULL || self->outputs_b == NULL) {
        return mopt_error_memory(err);
    }
    self->options.session.observed = self->options.inner;
    struct mopt_session_options plain = self->options.session;
    plain.bf16 = false;
    enum mopt_status status = mopt__session_new(self->a, &plain, &self->session_a, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "first model");
    }
    status = mopt__session_new(self->b, &self->options.session, &self->session_b, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "second model");
    }
    return self->options.inner ? list_inner(self, err) : MOPT_OK;
}

enum mopt_status mopt__comparison_new(struct mopt_model *a, struct mopt_model *b,
                                      const struct mopt_compare_options *options,
                                      struct mopt_comparison **out, struct mopt_error *err)
{
    *out = NULL;
    struct mopt_comparison *self = mopt__calloc(1, sizeof *self);
    if (self == NULL) {
        return mopt_error_memory(err);
    }
    self->a = a;
    self->b = b;
    self->options = *options;
    enum mopt_status status = check_pair(self, err);
    if (status == MOPT_OK) {
        status = prepare(self, err);
    }
    if (status != MOPT_OK) {
        mopt__comparison_free(self);
        return status;
    }
    *out = self;
    return MOPT_OK;
}

// ---- Running ------------------------------------------------------------------------------------

static void clear_sample(struct mopt_comparison *self)
{
    struct mopt_map_entry *entry;
    for (size_t i = 0; (entry = mopt__map_next(&self->seen, &i)) != NULL;) {
        mopt__tensor_unref(entry->value);
    }
    mopt__map_clear(&self->seen);
    for (size_t i = 0; i < self->a->graph->outputs.count; i++) {
        if (self->outputs_a != NULL) {
            mopt__datum_unref(self->outputs_a[i]);
            self->outputs_a[i] = NULL;
        }
        if (self->outputs_b != NULL) {
            mopt__datum_unref(self->outputs_b[i]);
            self->outputs_b[i] = NULL;
        }
    }
}

static enum mopt_status compare_outputs(struct mopt_comparison *self, struct mopt_error *err)
{
    const struct mopt_graph *graph = self->a->graph;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const struct mopt_value *value = graph->outputs.items[i];
        struct mopt_compare_row *row = row_of(self, value->name, err);
        if (row == NULL) {
            return err->status;
        }
        row->output = true;
        row->op = value->producer != NULL ? value->producer->op_type : "";
        mopt__difference_datum(&row->difference, self->outputs_a[i],
                               self->outputs_b[partner(self, i)], &self->options.tolerance);
    }
    return MOPT_OK;
}

enum mopt_status mopt__comparison_add(struct mopt_comparison *self,
                                      struct mopt_datum *const *inputs, struct mopt_error *err)
{
    struct mopt_run_options run = {.budget = self->options.budget, .observe_context = self};
    run.observe = self->options.inner ? observe_a : NULL;
    enum mopt_status status =
        mopt__session_run(self->session_a, inputs, self->outputs_a, &run, err);
    if (status != MOPT_OK) {
        status = mopt_error_wrap(err, "first model");
    } else {
        map_inputs(self, inputs);
        run.observe = self->options.inner ? observe_b : NULL;
        status = mopt__session_run(self->session_b, self->inputs_b, self->outputs_b, &run, err);
        status =
            status != MOPT_OK ? mopt_error_wrap(err, "second model") : compare_outputs(self, err);
    }
    clear_sample(self);
    self->runs += status == MOPT_OK;
    return status;
}

const struct mopt_compare_row *mopt__comparison_rows(const struct mopt_comparison *self,
                                                     size_t *count)
{
    *count = self->count;
    return self->rows;
}

const struct mopt_compare_row *mopt__comparison_first_bad(const struct mopt_comparison *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (!mopt__difference_fits(&self->rows[i].difference)) {
            return &self->rows[i];
        }
    }
    return NULL;
}

size_t mopt__comparison_runs(const struct mopt_comparison *self)
{
    return self->runs;
}

void mopt__comparison_free(struct mopt_comparison *self)
{
    if (self == NULL) {
        return;
    }
    clear_sample(self);
    mopt__map_release(&self->seen);
    mopt__map_release(&self->inner);
    mopt__map_release(&self->index);
    mopt__session_free(self->session_a);
    mopt__session_free(self->session_b);
    mopt__free(self->rows);
    mopt__free(self->inputs_b);
    mopt__free(self->outputs_a);
    mopt__free(self->outputs_b);
    mopt__free(self);
}
