// SPDX-License-Identifier: Apache-2.0
// MaxPool, AveragePool and LpPool: one number per window, for any number of spatial axes.
#include <math.h>

#include "kernels/kernels.h"
#include "ops/window.h"

enum kind { KIND_MAX, KIND_AVERAGE, KIND_LP };

struct pooling {
    enum kind kind;
    struct mopt_window w;
    int rank;
    int64_t dims[MOPT_RANK_MAX]; // of the output
    size_t planes, in, out;      // images * channels, elements of one plane
    bool padded;                 // count_include_pad
    bool column_major;           // storage_order 1
    double p;                    // exponent of LpPool
};

static enum mopt_status read_flag(const struct mopt_node *node, const char *name, bool *flag,
                                  struct mopt_error *err)
{
    int64_t value = 0;
    enum mopt_status status = mopt__attr_int(node, name, 0, &value, err);
    if (status == MOPT_OK && value != 0 && value != 1) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)value);
    }
    *flag = value == 1;
    return status;
}

static enum mopt_status read_power(const struct mopt_node *node, int64_t version, double *p,
                                   struct mopt_error *err)
{
    float real = 2;
    int64_t whole = 2;
    enum mopt_status status = version < 2 ? mopt__attr_float(node, "p", 2, &real, err)
                                          : mopt__attr_int(node, "p", 2, &whole, err);
    *p = version < 2 ? (double)real : (double)whole;
    if (status == MOPT_OK && !(*p > 0)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'p' must be positive");
    }
    return status;
}

// Attributes of all three; each record's schema says which of them a node may have.
static enum mopt_status read_attributes(const struct mopt_node *node, int64_t version, int spatial,
                                        struct pooling *p, struct mopt_error *err)
{
    p->kind = (enum kind)(*(const int *)node->op->data);
    enum mopt_status status = mopt__window_read(node, spatial, NULL, &p->w, err);
    if (status == MOPT_OK) {
        status = read_flag(node, "ceil_mode", &p->w.ceil, err);
    }
    if (status == MOPT_OK && p->kind == KIND_AVERAGE) {
        status = read_flag(node, "count_include_pad", &p->padded, err);
    }
    if (status == MOPT_OK && p->kind == KIND_MAX) {
        status = read_flag(node, "storage_order", &p->column_major, err);
    }
    if (status == MOPT_OK && p->kind == KIND_LP) {
        status = read_power(node, version, &p->p, err);
    }
    return status;
}

static enum mopt_status open_pooling(const struct mopt_node *node, int64_t version, int rank,
                                     const int64_t *x, struct pooling *p, struct mopt_error *err)
{
    *p = (struct pooling){.rank = rank};
    if (rank < 3) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3 or more", rank);
    }
    enum mopt_status status = read_attributes(node, version, rank - 2, p, err);
    for (int i = 0; status == MOPT_OK && i < rank - 2; i++) {
        p->w.in[i] = x[2 + i];
    }
    if (status == MOPT_OK) {
        status = mopt__window_resolve(&p->w, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < rank; i++) {
        p->dims[i] = i < 2 ? x[i] : p->w.out[i - 2];
    }
    p->planes = mopt__nn_product(x, 0, 2);
    p->in = mopt__window_count(p->w.in, p->w.rank);
    p->out = mopt__window_count(p->w.out, p->w.rank);
    return MOPT_OK;
}

static double average(const double *values, size_t count, double divisor)
{
    double sum = 0;
    for (size_t t = 0; t < count; t++) {
        sum += values[t];
    }
    return divisor > 0 ? sum / divisor : 0;
}

static double norm(const double *values, size_t count, double p)
{
    double sum = 0;
    for (size_t t = 0; t < count; t++) {
        sum += pow(fabs(values[t]), p);
    }
    return pow(sum, 1 / p);
}

// Tap with the largest element (the first of equals; NaN wins); count must not be 0.
static size_t largest(const double *values, size_t count)
{
    size_t best = 0;
    for (size_t t = 1; t < count && !isnan(values[best]); t++) {
        if (values[t] > values[best] || isnan(values[t])) {
            best = t;
        }
    }
    return best;
}

static int64_t column_major(const struct mopt_window *w, size_t offset)
{
    int64_t index = 0;
    int64_t coordinate[MOPT_WINDOW_AXES] = {0};
    for (int i = w->rank - 1; i >= 0; i--) {
        coordinate[i] = (int64_t)(offset % (size_t)w->in[i]);
        offset /= (size_t)w->in[i];
    }
    for (int i = w->rank - 1; i >= 0; i--) {
        index = index * w->in[i] + coordinate[i];
    }
    return index;
}

// What the positions of one call share.
struct walk {
    const struct pooling *p;
    const struct mopt_tensor *x;
    struct mopt_tensor *y;
    int64_t *indices; // NULL: not asked for
    struct mopt_tap *taps;
    double *values; // under the taps
};

static void store_max(const struct walk *k, size_t plane, size_t count, size_t at)
{
    if (count == 0) { // a window over padding only
        mopt__nn_store_at(k->y, at, -INFINITY);
        if (k->indices) {
            k->indices[at] = -1;
        }
        return;
    }
    size_t best = largest(k->values, count);
    mopt__nn_store_at(k->y, at, k->values[best]);
    if (k->indices) {
        size_t offset = k->taps[best].input;
        int64_t inner = k->p->column_major ? column_major(&k->p->w, offset) : (int64_t)offset;
        k->indices[at] = (int64_t)plane + inner;
    }
}

static void pool_at(const struct walk *k, size_t position, size_t count)
{
    const struct pooling *p = k->p;
    double divisor = p->padded ? mopt__window_padded_count(&p->w, position) : (double)count;
    for (size_t i = 0; i < p->planes; i++) {
        size_t at = i * p->out + position;
        mopt__window_gather(&p->w, k->x, i * p->in, k->taps, count, k->values);
        if (p->kind == KIND_MAX) {
            store_max(k, i * p->in, count, at);
        } else if (p->kind == KIND_AVERAGE) {
            mopt__nn_store_at(k->y, at, average(k->values, count, divisor));
        } else {
            mopt__nn_store_at(k->y, at, norm(k->values, count, p->p));
        }
    }
}

// All positions, one after the other.
static enum mopt_status pool_positions(const struct mopt_eval *eval, struct walk *k,
                                       struct mopt_error *err)
{
    const struct pooling *p = k->p;
    size_t limit = 0;
    enum mopt_status status = mopt__window_new_taps(&p->w, &k->taps, err);
    if (status == MOPT_OK) {
        (void)mopt__window_tap_limit(&p->w, &limit);
        k->values = mopt__nn_zeros(limit, err);
        status = mopt__nn_got(k->values, err);
    }
    for (size_t at = 0; status == MOPT_OK && p->planes > 0 && at < p->out; at++) {
        pool_at(k, at, mopt__window_taps(&p->w, at, k->taps));
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(k->values);
    mopt__free(k->taps);
    return status;
}

// Places inside a plane, from mopt__window_max, to what the node tells of them.
static void finish_indices(const struct pooling *p, int64_t *indices)
{
    for (size_t i = 0; indices && i < p->planes * p->out; i++) {
        if (indices[i] >= 0) {
            int64_t inner = p->column_major ? column_major(&p->w, (size_t)indices[i]) : indices[i];
            indices[i] = (int64_t)(i / p->out * p->in) + inner;
        }
    }
}

static enum mopt_status pool_maxima(struct mopt_eval *eval, const struct pooling *p,
                                    const struct mopt_tensor *x, struct mopt_tensor *y,
                                    int64_t *indices, struct mopt_error *err)
{
    enum mopt_status status = mopt__window_max(&p->w, x->dtype, p->planes, x->data,
                                               mopt__tensor_data(y), indices, eval->budget, err);
    if (status == MOPT_OK) {
        finish_indices(p, indices);
    }
    return status;
}

static enum mopt_status pool_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    struct pooling p = {.rank = 0};
    struct mopt_tensor *y = NULL;
    struct mopt_tensor *indices = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = open_pooling(eval->node, eval->version, x->rank, x->dims, &p, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, x->dtype, p.rank, p.dims, &y, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, MOPT_INT64, p.rank, p.dims, &indices, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (p.kind == KIND_MAX && mopt__window_max_fits(&p.w, x->dtype, p.planes, indices != NULL)) {
        return pool_maxima(eval, &p, x, y, indices ? mopt__tensor_data(indices) : NULL, err);
    }
    struct walk k = {.p = &p,
                     .x = x,
                     .y = y,
                     .indices = indices ? mopt__tensor_data(indices) : NULL};
    return pool_positions(eval, &k, err);
}

// ---- Bound form ------------------------------------------------------------------------------------------------------

static void kernel_shape(const struct pooling *p, struct mopt_conv_shape *s, int64_t end[3])
{
    int shift = 3 - p->w.rank;
    *s = (struct mopt_conv_shape){.batch = (int64_t)p->planes};
    for (int i = 0; i < 3; i++) {
        int from = i - shift;
        s->in[i] = from < 0 ? 1 : p->w.in[from];
        s->out[i] = from < 0 ? 1 : p->w.out[from];
        s->kernel[i] = from < 0 ? 1 : p->w.kernel[from];
        s->stride[i] = from < 0 ? 1 : p->w.stride[from];
        s->dilation[i] = from < 0 ? 1 : p->w.dilation[from];
        s->begin[i] = from < 0 ? 0 : p->w.begin[from];
        end[i] = from < 0 ? 0 : p->w.end[from];
    }
}

static enum mopt_status pool_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    struct pooling p;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_pooling(eval->node, eval->version, x->rank, x->dims, &p, err);
    if (status == MOPT_OK && mopt__window_is_endless(&p.w, (double)p.planes)) {
        return pool_eval(eval, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, p.rank, p.dims, &y, err);
    }
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    struct mopt_conv_shape shape;
    int64_t end[3];
    kernel_shape(&p, &shape, end);
    enum mopt_pool_kind kind = p.kind == KIND_MAX ? MOPT_POOL_MAX
                               : p.padded         ? MOPT_POOL_AVERAGE_PADDED
                                                  : MOPT_POOL_AVERAGE;
    mopt__pool_f32(&shape, end, kind, x->data, mopt__nn_f32(y), eval->pool);
    return MOPT_OK;
}

static enum mopt_status pool_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    const struct mopt_node *node = bind->node;
    bool indices = node->output_count > 1 && node->outputs[1];
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) && bind->inputs[0].type->rank <= 5 && !indices &&
        *(const int *)node->op->data != KIND_LP) {
        bind->run = pool_run;
    }
    return MOPT_OK;
}

static enum mopt_status pool_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (!x || x->rank < 0) {
        enum mopt_status status = mopt__infer_set(infer, 0, dtype, -1, NULL, err);
        return status == MOPT_OK ? mopt__infer_set(infer, 1, MOPT_INT64, -1, NULL, err) : status;
    }
    if (x->rank < 3) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3 or more", x->rank);
    }
    struct pooling p = {.rank = x->rank};
    enum mopt_status status = read_attributes(infer->node, infer->version, x->rank - 2, &p, err);
    for (int i = 0; status == MOPT_OK && i < x->rank - 2; i++) {
        p.w.in[i] = x->dims[2 + i];
    }
    if (status == MOPT_OK) {
        status = mopt__window_infer(&p.w, infer->dims, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < x->rank; i++) {
        p.dims[i] = i < 2 ? x->dims[i] : p.w.out[i - 2];
    }
    status = mopt__infer_set(infer, 0, dtype, x->rank, p.dims, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 1, MOPT_INT64, x->rank, p.dims, err) : status;
}

static const int kind_max = KIND_MAX;
static const int kind_average = KIND_AVERAGE;
static const int kind_lp = KIND_LP;
static const struct mopt_quant_spec quant = {.activations = 1,
                                             .weight_axis = 0,
                                             .bias_input = -1,
                                             .share_parameters = true,
                                             .integer_kernel = true};

#define WINDOW                                                                       \
    MOPT_A_STRING("auto_pad", "NOTSET", NULL), MOPT_A_INTS_REQUIRED("kernel_shape"), \
        MOPT_A_INTS("pads"), MOPT_A_INTS("strides")
#define CEIL MOPT_A_FLAG("ceil_mode", 0)
#define DILATE MOPT_A_INTS("dilations")
#define INCLUDE MOPT_A_FLAG("count_include_pad", 0)
#define ORDER MOPT_A_FLAG("storage_order", 0)
#define RUN .infer = pool_infer, .eval = pool_eval, .bind = pool_bind, .cost = mopt__cost_output

#define MAX_POOL(from, to, set, ...)                                                           \
    {                                                                                          \
        .domain = "", .name = "MaxPool", .since = from, .until = to,                           \
        .summary = "largest element of each window", MOPT_INPUTS({"X", "T", set, 0}),          \
        MOPT_OUTPUTS({"Y", "T", set, 0}, {"Indices", "I", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}), \
        MOPT_ATTRIBUTES(WINDOW, __VA_ARGS__), .quant = &quant, .data = &kind_max, RUN          \
    }
#define AVERAGE_POOL(from, to, set, ...)                                                         \
    {                                                                                            \
        .domain = "", .name = "AveragePool", .since = from, .until = to,                         \
        .summary = "mean of each window", MOPT_INPUTS({"X", "T", set, 0}),                       \
        MOPT_OUTPUTS({"Y", "T", set, 0}), MOPT_ATTRIBUTES(WINDOW, __VA_ARGS__), .quant = &quant, \
        .data = &kind_average, RUN                                                               \
    }
#define LP_POOL(from, to, set, ...)                                                               \
    {                                                                                             \
        .domain = "", .name = "LpPool", .since = from, .until = to,                               \
        .summary = "p-norm of each window", MOPT_INPUTS({"X", "T", set, 0}),                      \
        MOPT_OUTPUTS({"Y", "T", set, 0}), MOPT_ATTRIBUTES(WINDOW, __VA_ARGS__), .data = &kind_lp, \
        RUN                                                                                       \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "MaxPool",
     .since = 1,
     .until = 7,
     .summary = "largest element of each window",
     MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS, 0}),
     MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS, 0}),
     MOPT_ATTRIBUTES(WINDOW),
     .quant = &quant,
     .data = &kind_max,
     RUN},
    MAX_POOL(8, 9, MOPT_SET_FLOATS, ORDER),
    MAX_POOL(10, 11, MOPT_SET_FLOATS, ORDER, CEIL, DILATE),
    MAX_POOL(12, 21, MOPT_SET_FLOATS | MOPT_SET_INT8, ORDER, CEIL, DILATE),
    MAX_POOL(22, 0, MOPT_SET_FLOATS_BF | MOPT_SET_INT8, ORDER, CEIL, DILATE),
    AVERAGE_POOL(1, 6, MOPT_SET_FLOATS, ),
    AVERAGE_POOL(7, 9, MOPT_SET_FLOATS, INCLUDE),
    AVERAGE_POOL(10, 18, MOPT_SET_FLOATS, INCLUDE, CEIL),
    AVERAGE_POOL(19, 21, MOPT_SET_FLOATS, INCLUDE, CEIL, DILATE),
    AVERAGE_POOL(22, 0, MOPT_SET_FLOATS_BF, INCLUDE, CEIL, DILATE),
    LP_POOL(1, 1, MOPT_SET_FLOATS, MOPT_A_FLOAT("p", 2)),
    LP_POOL(2, 17, MOPT_SET_FLOATS, MOPT_A_INT("p", 2)),
    LP_POOL(18, 21, MOPT_SET_FLOATS, MOPT_A_INT("p", 2), CEIL, DILATE),
    LP_POOL(22, 0, MOPT_SET_FLOATS_BF, MOPT_A_INT("p", 2), CEIL, DILATE),
};
const struct mopt_op_family mopt__ops_pool_window = {records, MOPT_COUNTOF(records)};
