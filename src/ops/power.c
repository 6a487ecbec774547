// SPDX-License-Identifier: Apache-2.0
// Pow. Integer powers of integers wrap around; a negative exponent gives the truncated reciprocal
// (0 except for the bases 1 and -1; 0 to a negative power is 0). A fractional exponent computes as
// double, truncated and saturated.
#include <math.h>

#include "ops/elementwise.h"
#include "ops/lanes.h"

static int64_t power_integer(int64_t base, int64_t exponent)
{
    if (exponent < 0) {
        return base == 1 ? 1 : base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0;
    }
    uint64_t result = 1;
    uint64_t square = (uint64_t)base;
    for (uint64_t rest = (uint64_t)exponent; rest != 0; rest >>= 1) {
        result *= (rest & 1) != 0 ? square : 1;
        square *= square;
    }
    return (int64_t)result;
}

static void power_f32(void *out, const void *pa, const void *pb, size_t n, ptrdiff_t sa,
                      ptrdiff_t sb)
{
    float *o = out;
    const float *a = pa;
    const float *b = pb;
    if (sb == 0 && n > 0 && (*b == 2.0f || *b == 3.0f)) {
        const bool cube = *b == 3.0f;
        for (size_t i = 0; i < n; i++) {
            const float x = a[(ptrdiff_t)i * sa];
            o[i] = cube ? x * x * x : x * x;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        o[i] = powf(a[(ptrdiff_t)i * sa], b[(ptrdiff_t)i * sb]);
    }
}
MOPT_LANES(power_f64, double, double, pow(x, y))
static const mopt_lanes_fn power_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(power)};
static const struct mopt_binary power_row = {power_lanes, MOPT_UNDEFINED, NULL};

// Base and exponent of different types, or integers: chunks in double or int64.
struct mixed_job {
    const struct mopt_tensor *base, *exponent;
    enum mopt_dtype dtype;
    void *to;
    bool integers;
};

static void mixed_float(const struct mixed_job *job, const struct mopt_piece *piece, int64_t i,
                        size_t n)
{
    double a[MOPT_LANES];
    double b[MOPT_LANES];
    mopt__load_f64(job->dtype, job->base->data, piece->at[0] + i * piece->step[0], piece->step[0],
                   n, a);
    mopt__load_f64(job->exponent->dtype, job->exponent->data, piece->at[1] + i * piece->step[1],
                   piece->step[1], n, b);
    for (size_t k = 0; k < n; k++) {
        a[k] = b[k] == 2.0 ? a[k] * a[k] : pow(a[k], b[k]);
    }
    mopt__store_f64(job->dtype, job->to, piece->out + i, n, a);
}

static void mixed_integer(const struct mixed_job *job, const struct mopt_piece *piece, int64_t i,
                          size_t n)
{
    int64_t a[MOPT_LANES];
    int64_t b[MOPT_LANES];
    const bool huge = job->exponent->dtype == MOPT_UINT64;
    mopt__load_i64(job->dtype, job->base->data, piece->at[0] + i * piece->step[0], piece->step[0],
                   n, a);
    mopt__load_i64(job->exponent->dtype, job->exponent->data, piece->at[1] + i * piece->step[1],
                   piece->step[1], n, b);
    for (size_t k = 0; k < n; k++) {
        if (huge && b[k] < 0) { // 2^63 and above: the low 63 bits, then 63 squarings more
            const int64_t half = power_integer(a[k], INT64_MAX);
            const int64_t rest = power_integer(a[k], (int64_t)((uint64_t)b[k] - INT64_MAX));
            a[k] = (int64_t)((uint64_t)half * (uint64_t)rest);
        } else {
            a[k] = power_integer(a[k], b[k]);
        }
    }
    mopt__store_i64(job->dtype, job->to, piece->out + i, n, a);
}

static void mixed_piece(const struct mopt_piece *piece)
{
    const struct mixed_job *job = piece->context;
    for (int64_t i = 0; i < piece->n; i += MOPT_LANES) {
        const size_t n = (size_t)(piece->n - i < MOPT_LANES ? piece->n - i : MOPT_LANES);
        if (job->integers) {
            mixed_integer(job, piece, i, n);
        } else {
            mixed_float(job, piece, i, n);
        }
    }
}

static enum mopt_status power_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    int axis = -1;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__binary_shape(eval, in[0], in[1], &rank, dims, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const bool integers = mopt__dtype_is_integer(in[0]->dtype);
    if (in[0]->dtype == in[1]->dtype && !integers) {
        return mopt__binary_run(eval, &power_row, out, in[0], in[1], axis, err);
    }
    struct mixed_job job = {.base = in[0],
                            .exponent = in[1],
                            .dtype = in[0]->dtype,
                            .to = mopt__tensor_data(out),
                            .integers = integers && mopt__dtype_is_integer(in[1]->dtype)};
    struct mopt_loops loops;
    mopt__loops_open(&loops, rank, dims);
    mopt__loops_add(&loops, in[0]->rank, in[0]->dims, -1);
    mopt__loops_add(&loops, in[1]->rank, in[1]->dims, axis);
    mopt__loops_close(&loops);
    mopt__loops_run(&loops, eval->pool, mixed_piece, &job);
    return MOPT_OK;
}

#define RECORD(from, to, base, power, variable, ...)                                \
    {                                                                               \
        .domain = "", .name = "Pow", .since = from, .until = to,                    \
        .summary = "power of two tensors, broadcast",                               \
        MOPT_INPUTS({"X", "T", base, 0}, {"Y", variable, power, 0}),                \
        MOPT_OUTPUTS({"Z", "T", base, 0}),                                          \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE,          \
        .infer = mopt__binary_infer, .eval = power_eval, .cost = mopt__cost_output, \
        .data = &power_row                                                          \
    }
#define BASES (MOPT_SET_FLOATS | MOPT_SET_INDEX)

static const struct mopt_op records[] = {
    RECORD(1, 6, MOPT_SET_FLOATS, MOPT_SET_FLOATS, "T",
           MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("axis"), MOPT_A_FLAG("broadcast", 0)), ),
    RECORD(7, 11, MOPT_SET_FLOATS, MOPT_SET_FLOATS, "T", ),
    RECORD(12, 12, BASES, MOPT_SET_NUMBERS, "T1", ),
    RECORD(13, 14, BASES | MOPT_SET_BFLOAT, MOPT_SET_NUMBERS, "T1", ),
    RECORD(15, 0, BASES | MOPT_SET_BFLOAT, MOPT_SET_NUMBERS_BF, "T1", ),
};
const struct mopt_op_family mopt__ops_power = {records, MOPT_COUNTOF(records)};
