// SPDX-License-Identifier: Apache-2.0
// Payloads stay in the file: tensors point into the mapping where alignment allows, and loading a
// large model costs no more than its size.
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

// Adds an initializer whose payload starts at a multiple of `align` plus `off` in the finished
// model.
static void write_aligned(const char *path, size_t off)
{
    const int64_t count = 2048;
    struct mopt_error err;
    float *values = test_calloc((size_t)count, sizeof *values);

    mopt_error_clear(&err);
    values[7] = 7.0f;
    for (size_t padding = 0; padding < 16; padding++) {
        static const char dots[] = "................";
        struct pb graph = {0};
        struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, &count);
        struct pb model = {0};
        const uint8_t *found = NULL;

        pb_bytes(&tensor, 9, values, (size_t)count * sizeof *values);
        pb_bytes(&graph, 2, dots, padding + 1);
        pb_sub(&graph, 5, &tensor);
        model = model_of(&graph);
        found = memmem(model.data, model.size, values, (size_t)count * sizeof *values);
        size_t at = (size_t)(found - model.data);
        if (at % 4 == off) {
            assert_int_equal(mopt__file_write(path, model.data, model.size, true, &err), MOPT_OK);
            pb_free(&model);
            break;
        }
        pb_free(&model);
    }
    test_free(values);
}

static void aligned_payloads_stay_in_the_mapping(void **state)
{
    char *dir = temp_dir();
    (void)state;

    for (size_t off = 0; off < 4; off++) {
        struct mopt_mapping *mapping = NULL;
        struct mopt_model *model = NULL;
        struct mopt_error err;
        const char *path = in_dir(dir, "m.onnx");

        write_aligned(path, off);
        mopt_error_clear(&err);
        assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
        assert_int_equal(mopt__onnx_load_mapping(mapping, dir, NULL, &model, &err), MOPT_OK);
        const struct mopt_tensor *w = mopt__value_find(model->graph, "w")->constant;
        const uint8_t *data = w->data;
        bool inside = data >= mapping->data && data + w->bytes <= mapping->data + mapping->size;
        assert_true(inside == (off == 0));
        assert_int_equal((uintptr_t)data % 4, 0);
        mopt__mapping_unref(mapping); // the tensor keeps it
        assert_true(mopt__tensor_f64(w, 7) == 7.0);
        mopt__model_free(model);
    }
    remove_dir(dir);
}

enum { LARGE_TENSORS = 25, LARGE_BYTES = 4 << 20 };

static void write_large(const char *path)
{
    const int64_t count = LARGE_BYTES / 4;
    struct pb graph = small_graph();
    struct pb model = {0};
    struct mopt_error err;
    void *zeros = test_calloc(1, LARGE_BYTES);

    mopt_error_clear(&err);
    for (int i = 0; i < LARGE_TENSORS; i++) {
        char name[16];
        struct pb tensor = {0};

        (void)snprintf(name, sizeof name, "w%d", i);
        tensor = tensor_of(name, MOPT_FLOAT32, 1, &count);
        pb_bytes(&tensor, i % 2 == 0 ? 9 : 4, zeros, LARGE_BYTES); // raw and typed
        pb_sub(&graph, 5, &tensor);
    }
    model = model_of(&graph);
    assert_int_equal(mopt__file_write(path, model.data, model.size, true, &err), MOPT_OK);
    pb_free(&model);
    test_free(zeros);
}

// Peak of resident memory beyond what was there before, in a process of its own.
static int load_in_child(const char *path)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    uint64_t before = mopt__current_rss();
    int code = 0;

    mopt_error_clear(&err);
    if (mopt__onnx_load(path, NULL, &model, &err) != MOPT_OK) {
        return 1;
    }
    uint64_t used = mopt__peak_rss() > before ? mopt__peak_rss() - before : 0;
    if (used > (uint64_t)LARGE_TENSORS * LARGE_BYTES * 12 / 10) {
        code = 2;
    }
    mopt__model_free(model);
    return code;
}

static void large_models_cost_their_size(void **state)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "m.onnx");
    int status = 0;
    (void)state;

    pid_t writer = fork(); // so that the memory of writing counts for nobody
    if (writer == 0) {
        write_large(path);
        _exit(0);
    }
    assert_int_equal(waitpid(writer, &status, 0), writer);
    pid_t reader = fork();
    if (reader == 0) {
        _exit(load_in_child(path));
    }
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFEXITED(status));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // their memory counts, too
    assert_int_equal(WEXITSTATUS(status), 0);
#endif
    remove_dir(dir);
}

int mopt__test_zero_copy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_payloads_stay_in_the_mapping),
        cmocka_unit_test(large_models_cost_their_size),
    };

    return cmocka_run_group_tests_name("zero_copy", tests, NULL, NULL);
}
