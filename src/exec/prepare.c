// SPDX-License-Identifier: Apache-2.0
// The walk of preparations over a model, and what they ask about nodes. It must not know any of
// them.
#include "exec/prepare.h"

#include <string.h>

#include "ops/ops.h"

const struct mopt_tensor *mopt__initial_constant(const struct mopt_value *value)
{
    const struct mopt_node *node = value != NULL ? value->producer : NULL;
    if (node != NULL && mopt__prepare_is(node, "Constant")) {
        const struct mopt_attribute *a = mopt__node_attribute(node, "value");
        return a != NULL && a->kind == MOPT_ATTR_TENSOR ? a->t : NULL;
    }
    return value != NULL ? mopt__value_constant(value) : NULL;
}

bool mopt__prepare_is(const struct mopt_node *node, const char *op_type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, op_type) == 0;
}

const struct mopt_type *mopt__prepare_type(const struct mopt_value *value)
{
    const struct mopt_type *type = value->type != NULL ? value->type : value->declared;
    bool tensor = type != NULL && type->kind == MOPT_TYPE_TENSOR && type->rank >= 0;
    return tensor ? type : NULL;
}

int mopt__prepare_rank(const struct mopt_value *value)
{
    const struct mopt_type *type = mopt__prepare_type(value);
    return type != NULL ? type->rank : -1;
}

struct mopt_value *mopt__prepare_output(struct mopt_node *node, const char *hint,
                                        struct mopt_error *err)
{
    struct mopt_value *value = mopt__value_fresh(node->graph, hint, err);
    if (value != NULL) {
        mopt__node_set_output(node, 0, value);
    }
    return value;
}

bool mopt__prepare_is_sound(const struct mopt_node *node)
{
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    bool one = node->output_count > 0 && node->outputs[0] != NULL;
    for (uint32_t o = 1; o < node->output_count; o++) {
        one = one && node->outputs[o] == NULL;
    }
    return one && node->function == NULL && node->op != NULL &&
           mopt__op_check(node, &ignored) == MOPT_OK;
}

struct search {
    const struct mopt_prepare *prepare;
    bool found;
    bool named; // values by an attribute: they must all stay
};

static enum mopt_status look(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct search *s = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        s->found = s->found || s->prepare->takes(node);
        s->named = s->named || (node->op != NULL && (node->op->traits & MOPT_TRAIT_NAMES) != 0);
    }
    return MOPT_OK;
}

bool mopt__prepare_applies(const struct mopt_prepare *prepare, const struct mopt_model *model)
{
    struct search s = {.prepare = prepare};
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    (void)mopt__graph_walk(model->graph, look, &s, &ignored);
    return s.found && !s.named;
}

static enum mopt_status change(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct mopt_prepare *prepare = context;
    enum mopt_status status = MOPT_OK;
    struct mopt_node *next;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK; node = next) {
        next = node->next;
        status = prepare->takes(node) ? prepare->change(node, err) : MOPT_OK;
    }
    return status;
}

// What a failed inference could not find out, the run will say.
static enum mopt_status infer_types(struct mopt_model *model, struct mopt_error *err)
{
    enum mopt_status status = mopt__infer_model(model, MOPT_INFER_KEEP, err);
    if (status != MOPT_OK && status != MOPT_E_MEMORY) {
        mopt_error_clear(err);
        status = MOPT_OK;
    }
    return status;
}

enum mopt_status mopt__prepare_run(const struct mopt_prepare *prepare, struct mopt_model *model,
                                   struct mopt_error *err)
{
    struct mopt_prepare own = *prepare;
    enum mopt_status status = prepare->typed ? infer_types(model, err) : MOPT_OK;
    return status == MOPT_OK ? mopt__graph_walk(model->graph, change, &own, err) : status;
}
