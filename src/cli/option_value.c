// SPDX-License-Identifier: Apache-2.0
// Values of options: text to number, checked against the row, with the nearest match when it is
// none of the choices.
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "base/strings.h"
#include "cli/options.h"

enum { CHOICES_MAX = 32, CHOICE_BYTES = 256 };

bool mopt__parse_duration(const char *text, double *seconds)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}};
    size_t length = strlen(text);
    for (size_t i = 0; i < MOPT_COUNTOF(units); i++) {
        size_t suffix = strlen(units[i].suffix);
        char digits[64];
        if (suffix > length || length - suffix >= sizeof digits ||
            strcmp(text + length - suffix, units[i].suffix) != 0) {
            continue;
        }
        memcpy(digits, text, length - suffix);
        digits[length - suffix] = '\0';
        double value;
        if (mopt__parse_f64(digits, &value) && value >= 0 && value * units[i].factor < 1e9) {
            *seconds = value * units[i].factor;
            return true;
        }
    }
    return false;
}

bool mopt__parse_fraction(const char *text, double *value)
{
    char digits[64];
    size_t length = strlen(text);
    if (length == 0 || length >= sizeof digits) {
        return false;
    }
    bool percent = text[length - 1] == '%';
    memcpy(digits, text, length);
    digits[percent ? length - 1 : length] = '\0';
    if (!mopt__parse_f64(digits, value)) {
        return false;
    }
    *value = percent ? *value / 100 : *value;
    return true;
}

const char *mopt__did_you_mean(char *buf, size_t capacity, const char *prefix, const char *text,
                               const char *const *candidates, size_t count)
{
    int nearest = mopt__nearest(text, candidates, count);
    buf[0] = '\0';
    if (nearest >= 0) {
        (void)snprintf(buf, capacity, ", did you mean '%s%s'?", prefix, candidates[nearest]);
    }
    return buf;
}

static enum mopt_status bad_value(const struct mopt_option_row *row, const char *text,
                                  const char *want, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_USAGE, "option '--%s': '%s' is not %s", row->name, text,
                          want);
}

static bool limited(const struct mopt_option_row *row)
{
    return row->min != 0 || row->max != 0;
}

static enum mopt_status out_of_range(const struct mopt_option_row *row, const char *text,
                                     struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_USAGE, "option '--%s': '%s' is not between %.16g and %.16g",
                          row->name, text, row->min, row->max);
}

static enum mopt_status set_int(struct mopt_option_value *value, const char *text,
                                struct mopt_error *err)
{
    long long number;
    if (!mopt__parse_i64(text, &number)) {
        return bad_value(value->row, text, "a whole number", err);
    }
    if (limited(value->row) &&
        ((double)number < value->row->min || (double)number > value->row->max)) {
        return out_of_range(value->row, text, err);
    }
    value->i = number;
    return MOPT_OK;
}

static enum mopt_status set_float(struct mopt_option_value *value, const char *text,
                                  struct mopt_error *err)
{
    double number;
    if (!mopt__parse_fraction(text, &number)) {
        return bad_value(value->row, text, "a number", err);
    }
    if (limited(value->row) && (number < value->row->min || number > value->row->max)) {
        return out_of_range(value->row, text, err);
    }
    value->f = number;
    return MOPT_OK;
}

static enum mopt_status set_bytes(struct mopt_option_value *value, const char *text,
                                  struct mopt_error *err)
{
    size_t bytes;
    if (!mopt__parse_bytes(text, &bytes) || bytes == 0 || bytes > INT64_MAX) {
        return bad_value(value->row, text, "a size such as 512MiB or 4G", err);
    }
    value->i = (int64_t)bytes;
    return MOPT_OK;
}

static enum mopt_status set_choice(struct mopt_option_value *value, const char *text,
                                   struct mopt_error *err)
{
    char copy[CHOICE_BYTES];
    const char *names[CHOICES_MAX];
    size_t count = 0;
    (void)snprintf(copy, sizeof copy, "%s", value->row->choices);
    for (char *at = copy; at != NULL && count < CHOICES_MAX;) {
        char *bar = strchr(at, '|');
        if (bar != NULL) {
            *bar = '\0';
        }
        names[count++] = at;
        if (strcmp(at, text) == 0) {
            value->text = text;
            return MOPT_OK;
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
    char hint[128];
    mopt__did_you_mean(hint, sizeof hint, "", text, names, count);
    return mopt_error_set(err, MOPT_E_USAGE, "option '--%s': '%s' is none of %s%s",
                          value->row->name, text, value->row->choices, hint);
}

static enum mopt_status add_item(struct mopt_option_value *value, const char *text,
                                 struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&value->items, &value->capacity, value->count + 1,
                                         sizeof *value->items, err);
    if (status == MOPT_OK) {
        value->items[value->count++] = text;
    }
    return status;
}

static enum mopt_status set_path(struct mopt_option_value *value, const char *text,
                                 struct mopt_error *err)
{
    if (text != NULL && *text == '\0') {
        return bad_value(value->row, text, "a path", err);
    }
    value->text = text;
    return MOPT_OK;
}

enum mopt_status mopt__option_set(struct mopt_option_value *value, const char *text,
                                  struct mopt_error *err)
{
    value->given = true;
    switch (value->row->kind) {
    case MOPT_OPT_FLAG:
        value->i = 1;
        return MOPT_OK;
    case MOPT_OPT_COUNT:
        value->i++;
        return MOPT_OK;
    case MOPT_OPT_INT:
        return set_int(value, text, err);
    case MOPT_OPT_BYTES:
        return set_bytes(value, text, err);
    case MOPT_OPT_DURATION:
        return mopt__parse_duration(text, &value->f)
                   ? MOPT_OK
                   : bad_value(value->row, text, "a time such as 250ms, 30s or 5m", err);
    case MOPT_OPT_FLOAT:
        return set_float(value, text, err);
    case MOPT_OPT_CHOICE:
        return set_choice(value, text, err);
    case MOPT_OPT_LIST:
        return add_item(value, text, err);
    case MOPT_OPT_FILE:
        return set_path(value, text, err);
    case MOPT_OPT_STRING:
        break;
    }
    value->text = text;
    return MOPT_OK;
}
