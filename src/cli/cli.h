// SPDX-License-Identifier: Apache-2.0
// Front door of cli (rank 9): the program. It turns arguments into calls of the rooms below and
// their results into tables, JSON and exit codes; no other room prints or ends the process.
// One subcommand is one file cmd_<name>.c and one line in commands.def.
// Read in this order: cli.h, options.h (option rows), envelope.h (JSON result), table.h, sink.h
// (messages and progress), job.h (what commands share), main.c, then any cmd_<name>.c.
#ifndef MOPT_CLI_CLI_H
#define MOPT_CLI_CLI_H

#include "base/base.h"
#include "cli/envelope.h"
#include "cli/options.h"
#include "cli/sink.h"

enum mopt_group { MOPT_GROUP_LOOK, MOPT_GROUP_RUN, MOPT_GROUP_CHANGE, MOPT_GROUP_META };

struct mopt_cli;

struct mopt_example {
    const char *command; // as typed
    const char *text;    // what it does
};

// One subcommand. Everything that help, man page and completions say is in here and in its rows.
struct mopt_command {
    const char *name;
    enum mopt_group group;
    const char *summary; // one line, lower case
    const char *usage;   // positional arguments, "" when there are none
    const char *details; // paragraphs separated by an empty line; NULL = none
    const struct mopt_example *examples;
    size_t example_count;
    const struct mopt_option_row *rows; // its own options; a row hides a common one of its name
    size_t row_count;
    size_t positional_min, positional_max; // SIZE_MAX = any number
    enum mopt_complete complete;           // of positional arguments
    bool light;                            // no work on models: no settings block, no verdict line
    // Returns MOPT_OK, MOPT_E_NEGATIVE (verdict negative; err may stay empty), or an error.
    enum mopt_status (*run)(struct mopt_cli *cli, struct mopt_error *err);
};

// One run of the program.
struct mopt_cli {
    const struct mopt_command *command;
    struct mopt_options options;
    struct mopt_sink sink; // messages; log and budget point into it
    struct mopt_log log;
    struct mopt_budget budget;
    struct mopt_envelope envelope;
    struct mopt_strbuf text;    // the result for people, printed at the end
    struct mopt_strbuf verdict; // last lines, on standard error
    struct mopt_strbuf next;    // suggested next command
    bool json;                  // standard output is the JSON document
    bool stdout_taken;          // standard output is the artifact
    bool color_out, color_err;
};

// All subcommands in the order of commands.def; find returns NULL for unknown names.
const struct mopt_command *const *mopt__commands(size_t *count);
const struct mopt_command *mopt__command_find(const char *name);
const char *mopt__group_title(enum mopt_group group); // "Look", "Run", ...

// Runs the program but for signal handlers: parses, dispatches, prints. Returns the exit code;
// *interrupted tells that the run ended because of a signal.
int mopt__cli_main(int argc, char **argv, const volatile int *signal_seen, bool *interrupted);

#endif
