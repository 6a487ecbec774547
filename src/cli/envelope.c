// SPDX-License-Identifier: Apache-2.0
// Assembles the JSON result from what the command left.
#include "cli/envelope.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/options.h"
#include "mopt/version.h"

void mopt__envelope_init(struct mopt_envelope *envelope)
{
    *envelope = (struct mopt_envelope){.inputs = cJSON_CreateArray(),
                                       .outputs = cJSON_CreateArray(),
                                       .result = cJSON_CreateObject(),
                                       .gates = cJSON_CreateArray(),
                                       .warnings = cJSON_CreateArray(),
                                       .timing = cJSON_CreateObject(),
                                       .start_ns = mopt__clock_ns()};
}

void mopt__envelope_release(struct mopt_envelope *envelope)
{
    cJSON_Delete(envelope->inputs);
    cJSON_Delete(envelope->outputs);
    cJSON_Delete(envelope->result);
    cJSON_Delete(envelope->gates);
    cJSON_Delete(envelope->warnings);
    cJSON_Delete(envelope->timing);
    *envelope = (struct mopt_envelope){0};
}

static void add_file(cJSON *list, const char *role, const char *path, int64_t bytes,
                     const char *sha256)
{
    cJSON *item = mopt__json_object(list, NULL);
    mopt__json_text(item, "role", role);
    mopt__json_text(item, "path", path);
    if (bytes >= 0) {
        mopt__json_int(item, "bytes", bytes);
    } else {
        mopt__json_null(item, "bytes");
    }
    mopt__json_text(item, "sha256", sha256);
}

void mopt__envelope_input(struct mopt_envelope *envelope, const char *role, const char *path,
                          int64_t bytes, const char *sha256)
{
    add_file(envelope->inputs, role, path, bytes, sha256);
}

void mopt__envelope_output(struct mopt_envelope *envelope, const char *role, const char *path,
                           int64_t bytes, const char *sha256)
{
    add_file(envelope->outputs, role, path, bytes, sha256);
}

static void add_read_file(const struct mopt_envelope *envelope, cJSON *list, const char *role,
                          const char *path)
{
    if (!envelope->wanted) {
        return;
    }
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_mapping *mapping = NULL;
    if (strcmp(path, "-") == 0 || mopt__path_is_dir(path) ||
        mopt__mapping_open(path, 0, &mapping, &err) != MOPT_OK) {
        add_file(list, role, path, -1, NULL);
        return;
    }
    struct mopt_sha256 sha;
    char hex[65];
    mopt__sha256_init(&sha);
    mopt__sha256_update(&sha, mapping->data, mapping->size);
    mopt__sha256_hex(&sha, hex);
    add_file(list, role, path, (int64_t)mapping->size, hex);
    mopt__mapping_unref(mapping);
}

void mopt__envelope_input_file(struct mopt_envelope *envelope, const char *role, const char *path)
{
    add_read_file(envelope, envelope->inputs, role, path);
}

void mopt__envelope_output_file(struct mopt_envelope *envelope, const char *role, const char *path)
{
    add_read_file(envelope, envelope->outputs, role, path);
}

void mopt__envelope_gate(struct mopt_envelope *envelope, const struct mopt_gate *gate)
{
    cJSON *item = mopt__json_object(envelope->gates, NULL);
    mopt__json_text(item, "id", gate->id);
    mopt__json_text(item, "metric", gate->metric);
    mopt__json_number(item, "baseline", gate->baseline);
    mopt__json_number(item, "value", gate->value);
    mopt__json_number(item, "limit", gate->limit);
    cJSON *interval = mopt__json_array(item, "ci95");
    mopt__json_number(interval, NULL, gate->low);
    mopt__json_number(interval, NULL, gate->high);
    mopt__json_bool(item, "pass", gate->pass);
}

static void add_value(cJSON *item, const struct mopt_option_value *value)
{
    switch (value->row->kind) {
    case MOPT_OPT_FLAG:
        mopt__json_bool(item, "value", value->i != 0);
        break;
    case MOPT_OPT_COUNT:
    case MOPT_OPT_INT:
        mopt__json_int(item, "value", value->i);
        break;
    case MOPT_OPT_BYTES:
        if (value->given || value->row->initial != NULL) {
            mopt__json_int(item, "value", value->i);
        } else {
            mopt__json_null(item, "value");
        }
        break;
    case MOPT_OPT_DURATION:
    case MOPT_OPT_FLOAT:
        if (value->given || value->row->initial != NULL) {
            mopt__json_number(item, "value", value->f);
        } else {
            mopt__json_null(item, "value");
        }
        break;
    case MOPT_OPT_LIST: {
        cJSON *list = mopt__json_array(item, "value");
        for (size_t i = 0; i < value->count; i++) {
            mopt__json_text(list, NULL, value->items[i]);
        }
        break;
    }
    case MOPT_OPT_STRING:
    case MOPT_OPT_CHOICE:
    case MOPT_OPT_FILE:
        mopt__json_text(item, "value", value->text);
        break;
    }
}

static cJSON *settings_of(const struct mopt_options *options)
{
    cJSON *settings = cJSON_CreateObject();
    for (size_t i = 0; options != NULL && i < options->count; i++) {
        const struct mopt_option_value *value = &options->values[i];
        if ((value->row->flags & MOPT_OPT_VIEW) != 0) {
            continue;
        }
        cJSON *item = mopt__json_object(settings, value->row->name);
        add_value(item, value);
        mopt__json_text(item, "origin", value->given ? "flag" : "default");
    }
    return settings;
}

static void add_run(cJSON *document, struct mopt_envelope *envelope)
{
    char cpu[128];
    cJSON *run = mopt__json_object(document, "run");
    mopt__json_text(run, "version", MOPT_VERSION);
    mopt__json_text(run, "commit", MOPT_VERSION_COMMIT);
    mopt__json_text(run, "cpu", mopt__cpu_name(cpu, sizeof cpu));
    mopt__json_text(run, "isa", mopt__isa_name(mopt__cpu_isa()));
    mopt__json_text(run, "blas", "openblas");
    mopt__json_int(run, "threads", envelope->threads);
    mopt__json_number(run, "elapsed_s", (double)(mopt__clock_ns() - envelope->start_ns) * 1e-9);
    mopt__json_size(run, "peak_rss", mopt__peak_rss());
    for (cJSON *item; (item = cJSON_DetachItemFromArray(envelope->timing, 0)) != NULL;) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s", item->string);
        mopt__json_add(run, name, item);
    }
}

static void add_error(cJSON *document, enum mopt_status status, const struct mopt_error *err)
{
    if (status == MOPT_OK || status == MOPT_E_NEGATIVE) {
        mopt__json_null(document, "error");
        return;
    }
    cJSON *error = mopt__json_object(document, "error");
    mopt__json_text(error, "code", mopt_status_name(status));
    mopt__json_text(error, "text", err->text[0] != '\0' ? err->text : mopt_status_text(status));
    if (err->offset >= 0) {
        mopt__json_int(error, "offset", err->offset);
    }
}

char *mopt__envelope_print(struct mopt_envelope *envelope, const char *command,
                           const struct mopt_options *options, enum mopt_status status,
                           const struct mopt_error *err)
{
    cJSON *document = cJSON_CreateObject();
    mopt__json_text(document, "schema", "mopt.result/1");
    mopt__json_text(document, "command", command);
    mopt__json_text(document, "status",
                    status == MOPT_OK           ? "ok"
                    : status == MOPT_E_NEGATIVE ? "negative"
                                                : "error");
    mopt__json_int(document, "exit_code",
                   envelope->signal != 0 ? 128 + envelope->signal : mopt_status_exit_code(status));
    mopt__json_add(document, "inputs", envelope->inputs);
    mopt__json_add(document, "outputs", envelope->outputs);
    mopt__json_add(document, "settings", settings_of(options));
    mopt__json_add(document, "result", envelope->result);
    mopt__json_add(document, "gates", envelope->gates);
    mopt__json_add(document, "warnings", envelope->warnings);
    envelope->inputs = envelope->outputs = envelope->result = NULL;
    envelope->gates = envelope->warnings = NULL;
    add_error(document, status, err);
    add_run(document, envelope);
    char *text = cJSON_Print(document);
    cJSON_Delete(document);
    return text;
}
