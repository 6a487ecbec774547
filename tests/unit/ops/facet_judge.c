// SPDX-License-Identifier: Apache-2.0
// Runs and judges random nodes: see facet_node.h.
#include <stdio.h>
#include <string.h>

#include "facet_private.h"

enum { MEMORY_MAX = 1 << 24 }; // of one node, beside what the test has

enum mopt_status facet_eval(struct facet *facet, struct mopt_error *err)
{
    facet_release_outputs(facet);
    mopt_error_clear(err);
    struct mopt_budget budget = {.deadline_ns = mopt__clock_ns() + UINT64_C(5000000000),
                                 .max_memory_bytes = mopt__current_rss() + MEMORY_MAX};
    int64_t version = mopt__graph_opset(facet->model->graph, facet->op->domain);
    enum mopt_status status =
        mopt__eval_node(facet->node, version, facet->inputs, facet->outputs, &budget, err);
    if (status == MOPT_E_INTERNAL || (status != MOPT_OK && err->text[0] == '\0')) {
        (void)snprintf(facet->reason, sizeof facet->reason, "eval says: '%.400s'", err->text);
    }
    return status;
}

static bool told(struct facet *facet, const char *what, uint32_t i, const struct mopt_type *type,
                 const struct mopt_tensor *tensor)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(facet->model->dims, type, &text);
    (void)snprintf(facet->reason, sizeof facet->reason,
                   "%s of output %u: %s was inferred, %s of rank %d came", what, i,
                   mopt__strbuf_text(&text), mopt__dtype_name(tensor->dtype), tensor->rank);
    mopt__strbuf_release(&text);
    return false;
}

static bool tensor_holds(struct facet *facet, uint32_t i, const struct mopt_tensor *tensor)
{
    const struct mopt_value *value = facet->node->outputs[i];
    const struct mopt_type *type = value->type;
    if (type->kind != MOPT_TYPE_TENSOR) {
        return told(facet, "kind", i, type, tensor);
    }
    if (type->dtype != MOPT_UNDEFINED && type->dtype != tensor->dtype) {
        return told(facet, "type", i, type, tensor);
    }
    if (type->rank >= 0 && type->rank != tensor->rank) {
        return told(facet, "rank", i, type, tensor);
    }
    for (int k = 0; k < type->rank; k++) {
        if (type->dims[k] >= 0 && type->dims[k] != tensor->dims[k]) {
            return told(facet, "a dim", i, type, tensor);
        }
    }
    for (size_t k = 0; value->ints != NULL && k < value->ints->count; k++) {
        int64_t known;
        if (mopt__dim_is_known(facet->model->dims, value->ints->items[k], &known) &&
            (k >= tensor->count || known != mopt__tensor_i64_at(tensor, k))) {
            return told(facet, "an int", i, type, tensor);
        }
    }
    return true;
}

static bool holds(struct facet *facet, uint32_t i)
{
    const struct mopt_type *type = facet->node->outputs[i]->type;
    const struct mopt_datum *datum = facet->outputs[i];
    if (datum == NULL || type == NULL || type->kind == MOPT_TYPE_NONE) {
        return true;
    }
    const struct mopt_param *param = mopt__op_output(facet->op, i);
    if (datum->kind == MOPT_DATUM_TENSOR) {
        return (param->dtypes & MOPT_DT(datum->tensor->dtype)) != 0
                   ? tensor_holds(facet, i, datum->tensor)
                   : told(facet, "type that the schema forbids", i, type, datum->tensor);
    }
    enum mopt_type_kind kind =
        datum->kind == MOPT_DATUM_SEQUENCE ? MOPT_TYPE_SEQUENCE : MOPT_TYPE_OPTIONAL;
    bool element = type->element == NULL || type->element->dtype == MOPT_UNDEFINED ||
                   type->element->dtype == datum->dtype || datum->kind != MOPT_DATUM_SEQUENCE;
    if (type->kind != kind || !element) {
        (void)snprintf(facet->reason, sizeof facet->reason, "output %u is of another kind", i);
        return false;
    }
    return true;
}

bool facet_agrees(struct facet *facet, bool *computed)
{
    struct mopt_error err, doubt;
    mopt_error_clear(&err);
    mopt_error_clear(&doubt);
    *computed = false;
    enum mopt_status checked = mopt__op_check(facet->node, &err);
    enum mopt_status inferred = mopt__infer_model(facet->model, MOPT_INFER_STRICT, &doubt);
    if (inferred == MOPT_E_INTERNAL || (inferred != MOPT_OK && doubt.text[0] == '\0')) {
        (void)snprintf(facet->reason, sizeof facet->reason, "infer says: '%.400s'", doubt.text);
        return false;
    }
    enum mopt_status status = facet_eval(facet, &err);
    if (facet->reason[0] != '\0') {
        return false;
    }
    if (status != MOPT_OK || checked != MOPT_OK) {
        return true;
    }
    *computed = true;
    if (inferred != MOPT_OK) {
        (void)snprintf(facet->reason, sizeof facet->reason,
                       "infer refuses what eval computes: %.300s", doubt.text);
        return false;
    }
    for (uint32_t i = 0; i < facet->node->output_count; i++) {
        if (!holds(facet, i)) {
            return false;
        }
    }
    return true;
}

void facet_show(const struct facet *facet)
{
    struct mopt_strbuf text = {0};
    struct mopt_error err;
    const struct mopt_text_options options = {.max_elements = 16, .types = true};
    (void)mopt__text_print(facet->model, &options, &text, &err);
    print_message("%s (%s) since %d: %s\n%s\n", facet->op->name, facet->op->domain,
                  facet->op->since, facet->reason, mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
}
