// SPDX-License-Identifier: Apache-2.0
// Polynomials over atoms: the arithmetic that gives sums and products their one canonical form.
#include <string.h>

#include "base/size.h"
#include "ir/dim_private.h"

// ---- Linear combinations ------------------------------------------------------------------------

bool mopt__poly_add_constant(struct mopt_poly *poly, int64_t value, int64_t factor)
{
    int64_t product;
    return mopt__i64_mul(value, factor, &product) &&
           mopt__i64_add(poly->constant, product, &poly->constant) && poly->constant != INT64_MIN;
}

static void remove_term(struct mopt_poly *poly, size_t at)
{
    poly->count--;
    memmove(&poly->terms[at], &poly->terms[at + 1], (poly->count - at) * sizeof poly->terms[0]);
}

bool mopt__poly_add_term(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t atom,
                         int64_t factor)
{
    size_t at = 0;
    if (factor == 0) {
        return true;
    }
    while (at < poly->count && mopt__dim_compare(dims, poly->terms[at].dim, atom) < 0) {
        at++;
    }
    struct mopt_dim_part *term = &poly->terms[at];
    if (at < poly->count && term->dim == atom) {
        if (!mopt__i64_add(term->factor, factor, &term->factor)) {
            return false;
        }
        if (term->factor == 0) {
            remove_term(poly, at);
            return true;
        }
        return term->factor != INT64_MIN;
    }
    if (poly->count == MOPT_DIM_TERMS_MAX || factor == INT64_MIN) {
        return false;
    }
    memmove(term + 1, term, (poly->count - at) * sizeof *term);
    *term = (struct mopt_dim_part){.dim = atom, .factor = factor};
    poly->count++;
    return true;
}

bool mopt__poly_add(const struct mopt_dims *dims, struct mopt_poly *poly,
                    const struct mopt_poly *other, int64_t factor)
{
    bool ok = mopt__poly_add_constant(poly, other->constant, factor);
    for (size_t i = 0; ok && i < other->count; i++) {
        int64_t product;
        ok = mopt__i64_mul(other->terms[i].factor, factor, &product) &&
             mopt__poly_add_term(dims, poly, other->terms[i].dim, product);
    }
    return ok;
}

bool mopt__poly_add_dim(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t dim,
                        int64_t factor)
{
    dim = mopt__dim_resolve(dims, dim);
    if (dim >= 0) {
        return mopt__poly_add_constant(poly, dim, factor);
    }
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, dim);
    if (!entry) {
        return false;
    }
    if (entry->kind != MOPT_DIMK_SUM && entry->kind != MOPT_DIMK_CONST) {
        return mopt__poly_add_term(dims, poly, dim, factor);
    }
    bool ok = mopt__poly_add_constant(poly, entry->constant, factor);
    for (uint32_t i = 0; ok && i < entry->count; i++) {
        // A link made while memory was out can leave an old sum whose atom has become something
        // else.
        const struct mopt_dim_part *part = &dims->parts[entry->first + i];
        int64_t atom = mopt__dim_resolve(dims, part->dim);
        int64_t product;
        ok = mopt__i64_mul(part->factor, factor, &product);
        if (ok && atom >= 0) {
            ok = mopt__poly_add_constant(poly, atom, product);
        } else if (ok) {
            ok = atom != MOPT_DIM_UNKNOWN && mopt__poly_add_term(dims, poly, atom, product);
        }
    }
    return ok;
}

bool mopt__poly_difference(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t a,
                           int64_t b)
{
    poly->constant = 0;
    poly->count = 0;
    return mopt__poly_add_dim(dims, poly, a, 1) && mopt__poly_add_dim(dims, poly, b, -1);
}

bool mopt__poly_scale(struct mopt_poly *poly, int64_t factor)
{
    bool ok = mopt__i64_mul(poly->constant, factor, &poly->constant);
    for (size_t i = 0; ok && i < poly->count; i++) {
        ok = mopt__i64_mul(poly->terms[i].factor, factor, &poly->terms[i].factor);
    }
    return ok;
}

int64_t mopt__poly_intern(struct mopt_dims *dims, const struct mopt_poly *poly)
{
    if (poly->count == 0) {
        return mopt__dim_const(dims, poly->constant);
    }
    if (poly->count == 1 && poly->constant == 0 && poly->terms[0].factor == 1) {
        return mopt__dim_resolve(dims, poly->terms[0].dim);
    }
    return mopt__dim_intern(dims, MOPT_DIMK_SUM, NULL, poly->constant, poly->terms, poly->count);
}

// ---- Products of atoms --------------------------------------------------------------------------

// Product of powers of simple atoms, sorted by mopt__dim_compare. The number 1 counts as the atom
// without factors.
struct monomial {
    size_t count;
    struct mopt_dim_part powers[MOPT_DIM_TERMS_MAX];
};

static void monomial_of(const struct mopt_dims *dims, int64_t atom, struct monomial *out)
{
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, atom);
    out->count = 0;
    if (entry && entry->kind == MOPT_DIMK_PRODUCT) {
        out->count = entry->count;
        memcpy(out->powers, &dims->parts[entry->first], entry->count * sizeof out->powers[0]);
    } else if (entry) {
        out->powers[out->count++] = (struct mopt_dim_part){.dim = atom, .factor = 1};
    }
}

// Number of the product, 1 for the empty one; UNKNOWN if it is too large. Unification can have made
// it anything.
static int64_t monomial_intern(struct mopt_dims *dims, const struct monomial *product)
{
    if (product->count == 0) {
        return 1;
    }
    if (product->count == 1 && product->powers[0].factor == 1) {
        return product->powers[0].dim;
    }
    return mopt__dim_intern(dims, MOPT_DIMK_PRODUCT, NULL, 0, product->powers, product->count);
}

// Multiplies by atom ^ power; false if there are too many factors.
static bool monomial_multiply(const struct mopt_dims *dims, struct monomial *product, int64_t atom,
                              int64_t power)
{
    size_t at = 0;
    while (at < product->count && mopt__dim_compare(dims, product->powers[at].dim, atom) < 0) {
        at++;
    }
    struct mopt_dim_part *place = &product->powers[at];
    if (at < product->count && place->dim == atom) {
        place->factor += power; // far from overflow: sizes are limited
        return true;
    }
    if (product->count == MOPT_DIM_TERMS_MAX) {
        return false;
    }
    memmove(place + 1, place, (product->count - at) * sizeof *place);
    *place = (struct mopt_dim_part){.dim = atom, .factor = power};
    product->count++;
    return true;
}

static int64_t power_of(const struct monomial *product, int64_t atom)
{
    for (size_t i = 0; i < product->count; i++) {
        if (product->powers[i].dim == atom) {
            return product->powers[i].factor;
        }
    }
    return 0;
}

static int64_t atom_multiply(struct mopt_dims *dims, int64_t a, int64_t b)
{
    struct monomial product;
    struct monomial by;
    monomial_of(dims, a, &product);
    monomial_of(dims, b, &by);
    for (size_t i = 0; i < by.count; i++) {
        if (!monomial_multiply(dims, &product, by.powers[i].dim, by.powers[i].factor)) {
            return MOPT_DIM_UNKNOWN;
        }
    }
    return monomial_intern(dims, &product);
}

// a / b into out; false if b does not divide a.
static bool monomial_divide(const struct monomial *a, const struct monomial *b,
                            struct monomial *out)
{
    size_t found = 0;
    out->count = 0;
    for (size_t i = 0; i < a->count; i++) {
        int64_t power = power_of(b, a->powers[i].dim);
        if (power > a->powers[i].factor) {
            return false;
        }
        found += power > 0;
        if (power < a->powers[i].factor) {
            out->powers[out->count] = a->powers[i];
            out->powers[out->count++].factor -= power;
        }
    }
    return found == b->count;
}

// Quotient of an atom and a product, as an atom (or 1); false: no divisor, or the quotient is not
// an atom.
static bool divide_by(struct mopt_dims *dims, int64_t atom, const struct monomial *by, int64_t *out)
{
    struct monomial a;
    struct monomial quotient;
    monomial_of(dims, atom, &a);
    if (!monomial_divide(&a, by, &quotient)) {
        return false;
    }
    *out = monomial_intern(dims, &quotient);
    const struct mopt_dim_entry *entry = mopt__dim_entry(dims, *out);
    return *out == 1 || (entry && entry->kind != MOPT_DIMK_SUM && entry->kind != MOPT_DIMK_CONST);
}

bool mopt__atom_divide(struct mopt_dims *dims, int64_t atom, int64_t by, int64_t *out)
{
    struct monomial divisor;
    monomial_of(dims, by, &divisor);
    return divide_by(dims, atom, &divisor, out);
}

// ---- Products and quotients of polynomials ------------------------------------------------------

// out += factor * product of two atoms, each of which may be 1.
static bool add_product(struct mopt_dims *dims, struct mopt_poly *out, int64_t a, int64_t b,
                        int64_t factor)
{
    int64_t product = a == 1 ? b : b == 1 ? a : atom_multiply(dims, a, b);
    return product != MOPT_DIM_UNKNOWN && mopt__poly_add_dim(dims, out, product, factor);
}

// out += poly * factor * atom
static bool add_multiple(struct mopt_dims *dims, struct mopt_poly *out,
                         const struct mopt_poly *poly, int64_t atom, int64_t factor)
{
    int64_t scaled;
    bool ok = mopt__i64_mul(poly->constant, factor, &scaled) &&
              (scaled == 0 || add_product(dims, out, 1, atom, scaled));
    for (size_t i = 0; ok && i < poly->count; i++) {
        ok = mopt__i64_mul(poly->terms[i].factor, factor, &scaled) &&
             add_product(dims, out, poly->terms[i].dim, atom, scaled);
    }
    return ok;
}

bool mopt__poly_multiply(struct mopt_dims *dims, const struct mopt_poly *a,
                         const struct mopt_poly *b, struct mopt_poly *out)
{
    out->constant = 0;
    out->count = 0;
    bool ok = b->constant == 0 || add_multiple(dims, out, a, 1, b->constant);
    for (size_t i = 0; ok && i < b->count; i++) {
        ok = add_multiple(dims, out, a, b->terms[i].dim, b->terms[i].factor);
    }
    return ok;
}

// Order of division: higher degree first, then smaller atoms first. Compatible with multiplication.
static int compare_monomials(const struct mopt_dims *dims, const struct monomial *a,
                             const struct monomial *b)
{
    int64_t degree = 0;
    for (size_t i = 0; i < a->count; i++) {
        degree += a->powers[i].factor;
    }
    for (size_t i = 0; i < b->count; i++) {
        degree -= b->powers[i].factor;
    }
    if (degree != 0) {
        return degree > 0 ? 1 : -1;
    }
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct mopt_dim_part *x = &a->powers[i];
        const struct mopt_dim_part *y = &b->powers[i];
        if (x->dim != y->dim) {
            return -mopt__dim_compare(dims, x->dim, y->dim);
        }
        if (x->factor != y->factor) {
            return x->factor > y->factor ? 1 : -1;
        }
    }
    return 0;
}

// Leading term of a polynomial that is not 0; the atom 1 is the constant.
static struct mopt_dim_part leading(const struct mopt_dims *dims, const struct mopt_poly *poly)
{
    struct mopt_dim_part best = {.dim = 1, .factor = poly->constant};
    struct monomial top = {0};
    for (size_t i = 0; i < poly->count; i++) {
        struct monomial next;
        monomial_of(dims, poly->terms[i].dim, &next);
        if (i == 0 || compare_monomials(dims, &next, &top) > 0) {
            best = poly->terms[i];
            top = next;
        }
    }
    return best;
}

bool mopt__poly_divide(struct mopt_dims *dims, const struct mopt_poly *a, const struct mopt_poly *b,
                       struct mopt_poly *out)
{
    struct mopt_poly rest = *a;
    struct mopt_dim_part divisor = leading(dims, b);
    out->constant = 0;
    out->count = 0;
    // Each step adds one term to the quotient, whose number is limited.
    for (int step = 0; step <= MOPT_DIM_TERMS_MAX; step++) {
        if (rest.count == 0 && rest.constant == 0) {
            return true;
        }
        struct mopt_dim_part head = leading(dims, &rest);
        int64_t atom;
        if (divisor.factor == 0 || head.factor % divisor.factor != 0 ||
            !mopt__atom_divide(dims, head.dim, divisor.dim, &atom)) {
            return false;
        }
        int64_t factor = head.factor / divisor.factor;
        if (!add_product(dims, out, 1, atom, factor) ||
            !add_multiple(dims, &rest, b, atom, -factor)) {
            return false;
        }
    }
    return false;
}

// ---- Common factors -----------------------------------------------------------------------------

static int64_t gcd(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int64_t mopt__poly_gcd(const struct mopt_poly *poly, int64_t start)
{
    int64_t result = start;
    for (size_t i = 0; i < poly->count; i++) {
        result = gcd(result, poly->terms[i].factor);
    }
    return result;
}

static void divide_number(struct mopt_poly *poly, int64_t by)
{
    poly->constant /= by;
    for (size_t i = 0; i < poly->count; i++) {
        poly->terms[i].factor /= by;
    }
}

// Keeps in `common` what divides every term of poly too.
static void intersect(const struct mopt_dims *dims, const struct mopt_poly *poly,
                      struct monomial *common)
{
    for (size_t i = 0; i < poly->count; i++) {
        struct monomial term;
        monomial_of(dims, poly->terms[i].dim, &term);
        size_t kept = 0;
        for (size_t k = 0; k < common->count; k++) {
            int64_t power = power_of(&term, common->powers[k].dim);
            struct mopt_dim_part part = common->powers[k];
            part.factor = power < part.factor ? power : part.factor;
            if (part.factor > 0) {
                common->powers[kept++] = part;
            }
        }
        common->count = kept;
    }
}

static bool divide_atoms(struct mopt_dims *dims, struct mopt_poly *poly, const struct monomial *by)
{
    struct mopt_poly result = {.constant = 0, .count = 0};
    for (size_t i = 0; i < poly->count; i++) {
        int64_t atom;
        if (!divide_by(dims, poly->terms[i].dim, by, &atom) ||
            !add_product(dims, &result, 1, atom, poly->terms[i].factor)) {
            return false;
        }
    }
    *poly = result;
    return true;
}

void mopt__poly_cancel(struct mopt_dims *dims, struct mopt_poly *a, struct mopt_poly *b)
{
    int64_t number = mopt__poly_gcd(b, mopt__poly_gcd(a, gcd(a->constant, b->constant)));
    if (number > 1) {
        divide_number(a, number);
        divide_number(b, number);
    }
    if (a->constant != 0 || b->constant != 0 || a->count == 0 || b->count == 0) {
        return;
    }
    struct monomial common;
    monomial_of(dims, a->terms[0].dim, &common);
    intersect(dims, a, &common);
    intersect(dims, b, &common);
    struct mopt_poly small_a = *a;
    struct mopt_poly small_b = *b;
    if (common.count > 0 && divide_atoms(dims, &small_a, &common) &&
        divide_atoms(dims, &small_b, &common)) {
        *a = small_a;
        *b = small_b;
    }
}
