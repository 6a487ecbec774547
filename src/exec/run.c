// SPDX-License-Identifier: Apache-2.0
// The walk over the steps of one graph, and the services a running operator may call: memory for
// outputs, bodies.
#include "exec/program.h"

static struct mopt_datum *content(const struct mopt_session *session,
                                  const struct mopt_value *value)
{
    struct mopt_datum *live = session->slots[value->id];
    return live != NULL ? live : session->constants[value->id];
}

static void set_slot(struct mopt_session *session, const struct mopt_value *value,
                     struct mopt_datum *datum)
{
    mopt__datum_unref(session->slots[value->id]);
    session->slots[value->id] = datum;
}

static enum mopt_status gather(const struct mopt_session *session, struct mopt_step *step,
                               struct mopt_error *err)
{
    const struct mopt_node *node = step->node;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        step->inputs[i] = value != NULL ? content(session, value) : NULL;
        if (value != NULL && step->inputs[i] == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input %u ('%s') has no content", i,
                                  value->name);
        }
    }
    return MOPT_OK;
}

static enum mopt_status allocate(struct mopt_eval *eval, uint32_t output, enum mopt_dtype dtype,
                                 int rank, const int64_t *dims, struct mopt_tensor **out,
                                 struct mopt_error *err)
{
    struct mopt_exec_run *run = eval->host;
    const struct mopt_value *value = mopt__node_output(eval->node, output);
    struct mopt_slot_plan slot = {0};
    if (value != NULL && run->plan != NULL) {
        slot = run->plan->slots[value->id];
    }
    return mopt__exec_memory_tensor(run->memory, slot.offset, slot.bytes, dtype, rank, dims, out,
                                    err);
}

static void clear_body(struct mopt_session *session, const struct mopt_graph *graph)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        set_slot(session, graph->inputs.items[i], NULL);
    }
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->output_count; i++) {
            if (node->outputs[i] != NULL) {
                set_slot(session, node->outputs[i], NULL);
            }
        }
    }
}

static enum mopt_status take_outputs(struct mopt_session *session, const struct mopt_graph *graph,
                                     struct mopt_datum **outputs, struct mopt_error *err)
{
    for (size_t i = 0; i < graph->outputs.count; i++) {
        struct mopt_datum *datum = content(session, graph->outputs.items[i]);
        if (datum == NULL) {
            for (size_t j = 0; j < i; j++) {
                mopt__datum_unref(outputs[j]);
                outputs[j] = NULL;
            }
            return mopt_error_set(err, MOPT_E_FORMAT, "output '%s' of a body has no content",
                                  graph->outputs.items[i]->name);
        }
        outputs[i] = mopt__datum_ref(datum);
        enum mopt_status status = mopt__exec_own(&outputs[i], err);
        if (status != MOPT_OK) {
            for (size_t j = 0; j <= i; j++) {
                mopt__datum_unref(outputs[j]);
                outputs[j] = NULL;
            }
            return status;
        }
    }
    return MOPT_OK;
}

// A body as a program for the shapes it meets; node by node when it cannot be planned.
static enum mopt_status run_schedule(struct mopt_exec_run *run, struct mopt_schedule *schedule,
                                     struct mopt_error *err)
{
    const struct mopt_exec_plan *outer = run->plan;
    struct mopt_exec_memory *memory = run->memory;
    const struct mopt_exec_plan *plan = NULL;
    schedule->memory.limit_bytes = run->session->main.memory.limit_bytes;
    size_t limit = schedule->memory.limit_bytes;
    enum mopt_status status =
        run->fuse ? mopt__plan_body(run->session, schedule, &plan, err) : MOPT_OK;
    if (status != MOPT_OK) {
        return status;
    }
    if (plan != NULL && (limit == 0 || plan->arena_bytes <= limit)) {
        status = mopt__exec_memory_reserve(&schedule->memory, plan->arena_bytes, err);
        run->plan = plan;
        run->memory = &schedule->memory;
        status = status == MOPT_OK ? mopt__program_run(run, plan->program, err) : status;
    } else {
        run->plan = NULL;
        status = mopt__exec_graph(run, schedule, err);
    }
    run->plan = outer;
    run->memory = memory;
    return status;
}

static enum mopt_status run_body(struct mopt_eval *eval, const struct mopt_graph *graph,
                                 struct mopt_datum *const *inputs, size_t input_count,
                                 struct mopt_datum **outputs, struct mopt_error *err)
{
    struct mopt_exec_run *run = eval->host;
    struct mopt_session *session = run->session;
    struct mopt_schedule *schedule =
        mopt__map_find_u64(&session->bodies, (uint64_t)(uintptr_t)graph);
    if (schedule == NULL) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "body without a schedule");
    }
    if (input_count > graph->inputs.count) {
        return mopt_error_set(err, MOPT_E_FORMAT, "body takes %zu inputs, %zu given",
                              graph->inputs.count, input_count);
    }
    for (size_t i = 0; i < input_count; i++) {
        set_slot(session, graph->inputs.items[i], mopt__datum_ref(inputs[i]));
    }
    enum mopt_status status = run_schedule(run, schedule, err);
    if (status == MOPT_OK) {
        status = take_outputs(session, graph, outputs, err);
    }
    clear_body(session, graph);
    return status;
}

enum mopt_status mopt__exec_budget(struct mopt_exec_run *run, struct mopt_error *err)
{
    const struct mopt_budget *budget = run->options != NULL ? run->options->budget : NULL;
    run->steps++;
    if (budget == NULL) {
        return MOPT_OK;
    }
    if (budget->max_steps != 0 && run->steps > budget->max_steps) {
        return mopt_error_set(err, MOPT_E_LIMIT, "limit of %llu executed nodes reached",
                              (unsigned long long)budget->max_steps);
    }
    return mopt__budget_check(budget, err);
}

static struct mopt_eval make_eval(struct mopt_exec_run *run, struct mopt_step *step)
{
    return (struct mopt_eval){
        .node = step->node,
        .version = step->version,
        .inputs = step->inputs,
        .outputs = step->outputs,
        .input_count = step->node->input_count,
        .output_count = step->node->output_count,
        .pool = run->session->pool,
        .rng = &run->rng,
        .budget = run->options != NULL ? run->options->budget : NULL,
        .allocate = allocate,
        .body = run_body,
        .host = run,
    };
}

static enum mopt_status call_profiled(struct mopt_exec_run *run, struct mopt_step *step,
                                      struct mopt_eval *eval, struct mopt_error *err)
{
    if (!run->session->options.profile) {
        return mopt__step_call(step, eval, err);
    }
    struct mopt_node_profile *row = &run->session->profile[step->profile];
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = mopt__step_call(step, eval, err);
    row->total_ns += mopt__clock_ns() - start;
    row->calls++;
    row->bound = step->run != NULL;
    return status;
}

static enum mopt_status keep_outputs(struct mopt_exec_run *run, struct mopt_step *step,
                                     struct mopt_error *err)
{
    const struct mopt_node *node = step->node;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];
        struct mopt_datum *datum = step->outputs[i];
        step->outputs[i] = NULL;
        if (value == NULL || status != MOPT_OK) {
            mopt__datum_unref(datum);
            continue;
        }
        if (datum == NULL) {
            status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "output %u ('%s') is not computed", i,
                                    value->name);
            continue;
        }
        set_slot(run->session, value, datum);
        if (run->options != NULL && run->options->observe != NULL) {
            status = run->options->observe(run->options->observe_context, value, datum, err);
        }
    }
    return status;
}

enum mopt_status mopt__exec_step(struct mopt_exec_run *run, struct mopt_step *step,
                                 struct mopt_error *err)
{
    enum mopt_status status = mopt__exec_budget(run, err);
    if (status == MOPT_OK) {
        status = gather(run->session, step, err);
    }
    struct mopt_eval eval = make_eval(run, step);
    if (status == MOPT_OK) {
        status = mopt__step_bind(run->session, step, &eval, err);
    }
    if (status == MOPT_OK) {
        status = call_profiled(run, step, &eval, err);
    }
    if (status == MOPT_OK) {
        return keep_outputs(run, step, err);
    }
    for (uint32_t i = 0; i < step->node->output_count; i++) {
        mopt__datum_unref(step->outputs[i]);
        step->outputs[i] = NULL;
    }
    return status;
}

enum mopt_status mopt__exec_graph(struct mopt_exec_run *run, struct mopt_schedule *schedule,
                                  struct mopt_error *err)
{
    struct mopt_session *session = run->session;
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        struct mopt_step *step = &schedule->steps[s];
        if (step->folded && run->fuse) {
            continue;
        }
        enum mopt_status status = mopt__exec_step(run, step, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(step->node),
                                   step->node->op_type);
        }
        for (uint32_t i = 0; i < step->release_count; i++) {
            mopt__datum_unref(session->slots[step->release[i]]);
            session->slots[step->release[i]] = NULL;
        }
    }
    return MOPT_OK;
}
