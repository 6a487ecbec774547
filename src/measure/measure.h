// SPDX-License-Identifier: Apache-2.0
// Front door of measure (rank 6): numbers about models. Size and cost (facts), faults (lint), speed
// (bench), agreement (compare) and quality (evaluate). It runs models and computes; it never prints
// and chooses no exit code. Read in this order: summary.h (statistics), difference.h (two tensors),
// accuracy.h, facts.h, lint.h, feed.h (where inputs come from), machine.h and peaks.h (what
// surrounds a measurement), bench.h, compare.h, evaluate.h.
#ifndef MOPT_MEASURE_MEASURE_H
#define MOPT_MEASURE_MEASURE_H

#include "measure/accuracy.h"
#include "measure/bench.h"
#include "measure/compare.h"
#include "measure/difference.h"
#include "measure/evaluate.h"
#include "measure/facts.h"
#include "measure/feed.h"
#include "measure/lint.h"
#include "measure/machine.h"
#include "measure/peaks.h"
#include "measure/summary.h"

#endif
