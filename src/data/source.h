// SPDX-License-Identifier: Apache-2.0
// What a kind of data must offer to become a dataset: numbered samples made of named fields, read
// in any order. Sources know files; they know neither batches, nor preprocessing, nor the casts to
// what the model wants.
#ifndef MOPT_DATA_SOURCE_H
#define MOPT_DATA_SOURCE_H

#include "data/data.h"
#include "data/rows.h"

enum mopt_field_role {
    MOPT_FIELD_OPEN, // told by its name: input, recorded output or label
    MOPT_FIELD_INPUT,
    MOPT_FIELD_EXPECTED,
    MOPT_FIELD_LABEL,
};

enum { MOPT_NO_SPEC = -1 };

struct mopt_field {
    const char *name; // NULL: none; owned by the source
    int64_t position; // among the inputs where the data tell it, else -1
    enum mopt_field_role role;
    bool may_label;   // one integer per sample
    int spec;         // set by binding: input of the model, or MOPT_NO_SPEC
    const char *bare; // set by binding: name without "in_0_" and the like, NULL = none
};

// One sample. Values are references that the reader gives back.
struct mopt_record {
    struct mopt_datum **values; // [field_count]; NULL where the sample lacks the field
    int64_t label;              // valid if the source has labels
    struct mopt_strbuf name;    // file, or "sample 17"
};

struct mopt_source {
    // Fills the record (cleared before). index < count.
    enum mopt_status (*read)(struct mopt_source *source, size_t index, struct mopt_record *record,
                             struct mopt_error *err);
    // Called once after fields have got their specs: decides what a sample is. May be NULL.
    enum mopt_status (*bound)(struct mopt_source *source, const struct mopt_input_spec *specs,
                              const struct mopt_data_options *options, struct mopt_error *err);
    // Access will not be in rising order. May be NULL.
    enum mopt_status (*shuffled)(struct mopt_source *source, struct mopt_error *err);
    void (*close)(struct mopt_source *source);
    const char *kind; // "idx"
    char item[96];    // what a sample is: "28x28 uint8"
    size_t count;
    struct mopt_field *fields; // owned by the source
    size_t field_count;
    bool whole;      // a sample has its batch axis already and cannot be put together with others
    bool has_labels; // record->label
};

// What an opener gets.
struct mopt_open {
    const struct mopt_data_options *options;
    const struct mopt_input_spec *specs;
    size_t spec_count;
};

// ---- Openers, one per kind ----------------------------------------------------------------------
enum mopt_status mopt__source_npy(struct mopt_mapping *mapping, struct mopt_source **out,
                                  struct mopt_error *err);
enum mopt_status mopt__source_npz(struct mopt_mapping *mapping, struct mopt_source **out,
                                  struct mopt_error *err);
enum mopt_status mopt__source_idx(struct mopt_mapping *mapping, const char *labels,
                                  struct mopt_source **out, struct mopt_error *err);
enum mopt_status mopt__source_raw(const struct mopt_open *open, struct mopt_source **out,
                                  struct mopt_error *err);
enum mopt_status mopt__source_random(const struct mopt_open *open, struct mopt_source **out,
                                     struct mopt_error *err);
// Opens whatever options->path names.
enum mopt_status mopt__source_open(const struct mopt_open *open, struct mopt_source **out,
                                   struct mopt_error *err);
void mopt__source_close(struct mopt_source *source); // NULL is fine

// ---- Arrays (arrays.c) --------------------------------------------------------------------------
// A source over arrays whose axis 0 is the sample.
enum mopt_status mopt__arrays_new(const char *kind, struct mopt_source **out,
                                  struct mopt_error *err);
// Adds an array under a name (copied, NULL = none). Takes the rows over, on failure too.
enum mopt_status mopt__arrays_add(struct mopt_source *source, const char *name,
                                  struct mopt_rows *rows, struct mopt_error *err);
// Labels that are no field of the data: a 1-D integer array, taken over. count must fit later.
bool mopt__arrays_is(const struct mopt_source *source);
void mopt__arrays_set_labels(struct mopt_source *source, struct mopt_rows *rows);

// ---- IDX (idx.c) --------------------------------------------------------------------------------
bool mopt__idx_matches(struct mopt_mapping *mapping); // plain or gzip, by content
enum mopt_status mopt__idx_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                struct mopt_error *err);

// ---- Binding (bind.c) ---------------------------------------------------------------------------
// Gives every field its role and spec. Errors: MOPT_E_USAGE (names unknown, inputs missing).
enum mopt_status mopt__bind(struct mopt_source *source, const struct mopt_open *open,
                            struct mopt_error *err);

#endif
