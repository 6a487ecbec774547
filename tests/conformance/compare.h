// SPDX-License-Identifier: Apache-2.0
// Comparison of results with the suite's tolerances.
#ifndef CONFORMANCE_COMPARE_H
#define CONFORMANCE_COMPARE_H

#include "ir/ir.h"

struct comparison {
    double rtol, atol;
    double bfloat_ulp; // BFLOAT16 are equal this many units in the last place apart, too
    double max_ulp;    // largest distance seen, in units in the last place of the type
    char reason[256];  // first difference; "" while equal
};

// True when equal: floats within atol + rtol * |expected|, everything else exactly.
bool compare_data(struct comparison *state, const struct mopt_datum *actual,
                  const struct mopt_datum *expected);
// True when inferred facts hold for what was computed; else reason is set.
bool compare_type(struct comparison *state, const struct mopt_dims *dims,
                  const struct mopt_value *value, const struct mopt_datum *actual);

#endif
