// SPDX-License-Identifier: Apache-2.0
// ir types to TypeProto.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/wire.h"

// Name of a symbolic dimension in the file; NULL when it has none.
static const char *dim_text(struct mopt_export *ex, int64_t dim, struct mopt_error *err)
{
    const char *name = mopt__dim_name(ex->dims, dim);
    struct mopt_strbuf text = {0};

    if (name != NULL) {
        return name;
    }
    mopt__dim_print(ex->dims, dim, &text);
    if (!text.failed && strchr(mopt__strbuf_text(&text), '?') == NULL) {
        name = mopt__arena_strdup(&ex->arena, mopt__strbuf_text(&text));
        if (name == NULL) {
            (void)mopt_error_memory(err);
        }
    }
    mopt__strbuf_release(&text);
    return name;
}

static Mopt__Pb__TensorShapeProto__Dimension *export_dim(struct mopt_export *ex, int64_t dim,
                                                         struct mopt_error *err)
{
    Mopt__Pb__TensorShapeProto__Dimension *message =
        mopt__export_message(ex, &mopt__pb__tensor_shape_proto__dimension__descriptor, err);
    int64_t value = dim;

    if (message == NULL || dim == MOPT_DIM_UNKNOWN) {
        return message;
    }
    if (dim >= 0 || (ex->dims != NULL && mopt__dim_is_known(ex->dims, dim, &value))) {
        message->has_dim_value = value >= 0;
        message->dim_value = value;
    } else if (ex->dims != NULL) {
        message->dim_param = mopt__export_text(dim_text(ex, dim, err));
    }
    return message;
}

// Unknown dimensions that stood in the file as a negative value or an empty name are written so
// again.
static void restore_odd_dims(const struct mopt_type *type, Mopt__Pb__TensorShapeProto *message)
{
    struct mopt_blob note;
    uint64_t word[3] = {0}; // index, negative value?, value

    if (!mopt__export_note(type->unknown, MOPT_PRIVATE_ODD_DIMS, &note)) {
        return;
    }
    for (size_t at = 0; at < note.size;) {
        for (int i = 0; i < 3; i++) {
            size_t n = mopt__wire_get(note.data + at, note.size - at, &word[i]);

            if (n == 0) {
                return;
            }
            at += n;
        }
        if (word[0] >= message->n_dim || type->dims[word[0]] != MOPT_DIM_UNKNOWN) {
            continue;
        }
        message->dim[word[0]]->has_dim_value = word[1] != 0;
        message->dim[word[0]]->dim_value = (int64_t)word[2];
        message->dim[word[0]]->dim_param = word[1] == 0 ? mopt__export_text("") : NULL;
    }
}

static enum mopt_status export_shape(struct mopt_export *ex, const struct mopt_type *type,
                                     Mopt__Pb__TensorShapeProto **out, struct mopt_error *err)
{
    Mopt__Pb__TensorShapeProto *message = NULL;

    if (type->rank < 0) {
        return MOPT_OK;
    }
    message = mopt__export_message(ex, &mopt__pb__tensor_shape_proto__descriptor, err);
    if (message == NULL) {
        return MOPT_E_MEMORY;
    }
    *out = message;
    message->n_dim = (size_t)type->rank;
    message->dim = mopt__export_alloc(ex, message->n_dim, sizeof(void *), err);
    for (size_t i = 0; i < message->n_dim && message->dim != NULL; i++) {
        message->dim[i] = export_dim(ex, type->dims[i], err);
        if (message->dim[i] == NULL) {
            return MOPT_E_MEMORY;
        }
        if (type->dim_denotations != NULL) {
            message->dim[i]->denotation = mopt__export_text(type->dim_denotations[i]);
        }
    }
    if (message->dim == NULL) {
        return MOPT_E_MEMORY;
    }
    restore_odd_dims(type, message);
    return MOPT_OK;
}

static enum mopt_status export_tensor_type(struct mopt_export *ex, const struct mopt_type *type,
                                           Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    Mopt__Pb__TypeProto__Tensor *message =
        mopt__export_message(ex, &mopt__pb__type_proto__tensor__descriptor, err);

    if (message == NULL) {
        return MOPT_E_MEMORY;
    }
    out->tensor_type = message;
    message->has_elem_type = type->dtype != MOPT_UNDEFINED;
    message->elem_type = (int32_t)type->dtype;
    return export_shape(ex, type, &message->shape, err);
}

static enum mopt_status export_sparse_type(struct mopt_export *ex, const struct mopt_type *type,
                                           Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    Mopt__Pb__TypeProto__SparseTensor *message =
        mopt__export_message(ex, &mopt__pb__type_proto__sparse_tensor__descriptor, err);

    if (message == NULL) {
        return MOPT_E_MEMORY;
    }
    out->sparse_tensor_type = message;
    message->has_elem_type = type->dtype != MOPT_UNDEFINED;
    message->elem_type = (int32_t)type->dtype;
    return export_shape(ex, type, &message->shape, err);
}

static enum mopt_status export_element(struct mopt_export *ex, const struct mopt_type *type,
                                       Mopt__Pb__TypeProto **out, struct mopt_error *err)
{
    if (type->element == NULL) {
        return MOPT_OK;
    }
    *out = mopt__export_type(ex, type->element, err);
    return *out != NULL ? MOPT_OK : err->status;
}

static enum mopt_status export_sequence_type(struct mopt_export *ex, const struct mopt_type *type,
                                             Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    out->sequence_type = mopt__export_message(ex, &mopt__pb__type_proto__sequence__descriptor, err);
    return out->sequence_type == NULL
               ? MOPT_E_MEMORY
               : export_element(ex, type, &out->sequence_type->elem_type, err);
}

static enum mopt_status export_optional_type(struct mopt_export *ex, const struct mopt_type *type,
                                             Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    out->optional_type = mopt__export_message(ex, &mopt__pb__type_proto__optional__descriptor, err);
    return out->optional_type == NULL
               ? MOPT_E_MEMORY
               : export_element(ex, type, &out->optional_type->elem_type, err);
}

static enum mopt_status export_map_type(struct mopt_export *ex, const struct mopt_type *type,
                                        Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    out->map_type = mopt__export_message(ex, &mopt__pb__type_proto__map__descriptor, err);
    if (out->map_type == NULL) {
        return MOPT_E_MEMORY;
    }
    out->map_type->has_key_type = type->dtype != MOPT_UNDEFINED;
    out->map_type->key_type = (int32_t)type->dtype;
    return export_element(ex, type, &out->map_type->value_type, err);
}

static enum mopt_status export_kind(struct mopt_export *ex, const struct mopt_type *type,
                                    Mopt__Pb__TypeProto *out, struct mopt_error *err)
{
    switch (type->kind) {
    case MOPT_TYPE_TENSOR:
        return export_tensor_type(ex, type, out, err);
    case MOPT_TYPE_SPARSE_TENSOR:
        return export_sparse_type(ex, type, out, err);
    case MOPT_TYPE_SEQUENCE:
        return export_sequence_type(ex, type, out, err);
    case MOPT_TYPE_OPTIONAL:
        return export_optional_type(ex, type, out, err);
    case MOPT_TYPE_MAP:
        return export_map_type(ex, type, out, err);
    case MOPT_TYPE_NONE:
        break;
    }
    return MOPT_OK;
}

struct Mopt__Pb__TypeProto *mopt__export_type(struct mopt_export *ex, const struct mopt_type *type,
                                              struct mopt_error *err)
{
    Mopt__Pb__TypeProto *message = mopt__export_message(ex, &mopt__pb__type_proto__descriptor, err);

    if (message == NULL) {
        return NULL;
    }
    message->denotation = mopt__export_text(type->denotation);
    if (mopt__export_unknown(ex, type->unknown, &message->base, err) != MOPT_OK ||
        export_kind(ex, type, message, err) != MOPT_OK) {
        return NULL;
    }
    return message;
}
