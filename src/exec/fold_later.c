// SPDX-License-Identifier: Apache-2.0
// What operators make out of nothing (Expand, Range, ...) can be much larger than the model.
// Whether to compute such values once is decided by their types, before any of them exists: where
// they only lead to little (a table of positions in which every layer looks something up), they are
// computed, one after the other, and released; where they, or what is made of them, would have to
// stay and are large (indices of a scatter), the runs go on making them.
#include "exec/fold.h"

enum {
    GENERATED = 1 << 22, // bytes that may be made out of nothing
    SMALL = 1 << 12,     // bytes of results that may stay, however many they are
};

static const struct mopt_type *type_of(const struct mopt_folding *f, const struct mopt_value *value)
{
    return value != NULL ? f->values[value->id].type : NULL;
}

static bool find_types(struct mopt_folding *f, const struct mopt_step *step,
                       struct mopt_step_types *types)
{
    const struct mopt_node *node = step->node;
    types->arena = &f->arena;
    types->inputs =
        mopt__arena_alloc(&f->arena, node->input_count + (size_t)1, sizeof *types->inputs);
    types->outputs =
        mopt__arena_alloc(&f->arena, node->output_count + (size_t)1, sizeof *types->outputs);
    if (types->inputs == NULL || types->outputs == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        types->inputs[i] = type_of(f, node->inputs[i].value);
    }
    return mopt__step_types(f->session, step, types);
}

static bool is_open(const struct mopt_folding *f, const struct mopt_node *node)
{
    bool open = false;
    for (uint32_t i = 0; i < node->input_count && !open; i++) {
        open = type_of(f, node->inputs[i].value) != NULL;
    }
    return open;
}

bool mopt__fold_waits(struct mopt_folding *f, struct mopt_step *step)
{
    const struct mopt_node *node = step->node;
    const bool open = is_open(f, node);
    struct mopt_step_types types;
    if (!open && (node->op->traits & MOPT_TRAIT_GENERATOR) == 0) {
        return false;
    }
    if (!find_types(f, step, &types) || types.bytes > GENERATED) {
        return true;
    }
    if (types.content != NULL) {
        mopt__fold_set(f->session, step, types.content);
        mopt__tensor_unref(types.content);
        mopt__fold_release_read(f, node);
        return true;
    }
    if (!open && types.bytes <= SMALL) {
        return false;
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (node->outputs[o] != NULL) {
            f->values[node->outputs[o]->id].type = types.outputs[o];
        }
    }
    return true;
}

// Any result that waits: they all do, or none.
static const struct mopt_fold_value *waiting(const struct mopt_folding *f,
                                             const struct mopt_node *node)
{
    const struct mopt_fold_value *found = NULL;
    for (uint32_t o = 0; o < node->output_count && found == NULL; o++) {
        found = type_of(f, node->outputs[o]) != NULL ? &f->values[node->outputs[o]->id] : NULL;
    }
    return found;
}

bool mopt__fold_is_chosen(const struct mopt_folding *f, const struct mopt_node *node)
{
    return waiting(f, node) != NULL;
}

struct demand {
    bool chosen, runs; // a chosen node, one that runs (or the graph's own reader) wants a result
    size_t bytes;      // of results that the latter want
};

static size_t bytes_of(const struct mopt_folding *f, const struct mopt_type *type)
{
    size_t count;
    size_t bytes;
    const bool good = mopt__type_count(f->session->model->dims, type, &count) &&
                      mopt__dtype_bytes(type->dtype, count, &bytes);
    return good ? bytes : 0; // never: it was counted when the type was found
}

static void look(const struct mopt_folding *f, const struct mopt_schedule *schedule,
                 const struct mopt_value *value, struct demand *d)
{
    bool runs = value->graph_output_count > 0;
    for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        const bool same = use->node->graph == schedule->graph;
        const struct mopt_fold_value *reader = same ? waiting(f, use->node) : NULL;
        const bool folded = same && schedule->steps[use->node->order].folded;
        d->chosen = d->chosen || reader != NULL;
        runs = runs || (reader != NULL ? reader->passing : !folded);
    }
    if (runs) {
        d->runs = true;
        d->bytes += bytes_of(f, f->values[value->id].type);
    }
}

static void choose(struct mopt_folding *f, const struct mopt_schedule *schedule,
                   struct mopt_step *step)
{
    const struct mopt_node *node = step->node;
    struct demand d = {0};
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (node->outputs[o] != NULL) {
            look(f, schedule, node->outputs[o], &d);
        }
    }
    step->folded = !d.chosen && !d.runs; // only its shape was read
    const bool small = d.bytes <= SMALL;
    const bool fits = small || d.bytes <= f->room;
    const bool chosen = d.chosen || (d.runs && fits);
    f->room -= d.runs && fits && !small ? d.bytes : 0;
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (node->outputs[o] != NULL) {
            struct mopt_fold_value *value = &f->values[node->outputs[o]->id];
            value->type = chosen ? value->type : NULL;
            value->passing = chosen && !fits;
        }
    }
}

// Backwards, since readers decide.
void mopt__fold_choose(struct mopt_folding *f, const struct mopt_schedule *schedule)
{
    for (uint32_t s = schedule->step_count; s-- > 0;) {
        if (mopt__fold_is_chosen(f, schedule->steps[s].node)) {
            choose(f, schedule, &schedule->steps[s]);
        }
    }
}

void mopt__fold_give_back(struct mopt_folding *f, struct mopt_schedule *schedule)
{
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        struct mopt_step *step = &schedule->steps[s];
        const struct mopt_fold_value *value = waiting(f, step->node);
        if (!step->folded || value == NULL || !value->passing) {
            continue;
        }
        step->folded = false;
        for (uint32_t o = 0; o < step->node->output_count; o++) {
            if (step->node->outputs[o] != NULL) {
                mopt__fold_drop(f->session, step->node->outputs[o]);
            }
        }
    }
}

void mopt__fold_release_read(struct mopt_folding *f, const struct mopt_node *node)
{
    const struct mopt_fold_value *result = waiting(f, node);
    if (result != NULL && result->passing) {
        return; // the runs read them again
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        if (type_of(f, value) == NULL || value->graph != node->graph) {
            continue;
        }
        if (++f->values[value->id].readers == value->use_count && value->graph_output_count == 0 &&
            f->session->constants[value->id] != NULL) {
            mopt__fold_drop(f->session, value);
        }
    }
}
