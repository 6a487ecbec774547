// SPDX-License-Identifier: Apache-2.0
// Facts of models as tables and JSON.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

char *mopt__report_macs(const struct mopt_facts *facts, char buf[32])
{
    char number[24];
    if (facts->macs == 0 && facts->macs_open > 0) {
        (void)snprintf(buf, 32, "? (see --dim)");
    } else {
        (void)snprintf(buf, 32, "%s%s", facts->macs_open > 0 ? ">= " : "",
                       mopt__format_count(number, sizeof number, (double)facts->macs));
    }
    return buf;
}

char *mopt__report_type(const struct mopt_model *model, const struct mopt_type *type)
{
    struct mopt_strbuf buf = {0};
    mopt__type_print(model->dims, type, &buf);
    char *text = buf.failed ? NULL : mopt__strdup(mopt__strbuf_text(&buf));
    mopt__strbuf_release(&buf);
    return text;
}

char *mopt__report_number(char buf[32], double value)
{
    (void)snprintf(buf, 32, "%.4g", value);
    return buf;
}

char *mopt__report_ms(char buf[32], double seconds)
{
    if (isnan(seconds)) {
        (void)snprintf(buf, 32, "-");
    } else {
        (void)snprintf(buf, 32, "%.*f", seconds < 1e-5 ? 5 : 3, seconds * 1e3);
    }
    return buf;
}

char *mopt__report_name(const char *path, const char *tag)
{
    if (strcmp(path, "-") == 0) {
        path = "model.onnx";
    }
    size_t length = strlen(path);
    size_t stem = length > 5 && strcmp(path + length - 5, ".onnx") == 0 ? length - 5 : length;
    struct mopt_strbuf buf = {0};
    mopt__strbuf_add_bytes(&buf, path, stem);
    mopt__strbuf_printf(&buf, ".%s.onnx", tag);
    char *text = buf.failed ? NULL : mopt__strdup(mopt__strbuf_text(&buf));
    mopt__strbuf_release(&buf);
    return text;
}

static void add_dtypes(cJSON *object, const struct mopt_facts *facts)
{
    cJSON *list = mopt__json_array(object, "parameter_types");
    for (int i = 1; i < MOPT_DTYPE_COUNT; i++) {
        if (facts->dtype_elements[i] > 0) {
            cJSON *item = mopt__json_object(list, NULL);
            mopt__json_text(item, "type", mopt__dtype_name((enum mopt_dtype)i));
            mopt__json_size(item, "elements", facts->dtype_elements[i]);
            mopt__json_size(item, "bytes", facts->dtype_bytes[i]);
        }
    }
}

void mopt__report_facts_json(cJSON *parent, const char *name, const struct mopt_facts *facts)
{
    cJSON *object = mopt__json_object(parent, name);
    mopt__json_size(object, "nodes", facts->nodes);
    mopt__json_size(object, "parameters", facts->parameters);
    mopt__json_size(object, "weight_bytes", facts->weight_bytes);
    mopt__json_size(object, "bytes", facts->file_bytes);
    mopt__json_size(object, "macs", facts->macs);
    mopt__json_size(object, "nodes_with_open_cost", facts->macs_open);
    mopt__json_size(object, "zero_parameters", facts->zeros);
    mopt__json_size(object, "float_parameters", facts->float_parameters);
    mopt__json_size(object, "functions", facts->functions);
    mopt__json_size(object, "subgraphs", facts->subgraphs);
    mopt__json_size(object, "external_tensors", facts->external);
    mopt__json_text(object, "quantization", mopt__facts_quantization(facts));
    add_dtypes(object, facts);
    cJSON *ops = mopt__json_array(object, "operators");
    for (size_t i = 0; i < facts->op_count; i++) {
        cJSON *item = mopt__json_object(ops, NULL);
        mopt__json_text(item, "domain", facts->ops[i].domain);
        mopt__json_text(item, "name", facts->ops[i].name);
        mopt__json_size(item, "count", facts->ops[i].count);
        mopt__json_size(item, "macs", facts->ops[i].macs);
        mopt__json_bool(item, "known", facts->ops[i].known);
    }
}

static void change_columns(struct mopt_table *table, const char *first)
{
    mopt__table_column(table, first, false);
    mopt__table_column(table, "before", true);
    mopt__table_column(table, "after", true);
    mopt__table_column(table, "delta", true);
}

static double known_macs(const struct mopt_facts *facts)
{
    return facts->macs == 0 && facts->macs_open > 0 ? NAN : (double)facts->macs;
}

void mopt__report_change(struct mopt_cli *cli, const struct mopt_facts *before,
                         const struct mopt_facts *after)
{
    struct mopt_table table = {0};
    change_columns(&table, "");
    mopt__table_delta(&table, "nodes", MOPT_UNIT_COUNT, (double)before->nodes,
                      (double)after->nodes);
    mopt__table_delta(&table, "parameters", MOPT_UNIT_BIG, (double)before->parameters,
                      (double)after->parameters);
    mopt__table_delta(&table, "weights", MOPT_UNIT_BYTES, (double)before->weight_bytes,
                      (double)after->weight_bytes);
    mopt__table_delta(&table, "file", MOPT_UNIT_BYTES, (double)before->file_bytes,
                      (double)after->file_bytes);
    bool open = before->macs_open > 0 || after->macs_open > 0;
    mopt__table_delta(&table, open ? "multiply-adds (known)" : "multiply-adds", MOPT_UNIT_BIG,
                      known_macs(before), known_macs(after));
    mopt__job_print_table(cli, &table);
    mopt__table_release(&table);
}

static size_t op_count(const struct mopt_facts *facts, const struct mopt_op_fact *op)
{
    const struct mopt_op_fact *found = mopt__facts_op(facts, op->domain, op->name);
    return found != NULL ? found->count : 0;
}

static void changed_row(struct mopt_table *table, const struct mopt_op_fact *op, size_t before,
                        size_t after)
{
    mopt__table_cell(table, "%s%s%s", op->domain, *op->domain != '\0' ? "::" : "", op->name);
    mopt__table_cell(table, "%zu", before);
    mopt__table_cell(table, "%zu", after);
    mopt__table_cell(table, "%+lld", (long long)after - (long long)before);
    mopt__table_style(table, after < before ? MOPT_STYLE_GOOD : MOPT_STYLE_PLAIN);
}

void mopt__report_changed_ops(struct mopt_cli *cli, const struct mopt_facts *before,
                              const struct mopt_facts *after)
{
    struct mopt_table table = {0};
    change_columns(&table, "operator");
    for (size_t i = 0; i < before->op_count; i++) {
        const struct mopt_op_fact *op = &before->ops[i];
        size_t now = op_count(after, op);
        if (now != op->count) {
            changed_row(&table, op, op->count, now);
        }
    }
    for (size_t i = 0; i < after->op_count; i++) {
        if (op_count(before, &after->ops[i]) == 0) {
            changed_row(&table, &after->ops[i], 0, after->ops[i].count);
        }
    }
    if (table.cell_count > 0) {
        mopt__strbuf_add_char(&cli->text, '\n');
        mopt__job_print_table(cli, &table);
    }
    mopt__table_release(&table);
}
