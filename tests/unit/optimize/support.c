// SPDX-License-Identifier: Apache-2.0
// Models from text for the tests of optimize.
#include <string.h>

#include "ops/infer.h"
#include "tests.h"

static void expect_ok(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK) {
        fail_msg("%s", err->text);
    }
}

struct mopt_model *support_model(const char *text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = NULL;
    expect_ok(mopt__text_parse(text, strlen(text), &model, &err), &err);
    expect_ok(mopt__model_verify(model, &err), &err);
    expect_ok(mopt__ops_resolve(model, &err), &err);
    expect_ok(mopt__infer_model(model, 0, &err), &err);
    return model;
}

struct mopt_node *support_node(const struct mopt_model *model, const char *output)
{
    const struct mopt_value *value = mopt__value_find(model->graph, output);
    assert_non_null(value);
    assert_non_null(value->producer);
    return value->producer;
}

struct mopt_tensor *support_constant(const struct mopt_model *model, const char *name)
{
    const struct mopt_value *value = mopt__value_find(model->graph, name);
    assert_non_null(value);
    assert_non_null(value->constant);
    return value->constant;
}
