// SPDX-License-Identifier: Apache-2.0
// QLinearWhere of com.microsoft: X where the condition holds, else Y, both brought to the scale and
// the zero point of the result; all three broadcast together.
#include "ops/elementwise.h"
#include "ops/qlinear_util.h"

enum { CONDITION, X, X_SCALE, X_ZERO, Y, Y_SCALE, Y_ZERO, Z_SCALE, Z_ZERO, INPUTS };

struct choice {
    const uint8_t *condition, *x, *y;
    uint8_t x_codes[256], y_codes[256]; // codes of the result
    uint8_t *z;
};

static void fill_codes(const struct mopt_quantized *from, const struct mopt_quantized *to,
                       uint8_t codes[256])
{
    float values[256];
    mopt__quantized_values(from, values);
    for (size_t i = 0; i < MOPT_COUNTOF(values); i++) {
        codes[i] = mopt__quantized_code(to, (double)values[i]);
    }
}

static void choose(const struct mopt_piece *p)
{
    const struct choice *job = p->context;
    const uint8_t *condition = job->condition + p->at[0];
    const uint8_t *x = job->x + p->at[1];
    const uint8_t *y = job->y + p->at[2];
    uint8_t *z = job->z + p->out;
    for (int64_t i = 0; i < p->n; i++) {
        uint8_t left = job->x_codes[x[i * p->step[1]]];
        uint8_t right = job->y_codes[y[i * p->step[2]]];
        z[i] = condition[i * p->step[0]] != 0 ? left : right;
    }
}

static enum mopt_status open_codes(const struct mopt_tensor *const *in, struct choice *job,
                                   struct mopt_quantized *z, struct mopt_error *err)
{
    struct mopt_quantized x;
    struct mopt_quantized y;
    enum mopt_status status = mopt__quantized_open(in[X], in[X_SCALE], in[X_ZERO], &x, err);
    if (status == MOPT_OK) {
        status = mopt__quantized_open(in[Y], in[Y_SCALE], in[Y_ZERO], &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantized_open(NULL, in[Z_SCALE], in[Z_ZERO], z, err);
    }
    if (status == MOPT_OK) {
        fill_codes(&x, z, job->x_codes);
        fill_codes(&y, z, job->y_codes);
    }
    return status;
}

static enum mopt_status result_shape(const struct mopt_tensor *const *in, int *rank, int64_t *dims,
                                     struct mopt_error *err)
{
    struct mopt_tensor both = {0};
    enum mopt_status status = mopt__broadcast_shape(in[X], in[Y], &both.rank, both.dims, err);
    return status == MOPT_OK ? mopt__broadcast_shape(in[CONDITION], &both, rank, dims, err)
                             : status;
}

static enum mopt_status where_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[INPUTS];
    struct mopt_quantized z;
    struct choice job;
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, INPUTS, err);
    if (status == MOPT_OK) {
        status = open_codes(in, &job, &z, err);
    }
    if (status == MOPT_OK) {
        status = result_shape(in, &rank, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, z.dtype, rank, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_tensor *const parts[] = {in[CONDITION], in[X], in[Y]};
    struct mopt_loops loops;
    job.condition = parts[0]->data;
    job.x = parts[1]->data;
    job.y = parts[2]->data;
    job.z = mopt__tensor_data(out);
    mopt__loops_open(&loops, rank, dims);
    for (size_t i = 0; i < MOPT_COUNTOF(parts); i++) {
        mopt__loops_add(&loops, parts[i]->rank, parts[i]->dims, -1);
    }
    mopt__loops_close(&loops);
    mopt__loops_run(&loops, eval->pool, choose, &job);
    return MOPT_OK;
}

static enum mopt_status where_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    static const uint32_t others[] = {Y, CONDITION};
    const struct mopt_type *x = mopt__infer_tensor(infer, X);
    const enum mopt_dtype dtype = mopt__infer_dtype(infer, X);
    int64_t dims[MOPT_RANK_MAX];
    int rank = x ? x->rank : -1;
    enum mopt_status status = MOPT_OK;
    for (int i = 0; i < rank; i++) {
        dims[i] = x->dims[i];
    }
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(others); i++) {
        const struct mopt_type *other = mopt__infer_tensor(infer, others[i]);
        int64_t both[MOPT_RANK_MAX];
        int both_rank = -1;
        status = mopt__infer_broadcast(infer, rank, dims, other ? other->rank : -1,
                                       other ? other->dims : NULL, &both_rank, both, err);
        rank = both_rank;
        for (int d = 0; status == MOPT_OK && d < rank; d++) {
            dims[d] = both[d];
        }
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, rank, dims, err) : status;
}

#define REAL "tensor(float)", MOPT_SET_F32, 0
#define CODES "T", MOPT_SET_INT8, 0

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "QLinearWhere",
     .since = 1,
     .summary = "quantized X where the condition holds, else quantized Y",
     MOPT_INPUTS({"condition", "B", MOPT_SET_BOOL, 0}, {"X", CODES}, {"x_scale", REAL},
                 {"x_zero_point", CODES}, {"Y", CODES}, {"y_scale", REAL}, {"y_zero_point", CODES},
                 {"z_scale", REAL}, {"z_zero_point", CODES}),
     MOPT_OUTPUTS({"Z", CODES}),
     .infer = where_infer,
     .eval = where_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_qlinear_where = {records, MOPT_COUNTOF(records)};
