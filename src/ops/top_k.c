// SPDX-License-Identifier: Apache-2.0
// TopK: the k largest or smallest elements along an axis with their indices, best first; of equals
// the lower index comes first. NaN counts as the largest. Unsorted results are given sorted too.
#include <stdlib.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

struct entry {
    uint64_t key; // smaller is better
    int64_t index;
};

static bool better(const struct entry *a, const struct entry *b)
{
    return a->key < b->key || (a->key == b->key && a->index < b->index);
}

static int compare(const void *a, const void *b)
{
    return better(a, b) ? -1 : better(b, a) ? 1 : 0;
}

// Restores the heap (worst entry at the top) below place i.
static void sink(struct entry *heap, int64_t count, int64_t i)
{
    for (;;) {
        int64_t worst = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++) {
            worst = better(&heap[worst], &heap[child]) ? child : worst;
        }
        if (worst == i) {
            return;
        }
        const struct entry old = heap[i];
        heap[i] = heap[worst];
        heap[worst] = old;
        i = worst;
    }
}

struct top_job {
    const struct mopt_tensor *in;
    struct mopt_tensor *values;
    int64_t *indices; // NULL: not wanted
    bool largest;
    int64_t n, k, inner;
};

// Takes one more entry into the heap, which holds `held` of at most k.
static void take(struct entry *heap, int64_t held, int64_t k, const struct entry *next)
{
    if (held >= k) {
        if (better(next, &heap[0])) {
            heap[0] = *next;
            sink(heap, k, 0);
        }
        return;
    }
    heap[held] = *next;
    for (int64_t i = k / 2; held == k - 1 && i >= 0; i--) {
        sink(heap, k, i); // full: now it becomes a heap
    }
}

// The best k of the group that starts at element `first`, sorted.
static void select_best(const struct top_job *job, int64_t first, struct entry *heap)
{
    uint64_t keys[MOPT_LANES];
    for (int64_t at = 0; at < job->n; at += MOPT_LANES) {
        const int64_t part = job->n - at < MOPT_LANES ? job->n - at : MOPT_LANES;
        mopt__load_keys(job->in->dtype, job->in->data, first + at * job->inner, job->inner,
                        (size_t)part, keys);
        const uint64_t flip = job->largest ? UINT64_MAX : 0;
        for (int64_t i = 0; i < part; i++) {
            const struct entry next = {keys[i] ^ flip, at + i};
            if (at + i < job->k || next.key < heap[0].key) { // most are not among the best
                take(heap, at + i, job->k, &next);
            }
        }
    }
    qsort(heap, (size_t)job->k, sizeof *heap, compare);
}

static enum mopt_status run(const struct top_job *job, struct mopt_error *err)
{
    const int64_t groups = (int64_t)job->values->count / job->k;
    struct entry *heap = mopt__calloc((size_t)job->k, sizeof *heap);
    enum mopt_status status = MOPT_OK;
    if (heap == NULL) {
        return mopt_error_memory(err);
    }
    for (int64_t g = 0; status == MOPT_OK && g < groups; g++) {
        const int64_t from = g / job->inner * job->n * job->inner + g % job->inner;
        const int64_t to = g / job->inner * job->k * job->inner + g % job->inner;
        select_best(job, from, heap);
        for (int64_t i = 0; status == MOPT_OK && i < job->k; i++) {
            if (job->indices != NULL) {
                job->indices[to + i * job->inner] = heap[i].index;
            }
            status = mopt__copy_run(job->values, to + i * job->inner, job->in,
                                    from + heap[i].index * job->inner, 1, err);
        }
    }
    mopt__free(heap);
    return status;
}

static enum mopt_status read_k(const struct mopt_eval *eval, int64_t size, int64_t *k,
                               struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (eval->node->op->input_count == 1) {
        status = mopt__attr_int(eval->node, "k", 0, k, err);
    } else {
        status = mopt__scalar_i64(mopt__eval_input(eval, 1), "K", k, err);
    }
    if (status == MOPT_OK && (*k < 0 || *k > size)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "k is %lld, must be in [0, %lld]", (long long)*k,
                                (long long)size);
    }
    return status;
}

static enum mopt_status top_k_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    struct mopt_tensor *indices = NULL;
    struct top_job job = {.inner = 1};
    int64_t dims[MOPT_RANK_MAX];
    int64_t value = -1;
    int64_t high = 1;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", -1, &value, err);
    }
    if (status == MOPT_OK && eval->node->op->since >= 11) {
        status = mopt__attr_int(eval->node, "largest", 1, &high, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = read_k(eval, in[0]->dims[axis], &job.k, err);
    }
    for (int i = 0; status == MOPT_OK && i < in[0]->rank; i++) {
        dims[i] = i == axis ? job.k : in[0]->dims[i];
        job.inner *= i > axis ? dims[i] : 1;
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, dims, &job.values, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, MOPT_INT64, in[0]->rank, dims, &indices, err);
    }
    if (status != MOPT_OK || job.values->count == 0) {
        return status;
    }
    job.in = in[0];
    job.indices = indices != NULL ? mopt__tensor_data(indices) : NULL;
    job.largest = high != 0;
    job.n = in[0]->dims[axis];
    return run(&job, err);
}

static enum mopt_status top_k_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t dims[MOPT_RANK_MAX];
    int64_t k = MOPT_DIM_UNKNOWN;
    int axis = 0;
    if (type == NULL || type->rank < 0) {
        const enum mopt_status status = mopt__infer_unknown(infer, -1, err);
        return status == MOPT_OK ? mopt__infer_set(infer, 1, MOPT_INT64, -1, NULL, err) : status;
    }
    enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(infer->node, "axis", -1), type->rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (infer->node->op->input_count == 1) {
        k = mopt__int_of(infer->node, "k", 0);
        k = k < 0 ? MOPT_DIM_UNKNOWN : k;
    } else if (mopt__infer_ints(infer, 1, &items, &count) && count == 1) {
        k = items[0];
    }
    for (int i = 0; i < type->rank; i++) {
        dims[i] = type->dims[i];
    }
    dims[axis] = k == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : k;
    status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 1, MOPT_INT64, type->rank, dims, err)
                             : status;
}

#define RECORD(from, to, set, ...)                                                     \
    {                                                                                  \
        .domain = "", .name = "TopK", .since = from, .until = to,                      \
        .summary = "the k best elements along an axis and their indices", __VA_ARGS__, \
        MOPT_OUTPUTS({"Values", "T", set, 0}, {"Indices", "I", MOPT_SET_I64, 0}),      \
        .quant = &mopt__quant_moves, .infer = top_k_infer, .eval = top_k_eval,         \
        .cost = mopt__cost_input                                                       \
    }
#define WITH_K(set) MOPT_INPUTS({"X", "T", set, 0}, {"K", "tensor(int64)", MOPT_SET_I64, 0})
#define AXIS MOPT_A_INT("axis", -1)
#define FLAGS MOPT_ATTRIBUTES(AXIS, MOPT_A_FLAG("largest", 1), MOPT_A_FLAG("sorted", 1))

static const struct mopt_op records[] = {
    RECORD(1, 9, MOPT_SET_FLOATS, MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS, 0}),
           MOPT_ATTRIBUTES(AXIS, MOPT_A_INT_REQUIRED("k"))),
    RECORD(10, 10, MOPT_SET_FLOATS, WITH_K(MOPT_SET_FLOATS), MOPT_ATTRIBUTES(AXIS)),
    RECORD(11, 23, MOPT_SET_NUMBERS, WITH_K(MOPT_SET_NUMBERS), FLAGS),
    RECORD(24, 0, MOPT_SET_NUMBERS_BF, WITH_K(MOPT_SET_NUMBERS_BF), FLAGS),
};
const struct mopt_op_family mopt__ops_top_k = {records, MOPT_COUNTOF(records)};
