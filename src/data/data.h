// SPDX-License-Identifier: Apache-2.0
// Front door of data (rank 3): datasets as streams of samples, and preprocessing of images. One
// sample at a time is in memory, so memory does not grow with the number of samples. It knows
// nothing of models but the names and types of their inputs. Read in this order: data.h, dataset.c
// (which samples, batches), source.h (what a kind of data offers), open.c (which kind), bind.c
// (names), fit.h (types and axes), the kinds (rows.h and arrays.c with npy, npz, idx, raw; files.h
// with folder.c, list.c, image.h; pb.c; random_source.c), preprocess.h.
#ifndef MOPT_DATA_DATA_H
#define MOPT_DATA_DATA_H

#include "base/log.h"
#include "ir/ir.h"

struct mopt_dataset; // opaque

struct mopt_input_spec { // what the model wants
    const char *name;
    const struct mopt_type *type; // declared type; NULL = anything
};

// Size of a dimension that the model leaves open: by its name, or as "INPUT:AXIS".
struct mopt_binding {
    const char *name;
    int64_t size;
};

struct mopt_data_options {
    const char *path;       // file or folder; "random" = random data (only by explicit request)
    const char *preprocess; // text of --pre, a preset name, or NULL = none
    const char *labels; // label file, NULL = found beside the data (class-per-folder, labels.csv,
                        // IDX labels file) or none
    const char *shape;  // raw files: "1x3x224x224:float" per input, or NULL
    size_t samples;     // at most this many, 0 = all (random: 32)
    size_t skip;        // leave out the first
    bool shuffle;       // seeded permutation before skip / samples
    uint64_t seed;
    size_t shard, shards; // every shards-th sample starting at shard-1 (1-based), 0/0 = all
    size_t batch;         // samples per batch along axis 0; 0 = 1. The last batch may be smaller
    const struct mopt_log *log;   // mapping notes and casts are reported here
    const struct mopt_dims *dims; // table of the spec types' dims, NULL = all sizes are numbers
    // Random data: sizes of open dimensions, read by mopt__dataset_open only; the others are 1.
    const struct mopt_binding *bindings;
    size_t binding_count;
    const struct mopt_input_spec *outputs; // [output_count] what recorded outputs are, NULL = not
    size_t output_count;                   // known; read by mopt__dataset_open only
};

// A batch of consecutive samples.
struct mopt_sample {
    struct mopt_datum **inputs; // [spec count], in spec order; NULL if the data have no such input
                                // (only for optional ones)
    size_t count;               // samples in the batch (rows along axis 0)
    const int64_t *labels;      // [count] class numbers, NULL if there are none
    struct mopt_datum **expected; // outputs recorded with the data (pb folders, npz keys), NULL if
                                  // none; in file order
    const char *const *expected_names; // names where known (entries may be NULL)
    size_t expected_count;
    const char *name; // file or "sample 17", for messages
};

// Opens by content, not by extension: .npy, .npz (one array per input, axis 0 = sample), folders
// with test_data_set_N or input_N.pb, raw files (needs shape), IDX (also gz; labels file found by
// name), JPEG/PNG files, folders of images, class-per-folder, list files (one sample per line;
// "path label", several inputs "name=path"), or several npy files in one folder named after the
// inputs. Bound to the specs by name, else by position with the mapping reported. Element types are
// cast with one warning. Names and types of the specs, log and dims must outlive the dataset.
// Names of arrays that mean more: "in_0_x", "input_0", "arr_0" (position), "out_0", "output_0",
// "expected_y" (recorded outputs), "label" and "labels" (one integer per sample). An archive with
// "out_N" is one recorded run, and so is a folder of .pb files: one sample that has its batch axis
// already (count is 1 however many rows it has). Where the model fixes axis 0, that is the batch.
// The first sample is read at once, so that a misfit shows here. Errors: MOPT_E_MISSING,
// MOPT_E_FORMAT, MOPT_E_USAGE (unknown names, missing inputs, bad preprocessing), MOPT_E_SHAPE,
// MOPT_E_TYPE, MOPT_E_VALUE, MOPT_E_UNSUPPORTED, MOPT_E_LIMIT, MOPT_E_IO, MOPT_E_MEMORY.
enum mopt_status mopt__dataset_open(const struct mopt_data_options *options,
                                    const struct mopt_input_spec *specs, size_t spec_count,
                                    struct mopt_dataset **out, struct mopt_error *err);
void mopt__dataset_close(struct mopt_dataset *dataset);
size_t mopt__dataset_count(const struct mopt_dataset *dataset); // samples it will give
bool mopt__dataset_has_labels(const struct mopt_dataset *dataset);
const char *mopt__dataset_describe(
    const struct mopt_dataset *dataset); // "idx: 10000 samples of 28x28 uint8, with labels"
// Next batch; *sample stays valid until the next call. *sample = NULL at the end.
enum mopt_status mopt__dataset_next(struct mopt_dataset *dataset, const struct mopt_sample **sample,
                                    struct mopt_error *err);
enum mopt_status mopt__dataset_rewind(struct mopt_dataset *dataset, struct mopt_error *err);
// Specs of the inputs of a model that have no initializer; items is heap (mopt__free).
enum mopt_status mopt__input_specs(const struct mopt_model *model, struct mopt_input_spec **items,
                                   size_t *count, struct mopt_error *err);

// ---- Single files -------------------------------------------------------------------------------------------------------
enum mopt_status mopt__npy_load(const char *path, struct mopt_tensor **out, struct mopt_error *err);
enum mopt_status mopt__npy_save(const struct mopt_tensor *tensor, const char *path, bool force,
                                struct mopt_error *err);
struct mopt_npz; // archive open for reading
enum mopt_status mopt__npz_open(const char *path, struct mopt_npz **out, struct mopt_error *err);
size_t mopt__npz_count(const struct mopt_npz *npz);
const char *mopt__npz_name(const struct mopt_npz *npz, size_t i); // without ".npy"
enum mopt_status mopt__npz_tensor(struct mopt_npz *npz, size_t i, struct mopt_tensor **out,
                                  struct mopt_error *err);
void mopt__npz_close(struct mopt_npz *npz);
// Uncompressed archive; deterministic bytes (no time stamps).
enum mopt_status mopt__npz_save(const char *path, const char *const *names,
                                struct mopt_tensor *const *tensors, size_t count, bool force,
                                struct mopt_error *err);

// ---- Preprocessing --------------------------------------------------------------------------------------------------------
// "rgb,resize=256:short:pil-bilinear,crop=224,scale=1/255,mean=.485:.456:.406,std=.229:.224:.225,chw";
// presets imagenet, yolo, mnist, raw.
struct mopt_preprocess;
enum mopt_status mopt__preprocess_parse(const char *text, struct mopt_preprocess **out,
                                        struct mopt_error *err);
void mopt__preprocess_free(struct mopt_preprocess *pre);
// Image [H,W,C] uint8 (C = 1, 3 or 4) -> float tensor without batch axis, e.g. [C,H,W].
enum mopt_status mopt__preprocess_image(const struct mopt_preprocess *pre,
                                        const struct mopt_tensor *image, struct mopt_tensor **out,
                                        struct mopt_error *err);
enum mopt_status mopt__image_load(const char *path, struct mopt_tensor **out,
                                  struct mopt_error *err); // [H,W,C] uint8

#endif
