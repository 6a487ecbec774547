// SPDX-License-Identifier: Apache-2.0
// Scatter, ScatterElements, ScatterND: a copy of the data with updates written to the places that
// indices name, or joined to what stands there (add, mul, max, min). Updates apply in order; every
// index is checked before use.
#include <string.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

enum how { NONE, ADD, MUL, MAX, MIN };

static enum mopt_status read_reduction(const struct mopt_node *node, enum how *how,
                                       struct mopt_error *err)
{
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *text = "none";
    if (node->op->since >= 16) {
        const enum mopt_status status = mopt__attr_string(node, "reduction", "none", &text, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    for (int i = 0; i < (int)MOPT_COUNTOF(names) - (node->op->since < 18 ? 2 : 0); i++) {
        if (strcmp(text, names[i]) == 0) {
            *how = (enum how)i;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_VALUE, "reduction is '%s', which is not known", text);
}

static double join_float(enum how how, double a, double b)
{
    switch (how) {
    case ADD:
        return a + b;
    case MUL:
        return a * b;
    case MAX:
        return a > b || a != a ? a : b;
    default:
        return a < b || a != a ? a : b;
    }
}

static int64_t join_integer(enum how how, bool is_unsigned, int64_t a, int64_t b)
{
    const bool less = is_unsigned ? (uint64_t)a < (uint64_t)b : a < b;
    switch (how) {
    case ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case MAX:
        return less ? b : a;
    default:
        return less ? a : b;
    }
}

// Sums and products of floats are what those of doubles are rounded to.
static float join_f32(enum how how, float a, float b)
{
    return how == ADD ? a + b : how == MUL ? a * b : (float)join_float(how, (double)a, (double)b);
}

// out[to + i] = out[to + i] how updates[from + i]
static void join_run(enum how how, struct mopt_tensor *out, int64_t to,
                     const struct mopt_tensor *updates, int64_t from, int64_t count)
{
    void *data = mopt__tensor_data(out);
    const bool floats = mopt__dtype_is_float(out->dtype);
    if (out->dtype == MOPT_FLOAT32) {
        float *x = (float *)data + to;
        const float *y = (const float *)updates->data + from;
        for (int64_t i = 0; i < count; i++) {
            x[i] = join_f32(how, x[i], y[i]);
        }
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (floats) {
            double a = 0;
            double b = 0;
            mopt__load_f64(out->dtype, data, to + i, 1, 1, &a);
            mopt__load_f64(out->dtype, updates->data, from + i, 1, 1, &b);
            a = join_float(how, a, b);
            mopt__store_f64(out->dtype, data, to + i, 1, &a);
        } else {
            int64_t a = 0;
            int64_t b = 0;
            mopt__load_i64(out->dtype, data, to + i, 1, 1, &a);
            mopt__load_i64(out->dtype, updates->data, from + i, 1, 1, &b);
            a = join_integer(how, !mopt__dtype_is_signed(out->dtype), a, b);
            mopt__store_i64(out->dtype, data, to + i, 1, &a);
        }
    }
}

// Runs of the updates from `from` on, each to its place, in order.
static enum mopt_status join_runs(enum how how, struct mopt_tensor *out, const int64_t *places,
                                  const struct mopt_tensor *updates, int64_t from, size_t count,
                                  int64_t run, struct mopt_error *err)
{
    if (how == NONE) {
        return mopt__copy_spread(out, places, updates, from, count, run, err);
    }
    for (size_t i = 0; i < count; i++) {
        join_run(how, out, places[i], updates, from + (int64_t)i * run, run);
    }
    return MOPT_OK;
}

// Checks the reduction against the element type and makes output 0 a copy of data.
static enum mopt_status start(struct mopt_eval *eval, const struct mopt_tensor *data, enum how *how,
                              struct mopt_tensor **out, struct mopt_error *err)
{
    enum mopt_status status = read_reduction(eval->node, how, err);
    const bool number = mopt__dtype_is_float(data->dtype) || mopt__dtype_is_integer(data->dtype) ||
                        data->dtype == MOPT_BOOL;
    if (status == MOPT_OK && *how != NONE && !number) {
        status = mopt__eval_unsupported(eval, "reduction", err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, data->dtype, data->rank, data->dims, out, err);
    }
    // the executor may have placed the output over the data
    if (status == MOPT_OK && mopt__tensor_data(*out) != data->data) {
        status = mopt__copy_run(*out, 0, data, 0, (int64_t)data->count, err);
    }
    return status;
}

// ---- ScatterElements ------------------------------------------------------------------------------------------

static enum mopt_status check_elements(const struct mopt_tensor *const *in, int axis,
                                       struct mopt_error *err)
{
    bool fits = in[1]->rank == in[0]->rank && in[2]->rank == in[1]->rank;
    for (int i = 0; fits && i < in[0]->rank; i++) {
        fits = in[1]->dims[i] == in[2]->dims[i] && (i == axis || in[1]->dims[i] <= in[0]->dims[i]);
    }
    return fits ? mopt__check_indices(in[1], in[0]->dims[axis], err)
                : mopt_error_set(err, MOPT_E_SHAPE,
                                 "shapes of indices and updates do not fit the data");
}

static enum mopt_status elements_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    int64_t indices[MOPT_LANES];
    int64_t strides[MOPT_RANK_MAX];
    int64_t places[MOPT_LANES];
    int64_t value = 0;
    enum how how = NONE;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", 0, &value, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = check_elements(in, axis, err);
    }
    if (status == MOPT_OK) {
        status = start(eval, in[0], &how, &out, err);
    }
    if (status == MOPT_OK) {
        mopt__strides(out->rank, out->dims, strides);
    }
    const int64_t count = status == MOPT_OK ? (int64_t)in[1]->count : 0;
    for (int64_t i = 0; status == MOPT_OK && i < count;) {
        const int64_t n = mopt__element_row(out->rank, in[1]->dims, i, count);
        mopt__load_indices(in[1], out->dims[axis], i, (size_t)n, indices);
        mopt__element_places(out->rank, in[1]->dims, strides, axis, i, n, indices, places);
        status = join_runs(how, out, places, in[2], i, (size_t)n, 1, err);
        i += n;
    }
    return status;
}

// ---- ScatterND ------------------------------------------------------------------------------------------------

// Says which index is out of range, if one is. The numbers are looked at by one loop that does
// not stop.
static enum mopt_status check_tuples(const struct mopt_tensor *data,
                                     const struct mopt_tensor *indices, int64_t depth,
                                     struct mopt_error *err)
{
    const int64_t *index = indices->data;
    const int64_t count = (int64_t)indices->count;
    bool outside = false;
    for (int64_t i = 0; i < count; i += depth) {
        for (int64_t k = 0; k < depth; k++) {
            outside |= index[i + k] < -data->dims[k] || index[i + k] >= data->dims[k];
        }
    }
    enum mopt_status status = MOPT_OK;
    for (int64_t i = 0; outside && i < count && status == MOPT_OK; i++) {
        int64_t ignored = 0;
        status = mopt__index_check(index[i], data->dims[i % depth], &ignored, err);
    }
    return status;
}

static enum mopt_status check_nd(const struct mopt_tensor *const *in, int *depth,
                                 struct mopt_error *err)
{
    const int64_t last = in[1]->rank > 0 ? in[1]->dims[in[1]->rank - 1] : -1;
    bool fits = in[1]->rank > 0 && last <= in[0]->rank &&
                in[2]->rank == in[1]->rank - 1 + in[0]->rank - (int)last;
    for (int i = 0; fits && i + 1 < in[1]->rank; i++) {
        fits = in[2]->dims[i] == in[1]->dims[i];
    }
    for (int i = (int)last; fits && i < in[0]->rank; i++) {
        fits = in[2]->dims[in[1]->rank - 1 + i - (int)last] == in[0]->dims[i];
    }
    *depth = (int)last;
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "shapes of indices and updates do not fit the data");
    }
    return last > 0 ? check_tuples(in[0], in[1], last, err) : MOPT_OK;
}

static enum mopt_status nd_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    int64_t strides[MOPT_RANK_MAX];
    int64_t tuples = 1;
    int64_t inner = 1;
    enum how how = NONE;
    int depth = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = check_nd(in, &depth, err);
    }
    if (status == MOPT_OK) {
        status = start(eval, in[0], &how, &out, err);
    }
    if (status == MOPT_OK) {
        status = mopt__product(in[1]->dims, in[1]->rank - 1, &tuples, err);
    }
    if (status == MOPT_OK) {
        status = mopt__product(in[0]->dims + depth, in[0]->rank - depth, &inner, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__strides(out->rank, out->dims, strides);
    int64_t places[MOPT_LANES];
    for (int64_t i = 0; status == MOPT_OK && i < tuples;) {
        const int64_t first = i;
        const int64_t *index = (const int64_t *)in[1]->data + i * depth;
        for (size_t n = 0; n < MOPT_LANES && i < tuples; n++, i++, index += depth) {
            places[n] = 0;
            for (int k = 0; k < depth; k++) {
                places[n] += (index[k] + (index[k] < 0 ? out->dims[k] : 0)) * strides[k];
            }
        }
        status = join_runs(how, out, places, in[2], first * inner, (size_t)(i - first), inner, err);
    }
    return status;
}

static enum mopt_status scatter_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_attribute *how = mopt__node_attribute(infer->node, "reduction");
    const bool moves =
        how == NULL || (how->kind == MOPT_ATTR_STRING && strcmp(how->s.data, "none") == 0);
    const enum mopt_status status = mopt__infer_like(infer, err);
    return status == MOPT_OK && moves ? mopt__infer_moved(infer, 5, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(op, text, from, to, set, index_var, index_set, eval_fn, ...)                       \
    {                                                                                             \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                    \
        MOPT_INPUTS({"data", "T", set, 0}, {"indices", index_var, index_set, 0},                  \
                    {"updates", "T", set, 0}),                                                    \
        MOPT_OUTPUTS({"output", "T", set, 0}), __VA_ARGS__.infer = scatter_infer, .eval = eval_fn \
    }
#define AXIS MOPT_A_INT("axis", 0)
#define ELEMENTS(op, from, to, set, ...)                                                           \
    RECORD(op, "data with elements replaced along an axis", from, to, set, "Tind", MOPT_SET_INDEX, \
           elements_eval, MOPT_ATTRIBUTES(__VA_ARGS__), )
#define ND(from, to, set, ...)                                                      \
    RECORD("ScatterND", "data with slices replaced at index tuples", from, to, set, \
           "tensor(int64)", MOPT_SET_I64, nd_eval, __VA_ARGS__)
#define REDUCTION_16 MOPT_A_STRING("reduction", "none", "none|add|mul")
#define REDUCTION_18 MOPT_A_STRING("reduction", "none", "none|add|mul|max|min")

static const struct mopt_op records[] = {
    ELEMENTS("Scatter", 9, 0, MOPT_SET_ALL, AXIS),
    ELEMENTS("ScatterElements", 11, 12, MOPT_SET_ALL, AXIS),
    ELEMENTS("ScatterElements", 13, 15, MOPT_SET_ALL_13, AXIS),
    ELEMENTS("ScatterElements", 16, 17, MOPT_SET_ALL_13, AXIS, REDUCTION_16),
    ELEMENTS("ScatterElements", 18, 0, MOPT_SET_ALL_13, AXIS, REDUCTION_18),
    ND(11, 12, MOPT_SET_ALL, ),
    ND(13, 15, MOPT_SET_ALL_13, ),
    ND(16, 17, MOPT_SET_ALL_13, MOPT_ATTRIBUTES(REDUCTION_16), ),
    ND(18, 0, MOPT_SET_ALL_13, MOPT_ATTRIBUTES(REDUCTION_18), ),
};
const struct mopt_op_family mopt__ops_scatter = {records, MOPT_COUNTOF(records)};
