// SPDX-License-Identifier: Apache-2.0
// DepthToSpace and SpaceToDepth of codes: blocks of channels become pixels, and the other way
// round, in the order in which the operand is stored.
#include <string.h>

#include "exec/native.h"

// The image of few channels and many pixels, and the other one: [n, c, h * b + i, w * b + j] of the
// wide one is channel (i * b + j) * channels + c, or (c * b + i) * b + j, of the deep one.
struct blocks {
    const struct mopt_low_shape *wide, *deep;
    int64_t block;
    bool inner; // CRD: the place in the block is the inner part of the channel
};

enum { N, C, H, I, W, J, AXES, BLOCK_MAX = 128 };

static void wide_steps(const struct blocks *b, bool nhwc, ptrdiff_t steps[AXES])
{
    ptrdiff_t own[MOPT_RANK_MAX];
    mopt__low_stored_steps(b->wide, nhwc, own);
    steps[N] = own[0];
    steps[C] = own[1];
    steps[H] = own[2] * (ptrdiff_t)b->block;
    steps[I] = own[2];
    steps[W] = own[3] * (ptrdiff_t)b->block;
    steps[J] = own[3];
}

static void deep_steps(const struct blocks *b, bool nhwc, ptrdiff_t steps[AXES])
{
    ptrdiff_t own[MOPT_RANK_MAX];
    const ptrdiff_t block = (ptrdiff_t)b->block, channels = (ptrdiff_t)b->wide->dims[1];
    mopt__low_stored_steps(b->deep, nhwc, own);
    steps[N] = own[0];
    steps[C] = own[1] * (b->inner ? block * block : 1);
    steps[H] = own[2];
    steps[I] = own[1] * block * (b->inner ? 1 : channels);
    steps[W] = own[3];
    steps[J] = own[1] * (b->inner ? 1 : channels);
}

static struct mopt_low_box box_of(const struct blocks *b, bool nhwc, bool to_deep)
{
    static const int orders[2][AXES] = {{N, C, H, I, W, J}, {N, H, I, W, J, C}};
    const size_t block = (size_t)b->block;
    const size_t dims[AXES] = {(size_t)b->wide->dims[0], (size_t)b->wide->dims[1],
                               (size_t)b->deep->dims[2], block,
                               (size_t)b->deep->dims[3], block};
    ptrdiff_t wide[AXES];
    ptrdiff_t deep[AXES];
    struct mopt_low_box box = {.rank = AXES};
    wide_steps(b, nhwc, wide);
    deep_steps(b, nhwc, deep);
    for (int place = 0; place < AXES; place++) {
        int axis = orders[nhwc][place];
        box.dims[place] = dims[axis];
        box.from_steps[place] = to_deep ? wide[axis] : deep[axis];
        box.to_steps[place] = to_deep ? deep[axis] : wide[axis];
    }
    return box;
}

static bool fits(const struct blocks *b)
{
    const struct mopt_low_shape *wide = b->wide, *deep = b->deep;
    return b->block >= 1 && b->block <= BLOCK_MAX && wide->rank == 4 && deep->rank == 4 &&
           wide->dims[0] == deep->dims[0] && deep->dims[1] == wide->dims[1] * b->block * b->block &&
           wide->dims[2] == deep->dims[2] * b->block && wide->dims[3] == deep->dims[3] * b->block;
}

enum mopt_status mopt__low_blocks(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    const struct mopt_value *y = mopt__node_output(node, 0);
    const struct mopt_attribute *mode = mopt__node_attribute(node, "mode");
    const bool to_deep = mopt__low_is(node, "", "SpaceToDepth");
    struct mopt_low_coded coded;
    struct mopt_low_shape from;
    struct mopt_low_shape to;
    uint32_t source;
    uint32_t target;
    if ((!to_deep && !mopt__low_is(node, "", "DepthToSpace")) || !mopt__low_coded(l, x, &coded) ||
        !mopt__low_shape(l, x, &from) || !mopt__low_shape(l, y, &to)) {
        return MOPT_OK;
    }
    const struct blocks b = {.wide = to_deep ? &from : &to,
                             .deep = to_deep ? &to : &from,
                             .block = mopt__int_of(node, "blocksize", 0),
                             .inner = mode != NULL && strcmp(mode->s.data, "CRD") == 0};
    if (!fits(&b)) {
        return MOPT_OK;
    }
    *done = true;
    const bool nhwc = mopt__low_codes_nhwc(l, coded.codes);
    const enum mopt_form form = nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    enum mopt_status status = mopt__low_cell(l, coded.codes, form, &source);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, y, form, &target);
    }
    if (status == MOPT_OK) {
        const struct mopt_low_box box = box_of(&b, nhwc, to_deep);
        status = mopt__low_box(l, &box, &(struct mopt_low_bytes){.cell = source}, target);
    }
    mopt__low_note_coded(l, y, &coded);
    return status;
}
