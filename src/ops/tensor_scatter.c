// SPDX-License-Identifier: Apache-2.0
// TensorScatter: a cache with a run of steps replaced per batch entry, straight or around the end.
#include <string.h>

#include "ops/copy.h"
#include "ops/operands.h"

struct place {
    int axis;
    int64_t steps, size; // of the update and of the cache along the axis
    bool circular;
};

static enum mopt_status check(const struct mopt_eval *eval, const struct mopt_tensor *const *in,
                              struct place *p, struct mopt_error *err)
{
    const char *mode = "linear";
    int64_t axis = -2;
    enum mopt_status status = mopt__attr_int(eval->node, "axis", -2, &axis, err);
    if (status == MOPT_OK) {
        status = mopt__attr_string(eval->node, "mode", "linear", &mode, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(axis, in[0]->rank, &p->axis, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    p->circular = strcmp(mode, "circular") == 0;
    bool fits =
        p->axis > 0 && in[1]->rank == in[0]->rank && (p->circular || strcmp(mode, "linear") == 0);
    for (int i = 0; fits && i < in[0]->rank; i++) {
        fits = i == p->axis ? in[1]->dims[i] <= in[0]->dims[i] : in[1]->dims[i] == in[0]->dims[i];
    }
    fits = fits && (in[2] == NULL || (in[2]->rank == 1 && in[2]->dims[0] == in[0]->dims[0]));
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "update, write_indices, axis or mode do not fit the cache");
    }
    p->steps = in[1]->dims[p->axis];
    p->size = in[0]->dims[p->axis];
    for (size_t i = 0; in[2] != NULL && i < in[2]->count; i++) {
        const int64_t first = mopt__tensor_i64_at(in[2], i);
        if (first < 0 || first > p->size - (p->circular ? 0 : p->steps)) {
            return mopt_error_set(err, MOPT_E_VALUE, "write index %zu is %lld", i,
                                  (long long)first);
        }
    }
    return MOPT_OK;
}

static enum mopt_status write_steps(struct mopt_tensor *out, const struct mopt_tensor *const *in,
                                    const struct place *p, struct mopt_error *err)
{
    int64_t outer = 1;
    int64_t inner = 1;
    enum mopt_status status = mopt__product(in[0]->dims, p->axis, &outer, err);
    if (status == MOPT_OK) {
        status = mopt__product(in[0]->dims + p->axis + 1, in[0]->rank - p->axis - 1, &inner, err);
    }
    const int64_t per_batch = in[0]->dims[0] > 0 ? outer / in[0]->dims[0] : 1;
    for (int64_t o = 0; o < outer; o++) {
        const int64_t first =
            in[2] != NULL ? mopt__tensor_i64_at(in[2], (size_t)(o / per_batch)) : 0;
        for (int64_t s = 0; status == MOPT_OK && s < p->steps; s++) {
            const int64_t at = p->circular ? (first + s) % p->size : first + s;
            status = mopt__copy_run(out, (o * p->size + at) * inner, in[1],
                                    (o * p->steps + s) * inner, inner, err);
        }
    }
    return status;
}

static enum mopt_status scatter_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    struct place p = {.axis = 0};
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = check(eval, in, &p, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    status = mopt__copy_run(out, 0, in[0], 0, (int64_t)in[0]->count, err);
    return status == MOPT_OK ? write_steps(out, in, &p, err) : status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "TensorScatter",
     .since = 24,
     .summary = "cache with new steps written per batch entry",
     MOPT_INPUTS({"past_cache", "T", MOPT_SET_ALL_24, 0}, {"update", "T", MOPT_SET_ALL_24, 0},
                 {"write_indices", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"present_cache", "T", MOPT_SET_ALL_24, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("axis", -2), MOPT_A_STRING("mode", "linear", "linear|circular")),
     .infer = mopt__infer_like,
     .eval = scatter_eval},
};
const struct mopt_op_family mopt__ops_tensor_scatter = {records, MOPT_COUNTOF(records)};
