// SPDX-License-Identifier: Apache-2.0
// MatMul of two computed float operands as a native action: batches broadcast, and transposed
// operands are read where they lie.
#include <string.h>

#include "exec/native.h"
#include "kernels/batch_gemm.h"

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

static bool read_side(const struct mopt_lower *l, const struct mopt_value *value, struct side *s)
{
    struct mopt_low_shape shape;
    if (!mopt__low_shape(l, value, &shape) || shape.dtype != MOPT_FLOAT32 || shape.rank < 2) {
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

enum mopt_status mopt__low_group_matmul(struct mopt_lower *l, const struct mopt_node *node,
                                        struct mopt_group *group, bool *found)
{
    struct side a;
    struct side b;
    struct mopt_low_shape y;
    *found = read_side(l, mopt__node_input(node, 0), &a) &&
             read_side(l, mopt__node_input(node, 1), &b) &&
             mopt__low_shape(l, mopt__node_output(node, 0), &y) && is_worth_packing(&a, &b);
    struct mopt_low_matmul *mm = *found ? mopt__low_work(l, sizeof *mm) : NULL;
    if (mm == NULL) {
        return *found ? MOPT_E_MEMORY : MOPT_OK;
    }
    see_through(l, node, true, &a);
    if (mopt__node_input(node, 0) != mopt__node_input(node, 1)) {
        see_through(l, node, false, &b);
    }
    *mm = (struct mopt_low_matmul){.a = a.value,
                                   .b = b.value,
                                   .m = (size_t)a.dims[a.rank - 2],
                                   .k = (size_t)a.dims[a.rank - 1],
                                   .n = (size_t)b.dims[b.rank - 1],
                                   .lda = a.steps[a.rank - 2],
                                   .b_row = b.steps[b.rank - 2],
                                   .b_column = b.steps[b.rank - 1]};
    mm->batch = y.count / (size_t)y.dims[y.rank - 1] / (size_t)y.dims[y.rank - 2];
    mm->a_at = starts(l, &a, &y, mm->batch);
    mm->b_at = starts(l, &b, &y, mm->batch);
    if (mm->a_at == NULL || mm->b_at == NULL) {
        return MOPT_E_MEMORY;
    }
    join_products(mm);
    *group = (struct mopt_group){.anchor = node, .out = mopt__node_output(node, 0), .matmul = mm};
    const struct mopt_node *transposes[] = {a.transpose, b.transpose};
    for (int i = 0; i < 2; i++) {
        if (transposes[i] != NULL) {
            group->members[group->member_count++] = transposes[i];
        }
    }
    return MOPT_OK;
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

enum mopt_status mopt__low_matmul(struct mopt_lower *l, const struct mopt_group *group)
{
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
