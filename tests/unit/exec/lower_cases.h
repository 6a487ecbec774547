// SPDX-License-Identifier: Apache-2.0
// Small graphs that test_lower.c runs.
#ifndef MOPT_TESTS_UNIT_EXEC_LOWER_CASES_H
#define MOPT_TESTS_UNIT_EXEC_LOWER_CASES_H

#include <stddef.h>

struct lowered {
    const char *name;
    // @N stands for N numbers in [-1, 1], #N for N integers in [-60, 60], $N for N integers in
    // [68, 188], &N for N integers in [-7, 7], ^N for N in [0, 15], all in braces
    const char *text;
    double tolerance; // absolute and relative
    int calls;        // actions that a run takes, changes of form included in their node's
};
extern const struct lowered mopt__lowered[];
extern const size_t mopt__lowered_count;
extern const struct lowered mopt__lowered_attention[];
extern const size_t mopt__lowered_attention_count;
extern const struct lowered mopt__lowered_conv[]; // bands.c, native_conv.c
extern const size_t mopt__lowered_conv_count;
extern const struct lowered mopt__lowered_sums[]; // MatMulInteger and ConvInteger
extern const size_t mopt__lowered_sums_count;

#endif
