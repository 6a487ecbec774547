// SPDX-License-Identifier: Apache-2.0
// Front door of optimize (rank 5): clean-up, folding and fusion passes, one file per pass, each
// ending in one constant descriptor (listed in lib/passes.def). This header holds what several
// passes share. It knows nothing of quantization.
#ifndef MOPT_OPTIMIZE_OPTIMIZE_H
#define MOPT_OPTIMIZE_OPTIMIZE_H

#include "pass/pass.h"

// For rules that remove a node whose output 0 equals its input 0: replaces the output by the input.
enum mopt_status mopt__replace_by_input(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                        struct mopt_error *err);
// True when that leaves no Identity behind and no other output is used; else refuses with a reason.
bool mopt__may_replace_by_input(struct mopt_match *match);
// Same inputs, same outputs, and nothing else happens: a known operator without sub-graphs that is
// not random (Dropout in training is) and has no state.
bool mopt__is_pure(const struct mopt_node *node);
// A graph of a model-local function: it has no initializers.
bool mopt__in_function(const struct mopt_graph *graph);
// Training mode of a BatchNormalization of any opset; before 14 the number of outputs tells.
bool mopt__is_training_norm(const struct mopt_node *node);

#endif
