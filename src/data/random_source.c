// SPDX-License-Identifier: Apache-2.0
// Random data for what the model declares: floats from the standard normal distribution, small
// integers. Every sample has its own seed, so that the order of reading changes nothing.
#include <stdio.h>
#include <string.h>

#include "data/source.h"

enum { SAMPLES_DEFAULT = 32 };

struct random {
    struct mopt_source source; // first
    const struct mopt_input_spec *specs;
    uint64_t seed;
    size_t *of_field;               // spec of each field
    int64_t (*dims)[MOPT_RANK_MAX]; // of each spec; -1: the batch, open
};

static void close_random(struct mopt_source *source)
{
    struct random *random = (struct random *)source;
    mopt__free(random->of_field);
    mopt__free(random->dims);
    mopt__free(source->fields);
    mopt__free(random);
}

static bool is_known(const struct mopt_dims *dims, int64_t dim, int64_t *value)
{
    if (dims) {
        return mopt__dim_is_known(dims, dim, value);
    }
    *value = dim;
    return dim >= 0;
}

static bool is_named(const char *name, const char *input, int axis)
{
    size_t length = strlen(input);
    long long number;
    return strncmp(name, input, length) == 0 && name[length] == ':' &&
           mopt__parse_i64(name + length + 1, &number) && number == axis;
}

// Size of one dimension: as declared, as bound, 1; the batch (axis 0) may stay open: -1.
static int64_t size_of(const struct mopt_data_options *options, const struct mopt_input_spec *spec,
                       int axis)
{
    int64_t dim = spec->type->dims[axis];
    int64_t size;
    if (is_known(options->dims, dim, &size)) {
        return size;
    }
    const char *symbol = options->dims ? mopt__dim_name(options->dims, dim) : NULL;
    for (size_t i = 0; i < options->binding_count; i++) {
        const struct mopt_binding *binding = &options->bindings[i];
        if ((symbol && strcmp(binding->name, symbol) == 0) ||
            is_named(binding->name, spec->name, axis)) {
            return binding->size;
        }
    }
    return axis == 0 ? -1 : 1;
}

// Integers are 0 or 1: right for token numbers, masks and segments of any net; bytes may be pixels.
static void fill_numbers(struct mopt_tensor *tensor, struct mopt_rng *rng)
{
    void *data = mopt__tensor_data(tensor);
    bool is_float = mopt__dtype_is_float(tensor->dtype);
    uint64_t bound = tensor->dtype == MOPT_UINT8 ? 256 : 2;
    for (size_t i = 0; i < tensor->count; i++) {
        if (is_float) {
            mopt__element_set_f64(tensor->dtype, data, i, mopt__rng_normal(rng));
        } else if (tensor->dtype == MOPT_INT8) {
            mopt__element_set_i64(tensor->dtype, data, i, (int64_t)mopt__rng_below(rng, 256) - 128);
        } else {
            mopt__element_set_i64(tensor->dtype, data, i, (int64_t)mopt__rng_below(rng, bound));
        }
    }
}

static enum mopt_status fill_texts(struct mopt_tensor *tensor, struct mopt_rng *rng,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < tensor->count && status == MOPT_OK; i++) {
        char letter = (char)('a' + (char)mopt__rng_below(rng, 26));
        status = mopt__tensor_set_string(tensor, i, &letter, 1, err);
    }
    return status;
}

static enum mopt_status fill(struct mopt_tensor *tensor, struct mopt_rng *rng,
                             struct mopt_error *err)
{
    if (tensor->dtype == MOPT_COMPLEX64 || tensor->dtype == MOPT_COMPLEX128) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "random data of type '%s' are not made",
                              mopt__dtype_name(tensor->dtype));
    }
    if (tensor->dtype == MOPT_STRING) {
        return fill_texts(tensor, rng, err);
    }
    if (mopt__dtype_bits(tensor->dtype) < 8) {
        memset(mopt__tensor_data(tensor), 0, tensor->bytes);
    }
    fill_numbers(tensor, rng);
    return MOPT_OK;
}

static enum mopt_status make(const struct random *random, size_t spec, size_t index,
                             struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_type *type = random->specs[spec].type;
    int64_t dims[MOPT_RANK_MAX];
    int first = random->source.whole ? 0 : 1;
    struct mopt_rng rng;
    for (int i = first; i < type->rank; i++) {
        dims[i - first] = random->dims[spec][i] >= 0 ? random->dims[spec][i] : 1;
    }
    enum mopt_status status = mopt__tensor_new(type->dtype, type->rank - first, dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__rng_init(&rng, mopt__hash_mix(mopt__hash_mix(random->seed, spec), index));
    status = fill(*out, &rng, err);
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}

static enum mopt_status read_random(struct mopt_source *source, size_t index,
                                    struct mopt_record *record, struct mopt_error *err)
{
    const struct random *random = (const struct random *)source;
    enum mopt_status status = MOPT_OK;
    mopt__strbuf_printf(&record->name, "random sample %zu", index + 1);
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        struct mopt_tensor *tensor = NULL;
        status = make(random, random->of_field[i], index, &tensor, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(tensor, &record->values[i], err);
            mopt__tensor_unref(tensor);
        }
    }
    return status;
}

// Adds a field for a spec; false with err set where nothing can be made up. Optional inputs are
// left out.
static enum mopt_status add_field(struct random *random, const struct mopt_data_options *options,
                                  size_t spec, struct mopt_error *err)
{
    const struct mopt_input_spec *wanted = &random->specs[spec];
    const struct mopt_type *type = wanted->type;
    if (type && type->kind == MOPT_TYPE_OPTIONAL) {
        return MOPT_OK;
    }
    if (!type || type->kind != MOPT_TYPE_TENSOR || type->rank < 0 ||
        type->dtype == MOPT_UNDEFINED) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "no random data for input '%s': its type and rank are not known",
                              wanted->name);
    }
    for (int axis = 0; axis < type->rank; axis++) {
        random->dims[spec][axis] = size_of(options, wanted, axis);
    }
    if (type->rank == 0 || random->dims[spec][0] >= 0) {
        random->source.whole = true; // axis 0 is fixed: samples cannot be put together
    }
    size_t i = random->source.field_count++;
    random->of_field[i] = spec;
    random->source.fields[i] = (struct mopt_field){.name = wanted->name,
                                                   .position = -1,
                                                   .role = MOPT_FIELD_INPUT,
                                                   .spec = MOPT_NO_SPEC};
    return MOPT_OK;
}

enum mopt_status mopt__source_random(const struct mopt_open *open, struct mopt_source **out,
                                     struct mopt_error *err)
{
    const struct mopt_data_options *options = open->options;
    struct random *random = mopt__calloc(1, sizeof *random);
    *out = NULL;
    if (!random) {
        return mopt_error_memory(err);
    }
    random->specs = open->specs;
    random->seed = options->seed;
    random->source = (struct mopt_source){.read = read_random, .close = close_random};
    random->source.kind = "random";
    random->source.fields = mopt__calloc(open->spec_count, sizeof *random->source.fields);
    random->of_field = mopt__calloc(open->spec_count, sizeof *random->of_field);
    random->dims = mopt__calloc(open->spec_count, sizeof *random->dims);
    snprintf(random->source.item, sizeof random->source.item, "%s", "made-up numbers");
    if (!random->source.fields || !random->of_field || !random->dims) {
        close_random(&random->source);
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < open->spec_count && status == MOPT_OK; i++) {
        status = add_field(random, options, i, err);
    }
    random->source.count = options->samples > 0 ? options->samples : SAMPLES_DEFAULT;
    if (status == MOPT_OK &&
        !mopt__size_add(random->source.count, options->skip, &random->source.count)) {
        status = mopt_error_set(err, MOPT_E_USAGE, "number of samples is too large");
    }
    if (status != MOPT_OK) {
        close_random(&random->source);
        return status;
    }
    *out = &random->source;
    return MOPT_OK;
}
