// SPDX-License-Identifier: Apache-2.0
// MeanVarianceNormalization, LpNormalization and LRN: normalisations over chosen axes without
// learned parameters.
#include <math.h>
#include <string.h>

#include "ops/nn_util.h"

// ---- MeanVarianceNormalization ---------------------------------------------------------------------------------------

// Number of the group of element i: its coordinates on the axes that are kept.
static size_t group_of(const struct mopt_tensor *x, const bool *reduced, size_t i)
{
    size_t group = 0;
    size_t step = 1;
    for (int axis = x->rank - 1; axis >= 0; axis--) {
        size_t at = i % (size_t)x->dims[axis];
        i /= (size_t)x->dims[axis];
        if (!reduced[axis]) {
            group += at * step;
            step *= (size_t)x->dims[axis];
        }
    }
    return group;
}

// (x - mean) / (deviation + 1e-9), statistics over the reduced axes.
static void normalise_groups(const struct mopt_tensor *x, const bool *reduced, double *values,
                             double *mean, double *square, double count)
{
    for (size_t i = 0; i < x->count; i++) {
        mean[group_of(x, reduced, i)] += values[i] / count;
    }
    for (size_t i = 0; i < x->count; i++) {
        size_t group = group_of(x, reduced, i);
        values[i] -= mean[group];
        square[group] += values[i] * values[i] / count;
    }
    for (size_t i = 0; i < x->count; i++) {
        values[i] /= sqrt(square[group_of(x, reduced, i)]) + 1e-9;
    }
}

static enum mopt_status mvn_axes(const struct mopt_eval *eval, const struct mopt_tensor *x,
                                 bool reduced[MOPT_RANK_MAX], struct mopt_error *err)
{
    static const int64_t usual[] = {0, 2, 3};
    const int64_t *axes = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__attr_ints(eval->node, "axes", &axes, &count, err);
    if (status == MOPT_OK && !axes) {
        axes = usual;
        count = MOPT_COUNTOF(usual);
    }
    return status == MOPT_OK ? mopt__axes_mark(axes, count, x->rank, reduced, err) : status;
}

static enum mopt_status mvn_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    bool reduced[MOPT_RANK_MAX] = {false};
    double *values = NULL;
    double *room = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = mvn_axes(eval, x, reduced, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(x, &values, err);
    }
    if (status == MOPT_OK) {
        size_t groups = 1;
        for (int i = 0; i < x->rank; i++) {
            groups *= reduced[i] ? 1 : (size_t)x->dims[i];
        }
        room = mopt__calloc(2, (groups + 1) * sizeof *room);
        status = mopt__nn_got(room, err);
        if (status == MOPT_OK && x->count > 0) {
            normalise_groups(x, reduced, values, room, room + groups,
                             (double)x->count / (double)groups);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__nn_put(eval, 0, x->dtype, x->rank, x->dims, values, err);
    }
    mopt__free(values);
    mopt__free(room);
    return status;
}

// ---- LpNormalization -------------------------------------------------------------------------------------------------

static void lp_line(double *x, size_t n, size_t step, int64_t p)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += p == 1 ? fabs(x[i * step]) : x[i * step] * x[i * step];
    }
    double norm = p == 1 ? sum : sqrt(sum);
    for (size_t i = 0; i < n; i++) { // a zero line stays zero
        x[i * step] = norm == 0 ? 0 : x[i * step] / norm;
    }
}

static enum mopt_status lp_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    double *values = NULL;
    int64_t raw = -1;
    int64_t p = 2;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", -1, &raw, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "p", 2, &p, err);
    }
    if (status == MOPT_OK && p != 1 && p != 2) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'p' has the value %lld", (long long)p);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(raw, x->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(x, &values, err);
    }
    if (status == MOPT_OK && x->count > 0) {
        size_t step = mopt__nn_product(x->dims, axis + 1, x->rank);
        size_t n = (size_t)x->dims[axis];
        for (size_t i = 0; i < x->count / n; i++) {
            lp_line(values + i / step * step * n + i % step, n, step, p);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__nn_put(eval, 0, x->dtype, x->rank, x->dims, values, err);
    }
    mopt__free(values);
    return status;
}

// ---- LRN -------------------------------------------------------------------------------------------------------------

struct lrn {
    double alpha, beta, bias;
    int64_t size;
};

static enum mopt_status read_lrn(const struct mopt_node *node, struct lrn *lrn,
                                 struct mopt_error *err)
{
    float v[3] = {0, 0, 0};
    enum mopt_status status = mopt__attr_float(node, "alpha", 1e-4F, &v[0], err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "beta", 0.75F, &v[1], err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "bias", 1, &v[2], err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "size", 0, &lrn->size, err);
    }
    if (status == MOPT_OK && (lrn->size < 1 || lrn->size > INT32_MAX)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'size' has the value %lld",
                              (long long)lrn->size);
    }
    lrn->alpha = (double)v[0];
    lrn->beta = (double)v[1];
    lrn->bias = (double)v[2];
    return status;
}

static void lrn_line(const struct lrn *lrn, const double *x, int64_t channels, size_t step,
                     double *y)
{
    for (int64_t c = 0; c < channels; c++) {
        int64_t from = c - (lrn->size - 1) / 2;
        int64_t to = c + lrn->size / 2;
        double sum = 0;
        for (int64_t i = from < 0 ? 0 : from; i <= to && i < channels; i++) {
            sum += x[(size_t)i * step] * x[(size_t)i * step];
        }
        double base = lrn->bias + lrn->alpha / (double)lrn->size * sum;
        y[(size_t)c * step] = x[(size_t)c * step] / pow(base, lrn->beta);
    }
}

static enum mopt_status lrn_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    struct lrn lrn = {0};
    double *values = NULL;
    double *out = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = read_lrn(eval->node, &lrn, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(x, "X", 2, MOPT_RANK_MAX, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(x, &values, err);
    }
    if (status == MOPT_OK) {
        out = mopt__nn_zeros(x->count, err);
        status = mopt__nn_got(out, err);
    }
    if (status == MOPT_OK && x->count > 0) {
        size_t step = mopt__nn_product(x->dims, 2, x->rank);
        size_t n = (size_t)x->dims[1];
        for (size_t i = 0; i < x->count / n; i++) {
            size_t at = i / step * step * n + i % step;
            lrn_line(&lrn, values + at, x->dims[1], step, out + at);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__nn_put(eval, 0, x->dtype, x->rank, x->dims, out, err);
    }
    mopt__free(values);
    mopt__free(out);
    return status;
}

#define AXIS_NORM(title, text, from, to, set, in, out, function, ...)              \
    {                                                                              \
        .domain = "", .name = title, .since = from, .until = to, .summary = text,  \
        MOPT_INPUTS({in, "T", set, 0}), MOPT_OUTPUTS({out, "T", set, 0}),          \
        MOPT_ATTRIBUTES(__VA_ARGS__), .infer = mopt__infer_like, .eval = function, \
        .cost = mopt__cost_output                                                  \
    }
#define MVN(from, to, set)                                                                         \
    AXIS_NORM("MeanVarianceNormalization", "zero mean and unit variance over axes", from, to, set, \
              "X", "Y", mvn_eval, MOPT_A_INTS("axes"))
#define LP(from, to, set)                                                                        \
    AXIS_NORM("LpNormalization", "division by the p-norm along an axis", from, to, set, "input", \
              "output", lp_eval, MOPT_A_INT("axis", -1), MOPT_A_INT("p", 2))
#define LRN(from, to, set)                                                                    \
    AXIS_NORM("LRN", "local response normalisation across channels", from, to, set, "X", "Y", \
              lrn_eval, MOPT_A_FLOAT("alpha", (double)1e-4F), MOPT_A_FLOAT("beta", 0.75),     \
              MOPT_A_FLOAT("bias", 1), MOPT_A_INT_REQUIRED("size"))

static const struct mopt_op records[] = {
    MVN(9, 12, MOPT_SET_FLOATS),   MVN(13, 0, MOPT_SET_FLOATS_BF), LP(1, 21, MOPT_SET_FLOATS),
    LP(22, 0, MOPT_SET_FLOATS_BF), LRN(1, 12, MOPT_SET_FLOATS),    LRN(13, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_axis_norm = {records, MOPT_COUNTOF(records)};
