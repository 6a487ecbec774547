// SPDX-License-Identifier: Apache-2.0
// Elementwise nodes as native actions: functions of one operand, and sums, products and the like of
// two whose shapes are equal or differ by a plain broadcast.
#include <math.h>
#include <string.h>

#include "exec/native.h"

enum { PIECE = 2048 }; // elements one thread takes at least

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
    bool done = false;
    enum mopt_status found = mopt__low_lookup_unary(l, x, function, y, &done);
    if (found != MOPT_OK || done) {
        return found;
    }
    struct mopt_low_shape shape;
    if (!mopt__low_shape(l, x, &shape)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' has no static shape", x->name);
    }
    struct unary_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    enum mopt_form form = form_of(l, x);
    *w = (struct unary_work){.count = shape.count, .function = *function};
    enum mopt_status status = mopt__low_cell(l, x, form, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, y, form, &w->y);
    }
    uint32_t cells[] = {w->x, w->y};
    return status == MOPT_OK ? mopt__low_emit_over(l, run_unary, w, cells, 2, 1) : status;
}

// ---- Two operands -------------------------------------------------------------------------------------------------

struct binary_run {
    const struct mopt_binary_work *w;
    const struct mopt_kernels *kernels;
    const float *a, *b;
    float *y;
};

static const float *side_row(const struct mopt_binary_side *side, const float *data, size_t row)
{
    return data + row / side->group * side->row;
}

static void binary_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct binary_run *r = context;
    const struct mopt_binary_work *w = r->w;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        r->kernels->binary_f32(w->op, side_row(&w->sides[0], r->a, row), w->sides[0].step,
                               side_row(&w->sides[1], r->b, row), w->sides[1].step,
                               r->y + row * w->n, w->n);
    }
}

static void binary_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct binary_run *r = context;
    const struct mopt_binary_work *w = r->w;
    (void)thread;
    r->kernels->binary_f32(w->op, r->a + (size_t)begin * w->sides[0].step, w->sides[0].step,
                           r->b + (size_t)begin * w->sides[1].step, w->sides[1].step, r->y + begin,
                           (size_t)(end - begin));
}

static void run_binary(const void *work, const struct mopt_frame *frame)
{
    const struct mopt_binary_work *w = work;
    struct binary_run r = {w, frame->kernels, frame->data[w->sides[0].cell],
                           frame->data[w->sides[1].cell], frame->data[w->y]};
    if (w->rows == 1) {
        mopt__pool_for(frame->pool, (int64_t)w->n, PIECE, binary_piece, &r);
    } else {
        size_t grain = w->n < PIECE ? PIECE / w->n : 1;
        mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)grain, binary_rows, &r);
    }
}

bool mopt__low_binary_op(const struct mopt_node *node, enum mopt_binary_op *op)
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

// Product of the trailing axes that x and y have in common.
static size_t common_row(const struct mopt_low_shape *x, const struct mopt_low_shape *y)
{
    size_t row = 1;
    for (int d = 1; d <= x->rank && d <= y->rank && x->dims[x->rank - d] == y->dims[y->rank - d];
         d++) {
        row *= (size_t)y->dims[y->rank - d];
    }
    return row;
}

// x [d0, .., 1, ..] against y [d0, .., n0, ..]: elements of y that share one of x; 0: another form.
static size_t shared_row(const struct mopt_low_shape *x, const struct mopt_low_shape *y)
{
    size_t row = 1;
    int k = x->rank == y->rank ? x->rank : 0;
    for (; k > 0 && x->dims[k - 1] == 1; k--) {
        row *= (size_t)y->dims[k - 1];
    }
    return k > 0 && memcmp(x->dims, y->dims, (size_t)k * sizeof *x->dims) == 0 ? row : 0;
}

// How an operand lies against y, in rows of *n elements: as y itself or one element (in rows of any
// length: *n is y's count), one row for all, one element for each row. False: another broadcast.
static bool plain_side(const struct mopt_low_shape *x, const struct mopt_low_shape *y, size_t *n,
                       struct mopt_binary_side *side)
{
    *side = (struct mopt_binary_side){.group = 1, .step = x->count == 1 ? 0 : 1};
    *n = y->count;
    if (x->count == y->count || x->count == 1) {
        return true;
    }
    *n = common_row(x, y);
    if (*n == x->count) {
        return true;
    }
    *n = shared_row(x, y);
    side->step = 0;
    side->row = 1;
    return *n != 0;
}

static bool image_side(const struct mopt_low_shape *x, const struct mopt_low_shape *y,
                       struct mopt_binary_side *side)
{
    size_t batch;
    size_t channels;
    size_t pixels;
    mopt__low_image(y, &batch, &channels, &pixels);
    *side = (struct mopt_binary_side){.group = 1, .row = channels, .step = 1};
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
                        const struct mopt_low_shape *y, struct mopt_binary_work *w)
{
    size_t n_a;
    size_t n_b;
    if (!plain_side(a, y, &n_a, &w->sides[0]) || !plain_side(b, y, &n_b, &w->sides[1]) ||
        (n_a != n_b && n_a != y->count && n_b != y->count)) {
        return false;
    }
    w->n = n_a < n_b ? n_a : n_b;
    w->rows = y->count / w->n;
    w->sides[0].row = a->count == y->count ? w->n : w->sides[0].row;
    w->sides[1].row = b->count == y->count ? w->n : w->sides[1].row;
    return true;
}

static enum mopt_status binary_cell(struct mopt_lower *l, const struct mopt_value *value,
                                    const struct mopt_low_shape *y, bool nhwc,
                                    struct mopt_binary_side *side)
{
    struct mopt_low_shape shape;
    const struct mopt_low_value *v = &l->values[value->id];
    mopt__low_shape(l, value, &shape);
    bool image = nhwc && shape.count == y->count && shape.rank == y->rank;
    if (!side->coded) {
        return mopt__low_cell(l, value, image ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &side->cell);
    }
    side->scale = v->scale;
    side->zero = v->zero;
    return mopt__low_cell(l, v->codes, image ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &side->cell);
}

// The result is made as codes when operands are codes and a QuantizeLinear with one scale is all
// that sees it.
static bool takes_codes(struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_binary_work *w)
{
    w->sides[0].coded = l->values[mopt__node_input(node, 0)->id].codes != NULL;
    w->sides[1].coded = l->values[mopt__node_input(node, 1)->id].codes != NULL;
    bool takes = (w->sides[0].coded || w->sides[1].coded) &&
                 mopt__low_is_quantized(l, node->outputs[0], &w->after);
    w->sides[0].coded = takes && w->sides[0].coded;
    w->sides[1].coded = takes && w->sides[1].coded;
    return takes;
}

// 1: element k of the operand is where element k of the result would be in its place.
static uint32_t lies_as(const struct mopt_low_shape *x, const struct mopt_low_shape *y,
                        const struct mopt_binary_side *side, bool codes)
{
    return x->count == y->count && side->coded == codes;
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
    enum mopt_status found = mopt__low_lookup_binary(l, node, op, done);
    if (found != MOPT_OK || *done) {
        return found;
    }
    struct mopt_binary_work w = {.op = op};
    bool nhwc = mopt__low_image(&y, &batch, &channels, &pixels) &&
                (mopt__low_prefers_nhwc(l, operands[0]) || mopt__low_prefers_nhwc(l, operands[1]));
    if (nhwc) {
        w.rows = batch * pixels;
        w.n = channels;
        nhwc = image_side(&a, &y, &w.sides[0]) && image_side(&b, &y, &w.sides[1]);
    }
    if (!nhwc && !match_plain(&a, &b, &y, &w)) {
        return MOPT_OK;
    }
    if (nhwc && a.count == y.count && b.count == y.count) {
        w.n = y.count;
        w.rows = 1;
    }
    bool codes = takes_codes(l, node, &w);
    enum mopt_status status = binary_cell(l, operands[0], &y, nhwc, &w.sides[0]);
    if (status == MOPT_OK) {
        status = binary_cell(l, operands[1], &y, nhwc, &w.sides[1]);
    }
    if (status == MOPT_OK && codes) {
        l->absorbed[w.after.codes->producer->order] = true;
        status =
            mopt__low_output(l, w.after.codes, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &w.y);
    } else if (status == MOPT_OK) {
        status =
            mopt__low_output(l, node->outputs[0], nhwc ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN, &w.y);
    }
    if (status == MOPT_OK && codes) {
        status = mopt__low_binary_coded(l, &w);
    }
    struct mopt_binary_work *own = status == MOPT_OK ? mopt__low_work(l, sizeof *own) : NULL;
    if (own == NULL) {
        return status == MOPT_OK ? MOPT_E_MEMORY : status;
    }
    *own = w;
    *done = true;
    uint32_t cells[] = {w.sides[0].cell, w.sides[1].cell, w.y};
    const uint32_t overwrites =
        lies_as(&a, &y, &w.sides[0], codes) | lies_as(&b, &y, &w.sides[1], codes) << 1;
    return mopt__low_emit_over(l, codes ? mopt__run_coded : run_binary, own, cells, 3, overwrites);
}

static bool all_free(const struct mopt_lower *l, const struct mopt_low_chain *chain)
{
    for (int i = 0; i < chain->node_count; i++) {
        if (!mopt__low_is_free(l, chain->nodes[i])) {
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
    return mopt__low_binary_op(node, &op) ? lower_binary(l, node, op, done) : MOPT_OK;
}
