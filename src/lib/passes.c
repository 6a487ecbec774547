// SPDX-License-Identifier: Apache-2.0
// Table of the built-in passes in pipeline order.
#include "lib/passes.h"

#include "base/size.h"

#define MOPT_PASS(folder, file, symbol) extern const struct mopt_pass symbol;
#include "lib/passes.def"
#undef MOPT_PASS

static const struct mopt_pass *const passes[] = {
#define MOPT_PASS(folder, file, symbol) &symbol,
#include "lib/passes.def"
#undef MOPT_PASS
};

const struct mopt_pass *const *mopt__builtin_passes(size_t *count)
{
    *count = MOPT_COUNTOF(passes);
    return passes;
}
