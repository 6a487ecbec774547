// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for content hashes in reports.
#ifndef MOPT_BASE_SHA256_H
#define MOPT_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct mopt_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};
void mopt__sha256_init(struct mopt_sha256 *sha);
void mopt__sha256_update(struct mopt_sha256 *sha, const void *data, size_t bytes);
void mopt__sha256_hex(struct mopt_sha256 *sha, char out[65]); // finishes

#endif
