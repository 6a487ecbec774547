// SPDX-License-Identifier: Apache-2.0
// GroupQueryAttention (com.microsoft): causal attention in which several query heads share a
// key/value head, over a cache whose images have lengths of their own; rotary positions, soft cap,
// sliding window, a sink in the softmax, caches of small integers. group_query_open.c reads the
// inputs.
#include <math.h>
#include <string.h>

#include "ops/fast.h"
#include "ops/group_query.h"
#include "ops/narrow.h"

// Divides by the root mean square and multiplies by weights.
static void normalise(const struct mopt_group_query *g, double *head, const double *weights)
{
    double square = 0;
    for (size_t d = 0; d < g->a.size; d++) {
        square += head[d] * head[d];
    }
    double inverse = 1 / sqrt(square / (double)g->a.size + g->epsilon);
    for (size_t d = 0; d < g->a.size; d++) {
        head[d] = mopt__round_to(MOPT_FLOAT32, head[d] * inverse * weights[d]);
    }
}

static void turn(const struct mopt_group_query *g, double *head, size_t row)
{
    for (size_t i = 0; i < g->half; i++) {
        double *x = head + (g->pairs ? 2 * i : i);
        double *y = head + (g->pairs ? 2 * i + 1 : g->half + i);
        double c = g->data[MOPT_GQ_COSINE][row * g->half + i];
        double s = g->data[MOPT_GQ_SINE][row * g->half + i];
        double turned = mopt__round_to(g->in[MOPT_GQ_QUERY]->dtype, c * *x - s * *y);
        *y = mopt__round_to(g->in[MOPT_GQ_QUERY]->dtype, s * *x + c * *y);
        *x = turned;
    }
}

// Of a first prompt only the first position id counts.
enum mopt_status mopt__group_query_position(const struct mopt_group_query *g, size_t b, size_t s,
                                            size_t *row, struct mopt_error *err)
{
    int64_t position = (int64_t)(g->bases[b] + g->cached[b] + s);
    if (g->in[MOPT_GQ_POSITIONS]) {
        position = g->prompt ? mopt__tensor_i64_at(g->in[MOPT_GQ_POSITIONS], 0) + (int64_t)s
                             : mopt__tensor_i64_at(g->in[MOPT_GQ_POSITIONS], b * g->a.rows + s);
    }
    if (position < 0 || position >= g->in[MOPT_GQ_COSINE]->dims[0]) {
        return mopt_error_set(err, MOPT_E_VALUE, "position %lld of %lld", (long long)position,
                              (long long)g->in[MOPT_GQ_COSINE]->dims[0]);
    }
    *row = (size_t)position;
    return MOPT_OK;
}

// Norms and turns the new queries or keys of one image; heads are `room` rows long, the new rows
// start at `at`.
static enum mopt_status adjust(const struct mopt_group_query *g, size_t b, int part, size_t heads,
                               size_t room, size_t at, struct mopt_error *err)
{
    const double *weights = g->data[part == 0 ? MOPT_GQ_QUERY_NORM : MOPT_GQ_KEY_NORM];
    enum mopt_status status = MOPT_OK;
    for (size_t s = 0; status == MOPT_OK && s < g->a.rows; s++) {
        size_t row = 0;
        status = g->rotary ? mopt__group_query_position(g, b, s, &row, err) : MOPT_OK;
        for (size_t h = 0; status == MOPT_OK && h < heads; h++) {
            double *head = g->arrays[part] + ((b * heads + h) * room + at + s) * g->a.size;
            if (weights) {
                normalise(g, head, weights);
            }
            if (g->rotary) {
                turn(g, head, row);
            }
        }
    }
    return status;
}

// New queries (0), keys (1) or values (2).
static struct mopt_heads fresh_part(const struct mopt_group_query *g, int part)
{
    size_t heads = g->a.heads;
    size_t groups = g->a.groups;
    size_t width = (g->packed ? heads + 2 * groups : part == 0 ? heads : groups) * g->a.size;
    const size_t first[3] = {0, heads * g->a.size, (heads + groups) * g->a.size};
    return (struct mopt_heads){.data = g->data[g->packed ? MOPT_GQ_QUERY : MOPT_GQ_QUERY + part],
                               .first = g->packed ? first[part] : 0,
                               .batch_step = g->a.rows * width,
                               .head_step = g->a.size,
                               .step = width,
                               .heads = part == 0 ? heads : groups,
                               .length = g->a.rows,
                               .size = g->a.size};
}

// Keys (1) or values (2) of one image behind those of the old cache, as the new cache holds them.
static void finish_rows(const struct mopt_group_query *g, size_t b, int part)
{
    const struct mopt_kv_cache *c = &g->caches[part - 1];
    size_t at = g->cached[b];
    for (size_t h = 0; h < g->a.groups; h++) {
        double *head = g->arrays[part] + (b * g->a.groups + h) * g->a.room * g->a.size;
        for (size_t s = 0; s < at; s++) {
            mopt__kv_read(c, b * g->a.groups + h, s, head + s * g->a.size);
        }
        for (size_t s = at; s < at + g->a.rows; s++) {
            mopt__kv_round(c, h, head + s * g->a.size);
        }
    }
}

static enum mopt_status gather(const struct mopt_group_query *g, size_t b, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int part = 0; status == MOPT_OK && part < 3; part++) {
        struct mopt_heads fresh = fresh_part(g, part);
        size_t room = part == 0 ? g->a.rows : g->a.room;
        size_t at = part == 0 ? 0 : g->cached[b];
        mopt__heads_copy(&fresh, b, g->arrays[part], room, at);
        if (part < 2) {
            status = adjust(g, b, part, fresh.heads, room, at, err);
        }
        if (status == MOPT_OK && part > 0) {
            finish_rows(g, b, part);
        }
    }
    return status;
}

// The new cache of keys (1) or values (2): the rows that are kept, then zeros.
static enum mopt_status put_cache(struct mopt_eval *eval, const struct mopt_group_query *g,
                                  uint32_t i, struct mopt_error *err)
{
    const struct mopt_kv_cache *c = &g->caches[i - 1];
    const int64_t dims[4] = {(int64_t)g->a.batch, (int64_t)g->a.groups, (int64_t)g->room,
                             (int64_t)mopt__kv_width(c)};
    enum mopt_dtype dtype = c->past ? c->past->dtype : g->in[MOPT_GQ_QUERY]->dtype;
    struct mopt_tensor *t = NULL;
    enum mopt_status status = mopt__eval_output(eval, i, dtype, 4, dims, &t, err);
    for (size_t line = 0;
         status == MOPT_OK && t->count > 0 && line < g->a.batch * g->a.groups * g->room; line++) {
        size_t head = line / g->room;
        size_t b = head / g->a.groups;
        size_t row = line % g->room + g->dropped[b];
        size_t filled = g->sliding ? g->lengths[b] : g->cached[b] + g->a.rows;
        const double *from = g->arrays[i] + (head * g->a.room + row) * g->a.size;
        mopt__kv_write(c, t, line, row < filled ? from : NULL);
    }
    return status;
}

static enum mopt_status put_outputs(struct mopt_eval *eval, struct mopt_group_query *g,
                                    struct mopt_error *err)
{
    struct mopt_attend *a = &g->a;
    enum mopt_dtype dtype = g->in[MOPT_GQ_QUERY]->dtype;
    const int64_t dims[3] = {(int64_t)a->batch, (int64_t)a->rows, (int64_t)(a->heads * a->size)};
    const int64_t scores[4] = {(int64_t)a->batch, (int64_t)a->heads, (int64_t)a->rows,
                               (int64_t)g->total};
    enum mopt_status status = mopt__eval_output(eval, 0, dtype, 3, dims, &a->y, err);
    for (uint32_t i = 1; status == MOPT_OK && i < 3; i++) {
        status = mopt__eval_wants(eval, i) ? put_cache(eval, g, i, err) : MOPT_OK;
    }
    if (status != MOPT_OK || !mopt__eval_wants(eval, 3)) {
        return status;
    }
    if (g->output == 0) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "output 'output_qk' is wanted, but attribute 'qk_output' is 0");
    }
    return mopt__eval_output(eval, 3, dtype, 4, scores, &a->scores, err);
}

static enum mopt_status load(struct mopt_group_query *g, struct mopt_error *err)
{
    static const int used[7] = {MOPT_GQ_QUERY, MOPT_GQ_KEY,        MOPT_GQ_VALUE,   MOPT_GQ_COSINE,
                                MOPT_GQ_SINE,  MOPT_GQ_QUERY_NORM, MOPT_GQ_KEY_NORM};
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < 7; i++) {
        status = mopt__nn_doubles(g->in[used[i]], &g->data[used[i]], err);
    }
    for (int i = 0; status == MOPT_OK && i < 3; i++) {
        g->arrays[i] = mopt__attend_room(g->a.batch, i == 0 ? g->a.heads : g->a.groups,
                                         i == 0 ? g->a.rows : g->a.room, g->a.size, err);
        status = mopt__nn_got(g->arrays[i], err);
    }
    return status;
}

static enum mopt_status run(struct mopt_eval *eval, struct mopt_group_query *g,
                            struct mopt_error *err)
{
    enum mopt_status status = load(g, err);
    for (size_t b = 0; status == MOPT_OK && b < g->a.batch; b++) {
        status = gather(g, b, err);
    }
    if (status == MOPT_OK) {
        status = put_outputs(eval, g, err);
    }
    g->a.q = g->arrays[0];
    g->a.k = g->arrays[1];
    g->a.v = g->arrays[2];
    return status == MOPT_OK ? mopt__attend(eval, &g->a, err) : status;
}

static enum mopt_status grouped_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_group_query g;
    memset(&g, 0, sizeof g);
    enum mopt_status status = mopt__group_query_open(eval, &g, err);
    if (status == MOPT_OK) {
        status = run(eval, &g, err);
    }
    mopt__group_query_release(&g);
    return status;
}

static enum mopt_status grouped_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_group_query g;
    memset(&g, 0, sizeof g);
    enum mopt_status status = mopt__group_query_open(eval, &g, err);
    if (status == MOPT_OK) {
        bool plain = mopt__group_query_is_plain(eval, &g);
        status = plain ? mopt__group_query_floats(eval, &g, err) : run(eval, &g, err);
    }
    mopt__group_query_release(&g);
    return status;
}

static enum mopt_status grouped_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__fast_bind(bind, NULL, grouped_run, err);
}

// ---- Inference ----------------------------------------------------------------------------------

static int64_t head_size(struct mopt_infer *infer, int64_t width, int64_t heads, int64_t groups)
{
    int64_t all = mopt__infer_has(infer, MOPT_GQ_KEY) ? heads : heads + 2 * groups;
    return heads > 0 && groups > 0
               ? mopt__dim_floordiv(infer->dims, width, mopt__dim_const(infer->dims, all))
               : MOPT_DIM_UNKNOWN;
}

// Rows of the new cache, and columns of the scores.
static void infer_lengths(struct mopt_infer *infer, int64_t *room, int64_t *total)
{
    const struct mopt_type *past = mopt__infer_tensor(infer, MOPT_GQ_PAST_KEY);
    const int64_t *values = NULL;
    size_t count = 0;
    *total = MOPT_DIM_UNKNOWN;
    *room = MOPT_DIM_UNKNOWN;
    if (mopt__infer_ints(infer, MOPT_GQ_TOTAL, &values, &count) && count == 1) {
        *total = values[0];
        *room = values[0];
    }
    if (mopt__infer_has(infer, MOPT_GQ_PAST_KEY)) {
        int64_t old = past && past->rank == 4 ? past->dims[2] : MOPT_DIM_UNKNOWN;
        bool known = *total != MOPT_DIM_UNKNOWN && old != MOPT_DIM_UNKNOWN;
        bool sliding = mopt__int_of(infer->node, "sliding_window_cache", 0) != 0;
        *room = sliding ? old : known ? mopt__dim_max(infer->dims, old, *total) : MOPT_DIM_UNKNOWN;
    }
}

static enum mopt_status grouped_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *q = mopt__infer_tensor(infer, MOPT_GQ_QUERY);
    struct mopt_dims *table = infer->dims;
    int64_t heads = mopt__int_of(infer->node, "num_heads", 0);
    int64_t groups = mopt__int_of(infer->node, "kv_num_heads", 0);
    int64_t room = 0;
    int64_t total = 0;
    enum mopt_status status = mopt__nn_infer_rank(infer, MOPT_GQ_QUERY, 3, 3, err);
    if (status != MOPT_OK || !q || q->rank != 3 || heads < 1 || groups < 1 || heads > INT32_MAX ||
        groups > INT32_MAX) {
        return status;
    }
    infer_lengths(infer, &room, &total);
    int64_t n = mopt__dim_const(table, heads);
    int64_t size = head_size(infer, q->dims[2], heads, groups);
    const int64_t dims[3] = {q->dims[0], q->dims[1],
                             mopt__infer_has(infer, MOPT_GQ_KEY) ? q->dims[2]
                                                                 : mopt__dim_mul(table, n, size)};
    int64_t cache[4] = {q->dims[0], mopt__dim_const(table, groups), room, size};
    const int64_t scores[4] = {q->dims[0], n, q->dims[1], total};
    status = mopt__infer_set(infer, 0, q->dtype, 3, dims, err);
    const struct mopt_type *past = mopt__infer_tensor(infer, MOPT_GQ_PAST_KEY);
    enum mopt_dtype dtype = mopt__infer_has(infer, MOPT_GQ_PAST_KEY)
                                ? mopt__infer_dtype(infer, MOPT_GQ_PAST_KEY)
                                : q->dtype;
    if (past && past->rank == 4) { // the rows of quantized caches may be packed
        cache[3] = past->dims[3];
    }
    for (uint32_t i = 1; status == MOPT_OK && i < 3; i++) {
        status = mopt__infer_set(infer, i, dtype, 4, cache, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 3, q->dtype, 4, scores, err) : status;
}

// Two products of every query with every key of the new cache.
static void grouped_cost(struct mopt_cost *cost)
{
    int64_t y[MOPT_RANK_MAX];
    int64_t k[MOPT_RANK_MAX];
    int rank = 0;
    int k_rank = 0;
    uint64_t elements = 0;
    if (mopt__nn_cost_out(cost, 0, &rank, y) && mopt__nn_cost_out(cost, 1, &k_rank, k) &&
        k_rank == 4 && mopt__nn_count(y, rank, &elements)) {
        cost->known = !__builtin_mul_overflow(2 * elements, (uint64_t)k[2], &cost->macs);
    }
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define C (F | MOPT_SET_INT8)
#define OPTIONAL MOPT_PARAM_OPTIONAL
#define I32 MOPT_SET_I32

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "GroupQueryAttention",
     .since = 1,
     .summary = "causal attention with shared key heads and a cache",
     MOPT_INPUTS({"query", "T", F, 0}, {"key", "T", F, OPTIONAL}, {"value", "T", F, OPTIONAL},
                 {"past_key", "T_CACHE", C, OPTIONAL}, {"past_value", "T_CACHE", C, OPTIONAL},
                 {"seqlens_k", "M", I32, 0}, {"total_sequence_length", "M", I32, 0},
                 {"cos_cache", "T", F, OPTIONAL}, {"sin_cache", "T", F, OPTIONAL},
                 {"position_ids", "tensor(int64)", MOPT_SET_I64, OPTIONAL},
                 {"attention_bias", "T", F, OPTIONAL}, {"head_sink", "T", F, OPTIONAL},
                 {"k_scale", "T_KV_SCALE", MOPT_SET_F32, OPTIONAL},
                 {"v_scale", "T_KV_SCALE", MOPT_SET_F32, OPTIONAL},
                 {"q_norm_weight", "T", F, OPTIONAL}, {"k_norm_weight", "T", F, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"present_key", "T_CACHE", C, OPTIONAL},
                  {"present_value", "T_CACHE", C, OPTIONAL}, {"output_qk", "T", F, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_FLAG("causal", 1), MOPT_A_INT("do_rotary", 0),
                     MOPT_A_STRING("k_quant_type", "NONE", "NONE|PER_TENSOR|PER_CHANNEL"),
                     MOPT_A_INT_OPTIONAL("kv_cache_bit_width"), MOPT_A_INT_REQUIRED("kv_num_heads"),
                     MOPT_A_INT("local_window_size", -1), MOPT_A_INT_REQUIRED("num_heads"),
                     MOPT_A_FLOAT("qk_norm_epsilon", (double)1e-6F), MOPT_A_INT("qk_output", 0),
                     MOPT_A_INT("rotary_interleaved", 0), MOPT_A_FLOAT_OPTIONAL("scale"),
                     MOPT_A_INT("sliding_window_cache", 0), MOPT_A_INT("smooth_softmax", -1),
                     MOPT_A_FLOAT("softcap", 0),
                     MOPT_A_STRING("v_quant_type", "NONE", "NONE|PER_TENSOR|PER_CHANNEL")),
     .infer = grouped_infer,
     .eval = grouped_eval,
     .bind = grouped_bind,
     .cost = grouped_cost},
};
const struct mopt_op_family mopt__ops_group_query_attention = {records, MOPT_COUNTOF(records)};
