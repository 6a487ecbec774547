// SPDX-License-Identifier: Apache-2.0
// Text operators: StringNormalizer, StringConcat, StringSplit. Text is UTF-8; letter case follows
// Unicode's simple mapping, the same on every machine, whatever attribute `locale` says.
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "ops/broadcast.h"
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

// ---- Letter case --------------------------------------------------------------------------------

// Length of the UTF-8 sequence at text and its code point; a byte that starts none stands for
// itself.
static size_t decode(const char *text, size_t size, uint32_t *code)
{
    static const uint8_t lengths[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                        1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 1};
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = lengths[bytes[0] >> 3];
    *code = bytes[0];
    if (length == 1 || length > size) {
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

static void encode(struct mopt_strbuf *out, uint32_t code)
{
    if (code < 0x80) {
        mopt__strbuf_add_char(out, (char)code);
    } else if (code < 0x800) {
        mopt__strbuf_add_char(out, (char)(0xC0U | code >> 6));
        mopt__strbuf_add_char(out, (char)(0x80U | (code & 0x3FU)));
    } else if (code < 0x10000) {
        mopt__strbuf_add_char(out, (char)(0xE0U | code >> 12));
        mopt__strbuf_add_char(out, (char)(0x80U | (code >> 6 & 0x3FU)));
        mopt__strbuf_add_char(out, (char)(0x80U | (code & 0x3FU)));
    } else {
        mopt__strbuf_add_char(out, (char)(0xF0U | code >> 18));
        mopt__strbuf_add_char(out, (char)(0x80U | (code >> 12 & 0x3FU)));
        mopt__strbuf_add_char(out, (char)(0x80U | (code >> 6 & 0x3FU)));
        mopt__strbuf_add_char(out, (char)(0x80U | (code & 0x3FU)));
    }
}

enum letter_case { CASE_NONE, CASE_LOWER, CASE_UPPER };

static void change_case(const struct mopt_string *text, enum letter_case change, locale_t locale,
                        struct mopt_strbuf *out)
{
    mopt__strbuf_clear(out);
    for (size_t i = 0; i < text->size;) {
        uint32_t code;
        size_t length = decode(text->data + i, text->size - i, &code);
        if (length == 1 && code >= 0x80) {
            mopt__strbuf_add_char(out, text->data[i]); // not UTF-8: left as it is
        } else if (change == CASE_NONE) {
            encode(out, code);
        } else {
            encode(out, change == CASE_LOWER ? (uint32_t)towlower_l((wint_t)code, locale)
                                             : (uint32_t)towupper_l((wint_t)code, locale));
        }
        i += length;
    }
}

// ---- StringNormalizer ---------------------------------------------------------------------------

struct normalizing {
    const struct mopt_string *stop_words;
    size_t stop_count;
    bool exact; // stop words are compared with their letter case
    enum letter_case change;
    locale_t locale;
    struct mopt_strbuf text, word;
    bool *kept;
    size_t kept_count;
};

static enum mopt_status normalizer_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[2] = {1, MOPT_DIM_UNKNOWN};
    if (type == NULL || type->rank < 0) {
        return mopt__infer_set(infer, 0, MOPT_STRING, -1, NULL, err);
    }
    if (type->rank != 1 && type->rank != 2) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 1 or 2", type->rank);
    }
    return mopt__infer_set(infer, 0, MOPT_STRING, type->rank, type->rank == 1 ? dims + 1 : dims,
                           err);
}

static enum mopt_status normalizer_options(const struct mopt_node *node, struct normalizing *state,
                                           struct mopt_error *err)
{
    int64_t exact;
    const char *action;
    enum mopt_status status =
        mopt__attr_strings(node, "stopwords", &state->stop_words, &state->stop_count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "is_case_sensitive", 0, &exact, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "case_change_action", "NONE", &action, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    state->exact = exact != 0;
    state->change = strcmp(action, "LOWER") == 0
                        ? CASE_LOWER
                        : (strcmp(action, "UPPER") == 0 ? CASE_UPPER : CASE_NONE);
    if (state->change == CASE_NONE && strcmp(action, "NONE") != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'case_change_action' is '%s'", action);
    }
    return MOPT_OK;
}

static bool is_stop_word(struct normalizing *state, const struct mopt_string *text)
{
    enum letter_case change = state->exact ? CASE_NONE : CASE_LOWER;
    change_case(text, change, state->locale, &state->text);
    for (size_t i = 0; i < state->stop_count; i++) {
        change_case(&state->stop_words[i], change, state->locale, &state->word);
        if (state->word.length == state->text.length &&
            memcmp(mopt__strbuf_text(&state->word), mopt__strbuf_text(&state->text),
                   state->text.length) == 0) {
            return true;
        }
    }
    return false;
}

static enum mopt_status write_kept(struct mopt_eval *eval, struct normalizing *state,
                                   struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    const struct mopt_string *strings = input->data;
    int64_t dims[2] = {1, state->kept_count > 0 ? (int64_t)state->kept_count : 1};
    struct mopt_tensor *out;
    enum mopt_status status = mopt__eval_output(eval, 0, MOPT_STRING, input->rank,
                                                input->rank == 1 ? dims + 1 : dims, &out, err);
    if (status == MOPT_OK && state->kept_count == 0) {
        return mopt__tensor_set_string(out, 0, "", 0, err);
    }
    size_t to = 0;
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        if (state->kept[i]) {
            change_case(&strings[i], state->change, state->locale, &state->text);
            status = state->text.failed
                         ? mopt_error_memory(err)
                         : mopt__tensor_set_string(out, to++, mopt__strbuf_text(&state->text),
                                                   state->text.length, err);
        }
    }
    return status;
}

static enum mopt_status normalizer_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct normalizing state = {0};
    enum mopt_status status = normalizer_options(eval->node, &state, err);
    if (status == MOPT_OK && !(input->rank == 1 || (input->rank == 2 && input->dims[0] == 1))) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "input must be [C] or [1,C]");
    }
    if (status != MOPT_OK) {
        return status;
    }
    state.locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    state.kept = mopt__calloc(input->count + 1, sizeof *state.kept);
    if (state.locale == (locale_t)0) {
        status = errno == ENOMEM ? mopt_error_memory(err)
                                 : mopt_error_set(err, MOPT_E_UNSUPPORTED,
                                                  "no table of letter case in this system");
    } else if (state.kept == NULL) {
        status = mopt_error_memory(err);
    }
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        state.kept[i] = !is_stop_word(&state, (const struct mopt_string *)input->data + i);
        state.kept_count += state.kept[i] ? 1 : 0;
        if (state.text.failed || state.word.failed) {
            status = mopt_error_memory(err);
        }
    }
    if (status == MOPT_OK) {
        status = write_kept(eval, &state, err);
    }
    mopt__strbuf_release(&state.text);
    mopt__strbuf_release(&state.word);
    mopt__free(state.kept);
    if (state.locale != (locale_t)0) {
        freelocale(state.locale);
    }
    return status;
}

// ---- StringConcat -------------------------------------------------------------------------------

static enum mopt_status concat_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__infer_broadcast_versioned(infer, &rank, dims, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, MOPT_STRING, rank, dims, err) : status;
}

static enum mopt_status concat_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *a = mopt__eval_input(eval, 0);
    const struct mopt_tensor *b = mopt__eval_input(eval, 1);
    struct mopt_broadcast shape;
    struct mopt_tensor *out;
    enum mopt_status status = mopt__broadcast_pair(a, b, &shape, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_STRING, shape.rank, shape.dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_strbuf text = {0};
    struct mopt_walk walk;
    mopt__walk_start(&walk, &shape, 0);
    for (size_t i = 0; status == MOPT_OK && i < out->count; i++, mopt__walk_next(&walk)) {
        const struct mopt_string *left = (const struct mopt_string *)a->data + walk.a;
        const struct mopt_string *right = (const struct mopt_string *)b->data + walk.b;
        mopt__strbuf_clear(&text);
        mopt__strbuf_add_bytes(&text, left->data, left->size);
        mopt__strbuf_add_bytes(&text, right->data, right->size);
        status = text.failed
                     ? mopt_error_memory(err)
                     : mopt__tensor_set_string(out, i, mopt__strbuf_text(&text), text.length, err);
    }
    mopt__strbuf_release(&text);
    return status;
}

// ---- StringSplit --------------------------------------------------------------------------------

struct splitting {
    const char *delimiter; // "" = runs of white space
    size_t delimiter_size;
    size_t most; // splits
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Where the delimiter next stands; size when nowhere.
static size_t find_delimiter(const struct splitting *split, const char *text, size_t size)
{
    if (split->delimiter_size > size) {
        return size;
    }
    for (size_t i = 0; i + split->delimiter_size <= size; i++) {
        if (memcmp(text + i, split->delimiter, split->delimiter_size) == 0) {
            return i;
        }
    }
    return size;
}

// Cuts the next part off *rest; false when there is none. `made` splits were made before.
static bool next_part(const struct splitting *split, struct mopt_string *rest, size_t made,
                      bool *ended, struct mopt_string *part)
{
    if (split->delimiter_size > 0) {
        if (*ended) {
            return false;
        }
        size_t at = made < split->most ? find_delimiter(split, rest->data, rest->size) : rest->size;
        *part = (struct mopt_string){rest->data, at};
        *ended = at == rest->size;
        size_t skip = *ended ? at : at + split->delimiter_size;
        rest->data += skip;
        rest->size -= skip;
        return true;
    }
    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
    if (rest->size == 0) {
        return false;
    }
    size_t at = 0;
    if (made < split->most) {
        while (at < rest->size && !is_space(rest->data[at])) {
            at++;
        }
    } else {
        at = rest->size;
        while (at > 0 && is_space(rest->data[at - 1])) {
            at--;
        }
    }
    *part = (struct mopt_string){rest->data, at};
    rest->data += at;
    rest->size -= at;
    return true;
}

// Number of parts of a text; they are written to out from element `first` when out is not NULL.
static enum mopt_status split_text(const struct splitting *split, const struct mopt_string *text,
                                   struct mopt_tensor *out, size_t first, size_t *count,
                                   struct mopt_error *err)
{
    struct mopt_string rest = *text;
    struct mopt_string part;
    bool ended = rest.size == 0; // an empty text has no parts
    enum mopt_status status = MOPT_OK;
    *count = 0;
    while (status == MOPT_OK && next_part(split, &rest, *count, &ended, &part)) {
        if (out != NULL) {
            status = mopt__tensor_set_string(out, first + *count, part.data, part.size, err);
        }
        (*count)++;
    }
    return status;
}

static enum mopt_status split_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int rank = type != NULL ? type->rank : -1;
    int64_t dims[MOPT_RANK_MAX + 1];
    for (int k = 0; k < rank; k++) {
        dims[k] = type->dims[k];
    }
    enum mopt_status status = mopt__infer_set(infer, 1, MOPT_INT64, rank, dims, err);
    if (rank >= 0) {
        dims[rank++] = MOPT_DIM_UNKNOWN;
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, MOPT_STRING, rank, dims, err) : status;
}

static enum mopt_status split_options(const struct mopt_node *node, struct splitting *split,
                                      struct mopt_error *err)
{
    int64_t most;
    enum mopt_status status = mopt__attr_string(node, "delimiter", "", &split->delimiter, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "maxsplit", INT64_MAX, &most, err);
    }
    if (status == MOPT_OK && most < 0) {
        status = mopt_error_set(err, MOPT_E_VALUE, "attribute 'maxsplit' is %lld", (long long)most);
    }
    if (status == MOPT_OK) {
        split->delimiter_size = strlen(split->delimiter);
        split->most = (size_t)most;
    }
    return status;
}

static enum mopt_status split_counts(struct mopt_eval *eval, const struct splitting *split,
                                     int64_t *longest, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct mopt_tensor *counts;
    enum mopt_status status =
        mopt__eval_output(eval, 1, MOPT_INT64, input->rank, input->dims, &counts, err);
    *longest = 0;
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        size_t count;
        status =
            split_text(split, (const struct mopt_string *)input->data + i, NULL, 0, &count, err);
        ((int64_t *)mopt__tensor_data(counts))[i] = (int64_t)count;
        *longest = (int64_t)count > *longest ? (int64_t)count : *longest;
    }
    return status;
}

static enum mopt_status split_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct splitting split;
    int64_t longest = 0;
    enum mopt_status status = split_options(eval->node, &split, err);
    if (status == MOPT_OK && input->rank >= MOPT_RANK_MAX) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank is %d", input->rank);
    }
    if (status == MOPT_OK) {
        status = split_counts(eval, &split, &longest, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[MOPT_RANK_MAX];
    if (input->rank > 0) {
        memcpy(dims, input->dims, sizeof(int64_t) * (size_t)input->rank);
    }
    dims[input->rank] = longest;
    struct mopt_tensor *out;
    status = mopt__eval_output(eval, 0, MOPT_STRING, input->rank + 1, dims, &out, err);
    for (size_t i = 0; status == MOPT_OK && i < input->count; i++) {
        size_t first = i * (size_t)longest;
        size_t count;
        status = split_text(&split, (const struct mopt_string *)input->data + i, out, first, &count,
                            err);
        for (size_t k = count; status == MOPT_OK && k < (size_t)longest; k++) {
            status = mopt__tensor_set_string(out, first + k, "", 0, err);
        }
    }
    return status;
}

#define TEXT MOPT_DT(MOPT_STRING)
static const struct mopt_op records[] = {
    {.domain = "",
     .name = "StringNormalizer",
     .since = 10,
     .summary = "removes stop words and changes letter case",
     MOPT_INPUTS({"X", "T", TEXT, 0}),
     MOPT_OUTPUTS({"Y", "T", TEXT, 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING("case_change_action", "NONE", "LOWER|UPPER|NONE"),
                     MOPT_A_FLAG("is_case_sensitive", 0),
                     {.name = "locale", .kind = MOPT_ATTR_STRING},
                     {.name = "stopwords", .kind = MOPT_ATTR_STRINGS}),
     .infer = normalizer_infer,
     .eval = normalizer_eval},
    {.domain = "",
     .name = "StringConcat",
     .since = 20,
     .summary = "texts joined element by element",
     MOPT_INPUTS({"X", "T", TEXT, 0}, {"Y", "T", TEXT, 0}),
     MOPT_OUTPUTS({"Z", "T", TEXT, 0}),
     .traits = MOPT_TRAIT_ELEMENTWISE,
     .infer = concat_infer,
     .eval = concat_eval},
    {.domain = "",
     .name = "StringSplit",
     .since = 20,
     .summary = "texts cut at a delimiter",
     MOPT_INPUTS({"X", "T1", TEXT, 0}),
     MOPT_OUTPUTS({"Y", "T2", TEXT, 0}, {"Z", "T3", MOPT_SET_I64, 0}),
     MOPT_ATTRIBUTES({.name = "delimiter", .kind = MOPT_ATTR_STRING},
                     MOPT_A_INT_OPTIONAL("maxsplit")),
     .infer = split_infer,
     .eval = split_eval},
};
const struct mopt_op_family mopt__ops_string = {records, MOPT_COUNTOF(records)};
