// SPDX-License-Identifier: Apache-2.0
// Interval arithmetic on dimension expressions: what values can an expression have? Symbols are >=
// 0, divisors > 0 where they are dimensions. INT64_MIN and INT64_MAX mean "no bound".
#include "base/size.h"
#include "ir/dim_private.h"

#define NO_LOW INT64_MIN
#define NO_HIGH INT64_MAX

static const struct mopt_dim_range anything = {NO_LOW, NO_HIGH};

int64_t mopt__floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && a < 0);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct mopt_dim_range mopt__dim_range(const struct mopt_dims *dims, int64_t dim)
{
    dim = mopt__dim_resolve(dims, dim);
    if (dim >= 0) {
        return (struct mopt_dim_range){dim, dim};
    }
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    return entry ? entry->range : anything;
}

// bound * factor, none staying none with the right sign; overflow gives none.
static int64_t scale_bound(int64_t bound, int64_t factor, int64_t none)
{
    int64_t result;
    if (bound == NO_LOW || bound == NO_HIGH || !mopt__i64_mul(bound, factor, &result)) {
        return none;
    }
    return result;
}

static int64_t add_bound(int64_t a, int64_t b, int64_t none)
{
    int64_t result;
    return a == none || b == none || !mopt__i64_add(a, b, &result) ? none : result;
}

// range += factor * part
static void add_scaled(struct mopt_dim_range *range, struct mopt_dim_range part, int64_t factor)
{
    int64_t low = factor > 0 ? part.low : part.high;
    int64_t high = factor > 0 ? part.high : part.low;
    range->low = add_bound(range->low, scale_bound(low, factor, NO_LOW), NO_LOW);
    range->high = add_bound(range->high, scale_bound(high, factor, NO_HIGH), NO_HIGH);
}

static struct mopt_dim_range range_sum(const struct mopt_dims *dims, int64_t constant,
                                       const struct mopt_dim_part *terms, size_t count)
{
    struct mopt_dim_range range = {constant, constant};
    for (size_t i = 0; i < count; i++) {
        add_scaled(&range, mopt__dim_range(dims, terms[i].dim), terms[i].factor);
    }
    return range;
}

struct mopt_dim_range mopt__poly_range(const struct mopt_dims *dims, const struct mopt_poly *poly)
{
    return range_sum(dims, poly->constant, poly->terms, poly->count);
}

// Product of factors that are all >= 0; anything if one may be negative.
static struct mopt_dim_range range_product(const struct mopt_dims *dims,
                                           const struct mopt_dim_part *parts, size_t count)
{
    struct mopt_dim_range range = {1, 1};
    for (size_t i = 0; i < count; i++) {
        struct mopt_dim_range part = mopt__dim_range(dims, parts[i].dim);
        if (part.low < 0) {
            return anything;
        }
        for (int64_t k = 0; k < parts[i].factor; k++) {
            // A lower bound that overflows stays what it was: still a bound, as all factors >= 1
            // then.
            int64_t low;
            range.low = part.low == 0                              ? 0
                        : mopt__i64_mul(range.low, part.low, &low) ? low
                                                                   : range.low;
            range.high = range.high == 0 || part.high == 0 ? 0
                         : range.high == NO_HIGH           ? NO_HIGH
                                                 : scale_bound(part.high, range.high, NO_HIGH);
        }
    }
    return range;
}

// a / b rounded either way, for b >= 1 (a divisor that may be 0 has no value there).
static struct mopt_dim_range range_division(struct mopt_dim_range a, struct mopt_dim_range b)
{
    struct mopt_dim_range range = anything;
    if (b.low < 0) {
        return anything;
    }
    int64_t least = larger(b.low, 1);
    if (a.low != NO_LOW) {
        int64_t by = a.low < 0 ? least : b.high;
        range.low = by == NO_HIGH ? 0 : mopt__floor_div(a.low, larger(by, 1));
    }
    if (a.high != NO_HIGH) {
        int64_t by = a.high < 0 ? b.high : least;
        range.high = by == NO_HIGH ? 0 : mopt__floor_div(a.high, larger(by, 1));
    }
    return range;
}

static struct mopt_dim_range range_ceil(struct mopt_dim_range a, struct mopt_dim_range b)
{
    struct mopt_dim_range range = range_division(a, b);
    range.high = add_bound(range.high, 1, NO_HIGH);
    range.low = a.low > 0 && b.low >= 0 ? larger(range.low, 1) : range.low;
    return range;
}

static struct mopt_dim_range range_mod(struct mopt_dim_range a, struct mopt_dim_range b)
{
    if (b.low < 0) {
        return anything;
    }
    struct mopt_dim_range range = {0, b.high == NO_HIGH ? NO_HIGH : larger(b.high - 1, 0)};
    if (a.low >= 0) {
        range.high = smaller(range.high, a.high);
    }
    return range;
}

static struct mopt_dim_range range_choice(const struct mopt_dims *dims, enum mopt_dim_kind kind,
                                          const struct mopt_dim_part *parts, size_t count)
{
    struct mopt_dim_range range = mopt__dim_range(dims, parts[0].dim);
    for (size_t i = 1; i < count; i++) {
        struct mopt_dim_range part = mopt__dim_range(dims, parts[i].dim);
        range.low =
            kind == MOPT_DIMK_MAX ? larger(range.low, part.low) : smaller(range.low, part.low);
        range.high =
            kind == MOPT_DIMK_MIN ? smaller(range.high, part.high) : larger(range.high, part.high);
    }
    return range;
}

struct mopt_dim_range mopt__dim_range_of(const struct mopt_dims *dims, enum mopt_dim_kind kind,
                                         int64_t constant, const struct mopt_dim_part *parts,
                                         size_t count)
{
    switch (kind) {
    case MOPT_DIMK_CONST:
        return (struct mopt_dim_range){constant, constant};
    case MOPT_DIMK_NAMED:
    case MOPT_DIMK_FRESH:
        return (struct mopt_dim_range){0, NO_HIGH};
    case MOPT_DIMK_SUM:
        return range_sum(dims, constant, parts, count);
    case MOPT_DIMK_PRODUCT:
        return range_product(dims, parts, count);
    case MOPT_DIMK_FLOORDIV:
        return range_division(mopt__dim_range(dims, parts[0].dim),
                              mopt__dim_range(dims, parts[1].dim));
    case MOPT_DIMK_CEILDIV:
        return range_ceil(mopt__dim_range(dims, parts[0].dim), mopt__dim_range(dims, parts[1].dim));
    case MOPT_DIMK_MOD:
        return range_mod(mopt__dim_range(dims, parts[0].dim), mopt__dim_range(dims, parts[1].dim));
    case MOPT_DIMK_MIN:
    case MOPT_DIMK_MAX:
    case MOPT_DIMK_BROADCAST:
        return range_choice(dims, kind, parts, count);
    }
    return anything;
}
