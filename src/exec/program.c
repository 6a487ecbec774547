// SPDX-License-Identifier: Apache-2.0
// Running a program: a walk over a flat array. A native action costs one indirect call; tensors are
// made only for values that node actions or the caller see.
#include "exec/program.h"

void mopt__program_release(struct mopt_program *program)
{
    if (program == NULL) {
        return;
    }
    for (size_t i = 0; i < program->preset_count; i++) {
        mopt__datum_unref(program->presets[i].datum);
    }
    mopt__free(program->presets);
    mopt__arena_release(&program->arena);
    mopt__free(program->actions);
    mopt__free(program->cells);
    mopt__free(program->data);
    mopt__free_aligned(program->scratch);
    mopt__free(program);
}

// The root's pointer is known: so are those of the pieces of it.
static void set_data(struct mopt_program *program, uint32_t root, void *data)
{
    program->data[root] = data;
    for (uint32_t c = program->cells[root].next; c != MOPT_NO_CELL; c = program->cells[c].next) {
        program->data[c] = data != NULL ? (uint8_t *)data + program->cells[c].shift : NULL;
    }
}

// Pointers of planned cells and constants; anew when the block has moved.
static void place_cells(struct mopt_program *program, const struct mopt_exec_memory *memory)
{
    uint8_t *block = memory->block != NULL ? memory->block->data : NULL;
    if (program->block == block && program->placed) {
        return;
    }
    program->block = block;
    program->placed = true;
    for (size_t c = 0; c < program->cell_count; c++) {
        const struct mopt_cell *cell = &program->cells[c];
        if (cell->place == MOPT_CELL_CONSTANT) {
            set_data(program, (uint32_t)c, (void *)(uintptr_t)cell->constant);
        } else if (cell->place == MOPT_CELL_ARENA && cell->root == c && block != NULL) {
            set_data(program, (uint32_t)c, block + cell->offset);
        }
    }
}

static enum mopt_status publish(struct mopt_exec_run *run, struct mopt_program *program,
                                uint32_t index, struct mopt_error *err)
{
    struct mopt_session *session = run->session;
    const struct mopt_cell *cell = &program->cells[index];
    const struct mopt_slot_plan *slot = &run->plan->slots[cell->value->id];
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    enum mopt_status status =
        mopt__exec_memory_tensor(run->memory, slot->offset, slot->bytes, cell->dtype, cell->rank,
                                 cell->dims, &tensor, err);
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, &datum, err);
    }
    if (status == MOPT_OK) {
        set_data(program, index, mopt__tensor_data(tensor));
        mopt__datum_unref(session->slots[cell->value->id]);
        session->slots[cell->value->id] = datum;
    }
    mopt__tensor_unref(tensor);
    return status;
}

// The pointer of a value that a node action or the caller made. Natives rely on the planned size.
static enum mopt_status load(const struct mopt_session *session, struct mopt_program *program,
                             uint32_t index, struct mopt_error *err)
{
    const struct mopt_cell *cell = &program->cells[index];
    const struct mopt_datum *datum = session->slots[cell->value->id];
    datum = datum != NULL ? datum : session->constants[cell->value->id];
    set_data(program, index, NULL);
    if (datum == NULL || datum->kind != MOPT_DATUM_TENSOR) {
        return MOPT_OK;
    }
    if (cell->bytes != 0 && datum->tensor->bytes != cell->bytes) {
        return mopt_error_set(err, MOPT_E_SHAPE, "'%s' has %zu bytes, %zu were inferred",
                              cell->value->name, datum->tensor->bytes, cell->bytes);
    }
    set_data(program, index, (void *)(uintptr_t)datum->tensor->data);
    return MOPT_OK;
}

// A result that shares planned memory other than its own (an operator may hand on its input, a
// sequence holds elements) gets its own: natives write to fixed places.
static enum mopt_status own_outputs(struct mopt_exec_run *run, const struct mopt_node *node,
                                    struct mopt_error *err)
{
    struct mopt_session *session = run->session;
    enum mopt_status status = MOPT_OK;
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        uint32_t id = node->outputs[o] != NULL ? node->outputs[o]->id : 0;
        struct mopt_datum *datum = node->outputs[o] != NULL ? session->slots[id] : NULL;
        if (datum == NULL || (o == 0 && (node->op->traits & MOPT_TRAIT_VIEW) != 0)) {
            continue;
        }
        const struct mopt_slot_plan *slot = &run->plan->slots[id];
        bool own =
            datum->kind == MOPT_DATUM_TENSOR &&
            (!mopt__exec_memory_is_planned(datum->tensor) ||
             (slot->bytes > 0 && datum->tensor->data == run->memory->block->data + slot->offset));
        status = own ? MOPT_OK : mopt__exec_own(&session->slots[id], err);
    }
    return status;
}

static enum mopt_status run_node(struct mopt_exec_run *run, struct mopt_step *step,
                                 struct mopt_error *err)
{
    enum mopt_status status = mopt__exec_step(run, step, err);
    if (status == MOPT_OK) {
        status = own_outputs(run, step->node, err);
    }
    return status == MOPT_OK ? status
                             : mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(step->node),
                                               step->node->op_type);
}

static void run_native(struct mopt_exec_run *run, const struct mopt_program *program,
                       const struct mopt_action *action, const struct mopt_frame *frame)
{
    struct mopt_session *session = run->session;
    if (!session->options.profile) {
        action->run(action->work, frame);
        return;
    }
    struct mopt_node_profile *row =
        &session->profile[program->schedule->steps[action->step].profile];
    uint64_t start = mopt__clock_ns();
    action->run(action->work, frame);
    row->total_ns += mopt__clock_ns() - start;
    row->bound = true;
    row->calls += action->counts;
}

static enum mopt_status run_action(struct mopt_exec_run *run, struct mopt_program *program,
                                   const struct mopt_action *action, const struct mopt_frame *frame,
                                   struct mopt_error *err)
{
    struct mopt_session *session = run->session;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < action->publish_count && status == MOPT_OK; i++) {
        status = publish(run, program, action->publish[i], err);
    }
    if (status == MOPT_OK && action->run != NULL) {
        status = mopt__exec_budget(run, err);
    }
    if (status == MOPT_OK && action->run != NULL) {
        run_native(run, program, action, frame);
    } else if (status == MOPT_OK) {
        status = run_node(run, &program->schedule->steps[action->step], err);
    }
    for (uint32_t i = 0; i < action->load_count && status == MOPT_OK; i++) {
        status = load(session, program, action->load[i], err);
    }
    for (uint32_t i = 0; i < action->release_count; i++) {
        mopt__datum_unref(session->slots[action->release[i]]);
        session->slots[action->release[i]] = NULL;
    }
    return status;
}

enum mopt_status mopt__program_run(struct mopt_exec_run *run, struct mopt_program *program,
                                   struct mopt_error *err)
{
    struct mopt_session *session = run->session;
    place_cells(program, run->memory);
    const struct mopt_frame frame = {.data = program->data,
                                     .kernels = &session->kernels,
                                     .pool = session->pool,
                                     .scratch = program->scratch};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < program->preset_count; i++) {
        mopt__datum_unref(session->slots[program->presets[i].value]);
        session->slots[program->presets[i].value] = mopt__datum_ref(program->presets[i].datum);
    }
    for (uint32_t i = 0; i < program->load_count && status == MOPT_OK; i++) {
        status = load(session, program, program->load[i], err);
    }
    for (size_t a = 0; a < program->action_count && status == MOPT_OK; a++) {
        status = run_action(run, program, &program->actions[a], &frame, err);
    }
    return status;
}
