// SPDX-License-Identifier: Apache-2.0
// Runs every suite of measure.
#include <string.h>

#include "ops/ops.h"
#include "tests.h"

struct mopt_model *mopt__test_model(const char *text)
{
    struct mopt_error err;
    struct mopt_model *model = NULL;
    mopt_error_clear(&err);
    if (mopt__text_parse(text, strlen(text), &model, &err) != MOPT_OK ||
        mopt__ops_resolve(model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

struct mopt_tensor *mopt__test_floats(const float *values, int rank, const int64_t *dims)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = NULL;
    mopt_error_clear(&err);
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, rank, dims, &tensor, &err), MOPT_OK);
    memcpy(mopt__tensor_data(tensor), values, tensor->bytes);
    return tensor;
}

int main(void)
{
    int failed = mopt__test_summary();
    failed += mopt__test_difference();
    failed += mopt__test_accuracy();
    failed += mopt__test_facts();
    failed += mopt__test_lint();
    failed += mopt__test_feed();
    failed += mopt__test_compare();
    failed += mopt__test_bench();
    return failed != 0;
}
