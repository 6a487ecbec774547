// SPDX-License-Identifier: Apache-2.0
// Discrete Fourier transforms of any length on plain arrays. It must not know tensors.
#ifndef MOPT_OPS_FFT_H
#define MOPT_OPS_FFT_H

#include <stdbool.h>
#include <stddef.h>

#include "mopt/status.h"

// How many lines a transform can take side by side.
enum { MOPT_FFT_LANES = 4 };

struct mopt_fft_form {
    size_t n;     // points, at least 1
    size_t lanes; // 1 or MOPT_FFT_LANES
    bool real;    // the numbers have no imaginary part; forward only, not with single
    bool single;  // lengths of prime factors up to 31 are computed in 32-bit floats
};

// Tables of a transform, shared by threads; free with mopt__fft_free, also on failure.
struct mopt_fft;
enum mopt_status mopt__fft_new(const struct mopt_fft_form *form, struct mopt_fft **out,
                               struct mopt_error *err);
void mopt__fft_free(struct mopt_fft *fft);
// Doubles of the scratch of a run.
size_t mopt__fft_room(const struct mopt_fft *fft);
// y[k] = sum over j of x[j] exp(-+ 2 pi i j k / n), in place; the inverse (sign +) is divided by n.
// x: [n][re, im][lanes]; of real numbers [n][lanes], and y is [n/2 + 1][re, im][lanes], the other
// half being conjugate to it. x has 2 * n * lanes doubles in any case. What a lane gets does not
// depend on the others.
void mopt__fft_run(const struct mopt_fft *fft, double *x, void *room, bool inverse);

#endif
