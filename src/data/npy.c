// SPDX-License-Identifier: Apache-2.0
// .npy files: opening as rows, loading whole, saving. The header is npy_header.c's business.
#include "data/npy.h"

#include <string.h>

#include "base/size.h"
#include "data/data.h"
#include "data/rows.h"

enum mopt_status mopt__npy_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                struct mopt_error *err)
{
    struct mopt_layout layout;
    size_t header = 0;
    *out = NULL;
    enum mopt_status status = mopt__npy_header_bytes(mapping->data, mapping->size, &header, err);
    if (status == MOPT_OK) {
        status = mopt__npy_header_parse(mapping->data, mapping->size, &layout, err);
    }
    if (status == MOPT_OK && mapping->size - header > layout.bytes) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT, "%zu bytes of elements, the npy header promises %zu",
                           mapping->size - header, layout.bytes);
    }
    if (status == MOPT_OK) {
        status = mopt__rows_mapped(&layout, mapping, header, out, err);
    }
    if (status != MOPT_OK) {
        mopt_error_wrap(err, "file '%s'", mapping->path);
    }
    return status;
}

enum mopt_status mopt__npy_load(const char *path, struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_rows *rows = NULL;
    *out = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__npy_rows(mapping, &rows, err);
    if (status == MOPT_OK) {
        status = mopt__rows_all(rows, out, err);
    }
    mopt__rows_free(rows);
    mopt__mapping_unref(mapping);
    return status;
}

// ---- Saving -------------------------------------------------------------------------------------

// Next character of the UTF-8 text; what is not UTF-8 is taken byte by byte.
static uint32_t next_code(const struct mopt_string *text, size_t *at)
{
    const unsigned char *c = (const unsigned char *)text->data + *at;
    size_t left = text->size - *at;
    size_t length = c[0] < 0xc0 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (length > left || !mopt__utf8_valid((const char *)c, length)) {
        (*at)++;
        return c[0];
    }
    *at += length;
    uint32_t code = length == 1 ? c[0] : c[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (c[i] & 0x3fU);
    }
    return code;
}

static void encode_texts(const struct mopt_tensor *tensor, size_t width, uint8_t *to)
{
    const struct mopt_string *items = tensor->data;
    for (size_t i = 0; i < tensor->count; i++, to += 4 * width) {
        size_t at = 0;
        for (size_t n = 0; n < width && at < items[i].size; n++) {
            uint32_t code = next_code(&items[i], &at);
            for (int byte = 0; byte < 4; byte++) {
                to[4 * n + (size_t)byte] = (uint8_t)(code >> (8 * byte));
            }
        }
    }
}

static void widen(const struct mopt_tensor *tensor, enum mopt_dtype element, void *to)
{
    for (size_t i = 0; i < tensor->count; i++) {
        mopt__element_set_f64(element, to, i, mopt__element_f64(tensor->dtype, tensor->data, i));
    }
}

enum mopt_status mopt__npy_encode(const struct mopt_tensor *tensor, enum mopt_dtype element,
                                  size_t width, const void **data, size_t *bytes, void **heap,
                                  struct mopt_error *err)
{
    *heap = NULL;
    *data = tensor->data;
    *bytes = tensor->bytes;
    if (element == tensor->dtype && element != MOPT_STRING) {
        return MOPT_OK;
    }
    size_t each = element == MOPT_STRING ? 4 * width : mopt__dtype_bits(element) / 8;
    if (!mopt__size_mul(tensor->count, each, bytes)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "tensor is too large to be saved");
    }
    *heap = mopt__calloc(*bytes, 1);
    if (!*heap) {
        return mopt_error_memory(err);
    }
    if (element == MOPT_STRING) {
        encode_texts(tensor, width, *heap);
    } else {
        widen(tensor, element, *heap);
    }
    *data = *heap;
    return MOPT_OK;
}

static enum mopt_status write_parts(const char *path, bool force, const struct mopt_strbuf *header,
                                    const void *data, size_t bytes, struct mopt_error *err)
{
    struct mopt_output *output = NULL;
    enum mopt_status status = mopt__output_open(path, force, &output, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__output_write(output, header->text, header->length, err);
    if (status == MOPT_OK) {
        status = mopt__output_write(output, data, bytes, err);
    }
    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    return mopt__output_commit(output, err);
}

enum mopt_status mopt__npy_save(const struct mopt_tensor *tensor, const char *path, bool force,
                                struct mopt_error *err)
{
    struct mopt_strbuf header = {0};
    enum mopt_dtype element = MOPT_UNDEFINED;
    size_t width = 0;
    size_t bytes = 0;
    const void *data = NULL;
    void *heap = NULL;
    enum mopt_status status = mopt__npy_header_make(tensor, &header, &element, &width, err);
    if (status == MOPT_OK) {
        status = mopt__npy_encode(tensor, element, width, &data, &bytes, &heap, err);
    }
    if (status == MOPT_OK) {
        status = write_parts(path, force, &header, data, bytes, err);
    }
    mopt__free(heap);
    mopt__strbuf_release(&header);
    return status;
}
