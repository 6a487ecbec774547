// SPDX-License-Identifier: Apache-2.0
// The program that pattern_parse.c makes and pattern.c runs. Nobody else includes this.
#ifndef MOPT_OPS_PATTERN_PRIVATE_H
#define MOPT_OPS_PATTERN_PRIVATE_H

#include <stdint.h>

#include "base/alloc.h"
#include "ops/pattern.h"

enum {
    MOPT_PATTERN_STEPS = 20000, // instructions at most
    MOPT_PATTERN_WORK = 200000, // atoms built at most, copies counted
    MOPT_PATTERN_REPEAT = 1000, // largest count in {n,m}
    MOPT_PATTERN_DEPTH = 100,   // nesting of groups
};

enum mopt_step_kind {
    MOPT_STEP_SET,        // consumes a character of a set
    MOPT_STEP_SPLIT,      // goes on at next and at other
    MOPT_STEP_BEGIN_TEXT, // assertions consume nothing
    MOPT_STEP_END_TEXT,
    MOPT_STEP_BEGIN_LINE,
    MOPT_STEP_END_LINE,
    MOPT_STEP_WORD_EDGE,
    MOPT_STEP_NO_WORD_EDGE,
    MOPT_STEP_MATCH,
};

struct mopt_range {
    uint32_t low, high;
};
struct mopt_set {
    struct mopt_range *ranges;
    size_t count, capacity;
    bool negated, fold; // fold: letter case of ASCII does not matter
};

struct mopt_step {
    enum mopt_step_kind kind;
    uint32_t next, other;
    uint32_t set; // index
};

struct mopt_pattern {
    struct mopt_step *steps;
    size_t step_count, step_capacity;
    struct mopt_set *sets;
    size_t set_count, set_capacity;
    uint32_t start;
    size_t work;
};

// Code point at text (size > 0) and its length; a byte that starts no UTF-8 sequence stands for
// itself.
size_t mopt__pattern_decode(const char *text, size_t size, uint32_t *code);
enum mopt_status mopt__pattern_parse(struct mopt_pattern *pattern, const char *text,
                                     struct mopt_error *err);

#endif
