// SPDX-License-Identifier: Apache-2.0
// Attention as one native action: finds the products, the scales, the mask and the transposes
// around a Softmax, and reads the heads where they lie.
#include <math.h>
#include <string.h>

#include "exec/native.h"
#include "kernels/attention.h"

// ---- Finding ------------------------------------------------------------------------------------------------------

// Steps of [batch, heads, rows, size] stored row-major.
static void plain_steps(const struct mopt_low_shape *s, size_t steps[3])
{
    steps[2] = (size_t)s->dims[s->rank - 1];
    steps[1] = steps[2] * (size_t)s->dims[s->rank - 2];
    steps[0] = s->rank == 4 ? steps[1] * (size_t)s->dims[1] : steps[1];
}

// The permutation of a Transpose used only once and not taken yet; false otherwise.
static bool permutation(const struct mopt_lower *l, const struct mopt_node *node, int rank,
                        const int64_t **perm)
{
    const struct mopt_attribute *a =
        mopt__low_is(node, "", "Transpose") ? mopt__node_attribute(node, "perm") : NULL;
    if (a == NULL || a->kind != MOPT_ATTR_INTS || a->count != (size_t)rank ||
        !mopt__low_is_free(l, node)) {
        return false;
    }
    *perm = a->ints;
    return true;
}

static bool is_perm(const int64_t *perm, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return perm[0] == a && perm[1] == b && perm[2] == c && perm[3] == d;
}

struct finder {
    struct mopt_lower *l;
    struct mopt_low_attention *a;
    const struct mopt_node *taken[MOPT_MEMBERS_MAX];
    int taken_count;
};

static void take(struct finder *f, const struct mopt_node *node)
{
    f->taken[f->taken_count++] = node;
}

// [b, rows, heads, size] -> Transpose(0, 2, 1, 3) is read through; else as it is. value: of rank 4
// or 3, [.., rows, size].
static bool heads_of(struct finder *f, const struct mopt_value **value,
                     const struct mopt_node *user, size_t steps[3])
{
    struct mopt_low_shape s;
    const int64_t *perm;
    if (!mopt__low_shape(f->l, *value, &s) || s.dtype != MOPT_FLOAT32 || s.rank < 3 || s.rank > 4) {
        return false;
    }
    plain_steps(&s, steps);
    const struct mopt_node *node = (*value)->producer;
    if (s.rank == 4 && node != NULL && mopt__low_sole_use(f->l, *value) == user &&
        permutation(f->l, node, 4, &perm) && is_perm(perm, 0, 2, 1, 3)) {
        steps[1] = (size_t)s.dims[3];
        steps[2] = steps[1] * (size_t)s.dims[1];
        steps[0] = steps[2] * (size_t)s.dims[2];
        *value = mopt__node_input(node, 0);
        take(f, node);
    }
    return true;
}

// The node that makes the value, which nobody but the user reads; NULL: another one reads it, or
// the node was taken already.
static const struct mopt_node *maker_of(const struct finder *f, const struct mopt_value *value,
                                        const struct mopt_node *user)
{
    const struct mopt_node *node = value->producer;
    return mopt__low_is_free(f->l, node) && mopt__low_sole_use(f->l, value) == user ? node : NULL;
}

static bool same_shape(const struct finder *f, const struct mopt_value *x,
                       const struct mopt_value *y)
{
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    return mopt__low_shape(f->l, x, &a) && mopt__low_shape(f->l, y, &b) && a.rank == b.rank &&
           memcmp(a.dims, b.dims, (size_t)a.rank * sizeof *a.dims) == 0;
}

// q, or k', may be scaled before the product: the factor becomes one of the scores. The value in
// front of it, which *user reads.
static const struct mopt_value *unscaled(struct finder *f, const struct mopt_value *value,
                                         const struct mopt_node **user)
{
    const struct mopt_node *node = maker_of(f, value, *user);
    const bool divides = node != NULL && mopt__low_is(node, "", "Div");
    if (!divides && (node == NULL || !mopt__low_is(node, "", "Mul"))) {
        return value;
    }
    for (uint32_t i = 0; i < (divides ? 1U : 2U); i++) {
        const struct mopt_value *x = mopt__node_input(node, i);
        float factor;
        if (mopt__low_scalar(f->l, mopt__node_input(node, 1 - i), &factor) && factor != 0 &&
            isfinite(factor) && same_shape(f, x, value)) {
            f->a->scale *= divides ? 1 / factor : factor;
            take(f, node);
            *user = node;
            return x;
        }
    }
    return value;
}

// Heads of all batch entries counted through, [b * heads, keys, size], turned and put in their
// place by a Reshape: the value that is turned, NULL when kt is not made like that.
static const struct mopt_value *counted_through(struct finder *f, const struct mopt_value *kt,
                                                const struct mopt_node *user)
{
    struct mopt_low_shape s;
    struct mopt_low_shape t;
    const int64_t *perm;
    const struct mopt_node *places = maker_of(f, kt, user);
    if (places == NULL || !mopt__low_is(places, "", "Reshape") || !mopt__low_shape(f->l, kt, &s) ||
        !mopt__low_shape(f->l, mopt__node_input(places, 0), &t) || s.rank != 4 || t.rank != 3 ||
        t.dims[1] != s.dims[2] || t.dims[2] != s.dims[3]) {
        return NULL;
    }
    const struct mopt_node *turns = maker_of(f, mopt__node_input(places, 0), places);
    if (turns == NULL || !permutation(f->l, turns, 3, &perm) || perm[0] != 0 || perm[1] != 2) {
        return NULL;
    }
    take(f, places);
    take(f, turns);
    return mopt__node_input(turns, 0);
}

// Where the heads of k lie that are counted through, for scores of the shape s: as they are, or
// where the Reshape that counts them takes them from.
static bool counted_keys(struct finder *f, const struct mopt_value *k,
                         const struct mopt_low_shape *s)
{
    struct mopt_low_shape from;
    const struct mopt_node *counts = maker_of(f, k, f->taken[f->taken_count - 1]);
    f->a->k = k;
    f->a->k_steps[2] = (size_t)s->dims[2];
    f->a->k_steps[1] = f->a->k_steps[2] * (size_t)s->dims[3];
    f->a->k_steps[0] = f->a->k_steps[1] * (size_t)s->dims[1];
    if (counts == NULL || !mopt__low_is(counts, "", "Reshape") ||
        !mopt__low_shape(f->l, mopt__node_input(counts, 0), &from) || from.rank != 4 ||
        from.dims[1] != s->dims[1] || from.dims[2] != s->dims[3] || from.dims[3] != s->dims[2]) {
        return true;
    }
    take(f, counts);
    f->a->k = mopt__node_input(counts, 0);
    return heads_of(f, &f->a->k, counts, f->a->k_steps);
}

// The right operand of the first product is k': [.., size, keys]; it must come from a Transpose
// that says where the rows of k lie.
static bool keys_of(struct finder *f, const struct mopt_value *kt, const struct mopt_node *user)
{
    struct mopt_low_shape s;
    const int64_t *perm;
    const struct mopt_value *counted = counted_through(f, kt, user);
    if (counted != NULL) {
        return mopt__low_shape(f->l, kt, &s) && s.dtype == MOPT_FLOAT32 &&
               counted_keys(f, counted, &s);
    }
    const struct mopt_node *node = kt->producer;
    if (node == NULL || mopt__low_sole_use(f->l, kt) != user ||
        !mopt__low_shape(f->l, mopt__node_input(node, 0), &s) || s.dtype != MOPT_FLOAT32 ||
        s.rank < 3 || s.rank > 4 || !permutation(f->l, node, s.rank, &perm)) {
        return false;
    }
    plain_steps(&s, f->a->k_steps);
    f->a->k = mopt__node_input(node, 0);
    take(f, node);
    if (s.rank == 3) {
        return perm[0] == 0 && perm[1] == 2 && perm[2] == 1;
    }
    if (is_perm(perm, 0, 2, 3, 1)) { // from [b, keys, heads, size]
        f->a->k_steps[1] = (size_t)s.dims[3];
        f->a->k_steps[2] = f->a->k_steps[1] * (size_t)s.dims[2];
        f->a->k_steps[0] = f->a->k_steps[2] * (size_t)s.dims[1];
        return true;
    }
    // From [b, heads, keys, size], which may itself be a Transpose of [b, keys, heads, size].
    return is_perm(perm, 0, 1, 3, 2) && heads_of(f, &f->a->k, node, f->a->k_steps);
}

// A mask that broadcasts to [batch, heads, queries, keys] with whole rows of keys.
static bool mask_of(struct finder *f, const struct mopt_value *mask, const struct mopt_low_shape *s)
{
    struct mopt_low_shape m;
    if (!mopt__low_shape(f->l, mask, &m) || m.dtype != MOPT_FLOAT32 || m.rank > s->rank ||
        m.rank < 1 || m.dims[m.rank - 1] != s->dims[s->rank - 1]) {
        return false;
    }
    size_t step = (size_t)m.dims[m.rank - 1];
    for (int back = 2; back <= s->rank; back++) { // rows, heads, batch
        int64_t size = back <= m.rank ? m.dims[m.rank - back] : 1;
        int at = s->rank == 4 ? 4 - back : back == 2 ? 2 : 0;
        if (size != 1 && size != s->dims[s->rank - back]) {
            return false;
        }
        f->a->mask_steps[at] = size == 1 ? 0 : step;
        step *= (size_t)size;
    }
    f->a->mask = mask;
    return true;
}

// Scale and mask between the first product and the Softmax; returns the Softmax.
static const struct mopt_node *softmax_of(struct finder *f, const struct mopt_value *scores,
                                          const struct mopt_low_shape *s)
{
    const struct mopt_node *next = mopt__low_sole_use(f->l, scores);
    float factor;
    if (mopt__low_is_free(f->l, next) &&
        (mopt__low_is(next, "", "Mul") || mopt__low_is(next, "", "Div")) &&
        mopt__low_scalar(f->l, mopt__low_other(next, scores), &factor) &&
        (mopt__low_is(next, "", "Mul") || mopt__node_input(next, 0) == scores)) {
        f->a->scale *= mopt__low_is(next, "", "Mul") ? factor : 1 / factor;
        take(f, next);
        scores = mopt__node_output(next, 0);
        next = mopt__low_sole_use(f->l, scores);
    }
    if (mopt__low_is_free(f->l, next) && mopt__low_is(next, "", "Add") &&
        mask_of(f, mopt__low_other(next, scores), s)) {
        take(f, next);
        next = mopt__low_sole_use(f->l, mopt__node_output(next, 0));
    }
    const struct mopt_attribute *axis = next != NULL ? mopt__node_attribute(next, "axis") : NULL;
    bool last = axis != NULL ? axis->i == -1 || axis->i == s->rank - 1
                             : next != NULL && next->op != NULL && next->op->since >= 13;
    return mopt__low_is_free(f->l, next) && mopt__low_is(next, "", "Softmax") && last ? next : NULL;
}

// The shares of the keys as the second product reads them: PyTorch puts 0 in the place of NaN,
// which a query has that sees no key.
static const struct mopt_value *shares_of(struct finder *f, const struct mopt_value *shares)
{
    const struct mopt_use *use = shares->uses;
    if (shares->use_count != 2 || shares->graph_output_count != 0) {
        return shares;
    }
    const bool first = mopt__low_is(use->node, "", "IsNaN");
    const struct mopt_node *unknown = first ? use->node : use->next->node;
    const struct mopt_node *where = first ? use->next->node : use->node;
    float other;
    if (!mopt__low_is_free(f->l, unknown) || !mopt__low_is(unknown, "", "IsNaN") ||
        !mopt__low_is_free(f->l, where) || !mopt__low_is(where, "", "Where") ||
        mopt__low_sole_use(f->l, mopt__node_output(unknown, 0)) != where ||
        mopt__node_input(where, 0) != mopt__node_output(unknown, 0) ||
        mopt__node_input(where, 2) != shares ||
        !mopt__low_scalar(f->l, mopt__node_input(where, 1), &other) || other != 0 ||
        !same_shape(f, mopt__node_output(where, 0), shares)) {
        return shares;
    }
    take(f, unknown);
    take(f, where);
    f->a->unknown_is_zero = true;
    return mopt__node_output(where, 0);
}

// [b, heads, rows, size] -> Transpose(0, 2, 1, 3) behind the result is written through.
static const struct mopt_value *result_of(struct finder *f, const struct mopt_value *y)
{
    struct mopt_low_shape s;
    const int64_t *perm;
    if (!mopt__low_shape(f->l, y, &s)) {
        return NULL;
    }
    plain_steps(&s, f->a->y_steps);
    const struct mopt_node *next = mopt__low_sole_use(f->l, y);
    if (s.rank == 4 && permutation(f->l, next, 4, &perm) && is_perm(perm, 0, 2, 1, 3)) {
        f->a->y_steps[1] = (size_t)s.dims[3];
        f->a->y_steps[2] = f->a->y_steps[1] * (size_t)s.dims[1];
        f->a->y_steps[0] = f->a->y_steps[2] * (size_t)s.dims[2];
        take(f, next);
        return mopt__node_output(next, 0);
    }
    return y;
}

static bool same_leading(const struct mopt_low_shape *a, const struct mopt_low_shape *b)
{
    return a->rank == b->rank && a->dims[0] == b->dims[0] &&
           (a->rank == 3 || a->dims[1] == b->dims[1]);
}

// first: a MatMul of two computed operands. Fills the description; the group's output or NULL.
static const struct mopt_value *find(struct finder *f, const struct mopt_node *first)
{
    struct mopt_low_attention *a = f->a;
    struct mopt_low_shape q;
    struct mopt_low_shape k; // transposed
    struct mopt_low_shape s;
    struct mopt_low_shape v;
    const struct mopt_value *scores = mopt__node_output(first, 0);
    const struct mopt_node *q_user = first;
    const struct mopt_node *k_user = first;
    a->scale = 1;
    a->q = mopt__node_input(first, 0);
    if (!mopt__low_shape(f->l, a->q, &q) || !mopt__low_shape(f->l, scores, &s) ||
        !mopt__low_shape(f->l, mopt__node_input(first, 1), &k) || !same_leading(&q, &s) ||
        !same_leading(&k, &s) || s.rank < 3 || s.rank > 4) {
        return NULL;
    }
    a->q = unscaled(f, a->q, &q_user);
    const struct mopt_value *kt = unscaled(f, mopt__node_input(first, 1), &k_user);
    if (!heads_of(f, &a->q, q_user, a->q_steps) || !keys_of(f, kt, k_user)) {
        return NULL;
    }
    const struct mopt_node *softmax = softmax_of(f, scores, &s);
    const struct mopt_value *shares =
        softmax != NULL ? shares_of(f, mopt__node_output(softmax, 0)) : NULL;
    const struct mopt_node *second = mopt__low_sole_use(f->l, shares);
    if (!mopt__low_is_free(f->l, second) || !mopt__low_is(second, "", "MatMul") ||
        mopt__node_input(second, 0) != shares) {
        return NULL;
    }
    a->v = mopt__node_input(second, 1);
    if (!mopt__low_shape(f->l, a->v, &v) || !same_leading(&v, &s) ||
        v.dims[v.rank - 2] != s.dims[s.rank - 1] || !heads_of(f, &a->v, second, a->v_steps)) {
        return NULL;
    }
    take(f, softmax);
    take(f, second);
    a->batch = s.rank == 4 ? (size_t)s.dims[0] : 1;
    a->heads = s.rank == 4 ? (size_t)s.dims[1] : (size_t)s.dims[0];
    a->groups = a->heads;
    a->queries = (size_t)s.dims[s.rank - 2];
    a->keys = (size_t)s.dims[s.rank - 1];
    a->size = (size_t)q.dims[q.rank - 1];
    a->value_size = (size_t)v.dims[v.rank - 1];
    return result_of(f, mopt__node_output(second, 0));
}

enum mopt_status mopt__low_group_attention(struct mopt_lower *l, const struct mopt_node *node,
                                           struct mopt_group *group, bool *found)
{
    struct mopt_low_attention *a = mopt__low_work(l, sizeof *a);
    struct finder f = {.l = l, .a = a};
    *found = false;
    if (a == NULL) {
        return MOPT_E_MEMORY;
    }
    const struct mopt_value *out = find(&f, node);
    if (out == NULL) {
        return MOPT_OK;
    }
    *group = (struct mopt_group){.anchor = node, .out = out, .attention = a};
    for (int i = 0; i < f.taken_count; i++) {
        group->members[group->member_count++] = f.taken[i];
    }
    *found = true;
    return MOPT_OK;
}

// ---- Running ------------------------------------------------------------------------------------------------------

struct attention_work {
    struct mopt_attention_f32 a; // pointers are set when it runs
    uint32_t q, k, v, y, mask;
};

static void run_attention(const void *work, const struct mopt_frame *frame)
{
    const struct attention_work *w = work;
    struct mopt_attention_f32 a = w->a;
    a.q = frame->data[w->q];
    a.k = frame->data[w->k];
    a.v = frame->data[w->v];
    a.y = frame->data[w->y];
    a.mask = w->mask != MOPT_NO_CELL ? frame->data[w->mask] : NULL;
    mopt__attention_f32(frame->kernels, &a, frame->scratch, frame->pool);
}

static struct mopt_head_steps steps_of(const size_t steps[3])
{
    return (struct mopt_head_steps){steps[0], steps[1], steps[2]};
}

enum mopt_status mopt__low_attention(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_low_attention *a = group->attention;
    struct attention_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->a = (struct mopt_attention_f32){.batch = a->batch,
                                       .heads = a->heads,
                                       .groups = a->groups,
                                       .queries = a->queries,
                                       .keys = a->keys,
                                       .size = a->size,
                                       .value_size = a->value_size,
                                       .q_steps = steps_of(a->q_steps),
                                       .k_steps = steps_of(a->k_steps),
                                       .v_steps = steps_of(a->v_steps),
                                       .y_steps = steps_of(a->y_steps),
                                       .mask_steps = steps_of(a->mask_steps),
                                       .scale = a->scale,
                                       .unknown_is_zero = a->unknown_is_zero};
    w->mask = MOPT_NO_CELL;
    const struct mopt_value *values[] = {a->q, a->k, a->v, a->mask};
    uint32_t *cells[] = {&w->q, &w->k, &w->v, &w->mask};
    enum mopt_status status = MOPT_OK;
    for (int i = 0; i < 4 && status == MOPT_OK; i++) {
        status =
            values[i] == NULL ? MOPT_OK : mopt__low_cell(l, values[i], MOPT_FORM_PLAIN, cells[i]);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_PLAIN, &w->y);
    }
    static const float something; // the size of scratch does not depend on what is in the mask
    w->a.mask = a->mask != NULL ? &something : NULL;
    mopt__low_scratch(l, mopt__attention_f32_scratch(&l->session->kernels, &w->a,
                                                     mopt__pool_size(l->session->pool)));
    uint32_t all[] = {w->q, w->k, w->v, w->y, w->mask};
    return status == MOPT_OK
               ? mopt__low_emit(l, run_attention, w, all, w->mask != MOPT_NO_CELL ? 5 : 4)
               : status;
}
