// SPDX-License-Identifier: Apache-2.0
// Random tensors. The numbers come from mopt's own generator: seeded by attribute `seed` where it
// is given, else drawn from the run's stream, so that a run with the same seed gives the same
// bytes.
#include <math.h>
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/lanes.h"
#include "ops/record.h"

// ---- What is common -----------------------------------------------------------------------------

static enum mopt_status target_dtype(const struct mopt_node *node, enum mopt_dtype fallback,
                                     enum mopt_dtype *dtype, struct mopt_error *err)
{
    int64_t number;
    enum mopt_status status = mopt__attr_int(node, "dtype", fallback, &number, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (number < 0 || number >= MOPT_DTYPE_COUNT) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'dtype' is %lld, which is no type",
                              (long long)number);
    }
    *dtype = (enum mopt_dtype)number;
    return MOPT_OK;
}

static enum mopt_status check_target(const struct mopt_node *node, enum mopt_dtype dtype,
                                     struct mopt_error *err)
{
    return dtype != MOPT_UNDEFINED && (node->op->outputs[0].dtypes & MOPT_DT(dtype)) != 0
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_TYPE, "result of type '%s' is not allowed",
                                mopt__dtype_name(dtype));
}

// Starts `own` from attribute `seed` if there is one and returns it, else the stream of the run.
static struct mopt_rng *generator(struct mopt_eval *eval, struct mopt_rng *own)
{
    const struct mopt_attribute *seed = mopt__node_attribute(eval->node, "seed");
    if (seed == NULL || seed->kind != MOPT_ATTR_FLOAT) {
        return eval->rng;
    }
    uint32_t bits;
    memcpy(&bits, &seed->f, sizeof bits);
    mopt__rng_init(own, bits);
    return own;
}

// ---- Normal and uniform -------------------------------------------------------------------------

static bool is_normal(const struct mopt_node *node)
{
    return strncmp(node->op_type, "RandomNormal", strlen("RandomNormal")) == 0;
}

static enum mopt_status fill_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const int64_t *shape;
    size_t rank;
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    enum mopt_status status = mopt__attr_ints(infer->node, "shape", &shape, &rank, err);
    if (status == MOPT_OK) {
        status = target_dtype(infer->node, MOPT_FLOAT32, &dtype, err);
    }
    if (status == MOPT_OK && rank > MOPT_RANK_MAX) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank is %zu", rank);
    }
    for (size_t i = 0; status == MOPT_OK && i < rank; i++) {
        if (shape[i] < 0) {
            status =
                mopt_error_set(err, MOPT_E_VALUE, "dimension %zu is %lld", i, (long long)shape[i]);
        }
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, (int)rank, shape, err) : status;
}

static enum mopt_status like_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    enum mopt_status status =
        target_dtype(infer->node, type != NULL ? type->dtype : MOPT_UNDEFINED, &dtype, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, type != NULL ? type->rank : -1,
                                               type != NULL ? type->dims : NULL, err)
                             : status;
}

static enum mopt_status draw(struct mopt_eval *eval, enum mopt_dtype dtype, int rank,
                             const int64_t *dims, struct mopt_error *err)
{
    bool normal = is_normal(eval->node);
    float start;
    float other;
    struct mopt_tensor *out;
    enum mopt_status status =
        mopt__attr_float(eval->node, normal ? "mean" : "low", 0.0F, &start, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, normal ? "scale" : "high", 1.0F, &other, err);
    }
    if (status == MOPT_OK) {
        status = check_target(eval->node, dtype, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, rank, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_rng own;
    struct mopt_rng *rng = generator(eval, &own);
    double scale = normal ? (double)other : (double)other - (double)start;
    for (size_t i = 0; i < out->count; i++) {
        double unit = normal ? mopt__rng_normal(rng) : mopt__rng_unit(rng);
        double value = (double)start + scale * unit;
        mopt__store_f64(dtype, mopt__tensor_data(out), (int64_t)i, 1, &value);
    }
    return MOPT_OK;
}

static enum mopt_status fill_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const int64_t *shape;
    size_t rank;
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    enum mopt_status status = mopt__attr_ints(eval->node, "shape", &shape, &rank, err);
    if (status == MOPT_OK && rank > MOPT_RANK_MAX) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank is %zu", rank);
    }
    if (status == MOPT_OK) {
        status = target_dtype(eval->node, MOPT_FLOAT32, &dtype, err);
    }
    return status == MOPT_OK ? draw(eval, dtype, (int)rank, shape, err) : status;
}

static enum mopt_status like_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    enum mopt_status status = target_dtype(eval->node, input->dtype, &dtype, err);
    return status == MOPT_OK ? draw(eval, dtype, input->rank, input->dims, err) : status;
}

// ---- Bernoulli and Multinomial ------------------------------------------------------------------

static enum mopt_status bernoulli_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    struct mopt_tensor *out;
    enum mopt_status status = target_dtype(eval->node, input->dtype, &dtype, err);
    if (status == MOPT_OK) {
        status = check_target(eval->node, dtype, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, input->rank, input->dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_rng own;
    struct mopt_rng *rng = generator(eval, &own);
    for (size_t i = 0; i < out->count; i++) {
        double probability = mopt__tensor_f64(input, i);
        if (!(probability >= 0 && probability <= 1)) {
            return mopt_error_set(err, MOPT_E_VALUE, "probability of element %zu is %g", i,
                                  probability);
        }
        double value = mopt__rng_unit(rng) < probability ? 1 : 0;
        mopt__store_f64(dtype, mopt__tensor_data(out), (int64_t)i, 1, &value);
    }
    return MOPT_OK;
}

static enum mopt_status multinomial_sizes(const struct mopt_node *node, enum mopt_dtype *dtype,
                                          int64_t *samples, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, "sample_size", 1, samples, err);
    if (status == MOPT_OK) {
        status = target_dtype(node, MOPT_INT32, dtype, err);
    }
    if (status == MOPT_OK && *samples < 0) {
        status = mopt_error_set(err, MOPT_E_VALUE, "attribute 'sample_size' is %lld",
                                (long long)*samples);
    }
    return status;
}

static enum mopt_status multinomial_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[2] = {MOPT_DIM_UNKNOWN, 0};
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    enum mopt_status status = multinomial_sizes(infer->node, &dtype, &dims[1], err);
    if (type != NULL && type->rank == 2) {
        dims[0] = type->dims[0];
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, 2, dims, err) : status;
}

// Draws from unnormalised log-probabilities: the largest is taken off before exp, so that nothing
// overflows.
static int64_t pick(const struct mopt_tensor *input, size_t row, struct mopt_rng *rng)
{
    size_t classes = (size_t)input->dims[1];
    double most = -(double)INFINITY;
    for (size_t k = 0; k < classes; k++) {
        most = fmax(most, mopt__tensor_f64(input, row * classes + k));
    }
    double total = 0;
    for (size_t k = 0; k < classes; k++) {
        total += exp(mopt__tensor_f64(input, row * classes + k) - most);
    }
    double left = mopt__rng_unit(rng) * total;
    for (size_t k = 0; k + 1 < classes; k++) {
        left -= exp(mopt__tensor_f64(input, row * classes + k) - most);
        if (left < 0) {
            return (int64_t)k;
        }
    }
    return (int64_t)classes - 1;
}

static enum mopt_status multinomial_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    int64_t samples;
    struct mopt_tensor *out;
    enum mopt_status status = multinomial_sizes(eval->node, &dtype, &samples, err);
    if (status == MOPT_OK) {
        status = check_target(eval->node, dtype, err);
    }
    if (status == MOPT_OK && (input->rank != 2 || input->dims[1] < 1)) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "input must have rank 2 and at least one class");
    }
    if (status == MOPT_OK) {
        int64_t dims[2] = {input->dims[0], samples};
        status = mopt__eval_output(eval, 0, dtype, 2, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_rng own;
    struct mopt_rng *rng = generator(eval, &own);
    for (size_t i = 0; i < out->count; i++) {
        mopt__element_set_i64(dtype, mopt__tensor_data(out), i,
                              pick(input, i / (size_t)samples, rng));
    }
    return MOPT_OK;
}

#define TRAITS (MOPT_TRAIT_RANDOM | MOPT_TRAIT_GENERATOR)
#define SEED MOPT_A_FLOAT_OPTIONAL("seed")
#define NORMAL MOPT_A_FLOAT("mean", 0), MOPT_A_FLOAT("scale", 1)
#define UNIFORM MOPT_A_FLOAT("low", 0), MOPT_A_FLOAT("high", 1)
#define FILL(op, text, ...)                                                                        \
    {                                                                                              \
        .domain = "", .name = op, .since = 1, .summary = text,                                     \
        MOPT_OUTPUTS({"output", "T", MOPT_SET_FLOATS_BF, 0}),                                      \
        MOPT_ATTRIBUTES(__VA_ARGS__, SEED, MOPT_A_INT("dtype", 1), MOPT_A_INTS_REQUIRED("shape")), \
        .traits = TRAITS, .infer = fill_infer, .eval = fill_eval                                   \
    }
#define LIKE(op, text, ...)                                                                 \
    {                                                                                       \
        .domain = "", .name = op, .since = 1, .summary = text,                              \
        MOPT_INPUTS({"input", "T1", MOPT_SET_ALL_25, 0}),                                   \
        MOPT_OUTPUTS({"output", "T2", MOPT_SET_FLOATS_BF, 0}),                              \
        MOPT_ATTRIBUTES(__VA_ARGS__, SEED, MOPT_A_INT_OPTIONAL("dtype")), .traits = TRAITS, \
        .infer = like_infer, .eval = like_eval                                              \
    }

static const struct mopt_op records[] = {
    FILL("RandomNormal", "normally distributed numbers of a given shape", NORMAL),
    FILL("RandomUniform", "uniformly distributed numbers of a given shape", UNIFORM),
    LIKE("RandomNormalLike", "normally distributed numbers in the shape of the input", NORMAL),
    LIKE("RandomUniformLike", "uniformly distributed numbers in the shape of the input", UNIFORM),
    {.domain = "",
     .name = "Bernoulli",
     .since = 15,
     .summary = "ones with the probabilities given by the input, else zeros",
     MOPT_INPUTS({"input", "T1", MOPT_SET_FLOATS_BF, 0}),
     MOPT_OUTPUTS({"output", "T2", MOPT_SET_NUMBERS_BF | MOPT_SET_BOOL, 0}),
     MOPT_ATTRIBUTES(SEED, MOPT_A_INT_OPTIONAL("dtype")),
     .traits = TRAITS,
     .infer = like_infer,
     .eval = bernoulli_eval},
    {.domain = "",
     .name = "Multinomial",
     .since = 7,
     .summary = "classes drawn by unnormalised log-probabilities",
     MOPT_INPUTS({"input", "T1", MOPT_SET_FLOATS_BF, 0}),
     MOPT_OUTPUTS({"output", "T2", MOPT_SET_INDEX, 0}),
     MOPT_ATTRIBUTES(SEED, MOPT_A_INT("dtype", 6), MOPT_A_INT("sample_size", 1)),
     .traits = TRAITS,
     .infer = multinomial_infer,
     .eval = multinomial_eval},
};
const struct mopt_op_family mopt__ops_random = {records, MOPT_COUNTOF(records)};
