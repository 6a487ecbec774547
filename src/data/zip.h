// SPDX-License-Identifier: Apache-2.0
// Reads the directory of a zip archive (PKWARE APPNOTE 6.3: stored and deflated entries, zip64). It
// extracts nothing to disk and knows nothing of what the entries hold.
#ifndef MOPT_DATA_ZIP_H
#define MOPT_DATA_ZIP_H

#include "base/file.h"

struct mopt_zip_entry {
    char *name;                 // heap
    bool deflated;              // else stored
    size_t offset;              // of the packed bytes in the mapping
    size_t packed_bytes, bytes; // checked: packed bytes lie inside; bytes <= 1032 times as many
    uint32_t crc;
};

struct mopt_zip {
    struct mopt_mapping *mapping; // owned reference
    struct mopt_zip_entry *entries;
    size_t count, capacity;
};

// Folders are left out. Errors: MOPT_E_FORMAT, MOPT_E_UNSUPPORTED (encryption, other methods),
// MOPT_E_MEMORY.
enum mopt_status mopt__zip_open(struct mopt_mapping *mapping, struct mopt_zip *zip,
                                struct mopt_error *err);
void mopt__zip_release(struct mopt_zip *zip);

#endif
