// SPDX-License-Identifier: Apache-2.0
// The value_info list of a graph. Exporters leave files that describe one value several times, even
// in different words; such a list is noted as it stood, for writing it back (see
// MOPT_PRIVATE_INFO_ORDER and export_infos.c).
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"
#include "onnx/wire.h"

// Description of a value that counts, with its packed size. Message NULL: the value stands among
// the inputs or outputs of the graph, and that description counts.
struct first {
    const Mopt__Pb__ValueInfoProto *message;
    size_t size;
};

// One entry per value_info of the file: index of the value in graph->value_infos, then the length
// and bytes of the message if it is not that of the description that counts (length 0).
struct info_order {
    struct mopt_strbuf note;
    struct mopt_map index; // value id -> 1 + index
    struct first *firsts;  // by index
    size_t count, capacity;
    bool repeats;
};

static void note_number(struct info_order *order, size_t number)
{
    uint8_t bytes[MOPT_VARINT_MAX];

    mopt__strbuf_add_bytes(&order->note, bytes, mopt__wire_put(bytes, number));
}

static enum mopt_status pack(const Mopt__Pb__ValueInfoProto *message, size_t size, uint8_t **out,
                             struct mopt_error *err)
{
    *out = mopt__malloc(size);
    if (*out == NULL) {
        return mopt_error_memory(err);
    }
    (void)protobuf_c_message_pack(&message->base, *out);
    return MOPT_OK;
}

// Same bytes as the first description. Sizes are compared first, so that this costs no more than
// the message.
static enum mopt_status same_as_first(const struct first *first, const uint8_t *bytes, size_t size,
                                      bool *same, struct mopt_error *err)
{
    uint8_t *other = NULL;

    *same = false;
    if (first->message == NULL || first->size != size) {
        return MOPT_OK;
    }
    enum mopt_status status = pack(first->message, size, &other, err);
    if (status == MOPT_OK) {
        *same = size == 0 || memcmp(other, bytes, size) == 0;
        mopt__free(other);
    }
    return status;
}

static enum mopt_status note_info(struct info_order *order, const Mopt__Pb__ValueInfoProto *message,
                                  size_t index, struct mopt_error *err)
{
    size_t size = protobuf_c_message_get_packed_size(&message->base);
    uint8_t *bytes = NULL;
    bool same = false;
    enum mopt_status status = pack(message, size, &bytes, err);

    if (status == MOPT_OK) {
        status = same_as_first(&order->firsts[index], bytes, size, &same, err);
    }
    order->repeats = true;
    note_number(order, index);
    note_number(order, same ? 0 : size);
    if (status == MOPT_OK && !same) {
        mopt__strbuf_add_bytes(&order->note, bytes, size);
    }
    mopt__free(bytes);
    return status;
}

static enum mopt_status add_first(struct info_order *order, const Mopt__Pb__ValueInfoProto *message,
                                  struct mopt_value *value, struct mopt_error *err)
{
    struct mopt_value_list *list = &value->graph->value_infos;
    enum mopt_status status = mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                         sizeof(struct mopt_value *), err);

    if (status == MOPT_OK) {
        status = mopt__grow((void **)&order->firsts, &order->capacity, order->count + 1,
                            sizeof *order->firsts, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    list->items[list->count++] = value;
    order->firsts[order->count] = (struct first){.message = message};
    if (message != NULL) {
        order->firsts[order->count].size = protobuf_c_message_get_packed_size(&message->base);
        note_number(order, order->count);
        note_number(order, 0);
    }
    order->count++;
    return mopt__map_put_u64(&order->index, value->id, (void *)(uintptr_t)order->count, err);
}

static enum mopt_status add_info(struct mopt_import *in, const Mopt__Pb__ValueInfoProto *message,
                                 struct mopt_value *value, struct info_order *order,
                                 struct mopt_error *err)
{
    uintptr_t known = (uintptr_t)mopt__map_find_u64(&order->index, value->id);
    bool declared = value->declared != NULL;
    enum mopt_status status = MOPT_OK;

    if (known != 0 && order->firsts != NULL) {
        return note_info(order, message, known - 1, err);
    }
    if (declared) {
        status = add_first(order, NULL, value, err);
        return status != MOPT_OK || order->firsts == NULL
                   ? status
                   : note_info(order, message, order->count - 1, err);
    }
    status = mopt__import_declare(in, message, value, err);
    return status != MOPT_OK ? status : add_first(order, message, value, err);
}

// A value_info of a name that nothing defines says nothing: it is left out; so is one that speaks
// about a value of an outer scope. Of several of the same name the first counts.
static enum mopt_status add_infos(struct mopt_import *in, size_t count,
                                  Mopt__Pb__ValueInfoProto *const *messages,
                                  struct mopt_graph *graph, struct info_order *order,
                                  struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        struct mopt_value *value = NULL;

        status = mopt__import_check_name(messages[i]->name, "a value_info", err);
        if (status != MOPT_OK) {
            return status;
        }
        value = mopt__value_find(graph, messages[i]->name);
        if (value != NULL) {
            status = add_info(in, messages[i], value, order, err);
        }
    }
    return status;
}

enum mopt_status mopt__import_infos(struct mopt_import *in, size_t count,
                                    struct Mopt__Pb__ValueInfoProto *const *messages,
                                    struct mopt_graph *graph, struct mopt_error *err)
{
    struct info_order order = {.repeats = false};
    enum mopt_status status = add_infos(in, count, messages, graph, &order, err);
    ProtobufCBinaryData note = {.len = order.note.length, .data = (uint8_t *)order.note.text};

    if (status == MOPT_OK && order.note.failed) {
        status = mopt_error_memory(err);
    }
    if (status == MOPT_OK && order.repeats) {
        status = mopt__import_carry(in, MOPT_PRIVATE_INFO_ORDER, &note, 1, &graph->unknown, err);
    }
    mopt__strbuf_release(&order.note);
    mopt__map_release(&order.index);
    mopt__free(order.firsts);
    return status;
}
