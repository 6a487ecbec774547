// SPDX-License-Identifier: Apache-2.0
// Seeded pseudo random numbers (xoshiro256** seeded by splitmix64): same seed, same stream on every
// machine.
#ifndef MOPT_BASE_RANDOM_H
#define MOPT_BASE_RANDOM_H

#include <stdint.h>

struct mopt_rng {
    uint64_t state[4];
};
void mopt__rng_init(struct mopt_rng *rng, uint64_t seed);
uint64_t mopt__rng_u64(struct mopt_rng *rng);
uint64_t mopt__rng_below(struct mopt_rng *rng, uint64_t bound); // uniform in [0,bound), bound > 0
double mopt__rng_unit(struct mopt_rng *rng);                    // uniform in [0,1)
double mopt__rng_normal(struct mopt_rng *rng); // mean 0, deviation 1; same bits on every machine

#endif
