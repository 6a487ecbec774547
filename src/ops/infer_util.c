// SPDX-License-Identifier: Apache-2.0
// What infer facets use to read facts of inputs and to state facts of outputs. It must not know any
// operator.
#include "ops/infer.h"

enum { INTS_MAX = 1024 }; // more elements than any shape computation has

static const struct mopt_fact *input_fact(const struct mopt_infer *infer, uint32_t i)
{
    return i < infer->node->input_count && infer->node->inputs[i].value != NULL ? &infer->inputs[i]
                                                                                : NULL;
}

const struct mopt_type *mopt__infer_tensor(const struct mopt_infer *infer, uint32_t i)
{
    const struct mopt_fact *fact = input_fact(infer, i);
    return fact != NULL && fact->type != NULL && fact->type->kind == MOPT_TYPE_TENSOR ? fact->type
                                                                                      : NULL;
}

enum mopt_dtype mopt__infer_dtype(const struct mopt_infer *infer, uint32_t i)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, i);
    return type != NULL ? type->dtype : MOPT_UNDEFINED;
}

int mopt__infer_rank(const struct mopt_infer *infer, uint32_t i)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, i);
    return type != NULL ? type->rank : -1;
}

bool mopt__infer_has(const struct mopt_infer *infer, uint32_t i)
{
    return i < infer->node->input_count && infer->node->inputs[i].value != NULL;
}

static bool is_small_integers(const struct mopt_tensor *tensor)
{
    return tensor != NULL && mopt__dtype_is_integer(tensor->dtype) && tensor->rank <= 1 &&
           tensor->count <= INTS_MAX;
}

bool mopt__infer_ints(const struct mopt_infer *infer, uint32_t i, const int64_t **items,
                      size_t *count)
{
    const struct mopt_fact *fact = input_fact(infer, i);
    if (fact == NULL) {
        return false;
    }
    if (fact->ints != NULL) {
        *items = fact->ints->items;
        *count = fact->ints->count;
        return true;
    }
    if (!is_small_integers(fact->constant)) {
        return false;
    }
    size_t total = fact->constant->count;
    int64_t *list = mopt__arena_alloc(infer->arena, total + 1, sizeof *list);
    if (list == NULL) {
        return false;
    }
    for (size_t k = 0; k < total; k++) {
        list[k] = mopt__dim_const(infer->dims, mopt__tensor_i64_at(fact->constant, k));
    }
    *items = list;
    *count = total;
    return true;
}

bool mopt__infer_values(const struct mopt_infer *infer, uint32_t i, const int64_t **values,
                        size_t *count)
{
    const int64_t *items;
    if (!mopt__infer_ints(infer, i, &items, count)) {
        return false;
    }
    int64_t *list = mopt__arena_alloc(infer->arena, *count + 1, sizeof *list);
    if (list == NULL) {
        return false;
    }
    for (size_t k = 0; k < *count; k++) {
        if (!mopt__dim_is_known(infer->dims, items[k], &list[k])) {
            return false;
        }
    }
    *values = list;
    return true;
}

bool mopt__infer_scalar_f64(const struct mopt_infer *infer, uint32_t i, double *value)
{
    const struct mopt_fact *fact = input_fact(infer, i);
    if (fact == NULL) {
        return false;
    }
    int64_t known;
    if (fact->ints != NULL && fact->ints->count == 1 &&
        mopt__dim_is_known(infer->dims, fact->ints->items[0], &known)) {
        *value = (double)known;
        return true;
    }
    const struct mopt_tensor *tensor = fact->constant;
    if (tensor == NULL || tensor->count != 1 || mopt__dtype_bits(tensor->dtype) == 0 ||
        tensor->dtype == MOPT_COMPLEX64 || tensor->dtype == MOPT_COMPLEX128) {
        return false;
    }
    *value = mopt__tensor_f64(tensor, 0);
    return true;
}

enum mopt_status mopt__infer_set(struct mopt_infer *infer, uint32_t i, enum mopt_dtype dtype,
                                 int rank, const int64_t *dims, struct mopt_error *err)
{
    if (i >= infer->node->output_count) {
        return MOPT_OK;
    }
    if (rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "output %u would have rank %d, at most %d",
                              i, rank, MOPT_RANK_MAX);
    }
    infer->outputs[i].type = mopt__type_tensor(infer->arena, dtype, rank, rank > 0 ? dims : NULL);
    return infer->outputs[i].type != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__infer_set_type(struct mopt_infer *infer, uint32_t i,
                                      const struct mopt_type *type)
{
    if (i < infer->node->output_count) {
        infer->outputs[i].type = type;
    }
    return MOPT_OK;
}

enum mopt_status mopt__infer_set_ints(struct mopt_infer *infer, uint32_t i, int rank,
                                      const int64_t *items, size_t count, struct mopt_error *err)
{
    if (i >= infer->node->output_count || count > INTS_MAX || rank < 0 || rank > 1) {
        return MOPT_OK;
    }
    struct mopt_ints *ints = mopt__arena_alloc(infer->arena, 1, sizeof *ints);
    int64_t *copy = mopt__arena_alloc(infer->arena, count + 1, sizeof *copy);
    if (ints == NULL || copy == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k < count; k++) {
        copy[k] = items[k];
    }
    *ints = (struct mopt_ints){.rank = rank, .count = count, .items = copy};
    infer->outputs[i].ints = ints;
    return MOPT_OK;
}

enum mopt_status mopt__infer_same(struct mopt_infer *infer, uint32_t output, uint32_t input)
{
    const struct mopt_fact *fact = input_fact(infer, input);
    if (fact != NULL && output < infer->node->output_count) {
        infer->outputs[output] = *fact;
    }
    return MOPT_OK;
}

// One dimension of a numpy broadcast. False when two known numbers do not fit.
static bool broadcast_dim(struct mopt_dims *dims, int64_t a, int64_t b, int64_t *out)
{
    if (a == 1 || a == b) {
        *out = b;
    } else if (b == 1) {
        *out = a;
    } else if (a >= 0 && b >= 0) {
        return false;
    } else if (a >= 0 || b >= 0) {
        *out = a >= 0 ? a : b; // the other is this number or 1
    } else {
        *out = mopt__dim_broadcast(dims, a, b);
    }
    return true;
}

enum mopt_status mopt__infer_broadcast(struct mopt_infer *infer, int rank_a, const int64_t *a,
                                       int rank_b, const int64_t *b, int *rank,
                                       int64_t dims[MOPT_RANK_MAX], struct mopt_error *err)
{
    if (rank_a < 0 || rank_b < 0) {
        *rank = -1;
        return MOPT_OK;
    }
    *rank = rank_a > rank_b ? rank_a : rank_b;
    for (int k = 0; k < *rank; k++) {
        int ka = k - (*rank - rank_a);
        int kb = k - (*rank - rank_b);
        int64_t da = ka >= 0 ? a[ka] : 1;
        int64_t db = kb >= 0 ? b[kb] : 1;
        if (!broadcast_dim(infer->dims, da, db, &dims[k])) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "shapes do not broadcast: dimension %d is %lld and %lld", k,
                                  (long long)da, (long long)db);
        }
    }
    return MOPT_OK;
}

static const struct mopt_type *join_tensors(struct mopt_arena *arena, const struct mopt_type *a,
                                            const struct mopt_type *b)
{
    int64_t dims[MOPT_RANK_MAX];
    int rank = a->rank == b->rank ? a->rank : -1;
    for (int k = 0; k < rank; k++) {
        dims[k] = a->dims[k] == b->dims[k] ? a->dims[k] : MOPT_DIM_UNKNOWN;
    }
    return mopt__type_tensor(arena, a->dtype == b->dtype ? a->dtype : MOPT_UNDEFINED, rank, dims);
}

enum mopt_status mopt__infer_join(struct mopt_infer *infer, const struct mopt_type *a,
                                  const struct mopt_type *b, const struct mopt_type **out,
                                  struct mopt_error *err)
{
    *out = NULL;
    if (a == NULL || b == NULL || a->kind != b->kind) {
        return MOPT_OK;
    }
    if (mopt__type_equal(a, b)) {
        *out = a;
        return MOPT_OK;
    }
    if (a->kind == MOPT_TYPE_TENSOR) {
        *out = join_tensors(infer->arena, a, b);
        return *out != NULL ? MOPT_OK : mopt_error_memory(err);
    }
    if (a->kind != MOPT_TYPE_SEQUENCE && a->kind != MOPT_TYPE_OPTIONAL) {
        return MOPT_OK;
    }
    // Elements of sequences are not nested deeper than a file's nesting limit.
    const struct mopt_type *element;
    enum mopt_status status = mopt__infer_join(infer, a->element, b->element, &element, err);
    if (status == MOPT_OK) {
        *out = mopt__type_container(infer->arena, a->kind, element);
        status = *out != NULL ? MOPT_OK : mopt_error_memory(err);
    }
    return status;
}
