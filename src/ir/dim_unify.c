// SPDX-License-Identifier: Apache-2.0
// Equality by declaration. The less known of two dims is linked to the better known one, and
// everything that mentions it is made anew, so that later questions see the consequences (see
// dim_private.h).
#include "base/size.h"
#include "ir/dim_private.h"

enum {
    RESOLVE_DEPTH_MAX = 2 * MOPT_DIM_SIZE_MAX,
    GROWTH_FACTOR = 4,  // entries that one unification may make: a multiple of those there are,
    GROWTH_FREE = 4096, // and some
};

// How well known: constants, names, expressions of names only, fresh symbols, other expressions; 0
// is best.
static int rank_of(const struct mopt_dims *dims, int64_t dim)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    if (!entry || entry->kind == MOPT_DIMK_CONST) {
        return 0;
    }
    if (entry->kind == MOPT_DIMK_NAMED) {
        return 1;
    }
    if (entry->closed) {
        return 2;
    }
    return entry->kind == MOPT_DIMK_FRESH ? 3 : 4;
}

// True if a is to be kept rather than b: better known, else smaller, else older.
static bool is_better(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    int rank_a = rank_of(dims, a);
    int rank_b = rank_of(dims, b);
    if (rank_a != rank_b) {
        return rank_a < rank_b;
    }
    const struct mopt_dim_entry *x = mopt__dim_entry(dims, a);
    const struct mopt_dim_entry *y = mopt__dim_entry(dims, b);
    if (x && y && x->size != y->size) {
        return x->size < y->size;
    }
    return (a >= 0 && b >= 0) || a > b;
}

// True if whole mentions part, or if that is too deep to tell.
// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool mentions(const struct mopt_dims *dims, int64_t whole, int64_t part, int depth)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, whole);
    if (whole == part || depth > RESOLVE_DEPTH_MAX) {
        return true;
    }
    for (uint32_t i = 0; entry && i < entry->count; i++) {
        if (mentions(dims, mopt__dim_part(dims, entry, i), part, depth + 1)) {
            return true;
        }
    }
    return false;
}

// ---- Making entries anew ------------------------------------------------------------------------

static bool is_stale(const struct mopt_dims *dims, const struct mopt_dim_entry *entry)
{
    for (uint32_t i = 0; i < entry->count; i++) {
        if (mopt__dim_part(dims, entry, i) != dims->parts[entry->first + i].dim) {
            return true;
        }
    }
    return false;
}

static int64_t remake_sum(struct mopt_dims *dims, const struct mopt_dim_entry *entry)
{
    struct mopt_poly sum = {.constant = entry->constant, .count = 0};
    for (uint32_t i = 0; i < entry->count; i++) {
        const struct mopt_dim_part *part = &dims->parts[entry->first + i];
        if (!mopt__poly_add_dim(dims, &sum, part->dim, part->factor)) {
            return MOPT_DIM_UNKNOWN;
        }
    }
    return mopt__poly_intern(dims, &sum);
}

// entry is a copy: the table may move.
static int64_t remake_product(struct mopt_dims *dims, const struct mopt_dim_entry *entry)
{
    int64_t product = 1;
    for (uint32_t i = 0; i < entry->count; i++) {
        struct mopt_dim_part part = dims->parts[entry->first + i];
        for (int64_t k = 0; k < part.factor && product != MOPT_DIM_UNKNOWN; k++) {
            product = mopt__dim_mul(dims, product, part.dim);
        }
    }
    return product;
}

static int64_t remake_fold(struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                           int64_t (*combine)(struct mopt_dims *, int64_t, int64_t))
{
    int64_t result = dims->parts[entry->first].dim;
    for (uint32_t i = 1; i < entry->count && result != MOPT_DIM_UNKNOWN; i++) {
        result = combine(dims, result, dims->parts[entry->first + i].dim);
    }
    return result;
}

static int64_t remake(struct mopt_dims *dims, const struct mopt_dim_entry *entry)
{
    switch (entry->kind) {
    case MOPT_DIMK_SUM:
        return remake_sum(dims, entry);
    case MOPT_DIMK_PRODUCT:
        return remake_product(dims, entry);
    case MOPT_DIMK_FLOORDIV:
        return remake_fold(dims, entry, mopt__dim_floordiv);
    case MOPT_DIMK_CEILDIV:
        return remake_fold(dims, entry, mopt__dim_ceildiv);
    case MOPT_DIMK_MOD:
        return remake_fold(dims, entry, mopt__dim_mod);
    case MOPT_DIMK_MIN:
        return remake_fold(dims, entry, mopt__dim_min);
    case MOPT_DIMK_MAX:
        return remake_fold(dims, entry, mopt__dim_max);
    case MOPT_DIMK_BROADCAST:
        return remake_fold(dims, entry, mopt__dim_broadcast);
    case MOPT_DIMK_CONST:
    case MOPT_DIMK_NAMED:
    case MOPT_DIMK_FRESH:
        break;
    }
    return MOPT_DIM_UNKNOWN;
}

static void set_link(struct mopt_dims *dims, int64_t from, int64_t to)
{
    to = mopt__dim_resolve(dims, to);
    if (to != MOPT_DIM_UNKNOWN && to != from) {
        dims->entries[-(from + 1)].link = to;
    }
}

// Makes every entry after `start` anew that mentions a linked one. New entries come last and are
// seen too. What cannot be made (too large by now, a contradiction) and what comes after too many
// new entries becomes a fresh symbol: nothing is known of it any more, which is never wrong.
static void refresh(struct mopt_dims *dims, size_t start)
{
    size_t limit = GROWTH_FACTOR * dims->count + GROWTH_FREE;
    for (size_t i = start; i < dims->count; i++) {
        struct mopt_dim_entry entry = dims->entries[i];
        int64_t number = -(int64_t)i - 1;
        if (entry.link != MOPT_DIM_UNKNOWN || !is_stale(dims, &entry)) {
            continue;
        }
        int64_t made = dims->count < limit ? remake(dims, &entry) : MOPT_DIM_UNKNOWN;
        if (made == MOPT_DIM_UNKNOWN) {
            made = mopt__dim_fresh(dims);
        }
        if (!mentions(dims, made, number, 0)) {
            set_link(dims, number, made);
        }
    }
}

static void link_dims(struct mopt_dims *dims, int64_t from, int64_t to)
{
    struct mopt_dim_entry *entry = &dims->entries[-(from + 1)];
    set_link(dims, from, to);
    if (to < 0) {
        struct mopt_dim_entry *target = &dims->entries[-(to + 1)];
        entry->next_alias = target->alias;
        target->alias = from;
    }
    refresh(dims, (size_t)(-(from + 1)) + 1);
}

// ---- Solving ------------------------------------------------------------------------------------

// factor * atom + constant = 0: links the atom to its value. False if it has none: a contradiction.
static bool solve_value(struct mopt_dims *dims, const struct mopt_poly *gap)
{
    int64_t atom = gap->terms[0].dim;
    struct mopt_dim_range range = mopt__dim_range(dims, atom);
    if (gap->constant % gap->terms[0].factor != 0) {
        return false;
    }
    int64_t value = -(gap->constant / gap->terms[0].factor);
    int64_t number = mopt__dim_const(dims, value);
    if (value < range.low || value > range.high || number == MOPT_DIM_UNKNOWN) {
        return false;
    }
    link_dims(dims, atom, number);
    return true;
}

// Finds a fresh symbol (the youngest) that the equation gap = 0 expresses through the rest, and
// links it to that.
static bool solve_fresh(struct mopt_dims *dims, const struct mopt_poly *gap)
{
    for (size_t i = gap->count; i-- > 0;) {
        struct mopt_dim_part term = gap->terms[i];
        const struct mopt_dim_entry *entry = mopt__dim_entry(dims, term.dim);
        if (!entry || entry->kind != MOPT_DIMK_FRESH || (term.factor != 1 && term.factor != -1)) {
            continue;
        }
        struct mopt_poly rest = *gap;
        if (!mopt__poly_add_term(dims, &rest, term.dim, -term.factor) ||
            !mopt__poly_scale(&rest, -term.factor)) {
            continue;
        }
        int64_t value = mopt__poly_intern(dims, &rest);
        if (value != MOPT_DIM_UNKNOWN && !mentions(dims, value, term.dim, 0)) {
            link_dims(dims, term.dim, value);
            return true;
        }
    }
    return false;
}

// When gap is x - y for two atoms, these take the place of a and b: n + 1 = m + 1 says n = m.
static void strip_common(const struct mopt_poly *gap, int64_t *a, int64_t *b)
{
    if (gap->count == 2 && gap->constant == 0) {
        int64_t x = gap->terms[0].factor;
        int64_t y = gap->terms[1].factor;
        if ((x == 1 && y == -1) || (x == -1 && y == 1)) {
            *a = gap->terms[0].dim;
            *b = gap->terms[1].dim;
        }
    }
}

int64_t mopt__dim_unify(struct mopt_dims *dims, int64_t a, int64_t b)
{
    a = mopt__dim_resolve(dims, a);
    b = mopt__dim_resolve(dims, b);
    if (a == b || b == MOPT_DIM_UNKNOWN) {
        return a;
    }
    if (a == MOPT_DIM_UNKNOWN) {
        return b;
    }
    int64_t best = is_better(dims, a, b) ? a : b;
    struct mopt_poly gap;
    int64_t x = a;
    int64_t y = b;
    if (mopt__poly_difference(dims, &gap, a, b)) {
        if (gap.count == 0) {
            return best; // a contradiction: nothing is declared
        }
        if (gap.count == 1) {
            return solve_value(dims, &gap) ? mopt__dim_resolve(dims, best) : best;
        }
        if (solve_fresh(dims, &gap)) {
            return mopt__dim_resolve(dims, best);
        }
        strip_common(&gap, &x, &y);
    }
    int64_t keep = is_better(dims, x, y) ? x : y;
    int64_t drop = keep == x ? y : x;
    if (drop >= 0 || mentions(dims, keep, drop, 0)) {
        int64_t other = keep;
        keep = drop;
        drop = other;
    }
    if (drop < 0 && !mentions(dims, keep, drop, 0)) {
        link_dims(dims, drop, keep);
    }
    return mopt__dim_resolve(dims, best);
}
