// SPDX-License-Identifier: Apache-2.0
// Damaged models: every file given is cut off at every 64th byte and gets 1,000 single-bit flips (fixed seed). Each variant
// has to load or to give one error; what loads is checked, inferred, optimized, run under tiny limits and printed. A crash, a sanitizer
// report or an error without text fails the test. Usage: bad_input [--cuts MAX] [--flips N] FILE...
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "lib/lib.h"
#include "lib/passes.h"

struct totals {
    size_t variants, loaded, ran;
    size_t mute; // errors without a text: defects
};

static struct mopt_datum *small_input(const struct mopt_model *model, const struct mopt_value *value)
{
    int64_t dims[MOPT_RANK_MAX];
    const struct mopt_type *type = value->declared;
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0) {
        return NULL;
    }
    size_t count = 1;
    for (int d = 0; d < type->rank; d++) {
        dims[d] = mopt__dim_is_known(model->dims, type->dims[d], &dims[d]) && dims[d] >= 0 ? dims[d] : 1;
        if (!mopt__size_mul(count, (size_t)dims[d], &count) || count > 1 << 22) {
            return NULL;
        }
    }
    if (mopt__tensor_new(type->dtype, type->rank, dims, &tensor, &err) != MOPT_OK) {
        return NULL;
    }
    if (tensor->dtype != MOPT_STRING) {
        memset(mopt__tensor_data(tensor), 0, tensor->bytes);
    }
    (void)mopt__datum_tensor(tensor, &datum, &err);
    mopt__tensor_unref(tensor);
    return datum;
}

static void run_model(struct mopt_model *model, struct totals *totals)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_session *session = NULL;
    struct mopt_session_options options = {.threads = 1};
    struct mopt_budget budget = {.max_steps = 2000, .max_memory_bytes = 0,
                                 .deadline_ns = mopt__clock_ns() + 2000000000};
    struct mopt_run_options run = {.budget = &budget};
    if (mopt__session_new(model, &options, &session, &err) != MOPT_OK) {
        totals->mute += err.text[0] == '\0';
        return;
    }
    size_t inputs_count = model->graph->inputs.count;
    struct mopt_datum **inputs = calloc(inputs_count + 1, sizeof *inputs);
    struct mopt_datum **outputs = calloc(model->graph->outputs.count + 1, sizeof *outputs);
    for (size_t i = 0; i < inputs_count; i++) {
        inputs[i] = small_input(model, model->graph->inputs.items[i]);
    }
    enum mopt_status status = mopt__session_run(session, inputs, outputs, &run, &err);
    totals->ran += status == MOPT_OK;
    totals->mute += status != MOPT_OK && err.text[0] == '\0';
    for (size_t i = 0; i < inputs_count; i++) {
        mopt__datum_unref(inputs[i]);
    }
    for (size_t i = 0; i < model->graph->outputs.count; i++) {
        mopt__datum_unref(outputs[i]);
    }
    free(inputs);
    free(outputs);
    mopt__session_free(session);
}

static void optimize(struct mopt_model **model)
{
    size_t count;
    struct mopt_pass_set set = {.items = mopt__builtin_passes(&count)};
    set.count = count;
    struct mopt_pipeline pipeline = {0};
    struct mopt_pass_report report = {0};
    struct mopt_manager_options options = {.verify_each = true};
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__pipeline_level(&set, 3, &pipeline, &err) == MOPT_OK) {
        (void)mopt__manager_run(model, &pipeline, &options, &report, &err);
    }
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
}

static void use_model(struct mopt_model *model, struct totals *totals)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_strbuf text = {0};
    struct mopt_text_options print = {.max_elements = 16, .types = true, .details = true};
    (void)mopt__text_print(model, &print, &text, &err);
    mopt__strbuf_release(&text);
    if (mopt__ops_resolve(model, &err) == MOPT_OK) {
        run_model(model, totals);
        optimize(&model);
        run_model(model, totals);
    }
    mopt__model_free(model);
}

static void try_bytes(const uint8_t *bytes, size_t size, struct totals *totals)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_mapping *mapping = NULL;
    struct mopt_model *model = NULL;
    void *copy = mopt__malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        exit(2);
    }
    memcpy(copy, bytes, size);
    totals->variants++;
    if (mopt__mapping_take(copy, size, "variant", &mapping, &err) != MOPT_OK) {
        exit(2);
    }
    if (mopt__onnx_load_mapping(mapping, NULL, NULL, &model, &err) == MOPT_OK) {
        totals->loaded++;
        use_model(model, totals);
    } else {
        totals->mute += err.text[0] == '\0';
    }
    mopt__mapping_unref(mapping);
}

static void damage(uint8_t *bytes, size_t size, size_t cuts, size_t flips, struct totals *totals)
{
    size_t step = size / 64 > cuts ? size / cuts : 64;
    for (size_t end = 0; end < size; end += step) {
        try_bytes(bytes, end, totals);
    }
    struct mopt_rng rng;
    mopt__rng_init(&rng, size);
    for (size_t i = 0; i < flips && size > 0; i++) {
        uint64_t bit = mopt__rng_below(&rng, (uint64_t)size * 8);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        try_bytes(bytes, size, totals);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

static int damage_file(const char *path, size_t cuts, size_t flips, struct totals *totals)
{
    struct mopt_error err;
    struct mopt_mapping *mapping = NULL;
    if (mopt__mapping_open(path, 0, &mapping, &err) != MOPT_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        return 1;
    }
    uint8_t *bytes = mopt__malloc(mapping->size + 1);
    if (bytes == NULL) {
        exit(2);
    }
    memcpy(bytes, mapping->data, mapping->size);
    damage(bytes, mapping->size, cuts, flips, totals);
    mopt__free(bytes);
    mopt__mapping_unref(mapping);
    return 0;
}

int main(int argc, char **argv)
{
    struct totals totals = {0};
    size_t cuts = 100000;
    size_t flips = 1000;
    int failed = 0;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--cuts") == 0 && i + 1 < argc) {
            cuts = (size_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--flips") == 0 && i + 1 < argc) {
            flips = (size_t)strtoul(argv[++i], NULL, 10);
        } else {
            failed += damage_file(argv[i], cuts, flips, &totals);
            files++;
        }
    }
    printf("%d files, %zu variants: %zu loaded, %zu ran, %zu errors without text\n", files, totals.variants,
           totals.loaded, totals.ran, totals.mute);
    return failed > 0 || totals.mute > 0 || files == 0;
}
