// SPDX-License-Identifier: Apache-2.0
// GridSample (interpolation at given positions, any number of spatial axes) and AffineGrid
// (positions of an affine map).
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/nn_util.h"

enum mode { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC };
enum padding { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION };
enum { AXES = MOPT_RANK_MAX - 2, TAPS = 4 };

struct sampler {
    const struct mopt_tensor *x, *grid;
    enum mode mode;
    enum padding padding;
    bool align;
    int spatial;
    size_t in, out; // elements of one channel
};

// The taps of one axis at one position; index -1 means 0.
struct taps {
    int count;
    int64_t index[TAPS];
    double weight[TAPS];
};

static double reflect(double x, double low, double high)
{
    double range = high - low;
    if (range <= 0 || !isfinite(x)) {
        return low;
    }
    double distance = x < low ? low - x : x > high ? x - high : -1;
    if (distance < 0) {
        return x;
    }
    double turns = floor(distance / range);
    double rest = distance - turns * range;
    bool even = fmod(turns, 2) == 0;
    return (x < low) == even ? low + rest : high - rest;
}

// Input index of a pixel under the padding rule; -1: outside and zero.
static int64_t pixel(const struct sampler *s, double at, int64_t size)
{
    if (s->padding == PAD_ZEROS) {
        return at >= 0 && at < (double)size ? (int64_t)at : -1;
    }
    if (s->padding == PAD_REFLECTION) {
        double low = s->align ? 0 : -0.5;
        at = trunc(reflect(at, low, s->align ? (double)size - 1 : (double)size - 0.5));
    }
    return !(at > 0) ? 0 : at > (double)(size - 1) ? size - 1 : (int64_t)at;
}

static double cubic(double x) // Keys 1981 with a = -0.75
{
    const double a = -0.75;
    x = fabs(x);
    if (x <= 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static void taps_at(const struct sampler *s, double normal, int64_t size, struct taps *t)
{
    double length = (double)size;
    double x = s->align ? (normal + 1) / 2 * (length - 1) : ((normal + 1) * length - 1) / 2;
    x = (double)(float)x; // positions are held in single precision
    if (s->mode == MODE_NEAREST) {
        x = nearbyint(x);
    }
    double low = s->align ? 0 : -0.5;
    double high = s->align ? length - 1 : length - 0.5;
    if (x < low || x > high || isnan(x)) {
        if (s->padding == PAD_BORDER) {
            x = !(x > 0) ? 0 : x > length - 1 ? length - 1 : x;
        } else if (s->padding == PAD_REFLECTION) {
            x = reflect(x, low, high);
        }
    }
    double first = s->mode == MODE_NEAREST ? trunc(x) : floor(x);
    double ratio = x - first;
    t->count = s->mode == MODE_NEAREST ? 1 : s->mode == MODE_LINEAR ? 2 : 4;
    int shift = s->mode == MODE_CUBIC ? 1 : 0;
    for (int i = 0; i < t->count; i++) {
        double distance = ratio - (double)(i - shift);
        t->index[i] = pixel(s, first + (double)(i - shift), size);
        t->weight[i] = s->mode == MODE_NEAREST  ? 1
                       : s->mode == MODE_LINEAR ? 1 - fabs(distance)
                                                : cubic(distance);
    }
}

// Sum over all combinations of taps of one channel.
static double sample(const struct sampler *s, const struct taps *taps, size_t plane)
{
    int k[AXES] = {0};
    double sum = 0;
    for (;;) {
        double weight = 1;
        int64_t at = 0;
        for (int i = 0; i < s->spatial && at >= 0; i++) {
            int64_t index = taps[i].index[k[i]];
            weight *= taps[i].weight[k[i]];
            at = index < 0 ? -1 : at * s->x->dims[2 + i] + index;
        }
        if (at >= 0) {
            sum += weight * mopt__tensor_f64(s->x, plane + (size_t)at);
        }
        int axis = s->spatial - 1;
        while (axis >= 0 && ++k[axis] == taps[axis].count) {
            k[axis--] = 0;
        }
        if (axis < 0) {
            return sum;
        }
    }
}

// Offset of a nearest sample, -1 = zero.
static int64_t nearest(const struct sampler *s, const struct taps *taps)
{
    int64_t at = 0;
    for (int i = 0; i < s->spatial && at >= 0; i++) {
        at = taps[i].index[0] < 0 ? -1 : at * s->x->dims[2 + i] + taps[i].index[0];
    }
    return at;
}

// Nearest moves elements, whatever their type.
static enum mopt_status move(const struct sampler *s, struct mopt_tensor *y, size_t to,
                             size_t plane, int64_t at, struct mopt_error *err)
{
    size_t bytes = mopt__dtype_bits(y->dtype) / 8;
    if (y->dtype == MOPT_STRING) {
        const struct mopt_string *text = (const struct mopt_string *)s->x->data + plane;
        return at < 0 ? mopt__tensor_set_string(y, to, "", 0, err)
                      : mopt__tensor_set_string(y, to, text[at].data, text[at].size, err);
    }
    uint8_t *data = mopt__tensor_data(y);
    if (at < 0) {
        memset(data + to * bytes, 0, bytes);
    } else {
        memcpy(data + to * bytes, (const uint8_t *)s->x->data + (plane + (size_t)at) * bytes,
               bytes);
    }
    return MOPT_OK;
}

// ---- Floats: positions first, then all channels at them ---------------------------------------------------------------

enum {
    SOME = 32,      // positions of one round
    COMBINED = 64,  // taps of a position at most
    MANY = 1 << 15, // positions between two looks at the run's limits
};

// What of the input a position is made of: taps outside of it are left out.
struct spot {
    int count;
    size_t at[COMBINED];
    double weight[COMBINED];
};

// The combinations of taps, in the order that sample() adds them up.
static void combine(const struct sampler *s, const struct taps *taps, struct spot *spot)
{
    int k[AXES] = {0};
    spot->count = 0;
    for (int axis = 0; axis >= 0;) {
        double weight = 1;
        int64_t at = 0;
        for (int i = 0; i < s->spatial && at >= 0; i++) {
            const int64_t index = taps[i].index[k[i]];
            weight *= taps[i].weight[k[i]];
            at = index < 0 ? -1 : at * s->x->dims[2 + i] + index;
        }
        if (at >= 0) {
            spot->at[spot->count] = (size_t)at;
            spot->weight[spot->count++] = weight;
        }
        for (axis = s->spatial - 1; axis >= 0 && ++k[axis] == taps[axis].count; axis--) {
            k[axis] = 0;
        }
    }
}

static void find_spots(const struct sampler *s, size_t first, size_t count, struct spot *spots)
{
    const size_t n = (size_t)s->spatial;
    const float *grid = (const float *)s->grid->data + first * n;
    struct taps taps[AXES] = {{0}};
    for (size_t i = 0; i < count; i++, grid += n) {
        for (size_t axis = 0; axis < n; axis++) { // the grid has the last axis first
            taps_at(s, (double)grid[n - 1 - axis], s->x->dims[2 + axis], &taps[axis]);
        }
        combine(s, taps, &spots[i]);
    }
}

static float sum_spot(const float *x, const struct spot *spot)
{
    double sum = 0;
    if (spot->count == 4) { // both neighbours along two axes
        sum += spot->weight[0] * (double)x[spot->at[0]];
        sum += spot->weight[1] * (double)x[spot->at[1]];
        sum += spot->weight[2] * (double)x[spot->at[2]];
        sum += spot->weight[3] * (double)x[spot->at[3]];
        return (float)sum;
    }
    for (int k = 0; k < spot->count; k++) {
        sum += spot->weight[k] * (double)x[spot->at[k]];
    }
    return (float)sum;
}

static float copy_spot(const float *x, const struct spot *spot)
{
    return spot->count > 0 ? x[spot->at[0]] : 0.0F;
}

struct sampling {
    const struct sampler *s;
    float *y;
    size_t image, first; // position that this call begins with
};

static void some_positions(void *context, int64_t begin, int64_t end, int thread)
{
    const struct sampling *job = context;
    const struct sampler *s = job->s;
    const size_t channels = (size_t)s->x->dims[1];
    const float *image = (const float *)s->x->data + job->image * channels * s->in;
    float *y = job->y + job->image * channels * s->out;
    struct spot spots[SOME];
    (void)thread;
    const size_t past = job->first + (size_t)end;
    for (size_t first = job->first + (size_t)begin, count = 0; first < past; first += count) {
        count = past - first < SOME ? past - first : SOME;
        find_spots(s, job->image * s->out + first, count, spots);
        for (size_t c = 0; c < channels; c++) {
            const float *x = image + c * s->in;
            float *to = y + c * s->out + first;
            for (size_t i = 0; i < count; i++) {
                to[i] = s->mode == MODE_NEAREST ? copy_spot(x, &spots[i]) : sum_spot(x, &spots[i]);
            }
        }
    }
}

static bool is_plain(const struct sampler *s)
{
    size_t taps = 1;
    const size_t each = s->mode == MODE_NEAREST ? 1 : s->mode == MODE_LINEAR ? 2 : 4;
    for (int i = 0; i < s->spatial && taps <= COMBINED; i++) {
        taps *= each;
    }
    return taps <= COMBINED && s->x->dtype == MOPT_FLOAT32 && s->grid->dtype == MOPT_FLOAT32;
}

static enum mopt_status sample_floats(struct mopt_eval *eval, const struct sampler *s,
                                      struct mopt_tensor *y, struct mopt_error *err)
{
    struct sampling job = {.s = s, .y = mopt__tensor_data(y)};
    enum mopt_status status = MOPT_OK;
    const int64_t grain = MOPT_LOOPS_GRAIN / 4 / (s->x->dims[1] + 1) + 1;
    for (size_t i = 0, count = 0; status == MOPT_OK && i < (size_t)s->x->dims[0] * s->out;
         i += count) {
        job.image = i / s->out;
        job.first = i % s->out;
        count = s->out - job.first < MANY ? s->out - job.first : MANY;
        mopt__pool_for(eval->pool, (int64_t)count, grain, some_positions, &job);
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

static enum mopt_status read_sampler(const struct mopt_node *node, struct sampler *s,
                                     struct mopt_error *err)
{
    static const char *const modes[] = {"nearest", "linear",   "cubic",
                                        "nearest", "bilinear", "bicubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    const char *mode = NULL;
    const char *padding = NULL;
    int64_t align = 0;
    size_t m = 0;
    size_t p = 0;
    enum mopt_status status = mopt__attr_string(node, "mode", "linear", &mode, err);
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "padding_mode", "zeros", &padding, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "align_corners", 0, &align, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    while (m < MOPT_COUNTOF(modes) && !mopt__streq(mode, modes[m])) {
        m++;
    }
    while (p < MOPT_COUNTOF(paddings) && !mopt__streq(padding, paddings[p])) {
        p++;
    }
    if (m == MOPT_COUNTOF(modes) || p == MOPT_COUNTOF(paddings)) {
        return mopt_error_set(err, MOPT_E_VALUE, "unknown mode '%s' or padding_mode '%s'", mode,
                              padding);
    }
    s->mode = (enum mode)(m % 3);
    s->padding = (enum padding)p;
    s->align = align != 0;
    return MOPT_OK;
}

static enum mopt_status open_sampler(const struct mopt_eval *eval, struct sampler *s,
                                     struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    *s = (struct sampler){.x = NULL};
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = read_sampler(eval->node, s, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    s->x = in[0];
    s->grid = in[1];
    s->spatial = s->x->rank - 2;
    bool fits = s->spatial >= 1 && s->grid->rank == s->x->rank &&
                s->grid->dims[0] == s->x->dims[0] && s->grid->dims[s->grid->rank - 1] == s->spatial;
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE, "grid does not fit the input");
    }
    s->in = mopt__nn_product(s->x->dims, 2, s->x->rank);
    s->out = mopt__nn_product(s->grid->dims, 1, s->grid->rank - 1);
    return MOPT_OK;
}

static enum mopt_status sample_all(struct mopt_eval *eval, const struct sampler *s,
                                   struct mopt_tensor *y, struct mopt_error *err)
{
    size_t channels = (size_t)s->x->dims[1];
    size_t n = (size_t)s->spatial;
    struct taps taps[AXES];
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < (size_t)s->x->dims[0] * s->out; i++) {
        for (size_t axis = 0; axis < n; axis++) { // the grid has the last axis first
            double normal = mopt__tensor_f64(s->grid, i * n + (n - 1 - axis));
            taps_at(s, normal, s->x->dims[2 + axis], &taps[axis]);
        }
        for (size_t c = 0; status == MOPT_OK && c < channels; c++) {
            size_t channel = i / s->out * channels + c;
            size_t to = channel * s->out + i % s->out;
            if (s->mode == MODE_NEAREST) {
                status = move(s, y, to, channel * s->in, nearest(s, taps), err);
            } else {
                mopt__nn_store_at(y, to, sample(s, taps, channel * s->in));
            }
        }
        status = status == MOPT_OK && i % 1024 == 0 ? mopt__nn_tick(eval, err) : status;
    }
    return status;
}

static enum mopt_status sample_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct sampler s;
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_sampler(eval, &s, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (s.mode != MODE_NEAREST && !(MOPT_SET_NUMBERS_BF & MOPT_DT(s.x->dtype))) {
        return mopt__eval_unsupported(eval, "interpolation", err);
    }
    for (int i = 0; i < s.x->rank; i++) {
        dims[i] = i < 2 ? s.x->dims[i] : s.grid->dims[i - 1];
    }
    status = mopt__eval_output(eval, 0, s.x->dtype, s.x->rank, dims, &y, err);
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    if (s.in == 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input without elements cannot be sampled");
    }
    return is_plain(&s) ? sample_floats(eval, &s, y, err) : sample_all(eval, &s, y, err);
}

static enum mopt_status sample_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *grid = mopt__infer_tensor(infer, 1);
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (!x || !grid || x->rank < 3 || grid->rank != x->rank) {
        bool wrong = x && grid && x->rank >= 0 && grid->rank >= 0;
        return wrong ? mopt_error_set(err, MOPT_E_SHAPE, "grid does not fit the input")
                     : mopt__infer_set(infer, 0, dtype, x ? x->rank : -1, NULL, err);
    }
    for (int i = 0; i < x->rank; i++) {
        dims[i] = i < 2 ? x->dims[i] : grid->dims[i - 1];
    }
    return mopt__infer_set(infer, 0, dtype, x->rank, dims, err);
}

// ---- AffineGrid ------------------------------------------------------------------------------------------------------

struct affine {
    const struct mopt_tensor *theta;
    int spatial;     // 2 or 3
    int64_t size[3]; // (D,) H, W
    bool align;
};

static enum mopt_status open_affine(struct mopt_eval *eval, struct affine *a,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    int64_t align = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "align_corners", 0, &align, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    a->theta = in[0];
    a->align = align != 0;
    a->spatial = (int)in[1]->count - 2;
    if (in[1]->rank != 1 || in[1]->count < 4 || in[1]->count > 5 || in[0]->rank != 3 ||
        in[0]->dims[0] != mopt__tensor_i64_at(in[1], 0) || in[0]->dims[1] != a->spatial ||
        in[0]->dims[2] != a->spatial + 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "theta does not fit the size");
    }
    for (int i = 0; i < a->spatial; i++) {
        a->size[i] = mopt__tensor_i64_at(in[1], (size_t)i + 2);
    }
    return MOPT_OK;
}

// Normalised coordinate of index i on an axis.
static double normal(const struct affine *a, int axis, int64_t i)
{
    double size = (double)a->size[axis];
    if (a->align) {
        return a->size[axis] > 1 ? -1 + 2 * (double)i / (size - 1) : -1;
    }
    return -1 + (2 * (double)i + 1) / size;
}

static void affine_point(const struct affine *a, size_t batch, const int64_t *at,
                         struct mopt_tensor *y, size_t to)
{
    int n = a->spatial;
    for (int row = 0; row < n; row++) {
        size_t theta = (batch * (size_t)n + (size_t)row) * (size_t)(n + 1);
        double sum = mopt__tensor_f64(a->theta, theta + (size_t)n);
        for (int column = 0; column < n; column++) { // x first: the last axis
            int axis = n - 1 - column;
            sum += mopt__tensor_f64(a->theta, theta + (size_t)column) * normal(a, axis, at[axis]);
        }
        mopt__nn_store_at(y, to + (size_t)row, sum);
    }
}

// Steps to the next point in row-major order.
static void next_point(const struct affine *a, int64_t *at)
{
    for (int axis = a->spatial - 1; axis >= 0 && ++at[axis] == a->size[axis]; axis--) {
        at[axis] = 0;
    }
}

static enum mopt_status affine_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct affine a = {.theta = NULL};
    struct mopt_tensor *y = NULL;
    int64_t dims[5];
    enum mopt_status status = open_affine(eval, &a, err);
    if (status != MOPT_OK) {
        return status;
    }
    dims[0] = a.theta->dims[0];
    for (int i = 0; i < a.spatial; i++) {
        dims[1 + i] = a.size[i];
    }
    dims[1 + a.spatial] = a.spatial;
    status = mopt__eval_output(eval, 0, a.theta->dtype, a.spatial + 2, dims, &y, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t to = 0;
    for (size_t batch = 0; batch < (size_t)dims[0]; batch++) {
        int64_t at[3] = {0};
        for (size_t i = y->count / (size_t)dims[0]; i > 0; i -= (size_t)a.spatial) {
            affine_point(&a, batch, at, y, to);
            to += (size_t)a.spatial;
            next_point(&a, at);
        }
    }
    return MOPT_OK;
}

static enum mopt_status affine_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t dims[5];
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (!mopt__infer_ints(infer, 1, &items, &count) || count < 4 || count > 5) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    dims[0] = items[0];
    for (size_t i = 2; i < count; i++) {
        dims[i - 1] = items[i];
    }
    dims[count - 1] = mopt__dim_const(infer->dims, (int64_t)count - 2);
    return mopt__infer_set(infer, 0, dtype, (int)count, dims, err);
}

#define GRID_SAMPLE(from, to, set, grid_set, mode)                                          \
    {                                                                                       \
        .domain = "", .name = "GridSample", .since = from, .until = to,                     \
        .summary = "interpolation of the input at the positions of a grid",                 \
        MOPT_INPUTS({"X", "T1", set, 0}, {"grid", "T2", grid_set, 0}),                      \
        MOPT_OUTPUTS({"Y", "T1", set, 0}),                                                  \
        MOPT_ATTRIBUTES(MOPT_A_FLAG("align_corners", 0), MOPT_A_STRING("mode", mode, NULL), \
                        MOPT_A_STRING("padding_mode", "zeros", NULL)),                      \
        .infer = sample_infer, .eval = sample_eval, .cost = mopt__cost_output               \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "AffineGrid",
     .since = 20,
     .summary = "sampling positions of an affine map",
     MOPT_INPUTS({"theta", "T1", MOPT_SET_FLOATS_BF, 0}, {"size", "T2", MOPT_SET_I64, 0}),
     MOPT_OUTPUTS({"grid", "T1", MOPT_SET_FLOATS_BF, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLAG("align_corners", 0)),
     .traits = MOPT_TRAIT_GENERATOR,
     .infer = affine_infer,
     .eval = affine_eval,
     .cost = mopt__cost_output},
    GRID_SAMPLE(16, 19, MOPT_SET_ALL, MOPT_SET_FLOATS, "bilinear"),
    GRID_SAMPLE(20, 21, MOPT_SET_ALL, MOPT_SET_FLOATS, "linear"),
    GRID_SAMPLE(22, 0, MOPT_SET_ALL_13, MOPT_SET_FLOATS_BF, "linear"),
};
const struct mopt_op_family mopt__ops_grid_sample = {records, MOPT_COUNTOF(records)};
