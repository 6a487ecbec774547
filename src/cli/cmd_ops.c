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

// ---- Types --------------------------------------------------------------------------------------

// Types that are told in one word when all of them are there.
static const struct family {
    const char *name;
    uint64_t dtypes;
} families_of_types[] = {
    {"float16-64", MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64)},
    {"int8-64",
     MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT64)},
    {"uint8-64",
     MOPT_DT(MOPT_UINT8) | MOPT_DT(MOPT_UINT16) | MOPT_DT(MOPT_UINT32) | MOPT_DT(MOPT_UINT64)},
    {"complex", MOPT_DT(MOPT_COMPLEX64) | MOPT_DT(MOPT_COMPLEX128)},
    {"float8", MOPT_DT(MOPT_FLOAT8E4M3FN) | MOPT_DT(MOPT_FLOAT8E4M3FNUZ) |
                   MOPT_DT(MOPT_FLOAT8E5M2) | MOPT_DT(MOPT_FLOAT8E5M2FNUZ)},
};

static void add_types(struct mopt_strbuf *out, uint64_t dtypes)
{
    const char *space = "";
    for (size_t i = 0; i < MOPT_COUNTOF(families_of_types); i++) {
        const struct family *family = &families_of_types[i];
        if ((dtypes & family->dtypes) == family->dtypes) {
            mopt__strbuf_printf(out, "%s%s", space, family->name);
            dtypes &= ~family->dtypes;
            space = " ";
        }
    }
    for (int dtype = 1; dtype < 64; dtype++) {
        if (mopt__dtype_valid(dtype) && (dtypes & MOPT_DT(dtype)) != 0) {
            mopt__strbuf_printf(out, "%s%s", space, mopt__dtype_name((enum mopt_dtype)dtype));
            space = " ";
        }
    }
}

// Parameter i of all inputs, then all outputs; NULL at the end.
static const struct mopt_param *param_at(const struct mopt_op *op, size_t i)
{
    return i < op->input_count                              ? &op->inputs[i]
           : i < (size_t)op->input_count + op->output_count ? &op->outputs[i - op->input_count]
                                                            : NULL;
}

// Types differ only between type variables: the first parameter of each stands for it.
static bool stands_for_variable(const struct mopt_op *op, size_t i)
{
    const struct mopt_param *own = param_at(op, i);
    for (size_t k = 0; k < i && own != NULL; k++) {
        const struct mopt_param *other = param_at(op, k);
        if (other != NULL && strcmp(other->type, own->type) == 0) {
            return false;
        }
    }
    return true;
}

static const char *container_of(const struct mopt_param *param)
{
    return (param->flags & MOPT_PARAM_ANY) != 0             ? "any"
           : (param->flags & MOPT_PARAM_SEQUENCE) != 0      ? "sequence"
           : (param->flags & MOPT_PARAM_OPTIONAL_TYPE) != 0 ? "optional"
           : (param->flags & MOPT_PARAM_MAP) != 0           ? "map"
                                                            : "tensor";
}

static void types_text(const struct mopt_op *op, struct mopt_strbuf *out)
{
    const struct mopt_param *param;
    const char *separator = "";
    for (size_t i = 0; (param = param_at(op, i)) != NULL; i++) {
        if (!stands_for_variable(op, i)) {
            continue;
        }
        const char *container = container_of(param);
        mopt__strbuf_add(out, separator);
        if (strncmp(param->type, "tensor(", 7) != 0 && strncmp(param->type, "seq(", 4) != 0) {
            mopt__strbuf_printf(out, "%s: ", param->type);
        }
        if (strcmp(container, "tensor") != 0) {
            mopt__strbuf_printf(out, "%s of ", container);
        }
        add_types(out, param->dtypes);
        separator = "; ";
    }
}

static void types_json(cJSON *item, const struct mopt_op *op)
{
    const struct mopt_param *param;
    cJSON *list = mopt__json_array(item, "types");
    for (size_t i = 0; (param = param_at(op, i)) != NULL; i++) {
        if (!stands_for_variable(op, i)) {
            continue;
        }
        cJSON *entry = mopt__json_object(list, NULL);
        mopt__json_text(entry, "name", param->type);
        mopt__json_text(entry, "container", container_of(param));
        cJSON *elements = mopt__json_array(entry, "elements");
        for (int dtype = 1; dtype < 64; dtype++) {
            if (mopt__dtype_valid(dtype) && (param->dtypes & MOPT_DT(dtype)) != 0) {
                mopt__json_text(elements, NULL, mopt__dtype_name((enum mopt_dtype)dtype));
            }
        }
    }
}

// ---- Rows ---------------------------------------------------------------------------------------

static void add_row(struct mopt_table *table, const struct mopt_op *op)
{
    char versions[32];
    struct mopt_strbuf types = {0};
    struct facet facets[FACETS];
    versions_text(op, versions);
    facets_of(op, facets);
    mopt__table_cell(table, "%s%s%s", op->domain, *op->domain != '\0' ? "::" : "", op->name);
    mopt__table_cell(table, "%s", versions);
    types_text(op, &types);
    mopt__table_cell(table, "%s", mopt__strbuf_text(&types));
    mopt__strbuf_release(&types);
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
    types_json(item, op);
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

// Record i of all families; NULL at the end.
static const struct mopt_op *record_at(size_t i)
{
    size_t family_count;
    const struct mopt_op_family *const *families = mopt__op_families(&family_count);
    for (size_t f = 0; f < family_count; f++) {
        if (i < families[f]->count) {
            return &families[f]->records[i];
        }
        i -= families[f]->count;
    }
    return NULL;
}

static bool list_operators(struct mopt_cli *cli, struct mopt_table *table)
{
    static const char *const columns[] = {"operator", "opset", "types", "infer",  "eval",
                                          "bind",     "cost",  "quant", "meaning"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(table, columns[i], false);
    }
    cJSON *list = mopt__json_array(cli->envelope.result, "operators");
    const struct mopt_op *op;
    bool found = false;
    for (size_t i = 0; (op = record_at(i)) != NULL; i++) {
        if (wanted(cli, op)) {
            add_row(table, op);
            add_json(list, op);
            found = true;
        }
    }
    return found;
}

// ---- Summary ------------------------------------------------------------------------------------

struct domain {
    const char *name;
    size_t records;
    size_t facets[FACETS];
};

enum { DOMAINS_MAX = 16 };

static size_t count_domains(const struct mopt_cli *cli, struct domain domains[DOMAINS_MAX])
{
    size_t count = 0;
    const struct mopt_op *op;
    for (size_t i = 0; (op = record_at(i)) != NULL; i++) {
        struct facet facets[FACETS];
        size_t d = 0;
        while (d < count && strcmp(domains[d].name, op->domain) != 0) {
            d++;
        }
        if (!wanted(cli, op) || d == DOMAINS_MAX) {
            continue;
        }
        count += d == count;
        domains[d].name = op->domain;
        domains[d].records++;
        facets_of(op, facets);
        for (int f = 0; f < FACETS; f++) {
            domains[d].facets[f] += facets[f].has;
        }
    }
    return count;
}

// The first wanted name of the domain behind `last` in alphabetical order; NULL at the end.
static const char *next_name(const struct mopt_cli *cli, const char *domain, const char *last)
{
    const char *best = NULL;
    const struct mopt_op *op;
    for (size_t i = 0; (op = record_at(i)) != NULL; i++) {
        if (strcmp(op->domain, domain) == 0 && strcmp(op->name, last) > 0 &&
            (best == NULL || strcmp(op->name, best) < 0) && wanted(cli, op)) {
            best = op->name;
        }
    }
    return best;
}

static size_t add_names(const struct mopt_cli *cli, const char *domain, struct mopt_strbuf *out)
{
    size_t count = 0;
    const char *name = "";
    while ((name = next_name(cli, domain, name)) != NULL) {
        mopt__strbuf_printf(out, "%s%s", count > 0 ? ", " : "", name);
        count++;
    }
    return count;
}

static bool list_domains(struct mopt_cli *cli, struct mopt_table *table)
{
    static const char *const columns[] = {"domain", "operators", "records", "infer", "eval",
                                          "bind",   "cost",      "quant",   "names"};
    static const char *const facet_names[FACETS] = {"infer", "eval", "bind", "cost", "quant"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(table, columns[i], i > 0 && i + 1 < MOPT_COUNTOF(columns));
    }
    struct domain domains[DOMAINS_MAX] = {{.name = NULL}};
    const size_t count = count_domains(cli, domains);
    cJSON *list = mopt__json_array(cli->envelope.result, "domains");
    for (size_t d = 0; d < count; d++) {
        const struct domain *domain = &domains[d];
        struct mopt_strbuf names = {0};
        const size_t operators = add_names(cli, domain->name, &names);
        cJSON *item = mopt__json_object(list, NULL);
        mopt__json_text(item, "domain", domain->name);
        mopt__json_size(item, "operators", operators);
        mopt__json_size(item, "records", domain->records);
        mopt__table_cell(table, "%s", *domain->name != '\0' ? domain->name : "ai.onnx");
        mopt__table_cell(table, "%zu", operators);
        mopt__table_cell(table, "%zu", domain->records);
        for (int f = 0; f < FACETS; f++) {
            mopt__table_cell(table, "%zu", domain->facets[f]);
            mopt__json_size(item, facet_names[f], domain->facets[f]);
        }
        mopt__table_cell(table, "%s", mopt__strbuf_text(&names));
        mopt__strbuf_release(&names);
    }
    return count > 0;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct mopt_table table = {0};
    const bool found = mopt__option_flag(&cli->options, "summary") ? list_domains(cli, &table)
                                                                   : list_operators(cli, &table);
    if (found) {
        mopt__job_print_table(cli, &table);
    }
    mopt__table_release(&table);
    return found ? MOPT_OK : nothing_found(cli, err);
}

static const struct mopt_option_row rows[] = {
    {.name = "summary",
     .kind = MOPT_OPT_FLAG,
     .help = "One row per domain: how many operators and records (meanings that opsets gave them), "
             "and how many of those have each facet."},
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt ops", "Every operator and opset range, and what mopt can do with it."},
    {"mopt ops 'Conv*' Gemm", "Only some; * and ? match any text and any character."},
    {"mopt ops --format markdown", "The support matrix for a document."},
    {"mopt ops --summary", "How many operators of each domain, and their names."},
};

const struct mopt_command mopt__command_ops = {
    .name = "ops",
    .group = MOPT_GROUP_META,
    .summary = "supported operators, versions and facets",
    .usage = "[NAME...]",
    .details = "Facets: infer computes types and shapes, eval runs it, bind has a fast kernel, "
               "cost counts multiply-adds, quant can be quantized. Types are those of each type "
               "variable of the specification. An operator that is not listed "
               "is kept in models as it is, but cannot be run.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_max = SIZE_MAX,
    .light = true,
    .run = run,
};
