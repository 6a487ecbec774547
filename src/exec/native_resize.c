// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample of height and width as native actions, channels innermost, floats and codes.
#include <string.h>

#include "exec/native.h"
#include "kernels/resize_nhwc.h"
#include "ops/resize.h"

struct resize_work {
    struct mopt_resize2d resize;
    size_t element; // bytes
    size_t ldx, ldy;
    uint32_t x, y;
};

static void run_blend(const void *work, const struct mopt_frame *frame)
{
    const struct resize_work *w = work;
    mopt__resize2d_f32(frame->kernels, &w->resize, frame->data[w->x], w->ldx, frame->data[w->y],
                       w->ldy, frame->pool);
}

static void run_copy(const void *work, const struct mopt_frame *frame)
{
    const struct resize_work *w = work;
    mopt__resize2d_nearest(&w->resize, w->element, frame->data[w->x], w->ldx, frame->data[w->y],
                           w->ldy, frame->pool);
}

// Taps of one axis in memory of the program; one tap for each position when the axis stays.
static enum mopt_status copy_axis(struct mopt_lower *l, const struct mopt_resize_axis *axis,
                                  struct mopt_resize_taps *out)
{
    size_t taps = axis->index != NULL ? (size_t)axis->taps : 1;
    size_t count = (size_t)axis->out * taps;
    int64_t *index = mopt__low_work(l, count * sizeof *index);
    float *weights = mopt__low_work(l, count * sizeof *weights);
    if (index == NULL || weights == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        index[i] = axis->index != NULL ? axis->index[i] : (int64_t)i;
        weights[i] = axis->weights != NULL ? (float)axis->weights[i] : 1;
    }
    *out = (struct mopt_resize_taps){.in = (size_t)axis->in,
                                     .out = (size_t)axis->out,
                                     .taps = taps,
                                     .index = index,
                                     .weights = weights};
    return MOPT_OK;
}

// The node's request when it is known with the shapes; *known false when something is not.
static enum mopt_status open_node(struct mopt_lower *l, const struct mopt_node *node,
                                  const struct mopt_low_shape *x, struct mopt_resize *r,
                                  bool *known)
{
    struct mopt_tensor *content[4] = {NULL};
    const struct mopt_tensor *in[4] = {NULL};
    struct mopt_error ignored;
    enum mopt_status status = MOPT_OK;
    mopt_error_clear(&ignored);
    *r = (struct mopt_resize){.rank = 0};
    *known = true;
    for (uint32_t i = 1; i < node->input_count && i < 4 && status == MOPT_OK && *known; i++) {
        if (mopt__node_input(node, i) != NULL) {
            status = mopt__low_content(l, node->inputs[i].value, &content[i]);
            *known = content[i] != NULL;
            in[i] = content[i];
        }
    }
    if (status == MOPT_OK && *known) {
        *known = mopt__resize_open(node, l->schedule->steps[node->order].version, x->rank, x->dims,
                                   in, r, &ignored) == MOPT_OK &&
                 mopt__resize_build(r, &ignored) == MOPT_OK;
    }
    for (int i = 0; i < 4; i++) {
        mopt__tensor_unref(content[i]);
    }
    return status;
}

// Height and width change, at most, to the inferred sizes, by few taps.
static bool is_simple(const struct mopt_resize *r, const struct mopt_low_shape *y)
{
    int64_t taps = 1;
    for (int d = 0; d < r->rank; d++) {
        const struct mopt_resize_axis *axis = &r->axes[d];
        if (r->dims[d] != y->dims[d] || (d < 2 && axis->index != NULL)) {
            return false;
        }
        taps *= axis->index != NULL ? axis->taps : 1;
    }
    return r->rank == y->rank && taps <= MOPT_RESIZE_TAPS &&
           r->rule.coordinates != MOPT_RESIZE_TF_CROP;
}

// Codes in, codes out.
static enum mopt_status emit_codes(struct mopt_lower *l, const struct mopt_low_passage *passage,
                                   struct resize_work *w)
{
    w->element = 1;
    w->ldx = w->resize.channels;
    w->ldy = w->resize.channels;
    mopt__low_leave_codes(l, passage);
    enum mopt_status status = mopt__low_cell(l, passage->from, MOPT_FORM_BYTES_NHWC, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, passage->to, MOPT_FORM_BYTES_NHWC, &w->y);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_copy, w, (uint32_t[]){w->x, w->y}, 2) : status;
}

static enum mopt_status emit(struct mopt_lower *l, const struct mopt_node *node, bool nearest,
                             struct resize_work *w)
{
    const struct mopt_value *x = node->inputs[0].value;
    struct mopt_low_passage passage;
    if (nearest && mopt__low_passes_codes(l, node, &passage)) {
        return emit_codes(l, &passage, w);
    }
    w->element = sizeof(float);
    enum mopt_status status = mopt__low_image_cell(l, x, &w->x, &w->ldx);
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, node->outputs[0], &w->y, &w->ldy);
    }
    return status == MOPT_OK
               ? mopt__low_emit(l, nearest ? run_copy : run_blend, w, (uint32_t[]){w->x, w->y}, 2)
               : status;
}

// w.resize from the request's tables.
static enum mopt_status fill(struct mopt_lower *l, const struct mopt_resize *r,
                             struct resize_work *w)
{
    static const struct mopt_resize_axis one = {.in = 1, .out = 1};
    enum mopt_status status = copy_axis(l, r->rank == 4 ? &r->axes[2] : &one, &w->resize.h);
    return status == MOPT_OK ? copy_axis(l, &r->axes[r->rank - 1], &w->resize.w) : status;
}

// Channels lie innermost already; or there are enough of them to fill vectors, and sums to be made,
// or a convolution wants them so. Other images are resized faster as they lie, by the record.
static bool is_worth(const struct mopt_lower *l, const struct mopt_node *node, size_t channels,
                     bool nearest)
{
    enum { FEW = 4 };
    const struct mopt_value *x = node->inputs[0].value;
    bool worth = mopt__low_prefers_nhwc(l, x) || mopt__low_codes_nhwc(l, x) ||
                 l->values[x->id].codes != NULL || (channels > FEW && !nearest);
    for (const struct mopt_use *use = node->outputs[0]->uses; use != NULL; use = use->next) {
        worth = worth || (channels > FEW && strcmp(use->node->op_type, "Conv") == 0);
    }
    return worth;
}

enum mopt_status mopt__low_resize(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    struct mopt_resize r;
    size_t pixels;
    bool known;
    if ((!mopt__low_is(node, "", "Resize") && !mopt__low_is(node, "", "Upsample")) ||
        !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        (x.dtype != MOPT_FLOAT32 && !mopt__low_is_codes(&x)) ||
        !mopt__low_shape(l, node->outputs[0], &y)) {
        return MOPT_OK;
    }
    struct resize_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    if (!mopt__low_image(&x, &w->resize.batch, &w->resize.channels, &pixels)) {
        return MOPT_OK;
    }
    enum mopt_status status = open_node(l, node, &x, &r, &known);
    // Codes are only copied: blends of them are the reference's.
    *done = status == MOPT_OK && known && is_simple(&r, &y) &&
            (r.rule.mode == MOPT_RESIZE_NEAREST || x.dtype == MOPT_FLOAT32) &&
            is_worth(l, node, w->resize.channels, r.rule.mode == MOPT_RESIZE_NEAREST);
    if (*done) {
        status = fill(l, &r, w);
    }
    if (*done && status == MOPT_OK) {
        status = emit(l, node, r.rule.mode == MOPT_RESIZE_NEAREST, w);
    }
    mopt__resize_release(&r);
    return status;
}
