// SPDX-License-Identifier: Apache-2.0
// Writing models: sizes, the external file, atomic publication. The external file gets a name that
// no file has yet, is complete before the model appears, and the model is replaced in one step: at
// any moment the model on disk refers to a complete file. Knows files; messages come from export.h.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/onnx.h"

enum { DEFAULT_EXTERNAL_MIN = 1024, NAMES_MAX = 100 };
static const size_t MODEL_BYTES_MAX = INT32_MAX;

// One save in progress.
struct saver {
    const char *path;
    const struct mopt_onnx_save_options *options;
    struct mopt_export ex;
    Mopt__Pb__ModelProto *message;
    char *dir;
    char *data_name; // heap; NULL: chosen only when needed
    char *data_path;
    char *old_data;            // external file of the model that is replaced; removed at the end
    struct mopt_sha256 sha[2]; // model, data
    bool hash;
};

static bool to_stdout(const struct saver *s)
{
    return strcmp(s->path, "-") == 0;
}

// ---- Names of the external file

static char *print_name(const char *base, int number)
{
    struct mopt_strbuf text = {0};
    char *name = NULL;

    if (number == 0) {
        mopt__strbuf_printf(&text, "%s.data", base);
    } else {
        mopt__strbuf_printf(&text, "%s.%d.data", base, number);
    }
    name = text.failed ? NULL : mopt__strdup(mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
    return name;
}

static enum mopt_status set_name(struct saver *s, char *name, struct mopt_error *err)
{
    s->data_name = name;
    s->data_path = name != NULL ? mopt__path_join(s->dir, name) : NULL;
    return s->data_path != NULL ? MOPT_OK : mopt_error_memory(err);
}

static void drop_name(struct saver *s)
{
    mopt__free(s->data_name);
    mopt__free(s->data_path);
    s->data_name = s->data_path = NULL;
}

static enum mopt_status given_name(struct saver *s, const char *name, struct mopt_error *err)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0 || strcmp(name, mopt__path_basename(s->path)) == 0) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "'%s' cannot be the name of a file beside the model", name);
    }
    return set_name(s, mopt__strdup(name), err);
}

// First of <model>.data, <model>.1.data ... that does not exist.
static enum mopt_status free_name(struct saver *s, struct mopt_error *err)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        enum mopt_status status = set_name(s, print_name(mopt__path_basename(s->path), i), err);

        if (status != MOPT_OK || !mopt__path_exists(s->data_path)) {
            return status;
        }
        drop_name(s);
    }
    return mopt_error_set(err, MOPT_E_CREATE, "file '%s' has too many external files beside it",
                          s->path);
}

static enum mopt_status choose_name(struct saver *s, struct mopt_error *err)
{
    const char *given = s->options->external_name;

    return given != NULL ? given_name(s, given, err) : free_name(s, err);
}

// True if the model file that stands at the target mentions this file name.
static bool mentions(const char *path, const char *name)
{
    struct mopt_mapping *old = NULL;
    struct mopt_error ignored;

    if (mopt__mapping_open(path, MODEL_BYTES_MAX, &old, &ignored) != MOPT_OK) {
        return false;
    }
    bool found = memmem(old->data, old->size, name, strlen(name)) != NULL;
    mopt__mapping_unref(old);
    return found;
}

// The external file that a save like this one left beside the model that is about to be replaced.
static enum mopt_status find_old_data(struct saver *s, struct mopt_error *err)
{
    if (to_stdout(s) || !mopt__path_exists(s->path)) {
        return MOPT_OK;
    }
    for (int i = 0; i < NAMES_MAX && s->old_data == NULL; i++) {
        char *name = print_name(mopt__path_basename(s->path), i);
        char *path = name != NULL ? mopt__path_join(s->dir, name) : NULL;

        if (path == NULL) {
            mopt__free(name);
            return mopt_error_memory(err);
        }
        bool exists = mopt__path_exists(path);
        if (exists && mentions(s->path, name)) {
            s->old_data = path;
            path = NULL;
        }
        mopt__free(name);
        mopt__free(path);
        if (!exists && i > 0) {
            break;
        }
    }
    return MOPT_OK;
}

static void remove_old_data(const struct saver *s)
{
    if (s->old_data != NULL && (s->data_path == NULL || strcmp(s->old_data, s->data_path) != 0)) {
        (void)unlink(s->old_data);
    }
}

// ---- Messages

static enum mopt_status build(struct saver *s, const struct mopt_model *model,
                              enum mopt_spill spill, size_t *size, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    mopt__export_release(&s->ex);
    mopt__arena_init(&s->ex.arena);
    s->ex.spill = spill;
    s->ex.external_min =
        s->options->external_min > 0 ? s->options->external_min : DEFAULT_EXTERNAL_MIN;
    if (spill != MOPT_SPILL_NONE && s->data_name == NULL) {
        status = choose_name(s, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    s->ex.location = s->data_name;
    s->message = mopt__export_model(&s->ex, model, err);
    if (s->message == NULL) {
        return err->status;
    }
    *size = protobuf_c_message_get_packed_size(&s->message->base);
    return MOPT_OK;
}

static enum mopt_spill first_choice(const struct saver *s)
{
    if (s->options->external == 0 || to_stdout(s)) {
        return MOPT_SPILL_NONE;
    }
    return s->options->external > 0 ? MOPT_SPILL_ALL : MOPT_SPILL_KEEP;
}

static enum mopt_status too_large(const struct saver *s, size_t size, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_LIMIT,
                          "the model would take %zu bytes, one file holds at most %zu%s", size,
                          MODEL_BYTES_MAX,
                          s->options->external == 0 || to_stdout(s) ? ": allow external data" : "");
}

static enum mopt_status build_fitting(struct saver *s, const struct mopt_model *model,
                                      struct mopt_error *err)
{
    size_t size = 0;
    enum mopt_spill spill = first_choice(s);
    enum mopt_status status = build(s, model, spill, &size, err);

    while (status == MOPT_OK && size > MODEL_BYTES_MAX && spill != MOPT_SPILL_NONE &&
           spill != MOPT_SPILL_EVEN_ATTRIBUTES) {
        spill = (enum mopt_spill)(spill + 1);
        status = build(s, model, spill, &size, err);
    }
    if (status == MOPT_OK && size > MODEL_BYTES_MAX) {
        status = too_large(s, size, err);
    }
    return status;
}

// ---- Files

static enum mopt_status write_bytes(struct saver *s, struct mopt_output *output, const void *data,
                                    size_t size, struct mopt_error *err)
{
    if (s->hash) {
        mopt__sha256_update(&s->sha[1], data, size);
    }
    return mopt__output_write(output, data, size, err);
}

static enum mopt_status write_pieces(struct saver *s, struct mopt_output *output,
                                     struct mopt_error *err)
{
    static const uint8_t zeros[MOPT_EXTERNAL_ALIGN];
    enum mopt_status status = MOPT_OK;
    uint64_t position = 0;

    for (size_t i = 0; i < s->ex.piece_count && status == MOPT_OK; i++) {
        const struct mopt_piece *piece = &s->ex.pieces[i];

        status = write_bytes(s, output, zeros, (size_t)(piece->offset - position), err);
        if (status == MOPT_OK) {
            status = write_bytes(s, output, piece->data, piece->size, err);
        }
        position = piece->offset + piece->size;
    }
    return status;
}

static enum mopt_status write_data(struct saver *s, struct mopt_error *err)
{
    struct mopt_output *output = NULL;
    bool named = s->options->external_name != NULL;
    enum mopt_status status =
        mopt__output_open(s->data_path, named && s->options->force, &output, err);

    if (status != MOPT_OK) {
        return status;
    }
    status = write_pieces(s, output, err);
    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    return mopt__output_commit(output, err);
}

static enum mopt_status write_model(struct saver *s, struct mopt_output *output,
                                    struct mopt_error *err)
{
    enum mopt_status status =
        mopt__export_write(&s->message->base, output, s->hash ? &s->sha[0] : NULL, err);

    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    return mopt__output_commit(output, err);
}

// The model's output is opened first, so that a target that cannot be written is told before the
// large file is made.
static enum mopt_status write_files(struct saver *s, uint64_t *model_bytes, struct mopt_error *err)
{
    struct mopt_output *output = NULL;
    bool external = s->ex.piece_count > 0;
    enum mopt_status status = mopt__output_open(s->path, s->options->force, &output, err);

    if (status == MOPT_OK && external) {
        status = write_data(s, err);
        if (status != MOPT_OK) {
            mopt__output_abort(output);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    *model_bytes = protobuf_c_message_get_packed_size(&s->message->base);
    status = write_model(s, output, err);
    if (status != MOPT_OK && external && s->options->external_name == NULL) {
        (void)unlink(s->data_path);
    }
    return status;
}

// ---- Result

static enum mopt_status note(struct saver *s, size_t i, const char *path, uint64_t bytes,
                             struct mopt_save_result *result, struct mopt_error *err)
{
    struct mopt_saved_file *file = &result->files[i];

    file->path = mopt__strdup(path);
    if (file->path == NULL) {
        return mopt_error_memory(err);
    }
    file->bytes = bytes;
    mopt__sha256_hex(&s->sha[i], file->sha256);
    result->count = i + 1;
    return MOPT_OK;
}

static enum mopt_status note_files(struct saver *s, uint64_t model_bytes,
                                   struct mopt_save_result *result, struct mopt_error *err)
{
    enum mopt_status status = note(s, 0, s->path, model_bytes, result, err);

    if (status == MOPT_OK && s->ex.piece_count > 0) {
        status = note(s, 1, s->data_path, s->ex.external_bytes, result, err);
    }
    return status;
}

void mopt__save_result_release(struct mopt_save_result *result)
{
    for (size_t i = 0; i < MOPT_COUNTOF(result->files); i++) {
        mopt__free(result->files[i].path);
    }
    *result = (struct mopt_save_result){.count = 0};
}

// ---- Doors

static enum mopt_status save(struct saver *s, const struct mopt_model *model,
                             struct mopt_save_result *result, struct mopt_error *err)
{
    uint64_t model_bytes = 0;

    s->dir = mopt__path_dirname(s->path);
    if (s->dir == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = find_old_data(s, err);
    if (status == MOPT_OK) {
        status = build_fitting(s, model, err);
    }
    if (status == MOPT_OK) {
        status = write_files(s, &model_bytes, err);
    }
    if (status == MOPT_OK) {
        remove_old_data(s);
    }
    if (status == MOPT_OK && result != NULL) {
        status = note_files(s, model_bytes, result, err);
    }
    return status;
}

enum mopt_status mopt__onnx_save(const struct mopt_model *model, const char *path,
                                 const struct mopt_onnx_save_options *options,
                                 struct mopt_save_result *result, struct mopt_error *err)
{
    static const struct mopt_onnx_save_options defaults = {.external = -1};
    struct saver s = {.path = path,
                      .options = options != NULL ? options : &defaults,
                      .hash = result != NULL};

    mopt__arena_init(&s.ex.arena);
    if (result != NULL) {
        *result = (struct mopt_save_result){.count = 0};
    }
    mopt__sha256_init(&s.sha[0]);
    mopt__sha256_init(&s.sha[1]);
    enum mopt_status status = save(&s, model, result, err);
    mopt__export_release(&s.ex);
    drop_name(&s);
    mopt__free(s.dir);
    mopt__free(s.old_data);
    if (status != MOPT_OK) {
        if (result != NULL) {
            mopt__save_result_release(result);
        }
        return mopt_error_wrap(err, "file '%s'", path);
    }
    return MOPT_OK;
}

enum mopt_status mopt__onnx_size(const struct mopt_model *model, uint64_t *bytes,
                                 struct mopt_error *err)
{
    struct mopt_export ex = {.spill = MOPT_SPILL_NONE};
    const Mopt__Pb__ModelProto *message = NULL;

    mopt__arena_init(&ex.arena);
    message = mopt__export_model(&ex, model, err);
    if (message != NULL) {
        *bytes = protobuf_c_message_get_packed_size(&message->base);
    }
    mopt__export_release(&ex);
    return message != NULL ? MOPT_OK : err->status;
}
