// SPDX-License-Identifier: Apache-2.0
// Reading dimension expressions: values, names, bounds, text. Changes nothing.
#include <inttypes.h>

#include "base/size.h"
#include "ir/dim_private.h"

// Expressions are limited in size, so depth is; the guard is for tables in which memory ran out
// during a unify. Steps limit the search through aliases, which may repeat work.
enum {
    READ_DEPTH_MAX = 2 * MOPT_DIM_SIZE_MAX,
    ALIAS_DEPTH_MAX = 8,
    STEPS_MAX = 1 << 16,
};

bool mopt__dim_is_known(const struct mopt_dims *dims, int64_t dim, int64_t *value)
{
    dim = mopt__dim_resolve(dims, dim);
    if (dim >= 0) {
        *value = dim;
        return true;
    }
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    if (!entry || entry->kind != MOPT_DIMK_CONST) {
        return false;
    }
    *value = entry->constant;
    return true;
}

const char *mopt__dim_name(const struct mopt_dims *dims, int64_t dim)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, mopt__dim_resolve(dims, dim));
    return entry ? entry->name : NULL;
}

int64_t mopt__dim_lower_bound(const struct mopt_dims *dims, int64_t dim)
{
    dim = mopt__dim_resolve(dims, dim);
    return dim == MOPT_DIM_UNKNOWN ? 0 : mopt__dim_range(dims, dim).low;
}

// ---- Text ---------------------------------------------------------------------------------------

static void print(const struct mopt_dims *dims, int64_t dim, struct mopt_strbuf *out, int depth);

static void print_in_brackets(const struct mopt_dims *dims, int64_t dim, bool brackets,
                              struct mopt_strbuf *out, int depth)
{
    if (brackets) {
        mopt__strbuf_add_char(out, '(');
    }
    print(dims, dim, out, depth);
    if (brackets) {
        mopt__strbuf_add_char(out, ')');
    }
}

static enum mopt_dim_kind kind_of(const struct mopt_dims *dims, int64_t dim)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    return entry ? entry->kind : MOPT_DIMK_CONST;
}

// Terms of one sign, with their signs except for a leading plus.
static void print_terms(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                        bool positive, bool *first, struct mopt_strbuf *out, int depth)
{
    for (uint32_t i = 0; i < entry->count; i++) {
        int64_t factor = dims->parts[entry->first + i].factor;
        if ((factor > 0) != positive) {
            continue;
        }
        mopt__strbuf_add(out, factor < 0 ? "-" : *first ? "" : "+");
        *first = false;
        if (factor != 1 && factor != -1) {
            mopt__strbuf_printf(out, "%" PRIu64 "*",
                                factor < 0 ? -(uint64_t)factor : (uint64_t)factor);
        }
        int64_t atom = mopt__dim_part(dims, entry, i);
        print_in_brackets(dims, atom, kind_of(dims, atom) == MOPT_DIMK_SUM, out, depth);
    }
}

// Positive terms, then negative ones, then the constant; a positive constant comes first when no
// term is positive.
static void print_sum(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                      struct mopt_strbuf *out, int depth)
{
    bool first = true;
    bool constant = entry->constant != 0;
    print_terms(dims, entry, true, &first, out, depth);
    if (first && entry->constant > 0) {
        mopt__strbuf_printf(out, "%" PRId64, entry->constant);
        first = false;
        constant = false;
    }
    print_terms(dims, entry, false, &first, out, depth);
    if (constant) {
        mopt__strbuf_printf(out, entry->constant > 0 ? "+%" PRId64 : "%" PRId64, entry->constant);
    }
}

static void print_product(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                          struct mopt_strbuf *out, int depth)
{
    for (uint32_t i = 0; i < entry->count; i++) {
        int64_t atom = mopt__dim_part(dims, entry, i);
        for (int64_t k = 0; k < dims->parts[entry->first + i].factor; k++) {
            mopt__strbuf_add(out, i > 0 || k > 0 ? "*" : "");
            print_in_brackets(dims, atom, kind_of(dims, atom) == MOPT_DIMK_SUM, out, depth);
        }
    }
}

static void print_quotient(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                           const char *name, struct mopt_strbuf *out, int depth)
{
    int64_t numerator = mopt__dim_part(dims, entry, 0);
    int64_t denominator = mopt__dim_part(dims, entry, 1);
    enum mopt_dim_kind below = kind_of(dims, denominator);
    mopt__strbuf_add(out, name);
    mopt__strbuf_add_char(out, '(');
    print_in_brackets(dims, numerator, kind_of(dims, numerator) == MOPT_DIMK_SUM, out, depth);
    mopt__strbuf_add_char(out, '/');
    print_in_brackets(dims, denominator, below == MOPT_DIMK_SUM || below == MOPT_DIMK_PRODUCT, out,
                      depth);
    mopt__strbuf_add_char(out, ')');
}

static void print_call(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                       const char *name, struct mopt_strbuf *out, int depth)
{
    mopt__strbuf_add(out, name);
    for (uint32_t i = 0; i < entry->count; i++) {
        mopt__strbuf_add_char(out, i > 0 ? ',' : '(');
        print(dims, mopt__dim_part(dims, entry, i), out, depth);
    }
    mopt__strbuf_add_char(out, ')');
}

static void print_entry(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                        struct mopt_strbuf *out, int depth)
{
    switch (entry->kind) {
    case MOPT_DIMK_CONST:
        mopt__strbuf_printf(out, "%" PRId64, entry->constant);
        break;
    case MOPT_DIMK_NAMED:
        mopt__strbuf_add(out, entry->name);
        break;
    case MOPT_DIMK_FRESH:
        mopt__strbuf_printf(out, "?%" PRId64, entry->constant);
        break;
    case MOPT_DIMK_SUM:
        print_sum(dims, entry, out, depth);
        break;
    case MOPT_DIMK_PRODUCT:
        print_product(dims, entry, out, depth);
        break;
    case MOPT_DIMK_FLOORDIV:
        print_quotient(dims, entry, "floor", out, depth);
        break;
    case MOPT_DIMK_CEILDIV:
        print_quotient(dims, entry, "ceil", out, depth);
        break;
    case MOPT_DIMK_MOD:
        print_call(dims, entry, "mod", out, depth);
        break;
    case MOPT_DIMK_MIN:
        print_call(dims, entry, "min", out, depth);
        break;
    case MOPT_DIMK_MAX:
        print_call(dims, entry, "max", out, depth);
        break;
    case MOPT_DIMK_BROADCAST:
        print_call(dims, entry, "broadcast", out, depth);
        break;
    }
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static void print(const struct mopt_dims *dims, int64_t dim, struct mopt_strbuf *out, int depth)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    if (dim >= 0) {
        mopt__strbuf_printf(out, "%" PRId64, dim);
    } else if (!entry || depth > READ_DEPTH_MAX) {
        mopt__strbuf_add_char(out, '?');
    } else {
        print_entry(dims, entry, out, depth + 1);
    }
}

void mopt__dim_print(const struct mopt_dims *dims, int64_t dim, struct mopt_strbuf *out)
{
    print(dims, mopt__dim_resolve(dims, dim), out, 0);
}

// ---- Values -------------------------------------------------------------------------------------

struct reader {
    const struct mopt_dims *dims;
    bool (*lookup)(void *context, const char *name, int64_t *value);
    void *context;
    int depth, steps;
    int64_t open[ALIAS_DEPTH_MAX]; // symbols whose aliases are being tried
    int open_count;
};

static bool value_of_entry(struct reader *reader, const struct mopt_dim_entry *entry,
                           int64_t *value);

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of(struct reader *reader, int64_t dim, int64_t *value)
{
    dim = mopt__dim_resolve(reader->dims, dim);
    if (dim >= 0) {
        *value = dim;
        return true;
    }
    const struct mopt_dim_entry *entry = mopt__dim_entry(reader->dims, dim);
    if (!entry || reader->depth >= READ_DEPTH_MAX || reader->steps >= STEPS_MAX) {
        return false;
    }
    reader->depth++;
    reader->steps++;
    bool ok = value_of_entry(reader, entry, value);
    reader->depth--;
    return ok;
}

// A symbol without a value of its own has the value of any expression that was declared equal to
// it. NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of_aliases(struct reader *reader, const struct mopt_dim_entry *entry,
                             int64_t *value)
{
    int64_t number = -(int64_t)(entry - reader->dims->entries) - 1;
    for (int i = 0; i < reader->open_count; i++) {
        if (reader->open[i] == number) {
            return false;
        }
    }
    if (reader->open_count == ALIAS_DEPTH_MAX) {
        return false;
    }
    reader->open[reader->open_count++] = number;
    bool ok = false;
    int64_t alias = entry->alias;
    while (!ok && alias != MOPT_DIM_UNKNOWN) {
        const struct mopt_dim_entry *other = &reader->dims->entries[-(alias + 1)];
        ok = value_of_entry(reader, other, value);
        alias = other->next_alias;
    }
    reader->open_count--;
    return ok;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of_sum(struct reader *reader, const struct mopt_dim_entry *entry, int64_t *value)
{
    int64_t sum = entry->constant;
    for (uint32_t i = 0; i < entry->count; i++) {
        const struct mopt_dim_part *part = &reader->dims->parts[entry->first + i];
        int64_t term;
        if (!value_of(reader, part->dim, &term) || !mopt__i64_mul(term, part->factor, &term) ||
            !mopt__i64_add(sum, term, &sum)) {
            return false;
        }
    }
    *value = sum;
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of_product(struct reader *reader, const struct mopt_dim_entry *entry,
                             int64_t *value)
{
    int64_t product = 1;
    for (uint32_t i = 0; i < entry->count; i++) {
        const struct mopt_dim_part *part = &reader->dims->parts[entry->first + i];
        int64_t base;
        if (!value_of(reader, part->dim, &base)) {
            return false;
        }
        for (int64_t k = 0; k < part->factor; k++) {
            if (!mopt__i64_mul(product, base, &product)) {
                return false;
            }
        }
    }
    *value = product;
    return true;
}

static bool divide_values(enum mopt_dim_kind kind, int64_t a, int64_t b, int64_t *value)
{
    if (b == 0 || (a == INT64_MIN && b == -1)) {
        return false;
    }
    int64_t quotient = a / b;
    int64_t rest = a % b;
    bool below = rest != 0 && (rest < 0) != (b < 0); // the exact quotient is negative, not whole
    bool above = rest != 0 && !below;
    if (kind == MOPT_DIMK_FLOORDIV) {
        *value = quotient - below;
    } else if (kind == MOPT_DIMK_CEILDIV) {
        *value = quotient + above;
    } else {
        *value = below ? rest + b : rest;
    }
    return true;
}

// Minimum, maximum, or the one value of a broadcast; false if it is illegal.
static bool combine_values(enum mopt_dim_kind kind, int64_t a, int64_t b, int64_t *value)
{
    if (kind == MOPT_DIMK_MIN) {
        *value = a < b ? a : b;
    } else if (kind == MOPT_DIMK_MAX) {
        *value = a > b ? a : b;
    } else {
        *value = a == 1 ? b : a;
        return a == b || a == 1 || b == 1;
    }
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of_parts(struct reader *reader, const struct mopt_dim_entry *entry,
                           int64_t *value)
{
    bool division = entry->kind == MOPT_DIMK_FLOORDIV || entry->kind == MOPT_DIMK_CEILDIV ||
                    entry->kind == MOPT_DIMK_MOD;
    int64_t result;
    if (!value_of(reader, reader->dims->parts[entry->first].dim, &result)) {
        return false;
    }
    for (uint32_t i = 1; i < entry->count; i++) {
        int64_t part;
        if (!value_of(reader, reader->dims->parts[entry->first + i].dim, &part) ||
            !(division ? divide_values(entry->kind, result, part, &result)
                       : combine_values(entry->kind, result, part, &result))) {
            return false;
        }
    }
    *value = result;
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited
static bool value_of_entry(struct reader *reader, const struct mopt_dim_entry *entry,
                           int64_t *value)
{
    switch (entry->kind) {
    case MOPT_DIMK_CONST:
        *value = entry->constant;
        return true;
    case MOPT_DIMK_NAMED:
        return reader->lookup(reader->context, entry->name, value) ||
               value_of_aliases(reader, entry, value);
    case MOPT_DIMK_FRESH:
        return value_of_aliases(reader, entry, value);
    case MOPT_DIMK_SUM:
        return value_of_sum(reader, entry, value);
    case MOPT_DIMK_PRODUCT:
        return value_of_product(reader, entry, value);
    default:
        return value_of_parts(reader, entry, value);
    }
}

bool mopt__dim_evaluate(const struct mopt_dims *dims, int64_t dim,
                        bool (*lookup)(void *context, const char *name, int64_t *value),
                        void *context, int64_t *value)
{
    struct reader reader = {.dims = dims, .lookup = lookup, .context = context};
    return value_of(&reader, dim, value);
}
