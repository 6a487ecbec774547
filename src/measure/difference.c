// SPDX-License-Identifier: Apache-2.0
// Element-wise comparison of tensors and run-time values.
#include "measure/difference.h"

#include <math.h>
#include <string.h>

static void add_element(struct mopt_difference *d, double a, double b,
                        const struct mopt_tolerance *tolerance)
{
    d->elements++;
    if (!isfinite(a) || !isfinite(b)) {
        bool same = (isnan(a) && isnan(b)) || a == b;
        d->not_finite += !same;
        d->beyond += !same;
        return;
    }
    double apart = fabs(a - b);
    double size = fabs(a);
    d->max_abs = apart > d->max_abs ? apart : d->max_abs;
    if (size > 0 && apart / size > d->max_rel) {
        d->max_rel = apart / size;
    }
    d->beyond += apart > tolerance->atol + tolerance->rtol * size;
    d->dot += a * b;
    d->aa += a * a;
    d->bb += b * b;
    d->noise += apart * apart;
    d->absolute += apart;
}

static void add_floats(struct mopt_difference *d, const float *a, const float *b, size_t count,
                       const struct mopt_tolerance *tolerance)
{
    for (size_t i = 0; i < count; i++) {
        add_element(d, (double)a[i], (double)b[i], tolerance);
    }
}

static void add_strings(struct mopt_difference *d, const struct mopt_tensor *a,
                        const struct mopt_tensor *b)
{
    const struct mopt_string *x = a->data;
    const struct mopt_string *y = b->data;
    for (size_t i = 0; i < a->count; i++) {
        bool same = x[i].size == y[i].size &&
                    (x[i].size == 0 || memcmp(x[i].data, y[i].data, x[i].size) == 0);
        d->elements++;
        d->beyond += !same;
    }
}

static void add_complex(struct mopt_difference *d, const struct mopt_tensor *a,
                        const struct mopt_tensor *b, const struct mopt_tolerance *tolerance)
{
    for (size_t i = 0; i < 2 * a->count; i++) {
        if (a->dtype == MOPT_COMPLEX64) {
            add_element(d, (double)((const float *)a->data)[i], (double)((const float *)b->data)[i],
                        tolerance);
        } else {
            add_element(d, ((const double *)a->data)[i], ((const double *)b->data)[i], tolerance);
        }
    }
}

static bool is_complex(const struct mopt_tensor *t)
{
    return t->dtype == MOPT_COMPLEX64 || t->dtype == MOPT_COMPLEX128;
}

// Kinds that cannot be compared as numbers must be the same.
static bool comparable(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    if (a->rank != b->rank || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) != 0) {
        return false;
    }
    bool special =
        a->dtype == MOPT_STRING || b->dtype == MOPT_STRING || is_complex(a) || is_complex(b);
    return !special || a->dtype == b->dtype;
}

void mopt__difference_tensor(struct mopt_difference *difference, const struct mopt_tensor *a,
                             const struct mopt_tensor *b, const struct mopt_tolerance *tolerance)
{
    difference->pairs++;
    if (!comparable(a, b)) {
        difference->shapes++;
        return;
    }
    if (a->dtype == MOPT_STRING) {
        add_strings(difference, a, b);
    } else if (is_complex(a)) {
        add_complex(difference, a, b, tolerance);
    } else if (a->dtype == MOPT_FLOAT32 && b->dtype == MOPT_FLOAT32) {
        add_floats(difference, a->data, b->data, a->count, tolerance);
    } else {
        for (size_t i = 0; i < a->count; i++) {
            add_element(difference, mopt__tensor_f64(a, i), mopt__tensor_f64(b, i), tolerance);
        }
    }
}

void mopt__difference_datum(struct mopt_difference *difference, const struct mopt_datum *a,
                            const struct mopt_datum *b, const struct mopt_tolerance *tolerance)
{
    if (a->kind != b->kind || a->count != b->count || (a->tensor == NULL) != (b->tensor == NULL)) {
        difference->pairs++;
        difference->shapes++;
        return;
    }
    if (a->tensor != NULL) {
        mopt__difference_tensor(difference, a->tensor, b->tensor, tolerance);
    }
    for (size_t i = 0; i < a->count; i++) {
        mopt__difference_datum(difference, a->items[i], b->items[i], tolerance);
    }
}

void mopt__difference_merge(struct mopt_difference *into, const struct mopt_difference *from)
{
    into->pairs += from->pairs;
    into->elements += from->elements;
    into->beyond += from->beyond;
    into->not_finite += from->not_finite;
    into->shapes += from->shapes;
    into->max_abs = fmax(into->max_abs, from->max_abs);
    into->max_rel = fmax(into->max_rel, from->max_rel);
    into->dot += from->dot;
    into->aa += from->aa;
    into->bb += from->bb;
    into->noise += from->noise;
    into->absolute += from->absolute;
}

bool mopt__difference_fits(const struct mopt_difference *difference)
{
    return difference->beyond == 0 && difference->shapes == 0;
}

double mopt__difference_cosine(const struct mopt_difference *difference)
{
    if (difference->elements == 0) {
        return NAN;
    }
    if (difference->aa == 0 || difference->bb == 0) {
        return difference->aa == difference->bb ? 1 : 0;
    }
    double cosine = difference->dot / (sqrt(difference->aa) * sqrt(difference->bb));
    return cosine > 1 ? 1 : cosine;
}

double mopt__difference_sqnr(const struct mopt_difference *difference)
{
    if (difference->elements == 0) {
        return NAN;
    }
    if (difference->noise == 0) {
        return INFINITY;
    }
    return 10 * log10(difference->aa / difference->noise);
}

double mopt__difference_mse(const struct mopt_difference *difference)
{
    return difference->elements == 0 ? NAN : difference->noise / (double)difference->elements;
}

double mopt__difference_mae(const struct mopt_difference *difference)
{
    return difference->elements == 0 ? NAN : difference->absolute / (double)difference->elements;
}
