// SPDX-License-Identifier: Apache-2.0
// Einsum of two float operands as matrix products; see einsum.h. Labels fall into four groups:
// those of both operands and the output count batches, those of both operands alone are summed
// over, the others are rows and columns.
#include "kernels/batch_gemm.h"
#include "ops/copy.h"
#include "ops/einsum.h"
#include "ops/nn_util.h"
#include "ops/operands.h"

enum group { BATCH, ROWS, COLUMNS, SUM, GROUPS };

struct product {
    const struct mopt_tensor *in[2];
    struct mopt_einsum e;
    int64_t sizes[MOPT_EINSUM_LABELS];
    uint8_t labels[GROUPS][MOPT_RANK_MAX];
    int count[GROUPS];
    int64_t size[GROUPS]; // products of sizes
};

static bool has(const struct mopt_einsum_term *term, uint8_t label)
{
    for (int i = 0; i < term->count; i++) {
        if (term->labels[i] == label) {
            return true;
        }
    }
    return false;
}

// Sizes of labels; false when a label repeats within a term or has two sizes.
static bool find_sizes(struct product *p)
{
    for (int i = 0; i < MOPT_EINSUM_LABELS; i++) {
        p->sizes[i] = -1;
    }
    for (int k = 0; k < 2; k++) {
        bool seen[MOPT_EINSUM_LABELS] = {false};
        for (int i = 0; i < p->e.in[k].count; i++) {
            const uint8_t label = p->e.in[k].labels[i];
            const int64_t size = p->in[k]->dims[i];
            if (seen[label] || (p->sizes[label] >= 0 && p->sizes[label] != size)) {
                return false;
            }
            seen[label] = true;
            p->sizes[label] = size;
        }
    }
    return true;
}

static void put(struct product *p, enum group group, uint8_t label)
{
    p->labels[group][p->count[group]++] = label;
    p->size[group] *= p->sizes[label];
}

// Groups in the order of the output, sums in the order of operand 0. False: a label is summed over
// in one operand alone, or none is.
static bool find_groups(struct product *p)
{
    for (int g = 0; g < GROUPS; g++) {
        p->size[g] = 1;
    }
    for (int i = 0; i < p->e.out.count; i++) {
        const uint8_t label = p->e.out.labels[i];
        const bool a = has(&p->e.in[0], label);
        const bool b = has(&p->e.in[1], label);
        put(p, a && b ? BATCH : a ? ROWS : COLUMNS, label);
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < p->e.in[k].count; i++) {
            const uint8_t label = p->e.in[k].labels[i];
            if (has(&p->e.out, label)) {
                continue;
            }
            if (!has(&p->e.in[1 - k], label)) {
                return false;
            }
            if (k == 0) {
                put(p, SUM, label);
            }
        }
    }
    return p->count[SUM] > 0;
}

// Labels of three groups one after the other: the layout that a matrix product wants.
static void layout(const struct product *p, const enum group *groups, uint8_t *labels)
{
    int count = 0;
    for (int g = 0; g < 3; g++) {
        for (int i = 0; i < p->count[groups[g]]; i++) {
            labels[count++] = p->labels[groups[g]][i];
        }
    }
}

static bool same_order(const struct mopt_einsum_term *term, const uint8_t *labels)
{
    for (int i = 0; i < term->count; i++) {
        if (term->labels[i] != labels[i]) {
            return false;
        }
    }
    return true;
}

// Moves from, whose axes have the labels `from_labels`, to `to` with the axes of `term`.
static enum mopt_status permute(const struct mopt_eval *eval, const struct product *p,
                                const struct mopt_einsum_term *term, const uint8_t *from_labels,
                                struct mopt_copy *copy, struct mopt_error *err)
{
    int64_t strides[MOPT_EINSUM_LABELS] = {0};
    int64_t stride = 1;
    for (int i = term->count - 1; i >= 0; i--) {
        strides[from_labels[i]] = stride;
        stride *= p->sizes[from_labels[i]];
    }
    copy->rank = term->count;
    for (int i = 0; i < term->count; i++) {
        copy->dims[i] = p->sizes[term->labels[i]];
        copy->from_strides[i] = strides[term->labels[i]];
    }
    mopt__strides(term->count, copy->dims, copy->to_strides);
    return mopt__copy_box(copy, eval->pool, err);
}

// Operand k with its axes in the order of `labels`: a new reference, or a new tensor.
static enum mopt_status arrange(struct mopt_eval *eval, const struct product *p, int k,
                                const uint8_t *labels, struct mopt_tensor **out,
                                struct mopt_error *err)
{
    const struct mopt_einsum_term *term = &p->e.in[k];
    struct mopt_einsum_term wanted = {.count = term->count};
    int64_t dims[MOPT_RANK_MAX] = {0};
    if (same_order(term, labels)) {
        *out = mopt__tensor_ref(mopt__eval_input_mutable(eval, (uint32_t)k));
        return MOPT_OK;
    }
    for (int i = 0; i < term->count; i++) {
        wanted.labels[i] = labels[i];
        dims[i] = p->sizes[labels[i]];
    }
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, term->count, dims, out, err);
    if (status == MOPT_OK) {
        struct mopt_copy copy = {.to = *out, .from = p->in[k]};
        status = permute(eval, p, &wanted, term->labels, &copy, err);
    }
    return status;
}

// Products of all batches; b has its rows turned into columns when trans_b.
static enum mopt_status multiply(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                 const struct product *p, bool trans_b,
                                 const struct mopt_tensor *const operands[2], struct mopt_tensor *c,
                                 struct mopt_error *err)
{
    const size_t batch = (size_t)p->size[BATCH];
    const size_t n = (size_t)p->size[COLUMNS];
    const size_t k = (size_t)p->size[SUM];
    struct mopt_batch_gemm_f32 gemm = {.batch = batch,
                                       .m = (size_t)p->size[ROWS],
                                       .n = n,
                                       .k = k,
                                       .a = operands[0]->data,
                                       .b = operands[1]->data,
                                       .lda = k,
                                       .b_row = trans_b ? 1 : n,
                                       .b_column = trans_b ? k : 1,
                                       .c = mopt__nn_f32(c)};
    size_t *at = mopt__calloc(2 * batch + 1, sizeof *at);
    if (!at) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < batch; i++) {
        at[i] = i * gemm.m * k;
        at[batch + i] = i * k * n;
    }
    gemm.a_at = at;
    gemm.b_at = at + batch;
    const size_t bytes = mopt__batch_gemm_f32_scratch(kernels, &gemm, mopt__pool_size(eval->pool));
    void *scratch = bytes != SIZE_MAX ? mopt__malloc_aligned(bytes + 1) : NULL;
    if (scratch) {
        mopt__batch_gemm_f32(kernels, &gemm, scratch, eval->pool);
    }
    mopt__free_aligned(scratch);
    mopt__free(at);
    return scratch ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status run(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                            const struct product *p, struct mopt_tensor *out,
                            struct mopt_error *err)
{
    static const enum group left[] = {BATCH, ROWS, SUM};
    static const enum group right[] = {BATCH, SUM, COLUMNS};
    static const enum group right_turned[] = {BATCH, COLUMNS, SUM};
    static const enum group result[] = {BATCH, ROWS, COLUMNS};
    uint8_t labels[3 * MOPT_RANK_MAX] = {0};
    struct mopt_tensor *a = NULL;
    struct mopt_tensor *b = NULL;
    struct mopt_tensor *c = NULL;
    layout(p, left, labels);
    enum mopt_status status = arrange(eval, p, 0, labels, &a, err);
    layout(p, right_turned, labels);
    const bool turned = same_order(&p->e.in[1], labels);
    if (status == MOPT_OK) {
        layout(p, turned ? right_turned : right, labels);
        status = arrange(eval, p, 1, labels, &b, err);
    }
    layout(p, result, labels);
    const bool direct = same_order(&p->e.out, labels);
    if (status == MOPT_OK && !direct) {
        status = mopt__tensor_new(MOPT_FLOAT32, out->rank, out->dims, &c, err);
    }
    if (status == MOPT_OK) {
        const struct mopt_tensor *const operands[2] = {a, b};
        status = multiply(eval, kernels, p, turned, operands, direct ? out : c, err);
    }
    if (status == MOPT_OK && !direct) {
        struct mopt_copy copy = {.to = out, .from = c};
        status = permute(eval, p, &p->e.out, labels, &copy, err);
    }
    mopt__tensor_unref(a);
    mopt__tensor_unref(b);
    mopt__tensor_unref(c);
    return status;
}

enum mopt_status mopt__einsum_product(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                      bool *done, struct mopt_error *err)
{
    struct product p = {.in = {mopt__eval_input(eval, 0), mopt__eval_input(eval, 1)}};
    *done = false;
    if (eval->input_count != 2 || p.in[0] == NULL || p.in[1] == NULL ||
        p.in[0]->dtype != MOPT_FLOAT32 || p.in[1]->dtype != MOPT_FLOAT32) {
        return MOPT_OK;
    }
    const int ranks[2] = {p.in[0]->rank, p.in[1]->rank};
    enum mopt_status status = mopt__einsum_read(eval->node, ranks, 2, &p.e, err);
    if (status != MOPT_OK || !find_sizes(&p) || !find_groups(&p) || p.size[SUM] == 0) {
        return status;
    }
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX] = {0};
    for (int i = 0; i < p.e.out.count; i++) {
        dims[i] = p.sizes[p.e.out.labels[i]];
    }
    *done = true;
    status = mopt__eval_output(eval, 0, MOPT_FLOAT32, p.e.out.count, dims, &out, err);
    return status == MOPT_OK && out->count > 0 ? run(eval, kernels, &p, out, err) : status;
}
