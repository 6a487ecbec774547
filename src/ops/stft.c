// SPDX-License-Identifier: Apache-2.0
// STFT: Fourier transforms of overlapping windowed frames, in double precision. The transforms are
// in fft_lines.c.
#include "base/alloc.h"
#include "ops/fft_lines.h"
#include "ops/nn_util.h"

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

static enum mopt_status stft_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct stft s = {NULL, NULL, 1, 0, 0, 1, 0, 0};
    struct mopt_tensor *y = NULL;
    double *window = NULL;
    enum mopt_status status = open_stft(eval, &s, err);
    if (status == MOPT_OK) {
        int64_t dims[4] = {s.x->dims[0], (int64_t)s.frames, (int64_t)s.bins, 2};
        status = mopt__eval_output(eval, 0, s.x->dtype, 4, dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(s.window, &window, err);
    }
    if (status == MOPT_OK) {
        const struct mopt_fft_lines lines = {
            .x = s.x,
            .window = window,
            .parts = s.parts,
            .in = {.outer = s.length * s.parts, .inner = s.step * s.parts, .point = s.parts},
            .y = y,
            .y_parts = 2,
            .out = {.outer = s.frames * s.bins * 2, .inner = s.bins * 2, .point = 2},
            .outer = (size_t)s.x->dims[0],
            .inner = s.frames,
            .n = s.frame,
            .given = s.frame,
            .bins = s.bins,
        };
        status = mopt__fft_lines(eval, &lines, err);
    }
    mopt__free(window);
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
const struct mopt_op_family mopt__ops_stft = {records, MOPT_COUNTOF(records)};
