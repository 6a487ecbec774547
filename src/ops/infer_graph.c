// SPDX-License-Identifier: Apache-2.0
// Drivers of inference: over a model, over one node, and into a plan's table. They decide where
// facts live and in which order nodes are visited; what an operator does to facts is told by its
// facet alone.
#include <string.h>

#include "ops/infer_private.h"

enum {
    TIRED_TRIES = 8, // after so many inferences of a body, facets try it only once more per visit
    CALLS_MAX = 64,  // inferences of one function; further calls get unknown results
};

static enum mopt_status run_graph(struct mopt_infer_driver *driver, struct mopt_graph *graph,
                                  struct mopt_error *err);

// ---- Facts of values ----------------------------------------------------------------------------

static struct mopt_tensor *constant_of(const struct mopt_value *value)
{
    struct mopt_tensor *constant = mopt__value_constant(value);
    if (constant != NULL || value->producer == NULL ||
        strcmp(value->producer->op_type, "Constant") != 0 || value->producer->domain[0] != '\0') {
        return constant;
    }
    const struct mopt_attribute *attribute = mopt__node_attribute(value->producer, "value");
    return attribute != NULL && attribute->kind == MOPT_ATTR_TENSOR ? attribute->t : NULL;
}

static struct mopt_fact get_fact(const struct mopt_infer_driver *driver,
                                 const struct mopt_value *value)
{
    if (driver->facts != NULL) {
        return driver->facts[value->id];
    }
    const struct mopt_fact *known = mopt__map_find_u64(&driver->overlay, value->id);
    if (known != NULL) {
        return *known;
    }
    return (
        struct mopt_fact){.type = value->type, .constant = constant_of(value), .ints = value->ints};
}

static enum mopt_status copy_ints(struct mopt_arena *arena, const struct mopt_ints *ints,
                                  const struct mopt_ints **out, struct mopt_error *err)
{
    struct mopt_ints *copy = mopt__arena_alloc(arena, 1, sizeof *copy);
    int64_t *items = mopt__arena_alloc(arena, ints->count + 1, sizeof *items);
    if (copy == NULL || items == NULL) {
        return mopt_error_memory(err);
    }
    if (ints->count > 0) {
        memcpy(items, ints->items, ints->count * sizeof *items);
    }
    *copy = (struct mopt_ints){.rank = ints->rank, .count = ints->count, .items = items};
    *out = copy;
    return MOPT_OK;
}

static bool ints_equal(const struct mopt_ints *a, const struct mopt_ints *b)
{
    return a != NULL && b != NULL && a->rank == b->rank && a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

// Writes a fact into its value; what is equal already stays, so that repeated inference costs no
// memory.
static enum mopt_status store_fact(struct mopt_infer_driver *driver, struct mopt_value *value,
                                   const struct mopt_fact *fact, struct mopt_error *err)
{
    if (driver->store == NULL || driver->call != NULL) {
        return MOPT_OK; // a function's body holds for all its calls: nothing is written there
    }
    if (fact->type == NULL) {
        value->type = NULL;
    } else if (value->type == NULL || !mopt__type_equal(value->type, fact->type)) {
        value->type = mopt__type_clone(driver->store, fact->type);
        if (value->type == NULL) {
            return mopt_error_memory(err);
        }
    }
    if (fact->ints == NULL) {
        value->ints = NULL;
    } else if (!ints_equal(value->ints, fact->ints)) {
        return copy_ints(driver->store, fact->ints, &value->ints, err);
    }
    return MOPT_OK;
}

static enum mopt_status set_fact(struct mopt_infer_driver *driver, struct mopt_value *value,
                                 const struct mopt_fact *fact, struct mopt_error *err)
{
    if (driver->facts != NULL) {
        driver->facts[value->id] = *fact;
    } else {
        struct mopt_fact *copy = mopt__arena_alloc(driver->arena, 1, sizeof *copy);
        if (copy == NULL) {
            return mopt_error_memory(err);
        }
        *copy = *fact;
        enum mopt_status status = mopt__map_put_u64(&driver->overlay, value->id, copy, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return store_fact(driver, value, fact, err);
}

// ---- Nodes --------------------------------------------------------------------------------------

static uintptr_t count_try(struct mopt_infer_driver *driver, const struct mopt_graph *graph,
                           enum mopt_status *status, struct mopt_error *err)
{
    uint64_t key = (uint64_t)(uintptr_t)graph;
    uintptr_t tries = (uintptr_t)mopt__map_find_u64(&driver->tries, key) + 1;
    *status = mopt__map_put_u64(&driver->tries, key, (void *)tries, err);
    return tries;
}

bool mopt__infer_tired(const struct mopt_infer *infer, const struct mopt_graph *body)
{
    const struct mopt_infer_driver *driver = infer->driver;
    uint64_t key = (uint64_t)(uintptr_t)body;
    return driver != NULL && (uintptr_t)mopt__map_find_u64(&driver->tries, key) >= TIRED_TRIES;
}

static enum mopt_status set_inputs(struct mopt_infer_driver *driver, struct mopt_graph *graph,
                                   const struct mopt_fact *inputs, size_t count,
                                   struct mopt_error *err)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        struct mopt_value *value = graph->inputs.items[i];
        struct mopt_fact fact = {0};
        if (i < count) {
            fact = inputs[i];
        }
        enum mopt_status status =
            mopt__infer_merge(driver, fact.type, value->declared, &fact.type, err);
        if (status == MOPT_OK) {
            status = mopt__infer_freshen(driver, &fact.type, err);
        }
        if (status == MOPT_OK) {
            status = set_fact(driver, value, &fact, err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

// The facts of a graph's outputs after it was inferred with these inputs.
static enum mopt_status infer_inner(struct mopt_infer_driver *driver, struct mopt_graph *graph,
                                    const struct mopt_fact *inputs, size_t input_count,
                                    struct mopt_fact *outputs, struct mopt_error *err)
{
    if (driver->depth >= MOPT_DEPTH_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "graphs are nested deeper than %d",
                              MOPT_DEPTH_MAX);
    }
    bool strict_top = driver->strict_top;
    driver->strict_top = false;
    driver->depth++;
    enum mopt_status status = set_inputs(driver, graph, inputs, input_count, err);
    if (status == MOPT_OK) {
        status = run_graph(driver, graph, err);
    }
    driver->depth--;
    driver->strict_top = strict_top;
    for (size_t i = 0; status == MOPT_OK && i < graph->outputs.count; i++) {
        outputs[i] = get_fact(driver, graph->outputs.items[i]);
    }
    return status;
}

static enum mopt_status infer_body(struct mopt_infer *infer, struct mopt_graph *graph,
                                   const struct mopt_fact *inputs, size_t input_count,
                                   struct mopt_fact *outputs, struct mopt_error *err)
{
    enum mopt_status status;
    count_try(infer->driver, graph, &status, err);
    return status == MOPT_OK ? infer_inner(infer->driver, graph, inputs, input_count, outputs, err)
                             : status;
}

static enum mopt_status infer_call(struct mopt_infer_driver *driver, const struct mopt_node *node,
                                   const struct mopt_fact *inputs, struct mopt_fact *outputs,
                                   struct mopt_error *err)
{
    struct mopt_graph *body = node->function->body;
    enum mopt_status status;
    if (count_try(driver, body, &status, err) > CALLS_MAX || status != MOPT_OK ||
        mopt__call_active(driver->call, node->function)) {
        return status; // nothing is known of the results
    }
    struct mopt_fact *results =
        mopt__arena_alloc(driver->arena, body->outputs.count + 1, sizeof *results);
    if (results == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_call call = {.node = node, .function = node->function, .outer = driver->call};
    driver->call = &call;
    status = infer_inner(driver, body, inputs, node->input_count, results, err);
    driver->call = call.outer;
    for (uint32_t i = 0; status == MOPT_OK && i < node->output_count && i < body->outputs.count;
         i++) {
        outputs[i] = results[i];
    }
    return status;
}

static enum mopt_status infer_facet(struct mopt_infer_driver *driver, const struct mopt_node *node,
                                    const struct mopt_fact *inputs, struct mopt_fact *outputs,
                                    struct mopt_error *err)
{
    if (node->function != NULL) {
        return infer_call(driver, node, inputs, outputs, err);
    }
    if (node->op == NULL || node->op->infer == NULL) {
        return MOPT_OK;
    }
    struct mopt_infer infer = {
        .node = node,
        .version = mopt__graph_opset(node->graph, node->domain),
        .dims = driver->dims,
        .arena = driver->arena,
        .inputs = inputs,
        .outputs = outputs,
        .body = infer_body,
        .driver = driver,
    };
    return node->op->infer(&infer, err);
}

// Inference of a node with its facts gathered; a failure that the driver does not care for leaves
// all unknown.
static enum mopt_status infer_gathered(struct mopt_infer_driver *driver,
                                       const struct mopt_node *node, const struct mopt_fact *inputs,
                                       struct mopt_fact *outputs, struct mopt_error *err)
{
    enum mopt_status status = infer_facet(driver, node, inputs, outputs, err);
    if (status == MOPT_OK) {
        for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
            status = mopt__infer_complete(driver, &outputs[i], err);
        }
        if (status == MOPT_OK) {
            status = mopt__infer_fold(driver, node, inputs, outputs, err);
        }
        return status;
    }
    if (status == MOPT_E_MEMORY || status == MOPT_E_LIMIT || status == MOPT_E_INTERRUPTED ||
        driver->strict || driver->strict_top) {
        mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
        return status;
    }
    mopt_error_clear(err);
    memset(outputs, 0, node->output_count * sizeof *outputs);
    return MOPT_OK;
}

// What the value itself says about its type.
static const struct mopt_type *own_type(const struct mopt_infer_driver *driver,
                                        const struct mopt_node *node,
                                        const struct mopt_value *value)
{
    if (driver->facts != NULL && driver->store == NULL) {
        return NULL; // a plan with sizes of its own: what the file says does not hold
    }
    if (driver->keep) {
        return value->type != NULL ? value->type : value->declared;
    }
    bool silent = node->function == NULL && (node->op == NULL || node->op->infer == NULL);
    return silent ? value->declared : NULL;
}

static enum mopt_status settle_output(struct mopt_infer_driver *driver,
                                      const struct mopt_node *node, uint32_t i,
                                      struct mopt_fact *fact, struct mopt_error *err)
{
    struct mopt_value *value = node->outputs[i];
    enum mopt_status status = mopt__infer_complete(driver, fact, err);
    if (status == MOPT_OK) {
        status =
            mopt__infer_merge(driver, fact->type, own_type(driver, node, value), &fact->type, err);
        if (status != MOPT_OK && status != MOPT_E_MEMORY) {
            mopt_error_wrap(err, "value '%s'", value->name);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__infer_freshen(driver, &fact->type, err);
    }
    return status == MOPT_OK ? set_fact(driver, value, fact, err) : status;
}

static enum mopt_status infer_one(struct mopt_infer_driver *driver, struct mopt_node *original,
                                  struct mopt_error *err)
{
    const struct mopt_node *node;
    enum mopt_status status = mopt__call_bind(driver->call, original, driver->arena, &node, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t slots = (size_t)node->input_count + node->output_count;
    struct mopt_fact *inputs = mopt__arena_alloc(driver->arena, slots + 1, sizeof *inputs);
    if (inputs == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_fact *outputs = inputs + node->input_count;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value != NULL) {
            inputs[i] = get_fact(driver, node->inputs[i].value);
        }
    }
    status = infer_gathered(driver, node, inputs, outputs, err);
    for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            status = settle_output(driver, node, i, &outputs[i], err);
        }
    }
    return status;
}

// ---- Graphs -------------------------------------------------------------------------------------

static enum mopt_status set_initializers(struct mopt_infer_driver *driver,
                                         const struct mopt_value_list *list, struct mopt_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct mopt_value *value = list->items[i];
        struct mopt_fact fact = {.constant = mopt__value_constant(value)};
        if (value->is_input && fact.constant == NULL) {
            continue; // a default that the caller may replace: set with the inputs
        }
        fact.type = value->type != NULL ? value->type : value->declared;
        if (value->sparse != NULL) {
            fact.type = mopt__type_tensor(driver->arena, value->sparse->values->dtype,
                                          value->sparse->rank, value->sparse->dims);
            if (fact.type == NULL) {
                return mopt_error_memory(err);
            }
        }
        enum mopt_status status = mopt__infer_complete(driver, &fact, err);
        if (status == MOPT_OK) {
            status = set_fact(driver, value, &fact, err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status run_graph(struct mopt_infer_driver *driver, struct mopt_graph *graph,
                                  struct mopt_error *err)
{
    enum mopt_status status = set_initializers(driver, &graph->initializers, err);
    if (status == MOPT_OK) {
        status = set_initializers(driver, &graph->sparse_initializers, err);
    }
    struct mopt_node **nodes = NULL;
    if (status == MOPT_OK) {
        status = mopt__infer_order(graph, &nodes, err);
    }
    size_t count = graph->node_count;
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        status = infer_one(driver, nodes[i], err);
    }
    mopt__free(nodes);
    return status;
}

static enum mopt_status main_inputs(struct mopt_infer_driver *driver, struct mopt_graph *graph,
                                    struct mopt_error *err)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        struct mopt_value *value = graph->inputs.items[i];
        struct mopt_fact fact = {.type = value->type != NULL ? value->type : value->declared};
        enum mopt_status status = mopt__infer_freshen(driver, &fact.type, err);
        if (status == MOPT_OK) {
            status = set_fact(driver, value, &fact, err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static void release_driver(struct mopt_infer_driver *driver)
{
    mopt__map_release(&driver->overlay);
    mopt__map_release(&driver->tries);
}

enum mopt_status mopt__infer_model(struct mopt_model *model, unsigned flags, struct mopt_error *err)
{
    struct mopt_arena scratch;
    mopt__arena_init(&scratch);
    struct mopt_infer_driver driver = {
        .dims = model->dims,
        .arena = &scratch,
        .store = &model->arena,
        .facts = mopt__calloc((size_t)model->value_count + 1, sizeof(struct mopt_fact)),
        .keep = (flags & MOPT_INFER_KEEP) != 0,
        .strict = (flags & MOPT_INFER_STRICT) != 0,
    };
    enum mopt_status status =
        driver.facts != NULL ? main_inputs(&driver, model->graph, err) : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = run_graph(&driver, model->graph, err);
    }
    if (status == MOPT_OK && mopt__dims_starved(model->dims)) {
        status = mopt_error_memory(err);
    }
    mopt__free(driver.facts);
    release_driver(&driver);
    mopt__arena_release(&scratch);
    return status;
}

enum mopt_status mopt__infer_node(struct mopt_model *model, struct mopt_node *node,
                                  struct mopt_error *err)
{
    struct mopt_arena scratch;
    mopt__arena_init(&scratch);
    struct mopt_infer_driver driver = {
        .dims = model->dims,
        .arena = &scratch,
        .store = &model->arena,
    };
    enum mopt_status status = infer_one(&driver, node, err);
    release_driver(&driver);
    mopt__arena_release(&scratch);
    return status;
}

enum mopt_status mopt__infer_table(const struct mopt_graph *graph, struct mopt_dims *dims,
                                   struct mopt_arena *arena, struct mopt_fact *facts,
                                   struct mopt_error *err)
{
    struct mopt_infer_driver driver = {
        .dims = dims,
        .arena = arena,
        .facts = facts,
        .strict_top = true,
    };
    union {
        const struct mopt_graph *shared;
        struct mopt_graph *own;
    } access = {.shared = graph}; // the driver writes into the table only
    enum mopt_status status = run_graph(&driver, access.own, err);
    release_driver(&driver);
    return status;
}
