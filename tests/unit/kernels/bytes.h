// SPDX-License-Identifier: Apache-2.0
// Shared by the tests of byte kernels: memory with guard bands, extreme bytes, levels.
#ifndef TEST_KERNELS_BYTES_H
#define TEST_KERNELS_BYTES_H

#include "kernels/int8.h"
#include "support.h"

enum { BAND = 64, BAND_BYTE = 0xA5 };

// A block of exactly `bytes` bytes at `shift` (0..63) behind an aligned address, guard bands around
// it; `over` more bytes may be read behind it and belong to the band.
struct band {
    uint8_t *block, *data;
    size_t bytes;
};

static inline struct band band_new(size_t bytes, size_t shift)
{
    struct band b = {.block = mopt__malloc_aligned(bytes + 3 * BAND), .bytes = bytes};
    assert_non_null(b.block);
    memset(b.block, BAND_BYTE, bytes + 3 * BAND);
    b.data = b.block + BAND + shift;
    return b;
}

// Checks the bands and frees.
static inline void band_free(struct band *b)
{
    const uint8_t *end = b->block + b->bytes + 3 * BAND;
    for (const uint8_t *p = b->block; p < end; p++) {
        if ((p < b->data || p >= b->data + b->bytes) && *p != BAND_BYTE) {
            fail_msg("byte %td outside of the result was written", p - b->data);
        }
    }
    mopt__free_aligned(b->block);
}

// Random bytes; mode 1: the ends of both ranges only, 2: all 255 (-1), 3: all 128 (-128), 4: all
// 127, 0: anything.
static inline void fill_bytes(struct mopt_rng *rng, int mode, void *data, size_t count)
{
    static const uint8_t ends[] = {0, 255, 128, 127};
    uint8_t *bytes = data;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = mode == 0   ? (uint8_t)mopt__rng_below(rng, 256)
                   : mode == 1 ? ends[mopt__rng_below(rng, 4)]
                   : mode == 2 ? 255
                   : mode == 3 ? 128
                               : 127;
    }
}

enum { LENGTH_MOST = 300 };

static inline size_t length(struct mopt_rng *rng)
{
    return (size_t)between(rng, 0, mopt__rng_below(rng, 2) ? 40 : LENGTH_MOST);
}

static inline size_t shift(struct mopt_rng *rng)
{
    return (size_t)between(rng, 0, 15);
}

static inline int each_level(void (*test)(const struct mopt_kernels *kernels))
{
    int levels = 0;
    for (int isa = MOPT_ISA_REF; isa <= (int)mopt__cpu_isa(); isa++, levels++) {
        struct mopt_kernels kernels;
        mopt__kernels_select((enum mopt_isa)isa, &kernels);
        test(&kernels);
    }
    return levels;
}

#define LEVELS(name)                        \
    static void test_##name(void **state)   \
    {                                       \
        (void)state;                        \
        assert_true(each_level(name) >= 1); \
    }

// The meaning of "requantized" in table.h from the scaled value on, in double.
static inline uint8_t want_rounded(float value, int32_t zero_point, int32_t low, int32_t high)
{
    double v = (double)value;
    if (isnan(v) || v < low - zero_point) {
        return (uint8_t)low;
    }
    return v > high - zero_point ? (uint8_t)high : (uint8_t)((int32_t)rint(v) + zero_point);
}

static inline uint8_t want_byte(int32_t acc, float scale, int32_t zero_point, int32_t low,
                                int32_t high)
{
    return want_rounded((float)acc * scale, zero_point, low, high);
}

// The same with a shift; NULL: without.
static inline uint8_t want_shifted(int32_t acc, float scale, const float *shift, int32_t zero_point,
                                   int32_t low, int32_t high)
{
    float product = (float)acc * scale;
    return want_rounded(shift ? product + *shift : product, zero_point, low, high);
}

// Addends in steps of the output: most of them fractions that a sum of integers cannot hold.
static inline void fill_shifts(struct mopt_rng *rng, float *shift, size_t count)
{
    static const float hard[] = {0.0F,  -0.0F,  INFINITY, -INFINITY, NAN,   0.5F,
                                 -0.5F, 1e-30F, 300.0F,   -300.0F,   3e38F, -3e38F};
    for (size_t i = 0; i < count; i++) {
        bool odd = mopt__rng_below(rng, 8) == 0;
        shift[i] = odd ? hard[mopt__rng_below(rng, MOPT_COUNTOF(hard))]
                       : 30 * (float)mopt__rng_normal(rng);
    }
}

// What a product is followed by: random, with hard scales now and then.
static inline void fill_scales(struct mopt_rng *rng, float typical, float *scale, size_t count)
{
    static const float hard[] = {0.0F, -0.0F, INFINITY, -INFINITY, NAN, 1e30F, 1e-30F, -1.0F, 1.0F};
    for (size_t i = 0; i < count; i++) {
        bool odd = mopt__rng_below(rng, 16) == 0;
        scale[i] = odd ? hard[mopt__rng_below(rng, MOPT_COUNTOF(hard))]
                       : typical * (0.5F + (float)mopt__rng_unit(rng));
    }
}

static inline bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

#endif
