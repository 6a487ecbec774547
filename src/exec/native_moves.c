// SPDX-License-Identifier: Apache-2.0
// Nodes that move elements of codes without looking at them: views, Transpose, Slice, Split, Pad.
// What is moved stays what it was, so the result is noted as codes of the same scale; floats of it
// are made when somebody asks. (native_concat.c joins codes.)
#include <math.h>
#include <string.h>

#include "exec/native.h"

// ---- What is worth it ---------------------------------------------------------------------------

// Somebody makes codes of the value, or joins it with others.
static bool leads_to_codes(const struct mopt_value *value)
{
    for (const struct mopt_use *use = value != NULL ? value->uses : NULL; use != NULL;
         use = use->next) {
        if (strcmp(use->node->op_type, "QuantizeLinear") == 0 ||
            strcmp(use->node->op_type, "Concat") == 0) {
            return true;
        }
    }
    return false;
}

// Codes are what to move: there are no floats yet, or codes are wanted again.
static bool is_worth(const struct mopt_lower *l, const struct mopt_node *node)
{
    bool worth = !mopt__low_has_real(l, node->inputs[0].value);
    for (uint32_t o = 0; o < node->output_count; o++) {
        worth = worth || leads_to_codes(node->outputs[o]);
    }
    return worth;
}

// ---- Results that are parts of their operand ----------------------------------------------------

// The operand as it is stored, and where a result's elements lie in it.
struct source {
    struct mopt_low_coded coded;
    struct mopt_low_shape shape;
    ptrdiff_t steps[MOPT_RANK_MAX]; // by axis
    bool nhwc;
    uint32_t cell;
};

static enum mopt_status open_source(struct mopt_lower *l, struct source *s)
{
    size_t batch;
    size_t channels;
    size_t pixels;
    s->nhwc = mopt__low_codes_nhwc(l, s->coded.codes) &&
              mopt__low_image(&s->shape, &batch, &channels, &pixels);
    mopt__low_stored_steps(&s->shape, s->nhwc, s->steps);
    return mopt__low_cell(l, s->coded.codes, s->nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES,
                          &s->cell);
}

struct part { // of y: element [0, ...] and the way to its neighbours, in the source
    ptrdiff_t first, steps[MOPT_RANK_MAX];
};

// A piece of the source, if the elements lie there as they would lie in y.
static enum mopt_status take_piece(struct mopt_lower *l, const struct source *s,
                                   const struct part *part, const struct mopt_value *y,
                                   const struct mopt_low_shape *shape, bool *done)
{
    for (int nhwc = shape->rank == 3 || shape->rank == 4; nhwc >= 0; nhwc--) {
        ptrdiff_t own[MOPT_RANK_MAX];
        mopt__low_stored_steps(shape, nhwc != 0, own);
        struct mopt_low_box box = mopt__low_box_of(shape, nhwc != 0, part->steps, own);
        mopt__box_merge(&box);
        if (mopt__box_is_run(&box)) {
            *done = true;
            return mopt__low_piece(l, y, nhwc != 0 ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES,
                                   s->cell, (size_t)part->first);
        }
    }
    return MOPT_OK;
}

// nhwc: how to store y when it is made.
static enum mopt_status take_part(struct mopt_lower *l, const struct source *s,
                                  const struct part *part, const struct mopt_value *y, bool nhwc)
{
    struct mopt_low_shape shape;
    ptrdiff_t own[MOPT_RANK_MAX];
    uint32_t to;
    bool done = false;
    if (!mopt__low_shape(l, y, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", y->name);
    }
    enum mopt_status status = take_piece(l, s, part, y, &shape, &done);
    if (status == MOPT_OK && !done) {
        status = mopt__low_output(l, y, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &to);
    }
    if (status == MOPT_OK && !done) {
        mopt__low_stored_steps(&shape, nhwc, own);
        struct mopt_low_box box = mopt__low_box_of(&shape, nhwc, part->steps, own);
        box.from = part->first;
        status = mopt__low_box(l, &box, &(struct mopt_low_bytes){.cell = s->cell}, to);
    }
    mopt__low_note_coded(l, y, &s->coded);
    return status;
}

// ---- Views --------------------------------------------------------------------------------------

// Images keep their channels innermost as long as the batch and the channels stay.
static bool keeps_channels(const struct mopt_low_shape *x, const struct mopt_low_shape *y)
{
    return (x->rank == 3 || x->rank == 4) && (y->rank == 3 || y->rank == 4) &&
           x->dims[0] == y->dims[0] && x->dims[1] == y->dims[1];
}

static enum mopt_status lower_view(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *y = node->outputs[0];
    struct source s;
    struct mopt_low_shape shape;
    if (node->output_count != 1 || !mopt__low_coded(l, node->inputs[0].value, &s.coded) ||
        !mopt__low_shape(l, node->inputs[0].value, &s.shape) || !mopt__low_shape(l, y, &shape) ||
        s.shape.count != shape.count || shape.dtype != s.shape.dtype) {
        return MOPT_OK;
    }
    *done = true;
    bool nhwc = mopt__low_codes_nhwc(l, s.coded.codes) && keeps_channels(&s.shape, &shape);
    enum mopt_form form = nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    enum mopt_status status = mopt__low_cell(l, s.coded.codes, form, &s.cell);
    if (status == MOPT_OK) {
        status = mopt__low_alias(l, y, form, s.cell);
    }
    mopt__low_note_coded(l, y, &s.coded);
    return status;
}

// ---- Transpose and Split ------------------------------------------------------------------------

static enum mopt_status lower_transpose(struct mopt_lower *l, const struct mopt_node *node,
                                        struct source *s)
{
    const struct mopt_attribute *perm = mopt__node_attribute(node, "perm");
    const int rank = s->shape.rank;
    bool given = perm != NULL && perm->count == (size_t)rank;
    struct part part = {0};
    enum mopt_status status = open_source(l, s);
    for (int d = 0; d < rank; d++) {
        int64_t axis = given ? perm->ints[d] : rank - 1 - d;
        part.steps[d] = s->steps[axis < 0 ? axis + rank : axis];
    }
    return status == MOPT_OK ? take_part(l, s, &part, node->outputs[0], false) : status;
}

// The axis, when the results make up the operand.
static bool read_split(const struct mopt_lower *l, const struct mopt_node *node,
                       const struct mopt_low_shape *x, int *axis)
{
    int64_t at = mopt__int_of(node, "axis", 0);
    int64_t size = 0;
    at += at < 0 ? x->rank : 0;
    if (at < 0 || at >= x->rank) {
        return false;
    }
    *axis = (int)at;
    for (uint32_t o = 0; o < node->output_count; o++) {
        struct mopt_low_shape y;
        if (node->outputs[o] == NULL || !mopt__low_shape(l, node->outputs[o], &y) ||
            y.rank != x->rank) {
            return false;
        }
        size += y.dims[*axis];
    }
    return size == x->dims[*axis];
}

static enum mopt_status lower_split(struct mopt_lower *l, const struct mopt_node *node,
                                    struct source *s, bool *done)
{
    int axis;
    if (!read_split(l, node, &s->shape, &axis)) {
        return MOPT_OK;
    }
    *done = true;
    struct part part = {0};
    enum mopt_status status = open_source(l, s);
    memcpy(part.steps, s->steps, sizeof part.steps);
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        struct mopt_low_shape y;
        status = take_part(l, s, &part, node->outputs[o], s->nhwc);
        mopt__low_shape(l, node->outputs[o], &y);
        part.first += y.dims[axis] * s->steps[axis];
    }
    return status;
}

// ---- Slice and Pad ------------------------------------------------------------------------------

enum { LIST_MAX = 2 * MOPT_RANK_MAX };
struct list {
    bool given;
    size_t count;
    int64_t items[LIST_MAX];
};

// A list of integers: operand `input`, or, when the operator has one operand, an attribute. *known
// false: it is made in the run.
static enum mopt_status read_list(struct mopt_lower *l, const struct mopt_node *node,
                                  uint32_t input, const char *name, struct list *list, bool *known)
{
    struct mopt_tensor *content = NULL;
    *list = (struct list){.given = false};
    if (node->op->input_count == 1) {
        const struct mopt_attribute *a = mopt__node_attribute(node, name);
        list->given = a != NULL;
        list->count = a != NULL ? a->count : 0;
        *known = *known && list->count <= LIST_MAX;
        for (size_t i = 0; *known && i < list->count; i++) {
            list->items[i] = a->ints[i];
        }
        return MOPT_OK;
    }
    if (mopt__node_input(node, input) == NULL) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__low_content(l, node->inputs[input].value, &content);
    *known = *known && status == MOPT_OK && content != NULL && content->rank <= 1 &&
             content->count <= LIST_MAX &&
             (content->dtype == MOPT_INT64 || content->dtype == MOPT_INT32);
    if (*known) {
        list->given = true;
        list->count = content->count;
        for (size_t i = 0; i < list->count; i++) {
            list->items[i] = mopt__tensor_i64_at(content, i);
        }
    }
    mopt__tensor_unref(content);
    return status;
}

// The axis that entry i of a list is about; -1: none.
static int axis_at(const struct list *axes, size_t i, int rank)
{
    int64_t axis = axes->given ? axes->items[i] : (int64_t)i;
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

// Where a range of an axis starts, as it is cut to the axis.
static int64_t first_of(int64_t start, int64_t step, int64_t size)
{
    const int64_t last = step > 0 ? size : size - 1;
    start += start < 0 ? size : 0;
    return start < 0 ? 0 : start > last ? last : start;
}

static enum mopt_status lower_slice(struct mopt_lower *l, const struct mopt_node *node,
                                    struct source *s, bool *done)
{
    struct list starts = {0};
    struct list axes = {0};
    struct list steps = {0};
    struct mopt_low_shape y;
    struct part part = {0};
    bool known = mopt__low_shape(l, node->outputs[0], &y) && y.rank == s->shape.rank;
    enum mopt_status status = read_list(l, node, 1, "starts", &starts, &known);
    if (status == MOPT_OK) {
        status = read_list(l, node, 3, "axes", &axes, &known);
    }
    if (status == MOPT_OK) {
        status = read_list(l, node, 4, "steps", &steps, &known);
    }
    if (status != MOPT_OK || !known || (axes.given && axes.count != starts.count) ||
        (steps.given && steps.count != starts.count)) {
        return status;
    }
    *done = true;
    status = open_source(l, s);
    memcpy(part.steps, s->steps, sizeof part.steps);
    for (size_t i = 0; i < starts.count && status == MOPT_OK; i++) {
        const int axis = axis_at(&axes, i, s->shape.rank);
        const int64_t step = steps.given ? steps.items[i] : 1;
        if (axis < 0) {
            return mopt_error_set(l->err, MOPT_E_INTERNAL, "an axis of a slice is not known");
        }
        part.first += first_of(starts.items[i], step, s->shape.dims[axis]) * s->steps[axis];
        // A step to nowhere may be of any size.
        part.steps[axis] = y.dims[axis] > 1 ? step * s->steps[axis] : 0;
    }
    return status == MOPT_OK ? take_part(l, s, &part, node->outputs[0], s->nhwc) : status;
}

// The code of what is put around: of 0, or the byte itself.
static enum mopt_status read_border(struct mopt_lower *l, const struct mopt_node *node,
                                    const struct source *s, uint8_t *code, bool *known)
{
    struct mopt_tensor *content = NULL;
    float value = mopt__low_float(node, "value", 0);
    int64_t byte = 0;
    enum mopt_status status = MOPT_OK;
    if (mopt__node_input(node, 2) != NULL) {
        status = mopt__low_content(l, node->inputs[2].value, &content);
        *known = *known && status == MOPT_OK && content != NULL && content->count == 1 &&
                 content->dtype == s->shape.dtype;
        if (*known && s->coded.real) {
            value = *(const float *)content->data;
        } else if (*known) {
            byte = mopt__tensor_i64_at(content, 0);
        }
    }
    // A negative 0 would come back as a positive one, and no scale must turn 0 into something else.
    *known =
        *known && (!s->coded.real || (value == 0 && !signbit(value) && s->coded.scale * 0 == 0));
    byte += s->shape.dtype == MOPT_INT8 ? 128 : 0;
    *code = (uint8_t)(s->coded.real ? s->coded.zero : (int32_t)byte);
    mopt__tensor_unref(content);
    return status;
}

// Room in front of each axis; false when something is cut off or the sizes are not as inferred.
static bool read_room(const struct source *s, const struct list *pads, const struct list *axes,
                      const struct mopt_low_shape *y, int64_t room[MOPT_RANK_MAX])
{
    const int rank = s->shape.rank;
    const size_t count = axes->given ? axes->count : (size_t)rank;
    int64_t behind[MOPT_RANK_MAX] = {0};
    memset(room, 0, MOPT_RANK_MAX * sizeof *room);
    for (size_t i = 0; i < count && pads->count == 2 * count; i++) {
        const int axis = axis_at(axes, i, rank);
        if (axis < 0 || pads->items[i] < 0 || pads->items[i + count] < 0) {
            return false;
        }
        room[axis] = pads->items[i];
        behind[axis] = pads->items[i + count];
    }
    bool fits = pads->count == 2 * count && y->rank == rank;
    for (int d = 0; d < rank && fits; d++) {
        fits = room[d] + s->shape.dims[d] + behind[d] == y->dims[d];
    }
    return fits;
}

static enum mopt_status emit_pad(struct mopt_lower *l, const struct mopt_value *y,
                                 const struct mopt_low_shape *shape, struct source *s,
                                 const int64_t room[MOPT_RANK_MAX], uint8_t code)
{
    ptrdiff_t own[MOPT_RANK_MAX];
    uint32_t to = MOPT_NO_CELL;
    enum mopt_status status = open_source(l, s);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, y, s->nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &to);
    }
    if (status == MOPT_OK) {
        status = mopt__low_fill(l, shape->count, code, to);
    }
    if (status == MOPT_OK) {
        mopt__low_stored_steps(shape, s->nhwc, own);
        struct mopt_low_box box = mopt__low_box_of(&s->shape, s->nhwc, s->steps, own);
        for (int d = 0; d < shape->rank; d++) {
            box.to += room[d] * own[d];
        }
        status = mopt__low_box(l, &box, &(struct mopt_low_bytes){.cell = s->cell}, to);
    }
    mopt__low_note_coded(l, y, &s->coded);
    return status;
}

static enum mopt_status lower_pad(struct mopt_lower *l, const struct mopt_node *node,
                                  struct source *s, bool *done)
{
    const struct mopt_attribute *mode = mopt__node_attribute(node, "mode");
    const char *name = node->op->until == 1 ? "paddings" : "pads";
    struct list pads = {0};
    struct list axes = {0};
    struct mopt_low_shape y;
    int64_t room[MOPT_RANK_MAX];
    uint8_t code;
    bool known = mode == NULL || strcmp(mode->s.data, "constant") == 0;
    enum mopt_status status = read_list(l, node, 1, name, &pads, &known);
    if (status == MOPT_OK) {
        status = read_list(l, node, 3, "axes", &axes, &known);
    }
    if (status == MOPT_OK) {
        status = read_border(l, node, s, &code, &known);
    }
    if (status != MOPT_OK || !known || !mopt__low_shape(l, node->outputs[0], &y) ||
        !read_room(s, &pads, &axes, &y, room)) {
        return status;
    }
    *done = true;
    return emit_pad(l, node->outputs[0], &y, s, room, code);
}

// ---- Entry --------------------------------------------------------------------------------------

enum mopt_status mopt__low_moves(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    struct source s = {.cell = MOPT_NO_CELL};
    struct mopt_low_shape y;
    if (x == NULL || node->output_count < 1 || node->outputs[0] == NULL) {
        return MOPT_OK;
    }
    if ((node->op->traits & MOPT_TRAIT_VIEW) != 0 || mopt__low_is(node, "", "Cast")) {
        return lower_view(l, node, done);
    }
    if (!mopt__low_coded(l, x, &s.coded) || !mopt__low_shape(l, x, &s.shape) ||
        !mopt__low_shape(l, node->outputs[0], &y) || !is_worth(l, node)) {
        return MOPT_OK;
    }
    if (mopt__low_is(node, "", "Transpose")) {
        *done = true;
        return lower_transpose(l, node, &s);
    }
    if (mopt__low_is(node, "", "Split")) {
        return lower_split(l, node, &s, done);
    }
    if (mopt__low_is(node, "", "Slice")) {
        return lower_slice(l, node, &s, done);
    }
    return mopt__low_is(node, "", "Pad") ? lower_pad(l, node, &s, done) : MOPT_OK;
}
