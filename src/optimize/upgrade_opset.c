// SPDX-License-Identifier: Apache-2.0
// The pass around mopt__upgrade_opset.
#include "optimize/optimize.h"
#include "optimize/upgrade.h"

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    int64_t to;
    enum mopt_status status = mopt__pass_option_int(context, "to", &to, err);
    int64_t from = mopt__graph_opset(model->graph, "");
    if (status != MOPT_OK || from >= to) {
        return status;
    }
    status = mopt__upgrade_opset(model, to, err);
    mopt__pass_count(context, "versions", status == MOPT_OK ? (uint64_t)(to - from) : 0);
    return status;
}

static const struct mopt_pass_option options[] = {
    {"to", MOPT_OPTION_INT, "13", "opset version of the default domain to reach"},
};
static const struct mopt_pass_counter counters[] = {{"versions", "opset versions climbed"}};

const struct mopt_pass mopt__pass_upgrade_opset = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "upgrade-opset",
    .summary = "rewrites the model for a newer opset of the default domain",
    .help = "y = Squeeze<axes=[0]>(x)  ->  y = Squeeze(x, {0})   and the like, up to opset `to`\n"
            "The model means the same; sub-graphs are converted too, model-local functions keep "
            "their own opset. A node "
            "without an equivalent in the newer opset is an error that names it. The IR version "
            "rises with the opset.",
    .level = 0,
    .kind = MOPT_PASS_CANONICALISE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_SHAPES | MOPT_NEEDS_ORDER,
    .keeps = MOPT_KEEPS_ORDER,
    .options = options,
    .option_count = MOPT_COUNTOF(options),
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
