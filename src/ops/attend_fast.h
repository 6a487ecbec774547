// SPDX-License-Identifier: Apache-2.0
// Attention of floats by the fused kernel, for operators that are bound to it. Knows no single
// operator.
#ifndef MOPT_OPS_ATTEND_FAST_H
#define MOPT_OPS_ATTEND_FAST_H

#include "kernels/attention.h"
#include "ops/attend.h"

// Queries, keys and values where they lie.
struct mopt_attend_floats {
    const float *q, *k, *v;
    struct mopt_head_steps q_steps, k_steps, v_steps;
};

// The kernel computes this: no soft cap, no sinks, no scores asked for, floats.
bool mopt__attend_is_plain(const struct mopt_attend *a);
// Fills y like mopt__attend, by the kernel; q, k and v of `a` are not looked at.
enum mopt_status mopt__attend_floats(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                     const struct mopt_attend *a,
                                     const struct mopt_attend_floats *f, struct mopt_error *err);
// The same with q, k and v of `a`, rounded to float.
enum mopt_status mopt__attend_rounded(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                      const struct mopt_attend *a, struct mopt_error *err);
// Runs the kernel with scratch of its own.
enum mopt_status mopt__attend_kernel(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                     const struct mopt_attention_f32 *attention,
                                     struct mopt_error *err);

#endif
