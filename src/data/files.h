// SPDX-License-Identifier: Apache-2.0
// Samples that are files of their own: pictures, arrays, raw numbers. Which files, is found in
// folder.c and list.c.
#ifndef MOPT_DATA_FILES_H
#define MOPT_DATA_FILES_H

#include "data/source.h"

enum mopt_status mopt__files_new(const char *kind, const struct mopt_layout *raw,
                                 struct mopt_source **out, struct mopt_error *err);
// Declares the next field; all fields come before the samples. name NULL = none.
enum mopt_status mopt__files_add_field(struct mopt_source *source, const char *name,
                                       struct mopt_error *err);
// Adds a sample: one path per field, and how it is called in messages (NULL: first path).
enum mopt_status mopt__files_add(struct mopt_source *source, char *const *paths, const char *name,
                                 struct mopt_error *err);
void mopt__files_set_label(struct mopt_source *source, size_t i, int64_t label);
const char *mopt__files_name(const struct mopt_source *source, size_t i);

enum mopt_file_type { MOPT_FILE_OTHER, MOPT_FILE_IMAGE, MOPT_FILE_NPY, MOPT_FILE_PB };
// By the first bytes (pb: by its name); files that cannot be read are MOPT_FILE_OTHER.
enum mopt_file_type mopt__file_type(const char *path);

// Shape of raw files, "1x3x224x224:float"; name is set for "x=1x3:float" (arena memory).
struct mopt_raw_shape {
    char *name;
    struct mopt_layout layout;
};
enum mopt_status mopt__raw_parse(const char *text, struct mopt_arena *arena,
                                 struct mopt_raw_shape **out, size_t *count,
                                 struct mopt_error *err);
// Rows of a file that holds such samples one after the other.
enum mopt_status mopt__raw_rows(struct mopt_mapping *mapping, const struct mopt_layout *layout,
                                struct mopt_rows **out, struct mopt_error *err);

enum mopt_status mopt__source_folder(const struct mopt_open *open, struct mopt_source **out,
                                     struct mopt_error *err);
enum mopt_status mopt__source_list(struct mopt_mapping *mapping, const struct mopt_open *open,
                                   struct mopt_source **out, struct mopt_error *err);
enum mopt_status mopt__source_single(const struct mopt_open *open, const char *kind,
                                     struct mopt_source **out, struct mopt_error *err);
// The folders hold input_0.pb ... and output_0.pb ...; takes copies of the paths.
enum mopt_status mopt__source_pb(char *const *folders, size_t count, struct mopt_source **out,
                                 struct mopt_error *err);
// "input_7.pb" with prefix "input_": 7; else -1.
int64_t mopt__pb_number(const char *name, const char *prefix);

#endif
