// SPDX-License-Identifier: Apache-2.0
// The rules of lint.h.
#include "measure/lint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"

enum { OLDEST_OPSET = 7 };

static const struct {
    const char *name;
    enum mopt_severity severity;
    const char *meaning;
} codes[] = {
#define CODE_ROW(id, code, severity, meaning) {code, severity, meaning},
    MOPT_LINT_LIST(CODE_ROW)
#undef CODE_ROW
};

const char *mopt__lint_name(enum mopt_lint_code code)
{
    return codes[code].name;
}

const char *mopt__lint_meaning(enum mopt_lint_code code)
{
    return codes[code].meaning;
}

enum mopt_severity mopt__lint_severity(enum mopt_lint_code code)
{
    return codes[code].severity;
}

struct linter {
    struct mopt_lint *lint;
    struct mopt_model *model;
    size_t limit;
};

// Files a finding; beyond the limit only the last row of the code counts on.
static enum mopt_status report(struct linter *linter, enum mopt_lint_code code, const char *place,
                               const char *text, struct mopt_error *err)
{
    struct mopt_lint *lint = linter->lint;
    lint->severities[codes[code].severity]++;
    if (lint->codes[code]++ >= linter->limit && linter->limit > 0) {
        for (size_t i = lint->count; i-- > 0;) {
            if (lint->rows[i].code == code) {
                lint->rows[i].count++;
                return MOPT_OK;
            }
        }
    }
    struct mopt_lint_row row = {.code = code,
                                .count = 1,
                                .place = mopt__arena_strdup(&lint->arena, place),
                                .text = mopt__arena_strdup(&lint->arena, text)};
    if (row.place == NULL || row.text == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status =
        mopt__grow((void **)&lint->rows, &lint->capacity, lint->count + 1, sizeof *lint->rows, err);
    if (status == MOPT_OK) {
        lint->rows[lint->count++] = row;
    }
    return status;
}

static enum mopt_status report_node(struct linter *linter, enum mopt_lint_code code,
                                    const struct mopt_node *node, const char *text,
                                    struct mopt_error *err)
{
    char *place =
        mopt__arena_printf(&linter->lint->arena, "node '%s' (%s%s%s)", mopt__node_label(node),
                           node->domain, *node->domain != '\0' ? "::" : "", node->op_type);
    return place == NULL ? mopt_error_memory(err) : report(linter, code, place, text, err);
}

static enum mopt_status report_value(struct linter *linter, enum mopt_lint_code code,
                                     const char *kind, const char *name, const char *text,
                                     struct mopt_error *err)
{
    char *place = mopt__arena_printf(&linter->lint->arena, "%s '%s'", kind, name);
    return place == NULL ? mopt_error_memory(err) : report(linter, code, place, text, err);
}

// ---- Weights ------------------------------------------------------------------------------------

static void count_specials(const struct mopt_tensor *tensor, size_t *nans, size_t *infinite)
{
    *nans = *infinite = 0;
    if (!mopt__dtype_is_float(tensor->dtype)) {
        return;
    }
    for (size_t i = 0; i < tensor->count; i++) {
        double x = tensor->dtype == MOPT_FLOAT32 ? (double)((const float *)tensor->data)[i]
                                                 : mopt__tensor_f64(tensor, i);
        *nans += isnan(x) != 0;
        *infinite += isinf(x) != 0;
    }
}

// A single number is no weight, but what to fill something with, or to compare with.
static enum mopt_status lint_tensor(struct linter *linter, const char *kind, const char *name,
                                    const struct mopt_tensor *tensor, struct mopt_error *err)
{
    size_t nans;
    size_t infinite;
    char text[64];
    enum mopt_status status = MOPT_OK;
    if (tensor->count <= 1) {
        return MOPT_OK;
    }
    count_specials(tensor, &nans, &infinite);
    if (nans > 0) {
        (void)snprintf(text, sizeof text, "%zu of %zu values are NaN", nans, tensor->count);
        status = report_value(linter, MOPT_LINT_NAN, kind, name, text, err);
    }
    if (infinite > 0 && status == MOPT_OK) {
        (void)snprintf(text, sizeof text, "%zu of %zu values are infinite", infinite,
                       tensor->count);
        status = report_value(linter, MOPT_LINT_INFINITE, kind, name, text, err);
    }
    return status;
}

static enum mopt_status lint_initializer(struct linter *linter, const struct mopt_value *value,
                                         struct mopt_error *err)
{
    enum mopt_status status = lint_tensor(linter, "initializer", value->name, value->constant, err);
    const struct mopt_tensor_source *source = value->source;
    if (status == MOPT_OK && source != NULL && source->storage == MOPT_STORE_EXTERNAL) {
        status = report_value(linter, MOPT_LINT_EXTERNAL, "initializer", value->name,
                              source->location != NULL ? source->location : "", err);
    }
    if (status == MOPT_OK && mopt__value_is_dead(value)) {
        status = report_value(linter, MOPT_LINT_DEAD_WEIGHT, "initializer", value->name,
                              "optimize removes it", err);
    }
    if (status == MOPT_OK && mopt__value_is_overridable(value)) {
        status = report_value(linter, MOPT_LINT_OVERRIDABLE, "initializer", value->name,
                              "it is also a graph input", err);
    }
    return status;
}

// ---- Nodes --------------------------------------------------------------------------------------

static enum mopt_status lint_operator(struct linter *linter, const struct mopt_node *node,
                                      struct mopt_error *err)
{
    if (node->function != NULL) {
        return MOPT_OK;
    }
    if (node->op == NULL) {
        bool standard = *node->domain == '\0';
        return report_node(linter, standard ? MOPT_LINT_OPERATOR : MOPT_LINT_CUSTOM, node,
                           standard ? "unknown at this opset: a misspelt name, or newer than mopt"
                                    : "it is kept as it is and cannot be run",
                           err);
    }
    struct mopt_error fault;
    mopt_error_clear(&fault);
    if (mopt__op_check(node, &fault) != MOPT_OK) {
        if (fault.status == MOPT_E_MEMORY) {
            return mopt_error_memory(err);
        }
        return report_node(linter, MOPT_LINT_SCHEMA, node, fault.text, err);
    }
    if (node->op->eval == NULL) {
        return report_node(linter, MOPT_LINT_CANNOT_RUN, node, "", err);
    }
    return MOPT_OK;
}

static bool is_dead(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return true;
}

static enum mopt_status lint_node(struct linter *linter, const struct mopt_node *node,
                                  struct mopt_error *err)
{
    enum mopt_status status = lint_operator(linter, node, err);
    if (status == MOPT_OK && is_dead(node)) {
        status = report_node(linter, MOPT_LINT_DEAD_NODE, node, "optimize removes it", err);
    }
    for (uint32_t i = 0; i < node->attribute_count && status == MOPT_OK; i++) {
        if (node->attributes[i].kind == MOPT_ATTR_TENSOR) {
            status =
                lint_tensor(linter, "constant", mopt__node_label(node), node->attributes[i].t, err);
        }
    }
    return status;
}

static enum mopt_status lint_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct linter *linter = context;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < graph->initializers.count && status == MOPT_OK; i++) {
        status = lint_initializer(linter, graph->initializers.items[i], err);
    }
    for (const struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        status = lint_node(linter, node, err);
    }
    return status;
}

// ---- The model ----------------------------------------------------------------------------------

static enum mopt_status lint_structure(struct linter *linter, struct mopt_error *err)
{
    struct mopt_error fault;
    mopt_error_clear(&fault);
    enum mopt_status status = mopt__model_verify(linter->model, &fault);
    if (status == MOPT_E_MEMORY) {
        return mopt_error_memory(err);
    }
    if (status != MOPT_OK) {
        status = report(linter, MOPT_LINT_STRUCTURE, "", fault.text, err);
        return status;
    }
    mopt_error_clear(&fault);
    status = mopt__infer_model(linter->model, MOPT_INFER_STRICT, &fault);
    if (status == MOPT_E_MEMORY) {
        return mopt_error_memory(err);
    }
    return status == MOPT_OK ? MOPT_OK : report(linter, MOPT_LINT_TYPES, "", fault.text, err);
}

static enum mopt_status lint_interface(struct linter *linter, struct mopt_error *err)
{
    const struct mopt_graph *graph = linter->model->graph;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < graph->inputs.count && status == MOPT_OK; i++) {
        const struct mopt_value *input = graph->inputs.items[i];
        if (input->constant == NULL && input->sparse == NULL && mopt__value_is_dead(input)) {
            status = report_value(linter, MOPT_LINT_DEAD_INPUT, "input", input->name, "", err);
        }
    }
    for (size_t i = 0; i < graph->outputs.count && status == MOPT_OK; i++) {
        const struct mopt_value *output = graph->outputs.items[i];
        if (output->type == NULL || output->type->kind == MOPT_TYPE_NONE) {
            status = report_value(linter, MOPT_LINT_OPEN_TYPE, "output", output->name, "", err);
        }
    }
    int64_t opset = mopt__graph_opset(graph, "");
    if (status == MOPT_OK && opset > 0 && opset < OLDEST_OPSET) {
        char text[32];
        (void)snprintf(text, sizeof text, "opset %lld", (long long)opset);
        status = report(linter, MOPT_LINT_OLD_OPSET, "", text, err);
    }
    return status;
}

static int by_severity(const void *a, const void *b)
{
    const struct mopt_lint_row *x = *(const struct mopt_lint_row *const *)a;
    const struct mopt_lint_row *y = *(const struct mopt_lint_row *const *)b;
    int order = (int)codes[x->code].severity - (int)codes[y->code].severity;
    return order != 0 ? order : (x > y) - (x < y);
}

// Stable order by severity: qsort on pointers, whose order is that of the model.
static enum mopt_status sort_rows(struct mopt_lint *lint, struct mopt_error *err)
{
    if (lint->count < 2) {
        return MOPT_OK;
    }
    const struct mopt_lint_row **order = mopt__calloc(lint->count, sizeof *order);
    struct mopt_lint_row *rows = mopt__calloc(lint->count, sizeof *rows);
    if (order == NULL || rows == NULL) {
        mopt__free(order);
        mopt__free(rows);
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < lint->count; i++) {
        order[i] = &lint->rows[i];
    }
    qsort(order, lint->count, sizeof *order, by_severity);
    for (size_t i = 0; i < lint->count; i++) {
        rows[i] = *order[i];
    }
    mopt__free(order);
    mopt__free(lint->rows);
    lint->rows = rows;
    lint->capacity = lint->count;
    return MOPT_OK;
}

enum mopt_status mopt__lint_model(struct mopt_model *model, size_t limit, struct mopt_lint *out,
                                  struct mopt_error *err)
{
    *out = (struct mopt_lint){0};
    mopt__arena_init(&out->arena);
    struct linter linter = {.lint = out, .model = model, .limit = limit};
    enum mopt_status status = lint_structure(&linter, err);
    if (status == MOPT_OK) {
        status = mopt__model_walk(model, lint_graph, &linter, err);
    }
    if (status == MOPT_OK) {
        status = lint_interface(&linter, err);
    }
    if (status == MOPT_OK) {
        status = sort_rows(out, err);
    }
    if (status != MOPT_OK) {
        mopt__lint_release(out);
    }
    return status;
}

void mopt__lint_release(struct mopt_lint *lint)
{
    mopt__free(lint->rows);
    mopt__arena_release(&lint->arena);
    *lint = (struct mopt_lint){0};
}
