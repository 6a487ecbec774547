// SPDX-License-Identifier: Apache-2.0
// The common options, and the parser of command lines. Values are checked in option_value.c.
#include "cli/options.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "base/strings.h"
#include "cli/cli.h"

static const struct mopt_option_row common_rows[] = {
    {.name = "help",
     .letter = 'h',
     .kind = MOPT_OPT_FLAG,
     .flags = MOPT_OPT_VIEW,
     .help = "Show the help of this command."},
    {.name = "quiet",
     .letter = 'q',
     .kind = MOPT_OPT_FLAG,
     .flags = MOPT_OPT_VIEW,
     .help = "Only the result and errors."},
    {.name = "verbose",
     .letter = 'v',
     .kind = MOPT_OPT_COUNT,
     .flags = MOPT_OPT_VIEW,
     .help = "Say more on standard error; -vv for everything."},
    {.name = "log-file",
     .kind = MOPT_OPT_FILE,
     .flags = MOPT_OPT_VIEW,
     .metavar = "FILE",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Write all messages to FILE, too."},
    {.name = "color",
     .kind = MOPT_OPT_CHOICE,
     .flags = MOPT_OPT_VIEW,
     .initial = "auto",
     .metavar = "WHEN",
     .choices = "auto|always|never",
     .help = "Colours; auto: on a terminal, unless NO_COLOR is set."},
    {.name = "progress",
     .kind = MOPT_OPT_CHOICE,
     .flags = MOPT_OPT_VIEW,
     .initial = "auto",
     .metavar = "HOW",
     .choices = "auto|never|plain",
     .help = "Progress on standard error; auto: a bar on a terminal, plain: lines."},
    {.name = "json",
     .kind = MOPT_OPT_FILE,
     .flags = MOPT_OPT_VIEW | MOPT_OPT_BARE,
     .metavar = "FILE",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Print the result as one JSON document instead, or write it to FILE, too."},
    {.name = "threads",
     .kind = MOPT_OPT_INT,
     .initial = "0",
     .metavar = "N",
     .min = 0,
     .max = 256,
     .help = "Threads to run models with; 0: all processors. Results do not depend on it."},
    {.name = "seed",
     .kind = MOPT_OPT_INT,
     .initial = "0",
     .metavar = "N",
     .min = 0,
     .max = 9007199254740991.0,
     .help = "Start of all pseudo random numbers."},
    {.name = "strict-fp",
     .kind = MOPT_OPT_FLAG,
     .help =
         "Run float convolutions as plain sums: never by Winograd's forms, which are faster but "
         "round more."},
    {.name = "bf16",
     .kind = MOPT_OPT_FLAG,
     .help =
         "Run models with the constant weights of float products in 16 bits, no less exact than "
         "bfloat16: half of the memory, faster where few rows share the weights. Where the "
         "processor has instructions for it, products of 4 and more rows round both operands and "
         "are nearly twice as fast: with AVX-512-VNNI to blocks of 128 integers that share a "
         "scale, on AMD since Zen 4 to bfloat16. Convolutions do so where it makes them faster. "
         "All else stays as it is, ConvTranspose and weights that a model stores in blocks of few "
         "bits (MatMulNBits) among it."},
    {.name = "mem-limit",
     .alias = "max-memory",
     .kind = MOPT_OPT_BYTES,
     .metavar = "SIZE",
     .help = "Stop with exit code 75 when more memory is resident (4G, 512MiB)."},
    {.name = "time-limit",
     .alias = "timeout",
     .kind = MOPT_OPT_DURATION,
     .metavar = "TIME",
     .help = "Stop with exit code 75 after this time (90s, 5m)."},
    {.name = "step-limit",
     .alias = "max-steps",
     .kind = MOPT_OPT_INT,
     .metavar = "N",
     .min = 1,
     .max = 9007199254740991.0,
     .help = "Stop with exit code 75 when one run of a model executes more than N nodes; every "
             "trip of a loop counts."},
    {.name = "dry-run",
     .letter = 'n',
     .kind = MOPT_OPT_FLAG,
     .help = "Do the work, but write no file."},
    {.name = "force", .letter = 'f', .kind = MOPT_OPT_FLAG, .help = "Replace existing files."},
};

const struct mopt_option_row *mopt__common_rows(size_t *count)
{
    *count = MOPT_COUNTOF(common_rows);
    return common_rows;
}

static bool hides(const struct mopt_command *command, const struct mopt_option_row *common)
{
    for (size_t i = 0; i < command->row_count; i++) {
        if (strcmp(command->rows[i].name, common->name) == 0) {
            return true;
        }
    }
    return false;
}

const struct mopt_option_row *mopt__command_row(const struct mopt_command *command, size_t i)
{
    if (i < command->row_count) {
        return &command->rows[i];
    }
    i -= command->row_count;
    for (size_t k = 0; k < MOPT_COUNTOF(common_rows); k++) {
        if (!hides(command, &common_rows[k]) && i-- == 0) {
            return &common_rows[k];
        }
    }
    return NULL;
}

const struct mopt_option_value *mopt__option(const struct mopt_options *options, const char *name)
{
    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->values[i].row->name, name) == 0) {
            return &options->values[i];
        }
    }
    assert(!"no such option row");
    static const struct mopt_option_value none;
    return &none;
}

bool mopt__option_given(const struct mopt_options *options, const char *name)
{
    return mopt__option(options, name)->given;
}

bool mopt__option_flag(const struct mopt_options *options, const char *name)
{
    return mopt__option(options, name)->i != 0;
}

int64_t mopt__option_int(const struct mopt_options *options, const char *name)
{
    return mopt__option(options, name)->i;
}

double mopt__option_float(const struct mopt_options *options, const char *name)
{
    return mopt__option(options, name)->f;
}

const char *mopt__option_text(const struct mopt_options *options, const char *name)
{
    return mopt__option(options, name)->text;
}

// ---- Parsing ------------------------------------------------------------------------------------

struct parser {
    struct mopt_options *options;
    int argc;
    char **argv;
    int at; // next argument
};

static bool takes_value(const struct mopt_option_row *row)
{
    return row->kind != MOPT_OPT_FLAG && row->kind != MOPT_OPT_COUNT;
}

static enum mopt_status fill_defaults(struct mopt_options *options, struct mopt_error *err)
{
    const struct mopt_option_row *row;
    for (size_t i = 0; (row = mopt__command_row(options->command, i)) != NULL; i++) {
        assert(i < MOPT_OPTIONS_MAX);
        struct mopt_option_value *value = &options->values[options->count++];
        *value = (struct mopt_option_value){.row = row};
        if (row->initial != NULL) {
            enum mopt_status status = mopt__option_set(value, row->initial, err);
            value->given = false;
            if (status != MOPT_OK) {
                return status;
            }
        }
    }
    return MOPT_OK;
}

static bool is_name(const char *name, const char *text, size_t length)
{
    return name != NULL && strlen(name) == length && memcmp(name, text, length) == 0;
}

static struct mopt_option_value *find_long(struct mopt_options *options, const char *name,
                                           size_t length)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct mopt_option_row *row = options->values[i].row;
        if (is_name(row->name, name, length) || is_name(row->alias, name, length)) {
            return &options->values[i];
        }
    }
    return NULL;
}

static struct mopt_option_value *find_letter(struct mopt_options *options, char letter)
{
    for (size_t i = 0; i < options->count; i++) {
        if (options->values[i].row->letter == letter) {
            return &options->values[i];
        }
    }
    return NULL;
}

static enum mopt_status unknown_long(const struct mopt_options *options, const char *name,
                                     struct mopt_error *err)
{
    const char *names[2 * MOPT_OPTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < options->count; i++) {
        const struct mopt_option_row *row = options->values[i].row;
        names[count++] = row->name;
        if (row->alias != NULL) {
            names[count++] = row->alias;
        }
    }
    char hint[128];
    mopt__did_you_mean(hint, sizeof hint, "--", name, names, count);
    return mopt_error_set(err, MOPT_E_USAGE, "unknown option '--%s'%s", name, hint);
}

static enum mopt_status parse_long(struct parser *parser, const char *text, struct mopt_error *err)
{
    size_t length = strcspn(text, "=");
    const char *given = text[length] == '=' ? text + length + 1 : NULL;
    struct mopt_option_value *value = find_long(parser->options, text, length);
    if (value == NULL) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), text);
        return unknown_long(parser->options, name, err);
    }
    if (!takes_value(value->row)) {
        if (given != NULL) {
            return mopt_error_set(err, MOPT_E_USAGE, "option '--%s' takes no value",
                                  value->row->name);
        }
        return mopt__option_set(value, NULL, err);
    }
    if (given == NULL && (value->row->flags & MOPT_OPT_BARE) == 0) {
        if (parser->at >= parser->argc) {
            return mopt_error_set(err, MOPT_E_USAGE, "option '--%s' needs a value (%s)",
                                  value->row->name, value->row->metavar);
        }
        given = parser->argv[parser->at++];
    }
    return mopt__option_set(value, given, err);
}

// "-vqo FILE": flags may be grouped; the first option with a value takes the rest.
static enum mopt_status parse_short(struct parser *parser, const char *text, struct mopt_error *err)
{
    for (; *text != '\0'; text++) {
        struct mopt_option_value *value = find_letter(parser->options, *text);
        if (value == NULL) {
            return mopt_error_set(err, MOPT_E_USAGE, "unknown option '-%c'", *text);
        }
        if (!takes_value(value->row)) {
            enum mopt_status status = mopt__option_set(value, NULL, err);
            if (status != MOPT_OK) {
                return status;
            }
            continue;
        }
        const char *given = text[1] == '=' ? text + 2 : text + 1;
        if (*given == '\0' && text[1] == '\0') {
            if (parser->at >= parser->argc) {
                return mopt_error_set(err, MOPT_E_USAGE, "option '-%c' needs a value (%s)", *text,
                                      value->row->metavar);
            }
            given = parser->argv[parser->at++];
        }
        return mopt__option_set(value, given, err);
    }
    return MOPT_OK;
}

static enum mopt_status add_positional(struct mopt_options *options, const char *text,
                                       struct mopt_error *err)
{
    size_t max = options->command->positional_max;
    if (options->positional_count >= max) {
        return max == 0 ? mopt_error_set(err, MOPT_E_USAGE, "unexpected argument '%s'", text)
                        : mopt_error_set(err, MOPT_E_USAGE, "unexpected argument '%s' after '%s'",
                                         text, options->positionals[max - 1]);
    }
    enum mopt_status status =
        mopt__grow((void **)&options->positionals, &options->positional_capacity,
                   options->positional_count + 1, sizeof *options->positionals, err);
    if (status == MOPT_OK) {
        options->positionals[options->positional_count++] = text;
    }
    return status;
}

static enum mopt_status parse_all(struct parser *parser, struct mopt_error *err)
{
    bool plain = false;
    enum mopt_status status = MOPT_OK;
    while (parser->at < parser->argc && status == MOPT_OK) {
        const char *text = parser->argv[parser->at++];
        if (plain || text[0] != '-' || text[1] == '\0') {
            status = add_positional(parser->options, text, err);
        } else if (strcmp(text, "--") == 0) {
            plain = true;
        } else if (text[1] == '-') {
            status = parse_long(parser, text + 2, err);
        } else {
            status = parse_short(parser, text + 1, err);
        }
    }
    return status;
}

// After an error the rest of the line still decides whether the error is told in JSON.
static void look_for_json(struct parser *parser)
{
    struct mopt_option_value *json = find_long(parser->options, "json", strlen("json"));
    for (; json != NULL && !json->given && parser->at < parser->argc; parser->at++) {
        const char *text = parser->argv[parser->at];
        if (strcmp(text, "--") == 0) {
            return;
        }
        if (strncmp(text, "--json", 6) == 0 && (text[6] == '\0' || text[6] == '=')) {
            json->given = true;
            json->text = text[6] == '=' ? text + 7 : NULL;
        }
    }
}

enum mopt_status mopt__options_parse(struct mopt_options *options,
                                     const struct mopt_command *command, int argc, char **argv,
                                     int first, struct mopt_error *err)
{
    *options = (struct mopt_options){.command = command};
    enum mopt_status status = fill_defaults(options, err);
    struct parser parser = {.options = options, .argc = argc, .argv = argv, .at = first};
    if (status == MOPT_OK) {
        status = parse_all(&parser, err);
    }
    if (status != MOPT_OK) {
        look_for_json(&parser);
        return status;
    }
    if (options->positional_count < command->positional_min &&
        !mopt__option_flag(options, "help")) {
        return mopt_error_set(err, MOPT_E_USAGE, "missing argument: mopt %s %s", command->name,
                              command->usage);
    }
    return MOPT_OK;
}

void mopt__options_release(struct mopt_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        mopt__free(options->values[i].items);
    }
    mopt__free(options->positionals);
    *options = (struct mopt_options){0};
}
