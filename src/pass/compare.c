// SPDX-License-Identifier: Apache-2.0
// Compares run-time values within the tolerance of a numerics class. It knows no model.
#include <math.h>
#include <string.h>

#include "pass/internal.h"

struct tolerance {
    double relative; // of the larger magnitude of the two elements
    double floor;    // times the largest finite magnitude of the tensor
};

// Results that were only summed in another order differ by a few roundings of the type.
static struct tolerance tolerance_of(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_FLOAT64:
        return (struct tolerance){.relative = 1e-9, .floor = 1e-10};
    case MOPT_FLOAT32:
        return (struct tolerance){.relative = 1e-4, .floor = 1e-5};
    case MOPT_FLOAT16:
        return (struct tolerance){.relative = 1e-2, .floor = 4e-3};
    default:
        return (struct tolerance){.relative = 5e-2, .floor = 2e-2};
    }
}

static void differ(struct mopt_difference *out, const char *reason)
{
    out->same = false;
    if (out->equal) {
        out->equal = false;
        out->reason = reason;
    }
}

static double largest(const struct mopt_tensor *a)
{
    double most = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = fabs(mopt__tensor_f64(a, i));
        most = isfinite(x) && x > most ? x : most;
    }
    return most;
}

static void note_distance(struct mopt_difference *out, double x, double y)
{
    double distance = fabs(x - y);
    double scale = fmax(fabs(x), fabs(y));
    out->max_abs = fmax(out->max_abs, distance);
    out->max_rel = scale > 0 ? fmax(out->max_rel, distance / scale) : out->max_rel;
}

static void compare_floats(const struct mopt_tensor *a, const struct mopt_tensor *b,
                           enum mopt_numerics numerics, struct mopt_difference *out)
{
    struct tolerance tolerance = tolerance_of(a->dtype);
    double floor = fmax(largest(a), largest(b)) * tolerance.floor;
    for (size_t i = 0; i < a->count; i++) {
        double x = mopt__tensor_f64(a, i), y = mopt__tensor_f64(b, i);
        if (isnan(x) && isnan(y)) {
            continue;
        }
        bool same = x == y && signbit(x) == signbit(y);
        out->same = out->same && same;
        if (same || (x == y && numerics != MOPT_NUMERICS_EXACT)) {
            continue;
        }
        if (!isfinite(x) || !isfinite(y)) {
            differ(out, "infinity or NaN in one only");
            continue;
        }
        note_distance(out, x, y);
        double allowed = floor + tolerance.relative * fmax(fabs(x), fabs(y));
        if (numerics == MOPT_NUMERICS_EXACT || fabs(x - y) > allowed) {
            differ(out, "elements differ");
        }
    }
}

static void compare_integers(const struct mopt_tensor *a, const struct mopt_tensor *b,
                             enum mopt_numerics numerics, struct mopt_difference *out)
{
    size_t steps = 0;
    bool small = mopt__dtype_bits(a->dtype) == 8 && a->dtype != MOPT_BOOL;
    for (size_t i = 0; i < a->count; i++) {
        int64_t x = mopt__tensor_i64_at(a, i), y = mopt__tensor_i64_at(b, i);
        if (x == y) {
            continue;
        }
        out->same = false;
        note_distance(out, (double)x, (double)y);
        steps++;
        if (numerics == MOPT_NUMERICS_EXACT || !small || x - y > 1 || y - x > 1) {
            differ(out, "elements differ");
        }
    }
    if (steps > a->count / 100 + 1) {
        differ(out, "too many elements differ by one step");
    }
}

static void compare_tensors(const struct mopt_tensor *a, const struct mopt_tensor *b,
                            enum mopt_numerics numerics, struct mopt_difference *out)
{
    if (a->dtype != b->dtype) {
        differ(out, "element types differ");
    } else if (a->rank != b->rank ||
               memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) != 0) {
        differ(out, "shapes differ");
    } else if (mopt__dtype_is_float(a->dtype)) {
        compare_floats(a, b, numerics, out);
    } else if (a->dtype == MOPT_BOOL || mopt__dtype_is_integer(a->dtype)) {
        compare_integers(a, b, numerics, out);
    } else if (!mopt__tensor_equal(a, b)) { // strings, complex numbers
        differ(out, "contents differ");
    }
}

// NOLINTNEXTLINE(misc-no-recursion): values nest as deep as their types
static void compare(const struct mopt_datum *a, const struct mopt_datum *b,
                    enum mopt_numerics numerics, struct mopt_difference *out)
{
    if (a->kind != b->kind || a->count != b->count || (a->tensor != NULL) != (b->tensor != NULL)) {
        differ(out, "kinds or lengths differ");
        return;
    }
    if (a->tensor != NULL) {
        compare_tensors(a->tensor, b->tensor, numerics, out);
    }
    for (size_t i = 0; i < a->count; i++) {
        compare(a->items[i], b->items[i], numerics, out);
    }
}

void mopt__data_compare(const struct mopt_datum *a, const struct mopt_datum *b,
                        enum mopt_numerics numerics, struct mopt_difference *out)
{
    *out = (struct mopt_difference){.same = true, .equal = true};
    compare(a, b, numerics, out);
}
