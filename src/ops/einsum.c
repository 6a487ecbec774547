// SPDX-License-Identifier: Apache-2.0
// Einsum: products of operands summed over the labels that the output does not have. Labels are
// letters; an ellipsis stands for the remaining axes and broadcasts; a label that repeats within a
// term takes the diagonal. Operands are contracted from left to right, in double or wrapping 64-bit
// integers.
#include "ops/einsum.h"
#include "ops/fast.h"

#include <string.h>

#include "ops/elementwise.h"
#include "ops/lanes.h"

// ---- Contraction ----------------------------------------------------------------------------------------------

union cell {
    double f;
    int64_t i;
};

// An operand in wide cells, one axis per label.
struct operand {
    union cell *cells;
    size_t count;
    int64_t strides[MOPT_EINSUM_LABELS]; // 0: does not have the label, or size 1
};

struct job {
    const struct operand *a, *b; // b may be NULL
    union cell *to;
    bool real;
    int kept, summed;
    int64_t kept_dims[MOPT_EINSUM_LABELS], sum_dims[MOPT_EINSUM_LABELS];
    int64_t kept_a[MOPT_EINSUM_LABELS], kept_b[MOPT_EINSUM_LABELS], sum_a[MOPT_EINSUM_LABELS],
        sum_b[MOPT_EINSUM_LABELS];
    int64_t sum_trips; // outside the innermost sum
};

static void inner_sum(const struct job *j, union cell *sum, int64_t a, int64_t b, int64_t n,
                      int64_t sa, int64_t sb)
{
    const union cell *x = j->a->cells + a;
    const union cell *y = j->b != NULL ? j->b->cells + b : NULL;
    if (j->real && y == NULL) {
        for (int64_t i = 0; i < n; i++) {
            sum->f += x[i * sa].f;
        }
    } else if (j->real) {
        double total = sum->f;
        for (int64_t i = 0; i < n; i++) {
            total += x[i * sa].f * y[i * sb].f;
        }
        sum->f = total;
    } else {
        for (int64_t i = 0; i < n; i++) {
            const uint64_t factor = y != NULL ? (uint64_t)y[i * sb].i : 1;
            sum->i = (int64_t)((uint64_t)sum->i + (uint64_t)x[i * sa].i * factor);
        }
    }
}

static void offsets(int loops, const int64_t *dims, const int64_t *sa, const int64_t *sb,
                    int64_t index, int64_t *a, int64_t *b)
{
    for (int i = loops - 1; i >= 0; i--) {
        const int64_t at = index % dims[i];
        index /= dims[i];
        *a += at * sa[i];
        *b += at * sb[i];
    }
}

static void contract_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    const int last = j->summed - 1; // there is always one
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t a = 0;
        int64_t b = 0;
        union cell sum = {.i = 0}; // all bits 0: also 0.0
        offsets(j->kept, j->kept_dims, j->kept_a, j->kept_b, i, &a, &b);
        for (int64_t s = 0; s < j->sum_trips; s++) {
            int64_t pa = a;
            int64_t pb = b;
            offsets(last, j->sum_dims, j->sum_a, j->sum_b, s, &pa, &pb);
            inner_sum(j, &sum, pa, pb, j->sum_dims[last], j->sum_a[last], j->sum_b[last]);
        }
        j->to[i] = sum;
    }
}

// Which labels the operands of one contraction have, which of them its result keeps and in what
// order.
struct labels {
    const int64_t *sizes; // [MOPT_EINSUM_LABELS]
    bool has[MOPT_EINSUM_LABELS];
    uint8_t keep[MOPT_EINSUM_LABELS];
    int keep_count;
};

static enum mopt_status plan_loops(struct job *j, const struct labels *l, struct operand *to,
                                   struct mopt_error *err)
{
    bool kept[MOPT_EINSUM_LABELS] = {false};
    size_t count = 1;
    for (int i = 0; i < l->keep_count; i++) {
        const int label = l->keep[i];
        kept[label] = true;
        j->kept_dims[j->kept] = l->sizes[label];
        j->kept_a[j->kept] = j->a->strides[label];
        j->kept_b[j->kept++] = j->b != NULL ? j->b->strides[label] : 0;
        if (!mopt__size_mul(count, (size_t)l->sizes[label], &count)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "number of elements overflows");
        }
    }
    for (int label = 0; label < MOPT_EINSUM_LABELS; label++) {
        if (l->has[label] && !kept[label]) {
            j->sum_dims[j->summed] = l->sizes[label];
            j->sum_a[j->summed] = j->a->strides[label];
            j->sum_b[j->summed++] = j->b != NULL ? j->b->strides[label] : 0;
        }
    }
    if (j->summed == 0) {
        j->sum_dims[j->summed++] = 1;
    }
    j->sum_trips = 1;
    for (int i = 0; i + 1 < j->summed; i++) {
        j->sum_trips *= j->sum_dims[i];
    }
    to->count = count;
    return MOPT_OK;
}

// to = a * b summed over labels that are not kept. j has the operands and their kind.
static enum mopt_status contract(const struct mopt_eval *eval, struct job *j,
                                 const struct labels *l, struct operand *to, struct mopt_error *err)
{
    const enum mopt_status status = plan_loops(j, l, to, err);
    if (status != MOPT_OK) {
        return status;
    }
    to->cells = mopt__calloc(to->count + 1, sizeof *to->cells);
    if (to->cells == NULL) {
        return mopt_error_memory(err);
    }
    j->to = to->cells;
    int64_t stride = 1;
    for (int i = l->keep_count - 1; i >= 0; i--) {
        const int64_t size = l->sizes[l->keep[i]];
        to->strides[l->keep[i]] = size == 1 ? 0 : stride;
        stride *= size > 0 ? size : 1;
    }
    if (to->count > 0) {
        const int64_t work = j->sum_trips * j->sum_dims[j->summed - 1];
        mopt__pool_for(eval->pool, (int64_t)to->count, MOPT_LOOPS_GRAIN / (work > 0 ? work : 1) + 1,
                       contract_range, j);
    }
    return MOPT_OK;
}

static enum mopt_status find_sizes(const struct mopt_eval *eval, const struct mopt_einsum *e,
                                   int64_t *sizes, struct mopt_error *err)
{
    for (int i = 0; i < MOPT_EINSUM_LABELS; i++) {
        sizes[i] = 1;
    }
    for (int k = 0; k < e->inputs; k++) {
        const struct mopt_tensor *t = mopt__eval_input(eval, (uint32_t)k);
        for (int i = 0; i < t->rank; i++) {
            int64_t *size = &sizes[e->in[k].labels[i]];
            if (*size != 1 && t->dims[i] != 1 && *size != t->dims[i]) {
                return mopt_error_set(err, MOPT_E_SHAPE,
                                      "axis %d of operand %d has %lld elements, the label %lld", i,
                                      k, (long long)t->dims[i], (long long)*size);
            }
            *size = *size == 1 ? t->dims[i] : *size;
        }
    }
    return MOPT_OK;
}

static enum mopt_status load(const struct mopt_tensor *t, const struct mopt_einsum_term *term,
                             bool real, struct operand *to, struct mopt_error *err)
{
    int64_t strides[MOPT_RANK_MAX];
    to->count = t->count;
    to->cells = mopt__calloc(t->count + 1, sizeof *to->cells);
    if (to->cells == NULL) {
        return mopt_error_memory(err);
    }
    if (real) {
        mopt__load_f64(t->dtype, t->data, 0, 1, t->count, &to->cells[0].f);
    } else {
        mopt__load_i64(t->dtype, t->data, 0, 1, t->count, &to->cells[0].i);
    }
    memset(to->strides, 0, sizeof to->strides);
    mopt__strides(t->rank, t->dims, strides);
    for (int i = 0; i < t->rank; i++) {
        to->strides[term->labels[i]] += t->dims[i] == 1 ? 0 : strides[i];
    }
    return MOPT_OK;
}

// The result of operands 0..k must keep the labels of the output, then those that later operands
// still need.
static void keep_labels(const struct mopt_einsum *e, int k, struct labels *l)
{
    bool listed[MOPT_EINSUM_LABELS] = {false};
    l->keep_count = 0;
    for (int i = 0; i < e->out.count; i++) {
        const uint8_t label = e->out.labels[i];
        if (l->has[label] || k + 1 == e->inputs) {
            l->keep[l->keep_count++] = label;
            listed[label] = true;
        }
    }
    for (int n = k + 1; n < e->inputs; n++) {
        for (int i = 0; i < e->in[n].count; i++) {
            const uint8_t label = e->in[n].labels[i];
            if (l->has[label] && !listed[label]) {
                l->keep[l->keep_count++] = label;
                listed[label] = true;
            }
        }
    }
}

// left = left * operand k (left alone is empty for the first one).
static enum mopt_status join_operand(const struct mopt_eval *eval, const struct mopt_einsum *e,
                                     int k, struct labels *l, bool real, struct operand *left,
                                     struct mopt_error *err)
{
    struct operand next = {NULL, 0, {0}};
    struct operand joined = {NULL, 0, {0}};
    for (int i = 0; i < e->in[k].count; i++) {
        l->has[e->in[k].labels[i]] = true;
    }
    enum mopt_status status =
        load(mopt__eval_input(eval, (uint32_t)k), &e->in[k], real, &next, err);
    if (status == MOPT_OK) {
        struct job j = {.a = k == 0 ? &next : left, .b = k == 0 ? NULL : &next, .real = real};
        keep_labels(e, k, l);
        status = contract(eval, &j, l, &joined, err);
        memset(l->has, 0, sizeof l->has);
        for (int i = 0; i < l->keep_count; i++) {
            l->has[l->keep[i]] = true;
        }
    }
    mopt__free(next.cells);
    mopt__free(left->cells);
    *left = joined;
    return status;
}

static enum mopt_status contract_all(const struct mopt_eval *eval, const struct mopt_einsum *e,
                                     const int64_t *sizes, bool real, struct operand *result,
                                     struct mopt_error *err)
{
    struct labels l = {.sizes = sizes};
    enum mopt_status status = MOPT_OK;
    *result = (struct operand){NULL, 0, {0}};
    for (int k = 0; status == MOPT_OK && k < e->inputs; k++) {
        status = join_operand(eval, e, k, &l, real, result, err);
    }
    return status;
}

static enum mopt_status einsum_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[MOPT_EINSUM_OPERANDS];
    struct mopt_tensor *out = NULL;
    struct operand result = {NULL, 0, {0}};
    struct mopt_einsum e = {.inputs = 0};
    int ranks[MOPT_EINSUM_OPERANDS] = {0};
    int64_t sizes[MOPT_EINSUM_LABELS];
    int64_t dims[MOPT_RANK_MAX];
    const uint32_t count =
        eval->input_count < MOPT_EINSUM_OPERANDS ? eval->input_count : MOPT_EINSUM_OPERANDS;
    enum mopt_status status = mopt__open(eval, in, count, err);
    if (status == MOPT_OK && (count == 0 || in[0] == NULL)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "there is no operand");
    }
    for (uint32_t i = 0; status == MOPT_OK && i < count; i++) {
        ranks[i] = in[i] != NULL ? in[i]->rank : -1;
    }
    if (status == MOPT_OK) {
        status = mopt__einsum_read(eval->node, ranks, (int)eval->input_count, &e, err);
    }
    if (status == MOPT_OK) {
        status = find_sizes(eval, &e, sizes, err);
    }
    for (int i = 0; status == MOPT_OK && i < e.out.count; i++) {
        dims[i] = sizes[e.out.labels[i]];
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, e.out.count, dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const bool real = mopt__dtype_is_float(out->dtype);
    status = contract_all(eval, &e, sizes, real, &result, err);
    if (status == MOPT_OK && real) {
        mopt__store_f64(out->dtype, mopt__tensor_data(out), 0, out->count, &result.cells[0].f);
    } else if (status == MOPT_OK) {
        mopt__store_i64(out->dtype, mopt__tensor_data(out), 0, out->count, &result.cells[0].i);
    }
    mopt__free(result.cells);
    return status;
}

// ---- Inference and cost ---------------------------------------------------------------------------------------

static enum mopt_status einsum_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct mopt_einsum e = {.inputs = 0};
    int ranks[MOPT_EINSUM_OPERANDS] = {0};
    int64_t sizes[MOPT_EINSUM_LABELS];
    int64_t dims[MOPT_RANK_MAX];
    const uint32_t count = infer->node->input_count;
    for (uint32_t i = 0; i < count && i < MOPT_EINSUM_OPERANDS; i++) {
        ranks[i] = mopt__infer_rank(infer, i);
        if (ranks[i] < 0) {
            return mopt__infer_unknown(infer, -1, err);
        }
    }
    const enum mopt_status status = mopt__einsum_read(infer->node, ranks, (int)count, &e, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < MOPT_EINSUM_LABELS; i++) {
        sizes[i] = 1;
    }
    for (int k = 0; k < e.inputs; k++) {
        const struct mopt_type *type = mopt__infer_tensor(infer, (uint32_t)k);
        for (int i = 0; i < type->rank; i++) {
            int64_t *size = &sizes[e.in[k].labels[i]];
            int64_t known = 0;
            // a known number, then a symbol, then 1
            if (*size == 1 || mopt__dim_is_known(infer->dims, type->dims[i], &known)) {
                *size = type->dims[i] == 1 ? *size : type->dims[i];
            }
        }
    }
    for (int i = 0; i < e.out.count; i++) {
        const int64_t size = sizes[e.out.labels[i]];
        dims[i] = size == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : size;
    }
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), e.out.count, dims, err);
}

// Products of all label sizes of one or two operands; longer equations contract pairwise and stay
// unknown.
static void einsum_cost(struct mopt_cost *cost)
{
    struct mopt_einsum e = {.inputs = 0};
    struct mopt_error ignored = {.offset = -1};
    int ranks[MOPT_EINSUM_OPERANDS] = {0};
    int64_t sizes[MOPT_EINSUM_LABELS];
    uint64_t macs = 1;
    const uint32_t count = cost->node->input_count;
    for (int i = 0; i < MOPT_EINSUM_LABELS; i++) {
        sizes[i] = 1;
    }
    for (uint32_t k = 0; k < count && k < 2; k++) {
        const struct mopt_value *value = cost->node->inputs[k].value;
        if (value == NULL || value->type == NULL || value->type->kind != MOPT_TYPE_TENSOR ||
            value->type->rank < 0) {
            return;
        }
        ranks[k] = value->type->rank;
    }
    if (count > 2 || mopt__einsum_read(cost->node, ranks, (int)count, &e, &ignored) != MOPT_OK) {
        return;
    }
    for (uint32_t k = 0; k < count; k++) {
        for (int i = 0; i < ranks[k]; i++) {
            int64_t size = 0;
            if (!mopt__dim_is_known(cost->dims, cost->node->inputs[k].value->type->dims[i],
                                    &size)) {
                return;
            }
            sizes[e.in[k].labels[i]] = size == 1 ? sizes[e.in[k].labels[i]] : size;
        }
    }
    for (int i = 0; i < MOPT_EINSUM_LABELS; i++) {
        if (__builtin_mul_overflow(macs, (uint64_t)sizes[i], &macs)) {
            return;
        }
    }
    cost->macs = macs;
    cost->known = true;
}

// ---- Bound kernel --------------------------------------------------------------------------------

static enum mopt_status einsum_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    bool done = false;
    const enum mopt_status status = mopt__einsum_product(eval, fast->kernels, &done, err);
    return status != MOPT_OK || done ? status : einsum_eval(eval, err);
}

static enum mopt_status einsum_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return bind->node->input_count == 2 ? mopt__fast_bind(bind, NULL, einsum_run, err) : MOPT_OK;
}

#define RECORD(from, to, set)                                                             \
    {                                                                                     \
        .domain = "", .name = "Einsum", .since = from, .until = to,                       \
        .summary = "sums of products by an index equation",                               \
        MOPT_INPUTS({"Inputs", "T", set, MOPT_PARAM_VARIADIC}),                           \
        MOPT_OUTPUTS({"Output", "T", set, 0}),                                            \
        MOPT_ATTRIBUTES(MOPT_A_STRING_REQUIRED("equation", NULL)), .infer = einsum_infer, \
        .eval = einsum_eval, .bind = einsum_bind, .cost = einsum_cost                     \
    }

static const struct mopt_op records[] = {
    RECORD(12, 27, MOPT_SET_NUMBERS),
    RECORD(28, 0, MOPT_SET_NUMBERS_BF),
};
const struct mopt_op_family mopt__ops_einsum = {records, MOPT_COUNTOF(records)};
