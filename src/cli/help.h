// SPDX-License-Identifier: Apache-2.0
// Texts made from the option rows: help, man page, Markdown reference, shell completions.
#ifndef MOPT_CLI_HELP_H
#define MOPT_CLI_HELP_H

#include "base/strings.h"
#include "cli/cli.h"

void mopt__help_overview(struct mopt_strbuf *out); // what "mopt" alone prints
void mopt__help_command(const struct mopt_command *command, struct mopt_strbuf *out);
void mopt__help_exit_codes(struct mopt_strbuf *out);
void mopt__help_man(struct mopt_strbuf *out);      // roff, section 1
void mopt__help_markdown(struct mopt_strbuf *out); // reference of all commands
void mopt__completion_bash(struct mopt_strbuf *out);
void mopt__completion_zsh(struct mopt_strbuf *out);
void mopt__completion_fish(struct mopt_strbuf *out);

// "-o, --output FILE", "--json[=FILE]"
void mopt__option_synopsis(const struct mopt_option_row *row, struct mopt_strbuf *out);
// Help sentence with the default: "Threads. [default: 0]"
void mopt__option_help(const struct mopt_option_row *row, struct mopt_strbuf *out);
bool mopt__option_takes_value(const struct mopt_option_row *row);

struct mopt_exit_code {
    int code;
    const char *meaning;
};
const struct mopt_exit_code *mopt__exit_codes(size_t *count);

#endif
