// SPDX-License-Identifier: Apache-2.0
// What the files of facet_node.h share.
#ifndef TEST_OPS_FACET_PRIVATE_H
#define TEST_OPS_FACET_PRIVATE_H

#include "facet_node.h"

enum { FACET_DTYPES = 26 }; // element types of the format

int64_t facet_some_int(struct facet *facet); // mostly small, sometimes where arithmetic overflows
enum mopt_dtype facet_some_dtype(struct facet *facet, uint64_t set);
struct mopt_tensor *facet_some_tensor(struct facet *facet, enum mopt_dtype dtype, int rank,
                                      const int64_t *dims);
// Numbers of a list apart by ','; the text may end with ';', ' ' or its end. Letters are sizes.
size_t facet_read_numbers(struct facet *facet, const char *at, double *values, size_t max);
void facet_release_outputs(struct facet *facet);
// Value of an attribute in a hint, NULL when it is not mentioned.
const char *facet_told_value(const struct facet_hint *hint, const char *name);
// Sets an attribute to what a hint says.
void facet_told_attribute(struct facet *facet, const struct mopt_attr_spec *spec, const char *at);

#endif
