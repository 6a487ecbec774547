// SPDX-License-Identifier: Apache-2.0
// Names of data to inputs of the model: by name, else by position with a note. What fits nothing is
// an error, never left out quietly.
#include <stdlib.h>
#include <string.h>

#include "data/source.h"

// ---- What a name tells --------------------------------------------------------------------------

// "in_3_tokens" after "in_": number into *position, rest ("tokens" or NULL) into *rest.
static bool numbered(const char *name, const char *prefix, int64_t *position, const char **rest)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9') {
        return false;
    }
    char *end = NULL;
    long long number = strtoll(name + length, &end, 10);
    if (number > INT32_MAX || (*end != '\0' && *end != '_')) {
        return false;
    }
    *position = number;
    *rest = *end == '_' && end[1] != '\0' ? end + 1 : NULL;
    return true;
}

static bool is_label(const char *name)
{
    static const char *const names[] = {"label", "labels", "y", "target", "targets"};
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void classify(struct mopt_field *field)
{
    const char *rest = NULL;
    int64_t number = 0;
    field->role = MOPT_FIELD_INPUT;
    if (!field->name) {
        return;
    }
    if (numbered(field->name, "in_", &number, &rest) ||
        numbered(field->name, "input_", &number, &rest) ||
        numbered(field->name, "arr_", &number, &rest)) {
        field->position = number;
        field->bare = rest;
    } else if (numbered(field->name, "out_", &number, &rest) ||
               numbered(field->name, "output_", &number, &rest)) {
        field->role = MOPT_FIELD_EXPECTED;
        field->bare = rest;
    } else if (strncmp(field->name, "expected_", 9) == 0) {
        field->role = MOPT_FIELD_EXPECTED;
        field->bare = field->name + 9;
    } else if (field->may_label && is_label(field->name)) {
        field->role = MOPT_FIELD_LABEL;
    }
}

// ---- Matching -----------------------------------------------------------------------------------

static int find_spec(const struct mopt_open *open, const char *name)
{
    for (size_t i = 0; name && i < open->spec_count; i++) {
        if (strcmp(open->specs[i].name, name) == 0) {
            return (int)i;
        }
    }
    return MOPT_NO_SPEC;
}

static void match_by_name(struct mopt_source *source, const struct mopt_open *open, size_t *matched)
{
    for (size_t i = 0; i < source->field_count; i++) {
        struct mopt_field *field = &source->fields[i];
        field->spec = MOPT_NO_SPEC;
        if (field->role == MOPT_FIELD_EXPECTED || field->role == MOPT_FIELD_LABEL) {
            continue;
        }
        field->spec = find_spec(open, field->name);
        if (field->spec == MOPT_NO_SPEC && field->role == MOPT_FIELD_OPEN) {
            classify(field);
            field->spec =
                field->role == MOPT_FIELD_INPUT ? find_spec(open, field->bare) : MOPT_NO_SPEC;
        }
        if (field->spec != MOPT_NO_SPEC) {
            field->role = MOPT_FIELD_INPUT;
            *matched += 1;
        }
    }
}

static void list_names(const struct mopt_open *open, struct mopt_strbuf *out)
{
    for (size_t i = 0; i < open->spec_count; i++) {
        mopt__strbuf_printf(out, "%s'%s'", i > 0 ? ", " : "", open->specs[i].name);
    }
}

static enum mopt_status unknown_name(const struct mopt_open *open, const char *name,
                                     struct mopt_error *err)
{
    struct mopt_strbuf names = {0};
    const char **all = mopt__calloc(open->spec_count, sizeof *all);
    int nearest = -1;
    for (size_t i = 0; all && i < open->spec_count; i++) {
        all[i] = open->specs[i].name;
    }
    if (all) {
        nearest = mopt__nearest(name, all, open->spec_count);
    }
    list_names(open, &names);
    if (nearest >= 0) {
        mopt_error_set(err, MOPT_E_USAGE, "the model has no input '%s', nearest is '%s'", name,
                       open->specs[nearest].name);
    } else {
        mopt_error_set(err, MOPT_E_USAGE, "the model has no input '%s' (it has %s)", name,
                       mopt__strbuf_text(&names));
    }
    mopt__free(all);
    mopt__strbuf_release(&names);
    return MOPT_E_USAGE;
}

static void note(const struct mopt_open *open, const struct mopt_field *field)
{
    const char *input = open->specs[field->spec].name;
    if (field->name) {
        mopt__log(open->options->log, MOPT_LOG_INFO, "input '%s' takes '%s' by position", input,
                  field->name);
    } else {
        mopt__log(open->options->log, MOPT_LOG_INFO, "input '%s' takes the data by position",
                  input);
    }
}

// matched: fields bound by name. Only data none of whose names fit, and numbered ones, go by
// position.
static enum mopt_status match_by_position(struct mopt_source *source, const struct mopt_open *open,
                                          size_t matched, struct mopt_error *err)
{
    size_t next = 0;
    for (size_t i = 0; i < source->field_count; i++) {
        struct mopt_field *field = &source->fields[i];
        if (field->role != MOPT_FIELD_INPUT) {
            continue;
        }
        size_t at = field->position >= 0 ? (size_t)field->position : next;
        next = at + 1;
        if (field->spec != MOPT_NO_SPEC) {
            continue;
        }
        if (matched > 0 && field->position < 0) {
            return unknown_name(open, field->name ? field->name : "", err);
        }
        if (at >= open->spec_count) {
            return mopt_error_set(err, MOPT_E_USAGE,
                                  "data have input number %zu ('%s'), the model has %zu inputs", at,
                                  field->name ? field->name : "", open->spec_count);
        }
        field->spec = (int)at;
        note(open, field);
    }
    return MOPT_OK;
}

static bool is_optional(const struct mopt_input_spec *spec)
{
    return spec->type && spec->type->kind == MOPT_TYPE_OPTIONAL;
}

static enum mopt_status check_complete(const struct mopt_source *source,
                                       const struct mopt_open *open, struct mopt_error *err)
{
    for (size_t s = 0; s < open->spec_count; s++) {
        size_t found = 0;
        for (size_t i = 0; i < source->field_count; i++) {
            found += source->fields[i].spec == (int)s;
        }
        if (found > 1) {
            return mopt_error_set(err, MOPT_E_USAGE, "data give input '%s' of the model %zu times",
                                  open->specs[s].name, found);
        }
        if (found == 0 && !is_optional(&open->specs[s])) {
            return mopt_error_set(err, MOPT_E_USAGE,
                                  "data lack input '%s' of the model (number %zu of %zu)",
                                  open->specs[s].name, s + 1, open->spec_count);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__bind(struct mopt_source *source, const struct mopt_open *open,
                            struct mopt_error *err)
{
    size_t matched = 0;
    match_by_name(source, open, &matched);
    enum mopt_status status = match_by_position(source, open, matched, err);
    if (status == MOPT_OK) {
        status = check_complete(source, open, err);
    }
    if (status == MOPT_OK && source->bound) {
        status = source->bound(source, open->specs, open->options, err);
    }
    return status;
}
