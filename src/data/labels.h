// SPDX-License-Identifier: Apache-2.0
// Label files: IDX, npy, or text with one label per line ("7", "a.png 7", "a.png,7").
#ifndef MOPT_DATA_LABELS_H
#define MOPT_DATA_LABELS_H

#include "data/lines.h"
#include "data/rows.h"

// Labels in the order of the samples as a 1-D integer array.
enum mopt_status mopt__labels_rows(const char *path, struct mopt_rows **out,
                                   struct mopt_error *err);

// Labels for named files.
struct mopt_labels {
    struct mopt_rows *rows;  // in order, or NULL
    struct mopt_lines lines; // by name
    struct mopt_map by_name; // path as written -> line
};
enum mopt_status mopt__labels_open(const char *path, struct mopt_labels *out,
                                   struct mopt_error *err);
void mopt__labels_release(struct mopt_labels *labels);
// Label of file number i with this path (relative to the data; its last part counts too).
enum mopt_status mopt__labels_find(struct mopt_labels *labels, size_t i, const char *path,
                                   int64_t *label, struct mopt_error *err);

#endif
