// SPDX-License-Identifier: Apache-2.0
// The whole way of a model file: load, print, run, optimize, run again; under tiny limits.
#include "fuzz/fuzz.h"

#include "support/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exercise exercise = {.run_ns = 200000000, .max_steps = 200, .max_memory = 1 << 30};
    exercise_bytes(&exercise, data, size);
    if (exercise.failure != NULL) {
        fuzz_fail(exercise.failure, exercise.error.text);
    }
    return 0;
}
