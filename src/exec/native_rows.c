// SPDX-License-Identifier: Apache-2.0
// Nodes that work on rows of the last axis as native actions: normalizations and Softmax.
#include <string.h>

#include "exec/native.h"

enum { PIECE = 4096 }; // elements one thread takes at least

struct rows_work {
    size_t rows, n;
    const float *gamma, *beta; // NULL = 1 and 0
    float epsilon;
    bool rms;
    uint32_t x, skip, y, sum; // MOPT_NO_CELL = none
};
struct rows_run {
    const struct rows_work *w;
    const struct mopt_kernels *kernels;
    const float *x, *skip;
    float *y, *sum;
};

static void norm_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct rows_run *r = context;
    const struct rows_work *w = r->w;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        size_t at = row * w->n;
        r->kernels->norm_f32(r->x + at, r->skip != NULL ? r->skip + at : NULL, NULL, w->gamma,
                             w->beta, w->epsilon, w->rms, r->sum != NULL ? r->sum + at : NULL,
                             r->y + at, w->n);
    }
}

static void softmax_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct rows_run *r = context;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        size_t at = row * r->w->n;
        r->kernels->softmax_f32(r->x + at, NULL, 1, r->y + at, r->w->n);
    }
}

static void run_rows(const void *work, const struct mopt_frame *frame,
                     void (*body)(void *, int64_t, int64_t, int))
{
    const struct rows_work *w = work;
    struct rows_run r = {w,
                         frame->kernels,
                         frame->data[w->x],
                         w->skip != MOPT_NO_CELL ? frame->data[w->skip] : NULL,
                         frame->data[w->y],
                         w->sum != MOPT_NO_CELL ? frame->data[w->sum] : NULL};
    mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(PIECE / w->n + 1), body, &r);
}

static void run_norm(const void *work, const struct mopt_frame *frame)
{
    run_rows(work, frame, norm_rows);
}

static void run_softmax(const void *work, const struct mopt_frame *frame)
{
    run_rows(work, frame, softmax_rows);
}

// A constant vector of n floats, or absent.
static bool vector(const struct mopt_lower *l, const struct mopt_value *value, size_t n,
                   const float **out)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    *out = constant != NULL ? constant->data : NULL;
    return value == NULL ||
           (constant != NULL && constant->dtype == MOPT_FLOAT32 && constant->count == n);
}

static enum mopt_status emit_rows(struct mopt_lower *l, const struct mopt_node *node,
                                  mopt_native run, const struct rows_work *work,
                                  const struct mopt_value *skip)
{
    struct rows_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *w = *work;
    w->skip = MOPT_NO_CELL;
    w->sum = MOPT_NO_CELL;
    enum mopt_status status = mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_PLAIN, &w->x);
    if (status == MOPT_OK && skip != NULL) {
        status = mopt__low_cell(l, skip, MOPT_FORM_PLAIN, &w->skip);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0], MOPT_FORM_PLAIN, &w->y);
    }
    if (status == MOPT_OK && node->output_count > 3 && node->outputs[3] != NULL) {
        status = mopt__low_output(l, node->outputs[3], MOPT_FORM_PLAIN, &w->sum);
    }
    uint32_t cells[4] = {w->x, w->y};
    uint32_t count = 2;
    if (w->skip != MOPT_NO_CELL) {
        cells[count++] = w->skip;
    }
    if (w->sum != MOPT_NO_CELL) {
        cells[count++] = w->sum;
    }
    return status == MOPT_OK ? mopt__low_emit(l, run, w, cells, count) : status;
}

static bool float_rows(const struct mopt_lower *l, const struct mopt_node *node,
                       struct mopt_low_shape *x, struct rows_work *w)
{
    if (!mopt__low_shape(l, mopt__node_input(node, 0), x) || x->dtype != MOPT_FLOAT32 ||
        x->rank < 1 || node->outputs[0] == NULL) {
        return false;
    }
    w->n = (size_t)x->dims[x->rank - 1];
    w->rows = x->count / w->n;
    return true;
}

static bool only_outputs(const struct mopt_node *node, uint32_t mask)
{
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (node->outputs[o] != NULL && (mask >> o & 1) == 0) {
            return false;
        }
    }
    return true;
}

static enum mopt_status lower_norm(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape x;
    struct mopt_low_shape s;
    struct rows_work w = {.epsilon = mopt__low_float(node, "epsilon", 1e-5F)};
    bool simple = mopt__low_is(node, "", "SimplifiedLayerNormalization") ||
                  mopt__low_is(node, "", "RMSNormalization");
    bool layer = mopt__low_is(node, "", "LayerNormalization");
    bool skip = mopt__low_is(node, "com.microsoft", "SkipLayerNormalization") ||
                mopt__low_is(node, "com.microsoft", "SkipSimplifiedLayerNormalization");
    if ((!simple && !layer && !skip) || !float_rows(l, node, &x, &w)) {
        return MOPT_OK;
    }
    w.rms = simple || mopt__low_is(node, "com.microsoft", "SkipSimplifiedLayerNormalization");
    int64_t axis = mopt__int_of(node, "axis", -1);
    uint32_t gamma = skip ? 2 : 1;
    const struct mopt_value *beta = skip && w.rms ? NULL : mopt__node_input(node, gamma + 1);
    const struct mopt_value *other = skip ? mopt__node_input(node, 1) : NULL;
    if ((!skip && axis != -1 && axis != x.rank - 1) || !only_outputs(node, skip ? 9 : 1) ||
        !vector(l, mopt__node_input(node, gamma), w.n, &w.gamma) ||
        !vector(l, beta, w.n, &w.beta) || (skip && mopt__node_input(node, w.rms ? 3 : 4) != NULL) ||
        (other != NULL && (!mopt__low_shape(l, other, &s) || s.count != x.count))) {
        return MOPT_OK;
    }
    *done = true;
    return emit_rows(l, node, run_norm, &w, other);
}

static enum mopt_status lower_softmax(struct mopt_lower *l, const struct mopt_node *node,
                                      bool *done)
{
    struct mopt_low_shape x;
    struct rows_work w = {.epsilon = 0};
    if (!mopt__low_is(node, "", "Softmax") || !float_rows(l, node, &x, &w)) {
        return MOPT_OK;
    }
    int64_t axis = mopt__int_of(node, "axis", node->op->since >= 13 ? -1 : 1);
    if (axis != -1 && axis != x.rank - 1) {
        return MOPT_OK;
    }
    *done = true;
    return emit_rows(l, node, run_softmax, &w, NULL);
}

enum mopt_status mopt__low_rows(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    enum mopt_status status = lower_norm(l, node, done);
    if (status == MOPT_OK && !*done) {
        status = lower_softmax(l, node, done);
    }
    return status;
}
