// SPDX-License-Identifier: Apache-2.0
// One data set of a backend test: the inputs of its model, and the outputs that must come.
#ifndef CONFORMANCE_DATA_SET_H
#define CONFORMANCE_DATA_SET_H

#include "ir/ir.h"

struct data_set {
    struct mopt_model *model;                          // not owned
    struct mopt_datum **inputs, **outputs, **expected; // one per input or output of the graph
    size_t expected_count;
};

// Puts right what a later release of the suite put right in the model of the test in this folder
// (its data stayed the same); most tests have no such correction.
enum mopt_status data_correct_model(struct mopt_model *model, const char *dir,
                                    struct mopt_error *err);
// Path of data set i of a test's folder; false when there is none.
bool data_set_path(char *path, size_t size, const char *dir, size_t i);
// Reads the files of a data set; outputs are made, but empty. Release it also after an error.
enum mopt_status data_set_load(struct data_set *set, const char *dir, struct mopt_error *err);
void data_set_release(struct data_set *set);
// Frees a list and what it refers to; list may be NULL.
void data_list_release(struct mopt_datum **list, size_t count);

#endif
