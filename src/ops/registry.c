// SPDX-License-Identifier: Apache-2.0
// The table of all operators, built from ops.def, and the lookup by domain, name and opset version.
// It must not know what any operator means.
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "ops/op.h"

#define MOPT_OPS(stem) extern const struct mopt_op_family mopt__ops_##stem;
#include "ops/ops.def"
#undef MOPT_OPS

static const struct mopt_op_family *const families[] = {
#define MOPT_OPS(stem) &mopt__ops_##stem,
#include "ops/ops.def"
#undef MOPT_OPS
};

// The rows live in many files, so no constant can hold them in sorted order. This index is a
// function of the constant tables alone: filled once, on first use, never changed after, and of
// fixed size so that lookup cannot fail.
enum { SLOT_COUNT = 4096 };
static const struct mopt_op *operator_index[SLOT_COUNT];
static pthread_once_t operator_index_once = PTHREAD_ONCE_INIT;

const struct mopt_op_family *const *mopt__op_families(size_t *count)
{
    *count = MOPT_COUNTOF(families);
    return families;
}

static size_t first_slot(const char *domain, const char *name)
{
    uint64_t hash = mopt__hash_bytes(name, strlen(name));
    if (domain[0] != '\0') {
        hash = mopt__hash_mix(hash, mopt__hash_bytes(domain, strlen(domain)));
    }
    return (size_t)(hash % SLOT_COUNT);
}

static void insert(const struct mopt_op *op)
{
    size_t slot = first_slot(op->domain, op->name);
    while (operator_index[slot] != NULL) {
        slot = (slot + 1) % SLOT_COUNT;
    }
    operator_index[slot] = op;
}

static void fill_slots(void)
{
    size_t total = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(families); i++) {
        for (size_t k = 0; k < families[i]->count; k++) {
            total++;
            assert(total <= SLOT_COUNT / 2 && "operator index is full: raise SLOT_COUNT");
            insert(&families[i]->records[k]);
        }
    }
}

static bool covers(const struct mopt_op *op, const char *domain, const char *name, int64_t version)
{
    return op->since <= version && (op->until == 0 || version <= op->until) &&
           strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0;
}

const struct mopt_op *mopt__op_find(const char *domain, const char *name, int64_t version)
{
    pthread_once(&operator_index_once, fill_slots);
    const struct mopt_op *best = NULL;
    size_t slot = first_slot(domain, name);
    for (; operator_index[slot] != NULL; slot = (slot + 1) % SLOT_COUNT) {
        if (covers(operator_index[slot], domain, name, version) &&
            (best == NULL || operator_index[slot]->since > best->since)) {
            best = operator_index[slot];
        }
    }
    return best;
}

static enum mopt_status resolve_graph(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    (void)context;
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        // A model-local function hides an operator of the same name.
        node->op = node->function != NULL ? NULL
                                          : mopt__op_find(node->domain, node->op_type,
                                                          mopt__graph_opset(graph, node->domain));
    }
    return MOPT_OK;
}

enum mopt_status mopt__ops_resolve(struct mopt_model *model, struct mopt_error *err)
{
    return mopt__model_walk(model, resolve_graph, NULL, err);
}

struct mopt_node *mopt__op_node(struct mopt_graph *graph, struct mopt_node *before,
                                const char *op_type, const char *domain,
                                struct mopt_value *const *inputs, uint32_t input_count,
                                uint32_t output_count, struct mopt_error *err)
{
    struct mopt_node *node =
        mopt__node_new(graph, before, op_type, domain, input_count, output_count, err);
    if (node == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < input_count; i++) {
        mopt__node_set_input(node, i, inputs[i]);
    }
    node->op = mopt__op_find(node->domain, node->op_type, mopt__graph_opset(graph, node->domain));
    return node;
}
