// SPDX-License-Identifier: Apache-2.0
// The table behind dim.h, shared by the dim*.c files only.
//
// An entry is a symbol or one operation on dim numbers; entry i has the number -(i+1). Entries are
// unique by content (hash-consing) and are never removed. Parts of an entry are older than the
// entry itself; where their order is free they are sorted by mopt__dim_compare, so that forms and
// texts never depend on the order in which a model mentions its symbols. An "atom" is whatever a
// linear combination treats as one unknown: any entry that is neither a constant nor a sum.
//
// Unification links an entry to another number; mopt__dim_resolve follows the links. After each
// link every entry that mentions the linked one is made anew from its resolved parts and linked to
// the result, so that numbers taken earlier stay valid and resolve to what they would be if they
// were taken now.
#ifndef MOPT_IR_DIM_PRIVATE_H
#define MOPT_IR_DIM_PRIVATE_H

#include "ir/dim.h"

enum {
    // Terms of a sum, operands of min, max and broadcast, factors of a product.
    MOPT_DIM_TERMS_MAX = 64,
    MOPT_DIM_SIZE_MAX = 256, // symbols and operations of an expression written out
    MOPT_DIM_ENTRIES_MAX = 1 << 24,
};

enum mopt_dim_kind {
    MOPT_DIMK_CONST, // negative constants only
    MOPT_DIMK_NAMED,
    MOPT_DIMK_FRESH,
    MOPT_DIMK_SUM,      // constant + sum of factor * atom; never a constant or one plain atom
    MOPT_DIMK_PRODUCT,  // product of atom ^ factor
    MOPT_DIMK_FLOORDIV, // parts: numerator, denominator
    MOPT_DIMK_CEILDIV,  // denominator not constant (those are written as floordiv)
    MOPT_DIMK_MOD,      // a - b * floor(a / b)
    MOPT_DIMK_MIN,      // two or more parts
    MOPT_DIMK_MAX,
    MOPT_DIMK_BROADCAST, // the one value that the parts have which are not 1; 1 if all are
};

struct mopt_dim_part {
    int64_t dim;
    int64_t factor; // of sums; exponent in products; else 1
};

// Values an expression can have; INT64_MIN and INT64_MAX stand for no bound.
struct mopt_dim_range {
    int64_t low, high;
};

struct mopt_dim_entry {
    enum mopt_dim_kind kind;
    bool closed;    // all symbols are named: has a value under a binding of names
    uint32_t size;  // symbols and operations written out
    uint32_t first; // parts[first .. first + count)
    uint32_t count;
    int64_t constant; // of CONST and SUM; serial number of FRESH
    const char *name; // of NAMED
    struct mopt_dim_range range;
    uint64_t hash;
    int64_t link;       // number this entry was found equal to; MOPT_DIM_UNKNOWN: none
    int64_t alias;      // first of the entries unified with this one; MOPT_DIM_UNKNOWN: none
    int64_t next_alias; // next in the list of the entry this one was unified with
};

struct mopt_dims {
    struct mopt_arena names;
    struct mopt_dim_entry *entries;
    size_t count, capacity;
    struct mopt_dim_part *parts;
    size_t part_count, part_capacity;
    uint32_t *slots;   // entry index + 1, 0 = free
    size_t slot_count; // power of two
    int64_t fresh;     // serial number of the last fresh symbol
    bool starved;      // an allocation failed once: something known was given as unknown
};

// Linear combination of atoms, terms sorted by mopt__dim_compare, factors never 0.
struct mopt_poly {
    int64_t constant;
    size_t count;
    struct mopt_dim_part terms[MOPT_DIM_TERMS_MAX];
};

// ---- dim_table.c --------------------------------------------------------------------------------
// Entry of a resolved number; NULL for numbers >= 0, unknown, or not of this table.
const struct mopt_dim_entry *mopt__dim_entry(const struct mopt_dims *dims, int64_t dim);
// Part i of an entry, resolved.
int64_t mopt__dim_part(const struct mopt_dims *dims, const struct mopt_dim_entry *entry, size_t i);
// Order of resolved numbers by what they are, not by when they were made: constants, names by their
// bytes, fresh symbols by serial number, operations by their parts. Negative, 0 (equal) or
// positive.
int mopt__dim_compare(const struct mopt_dims *dims, int64_t a, int64_t b);
// The entry with this content, made if new; resolved. parts may not point into the table. UNKNOWN:
// out of memory, or the expression is too large.
int64_t mopt__dim_intern(struct mopt_dims *dims, enum mopt_dim_kind kind, const char *name,
                         int64_t constant, const struct mopt_dim_part *parts, size_t count);

// ---- dim_range.c --------------------------------------------------------------------------------
struct mopt_dim_range mopt__dim_range(const struct mopt_dims *dims, int64_t dim);
struct mopt_dim_range mopt__poly_range(const struct mopt_dims *dims, const struct mopt_poly *poly);
// Range of an operation from those of its parts.
struct mopt_dim_range mopt__dim_range_of(const struct mopt_dims *dims, enum mopt_dim_kind kind,
                                         int64_t constant, const struct mopt_dim_part *parts,
                                         size_t count);
int64_t mopt__floor_div(int64_t a, int64_t b); // b > 0

// ---- dim_poly.c: each returns false on overflow, too many terms, an unknown dim or out of memory
bool mopt__poly_add_dim(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t dim,
                        int64_t factor);
bool mopt__poly_add(const struct mopt_dims *dims, struct mopt_poly *poly,
                    const struct mopt_poly *other, int64_t factor);
bool mopt__poly_add_term(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t atom,
                         int64_t factor);
bool mopt__poly_add_constant(struct mopt_poly *poly, int64_t value, int64_t factor);
bool mopt__poly_difference(const struct mopt_dims *dims, struct mopt_poly *poly, int64_t a,
                           int64_t b);
bool mopt__poly_scale(struct mopt_poly *poly, int64_t factor);
bool mopt__poly_multiply(struct mopt_dims *dims, const struct mopt_poly *a,
                         const struct mopt_poly *b, struct mopt_poly *out);
// out = a / b when b divides a without rest (as polynomials in the atoms).
bool mopt__poly_divide(struct mopt_dims *dims, const struct mopt_poly *a, const struct mopt_poly *b,
                       struct mopt_poly *out);
// Quotient of two atoms as products, an atom or 1; false: there is none. Either may be 1.
bool mopt__atom_divide(struct mopt_dims *dims, int64_t atom, int64_t by, int64_t *out);
// Divides both by their common number and common product of atoms, if there is one.
void mopt__poly_cancel(struct mopt_dims *dims, struct mopt_poly *a, struct mopt_poly *b);
int64_t mopt__poly_gcd(const struct mopt_poly *poly,
                       int64_t start); // of the factors, without constant
int64_t mopt__poly_intern(struct mopt_dims *dims, const struct mopt_poly *poly);

#endif
