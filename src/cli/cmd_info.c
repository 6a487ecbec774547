// SPDX-License-Identifier: Apache-2.0
// mopt info: what a model is made of; several models stand side by side.
#include <string.h>

#include "cli/report.h"

enum { MODELS_MAX = MOPT_TABLE_COLUMNS - 1 };

struct subject {
    const char *path;
    struct mopt_model *model;
    struct mopt_facts facts;
};

static void versions(const struct mopt_model *model, struct mopt_strbuf *out)
{
    for (size_t i = 0; i < model->opsets.count; i++) {
        const struct mopt_opset *opset = &model->opsets.items[i];
        mopt__strbuf_printf(out, "%s%s%s%lld", i > 0 ? ", " : "", opset->domain,
                            *opset->domain != '\0' ? " " : "", (long long)opset->version);
    }
}

static void producer(const struct mopt_model *model, struct mopt_strbuf *out)
{
    mopt__strbuf_printf(out, "%s%s%s", model->producer_name != NULL ? model->producer_name : "-",
                        model->producer_version != NULL ? " " : "",
                        model->producer_version != NULL ? model->producer_version : "");
}

static void parameter_types(const struct mopt_facts *facts, struct mopt_strbuf *out)
{
    for (int i = 1; i < MOPT_DTYPE_COUNT; i++) {
        if (facts->dtype_elements[i] > 0) {
            double part = 100.0 * (double)facts->dtype_elements[i] / (double)facts->parameters;
            mopt__strbuf_printf(out, "%s%s %.*f %%", out->length > 0 ? ", " : "",
                                mopt__dtype_name((enum mopt_dtype)i), part < 10 ? 1 : 0, part);
        }
    }
}

enum property {
    FILE_SIZE,
    PRODUCER,
    FORMAT,
    OPSETS,
    NODES,
    PARAMETERS,
    WEIGHTS,
    TYPES,
    MACS,
    QUANTIZATION,
    SPARSITY,
    PROPERTIES
};
static const char *const titles[] = {"file",          "producer",   "IR version", "opset",
                                     "nodes",         "parameters", "weights",    "parameter types",
                                     "multiply-adds", "quantized",  "zeros"};

static void nodes_text(const struct mopt_facts *facts, struct mopt_strbuf *out)
{
    mopt__strbuf_printf(out, "%zu", facts->nodes);
    if (facts->subgraphs > 0) {
        mopt__strbuf_printf(out, ", %zu sub-graphs", facts->subgraphs);
    }
    if (facts->functions > 0) {
        mopt__strbuf_printf(out, ", %zu functions", facts->functions);
    }
}

static void property_text(const struct subject *subject, int property, struct mopt_strbuf *out)
{
    const struct mopt_facts *facts = &subject->facts;
    const struct mopt_model *model = subject->model;
    char buf[32];
    switch (property) {
    case FILE_SIZE:
        mopt__strbuf_add(out, mopt__format_bytes(buf, sizeof buf, (double)facts->file_bytes));
        mopt__strbuf_add(out, facts->external > 0 ? ", with external data" : "");
        break;
    case PRODUCER:
        producer(model, out);
        break;
    case FORMAT:
        mopt__strbuf_printf(out, "%lld", (long long)model->ir_version);
        break;
    case OPSETS:
        versions(model, out);
        break;
    case NODES:
        nodes_text(facts, out);
        break;
    case PARAMETERS:
        mopt__strbuf_add(out, mopt__format_count(buf, sizeof buf, (double)facts->parameters));
        break;
    case WEIGHTS:
        mopt__strbuf_add(out, mopt__format_bytes(buf, sizeof buf, (double)facts->weight_bytes));
        break;
    case TYPES:
        parameter_types(facts, out);
        break;
    case MACS:
        mopt__strbuf_add(out, mopt__report_macs(facts, buf));
        break;
    case QUANTIZATION:
        mopt__strbuf_add(out, mopt__facts_quantization(facts));
        break;
    default:
        if (facts->float_parameters > 0) {
            mopt__strbuf_printf(out, "%.1f %%",
                                100.0 * (double)facts->zeros / (double)facts->float_parameters);
        } else {
            mopt__strbuf_add(out, "-");
        }
    }
}

static void property_table(struct mopt_cli *cli, const struct subject *subjects, size_t count)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "", false);
    for (size_t i = 0; i < count; i++) {
        mopt__table_column(&table, mopt__path_basename(subjects[i].path), false);
    }
    for (int property = 0; property < PROPERTIES; property++) {
        mopt__table_cell(&table, "%s", titles[property]);
        for (size_t i = 0; i < count; i++) {
            struct mopt_strbuf text = {0};
            property_text(&subjects[i], property, &text);
            table.failed = table.failed || text.failed;
            mopt__table_cell(&table, "%s", mopt__strbuf_text(&text));
            mopt__strbuf_release(&text);
        }
    }
    mopt__job_print_table(cli, &table);
    mopt__table_release(&table);
}

static void add_values(struct mopt_table *table, const struct mopt_model *model, const char *kind,
                       const struct mopt_value_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];
        bool initialised = value->is_input && (value->constant != NULL || value->sparse != NULL);
        if (strcmp(kind, "input") == 0 && initialised) {
            continue;
        }
        const struct mopt_type *type = value->declared != NULL ? value->declared : value->type;
        char *text = mopt__report_type(model, type);
        table->failed = table->failed || text == NULL;
        mopt__table_cell(table, "%s", kind);
        mopt__table_cell(table, "%s", value->name);
        mopt__table_cell(table, "%s", text != NULL ? text : "");
        mopt__free(text);
    }
}

static void interface_table(struct mopt_cli *cli, const struct subject *subject, bool titled)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "", false);
    mopt__table_column(&table, "name", false);
    mopt__table_column(&table, "type", false);
    add_values(&table, subject->model, "input", &subject->model->graph->inputs);
    add_values(&table, subject->model, "output", &subject->model->graph->outputs);
    mopt__strbuf_add_char(&cli->text, '\n');
    if (titled) {
        struct mopt_error buf;
        mopt__strbuf_printf(&cli->text, "%s\n", mopt__clean(&buf, subject->path));
    }
    mopt__job_print_table(cli, &table);
    mopt__table_release(&table);
}

static bool same_op(const struct mopt_op_fact *a, const struct mopt_op_fact *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->domain, b->domain) == 0;
}

static bool shown_before(const struct subject *subjects, size_t end, const struct mopt_op_fact *op)
{
    for (size_t i = 0; i < end; i++) {
        for (size_t k = 0; k < subjects[i].facts.op_count; k++) {
            if (same_op(&subjects[i].facts.ops[k], op)) {
                return true;
            }
        }
    }
    return false;
}

static void op_row(struct mopt_table *table, const struct subject *subjects, size_t count,
                   const struct mopt_op_fact *op)
{
    mopt__table_cell(table, "%s%s%s%s", op->domain, *op->domain != '\0' ? "::" : "", op->name,
                     op->known ? "" : " (unknown)");
    for (size_t i = 0; i < count; i++) {
        const struct mopt_op_fact *own = mopt__facts_op(&subjects[i].facts, op->domain, op->name);
        mopt__table_cell(table, "%zu", own != NULL ? own->count : 0);
        if (count == 1) {
            char buf[32];
            bool macs = own != NULL && own->macs > 0;
            mopt__table_cell(table, "%s",
                             macs ? mopt__format_count(buf, sizeof buf, (double)own->macs) : "");
        }
    }
}

static void op_table(struct mopt_cli *cli, const struct subject *subjects, size_t count)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "operator", false);
    for (size_t i = 0; i < count; i++) {
        mopt__table_column(&table, count == 1 ? "count" : mopt__path_basename(subjects[i].path),
                           true);
    }
    if (count == 1) {
        mopt__table_column(&table, "multiply-adds", true);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < subjects[i].facts.op_count; k++) {
            const struct mopt_op_fact *op = &subjects[i].facts.ops[k];
            if (!shown_before(subjects, i, op)) {
                op_row(&table, subjects, count, op);
            }
        }
    }
    mopt__strbuf_add_char(&cli->text, '\n');
    mopt__job_print_table(cli, &table);
    mopt__table_release(&table);
}

// ---- JSON ---------------------------------------------------------------------------------------

static void values_json(cJSON *parent, const char *name, const struct mopt_model *model,
                        const struct mopt_value_list *list)
{
    cJSON *array = mopt__json_array(parent, name);
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];
        if (value->is_input && strcmp(name, "inputs") == 0 &&
            (value->constant != NULL || value->sparse != NULL)) {
            continue;
        }
        cJSON *item = mopt__json_object(array, NULL);
        char *text = mopt__report_type(model, value->declared ? value->declared : value->type);
        mopt__json_text(item, "name", value->name);
        mopt__json_text(item, "type", text);
        mopt__free(text);
    }
}

static void subject_json(cJSON *list, const struct subject *subject)
{
    const struct mopt_model *model = subject->model;
    cJSON *object = mopt__json_object(list, NULL);
    mopt__json_text(object, "path", subject->path);
    mopt__json_int(object, "ir_version", model->ir_version);
    mopt__json_text(object, "producer", model->producer_name);
    mopt__json_text(object, "producer_version", model->producer_version);
    cJSON *opsets = mopt__json_array(object, "opsets");
    for (size_t i = 0; i < model->opsets.count; i++) {
        cJSON *item = mopt__json_object(opsets, NULL);
        mopt__json_text(item, "domain", model->opsets.items[i].domain);
        mopt__json_int(item, "version", model->opsets.items[i].version);
    }
    values_json(object, "inputs", model, &model->graph->inputs);
    values_json(object, "outputs", model, &model->graph->outputs);
    mopt__report_facts_json(object, "facts", &subject->facts);
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status look_at(struct mopt_cli *cli, struct subject *subject,
                                struct mopt_error *err)
{
    struct mopt_job_feed dims = {0};
    enum mopt_status status = mopt__job_load(cli, subject->path, "model", &subject->model, err);
    if (status == MOPT_OK) {
        status = mopt__job_bindings(cli, &dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__facts_gather(subject->model, dims.bindings, dims.binding_count,
                                    &subject->facts, err);
        status = status != MOPT_OK ? mopt_error_wrap(err, "model '%s'", subject->path) : MOPT_OK;
    }
    mopt__job_feed_close(&dims);
    return status;
}

// What int8 weights would save: three of four bytes of every float parameter.
static void conclude(struct mopt_cli *cli, const struct mopt_facts *facts)
{
    char saved[32];
    double bytes = 0.75 * (double)facts->dtype_bytes[MOPT_FLOAT32];
    if (bytes < 0.1 * (double)facts->file_bytes) {
        mopt__job_verdict(cli, "read");
        return;
    }
    mopt__job_verdict(cli, "read; int8 weights would save about %s (%.0f %% of the file)",
                      mopt__format_bytes(saved, sizeof saved, bytes),
                      100 * bytes / (double)facts->file_bytes);
}

static void suggest(struct mopt_cli *cli, const struct subject *subject)
{
    conclude(cli, &subject->facts);
    char *name = mopt__report_name(subject->path, "opt");
    if (name != NULL) {
        mopt__job_next(cli, "mopt optimize %s -o %s", subject->path, name);
    }
    mopt__free(name);
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    size_t count = cli->options.positional_count;
    if (count > MODELS_MAX) {
        return mopt_error_set(err, MOPT_E_USAGE, "at most %d models side by side", MODELS_MAX);
    }
    struct subject *subjects = mopt__calloc(count, sizeof *subjects);
    if (subjects == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        subjects[i].path = cli->options.positionals[i];
        status = look_at(cli, &subjects[i], err);
    }
    if (status == MOPT_OK) {
        cJSON *list = mopt__json_array(cli->envelope.result, "models");
        property_table(cli, subjects, count);
        for (size_t i = 0; i < count; i++) {
            interface_table(cli, &subjects[i], count > 1);
            subject_json(list, &subjects[i]);
        }
        op_table(cli, subjects, count);
        suggest(cli, &subjects[0]);
    }
    for (size_t i = 0; i < count; i++) {
        mopt__facts_release(&subjects[i].facts);
        mopt__model_free(subjects[i].model);
    }
    mopt__free(subjects);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_FORMAT,
    MOPT_ROW_DIM,
};

static const struct mopt_example examples[] = {
    {"mopt info model.onnx", "Size, cost, inputs and outputs, operators."},
    {"mopt info model.onnx model.int8.onnx", "Several models side by side."},
    {"mopt info yolo.onnx --dim height=640 --dim width=640",
     "Multiply-adds at sizes that the model leaves open."},
};

const struct mopt_command mopt__command_info = {
    .name = "info",
    .group = MOPT_GROUP_LOOK,
    .summary = "size, parameters, multiply-adds, inputs and outputs, operators",
    .usage = "MODEL...",
    .details = "Multiply-adds count convolutions and matrix products of one run; the batch axis "
               "counts as 1, bodies of If, Loop and Scan count once. \">=\" marks a sum in which "
               "nodes are missing, because their cost depends on open dimensions: see --dim.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = SIZE_MAX,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
