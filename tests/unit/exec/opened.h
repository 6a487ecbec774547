// SPDX-License-Identifier: Apache-2.0
// Models out of their text and sessions of them, or the end of the test. Behind cmocka.h.
#ifndef MOPT_TESTS_UNIT_EXEC_OPENED_H
#define MOPT_TESTS_UNIT_EXEC_OPENED_H

#include "exec/exec.h"
#include "ir/text.h"
#include "ops/ops.h"

static inline struct mopt_model *parsed(const char *text, size_t length)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__text_parse(text, length, &model, &err) != MOPT_OK ||
        mopt__ops_resolve(model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static inline struct mopt_session *opened(struct mopt_model *model,
                                          const struct mopt_session_options *options)
{
    struct mopt_session *session = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_new(model, options, &session, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return session;
}

#endif
