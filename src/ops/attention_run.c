// SPDX-License-Identifier: Apache-2.0
// Attention of floats by the fused kernel. Keys and values are read where they lie, or behind the
// cached ones.
#include <string.h>

#include "ops/attend_fast.h"
#include "ops/attention_node.h"
#include "ops/fast.h"

static bool is_plain(const struct mopt_eval *eval, const struct mopt_attention_node *a)
{
    return a->q->dtype == MOPT_FLOAT32 && a->k->dtype == MOPT_FLOAT32 &&
           a->v->dtype == MOPT_FLOAT32 && a->precision == MOPT_FLOAT32 && a->softcap <= 0 &&
           a->size > 0 && !mopt__eval_wants(eval, 3);
}

// Steps of [batch, heads, length, size], or of [batch, length, heads * size] when flat.
static struct mopt_head_steps steps_of(bool flat, size_t heads, size_t length, size_t size)
{
    return (struct mopt_head_steps){.batch = heads * length * size,
                                    .head = flat ? size : length * size,
                                    .row = flat ? heads * size : size};
}

// Keys or values: where they lie, or behind the cached ones in output `index` (or in *own).
struct side {
    const float *data;
    struct mopt_head_steps steps;
    float *own;
};

static void join_floats(const struct mopt_attention_node *a, const struct mopt_tensor *past,
                        const struct mopt_tensor *fresh, size_t size, float *out)
{
    const struct mopt_head_steps from = steps_of(a->flat, a->groups, a->fresh, size);
    for (size_t i = 0; i < a->batch * a->groups; i++) {
        const float *rows =
            (const float *)fresh->data + i / a->groups * from.batch + i % a->groups * from.head;
        if (a->past > 0) {
            memcpy(out, (const float *)past->data + i * a->past * size,
                   a->past * size * sizeof *out);
        }
        out += a->past * size;
        for (size_t s = 0; s < a->fresh; s++, out += size) {
            memcpy(out, rows + s * from.row, size * sizeof *out);
        }
    }
}

static enum mopt_status open_side(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                  uint32_t index, size_t size, struct side *side,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *fresh = index == 1 ? a->k : a->v;
    const struct mopt_tensor *past = index == 1 ? a->past_k : a->past_v;
    const int64_t dims[4] = {(int64_t)a->batch, (int64_t)a->groups, (int64_t)a->total,
                             (int64_t)size};
    struct mopt_tensor *present = NULL;
    *side =
        (struct side){.data = fresh->data, .steps = steps_of(a->flat, a->groups, a->fresh, size)};
    if (mopt__eval_wants(eval, index)) {
        enum mopt_status status =
            mopt__eval_output(eval, index, MOPT_FLOAT32, 4, dims, &present, err);
        if (status != MOPT_OK) {
            return status;
        }
    } else if (!past) {
        return MOPT_OK;
    }
    if (!present) {
        side->own = mopt__calloc(a->batch * a->groups * a->total * size + 1, sizeof(float));
        if (!side->own) {
            return mopt_error_memory(err);
        }
    }
    float *joined = present ? mopt__nn_f32(present) : side->own;
    join_floats(a, past, fresh, size, joined);
    side->data = joined;
    side->steps = steps_of(false, a->groups, a->total, size);
    return MOPT_OK;
}

// What is added to the scores, [batch, heads or 1, rows, total].
static enum mopt_status make_mask(const struct mopt_attention_node *a,
                                  struct mopt_attention_f32 *run, float **mask,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *m = a->mask;
    size_t heads = m && m->rank >= 3 && m->dims[m->rank - 3] != 1 ? a->heads : 1;
    size_t lines = a->batch * heads * a->rows;
    *mask = mopt__calloc(lines * a->total + 1, sizeof **mask);
    if (!*mask) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < lines; i++) {
        for (size_t j = 0; j < a->total; j++) {
            (*mask)[i * a->total + j] =
                (float)mopt__attention_added(a, i / a->rows / heads, i / a->rows % heads,
                                             i % a->rows, j);
        }
    }
    run->mask = *mask;
    run->mask_steps = (struct mopt_head_steps){.batch = heads * a->rows * a->total,
                                               .head = heads > 1 ? a->rows * a->total : 0,
                                               .row = a->total};
    return MOPT_OK;
}

static enum mopt_status run_kernel(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                   const struct side sides[2], struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    struct mopt_tensor *y = NULL;
    float *mask = NULL;
    bool simple = !a->mask && !a->lengths && a->left < 0 && a->right < 0;
    enum mopt_status status = mopt__attention_output(eval, a, &y, err);
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    struct mopt_attention_f32 run = {.batch = a->batch,
                                     .heads = a->heads,
                                     .groups = a->groups,
                                     .queries = a->rows,
                                     .keys = a->total,
                                     .size = a->size,
                                     .value_size = a->value_size,
                                     .q = a->q->data,
                                     .k = sides[0].data,
                                     .v = sides[1].data,
                                     .y = mopt__nn_f32(y),
                                     .q_steps = steps_of(a->flat, a->heads, a->rows, a->size),
                                     .k_steps = sides[0].steps,
                                     .v_steps = sides[1].steps,
                                     .y_steps = steps_of(a->flat, a->heads, a->rows, a->value_size),
                                     .scale = (float)(a->scale * a->scale),
                                     .causal = simple && a->causal,
                                     .past = a->past,
                                     .blind_is_zero = true};
    status = simple ? MOPT_OK : make_mask(a, &run, &mask, err);
    if (status == MOPT_OK) {
        status = mopt__attend_kernel(eval, fast->kernels, &run, err);
    }
    mopt__free(mask);
    return status;
}

static enum mopt_status attention_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_attention_node a;
    struct side sides[2] = {{.data = NULL}, {.data = NULL}};
    enum mopt_status status = mopt__attention_open(eval, &a, err);
    if (status != MOPT_OK || !is_plain(eval, &a)) {
        return status == MOPT_OK ? mopt__attention_eval(eval, err) : status;
    }
    status = open_side(eval, &a, 1, a.size, &sides[0], err);
    if (status == MOPT_OK) {
        status = open_side(eval, &a, 2, a.value_size, &sides[1], err);
    }
    if (status == MOPT_OK) {
        status = run_kernel(eval, &a, sides, err);
    }
    mopt__free(sides[0].own);
    mopt__free(sides[1].own);
    return status;
}

enum mopt_status mopt__attention_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__fast_bind(bind, NULL, attention_run, err);
}
