// SPDX-License-Identifier: Apache-2.0
// Constant weights to symmetric integer codes, per output channel or per tensor.
#include <math.h>

#include "quantize/internal.h"

struct layout { // a tensor seen as [outer, channels, inner]
    size_t channels, inner;
};

static struct layout layout_of(const struct mopt_tensor *weight, int axis)
{
    struct layout layout = {.channels = 1, .inner = 1};
    if (axis >= 0) {
        layout.channels = (size_t)weight->dims[axis];
        for (int d = axis + 1; d < weight->rank; d++) {
            layout.inner *= (size_t)weight->dims[d];
        }
    }
    return layout;
}

static size_t channel_of(const struct layout *layout, size_t i)
{
    return layout->channels > 1 ? i / layout->inner % layout->channels : 0;
}

static void largest(const struct mopt_tensor *weight, const struct layout *layout,
                    double *magnitude)
{
    const float *data = weight->data;
    for (size_t i = 0; i < weight->count; i++) {
        size_t c = channel_of(layout, i);
        double value = fabs((double)data[i]);
        magnitude[c] = value > magnitude[c] ? value : magnitude[c];
    }
}

static enum mopt_status new_parameters(const struct layout *layout, int axis, enum mopt_dtype dtype,
                                       struct mopt_quant_weight *out, struct mopt_error *err)
{
    int64_t channels = (int64_t)layout->channels;
    int rank = axis >= 0 ? 1 : 0;
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, rank, &channels, &out->scales, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(dtype, rank, &channels, &out->zeros, err);
    }
    return status;
}

static void fill_parameters(const struct layout *layout, enum mopt_dtype dtype, bool reduce_range,
                            const double *magnitude, const double *min_scale,
                            struct mopt_quant_weight *out)
{
    float *scales = mopt__tensor_data(out->scales);
    for (size_t c = 0; c < layout->channels; c++) {
        struct mopt_quant_params params;
        mopt__quant_params(MOPT_INT8, true, reduce_range, -magnitude[c], magnitude[c], &params);
        double scale =
            min_scale != NULL && min_scale[c] > params.scale ? min_scale[c] : params.scale;
        scales[c] = (float)scale;
        mopt__element_set_i64(dtype, mopt__tensor_data(out->zeros), c,
                              dtype == MOPT_UINT8 ? 128 : 0);
    }
}

static void fill_codes(const struct mopt_tensor *weight, const struct layout *layout,
                       enum mopt_dtype dtype, bool reduce_range, struct mopt_quant_weight *out)
{
    const float *data = weight->data;
    const float *scales = out->scales->data;
    uint8_t *codes = mopt__tensor_data(out->codes);
    int64_t low;
    int64_t high;
    mopt__quant_range(MOPT_INT8, true, reduce_range, &low, &high);
    for (size_t i = 0; i < weight->count; i++) {
        int64_t code = mopt__quant_code(data[i], scales[channel_of(layout, i)], 0, low, high);
        codes[i] =
            (uint8_t)(dtype == MOPT_UINT8 ? code + 128 : code); // two's complement of an int8
    }
}

enum mopt_status mopt__quantize_weight(const struct mopt_tensor *weight, int axis,
                                       enum mopt_dtype dtype, bool reduce_range,
                                       const double *min_scale, struct mopt_quant_weight *out,
                                       struct mopt_error *err)
{
    *out = (struct mopt_quant_weight){0};
    struct layout layout = layout_of(weight, axis);
    double *magnitude = mopt__calloc(layout.channels + 1, sizeof *magnitude);
    enum mopt_status status = magnitude != NULL ? MOPT_OK : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(dtype, weight->rank, weight->dims, &out->codes, err);
    }
    if (status == MOPT_OK) {
        status = new_parameters(&layout, axis, dtype, out, err);
    }
    if (status == MOPT_OK) {
        largest(weight, &layout, magnitude);
        fill_parameters(&layout, dtype, reduce_range, magnitude, min_scale, out);
        fill_codes(weight, &layout, dtype, reduce_range, out);
    } else {
        mopt__quant_weight_release(out);
    }
    mopt__free(magnitude);
    return status;
}

void mopt__quant_weight_release(struct mopt_quant_weight *weight)
{
    mopt__tensor_unref(weight->codes);
    mopt__tensor_unref(weight->scales);
    mopt__tensor_unref(weight->zeros);
    *weight = (struct mopt_quant_weight){0};
}
