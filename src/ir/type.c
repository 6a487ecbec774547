// SPDX-License-Identifier: Apache-2.0
// Types of values: making, copying, comparing and printing them. Knows no operator and no file
// format.
#include "ir/type.h"

#include <string.h>

#include "base/size.h"
#include "ir/dtype.h"

static bool is_tensor(const struct mopt_type *type)
{
    return type->kind == MOPT_TYPE_TENSOR || type->kind == MOPT_TYPE_SPARSE_TENSOR;
}

// Copies `count` elements of `size` bytes into the arena; NULL in or nothing to copy gives NULL.
static bool copy_array(struct mopt_arena *arena, const void *from, size_t count, size_t size,
                       void **out)
{
    *out = NULL;
    if (!from || count == 0) {
        return true;
    }
    *out = mopt__arena_alloc(arena, count, size);
    if (*out) {
        memcpy(*out, from, count * size);
    }
    return *out != NULL;
}

const struct mopt_type *mopt__type_tensor(struct mopt_arena *arena, enum mopt_dtype dtype, int rank,
                                          const int64_t *dims)
{
    struct mopt_type *type = mopt__arena_alloc(arena, 1, sizeof *type);
    size_t count = rank > 0 ? (size_t)rank : 0;
    int64_t *copy = mopt__arena_alloc(arena, count + 1, sizeof *copy);
    if (!type || !copy) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = dims ? dims[i] : MOPT_DIM_UNKNOWN;
    }
    type->kind = MOPT_TYPE_TENSOR;
    type->dtype = dtype;
    type->rank = rank < 0 ? -1 : rank;
    type->dims = copy;
    return type;
}

const struct mopt_type *mopt__type_container(struct mopt_arena *arena, enum mopt_type_kind kind,
                                             const struct mopt_type *element)
{
    struct mopt_type *type = mopt__arena_alloc(arena, 1, sizeof *type);
    if (type) {
        type->kind = kind;
        type->rank = -1;
        type->element = element;
    }
    return type;
}

static bool clone_denotations(struct mopt_arena *arena, const struct mopt_type *type,
                              struct mopt_type *copy)
{
    if (!type->dim_denotations || type->rank <= 0) {
        copy->dim_denotations = NULL;
        return true;
    }
    size_t count = (size_t)type->rank;
    const char **texts = mopt__arena_alloc(arena, count, sizeof *texts);
    for (size_t i = 0; texts && i < count; i++) {
        const char *text = type->dim_denotations[i];
        texts[i] = text ? mopt__arena_strdup(arena, text) : NULL;
        if (text && !texts[i]) {
            return false;
        }
    }
    copy->dim_denotations = texts;
    return texts != NULL;
}

static bool clone_details(struct mopt_arena *arena, const struct mopt_type *type,
                          struct mopt_type *copy)
{
    if (type->denotation) {
        copy->denotation = mopt__arena_strdup(arena, type->denotation);
        if (!copy->denotation) {
            return false;
        }
    }
    if (type->unknown) {
        struct mopt_blob *blob = mopt__arena_alloc(arena, 1, sizeof *blob);
        void *bytes;
        if (!blob || !copy_array(arena, type->unknown->data, type->unknown->size, 1, &bytes)) {
            return false;
        }
        blob->data = bytes;
        blob->size = type->unknown->size;
        copy->unknown = blob;
    }
    return clone_denotations(arena, type, copy);
}

// One level; the element is filled in by the caller.
static struct mopt_type *clone_level(struct mopt_arena *arena, const struct mopt_type *type)
{
    struct mopt_type *copy = mopt__arena_alloc(arena, 1, sizeof *copy);
    void *dims;
    size_t rank = type->rank > 0 ? (size_t)type->rank : 0;
    if (!copy || !copy_array(arena, type->dims, rank, sizeof *type->dims, &dims)) {
        return NULL;
    }
    *copy = *type;
    copy->dims = dims;
    copy->element = NULL;
    return clone_details(arena, type, copy) ? copy : NULL;
}

const struct mopt_type *mopt__type_clone(struct mopt_arena *arena, const struct mopt_type *type)
{
    const struct mopt_type *first = NULL;
    struct mopt_type *last = NULL;
    for (; type; type = type->element) {
        struct mopt_type *copy = clone_level(arena, type);
        if (!copy) {
            return NULL;
        }
        if (last) {
            last->element = copy;
        } else {
            first = copy;
        }
        last = copy;
    }
    return first;
}

static bool same_level(const struct mopt_type *a, const struct mopt_type *b)
{
    if (a->kind != b->kind || a->dtype != b->dtype) {
        return false;
    }
    if (!is_tensor(a)) {
        return true;
    }
    if (a->rank != b->rank) {
        return false;
    }
    return a->rank <= 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

bool mopt__type_equal(const struct mopt_type *a, const struct mopt_type *b)
{
    for (; a && b; a = a->element, b = b->element) {
        if (a == b) {
            return true;
        }
        if (!same_level(a, b)) {
            return false;
        }
    }
    return a == b;
}

bool mopt__type_static(const struct mopt_dims *dims, const struct mopt_type *type)
{
    if (!type || !is_tensor(type) || type->rank < 0) {
        return false;
    }
    for (int i = 0; i < type->rank; i++) {
        int64_t value;
        if (!mopt__dim_is_known(dims, type->dims[i], &value)) {
            return false;
        }
    }
    return true;
}

bool mopt__type_count(const struct mopt_dims *dims, const struct mopt_type *type, size_t *count)
{
    if (!type || !is_tensor(type) || type->rank < 0) {
        return false;
    }
    size_t product = 1;
    bool empty = false;
    bool fits = true;
    for (int i = 0; i < type->rank; i++) {
        int64_t value;
        if (!mopt__dim_is_known(dims, type->dims[i], &value) || value < 0) {
            return false;
        }
        empty = empty || value == 0;
        fits = fits && mopt__size_mul(product, (size_t)value, &product);
    }
    *count = empty ? 0 : product;
    return empty || fits;
}

static void print_tensor(const struct mopt_dims *dims, const struct mopt_type *type,
                         struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, mopt__dtype_name(type->dtype));
    if (type->rank < 0) {
        mopt__strbuf_add(out, "[...]");
        return;
    }
    mopt__strbuf_add_char(out, '[');
    for (int i = 0; i < type->rank; i++) {
        if (i > 0) {
            mopt__strbuf_add_char(out, ',');
        }
        mopt__dim_print(dims, type->dims[i], out);
    }
    mopt__strbuf_add_char(out, ']');
}

// Text before the element of a container, or the whole text of anything else.
static void print_head(const struct mopt_dims *dims, const struct mopt_type *type,
                       struct mopt_strbuf *out)
{
    switch (type->kind) {
    case MOPT_TYPE_TENSOR:
        print_tensor(dims, type, out);
        break;
    case MOPT_TYPE_SPARSE_TENSOR:
        mopt__strbuf_add(out, "sparse(");
        print_tensor(dims, type, out);
        mopt__strbuf_add_char(out, ')');
        break;
    case MOPT_TYPE_SEQUENCE:
        mopt__strbuf_add(out, "seq(");
        break;
    case MOPT_TYPE_OPTIONAL:
        mopt__strbuf_add(out, "optional(");
        break;
    case MOPT_TYPE_MAP:
        mopt__strbuf_printf(out, "map(%s, ", mopt__dtype_name(type->dtype));
        break;
    case MOPT_TYPE_NONE:
        mopt__strbuf_add_char(out, '?');
        break;
    }
}

void mopt__type_print(const struct mopt_dims *dims, const struct mopt_type *type,
                      struct mopt_strbuf *out)
{
    size_t open = 0;
    while (type && !is_tensor(type) && type->kind != MOPT_TYPE_NONE) {
        print_head(dims, type, out);
        type = type->element;
        open++;
    }
    if (type) {
        print_head(dims, type, out);
    } else {
        mopt__strbuf_add_char(out, '?');
    }
    for (; open > 0; open--) {
        mopt__strbuf_add_char(out, ')');
    }
}
