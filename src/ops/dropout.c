// SPDX-License-Identifier: Apache-2.0
// Dropout: identity when not training; in training elements are zeroed at random and the rest
// scaled up. With a seed the mask is that of numpy's RandomState(seed).uniform (Mersenne twister
// MT19937, Matsumoto and Nishimura 1998), which the ONNX suite expects.
#include "ops/nn_util.h"

enum { MT_SIZE = 624, MT_SHIFT = 397 };

struct twister {
    uint32_t state[MT_SIZE];
    size_t at;
};

static void twister_init(struct twister *mt, uint32_t seed)
{
    for (uint32_t i = 0; i < MT_SIZE; i++) {
        mt->state[i] = seed;
        seed = UINT32_C(1812433253) * (seed ^ (seed >> 30)) + i + 1;
    }
    mt->at = MT_SIZE;
}

static void twist(struct twister *mt)
{
    for (size_t i = 0; i < MT_SIZE; i++) {
        uint32_t mixed = (mt->state[i] & UINT32_C(0x80000000)) |
                         (mt->state[(i + 1) % MT_SIZE] & UINT32_C(0x7fffffff));
        uint32_t next = mt->state[(i + MT_SHIFT) % MT_SIZE] ^ (mixed >> 1);
        mt->state[i] = mixed & 1 ? next ^ UINT32_C(0x9908b0df) : next;
    }
    mt->at = 0;
}

static uint32_t twister_next(struct twister *mt)
{
    if (mt->at == MT_SIZE) {
        twist(mt);
    }
    uint32_t y = mt->state[mt->at++];
    y ^= y >> 11;
    y ^= (y << 7) & UINT32_C(0x9d2c5680);
    y ^= (y << 15) & UINT32_C(0xefc60000);
    return y ^ (y >> 18);
}

// Uniform in [0,1) with 53 random bits.
static double twister_unit(struct twister *mt)
{
    uint32_t high = twister_next(mt) >> 5;
    uint32_t low = twister_next(mt) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

struct dropout {
    double ratio;
    bool training, seeded;
    uint32_t seed;
};

static enum mopt_status read_old(const struct mopt_eval *eval, struct dropout *d,
                                 struct mopt_error *err)
{
    float ratio = 0.5F;
    int64_t is_test = 1;
    enum mopt_status status = mopt__attr_float(eval->node, "ratio", 0.5F, &ratio, err);
    if (status == MOPT_OK && eval->version < 7) {
        status = mopt__attr_int(eval->node, "is_test", 0, &is_test, err);
    }
    d->ratio = (double)ratio;
    d->training = is_test == 0;
    return status;
}

static enum mopt_status read_new(const struct mopt_eval *eval, const struct mopt_tensor *const *in,
                                 struct dropout *d, struct mopt_error *err)
{
    int64_t seed = 0;
    d->ratio = mopt__nn_scalar(in[1], 0.5);
    d->training = mopt__nn_scalar(in[2], 0) != 0;
    d->seeded = mopt__has_attribute(eval->node, "seed");
    enum mopt_status status = mopt__attr_int(eval->node, "seed", 0, &seed, err);
    d->seed = (uint32_t)(uint64_t)seed;
    return status;
}

static void drop(const struct mopt_eval *eval, const struct dropout *d, const struct mopt_tensor *x,
                 struct mopt_tensor *y, struct mopt_tensor *mask)
{
    struct twister mt;
    twister_init(&mt, d->seed);
    double scale = 1 / (1 - d->ratio);
    for (size_t i = 0; i < x->count; i++) {
        double random = d->seeded ? twister_unit(&mt) : mopt__rng_unit(eval->rng);
        bool kept = random >= d->ratio;
        mopt__nn_store_at(y, i, kept ? mopt__tensor_f64(x, i) * scale : 0);
        if (mask) {
            mopt__nn_store_at(mask, i, kept ? 1 : 0);
        }
    }
}

static enum mopt_status dropout_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL};
    struct dropout d = {0};
    struct mopt_tensor *y = NULL;
    struct mopt_tensor *mask = NULL;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = eval->version < 12 ? read_old(eval, &d, err) : read_new(eval, in, &d, err);
    }
    if (status == MOPT_OK && !(d.ratio >= 0 && d.ratio < 1)) {
        return mopt_error_set(err, MOPT_E_VALUE, "ratio is %g, must be in [0, 1)", d.ratio);
    }
    bool active = d.training && d.ratio > 0;
    if (status == MOPT_OK && !active) {
        status = mopt__eval_set(eval, 0, mopt__eval_input_mutable(eval, 0), err);
    } else if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &y, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        enum mopt_dtype dtype = eval->version < 10 ? in[0]->dtype : MOPT_BOOL;
        status = mopt__eval_output(eval, 1, dtype, in[0]->rank, in[0]->dims, &mask, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (active) {
        drop(eval, &d, in[0], y, mask);
        return MOPT_OK;
    }
    for (size_t i = 0; mask && i < mask->count; i++) {
        mopt__nn_store_at(mask, i, 1);
    }
    return MOPT_OK;
}

static enum mopt_status dropout_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    enum mopt_status status = mopt__infer_like(infer, err);
    if (status != MOPT_OK || !x) {
        return status;
    }
    enum mopt_dtype dtype = infer->version < 10 ? x->dtype : MOPT_BOOL;
    return mopt__infer_set(infer, 1, dtype, x->rank, x->dims, err);
}

#define OLD(from, to, mask_type, mask_set, ...)                                           \
    {                                                                                     \
        .domain = "", .name = "Dropout", .since = from, .until = to,                      \
        .summary = "random zeroing in training, identity else",                           \
        MOPT_INPUTS({"data", "T", MOPT_SET_FLOATS, 0}),                                   \
        MOPT_OUTPUTS({"output", "T", MOPT_SET_FLOATS, 0},                                 \
                     {"mask", mask_type, mask_set, MOPT_PARAM_OPTIONAL}),                 \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("ratio", 0.5), __VA_ARGS__), .infer = dropout_infer, \
        .eval = dropout_eval, .cost = mopt__cost_output                                   \
    }
#define NEW(from, to, set, ratio_set)                                                              \
    {                                                                                              \
        .domain = "", .name = "Dropout", .since = from, .until = to,                               \
        .summary = "random zeroing in training, identity else",                                    \
        MOPT_INPUTS({"data", "T", set, 0}, {"ratio", "T1", ratio_set, MOPT_PARAM_OPTIONAL},        \
                    {"training_mode", "T2", MOPT_SET_BOOL, MOPT_PARAM_OPTIONAL}),                  \
        MOPT_OUTPUTS({"output", "T", set, 0}, {"mask", "T2", MOPT_SET_BOOL, MOPT_PARAM_OPTIONAL}), \
        MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("seed")), .infer = dropout_infer,                      \
        .eval = dropout_eval, .cost = mopt__cost_output                                            \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "Dropout",
     .since = 1,
     .until = 5,
     .summary = "random zeroing in training, identity else",
     .traits = MOPT_TRAIT_RANDOM,
     MOPT_INPUTS({"data", "T", MOPT_SET_FLOATS, 0}),
     MOPT_OUTPUTS({"output", "T", MOPT_SET_FLOATS, 0},
                  {"mask", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("ratio", 0.5), MOPT_A_INT("is_test", 0), MOPT_A_CONSUMED),
     .infer = dropout_infer,
     .eval = dropout_eval,
     .cost = mopt__cost_output},
    OLD(6, 6, "T", MOPT_SET_FLOATS, MOPT_A_INT("is_test", 0)),
    OLD(7, 9, "T", MOPT_SET_FLOATS, ),
    OLD(10, 11, "T1", MOPT_SET_BOOL, ),
    NEW(12, 12, MOPT_SET_FLOATS, MOPT_SET_FLOATS),
    NEW(13, 21, MOPT_SET_FLOATS_BF, MOPT_SET_FLOATS),
    NEW(22, 0, MOPT_SET_FLOATS_BF | MOPT_SET_FLOAT8, MOPT_SET_FLOATS_BF | MOPT_SET_FLOAT8),
};
const struct mopt_op_family mopt__ops_dropout = {records, MOPT_COUNTOF(records)};
