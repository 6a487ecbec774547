// SPDX-License-Identifier: Apache-2.0
// Flat arrays of steps for the main graph and every body, with the values that die after each step.
#include "exec/program.h"

struct mopt_node *mopt__schedule_owner(struct mopt_node *node, const struct mopt_graph *scope)
{
    while (node != NULL && node->graph != scope) {
        node = node->graph != NULL ? node->graph->owner : NULL;
    }
    return node;
}

// Step after which the value is not needed any more; UINT32_MAX: keep to the end of the graph (an
// output, of this graph or of a body that passes it through).
static uint32_t last_step(const struct mopt_value *value, const struct mopt_graph *scope)
{
    if (value->graph_output_count > 0) {
        return UINT32_MAX;
    }
    uint32_t last = value->producer != NULL ? value->producer->order : 0;
    for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        struct mopt_node *node = mopt__schedule_owner(use->node, scope);
        if (node != NULL && node->order > last) {
            last = node->order;
        }
    }
    return last;
}

static enum mopt_status add_releases(struct mopt_session *session, struct mopt_schedule *schedule,
                                     uint32_t *counts, struct mopt_error *err)
{
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        const struct mopt_node *node = schedule->steps[s].node;
        for (uint32_t i = 0; i < node->output_count; i++) {
            uint32_t last = node->outputs[i] != NULL ? last_step(node->outputs[i], schedule->graph)
                                                     : UINT32_MAX;
            if (last != UINT32_MAX) {
                counts[last]++;
            }
        }
    }
    uint32_t **lists = mopt__calloc(schedule->step_count + (size_t)1, sizeof *lists);
    if (lists == NULL) {
        return mopt_error_memory(err);
    }
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        lists[s] = mopt__arena_alloc(&session->arena, counts[s] + (size_t)1, sizeof(uint32_t));
        if (lists[s] == NULL) {
            mopt__free(lists);
            return mopt_error_memory(err);
        }
        schedule->steps[s].release = lists[s];
    }
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        const struct mopt_node *node = schedule->steps[s].node;
        for (uint32_t i = 0; i < node->output_count; i++) {
            const struct mopt_value *value = node->outputs[i];
            uint32_t last = value != NULL ? last_step(value, schedule->graph) : UINT32_MAX;
            if (last != UINT32_MAX) {
                lists[last][schedule->steps[last].release_count++] = value->id;
            }
        }
    }
    mopt__free(lists);
    return MOPT_OK;
}

static enum mopt_status add_profile_row(struct mopt_session *session, struct mopt_step *step,
                                        struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&session->profile, &session->profile_capacity,
                                         session->profile_count + 1, sizeof *session->profile, err);
    if (status == MOPT_OK) {
        step->profile = (uint32_t)session->profile_count;
        session->profile[session->profile_count++] = (struct mopt_node_profile){.node = step->node};
    }
    return status;
}

// The opset version of the graph, or one inside the record's range for nodes inlined from a
// function with other opsets.
static int64_t step_version(const struct mopt_node *node)
{
    int64_t version = mopt__graph_opset(node->graph, node->domain);
    if (version < node->op->since) {
        return node->op->since;
    }
    return node->op->until != 0 && version > node->op->until ? node->op->until : version;
}

static enum mopt_status init_step(struct mopt_session *session, struct mopt_node *node,
                                  struct mopt_step *step, struct mopt_error *err)
{
    *step = (struct mopt_step){.node = node, .version = step_version(node)};
    step->inputs =
        mopt__arena_alloc(&session->arena, node->input_count + (size_t)1, sizeof *step->inputs);
    step->outputs =
        mopt__arena_alloc(&session->arena, node->output_count + (size_t)1, sizeof *step->outputs);
    if (step->inputs == NULL || step->outputs == NULL) {
        return mopt_error_memory(err);
    }
    return add_profile_row(session, step, err);
}

static bool is_inside(const struct mopt_graph *graph, const struct mopt_graph *body)
{
    while (graph != NULL && graph != body) {
        graph = graph->parent;
    }
    return graph == body;
}

struct capture {
    struct mopt_schedule *schedule;
    size_t capacity;
    uint32_t mark;
    bool store; // else only count
};

static void capture_value(struct capture *c, struct mopt_value *value)
{
    struct mopt_schedule *schedule = c->schedule;
    if (value == NULL || value->mark == c->mark || is_inside(value->graph, schedule->graph)) {
        return;
    }
    value->mark = c->mark;
    if (c->store) {
        schedule->captured[schedule->captured_count] = value;
    }
    schedule->captured_count++;
}

static enum mopt_status capture_graph(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    struct capture *c = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->input_count; i++) {
            capture_value(c, node->inputs[i].value);
        }
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        capture_value(c, graph->outputs.items[i]);
    }
    return MOPT_OK;
}

// Values of enclosing graphs that a body, or a body inside it, reads.
static enum mopt_status find_captured(struct mopt_session *session, struct mopt_graph *graph,
                                      struct mopt_schedule *schedule, struct mopt_error *err)
{
    struct capture c = {.schedule = schedule, .mark = mopt__model_new_mark(graph->model)};
    enum mopt_status status = mopt__graph_walk(graph, capture_graph, &c, err);
    schedule->captured = mopt__arena_alloc(&session->arena, schedule->captured_count + 1,
                                           sizeof(const struct mopt_value *));
    if (status != MOPT_OK || schedule->captured == NULL) {
        return status == MOPT_OK ? mopt_error_memory(err) : status;
    }
    schedule->captured_count = 0;
    c.mark = mopt__model_new_mark(graph->model);
    c.store = true;
    return mopt__graph_walk(graph, capture_graph, &c, err);
}

// What a graph needs to run as programs: plans, memory, and what it reads from outside.
static enum mopt_status prepare(struct mopt_session *session, struct mopt_graph *graph,
                                struct mopt_schedule *schedule, struct mopt_error *err)
{
    bool body = graph != session->model->graph;
    enum mopt_status status = MOPT_OK;
    if (body) {
        mopt__exec_memory_share(&schedule->memory, &session->main.memory);
        status = find_captured(session, graph, schedule, err);
    } else {
        status = mopt__exec_memory_init(&schedule->memory, err);
    }
    schedule->plans = mopt__calloc(MOPT_PLAN_CACHE, sizeof *schedule->plans);
    return status == MOPT_OK && schedule->plans == NULL ? mopt_error_memory(err) : status;
}

static enum mopt_status fill(struct mopt_session *session, struct mopt_graph *graph,
                             struct mopt_schedule *schedule, struct mopt_error *err)
{
    if (!mopt__graph_is_sorted(graph)) {
        enum mopt_status sorted = mopt__graph_sort(graph, err);
        if (sorted != MOPT_OK) {
            return sorted;
        }
    }
    mopt__graph_number(graph);
    *schedule = (struct mopt_schedule){.graph = graph, .step_count = (uint32_t)graph->node_count};
    schedule->steps =
        mopt__arena_alloc(&session->arena, graph->node_count + 1, sizeof *schedule->steps);
    enum mopt_status prepared = prepare(session, graph, schedule, err);
    if (prepared != MOPT_OK) {
        return prepared;
    }
    uint32_t *counts = mopt__calloc(graph->node_count + 1, sizeof *counts);
    if (schedule->steps == NULL || counts == NULL) {
        mopt__free(counts);
        return mopt_error_memory(err);
    }
    uint32_t s = 0;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        node->order = s; // numbering of this schedule
        status = init_step(session, node, &schedule->steps[s], err);
        s++;
    }
    if (status == MOPT_OK) {
        status = add_releases(session, schedule, counts, err);
    }
    mopt__free(counts);
    return status;
}

struct build {
    struct mopt_session *session;
    size_t graphs;
};

static enum mopt_status count_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)graph;
    (void)err;
    ((struct build *)context)->graphs++;
    return MOPT_OK;
}

static enum mopt_status build_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct mopt_session *session = ((struct build *)context)->session;
    struct mopt_schedule *schedule = &session->main;
    if (graph != session->model->graph) {
        schedule = &session->body_items[session->body_count++];
    }
    enum mopt_status status = fill(session, graph, schedule, err);
    if (status == MOPT_OK && schedule != &session->main) {
        status = mopt__map_put_u64(&session->bodies, (uint64_t)(uintptr_t)graph, schedule, err);
    }
    return status;
}

enum mopt_status mopt__schedule_build(struct mopt_session *session, struct mopt_error *err)
{
    struct build build = {.session = session};
    struct mopt_graph *graph = session->model->graph;
    enum mopt_status status = mopt__graph_walk(graph, count_graph, &build, err);
    if (status != MOPT_OK) {
        return status;
    }
    session->body_items = mopt__calloc(build.graphs, sizeof *session->body_items);
    if (session->body_items == NULL) {
        return mopt_error_memory(err);
    }
    return mopt__graph_walk(graph, build_graph, &build, err);
}
