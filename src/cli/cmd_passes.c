// SPDX-License-Identifier: Apache-2.0
// mopt passes: what optimize can do, one line per pass, or all about one.
#include <string.h>

#include "cli/job.h"
#include "cli/table.h"

static const char *kind_name(enum mopt_pass_kind kind)
{
    static const char *const names[] = {
        [MOPT_PASS_ANALYSE] = "analyse",
        [MOPT_PASS_ELIMINATE] = "eliminate",
        [MOPT_PASS_FOLD] = "fold",
        [MOPT_PASS_FUSE] = "fuse",
        [MOPT_PASS_CANONICALISE] = "canonicalise",
        [MOPT_PASS_LAYOUT] = "layout",
        [MOPT_PASS_QUANTIZE] = "quantize",
        [MOPT_PASS_PRUNE] = "prune",
        [MOPT_PASS_TRAIN] = "train",
    };
    return (size_t)kind < MOPT_COUNTOF(names) ? names[kind] : "?";
}

static const char *numerics_name(enum mopt_numerics numerics)
{
    static const char *const names[] = {
        [MOPT_NUMERICS_EXACT] = "exact",
        [MOPT_NUMERICS_REASSOCIATES] = "reassociates",
        [MOPT_NUMERICS_LOSSY] = "lossy",
    };
    return (size_t)numerics < MOPT_COUNTOF(names) ? names[numerics] : "?";
}

static void level_text(const struct mopt_pass *pass, char buf[16])
{
    (void)snprintf(buf, 16, pass->level > 0 ? "-O%d" : "on request", pass->level);
}

static void list_passes(struct mopt_cli *cli, const struct mopt_pass_set *set)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "pass", false);
    mopt__table_column(&table, "level", false);
    mopt__table_column(&table, "numbers", false);
    mopt__table_column(&table, "what it does", false);
    for (size_t i = 0; i < set->count; i++) {
        char level[16];
        level_text(set->items[i], level);
        mopt__table_cell(&table, "%s", set->items[i]->name);
        mopt__table_cell(&table, "%s", level);
        mopt__table_cell(&table, "%s", numerics_name(set->items[i]->numerics));
        mopt__table_cell(&table, "%s", set->items[i]->summary);
    }
    mopt__table_text(&table, cli->color_out, &cli->text);
    mopt__table_release(&table);
}

static void list_names(struct mopt_cli *cli, const struct mopt_pass_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        mopt__strbuf_printf(&cli->text, "%s\n", set->items[i]->name);
    }
}

static void describe(struct mopt_cli *cli, const struct mopt_pass *pass)
{
    struct mopt_strbuf *out = &cli->text;
    char level[16];
    level_text(pass, level);
    mopt__strbuf_printf(out, "%s: %s\nkind %s, level %s, numbers %s\n", pass->name, pass->summary,
                        kind_name(pass->kind), level, numerics_name(pass->numerics));
    if (pass->help != NULL) {
        mopt__strbuf_printf(out, "\n%s\n", pass->help);
    }
    mopt__strbuf_add(out, pass->option_count > 0 ? "\nOptions, as PASS{name=value}:\n" : "");
    for (size_t i = 0; i < pass->option_count; i++) {
        mopt__strbuf_printf(out, "  %-24s %s [default: %s]\n", pass->options[i].name,
                            pass->options[i].help, pass->options[i].initial);
    }
    mopt__strbuf_add(out, pass->counter_count > 0 ? "\nCounters:\n" : "");
    for (size_t i = 0; i < pass->counter_count; i++) {
        mopt__strbuf_printf(out, "  %-24s %s\n", pass->counters[i].name, pass->counters[i].help);
    }
}

static void add_json(cJSON *list, const struct mopt_pass *pass)
{
    cJSON *item = mopt__json_object(list, NULL);
    mopt__json_text(item, "name", pass->name);
    mopt__json_text(item, "summary", pass->summary);
    mopt__json_text(item, "kind", kind_name(pass->kind));
    mopt__json_int(item, "level", pass->level);
    mopt__json_text(item, "numerics", numerics_name(pass->numerics));
    mopt__json_text(item, "help", pass->help);
    cJSON *options = mopt__json_array(item, "options");
    for (size_t i = 0; i < pass->option_count; i++) {
        cJSON *option = mopt__json_object(options, NULL);
        mopt__json_text(option, "name", pass->options[i].name);
        mopt__json_text(option, "default", pass->options[i].initial);
        mopt__json_text(option, "help", pass->options[i].help);
    }
    cJSON *counters = mopt__json_array(item, "counters");
    for (size_t i = 0; i < pass->counter_count; i++) {
        mopt__json_text(counters, NULL, pass->counters[i].name);
    }
}

static enum mopt_status describe_named(struct mopt_cli *cli, const struct mopt_pass_set *set,
                                       cJSON *list, struct mopt_error *err)
{
    for (size_t i = 0; i < cli->options.positional_count; i++) {
        const struct mopt_pass *pass = NULL;
        enum mopt_status status = mopt__job_pass(set, cli->options.positionals[i], &pass, err);
        if (status != MOPT_OK) {
            return status;
        }
        mopt__strbuf_add(&cli->text, i > 0 ? "\n" : "");
        describe(cli, pass);
        add_json(list, pass);
    }
    return MOPT_OK;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct mopt_context *context = NULL;
    enum mopt_status status = mopt__job_context(cli, &context, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_pass_set set = mopt__context_pass_set(context);
    cJSON *list = mopt__json_array(cli->envelope.result, "passes");
    if (cli->options.positional_count > 0) {
        status = describe_named(cli, &set, list, err);
    } else {
        for (size_t i = 0; i < set.count; i++) {
            add_json(list, set.items[i]);
        }
        if (mopt__option_flag(&cli->options, "names")) {
            list_names(cli, &set);
        } else {
            list_passes(cli, &set);
        }
    }
    mopt_context_free(context);
    return status;
}

static const struct mopt_option_row rows[] = {
    {.name = "names", .kind = MOPT_OPT_FLAG, .help = "Only the names, one per line."},
    MOPT_ROW_PLUGIN,
};

static const struct mopt_example examples[] = {
    {"mopt passes", "All passes with level and what they do to numbers."},
    {"mopt passes fuse-bn-into-conv", "Conditions, formula and options of one pass."},
};

const struct mopt_command mopt__command_passes = {
    .name = "passes",
    .group = MOPT_GROUP_META,
    .summary = "the passes of optimize, with details on request",
    .usage = "[PASS...]",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_max = SIZE_MAX,
    .complete = MOPT_COMPLETE_PASS,
    .light = true,
    .run = run,
};
