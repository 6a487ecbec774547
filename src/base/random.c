// SPDX-License-Identifier: Apache-2.0
// xoshiro256** (Blackman and Vigna 2018) seeded by splitmix64. Uses only operations that IEEE 754
// rounds the same way everywhere, never log() of the system library, so streams agree on every
// machine.
#include "base/random.h"

#include <assert.h>
#include <math.h>

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

void mopt__rng_init(struct mopt_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t x = seed;
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = x ^ x >> 31;
    }
}

uint64_t mopt__rng_u64(struct mopt_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t mopt__rng_below(struct mopt_rng *rng, uint64_t bound)
{
    assert(bound > 0);
    uint64_t uneven = (0 - bound) % bound; // 2^64 mod bound: that many low values would be favoured
    uint64_t value;
    do {
        value = mopt__rng_u64(rng);
    } while (value < uneven);
    return value % bound;
}

double mopt__rng_unit(struct mopt_rng *rng)
{
    return (double)(mopt__rng_u64(rng) >> 11) * 0x1p-53;
}

// Natural logarithm of x in (0,1): x = m * 2^e with m near 1, ln m = 2 artanh((m-1)/(m+1)) as a
// series.
static double natural_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1);
    double square = z * z;
    double sum = 0;
    for (int k = 23; k >= 1; k -= 2) {
        sum = sum * square + 1.0 / k;
    }
    return exponent * 0.69314718055994531 + 2 * z * sum;
}

// Polar method (Marsaglia and Bray 1964). The second value of each pair is dropped: a generator has
// no other state.
double mopt__rng_normal(struct mopt_rng *rng)
{
    double u;
    double square;
    do {
        u = 2 * mopt__rng_unit(rng) - 1;
        double v = 2 * mopt__rng_unit(rng) - 1;
        square = u * u + v * v;
    } while (square >= 1 || square == 0);
    return u * sqrt(-2 * natural_log(square) / square);
}
