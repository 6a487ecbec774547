// SPDX-License-Identifier: Apache-2.0
// The step from IR 3 to IR 4: initializers need not be graph inputs any more.
#include "ir/graph.h"

enum { IR_FREE_INITIALIZERS = 4 };

static void drop_constant_inputs(struct mopt_graph *graph)
{
    for (size_t i = graph->inputs.count; i-- > 0;) {
        const struct mopt_value *value = graph->inputs.items[i];
        if (value->constant != NULL || value->sparse != NULL) {
            mopt__graph_remove_input(graph, i);
        }
    }
}

void mopt__model_raise_ir(struct mopt_model *model, int64_t version)
{
    if (model->ir_version >= version && model->has_ir_version) {
        return;
    }
    if (model->ir_version < IR_FREE_INITIALIZERS && version >= IR_FREE_INITIALIZERS) {
        drop_constant_inputs(model->graph);
    }
    model->ir_version = version;
    model->has_ir_version = true;
}
