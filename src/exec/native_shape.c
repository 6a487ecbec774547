// SPDX-License-Identifier: Apache-2.0
// Nodes that only move or relabel elements: views become aliases, channel concatenation copies
// rows.
#include <string.h>

#include "exec/native.h"

static bool is_view(const struct mopt_node *node)
{
    return node->op != NULL && (node->op->traits & MOPT_TRAIT_VIEW) != 0 &&
           mopt__node_input(node, 0) != NULL && node->output_count == 1;
}

// Made by a native and not yet in a slot: a node action would have to copy it there.
static bool is_native(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    return !v->in_slot && v->codes == NULL &&
           (v->cell[MOPT_FORM_PLAIN] != MOPT_NO_CELL || v->cell[MOPT_FORM_NHWC] != MOPT_NO_CELL);
}

static bool is_coded(const struct mopt_lower *l, const struct mopt_value *value)
{
    return l->values[value->id].codes != NULL;
}

// A view of dequantized codes that is quantized again with the same parameters: a view of the
// codes.
static enum mopt_status view_of_codes(struct mopt_lower *l, const struct mopt_node *node,
                                      bool *done)
{
    const struct mopt_value *x = node->inputs[0].value;
    struct mopt_low_quant y;
    uint32_t cell;
    if (!mopt__low_passes_codes(l, node, &y)) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__low_cell(l, l->values[x->id].codes, MOPT_FORM_BYTES, &cell);
    if (status == MOPT_OK) {
        status = mopt__low_alias(l, y.codes, MOPT_FORM_BYTES, cell);
    }
    l->absorbed[y.codes->producer->order] = true;
    *done = true;
    return status;
}

static enum mopt_status lower_view(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *x = node->inputs[0].value;
    const struct mopt_value *y = node->outputs[0];
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    uint32_t cell;
    if (y == NULL || !mopt__low_shape(l, x, &a) || !mopt__low_shape(l, y, &b) ||
        a.count != b.count || a.dtype != b.dtype || a.dtype != MOPT_FLOAT32) {
        return MOPT_OK;
    }
    if (is_coded(l, x)) {
        return view_of_codes(l, node, done);
    }
    if (!is_native(l, x)) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__low_cell(l, x, MOPT_FORM_PLAIN, &cell);
    if (status == MOPT_OK) {
        status = mopt__low_alias(l, y, MOPT_FORM_PLAIN, cell);
    }
    // Whoever needs y as a tensor runs the node itself then.
    l->values[y->id].deferred = &l->schedule->steps[node->order];
    *done = true;
    return status;
}

struct concat_work {
    size_t parts, rows, element; // bytes of one element
    size_t width;                // elements of one row of y
    const size_t *widths;        // [parts]
    const uint32_t *cells;       // [parts], then y
};
struct concat_run {
    const struct concat_work *w;
    void *const *data;
};

static void split_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct concat_run *r = context;
    const struct concat_work *w = r->w;
    const uint8_t *x = r->data[w->cells[w->parts]];
    size_t at = 0;
    (void)thread;
    for (size_t p = 0; p < w->parts; p++) {
        uint8_t *y = r->data[w->cells[p]];
        size_t bytes = w->widths[p] * w->element;
        for (size_t row = (size_t)begin; row < (size_t)end; row++) {
            memcpy(y + row * bytes, x + row * w->width * w->element + at, bytes);
        }
        at += bytes;
    }
}

static void run_split(const void *work, const struct mopt_frame *frame)
{
    const struct concat_work *w = work;
    struct concat_run r = {w, frame->data};
    mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(16384 / w->width + 1), split_rows, &r);
}

// Split of channels, which lie innermost.
static enum mopt_status split_channels(struct mopt_lower *l, const struct mopt_node *node,
                                       const struct mopt_low_shape *x)
{
    struct concat_work *w = mopt__low_work(l, sizeof *w);
    size_t *widths = mopt__low_work(l, node->output_count * sizeof *widths);
    uint32_t *cells = mopt__low_work(l, (node->output_count + (size_t)1) * sizeof *cells);
    if (w == NULL || widths == NULL || cells == NULL) {
        return MOPT_E_MEMORY;
    }
    *w = (struct concat_work){.parts = node->output_count,
                              .rows = x->count / (size_t)x->dims[1],
                              .element = sizeof(float),
                              .width = (size_t)x->dims[1],
                              .widths = widths,
                              .cells = cells};
    enum mopt_status status =
        mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_NHWC, &cells[node->output_count]);
    for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
        struct mopt_low_shape y;
        if (!mopt__low_shape(l, node->outputs[o], &y)) {
            return mopt_error_set(l->err, MOPT_E_UNSUPPORTED, "output %u has no size", o);
        }
        widths[o] = (size_t)y.dims[1];
        status = mopt__low_output(l, node->outputs[o], MOPT_FORM_NHWC, &cells[o]);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_split, w, cells, node->output_count + 1)
                             : status;
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
    for (uint32_t o = 0; o < node->output_count; o++) {
        struct mopt_low_shape y;
        if (node->outputs[o] == NULL || !mopt__low_shape(l, node->outputs[o], &y)) {
            return MOPT_OK;
        }
    }
    if (axis == 1 && (x.rank == 3 || x.rank == 4) &&
        mopt__low_prefers_nhwc(l, node->inputs[0].value)) {
        *done = true;
        return split_channels(l, node, &x);
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

// ---- Concat of channels -------------------------------------------------------------------------------------------

static void concat_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct concat_run *r = context;
    const struct concat_work *w = r->w;
    uint8_t *y = r->data[w->cells[w->parts]];
    size_t at = 0;
    (void)thread;
    for (size_t p = 0; p < w->parts; p++) {
        const uint8_t *x = r->data[w->cells[p]];
        size_t bytes = w->widths[p] * w->element;
        for (size_t row = (size_t)begin; row < (size_t)end; row++) {
            memcpy(y + row * w->width * w->element + at, x + row * bytes, bytes);
        }
        at += bytes;
    }
}

static void run_concat(const void *work, const struct mopt_frame *frame)
{
    const struct concat_work *w = work;
    struct concat_run r = {w, frame->data};
    mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(16384 / w->width + 1), concat_rows, &r);
}

// True for a Concat of static floats; outer: rows before the axis.
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
    bool any = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct mopt_low_shape x;
        const struct mopt_value *value = node->inputs[i].value;
        if (value == NULL || !mopt__low_shape(l, value, &x) || x.rank != y->rank) {
            return false;
        }
        any = any || is_native(l, value) || is_coded(l, value);
    }
    return any && at >= 0 && at < y->rank;
}

static enum mopt_status lower_concat(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape y;
    int axis;
    if (!read_concat(l, node, &axis, &y)) {
        return MOPT_OK;
    }
    bool nhwc = false;
    size_t batch;
    size_t channels;
    size_t pixels;
    for (uint32_t i = 0; i < node->input_count; i++) {
        nhwc = nhwc || mopt__low_prefers_nhwc(l, node->inputs[i].value);
    }
    nhwc = nhwc && axis == 1 && mopt__low_image(&y, &batch, &channels, &pixels);
    size_t rows = 1;
    for (int d = 0; d < axis; d++) {
        rows *= (size_t)y.dims[d];
    }
    struct concat_work *w = mopt__low_work(l, sizeof *w);
    size_t *widths = mopt__low_work(l, node->input_count * sizeof *widths);
    uint32_t *cells = mopt__low_work(l, (node->input_count + (size_t)1) * sizeof *cells);
    if (w == NULL || widths == NULL || cells == NULL) {
        return MOPT_E_MEMORY;
    }
    *done = true;
    *w = (struct concat_work){
        node->input_count, nhwc ? batch * pixels : rows, sizeof(float), 0, widths, cells};
    enum mopt_form form = nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        struct mopt_low_shape x;
        mopt__low_shape(l, node->inputs[i].value, &x);
        widths[i] = x.count / w->rows;
        w->width += widths[i];
        status = mopt__low_cell(l, node->inputs[i].value, form, &cells[i]);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0], form, &cells[node->input_count]);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_concat, w, cells, node->input_count + 1)
                             : status;
}

enum mopt_status mopt__low_shaping(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    if (is_view(node)) {
        return lower_view(l, node, done);
    }
    enum mopt_status status = lower_split(l, node, done);
    return status == MOPT_OK && !*done ? lower_concat(l, node, done) : status;
}
