// SPDX-License-Identifier: Apache-2.0
// Nodes that only move or relabel floats: views become aliases, channel concatenation copies rows.
// (native_moves.c and native_concat.c do it with codes.)
#include <string.h>

#include "exec/native.h"

// A Cast is one when it leaves the type as it is.
static bool is_view(const struct mopt_node *node)
{
    return node->op != NULL && mopt__node_input(node, 0) != NULL && node->output_count == 1 &&
           ((node->op->traits & MOPT_TRAIT_VIEW) != 0 || mopt__low_is(node, "", "Cast"));
}

// Made by a native and not yet in a slot: a node action would have to copy it there.
static bool is_native(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    return !v->in_slot && v->codes == NULL &&
           (v->cell[MOPT_FORM_PLAIN] != MOPT_NO_CELL || v->cell[MOPT_FORM_NHWC] != MOPT_NO_CELL ||
            v->cell[MOPT_FORM_ROWS] != MOPT_NO_CELL);
}

static bool is_coded(const struct mopt_lower *l, const struct mopt_value *value)
{
    return l->values[value->id].codes != NULL;
}

static enum mopt_status lower_view(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *x = node->inputs[0].value;
    const struct mopt_value *y = node->outputs[0];
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    uint32_t cell;
    if (y == NULL || !mopt__low_shape(l, x, &a) || !mopt__low_shape(l, y, &b) ||
        a.count != b.count || a.dtype != b.dtype || a.dtype != MOPT_FLOAT32 || !is_native(l, x)) {
        return MOPT_OK;
    }
    bool nhwc = mopt__low_prefers_nhwc(l, x) && mopt__low_is_image_view(l, node);
    enum mopt_form form = nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN;
    enum mopt_status status = mopt__low_cell(l, x, form, &cell);
    if (status == MOPT_OK) {
        status = mopt__low_alias(l, y, form, cell);
    }
    // Whoever needs y as a tensor runs the node itself then.
    l->values[y->id].deferred = &l->schedule->steps[node->order];
    *done = true;
    return status;
}

// Split of channels, which lie innermost: parts of the image.
static enum mopt_status split_channels(struct mopt_lower *l, const struct mopt_node *node)
{
    uint32_t cell;
    size_t ld;
    size_t channel = 0;
    enum mopt_status status = mopt__low_image_cell(l, node->inputs[0].value, &cell, &ld);
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        struct mopt_low_shape y;
        if (!mopt__low_shape(l, node->outputs[o], &y)) {
            return mopt_error_set(l->err, MOPT_E_UNSUPPORTED, "output %u has no size", o);
        }
        status = mopt__low_image_part(l, node->outputs[o], cell, ld, channel);
        channel += (size_t)y.dims[1];
    }
    return status;
}

// Split along the outermost axis that is not 1: every output is a piece of the input.
static enum mopt_status lower_split(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape x;
    const struct mopt_attribute *a = mopt__node_attribute(node, "axis");
    if (!mopt__low_is(node, "", "Split") || !mopt__low_shape(l, node->inputs[0].value, &x) ||
        x.dtype != MOPT_FLOAT32 || is_coded(l, node->inputs[0].value) ||
        !is_native(l, node->inputs[0].value)) {
        return MOPT_OK;
    }
    int64_t axis = a != NULL ? (a->i < 0 ? a->i + x.rank : a->i) : 0;
    int64_t size = 0;
    for (uint32_t o = 0; o < node->output_count; o++) {
        struct mopt_low_shape y;
        if (node->outputs[o] == NULL || !mopt__low_shape(l, node->outputs[o], &y) ||
            y.rank != x.rank || axis < 0 || axis >= x.rank) {
            return MOPT_OK;
        }
        size += y.dims[axis];
    }
    if (size != x.dims[axis]) { // the node says what is wrong
        return MOPT_OK;
    }
    if (axis == 1 && (x.rank == 3 || x.rank == 4) &&
        mopt__low_prefers_nhwc(l, node->inputs[0].value)) {
        *done = true;
        return split_channels(l, node);
    }
    for (int64_t d = 0; d < axis; d++) {
        if (x.dims[d] != 1) {
            return MOPT_OK;
        }
    }
    uint32_t cell;
    size_t shift = 0;
    *done = true;
    enum mopt_status status = mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_PLAIN, &cell);
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        struct mopt_low_shape y;
        mopt__low_shape(l, node->outputs[o], &y);
        status = mopt__low_piece(l, node->outputs[o], MOPT_FORM_PLAIN, cell, shift);
        shift += y.count * sizeof(float);
    }
    return status;
}

// ---- Concat -------------------------------------------------------------------------------------------------------

// True for a Concat of static floats that is worth it, or whose memory is in use already.
static bool read_concat(const struct mopt_lower *l, const struct mopt_node *node, int *axis,
                        struct mopt_low_shape *y)
{
    const struct mopt_attribute *a = mopt__node_attribute(node, "axis");
    if (!mopt__low_is(node, "", "Concat") || a == NULL || node->outputs[0] == NULL ||
        !mopt__low_shape(l, node->outputs[0], y) || y->dtype != MOPT_FLOAT32) {
        return false;
    }
    int64_t at = a->i < 0 ? a->i + y->rank : a->i;
    *axis = (int)at;
    bool any = l->values[node->outputs[0]->id].cell[MOPT_FORM_NHWC] != MOPT_NO_CELL;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct mopt_low_shape x;
        const struct mopt_value *value = node->inputs[i].value;
        if (value == NULL || !mopt__low_shape(l, value, &x) || x.rank != y->rank ||
            x.dtype != y->dtype) {
            return false;
        }
        any = any || is_native(l, value) || is_coded(l, value);
    }
    return any && at >= 0 && at < y->rank;
}

// The operand lies in y already.
static bool lies_there(const struct mopt_lower *l, const struct mopt_value *value, uint32_t y,
                       size_t width, size_t at)
{
    uint32_t part = l->values[value->id].cell[MOPT_FORM_ROWS];
    const struct mopt_cell *cells = l->program->cells;
    return part != MOPT_NO_CELL && cells[part].root == cells[y].root &&
           cells[part].shift == at * sizeof(float) && cells[part].ld == width;
}

// Rows of the result, and the operands that have to be copied there.
struct joining {
    bool nhwc;
    size_t rows, width, parts;
    struct mopt_low_part *part;
};

static enum mopt_status find_parts(struct mopt_lower *l, const struct mopt_node *node, uint32_t y,
                                   struct joining *j)
{
    enum mopt_status status = MOPT_OK;
    size_t at = 0;
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        struct mopt_low_shape x;
        const struct mopt_value *value = node->inputs[i].value;
        struct mopt_low_part part = {.at = at};
        mopt__low_shape(l, value, &x);
        part.width = x.count / j->rows;
        part.ld = part.width;
        at += part.width;
        if (j->nhwc && lies_there(l, value, y, j->width, part.at)) {
            continue;
        }
        status = j->nhwc ? mopt__low_image_cell(l, value, &part.cell, &part.ld)
                         : mopt__low_cell(l, value, MOPT_FORM_PLAIN, &part.cell);
        j->part[j->parts++] = part;
    }
    return status;
}

static enum mopt_status emit_concat(struct mopt_lower *l, const struct mopt_node *node,
                                    struct joining *j)
{
    const struct mopt_value *out = node->outputs[0];
    uint32_t y = j->nhwc ? l->values[out->id].cell[MOPT_FORM_NHWC] : MOPT_NO_CELL;
    enum mopt_status status = MOPT_OK;
    j->part = mopt__low_work(l, node->input_count * sizeof *j->part);
    if (j->part == NULL) {
        return MOPT_E_MEMORY;
    }
    if (y == MOPT_NO_CELL) {
        status = mopt__low_output(l, out, j->nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &y);
    }
    if (status == MOPT_OK) {
        status = find_parts(l, node, y, j);
    }
    return status == MOPT_OK && j->parts > 0
               ? mopt__low_join(l, j->rows, j->width, j->part, j->parts, y)
               : status;
}

static enum mopt_status lower_concat(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape y;
    int axis;
    if (!read_concat(l, node, &axis, &y)) {
        return MOPT_OK;
    }
    bool nhwc = l->values[node->outputs[0]->id].cell[MOPT_FORM_NHWC] != MOPT_NO_CELL;
    size_t batch;
    size_t channels;
    size_t pixels;
    for (uint32_t i = 0; i < node->input_count; i++) {
        nhwc = nhwc || mopt__low_prefers_nhwc(l, node->inputs[i].value);
    }
    nhwc = nhwc && axis == 1 && mopt__low_image(&y, &batch, &channels, &pixels);
    struct joining j = {.nhwc = nhwc, .rows = nhwc ? batch * pixels : 1};
    for (int d = 0; !nhwc && d < axis; d++) {
        j.rows *= (size_t)y.dims[d];
    }
    j.width = y.count / j.rows;
    *done = true;
    return emit_concat(l, node, &j);
}

enum mopt_status mopt__low_shaping(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    if (is_view(node)) {
        return lower_view(l, node, done);
    }
    enum mopt_status status = lower_split(l, node, done);
    return status == MOPT_OK && !*done ? lower_concat(l, node, done) : status;
}
