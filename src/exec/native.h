// SPDX-License-Identifier: Apache-2.0
// What the natives of exec share beyond lower.h: windows, and weights in bytes with what follows an
// integer sum. Private to exec.
#ifndef MOPT_EXEC_NATIVE_H
#define MOPT_EXEC_NATIVE_H

#include "exec/lower.h"
#include "kernels/int8.h"
#include "ops/window.h"

// native_elementwise.c: what a node of two operands computes of them; false when it is something
// else.
bool mopt__low_binary_op(const struct mopt_node *node, enum mopt_binary_op *op);
// How an operand lies against the result y, which is rows of n elements: y[r][j] = a[(r / a_group)
// * a_row + j * a_step] op b[...]. group: rows that share one row of the operand.
struct mopt_binary_side {
    uint32_t cell;
    size_t group, row, step;
    bool coded; // codes, that are (code - zero) * scale
    float scale;
    int32_t zero;
};
struct mopt_binary_work {
    enum mopt_binary_op op;
    size_t rows, n;
    struct mopt_binary_side sides[2];
    struct mopt_low_quant after; // of the result, when it is made as codes
    int codes;                   // of a product: the operand that stays in codes, or -1
    const float *factors;        // of a product: [256] for the codes of the other operand, or NULL
    uint32_t y;
};
// native_coded.c: decides how the result is made as codes; makes it.
enum mopt_status mopt__low_binary_coded(struct mopt_lower *l, struct mopt_binary_work *w);
void mopt__run_coded(const void *work, const struct mopt_frame *frame);
// native_lookup.c: y is quantized, at once or behind other functions of it, and a function of one
// tensor of codes: the codes behind it are noted as a table; *done false when it is something else.
// codes: of codes themselves.
enum mopt_status mopt__low_lookup_unary(struct mopt_lower *l, const struct mopt_value *x,
                                        const struct mopt_function_f32 *function,
                                        const struct mopt_value *y, bool *done);
enum mopt_status mopt__low_lookup_binary(struct mopt_lower *l, const struct mopt_node *node,
                                         enum mopt_binary_op op, bool *done);
enum mopt_status mopt__low_lookup_codes(struct mopt_lower *l, const struct mopt_low_quant *q,
                                        bool *done);
// How the codes behind x (not a constant) become codes of `after`: each is table[code] of the codes
// `origin`; *table NULL: as they are.
enum mopt_status mopt__low_lookup_change(struct mopt_lower *l, const struct mopt_value *x,
                                         const struct mopt_low_quant *after,
                                         const struct mopt_value **origin, const uint8_t **table);

// ---- native_boxes.c: bytes that move
// From from[from + sum of index * from_steps] to to[to + sum of index * to_steps]; the last axis
// runs fastest.
struct mopt_low_box {
    int rank;
    size_t dims[MOPT_RANK_MAX + 1];
    ptrdiff_t from_steps[MOPT_RANK_MAX + 1], to_steps[MOPT_RANK_MAX + 1], from, to;
};
struct mopt_low_bytes {
    uint32_t cell;
    const uint8_t *constant; // instead of the cell; or NULL
    const uint8_t *table;    // [256] to be looked up in; NULL: none. Only when from_steps are dense
};
// Drops axes of 1 and joins axes that lie as one on both sides.
void mopt__box_merge(struct mopt_low_box *box);
bool mopt__box_is_run(const struct mopt_low_box *box); // merged: one piece on both sides
void mopt__box_copy(const struct mopt_low_box *box, const uint8_t *from, uint8_t *to);
enum mopt_status mopt__low_box(struct mopt_lower *l, const struct mopt_low_box *box,
                               const struct mopt_low_bytes *from, uint32_t to);
enum mopt_status mopt__low_fill(struct mopt_lower *l, size_t count, uint8_t code, uint32_t to);
// The axis that is the place-th of an image with channels innermost, or of anything row-major.
int mopt__low_stored_axis(int rank, bool nhwc, int place);
// Elements between neighbours along each axis, stored so.
void mopt__low_stored_steps(const struct mopt_low_shape *shape, bool nhwc,
                            ptrdiff_t steps[MOPT_RANK_MAX]);
// All elements of a shape whose axes (not places) have these steps, in the order of storing.
struct mopt_low_box mopt__low_box_of(const struct mopt_low_shape *shape, bool nhwc,
                                     const ptrdiff_t from_steps[MOPT_RANK_MAX],
                                     const ptrdiff_t to_steps[MOPT_RANK_MAX]);

// affine.c: factors of n output channels for the weights (NULL: all are 1) and a bias, which take
// the place of what the group folds and of the bias in front of it (NULL: none).
enum mopt_status mopt__low_fold_affine(struct mopt_lower *l, const struct mopt_group *group,
                                       size_t n, const float **bias, const float **factor);
// Tells weights that are folded so from others of the same tensor.
uint64_t mopt__low_affine_variant(const struct mopt_group *group, uint64_t salt);
// Geometry of one spatial axis, or of the last two, for the kernels.
void mopt__low_window(const struct mopt_window *w, size_t batch, size_t channels,
                      struct mopt_window2d *out);
// The constant codes as signed bytes (unsigned ones minus 128), as mopt__low_zero - 128 counts.
enum mopt_status mopt__low_signed(struct mopt_lower *l, const struct mopt_low_quant *q,
                                  const int8_t **codes);
// Zero points of the weights of n columns, as these signed bytes count; NULL when all are 0.
enum mopt_status mopt__low_zeros(struct mopt_lower *l, const struct mopt_low_quant *w, size_t n,
                                 const int32_t **out);
// The constant weights of an integer sum: b[p][j] = codes[p * row_step + j * column_step].
struct mopt_low_columns {
    const int8_t *codes;
    size_t k, n, row_step, column_step;
    const int32_t *zero;           // [n] zero points, NULL = 0
    const struct mopt_value *bias; // real values, or NULL
    const struct mopt_value *more_bias;
};
// What becomes of the sums of a group: start, scales, bounds, bias and function. Biases that were
// quantized in units of x scale * w scale are folded into start, others are added behind the scale.
enum mopt_status mopt__low_requantize(struct mopt_lower *l, const struct mopt_group *group,
                                      const struct mopt_low_columns *columns,
                                      struct mopt_requantize *out);
// The same of n columns of two computed operands: without start and bias.
enum mopt_status mopt__low_requantize_sums(struct mopt_lower *l, const struct mopt_group *group,
                                           size_t n, struct mopt_requantize *out);

// The sums of a group of sums.c: sum of (x - x_zero) * w is the sum of x * w that begins with
// -x_zero * totals. What a run knows only then is put together when it runs.
struct mopt_low_sums {
    size_t n;        // columns or output channels
    bool is_signed;  // codes of x
    int32_t *totals; // [n] over the weights of a column, to be filled in by the caller
    int32_t *start;  // [n] of a run
    float *scale;    // [n] of a run; NULL: the sums stay integers
    uint32_t x_zero; // cells; MOPT_NO_CELL: none
    uint32_t term, factors[2];
    size_t term_step, factor_steps[2]; // 0: one number for all
};
// Takes memory and the cells that are read.
enum mopt_status mopt__low_sums(struct mopt_lower *l, const struct mopt_group *group, size_t n,
                                struct mopt_low_sums *sums);
// Behind `count` cells, those of the sums; the number of all.
enum { MOPT_SUMS_CELLS = 4 };
uint32_t mopt__low_sums_cells(const struct mopt_low_sums *sums, uint32_t *cells, uint32_t count);
// Fills start and scale when it runs; returns the zero point of x.
int32_t mopt__low_sums_start(const struct mopt_low_sums *sums, const struct mopt_frame *frame);
// y[count] += residual, on all threads.
void mopt__low_add_residual(const struct mopt_frame *frame, float *y, const float *residual,
                            size_t count);

#endif
