// SPDX-License-Identifier: Apache-2.0
// Files of data, opened by content as the commands do: npy, npz, IDX, gz, images, lists, tensors.
#include "fuzz/fuzz.h"

#include "data/data.h"
#include "onnx/onnx.h"

enum { BATCHES_MAX = 4 };

static void judge(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK && (err->text[0] == '\0' || status == MOPT_E_INTERNAL)) {
        fuzz_fail("a file of data failed without a reason", err->text);
    }
}

static void read_samples(const char *path)
{
    struct mopt_error err;
    struct mopt_dataset *dataset = NULL;
    const int64_t dims[4] = {MOPT_DIM_UNKNOWN, 1, 4, 4};
    struct mopt_type type = {.kind = MOPT_TYPE_TENSOR,
                             .dtype = MOPT_FLOAT32,
                             .rank = 4,
                             .dims = dims};
    struct mopt_input_spec spec = {.name = "x", .type = &type};
    struct mopt_data_options options = {.path = path, .batch = 2, .samples = 8};
    mopt_error_clear(&err);
    enum mopt_status status = mopt__dataset_open(&options, &spec, 1, &dataset, &err);
    const struct mopt_sample *sample = NULL;
    for (int i = 0; status == MOPT_OK && i < BATCHES_MAX; i++) {
        status = mopt__dataset_next(dataset, &sample, &err);
        if (sample == NULL) {
            break;
        }
    }
    judge(status, &err);
    mopt__dataset_close(dataset);
}

static void read_arrays(const char *path)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = NULL;
    struct mopt_npz *npz = NULL;
    mopt_error_clear(&err);
    judge(mopt__npy_load(path, &tensor, &err), &err);
    mopt__tensor_unref(tensor);
    mopt_error_clear(&err);
    enum mopt_status status = mopt__npz_open(path, &npz, &err);
    judge(status, &err);
    for (size_t i = 0; status == MOPT_OK && i < mopt__npz_count(npz); i++) {
        tensor = NULL;
        judge(mopt__npz_tensor(npz, i, &tensor, &err), &err);
        mopt__tensor_unref(tensor);
    }
    mopt__npz_close(npz);
}

static void read_datum(const char *path)
{
    struct mopt_error err;
    struct mopt_datum *datum = NULL;
    mopt_error_clear(&err);
    judge(mopt__onnx_load_datum(path, NULL, &datum, &err), &err);
    mopt__datum_unref(datum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    read_samples(path);
    read_arrays(path);
    read_datum(path);
    return 0;
}
