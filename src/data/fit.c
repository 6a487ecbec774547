// SPDX-License-Identifier: Apache-2.0
// Casts, axes of size 1 and stacking. It knows no files.
#include "data/fit.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

// ---- Element types ------------------------------------------------------------------------------

struct range {
    double low, high; // inclusive
};

static struct range range_of(enum mopt_dtype dtype)
{
    double bits = mopt__dtype_bits(dtype);
    if (dtype == MOPT_BOOL) {
        return (struct range){0, 1};
    }
    if (mopt__dtype_is_signed(dtype)) {
        return (struct range){-ldexp(1, (int)bits - 1), ldexp(1, (int)bits - 1) - 1};
    }
    return (struct range){0, ldexp(1, (int)bits) - 1};
}

static enum mopt_status out_of_range(double value, enum mopt_dtype from, enum mopt_dtype to,
                                     struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_VALUE, "%s value %.9g cannot be cast to %s",
                          mopt__dtype_name(from), value, mopt__dtype_name(to));
}

static enum mopt_status cast_to_integer(const struct mopt_tensor *from, struct mopt_tensor *to,
                                        struct mopt_error *err)
{
    struct range range = range_of(to->dtype);
    bool exact = !mopt__dtype_is_float(from->dtype);
    bool wide = mopt__dtype_bits(to->dtype) == 64; // the bound is no double: 2^63 or 2^64 itself
    void *data = mopt__tensor_data(to);
    for (size_t i = 0; i < from->count; i++) {
        double value = mopt__element_f64(from->dtype, from->data, i);
        bool fits = value >= range.low && (wide ? value < range.high : value <= range.high);
        if (!fits || floor(value) < value) {
            return out_of_range(value, from->dtype, to->dtype, err);
        }
        if (exact) {
            mopt__element_set_i64(to->dtype, data, i,
                                  mopt__element_i64(from->dtype, from->data, i));
        } else {
            mopt__element_set_f64(to->dtype, data, i, value);
        }
    }
    return MOPT_OK;
}

static void cast_to_float(const struct mopt_tensor *from, struct mopt_tensor *to)
{
    void *data = mopt__tensor_data(to);
    if (from->dtype == MOPT_UINT8 &&
        to->dtype == MOPT_FLOAT32) { // pixels: worth a loop of their own
        const uint8_t *bytes = from->data;
        float *floats = data;
        for (size_t i = 0; i < from->count; i++) {
            floats[i] = bytes[i];
        }
        return;
    }
    for (size_t i = 0; i < from->count; i++) {
        mopt__element_set_f64(to->dtype, data, i, mopt__element_f64(from->dtype, from->data, i));
    }
}

static bool is_number(enum mopt_dtype dtype)
{
    return dtype == MOPT_BOOL || mopt__dtype_is_integer(dtype) || mopt__dtype_is_float(dtype);
}

enum mopt_status mopt__fit_cast(struct mopt_tensor *tensor, enum mopt_dtype dtype,
                                struct mopt_tensor **out, struct mopt_error *err)
{
    *out = NULL;
    if (tensor->dtype == dtype || dtype == MOPT_UNDEFINED) {
        *out = mopt__tensor_ref(tensor);
        return MOPT_OK;
    }
    if (!is_number(tensor->dtype) || !is_number(dtype)) {
        return mopt_error_set(err, MOPT_E_TYPE, "%s cannot be cast to %s",
                              mopt__dtype_name(tensor->dtype), mopt__dtype_name(dtype));
    }
    enum mopt_status status = mopt__tensor_new(dtype, tensor->rank, tensor->dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__dtype_bits(dtype) < 8) {
        memset(mopt__tensor_data(*out), 0, (*out)->bytes);
    }
    if (mopt__dtype_is_float(dtype)) {
        cast_to_float(tensor, *out);
        return MOPT_OK;
    }
    status = cast_to_integer(tensor, *out, err);
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}

// ---- Axes ---------------------------------------------------------------------------------------

// The sizes wanted behind axis 0; -1 where any will do.
struct wanted {
    int rank;
    int64_t dims[MOPT_RANK_MAX];
};

static struct wanted wanted_of(const struct mopt_type *type, const struct mopt_dims *dims,
                               int first)
{
    struct wanted wanted = {.rank = type->rank - first};
    for (int i = first; i < type->rank; i++) {
        int64_t value = 0;
        bool known =
            dims ? mopt__dim_is_known(dims, type->dims[i], &value) : (value = type->dims[i]) >= 0;
        wanted.dims[i - first] = known ? value : -1;
    }
    return wanted;
}

static bool same_axes(const struct mopt_tensor *tensor, const struct wanted *wanted)
{
    if (tensor->rank != wanted->rank) {
        return false;
    }
    for (int i = 0; i < wanted->rank; i++) {
        if (wanted->dims[i] >= 0 && wanted->dims[i] != tensor->dims[i]) {
            return false;
        }
    }
    return true;
}

// Adds and leaves out axes of size 1; sizes that are free take the next given one.
static bool unit_axes(const struct mopt_tensor *tensor, const struct wanted *wanted, int64_t *dims)
{
    int given = 0;
    for (int i = 0; i < wanted->rank; i++) {
        int64_t want = wanted->dims[i];
        while (given < tensor->rank && tensor->dims[given] == 1 && want != 1 && want != -1) {
            given++;
        }
        bool fits = given < tensor->rank && (want < 0 || tensor->dims[given] == want);
        if (fits) {
            dims[i] = tensor->dims[given++];
        } else if (want == 1) {
            dims[i] = 1;
        } else {
            return false;
        }
    }
    while (given < tensor->rank && tensor->dims[given] == 1) {
        given++;
    }
    return given == tensor->rank;
}

static bool regroup(const struct mopt_tensor *tensor, const struct wanted *wanted, int64_t *dims)
{
    size_t count = 1;
    for (int i = 0; i < wanted->rank; i++) {
        if (wanted->dims[i] < 0 || !mopt__size_mul(count, (size_t)wanted->dims[i], &count)) {
            return false;
        }
        dims[i] = wanted->dims[i];
    }
    return count == tensor->count;
}

static enum mopt_status misfit(const struct mopt_tensor *tensor, const struct mopt_type *type,
                               const struct mopt_dims *dims, struct mopt_error *err)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(dims, type, &text);
    mopt__strbuf_add(&text, ", a sample has [");
    for (int i = 0; i < tensor->rank; i++) {
        mopt__strbuf_printf(&text, "%s%lld", i > 0 ? "," : "", (long long)tensor->dims[i]);
    }
    mopt_error_set(err, MOPT_E_SHAPE, "shapes do not fit: the model wants %s]",
                   mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
    return MOPT_E_SHAPE;
}

enum mopt_status mopt__fit_shape(struct mopt_tensor *tensor, const struct mopt_type *type,
                                 const struct mopt_dims *dims, struct mopt_tensor **out,
                                 enum mopt_fit *fit, struct mopt_error *err)
{
    int64_t axes[MOPT_RANK_MAX] = {0};
    *fit = MOPT_FIT_ROW;
    *out = NULL;
    if (!type || type->kind != MOPT_TYPE_TENSOR || type->rank < 0) {
        *out = mopt__tensor_ref(tensor);
        return MOPT_OK;
    }
    if (type->rank == 0) {
        *fit = MOPT_FIT_SHARED;
        return tensor->count == 1 ? mopt__tensor_view(tensor, 0, axes, out, err)
                                  : misfit(tensor, type, dims, err);
    }
    struct wanted row = wanted_of(type, dims, 1);
    struct wanted all = wanted_of(type, dims, 0);
    if (same_axes(tensor, &row)) {
        *out = mopt__tensor_ref(tensor);
        return MOPT_OK;
    }
    if (unit_axes(tensor, &row, axes)) {
        return mopt__tensor_view(tensor, row.rank, axes, out, err);
    }
    if (same_axes(tensor, &all)) {
        *fit = MOPT_FIT_ALONE;
        *out = mopt__tensor_ref(tensor);
        return MOPT_OK;
    }
    if (regroup(tensor, &row, axes)) {
        return mopt__tensor_view(tensor, row.rank, axes, out, err);
    }
    return misfit(tensor, type, dims, err);
}

// ---- Batches ------------------------------------------------------------------------------------

static bool same_dims(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

static enum mopt_status copy_row(const struct mopt_tensor *row, size_t i, struct mopt_tensor *to,
                                 struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (row->dtype != MOPT_STRING) {
        if (row->bytes > 0) {
            memcpy((uint8_t *)mopt__tensor_data(to) + i * row->bytes, row->data, row->bytes);
        }
        return MOPT_OK;
    }
    const struct mopt_string *texts = row->data;
    for (size_t n = 0; n < row->count && status == MOPT_OK; n++) {
        status = mopt__tensor_set_string(to, i * row->count + n, texts[n].data, texts[n].size, err);
    }
    return status;
}

static enum mopt_status check_rows(struct mopt_tensor *const *rows, size_t count,
                                   struct mopt_error *err)
{
    if (rows[0]->rank == MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no room for a batch axis: %d axes already",
                              (int)MOPT_RANK_MAX);
    }
    if (count > 1 && mopt__dtype_bits(rows[0]->dtype) < 8 && rows[0]->dtype != MOPT_STRING) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "samples of %s cannot be put together",
                              mopt__dtype_name(rows[0]->dtype));
    }
    for (size_t i = 1; i < count; i++) {
        if (!same_dims(rows[0], rows[i])) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "samples of one batch have different shapes (use batch 1, or "
                                  "resize and crop)");
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__fit_stack(struct mopt_tensor *const *rows, size_t count,
                                 struct mopt_tensor **out, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    *out = NULL;
    enum mopt_status status = check_rows(rows, count, err);
    if (status != MOPT_OK) {
        return status;
    }
    dims[0] = (int64_t)count;
    memcpy(dims + 1, rows[0]->dims, (size_t)rows[0]->rank * sizeof dims[0]);
    if (count == 1) {
        return mopt__tensor_view(rows[0], rows[0]->rank + 1, dims, out, err);
    }
    status = mopt__tensor_new(rows[0]->dtype, rows[0]->rank + 1, dims, out, err);
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = copy_row(rows[i], i, *out, err);
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}
