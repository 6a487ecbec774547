// SPDX-License-Identifier: Apache-2.0
// Counts what a model consists of and what one run costs.
#include "measure/facts.h"

#include <stdlib.h>
#include <string.h>

#include "ir/inline.h"
#include "onnx/onnx.h"
#include "ops/ops.h"

struct gather {
    struct mopt_facts *facts;
    struct mopt_map index; // "domain::name" -> number of the row + 1
};

static uint64_t count_zeros(const struct mopt_tensor *tensor)
{
    uint64_t zeros = 0;
    if (tensor->dtype == MOPT_FLOAT32) {
        const float *data = tensor->data;
        for (size_t i = 0; i < tensor->count; i++) {
            zeros += data[i] == 0;
        }
        return zeros;
    }
    for (size_t i = 0; i < tensor->count; i++) {
        zeros += mopt__tensor_f64(tensor, i) == 0;
    }
    return zeros;
}

static void add_tensor(struct mopt_facts *facts, const struct mopt_tensor *tensor,
                       const struct mopt_tensor_source *source)
{
    facts->parameters += tensor->count;
    facts->weight_bytes += tensor->bytes;
    if (mopt__dtype_valid((int)tensor->dtype)) {
        facts->dtype_elements[tensor->dtype] += tensor->count;
        facts->dtype_bytes[tensor->dtype] += tensor->bytes;
    }
    if (mopt__dtype_is_float(tensor->dtype)) {
        facts->float_parameters += tensor->count;
        facts->zeros += count_zeros(tensor);
    }
    facts->external += source != NULL && source->storage == MOPT_STORE_EXTERNAL;
}

static struct mopt_op_fact *op_row(struct gather *gather, const struct mopt_node *node,
                                   struct mopt_error *err)
{
    struct mopt_facts *facts = gather->facts;
    size_t offset = strlen(node->domain) + 2; // of the name in the key
    char *key = mopt__arena_printf(&facts->arena, "%s::%s", node->domain, node->op_type);
    if (key == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    uintptr_t found = (uintptr_t)mopt__map_find(&gather->index, key);
    if (found != 0) {
        return &facts->ops[found - 1];
    }
    const char *domain = mopt__arena_strndup(&facts->arena, key, offset - 2);
    if (domain == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    if (mopt__grow((void **)&facts->ops, &facts->op_capacity, facts->op_count + 1,
                   sizeof *facts->ops, err) != MOPT_OK ||
        mopt__map_put(&gather->index, key,
                      (void *)(uintptr_t)(facts->op_count + 1), // NOLINT: a small number
                      err) != MOPT_OK) {
        return NULL;
    }
    facts->ops[facts->op_count] =
        (struct mopt_op_fact){.domain = domain, .name = key + offset, .known = true};
    return &facts->ops[facts->op_count++];
}

static void count_quantization(struct mopt_facts *facts, const struct mopt_node *node)
{
    const char *name = node->op_type;
    size_t length = strlen(name);
    bool integer = length > 7 && strcmp(name + length - 7, "Integer") == 0;
    if (strcmp(name, "QuantizeLinear") == 0) {
        facts->quantize_nodes++;
    } else if (strcmp(name, "DequantizeLinear") == 0) {
        facts->dequantize_nodes++;
    } else if (integer || strncmp(name, "QLinear", 7) == 0 ||
               strcmp(name, "DynamicQuantizeLinear") == 0) {
        facts->integer_nodes++;
    }
}

static void count_attributes(struct mopt_facts *facts, const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const struct mopt_attribute *attribute = &node->attributes[i];
        if (attribute->kind == MOPT_ATTR_TENSOR && strcmp(node->op_type, "Constant") == 0) {
            add_tensor(facts, attribute->t,
                       attribute->sources != NULL ? attribute->sources[0] : NULL);
        } else if (attribute->kind == MOPT_ATTR_GRAPH) {
            facts->subgraphs++;
        } else if (attribute->kind == MOPT_ATTR_GRAPHS) {
            facts->subgraphs += attribute->count;
        }
    }
}

static enum mopt_status count_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct gather *gather = context;
    struct mopt_facts *facts = gather->facts;
    for (size_t i = 0; i < graph->initializers.count; i++) {
        const struct mopt_value *value = graph->initializers.items[i];
        add_tensor(facts, value->constant, value->source);
    }
    for (size_t i = 0; i < graph->sparse_initializers.count; i++) {
        const struct mopt_value *value = graph->sparse_initializers.items[i];
        add_tensor(facts, value->sparse->values, value->source);
    }
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        struct mopt_op_fact *row = op_row(gather, node, err);
        if (row == NULL) {
            return MOPT_E_MEMORY;
        }
        row->count++;
        row->known = row->known && (node->op != NULL || node->function != NULL);
        count_quantization(facts, node);
        count_attributes(facts, node);
    }
    return MOPT_OK;
}

// ---- Cost ---------------------------------------------------------------------------------------

struct costing {
    struct gather *gather;
    const struct mopt_dims *dims;
};

static enum mopt_status cost_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct costing *costing = context;
    struct mopt_facts *facts = costing->gather->facts;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->op == NULL || node->op->cost == NULL) {
            continue;
        }
        struct mopt_cost cost = {.node = node, .dims = costing->dims};
        node->op->cost(&cost);
        if (!cost.known) {
            facts->macs_open++;
            continue;
        }
        struct mopt_op_fact *row = op_row(costing->gather, node, err);
        if (row == NULL) {
            return MOPT_E_MEMORY;
        }
        row->macs += cost.macs;
        facts->macs += cost.macs;
        facts->macs_known++;
    }
    return MOPT_OK;
}

// Calls of model functions cost what their bodies do with the call's types: count on an inlined
// copy.
static enum mopt_status add_costs(struct gather *gather, struct mopt_model *model,
                                  const struct mopt_binding *bindings, size_t binding_count,
                                  struct mopt_error *err)
{
    struct mopt_model *copy = NULL;
    enum mopt_status status = MOPT_OK;
    if (model->function_count > 0) {
        status = mopt__model_clone(model, &copy, err);
        if (status == MOPT_OK) {
            status = mopt__model_inline_functions(copy, err);
        }
        if (status == MOPT_OK) {
            status = mopt__infer_model(copy, MOPT_INFER_KEEP, err);
        }
    }
    struct mopt_model *used = copy != NULL ? copy : model;
    struct mopt_dims *dims = status == MOPT_OK ? mopt__dims_clone(used->dims) : NULL;
    if (status == MOPT_OK && dims == NULL) {
        status = mopt_error_memory(err);
    }
    if (status == MOPT_OK) {
        status = mopt__bind_dims(used->graph, dims, bindings, binding_count, 1, err);
    }
    if (status == MOPT_OK) {
        struct costing costing = {.gather = gather, .dims = dims};
        status = mopt__graph_walk(used->graph, cost_graph, &costing, err);
    }
    mopt__dims_free(dims);
    mopt__model_free(copy);
    return status;
}

static int frequent_first(const void *a, const void *b)
{
    const struct mopt_op_fact *x = a;
    const struct mopt_op_fact *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->domain, y->domain);
}

// Rows that only the inlined copy has are no operators of the model.
static void drop_empty_rows(struct mopt_facts *facts)
{
    size_t kept = 0;
    for (size_t i = 0; i < facts->op_count; i++) {
        if (facts->ops[i].count > 0) {
            facts->ops[kept++] = facts->ops[i];
        }
    }
    facts->op_count = kept;
}

enum mopt_status mopt__facts_gather(struct mopt_model *model, const struct mopt_binding *bindings,
                                    size_t binding_count, struct mopt_facts *out,
                                    struct mopt_error *err)
{
    *out = (struct mopt_facts){.nodes = mopt__model_node_count(model),
                               .functions = model->function_count};
    struct gather gather = {.facts = out};
    mopt__arena_init(&out->arena);
    enum mopt_status status = mopt__infer_model(model, MOPT_INFER_KEEP, err);
    if (status == MOPT_OK) {
        status = mopt__onnx_size(model, &out->file_bytes, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_walk(model, count_graph, &gather, err);
    }
    if (status == MOPT_OK) {
        status = add_costs(&gather, model, bindings, binding_count, err);
    }
    mopt__map_release(&gather.index);
    if (status != MOPT_OK) {
        mopt__facts_release(out);
        return status;
    }
    drop_empty_rows(out);
    if (out->op_count > 1) {
        qsort(out->ops, out->op_count, sizeof *out->ops, frequent_first);
    }
    return MOPT_OK;
}

void mopt__facts_release(struct mopt_facts *facts)
{
    mopt__free(facts->ops);
    mopt__arena_release(&facts->arena);
    *facts = (struct mopt_facts){0};
}

const struct mopt_op_fact *mopt__facts_op(const struct mopt_facts *facts, const char *domain,
                                          const char *name)
{
    for (size_t i = 0; i < facts->op_count; i++) {
        if (strcmp(facts->ops[i].name, name) == 0 && strcmp(facts->ops[i].domain, domain) == 0) {
            return &facts->ops[i];
        }
    }
    return NULL;
}

const char *mopt__facts_quantization(const struct mopt_facts *facts)
{
    if (mopt__facts_op(facts, "", "DynamicQuantizeLinear") != NULL) {
        return "dynamic, integer operators";
    }
    if (facts->quantize_nodes > 0) {
        return "static, QDQ pairs";
    }
    if (facts->integer_nodes > 0) {
        return "static, integer operators";
    }
    if (facts->dequantize_nodes > 0) {
        return "weights only";
    }
    return "none";
}
