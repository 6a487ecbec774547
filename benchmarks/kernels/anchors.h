// SPDX-License-Identifier: Apache-2.0
// Products of other libraries, to compare with.
#ifndef MOPT_BENCHMARKS_ANCHORS_H
#define MOPT_BENCHMARKS_ANCHORS_H

#include <stddef.h>
#include <stdint.h>

// One product c[m, n] = a[m, k] b[k, n] of floats, or of bytes (unsigned, signed; c is unsigned,
// scaled by one factor per column).
struct anchor;

// NULL when the library was not there when this was built, or cannot do it. b is packed as the
// library likes it.
struct anchor *anchor_dnnl_f32(size_t m, size_t n, size_t k, const float *a, const float *b,
                               float *c);
struct anchor *anchor_dnnl_u8(size_t m, size_t n, size_t k, const uint8_t *a, const int8_t *b,
                              const float *scale, uint8_t *c);
void anchor_run(const void *anchor);
void anchor_free(struct anchor *anchor);

#endif
