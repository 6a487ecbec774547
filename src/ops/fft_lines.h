// SPDX-License-Identifier: Apache-2.0
// Fourier transforms of many lines of a tensor, shared out over threads. It must not know nodes.
#ifndef MOPT_OPS_FFT_LINES_H
#define MOPT_OPS_FFT_LINES_H

#include "ops/eval.h"

// Where a line starts and goes on, in elements.
struct mopt_fft_steps {
    size_t outer, inner; // from line to line along two axes
    size_t point;        // from point to point; a complex point is two elements next to each other
};

struct mopt_fft_lines {
    const struct mopt_tensor *x;
    const double *window; // [given] factors of the points, or NULL
    size_t parts;         // elements of a point of x: 1 real, 2 complex
    struct mopt_fft_steps in;
    struct mopt_tensor *y;
    size_t y_parts; // 1: the imaginary parts are left out
    struct mopt_fft_steps out;
    size_t outer, inner; // number of lines along two axes
    size_t n;            // points of a transform, at least 1
    size_t given;        // points of x, at most n; zeros follow
    size_t bins;         // points of y, at most n
    bool inverse;
    bool mirror; // x is the first half of the spectrum of a real line: conjugates follow, not zeros
    bool single; // in 32-bit floats where mopt_fft_form has it
};
// y = transforms of the lines of x. Errors: memory, limits of the job. The bytes of y do not depend
// on the number of threads.
enum mopt_status mopt__fft_lines(const struct mopt_eval *eval, const struct mopt_fft_lines *lines,
                                 struct mopt_error *err);

#endif
