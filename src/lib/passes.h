// SPDX-License-Identifier: Apache-2.0
// The built-in passes, expanded from passes.def.
#ifndef MOPT_LIB_PASSES_H
#define MOPT_LIB_PASSES_H

#include "mopt/pass.h"

const struct mopt_pass *const *mopt__builtin_passes(size_t *count); // pipeline order

#endif
