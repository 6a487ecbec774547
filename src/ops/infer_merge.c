// SPDX-License-Identifier: Apache-2.0
// Meets of inferred and declared types. It must not know any operator.
#include <string.h>

#include "ops/infer_private.h"

// A symbol without a name that stands alone.
static bool is_fresh(const struct mopt_dims *dims, int64_t dim)
{
    if (dim >= 0 || dim == MOPT_DIM_UNKNOWN || mopt__dim_name(dims, dim) != NULL) {
        return false;
    }
    struct mopt_strbuf text = {0};
    mopt__dim_print(dims, dim, &text);
    const char *at = mopt__strbuf_text(&text);
    bool fresh = at[0] == '?' && at[1] != '\0' && strspn(at + 1, "0123456789") == strlen(at + 1);
    mopt__strbuf_release(&text);
    return fresh;
}

// Some exporters write one and the same mark for every dimension they do not know. It says nothing
// about equality.
static bool is_placeholder(const struct mopt_dims *dims, int64_t dim)
{
    static const char *const marks[] = {"?", "*", "-1", "None", "none", "unk", "unknown"};
    const char *name = dim < 0 && dim != MOPT_DIM_UNKNOWN ? mopt__dim_name(dims, dim) : NULL;
    for (size_t i = 0; name != NULL && i < MOPT_COUNTOF(marks); i++) {
        if (strcmp(name, marks[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum mopt_status merge_dim(struct mopt_infer_driver *driver, int axis, int64_t inferred,
                                  int64_t declared, int64_t *out, struct mopt_error *err)
{
    *out = inferred;
    if (inferred == MOPT_DIM_UNKNOWN) {
        *out = declared;
        return MOPT_OK;
    }
    if (declared == MOPT_DIM_UNKNOWN || inferred == declared ||
        is_placeholder(driver->dims, declared)) {
        return MOPT_OK;
    }
    if (is_fresh(driver->dims, inferred)) {
        int64_t better = mopt__dim_unify(driver->dims, inferred, declared);
        *out = better != MOPT_DIM_UNKNOWN ? better : inferred;
        return MOPT_OK;
    }
    if (driver->strict && inferred >= 0 && declared >= 0) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "dimension %d is declared as %lld, inferred as %lld", axis,
                              (long long)declared, (long long)inferred);
    }
    return MOPT_OK;
}

static enum mopt_status merge_tensor(struct mopt_infer_driver *driver,
                                     const struct mopt_type *inferred,
                                     const struct mopt_type *declared, const struct mopt_type **out,
                                     struct mopt_error *err)
{
    if (driver->strict && inferred->dtype != MOPT_UNDEFINED && declared->dtype != MOPT_UNDEFINED &&
        inferred->dtype != declared->dtype) {
        return mopt_error_set(err, MOPT_E_TYPE, "type is declared as '%s', inferred as '%s'",
                              mopt__dtype_name(declared->dtype), mopt__dtype_name(inferred->dtype));
    }
    if (driver->strict && inferred->rank >= 0 && declared->rank >= 0 &&
        inferred->rank != declared->rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "rank is declared as %d, inferred as %d",
                              declared->rank, inferred->rank);
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = inferred->rank >= 0 ? inferred->rank : declared->rank;
    for (int k = 0; k < rank; k++) {
        int64_t a = inferred->rank == rank ? inferred->dims[k] : MOPT_DIM_UNKNOWN;
        int64_t b = declared->rank == rank ? declared->dims[k] : MOPT_DIM_UNKNOWN;
        enum mopt_status status = merge_dim(driver, k, a, b, &dims[k], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    enum mopt_dtype dtype = inferred->dtype != MOPT_UNDEFINED ? inferred->dtype : declared->dtype;
    *out = mopt__type_tensor(driver->arena, dtype, rank, dims);
    return *out != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__infer_merge(struct mopt_infer_driver *driver,
                                   const struct mopt_type *inferred,
                                   const struct mopt_type *declared, const struct mopt_type **out,
                                   struct mopt_error *err)
{
    bool unknown = inferred == NULL || inferred->kind == MOPT_TYPE_NONE;
    *out = unknown ? declared : inferred;
    if (unknown || declared == NULL || declared->kind == MOPT_TYPE_NONE ||
        mopt__type_equal(inferred, declared)) {
        return MOPT_OK;
    }
    if (inferred->kind != declared->kind) {
        return driver->strict
                   ? mopt_error_set(err, MOPT_E_TYPE, "kind of value is not the declared one")
                   : MOPT_OK;
    }
    if (inferred->kind == MOPT_TYPE_TENSOR) {
        return merge_tensor(driver, inferred, declared, out, err);
    }
    if (inferred->kind != MOPT_TYPE_SEQUENCE && inferred->kind != MOPT_TYPE_OPTIONAL) {
        return MOPT_OK;
    }
    const struct mopt_type *element;
    enum mopt_status status =
        mopt__infer_merge(driver, inferred->element, declared->element, &element, err);
    if (status == MOPT_OK) {
        *out = mopt__type_container(driver->arena, inferred->kind, element);
        status = *out != NULL ? MOPT_OK : mopt_error_memory(err);
    }
    return status;
}

enum mopt_status mopt__infer_freshen(struct mopt_infer_driver *driver,
                                     const struct mopt_type **type, struct mopt_error *err)
{
    const struct mopt_type *old = *type;
    if (old == NULL || old->kind != MOPT_TYPE_TENSOR || old->rank <= 0) {
        return MOPT_OK;
    }
    int64_t dims[MOPT_RANK_MAX];
    bool changed = false;
    for (int k = 0; k < old->rank; k++) {
        dims[k] = old->dims[k];
        if (dims[k] == MOPT_DIM_UNKNOWN || is_placeholder(driver->dims, dims[k])) {
            dims[k] = mopt__dim_fresh(driver->dims);
            changed = true;
        }
    }
    if (!changed) {
        return MOPT_OK;
    }
    *type = mopt__type_tensor(driver->arena, old->dtype, old->rank, dims);
    return *type != NULL ? MOPT_OK : mopt_error_memory(err);
}
