// SPDX-License-Identifier: Apache-2.0
// The pass; what it does is the rewriter's, because quantization needs it, too.
#include "optimize/optimize.h"

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    uint64_t removed = 0;
    enum mopt_status status = mopt__rewrite_merge_initializers(model, 0, &removed, err);
    mopt__pass_count(context, "removed", removed);
    return status;
}

static const struct mopt_pass_counter counters[] = {{"removed", "duplicate initializers removed"}};

const struct mopt_pass mopt__pass_eliminate_duplicate_initializer = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-duplicate-initializer",
    .summary = "keeps one of several equal initializers",
    .help = "Initializers of one scope with equal element type, shape and bytes become one. Those "
            "that are graph inputs or "
            "outputs stay.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
