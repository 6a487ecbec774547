// SPDX-License-Identifier: Apache-2.0
// Cast between FLOAT and the floats of 16 bits.
#include "exec/native.h"
#include "ops/convert.h"

enum { PIECE = 4096 }; // elements one thread takes at least

struct cast_work {
    enum mopt_dtype from, to; // one of them is FLOAT
    size_t count;
    uint32_t x, y;
};
struct cast_run {
    const struct cast_work *w;
    const struct mopt_kernels *kernels;
    const void *x;
    void *y;
};

static void cast_part(void *context, int64_t begin, int64_t end, int thread)
{
    const struct cast_run *r = context;
    (void)thread;
    mopt__convert_16(r->kernels, r->w->from, r->x, r->w->to, r->y, (size_t)begin,
                     (size_t)(end - begin));
}

static void run_cast(const void *work, const struct mopt_frame *frame)
{
    const struct cast_work *w = work;
    struct cast_run r = {w, frame->kernels, frame->data[w->x], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)w->count, PIECE, cast_part, &r);
}

enum mopt_status mopt__low_cast(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    if (!mopt__low_is(node, "", "Cast") || !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y)) {
        return MOPT_OK;
    }
    if (x.dtype == MOPT_FLOAT32 && y.dtype == MOPT_FLOAT32 && node->outputs[0]->uses == NULL &&
        node->outputs[0]->graph_output_count == 0) {
        *done = true; // a name that widen.c left for observers
        return MOPT_OK;
    }
    if (!mopt__converts_16(x.dtype, y.dtype)) {
        return MOPT_OK;
    }
    struct cast_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *w = (struct cast_work){.from = x.dtype, .to = y.dtype, .count = x.count};
    *done = true;
    enum mopt_status status = mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_PLAIN, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0], MOPT_FORM_PLAIN, &w->y);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_cast, w, (uint32_t[]){w->x, w->y}, 2) : status;
}
