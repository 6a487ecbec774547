// SPDX-License-Identifier: Apache-2.0
// A trial in a process of its own, so that a crash or an endless loop is a failure like others.
#ifndef MOPT_TESTS_PROPERTY_APART_H
#define MOPT_TESTS_PROPERTY_APART_H

#include "property/trial.h"

struct apart; // memory shared with the processes

struct apart *apart_new(bool all); // NULL: out of memory
void apart_free(struct apart *apart);
enum trial_verdict apart_trial(struct apart *apart, const char *text);
const char *apart_reason(const struct apart *apart); // of the last trial

#endif
