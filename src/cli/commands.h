// SPDX-License-Identifier: Apache-2.0
// Declarations of the descriptors that the cmd_<name>.c files define, from commands.def.
#ifndef MOPT_CLI_COMMANDS_H
#define MOPT_CLI_COMMANDS_H

#include "cli/cli.h"

#define MOPT_COMMAND(name) extern const struct mopt_command mopt__command_##name;
#include "cli/commands.def"
#undef MOPT_COMMAND

#endif
