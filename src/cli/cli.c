// SPDX-License-Identifier: Apache-2.0
// One run of the program: find the command, parse, set up messages and limits, run, print.
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/table.h"
#include "mopt/version.h"

// ---- Printing -----------------------------------------------------------------------------------

static enum mopt_status print(int fd, const char *text, struct mopt_error *err)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t done = write(fd, text, left);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EPIPE) {
            return MOPT_OK; // the reader has seen enough
        }
        if (done < 0) {
            return mopt_error_set(err, MOPT_E_IO, "cannot write to standard output: %s",
                                  strerrordesc_np(errno));
        }
        text += done;
        left -= (size_t)done;
    }
    return MOPT_OK;
}

static void print_error(struct mopt_cli *cli, enum mopt_status status, const struct mopt_error *err)
{
    mopt__sink_clear(&cli->sink);
    const char *text = err->text[0] != '\0' ? err->text : mopt_status_text(status);
    cJSON *warnings = cli->sink.warnings;
    cli->sink.warnings = NULL;
    mopt__log(&cli->log, MOPT_LOG_ERROR, "%s", text);
    cli->sink.warnings = warnings;
    if (status == MOPT_E_USAGE && cli->command != NULL && cli->sink.level > MOPT_LOG_ERROR) {
        (void)fprintf(stderr, "try: mopt help %s\n", cli->command->name);
    }
}

static void print_ending(struct mopt_cli *cli, bool good)
{
    if (cli->verdict.length > 0) {
        struct mopt_strbuf line = {0};
        const char *color = !cli->color_err ? "" : good ? "\033[1;32m" : "\033[1;31m";
        mopt__strbuf_printf(&line, "%s%s%s: %s", color, good ? "ok" : "FAILED",
                            cli->color_err ? "\033[0m" : "", mopt__strbuf_text(&cli->verdict));
        mopt__sink_line(&cli->sink, mopt__strbuf_text(&line));
        mopt__strbuf_release(&line);
    }
    if (cli->next.length > 0) {
        struct mopt_strbuf line = {0};
        mopt__strbuf_printf(&line, "next: %s", mopt__strbuf_text(&cli->next));
        mopt__sink_line(&cli->sink, mopt__strbuf_text(&line));
        mopt__strbuf_release(&line);
    }
}

static enum mopt_status print_document(struct mopt_cli *cli, enum mopt_status status,
                                       struct mopt_error *err)
{
    struct mopt_error problem;
    mopt_error_clear(&problem);
    const struct mopt_option_value *json =
        cli->options.count > 0 ? mopt__option(&cli->options, "json") : NULL;
    const char *path = json != NULL && json->given ? json->text : NULL;
    cli->sink.warnings = NULL;
    char *text = mopt__envelope_print(&cli->envelope, cli->command ? cli->command->name : NULL,
                                      cli->options.count > 0 ? &cli->options : NULL, status, err);
    enum mopt_status result = MOPT_OK;
    struct mopt_strbuf line = {0};
    mopt__strbuf_printf(&line, "%s\n", text);
    if (line.failed) {
        mopt__die_of_memory();
    }
    if (cli->json) {
        result = print(STDOUT_FILENO, mopt__strbuf_text(&line), &problem);
    } else if (path != NULL) {
        result = mopt__file_write(path, mopt__strbuf_text(&line), line.length,
                                  mopt__option_flag(&cli->options, "force"), &problem);
    }
    mopt__strbuf_release(&line);
    mopt__free(text);
    if (result != MOPT_OK && (status == MOPT_OK || status == MOPT_E_NEGATIVE)) {
        *err = problem;
        return result;
    }
    return status;
}

static enum mopt_status print_text(struct mopt_cli *cli, enum mopt_status status,
                                   struct mopt_error *err)
{
    if (cli->text.failed || cli->verdict.failed || cli->next.failed) {
        mopt__die_of_memory();
    }
    mopt__sink_clear(&cli->sink);
    (void)fflush(stderr);
    int fd = cli->stdout_taken ? STDERR_FILENO : STDOUT_FILENO;
    struct mopt_error problem;
    mopt_error_clear(&problem);
    enum mopt_status result = MOPT_OK;
    bool good = status == MOPT_OK || status == MOPT_E_NEGATIVE; // an error leaves no result
    if (good && !cli->json && (fd == STDOUT_FILENO || cli->sink.level > MOPT_LOG_ERROR)) {
        result = print(fd, mopt__strbuf_text(&cli->text), &problem);
    }
    if (result != MOPT_OK) {
        *err = problem;
        return result;
    }
    return status;
}

// Prints everything and returns the exit code.
static int finish(struct mopt_cli *cli, enum mopt_status status, struct mopt_error *err)
{
    bool help = cli->options.count > 0 && mopt__option_flag(&cli->options, "help");
    status = print_text(cli, status, err);
    if (cli->envelope.wanted && !help) {
        status = print_document(cli, status, err);
    }
    if (status == MOPT_OK || status == MOPT_E_NEGATIVE) {
        print_ending(cli, status == MOPT_OK);
    } else if (status != MOPT_E_INTERRUPTED) {
        print_error(cli, status, err);
    }
    return mopt_status_exit_code(status);
}

// ---- Setting up ---------------------------------------------------------------------------------

static bool want_color(const char *when, int fd)
{
    if (strcmp(when, "auto") != 0) {
        return strcmp(when, "always") == 0;
    }
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no == NULL || *no == '\0') && isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

static void set_up_messages(struct mopt_cli *cli)
{
    const struct mopt_options *options = &cli->options;
    int64_t verbose = mopt__option_int(options, "verbose");
    const char *progress = mopt__option_text(options, "progress");
    const char *color = mopt__option_text(options, "color");
    bool quiet = mopt__option_flag(options, "quiet");
    cli->color_out = want_color(color, STDOUT_FILENO);
    cli->color_err = want_color(color, STDERR_FILENO);
    cli->sink.color = cli->color_err;
    cli->sink.level = quiet          ? MOPT_LOG_ERROR
                      : verbose >= 2 ? MOPT_LOG_DEBUG
                      : verbose == 1 ? MOPT_LOG_INFO
                                     : MOPT_LOG_WARN;
    if (strcmp(progress, "plain") == 0) {
        cli->sink.progress = MOPT_PROGRESS_PLAIN;
    } else if (strcmp(progress, "auto") == 0 && !quiet && isatty(STDERR_FILENO)) {
        const char *term = getenv("TERM");
        cli->sink.progress =
            term != NULL && strcmp(term, "dumb") != 0 ? MOPT_PROGRESS_BAR : MOPT_PROGRESS_PLAIN;
    }
    cli->log = mopt__sink_log(&cli->sink);
}

static enum mopt_status open_log_file(struct mopt_cli *cli, struct mopt_error *err)
{
    const char *path = mopt__option_text(&cli->options, "log-file");
    if (path == NULL) {
        return MOPT_OK;
    }
    cli->sink.file = fopen(path, "ae");
    if (cli->sink.file == NULL) {
        return mopt_error_set(err, MOPT_E_CREATE, "cannot open log file '%s': %s", path,
                              strerrordesc_np(errno));
    }
    cli->log = mopt__sink_log(&cli->sink);
    return MOPT_OK;
}

static void set_up_budget(struct mopt_cli *cli, const volatile int *signal_seen)
{
    cli->budget.interrupted = signal_seen;
    cli->budget.max_memory_bytes = (uint64_t)mopt__option_int(&cli->options, "mem-limit");
    cli->budget.max_steps = (uint64_t)mopt__option_int(&cli->options, "step-limit");
    if (mopt__option_given(&cli->options, "time-limit")) {
        double limit = mopt__option_float(&cli->options, "time-limit");
        cli->budget.deadline_ns = cli->envelope.start_ns + (uint64_t)(limit * 1e9) + 1;
    }
}

static enum mopt_status check_json_file(struct mopt_cli *cli, struct mopt_error *err)
{
    const struct mopt_option_value *json = mopt__option(&cli->options, "json");
    struct stat info;
    if (json->given && json->text != NULL && !mopt__option_flag(&cli->options, "force") &&
        stat(json->text, &info) == 0 && S_ISREG(info.st_mode)) {
        return mopt_error_set(err, MOPT_E_CREATE, "'%s' exists, use --force to replace it",
                              json->text);
    }
    return MOPT_OK;
}

// ---- Settings block -----------------------------------------------------------------------------

static void add_value(struct mopt_strbuf *out, const struct mopt_option_value *value)
{
    switch (value->row->kind) {
    case MOPT_OPT_FLAG:
        mopt__strbuf_printf(out, " %s", value->row->name);
        break;
    case MOPT_OPT_COUNT:
    case MOPT_OPT_INT:
    case MOPT_OPT_BYTES:
        mopt__strbuf_printf(out, " %s=%lld", value->row->name, (long long)value->i);
        break;
    case MOPT_OPT_DURATION:
        mopt__strbuf_printf(out, " %s=%gs", value->row->name, value->f);
        break;
    case MOPT_OPT_FLOAT:
        mopt__strbuf_printf(out, " %s=%g", value->row->name, value->f);
        break;
    case MOPT_OPT_LIST:
        for (size_t i = 0; i < value->count; i++) {
            mopt__strbuf_printf(out, " %s=%s", value->row->name, value->items[i]);
        }
        break;
    case MOPT_OPT_STRING:
    case MOPT_OPT_CHOICE:
    case MOPT_OPT_FILE:
        mopt__strbuf_printf(out, " %s=%s", value->row->name, value->text ? value->text : "");
        break;
    }
}

static void echo_settings(struct mopt_cli *cli)
{
    struct mopt_strbuf set = {0};
    struct mopt_strbuf initial = {0};
    mopt__strbuf_printf(&set, "mopt %s %s", MOPT_VERSION, cli->command->name);
    for (size_t i = 0; i < cli->options.positional_count; i++) {
        mopt__strbuf_printf(&set, " %s", cli->options.positionals[i]);
    }
    mopt__strbuf_add(&initial, "  defaults:");
    size_t empty = initial.length;
    for (size_t i = 0; i < cli->options.count; i++) {
        const struct mopt_option_value *value = &cli->options.values[i];
        if ((value->row->flags & MOPT_OPT_VIEW) == 0 && (value->given || value->row->initial)) {
            add_value(value->given ? &set : &initial, value);
        }
    }
    struct mopt_error buf;
    mopt__sink_line(&cli->sink, mopt__clean(&buf, mopt__strbuf_text(&set)));
    if (initial.length > empty) {
        mopt__sink_line(&cli->sink, mopt__clean(&buf, mopt__strbuf_text(&initial)));
    }
    mopt__strbuf_release(&set);
    mopt__strbuf_release(&initial);
}

// ---- Running ------------------------------------------------------------------------------------

static enum mopt_status unknown_command(const char *name, struct mopt_error *err)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        names[i] = commands[i]->name;
    }
    char hint[128];
    mopt__did_you_mean(hint, sizeof hint, "", name, names, count);
    if (name[0] == '-') {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "unknown option '%s': options come after the command", name);
    }
    return mopt_error_set(err, MOPT_E_USAGE, "unknown command '%s'%s", name, hint);
}

static enum mopt_status run_command(struct mopt_cli *cli, const volatile int *signal_seen,
                                    struct mopt_error *err)
{
    if (mopt__option_flag(&cli->options, "help")) {
        mopt__help_command(cli->command, &cli->text);
        cli->json = false;
        return MOPT_OK;
    }
    enum mopt_status status = open_log_file(cli, err);
    if (status == MOPT_OK) {
        status = check_json_file(cli, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    set_up_budget(cli, signal_seen);
    if (!cli->command->light) {
        echo_settings(cli);
    }
    return cli->command->run(cli, err);
}

// "mopt -h", "mopt --version" and so on stand for commands.
static const char *command_name(const char *argument)
{
    static const struct {
        const char *option, *command;
    } spellings[] = {{"-h", "help"},
                     {"--help", "help"},
                     {"-V", "version"},
                     {"--version", "version"}};
    for (size_t i = 0; i < MOPT_COUNTOF(spellings); i++) {
        if (strcmp(argument, spellings[i].option) == 0) {
            return spellings[i].command;
        }
    }
    return argument;
}

static bool json_among(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static enum mopt_status parse_and_run(struct mopt_cli *cli, int argc, char **argv,
                                      const volatile int *signal_seen, struct mopt_error *err)
{
    const char *name = argc > 1 ? command_name(argv[1]) : "help";
    cli->command = mopt__command_find(name);
    if (cli->command == NULL) {
        cli->json = json_among(argc, argv);
        cli->envelope.wanted = cli->json;
        return unknown_command(name, err);
    }
    enum mopt_status status =
        mopt__options_parse(&cli->options, cli->command, argc, argv, argc > 1 ? 2 : 1, err);
    const struct mopt_option_value *json = mopt__option(&cli->options, "json");
    cli->json = json->given && json->text == NULL;
    cli->envelope.wanted = json->given;
    mopt__json_promise(cli->json);
    set_up_messages(cli);
    return status == MOPT_OK ? run_command(cli, signal_seen, err) : status;
}

// The standard streams are open, so that no file of ours gets their numbers.
static void open_standard_streams(void)
{
    for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = dup(fd)) {
        if (fd > STDERR_FILENO) {
            (void)close(fd);
            return;
        }
    }
}

int mopt__cli_main(int argc, char **argv, const volatile int *signal_seen, bool *interrupted)
{
    struct mopt_cli cli = {.sink = {.level = MOPT_LOG_WARN}};
    struct mopt_error err;
    mopt_error_clear(&err);
    open_standard_streams();
    mopt__json_setup();
    mopt__envelope_init(&cli.envelope);
    cli.sink.warnings = cli.envelope.warnings;
    cli.log = mopt__sink_log(&cli.sink);
    enum mopt_status status = parse_and_run(&cli, argc, argv, signal_seen, &err);
    if (status == MOPT_E_INTERRUPTED && signal_seen != NULL) {
        cli.envelope.signal = *signal_seen;
    }
    int code = finish(&cli, status, &err);
    *interrupted = status == MOPT_E_INTERRUPTED;
    if (cli.sink.file != NULL) {
        (void)fclose(cli.sink.file);
    }
    mopt__envelope_release(&cli.envelope);
    mopt__options_release(&cli.options);
    mopt__strbuf_release(&cli.text);
    mopt__strbuf_release(&cli.verdict);
    mopt__strbuf_release(&cli.next);
    return code;
}
