// SPDX-License-Identifier: Apache-2.0
// Symbolic dimensions. A dimension is one int64_t: >= 0 is a known size; MOPT_DIM_UNKNOWN is
// nothing known; any other negative number names an expression in the model's table. Expressions
// are hash-consed in a canonical form (linear combination of atoms, constants folded, terms
// sorted), so equal numbers mean provably equal dims.
#ifndef MOPT_IR_DIM_H
#define MOPT_IR_DIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/strings.h"

#define MOPT_DIM_UNKNOWN INT64_MIN

struct mopt_dims; // table of expressions; opaque, lives as long as the model

struct mopt_dims *mopt__dims_new(void); // NULL: out of memory
void mopt__dims_free(struct mopt_dims *dims);
// same numbers mean the same; NULL: out of memory
struct mopt_dims *mopt__dims_clone(const struct mopt_dims *dims);

// Whether memory was ever out in one of the functions below: a caller for whom a dim that became
// unknown by that is an error asks at the end.
bool mopt__dims_starved(const struct mopt_dims *dims);

// Every function below returns MOPT_DIM_UNKNOWN when out of memory, on overflow, when the
// expression would be too large (64 terms, 256 symbols and operations), or when an operand is
// unknown. Symbols are >= 0; divisors are taken to be other than 0. Equal expressions give equal
// numbers; what no rule here sees to be equal stays different.
// any value, negative too (for shape arithmetic)
int64_t mopt__dim_const(struct mopt_dims *dims, int64_t value);
int64_t mopt__dim_named(struct mopt_dims *dims, const char *name); // a dim_param; "" gives unknown
int64_t mopt__dim_fresh(struct mopt_dims *dims);                   // a new unnamed symbol, >= 0
int64_t mopt__dim_add(struct mopt_dims *dims, int64_t a, int64_t b);
int64_t mopt__dim_sub(struct mopt_dims *dims, int64_t a, int64_t b);
int64_t mopt__dim_mul(struct mopt_dims *dims, int64_t a, int64_t b);
// exact cancel: (k*n)/k = n
int64_t mopt__dim_floordiv(struct mopt_dims *dims, int64_t a, int64_t b);
int64_t mopt__dim_ceildiv(struct mopt_dims *dims, int64_t a, int64_t b);
// a - b * floor(a/b): sign of the divisor
int64_t mopt__dim_mod(struct mopt_dims *dims, int64_t a, int64_t b);
int64_t mopt__dim_min(struct mopt_dims *dims, int64_t a, int64_t b);
int64_t mopt__dim_max(struct mopt_dims *dims, int64_t a, int64_t b);
// Result dimension of numpy broadcasting of a and b. 1 with d is d; a size other than 1 (or a dim
// that is provably > 1) decides, even against an unknown one; when it cannot be told, an expression
// "broadcast(a,b)" that is the same for the same operands. Two different sizes, none of them 1, are
// illegal: unknown.
int64_t mopt__dim_broadcast(struct mopt_dims *dims, int64_t a, int64_t b);
// Declares a and b equal (used when an operator requires it); returns the better-known one. Best
// known are constants, then names, then expressions of names, fresh symbols, other expressions.
// Equations are solved where one unknown is left (2*n = 8 gives n = 4) or a fresh symbol can be
// expressed. A contradiction (5 and 7; n and n+1) declares nothing. Numbers taken before stay valid
// and mean what was learnt: see mopt__dim_resolve.
int64_t mopt__dim_unify(struct mopt_dims *dims, int64_t a, int64_t b);

// The number that dim stands for after all unifications so far: the canonical one, with which type
// dims can be compared. Every function here resolves its operands itself. UNKNOWN for numbers that
// are not of this table.
int64_t mopt__dim_resolve(const struct mopt_dims *dims, int64_t dim);

// also negative constants
bool mopt__dim_is_known(const struct mopt_dims *dims, int64_t dim, int64_t *value);
// Name of a plain named symbol, else NULL.
const char *mopt__dim_name(const struct mopt_dims *dims, int64_t dim);
// Text: "5", "batch", "2*seq+1", "n*m-1", "floor((h+1)/2)", "ceil(n/m)", "mod(n,4)", "min(n,8)",
// "max(..)", "broadcast(a,b)", "?3" for fresh symbols, "?" for unknown. Names stand as they are,
// never quoted. Ceilings with a constant divisor are written as floors: ceil(n/2) is
// "floor((n+1)/2)".
void mopt__dim_print(const struct mopt_dims *dims, int64_t dim, struct mopt_strbuf *out);
// Value under a binding of named symbols; false if a symbol is unbound (and was not unified with an
// expression that has a value) or the arithmetic overflows / divides by 0.
bool mopt__dim_evaluate(const struct mopt_dims *dims, int64_t dim,
                        bool (*lookup)(void *context, const char *name, int64_t *value),
                        void *context, int64_t *value);
// Provable lower bound (named and fresh symbols are >= 0; 0 if nothing better; INT64_MIN possible
// for differences).
int64_t mopt__dim_lower_bound(const struct mopt_dims *dims, int64_t dim);

#endif
