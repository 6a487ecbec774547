// SPDX-License-Identifier: Apache-2.0
// Raising the operator set of the default domain.
#ifndef MOPT_OPTIMIZE_UPGRADE_H
#define MOPT_OPTIMIZE_UPGRADE_H

#include "ir/ir.h"

// Rewrites every node (all scopes; no model-local functions) so that the model means the same at
// opset `to` of the default domain, and sets the import. A model at `to` or above is not changed.
// Types must be inferred where a rewrite needs a rank. On failure the model may be half converted:
// work on a clone. Errors: MOPT_E_UNSUPPORTED naming a node that has no equivalent.
enum mopt_status mopt__upgrade_opset(struct mopt_model *model, int64_t to, struct mopt_error *err);

#endif
