// SPDX-License-Identifier: Apache-2.0
// Shell completions for bash, zsh and fish, printed from the option rows.
#include <string.h>

#include "cli/help.h"

static void add_commands(struct mopt_strbuf *out, const char *separator)
{
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_printf(out, "%s%s", i > 0 ? separator : "", commands[i]->name);
    }
}

// Choices "a|b|c" with another separator.
static void add_choices(struct mopt_strbuf *out, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        mopt__strbuf_add_char(out, *choices == '|' ? ' ' : *choices);
    }
}

// ---- bash ---------------------------------------------------------------------------------------

static void bash_values(struct mopt_strbuf *out, enum mopt_complete complete, const char *choices)
{
    if (choices != NULL) {
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -W \"");
        add_choices(out, choices);
        mopt__strbuf_add(out, "\" -- \"$cur\"))");
        return;
    }
    switch (complete) {
    case MOPT_COMPLETE_DIR:
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -d -- \"$cur\"))");
        return;
    case MOPT_COMPLETE_MODEL:
    case MOPT_COMPLETE_FILE:
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -f -- \"$cur\"))");
        return;
    case MOPT_COMPLETE_PASS:
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -W \"$(mopt passes --names 2>/dev/null)\" "
                              "-- \"$cur\"))");
        return;
    case MOPT_COMPLETE_COMMAND:
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -W \"");
        add_commands(out, " ");
        mopt__strbuf_add(out, "\" -- \"$cur\"))");
        return;
    case MOPT_COMPLETE_SHELL:
        mopt__strbuf_add(out, "COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$cur\"))");
        return;
    case MOPT_COMPLETE_NONE:
        mopt__strbuf_add(out, "COMPREPLY=()");
        return;
    }
}

static void bash_command(struct mopt_strbuf *out, const struct mopt_command *command)
{
    const struct mopt_option_row *row;
    mopt__strbuf_printf(out, "    %s)\n        case \"$prev\" in\n", command->name);
    for (size_t i = 0; (row = mopt__command_row(command, i)) != NULL; i++) {
        if (!mopt__option_takes_value(row) || (row->flags & MOPT_OPT_BARE) != 0) {
            continue;
        }
        mopt__strbuf_printf(out, "        --%s", row->name);
        if (row->alias != NULL) {
            mopt__strbuf_printf(out, " | --%s", row->alias);
        }
        if (row->letter != 0) {
            mopt__strbuf_printf(out, " | -%c", row->letter);
        }
        mopt__strbuf_add(out, ") ");
        bash_values(out, row->complete, row->kind == MOPT_OPT_CHOICE ? row->choices : NULL);
        mopt__strbuf_add(out, "; return ;;\n");
    }
    mopt__strbuf_add(out, "        esac\n        if [[ $cur == -* ]]; then\n"
                          "            COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; (row = mopt__command_row(command, i)) != NULL; i++) {
        mopt__strbuf_printf(out, "%s--%s", i > 0 ? " " : "", row->name);
        if (row->alias != NULL) {
            mopt__strbuf_printf(out, " --%s", row->alias);
        }
    }
    mopt__strbuf_add(out, "\" -- \"$cur\"))\n        else\n            ");
    bash_values(out, command->complete, NULL);
    mopt__strbuf_add(out, "\n        fi\n        ;;\n");
}

void mopt__completion_bash(struct mopt_strbuf *out)
{
    mopt__strbuf_add(out,
                     "# bash completion of mopt, printed by: mopt completion bash\n"
                     "_mopt() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
                     "        COMPREPLY=($(compgen -W \"");
    add_commands(out, " ");
    mopt__strbuf_add(out, "\" -- \"$cur\"))\n        return\n    fi\n"
                          "    case ${COMP_WORDS[1]} in\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        bash_command(out, commands[i]);
    }
    mopt__strbuf_add(out, "    esac\n}\ncomplete -o filenames -F _mopt mopt\n");
}

// ---- zsh ----------------------------------------------------------------------------------------

// Text inside single quotes of an _arguments specification.
static void add_zsh_text(struct mopt_strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            mopt__strbuf_add(out, "'\\''");
            continue;
        }
        if (strchr("[]:\\", *text) != NULL) {
            mopt__strbuf_add_char(out, '\\');
        }
        mopt__strbuf_add_char(out, *text);
    }
}

static void zsh_values(struct mopt_strbuf *out, enum mopt_complete complete, const char *choices)
{
    if (choices != NULL) {
        mopt__strbuf_add_char(out, '(');
        add_choices(out, choices);
        mopt__strbuf_add_char(out, ')');
        return;
    }
    switch (complete) {
    case MOPT_COMPLETE_DIR:
        mopt__strbuf_add(out, "_directories");
        return;
    case MOPT_COMPLETE_MODEL:
    case MOPT_COMPLETE_FILE:
        mopt__strbuf_add(out, "_files");
        return;
    case MOPT_COMPLETE_PASS:
        mopt__strbuf_add(out, "($(mopt passes --names 2>/dev/null))");
        return;
    case MOPT_COMPLETE_COMMAND:
        mopt__strbuf_add_char(out, '(');
        add_commands(out, " ");
        mopt__strbuf_add_char(out, ')');
        return;
    case MOPT_COMPLETE_SHELL:
        mopt__strbuf_add(out, "(bash zsh fish)");
        return;
    case MOPT_COMPLETE_NONE:
        return;
    }
}

static void zsh_option(struct mopt_strbuf *out, const struct mopt_option_row *row)
{
    bool value = mopt__option_takes_value(row);
    bool bare = (row->flags & MOPT_OPT_BARE) != 0;
    for (int form = row->letter != 0 ? 0 : 1; form < (row->alias != NULL ? 3 : 2); form++) {
        bool many = row->kind == MOPT_OPT_LIST || row->kind == MOPT_OPT_COUNT;
        mopt__strbuf_printf(out, "            '%s", many ? "*" : "");
        if (form == 0) {
            mopt__strbuf_printf(out, "-%c", row->letter);
        } else {
            const char *name = form == 1 ? row->name : row->alias;
            mopt__strbuf_printf(out, "--%s%s", name, bare ? "=-" : value ? "=" : "");
        }
        mopt__strbuf_add_char(out, '[');
        add_zsh_text(out, row->help);
        mopt__strbuf_add_char(out, ']');
        if (value) {
            mopt__strbuf_add(out, bare ? "::" : ":");
            add_zsh_text(out, row->metavar);
            mopt__strbuf_add_char(out, ':');
            zsh_values(out, row->complete, row->kind == MOPT_OPT_CHOICE ? row->choices : NULL);
        }
        mopt__strbuf_add(out, "' \\\n");
    }
}

static void zsh_command(struct mopt_strbuf *out, const struct mopt_command *command)
{
    const struct mopt_option_row *row;
    mopt__strbuf_printf(out, "    %s)\n        _arguments \\\n", command->name);
    for (size_t i = 0; (row = mopt__command_row(command, i)) != NULL; i++) {
        zsh_option(out, row);
    }
    mopt__strbuf_add(out, "            '*:argument:");
    zsh_values(out, command->complete, NULL);
    mopt__strbuf_add(out, "'\n        ;;\n");
}

void mopt__completion_zsh(struct mopt_strbuf *out)
{
    mopt__strbuf_add(out,
                     "#compdef mopt\n# zsh completion of mopt, printed by: mopt completion zsh\n"
                     "_mopt() {\n"
                     "    if (( CURRENT == 2 )); then\n        local -a commands=(\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_printf(out, "            '%s:", commands[i]->name);
        add_zsh_text(out, commands[i]->summary);
        mopt__strbuf_add(out, "'\n");
    }
    mopt__strbuf_add(out, "        )\n        _describe command commands\n        return\n    fi\n"
                          "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
                          "    case $command in\n");
    for (size_t i = 0; i < count; i++) {
        zsh_command(out, commands[i]);
    }
    mopt__strbuf_add(out, "    esac\n}\n"
                          "if [ \"$funcstack[1]\" = _mopt ]; then _mopt \"$@\"; "
                          "else compdef _mopt mopt; fi\n");
}

// ---- fish ---------------------------------------------------------------------------------------

static void add_fish_text(struct mopt_strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            mopt__strbuf_add_char(out, '\\');
        }
        mopt__strbuf_add_char(out, *text);
    }
}

static void fish_values(struct mopt_strbuf *out, enum mopt_complete complete, const char *choices)
{
    if (choices != NULL) {
        mopt__strbuf_add(out, " -x -a '");
        add_choices(out, choices);
        mopt__strbuf_add_char(out, '\'');
        return;
    }
    switch (complete) {
    case MOPT_COMPLETE_DIR:
        mopt__strbuf_add(out, " -x -a '(__fish_complete_directories)'");
        return;
    case MOPT_COMPLETE_MODEL:
    case MOPT_COMPLETE_FILE:
        mopt__strbuf_add(out, " -r -F");
        return;
    case MOPT_COMPLETE_PASS:
        mopt__strbuf_add(out, " -x -a '(mopt passes --names 2>/dev/null)'");
        return;
    case MOPT_COMPLETE_COMMAND:
        mopt__strbuf_add(out, " -x -a '");
        add_commands(out, " ");
        mopt__strbuf_add_char(out, '\'');
        return;
    case MOPT_COMPLETE_SHELL:
        mopt__strbuf_add(out, " -x -a 'bash zsh fish'");
        return;
    case MOPT_COMPLETE_NONE:
        mopt__strbuf_add(out, " -x");
        return;
    }
}

static void fish_option(struct mopt_strbuf *out, const struct mopt_command *command,
                        const struct mopt_option_row *row)
{
    mopt__strbuf_printf(out, "complete -c mopt -n '__fish_seen_subcommand_from %s' -l %s",
                        command->name, row->name);
    if (row->alias != NULL) {
        mopt__strbuf_printf(out, " -l %s", row->alias);
    }
    if (row->letter != 0) {
        mopt__strbuf_printf(out, " -s %c", row->letter);
    }
    if (mopt__option_takes_value(row) && (row->flags & MOPT_OPT_BARE) == 0) {
        fish_values(out, row->complete, row->kind == MOPT_OPT_CHOICE ? row->choices : NULL);
    }
    mopt__strbuf_add(out, " -d '");
    add_fish_text(out, row->help);
    mopt__strbuf_add(out, "'\n");
}

void mopt__completion_fish(struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, "# fish completion of mopt, printed by: mopt completion fish\n");
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        mopt__strbuf_printf(out, "complete -c mopt -f -n __fish_use_subcommand -a %s -d '",
                            commands[i]->name);
        add_fish_text(out, commands[i]->summary);
        mopt__strbuf_add(out, "'\n");
    }
    for (size_t i = 0; i < count; i++) {
        const struct mopt_option_row *row;
        for (size_t k = 0; (row = mopt__command_row(commands[i], k)) != NULL; k++) {
            fish_option(out, commands[i], row);
        }
        if (commands[i]->complete != MOPT_COMPLETE_NONE) {
            mopt__strbuf_printf(out, "complete -c mopt -n '__fish_seen_subcommand_from %s'",
                                commands[i]->name);
            fish_values(out, commands[i]->complete, NULL);
            mopt__strbuf_add_char(out, '\n');
        }
    }
}
