// SPDX-License-Identifier: Apache-2.0
// Values at run time: tensors, sequences, optionals and maps, reference counted. Knows no executor.
#include <assert.h>

#include "base/alloc.h"
#include "ir/tensor.h"

static struct mopt_datum *datum_new(enum mopt_datum_kind kind, enum mopt_dtype dtype)
{
    struct mopt_datum *datum = mopt__calloc(1, sizeof *datum);
    if (datum) {
        datum->references = 1;
        datum->kind = kind;
        datum->dtype = dtype;
    }
    return datum;
}

enum mopt_status mopt__datum_tensor(struct mopt_tensor *tensor, struct mopt_datum **out,
                                    struct mopt_error *err)
{
    *out = datum_new(MOPT_DATUM_TENSOR, tensor->dtype);
    if (!*out) {
        return mopt_error_memory(err);
    }
    (*out)->tensor = mopt__tensor_ref(tensor);
    return MOPT_OK;
}

enum mopt_status mopt__datum_list(enum mopt_datum_kind kind, enum mopt_dtype dtype,
                                  struct mopt_datum *const *items, size_t count,
                                  struct mopt_datum **out, struct mopt_error *err)
{
    assert(kind != MOPT_DATUM_TENSOR && (kind != MOPT_DATUM_OPTIONAL || count <= 1));
    *out = NULL;
    struct mopt_datum *datum = datum_new(kind, dtype);
    struct mopt_datum **copy = datum ? mopt__calloc(count, sizeof(struct mopt_datum *)) : NULL;
    if (!copy) {
        mopt__free(datum);
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = mopt__datum_ref(items[i]);
    }
    datum->items = copy;
    datum->count = count;
    *out = datum;
    return MOPT_OK;
}

struct mopt_datum *mopt__datum_ref(struct mopt_datum *datum)
{
    if (datum) {
        __atomic_add_fetch(&datum->references, 1, __ATOMIC_RELAXED);
    }
    return datum;
}

// Nesting is that of the type, whose depth import limits (MOPT_DEPTH_MAX): recursion is bounded.
// NOLINTNEXTLINE(misc-no-recursion)
void mopt__datum_unref(struct mopt_datum *datum)
{
    if (!datum || __atomic_sub_fetch(&datum->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    mopt__tensor_unref(datum->tensor);
    for (size_t i = 0; i < datum->count; i++) {
        mopt__datum_unref(datum->items[i]);
    }
    mopt__free(datum->items);
    mopt__free(datum);
}
