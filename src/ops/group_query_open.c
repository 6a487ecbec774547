// SPDX-License-Identifier: Apache-2.0
// The reading part of GroupQueryAttention: attributes and inputs are checked once, so that the
// running part has no case left that could go wrong but positions.
#include <math.h>
#include <string.h>

#include "ops/group_query.h"

// ---- Attributes ---------------------------------------------------------------------------------

static enum mopt_status read_heads(const struct mopt_node *node, struct mopt_group_query *g,
                                   struct mopt_error *err)
{
    int64_t heads = 0;
    int64_t groups = 0;
    enum mopt_status status = mopt__attend_int(node, "num_heads", 0, 1, INT32_MAX, &heads, err);
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "kv_num_heads", 0, 1, INT32_MAX, &groups, err);
    }
    if (status == MOPT_OK && heads % groups != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "%lld query heads over %lld key heads",
                              (long long)heads, (long long)groups);
    }
    g->a.heads = (size_t)heads;
    g->a.groups = (size_t)groups;
    return status;
}

static enum mopt_status read_window(const struct mopt_node *node, struct mopt_group_query *g,
                                    struct mopt_error *err)
{
    int64_t window = -1;
    int64_t causal = 1;
    int64_t sliding = 0;
    enum mopt_status status = mopt__attend_int(node, "causal", 1, 0, 1, &causal, err);
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "local_window_size", -1, -1, INT32_MAX, &window, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "sliding_window_cache", 0, 0, 1, &sliding, err);
    }
    if (status == MOPT_OK && causal == 0 && window >= 0) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'local_window_size' needs causal attention");
    }
    if (status == MOPT_OK && sliding == 1 && window < 1) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'sliding_window_cache' needs a 'local_window_size'");
    }
    g->a.causal = causal == 1;
    g->a.hidden = -INFINITY;
    g->a.window = window > 0 ? (size_t)window : 0;
    g->sliding = sliding == 1;
    return status;
}

static enum mopt_status read_options(const struct mopt_node *node, struct mopt_group_query *g,
                                     struct mopt_error *err)
{
    int64_t rotary = 0;
    int64_t pairs = 0;
    float softcap = 0;
    float epsilon = 0;
    enum mopt_status status = mopt__attend_int(node, "do_rotary", 0, 0, 1, &rotary, err);
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "rotary_interleaved", 0, 0, 1, &pairs, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_int(node, "qk_output", 0, 0, 2, &g->output, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "softcap", 0, &softcap, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "qk_norm_epsilon", 1e-6F, &epsilon, err);
    }
    g->rotary = rotary == 1;
    g->pairs = pairs == 1;
    g->a.normalised = g->output == 2;
    g->a.softcap = (double)softcap;
    g->epsilon = (double)epsilon;
    return status;
}

// The scale of keys (0) or values (1) and the kind of quantization that goes with it.
static enum mopt_status read_cache(const struct mopt_node *node, struct mopt_group_query *g, int i,
                                   int64_t bits, struct mopt_error *err)
{
    static const char *const kinds[2] = {"k_quant_type", "v_quant_type"};
    const char *kind = NULL;
    const struct mopt_tensor *scale = g->in[MOPT_GQ_KEY_SCALE + i];
    enum mopt_status status = mopt__attr_string(node, kinds[i], "NONE", &kind, err);
    if (status != MOPT_OK) {
        return status;
    }
    bool one = mopt__streq(kind, "PER_TENSOR");
    bool many = mopt__streq(kind, "PER_CHANNEL");
    if (!one && !many && !mopt__streq(kind, "NONE")) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the unknown value '%s'",
                              kinds[i], kind);
    }
    if ((one || many) && (!scale || (one && scale->count != 1) || (bits != 4 && bits != 8))) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute '%s' is '%s', which needs a fitting scale and a "
                              "'kv_cache_bit_width' of 4 or 8",
                              kinds[i], kind);
    }
    g->caches[i] = (struct mopt_kv_cache){.past = g->in[MOPT_GQ_PAST_KEY + i],
                                          .scale = one || many ? scale : NULL,
                                          .bits = (unsigned)bits,
                                          .groups = g->a.groups};
    return MOPT_OK;
}

static enum mopt_status read_caches(const struct mopt_node *node, struct mopt_group_query *g,
                                    struct mopt_error *err)
{
    int64_t bits = 0;
    enum mopt_status status = mopt__attend_int(node, "kv_cache_bit_width", 0, 0, 64, &bits, err);
    for (int i = 0; status == MOPT_OK && i < 2; i++) {
        status = read_cache(node, g, i, bits, err);
    }
    return status;
}

// ---- Shapes -------------------------------------------------------------------------------------

static enum mopt_status check_fresh(const struct mopt_group_query *g, const struct mopt_tensor *t,
                                    const char *name, struct mopt_error *err)
{
    const struct mopt_tensor *q = g->in[MOPT_GQ_QUERY];
    int64_t width = (int64_t)(g->a.groups * g->a.size);
    if (!t || (t->rank == 3 && t->dims[0] == q->dims[0] && t->dims[1] == q->dims[1] &&
               t->dims[2] == width)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have shape [%lld,%lld,%lld]", name,
                          (long long)q->dims[0], (long long)q->dims[1], (long long)width);
}

static enum mopt_status open_fresh(struct mopt_group_query *g, struct mopt_error *err)
{
    const struct mopt_tensor *q = g->in[MOPT_GQ_QUERY];
    const struct mopt_tensor *k = g->in[MOPT_GQ_KEY];
    const struct mopt_tensor *v = g->in[MOPT_GQ_VALUE];
    g->packed = !k;
    int64_t all = (int64_t)(g->packed ? g->a.heads + 2 * g->a.groups : g->a.heads);
    if (!k != !v) {
        return mopt_error_set(err, MOPT_E_FORMAT, "key and value must come together");
    }
    if (q->rank != 3 || q->dims[2] % all != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'query' must have rank 3 and %lld heads",
                              (long long)all);
    }
    g->a.batch = (size_t)q->dims[0];
    g->a.rows = (size_t)q->dims[1];
    g->a.size = (size_t)(q->dims[2] / all);
    g->a.value_size = g->a.size;
    enum mopt_status status = check_fresh(g, k, "key", err);
    return status == MOPT_OK ? check_fresh(g, v, "value", err) : status;
}

static enum mopt_status check_past(struct mopt_group_query *g, int i, struct mopt_error *err)
{
    static const char *const names[2] = {"past_key", "past_value"};
    struct mopt_kv_cache *c = &g->caches[i];
    const struct mopt_tensor *t = c->past;
    c->size = g->a.size;
    enum mopt_status status = mopt__kv_check(c, names[i], err);
    if (status == MOPT_OK && t &&
        (t->rank != 4 || (size_t)t->dims[0] != g->a.batch || (size_t)t->dims[1] != g->a.groups ||
         t->dims[2] != g->caches[0].past->dims[2] || (size_t)t->dims[3] != mopt__kv_width(c))) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have shape [%zu,%zu,n,%zu]",
                              names[i], g->a.batch, g->a.groups, mopt__kv_width(c));
    }
    return status;
}

static enum mopt_status open_past(struct mopt_group_query *g, struct mopt_error *err)
{
    const struct mopt_tensor *k = g->in[MOPT_GQ_PAST_KEY];
    int64_t total = 0;
    if (!k != !g->in[MOPT_GQ_PAST_VALUE]) {
        return mopt_error_set(err, MOPT_E_FORMAT, "past_key and past_value must come together");
    }
    enum mopt_status status = check_past(g, 0, err);
    if (status == MOPT_OK) {
        status = check_past(g, 1, err);
    }
    if (status == MOPT_OK) {
        status = mopt__scalar_i64(g->in[MOPT_GQ_TOTAL], "total_sequence_length", &total, err);
    }
    int64_t most = g->sliding ? INT32_MAX : (k ? k->dims[2] : 0) + (int64_t)g->a.rows;
    if (status == MOPT_OK && (total < (int64_t)g->a.rows || total > most)) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "total sequence length %lld with %zu new positions, room for %lld",
                              (long long)total, g->a.rows, (long long)most);
    }
    g->total = (size_t)total;
    g->prompt = g->total == g->a.rows;
    g->room = k && (g->sliding || (size_t)k->dims[2] > g->total) ? (size_t)k->dims[2] : g->total;
    if (status == MOPT_OK && g->sliding && (!k || g->room < g->a.window)) {
        return mopt_error_set(
            err, MOPT_E_SHAPE,
            "a sliding cache needs past_key and past_value with at least %zu rows", g->a.window);
    }
    return status;
}

// ---- Lengths ------------------------------------------------------------------------------------

// Rows that a cache keeps of an image with this many positions. A sliding one of C rows drops
// C - window + 1 rows whenever it is full.
static size_t kept(const struct mopt_group_query *g, size_t positions)
{
    if (!g->sliding || positions <= g->room) {
        return positions;
    }
    size_t step = g->room - g->a.window + 1;
    size_t times = (positions - g->room + step - 1) / step;
    return positions - times * step;
}

static enum mopt_status open_length(struct mopt_group_query *g, size_t b, struct mopt_error *err)
{
    int64_t last = mopt__tensor_i64_at(g->in[MOPT_GQ_LENGTHS], b);
    int64_t past = g->prompt ? 0 : last + 1 - (int64_t)g->a.rows;
    const struct mopt_tensor *old = g->in[MOPT_GQ_PAST_KEY];
    size_t rows = old ? (size_t)old->dims[2] : 0;
    if (last < 0 || last >= (int64_t)g->total || past < 0 || kept(g, (size_t)past) > rows) {
        return mopt_error_set(
            err, MOPT_E_VALUE,
            "input 'seqlens_k' has the value %lld with %zu new positions, a total "
            "of %zu and %zu cached rows",
            (long long)last, g->a.rows, g->total, rows);
    }
    size_t length = (size_t)last + 1;
    g->cached[b] = kept(g, (size_t)past);
    g->bases[b] = (size_t)past - g->cached[b];
    g->lengths[b] = length - g->bases[b];
    g->dropped[b] = length - kept(g, length) - g->bases[b];
    return MOPT_OK;
}

static enum mopt_status open_lengths(struct mopt_group_query *g, struct mopt_error *err)
{
    const struct mopt_tensor *t = g->in[MOPT_GQ_LENGTHS];
    size_t batch = g->a.batch;
    if (t->count != batch || t->rank < 1 || t->rank > 2) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'seqlens_k' must have shape [%zu]", batch);
    }
    g->counts = mopt__calloc(batch + 1, 4 * sizeof *g->counts);
    if (!g->counts) {
        return mopt_error_memory(err);
    }
    g->lengths = g->counts;
    g->cached = g->counts + batch;
    g->bases = g->counts + 2 * batch;
    g->dropped = g->counts + 3 * batch;
    enum mopt_status status = MOPT_OK;
    for (size_t b = 0; status == MOPT_OK && b < batch; b++) {
        status = open_length(g, b, err);
    }
    g->a.lengths = g->lengths;
    g->a.offsets = g->cached;
    g->a.bases = g->bases;
    g->a.columns = g->sliding ? g->room + g->a.rows : g->total;
    g->a.room = g->sliding ? g->room + g->a.rows : g->room;
    g->a.span = g->total;
    return status;
}

// ---- Optional inputs ----------------------------------------------------------------------------

static enum mopt_status open_rotary(struct mopt_group_query *g, struct mopt_error *err)
{
    const struct mopt_tensor *c = g->in[MOPT_GQ_COSINE];
    const struct mopt_tensor *s = g->in[MOPT_GQ_SINE];
    const struct mopt_tensor *p = g->in[MOPT_GQ_POSITIONS];
    if (!g->rotary) {
        return MOPT_OK;
    }
    if (!c || !s) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "attribute 'do_rotary' needs cos_cache and sin_cache");
    }
    if (c->rank != 2 || s->rank != 2 || c->dims[0] != s->dims[0] || c->dims[1] != s->dims[1] ||
        (size_t)c->dims[1] > g->a.size / 2) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "cos_cache and sin_cache must have one shape of rank 2 with at most "
                              "%zu columns",
                              g->a.size / 2);
    }
    if (p &&
        (p->rank != 2 || (size_t)p->dims[0] != g->a.batch || (size_t)p->dims[1] != g->a.rows)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'position_ids' must have shape [%zu,%zu]",
                              g->a.batch, g->a.rows);
    }
    g->half = (size_t)c->dims[1];
    return MOPT_OK;
}

static enum mopt_status open_sinks(const struct mopt_node *node, struct mopt_group_query *g,
                                   struct mopt_error *err)
{
    int64_t smooth = 0;
    const struct mopt_tensor *sink = g->in[MOPT_GQ_SINK];
    enum mopt_status status = mopt__attend_int(node, "smooth_softmax", -1, -1, 1, &smooth, err);
    if (status == MOPT_OK) {
        status = mopt__nn_vector(sink, "head_sink", (int64_t)g->a.heads, err);
    }
    if (status == MOPT_OK && sink) {
        status = mopt__nn_doubles(sink, &g->sinks, err);
    } else if (status == MOPT_OK && smooth == 1) {
        g->sinks = mopt__nn_zeros(g->a.heads, err);
        status = mopt__nn_got(g->sinks, err);
    }
    g->a.sinks = g->sinks;
    return status;
}

static enum mopt_status open_norms(const struct mopt_group_query *g, struct mopt_error *err)
{
    const struct mopt_tensor *q = g->in[MOPT_GQ_QUERY_NORM];
    const struct mopt_tensor *k = g->in[MOPT_GQ_KEY_NORM];
    if (!q != !k) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "q_norm_weight and k_norm_weight must come together");
    }
    enum mopt_status status = mopt__nn_vector(q, "q_norm_weight", (int64_t)g->a.size, err);
    return status == MOPT_OK ? mopt__nn_vector(k, "k_norm_weight", (int64_t)g->a.size, err)
                             : status;
}

static enum mopt_status read_all(const struct mopt_node *node, struct mopt_group_query *g,
                                 struct mopt_error *err)
{
    enum mopt_status status = read_heads(node, g, err);
    if (status == MOPT_OK) {
        status = read_window(node, g, err);
    }
    if (status == MOPT_OK) {
        status = read_options(node, g, err);
    }
    return status == MOPT_OK ? read_caches(node, g, err) : status;
}

enum mopt_status mopt__group_query_open(struct mopt_eval *eval, struct mopt_group_query *g,
                                        struct mopt_error *err)
{
    enum mopt_status status = mopt__open(eval, g->in, MOPT_GQ_INPUTS, err);
    if (status == MOPT_OK) {
        status = read_all(eval->node, g, err);
    }
    if (status == MOPT_OK) {
        status = open_fresh(g, err);
    }
    if (status == MOPT_OK) {
        status = open_past(g, err);
    }
    if (status == MOPT_OK) {
        status = open_lengths(g, err);
    }
    if (status == MOPT_OK) {
        status = open_rotary(g, err);
    }
    if (status == MOPT_OK) {
        status = open_sinks(eval->node, g, err);
    }
    if (status == MOPT_OK) {
        status = open_norms(g, err);
    }
    g->a.bias = g->in[MOPT_GQ_ADDED];
    if (status == MOPT_OK) {
        status = mopt__attend_bias(&g->a, g->a.bias, g->total, err);
    }
    return status == MOPT_OK ? mopt__attend_scale(eval->node, g->a.size, &g->a.scale, err) : status;
}

void mopt__group_query_release(struct mopt_group_query *g)
{
    for (int i = 0; i < MOPT_GQ_INPUTS; i++) {
        mopt__free(g->data[i]);
    }
    for (int i = 0; i < 3; i++) {
        mopt__free(g->arrays[i]);
    }
    mopt__free(g->sinks);
    mopt__free(g->counts);
}
