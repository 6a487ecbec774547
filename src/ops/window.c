// SPDX-License-Identifier: Apache-2.0
// Sliding-window geometry of convolutions and poolings. It must not know what is computed under the
// window.
#include "ops/window.h"

#include <inttypes.h>
#include <string.h>

#include "ops/lanes.h"

// Sizes above this are refused, so that sums and products of two sizes below cannot overflow.
static const int64_t size_limit = INT64_C(1) << 48;
static const int64_t step_limit = INT32_MAX;

static enum mopt_status read_list(const struct mopt_node *node, const char *name, size_t count,
                                  int64_t low, int64_t fallback, int64_t *out, bool *found,
                                  struct mopt_error *err)
{
    const int64_t *values = NULL;
    size_t given = 0;
    enum mopt_status status = mopt__attr_ints(node, name, &values, &given, err);
    if (status != MOPT_OK) {
        return status;
    }
    *found = values != NULL && given > 0;
    if (*found && given != count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "attribute '%s' has %zu entries, must be %zu",
                              name, given, count);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = *found ? values[i] : fallback;
        if (out[i] < low || out[i] > step_limit) {
            return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %" PRId64, name,
                                  out[i]);
        }
    }
    return MOPT_OK;
}

static enum mopt_status read_auto_pad(const struct mopt_node *node, struct mopt_window *w,
                                      struct mopt_error *err)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, "auto_pad", "NOTSET", &text, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (text[0] == '\0') { // written by some exporters for "not set"
        text = "NOTSET";
    }
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        if (mopt__streq(text, names[i])) {
            w->mode = (enum mopt_auto_pad)i;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_VALUE, "attribute 'auto_pad' has the unknown value '%s'",
                          text);
}

static enum mopt_status read_kernel(const struct mopt_node *node, const int64_t *kernel,
                                    struct mopt_window *w, struct mopt_error *err)
{
    bool found = false;
    enum mopt_status status =
        read_list(node, "kernel_shape", (size_t)w->rank, 1, 1, w->kernel, &found, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!found && !kernel && w->rank > 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute 'kernel_shape' is missing");
    }
    for (int i = 0; kernel && i < w->rank; i++) {
        if (found && kernel[i] >= 0 && kernel[i] != w->kernel[i]) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "attribute 'kernel_shape' does not fit the weight on axis %d", i);
        }
        if (!found) {
            w->kernel[i] = kernel[i];
        }
        if (w->kernel[i] > step_limit) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED, "kernel of size %" PRId64, w->kernel[i]);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__window_read(const struct mopt_node *node, int rank, const int64_t *kernel,
                                   struct mopt_window *w, struct mopt_error *err)
{
    memset(w, 0, sizeof *w);
    if (rank < 0 || rank > MOPT_WINDOW_AXES) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "%d spatial axes", rank);
    }
    w->rank = rank;
    int64_t pads[2 * MOPT_WINDOW_AXES];
    bool found = false;
    enum mopt_status status = read_auto_pad(node, w, err);
    if (status == MOPT_OK) {
        status = read_kernel(node, kernel, w, err);
    }
    if (status == MOPT_OK) {
        status = read_list(node, "strides", (size_t)rank, 1, 1, w->stride, &found, err);
    }
    if (status == MOPT_OK) {
        status = read_list(node, "dilations", (size_t)rank, 1, 1, w->dilation, &found, err);
    }
    if (status == MOPT_OK) {
        status = read_list(node, "pads", 2 * (size_t)rank, 0, 0, pads, &w->explicit_pads, err);
    }
    for (int i = 0; status == MOPT_OK && i < rank; i++) {
        w->begin[i] = w->mode == MOPT_PAD_EXPLICIT ? pads[i] : 0;
        w->end[i] = w->mode == MOPT_PAD_EXPLICIT ? pads[rank + i] : 0;
    }
    return status;
}

static int64_t floor_div(int64_t a, int64_t b) // b > 0
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return -floor_div(-a, b);
}

static void resolve_same(struct mopt_window *w, int i, int64_t span)
{
    w->out[i] = ceil_div(w->in[i], w->stride[i]);
    int64_t total = (w->out[i] - 1) * w->stride[i] + span - w->in[i];
    total = total > 0 ? total : 0;
    w->begin[i] = w->mode == MOPT_PAD_SAME_LOWER ? total - total / 2 : total / 2;
    w->end[i] = total - w->begin[i];
}

static enum mopt_status resolve_axis(struct mopt_window *w, int i, struct mopt_error *err)
{
    int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (w->in[i] > size_limit || span > size_limit) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "window or input too large on axis %d", i);
    }
    if (w->mode == MOPT_PAD_SAME_UPPER || w->mode == MOPT_PAD_SAME_LOWER) {
        resolve_same(w, i, span);
        return MOPT_OK;
    }
    int64_t room = w->in[i] + w->begin[i] + w->end[i] - span;
    bool up = w->ceil && w->mode == MOPT_PAD_EXPLICIT;
    w->out[i] = (up ? ceil_div(room, w->stride[i]) : floor_div(room, w->stride[i])) + 1;
    if (up) { // a window must not start behind the input and its front padding
        int64_t most = ceil_div(w->in[i] + w->begin[i], w->stride[i]);
        w->out[i] = w->out[i] < most ? w->out[i] : most;
    }
    if (w->out[i] < 0) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "kernel of %" PRId64 " does not fit the input of %" PRId64
                              " on spatial axis %d",
                              span, w->in[i], i);
    }
    return MOPT_OK;
}

enum mopt_status mopt__window_resolve(struct mopt_window *w, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < w->rank; i++) {
        if (w->kernel[i] == 0) { // a weight without elements
            return mopt_error_set(err, MOPT_E_SHAPE, "kernel has size 0 on spatial axis %d", i);
        }
        status = resolve_axis(w, i, err);
    }
    return status;
}

static int64_t infer_axis(const struct mopt_window *w, int i, struct mopt_dims *dims)
{
    int64_t stride = mopt__dim_const(dims, w->stride[i]);
    if (w->mode == MOPT_PAD_SAME_UPPER || w->mode == MOPT_PAD_SAME_LOWER) {
        return mopt__dim_ceildiv(dims, w->in[i], stride);
    }
    int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t slack = mopt__dim_const(dims, w->begin[i] + w->end[i] - span);
    int64_t room = mopt__dim_add(dims, w->in[i], slack);
    int64_t one = mopt__dim_const(dims, 1);
    bool up = w->ceil && w->mode == MOPT_PAD_EXPLICIT;
    if (!up) {
        return mopt__dim_add(dims, mopt__dim_floordiv(dims, room, stride), one);
    }
    int64_t out = mopt__dim_add(dims, mopt__dim_ceildiv(dims, room, stride), one);
    int64_t front = mopt__dim_add(dims, w->in[i], mopt__dim_const(dims, w->begin[i]));
    return mopt__dim_min(dims, out, mopt__dim_ceildiv(dims, front, stride));
}

enum mopt_status mopt__window_infer(struct mopt_window *w, struct mopt_dims *dims,
                                    struct mopt_error *err)
{
    for (int i = 0; i < w->rank; i++) {
        if (w->kernel[i] < 0) { // not known: the weight has a symbolic size
            w->out[i] = MOPT_DIM_UNKNOWN;
            continue;
        }
        int64_t known = 0;
        if (!mopt__dim_is_known(dims, w->in[i], &known)) {
            w->out[i] = infer_axis(w, i, dims);
            continue;
        }
        int64_t kept = w->in[i];
        w->in[i] = known;
        enum mopt_status status = resolve_axis(w, i, err);
        w->in[i] = kept;
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

size_t mopt__window_count(const int64_t *sizes, int rank)
{
    return mopt__nn_product(sizes, 0, rank);
}

bool mopt__window_is_endless(const struct mopt_window *w, double per_tap)
{
    double taps = 1;
    double work = per_tap;
    for (int a = 0; a < w->rank; a++) {
        taps *= (double)w->kernel[a];
        work *= (double)w->kernel[a] * (double)w->out[a];
    }
    return taps > 1024 ? work > 0x1p28 : work > 0x1p40;
}

bool mopt__window_tap_limit(const struct mopt_window *w, size_t *count)
{
    *count = 1;
    for (int i = 0; i < w->rank; i++) {
        int64_t most = w->kernel[i] < w->in[i] ? w->kernel[i] : w->in[i];
        if (!mopt__size_mul(*count, (size_t)most, count)) {
            return false;
        }
    }
    return true;
}

enum mopt_status mopt__window_new_taps(const struct mopt_window *w, struct mopt_tap **taps,
                                       struct mopt_error *err)
{
    size_t count = 0;
    *taps = NULL;
    if (mopt__window_tap_limit(w, &count)) {
        *taps = mopt__calloc(count + 1, sizeof **taps);
    }
    return *taps ? MOPT_OK : mopt_error_memory(err);
}

// Kernel range [from, to) whose elements fall inside the input on one axis, for a window starting
// at start.
static void inside(const struct mopt_window *w, int i, int64_t start, int64_t *from, int64_t *to)
{
    int64_t first = start < 0 ? ceil_div(-start, w->dilation[i]) : 0;
    int64_t past = ceil_div(w->in[i] - start, w->dilation[i]);
    *from = first;
    *to = past < w->kernel[i] ? past : w->kernel[i];
}

size_t mopt__window_taps(const struct mopt_window *w, size_t position, struct mopt_tap *taps)
{
    int64_t start[MOPT_WINDOW_AXES] = {0};
    int64_t from[MOPT_WINDOW_AXES] = {0};
    int64_t to[MOPT_WINDOW_AXES] = {0};
    int64_t k[MOPT_WINDOW_AXES] = {0};
    for (int i = w->rank - 1; i >= 0; i--) {
        int64_t at = (int64_t)(position % (size_t)w->out[i]);
        position /= (size_t)w->out[i];
        start[i] = at * w->stride[i] - w->begin[i];
        inside(w, i, start[i], &from[i], &to[i]);
        k[i] = from[i];
        if (from[i] >= to[i]) {
            return 0;
        }
    }
    size_t count = 0;
    for (;;) {
        struct mopt_tap tap = {0, 0};
        for (int i = 0; i < w->rank; i++) {
            tap.kernel = tap.kernel * (size_t)w->kernel[i] + (size_t)k[i];
            tap.input = tap.input * (size_t)w->in[i] + (size_t)(start[i] + k[i] * w->dilation[i]);
        }
        taps[count++] = tap;
        int axis = w->rank - 1;
        while (axis >= 0 && ++k[axis] >= to[axis]) {
            k[axis] = from[axis];
            axis--;
        }
        if (axis < 0) {
            return count;
        }
    }
}

double mopt__window_padded_count(const struct mopt_window *w, size_t position)
{
    double count = 1;
    for (int i = w->rank - 1; i >= 0; i--) {
        int64_t at = (int64_t)(position % (size_t)w->out[i]);
        position /= (size_t)w->out[i];
        int64_t room = w->in[i] + w->end[i] - (at * w->stride[i] - w->begin[i]);
        int64_t most = (room + w->dilation[i] - 1) / w->dilation[i];
        count *= (double)(most < w->kernel[i] ? most : w->kernel[i]);
    }
    return count;
}

void mopt__window_gather(const struct mopt_window *w, const struct mopt_tensor *x, size_t first,
                         const struct mopt_tap *taps, size_t count, double *values)
{
    if (x->dtype == MOPT_FLOAT32) {
        const float *from = (const float *)x->data + first;
        for (size_t t = 0; t < count; t++) {
            values[t] = (double)from[taps[t].input];
        }
        return;
    }
    const size_t step = (size_t)w->dilation[w->rank - 1];
    for (size_t t = 0; t < count;) { // a run on the last axis at a time
        size_t end = t + 1;
        while (end < count && taps[end].input - taps[end - 1].input == step) {
            end++;
        }
        mopt__load_f64(x->dtype, x->data, (int64_t)(first + taps[t].input), (int64_t)step, end - t,
                       values + t);
        t = end;
    }
}
