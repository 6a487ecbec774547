// SPDX-License-Identifier: Apache-2.0
// The text form: the parser, and behind it operators in combinations that no file of bytes reaches
// soon.
#include "fuzz/fuzz.h"

#include "ir/text.h"
#include "support/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exercise exercise = {.run_ns = 200000000, .max_steps = 200, .max_memory = 1 << 30};
    struct mopt_error err;
    struct mopt_model *model = NULL;
    mopt_error_clear(&err);
    if (mopt__text_parse((const char *)data, size, &model, &err) == MOPT_OK) {
        if (mopt__model_verify(model, &err) == MOPT_OK) {
            exercise_model(&exercise, model);
        } else {
            mopt__model_free(model);
        }
    } else if (err.text[0] == '\0' || err.status == MOPT_E_INTERNAL) {
        fuzz_fail("parsing failed without a reason", err.text);
    }
    if (exercise.failure != NULL) {
        fuzz_fail(exercise.failure, exercise.error.text);
    }
    return 0;
}
