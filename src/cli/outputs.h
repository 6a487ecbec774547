// SPDX-License-Identifier: Apache-2.0
// What mopt run does with the outputs of a model: sums them up, keeps them to be written, holds
// them against recorded ones.
#ifndef MOPT_CLI_OUTPUTS_H
#define MOPT_CLI_OUTPUTS_H

#include "cli/job.h"

struct mopt_output_sum { // over all runs, of finite numbers
    size_t count, not_finite;
    double min, max, sum;
    char type[64];  // of the first run: "float[1,10]"
    char first[80]; // first values of the first run
};
void mopt__output_sum_add(struct mopt_output_sum *sum, const struct mopt_datum *datum);

// Outputs written by --save: one .npy, one .npz (samples joined along axis 0), or a folder with
// test_data_set_N/{input,output}_I.pb.
struct mopt_saver; // opaque
enum mopt_status mopt__saver_new(struct mopt_cli *cli, const struct mopt_model *model,
                                 const char *path, struct mopt_saver **out, struct mopt_error *err);
enum mopt_status mopt__saver_add(struct mopt_saver *saver, struct mopt_datum *const *inputs,
                                 struct mopt_datum *const *outputs, struct mopt_error *err);
enum mopt_status mopt__saver_finish(struct mopt_saver *saver, struct mopt_error *err); // writes
void mopt__saver_free(struct mopt_saver *saver);

// Recorded outputs from a file: .npz (arrays named like outputs, or out_I), .npy (the only output),
// a .pb file, or a folder with output_I.pb. items: [outputs], NULL where nothing is recorded;
// free with mopt__recorded_free.
enum mopt_status mopt__recorded_load(const struct mopt_model *model, const char *path,
                                     struct mopt_datum ***items, struct mopt_error *err);
void mopt__recorded_free(const struct mopt_model *model, struct mopt_datum **items);

#endif
