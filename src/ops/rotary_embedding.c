// SPDX-License-Identifier: Apache-2.0
// RotaryEmbedding: pairs of features are turned by an angle that depends on the position. The pairs
// are the two halves of the rotated part, or neighbours when interleaved. The contrib form has its
// inputs in another order.
#include "ops/nn_util.h"

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

static bool is_floats(const struct rotary *r)
{
    return r->x->dtype == MOPT_FLOAT32 && r->cosine->dtype == MOPT_FLOAT32 &&
           r->sine->dtype == MOPT_FLOAT32;
}

static void turn_floats(const struct rotary *r, size_t at, size_t row, float *y)
{
    const float *x = (const float *)r->x->data + at;
    const float *cosine = (const float *)r->cosine->data + row * r->half;
    const float *sine = (const float *)r->sine->data + row * r->half;
    const size_t step = r->interleaved ? 2 : 1;
    const size_t other = r->interleaved ? 1 : r->half;
    for (size_t i = 2 * r->half; i < r->size; i++) {
        y[i] = x[i];
    }
    for (size_t i = 0; i < r->half; i++) {
        double x1 = (double)x[i * step];
        double x2 = (double)x[i * step + other];
        double c = (double)cosine[i];
        double s = (double)sine[i];
        y[i * step] = (float)(c * x1 - s * x2);
        y[i * step + other] = (float)(s * x1 + c * x2);
    }
}

static void turn(const struct rotary *r, size_t at, size_t row, struct mopt_tensor *y)
{
    if (is_floats(r)) {
        turn_floats(r, at, row, mopt__nn_f32(y) + at);
        return;
    }
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
                size_t at = r->flat ? (b * r->length + s) * r->heads + h
                                    : (b * r->heads + h) * r->length + s;
                turn(r, at * r->size, row, y);
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status rotary_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[4];
    struct rotary r = {.x = NULL};
    struct mopt_tensor *y = NULL;
    int64_t heads = 0;
    int64_t rotated = 0;
    bool contrib = eval->node->op->domain[0] != '\0';
    enum mopt_status status = mopt__open(eval, in, 4, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, &r, &heads, &rotated, err);
    }
    if (status == MOPT_OK) {
        r.x = in[0];
        r.cosine = in[contrib ? 2 : 1];
        r.sine = in[contrib ? 3 : 2];
        r.positions = in[contrib ? 1 : 3];
        status = open_shape(&r, heads, rotated, contrib, err);
    }
    if (status == MOPT_OK) {
        status = check_tables(&r, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, r.x->dtype, r.x->rank, r.x->dims, &y, err);
    }
    return status == MOPT_OK ? turn_all(&r, y, err) : status;
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
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_rotary_embedding = {records, MOPT_COUNTOF(records)};
