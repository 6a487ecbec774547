// SPDX-License-Identifier: Apache-2.0
// Uses a model of unknown origin in every way that the command line offers, under tiny limits:
// prints it and parses the text, runs it on zeros, optimizes it, runs the result, saves and loads
// it again. Shared by the tests of damaged files and by the fuzz harnesses. Any of these steps may
// fail with an error, but not without a text, and not with "internal error".
#ifndef MOPT_TESTS_SUPPORT_EXERCISE_H
#define MOPT_TESTS_SUPPORT_EXERCISE_H

#include <stdbool.h>

#include "ir/ir.h"

struct exercise {
    uint64_t run_ns;     // time limit of one run, and of one optimization
    uint64_t max_steps;  // nodes executed per run
    uint64_t max_memory; // resident bytes at which a run stops, 0 = no limit
    const char *save_to; // file for the optimized model, replaced every time; NULL = not saved
    size_t loaded, ran, optimized;
    const char *failure; // what promise was broken, NULL while there is none
    struct mopt_error error;
};

// Takes the model, which must be well-formed (mopt__model_verify).
void exercise_model(struct exercise *exercise, struct mopt_model *model);
// Loads the bytes and uses the model if there is one.
void exercise_bytes(struct exercise *exercise, const void *bytes, size_t size);

#endif
