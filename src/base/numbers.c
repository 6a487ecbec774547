// SPDX-License-Identifier: Apache-2.0
// Numbers from text and to text: strict parsing, human forms. Never depends on the process locale.
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/strings.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_sign(const char *text)
{
    return *text == '-' || *text == '+' ? text + 1 : text;
}

bool mopt__parse_i64(const char *text, long long *out)
{
    if (!is_digit(*skip_sign(text))) {
        return false;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *out = value;
    return true;
}

// Only decimal digits, point, exponent: what strtod takes beyond that (hexadecimal, inf, nan) is
// refused.
static bool is_decimal(const char *text)
{
    const char *digits = skip_sign(text);
    if (!is_digit(*digits) && !(*digits == '.' && is_digit(digits[1]))) {
        return false;
    }
    return digits[strspn(digits, "0123456789.eE+-")] == '\0';
}

bool mopt__parse_f64(const char *text, double *out)
{
    if (!is_decimal(text)) {
        return false;
    }
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    char *end;
    double value = strtod_l(text, &end, plain);
    freelocale(plain);
    if (*end != '\0' || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

static bool is_byte_sign(char c)
{
    return c == 'B' || c == 'b';
}

// Power of 1024 of a unit's letter, 1 for 'k' or 'K'; 0 when it is none.
static int unit_power(char letter)
{
    static const char units[] = "kKmMgGtTpPeE";
    const char *unit = letter == '\0' ? NULL : strchr(units, letter);
    return unit == NULL ? 0 : (int)(unit - units) / 2 + 1;
}

// Power of 1024 of a suffix such as "", "B", "k", "MiB", "GB"; -1 when it is none.
static int suffix_power(const char *suffix)
{
    int power = 0;
    if (*suffix != '\0' && !is_byte_sign(*suffix)) {
        power = unit_power(*suffix);
        if (power == 0) {
            return -1;
        }
        suffix += suffix[1] == 'i' && is_byte_sign(suffix[2]) ? 2 : 1;
    }
    suffix += is_byte_sign(*suffix) ? 1 : 0;
    return *suffix == '\0' ? power : -1;
}

bool mopt__parse_bytes(const char *text, size_t *out)
{
    size_t value = 0;
    if (!is_digit(*text)) {
        return false;
    }
    for (; is_digit(*text); text++) {
        if (!mopt__size_mul(value, 10, &value) ||
            !mopt__size_add(value, (size_t)(*text - '0'), &value)) {
            return false;
        }
    }
    int power = suffix_power(text);
    for (int i = 0; i < power; i++) {
        if (!mopt__size_mul(value, 1024, &value)) {
            return false;
        }
    }
    if (power < 0) {
        return false;
    }
    *out = value;
    return true;
}

// Value with one decimal and the power of 1000 that keeps it below 1000. units: one text per power.
static char *format_scaled(char *buf, size_t capacity, double value, const char *const *units,
                           size_t unit_count)
{
    if (!isfinite(value)) {
        const char *text = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
        snprintf(buf, capacity, "%s%s", text, units[0]);
        return buf;
    }
    const char *sign = value < 0 ? "-" : "";
    double size = fabs(value);
    size_t power = 0;
    while (power + 1 < unit_count && size >= (power == 0 ? 999.5 : 999.95)) {
        size /= 1000;
        power++;
    }
    if (size >= 1e15) { // beyond the largest unit
        snprintf(buf, capacity, "%s%.0e%s", sign, size, units[power]);
    } else if (power == 0 && size == floor(size)) {
        snprintf(buf, capacity, "%s%.0f%s", sign, size, units[0]);
    } else { // whole and tenths apart: the point does not depend on the locale
        long long tenths = llround(size * 10);
        snprintf(buf, capacity, "%s%lld.%lld%s", sign, tenths / 10, tenths % 10, units[power]);
    }
    return buf;
}

char *mopt__format_bytes(char *buf, size_t capacity, double bytes)
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB", " PB", " EB"};
    return format_scaled(buf, capacity, bytes, units, MOPT_COUNTOF(units));
}

char *mopt__format_count(char *buf, size_t capacity, double count)
{
    static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
    return format_scaled(buf, capacity, count, units, MOPT_COUNTOF(units));
}
