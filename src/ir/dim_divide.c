// SPDX-License-Identifier: Apache-2.0
// Division of dimension expressions: floor, ceiling and modulo. Whatever divides exactly leaves the
// operation, so that one value has one form; what stays becomes an atom. Divisors are taken to be
// other than 0.
#include "base/size.h"
#include "ir/dim_private.h"

static bool is_zero(const struct mopt_poly *poly)
{
    return poly->count == 0 && poly->constant == 0;
}

// First factor, or the constant if there is none: its sign is the sign of the polynomial.
static bool is_negative(const struct mopt_poly *poly)
{
    return poly->count > 0 ? poly->terms[0].factor < 0 : poly->constant < 0;
}

// ---- By a number --------------------------------------------------------------------------------

// rest = quotient * by + rest, with |factors of rest| < by and 0 <= constant of rest < by.
static bool split_number(const struct mopt_dims *dims, struct mopt_poly *rest, int64_t by,
                         struct mopt_poly *quotient)
{
    struct mopt_poly left = {.constant = 0, .count = 0};
    quotient->count = 0;
    quotient->constant = mopt__floor_div(rest->constant, by);
    left.constant = rest->constant - quotient->constant * by;
    for (size_t i = 0; i < rest->count; i++) {
        const struct mopt_dim_part *term = &rest->terms[i];
        if (!mopt__poly_add_term(dims, quotient, term->dim, term->factor / by) ||
            !mopt__poly_add_term(dims, &left, term->dim, term->factor % by)) {
            return false;
        }
    }
    *rest = left;
    return true;
}

// For rest = floor(u / p) + c gives u + c * p over p * by, which has the same floor; false if rest
// is not such.
static bool merge_nested(const struct mopt_dims *dims, const struct mopt_poly *rest, int64_t by,
                         struct mopt_poly *numerator, int64_t *divisor)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, rest->terms[0].dim);
    if (rest->count != 1 || rest->terms[0].factor != 1 || !entry ||
        entry->kind != MOPT_DIMK_FLOORDIV) {
        return false;
    }
    int64_t inner = mopt__dim_part(dims, entry, 1);
    int64_t product;
    numerator->constant = 0;
    numerator->count = 0;
    if (inner <= 0 || !mopt__i64_mul(inner, by, divisor) ||
        !mopt__i64_mul(rest->constant, inner, &product) ||
        !mopt__poly_add_dim(dims, numerator, mopt__dim_part(dims, entry, 0), 1) ||
        !mopt__poly_add_constant(numerator, product, 1)) {
        return false;
    }
    return true;
}

// The atom floor(rest / by), or the number it is known to be.
static int64_t floor_atom(struct mopt_dims *dims, const struct mopt_poly *rest, int64_t by)
{
    struct mopt_dim_range range = mopt__poly_range(dims, rest);
    if (range.low != INT64_MIN && range.high != INT64_MAX &&
        mopt__floor_div(range.low, by) == mopt__floor_div(range.high, by)) {
        return mopt__dim_const(dims, mopt__floor_div(range.low, by));
    }
    int64_t numerator = mopt__poly_intern(dims, rest);
    int64_t value;
    if (mopt__dim_is_known(dims, numerator, &value)) {
        return mopt__dim_const(dims, mopt__floor_div(value, by));
    }
    if (numerator == MOPT_DIM_UNKNOWN) {
        return MOPT_DIM_UNKNOWN;
    }
    struct mopt_dim_part parts[2] = {{numerator, 1}, {by, 1}};
    return mopt__dim_intern(dims, MOPT_DIMK_FLOORDIV, NULL, 0, parts, 2);
}

// Brings rest to positive sign, using floor(-r / by) = -floor((r + by - 1) / by); returns the sign
// of the result.
static int64_t normalise_sign(struct mopt_poly *rest, int64_t by)
{
    if (!is_negative(rest)) {
        return 1;
    }
    for (size_t i = 0; i < rest->count; i++) {
        rest->terms[i].factor = -rest->terms[i].factor;
    }
    rest->constant = by - 1 - rest->constant;
    return -1;
}

static int64_t floor_by_number(struct mopt_dims *dims, struct mopt_poly *a, int64_t by)
{
    struct mopt_poly total = {.constant = 0, .count = 0};
    int64_t sign = 1;
    // Each round after the first unwraps one nested division.
    for (;;) {
        struct mopt_poly quotient;
        if (!split_number(dims, a, by, &quotient) ||
            !mopt__poly_add(dims, &total, &quotient, sign)) {
            return MOPT_DIM_UNKNOWN;
        }
        if (a->count == 0) {
            return mopt__poly_intern(dims, &total);
        }
        int64_t common = mopt__poly_gcd(a, by);
        for (size_t i = 0; i < a->count; i++) {
            a->terms[i].factor /= common;
        }
        a->constant /= common; // 0 <= constant, so this is the floor
        by /= common;
        sign *= normalise_sign(a, by);
        struct mopt_poly outer;
        int64_t divisor;
        if (!merge_nested(dims, a, by, &outer, &divisor)) {
            break;
        }
        *a = outer;
        by = divisor;
    }
    if (!mopt__poly_add_dim(dims, &total, floor_atom(dims, a, by), sign)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__poly_intern(dims, &total);
}

// ---- By an expression ---------------------------------------------------------------------------

// For b of one term: moves the multiples of b out of a into the quotient.
static bool split_term(struct mopt_dims *dims, struct mopt_poly *a, const struct mopt_poly *b,
                       struct mopt_poly *quotient)
{
    struct mopt_poly left = {.constant = a->constant, .count = 0};
    quotient->constant = 0;
    quotient->count = 0;
    if (b->count != 1 || b->constant != 0) {
        return true;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct mopt_dim_part *term = &a->terms[i];
        int64_t factor = term->factor / b->terms[0].factor;
        int64_t atom;
        if (factor != 0 && mopt__atom_divide(dims, term->dim, b->terms[0].dim, &atom)) {
            int64_t rest = term->factor % b->terms[0].factor;
            if (!mopt__poly_add_dim(dims, quotient, atom, factor) ||
                !mopt__poly_add_term(dims, &left, term->dim, rest)) {
                return false;
            }
        } else if (!mopt__poly_add_term(dims, &left, term->dim, term->factor)) {
            return false;
        }
    }
    *a = left;
    return true;
}

// The atom for a / b rounded up or down; both as polynomials without common factor, b positive.
static int64_t quotient_atom(struct mopt_dims *dims, struct mopt_poly *a, struct mopt_poly *b,
                             bool ceiling)
{
    struct mopt_dim_range range_a = mopt__poly_range(dims, a);
    struct mopt_dim_range range_b = mopt__poly_range(dims, b);
    if (!ceiling && range_a.low >= 0 && range_a.high < range_b.low) {
        return 0;
    }
    if (ceiling && range_a.low > 0 && range_a.high <= range_b.low) {
        return 1;
    }
    int64_t numerator = mopt__poly_intern(dims, a);
    int64_t denominator = mopt__poly_intern(dims, b);
    if (numerator == MOPT_DIM_UNKNOWN || denominator == MOPT_DIM_UNKNOWN || denominator == 0) {
        return MOPT_DIM_UNKNOWN;
    }
    struct mopt_dim_part parts[2] = {{numerator, 1}, {denominator, 1}};
    return mopt__dim_intern(dims, ceiling ? MOPT_DIMK_CEILDIV : MOPT_DIMK_FLOORDIV, NULL, 0, parts,
                            2);
}

static int64_t divide_by_expression(struct mopt_dims *dims, struct mopt_poly *a,
                                    struct mopt_poly *b, bool ceiling)
{
    struct mopt_poly total;
    if (mopt__poly_divide(dims, a, b, &total)) {
        return mopt__poly_intern(dims, &total);
    }
    if (!split_term(dims, a, b, &total)) {
        return MOPT_DIM_UNKNOWN;
    }
    mopt__poly_cancel(dims, a, b);
    int64_t sign = 1;
    if (is_negative(a)) {
        sign = -1;
        ceiling = !ceiling;
        if (!mopt__poly_scale(a, -1)) {
            return MOPT_DIM_UNKNOWN;
        }
    }
    if (!mopt__poly_add_dim(dims, &total, quotient_atom(dims, a, b, ceiling), sign)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__poly_intern(dims, &total);
}

static int64_t divide(struct mopt_dims *dims, int64_t a, int64_t b, bool ceiling)
{
    struct mopt_poly x = {.constant = 0, .count = 0};
    struct mopt_poly y = {.constant = 0, .count = 0};
    if (!mopt__poly_add_dim(dims, &x, a, 1) || !mopt__poly_add_dim(dims, &y, b, 1) || is_zero(&y)) {
        return MOPT_DIM_UNKNOWN;
    }
    if (is_zero(&x)) {
        return 0;
    }
    mopt__poly_cancel(dims, &x, &y);
    if (is_negative(&y) && (!mopt__poly_scale(&x, -1) || !mopt__poly_scale(&y, -1))) {
        return MOPT_DIM_UNKNOWN;
    }
    if (y.count > 0) {
        return divide_by_expression(dims, &x, &y, ceiling);
    }
    if (ceiling && !mopt__poly_add_constant(&x, y.constant - 1, 1)) {
        return MOPT_DIM_UNKNOWN;
    }
    return floor_by_number(dims, &x, y.constant);
}

int64_t mopt__dim_floordiv(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return divide(dims, a, b, false);
}

int64_t mopt__dim_ceildiv(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return divide(dims, a, b, true);
}

// ---- Modulo -------------------------------------------------------------------------------------

// Non-negative rest of a number.
static int64_t rest_of(int64_t value, int64_t by)
{
    int64_t rest = value % by;
    return rest < 0 ? rest + by : rest;
}

// Factors and constant of a reduced to 0..by-1; mod(u, k * by) becomes u first.
static bool reduce(const struct mopt_dims *dims, const struct mopt_poly *a, int64_t by,
                   struct mopt_poly *out)
{
    struct mopt_poly flat = {.constant = a->constant, .count = 0};
    bool ok = true;
    for (size_t i = 0; ok && i < a->count; i++) {
        const struct mopt_dim_entry *entry = mopt__dim_entry(dims, a->terms[i].dim);
        bool nested = entry && entry->kind == MOPT_DIMK_MOD;
        int64_t inner = nested ? mopt__dim_part(dims, entry, 1) : 0;
        int64_t dim =
            inner > 0 && inner % by == 0 ? mopt__dim_part(dims, entry, 0) : a->terms[i].dim;
        ok = mopt__poly_add_dim(dims, &flat, dim, a->terms[i].factor);
    }
    out->count = 0;
    out->constant = rest_of(flat.constant, by);
    for (size_t i = 0; ok && i < flat.count; i++) {
        ok = mopt__poly_add_term(dims, out, flat.terms[i].dim, rest_of(flat.terms[i].factor, by));
    }
    return ok;
}

// mod(g * x + c, g * by) = g * mod(x + c / g, by) + c % g, with g the common factor of the terms
// and the divisor.
static int64_t mod_by_number(struct mopt_dims *dims, const struct mopt_poly *a, int64_t by)
{
    struct mopt_dim_range range = mopt__poly_range(dims, a);
    struct mopt_poly rest;
    struct mopt_poly total = {.constant = 0, .count = 0};
    if (range.low >= 0 && range.high < by) {
        return mopt__poly_intern(dims, a);
    }
    if (!reduce(dims, a, by, &rest)) {
        return MOPT_DIM_UNKNOWN;
    }
    range = mopt__poly_range(dims, &rest);
    if (range.low >= 0 && range.high < by) {
        return mopt__poly_intern(dims, &rest);
    }
    int64_t common = mopt__poly_gcd(&rest, by);
    total.constant = rest.constant % common;
    rest.constant /= common;
    for (size_t i = 0; i < rest.count; i++) {
        rest.terms[i].factor /= common;
    }
    struct mopt_dim_part parts[2] = {{mopt__poly_intern(dims, &rest), 1}, {by / common, 1}};
    int64_t value;
    if (mopt__dim_is_known(dims, parts[0].dim, &value)) {
        return mopt__dim_const(dims, total.constant + common * rest_of(value, by / common));
    }
    int64_t atom = parts[0].dim == MOPT_DIM_UNKNOWN
                       ? MOPT_DIM_UNKNOWN
                       : mopt__dim_intern(dims, MOPT_DIMK_MOD, NULL, 0, parts, 2);
    return mopt__poly_add_dim(dims, &total, atom, common) ? mopt__poly_intern(dims, &total)
                                                          : MOPT_DIM_UNKNOWN;
}

static int64_t mod_by_expression(struct mopt_dims *dims, struct mopt_poly *a,
                                 const struct mopt_poly *b)
{
    struct mopt_poly quotient;
    if (mopt__poly_divide(dims, a, b, &quotient)) {
        return 0;
    }
    if (!split_term(dims, a, b, &quotient)) {
        return MOPT_DIM_UNKNOWN;
    }
    struct mopt_dim_range range_a = mopt__poly_range(dims, a);
    int64_t numerator = mopt__poly_intern(dims, a);
    int64_t denominator = mopt__poly_intern(dims, b);
    if (numerator == MOPT_DIM_UNKNOWN || denominator == MOPT_DIM_UNKNOWN || denominator == 0) {
        return MOPT_DIM_UNKNOWN;
    }
    if (range_a.low >= 0 && range_a.high < mopt__poly_range(dims, b).low) {
        return numerator;
    }
    struct mopt_dim_part parts[2] = {{numerator, 1}, {denominator, 1}};
    return mopt__dim_intern(dims, MOPT_DIMK_MOD, NULL, 0, parts, 2);
}

int64_t mopt__dim_mod(struct mopt_dims *dims, int64_t a, int64_t b)
{
    struct mopt_poly x = {.constant = 0, .count = 0};
    struct mopt_poly y = {.constant = 0, .count = 0};
    if (!mopt__poly_add_dim(dims, &x, a, 1) || !mopt__poly_add_dim(dims, &y, b, 1) || is_zero(&y)) {
        return MOPT_DIM_UNKNOWN;
    }
    if (is_zero(&x)) {
        return 0;
    }
    if (!is_negative(&y)) {
        return y.count > 0 ? mod_by_expression(dims, &x, &y) : mod_by_number(dims, &x, y.constant);
    }
    // The rest has the sign of the divisor: mod(a, -b) = -mod(-a, b).
    if (!mopt__poly_scale(&x, -1) || !mopt__poly_scale(&y, -1)) {
        return MOPT_DIM_UNKNOWN;
    }
    int64_t rest =
        y.count > 0 ? mod_by_expression(dims, &x, &y) : mod_by_number(dims, &x, y.constant);
    return mopt__dim_sub(dims, 0, rest);
}
