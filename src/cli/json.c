// SPDX-License-Identifier: Apache-2.0
// Building JSON documents, and the one way out when memory ends.
#include "cli/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strings.h"
#include "mopt/status.h"

static bool promised; // standard output is one JSON document

void mopt__json_promise(bool json)
{
    promised = json;
}

static void say(int fd, const char *text)
{
    ssize_t done = write(fd, text, strlen(text));
    (void)done; // nothing is left to be done about it
}

_Noreturn void mopt__die_of_memory(void)
{
    mopt__output_remove_all();
    if (promised) {
        say(STDOUT_FILENO,
            "{\"schema\":\"mopt.result/1\",\"command\":null,\"status\":\"error\",\"exit_code\":75,"
            "\"error\":{\"code\":\"memory\",\"exit_code\":75,\"text\":\"out of memory\"}}\n");
    }
    say(STDERR_FILENO, "mopt: error: out of memory\n");
    _exit(mopt_status_exit_code(MOPT_E_MEMORY));
}

static void *allocate(size_t bytes)
{
    void *p = mopt__malloc(bytes);
    if (p == NULL) {
        mopt__die_of_memory();
    }
    return p;
}

void mopt__json_setup(void)
{
    cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = mopt__free};
    cJSON_InitHooks(&hooks);
}

void mopt__json_add(cJSON *parent, const char *name, cJSON *item)
{
    if (name == NULL) {
        (void)cJSON_AddItemToArray(parent, item);
    } else {
        (void)cJSON_AddItemToObject(parent, name, item);
    }
}

// Malformed bytes as \xNN, the rest unchanged.
static cJSON *escaped(const char *text)
{
    struct mopt_strbuf buf = {0};
    while (*text != '\0') {
        size_t length = 1;
        while (length < 4 && text[length] != '\0' && !mopt__utf8_valid(text, length)) {
            length++;
        }
        if (mopt__utf8_valid(text, length)) {
            mopt__strbuf_add_bytes(&buf, text, length);
        } else {
            length = 1;
            mopt__strbuf_printf(&buf, "\\x%02x", (unsigned)(unsigned char)*text);
        }
        text += length;
    }
    if (buf.failed) {
        mopt__die_of_memory();
    }
    cJSON *item = cJSON_CreateString(mopt__strbuf_text(&buf));
    mopt__strbuf_release(&buf);
    return item;
}

void mopt__json_text(cJSON *parent, const char *name, const char *text)
{
    if (text == NULL) {
        mopt__json_null(parent, name);
    } else if (mopt__utf8_valid(text, strlen(text))) {
        mopt__json_add(parent, name, cJSON_CreateString(text));
    } else {
        mopt__json_add(parent, name, escaped(text));
    }
}

void mopt__json_int(cJSON *parent, const char *name, int64_t value)
{
    char digits[32]; // cJSON keeps numbers as double, which would round large ones
    (void)snprintf(digits, sizeof digits, "%lld", (long long)value);
    mopt__json_add(parent, name, cJSON_CreateRaw(digits));
}

void mopt__json_size(cJSON *parent, const char *name, uint64_t value)
{
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    mopt__json_add(parent, name, cJSON_CreateRaw(digits));
}

void mopt__json_number(cJSON *parent, const char *name, double value)
{
    if (isfinite(value)) {
        mopt__json_add(parent, name, cJSON_CreateNumber(value));
    } else {
        mopt__json_null(parent, name);
    }
}

void mopt__json_bool(cJSON *parent, const char *name, bool value)
{
    mopt__json_add(parent, name, cJSON_CreateBool(value));
}

void mopt__json_null(cJSON *parent, const char *name)
{
    mopt__json_add(parent, name, cJSON_CreateNull());
}

cJSON *mopt__json_object(cJSON *parent, const char *name)
{
    cJSON *item = cJSON_CreateObject();
    mopt__json_add(parent, name, item);
    return item;
}

cJSON *mopt__json_array(cJSON *parent, const char *name)
{
    cJSON *item = cJSON_CreateArray();
    mopt__json_add(parent, name, item);
    return item;
}
