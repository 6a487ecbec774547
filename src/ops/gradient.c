// SPDX-License-Identifier: Apache-2.0
// Gradient (ai.onnx.preview.training): slopes of one value of the graph around the node, seen as a
// function of others that the node names. The function is run forward from the inputs of the node,
// then the slopes go backward (reverse accumulation); the seed is one for every element of y. It
// knows no operator: gradient_rules.c does.
#include "ops/gradient.h"

#include <string.h>

#include "ops/infer.h"
#include "ops/nn_util.h"
#include "ops/record.h"

struct cell { // of one value of the graph, by its id
    struct mopt_datum *datum;
    double *slope;
    bool given;  // named by xs or zs
    bool needed; // y depends on it
    bool active; // it depends on xs
};

struct walk {
    struct mopt_eval *eval;
    const struct mopt_graph *graph;
    struct cell *cells;
    size_t cell_count;
    const struct mopt_node **nodes; // those that y needs, in order
    size_t node_count;
    const struct mopt_value *target;
};

static enum mopt_status find(const struct walk *walk, const char *name, size_t size,
                             const struct mopt_value **out, struct mopt_error *err)
{
    char text[256];
    *out = NULL;
    if (size < sizeof text && memchr(name, 0, size) == NULL) {
        memcpy(text, name, size);
        text[size] = '\0';
        *out = mopt__value_find(walk->graph, text);
    }
    if (*out != NULL && (*out)->id < walk->cell_count) {
        return MOPT_OK;
    }
    (void)mopt_error_set(err, MOPT_E_VALUE, "there is no value '%.*s' in this graph",
                         (int)(size < 200 ? size : 200), name);
    return MOPT_E_VALUE;
}

// Takes the inputs of the node as the values that `list` names.
static enum mopt_status give(struct walk *walk, const char *list, bool active, uint32_t *input,
                             struct mopt_error *err)
{
    const struct mopt_string *names = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__attr_strings(walk->eval->node, list, &names, &count, err);
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        const struct mopt_value *value = NULL;
        status = find(walk, names[i].data, names[i].size, &value, err);
        if (status != MOPT_OK) {
            return status;
        }
        struct cell *cell = &walk->cells[value->id];
        const struct mopt_tensor *tensor = mopt__eval_input(walk->eval, *input);
        if (tensor == NULL || cell->given) {
            return mopt_error_set(err, MOPT_E_VALUE, "value '%s' of %s %s", value->name, list,
                                  cell->given ? "is named twice" : "has no input");
        }
        cell->datum = mopt__datum_ref(walk->eval->inputs[*input]);
        cell->given = true;
        cell->active = active && mopt__dtype_is_float(tensor->dtype);
        (*input)++;
    }
    return status;
}

static enum mopt_status open_walk(struct walk *walk, struct mopt_error *err)
{
    const struct mopt_node *node = walk->eval->node;
    uint32_t input = 0;
    walk->graph = node->graph;
    walk->cell_count = walk->graph->model->value_count;
    walk->cells = mopt__calloc(walk->cell_count + 1, sizeof *walk->cells);
    walk->nodes = mopt__calloc(walk->graph->node_count + 1, sizeof(struct mopt_node *));
    if (walk->cells == NULL || walk->nodes == NULL) {
        (void)mopt_error_memory(err);
        return MOPT_E_MEMORY;
    }
    enum mopt_status status = give(walk, "xs", true, &input, err);
    if (status == MOPT_OK && node->output_count > input) {
        return mopt_error_set(err, MOPT_E_FORMAT, "%u outputs for %u values in xs",
                              node->output_count, input);
    }
    if (status == MOPT_OK) {
        status = give(walk, "zs", false, &input, err);
    }
    if (status == MOPT_OK && input != node->input_count) {
        return mopt_error_set(err, MOPT_E_FORMAT, "%u inputs for %u values in xs and zs",
                              node->input_count, input);
    }
    return status;
}

// ---- Forward ------------------------------------------------------------------------------------

static bool makes_needed(const struct walk *walk, const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];
        if (value != NULL && walk->cells[value->id].needed && !walk->cells[value->id].given) {
            return true;
        }
    }
    return false;
}

// Collects the nodes between xs, zs and y; the graph's order is topological.
static void collect(struct walk *walk)
{
    walk->cells[walk->target->id].needed = true;
    for (const struct mopt_node *node = walk->graph->last; node != NULL; node = node->prev) {
        if (!makes_needed(walk, node)) {
            continue;
        }
        walk->nodes[walk->node_count++] = node;
        for (uint32_t i = 0; i < node->input_count; i++) {
            if (node->inputs[i].value != NULL) {
                walk->cells[node->inputs[i].value->id].needed = true;
            }
        }
    }
    for (size_t i = 0; i < walk->node_count / 2; i++) {
        const struct mopt_node *swap = walk->nodes[i];
        walk->nodes[i] = walk->nodes[walk->node_count - 1 - i];
        walk->nodes[walk->node_count - 1 - i] = swap;
    }
}

static enum mopt_status take_value(struct walk *walk, const struct mopt_value *value,
                                   struct mopt_datum **out, struct mopt_error *err)
{
    struct cell *cell = &walk->cells[value->id];
    enum mopt_status status = MOPT_OK;
    if (cell->datum == NULL && value->constant != NULL) {
        status = mopt__datum_tensor(value->constant, &cell->datum, err);
    }
    if (status == MOPT_OK && cell->datum == NULL) {
        status = mopt_error_set(err, MOPT_E_VALUE, "value '%s' is not determined by xs and zs",
                                value->name);
    }
    *out = cell->datum;
    return status;
}

static enum mopt_status run_node(struct walk *walk, const struct mopt_node *node,
                                 struct mopt_error *err)
{
    const size_t total = (size_t)node->input_count + node->output_count + 1;
    struct mopt_datum **data = mopt__calloc(total, sizeof(struct mopt_datum *));
    if (data == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__budget_check(walk->eval->budget, err);
    bool active = false;
    for (uint32_t i = 0; status == MOPT_OK && i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        if (value != NULL) {
            status = take_value(walk, value, &data[i], err);
            active = active || walk->cells[value->id].active;
        }
    }
    struct mopt_datum **outputs = data + node->input_count;
    if (status == MOPT_OK) {
        const int64_t version = mopt__graph_opset(node->graph, node->domain);
        status = mopt__eval_node(node, version, data, outputs, walk->eval->budget, err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];
        if (value == NULL || walk->cells[value->id].datum != NULL) {
            mopt__datum_unref(outputs[i]);
        } else {
            walk->cells[value->id].datum = outputs[i];
            walk->cells[value->id].active = active;
        }
    }
    mopt__free(data);
    return status;
}

static enum mopt_status run_forward(struct walk *walk, struct mopt_error *err)
{
    const char *name = "";
    enum mopt_status status = mopt__attr_string(walk->eval->node, "y", "", &name, err);
    if (status == MOPT_OK) {
        status = find(walk, name, strlen(name), &walk->target, err);
    }
    if (status != MOPT_OK || walk->target == NULL) {
        return status;
    }
    collect(walk);
    for (size_t i = 0; status == MOPT_OK && i < walk->node_count; i++) {
        const struct mopt_node *node = walk->nodes[i];
        if (node->function != NULL || node->op == NULL ||
            (node->op->traits & MOPT_TRAIT_CONTROL) != 0) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no gradient through node '%s' (%s)",
                                  mopt__node_label(node), node->op_type);
        }
        status = run_node(walk, node, err);
    }
    struct mopt_datum *target;
    return status == MOPT_OK ? take_value(walk, walk->target, &target, err) : status;
}

// ---- Backward -----------------------------------------------------------------------------------

// The slope of an active tensor, zero when it is new; *out = NULL for all others.
static enum mopt_status slope_of(struct walk *walk, const struct mopt_value *value, double **out,
                                 struct mopt_error *err)
{
    *out = NULL;
    if (value == NULL || !walk->cells[value->id].active) {
        return MOPT_OK;
    }
    struct cell *cell = &walk->cells[value->id];
    if (cell->datum->kind != MOPT_DATUM_TENSOR) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "value '%s' is no tensor", value->name);
    }
    if (cell->slope == NULL && mopt__dtype_is_float(cell->datum->tensor->dtype)) {
        cell->slope = mopt__nn_zeros(cell->datum->tensor->count + 1, err);
        if (cell->slope == NULL) {
            return MOPT_E_MEMORY;
        }
    }
    *out = cell->slope;
    return MOPT_OK;
}

static enum mopt_status pass_back(struct walk *walk, const struct mopt_node *node,
                                  struct mopt_error *err)
{
    const size_t count = node->input_count + (size_t)1;
    double **slopes = mopt__calloc(count, sizeof(double *));
    const struct mopt_tensor **inputs = mopt__calloc(count, sizeof(struct mopt_tensor *));
    if (slopes == NULL || inputs == NULL) {
        mopt__free(slopes);
        mopt__free(inputs);
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; status == MOPT_OK && i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        status = slope_of(walk, value, &slopes[i], err);
        inputs[i] = value != NULL ? walk->cells[value->id].datum->tensor : NULL;
    }
    if (status == MOPT_OK) {
        const struct cell *out = &walk->cells[node->outputs[0]->id];
        const struct mopt_gradient gradient = {.node = node,
                                               .inputs = inputs,
                                               .output = out->datum->tensor,
                                               .slope = out->slope,
                                               .slopes = slopes,
                                               .budget = walk->eval->budget};
        status = mopt__gradient_add(&gradient, err);
    }
    mopt__free(slopes);
    mopt__free(inputs);
    return status == MOPT_OK
               ? MOPT_OK
               : mopt_error_wrap(err, "gradient of node '%s'", mopt__node_label(node));
}

static enum mopt_status run_backward(struct walk *walk, struct mopt_error *err)
{
    double *seed = NULL;
    enum mopt_status status = slope_of(walk, walk->target, &seed, err);
    const struct mopt_datum *target = walk->cells[walk->target->id].datum;
    for (size_t i = 0; status == MOPT_OK && seed != NULL && i < target->tensor->count; i++) {
        seed[i] = 1;
    }
    for (size_t i = walk->node_count; status == MOPT_OK && i-- > 0;) {
        const struct mopt_node *node = walk->nodes[i];
        bool later = false; // an output behind the first one counts
        for (uint32_t k = 1; k < node->output_count; k++) {
            later = later ||
                    (node->outputs[k] != NULL && walk->cells[node->outputs[k]->id].slope != NULL);
        }
        if (later) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                                  "no gradient through the later outputs of node '%s' (%s)",
                                  mopt__node_label(node), node->op_type);
        }
        if (node->outputs[0] != NULL && walk->cells[node->outputs[0]->id].slope != NULL) {
            status = pass_back(walk, node, err);
        }
    }
    return status;
}

static enum mopt_status put_slopes(struct walk *walk, struct mopt_error *err)
{
    const struct mopt_string *names = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__attr_strings(walk->eval->node, "xs", &names, &count, err);
    for (uint32_t i = 0; status == MOPT_OK && i < walk->eval->output_count; i++) {
        const struct mopt_value *value = NULL;
        const struct mopt_tensor *x = mopt__eval_input(walk->eval, i);
        struct mopt_tensor *out = NULL;
        status = find(walk, names[i].data, names[i].size, &value, err);
        if (status == MOPT_OK) {
            status = mopt__eval_output(walk->eval, i, x->dtype, x->rank, x->dims, &out, err);
        }
        const double *slope = status == MOPT_OK ? walk->cells[value->id].slope : NULL;
        for (size_t k = 0; status == MOPT_OK && k < x->count; k++) {
            mopt__nn_store_at(out, k, slope != NULL ? slope[k] : 0);
        }
    }
    return status;
}

static enum mopt_status gradient_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct walk walk = {.eval = eval};
    enum mopt_status status = open_walk(&walk, err);
    if (status == MOPT_OK) {
        status = run_forward(&walk, err);
    }
    if (status == MOPT_OK) {
        status = run_backward(&walk, err);
    }
    if (status == MOPT_OK) {
        status = put_slopes(&walk, err);
    }
    for (size_t i = 0; walk.cells != NULL && i < walk.cell_count; i++) {
        mopt__datum_unref(walk.cells[i].datum);
        mopt__free(walk.cells[i].slope);
    }
    mopt__free(walk.cells);
    mopt__free(walk.nodes);
    return status;
}

static enum mopt_status gradient_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    const uint32_t count = infer->node->output_count < infer->node->input_count
                               ? infer->node->output_count
                               : infer->node->input_count;
    for (uint32_t i = 0; status == MOPT_OK && i < count; i++) {
        const struct mopt_type *x = mopt__infer_tensor(infer, i);
        if (x != NULL) {
            status = mopt__infer_set(infer, i, x->dtype, x->rank, x->dims, err);
        }
    }
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "ai.onnx.preview.training",
     .name = "Gradient",
     .since = 1,
     .summary = "slopes of a value of the graph with respect to others",
     MOPT_INPUTS({"Inputs", "T1", MOPT_SET_ALL, MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS}),
     MOPT_OUTPUTS(
         {"Outputs", "T2", MOPT_SET_FLOATS, MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS}),
     MOPT_ATTRIBUTES({.name = "xs", .kind = MOPT_ATTR_STRINGS, .required = true},
                     MOPT_A_STRING_REQUIRED("y", NULL), {.name = "zs", .kind = MOPT_ATTR_STRINGS}),
     .traits = MOPT_TRAIT_STATE | MOPT_TRAIT_NAMES,
     .infer = gradient_infer,
     .eval = gradient_eval},
};
const struct mopt_op_family mopt__ops_gradient = {records, MOPT_COUNTOF(records)};
