// SPDX-License-Identifier: Apache-2.0
// What the neural-network operator files share: schema rows, typed access to inputs and outputs, cost figures.
// It knows no single operator. Included by operator files only.
#ifndef MOPT_OPS_NN_UTIL_H
#define MOPT_OPS_NN_UTIL_H

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/op.h"

// Sets of element types.
#define MOPT_NN_FLOAT                                                                              \
    (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_FLOAT64) | MOPT_DT(MOPT_BFLOAT16))
#define MOPT_NN_INT8 (MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_UINT8))
#define MOPT_NN_INDEX (MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT64))
#define MOPT_NN_INTEGER                                                                            \
    (MOPT_NN_INT8 | MOPT_NN_INDEX | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_UINT16) |                   \
     MOPT_DT(MOPT_UINT32) | MOPT_DT(MOPT_UINT64))
#define MOPT_NN_NUMBER (MOPT_NN_FLOAT | MOPT_NN_INTEGER)
#define MOPT_NN_FLOAT8                                                                             \
    (MOPT_DT(MOPT_FLOAT8E4M3FN) | MOPT_DT(MOPT_FLOAT8E4M3FNUZ) | MOPT_DT(MOPT_FLOAT8E5M2) |        \
     MOPT_DT(MOPT_FLOAT8E5M2FNUZ))

// Schema rows. Parameters: (name, type variable, element types).
#define MOPT_NN_IN(n, t, s) {n, t, s, 0}
#define MOPT_NN_OPT(n, t, s) {n, t, s, MOPT_PARAM_OPTIONAL}
// Attributes: kind, then name, then default.
#define MOPT_NN_INT(n, v) {.name = n, .kind = MOPT_ATTR_INT, .has_default = true, .i = v}
#define MOPT_NN_RANGE(n, v, lo, hi)                                                                \
    {.name = n,                                                                                    \
     .kind = MOPT_ATTR_INT,                                                                        \
     .has_default = true,                                                                          \
     .i = v,                                                                                       \
     .has_range = true,                                                                            \
     .min = lo,                                                                                    \
     .max = hi}
#define MOPT_NN_FLAG(n, v) MOPT_NN_RANGE(n, v, 0, 1)
#define MOPT_NN_INT_ONLY(n) {.name = n, .kind = MOPT_ATTR_INT}
#define MOPT_NN_INT_NEED(n) {.name = n, .kind = MOPT_ATTR_INT, .required = true}
#define MOPT_NN_REAL(n, v) {.name = n, .kind = MOPT_ATTR_FLOAT, .has_default = true, .f = v}
#define MOPT_NN_REAL_ONLY(n) {.name = n, .kind = MOPT_ATTR_FLOAT}
#define MOPT_NN_REAL_NEED(n) {.name = n, .kind = MOPT_ATTR_FLOAT, .required = true}
#define MOPT_NN_TEXT(n, v, c)                                                                      \
    {.name = n, .kind = MOPT_ATTR_STRING, .has_default = true, .s = v, .choices = c}
#define MOPT_NN_INTS(n) {.name = n, .kind = MOPT_ATTR_INTS}
#define MOPT_NN_INTS_NEED(n) {.name = n, .kind = MOPT_ATTR_INTS, .required = true}
#define MOPT_NN_REALS(n) {.name = n, .kind = MOPT_ATTR_FLOATS}
#define MOPT_NN_TEXTS(n) {.name = n, .kind = MOPT_ATTR_STRINGS}
// The two schema arrays of a record.
#define MOPT_NN_SCHEMA(in, out, attr)                                                              \
    .inputs = in, .outputs = out, .input_count = MOPT_COUNTOF(in),                                 \
    .output_count = MOPT_COUNTOF(out), .attributes = attr, .attribute_count = MOPT_COUNTOF(attr)
#define MOPT_NN_SCHEMA_BARE(in, out)                                                               \
    .inputs = in, .outputs = out, .input_count = MOPT_COUNTOF(in),                                 \
    .output_count = MOPT_COUNTOF(out)
#define MOPT_NN_FAMILY(stem)                                                                       \
    const struct mopt_op_family mopt__ops_##stem = {records, MOPT_COUNTOF(records)}

// ---- Running ------------------------------------------------------------------------------------------------------
// Fills in[0..count) with the input tensors of the node (NULL where absent) after checking them against the record of
// the node: required ones present, element types allowed, one element type per type variable.
// Errors: MOPT_E_FORMAT (missing), MOPT_E_TYPE, MOPT_E_UNSUPPORTED (operator without record).
enum mopt_status mopt__nn_open(const struct mopt_eval *eval, const struct mopt_tensor **in,
                               size_t count, struct mopt_error *err);
// MOPT_E_SHAPE unless low <= rank <= high. t NULL is fine (absent optional input).
enum mopt_status mopt__nn_rank(const struct mopt_tensor *t, const char *name, int low, int high,
                               struct mopt_error *err);
// MOPT_E_SHAPE unless t (may be NULL) has rank 1 and `length` elements.
enum mopt_status mopt__nn_vector(const struct mopt_tensor *t, const char *name, int64_t length,
                                 struct mopt_error *err);
// All elements as doubles in fresh heap memory (mopt__free). t NULL gives NULL.
enum mopt_status mopt__nn_doubles(const struct mopt_tensor *t, double **out,
                                  struct mopt_error *err);
// Element i as double / integer; the first element where t has just one.
double mopt__nn_scalar(const struct mopt_tensor *t, double fallback);
// Writes count doubles into a tensor: floats rounded to nearest even, integers truncated and saturated (NaN gives 0).
void mopt__nn_store(struct mopt_tensor *t, const double *values);
void mopt__nn_store_at(struct mopt_tensor *t, size_t i, double value);
// New output i filled from values.
enum mopt_status mopt__nn_put(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype, int rank,
                              const int64_t *dims, const double *values, struct mopt_error *err);
// count zeroed doubles; NULL: out of memory (err set).
double *mopt__nn_zeros(size_t count, struct mopt_error *err);
// Product of dims[from..to) as size; the tensor that has these dims exists, so it cannot overflow unless a dim is 0.
size_t mopt__nn_product(const int64_t *dims, int from, int to);
// Checks the job's limits; called between large pieces of work.
enum mopt_status mopt__nn_tick(const struct mopt_eval *eval, struct mopt_error *err);
// Smallest and largest value of an integer element type.
void mopt__nn_int_range(enum mopt_dtype dtype, int64_t *low, int64_t *high);
// Rounds to nearest even, adds the zero point, clamps to the integer type. NaN gives the zero point.
int64_t mopt__nn_quantize(double value, int64_t zero_point, int64_t low, int64_t high);
// Float bytes of the mutable data of a tensor that the caller created.
float *mopt__nn_f32(struct mopt_tensor *t);

// ---- Inference ------------------------------------------------------------------------------------------------------
// MOPT_E_SHAPE when the rank of input i is known and outside [low, high].
enum mopt_status mopt__nn_infer_rank(const struct mopt_infer *infer, uint32_t i, int low, int high,
                                     struct mopt_error *err);
// Output 0 has type and shape of input 0.
enum mopt_status mopt__nn_infer_same(struct mopt_infer *infer, struct mopt_error *err);
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
void mopt__nn_cost_elements(struct mopt_cost *cost); // flops = number of output elements

#endif
