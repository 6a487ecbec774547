// SPDX-License-Identifier: Apache-2.0
// The man page (roff) and the Markdown reference of all commands.
#include <string.h>

#include "cli/help.h"
#include "mopt/version.h"

// ---- roff ---------------------------------------------------------------------------------------

// Text with what roff would interpret escaped. A line may not start with a dot or quote.
static void add_roff(struct mopt_strbuf *out, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            mopt__strbuf_add(out, "\\&");
        }
        if (*text == '\\') {
            mopt__strbuf_add(out, "\\e");
        } else if (*text == '-') {
            mopt__strbuf_add(out, "\\-");
        } else if (strncmp(text, "\n\n", 2) == 0) {
            mopt__strbuf_add(out, "\n.PP");
        } else {
            mopt__strbuf_add_char(out, *text);
        }
        line_start = *text == '\n';
    }
}

static void roff_option(struct mopt_strbuf *out, const struct mopt_option_row *row)
{
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(out, ".TP\n\\fB");
    mopt__option_synopsis(row, &text);
    add_roff(out, mopt__strbuf_text(&text));
    mopt__strbuf_add(out, "\\fR\n");
    mopt__strbuf_clear(&text);
    mopt__option_help(row, &text);
    add_roff(out, mopt__strbuf_text(&text));
    mopt__strbuf_add_char(out, '\n');
    out->failed = out->failed || text.failed;
    mopt__strbuf_release(&text);
}

static void roff_command(struct mopt_strbuf *out, const struct mopt_command *command)
{
    mopt__strbuf_printf(out, ".SS mopt %s %s\n", command->name, command->usage);
    add_roff(out, command->summary);
    mopt__strbuf_add(out, ".\n");
    if (command->details != NULL) {
        mopt__strbuf_add(out, ".PP\n");
        add_roff(out, command->details);
        mopt__strbuf_add_char(out, '\n');
    }
    for (size_t i = 0; i < command->example_count; i++) {
        mopt__strbuf_add(out, ".PP\n.nf\n\\fB");
        add_roff(out, command->examples[i].command);
        mopt__strbuf_add(out, "\\fR\n.fi\n");
        add_roff(out, command->examples[i].text);
        mopt__strbuf_add_char(out, '\n');
    }
    for (size_t i = 0; i < command->row_count; i++) {
        roff_option(out, &command->rows[i]);
    }
}

void mopt__help_man(struct mopt_strbuf *out)
{
    mopt__strbuf_printf(out, ".TH MOPT 1 \"\" \"mopt %s\" \"User Commands\"\n", MOPT_VERSION);
    mopt__strbuf_add(out, ".SH NAME\nmopt \\- makes ONNX networks smaller and faster\n"
                          ".SH SYNOPSIS\n\\fBmopt\\fR \\fICOMMAND\\fR [\\fIoptions\\fR] ...\n"
                          ".SH DESCRIPTION\n"
                          "Takes an ONNX model in and gives a better one out: folded, fused, "
                          "quantized, measured.\nStandard output is the result, standard error "
                          "everything else. No network, no telemetry, no prompts.\n"
                          ".SH COMMANDS\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        roff_command(out, commands[i]);
    }
    mopt__strbuf_add(out, ".SH COMMON OPTIONS\n");
    const struct mopt_option_row *rows = mopt__common_rows(&count);
    for (size_t i = 0; i < count; i++) {
        roff_option(out, &rows[i]);
    }
    mopt__strbuf_add(out, ".SH EXIT STATUS\n");
    const struct mopt_exit_code *codes = mopt__exit_codes(&count);
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_printf(out, ".TP\n%d\n", codes[i].code);
        add_roff(out, codes[i].meaning);
        mopt__strbuf_add_char(out, '\n');
    }
    mopt__strbuf_add(out, ".SH ENVIRONMENT\n.TP\nNO_COLOR\nNo colours when set and not empty.\n"
                          ".TP\nMOPT_CPU\nHighest instruction set to use: ref, avx2, avx512, "
                          "avx512\\-vnni, avx512\\-bf16.\n");
}

// ---- Markdown -----------------------------------------------------------------------------------

static void markdown_rows(struct mopt_strbuf *out, const struct mopt_option_row *rows, size_t count)
{
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(out, "| option | meaning |\n| --- | --- |\n");
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_clear(&text);
        mopt__option_synopsis(&rows[i], &text);
        mopt__strbuf_printf(out, "| `%s` | ", mopt__strbuf_text(&text));
        mopt__strbuf_clear(&text);
        mopt__option_help(&rows[i], &text);
        for (const char *at = mopt__strbuf_text(&text); *at != '\0'; at++) {
            mopt__strbuf_add(out, *at == '|' ? "\\" : "");
            mopt__strbuf_add_char(out, *at);
        }
        mopt__strbuf_add(out, " |\n");
    }
    mopt__strbuf_add_char(out, '\n');
    out->failed = out->failed || text.failed;
    mopt__strbuf_release(&text);
}

static void markdown_command(struct mopt_strbuf *out, const struct mopt_command *command)
{
    mopt__strbuf_printf(out, "## mopt %s\n\n%s.\n\n", command->name, command->summary);
    mopt__strbuf_printf(out, "    mopt %s %s [options]\n\n", command->name, command->usage);
    if (command->details != NULL) {
        mopt__strbuf_printf(out, "%s\n\n", command->details);
    }
    for (size_t i = 0; i < command->example_count; i++) {
        mopt__strbuf_printf(out, "- `%s`: %s\n", command->examples[i].command,
                            command->examples[i].text);
    }
    mopt__strbuf_add(out, command->example_count > 0 ? "\n" : "");
    if (command->row_count > 0) {
        markdown_rows(out, command->rows, command->row_count);
    }
}

void mopt__help_markdown(struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, "# mopt\n\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        markdown_command(out, commands[i]);
    }
    mopt__strbuf_add(out, "## Common options\n\n");
    const struct mopt_option_row *rows = mopt__common_rows(&count);
    markdown_rows(out, rows, count);
    mopt__strbuf_add(out, "## Exit codes\n\n| code | meaning |\n| ---: | --- |\n");
    const struct mopt_exit_code *codes = mopt__exit_codes(&count);
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_printf(out, "| %d | %s |\n", codes[i].code, codes[i].meaning);
    }
}
