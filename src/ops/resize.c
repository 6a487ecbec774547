// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample: resampling along each axis in turn. The weights are made in resize_axis.c.
#include <math.h>
#include <string.h>

#include "ops/nn_util.h"
#include "ops/resize.h"

// ---- Attributes ------------------------------------------------------------------------------------------------------

// Index of the attribute's text in a list that ends with NULL.
static enum mopt_status read_choice(const struct mopt_node *node, const char *name,
                                    const char *fallback, const char *const *names, int *out,
                                    struct mopt_error *err)
{
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, name, fallback, &text, err);
    for (int i = 0; status == MOPT_OK && names[i]; i++) {
        if (mopt__streq(text, names[i])) {
            *out = i;
            return MOPT_OK;
        }
    }
    return status != MOPT_OK
               ? status
               : mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the unknown value '%s'",
                                name, text);
}

static enum mopt_status read_mode(const struct mopt_node *node, struct mopt_resize_rule *rule,
                                  struct mopt_error *err)
{
    static const char *const names[] = {"nearest", "linear", "cubic", "bilinear", NULL};
    int mode = 0;
    enum mopt_status status = read_choice(node, "mode", "nearest", names, &mode, err);
    rule->mode = mode == 3 ? MOPT_RESIZE_LINEAR : (enum mopt_resize_mode)mode;
    return status;
}

static enum mopt_status read_rule(const struct mopt_node *node, struct mopt_resize *r,
                                  struct mopt_error *err)
{
    static const char *const coordinates[] = {"half_pixel",         "half_pixel_symmetric",
                                              "pytorch_half_pixel", "align_corners",
                                              "asymmetric",         "tf_half_pixel_for_nn",
                                              "tf_crop_and_resize", NULL};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                           "ceil", NULL};
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
    int choice[3] = {0, 0, 0};
    enum mopt_status status = read_choice(node, "coordinate_transformation_mode", "half_pixel",
                                          coordinates, &choice[0], err);
    if (status == MOPT_OK) {
        status = read_choice(node, "nearest_mode", "round_prefer_floor", rounding, &choice[1], err);
    }
    if (status == MOPT_OK) {
        status =
            read_choice(node, "keep_aspect_ratio_policy", "stretch", policies, &choice[2], err);
    }
    r->rule.coordinates = (enum mopt_resize_coordinates)choice[0];
    r->rule.rounding = (enum mopt_resize_rounding)choice[1];
    r->policy = (enum mopt_resize_policy)choice[2];
    return status;
}

static enum mopt_status read_attributes(const struct mopt_node *node, int64_t version,
                                        struct mopt_resize *r, struct mopt_error *err)
{
    float a = 0;
    float value = 0;
    int64_t exclude = 0;
    int64_t antialias = 0;
    enum mopt_status status = read_mode(node, &r->rule, err);
    if (status != MOPT_OK || version < 11 || mopt__streq(node->op_type, "Upsample")) {
        r->rule.coordinates = MOPT_RESIZE_ASYMMETRIC;
        r->rule.rounding = MOPT_RESIZE_SIMPLE;
        return status;
    }
    status = read_rule(node, r, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "cubic_coeff_a", -0.75F, &a, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "extrapolation_value", 0, &value, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "exclude_outside", 0, &exclude, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "antialias", 0, &antialias, err);
    }
    r->rule.cubic_a = (double)a;
    r->extrapolation = (double)value;
    r->rule.exclude_outside = exclude != 0;
    r->rule.antialias = antialias != 0 && r->rule.mode != MOPT_RESIZE_NEAREST;
    return status;
}

// ---- Sizes -----------------------------------------------------------------------------------------------------------

// What the inputs (or attributes) of any version say.
struct request {
    int64_t *axes;                                  // heap; normalised axis numbers
    size_t count;                                   // of axes
    const struct mopt_tensor *scales, *sizes, *roi; // NULL or empty: not given
    float fixed[4];                                 // scales of Upsample-1
    const float *list;                              // scales given by attribute
    size_t list_count;
};

static double scale_at(const struct request *q, size_t i)
{
    return q->list ? (double)q->list[i] : mopt__tensor_f64(q->scales, i);
}

static enum mopt_status open_axes(const struct mopt_node *node, int rank, struct request *q,
                                  struct mopt_error *err)
{
    const int64_t *axes = NULL;
    size_t count = 0;
    bool seen[MOPT_RANK_MAX] = {false};
    enum mopt_status status = mopt__attr_ints(node, "axes", &axes, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    q->count = axes ? count : (size_t)rank;
    q->axes = mopt__calloc(q->count + 1, sizeof *q->axes);
    if (!q->axes) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < q->count; i++) {
        int axis = 0;
        status = mopt__axis_normalise(axes ? axes[i] : (int64_t)i, rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        if (seen[axis]) {
            return mopt_error_set(err, MOPT_E_VALUE, "attribute 'axes' repeats axis %d", axis);
        }
        seen[axis] = true;
        q->axes[i] = axis;
    }
    return MOPT_OK;
}

// Collects scales, sizes and roi of Upsample 1, 7, 9 and Resize 10, 11 and later.
static enum mopt_status open_request(const struct mopt_node *node, int64_t version, int rank,
                                     const struct mopt_tensor *const *in, struct request *q,
                                     struct mopt_error *err)
{
    bool upsample = mopt__streq(node->op_type, "Upsample");
    enum mopt_status status = MOPT_OK;
    if (upsample && version < 7) {
        q->fixed[0] = 1;
        q->fixed[1] = 1;
        status = mopt__attr_float(node, "height_scale", 1, &q->fixed[2], err);
        if (status == MOPT_OK) {
            status = mopt__attr_float(node, "width_scale", 1, &q->fixed[3], err);
        }
        q->list = q->fixed;
        q->list_count = 4;
    } else if (upsample && version < 9) {
        status = mopt__attr_floats(node, "scales", &q->list, &q->list_count, err);
    } else if (upsample || version < 11) {
        q->scales = in[1];
    } else {
        q->roi = in[1] && in[1]->count > 0 ? in[1] : NULL;
        q->scales = in[2] && in[2]->count > 0 ? in[2] : NULL;
        q->sizes = in[3] && in[3]->count > 0 ? in[3] : NULL;
    }
    return status == MOPT_OK ? open_axes(node, rank, q, err) : status;
}

static enum mopt_status check_request(const struct request *q, const struct mopt_resize *r,
                                      struct mopt_error *err)
{
    bool scales = q->list || q->scales;
    if (scales == (q->sizes != NULL) && (scales || q->count > 0)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "exactly one of scales and sizes must be given");
    }
    size_t given = q->list ? q->list_count : scales ? q->scales->count : q->count;
    if (q->sizes) {
        given = q->sizes->count;
    }
    if (given != q->count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu scales or sizes for %zu axes", given,
                              q->count);
    }
    bool crop = r->rule.coordinates == MOPT_RESIZE_TF_CROP;
    if (crop && (!q->roi || q->roi->count != 2 * q->count)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'roi' must have %zu elements",
                              2 * q->count);
    }
    return MOPT_OK;
}

static enum mopt_status size_by_scale(struct mopt_resize_axis *axis, double scale,
                                      struct mopt_error *err)
{
    float out = (float)axis->in * (float)scale; // the format computes this in single precision
    if (!(scale > 0) || !isfinite(scale) || !(out < 1e15F)) {
        return mopt_error_set(err, MOPT_E_VALUE, "scale %g is not usable", scale);
    }
    axis->scale = scale;
    axis->out = (int64_t)floorf(out);
    return MOPT_OK;
}

// Sizes under a policy that keeps the aspect ratio: one scale for all axes.
static void keep_ratio(struct mopt_resize *r, const struct request *q)
{
    double best = 0;
    for (size_t i = 0; i < q->count; i++) {
        double scale = r->axes[q->axes[i]].scale;
        bool better = r->policy == MOPT_RESIZE_NOT_LARGER ? scale < best : scale > best;
        best = i == 0 || better ? scale : best;
    }
    for (size_t i = 0; i < q->count; i++) {
        struct mopt_resize_axis *axis = &r->axes[q->axes[i]];
        axis->scale = best;
        axis->out = (int64_t)floor(best * (double)axis->in + 0.5);
    }
}

static enum mopt_status set_sizes(struct mopt_resize *r, int rank, const int64_t *x,
                                  const struct request *q, struct mopt_error *err)
{
    r->rank = rank;
    for (int i = 0; i < rank; i++) {
        r->axes[i] = (struct mopt_resize_axis){.in = x[i], .out = x[i], .scale = 1, .roi_end = 1};
    }
    for (size_t i = 0; i < q->count; i++) {
        struct mopt_resize_axis *axis = &r->axes[q->axes[i]];
        enum mopt_status status = MOPT_OK;
        if (q->sizes) {
            axis->out = mopt__tensor_i64_at(q->sizes, i);
            axis->scale = axis->in > 0 ? (double)axis->out / (double)axis->in : 1;
        } else {
            status = size_by_scale(axis, scale_at(q, i), err);
        }
        if (status == MOPT_OK && (axis->out < 0 || (axis->in == 0 && axis->out > 0))) {
            status = mopt_error_set(err, MOPT_E_VALUE, "axis of size %lld resized to %lld",
                                    (long long)axis->in, (long long)axis->out);
        }
        if (status != MOPT_OK) {
            return status;
        }
        if (q->roi && r->rule.coordinates == MOPT_RESIZE_TF_CROP) {
            axis->roi_begin = mopt__tensor_f64(q->roi, i);
            axis->roi_end = mopt__tensor_f64(q->roi, q->count + i);
        }
    }
    if (q->sizes && r->policy != MOPT_RESIZE_STRETCH) {
        keep_ratio(r, q);
    }
    for (int i = 0; i < r->rank; i++) {
        r->dims[i] = r->axes[i].out;
    }
    return MOPT_OK;
}

bool mopt__resize_is_identity(const struct mopt_resize_axis *axis)
{
    return axis->in == axis->out && axis->scale == 1 && axis->roi_begin == 0 && axis->roi_end == 1;
}

enum mopt_status mopt__resize_open(const struct mopt_node *node, int64_t version, int rank,
                                   const int64_t *x, const struct mopt_tensor *const in[4],
                                   struct mopt_resize *r, struct mopt_error *err)
{
    struct request q = {.axes = NULL};
    *r = (struct mopt_resize){.rank = 0};
    enum mopt_status status = read_attributes(node, version, r, err);
    if (status == MOPT_OK) {
        status = open_request(node, version, rank, in, &q, err);
    }
    if (status == MOPT_OK) {
        status = check_request(&q, r, err);
    }
    if (status == MOPT_OK) {
        status = set_sizes(r, rank, x, &q, err);
    }
    mopt__free(q.axes);
    return status;
}

enum mopt_status mopt__resize_build(struct mopt_resize *r, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < r->rank; i++) {
        if (!mopt__resize_is_identity(&r->axes[i])) {
            status = mopt__resize_axis_build(&r->axes[i], &r->rule, err);
        }
    }
    return status;
}

void mopt__resize_release(struct mopt_resize *r)
{
    for (int i = 0; i < r->rank; i++) {
        mopt__resize_axis_release(&r->axes[i]);
    }
}

// ---- Evaluation --------------------------------------------------------------------------------------------------------

static enum mopt_status run_resize(struct mopt_eval *eval, struct mopt_resize *r,
                                   const struct mopt_tensor *x, struct mopt_error *err)
{
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__eval_output(eval, 0, x->dtype, r->rank, r->dims, &y, err);
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    status = mopt__resize_build(r, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (r->rule.mode == MOPT_RESIZE_NEAREST && r->rank > 0) {
        return mopt__resample_nearest(r, x, y, eval->pool, err);
    }
    if (!(MOPT_SET_NUMBERS_BF & MOPT_DT(x->dtype)) && x->dtype != MOPT_BOOL) {
        return mopt__eval_unsupported(eval, "interpolation", err);
    }
    return mopt__resample(r, x, y, eval->pool, err);
}

static enum mopt_status resize_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[4] = {NULL};
    struct mopt_resize r;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__resize_open(eval->node, eval->version, in[0]->rank, in[0]->dims, in, &r, err);
    if (status == MOPT_OK) {
        status = run_resize(eval, &r, in[0], err);
    }
    mopt__resize_release(&r);
    return status;
}

// ---- Inference -------------------------------------------------------------------------------------------------------

// floor(dim * scale) for a symbolic dim, where it is a whole multiple or fraction.
static int64_t scaled_dim(struct mopt_dims *dims, int64_t dim, double scale)
{
    int64_t known = 0;
    if (mopt__dim_is_known(dims, dim, &known)) {
        float out = floorf((float)known * (float)scale);
        return out >= 0 && out < 1e15F ? (int64_t)out : MOPT_DIM_UNKNOWN;
    }
    double inverse = 1 / scale;
    if (scale == floor(scale) && scale >= 1 && scale < 1e9) {
        return mopt__dim_mul(dims, dim, mopt__dim_const(dims, (int64_t)scale));
    }
    if (inverse == floor(inverse) && inverse >= 1 && inverse < 1e9) {
        return mopt__dim_floordiv(dims, dim, mopt__dim_const(dims, (int64_t)inverse));
    }
    return MOPT_DIM_UNKNOWN;
}

struct known_request {
    bool stretch;
    const int64_t *sizes; // dim numbers or NULL
    const struct mopt_tensor *scales;
    const float *list;
    float fixed[4];
    size_t count;
};

static void known_inputs(const struct mopt_infer *infer, struct known_request *k)
{
    const struct mopt_node *node = infer->node;
    struct mopt_error ignored = {MOPT_OK, -1, ""};
    bool upsample = mopt__streq(node->op_type, "Upsample");
    const char *policy = mopt__string_of(node, "keep_aspect_ratio_policy", "stretch");
    k->stretch = mopt__streq(policy, "stretch");
    if (upsample && infer->version < 7) {
        k->fixed[0] = 1;
        k->fixed[1] = 1;
        mopt__attr_float(node, "height_scale", 1, &k->fixed[2], &ignored);
        mopt__attr_float(node, "width_scale", 1, &k->fixed[3], &ignored);
        k->list = k->fixed;
        k->count = 4;
        return;
    }
    if (upsample && infer->version < 9) {
        mopt__attr_floats(node, "scales", &k->list, &k->count, &ignored);
        return;
    }
    uint32_t scales = upsample || infer->version < 11 ? 1 : 2;
    if (mopt__infer_has(infer, scales) && infer->inputs[scales].constant &&
        infer->inputs[scales].constant->count > 0) {
        k->scales = infer->inputs[scales].constant;
        k->count = k->scales->count;
    } else if (scales == 2 && mopt__infer_has(infer, 3)) {
        mopt__infer_ints(infer, 3, &k->sizes, &k->count);
    }
}

static enum mopt_status resize_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    if (!x || x->rank < 0) {
        return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), -1, NULL, err);
    }
    struct known_request k = {.stretch = false};
    struct request q = {.axes = NULL};
    int64_t dims[MOPT_RANK_MAX];
    known_inputs(infer, &k);
    enum mopt_status status = open_axes(infer->node, x->rank, &q, err);
    for (int i = 0; i < x->rank; i++) {
        dims[i] = x->dims[i];
    }
    for (size_t i = 0; status == MOPT_OK && i < q.count; i++) {
        int64_t axis = q.axes[i];
        if (k.count != q.count || (k.sizes && !k.stretch)) {
            dims[axis] = MOPT_DIM_UNKNOWN;
        } else if (k.sizes) {
            dims[axis] = k.sizes[i];
        } else {
            double scale = k.list ? (double)k.list[i] : mopt__tensor_f64(k.scales, i);
            dims[axis] = scaled_dim(infer->dims, x->dims[axis], scale);
        }
    }
    mopt__free(q.axes);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, x->dtype, x->rank, dims, err) : status;
}

// ---- Records ---------------------------------------------------------------------------------------------------------

#define MODE MOPT_A_STRING("mode", "nearest", NULL)
#define RULE_11                                                                 \
    MODE, MOPT_A_STRING("coordinate_transformation_mode", "half_pixel", NULL),  \
        MOPT_A_FLOAT("cubic_coeff_a", -0.75), MOPT_A_INT("exclude_outside", 0), \
        MOPT_A_FLOAT("extrapolation_value", 0),                                 \
        MOPT_A_STRING("nearest_mode", "round_prefer_floor", NULL)
#define RULE_18                                               \
    RULE_11, MOPT_A_INT("antialias", 0), MOPT_A_INTS("axes"), \
        MOPT_A_STRING("keep_aspect_ratio_policy", "stretch", NULL)
#define RUN                                                                  \
    .quant = &mopt__quant_moves, .infer = resize_infer, .eval = resize_eval, \
    .cost = mopt__cost_output
#define RESIZE(from, to, set, flags, ...)                                           \
    {                                                                               \
        .domain = "", .name = "Resize", .since = from, .until = to,                 \
        .summary = "resampling along each axis",                                    \
        MOPT_INPUTS({"X", "T1", set, 0}, {"roi", "T2", MOPT_SET_FLOATS, flags},     \
                    {"scales", "tensor(float)", MOPT_SET_F32, flags},               \
                    {"sizes", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}), \
        MOPT_OUTPUTS({"Y", "T1", set, 0}), MOPT_ATTRIBUTES(__VA_ARGS__), RUN        \
    }
#define SCALED(title, from, to)                                                                 \
    {                                                                                           \
        .domain = "", .name = title, .since = from, .until = to,                                \
        .summary = "resampling along each axis",                                                \
        MOPT_INPUTS({"X", "T", MOPT_SET_ALL, 0}, {"scales", "tensor(float)", MOPT_SET_F32, 0}), \
        MOPT_OUTPUTS({"Y", "T", MOPT_SET_ALL, 0}), MOPT_ATTRIBUTES(MODE), RUN                   \
    }

static const struct mopt_op records[] = {
    SCALED("Resize", 10, 10),
    RESIZE(11, 12, MOPT_SET_ALL, MOPT_PARAM_OPTIONAL, RULE_11),
    RESIZE(13, 17, MOPT_SET_ALL_13, MOPT_PARAM_OPTIONAL, RULE_11),
    RESIZE(18, 0, MOPT_SET_ALL_13, MOPT_PARAM_OPTIONAL, RULE_18),
    {.domain = "",
     .name = "Upsample",
     .since = 1,
     .until = 6,
     .summary = "enlarging of height and width",
     MOPT_INPUTS({"X", "T", MOPT_SET_ALL, 0}),
     MOPT_OUTPUTS({"Y", "T", MOPT_SET_ALL, 0}),
     MOPT_ATTRIBUTES(MODE, MOPT_A_FLOAT_REQUIRED("height_scale"),
                     MOPT_A_FLOAT_REQUIRED("width_scale")),
     RUN},
    {.domain = "",
     .name = "Upsample",
     .since = 7,
     .until = 8,
     .summary = "resampling along each axis",
     MOPT_INPUTS({"X", "T", MOPT_SET_ALL, 0}),
     MOPT_OUTPUTS({"Y", "T", MOPT_SET_ALL, 0}),
     MOPT_ATTRIBUTES(MODE, MOPT_A_FLOATS_REQUIRED("scales")),
     RUN},
    SCALED("Upsample", 9, 9),
    SCALED("Upsample", 10, 0),
};
const struct mopt_op_family mopt__ops_resize = {records, MOPT_COUNTOF(records)};
