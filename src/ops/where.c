// SPDX-License-Identifier: Apache-2.0
// Where: X where the condition holds, else Y; all three broadcast together. Elements are moved, not
// looked at.
#include <string.h>

#include "ops/copy.h"
#include "ops/elementwise.h"
#include "ops/lanes.h"

struct where_job {
    const uint8_t *condition;
    const struct mopt_tensor *x, *y;
    struct mopt_tensor *out;
    size_t size;
    struct mopt_error *err;
    enum mopt_status status; // strings only, one thread
};

struct wide {
    uint64_t half[2];
};

// By a mask instead of a branch, which data would mispredict; the loops of the usual steps become
// vectors.
#define PICK(T, yes, no, condition) ((T)((no) ^ (((yes) ^ (no)) & (T)(0 - (T)((condition) != 0)))))
#define CHOOSE(bits, T)                                                                         \
    static inline                                                                               \
        __attribute__((always_inline)) void pick_##bits(const uint8_t *c, int64_t c_step,       \
                                                        const T *x, int64_t x_step, const T *y, \
                                                        int64_t y_step, T *out, int64_t n)      \
    {                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                       \
            const T yes = x[i * x_step];                                                        \
            const T no = y[i * y_step];                                                         \
            out[i] = PICK(T, yes, no, c[i * c_step]);                                           \
        }                                                                                       \
    }                                                                                           \
    static void choose_##bits(const struct mopt_piece *p, const struct where_job *job)          \
    {                                                                                           \
        T *out = (T *)mopt__tensor_data(job->out) + p->out;                                     \
        const T *x = (const T *)job->x->data + p->at[1];                                        \
        const T *y = (const T *)job->y->data + p->at[2];                                        \
        const uint8_t *c = job->condition + p->at[0];                                           \
        const int64_t n = p->n;                                                                 \
        const int steps = p->step[0] == 1 ? (int)(p->step[1] * 2 + p->step[2]) : -1;            \
        if (p->step[0] == 0 && p->step[1] == 1 && *c != 0) {                                    \
            memcpy(out, x, (size_t)n * sizeof *out);                                            \
        } else if (p->step[0] == 0 && p->step[2] == 1 && *c == 0) {                             \
            memcpy(out, y, (size_t)n * sizeof *out);                                            \
        } else if (steps == 3) {                                                                \
            pick_##bits(c, 1, x, 1, y, 1, out, n);                                              \
        } else if (steps == 2) {                                                                \
            pick_##bits(c, 1, x, 1, y, 0, out, n);                                              \
        } else if (steps == 1) {                                                                \
            pick_##bits(c, 1, x, 0, y, 1, out, n);                                              \
        } else if (steps == 0) {                                                                \
            pick_##bits(c, 1, x, 0, y, 0, out, n);                                              \
        } else {                                                                                \
            pick_##bits(c, p->step[0], x, p->step[1], y, p->step[2], out, n);                   \
        }                                                                                       \
    }
CHOOSE(8, uint8_t)
CHOOSE(16, uint16_t)
CHOOSE(32, uint32_t)
CHOOSE(64, uint64_t)

// Elements of two words.
static void choose_128(const struct mopt_piece *p, const struct where_job *job)
{
    struct wide *out = (struct wide *)mopt__tensor_data(job->out) + p->out;
    const struct wide *x = (const struct wide *)job->x->data + p->at[1];
    const struct wide *y = (const struct wide *)job->y->data + p->at[2];
    for (int64_t i = 0; i < p->n; i++) {
        const bool yes = job->condition[p->at[0] + i * p->step[0]] != 0;
        out[i] = yes ? x[i * p->step[1]] : y[i * p->step[2]];
    }
}

static void choose_text(const struct mopt_piece *p, struct where_job *job)
{
    for (int64_t i = 0; i < p->n && job->status == MOPT_OK; i++) {
        const bool yes = job->condition[p->at[0] + i * p->step[0]] != 0;
        const int64_t from = yes ? p->at[1] + i * p->step[1] : p->at[2] + i * p->step[2];
        job->status =
            mopt__copy_run(job->out, p->out + i, yes ? job->x : job->y, from, 1, job->err);
    }
}

static void choose(const struct mopt_piece *piece)
{
    struct where_job *job = piece->context;
    if (job->out->dtype == MOPT_STRING) {
        choose_text(piece, job);
        return;
    }
    switch (job->size) {
    case 1:
        choose_8(piece, job);
        break;
    case 2:
        choose_16(piece, job);
        break;
    case 4:
        choose_32(piece, job);
        break;
    case 8:
        choose_64(piece, job);
        break;
    default:
        choose_128(piece, job);
        break;
    }
}

static enum mopt_status where_shape(const struct mopt_tensor *const *in, int *rank, int64_t *dims,
                                    struct mopt_error *err)
{
    struct mopt_tensor both = {0};
    enum mopt_status status = mopt__broadcast_shape(in[1], in[2], &both.rank, both.dims, err);
    return status != MOPT_OK ? status : mopt__broadcast_shape(in[0], &both, rank, dims, err);
}

static enum mopt_status where_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = where_shape(in, &rank, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[1]->dtype, rank, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct where_job job = {.condition = in[0]->data,
                            .x = in[1],
                            .y = in[2],
                            .out = out,
                            .size = mopt__lanes_size(out->dtype),
                            .err = err};
    struct mopt_loops loops;
    mopt__loops_open(&loops, rank, dims);
    for (int i = 0; i < 3; i++) {
        mopt__loops_add(&loops, in[i]->rank, in[i]->dims, -1);
    }
    mopt__loops_close(&loops);
    mopt__loops_run(&loops, out->dtype == MOPT_STRING ? NULL : eval->pool, choose, &job);
    return job.status;
}

// Values of shape arithmetic: an item is known where the condition is, or where both choices are
// the same.
static enum mopt_status where_values(struct mopt_infer *infer, struct mopt_error *err)
{
    const int64_t *in[3];
    size_t counts[3];
    int rank = 0;
    size_t count = 1;
    for (uint32_t i = 0; i < 3; i++) {
        const int own = mopt__infer_rank(infer, i);
        if (own < 0 || own > 1) {
            return MOPT_OK;
        }
        if (!mopt__infer_ints(infer, i, &in[i], &counts[i])) {
            int64_t length = 1;
            in[i] = NULL;
            if (i > 0 ||
                (own == 1 && !mopt__dim_is_known(infer->dims, mopt__infer_tensor(infer, 0)->dims[0],
                                                 &length))) {
                return MOPT_OK;
            }
            counts[i] = (size_t)length;
        }
        rank = own > rank ? own : rank;
        count = counts[i] == 1 ? count : counts[i];
    }
    int64_t *items = mopt__infer_room(infer, count);
    bool any = false;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const int64_t x = in[1][counts[1] == 1 ? 0 : i];
        const int64_t y = in[2][counts[2] == 1 ? 0 : i];
        int64_t yes = 0;
        const bool known =
            in[0] != NULL && mopt__dim_is_known(infer->dims, in[0][counts[0] == 1 ? 0 : i], &yes);
        items[i] = known ? (yes != 0 ? x : y) : x == y ? x : MOPT_DIM_UNKNOWN;
        any = any || items[i] != MOPT_DIM_UNKNOWN;
    }
    return any ? mopt__infer_set_ints(infer, 0, rank, items, count, err) : MOPT_OK;
}

static enum mopt_status where_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *in[3];
    int64_t both[MOPT_RANK_MAX];
    int64_t dims[MOPT_RANK_MAX];
    int both_rank = -1;
    int rank = -1;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < 3; i++) {
        in[i] = mopt__infer_tensor(infer, i);
    }
    const struct mopt_type *typed = in[1] != NULL ? in[1] : in[2];
    const enum mopt_dtype dtype = typed != NULL ? typed->dtype : MOPT_UNDEFINED;
    if (in[0] != NULL && in[1] != NULL && in[2] != NULL) {
        status = mopt__infer_broadcast(infer, in[1]->rank, in[1]->dims, in[2]->rank, in[2]->dims,
                                       &both_rank, both, err);
        if (status == MOPT_OK) {
            status = mopt__infer_broadcast(infer, in[0]->rank, in[0]->dims, both_rank, both, &rank,
                                           dims, err);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, dtype, rank, dims, err);
    }
    return status == MOPT_OK ? where_values(infer, err) : status;
}

static const struct mopt_quant_spec where_quant = {.activations = 6, .bias_input = -1};

#define RECORD(from, to, set)                                                                      \
    {                                                                                              \
        .domain = "", .name = "Where", .since = from, .until = to,                                 \
        .summary = "elements of X where the condition holds, else of Y",                           \
        MOPT_INPUTS({"condition", "B", MOPT_SET_BOOL, 0}, {"X", "T", set, 0}, {"Y", "T", set, 0}), \
        MOPT_OUTPUTS({"output", "T", set, 0}), .traits = MOPT_TRAIT_ELEMENTWISE,                   \
        .quant = &where_quant, .infer = where_infer, .eval = where_eval, .cost = mopt__cost_output \
    }

static const struct mopt_op records[] = {
    RECORD(9, 15, MOPT_SET_ALL),
    RECORD(16, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_where = {records, MOPT_COUNTOF(records)};
