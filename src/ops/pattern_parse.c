// SPDX-License-Identifier: Apache-2.0
// From the text of a regular expression to a program of steps. Fragments are built back to front:
// each parse function gets the step to go on with and returns the step to begin with, so no holes
// have to be patched; what repeats is parsed once per copy.
#include <string.h>

#include "ops/pattern_private.h"

struct flags {
    bool fold, dot_all, lines;
};

struct parser {
    struct mopt_pattern *pattern;
    const char *text, *end;
    struct flags flags;
    unsigned depth;
    struct mopt_error *err;
};

// A place in the text from which a piece can be parsed again.
struct piece {
    const char *begin, *end;
    struct flags flags;
};

static enum mopt_status parse_alternatives(struct parser *parser, uint32_t next, uint32_t *start);

static enum mopt_status illegal(struct parser *parser, const char *what)
{
    return mopt_error_set(parser->err, MOPT_E_VALUE, "pattern: %s", what);
}

static enum mopt_status add_step(struct parser *parser, const struct mopt_step *step,
                                 uint32_t *index)
{
    struct mopt_pattern *pattern = parser->pattern;
    if (pattern->step_count >= MOPT_PATTERN_STEPS) {
        return mopt_error_set(parser->err, MOPT_E_LIMIT, "pattern needs more than %d steps",
                              MOPT_PATTERN_STEPS);
    }
    enum mopt_status status =
        mopt__grow((void **)&pattern->steps, &pattern->step_capacity, pattern->step_count + 1,
                   sizeof *pattern->steps, parser->err);
    if (status == MOPT_OK) {
        *index = (uint32_t)pattern->step_count;
        pattern->steps[pattern->step_count++] = *step;
    }
    return status;
}

// ---- Sets ---------------------------------------------------------------------------------------

static enum mopt_status new_set(struct parser *parser, uint32_t *index)
{
    struct mopt_pattern *pattern = parser->pattern;
    enum mopt_status status =
        mopt__grow((void **)&pattern->sets, &pattern->set_capacity, pattern->set_count + 1,
                   sizeof *pattern->sets, parser->err);
    if (status == MOPT_OK) {
        *index = (uint32_t)pattern->set_count;
        pattern->sets[pattern->set_count++] = (struct mopt_set){.fold = parser->flags.fold};
    }
    return status;
}

static enum mopt_status add_range(struct parser *parser, uint32_t set, uint32_t low, uint32_t high)
{
    struct mopt_set *to = &parser->pattern->sets[set];
    enum mopt_status status = mopt__grow((void **)&to->ranges, &to->capacity, to->count + 1,
                                         sizeof *to->ranges, parser->err);
    if (status == MOPT_OK) {
        to->ranges[to->count++] = (struct mopt_range){low, high};
    }
    return status;
}

struct named_class {
    const char *name;
    size_t count;
    struct mopt_range ranges[4];
};
static const struct named_class named_classes[] = {
    {"alnum", 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", 2, {{'A', 'Z'}, {'a', 'z'}}},
    {"ascii", 1, {{0, 0x7F}}},
    {"blank", 2, {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", 2, {{0, 0x1F}, {0x7F, 0x7F}}},
    {"digit", 1, {{'0', '9'}}},
    {"graph", 1, {{'!', '~'}}},
    {"lower", 1, {{'a', 'z'}}},
    {"print", 1, {{' ', '~'}}},
    {"punct", 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", 2, {{'\t', '\r'}, {' ', ' '}}},
    {"upper", 1, {{'A', 'Z'}}},
    {"word", 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"xdigit", 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    // \s has no vertical tab in RE2
    {"perl_space", 3, {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}},
};

static enum mopt_status add_class(struct parser *parser, uint32_t set, const char *name,
                                  size_t size, bool negated)
{
    for (size_t i = 0; i < sizeof named_classes / sizeof named_classes[0]; i++) {
        const struct named_class *class = &named_classes[i];
        if (strlen(class->name) != size || memcmp(class->name, name, size) != 0) {
            continue;
        }
        enum mopt_status status = MOPT_OK;
        uint32_t from = 0;
        for (size_t k = 0; status == MOPT_OK && k < class->count; k++) {
            const struct mopt_range *range = &class->ranges[k];
            if (!negated) {
                status = add_range(parser, set, range->low, range->high);
            } else if (range->low > from) {
                status = add_range(parser, set, from, range->low - 1);
            }
            from = range->high + 1;
        }
        return status == MOPT_OK && negated ? add_range(parser, set, from, UINT32_MAX) : status;
    }
    return illegal(parser, "unknown class of characters");
}

// \d \D \w \W \s \S: true when `c` names such a class.
static bool perl_class(char c, const char **name, bool *negated)
{
    *negated = c == 'D' || c == 'W' || c == 'S';
    switch (c) {
    case 'd':
    case 'D':
        *name = "digit";
        return true;
    case 'w':
    case 'W':
        *name = "word";
        return true;
    case 's':
    case 'S':
        *name = "perl_space";
        return true;
    default:
        return false;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum mopt_status hex_escape(struct parser *parser, uint32_t *code)
{
    bool braces = parser->text < parser->end && *parser->text == '{';
    parser->text += braces ? 1 : 0;
    int digits = 0;
    *code = 0;
    while (parser->text < parser->end && hex_digit(*parser->text) >= 0 &&
           digits < (braces ? 6 : 2)) {
        *code = *code * 16 + (uint32_t)hex_digit(*parser->text++);
        digits++;
    }
    bool closed = !braces || (parser->text < parser->end && *parser->text == '}');
    parser->text += braces && closed ? 1 : 0;
    return closed && digits >= (braces ? 1 : 2) && *code <= 0x10FFFF
               ? MOPT_OK
               : illegal(parser, "bad hexadecimal escape");
}

// A character after a backslash (which is consumed) that stands for one code point.
static enum mopt_status escaped(struct parser *parser, uint32_t *code)
{
    static const char names[] = "aftnrv";
    static const char codes[] = "\a\f\t\n\r\v";
    if (parser->text >= parser->end) {
        return illegal(parser, "backslash at the end");
    }
    char c = *parser->text++;
    const char *known = strchr(names, c);
    if (known != NULL && c != '\0') {
        *code = (uint32_t)codes[known - names];
        return MOPT_OK;
    }
    if (c == 'x') {
        return hex_escape(parser, code);
    }
    if (c == 'p' || c == 'P') {
        return mopt_error_set(parser->err, MOPT_E_UNSUPPORTED,
                              "pattern: Unicode classes (\\p) are not supported");
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    *code = (uint32_t)(unsigned char)c;
    return letter ? illegal(parser, "unknown escape") : MOPT_OK;
}

// One end of a range in brackets, or a class (then *is_class).
static enum mopt_status bracket_item(struct parser *parser, uint32_t set, uint32_t *code,
                                     bool *is_class)
{
    const char *name;
    bool negated;
    *is_class = false;
    if (parser->end - parser->text >= 4 && memcmp(parser->text, "[:", 2) == 0) {
        const char *close = strstr(parser->text + 2, ":]");
        if (close != NULL && close + 2 <= parser->end) {
            negated = parser->text[2] == '^';
            name = parser->text + (negated ? 3 : 2);
            parser->text = close + 2;
            *is_class = true;
            return add_class(parser, set, name, (size_t)(close - name), negated);
        }
    }
    if (*parser->text != '\\') {
        parser->text +=
            mopt__pattern_decode(parser->text, (size_t)(parser->end - parser->text), code);
        return MOPT_OK;
    }
    parser->text++;
    if (parser->text < parser->end && perl_class(*parser->text, &name, &negated)) {
        parser->text++;
        *is_class = true;
        return add_class(parser, set, name, strlen(name), negated);
    }
    return escaped(parser, code);
}

static enum mopt_status parse_brackets(struct parser *parser, uint32_t set)
{
    if (parser->text < parser->end && *parser->text == '^') {
        parser->pattern->sets[set].negated = true;
        parser->text++;
    }
    for (bool first = true;; first = false) {
        if (parser->text >= parser->end) {
            return illegal(parser, "missing ]");
        }
        if (*parser->text == ']' && !first) {
            parser->text++;
            return MOPT_OK;
        }
        uint32_t low = 0;
        bool is_class = false;
        enum mopt_status status = bracket_item(parser, set, &low, &is_class);
        uint32_t high = low;
        bool range = status == MOPT_OK && !is_class && parser->end - parser->text >= 2 &&
                     parser->text[0] == '-' && parser->text[1] != ']';
        if (range) {
            parser->text++;
            status = bracket_item(parser, set, &high, &is_class);
            if (status == MOPT_OK && (is_class || high < low)) {
                status = illegal(parser, "bad range in brackets");
            }
        }
        if (status == MOPT_OK && !is_class) {
            status = add_range(parser, set, low, high);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
}

// ---- Atoms --------------------------------------------------------------------------------------

static enum mopt_status set_step(struct parser *parser, uint32_t set, uint32_t next,
                                 uint32_t *start)
{
    struct mopt_step step = {.kind = MOPT_STEP_SET, .next = next, .set = set};
    return add_step(parser, &step, start);
}

static enum mopt_status literal(struct parser *parser, uint32_t code, uint32_t next,
                                uint32_t *start)
{
    uint32_t set;
    enum mopt_status status = new_set(parser, &set);
    if (status == MOPT_OK) {
        status = add_range(parser, set, code, code);
    }
    return status == MOPT_OK ? set_step(parser, set, next, start) : status;
}

static enum mopt_status dot(struct parser *parser, uint32_t next, uint32_t *start)
{
    uint32_t set;
    enum mopt_status status = new_set(parser, &set);
    if (status == MOPT_OK) {
        parser->pattern->sets[set].negated = true;
    }
    if (status == MOPT_OK && !parser->flags.dot_all) {
        status = add_range(parser, set, '\n', '\n');
    }
    return status == MOPT_OK ? set_step(parser, set, next, start) : status;
}

static enum mopt_status assertion(struct parser *parser, enum mopt_step_kind kind, uint32_t next,
                                  uint32_t *start)
{
    struct mopt_step step = {.kind = kind, .next = next};
    return add_step(parser, &step, start);
}

static enum mopt_status backslash(struct parser *parser, uint32_t next, uint32_t *start)
{
    static const struct {
        char c;
        enum mopt_step_kind kind;
    } edges[] = {{'A', MOPT_STEP_BEGIN_TEXT},
                 {'z', MOPT_STEP_END_TEXT},
                 {'b', MOPT_STEP_WORD_EDGE},
                 {'B', MOPT_STEP_NO_WORD_EDGE}};
    char c = parser->text < parser->end ? *parser->text : '\0';
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        if (c == edges[i].c) {
            parser->text++;
            return assertion(parser, edges[i].kind, next, start);
        }
    }
    const char *name;
    bool negated;
    if (perl_class(c, &name, &negated)) {
        parser->text++;
        uint32_t set;
        enum mopt_status status = new_set(parser, &set);
        if (status == MOPT_OK) {
            status = add_class(parser, set, name, strlen(name), negated);
        }
        return status == MOPT_OK ? set_step(parser, set, next, start) : status;
    }
    uint32_t code;
    enum mopt_status status = escaped(parser, &code);
    return status == MOPT_OK ? literal(parser, code, next, start) : status;
}

// Flags after "(?"; *group tells whether a group with these flags follows ("(?i:...)") or they hold
// from here on.
static enum mopt_status parse_flags(struct parser *parser, bool *group)
{
    bool value = true;
    while (parser->text < parser->end) {
        switch (*parser->text++) {
        case 'i':
            parser->flags.fold = value;
            break;
        case 's':
            parser->flags.dot_all = value;
            break;
        case 'm':
            parser->flags.lines = value;
            break;
        case 'U': // greed decides nothing when the whole text must match
            break;
        case '-':
            value = false;
            break;
        case ':':
            *group = true;
            return MOPT_OK;
        case ')':
            *group = false;
            return MOPT_OK;
        default:
            return illegal(parser, "unknown flag of a group");
        }
    }
    return illegal(parser, "missing )");
}

// Skips "?P<name>" or "?<name>"; false when the group has no name.
static bool skip_name(struct parser *parser)
{
    const char *at = parser->text + 1;
    at += at < parser->end && *at == 'P' ? 1 : 0;
    if (at >= parser->end || *at != '<') {
        return false;
    }
    const char *close = memchr(at, '>', (size_t)(parser->end - at));
    if (close == NULL) {
        return false;
    }
    parser->text = close + 1;
    return true;
}

static enum mopt_status parse_group(struct parser *parser, uint32_t next, uint32_t *start)
{
    struct flags outer = parser->flags;
    bool group = true;
    if (parser->text < parser->end && *parser->text == '?' && !skip_name(parser)) {
        parser->text++;
        enum mopt_status status = parse_flags(parser, &group);
        if (status != MOPT_OK) {
            return status;
        }
    }
    if (!group) { // the flags stay in force up to the end of the enclosing group
        *start = next;
        return MOPT_OK;
    }
    if (++parser->depth > MOPT_PATTERN_DEPTH) {
        return mopt_error_set(parser->err, MOPT_E_LIMIT, "pattern is nested deeper than %d",
                              MOPT_PATTERN_DEPTH);
    }
    enum mopt_status status = parse_alternatives(parser, next, start);
    parser->depth--;
    if (status != MOPT_OK) {
        return status;
    }
    parser->flags = outer;
    if (parser->text >= parser->end || *parser->text != ')') {
        return illegal(parser, "missing )");
    }
    parser->text++;
    return MOPT_OK;
}

static enum mopt_status parse_atom(struct parser *parser, uint32_t next, uint32_t *start)
{
    uint32_t code;
    uint32_t set;
    enum mopt_status status;
    switch (*parser->text) {
    case '(':
        parser->text++;
        return parse_group(parser, next, start);
    case '[':
        parser->text++;
        status = new_set(parser, &set);
        if (status == MOPT_OK) {
            status = parse_brackets(parser, set);
        }
        return status == MOPT_OK ? set_step(parser, set, next, start) : status;
    case '.':
        parser->text++;
        return dot(parser, next, start);
    case '^':
        parser->text++;
        return assertion(parser, parser->flags.lines ? MOPT_STEP_BEGIN_LINE : MOPT_STEP_BEGIN_TEXT,
                         next, start);
    case '$':
        parser->text++;
        return assertion(parser, parser->flags.lines ? MOPT_STEP_END_LINE : MOPT_STEP_END_TEXT,
                         next, start);
    case '\\':
        parser->text++;
        return backslash(parser, next, start);
    case '*':
    case '+':
    case '?':
        return illegal(parser, "nothing to repeat");
    default:
        parser->text +=
            mopt__pattern_decode(parser->text, (size_t)(parser->end - parser->text), &code);
        return literal(parser, code, next, start);
    }
}

// ---- Repetition, sequence, alternatives ---------------------------------------------------------

static bool parse_number(struct parser *parser, long long *value)
{
    const char *begin = parser->text;
    *value = 0;
    while (parser->text < parser->end && *parser->text >= '0' && *parser->text <= '9') {
        *value = *value > MOPT_PATTERN_REPEAT ? *value : *value * 10 + (*parser->text - '0');
        parser->text++;
    }
    return parser->text > begin;
}

// {n}, {n,} or {n,m}; anything else after { is literal text and leaves the parser where it is.
static bool parse_counts(struct parser *parser, long long *low, long long *high)
{
    const char *begin = parser->text++;
    bool good = parse_number(parser, low);
    *high = *low;
    if (good && parser->text < parser->end && *parser->text == ',') {
        parser->text++;
        if (!parse_number(parser, high)) {
            *high = -1;
        }
    }
    good = good && parser->text < parser->end && *parser->text == '}';
    parser->text = good ? parser->text + 1 : begin;
    return good;
}

static enum mopt_status parse_repeat(struct parser *parser, long long *low, long long *high)
{
    *low = 1;
    *high = 1;
    char c = parser->text < parser->end ? *parser->text : '\0';
    if (c == '*' || c == '+' || c == '?') {
        *low = c == '+' ? 1 : 0;
        *high = c == '?' ? 1 : -1;
        parser->text++;
    } else if (c != '{' || !parse_counts(parser, low, high)) {
        *low = 1;
        *high = 1;
        return MOPT_OK;
    }
    if (*low > MOPT_PATTERN_REPEAT || *high > MOPT_PATTERN_REPEAT || (*high >= 0 && *high < *low)) {
        return illegal(parser, "bad count of repetitions");
    }
    if (parser->text < parser->end && *parser->text == '?') {
        parser->text++; // lazy: the same texts match
    }
    c = parser->text < parser->end ? *parser->text : '\0';
    return c == '*' || c == '+' || c == '?' ? illegal(parser, "repetition of a repetition")
                                            : MOPT_OK;
}

static enum mopt_status again(struct parser *parser, const struct piece *atom, uint32_t next,
                              uint32_t *start)
{
    if (++parser->pattern->work > MOPT_PATTERN_WORK) {
        return mopt_error_set(parser->err, MOPT_E_LIMIT, "pattern repeats too much");
    }
    struct parser copy = *parser;
    copy.text = atom->begin;
    copy.end = atom->end;
    copy.flags = atom->flags;
    enum mopt_status status = parse_atom(&copy, next, start);
    return status == MOPT_OK && copy.text != copy.end ? illegal(parser, "bad group") : status;
}

// Zero or more: a split that comes back to itself.
static enum mopt_status star(struct parser *parser, const struct piece *atom, uint32_t next,
                             uint32_t *start)
{
    struct mopt_step split = {.kind = MOPT_STEP_SPLIT, .other = next, .next = next};
    enum mopt_status status = add_step(parser, &split, start);
    uint32_t inner;
    if (status == MOPT_OK) {
        status = again(parser, atom, *start, &inner);
    }
    if (status == MOPT_OK) {
        parser->pattern->steps[*start].next = inner;
    }
    return status;
}

static enum mopt_status repeat(struct parser *parser, const struct piece *atom, long long low,
                               long long high, uint32_t next, uint32_t *start)
{
    enum mopt_status status = MOPT_OK;
    uint32_t end = next;
    *start = next;
    if (high < 0) {
        status = star(parser, atom, next, start);
    }
    // Optional copies, innermost first.
    for (long long i = low; status == MOPT_OK && i < high; i++) {
        struct mopt_step split = {.kind = MOPT_STEP_SPLIT, .other = end};
        status = again(parser, atom, *start, &split.next);
        if (status == MOPT_OK) {
            status = add_step(parser, &split, start);
        }
    }
    for (long long i = 0; status == MOPT_OK && i < low; i++) {
        uint32_t inner = *start;
        status = again(parser, atom, *start, &inner);
        *start = inner;
    }
    return status;
}

// ---- Extents: where an atom ends, found without building it (building twice per level would take 2^depth time)

static void skip_brackets(struct parser *parser)
{
    parser->text++;
    parser->text += parser->text < parser->end && *parser->text == '^' ? 1 : 0;
    for (bool first = true; parser->text < parser->end; first = false) {
        if (*parser->text == ']' && !first) {
            parser->text++;
            return;
        }
        const char *close =
            parser->text[0] == '[' && parser->end - parser->text > 1 && parser->text[1] == ':'
                ? strstr(parser->text + 2, ":]")
                : NULL;
        if (close != NULL && close + 2 <= parser->end) {
            parser->text = close + 2;
        } else {
            parser->text += *parser->text == '\\' && parser->end - parser->text > 1 ? 2 : 1;
        }
    }
}

static void skip_escape(struct parser *parser)
{
    parser->text++;
    if (parser->text >= parser->end) {
        return;
    }
    char c = *parser->text++;
    if (c == 'x') {
        uint32_t ignored;
        struct mopt_error err;
        struct parser quiet = *parser;
        quiet.err = &err;
        (void)hex_escape(&quiet, &ignored); // a bad one is reported when the atom is built
        parser->text = quiet.text;
    }
}

static void skip_group(struct parser *parser)
{
    unsigned depth = 0;
    while (parser->text < parser->end) {
        char c = *parser->text;
        if (c == '[') {
            skip_brackets(parser);
        } else if (c == '\\') {
            skip_escape(parser);
        } else {
            parser->text++;
            depth += c == '(' ? 1 : 0;
            depth -= c == ')' ? 1 : 0;
            if (depth == 0) {
                return;
            }
        }
    }
}

// "(?i)" changes the flags for what follows.
static bool is_flag_group(const struct parser *parser)
{
    const char *at = parser->text;
    if (parser->end - at < 3 || at[0] != '(' || at[1] != '?') {
        return false;
    }
    at += 2;
    while (at < parser->end && (strchr("ismU-", *at) != NULL)) {
        at++;
    }
    return at < parser->end && *at == ')';
}

static enum mopt_status skip_atom(struct parser *parser)
{
    uint32_t code;
    bool group;
    switch (*parser->text) {
    case '(':
        if (is_flag_group(parser)) {
            parser->text += 2;
            return parse_flags(parser, &group);
        }
        skip_group(parser);
        break;
    case '[':
        skip_brackets(parser);
        break;
    case '\\':
        skip_escape(parser);
        break;
    default:
        parser->text +=
            mopt__pattern_decode(parser->text, (size_t)(parser->end - parser->text), &code);
        break;
    }
    return MOPT_OK;
}

static enum mopt_status measure(struct parser *parser, struct piece *atom, long long *low,
                                long long *high)
{
    atom->begin = parser->text;
    atom->flags = parser->flags;
    enum mopt_status status = skip_atom(parser);
    atom->end = parser->text;
    return status == MOPT_OK ? parse_repeat(parser, low, high) : status;
}

static bool at_end(const struct parser *parser)
{
    return parser->text >= parser->end || *parser->text == '|' || *parser->text == ')';
}

// Pieces of a sequence are kept and then turned into steps from the last to the first.
static enum mopt_status parse_sequence(struct parser *parser, uint32_t next, uint32_t *start)
{
    struct part {
        struct piece atom;
        long long low, high;
    } *parts = NULL;
    size_t count = 0;
    size_t capacity = 0;
    enum mopt_status status = MOPT_OK;
    while (status == MOPT_OK && !at_end(parser)) {
        status = mopt__grow((void **)&parts, &capacity, count + 1, sizeof *parts, parser->err);
        if (status == MOPT_OK) {
            status = measure(parser, &parts[count].atom, &parts[count].low, &parts[count].high);
            count++;
        }
    }
    *start = next;
    for (size_t i = count; status == MOPT_OK && i-- > 0;) {
        uint32_t inner;
        status = repeat(parser, &parts[i].atom, parts[i].low, parts[i].high, *start, &inner);
        *start = inner;
    }
    mopt__free(parts);
    return status;
}

static enum mopt_status parse_alternatives(struct parser *parser, uint32_t next, uint32_t *start)
{
    enum mopt_status status = parse_sequence(parser, next, start);
    while (status == MOPT_OK && parser->text < parser->end && *parser->text == '|') {
        parser->text++;
        struct mopt_step split = {.kind = MOPT_STEP_SPLIT, .next = *start};
        status = parse_sequence(parser, next, &split.other);
        if (status == MOPT_OK) {
            status = add_step(parser, &split, start);
        }
    }
    return status;
}

enum mopt_status mopt__pattern_parse(struct mopt_pattern *pattern, const char *text,
                                     struct mopt_error *err)
{
    struct parser parser = {.pattern = pattern,
                            .text = text,
                            .end = text + strlen(text),
                            .err = err};
    struct mopt_step match = {.kind = MOPT_STEP_MATCH};
    uint32_t last = 0;
    enum mopt_status status = add_step(&parser, &match, &last);
    if (status == MOPT_OK) {
        status = parse_alternatives(&parser, last, &pattern->start);
    }
    if (status == MOPT_OK && parser.text < parser.end) {
        status = illegal(&parser, "unexpected )");
    }
    return status;
}
