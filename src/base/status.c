// SPDX-License-Identifier: Apache-2.0
// The error object: setting, wrapping, names of the status codes. Messages quote names from hostile
// files, so every text is cleaned here, once, for all callers. Must not allocate: it reports
// running out of memory.
#include "mopt/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"
#include "base/size.h"

// The analyzers see them as macros (tests/lint/told.h); here they are made.
#undef mopt_error_set
#undef mopt_error_memory

enum {
    // Longer than the result by more than one UTF-8 sequence: a sequence that vsnprintf cuts is
    // never shown.
    RAW_BYTES = MOPT_ERROR_TEXT_BYTES + 8,
    // A context takes at most half of the text, so that a long name cannot push the cause out.
    CONTEXT_BYTES = MOPT_ERROR_TEXT_BYTES / 2,
};

struct status_row {
    const char *name;
    const char *text;
    int exit_code;
};

static const struct status_row status_rows[] = {
#define STATUS_ROW(id, name, text, code) [id] = {name, text, code},
    MOPT_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_row *find_row(enum mopt_status status)
{
    size_t index = (size_t)status;
    return &status_rows[index < MOPT_COUNTOF(status_rows) ? index : (size_t)MOPT_E_INTERNAL];
}

const char *mopt_status_name(enum mopt_status status)
{
    return find_row(status)->name;
}

const char *mopt_status_text(enum mopt_status status)
{
    return find_row(status)->text;
}

int mopt_status_exit_code(enum mopt_status status)
{
    return find_row(status)->exit_code;
}

// Formats and cleans into out. Works through a second buffer because arguments may point into out.
static size_t MOPT_PRINTF(3, 0)
    format_clean(char *out, size_t capacity, const char *format, va_list args)
{
    char raw[RAW_BYTES];
    int length = vsnprintf(raw, sizeof raw, format, args);
    if (length < 0) {
        static const char unprintable[] = "(message cannot be formatted)";
        return mopt__text_clean(out, capacity, unprintable, sizeof unprintable - 1);
    }
    size_t bytes = (size_t)length < sizeof raw ? (size_t)length : sizeof raw - 1;
    return mopt__text_clean(out, capacity, raw, bytes);
}

void mopt_error_clear(struct mopt_error *err)
{
    if (err) {
        err->status = MOPT_OK;
        err->offset = -1;
        err->text[0] = '\0';
    }
}

enum mopt_status mopt_error_set(struct mopt_error *err, enum mopt_status status, const char *format,
                                ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        format_clean(err->text, sizeof err->text, format, args);
        va_end(args);
        err->status = status;
        err->offset = -1;
    }
    return status;
}

enum mopt_status mopt_error_set_at(struct mopt_error *err, enum mopt_status status, int64_t offset,
                                   const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        format_clean(err->text, sizeof err->text, format, args);
        va_end(args);
        err->status = status;
        err->offset = offset;
    }
    return status;
}

enum mopt_status mopt_error_wrap(struct mopt_error *err, const char *format, ...)
{
    if (!err) {
        return MOPT_E_INTERNAL;
    }
    if (err->status == MOPT_OK) {
        return MOPT_OK; // nothing to explain
    }
    char raw[CONTEXT_BYTES + 2 + MOPT_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    size_t length = format_clean(raw, CONTEXT_BYTES, format, args);
    va_end(args);
    memcpy(raw + length, ": ", 2);
    length += 2;
    size_t inner = strnlen(err->text, sizeof err->text);
    memcpy(raw + length, err->text, inner);
    mopt__text_clean(err->text, sizeof err->text, raw, length + inner);
    return err->status;
}

enum mopt_status mopt_error_memory(struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_MEMORY, "%s", mopt_status_text(MOPT_E_MEMORY));
}
