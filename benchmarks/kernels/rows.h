// SPDX-License-Identifier: Apache-2.0
// The parts of the table.
#ifndef MOPT_BENCHMARKS_ROWS_H
#define MOPT_BENCHMARKS_ROWS_H

#include "timing.h"

void bench_byte_rows(struct bench *bench);

#endif
