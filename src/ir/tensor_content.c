// SPDX-License-Identifier: Apache-2.0
// Questions about the whole content of a tensor: equality, hash, all elements equal. Bits that pad
// the last byte of sub-byte types never count.
#include <string.h>

#include "base/map.h"
#include "ir/tensor.h"

// Bytes that hold whole elements only; *rest: the meaningful bits of the byte after them (0: there
// is none).
static size_t whole_bytes(const struct mopt_tensor *tensor, uint8_t *rest)
{
    unsigned bits = mopt__dtype_bits(tensor->dtype);
    *rest = 0;
    if (bits >= 8) {
        return tensor->bytes;
    }
    size_t per_byte = 8 / bits;
    size_t left = tensor->count % per_byte;
    if (left > 0) {
        uint8_t mask = (uint8_t)((1U << (left * bits)) - 1);
        *rest = ((const uint8_t *)tensor->data)[tensor->bytes - 1] & mask;
    }
    return tensor->count / per_byte;
}

static bool same_string(const struct mopt_string *a, const struct mopt_string *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool same_strings(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    const struct mopt_string *x = a->data;
    const struct mopt_string *y = b->data;
    for (size_t i = 0; i < a->count; i++) {
        if (!same_string(&x[i], &y[i])) {
            return false;
        }
    }
    return true;
}

bool mopt__tensor_equal(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    if (a == b) {
        return true;
    }
    if (!a || !b || a->dtype != b->dtype || a->rank != b->rank ||
        memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) != 0) {
        return false;
    }
    if (a->data == b->data) {
        return true;
    }
    if (a->dtype == MOPT_STRING) {
        return same_strings(a, b);
    }
    uint8_t rest_a;
    uint8_t rest_b;
    size_t whole = whole_bytes(a, &rest_a);
    whole_bytes(b, &rest_b);
    return rest_a == rest_b && memcmp(a->data, b->data, whole) == 0;
}

uint64_t mopt__tensor_hash(const struct mopt_tensor *tensor)
{
    uint64_t hash = mopt__hash_mix((uint64_t)tensor->dtype, (uint64_t)tensor->rank);
    hash = mopt__hash_mix(hash, mopt__hash_bytes(tensor->dims,
                                                 (size_t)tensor->rank * sizeof *tensor->dims));
    if (tensor->dtype == MOPT_STRING) {
        const struct mopt_string *items = tensor->data;
        for (size_t i = 0; i < tensor->count; i++) {
            hash = mopt__hash_mix(hash, mopt__hash_bytes(items[i].data, items[i].size));
        }
        return hash;
    }
    uint8_t rest;
    size_t whole = whole_bytes(tensor, &rest);
    return mopt__hash_mix(mopt__hash_mix(hash, mopt__hash_bytes(tensor->data, whole)), rest);
}

static bool splat_strings(const struct mopt_tensor *tensor)
{
    const struct mopt_string *items = tensor->data;
    for (size_t i = 1; i < tensor->count; i++) {
        if (!same_string(&items[0], &items[i])) {
            return false;
        }
    }
    return true;
}

// Sub-byte: every byte must be the first element repeated.
static bool splat_bits(const struct mopt_tensor *tensor, unsigned bits)
{
    const uint8_t *bytes = tensor->data;
    unsigned pattern = bytes[0] & ((1U << bits) - 1);
    for (unsigned width = bits; width < 8; width *= 2) {
        pattern |= pattern << width;
    }
    uint8_t rest;
    size_t whole = whole_bytes(tensor, &rest);
    for (size_t i = 0; i < whole; i++) {
        if (bytes[i] != pattern) {
            return false;
        }
    }
    unsigned left = (unsigned)(tensor->count % (8 / bits));
    return rest == (pattern & ((1U << (left * bits)) - 1));
}

bool mopt__tensor_is_splat(const struct mopt_tensor *tensor)
{
    unsigned bits = mopt__dtype_bits(tensor->dtype);
    if (tensor->count == 0) {
        return false;
    }
    if (tensor->dtype == MOPT_STRING) {
        return splat_strings(tensor);
    }
    if (bits < 8) {
        return splat_bits(tensor, bits);
    }
    // Equal to itself moved by one element.
    size_t size = bits / 8;
    const uint8_t *bytes = tensor->data;
    return memcmp(bytes, bytes + size, tensor->bytes - size) == 0;
}
