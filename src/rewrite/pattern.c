// SPDX-License-Identifier: Apache-2.0
// Text patterns to compiled patterns. A wrong text is a mistake of ours, so every error is
// MOPT_E_INTERNAL. It knows no graph.
#include <string.h>

#include "rewrite/pattern.h"

struct parser {
    const char *at;
    const struct mopt_rule *rule;
    struct mopt_arena *arena;
    struct mopt_rule_pattern *pattern;
    size_t line; // from 1, for messages
    struct mopt_error *err;
};

static enum mopt_status fail(struct parser *parser, const char *problem, const char *object)
{
    return mopt_error_set(parser->err, MOPT_E_INTERNAL, "rule '%s': pattern line %zu: %s '%s'",
                          parser->rule->name, parser->line, problem, object);
}

// ---- Words

static void skip_blanks(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t') {
        parser->at++;
    }
}

static bool take(struct parser *parser, const char *text)
{
    skip_blanks(parser);
    size_t length = strlen(text);
    if (strncmp(parser->at, text, length) != 0) {
        return false;
    }
    parser->at += length;
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Copies a word (dots allowed in domains); NULL when there is none or memory is out.
static const char *take_word(struct parser *parser)
{
    skip_blanks(parser);
    size_t length = 0;
    while (is_word(parser->at[length]) || (length > 0 && parser->at[length] == '.')) {
        length++;
    }
    if (length == 0) {
        (void)fail(parser, "name expected at", parser->at);
        return NULL;
    }
    const char *word = mopt__arena_strndup(parser->arena, parser->at, length);
    if (word == NULL) {
        (void)mopt_error_memory(parser->err);
    }
    parser->at += length;
    return word;
}

// ---- Values

static int find_value(const struct mopt_rule_pattern *pattern, const char *name)
{
    for (size_t i = 0; i < pattern->value_count; i++) {
        if (strcmp(pattern->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static enum mopt_status add_value(struct parser *parser, const char *name, int *out)
{
    struct mopt_rule_pattern *pattern = parser->pattern;
    if (pattern->value_count == MOPT_MATCH_VALUES) {
        return fail(parser, "too many names at", name);
    }
    pattern->names[pattern->value_count] = name;
    pattern->line_of[pattern->value_count] = -1;
    *out = (int)pattern->value_count++;
    return MOPT_OK;
}

static void take_flags(struct parser *parser, struct mopt_pattern_slot *slot)
{
    for (;;) {
        if (take(parser, "?")) {
            slot->flags |= MOPT_PATTERN_OPTIONAL;
        } else if (take(parser, "$")) {
            slot->flags |= MOPT_PATTERN_CONSTANT;
        } else {
            return;
        }
    }
}

static enum mopt_status parse_output(struct parser *parser, size_t number,
                                     struct mopt_pattern_slot *slot)
{
    *slot = (struct mopt_pattern_slot){.value = -1};
    take_flags(parser, slot);
    const char *name = take_word(parser);
    if (name == NULL) {
        return parser->err->status;
    }
    if (strcmp(name, "_") == 0) {
        slot->flags |= MOPT_PATTERN_BLANK;
        return MOPT_OK;
    }
    if (take(parser, "!")) {
        slot->flags |= MOPT_PATTERN_INNER;
    }
    if (find_value(parser->pattern, name) >= 0) {
        return fail(parser, "output name is taken:", name);
    }
    if ((slot->flags & MOPT_PATTERN_CONSTANT) != 0) {
        return fail(parser, "an output cannot be a constant:", name);
    }
    enum mopt_status status = add_value(parser, name, &slot->value);
    if (status == MOPT_OK) {
        parser->pattern->line_of[slot->value] = (int)parser->pattern->line_count;
        parser->pattern->slot_of[slot->value] = (uint32_t)number;
    }
    return status;
}

static enum mopt_status parse_input(struct parser *parser, struct mopt_pattern_slot *slot)
{
    *slot = (struct mopt_pattern_slot){.value = -1};
    take_flags(parser, slot);
    const char *name = take_word(parser);
    if (name == NULL) {
        return parser->err->status;
    }
    if (strcmp(name, "_") == 0) {
        slot->flags |= MOPT_PATTERN_BLANK;
        return MOPT_OK;
    }
    slot->value = find_value(parser->pattern, name);
    if (slot->value < 0) {
        enum mopt_status status = add_value(parser, name, &slot->value);
        if (status != MOPT_OK) {
            return status;
        }
    }
    int line = parser->pattern->line_of[slot->value];
    if (line == (int)parser->pattern->line_count) {
        return fail(parser, "a line cannot use its own output", name);
    }
    if (line >= 0 && (slot->flags & MOPT_PATTERN_CONSTANT) != 0) {
        return fail(parser, "an output cannot be a constant:", name);
    }
    parser->pattern->uses[slot->value]++;
    return MOPT_OK;
}

// ---- Lines

enum { SLOTS_MAX = MOPT_MATCH_VALUES, OPS_MAX = 64 };

static const void *keep(struct parser *parser, const void *items, size_t count, size_t size)
{
    void *copy = mopt__arena_alloc(parser->arena, count, size);
    if (copy == NULL) {
        (void)mopt_error_memory(parser->err);
        return NULL;
    }
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static enum mopt_status parse_outputs(struct parser *parser, struct mopt_pattern_line *line)
{
    struct mopt_pattern_slot slots[SLOTS_MAX];
    size_t count = 0;
    do {
        if (count == SLOTS_MAX) {
            return fail(parser, "too many outputs at", parser->at);
        }
        enum mopt_status status = parse_output(parser, count, &slots[count]);
        if (status != MOPT_OK) {
            return status;
        }
        count++;
    } while (take(parser, ","));
    line->outputs = keep(parser, slots, count, sizeof *slots);
    line->output_count = count;
    return line->outputs != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

static enum mopt_status parse_inputs(struct parser *parser, struct mopt_pattern_line *line)
{
    struct mopt_pattern_slot slots[SLOTS_MAX];
    size_t count = 0;
    if (take(parser, ")")) {
        return MOPT_OK;
    }
    do {
        if (take(parser, "...")) {
            line->rest = true;
            break;
        }
        if (count == SLOTS_MAX) {
            return fail(parser, "too many inputs at", parser->at);
        }
        enum mopt_status status = parse_input(parser, &slots[count]);
        if (status != MOPT_OK) {
            return status;
        }
        count++;
    } while (take(parser, ","));
    if (!take(parser, ")")) {
        return fail(parser, "')' expected at", parser->at);
    }
    line->inputs = keep(parser, slots, count, sizeof *slots);
    line->input_count = count;
    return line->inputs != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

// "Op1|domain::Op2"
static enum mopt_status parse_ops(struct parser *parser, struct mopt_pattern_line *line)
{
    struct mopt_pattern_op ops[OPS_MAX];
    const char *usual = mopt__domain_normalise(parser->rule->domain);
    size_t count = 0;
    do {
        if (count == OPS_MAX) {
            return fail(parser, "too many operators at", parser->at);
        }
        ops[count].domain = usual;
        ops[count].name = take_word(parser);
        if (ops[count].name != NULL && take(parser, "::")) {
            ops[count].domain = mopt__domain_normalise(ops[count].name);
            ops[count].name = take_word(parser);
        }
        if (ops[count].name == NULL) {
            return parser->err->status;
        }
        count++;
    } while (take(parser, "|"));
    line->ops = keep(parser, ops, count, sizeof *ops);
    line->op_count = count;
    return line->ops != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

static enum mopt_status parse_line(struct parser *parser)
{
    struct mopt_rule_pattern *pattern = parser->pattern;
    if (pattern->line_count == MOPT_MATCH_NODES) {
        return fail(parser, "too many lines at", parser->at);
    }
    struct mopt_pattern_line *line = &pattern->lines[pattern->line_count];
    enum mopt_status status = parse_outputs(parser, line);
    if (status == MOPT_OK && !take(parser, "=")) {
        status = fail(parser, "'=' expected at", parser->at);
    }
    if (status == MOPT_OK) {
        status = parse_ops(parser, line);
    }
    if (status == MOPT_OK && !take(parser, "(")) {
        status = fail(parser, "'(' expected at", parser->at);
    }
    if (status == MOPT_OK) {
        status = parse_inputs(parser, line);
    }
    if (status == MOPT_OK && !take(parser, "\n") && *parser->at != '\0') {
        status = fail(parser, "end of line expected at", parser->at);
    }
    pattern->line_count++;
    return status;
}

// ---- Whole patterns

// Every line must be reached from the root by going from inputs to producers; lines stand before
// their users.
static enum mopt_status check_shape(struct parser *parser)
{
    struct mopt_rule_pattern *pattern = parser->pattern;
    int depth[MOPT_MATCH_NODES] = {0};
    bool reached[MOPT_MATCH_NODES] = {false};
    reached[pattern->line_count - 1] = true;
    for (size_t i = pattern->line_count; i-- > 0;) {
        const struct mopt_pattern_line *line = &pattern->lines[i];
        parser->line = i + 1;
        if (!reached[i]) {
            return fail(parser, "the root does not depend on", line->ops[0].name);
        }
        pattern->depth = depth[i] > pattern->depth ? depth[i] : pattern->depth;
        for (size_t k = 0; k < line->input_count; k++) {
            int value = line->inputs[k].value;
            int from = value >= 0 ? pattern->line_of[value] : -1;
            if (from >= 0) {
                reached[from] = true;
                depth[from] = depth[i] + 1 > depth[from] ? depth[i] + 1 : depth[from];
            }
        }
    }
    const struct mopt_pattern_line *root = &pattern->lines[pattern->line_count - 1];
    for (size_t i = 0; i < root->output_count; i++) {
        if ((root->outputs[i].flags & MOPT_PATTERN_INNER) != 0) {
            return fail(parser, "'!' makes no sense at the root's output",
                        pattern->names[root->outputs[i].value]);
        }
    }
    return MOPT_OK;
}

static enum mopt_status parse_bare(struct parser *parser)
{
    static const struct mopt_pattern_op any;
    struct mopt_rule_pattern *pattern = parser->pattern;
    pattern->bare = true;
    pattern->line_count = 1;
    if (parser->rule->op != NULL) {
        parser->at = parser->rule->op;
        enum mopt_status status = parse_ops(parser, &pattern->lines[0]);
        if (status == MOPT_OK && *parser->at != '\0') {
            return fail(parser, "end of operators expected at", parser->at);
        }
        return status;
    }
    pattern->lines[0].ops = &any;
    pattern->lines[0].op_count = 1;
    if (parser->rule->domain != NULL) {
        const struct mopt_pattern_op op = {.domain = mopt__domain_normalise(parser->rule->domain)};
        pattern->lines[0].ops = keep(parser, &op, 1, sizeof op);
    }
    return pattern->lines[0].ops != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

enum mopt_status mopt__rule_parse(const struct mopt_rule *rule, struct mopt_arena *arena,
                                  struct mopt_rule_pattern *out, struct mopt_error *err)
{
    *out = (struct mopt_rule_pattern){.line_count = 0};
    struct parser parser = {.rule = rule, .arena = arena, .pattern = out, .line = 1, .err = err};
    if (rule->pattern == NULL) {
        return parse_bare(&parser);
    }
    for (parser.at = rule->pattern; *parser.at != '\0'; parser.line++) {
        if (take(&parser, "\n")) {
            continue; // empty line
        }
        enum mopt_status status = parse_line(&parser);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return out->line_count > 0 ? check_shape(&parser) : fail(&parser, "no line in", rule->pattern);
}
