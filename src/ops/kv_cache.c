// SPDX-License-Identifier: Apache-2.0
// Caches of keys or values in floats or small integers. It must not know any single operator.
#include "ops/kv_cache.h"

#include <math.h>

#include "ops/narrow.h"

enum { PAIR_ZERO = 8 }; // code of 0 in a pair

enum mopt_status mopt__kv_check(const struct mopt_kv_cache *c, const char *name,
                                struct mopt_error *err)
{
    const struct mopt_tensor *t = c->past;
    bool whole = t && mopt__dtype_is_float(t->dtype);
    if (t && !c->scale && !whole) {
        return mopt_error_set(err, MOPT_E_TYPE, "input '%s' is quantized, but has no scale", name);
    }
    if (!c->scale) {
        return MOPT_OK;
    }
    if (!t || t->dtype != (c->bits == 8 ? MOPT_INT8 : MOPT_UINT8)) {
        return mopt_error_set(err, MOPT_E_TYPE, "input '%s' must be %s for codes of %u bits", name,
                              c->bits == 8 ? "int8" : "uint8", c->bits);
    }
    if (c->bits == 4 && c->size % 2 != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "codes of 4 bits need heads of even size");
    }
    if (c->scale->count != 1 && c->scale->count != c->groups * c->size) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "scale of input '%s' has %zu elements, must have 1 or %zu", name,
                              c->scale->count, c->groups * c->size);
    }
    return MOPT_OK;
}

size_t mopt__kv_width(const struct mopt_kv_cache *c)
{
    return c->scale && c->bits == 4 ? c->size / 2 : c->size;
}

static double scale_of(const struct mopt_kv_cache *c, size_t group, size_t d)
{
    size_t at = group * c->size + d;
    return mopt__tensor_f64(c->scale, c->scale->count == 1 ? 0 : at);
}

static int64_t code_of(const struct mopt_kv_cache *c, double x, double scale)
{
    double quotient = mopt__round_to(MOPT_FLOAT32, x / scale);
    return c->bits == 4 ? mopt__nn_quantize(quotient, 0, -PAIR_ZERO, PAIR_ZERO - 1)
                        : mopt__nn_quantize(quotient, 0, INT8_MIN, INT8_MAX);
}

void mopt__kv_read(const struct mopt_kv_cache *c, size_t head, size_t row, double *out)
{
    size_t rows = (size_t)c->past->dims[2];
    size_t first = (head * rows + row) * mopt__kv_width(c);
    const float *floats = !c->scale && c->past->dtype == MOPT_FLOAT32 ? c->past->data : NULL;
    for (size_t d = 0; floats && d < c->size; d++) {
        out[d] = (double)floats[first + d];
    }
    for (size_t d = 0; !floats && d < c->size; d++) {
        if (!c->scale) {
            out[d] = mopt__tensor_f64(c->past, first + d);
            continue;
        }
        int64_t code = mopt__tensor_i64_at(c->past, first + (c->bits == 4 ? d / 2 : d));
        if (c->bits == 4) {
            code = (d % 2 == 0 ? code % 16 : code / 16) - PAIR_ZERO;
        }
        out[d] = mopt__round_to(MOPT_FLOAT32, (double)code * scale_of(c, head % c->groups, d));
    }
}

void mopt__kv_round(const struct mopt_kv_cache *c, size_t group, double *row)
{
    for (size_t d = 0; c->scale && d < c->size; d++) {
        double scale = scale_of(c, group, d);
        row[d] = mopt__round_to(MOPT_FLOAT32, (double)code_of(c, row[d], scale) * scale);
    }
}

void mopt__kv_write(const struct mopt_kv_cache *c, struct mopt_tensor *t, size_t line,
                    const double *row)
{
    size_t width = mopt__kv_width(c);
    size_t group = line / (size_t)t->dims[2] % c->groups;
    float *floats = !c->scale && t->dtype == MOPT_FLOAT32 ? mopt__nn_f32(t) + line * width : NULL;
    for (size_t i = 0; floats && i < width; i++) {
        floats[i] = row ? (float)row[i] : 0;
    }
    for (size_t i = 0; !floats && i < width; i++) {
        double x = row ? row[i] : 0;
        if (row && c->scale && c->bits == 4) {
            int64_t low = code_of(c, row[2 * i], scale_of(c, group, 2 * i));
            int64_t high = code_of(c, row[2 * i + 1], scale_of(c, group, 2 * i + 1));
            x = (double)(low + PAIR_ZERO + 16 * (high + PAIR_ZERO));
        } else if (row && c->scale) {
            x = (double)code_of(c, row[i], scale_of(c, group, i));
        }
        mopt__nn_store_at(t, line * width + i, x);
    }
}
