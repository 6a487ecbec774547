// SPDX-License-Identifier: Apache-2.0
// RegexFullMatch: which texts fit a regular expression as a whole.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/pattern.h"
#include "ops/record.h"

static enum mopt_status regex_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    return mopt__infer_set(infer, 0, MOPT_BOOL, type != NULL ? type->rank : -1,
                           type != NULL ? type->dims : NULL, err);
}

static enum mopt_status regex_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    const struct mopt_string *texts = input->data;
    const char *text;
    struct mopt_pattern *pattern = NULL;
    struct mopt_tensor *out;
    enum mopt_status status = mopt__attr_string(eval->node, "pattern", "", &text, err);
    if (status == MOPT_OK) {
        status = mopt__pattern_new(text, &pattern, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_BOOL, input->rank, input->dims, &out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        bool matches = false;
        status = mopt__pattern_match(pattern, texts[i].data, texts[i].size, &matches, err);
        ((uint8_t *)mopt__tensor_data(out))[i] = matches ? 1 : 0;
        if (status == MOPT_OK && eval->budget != NULL) {
            status = mopt__budget_check(eval->budget, err);
        }
    }
    mopt__pattern_free(pattern);
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "RegexFullMatch",
     .since = 20,
     .summary = "which texts fit a regular expression as a whole",
     MOPT_INPUTS({"X", "T1", MOPT_DT(MOPT_STRING), 0}),
     MOPT_OUTPUTS({"Y", "T2", MOPT_SET_BOOL, 0}),
     MOPT_ATTRIBUTES({.name = "pattern", .kind = MOPT_ATTR_STRING}),
     .traits = MOPT_TRAIT_ELEMENTWISE,
     .infer = regex_infer,
     .eval = regex_eval},
};
const struct mopt_op_family mopt__ops_regex_full_match = {records, MOPT_COUNTOF(records)};
