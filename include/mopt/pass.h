// SPDX-License-Identifier: Apache-2.0
// The descriptor of a pass. Built-in passes and plugins use the same record; a plugin touches
// graphs only through the host functions of plugin.h.
#ifndef MOPT_PASS_H
#define MOPT_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mopt_model;        // opaque
struct mopt_pass_context; // opaque: options, counters, log, scratch of one run of one pass
struct mopt_rule;         // internal rewrite rule; NULL for plugins

enum mopt_pass_kind {
    MOPT_PASS_ANALYSE,
    MOPT_PASS_ELIMINATE,
    MOPT_PASS_FOLD,
    MOPT_PASS_FUSE,
    MOPT_PASS_CANONICALISE,
    MOPT_PASS_LAYOUT,
    MOPT_PASS_QUANTIZE,
    MOPT_PASS_PRUNE,
    MOPT_PASS_TRAIN,
};

// What a pass may do to numbers; sets the tolerance of the equivalence check.
enum mopt_numerics {
    MOPT_NUMERICS_EXACT,        // same bits
    MOPT_NUMERICS_REASSOCIATES, // same real numbers, rounding may differ
    MOPT_NUMERICS_LOSSY,        // changes results on purpose; never part of -O levels
};

enum mopt_pass_needs {
    MOPT_NEEDS_SHAPES =
        1,                // inferred types are up to date before run (the manager infers if needed)
    MOPT_NEEDS_ORDER = 2, // nodes in topological order
};
enum mopt_pass_keeps {
    MOPT_KEEPS_ORDER = 1,  // order is still topological afterwards
    MOPT_KEEPS_SHAPES = 2, // types of all values are still right (the pass types what it creates)
};

enum mopt_option_type { MOPT_OPTION_BOOL, MOPT_OPTION_INT, MOPT_OPTION_FLOAT, MOPT_OPTION_STRING };
struct mopt_pass_option {
    const char *name; // kebab-case; given as PASS{name=value}
    enum mopt_option_type type;
    const char *initial; // default, as text
    const char *help;
};
struct mopt_pass_counter {
    const char *name; // kebab-case
    const char *help;
};

struct mopt_pass {
    size_t struct_size;  // sizeof(struct mopt_pass)
    const char *name;    // kebab-case verb-object, e.g. "fuse-bn-into-conv"
    const char *summary; // one sentence
    const char *help;    // conditions, formula, before/after in text form
    int level;           // 1..3: first -O level that runs it; 0: only when asked for
    enum mopt_pass_kind kind;
    enum mopt_numerics numerics;
    unsigned needs, keeps;
    bool fixpoint; // a second run may find more: the pipeline repeats until nothing changes
    const struct mopt_pass_option *options;
    size_t option_count;
    const struct mopt_pass_counter *counters;
    size_t counter_count;
    // One of: rules (built-in rewrite rules, run by the worklist driver) or run.
    const struct mopt_rule *const *rules;
    size_t rule_count;
    enum mopt_status (*run)(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
