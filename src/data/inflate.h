// SPDX-License-Identifier: Apache-2.0
// Reads compressed bytes (raw deflate of zip entries, gzip files) as a stream that can be put back.
// It knows no file format inside the stream.
#ifndef MOPT_DATA_INFLATE_H
#define MOPT_DATA_INFLATE_H

#include "base/file.h"

struct mopt_inflate; // opaque

// Deflate cannot pack more than 1032 bytes into one (RFC 1951: 258 bytes per 2 bits).
enum { MOPT_INFLATE_RATIO = 1032 };

// Stream over size bytes at offset of the mapping (a new reference is held). gzip: with gzip
// headers and sums, members one after the other (RFC 1952); else raw deflate.
enum mopt_status mopt__inflate_new(struct mopt_mapping *mapping, size_t offset, size_t size,
                                   bool gzip, struct mopt_inflate **out, struct mopt_error *err);
void mopt__inflate_free(struct mopt_inflate *stream); // NULL is fine
// The CRC-32 that all unpacked bytes must have; checked by mopt__inflate_end.
void mopt__inflate_expect(struct mopt_inflate *stream, uint32_t crc);
// Reads exactly `bytes`; a stream that ends before is MOPT_E_FORMAT.
enum mopt_status mopt__inflate_read(struct mopt_inflate *stream, void *buffer, size_t bytes,
                                    struct mopt_error *err);
// Goes to a position of the unpacked bytes: forward by reading over them, back by starting again.
enum mopt_status mopt__inflate_seek(struct mopt_inflate *stream, uint64_t position,
                                    struct mopt_error *err);
// The unpacked bytes end here (checks the sums); anything more is MOPT_E_FORMAT.
enum mopt_status mopt__inflate_end(struct mopt_inflate *stream, struct mopt_error *err);

#endif
