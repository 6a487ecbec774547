// SPDX-License-Identifier: Apache-2.0
// EmbedLayerNormalization and QEmbedLayerNormalization (com.microsoft): sum of a word, a position
// and a segment embedding, normalised over the last axis; the count of ones of every mask row. The
// tables and the factors of the latter are codes with a scale and a zero point each.
#include <math.h>
#include <string.h>

#include "ops/attend.h"
#include "ops/lanes.h"

enum { IDS, SEGMENT_IDS, WORDS, POSITIONS, SEGMENTS, GAMMA, BETA, MASK, POSITION_IDS, INPUTS };

// Inputs of QEmbedLayerNormalization: the first eight, then scales and zero points of five of them.
enum {
    SCALES = MASK + 1,
    PARTS = BETA - WORDS + 1,
    ZEROS = SCALES + PARTS,
    Q_INPUTS = ZEROS + PARTS
};

struct embedding {
    const struct mopt_tensor *in[INPUTS];
    const struct mopt_tensor *scale[INPUTS], *zero[INPUTS]; // of codes; NULL: floats
    enum mopt_dtype dtype;
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
    enum mopt_dtype dtype = e->dtype;
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

// Adds a row of an input to the line.
static void add_row(const struct embedding *e, int input, size_t row, double *line)
{
    const struct mopt_tensor *t = e->in[input];
    size_t first = row * e->size;
    if (e->scale[input]) {
        float scale = (float)mopt__tensor_f64(e->scale[input], 0);
        int32_t zero = (int32_t)mopt__tensor_i64_at(e->zero[input], 0);
        for (size_t i = 0; i < e->size; i++) {
            int32_t code = t->dtype == MOPT_INT8 ? ((const int8_t *)t->data)[first + i]
                                                 : ((const uint8_t *)t->data)[first + i];
            line[i] += (double)((float)(code - zero) * scale);
        }
        return;
    }
    for (size_t at = 0; at < e->size; at += MOPT_LANES) {
        double x[MOPT_LANES];
        const size_t n = e->size - at < MOPT_LANES ? e->size - at : MOPT_LANES;
        mopt__load_f64(t->dtype, t->data, (int64_t)(first + at), 1, n, x);
        for (size_t i = 0; i < n; i++) {
            line[at + i] += x[i];
        }
    }
}

static void put_line(struct mopt_tensor *to, size_t first, const double *line, size_t n)
{
    mopt__store_f64(to->dtype, mopt__tensor_data(to), (int64_t)first, n, line);
}

// lines: [3, size] a position, factors and what is added behind them.
static void normalise(const struct embedding *e, size_t at, const size_t rows[3], double *lines)
{
    double *line = lines;
    double mean = 0;
    double square = 0;
    memset(line, 0, e->size * sizeof *line);
    add_row(e, WORDS, rows[0], line);
    add_row(e, POSITIONS, rows[1], line);
    if (e->in[SEGMENTS]) {
        add_row(e, SEGMENTS, rows[2], line);
    }
    if (e->sum) {
        put_line(e->sum, at * e->size, line, e->size);
    }
    for (size_t i = 0; i < e->size; i++) {
        mean += line[i];
    }
    mean /= (double)e->size;
    for (size_t i = 0; i < e->size; i++) {
        line[i] -= mean;
        square += line[i] * line[i];
    }
    double inverse = 1 / sqrt(square / (double)e->size + e->epsilon);
    for (size_t i = 0; i < e->size; i++) {
        line[i] = line[i] * inverse * lines[e->size + i] + lines[2 * e->size + i];
    }
    put_line(e->y, at * e->size, line, e->size);
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

static enum mopt_status run_positions(const struct embedding *e, struct mopt_error *err)
{
    double *lines = mopt__attend_room(3, e->size, 1, 1, err);
    enum mopt_status status = mopt__nn_got(lines, err);
    if (status == MOPT_OK) {
        add_row(e, GAMMA, 0, lines + e->size);
        add_row(e, BETA, 0, lines + 2 * e->size);
    }
    for (size_t i = 0; status == MOPT_OK && i < e->batch * e->length; i++) {
        size_t rows[3] = {0};
        status = find_rows(e, i, rows, err);
        if (status == MOPT_OK) {
            normalise(e, i, rows, lines);
        }
    }
    mopt__free(lines);
    return status;
}

// e->in is set.
static enum mopt_status run_embedding(struct mopt_eval *eval, struct embedding *e,
                                      struct mopt_error *err)
{
    struct mopt_tensor *counts = NULL;
    float epsilon = 0;
    enum mopt_status status = mopt__attr_float(eval->node, "epsilon", 1e-12F, &epsilon, err);
    if (status == MOPT_OK) {
        status = check_inputs(e, err);
    }
    if (status == MOPT_OK) {
        status = new_outputs(eval, e, &counts, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    e->epsilon = (double)epsilon;
    if (counts) {
        count_mask(e, counts);
    }
    return run_positions(e, err);
}

static enum mopt_status embed_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct embedding e = {.y = NULL};
    enum mopt_status status = mopt__open(eval, e.in, INPUTS, err);
    if (status != MOPT_OK) {
        return status;
    }
    e.dtype = e.in[WORDS]->dtype;
    return run_embedding(eval, &e, err);
}

static enum mopt_status codes_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[Q_INPUTS];
    struct embedding e = {.dtype = MOPT_FLOAT32};
    enum mopt_status status = mopt__open(eval, in, Q_INPUTS, err);
    for (int i = 0; status == MOPT_OK && i <= MASK; i++) {
        e.in[i] = in[i];
    }
    for (int i = 0; status == MOPT_OK && i < PARTS; i++) {
        e.scale[WORDS + i] = in[SCALES + i];
        e.zero[WORDS + i] = in[ZEROS + i];
        bool fits = in[SCALES + i] && in[ZEROS + i] && in[SCALES + i]->count == 1 &&
                    in[ZEROS + i]->count == 1;
        if (in[WORDS + i] && !fits) {
            status = mopt_error_set(err, MOPT_E_SHAPE,
                                    "input '%s' must have one scale and one zero point",
                                    eval->node->op->inputs[WORDS + i].name);
        }
    }
    return status == MOPT_OK ? run_embedding(eval, &e, err) : status;
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
    bool codes = infer->node->op->input_count > INPUTS;
    enum mopt_dtype dtype = codes ? MOPT_FLOAT32 : mopt__infer_dtype(infer, WORDS);
    status = mopt__infer_set(infer, 0, dtype, 3, dims, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 1, MOPT_INT32, 1, dims, err);
    }
    return status == MOPT_OK && !codes ? mopt__infer_set(infer, 2, dtype, 3, dims, err) : status;
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16))
#define Q MOPT_SET_INT8
#define S MOPT_SET_F32
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
    {.domain = "com.microsoft",
     .name = "QEmbedLayerNormalization",
     .since = 1,
     .summary = "layer normalisation of a sum of quantized embeddings",
     MOPT_INPUTS({"input_ids", "T1", MOPT_SET_I32, 0},
                 {"segment_ids", "T1", MOPT_SET_I32, OPTIONAL},
                 {"word_embedding_quant", "T2", Q, 0}, {"position_embedding_quant", "T2", Q, 0},
                 {"segment_embedding", "T2", Q, OPTIONAL}, {"gamma_quant", "T2", Q, 0},
                 {"beta_quant", "T2", Q, 0}, {"mask", "T1", MOPT_SET_I32, OPTIONAL},
                 {"word_embedding_scale", "T", S, 0}, {"position_embedding_scale", "T", S, 0},
                 {"segment_embedding_scale", "T", S, OPTIONAL}, {"gamma_scale", "T", S, 0},
                 {"beta_scale", "T", S, 0}, {"word_embedding_zero_point", "T2", Q, 0},
                 {"position_embedding_zero_point", "T2", Q, 0},
                 {"segment_embedding_zero_point", "T2", Q, OPTIONAL},
                 {"gamma_zero_point", "T2", Q, 0}, {"beta_zero_point", "T2", Q, 0}),
     MOPT_OUTPUTS({"layernorm_out", "T", S, 0}, {"mask_index_out", "T1", MOPT_SET_I32, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-12F)),
     .infer = embed_infer,
     .eval = codes_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_embed_layer_norm = {records, MOPT_COUNTOF(records)};
