// SPDX-License-Identifier: Apache-2.0
// Dynamically quantized activations as native actions: DynamicQuantizeLinear, and what integer
// products and convolutions share whose zero points and scales may come in the run.
#include <math.h>
#include <string.h>

#include "exec/native.h"

// ---- DynamicQuantizeLinear ----------------------------------------------------------------------------------------

enum { PIECE = 8192 /* elements one thread takes at least */, RANGE_PIECES = 64 };

struct quantize_work {
    size_t count;
    uint32_t x, y, scale, zero;
};
struct quantize_run {
    const struct mopt_kernels *kernels;
    const float *x;
    uint8_t *y;
    size_t count, piece;
    float low[RANGE_PIECES], high[RANGE_PIECES];
    float scale;
    int32_t zero;
};

static void range_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    struct quantize_run *r = context;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        size_t from = (size_t)i * r->piece;
        size_t n = r->count - from < r->piece ? r->count - from : r->piece;
        r->kernels->range_f32(r->x + from, n, &r->low[i], &r->high[i]);
    }
}

static void code_piece(void *context, int64_t begin, int64_t end, int thread)
{
    struct quantize_run *r = context;
    (void)thread;
    r->kernels->quantize_u8(r->x + begin, r->scale, true, r->zero, r->y + begin,
                            (size_t)(end - begin));
}

static void run_quantize(const void *work, const struct mopt_frame *frame)
{
    const struct quantize_work *w = work;
    struct quantize_run r = {.kernels = frame->kernels,
                             .x = frame->data[w->x],
                             .y = frame->data[w->y],
                             .count = w->count};
    r.piece = w->count / RANGE_PIECES + 1;
    r.piece = r.piece < PIECE ? PIECE : r.piece;
    size_t pieces = (w->count + r.piece - 1) / r.piece;
    mopt__pool_for(frame->pool, (int64_t)pieces, 1, range_pieces, &r);
    float low = 0;
    float high = 0;
    for (size_t i = 0; i < pieces; i++) {
        low = r.low[i] < low ? r.low[i] : low;
        high = r.high[i] > high ? r.high[i] : high;
    }
    r.scale = (high - low) / 255.0F;
    r.scale = r.scale == 0 ? 1 : r.scale;
    r.zero = (int32_t)rintf(fminf(fmaxf(0 - low / r.scale, 0), 255));
    *(float *)frame->data[w->scale] = r.scale;
    *(uint8_t *)frame->data[w->zero] = (uint8_t)r.zero;
    mopt__pool_for(frame->pool, (int64_t)w->count, PIECE, code_piece, &r);
}

enum mopt_status mopt__low_dynamic_quantizer(struct mopt_lower *l, const struct mopt_node *node,
                                             bool *done)
{
    struct mopt_low_shape shape;
    if (!mopt__low_is(node, "", "DynamicQuantizeLinear") || node->output_count < 3 ||
        node->outputs[1] == NULL || node->outputs[2] == NULL ||
        !mopt__low_shape(l, node->inputs[0].value, &shape)) {
        return MOPT_OK;
    }
    struct quantize_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *done = true;
    w->count = shape.count;
    bool nhwc = mopt__low_prefers_nhwc(l, node->inputs[0].value);
    enum mopt_status status =
        mopt__low_cell(l, node->inputs[0].value, nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0],
                                  nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &w->y);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[1], MOPT_FORM_PLAIN, &w->scale);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[2], MOPT_FORM_PLAIN, &w->zero);
    }
    uint32_t cells[] = {w->x, w->y, w->scale, w->zero};
    return status == MOPT_OK ? mopt__low_emit(l, run_quantize, w, cells, 4) : status;
}

// ---- Sums of codes ------------------------------------------------------------------------------------------------

static enum mopt_status read_cell(struct mopt_lower *l, const struct mopt_value *value,
                                  uint32_t *cell, size_t *step)
{
    struct mopt_low_shape shape;
    *cell = MOPT_NO_CELL;
    *step = mopt__low_shape(l, value, &shape) && shape.count > 1 ? 1 : 0;
    return value != NULL ? mopt__low_cell(l, value, MOPT_FORM_PLAIN, cell) : MOPT_OK;
}

enum mopt_status mopt__low_sums(struct mopt_lower *l, const struct mopt_group *group, size_t n,
                                struct mopt_low_sums *sums)
{
    struct mopt_low_shape x;
    size_t ignored;
    mopt__low_shape(l, mopt__node_input(group->anchor, 0), &x);
    sums->n = n;
    sums->is_signed = x.dtype == MOPT_INT8;
    sums->totals = mopt__low_work(l, n * sizeof *sums->totals);
    sums->start = mopt__low_work(l, n * sizeof *sums->start);
    sums->scale = group->real ? mopt__low_work(l, n * sizeof *sums->scale) : NULL;
    if (sums->totals == NULL || sums->start == NULL || (group->real && sums->scale == NULL)) {
        return MOPT_E_MEMORY;
    }
    enum mopt_status status =
        read_cell(l, mopt__node_input(group->anchor, 2), &sums->x_zero, &ignored);
    if (status == MOPT_OK) {
        status = read_cell(l, group->term, &sums->term, &sums->term_step);
    }
    for (int i = 0; i < 2 && status == MOPT_OK; i++) {
        status = read_cell(l, group->factors[i], &sums->factors[i], &sums->factor_steps[i]);
    }
    return status;
}

uint32_t mopt__low_sums_cells(const struct mopt_low_sums *sums, uint32_t *cells, uint32_t count)
{
    const uint32_t own[MOPT_SUMS_CELLS] = {sums->x_zero, sums->term, sums->factors[0],
                                           sums->factors[1]};
    for (size_t i = 0; i < MOPT_SUMS_CELLS; i++) {
        if (own[i] != MOPT_NO_CELL) {
            cells[count++] = own[i];
        }
    }
    return count;
}

static void start_sums(const struct mopt_low_sums *sums, const struct mopt_frame *frame,
                       int32_t x_zero)
{
    const int32_t *restrict totals = sums->totals;
    int32_t *restrict start = sums->start;
    for (size_t j = 0; j < sums->n; j++) {
        start[j] = (int32_t)(0U - (uint32_t)x_zero * (uint32_t)totals[j]);
    }
    const int32_t *term = sums->term != MOPT_NO_CELL ? frame->data[sums->term] : NULL;
    for (size_t j = 0; term != NULL && j < sums->n; j++) {
        start[j] = (int32_t)((uint32_t)start[j] + (uint32_t)term[j * sums->term_step]);
    }
}

int32_t mopt__low_sums_start(const struct mopt_low_sums *sums, const struct mopt_frame *frame)
{
    static const float one = 1;
    const float *factors[2] = {&one, &one};
    int32_t x_zero = sums->is_signed ? 128 : 0;
    if (sums->x_zero != MOPT_NO_CELL) {
        const void *zero = frame->data[sums->x_zero];
        x_zero += sums->is_signed ? *(const int8_t *)zero : *(const uint8_t *)zero;
    }
    start_sums(sums, frame, x_zero);
    for (int i = 0; i < 2; i++) {
        factors[i] = sums->factors[i] != MOPT_NO_CELL ? frame->data[sums->factors[i]] : factors[i];
    }
    if (sums->scale != NULL && sums->factor_steps[0] + sums->factor_steps[1] > 0) {
        frame->kernels->binary_f32(MOPT_BIN_MUL, factors[0], sums->factor_steps[0], factors[1],
                                   sums->factor_steps[1], sums->scale, sums->n);
        return x_zero;
    }
    const float factor = factors[0][0] * factors[1][0];
    for (size_t j = 0; sums->scale != NULL && j < sums->n; j++) {
        sums->scale[j] = factor;
    }
    return x_zero;
}

struct adding {
    const struct mopt_kernels *kernels;
    float *y;
    const float *residual;
};

static void add_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct adding *a = context;
    (void)thread;
    a->kernels->binary_f32(MOPT_BIN_ADD, a->y + begin, 1, a->residual + begin, 1, a->y + begin,
                           (size_t)(end - begin));
}

void mopt__low_add_residual(const struct mopt_frame *frame, float *y, const float *residual,
                            size_t count)
{
    struct adding a = {frame->kernels, y, residual};
    mopt__pool_for(frame->pool, (int64_t)count, PIECE, add_piece, &a);
}
