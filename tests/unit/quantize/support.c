// SPDX-License-Identifier: Apache-2.0
// What the suites of quantize share.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/exec.h"
#include "tests.h"

static void check(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK) {
        fail_msg("%s", err->text);
    }
}

// "@24" stands for 24 numbers in braces.
static void expand(const char *text, struct mopt_strbuf *out)
{
    uint32_t state = 12345;
    for (; *text != '\0'; text++) {
        if (*text != '@') {
            mopt__strbuf_printf(out, "%c", *text);
            continue;
        }
        char *end = NULL;
        unsigned long long count = strtoull(text + 1, &end, 10);
        text = end - 1;
        for (unsigned long long i = 0; i < count; i++) {
            state = state * 1664525U + 1013904223U;
            mopt__strbuf_printf(out, "%s%.4f", i == 0 ? "{" : ", ",
                                (double)(state >> 16) / 65536.0 - 0.5);
        }
        mopt__strbuf_add(out, "}");
    }
}

struct mopt_model *mopt__test_model(const char *text)
{
    struct mopt_model *model = NULL;
    struct mopt_strbuf full = {0};
    struct mopt_error err;
    mopt_error_clear(&err);
    expand(text, &full);
    check(mopt__text_parse(mopt__strbuf_text(&full), strlen(mopt__strbuf_text(&full)), &model,
                           &err),
          &err);
    mopt__strbuf_release(&full);
    check(mopt__ops_resolve(model, &err), &err);
    return model;
}

char *mopt__test_text(const struct mopt_model *model)
{
    struct mopt_strbuf out = {0};
    struct mopt_text_options options = {0};
    struct mopt_error err;
    mopt_error_clear(&err);
    check(mopt__text_print(model, &options, &out, &err), &err);
    char *text = mopt__strdup(mopt__strbuf_text(&out));
    mopt__strbuf_release(&out);
    assert_non_null(text);
    return text;
}

struct mopt_tensor *mopt__test_floats(int rank, const int64_t *dims, float range, uint64_t seed)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    check(mopt__tensor_new(MOPT_FLOAT32, rank, dims, &tensor, &err), &err);
    float *data = mopt__tensor_data(tensor);
    uint64_t state = seed * 2654435761U + 1;
    for (size_t i = 0; i < tensor->count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        data[i] = range * ((float)(state >> 40) / 8388608.0F - 1.0F);
    }
    return tensor;
}

struct mopt_tensor *mopt__test_run(struct mopt_model *model, struct mopt_tensor *input)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_session *session = NULL;
    struct mopt_session_options options = {.threads = 1};
    struct mopt_datum *in = NULL;
    struct mopt_datum *out[4] = {NULL};
    check(mopt__session_new(model, &options, &session, &err), &err);
    check(mopt__datum_tensor(input, &in, &err), &err);
    check(mopt__session_run(session, &in, out, NULL, &err), &err);
    struct mopt_tensor *result = NULL; // a copy: results may lie in the session's memory
    check(mopt__tensor_copy(out[0]->tensor, &result, &err), &err);
    mopt__datum_unref(in);
    for (size_t i = 0; i < model->graph->outputs.count; i++) {
        mopt__datum_unref(out[i]);
    }
    mopt__session_free(session);
    return result;
}

float mopt__test_error(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    assert_int_equal(a->dtype, MOPT_FLOAT32);
    assert_int_equal(b->dtype, MOPT_FLOAT32);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]);
    float worst = 0;
    for (size_t i = 0; i < a->count; i++) {
        float difference = fabsf(((const float *)a->data)[i] - ((const float *)b->data)[i]);
        worst = difference <= worst ? worst : difference; // NaN becomes the worst
    }
    return worst;
}

// The file is gone afterwards: data are small and the dataset has it open or read.
struct mopt_dataset *mopt__test_data(const struct mopt_model *model,
                                     const struct mopt_tensor *samples, size_t batch)
{
    char dir[] = "/tmp/mopt-quantize-XXXXXX";
    char path[64];
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/x.npy", dir);
    check(mopt__npy_save(samples, path, false, &err), &err);
    struct mopt_input_spec *specs = NULL;
    size_t count = 0;
    check(mopt__input_specs(model, &specs, &count, &err), &err);
    struct mopt_data_options options = {.path = path, .batch = batch, .dims = model->dims};
    struct mopt_dataset *data = NULL;
    check(mopt__dataset_open(&options, specs, count, &data, &err), &err);
    mopt__free(specs);
    (void)unlink(path);
    (void)rmdir(dir);
    return data;
}

enum mopt_status mopt__test_quantize(struct mopt_model **model,
                                     struct mopt_quantize_options *options, int rank,
                                     const int64_t *dims, struct mopt_quantize_report *report,
                                     struct mopt_error *err)
{
    mopt_error_clear(err);
    options->threads = 1;
    if (options->mode == MOPT_QUANTIZE_DYNAMIC || options->data != NULL) {
        return mopt__quantize(model, options, report, err);
    }
    int64_t sizes[MOPT_RANK_MAX];
    memcpy(sizes, dims, (size_t)rank * sizeof sizes[0]);
    sizes[0] = 16;
    struct mopt_tensor *samples = mopt__test_floats(rank, sizes, 1, 7);
    options->data = mopt__test_data(*model, samples, (size_t)dims[0]);
    mopt__tensor_unref(samples);
    enum mopt_status status = mopt__quantize(model, options, report, err);
    mopt__dataset_close(options->data);
    options->data = NULL;
    return status;
}

size_t mopt__test_count(const struct mopt_model *model, const char *op_type)
{
    size_t count = 0;
    for (const struct mopt_node *node = model->graph->first; node != NULL; node = node->next) {
        count += strcmp(node->op_type, op_type) == 0;
    }
    return count;
}

struct mopt_node *mopt__test_find(const struct mopt_model *model, const char *op_type, size_t which)
{
    for (struct mopt_node *node = model->graph->first; node != NULL; node = node->next) {
        if (strcmp(node->op_type, op_type) == 0 && which-- == 0) {
            return node;
        }
    }
    fail_msg("no node of type %s", op_type);
    return NULL;
}

void mopt__test_close(const char *text, struct mopt_quantize_options *options, int rank,
                      const int64_t *dims, float tolerance)
{
    struct mopt_model *model = mopt__test_model(text);
    struct mopt_tensor *input = mopt__test_floats(rank, dims, 0.99F, 99);
    struct mopt_tensor *before = mopt__test_run(model, input);
    struct mopt_quantize_report report;
    struct mopt_error err;
    check(mopt__test_quantize(&model, options, rank, dims, &report, &err), &err);
    assert_true(report.quantized > 0);
    check(mopt__model_verify(model, &err), &err);
    struct mopt_tensor *after = mopt__test_run(model, input);
    float worst = mopt__test_error(before, after);
    if (!(worst <= tolerance)) {
        fail_msg("largest difference %g, allowed %g", (double)worst, (double)tolerance);
    }
    assert_true(worst > 0); // something was rounded
    mopt__quantize_report_release(&report);
    mopt__tensor_unref(input);
    mopt__tensor_unref(before);
    mopt__tensor_unref(after);
    mopt__model_free(model);
}
