// SPDX-License-Identifier: Apache-2.0
// An array in a file, read sample by sample along axis 0: from a mapping, or unpacked on the way.
// It knows no file format; npy, zip, IDX and raw files make one of these each.
#ifndef MOPT_DATA_ROWS_H
#define MOPT_DATA_ROWS_H

#include "data/inflate.h"
#include "data/npy.h"

enum { MOPT_INFLATED_GIB = 4 }; // largest single tensor unpacked into memory

struct mopt_rows {
    struct mopt_layout layout;
    struct mopt_mapping *mapping; // owned reference; plain bytes, or the packed file
    size_t offset;                // of the elements, in the mapping or in the unpacked stream
    struct mopt_inflate *stream;  // NULL: plain
};

// Elements lie plain in the mapping at offset (new reference). Errors: MOPT_E_FORMAT (beyond the
// end).
enum mopt_status mopt__rows_mapped(const struct mopt_layout *layout, struct mopt_mapping *mapping,
                                   size_t offset, struct mopt_rows **out, struct mopt_error *err);
// Elements come out of the stream (taken over, freed on failure too) after `offset` bytes.
enum mopt_status mopt__rows_packed(const struct mopt_layout *layout, struct mopt_mapping *mapping,
                                   struct mopt_inflate *stream, size_t offset,
                                   struct mopt_rows **out, struct mopt_error *err);
void mopt__rows_free(struct mopt_rows *rows);          // NULL is fine
size_t mopt__rows_count(const struct mopt_rows *rows); // of axis 0; 0 for rank 0
// Row i < count as a tensor without axis 0. Mapped numbers are not copied where alignment allows.
enum mopt_status mopt__rows_get(struct mopt_rows *rows, size_t i, struct mopt_tensor **out,
                                struct mopt_error *err);
enum mopt_status mopt__rows_all(struct mopt_rows *rows, struct mopt_tensor **out,
                                struct mopt_error *err); // the whole array
// Makes access in any order cheap: unpacks a stream once into a nameless temporary file ($TMPDIR or
// /tmp).
enum mopt_status mopt__rows_unpack(struct mopt_rows *rows, struct mopt_error *err);
// The array of a .npy file.
enum mopt_status mopt__npy_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                struct mopt_error *err);

#endif
