// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for content hashes in reports: Nettle's, with the processor's instructions
// for it where there are any.
#ifndef MOPT_BASE_SHA256_H
#define MOPT_BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

struct mopt_sha256 {
    struct sha256_ctx context;
};
void mopt__sha256_init(struct mopt_sha256 *sha);
void mopt__sha256_update(struct mopt_sha256 *sha, const void *data, size_t bytes);
void mopt__sha256_hex(struct mopt_sha256 *sha, char out[65]); // finishes

#endif
