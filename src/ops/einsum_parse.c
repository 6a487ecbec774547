// SPDX-License-Identifier: Apache-2.0
// Reading the equation of Einsum; see einsum.h.
#include "ops/einsum.h"

#include <ctype.h>
#include <string.h>

static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

// Reads one term up to ',' or '-' or the end.
static enum mopt_status read_term(const char **text, struct mopt_einsum_term *term,
                                  struct mopt_error *err)
{
    const char *p = *text;
    term->count = 0;
    term->dots = -1;
    for (; *p != '\0' && *p != ',' && *p != '-'; p++) {
        const int label = label_of(*p);
        if (*p == ' ') {
            continue;
        }
        if (strncmp(p, "...", 3) == 0 && term->dots < 0) {
            term->dots = term->count;
            p += 2;
        } else if (label >= 0 && term->count < MOPT_RANK_MAX) {
            term->labels[term->count++] = (uint8_t)label;
        } else {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "equation has an unexpected '%c' or too many labels",
                                  isprint((unsigned char)*p) ? *p : '?');
        }
    }
    *text = p;
    return MOPT_OK;
}

// Replaces the ellipsis of a term of this rank by labels of its own, aligned to the right.
static enum mopt_status open_dots(struct mopt_einsum_term *term, int axes, struct mopt_error *err)
{
    if (axes < 0 || (term->dots < 0 && axes != 0) || term->count + axes > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_SHAPE, "equation has %d labels for an operand of rank %d",
                              term->count, term->count + axes);
    }
    if (axes > 0) {
        memmove(term->labels + term->dots + axes, term->labels + term->dots,
                (size_t)(term->count - term->dots));
    }
    for (int i = 0; i < axes; i++) {
        term->labels[term->dots + i] = (uint8_t)(MOPT_EINSUM_LABELS - axes + i);
    }
    term->count += axes;
    return MOPT_OK;
}

// Implicit output: the ellipsis, then labels that appear once, in order of their letters.
static void implicit_output(struct mopt_einsum *e)
{
    int seen[MOPT_EINSUM_LETTERS] = {0};
    for (int k = 0; k < e->inputs; k++) {
        for (int i = 0; i < e->in[k].count; i++) {
            seen[e->in[k].labels[i]] += 1;
        }
    }
    e->out.count = 0;
    e->out.dots = 0;
    for (int i = 0; i < MOPT_EINSUM_LETTERS; i++) {
        if (seen[i] == 1 && e->out.count < MOPT_RANK_MAX) {
            e->out.labels[e->out.count++] = (uint8_t)i;
        }
    }
}

static enum mopt_status check_output(const struct mopt_einsum *e, struct mopt_error *err)
{
    bool known[MOPT_EINSUM_LABELS] = {false};
    for (int k = 0; k < e->inputs; k++) {
        for (int i = 0; i < e->in[k].count; i++) {
            known[e->in[k].labels[i]] = true;
        }
    }
    for (int i = 0; i < e->out.count; i++) {
        if (!known[e->out.labels[i]]) {
            return mopt_error_set(err, MOPT_E_VALUE, "output label %d is repeated or in no operand",
                                  i);
        }
        known[e->out.labels[i]] = false;
    }
    return MOPT_OK;
}

static enum mopt_status parse(const char *text, int inputs, const int *ranks, struct mopt_einsum *e,
                              struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    e->inputs = inputs;
    e->wide = 0;
    for (int k = 0; status == MOPT_OK && k < inputs; k++) {
        status = read_term(&text, &e->in[k], err);
        if (status == MOPT_OK && k + 1 < inputs && *text++ != ',') {
            status = mopt_error_set(err, MOPT_E_VALUE, "equation has fewer terms than operands");
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (strncmp(text, "->", 2) == 0) {
        text += 2;
        status = read_term(&text, &e->out, err);
    } else {
        implicit_output(e);
    }
    if (status == MOPT_OK && *text != '\0') {
        status = mopt_error_set(err, MOPT_E_VALUE,
                                "equation does not end after its output or has more "
                                "terms than operands");
    }
    for (int k = 0; status == MOPT_OK && k < inputs; k++) {
        const int axes = ranks[k] - e->in[k].count;
        e->wide = axes > e->wide ? axes : e->wide;
        status = open_dots(&e->in[k], axes, err);
    }
    if (status == MOPT_OK) {
        status = open_dots(&e->out, e->out.dots >= 0 ? e->wide : 0, err);
    }
    return status == MOPT_OK ? check_output(e, err) : status;
}

enum mopt_status mopt__einsum_read(const struct mopt_node *node, const int *ranks, int inputs,
                                   struct mopt_einsum *e, struct mopt_error *err)
{
    const char *text = NULL;
    const enum mopt_status status = mopt__attr_string(node, "equation", NULL, &text, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (text == NULL || inputs < 1 || inputs > MOPT_EINSUM_OPERANDS) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "%d operands, at most %d are supported",
                              inputs, MOPT_EINSUM_OPERANDS);
    }
    return parse(text, inputs, ranks, e, err);
}
