// SPDX-License-Identifier: Apache-2.0
// What lowering may ask of values and nodes: shapes, constants, uses, attributes.
#include <string.h>

#include "exec/lower.h"

bool mopt__low_shape(const struct mopt_lower *l, const struct mopt_value *value,
                     struct mopt_low_shape *shape)
{
    const struct mopt_tensor *constant = value != NULL ? mopt__low_constant(l, value) : NULL;
    if (constant != NULL) {
        *shape = (struct mopt_low_shape){constant->dtype, constant->rank, {0}, constant->count};
        memcpy(shape->dims, constant->dims, sizeof shape->dims);
        return constant->count > 0;
    }
    const struct mopt_type *type = value != NULL ? l->facts[value->id].type : NULL;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0 ||
        type->dtype == MOPT_UNDEFINED) {
        return false;
    }
    *shape = (struct mopt_low_shape){.dtype = type->dtype, .rank = type->rank, .count = 1};
    for (int d = 0; d < type->rank; d++) {
        if (!mopt__dim_is_known(l->dims, type->dims[d], &shape->dims[d]) || shape->dims[d] <= 0 ||
            !mopt__size_mul(shape->count, (size_t)shape->dims[d], &shape->count)) {
            return false;
        }
    }
    return shape->count < SIZE_MAX / 64;
}

bool mopt__low_same_shape(const struct mopt_lower *l, const struct mopt_value *a,
                          const struct mopt_value *b)
{
    struct mopt_low_shape p;
    struct mopt_low_shape q;
    return mopt__low_shape(l, a, &p) && mopt__low_shape(l, b, &q) && p.rank == q.rank &&
           memcmp(p.dims, q.dims, (size_t)p.rank * sizeof *p.dims) == 0;
}

const struct mopt_tensor *mopt__low_constant(const struct mopt_lower *l,
                                             const struct mopt_value *value)
{
    return value != NULL ? mopt__session_constant(l->session, value) : NULL;
}

struct mopt_node *mopt__low_sole_use(const struct mopt_lower *l, const struct mopt_value *value)
{
    if (value == NULL || value->use_count != 1 || value->graph_output_count != 0 ||
        value->uses->node->graph != l->schedule->graph) {
        return NULL;
    }
    return value->uses->node;
}

bool mopt__low_scalar(const struct mopt_lower *l, const struct mopt_value *value, float *out)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    if (constant == NULL && value != NULL && !value->is_input) {
        constant = l->facts[value->id].constant;
    }
    if (constant == NULL || constant->count != 1 || constant->dtype != MOPT_FLOAT32) {
        return false;
    }
    *out = *(const float *)constant->data;
    return true;
}

bool mopt__low_is(const struct mopt_node *node, const char *domain, const char *op_type)
{
    return node != NULL && node->op != NULL && strcmp(node->op_type, op_type) == 0 &&
           strcmp(node->domain, domain) == 0;
}

bool mopt__low_is_free(const struct mopt_lower *l, const struct mopt_node *node)
{
    return node != NULL && node->graph == l->schedule->graph &&
           !l->schedule->steps[node->order].folded && l->sound[node->order] &&
           !l->absorbed[node->order] && l->groups[node->order] == NULL;
}

const struct mopt_value *mopt__low_other(const struct mopt_node *node,
                                         const struct mopt_value *value)
{
    const struct mopt_value *a = mopt__node_input(node, 0);
    const struct mopt_value *b = mopt__node_input(node, 1);
    if (node->input_count != 2 || a == b) {
        return NULL;
    }
    return a == value ? b : b == value ? a : NULL;
}

float mopt__low_float(const struct mopt_node *node, const char *name, float fallback)
{
    const struct mopt_attribute *a = name != NULL ? mopt__node_attribute(node, name) : NULL;
    return a != NULL && a->kind == MOPT_ATTR_FLOAT ? a->f : fallback;
}

void mopt__low_steps(const struct mopt_low_shape *shape, size_t steps[MOPT_RANK_MAX])
{
    size_t step = 1;
    for (int d = shape->rank - 1; d >= 0; d--) {
        steps[d] = step;
        step *= (size_t)shape->dims[d];
    }
}

void mopt__low_turned_steps(const struct mopt_node *transpose, const struct mopt_low_shape *source,
                            size_t steps[MOPT_RANK_MAX])
{
    const struct mopt_attribute *perm = mopt__node_attribute(transpose, "perm");
    bool given = perm != NULL && perm->count == (size_t)source->rank;
    size_t own[MOPT_RANK_MAX] = {0};
    mopt__low_steps(source, own);
    for (int d = 0; d < source->rank; d++) {
        int64_t axis = given ? perm->ints[d] : source->rank - 1 - d;
        steps[d] = own[axis < 0 ? axis + source->rank : axis];
    }
}

bool mopt__low_volume(const struct mopt_low_shape *shape, size_t *batch, size_t *channels,
                      size_t *pixels)
{
    if (shape->rank < 3) {
        return false;
    }
    *batch = (size_t)shape->dims[0];
    *channels = (size_t)shape->dims[1];
    *pixels = 1;
    for (int d = 2; d < shape->rank; d++) {
        *pixels *= (size_t)shape->dims[d];
    }
    return true;
}

bool mopt__low_image(const struct mopt_low_shape *shape, size_t *batch, size_t *channels,
                     size_t *pixels)
{
    return shape->rank <= 4 && mopt__low_volume(shape, batch, channels, pixels);
}

bool mopt__low_is_image_view(const struct mopt_lower *l, const struct mopt_node *node)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    const struct mopt_value *y = mopt__node_output(node, 0);
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    size_t from[3];
    size_t to[3];
    return node->op != NULL && (node->op->traits & MOPT_TRAIT_VIEW) != 0 &&
           node->output_count == 1 && x != NULL && y != NULL && mopt__low_shape(l, x, &a) &&
           mopt__low_shape(l, y, &b) && a.dtype == MOPT_FLOAT32 && b.dtype == MOPT_FLOAT32 &&
           mopt__low_image(&a, &from[0], &from[1], &from[2]) &&
           mopt__low_image(&b, &to[0], &to[1], &to[2]) && memcmp(from, to, sizeof from) == 0;
}

bool mopt__low_codes_nhwc(const struct mopt_lower *l, const struct mopt_value *codes)
{
    const struct mopt_low_value *v = &l->values[codes->id];
    v = v->origin != NULL && v->cell[MOPT_FORM_BYTES] == MOPT_NO_CELL ? &l->values[v->origin->id]
                                                                      : v;
    return v->cell[MOPT_FORM_BYTES_NHWC] != MOPT_NO_CELL;
}

bool mopt__low_fits_columns(const struct mopt_lower *l, const struct mopt_value *value,
                            enum mopt_dtype dtype, const struct mopt_low_shape *out,
                            bool per_channel, size_t n)
{
    struct mopt_low_shape s;
    if (!mopt__low_shape(l, value, &s) || s.dtype != dtype || s.rank > out->rank) {
        return false;
    }
    int axis = per_channel ? s.rank - (out->rank - 1) : s.rank - 1;
    return s.count == 1 ||
           (s.count == n && axis >= 0 && axis < s.rank && s.dims[axis] == (int64_t)n);
}

bool mopt__low_prefers_nhwc(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    if (v->codes != NULL) {
        return mopt__low_codes_nhwc(l, v->codes);
    }
    return v->cell[MOPT_FORM_NHWC] != MOPT_NO_CELL || v->cell[MOPT_FORM_ROWS] != MOPT_NO_CELL;
}
