// SPDX-License-Identifier: Apache-2.0
// What the neural-network operator files share: schema rows, typed access to inputs and outputs,
// cost figures. It knows no single operator. Included by operator files only.
#ifndef MOPT_OPS_NN_UTIL_H
#define MOPT_OPS_NN_UTIL_H

#include "ops/operands.h"

// Sets of element types beyond record.h.
#define MOPT_SET_INT8 (MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_UINT8))
#define MOPT_SET_F32 MOPT_DT(MOPT_FLOAT32)
#define MOPT_SET_I32 MOPT_DT(MOPT_INT32)

// Rows of attributes beyond record.h.
#define MOPT_A_RANGE(n, value, lowest, highest)                                                   \
    {                                                                                             \
        .name = (n), .kind = MOPT_ATTR_INT, .has_default = true, .i = (value), .has_range = true, \
        .min = (lowest), .max = (highest)                                                         \
    }
#define MOPT_A_FLOATS(n)                      \
    {                                         \
        .name = (n), .kind = MOPT_ATTR_FLOATS \
    }
#define MOPT_A_FLOATS_REQUIRED(n)                               \
    {                                                           \
        .name = (n), .kind = MOPT_ATTR_FLOATS, .required = true \
    }
#define MOPT_A_FLOAT_REQUIRED(n)                               \
    {                                                          \
        .name = (n), .kind = MOPT_ATTR_FLOAT, .required = true \
    }
#define MOPT_A_STRINGS(n)                      \
    {                                          \
        .name = (n), .kind = MOPT_ATTR_STRINGS \
    }

// ---- Running ------------------------------------------------------------------------------------------------------
// MOPT_E_SHAPE unless low <= rank <= high. t NULL is fine (absent optional input).
enum mopt_status mopt__nn_rank(const struct mopt_tensor *t, const char *name, int low, int high,
                               struct mopt_error *err);
// MOPT_E_SHAPE unless t (may be NULL) has rank 1 and `length` elements.
enum mopt_status mopt__nn_vector(const struct mopt_tensor *t, const char *name, int64_t length,
                                 struct mopt_error *err);
// All elements as doubles in fresh heap memory (mopt__free). t NULL gives NULL.
enum mopt_status mopt__nn_doubles(const struct mopt_tensor *t, double **out,
                                  struct mopt_error *err);
// First element of t; fallback when t is NULL or empty.
double mopt__nn_scalar(const struct mopt_tensor *t, double fallback);
// Writes count doubles into a tensor: floats rounded to nearest even, integers truncated and
// saturated (NaN gives 0).
void mopt__nn_store(struct mopt_tensor *t, const double *values);
void mopt__nn_store_at(struct mopt_tensor *t, size_t i, double value);
// New output i filled from values.
enum mopt_status mopt__nn_put(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype, int rank,
                              const int64_t *dims, const double *values, struct mopt_error *err);
// count zeroed doubles; NULL: out of memory (err set).
double *mopt__nn_zeros(size_t count, struct mopt_error *err);
// Product of dims[from..to) as size; the tensor that has these dims exists, so it cannot overflow
// unless a dim is 0.
size_t mopt__nn_product(const int64_t *dims, int from, int to);
// Checks the job's limits; called between large pieces of work.
enum mopt_status mopt__nn_tick(const struct mopt_eval *eval, struct mopt_error *err);
// Smallest and largest value of an integer element type.
void mopt__nn_int_range(enum mopt_dtype dtype, int64_t *low, int64_t *high);
// Rounds to nearest even, adds the zero point, clamps to the integer type. NaN gives the zero
// point.
int64_t mopt__nn_quantize(double value, int64_t zero_point, int64_t low, int64_t high);
// MOPT_OK when memory is there, else MOPT_E_MEMORY (err set).
static inline enum mopt_status mopt__nn_got(const void *memory, struct mopt_error *err)
{
    if (memory) {
        return MOPT_OK;
    }
    mopt_error_memory(err);
    return MOPT_E_MEMORY;
}
// Float bytes of the mutable data of a tensor that the caller created.
float *mopt__nn_f32(struct mopt_tensor *t);

// ---- Inference ------------------------------------------------------------------------------------------------------
// MOPT_E_SHAPE when the rank of input i is known and outside [low, high].
enum mopt_status mopt__nn_infer_rank(const struct mopt_infer *infer, uint32_t i, int low, int high,
                                     struct mopt_error *err);
// True when both known numbers and different.
bool mopt__nn_dims_differ(const struct mopt_dims *dims, int64_t a, int64_t b);

// ---- Bind and cost ----------------------------------------------------------------------------------------------------
// Concrete dims of input (or output) i of a bind or cost query; false when not all known.
bool mopt__nn_static(const struct mopt_dims *table, const struct mopt_type *type, int *rank,
                     int64_t dims[MOPT_RANK_MAX]);
bool mopt__nn_cost_in(const struct mopt_cost *cost, uint32_t i, int *rank,
                      int64_t dims[MOPT_RANK_MAX]);
bool mopt__nn_cost_out(const struct mopt_cost *cost, uint32_t i, int *rank,
                       int64_t dims[MOPT_RANK_MAX]);
// Product of dims as count for cost figures; false on overflow.
bool mopt__nn_count(const int64_t *dims, int rank, uint64_t *count);
// True when input i of a bind query is a tensor of this element type.
bool mopt__nn_bind_is(const struct mopt_bind *bind, uint32_t i, enum mopt_dtype dtype);

#endif
