// SPDX-License-Identifier: Apache-2.0
// Discrete Fourier transform of any length on plain arrays. It must not know tensors.
#ifndef MOPT_OPS_FFT_H
#define MOPT_OPS_FFT_H

#include <stdbool.h>
#include <stddef.h>

#include "mopt/status.h"

struct mopt_complex {
    double re, im;
};

// Tables for transforms of n points (n > 0); free with mopt__fft_free, also on failure. single:
// lengths of prime factors up to 31 are computed in 32-bit floats.
struct mopt_fft;
enum mopt_status mopt__fft_new(size_t n, bool single, struct mopt_fft **out,
                               struct mopt_error *err);
void mopt__fft_free(struct mopt_fft *fft);
// x[k] = sum over j of x[j] exp(-+ 2 pi i j k / n), in place; the inverse (sign +) is divided by n.
void mopt__fft_run(struct mopt_fft *fft, struct mopt_complex *x, bool inverse);

#endif
