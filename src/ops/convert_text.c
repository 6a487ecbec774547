// SPDX-License-Identifier: Apache-2.0
// Numbers as text and back, the way numpy writes them. The "C" locale is in force: nobody in mopt
// changes it.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ops/convert.h"

// The value that reading the text into this type would give.
static double read_back(enum mopt_dtype dtype, const char *text)
{
    if (dtype == MOPT_FLOAT64) {
        return strtod(text, NULL);
    }
    uint64_t cell = 0;
    mopt__element_set_f64(dtype, &cell, 0,
                          dtype == MOPT_FLOAT32 ? (double)strtof(text, NULL) : strtod(text, NULL));
    return mopt__element_f64(dtype, &cell, 0);
}

// Digits d.ddd and exponent of the shortest "%e" text that reads back to value.
static void shortest(enum mopt_dtype dtype, double value, char *digits, int *exponent)
{
    char text[MOPT_NUMBER_TEXT];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (read_back(dtype, text) == value) {
            break;
        }
    }
    char *e = strchr(text, 'e');
    *exponent = (int)strtol(e + 1, NULL, 10);
    size_t count = 0;
    for (const char *at = text; at < e; at++) {
        if (*at != '.') {
            digits[count++] = *at;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    digits[count] = '\0';
}

static size_t positional(char *out, const char *digits, int exponent)
{
    size_t count = strlen(digits);
    size_t length = 0;
    for (int k = exponent; k < 0; k++) {
        out[length++] = '0';
        if (k == exponent) {
            out[length++] = '.';
        }
    }
    for (size_t i = 0; i < count || (int)i <= exponent; i++) {
        out[length++] = i < count ? digits[i] : '0';
        if ((int)i == exponent) {
            out[length++] = '.';
        }
    }
    if (out[length - 1] == '.') {
        out[length++] = '0';
    }
    out[length] = '\0';
    return length;
}

size_t mopt__float_text(enum mopt_dtype dtype, double value, char *buf)
{
    if (!isfinite(value)) {
        return (size_t)snprintf(buf, MOPT_NUMBER_TEXT, "%s",
                                isnan(value) ? "nan" : (value < 0 ? "-inf" : "inf"));
    }
    size_t sign = signbit(value) ? 1 : 0;
    buf[0] = '-';
    if (value == 0) {
        return sign + (size_t)snprintf(buf + sign, MOPT_NUMBER_TEXT - sign, "0.0");
    }
    char digits[MOPT_NUMBER_TEXT] = "";
    int exponent;
    shortest(dtype, fabs(value), digits, &exponent);
    if (exponent >= -4 && exponent < 16) {
        return sign + positional(buf + sign, digits, exponent);
    }
    const char *point = digits[1] != '\0' ? "." : "";
    return sign + (size_t)snprintf(buf + sign, MOPT_NUMBER_TEXT - sign, "%c%s%.18se%c%02d",
                                   digits[0], point, digits + 1, exponent < 0 ? '-' : '+',
                                   abs(exponent));
}

enum { NUMBER_LONGEST = 400 }; // digits of the longest double and some room

// Copies the text without the spaces around it; false if it is empty or too long for a number.
static bool trim(const char *text, size_t size, char out[NUMBER_LONGEST])
{
    while (size > 0 && strchr(" \t\r\n", text[0]) != NULL && text[0] != '\0') {
        text++;
        size--;
    }
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL && text[size - 1] != '\0') {
        size--;
    }
    if (size == 0 || size >= NUMBER_LONGEST) {
        return false;
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return strlen(out) == size;
}

bool mopt__text_float(const char *text, size_t size, double *value)
{
    char copy[NUMBER_LONGEST];
    if (!trim(text, size, copy)) {
        return false;
    }
    const char *word = copy + (copy[0] == '+' || copy[0] == '-' ? 1 : 0);
    bool infinite = strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0;
    bool nan = strcasecmp(word, "nan") == 0;
    if (!infinite && !nan && strspn(copy, "+-.0123456789eE") != strlen(copy)) {
        return false; // no hexadecimal forms
    }
    if (nan) {
        *value = (double)NAN;
        return true;
    }
    char *end;
    *value = strtod(copy, &end);
    return end != copy && *end == '\0';
}

bool mopt__text_integer(const char *text, size_t size, int64_t *value)
{
    char copy[NUMBER_LONGEST];
    if (!trim(text, size, copy)) {
        return false;
    }
    char *end;
    errno = 0;
    if (copy[0] == '-') {
        *value = strtoll(copy, &end, 10);
    } else {
        *value = (int64_t)strtoull(copy, &end, 10);
    }
    if (end != copy && *end == '\0' && errno == 0) {
        return true;
    }
    double number;
    if (!mopt__text_float(text, size, &number)) {
        return false;
    }
    *value = number >= -9223372036854775808.0 && number < 9223372036854775808.0 ? (int64_t)number
                                                                                : INT64_MIN;
    return true;
}
