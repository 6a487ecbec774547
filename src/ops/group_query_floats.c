// SPDX-License-Identifier: Apache-2.0
// GroupQueryAttention of floats: new keys and values go straight to where the new cache has them,
// and the fused kernel reads them there. Image by image, since each has a length of its own.
#include <math.h>
#include <string.h>

#include "ops/fast.h"
#include "ops/group_query.h"
#include "ops/rotate.h"

enum { QUERY, KEY, VALUE, PARTS };

struct floats {
    const struct mopt_group_query *g;
    const struct mopt_kernels *kernels;
    size_t *positions;    // [batch, rows] of the tables of angles; NULL: queries and keys stay
    const float *norm[2]; // weights of queries, of keys, or NULL
    const float *fresh[PARTS];
    size_t row[PARTS], first[PARTS]; // floats from position to position; before the first head
    float *query;                    // [batch, rows, heads, size] turned and normed; NULL: as given
    float *cache[2];                 // [batch, groups, room, size] keys, values
    float *memory[3];                // of what has no place in an output
    struct mopt_tensor *y;
};

bool mopt__group_query_is_plain(const struct mopt_eval *eval, const struct mopt_group_query *g)
{
    const struct mopt_tensor *past = g->in[MOPT_GQ_PAST_KEY];
    const struct mopt_tensor *values = g->in[MOPT_GQ_PAST_VALUE];
    return g->in[MOPT_GQ_QUERY]->dtype == MOPT_FLOAT32 && !g->caches[0].scale &&
           !g->caches[1].scale && (!past || past->dtype == MOPT_FLOAT32) &&
           (!values || values->dtype == MOPT_FLOAT32) && !g->sliding && g->a.softcap <= 0 &&
           !g->a.sinks && g->a.size > 0 && !mopt__eval_wants(eval, 3);
}

// ---- Memory -------------------------------------------------------------------------------------

static enum mopt_status new_floats(size_t a, size_t b, float **out, struct mopt_error *err)
{
    size_t count = 0;
    size_t bytes = 0;
    if (!mopt__size_mul(a, b, &count) || !mopt__size_mul(count, sizeof **out, &bytes)) {
        return mopt_error_memory(err);
    }
    *out = mopt__malloc(bytes + 1);
    return *out ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status open_cache(struct mopt_eval *eval, struct floats *f, uint32_t i,
                                   struct mopt_error *err)
{
    const struct mopt_group_query *g = f->g;
    const int64_t dims[4] = {(int64_t)g->a.batch, (int64_t)g->a.groups, (int64_t)g->room,
                             (int64_t)g->a.size};
    struct mopt_tensor *t = NULL;
    enum mopt_status status = MOPT_OK;
    if (mopt__eval_wants(eval, i + 1)) {
        status = mopt__eval_output(eval, i + 1, MOPT_FLOAT32, 4, dims, &t, err);
        f->cache[i] = status == MOPT_OK ? mopt__nn_f32(t) : NULL;
        return status;
    }
    status = new_floats(g->a.batch * g->a.groups, g->room * g->a.size, &f->memory[i], err);
    f->cache[i] = f->memory[i];
    return status;
}

static enum mopt_status open_positions(struct floats *f, struct mopt_error *err)
{
    const struct mopt_group_query *g = f->g;
    size_t count = g->a.batch * g->a.rows;
    if (!g->rotary) {
        return MOPT_OK;
    }
    f->positions = mopt__calloc(count + 1, sizeof *f->positions);
    enum mopt_status status = f->positions ? MOPT_OK : mopt_error_memory(err);
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        status = mopt__group_query_position(g, i / g->a.rows, i % g->a.rows, &f->positions[i], err);
    }
    return status;
}

static void open_fresh(struct floats *f)
{
    const struct mopt_group_query *g = f->g;
    size_t size = g->a.size;
    const size_t first[PARTS] = {0, g->a.heads * size, (g->a.heads + g->a.groups) * size};
    for (int part = 0; part < PARTS; part++) {
        const struct mopt_tensor *t = g->in[g->packed ? MOPT_GQ_QUERY : MOPT_GQ_QUERY + part];
        f->fresh[part] = t->data;
        f->row[part] = (size_t)t->dims[2];
        f->first[part] = g->packed ? first[part] : 0;
    }
    for (int i = 0; i < 2; i++) {
        const struct mopt_tensor *t = g->in[MOPT_GQ_QUERY_NORM + i];
        f->norm[i] = t ? t->data : NULL;
    }
}

static enum mopt_status open_all(struct mopt_eval *eval, struct floats *f, struct mopt_error *err)
{
    const struct mopt_attend *a = &f->g->a;
    const int64_t dims[3] = {(int64_t)a->batch, (int64_t)a->rows, (int64_t)(a->heads * a->size)};
    open_fresh(f);
    enum mopt_status status = open_positions(f, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, 3, dims, &f->y, err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < 2; i++) {
        status = open_cache(eval, f, i, err);
    }
    if (status == MOPT_OK && (f->positions || f->norm[0])) {
        status = new_floats(a->batch * a->rows, a->heads * a->size, &f->memory[2], err);
        f->query = f->memory[2];
    }
    return status;
}

// ---- Queries, keys and values -------------------------------------------------------------------

// Divides by the root mean square and multiplies by weights.
static void normalise(const struct mopt_group_query *g, const float *x, const float *weights,
                      float *y)
{
    double square = 0;
    for (size_t d = 0; d < g->a.size; d++) {
        square += (double)x[d] * (double)x[d];
    }
    double inverse = 1 / sqrt(square / (double)g->a.size + g->epsilon);
    for (size_t d = 0; d < g->a.size; d++) {
        y[d] = (float)((double)x[d] * inverse * (double)weights[d]);
    }
}

static void place_head(const struct floats *f, int part, size_t token, const float *x, float *y)
{
    const struct mopt_group_query *g = f->g;
    size_t turned = 0;
    if (part < VALUE && f->norm[part]) {
        normalise(g, x, f->norm[part], y);
        x = y;
    }
    if (part < VALUE && f->positions) {
        const float *cosine = g->in[MOPT_GQ_COSINE]->data;
        const float *sine = g->in[MOPT_GQ_SINE]->data;
        size_t at = f->positions[token] * g->half;
        mopt__rotate_f32(x, cosine + at, sine + at, g->half, g->pairs, y);
        turned = 2 * g->half;
    }
    if (x != y) {
        memcpy(y + turned, x + turned, (g->a.size - turned) * sizeof *y);
    }
}

// New positions, counted through all images.
static void place_tokens(void *context, int64_t begin, int64_t end, int thread)
{
    const struct floats *f = context;
    const struct mopt_group_query *g = f->g;
    size_t size = g->a.size;
    (void)thread;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        size_t b = i / g->a.rows;
        size_t at = g->cached[b] + i % g->a.rows;
        for (int part = f->query ? QUERY : KEY; part < PARTS; part++) {
            size_t heads = part == QUERY ? g->a.heads : g->a.groups;
            const float *x = f->fresh[part] + i * f->row[part] + f->first[part];
            for (size_t h = 0; h < heads; h++) {
                float *y = part == QUERY
                               ? f->query + (i * heads + h) * size
                               : f->cache[part - KEY] + ((b * heads + h) * g->room + at) * size;
                place_head(f, part, i, x + h * size, y);
            }
        }
    }
}

// Heads of both caches: their old rows, and zeros behind the new ones.
static void keep_heads(void *context, int64_t begin, int64_t end, int thread)
{
    const struct floats *f = context;
    const struct mopt_group_query *g = f->g;
    (void)thread;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        size_t part = i % 2;
        size_t line = i / 2;
        size_t old = g->cached[line / g->a.groups];
        size_t filled = old + g->a.rows;
        const struct mopt_tensor *past = g->in[MOPT_GQ_PAST_KEY + part];
        float *to = f->cache[part] + line * g->room * g->a.size;
        if (past && old > 0) {
            const float *from = past->data;
            memcpy(to, from + line * (size_t)past->dims[2] * g->a.size,
                   old * g->a.size * sizeof *to);
        }
        memset(to + filled * g->a.size, 0, (g->room - filled) * g->a.size * sizeof *to);
    }
}

static void place_all(struct mopt_eval *eval, struct floats *f)
{
    const struct mopt_attend *a = &f->g->a;
    size_t head = f->g->room * a->size;
    size_t token = (a->heads + 2 * a->groups) * a->size;
    mopt__pool_for(eval->pool, (int64_t)(a->batch * a->groups * 2),
                   (int64_t)(MOPT_FAST_GRAIN / (head + 1)) + 1, keep_heads, f);
    mopt__pool_for(eval->pool, (int64_t)(a->batch * a->rows),
                   (int64_t)(MOPT_FAST_GRAIN / (token + 1)) + 1, place_tokens, f);
}

// ---- Attention ----------------------------------------------------------------------------------

// What is added to the scores of one image: [bias heads or 1, rows, keys], keys from `first` on.
static enum mopt_status add_window(const struct floats *f, size_t b,
                                   struct mopt_attention_f32 *attention, float **memory,
                                   struct mopt_error *err)
{
    const struct mopt_attend *a = &f->g->a;
    size_t heads = a->bias && a->bias->dims[1] != 1 ? a->heads : 1;
    enum mopt_status status = new_floats(heads * a->rows, attention->keys, memory, err);
    if (status != MOPT_OK || !*memory) {
        return status;
    }
    for (size_t i = 0; i < heads * a->rows * attention->keys; i++) {
        size_t row = i / attention->keys % a->rows;
        size_t head = i / attention->keys / a->rows;
        (*memory)[i] = (float)mopt__attend_added(a, b, head, row, i % attention->keys);
    }
    attention->mask = *memory;
    attention->mask_steps =
        (struct mopt_head_steps){.head = heads > 1 ? a->rows * attention->keys : 0,
                                 .row = attention->keys};
    return MOPT_OK;
}

static void add_bias(const struct floats *f, size_t b, struct mopt_attention_f32 *attention)
{
    const struct mopt_attend *a = &f->g->a;
    size_t head = a->rows * a->span;
    size_t heads = (size_t)a->bias->dims[1];
    const float *bias = a->bias->data;
    attention->mask = bias + (a->bias->dims[0] == 1 ? 0 : b) * heads * head;
    attention->mask_steps = (struct mopt_head_steps){.head = heads > 1 ? head : 0, .row = a->span};
}

// One new position sees the last keys only: the others are left out. More of them get a mask.
static enum mopt_status attend_image(struct mopt_eval *eval, const struct floats *f, size_t b,
                                     struct mopt_error *err)
{
    const struct mopt_group_query *g = f->g;
    const struct mopt_attend *a = &g->a;
    size_t width = a->heads * a->size;
    size_t cache = b * a->groups * g->room * a->size;
    size_t keys = g->lengths[b];
    bool windowed = a->window > 0 && g->cached[b] + a->rows > a->window;
    float *memory = NULL;
    struct mopt_attention_f32 attention = {
        .batch = 1,
        .heads = a->heads,
        .groups = a->groups,
        .queries = a->rows,
        .keys = keys,
        .size = a->size,
        .value_size = a->size,
        .q = f->query ? f->query + b * a->rows * width
                      : f->fresh[QUERY] + b * a->rows * f->row[QUERY] + f->first[QUERY],
        .k = f->cache[0] + cache,
        .v = f->cache[1] + cache,
        .y = mopt__nn_f32(f->y) + b * a->rows * width,
        .q_steps = {.head = a->size, .row = f->query ? width : f->row[QUERY]},
        .k_steps = {.head = g->room * a->size, .row = a->size},
        .v_steps = {.head = g->room * a->size, .row = a->size},
        .y_steps = {.head = a->size, .row = width},
        .scale = (float)a->scale,
        .causal = a->causal,
        .past = g->cached[b],
        .blind_is_zero = true};
    enum mopt_status status = MOPT_OK;
    if (a->bias) {
        add_bias(f, b, &attention);
    }
    if (windowed && a->rows > 1) {
        status = add_window(f, b, &attention, &memory, err);
    } else if (windowed) {
        size_t hidden = keys - a->window;
        attention.keys -= hidden;
        attention.past -= hidden;
        attention.k += hidden * a->size;
        attention.v += hidden * a->size;
        attention.mask += attention.mask ? hidden : 0;
    }
    if (status == MOPT_OK) {
        status = mopt__attend_kernel(eval, f->kernels, &attention, err);
    }
    mopt__free(memory);
    return status;
}

enum mopt_status mopt__group_query_floats(struct mopt_eval *eval, struct mopt_group_query *g,
                                          struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    struct floats f = {.g = g, .kernels = fast->kernels};
    enum mopt_status status = open_all(eval, &f, err);
    if (status == MOPT_OK) {
        place_all(eval, &f);
    }
    for (size_t b = 0; status == MOPT_OK && f.y->count > 0 && b < g->a.batch; b++) {
        status = attend_image(eval, &f, b, err);
    }
    mopt__free(f.positions);
    for (int i = 0; i < 3; i++) {
        mopt__free(f.memory[i]);
    }
    return status;
}
