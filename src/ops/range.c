// SPDX-License-Identifier: Apache-2.0
// Range: start, start + delta, ... below limit (above it for a negative delta). The number of
// elements is max(0, ceil((limit - start) / delta)), computed exactly for integers; for floats the
// difference rounds to the type and the quotient is taken in double.
#include <math.h>

#include "ops/lanes.h"
#include "ops/operands.h"

static enum mopt_status count_integers(const int64_t *x, int64_t *count, struct mopt_error *err)
{
    *count = 0;
    if (x[2] == 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "delta is 0");
    }
    const bool up = x[2] > 0;
    if (up ? x[1] <= x[0] : x[1] >= x[0]) {
        return MOPT_OK;
    }
    const uint64_t span = up ? (uint64_t)x[1] - (uint64_t)x[0] : (uint64_t)x[0] - (uint64_t)x[1];
    const uint64_t step = up ? (uint64_t)x[2] : 0 - (uint64_t)x[2];
    const uint64_t total = (span - 1) / step + 1;
    if (total > INT64_MAX) {
        return mopt_error_set(err, MOPT_E_SHAPE, "number of elements overflows");
    }
    *count = (int64_t)total;
    return MOPT_OK;
}

static enum mopt_status count_floats(const double *x, bool narrow, int64_t *count,
                                     struct mopt_error *err)
{
    const double span = narrow ? (double)((float)x[1] - (float)x[0]) : x[1] - x[0];
    const double total = ceil(span / x[2]);
    if (x[2] == 0 || isnan(total) || total > 9e15) {
        return mopt_error_set(err, MOPT_E_VALUE, "start, limit and delta make no finite sequence");
    }
    *count = total > 0 ? (int64_t)total : 0;
    return MOPT_OK;
}

static void fill_floats(struct mopt_tensor *out, const double *x, bool narrow)
{
    void *data = mopt__tensor_data(out);
    for (size_t at = 0; at < out->count; at += MOPT_LANES) {
        double wide[MOPT_LANES];
        const size_t n = out->count - at < MOPT_LANES ? out->count - at : MOPT_LANES;
        for (size_t i = 0; i < n; i++) {
            const float single = (float)x[0] + (float)(at + i) * (float)x[2];
            wide[i] = narrow ? (double)single : x[0] + (double)(at + i) * x[2];
        }
        mopt__store_f64(out->dtype, data, (int64_t)at, n, wide);
    }
}

static void fill_integers(struct mopt_tensor *out, const int64_t *x)
{
    void *data = mopt__tensor_data(out);
    for (size_t at = 0; at < out->count; at += MOPT_LANES) {
        int64_t items[MOPT_LANES];
        const size_t n = out->count - at < MOPT_LANES ? out->count - at : MOPT_LANES;
        for (size_t i = 0; i < n; i++) {
            items[i] = (int64_t)((uint64_t)x[0] + (uint64_t)(at + i) * (uint64_t)x[2]);
        }
        mopt__store_i64(out->dtype, data, (int64_t)at, n, items);
    }
}

static enum mopt_status range_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    double floats[3] = {0, 0, 0};
    int64_t integers[3] = {0, 0, 0};
    int64_t count = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    for (int i = 0; status == MOPT_OK && i < 3; i++) {
        if (in[i]->count != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input %d must be a scalar", i);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    const enum mopt_dtype dtype = in[0]->dtype;
    const bool real = mopt__dtype_is_float(dtype);
    const bool narrow = dtype != MOPT_FLOAT64;
    for (int i = 0; i < 3; i++) {
        if (real) {
            mopt__load_f64(dtype, in[i]->data, 0, 1, 1, &floats[i]);
        } else {
            mopt__load_i64(dtype, in[i]->data, 0, 1, 1, &integers[i]);
        }
    }
    status =
        real ? count_floats(floats, narrow, &count, err) : count_integers(integers, &count, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, 1, &count, &out, err);
    }
    if (status == MOPT_OK && real) {
        fill_floats(out, floats, narrow);
    } else if (status == MOPT_OK) {
        fill_integers(out, integers);
    }
    return status;
}

// ---- Inference ------------------------------------------------------------------------------------------------

enum { KEPT = 1024 };

static enum mopt_status known_range(struct mopt_infer *infer, const int64_t *x,
                                    struct mopt_error *err)
{
    int64_t count = 0;
    enum mopt_status status = count_integers(x, &count, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 1, &count, err);
    }
    if (status != MOPT_OK || count > KEPT) {
        return status;
    }
    int64_t *items = mopt__infer_room(infer, (size_t)count);
    for (int64_t i = 0; items != NULL && i < count; i++) {
        // Wraps on the way: from INT64_MIN the distance is more than a number can hold.
        uint64_t item = (uint64_t)x[0] + (uint64_t)i * (uint64_t)x[2];
        items[i] = mopt__dim_const(infer->dims, (int64_t)item);
    }
    return items != NULL ? mopt__infer_set_ints(infer, 0, 1, items, (size_t)count, err) : status;
}

static enum mopt_status range_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int64_t symbols[3];
    int64_t values[3];
    double floats[3];
    bool all = true;
    bool known = true;
    bool real = mopt__dtype_is_float(mopt__infer_dtype(infer, 0));
    const enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    for (uint32_t i = 0; i < 3; i++) {
        const int64_t *items = NULL;
        size_t count = 0;
        const bool have = mopt__infer_ints(infer, i, &items, &count) && count == 1;
        symbols[i] = have ? items[0] : MOPT_DIM_UNKNOWN;
        all = all && have;
        known = known && have && mopt__dim_is_known(infer->dims, items[0], &values[i]);
        real = real && mopt__infer_scalar_f64(infer, i, &floats[i]);
    }
    if (known) {
        return known_range(infer, values, err);
    }
    int64_t count = MOPT_DIM_UNKNOWN;
    if (real) {
        const enum mopt_status status = count_floats(floats, dtype != MOPT_FLOAT64, &count, err);
        if (status != MOPT_OK) {
            return status;
        }
    } else if (all && mopt__dim_is_known(infer->dims, symbols[2], &values[2]) && values[2] > 0) {
        const int64_t span = mopt__dim_sub(infer->dims, symbols[1], symbols[0]);
        count = mopt__dim_max(infer->dims, mopt__dim_ceildiv(infer->dims, span, values[2]), 0);
    }
    count = count == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : count;
    return mopt__infer_set(infer, 0, dtype, 1, &count, err);
}

#define RECORD(from, to, set, ...)                                                           \
    {                                                                                        \
        .domain = "", .name = "Range", .since = from, .until = to,                           \
        .summary = "arithmetic sequence from start up to limit",                             \
        MOPT_INPUTS({"start", "T", set, 0}, {"limit", "T", set, 0}, {"delta", "T", set, 0}), \
        MOPT_OUTPUTS({"output", "T", set, 0}), __VA_ARGS__.traits = MOPT_TRAIT_GENERATOR,    \
        .infer = range_infer, .eval = range_eval                                             \
    }
#define SET_11 \
    (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64) | MOPT_DT(MOPT_INT16) | MOPT_SET_INDEX)

static const struct mopt_op records[] = {
    RECORD(11, 26, SET_11, ),
    RECORD(27, 0, SET_11 | MOPT_DT(MOPT_FLOAT16) | MOPT_SET_BFLOAT,
           MOPT_ATTRIBUTES(MOPT_A_INT("stash_type", 1)), ),
};
const struct mopt_op_family mopt__ops_range = {records, MOPT_COUNTOF(records)};
