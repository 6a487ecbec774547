// SPDX-License-Identifier: Apache-2.0
// Nodes against the roofline of the machine, and their times as a Chrome trace.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

struct mopt_bench_roof mopt__bench_roof(const struct mopt_bench_subject *subject,
                                        const struct mopt_bench_node *node)
{
    struct mopt_bench_roof roof = {.operations = NAN, .part = NAN};
    const struct mopt_node_cost *cost = &node->cost;
    double least = 0;
    double operations = 0;
    if (cost->known) {
        operations = 2 * (double)cost->macs + (double)cost->flops;
        roof.operations = operations;
    }
    if (cost->bytes > 0) {
        roof.bound = mopt__roofline(operations, (double)cost->bytes, mopt__bench_peak(subject),
                                    subject->peaks.read, &least);
    }
    if (roof.bound != MOPT_BOUND_UNKNOWN && node->seconds > 0) {
        roof.part = least / node->seconds;
    }
    return roof;
}

static void trace_nodes(cJSON *events, const struct mopt_bench_subject *subject, int process)
{
    double start = 0;
    for (size_t place = 0; place < subject->found.node_count; place++) {
        const struct mopt_bench_node *node = subject->found.nodes;
        while (node->place != place) {
            node++;
        }
        struct mopt_bench_roof roof = mopt__bench_roof(subject, node);
        cJSON *event = mopt__json_object(events, NULL);
        mopt__json_text(event, "name", node->name);
        mopt__json_text(event, "cat", node->op);
        mopt__json_text(event, "ph", "X");
        mopt__json_number(event, "ts", start * 1e6);
        mopt__json_number(event, "dur", node->seconds * 1e6);
        mopt__json_int(event, "pid", process);
        mopt__json_int(event, "tid", node->inner ? 2 : 1);
        cJSON *arguments = mopt__json_object(event, "args");
        mopt__json_text(arguments, "operator", node->op);
        mopt__json_size(arguments, "fused", node->fused);
        mopt__json_size(arguments, "calls", node->calls);
        mopt__json_text(arguments, "bound", mopt__bound_name(roof.bound));
        mopt__json_number(arguments, "part_of_roof", roof.part);
        start += node->inner ? 0 : node->seconds;
    }
}

enum mopt_status mopt__bench_trace(struct mopt_bench_job *job, const char *path,
                                   struct mopt_error *err)
{
    cJSON *document = cJSON_CreateObject();
    mopt__json_text(document, "displayTimeUnit", "ms");
    cJSON *events = mopt__json_array(document, "traceEvents");
    for (size_t i = 0; i < job->count; i++) {
        const struct mopt_bench_subject *subject = &job->subjects[i];
        char title[320];
        (void)snprintf(title, sizeof title, "%s, %d threads, batch %lld",
                       mopt__path_basename(subject->path), subject->threads,
                       (long long)subject->batch);
        cJSON *event = mopt__json_object(events, NULL);
        mopt__json_text(event, "name", "process_name");
        mopt__json_text(event, "ph", "M");
        mopt__json_int(event, "pid", (int)i + 1);
        mopt__json_text(mopt__json_object(event, "args"), "name", title);
        trace_nodes(events, subject, (int)i + 1);
    }
    char *text = cJSON_Print(document);
    cJSON_Delete(document);
    enum mopt_status status =
        text == NULL ? mopt_error_memory(err)
                     : mopt__file_write(path, text, strlen(text),
                                        mopt__option_flag(&job->cli->options, "force"), err);
    cJSON_free(text);
    if (status == MOPT_OK) {
        mopt__envelope_output_file(&job->cli->envelope, "trace", path);
    }
    return status;
}
