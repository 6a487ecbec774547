// SPDX-License-Identifier: Apache-2.0
// MultiHeadAttention (com.microsoft): attention over queries, keys and values that come separately
// or packed, with the bias of their projections, masks of padding, an added bias and a cache.
#include <float.h>
#include <string.h>

#include "ops/attend_fast.h"
#include "ops/fast.h"

enum { QUERY, KEY, VALUE, BIAS, MASK, ADDED, PAST_KEY, PAST_VALUE, PAST_LENGTH, BEAMS, INPUTS };

struct multi {
    const struct mopt_tensor *in[INPUTS];
    struct mopt_attend a;
    struct mopt_heads parts[3]; // fresh queries, keys, values; data is filled in later
    int source[3];              // input that holds them
    size_t past, fresh, room;   // cached keys, new keys, rows of a head in the cache
    double *data[INPUTS];
    double *arrays[3]; // q, k, v
    const struct mopt_kernels *kernels;
};

// ---- Reading ------------------------------------------------------------------------------------

static enum mopt_status misfit(struct mopt_error *err, const char *what)
{
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' does not fit the query", what);
}

// [batch, length, heads * size]
static struct mopt_heads plain_part(size_t heads, size_t length, size_t size)
{
    return (struct mopt_heads){.batch_step = length * heads * size,
                               .head_step = size,
                               .step = heads * size,
                               .heads = heads,
                               .length = length,
                               .size = size};
}

// [batch, heads, length, size]
static struct mopt_heads cache_part(size_t heads, size_t length, size_t size)
{
    return (struct mopt_heads){.batch_step = heads * length * size,
                               .head_step = length * size,
                               .step = size,
                               .heads = heads,
                               .length = length,
                               .size = size};
}

// Number i of [batch, length, heads, count, size]
static struct mopt_heads packed_part(size_t heads, size_t length, size_t size, size_t count,
                                     size_t i)
{
    return (struct mopt_heads){.first = i * size,
                               .batch_step = length * heads * count * size,
                               .head_step = count * size,
                               .step = heads * count * size,
                               .heads = heads,
                               .length = length,
                               .size = size};
}

static enum mopt_status open_query(struct multi *m, struct mopt_error *err)
{
    const struct mopt_tensor *q = m->in[QUERY];
    int64_t heads = (int64_t)m->a.heads;
    bool packed = q->rank == 5 && q->dims[2] == heads && q->dims[3] == 3 && !m->in[KEY];
    if (!packed && (q->rank != 3 || !m->in[KEY])) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input 'query' must have rank 3, or without 'key' shape "
                              "[batch,length,%lld,3,size]",
                              (long long)heads);
    }
    if (!packed && q->dims[2] % heads != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "hidden size %lld does not divide into %lld heads",
                              (long long)q->dims[2], (long long)heads);
    }
    m->a.batch = (size_t)q->dims[0];
    m->a.rows = (size_t)q->dims[1];
    m->a.size = (size_t)(packed ? q->dims[4] : q->dims[2] / heads);
    m->parts[0] = plain_part(m->a.heads, m->a.rows, m->a.size);
    m->a.value_size = m->a.size;
    m->fresh = m->a.rows;
    for (size_t i = 0; packed && i < 3; i++) {
        m->parts[i] = packed_part(m->a.heads, m->a.rows, m->a.size, 3, i);
        m->source[i] = QUERY;
    }
    return packed && m->in[VALUE] ? misfit(err, "value") : MOPT_OK;
}

static enum mopt_status open_key(struct multi *m, struct mopt_error *err)
{
    const struct mopt_tensor *k = m->in[KEY];
    const int64_t heads = (int64_t)m->a.heads;
    const int64_t size = (int64_t)m->a.size;
    if (!k) {
        return MOPT_OK;
    }
    if (k->rank < 3 || k->dims[0] != m->in[QUERY]->dims[0]) {
        return misfit(err, "key");
    }
    m->fresh = (size_t)k->dims[k->rank == 4 ? 2 : 1];
    m->source[1] = KEY;
    if (k->rank == 3 && k->dims[2] == heads * size) {
        m->parts[1] = plain_part(m->a.heads, m->fresh, m->a.size);
    } else if (k->rank == 4 && k->dims[1] == heads && k->dims[3] == size) {
        m->parts[1] = cache_part(m->a.heads, m->fresh, m->a.size);
    } else if (k->rank == 5 && k->dims[2] == heads && k->dims[3] == 2 && k->dims[4] == size) {
        m->parts[1] = packed_part(m->a.heads, m->fresh, m->a.size, 2, 0);
        m->parts[2] = packed_part(m->a.heads, m->fresh, m->a.size, 2, 1);
        m->source[2] = KEY;
        return m->in[VALUE] ? misfit(err, "value") : MOPT_OK;
    } else {
        return misfit(err, "key");
    }
    return m->in[VALUE] ? MOPT_OK : mopt_error_set(err, MOPT_E_FORMAT, "input 'value' is missing");
}

static enum mopt_status open_value(struct multi *m, struct mopt_error *err)
{
    const struct mopt_tensor *v = m->in[VALUE];
    const int64_t heads = (int64_t)m->a.heads;
    if (!v) {
        return MOPT_OK;
    }
    bool plain = m->in[KEY]->rank == 3;
    if (v->rank != m->in[KEY]->rank || v->dims[0] != m->in[QUERY]->dims[0] ||
        (size_t)v->dims[plain ? 1 : 2] != m->fresh ||
        (plain ? v->dims[2] % heads != 0 : v->dims[1] != heads)) {
        return misfit(err, "value");
    }
    m->source[2] = VALUE;
    m->a.value_size = (size_t)(plain ? v->dims[2] / heads : v->dims[3]);
    m->parts[2] = plain ? plain_part(m->a.heads, m->fresh, m->a.value_size)
                        : cache_part(m->a.heads, m->fresh, m->a.value_size);
    return MOPT_OK;
}

// The cache is a buffer of which past_sequence_length rows are filled; new rows are written there.
static enum mopt_status open_buffer(struct multi *m, struct mopt_error *err)
{
    int64_t past = 0;
    enum mopt_status status =
        mopt__scalar_i64(m->in[PAST_LENGTH], "past_sequence_length", &past, err);
    if (status == MOPT_OK &&
        (past < 0 || past > (int64_t)m->past || m->fresh > m->past - (size_t)past)) {
        return mopt_error_set(err, MOPT_E_VALUE, "past length %lld and %zu new keys, room for %zu",
                              (long long)past, m->fresh, m->past);
    }
    m->room = m->past;
    m->past = status == MOPT_OK ? (size_t)past : m->past;
    return status;
}

static enum mopt_status open_past(struct multi *m, struct mopt_error *err)
{
    const struct mopt_tensor *k = m->in[PAST_KEY];
    const struct mopt_tensor *v = m->in[PAST_VALUE];
    if (!k != !v) {
        return mopt_error_set(err, MOPT_E_FORMAT, "past_key and past_value must come together");
    }
    if (k && m->in[KEY] && m->in[KEY]->rank == 4) {
        return mopt_error_set(err, MOPT_E_FORMAT, "a cache cannot be combined with cached keys");
    }
    for (int i = 0; k && i < 2; i++) {
        const struct mopt_tensor *t = i == 0 ? k : v;
        size_t size = i == 0 ? m->a.size : m->a.value_size;
        if (t->rank != 4 || (size_t)t->dims[0] != m->a.batch || (size_t)t->dims[1] != m->a.heads ||
            t->dims[2] != k->dims[2] || (size_t)t->dims[3] != size) {
            return misfit(err, i == 0 ? "past_key" : "past_value");
        }
    }
    m->past = k ? (size_t)k->dims[2] : 0;
    m->room = m->past + m->fresh;
    enum mopt_status status = k && m->in[PAST_LENGTH] ? open_buffer(m, err) : MOPT_OK;
    m->a.offset = m->past;
    m->a.columns = m->past + m->fresh;
    m->a.room = m->room;
    return status;
}

static enum mopt_status open_mask(struct multi *m, struct mopt_error *err)
{
    const struct mopt_tensor *mask = m->in[MASK];
    struct mopt_attend *a = &m->a;
    if (!mask) {
        return MOPT_OK;
    }
    const int64_t *d = mask->dims;
    a->mask = mask;
    bool own = mask->rank > 0 && (size_t)d[0] == a->batch;
    if (mask->rank == 1 && (own || (size_t)d[0] == 3 * a->batch + 2)) {
        a->pad = MOPT_PAD_ENDS; // the longer form starts with the lengths too
    } else if (mask->rank == 2 && own && (size_t)d[1] == a->columns) {
        a->pad = MOPT_PAD_KEYS;
    } else if (mask->rank == 3 && own && (size_t)d[1] == a->rows && (size_t)d[2] == a->columns) {
        a->pad = MOPT_PAD_FULL;
    } else {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "shape of input 'key_padding_mask' fits no kind of mask");
    }
    return MOPT_OK;
}

static enum mopt_status read_options(const struct mopt_node *node, struct mopt_attend *a,
                                     struct mopt_error *err)
{
    int64_t heads = 0;
    int64_t causal = 0;
    float filter = 0;
    enum mopt_status status = mopt__attend_int(node, "num_heads", 0, 1, INT32_MAX, &heads, err);
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "unidirectional", 0, 0, 1, &causal, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "mask_filter_value", -10000, &filter, err);
    }
    a->heads = (size_t)heads;
    a->groups = (size_t)heads;
    a->causal = causal == 1;
    a->last_sees_all = true;
    a->hidden = -(double)FLT_MAX;
    a->filter = (double)filter;
    return status;
}

static enum mopt_status open_inputs(struct multi *m, struct mopt_error *err)
{
    enum mopt_status status = open_query(m, err);
    if (status == MOPT_OK) {
        status = open_key(m, err);
    }
    if (status == MOPT_OK) {
        status = open_value(m, err);
    }
    if (status == MOPT_OK) {
        status = open_past(m, err);
    }
    if (status == MOPT_OK) {
        status = open_mask(m, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_bias(&m->a, m->in[ADDED], m->a.columns, err);
    }
    size_t width = 0;
    if (status == MOPT_OK && (!mopt__size_add(2 * m->a.size, m->a.value_size, &width) ||
                              !mopt__size_mul(m->a.heads, width, &width) || width > INT64_MAX)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "heads are too large");
    }
    return status == MOPT_OK ? mopt__nn_vector(m->in[BIAS], "bias", (int64_t)width, err) : status;
}

static enum mopt_status open_multi(struct mopt_eval *eval, struct multi *m, struct mopt_error *err)
{
    enum mopt_status status = mopt__open(eval, m->in, INPUTS, err);
    if (status == MOPT_OK && m->in[BEAMS]) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "input 'cache_indirection' is not supported");
    }
    if (status == MOPT_OK) {
        status = read_options(eval->node, &m->a, err);
    }
    if (status == MOPT_OK) {
        status = open_inputs(m, err);
    }
    m->a.bias = m->in[ADDED];
    return status == MOPT_OK ? mopt__attend_scale(eval->node, m->a.size, &m->a.scale, err) : status;
}

// ---- Running ------------------------------------------------------------------------------------

// Gathers queries, keys and values; the cache goes in front.
static void gather(const struct multi *m)
{
    size_t bias = 0;
    for (int i = 0; i < 3; i++) {
        struct mopt_heads part = m->parts[i];
        size_t filled = m->in[PAST_LENGTH] ? m->room : m->past; // what is behind gets overwritten
        struct mopt_heads past = cache_part(part.heads, filled, part.size);
        size_t room = i == 0 ? m->a.rows : m->room;
        bool cached = m->in[KEY] && m->in[KEY]->rank == 4 && i > 0; // without bias
        part.data = m->data[m->source[i]];
        part.bias = m->data[BIAS] && !cached ? m->data[BIAS] + bias : NULL;
        past.data = m->data[i == 1 ? PAST_KEY : PAST_VALUE];
        for (size_t b = 0; b < m->a.batch; b++) {
            if (i > 0 && past.data) {
                mopt__heads_copy(&past, b, m->arrays[i], room, 0);
            }
            mopt__heads_copy(&part, b, m->arrays[i], room, i == 0 ? 0 : m->past);
        }
        bias += part.heads * part.size;
    }
}

static enum mopt_status put_outputs(struct mopt_eval *eval, struct multi *m, struct mopt_error *err)
{
    struct mopt_attend *a = &m->a;
    enum mopt_dtype dtype = m->in[QUERY]->dtype;
    const int64_t dims[3] = {(int64_t)a->batch, (int64_t)a->rows,
                             (int64_t)(a->heads * a->value_size)};
    int64_t cache[4] = {(int64_t)a->batch, (int64_t)a->heads, (int64_t)m->room, (int64_t)a->size};
    const int64_t scores[4] = {cache[0], cache[1], dims[1], (int64_t)a->columns};
    enum mopt_status status = mopt__eval_output(eval, 0, dtype, 3, dims, &a->y, err);
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__nn_put(eval, 1, dtype, 4, cache, m->arrays[1], err);
    }
    cache[3] = (int64_t)a->value_size;
    if (status == MOPT_OK && mopt__eval_wants(eval, 2)) {
        status = mopt__nn_put(eval, 2, dtype, 4, cache, m->arrays[2], err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 3)) {
        status = mopt__eval_output(eval, 3, dtype, 4, scores, &a->scores, err);
    }
    return status;
}

static enum mopt_status run(struct mopt_eval *eval, struct multi *m, struct mopt_error *err)
{
    struct mopt_attend *a = &m->a;
    static const int used[6] = {QUERY, KEY, VALUE, BIAS, PAST_KEY, PAST_VALUE};
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < 6; i++) {
        status = mopt__nn_doubles(m->in[used[i]], &m->data[used[i]], err);
    }
    for (int i = 0; status == MOPT_OK && i < 3; i++) {
        m->arrays[i] = mopt__attend_room(a->batch, a->heads, i == 0 ? a->rows : m->room,
                                         i == 2 ? a->value_size : a->size, err);
        status = mopt__nn_got(m->arrays[i], err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    gather(m);
    status = put_outputs(eval, m, err);
    a->q = m->arrays[0];
    a->k = m->arrays[1];
    a->v = m->arrays[2];
    if (status == MOPT_OK && m->kernels != NULL && mopt__attend_is_plain(a)) {
        return mopt__attend_rounded(eval, m->kernels, a, err);
    }
    return status == MOPT_OK ? mopt__attend(eval, a, err) : status;
}

// Nothing has to be gathered or added to: the heads are read where they lie.
static bool is_direct(const struct mopt_eval *eval, const struct multi *m)
{
    bool more = false;
    for (uint32_t i = 1; i < 4; i++) {
        more = more || mopt__eval_wants(eval, i);
    }
    return m->kernels != NULL && m->in[QUERY]->dtype == MOPT_FLOAT32 && !m->in[BIAS] &&
           !m->in[PAST_KEY] && !m->in[PAST_LENGTH] && !more && m->a.size > 0;
}

static struct mopt_head_steps steps_of(const struct mopt_heads *part)
{
    return (struct mopt_head_steps){part->batch_step, part->head_step, part->step};
}

static enum mopt_status run_direct(struct mopt_eval *eval, struct multi *m, struct mopt_error *err)
{
    const float *from[3];
    for (int i = 0; i < 3; i++) {
        from[i] = (const float *)m->in[m->source[i]]->data + m->parts[i].first;
    }
    const struct mopt_attend_floats f = {.q = from[0],
                                         .k = from[1],
                                         .v = from[2],
                                         .q_steps = steps_of(&m->parts[0]),
                                         .k_steps = steps_of(&m->parts[1]),
                                         .v_steps = steps_of(&m->parts[2])};
    enum mopt_status status = put_outputs(eval, m, err);
    return status == MOPT_OK ? mopt__attend_floats(eval, m->kernels, &m->a, &f, err) : status;
}

// kernels: NULL is the reference.
static enum mopt_status multi_with(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                   struct mopt_error *err)
{
    struct multi m;
    memset(&m, 0, sizeof m);
    m.kernels = kernels;
    enum mopt_status status = open_multi(eval, &m, err);
    if (status == MOPT_OK) {
        status = is_direct(eval, &m) ? run_direct(eval, &m, err) : run(eval, &m, err);
    }
    for (int i = 0; i < INPUTS; i++) {
        mopt__free(m.data[i]);
    }
    for (int i = 0; i < 3; i++) {
        mopt__free(m.arrays[i]);
    }
    return status;
}

static enum mopt_status multi_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    return multi_with(eval, NULL, err);
}

static enum mopt_status multi_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    return multi_with(eval, fast->kernels, err);
}

static enum mopt_status multi_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__fast_bind(bind, NULL, multi_run, err);
}

// ---- Inference ----------------------------------------------------------------------------------

struct inferred {
    int64_t batch, rows, heads, size, value_size, hidden, fresh;
};

static int64_t divided(struct mopt_dims *dims, int64_t a, int64_t b)
{
    int64_t number = 0;
    bool good = mopt__dim_get(dims, b, &number) && number > 0;
    return good ? mopt__dim_floordiv(dims, a, b) : MOPT_DIM_UNKNOWN;
}

static void infer_value(struct mopt_infer *infer, const struct mopt_type *key,
                        const struct mopt_type *value, struct inferred *d)
{
    if (key && key->rank >= 3) {
        d->fresh = key->dims[key->rank == 4 ? 2 : 1];
    }
    if (!value || (value->rank != 3 && value->rank != 4)) {
        return;
    }
    d->value_size = value->rank == 3 ? divided(infer->dims, value->dims[2], d->heads) //
                                     : value->dims[3];
    d->hidden =
        value->rank == 3 ? value->dims[2] : mopt__dim_mul(infer->dims, d->heads, value->dims[3]);
}

static void infer_sizes(struct mopt_infer *infer, const struct mopt_type *q, struct inferred *d)
{
    int64_t heads = mopt__int_of(infer->node, "num_heads", 0);
    d->heads = heads > 0 ? mopt__dim_const(infer->dims, heads) : MOPT_DIM_UNKNOWN;
    d->batch = q->dims[0];
    d->rows = q->dims[1];
    d->size = q->rank == 5 ? q->dims[4] : divided(infer->dims, q->dims[2], d->heads);
    d->hidden = q->rank == 5 ? mopt__dim_mul(infer->dims, d->heads, d->size) : q->dims[2];
    d->fresh = q->rank == 5 ? d->rows : MOPT_DIM_UNKNOWN;
    d->value_size = d->size;
    if (mopt__infer_has(infer, VALUE)) {
        d->hidden = MOPT_DIM_UNKNOWN;
        d->value_size = MOPT_DIM_UNKNOWN;
    }
    infer_value(infer, mopt__infer_tensor(infer, KEY), mopt__infer_tensor(infer, VALUE), d);
}

static enum mopt_status multi_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *q = mopt__infer_tensor(infer, QUERY);
    const struct mopt_type *past = mopt__infer_tensor(infer, PAST_KEY);
    struct inferred d;
    enum mopt_status status = mopt__nn_infer_rank(infer, QUERY, 3, 5, err);
    if (status != MOPT_OK || !q || (q->rank != 3 && q->rank != 5)) {
        return status;
    }
    infer_sizes(infer, q, &d);
    int64_t total = d.fresh;
    int64_t room = d.fresh;
    if (mopt__infer_has(infer, PAST_KEY)) {
        int64_t old = past && past->rank == 4 ? past->dims[2] : MOPT_DIM_UNKNOWN;
        total = mopt__dim_add(infer->dims, old, d.fresh);
        room = total;
        if (mopt__infer_has(infer, PAST_LENGTH)) {
            room = old;
            total = MOPT_DIM_UNKNOWN;
        }
    }
    const int64_t dims[3] = {d.batch, d.rows, d.hidden};
    int64_t cache[4] = {d.batch, d.heads, room, d.size};
    const int64_t scores[4] = {d.batch, d.heads, d.rows, total};
    status = mopt__infer_set(infer, 0, q->dtype, 3, dims, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 1, q->dtype, 4, cache, err);
    }
    cache[3] = d.value_size;
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 2, q->dtype, 4, cache, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 3, q->dtype, 4, scores, err) : status;
}

// Two products of every query with every key.
static void multi_cost(struct mopt_cost *cost)
{
    int64_t q[MOPT_RANK_MAX];
    int64_t k[MOPT_RANK_MAX];
    int rank = 0;
    int k_rank = 0;
    uint64_t elements = 0;
    if (!mopt__nn_cost_in(cost, QUERY, &rank, q) || !mopt__nn_count(q, rank, &elements)) {
        return;
    }
    uint64_t keys = (uint64_t)q[1];
    if (mopt__nn_cost_in(cost, KEY, &k_rank, k) && k_rank >= 3) {
        keys = (uint64_t)k[k_rank == 4 ? 2 : 1];
    }
    cost->known = !__builtin_mul_overflow(2 * elements / (rank == 5 ? 3U : 1U), keys, &cost->macs);
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define OPTIONAL MOPT_PARAM_OPTIONAL

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "MultiHeadAttention",
     .since = 1,
     .summary = "multi-head attention of projected queries, keys and values",
     MOPT_INPUTS({"query", "T", F, 0}, {"key", "T", F, OPTIONAL}, {"value", "T", F, OPTIONAL},
                 {"bias", "T", F, OPTIONAL}, {"key_padding_mask", "M", MOPT_SET_I32, OPTIONAL},
                 {"attention_bias", "T", F, OPTIONAL}, {"past_key", "T", F, OPTIONAL},
                 {"past_value", "T", F, OPTIONAL},
                 {"past_sequence_length", "M", MOPT_SET_I32, OPTIONAL},
                 {"cache_indirection", "M", MOPT_SET_I32, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"present_key", "T", F, OPTIONAL},
                  {"present_value", "T", F, OPTIONAL}, {"qk", "QK", F, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("mask_filter_value", -10000), MOPT_A_INT_REQUIRED("num_heads"),
                     MOPT_A_FLOAT_OPTIONAL("scale"), MOPT_A_INT("unidirectional", 0)),
     .infer = multi_infer,
     .eval = multi_eval,
     .bind = multi_bind,
     .cost = multi_cost},
};
const struct mopt_op_family mopt__ops_multi_head_attention = {records, MOPT_COUNTOF(records)};
