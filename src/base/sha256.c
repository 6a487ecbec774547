// SPDX-License-Identifier: Apache-2.0
// Wraps Nettle, whose version 4 takes digests of one length only.
#include "base/sha256.h"

#include <nettle/version.h>
#include <stdint.h>

void mopt__sha256_init(struct mopt_sha256 *sha)
{
    sha256_init(&sha->context);
}

void mopt__sha256_update(struct mopt_sha256 *sha, const void *data, size_t bytes)
{
    sha256_update(&sha->context, bytes, data);
}

void mopt__sha256_hex(struct mopt_sha256 *sha, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
#if NETTLE_VERSION_MAJOR >= 4
    sha256_digest(&sha->context, digest);
#else
    sha256_digest(&sha->context, sizeof digest, digest);
#endif
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * SHA256_DIGEST_SIZE] = '\0';
}
