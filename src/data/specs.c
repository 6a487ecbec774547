// SPDX-License-Identifier: Apache-2.0
// What a model wants as inputs.
#include "data/data.h"

enum mopt_status mopt__input_specs(const struct mopt_model *model, struct mopt_input_spec **items,
                                   size_t *count, struct mopt_error *err)
{
    const struct mopt_value_list *inputs = &model->graph->inputs;
    *count = 0;
    *items = mopt__calloc(inputs->count, sizeof **items);
    if (!*items) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < inputs->count; i++) {
        const struct mopt_value *value = inputs->items[i];
        if (!value->constant && !value->sparse) { // a default value stands for those that have one
            (*items)[(*count)++] =
                (struct mopt_input_spec){.name = value->name,
                                         .type = value->declared ? value->declared : value->type};
        }
    }
    return MOPT_OK;
}
