// SPDX-License-Identifier: Apache-2.0
// What the unit tests of image share.
#ifndef MOPT_TESTS_UNIT_IMAGE_TESTS_H
#define MOPT_TESTS_UNIT_IMAGE_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/image.h"

struct golden {
    const char *name;
    enum mopt_image_format format;
    const uint8_t *data;
    size_t size, width, height;
    uint32_t crc; // of the pixels as RGB
};

// Runs the tests of one unit and returns the number of failures.
int mopt__test_decode(void);
int mopt__test_hostile(void);

// All golden pictures; those of formats that are not built in are left out by the tests.
const struct golden *mopt__test_golden(size_t *count);
// Decodes a copy of the bytes that ends where they end, so that a sanitizer sees reads behind it.
enum mopt_status mopt__test_decode_copy(const uint8_t *data, size_t size, struct mopt_image *out,
                                        struct mopt_error *err);

#endif
