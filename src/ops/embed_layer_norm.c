// SPDX-License-Identifier: Apache-2.0
// EmbedLayerNormalization (com.microsoft): sum of a word, a position and a segment embedding,
// normalised over the last axis; the count of ones of every mask row.
#include <math.h>

#include "ops/nn_util.h"

enum { IDS, SEGMENT_IDS, WORDS, POSITIONS, SEGMENTS, GAMMA, BETA, MASK, POSITION_IDS, INPUTS };

struct embedding {
    const struct mopt_tensor *in[INPUTS];
    size_t batch, length, size;
    double epsilon;
    struct mopt_tensor *y, *sum;
};

static enum mopt_status check_ids(const struct embedding *e, int input, const char *name,
                                  bool shared, struct mopt_error *err)
{
    const struct mopt_tensor *t = e->in[input];
    if (!t || (t->rank == 2 && (size_t)t->dims[1] == e->length &&
               ((size_t)t->dims[0] == e->batch || (shared && t->dims[0] == 1)))) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have shape [%zu,%zu]", name, e->batch,
                          e->length);
}

static enum mopt_status check_table(const struct embedding *e, int input, const char *name,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *t = e->in[input];
    if (!t || (t->rank == 2 && (size_t)t->dims[1] == e->size)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have rank 2 and rows of %zu", name,
                          e->size);
}

static enum mopt_status check_inputs(struct embedding *e, struct mopt_error *err)
{
    enum mopt_status status = mopt__nn_rank(e->in[IDS], "input_ids", 2, 2, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(e->in[WORDS], "word_embedding", 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    e->batch = (size_t)e->in[IDS]->dims[0];
    e->length = (size_t)e->in[IDS]->dims[1];
    e->size = (size_t)e->in[WORDS]->dims[1];
    if (!e->in[SEGMENT_IDS] != !e->in[SEGMENTS]) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "segment_ids and segment_embedding must come together");
    }
    status = check_ids(e, SEGMENT_IDS, "segment_ids", false, err);
    if (status == MOPT_OK) {
        status = check_ids(e, MASK, "mask", false, err);
    }
    if (status == MOPT_OK) {
        status = check_ids(e, POSITION_IDS, "position_ids", true, err);
    }
    if (status == MOPT_OK) {
        status = check_table(e, POSITIONS, "position_embedding", err);
    }
    if (status == MOPT_OK) {
        status = check_table(e, SEGMENTS, "segment_embedding", err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(e->in[GAMMA], "gamma", (int64_t)e->size, err);
    }
    return status == MOPT_OK ? mopt__nn_vector(e->in[BETA], "beta", (int64_t)e->size, err) : status;
}

static enum mopt_status new_outputs(struct mopt_eval *eval, struct embedding *e,
                                    struct mopt_tensor **counts, struct mopt_error *err)
{
    const int64_t dims[3] = {(int64_t)e->batch, (int64_t)e->length, (int64_t)e->size};
    enum mopt_dtype dtype = e->in[WORDS]->dtype;
    enum mopt_status status = mopt__eval_output(eval, 0, dtype, 3, dims, &e->y, err);
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, MOPT_INT32, 1, dims, counts, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 2)) {
        status = mopt__eval_output(eval, 2, dtype, 3, dims, &e->sum, err);
    }
    return status;
}

// Row of a table for an index from data.
static enum mopt_status find_row(const struct mopt_tensor *table, int64_t index, const char *name,
                                 size_t *row, struct mopt_error *err)
{
    if (index < 0 || index >= table->dims[0]) {
        return mopt_error_set(err, MOPT_E_VALUE, "index %lld of input '%s' with %lld rows",
                              (long long)index, name, (long long)table->dims[0]);
    }
    *row = (size_t)index;
    return MOPT_OK;
}

static enum mopt_status find_rows(const struct embedding *e, size_t at, size_t rows[3],
                                  struct mopt_error *err)
{
    const struct mopt_tensor *places = e->in[POSITION_IDS];
    size_t column = at % e->length;
    int64_t place = (int64_t)column;
    if (places) {
        place = mopt__tensor_i64_at(places, places->dims[0] == 1 ? column : at);
    }
    enum mopt_status status =
        find_row(e->in[WORDS], mopt__tensor_i64_at(e->in[IDS], at), "word_embedding", rows, err);
    if (status == MOPT_OK) {
        status = find_row(e->in[POSITIONS], place, "position_embedding", rows + 1, err);
    }
    if (status == MOPT_OK && e->in[SEGMENTS]) {
        status = find_row(e->in[SEGMENTS], mopt__tensor_i64_at(e->in[SEGMENT_IDS], at),
                          "segment_embedding", rows + 2, err);
    }
    return status;
}

static void normalise(const struct embedding *e, size_t at, const size_t rows[3], double *line)
{
    double mean = 0;
    double square = 0;
    for (size_t i = 0; i < e->size; i++) {
        line[i] = mopt__tensor_f64(e->in[WORDS], rows[0] * e->size + i) +
                  mopt__tensor_f64(e->in[POSITIONS], rows[1] * e->size + i);
        line[i] += e->in[SEGMENTS] ? mopt__tensor_f64(e->in[SEGMENTS], rows[2] * e->size + i) : 0;
        if (e->sum) {
            mopt__nn_store_at(e->sum, at * e->size + i, line[i]);
        }
        mean += line[i];
    }
    mean /= (double)e->size;
    for (size_t i = 0; i < e->size; i++) {
        line[i] -= mean;
        square += line[i] * line[i];
    }
    double inverse = 1 / sqrt(square / (double)e->size + e->epsilon);
    for (size_t i = 0; i < e->size; i++) {
        mopt__nn_store_at(e->y, at * e->size + i,
                          line[i] * inverse * mopt__tensor_f64(e->in[GAMMA], i) +
                              mopt__tensor_f64(e->in[BETA], i));
    }
}

// The number of ones in every mask row; 0 without a mask.
static void count_mask(const struct embedding *e, struct mopt_tensor *counts)
{
    const struct mopt_tensor *mask = e->in[MASK];
    for (size_t b = 0; b < e->batch; b++) {
        size_t ones = 0;
        for (size_t s = 0; mask && s < e->length; s++) {
            ones += mopt__tensor_i64_at(mask, b * e->length + s) == 1 ? 1 : 0;
        }
        mopt__nn_store_at(counts, b, (double)ones);
    }
}

static enum mopt_status embed_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct embedding e = {.y = NULL};
    struct mopt_tensor *counts = NULL;
    float epsilon = 0;
    enum mopt_status status = mopt__open(eval, e.in, INPUTS, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "epsilon", 1e-12F, &epsilon, err);
    }
    if (status == MOPT_OK) {
        status = check_inputs(&e, err);
    }
    if (status == MOPT_OK) {
        status = new_outputs(eval, &e, &counts, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    e.epsilon = (double)epsilon;
    if (counts) {
        count_mask(&e, counts);
    }
    double *line = mopt__nn_zeros(e.size, err);
    status = mopt__nn_got(line, err);
    for (size_t i = 0; status == MOPT_OK && i < e.batch * e.length; i++) {
        size_t rows[3] = {0};
        status = find_rows(&e, i, rows, err);
        if (status == MOPT_OK) {
            normalise(&e, i, rows, line);
        }
    }
    mopt__free(line);
    return status;
}

static enum mopt_status embed_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *ids = mopt__infer_tensor(infer, IDS);
    const struct mopt_type *words = mopt__infer_tensor(infer, WORDS);
    enum mopt_status status = mopt__nn_infer_rank(infer, IDS, 2, 2, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, WORDS, 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    bool known = ids && ids->rank == 2;
    const int64_t dims[3] = {known ? ids->dims[0] : MOPT_DIM_UNKNOWN,
                             known ? ids->dims[1] : MOPT_DIM_UNKNOWN,
                             words && words->rank == 2 ? words->dims[1] : MOPT_DIM_UNKNOWN};
    enum mopt_dtype dtype = mopt__infer_dtype(infer, WORDS);
    status = mopt__infer_set(infer, 0, dtype, 3, dims, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 1, MOPT_INT32, 1, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 2, dtype, 3, dims, err) : status;
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16))
#define OPTIONAL MOPT_PARAM_OPTIONAL

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "EmbedLayerNormalization",
     .since = 1,
     .summary = "layer normalisation of a sum of embeddings",
     MOPT_INPUTS({"input_ids", "T1", MOPT_SET_I32, 0},
                 {"segment_ids", "T1", MOPT_SET_I32, OPTIONAL}, {"word_embedding", "T", F, 0},
                 {"position_embedding", "T", F, 0}, {"segment_embedding", "T", F, OPTIONAL},
                 {"gamma", "T", F, 0}, {"beta", "T", F, 0}, {"mask", "T1", MOPT_SET_I32, OPTIONAL},
                 {"position_ids", "T1", MOPT_SET_I32, OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"mask_index", "T1", MOPT_SET_I32, OPTIONAL},
                  {"embedding_sum", "T", F, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-12F),
                     MOPT_A_INT_OPTIONAL("mask_index_type")),
     .infer = embed_infer,
     .eval = embed_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_embed_layer_norm = {records, MOPT_COUNTOF(records)};
