// SPDX-License-Identifier: Apache-2.0
// Private structures of quantize.
#ifndef MOPT_QUANTIZE_INTERNAL_H
#define MOPT_QUANTIZE_INTERNAL_H

#include "ops/ops.h"
#include "quantize/quantize.h"

// ---- parameters.c -------------------------------------------------------------------------------
struct mopt_quant_params {
    double scale; // as stored: rounded to float
    int64_t zero_point;
};
// Scale and zero point of a range: the range is widened to contain 0; symmetric: zero point in the
// middle (int8 0, uint8 128). A range of nothing gives scale 1. Codes: int8 -128..127 (symmetric:
// -127..127), uint8 0..255, bits 7: half of that.
void mopt__quant_params(enum mopt_dtype dtype, bool symmetric, bool reduce_range, double min,
                        double max, struct mopt_quant_params *out);
void mopt__quant_range(enum mopt_dtype dtype, bool symmetric, bool reduce_range, int64_t *low,
                       int64_t *high);
// saturate(round-half-even(value / scale) + zero_point) into [low, high]; division in float as
// QuantizeLinear does.
int64_t mopt__quant_code(float value, float scale, int64_t zero_point, int64_t low, int64_t high);

// ---- statistics.c: what data say about tensors, mergeable, of constant size ---------------------
struct mopt_range {
    bool wanted;
    uint64_t count; // finite elements seen
    uint64_t bad;   // NaN or infinite ones
    float min, max;
    uint64_t *bins; // [65536] by the upper 16 bits in numeric order; NULL for minmax
};
struct mopt_ranges {
    struct mopt_range *items; // by value id
    size_t count;
    enum mopt_calibration calibration;
    double percentile;
};
enum mopt_status mopt__ranges_init(struct mopt_ranges *ranges, size_t count,
                                   enum mopt_calibration calibration, double percentile,
                                   struct mopt_error *err);
void mopt__ranges_release(struct mopt_ranges *ranges);
enum mopt_status mopt__ranges_add(struct mopt_ranges *ranges, uint32_t id,
                                  const struct mopt_tensor *tensor,
                                  struct mopt_error *err); // ignored unless wanted and float
bool mopt__ranges_get(const struct mopt_ranges *ranges, uint32_t id, double *min,
                      double *max); // false: nothing seen
// Runs the model over the data, collecting every wanted value.
enum mopt_status mopt__ranges_collect(struct mopt_ranges *ranges, struct mopt_model *model,
                                      const struct mopt_quantize_options *options, size_t *samples,
                                      struct mopt_error *err);

// ---- select.c -----------------------------------------------------------------------------------
enum mopt_quant_role {
    MOPT_ROLE_FLOAT,
    MOPT_ROLE_ANCHOR,   // Conv, ConvTranspose, Gemm, MatMul with constant weight
    MOPT_ROLE_JOINER,   // Add, Mul, pools, Concat: integer when their inputs are
    MOPT_ROLE_FOLLOWER, // moves elements only: output shares the parameters of the input
    MOPT_ROLE_ABSORBED, // Relu, Clip right after an integer node: belongs to its unit
};
struct mopt_selection {
    uint8_t *roles;  // by node id
    bool *quantized; // by value id: gets a Q/DQ pair
    uint32_t
        *parameters; // by value id: value whose range it takes (itself, or the input of followers)
};
// ranges NULL: everything that might be quantized (to know what to measure); else only values with
// a range.
enum mopt_status mopt__select(struct mopt_model *model, const struct mopt_quantize_options *options,
                              const struct mopt_ranges *ranges, struct mopt_selection *out,
                              struct mopt_quantize_report *report, struct mopt_error *err);
void mopt__selection_release(struct mopt_selection *selection);
// Why a node with constant weight cannot be an anchor; NULL = it can.
const char *mopt__anchor_refusal(const struct mopt_node *node,
                                 const struct mopt_quantize_options *options);
bool mopt__is_anchor_type(const struct mopt_node *node);
bool mopt__kept_float(const struct mopt_node *node, const struct mopt_quantize_options *options);
int mopt__weight_axis(const struct mopt_node *node,
                      const struct mopt_tensor *weight); // output channel axis

// ---- weights.c ----------------------------------------------------------------------------------
struct mopt_quant_weight {
    struct mopt_tensor *codes;  // owned; shape of the weight
    struct mopt_tensor *scales; // owned; float [channels], or rank 0 per tensor
    struct mopt_tensor *zeros;  // owned; same shape as scales, type of codes
};
// Symmetric codes of type dtype (int8, or uint8 with zero point 128 for the dynamic convolution).
// min_scale: [channels] lower bounds or NULL. axis -1: per tensor.
enum mopt_status mopt__quantize_weight(const struct mopt_tensor *weight, int axis,
                                       enum mopt_dtype dtype, bool reduce_range,
                                       const double *min_scale, struct mopt_quant_weight *out,
                                       struct mopt_error *err);
void mopt__quant_weight_release(struct mopt_quant_weight *weight);

// ---- insert.c, dynamic.c ------------------------------------------------------------------------
enum mopt_status mopt__insert_static(struct mopt_model *model,
                                     const struct mopt_quantize_options *options,
                                     const struct mopt_ranges *ranges,
                                     const struct mopt_selection *selection,
                                     struct mopt_quantize_report *report, struct mopt_error *err);
enum mopt_status mopt__insert_dynamic(struct mopt_model *model,
                                      const struct mopt_quantize_options *options,
                                      struct mopt_quantize_report *report, struct mopt_error *err);
enum mopt_status mopt__quantize_note(struct mopt_quantize_report *report,
                                     const struct mopt_node *node, const char *reason,
                                     struct mopt_error *err); // report may be NULL

// New node before `before` (NULL = end) of graph with one output named after hint; resolved.
struct mopt_value *mopt__quant_node(struct mopt_graph *graph, struct mopt_node *before,
                                    const char *op_type, struct mopt_value *const *inputs,
                                    uint32_t input_count, uint32_t output_count, const char *hint,
                                    struct mopt_error *err);

#endif
