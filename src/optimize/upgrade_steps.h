// SPDX-License-Identifier: Apache-2.0
// What the steps of an opset upgrade share. A step changes one node from the form before its
// version to the form of its version; new nodes it makes are in that form too. Private to
// upgrade*.c.
#ifndef MOPT_OPTIMIZE_UPGRADE_STEPS_H
#define MOPT_OPTIMIZE_UPGRADE_STEPS_H

#include "base/size.h"
#include "ops/ops.h"
#include "optimize/upgrade.h"
#include "rewrite/rewrite.h"

typedef enum mopt_status (*mopt_upgrade_fn)(struct mopt_node *node, struct mopt_error *err);

// ---- upgrade_util.c: attributes. Errors: MOPT_E_TYPE for an attribute of another kind.
enum mopt_status mopt__upgrade_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                   int64_t *value, struct mopt_error *err);
enum mopt_status mopt__upgrade_float(const struct mopt_node *node, const char *name, float fallback,
                                     float *value, struct mopt_error *err);
// NULL when absent.
enum mopt_status mopt__upgrade_ints(const struct mopt_node *node, const char *name,
                                    const struct mopt_attribute **out, struct mopt_error *err);
bool mopt__upgrade_has(const struct mopt_node *node, const char *name);
bool mopt__upgrade_is_text(const struct mopt_attribute *attribute, const char *text);
// MOPT_E_UNSUPPORTED; the driver names the node.
enum mopt_status mopt__upgrade_refuse(const char *why, struct mopt_error *err);

// ---- upgrade_util.c: edits
// Rank of input i, -1 if not known; its element type, MOPT_UNDEFINED if not known.
int mopt__upgrade_rank(const struct mopt_node *node, uint32_t i);
enum mopt_dtype mopt__upgrade_dtype(const struct mopt_node *node, uint32_t i);
// Input i = value; the list grows as needed.
enum mopt_status mopt__upgrade_set_input(struct mopt_node *node, uint32_t i,
                                         struct mopt_value *value, struct mopt_error *err);
// Input i = a new initializer named after node and `what`; takes over the reference to tensor, also
// on failure.
enum mopt_status mopt__upgrade_tensor_input(struct mopt_node *node, uint32_t i, const char *what,
                                            struct mopt_tensor *tensor, struct mopt_error *err);
enum mopt_status mopt__upgrade_i64_input(struct mopt_node *node, uint32_t i, const char *what,
                                         const int64_t *values, size_t count,
                                         struct mopt_error *err);
// Input i = a scalar of rank 0.
enum mopt_status mopt__upgrade_scalar_input(struct mopt_node *node, uint32_t i, const char *what,
                                            enum mopt_dtype dtype, double value,
                                            struct mopt_error *err);
// The attribute of integers becomes input i; nothing when it is absent. An empty list gives no
// input if empty_ok.
enum mopt_status mopt__upgrade_ints_to_input(struct mopt_node *node, const char *name, uint32_t i,
                                             bool empty_ok, struct mopt_error *err);
// New node with one output before node, types inferred. NULL: err set.
struct mopt_node *mopt__upgrade_before(struct mopt_node *node, const char *op_type,
                                       struct mopt_value *const *inputs, uint32_t count,
                                       const char *hint, struct mopt_error *err);
enum mopt_status mopt__upgrade_finish(struct mopt_node *node,
                                      struct mopt_error *err); // infers types of its outputs
// Puts a new node after node that makes output 0 of it from a new value; further inputs of it
// follow. NULL: err set.
struct mopt_node *mopt__upgrade_after(struct mopt_node *node, const char *op_type, const char *hint,
                                      struct mopt_value *second, struct mopt_error *err);
enum mopt_status mopt__upgrade_rename(struct mopt_node *node, const char *op_type,
                                      struct mopt_error *err);
// Input i gets `count` more axes of size 1 at its end: a constant by a view, else by Unsqueeze.
enum mopt_status mopt__upgrade_trailing_axes(struct mopt_node *node, uint32_t i, int count,
                                             struct mopt_error *err);

// ---- upgrade_data.c: shapes, slices, lists
enum mopt_status mopt__step_broadcast_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_cast_6(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_concat_4(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_dft_20(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_pad_2(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_pad_11(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_axes_1(struct mopt_node *node,
                                   struct mopt_error *err); // axes -> input 1
enum mopt_status mopt__step_reshape_5(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_scatter_11(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_slice_10(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_split_2(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_split_13(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_split_18(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_tile_6(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_top_k_10(struct mopt_node *node, struct mopt_error *err);

// ---- upgrade_nn.c: layers
enum mopt_status mopt__step_batch_norm_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_batch_norm_9(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_batch_norm_14(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_clip_11(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_dropout_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_dropout_10(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_dropout_12(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_gemm_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_group_norm_21(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_lp_pool_2(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_prelu_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_recurrent_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_selu_6(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_softmax_13(struct mopt_node *node, struct mopt_error *err);

// ---- upgrade_resize.c: images
enum mopt_status mopt__step_upsample_7(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_upsample_9(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_upsample_10(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_resize_11(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_resize_13(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_grid_sample_20(struct mopt_node *node, struct mopt_error *err);
enum mopt_status mopt__step_roi_align_16(struct mopt_node *node, struct mopt_error *err);

// ---- upgrade_scan.c
enum mopt_status mopt__step_scan_9(struct mopt_node *node, struct mopt_error *err);

#endif
