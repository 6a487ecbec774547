// SPDX-License-Identifier: Apache-2.0
// CumSum and CumProd along an axis, forwards or backwards, with or without the element itself.
// Floats accumulate in double, integers wrap.
#include "ops/elementwise.h"
#include "ops/lanes.h"
#include "ops/operands.h"

static const bool is_sum = false, is_product = true;

struct scan {
    const struct mopt_tensor *in;
    struct mopt_tensor *out;
    bool product, exclusive, reverse;
    int64_t n, inner;
};

// line: elements first, first + step, ... of one line. lanes: neighbours of a line's elements that
// belong to other lines are summed side by side. T: of the elements, A: of the sums, whose low bits
// are those of a wider one.
#define SCANS(name, T, A)                                                                     \
    static void name##_line(const struct scan *s, int64_t first, int64_t step)                \
    {                                                                                         \
        const T *x = (const T *)s->in->data + first;                                          \
        T *y = (T *)mopt__tensor_data(s->out) + first;                                        \
        A sum = s->product ? 1 : 0;                                                           \
        for (int64_t i = 0; i < s->n; i++, x += step, y += step) {                            \
            const A next = s->product ? sum * (A)*x : sum + (A)*x;                            \
            *y = (T)(s->exclusive ? sum : next);                                              \
            sum = next;                                                                       \
        }                                                                                     \
    }                                                                                         \
    static void name##_lanes(const struct scan *s, int64_t first, int64_t step, size_t lanes) \
    {                                                                                         \
        A sums[MOPT_LANES];                                                                   \
        const T *x = (const T *)s->in->data + first;                                          \
        T *y = (T *)mopt__tensor_data(s->out) + first;                                        \
        for (size_t k = 0; k < lanes; k++) {                                                  \
            sums[k] = s->product ? 1 : 0;                                                     \
        }                                                                                     \
        for (int64_t i = 0; i < s->n; i++, x += step, y += step) {                            \
            for (size_t k = 0; k < lanes; k++) {                                              \
                const A next = s->product ? sums[k] * (A)x[k] : sums[k] + (A)x[k];            \
                y[k] = (T)(s->exclusive ? sums[k] : next);                                    \
                sums[k] = next;                                                               \
            }                                                                                 \
        }                                                                                     \
    }
SCANS(f32, float, double)
SCANS(i32, uint32_t, uint32_t)
SCANS(i64, uint64_t, uint64_t)

static bool is_32(enum mopt_dtype dtype)
{
    return dtype == MOPT_INT32 || dtype == MOPT_UINT32;
}

static bool is_64(enum mopt_dtype dtype)
{
    return dtype == MOPT_INT64 || dtype == MOPT_UINT64;
}

static void line_float(const struct scan *s, int64_t first, int64_t step)
{
    double sum = s->product ? 1.0 : 0.0;
    void *out = mopt__tensor_data(s->out);
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t at = first + i * step;
        double x = 0;
        mopt__load_f64(s->in->dtype, s->in->data, at, 1, 1, &x);
        const double next = s->product ? sum * x : sum + x;
        mopt__store_f64(s->out->dtype, out, at, 1, s->exclusive ? &sum : &next);
        sum = next;
    }
}

static void line_integer(const struct scan *s, int64_t first, int64_t step)
{
    int64_t sum = s->product;
    void *out = mopt__tensor_data(s->out);
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t at = first + i * step;
        int64_t x = 0;
        mopt__load_i64(s->in->dtype, s->in->data, at, 1, 1, &x);
        const uint64_t next =
            s->product ? (uint64_t)sum * (uint64_t)x : (uint64_t)sum + (uint64_t)x;
        const int64_t joined = (int64_t)next;
        mopt__store_i64(s->out->dtype, out, at, 1, s->exclusive ? &sum : &joined);
        sum = joined;
    }
}

static void some_lines(void *context, int64_t begin, int64_t end, int thread)
{
    const struct scan *s = context;
    (void)thread;
    for (int64_t g = begin; g < end; g++) {
        const int64_t first = g / s->inner * s->n * s->inner + g % s->inner;
        const int64_t from = s->reverse ? first + (s->n - 1) * s->inner : first;
        const int64_t step = s->reverse ? -s->inner : s->inner;
        if (s->in->dtype == MOPT_FLOAT32) {
            f32_line(s, from, step);
        } else if (is_32(s->in->dtype)) {
            i32_line(s, from, step);
        } else if (is_64(s->in->dtype)) {
            i64_line(s, from, step);
        } else if (mopt__dtype_is_float(s->in->dtype)) {
            line_float(s, from, step);
        } else {
            line_integer(s, from, step);
        }
    }
}

static void some_lanes(void *context, int64_t begin, int64_t end, int thread)
{
    const struct scan *s = context;
    const int64_t step = s->reverse ? -s->inner : s->inner;
    int64_t lanes = 1;
    (void)thread;
    for (int64_t g = begin; g < end; g += lanes) {
        lanes = s->inner - g % s->inner;
        lanes = lanes < end - g ? lanes : end - g;
        lanes = lanes < MOPT_LANES ? lanes : MOPT_LANES;
        const int64_t first = g / s->inner * s->n * s->inner + g % s->inner;
        const int64_t from = s->reverse ? first + (s->n - 1) * s->inner : first;
        if (s->in->dtype == MOPT_FLOAT32) {
            f32_lanes(s, from, step, (size_t)lanes);
        } else if (is_32(s->in->dtype)) {
            i32_lanes(s, from, step, (size_t)lanes);
        } else {
            i64_lanes(s, from, step, (size_t)lanes);
        }
    }
}

static enum mopt_status cumulative_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    int64_t exclusive = 0;
    int64_t reverse = 0;
    int64_t value = 0;
    int axis = 0;
    struct scan s = {.product = *(const bool *)eval->node->op->data, .inner = 1};
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "exclusive", 0, &exclusive, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "reverse", 0, &reverse, err);
    }
    if (status == MOPT_OK) {
        status = mopt__scalar_i64(in[1], "axis", &value, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &s.out, err);
    }
    if (status != MOPT_OK || in[0]->count == 0) {
        return status;
    }
    s.in = in[0];
    s.exclusive = exclusive != 0;
    s.n = in[0]->dims[axis];
    for (int i = axis + 1; i < in[0]->rank; i++) {
        s.inner *= in[0]->dims[i];
    }
    s.reverse = reverse != 0;
    const bool side_by_side =
        s.inner > 1 && (in[0]->dtype == MOPT_FLOAT32 || is_32(in[0]->dtype) || is_64(in[0]->dtype));
    mopt__pool_for(eval->pool, (int64_t)in[0]->count / s.n, MOPT_LOOPS_GRAIN / s.n + 1,
                   side_by_side ? some_lanes : some_lines, &s);
    return MOPT_OK;
}

#define RECORD(op, text, from, to, set, row)                                               \
    {                                                                                      \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,             \
        MOPT_INPUTS({"x", "T", set, 0}, {"axis", "T2", MOPT_SET_INDEX, 0}),                \
        MOPT_OUTPUTS({"y", "T", set, 0}),                                                  \
        MOPT_ATTRIBUTES(MOPT_A_FLAG("exclusive", 0), MOPT_A_FLAG("reverse", 0)),           \
        .traits = MOPT_TRAIT_IN_PLACE, .infer = mopt__infer_like, .eval = cumulative_eval, \
        .cost = mopt__cost_output, .data = &(row)                                          \
    }

static const struct mopt_op records[] = {
    RECORD("CumProd", "running product along an axis", 26, 0, MOPT_SET_WIDE_BF, is_product),
    RECORD("CumSum", "running sum along an axis", 11, 13, MOPT_SET_WIDE & ~MOPT_DT(MOPT_FLOAT16),
           is_sum),
    RECORD("CumSum", "running sum along an axis", 14, 0, MOPT_SET_WIDE_BF, is_sum),
};
const struct mopt_op_family mopt__ops_cumulative = {records, MOPT_COUNTOF(records)};
