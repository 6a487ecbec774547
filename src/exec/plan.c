// SPDX-License-Identifier: Apache-2.0
// From the shapes of what a graph reads to its program: infers every type of the graph, then lowers
// the schedule. A few plans are kept per graph. Values whose size is not known before the run and
// results of the graph stay on the heap.
#include "exec/program.h"

enum { CONTENT_MAX = 64 }; // elements of an input whose content inference may use

// The content of small integer tensors decides over shapes inside.
static bool is_read(const struct mopt_datum *input)
{
    return input != NULL && input->kind == MOPT_DATUM_TENSOR &&
           input->tensor->count <= CONTENT_MAX && mopt__dtype_is_integer(input->tensor->dtype);
}

size_t mopt__plan_bytes(const struct mopt_exec_plan *plan)
{
    return plan->arena_bytes + (plan->program != NULL ? plan->program->scratch_bytes : 0);
}

void mopt__plan_release(struct mopt_exec_plan *plan)
{
    mopt__free(plan->slots);
    mopt__program_release(plan->program);
    plan->slots = NULL;
    plan->program = NULL;
}

// ---- Making -------------------------------------------------------------------------------------------------------

static enum mopt_status set_fact(const struct mopt_session *session, const struct mopt_value *value,
                                 bool content, struct mopt_arena *arena, struct mopt_fact *facts,
                                 struct mopt_error *err)
{
    const struct mopt_datum *datum = session->slots[value->id];
    struct mopt_fact *fact = &facts[value->id];
    const bool fixed = datum == NULL; // an initializer, or folded
    datum = fixed ? session->constants[value->id] : datum;
    if (datum == NULL) {
        return MOPT_OK;
    }
    if (datum->kind != MOPT_DATUM_TENSOR) {
        fact->type = value->declared;
        return MOPT_OK;
    }
    const struct mopt_tensor *tensor = datum->tensor;
    fact->type = mopt__type_tensor(arena, tensor->dtype, tensor->rank, tensor->dims);
    bool known = fixed ? mopt__session_constant(session, value) != NULL : content && is_read(datum);
    fact->constant = known ? datum->tensor : NULL;
    return fact->type != NULL ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status set_facts(const struct mopt_session *session,
                                  const struct mopt_schedule *schedule, bool content,
                                  struct mopt_arena *arena, struct mopt_fact *facts,
                                  struct mopt_error *err)
{
    const struct mopt_graph *graph = schedule->graph;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < graph->inputs.count && status == MOPT_OK; i++) {
        status = set_fact(session, graph->inputs.items[i], content, arena, facts, err);
    }
    for (size_t i = 0; i < schedule->captured_count && status == MOPT_OK; i++) {
        status = set_fact(session, schedule->captured[i], true, arena, facts, err);
    }
    return status;
}

static enum mopt_status build(struct mopt_session *session, struct mopt_schedule *schedule,
                              bool content, struct mopt_exec_plan *plan, struct mopt_error *err)
{
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    struct mopt_dims *dims = mopt__dims_clone(session->model->dims);
    struct mopt_fact *facts = mopt__calloc(session->model->value_count + (size_t)1, sizeof *facts);
    plan->program = mopt__calloc(1, sizeof *plan->program);
    enum mopt_status status = MOPT_OK;
    if (dims == NULL || facts == NULL || plan->program == NULL) {
        status = mopt_error_memory(err);
    } else {
        plan->program->schedule = schedule;
        mopt__arena_init(&plan->program->arena);
        status = set_facts(session, schedule, content, &arena, facts, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_table(schedule->graph, dims, &arena, facts, err);
    }
    if (status == MOPT_OK) {
        status = mopt__lower(session, schedule, plan, facts, dims, err);
    }
    if (status != MOPT_OK) {
        mopt__plan_release(plan);
    }
    mopt__free(facts);
    mopt__dims_free(dims);
    mopt__arena_release(&arena);
    return status;
}

// ---- Finding ------------------------------------------------------------------------------------------------------

static uint64_t hash_value(const struct mopt_session *session, const struct mopt_value *value,
                           bool content, uint64_t hash)
{
    struct mopt_datum *datum = session->slots[value->id];
    hash = mopt__hash_mix(hash, mopt__exec_signature(&datum, 1));
    if (content && is_read(datum)) {
        uint64_t bytes = mopt__hash_bytes(datum->tensor->data, datum->tensor->bytes);
        hash = mopt__hash_mix(hash, bytes);
    }
    return hash;
}

static uint64_t signature(const struct mopt_session *session, const struct mopt_schedule *schedule,
                          bool content)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < schedule->graph->inputs.count; i++) {
        hash = hash_value(session, schedule->graph->inputs.items[i], content, hash);
    }
    for (size_t i = 0; i < schedule->captured_count; i++) {
        hash = hash_value(session, schedule->captured[i], true, hash);
    }
    return hash;
}

static struct mopt_exec_plan *find(const struct mopt_schedule *schedule, uint64_t wanted)
{
    for (size_t i = 0; i < MOPT_PLAN_CACHE; i++) {
        if (schedule->plans[i].slots != NULL && schedule->plans[i].signature == wanted) {
            return &schedule->plans[i];
        }
    }
    return NULL;
}

// A free entry, else the one unused for longest.
static struct mopt_exec_plan *oldest(const struct mopt_schedule *schedule)
{
    struct mopt_exec_plan *oldest = &schedule->plans[0];
    for (size_t i = 0; i < MOPT_PLAN_CACHE; i++) {
        struct mopt_exec_plan *plan = &schedule->plans[i];
        if (plan->slots == NULL) {
            return plan;
        }
        oldest = plan->used < oldest->used ? plan : oldest;
    }
    return oldest;
}

static enum mopt_status make(struct mopt_session *session, struct mopt_schedule *schedule,
                             bool content, uint64_t wanted, struct mopt_exec_plan **out,
                             struct mopt_error *err)
{
    struct mopt_exec_plan *plan = oldest(schedule);
    mopt__plan_release(plan);
    *plan = (struct mopt_exec_plan){.signature = wanted};
    enum mopt_status status = build(session, schedule, content, plan, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "planning");
    }
    if (plan->arena_bytes >= session->arena_bytes) {
        session->arena_bytes = plan->arena_bytes;
        session->floor_bytes = plan->floor_bytes;
        session->unshared_bytes = plan->unshared_bytes;
    }
    *out = plan;
    return MOPT_OK;
}

enum mopt_status mopt__plan_main(struct mopt_session *session, const struct mopt_exec_plan **out,
                                 struct mopt_error *err)
{
    struct mopt_schedule *schedule = &session->main;
    uint64_t wanted = signature(session, schedule, true);
    struct mopt_exec_plan *plan = find(schedule, wanted);
    enum mopt_status status =
        plan != NULL ? MOPT_OK : make(session, schedule, true, wanted, &plan, err);
    if (status == MOPT_OK && plan != NULL) {
        plan->used = ++schedule->plan_clock;
    }
    *out = plan;
    return status;
}

enum mopt_status mopt__plan_body(struct mopt_session *session, struct mopt_schedule *schedule,
                                 const struct mopt_exec_plan **out, struct mopt_error *err)
{
    uint64_t wanted = signature(session, schedule, false);
    struct mopt_exec_plan *plan = find(schedule, wanted);
    enum mopt_status status = MOPT_OK;
    if (plan == NULL && schedule->refused != wanted) {
        status = make(session, schedule, false, wanted, &plan, err);
    }
    // Want of memory is no reason to run in another way, with other roundings.
    if (status != MOPT_OK && status != MOPT_E_MEMORY) {
        schedule->refused = wanted;
        plan = NULL;
        mopt_error_clear(err);
        status = MOPT_OK;
    }
    if (plan != NULL) {
        plan->used = ++schedule->plan_clock;
    }
    *out = plan;
    return status;
}
