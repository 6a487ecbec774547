// SPDX-License-Identifier: Apache-2.0
// Identity: the input as it is, be it a tensor, a sequence or an optional value.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

static enum mopt_status identity_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    return mopt__infer_same(infer, 0, 0);
}

static enum mopt_status identity_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    (void)err;
    return mopt__eval_set_datum(eval, 0, eval->inputs[0]);
}

#define RECORD(from, to, set, kinds)                                                               \
    {                                                                                              \
        .domain = "", .name = "Identity", .since = from, .until = to,                              \
        .summary = "the input as it is", MOPT_INPUTS({"input", "T", set, kinds}),                  \
        MOPT_OUTPUTS({"output", "T", set, kinds}),                                                 \
        .traits =                                                                                  \
            MOPT_TRAIT_SHAPE_ONLY | MOPT_TRAIT_VIEW | MOPT_TRAIT_IDEMPOTENT | MOPT_TRAIT_IN_PLACE, \
        .infer = identity_infer, .eval = identity_eval                                             \
    }

static const struct mopt_op records[] = {
    RECORD(1, 13, MOPT_SET_ALL_25, 0),
    RECORD(14, 0, MOPT_SET_ALL_25, MOPT_PARAM_ANY), // sequences, from 16 optional values too
};
const struct mopt_op_family mopt__ops_identity = {records, MOPT_COUNTOF(records)};
