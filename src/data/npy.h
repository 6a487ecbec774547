// SPDX-License-Identifier: Apache-2.0
// The header of a .npy array (NumPy format versions 1 to 3) and what it tells about the bytes
// behind it. It knows no archive and no dataset.
#ifndef MOPT_DATA_NPY_H
#define MOPT_DATA_NPY_H

#include "base/strings.h"
#include "ir/tensor.h"

enum {
    MOPT_NPY_PREFIX = 12,          // bytes that hold magic, version and header length
    MOPT_NPY_HEADER_MAX = 1 << 16, // longer headers are refused
};

// How the elements of an array lie in a file.
struct mopt_layout {
    enum mopt_dtype dtype;
    size_t element_bytes; // in the file
    char text; // 'U' (UCS-4, padded with 0) or 'S' (bytes, padded with 0) for MOPT_STRING, else 0
    bool swapped; // multi-byte numbers are big-endian
    bool fortran; // first axis runs fastest
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    size_t count, bytes; // elements; bytes in the file
};

// Fills count and bytes from dims and element_bytes; MOPT_E_FORMAT when they overflow.
enum mopt_status mopt__layout_measure(struct mopt_layout *layout, struct mopt_error *err);
// Bytes of prefix and header together, from the first MOPT_NPY_PREFIX bytes (fewer: `size`).
enum mopt_status mopt__npy_header_bytes(const uint8_t *data, size_t size, size_t *bytes,
                                        struct mopt_error *err);
// Parses prefix and header (data holds exactly what mopt__npy_header_bytes said).
enum mopt_status mopt__npy_header_parse(const uint8_t *data, size_t size,
                                        struct mopt_layout *layout, struct mopt_error *err);
// Prefix and header for a tensor as mopt__npy_save writes it; *element is the type it is written
// with: what NumPy has no name for is widened (bfloat16, float8, float4: float32; 2- and 4-bit
// integers: 8 bits). Strings become UCS-4 with *width characters each.
enum mopt_status mopt__npy_header_make(const struct mopt_tensor *tensor, struct mopt_strbuf *out,
                                       enum mopt_dtype *element, size_t *width,
                                       struct mopt_error *err);
// Bytes of the elements as they stand behind that header: *data is the tensor's own memory or *heap
// (mopt__free).
enum mopt_status mopt__npy_encode(const struct mopt_tensor *tensor, enum mopt_dtype element,
                                  size_t width, const void **data, size_t *bytes, void **heap,
                                  struct mopt_error *err);

#endif
