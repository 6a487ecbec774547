// SPDX-License-Identifier: Apache-2.0
// Datasets: which samples, in which order, how many at a time, and how each becomes what the model
// wants. It knows no file format (that is the sources' business). Names and types of the specs must
// outlive the dataset.
#include <stdio.h>
#include <string.h>

#include "data/fit.h"
#include "data/source.h"

struct mopt_dataset {
    struct mopt_source *source;
    struct mopt_input_spec *specs;
    size_t spec_count;
    const struct mopt_log *log;
    const struct mopt_dims *dims;
    char *path;
    struct mopt_preprocess *preprocess; // NULL = none
    size_t batch;
    size_t fixed_batch; // the model takes this many at a time, not fewer; 0 = any number
    bool alone;         // samples cannot be put together (known after the first one)
    size_t *order;      // permutation of the source's samples, NULL = as they are
    size_t first, step; // sample k of the dataset is number first + k * step of the order
    size_t count, position;
    bool *cast_told; // per field
    bool images_found;
    struct mopt_record record;
    struct mopt_tensor **rows;   // [field_count * batch]
    struct mopt_datum **values;  // [field_count]: of the current batch
    enum mopt_fit *fits;         // [field_count]
    struct mopt_sample sample;   // what next() hands out
    int64_t *labels;             // [batch]
    const char **expected_names; // [field_count]
    struct mopt_datum **inputs, **expected;
    struct mopt_strbuf name, description;
};

// ---- Releasing ----------------------------------------------------------------------------------

static void clear_record(struct mopt_dataset *dataset)
{
    for (size_t i = 0; dataset->record.values && i < dataset->source->field_count; i++) {
        mopt__datum_unref(dataset->record.values[i]);
        dataset->record.values[i] = NULL;
    }
    mopt__strbuf_clear(&dataset->record.name);
}

static void clear_batch(struct mopt_dataset *dataset)
{
    size_t fields = dataset->source->field_count;
    for (size_t i = 0; dataset->rows && i < fields * dataset->batch; i++) {
        mopt__tensor_unref(dataset->rows[i]);
        dataset->rows[i] = NULL;
    }
    for (size_t i = 0; dataset->values && i < fields; i++) {
        mopt__datum_unref(dataset->values[i]);
        dataset->values[i] = NULL;
    }
}

void mopt__dataset_close(struct mopt_dataset *dataset)
{
    if (!dataset) {
        return;
    }
    if (dataset->source) {
        clear_record(dataset);
        clear_batch(dataset);
        mopt__source_close(dataset->source);
    }
    mopt__strbuf_release(&dataset->record.name);
    mopt__strbuf_release(&dataset->name);
    mopt__strbuf_release(&dataset->description);
    mopt__preprocess_free(dataset->preprocess);
    mopt__free(dataset->record.values);
    mopt__free(dataset->rows);
    mopt__free(dataset->values);
    mopt__free(dataset->fits);
    mopt__free(dataset->labels);
    mopt__free(dataset->inputs);
    mopt__free(dataset->expected);
    mopt__free(dataset->expected_names);
    mopt__free(dataset->cast_told);
    mopt__free(dataset->order);
    mopt__free(dataset->specs);
    mopt__free(dataset->path);
    mopt__free(dataset);
}

// ---- One sample ---------------------------------------------------------------------------------

static bool is_image(const struct mopt_tensor *tensor)
{
    if (tensor->dtype != MOPT_UINT8 || tensor->count == 0) {
        return false;
    }
    int64_t channels = tensor->rank == 3 ? tensor->dims[2] : 1;
    return tensor->rank == 2 ||
           (tensor->rank == 3 && (channels == 1 || channels == 3 || channels == 4));
}

// Image [H,W] or [H,W,C] -> float tensor; everything else stays what it is.
static enum mopt_status preprocess(struct mopt_dataset *dataset, struct mopt_tensor *tensor,
                                   struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor *image = NULL;
    *out = NULL;
    if (!dataset->preprocess || !is_image(tensor)) {
        *out = mopt__tensor_ref(tensor);
        return MOPT_OK;
    }
    dataset->images_found = true;
    int64_t dims[] = {tensor->dims[0], tensor->dims[1], tensor->rank == 3 ? tensor->dims[2] : 1};
    enum mopt_status status = mopt__tensor_view(tensor, 3, dims, &image, err);
    if (status == MOPT_OK) {
        status = mopt__preprocess_image(dataset->preprocess, image, out, err);
        mopt__tensor_unref(image);
    }
    return status;
}

static void tell_cast(struct mopt_dataset *dataset, size_t field, const struct mopt_tensor *tensor,
                      enum mopt_dtype dtype)
{
    const struct mopt_field *of = &dataset->source->fields[field];
    if (dataset->cast_told[field] || tensor->dtype == dtype) {
        return;
    }
    dataset->cast_told[field] = true;
    bool pixels = tensor->dtype == MOPT_UINT8 && mopt__dtype_is_float(dtype);
    mopt__log(dataset->log, MOPT_LOG_WARN, "input '%s': data are %s, cast to %s%s",
              dataset->specs[of->spec].name, mopt__dtype_name(tensor->dtype),
              mopt__dtype_name(dtype),
              pixels ? " without preprocessing (--pre): values stay 0 to 255" : "");
}

// Image -> numbers -> the input's element type.
static enum mopt_status convert(struct mopt_dataset *dataset, size_t field,
                                struct mopt_tensor *tensor, struct mopt_tensor **out,
                                struct mopt_error *err)
{
    const struct mopt_type *type = dataset->specs[dataset->source->fields[field].spec].type;
    struct mopt_tensor *numbers = NULL;
    *out = NULL;
    enum mopt_status status = preprocess(dataset, tensor, &numbers, err);
    if (status != MOPT_OK) {
        return status;
    }
    enum mopt_dtype dtype = type && type->kind == MOPT_TYPE_TENSOR && type->dtype != MOPT_UNDEFINED
                                ? type->dtype
                                : numbers->dtype;
    if (!(dataset->preprocess && is_image(tensor))) {
        tell_cast(dataset, field, numbers, dtype);
    }
    status = mopt__fit_cast(numbers, dtype, out, err);
    mopt__tensor_unref(numbers);
    return status;
}

static enum mopt_status add_input(struct mopt_dataset *dataset, size_t field, size_t k,
                                  struct mopt_tensor *tensor, struct mopt_error *err)
{
    const struct mopt_input_spec *spec = &dataset->specs[dataset->source->fields[field].spec];
    struct mopt_tensor **row = &dataset->rows[field * dataset->batch + k];
    struct mopt_tensor *numbers = NULL;
    enum mopt_fit fit = MOPT_FIT_ALONE;
    enum mopt_status status = convert(dataset, field, tensor, &numbers, err);
    if (status == MOPT_OK && dataset->source->whole) {
        *row = numbers;
        dataset->fits[field] = fit;
        return MOPT_OK;
    }
    if (status == MOPT_OK) {
        status = mopt__fit_shape(numbers, spec->type, dataset->dims, row, &fit, err);
        mopt__tensor_unref(numbers);
    }
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "input '%s'", spec->name);
    }
    if (k > 0 && fit != dataset->fits[field]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "samples of one batch have different shapes");
    }
    dataset->fits[field] = fit;
    return MOPT_OK;
}

// Takes a value of the record into place k of the batch.
static enum mopt_status take(struct mopt_dataset *dataset, size_t field, size_t k,
                             struct mopt_error *err)
{
    const struct mopt_field *of = &dataset->source->fields[field];
    struct mopt_datum *value = dataset->record.values[field];
    bool is_input = of->role == MOPT_FIELD_INPUT && of->spec != MOPT_NO_SPEC;
    if (!value || of->role == MOPT_FIELD_LABEL) {
        return MOPT_OK;
    }
    if (value->kind == MOPT_DATUM_TENSOR && is_input) {
        return add_input(dataset, field, k, value->tensor, err);
    }
    if (value->kind == MOPT_DATUM_TENSOR && !dataset->source->whole) {
        dataset->fits[field] = MOPT_FIT_ROW;
        dataset->rows[field * dataset->batch + k] = mopt__tensor_ref(value->tensor);
        return MOPT_OK;
    }
    dataset->fits[field] = MOPT_FIT_ALONE;
    if (k == 0) {
        dataset->values[field] = mopt__datum_ref(value);
    }
    return MOPT_OK;
}

static size_t index_of(const struct mopt_dataset *dataset, size_t k)
{
    size_t at = dataset->first + k * dataset->step;
    return dataset->order ? dataset->order[at] : at;
}

static enum mopt_status load(struct mopt_dataset *dataset, size_t k, struct mopt_error *err)
{
    struct mopt_source *source = dataset->source;
    clear_record(dataset);
    enum mopt_status status =
        source->read(source, index_of(dataset, dataset->position + k), &dataset->record, err);
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        status = take(dataset, i, k, err);
    }
    if (status == MOPT_OK && dataset->record.name.failed) {
        status = mopt_error_memory(err);
    }
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "data '%s': %s", dataset->path,
                               mopt__strbuf_text(&dataset->record.name));
    }
    dataset->labels[k] = dataset->record.label;
    return MOPT_OK;
}

// ---- Batches ------------------------------------------------------------------------------------

// Does some input of the model lack a batch axis?
static bool stands_alone(const struct mopt_dataset *dataset)
{
    if (dataset->source->whole) {
        return true;
    }
    for (size_t i = 0; i < dataset->source->field_count; i++) {
        const struct mopt_tensor *row = dataset->rows[i * dataset->batch];
        if ((row || dataset->values[i]) && dataset->fits[i] == MOPT_FIT_ALONE) {
            return true;
        }
    }
    return false;
}

static enum mopt_status join(struct mopt_dataset *dataset, size_t field, size_t count,
                             struct mopt_error *err)
{
    struct mopt_tensor **rows = dataset->rows + field * dataset->batch;
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = MOPT_OK;
    if (!rows[0]) {
        return MOPT_OK; // no tensor, or not there
    }
    if (dataset->fits[field] == MOPT_FIT_ROW) {
        status = mopt__fit_stack(rows, count, &tensor, err);
    } else {
        tensor = mopt__tensor_ref(rows[0]);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, &dataset->values[field], err);
        mopt__tensor_unref(tensor);
    }
    return status;
}

// Recorded outputs: all that the data have, in their order.
static void hand_out_expected(struct mopt_dataset *dataset)
{
    size_t count = 0;
    for (size_t i = 0; i < dataset->source->field_count; i++) {
        const struct mopt_field *field = &dataset->source->fields[i];
        if (field->role == MOPT_FIELD_EXPECTED && dataset->values[i]) {
            dataset->expected[count] = dataset->values[i];
            dataset->expected_names[count++] = field->bare;
        }
    }
    dataset->sample.expected = count > 0 ? dataset->expected : NULL;
    dataset->sample.expected_names = dataset->expected_names;
    dataset->sample.expected_count = count;
}

static enum mopt_status hand_out(struct mopt_dataset *dataset, size_t count, struct mopt_error *err)
{
    struct mopt_source *source = dataset->source;
    enum mopt_status status = MOPT_OK;
    memset(dataset->inputs, 0, dataset->spec_count * sizeof(struct mopt_datum *));
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        status = join(dataset, i, count, err);
        if (source->fields[i].role == MOPT_FIELD_INPUT && source->fields[i].spec != MOPT_NO_SPEC) {
            dataset->inputs[source->fields[i].spec] = dataset->values[i];
        }
    }
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "data '%s'", dataset->path);
    }
    mopt__strbuf_clear(&dataset->name);
    mopt__strbuf_add(&dataset->name, mopt__strbuf_text(&dataset->record.name));
    if (count > 1) {
        mopt__strbuf_printf(&dataset->name, " (last of a batch of %zu)", count);
    }
    dataset->sample.inputs = dataset->inputs;
    dataset->sample.count = count;
    dataset->sample.labels = source->has_labels ? dataset->labels : NULL;
    dataset->sample.name = mopt__strbuf_text(&dataset->name);
    hand_out_expected(dataset);
    return dataset->name.failed ? mopt_error_memory(err) : MOPT_OK;
}

enum mopt_status mopt__dataset_next(struct mopt_dataset *dataset, const struct mopt_sample **sample,
                                    struct mopt_error *err)
{
    size_t left = dataset->count - dataset->position;
    size_t count = left < dataset->batch ? left : dataset->batch;
    enum mopt_status status = MOPT_OK;
    *sample = NULL;
    clear_batch(dataset);
    if (count == 0) {
        return MOPT_OK;
    }
    count = dataset->alone ? 1 : count;
    for (size_t k = 0; k < count && status == MOPT_OK; k++) {
        status = load(dataset, k, err);
    }
    if (status == MOPT_OK) {
        status = hand_out(dataset, count, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    dataset->position += count;
    *sample = &dataset->sample;
    return MOPT_OK;
}

enum mopt_status mopt__dataset_rewind(struct mopt_dataset *dataset, struct mopt_error *err)
{
    (void)err;
    dataset->position = 0;
    return MOPT_OK;
}

size_t mopt__dataset_count(const struct mopt_dataset *dataset)
{
    return dataset->count;
}

bool mopt__dataset_has_labels(const struct mopt_dataset *dataset)
{
    return dataset->source->has_labels;
}

const char *mopt__dataset_describe(const struct mopt_dataset *dataset)
{
    return mopt__strbuf_text(&dataset->description);
}

// ---- Opening ------------------------------------------------------------------------------------

static enum mopt_status copy_options(struct mopt_dataset *dataset,
                                     const struct mopt_data_options *options,
                                     const struct mopt_input_spec *specs, size_t spec_count,
                                     struct mopt_error *err)
{
    dataset->log = options->log;
    dataset->dims = options->dims;
    dataset->batch = options->batch > 0 ? options->batch : 1;
    dataset->spec_count = spec_count;
    dataset->path = mopt__strdup(options->path);
    dataset->specs = mopt__calloc(spec_count, sizeof *dataset->specs);
    if (!dataset->path || !dataset->specs) {
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
    enum mopt_status status = load(dataset, 0, err);
    if (status != MOPT_OK) {
        return status;
    }
    dataset->alone = stands_alone(dataset);
    clear_batch(dataset);
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
        struct mopt_open open = {.options = options,
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
