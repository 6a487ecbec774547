// SPDX-License-Identifier: Apache-2.0
// Running a model on the processor.
#ifndef MOPT_SESSION_H
#define MOPT_SESSION_H

#include "mopt/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mopt_runner; // prepared model; not thread-safe, one per thread

enum { MOPT_TENSOR_RANK_MAX = 16 };

// A dense tensor as seen by callers: little-endian, row-major, sub-byte types packed low bits
// first.
struct mopt_tensor_view {
    enum mopt_dtype dtype; // strings are not offered here
    int rank;
    int64_t dims[MOPT_TENSOR_RANK_MAX];
    const void *data;
    size_t bytes;
};

// threads 0 = processors the process may use. The model must stay alive and unchanged until the
// runner is freed. Errors: MOPT_E_UNSUPPORTED naming the operators that cannot run.
MOPT_API enum mopt_status mopt_runner_new(struct mopt_model *model, int threads,
                                          struct mopt_runner **out, struct mopt_error *err);
// The same with more to say. All zero is the default.
struct mopt_runner_options {
    int threads;    // as above
    bool strict_fp; // float convolutions as plain sums, never by Winograd's forms
    bool bf16;      // constant weights of products in 16 bits; where that is faster, activations
                    // and convolutions, too. No less exact than bfloat16. Transposed convolutions
                    // and weights stored in blocks of few bits stay as they are.
};
MOPT_API enum mopt_status mopt_runner_open(struct mopt_model *model,
                                           const struct mopt_runner_options *options,
                                           struct mopt_runner **out, struct mopt_error *err);
MOPT_API void mopt_runner_free(struct mopt_runner *session);
// inputs: one per model input in order (data borrowed during the call). outputs: [output count],
// filled in; their data belong to the runner and stay valid until its next run.
MOPT_API enum mopt_status mopt_runner_run(struct mopt_runner *session,
                                          const struct mopt_tensor_view *inputs, size_t input_count,
                                          struct mopt_tensor_view *outputs, size_t output_count,
                                          struct mopt_error *err);

#ifdef __cplusplus
}
#endif
#endif
