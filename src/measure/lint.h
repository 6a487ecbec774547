// SPDX-License-Identifier: Apache-2.0
// Faults of a model: what breaks the specification, what cannot run here, what is suspicious.
#ifndef MOPT_MEASURE_LINT_H
#define MOPT_MEASURE_LINT_H

#include "ir/ir.h"

enum mopt_severity { MOPT_LINT_ERROR, MOPT_LINT_WARNING, MOPT_LINT_NOTE };

// Codes are stable: E errors, W warnings, N notes.
#define MOPT_LINT_LIST(X)                                                                     \
    X(STRUCTURE, "E001", MOPT_LINT_ERROR, "the graph breaks the rules of the format")         \
    X(SCHEMA, "E002", MOPT_LINT_ERROR, "a node breaks the schema of its operator")            \
    X(TYPES, "E003", MOPT_LINT_ERROR, "types or shapes contradict each other")                \
    X(OPERATOR, "E004", MOPT_LINT_ERROR, "no such operator in the default domain")            \
    X(NAN, "E005", MOPT_LINT_ERROR, "weights hold NaN")                                       \
    X(CANNOT_RUN, "W001", MOPT_LINT_WARNING, "mopt cannot run this operator")                 \
    X(CUSTOM, "W002", MOPT_LINT_WARNING, "operator of a domain that mopt does not know")      \
    X(INFINITE, "W003", MOPT_LINT_WARNING, "weights hold infinite values")                    \
    X(DEAD_NODE, "W004", MOPT_LINT_WARNING, "the result of a node is never used")             \
    X(DEAD_WEIGHT, "W005", MOPT_LINT_WARNING, "weights are never used")                       \
    X(DEAD_INPUT, "W006", MOPT_LINT_WARNING, "a graph input is never used")                   \
    X(OLD_OPSET, "W007", MOPT_LINT_WARNING, "opset below 7: semantics that runtimes dropped") \
    X(EXTERNAL, "N001", MOPT_LINT_NOTE, "weights stand in another file")                      \
    X(OVERRIDABLE, "N002", MOPT_LINT_NOTE, "weights that callers may replace block folding")  \
    X(OPEN_TYPE, "N003", MOPT_LINT_NOTE, "the type of a graph output is not known")

enum mopt_lint_code {
#define MOPT_LINT_ENUM(id, code, severity, meaning) MOPT_LINT_##id,
    MOPT_LINT_LIST(MOPT_LINT_ENUM)
#undef MOPT_LINT_ENUM
        MOPT_LINT_CODES
};

struct mopt_lint_row {
    enum mopt_lint_code code;
    const char *place; // "node 'conv1' (Conv)", "initializer 'w'"; "" = the model
    const char *text;  // details
    size_t count;      // findings of this kind that the row stands for (further ones are counted)
};

struct mopt_lint { // release with mopt__lint_release
    struct mopt_arena arena;
    struct mopt_lint_row *rows; // heap; errors first, then warnings, notes; then in model order
    size_t count, capacity;
    size_t severities[3];          // findings by severity
    size_t codes[MOPT_LINT_CODES]; // findings by code
};

const char *mopt__lint_name(enum mopt_lint_code code);    // "E001"
const char *mopt__lint_meaning(enum mopt_lint_code code); // one sentence
enum mopt_severity mopt__lint_severity(enum mopt_lint_code code);

// Looks at everything; stores inferred types in the model. At most `limit` rows per code are kept
// (0 = all), the others counted. Faults are rows, not errors: fails only with MOPT_E_MEMORY.
enum mopt_status mopt__lint_model(struct mopt_model *model, size_t limit, struct mopt_lint *out,
                                  struct mopt_error *err);
void mopt__lint_release(struct mopt_lint *lint);

#endif
