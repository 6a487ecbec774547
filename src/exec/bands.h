// SPDX-License-Identifier: Apache-2.0
// Actions that can make some rows of an image at a time out of some rows of another, and what
// becomes of several in a row. Private to exec.
#ifndef MOPT_EXEC_BANDS_H
#define MOPT_EXEC_BANDS_H

#include "exec/lower.h"
#include "kernels/conv_nhwc.h"

// Rows of one image.
struct mopt_band {
    size_t image;             // of the batch
    size_t first, rows;       // of the result
    size_t in_first, in_rows; // those under them that exist
    const void *x;            // row in_first
    void *y;                  // row first
    void *scratch;
};

struct mopt_banded {
    void (*run)(const void *work, const struct mopt_frame *frame, const struct mopt_band *band);
    const struct mopt_window2d *window;
    uint32_t x, y;            // cells of the images
    size_t in_line, out_line; // bytes of a row
    size_t scratch;           // bytes a band needs, however many rows it has
};

// The action emitted last can be run so. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__low_banded(struct mopt_lower *l, const struct mopt_banded *banded);
// Actions that follow each other, the next one reading the large image that the one before makes
// for it alone, become one that makes it band by band, in memory of its own.
enum mopt_status mopt__low_bands(struct mopt_lower *l);

#endif
