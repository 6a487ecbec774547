// SPDX-License-Identifier: Apache-2.0
// The walk that turns a schedule into a program, and the bookkeeping of forms: who holds a value in
// which cell, and which action gets it into another form. It knows no operator's meaning; groups.c
// and the native_*.c files do.
#include <string.h>

#include "exec/lower.h"

enum { KNOWN_MAX = 4096 }; // elements of a content that inference knows

// ---- Questions ----------------------------------------------------------------------------------------------------

bool mopt__low_shape(const struct mopt_lower *l, const struct mopt_value *value,
                     struct mopt_low_shape *shape)
{
    const struct mopt_tensor *constant = value != NULL ? mopt__low_constant(l, value) : NULL;
    if (constant != NULL) {
        *shape = (struct mopt_low_shape){constant->dtype, constant->rank, {0}, constant->count};
        memcpy(shape->dims, constant->dims, sizeof shape->dims);
        return constant->count > 0;
    }
    const struct mopt_type *type = value != NULL ? l->facts[value->id].type : NULL;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0 ||
        type->dtype == MOPT_UNDEFINED) {
        return false;
    }
    *shape = (struct mopt_low_shape){.dtype = type->dtype, .rank = type->rank, .count = 1};
    for (int d = 0; d < type->rank; d++) {
        if (!mopt__dim_is_known(l->dims, type->dims[d], &shape->dims[d]) || shape->dims[d] <= 0 ||
            !mopt__size_mul(shape->count, (size_t)shape->dims[d], &shape->count)) {
            return false;
        }
    }
    return shape->count < SIZE_MAX / 64;
}

const struct mopt_tensor *mopt__low_constant(const struct mopt_lower *l,
                                             const struct mopt_value *value)
{
    return value != NULL ? mopt__session_constant(l->session, value) : NULL;
}

struct mopt_node *mopt__low_sole_use(const struct mopt_lower *l, const struct mopt_value *value)
{
    if (value == NULL || value->use_count != 1 || value->graph_output_count != 0 ||
        value->uses->node->graph != l->schedule->graph) {
        return NULL;
    }
    return value->uses->node;
}

bool mopt__low_scalar(const struct mopt_lower *l, const struct mopt_value *value, float *out)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    if (constant == NULL && value != NULL && !value->is_input) {
        constant = l->facts[value->id].constant;
    }
    if (constant == NULL || constant->count != 1 || constant->dtype != MOPT_FLOAT32) {
        return false;
    }
    *out = *(const float *)constant->data;
    return true;
}

bool mopt__low_is(const struct mopt_node *node, const char *domain, const char *op_type)
{
    return node != NULL && node->op != NULL && strcmp(node->op_type, op_type) == 0 &&
           strcmp(node->domain, domain) == 0;
}

bool mopt__low_is_free(const struct mopt_lower *l, const struct mopt_node *node)
{
    return node != NULL && l->sound[node->order] && !l->absorbed[node->order] &&
           l->groups[node->order] == NULL;
}

const struct mopt_value *mopt__low_other(const struct mopt_node *node,
                                         const struct mopt_value *value)
{
    const struct mopt_value *a = mopt__node_input(node, 0);
    const struct mopt_value *b = mopt__node_input(node, 1);
    if (node->input_count != 2 || a == b) {
        return NULL;
    }
    return a == value ? b : b == value ? a : NULL;
}

float mopt__low_float(const struct mopt_node *node, const char *name, float fallback)
{
    const struct mopt_attribute *a = name != NULL ? mopt__node_attribute(node, name) : NULL;
    return a != NULL && a->kind == MOPT_ATTR_FLOAT ? a->f : fallback;
}

bool mopt__low_image(const struct mopt_low_shape *shape, size_t *batch, size_t *channels,
                     size_t *pixels)
{
    if (shape->rank != 3 && shape->rank != 4) {
        return false;
    }
    *batch = (size_t)shape->dims[0];
    *channels = (size_t)shape->dims[1];
    *pixels = shape->count / *batch / *channels;
    return true;
}

bool mopt__low_prefers_nhwc(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    if (v->codes != NULL) {
        return l->values[v->codes->id].cell[MOPT_FORM_BYTES_NHWC] != MOPT_NO_CELL;
    }
    return v->cell[MOPT_FORM_NHWC] != MOPT_NO_CELL || v->cell[MOPT_FORM_ROWS] != MOPT_NO_CELL;
}

// ---- Cells --------------------------------------------------------------------------------------------------------

static enum mopt_status new_cell(struct mopt_lower *l, const struct mopt_value *value,
                                 enum mopt_form form, enum mopt_cell_place place, size_t bytes,
                                 uint32_t *cell)
{
    struct mopt_program *p = l->program;
    enum mopt_status status = mopt__grow((void **)&p->cells, &p->cell_capacity, p->cell_count + 1,
                                         sizeof *p->cells, l->err);
    if (status != MOPT_OK) {
        return status;
    }
    *cell = (uint32_t)p->cell_count++;
    p->cells[*cell] = (struct mopt_cell){.value = value,
                                         .place = place,
                                         .root = *cell,
                                         .next = MOPT_NO_CELL,
                                         .bytes = bytes,
                                         .first = UINT32_MAX};
    l->values[value->id].cell[form] = *cell;
    return MOPT_OK;
}

enum mopt_status mopt__low_output(struct mopt_lower *l, const struct mopt_value *value,
                                  enum mopt_form form, uint32_t *cell)
{
    struct mopt_low_shape shape;
    size_t bytes = 0;
    if (!mopt__low_shape(l, value, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", value->name);
    }
    bool codes = form == MOPT_FORM_BYTES || form == MOPT_FORM_BYTES_NHWC;
    if (codes) {
        bytes = shape.count;
    } else if (!mopt__dtype_bytes(shape.dtype, shape.count, &bytes)) {
        return mopt_error_set(l->err, MOPT_E_LIMIT, "size of '%s' overflows", value->name);
    }
    return new_cell(l, value, form, MOPT_CELL_ARENA, bytes, cell);
}

enum mopt_status mopt__low_piece(struct mopt_lower *l, const struct mopt_value *value,
                                 enum mopt_form form, uint32_t cell, size_t shift)
{
    uint32_t alias;
    enum mopt_status status =
        new_cell(l, value, form, MOPT_CELL_ARENA, l->program->cells[cell].bytes, &alias);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_cell *cells = l->program->cells;
    uint32_t root = cells[cell].root;
    cells[alias].root = root;
    cells[alias].shift = cells[cell].shift + shift;
    if (cells[alias].shift != 0) {
        cells[alias].next = cells[root].next;
        cells[root].next = alias;
    }
    return MOPT_OK;
}

enum mopt_status mopt__low_alias(struct mopt_lower *l, const struct mopt_value *value,
                                 enum mopt_form form, uint32_t cell)
{
    return mopt__low_piece(l, value, form, cell, 0);
}

void *mopt__low_work(struct mopt_lower *l, size_t bytes)
{
    void *work = mopt__arena_alloc(&l->program->arena, 1, bytes);
    if (work == NULL) {
        mopt_error_memory(l->err);
    }
    return work;
}

static enum mopt_status add_action(struct mopt_lower *l, const struct mopt_action *action)
{
    struct mopt_program *p = l->program;
    enum mopt_status status = mopt__grow((void **)&p->actions, &p->action_capacity,
                                         p->action_count + 1, sizeof *p->actions, l->err);
    if (status == MOPT_OK) {
        p->actions[p->action_count++] = *action;
    }
    return status;
}

enum mopt_status mopt__low_emit(struct mopt_lower *l, mopt_native run, const void *work,
                                const uint32_t *cells, uint32_t count)
{
    uint32_t *own = mopt__arena_alloc(&l->program->arena, count + (size_t)1, sizeof *own);
    if (own == NULL) {
        return mopt_error_memory(l->err);
    }
    memcpy(own, cells, count * sizeof *own);
    struct mopt_action action = {
        .run = run, .work = work, .step = l->step, .cells = own, .cell_count = count};
    return add_action(l, &action);
}

void mopt__low_scratch(struct mopt_lower *l, size_t bytes)
{
    l->program->scratch_bytes =
        bytes > l->program->scratch_bytes ? bytes : l->program->scratch_bytes;
}

// ---- Forms --------------------------------------------------------------------------------------------------------

static enum mopt_status slot_cell(struct mopt_lower *l, const struct mopt_value *value,
                                  uint32_t *cell)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    enum mopt_status status =
        new_cell(l, value, MOPT_FORM_PLAIN, constant ? MOPT_CELL_CONSTANT : MOPT_CELL_SLOT,
                 constant ? constant->bytes : 0, cell);
    if (status == MOPT_OK && constant != NULL) {
        l->program->cells[*cell].constant = constant->data;
    } else if (status == MOPT_OK) {
        struct mopt_low_shape shape;
        size_t bytes = 0;
        if (mopt__low_shape(l, value, &shape) && shape.dtype != MOPT_STRING &&
            mopt__dtype_bytes(shape.dtype, shape.count, &bytes)) {
            l->program->cells[*cell].bytes = bytes;
        }
    }
    return status;
}

// The first of the given forms the value is in; -1 when in none.
static int present(const struct mopt_low_value *v, enum mopt_form a, enum mopt_form b)
{
    if (v->cell[a] != MOPT_NO_CELL) {
        return (int)a;
    }
    return v->cell[b] != MOPT_NO_CELL ? (int)b : -1;
}

// The cell whose pointer is kept: the root, unless this is a piece of it.
static uint32_t resolved(const struct mopt_lower *l, uint32_t cell)
{
    return l->program->cells[cell].shift == 0 ? l->program->cells[cell].root : cell;
}

// Between channels innermost and row-major: a move, or nothing when both are the same.
static enum mopt_status reorder(struct mopt_lower *l, const struct mopt_value *value,
                                enum mopt_form from, enum mopt_form to, uint32_t *cell)
{
    struct mopt_low_shape shape;
    size_t batch;
    size_t channels;
    size_t pixels;
    if (!mopt__low_shape(l, value, &shape) ||
        !mopt__low_image(&shape, &batch, &channels, &pixels)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' is no image", value->name);
    }
    uint32_t source = resolved(l, l->values[value->id].cell[from]);
    if (channels == 1 || pixels == 1) {
        enum mopt_status status = mopt__low_alias(l, value, to, source);
        *cell = l->values[value->id].cell[to];
        return status;
    }
    enum mopt_status status = mopt__low_output(l, value, to, cell);
    if (status != MOPT_OK) {
        return status;
    }
    bool bytes = to == MOPT_FORM_BYTES || to == MOPT_FORM_BYTES_NHWC;
    bool nhwc = to == MOPT_FORM_NHWC || to == MOPT_FORM_BYTES_NHWC;
    return (nhwc ? mopt__low_to_nhwc : mopt__low_to_nchw)(l, &shape, bytes ? 1 : 4, source, *cell);
}

static enum mopt_status compute_codes(struct mopt_lower *l, const struct mopt_value *value,
                                      enum mopt_form form, uint32_t *cell)
{
    const struct mopt_low_value *v = &l->values[value->id];
    struct mopt_low_shape shape;
    uint32_t source;
    bool nhwc =
        form == MOPT_FORM_NHWC || l->values[v->codes->id].cell[MOPT_FORM_BYTES] == MOPT_NO_CELL;
    nhwc = nhwc && l->values[v->codes->id].cell[MOPT_FORM_BYTES_NHWC] != MOPT_NO_CELL;
    enum mopt_status status =
        mopt__low_cell(l, v->codes, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &source);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, value, nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, cell);
    }
    if (status == MOPT_OK && mopt__low_shape(l, value, &shape)) {
        v = &l->values[value->id];
        status = mopt__low_dequantize(l, shape.count, v->scale, v->zero, source, *cell);
    }
    if (status == MOPT_OK && nhwc != (form == MOPT_FORM_NHWC)) {
        status = reorder(l, value, nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, form, cell);
    }
    return status;
}

// Row-major codes from the declared 8-bit element type and back. Codes may be read a little beyond
// their end, so they always live in memory of our own.
static enum mopt_status recode(struct mopt_lower *l, const struct mopt_value *value,
                               enum mopt_form to, uint32_t *cell)
{
    struct mopt_low_shape shape;
    uint32_t source;
    enum mopt_form from = to == MOPT_FORM_PLAIN ? MOPT_FORM_BYTES : MOPT_FORM_PLAIN;
    enum mopt_status status = mopt__low_cell(l, value, from, &source);
    if (status != MOPT_OK) {
        return status;
    }
    if (!mopt__low_shape(l, value, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", value->name);
    }
    const struct mopt_cell *root = &l->program->cells[l->program->cells[source].root];
    if (shape.dtype == MOPT_UINT8 && root->place == MOPT_CELL_ARENA) {
        status = mopt__low_alias(l, value, to, source);
        *cell = l->values[value->id].cell[to];
        return status;
    }
    status = mopt__low_output(l, value, to, cell);
    return status == MOPT_OK
               ? mopt__low_copy(l, shape.count, shape.dtype == MOPT_INT8, source, *cell)
               : status;
}

// ---- Parts of images ----------------------------------------------------------------------------------------------

enum mopt_status mopt__low_image_part(struct mopt_lower *l, const struct mopt_value *value,
                                      uint32_t cell, size_t ld, size_t channel)
{
    enum mopt_status status =
        mopt__low_piece(l, value, MOPT_FORM_ROWS, cell, channel * sizeof(float));
    if (status == MOPT_OK) {
        l->program->cells[l->values[value->id].cell[MOPT_FORM_ROWS]].ld = ld;
    }
    return status;
}

static size_t channels_of(const struct mopt_lower *l, const struct mopt_value *value)
{
    struct mopt_low_shape shape;
    return mopt__low_shape(l, value, &shape) ? (size_t)shape.dims[1] : 0;
}

enum mopt_status mopt__low_image_cell(struct mopt_lower *l, const struct mopt_value *value,
                                      uint32_t *cell, size_t *ld)
{
    const struct mopt_low_value *v = &l->values[value->id];
    uint32_t part = v->cell[MOPT_FORM_ROWS];
    *ld = channels_of(l, value);
    if (part == MOPT_NO_CELL || v->cell[MOPT_FORM_NHWC] != MOPT_NO_CELL) {
        return mopt__low_cell(l, value, MOPT_FORM_NHWC, cell);
    }
    *ld = l->program->cells[part].ld;
    *cell = resolved(l, part);
    return MOPT_OK;
}

enum mopt_status mopt__low_image_output(struct mopt_lower *l, const struct mopt_value *value,
                                        uint32_t *cell, size_t *ld)
{
    const struct mopt_low_value *v = &l->values[value->id];
    const struct mopt_value *parent = v->parent;
    *ld = channels_of(l, value);
    if (parent == NULL) {
        return mopt__low_output(l, value, MOPT_FORM_NHWC, cell);
    }
    uint32_t whole = l->values[parent->id].cell[MOPT_FORM_NHWC];
    enum mopt_status status = MOPT_OK;
    if (whole == MOPT_NO_CELL) {
        status = mopt__low_output(l, parent, MOPT_FORM_NHWC, &whole);
    }
    *ld = channels_of(l, parent);
    if (status == MOPT_OK) {
        status = mopt__low_image_part(l, value, whole, *ld, v->parent_channel);
    }
    *cell = status == MOPT_OK ? resolved(l, v->cell[MOPT_FORM_ROWS]) : MOPT_NO_CELL;
    return status;
}

// The part of an image as an image of its own.
static enum mopt_status gather(struct mopt_lower *l, const struct mopt_value *value)
{
    struct mopt_low_shape shape;
    uint32_t part = l->values[value->id].cell[MOPT_FORM_ROWS];
    uint32_t own;
    if (!mopt__low_shape(l, value, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", value->name);
    }
    size_t channels = (size_t)shape.dims[1];
    size_t ld = l->program->cells[part].ld;
    if (ld == channels) {
        return mopt__low_alias(l, value, MOPT_FORM_NHWC, part);
    }
    enum mopt_status status = mopt__low_output(l, value, MOPT_FORM_NHWC, &own);
    return status == MOPT_OK
               ? mopt__low_gather(l, shape.count / channels, channels, ld, resolved(l, part), own)
               : status;
}

static enum mopt_status need_slot(struct mopt_lower *l, const struct mopt_value *value);

static enum mopt_status find_cell(struct mopt_lower *l, const struct mopt_value *value,
                                  enum mopt_form form, uint32_t *cell)
{
    struct mopt_low_value *v = &l->values[value->id];
    *cell = v->cell[form];
    if (*cell != MOPT_NO_CELL) {
        return MOPT_OK;
    }
    bool codes = form == MOPT_FORM_BYTES || form == MOPT_FORM_BYTES_NHWC;
    if (!codes && v->cell[MOPT_FORM_ROWS] != MOPT_NO_CELL &&
        present(v, MOPT_FORM_PLAIN, MOPT_FORM_NHWC) < 0) {
        enum mopt_status status = gather(l, value);
        return status == MOPT_OK ? find_cell(l, value, form, cell) : status;
    }
    int near = codes ? present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC)
                     : present(v, MOPT_FORM_PLAIN, MOPT_FORM_NHWC);
    if (near >= 0) {
        return reorder(l, value, (enum mopt_form)near, form, cell);
    }
    if (v->codes != NULL) {
        return compute_codes(l, value, form, cell);
    }
    if (form == MOPT_FORM_BYTES_NHWC) {
        enum mopt_status status = mopt__low_cell(l, value, MOPT_FORM_BYTES, cell);
        return status == MOPT_OK ? reorder(l, value, MOPT_FORM_BYTES, form, cell) : status;
    }
    if (form == MOPT_FORM_BYTES) {
        return recode(l, value, form, cell);
    }
    int bytes = present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC);
    if (form == MOPT_FORM_PLAIN && bytes >= 0) {
        return recode(l, value, form, cell);
    }
    if (form == MOPT_FORM_NHWC) {
        enum mopt_status status = mopt__low_cell(l, value, MOPT_FORM_PLAIN, cell);
        return status == MOPT_OK ? reorder(l, value, MOPT_FORM_PLAIN, form, cell) : status;
    }
    if (mopt__low_constant(l, value) == NULL) {
        enum mopt_status status = need_slot(l, value);
        if (status != MOPT_OK) {
            return status;
        }
    }
    *cell = l->values[value->id].cell[form];
    return *cell != MOPT_NO_CELL ? MOPT_OK : slot_cell(l, value, cell);
}

enum mopt_status mopt__low_cell(struct mopt_lower *l, const struct mopt_value *value,
                                enum mopt_form form, uint32_t *cell)
{
    enum mopt_status status = find_cell(l, value, form, cell);
    if (status == MOPT_OK) {
        *cell = resolved(l, *cell);
    }
    return status;
}

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
static enum mopt_status need_slot(struct mopt_lower *l, const struct mopt_value *value)
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
    if (v->codes == NULL && present(v, MOPT_FORM_PLAIN, MOPT_FORM_NHWC) < 0 &&
        v->cell[MOPT_FORM_ROWS] == MOPT_NO_CELL &&
        present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC) < 0) {
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
        status = need_slot(l, schedule->captured[i]);
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
            status = need_slot(l, node->inputs[i].value);
        }
    }
    if (status == MOPT_OK && (node->op->traits & MOPT_TRAIT_CONTROL) != 0) {
        status = need_captured(l, node);
    }
    struct mopt_action action = {.step = node->order};
    if (status == MOPT_OK) {
        status = add_action(l, &action);
    }
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        uint32_t cell;
        if (node->outputs[o] != NULL) {
            l->values[node->outputs[o]->id].in_slot = true;
            status = slot_cell(l, node->outputs[o], &cell);
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
        return mopt__low_matmul(l, group);
    }
    if (group->dynamic != NULL) {
        return mopt__low_is(group->anchor, "", "ConvInteger") ? mopt__low_conv_dynamic(l, group)
                                                              : mopt__low_product_dynamic(l, group);
    }
    if (mopt__low_is(group->anchor, "", "Add")) {
        return mopt__low_add_bytes(l, group);
    }
    if (mopt__low_is(group->anchor, "", "Conv")) {
        return group->bytes ? mopt__low_conv_bytes(l, group) : mopt__low_conv(l, group);
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
        mopt__low_quantization, mopt__low_dynamic_quantizer, mopt__low_shaping,
        mopt__low_elementwise,  mopt__low_pooling,           mopt__low_rows,
        mopt__low_resize,
    };
    struct mopt_step *step = &l->schedule->steps[s];
    l->step = s;
    if (l->groups[s] != NULL) {
        return lower_group(l, l->groups[s]);
    }
    if (l->absorbed[s]) {
        return MOPT_OK;
    }
    if (step->folded) {
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
        status = need_slot(l, main->graph->outputs.items[i]);
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
        status = mopt__low_finish(&l, plan);
    }
    mopt__arena_release(&arena);
    return status;
}
