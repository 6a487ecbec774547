// SPDX-License-Identifier: Apache-2.0
// What integer natives share: constants as signed bytes, and the way from exact sums to codes or
// floats. Also the sum of two quantized values.
#include <math.h>
#include <string.h>

#include "exec/native.h"

void mopt__low_window(const struct mopt_window *w, size_t batch, size_t channels,
                      struct mopt_window2d *out)
{
    int x = w->rank - 1;
    int y = w->rank - 2;
    bool two = y >= 0;
    *out = (struct mopt_window2d){.batch = batch,
                                  .channels = channels,
                                  .in_h = two ? (size_t)w->in[y] : 1,
                                  .in_w = (size_t)w->in[x],
                                  .out_h = two ? (size_t)w->out[y] : 1,
                                  .out_w = (size_t)w->out[x],
                                  .kernel_h = two ? (size_t)w->kernel[y] : 1,
                                  .kernel_w = (size_t)w->kernel[x],
                                  .stride_h = two ? (size_t)w->stride[y] : 1,
                                  .stride_w = (size_t)w->stride[x],
                                  .dilation_h = two ? (size_t)w->dilation[y] : 1,
                                  .dilation_w = (size_t)w->dilation[x],
                                  .pad_top = two ? (size_t)w->begin[y] : 0,
                                  .pad_left = (size_t)w->begin[x]};
}

enum mopt_status mopt__low_signed(struct mopt_lower *l, const struct mopt_low_quant *q,
                                  const int8_t **codes)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, q->codes);
    if (q->dtype == MOPT_INT8) {
        *codes = constant->data;
        return MOPT_OK;
    }
    void *block;
    bool made;
    enum mopt_status status = mopt__low_packed(l, constant, 2, constant->count, &block, &made);
    if (status == MOPT_OK && made) {
        const uint8_t *from = constant->data;
        int8_t *to = block;
        for (size_t i = 0; i < constant->count; i++) {
            to[i] = (int8_t)(from[i] - 128);
        }
    }
    *codes = block;
    return status;
}

enum mopt_status mopt__low_zeros(struct mopt_lower *l, const struct mopt_low_quant *w, size_t n,
                                 const int32_t **out)
{
    int32_t *zeros = mopt__low_work(l, n * sizeof *zeros);
    bool any = false;
    if (zeros == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t j = 0; j < n; j++) {
        zeros[j] = mopt__low_zero(w, j) - 128;
        any = any || zeros[j] != 0;
    }
    *out = any ? zeros : NULL;
    return MOPT_OK;
}

// ---- From sums to results -----------------------------------------------------------------------------------------

// Integer bounds of a clamp on real values, as codes of y.
static void bounds(const struct mopt_group *group, struct mopt_requantize *out)
{
    float scale = mopt__low_scale(&group->y, 0);
    int32_t zero = mopt__low_zero(&group->y, 0);
    float low = group->act.kind == MOPT_ACT_RELU   ? 0
                : group->act.kind == MOPT_ACT_CLIP ? group->act.alpha
                                                   : -INFINITY;
    float high = group->act.kind == MOPT_ACT_CLIP ? group->act.beta : INFINITY;
    float a = nearbyintf(low / scale) + (float)zero;
    float b = nearbyintf(high / scale) + (float)zero;
    out->zero_point = zero;
    out->low = a > 0 ? (a < 255 ? (int32_t)a : 255) : 0;
    out->high = b < 255 ? (b > 0 ? (int32_t)b : 0) : 255;
}

enum { EXACT_MOST = 1 << 30 }; // units of a bias that leave room for the sum

// The bias in units of the sums of its channel, when it was quantized in these; else false.
static bool in_units(const struct mopt_lower *l, const struct mopt_low_quant *bias, size_t at,
                     float unit, int64_t *steps)
{
    *steps = mopt__tensor_i64_at(mopt__low_constant(l, bias->codes), at);
    return mopt__low_scale(bias, at) == unit && *steps <= EXACT_MOST && *steps >= -EXACT_MOST;
}

// Adds a bias to start where it is a multiple of the unit of its channel, else to real_bias.
static enum mopt_status add_bias(struct mopt_lower *l, const struct mopt_value *bias, size_t n,
                                 const float *units, int32_t *start, float *real_bias)
{
    const float *real;
    struct mopt_low_shape shape;
    if (bias == NULL) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__low_floats(l, bias, &real, NULL);
    if (status != MOPT_OK || real == NULL || !mopt__low_shape(l, bias, &shape)) {
        return status;
    }
    struct mopt_low_quant q;
    bool codes = bias->producer != NULL && mopt__low_dequantizer(l, bias->producer, true, &q) &&
                 q.dtype == MOPT_INT32 && q.zero == NULL;
    for (size_t j = 0; j < n; j++) {
        size_t at = shape.count == 1 ? 0 : j;
        int64_t steps;
        if (codes && in_units(l, &q, at, units[j], &steps)) {
            start[j] = (int32_t)((uint32_t)start[j] + (uint32_t)steps);
        } else {
            real_bias[j] += real[at];
        }
    }
    return MOPT_OK;
}

// The way to codes of y: bounds, and scales and biases in steps of it. No sum with biases when all
// of them are in start.
static void to_codes(const struct mopt_group *group, size_t n, float *units, float *real_bias,
                     struct mopt_requantize *out)
{
    float scale = mopt__low_scale(&group->y, 0);
    bounds(group, out);
    out->float_bias = NULL;
    for (size_t j = 0; j < n; j++) {
        units[j] /= scale;
        out->shift = real_bias[j] != 0 ? real_bias : out->shift;
        real_bias[j] /= scale;
    }
}

enum mopt_status mopt__low_requantize(struct mopt_lower *l, const struct mopt_group *group,
                                      const struct mopt_low_columns *columns,
                                      struct mopt_requantize *out)
{
    size_t n = columns->n;
    int32_t *start = mopt__low_work(l, n * sizeof *start);
    float *units = mopt__low_work(l, n * sizeof *units);
    float *real_bias = mopt__low_work(l, n * sizeof *real_bias);
    if (start == NULL || units == NULL || real_bias == NULL) {
        return MOPT_E_MEMORY;
    }
    mopt__fold_zero_point(columns->k, n, columns->codes, columns->row_step, columns->column_step,
                          group->sum_bias != NULL ? group->sum_bias->data : NULL,
                          mopt__low_zero(&group->x, 0), columns->zero, start);
    for (size_t j = 0; j < n; j++) {
        units[j] = mopt__low_scale(&group->x, 0) * mopt__low_scale(&group->w, j);
    }
    enum mopt_status status = add_bias(l, columns->bias, n, units, start, real_bias);
    if (status == MOPT_OK) {
        status = add_bias(l, columns->more_bias, n, units, start, real_bias);
    }
    *out = (struct mopt_requantize){.start = start,
                                    .scale = units,
                                    .float_bias = real_bias,
                                    .act = group->act};
    if (group->out_codes) {
        to_codes(group, n, units, real_bias, out);
    }
    return status;
}

enum mopt_status mopt__low_requantize_sums(struct mopt_lower *l, const struct mopt_group *group,
                                           size_t n, struct mopt_requantize *out)
{
    float *units = mopt__low_work(l, n * sizeof *units);
    float *no_bias = mopt__low_work(l, n * sizeof *no_bias);
    if (units == NULL || no_bias == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t j = 0; j < n; j++) {
        units[j] = mopt__low_scale(&group->x, 0) * mopt__low_scale(&group->w, 0);
    }
    *out = (struct mopt_requantize){.scale = units, .act = group->act};
    if (group->out_codes) {
        to_codes(group, n, units, no_bias, out);
    }
    return MOPT_OK;
}

// ---- Sum of two quantized values ----------------------------------------------------------------------------------

enum { PIECE = 2048 }; // elements one thread takes at least

struct add_work {
    size_t count;
    float scales[3];
    int32_t zeros[3], limits[2];
    uint32_t a, b, y;
};

struct adding {
    const struct add_work *w;
    const struct mopt_kernels *kernels;
    const uint8_t *a, *b;
    uint8_t *y;
};

static void add_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct adding *s = context;
    (void)thread;
    s->kernels->add_u8(s->a + begin, s->b + begin, s->w->scales, s->w->zeros, s->w->limits,
                       s->y + begin, (size_t)(end - begin));
}

static void run_add(const void *work, const struct mopt_frame *frame)
{
    const struct add_work *w = work;
    struct adding s = {w, frame->kernels, frame->data[w->a], frame->data[w->b], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)w->count, PIECE, add_piece, &s);
}

enum mopt_status mopt__low_add_bytes(struct mopt_lower *l, const struct mopt_group *group)
{
    struct add_work *w = mopt__low_work(l, sizeof *w);
    struct mopt_low_shape shape;
    struct mopt_requantize limits;
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    mopt__low_shape(l, group->out, &shape);
    bounds(group, &limits);
    *w = (struct add_work){.count = shape.count,
                           .scales = {mopt__low_scale(&group->x, 0), mopt__low_scale(&group->w, 0),
                                      mopt__low_scale(&group->y, 0)},
                           .zeros = {mopt__low_zero(&group->x, 0), mopt__low_zero(&group->w, 0),
                                     limits.zero_point},
                           .limits = {limits.low, limits.high}};
    bool nhwc = mopt__low_codes_nhwc(l, group->x.codes) || mopt__low_codes_nhwc(l, group->w.codes);
    enum mopt_form form = nhwc ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    enum mopt_status status = mopt__low_cell(l, group->x.codes, form, &w->a);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, group->w.codes, form, &w->b);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, form, &w->y);
    }
    uint32_t cells[] = {w->a, w->b, w->y};
    return status == MOPT_OK ? mopt__low_emit_over(l, run_add, w, cells, 3, 3) : status;
}
