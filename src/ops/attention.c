// SPDX-License-Identifier: Apache-2.0
// Attention: scaled dot products of queries and keys, soft cap, masks, softmax, weighted sum of
// values; grouped heads and key/value caches. Steps are rounded to the element type as the
// operator's function body does.
#include <math.h>
#include <string.h>

#include "ops/attention_node.h"
#include "ops/narrow.h"

// ---- Reading ---------------------------------------------------------------------------------------------------------

static enum mopt_status read_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                 int64_t low, int64_t high, int64_t *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, name, fallback, out, err);
    if (status == MOPT_OK && (*out < low || *out > high)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)*out);
    }
    return status;
}

static enum mopt_status read_attributes(const struct mopt_node *node, struct mopt_attention_node *a,
                                        struct mopt_error *err)
{
    int64_t causal = 0;
    int64_t precision = 0;
    float scale = 0;
    float softcap = 0;
    enum mopt_status status = read_int(node, "is_causal", 0, 0, 1, &causal, err);
    if (status == MOPT_OK) {
        status = read_int(node, "qk_matmul_output_mode", 0, 0, 3, &a->output_mode, err);
    }
    if (status == MOPT_OK) {
        status = read_int(node, "softmax_precision", 0, 0, MOPT_BFLOAT16, &precision, err);
    }
    if (status == MOPT_OK) {
        status = read_int(node, "left_window_size", -1, -1, INT32_MAX, &a->left, err);
    }
    if (status == MOPT_OK) {
        status = read_int(node, "right_window_size", -1, -1, INT32_MAX, &a->right, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "scale", 0, &scale, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "softcap", 0, &softcap, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (precision != 0 && !(MOPT_SET_FLOATS_BF & MOPT_DT((enum mopt_dtype)precision))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'softmax_precision' has the value %lld",
                              (long long)precision);
    }
    a->causal = causal == 1;
    a->precision = (enum mopt_dtype)precision;
    a->scale = mopt__has_attribute(node, "scale") ? (double)scale : NAN; // NAN: by head size
    a->softcap = (double)softcap;
    return MOPT_OK;
}

static enum mopt_status open_flat(const struct mopt_node *node, struct mopt_attention_node *a,
                                  struct mopt_error *err)
{
    int64_t heads = 0;
    int64_t groups = 0;
    enum mopt_status status = read_int(node, "q_num_heads", 0, 1, INT32_MAX, &heads, err);
    if (status == MOPT_OK) {
        status = read_int(node, "kv_num_heads", 0, 1, INT32_MAX, &groups, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (a->q->dims[2] % heads != 0 || a->k->dims[2] % groups != 0 || a->v->dims[2] % groups != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "hidden sizes do not divide into the heads");
    }
    a->heads = (size_t)heads;
    a->groups = (size_t)groups;
    a->rows = (size_t)a->q->dims[1];
    a->fresh = (size_t)a->k->dims[1];
    a->size = (size_t)(a->q->dims[2] / heads);
    a->value_size = (size_t)(a->v->dims[2] / groups);
    bool fits = a->k->dims[2] / groups == (int64_t)a->size && a->v->dims[1] == a->k->dims[1];
    return fits ? MOPT_OK : mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V do not fit together");
}

static enum mopt_status open_heads(const struct mopt_node *node, struct mopt_attention_node *a,
                                   struct mopt_error *err)
{
    if (node->op->since >= 25 &&
        (mopt__has_attribute(node, "q_num_heads") || mopt__has_attribute(node, "kv_num_heads"))) {
        return mopt_error_set(
            err, MOPT_E_FORMAT,
            "attributes 'q_num_heads' and 'kv_num_heads' are for inputs of rank 3");
    }
    a->heads = (size_t)a->q->dims[1];
    a->groups = (size_t)a->k->dims[1];
    a->rows = (size_t)a->q->dims[2];
    a->fresh = (size_t)a->k->dims[2];
    a->size = (size_t)a->q->dims[3];
    a->value_size = (size_t)a->v->dims[3];
    bool fits = a->v->dims[1] == a->k->dims[1] && a->v->dims[2] == a->k->dims[2] &&
                a->k->dims[3] == a->q->dims[3];
    return fits ? MOPT_OK : mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V do not fit together");
}

static enum mopt_status check_cache(const struct mopt_attention_node *a,
                                    const struct mopt_tensor *t, size_t size,
                                    struct mopt_error *err)
{
    if (!t || (t->rank == 4 && (size_t)t->dims[0] == a->batch && (size_t)t->dims[1] == a->groups &&
               (size_t)t->dims[2] == a->past && (size_t)t->dims[3] == size)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "the cache does not fit the keys and values");
}

static enum mopt_status open_cache(struct mopt_attention_node *a, struct mopt_error *err)
{
    if (!a->past_k != !a->past_v) {
        return mopt_error_set(err, MOPT_E_FORMAT, "past_key and past_value must come together");
    }
    if (a->lengths && a->past_k) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "nonpad_kv_seqlen cannot be combined with a cache");
    }
    a->past = a->past_k && a->past_k->rank == 4 ? (size_t)a->past_k->dims[2] : 0;
    a->total = a->past + a->fresh;
    enum mopt_status status = check_cache(a, a->past_k, a->size, err);
    if (status == MOPT_OK) {
        status = check_cache(a, a->past_v, a->value_size, err);
    }
    return status == MOPT_OK
               ? mopt__nn_vector(a->lengths, "nonpad_kv_seqlen", (int64_t)a->batch, err)
               : status;
}

// The mask must broadcast to [batch, heads, rows, total]; its last axis may be shorter.
static enum mopt_status check_mask(const struct mopt_attention_node *a, struct mopt_error *err)
{
    const size_t want[4] = {a->batch, a->heads, a->rows, a->total};
    const struct mopt_tensor *m = a->mask;
    bool fits = !m || (m->rank >= 1 && m->rank <= 4);
    for (int i = 0; m && fits && i < m->rank; i++) {
        size_t dim = (size_t)m->dims[i];
        size_t full = want[4 - m->rank + i];
        fits = i == m->rank - 1 ? dim <= full : dim == 1 || dim == full;
    }
    return fits ? MOPT_OK
                : mopt_error_set(err, MOPT_E_SHAPE, "input 'attn_mask' does not broadcast");
}

enum mopt_status mopt__attention_open(const struct mopt_eval *eval, struct mopt_attention_node *a,
                                      struct mopt_error *err)
{
    const struct mopt_tensor *in[7] = {NULL};
    *a = (struct mopt_attention_node){.q = NULL};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, a, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    a->q = in[0];
    a->k = in[1];
    a->v = in[2];
    a->mask = in[3];
    a->past_k = in[4];
    a->past_v = in[5];
    a->lengths = in[6];
    a->flat = a->q->rank == 3;
    if (a->q->rank < 3 || a->q->rank > 4 || a->k->rank != a->q->rank || a->v->rank != a->q->rank ||
        a->k->dims[0] != a->q->dims[0] || a->v->dims[0] != a->q->dims[0]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "Q, K and V must have rank 3 or 4 and one batch");
    }
    a->batch = (size_t)a->q->dims[0];
    status = a->flat ? open_flat(eval->node, a, err) : open_heads(eval->node, a, err);
    if (status == MOPT_OK && (a->groups == 0 || a->heads % a->groups != 0)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu query heads over %zu key heads", a->heads,
                              a->groups);
    }
    if (status == MOPT_OK) {
        status = open_cache(a, err);
    }
    if (status == MOPT_OK) {
        status = check_mask(a, err);
    }
    double scale = isnan(a->scale) ? 1 / sqrt((double)a->size) : a->scale;
    a->scale = mopt__round_to(a->q->dtype, sqrt(scale));
    a->precision = a->precision == MOPT_UNDEFINED ? a->q->dtype : a->precision;
    return status;
}

// ---- Running ---------------------------------------------------------------------------------------------------------

// Where one vector stands in a tensor of either layout.
struct place {
    size_t batch, head, position;
    size_t heads, length, size; // of the tensor
};

static double element(const struct mopt_attention_node *a, const struct mopt_tensor *t,
                      const struct place *p, size_t d)
{
    size_t line = a->flat ? (p->batch * p->length + p->position) * p->heads + p->head
                          : (p->batch * p->heads + p->head) * p->length + p->position;
    return mopt__tensor_f64(t, line * p->size + d);
}

// Keys or values with the cache in front: [batch, groups, total, size].
static void join(const struct mopt_attention_node *a, const struct mopt_tensor *past,
                 const struct mopt_tensor *fresh, size_t size, double *out)
{
    for (size_t i = 0; i < a->batch * a->groups; i++) {
        for (size_t s = 0; s < a->total; s++) {
            struct place p = {i / a->groups, i % a->groups, s - a->past, a->groups, a->fresh, size};
            for (size_t d = 0; d < size; d++) {
                *out++ = s < a->past ? mopt__tensor_f64(past, (i * a->past + s) * size + d)
                                     : element(a, fresh, &p, d);
            }
        }
    }
}

static double mask_at(const struct mopt_attention_node *a, size_t b, size_t h, size_t row,
                      size_t column)
{
    const size_t at[4] = {b, h, row, column};
    const struct mopt_tensor *m = a->mask;
    if (!m) {
        return 0;
    }
    if (column >= (size_t)m->dims[m->rank - 1]) {
        return -INFINITY;
    }
    size_t index = 0;
    for (int i = 0; i < m->rank; i++) {
        size_t dim = (size_t)m->dims[i];
        size_t value = at[4 - m->rank + i];
        index = index * dim + (dim == 1 && i < m->rank - 1 ? 0 : value);
    }
    double value = mopt__tensor_f64(m, index);
    if (m->dtype == MOPT_BOOL) {
        return value != 0 ? 0 : -INFINITY;
    }
    return mopt__round_to(a->q->dtype, value);
}

// What is added to the score of one query and key; -infinity: not to be seen.
double mopt__attention_added(const struct mopt_attention_node *a, size_t b, size_t h, size_t row,
                             size_t column)
{
    double bias = mask_at(a, b, h, row, column);
    int64_t offset = (int64_t)a->past;
    int64_t length = (int64_t)a->total;
    if (a->lengths) {
        length = mopt__tensor_i64_at(a->lengths, b);
        offset = length - (int64_t)a->rows;
    }
    int64_t ahead = (int64_t)column - ((int64_t)row + offset);
    bool hidden = (a->causal && ahead > 0) || (a->left >= 0 && -ahead > a->left) ||
                  (a->right >= 0 && ahead > a->right) || (int64_t)column >= length;
    return hidden ? -INFINITY : bias;
}

// Softmax of one row in the chosen precision; a row without a visible key becomes 0.
static void softmax(const struct mopt_attention_node *a, double *row, bool masked)
{
    double top = -INFINITY;
    struct mopt_narrow_sum sum = {.dtype = a->precision};
    for (size_t j = 0; j < a->total; j++) {
        row[j] = mopt__round_to(a->precision, row[j]);
        top = row[j] > top ? row[j] : top;
    }
    top = top == -INFINITY ? 0 : top;
    for (size_t j = 0; j < a->total; j++) {
        row[j] = mopt__round_to(a->precision, exp(mopt__round_to(a->precision, row[j] - top)));
        mopt__narrow_add(&sum, row[j]);
    }
    const double whole = mopt__narrow_result(&sum);
    for (size_t j = 0; j < a->total; j++) {
        double value = whole == 0 ? 0 : mopt__round_to(a->precision, row[j] / whole);
        row[j] = masked ? 0 : mopt__round_to(a->q->dtype, value);
    }
}

struct outputs {
    struct mopt_tensor *y, *scores;
    const double *keys, *values;
    double *row;
};

static double score(const struct mopt_attention_node *a, const double *keys, size_t b, size_t h,
                    size_t row, size_t column)
{
    enum mopt_dtype dtype = a->q->dtype;
    const double *key = keys + column * a->size;
    struct place p = {b, h, row, a->heads, a->rows, a->size};
    double sum = 0;
    for (size_t d = 0; d < a->size; d++) {
        double q = element(a, a->q, &p, d);
        sum += mopt__round_to(dtype, q * a->scale) * mopt__round_to(dtype, key[d] * a->scale);
    }
    sum = mopt__round_to(dtype, sum);
    if (a->softcap > 0) {
        sum = mopt__round_to(dtype, sum / a->softcap);
        sum = mopt__round_to(dtype, mopt__round_to(dtype, tanh(sum)) * a->softcap);
    }
    return sum;
}

static void attend_row(const struct mopt_attention_node *a, const struct outputs *o, size_t b,
                       size_t h, size_t row)
{
    size_t group = b * a->groups + h / (a->heads / a->groups);
    const double *keys = o->keys + group * a->total * a->size;
    const double *values = o->values + group * a->total * a->value_size;
    size_t line = (b * a->heads + h) * a->rows + row;
    bool masked = true;
    for (size_t j = 0; j < a->total; j++) {
        double plain = score(a, keys, b, h, row, j);
        double bias = mopt__attention_added(a, b, h, row, j);
        masked = masked && bias == -INFINITY;
        o->row[j] = mopt__round_to(a->q->dtype, plain + bias);
        if (o->scores && a->output_mode < 3) {
            mopt__nn_store_at(o->scores, line * a->total + j,
                              a->output_mode == 2 ? o->row[j] : plain);
        }
    }
    softmax(a, o->row, masked);
    for (size_t j = 0; o->scores && a->output_mode == 3 && j < a->total; j++) {
        mopt__nn_store_at(o->scores, line * a->total + j, o->row[j]);
    }
    for (size_t d = 0; d < a->value_size; d++) {
        double sum = 0;
        for (size_t j = 0; j < a->total; j++) {
            sum += o->row[j] * values[j * a->value_size + d];
        }
        size_t at = a->flat ? ((b * a->rows + row) * a->heads + h) * a->value_size + d
                            : line * a->value_size + d;
        mopt__nn_store_at(o->y, at, sum);
    }
}

static enum mopt_status put_caches(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                   const double *keys, const double *values, struct mopt_error *err)
{
    int64_t dims[4] = {(int64_t)a->batch, (int64_t)a->groups, (int64_t)a->total, (int64_t)a->size};
    enum mopt_status status = MOPT_OK;
    if (mopt__eval_wants(eval, 1)) {
        status = mopt__nn_put(eval, 1, a->k->dtype, 4, dims, keys, err);
    }
    dims[3] = (int64_t)a->value_size;
    if (status == MOPT_OK && mopt__eval_wants(eval, 2)) {
        status = mopt__nn_put(eval, 2, a->v->dtype, 4, dims, values, err);
    }
    return status;
}

enum mopt_status mopt__attention_output(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                        struct mopt_tensor **y, struct mopt_error *err)
{
    int64_t batch = (int64_t)a->batch;
    int64_t heads = (int64_t)a->heads;
    int64_t rows = (int64_t)a->rows;
    int64_t size = (int64_t)a->value_size;
    const int64_t flat[3] = {batch, rows, heads * size};
    const int64_t full[4] = {batch, heads, rows, size};
    return mopt__eval_output(eval, 0, a->q->dtype, a->flat ? 3 : 4, a->flat ? flat : full, y, err);
}

static enum mopt_status new_outputs(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                    struct outputs *o, struct mopt_error *err)
{
    const int64_t scores[4] = {(int64_t)a->batch, (int64_t)a->heads, (int64_t)a->rows,
                               (int64_t)a->total};
    enum mopt_status status = mopt__attention_output(eval, a, &o->y, err);
    if (status == MOPT_OK && mopt__eval_wants(eval, 3)) {
        status = mopt__eval_output(eval, 3, a->q->dtype, 4, scores, &o->scores, err);
    }
    return status;
}

static enum mopt_status attend(struct mopt_eval *eval, const struct mopt_attention_node *a,
                               double *keys, double *values, double *row, struct mopt_error *err)
{
    struct outputs o = {NULL, NULL, keys, values, row};
    join(a, a->past_k, a->k, a->size, keys);
    join(a, a->past_v, a->v, a->value_size, values);
    enum mopt_status status = put_caches(eval, a, keys, values, err);
    if (status == MOPT_OK) {
        status = new_outputs(eval, a, &o, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < a->batch * a->heads; i++) {
        for (size_t s = 0; s < a->rows; s++) {
            attend_row(a, &o, i / a->heads, i % a->heads, s);
        }
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

enum mopt_status mopt__attention_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_attention_node a;
    enum mopt_status status = mopt__attention_open(eval, &a, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t lines = a.batch * a.groups * a.total;
    double *keys = mopt__calloc(lines + 1, (a.size + 1) * sizeof *keys);
    double *values = mopt__calloc(lines + 1, (a.value_size + 1) * sizeof *values);
    double *row = mopt__calloc(a.total + 1, sizeof *row);
    status =
        keys && values && row ? attend(eval, &a, keys, values, row, err) : mopt_error_memory(err);
    mopt__free(keys);
    mopt__free(values);
    mopt__free(row);
    return status;
}

// ---- Inference -------------------------------------------------------------------------------------------------------

struct inferred {
    int64_t batch, heads, groups, rows, fresh, size, value_size;
};

static int64_t divided(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return b > 0 ? mopt__dim_floordiv(dims, a, mopt__dim_const(dims, b)) : MOPT_DIM_UNKNOWN;
}

static void infer_sizes(struct mopt_infer *infer, const struct mopt_type *q,
                        const struct mopt_type *k, const struct mopt_type *v, struct inferred *d)
{
    int64_t heads = mopt__int_of(infer->node, "q_num_heads", 0);
    int64_t groups = mopt__int_of(infer->node, "kv_num_heads", 0);
    bool k_known = k && k->rank == q->rank;
    bool v_known = v && v->rank == q->rank;
    d->batch = q->dims[0];
    if (q->rank == 4) {
        *d = (struct inferred){q->dims[0],
                               q->dims[1],
                               k_known ? k->dims[1] : MOPT_DIM_UNKNOWN,
                               q->dims[2],
                               k_known ? k->dims[2] : MOPT_DIM_UNKNOWN,
                               q->dims[3],
                               v_known ? v->dims[3] : MOPT_DIM_UNKNOWN};
        return;
    }
    d->heads = heads > 0 ? heads : MOPT_DIM_UNKNOWN;
    d->groups = groups > 0 ? groups : MOPT_DIM_UNKNOWN;
    d->rows = q->dims[1];
    d->fresh = k_known ? k->dims[1] : MOPT_DIM_UNKNOWN;
    d->size = divided(infer->dims, q->dims[2], heads);
    d->value_size = divided(infer->dims, v_known ? v->dims[2] : MOPT_DIM_UNKNOWN, groups);
}

static enum mopt_status attention_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *q = mopt__infer_tensor(infer, 0);
    const struct mopt_type *past = mopt__infer_tensor(infer, 4);
    struct mopt_dims *table = infer->dims;
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    enum mopt_status status = mopt__nn_infer_rank(infer, 0, 3, 4, err);
    if (status != MOPT_OK || !q || q->rank < 0) {
        return status;
    }
    struct inferred d;
    infer_sizes(infer, q, mopt__infer_tensor(infer, 1), mopt__infer_tensor(infer, 2), &d);
    int64_t total = d.fresh;
    if (mopt__infer_has(infer, 4)) {
        total =
            mopt__dim_add(table, total, past && past->rank == 4 ? past->dims[2] : MOPT_DIM_UNKNOWN);
    }
    const int64_t full[4] = {d.batch, d.heads, d.rows, d.value_size};
    const int64_t flat[3] = {d.batch, d.rows, mopt__dim_mul(table, d.heads, d.value_size)};
    const int64_t key[4] = {d.batch, d.groups, total, d.size};
    const int64_t value[4] = {d.batch, d.groups, total, d.value_size};
    const int64_t scores[4] = {d.batch, d.heads, d.rows, total};
    status = mopt__infer_set(infer, 0, dtype, q->rank, q->rank == 3 ? flat : full, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 1, mopt__infer_dtype(infer, 1), 4, key, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 2, mopt__infer_dtype(infer, 2), 4, value, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 3, dtype, 4, scores, err) : status;
}

// Two products of every query with every key.
static void attention_cost(struct mopt_cost *cost)
{
    int64_t q[MOPT_RANK_MAX];
    int64_t k[MOPT_RANK_MAX];
    int rank = 0;
    int k_rank = 0;
    uint64_t elements = 0;
    if (mopt__nn_cost_in(cost, 0, &rank, q) && mopt__nn_cost_in(cost, 1, &k_rank, k) &&
        rank == k_rank && rank >= 3 && mopt__nn_count(q, rank, &elements)) {
        uint64_t keys = (uint64_t)k[rank - 2];
        cost->known = !__builtin_mul_overflow(2 * elements, keys, &cost->macs);
    }
}

#define F MOPT_SET_FLOATS_BF
#define OPTIONAL MOPT_PARAM_OPTIONAL
#define IN_23                                                              \
    {"Q", "T1", F, 0}, {"K", "T1", F, 0}, {"V", "T2", F, 0},               \
        {"attn_mask", "U", MOPT_SET_NUMBERS_BF | MOPT_SET_BOOL, OPTIONAL}, \
        {"past_key", "T1", F, OPTIONAL},                                   \
    {                                                                      \
        "past_value", "T2", F, OPTIONAL                                    \
    }
#define IN_24                                                       \
    IN_23,                                                          \
    {                                                               \
        "nonpad_kv_seqlen", "tensor(int64)", MOPT_SET_I64, OPTIONAL \
    }
#define ATTRIBUTES                                                                  \
    MOPT_A_INT("is_causal", 0), MOPT_A_INT_OPTIONAL("kv_num_heads"),                \
        MOPT_A_INT_OPTIONAL("q_num_heads"), MOPT_A_INT("qk_matmul_output_mode", 0), \
        MOPT_A_FLOAT_OPTIONAL("scale"), MOPT_A_FLOAT("softcap", 0),                 \
        MOPT_A_INT_OPTIONAL("softmax_precision")
#define WINDOW MOPT_A_INT("left_window_size", -1), MOPT_A_INT("right_window_size", -1)
#define ATTENTION(from, to, inputs, ...)                                                   \
    {                                                                                      \
        .domain = "", .name = "Attention", .since = from, .until = to,                     \
        .summary = "scaled dot-product attention with masks and caches", inputs,           \
        MOPT_OUTPUTS({"Y", "T1", F, 0}, {"present_key", "T1", F, OPTIONAL},                \
                     {"present_value", "T2", F, OPTIONAL},                                 \
                     {"qk_matmul_output", "T1", F, OPTIONAL}),                             \
        MOPT_ATTRIBUTES(ATTRIBUTES, __VA_ARGS__), .infer = attention_infer,                \
        .eval = mopt__attention_eval, .bind = mopt__attention_bind, .cost = attention_cost \
    }

static const struct mopt_op records[] = {
    ATTENTION(23, 23, MOPT_INPUTS(IN_23), ),
    ATTENTION(24, 24, MOPT_INPUTS(IN_24), ),
    ATTENTION(25, 0, MOPT_INPUTS(IN_24), WINDOW),
};
const struct mopt_op_family mopt__ops_attention = {records, MOPT_COUNTOF(records)};
