// SPDX-License-Identifier: Apache-2.0
// LinearAttention: attention without a softmax as a recurrence. Every key/value head holds a matrix
// that each position of the sequence fades (decay), corrects (delta rule) and writes to; queries
// read it. Heads are folded into the last axis of the inputs.
#include <math.h>

#include "ops/nn_util.h"

struct linear {
    const struct mopt_tensor *query, *key, *value, *past, *decay, *beta;
    bool gated, delta;
    double scale;
    size_t batch, length, heads, groups; // query heads, key/value heads
    size_t size, value_size;             // of a head of queries and keys, of values
    struct mopt_tensor *output, *state;
};

// ---- Reading ------------------------------------------------------------------------------------

static enum mopt_status read_heads(const struct mopt_node *node, struct linear *l,
                                   struct mopt_error *err)
{
    int64_t heads = 0;
    int64_t groups = 0;
    enum mopt_status status = mopt__attr_int(node, "q_num_heads", 0, &heads, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "kv_num_heads", 0, &groups, err);
    }
    if (status == MOPT_OK && (groups < 1 || heads < 1 || heads % groups != 0)) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attributes 'q_num_heads' and 'kv_num_heads' are %lld and %lld, the "
                              "first must be a multiple of the second",
                              (long long)heads, (long long)groups);
    }
    l->heads = (size_t)heads;
    l->groups = (size_t)groups;
    return status;
}

static enum mopt_status read_rule(const struct mopt_node *node, struct linear *l,
                                  struct mopt_error *err)
{
    const char *rule = NULL;
    enum mopt_status status = mopt__attr_string(node, "update_rule", "gated_delta", &rule, err);
    if (status != MOPT_OK) {
        return status;
    }
    bool both = mopt__streq(rule, "gated_delta");
    l->gated = both || mopt__streq(rule, "gated");
    l->delta = both || mopt__streq(rule, "delta");
    if (!l->gated && !l->delta && !mopt__streq(rule, "linear")) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'update_rule' has the unknown value '%s'", rule);
    }
    if (l->gated != (l->decay != NULL)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "update rule '%s' %s input 'decay'", rule,
                              l->gated ? "needs" : "has no");
    }
    if (l->delta != (l->beta != NULL)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "update rule '%s' %s input 'beta'", rule,
                              l->delta ? "needs" : "has no");
    }
    return MOPT_OK;
}

// Rank 3, batch and length of the query, and a last axis of whole heads.
static enum mopt_status check_sequence(const struct linear *l, const struct mopt_tensor *t,
                                       const char *name, size_t heads, struct mopt_error *err)
{
    enum mopt_status status = mopt__nn_rank(t, name, 3, 3, err);
    if (status != MOPT_OK || !t) {
        return status;
    }
    if (t->dims[0] != l->query->dims[0] || t->dims[1] != l->query->dims[1]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has another batch or length", name);
    }
    if (heads == 0 || t->dims[2] % (int64_t)heads != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "last axis of input '%s' has %lld elements for %zu heads", name,
                              (long long)t->dims[2], heads);
    }
    return MOPT_OK;
}

static enum mopt_status check_gates(const struct linear *l, struct mopt_error *err)
{
    int64_t last = l->decay ? l->decay->dims[2] : 0;
    int64_t groups = (int64_t)l->groups;
    if (l->decay && last != groups && last != l->key->dims[2]) {
        return mopt_error_set(
            err, MOPT_E_SHAPE,
            "last axis of input 'decay' has %lld elements, must have %lld or %lld", (long long)last,
            (long long)groups, (long long)l->key->dims[2]);
    }
    last = l->beta ? l->beta->dims[2] : 1;
    if (last != groups && last != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "last axis of input 'beta' has %lld elements, must have %lld or 1",
                              (long long)last, (long long)groups);
    }
    return MOPT_OK;
}

static enum mopt_status check_shapes(struct linear *l, struct mopt_error *err)
{
    const struct mopt_tensor *inputs[5] = {l->query, l->key, l->value, l->decay, l->beta};
    static const char *const names[5] = {"query", "key", "value", "decay", "beta"};
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < 5; i++) {
        size_t heads = i == 0 ? l->heads : i == 4 ? 1 : l->groups;
        status = check_sequence(l, inputs[i], names[i], heads, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    l->batch = (size_t)l->query->dims[0];
    l->length = (size_t)l->query->dims[1];
    l->size = (size_t)l->query->dims[2] / l->heads;
    l->value_size = (size_t)l->value->dims[2] / l->groups;
    if ((size_t)l->key->dims[2] / l->groups != l->size) {
        return mopt_error_set(err, MOPT_E_SHAPE, "heads of query and key have %zu and %zu elements",
                              l->size, (size_t)l->key->dims[2] / l->groups);
    }
    const struct mopt_tensor *p = l->past;
    if (p && (p->rank != 4 || (size_t)p->dims[0] != l->batch || (size_t)p->dims[1] != l->groups ||
              (size_t)p->dims[2] != l->size || (size_t)p->dims[3] != l->value_size)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input 'past_state' must have shape [%zu,%zu,%zu,%zu]", l->batch,
                              l->groups, l->size, l->value_size);
    }
    return check_gates(l, err);
}

static enum mopt_status open_linear(const struct mopt_eval *eval, struct linear *l,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[6] = {NULL};
    float scale = 0;
    enum mopt_status status = mopt__open(eval, in, 6, err);
    *l = (struct linear){in[0], in[1], in[2], in[3], in[4], in[5], .groups = 1};
    if (status == MOPT_OK) {
        status = read_heads(eval->node, l, err);
    }
    if (status == MOPT_OK) {
        status = read_rule(eval->node, l, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "scale", 0, &scale, err);
    }
    if (status == MOPT_OK) {
        status = check_shapes(l, err);
    }
    l->scale = scale != 0 ? (double)scale : 1 / sqrt((double)l->size);
    return status;
}

// ---- Running ------------------------------------------------------------------------------------

// One head and its work space.
struct head {
    size_t batch, group;
    double *state; // [size, value_size]
    double *row;   // [value_size] what is written
};

// Fades line d of the state by e^decay.
static void fade(const struct linear *l, const struct head *h, size_t line)
{
    bool each = (size_t)l->decay->dims[2] != l->groups; // one factor for each line of the state
    size_t last = (size_t)l->decay->dims[2];
    for (size_t d = 0; d < l->size; d++) {
        size_t at = line * last + (each ? h->group * l->size + d : h->group);
        double factor = exp(mopt__tensor_f64(l->decay, at));
        for (size_t m = 0; m < l->value_size; m++) {
            h->state[d * l->value_size + m] *= factor;
        }
    }
}

// Row to be written: the value, or with the delta rule beta times what the state lacks of it.
static void find_row(const struct linear *l, const struct head *h, size_t line)
{
    size_t key = (line * l->groups + h->group) * l->size;
    size_t value = (line * l->groups + h->group) * l->value_size;
    for (size_t m = 0; m < l->value_size; m++) {
        h->row[m] = mopt__tensor_f64(l->value, value + m);
    }
    if (!l->delta) {
        return;
    }
    size_t last = (size_t)l->beta->dims[2];
    double beta = mopt__tensor_f64(l->beta, last == 1 ? line : line * last + h->group);
    for (size_t d = 0; d < l->size; d++) {
        double k = mopt__tensor_f64(l->key, key + d);
        for (size_t m = 0; m < l->value_size; m++) {
            h->row[m] -= h->state[d * l->value_size + m] * k;
        }
    }
    for (size_t m = 0; m < l->value_size; m++) {
        h->row[m] *= beta;
    }
}

static void read_out(const struct linear *l, const struct head *h, size_t line, double *sums)
{
    size_t share = l->heads / l->groups;
    for (size_t i = h->group * share; i < (h->group + 1) * share; i++) {
        size_t head = line * l->heads + i;
        for (size_t m = 0; m < l->value_size; m++) {
            sums[m] = 0;
        }
        for (size_t d = 0; d < l->size; d++) {
            double q = mopt__tensor_f64(l->query, head * l->size + d);
            for (size_t m = 0; m < l->value_size; m++) {
                sums[m] += q * h->state[d * l->value_size + m];
            }
        }
        for (size_t m = 0; m < l->value_size; m++) {
            mopt__nn_store_at(l->output, head * l->value_size + m, l->scale * sums[m]);
        }
    }
}

static void step(const struct linear *l, const struct head *h, size_t line)
{
    if (l->gated) {
        fade(l, h, line);
    }
    find_row(l, h, line);
    size_t key = (line * l->groups + h->group) * l->size;
    for (size_t d = 0; d < l->size; d++) {
        double k = mopt__tensor_f64(l->key, key + d);
        for (size_t m = 0; m < l->value_size; m++) {
            h->state[d * l->value_size + m] += k * h->row[m];
        }
    }
    read_out(l, h, line, h->row);
}

static enum mopt_status run_head(struct mopt_eval *eval, const struct linear *l,
                                 const struct head *h, struct mopt_error *err)
{
    size_t cells = l->size * l->value_size;
    size_t first = (h->batch * l->groups + h->group) * cells;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < cells; i++) {
        h->state[i] = l->past ? mopt__tensor_f64(l->past, first + i) : 0;
    }
    for (size_t t = 0; status == MOPT_OK && t < l->length; t++) {
        step(l, h, h->batch * l->length + t);
        status = mopt__nn_tick(eval, err);
    }
    for (size_t i = 0; l->state && i < cells; i++) {
        mopt__nn_store_at(l->state, first + i, h->state[i]);
    }
    return status;
}

static enum mopt_status run_heads(struct mopt_eval *eval, const struct linear *l,
                                  struct mopt_error *err)
{
    size_t cells = 0;
    size_t room = 0;
    if (!mopt__size_mul(l->size, l->value_size, &cells) ||
        !mopt__size_add(cells, l->value_size, &room)) {
        return mopt_error_memory(err);
    }
    uint64_t limit = eval->budget ? eval->budget->max_memory_bytes : 0;
    if (limit > 0 && room > limit / sizeof(double)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "state of %zu elements needs too much memory",
                              cells);
    }
    double *state = mopt__nn_zeros(room, err);
    enum mopt_status status = mopt__nn_got(state, err);
    for (size_t i = 0; status == MOPT_OK && i < l->batch * l->groups; i++) {
        struct head h = {i / l->groups, i % l->groups, state, state + cells};
        status = run_head(eval, l, &h, err);
    }
    mopt__free(state);
    return status;
}

static enum mopt_status linear_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct linear l;
    enum mopt_status status = open_linear(eval, &l, err);
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t parts[2] = {(int64_t)l.heads, (int64_t)l.value_size};
    int64_t dims[3] = {(int64_t)l.batch, (int64_t)l.length, 0};
    const int64_t state[4] = {(int64_t)l.batch, (int64_t)l.groups, (int64_t)l.size,
                              (int64_t)l.value_size};
    enum mopt_dtype dtype = l.past ? l.past->dtype : l.query->dtype;
    status = mopt__product(parts, 2, &dims[2], err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, l.query->dtype, 3, dims, &l.output, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, dtype, 4, state, &l.state, err);
    }
    bool empty = status == MOPT_OK && l.output->count == 0 && (!l.state || l.state->count == 0);
    return status == MOPT_OK && !empty ? run_heads(eval, &l, err) : status;
}

// ---- Inference ----------------------------------------------------------------------------------

static int64_t divided(struct mopt_dims *dims, int64_t a, int64_t b)
{
    return b > 0 ? mopt__dim_floordiv(dims, a, mopt__dim_const(dims, b)) : MOPT_DIM_UNKNOWN;
}

static enum mopt_status linear_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *q = mopt__infer_tensor(infer, 0);
    const struct mopt_type *v = mopt__infer_tensor(infer, 2);
    int64_t heads = mopt__int_of(infer->node, "q_num_heads", 0);
    int64_t groups = mopt__int_of(infer->node, "kv_num_heads", 0);
    struct mopt_dims *table = infer->dims;
    enum mopt_status status = mopt__nn_infer_rank(infer, 0, 3, 3, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 2, 3, 3, err);
    }
    if (status != MOPT_OK || !q) {
        return status;
    }
    bool known = q->rank == 3;
    int64_t value = divided(table, v && v->rank == 3 ? v->dims[2] : MOPT_DIM_UNKNOWN, groups);
    const int64_t dims[3] = {known ? q->dims[0] : MOPT_DIM_UNKNOWN,
                             known ? q->dims[1] : MOPT_DIM_UNKNOWN,
                             mopt__dim_mul(table, mopt__dim_const(table, heads), value)};
    const int64_t state[4] = {dims[0],
                              groups > 0 ? mopt__dim_const(table, groups) : MOPT_DIM_UNKNOWN,
                              known ? divided(table, q->dims[2], heads) : MOPT_DIM_UNKNOWN, value};
    enum mopt_dtype past = mopt__infer_dtype(infer, 3);
    status = mopt__infer_set(infer, 0, q->dtype, 3, dims, err);
    return status == MOPT_OK
               ? mopt__infer_set(infer, 1, mopt__infer_has(infer, 3) ? past : q->dtype, 4, state,
                                 err)
               : status;
}

// Reading and writing the state of a query head at every position.
static void linear_cost(struct mopt_cost *cost)
{
    int64_t q[MOPT_RANK_MAX];
    int64_t v[MOPT_RANK_MAX];
    int rank = 0;
    int v_rank = 0;
    uint64_t elements = 0;
    int64_t groups = mopt__int_of(cost->node, "kv_num_heads", 0);
    if (mopt__nn_cost_in(cost, 0, &rank, q) && mopt__nn_cost_in(cost, 2, &v_rank, v) &&
        v_rank == 3 && groups > 0 && mopt__nn_count(q, rank, &elements)) {
        uint64_t size = (uint64_t)(v[2] / groups);
        cost->known = !__builtin_mul_overflow(2 * elements, size, &cost->macs);
    }
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define OPTIONAL MOPT_PARAM_OPTIONAL

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "LinearAttention",
     .since = 27,
     .summary = "attention as a recurrence with a matrix of state",
     MOPT_INPUTS({"query", "T", F, 0}, {"key", "T", F, 0}, {"value", "T", F, 0},
                 {"past_state", "S", F, OPTIONAL}, {"decay", "T", F, OPTIONAL},
                 {"beta", "T", F, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"present_state", "S", F, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("chunk_size", 64), MOPT_A_INT_REQUIRED("kv_num_heads"),
                     MOPT_A_INT_REQUIRED("q_num_heads"), MOPT_A_FLOAT("scale", 0),
                     MOPT_A_STRING("update_rule", "gated_delta", "linear|gated|delta|gated_delta")),
     .infer = linear_infer,
     .eval = linear_eval,
     .cost = linear_cost},
};
const struct mopt_op_family mopt__ops_linear_attention = {records, MOPT_COUNTOF(records)};
