// SPDX-License-Identifier: Apache-2.0
// DFT: Fourier transforms along an axis, computed in the precision of the type, as the reference
// does; in opset 17 in double precision, as the reference of that release did. The transforms are
// in fft_lines.c.
#include "ops/fft_lines.h"
#include "ops/nn_util.h"

struct dft {
    const struct mopt_tensor *x;
    bool inverse, onesided;
    int axis;
    size_t parts;      // 1 real, 2 complex input
    size_t in, n, out; // input length, transform length, output length
    size_t out_parts;
    size_t outer, inner; // elements around the axis, parts not counted
    int64_t dims[MOPT_RANK_MAX];
};

static enum mopt_status read_flags(const struct mopt_node *node, struct dft *d,
                                   struct mopt_error *err)
{
    int64_t inverse = 0;
    int64_t onesided = 0;
    enum mopt_status status = mopt__attr_int(node, "inverse", 0, &inverse, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "onesided", 0, &onesided, err);
    }
    d->inverse = inverse != 0;
    d->onesided = onesided != 0;
    return status;
}

static enum mopt_status open_length(const struct mopt_tensor *length, struct dft *d,
                                    struct mopt_error *err)
{
    int64_t n = (int64_t)d->in;
    if (d->inverse && d->onesided) {
        n = 2 * (n - 1);
    }
    enum mopt_status status = length ? mopt__scalar_i64(length, "dft_length", &n, err) : MOPT_OK;
    if (status == MOPT_OK && (n < 1 || n > INT32_MAX)) {
        return mopt_error_set(err, MOPT_E_VALUE, "transform of length %lld", (long long)n);
    }
    d->n = (size_t)n;
    return status;
}

static enum mopt_status open_dft(const struct mopt_eval *eval, struct dft *d,
                                 struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL};
    int64_t axis = eval->version < 20 ? 1 : -2;
    *d = (struct dft){.x = NULL};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_flags(eval->node, d, err);
    }
    if (status == MOPT_OK && eval->version < 20) {
        status = mopt__attr_int(eval->node, "axis", 1, &axis, err);
    } else if (status == MOPT_OK && in[2]) {
        status = mopt__scalar_i64(in[2], "axis", &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "input", 2, MOPT_RANK_MAX, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(axis, in[0]->rank, &d->axis, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    d->x = in[0];
    int last = d->x->rank - 1;
    d->parts = (size_t)d->x->dims[last];
    if (d->axis == last || d->parts < 1 || d->parts > 2) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "last axis must hold 1 or 2 parts and cannot be transformed");
    }
    d->in = (size_t)d->x->dims[d->axis];
    status = open_length(in[1], d, err);
    d->outer = mopt__nn_product(d->x->dims, 0, d->axis);
    d->inner = mopt__nn_product(d->x->dims, d->axis + 1, last);
    d->out = d->onesided && !d->inverse ? d->n / 2 + 1 : d->n;
    d->out_parts = d->onesided && d->inverse ? 1 : 2;
    for (int i = 0; i < last; i++) {
        d->dims[i] = i == d->axis ? (int64_t)d->out : d->x->dims[i];
    }
    d->dims[last] = (int64_t)d->out_parts;
    return status;
}

// What is done with the lines of the tensor.
static struct mopt_fft_lines lines_of(const struct dft *d, struct mopt_tensor *y, bool single)
{
    const bool mirror = d->inverse && d->onesided;
    const size_t given = mirror ? d->n / 2 + 1 : d->n;
    return (struct mopt_fft_lines){
        .x = d->x,
        .parts = d->parts,
        .in = {.outer = d->in * d->inner * d->parts,
               .inner = d->parts,
               .point = d->inner * d->parts},
        .y = y,
        .y_parts = d->out_parts,
        .out = {.outer = d->out * d->inner * d->out_parts,
                .inner = d->out_parts,
                .point = d->inner * d->out_parts},
        .outer = d->outer,
        .inner = d->inner,
        .n = d->n,
        .given = given < d->in ? given : d->in,
        .bins = d->out,
        .inverse = d->inverse,
        .mirror = mirror,
        .single = single,
    };
}

static enum mopt_status dft_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct dft d;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_dft(eval, &d, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, d.x->dtype, d.x->rank, d.dims, &y, err);
    }
    if (status == MOPT_OK) {
        const bool single = eval->version > 17 && d.x->dtype != MOPT_FLOAT64;
        const struct mopt_fft_lines lines = lines_of(&d, y, single);
        status = mopt__fft_lines(eval, &lines, err);
    }
    return status;
}

// Length of the result for a transform of n points.
static int64_t result_length(const struct dft *d, struct mopt_dims *dims, int64_t n)
{
    if (!d->onesided || d->inverse) {
        return n;
    }
    int64_t half = mopt__dim_floordiv(dims, n, mopt__dim_const(dims, 2));
    return mopt__dim_add(dims, half, mopt__dim_const(dims, 1));
}

static enum mopt_status dft_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    struct dft d = {.x = NULL};
    int64_t axis = infer->version < 20 ? mopt__int_of(infer->node, "axis", 1) : -2;
    const int64_t *items = NULL;
    size_t count = 0;
    enum mopt_status status = read_flags(infer->node, &d, err);
    if (status != MOPT_OK || !x) {
        return status;
    }
    bool axis_known = true;
    if (infer->version >= 20 && mopt__infer_has(infer, 2)) {
        axis_known = mopt__infer_values(infer, 2, &items, &count) && count == 1;
        axis = axis_known ? items[0] : 0;
    }
    if (x->rank < 0) {
        return mopt__infer_set(infer, 0, x->dtype, -1, NULL, err);
    }
    int64_t dims[MOPT_RANK_MAX];
    status = mopt__axis_normalise(axis, x->rank, &d.axis, err);
    for (int i = 0; i < x->rank; i++) {
        dims[i] = axis_known ? x->dims[i] : MOPT_DIM_UNKNOWN;
    }
    if (status != MOPT_OK) {
        return status;
    }
    dims[x->rank - 1] = d.onesided && d.inverse ? 1 : 2;
    int64_t n = d.onesided && d.inverse ? MOPT_DIM_UNKNOWN : x->dims[d.axis];
    if (mopt__infer_has(infer, 1)) {
        n = mopt__infer_ints(infer, 1, &items, &count) && count == 1 ? items[0] : MOPT_DIM_UNKNOWN;
    }
    if (axis_known) {
        dims[d.axis] = result_length(&d, infer->dims, n);
    }
    return mopt__infer_set(infer, 0, x->dtype, x->rank, dims, err);
}

#define SET MOPT_SET_FLOATS_BF

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "DFT",
     .since = 17,
     .until = 19,
     .summary = "discrete Fourier transform along an axis",
     MOPT_INPUTS({"input", "T1", SET, 0},
                 {"dft_length", "T2", MOPT_SET_INDEX, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T1", SET, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("axis", 1), MOPT_A_FLAG("inverse", 0), MOPT_A_FLAG("onesided", 0)),
     .infer = dft_infer,
     .eval = dft_eval,
     .cost = mopt__cost_output},
    {.domain = "",
     .name = "DFT",
     .since = 20,
     .summary = "discrete Fourier transform along an axis",
     MOPT_INPUTS({"input", "T1", SET, 0}, {"dft_length", "T2", MOPT_SET_INDEX, MOPT_PARAM_OPTIONAL},
                 {"axis", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T1", SET, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLAG("inverse", 0), MOPT_A_FLAG("onesided", 0)),
     .infer = dft_infer,
     .eval = dft_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_dft = {records, MOPT_COUNTOF(records)};
