// SPDX-License-Identifier: Apache-2.0
// The value_info list of a graph. When the file described values several times (see import_infos.c)
// and nothing has joined or left the list since, the repetitions are written back; one that
// contradicts what is known now is replaced by the current description.
#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/wire.h"

// One entry of the note.
struct entry {
    size_t index;
    const uint8_t *bytes; // own description; size 0: the first one again
    size_t size;
};

// Reads the entry at *at; false when the note is damaged.
static bool next_entry(const struct mopt_blob *note, size_t *at, struct entry *entry)
{
    uint64_t number[2] = {0};

    for (int i = 0; i < 2; i++) {
        size_t n = mopt__wire_get(note->data + *at, note->size - *at, &number[i]);

        if (n == 0) {
            return false;
        }
        *at += n;
    }
    if (number[1] > note->size - *at) {
        return false;
    }
    *entry = (struct entry){(size_t)number[0], note->data + *at, (size_t)number[1]};
    *at += entry->size;
    return true;
}

// Number of entries, or 0 when the note does not fit the list any more.
static size_t count_entries(const struct mopt_blob *note, size_t infos)
{
    struct entry entry;
    size_t count = 0;
    size_t fresh = 0; // indices rise by one whenever a new one comes

    for (size_t at = 0; at < note->size; count++) {
        if (!next_entry(note, &at, &entry) || entry.index > fresh) {
            return 0;
        }
        fresh += entry.index == fresh ? 1 : 0;
    }
    return fresh == infos ? count : 0;
}

static bool dims_agree(const Mopt__Pb__TensorShapeProto__Dimension *old,
                       const Mopt__Pb__TensorShapeProto__Dimension *now)
{
    bool known = old->has_dim_value && old->dim_value >= 0 && now->has_dim_value;

    return !known || old->dim_value == now->dim_value;
}

static bool shapes_agree(const Mopt__Pb__TensorShapeProto *old,
                         const Mopt__Pb__TensorShapeProto *now)
{
    if (old == NULL || now == NULL) {
        return true;
    }
    if (old->n_dim != now->n_dim) {
        return false;
    }
    for (size_t i = 0; i < old->n_dim; i++) {
        if (!dims_agree(old->dim[i], now->dim[i])) {
            return false;
        }
    }
    return true;
}

// An old description of a tensor that does not contradict the current one.
static bool agrees(const Mopt__Pb__ValueInfoProto *old, const Mopt__Pb__ValueInfoProto *now)
{
    const Mopt__Pb__TypeProto__Tensor *a = old->type != NULL ? old->type->tensor_type : NULL;
    const Mopt__Pb__TypeProto__Tensor *b = now->type != NULL ? now->type->tensor_type : NULL;

    return a != NULL && b != NULL && a->elem_type == b->elem_type &&
           shapes_agree(a->shape, b->shape);
}

static void *take(void *context, size_t size)
{
    return mopt__arena_alloc(context, 1, size);
}

static void give_back(void *context, void *block)
{
    (void)context;
    (void)block;
}

static Mopt__Pb__ValueInfoProto *describe(struct mopt_export *ex, const struct entry *entry,
                                          Mopt__Pb__ValueInfoProto *now, struct mopt_error *err)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = &ex->arena};
    void *old = NULL;

    if (entry->size == 0) {
        return now;
    }
    old = protobuf_c_message_unpack(&mopt__pb__value_info_proto__descriptor, &allocator,
                                    entry->size, entry->bytes);
    if (old == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    return agrees(old, now) ? old : now;
}

enum mopt_status mopt__export_infos(struct mopt_export *ex, const struct mopt_graph *graph,
                                    size_t *count, struct Mopt__Pb__ValueInfoProto ***out,
                                    struct mopt_error *err)
{
    const struct mopt_value_list *list = &graph->value_infos;
    Mopt__Pb__ValueInfoProto **plain = mopt__export_alloc(ex, list->count, sizeof(void *), err);
    Mopt__Pb__ValueInfoProto **full = NULL;
    struct mopt_blob note = {0};
    size_t entries = 0;

    for (size_t i = 0; i < list->count && plain != NULL; i++) {
        plain[i] = mopt__export_value(ex, list->items[i], err);
        if (plain[i] == NULL) {
            return err->status;
        }
    }
    *out = plain;
    *count = list->count;
    if (mopt__export_note(graph->unknown, MOPT_PRIVATE_INFO_ORDER, &note)) {
        entries = count_entries(&note, list->count);
    }
    if (entries == 0 || plain == NULL) {
        return plain != NULL ? MOPT_OK : MOPT_E_MEMORY;
    }
    full = mopt__export_alloc(ex, entries, sizeof(void *), err);
    for (size_t i = 0, at = 0; i < entries && full != NULL; i++) {
        struct entry entry = {0};

        (void)next_entry(&note, &at, &entry);
        full[i] = describe(ex, &entry, plain[entry.index], err);
        if (full[i] == NULL) {
            return err->status;
        }
    }
    *out = full;
    *count = entries;
    return full != NULL ? MOPT_OK : MOPT_E_MEMORY;
}
