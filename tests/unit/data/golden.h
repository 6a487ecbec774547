// SPDX-License-Identifier: Apache-2.0
// Rows of the tables that golden.py writes.
#ifndef MOPT_TESTS_UNIT_DATA_GOLDEN_H
#define MOPT_TESTS_UNIT_DATA_GOLDEN_H

#include <stdint.h>

#include "data/preprocess.h"

struct golden_resize { // of mopt__test_noise(width, height, channels)
    size_t width, height, channels, to_width, to_height;
    enum mopt_kernel kernel;
    uint32_t crc; // of the result, rows from the top
};
struct golden_picture {
    const char *name;
    const uint8_t *data;
    size_t size;
    int64_t width, height, channels;
    uint32_t crc; // of the pixels
};

#endif
