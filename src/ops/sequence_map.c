// SPDX-License-Identifier: Apache-2.0
// SequenceMap: a body runs once for every element of a sequence; its outputs make up the resulting
// sequences.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"
#include "ops/stack.h"

static enum mopt_status open_body(const struct mopt_node *node, struct mopt_graph **body,
                                  struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_graph(node, "body", body, err);
    if (status == MOPT_OK && ((*body)->inputs.count != node->input_count ||
                              (*body)->outputs.count < node->output_count)) {
        status = mopt_error_set(err, MOPT_E_FORMAT,
                                "body has %zu inputs and %zu outputs, the node %u and %u",
                                (*body)->inputs.count, (*body)->outputs.count, node->input_count,
                                node->output_count);
    }
    return status;
}

static enum mopt_status sequence_map_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct mopt_graph *body;
    enum mopt_status status = open_body(infer->node, &body, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t inputs = infer->node->input_count;
    struct mopt_fact *facts =
        mopt__arena_alloc(infer->arena, inputs + body->outputs.count + 1, sizeof *facts);
    if (facts == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < inputs; i++) {
        facts[i] = infer->inputs[i];
        if (facts[i].type != NULL && facts[i].type->kind == MOPT_TYPE_SEQUENCE) {
            facts[i] = (struct mopt_fact){.type = facts[i].type->element};
        }
    }
    status = infer->body(infer, body, facts, inputs, facts + inputs, err);
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        const struct mopt_type *element = facts[inputs + i].type;
        if (element != NULL && element->kind == MOPT_TYPE_TENSOR) {
            // The shape may differ from element to element where it is symbolic.
            int64_t dims[MOPT_RANK_MAX];
            for (int k = 0; k < element->rank; k++) {
                dims[k] = element->dims[k] >= 0 ? element->dims[k] : MOPT_DIM_UNKNOWN;
            }
            element = mopt__type_tensor(infer->arena, element->dtype, element->rank, dims);
        }
        const struct mopt_type *type =
            mopt__type_container(infer->arena, MOPT_TYPE_SEQUENCE, element);
        status = type != NULL ? mopt__infer_set_type(infer, i, type) : mopt_error_memory(err);
    }
    return status;
}

struct mapping {
    struct mopt_eval *eval;
    struct mopt_graph *body;
    struct mopt_datum **in;      // [inputs], borrowed
    struct mopt_datum **results; // [outputs][length], owned
    struct mopt_datum **out;     // [body outputs], owned
    size_t length;
};

static enum mopt_status map_element(struct mapping *map, size_t k, struct mopt_error *err)
{
    struct mopt_eval *eval = map->eval;
    for (uint32_t i = 0; i < eval->input_count; i++) {
        struct mopt_datum *input = eval->inputs[i];
        map->in[i] = input;
        if (input == NULL || input->kind != MOPT_DATUM_SEQUENCE) {
            continue;
        }
        if (k >= input->count) {
            return mopt_error_set(err, MOPT_E_SHAPE, "sequence %u has %zu elements, the first %zu",
                                  i, input->count, map->length);
        }
        map->in[i] = input->items[k];
    }
    enum mopt_status status =
        eval->budget != NULL ? mopt__budget_check(eval->budget, err) : MOPT_OK;
    if (status == MOPT_OK) {
        status = eval->body(eval, map->body, map->in, eval->input_count, map->out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        map->results[i * map->length + k] = map->out[i];
        map->out[i] = NULL;
    }
    mopt__data_release(map->out, map->body->outputs.count);
    return status;
}

static enum mopt_dtype element_dtype(const struct mapping *map, size_t i)
{
    const struct mopt_datum *first = map->length > 0 ? map->results[i * map->length] : NULL;
    if (first != NULL && first->kind == MOPT_DATUM_TENSOR) {
        return first->tensor->dtype;
    }
    const struct mopt_value *value = map->body->outputs.items[i];
    const struct mopt_type *type = value->type != NULL ? value->type : value->declared;
    return type != NULL && type->kind == MOPT_TYPE_TENSOR ? type->dtype : MOPT_UNDEFINED;
}

static enum mopt_status map_all(struct mapping *map, struct mopt_error *err)
{
    struct mopt_eval *eval = map->eval;
    enum mopt_status status = MOPT_OK;
    for (size_t k = 0; status == MOPT_OK && k < map->length; k++) {
        status = map_element(map, k, err);
        if (status != MOPT_OK) {
            mopt_error_wrap(err, "element %zu", k);
        }
    }
    for (uint32_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        struct mopt_datum *sequence;
        status = mopt__datum_list(MOPT_DATUM_SEQUENCE, element_dtype(map, i),
                                  map->results + i * map->length, map->length, &sequence, err);
        if (status == MOPT_OK) {
            mopt__eval_set_datum(eval, i, sequence);
            mopt__datum_unref(sequence);
        }
    }
    return status;
}

static enum mopt_status sequence_map_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mapping map = {.eval = eval};
    enum mopt_status status = open_body(eval->node, &map.body, err);
    if (status == MOPT_OK && (eval->body == NULL || eval->inputs[0]->kind != MOPT_DATUM_SEQUENCE)) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "needs a sequence and a runner of bodies");
    }
    if (status != MOPT_OK) {
        return status;
    }
    map.length = eval->inputs[0]->count;
    size_t total;
    if (!mopt__size_mul(map.length, eval->output_count, &total)) {
        return mopt_error_memory(err);
    }
    map.in = mopt__calloc((size_t)eval->input_count + 1, sizeof(struct mopt_datum *));
    map.out = mopt__calloc(map.body->outputs.count + 1, sizeof(struct mopt_datum *));
    map.results = mopt__calloc(total + 1, sizeof(struct mopt_datum *));
    if (map.in == NULL || map.out == NULL || map.results == NULL) {
        status = mopt_error_memory(err);
    } else {
        status = map_all(&map, err);
        mopt__data_release(map.results, total);
        mopt__data_release(map.out, map.body->outputs.count);
    }
    mopt__free(map.in);
    mopt__free(map.out);
    mopt__free(map.results);
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "SequenceMap",
     .since = 17,
     .summary = "runs a body on every element of a sequence",
     MOPT_INPUTS({"input_sequence", "S", MOPT_SET_ALL_25, MOPT_PARAM_SEQUENCE},
                 {"additional_inputs", "V", MOPT_SET_ALL_25,
                  MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS | MOPT_PARAM_OPTIONAL |
                      MOPT_PARAM_ANY}),
     MOPT_OUTPUTS({"out_sequence", "S2", MOPT_SET_ALL_25,
                   MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS | MOPT_PARAM_SEQUENCE}),
     MOPT_ATTRIBUTES({.name = "body", .kind = MOPT_ATTR_GRAPH, .required = true}),
     .traits = MOPT_TRAIT_CONTROL,
     .infer = sequence_map_infer,
     .eval = sequence_map_eval},
};
const struct mopt_op_family mopt__ops_sequence_map = {records, MOPT_COUNTOF(records)};
