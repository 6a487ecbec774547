// SPDX-License-Identifier: Apache-2.0
// Products with constant right operands as native actions: MatMul and Gemm in float and in bytes,
// and MatMulInteger.
#include <string.h>

#include "exec/native.h"
#include "kernels/weights.h"

struct sides { // A [m, k] times B [k, n], element (p, j) of B at p * row_step + j * column_step
    size_t m, n, k, row_step, column_step;
    float alpha, beta;
};

// The operand that is added to the product.
static const struct mopt_value *own_bias(const struct mopt_node *node)
{
    return mopt__node_input(node, mopt__low_is_nbits(node) ? 5 : 2);
}

static bool read_coded_sides(const struct mopt_lower *l, const struct mopt_node *node,
                             struct sides *s)
{
    struct mopt_low_shape a;
    struct mopt_low_shape y;
    struct mopt_coded_weights w;
    if (!mopt__low_shape(l, mopt__node_input(node, 0), &a) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) || a.rank < 1 ||
        !mopt__low_coded_weights(l, node, &w) || (size_t)a.dims[a.rank - 1] != w.k) {
        return false;
    }
    *s = (struct sides){.m = a.count / w.k, .k = w.k, .n = w.n, .alpha = 1, .beta = 1};
    return y.count == s->m * s->n;
}

// Rows and one matrix. Of integer sums, whose scales no axis is named for, the matrix may have more
// axes of 1, and a vector is a row.
static bool is_product(const struct mopt_node *node, const struct mopt_low_shape *a,
                       const struct mopt_low_shape *b)
{
    const bool sums = mopt__low_is(node, "", "MatMulInteger");
    bool one = b->rank == 2 || (b->rank > 2 && sums);
    for (int d = 0; one && d < b->rank - 2; d++) {
        one = b->dims[d] == 1;
    }
    return one && a->rank >= (sums ? 1 : 2);
}

static bool read_sides(const struct mopt_lower *l, const struct mopt_node *node, struct sides *s)
{
    struct mopt_low_shape a;
    struct mopt_low_shape b;
    struct mopt_low_shape y;
    if (mopt__low_is_nbits(node)) {
        return read_coded_sides(l, node, s);
    }
    bool quantized = mopt__low_is(node, "com.microsoft", "QGemm");
    bool gemm = quantized || mopt__low_is(node, "", "Gemm");
    quantized = quantized || mopt__low_is(node, "", "QLinearMatMul");
    if (!mopt__low_shape(l, mopt__node_input(node, 0), &a) ||
        !mopt__low_shape(l, mopt__node_input(node, quantized ? 3 : 1), &b) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) || !is_product(node, &a, &b) ||
        (gemm && mopt__int_of(node, "transA", 0) != 0)) {
        return false;
    }
    bool transposed = gemm && mopt__int_of(node, "transB", 0) != 0;
    const int64_t *matrix = b.dims + b.rank - 2;
    *s = (struct sides){.k = (size_t)a.dims[a.rank - 1],
                        .n = (size_t)matrix[transposed ? 0 : 1],
                        .row_step = transposed ? 1 : (size_t)matrix[1],
                        .column_step = transposed ? (size_t)matrix[1] : 1,
                        .alpha = gemm ? mopt__low_float(node, "alpha", 1) : 1,
                        .beta = gemm ? mopt__low_float(node, "beta", 1) : 1};
    s->m = a.count / s->k;
    return (size_t)matrix[transposed ? 1 : 0] == s->k && y.count == s->m * s->n;
}

bool mopt__low_takes_product(const struct mopt_lower *l, const struct mopt_node *node)
{
    struct sides s;
    struct mopt_low_shape x;
    struct mopt_low_shape c;
    struct mopt_coded_weights coded;
    const struct mopt_value *bias = own_bias(node);
    if (!read_sides(l, node, &s) || !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        x.dtype != MOPT_FLOAT32 ||
        (!mopt__low_coded_weights(l, node, &coded) &&
         !mopt__low_has_weights(l, mopt__node_input(node, 1)))) {
        return false;
    }
    if (bias == NULL) {
        return true;
    }
    bool one = s.n == 1 || !mopt__low_is_nbits(node); // may stand for all columns
    return mopt__low_has_floats(l, bias) && mopt__low_shape(l, bias, &c) &&
           ((one && c.count == 1) || (c.count == s.n && (size_t)c.dims[c.rank - 1] == s.n));
}

bool mopt__low_takes_codes(const struct mopt_lower *l, const struct mopt_node *node, size_t *n)
{
    struct sides s;
    bool takes = read_sides(l, node, &s);
    *n = takes ? s.n : 0;
    return takes;
}

// ---- Float --------------------------------------------------------------------------------------------------------

struct product_work {
    size_t m, n, k;
    const void *b;
    enum mopt_weights weights;
    struct mopt_coded coded;
    struct mopt_finish finish;
    uint32_t x, y, residual;
};

static void run_product(const void *work, const struct mopt_frame *frame)
{
    const struct product_work *p = work;
    struct mopt_gemm_f32 gemm = {.m = p->m,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = frame->data[p->x],
                                 .lda = p->k,
                                 .b = p->b,
                                 .weights = p->weights,
                                 .coded = p->coded,
                                 .c = frame->data[p->y],
                                 .ldc = p->n,
                                 .epilogue = p->finish,
                                 .scratch = frame->scratch};
    if (p->residual != MOPT_NO_CELL) {
        gemm.epilogue.residual = frame->data[p->residual];
        gemm.epilogue.residual_ld = p->n;
    }
    mopt__gemm_f32(frame->kernels, &gemm, frame->pool);
}

static uint64_t sides_hash(const struct sides *s, uint64_t salt)
{
    uint32_t alpha;
    memcpy(&alpha, &s->alpha, sizeof alpha);
    const size_t numbers[] = {s->n, s->k, s->row_step, alpha};
    return mopt__hash_mix(mopt__hash_bytes(numbers, sizeof numbers), salt);
}

// The form of 16 bits that holds all weights as they are, if there is one: looked for once.
static enum mopt_status exact_form(struct mopt_lower *l, const struct mopt_low_source *source,
                                   size_t count, enum mopt_weights *out)
{
    void *block = NULL;
    bool made = false;
    enum mopt_status status =
        mopt__low_packed(l, source->tensor, mopt__hash_mix(source->variant, 6), sizeof *out, &block,
                         &made);
    const float *b = NULL;
    if (status == MOPT_OK && made) {
        status = mopt__low_weight_floats(l, source, &b);
    }
    if (status == MOPT_OK && made) {
        enum mopt_weights found = mopt__weights_exact(b, count);
        memcpy(block, &found, sizeof found);
    }
    if (status == MOPT_OK) {
        memcpy(out, block, sizeof *out);
    }
    return status;
}

// How weights are stored. With few rows reading them is most of the work, and half of the bytes are
// read in half of the time: those that have 16 bits anyway are stored so, which changes no bit of
// the result. Measured with weights of 1 to 19 MB: bfloat16 is 1.05 to 1.3 times as fast as floats
// at 16 rows and as fast from 48 on; binary16, which takes two instructions more, 1.0 to 1.3 times
// at 8.
static enum mopt_status choose_weights(struct mopt_lower *l, const struct sides *s,
                                       const struct mopt_low_source *source, enum mopt_weights *out)
{
    enum { FEW_BF16 = 32, FEW_F16 = 8 };
    enum mopt_weights exact = MOPT_WEIGHTS_F32;
    *out = MOPT_WEIGHTS_F32;
    if (l->session->options.bf16) {
        *out = mopt__weights_rounded(&l->session->kernels, s->m, s->n, s->k);
    }
    if (*out != MOPT_WEIGHTS_F32 || s->alpha != 1 || s->m > FEW_BF16) {
        return MOPT_OK;
    }
    enum mopt_status status = exact_form(l, source, s->k * s->n, &exact);
    if (status == MOPT_OK && (exact == MOPT_WEIGHTS_BF16 || s->m <= FEW_F16)) {
        *out = exact;
    }
    return status;
}

static enum mopt_status pack_matrix(struct mopt_lower *l, const struct sides *s,
                                    enum mopt_weights weights, const float *b, void *out)
{
    float *scaled = NULL;
    if (s->alpha != 1) {
        scaled = mopt__malloc(s->k * s->n * sizeof *scaled);
        if (scaled == NULL) {
            return mopt_error_memory(l->err);
        }
        for (size_t i = 0; i < s->k * s->n; i++) {
            scaled[i] = b[i] * s->alpha;
        }
        b = scaled;
    }
    mopt__pack_weights(&l->session->kernels, weights, s->k, s->n, b, s->row_step, s->column_step,
                       out);
    mopt__free(scaled);
    return MOPT_OK;
}

static enum mopt_status pack_product(struct mopt_lower *l, const struct mopt_node *node,
                                     const struct sides *s, struct product_work *p)
{
    const float *b = NULL;
    struct mopt_low_source source;
    struct mopt_coded_weights coded;
    void *block = NULL;
    bool made = false;
    if (mopt__low_coded_weights(l, node, &coded)) {
        p->weights = MOPT_WEIGHTS_CODED;
        p->coded = coded.form;
        return mopt__low_pack_coded(l, &coded, &p->b);
    }
    enum mopt_status status = mopt__low_weights(l, mopt__node_input(node, 1), &source);
    if (status == MOPT_OK) {
        status = choose_weights(l, s, &source, &p->weights);
    }
    if (status == MOPT_OK) {
        uint64_t salt = mopt__hash_mix(sides_hash(s, 3), (uint64_t)p->weights);
        size_t bytes = mopt__packed_bytes(&l->session->kernels, p->weights, s->k, s->n);
        status = mopt__low_packed(l, source.tensor, mopt__hash_mix(salt, source.variant), bytes,
                                  &block, &made);
    }
    if (status == MOPT_OK && made) {
        status = mopt__low_weight_floats(l, &source, &b);
    }
    if (status == MOPT_OK && made) {
        status = pack_matrix(l, s, p->weights, b, block);
        if (status != MOPT_OK) {
            mopt__low_unmade(l);
        }
    }
    p->b = block;
    return status;
}

// bias[j] = beta * C[j] + added[j]; NULL when there is none.
static enum mopt_status make_bias(struct mopt_lower *l, const struct mopt_group *group,
                                  const struct sides *s, const float **out)
{
    const struct mopt_value *values[] = {own_bias(group->anchor), group->bias};
    float factors[] = {s->beta, 1};
    *out = NULL;
    for (int i = 0; i < 2; i++) {
        const float *real;
        struct mopt_low_shape shape;
        if (values[i] == NULL) {
            continue;
        }
        enum mopt_status status = mopt__low_floats(l, values[i], &real, NULL);
        float *sum =
            *out == NULL ? mopt__low_work(l, s->n * sizeof *sum) : (float *)(uintptr_t)*out;
        if (status != MOPT_OK || sum == NULL || !mopt__low_shape(l, values[i], &shape)) {
            return status == MOPT_OK ? MOPT_E_MEMORY : status;
        }
        for (size_t j = 0; j < s->n; j++) {
            sum[j] += factors[i] * real[shape.count == 1 ? 0 : j];
        }
        *out = sum;
    }
    return MOPT_OK;
}

enum mopt_status mopt__low_product(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_node *node = group->anchor;
    struct product_work *p = mopt__low_work(l, sizeof *p);
    struct sides s;
    if (p == NULL) {
        return MOPT_E_MEMORY;
    }
    if (!read_sides(l, node, &s)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "shapes of a product do not fit");
    }
    *p = (struct product_work){.m = s.m, .n = s.n, .k = s.k, .residual = MOPT_NO_CELL};
    p->finish.act = group->act;
    p->finish.after = group->after;
    p->finish.residual_first = group->residual_first;
    enum mopt_status status = pack_product(l, node, &s, p);
    if (status == MOPT_OK) {
        status = make_bias(l, group, &s, &p->finish.bias);
    }
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mopt__node_input(node, 0), MOPT_FORM_PLAIN, &p->x);
    }
    if (status == MOPT_OK && group->residual != NULL) {
        status = mopt__low_cell(l, group->residual, MOPT_FORM_PLAIN, &p->residual);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_PLAIN, &p->y);
    }
    mopt__low_scratch(l, mopt__gemm_f32_scratch(p->weights, s.m, s.k));
    uint32_t cells[] = {p->x, p->y, p->residual};
    return status == MOPT_OK
               ? mopt__low_emit(l, run_product, p, cells, p->residual != MOPT_NO_CELL ? 3 : 2)
               : status;
}

// ---- Bytes --------------------------------------------------------------------------------------------------------

struct product_bytes_work {
    struct mopt_gemm_u8 gemm; // operands of a run are set when it runs
    bool codes;
    uint32_t x, y;
};

static void run_product_bytes(const void *work, const struct mopt_frame *frame)
{
    const struct product_bytes_work *p = work;
    struct mopt_gemm_u8 gemm = p->gemm;
    gemm.a = frame->data[p->x];
    *(p->codes ? (void **)&gemm.c8 : (void **)&gemm.cf) = frame->data[p->y];
    mopt__gemm_u8(frame->kernels, &gemm, frame->pool);
}

static enum mopt_status pack_codes(struct mopt_lower *l, const struct mopt_tensor *id,
                                   const struct sides *s, const int8_t *codes, const int8_t **out)
{
    void *block = NULL;
    bool made = false;
    enum mopt_status status =
        mopt__low_packed(l, id, sides_hash(s, 4),
                         mopt__packed_s8_bytes(&l->session->kernels, s->k, s->n), &block, &made);
    if (status == MOPT_OK && made) {
        mopt__pack_s8(&l->session->kernels, s->k, s->n, codes, s->row_step, s->column_step, block);
    }
    *out = block;
    return status;
}

enum mopt_status mopt__low_product_bytes(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_node *node = group->anchor;
    struct product_bytes_work *p = mopt__low_work(l, sizeof *p);
    struct sides s;
    const int8_t *codes;
    if (p == NULL) {
        return MOPT_E_MEMORY;
    }
    bool linear = !mopt__low_is(node, "", "MatMul") && !mopt__low_is(node, "", "Gemm");
    if (!read_sides(l, node, &s)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "shapes of a product do not fit");
    }
    p->gemm = (struct mopt_gemm_u8){.m = s.m, .n = s.n, .k = s.k, .lda = s.k, .ldc = s.n};
    p->codes = group->out_codes;
    enum mopt_status status = mopt__low_signed(l, &group->w, &codes);
    if (status == MOPT_OK) {
        status = pack_codes(l, mopt__low_constant(l, group->w.codes), &s, codes, &p->gemm.b);
    }
    if (status == MOPT_OK) {
        status = mopt__low_zeros(l, &group->w, s.n, &p->gemm.b_zero);
    }
    if (status == MOPT_OK) {
        struct mopt_low_columns columns = {.codes = codes,
                                           .k = s.k,
                                           .n = s.n,
                                           .row_step = s.row_step,
                                           .column_step = s.column_step,
                                           .zero = p->gemm.b_zero,
                                           .bias = linear ? NULL : mopt__node_input(node, 2),
                                           .more_bias = group->bias};
        status = mopt__low_requantize(l, group, &columns, &p->gemm.out);
    }
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, group->x.codes, MOPT_FORM_BYTES, &p->x);
    }
    if (status == MOPT_OK) {
        status =
            mopt__low_output(l, group->out, p->codes ? MOPT_FORM_BYTES : MOPT_FORM_PLAIN, &p->y);
    }
    uint32_t cells[] = {p->x, p->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_product_bytes, p, cells, 2) : status;
}

// ---- Sums ---------------------------------------------------------------------------------------------------------

struct sums_work {
    struct mopt_gemm_u8 gemm;
    struct mopt_low_sums sums;
    uint32_t x, y, residual;
};

static void run_sums(const void *work, const struct mopt_frame *frame)
{
    const struct sums_work *w = work;
    struct mopt_gemm_u8 gemm = w->gemm;
    (void)mopt__low_sums_start(&w->sums, frame);
    gemm.a = frame->data[w->x];
    *(w->sums.scale != NULL ? (void **)&gemm.cf : (void **)&gemm.c32) = frame->data[w->y];
    mopt__gemm_u8(frame->kernels, &gemm, frame->pool);
    if (w->residual != MOPT_NO_CELL) {
        mopt__low_add_residual(frame, gemm.cf, frame->data[w->residual], gemm.m * gemm.n);
    }
}

static enum mopt_status pack_sums(struct mopt_lower *l, const struct mopt_group *group,
                                  const struct sides *s, struct sums_work *w)
{
    struct mopt_low_quant q;
    const int8_t *codes;
    if (!mopt__low_sum_weights(l, group->anchor, s->n, &q)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "weights of a product do not fit");
    }
    enum mopt_status status = mopt__low_signed(l, &q, &codes);
    if (status == MOPT_OK) {
        status = pack_codes(l, mopt__low_constant(l, q.codes), s, codes, &w->gemm.b);
    }
    if (status == MOPT_OK) {
        status = mopt__low_zeros(l, &q, s->n, &w->gemm.b_zero);
    }
    if (status == MOPT_OK) {
        status = mopt__low_sums(l, group, s->n, &w->sums);
    }
    if (status == MOPT_OK) {
        mopt__fold_zero_point(s->k, s->n, codes, s->row_step, s->column_step, NULL, -1,
                              w->gemm.b_zero, w->sums.totals);
    }
    return status;
}

enum mopt_status mopt__low_product_sums(struct mopt_lower *l, const struct mopt_group *group)
{
    struct sums_work *w = mopt__low_work(l, sizeof *w);
    struct sides s;
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    if (!read_sides(l, group->anchor, &s)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "shapes of a product do not fit");
    }
    w->gemm = (struct mopt_gemm_u8){.m = s.m, .n = s.n, .k = s.k, .lda = s.k, .ldc = s.n};
    w->residual = MOPT_NO_CELL;
    enum mopt_status status = pack_sums(l, group, &s, w);
    if (status == MOPT_OK && group->bias != NULL) {
        status = mopt__low_floats(l, group->bias, &w->gemm.out.float_bias, NULL);
    }
    w->gemm.out.start = w->sums.start;
    w->gemm.out.scale = w->sums.scale;
    w->gemm.out.act = group->act;
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mopt__node_input(group->anchor, 0), MOPT_FORM_BYTES, &w->x);
    }
    if (status == MOPT_OK && group->residual != NULL) {
        status = mopt__low_cell(l, group->residual, MOPT_FORM_PLAIN, &w->residual);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_PLAIN, &w->y);
    }
    uint32_t cells[3 + MOPT_SUMS_CELLS] = {w->x, w->y, w->residual};
    uint32_t count = mopt__low_sums_cells(&w->sums, cells, w->residual != MOPT_NO_CELL ? 3 : 2);
    return status == MOPT_OK ? mopt__low_emit(l, run_sums, w, cells, count) : status;
}
