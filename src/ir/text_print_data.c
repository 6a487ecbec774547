// SPDX-License-Identifier: Apache-2.0
// Prints what is smaller than a node: types, numbers, tensors, details.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text_private.h"

// ---- Types

static void print_dims(struct mopt_printer *printer, const struct mopt_type *type)
{
    if (type->rank < 0) {
        mopt__strbuf_add(printer->out, "[...]");
        return;
    }
    mopt__strbuf_add_char(printer->out, '[');
    for (int i = 0; i < type->rank; i++) {
        if (i > 0) {
            mopt__strbuf_add_char(printer->out, ',');
        }
        mopt__print_dim(printer->model->dims, type->dims[i], &printer->mirror, printer->out);
    }
    mopt__strbuf_add_char(printer->out, ']');
}

static void print_opening(struct mopt_printer *printer, const struct mopt_type *type)
{
    static const char *const words[] = {
        [MOPT_TYPE_SEQUENCE] = "seq(", [MOPT_TYPE_OPTIONAL] = "optional("};
    if (type->kind == MOPT_TYPE_MAP) {
        mopt__strbuf_printf(printer->out, "map(%s, ", mopt__dtype_name(type->dtype));
    } else {
        mopt__strbuf_add(printer->out, words[type->kind]);
    }
}

void mopt__print_type(struct mopt_printer *printer, const struct mopt_type *type)
{
    size_t open = 0;
    while (type != NULL && (type->kind == MOPT_TYPE_SEQUENCE || type->kind == MOPT_TYPE_OPTIONAL ||
                            type->kind == MOPT_TYPE_MAP)) {
        print_opening(printer, type);
        type = type->element;
        open++;
    }
    if (type == NULL || type->kind == MOPT_TYPE_NONE) {
        mopt__strbuf_add_char(printer->out, '?');
    } else {
        bool sparse = type->kind == MOPT_TYPE_SPARSE_TENSOR;
        mopt__strbuf_add(printer->out, sparse ? "sparse(" : "");
        mopt__strbuf_add(printer->out, mopt__dtype_name(type->dtype));
        print_dims(printer, type);
        mopt__strbuf_add(printer->out, sparse ? ")" : "");
    }
    for (; open > 0; open--) {
        mopt__strbuf_add_char(printer->out, ')');
    }
}

// ---- Numbers

// Bits of the quiet NaN that is written as "nan"; others show their bits.
static uint64_t plain_nan(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_FLOAT16:
        return 0x7e00;
    case MOPT_BFLOAT16:
        return 0x7fc0;
    case MOPT_FLOAT32:
        return 0x7fc00000;
    default:
        return UINT64_C(0x7ff8000000000000);
    }
}

static bool print_special(struct mopt_strbuf *out, enum mopt_dtype dtype, double value,
                          uint64_t bits)
{
    if (isnan(value) && bits == plain_nan(dtype)) {
        mopt__strbuf_add(out, "nan");
    } else if (isnan(value)) {
        mopt__strbuf_printf(out, "nan(%" PRIx64 ")", bits);
    } else if (isinf(value)) {
        mopt__strbuf_add(out, value < 0 ? "-inf" : "inf");
    } else {
        return false;
    }
    return true;
}

static bool same_after_rounding(enum mopt_dtype dtype, double read, double value)
{
    switch (dtype) {
    case MOPT_FLOAT16:
        return (double)mopt__half_to_float(mopt__double_to_half(read)) == value;
    case MOPT_BFLOAT16:
        return (double)mopt__bfloat_to_float(mopt__float_to_bfloat((float)read)) == value;
    case MOPT_FLOAT32:
        return (double)(float)read == value;
    default:
        return read == value;
    }
}

// As few digits as read back the same; the decimal point never depends on the locale.
static void print_shortest(struct mopt_strbuf *out, enum mopt_dtype dtype, double value)
{
    char text[40];
    int digits = dtype == MOPT_FLOAT64 ? 15 : dtype == MOPT_FLOAT32 ? 6 : 2;
    for (; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (same_after_rounding(dtype, strtod(text, NULL), value)) {
            break;
        }
    }
    char *comma = strchr(text, ',');
    if (comma != NULL) {
        *comma = '.';
    }
    mopt__strbuf_add(out, text);
}

static void print_float(struct mopt_strbuf *out, enum mopt_dtype dtype, double value, uint64_t bits,
                        bool point)
{
    if (print_special(out, dtype, value, bits)) {
        return;
    }
    size_t start = out->length;
    print_shortest(out, dtype, value);
    if (point && strpbrk(mopt__strbuf_text(out) + (out->failed ? 0 : start), ".e") == NULL) {
        mopt__strbuf_add(out, ".0");
    }
}

void mopt__print_f32(struct mopt_strbuf *out, float value, bool point)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    print_float(out, MOPT_FLOAT32, (double)value, bits, point);
}

static void print_half(struct mopt_strbuf *out, enum mopt_dtype dtype, const void *data, size_t i)
{
    uint16_t bits;
    memcpy(&bits, (const char *)data + i * sizeof bits, sizeof bits);
    float value = dtype == MOPT_FLOAT16 ? mopt__half_to_float(bits) : mopt__bfloat_to_float(bits);
    print_float(out, dtype, (double)value, bits, false);
}

static void print_element(struct mopt_strbuf *out, const struct mopt_tensor *tensor, size_t i)
{
    const char *data = tensor->data;
    switch (tensor->dtype) {
    case MOPT_FLOAT32: {
        float value;
        memcpy(&value, data + i * sizeof value, sizeof value);
        mopt__print_f32(out, value, false);
        return;
    }
    case MOPT_FLOAT64: {
        double value;
        uint64_t bits;
        memcpy(&value, data + i * sizeof value, sizeof value);
        memcpy(&bits, &value, sizeof bits);
        print_float(out, MOPT_FLOAT64, value, bits, false);
        return;
    }
    case MOPT_FLOAT16:
    case MOPT_BFLOAT16:
        print_half(out, tensor->dtype, data, i);
        return;
    case MOPT_STRING: {
        struct mopt_string text = ((const struct mopt_string *)tensor->data)[i];
        mopt__text_add_string(out, text.data, text.size);
        return;
    }
    case MOPT_UINT64:
        mopt__strbuf_printf(out, "%" PRIu64, (uint64_t)mopt__element_i64(MOPT_UINT64, data, i));
        return;
    default:
        mopt__strbuf_printf(out, "%" PRIi64, mopt__element_i64(tensor->dtype, data, i));
        return;
    }
}

// ---- Tensors

static bool has_decimal_form(const struct mopt_tensor *tensor)
{
    switch (tensor->dtype) {
    case MOPT_FLOAT32:
    case MOPT_FLOAT64:
    case MOPT_FLOAT16:
    case MOPT_BFLOAT16:
    case MOPT_STRING:
        return true;
    case MOPT_BOOL: // other bytes than 0 and 1 must survive
        for (size_t i = 0; i < tensor->count; i++) {
            if (((const uint8_t *)tensor->data)[i] > 1) {
                return false;
            }
        }
        return true;
    default:
        return mopt__dtype_is_integer(tensor->dtype);
    }
}

// Sub-byte types: the unused bits of the last byte must be zero to be written as numbers; they
// always are.
static void print_raw(struct mopt_strbuf *out, const struct mopt_tensor *tensor)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *data = tensor->data;
    mopt__strbuf_add(out, "raw\"");
    for (size_t i = 0; i < tensor->bytes; i++) {
        mopt__strbuf_add_char(out, digits[data[i] >> 4]);
        mopt__strbuf_add_char(out, digits[data[i] & 15]);
    }
    mopt__strbuf_add_char(out, '"');
}

void mopt__print_tensor_data(struct mopt_printer *printer, const struct mopt_tensor *tensor)
{
    struct mopt_strbuf *out = printer->out;
    if (printer->options.max_elements > 0 && tensor->count > printer->options.max_elements) {
        mopt__strbuf_add(out, "{...}");
        return;
    }
    if (!has_decimal_form(tensor)) {
        print_raw(out, tensor);
        return;
    }
    mopt__strbuf_add_char(out, '{');
    for (size_t i = 0; i < tensor->count && !out->failed; i++) {
        mopt__strbuf_add(out, i > 0 ? ", " : "");
        print_element(out, tensor, i);
    }
    mopt__strbuf_add_char(out, '}');
}

static void print_shape(struct mopt_strbuf *out, enum mopt_dtype dtype, int rank,
                        const int64_t *dims)
{
    mopt__strbuf_printf(out, "%s[", mopt__dtype_name(dtype));
    for (int i = 0; i < rank; i++) {
        mopt__strbuf_printf(out, "%s%lld", i > 0 ? "," : "", (long long)dims[i]);
    }
    mopt__strbuf_add_char(out, ']');
}

void mopt__print_tensor(struct mopt_printer *printer, const struct mopt_tensor *tensor)
{
    print_shape(printer->out, tensor->dtype, tensor->rank, tensor->dims);
    mopt__print_tensor_data(printer, tensor);
}

void mopt__print_sparse_type(struct mopt_printer *printer, const struct mopt_sparse *sparse)
{
    mopt__strbuf_add(printer->out, "sparse(");
    print_shape(printer->out, sparse->values->dtype, sparse->rank, sparse->dims);
    mopt__strbuf_add_char(printer->out, ')');
}

void mopt__print_sparse_data(struct mopt_printer *printer, const struct mopt_sparse *sparse)
{
    mopt__strbuf_add_char(printer->out, '{');
    mopt__print_tensor(printer, sparse->values);
    mopt__strbuf_add(printer->out, ", ");
    mopt__print_tensor(printer, sparse->indices);
    mopt__strbuf_add_char(printer->out, '}');
}

// ---- Details

void mopt__print_details(struct mopt_printer *printer, const char *doc,
                         const struct mopt_property *metadata, size_t count)
{
    struct mopt_strbuf *out = printer->out;
    if (!printer->options.details) {
        return;
    }
    if (doc != NULL) {
        mopt__strbuf_add(out, " @doc(");
        mopt__text_add_string(out, doc, strlen(doc));
        mopt__strbuf_add_char(out, ')');
    }
    for (size_t i = 0; i < count; i++) {
        const char *key = metadata[i].key != NULL ? metadata[i].key : "";
        const char *value = metadata[i].value != NULL ? metadata[i].value : "";
        mopt__strbuf_add(out, " @meta(");
        mopt__text_add_string(out, key, strlen(key));
        mopt__strbuf_add(out, ", ");
        mopt__text_add_string(out, value, strlen(value));
        mopt__strbuf_add_char(out, ')');
    }
}
