// SPDX-License-Identifier: Apache-2.0
// What one node computes and moves, from the types of its values.
#include "measure/facts.h"
#include "ops/ops.h"

static const struct mopt_type *type_of(const struct mopt_value *value)
{
    return value->type != NULL ? value->type : value->declared;
}

bool mopt__value_bytes(const struct mopt_value *value, const struct mopt_dims *dims,
                       uint64_t *bytes)
{
    const struct mopt_type *type = type_of(value);
    size_t count = 0;
    size_t size = 0;
    if (value->constant != NULL) {
        *bytes += value->constant->bytes;
        return true;
    }
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_STRING ||
        type->rank < 0 || !mopt__type_count(dims, type, &count) ||
        !mopt__dtype_bytes(type->dtype, count, &size)) {
        return false;
    }
    *bytes += size;
    return true;
}

static uint64_t moved_bytes(const struct mopt_node *node, const struct mopt_dims *dims)
{
    uint64_t bytes = 0;
    bool known = true;
    for (uint32_t i = 0; i < node->input_count && known; i++) {
        const struct mopt_value *value = mopt__node_input(node, i);
        known = value == NULL || mopt__value_bytes(value, dims, &bytes);
    }
    for (uint32_t i = 0; i < node->output_count && known; i++) {
        known = node->outputs[i] == NULL || mopt__value_bytes(node->outputs[i], dims, &bytes);
    }
    return known ? bytes : 0;
}

void mopt__node_cost(const struct mopt_node *node, const struct mopt_dims *dims,
                     struct mopt_node_cost *out)
{
    *out = (struct mopt_node_cost){.bytes = moved_bytes(node, dims)};
    if (node->op == NULL || node->op->cost == NULL) {
        return;
    }
    struct mopt_cost cost = {.node = node, .dims = dims};
    node->op->cost(&cost);
    if (cost.known) {
        out->known = true;
        out->macs = cost.macs;
        out->flops = cost.flops;
    }
}
