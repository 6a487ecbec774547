// SPDX-License-Identifier: Apache-2.0
// mopt check: faults of a model, as rows with a stable code.
#include <string.h>

#include "cli/report.h"

static const char *const severity_names[] = {"error", "warning", "note"};
static const char *const severity_plural[] = {"errors", "warnings", "notes"};
static const enum mopt_style severity_styles[] = {MOPT_STYLE_BAD, MOPT_STYLE_PLAIN, MOPT_STYLE_DIM};

static void add_row(struct mopt_table *table, const struct mopt_lint_row *row)
{
    enum mopt_severity severity = mopt__lint_severity(row->code);
    mopt__table_cell(table, "%s", mopt__lint_name(row->code));
    mopt__table_cell(table, "%s", severity_names[severity]);
    mopt__table_style(table, severity_styles[severity]);
    mopt__table_cell(table, "%s", row->place);
    if (row->count > 1) {
        mopt__table_cell(table, "%s%s%s (and %zu more)", mopt__lint_meaning(row->code),
                         *row->text != '\0' ? ": " : "", row->text, row->count - 1);
    } else {
        mopt__table_cell(table, "%s%s%s", mopt__lint_meaning(row->code),
                         *row->text != '\0' ? ": " : "", row->text);
    }
}

static void show(struct mopt_cli *cli, const struct mopt_lint *lint, const char *path, bool titled)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "code", false);
    mopt__table_column(&table, "severity", false);
    mopt__table_column(&table, "where", false);
    mopt__table_column(&table, "what", false);
    for (size_t i = 0; i < lint->count; i++) {
        add_row(&table, &lint->rows[i]);
    }
    struct mopt_error buf;
    if (titled) {
        mopt__strbuf_printf(&cli->text, "%s%s\n", cli->text.length > 0 ? "\n" : "",
                            mopt__clean(&buf, path));
    }
    if (lint->count > 0) {
        mopt__job_print_table(cli, &table);
    } else {
        mopt__strbuf_add(&cli->text, "nothing found\n");
    }
    mopt__table_release(&table);
}

static void add_json(cJSON *list, const struct mopt_lint *lint, const char *path)
{
    cJSON *object = mopt__json_object(list, NULL);
    mopt__json_text(object, "path", path);
    for (int i = 0; i < 3; i++) {
        mopt__json_size(object, severity_plural[i], lint->severities[i]);
    }
    cJSON *rows = mopt__json_array(object, "findings");
    for (size_t i = 0; i < lint->count; i++) {
        const struct mopt_lint_row *row = &lint->rows[i];
        cJSON *item = mopt__json_object(rows, NULL);
        mopt__json_text(item, "code", mopt__lint_name(row->code));
        mopt__json_text(item, "severity", severity_names[mopt__lint_severity(row->code)]);
        mopt__json_text(item, "where", row->place);
        mopt__json_text(item, "meaning", mopt__lint_meaning(row->code));
        mopt__json_text(item, "text", row->text);
        mopt__json_size(item, "count", row->count);
    }
}

static enum mopt_status check_one(struct mopt_cli *cli, const char *path, cJSON *list,
                                  size_t totals[3], struct mopt_error *err)
{
    struct mopt_model *model = NULL;
    enum mopt_status status = mopt__job_load(cli, path, "model", &model, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_lint lint;
    size_t limit = (size_t)mopt__option_int(&cli->options, "limit");
    status = mopt__lint_model(model, limit, &lint, err);
    if (status == MOPT_OK) {
        show(cli, &lint, path, cli->options.positional_count > 1);
        add_json(list, &lint, path);
        for (int i = 0; i < 3; i++) {
            totals[i] += lint.severities[i];
        }
        mopt__lint_release(&lint);
    }
    mopt__model_free(model);
    return status;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    cJSON *list = mopt__json_array(cli->envelope.result, "models");
    size_t totals[3] = {0};
    for (size_t i = 0; i < cli->options.positional_count; i++) {
        enum mopt_status status = check_one(cli, cli->options.positionals[i], list, totals, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    size_t bad = totals[0] + (mopt__option_flag(&cli->options, "strict") ? totals[1] : 0);
    mopt__job_verdict(cli, "%zu %s, %zu %s, %zu %s", totals[0], totals[0] == 1 ? "error" : "errors",
                      totals[1], totals[1] == 1 ? "warning" : "warnings", totals[2],
                      totals[2] == 1 ? "note" : "notes");
    if (bad == 0) {
        mopt__job_next(cli, "mopt optimize %s", cli->options.positionals[0]);
    }
    return bad > 0 ? MOPT_E_NEGATIVE : MOPT_OK;
}

static const struct mopt_option_row rows[] = {
    {.name = "strict", .kind = MOPT_OPT_FLAG, .help = "Warnings count as errors."},
    {.name = "limit",
     .kind = MOPT_OPT_INT,
     .initial = "20",
     .metavar = "N",
     .min = 0,
     .max = 1e9,
     .help = "Show at most N findings of a code, count the others; 0: all."},
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt check model.onnx", "Exit code 1 when there are errors."},
    {"mopt check --strict *.onnx", "Also when there are warnings."},
};

const struct mopt_command mopt__command_check = {
    .name = "check",
    .group = MOPT_GROUP_LOOK,
    .summary = "lint: specification, dead code, NaN weights, unsupported operators",
    .usage = "MODEL...",
    .details = "Codes starting with E are errors, W warnings, N notes. A file that cannot be read "
               "at all ends in exit code 65.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = SIZE_MAX,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
