// SPDX-License-Identifier: Apache-2.0
// From concrete input shapes to a program: infers every type of the main graph, then lowers the
// schedule. Values whose size is not known before the run, graph outputs and bodies stay on the
// heap.
#include "exec/program.h"

enum { CONTENT_MAX = 64 }; // elements of an input whose content inference may use

bool mopt__plan_reads(const struct mopt_datum *input)
{
    return input != NULL && input->kind == MOPT_DATUM_TENSOR &&
           input->tensor->count <= CONTENT_MAX && mopt__dtype_is_integer(input->tensor->dtype);
}

void mopt__plan_release(struct mopt_exec_plan *plan)
{
    mopt__free(plan->slots);
    mopt__program_release(plan->program);
    plan->slots = NULL;
    plan->program = NULL;
}

static enum mopt_status set_inputs(const struct mopt_session *session,
                                   struct mopt_datum *const *inputs, struct mopt_arena *arena,
                                   struct mopt_fact *facts, struct mopt_error *err)
{
    const struct mopt_graph *graph = session->main.graph;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *value = graph->inputs.items[i];
        struct mopt_fact *fact = &facts[value->id];
        if (inputs[i] == NULL) {
            continue;
        }
        if (inputs[i]->kind != MOPT_DATUM_TENSOR) {
            fact->type = value->declared;
            continue;
        }
        const struct mopt_tensor *tensor = inputs[i]->tensor;
        fact->type = mopt__type_tensor(arena, tensor->dtype, tensor->rank, tensor->dims);
        fact->constant = mopt__plan_reads(inputs[i]) ? inputs[i]->tensor : NULL;
        if (fact->type == NULL) {
            return mopt_error_memory(err);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__plan_build(struct mopt_session *session, struct mopt_datum *const *inputs,
                                  struct mopt_exec_plan *plan, struct mopt_error *err)
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
        mopt__arena_init(&plan->program->arena);
        status = set_inputs(session, inputs, &arena, facts, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_table(session->main.graph, dims, &arena, facts, err);
    }
    const bool ready = true;
    if (status == MOPT_OK && ready) {
        status = mopt__lower(session, plan, facts, dims, err);
    } else if (status == MOPT_OK) {
        mopt__program_release(plan->program);
        plan->program = NULL;
        plan->slots = mopt__calloc(session->model->value_count + (size_t)1, sizeof *plan->slots);
    }
    if (status != MOPT_OK) {
        mopt__plan_release(plan);
    }
    mopt__free(facts);
    mopt__dims_free(dims);
    mopt__arena_release(&arena);
    return status;
}
