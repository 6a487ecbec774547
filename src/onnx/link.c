// SPDX-License-Identifier: Apache-2.0
// What needs the whole model: operator sets, calls of model-local functions, recursion, order of
// nodes.
#include <inttypes.h>
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"

enum {
    FUNCTION_DEPTH_MAX = 100,
    NEWEST_DEFAULT_OPSET = 21,
    OPSETS_MAX = 100, // finding one is a linear search
};

// ---- Operator sets

static const struct mopt_opset *find_opset(const struct mopt_opset_list *list, const char *domain)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].domain, domain) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

static enum mopt_status add_opset(struct mopt_import *in, struct mopt_opset_list *list,
                                  const struct mopt_opset *opset, struct mopt_error *err)
{
    const char *domain = mopt__model_intern(in->model, opset->domain, err);
    enum mopt_status status = domain != NULL ? MOPT_OK : MOPT_E_MEMORY;

    if (status == MOPT_OK) {
        status = mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                            sizeof *list->items, err);
    }
    if (status == MOPT_OK) {
        list->items[list->count] = *opset;
        list->items[list->count++].domain = domain;
    }
    return status;
}

static enum mopt_status import_opset(struct mopt_import *in,
                                     const Mopt__Pb__OperatorSetIdProto *message,
                                     struct mopt_opset_list *list, struct mopt_error *err)
{
    struct mopt_opset opset = {.domain = mopt__domain_normalise(message->domain),
                               .version = message->version};
    const struct mopt_opset *old = find_opset(list, opset.domain);

    if (!message->has_version || message->version < 1) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "operator set '%s': version %" PRId64 " is below 1", opset.domain,
                              message->version);
    }
    if (old != NULL && old->version != message->version) {
        return mopt_error_set(err, MOPT_E_FORMAT, "operator set '%s' is imported in two versions",
                              opset.domain);
    }
    enum mopt_status status = mopt__import_text(in, message->domain, &opset.domain_text, err);
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &opset.unknown, err);
    }
    return status != MOPT_OK ? status : add_opset(in, list, &opset, err);
}

enum mopt_status mopt__import_opsets(struct mopt_import *in, size_t count,
                                     struct Mopt__Pb__OperatorSetIdProto *const *messages,
                                     struct mopt_opset_list *list, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    if (count > OPSETS_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "%zu operator sets, at most %d work", count,
                              OPSETS_MAX);
    }
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = import_opset(in, messages[i], list, err);
    }
    return status;
}

// ---- Whole model: function calls and operator sets

// One call: caller and callee as indices of model->functions.
struct call {
    size_t from, to;
};

struct linker {
    struct mopt_import *in;
    struct mopt_map index;  // identity of a function -> 1 + its index
    struct mopt_strbuf key; // scratch
    struct call *calls;     // between functions
    size_t call_count, call_capacity;
    size_t current; // function being walked; SIZE_MAX: main graph
};

static const char *function_key(struct linker *l, const char *domain, const char *name,
                                const char *overload)
{
    mopt__strbuf_clear(&l->key);
    mopt__strbuf_printf(&l->key, "%zu:%s%zu:%s%s", strlen(domain), domain, strlen(name), name,
                        overload != NULL ? overload : "");
    return l->key.failed ? NULL : mopt__strbuf_text(&l->key);
}

static enum mopt_status index_functions(struct linker *l, struct mopt_error *err)
{
    struct mopt_model *model = l->in->model;
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        const struct mopt_function *f = model->functions[i];
        const char *key = function_key(l, f->domain, f->name, f->overload);

        key = key != NULL ? mopt__model_intern(model, key, err) : NULL;
        if (key == NULL) {
            return mopt_error_memory(err);
        }
        if (mopt__map_find(&l->index, key) != NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "function '%s' is defined twice", f->name);
        }
        status = mopt__map_put(&l->index, key, &model->functions[i], err);
    }
    return status;
}

static enum mopt_status link_call(struct linker *l, struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_function **functions = l->in->model->functions;
    const char *key = function_key(l, node->domain, node->op_type, node->overload);
    struct mopt_function **slot = NULL;

    if (key == NULL) {
        return mopt_error_memory(err);
    }
    slot = mopt__map_find(&l->index, key);
    if (slot == NULL) {
        return MOPT_OK;
    }
    node->function = *slot;
    if (l->current == SIZE_MAX) {
        return MOPT_OK;
    }
    enum mopt_status status =
        mopt__grow((void **)&l->calls, &l->call_capacity, l->call_count + 1, sizeof *l->calls, err);
    if (status == MOPT_OK) {
        l->calls[l->call_count++] =
            (struct call){.from = l->current, .to = (size_t)(slot - functions)};
    }
    return status;
}

static struct mopt_opset_list *opsets_of(struct linker *l)
{
    struct mopt_model *model = l->in->model;

    return l->current == SIZE_MAX ? &model->opsets : &model->functions[l->current]->opsets;
}

// Operator sets that nodes use but nobody imports: the newest of the default domain (version 1
// before files could import any), 1 of all others.
static enum mopt_status complete_opsets(struct linker *l, const struct mopt_node *node,
                                        struct mopt_error *err)
{
    const struct mopt_model *model = l->in->model;
    struct mopt_opset opset = {.domain = node->domain, .domain_text = node->domain, .version = 1};

    if (find_opset(opsets_of(l), node->domain) != NULL) {
        return MOPT_OK;
    }
    if (opsets_of(l)->count >= OPSETS_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "nodes of more than %d domains", OPSETS_MAX);
    }
    if (node->domain[0] == '\0' && (!model->has_ir_version || model->ir_version >= 3)) {
        opset.version = NEWEST_DEFAULT_OPSET;
    }
    return add_opset(l->in, opsets_of(l), &opset, err);
}

static enum mopt_status visit_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct linker *l = context;
    enum mopt_status status = MOPT_OK;

    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        if (l->in->model->function_count > 0) {
            status = link_call(l, node, err);
        }
        if (status == MOPT_OK) {
            status = complete_opsets(l, node, err);
        }
    }
    return status;
}

// ---- Recursion

struct levels {
    size_t *callers; // calls of a function that are not yet looked at
    size_t *depth;   // longest chain of calls that leads to it
    size_t *queue;
    size_t *first; // calls of function i: first[i] .. first[i+1] in order of caller
};

// Calls stand in order of their caller, because functions are walked in order.
static void sort_calls(const struct linker *l, size_t count, struct levels *levels)
{
    size_t at = 0;

    for (size_t i = 0; i <= count; i++) {
        while (at < l->call_count && l->calls[at].from < i) {
            at++;
        }
        levels->first[i] = at;
    }
    for (size_t i = 0; i < l->call_count; i++) {
        levels->callers[l->calls[i].to]++;
    }
}

static enum mopt_status too_deep(const struct mopt_function *function, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_LIMIT, "function '%s' is called through more than %d others",
                          function->name, FUNCTION_DEPTH_MAX);
}

static enum mopt_status walk_calls(const struct linker *l, struct levels *levels,
                                   struct mopt_error *err)
{
    struct mopt_function *const *functions = l->in->model->functions;
    size_t count = l->in->model->function_count;
    size_t head = 0;
    size_t tail = 0;

    for (size_t i = 0; i < count; i++) {
        if (levels->callers[i] == 0) {
            levels->queue[tail++] = i;
        }
    }
    while (head < tail) {
        size_t from = levels->queue[head++];

        for (size_t c = levels->first[from]; c < levels->first[from + 1]; c++) {
            size_t to = l->calls[c].to;

            if (levels->depth[to] <= levels->depth[from]) {
                levels->depth[to] = levels->depth[from] + 1;
            }
            if (levels->depth[to] > FUNCTION_DEPTH_MAX) {
                return too_deep(functions[to], err);
            }
            if (--levels->callers[to] == 0) {
                levels->queue[tail++] = to;
            }
        }
    }
    for (size_t i = 0; tail < count && i < count; i++) {
        if (levels->callers[i] > 0) {
            return mopt_error_set(err, MOPT_E_FORMAT,
                                  "function '%s' calls itself or is called from a "
                                  "function that does",
                                  functions[i]->name);
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_recursion(const struct linker *l, struct mopt_error *err)
{
    size_t count = l->in->model->function_count;
    size_t *space = NULL;
    enum mopt_status status = MOPT_OK;

    if (l->call_count == 0) {
        return MOPT_OK;
    }
    space = mopt__calloc(4 * count + 1, sizeof *space);
    if (space == NULL) {
        return mopt_error_memory(err);
    }
    struct levels levels = {space, space + count, space + 2 * count, space + 3 * count};
    sort_calls(l, count, &levels);
    status = walk_calls(l, &levels, err);
    mopt__free(space);
    return status;
}

// ---- Finish

static enum mopt_status link_model(struct linker *l, struct mopt_error *err)
{
    struct mopt_model *model = l->in->model;
    enum mopt_status status = index_functions(l, err);

    l->current = SIZE_MAX;
    if (status == MOPT_OK) {
        status = mopt__graph_walk(model->graph, visit_graph, l, err);
    }
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        l->current = i;
        status = mopt__graph_walk(model->functions[i]->body, visit_graph, l, err);
    }
    return status != MOPT_OK ? status : check_recursion(l, err);
}

static enum mopt_status sort_model(struct mopt_model *model, struct mopt_error *err)
{
    enum mopt_status status = mopt__graph_sort(model->graph, err);

    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = mopt__graph_sort(model->functions[i]->body, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "function '%s'", model->functions[i]->name);
        }
    }
    return status;
}

enum mopt_status mopt__import_finish(struct mopt_import *in, struct mopt_error *err)
{
    struct linker linker = {.in = in};
    enum mopt_status status = link_model(&linker, err);

    mopt__map_release(&linker.index);
    mopt__strbuf_release(&linker.key);
    mopt__free(linker.calls);
    return status != MOPT_OK ? status : sort_model(in->model, err);
}
