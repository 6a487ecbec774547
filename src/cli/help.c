// SPDX-License-Identifier: Apache-2.0
// Help texts for terminals: examples first, then the options from the rows.
#include "cli/help.h"

#include <string.h>

#include "base/size.h"
#include "mopt/version.h"

enum { OPTION_COLUMN = 26, LINE_WIDTH = 80 };

static const struct mopt_exit_code exit_codes[] = {
    {0, "done, all gates passed"},
    {1, "the tool worked, the verdict is negative: gate failed, difference found, lint errors"},
    {2, "usage error"},
    {3, "batch finished, some items failed"},
    {65, "bad model or data content"},
    {66, "input missing"},
    {69, "the model needs an operator, type or opset that is not supported (listed)"},
    {70, "internal error"},
    {73, "output exists or cannot be created"},
    {74, "input or output error"},
    {75, "resource limit: memory, disk, time"},
    {78, "recipe or configuration invalid"},
    {130, "interrupted (SIGINT, raised again)"},
    {143, "terminated (SIGTERM, raised again)"},
};

const struct mopt_exit_code *mopt__exit_codes(size_t *count)
{
    *count = MOPT_COUNTOF(exit_codes);
    return exit_codes;
}

const char *mopt__group_title(enum mopt_group group)
{
    static const char *const titles[] = {
        [MOPT_GROUP_LOOK] = "Look",
        [MOPT_GROUP_RUN] = "Run",
        [MOPT_GROUP_CHANGE] = "Change",
        [MOPT_GROUP_META] = "Meta",
    };
    return titles[group];
}

bool mopt__option_takes_value(const struct mopt_option_row *row)
{
    return row->kind != MOPT_OPT_FLAG && row->kind != MOPT_OPT_COUNT;
}

void mopt__option_synopsis(const struct mopt_option_row *row, struct mopt_strbuf *out)
{
    if (row->letter != 0) {
        mopt__strbuf_printf(out, "-%c, ", row->letter);
    }
    mopt__strbuf_printf(out, "--%s", row->name);
    if (row->alias != NULL) {
        mopt__strbuf_printf(out, ", --%s", row->alias);
    }
    if (!mopt__option_takes_value(row)) {
        return;
    }
    bool bare = (row->flags & MOPT_OPT_BARE) != 0;
    mopt__strbuf_printf(out, bare ? "[=%s]" : " %s", row->metavar);
}

void mopt__option_help(const struct mopt_option_row *row, struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, row->help);
    if (row->kind == MOPT_OPT_CHOICE) {
        mopt__strbuf_printf(out, " One of: %s.", row->choices);
    }
    if (row->kind == MOPT_OPT_LIST) {
        mopt__strbuf_add(out, " May be repeated.");
    }
    if (row->initial != NULL) {
        mopt__strbuf_printf(out, " [default: %s]", row->initial);
    }
}

// Adds text broken into lines of at most LINE_WIDTH; the first starts at column `at`, the others at
// `indent`.
static void add_wrapped(struct mopt_strbuf *out, const char *text, size_t at, size_t indent)
{
    size_t column = at;
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > LINE_WIDTH) {
            mopt__strbuf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > at || column > indent) {
            mopt__strbuf_add_char(out, ' ');
            column++;
        }
        mopt__strbuf_add_bytes(out, text, word);
        column += word;
        text += word;
        if (strncmp(text, "\n\n", 2) == 0) {
            mopt__strbuf_printf(out, "\n\n%*s", (int)indent, "");
            column = indent;
            at = indent;
        }
        text += strspn(text, " \n");
    }
    mopt__strbuf_add_char(out, '\n');
}

static void add_option(struct mopt_strbuf *out, const struct mopt_option_row *row)
{
    struct mopt_strbuf left = {0};
    struct mopt_strbuf right = {0};
    mopt__strbuf_add(&left, row->letter != 0 ? "  " : "      ");
    mopt__option_synopsis(row, &left);
    mopt__option_help(row, &right);
    mopt__strbuf_add(out, mopt__strbuf_text(&left));
    if (left.length + 2 > OPTION_COLUMN) {
        mopt__strbuf_printf(out, "\n%*s", OPTION_COLUMN, "");
    } else {
        mopt__strbuf_printf(out, "%*s", (int)(OPTION_COLUMN - left.length), "");
    }
    add_wrapped(out, mopt__strbuf_text(&right), OPTION_COLUMN, OPTION_COLUMN);
    out->failed = out->failed || left.failed || right.failed;
    mopt__strbuf_release(&left);
    mopt__strbuf_release(&right);
}

void mopt__help_command(const struct mopt_command *command, struct mopt_strbuf *out)
{
    mopt__strbuf_printf(out, "mopt %s - %s\n\n", command->name, command->summary);
    if (command->example_count > 0) {
        mopt__strbuf_add(out, "Examples:\n");
    }
    for (size_t i = 0; i < command->example_count; i++) {
        mopt__strbuf_printf(out, "  %s\n      ", command->examples[i].command);
        add_wrapped(out, command->examples[i].text, 6, 6);
    }
    mopt__strbuf_printf(out, "%sUsage: mopt %s%s%s [options]\n",
                        command->example_count > 0 ? "\n" : "", command->name,
                        *command->usage != '\0' ? " " : "", command->usage);
    if (command->details != NULL) {
        mopt__strbuf_add_char(out, '\n');
        add_wrapped(out, command->details, 0, 0);
    }
    if (command->row_count > 0) {
        mopt__strbuf_add(out, "\nOptions:\n");
    }
    const struct mopt_option_row *row;
    for (size_t i = 0; (row = mopt__command_row(command, i)) != NULL; i++) {
        if (i == command->row_count) {
            mopt__strbuf_add(out, "\nCommon options:\n");
        }
        add_option(out, row);
    }
    mopt__strbuf_add(out,
                     "\nExit codes: 0 done, 1 negative verdict, 2 usage, 65 bad content, "
                     "66 input missing,\n69 not supported, 73 output exists, 74 I/O, 75 limit; "
                     "all: mopt help exit-codes\n");
}

void mopt__help_overview(struct mopt_strbuf *out)
{
    mopt__strbuf_printf(out, "mopt %s - makes ONNX networks smaller and faster\n\n", MOPT_VERSION);
    mopt__strbuf_add(out, "  mopt info model.onnx\n"
                          "  mopt optimize model.onnx -o model.opt.onnx --verify 8\n"
                          "  mopt bench model.onnx model.opt.onnx\n\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (int group = MOPT_GROUP_LOOK; group <= MOPT_GROUP_META; group++) {
        mopt__strbuf_printf(out, "%-8s", mopt__group_title((enum mopt_group)group));
        const char *separator = "";
        for (size_t i = 0; i < count; i++) {
            if ((int)commands[i]->group == group) {
                mopt__strbuf_printf(out, "%s%s", separator, commands[i]->name);
                separator = ", ";
            }
        }
        mopt__strbuf_add_char(out, '\n');
    }
    mopt__strbuf_add(out, "\nmopt help COMMAND tells more, with examples first.\n");
}

void mopt__help_exit_codes(struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, "Exit codes:\n");
    for (size_t i = 0; i < MOPT_COUNTOF(exit_codes); i++) {
        mopt__strbuf_printf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
    }
}
