// SPDX-License-Identifier: Apache-2.0
// Laws that hold for every model, tried on random networks: laws [--from SEED] [--count N]
//   optimizing keeps the outputs (within the promise of the passes) and the graph well-formed;
//   optimizing what is optimized changes no byte;
//   optimizing and quantizing the same model again gives the same bytes;
//   outputs do not depend on the number of threads: same bits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "lib/lib.h"
#include "lib/passes.h"
#include "property/random_net.h"
#include "quantize/quantize.h"

enum { NODES_MAX = 40, OUTPUTS_MAX = 4, RUNS = 2, TEXT_BYTES = 256 };

struct law {
    char file[64];
    char text[TEXT_BYTES + MOPT_ERROR_TEXT_BYTES]; // what was broken
    size_t changed;                                // networks in which passes found something
};

static bool broken(struct law *law, const char *what, const char *text)
{
    (void)snprintf(law->text, sizeof law->text, "%s: %s", what, text);
    return false;
}

static bool optimize(struct mopt_model **model, bool *changed, struct mopt_error *err)
{
    struct mopt_pass_set set = {0};
    struct mopt_pipeline pipeline = {0};
    struct mopt_pass_report report = {0};
    struct mopt_manager_options options = {.verify_each = true};
    set.items = mopt__builtin_passes(&set.count);
    enum mopt_status status = mopt__pipeline_level(&set, 3, &pipeline, err);
    if (status == MOPT_OK) {
        status = mopt__manager_run(model, &pipeline, &options, &report, err);
    }
    for (size_t i = 0; i < report.count; i++) {
        *changed = *changed || report.results[i].changes > 0;
    }
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
    return status == MOPT_OK;
}

// SHA-256 of the saved model.
static bool hash(const struct law *law, const struct mopt_model *model, char out[65],
                 struct mopt_error *err)
{
    struct mopt_onnx_save_options options = {.force = true, .external = 0};
    struct mopt_save_result result = {.count = 0};
    bool good = mopt__onnx_save(model, law->file, &options, &result, err) == MOPT_OK;
    (void)snprintf(out, 65, "%s", good ? result.files[0].sha256 : "");
    mopt__save_result_release(&result);
    return good;
}

static struct mopt_model *parse(const struct mopt_strbuf *text, struct mopt_error *err)
{
    struct mopt_model *model = NULL;
    if (mopt__text_parse(mopt__strbuf_text(text), text->length, &model, err) != MOPT_OK ||
        mopt__model_verify(model, err) != MOPT_OK || mopt__ops_resolve(model, err) != MOPT_OK) {
        mopt__model_free(model);
        return NULL;
    }
    return model;
}

// ---- Optimizing ---------------------------------------------------------------------------------

static bool keeps_outputs(struct law *law, const struct mopt_model *original,
                          struct mopt_model *optimized)
{
    struct mopt_error err;
    struct mopt_model *copy = NULL;
    struct mopt_equivalence found;
    mopt_error_clear(&err);
    if (mopt__model_clone(original, &copy, &err) != MOPT_OK ||
        mopt__equivalence_check(copy, optimized, MOPT_NUMERICS_REASSOCIATES, RUNS, 1, NULL, &found,
                                &err) != MOPT_OK) {
        mopt__model_free(copy);
        return broken(law, "comparing", err.text);
    }
    bool good = found.skipped == NULL && found.equal;
    if (!good) {
        broken(law, "outputs differ", found.skipped != NULL ? found.skipped : found.failure);
    }
    mopt__model_free(copy);
    return good;
}

static bool same_bytes_again(struct law *law, const struct mopt_strbuf *text,
                             struct mopt_model **model)
{
    struct mopt_error err;
    char first[65], again[65];
    bool changed = false;
    mopt_error_clear(&err);
    struct mopt_model *other = parse(text, &err);
    if (other == NULL || !optimize(&other, &changed, &err) || !hash(law, *model, first, &err) ||
        !hash(law, other, again, &err)) {
        mopt__model_free(other);
        return broken(law, "optimizing again", err.text);
    }
    mopt__model_free(other);
    if (strcmp(first, again) != 0) {
        return broken(law, "optimizing is not deterministic", "");
    }
    if (!optimize(model, &changed, &err) || !hash(law, *model, again, &err)) {
        return broken(law, "optimizing what is optimized", err.text);
    }
    return strcmp(first, again) == 0 || broken(law, "a second time changes bytes", "");
}

// ---- Threads ------------------------------------------------------------------------------------

static struct mopt_tensor *run(struct mopt_model *model, int threads, struct mopt_error *err)
{
    struct mopt_session *session = NULL;
    struct mopt_session_options options = {.threads = threads};
    struct mopt_tensor *tensor = NULL, *result = NULL;
    struct mopt_datum *input = NULL;
    struct mopt_datum *outputs[OUTPUTS_MAX] = {NULL};
    const struct mopt_type *type = model->graph->inputs.items[0]->declared;
    if (mopt__tensor_new(MOPT_FLOAT32, type->rank, type->dims, &tensor, err) != MOPT_OK) {
        return NULL;
    }
    struct mopt_rng rng;
    mopt__rng_init(&rng, 5);
    float *data = mopt__tensor_data(tensor);
    for (size_t i = 0; i < tensor->count; i++) {
        data[i] = (float)mopt__rng_normal(&rng);
    }
    if (mopt__datum_tensor(tensor, &input, err) == MOPT_OK &&
        mopt__session_new(model, &options, &session, err) == MOPT_OK &&
        mopt__session_run(session, &input, outputs, NULL, err) == MOPT_OK) {
        result = mopt__tensor_ref(outputs[0]->tensor);
    }
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        mopt__datum_unref(outputs[i]);
    }
    mopt__session_free(session);
    mopt__datum_unref(input);
    mopt__tensor_unref(tensor);
    return result;
}

static bool threads_do_not_matter(struct law *law, struct mopt_model *model)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_tensor *one = run(model, 1, &err);
    struct mopt_tensor *three = run(model, 3, &err);
    bool good = one != NULL && three != NULL;
    if (!good) {
        broken(law, "running", err.text);
    } else if (!mopt__tensor_equal(one, three)) {
        good = broken(law, "three threads give other bits than one", "");
    }
    mopt__tensor_unref(one);
    mopt__tensor_unref(three);
    return good;
}

// ---- Quantizing ---------------------------------------------------------------------------------

// True also when there is nothing to quantize; then *out is "".
static bool quantized_hash(struct law *law, const struct mopt_strbuf *text, char out[65])
{
    struct mopt_error err;
    struct mopt_quantize_options options = {.mode = MOPT_QUANTIZE_DYNAMIC};
    mopt_error_clear(&err);
    out[0] = '\0';
    struct mopt_model *model = parse(text, &err);
    if (model == NULL) {
        return broken(law, "parsing", err.text);
    }
    enum mopt_status status = mopt__quantize(&model, &options, NULL, &err);
    bool good = status == MOPT_OK ? hash(law, model, out, &err) : status != MOPT_E_INTERNAL;
    mopt__model_free(model);
    return good || broken(law, "quantizing", err.text);
}

static bool quantizes_alike(struct law *law, const struct mopt_strbuf *text)
{
    char first[65], again[65];
    return quantized_hash(law, text, first) && quantized_hash(law, text, again) &&
           (strcmp(first, again) == 0 || broken(law, "quantizing is not deterministic", ""));
}

// ---- All of them --------------------------------------------------------------------------------

static bool try_seed(struct law *law, uint64_t seed, struct mopt_strbuf *text)
{
    struct mopt_error err;
    bool changed = false;
    mopt_error_clear(&err);
    random_net(seed, 1 + (int)(seed % NODES_MAX), text);
    struct mopt_model *original = parse(text, &err);
    struct mopt_model *optimized = NULL;
    bool good = false;
    if (original == NULL || mopt__model_clone(original, &optimized, &err) != MOPT_OK) {
        broken(law, "making the network", err.text);
    } else if (!optimize(&optimized, &changed, &err)) {
        broken(law, "optimizing", err.text);
    } else {
        good = keeps_outputs(law, original, optimized) && threads_do_not_matter(law, optimized) &&
               threads_do_not_matter(law, original) && same_bytes_again(law, text, &optimized) &&
               quantizes_alike(law, text);
    }
    law->changed += changed ? 1 : 0;
    mopt__model_free(original);
    mopt__model_free(optimized);
    return good;
}

int main(int argc, char **argv)
{
    struct law law = {.changed = 0};
    uint64_t from = 0, count = 100, failures = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--from") == 0) {
            from = number;
        } else {
            count = number;
        }
    }
    // In memory if possible: thousands of files are made safe on the disk otherwise.
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(law.file, sizeof law.file, "%s/mopt-laws-XXXXXX", folder);
    int fd = mkstemp(law.file);
    if (fd < 0) {
        return 2;
    }
    (void)close(fd);
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct mopt_strbuf text = {0};
        if (!try_seed(&law, seed, &text)) {
            failures++;
            (void)printf("seed %llu: %s\n", (unsigned long long)seed, law.text);
            (void)printf("%s\n", failures <= 2 ? mopt__strbuf_text(&text) : "");
        }
        mopt__strbuf_release(&text);
    }
    (void)unlink(law.file);
    (void)printf("%llu networks, passes changed %zu, %llu failures\n", (unsigned long long)count,
                 law.changed, (unsigned long long)failures);
    return failures > 0 || law.changed * 2 < count;
}
