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

enum mopt_status mopt__low_group_qlinear_matmul(struct mopt_lower *l, const struct mopt_node *node,
                                                struct mopt_group *group, bool *found)
{
    struct side a;
    struct side b;
    *found = read_sides(l, node, 3, true, &a, &b);
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

static enum mopt_status lower_codes(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_low_matmul *mm = group->matmul;
    struct codes_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->codes = group->out_codes;
    w->gemm = (struct mopt_batch_gemm_u8){.batch = mm->batch,
                                          .m = mm->m,
                                          .n = mm->n,
                                          .k = mm->k,
                                          .a_at = mm->a_at,
                                          .b_at = mm->b_at,
                                          .lda = mm->lda,
                                          .b_row = mm->b_row,
                                          .b_column = mm->b_column};
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
