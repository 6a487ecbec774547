// SPDX-License-Identifier: Apache-2.0
// Compares and joins what two types tell about the same value. It knows no graph.
#include <string.h>

#include "rewrite/rewriter.h"

static bool is_known(const struct mopt_type *type)
{
    return type != NULL && type->kind != MOPT_TYPE_NONE;
}

static bool dim_news(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    int64_t x = 0, y = 0;
    if (!mopt__dim_is_known(dims, b, &y)) {
        return a == MOPT_DIM_UNKNOWN && b != MOPT_DIM_UNKNOWN;
    }
    return !mopt__dim_is_known(dims, a, &x) || x != y;
}

static bool tensor_news(const struct mopt_dims *dims, const struct mopt_type *a,
                        const struct mopt_type *b)
{
    if (b->dtype != MOPT_UNDEFINED && b->dtype != a->dtype) {
        return true;
    }
    if (b->rank < 0) {
        return false;
    }
    if (a->rank != b->rank) {
        return true;
    }
    for (int i = 0; i < a->rank; i++) {
        if (dim_news(dims, a->dims[i], b->dims[i])) {
            return true;
        }
    }
    return false;
}

bool mopt__type_news(const struct mopt_dims *dims, const struct mopt_type *a,
                     const struct mopt_type *b)
{
    if (a == b || !is_known(b)) {
        return false;
    }
    if (!is_known(a) || a->kind != b->kind) {
        return true;
    }
    if (a->kind != MOPT_TYPE_TENSOR && a->kind != MOPT_TYPE_SPARSE_TENSOR) {
        return !mopt__type_equal(a, b);
    }
    return tensor_news(dims, a, b);
}

// A symbol without a name that stands alone: inference made it up because it knew nothing.
static bool is_fresh(const struct mopt_dims *dims, int64_t dim)
{
    int64_t known;
    if (dim == MOPT_DIM_UNKNOWN || mopt__dim_is_known(dims, dim, &known) ||
        mopt__dim_name(dims, dim) != NULL) {
        return false;
    }
    struct mopt_strbuf text = {0};
    mopt__dim_print(dims, dim, &text);
    const char *at = mopt__strbuf_text(&text);
    bool fresh = at[0] == '?' && strspn(at + 1, "0123456789") == strlen(at + 1);
    mopt__strbuf_release(&text);
    return fresh;
}

static int64_t better_dim(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    int64_t known;
    if (a == b || b == MOPT_DIM_UNKNOWN || mopt__dim_is_known(dims, a, &known)) {
        return a;
    }
    bool replace =
        a == MOPT_DIM_UNKNOWN || mopt__dim_is_known(dims, b, &known) || is_fresh(dims, a);
    return replace ? b : a;
}

const struct mopt_type *mopt__type_merge(struct mopt_model *model, const struct mopt_type *a,
                                         const struct mopt_type *b)
{
    if (a == b || !is_known(a) || !is_known(b)) {
        return is_known(a) ? a : b;
    }
    if (a->kind != MOPT_TYPE_TENSOR || b->kind != MOPT_TYPE_TENSOR || mopt__type_equal(a, b)) {
        return a;
    }
    enum mopt_dtype dtype = a->dtype != MOPT_UNDEFINED ? a->dtype : b->dtype;
    if (a->rank != b->rank) {
        const struct mopt_type *ranked = a->rank >= 0 ? a : b;
        return mopt__type_tensor(&model->arena, dtype, ranked->rank, ranked->dims);
    }
    int64_t dims[MOPT_RANK_MAX] = {0};
    for (int i = 0; i < a->rank; i++) {
        dims[i] = better_dim(model->dims, a->dims[i], b->dims[i]);
    }
    return mopt__type_tensor(&model->arena, dtype, a->rank, dims);
}
