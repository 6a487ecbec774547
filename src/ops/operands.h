// SPDX-License-Identifier: Apache-2.0
// What mathematical and tensor-moving operators share: checked access to inputs, axes, sizes,
// element counts, and small pieces of inference and cost. Knows no single operator.
#ifndef MOPT_OPS_OPERANDS_H
#define MOPT_OPS_OPERANDS_H

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/op.h"
#include "ops/record.h"

// ---- Running --------------------------------------------------------------------------------------------------
// Fills in[0..count) with the node's input tensors, NULL where absent, after checking each against
// the record: required ones present, element types allowed, one type per type variable. Errors:
// MOPT_E_FORMAT (missing), MOPT_E_TYPE, MOPT_E_UNSUPPORTED (no record).
enum mopt_status mopt__open(const struct mopt_eval *eval, const struct mopt_tensor **in,
                            uint32_t count, struct mopt_error *err);
// New tensor for output i as mopt__eval_output; data of sub-byte types is zeroed so that padding
// bits are defined.
enum mopt_status mopt__open_output(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype,
                                   int rank, const int64_t *dims, struct mopt_tensor **out,
                                   struct mopt_error *err);
// Product of dims; MOPT_E_SHAPE on overflow. Of dims of an existing tensor it cannot fail unless a
// dim is 0.
enum mopt_status mopt__product(const int64_t *dims, int count, int64_t *out,
                               struct mopt_error *err);
// Row-major strides in elements.
void mopt__strides(int rank, const int64_t *dims, int64_t *strides);
// Index of the element of the only entry; MOPT_E_SHAPE unless tensor has one element.
enum mopt_status mopt__scalar_i64(const struct mopt_tensor *tensor, const char *name, int64_t *out,
                                  struct mopt_error *err);
// Turns a list of axes into marks[rank]; negative axes count from the end. MOPT_E_VALUE: out of
// range or repeated.
enum mopt_status mopt__axes_mark(const int64_t *axes, size_t count, int rank, bool *marks,
                                 struct mopt_error *err);
// Integers given by attribute `name` or, if the node has it, input `input` (0 = there is no such
// input form). *values is heap memory (mopt__free), NULL and 0 when absent.
enum mopt_status mopt__list_i64(const struct mopt_eval *eval, uint32_t input, const char *name,
                                int64_t **values, size_t *count, bool *present,
                                struct mopt_error *err);

// ---- Inference ------------------------------------------------------------------------------------------------
// As mopt__list_i64 for inference: false when absent or not known; *given tells whether the list
// exists at all.
bool mopt__infer_list(const struct mopt_infer *infer, uint32_t input, const char *name,
                      const int64_t **values, size_t *count, bool *given);
// Output 0: element type of input 0, unknown shape of this rank (-1: unknown rank).
enum mopt_status mopt__infer_unknown(struct mopt_infer *infer, int rank, struct mopt_error *err);
// Output 0 has type and shape of input 0 (no values).
enum mopt_status mopt__infer_like(struct mopt_infer *infer, struct mopt_error *err);
// Output 0 (of this rank, 0 or 1, else nothing happens) holds the values of input 0 in the same
// order.
enum mopt_status mopt__infer_pass(struct mopt_infer *infer, int rank, struct mopt_error *err);
// Known number of a dim, else false.
bool mopt__dim_get(const struct mopt_dims *dims, int64_t dim, int64_t *value);
// Product of dims as a dim.
int64_t mopt__dim_product(struct mopt_dims *dims, const int64_t *items, int count);
// Room for items of value propagation; NULL when out of memory or above the limit of kept values.
int64_t *mopt__infer_room(const struct mopt_infer *infer, size_t count);
// Attributes read by inference; the schema's default where absent. A wrong kind leaves the default.
int64_t mopt__int_of(const struct mopt_node *node, const char *name, int64_t fallback);
const char *mopt__string_of(const struct mopt_node *node, const char *name, const char *fallback);
bool mopt__has_attribute(const struct mopt_node *node, const char *name);

// ---- Cost -----------------------------------------------------------------------------------------------------
void mopt__cost_output(struct mopt_cost *cost); // one operation per element of output 0
void mopt__cost_input(struct mopt_cost *cost);  // one operation per element of input 0

// ---- Quantization rows ----------------------------------------------------------------------------------------
extern const struct mopt_quant_spec
    mopt__quant_moves; // shape-only: parameters of input 0 pass through
extern const struct mopt_quant_spec mopt__quant_unary; // input 0 quantizable, own output parameters
extern const struct mopt_quant_spec mopt__quant_unary_kernel; // the same with an integer kernel
extern const struct mopt_quant_spec mopt__quant_binary;       // inputs 0 and 1, integer kernel
extern const struct mopt_quant_spec mopt__quant_all;          // every input (Concat)

// All indices lie in [-size, size). Errors: MOPT_E_VALUE names the first that does not.
enum mopt_status mopt__check_indices(const struct mopt_tensor *indices, int64_t size,
                                     struct mopt_error *err);
// Indices first..first+n, which are checked, as numbers in [0, size).
void mopt__load_indices(const struct mopt_tensor *indices, int64_t size, int64_t first, size_t n,
                        int64_t *out);

#endif
