// SPDX-License-Identifier: Apache-2.0
// One network on the fast executor in every way it can run, against the reference.
#ifndef MOPT_TESTS_PROPERTY_TRIAL_H
#define MOPT_TESTS_PROPERTY_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

enum trial_verdict {
    TRIAL_GOOD,
    TRIAL_FAILED,  // the reason is told
    TRIAL_REFUSED, // the reference cannot run it, and the executor refuses it, too
    TRIAL_BROKEN,  // no network
};

enum { TRIAL_REASON_BYTES = MOPT_ERROR_TEXT_BYTES + 512 };

// text: in its first line, a comment, "exact" says that results have the same bytes on every
// instruction set. all: every number of threads on every instruction set, else a part of them.
enum trial_verdict trial(const char *text, bool all, char reason[TRIAL_REASON_BYTES]);

// Size that takes the place of unknown sizes in the first run.
int64_t trial_batch(const char *text);

#endif
