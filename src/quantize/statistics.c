// SPDX-License-Identifier: Apache-2.0
// Ranges of tensors over a stream of samples. Everything kept is a minimum, a maximum or integer
// counts by the upper half of the float's bits, so the result does not depend on the order or
// batching of samples, and memory not on their number.
#include <math.h>
#include <string.h>

#include "exec/exec.h"
#include "quantize/internal.h"

enum { BINS = 65536 };

enum mopt_status mopt__ranges_init(struct mopt_ranges *ranges, size_t count,
                                   enum mopt_calibration calibration, double percentile,
                                   struct mopt_error *err)
{
    *ranges = (struct mopt_ranges){.count = count,
                                   .calibration = calibration,
                                   .percentile = percentile > 0 ? percentile : 99.999};
    ranges->items = mopt__calloc(count + 1, sizeof *ranges->items);
    return ranges->items != NULL ? MOPT_OK : mopt_error_memory(err);
}

void mopt__ranges_release(struct mopt_ranges *ranges)
{
    for (size_t i = 0; ranges->items != NULL && i < ranges->count; i++) {
        mopt__free(ranges->items[i].bins);
    }
    mopt__free(ranges->items);
    *ranges = (struct mopt_ranges){0};
}

// Bits of a float reordered so that unsigned order is numeric order.
static uint32_t ordered_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

static float from_ordered(uint32_t ordered)
{
    uint32_t bits = (ordered & 0x80000000U) != 0 ? ordered & 0x7fffffffU : ~ordered;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void add_floats(struct mopt_range *range, const float *data, size_t count)
{
    float min = range->count > 0 ? range->min : INFINITY;
    float max = range->count > 0 ? range->max : -INFINITY;
    for (size_t i = 0; i < count; i++) {
        float value = data[i];
        if (!(fabsf(value) <= 3.402823466e38F)) {
            range->bad++;
            continue;
        }
        range->count++;
        min = value < min ? value : min;
        max = value > max ? value : max;
        if (range->bins != NULL) {
            range->bins[ordered_bits(value) >> 16]++;
        }
    }
    range->min = min;
    range->max = max;
}

enum mopt_status mopt__ranges_add(struct mopt_ranges *ranges, uint32_t id,
                                  const struct mopt_tensor *tensor, struct mopt_error *err)
{
    if (id >= ranges->count || !ranges->items[id].wanted || tensor->dtype != MOPT_FLOAT32) {
        return MOPT_OK;
    }
    struct mopt_range *range = &ranges->items[id];
    if (ranges->calibration == MOPT_CALIBRATE_PERCENTILE && range->bins == NULL) {
        range->bins = mopt__calloc(BINS, sizeof *range->bins);
        if (range->bins == NULL) {
            return mopt_error_memory(err);
        }
    }
    add_floats(range, tensor->data, tensor->count);
    return MOPT_OK;
}

// Smallest bin edge below which at least `rank` elements lie.
static float quantile(const struct mopt_range *range, uint64_t rank, bool upper)
{
    uint64_t sum = 0;
    for (uint32_t bin = 0; bin < BINS; bin++) {
        sum += range->bins[bin];
        if (sum > rank) {
            float low = from_ordered(bin << 16);
            float high = from_ordered((bin << 16) | 0xffffU);
            return upper ? high : low;
        }
    }
    return range->max;
}

bool mopt__ranges_get(const struct mopt_ranges *ranges, uint32_t id, double *min, double *max)
{
    const struct mopt_range *range = id < ranges->count ? &ranges->items[id] : NULL;
    if (range == NULL || range->count == 0) {
        return false;
    }
    *min = (double)range->min;
    *max = (double)range->max;
    if (range->bins != NULL) { // the same share is cut off at both ends
        double cut = (100.0 - ranges->percentile) / 200.0 * (double)range->count;
        uint64_t rank = cut > 0 ? (uint64_t)cut : 0;
        float low = quantile(range, rank, false);
        float high = quantile(range, range->count - 1 - rank, true);
        *min = (double)(low > range->min ? low : range->min);
        *max = (double)(high < range->max ? high : range->max);
    }
    return true;
}

// ---- Runs over data -----------------------------------------------------------------------------

static enum mopt_status observe(void *context, const struct mopt_value *value,
                                const struct mopt_datum *datum, struct mopt_error *err)
{
    struct mopt_ranges *ranges = context;
    return datum->kind == MOPT_DATUM_TENSOR
               ? mopt__ranges_add(ranges, value->id, datum->tensor, err)
               : MOPT_OK;
}

// Samples are given for inputs without an initializer, in order.
static enum mopt_status spread_inputs(const struct mopt_model *model,
                                      const struct mopt_sample *sample, struct mopt_ranges *ranges,
                                      struct mopt_datum **inputs, struct mopt_error *err)
{
    size_t given = 0;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < model->graph->inputs.count && status == MOPT_OK; i++) {
        const struct mopt_value *value = model->graph->inputs.items[i];
        inputs[i] = NULL;
        if (value->constant != NULL || value->sparse != NULL) {
            continue;
        }
        inputs[i] = sample->inputs[given++];
        if (inputs[i] != NULL && inputs[i]->kind == MOPT_DATUM_TENSOR) {
            status = mopt__ranges_add(ranges, value->id, inputs[i]->tensor, err);
        }
    }
    return status;
}

static enum mopt_status run_sample(struct mopt_session *session, const struct mopt_model *model,
                                   const struct mopt_sample *sample, struct mopt_ranges *ranges,
                                   const struct mopt_budget *budget, struct mopt_error *err)
{
    size_t input_count = model->graph->inputs.count;
    size_t output_count = model->graph->outputs.count;
    struct mopt_datum **inputs = mopt__calloc(input_count + 1, sizeof *inputs);
    struct mopt_datum **outputs = mopt__calloc(output_count + 1, sizeof *outputs);
    struct mopt_run_options options = {.budget = budget,
                                       .observe = observe,
                                       .observe_context = ranges};
    enum mopt_status status = inputs != NULL && outputs != NULL
                                  ? spread_inputs(model, sample, ranges, inputs, err)
                                  : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = mopt__session_run(session, inputs, outputs, &options, err);
    }
    for (size_t i = 0; outputs != NULL && i < output_count; i++) {
        mopt__datum_unref(outputs[i]);
    }
    mopt__free(inputs);
    mopt__free(outputs);
    return status;
}

static void report_bad(const struct mopt_ranges *ranges,
                       const struct mopt_quantize_options *options)
{
    size_t bad = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        bad += ranges->items[i].bad > 0;
    }
    if (bad > 0) {
        mopt__log(options->log, MOPT_LOG_WARN,
                  "%zu tensors had NaN or infinite values during calibration; ignored", bad);
    }
}

static enum mopt_status run_all(struct mopt_session *session, const struct mopt_model *model,
                                struct mopt_ranges *ranges,
                                const struct mopt_quantize_options *options, size_t *samples,
                                struct mopt_error *err)
{
    const struct mopt_sample *sample = NULL;
    size_t total = mopt__dataset_count(options->data);
    enum mopt_status status = mopt__dataset_next(options->data, &sample, err);
    while (status == MOPT_OK && sample != NULL) {
        status = run_sample(session, model, sample, ranges, options->budget, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "calibration, %s",
                                   sample->name != NULL ? sample->name : "sample");
        }
        *samples += sample->count;
        mopt__progress(options->log, "calibrate", *samples, total);
        status = mopt__dataset_next(options->data, &sample, err);
    }
    return status;
}

enum mopt_status mopt__ranges_collect(struct mopt_ranges *ranges, struct mopt_model *model,
                                      const struct mopt_quantize_options *options, size_t *samples,
                                      struct mopt_error *err)
{
    struct mopt_session *session = NULL;
    struct mopt_session_options session_options = {.threads = options->threads,
                                                   .observed = true,
                                                   .log = options->log};
    enum mopt_status status = mopt__session_new(model, &session_options, &session, err);
    *samples = 0;
    if (status == MOPT_OK) {
        status = run_all(session, model, ranges, options, samples, err);
    }
    mopt__session_free(session);
    if (status == MOPT_OK && *samples == 0) {
        status = mopt_error_set(err, MOPT_E_VALUE, "the calibration data have no samples");
    }
    report_bad(ranges, options);
    return status;
}
