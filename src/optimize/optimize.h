// SPDX-License-Identifier: Apache-2.0
// Front door of optimize (rank 5): clean-up, folding and fusion passes, one file per pass, each ending in one constant
// descriptor (listed in lib/passes.def). This header holds what several passes share. It knows nothing of quantization.
#ifndef MOPT_OPTIMIZE_OPTIMIZE_H
#define MOPT_OPTIMIZE_OPTIMIZE_H

#include "pass/pass.h"

// For rules that remove a node whose output 0 equals its input 0: replaces the output by the input.
enum mopt_status mopt__replace_by_input(struct mopt_rewriter *rewriter, struct mopt_match *match, struct mopt_error *err);
// True when that leaves no Identity behind and types agree; else refuses with a reason.
bool mopt__may_replace_by_input(struct mopt_match *match);

#endif
