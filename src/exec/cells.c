// SPDX-License-Identifier: Apache-2.0
// Cells: in which forms a value exists, and which action gets it into another form.
#include <string.h>

#include "exec/lower.h"

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

enum mopt_status mopt__low_action(struct mopt_lower *l, const struct mopt_action *action)
{
    struct mopt_program *p = l->program;
    enum mopt_status status = mopt__grow((void **)&p->actions, &p->action_capacity,
                                         p->action_count + 1, sizeof *p->actions, l->err);
    if (status == MOPT_OK) {
        p->actions[p->action_count++] = *action;
    }
    return status;
}

enum mopt_status mopt__low_emit_over(struct mopt_lower *l, mopt_native run, const void *work,
                                     const uint32_t *cells, uint32_t count, uint32_t overwrites)
{
    uint32_t *own = mopt__arena_alloc(&l->program->arena, count + (size_t)1, sizeof *own);
    if (own == NULL) {
        return mopt_error_memory(l->err);
    }
    memcpy(own, cells, count * sizeof *own);
    struct mopt_action action = {.run = run,
                                 .work = work,
                                 .step = l->step,
                                 .cells = own,
                                 .cell_count = count,
                                 .overwrites = overwrites};
    return mopt__low_action(l, &action);
}

enum mopt_status mopt__low_emit(struct mopt_lower *l, mopt_native run, const void *work,
                                const uint32_t *cells, uint32_t count)
{
    return mopt__low_emit_over(l, run, work, cells, count, 0);
}

void mopt__low_scratch(struct mopt_lower *l, size_t bytes)
{
    l->program->scratch_bytes =
        bytes > l->program->scratch_bytes ? bytes : l->program->scratch_bytes;
}

// ---- Forms --------------------------------------------------------------------------------------------------------

enum mopt_status mopt__low_slot_cell(struct mopt_lower *l, const struct mopt_value *value,
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
        !mopt__low_volume(&shape, &batch, &channels, &pixels)) {
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

// Codes that are a table of others are computed when they are asked for.
static enum mopt_status materialize(struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    return v->origin != NULL && present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC) < 0
               ? mopt__low_look_up(l, value)
               : MOPT_OK;
}

static enum mopt_status compute_codes(struct mopt_lower *l, const struct mopt_value *value,
                                      enum mopt_form form, uint32_t *cell)
{
    const struct mopt_low_value *v = &l->values[value->id];
    struct mopt_low_shape shape;
    uint32_t source;
    const struct mopt_low_value *codes = &l->values[v->codes->id];
    enum mopt_status status = materialize(l, v->codes);
    if (status != MOPT_OK) {
        return status;
    }
    bool nhwc = form == MOPT_FORM_NHWC || codes->cell[MOPT_FORM_BYTES] == MOPT_NO_CELL;
    nhwc = nhwc && codes->cell[MOPT_FORM_BYTES_NHWC] != MOPT_NO_CELL;
    status = mopt__low_cell(l, v->codes, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &source);
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
    uint32_t own = MOPT_NO_CELL;
    if (!mopt__low_shape(l, value, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", value->name);
    }
    size_t channels = (size_t)shape.dims[1];
    size_t ld = l->program->cells[part].ld;
    if (ld == channels) {
        return mopt__low_alias(l, value, MOPT_FORM_NHWC, part);
    }
    enum mopt_status status = mopt__low_output(l, value, MOPT_FORM_NHWC, &own);
    struct mopt_low_part whole = {.width = channels, .ld = ld, .cell = resolved(l, part)};
    return status == MOPT_OK ? mopt__low_join(l, shape.count / channels, channels, &whole, 1, own)
                             : status;
}

static enum mopt_status find_cell(struct mopt_lower *l, const struct mopt_value *value,
                                  enum mopt_form form, uint32_t *cell)
{
    struct mopt_low_value *v = &l->values[value->id];
    *cell = v->cell[form];
    if (*cell != MOPT_NO_CELL) {
        return MOPT_OK;
    }
    if (v->origin != NULL && present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC) < 0) {
        enum mopt_status status = materialize(l, value);
        return status == MOPT_OK ? find_cell(l, value, form, cell) : status;
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
        enum mopt_status status = mopt__low_need_slot(l, value);
        if (status != MOPT_OK) {
            return status;
        }
    }
    *cell = l->values[value->id].cell[form];
    return *cell != MOPT_NO_CELL ? MOPT_OK : mopt__low_slot_cell(l, value, cell);
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

bool mopt__low_has_real(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    return present(v, MOPT_FORM_PLAIN, MOPT_FORM_NHWC) >= 0 ||
           v->cell[MOPT_FORM_ROWS] != MOPT_NO_CELL;
}

bool mopt__low_has_cell(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    return mopt__low_has_real(l, value) || present(v, MOPT_FORM_BYTES, MOPT_FORM_BYTES_NHWC) >= 0 ||
           v->origin != NULL;
}
