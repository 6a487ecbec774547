// SPDX-License-Identifier: Apache-2.0
// Making dimension expressions in canonical form: constants, symbols, sums, products, minimum,
// maximum, broadcast. Division is in dim_divide.c, equality by declaration in dim_unify.c, reading
// in dim_query.c.
#include "ir/dim_private.h"

int64_t mopt__dim_const(struct mopt_dims *dims, int64_t value)
{
    if (value >= 0 || value == MOPT_DIM_UNKNOWN) {
        return value;
    }
    return mopt__dim_intern(dims, MOPT_DIMK_CONST, NULL, value, NULL, 0);
}

int64_t mopt__dim_named(struct mopt_dims *dims, const char *name)
{
    if (!name || name[0] == '\0') {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__dim_intern(dims, MOPT_DIMK_NAMED, name, 0, NULL, 0);
}

int64_t mopt__dim_fresh(struct mopt_dims *dims)
{
    int64_t dim = mopt__dim_intern(dims, MOPT_DIMK_FRESH, NULL, dims->fresh + 1, NULL, 0);
    if (dim != MOPT_DIM_UNKNOWN) {
        dims->fresh++;
    }
    return dim;
}

static int64_t add_scaled(struct mopt_dims *dims, int64_t a, int64_t b, int64_t factor)
{
    struct mopt_poly sum = {.constant = 0, .count = 0};
    if (!mopt__poly_add_dim(dims, &sum, a, 1) || !mopt__poly_add_dim(dims, &sum, b, factor)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__poly_intern(dims, &sum);
}

int64_t mopt__dim_add(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return add_scaled(dims, a, b, 1);
}

int64_t mopt__dim_sub(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return add_scaled(dims, a, b, -1);
}

int64_t mopt__dim_mul(struct mopt_dims *dims, int64_t a, int64_t b)
{
    struct mopt_poly x = {.constant = 0, .count = 0};
    struct mopt_poly y = {.constant = 0, .count = 0};
    struct mopt_poly product;
    if (!mopt__poly_add_dim(dims, &x, a, 1) || !mopt__poly_add_dim(dims, &y, b, 1) ||
        !mopt__poly_multiply(dims, &x, &y, &product)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__poly_intern(dims, &product);
}

// ---- Minimum and maximum ------------------------------------------------------------------------

struct operands {
    size_t count;
    struct mopt_dim_part parts[MOPT_DIM_TERMS_MAX];
};

static void remove_operand(struct operands *set, size_t at)
{
    set->count--;
    for (size_t i = at; i < set->count; i++) {
        set->parts[i] = set->parts[i + 1];
    }
}

// Puts dim into the set, which is sorted and holds nothing twice.
static bool insert(const struct mopt_dims *dims, struct operands *set, int64_t dim)
{
    size_t at = 0;
    while (at < set->count && mopt__dim_compare(dims, set->parts[at].dim, dim) < 0) {
        at++;
    }
    if (at < set->count && set->parts[at].dim == dim) {
        return true;
    }
    if (set->count == MOPT_DIM_TERMS_MAX) {
        return false;
    }
    for (size_t i = set->count; i > at; i--) {
        set->parts[i] = set->parts[i - 1];
    }
    set->parts[at] = (struct mopt_dim_part){.dim = dim, .factor = 1};
    set->count++;
    return true;
}

// Range of a - b; unbounded when it cannot be computed.
static struct mopt_dim_range difference(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    struct mopt_poly poly;
    if (!mopt__poly_difference(dims, &poly, a, b)) {
        return (struct mopt_dim_range){INT64_MIN, INT64_MAX};
    }
    return mopt__poly_range(dims, &poly);
}

// Adds dim to the operands of min or max unless one of them makes it needless; drops those it makes
// needless.
static bool compete(const struct mopt_dims *dims, enum mopt_dim_kind kind, struct operands *set,
                    int64_t dim)
{
    size_t i = 0;
    while (i < set->count) {
        int64_t other = set->parts[i].dim;
        struct mopt_dim_range gap = difference(dims, dim, other);
        bool above = gap.low >= 0;
        bool below = gap.high <= 0;
        bool equal = above && below; // then the one that sorts first stays
        if (equal                   ? mopt__dim_compare(dims, other, dim) <= 0
            : kind == MOPT_DIMK_MIN ? above
                                    : below) {
            return true;
        }
        if (above || below) {
            remove_operand(set, i);
        } else {
            i++;
        }
    }
    return insert(dims, set, dim);
}

// Operands of dim if it is an operation of this kind, else dim itself, go through `add`.
static bool gather(const struct mopt_dims *dims, enum mopt_dim_kind kind, struct operands *set,
                   int64_t dim,
                   bool (*add)(const struct mopt_dims *, enum mopt_dim_kind, struct operands *,
                               int64_t))
{
    dim = mopt__dim_resolve(dims, dim);
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    if (!entry || entry->kind != kind) {
        return dim != MOPT_DIM_UNKNOWN && add(dims, kind, set, dim);
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < entry->count; i++) {
        int64_t part = mopt__dim_part(dims, entry, i);
        ok = part != MOPT_DIM_UNKNOWN && add(dims, kind, set, part);
    }
    return ok;
}

static int64_t choose(struct mopt_dims *dims, enum mopt_dim_kind kind, int64_t a, int64_t b)
{
    struct operands set = {.count = 0};
    if (!gather(dims, kind, &set, a, compete) || !gather(dims, kind, &set, b, compete)) {
        return MOPT_DIM_UNKNOWN;
    }
    return set.count == 1 ? set.parts[0].dim
                          : mopt__dim_intern(dims, kind, NULL, 0, set.parts, set.count);
}

int64_t mopt__dim_min(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return choose(dims, MOPT_DIMK_MIN, a, b);
}

int64_t mopt__dim_max(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return choose(dims, MOPT_DIMK_MAX, a, b);
}

// ---- Broadcasting -------------------------------------------------------------------------------

static bool collect(const struct mopt_dims *dims, enum mopt_dim_kind kind, struct operands *set,
                    int64_t dim)
{
    (void)kind;
    return insert(dims, set, dim);
}

// True if dim cannot be 1, so that it is the result of every legal broadcast it takes part in.
static bool decides(const struct mopt_dims *dims, int64_t dim)
{
    return dim == 0 || mopt__dim_range(dims, dim).low > 1;
}

int64_t mopt__dim_broadcast(struct mopt_dims *dims, int64_t a, int64_t b)
{
    a = mopt__dim_resolve(dims, a);
    b = mopt__dim_resolve(dims, b);
    if (a == b || b == 1) {
        return a;
    }
    if (a == MOPT_DIM_UNKNOWN || b == MOPT_DIM_UNKNOWN) {
        int64_t known = a == MOPT_DIM_UNKNOWN ? b : a;
        return decides(dims, known) ? known : MOPT_DIM_UNKNOWN;
    }
    if (a == 1) {
        return b;
    }
    if (a >= 0 && b >= 0) {
        return MOPT_DIM_UNKNOWN; // two different sizes, none of them 1: illegal
    }
    if (decides(dims, a)) {
        // Both decide: they must be equal, and the known one says more.
        return b >= 0 ? b : a;
    }
    if (decides(dims, b)) {
        return b;
    }
    struct operands set = {.count = 0};
    if (!gather(dims, MOPT_DIMK_BROADCAST, &set, a, collect) ||
        !gather(dims, MOPT_DIMK_BROADCAST, &set, b, collect)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__dim_intern(dims, MOPT_DIMK_BROADCAST, NULL, 0, set.parts, set.count);
}
