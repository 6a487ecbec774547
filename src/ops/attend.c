// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention over plain arrays. It must not know any single operator.
#include "ops/attend.h"

#include <math.h>

#include "ops/narrow.h"

void mopt__heads_copy(const struct mopt_heads *h, size_t batch, double *out, size_t room, size_t at)
{
    for (size_t i = 0; i < h->heads; i++) {
        double *to = out + ((batch * h->heads + i) * room + at) * h->size;
        for (size_t s = 0; s < h->length; s++) {
            const double *from =
                h->data + h->first + batch * h->batch_step + i * h->head_step + s * h->step;
            const double *bias = h->bias ? h->bias + i * h->size : NULL;
            for (size_t d = 0; d < h->size; d++) {
                *to++ = (double)(float)(bias ? from[d] + bias[d] : from[d]);
            }
        }
    }
}

// ---- Masks --------------------------------------------------------------------------------------

static int64_t mask_value(const struct mopt_attend *a, size_t index)
{
    return mopt__tensor_i64_at(a->mask, index);
}

static bool is_padding(const struct mopt_attend *a, size_t b, size_t row, size_t column)
{
    size_t side = 0;
    switch (a->pad) {
    case MOPT_PAD_ENDS:
        return (int64_t)column >= mask_value(a, b);
    case MOPT_PAD_ENDS_STARTS:
        return (int64_t)column >= mask_value(a, b) || (int64_t)column < mask_value(a, a->batch + b);
    case MOPT_PAD_KEYS:
        return mask_value(a, b * a->columns + column) <= 0;
    case MOPT_PAD_FULL:
        return mask_value(a, (b * a->rows + row) * a->columns + column) <= 0;
    case MOPT_PAD_SQUARE:
        side = (size_t)a->mask->dims[3];
        return mask_value(a, (b * side + a->offset + row) * side + column) <= 0;
    case MOPT_PAD_NONE:
    default:
        return false;
    }
}

// Element of the last axis of bias and scores for a key.
static size_t outer_column(const struct mopt_attend *a, size_t b, size_t column)
{
    return (a->bases ? a->bases[b] : 0) + column;
}

static size_t outer_columns(const struct mopt_attend *a)
{
    return a->span ? a->span : a->columns;
}

static double added_bias(const struct mopt_attend *a, size_t b, size_t h, size_t row, size_t column)
{
    if (!a->bias) {
        return 0;
    }
    size_t heads = (size_t)a->bias->dims[1];
    size_t batch = a->bias->dims[0] == 1 ? 0 : b;
    size_t line = (batch * heads + (heads == 1 ? 0 : h)) * a->rows + row;
    return mopt__tensor_f64(a->bias, line * outer_columns(a) + outer_column(a, b, column));
}

// What the masks add to the score of one query and key; -INFINITY: not seen.
static double mask_at(const struct mopt_attend *a, size_t b, size_t row, size_t column)
{
    size_t position = (a->offsets ? a->offsets[b] : a->offset) + row;
    size_t length = a->lengths ? a->lengths[b] : a->columns;
    if (column >= length || (a->window > 0 && column + a->window <= position)) {
        return -INFINITY;
    }
    if (a->causal && column > position && (!a->last_sees_all || row + 1 < a->rows)) {
        return a->hidden;
    }
    return is_padding(a, b, row, column) ? a->filter : 0;
}

double mopt__attend_added(const struct mopt_attend *a, size_t batch, size_t head, size_t row,
                          size_t column)
{
    double mask = mask_at(a, batch, row, column);
    return mask == -INFINITY ? mask : mask + added_bias(a, batch, head, row, column);
}

// ---- One row ------------------------------------------------------------------------------------

static double product(const struct mopt_attend *a, const double *q, const double *k)
{
    double sum = 0;
    for (size_t d = 0; d < a->size; d++) {
        sum += q[d] * k[d];
    }
    sum = mopt__round_to(MOPT_FLOAT32, sum * a->scale);
    return a->softcap > 0 ? mopt__round_to(MOPT_FLOAT32, tanh(sum / a->softcap) * a->softcap) : sum;
}

// First the bias is added, then what the masks say.
static double score(const struct mopt_attend *a, size_t b, size_t h, size_t row, size_t column,
                    const double *keys)
{
    double mask = mask_at(a, b, row, column);
    if (mask == -INFINITY) {
        return mask;
    }
    size_t line = (b * a->heads + h) * a->rows + row;
    double x = product(a, a->q + line * a->size, keys + column * a->size);
    x = mopt__round_to(MOPT_FLOAT32, x + added_bias(a, b, h, row, column));
    return mopt__round_to(MOPT_FLOAT32, x + mask);
}

static void softmax(const struct mopt_attend *a, double *row, double sink)
{
    double top = sink;
    for (size_t j = 0; j < a->columns; j++) {
        top = row[j] > top ? row[j] : top;
    }
    double sum = sink == -INFINITY ? 0 : exp(sink - top);
    for (size_t j = 0; j < a->columns; j++) {
        row[j] = top == -INFINITY ? 0 : exp(row[j] - top);
        sum += row[j];
    }
    for (size_t j = 0; j < a->columns; j++) {
        row[j] = sum == 0 ? 0 : mopt__round_to(MOPT_FLOAT32, row[j] / sum);
    }
}

static void put_scores(const struct mopt_attend *a, size_t b, size_t line, const double *row)
{
    size_t span = outer_columns(a);
    for (size_t j = 0; j < span; j++) {
        mopt__nn_store_at(a->scores, line * span + j, 0);
    }
    for (size_t j = 0; j < a->columns; j++) {
        if (row[j] != -INFINITY && outer_column(a, b, j) < span) {
            mopt__nn_store_at(a->scores, line * span + outer_column(a, b, j), row[j]);
        }
    }
}

static void attend_row(const struct mopt_attend *a, size_t b, size_t h, size_t i, double *row)
{
    size_t group = b * a->groups + h / (a->heads / a->groups);
    size_t line = (b * a->heads + h) * a->rows + i;
    size_t room = a->room ? a->room : a->columns;
    const double *k = a->k + group * room * a->size;
    const double *v = a->v + group * room * a->value_size;
    for (size_t j = 0; j < a->columns; j++) {
        row[j] = score(a, b, h, i, j, k);
    }
    if (a->scores && !a->normalised) {
        put_scores(a, b, line, row);
    }
    softmax(a, row, a->sinks ? a->sinks[h] : -INFINITY);
    if (a->scores && a->normalised) {
        put_scores(a, b, line, row);
    }
    for (size_t d = 0; d < a->value_size; d++) {
        double sum = 0;
        for (size_t j = 0; j < a->columns; j++) {
            sum += row[j] == 0 ? 0 : row[j] * v[j * a->value_size + d];
        }
        mopt__nn_store_at(a->y, ((b * a->rows + i) * a->heads + h) * a->value_size + d, sum);
    }
}

// ---- All rows -----------------------------------------------------------------------------------

struct job {
    const struct mopt_attend *a;
    size_t batch, head;
    double *lines; // [threads, columns]
};

static void attend_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *job = context;
    double *line = job->lines + (size_t)thread * job->a->columns;
    for (int64_t i = begin; i < end; i++) {
        attend_row(job->a, job->batch, job->head, (size_t)i, line);
    }
}

enum mopt_status mopt__attend(struct mopt_eval *eval, const struct mopt_attend *a,
                              struct mopt_error *err)
{
    struct job job = {.a = a};
    job.lines = mopt__attend_room((size_t)mopt__pool_size(eval->pool), a->columns, 1, 1, err);
    enum mopt_status status = mopt__nn_got(job.lines, err);
    for (size_t i = 0; status == MOPT_OK && a->rows > 0 && i < a->batch * a->heads; i++) {
        job.batch = i / a->heads;
        job.head = i % a->heads;
        mopt__pool_for(eval->pool, (int64_t)a->rows, 4, attend_rows, &job);
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(job.lines);
    return status;
}

// ---- Reading ------------------------------------------------------------------------------------

enum mopt_status mopt__attend_bias(const struct mopt_attend *a, const struct mopt_tensor *t,
                                   size_t columns, struct mopt_error *err)
{
    if (!t || (t->rank == 4 && (t->dims[0] == 1 || (size_t)t->dims[0] == a->batch) &&
               (t->dims[1] == 1 || (size_t)t->dims[1] == a->heads) &&
               (size_t)t->dims[2] == a->rows && (size_t)t->dims[3] == columns)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE,
                          "input 'attention_bias' must have shape [%zu or 1,%zu or 1,%zu,%zu]",
                          a->batch, a->heads, a->rows, columns);
}

enum mopt_status mopt__attend_scale(const struct mopt_node *node, size_t size, double *scale,
                                    struct mopt_error *err)
{
    float value = 0;
    enum mopt_status status = mopt__attr_float(node, "scale", 0, &value, err);
    *scale = (double)(value != 0 ? value : 1 / sqrtf((float)size));
    return status;
}

enum mopt_status mopt__attend_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                  int64_t low, int64_t high, int64_t *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, name, fallback, out, err);
    if (status == MOPT_OK && (*out < low || *out > high)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)*out);
    }
    return status;
}

double *mopt__attend_room(size_t a, size_t b, size_t c, size_t d, struct mopt_error *err)
{
    size_t count = 0;
    if (!mopt__size_mul(a, b, &count) || !mopt__size_mul(count, c, &count) ||
        !mopt__size_mul(count, d, &count)) {
        mopt_error_memory(err);
        return NULL;
    }
    return mopt__nn_zeros(count, err);
}
