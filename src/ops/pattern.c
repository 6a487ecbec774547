// SPDX-License-Identifier: Apache-2.0
// Runs compiled regular expressions: all states that the text read so far can lead to are kept side
// by side.
#include "ops/pattern.h"

#include <string.h>

#include "ops/pattern_private.h"

size_t mopt__pattern_decode(const char *text, size_t size, uint32_t *code)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = bytes[0] >= 0xF0 ? 4 : (bytes[0] >= 0xE0 ? 3 : (bytes[0] >= 0xC0 ? 2 : 1));
    *code = bytes[0];
    if (length == 1 || length > size || bytes[0] >= 0xF8) {
        return 1;
    }
    uint32_t value = bytes[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0U) != 0x80U) {
            return 1;
        }
        value = value << 6 | (bytes[i] & 0x3FU);
    }
    *code = value;
    return length;
}

enum mopt_status mopt__pattern_new(const char *text, struct mopt_pattern **out,
                                   struct mopt_error *err)
{
    struct mopt_pattern *pattern = mopt__calloc(1, sizeof *pattern);
    if (pattern == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__pattern_parse(pattern, text, err);
    if (status != MOPT_OK) {
        mopt__pattern_free(pattern);
        pattern = NULL;
    }
    *out = pattern;
    return status;
}

void mopt__pattern_free(struct mopt_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    for (size_t i = 0; i < pattern->set_count; i++) {
        mopt__free(pattern->sets[i].ranges);
    }
    mopt__free(pattern->sets);
    mopt__free(pattern->steps);
    mopt__free(pattern);
}

static bool in_ranges(const struct mopt_set *set, uint32_t code)
{
    for (size_t i = 0; i < set->count; i++) {
        if (code >= set->ranges[i].low && code <= set->ranges[i].high) {
            return true;
        }
    }
    return false;
}

static bool in_set(const struct mopt_set *set, uint32_t code)
{
    bool found = in_ranges(set, code);
    if (!found && set->fold) {
        bool letter = (code | 0x20U) >= 'a' && (code | 0x20U) <= 'z' && code < 0x80;
        found = letter && in_ranges(set, code ^ 0x20U);
    }
    return found != set->negated;
}

// Where in the text the states stand.
struct position {
    const char *text;
    size_t size, at;
};

static bool is_word(const struct position *where, size_t at)
{
    if (at >= where->size) {
        return false;
    }
    char c = where->text[at];
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool holds(enum mopt_step_kind kind, const struct position *where)
{
    size_t at = where->at;
    bool edge = (at > 0 && is_word(where, at - 1)) != is_word(where, at);
    switch (kind) {
    case MOPT_STEP_BEGIN_TEXT:
        return at == 0;
    case MOPT_STEP_END_TEXT:
        return at == where->size;
    case MOPT_STEP_BEGIN_LINE:
        return at == 0 || where->text[at - 1] == '\n';
    case MOPT_STEP_END_LINE:
        return at == where->size || where->text[at] == '\n';
    case MOPT_STEP_WORD_EDGE:
        return edge;
    default:
        return !edge;
    }
}

struct states {
    uint32_t *list; // steps that consume, or match
    size_t count;
    uint32_t *seen;  // by step: the round it was added in
    uint32_t *stack; // [2 * steps]
};

// Adds a step and everything reachable without reading.
static void add_state(const struct mopt_pattern *pattern, struct states *states, uint32_t start,
                      const struct position *where, uint32_t round)
{
    size_t depth = 0;
    states->stack[depth++] = start;
    while (depth > 0) {
        uint32_t index = states->stack[--depth];
        if (states->seen[index] == round) {
            continue;
        }
        states->seen[index] = round;
        const struct mopt_step *step = &pattern->steps[index];
        if (step->kind == MOPT_STEP_SPLIT) {
            states->stack[depth++] = step->other;
            states->stack[depth++] = step->next;
        } else if (step->kind == MOPT_STEP_SET || step->kind == MOPT_STEP_MATCH) {
            states->list[states->count++] = index;
        } else if (holds(step->kind, where)) {
            states->stack[depth++] = step->next;
        }
    }
}

static bool run(const struct mopt_pattern *pattern, struct states *now, struct states *then,
                struct position *where)
{
    uint32_t round = 1;
    add_state(pattern, now, pattern->start, where, round);
    while (where->at < where->size && now->count > 0) {
        uint32_t code;
        where->at += mopt__pattern_decode(where->text + where->at, where->size - where->at, &code);
        round++;
        then->count = 0;
        for (size_t i = 0; i < now->count; i++) {
            const struct mopt_step *step = &pattern->steps[now->list[i]];
            if (step->kind == MOPT_STEP_SET && in_set(&pattern->sets[step->set], code)) {
                add_state(pattern, then, step->next, where, round);
            }
        }
        struct states *swap = now;
        now = then;
        then = swap;
    }
    for (size_t i = 0; where->at == where->size && i < now->count; i++) {
        if (pattern->steps[now->list[i]].kind == MOPT_STEP_MATCH) {
            return true;
        }
    }
    return false;
}

enum mopt_status mopt__pattern_match(const struct mopt_pattern *pattern, const char *text,
                                     size_t size, bool *matches, struct mopt_error *err)
{
    size_t steps = pattern->step_count;
    uint32_t *memory = mopt__calloc(7 * steps + 2, sizeof *memory);
    if (memory == NULL) {
        return mopt_error_memory(err);
    }
    // Rounds are counted from 1 over both sets, so one of them never sees a number twice. A text
    // longer than 2^32 characters would wrap; it is refused.
    if (size >= UINT32_MAX) {
        mopt__free(memory);
        return mopt_error_set(err, MOPT_E_LIMIT, "text is too long to match");
    }
    struct states now = {.list = memory, .seen = memory + steps, .stack = memory + 4 * steps};
    struct states then = {.list = memory + 2 * steps,
                          .seen = memory + 3 * steps,
                          .stack = memory + 4 * steps};
    struct position where = {.text = text, .size = size};
    *matches = run(pattern, &now, &then, &where);
    mopt__free(memory);
    return MOPT_OK;
}
