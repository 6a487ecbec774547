// SPDX-License-Identifier: Apache-2.0
// Table of the subcommands, expanded from commands.def.
#include <string.h>

#include "base/size.h"
#include "cli/commands.h"

static const struct mopt_command *const commands[] = {
#define MOPT_COMMAND(name) &mopt__command_##name,
#include "cli/commands.def"
#undef MOPT_COMMAND
};

const struct mopt_command *const *mopt__commands(size_t *count)
{
    *count = MOPT_COUNTOF(commands);
    return commands;
}

const struct mopt_command *mopt__command_find(const char *name)
{
    for (size_t i = 0; i < MOPT_COUNTOF(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}
