// SPDX-License-Identifier: Apache-2.0
// Result codes and the error object. Every fallible function of mopt returns an enum mopt_status
// and takes a struct mopt_error as its last parameter. The error object is caller-owned and of
// fixed size, so that running out of memory can be reported too.
#ifndef MOPT_STATUS_H
#define MOPT_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MOPT_API __attribute__((visibility("default")))
#define MOPT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MOPT_API
#define MOPT_PRINTF(fmt, args)
#endif

// One row per code: (identifier, name shown in JSON, text, exit code of the command line).
#define MOPT_STATUS_LIST(X)                                                           \
    X(MOPT_OK, "ok", "done", 0)                                                       \
    X(MOPT_E_NEGATIVE, "negative", "the tool worked, the verdict is negative", 1)     \
    X(MOPT_E_USAGE, "usage", "wrong use of the command line or of the interface", 2)  \
    X(MOPT_E_PARTIAL, "partial", "some items of the batch failed", 3)                 \
    X(MOPT_E_FORMAT, "format", "bad model or data content", 65)                       \
    X(MOPT_E_SHAPE, "shape", "shapes do not fit", 65)                                 \
    X(MOPT_E_TYPE, "type", "element types do not fit", 65)                            \
    X(MOPT_E_VALUE, "value", "a value is out of its legal range", 65)                 \
    X(MOPT_E_MISSING, "missing", "an input is missing", 66)                           \
    X(MOPT_E_UNSUPPORTED, "unsupported", "operator, type or opset not supported", 69) \
    X(MOPT_E_INTERNAL, "internal", "internal error", 70)                              \
    X(MOPT_E_CREATE, "create", "output exists or cannot be created", 73)              \
    X(MOPT_E_IO, "io", "input or output error", 74)                                   \
    X(MOPT_E_LIMIT, "limit", "resource limit reached", 75)                            \
    X(MOPT_E_MEMORY, "memory", "out of memory", 75)                                   \
    X(MOPT_E_CONFIG, "config", "recipe or configuration invalid", 78)                 \
    X(MOPT_E_INTERRUPTED, "interrupted", "interrupted by a signal", 130)

enum mopt_status {
#define MOPT_STATUS_ENUM(id, name, text, code) id,
    MOPT_STATUS_LIST(MOPT_STATUS_ENUM)
#undef MOPT_STATUS_ENUM
};

enum { MOPT_ERROR_TEXT_BYTES = 1024 };

// An error: a code and one line of text. Contexts are put in front while unwinding, outermost
// first: "file 'a.onnx': node 'conv1' (Conv): input 2: rank is 3, must be 4".
struct mopt_error {
    enum mopt_status status; // MOPT_OK while no error is set
    int64_t offset;          // byte position in the file for parse errors, -1 if unknown
    char text[MOPT_ERROR_TEXT_BYTES];
};

// Sets err to "no error". A zeroed object with offset -1 is equivalent.
MOPT_API void mopt_error_clear(struct mopt_error *err);

// Sets code and message (printf format); returns status. err may be NULL. Text too long is cut with
// "...".
MOPT_API enum mopt_status mopt_error_set(struct mopt_error *err, enum mopt_status status,
                                         const char *format, ...) MOPT_PRINTF(3, 4);

// As mopt_error_set, with the byte offset in the input where the problem lies.
MOPT_API enum mopt_status mopt_error_set_at(struct mopt_error *err, enum mopt_status status,
                                            int64_t offset, const char *format, ...)
    MOPT_PRINTF(4, 5);

// Puts "context: " in front of the message; returns the status that err already carries.
MOPT_API enum mopt_status mopt_error_wrap(struct mopt_error *err, const char *format, ...)
    MOPT_PRINTF(2, 3);

// Sets MOPT_E_MEMORY with the standard text; returns it. err may be NULL.
MOPT_API enum mopt_status mopt_error_memory(struct mopt_error *err);

// Name ("format"), text and exit code of a status; an unknown value counts as MOPT_E_INTERNAL.
MOPT_API const char *mopt_status_name(enum mopt_status status);
MOPT_API const char *mopt_status_text(enum mopt_status status);
MOPT_API int mopt_status_exit_code(enum mopt_status status);

#ifdef __cplusplus
}
#endif
#endif
