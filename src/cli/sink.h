// SPDX-License-Identifier: Apache-2.0
// Where messages and progress go: standard error, the log file, the warnings of the JSON result.
#ifndef MOPT_CLI_SINK_H
#define MOPT_CLI_SINK_H

#include <stdbool.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/json.h"

enum mopt_progress { MOPT_PROGRESS_NEVER, MOPT_PROGRESS_BAR, MOPT_PROGRESS_PLAIN };

struct mopt_sink {
    enum mopt_log_level level; // of standard error
    enum mopt_progress progress;
    bool color;
    FILE *file;      // log file or NULL
    cJSON *warnings; // array that collects them, or NULL
    // The bar on the screen.
    const char *what;
    uint64_t start_ns, drawn_ns;
    bool shown;
};

// Log that writes into sink at the given level; sink must stay where it is.
struct mopt_log mopt__sink_log(struct mopt_sink *sink);
// One line of text on standard error as it is (settings, verdict), and into the log file.
void mopt__sink_line(struct mopt_sink *sink, const char *text);
// Takes the bar off the screen.
void mopt__sink_clear(struct mopt_sink *sink);

#endif
