// SPDX-License-Identifier: Apache-2.0
// Slice: every step-th element between start and end along axes; indices count from the end when
// negative and are cut to the axis as in numpy.
#include "ops/copy.h"
#include "ops/operands.h"

// One axis: where it starts, how far it steps, how many elements it takes.
struct range {
    int64_t start, step, count;
};

static int64_t cut(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static enum mopt_status make_range(int64_t dim, int64_t start, int64_t end, int64_t step,
                                   struct range *out, struct mopt_error *err)
{
    if (step == 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "step is 0");
    }
    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    const int64_t low = step > 0 ? 0 : -1;
    const int64_t high = step > 0 ? dim : dim - 1;
    start = cut(start, step > 0 ? 0 : (dim > 0 ? 0 : -1), high);
    end = cut(end, low, high);
    const int64_t span = step > 0 ? end - start : start - end;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    out->start = start;
    out->step = step;
    out->count = span > 0 ? (int64_t)(((uint64_t)span + stride - 1) / stride) : 0;
    if (out->count <= 1) {
        out->step = 1; // never taken
    }
    return MOPT_OK;
}

// ---- Running --------------------------------------------------------------------------------------------------

enum { STARTS, ENDS, AXES, STEPS, LISTS };
static const char *const list_names[LISTS] = {"starts", "ends", "axes", "steps"};

struct lists {
    int64_t *items[LISTS];
    size_t count[LISTS];
    bool given[LISTS];
};

static void free_lists(struct lists *lists)
{
    for (int i = 0; i < LISTS; i++) {
        mopt__free(lists->items[i]);
    }
}

static enum mopt_status read_lists(const struct mopt_eval *eval, struct lists *lists,
                                   struct mopt_error *err)
{
    const bool inputs = eval->node->op->input_count > 1;
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < LISTS; i++) {
        status = mopt__list_i64(eval, inputs ? (uint32_t)i + 1 : 0, inputs ? NULL : list_names[i],
                                &lists->items[i], &lists->count[i], &lists->given[i], err);
    }
    for (int i = 0; status == MOPT_OK && i < LISTS; i++) {
        if ((lists->given[i] || i < AXES) && lists->count[i] != lists->count[STARTS]) {
            status = mopt_error_set(err, MOPT_E_VALUE, "%s has %zu entries, starts has %zu",
                                    list_names[i], lists->count[i], lists->count[STARTS]);
        }
    }
    return status;
}

static enum mopt_status make_ranges(const struct mopt_tensor *data, const struct lists *lists,
                                    struct range *ranges, struct mopt_error *err)
{
    bool seen[MOPT_RANK_MAX] = {false};
    for (int i = 0; i < data->rank; i++) {
        ranges[i] = (struct range){0, 1, data->dims[i]};
    }
    for (size_t i = 0; i < lists->count[STARTS]; i++) {
        int axis = 0;
        enum mopt_status status =
            mopt__axis_normalise(lists->given[AXES] ? lists->items[AXES][i] : (int64_t)i,
                                 data->rank, &axis, err);
        if (status == MOPT_OK && seen[axis]) {
            status = mopt_error_set(err, MOPT_E_VALUE, "axis %d is given twice", axis);
        }
        if (status == MOPT_OK) {
            seen[axis] = true;
            status =
                make_range(data->dims[axis], lists->items[STARTS][i], lists->items[ENDS][i],
                           lists->given[STEPS] ? lists->items[STEPS][i] : 1, &ranges[axis], err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status copy_ranges(struct mopt_eval *eval, const struct mopt_tensor *data,
                                    const struct range *ranges, struct mopt_error *err)
{
    struct mopt_copy copy = {.from = data, .rank = data->rank};
    struct mopt_tensor *out = NULL;
    int64_t strides[MOPT_RANK_MAX];
    bool all = true;
    mopt__strides(data->rank, data->dims, strides);
    for (int i = 0; i < data->rank; i++) {
        copy.dims[i] = ranges[i].count;
        all = all && ranges[i].step == 1 && ranges[i].count == data->dims[i];
    }
    if (all) {
        return mopt__eval_view(eval, 0, 0, data->rank, data->dims, err);
    }
    const enum mopt_status status =
        mopt__open_output(eval, 0, data->dtype, data->rank, copy.dims, &out, err);
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    for (int i = 0; i < data->rank; i++) {
        copy.from_first += ranges[i].start * strides[i];
        copy.from_strides[i] = strides[i] * ranges[i].step;
    }
    copy.to = out;
    mopt__strides(out->rank, out->dims, copy.to_strides);
    return mopt__copy_box(&copy, eval->pool, err);
}

static enum mopt_status slice_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[5] = {NULL};
    struct lists lists = {{NULL}, {0}, {false}};
    struct range ranges[MOPT_RANK_MAX];
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_lists(eval, &lists, err);
    }
    if (status == MOPT_OK) {
        status = make_ranges(in[0], &lists, ranges, err);
    }
    if (status == MOPT_OK) {
        status = copy_ranges(eval, in[0], ranges, err);
    }
    free_lists(&lists);
    return status;
}

// ---- Inference ------------------------------------------------------------------------------------------------

// What starts, ends, axes, steps are known to be, as dim numbers; false where unknown.
struct facts {
    const int64_t *items[LISTS];
    size_t count[LISTS];
    bool given[LISTS], known[LISTS];
};

// The smallest integer reads as a dimension that is not known; the one above it means the same.
static const int64_t *without_smallest(const struct mopt_infer *infer, uint32_t input,
                                       const int64_t *items, size_t count)
{
    const struct mopt_tensor *constant = infer->inputs[input].constant;
    int64_t *dims = NULL;
    if (constant != NULL && constant->count == count) {
        dims = mopt__infer_room(infer, count);
    }
    for (size_t k = 0; dims != NULL && k < count; k++) {
        const bool smallest = mopt__tensor_i64_at(constant, k) == INT64_MIN;
        dims[k] = smallest ? mopt__dim_const(infer->dims, INT64_MIN + 1) : items[k];
    }
    return dims != NULL ? dims : items;
}

static void read_facts(const struct mopt_infer *infer, struct facts *facts)
{
    const bool inputs = infer->node->op->input_count > 1;
    for (int i = 0; i < LISTS; i++) {
        facts->known[i] =
            mopt__infer_list(infer, inputs ? (uint32_t)i + 1 : 0, inputs ? NULL : list_names[i],
                             &facts->items[i], &facts->count[i], &facts->given[i]);
        if (inputs && facts->known[i]) {
            facts->items[i] =
                without_smallest(infer, (uint32_t)i + 1, facts->items[i], facts->count[i]);
        }
        if (inputs || !facts->known[i]) {
            continue;
        }
        int64_t *dims = mopt__infer_room(infer, facts->count[i]);
        for (size_t k = 0; dims != NULL && k < facts->count[i]; k++) {
            dims[k] = mopt__dim_const(infer->dims, facts->items[i][k]);
        }
        facts->known[i] = dims != NULL;
        facts->items[i] = dims;
    }
}

// A start or end on an axis of symbolic size, cut to it; *whole: it is the size itself, *zero: it
// is 0.
static int64_t place(struct mopt_dims *dims, int64_t size, int64_t x)
{
    int64_t value = 0;
    if (!mopt__dim_is_known(dims, x, &value)) {
        return mopt__dim_min(dims, x, size);
    }
    if (value < 0) {
        return value < -INT32_MAX ? 0 : mopt__dim_max(dims, mopt__dim_add(dims, size, x), 0);
    }
    return value == 0 ? 0 : value >= INT32_MAX ? size : mopt__dim_min(dims, size, value);
}

// Length of an axis with a positive step on symbolic numbers.
static int64_t forward(struct mopt_dims *dims, int64_t size, int64_t start, int64_t end,
                       int64_t step)
{
    int64_t first = 0;
    const int64_t stop = place(dims, size, end);
    int64_t length = 0;
    if (stop == size && mopt__dim_is_known(dims, start, &first)) {
        // both spellings of "all but the first n" and of "the last n" get one form
        length = first >= 0 ? mopt__dim_max(dims, mopt__dim_sub(dims, size, start), 0)
                            : mopt__dim_min(dims, size, mopt__dim_sub(dims, 0, start));
        length = first == 0 ? size : length;
    } else {
        const int64_t begin = place(dims, size, start);
        length = begin == 0 ? stop : mopt__dim_max(dims, mopt__dim_sub(dims, stop, begin), 0);
    }
    return step == 1 ? length : mopt__dim_ceildiv(dims, length, step);
}

static int64_t sliced(const struct mopt_infer *infer, int64_t size, int64_t start, int64_t end,
                      int64_t step, struct range *range)
{
    struct mopt_dims *dims = infer->dims;
    int64_t n = 0;
    int64_t a = 0;
    int64_t b = 0;
    int64_t s = 0;
    range->count = -1;
    const bool known_start = mopt__dim_is_known(dims, start, &a);
    const bool known_end = mopt__dim_is_known(dims, end, &b);
    if (!mopt__dim_is_known(dims, step, &s) || s == 0 || start == MOPT_DIM_UNKNOWN ||
        end == MOPT_DIM_UNKNOWN || size == MOPT_DIM_UNKNOWN) {
        return MOPT_DIM_UNKNOWN;
    }
    if (mopt__dim_is_known(dims, size, &n) && known_start && known_end) {
        struct mopt_error ignored = {.offset = -1};
        (void)make_range(n, a, b, s, range, &ignored);
        return range->count;
    }
    if (s > 0) {
        return forward(dims, size, start, end, s);
    }
    const bool from_end = known_start && (a == -1 || a >= INT32_MAX);
    const bool to_start = known_end && b <= -INT32_MAX;
    return from_end && to_start && s > -INT32_MAX ? mopt__dim_ceildiv(dims, size, -s)
                                                  : MOPT_DIM_UNKNOWN;
}

static enum mopt_status slice_values(struct mopt_infer *infer, const struct range *range,
                                     struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    if (range->count < 0 || !mopt__infer_ints(infer, 0, &items, &count)) {
        return MOPT_OK;
    }
    int64_t *taken = mopt__infer_room(infer, (size_t)range->count);
    for (int64_t i = 0; taken != NULL && i < range->count; i++) {
        const int64_t at = range->start + i * range->step;
        if (at < 0 || at >= (int64_t)count) {
            return MOPT_OK;
        }
        taken[i] = items[at];
    }
    return taken != NULL ? mopt__infer_set_ints(infer, 0, 1, taken, (size_t)range->count, err)
                         : MOPT_OK;
}

static enum mopt_status slice_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    struct facts facts = {{NULL}, {0}, {false}, {false}};
    struct range range = {0, 1, -1};
    int64_t dims[MOPT_RANK_MAX];
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    read_facts(infer, &facts);
    const size_t count = facts.known[STARTS] ? facts.count[STARTS]
                         : facts.known[ENDS] ? facts.count[ENDS]
                                             : facts.count[AXES];
    if ((facts.given[AXES] && (!facts.known[AXES] || facts.count[AXES] != count)) ||
        (!facts.known[STARTS] && !facts.known[ENDS] && !facts.known[AXES])) {
        return mopt__infer_unknown(infer, type->rank, err);
    }
    for (int i = 0; i < type->rank; i++) {
        dims[i] = type->dims[i];
    }
    for (size_t i = 0; i < count; i++) {
        int64_t axis_value = (int64_t)i;
        int axis = 0;
        if (facts.given[AXES] &&
            !mopt__dim_is_known(infer->dims, facts.items[AXES][i], &axis_value)) {
            return mopt__infer_unknown(infer, type->rank, err);
        }
        const enum mopt_status status = mopt__axis_normalise(axis_value, type->rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        const bool usable =
            facts.known[STARTS] && facts.known[ENDS] && facts.count[ENDS] == count &&
            (!facts.given[STEPS] || (facts.known[STEPS] && facts.count[STEPS] == count));
        const int64_t length =
            usable ? sliced(infer, dims[axis], facts.items[STARTS][i], facts.items[ENDS][i],
                            facts.given[STEPS] ? facts.items[STEPS][i] : 1, &range)
                   : MOPT_DIM_UNKNOWN;
        dims[axis] = length == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : length;
    }
    const enum mopt_status status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    return status == MOPT_OK && type->rank == 1 && count == 1 ? slice_values(infer, &range, err)
                                                              : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define IND(name, flags)                    \
    {                                       \
        name, "Tind", MOPT_SET_INDEX, flags \
    }
#define RECORD(from, to, set)                                                             \
    {                                                                                     \
        .domain = "", .name = "Slice", .since = from, .until = to,                        \
        .summary = "every step-th element of a range of axes",                            \
        MOPT_INPUTS({"data", "T", set, 0}, IND("starts", 0), IND("ends", 0),              \
                    IND("axes", MOPT_PARAM_OPTIONAL), IND("steps", MOPT_PARAM_OPTIONAL)), \
        MOPT_OUTPUTS({"output", "T", set, 0}), .traits = MOPT_TRAIT_SHAPE_ONLY,           \
        .quant = &mopt__quant_moves, .infer = slice_infer, .eval = slice_eval             \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "Slice",
     .since = 1,
     .until = 9,
     .summary = "the elements of a range of axes",
     MOPT_INPUTS({"data", "T", MOPT_SET_ALL, 0}),
     MOPT_OUTPUTS({"output", "T", MOPT_SET_ALL, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INTS("axes"), MOPT_A_INTS_REQUIRED("ends"),
                     MOPT_A_INTS_REQUIRED("starts")),
     .traits = MOPT_TRAIT_SHAPE_ONLY,
     .quant = &mopt__quant_moves,
     .infer = slice_infer,
     .eval = slice_eval},
    RECORD(10, 12, MOPT_SET_ALL),
    RECORD(13, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_slice = {records, MOPT_COUNTOF(records)};
