// SPDX-License-Identifier: Apache-2.0
// DFT and STFT: Fourier transforms along an axis, and of overlapping windowed frames. The transform
// is in fft.c. DFT is computed in the precision of its type, as the reference does; in opset 17 in
// double precision, as the reference of that release did.
#include "ops/fft.h"
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

// Loads one line; a one-sided spectrum is completed by symmetry.
static void load_line(const struct dft *d, size_t outer, size_t inner, struct mopt_complex *line)
{
    bool half = d->inverse && d->onesided;
    size_t given = half ? d->n / 2 + 1 : d->n;
    for (size_t k = 0; k < d->n; k++) {
        line[k] = (struct mopt_complex){0, 0};
        if (k < given && k < d->in) {
            size_t at = ((outer * d->in + k) * d->inner + inner) * d->parts;
            line[k].re = mopt__tensor_f64(d->x, at);
            line[k].im = d->parts == 2 ? mopt__tensor_f64(d->x, at + 1) : 0;
        }
    }
    for (size_t k = given; half && k < d->n; k++) {
        line[k] = (struct mopt_complex){line[d->n - k].re, -line[d->n - k].im};
    }
    if (half) { // these two have no imaginary part in the spectrum of a real signal
        line[0].im = 0;
        line[d->n / 2].im = d->n % 2 == 0 ? 0 : line[d->n / 2].im;
    }
}

// A real line has a spectrum whose halves are conjugate; rounding must not blur the two numbers
// that are their own mirror images.
static void settle_real(const struct dft *d, struct mopt_complex *line)
{
    if (d->parts == 1) {
        line[0].im = 0;
        line[d->n / 2].im = d->n % 2 == 0 ? 0 : line[d->n / 2].im;
    }
}

static enum mopt_status dft_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct dft d;
    struct mopt_fft *fft = NULL;
    struct mopt_complex *line = NULL;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_dft(eval, &d, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, d.x->dtype, d.x->rank, d.dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__fft_new(d.n, eval->version > 17 && d.x->dtype != MOPT_FLOAT64, &fft, err);
    }
    if (status == MOPT_OK) {
        line = mopt__calloc(d.n, sizeof *line);
        status = mopt__nn_got(line, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < d.outer * d.inner; i++) {
        load_line(&d, i / d.inner, i % d.inner, line);
        mopt__fft_run(fft, line, d.inverse);
        settle_real(&d, line);
        for (size_t k = 0; k < d.out; k++) {
            size_t at = ((i / d.inner * d.out + k) * d.inner + i % d.inner) * d.out_parts;
            mopt__nn_store_at(y, at, line[k].re);
            if (d.out_parts == 2) {
                mopt__nn_store_at(y, at + 1, line[k].im);
            }
        }
        status = mopt__nn_tick(eval, err);
    }
    mopt__fft_free(fft);
    mopt__free(line);
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

// ---- STFT ------------------------------------------------------------------------------------------------------------

struct stft {
    const struct mopt_tensor *x, *window;
    size_t parts, length, frame, step, frames, bins;
};

static enum mopt_status open_stft(const struct mopt_eval *eval, struct stft *s,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *in[4] = {NULL};
    int64_t onesided = 1;
    int64_t step = 0;
    enum mopt_status status = mopt__open(eval, in, 4, err);
    s->x = in[0];
    s->window = in[2];
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "onesided", 1, &onesided, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "signal", 2, 3, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[2], "window", 1, 1, err);
    }
    if (status == MOPT_OK) {
        status = mopt__scalar_i64(in[1], "frame_step", &step, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t frame = in[2] ? in[2]->dims[0] : in[0]->dims[1];
    if (in[3]) {
        status = mopt__scalar_i64(in[3], "frame_length", &frame, err);
    }
    if (status == MOPT_OK && in[2] && in[2]->dims[0] != frame) {
        return mopt_error_set(err, MOPT_E_SHAPE, "window of %lld for frames of %lld",
                              (long long)in[2]->dims[0], (long long)frame);
    }
    if (status == MOPT_OK && (step < 1 || frame < 1 || frame > in[0]->dims[1])) {
        return mopt_error_set(err, MOPT_E_VALUE, "frames of %lld with step %lld in %lld samples",
                              (long long)frame, (long long)step, (long long)in[0]->dims[1]);
    }
    s->length = (size_t)in[0]->dims[1];
    s->parts = in[0]->rank == 3 ? (size_t)in[0]->dims[2] : 1;
    if (status == MOPT_OK && (s->parts < 1 || s->parts > 2)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "signal must have 1 or 2 parts, has %zu",
                              s->parts);
    }
    s->frame = (size_t)frame;
    s->step = (size_t)step;
    s->frames = status == MOPT_OK ? 1 + (s->length - s->frame) / s->step : 0;
    s->bins = onesided != 0 ? s->frame / 2 + 1 : s->frame;
    return status;
}

static void load_frame(const struct stft *s, size_t batch, size_t f, struct mopt_complex *line)
{
    for (size_t k = 0; k < s->frame; k++) {
        size_t at = (batch * s->length + f * s->step + k) * s->parts;
        double weight = s->window ? mopt__tensor_f64(s->window, k) : 1;
        line[k].re = mopt__tensor_f64(s->x, at) * weight;
        line[k].im = s->parts == 2 ? mopt__tensor_f64(s->x, at + 1) * weight : 0;
    }
}

static enum mopt_status stft_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct stft s = {NULL, NULL, 1, 0, 0, 1, 0, 0};
    struct mopt_fft *fft = NULL;
    struct mopt_complex *line = NULL;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_stft(eval, &s, err);
    if (status == MOPT_OK) {
        int64_t dims[4] = {s.x->dims[0], (int64_t)s.frames, (int64_t)s.bins, 2};
        status = mopt__eval_output(eval, 0, s.x->dtype, 4, dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__fft_new(s.frame, false, &fft, err);
    }
    if (status == MOPT_OK) {
        line = mopt__calloc(s.frame, sizeof *line);
        status = mopt__nn_got(line, err);
    }
    size_t total = status == MOPT_OK ? (size_t)s.x->dims[0] * s.frames : 0;
    for (size_t i = 0; status == MOPT_OK && i < total; i++) {
        load_frame(&s, i / s.frames, i % s.frames, line);
        mopt__fft_run(fft, line, false);
        for (size_t k = 0; k < s.bins; k++) {
            mopt__nn_store_at(y, (i * s.bins + k) * 2, line[k].re);
            mopt__nn_store_at(y, (i * s.bins + k) * 2 + 1, line[k].im);
        }
        status = mopt__nn_tick(eval, err);
    }
    mopt__fft_free(fft);
    mopt__free(line);
    return status;
}

static enum mopt_status stft_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *window = mopt__infer_tensor(infer, 2);
    const int64_t *items = NULL;
    size_t count = 0;
    struct mopt_dims *table = infer->dims;
    int64_t step = MOPT_DIM_UNKNOWN;
    int64_t frame = MOPT_DIM_UNKNOWN;
    bool known = x && x->rank >= 2;
    if (mopt__infer_ints(infer, 1, &items, &count) && count == 1) {
        step = items[0];
    }
    if (mopt__infer_has(infer, 3)) {
        frame = mopt__infer_ints(infer, 3, &items, &count) && count == 1 ? items[0] : frame;
    } else if (mopt__infer_has(infer, 2)) {
        frame = window && window->rank == 1 ? window->dims[0] : frame;
    } else if (known) {
        frame = x->dims[1];
    }
    int64_t dims[4] = {known ? x->dims[0] : MOPT_DIM_UNKNOWN, MOPT_DIM_UNKNOWN, frame, 2};
    int64_t one = mopt__dim_const(table, 1);
    if (known) {
        int64_t room = mopt__dim_sub(table, x->dims[1], frame);
        dims[1] = mopt__dim_add(table, mopt__dim_floordiv(table, room, step), one);
    }
    if (mopt__int_of(infer->node, "onesided", 1) != 0) {
        dims[2] =
            mopt__dim_add(table, mopt__dim_floordiv(table, frame, mopt__dim_const(table, 2)), one);
    }
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 4, dims, err);
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
    {.domain = "",
     .name = "STFT",
     .since = 17,
     .summary = "Fourier transforms of overlapping frames",
     MOPT_INPUTS({"signal", "T1", SET, 0}, {"frame_step", "T2", MOPT_SET_INDEX, 0},
                 {"window", "T1", SET, MOPT_PARAM_OPTIONAL},
                 {"frame_length", "T2", MOPT_SET_INDEX, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T1", SET, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLAG("onesided", 1)),
     .infer = stft_infer,
     .eval = stft_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_dft = {records, MOPT_COUNTOF(records)};
