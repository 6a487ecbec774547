// SPDX-License-Identifier: Apache-2.0
// The suites of quantize, and what they share: models in text form, runs, data on disk.
#ifndef MOPT_TESTS_UNIT_QUANTIZE_TESTS_H
#define MOPT_TESTS_UNIT_QUANTIZE_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/text.h"
#include "quantize/internal.h"

int mopt__test_parameters(void);
int mopt__test_weights(void);
int mopt__test_statistics(void);
int mopt__test_static(void);
int mopt__test_dynamic(void);

// Every helper fails the test itself when something goes wrong.
// Text form; "@24" in it stands for 24 numbers between -0.5 and 0.5 in braces.
struct mopt_model *mopt__test_model(const char *text);
char *mopt__test_text(const struct mopt_model *model); // free with mopt__free
// Dense float tensor with numbers of a fixed sequence in [-range, range].
struct mopt_tensor *mopt__test_floats(int rank, const int64_t *dims, float range, uint64_t seed);
// First output for this input. The result is owned by the caller.
struct mopt_tensor *mopt__test_run(struct mopt_model *model, struct mopt_tensor *input);
float mopt__test_error(const struct mopt_tensor *a,
                       const struct mopt_tensor *b); // largest difference
// Dataset over one .npy file with these samples along axis 0.
struct mopt_dataset *mopt__test_data(const struct mopt_model *model,
                                     const struct mopt_tensor *samples, size_t batch);
// Quantizes; static ones with 16 samples of the shape (dims[0] ignored) in [-1,1].
enum mopt_status mopt__test_quantize(struct mopt_model **model,
                                     struct mopt_quantize_options *options, int rank,
                                     const int64_t *dims, struct mopt_quantize_report *report,
                                     struct mopt_error *err);
size_t mopt__test_count(const struct mopt_model *model, const char *op_type); // main graph only
struct mopt_node *mopt__test_find(const struct mopt_model *model, const char *op_type,
                                  size_t which);
// Result of the float model and of the quantized one differ by at most `tolerance` for inputs in
// [-1,1].
void mopt__test_close(const char *text, struct mopt_quantize_options *options, int rank,
                      const int64_t *dims, float tolerance);

#endif
