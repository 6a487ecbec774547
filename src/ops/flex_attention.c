// SPDX-License-Identifier: Apache-2.0
// FlexAttention (preview): scaled dot products of queries and keys, a body that may change the
// scores, softmax, a body that may change the probabilities, weighted sum of values. Steps round to
// the element type, or to the softmax precision, as in the function body.
#include <math.h>

#include "ops/narrow.h"
#include "ops/nn_util.h"

struct flex {
    const struct mopt_tensor *q, *k, *v;
    double scale;                // square root, in the element type; queries and keys both get it
    enum mopt_dtype precision;   // of scores and probabilities
    struct mopt_graph *mods[2];  // of scores, of probabilities; NULL: none
    size_t heads, groups;        // query heads, key/value heads
    size_t batch, rows, columns; // queries, keys
    size_t size, value_size;     // of a head of q and k, of v
    int64_t dims[4];             // of the scores
};

static const char *const mod_names[2] = {"score_mod", "prob_mod"};

// ---- Reading ------------------------------------------------------------------------------------

static enum mopt_status read_mods(const struct mopt_node *node, struct mopt_graph **mods,
                                  struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < 2; i++) {
        mods[i] = NULL;
        if (!mopt__has_attribute(node, mod_names[i])) {
            continue;
        }
        status = mopt__attr_graph(node, mod_names[i], &mods[i], err);
        if (status == MOPT_OK && (mods[i]->inputs.count != 1 || mods[i]->outputs.count != 1)) {
            status = mopt_error_set(err, MOPT_E_FORMAT,
                                    "body '%s' has %zu inputs and %zu outputs, must have 1 and 1",
                                    mod_names[i], mods[i]->inputs.count, mods[i]->outputs.count);
        }
    }
    return status;
}

static enum mopt_status read_precision(const struct mopt_node *node, enum mopt_dtype dtype,
                                       enum mopt_dtype *precision, struct mopt_error *err)
{
    int64_t value = dtype == MOPT_FLOAT64 ? MOPT_FLOAT64 : MOPT_FLOAT32;
    enum mopt_status status = mopt__attr_int(node, "softmax_precision", value, &value, err);
    if (status == MOPT_OK && (value <= 0 || value > MOPT_BFLOAT16 ||
                              !(MOPT_SET_FLOATS_BF & MOPT_DT((enum mopt_dtype)value)))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'softmax_precision' has the value %lld",
                              (long long)value);
    }
    *precision = (enum mopt_dtype)value;
    return status;
}

static enum mopt_status open_shapes(struct flex *f, struct mopt_error *err)
{
    const int64_t *q = f->q->dims;
    const int64_t *k = f->k->dims;
    const int64_t *v = f->v->dims;
    if (f->q->rank != 4 || f->k->rank != 4 || f->v->rank != 4) {
        return mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V must have rank 4");
    }
    if (k[0] != q[0] || v[0] != q[0] || v[1] != k[1] || v[2] != k[2] || k[3] != q[3]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V do not fit together");
    }
    if (q[1] != k[1] && (k[1] == 0 || q[1] % k[1] != 0)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%lld query heads over %lld key heads",
                              (long long)q[1], (long long)k[1]);
    }
    f->batch = (size_t)q[0];
    f->heads = (size_t)q[1];
    f->groups = (size_t)k[1];
    f->rows = (size_t)q[2];
    f->columns = (size_t)k[2];
    f->size = (size_t)q[3];
    f->value_size = (size_t)v[3];
    f->dims[0] = q[0];
    f->dims[1] = q[1];
    f->dims[2] = q[2];
    f->dims[3] = k[2];
    return MOPT_OK;
}

static enum mopt_status open_flex(const struct mopt_eval *eval, struct flex *f,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL};
    float scale = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    *f = (struct flex){in[0], in[1], in[2], .scale = 0};
    if (status == MOPT_OK) {
        status = open_shapes(f, err);
    }
    if (status == MOPT_OK) {
        status = read_precision(eval->node, f->q->dtype, &f->precision, err);
    }
    if (status == MOPT_OK) {
        status = read_mods(eval->node, f->mods, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "scale", 0, &scale, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if ((f->mods[0] || f->mods[1]) && !eval->body) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "bodies cannot be run here");
    }
    bool given = mopt__has_attribute(eval->node, "scale");
    scale = given ? scale : 1 / sqrtf((float)f->size);
    f->scale = mopt__round_to(f->q->dtype, (double)sqrtf(scale));
    return MOPT_OK;
}

// ---- Running ------------------------------------------------------------------------------------

// Scores of the queries of one head, scaled and in the softmax precision.
static void score_head(const struct flex *f, size_t head, struct mopt_tensor *scores)
{
    size_t share = f->groups ? f->heads / f->groups : 1;
    size_t group = head / f->heads * f->groups + head % f->heads / share;
    enum mopt_dtype dtype = f->q->dtype;
    for (size_t i = 0; i < f->rows * f->columns; i++) {
        size_t query = (head * f->rows + i / f->columns) * f->size;
        size_t key = (group * f->columns + i % f->columns) * f->size;
        double sum = 0;
        for (size_t d = 0; d < f->size; d++) {
            double q = mopt__tensor_f64(f->q, query + d);
            double k = mopt__tensor_f64(f->k, key + d);
            sum += mopt__round_to(dtype, q * f->scale) * mopt__round_to(dtype, k * f->scale);
        }
        mopt__nn_store_at(scores, head * f->rows * f->columns + i, mopt__round_to(dtype, sum));
    }
}

static void softmax_row(const struct flex *f, const struct mopt_tensor *scores,
                        struct mopt_tensor *out, size_t row)
{
    size_t first = row * f->columns;
    double top = -INFINITY;
    struct mopt_narrow_sum sum = {.dtype = f->precision};
    for (size_t j = 0; j < f->columns; j++) {
        double x = mopt__tensor_f64(scores, first + j);
        top = x > top ? x : top;
    }
    for (size_t j = 0; j < f->columns; j++) {
        double x = mopt__round_to(f->precision, mopt__tensor_f64(scores, first + j) - top);
        x = mopt__round_to(f->precision, exp(x));
        mopt__narrow_add(&sum, x);
        mopt__nn_store_at(out, first + j, x);
    }
    double whole = mopt__narrow_result(&sum);
    for (size_t j = 0; j < f->columns; j++) {
        mopt__nn_store_at(out, first + j, mopt__tensor_f64(out, first + j) / whole);
    }
}

static void mix_head(const struct flex *f, const struct mopt_tensor *probs, size_t head,
                     struct mopt_tensor *y)
{
    size_t share = f->groups ? f->heads / f->groups : 1;
    size_t group = head / f->heads * f->groups + head % f->heads / share;
    for (size_t i = 0; i < f->rows * f->value_size; i++) {
        size_t row = head * f->rows + i / f->value_size;
        double sum = 0;
        for (size_t j = 0; j < f->columns; j++) {
            size_t at = (group * f->columns + j) * f->value_size + i % f->value_size;
            sum += mopt__tensor_f64(probs, row * f->columns + j) *
                   mopt__round_to(f->precision, mopt__tensor_f64(f->v, at));
        }
        mopt__nn_store_at(y, head * f->rows * f->value_size + i, mopt__round_to(f->precision, sum));
    }
}

// Replaces *tensor by what body i makes of it.
static enum mopt_status modify(struct mopt_eval *eval, const struct flex *f, int i,
                               struct mopt_tensor **tensor, struct mopt_error *err)
{
    struct mopt_datum *in = NULL;
    struct mopt_datum *out = NULL;
    if (!f->mods[i]) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__datum_tensor(*tensor, &in, err);
    if (status == MOPT_OK) {
        status = eval->body(eval, f->mods[i], &in, 1, &out, err);
    }
    const struct mopt_tensor *t =
        status == MOPT_OK && out->kind == MOPT_DATUM_TENSOR ? out->tensor : NULL;
    bool fits = t && t->dtype == f->precision && t->rank == 4;
    for (int k = 0; fits && k < 4; k++) {
        fits = t->dims[k] == f->dims[k];
    }
    if (status == MOPT_OK && !fits) {
        status =
            mopt_error_set(err, MOPT_E_SHAPE, "body '%s' must keep the type and shape of its input",
                           mod_names[i]);
    }
    if (status == MOPT_OK) {
        mopt__tensor_unref(*tensor);
        *tensor = mopt__tensor_ref(out->tensor);
    }
    mopt__datum_unref(in);
    mopt__datum_unref(out);
    return status;
}

static enum mopt_status make_scores(struct mopt_eval *eval, const struct flex *f,
                                    struct mopt_tensor **scores, struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(f->precision, 4, f->dims, scores, err);
    for (size_t i = 0; status == MOPT_OK && i < f->batch * f->heads; i++) {
        score_head(f, i, *scores);
        status = mopt__nn_tick(eval, err);
    }
    return status == MOPT_OK ? modify(eval, f, 0, scores, err) : status;
}

static enum mopt_status make_probs(struct mopt_eval *eval, const struct flex *f,
                                   const struct mopt_tensor *scores, struct mopt_tensor **probs,
                                   struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(f->precision, 4, f->dims, probs, err);
    for (size_t i = 0; status == MOPT_OK && i < f->batch * f->heads; i++) {
        for (size_t row = 0; row < f->rows; row++) {
            softmax_row(f, scores, *probs, i * f->rows + row);
        }
        status = mopt__nn_tick(eval, err);
    }
    return status == MOPT_OK ? modify(eval, f, 1, probs, err) : status;
}

static enum mopt_status flex_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct flex f;
    struct mopt_tensor *scores = NULL;
    struct mopt_tensor *probs = NULL;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_flex(eval, &f, err);
    if (status == MOPT_OK) {
        status = make_scores(eval, &f, &scores, err);
    }
    if (status == MOPT_OK) {
        status = make_probs(eval, &f, scores, &probs, err);
    }
    if (status == MOPT_OK) {
        const int64_t dims[4] = {f.dims[0], f.dims[1], f.dims[2], f.v->dims[3]};
        status = mopt__eval_output(eval, 0, f.q->dtype, 4, dims, &y, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < f.batch * f.heads; i++) {
        mix_head(&f, probs, i, y);
        status = mopt__nn_tick(eval, err);
    }
    mopt__tensor_unref(scores);
    mopt__tensor_unref(probs);
    return status;
}

// ---- Inference ----------------------------------------------------------------------------------

static enum mopt_status infer_mods(struct mopt_infer *infer, const int64_t *dims,
                                   struct mopt_error *err)
{
    struct mopt_graph *mods[2];
    enum mopt_dtype precision = MOPT_UNDEFINED;
    enum mopt_status status = read_mods(infer->node, mods, err);
    if (status == MOPT_OK) {
        status = read_precision(infer->node, mopt__infer_dtype(infer, 0), &precision, err);
    }
    for (int i = 0; status == MOPT_OK && i < 2; i++) {
        struct mopt_fact in = {.type = NULL};
        struct mopt_fact out = {.type = NULL};
        in.type = mopt__type_tensor(infer->arena, precision, 4, dims);
        if (!in.type) {
            return mopt_error_memory(err);
        }
        if (mods[i]) {
            status = infer->body(infer, mods[i], &in, 1, &out, err);
        }
        if (status == MOPT_OK && out.type &&
            (out.type->kind != MOPT_TYPE_TENSOR || out.type->dtype != precision ||
             (out.type->rank >= 0 && out.type->rank != 4))) {
            status =
                mopt_error_set(err, MOPT_E_TYPE,
                               "body '%s' must keep the type and shape of its input", mod_names[i]);
        }
    }
    return status;
}

static enum mopt_status check_facts(struct mopt_infer *infer, const struct mopt_type *q,
                                    const struct mopt_type *k, const struct mopt_type *v,
                                    struct mopt_error *err)
{
    const struct mopt_dims *table = infer->dims;
    bool wrong = q && k && mopt__nn_dims_differ(table, q->dims[3], k->dims[3]);
    wrong = wrong || (k && v &&
                      (mopt__nn_dims_differ(table, k->dims[1], v->dims[1]) ||
                       mopt__nn_dims_differ(table, k->dims[2], v->dims[2])));
    return wrong ? mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V do not fit together") : MOPT_OK;
}

static enum mopt_status flex_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *in[3];
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < 3; i++) {
        in[i] = mopt__infer_tensor(infer, i);
        status = status == MOPT_OK ? mopt__nn_infer_rank(infer, i, 4, 4, err) : status;
        in[i] = in[i] && in[i]->rank == 4 ? in[i] : NULL;
    }
    if (status == MOPT_OK) {
        status = check_facts(infer, in[0], in[1], in[2], err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[4] = {MOPT_DIM_UNKNOWN, MOPT_DIM_UNKNOWN, MOPT_DIM_UNKNOWN,
                       in[1] ? in[1]->dims[2] : MOPT_DIM_UNKNOWN};
    for (int i = 0; in[0] && i < 3; i++) {
        dims[i] = in[0]->dims[i];
    }
    status = infer_mods(infer, dims, err);
    dims[3] = in[2] ? in[2]->dims[3] : MOPT_DIM_UNKNOWN;
    return status == MOPT_OK ? mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 4, dims, err)
                             : status;
}

// Two products of every query with every key.
static void flex_cost(struct mopt_cost *cost)
{
    int64_t q[MOPT_RANK_MAX];
    int64_t k[MOPT_RANK_MAX];
    int rank = 0;
    int k_rank = 0;
    uint64_t elements = 0;
    if (mopt__nn_cost_in(cost, 0, &rank, q) && mopt__nn_cost_in(cost, 1, &k_rank, k) &&
        k_rank == 4 && mopt__nn_count(q, rank, &elements)) {
        cost->known = !__builtin_mul_overflow(2 * elements, (uint64_t)k[2], &cost->macs);
    }
}

#define F MOPT_SET_FLOATS_BF

static const struct mopt_op records[] = {
    {.domain = "ai.onnx.preview",
     .name = "FlexAttention",
     .since = 1,
     .summary = "scaled dot-product attention with bodies that change scores and probabilities",
     MOPT_INPUTS({"Q", "T1", F, 0}, {"K", "T1", F, 0}, {"V", "T1", F, 0}),
     MOPT_OUTPUTS({"Y", "T1", F, 0}),
     MOPT_ATTRIBUTES({.name = "prob_mod", .kind = MOPT_ATTR_GRAPH}, MOPT_A_FLOAT_OPTIONAL("scale"),
                     {.name = "score_mod", .kind = MOPT_ATTR_GRAPH},
                     MOPT_A_INT_OPTIONAL("softmax_precision")),
     .traits = MOPT_TRAIT_CONTROL,
     .infer = flex_infer,
     .eval = flex_eval,
     .cost = flex_cost},
};
const struct mopt_op_family mopt__ops_flex_attention = {records, MOPT_COUNTOF(records)};
