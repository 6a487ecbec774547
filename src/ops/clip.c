// SPDX-License-Identifier: Apache-2.0
// Clip: min(max(x, low), high), bounds as attributes before opset 11, then as optional scalar
// inputs. Where low is above high the result is high. NaN stays NaN.
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/unary.h"

MOPT_UNARY(clip,
           (x < p[0] ? p[0] : x) > p[1] ? p[1]
           : x < p[0]                   ? p[0]
                                        : x,
           (x < p[0] ? p[0] : x) > p[1] ? p[1]
           : x < p[0]                   ? p[0]
                                        : x)
static const struct mopt_unary clip_row = {.f32 = clip_f32, .f64 = clip_f64};

static enum mopt_status bound_attribute(const struct mopt_eval *eval, const char *name,
                                        struct mopt_unary_args *args, int i, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_float(eval->node, name, args->f[i], &args->f[i], err);
    args->d[i] = (double)args->f[i];
    return status;
}

// Bounds of a float clip; an absent one is infinite.
static enum mopt_status float_bounds(const struct mopt_eval *eval,
                                     const struct mopt_tensor *const *in,
                                     struct mopt_unary_args *args, struct mopt_error *err)
{
    if (eval->node->op->input_count == 1) {
        args->f[0] = -INFINITY;
        args->f[1] = INFINITY;
        const enum mopt_status status = bound_attribute(eval, "min", args, 0, err);
        return status == MOPT_OK ? bound_attribute(eval, "max", args, 1, err) : status;
    }
    for (int i = 0; i < MOPT_UNARY_PARAMS; i++) {
        const double open = i == 0 ? (double)-INFINITY : (double)INFINITY;
        args->d[i] = in[i + 1] != NULL ? mopt__tensor_f64(in[i + 1], 0) : open;
        args->f[i] = (float)args->d[i];
    }
    return MOPT_OK;
}

struct clip_job {
    const struct mopt_tensor *const *in;
    struct mopt_tensor *out;
};

#define CUT(name, T)                                                           \
    static void name(const struct clip_job *job, int64_t begin, int64_t end)   \
    {                                                                          \
        const T *x = (const T *)job->in[0]->data;                              \
        T *y = mopt__tensor_data(job->out);                                    \
        const T low = job->in[1] != NULL ? *(const T *)job->in[1]->data : *x;  \
        const T high = job->in[2] != NULL ? *(const T *)job->in[2]->data : *x; \
        if (job->in[1] != NULL && job->in[2] != NULL) {                        \
            for (int64_t i = begin; i < end; i++) {                            \
                const T v = x[i] < low ? low : x[i];                           \
                y[i] = v > high ? high : v;                                    \
            }                                                                  \
        } else if (job->in[1] != NULL) {                                       \
            for (int64_t i = begin; i < end; i++) {                            \
                y[i] = x[i] < low ? low : x[i];                                \
            }                                                                  \
        } else if (job->in[2] != NULL) {                                       \
            for (int64_t i = begin; i < end; i++) {                            \
                y[i] = x[i] > high ? high : x[i];                              \
            }                                                                  \
        } else {                                                               \
            memcpy(y + begin, x + begin, (size_t)(end - begin) * sizeof *y);   \
        }                                                                      \
    }
CUT(cut_i8, int8_t)
CUT(cut_u8, uint8_t)
CUT(cut_i16, int16_t)
CUT(cut_u16, uint16_t)
CUT(cut_i32, int32_t)
CUT(cut_u32, uint32_t)
CUT(cut_i64, int64_t)
CUT(cut_u64, uint64_t)

static void clip_range(void *context, int64_t begin, int64_t end, int thread)
{
    static void (*const cuts[MOPT_DTYPE_COUNT])(const struct clip_job *, int64_t, int64_t) = {
        [MOPT_INT8] = cut_i8,    [MOPT_UINT8] = cut_u8,   [MOPT_INT16] = cut_i16,
        [MOPT_UINT16] = cut_u16, [MOPT_INT32] = cut_i32,  [MOPT_UINT32] = cut_u32,
        [MOPT_INT64] = cut_i64,  [MOPT_UINT64] = cut_u64,
    };
    const struct clip_job *job = context;
    (void)thread;
    cuts[job->out->dtype](job, begin, end);
}

static enum mopt_status clip_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL, NULL, NULL};
    struct mopt_tensor *out = NULL;
    struct mopt_unary_args args = {{0}, {0}};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    for (int i = 1; status == MOPT_OK && i < 3; i++) {
        if (in[i] != NULL && in[i]->count != 1) {
            status = mopt_error_set(err, MOPT_E_SHAPE,
                                    "bound %d has %zu elements, must be a scalar", i, in[i]->count);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__dtype_is_integer(out->dtype)) {
        struct clip_job job = {in, out};
        if (out->count > 0) {
            mopt__pool_for(eval->pool, (int64_t)out->count, MOPT_LOOPS_GRAIN, clip_range, &job);
        }
        return MOPT_OK;
    }
    status = float_bounds(eval, in, &args, err);
    if (status == MOPT_OK) {
        mopt__unary_run(eval, &clip_row, &args, out, in[0]);
    }
    return status;
}

// Values of integers: both bounds as shape arithmetic.
static enum mopt_status clip_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const int64_t *items[3] = {NULL, NULL, NULL};
    size_t counts[3] = {0, 0, 0};
    const enum mopt_status status = mopt__infer_like(infer, err);
    const enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (status != MOPT_OK || !mopt__dtype_is_integer(dtype) || dtype == MOPT_UINT64) {
        return status;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (mopt__infer_has(infer, i) &&
            (!mopt__infer_ints(infer, i, &items[i], &counts[i]) || (i > 0 && counts[i] != 1))) {
            return MOPT_OK;
        }
    }
    int64_t *cut = mopt__infer_room(infer, counts[0]);
    for (size_t i = 0; cut != NULL && i < counts[0]; i++) {
        cut[i] = items[0][i];
        cut[i] = items[1] != NULL ? mopt__dim_max(infer->dims, cut[i], items[1][0]) : cut[i];
        cut[i] = items[2] != NULL ? mopt__dim_min(infer->dims, cut[i], items[2][0]) : cut[i];
    }
    return cut != NULL
               ? mopt__infer_set_ints(infer, 0, mopt__infer_rank(infer, 0), cut, counts[0], err)
               : MOPT_OK;
}

#define BOUNDS(set)                                                             \
    MOPT_INPUTS({"input", "T", set, 0}, {"min", "T", set, MOPT_PARAM_OPTIONAL}, \
                {"max", "T", set, MOPT_PARAM_OPTIONAL})
#define RECORD(from, to, set, ...)                                                                 \
    {                                                                                              \
        .domain = "", .name = "Clip", .since = from, .until = to,                                  \
        .summary = "values cut to [min, max]", MOPT_OUTPUTS({"output", "T", set, 0}), __VA_ARGS__, \
        .traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE | MOPT_TRAIT_IDEMPOTENT,            \
        .quant = &mopt__quant_unary_kernel, .infer = clip_infer, .eval = clip_eval,                \
        .cost = mopt__cost_output                                                                  \
    }
#define ONE MOPT_INPUTS({"input", "T", MOPT_SET_FLOATS, 0})

static const struct mopt_op records[] = {
    RECORD(1, 5, MOPT_SET_FLOATS, ONE,
           MOPT_ATTRIBUTES(MOPT_A_FLOAT_OPTIONAL("min"), MOPT_A_FLOAT_OPTIONAL("max"),
                           MOPT_A_CONSUMED)),
    RECORD(6, 10, MOPT_SET_FLOATS, ONE,
           MOPT_ATTRIBUTES(MOPT_A_FLOAT("min", -3.4028234663852886e+38),
                           MOPT_A_FLOAT("max", 3.4028234663852886e+38))),
    RECORD(11, 11, MOPT_SET_FLOATS, BOUNDS(MOPT_SET_FLOATS)),
    RECORD(12, 12, MOPT_SET_NUMBERS, BOUNDS(MOPT_SET_NUMBERS)),
    RECORD(13, 0, MOPT_SET_NUMBERS_BF, BOUNDS(MOPT_SET_NUMBERS_BF)),
};
const struct mopt_op_family mopt__ops_clip = {records, MOPT_COUNTOF(records)};
