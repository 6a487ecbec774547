// SPDX-License-Identifier: Apache-2.0
// Opening datasets: which samples, in which order, how many at a time. It knows no file format
// (that is the sources' business). Names and types of the specs must outlive the dataset.
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"

static enum mopt_status copy_options(struct mopt_dataset *dataset,
                                     const struct mopt_data_options *options,
                                     const struct mopt_input_spec *specs, size_t spec_count,
                                     struct mopt_error *err)
{
    dataset->log = options->log;
    dataset->own_dims = options->dims ? NULL : mopt__dims_new();
    dataset->dims = options->dims ? options->dims : dataset->own_dims;
    dataset->batch = options->batch > 0 ? options->batch : 1;
    dataset->spec_count = spec_count;
    dataset->path = mopt__strdup(options->path);
    dataset->specs = mopt__calloc(spec_count, sizeof *dataset->specs);
    if (!dataset->path || !dataset->specs || !dataset->dims) {
        return mopt_error_memory(err);
    }
    if (spec_count > 0) {
        memcpy(dataset->specs, specs, spec_count * sizeof *specs);
    }
    if (!options->preprocess) {
        return MOPT_OK;
    }
    return mopt__preprocess_parse(options->preprocess, &dataset->preprocess, err);
}

static enum mopt_status check_options(const struct mopt_data_options *options,
                                      struct mopt_error *err)
{
    if (!options->path || options->path[0] == '\0') {
        return mopt_error_set(err, MOPT_E_USAGE, "no data given");
    }
    bool shard_fits = options->shards == 0
                          ? options->shard == 0
                          : options->shard >= 1 && options->shard <= options->shards;
    if (!shard_fits) {
        return mopt_error_set(err, MOPT_E_USAGE, "shard %zu of %zu does not exist", options->shard,
                              options->shards);
    }
    return MOPT_OK;
}

static enum mopt_status shuffle(struct mopt_dataset *dataset, uint64_t seed, struct mopt_error *err)
{
    size_t count = dataset->source->count;
    struct mopt_rng rng;
    dataset->order = mopt__calloc(count, sizeof *dataset->order);
    if (!dataset->order) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        dataset->order[i] = i;
    }
    mopt__rng_init(&rng, seed);
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)mopt__rng_below(&rng, i);
        size_t held = dataset->order[i - 1];
        dataset->order[i - 1] = dataset->order[j];
        dataset->order[j] = held;
    }
    return dataset->source->shuffled ? dataset->source->shuffled(dataset->source, err) : MOPT_OK;
}

// Order, then skip, then samples, then the shard of what is left.
static enum mopt_status choose(struct mopt_dataset *dataset,
                               const struct mopt_data_options *options, struct mopt_error *err)
{
    size_t total = dataset->source->count;
    if (total == 0) {
        return mopt_error_set(err, MOPT_E_MISSING, "data '%s' hold no sample", dataset->path);
    }
    if (options->skip >= total) {
        return mopt_error_set(err, MOPT_E_USAGE, "skipping %zu samples leaves none of %zu in '%s'",
                              options->skip, total, dataset->path);
    }
    size_t left = total - options->skip;
    left = options->samples > 0 && options->samples < left ? options->samples : left;
    dataset->step = options->shards > 0 ? options->shards : 1;
    size_t offset = options->shards > 0 ? options->shard - 1 : 0;
    dataset->first = options->skip + offset;
    dataset->count = left > offset ? (left - offset - 1) / dataset->step + 1 : 0;
    return options->shuffle ? shuffle(dataset, options->seed, err) : MOPT_OK;
}

// The model may fix the batch: [1,3,224,224]. Then it decides.
static void fix_batch(struct mopt_dataset *dataset, size_t asked)
{
    for (size_t i = 0; i < dataset->spec_count; i++) {
        const struct mopt_type *type = dataset->specs[i].type;
        int64_t size = 0;
        if (dataset->source->whole || !dataset->dims || !type || type->kind != MOPT_TYPE_TENSOR ||
            type->rank < 1 || !mopt__dim_is_known(dataset->dims, type->dims[0], &size) ||
            size < 1 || size > INT32_MAX) {
            continue;
        }
        if (asked > 0 && (size_t)size != asked) {
            mopt__log(dataset->log, MOPT_LOG_INFO,
                      "input '%s' fixes the batch: %lld instead of %zu", dataset->specs[i].name,
                      (long long)size, asked);
        }
        dataset->batch = (size_t)size;
        dataset->fixed_batch = (size_t)size;
        return;
    }
    if (dataset->source->whole) {
        dataset->batch = 1;
    }
}

static enum mopt_status allocate(struct mopt_dataset *dataset, struct mopt_error *err)
{
    size_t fields = dataset->source->field_count;
    size_t slots = 0;
    size_t largest = dataset->count > 0 ? dataset->count : 1;
    dataset->batch = dataset->batch < largest ? dataset->batch : largest;
    if (!mopt__size_mul(fields, dataset->batch, &slots)) {
        return mopt_error_memory(err);
    }
    dataset->record.values = mopt__calloc(fields, sizeof(struct mopt_datum *));
    dataset->rows = mopt__calloc(slots, sizeof(struct mopt_tensor *));
    dataset->values = mopt__calloc(fields, sizeof(struct mopt_datum *));
    dataset->fits = mopt__calloc(fields, sizeof *dataset->fits);
    dataset->cast_told = mopt__calloc(fields, sizeof *dataset->cast_told);
    dataset->expected = mopt__calloc(fields, sizeof(struct mopt_datum *));
    dataset->expected_names = mopt__calloc(fields, sizeof(const char *));
    dataset->labels = mopt__calloc(dataset->batch, sizeof *dataset->labels);
    dataset->inputs = mopt__calloc(dataset->spec_count, sizeof(struct mopt_datum *));
    bool complete = dataset->record.values && dataset->rows && dataset->values && dataset->fits &&
                    dataset->cast_told && dataset->expected && dataset->expected_names &&
                    dataset->labels && dataset->inputs;
    return complete ? MOPT_OK : mopt_error_memory(err);
}

// A model with a fixed batch cannot take the few samples that are left in the end.
static enum mopt_status keep_full_batches(struct mopt_dataset *dataset, struct mopt_error *err)
{
    size_t size = dataset->fixed_batch;
    size_t rest = size > 0 ? dataset->count % size : 0;
    if (size > dataset->count) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "the model takes %zu samples at a time, '%s' has %zu", size,
                              dataset->path, dataset->count);
    }
    dataset->count -= rest;
    if (rest > 0) {
        mopt__log(dataset->log, MOPT_LOG_WARN,
                  "the last %zu samples are left out: the model takes %zu at a time", rest, size);
    }
    return MOPT_OK;
}

// Reads the first sample: whether data and model fit is told now, not after a long calculation.
static enum mopt_status probe(struct mopt_dataset *dataset, struct mopt_error *err)
{
    if (dataset->count == 0) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__dataset_load(dataset, 0, err);
    if (status != MOPT_OK) {
        return status;
    }
    dataset->alone = mopt__dataset_stands_alone(dataset);
    mopt__dataset_clear_batch(dataset);
    if (dataset->preprocess && !dataset->images_found) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "preprocessing is for images of uint8, '%s' holds none",
                              dataset->path);
    }
    return dataset->alone ? MOPT_OK : keep_full_batches(dataset, err);
}

static enum mopt_status describe(struct mopt_dataset *dataset, struct mopt_error *err)
{
    const struct mopt_source *source = dataset->source;
    struct mopt_strbuf *out = &dataset->description;
    mopt__strbuf_printf(out, "%s: %zu ", source->kind, dataset->count);
    if (dataset->count != source->count) {
        mopt__strbuf_printf(out, "of %zu ", source->count);
    }
    mopt__strbuf_printf(out, "sample%s", source->count == 1 ? "" : "s");
    if (source->item[0] != '\0') {
        mopt__strbuf_printf(out, " of %s", source->item);
    }
    mopt__strbuf_add(out, source->has_labels ? ", with labels" : "");
    return out->failed ? mopt_error_memory(err) : MOPT_OK;
}

static enum mopt_status open_all(struct mopt_dataset *dataset, const struct mopt_open *open,
                                 struct mopt_error *err)
{
    const struct mopt_data_options *options = open->options;
    enum mopt_status status = mopt__source_open(open, &dataset->source, err);
    if (status == MOPT_OK) {
        status = mopt__bind(dataset->source, open, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "data '%s'", dataset->path);
        }
    }
    if (status == MOPT_OK) {
        status = choose(dataset, options, err);
    }
    if (status == MOPT_OK) {
        fix_batch(dataset, options->batch);
        status = allocate(dataset, err);
    }
    if (status == MOPT_OK) {
        status = probe(dataset, err);
    }
    return status == MOPT_OK ? describe(dataset, err) : status;
}

enum mopt_status mopt__dataset_open(const struct mopt_data_options *options,
                                    const struct mopt_input_spec *specs, size_t spec_count,
                                    struct mopt_dataset **out, struct mopt_error *err)
{
    *out = NULL;
    enum mopt_status status = check_options(options, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_dataset *dataset = mopt__calloc(1, sizeof *dataset);
    if (!dataset) {
        return mopt_error_memory(err);
    }
    status = copy_options(dataset, options, specs, spec_count, err);
    if (status == MOPT_OK) {
        struct mopt_data_options known = *options;
        known.dims = dataset->dims;
        struct mopt_open open = {.options = &known,
                                 .specs = dataset->specs,
                                 .spec_count = spec_count};
        status = open_all(dataset, &open, err);
    }
    if (status != MOPT_OK) {
        mopt__dataset_close(dataset);
        return status;
    }
    *out = dataset;
    return MOPT_OK;
}
