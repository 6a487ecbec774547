// SPDX-License-Identifier: Apache-2.0
// Gates of mopt bench: times against those in the JSON result of an earlier run.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

static const char *text_of(const cJSON *item, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(item, name);
    return cJSON_IsString(member) ? member->valuestring : "";
}

static double number_of(const cJSON *item, const char *name, double otherwise)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(item, name);
    return cJSON_IsNumber(member) ? member->valuedouble : otherwise;
}

static bool fits(const cJSON *item, const struct mopt_bench_subject *subject)
{
    return strcmp(mopt__path_basename(text_of(item, "path")), mopt__path_basename(subject->path)) ==
               0 &&
           number_of(item, "threads", 0) == (double)subject->threads &&
           number_of(item, "batch", 1) == (double)subject->batch &&
           number_of(item, "streams", 1) == (double)subject->found.streams &&
           number_of(item, "p50_ms", 0) > 0;
}

static const cJSON *find(const cJSON *rows, const struct mopt_bench_subject *subject)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, rows)
    {
        if (fits(item, subject)) {
            return item;
        }
    }
    return NULL;
}

// Adds the gate; true when it holds.
static bool judge(struct mopt_bench_job *job, const struct mopt_bench_subject *subject,
                  double before, double max_regress)
{
    const struct mopt_summary *run = &subject->found.run;
    char metric[300];
    (void)snprintf(metric, sizeof metric, "p50_ms of %s, %d threads, batch %lld",
                   mopt__path_basename(subject->path), subject->threads, (long long)subject->batch);
    struct mopt_gate gate = {.id = "max-regress",
                             .metric = metric,
                             .baseline = before,
                             .value = run->p50 * 1e3,
                             .limit = before * (1 + max_regress),
                             .low = run->median_low * 1e3,
                             .high = run->median_high * 1e3};
    gate.pass = gate.value <= gate.limit;
    mopt__envelope_gate(&job->cli->envelope, &gate);
    if (!gate.pass) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN, "%s: %.4g ms, %.1f %% above %.4g ms", metric,
                  gate.value, 100 * (gate.value / before - 1), before);
    }
    if (gate.low < gate.limit && gate.limit < gate.high) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN,
                  "%s: not sure, the limit of %.4g ms lies inside the interval of the median "
                  "(measure longer: --time)",
                  metric, gate.limit);
    }
    return gate.pass;
}

static void compare_machines(const struct mopt_bench_job *job, const cJSON *run)
{
    char cpu[128];
    const char *before = text_of(run, "cpu");
    const char *isa = mopt__isa_name(mopt__cpu_isa());
    (void)mopt__cpu_name(cpu, sizeof cpu);
    if (strcmp(before, cpu) != 0) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN, "the baseline is from '%s', this is '%s'", before,
                  cpu);
    } else if (strcmp(text_of(run, "isa"), isa) != 0) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN, "the baseline used %s, this is %s",
                  text_of(run, "isa"), isa);
    }
}

static enum mopt_status judge_all(struct mopt_bench_job *job, const cJSON *run, const char *path,
                                  double max_regress, struct mopt_error *err)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(run, "bench");
    size_t found = 0;
    size_t slower = 0;
    for (size_t i = 0; i < job->count; i++) {
        const cJSON *row = find(rows, &job->subjects[i]);
        found += row != NULL;
        if (row != NULL &&
            !judge(job, &job->subjects[i], number_of(row, "p50_ms", 0), max_regress)) {
            slower++;
        }
    }
    if (found == 0) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "baseline '%s' has no times of these models at these threads and "
                              "batches",
                              path);
    }
    compare_machines(job, run);
    if (slower > 0) {
        mopt__job_verdict(job->cli, "%zu of %zu medians are more than %.3g %% above the baseline",
                          slower, found, 100 * max_regress);
        return MOPT_E_NEGATIVE;
    }
    mopt__job_verdict(job->cli, "%zu medians at most %.3g %% above the baseline", found,
                      100 * max_regress);
    return MOPT_OK;
}

enum mopt_status mopt__bench_baseline(struct mopt_bench_job *job, const char *path,
                                      double max_regress, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "baseline '%s'", path);
    }
    cJSON *document = cJSON_ParseWithLength((const char *)mapping->data, mapping->size);
    mopt__mapping_unref(mapping);
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(document, "run");
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(run, "bench"))) {
        status = mopt_error_set(err, MOPT_E_FORMAT,
                                "baseline '%s' is not the JSON result of mopt bench", path);
    } else {
        status = judge_all(job, run, path, max_regress, err);
    }
    cJSON_Delete(document);
    return status;
}
