// SPDX-License-Identifier: Apache-2.0
// Regular expressions in RE2's syntax (https://github.com/google/re2/wiki/Syntax), matched against
// whole texts in time linear in the text: a set of states walks along, nothing is tried twice. It
// knows nothing of nodes.
#ifndef MOPT_OPS_PATTERN_H
#define MOPT_OPS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "mopt/status.h"

struct mopt_pattern; // opaque

// Compiles a NUL-terminated UTF-8 pattern. Taken: literals, ., classes [a-z], [^...], [[:alpha:]],
// \d \w \s and their opposites, groups (captures are matched, not kept), |, * + ? {n,m} and their
// lazy forms, ^ $ \A \z \b \B, flags i s m, \x41 and \x{1F600}. Errors: MOPT_E_VALUE (not a legal
// pattern), MOPT_E_UNSUPPORTED (Unicode classes \p, \Q...\E), MOPT_E_LIMIT (too large),
// MOPT_E_MEMORY.
enum mopt_status mopt__pattern_new(const char *text, struct mopt_pattern **out,
                                   struct mopt_error *err);
void mopt__pattern_free(struct mopt_pattern *pattern); // NULL is fine
// *matches: the whole text fits. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__pattern_match(const struct mopt_pattern *pattern, const char *text,
                                     size_t size, bool *matches, struct mopt_error *err);

#endif
