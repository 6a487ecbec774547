// SPDX-License-Identifier: Apache-2.0
// See shrink.h. One edit after the other is tried on the text as it is; it is kept if the trial
// still fails. Edits: an output goes; a value becomes an input, and what only it needed goes.
#include "property/shrink.h"

#include <stdio.h>
#include <string.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "ops/ops.h"

enum { TRIALS_MAX = 400, VALUES_MAX = 2048 };

struct seen { // shapes of the main graph's values, by id
    bool known[VALUES_MAX];
    enum mopt_dtype dtype[VALUES_MAX];
    int rank[VALUES_MAX];
    int64_t dims[VALUES_MAX][MOPT_RANK_MAX];
};

static struct mopt_model *parse(const struct mopt_strbuf *text, struct mopt_error *err)
{
    struct mopt_model *model = NULL;
    mopt_error_clear(err);
    if (mopt__text_parse(mopt__strbuf_text(text), text->length, &model, err) != MOPT_OK ||
        mopt__ops_resolve(model, err) != MOPT_OK) {
        mopt__model_free(model);
        return NULL;
    }
    return model;
}

// ---- Shapes -------------------------------------------------------------------------------------

static enum mopt_status note(void *context, const struct mopt_value *value,
                             const struct mopt_datum *datum, struct mopt_error *err)
{
    struct seen *seen = context;
    (void)err;
    if (datum->kind == MOPT_DATUM_TENSOR && value->id < VALUES_MAX) {
        const struct mopt_tensor *tensor = datum->tensor;
        seen->known[value->id] = true;
        seen->dtype[value->id] = tensor->dtype;
        seen->rank[value->id] = tensor->rank;
        memcpy(seen->dims[value->id], tensor->dims, sizeof tensor->dims);
    }
    return MOPT_OK;
}

static bool zeros(const struct mopt_model *model, const struct mopt_value *input, int64_t batch,
                  struct mopt_datum **out, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor = NULL;
    const struct mopt_type *type = input->declared;
    for (int d = 0; d < type->rank; d++) {
        if (!mopt__dim_is_known(model->dims, type->dims[d], &dims[d])) {
            dims[d] = batch;
        }
    }
    if (type->rank < 0 ||
        mopt__tensor_new(type->dtype, type->rank, dims, &tensor, err) != MOPT_OK) {
        return false;
    }
    memset(mopt__tensor_data(tensor), 0, tensor->bytes);
    bool good = mopt__datum_tensor(tensor, out, err) == MOPT_OK;
    mopt__tensor_unref(tensor);
    return good;
}

static void look(struct mopt_model *model, int64_t batch, struct seen *seen)
{
    enum { DATA_MAX = 32 };
    struct mopt_error err;
    struct mopt_datum *inputs[DATA_MAX] = {NULL}, *outputs[DATA_MAX] = {NULL};
    struct mopt_session *session = NULL;
    const struct mopt_session_options options = {.threads = 1, .reference = true};
    const struct mopt_run_options watch = {.observe = note, .observe_context = seen};
    mopt_error_clear(&err);
    memset(seen, 0, sizeof *seen);
    bool good = model->graph->inputs.count <= DATA_MAX && model->graph->outputs.count <= DATA_MAX;
    for (size_t i = 0; good && i < model->graph->inputs.count; i++) {
        good = zeros(model, model->graph->inputs.items[i], batch, &inputs[i], &err);
    }
    if (good && mopt__session_new(model, &options, &session, &err) == MOPT_OK) {
        (void)mopt__session_run(session, inputs, outputs, &watch, &err);
    }
    mopt__session_free(session);
    for (size_t i = 0; i < DATA_MAX; i++) {
        mopt__datum_unref(inputs[i]);
        mopt__datum_unref(outputs[i]);
    }
}

// ---- Edits --------------------------------------------------------------------------------------

static bool is_dead(const struct mopt_node *node)
{
    bool dead = true;
    for (uint32_t i = 0; dead && i < node->output_count; i++) {
        dead = node->outputs[i] == NULL || mopt__value_is_dead(node->outputs[i]);
    }
    return dead;
}

static void sweep(struct mopt_graph *graph)
{
    for (struct mopt_node *node = graph->last, *prev; node != NULL; node = prev) {
        prev = node->prev;
        if (is_dead(node)) {
            mopt__node_remove(node);
        }
    }
    for (size_t i = graph->initializers.count; i-- > 0;) {
        if (mopt__value_is_dead(graph->initializers.items[i])) {
            mopt__graph_remove_initializer(graph->initializers.items[i]);
        }
    }
    for (size_t i = graph->inputs.count; i-- > 0;) {
        if (mopt__value_is_dead(graph->inputs.items[i])) {
            mopt__graph_remove_input(graph, i);
        }
    }
}

static bool drop_output(struct mopt_model *model, size_t index)
{
    if (model->graph->outputs.count < 2 || index >= model->graph->outputs.count) {
        return false;
    }
    mopt__graph_remove_output(model->graph, index);
    return true;
}

// The value becomes an input under another name.
static bool cut(struct mopt_model *model, struct mopt_value *value, const struct seen *seen)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (value->id >= VALUES_MAX || !seen->known[value->id] || value->use_count == 0 ||
        (seen->dtype[value->id] != MOPT_FLOAT32 && seen->dtype[value->id] != MOPT_UINT8 &&
         seen->dtype[value->id] != MOPT_INT8)) {
        return false;
    }
    struct mopt_value *input = mopt__value_fresh(model->graph, "in", &err);
    const struct mopt_type *type = mopt__type_tensor(&model->arena, seen->dtype[value->id],
                                                     seen->rank[value->id], seen->dims[value->id]);
    if (input == NULL || type == NULL) {
        return false;
    }
    input->declared = input->type = type;
    return mopt__graph_add_input(model->graph, input, &err) == MOPT_OK &&
           mopt__value_replace_uses(value, input, &err) == MOPT_OK;
}

// Output k of the main graph's nodes, counted from the end.
static struct mopt_value *value_at(const struct mopt_graph *graph, size_t k)
{
    for (struct mopt_node *node = graph->last; node != NULL; node = node->prev) {
        if (k < node->output_count) {
            return node->outputs[k];
        }
        k -= node->output_count;
    }
    return NULL;
}

static bool print(const struct mopt_model *model, const struct mopt_strbuf *old,
                  struct mopt_strbuf *out)
{
    struct mopt_error err;
    const struct mopt_text_options options = {.max_elements = 0};
    const char *text = mopt__strbuf_text(old), *end = strchr(text, '\n');
    mopt_error_clear(&err);
    mopt__strbuf_clear(out);
    if (strncmp(text, "//", 2) == 0 && end != NULL) {
        mopt__strbuf_add_bytes(out, text, (size_t)(end - text) + 1);
    }
    return mopt__text_print(model, &options, out, &err) == MOPT_OK && !out->failed;
}

// Applies edit number k to the text; false: no such edit, or nothing to do. *more: there are later
// ones.
static bool edit(const struct mopt_strbuf *text, size_t k, struct mopt_strbuf *out, bool *more)
{
    struct mopt_error err;
    struct seen *seen = mopt__calloc(1, sizeof *seen);
    struct mopt_model *model = parse(text, &err);
    bool good = false;
    *more = false;
    if (seen != NULL && model != NULL) {
        size_t outputs = model->graph->outputs.count;
        struct mopt_value *value = k < outputs ? NULL : value_at(model->graph, k - outputs);
        *more = k < outputs || value != NULL;
        if (k < outputs) {
            good = drop_output(model, k);
        } else if (value != NULL) {
            look(model, trial_batch(mopt__strbuf_text(text)), seen);
            good = cut(model, value, seen);
        }
        if (good) {
            sweep(model->graph);
            good = print(model, text, out) && out->length < text->length + 64;
        }
    }
    mopt__model_free(model);
    mopt__free(seen);
    return good;
}

// "[N," becomes a number, so that values may become inputs.
static void fix_batch(const struct mopt_strbuf *text, struct mopt_strbuf *out)
{
    const char *at = mopt__strbuf_text(text), *next;
    mopt__strbuf_clear(out);
    while ((next = strpbrk(at, "[")) != NULL) {
        mopt__strbuf_add_bytes(out, at, (size_t)(next - at) + 1);
        at = next + 1;
        if (at[0] == 'N' && (at[1] == ',' || at[1] == ']')) {
            mopt__strbuf_printf(out, "%d", (int)trial_batch(mopt__strbuf_text(text)));
            at++;
        }
    }
    mopt__strbuf_add(out, at);
}

static bool take(struct apart *apart, struct mopt_strbuf *text, struct mopt_strbuf *candidate,
                 int *trials)
{
    ++*trials;
    if (apart_trial(apart, mopt__strbuf_text(candidate)) != TRIAL_FAILED) {
        return false;
    }
    struct mopt_strbuf kept = *text;
    *text = *candidate;
    *candidate = kept;
    return true;
}

void shrink(struct apart *apart, struct mopt_strbuf *text)
{
    struct mopt_strbuf candidate = {0};
    int trials = 0;
    fix_batch(text, &candidate);
    (void)take(apart, text, &candidate, &trials);
    bool progress = true, more = true;
    while (progress && trials < TRIALS_MAX) {
        progress = false;
        for (size_t k = 0; trials < TRIALS_MAX; k++) {
            // What was edit k + 1 is edit k once that one is kept.
            while (edit(text, k, &candidate, &more) && take(apart, text, &candidate, &trials)) {
                progress = true;
            }
            if (!more) {
                break;
            }
        }
    }
    (void)apart_trial(apart, mopt__strbuf_text(text)); // for its reason
    mopt__strbuf_release(&candidate);
}
