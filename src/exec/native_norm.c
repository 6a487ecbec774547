// SPDX-License-Identifier: Apache-2.0
// InstanceNormalization and GroupNormalization as native actions: channels innermost when that is
// how the image lies already.
#include "exec/native.h"
#include "kernels/norm_channels.h"

struct norm_work {
    struct mopt_norm_channels norm; // what belongs to a run is set when it runs
    uint32_t x, y, scale, shift;
};

static void run_norm(const void *work, const struct mopt_frame *frame)
{
    const struct norm_work *w = work;
    struct mopt_norm_channels norm = w->norm;
    norm.x = frame->data[w->x];
    norm.y = frame->data[w->y];
    norm.scale = frame->data[w->scale];
    norm.shift = frame->data[w->shift];
    norm.scratch = frame->scratch;
    mopt__norm_channels(&norm, frame->pool);
}

static bool is_vector(const struct mopt_lower *l, const struct mopt_value *value, size_t n)
{
    struct mopt_low_shape shape;
    return mopt__low_shape(l, value, &shape) && shape.dtype == MOPT_FLOAT32 && shape.rank == 1 &&
           shape.count == n;
}

// False when the node is something else, or the reference has to say what is wrong with it.
static bool read_node(const struct mopt_lower *l, const struct mopt_node *node,
                      struct mopt_norm_channels *norm)
{
    struct mopt_low_shape x;
    const bool grouped = mopt__low_is(node, "", "GroupNormalization");
    if ((!grouped && !mopt__low_is(node, "", "InstanceNormalization")) ||
        !mopt__low_shape(l, mopt__node_input(node, 0), &x) || x.dtype != MOPT_FLOAT32 ||
        x.rank < 2) {
        return false;
    }
    const int64_t groups = grouped ? mopt__int_of(node, "num_groups", 0) : x.dims[1];
    if (groups < 1 || x.dims[1] % groups != 0) {
        return false;
    }
    *norm = (struct mopt_norm_channels){.batch = (size_t)x.dims[0],
                                        .channels = (size_t)x.dims[1],
                                        .pixels = x.count / (size_t)(x.dims[0] * x.dims[1]),
                                        .groups = (size_t)groups,
                                        .per_group = grouped && node->op->since < 21,
                                        .epsilon = mopt__low_float(node, "epsilon", 1e-5F)};
    norm->innermost = (x.rank == 3 || x.rank == 4) && norm->pixels > 1 &&
                      mopt__low_prefers_nhwc(l, mopt__node_input(node, 0));
    const size_t entries = norm->per_group ? norm->groups : norm->channels;
    return is_vector(l, mopt__node_input(node, 1), entries) &&
           is_vector(l, mopt__node_input(node, 2), entries);
}

static enum mopt_status find_image(struct mopt_lower *l, const struct mopt_node *node,
                                   struct norm_work *w)
{
    const struct mopt_value *x = node->inputs[0].value;
    enum mopt_status status = w->norm.innermost ? mopt__low_image_cell(l, x, &w->x, &w->norm.ldx)
                                                : mopt__low_cell(l, x, MOPT_FORM_PLAIN, &w->x);
    if (status != MOPT_OK) {
        return status;
    }
    return w->norm.innermost ? mopt__low_image_output(l, node->outputs[0], &w->y, &w->norm.ldy)
                             : mopt__low_output(l, node->outputs[0], MOPT_FORM_PLAIN, &w->y);
}

enum mopt_status mopt__low_norm_channels(struct mopt_lower *l, const struct mopt_node *node,
                                         bool *done)
{
    struct mopt_norm_channels norm;
    if (!read_node(l, node, &norm)) {
        return MOPT_OK;
    }
    struct norm_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *done = true;
    w->norm = norm;
    enum mopt_status status = mopt__low_cell(l, node->inputs[1].value, MOPT_FORM_PLAIN, &w->scale);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, node->inputs[2].value, MOPT_FORM_PLAIN, &w->shift);
    }
    if (status == MOPT_OK) {
        status = find_image(l, node, w);
    }
    mopt__low_scratch(l, mopt__norm_channels_scratch(&norm));
    uint32_t cells[] = {w->x, w->y, w->scale, w->shift};
    return status == MOPT_OK ? mopt__low_emit(l, run_norm, w, cells, 4) : status;
}
