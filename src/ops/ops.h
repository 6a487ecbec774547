// SPDX-License-Identifier: Apache-2.0
// Front door of ops (rank 2): what every operator means. One file per operator family, listed in
// ops.def. Read in this order: op.h (the record), infer.h, eval.h, then any operator file; unary.c
// is the simplest.
#ifndef MOPT_OPS_OPS_H
#define MOPT_OPS_OPS_H

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/op.h"

#endif
