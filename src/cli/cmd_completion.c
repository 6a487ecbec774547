// SPDX-License-Identifier: Apache-2.0
// mopt completion: prints the completion script of a shell.
#include <string.h>

#include "cli/help.h"

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static void (*const print[])(struct mopt_strbuf *) = {mopt__completion_bash,
                                                          mopt__completion_zsh,
                                                          mopt__completion_fish};
    const char *shell = cli->options.positionals[0];
    for (size_t i = 0; i < MOPT_COUNTOF(shells); i++) {
        if (strcmp(shell, shells[i]) == 0) {
            print[i](&cli->text);
            mopt__json_text(cli->envelope.result, "script", mopt__strbuf_text(&cli->text));
            return MOPT_OK;
        }
    }
    char hint[64];
    mopt__did_you_mean(hint, sizeof hint, "", shell, shells, MOPT_COUNTOF(shells));
    return mopt_error_set(err, MOPT_E_USAGE, "unknown shell '%s', known are bash, zsh, fish%s",
                          shell, hint);
}

static const struct mopt_example examples[] = {
    {"source <(mopt completion bash)", "Complete in this bash."},
    {"mopt completion zsh > ~/.zfunc/_mopt", "Complete in zsh, with ~/.zfunc in fpath."},
    {"mopt completion fish > ~/.config/fish/completions/mopt.fish", "Complete in fish."},
};

const struct mopt_command mopt__command_completion = {
    .name = "completion",
    .group = MOPT_GROUP_META,
    .summary = "completion script for bash, zsh or fish",
    .usage = "bash|zsh|fish",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .positional_min = 1,
    .positional_max = 1,
    .complete = MOPT_COMPLETE_SHELL,
    .light = true,
    .run = run,
};
