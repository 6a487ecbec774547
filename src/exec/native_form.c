// SPDX-License-Identifier: Apache-2.0
// Native actions that change only the form of a value: order of axes, codes and floats.
#include <string.h>

#include "exec/native.h"
#include "kernels/conv_nhwc.h"

enum { PIECE = 4096 }; // elements one thread takes at least

struct move {
    struct mopt_images images;
    uint32_t from, to;
};

static void run_to_nhwc(const void *work, const struct mopt_frame *frame)
{
    const struct move *m = work;
    mopt__to_nhwc(frame->kernels, &m->images, frame->data[m->from], frame->data[m->to],
                  m->images.channels, frame->pool);
}

static void run_to_nchw(const void *work, const struct mopt_frame *frame)
{
    const struct move *m = work;
    mopt__to_nchw(frame->kernels, &m->images, frame->data[m->from], m->images.channels,
                  frame->data[m->to], frame->pool);
}

static enum mopt_status emit_move(struct mopt_lower *l, mopt_native run,
                                  const struct mopt_low_shape *shape, size_t element, uint32_t from,
                                  uint32_t to)
{
    struct move *m = mopt__low_work(l, sizeof *m);
    if (m == NULL) {
        return MOPT_E_MEMORY;
    }
    *m = (struct move){.images.element = element, .from = from, .to = to};
    mopt__low_volume(shape, &m->images.batch, &m->images.channels, &m->images.pixels);
    return mopt__low_emit(l, run, m, (uint32_t[]){from, to}, 2);
}

enum mopt_status mopt__low_to_nhwc(struct mopt_lower *l, const struct mopt_low_shape *shape,
                                   size_t element, uint32_t from, uint32_t to)
{
    return emit_move(l, run_to_nhwc, shape, element, from, to);
}

enum mopt_status mopt__low_to_nchw(struct mopt_lower *l, const struct mopt_low_shape *shape,
                                   size_t element, uint32_t from, uint32_t to)
{
    return emit_move(l, run_to_nchw, shape, element, from, to);
}

// ---- Parts of images ----------------------------------------------------------------------------------------------

struct join_work {
    size_t parts, rows, width; // width: of a row of y
    const struct mopt_low_part *part;
    uint32_t y;
};
struct join_run {
    const struct join_work *w;
    void *const *data;
};

static void join_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct join_run *r = context;
    const struct join_work *w = r->w;
    float *y = r->data[w->y];
    (void)thread;
    for (size_t p = 0; p < w->parts; p++) {
        const struct mopt_low_part *part = &w->part[p];
        const float *x = r->data[part->cell];
        for (size_t row = (size_t)begin; row < (size_t)end; row++) {
            memcpy(y + row * w->width + part->at, x + row * part->ld, part->width * sizeof *y);
        }
    }
}

static void run_join(const void *work, const struct mopt_frame *frame)
{
    const struct join_work *w = work;
    struct join_run r = {w, frame->data};
    mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(PIECE / w->width + 1), join_rows, &r);
}

enum mopt_status mopt__low_join(struct mopt_lower *l, size_t rows, size_t width,
                                const struct mopt_low_part *parts, size_t count, uint32_t y)
{
    struct join_work *w = mopt__low_work(l, sizeof *w);
    struct mopt_low_part *own = mopt__low_work(l, count * sizeof *own);
    uint32_t *cells = mopt__low_work(l, (count + 1) * sizeof *cells);
    if (w == NULL || own == NULL || cells == NULL) {
        return MOPT_E_MEMORY;
    }
    memcpy(own, parts, count * sizeof *own);
    *w = (struct join_work){count, rows, width, own, y};
    for (size_t i = 0; i < count; i++) {
        cells[i] = own[i].cell;
    }
    cells[count] = y;
    return mopt__low_emit(l, run_join, w, cells, (uint32_t)count + 1);
}

// ---- Codes --------------------------------------------------------------------------------------------------------

struct recode {
    size_t count;
    float scale;
    int32_t zero, low, high;
    bool flip;
    uint32_t from, to;
};

struct recoding { // one run
    const struct recode *r;
    const struct mopt_kernels *kernels;
    const void *from;
    void *to;
};

static void copy_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct recoding *c = context;
    (void)thread;
    const uint8_t *from = c->from;
    uint8_t *to = c->to;
    uint8_t mask = c->r->flip ? 0x80 : 0;
    for (int64_t i = begin; i < end; i++) {
        to[i] = from[i] ^ mask;
    }
}

static void dequantize_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct recoding *c = context;
    (void)thread;
    c->kernels->dequantize_u8((const uint8_t *)c->from + begin, c->r->scale, c->r->zero,
                              (float *)c->to + begin, (size_t)(end - begin));
}

static void quantize_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct recoding *c = context;
    (void)thread;
    uint8_t *to = (uint8_t *)c->to + begin;
    c->kernels->quantize_u8((const float *)c->from + begin, c->r->scale, true, c->r->zero, to,
                            (size_t)(end - begin));
    for (int64_t i = 0; c->r->low > 0 && i < end - begin; i++) {
        to[i] = to[i] < c->r->low ? (uint8_t)c->r->low : to[i];
    }
    for (int64_t i = 0; c->r->high < 255 && i < end - begin; i++) {
        to[i] = to[i] > c->r->high ? (uint8_t)c->r->high : to[i];
    }
}

static void run_recoding(const void *work, const struct mopt_frame *frame,
                         void (*body)(void *, int64_t, int64_t, int))
{
    const struct recode *r = work;
    struct recoding c = {r, frame->kernels, frame->data[r->from], frame->data[r->to]};
    mopt__pool_for(frame->pool, (int64_t)r->count, PIECE, body, &c);
}

static void run_copy(const void *work, const struct mopt_frame *frame)
{
    run_recoding(work, frame, copy_piece);
}

static void run_dequantize(const void *work, const struct mopt_frame *frame)
{
    run_recoding(work, frame, dequantize_piece);
}

static void run_quantize(const void *work, const struct mopt_frame *frame)
{
    run_recoding(work, frame, quantize_piece);
}

static enum mopt_status emit_recode(struct mopt_lower *l, mopt_native run,
                                    const struct recode *recode)
{
    struct recode *own = mopt__low_work(l, sizeof *own);
    if (own == NULL) {
        return MOPT_E_MEMORY;
    }
    *own = *recode;
    return mopt__low_emit(l, run, own, (uint32_t[]){recode->from, recode->to}, 2);
}

enum mopt_status mopt__low_copy(struct mopt_lower *l, size_t bytes, bool flip, uint32_t from,
                                uint32_t to)
{
    struct recode r = {.count = bytes, .flip = flip, .from = from, .to = to};
    return emit_recode(l, run_copy, &r);
}

enum mopt_status mopt__low_dequantize(struct mopt_lower *l, size_t count, float scale, int32_t zero,
                                      uint32_t from, uint32_t to)
{
    struct recode r = {.count = count, .scale = scale, .zero = zero, .from = from, .to = to};
    return emit_recode(l, run_dequantize, &r);
}

enum mopt_status mopt__low_quantize(struct mopt_lower *l, size_t count, float scale, int32_t zero,
                                    int32_t low, int32_t high, uint32_t from, uint32_t to)
{
    struct recode r = {.count = count,
                       .scale = scale,
                       .zero = zero,
                       .low = low,
                       .high = high,
                       .from = from,
                       .to = to};
    return emit_recode(l, run_quantize, &r);
}

// ---- Nodes --------------------------------------------------------------------------------------------------------

static enum mopt_status lower_quantizer(struct mopt_lower *l, const struct mopt_low_quant *q)
{
    const struct mopt_low_value *real = &l->values[q->real->id];
    struct mopt_low_shape shape;
    uint32_t from;
    uint32_t to;
    bool same = real->codes != NULL && real->scale == mopt__low_scale(q, 0) &&
                real->zero == mopt__low_zero(q, 0);
    bool nhwc = mopt__low_prefers_nhwc(l, q->real);
    if (same) { // back to the codes it came from
        nhwc = mopt__low_codes_nhwc(l, real->codes);
    }
    bool done = false;
    enum mopt_status status = same ? MOPT_OK : mopt__low_lookup_codes(l, q, &done);
    if (status != MOPT_OK || done) {
        return status;
    }
    enum mopt_form codes = nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    status = mopt__low_cell(l, same ? real->codes : q->real,
                            same   ? codes
                            : nhwc ? MOPT_FORM_NHWC
                                   : MOPT_FORM_PLAIN,
                            &from);
    if (status != MOPT_OK || same) {
        return status == MOPT_OK ? mopt__low_alias(l, q->codes, codes, from) : status;
    }
    status = mopt__low_output(l, q->codes, codes, &to);
    if (status != MOPT_OK || !mopt__low_shape(l, q->codes, &shape)) {
        return status;
    }
    return mopt__low_quantize(l, shape.count, mopt__low_scale(q, 0), mopt__low_zero(q, 0), 0, 255,
                              from, to);
}

enum mopt_status mopt__low_quantization(struct mopt_lower *l, const struct mopt_node *node,
                                        bool *done)
{
    struct mopt_low_quant q;
    if (mopt__low_dequantizer(l, node, false, &q) && mopt__low_one_scale(&q) &&
        mopt__low_scales_fit(q.scale, true)) {
        struct mopt_low_value *v = &l->values[q.real->id];
        v->codes = q.codes;
        v->scale = mopt__low_scale(&q, 0);
        v->zero = mopt__low_zero(&q, 0);
        *done = true;
        return MOPT_OK;
    }
    if (mopt__low_dequantizer(l, node, true, &q) && mopt__low_constant(l, q.codes) != NULL) {
        // Constant weights: those who take them from the codes never ask for the floats.
        l->values[q.real->id].deferred = &l->schedule->steps[node->order];
        *done = true;
        return MOPT_OK;
    }
    if (mopt__low_quantizer(l, node, &q) && mopt__low_one_scale(&q)) {
        *done = true;
        return lower_quantizer(l, &q);
    }
    return MOPT_OK;
}
