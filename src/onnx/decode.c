// SPDX-License-Identifier: Apache-2.0
// Decoding under a budget; see decode.h.
#include "onnx/decode.h"

#include "base/base.h"
#include "onnx.pb-c.h"
#include "onnx/scan.h"

// What protobuf-c allocates from: an arena that is released as a whole. Freeing one block is a
// no-op.
struct budget {
    struct mopt_arena *arena;
    size_t limit;
    bool out_of_memory;
    bool over_limit;
};

static void *take(void *context, size_t size)
{
    struct budget *budget = context;

    if (size > budget->limit || budget->arena->bytes > budget->limit - size) {
        budget->over_limit = true;
        return NULL;
    }
    void *block = mopt__arena_alloc(budget->arena, 1, size);
    if (block == NULL) {
        budget->out_of_memory = true;
    }
    return block;
}

static void give_back(void *context, void *block)
{
    (void)context;
    (void)block;
}

static enum mopt_status unpack(const ProtobufCMessageDescriptor *type, const struct mopt_scan *scan,
                               size_t limit, struct mopt_decoded *out, struct mopt_error *err)
{
    static const uint8_t nothing[1];
    struct budget budget = {.arena = &out->arena, .limit = limit};
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = &budget};
    const uint8_t *data = scan->skeleton != NULL ? scan->skeleton : nothing;

    out->message = protobuf_c_message_unpack(type, &allocator, scan->size, data);
    if (out->message != NULL) {
        return MOPT_OK;
    }
    if (budget.over_limit) {
        return mopt_error_set(err, MOPT_E_LIMIT, "decoding takes more than %zu bytes of memory",
                              limit);
    }
    if (budget.out_of_memory) {
        return mopt_error_memory(err);
    }
    return mopt_error_set(err, MOPT_E_FORMAT, "not a valid %s message", type->short_name);
}

enum mopt_status mopt__onnx_decode(const struct ProtobufCMessageDescriptor *type,
                                   const uint8_t *data, size_t size, size_t memory_limit,
                                   struct mopt_decoded *out, struct mopt_error *err)
{
    struct mopt_scan scan;

    *out = (struct mopt_decoded){.message = NULL};
    mopt__arena_init(&out->arena);
    enum mopt_status status = mopt__onnx_scan(type, data, size, memory_limit, &scan, err);
    if (status == MOPT_OK) {
        status = unpack(type, &scan, memory_limit, out, err);
        mopt__onnx_scan_release(&scan);
    }
    if (status != MOPT_OK) {
        mopt__onnx_decoded_release(out);
    }
    return status;
}

void mopt__onnx_decoded_release(struct mopt_decoded *decoded)
{
    mopt__arena_release(&decoded->arena);
    decoded->message = NULL;
}
