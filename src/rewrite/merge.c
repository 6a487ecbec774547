// SPDX-License-Identifier: Apache-2.0
// Initializers of one scope with equal type, shape and bytes become one.
#include "rewrite/rewriter.h"

struct dedup {
    uint32_t since;       // ids from here on
    struct mopt_map seen; // content hash -> first value
    uint64_t removed;
};

static bool is_candidate(const struct dedup *dedup, const struct mopt_value *value)
{
    return value->id >= dedup->since && value->constant != NULL &&
           mopt__value_constant(value) != NULL && !value->is_input &&
           value->graph_output_count == 0 && value->use_count > 0;
}

// Type, shape and the first and last bytes: tells almost all weights apart without reading them
// whole.
static uint64_t quick_hash(const struct mopt_tensor *tensor)
{
    enum { EDGE = 256 };
    uint64_t hash = mopt__hash_mix((uint64_t)tensor->dtype, (uint64_t)tensor->rank);
    for (int d = 0; d < tensor->rank; d++) {
        hash = mopt__hash_mix(hash, (uint64_t)tensor->dims[d]);
    }
    if (tensor->dtype == MOPT_STRING || tensor->bytes <= 2 * EDGE) {
        return mopt__hash_mix(hash, mopt__tensor_hash(tensor));
    }
    const uint8_t *bytes = tensor->data;
    hash = mopt__hash_mix(hash, mopt__hash_bytes(bytes, EDGE));
    return mopt__hash_mix(hash, mopt__hash_bytes(bytes + tensor->bytes - EDGE, EDGE));
}

// The first value with equal content; else value itself is noted as the first one.
static enum mopt_status find_first(struct dedup *dedup, struct mopt_value *value,
                                   struct mopt_value **out, struct mopt_error *err)
{
    uint64_t hash = quick_hash(value->constant);
    *out = mopt__map_find_u64(&dedup->seen, hash);
    if (*out != NULL &&
        !mopt__tensor_equal((*out)->constant, value->constant)) { // same edges, other middle
        hash = mopt__hash_mix(hash, mopt__tensor_hash(value->constant));
        *out = mopt__map_find_u64(&dedup->seen, hash);
    }
    return *out == NULL ? mopt__map_put_u64(&dedup->seen, hash, value, err) : MOPT_OK;
}

static enum mopt_status visit_value(struct dedup *dedup, struct mopt_value *value,
                                    struct mopt_error *err)
{
    struct mopt_value *first = NULL;
    enum mopt_status status = find_first(dedup, value, &first, err);
    if (status != MOPT_OK || first == NULL || first == value ||
        !mopt__tensor_equal(first->constant, value->constant)) {
        return status;
    }
    status = mopt__rewrite_replace_uses(value, first, err);
    if (status == MOPT_OK) {
        mopt__graph_remove_initializer(value);
        dedup->removed++;
    }
    return status;
}

static enum mopt_status visit_list(struct dedup *dedup, struct mopt_value **items, size_t count,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        if (is_candidate(dedup, items[i])) {
            status = visit_value(dedup, items[i], err);
        }
    }
    return status;
}

// Works on a copy of the list, because removal changes it.
static enum mopt_status visit(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct dedup *dedup = context;
    size_t count = graph->initializers.count;
    struct mopt_value **items = mopt__calloc(count + 1, sizeof *items);
    if (items == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = graph->initializers.items[i];
    }
    mopt__map_clear(&dedup->seen);
    enum mopt_status status = visit_list(dedup, items, count, err);
    mopt__free(items);
    return status;
}

enum mopt_status mopt__rewrite_merge_initializers(struct mopt_model *model, uint32_t since,
                                                  uint64_t *removed, struct mopt_error *err)
{
    struct dedup dedup = {.since = since};
    enum mopt_status status = mopt__model_walk(model, visit, &dedup, err);
    mopt__map_release(&dedup.seen);
    *removed = dedup.removed;
    return status;
}
