// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml LabelEncoder: replaces keys by values. Opset 1 maps texts to their position in a list
// of classes and back; from 2 on keys and values are lists of any of three types, from 4 on tensors
// too.
#include <math.h>
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/lanes.h"
#include "ops/record.h"

struct list {
    enum mopt_dtype dtype; // MOPT_UNDEFINED: positions 0, 1, 2 ...
    const void *data;
    size_t count;
};

struct encoder {
    struct list keys, values, fallback; // fallback has one element
    int64_t default_int;
    float default_float;
    struct mopt_string default_string;
};

// The one of <prefix>_strings, _int64s, _floats, _tensor that the node carries.
static enum mopt_status read_list(const struct mopt_node *node, const char *prefix,
                                  struct list *list, struct mopt_error *err)
{
    size_t length = strlen(prefix);
    list->dtype = MOPT_UNDEFINED;
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const struct mopt_attribute *attribute = &node->attributes[i];
        if (strncmp(attribute->name, prefix, length) != 0 || attribute->name[length] != '_') {
            continue;
        }
        if (list->dtype != MOPT_UNDEFINED) {
            return mopt_error_set(err, MOPT_E_FORMAT, "two lists of %s", prefix);
        }
        if (attribute->kind == MOPT_ATTR_STRINGS) {
            *list = (struct list){MOPT_STRING, attribute->strings, attribute->count};
        } else if (attribute->kind == MOPT_ATTR_INTS) {
            *list = (struct list){MOPT_INT64, attribute->ints, attribute->count};
        } else if (attribute->kind == MOPT_ATTR_FLOATS) {
            *list = (struct list){MOPT_FLOAT32, attribute->floats, attribute->count};
        } else if (attribute->kind == MOPT_ATTR_TENSOR && attribute->t != NULL) {
            *list = (struct list){attribute->t->dtype, attribute->t->data, attribute->t->count};
        }
    }
    return list->dtype != MOPT_UNDEFINED
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_FORMAT, "no list of %s", prefix);
}

static enum mopt_status read_default(const struct mopt_node *node, struct encoder *encoder,
                                     struct mopt_error *err)
{
    const char *text;
    enum mopt_status status = mopt__attr_int(node, "default_int64", -1, &encoder->default_int, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "default_float", -0.0F, &encoder->default_float, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "default_string", "_Unused", &text, err);
    }
    struct mopt_tensor *tensor = NULL;
    if (status == MOPT_OK) {
        status = mopt__attr_tensor(node, "default_tensor", &tensor, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    encoder->default_string = (struct mopt_string){text, strlen(text)};
    enum mopt_dtype dtype =
        encoder->values.dtype == MOPT_UNDEFINED ? MOPT_INT64 : encoder->values.dtype;
    encoder->fallback = (struct list){dtype, NULL, 1};
    if (tensor != NULL) {
        encoder->fallback.data = tensor->dtype == dtype && tensor->count == 1 ? tensor->data : NULL;
    } else if (dtype == MOPT_INT64) {
        encoder->fallback.data = &encoder->default_int;
    } else if (dtype == MOPT_FLOAT32) {
        encoder->fallback.data = &encoder->default_float;
    } else if (dtype == MOPT_STRING) {
        encoder->fallback.data = &encoder->default_string;
    }
    return encoder->fallback.data != NULL
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_FORMAT, "no default of type '%s'",
                                mopt__dtype_name(dtype));
}

static enum mopt_status open_encoder(const struct mopt_node *node, enum mopt_dtype input,
                                     struct encoder *encoder, struct mopt_error *err)
{
    *encoder = (struct encoder){0};
    enum mopt_status status;
    if (node->op->since == 1) {
        struct list classes;
        status = read_list(node, "classes", &classes, err);
        struct list positions = {MOPT_UNDEFINED, NULL, classes.count};
        encoder->keys = input == MOPT_STRING ? classes : positions;
        encoder->values = input == MOPT_STRING ? positions : classes;
    } else {
        status = read_list(node, "keys", &encoder->keys, err);
        if (status == MOPT_OK) {
            status = read_list(node, "values", &encoder->values, err);
        }
    }
    if (status == MOPT_OK && encoder->keys.count != encoder->values.count) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%zu keys and %zu values", encoder->keys.count,
                                encoder->values.count);
    }
    return status == MOPT_OK ? read_default(node, encoder, err) : status;
}

static enum mopt_status encoder_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    struct encoder encoder;
    enum mopt_status status =
        open_encoder(infer->node, type != NULL ? type->dtype : MOPT_STRING, &encoder, err);
    return status == MOPT_OK
               ? mopt__infer_set(infer, 0, encoder.fallback.dtype, type != NULL ? type->rank : -1,
                                 type != NULL ? type->dims : NULL, err)
               : status;
}

static uint64_t element_hash(enum mopt_dtype dtype, const void *data, size_t i)
{
    if (dtype == MOPT_STRING) {
        const struct mopt_string *text = (const struct mopt_string *)data + i;
        return mopt__hash_bytes(text->data, text->size);
    }
    double value = mopt__dtype_is_float(dtype) ? mopt__element_f64(dtype, data, i)
                                               : (double)mopt__element_i64(dtype, data, i);
    value = isnan(value) ? (double)NAN : value + 0.0; // one kind of NaN, one kind of zero
    return mopt__hash_bytes(&value, sizeof value);
}

static bool same_element(enum mopt_dtype dtype, const void *a, size_t i, const void *b, size_t k)
{
    if (dtype == MOPT_STRING) {
        const struct mopt_string *x = (const struct mopt_string *)a + i;
        const struct mopt_string *y = (const struct mopt_string *)b + k;
        return x->size == y->size && (x->size == 0 || memcmp(x->data, y->data, x->size) == 0);
    }
    if (mopt__dtype_is_float(dtype)) {
        double x = mopt__element_f64(dtype, a, i);
        double y = mopt__element_f64(dtype, b, k);
        return x == y || (isnan(x) && isnan(y));
    }
    return mopt__element_i64(dtype, a, i) == mopt__element_i64(dtype, b, k);
}

// Position of an element among the keys, -1 if it is none. Equal hashes of different keys lie at
// hash+1, hash+2 ...
static int64_t find_key(const struct encoder *encoder, const struct mopt_map *index,
                        const struct mopt_tensor *input, size_t i)
{
    if (encoder->keys.dtype == MOPT_UNDEFINED) {
        int64_t position = mopt__tensor_i64_at(input, i);
        return position >= 0 && (uint64_t)position < encoder->keys.count ? position : -1;
    }
    uint64_t hash = element_hash(input->dtype, input->data, i);
    for (;; hash++) {
        uintptr_t found = (uintptr_t)mopt__map_find_u64(index, hash);
        if (found == 0) {
            return -1;
        }
        if (same_element(input->dtype, input->data, i, encoder->keys.data, found - 1)) {
            return (int64_t)found - 1;
        }
    }
}

static enum mopt_status build_index(const struct encoder *encoder, struct mopt_map *index,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t k = 0;
         status == MOPT_OK && k < encoder->keys.count && encoder->keys.dtype != MOPT_UNDEFINED;
         k++) {
        uint64_t hash = element_hash(encoder->keys.dtype, encoder->keys.data, k);
        uintptr_t found;
        while ((found = (uintptr_t)mopt__map_find_u64(index, hash)) != 0 &&
               !same_element(encoder->keys.dtype, encoder->keys.data, k, encoder->keys.data,
                             found - 1)) {
            hash++;
        }
        status =
            mopt__map_put_u64(index, hash, (void *)(k + 1), err); // the last of equal keys counts
    }
    return status;
}

static enum mopt_status put_element(struct mopt_tensor *out, size_t i, const struct list *from,
                                    size_t k, struct mopt_error *err)
{
    if (out->dtype == MOPT_STRING) {
        const struct mopt_string *text = (const struct mopt_string *)from->data + k;
        return mopt__tensor_set_string(out, i, text->data, text->size, err);
    }
    if (from->dtype == MOPT_UNDEFINED) {
        ((int64_t *)mopt__tensor_data(out))[i] = (int64_t)k;
        return MOPT_OK;
    }
    size_t size = mopt__lanes_size(out->dtype);
    memcpy((char *)mopt__tensor_data(out) + i * size, (const char *)from->data + k * size, size);
    return MOPT_OK;
}

static enum mopt_status encoder_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct encoder encoder;
    struct mopt_map index = {0};
    struct mopt_tensor *out;
    enum mopt_status status = open_encoder(eval->node, input->dtype, &encoder, err);
    if (status == MOPT_OK && encoder.keys.dtype != MOPT_UNDEFINED &&
        encoder.keys.dtype != input->dtype) {
        status =
            mopt_error_set(err, MOPT_E_TYPE, "keys have type '%s', the input '%s'",
                           mopt__dtype_name(encoder.keys.dtype), mopt__dtype_name(input->dtype));
    }
    if (status == MOPT_OK) {
        status = build_index(&encoder, &index, err);
    }
    if (status == MOPT_OK) {
        status =
            mopt__eval_output(eval, 0, encoder.fallback.dtype, input->rank, input->dims, &out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        int64_t key = find_key(&encoder, &index, input, i);
        status = key >= 0 ? put_element(out, i, &encoder.values, (size_t)key, err)
                          : put_element(out, i, &encoder.fallback, 0, err);
    }
    mopt__map_release(&index);
    return status;
}

#define SET_1 (MOPT_DT(MOPT_STRING) | MOPT_DT(MOPT_INT64))
#define SET_2 (SET_1 | MOPT_DT(MOPT_FLOAT32))
#define SET_4 (SET_2 | MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_FLOAT64))
#define DEFAULTS                                                          \
    MOPT_A_INT("default_int64", -1), MOPT_A_FLOAT("default_float", -0.0), \
        MOPT_A_STRING("default_string", "_Unused", NULL)
#define LIST(n, k)               \
    {                            \
        .name = (n), .kind = (k) \
    }
#define LISTS                                                                             \
    LIST("keys_strings", MOPT_ATTR_STRINGS), LIST("keys_int64s", MOPT_ATTR_INTS),         \
        LIST("keys_floats", MOPT_ATTR_FLOATS), LIST("values_strings", MOPT_ATTR_STRINGS), \
        LIST("values_int64s", MOPT_ATTR_INTS), LIST("values_floats", MOPT_ATTR_FLOATS)
#define RECORD(from, to, set, ...)                                                               \
    {                                                                                            \
        .domain = "ai.onnx.ml", .name = "LabelEncoder", .since = from, .until = to,              \
        .summary = "replaces keys by values", MOPT_INPUTS({"X", "T1", set, 0}),                  \
        MOPT_OUTPUTS({"Y", "T2", set, 0}), MOPT_ATTRIBUTES(__VA_ARGS__), .infer = encoder_infer, \
        .eval = encoder_eval                                                                     \
    }

static const struct mopt_op records[] = {
    RECORD(1, 1, SET_1, LIST("classes_strings", MOPT_ATTR_STRINGS), MOPT_A_INT("default_int64", -1),
           MOPT_A_STRING("default_string", "_Unused", NULL)),
    RECORD(2, 3, SET_2, DEFAULTS, LISTS),
    RECORD(4, 0, SET_4, DEFAULTS, LISTS, LIST("keys_tensor", MOPT_ATTR_TENSOR),
           LIST("values_tensor", MOPT_ATTR_TENSOR), LIST("default_tensor", MOPT_ATTR_TENSOR)),
};
const struct mopt_op_family mopt__ops_label_encoder = {records, MOPT_COUNTOF(records)};
