// SPDX-License-Identifier: Apache-2.0
// Pad of height and width as a native action on images whose channels lie innermost. Others run
// through their record.
#include <string.h>

#include "exec/native.h"
#include "ops/pad.h"

enum { PIECE = 1 << 13 }; // elements one thread takes at least

// One axis: where each place of the result comes from, and the longest run of neighbours.
struct pad_axis {
    size_t in, out;
    const int64_t *from; // [out], MOPT_PAD_OUTSIDE: the constant
    size_t run, run_length;
};
struct pad_work {
    struct pad_axis h, w;
    size_t batch, channels, ldx, ldy;
    float value;
    uint32_t x, y;
};
struct pad_run {
    const struct pad_work *w;
    const float *x;
    float *y;
};

// Pixels begin..end of a row one by one; from NULL: all outside.
static void pad_pixels(const struct pad_work *w, const float *from, float *to, size_t begin,
                       size_t end)
{
    for (size_t i = begin; i < end; i++) {
        float *y = to + i * w->ldy;
        if (from == NULL || w->w.from[i] == MOPT_PAD_OUTSIDE) {
            for (size_t c = 0; c < w->channels; c++) {
                y[c] = w->value;
            }
        } else {
            memcpy(y, from + (size_t)w->w.from[i] * w->ldx, w->channels * sizeof *y);
        }
    }
}

static void pad_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct pad_run *r = context;
    const struct pad_work *w = r->w;
    const struct pad_axis *axis = &w->w;
    const bool dense = w->ldx == w->channels && w->ldy == w->channels;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        const int64_t line = w->h.from[row % w->h.out];
        float *to = r->y + row * axis->out * w->ldy;
        if (line == MOPT_PAD_OUTSIDE) {
            pad_pixels(w, NULL, to, 0, axis->out);
            continue;
        }
        const size_t at = row / w->h.out * w->h.in + (size_t)line;
        const float *from = r->x + at * axis->in * w->ldx;
        size_t next = 0;
        if (dense && axis->run_length > 0) {
            pad_pixels(w, from, to, 0, axis->run);
            memcpy(to + axis->run * w->ldy, from + (size_t)axis->from[axis->run] * w->ldx,
                   axis->run_length * w->channels * sizeof *to);
            next = axis->run + axis->run_length;
        }
        pad_pixels(w, from, to, next, axis->out);
    }
}

static void run_pad(const void *work, const struct mopt_frame *frame)
{
    const struct pad_work *w = work;
    struct pad_run r = {w, frame->data[w->x], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)(w->batch * w->h.out),
                   (int64_t)(PIECE / (w->w.out * w->channels) + 1), pad_rows, &r);
}

// ---- Reading the node ---------------------------------------------------------------------------

// Amounts of a node, which must be known with the shapes; *known false when they are not.
struct amounts {
    int64_t before[MOPT_RANK_MAX], after[MOPT_RANK_MAX];
};

static bool spread(const struct mopt_node *node, const struct mopt_tensor *pads,
                   const struct mopt_tensor *axes, int rank, struct amounts *out)
{
    const struct mopt_attribute *a = mopt__node_attribute(node, "pads");
    struct mopt_error ignored = {0};
    int64_t numbers[2 * MOPT_RANK_MAX];
    int64_t places[MOPT_RANK_MAX];
    const size_t count = pads != NULL ? pads->count : a != NULL ? a->count : 0;
    const size_t axis_count = axes != NULL ? axes->count : 0;
    if (count > MOPT_COUNTOF(numbers) || axis_count > MOPT_COUNTOF(places)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = pads != NULL ? mopt__tensor_i64_at(pads, i) : a->ints[i];
    }
    for (size_t i = 0; i < axis_count; i++) {
        places[i] = mopt__tensor_i64_at(axes, i);
    }
    return mopt__pad_spread(numbers, count, axes != NULL ? places : NULL, axis_count, rank,
                            out->before, out->after, &ignored) == MOPT_OK;
}

// pads and axes, attributes or operands.
static enum mopt_status read_amounts(struct mopt_lower *l, const struct mopt_node *node, int rank,
                                     struct amounts *amounts, bool *known)
{
    struct mopt_tensor *pads = NULL;
    struct mopt_tensor *axes = NULL;
    enum mopt_status status = MOPT_OK;
    const bool as_input = node->op->input_count > 1;
    *known = true;
    if (as_input) {
        status = mopt__low_content(l, mopt__node_input(node, 1), &pads);
        *known = pads != NULL;
    }
    if (status == MOPT_OK && mopt__node_input(node, 3) != NULL) {
        status = mopt__low_content(l, mopt__node_input(node, 3), &axes);
        *known = *known && axes != NULL;
    }
    *known = status == MOPT_OK && *known && spread(node, pads, axes, rank, amounts);
    mopt__tensor_unref(pads);
    mopt__tensor_unref(axes);
    return status;
}

static bool read_value(const struct mopt_lower *l, const struct mopt_node *node, float *value)
{
    *value = 0;
    if (node->op->input_count == 1) {
        *value = mopt__low_float(node, "value", 0);
        return true;
    }
    return mopt__node_input(node, 2) == NULL ||
           mopt__low_scalar(l, mopt__node_input(node, 2), value);
}

// Tables in memory of the program.
static enum mopt_status make_axis(struct mopt_lower *l, enum mopt_padding mode, int64_t in,
                                  int64_t before, int64_t after, struct pad_axis *axis)
{
    const int64_t crop = mopt__pad_crop(before);
    const int64_t n = in - crop - mopt__pad_crop(after);
    const int64_t shift = before > 0 ? before : 0;
    const int64_t out = in + before + after;
    int64_t *from = mopt__low_work(l, (size_t)out * sizeof *from);
    if (from == NULL) {
        return MOPT_E_MEMORY;
    }
    *axis = (struct pad_axis){.in = (size_t)in, .out = (size_t)out, .from = from};
    for (int64_t i = 0, length = 0; i < out; i++) {
        const int64_t at = mopt__pad_source(mode, i - shift, n > 0 ? n : 0);
        from[i] = at == MOPT_PAD_OUTSIDE ? at : crop + at;
        const bool follows = i > 0 && from[i - 1] != MOPT_PAD_OUTSIDE && from[i] == from[i - 1] + 1;
        length = at == MOPT_PAD_OUTSIDE ? 0 : follows ? length + 1 : 1;
        if (length > (int64_t)axis->run_length) {
            axis->run_length = (size_t)length;
            axis->run = (size_t)(i + 1 - length);
        }
    }
    return MOPT_OK;
}

// Only height and width change, to the inferred sizes, and something is left to repeat.
static bool is_simple(const struct amounts *a, const struct mopt_low_shape *x,
                      const struct mopt_low_shape *y)
{
    for (int d = 0; d < x->rank; d++) {
        const int64_t before = mopt__pad_crop(a->before[d]), after = mopt__pad_crop(a->after[d]);
        int64_t out = 0;
        if ((d < 2 && (a->before[d] != 0 || a->after[d] != 0)) || before >= x->dims[d] ||
            after >= x->dims[d] - before || !mopt__i64_add(x->dims[d], a->before[d], &out) ||
            !mopt__i64_add(out, a->after[d], &out) || out != y->dims[d]) {
            return false;
        }
    }
    return x->rank == y->rank;
}

static enum mopt_status emit(struct mopt_lower *l, const struct mopt_node *node,
                             const struct mopt_low_shape *x, const struct amounts *a,
                             struct pad_work *w)
{
    enum mopt_padding mode = MOPT_PADDING_CONSTANT;
    const int last = x->rank - 1;
    enum mopt_status status = mopt__pad_mode(node, &mode, l->err);
    if (status == MOPT_OK) {
        status = make_axis(l, mode, x->dims[last], a->before[last], a->after[last], &w->w);
    }
    if (status == MOPT_OK) {
        status = last == 3 ? make_axis(l, mode, x->dims[2], a->before[2], a->after[2], &w->h)
                           : make_axis(l, mode, 1, 0, 0, &w->h);
    }
    if (status == MOPT_OK) {
        status = mopt__low_image_cell(l, node->inputs[0].value, &w->x, &w->ldx);
    }
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, node->outputs[0], &w->y, &w->ldy);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_pad, w, (uint32_t[]){w->x, w->y}, 2) : status;
}

enum mopt_status mopt__low_pad(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    struct amounts amounts;
    struct pad_work *w;
    size_t pixels;
    bool known = false;
    float value;
    if (!mopt__low_is(node, "", "Pad") || node->op->until == 1 ||
        !mopt__low_shape(l, mopt__node_input(node, 0), &x) || x.dtype != MOPT_FLOAT32 ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) ||
        !mopt__low_prefers_nhwc(l, node->inputs[0].value) || !read_value(l, node, &value)) {
        return MOPT_OK;
    }
    enum mopt_status status = read_amounts(l, node, x.rank, &amounts, &known);
    if (status != MOPT_OK || !known || !is_simple(&amounts, &x, &y)) {
        return status;
    }
    w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->value = value;
    *done = mopt__low_image(&x, &w->batch, &w->channels, &pixels);
    return *done ? emit(l, node, &x, &amounts, w) : MOPT_OK;
}
