// SPDX-License-Identifier: Apache-2.0
// Elementwise nodes as native actions: functions of one operand, and sums, products and the like of
// two whose shapes are equal or differ by a plain broadcast. Also DynamicQuantizeLinear.
#include <math.h>
#include <string.h>

#include "exec/native.h"

enum { PIECE = 8192 }; // elements one thread takes at least

// ---- One operand --------------------------------------------------------------------------------------------------

struct unary_work {
    size_t count;
    struct mopt_function_f32 function;
    uint32_t x, y;
};
struct unary_run {
    const struct unary_work *w;
    const struct mopt_kernels *kernels;
    const float *x;
    float *y;
};

static void unary_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct unary_run *r = context;
    (void)thread;
    r->kernels->unary_f32(&r->w->function, r->x + begin, r->y + begin, (size_t)(end - begin));
}

static void run_unary(const void *work, const struct mopt_frame *frame)
{
    const struct unary_work *w = work;
    struct unary_run r = {w, frame->kernels, frame->data[w->x], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)w->count, PIECE, unary_piece, &r);
}

static enum mopt_form form_of(const struct mopt_lower *l, const struct mopt_value *value)
{
    return mopt__low_prefers_nhwc(l, value) ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN;
}

static enum mopt_status lower_unary(struct mopt_lower *l, const struct mopt_value *x,
                                    const struct mopt_function_f32 *function,
                                    const struct mopt_value *y)
{
    struct unary_work *w = mopt__low_work(l, sizeof *w);
    struct mopt_low_shape shape;
    if (w == NULL || !mopt__low_shape(l, x, &shape)) {
        return MOPT_E_MEMORY;
    }
    enum mopt_form form = form_of(l, x);
    *w = (struct unary_work){.count = shape.count, .function = *function};
    enum mopt_status status = mopt__low_cell(l, x, form, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, y, form, &w->y);
    }
    uint32_t cells[] = {w->x, w->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_unary, w, cells, 2) : status;
}

// ---- Two operands -------------------------------------------------------------------------------------------------

// y[r][j] = a[(r / a_group) * a_row + j * a_step] op b[...]; rows of `n` elements. group: rows that
// share one row of the operand.
struct binary_side {
    uint32_t cell;
    size_t group, row, step;
};
struct binary_work {
    enum mopt_binary_op op;
    size_t rows, n;
    struct binary_side a, b;
    uint32_t y;
};
struct binary_run {
    const struct binary_work *w;
    const struct mopt_kernels *kernels;
    const float *a, *b;
    float *y;
};

static const float *side_row(const struct binary_side *side, const float *data, size_t row)
{
    return data + row / side->group * side->row;
}

static void binary_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct binary_run *r = context;
    const struct binary_work *w = r->w;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        r->kernels->binary_f32(w->op, side_row(&w->a, r->a, row), w->a.step,
                               side_row(&w->b, r->b, row), w->b.step, r->y + row * w->n, w->n);
    }
}

static void binary_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct binary_run *r = context;
    const struct binary_work *w = r->w;
    (void)thread;
    r->kernels->binary_f32(w->op, r->a + (size_t)begin * w->a.step, w->a.step,
                           r->b + (size_t)begin * w->b.step, w->b.step, r->y + begin,
                           (size_t)(end - begin));
}

static void run_binary(const void *work, const struct mopt_frame *frame)
{
    const struct binary_work *w = work;
    struct binary_run r = {w, frame->kernels, frame->data[w->a.cell], frame->data[w->b.cell],
                           frame->data[w->y]};
    if (w->rows == 1) {
        mopt__pool_for(frame->pool, (int64_t)w->n, PIECE, binary_piece, &r);
    } else {
        size_t grain = w->n < PIECE ? PIECE / w->n : 1;
        mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)grain, binary_rows, &r);
    }
}

static bool binary_op(const struct mopt_node *node, enum mopt_binary_op *op)
{
    static const struct {
        const char *name;
        enum mopt_binary_op op;
    } ops[] = {{"Add", MOPT_BIN_ADD}, {"Sub", MOPT_BIN_SUB}, {"Mul", MOPT_BIN_MUL},
               {"Div", MOPT_BIN_DIV}, {"Max", MOPT_BIN_MAX}, {"Min", MOPT_BIN_MIN}};
    for (size_t i = 0; i < MOPT_COUNTOF(ops); i++) {
        if (mopt__low_is(node, "", ops[i].name)) {
            *op = ops[i].op;
            return node->input_count == 2;
        }
    }
    return false;
}

// How an operand lies against y: the same shape, one element, one entry per last axis (PLAIN), per
// channel or per image and channel (NHWC). False: another broadcast.
static bool plain_side(const struct mopt_low_shape *x, const struct mopt_low_shape *y, size_t n,
                       struct binary_side *side)
{
    *side = (struct binary_side){.group = 1, .step = 1};
    if (x->count == y->count) {
        side->row = n;
        return true;
    }
    if (x->count == 1) {
        side->step = 0;
        return true;
    }
    // Trailing axes equal, leading ones 1: one row for all; n is that row.
    size_t trailing = 1;
    int d = 1;
    for (; d <= x->rank && d <= y->rank && x->dims[x->rank - d] == y->dims[y->rank - d]; d++) {
        trailing *= (size_t)y->dims[y->rank - d];
    }
    if (trailing == x->count) {
        return trailing == n;
    }
    // Trailing axes 1, leading ones equal: one element for each row.
    if (x->rank != y->rank) {
        return false;
    }
    size_t inner = 1;
    int k = x->rank;
    for (; k > 0 && x->dims[k - 1] == 1; k--) {
        inner *= (size_t)y->dims[k - 1];
    }
    for (int i = 0; i < k; i++) {
        if (x->dims[i] != y->dims[i]) {
            return false;
        }
    }
    side->step = 0;
    side->row = 1;
    return inner == n;
}

// Length of the row in which both operands are simple; y->count when they need none.
static size_t row_length(const struct mopt_low_shape *x, const struct mopt_low_shape *y)
{
    if (x->count == y->count || x->count == 1) {
        return y->count;
    }
    size_t trailing = 1;
    for (int d = 1; d <= x->rank && d <= y->rank && x->dims[x->rank - d] == y->dims[y->rank - d];
         d++) {
        trailing *= (size_t)y->dims[y->rank - d];
    }
    if (trailing == x->count) {
        return trailing;
    }
    size_t inner = 1;
    for (int k = x->rank; k > 0 && x->rank == y->rank && x->dims[k - 1] == 1; k--) {
        inner *= (size_t)y->dims[k - 1];
    }
    return inner;
}

static bool image_side(const struct mopt_low_shape *x, const struct mopt_low_shape *y,
                       struct binary_side *side)
{
    size_t batch;
    size_t channels;
    size_t pixels;
    mopt__low_image(y, &batch, &channels, &pixels);
    *side = (struct binary_side){.group = 1, .row = channels, .step = 1};
    if (x->count == y->count && x->rank == y->rank) {
        return true;
    }
    if (x->count == 1) {
        side->row = 0;
        side->step = 0;
        return true;
    }
    // [C, 1, 1] or [1, C, 1, 1]
    if (x->count == channels && x->rank >= y->rank - 1 &&
        x->dims[x->rank - (y->rank - 1)] == (int64_t)channels) {
        side->row = 0;
        return true;
    }
    side->group = pixels; // [N, C, 1, 1]
    return x->rank == y->rank && x->count == batch * channels && x->dims[0] == (int64_t)batch &&
           x->dims[1] == (int64_t)channels;
}

static bool match_plain(const struct mopt_low_shape *a, const struct mopt_low_shape *b,
                        const struct mopt_low_shape *y, struct binary_work *w)
{
    size_t rows_a = row_length(a, y);
    size_t rows_b = row_length(b, y);
    w->n = rows_a < rows_b ? rows_a : rows_b;
    if (w->n == 0) {
        return false;
    }
    w->rows = y->count / w->n;
    return plain_side(a, y, w->n, &w->a) && plain_side(b, y, w->n, &w->b);
}

static enum mopt_status binary_cell(struct mopt_lower *l, const struct mopt_value *value,
                                    const struct mopt_low_shape *y, bool nhwc,
                                    struct binary_side *side)
{
    struct mopt_low_shape shape;
    mopt__low_shape(l, value, &shape);
    bool image = nhwc && shape.count == y->count && shape.rank == y->rank;
    return mopt__low_cell(l, value, image ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &side->cell);
}

static enum mopt_status lower_binary(struct mopt_lower *l, const struct mopt_node *node,
                                     enum mopt_binary_op op, bool *done)
{
    const struct mopt_value *operands[] = {mopt__node_input(node, 0), mopt__node_input(node, 1)};
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    struct mopt_low_shape y;
    size_t batch;
    size_t channels;
    size_t pixels;
    if (!mopt__low_shape(l, operands[0], &a) || !mopt__low_shape(l, operands[1], &b) ||
        !mopt__low_shape(l, node->outputs[0], &y) || a.dtype != MOPT_FLOAT32 ||
        b.dtype != MOPT_FLOAT32 || y.count < 2 || mopt__node_attribute(node, "broadcast") != NULL) {
        return MOPT_OK;
    }
    struct binary_work w = {.op = op};
    bool nhwc = mopt__low_image(&y, &batch, &channels, &pixels) &&
                (mopt__low_prefers_nhwc(l, operands[0]) || mopt__low_prefers_nhwc(l, operands[1]));
    if (nhwc) {
        w.rows = batch * pixels;
        w.n = channels;
        nhwc = image_side(&a, &y, &w.a) && image_side(&b, &y, &w.b);
    }
    if (!nhwc && !match_plain(&a, &b, &y, &w)) {
        return MOPT_OK;
    }
    if (nhwc && a.count == y.count && b.count == y.count) {
        w.n = y.count;
        w.rows = 1;
    }
    enum mopt_status status = binary_cell(l, operands[0], &y, nhwc, &w.a);
    if (status == MOPT_OK) {
        status = binary_cell(l, operands[1], &y, nhwc, &w.b);
    }
    if (status == MOPT_OK) {
        status =
            mopt__low_output(l, node->outputs[0], nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &w.y);
    }
    struct binary_work *own = status == MOPT_OK ? mopt__low_work(l, sizeof *own) : NULL;
    if (own == NULL) {
        return status == MOPT_OK ? MOPT_E_MEMORY : status;
    }
    *own = w;
    *done = true;
    uint32_t cells[] = {w.a.cell, w.b.cell, w.y};
    return mopt__low_emit(l, run_binary, own, cells, 3);
}

// ---- DynamicQuantizeLinear ----------------------------------------------------------------------------------------

enum { RANGE_PIECES = 64 };

struct dynamic_work {
    size_t count;
    uint32_t x, y, scale, zero;
};
struct dynamic_run {
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
    struct dynamic_run *r = context;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        size_t from = (size_t)i * r->piece;
        size_t n = r->count - from < r->piece ? r->count - from : r->piece;
        r->kernels->range_f32(r->x + from, n, &r->low[i], &r->high[i]);
    }
}

static void code_piece(void *context, int64_t begin, int64_t end, int thread)
{
    struct dynamic_run *r = context;
    (void)thread;
    r->kernels->quantize_u8(r->x + begin, r->scale, true, r->zero, r->y + begin,
                            (size_t)(end - begin));
}

static void run_dynamic(const void *work, const struct mopt_frame *frame)
{
    const struct dynamic_work *w = work;
    struct dynamic_run r = {.kernels = frame->kernels,
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

static enum mopt_status lower_dynamic(struct mopt_lower *l, const struct mopt_node *node,
                                      bool *done)
{
    struct mopt_low_shape shape;
    if (node->output_count < 3 || node->outputs[1] == NULL || node->outputs[2] == NULL ||
        !mopt__low_shape(l, node->inputs[0].value, &shape)) {
        return MOPT_OK;
    }
    struct dynamic_work *w = mopt__low_work(l, sizeof *w);
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
    return status == MOPT_OK ? mopt__low_emit(l, run_dynamic, w, cells, 4) : status;
}

static bool all_free(const struct mopt_lower *l, const struct mopt_low_chain *chain)
{
    for (int i = 0; i < chain->node_count; i++) {
        if (l->absorbed[chain->nodes[i]->order] || l->groups[chain->nodes[i]->order] != NULL) {
            return false;
        }
    }
    return true;
}

// ---- Entry --------------------------------------------------------------------------------------------------------

enum mopt_status mopt__low_elementwise(struct mopt_lower *l, const struct mopt_node *node,
                                       bool *done)
{
    struct mopt_function_f32 function;
    enum mopt_binary_op op;
    struct mopt_low_chain chain;
    if (mopt__low_is(node, "", "DynamicQuantizeLinear")) {
        return lower_dynamic(l, node, done);
    }
    const struct mopt_value *x = mopt__node_input(node, 0);
    // A chain that begins here (x * Sigmoid(x), Gelu by Erf) is done at its first node: everything
    // in it depends on x alone.
    if (x != NULL && x->use_count == 2 && mopt__low_chain(l, x, &chain) && all_free(l, &chain)) {
        *done = true;
        for (int i = 0; i < chain.node_count; i++) {
            l->absorbed[chain.nodes[i]->order] = true;
        }
        return lower_unary(l, x, &chain.function, chain.out);
    }
    if (x != NULL && mopt__low_function(l, node, &function)) {
        *done = true;
        return lower_unary(l, x, &function, node->outputs[0]);
    }
    return binary_op(node, &op) ? lower_binary(l, node, op, done) : MOPT_OK;
}
