// SPDX-License-Identifier: Apache-2.0
// NonZero (places of elements that are not zero, false or empty) and Compress (elements where a
// condition holds).
#include <string.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

static bool is_zero(const struct mopt_tensor *t, size_t i)
{
    if (t->dtype == MOPT_STRING) {
        return ((const struct mopt_string *)t->data)[i].size == 0;
    }
    if (t->dtype == MOPT_COMPLEX64) {
        const float *x = (const float *)t->data + 2 * i;
        return x[0] == 0 && x[1] == 0;
    }
    if (t->dtype == MOPT_COMPLEX128) {
        const double *x = (const double *)t->data + 2 * i;
        return x[0] == 0 && x[1] == 0;
    }
    double x = 0;
    mopt__load_f64(t->dtype, t->data, (int64_t)i, 1, 1, &x);
    return x == 0;
}

#define MARK(id, T)                                       \
    case id:                                              \
        for (size_t i = 0; i < n; i++) {                  \
            marks[i] = ((const T *)data)[first + i] != 0; \
        }                                                 \
        return

// marks[i]: element first + i is not zero.
static void mark(const struct mopt_tensor *t, size_t first, size_t n, uint8_t *marks)
{
    const void *data = t->data;
    switch (t->dtype) {
        MARK(MOPT_FLOAT32, float);
        MARK(MOPT_INT32, int32_t);
        MARK(MOPT_INT64, int64_t);
        MARK(MOPT_UINT8, uint8_t);
        MARK(MOPT_BOOL, uint8_t);
    default:
        for (size_t i = 0; i < n; i++) {
            marks[i] = !is_zero(t, first + i);
        }
    }
}

static int64_t count_marks(const struct mopt_tensor *t)
{
    int64_t found = 0;
    for (size_t at = 0; at < t->count; at += MOPT_LANES) {
        uint8_t marks[MOPT_LANES];
        const size_t n = t->count - at < MOPT_LANES ? t->count - at : MOPT_LANES;
        uint32_t sum = 0;
        mark(t, at, n, marks);
        for (size_t i = 0; i < n; i++) {
            sum += marks[i];
        }
        found += sum;
    }
    return found;
}

// Columns of elements first..first+n that are not zero, behind each other: without branches, which
// data would mispredict.
static int64_t place_columns(const struct mopt_tensor *t, int64_t first, int64_t n, int64_t *places)
{
    int64_t columns[MOPT_LANES + 1] = {0};
    int64_t k = 0;
    for (int64_t at = 0; at < n; at += MOPT_LANES) {
        uint8_t marks[MOPT_LANES];
        const int64_t part = n - at < MOPT_LANES ? n - at : MOPT_LANES;
        int64_t found = 0;
        mark(t, (size_t)(first + at), (size_t)part, marks);
        for (int64_t i = 0; i < part; i++) {
            columns[found] = at + i;
            found += marks[i];
        }
        memcpy(places + k, columns, (size_t)found * sizeof *places);
        k += found;
    }
    return k;
}

// places: [rank][found]
static void fill_places(const struct mopt_tensor *t, int64_t found, int64_t *places)
{
    int64_t at[MOPT_RANK_MAX] = {0};
    const int last = t->rank - 1;
    const int64_t width = t->dims[last];
    int64_t k = 0;
    for (int64_t row = 0; row < (int64_t)t->count; row += width) {
        const int64_t n = place_columns(t, row, width, places + last * found + k);
        for (int d = 0; d < last; d++) {
            for (int64_t i = 0; i < n; i++) {
                places[d * found + k + i] = at[d];
            }
        }
        k += n;
        for (int d = last - 1; d >= 0 && ++at[d] == t->dims[d]; d--) {
            at[d] = 0;
        }
    }
}

static enum mopt_status non_zero_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    const int64_t found = status == MOPT_OK ? count_marks(in[0]) : 0;
    if (status == MOPT_OK) {
        const int64_t dims[2] = {in[0]->rank, found};
        status = mopt__eval_output(eval, 0, MOPT_INT64, 2, dims, &out, err);
    }
    if (status == MOPT_OK && out->count > 0) {
        fill_places(in[0], found, mopt__tensor_data(out));
    }
    return status;
}

static enum mopt_status non_zero_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const int rank = mopt__infer_rank(infer, 0);
    const int64_t dims[2] = {rank >= 0 ? rank : mopt__dim_fresh(infer->dims),
                             mopt__dim_fresh(infer->dims)};
    return mopt__infer_set(infer, 0, MOPT_INT64, 2, dims, err);
}

// ---- Compress -------------------------------------------------------------------------------------------------

// Slices of axis (outer x size x inner elements) whose condition holds.
static enum mopt_status keep_slices(struct mopt_tensor *out, const struct mopt_tensor *in,
                                    const struct mopt_tensor *condition, int64_t size,
                                    int64_t inner, struct mopt_error *err)
{
    const uint8_t *yes = condition->data;
    const int64_t asked = (int64_t)condition->count < size ? (int64_t)condition->count : size;
    const int64_t outer = in->count > 0 ? (int64_t)in->count / (size * inner) : 0;
    enum mopt_status status = MOPT_OK;
    int64_t to = 0;
    for (int64_t o = 0; status == MOPT_OK && o < outer; o++) {
        for (int64_t i = 0; status == MOPT_OK && i < asked; i++) {
            if (yes[i] != 0) {
                status = mopt__copy_run(out, to, in, (o * size + i) * inner, inner, err);
                to += inner;
            }
        }
    }
    return status;
}

static enum mopt_status count_true(const struct mopt_tensor *condition, int64_t size,
                                   int64_t *found, struct mopt_error *err)
{
    const uint8_t *yes = condition->data;
    if (condition->rank != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "condition has rank %d, must be 1",
                              condition->rank);
    }
    *found = 0;
    for (size_t i = 0; i < condition->count; i++) {
        if (yes[i] != 0 && (int64_t)i >= size) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "condition %zu is true, axis has %lld elements", i,
                                  (long long)size);
        }
        *found += yes[i] != 0;
    }
    return MOPT_OK;
}

static enum mopt_status compress_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t value = 0;
    int64_t found = 0;
    int64_t inner = 1;
    int axis = 0;
    const bool flat = !mopt__has_attribute(eval->node, "axis");
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK && !flat) {
        status = mopt__attr_int(eval->node, "axis", 0, &value, err);
        if (status == MOPT_OK) {
            status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t size = flat ? (int64_t)in[0]->count : in[0]->dims[axis];
    status = count_true(in[1], size, &found, err);
    for (int i = 0; !flat && i < in[0]->rank; i++) {
        dims[i] = i == axis ? found : in[0]->dims[i];
        inner *= i > axis ? dims[i] : 1;
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, flat ? 1 : in[0]->rank,
                                   flat ? &found : dims, &out, err);
    }
    return status == MOPT_OK ? keep_slices(out, in[0], in[1], size, inner, err) : status;
}

static enum mopt_status compress_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    if (!mopt__has_attribute(infer->node, "axis")) {
        return mopt__infer_unknown(infer, 1, err);
    }
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(infer->node, "axis", 0), type->rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < type->rank; i++) {
        dims[i] = i == axis ? mopt__dim_fresh(infer->dims) : type->dims[i];
    }
    status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    return status == MOPT_OK ? mopt__infer_moved(infer, 1, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define NON_ZERO(from, to, set)                                                             \
    {                                                                                       \
        .domain = "", .name = "NonZero", .since = from, .until = to,                        \
        .summary = "places of elements that are not zero", MOPT_INPUTS({"X", "T", set, 0}), \
        MOPT_OUTPUTS({"Y", "tensor(int64)", MOPT_SET_I64, 0}), .infer = non_zero_infer,     \
        .eval = non_zero_eval                                                               \
    }
#define COMPRESS(from, to, set)                                                                \
    {                                                                                          \
        .domain = "", .name = "Compress", .since = from, .until = to,                          \
        .summary = "slices where a condition holds",                                           \
        MOPT_INPUTS({"input", "T", set, 0}, {"condition", "T1", MOPT_SET_BOOL, 0}),            \
        MOPT_OUTPUTS({"output", "T", set, 0}), MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("axis")),   \
        .traits = MOPT_TRAIT_SHAPE_ONLY, .quant = &mopt__quant_moves, .infer = compress_infer, \
        .eval = compress_eval                                                                  \
    }

static const struct mopt_op records[] = {
    COMPRESS(9, 27, MOPT_SET_ALL),
    COMPRESS(28, 0, MOPT_SET_ALL_13),
    NON_ZERO(9, 12, MOPT_SET_ALL),
    NON_ZERO(13, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_non_zero = {records, MOPT_COUNTOF(records)};
