// SPDX-License-Identifier: Apache-2.0
// Transpose of floats: nothing at all where channels are innermost on one side and the image is
// wanted so on the other, a move of blocks when two runs of axes change places, else a walk over
// rows.
#include <string.h>

#include "exec/lower.h"
#include "exec/native.h"

enum { PIECE = 4096 }; // elements one thread takes at least

// ---- Turns: y[batch][b][a] = x[batch][a][b] ------------------------------------------------------

struct turn {
    int64_t batch, a, b;
};

// Axes of x longer than 1, in the order of y.
static int long_axes(const struct mopt_node *node, const struct mopt_low_shape *x, int *axes)
{
    const struct mopt_attribute *perm = mopt__node_attribute(node, "perm");
    const bool given = perm != NULL && perm->count == (size_t)x->rank;
    int count = 0;
    for (int d = 0; d < x->rank; d++) {
        const int turned = given ? (int)perm->ints[d] : x->rank - 1 - d;
        const int axis = turned < 0 ? turned + x->rank : turned;
        if (x->dims[axis] > 1) {
            axes[count++] = axis;
        }
    }
    return count;
}

// False when more changes places than two neighbouring runs of axes. a is 1 when nothing does.
static bool turn_of(const struct mopt_node *node, const struct mopt_low_shape *x, struct turn *turn)
{
    int axes[MOPT_RANK_MAX] = {0};
    const int count = long_axes(node, x, axes);
    int second = 1; // where the run begins that stands before the other in x
    while (second < count && axes[second] > axes[second - 1]) {
        second++;
    }
    int first = 0; // and the other one
    while (first < count && second < count && axes[first] < axes[second]) {
        first++;
    }
    *turn = (struct turn){1, 1, 1};
    for (int i = 0; i < count; i++) {
        const bool stays = second >= count || i < first;
        int64_t *size = stays ? &turn->batch : i < second ? &turn->b : &turn->a;
        *size *= x->dims[axes[i]];
        if (i > second && axes[i] < axes[i - 1]) {
            return false;
        }
    }
    return second >= count || axes[count - 1] < axes[first];
}

// The bytes of y are those of x in some form: y is wanted with channels innermost, or x is so.
static enum mopt_status see(struct mopt_lower *l, const struct mopt_node *node,
                            const struct turn *turn, bool *done)
{
    const struct mopt_value *x = node->inputs[0].value;
    const struct mopt_value *y = node->outputs[0];
    struct mopt_low_shape in;
    struct mopt_low_shape out;
    size_t batch;
    size_t channels;
    size_t pixels;
    mopt__low_shape(l, x, &in);
    mopt__low_shape(l, y, &out);
    const bool same = turn->a == 1;
    const bool inside = !same && mopt__low_prefers_nhwc(l, x) &&
                        mopt__low_image(&in, &batch, &channels, &pixels) &&
                        turn->batch == (int64_t)batch && turn->a == (int64_t)channels;
    const bool outside = !same && !inside && mopt__low_image(&out, &batch, &channels, &pixels) &&
                         turn->batch == (int64_t)batch && turn->b == (int64_t)channels;
    *done = same || inside || outside;
    if (!*done) {
        return MOPT_OK;
    }
    const enum mopt_form from = inside ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN;
    const enum mopt_form to = outside ? MOPT_FORM_NHWC : MOPT_FORM_PLAIN;
    uint32_t cell;
    enum mopt_status status = mopt__low_cell(l, x, from, &cell);
    return status == MOPT_OK ? mopt__low_alias(l, y, to, cell) : status;
}

// ---- Walks over the rows of y -------------------------------------------------------------------

struct transpose_work {
    int rank;
    size_t dims[MOPT_RANK_MAX], steps[MOPT_RANK_MAX]; // of y; steps in x
    size_t rows, n;                                   // rows of the last axis of y
    uint32_t x, y;
};
struct transpose_run {
    const struct transpose_work *w;
    const float *x;
    float *y;
};

static void transpose_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct transpose_run *r = context;
    const struct transpose_work *w = r->w;
    size_t step = w->steps[w->rank - 1];
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        const float *x = r->x;
        size_t rest = row;
        for (int d = w->rank - 2; d >= 0; d--) {
            x += rest % w->dims[d] * w->steps[d];
            rest /= w->dims[d];
        }
        float *y = r->y + row * w->n;
        if (step == 1) {
            memcpy(y, x, w->n * sizeof *y);
        } else {
            for (size_t i = 0; i < w->n; i++) {
                y[i] = x[i * step];
            }
        }
    }
}

static void run_transpose(const void *work, const struct mopt_frame *frame)
{
    const struct transpose_work *w = work;
    struct transpose_run r = {w, frame->data[w->x], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(PIECE / w->n + 1), transpose_rows, &r);
}

static enum mopt_status walk(struct mopt_lower *l, const struct mopt_node *node,
                             const struct mopt_low_shape *x, const struct mopt_low_shape *y,
                             const uint32_t cells[2])
{
    struct transpose_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->rank = x->rank;
    for (int d = 0; d < x->rank; d++) {
        w->dims[d] = (size_t)y->dims[d];
    }
    mopt__low_turned_steps(node, x, w->steps);
    w->n = w->dims[w->rank - 1];
    w->rows = y->count / w->n;
    w->x = cells[0];
    w->y = cells[1];
    return mopt__low_emit(l, run_transpose, w, cells, 2);
}

enum mopt_status mopt__low_transpose(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    enum { SIDE = 4 }; // of matrices that are worth a call
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    struct turn turn;
    uint32_t cells[2];
    if (!mopt__low_is(node, "", "Transpose") || !mopt__low_shape(l, node->inputs[0].value, &x) ||
        !mopt__low_shape(l, node->outputs[0], &y) || x.dtype != MOPT_FLOAT32 || x.rank < 2) {
        return MOPT_OK;
    }
    const bool turns = turn_of(node, &x, &turn);
    enum mopt_status status = turns ? see(l, node, &turn, done) : MOPT_OK;
    if (status != MOPT_OK || *done) {
        return status;
    }
    const bool mixes = turns && (turn.a < SIDE || turn.b < SIDE);
    if (mixes && x.count >= PIECE) {
        return MOPT_OK; // a few sources side by side: the node mixes them faster than rows do
    }
    *done = true;
    status = mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_PLAIN, &cells[0]);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0], MOPT_FORM_PLAIN, &cells[1]);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (turns && !mixes) {
        const struct mopt_low_shape matrices = {.rank = 3,
                                                .dims = {turn.batch, turn.a, turn.b},
                                                .count = x.count};
        return mopt__low_to_nhwc(l, &matrices, sizeof(float), cells[0], cells[1]);
    }
    return walk(l, node, &x, &y, cells);
}
