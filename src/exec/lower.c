// SPDX-License-Identifier: Apache-2.0
// The walk that turns a schedule into a program, and the nodes that run through their records. It
// knows no operator's meaning; groups.c and the native_*.c files do.
#include <string.h>

#include "exec/bands.h"
#include "exec/lower.h"

enum { KNOWN_MAX = 4096 }; // elements of a content that inference knows

// ---- Node actions -------------------------------------------------------------------------------------------------

// A value whose bytes belong to another value's cell gets bytes of its own.
static enum mopt_status own_cell(struct mopt_lower *l, const struct mopt_value *value,
                                 uint32_t *cell)
{
    const struct mopt_cell *root = &l->program->cells[l->program->cells[*cell].root];
    if (root->place == MOPT_CELL_ARENA && root->value == value &&
        l->program->cells[*cell].shift == 0) {
        *cell = l->program->cells[*cell].root;
        return MOPT_OK;
    }
    uint32_t source = *cell;
    enum mopt_status status = mopt__low_output(l, value, MOPT_FORM_PLAIN, cell);
    return status == MOPT_OK
               ? mopt__low_copy(l, l->program->cells[*cell].bytes, false, source, *cell)
               : status;
}

// Inference knows the content (shape arithmetic): nothing to compute.
static bool is_known(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_fact *fact = value != NULL ? &l->facts[value->id] : NULL;
    if (fact == NULL || fact->type == NULL || fact->type->kind != MOPT_TYPE_TENSOR) {
        return false;
    }
    if (fact->constant != NULL) {
        return fact->constant->count <= KNOWN_MAX;
    }
    bool known = fact->ints != NULL && fact->ints->rank <= 1 &&
                 (fact->type->dtype == MOPT_INT64 || fact->type->dtype == MOPT_INT32);
    for (size_t i = 0; known && i < fact->ints->count; i++) {
        int64_t number;
        known = mopt__dim_is_known(l->dims, fact->ints->items[i], &number);
    }
    return known;
}

// The tensor that inference found: small integers and the like.
static enum mopt_status known_tensor(const struct mopt_lower *l, const struct mopt_value *value,
                                     struct mopt_tensor **out)
{
    const struct mopt_fact *fact = &l->facts[value->id];
    if (fact->constant != NULL) {
        return mopt__tensor_copy(fact->constant, out, l->err);
    }
    const int64_t count = (int64_t)fact->ints->count;
    enum mopt_status status =
        mopt__tensor_new(fact->type->dtype, fact->ints->rank, &count, out, l->err);
    for (size_t i = 0; status == MOPT_OK && i < fact->ints->count; i++) {
        int64_t number = 0;
        mopt__dim_is_known(l->dims, fact->ints->items[i], &number);
        mopt__element_set_i64(fact->type->dtype, mopt__tensor_data(*out), i, number);
    }
    return status;
}

enum mopt_status mopt__low_content(struct mopt_lower *l, const struct mopt_value *value,
                                   struct mopt_tensor **content)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    *content = NULL;
    if (constant != NULL) {
        return mopt__tensor_copy(constant, content, l->err);
    }
    return is_known(l, value) && !value->is_input ? known_tensor(l, value, content) : MOPT_OK;
}

static enum mopt_status add_preset(struct mopt_lower *l, const struct mopt_value *value)
{
    struct mopt_program *p = l->program;
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    enum mopt_status status = mopt__grow((void **)&p->presets, &p->preset_capacity,
                                         p->preset_count + 1, sizeof *p->presets, l->err);
    if (status == MOPT_OK) {
        status = known_tensor(l, value, &tensor);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, &datum, l->err);
    }
    mopt__tensor_unref(tensor);
    if (status == MOPT_OK) {
        p->presets[p->preset_count++] = (struct mopt_preset){value->id, datum};
        l->values[value->id].in_slot = true;
    }
    return status;
}

static enum mopt_status publish(struct mopt_lower *l, const struct mopt_value *value,
                                uint32_t index)
{
    struct mopt_cell *cell = &l->program->cells[index];
    struct mopt_low_shape shape;
    if (!mopt__low_shape(l, value, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", value->name);
    }
    int64_t *dims = mopt__arena_alloc(&l->program->arena, (size_t)shape.rank + 1, sizeof *dims);
    if (dims == NULL) {
        return mopt_error_memory(l->err);
    }
    memcpy(dims, shape.dims, (size_t)shape.rank * sizeof *dims);
    cell->publish = true;
    cell->dtype = shape.dtype;
    cell->rank = shape.rank;
    cell->dims = dims;
    l->values[value->id].in_slot = true;
    return MOPT_OK;
}

// Sees to it that the value's slot is filled when a node action reads it.
enum mopt_status mopt__low_need_slot(struct mopt_lower *l, const struct mopt_value *value)
{
    struct mopt_low_value *v = &l->values[value->id];
    if (l->session->constants[value->id] != NULL) {
        return MOPT_OK;
    }
    if (v->in_slot || value->graph != l->schedule->graph) {
        return MOPT_OK; // what a body reads from outside is there before it runs
    }
    if (v->preset) {
        return add_preset(l, value);
    }
    if (v->deferred != NULL) {
        struct mopt_step *step = v->deferred;
        v->deferred = NULL;
        return mopt__low_node(l, step);
    }
    if (v->codes == NULL && !mopt__low_has_cell(l, value)) {
        return mopt_error_set(l->err, MOPT_E_FORMAT, "'%s' has no content", value->name);
    }
    uint32_t cell;
    enum mopt_status status = mopt__low_cell(l, value, MOPT_FORM_PLAIN, &cell);
    if (status == MOPT_OK) {
        status = own_cell(l, value, &cell);
    }
    return status == MOPT_OK ? publish(l, value, cell) : status;
}

// Values of this graph that a body reads.
static enum mopt_status need_for_body(struct mopt_lower *l, const struct mopt_graph *body)
{
    const struct mopt_schedule *schedule =
        mopt__map_find_u64(&l->session->bodies, (uint64_t)(uintptr_t)body);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; schedule != NULL && i < schedule->captured_count && status == MOPT_OK; i++) {
        status = mopt__low_need_slot(l, schedule->captured[i]);
    }
    return status;
}

static enum mopt_status need_captured(struct mopt_lower *l, const struct mopt_node *node)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t a = 0; a < node->attribute_count && status == MOPT_OK; a++) {
        const struct mopt_attribute *attribute = &node->attributes[a];
        if (attribute->kind == MOPT_ATTR_GRAPH) {
            status = need_for_body(l, attribute->g);
        }
        for (size_t i = 0;
             attribute->kind == MOPT_ATTR_GRAPHS && i < attribute->count && status == MOPT_OK;
             i++) {
            status = need_for_body(l, attribute->graphs[i]);
        }
    }
    return status;
}

enum mopt_status mopt__low_node(struct mopt_lower *l, struct mopt_step *step)
{
    const struct mopt_node *node = step->node;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        if (node->inputs[i].value != NULL) {
            status = mopt__low_need_slot(l, node->inputs[i].value);
        }
    }
    if (status == MOPT_OK && (node->op->traits & MOPT_TRAIT_CONTROL) != 0) {
        status = need_captured(l, node);
    }
    struct mopt_action action = {.step = node->order};
    if (status == MOPT_OK) {
        status = mopt__low_action(l, &action);
    }
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        uint32_t cell;
        if (node->outputs[o] != NULL) {
            l->values[node->outputs[o]->id].in_slot = true;
            status = mopt__low_slot_cell(l, node->outputs[o], &cell);
        }
    }
    return status;
}

// ---- The walk -----------------------------------------------------------------------------------------------------

static enum mopt_status lower_group(struct mopt_lower *l, const struct mopt_group *group)
{
    if (group->attention != NULL) {
        return mopt__low_attention(l, group);
    }
    if (group->matmul != NULL) {
        return group->sums ? mopt__low_matmul_sums(l, group) : mopt__low_matmul(l, group);
    }
    if (group->channel_norm != NULL) {
        return mopt__low_norm_channels(l, group);
    }
    if (group->sums) {
        return mopt__low_is(group->anchor, "", "ConvInteger") ? mopt__low_conv_sums(l, group)
                                                              : mopt__low_product_sums(l, group);
    }
    if (mopt__low_is(group->anchor, "", "Add")) {
        return mopt__low_add_bytes(l, group);
    }
    if (mopt__low_is(group->anchor, "", "Conv") || mopt__low_is(group->anchor, "", "QLinearConv")) {
        return group->bytes ? mopt__low_conv_bytes(l, group) : mopt__low_conv(l, group);
    }
    if (mopt__low_is(group->anchor, "", "ConvTranspose")) {
        return mopt__low_conv_transpose(l, group);
    }
    return group->bytes ? mopt__low_product_bytes(l, group) : mopt__low_product(l, group);
}

// Natives trust the schema and need to know all results; other nodes run through their record,
// which says what is wrong with them.
static bool is_sound(const struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_error ignored;
    struct mopt_low_shape shape;
    mopt_error_clear(&ignored);
    if (mopt__op_check(node, &ignored) != MOPT_OK) {
        return false;
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (node->outputs[o] != NULL && !mopt__low_shape(l, node->outputs[o], &shape)) {
            return false;
        }
    }
    return true;
}

static enum mopt_status lower_step(struct mopt_lower *l, uint32_t s)
{
    static const mopt_lowering lowerings[] = {
        mopt__low_quantization, mopt__low_dynamic_quantizer,
        mopt__low_stored,       mopt__low_cast,
        mopt__low_moves,        mopt__low_joins,
        mopt__low_shaping,      mopt__low_elementwise,
        mopt__low_pooling,      mopt__low_rows,
        mopt__low_transpose,    mopt__low_resize,
        mopt__low_blocks,       mopt__low_coded_codes,
        mopt__low_conv3d,       mopt__low_pad,
    };
    struct mopt_step *step = &l->schedule->steps[s];
    l->step = s;
    if (l->groups[s] != NULL) {
        return lower_group(l, l->groups[s]);
    }
    if (l->absorbed[s] || step->folded) {
        return MOPT_OK;
    }
    if (step->node->output_count == 1 && (step->node->op->traits & MOPT_TRAIT_RANDOM) == 0 &&
        is_known(l, step->node->outputs[0])) {
        l->values[step->node->outputs[0]->id].preset = true;
        return MOPT_OK;
    }
    bool done = !l->sound[s];
    enum mopt_status status = done ? mopt__low_node(l, step) : MOPT_OK;
    for (size_t i = 0; i < MOPT_COUNTOF(lowerings) && status == MOPT_OK && !done; i++) {
        status = lowerings[i](l, step->node, &done);
    }
    return status == MOPT_OK && !done ? mopt__low_node(l, step) : status;
}

static void mark_given(struct mopt_lower *l)
{
    const struct mopt_graph *main = l->schedule->graph;
    const struct mopt_value_list *lists[] = {&main->inputs, &main->initializers,
                                             &main->sparse_initializers};
    for (size_t k = 0; k < MOPT_COUNTOF(lists); k++) {
        for (size_t i = 0; i < lists[k]->count; i++) {
            l->values[lists[k]->items[i]->id].in_slot = true;
        }
    }
}

static enum mopt_status walk(struct mopt_lower *l)
{
    const struct mopt_schedule *main = l->schedule;
    mark_given(l);
    for (uint32_t s = 0; s < main->step_count; s++) {
        l->sound[s] = is_sound(l, main->steps[s].node);
    }
    enum mopt_status status = mopt__low_groups(l);
    mopt__low_parents(l);
    for (uint32_t s = 0; s < main->step_count && status == MOPT_OK; s++) {
        status = lower_step(l, s);
        if (status != MOPT_OK) {
            mopt_error_wrap(l->err, "node '%s' (%s)", mopt__node_label(main->steps[s].node),
                            main->steps[s].node->op_type);
        }
    }
    for (size_t i = 0; i < main->graph->outputs.count && status == MOPT_OK; i++) {
        status = mopt__low_need_slot(l, main->graph->outputs.items[i]);
    }
    return status;
}

enum mopt_status mopt__lower(struct mopt_session *session, struct mopt_schedule *schedule,
                             struct mopt_exec_plan *plan, const struct mopt_fact *facts,
                             const struct mopt_dims *dims, struct mopt_error *err)
{
    size_t values = session->model->value_count + (size_t)1;
    size_t steps = schedule->step_count + (size_t)1;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    struct mopt_lower l = {.session = session,
                           .schedule = schedule,
                           .program = plan->program,
                           .facts = facts,
                           .dims = dims,
                           .err = err};
    l.values = mopt__arena_alloc(&arena, values, sizeof *l.values);
    l.groups = mopt__arena_alloc(&arena, steps, sizeof *l.groups);
    l.absorbed = mopt__arena_alloc(&arena, steps, sizeof *l.absorbed);
    l.sound = mopt__arena_alloc(&arena, steps, sizeof *l.sound);
    bool room = l.values != NULL && l.groups != NULL && l.absorbed != NULL && l.sound != NULL;
    enum mopt_status status = room ? MOPT_OK : mopt_error_memory(err);
    for (size_t i = 0; room && i < values; i++) {
        for (int f = 0; f < MOPT_FORM_COUNT; f++) {
            l.values[i].cell[f] = MOPT_NO_CELL;
        }
    }
    if (room) {
        status = walk(&l);
    }
    if (status == MOPT_OK) {
        status = mopt__low_bands(&l);
    }
    if (status == MOPT_OK) {
        status = mopt__low_finish(&l, plan);
    }
    mopt__low_drop_wide(&l);
    mopt__arena_release(&arena);
    return status;
}
