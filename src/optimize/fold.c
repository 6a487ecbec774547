// SPDX-License-Identifier: Apache-2.0
// Arithmetic on weights for fusions, in double.
#include "optimize/fold.h"

bool mopt__fold_dtype(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT32 || dtype == MOPT_FLOAT64 || dtype == MOPT_FLOAT16 ||
           dtype == MOPT_BFLOAT16;
}

// Every axis but the channel axis has size 1 when the tensor is broadcast against rank axes.
static bool is_channel_shape(const struct mopt_tensor *tensor, int rank, int axis, int64_t channels)
{
    if (tensor->rank > rank) {
        return false;
    }
    int shift = rank - tensor->rank;
    bool seen = channels == 1;
    for (int d = 0; d < tensor->rank; d++) {
        if (d + shift == axis && tensor->dims[d] == channels) {
            seen = true;
        } else if (tensor->dims[d] != 1) {
            return false;
        }
    }
    return seen;
}

bool mopt__fold_per_channel(const struct mopt_tensor *tensor, int rank, int axis, int64_t channels,
                            bool scalar_ok, double **out)
{
    *out = NULL;
    bool scalar = scalar_ok && tensor->count == 1 && tensor->rank <= rank;
    if (!mopt__fold_dtype(tensor->dtype) || channels <= 0 ||
        (!scalar && !is_channel_shape(tensor, rank, axis, channels))) {
        return false;
    }
    double *values = mopt__calloc((size_t)channels, sizeof *values);
    if (values == NULL) {
        return false;
    }
    for (size_t c = 0; c < (size_t)channels; c++) {
        values[c] = mopt__tensor_f64(tensor, tensor->count == 1 ? 0 : c);
    }
    *out = values;
    return true;
}

enum mopt_status mopt__fold_scale_axis(const struct mopt_tensor *in, int axis, const double *factor,
                                       size_t count, struct mopt_tensor **out,
                                       struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(in->dtype, in->rank, in->dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t inner = 1;
    for (int d = axis + 1; d < in->rank; d++) {
        inner *= (size_t)in->dims[d]; // part of the tensor's own size: cannot overflow
    }
    void *data = mopt__tensor_data(*out);
    for (size_t i = 0; i < in->count; i++) {
        size_t channel = i / inner % (size_t)in->dims[axis];
        double value =
            mopt__element_f64(in->dtype, in->data, i) * factor[channel < count ? channel : 0];
        mopt__element_set_f64(in->dtype, data, i, value);
    }
    return MOPT_OK;
}

enum mopt_status mopt__fold_vector(enum mopt_dtype dtype, const double *values, int64_t count,
                                   struct mopt_tensor **out, struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(dtype, 1, &count, out, err);
    for (size_t i = 0; status == MOPT_OK && i < (size_t)count; i++) {
        mopt__element_set_f64(dtype, mopt__tensor_data(*out), i, values[i]);
    }
    return status;
}
