// SPDX-License-Identifier: Apache-2.0
// Value numbering: of two nodes of one scope that compute the same, the later one goes.
#include <string.h>

#include "optimize/optimize.h"

struct cse {
    struct mopt_pass_context *context;
    struct mopt_map seen; // hash -> chain of entries
    uint64_t removed;
};

struct entry {
    struct mopt_node *node;
    struct entry *next;
};

// Order of two inputs that may be swapped: by id, absent last.
static bool swapped(const struct mopt_node *node)
{
    return node->op != NULL && (node->op->traits & MOPT_TRAIT_COMMUTATIVE) != 0 &&
           node->input_count == 2 && node->inputs[0].value != NULL &&
           node->inputs[1].value != NULL && node->inputs[0].value->id > node->inputs[1].value->id;
}

static const struct mopt_value *canonical_input(const struct mopt_node *node, uint32_t i)
{
    return node->inputs[swapped(node) ? 1 - i : i].value;
}

static uint64_t hash_node(const struct mopt_node *node)
{
    uint64_t hash = mopt__hash_mix((uint64_t)(uintptr_t)node->op,
                                   mopt__hash_bytes(node->op_type, strlen(node->op_type)));
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = canonical_input(node, i);
        hash = mopt__hash_mix(hash, value != NULL ? (uint64_t)value->id + 1 : 0);
    }
    return mopt__hash_mix(hash, (uint64_t)node->attribute_count << 32 | node->output_count);
}

static bool same_attributes(const struct mopt_node *a, const struct mopt_node *b)
{
    if (a->attribute_count != b->attribute_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->attribute_count; i++) {
        const struct mopt_attribute *other = mopt__node_attribute(b, a->attributes[i].name);
        if (other == NULL || !mopt__attribute_equal(&a->attributes[i], other)) {
            return false;
        }
    }
    return true;
}

static bool same_node(const struct mopt_node *a, const struct mopt_node *b)
{
    if (a->op != b->op || a->input_count != b->input_count || a->output_count != b->output_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->input_count; i++) {
        if (canonical_input(a, i) != canonical_input(b, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->output_count; i++) {
        if ((a->outputs[i] == NULL) != (b->outputs[i] == NULL)) {
            return false;
        }
    }
    return same_attributes(a, b);
}

// Random operators differ on purpose; sub-graphs are not compared; unknown operators may have
// state.
static bool is_candidate(const struct mopt_node *node)
{
    return node->output_count > 0 && mopt__is_pure(node);
}

// A graph output keeps its own node: its name is part of the interface.
static bool may_merge(const struct mopt_node *gone)
{
    for (uint32_t i = 0; i < gone->output_count; i++) {
        if (gone->outputs[i] != NULL && gone->outputs[i]->graph_output_count > 0) {
            return false;
        }
    }
    return true;
}

static enum mopt_status merge(struct cse *cse, struct mopt_node *kept, struct mopt_node *gone,
                              struct mopt_error *err)
{
    for (uint32_t i = 0; i < gone->output_count; i++) {
        if (gone->outputs[i] == NULL) {
            continue;
        }
        enum mopt_status status =
            mopt__rewrite_replace_uses(gone->outputs[i], kept->outputs[i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    mopt__node_remove(gone);
    cse->removed++;
    return MOPT_OK;
}

static struct mopt_node *find_equal(const struct entry *chain, const struct mopt_node *node)
{
    for (; chain != NULL; chain = chain->next) {
        if (chain->node->graph == node->graph && same_node(chain->node, node)) {
            return chain->node;
        }
    }
    return NULL;
}

static enum mopt_status visit_node(struct cse *cse, struct mopt_node *node, struct mopt_error *err)
{
    uint64_t hash = hash_node(node);
    struct entry *chain = mopt__map_find_u64(&cse->seen, hash);
    struct mopt_node *equal = find_equal(chain, node);
    if (equal != NULL && may_merge(node)) {
        return merge(cse, equal, node, err);
    }
    if (equal != NULL) {
        return MOPT_OK;
    }
    struct entry *entry = mopt__arena_alloc(mopt__pass_scratch(cse->context), 1, sizeof *entry);
    if (entry == NULL) {
        return mopt_error_memory(err);
    }
    *entry = (struct entry){.node = node, .next = chain};
    return mopt__map_put_u64(&cse->seen, hash, entry, err);
}

static enum mopt_status visit_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct cse *cse = context;
    enum mopt_status status = MOPT_OK;
    mopt__map_clear(&cse->seen);
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;) {
        struct mopt_node *next = node->next;
        if (is_candidate(node)) {
            status = visit_node(cse, node, err);
        }
        node = next;
    }
    return status;
}

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    struct cse cse = {.context = context};
    enum mopt_status status = mopt__model_walk(model, visit_graph, &cse, err);
    mopt__map_release(&cse.seen);
    mopt__pass_count(context, "removed", cse.removed);
    return status;
}

static const struct mopt_pass_counter counters[] = {
    {"removed", "nodes that computed a known value removed"}};

const struct mopt_pass mopt__pass_eliminate_common_subexpression = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-common-subexpression",
    .summary = "computes equal expressions once",
    .help = "a = Relu(x); b = Relu(x);  ->  a = Relu(x); b is a\n"
            "Equal operator, attributes and inputs (by position; swapped where the operator "
            "commutes) in one scope. Random "
            "operators, control flow and unknown operators are left alone; a graph output keeps "
            "its own node.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_ORDER,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
