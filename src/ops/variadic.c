// SPDX-License-Identifier: Apache-2.0
// Min, Max, Sum, Mean of one or more tensors, broadcast together (equal shapes before opset 8). Min
// and Max return NaN where an operand is NaN. Narrow floats round after every operand.
#include "ops/elementwise.h"
#include "ops/lanes.h"

#define FOLD(name, expr_float, expr_integer)                                             \
    MOPT_LANES_FLOATS(name, SAME, expr_float)                                            \
    MOPT_LANES_SIGNED(name, SAME, expr_integer)                                          \
    MOPT_LANES_UNSIGNED(name, SAME, expr_integer)                                        \
    static const mopt_lanes_fn name##_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(name), \
                                                                 MOPT_ROWS_SIGNED(name), \
                                                                 MOPT_ROWS_UNSIGNED(name)};

FOLD(least, x < y || x != x ? x : y, x < y ? x : y)
FOLD(greatest, x > y || x != x ? x : y, x > y ? x : y)
MOPT_LANES_FLOATS(sum, SAME, x + y)
static const mopt_lanes_fn sum_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(sum)};

static int64_t min_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_min(dims, a, b);
}

static int64_t max_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_max(dims, a, b);
}

static const struct mopt_binary min_row = {least_lanes, MOPT_UNDEFINED, min_values};
static const struct mopt_binary max_row = {greatest_lanes, MOPT_UNDEFINED, max_values};
static const struct mopt_binary sum_row = {sum_lanes, MOPT_UNDEFINED, NULL};
static const struct mopt_binary mean_row = {sum_lanes, MOPT_UNDEFINED, NULL};

// Result shape of all inputs; the first one's where the version asks for equal shapes.
static enum mopt_status common_shape(const struct mopt_eval *eval, struct mopt_tensor *shape,
                                     struct mopt_error *err)
{
    const struct mopt_tensor *first = mopt__eval_input(eval, 0);
    const bool equal = eval->node->op->until != 0 && eval->node->op->until < 8;
    *shape = *first;
    for (uint32_t i = 1; i < eval->input_count; i++) {
        const struct mopt_tensor *next = mopt__eval_input(eval, i);
        int rank = 0;
        int64_t dims[MOPT_RANK_MAX];
        const enum mopt_status status = mopt__broadcast_shape(shape, next, &rank, dims, err);
        if (status != MOPT_OK) {
            return status;
        }
        bool same = rank == first->rank && rank == next->rank;
        for (int k = 0; k < rank; k++) {
            same = same && dims[k] == first->dims[k] && dims[k] == next->dims[k];
            shape->dims[k] = dims[k];
        }
        shape->rank = rank;
        if (equal && !same) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input %u differs in shape from input 0",
                                  (unsigned)i);
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_inputs(const struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *first = mopt__eval_input(eval, 0);
    const struct mopt_tensor *in[1];
    enum mopt_status status = mopt__open(eval, in, 1, err);
    for (uint32_t i = 1; status == MOPT_OK && i < eval->input_count; i++) {
        const struct mopt_tensor *next = mopt__eval_input(eval, i);
        if (next == NULL || next->dtype != first->dtype) {
            status =
                mopt_error_set(err, MOPT_E_TYPE,
                               "input %u is absent or of another type than input 0", (unsigned)i);
        }
    }
    return status;
}

struct scale_job {
    struct mopt_tensor *out;
    double divisor;
};

static void scale_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct scale_job *job = context;
    void *data = mopt__tensor_data(job->out);
    (void)thread;
    for (int64_t i = begin; i < end; i += MOPT_LANES) {
        double x[MOPT_LANES];
        const size_t n = (size_t)(end - i < MOPT_LANES ? end - i : MOPT_LANES);
        mopt__load_f64(job->out->dtype, data, i, 1, n, x);
        for (size_t k = 0; k < n; k++) {
            x[k] /= job->divisor;
        }
        mopt__store_f64(job->out->dtype, data, i, n, x);
    }
}

static enum mopt_status fold(struct mopt_eval *eval, const struct mopt_binary *row,
                             struct mopt_tensor *out, struct mopt_error *err)
{
    const struct mopt_tensor *left = mopt__eval_input(eval, 0);
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 1; status == MOPT_OK && i < eval->input_count; i++) {
        status = mopt__binary_run(eval, row, out, left, mopt__eval_input(eval, i), -1, err);
        left = out;
    }
    return status;
}

static enum mopt_status variadic_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_binary *row = eval->node->op->data;
    struct mopt_tensor shape;
    struct mopt_tensor *out = NULL;
    enum mopt_status status = check_inputs(eval, err);
    if (status == MOPT_OK && eval->input_count == 1) {
        return mopt__eval_set(eval, 0, mopt__eval_input_mutable(eval, 0), err);
    }
    if (status == MOPT_OK) {
        status = common_shape(eval, &shape, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, shape.dtype, shape.rank, shape.dims, &out, err);
    }
    if (status == MOPT_OK) {
        status = fold(eval, row, out, err);
    }
    if (status == MOPT_OK && row == &mean_row) {
        struct scale_job job = {.out = out, .divisor = (double)eval->input_count};
        mopt__pool_for(eval->pool, (int64_t)out->count, MOPT_LOOPS_GRAIN, scale_range, &job);
    }
    return status;
}

static enum mopt_status variadic_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_binary *row = infer->node->op->data;
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    int rank = type != NULL ? type->rank : -1;
    for (int i = 0; i < rank; i++) {
        dims[i] = type->dims[i];
    }
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 1; status == MOPT_OK && rank >= 0 && i < infer->node->input_count; i++) {
        const struct mopt_type *next = mopt__infer_tensor(infer, i);
        int64_t joined[MOPT_RANK_MAX];
        int joined_rank = -1;
        if (next != NULL) {
            status = mopt__infer_broadcast(infer, rank, dims, next->rank, next->dims, &joined_rank,
                                           joined, err);
        }
        rank = joined_rank;
        for (int k = 0; status == MOPT_OK && k < rank; k++) {
            dims[k] = joined[k];
        }
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), rank, dims, err);
    }
    if (status == MOPT_OK && row->values != NULL && infer->node->input_count == 2) {
        status = mopt__values_binary(infer, row->values, err);
    }
    return status;
}

#define RECORD(op, text, from, to, set, row, ...)                                                 \
    {                                                                                             \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                    \
        MOPT_INPUTS({"data_0", "T", set, MOPT_PARAM_VARIADIC}),                                   \
        MOPT_OUTPUTS({"result", "T", set, 0}),                                                    \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_COMMUTATIVE,                     \
        .infer = variadic_infer, .eval = variadic_eval, .cost = mopt__cost_output, .data = &(row) \
    }
#define OLD(op, text, row)                                                            \
    RECORD(op, text, 1, 5, MOPT_SET_FLOATS, row, MOPT_ATTRIBUTES(MOPT_A_CONSUMED), ), \
        RECORD(op, text, 6, 7, MOPT_SET_FLOATS, row, )
#define EXTREME(op, text, row)                                           \
    OLD(op, text, row), RECORD(op, text, 8, 11, MOPT_SET_FLOATS, row, ), \
        RECORD(op, text, 12, 12, MOPT_SET_NUMBERS, row, ),               \
        RECORD(op, text, 13, 0, MOPT_SET_NUMBERS_BF, row, )
#define TOTAL(op, text, row)                                             \
    OLD(op, text, row), RECORD(op, text, 8, 12, MOPT_SET_FLOATS, row, ), \
        RECORD(op, text, 13, 0, MOPT_SET_FLOATS_BF, row, )

static const struct mopt_op records[] = {
    EXTREME("Max", "largest of all operands", max_row),
    TOTAL("Mean", "mean of all operands", mean_row),
    EXTREME("Min", "smallest of all operands", min_row),
    TOTAL("Sum", "sum of all operands", sum_row),
};
const struct mopt_op_family mopt__ops_variadic = {records, MOPT_COUNTOF(records)};
