// SPDX-License-Identifier: Apache-2.0
// Compiled patterns and the index of rules; private to rewrite. pattern.c builds them, match.c
// reads them.
#ifndef MOPT_REWRITE_PATTERN_H
#define MOPT_REWRITE_PATTERN_H

#include "rewrite/rewrite.h"

enum mopt_pattern_flags {
    MOPT_PATTERN_OPTIONAL = 1, // "?": may be absent
    MOPT_PATTERN_CONSTANT = 2, // "$": content must be known
    MOPT_PATTERN_BLANK = 4,    // "_": as input must be absent, as output does not matter
    MOPT_PATTERN_INNER = 8,    // "!": used by the matched nodes only
};

struct mopt_pattern_slot { // one input or output of a line
    int value;             // index into the values of the match; -1 for "_"
    unsigned flags;
};

struct mopt_pattern_op {
    const char *domain; // normalised; NULL: any
    const char *name;   // NULL: any
};

struct mopt_pattern_line {
    const struct mopt_pattern_op *ops;
    size_t op_count;
    const struct mopt_pattern_slot *inputs, *outputs;
    size_t input_count, output_count;
    bool rest; // "...": further inputs do not matter
};

struct mopt_rule_pattern {
    bool bare; // no text: one line that looks at the operator only
    struct mopt_pattern_line lines[MOPT_MATCH_NODES];
    size_t line_count; // the last line is the root
    const char *names[MOPT_MATCH_VALUES];
    int line_of[MOPT_MATCH_VALUES];      // line that makes the value; -1: none
    uint32_t slot_of[MOPT_MATCH_VALUES]; // at which output
    uint32_t uses[MOPT_MATCH_VALUES];    // mentions as input
    size_t value_count;
    int depth; // most steps from the root up to a line
};

// Compiles the text of a rule. Everything lives in the arena. Errors: MOPT_E_INTERNAL naming line
// and problem.
enum mopt_status mopt__rule_parse(const struct mopt_rule *rule, struct mopt_arena *arena,
                                  struct mopt_rule_pattern *out, struct mopt_error *err);

// Looks whether the pattern fits at root and the rule's own conditions hold, trying every order of
// commutative inputs. match is only written when the structure fits; *refusal gets the first reason
// given by the rule, else NULL.
bool mopt__rule_match(const struct mopt_rule_pattern *pattern, const struct mopt_rule *rule,
                      struct mopt_node *root, struct mopt_match *match, const char **refusal);

// The rules of one run, found by root operator.
struct mopt_rule_bucket {
    const uint32_t *items; // numbers of rules in the order of the list
    size_t count;
};
struct mopt_rule_index {
    struct mopt_arena arena;
    struct mopt_map buckets;      // operator name -> struct mopt_rule_bucket
    struct mopt_rule_bucket rest; // rules that look at every node
    const struct mopt_rule *const *rules;
    struct mopt_rule_pattern *patterns; // [count]
    size_t count;
    int depth; // deepest pattern
};
enum mopt_status mopt__rule_index_init(struct mopt_rule_index *index,
                                       const struct mopt_rule *const *rules, size_t count,
                                       struct mopt_error *err);
void mopt__rule_index_release(struct mopt_rule_index *index);
const struct mopt_rule_bucket *mopt__rule_index_find(const struct mopt_rule_index *index,
                                                     const struct mopt_node *node);

#endif
