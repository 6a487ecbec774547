// SPDX-License-Identifier: Apache-2.0
// What dataset_open.c prepares and dataset.c runs. Private to these two.
#ifndef MOPT_DATA_DATASET_H
#define MOPT_DATA_DATASET_H

#include "data/fit.h"
#include "data/source.h"

struct mopt_dataset {
    struct mopt_source *source;
    struct mopt_input_spec *specs;
    size_t spec_count;
    const struct mopt_log *log;
    const struct mopt_dims *dims;
    struct mopt_dims *own_dims; // stands in where the caller has none
    char *path;
    struct mopt_preprocess *preprocess; // NULL = none
    size_t batch;
    size_t fixed_batch; // the model takes this many at a time, not fewer; 0 = any number
    bool alone;         // samples cannot be put together (known after the first one)
    size_t *order;      // permutation of the source's samples, NULL = as they are
    size_t first, step; // sample k of the dataset is number first + k * step of the order
    size_t count, position;
    bool *cast_told; // per field
    bool images_found;
    struct mopt_record record;
    struct mopt_tensor **rows;   // [field_count * batch]
    struct mopt_datum **values;  // [field_count]: of the current batch
    enum mopt_fit *fits;         // [field_count]
    struct mopt_sample sample;   // what next() hands out
    int64_t *labels;             // [batch]
    const char **expected_names; // [field_count]
    struct mopt_datum **inputs, **expected;
    struct mopt_strbuf name, description;
};

// Reads sample position + k into place k of the batch.
enum mopt_status mopt__dataset_load(struct mopt_dataset *dataset, size_t k, struct mopt_error *err);
void mopt__dataset_clear_batch(struct mopt_dataset *dataset);
// After a sample was loaded: does some input of the model lack a batch axis?
bool mopt__dataset_stands_alone(const struct mopt_dataset *dataset);

#endif
