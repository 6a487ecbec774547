// SPDX-License-Identifier: Apache-2.0
// Removes initializers that nobody uses. One that is also a graph input belongs to the interface
// and stays.
#include "optimize/optimize.h"

static bool is_unused(const struct mopt_value *value)
{
    return mopt__value_is_dead(value) && !value->is_input;
}

static uint64_t remove_from(struct mopt_value_list *list)
{
    uint64_t removed = 0;
    for (size_t i = list->count; i-- > 0;) { // from the end: removal may move later entries
        if (i < list->count && is_unused(list->items[i])) {
            mopt__graph_remove_initializer(list->items[i]);
            removed++;
        }
    }
    return removed;
}

static enum mopt_status visit(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)err;
    uint64_t removed = remove_from(&graph->initializers) + remove_from(&graph->sparse_initializers);
    mopt__pass_count(context, NULL, removed);
    return MOPT_OK;
}

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    return mopt__model_walk(model, visit, context, err);
}

static const struct mopt_pass_counter counters[] = {{"removed", "initializers removed"}};

const struct mopt_pass mopt__pass_eliminate_unused_initializer = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-unused-initializer",
    .summary = "removes initializers that nobody uses",
    .help = "An initializer without uses in any scope goes. One that is also a graph input stays: "
            "callers may set it.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
