// SPDX-License-Identifier: Apache-2.0
// What commands share: option rows that mean the same everywhere, loading models and data, saving
// models, naming passes.
#ifndef MOPT_CLI_JOB_H
#define MOPT_CLI_JOB_H

#include "cli/cli.h"
#include "cli/table.h"
#include "data/data.h"
#include "exec/exec.h"
#include "lib/lib.h"
#include "measure/measure.h"

// ---- Option rows --------------------------------------------------------------------------------

// clang-format off
#define MOPT_ROW_OUTPUT(what)                                                                      \
    {.name = "output", .letter = 'o', .kind = MOPT_OPT_FILE, .metavar = "FILE",                    \
     .complete = MOPT_COMPLETE_FILE, .help = what}
#define MOPT_ROW_PLUGIN                                                                            \
    {.name = "plugin", .kind = MOPT_OPT_LIST, .metavar = "FILE", .complete = MOPT_COMPLETE_FILE,   \
     .help = "Load passes from this shared object."}
#define MOPT_ROW_FORMAT                                                                            \
    {.name = "format", .kind = MOPT_OPT_CHOICE, .flags = MOPT_OPT_VIEW, .initial = "text",         \
     .metavar = "FORMAT", .choices = "text|markdown|csv", .help = "Form of the table."}
#define MOPT_ROW_DIM                                                                               \
    {.name = "dim", .kind = MOPT_OPT_LIST, .metavar = "NAME=SIZE",                                 \
     .help = "Size of a dimension that the model leaves open, by the dimension's name or as "      \
             "INPUT:AXIS."}
#define MOPT_ROW_INPUT                                                                             \
    {.name = "input", .letter = 'i', .kind = MOPT_OPT_LIST, .metavar = "NAME=VALUE",               \
     .complete = MOPT_COMPLETE_FILE,                                                               \
     .help = "One input: an .npy or .pb file, or a number that fills it."}
#define MOPT_ROW_TOLERANCES(r, a)                                                                  \
    {.name = "rtol", .kind = MOPT_OPT_FLOAT, .initial = r, .metavar = "X", .min = 0, .max = 1e9,   \
     .help = "Relative tolerance: elements may differ by atol + rtol * |reference|."},             \
    {.name = "atol", .kind = MOPT_OPT_FLOAT, .initial = a, .metavar = "X", .min = 0, .max = 1e9,   \
     .help = "Absolute tolerance."}
#define MOPT_ROW_DATA(text)                                                                        \
    {.name = "data", .letter = 'd', .kind = MOPT_OPT_FILE, .metavar = "PATH",                      \
     .complete = MOPT_COMPLETE_FILE, .help = text}
#define MOPT_ROWS_SAMPLES                                                                          \
    MOPT_ROWS_SAMPLES_OF("0", "Use at most N samples; 0: all (of random data: a few).")
#define MOPT_ROWS_SAMPLES_OF(count, text)                                                          \
    MOPT_ROWS_CHOICE_OF(count, text),                                                              \
    {.name = "batch", .letter = 'b', .kind = MOPT_OPT_INT, .initial = "1", .metavar = "N",         \
     .min = 1, .max = 1e6, .help = "Samples per run, along axis 0."}
#define MOPT_ROWS_CHOICE_OF(count, text) /* all but the batch */                                   \
    {.name = "pre", .kind = MOPT_OPT_STRING, .metavar = "STEPS",                                   \
     .help = "Preprocessing of images: imagenet, yolo, mnist, raw, or steps such as "              \
             "\"rgb,resize=256:short:pil-bilinear,crop=224,scale=1/255,chw\"."},                   \
    {.name = "labels", .kind = MOPT_OPT_FILE, .metavar = "FILE", .complete = MOPT_COMPLETE_FILE,   \
     .help = "Class numbers of the samples; found beside the data if not given."},                 \
    {.name = "shape", .kind = MOPT_OPT_STRING, .metavar = "DIMS:TYPE",                             \
     .help = "What raw files hold, such as 1x3x224x224:float."},                                   \
    {.name = "samples", .kind = MOPT_OPT_INT, .initial = count, .metavar = "N", .min = 0,          \
     .max = 1e12, .help = text},                                                                   \
    {.name = "skip", .kind = MOPT_OPT_INT, .initial = "0", .metavar = "N", .min = 0, .max = 1e12,  \
     .help = "Leave out the first N samples."},                                                    \
    {.name = "shuffle", .kind = MOPT_OPT_FLAG, .help = "Take samples in the order that --seed "    \
                                                       "gives."},                                  \
    {.name = "shard", .kind = MOPT_OPT_STRING, .metavar = "I/N",                                   \
     .help = "Only every N-th sample, starting at the I-th (1/4, 2/4 ...)."}
// clang-format on

// ---- Results ------------------------------------------------------------------------------------

// Adds the table to the result in the form of --format (text when the command has no such option).
void mopt__job_print_table(struct mopt_cli *cli, const struct mopt_table *table);
// The last lines on standard error.
void mopt__job_verdict(struct mopt_cli *cli, const char *format, ...) MOPT_PRINTF(2, 3);
void mopt__job_next(struct mopt_cli *cli, const char *format, ...) MOPT_PRINTF(2, 3);

// ---- Inputs and outputs -------------------------------------------------------------------------

// Context with the plugins of --plugin, when the command has that option.
enum mopt_status mopt__job_context(struct mopt_cli *cli, struct mopt_context **out,
                                   struct mopt_error *err);
// Pass by name; MOPT_E_USAGE with the nearest match.
enum mopt_status mopt__job_pass(const struct mopt_pass_set *set, const char *name,
                                const struct mopt_pass **out, struct mopt_error *err);
// Loads a model and files it as an input.
enum mopt_status mopt__job_load(struct mopt_cli *cli, const char *path, const char *role,
                                struct mopt_model **out, struct mopt_error *err);
// MOPT_E_CREATE when the output exists and --force is not given. Said before work starts; the
// writer checks again. Marks standard output as taken for "-". path may be NULL.
enum mopt_status mopt__job_claim(struct mopt_cli *cli, const char *path, struct mopt_error *err);
// Writes the model to path ("-" = standard output), files it as an output; nothing with --dry-run.
enum mopt_status mopt__job_save(struct mopt_cli *cli, const struct mopt_model *model,
                                const char *path, struct mopt_error *err);
// Opens the data named by the option `name` ("data") with the options of MOPT_ROWS_SAMPLES;
// samples: at most this many, 0 = all.
enum mopt_status mopt__job_dataset(struct mopt_cli *cli, const struct mopt_model *model,
                                   const char *name, size_t samples, struct mopt_dataset **out,
                                   struct mopt_error *err);
// Threads to use: --threads, or the processors when it is 0.
int mopt__job_threads(struct mopt_cli *cli);
// How to run models: --threads, --seed, --strict-fp, --bf16.
struct mopt_session_options mopt__job_options(struct mopt_cli *cli);

// ---- What runs read -----------------------------------------------------------------------------

struct mopt_job_feed { // close with mopt__job_feed_close
    struct mopt_dataset *dataset;
    struct mopt_fixed_input *fixed;
    size_t fixed_count;
    struct mopt_binding *bindings;
    size_t binding_count;
    char **names; // heap strings that fixed and bindings point to
    size_t name_count;
    struct mopt_feed *feed;
};
// Bindings of --dim; the caller frees *out. Names point into `names`, see above.
enum mopt_status mopt__job_bindings(struct mopt_cli *cli, struct mopt_job_feed *feed,
                                    struct mopt_error *err);
// Feed from --data (a path, or "random"), --input and --dim. Without data and with random_samples
// > 0, inputs that are not given are random, with that many samples unless --samples says else.
enum mopt_status mopt__job_feed_open(struct mopt_cli *cli, const struct mopt_model *model,
                                     size_t random_samples, struct mopt_job_feed *out,
                                     struct mopt_error *err);
void mopt__job_feed_close(struct mopt_job_feed *feed);

#endif
