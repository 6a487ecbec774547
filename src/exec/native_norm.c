// SPDX-License-Identifier: Apache-2.0
// InstanceNormalization and GroupNormalization as native actions, with the function behind them:
// channels innermost when that is how the image lies already. GroupNormalization may come in parts:
// the image is reshaped to [N, groups, rest], normalized by InstanceNormalization, reshaped back,
// multiplied and shifted per channel.
#include "exec/native.h"
#include "kernels/norm_channels.h"

// What a group normalizes, read off its nodes.
struct mopt_low_norm {
    struct mopt_norm_channels norm;           // geometry
    const struct mopt_value *x, *y;           // images
    const struct mopt_tensor *scale, *shift;  // of the anchor; in parts only
    const struct mopt_tensor *multiply, *add; // per channel; in parts only
    const struct mopt_node *members[MOPT_MEMBERS_MAX];
    int member_count; // 0: not in parts
};

static bool is_vector(const struct mopt_lower *l, const struct mopt_value *value, size_t n)
{
    struct mopt_low_shape shape;
    return mopt__low_shape(l, value, &shape) && shape.dtype == MOPT_FLOAT32 && shape.rank == 1 &&
           shape.count == n;
}

// False when the node is something else, or the reference has to say what is wrong with it.
static bool read_node(const struct mopt_lower *l, const struct mopt_node *node,
                      struct mopt_low_norm *parts)
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
    *parts = (struct mopt_low_norm){.x = node->inputs[0].value, .y = mopt__node_output(node, 0)};
    parts->norm = (struct mopt_norm_channels){.batch = (size_t)x.dims[0],
                                              .channels = (size_t)x.dims[1],
                                              .pixels = x.count / (size_t)(x.dims[0] * x.dims[1]),
                                              .groups = (size_t)groups,
                                              .per_group = grouped && node->op->since < 21,
                                              .epsilon = mopt__low_float(node, "epsilon", 1e-5F)};
    const size_t entries = parts->norm.per_group ? parts->norm.groups : parts->norm.channels;
    return is_vector(l, mopt__node_input(node, 1), entries) &&
           is_vector(l, mopt__node_input(node, 2), entries);
}

// ---- In parts -----------------------------------------------------------------------------------

// The only user of a value, when it is free and of this kind.
static const struct mopt_node *next_is(const struct mopt_lower *l, const struct mopt_value *value,
                                       const char *op_type)
{
    const struct mopt_node *node = mopt__low_sole_use(l, value);
    return node != NULL && mopt__low_is(node, "", op_type) && mopt__low_is_free(l, node) ? node
                                                                                         : NULL;
}

// The constant by which a node multiplies or shifts the channels of an image; NULL: something else.
static const struct mopt_tensor *per_channel(const struct mopt_lower *l,
                                             const struct mopt_node *node,
                                             const struct mopt_value *image,
                                             const struct mopt_low_shape *shape)
{
    const struct mopt_value *other = node != NULL ? mopt__low_other(node, image) : NULL;
    const struct mopt_tensor *t = other != NULL ? mopt__low_constant(l, other) : NULL;
    if (t == NULL || t->dtype != MOPT_FLOAT32 || t->count != (size_t)shape->dims[1] ||
        t->rank > shape->rank || t->rank < shape->rank - 1) {
        return NULL;
    }
    return t->dims[t->rank - (shape->rank - 1)] == shape->dims[1] ? t : NULL;
}

static void add_member(struct mopt_low_norm *parts, const struct mopt_node *node)
{
    parts->members[parts->member_count++] = node;
    parts->y = mopt__node_output(node, 0);
}

// The Reshapes around an InstanceNormalization, and the image they make groups of.
static bool read_shapes(const struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_low_norm *parts, struct mopt_low_shape *image)
{
    struct mopt_low_shape y;
    const struct mopt_value *rows = mopt__node_input(node, 0);
    const struct mopt_node *first = rows->producer;
    const struct mopt_node *after = next_is(l, mopt__node_output(node, 0), "Reshape");
    if (after == NULL || first == NULL || next_is(l, rows, "InstanceNormalization") != node ||
        !mopt__low_is(first, "", "Reshape") || !mopt__low_is_free(l, first) ||
        mopt__node_input(after, 0) != mopt__node_output(node, 0) ||
        !mopt__low_shape(l, mopt__node_input(first, 0), image) || image->rank < 3 ||
        !mopt__low_shape(l, mopt__node_output(after, 0), &y) || y.rank != image->rank) {
        return false;
    }
    for (int d = 0; d < y.rank; d++) {
        if (y.dims[d] != image->dims[d]) {
            return false;
        }
    }
    parts->members[parts->member_count++] = first;
    add_member(parts, after);
    parts->x = mopt__node_input(first, 0);
    return image->dims[0] == (int64_t)parts->norm.batch &&
           image->dims[1] % (int64_t)parts->norm.groups == 0;
}

static bool read_parts(const struct mopt_lower *l, const struct mopt_node *node,
                       struct mopt_low_norm *parts)
{
    struct mopt_low_shape image;
    if (!mopt__low_is(node, "", "InstanceNormalization") || !read_node(l, node, parts) ||
        !read_shapes(l, node, parts, &image)) {
        return false;
    }
    const struct mopt_node *multiply = next_is(l, parts->y, "Mul");
    parts->scale = mopt__low_constant(l, mopt__node_input(node, 1));
    parts->shift = mopt__low_constant(l, mopt__node_input(node, 2));
    parts->multiply = per_channel(l, multiply, parts->y, &image);
    if (parts->scale == NULL || parts->shift == NULL || parts->multiply == NULL) {
        return false;
    }
    add_member(parts, multiply);
    const struct mopt_node *add = next_is(l, parts->y, "Add");
    parts->add = per_channel(l, add, parts->y, &image);
    if (parts->add != NULL) {
        add_member(parts, add);
    }
    parts->norm.channels = (size_t)image.dims[1];
    parts->norm.pixels = image.count / (size_t)(image.dims[0] * image.dims[1]);
    return true;
}

enum mopt_status mopt__low_group_norm(struct mopt_lower *l, const struct mopt_node *node,
                                      struct mopt_group *group, bool *found)
{
    struct mopt_low_norm parts;
    *found = read_parts(l, node, &parts) || read_node(l, node, &parts);
    if (!*found) {
        return MOPT_OK;
    }
    struct mopt_low_norm *own = mopt__low_work(l, sizeof *own);
    if (own == NULL) {
        return MOPT_E_MEMORY;
    }
    *own = parts;
    *group = (struct mopt_group){.anchor = node, .out = parts.y, .channel_norm = own};
    for (int i = 0; i < parts.member_count; i++) {
        group->members[group->member_count++] = parts.members[i];
    }
    return MOPT_OK;
}

// ---- The action ---------------------------------------------------------------------------------

struct norm_work {
    struct mopt_norm_channels norm; // what belongs to a run is set when it runs
    uint32_t x, y, scale, shift;    // scale and shift: MOPT_NO_CELL = known
};

static void run_norm(const void *work, const struct mopt_frame *frame)
{
    const struct norm_work *w = work;
    struct mopt_norm_channels norm = w->norm;
    norm.x = frame->data[w->x];
    norm.y = frame->data[w->y];
    if (w->scale != MOPT_NO_CELL) {
        norm.scale = frame->data[w->scale];
        norm.shift = frame->data[w->shift];
    }
    norm.scratch = frame->scratch;
    mopt__norm_channels(frame->kernels, &norm, frame->pool);
}

// Factors of the groups and of the channels become one.
static enum mopt_status join_factors(struct mopt_lower *l, const struct mopt_low_norm *parts,
                                     struct norm_work *w)
{
    const size_t channels = parts->norm.channels, each = channels / parts->norm.groups;
    float *scale = mopt__low_work(l, channels * sizeof *scale);
    float *shift = mopt__low_work(l, channels * sizeof *shift);
    if (scale == NULL || shift == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t c = 0; c < channels; c++) {
        const double factor = (double)((const float *)parts->multiply->data)[c];
        const double more = parts->add != NULL ? (double)((const float *)parts->add->data)[c] : 0;
        scale[c] = (float)((double)((const float *)parts->scale->data)[c / each] * factor);
        shift[c] = (float)((double)((const float *)parts->shift->data)[c / each] * factor + more);
    }
    w->norm.scale = scale;
    w->norm.shift = shift;
    w->scale = w->shift = MOPT_NO_CELL;
    return MOPT_OK;
}

static enum mopt_status find_factors(struct mopt_lower *l, const struct mopt_node *node,
                                     struct norm_work *w)
{
    enum mopt_status status = mopt__low_cell(l, node->inputs[1].value, MOPT_FORM_PLAIN, &w->scale);
    return status == MOPT_OK ? mopt__low_cell(l, node->inputs[2].value, MOPT_FORM_PLAIN, &w->shift)
                             : status;
}

static enum mopt_status find_image(struct mopt_lower *l, const struct mopt_value *x,
                                   const struct mopt_value *y, struct norm_work *w)
{
    enum mopt_status status = w->norm.innermost ? mopt__low_image_cell(l, x, &w->x, &w->norm.ldx)
                                                : mopt__low_cell(l, x, MOPT_FORM_PLAIN, &w->x);
    if (status != MOPT_OK) {
        return status;
    }
    return w->norm.innermost ? mopt__low_image_output(l, y, &w->y, &w->norm.ldy)
                             : mopt__low_output(l, y, MOPT_FORM_PLAIN, &w->y);
}

enum mopt_status mopt__low_norm_channels(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_low_norm *parts = group->channel_norm;
    struct mopt_low_shape shape;
    struct norm_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->norm = parts->norm;
    w->norm.act = group->act;
    w->norm.innermost = mopt__low_shape(l, parts->x, &shape) &&
                        (shape.rank == 3 || shape.rank == 4) && w->norm.pixels > 1 &&
                        mopt__low_prefers_nhwc(l, parts->x);
    enum mopt_status status =
        parts->member_count > 0 ? join_factors(l, parts, w) : find_factors(l, group->anchor, w);
    if (status == MOPT_OK) {
        status = find_image(l, parts->x, group->out, w);
    }
    mopt__low_scratch(l, mopt__norm_channels_scratch(&w->norm));
    uint32_t cells[] = {w->x, w->y, w->scale, w->shift};
    return status == MOPT_OK
               ? mopt__low_emit(l, run_norm, w, cells, w->scale != MOPT_NO_CELL ? 4 : 2)
               : status;
}
