// SPDX-License-Identifier: Apache-2.0
// Samples out of arrays: row i of every array is sample i. Archives that hold one recorded run
// (in_0_x, out_0), and arrays that already have the shape of an input, are one sample as they are.
#include <stdio.h>
#include <string.h>

#include "data/source.h"

struct arrays {
    struct mopt_source source; // first
    struct mopt_rows **rows;   // one per field
    char **names;              // of the fields, entries may be NULL
    size_t row_capacity, name_capacity, field_capacity;
    struct mopt_rows *labels; // beside the fields, or NULL
    int label_field;          // or -1
    bool single;              // the arrays are one sample, without a batch axis
};

static struct arrays *of(struct mopt_source *source)
{
    return (struct arrays *)source;
}

static void close_arrays(struct mopt_source *source)
{
    struct arrays *arrays = of(source);
    for (size_t i = 0; i < source->field_count; i++) {
        mopt__rows_free(arrays->rows[i]);
        mopt__free(arrays->names[i]);
    }
    mopt__rows_free(arrays->labels);
    mopt__free(arrays->rows);
    mopt__free(arrays->names);
    mopt__free(source->fields);
    mopt__free(arrays);
}

static enum mopt_status shuffled(struct mopt_source *source, struct mopt_error *err)
{
    struct arrays *arrays = of(source);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        status = mopt__rows_unpack(arrays->rows[i], err);
    }
    if (status == MOPT_OK && arrays->labels) {
        status = mopt__rows_unpack(arrays->labels, err);
    }
    return status;
}

// ---- Reading ------------------------------------------------------------------------------------

static enum mopt_status read_label(struct mopt_rows *rows, size_t index, int64_t *label,
                                   struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = mopt__rows_get(rows, index, &tensor, err);
    if (status == MOPT_OK) {
        *label = mopt__tensor_i64_at(tensor, 0);
        mopt__tensor_unref(tensor);
    }
    return status;
}

static enum mopt_status read_field(struct arrays *arrays, size_t field, size_t index,
                                   struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_rows *rows = arrays->rows[field];
    struct mopt_tensor *tensor = NULL;
    bool all = arrays->source.whole || arrays->single || rows->layout.rank == 0;
    enum mopt_status status =
        all ? mopt__rows_all(rows, &tensor, err) : mopt__rows_get(rows, index, &tensor, err);
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, out, err);
        mopt__tensor_unref(tensor);
    }
    return status;
}

static enum mopt_status read_arrays(struct mopt_source *source, size_t index,
                                    struct mopt_record *record, struct mopt_error *err)
{
    struct arrays *arrays = of(source);
    enum mopt_status status = MOPT_OK;
    mopt__strbuf_printf(&record->name, "sample %zu", index + 1);
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        if ((int)i == arrays->label_field) {
            status = read_label(arrays->rows[i], index, &record->label, err);
        } else {
            status = read_field(arrays, i, index, &record->values[i], err);
        }
    }
    if (status == MOPT_OK && arrays->labels) {
        status = read_label(arrays->labels, index, &record->label, err);
    }
    return status;
}

// ---- What a sample is ---------------------------------------------------------------------------

// Do all arrays of inputs answer yes? false if there is none (numbers are the same for every
// sample).
static bool all_inputs(const struct arrays *arrays, const struct mopt_input_spec *specs,
                       const struct mopt_data_options *options,
                       bool (*ask)(const struct mopt_layout *layout, const struct mopt_type *type,
                                   const struct mopt_data_options *options))
{
    bool any = false;
    for (size_t i = 0; i < arrays->source.field_count; i++) {
        const struct mopt_field *field = &arrays->source.fields[i];
        const struct mopt_layout *layout = &arrays->rows[i]->layout;
        if (field->role != MOPT_FIELD_INPUT || layout->rank == 0) {
            continue;
        }
        const struct mopt_type *type = field->spec == MOPT_NO_SPEC ? NULL : specs[field->spec].type;
        if (!ask(layout, type && type->kind == MOPT_TYPE_TENSOR ? type : NULL, options)) {
            return false;
        }
        any = true;
    }
    return any;
}

static bool has_rank_of_input(const struct mopt_layout *layout, const struct mopt_type *type,
                              const struct mopt_data_options *options)
{
    (void)options;
    return type && type->rank == layout->rank;
}

// One sample without its batch axis: [3,224,224] for [batch,3,height,width]. The first size must be
// known and right, or many small samples would be taken for one. With preprocessing: one image
// [height,width,3].
static bool lacks_batch_axis(const struct mopt_layout *layout, const struct mopt_type *type,
                             const struct mopt_data_options *options)
{
    int64_t size = 0;
    if (options->preprocess && layout->dtype == MOPT_UINT8 && layout->rank == 3) {
        int64_t channels = layout->dims[2];
        return channels == 1 || channels == 3 || channels == 4;
    }
    if (!type || type->rank != layout->rank + 1 || !options->dims ||
        !mopt__dim_is_known(options->dims, type->dims[1], &size) || size == 1) {
        return false;
    }
    for (int i = 0; i < layout->rank; i++) {
        if (mopt__dim_is_known(options->dims, type->dims[i + 1], &size) &&
            size != layout->dims[i]) {
            return false;
        }
    }
    return true;
}

// Rows of axis 0 that all arrays agree on. false: they do not (fields named in a and b).
static bool common_count(const struct arrays *arrays, size_t *count, size_t *a, size_t *b)
{
    bool any = false;
    for (size_t i = 0; i < arrays->source.field_count; i++) {
        if (arrays->rows[i]->layout.rank == 0) {
            continue; // the same for every sample
        }
        size_t rows = mopt__rows_count(arrays->rows[i]);
        if (any && rows != *count) {
            *b = i;
            return false;
        }
        if (!any) {
            *a = i;
            *count = rows;
            any = true;
        }
    }
    if (!any) {
        *count = 1;
    }
    return true;
}

static const char *name_of(const struct arrays *arrays, size_t i)
{
    return arrays->names[i] ? arrays->names[i] : "?";
}

static enum mopt_status disagree(const struct arrays *arrays, size_t a, size_t b,
                                 struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_SHAPE,
                          "arrays have different numbers of samples along axis 0: '%s' %zu, '%s' "
                          "%zu",
                          name_of(arrays, a), mopt__rows_count(arrays->rows[a]), name_of(arrays, b),
                          mopt__rows_count(arrays->rows[b]));
}

// "in_0_x" beside "out_0": inputs and outputs of one run, which belong together.
static bool is_recorded_run(const struct mopt_source *source)
{
    for (size_t i = 0; i < source->field_count; i++) {
        const struct mopt_field *field = &source->fields[i];
        if (field->role == MOPT_FIELD_EXPECTED && field->name &&
            strncmp(field->name, "out_", 4) == 0) {
            return true;
        }
    }
    return false;
}

static void describe(struct arrays *arrays)
{
    struct mopt_source *source = &arrays->source;
    for (size_t i = 0; i < source->field_count; i++) {
        if (source->fields[i].role != MOPT_FIELD_INPUT) {
            continue;
        }
        const struct mopt_layout *layout = &arrays->rows[i]->layout;
        int first = source->whole || arrays->single || layout->rank == 0 ? 0 : 1;
        size_t at = 0;
        for (int axis = first; axis < layout->rank && at < 48; axis++) {
            at += (size_t)snprintf(source->item + at, sizeof source->item - at, "%s%lld",
                                   axis > first ? "x" : "", (long long)layout->dims[axis]);
        }
        snprintf(source->item + at, sizeof source->item - at, "%s%s%s", at > 0 ? " " : "",
                 mopt__dtype_name(layout->dtype), source->field_count > 1 ? " ..." : "");
        return;
    }
}

static enum mopt_status check_labels(struct arrays *arrays, struct mopt_error *err)
{
    struct mopt_source *source = &arrays->source;
    const struct mopt_rows *labels =
        arrays->label_field >= 0 ? arrays->rows[arrays->label_field] : arrays->labels;
    if (!labels) {
        return MOPT_OK;
    }
    size_t count = mopt__rows_count(labels);
    if (count != source->count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu labels for %zu samples", count,
                              source->count);
    }
    source->has_labels = true;
    return MOPT_OK;
}

static enum mopt_status decide(struct mopt_source *source, const struct mopt_input_spec *specs,
                               const struct mopt_data_options *options, struct mopt_error *err)
{
    struct arrays *arrays = of(source);
    size_t a = 0;
    size_t b = 0;
    bool agree = common_count(arrays, &source->count, &a, &b);
    if (is_recorded_run(source)) {
        source->whole = true;
    } else if (all_inputs(arrays, specs, options, lacks_batch_axis)) {
        arrays->single = true;
        mopt__log(options->log, MOPT_LOG_INFO, "data have no batch axis: taken as one sample");
    } else if (!agree && all_inputs(arrays, specs, options, has_rank_of_input)) {
        source->whole = true; // states of a recurrent net have their batch elsewhere
        mopt__log(options->log, MOPT_LOG_INFO,
                  "arrays differ along axis 0: taken as one sample together");
    } else if (!agree) {
        return disagree(arrays, a, b, err);
    }
    source->count = source->whole || arrays->single ? 1 : source->count;
    for (size_t i = 0; i < source->field_count; i++) {
        if (source->fields[i].role == MOPT_FIELD_LABEL) {
            arrays->label_field = (int)i;
            source->has_labels = true;
        }
    }
    describe(arrays);
    return check_labels(arrays, err);
}

// ---- Making -------------------------------------------------------------------------------------

enum mopt_status mopt__arrays_new(const char *kind, struct mopt_source **out,
                                  struct mopt_error *err)
{
    struct arrays *arrays = mopt__calloc(1, sizeof *arrays);
    *out = NULL;
    if (!arrays) {
        return mopt_error_memory(err);
    }
    arrays->label_field = -1;
    arrays->source = (struct mopt_source){.read = read_arrays,
                                          .bound = decide,
                                          .shuffled = shuffled,
                                          .close = close_arrays,
                                          .kind = kind};
    *out = &arrays->source;
    return MOPT_OK;
}

// Empty rows cost nothing to claim: their number is bounded by hand.
static enum mopt_status check_rows(const struct mopt_rows *rows, struct mopt_error *err)
{
    enum { EMPTY_MAX = 1 << 16 };
    if (rows->layout.count == 0 && mopt__rows_count(rows) > EMPTY_MAX) {
        return mopt_error_set(err, MOPT_E_FORMAT, "array '%s' has %zu rows and no elements",
                              rows->mapping->path, mopt__rows_count(rows));
    }
    return MOPT_OK;
}

static enum mopt_status make_room(struct arrays *arrays, struct mopt_error *err)
{
    size_t need = arrays->source.field_count + 1;
    enum mopt_status status =
        mopt__grow((void **)&arrays->rows, &arrays->row_capacity, need, sizeof *arrays->rows, err);
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&arrays->names, &arrays->name_capacity, need,
                            sizeof *arrays->names, err);
    }
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&arrays->source.fields, &arrays->field_capacity, need,
                            sizeof *arrays->source.fields, err);
    }
    return status;
}

enum mopt_status mopt__arrays_add(struct mopt_source *source, const char *name,
                                  struct mopt_rows *rows, struct mopt_error *err)
{
    struct arrays *arrays = of(source);
    char *copy = NULL;
    enum mopt_status status = check_rows(rows, err);
    if (status == MOPT_OK) {
        status = make_room(arrays, err);
    }
    if (status == MOPT_OK && name) {
        copy = mopt__strdup(name);
        status = copy ? MOPT_OK : mopt_error_memory(err);
    }
    if (status != MOPT_OK) {
        mopt__rows_free(rows);
        return status;
    }
    bool integer = mopt__dtype_is_integer(rows->layout.dtype);
    size_t i = source->field_count++;
    arrays->rows[i] = rows;
    arrays->names[i] = copy;
    source->fields[i] = (struct mopt_field){.name = copy,
                                            .position = -1,
                                            .may_label = integer && rows->layout.rank == 1,
                                            .spec = MOPT_NO_SPEC};
    return MOPT_OK;
}

bool mopt__arrays_is(const struct mopt_source *source)
{
    return source->close == close_arrays;
}

void mopt__arrays_set_labels(struct mopt_source *source, struct mopt_rows *rows)
{
    of(source)->labels = rows;
}

// ---- npy, npz -----------------------------------------------------------------------------------

enum mopt_status mopt__source_npy(struct mopt_mapping *mapping, struct mopt_source **out,
                                  struct mopt_error *err)
{
    struct mopt_rows *rows = NULL;
    struct mopt_source *source = NULL;
    enum mopt_status status = mopt__npy_rows(mapping, &rows, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__arrays_new("npy", &source, err);
    if (status != MOPT_OK) {
        mopt__rows_free(rows);
        return status;
    }
    status = mopt__arrays_add(source, NULL, rows, err);
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
