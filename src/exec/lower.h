// SPDX-License-Identifier: Apache-2.0
// Lowering: what the files that turn nodes into native actions share. groups.c decides which nodes
// become one action, lower.c walks the schedule, cells.c knows where values are, native_*.c emit.
// Private to exec.
#ifndef MOPT_EXEC_LOWER_H
#define MOPT_EXEC_LOWER_H

#include "exec/program.h"
#include "kernels/coded.h"
#include "kernels/gemm.h"
#include "ops/operands.h"

// What lowering knows of a value at the point it has reached.
struct mopt_low_value {
    uint32_t cell[MOPT_FORM_COUNT]; // MOPT_NO_CELL: not in this form
    bool in_slot;                   // a node action, the caller or the session fills its slot
    bool preset;                    // content known with the shapes: put into the slot at the start
    struct mopt_step *deferred;     // node to run as it is when somebody needs the slot
    // Codes, as in BYTES, that are table[code] of the codes `origin`, not computed until asked for
    const struct mopt_value *origin; // NULL: none
    const uint8_t *table;            // [256]
    // Output of DequantizeLinear, not computed until asked for: (codes - zero) * scale. Or moved
    // codes (native_moves.c): the value itself, which is in a form of codes then
    const struct mopt_value *codes; // NULL: none
    // Image that a Concat makes of it and others, to be written where it will lie; NULL: none
    const struct mopt_value *parent;
    size_t parent_channel; // first one
    float scale;
    int32_t zero; // for codes as stored in BYTES (int8: + 128)
};

// DequantizeLinear (or QuantizeLinear) with constant parameters.
struct mopt_low_quant {
    const struct mopt_value *codes;         // input of DequantizeLinear, output of QuantizeLinear
    const struct mopt_value *real;          // the other side
    enum mopt_dtype dtype;                  // of the codes
    const struct mopt_tensor *scale, *zero; // float; zero of dtype, or NULL = 0
    int axis;                               // of several scales, >= 0
};

// Attention of heads: softmax(q k' * scale + mask) v. Each operand is read where it lies: q [batch,
// heads, queries, size] by steps, and so on.
struct mopt_low_attention {
    const struct mopt_value *q, *k, *v, *mask; // mask may be NULL
    float scale;
    bool unknown_is_zero; // shares that are NaN
    size_t batch, heads, groups, queries, keys, size, value_size;
    size_t q_steps[3], k_steps[3], v_steps[3], y_steps[3], mask_steps[3]; // batch, head, row
};

// Products of two computed operands: c[i] [m, n] = a[i] [m, k] b[i] [k, n], matrices read where
// they lie (see struct mopt_batch_gemm_f32 and _u8: steps count elements, or codes).
struct mopt_low_matmul {
    const struct mopt_value *a, *b;
    size_t batch, m, n, k, lda, b_row, b_column;
    const size_t *a_at, *b_at;
};

// Of attention: Transposes of q, of k (two), of v and of the result; three scales, two Reshapes of
// k, mask, Softmax, IsNaN, Where, product.
enum { MOPT_MEMBERS_MAX = 15 };
enum { MOPT_AFFINE_MAX = 6 };

// Nodes that become one native action, emitted at the place of the last of them.
struct mopt_group {
    const struct mopt_node *anchor;
    const struct mopt_value *out;        // what the action makes
    const struct mopt_value *bias;       // constant [columns] added by an Add node, or NULL
    const struct mopt_value *residual;   // NULL: none
    bool residual_first;                 // residual before act
    struct mopt_function_f32 act, after; // after: of what act makes, before a later residual
    const struct mopt_node *affine[MOPT_AFFINE_MAX]; // folded into a float convolution, in order
    int affine_count;
    // Integer form: the operands are codes; y: QuantizeLinear at the end when out_codes
    bool bytes, out_codes;
    struct mopt_low_quant x, w, y;
    const struct mopt_tensor *sum_bias; // int32 [columns], in units of the sums, or NULL
    // MatMulInteger or ConvInteger (sums.c), whose scales and zero points may be known only in the
    // run: (sums + term) * factors[0] * factors[1] when real, sums + term as integers otherwise.
    // These are one number or one for each column, int32 and float; NULL: none
    bool sums, real;
    const struct mopt_value *term, *factors[2];
    const struct mopt_low_attention *attention; // anchor: the product of queries and keys
    const struct mopt_low_matmul *matmul;
    const struct mopt_low_norm *channel_norm;          // known to native_norm.c
    const struct mopt_node *members[MOPT_MEMBERS_MAX]; // of the last four, no anchor
    int member_count;
};

struct mopt_lower {
    struct mopt_session *session;
    struct mopt_schedule *schedule; // of the main graph or of a body
    struct mopt_program *program;
    const struct mopt_fact *facts;
    const struct mopt_dims *dims;
    struct mopt_low_value *values; // by value id
    struct mopt_group **groups;    // by step: emitted there
    bool *absorbed;                // by step: member of a group that is emitted elsewhere
    bool *sound;                   // by step: fits its schema, and inference knows its results
    uint32_t step;                 // the walk is here
    float *wide; // floats of the weights `wide_of`, stored in 16 bits (stored.c); NULL: of none
    const struct mopt_tensor *wide_of;
    struct mopt_error *err;
};

struct mopt_low_shape {
    enum mopt_dtype dtype;
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    size_t count;
};

// ---- questions.c ----
// Static shape of a value, all dims known and none 0; false otherwise.
bool mopt__low_shape(const struct mopt_lower *l, const struct mopt_value *value,
                     struct mopt_low_shape *shape);
// Both have such shapes, and these are equal; their types may differ.
bool mopt__low_same_shape(const struct mopt_lower *l, const struct mopt_value *a,
                          const struct mopt_value *b);
// Content that is the same in every run; NULL otherwise.
const struct mopt_tensor *mopt__low_constant(const struct mopt_lower *l,
                                             const struct mopt_value *value);
// The only node that uses the value, when that is in the main graph and the value is no output.
struct mopt_node *mopt__low_sole_use(const struct mopt_lower *l, const struct mopt_value *value);
// One-element float that is a constant, or known with the shapes.
bool mopt__low_scalar(const struct mopt_lower *l, const struct mopt_value *value, float *out);
bool mopt__low_is(const struct mopt_node *node, const char *domain, const char *op_type);
// The node may become part of a native action: it stands in this schedule, runs (is not folded), is
// sound, and no other action has taken it.
bool mopt__low_is_free(const struct mopt_lower *l, const struct mopt_node *node);
// The other operand of a node of two; NULL when both or none is the value.
const struct mopt_value *mopt__low_other(const struct mopt_node *node,
                                         const struct mopt_value *value);
// A float attribute; the fallback when the node lacks it or name is NULL.
float mopt__low_float(const struct mopt_node *node, const char *name, float fallback);
// Elements between neighbours along each axis, stored row-major.
void mopt__low_steps(const struct mopt_low_shape *shape, size_t steps[MOPT_RANK_MAX]);
// The same of the result of a Transpose, in its source of this shape.
void mopt__low_turned_steps(const struct mopt_node *transpose, const struct mopt_low_shape *source,
                            size_t steps[MOPT_RANK_MAX]);
// Channels and pixels of a [N, C, spatial...] value: of any rank from 3 on, which may lie with
// channels innermost, and of rank 3 or 4 only, of which natives know more.
bool mopt__low_volume(const struct mopt_low_shape *shape, size_t *batch, size_t *channels,
                      size_t *pixels);
bool mopt__low_image(const struct mopt_low_shape *shape, size_t *batch, size_t *channels,
                     size_t *pixels);
// The node is a view, its operand and its result are images of floats with the same batch, channels
// and pixels: with channels innermost they have the same bytes.
bool mopt__low_is_image_view(const struct mopt_lower *l, const struct mopt_node *node);
// The codes exist, or will, with channels innermost.
bool mopt__low_codes_nhwc(const struct mopt_lower *l, const struct mopt_value *codes);
// The value (NULL: no) is of this type, and one number for all of a result of the shape `out`, or
// one for each of its n columns (last axis; per_channel: axis 1).
bool mopt__low_fits_columns(const struct mopt_lower *l, const struct mopt_value *value,
                            enum mopt_dtype dtype, const struct mopt_low_shape *out,
                            bool per_channel, size_t n);
// True when the value exists as codes or image with channels innermost already.
bool mopt__low_prefers_nhwc(const struct mopt_lower *l, const struct mopt_value *value);

// ---- cells.c ----
// The value in this form; emits what is needed to get it.
enum mopt_status mopt__low_cell(struct mopt_lower *l, const struct mopt_value *value,
                                enum mopt_form form, uint32_t *cell);
// A new cell for the value, to be written by the next action.
enum mopt_status mopt__low_output(struct mopt_lower *l, const struct mopt_value *value,
                                  enum mopt_form form, uint32_t *cell);
// The value has the bytes of `cell` (a view).
enum mopt_status mopt__low_alias(struct mopt_lower *l, const struct mopt_value *value,
                                 enum mopt_form form, uint32_t cell);
// The same for a piece of it that begins `shift` bytes behind its start.
enum mopt_status mopt__low_piece(struct mopt_lower *l, const struct mopt_value *value,
                                 enum mopt_form form, uint32_t cell, size_t shift);
// Images whose pixels may lie apart: the value as it is there, channels innermost, and the elements
// from pixel to pixel.
enum mopt_status mopt__low_image_cell(struct mopt_lower *l, const struct mopt_value *value,
                                      uint32_t *cell, size_t *ld);
// A new cell for an image: inside its parent when it has one.
enum mopt_status mopt__low_image_output(struct mopt_lower *l, const struct mopt_value *value,
                                        uint32_t *cell, size_t *ld);
// The value is the channels from `channel` on of an image that lies at `cell`, pixels ld apart.
enum mopt_status mopt__low_image_part(struct mopt_lower *l, const struct mopt_value *value,
                                      uint32_t cell, size_t ld, size_t channel);
void *mopt__low_work(struct mopt_lower *l, size_t bytes); // zeroed; NULL: out of memory
enum mopt_status mopt__low_emit(struct mopt_lower *l, mopt_native run, const void *work,
                                const uint32_t *cells, uint32_t count);
// The same for one whose last cell may lie where one of the others ends (overwrites of the action).
enum mopt_status mopt__low_emit_over(struct mopt_lower *l, mopt_native run, const void *work,
                                     const uint32_t *cells, uint32_t count, uint32_t overwrites);
void mopt__low_scratch(struct mopt_lower *l, size_t bytes); // at least this much for some action
enum mopt_status mopt__low_action(struct mopt_lower *l, const struct mopt_action *action);
// The value's content as a node action or the caller puts it into the slot, or its constant.
enum mopt_status mopt__low_slot_cell(struct mopt_lower *l, const struct mopt_value *value,
                                     uint32_t *cell);
bool mopt__low_has_cell(const struct mopt_lower *l, const struct mopt_value *value);
// It exists as what the graph says, not only as codes.
bool mopt__low_has_real(const struct mopt_lower *l, const struct mopt_value *value);

// ---- lower.c ----
// Runs the node of a step through its record.
enum mopt_status mopt__low_node(struct mopt_lower *l, struct mopt_step *step);
// Sees to it that the value's slot is filled when a node action reads it.
enum mopt_status mopt__low_need_slot(struct mopt_lower *l, const struct mopt_value *value);
// Content that is the same in every run, or known with the shapes: *content is a reference of the
// caller's, NULL when it is not known.
enum mopt_status mopt__low_content(struct mopt_lower *l, const struct mopt_value *value,
                                   struct mopt_tensor **content);

// ---- finish.c ----
// Lifetimes, publish, load and release lists and the memory plan of the lowered program; sets
// plan->slots (values made by node actions), the sizes of the plan, and the cells' offsets.
enum mopt_status mopt__low_finish(struct mopt_lower *l, struct mopt_exec_plan *plan);

// ---- lower_pack.c: memory that lives with the session ----
// A block derived from a constant, made once per session: found by (tensor, variant). *made tells
// the caller to fill it. 64-byte aligned, MOPT_OVERREAD bytes behind it.
enum mopt_status mopt__low_packed(struct mopt_lower *l, const struct mopt_tensor *tensor,
                                  uint64_t variant, size_t bytes, void **block, bool *made);
// The block that was made last could not be filled: nobody finds it again.
void mopt__low_unmade(struct mopt_lower *l);

// ---- groups.c ----
enum mopt_status mopt__low_groups(struct mopt_lower *l);

// ---- qlinear.c: the group of a QLinearConv, QLinearMatMul or QGemm, if kernels take it ----
bool mopt__low_qlinear(const struct mopt_lower *l, const struct mopt_node *node,
                       struct mopt_group *group);

// ---- sums.c: the group of a MatMulInteger or ConvInteger, if kernels take it ----
// members and out as far as it is arithmetic of integers and scales; what follows floats is not
// looked for.
enum mopt_status mopt__low_group_sums(struct mopt_lower *l, const struct mopt_node *node,
                                      struct mopt_group *group, bool *found);
// Constant codes of its weights; false when they or their zero points are of another kind. n:
// columns.
bool mopt__low_sum_weights(const struct mopt_lower *l, const struct mopt_node *node, size_t n,
                           struct mopt_low_quant *q);

// ---- parents.c: which images are parts of a Concat of channels ----
void mopt__low_parents(struct mopt_lower *l);

// ---- native_attention.c: the group that begins with this MatMul, if it is the first product of an
// attention ----
enum mopt_status mopt__low_group_attention(struct mopt_lower *l, const struct mopt_node *node,
                                           struct mopt_group *group, bool *found);

// ---- native_matmul.c: the group of a MatMul of two computed operands ----
// bytes: they are codes, and x and w of the group are set.
enum mopt_status mopt__low_group_matmul(struct mopt_lower *l, const struct mopt_node *node,
                                        struct mopt_group *group, bool *found);
// Completes the group of a product of codes, of which qlinear.c or sums.c set the rest. at: its
// right operand's input.
enum mopt_status mopt__low_group_codes(struct mopt_lower *l, const struct mopt_node *node,
                                       uint32_t at, struct mopt_group *group, bool *found);

// ---- affine.c ----
// A sound node only multiplies or shifts the channels (axis 1) of x, floats of an image, by finite
// constants.
bool mopt__low_is_affine(const struct mopt_lower *l, const struct mopt_node *node,
                         const struct mopt_value *x);

// ---- native_norm.c: the group of an InstanceNormalization or a GroupNormalization ----
enum mopt_status mopt__low_group_norm(struct mopt_lower *l, const struct mopt_node *node,
                                      struct mopt_group *group, bool *found);

// ---- functions.c ----
// The elementwise function of one operand that a node computes, if it is one of the table's.
bool mopt__low_function(const struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_function_f32 *function);
// A function of `from` made of one or several nodes (Relu; x * Sigmoid(x); Gelu by Erf ...), all of
// whose inner values nobody else uses: the last value, and its nodes (at most 8).
struct mopt_low_chain {
    struct mopt_function_f32 function;
    const struct mopt_value *out;
    const struct mopt_node *nodes[8];
    int node_count;
};
bool mopt__low_chain(const struct mopt_lower *l, const struct mopt_value *from,
                     struct mopt_low_chain *chain);
// The same of a multiplication by a number, an addition of one, or both.
bool mopt__low_scaling(const struct mopt_lower *l, const struct mopt_value *from,
                       struct mopt_low_chain *chain);

// ---- codes.c ----
// Reads a DequantizeLinear / QuantizeLinear of 8-bit codes (int32 too when wide) whose parameters
// are constants: one scale, or one per index of an axis, that natives can do with.
bool mopt__low_dequantizer(const struct mopt_lower *l, const struct mopt_node *node, bool wide,
                           struct mopt_low_quant *q);
bool mopt__low_quantizer(const struct mopt_lower *l, const struct mopt_node *node,
                         struct mopt_low_quant *q);
// Natives compare, clamp and pass on codes in place of what these mean, and divide by scales: only
// by positive ones (`ordered`) that nothing overflows with. Of constant codes, which are only
// multiplied, 0 and negative ones will do.
bool mopt__low_scales_fit(const struct mopt_tensor *scale, bool ordered);
// All that sees the value is a free node that makes codes of one scale of it.
bool mopt__low_is_quantized(const struct mopt_lower *l, const struct mopt_value *value,
                            struct mopt_low_quant *after);
float mopt__low_scale(const struct mopt_low_quant *q, size_t channel);
// Zero point for codes as stored in MOPT_FORM_BYTES (int8: + 128).
int32_t mopt__low_zero(const struct mopt_low_quant *q, size_t channel);
bool mopt__low_one_scale(const struct mopt_low_quant *q);
// Codes behind a value.
struct mopt_low_coded {
    const struct mopt_value *codes;
    bool real; // dequantized: (code - zero) * scale; else the value itself, made by a native
    float scale;
    int32_t zero;
};
bool mopt__low_coded(const struct mopt_lower *l, const struct mopt_value *value,
                     struct mopt_low_coded *out);
// The value exists as codes in a form of its own; floats of it are made when somebody asks.
void mopt__low_note_coded(struct mopt_lower *l, const struct mopt_value *value,
                          const struct mopt_low_coded *coded);
// A node that moves or compares elements can work on codes: its operand and its result are codes
// themselves, or its operand is dequantized ones; what follows may quantize with the same
// parameters.
struct mopt_low_passage {
    const struct mopt_value *from, *to; // codes
    const struct mopt_node *after;      // the QuantizeLinear that is done with; NULL: none
    struct mopt_low_coded coded;        // of `to`
};
bool mopt__low_passes_codes(const struct mopt_lower *l, const struct mopt_node *node,
                            struct mopt_low_passage *passage);
// The node becomes an action on the codes.
void mopt__low_leave_codes(struct mopt_lower *l, const struct mopt_low_passage *passage);
bool mopt__low_is_codes(const struct mopt_low_shape *shape); // 8-bit elements
// A float constant, or the dequantized content of a constant behind a DequantizeLinear; NULL *data
// when it is neither. source (may be NULL): what tells it from others, for mopt__low_packed.
struct mopt_low_source {
    const struct mopt_tensor *tensor;
    uint64_t variant;
    const float *data; // NULL when they are stored in 16 bits
    bool stored;
};
enum mopt_status mopt__low_floats(struct mopt_lower *l, const struct mopt_value *value,
                                  const float **data, struct mopt_low_source *source);
bool mopt__low_has_floats(const struct mopt_lower *l, const struct mopt_value *value);
// The bias of a convolution with n output channels: such floats [n], or NULL. Shapes are inferred
// without it, so nobody has looked at its size before.
bool mopt__low_has_bias(const struct mopt_lower *l, const struct mopt_value *bias, size_t n);

// ---- stored.c: weights of 16 bits, which are floats only while they are packed ----
// Floats as mopt__low_has_floats means, or stored ones.
bool mopt__low_has_weights(const struct mopt_lower *l, const struct mopt_value *value);
// What tells the weights from others; *data of it is set unless they are stored.
enum mopt_status mopt__low_weights(struct mopt_lower *l, const struct mopt_value *value,
                                   struct mopt_low_source *source);
// Their floats, to fill the block that was made last; those of stored ones until the next call.
enum mopt_status mopt__low_weight_floats(struct mopt_lower *l, const struct mopt_low_source *source,
                                         const float **data);
void mopt__low_drop_wide(struct mopt_lower *l);

// ---- coded.c: weights of few bits, which stay codes ----
// The matrix B[k, n] of a product, and what it is made of.
struct mopt_coded_weights {
    const struct mopt_tensor *codes, *scale, *zero; // zero: NULL = none
    size_t k, n;
    struct mopt_coded form;
    struct mopt_coded_source source;
};
// The weights of a MatMulNBits, or of a MatMul or Gemm behind a DequantizeLinear that
// mopt__codes_are_weights means; false when the node has none that kernels take.
bool mopt__low_coded_weights(const struct mopt_lower *l, const struct mopt_node *node,
                             struct mopt_coded_weights *weights);
bool mopt__low_is_nbits(const struct mopt_node *node);
enum mopt_status mopt__low_pack_coded(struct mopt_lower *l,
                                      const struct mopt_coded_weights *weights, const void **block);

// ---- native_*.c: each returns MOPT_OK with *done false when the node is not for it ----
typedef enum mopt_status (*mopt_lowering)(struct mopt_lower *l, const struct mopt_node *node,
                                          bool *done);
enum mopt_status mopt__low_conv(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_conv_transpose(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_product(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_conv_bytes(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_product_bytes(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_product_sums(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_conv_sums(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_add_bytes(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_dynamic_quantizer(struct mopt_lower *l, const struct mopt_node *node,
                                             bool *done);
enum mopt_status mopt__low_elementwise(struct mopt_lower *l, const struct mopt_node *node,
                                       bool *done);
enum mopt_status mopt__low_resize(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_pooling(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_quantization(struct mopt_lower *l, const struct mopt_node *node,
                                        bool *done);
enum mopt_status mopt__low_rows(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_transpose(struct mopt_lower *l, const struct mopt_node *node,
                                     bool *done);
enum mopt_status mopt__low_norm_channels(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_pad(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_conv3d(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_attention(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_matmul(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_matmul_sums(struct mopt_lower *l, const struct mopt_group *group);
enum mopt_status mopt__low_moves(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_blocks(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_joins(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_shaping(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_stored(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_cast(struct mopt_lower *l, const struct mopt_node *node, bool *done);
enum mopt_status mopt__low_coded_codes(struct mopt_lower *l, const struct mopt_node *node,
                                       bool *done);
// Can the group's native take it? Called while groups are formed; what they accept they must lower.
bool mopt__low_takes_conv(const struct mopt_lower *l, const struct mopt_node *node);
bool mopt__low_takes_conv_transpose(const struct mopt_lower *l, const struct mopt_node *node);
bool mopt__low_takes_product(const struct mopt_lower *l, const struct mopt_node *node);
// The same of nodes on codes; these look at shapes only. n: columns.
bool mopt__low_takes_window(const struct mopt_lower *l, const struct mopt_node *node);
bool mopt__low_takes_codes(const struct mopt_lower *l, const struct mopt_node *node, size_t *n);

// Computes codes that are a table of others, in the form these have (native_lookup.c).
enum mopt_status mopt__low_look_up(struct mopt_lower *l, const struct mopt_value *value);

// Changes of form and codes (native_form.c).
// Rows of y, each made of rows of the parts side by side; floats.
struct mopt_low_part {
    size_t width, ld, at; // elements of a row, from row to row, in front of it in a row of y
    uint32_t cell;
};
enum mopt_status mopt__low_join(struct mopt_lower *l, size_t rows, size_t width,
                                const struct mopt_low_part *parts, size_t count, uint32_t y);
enum mopt_status mopt__low_to_nhwc(struct mopt_lower *l, const struct mopt_low_shape *shape,
                                   size_t element, uint32_t from, uint32_t to);
enum mopt_status mopt__low_to_nchw(struct mopt_lower *l, const struct mopt_low_shape *shape,
                                   size_t element, uint32_t from, uint32_t to);
// flip: int8 codes to unsigned and back.
enum mopt_status mopt__low_copy(struct mopt_lower *l, size_t bytes, bool flip, uint32_t from,
                                uint32_t to);
enum mopt_status mopt__low_dequantize(struct mopt_lower *l, size_t count, float scale, int32_t zero,
                                      uint32_t from, uint32_t to);
enum mopt_status mopt__low_quantize(struct mopt_lower *l, size_t count, float scale, int32_t zero,
                                    int32_t low, int32_t high, uint32_t from, uint32_t to);

#endif
