// SPDX-License-Identifier: Apache-2.0
// Concat of codes: each part is copied to its place, through a table when its scale is not that of
// the result; constants become codes beforehand.
#include "exec/native.h"

// What the codes of the result are: of a QuantizeLinear that is all that sees it, or those of all
// parts alike.
struct target {
    bool quantized;
    struct mopt_low_quant after;
    struct mopt_low_coded coded; // of the result, not quantized
    const struct mopt_value *out;
};

static bool is_constant(const struct mopt_lower *l, const struct mopt_value *value)
{
    return mopt__low_has_floats(l, value);
}

// All parts are codes, or constants where these may become codes; one is no constant.
static bool has_codes(const struct mopt_lower *l, const struct mopt_node *node,
                      const struct mopt_low_shape *y, bool constants)
{
    bool any = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *x = mopt__node_input(node, i);
        struct mopt_low_shape shape;
        struct mopt_low_coded coded;
        if (x == NULL || !mopt__low_shape(l, x, &shape) || shape.rank != y->rank ||
            shape.dtype != y->dtype) {
            return false;
        }
        if (constants && is_constant(l, x)) {
            continue;
        }
        if (!mopt__low_coded(l, x, &coded)) {
            return false;
        }
        any = true;
    }
    return any;
}

// All parts mean the same by their codes.
static bool are_alike(const struct mopt_lower *l, const struct mopt_node *node,
                      struct mopt_low_coded *all)
{
    bool alike = mopt__low_coded(l, node->inputs[0].value, all);
    for (uint32_t i = 1; i < node->input_count && alike; i++) {
        struct mopt_low_coded coded;
        alike = mopt__low_coded(l, node->inputs[i].value, &coded) && coded.real == all->real &&
                coded.scale == all->scale && coded.zero == all->zero;
    }
    return alike;
}

static bool find_target(const struct mopt_lower *l, const struct mopt_node *node,
                        const struct mopt_low_shape *y, struct target *t)
{
    const struct mopt_value *out = node->outputs[0];
    t->quantized = mopt__low_is_quantized(l, out, &t->after);
    t->out = t->quantized ? t->after.codes : out;
    if (!has_codes(l, node, y, t->quantized)) {
        return false;
    }
    return t->quantized || are_alike(l, node, &t->coded);
}

// ---- Parts --------------------------------------------------------------------------------------

static enum mopt_status quantize_constant(struct mopt_lower *l, const struct mopt_value *x,
                                          const struct mopt_low_shape *shape, bool nhwc,
                                          const struct mopt_low_quant *after, const uint8_t **bytes)
{
    struct mopt_kernels portable;
    const float *real;
    enum mopt_status status = mopt__low_floats(l, x, &real, NULL);
    uint8_t *row_major = mopt__low_work(l, shape->count);
    uint8_t *stored = mopt__low_work(l, shape->count);
    if (status != MOPT_OK || row_major == NULL || stored == NULL) {
        return status != MOPT_OK ? status : MOPT_E_MEMORY;
    }
    if (real == NULL) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' is no constant", x->name);
    }
    mopt__kernels_select(MOPT_ISA_REF, &portable);
    portable.quantize_u8(real, mopt__low_scale(after, 0), true, mopt__low_zero(after, 0), row_major,
                         shape->count);
    ptrdiff_t from[MOPT_RANK_MAX];
    ptrdiff_t to[MOPT_RANK_MAX];
    mopt__low_stored_steps(shape, false, from);
    mopt__low_stored_steps(shape, nhwc, to);
    struct mopt_low_box box = mopt__low_box_of(shape, nhwc, from, to);
    mopt__box_copy(&box, row_major, stored);
    *bytes = stored;
    return MOPT_OK;
}

// Whose codes a part is made of, before they are turned the right way.
static enum mopt_status find_codes(struct mopt_lower *l, const struct mopt_value *x,
                                   const struct target *t, const struct mopt_value **codes,
                                   const uint8_t **table)
{
    struct mopt_low_coded coded;
    *table = NULL;
    if (t->quantized) {
        return mopt__low_lookup_change(l, x, &t->after, codes, table);
    }
    mopt__low_coded(l, x, &coded);
    *codes = coded.codes;
    return MOPT_OK;
}

static enum mopt_status emit_part(struct mopt_lower *l, const struct mopt_value *x,
                                  const struct target *t, bool nhwc, const ptrdiff_t *steps,
                                  ptrdiff_t at, uint32_t to)
{
    struct mopt_low_shape shape;
    struct mopt_low_bytes from = {.cell = MOPT_NO_CELL};
    const struct mopt_value *codes;
    ptrdiff_t own[MOPT_RANK_MAX];
    enum mopt_status status;
    mopt__low_shape(l, x, &shape);
    if (t->quantized && is_constant(l, x)) {
        status = quantize_constant(l, x, &shape, nhwc, &t->after, &from.constant);
    } else {
        status = find_codes(l, x, t, &codes, &from.table);
        if (status == MOPT_OK) {
            status =
                mopt__low_cell(l, codes, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &from.cell);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__low_stored_steps(&shape, nhwc, own);
    struct mopt_low_box box = mopt__low_box_of(&shape, nhwc, own, steps);
    box.to = at;
    return mopt__low_box(l, &box, &from, to);
}

// Channels stay innermost when most of the elements come so.
static bool is_nhwc(const struct mopt_lower *l, const struct mopt_node *node,
                    const struct mopt_low_shape *y)
{
    size_t batch;
    size_t channels;
    size_t pixels;
    size_t count = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct mopt_low_shape x;
        struct mopt_low_coded coded;
        if (mopt__low_coded(l, node->inputs[i].value, &coded) &&
            mopt__low_codes_nhwc(l, coded.codes) && mopt__low_shape(l, node->inputs[i].value, &x)) {
            count += x.count;
        }
    }
    return mopt__low_image(y, &batch, &channels, &pixels) && 2 * count >= y->count;
}

enum mopt_status mopt__low_joins(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_low_shape y;
    struct target t = {.quantized = false};
    ptrdiff_t steps[MOPT_RANK_MAX];
    ptrdiff_t at = 0;
    uint32_t to;
    if (!mopt__low_is(node, "", "Concat") || node->outputs[0] == NULL ||
        !mopt__low_shape(l, node->outputs[0], &y)) {
        return MOPT_OK;
    }
    int64_t axis = mopt__int_of(node, "axis", 1);
    axis += axis < 0 ? y.rank : 0;
    // Floats may lie in the memory of the result already (parents.c).
    if (axis < 0 || axis >= y.rank || mopt__low_has_cell(l, node->outputs[0]) ||
        !find_target(l, node, &y, &t)) {
        return MOPT_OK;
    }
    *done = true;
    const bool nhwc = is_nhwc(l, node, &y);
    enum mopt_status status =
        mopt__low_output(l, t.out, nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES, &to);
    mopt__low_stored_steps(&y, nhwc, steps);
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        struct mopt_low_shape x;
        mopt__low_shape(l, node->inputs[i].value, &x);
        status = emit_part(l, node->inputs[i].value, &t, nhwc, steps, at, to);
        at += x.dims[axis] * steps[axis];
    }
    if (t.quantized) {
        l->absorbed[t.after.codes->producer->order] = true;
    } else {
        mopt__low_note_coded(l, t.out, &t.coded);
    }
    return status;
}
