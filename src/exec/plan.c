// SPDX-License-Identifier: Apache-2.0
// From concrete input shapes to offsets: infers every type of the main graph, joins views with what
// they look at, and asks the memory planner. Values whose size is not known before the run, graph
// outputs and bodies stay on the heap.
#include "exec/internal.h"

struct planner {
    struct mopt_session *session;
    struct mopt_dims *dims;
    struct mopt_arena arena;
    struct mopt_fact *facts; // by value id
    uint32_t *root;          // by value id: the value whose bytes it has
    uint32_t *last;          // by value id: step of the last use; UINT32_MAX = end
    bool *planned;           // by value id: a root that can be planned
    struct mopt_plan_item *items;
    uint32_t *item_value;
    size_t item_count;
};

static enum mopt_status planner_init(struct planner *p, struct mopt_session *session,
                                     struct mopt_error *err)
{
    size_t n = session->model->value_count + (size_t)1;
    *p = (struct planner){.session = session};
    mopt__arena_init(&p->arena);
    p->dims = mopt__dims_clone(session->model->dims);
    p->facts = mopt__calloc(n, sizeof *p->facts);
    p->root = mopt__calloc(n, sizeof *p->root);
    p->last = mopt__calloc(n, sizeof *p->last);
    p->planned = mopt__calloc(n, sizeof *p->planned);
    p->items = mopt__calloc(n, sizeof *p->items);
    p->item_value = mopt__calloc(n, sizeof *p->item_value);
    bool ok = p->dims != NULL && p->facts != NULL && p->root != NULL && p->last != NULL &&
              p->planned != NULL && p->items != NULL && p->item_value != NULL;
    return ok ? MOPT_OK : mopt_error_memory(err);
}

static void planner_release(struct planner *p)
{
    mopt__dims_free(p->dims);
    mopt__free(p->facts);
    mopt__free(p->root);
    mopt__free(p->last);
    mopt__free(p->planned);
    mopt__free(p->items);
    mopt__free(p->item_value);
    mopt__arena_release(&p->arena);
}

static enum mopt_status set_inputs(struct planner *p, struct mopt_datum *const *inputs,
                                   struct mopt_error *err)
{
    const struct mopt_graph *graph = p->session->main.graph;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *value = graph->inputs.items[i];
        struct mopt_fact *fact = &p->facts[value->id];
        if (inputs[i] == NULL) {
            continue;
        }
        if (inputs[i]->kind != MOPT_DATUM_TENSOR) {
            fact->type = value->declared;
            continue;
        }
        const struct mopt_tensor *tensor = inputs[i]->tensor;
        fact->type = mopt__type_tensor(&p->arena, tensor->dtype, tensor->rank, tensor->dims);
        fact->constant =
            tensor->count <= 64 && mopt__dtype_is_integer(tensor->dtype) ? inputs[i]->tensor : NULL;
        if (fact->type == NULL) {
            return mopt_error_memory(err);
        }
    }
    return MOPT_OK;
}

static void read_lifetimes(struct planner *p)
{
    const struct mopt_schedule *main = &p->session->main;
    for (uint32_t s = 0; s < main->step_count; s++) {
        const struct mopt_node *node = main->steps[s].node;
        for (uint32_t i = 0; i < node->output_count; i++) {
            if (node->outputs[i] != NULL) {
                p->last[node->outputs[i]->id] = UINT32_MAX;
            }
        }
    }
    for (uint32_t s = 0; s < main->step_count; s++) {
        for (uint32_t i = 0; i < main->steps[s].release_count; i++) {
            p->last[main->steps[s].release[i]] = s;
        }
    }
}

static size_t fact_bytes(const struct planner *p, uint32_t id)
{
    const struct mopt_type *type = p->facts[id].type;
    size_t count = 0;
    size_t bytes = 0;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_STRING ||
        type->rank < 0 || !mopt__type_count(p->dims, type, &count) ||
        !mopt__dtype_bytes(type->dtype, count, &bytes)) {
        return 0;
    }
    return bytes;
}

static bool is_view(const struct mopt_node *node)
{
    return node->op != NULL && (node->op->traits & MOPT_TRAIT_VIEW) != 0 &&
           mopt__node_input(node, 0) != NULL;
}

// A view lives in its root's bytes: the root must live as long as its last view.
static void join_views(struct planner *p)
{
    const struct mopt_schedule *main = &p->session->main;
    for (uint32_t s = 0; s < main->step_count; s++) {
        const struct mopt_node *node = main->steps[s].node;
        for (uint32_t i = 0; i < node->output_count; i++) {
            if (node->outputs[i] == NULL) {
                continue;
            }
            uint32_t id = node->outputs[i]->id;
            p->root[id] = id;
            p->planned[id] = true;
            if (i == 0 && is_view(node)) {
                p->planned[id] = false;
                const struct mopt_value *from = node->inputs[0].value;
                p->root[id] =
                    from->graph == main->graph && from->producer != NULL ? p->root[from->id] : id;
                uint32_t root = p->root[id];
                p->last[root] = p->last[id] > p->last[root] ? p->last[id] : p->last[root];
            }
        }
    }
}

static void collect_items(struct planner *p)
{
    const struct mopt_schedule *main = &p->session->main;
    for (uint32_t s = 0; s < main->step_count; s++) {
        const struct mopt_node *node = main->steps[s].node;
        for (uint32_t i = 0; i < node->output_count; i++) {
            uint32_t id = node->outputs[i] != NULL ? node->outputs[i]->id : 0;
            if (node->outputs[i] == NULL || !p->planned[id] || p->last[id] == UINT32_MAX) {
                continue;
            }
            size_t bytes = fact_bytes(p, id);
            if (bytes > 0) {
                p->item_value[p->item_count] = id;
                p->items[p->item_count++] =
                    (struct mopt_plan_item){.bytes = bytes, .first = s, .last = p->last[id]};
            }
        }
    }
}

enum mopt_status mopt__plan_build(struct mopt_session *session, struct mopt_datum *const *inputs,
                                  struct mopt_exec_plan *plan, struct mopt_error *err)
{
    struct planner p;
    plan->slots = NULL;
    enum mopt_status status = planner_init(&p, session, err);
    if (status == MOPT_OK) {
        status = set_inputs(&p, inputs, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_table(session->main.graph, p.dims, &p.arena, p.facts, err);
    }
    if (status == MOPT_OK) {
        read_lifetimes(&p);
        join_views(&p);
        collect_items(&p);
        status =
            mopt__memory_plan(p.items, p.item_count, &plan->arena_bytes, &plan->floor_bytes, err);
    }
    if (status == MOPT_OK) {
        plan->slots = mopt__calloc(session->model->value_count + (size_t)1, sizeof *plan->slots);
        status = plan->slots != NULL ? MOPT_OK : mopt_error_memory(err);
    }
    plan->unshared_bytes = 0;
    for (size_t i = 0; status == MOPT_OK && i < p.item_count; i++) {
        plan->slots[p.item_value[i]] =
            (struct mopt_slot_plan){.offset = p.items[i].offset, .bytes = p.items[i].bytes};
        plan->unshared_bytes += p.items[i].bytes;
    }
    planner_release(&p);
    return status;
}
