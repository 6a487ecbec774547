// SPDX-License-Identifier: Apache-2.0
// Copies of the small immutable things that hang on graphs: texts, blobs, properties, types, plain
// attributes. Inside one model they are shared; into another model they are copied into its arena.
#include <string.h>

#include "ir/copy.h"

static bool shared(const struct mopt_copy *copy)
{
    return copy->to == copy->from;
}

static void *arena(struct mopt_copy *copy, size_t count, size_t size)
{
    void *memory = copy->failed ? NULL : mopt__arena_alloc(&copy->to->arena, count, size);
    copy->failed = copy->failed || memory == NULL;
    return memory;
}

void *mopt__copy_array(struct mopt_copy *copy, const void *data, size_t count, size_t size)
{
    void *memory = data == NULL ? NULL : arena(copy, count, size);
    if (memory != NULL && count > 0) {
        memcpy(memory, data, count * size);
    }
    return memory;
}

const char *mopt__copy_text(struct mopt_copy *copy, const char *text)
{
    if (text == NULL || shared(copy) || copy->failed) {
        return text;
    }
    const char *made = mopt__arena_strdup(&copy->to->arena, text);
    copy->failed = made == NULL;
    return made;
}

const char *mopt__copy_interned(struct mopt_copy *copy, const char *text)
{
    if (text == NULL || shared(copy) || copy->failed) {
        return text;
    }
    const char *made = mopt__strpool_add(&copy->to->strings, text);
    copy->failed = made == NULL;
    return made;
}

const struct mopt_blob *mopt__copy_blob(struct mopt_copy *copy, const struct mopt_blob *blob)
{
    if (blob == NULL || shared(copy)) {
        return blob;
    }
    struct mopt_blob *made = arena(copy, 1, sizeof *made);
    if (made != NULL) {
        made->data = mopt__copy_array(copy, blob->data, blob->size, 1);
        made->size = blob->size;
    }
    return made;
}

const struct mopt_property *mopt__copy_properties(struct mopt_copy *copy,
                                                  const struct mopt_property *properties,
                                                  size_t count)
{
    if (properties == NULL || shared(copy)) {
        return properties;
    }
    struct mopt_property *made = arena(copy, count, sizeof *made);
    for (size_t i = 0; made != NULL && i < count; i++) {
        made[i].key = mopt__copy_text(copy, properties[i].key);
        made[i].value = mopt__copy_text(copy, properties[i].value);
        made[i].unknown = mopt__copy_blob(copy, properties[i].unknown);
    }
    return made;
}

const struct mopt_tensor_source *mopt__copy_source(struct mopt_copy *copy,
                                                   const struct mopt_tensor_source *source)
{
    if (source == NULL || shared(copy)) {
        return source;
    }
    struct mopt_tensor_source *made = mopt__copy_array(copy, source, 1, sizeof *source);
    if (made != NULL) {
        made->name = mopt__copy_text(copy, source->name);
        made->doc = mopt__copy_text(copy, source->doc);
        made->location = mopt__copy_text(copy, source->location);
        made->external = mopt__copy_properties(copy, source->external, source->external_count);
        made->metadata = mopt__copy_properties(copy, source->metadata, source->metadata_count);
        made->unknown = mopt__copy_blob(copy, source->unknown);
    }
    return made;
}

const struct mopt_value_meta *mopt__copy_meta(struct mopt_copy *copy,
                                              const struct mopt_value_meta *meta)
{
    if (meta == NULL || shared(copy)) {
        return meta;
    }
    struct mopt_value_meta *made = mopt__copy_array(copy, meta, 1, sizeof *meta);
    if (made != NULL) {
        made->doc = mopt__copy_text(copy, meta->doc);
        made->metadata = mopt__copy_properties(copy, meta->metadata, meta->metadata_count);
        made->unknown = mopt__copy_blob(copy, meta->unknown);
    }
    return made;
}

// Dim numbers of another model's table mean nothing here: names go over, other expressions become
// unknown.
static int64_t translate_dim(struct mopt_copy *copy, int64_t dim)
{
    int64_t value;
    if (dim >= 0 || dim == MOPT_DIM_UNKNOWN) {
        return dim;
    }
    const char *name = mopt__dim_name(copy->from->dims, dim);
    if (name != NULL) {
        return mopt__dim_named(copy->to->dims, name);
    }
    if (mopt__dim_is_known(copy->from->dims, dim, &value)) {
        return mopt__dim_const(copy->to->dims, value);
    }
    return MOPT_DIM_UNKNOWN;
}

static const int64_t *translate_dims(struct mopt_copy *copy, const int64_t *dims, size_t count)
{
    int64_t *made = mopt__copy_array(copy, dims, count, sizeof *dims);
    for (size_t i = 0; made != NULL && i < count; i++) {
        made[i] = translate_dim(copy, dims[i]);
    }
    return made;
}

static const struct mopt_type *translate_type(struct mopt_copy *copy, const struct mopt_type *type,
                                              int depth)
{
    if (type == NULL || depth > MOPT_DEPTH_MAX) {
        return NULL;
    }
    struct mopt_type *made = mopt__copy_array(copy, type, 1, sizeof *type);
    if (made != NULL) {
        made->element = translate_type(copy, type->element, depth + 1);
        made->dims = type->rank > 0 ? translate_dims(copy, type->dims, (size_t)type->rank) : NULL;
        made->denotation = mopt__copy_text(copy, type->denotation);
        made->dim_denotations = NULL;
        made->unknown = mopt__copy_blob(copy, type->unknown);
    }
    return made;
}

const struct mopt_type *mopt__copy_type(struct mopt_copy *copy, const struct mopt_type *type)
{
    if (type == NULL || shared(copy) || copy->failed) {
        return type;
    }
    const struct mopt_type *made =
        copy->clone ? mopt__type_clone(&copy->to->arena, type) : translate_type(copy, type, 0);
    copy->failed = copy->failed || made == NULL;
    return made;
}

const struct mopt_ints *mopt__copy_ints(struct mopt_copy *copy, const struct mopt_ints *ints)
{
    if (ints == NULL || shared(copy)) {
        return ints;
    }
    if (!copy->clone) {
        return NULL; // inference finds it again
    }
    struct mopt_ints *made = mopt__copy_array(copy, ints, 1, sizeof *ints);
    if (made != NULL) {
        made->items = mopt__copy_array(copy, ints->items, ints->count, sizeof *ints->items);
    }
    return made;
}

void mopt__copy_opsets(struct mopt_copy *copy, const struct mopt_opset_list *from,
                       struct mopt_opset_list *to)
{
    if (copy->failed || mopt__grow((void **)&to->items, &to->capacity, from->count,
                                   sizeof *to->items, copy->err) != MOPT_OK) {
        copy->failed = true;
        return;
    }
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = (struct mopt_opset){
            .domain = mopt__copy_interned(copy, from->items[i].domain),
            .domain_text = mopt__copy_text(copy, from->items[i].domain_text),
            .version = from->items[i].version,
            .unknown = mopt__copy_blob(copy, from->items[i].unknown),
        };
    }
    to->count = from->count;
}

static struct mopt_string copy_string(struct mopt_copy *copy, struct mopt_string string)
{
    if (shared(copy)) {
        return string;
    }
    char *data = arena(copy, string.size + 1, 1); // zeroed: the NUL is there
    if (data != NULL && string.size > 0) {
        memcpy(data, string.data, string.size);
    }
    return (struct mopt_string){.data = data, .size = string.size};
}

static const struct mopt_string *copy_strings(struct mopt_copy *copy,
                                              const struct mopt_string *strings, size_t count)
{
    struct mopt_string *made = arena(copy, count, sizeof *made);
    for (size_t i = 0; made != NULL && i < count; i++) {
        made[i] = copy_string(copy, strings[i]);
    }
    return made;
}

static const struct mopt_type **copy_types(struct mopt_copy *copy, const struct mopt_type **types,
                                           size_t count)
{
    const struct mopt_type **made = arena(copy, count, sizeof(const struct mopt_type *));
    for (size_t i = 0; made != NULL && i < count; i++) {
        made[i] = mopt__copy_type(copy, types[i]);
    }
    return made;
}

static size_t source_count(const struct mopt_attribute *attribute)
{
    switch (attribute->kind) {
    case MOPT_ATTR_TENSOR:
        return 1;
    case MOPT_ATTR_TENSORS:
        return attribute->count;
    case MOPT_ATTR_SPARSE_TENSOR:
        return 2;
    case MOPT_ATTR_SPARSE_TENSORS:
        return attribute->count * 2;
    default:
        return 0;
    }
}

static const struct mopt_tensor_source **copy_sources(struct mopt_copy *copy,
                                                      const struct mopt_attribute *from)
{
    size_t count = source_count(from);
    if (from->sources == NULL || count == 0) {
        return NULL;
    }
    const struct mopt_tensor_source **made =
        arena(copy, count, sizeof(const struct mopt_tensor_source *));
    for (size_t i = 0; made != NULL && i < count; i++) {
        made[i] = mopt__copy_source(copy, from->sources[i]);
    }
    return made;
}

static void copy_payload(struct mopt_copy *copy, const struct mopt_attribute *from,
                         struct mopt_attribute *to)
{
    switch (from->kind) {
    case MOPT_ATTR_STRING:
        to->s = copy_string(copy, from->s);
        break;
    case MOPT_ATTR_TYPE:
        to->type = mopt__copy_type(copy, from->type);
        break;
    case MOPT_ATTR_INTS:
        to->ints = mopt__copy_array(copy, from->ints, from->count, sizeof *from->ints);
        break;
    case MOPT_ATTR_FLOATS:
        to->floats = mopt__copy_array(copy, from->floats, from->count, sizeof *from->floats);
        break;
    case MOPT_ATTR_STRINGS:
        to->strings = copy_strings(copy, from->strings, from->count);
        break;
    case MOPT_ATTR_TYPES:
        to->types = copy_types(copy, from->types, from->count);
        break;
    default:
        break;
    }
}

void mopt__copy_plain_attribute(struct mopt_copy *copy, const struct mopt_attribute *from,
                                struct mopt_attribute *to)
{
    memset(to, 0, sizeof *to);
    to->name = mopt__copy_interned(copy, from->name);
    to->kind = from->kind;
    to->doc = mopt__copy_text(copy, from->doc);
    to->ref_name = mopt__copy_text(copy, from->ref_name);
    to->i = from->i;
    to->f = from->f;
    to->count = from->count;
    to->sources = copy_sources(copy, from);
    to->unknown = mopt__copy_blob(copy, from->unknown);
    copy_payload(copy, from, to);
}
