// SPDX-License-Identifier: Apache-2.0
// Types of values: tensor, sparse tensor, sequence, optional, map. Immutable, shared by pointer,
// live in an arena.
#ifndef MOPT_IR_TYPE_H
#define MOPT_IR_TYPE_H

#include "base/alloc.h"
#include "base/strings.h"
#include "ir/dim.h"
#include "mopt/dtype.h"

enum { MOPT_RANK_MAX = 16 }; // larger ranks in a file are MOPT_E_UNSUPPORTED

enum mopt_type_kind {
    MOPT_TYPE_NONE, // nothing known
    MOPT_TYPE_TENSOR,
    MOPT_TYPE_SPARSE_TENSOR,
    MOPT_TYPE_SEQUENCE,
    MOPT_TYPE_OPTIONAL,
    MOPT_TYPE_MAP,
};

struct mopt_blob { // raw bytes in an arena
    const uint8_t *data;
    size_t size;
};

struct mopt_type {
    enum mopt_type_kind kind;
    enum mopt_dtype dtype; // element type of tensors, key type of maps; MOPT_UNDEFINED if not known
    int rank;              // tensors: -1 = rank not known
    const int64_t *dims;   // [rank], see dim.h; NULL if rank <= 0
    const struct mopt_type *element; // sequence, optional: element; map: value; NULL if not known
    // File details kept for writing back; NULL when there is none.
    const char *denotation;
    const char *const *dim_denotations; // [rank], entries may be NULL
    const struct mopt_blob *unknown;    // unknown wire fields
};

// New tensor type in the arena; dims are copied. NULL: out of memory.
const struct mopt_type *mopt__type_tensor(struct mopt_arena *arena, enum mopt_dtype dtype, int rank,
                                          const int64_t *dims);
const struct mopt_type *mopt__type_container(struct mopt_arena *arena, enum mopt_type_kind kind,
                                             const struct mopt_type *element);
// Deep copy into another arena (dim numbers kept). NULL: out of memory; NULL in gives NULL.
const struct mopt_type *mopt__type_clone(struct mopt_arena *arena, const struct mopt_type *type);
// Equal in kind, dtype, rank and every dim number (MOPT_DIM_UNKNOWN equals only itself).
bool mopt__type_equal(const struct mopt_type *a, const struct mopt_type *b);
// All dims known numbers (tensors); others false.
bool mopt__type_static(const struct mopt_dims *dims, const struct mopt_type *type);
// "float[batch,3,224,224]", "float[]" (rank 0), "float[...]" (rank not known), "seq(int64[?])",
// "optional(...)", "map(string, ...)", "sparse(float[3])", "?" for NONE or NULL.
void mopt__type_print(const struct mopt_dims *dims, const struct mopt_type *type,
                      struct mopt_strbuf *out);
// Number of elements; false if any dim is not a known number >= 0, or on overflow.
bool mopt__type_count(const struct mopt_dims *dims, const struct mopt_type *type, size_t *count);

#endif
