// SPDX-License-Identifier: Apache-2.0
// RoiAlign and MaxRoiPool: a grid of numbers from each region of interest of an image.
#include <math.h>

#include "ops/nn_util.h"

struct regions {
    const struct mopt_tensor *x, *rois, *batch;
    int64_t height, width; // of the result
    double scale;
    bool half_pixel, max;
    int64_t ratio; // samples per bin and axis; 0 = by size
};

enum { SAMPLES_MAX = 1 << 22 }; // per bin

struct grid {
    int64_t rows, columns; // samples per bin
    double height, width;  // of a bin
};

// A sample: the four pixels around it, and their shares.
struct point {
    bool inside;
    size_t at[4]; // in a plane
    double weight[4];
};

struct roi {
    size_t image;
    const struct point *points; // RoiAlign: of all bins, for every channel; NULL: not kept
    double x, y, width, height; // start and size
    struct grid grid;           // RoiAlign
};

static enum mopt_status read_size(const struct mopt_node *node, const char *name, int64_t fallback,
                                  int64_t low, int64_t *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, name, fallback, out, err);
    if (status == MOPT_OK && (*out < low || *out > INT32_MAX)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)*out);
    }
    return status;
}

static enum mopt_status read_modes(const struct mopt_node *node, int64_t version, struct regions *r,
                                   struct mopt_error *err)
{
    const char *mode = NULL;
    const char *coordinates = "output_half_pixel";
    enum mopt_status status = mopt__attr_string(node, "mode", "avg", &mode, err);
    if (status == MOPT_OK && version >= 16) {
        status = mopt__attr_string(node, "coordinate_transformation_mode", "half_pixel",
                                   &coordinates, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    r->max = mopt__streq(mode, "max");
    r->half_pixel = mopt__streq(coordinates, "half_pixel");
    if (!r->max && !mopt__streq(mode, "avg")) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'mode' has the unknown value '%s'",
                              mode);
    }
    if (!r->half_pixel && !mopt__streq(coordinates, "output_half_pixel")) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'coordinate_transformation_mode' has the unknown value "
                              "'%s'",
                              coordinates);
    }
    return MOPT_OK;
}

static enum mopt_status read_align(const struct mopt_node *node, int64_t version, struct regions *r,
                                   struct mopt_error *err)
{
    float scale = 1;
    enum mopt_status status = read_modes(node, version, r, err);
    if (status == MOPT_OK) {
        status = read_size(node, "output_height", 1, 1, &r->height, err);
    }
    if (status == MOPT_OK) {
        status = read_size(node, "output_width", 1, 1, &r->width, err);
    }
    if (status == MOPT_OK) {
        status = read_size(node, "sampling_ratio", 0, 0, &r->ratio, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "spatial_scale", 1, &scale, err);
    }
    r->scale = (double)scale;
    return status;
}

static enum mopt_status check_inputs(const struct regions *r, int columns, struct mopt_error *err)
{
    enum mopt_status status = mopt__nn_rank(r->x, "X", 4, 4, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(r->rois, "rois", 2, 2, err);
    }
    if (status == MOPT_OK && r->rois->dims[1] != columns) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'rois' must have %d columns", columns);
    }
    return status == MOPT_OK ? mopt__nn_vector(r->batch, "batch_indices", r->rois->dims[0], err)
                             : status;
}

static enum mopt_status image_of(const struct regions *r, double number, size_t *image,
                                 struct mopt_error *err)
{
    if (!(number >= 0) || number >= (double)r->x->dims[0]) {
        return mopt_error_set(err, MOPT_E_VALUE, "region of image %g of %lld", number,
                              (long long)r->x->dims[0]);
    }
    *image = (size_t)number;
    return MOPT_OK;
}

static enum mopt_status new_output(struct mopt_eval *eval, const struct regions *r,
                                   struct mopt_tensor **y, struct mopt_error *err)
{
    int64_t dims[4] = {r->rois->dims[0], r->x->dims[1], r->height, r->width};
    return mopt__eval_output(eval, 0, r->x->dtype, 4, dims, y, err);
}

// All bins of all channels of region n.
static enum mopt_status fill(const struct mopt_eval *eval, const struct regions *r,
                             const struct roi *roi, size_t n,
                             double (*bin)(const struct regions *r, const struct roi *roi,
                                           size_t plane, int64_t row, int64_t column),
                             struct mopt_tensor *y, struct mopt_error *err)
{
    size_t channels = (size_t)r->x->dims[1];
    size_t plane = (size_t)r->x->dims[2] * (size_t)r->x->dims[3];
    size_t to = n * channels * (size_t)r->height * (size_t)r->width;
    enum mopt_status status = MOPT_OK;
    for (size_t c = 0; status == MOPT_OK && c < channels; c++) {
        for (int64_t row = 0; status == MOPT_OK && row < r->height; row++) {
            for (int64_t column = 0; column < r->width; column++) {
                double value =
                    plane > 0 ? bin(r, roi, (roi->image * channels + c) * plane, row, column) : 0;
                mopt__nn_store_at(y, to++, value);
            }
            status = mopt__nn_tick(eval, err);
        }
    }
    return status;
}

// ---- RoiAlign --------------------------------------------------------------------------------------------------------

static int64_t samples(const struct regions *r, double size, int64_t bins)
{
    if (r->ratio > 0) {
        return r->ratio;
    }
    double count = ceil(size / (double)bins);
    return count > 0 ? (int64_t)count : 0;
}

static enum mopt_status open_grid(const struct regions *r, size_t n, struct roi *roi,
                                  struct mopt_error *err)
{
    roi->grid = (struct grid){samples(r, roi->height, r->height), samples(r, roi->width, r->width),
                              roi->height / (double)r->height, roi->width / (double)r->width};
    if (roi->grid.rows > SAMPLES_MAX || roi->grid.columns > SAMPLES_MAX ||
        roi->grid.rows * roi->grid.columns > SAMPLES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "region %zu asks for %lldx%lld samples per bin", n,
                              (long long)roi->grid.rows, (long long)roi->grid.columns);
    }
    return MOPT_OK;
}

static enum mopt_status align_roi(const struct regions *r, size_t n, struct roi *roi,
                                  struct mopt_error *err)
{
    double v[4];
    double offset = r->half_pixel ? 0.5 : 0;
    for (size_t i = 0; i < 4; i++) {
        v[i] = mopt__tensor_f64(r->rois, n * 4 + i) * r->scale - offset;
        if (!(fabs(v[i]) < 1e9)) {
            return mopt_error_set(err, MOPT_E_VALUE, "region %zu has the coordinate %g", n, v[i]);
        }
    }
    roi->x = v[0];
    roi->y = v[1];
    roi->width = v[2] - v[0];
    roi->height = v[3] - v[1];
    if (!r->half_pixel) {
        roi->width = fmax(roi->width, 1);
        roi->height = fmax(roi->height, 1);
    }
    enum mopt_status status = open_grid(r, n, roi, err);
    if (status != MOPT_OK) {
        return status;
    }
    return image_of(r, (double)mopt__tensor_i64_at(r->batch, n), &roi->image, err);
}

// Lower pixel and share of the upper one on an axis; false outside.
static bool neighbours(double at, int64_t size, int64_t *low, int64_t *high, double *share)
{
    if (at < -1 || at > (double)size) {
        return false;
    }
    at = at > 0 ? at : 0;
    *low = (int64_t)at;
    *high = *low + 1;
    if (*low >= size - 1) {
        *low = size - 1;
        *high = *low;
        at = (double)*low;
    }
    *share = at - (double)*low;
    return true;
}

static void locate(const struct regions *r, double y, double x, struct point *p)
{
    int64_t height = r->x->dims[2];
    int64_t width = r->x->dims[3];
    int64_t rows[2];
    int64_t columns[2];
    double down = 0;
    double right = 0;
    p->inside = neighbours(y, height, &rows[0], &rows[1], &down) &&
                neighbours(x, width, &columns[0], &columns[1], &right);
    for (int i = 0; p->inside && i < 4; i++) {
        p->weight[i] = (i / 2 ? down : 1 - down) * (i % 2 ? right : 1 - right);
        p->at[i] = (size_t)(rows[i / 2] * width + columns[i % 2]);
    }
}

// Value of one sample: interpolated, or (max) the largest weighted neighbour.
static double sample(const struct regions *r, size_t plane, const struct point *p)
{
    double sum = 0;
    double top = 0;
    for (int i = 0; p->inside && i < 4; i++) {
        double value = p->weight[i] * mopt__tensor_f64(r->x, plane + p->at[i]);
        sum += value;
        top = i == 0 || value > top ? value : top;
    }
    return r->max ? top : sum;
}

// The same of floats without a maximum.
static double sample_floats(const float *plane, const struct point *p)
{
    double sum = 0;
    for (int i = 0; p->inside && i < 4; i++) {
        sum += p->weight[i] * (double)plane[p->at[i]];
    }
    return sum;
}

static struct point point_of(const struct regions *r, const struct roi *roi, int64_t row,
                             int64_t column, int64_t i, int64_t j)
{
    const struct grid *g = &roi->grid;
    double y = roi->y + (double)row * g->height + ((double)i + 0.5) * g->height / (double)g->rows;
    double x =
        roi->x + (double)column * g->width + ((double)j + 0.5) * g->width / (double)g->columns;
    struct point p = {.inside = false};
    locate(r, y, x, &p);
    return p;
}

static double align_bin(const struct regions *r, const struct roi *roi, size_t plane, int64_t row,
                        int64_t column)
{
    const int64_t count = roi->grid.rows * roi->grid.columns;
    const struct point *points =
        roi->points ? roi->points + (row * r->width + column) * count : NULL;
    const bool plain = points && !r->max && r->x->dtype == MOPT_FLOAT32;
    double total = 0;
    for (int64_t s = 0; plain && s < count; s++) {
        total += sample_floats((const float *)r->x->data + plane, &points[s]);
    }
    for (int64_t s = 0; !plain && s < count; s++) {
        struct point p =
            points ? points[s]
                   : point_of(r, roi, row, column, s / roi->grid.columns, s % roi->grid.columns);
        double value = sample(r, plane, &p);
        if (r->max) {
            total = s == 0 || value > total ? value : total;
        } else {
            total += value;
        }
    }
    return r->max ? total : total / (double)(count > 0 ? count : 1);
}

enum { POINTS_MAX = 1 << 16 };

// Samples of a region are the same in all channels: they are found once, unless there are too many.
static enum mopt_status keep_points(const struct regions *r, struct roi *roi, struct point **points,
                                    size_t *capacity, struct mopt_error *err)
{
    const int64_t each = roi->grid.rows * roi->grid.columns;
    size_t bins;
    size_t count;
    if (!mopt__size_mul((size_t)r->height, (size_t)r->width, &bins) ||
        !mopt__size_mul(bins, (size_t)each, &count) || count > POINTS_MAX || count == 0) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__grow((void **)points, capacity, count, sizeof **points, err);
    for (int64_t i = 0; status == MOPT_OK && i < (int64_t)count; i++) {
        const int64_t bin = i / each;
        (*points)[i] = point_of(r, roi, bin / r->width, bin % r->width,
                                i % each / roi->grid.columns, i % each % roi->grid.columns);
    }
    roi->points = status == MOPT_OK ? *points : NULL;
    return status;
}

static enum mopt_status align_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct regions r = {.x = NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = read_align(eval->node, eval->version, &r, err);
    }
    if (status == MOPT_OK) {
        r.x = in[0];
        r.rois = in[1];
        r.batch = in[2];
        status = check_inputs(&r, 4, err);
    }
    if (status == MOPT_OK) {
        status = new_output(eval, &r, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct point *points = NULL;
    size_t capacity = 0;
    for (size_t n = 0; status == MOPT_OK && n < (size_t)r.rois->dims[0]; n++) {
        struct roi roi = {.image = 0};
        status = align_roi(&r, n, &roi, err);
        if (status == MOPT_OK) {
            status = keep_points(&r, &roi, &points, &capacity, err);
        }
        if (status == MOPT_OK) {
            status = fill(eval, &r, &roi, n, align_bin, y, err);
        }
    }
    mopt__free(points);
    return status;
}

// ---- MaxRoiPool ------------------------------------------------------------------------------------------------------

static enum mopt_status read_pool(const struct mopt_node *node, struct regions *r,
                                  struct mopt_error *err)
{
    const int64_t *shape = NULL;
    size_t count = 0;
    float scale = 1;
    enum mopt_status status = mopt__attr_ints(node, "pooled_shape", &shape, &count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "spatial_scale", 1, &scale, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (count != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > INT32_MAX ||
        shape[1] > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'pooled_shape' must have two sizes");
    }
    r->height = shape[0];
    r->width = shape[1];
    r->scale = (double)scale;
    return MOPT_OK;
}

// Pixels [from, to) of bin i of n over a region that starts at `start` and is `size` long.
static void bin_range(int64_t i, int64_t n, double start, double size, int64_t limit, int64_t *from,
                      int64_t *to)
{
    double each = size / (double)n;
    double low = floor((double)i * each) + start;
    double high = ceil((double)(i + 1) * each) + start;
    *from = low < 0 ? 0 : low > (double)limit ? limit : (int64_t)low;
    *to = high < 0 ? 0 : high > (double)limit ? limit : (int64_t)high;
}

static enum mopt_status pool_roi(const struct regions *r, size_t n, struct roi *roi,
                                 struct mopt_error *err)
{
    double v[4];
    for (size_t i = 0; i < 4; i++) {
        v[i] = round(mopt__tensor_f64(r->rois, n * 5 + 1 + i) * r->scale);
        if (!(fabs(v[i]) < 1e9)) {
            return mopt_error_set(err, MOPT_E_VALUE, "region %zu has the coordinate %g", n, v[i]);
        }
    }
    roi->x = v[0];
    roi->y = v[1];
    roi->width = fmax(v[2] - v[0] + 1, 1);
    roi->height = fmax(v[3] - v[1] + 1, 1);
    return image_of(r, mopt__tensor_f64(r->rois, n * 5), &roi->image, err);
}

static double pool_bin(const struct regions *r, const struct roi *roi, size_t plane, int64_t row,
                       int64_t column)
{
    int64_t y0 = 0;
    int64_t y1 = 0;
    int64_t x0 = 0;
    int64_t x1 = 0;
    bin_range(row, r->height, roi->y, roi->height, r->x->dims[2], &y0, &y1);
    bin_range(column, r->width, roi->x, roi->width, r->x->dims[3], &x0, &x1);
    if (y0 >= y1 || x0 >= x1) {
        return 0; // an empty bin
    }
    double top = -INFINITY;
    for (int64_t y = y0; y < y1; y++) {
        for (int64_t x = x0; x < x1; x++) {
            double value = mopt__tensor_f64(r->x, plane + (size_t)(y * r->x->dims[3] + x));
            top = value > top || isnan(value) ? value : top;
        }
    }
    return top;
}

static enum mopt_status pool_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct regions r = {.x = NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = read_pool(eval->node, &r, err);
    }
    if (status == MOPT_OK) {
        r.x = in[0];
        r.rois = in[1];
        status = check_inputs(&r, 5, err);
    }
    if (status == MOPT_OK) {
        status = new_output(eval, &r, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t n = 0; status == MOPT_OK && n < (size_t)r.rois->dims[0]; n++) {
        struct roi roi = {.image = 0};
        status = pool_roi(&r, n, &roi, err);
        if (status == MOPT_OK) {
            status = fill(eval, &r, &roi, n, pool_bin, y, err);
        }
    }
    return status;
}

// ---- Inference and records -------------------------------------------------------------------------------------------

static enum mopt_status roi_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *rois = mopt__infer_tensor(infer, 1);
    struct regions r = {.x = NULL};
    enum mopt_status status = mopt__streq(infer->node->op_type, "RoiAlign")
                                  ? read_align(infer->node, infer->version, &r, err)
                                  : read_pool(infer->node, &r, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 0, 4, 4, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 1, 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[4] = {rois && rois->rank == 2 ? rois->dims[0] : MOPT_DIM_UNKNOWN,
                       x && x->rank == 4 ? x->dims[1] : MOPT_DIM_UNKNOWN, r.height, r.width};
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 4, dims, err);
}

#define ALIGN(from, to, set, ...)                                                           \
    {                                                                                       \
        .domain = "", .name = "RoiAlign", .since = from, .until = to,                       \
        .summary = "interpolated pooling of regions of interest",                           \
        MOPT_INPUTS({"X", "T1", set, 0}, {"rois", "T1", set, 0},                            \
                    {"batch_indices", "T2", MOPT_SET_I64, 0}),                              \
        MOPT_OUTPUTS({"Y", "T1", set, 0}),                                                  \
        MOPT_ATTRIBUTES(MOPT_A_STRING("mode", "avg", NULL), MOPT_A_INT("output_height", 1), \
                        MOPT_A_INT("output_width", 1), MOPT_A_INT("sampling_ratio", 0),     \
                        MOPT_A_FLOAT("spatial_scale", 1), __VA_ARGS__),                     \
        .infer = roi_infer, .eval = align_eval, .cost = mopt__cost_output                   \
    }
#define COORDINATES MOPT_A_STRING("coordinate_transformation_mode", "half_pixel", NULL)
#define POOL(from, to, set)                                                                       \
    {                                                                                             \
        .domain = "", .name = "MaxRoiPool", .since = from, .until = to,                           \
        .summary = "largest elements of the bins of regions of interest",                         \
        MOPT_INPUTS({"X", "T", set, 0}, {"rois", "T", set, 0}), MOPT_OUTPUTS({"Y", "T", set, 0}), \
        MOPT_ATTRIBUTES(MOPT_A_INTS_REQUIRED("pooled_shape"), MOPT_A_FLOAT("spatial_scale", 1)),  \
        .infer = roi_infer, .eval = pool_eval, .cost = mopt__cost_output                          \
    }

static const struct mopt_op records[] = {
    ALIGN(10, 15, MOPT_SET_FLOATS, ),
    ALIGN(16, 21, MOPT_SET_FLOATS, COORDINATES),
    ALIGN(22, 0, MOPT_SET_FLOATS_BF, COORDINATES),
    POOL(1, 21, MOPT_SET_FLOATS),
    POOL(22, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_pool_roi = {records, MOPT_COUNTOF(records)};
