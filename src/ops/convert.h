// SPDX-License-Identifier: Apache-2.0
// Conversion of whole tensors between element types with the meaning of Cast. Cast, CastLike and
// whoever needs the same rules use it. It knows nothing of nodes.
#ifndef MOPT_OPS_CONVERT_H
#define MOPT_OPS_CONVERT_H

#include "ir/tensor.h"
#include "kernels/table.h"

enum mopt_round { MOPT_ROUND_UP, MOPT_ROUND_DOWN, MOPT_ROUND_NEAREST };

struct mopt_convert {
    bool saturate; // float8 targets: out of range gives the largest value, else NaN or infinity
    enum mopt_round round; // float8e8m0 targets only
};

// Fills `to` (same count, any type but complex; strings both ways) from `from`.
// Floats round to nearest even, once. Float to integer truncates toward zero; what does not fit is
// defined the way an x86-64 machine does it: int64 and int32 become their minimum, narrower types
// take the low bits of the int32 result, uint32 the low bits of the int64 result. Integers to
// integers keep the low bits. Anything but 0 is true. Numbers become the shortest text that reads
// back the same ("1.0", "1e-05", "nan", "inf", "True"). Errors: MOPT_E_VALUE (text that is no
// number), MOPT_E_UNSUPPORTED (complex), MOPT_E_MEMORY.
enum mopt_status mopt__convert(struct mopt_tensor *to, const struct mopt_tensor *from,
                               const struct mopt_convert *options, struct mopt_error *err);

// Kernels for one direction between float and a float of 16 bits: is this one, and n elements of x
// from `begin` on into the same places of y. They do what mopt__convert does (but for the bits of a
// NaN).
bool mopt__converts_16(enum mopt_dtype from, enum mopt_dtype to);
void mopt__convert_16(const struct mopt_kernels *kernels, enum mopt_dtype from, const void *x,
                      enum mopt_dtype to, void *y, size_t begin, size_t n);

// ---- convert_text.c -----------------------------------------------------------------------------
enum { MOPT_NUMBER_TEXT = 40 };
// Shortest text of a float of this type; buf has MOPT_NUMBER_TEXT bytes. Returns its length.
size_t mopt__float_text(enum mopt_dtype dtype, double value, char *buf);
// Number in a text: decimal or scientific, "inf", "+inf", "-inf", "nan" in any case, spaces around.
// False if none.
bool mopt__text_float(const char *text, size_t size, double *value);
// Integer in a text; a fraction is cut off. The value wraps for unsigned 64-bit numbers.
bool mopt__text_integer(const char *text, size_t size, int64_t *value);

#endif
