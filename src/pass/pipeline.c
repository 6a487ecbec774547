// SPDX-License-Identifier: Apache-2.0
// Lists of passes: by level, from text, to text. It runs nothing.
#include <string.h>

#include "pass/internal.h"

enum { ROUNDS_MAX = 8 };

const struct mopt_pass *mopt__pass_find(const struct mopt_pass_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i]->name, name) == 0) {
            return set->items[i];
        }
    }
    return NULL;
}

const char *mopt__pass_nearest(const struct mopt_pass_set *set, const char *name)
{
    const char **names = mopt__calloc(set->count, sizeof(const char *));
    if (names == NULL) {
        return NULL; // a hint less
    }
    for (size_t i = 0; i < set->count; i++) {
        names[i] = set->items[i]->name;
    }
    int nearest = mopt__nearest(name, names, set->count);
    const char *found = nearest >= 0 ? names[nearest] : NULL;
    mopt__free(names);
    return found;
}

// NULL: err set.
static const struct mopt_pass *find(const struct mopt_pass_set *set, const char *name,
                                    struct mopt_error *err)
{
    const struct mopt_pass *pass = mopt__pass_find(set, name);
    if (pass != NULL) {
        return pass;
    }
    const char *nearest = mopt__pass_nearest(set, name);
    (void)mopt_error_set(err, MOPT_E_USAGE, "no pass is called '%s'%s%s%s", name,
                         nearest != NULL ? "; nearest is '" : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "'" : "");
    return NULL;
}

static enum mopt_status append(struct mopt_pipeline *pipeline, const struct mopt_pass *pass,
                               const char *arguments, struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&pipeline->items, &pipeline->capacity,
                                         pipeline->count + 1, sizeof *pipeline->items, err);
    if (status == MOPT_OK) {
        pipeline->items[pipeline->count++] =
            (struct mopt_pipeline_item){.pass = pass, .arguments = arguments};
    }
    return status;
}

enum mopt_status mopt__pipeline_level(const struct mopt_pass_set *set, int level,
                                      struct mopt_pipeline *out, struct mopt_error *err)
{
    *out = (struct mopt_pipeline){.rounds = ROUNDS_MAX};
    mopt__arena_init(&out->arena);
    if (level < 0 || level > 3) {
        return mopt_error_set(err, MOPT_E_USAGE, "optimization level is %d, must be 0 to 3", level);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < set->count && status == MOPT_OK; i++) {
        int from = set->items[i]->level;
        if (from >= 1 && from <= level) {
            status = append(out, set->items[i], NULL, err);
        }
    }
    if (status != MOPT_OK) {
        mopt__pipeline_release(out);
    }
    return status;
}

// ---- Text

struct reader {
    const char *at;
    const struct mopt_pass_set *set;
    struct mopt_arena *arena;
    struct mopt_error *err;
};

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

static const char *read_name(struct reader *reader) // NULL: err set
{
    skip_blanks(reader);
    size_t length = strcspn(reader->at, ",{} \t");
    if (length == 0) {
        (void)mopt_error_set(reader->err, MOPT_E_USAGE, "name of a pass expected at '%s'",
                             reader->at);
        return NULL;
    }
    const char *name = mopt__arena_strndup(reader->arena, reader->at, length);
    if (name == NULL) {
        (void)mopt_error_memory(reader->err);
    }
    reader->at += length;
    return name;
}

// "{...}", checked against the rows of the pass; NULL when there is none.
static enum mopt_status read_arguments(struct reader *reader, const struct mopt_pass *pass,
                                       const char **out)
{
    *out = NULL;
    skip_blanks(reader);
    if (*reader->at != '{') {
        return MOPT_OK;
    }
    size_t length = mopt__arguments_span(++reader->at, "}");
    if (length == SIZE_MAX || reader->at[length] != '}') {
        return mopt_error_set(reader->err, MOPT_E_USAGE, "options of pass '%s': '}' is missing",
                              pass->name);
    }
    *out = mopt__arena_strndup(reader->arena, reader->at, length);
    const char **values =
        mopt__arena_alloc(reader->arena, pass->option_count, sizeof(const char *));
    if (*out == NULL || values == NULL) {
        return mopt_error_memory(reader->err);
    }
    reader->at += length + 1;
    return mopt__arguments_parse(pass, *out, reader->arena, values, reader->err);
}

static enum mopt_status read_item(struct reader *reader, struct mopt_pipeline *pipeline)
{
    const char *arguments = NULL;
    const char *name = read_name(reader);
    const struct mopt_pass *pass = name != NULL ? find(reader->set, name, reader->err) : NULL;
    if (pass == NULL) {
        return reader->err->status;
    }
    enum mopt_status status = read_arguments(reader, pass, &arguments);
    return status == MOPT_OK ? append(pipeline, pass, arguments, reader->err) : status;
}

// Whether another item follows; an error when something else does.
static enum mopt_status read_comma(struct reader *reader, bool *more)
{
    skip_blanks(reader);
    *more = *reader->at == ',';
    if (*more) {
        reader->at++;
        return MOPT_OK;
    }
    return *reader->at == '\0'
               ? MOPT_OK
               : mopt_error_set(reader->err, MOPT_E_USAGE,
                                "',' expected in the list of passes at '%s'", reader->at);
}

enum mopt_status mopt__pipeline_add(const struct mopt_pass_set *set, const char *text,
                                    struct mopt_pipeline *pipeline, struct mopt_error *err)
{
    struct reader reader = {.at = text, .set = set, .arena = &pipeline->arena, .err = err};
    size_t before = pipeline->count;
    skip_blanks(&reader);
    bool more = *reader.at != '\0';
    enum mopt_status status = MOPT_OK;
    while (more && status == MOPT_OK) {
        status = read_item(&reader, pipeline);
        if (status == MOPT_OK) {
            status = read_comma(&reader, &more);
        }
    }
    if (status != MOPT_OK) {
        pipeline->count = before;
    }
    return status;
}

static void take_out(struct mopt_pipeline *pipeline, const struct mopt_pass *pass)
{
    size_t kept = 0;
    for (size_t i = 0; i < pipeline->count; i++) {
        if (pipeline->items[i].pass != pass) {
            pipeline->items[kept++] = pipeline->items[i];
        }
    }
    pipeline->count = kept;
}

enum mopt_status mopt__pipeline_skip(const struct mopt_pass_set *set, const char *names,
                                     struct mopt_pipeline *pipeline, struct mopt_error *err)
{
    struct reader reader = {.at = names, .set = set, .arena = &pipeline->arena, .err = err};
    skip_blanks(&reader);
    bool more = *reader.at != '\0';
    enum mopt_status status = MOPT_OK;
    while (more && status == MOPT_OK) {
        const char *name = read_name(&reader);
        const struct mopt_pass *pass = name != NULL ? find(set, name, err) : NULL;
        if (pass == NULL) {
            return err->status;
        }
        take_out(pipeline, pass);
        status = read_comma(&reader, &more);
    }
    return status;
}

enum mopt_status mopt__pipeline_print(const struct mopt_pipeline *pipeline, struct mopt_strbuf *out,
                                      struct mopt_error *err)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct mopt_pipeline_item *item = &pipeline->items[i];
        mopt__strbuf_add(out, i > 0 ? "," : "");
        mopt__strbuf_add(out, item->pass->name);
        if (item->arguments != NULL && item->arguments[0] != '\0') {
            mopt__strbuf_printf(out, "{%s}", item->arguments);
        }
    }
    return out->failed ? mopt_error_memory(err) : MOPT_OK;
}

void mopt__pipeline_release(struct mopt_pipeline *pipeline)
{
    mopt__free(pipeline->items);
    mopt__arena_release(&pipeline->arena);
    *pipeline = (struct mopt_pipeline){.rounds = 0};
}
