// SPDX-License-Identifier: Apache-2.0
// From a range of real numbers to scale and zero point.
#include <float.h>
#include <math.h>

#include "quantize/internal.h"

void mopt__quant_range(enum mopt_dtype dtype, bool symmetric, bool reduce_range, int64_t *low,
                       int64_t *high)
{
    bool is_signed = dtype == MOPT_INT8;
    if (reduce_range) {
        *low = is_signed ? -64 : 0;
        *high = is_signed ? 64 : 127;
        return;
    }
    *low = is_signed ? (symmetric ? -127 : -128) : 0;
    *high = is_signed ? 127 : 255;
}

void mopt__quant_params(enum mopt_dtype dtype, bool symmetric, bool reduce_range, double min,
                        double max, struct mopt_quant_params *out)
{
    int64_t low;
    int64_t high;
    mopt__quant_range(dtype, symmetric, reduce_range, &low, &high);
    min = min < 0 ? min : 0;
    max = max > 0 ? max : 0;
    if (symmetric) {
        max = max > -min ? max : -min;
        min = -max;
    }
    double scale = (max - min) / (double)(high - low);
    if (!(scale >= (double)FLT_MIN)) { // nothing but zeros, or denormals that would divide badly
        *out = (struct mopt_quant_params){.scale = 1,
                                          .zero_point = symmetric && dtype == MOPT_UINT8 ? 128 : 0};
        if (!symmetric && dtype == MOPT_INT8) {
            out->zero_point = low;
        }
        return;
    }
    double zero = symmetric ? rint((double)(low + high) / 2) : rint((double)low - min / scale);
    if (symmetric && dtype == MOPT_UINT8) {
        zero = reduce_range ? 64 : 128;
    }
    zero = zero < (double)low ? (double)low : zero > (double)high ? (double)high : zero;
    *out = (struct mopt_quant_params){.scale = (double)(float)scale, .zero_point = (int64_t)zero};
}

int64_t mopt__quant_code(float value, float scale, int64_t zero_point, int64_t low, int64_t high)
{
    float rounded = rintf(value / scale); // the default rounding mode: half to even
    float lowest = (float)(low - zero_point);
    float highest = (float)(high - zero_point);
    if (!(rounded > lowest)) { // NaN too
        return low;
    }
    return rounded >= highest ? high : (int64_t)rounded + zero_point;
}
