// SPDX-License-Identifier: Apache-2.0
// mopt ops: the support matrix, read from the operator records.
#include <string.h>

#include "cli/job.h"
#include "cli/table.h"
#include "ops/ops.h"

struct facet {
    const char *name;
    char letter;
    bool has;
};

enum { FACETS = 5 };

static void facets_of(const struct mopt_op *op, struct facet out[FACETS])
{
    out[0] = (struct facet){"infer", 'i', op->infer != NULL};
    out[1] = (struct facet){"eval", 'e', op->eval != NULL};
    out[2] = (struct facet){"bind", 'b', op->bind != NULL};
    out[3] = (struct facet){"cost", 'c', op->cost != NULL};
    out[4] = (struct facet){"quant", 'q', op->quant != NULL};
}

static void versions_text(const struct mopt_op *op, char buf[32])
{
    if (op->until == 0) {
        (void)snprintf(buf, 32, "%d+", op->since);
    } else if (op->until == op->since) {
        (void)snprintf(buf, 32, "%d", op->since);
    } else {
        (void)snprintf(buf, 32, "%d-%d", op->since, op->until);
    }
}

static void add_row(struct mopt_table *table, const struct mopt_op *op)
{
    char versions[32];
    struct facet facets[FACETS];
    versions_text(op, versions);
    facets_of(op, facets);
    mopt__table_cell(table, "%s%s%s", op->domain, *op->domain != '\0' ? "::" : "", op->name);
    mopt__table_cell(table, "%s", versions);
    for (int i = 0; i < FACETS; i++) {
        mopt__table_cell(table, "%s", facets[i].has ? "yes" : "-");
    }
    mopt__table_cell(table, "%s", op->summary != NULL ? op->summary : "");
}

static void add_json(cJSON *list, const struct mopt_op *op)
{
    struct facet facets[FACETS];
    facets_of(op, facets);
    cJSON *item = mopt__json_object(list, NULL);
    mopt__json_text(item, "domain", op->domain);
    mopt__json_text(item, "name", op->name);
    mopt__json_int(item, "since", op->since);
    if (op->until > 0) {
        mopt__json_int(item, "until", op->until);
    } else {
        mopt__json_null(item, "until");
    }
    cJSON *names = mopt__json_array(item, "facets");
    for (int i = 0; i < FACETS; i++) {
        if (facets[i].has) {
            mopt__json_text(names, NULL, facets[i].name);
        }
    }
    mopt__json_text(item, "summary", op->summary);
}

static bool wanted(const struct mopt_cli *cli, const struct mopt_op *op)
{
    for (size_t i = 0; i < cli->options.positional_count; i++) {
        if (mopt__glob_match(cli->options.positionals[i], op->name)) {
            return true;
        }
    }
    return cli->options.positional_count == 0;
}

static enum mopt_status nothing_found(const struct mopt_cli *cli, struct mopt_error *err)
{
    enum { NAMES_MAX = 1024 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    size_t family_count;
    const struct mopt_op_family *const *families = mopt__op_families(&family_count);
    for (size_t f = 0; f < family_count; f++) {
        for (size_t i = 0; i < families[f]->count && count < NAMES_MAX; i++) {
            names[count++] = families[f]->records[i].name;
        }
    }
    char hint[128];
    const char *text = cli->options.positionals[0];
    mopt__did_you_mean(hint, sizeof hint, "", text, names, count);
    return mopt_error_set(err, MOPT_E_USAGE, "no operator matches '%s'%s", text, hint);
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"operator", "opset", "infer", "eval",
                                          "bind",     "cost",  "quant", "meaning"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], false);
    }
    cJSON *list = mopt__json_array(cli->envelope.result, "operators");
    size_t family_count;
    size_t found = 0;
    const struct mopt_op_family *const *families = mopt__op_families(&family_count);
    for (size_t f = 0; f < family_count; f++) {
        for (size_t i = 0; i < families[f]->count; i++) {
            const struct mopt_op *op = &families[f]->records[i];
            if (wanted(cli, op)) {
                add_row(&table, op);
                add_json(list, op);
                found++;
            }
        }
    }
    if (found > 0) {
        mopt__job_print_table(cli, &table);
    }
    mopt__table_release(&table);
    return found > 0 ? MOPT_OK : nothing_found(cli, err);
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt ops", "Every operator and opset range, and what mopt can do with it."},
    {"mopt ops 'Conv*' Gemm", "Only some; * and ? match any text and any character."},
    {"mopt ops --format markdown", "The support matrix for a document."},
};

const struct mopt_command mopt__command_ops = {
    .name = "ops",
    .group = MOPT_GROUP_META,
    .summary = "supported operators, versions and facets",
    .usage = "[NAME...]",
    .details = "Facets: infer computes types and shapes, eval runs it, bind has a fast kernel, "
               "cost counts multiply-adds, quant can be quantized. An operator that is not listed "
               "is kept in models as it is, but cannot be run.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_max = SIZE_MAX,
    .light = true,
    .run = run,
};
