// SPDX-License-Identifier: Apache-2.0
// Front door of lib (rank 8): the composition root. It alone knows every pass (passes.def) and
// implements include/mopt. Read in this order: passes.def, context.c, host.c (functions for
// plugins), api_model.c, api_session.c.
#ifndef MOPT_LIB_LIB_H
#define MOPT_LIB_LIB_H

#include "base/log.h"
#include "mopt/mopt.h"
#include "mopt/plugin.h"
#include "onnx/onnx.h"
#include "pass/pass.h"

struct mopt_context {
    struct mopt_log log;
    mopt_message_fn message;
    void *user;
    const struct mopt_pass **passes; // heap: built-in ones, then those of plugins
    size_t pass_count, pass_capacity;
    void **handles; // heap: dlopen handles
    size_t handle_count, handle_capacity;
};

struct mopt_pass_set mopt__context_pass_set(const struct mopt_context *context);
// Loads ONNX or text form (by content), resolves operators. limits may be NULL.
enum mopt_status mopt__load_model(const char *path, const struct mopt_onnx_limits *limits,
                                  struct mopt_model **out, struct mopt_error *err);
extern const struct mopt_host mopt__host; // functions for plugins

#endif
