// SPDX-License-Identifier: Apache-2.0
// MatMul of two computed operands as a native action, of floats or of codes: batches broadcast, and
// transposed operands are read where they lie.
#include <string.h>

#include "exec/native.h"
#include "kernels/batch_gemm.h"
#include "kernels/batch_gemm_u8.h"

enum { FEWEST_ROWS = 4, FEWEST_COLUMNS = 8, SMALL = 1 << 16 }; // elements that are packed at once

// ---- Finding ------------------------------------------------------------------------------------------------------

// An operand [leading..., rows, columns] and how far its elements lie apart.
struct side {
    const struct mopt_value *value;
    const struct mopt_node *transpose; // that is read through, or NULL
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    size_t steps[MOPT_RANK_MAX];
};

static bool read_side(const struct mopt_lower *l, const struct mopt_value *value, bool codes,
                      struct side *s)
{
    struct mopt_low_shape shape;
    if (!mopt__low_shape(l, value, &shape) || shape.rank < 2 ||
        !(codes ? mopt__low_is_codes(&shape) : shape.dtype == MOPT_FLOAT32)) {
        return false;
    }
    *s = (struct side){.value = value, .rank = shape.rank};
    memcpy(s->dims, shape.dims, sizeof s->dims);
    mopt__low_steps(&shape, s->steps);
    return true;
}

// With few rows or columns, packing a large operand would be most of the work.
static bool is_worth_packing(const struct side *a, const struct side *b)
{
    int64_t k = a->dims[a->rank - 1];
    int64_t n = b->dims[b->rank - 1];
    bool few_rows = a->dims[a->rank - 2] < FEWEST_ROWS;
    return !(few_rows && n > 0 && k > SMALL / n) &&
           !(n < FEWEST_COLUMNS && k > SMALL / FEWEST_COLUMNS);
}

// Reads through a Transpose that only `user` sees; whole_rows: only if rows stay in one piece.
static void see_through(const struct mopt_lower *l, const struct mopt_node *user, bool whole_rows,
                        struct side *s)
{
    const struct mopt_node *node = s->value->producer;
    struct mopt_low_shape from;
    size_t steps[MOPT_RANK_MAX] = {0};
    if (!mopt__low_is(node, "", "Transpose") || !mopt__low_is_free(l, node) ||
        mopt__low_sole_use(l, s->value) != user ||
        !mopt__low_shape(l, mopt__node_input(node, 0), &from)) {
        return;
    }
    mopt__low_turned_steps(node, &from, steps);
    if (whole_rows && steps[s->rank - 1] != 1) {
        return;
    }
    memcpy(s->steps, steps, sizeof s->steps);
    s->value = mopt__node_input(node, 0);
    s->transpose = node;
}

// Starts of the matrices of all products in an operand, for results with the leading axes of y;
// NULL: out of memory.
static size_t *starts(struct mopt_lower *l, const struct side *s, const struct mopt_low_shape *y,
                      size_t batch)
{
    size_t *at = mopt__low_work(l, batch * sizeof *at);
    for (size_t i = 0; at != NULL && i < batch; i++) {
        size_t rest = i;
        for (int d = y->rank - 3; d >= 0; d--) {
            int own = d - (y->rank - s->rank);
            size_t index = rest % (size_t)y->dims[d];
            rest /= (size_t)y->dims[d];
            at[i] += own >= 0 && s->dims[own] != 1 ? index * s->steps[own] : 0;
        }
    }
    return at;
}

// One right operand for all products and left ones that follow each other: one product.
static void join_products(struct mopt_low_matmul *mm)
{
    for (size_t i = 1; i < mm->batch; i++) {
        if (mm->b_at[i] != mm->b_at[0] || mm->a_at[i] != mm->a_at[0] + i * mm->m * mm->lda) {
            return;
        }
    }
    mm->m *= mm->batch;
    mm->batch = 1;
}

// The products of two operands; their Transposes become members of the group.
static enum mopt_status set_matmul(struct mopt_lower *l, const struct side *a, const struct side *b,
                                   struct mopt_group *group)
{
    struct mopt_low_matmul *mm = mopt__low_work(l, sizeof *mm);
    struct mopt_low_shape y;
    if (mm == NULL) {
        return MOPT_E_MEMORY;
    }
    mopt__low_shape(l, mopt__node_output(group->anchor, 0), &y);
    *mm = (struct mopt_low_matmul){.a = a->value,
                                   .b = b->value,
                                   .m = (size_t)a->dims[a->rank - 2],
                                   .k = (size_t)a->dims[a->rank - 1],
                                   .n = (size_t)b->dims[b->rank - 1],
                                   .lda = a->steps[a->rank - 2],
                                   .b_row = b->steps[b->rank - 2],
                                   .b_column = b->steps[b->rank - 1]};
    mm->batch = y.count / (size_t)y.dims[y.rank - 1] / (size_t)y.dims[y.rank - 2];
    mm->a_at = starts(l, a, &y, mm->batch);
    mm->b_at = starts(l, b, &y, mm->batch);
    if (mm->a_at == NULL || mm->b_at == NULL) {
        return MOPT_E_MEMORY;
    }
    join_products(mm);
    group->matmul = mm;
    const struct mopt_node *transposes[] = {a->transpose, b->transpose};
    for (int i = 0; i < 2; i++) {
        if (transposes[i] != NULL) {
            group->members[group->member_count++] = transposes[i];
        }
    }
    return MOPT_OK;
}

// The operands of the node, the right one its input `at`.
static bool read_sides(const struct mopt_lower *l, const struct mopt_node *node, uint32_t at,
                       bool codes, struct side *a, struct side *b)
{
    struct mopt_low_shape y;
    if (!read_side(l, mopt__node_input(node, 0), codes, a) ||
        !read_side(l, mopt__node_input(node, at), codes, b) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) || y.rank < 2) {
        return false;
    }
    return true;
}

static void see_through_both(const struct mopt_lower *l, const struct mopt_node *node,
                             struct side *a, struct side *b)
{
    bool same = a->value == b->value;
    see_through(l, node, true, a);
    if (!same) {
        see_through(l, node, false, b);
    }
}

// Dequantized codes of one scale, computed ones.
static bool is_coded(const struct mopt_lower *l, const struct side *s, struct mopt_low_quant *q)
{
    const struct mopt_node *node = s->value->producer;
    return node != NULL && mopt__low_dequantizer(l, node, false, q) && mopt__low_one_scale(q) &&
           mopt__low_constant(l, q->codes) == NULL;
}

enum mopt_status mopt__low_group_matmul(struct mopt_lower *l, const struct mopt_node *node,
                                        struct mopt_group *group, bool *found)
{
    struct side a;
    struct side b;
    *group = (struct mopt_group){.anchor = node, .out = mopt__node_output(node, 0)};
    *found = read_sides(l, node, 1, false, &a, &b);
    if (!*found) {
        return MOPT_OK;
    }
    see_through_both(l, node, &a, &b);
    group->bytes = is_coded(l, &a, &group->x) && is_coded(l, &b, &group->w);
    if (group->bytes) {
        a.value = group->x.codes;
        b.value = group->w.codes;
    }
    *found = group->bytes || is_worth_packing(&a, &b);
    return *found ? set_matmul(l, &a, &b, group) : MOPT_OK;
}

enum mopt_status mopt__low_group_codes(struct mopt_lower *l, const struct mopt_node *node,
                                       uint32_t at, struct mopt_group *group, bool *found)
{
    struct side a;
    struct side b;
    *found = read_sides(l, node, at, true, &a, &b);
    if (!*found) {
        return MOPT_OK;
    }
    see_through_both(l, node, &a, &b);
    return set_matmul(l, &a, &b, group);
}

// ---- Running ------------------------------------------------------------------------------------------------------

struct matmul_work {
    struct mopt_batch_gemm_f32 gemm; // pointers are set when it runs
    uint32_t a, b, y;
};

static void run_matmul(const void *work, const struct mopt_frame *frame)
{
    const struct matmul_work *w = work;
    struct mopt_batch_gemm_f32 gemm = w->gemm;
    gemm.a = frame->data[w->a];
    gemm.b = frame->data[w->b];
    gemm.c = frame->data[w->y];
    mopt__batch_gemm_f32(frame->kernels, &gemm, frame->scratch, frame->pool);
}

struct codes_work {
    struct mopt_batch_gemm_u8 gemm; // pointers are set when it runs
    bool codes;                     // of y
    uint32_t a, b, y;
};

static void run_codes(const void *work, const struct mopt_frame *frame)
{
    const struct codes_work *w = work;
    struct mopt_batch_gemm_u8 gemm = w->gemm;
    gemm.a = frame->data[w->a];
    gemm.b = frame->data[w->b];
    *(w->codes ? (void **)&gemm.c8 : (void **)&gemm.cf) = frame->data[w->y];
    mopt__batch_gemm_u8(frame->kernels, &gemm, frame->scratch, frame->pool);
}

static enum mopt_status set_zeros(struct mopt_lower *l, const struct mopt_group *group,
                                  struct mopt_batch_gemm_u8 *gemm)
{
    int32_t zero = mopt__low_zero(&group->w, 0) - 128;
    int32_t *zeros = mopt__low_work(l, gemm->n * sizeof *zeros);
    for (size_t j = 0; zeros != NULL && j < gemm->n; j++) {
        zeros[j] = zero;
    }
    gemm->a_zero = mopt__low_zero(&group->x, 0);
    gemm->b_zero = zero != 0 ? zeros : NULL;
    return zeros != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

static struct mopt_batch_gemm_u8 products_of(const struct mopt_low_matmul *mm)
{
    return (struct mopt_batch_gemm_u8){.batch = mm->batch,
                                       .m = mm->m,
                                       .n = mm->n,
                                       .k = mm->k,
                                       .a_at = mm->a_at,
                                       .b_at = mm->b_at,
                                       .lda = mm->lda,
                                       .b_row = mm->b_row,
                                       .b_column = mm->b_column};
}

static enum mopt_status lower_codes(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_low_matmul *mm = group->matmul;
    struct codes_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->codes = group->out_codes;
    w->gemm = products_of(mm);
    enum mopt_status status = set_zeros(l, group, &w->gemm);
    if (status == MOPT_OK) {
        status = mopt__low_requantize_sums(l, group, mm->n, &w->gemm.out);
    }
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mm->a, MOPT_FORM_BYTES, &w->a);
    }
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mm->b, MOPT_FORM_BYTES, &w->b);
    }
    if (status == MOPT_OK) {
        status =
            mopt__low_output(l, group->out, w->codes ? MOPT_FORM_BYTES : MOPT_FORM_PLAIN, &w->y);
    }
    mopt__low_scratch(l, mopt__batch_gemm_u8_scratch(&l->session->kernels, &w->gemm,
                                                     mopt__pool_size(l->session->pool)));
    uint32_t cells[] = {w->a, w->b, w->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_codes, w, cells, 3) : status;
}

enum mopt_status mopt__low_matmul(struct mopt_lower *l, const struct mopt_group *group)
{
    if (group->bytes) {
        return lower_codes(l, group);
    }
    const struct mopt_low_matmul *mm = group->matmul;
    struct matmul_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->gemm = (struct mopt_batch_gemm_f32){.batch = mm->batch,
                                           .m = mm->m,
                                           .n = mm->n,
                                           .k = mm->k,
                                           .a_at = mm->a_at,
                                           .b_at = mm->b_at,
                                           .lda = mm->lda,
                                           .b_row = mm->b_row,
                                           .b_column = mm->b_column};
    enum mopt_status status = mopt__low_cell(l, mm->a, MOPT_FORM_PLAIN, &w->a);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mm->b, MOPT_FORM_PLAIN, &w->b);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_PLAIN, &w->y);
    }
    mopt__low_scratch(l, mopt__batch_gemm_f32_scratch(&l->session->kernels, &w->gemm,
                                                      mopt__pool_size(l->session->pool)));
    uint32_t cells[] = {w->a, w->b, w->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_matmul, w, cells, 3) : status;
}

// ---- Sums ---------------------------------------------------------------------------------------------------------

struct sums_work {
    struct mopt_batch_gemm_u8 gemm; // pointers and zero points are set when it runs
    struct mopt_low_sums sums;
    uint32_t a, b, y, b_zero; // b_zero: MOPT_NO_CELL = none
    bool b_signed;
    size_t b_zeros;  // one or [n]
    int32_t *b_less; // [n] zero points of b of a run, less 128
};

// NULL when they are all 128: rows of a need not be summed then.
static const int32_t *zeros_of(const struct sums_work *w, const struct mopt_frame *frame)
{
    const void *zeros = w->b_zero != MOPT_NO_CELL ? frame->data[w->b_zero] : NULL;
    bool any = false;
    for (size_t j = 0; j < w->gemm.n; j++) {
        const size_t at = w->b_zeros == 1 ? 0 : j;
        int32_t zero = w->b_signed ? 0 : -128; // of signed codes 128 is added and taken away
        if (zeros != NULL) {
            zero += w->b_signed ? ((const int8_t *)zeros)[at] : ((const uint8_t *)zeros)[at];
        }
        w->b_less[j] = zero;
        any = any || zero != 0;
    }
    return any ? w->b_less : NULL;
}

static void run_sums(const void *work, const struct mopt_frame *frame)
{
    const struct sums_work *w = work;
    struct mopt_batch_gemm_u8 gemm = w->gemm;
    gemm.a_zero = mopt__low_sums_start(&w->sums, frame);
    gemm.b_zero = zeros_of(w, frame);
    gemm.a = frame->data[w->a];
    gemm.b = frame->data[w->b];
    *(w->sums.scale != NULL ? (void **)&gemm.cf : (void **)&gemm.c32) = frame->data[w->y];
    mopt__batch_gemm_u8(frame->kernels, &gemm, frame->scratch, frame->pool);
}

static enum mopt_status sums_cells(struct mopt_lower *l, const struct mopt_group *group,
                                   struct sums_work *w)
{
    const struct mopt_value *zero = mopt__node_input(group->anchor, 3);
    struct mopt_low_shape shape;
    enum mopt_status status = mopt__low_cell(l, group->matmul->a, MOPT_FORM_BYTES, &w->a);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, group->matmul->b, MOPT_FORM_BYTES, &w->b);
    }
    w->b_signed = mopt__low_shape(l, group->matmul->b, &shape) && shape.dtype == MOPT_INT8;
    w->b_zeros = mopt__low_shape(l, zero, &shape) ? shape.count : 0;
    w->b_zero = MOPT_NO_CELL;
    if (status == MOPT_OK && zero != NULL) {
        status = mopt__low_cell(l, zero, MOPT_FORM_PLAIN, &w->b_zero);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_PLAIN, &w->y);
    }
    return status;
}

enum mopt_status mopt__low_matmul_sums(struct mopt_lower *l, const struct mopt_group *group)
{
    const size_t n = group->matmul->n;
    struct sums_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->gemm = products_of(group->matmul);
    w->b_less = mopt__low_work(l, n * sizeof *w->b_less);
    enum mopt_status status = w->b_less != NULL ? MOPT_OK : MOPT_E_MEMORY;
    if (status == MOPT_OK) {
        status = mopt__low_sums(l, group, n, &w->sums); // whose totals stay 0
    }
    if (status == MOPT_OK && group->bias != NULL) {
        status = mopt__low_floats(l, group->bias, &w->gemm.out.float_bias, NULL);
    }
    if (status == MOPT_OK) {
        status = sums_cells(l, group, w);
    }
    w->gemm.out.start = group->term != NULL ? w->sums.start : NULL;
    w->gemm.out.scale = w->sums.scale;
    w->gemm.out.act = group->act;
    mopt__low_scratch(l, mopt__batch_gemm_u8_scratch(&l->session->kernels, &w->gemm,
                                                     mopt__pool_size(l->session->pool)));
    uint32_t cells[4 + MOPT_SUMS_CELLS] = {w->a, w->b, w->y, w->b_zero};
    uint32_t count = mopt__low_sums_cells(&w->sums, cells, w->b_zero != MOPT_NO_CELL ? 4 : 3);
    return status == MOPT_OK ? mopt__low_emit(l, run_sums, w, cells, count) : status;
}
