// SPDX-License-Identifier: Apache-2.0
// Makes a failing network smaller: drops outputs and nodes as long as it still fails.
#ifndef MOPT_TESTS_PROPERTY_SHRINK_H
#define MOPT_TESTS_PROPERTY_SHRINK_H

#include "base/strings.h"
#include "property/apart.h"

// text is replaced by a smaller network that fails, if one is found.
void shrink(struct apart *apart, struct mopt_strbuf *text);

#endif
