// SPDX-License-Identifier: Apache-2.0
// What the unit tests of data share: suites, scratch folders, specs of models, checks.
#ifndef MOPT_TESTS_UNIT_DATA_TESTS_H
#define MOPT_TESTS_UNIT_DATA_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/data.h"
#include "data/preprocess.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_npy(void);
int mopt__test_npz(void);
int mopt__test_idx(void);
int mopt__test_fit(void);
int mopt__test_dataset(void);
int mopt__test_binding(void);
int mopt__test_preprocess(void);
int mopt__test_resize(void);
int mopt__test_pictures(void);
int mopt__test_folders(void);
int mopt__test_pb(void);
int mopt__test_damage(void);
int mopt__test_memory(void);

// A fresh folder for one test. path_in(): folder/name, valid until the eighth call from then.
const char *mopt__test_folder(void);
const char *mopt__test_path_in(const char *name);
void mopt__test_remove_folder(void);
const char *mopt__test_write(const char *name, const void *data, size_t bytes); // gives the path
const char *mopt__test_write_text(const char *name, const char *text);
void mopt__test_make_folder(const char *name);
uint8_t *mopt__test_read(const char *path, size_t *bytes); // heap: mopt__free

// status must be this one, and the message hold the text.
void mopt__test_fails(enum mopt_status status, enum mopt_status wanted,
                      const struct mopt_error *err, const char *text);
void mopt__test_works(enum mopt_status status, const struct mopt_error *err);

struct mopt_tensor *mopt__test_tensor(enum mopt_dtype dtype, int rank, const int64_t *dims);
struct mopt_image mopt__test_noise(size_t width, size_t height, size_t channels); // as in golden.py

// Inputs of a made-up model, "x: float[batch,1,2,2]; ids: int64[?,4]", in the text form of the ir.
struct specs {
    struct mopt_model *model;
    struct mopt_input_spec *items;
    size_t count;
};
struct specs mopt__test_specs(const char *inputs);
void mopt__test_specs_free(struct specs *specs);

// Opens for the specs; options->path, dims and log are filled in. Messages of the log:
// mopt__test_log_text.
struct mopt_dataset *mopt__test_open(const char *path, const struct specs *specs,
                                     struct mopt_data_options options);
void mopt__test_open_fails(const char *path, const struct specs *specs,
                           struct mopt_data_options options, enum mopt_status wanted,
                           const char *text);
const char *mopt__test_log_text(void); // of the last open and what came after
const struct mopt_sample *mopt__test_next(struct mopt_dataset *dataset); // NULL at the end
// Dims of an input of the sample, "2x1x28x28 float".
const char *mopt__test_shape(const struct mopt_sample *sample, size_t input);
double mopt__test_value(const struct mopt_sample *sample, size_t input, size_t i);

#endif
