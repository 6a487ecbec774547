// SPDX-License-Identifier: Apache-2.0
// Options as data: rows drive parsing, help, man page, completion and the settings of JSON results.
// Knows nothing of what an option does.
#ifndef MOPT_CLI_OPTIONS_H
#define MOPT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

struct mopt_command;

enum mopt_option_kind {
    MOPT_OPT_FLAG,     // no value
    MOPT_OPT_COUNT,    // no value, may be repeated: -vv
    MOPT_OPT_INT,      // whole number in [min, max]
    MOPT_OPT_BYTES,    // 64, 4k, 2MiB
    MOPT_OPT_DURATION, // seconds: 90, 250ms, 3s, 2m, 1h
    MOPT_OPT_FLOAT,    // finite number in [min, max]; "1%" means 0.01
    MOPT_OPT_STRING,
    MOPT_OPT_CHOICE, // one of choices
    MOPT_OPT_FILE,   // path, "-" where the command takes it
    MOPT_OPT_LIST,   // text, may be repeated
};

enum mopt_complete { // what a shell offers
    MOPT_COMPLETE_NONE,
    MOPT_COMPLETE_FILE,
    MOPT_COMPLETE_DIR,
    MOPT_COMPLETE_MODEL,   // files, *.onnx first
    MOPT_COMPLETE_PASS,    // names of passes
    MOPT_COMPLETE_COMMAND, // names of commands
    MOPT_COMPLETE_SHELL,   // bash, zsh, fish
};

enum mopt_option_flags {
    MOPT_OPT_BARE = 1, // the value may be left out; with a value only as --name=VALUE
    MOPT_OPT_VIEW = 2, // changes only what is shown: not part of the settings
};

struct mopt_option_row {
    const char *name;  // long form without dashes
    const char *alias; // another long form that means the same, NULL = none
    enum mopt_option_kind kind;
    unsigned flags;
    char letter; // short form, 0 = none
    enum mopt_complete complete;
    const char *initial; // default as text, NULL = none
    const char *metavar; // NULL for flags
    const char *choices; // "auto|always|never"
    double min, max;     // INT and FLOAT; both 0 = no limits
    const char *help;
};

struct mopt_option_value {
    const struct mopt_option_row *row;
    bool given;         // on the command line
    int64_t i;          // FLAG, COUNT, INT, BYTES
    double f;           // FLOAT; DURATION in seconds
    const char *text;   // everything else: as given, else the default; NULL = none
    const char **items; // LIST
    size_t count, capacity;
};

enum { MOPT_OPTIONS_MAX = 64 }; // rows of a command with the common ones

struct mopt_options {
    const struct mopt_command *command;
    struct mopt_option_value values[MOPT_OPTIONS_MAX];
    size_t count;
    const char **positionals;
    size_t positional_count, positional_capacity;
};

// The options that every command has.
const struct mopt_option_row *mopt__common_rows(size_t *count);
// Row i of a command, its own first, then the common ones that it does not hide; NULL at the end.
const struct mopt_option_row *mopt__command_row(const struct mopt_command *command, size_t i);

// Parses argv[first..argc). Strings are borrowed from argv. Understood: --name value, --name=value,
// -x value, -xvalue, -x=value, grouped short flags (-qf), "--" (the rest is positional), "-" alone
// (positional). The last occurrence of an option counts; LIST and COUNT add up. When --help is
// among them, missing arguments are no error. Errors: MOPT_E_USAGE with the nearest match.
// On failure what was understood so far is kept, so that --json is obeyed for the error too.
enum mopt_status mopt__options_parse(struct mopt_options *options,
                                     const struct mopt_command *command, int argc, char **argv,
                                     int first, struct mopt_error *err);
void mopt__options_release(struct mopt_options *options);

// Access by name; the name must be a row of the command or a common one (asserted).
const struct mopt_option_value *mopt__option(const struct mopt_options *options, const char *name);
bool mopt__option_given(const struct mopt_options *options, const char *name);
bool mopt__option_flag(const struct mopt_options *options, const char *name);
int64_t mopt__option_int(const struct mopt_options *options, const char *name);
double mopt__option_float(const struct mopt_options *options, const char *name);
const char *mopt__option_text(const struct mopt_options *options, const char *name); // may be NULL

// Sets a value from text as if given (also for defaults). Errors: MOPT_E_USAGE naming the option.
enum mopt_status mopt__option_set(struct mopt_option_value *value, const char *text,
                                  struct mopt_error *err);
// "250ms", "3s", "2m", "1h", "90": seconds, >= 0. False if malformed.
bool mopt__parse_duration(const char *text, double *seconds);
// A number, or a percentage ("1.5%" gives 0.015). False if malformed.
bool mopt__parse_fraction(const char *text, double *value);
// ", did you mean 'x'?" for the nearest of candidates, "" when none is near; result in buf.
const char *mopt__did_you_mean(char *buf, size_t capacity, const char *prefix, const char *text,
                               const char *const *candidates, size_t count);

#endif
