// SPDX-License-Identifier: Apache-2.0
// mopt help: help of a command, the man page, the Markdown reference.
#include <string.h>

#include "cli/help.h"

static enum mopt_status help_topic(struct mopt_cli *cli, const char *topic, struct mopt_error *err)
{
    const struct mopt_command *command = mopt__command_find(topic);
    if (command != NULL) {
        mopt__help_command(command, &cli->text);
        return MOPT_OK;
    }
    if (strcmp(topic, "exit-codes") == 0) {
        mopt__help_exit_codes(&cli->text);
        return MOPT_OK;
    }
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        names[i] = commands[i]->name;
    }
    names[count++] = "exit-codes";
    char hint[128];
    mopt__did_you_mean(hint, sizeof hint, "", topic, names, count);
    return mopt_error_set(err, MOPT_E_USAGE, "unknown command '%s'%s", topic, hint);
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (mopt__option_flag(&cli->options, "man")) {
        mopt__help_man(&cli->text);
    } else if (mopt__option_flag(&cli->options, "markdown")) {
        mopt__help_markdown(&cli->text);
    } else if (cli->options.positional_count > 0) {
        status = help_topic(cli, cli->options.positionals[0], err);
    } else {
        mopt__help_overview(&cli->text);
    }
    mopt__json_text(cli->envelope.result, "text", mopt__strbuf_text(&cli->text));
    return status;
}

static const struct mopt_option_row rows[] = {
    {.name = "man", .kind = MOPT_OPT_FLAG, .help = "Print the man page (roff) of all commands."},
    {.name = "markdown",
     .kind = MOPT_OPT_FLAG,
     .help = "Print the reference of all commands in Markdown."},
};

static const struct mopt_example examples[] = {
    {"mopt help optimize", "Examples and options of one command."},
    {"mopt help exit-codes", "What exit codes mean."},
    {"mopt help --man | man -l -", "The man page."},
};

const struct mopt_command mopt__command_help = {
    .name = "help",
    .group = MOPT_GROUP_META,
    .summary = "help of a command, man page, reference",
    .usage = "[COMMAND]",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_max = 1,
    .complete = MOPT_COMPLETE_COMMAND,
    .light = true,
    .run = run,
};
