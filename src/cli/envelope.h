// SPDX-License-Identifier: Apache-2.0
// The JSON result that every command gives, schema mopt.result/1. All that changes from run to run
// stands under "run", so that the rest is byte-stable.
#ifndef MOPT_CLI_ENVELOPE_H
#define MOPT_CLI_ENVELOPE_H

#include "cli/json.h"
#include "mopt/status.h"

struct mopt_options;

struct mopt_envelope {
    cJSON *inputs, *outputs; // arrays of {role, path, bytes, sha256}
    cJSON *result;           // object, filled by the command
    cJSON *gates, *warnings; // arrays
    cJSON *timing;           // object of the command under "run" (bench); volatile
    uint64_t start_ns;
    int threads; // used; 0 = none
    int signal;  // that ended the run, 0 = none
    bool wanted; // will be printed: otherwise files need not be read for their hashes
};

// A verdict that decides about the exit code.
struct mopt_gate {
    const char *id, *metric;
    double baseline, value, limit;
    double low, high; // 95 % interval of the value, NaN = unknown
    bool pass;
};

void mopt__envelope_init(struct mopt_envelope *envelope);
void mopt__envelope_release(struct mopt_envelope *envelope);
// bytes -1 and sha256 NULL: not known (folders, standard input).
void mopt__envelope_input(struct mopt_envelope *envelope, const char *role, const char *path,
                          int64_t bytes, const char *sha256);
void mopt__envelope_output(struct mopt_envelope *envelope, const char *role, const char *path,
                           int64_t bytes, const char *sha256);
void mopt__envelope_gate(struct mopt_envelope *envelope, const struct mopt_gate *gate);
// As input / output, with size and hash read from the file; unreadable ones count as not known.
// Nothing if the envelope is not wanted.
void mopt__envelope_input_file(struct mopt_envelope *envelope, const char *role, const char *path);
void mopt__envelope_output_file(struct mopt_envelope *envelope, const char *role, const char *path);
// The document with a line end; free with mopt__free. Takes the parts out of the envelope.
// command NULL: none was recognised; options NULL: none parsed.
char *mopt__envelope_print(struct mopt_envelope *envelope, const char *command,
                           const struct mopt_options *options, enum mopt_status status,
                           const struct mopt_error *err);

#endif
