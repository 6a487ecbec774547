// SPDX-License-Identifier: Apache-2.0
// Attention and QAttention (com.microsoft): queries, keys and values are projected from one input
// by one merged weight, then attended to; integer masks of padding, an added bias, a cache of past
// keys and values. Input and weight of QAttention are codes; their products are scaled by column.
#include <float.h>
#include <string.h>

#include "ops/attend.h"

enum { INPUT, WEIGHTS, BIAS, MASK, PAST, ADDED, PAST_LENGTH, INPUTS };
// Inputs of QAttention
enum {
    Q_INPUT,
    Q_WEIGHTS,
    Q_BIAS,
    Q_SCALE,
    Q_WEIGHT_SCALE,
    Q_MASK,
    Q_ZERO,
    Q_WEIGHT_ZERO,
    Q_PAST,
    Q_INPUTS
};

struct merged {
    const struct mopt_tensor *in[INPUTS];
    struct mopt_attend a;
    size_t hidden[3];      // of queries, keys, values
    size_t width;          // their sum
    size_t past, room;     // cached positions; positions the cache has room for
    double *arrays[5];     // projection, q, k, v, bias of the projection
    enum mopt_dtype dtype; // of the results
    const struct mopt_tensor *scale, *weight_scale; // of codes: of the input, one or [width]; NULL
    const struct mopt_tensor *zero, *weight_zero;   // of codes: one, one or [width]; NULL: 0
    struct mopt_tensor *present;
};

// ---- Reading ------------------------------------------------------------------------------------

static enum mopt_status read_sizes(const struct mopt_node *node, struct merged *m,
                                   struct mopt_error *err)
{
    const int64_t *sizes = NULL;
    size_t count = 0;
    int64_t width = m->in[WEIGHTS]->dims[1];
    const int64_t thirds[3] = {width / 3, width / 3, width / 3};
    enum mopt_status status = mopt__attr_ints(node, "qkv_hidden_sizes", &sizes, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (count != 0 && count != 3) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'qkv_hidden_sizes' has %zu elements",
                              count);
    }
    sizes = count == 3 ? sizes : thirds;
    int64_t left = width;
    for (int i = 0; i < 3; i++) {
        if (m->a.heads == 0 || sizes[i] < 0 || sizes[i] > left ||
            sizes[i] % (int64_t)m->a.heads != 0) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "hidden size %lld does not divide into %zu heads or does not fit "
                                  "the weights",
                                  (long long)sizes[i], m->a.heads);
        }
        left -= sizes[i];
        m->hidden[i] = (size_t)sizes[i];
    }
    if (left != 0 || sizes[0] != sizes[1]) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "hidden sizes %lld, %lld and %lld do not fit weights of %lld columns",
                              (long long)sizes[0], (long long)sizes[1], (long long)sizes[2],
                              (long long)width);
    }
    m->width = (size_t)width;
    m->a.size = m->hidden[0] / m->a.heads;
    m->a.value_size = m->hidden[2] / m->a.heads;
    return MOPT_OK;
}

static enum mopt_status open_input(struct merged *m, struct mopt_error *err)
{
    const struct mopt_tensor *x = m->in[INPUT];
    const struct mopt_tensor *w = m->in[WEIGHTS];
    if (x->rank != 3 || w->rank != 2 || w->dims[0] != x->dims[2]) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "inputs 'input' and 'weights' do not fit together");
    }
    m->a.batch = (size_t)x->dims[0];
    m->a.rows = (size_t)x->dims[1];
    return mopt__nn_vector(m->in[BIAS], "bias", w->dims[1], err);
}

static enum mopt_status open_past(struct merged *m, bool shared, struct mopt_error *err)
{
    const struct mopt_tensor *past = m->in[PAST];
    const struct mopt_tensor *length = m->in[PAST_LENGTH];
    if (past && (past->rank != 5 || past->dims[0] != 2 || (size_t)past->dims[1] != m->a.batch ||
                 (size_t)past->dims[2] != m->a.heads || (size_t)past->dims[4] != m->a.size ||
                 m->a.size != m->a.value_size)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input 'past' does not fit %zu heads of %zu and %zu elements",
                              m->a.heads, m->a.size, m->a.value_size);
    }
    m->past = past ? (size_t)past->dims[3] : 0;
    m->room = m->past + m->a.rows;
    if (past && shared) {
        int64_t known = -1;
        if (!length) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input 'past_sequence_length' is missing");
        }
        enum mopt_status status = mopt__scalar_i64(length, "past_sequence_length", &known, err);
        if (status == MOPT_OK && (known < 0 || known > past->dims[3] - (int64_t)m->a.rows)) {
            status = mopt_error_set(err, MOPT_E_VALUE,
                                    "past length %lld and %zu new positions, room for %lld",
                                    (long long)known, m->a.rows, (long long)past->dims[3]);
        }
        m->room = (size_t)past->dims[3];
        m->past = (size_t)known;
        return status;
    }
    return MOPT_OK;
}

static enum mopt_status open_mask(struct merged *m, bool causal, struct mopt_error *err)
{
    const struct mopt_tensor *mask = m->in[MASK];
    struct mopt_attend *a = &m->a;
    const int64_t *d = mask ? mask->dims : NULL;
    int rank = mask ? mask->rank : 0;
    bool own = mask && rank > 0 && (size_t)d[0] == a->batch;
    a->mask = mask;
    if (!mask) {
        return MOPT_OK;
    }
    if (rank == 1 && (own || (size_t)d[0] == 2 * a->batch)) {
        a->pad = own ? MOPT_PAD_ENDS : MOPT_PAD_ENDS_STARTS;
    } else if (rank == 2 && own && (size_t)d[1] == a->columns) {
        a->pad = MOPT_PAD_KEYS;
    } else if (rank == 2 && (own || d[0] == 1) && d[1] == 1) {
        a->pad = MOPT_PAD_NONE; // the same for every key
    } else if (rank == 3 && own && (size_t)d[1] == a->rows && (size_t)d[2] == a->columns) {
        a->pad = MOPT_PAD_FULL;
    } else if (rank == 4 && own && d[1] == 1 && d[2] == d[3] && (size_t)d[2] >= a->columns &&
               !causal) {
        a->pad = MOPT_PAD_SQUARE;
    } else {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "shape of input 'mask_index' fits no kind of mask");
    }
    return MOPT_OK;
}

static enum mopt_status read_options(const struct mopt_node *node, struct merged *m, bool *shared,
                                     struct mopt_error *err)
{
    int64_t heads = 0;
    int64_t causal = 0;
    int64_t rotary = 0;
    int64_t share = 0;
    float filter = 0;
    enum mopt_status status = mopt__attend_int(node, "num_heads", 0, 1, INT32_MAX, &heads, err);
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "unidirectional", 0, 0, 1, &causal, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "do_rotary", 0, 0, 1, &rotary, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "past_present_share_buffer", 0, 0, 1, &share, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "mask_filter_value", -10000, &filter, err);
    }
    if (status == MOPT_OK && rotary) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "attribute 'do_rotary' is not supported");
    }
    m->a.heads = (size_t)heads;
    m->a.groups = (size_t)heads;
    m->a.causal = causal == 1;
    m->a.last_sees_all = true;
    m->a.hidden = -(double)FLT_MAX;
    m->a.filter = (double)filter;
    *shared = share == 1;
    return status;
}

// What there is one of, or one for each column of the weights.
static enum mopt_status check_columns(const struct merged *m, const struct mopt_tensor *t,
                                      const char *name, struct mopt_error *err)
{
    size_t width = (size_t)m->in[WEIGHTS]->dims[1];
    if (!t || t->count == 1 || (t->rank == 1 && t->count == width)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have 1 or %zu elements", name, width);
}

static enum mopt_status check_codes(const struct merged *m, struct mopt_error *err)
{
    bool one = !m->scale || m->scale->count == 1;
    if (!one || (m->zero && m->zero->count != 1)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "inputs 'input_scale' and 'input_zero_point' must have one element");
    }
    enum mopt_status status = check_columns(m, m->weight_scale, "weight_scale", err);
    return status == MOPT_OK ? check_columns(m, m->weight_zero, "weight_zero_point", err) : status;
}

// m->in is set.
static enum mopt_status open_merged(struct mopt_eval *eval, struct merged *m,
                                    struct mopt_error *err)
{
    bool shared = false;
    enum mopt_status status = read_options(eval->node, m, &shared, err);
    if (status == MOPT_OK) {
        status = open_input(m, err);
    }
    if (status == MOPT_OK) {
        status = read_sizes(eval->node, m, err);
    }
    if (status == MOPT_OK) {
        status = check_codes(m, err);
    }
    if (status == MOPT_OK) {
        status = open_past(m, shared, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    m->a.columns = m->past + m->a.rows;
    m->a.offset = m->past;
    m->a.bias = m->in[ADDED];
    status = open_mask(m, m->a.causal, err);
    if (status == MOPT_OK) {
        status = mopt__attend_bias(&m->a, m->in[ADDED], m->a.columns, err);
    }
    return status == MOPT_OK ? mopt__attend_scale(eval->node, m->a.size, &m->a.scale, err) : status;
}

// ---- Running ------------------------------------------------------------------------------------

struct projection {
    const struct merged *m;
    const double *weights;
    double zero;  // of the codes of the input
    size_t first; // row
};

static double of_column(const struct mopt_tensor *t, size_t column)
{
    return t ? mopt__tensor_f64(t, t->count > 1 ? column : 0) : 0;
}

// Sums of codes to what they stand for.
static void scale_row(const struct merged *m, double *out)
{
    for (size_t c = 0; m->scale && c < m->width; c++) {
        float factor = (float)mopt__tensor_f64(m->scale, 0) * (float)of_column(m->weight_scale, c);
        out[c] *= (double)factor;
    }
}

static void project_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct projection *p = context;
    const struct merged *m = p->m;
    size_t inner = (size_t)m->in[INPUT]->dims[2];
    (void)thread;
    for (size_t r = p->first + (size_t)begin; r < p->first + (size_t)end; r++) {
        double *out = m->arrays[0] + r * m->width;
        for (size_t k = 0; k < inner; k++) {
            double x = mopt__tensor_f64(m->in[INPUT], r * inner + k) - p->zero;
            for (size_t c = 0; c < m->width; c++) {
                out[c] += x * p->weights[k * m->width + c];
            }
        }
        scale_row(m, out);
    }
}

// Rows of the input times the weights, in arrays[0]: [batch * rows, width].
static enum mopt_status project(struct mopt_eval *eval, const struct merged *m,
                                const double *weights, struct mopt_error *err)
{
    enum { CHUNK = 64 }; // rows between two looks at the job's limits
    struct projection p = {.m = m, .weights = weights, .zero = of_column(m->zero, 0)};
    size_t rows = m->a.batch * m->a.rows;
    enum mopt_status status = MOPT_OK;
    for (; status == MOPT_OK && p.first < rows; p.first += CHUNK) {
        size_t count = rows - p.first < CHUNK ? rows - p.first : CHUNK;
        mopt__pool_for(eval->pool, (int64_t)count, 1, project_rows, &p);
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

// Splits the projection; the cache goes in front of keys and values.
static void split(const struct merged *m, const double *past)
{
    const struct mopt_attend *a = &m->a;
    size_t first = 0;
    for (int i = 0; i < 3; i++) {
        size_t size = m->hidden[i] / a->heads;
        struct mopt_heads h = {.data = m->arrays[0],
                               .first = first,
                               .batch_step = a->rows * m->width,
                               .head_step = size,
                               .step = m->width,
                               .heads = a->heads,
                               .length = a->rows,
                               .size = size,
                               .bias = m->arrays[4] ? m->arrays[4] + first : NULL};
        size_t cached = m->in[PAST] ? (size_t)m->in[PAST]->dims[3] : 0;
        struct mopt_heads old = {.data = past,
                                 .first = i == 2 ? a->batch * a->heads * cached * size : 0,
                                 .batch_step = a->heads * cached * size,
                                 .head_step = cached * size,
                                 .step = size,
                                 .heads = a->heads,
                                 .length = m->past,
                                 .size = size};
        for (size_t b = 0; b < a->batch; b++) {
            if (i > 0 && past) {
                mopt__heads_copy(&old, b, m->arrays[1 + i], a->columns, 0);
            }
            mopt__heads_copy(&h, b, m->arrays[1 + i], i == 0 ? a->rows : a->columns,
                             i == 0 ? 0 : m->past);
        }
        first += m->hidden[i];
    }
}

// Keys and values, in a shared buffer followed by what was there.
static void put_present(const struct merged *m)
{
    const struct mopt_attend *a = &m->a;
    size_t lines = a->batch * a->heads;
    for (size_t i = 0; m->present && i < 2 * lines * m->room; i++) {
        size_t position = i % m->room;
        size_t head = i / m->room;
        const double *from = m->arrays[head < lines ? 2 : 3];
        for (size_t d = 0; d < a->size; d++) {
            double x = position < a->columns
                           ? from[(head % lines * a->columns + position) * a->size + d]
                           : mopt__tensor_f64(m->in[PAST], i * a->size + d);
            mopt__nn_store_at(m->present, i * a->size + d, x);
        }
    }
}

static enum mopt_status new_outputs(struct mopt_eval *eval, struct merged *m,
                                    struct mopt_error *err)
{
    const struct mopt_attend *a = &m->a;
    enum mopt_dtype dtype = m->dtype;
    const int64_t dims[3] = {(int64_t)a->batch, (int64_t)a->rows, (int64_t)m->hidden[2]};
    const int64_t cache[5] = {2, (int64_t)a->batch, (int64_t)a->heads, (int64_t)m->room,
                              (int64_t)a->size};
    enum mopt_status status = mopt__eval_output(eval, 0, dtype, 3, dims, &m->a.y, err);
    if (status != MOPT_OK || !mopt__eval_wants(eval, 1)) {
        return status;
    }
    if (a->size != a->value_size) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "output 'present' needs keys and values of one size");
    }
    return mopt__eval_output(eval, 1, dtype, 5, cache, &m->present, err);
}

static enum mopt_status run(struct mopt_eval *eval, struct merged *m, struct mopt_error *err)
{
    struct mopt_attend *a = &m->a;
    double *weights = NULL;
    double *past = NULL;
    m->arrays[0] = mopt__attend_room(a->batch, a->rows, m->width, 1, err);
    m->arrays[1] = mopt__attend_room(a->batch, a->heads, a->rows, a->size, err);
    m->arrays[2] = mopt__attend_room(a->batch, a->heads, a->columns, a->size, err);
    m->arrays[3] = mopt__attend_room(a->batch, a->heads, a->columns, a->value_size, err);
    bool room = m->arrays[0] && m->arrays[1] && m->arrays[2] && m->arrays[3];
    enum mopt_status status =
        room ? mopt__nn_doubles(m->in[BIAS], &m->arrays[4], err) : MOPT_E_MEMORY;
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(m->in[WEIGHTS], &weights, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(m->in[PAST], &past, err);
    }
    for (size_t i = 0; status == MOPT_OK && m->weight_zero && i < m->in[WEIGHTS]->count; i++) {
        weights[i] -= of_column(m->weight_zero, i % m->width);
    }
    if (status == MOPT_OK) {
        status = project(eval, m, weights, err);
    }
    if (status == MOPT_OK) {
        split(m, past);
        put_present(m);
        a->q = m->arrays[1];
        a->k = m->arrays[2];
        a->v = m->arrays[3];
        status = mopt__attend(eval, a, err);
    }
    mopt__free(weights);
    mopt__free(past);
    return status;
}

static enum mopt_status run_merged(struct mopt_eval *eval, struct merged *m, struct mopt_error *err)
{
    enum mopt_status status = open_merged(eval, m, err);
    if (status == MOPT_OK) {
        status = new_outputs(eval, m, err);
    }
    if (status == MOPT_OK) {
        status = run(eval, m, err);
    }
    for (int i = 0; i < 5; i++) {
        mopt__free(m->arrays[i]);
    }
    return status;
}

static enum mopt_status merged_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct merged m;
    memset(&m, 0, sizeof m);
    enum mopt_status status = mopt__open(eval, m.in, INPUTS, err);
    if (status != MOPT_OK) {
        return status;
    }
    m.dtype = m.in[INPUT]->dtype;
    return run_merged(eval, &m, err);
}

static enum mopt_status quantized_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[Q_INPUTS];
    struct merged m;
    memset(&m, 0, sizeof m);
    enum mopt_status status = mopt__open(eval, in, Q_INPUTS, err);
    if (status != MOPT_OK) {
        return status;
    }
    m.in[INPUT] = in[Q_INPUT];
    m.in[WEIGHTS] = in[Q_WEIGHTS];
    m.in[BIAS] = in[Q_BIAS];
    m.in[MASK] = in[Q_MASK];
    m.in[PAST] = in[Q_PAST];
    m.scale = in[Q_SCALE];
    m.weight_scale = in[Q_WEIGHT_SCALE];
    m.zero = in[Q_ZERO];
    m.weight_zero = in[Q_WEIGHT_ZERO];
    m.dtype = in[Q_BIAS]->dtype;
    return run_merged(eval, &m, err);
}

// ---- Inference ----------------------------------------------------------------------------------

// past_input: number of the input of past keys and values.
static enum mopt_status infer_merged(struct mopt_infer *infer, uint32_t past_input,
                                     enum mopt_dtype dtype, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, INPUT);
    const struct mopt_type *w = mopt__infer_tensor(infer, WEIGHTS);
    const struct mopt_type *past = mopt__infer_tensor(infer, past_input);
    struct mopt_dims *table = infer->dims;
    const int64_t *sizes = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__nn_infer_rank(infer, INPUT, 3, 3, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, WEIGHTS, 2, 2, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_ints(infer->node, "qkv_hidden_sizes", &sizes, &count, err);
    }
    if (status != MOPT_OK || !x || x->rank != 3) {
        return status;
    }
    int64_t third = w && w->rank == 2
                        ? mopt__dim_floordiv(table, w->dims[1], mopt__dim_const(table, 3))
                        : MOPT_DIM_UNKNOWN;
    int64_t hidden = count == 3 && sizes[2] >= 0 ? mopt__dim_const(table, sizes[2]) : third;
    int64_t heads = mopt__int_of(infer->node, "num_heads", 0);
    const int64_t dims[3] = {x->dims[0], x->dims[1], hidden};
    int64_t cache[5] = {mopt__dim_const(table, 2), x->dims[0], MOPT_DIM_UNKNOWN, x->dims[1],
                        MOPT_DIM_UNKNOWN};
    if (heads > 0) {
        cache[2] = mopt__dim_const(table, heads);
        cache[4] = mopt__dim_floordiv(table, hidden, cache[2]);
    }
    if (mopt__infer_has(infer, past_input)) {
        int64_t old = past && past->rank == 5 ? past->dims[3] : MOPT_DIM_UNKNOWN;
        bool shared = mopt__int_of(infer->node, "past_present_share_buffer", 0) != 0;
        cache[3] = shared ? old : mopt__dim_add(table, old, x->dims[1]);
    }
    status = mopt__infer_set(infer, 0, dtype, 3, dims, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 1, dtype, 5, cache, err) : status;
}

static enum mopt_status merged_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return infer_merged(infer, PAST, mopt__infer_dtype(infer, INPUT), err);
}

static enum mopt_status quantized_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return infer_merged(infer, Q_PAST, mopt__infer_dtype(infer, Q_BIAS), err);
}

// The projection and two products of every query with every key.
static void merged_cost(struct mopt_cost *cost)
{
    int64_t x[MOPT_RANK_MAX];
    int64_t w[MOPT_RANK_MAX];
    int rank = 0;
    int w_rank = 0;
    uint64_t elements = 0;
    uint64_t lines = 0;
    if (mopt__nn_cost_in(cost, INPUT, &rank, x) && mopt__nn_cost_in(cost, WEIGHTS, &w_rank, w) &&
        rank == 3 && w_rank == 2 && mopt__nn_count(x, 3, &elements) &&
        mopt__nn_count(x, 2, &lines)) {
        uint64_t projection = 0;
        uint64_t products = 0;
        cost->known =
            !__builtin_mul_overflow(elements, (uint64_t)w[1], &projection) &&
            !__builtin_mul_overflow(lines * (uint64_t)w[1] / 3 * 2, (uint64_t)x[1], &products) &&
            !__builtin_add_overflow(projection, products, &cost->macs);
    }
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define H (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16))
#define OPTIONAL MOPT_PARAM_OPTIONAL

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "Attention",
     .since = 1,
     .summary = "multi-head attention with the projections of its input",
     MOPT_INPUTS({"input", "T", F, 0}, {"weights", "T", F, 0}, {"bias", "T", F, OPTIONAL},
                 {"mask_index", "M", MOPT_SET_I32, OPTIONAL}, {"past", "T", F, OPTIONAL},
                 {"attention_bias", "T", F, OPTIONAL},
                 {"past_sequence_length", "M", MOPT_SET_I32, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"present", "T", F, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_INT("do_rotary", 0), MOPT_A_FLOAT("mask_filter_value", -10000),
                     MOPT_A_INT_REQUIRED("num_heads"), MOPT_A_INT("past_present_share_buffer", 0),
                     MOPT_A_INTS("qkv_hidden_sizes"), MOPT_A_INT_OPTIONAL("rotary_embedding_dim"),
                     MOPT_A_FLOAT_OPTIONAL("scale"), MOPT_A_INT("unidirectional", 0)),
     .infer = merged_infer,
     .eval = merged_eval,
     .cost = merged_cost},
    {.domain = "com.microsoft",
     .name = "QAttention",
     .since = 1,
     .summary = "multi-head attention with the projections of its quantized input",
     MOPT_INPUTS({"input", "T1", MOPT_SET_INT8, 0}, {"weight", "T2", MOPT_SET_INT8, 0},
                 {"bias", "T3", H, 0}, {"input_scale", "T3", H, 0}, {"weight_scale", "T3", H, 0},
                 {"mask_index", "T4", MOPT_SET_I32, OPTIONAL},
                 {"input_zero_point", "T1", MOPT_SET_INT8, OPTIONAL},
                 {"weight_zero_point", "T2", MOPT_SET_INT8, OPTIONAL}, {"past", "T3", H, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T3", H, 0}, {"present", "T3", H, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_INT("do_rotary", 0), MOPT_A_FLOAT("mask_filter_value", -10000),
                     MOPT_A_INT_REQUIRED("num_heads"), MOPT_A_INT("past_present_share_buffer", 0),
                     MOPT_A_FLOAT_OPTIONAL("scale"), MOPT_A_INT("unidirectional", 0)),
     .infer = quantized_infer,
     .eval = quantized_eval,
     .cost = merged_cost},
};
const struct mopt_op_family mopt__ops_contrib_attention = {records, MOPT_COUNTOF(records)};
