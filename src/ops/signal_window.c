// SPDX-License-Identifier: Apache-2.0
// HannWindow, HammingWindow, BlackmanWindow and MelWeightMatrix: tables for spectral analysis, made
// from sizes.
#include <math.h>

#include "ops/nn_util.h"

static const double pi = 3.14159265358979323846;

// Cosine window a0 - a1 cos + a2 cos2.
struct cosines {
    double a0, a1, a2;
};

static enum mopt_status result_type(const struct mopt_node *node, enum mopt_dtype *out,
                                    struct mopt_error *err)
{
    int64_t wanted = MOPT_FLOAT32;
    enum mopt_status status = mopt__attr_int(node, "output_datatype", MOPT_FLOAT32, &wanted, err);
    if (status == MOPT_OK &&
        (!mopt__dtype_valid((int)(wanted & 127)) || wanted < 0 || wanted > 127 ||
         !(MOPT_SET_NUMBERS_BF & MOPT_DT((enum mopt_dtype)wanted)))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'output_datatype' has the value %lld",
                              (long long)wanted);
    }
    *out = (enum mopt_dtype)wanted;
    return status;
}

static enum mopt_status window_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in = NULL;
    const struct cosines *c = eval->node->op->data;
    enum mopt_dtype dtype = MOPT_FLOAT32;
    int64_t size = 0;
    int64_t periodic = 1;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, &in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__scalar_i64(in, "size", &size, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "periodic", 1, &periodic, err);
    }
    if (status == MOPT_OK) {
        status = result_type(eval->node, &dtype, err);
    }
    if (status == MOPT_OK && size < 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "window of size %lld", (long long)size);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, 1, &size, &y, err);
    }
    double period = (double)(periodic != 0 ? size : size - 1);
    for (int64_t i = 0; status == MOPT_OK && i < size; i++) {
        // a symmetric window of one element is its peak
        double angle = period > 0 ? 2 * pi * (double)i / period : pi;
        double value = c->a0 - c->a1 * cos(angle) + c->a2 * cos(2 * angle);
        mopt__nn_store_at(y, (size_t)i, value);
    }
    return status;
}

static enum mopt_status window_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_dtype dtype = MOPT_FLOAT32;
    const int64_t *items = NULL;
    size_t count = 0;
    enum mopt_status status = result_type(infer->node, &dtype, err);
    if (status != MOPT_OK) {
        return status;
    }
    bool known = mopt__infer_ints(infer, 0, &items, &count) && count == 1;
    int64_t size = known ? items[0] : MOPT_DIM_UNKNOWN;
    return mopt__infer_set(infer, 0, dtype, 1, &size, err);
}

// ---- MelWeightMatrix -------------------------------------------------------------------------------------------------

struct mel {
    int64_t bins, dft, rate;
    double low, high; // edges in Hz
};

static double to_mel(double hertz)
{
    return 2595 * log1p(hertz / 700) / log(10.0);
}

// Spectrogram bin of mel filter edge i.
static double edge(const struct mel *m, int64_t i)
{
    double step = (to_mel(m->high) - to_mel(m->low)) / (double)(m->bins + 2);
    double mel = (double)i * step + to_mel(m->low);
    double hertz = 700 * expm1(mel / 2595 * log(10.0));
    return floor((double)(m->dft + 1) * hertz / (double)m->rate);
}

static enum mopt_status read_mel(const struct mopt_eval *eval, struct mel *m,
                                 struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    static const char *const names[] = {"num_mel_bins", "dft_length", "sample_rate"};
    int64_t *const sizes[] = {&m->bins, &m->dft, &m->rate};
    enum mopt_status status = mopt__open(eval, in, 5, err);
    for (size_t i = 0; status == MOPT_OK && i < 3; i++) {
        status = mopt__scalar_i64(in[i], names[i], sizes[i], err);
        if (status == MOPT_OK && (*sizes[i] < 1 || *sizes[i] > INT32_MAX)) {
            return mopt_error_set(err, MOPT_E_VALUE, "input '%s' is %lld", names[i],
                                  (long long)*sizes[i]);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    m->low = mopt__nn_scalar(in[3], 0);
    m->high = mopt__nn_scalar(in[4], 0);
    if (!(m->low >= 0) || !(m->high >= m->low) || !isfinite(m->high)) {
        return mopt_error_set(err, MOPT_E_VALUE, "edges %g and %g Hz", m->low, m->high);
    }
    return MOPT_OK;
}

// Triangle of filter i over the spectrogram bins.
static void triangle(const struct mel *m, int64_t i, struct mopt_tensor *y)
{
    int64_t left = (int64_t)edge(m, i);
    int64_t centre = (int64_t)edge(m, i + 1);
    int64_t right = (int64_t)edge(m, i + 2);
    if (centre == left) {
        mopt__nn_store_at(y, (size_t)(centre * m->bins + i), 1);
    }
    for (int64_t j = left; centre > left && j <= centre; j++) {
        mopt__nn_store_at(y, (size_t)(j * m->bins + i),
                          (double)(j - left) / (double)(centre - left));
    }
    for (int64_t j = centre; right > centre && j < right; j++) {
        mopt__nn_store_at(y, (size_t)(j * m->bins + i),
                          (double)(right - j) / (double)(right - centre));
    }
}

static enum mopt_status mel_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mel m = {0};
    enum mopt_dtype dtype = MOPT_FLOAT32;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = read_mel(eval, &m, err);
    if (status == MOPT_OK) {
        status = result_type(eval->node, &dtype, err);
    }
    int64_t dims[2] = {m.dft / 2 + 1, m.bins};
    if (status == MOPT_OK && edge(&m, m.bins + 1) > (double)dims[0]) {
        return mopt_error_set(err, MOPT_E_VALUE, "upper edge %g Hz is above half the sample rate",
                              m.high);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, 2, dims, &y, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < y->count; i++) {
        mopt__nn_store_at(y, i, 0);
    }
    for (int64_t i = 0; status == MOPT_OK && i < m.bins; i++) {
        if (edge(&m, i + 1) < (double)dims[0]) {
            triangle(&m, i, y);
        }
    }
    return status;
}

static enum mopt_status mel_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_dtype dtype = MOPT_FLOAT32;
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t dims[2] = {MOPT_DIM_UNKNOWN, MOPT_DIM_UNKNOWN};
    enum mopt_status status = result_type(infer->node, &dtype, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__infer_ints(infer, 0, &items, &count) && count == 1) {
        dims[1] = items[0];
    }
    if (mopt__infer_ints(infer, 1, &items, &count) && count == 1) {
        int64_t half = mopt__dim_floordiv(infer->dims, items[0], mopt__dim_const(infer->dims, 2));
        dims[0] = mopt__dim_add(infer->dims, half, mopt__dim_const(infer->dims, 1));
    }
    return mopt__infer_set(infer, 0, dtype, 2, dims, err);
}

static const struct cosines hann = {0.5, 0.5, 0};
static const struct cosines hamming = {25.0 / 46, 21.0 / 46, 0};
static const struct cosines blackman = {0.42, 0.5, 0.08};

#define WINDOW(title, text, row)                                                      \
    {                                                                                 \
        .domain = "", .name = title, .since = 17, .summary = text,                    \
        MOPT_INPUTS({"size", "T1", MOPT_SET_INDEX, 0}),                               \
        MOPT_OUTPUTS({"output", "T2", MOPT_SET_NUMBERS_BF, 0}),                       \
        MOPT_ATTRIBUTES(MOPT_A_INT("output_datatype", 1), MOPT_A_INT("periodic", 1)), \
        .traits = MOPT_TRAIT_GENERATOR, .infer = window_infer, .eval = window_eval,   \
        .cost = mopt__cost_output, .data = &(row)                                     \
    }

static const struct mopt_op records[] = {
    WINDOW("HannWindow", "raised cosine window", hann),
    WINDOW("HammingWindow", "raised cosine window on a pedestal", hamming),
    WINDOW("BlackmanWindow", "window of two cosines", blackman),
    {.domain = "",
     .name = "MelWeightMatrix",
     .since = 17,
     .summary = "triangular mel filters over spectrogram bins",
     MOPT_INPUTS({"num_mel_bins", "T1", MOPT_SET_INDEX, 0}, {"dft_length", "T1", MOPT_SET_INDEX, 0},
                 {"sample_rate", "T1", MOPT_SET_INDEX, 0},
                 {"lower_edge_hertz", "T2", MOPT_SET_FLOATS_BF, 0},
                 {"upper_edge_hertz", "T2", MOPT_SET_FLOATS_BF, 0}),
     MOPT_OUTPUTS({"output", "T3", MOPT_SET_NUMBERS_BF, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("output_datatype", 1)),
     .traits = MOPT_TRAIT_GENERATOR,
     .infer = mel_infer,
     .eval = mel_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_signal_window = {records, MOPT_COUNTOF(records)};
