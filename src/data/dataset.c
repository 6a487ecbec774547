// SPDX-License-Identifier: Apache-2.0
// Datasets at work: samples one after the other, how each becomes what the model
// wants. It knows no file format (that is the sources' business). Names and types of the specs must
// outlive the dataset.
#include <string.h>

#include "data/dataset.h"

// ---- Releasing ----------------------------------------------------------------------------------

static void clear_record(struct mopt_dataset *dataset)
{
    for (size_t i = 0; dataset->record.values && i < dataset->source->field_count; i++) {
        mopt__datum_unref(dataset->record.values[i]);
        dataset->record.values[i] = NULL;
    }
    mopt__strbuf_clear(&dataset->record.name);
}

void mopt__dataset_clear_batch(struct mopt_dataset *dataset)
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
        mopt__dataset_clear_batch(dataset);
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
    mopt__dims_free(dataset->own_dims);
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

enum mopt_status mopt__dataset_load(struct mopt_dataset *dataset, size_t k, struct mopt_error *err)
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
bool mopt__dataset_stands_alone(const struct mopt_dataset *dataset)
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
    mopt__dataset_clear_batch(dataset);
    if (count == 0) {
        return MOPT_OK;
    }
    count = dataset->alone ? 1 : count;
    for (size_t k = 0; k < count && status == MOPT_OK; k++) {
        status = mopt__dataset_load(dataset, k, err);
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
