// SPDX-License-Identifier: Apache-2.0
// ReduceSum, Mean, Prod, Max, Min, L1, L2, LogSum, LogSumExp, SumSquare. Floats accumulate in
// double, integers in 64 bits (wrapping); means of integers truncate toward zero. Over an empty
// set: sums are 0, products 1, maxima and minima the far end of the type, means of floats NaN, of
// integers 0.
#include "ops/elementwise.h"
#include "ops/fast.h"
#include "ops/nn_util.h"
#include "ops/reduction.h"

struct reduce_row {
    enum mopt_reduction_kind kind;
};

// Loops of the input in order, joined where neighbours are of one kind.
struct plan {
    struct mopt_reduction job;
    int kept, reduced; // loops of either kind outside the innermost one
    int64_t kept_dims[MOPT_RANK_MAX], kept_strides[MOPT_RANK_MAX];
    int64_t reduced_dims[MOPT_RANK_MAX], reduced_strides[MOPT_RANK_MAX];
    int64_t kept_trips, reduced_trips;
    int64_t inner; // trips of the innermost loop (stride 1)
    bool inner_reduced;
};

static int64_t offset_of(int64_t index, int loops, const int64_t *dims, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = loops - 1; i > 0; i--) {
        offset += index % dims[i] * strides[i];
        index /= dims[i];
    }
    return loops > 0 ? offset + index * strides[0] : 0;
}

static int64_t reduced_offset(const struct plan *p, int64_t trip)
{
    return offset_of(trip, p->reduced, p->reduced_dims, p->reduced_strides);
}

// n results side by side, by kernels: the innermost of the reduced loops at once.
static void fold_lanes(const struct plan *p, struct mopt_partial *acc, int64_t base, size_t n)
{
    const int last = p->reduced - 1;
    const int64_t rows = last >= 0 ? p->reduced_dims[last] : 1;
    const size_t step = last >= 0 ? (size_t)p->reduced_strides[last] : 0;
    for (int64_t r = 0; r < p->reduced_trips; r += rows) {
        const float *x = (const float *)p->job.in->data + base + reduced_offset(p, r);
        p->job.kernels->fold_columns_f32(p->job.fold, x, step, (size_t)rows, acc->f, n);
    }
}

// n results of kept trip `trip` side by side, the first one in lane `lane`.
static void lanes_block(const struct plan *p, int64_t trip, int64_t lane, size_t n)
{
    struct mopt_partial acc;
    mopt__reduction_start(&p->job, &acc, n);
    const int64_t base = offset_of(trip, p->kept, p->kept_dims, p->kept_strides) + lane;
    if (p->job.kernels != NULL) {
        fold_lanes(p, &acc, base, n);
    } else {
        for (int64_t r = 0; r < p->reduced_trips; r++) {
            mopt__reduction_across(&p->job, &acc, base + reduced_offset(p, r), n);
        }
    }
    mopt__reduction_finish(&p->job, &acc, trip * p->inner + lane, n);
}

// Results of n kept trips by kernels: rows that lie behind each other at once.
static void fold_rows(const struct plan *p, struct mopt_partial *acc, int64_t trip, size_t n)
{
    const float *x = p->job.in->data;
    const size_t inner = (size_t)p->inner;
    if (p->reduced_trips == 1 && p->kept <= 1) {
        p->job.kernels->fold_f32(p->job.fold, x + (size_t)trip * inner, inner, n, acc->f);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        const int64_t base = offset_of(trip + (int64_t)k, p->kept, p->kept_dims, p->kept_strides);
        for (int64_t r = 0; r < p->reduced_trips; r++) {
            p->job.kernels->fold_f32(p->job.fold, x + base + reduced_offset(p, r), inner, 1,
                                     &acc->f[k]);
        }
    }
}

// Results of n kept trips, each of which is made of rows.
static void rows_block(const struct plan *p, int64_t trip, size_t n)
{
    struct mopt_partial acc;
    mopt__reduction_start(&p->job, &acc, n);
    if (p->job.kernels != NULL) {
        fold_rows(p, &acc, trip, n);
    }
    for (size_t k = 0; k < n && p->job.kernels == NULL; k++) {
        const int64_t base = offset_of(trip + (int64_t)k, p->kept, p->kept_dims, p->kept_strides);
        for (int64_t r = 0; r < p->reduced_trips; r++) {
            const int64_t first = base + reduced_offset(p, r);
            for (int64_t i = 0; i < p->inner; i += MOPT_LANES) {
                const int64_t rest = p->inner - i;
                mopt__reduction_along(&p->job, &acc, k, first + i,
                                      (size_t)(rest < MOPT_LANES ? rest : MOPT_LANES));
            }
        }
    }
    mopt__reduction_finish(&p->job, &acc, trip, n);
}

static void reduce_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct plan *p = context;
    int64_t n = 0;
    (void)thread;
    for (int64_t i = begin; i < end; i += n) {
        const int64_t lane = p->inner_reduced ? 0 : i % p->inner;
        n = p->inner_reduced ? end - i : p->inner - lane;
        n = n < end - i ? n : end - i;
        n = n < MOPT_LANES ? n : MOPT_LANES;
        if (p->inner_reduced) {
            rows_block(p, i, (size_t)n);
        } else {
            lanes_block(p, i / p->inner, lane, (size_t)n);
        }
    }
}

// ---- Plan -----------------------------------------------------------------------------------------------------

static void add_loop(int *count, int64_t *dims, int64_t *strides, int64_t dim, int64_t stride)
{
    dims[*count] = dim;
    strides[*count] = stride;
    (*count)++;
}

static void make_plan(struct plan *p, const bool *marks)
{
    int64_t dims[MOPT_RANK_MAX];
    int64_t strides[MOPT_RANK_MAX];
    bool reduced[MOPT_RANK_MAX];
    int loops = 0;
    mopt__strides(p->job.in->rank, p->job.in->dims, strides);
    p->job.total = p->kept_trips = p->reduced_trips = 1;
    for (int i = 0; i < p->job.in->rank; i++) {
        const int64_t dim = p->job.in->dims[i];
        p->job.total *= marks[i] ? dim : 1;
        if (dim == 1) {
            continue;
        }
        if (loops > 0 && reduced[loops - 1] == marks[i]) {
            dims[loops - 1] *= dim;
            strides[loops - 1] = strides[i];
            continue;
        }
        dims[loops] = dim;
        reduced[loops] = marks[i];
        strides[loops] = strides[i];
        loops++;
    }
    p->inner = loops > 0 ? dims[loops - 1] : 1;
    p->inner_reduced = loops > 0 && reduced[loops - 1];
    for (int i = 0; i + 1 < loops; i++) {
        if (reduced[i]) {
            add_loop(&p->reduced, p->reduced_dims, p->reduced_strides, dims[i], strides[i]);
            p->reduced_trips *= dims[i];
        } else {
            add_loop(&p->kept, p->kept_dims, p->kept_strides, dims[i], strides[i]);
            p->kept_trips *= dims[i];
        }
    }
}

static enum mopt_status read_axes(const struct mopt_eval *eval, int rank, bool *marks,
                                  struct mopt_error *err)
{
    int64_t *axes = NULL;
    size_t count = 0;
    bool given = false;
    int64_t noop = 0;
    const bool as_input = eval->node->op->input_count > 1;
    enum mopt_status status = mopt__list_i64(eval, as_input ? 1 : 0, as_input ? NULL : "axes",
                                             &axes, &count, &given, err);
    if (status == MOPT_OK && as_input) {
        status = mopt__attr_int(eval->node, "noop_with_empty_axes", 0, &noop, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axes_mark(axes, count, rank, marks, err);
    }
    for (int i = 0; status == MOPT_OK && count == 0 && i < rank; i++) {
        marks[i] = noop == 0;
    }
    mopt__free(axes);
    return status;
}

// kernels: NULL for the reference.
static enum mopt_status reduce_by(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    bool marks[MOPT_RANK_MAX] = {false};
    int64_t dims[MOPT_RANK_MAX];
    int64_t keep = 1;
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_axes(eval, in[0]->rank, marks, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "keepdims", 1, &keep, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < in[0]->rank; i++) {
        if (!marks[i] || keep != 0) {
            dims[rank++] = marks[i] ? 1 : in[0]->dims[i];
        }
    }
    const struct reduce_row *row = eval->node->op->data;
    struct plan plan = {.job = mopt__reduction_open(row->kind, in[0])};
    status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &plan.job.out, err);
    if (status != MOPT_OK || plan.job.out->count == 0) {
        return status;
    }
    make_plan(&plan, marks);
    if (kernels != NULL) {
        mopt__reduction_use(&plan.job, kernels);
    }
    const int64_t total = plan.job.total > 0 ? plan.job.total : 1;
    mopt__pool_for(eval->pool, (int64_t)plan.job.out->count, MOPT_LOOPS_GRAIN / total + 1,
                   reduce_range, &plan);
    return MOPT_OK;
}

static enum mopt_status reduce_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    return reduce_by(eval, NULL, err);
}

static enum mopt_status reduce_fast(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    return reduce_by(eval, fast->kernels, err);
}

static enum mopt_status reduce_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) ? mopt__fast_bind(bind, NULL, reduce_fast, err)
                                                   : MOPT_OK;
}

// ---- Inference ------------------------------------------------------------------------------------------------

static int64_t join_values(struct mopt_dims *dims, enum mopt_reduction_kind kind, int64_t a,
                           int64_t b)
{
    switch (kind) {
    case MOPT_REDUCE_SUM:
        return mopt__dim_add(dims, a, b);
    case MOPT_REDUCE_PROD:
        return mopt__dim_mul(dims, a, b);
    case MOPT_REDUCE_MAX:
        return mopt__dim_max(dims, a, b);
    case MOPT_REDUCE_MIN:
        return mopt__dim_min(dims, a, b);
    default:
        return MOPT_DIM_UNKNOWN;
    }
}

static enum mopt_status reduce_values(struct mopt_infer *infer, bool keep, struct mopt_error *err)
{
    const enum mopt_reduction_kind kind = ((const struct reduce_row *)infer->node->op->data)->kind;
    const int64_t *items = NULL;
    size_t count = 0;
    if (mopt__infer_rank(infer, 0) != 1 || !mopt__infer_ints(infer, 0, &items, &count) ||
        (count == 0 && kind != MOPT_REDUCE_SUM && kind != MOPT_REDUCE_PROD)) {
        return MOPT_OK;
    }
    int64_t value = count > 0 ? items[0] : kind == MOPT_REDUCE_PROD ? 1 : 0;
    for (size_t i = 1; i < count; i++) {
        value = join_values(infer->dims, kind, value, items[i]);
    }
    value = mopt__value_fit(infer, value);
    const bool known = value != MOPT_DIM_UNKNOWN && mopt__infer_dtype(infer, 0) != MOPT_UINT64 &&
                       (kind == MOPT_REDUCE_SUM || kind == MOPT_REDUCE_PROD ||
                        kind == MOPT_REDUCE_MAX || kind == MOPT_REDUCE_MIN);
    return known ? mopt__infer_set_ints(infer, 0, keep ? 1 : 0, &value, 1, err) : MOPT_OK;
}

// Axes of an inferred node: false when not known; *count their number if that much is known, else
// -1.
static enum mopt_status infer_axes(const struct mopt_infer *infer, int rank, bool *marks,
                                   bool *known, int64_t *count, struct mopt_error *err)
{
    const bool as_input = infer->node->op->input_count > 1;
    const int64_t *axes = NULL;
    size_t n = 0;
    bool given = false;
    *known =
        mopt__infer_list(infer, as_input ? 1 : 0, as_input ? NULL : "axes", &axes, &n, &given) ||
        !given;
    *count = -1;
    for (size_t i = 0; *known && i < n; i++) {
        int64_t axis = 0;
        *known = mopt__dim_is_known(infer->dims, axes[i], &axis) || !as_input;
    }
    if (!*known) {
        const struct mopt_type *type = mopt__infer_tensor(infer, 1);
        if (type == NULL || type->rank != 1 ||
            !mopt__dim_is_known(infer->dims, type->dims[0], count)) {
            *count = -1;
        }
        return MOPT_OK;
    }
    int64_t *plain = mopt__arena_alloc(infer->arena, n + 1, sizeof *plain);
    if (plain == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        plain[i] = axes[i];
        if (as_input) {
            (void)mopt__dim_is_known(infer->dims, axes[i], &plain[i]);
        }
    }
    const enum mopt_status status = mopt__axes_mark(plain, n, rank, marks, err);
    const bool all =
        n == 0 && (!as_input || mopt__int_of(infer->node, "noop_with_empty_axes", 0) == 0);
    for (int i = 0; i < rank && n == 0; i++) {
        marks[i] = all;
    }
    return status;
}

static enum mopt_status reduce_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const bool keep = mopt__int_of(infer->node, "keepdims", 1) != 0;
    bool marks[MOPT_RANK_MAX] = {false};
    bool known = false;
    int64_t count = 0;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status = infer_axes(infer, type->rank, marks, &known, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!known) {
        const bool countable = count > 0 && count <= type->rank;
        return mopt__infer_unknown(infer,
                                   keep        ? type->rank
                                   : countable ? type->rank - (int)count
                                               : -1,
                                   err);
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < type->rank; i++) {
        if (!marks[i] || keep) {
            dims[rank++] = marks[i] ? 1 : type->dims[i];
        }
    }
    status = mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
    return status == MOPT_OK && type->rank == 1 && marks[0] ? reduce_values(infer, keep, err)
                                                            : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(op, text, from, to, set, row, ...)                                           \
    {                                                                                       \
        .domain = "", .name = op, .since = from, .until = to, .summary = text, __VA_ARGS__, \
        MOPT_OUTPUTS({"reduced", "T", set, 0}), .infer = reduce_infer, .eval = reduce_eval, \
        .bind = reduce_bind, .cost = mopt__cost_input, .data = &(row)                       \
    }
#define AXES_ATTRIBUTE(set)             \
    MOPT_INPUTS({"data", "T", set, 0}), \
        MOPT_ATTRIBUTES(MOPT_A_INTS("axes"), MOPT_A_FLAG("keepdims", 1))
#define AXES_INPUT(set)                                                        \
    MOPT_INPUTS({"data", "T", set, 0},                                         \
                {"axes", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}), \
        MOPT_ATTRIBUTES(MOPT_A_FLAG("keepdims", 1), MOPT_A_FLAG("noop_with_empty_axes", 0))
#define OLD(op, text, from, to, set, row) RECORD(op, text, from, to, set, row, AXES_ATTRIBUTE(set))
#define NEW(op, text, from, to, set, row) RECORD(op, text, from, to, set, row, AXES_INPUT(set))
#define COMMON(op, text, last, row)                                                         \
    OLD(op, text, 1, 12, MOPT_SET_WIDE, row), OLD(op, text, 13, 17, MOPT_SET_WIDE_BF, row), \
        NEW(op, text, 18, last, MOPT_SET_WIDE_BF, row)
#define BYTES (MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_UINT8))
#define EXTREME(op, text, row)                                                                   \
    OLD(op, text, 1, 11, MOPT_SET_WIDE, row), OLD(op, text, 12, 12, MOPT_SET_WIDE | BYTES, row), \
        OLD(op, text, 13, 17, MOPT_SET_WIDE_BF | BYTES, row),                                    \
        NEW(op, text, 18, 19, MOPT_SET_WIDE_BF | BYTES, row),                                    \
        NEW(op, text, 20, 0, MOPT_SET_WIDE_BF | BYTES | MOPT_SET_BOOL, row)

static const struct reduce_row sum_row = {MOPT_REDUCE_SUM}, mean_row = {MOPT_REDUCE_MEAN},
                               prod_row = {MOPT_REDUCE_PROD}, max_row = {MOPT_REDUCE_MAX},
                               min_row = {MOPT_REDUCE_MIN}, l1_row = {MOPT_REDUCE_L1},
                               l2_row = {MOPT_REDUCE_L2}, log_sum_row = {MOPT_REDUCE_LOG_SUM},
                               log_sum_exp_row = {MOPT_REDUCE_LOG_SUM_EXP},
                               sum_square_row = {MOPT_REDUCE_SUM_SQUARE};

static const struct mopt_op records[] = {
    COMMON("ReduceL1", "sum of absolute values over axes", 0, l1_row),
    COMMON("ReduceL2", "square root of the sum of squares over axes", 0, l2_row),
    COMMON("ReduceLogSum", "logarithm of the sum over axes", 27, log_sum_row),
    NEW("ReduceLogSum", "logarithm of the sum over axes", 28, 0, MOPT_SET_FLOATS_BF, log_sum_row),
    COMMON("ReduceLogSumExp", "logarithm of the sum of exponentials over axes", 27,
           log_sum_exp_row),
    NEW("ReduceLogSumExp", "logarithm of the sum of exponentials over axes", 28, 0,
        MOPT_SET_FLOATS_BF, log_sum_exp_row),
    EXTREME("ReduceMax", "largest element over axes", max_row),
    COMMON("ReduceMean", "mean over axes", 0, mean_row),
    EXTREME("ReduceMin", "smallest element over axes", min_row),
    COMMON("ReduceProd", "product over axes", 0, prod_row),
    OLD("ReduceSum", "sum over axes", 1, 12, MOPT_SET_WIDE, sum_row),
    NEW("ReduceSum", "sum over axes", 13, 0, MOPT_SET_WIDE_BF, sum_row),
    COMMON("ReduceSumSquare", "sum of squares over axes", 0, sum_square_row),
};
const struct mopt_op_family mopt__ops_reduce = {records, MOPT_COUNTOF(records)};
