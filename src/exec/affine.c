// SPDX-License-Identifier: Apache-2.0
// What follows a float convolution and only multiplies or shifts its channels (BatchNormalization
// and arithmetic with constants) becomes part of its weights and its bias.
#include <math.h>
#include <string.h>

#include "exec/lower.h"
#include "exec/native.h"

enum { MOST = 1 << 20 }; // of a factor, so that what all of a group come to is a float
_Static_assert(MOPT_AFFINE_MAX * 20 < 127, "the largest factor is infinite");

static const struct mopt_tensor *floats(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_tensor *t = value != NULL ? mopt__low_constant(l, value) : NULL;
    return t != NULL && t->dtype == MOPT_FLOAT32 ? t : NULL;
}

// BatchNormalization by constants, in inference form.
static bool is_norm(const struct mopt_lower *l, const struct mopt_node *node, size_t n)
{
    bool fits = mopt__low_is(node, "", "BatchNormalization") && node->op->since >= 7 &&
                mopt__int_of(node, "training_mode", 0) == 0 &&
                mopt__int_of(node, "spatial", 1) != 0;
    for (uint32_t i = 1; fits && i < 5; i++) {
        const struct mopt_tensor *t = floats(l, mopt__node_input(node, i));
        fits = t != NULL && t->count == n;
    }
    for (uint32_t o = 1; o < node->output_count; o++) {
        fits = fits && node->outputs[o] == NULL;
    }
    return fits;
}

// The finite operand of one element, or of one for each channel of the image.
static const struct mopt_tensor *operand(const struct mopt_lower *l, const struct mopt_node *node,
                                         const struct mopt_value *x,
                                         const struct mopt_low_shape *image)
{
    const struct mopt_value *other = mopt__low_other(node, x);
    const struct mopt_tensor *t = floats(l, other);
    bool fits = t != NULL &&
                mopt__low_fits_columns(l, other, MOPT_FLOAT32, image, true, (size_t)image->dims[1]);
    for (size_t j = 0; fits && j < t->count; j++) {
        fits = isfinite(((const float *)t->data)[j]);
    }
    return fits ? t : NULL;
}

static bool is_arithmetic(const struct mopt_lower *l, const struct mopt_node *node,
                          const struct mopt_value *x, const struct mopt_low_shape *shape)
{
    const bool divides = mopt__low_is(node, "", "Div");
    const bool multiplies = divides || mopt__low_is(node, "", "Mul");
    const bool adds = mopt__low_is(node, "", "Add") || mopt__low_is(node, "", "Sub");
    const struct mopt_tensor *t = multiplies || adds ? operand(l, node, x, shape) : NULL;
    bool fits = t != NULL && node->op->since >= 7 && (!divides || node->inputs[0].value == x);
    for (size_t j = 0; fits && multiplies && j < t->count; j++) {
        const float size = fabsf(((const float *)t->data)[j]);
        fits = divides ? size >= 1 / (float)MOST : size <= (float)MOST;
    }
    return fits;
}

bool mopt__low_is_affine(const struct mopt_lower *l, const struct mopt_node *node,
                         const struct mopt_value *x)
{
    struct mopt_low_shape in;
    struct mopt_low_shape out;
    if (!mopt__low_shape(l, x, &in) || !mopt__low_shape(l, mopt__node_output(node, 0), &out) ||
        in.rank < 3 || in.dtype != MOPT_FLOAT32 || out.rank != in.rank ||
        memcmp(in.dims, out.dims, (size_t)in.rank * sizeof *in.dims) != 0) {
        return false;
    }
    return (is_norm(l, node, (size_t)in.dims[1]) && node->inputs[0].value == x) ||
           is_arithmetic(l, node, x, &in);
}

struct affine {
    double *factor, *shift; // [n]
    size_t n;
};

// factor * x + shift, normalized: scale / sqrt(var + epsilon), bias - mean * that.
static void add_norm(const struct mopt_lower *l, const struct mopt_node *norm,
                     const struct affine *a)
{
    const float *v[5] = {NULL};
    for (uint32_t i = 1; i < 5; i++) {
        v[i] = floats(l, mopt__node_input(norm, i))->data;
    }
    double epsilon = (double)mopt__low_float(norm, "epsilon", 1e-5F);
    for (size_t j = 0; j < a->n; j++) {
        double f = (double)v[1][j] / sqrt((double)v[4][j] + epsilon);
        a->factor[j] *= f;
        a->shift[j] = (a->shift[j] - (double)v[3][j]) * f + (double)v[2][j];
    }
}

static void add_arithmetic(const struct mopt_lower *l, const struct mopt_node *node,
                           const struct affine *a)
{
    const bool second = floats(l, node->inputs[0].value) != NULL; // is what is computed
    const struct mopt_tensor *t = floats(l, node->inputs[second ? 0 : 1].value);
    const bool from = mopt__low_is(node, "", "Sub") && second;
    for (size_t j = 0; j < a->n; j++) {
        const double c = (double)((const float *)t->data)[t->count == 1 ? 0 : j];
        double f = from ? -1 : 1;
        double s = 0;
        if (mopt__low_is(node, "", "Mul")) {
            f = c;
        } else if (mopt__low_is(node, "", "Div")) {
            f = 1 / c;
        } else {
            s = mopt__low_is(node, "", "Sub") && !from ? -c : c;
        }
        a->factor[j] *= f;
        a->shift[j] = a->shift[j] * f + s;
    }
}

static void add_all(const struct mopt_lower *l, const struct mopt_group *group,
                    const struct affine *a)
{
    for (int i = 0; i < group->affine_count; i++) {
        const struct mopt_node *node = group->affine[i];
        if (mopt__low_is(node, "", "BatchNormalization")) {
            add_norm(l, node, a);
        } else {
            add_arithmetic(l, node, a);
        }
    }
}

enum mopt_status mopt__low_fold_affine(struct mopt_lower *l, const struct mopt_group *group,
                                       size_t n, const float **bias, const float **factor)
{
    *factor = NULL;
    if (group->affine_count == 0) {
        return MOPT_OK;
    }
    float *factors = mopt__low_work(l, n * sizeof *factors);
    float *shifts = mopt__low_work(l, n * sizeof *shifts);
    double *room = mopt__low_work(l, 2 * n * sizeof *room);
    if (factors == NULL || shifts == NULL || room == NULL) {
        return MOPT_E_MEMORY;
    }
    const struct affine a = {room, room + n, n};
    for (size_t j = 0; j < n; j++) {
        a.factor[j] = 1;
        a.shift[j] = *bias != NULL ? (double)(*bias)[j] : 0;
    }
    add_all(l, group, &a);
    bool multiplies = false;
    for (size_t j = 0; j < n; j++) {
        factors[j] = (float)a.factor[j];
        shifts[j] = (float)a.shift[j];
        multiplies = multiplies || factors[j] != 1;
    }
    *bias = shifts;
    *factor = multiplies ? factors : NULL;
    return MOPT_OK;
}

uint64_t mopt__low_affine_variant(const struct mopt_group *group, uint64_t salt)
{
    for (int i = 0; i < group->affine_count; i++) {
        salt = mopt__hash_mix(salt, (uint64_t)(uintptr_t)group->affine[i]);
    }
    return salt;
}
