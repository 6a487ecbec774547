// SPDX-License-Identifier: Apache-2.0
// RotaryEmbedding: pairs of features are turned by an angle that depends on the position. The pairs
// are the two halves of the rotated part, or neighbours when interleaved. The contrib form has its
// inputs in another order.
#include <string.h>

#include "ops/fast.h"
#include "ops/nn_util.h"
#include "ops/rotate.h"

struct rotary {
    const struct mopt_tensor *x, *cosine, *sine, *positions;
    bool interleaved, flat;
    size_t batch, heads, length, size, half;
};

static enum mopt_status read_attributes(const struct mopt_node *node, struct rotary *r,
                                        int64_t *heads, int64_t *rotated, struct mopt_error *err)
{
    int64_t interleaved = 0;
    enum mopt_status status = mopt__attr_int(node, "interleaved", 0, &interleaved, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "num_heads", 0, heads, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "rotary_embedding_dim", 0, rotated, err);
    }
    r->interleaved = interleaved != 0;
    return status;
}

static enum mopt_status open_shape(struct rotary *r, int64_t heads, int64_t rotated, bool contrib,
                                   struct mopt_error *err)
{
    const struct mopt_tensor *x = r->x;
    r->flat = x->rank == 3;
    if (x->rank < 3 || x->rank > 4) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3 or 4", x->rank);
    }
    if (r->flat && heads == 0 && contrib && r->cosine->rank == 2) { // the tables tell the size
        int64_t size = 2 * r->cosine->dims[1];
        heads = size > 0 ? x->dims[2] / size : 0;
    }
    if (r->flat && (heads < 1 || x->dims[2] % heads != 0)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'num_heads' has the value %lld",
                              (long long)heads);
    }
    r->batch = (size_t)x->dims[0];
    r->length = (size_t)x->dims[r->flat ? 1 : 2];
    r->heads = r->flat ? (size_t)heads : (size_t)x->dims[1];
    r->size = r->flat ? (size_t)(x->dims[2] / heads) : (size_t)x->dims[3];
    rotated = rotated == 0 ? (int64_t)r->size : rotated;
    if (rotated < 0 || rotated > (int64_t)r->size || rotated % 2 != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "%lld of %zu features cannot be turned",
                              (long long)rotated, r->size);
    }
    r->half = (size_t)rotated / 2;
    return MOPT_OK;
}

// Tables: [positions, half] with position ids, else [batch, length, half].
static enum mopt_status check_tables(const struct rotary *r, struct mopt_error *err)
{
    const struct mopt_tensor *tables[2] = {r->cosine, r->sine};
    for (int i = 0; i < 2; i++) {
        const struct mopt_tensor *t = tables[i];
        bool fits = t->rank == (r->positions ? 2 : 3) && (size_t)t->dims[t->rank - 1] == r->half &&
                    t->dims[0] == r->cosine->dims[0];
        if (fits && !r->positions) {
            fits = (size_t)t->dims[0] == r->batch && (size_t)t->dims[1] == r->length;
        }
        if (!fits) {
            return mopt_error_set(err, MOPT_E_SHAPE, "cosine or sine table does not fit");
        }
    }
    if (r->positions && r->positions->count != r->batch * r->length && r->positions->count != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'position_ids' does not fit");
    }
    return MOPT_OK;
}

// Row of the tables for position s of image b.
static enum mopt_status table_row(const struct rotary *r, size_t b, size_t s, size_t *row,
                                  struct mopt_error *err)
{
    *row = b * r->length + s;
    if (!r->positions) {
        return MOPT_OK;
    }
    bool offset = r->positions->count == 1 && r->batch * r->length != 1; // contrib: first position
    int64_t position = offset ? mopt__tensor_i64_at(r->positions, 0) + (int64_t)s
                              : mopt__tensor_i64_at(r->positions, *row);
    if (position < 0 || position >= r->cosine->dims[0]) {
        return mopt_error_set(err, MOPT_E_VALUE, "position %lld of %lld", (long long)position,
                              (long long)r->cosine->dims[0]);
    }
    *row = (size_t)position;
    return MOPT_OK;
}

static void turn(const struct rotary *r, size_t at, size_t row, struct mopt_tensor *y)
{
    for (size_t i = 2 * r->half; i < r->size; i++) {
        mopt__nn_store_at(y, at + i, mopt__tensor_f64(r->x, at + i));
    }
    for (size_t i = 0; i < r->half; i++) {
        size_t a = at + (r->interleaved ? 2 * i : i);
        size_t b = at + (r->interleaved ? 2 * i + 1 : r->half + i);
        double x1 = mopt__tensor_f64(r->x, a);
        double x2 = mopt__tensor_f64(r->x, b);
        double c = mopt__tensor_f64(r->cosine, row * r->half + i);
        double s = mopt__tensor_f64(r->sine, row * r->half + i);
        mopt__nn_store_at(y, a, c * x1 - s * x2);
        mopt__nn_store_at(y, b, s * x1 + c * x2);
    }
}

// Elements before head h of position s of image b.
static size_t head_at(const struct rotary *r, size_t b, size_t s, size_t h)
{
    size_t head = r->flat ? (b * r->length + s) * r->heads + h : (b * r->heads + h) * r->length + s;
    return head * r->size;
}

static enum mopt_status turn_all(const struct rotary *r, struct mopt_tensor *y,
                                 struct mopt_error *err)
{
    for (size_t b = 0; b < r->batch; b++) {
        for (size_t s = 0; s < r->length; s++) {
            size_t row = 0;
            enum mopt_status status = table_row(r, b, s, &row, err);
            if (status != MOPT_OK) {
                return status;
            }
            for (size_t h = 0; h < r->heads; h++) {
                turn(r, head_at(r, b, s, h), row, y);
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status open_rotary(struct mopt_eval *eval, struct rotary *r,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[4];
    int64_t heads = 0;
    int64_t rotated = 0;
    bool contrib = eval->node->op->domain[0] != '\0';
    *r = (struct rotary){.x = NULL};
    enum mopt_status status = mopt__open(eval, in, 4, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, r, &heads, &rotated, err);
    }
    if (status == MOPT_OK) {
        r->x = in[0];
        r->cosine = in[contrib ? 2 : 1];
        r->sine = in[contrib ? 3 : 2];
        r->positions = in[contrib ? 1 : 3];
        status = open_shape(r, heads, rotated, contrib, err);
    }
    return status == MOPT_OK ? check_tables(r, err) : status;
}

static enum mopt_status rotary_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct rotary r;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_rotary(eval, &r, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, r.x->dtype, r.x->rank, r.x->dims, &y, err);
    }
    return status == MOPT_OK ? turn_all(&r, y, err) : status;
}

// ---- Floats -------------------------------------------------------------------------------------

struct turning {
    const struct rotary *r;
    const size_t *rows; // [batch * length] of the tables
    float *y;
};

static void turn_floats(void *context, int64_t begin, int64_t end, int thread)
{
    const struct turning *t = context;
    const struct rotary *r = t->r;
    const float *x = r->x->data;
    (void)thread;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        const float *cosine = (const float *)r->cosine->data + t->rows[i] * r->half;
        const float *sine = (const float *)r->sine->data + t->rows[i] * r->half;
        for (size_t h = 0; h < r->heads; h++) {
            size_t at = head_at(r, i / r->length, i % r->length, h);
            mopt__rotate_f32(x + at, cosine, sine, r->half, r->interleaved, t->y + at);
            memcpy(t->y + at + 2 * r->half, x + at + 2 * r->half,
                   (r->size - 2 * r->half) * sizeof *x);
        }
    }
}

static enum mopt_status run_floats(struct mopt_eval *eval, const struct rotary *r,
                                   struct mopt_error *err)
{
    struct mopt_tensor *y = NULL;
    size_t count = r->batch * r->length;
    size_t *rows = mopt__calloc(count + 1, sizeof *rows);
    enum mopt_status status = MOPT_OK;
    if (!rows) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        status = table_row(r, i / r->length, i % r->length, &rows[i], err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, r->x->rank, r->x->dims, &y, err);
    }
    if (status == MOPT_OK && y->count > 0) {
        struct turning turning = {r, rows, mopt__nn_f32(y)};
        int64_t grain = (int64_t)(MOPT_FAST_GRAIN / (r->heads * r->size + 1)) + 1;
        mopt__pool_for(eval->pool, (int64_t)count, grain, turn_floats, &turning);
    }
    mopt__free(rows);
    return status;
}

static enum mopt_status rotary_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct rotary r;
    enum mopt_status status = open_rotary(eval, &r, err);
    return status == MOPT_OK ? run_floats(eval, &r, err) : status;
}

// All tables have the type of the input.

static enum mopt_status rotary_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) ? mopt__fast_bind(bind, NULL, rotary_run, err)
                                                   : MOPT_OK;
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define ATTRIBUTES \
    MOPT_A_INT("interleaved", 0), MOPT_A_INT("num_heads", 0), MOPT_A_INT("rotary_embedding_dim", 0)

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "RotaryEmbedding",
     .since = 23,
     .summary = "feature pairs turned by the position",
     MOPT_INPUTS({"X", "T", F, 0}, {"cos_cache", "T", F, 0}, {"sin_cache", "T", F, 0},
                 {"position_ids", "M", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T", F, 0}),
     MOPT_ATTRIBUTES(ATTRIBUTES),
     .infer = mopt__infer_like,
     .eval = rotary_eval,
     .bind = rotary_bind,
     .cost = mopt__cost_output},
    {.domain = "com.microsoft",
     .name = "RotaryEmbedding",
     .since = 1,
     .summary = "feature pairs turned by the position",
     MOPT_INPUTS({"input", "T", F, 0}, {"position_ids", "M", MOPT_SET_I64, 0},
                 {"cos_cache", "T", F, 0}, {"sin_cache", "T", F, 0}),
     MOPT_OUTPUTS({"output", "T", F, 0}),
     MOPT_ATTRIBUTES(ATTRIBUTES, MOPT_A_INT("is_packed_batching", 0), MOPT_A_FLOAT("scale", 1)),
     .infer = mopt__infer_like,
     .eval = rotary_eval,
     .bind = rotary_bind,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_rotary_embedding = {records, MOPT_COUNTOF(records)};
