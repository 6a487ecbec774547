// SPDX-License-Identifier: Apache-2.0
// Tensor values in typed fields: which field serves which element type, and how its packed numbers
// become tensor bytes. Source: the field comments of TensorProto in the ONNX specification (types
// of up to 32 bits but float and uint32 stand in int32_data; 2- and 4-bit types stand there as
// packed bytes; uint32 stands in uint64_data).
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"
#include "onnx/typed.h"
#include "onnx/wire.h"

enum mopt_typed_field mopt__typed_field(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_FLOAT32:
    case MOPT_COMPLEX64:
        return MOPT_TYPED_FLOAT;
    case MOPT_FLOAT64:
    case MOPT_COMPLEX128:
        return MOPT_TYPED_DOUBLE;
    case MOPT_INT64:
        return MOPT_TYPED_INT64;
    case MOPT_UINT32:
    case MOPT_UINT64:
        return MOPT_TYPED_UINT64;
    case MOPT_STRING:
        return MOPT_TYPED_STRING;
    default:
        return MOPT_TYPED_INT32;
    }
}

bool mopt__typed_width(enum mopt_dtype dtype, size_t bytes, size_t *width, size_t *entries)
{
    unsigned bits = mopt__dtype_bits(dtype);

    *width = bits < 8 ? 1 : bits / 8;
    *entries = *width > 0 ? bytes / *width : 0;
    return *width > 0;
}

// Chunks of one field: normally one, as written by a packing writer.
struct chunks {
    const char *name;
    const ProtobufCBinaryData *items;
    size_t count;
};

static struct chunks chunks_of(const Mopt__Pb__TensorProto *message, enum mopt_typed_field field)
{
    switch (field) {
    case MOPT_TYPED_FLOAT:
        return (struct chunks){"float_data", message->float_data, message->n_float_data};
    case MOPT_TYPED_DOUBLE:
        return (struct chunks){"double_data", message->double_data, message->n_double_data};
    case MOPT_TYPED_INT64:
        return (struct chunks){"int64_data", message->int64_data, message->n_int64_data};
    case MOPT_TYPED_UINT64:
        return (struct chunks){"uint64_data", message->uint64_data, message->n_uint64_data};
    case MOPT_TYPED_STRING:
        return (struct chunks){"string_data", message->string_data, message->n_string_data};
    default:
        return (struct chunks){"int32_data", message->int32_data, message->n_int32_data};
    }
}

static enum mopt_status wrong_count(const char *name, size_t found, size_t wanted,
                                    struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_FORMAT, "%s holds %zu values, the dimensions ask for %zu",
                          name, found, wanted);
}

// ---- Text

static enum mopt_status import_strings(const struct chunks *c, const struct mopt_tensor_head *head,
                                       struct mopt_tensor **out, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    if (c->count != head->count) {
        return wrong_count(c->name, c->count, head->count, err);
    }
    status = mopt__tensor_new(head->dtype, head->rank, head->dims, out, err);
    for (size_t i = 0; i < c->count && status == MOPT_OK; i++) {
        status =
            mopt__tensor_set_string(*out, i, (const char *)c->items[i].data, c->items[i].len, err);
    }
    return status;
}

// ---- Numbers of fixed width

static enum mopt_status import_fixed(struct mopt_import *in, const struct chunks *c,
                                     const struct mopt_tensor_head *head, struct mopt_tensor **out,
                                     struct mopt_error *err)
{
    size_t element = mopt__typed_field(head->dtype) == MOPT_TYPED_FLOAT ? 4 : 8;
    size_t offset = 0;
    size_t size = 0;
    size_t total = 0;

    for (size_t i = 0; i < c->count; i++) {
        mopt__wire_get_reference(c->items[i].data, &offset, &size);
        total += size; // distinct pieces of one file: no overflow
    }
    if (total != head->bytes) {
        return wrong_count(c->name, total / element, head->bytes / element, err);
    }
    if (c->count == 1) {
        return mopt__import_bytes(head, in->mapping, offset, out, err);
    }
    enum mopt_status status = mopt__tensor_new(head->dtype, head->rank, head->dims, out, err);
    if (status != MOPT_OK || total == 0) {
        return status;
    }
    uint8_t *to = mopt__tensor_data(*out);
    for (size_t i = 0; i < c->count; i++) {
        mopt__wire_get_reference(c->items[i].data, &offset, &size);
        memcpy(to, in->mapping->data + offset, size);
        to += size;
    }
    return MOPT_OK;
}

// ---- Numbers of variable width

struct range {
    int64_t min, max;
};

// Values that int32_data may hold for a type (bit patterns of small floats count as unsigned).
static struct range range_of(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_INT32:
        return (struct range){INT32_MIN, INT32_MAX};
    case MOPT_INT16:
        return (struct range){INT16_MIN, INT16_MAX};
    case MOPT_INT8:
        return (struct range){INT8_MIN, INT8_MAX};
    case MOPT_BOOL:
        return (struct range){0, 1};
    case MOPT_UINT16:
    case MOPT_FLOAT16:
    case MOPT_BFLOAT16:
        return (struct range){0, UINT16_MAX};
    default:
        return (struct range){0, UINT8_MAX};
    }
}

static bool in_range(enum mopt_dtype dtype, uint64_t *value)
{
    struct range range;

    if (dtype == MOPT_INT64 || dtype == MOPT_UINT64) {
        return true;
    }
    if (dtype == MOPT_UINT32) {
        return *value <= UINT32_MAX;
    }
    if (*value > INT32_MAX &&
        *value <= UINT32_MAX) { // negative numbers cut to 32 bits by the writer
        *value |= UINT64_C(0xffffffff00000000);
    }
    range = range_of(dtype);
    return (int64_t)*value >= range.min && (int64_t)*value <= range.max;
}

// Where decoded numbers go.
struct sink {
    enum mopt_dtype dtype;
    size_t width;
    uint8_t *at;
    size_t done, wanted;
};

static void put(struct sink *sink, uint64_t value)
{
    for (size_t i = 0; i < sink->width; i++) {
        sink->at[i] = (uint8_t)(value >> (8 * i));
    }
    sink->at += sink->width;
    sink->done++;
}

static enum mopt_status decode_chunk(const char *name, const uint8_t *data, size_t size,
                                     struct sink *sink, struct mopt_error *err)
{
    for (size_t at = 0; at < size;) {
        uint64_t value = 0;
        size_t n = mopt__wire_get(data + at, size - at, &value);

        if (n == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "number %zu of %s is cut or too long",
                                  sink->done, name);
        }
        if (sink->done == sink->wanted) {
            return mopt_error_set(err, MOPT_E_FORMAT,
                                  "%s holds more values than the %zu that the dimensions ask for",
                                  name, sink->wanted);
        }
        if (!in_range(sink->dtype, &value)) {
            return mopt_error_set(err, MOPT_E_FORMAT,
                                  "number %zu of %s is out of the range of type %s", sink->done,
                                  name, mopt__dtype_name(sink->dtype));
        }
        put(sink, value);
        at += n;
    }
    return MOPT_OK;
}

static enum mopt_status import_varints(struct mopt_import *in, const struct chunks *c,
                                       const struct mopt_tensor_head *head,
                                       struct mopt_tensor **out, struct mopt_error *err)
{
    struct sink sink = {.dtype = head->dtype};
    size_t total = 0;
    enum mopt_status status = MOPT_OK;

    (void)mopt__typed_width(head->dtype, head->bytes, &sink.width, &sink.wanted);
    for (size_t i = 0; i < c->count; i++) {
        size_t offset = 0;
        size_t size = 0;

        mopt__wire_get_reference(c->items[i].data, &offset, &size);
        total += size;
    }
    if (sink.wanted > total) { // every number takes a byte: told before memory is asked for
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "%s holds fewer values than the %zu that the dimensions ask for",
                              c->name, sink.wanted);
    }
    status = mopt__tensor_new(head->dtype, head->rank, head->dims, out, err);
    if (status != MOPT_OK || (sink.wanted == 0 && total == 0)) {
        return status;
    }
    sink.at = mopt__tensor_data(*out);
    for (size_t i = 0; i < c->count && status == MOPT_OK; i++) {
        size_t offset = 0;
        size_t size = 0;

        mopt__wire_get_reference(c->items[i].data, &offset, &size);
        status = decode_chunk(c->name, in->mapping->data + offset, size, &sink, err);
    }
    if (status == MOPT_OK && sink.done != sink.wanted) {
        status = wrong_count(c->name, sink.done, sink.wanted, err);
    }
    return status;
}

// ---- Choice

static const char *filled_field(const Mopt__Pb__TensorProto *message)
{
    for (int field = 0; field < MOPT_TYPED_COUNT; field++) {
        struct chunks c = chunks_of(message, (enum mopt_typed_field)field);

        if (c.count > 0) {
            return c.name;
        }
    }
    return NULL;
}

enum mopt_status mopt__import_typed(struct mopt_import *in,
                                    const struct Mopt__Pb__TensorProto *message,
                                    const struct mopt_tensor_head *head, struct mopt_tensor **out,
                                    struct mopt_error *err)
{
    enum mopt_typed_field field = mopt__typed_field(head->dtype);
    struct chunks c = chunks_of(message, field);
    const char *filled = filled_field(message);
    enum mopt_status status = MOPT_OK;

    if (filled == NULL && head->count > 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the values are missing");
    }
    if (filled != NULL && c.count == 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "values of type %s stand in %s, not in %s",
                              mopt__dtype_name(head->dtype), filled, c.name);
    }
    if (field == MOPT_TYPED_STRING) {
        status = import_strings(&c, head, out, err);
    } else if (field == MOPT_TYPED_FLOAT || field == MOPT_TYPED_DOUBLE) {
        status = import_fixed(in, &c, head, out, err);
    } else {
        status = import_varints(in, &c, head, out, err);
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}
