// SPDX-License-Identifier: Apache-2.0
// Attention of floats by the fused kernel: masks and biases become one array of numbers to add.
#include "ops/attend_fast.h"

#include <math.h>

bool mopt__attend_is_plain(const struct mopt_attend *a)
{
    return a->softcap <= 0 && a->sinks == NULL && a->scores == NULL && a->bases == NULL &&
           a->y->dtype == MOPT_FLOAT32 && a->size > 0;
}

enum mopt_status mopt__attend_kernel(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                     const struct mopt_attention_f32 *attention,
                                     struct mopt_error *err)
{
    size_t bytes = mopt__attention_f32_scratch(kernels, attention, mopt__pool_size(eval->pool));
    void *scratch = bytes > 0 ? mopt__malloc_aligned(bytes) : NULL;
    if (scratch == NULL) {
        return mopt_error_memory(err);
    }
    mopt__attention_f32(kernels, attention, scratch, eval->pool);
    mopt__free_aligned(scratch);
    return mopt__nn_tick(eval, err);
}

// ---- Masks --------------------------------------------------------------------------------------

// What is added to the scores, [batch, heads or 1, rows or 1, columns].
struct added {
    float *values;
    size_t heads, rows;
};

static bool depends_on_row(const struct mopt_attend *a)
{
    return a->bias != NULL || a->causal || a->window > 0 || a->pad == MOPT_PAD_FULL ||
           a->pad == MOPT_PAD_SQUARE;
}

// Keys of the future are all that is hidden, and every query sees the key at its own position.
static bool only_causal(const struct mopt_attend *a)
{
    return a->causal && a->bias == NULL && a->window == 0 && a->pad == MOPT_PAD_NONE &&
           a->lengths == NULL && a->offsets == NULL && a->offset + a->rows == a->columns;
}

static bool is_masked(const struct mopt_attend *a)
{
    return depends_on_row(a) || a->pad != MOPT_PAD_NONE || a->lengths != NULL;
}

static enum mopt_status make_added(const struct mopt_attend *a, struct added *m,
                                   struct mopt_error *err)
{
    size_t count = 0;
    m->heads = a->bias != NULL && a->bias->dims[1] != 1 ? a->heads : 1;
    m->rows = depends_on_row(a) ? a->rows : 1;
    if (!mopt__size_mul(a->batch, m->heads, &count) || !mopt__size_mul(count, m->rows, &count) ||
        !mopt__size_mul(count, a->columns, &count) ||
        !mopt__size_mul(count, sizeof(float), &count)) {
        return mopt_error_memory(err);
    }
    m->values = mopt__malloc(count + 1);
    if (m->values == NULL) {
        return mopt_error_memory(err);
    }
    float *to = m->values;
    for (size_t i = 0; i < a->batch * m->heads * m->rows; i++) {
        size_t row = i % m->rows;
        size_t head = i / m->rows % m->heads;
        size_t batch = i / m->rows / m->heads;
        for (size_t j = 0; j < a->columns; j++) {
            *to++ = (float)mopt__attend_added(a, batch, head, row, j);
        }
    }
    return MOPT_OK;
}

static struct mopt_head_steps added_steps(const struct mopt_attend *a, const struct added *m)
{
    size_t row = m->rows > 1 ? a->columns : 0;
    size_t head = m->rows * a->columns;
    return (struct mopt_head_steps){.batch = head * m->heads,
                                    .head = m->heads > 1 ? head : 0,
                                    .row = row};
}

// ---- Running ------------------------------------------------------------------------------------

enum mopt_status mopt__attend_floats(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                     const struct mopt_attend *a,
                                     const struct mopt_attend_floats *f, struct mopt_error *err)
{
    struct added added = {.values = NULL};
    size_t width = a->heads * a->value_size;
    if (a->y->count == 0) {
        return MOPT_OK;
    }
    struct mopt_attention_f32 attention = {.batch = a->batch,
                                           .heads = a->heads,
                                           .groups = a->groups,
                                           .queries = a->rows,
                                           .keys = a->columns,
                                           .size = a->size,
                                           .value_size = a->value_size,
                                           .q = f->q,
                                           .k = f->k,
                                           .v = f->v,
                                           .y = mopt__nn_f32(a->y),
                                           .q_steps = f->q_steps,
                                           .k_steps = f->k_steps,
                                           .v_steps = f->v_steps,
                                           .y_steps = {.batch = a->rows * width,
                                                       .head = a->value_size,
                                                       .row = width},
                                           .scale = (float)a->scale,
                                           .causal = only_causal(a),
                                           .past = a->offset,
                                           .blind_is_zero = true};
    enum mopt_status status = MOPT_OK;
    if (!attention.causal && is_masked(a)) {
        status = make_added(a, &added, err);
        attention.mask = added.values;
        attention.mask_steps = added_steps(a, &added);
    }
    if (status == MOPT_OK) {
        status = mopt__attend_kernel(eval, kernels, &attention, err);
    }
    mopt__free(added.values);
    return status;
}

static float *rounded(const double *from, size_t count, float *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (float)from[i];
    }
    return to + count;
}

enum mopt_status mopt__attend_rounded(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                      const struct mopt_attend *a, struct mopt_error *err)
{
    size_t room = a->room ? a->room : a->columns;
    size_t q = a->batch * a->heads * a->rows * a->size;
    size_t k = a->batch * a->groups * room * a->size;
    size_t v = a->batch * a->groups * room * a->value_size;
    float *floats = mopt__calloc(q + k + v + 1, sizeof *floats);
    if (floats == NULL) {
        return mopt_error_memory(err);
    }
    float *keys = rounded(a->q, q, floats);
    float *values = rounded(a->k, k, keys);
    (void)rounded(a->v, v, values);
    const struct mopt_attend_floats f = {
        .q = floats,
        .k = keys,
        .v = values,
        .q_steps = {a->heads * a->rows * a->size, a->rows * a->size, a->size},
        .k_steps = {a->groups * room * a->size, room * a->size, a->size},
        .v_steps = {a->groups * room * a->value_size, room * a->value_size, a->value_size}};
    enum mopt_status status = mopt__attend_floats(eval, kernels, a, &f, err);
    mopt__free(floats);
    return status;
}
