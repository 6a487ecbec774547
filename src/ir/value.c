// SPDX-License-Identifier: Apache-2.0
// Values: names in scopes, fresh names, constants, leaving a scope. It must not know operators.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph_private.h"

// ---- Names: every live name is counted model-wide, so that a fresh one is free in all scopes that can see it.

static uintptr_t name_count(const struct mopt_model *model, const char *name)
{
    return (uintptr_t)mopt__map_find(&mopt__model_box_const(model)->live_names, name);
}

static enum mopt_status name_add(struct mopt_model *model, const char *name, struct mopt_error *err)
{
    uintptr_t count = name_count(model, name) + 1;
    return mopt__map_put(&mopt__model_box(model)->live_names, name,
                         (void *)count, // NOLINT(performance-no-int-to-ptr): a counter
                         err);
}

static void name_remove(struct mopt_model *model, const char *name)
{
    struct mopt_error ignored;
    uintptr_t count = name_count(model, name);
    struct mopt_map *map = &mopt__model_box(model)->live_names;
    if (count > 1) { // the key is there: putting it again needs no memory
        (void)mopt__map_put(map, name, (void *)(count - 1), // NOLINT(performance-no-int-to-ptr)
                            &ignored);
    } else {
        (void)mopt__map_remove(map, name);
    }
}

static enum mopt_status scope_add(struct mopt_value *value, const char *name,
                                  struct mopt_error *err)
{
    struct mopt_graph *graph = value->graph;
    enum mopt_status status = mopt__map_put(&graph->names, name, value, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = name_add(graph->model, name, err);
    if (status != MOPT_OK) {
        (void)mopt__map_remove(&graph->names, name);
        return status;
    }
    value->name = name;
    return MOPT_OK;
}

static void scope_remove(struct mopt_value *value)
{
    (void)mopt__map_remove(&value->graph->names, value->name);
    name_remove(value->graph->model, value->name);
}

// Writes the next candidate "hint_N" and remembers N; NULL when out of memory.
static const char *next_name(struct mopt_model *model, const char *hint, struct mopt_strbuf *text,
                             struct mopt_error *err)
{
    struct mopt_map *hints = &mopt__model_box(model)->hints;
    uintptr_t number = (uintptr_t)mopt__map_find(hints, hint) + 1;
    if (mopt__map_put(hints, hint, (void *)number, err) !=
        MOPT_OK) { // NOLINT(performance-no-int-to-ptr)
        return NULL;
    }
    mopt__strbuf_clear(text);
    mopt__strbuf_printf(text, "%s_%" PRIuPTR, hint, number);
    if (text->failed) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    return mopt__strbuf_text(text);
}

// Interned name that no live value of the model carries.
static const char *fresh_name(struct mopt_model *model, const char *hint, struct mopt_error *err)
{
    const char *name = mopt__model_intern(model, hint, err);
    if (name == NULL || name_count(model, name) == 0) {
        return name;
    }
    hint = name;
    struct mopt_strbuf text = {0};
    do {
        name = next_name(model, hint, &text, err);
    } while (name != NULL && name_count(model, name) > 0);
    if (name != NULL) {
        name = mopt__model_intern(model, name, err);
        model->fresh_names++;
    }
    mopt__strbuf_release(&text);
    return name;
}

struct mopt_value *mopt__value_make(struct mopt_graph *graph, const char *name, uint32_t id,
                                    struct mopt_error *err)
{
    struct mopt_model_box *model = mopt__model_box(graph->model);
    struct mopt_value_box *box = mopt__arena_alloc(&model->model.arena, 1, sizeof *box);
    if (box == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    box->value.id = id;
    box->value.graph = graph;
    if (scope_add(&box->value, name, err) != MOPT_OK) {
        return NULL;
    }
    box->older = model->values;
    model->values = box;
    return &box->value;
}

static struct mopt_value *make_numbered(struct mopt_graph *graph, const char *name,
                                        struct mopt_error *err)
{
    if (graph->model->value_count == UINT32_MAX) {
        (void)mopt_error_set(err, MOPT_E_LIMIT, "too many values");
        return NULL;
    }
    struct mopt_value *value = mopt__value_make(graph, name, graph->model->value_count, err);
    if (value != NULL) {
        graph->model->value_count++;
    }
    return value;
}

struct mopt_value *mopt__value_fresh(struct mopt_graph *graph, const char *hint,
                                     struct mopt_error *err)
{
    bool usable = hint != NULL && hint[0] != '\0';
    const char *name = fresh_name(graph->model, usable ? hint : "value", err);
    return name == NULL ? NULL : make_numbered(graph, name, err);
}

static bool name_free(const struct mopt_graph *graph, const char *name, struct mopt_error *err)
{
    if (mopt__map_find(&graph->names, name) == NULL) {
        return true;
    }
    (void)mopt_error_set(err, MOPT_E_INTERNAL, "value name '%s' is taken", name);
    return false;
}

struct mopt_value *mopt__value_new(struct mopt_graph *graph, const char *name,
                                   struct mopt_error *err)
{
    if (name == NULL || name[0] == '\0') {
        return mopt__value_fresh(graph, NULL, err);
    }
    if (!name_free(graph, name, err)) {
        return NULL;
    }
    const char *interned = mopt__model_intern(graph->model, name, err);
    return interned == NULL ? NULL : make_numbered(graph, interned, err);
}

struct mopt_value *mopt__value_find(const struct mopt_graph *graph, const char *name)
{
    return mopt__map_find(&graph->names, name);
}

struct mopt_value *mopt__value_lookup(const struct mopt_graph *graph, const char *name)
{
    for (; graph != NULL; graph = graph->parent) {
        struct mopt_value *value = mopt__map_find(&graph->names, name);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

enum mopt_status mopt__value_rename(struct mopt_value *value, const char *name,
                                    struct mopt_error *err)
{
    if (strcmp(value->name, name) == 0) {
        return MOPT_OK;
    }
    if (!name_free(value->graph, name, err)) {
        return MOPT_E_INTERNAL;
    }
    const char *interned = mopt__model_intern(value->graph->model, name, err);
    if (interned == NULL) {
        return MOPT_E_MEMORY;
    }
    const char *old = value->name;
    enum mopt_status status = scope_add(value, interned, err);
    if (status != MOPT_OK) {
        return status;
    }
    (void)mopt__map_remove(&value->graph->names, old);
    name_remove(value->graph->model, old);
    return MOPT_OK;
}

// ---- Content and leaving

void mopt__value_release_data(struct mopt_value *value)
{
    mopt__tensor_unref(value->constant);
    mopt__sparse_unref(value->sparse);
    value->constant = NULL;
    value->sparse = NULL;
}

void mopt__value_drop(struct mopt_value *value)
{
    struct mopt_value_box *box = mopt__value_box(value);
    if (box->dropped) {
        return;
    }
    for (int i = 0; i < MOPT_TRACKED_COUNT; i++) {
        mopt__tracked_remove(value->graph, (enum mopt_tracked)i, value);
    }
    scope_remove(value);
    mopt__value_release_data(value);
    box->dropped = true;
}

bool mopt__value_is_dead(const struct mopt_value *value)
{
    return value->use_count == 0 && value->graph_output_count == 0;
}

void mopt__value_drop_if_unused(struct mopt_value *value)
{
    bool defined = value->producer != NULL || value->is_input || value->constant != NULL ||
                   value->sparse != NULL;
    if (!defined && mopt__value_is_dead(value)) {
        mopt__value_drop(value);
    }
}

bool mopt__value_is_overridable(const struct mopt_value *value)
{
    const struct mopt_model *model = value->graph->model;
    bool stands = model->defaults_stand && value->graph == model->graph;
    return value->is_input && model->ir_version >= 4 && !stands;
}

struct mopt_tensor *mopt__value_constant(const struct mopt_value *value)
{
    return mopt__value_is_overridable(value) ? NULL : value->constant;
}
