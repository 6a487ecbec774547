// SPDX-License-Identifier: Apache-2.0
// Weights of resampling along one axis. Formulas: ONNX operator text of Resize (coordinate modes,
// cubic kernel of Keys 1981, antialias by widening the kernel when shrinking). It must not know
// tensors or nodes.
#include "ops/resize_axis.h"

#include <math.h>

#include "base/alloc.h"
#include "base/size.h"

// Position of output o in the input.
static double source(const struct mopt_resize_axis *axis, enum mopt_resize_coordinates mode,
                     int64_t o)
{
    double x = (double)o;
    double in = (double)axis->in;
    double out = axis->scale * in; // the exact length, not the rounded one
    double half = (x + 0.5) / axis->scale - 0.5;
    switch (mode) {
    case MOPT_RESIZE_HALF_PIXEL:
        return half;
    case MOPT_RESIZE_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - (double)axis->out / out) + half;
    case MOPT_RESIZE_PYTORCH_HALF_PIXEL:
        return out == 1 ? -0.5 : half;
    case MOPT_RESIZE_ALIGN_CORNERS:
        return out == 1 ? 0 : x * (in - 1) / (out - 1);
    case MOPT_RESIZE_ASYMMETRIC:
        return x / axis->scale;
    case MOPT_RESIZE_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / axis->scale;
    case MOPT_RESIZE_TF_CROP:
        break;
    }
    double span = axis->roi_end - axis->roi_begin;
    double offset = out == 1 ? span * (in - 1) / 2 : x * span * (in - 1) / (out - 1);
    return axis->roi_begin * (in - 1) + offset;
}

static int64_t clamp(double value, int64_t in)
{
    return !(value > 0) ? 0 : value > (double)(in - 1) ? in - 1 : (int64_t)value;
}

static double round_source(double x, enum mopt_resize_rounding rounding, double scale)
{
    switch (rounding) {
    case MOPT_RESIZE_ROUND_PREFER_FLOOR:
        return ceil(x - 0.5);
    case MOPT_RESIZE_ROUND_PREFER_CEIL:
        return floor(x + 0.5);
    case MOPT_RESIZE_FLOOR:
        return floor(x);
    case MOPT_RESIZE_CEIL:
        return ceil(x);
    case MOPT_RESIZE_SIMPLE:
        break;
    }
    return scale < 1 ? ceil(x) : floor(x);
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Kernel value at a distance measured in (possibly widened) input pixels.
static double kernel(const struct mopt_resize_rule *rule, double distance)
{
    if (rule->mode == MOPT_RESIZE_CUBIC) {
        return cubic(distance, rule->cubic_a);
    }
    double value = 1 - fabs(distance);
    return value > 0 ? value : 0;
}

// Weights of the taps first, first+1, ... around x; shrink < 1 widens the kernel.
static void weigh(const struct mopt_resize_axis *axis, const struct mopt_resize_rule *rule,
                  int64_t o, double x, double shrink)
{
    double radius = rule->mode == MOPT_RESIZE_CUBIC ? 2 : 1;
    double at = floor(x);
    double ratio = x == at ? 1 : x - at; // in (0, 1]: a pixel hit exactly counts as the right one
    double begin = floor(-radius / shrink) + 1;
    double first = x - ratio + begin;
    double sum = 0;
    double *weights = axis->weights + o * axis->taps;
    int64_t *index = axis->index + o * axis->taps;
    for (int64_t t = 0; t < axis->taps; t++) {
        double pixel = first + (double)t;
        bool outside = pixel < 0 || pixel > (double)(axis->in - 1);
        index[t] = clamp(pixel, axis->in);
        weights[t] = kernel(rule, (begin + (double)t - ratio) * shrink);
        if (outside && rule->exclude_outside) {
            weights[t] = 0;
        }
        sum += weights[t];
    }
    if ((rule->exclude_outside || rule->antialias) && sum != 0) {
        for (int64_t t = 0; t < axis->taps; t++) {
            weights[t] /= sum;
        }
    }
}

// Number of taps; 0 when the kernel is too wide to be held.
static int64_t tap_count(const struct mopt_resize_rule *rule, double shrink)
{
    double radius = rule->mode == MOPT_RESIZE_CUBIC ? 2 : 1;
    if (rule->mode == MOPT_RESIZE_NEAREST) {
        return 1;
    }
    double begin = floor(-radius / shrink) + 1;
    double taps = 2 - 2 * begin;
    return taps < 1e9 ? (int64_t)taps : 0;
}

static bool make_room(struct mopt_resize_axis *axis)
{
    size_t count = 0;
    size_t out = (size_t)axis->out;
    if (!mopt__size_mul(out, (size_t)axis->taps, &count) || count > SIZE_MAX / 32) {
        return false;
    }
    axis->index = mopt__calloc(count + 1, sizeof *axis->index);
    axis->weights = mopt__calloc(count + 1, sizeof *axis->weights);
    axis->outside = mopt__calloc(out + 1, sizeof *axis->outside);
    return axis->index && axis->weights && axis->outside;
}

enum mopt_status mopt__resize_axis_build(struct mopt_resize_axis *axis,
                                         const struct mopt_resize_rule *rule,
                                         struct mopt_error *err)
{
    double shrink = rule->antialias && axis->scale < 1 ? axis->scale : 1;
    axis->taps = tap_count(rule, shrink);
    if (axis->taps == 0) {
        return mopt_error_set(err, MOPT_E_LIMIT, "scale %g makes the antialias kernel too wide",
                              axis->scale);
    }
    if (!make_room(axis)) {
        return mopt_error_memory(err);
    }
    for (int64_t o = 0; o < axis->out; o++) {
        double x = source(axis, rule->coordinates, o);
        axis->outside[o] =
            rule->coordinates == MOPT_RESIZE_TF_CROP && !(x >= 0 && x <= (double)(axis->in - 1));
        if (rule->mode == MOPT_RESIZE_NEAREST) {
            axis->index[o] = clamp(round_source(x, rule->rounding, axis->scale), axis->in);
            axis->weights[o] = 1;
        } else {
            weigh(axis, rule, o, x, shrink);
        }
    }
    return MOPT_OK;
}

void mopt__resize_axis_release(struct mopt_resize_axis *axis)
{
    mopt__free(axis->index);
    mopt__free(axis->weights);
    mopt__free(axis->outside);
}
