// SPDX-License-Identifier: Apache-2.0
// Where the inputs of runs come from: a dataset, tensors given one by one, or seeded random
// numbers.
#ifndef MOPT_MEASURE_FEED_H
#define MOPT_MEASURE_FEED_H

#include "data/data.h"
#include "measure/facts.h"

struct mopt_fixed_input {
    const char *name;
    struct mopt_datum *datum;
};

struct mopt_feed_options {
    struct mopt_dataset *dataset;         // NULL: no data; not owned
    const struct mopt_fixed_input *fixed; // same for every sample; go before the other sources
    size_t fixed_count;
    bool random;    // inputs that nothing else gives get random numbers (never of one kind only:
                    // floats normal, 8-bit integers over their range, other integers 0 and 1)
    size_t samples; // without a dataset; at least 1
    uint64_t seed;
    const struct mopt_binding *bindings; // of open dims, for random inputs
    size_t binding_count;
    int64_t batch; // axis 0 of random inputs that nothing binds; at least 1
};

struct mopt_feed; // opaque

struct mopt_feed_item {
    struct mopt_datum **inputs;       // [graph inputs]; NULL entries: the initializer is used
    const struct mopt_sample *sample; // NULL when not from a dataset
    size_t rows;                      // samples in this item
    char name[96];
};

// Checks that every input without initializer is given. The model and what options point to must
// outlive the feed. Errors: MOPT_E_USAGE (input not given, unknown name with the nearest match,
// open dimension), MOPT_E_UNSUPPORTED (random sequence or string), MOPT_E_MEMORY.
enum mopt_status mopt__feed_new(const struct mopt_model *model,
                                const struct mopt_feed_options *options, struct mopt_feed **out,
                                struct mopt_error *err);
void mopt__feed_free(struct mopt_feed *feed);
size_t mopt__feed_count(const struct mopt_feed *feed); // samples
// Next item, valid until the next call; *item = NULL at the end.
enum mopt_status mopt__feed_next(struct mopt_feed *feed, const struct mopt_feed_item **item,
                                 struct mopt_error *err);

#endif
