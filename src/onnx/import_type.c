// SPDX-License-Identifier: Apache-2.0
// TypeProto to ir types. Dimensions that a file may not have (negative) count as not known.
#include "onnx.pb-c.h"
#include "onnx/import.h"
#include "onnx/wire.h"

static enum mopt_status import_dim(struct mopt_import *in,
                                   const Mopt__Pb__TensorShapeProto__Dimension *message,
                                   int64_t *dim, struct mopt_error *err)
{
    *dim = MOPT_DIM_UNKNOWN;
    if (message->has_dim_value && message->dim_param != NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "a dimension has both a value and a name");
    }
    if (message->has_dim_value && message->dim_value >= 0) {
        *dim = message->dim_value;
    } else if (message->dim_param != NULL && in->model != NULL) {
        *dim = mopt__dim_named(in->model->dims, message->dim_param);
        if (mopt__dims_starved(in->model->dims)) {
            return mopt_error_memory(err);
        }
    }
    return MOPT_OK;
}

// Negative values and empty names say nothing, but stand in files: noted so that they are written
// back.
static enum mopt_status note_odd_dims(struct mopt_import *in,
                                      const Mopt__Pb__TensorShapeProto *shape,
                                      struct mopt_type *type, struct mopt_error *err)
{
    uint8_t note[MOPT_RANK_MAX * 3 * MOPT_VARINT_MAX];
    ProtobufCBinaryData bytes = {.data = note};

    for (size_t i = 0; i < shape->n_dim; i++) {
        const Mopt__Pb__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool negative = dim->has_dim_value && dim->dim_value < 0;

        if (negative || (dim->dim_param != NULL && dim->dim_param[0] == '\0')) {
            bytes.len += mopt__wire_put(note + bytes.len, i);
            bytes.len += mopt__wire_put(note + bytes.len, negative ? 1 : 0);
            bytes.len += mopt__wire_put(note + bytes.len, (uint64_t)dim->dim_value);
        }
    }
    return mopt__import_carry(in, MOPT_PRIVATE_ODD_DIMS, &bytes, bytes.len > 0 ? 1 : 0,
                              &type->unknown, err);
}

static bool has_denotations(const Mopt__Pb__TensorShapeProto *shape)
{
    for (size_t i = 0; i < shape->n_dim; i++) {
        if (shape->dim[i]->denotation != NULL) {
            return true;
        }
    }
    return false;
}

static enum mopt_status import_denotations(struct mopt_import *in,
                                           const Mopt__Pb__TensorShapeProto *shape,
                                           struct mopt_type *type, struct mopt_error *err)
{
    const char **names = NULL;
    enum mopt_status status = MOPT_OK;

    if (!has_denotations(shape)) {
        return MOPT_OK;
    }
    status = mopt__import_alloc(in, shape->n_dim, sizeof(char *), (void **)&names, err);
    for (size_t i = 0; i < shape->n_dim && status == MOPT_OK; i++) {
        status = mopt__import_text(in, shape->dim[i]->denotation, &names[i], err);
    }
    type->dim_denotations = names;
    return status;
}

static enum mopt_status import_shape(struct mopt_import *in,
                                     const Mopt__Pb__TensorShapeProto *shape,
                                     struct mopt_type *type, struct mopt_error *err)
{
    int64_t *dims = NULL;
    enum mopt_status status = MOPT_OK;

    type->rank = -1;
    if (shape == NULL) {
        return MOPT_OK;
    }
    if (shape->n_dim > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "a type has %zu dimensions, at most %d work",
                              shape->n_dim, MOPT_RANK_MAX);
    }
    type->rank = (int)shape->n_dim;
    if (shape->n_dim == 0) {
        return MOPT_OK;
    }
    status = mopt__import_alloc(in, shape->n_dim, sizeof *dims, (void **)&dims, err);
    for (size_t i = 0; i < shape->n_dim && status == MOPT_OK; i++) {
        status = import_dim(in, shape->dim[i], &dims[i], err);
    }
    type->dims = dims;
    if (status == MOPT_OK) {
        status = note_odd_dims(in, shape, type, err);
    }
    return status != MOPT_OK ? status : import_denotations(in, shape, type, err);
}

static enum mopt_status import_dtype(bool has, int32_t number, struct mopt_type *type,
                                     struct mopt_error *err)
{
    type->dtype = MOPT_UNDEFINED;
    if (!has || number == 0) {
        return MOPT_OK;
    }
    if (!mopt__dtype_valid(number)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "element type %d is not known", number);
    }
    type->dtype = (enum mopt_dtype)number;
    return MOPT_OK;
}

static enum mopt_status import_tensor_type(struct mopt_import *in,
                                           const Mopt__Pb__TypeProto__Tensor *message,
                                           struct mopt_type *type, struct mopt_error *err)
{
    enum mopt_status status = import_dtype(message->has_elem_type, message->elem_type, type, err);

    type->kind = MOPT_TYPE_TENSOR;
    return status != MOPT_OK ? status : import_shape(in, message->shape, type, err);
}

static enum mopt_status import_sparse_type(struct mopt_import *in,
                                           const Mopt__Pb__TypeProto__SparseTensor *message,
                                           struct mopt_type *type, struct mopt_error *err)
{
    enum mopt_status status = import_dtype(message->has_elem_type, message->elem_type, type, err);

    type->kind = MOPT_TYPE_SPARSE_TENSOR;
    return status != MOPT_OK ? status : import_shape(in, message->shape, type, err);
}

static enum mopt_status import_map_type(struct mopt_import *in,
                                        const Mopt__Pb__TypeProto__Map *message,
                                        struct mopt_type *type, struct mopt_error *err)
{
    enum mopt_status status = import_dtype(message->has_key_type, message->key_type, type, err);

    type->kind = MOPT_TYPE_MAP;
    return status != MOPT_OK ? status
                             : mopt__import_type(in, message->value_type, &type->element, err);
}

static int count_kinds(const Mopt__Pb__TypeProto *message)
{
    return (message->tensor_type != NULL) + (message->sequence_type != NULL) +
           (message->map_type != NULL) + (message->optional_type != NULL) +
           (message->sparse_tensor_type != NULL) + (message->has_opaque_type != 0);
}

// Nesting is bounded by the pre-scan.
static enum mopt_status import_kind(struct mopt_import *in, const Mopt__Pb__TypeProto *message,
                                    struct mopt_type *type, struct mopt_error *err)
{
    if (message->tensor_type != NULL) {
        return import_tensor_type(in, message->tensor_type, type, err);
    }
    if (message->sparse_tensor_type != NULL) {
        return import_sparse_type(in, message->sparse_tensor_type, type, err);
    }
    if (message->map_type != NULL) {
        return import_map_type(in, message->map_type, type, err);
    }
    if (message->sequence_type != NULL) {
        type->kind = MOPT_TYPE_SEQUENCE;
        return mopt__import_type(in, message->sequence_type->elem_type, &type->element, err);
    }
    if (message->optional_type != NULL) {
        type->kind = MOPT_TYPE_OPTIONAL;
        return mopt__import_type(in, message->optional_type->elem_type, &type->element, err);
    }
    type->kind = MOPT_TYPE_NONE;
    type->rank = -1;
    return mopt__import_carry(in, 7, &message->opaque_type, message->has_opaque_type ? 1 : 0,
                              &type->unknown, err);
}

enum mopt_status mopt__import_type(struct mopt_import *in,
                                   const struct Mopt__Pb__TypeProto *message,
                                   const struct mopt_type **out, struct mopt_error *err)
{
    struct mopt_type *type = NULL;
    enum mopt_status status = MOPT_OK;

    *out = NULL;
    if (message == NULL) {
        return MOPT_OK;
    }
    if (count_kinds(message) > 1) {
        return mopt_error_set(err, MOPT_E_FORMAT, "a type is of two kinds at once");
    }
    status = mopt__import_alloc(in, 1, sizeof *type, (void **)&type, err);
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &type->unknown, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->denotation, &type->denotation, err);
    }
    if (status == MOPT_OK) {
        status = import_kind(in, message, type, err);
    }
    *out = type;
    return status;
}
