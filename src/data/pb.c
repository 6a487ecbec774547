// SPDX-License-Identifier: Apache-2.0
// Recorded runs of the ONNX test suites: folders with input_0.pb ... and output_0.pb ...; one
// folder is one sample, which has its batch axis already. What kind of value a file holds, only the
// model's types tell.
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "onnx/onnx.h"

struct pb {
    struct mopt_source source; // first
    char **folders;            // [source.count]
    char **names;              // [field_count]: names of the tensors, entries may be NULL
    char **files;              // [field_count]: "input_0.pb"
    size_t name_capacity, file_capacity, field_capacity;
    const struct mopt_type **types; // [field_count] after binding
};

static void close_pb(struct mopt_source *source)
{
    struct pb *pb = (struct pb *)source;
    for (size_t i = 0; pb->folders && i < source->count; i++) {
        mopt__free(pb->folders[i]);
    }
    for (size_t i = 0; i < source->field_count; i++) {
        mopt__free(pb->names[i]);
        mopt__free(pb->files[i]);
    }
    mopt__free(pb->folders);
    mopt__free(pb->names);
    mopt__free(pb->files);
    mopt__free(pb->types);
    mopt__free(source->fields);
    mopt__free(pb);
}

int64_t mopt__pb_number(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9') {
        return -1;
    }
    char *end = NULL;
    long long number = strtoll(name + length, &end, 10);
    return strcmp(end, ".pb") == 0 && number <= INT32_MAX ? number : -1;
}

// ---- Reading ------------------------------------------------------------------------------------

static bool may_be_other(enum mopt_status status)
{
    return status != MOPT_OK && status != MOPT_E_MEMORY && status != MOPT_E_IO &&
           status != MOPT_E_MISSING;
}

// A recorded output of no known type: a tensor, else a sequence, else an optional.
static enum mopt_status load_unknown(const char *path, struct mopt_datum **out,
                                     struct mopt_error *err)
{
    static const struct mopt_type kinds[] = {{.kind = MOPT_TYPE_SEQUENCE},
                                             {.kind = MOPT_TYPE_OPTIONAL}};
    enum mopt_status status = mopt__onnx_load_datum(path, NULL, out, err);
    for (size_t i = 0; i < MOPT_COUNTOF(kinds) && may_be_other(status); i++) {
        struct mopt_error other;
        mopt_error_clear(&other);
        if (mopt__onnx_load_datum(path, &kinds[i], out, &other) == MOPT_OK) {
            status = MOPT_OK;
            mopt_error_clear(err);
        }
    }
    return status;
}

static enum mopt_status read_pb(struct mopt_source *source, size_t index,
                                struct mopt_record *record, struct mopt_error *err)
{
    const struct pb *pb = (const struct pb *)source;
    enum mopt_status status = MOPT_OK;
    mopt__strbuf_add(&record->name, mopt__path_basename(pb->folders[index]));
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        char *path = mopt__path_join(pb->folders[index], pb->files[i]);
        if (!path) {
            return mopt_error_memory(err);
        }
        status = source->fields[i].role == MOPT_FIELD_INPUT || pb->types[i]
                     ? mopt__onnx_load_datum(path, pb->types[i], &record->values[i], err)
                     : load_unknown(path, &record->values[i], err);
        mopt__free(path);
    }
    return status;
}

// Type of a recorded output: by the name in its file, else by the number of the file.
static const struct mopt_type *output_type(const struct mopt_field *field,
                                           const struct mopt_data_options *options)
{
    for (size_t i = 0; field->bare && i < options->output_count; i++) {
        if (strcmp(options->outputs[i].name, field->bare) == 0) {
            return options->outputs[i].type;
        }
    }
    bool there = field->position >= 0 && (uint64_t)field->position < options->output_count;
    return there ? options->outputs[field->position].type : NULL;
}

static enum mopt_status take_types(struct mopt_source *source, const struct mopt_input_spec *specs,
                                   const struct mopt_data_options *options, struct mopt_error *err)
{
    struct pb *pb = (struct pb *)source;
    mopt__free(pb->types);
    pb->types = mopt__calloc(source->field_count, sizeof(const struct mopt_type *));
    if (!pb->types) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < source->field_count; i++) {
        int spec = source->fields[i].spec;
        bool input = source->fields[i].role == MOPT_FIELD_INPUT;
        pb->types[i] = !input                 ? output_type(&source->fields[i], options)
                       : spec == MOPT_NO_SPEC ? NULL
                                              : specs[spec].type;
    }
    return MOPT_OK;
}

// ---- Making -------------------------------------------------------------------------------------

// Name that the file's tensor has; *out stays NULL if it has none or holds something else.
static enum mopt_status tensor_name(const char *path, char **out, struct mopt_error *err)
{
    struct mopt_arena arena;
    struct mopt_tensor *tensor = NULL;
    const char *name = NULL;
    struct mopt_error ignored;
    mopt__arena_init(&arena);
    mopt_error_clear(&ignored);
    *out = NULL;
    enum mopt_status status = mopt__onnx_load_tensor(path, &tensor, &name, &arena, &ignored);
    bool named = status == MOPT_OK && name && *name != '\0';
    if (named) {
        *out = mopt__strdup(name);
    }
    mopt__tensor_unref(tensor);
    mopt__arena_release(&arena);
    return named && !*out ? mopt_error_memory(err) : MOPT_OK;
}

static enum mopt_status make_room(struct pb *pb, struct mopt_error *err)
{
    size_t need = pb->source.field_count + 1;
    enum mopt_status status =
        mopt__grow((void **)&pb->names, &pb->name_capacity, need, sizeof *pb->names, err);
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&pb->files, &pb->file_capacity, need, sizeof *pb->files, err);
    }
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&pb->source.fields, &pb->field_capacity, need,
                            sizeof *pb->source.fields, err);
    }
    return status;
}

static enum mopt_status add_field(struct pb *pb, const char *file, int64_t number, bool input,
                                  struct mopt_error *err)
{
    char *name = NULL;
    enum mopt_status status = make_room(pb, err);
    if (status != MOPT_OK) {
        return status;
    }
    char *path = mopt__path_join(pb->folders[0], file);
    char *copy = mopt__strdup(file);
    status = path && copy ? tensor_name(path, &name, err) : mopt_error_memory(err);
    mopt__free(path);
    if (status != MOPT_OK) {
        mopt__free(copy);
        return status;
    }
    size_t i = pb->source.field_count++;
    pb->names[i] = name;
    pb->files[i] = copy;
    pb->source.fields[i] =
        (struct mopt_field){.name = name,
                            .bare = input ? NULL : name,
                            .position = number,
                            .role = input ? MOPT_FIELD_INPUT : MOPT_FIELD_EXPECTED,
                            .spec = MOPT_NO_SPEC};
    return MOPT_OK;
}

// Fields in the order of their numbers: names sorted as text put input_10 before input_2.
static enum mopt_status add_fields(struct pb *pb, const char *prefix, bool input,
                                   struct mopt_error *err)
{
    char **names = NULL;
    size_t count = 0;
    int64_t last = -1;
    enum mopt_status status = mopt__dir_list(pb->folders[0], &names, &count, err);
    while (status == MOPT_OK) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            int64_t number = mopt__pb_number(names[i], prefix);
            if (number > last && (best == count || number < mopt__pb_number(names[best], prefix))) {
                best = i;
            }
        }
        if (best == count) {
            break;
        }
        last = mopt__pb_number(names[best], prefix);
        status = add_field(pb, names[best], last, input, err);
    }
    mopt__names_free(names, count);
    return status;
}

static enum mopt_status fill(struct pb *pb, char *const *folders, size_t count,
                             struct mopt_error *err)
{
    pb->folders = mopt__calloc(count, sizeof *pb->folders);
    if (!pb->folders) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        pb->folders[i] = mopt__strdup(folders[i]);
        if (!pb->folders[i]) {
            return mopt_error_memory(err);
        }
        pb->source.count++;
    }
    enum mopt_status status = add_fields(pb, "input_", true, err);
    if (status == MOPT_OK) {
        status = add_fields(pb, "output_", false, err);
    }
    return status;
}

enum mopt_status mopt__source_pb(char *const *folders, size_t count, struct mopt_source **out,
                                 struct mopt_error *err)
{
    struct pb *pb = mopt__calloc(1, sizeof *pb);
    *out = NULL;
    if (!pb) {
        return mopt_error_memory(err);
    }
    pb->source = (struct mopt_source){.read = read_pb,
                                      .bound = take_types,
                                      .close = close_pb,
                                      .kind = "pb",
                                      .item = "a recorded run",
                                      .whole = true};
    enum mopt_status status = fill(pb, folders, count, err);
    if (status != MOPT_OK) {
        close_pb(&pb->source);
        return status;
    }
    *out = &pb->source;
    return MOPT_OK;
}
