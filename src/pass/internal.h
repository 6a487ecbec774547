// SPDX-License-Identifier: Apache-2.0
// What the files of pass share and nobody else may see.
#ifndef MOPT_PASS_INTERNAL_H
#define MOPT_PASS_INTERNAL_H

#include "pass/pass.h"

struct mopt_pass_context {
    const struct mopt_pass *pass;
    const char **values; // [option_count] text of each option; NULL: none
    uint64_t *counters;  // [counter_count]
    uint64_t changes;    // sum of what was counted
    const struct mopt_log *log;
    const struct mopt_budget *budget;
    struct mopt_arena scratch;
    void *data;
};

// ---- context.c
enum mopt_status mopt__context_init(struct mopt_pass_context *context,
                                    const struct mopt_pipeline_item *item,
                                    const struct mopt_manager_options *options,
                                    struct mopt_error *err);
void mopt__context_release(struct mopt_pass_context *context);

// ---- arguments.c
// Parses "key=value,..." (NULL: none) against the option rows of a pass; values[i] = text of option
// i (given or initial). Errors: MOPT_E_USAGE.
enum mopt_status mopt__arguments_parse(const struct mopt_pass *pass, const char *text,
                                       struct mopt_arena *arena, const char **values,
                                       struct mopt_error *err);
// Length of the text up to the first of `stops` outside double quotes; SIZE_MAX: a quote is not
// closed.
size_t mopt__arguments_span(const char *text, const char *stops);
bool mopt__option_bool(const char *text, bool *value); // "true", "false"

// ---- inputs.c: random inputs for models
struct mopt_inputs {
    const struct mopt_model *model;
    struct mopt_rng rng;
    int attempt;           // way of binding symbols and choosing integers, from 0
    int run;               // flavour of values
    bool overridden;       // overridable inputs get data too
    struct mopt_map names; // symbol -> number + 1
    size_t name_count;
};
enum { MOPT_INPUT_ATTEMPTS = 10 };
// One datum per graph input (new references; NULL where the default applies). *reason: why inputs
// cannot be made (static text), then data are all NULL.
enum mopt_status mopt__inputs_make(struct mopt_inputs *inputs, struct mopt_datum **data,
                                   const char **reason, struct mopt_error *err);
void mopt__inputs_free(struct mopt_datum **data, size_t count); // drops references, keeps the array

// ---- compare.c
struct mopt_difference {
    double max_abs, max_rel;
    bool same;          // bit for bit, NaN equal to NaN
    bool equal;         // within tolerance
    const char *reason; // static text why not equal
};
void mopt__data_compare(const struct mopt_datum *a, const struct mopt_datum *b,
                        enum mopt_numerics numerics, struct mopt_difference *out);

#endif
