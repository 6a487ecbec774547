// SPDX-License-Identifier: Apache-2.0
// Raw numbers: nothing but elements, little-endian, whose shape the user tells.
#include <string.h>

#include "base/size.h"
#include "data/files.h"

static enum mopt_status bad(const char *text, const char *what, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_USAGE, "shape '%s': %s (it looks like 1x3x224x224:float)",
                          text, what);
}

static enum mopt_dtype find_type(const char *name)
{
    static const struct {
        const char *name;
        enum mopt_dtype dtype;
    } also[] = {{"float32", MOPT_FLOAT32}, {"f32", MOPT_FLOAT32},  {"float64", MOPT_FLOAT64},
                {"f64", MOPT_FLOAT64},     {"half", MOPT_FLOAT16}, {"f16", MOPT_FLOAT16}};
    for (size_t i = 0; i < MOPT_COUNTOF(also); i++) {
        if (strcmp(name, also[i].name) == 0) {
            return also[i].dtype;
        }
    }
    return mopt__dtype_find(name);
}

static enum mopt_status parse_dims(const char *whole, char *text, struct mopt_layout *layout,
                                   struct mopt_error *err)
{
    while (text) {
        long long value = 0;
        char *cross = strchr(text, 'x');
        if (cross) {
            *cross = '\0';
        }
        if (!mopt__parse_i64(text, &value) || value < 1) {
            return bad(whole, "a size is no positive number", err);
        }
        if (layout->rank == MOPT_RANK_MAX - 1) {
            return bad(whole, "too many axes", err);
        }
        layout->dims[layout->rank++] = value;
        text = cross ? cross + 1 : NULL;
    }
    return MOPT_OK;
}

// A leading 1 is the batch axis: the sample is what stands behind it.
static void drop_batch(struct mopt_layout *layout)
{
    if (layout->dims[0] == 1) {
        layout->rank--;
        memmove(layout->dims, layout->dims + 1, (size_t)layout->rank * sizeof layout->dims[0]);
    }
}

static enum mopt_status parse_one(const char *whole, char *text, struct mopt_raw_shape *shape,
                                  struct mopt_error *err)
{
    char *equals = strchr(text, '=');
    if (equals) {
        *equals = '\0';
        shape->name = text;
        text = equals + 1;
    }
    struct mopt_layout *layout = &shape->layout;
    char *colon = strchr(text, ':');
    layout->dtype = MOPT_FLOAT32;
    if (colon) {
        *colon = '\0';
        layout->dtype = find_type(colon + 1);
    }
    if (mopt__dtype_bits(layout->dtype) < 8) {
        return bad(whole, "the element type is unknown or not of whole bytes", err);
    }
    layout->element_bytes = mopt__dtype_bits(layout->dtype) / 8;
    enum mopt_status status = parse_dims(whole, text, layout, err);
    if (status == MOPT_OK) {
        drop_batch(layout);
        status = mopt__layout_measure(layout, err);
    }
    return status;
}

enum mopt_status mopt__raw_parse(const char *text, struct mopt_arena *arena,
                                 struct mopt_raw_shape **out, size_t *count, struct mopt_error *err)
{
    char *rest = mopt__arena_strdup(arena, text);
    size_t parts = 1;
    for (const char *c = text; *c; c++) {
        parts += *c == ',';
    }
    *count = 0;
    *out = mopt__arena_alloc(arena, parts, sizeof **out);
    if (!rest || !*out) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    while (rest && status == MOPT_OK) {
        char *comma = strchr(rest, ',');
        if (comma) {
            *comma = '\0';
        }
        status = parse_one(text, rest, &(*out)[(*count)++], err);
        rest = comma ? comma + 1 : NULL;
    }
    return status;
}

enum mopt_status mopt__raw_rows(struct mopt_mapping *mapping, const struct mopt_layout *layout,
                                struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_layout all = *layout;
    *out = NULL;
    if (mapping->size == 0 || mapping->size % layout->bytes != 0) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "'%s' has %zu bytes, must be a multiple of %zu (one sample)",
                              mapping->path, mapping->size, layout->bytes);
    }
    memmove(all.dims + 1, all.dims, (size_t)all.rank * sizeof all.dims[0]);
    all.dims[0] = (int64_t)(mapping->size / layout->bytes);
    all.rank++;
    enum mopt_status status = mopt__layout_measure(&all, err);
    return status == MOPT_OK ? mopt__rows_mapped(&all, mapping, 0, out, err) : status;
}

// ---- One file -----------------------------------------------------------------------------------

static enum mopt_status fill(struct mopt_source *source, const char *path,
                             const struct mopt_raw_shape *shape, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_rows *rows = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__raw_rows(mapping, &shape->layout, &rows, err);
    mopt__mapping_unref(mapping);
    return status == MOPT_OK ? mopt__arrays_add(source, shape->name, rows, err) : status;
}

enum mopt_status mopt__source_raw(const struct mopt_open *open, struct mopt_source **out,
                                  struct mopt_error *err)
{
    struct mopt_arena arena;
    struct mopt_raw_shape *shapes = NULL;
    struct mopt_source *source = NULL;
    size_t count = 0;
    *out = NULL;
    mopt__arena_init(&arena);
    enum mopt_status status = mopt__raw_parse(open->options->shape, &arena, &shapes, &count, err);
    if (status == MOPT_OK && count != 1) {
        status =
            mopt_error_set(err, MOPT_E_USAGE,
                           "%zu shapes for one file (put one file per input into a folder)", count);
    }
    if (status == MOPT_OK) {
        status = mopt__arrays_new("raw", &source, err);
    }
    if (status == MOPT_OK) {
        status = fill(source, open->options->path, &shapes[0], err);
    }
    mopt__arena_release(&arena);
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
