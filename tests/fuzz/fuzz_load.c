// SPDX-License-Identifier: Apache-2.0
// Loading and inference, fast: what loads is well-formed, can be measured, and copies to the same
// model; inference ends, strict or not, and leaves the model well-formed.
#include "fuzz/fuzz.h"

#include <string.h>

#include "onnx/onnx.h"
#include "ops/ops.h"

static void check(struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_model *copy = NULL;
    uint64_t bytes = 0, copied = 0;
    mopt_error_clear(&err);
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fuzz_fail("a loaded model is not well-formed", err.text);
    }
    if (mopt__onnx_size(model, &bytes, &err) != MOPT_OK ||
        mopt__model_clone(model, &copy, &err) != MOPT_OK ||
        mopt__onnx_size(copy, &copied, &err) != MOPT_OK) {
        fuzz_fail("a loaded model cannot be copied or saved", err.text);
    }
    if (bytes != copied) {
        fuzz_fail("the copy of a model has another size", "");
    }
    mopt__model_free(copy);
}

static void infer(struct mopt_model *model)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    enum mopt_status status = mopt__ops_resolve(model, &err);
    if (status == MOPT_OK) {
        status = mopt__infer_model(model, 0, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_model(model, MOPT_INFER_STRICT | MOPT_INFER_KEEP, &err);
    }
    if (status != MOPT_OK && (err.text[0] == '\0' || status == MOPT_E_INTERNAL)) {
        fuzz_fail("inference failed without a reason", err.text);
    }
    mopt_error_clear(&err);
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fuzz_fail("inference broke the model", err.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mopt_error err;
    struct mopt_mapping *mapping = NULL;
    struct mopt_model *model = NULL;
    void *copy = mopt__malloc(size);
    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    mopt_error_clear(&err);
    if (mopt__mapping_take(copy, size, "input", &mapping, &err) != MOPT_OK) {
        return 0;
    }
    if (mopt__onnx_load_mapping(mapping, NULL, NULL, &model, &err) == MOPT_OK) {
        check(model);
        infer(model);
        mopt__model_free(model);
    } else if (err.text[0] == '\0' || err.status == MOPT_E_INTERNAL) {
        fuzz_fail("loading failed without a reason", err.text);
    }
    mopt__mapping_unref(mapping);
    return 0;
}
