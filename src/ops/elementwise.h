// SPDX-License-Identifier: Apache-2.0
// Maps over elements: broadcast iteration, the typed rows of two-operand operators, their inference
// and the value propagation of shape arithmetic. Knows no single operator.
#ifndef MOPT_OPS_ELEMENTWISE_H
#define MOPT_OPS_ELEMENTWISE_H

#include <stddef.h>

#include "ops/operands.h"

enum { MOPT_LOOPS_OPERANDS = 3, MOPT_LOOPS_GRAIN = 1 << 15 };

// Loops over the elements of an output and, beside them, the elements of broadcast operands.
struct mopt_loops {
    int rank; // at least 1 after mopt__loops_close
    int64_t dims[MOPT_RANK_MAX];
    int64_t strides[MOPT_LOOPS_OPERANDS][MOPT_RANK_MAX]; // elements, 0 on broadcast axes
    int operands;
};
void mopt__loops_open(struct mopt_loops *map, int rank, const int64_t *dims);
// Adds an operand whose dims stand at the right of the output's (numpy), or from `axis` on if axis
// >= 0.
void mopt__loops_add(struct mopt_loops *map, int rank, const int64_t *dims, int axis);
void mopt__loops_close(struct mopt_loops *map); // joins loops
// Calls body for pieces of one innermost loop: outputs out .. out+n-1, operand k from at[k] in
// steps of map->strides[k][map->rank - 1]. In parallel over output ranges.
struct mopt_piece {
    const struct mopt_loops *map;
    void *context;
    int64_t out, n, at[MOPT_LOOPS_OPERANDS], step[MOPT_LOOPS_OPERANDS];
};
void mopt__loops_run(const struct mopt_loops *map, struct mopt_pool *pool,
                     void (*body)(const struct mopt_piece *piece), void *context);

// n results from two operands that advance by sa and sb elements (0 = the same element again).
typedef void (*mopt_lanes_fn)(void *out, const void *a, const void *b, size_t n, ptrdiff_t sa,
                              ptrdiff_t sb);

// A two-operand operator by element type; a type without a row of its own computes as float where
// it is a narrow float, else it is unsupported.
struct mopt_binary {
    const mopt_lanes_fn *lanes; // [MOPT_DTYPE_COUNT]
    enum mopt_dtype result;     // MOPT_UNDEFINED: type of the operands
    // Shape arithmetic on dim numbers; NULL: none. exact: the operator sees integral floats (no
    // rounding wanted).
    int64_t (*values)(struct mopt_dims *dims, int64_t a, int64_t b, bool exact);
};

// Shape of a op b under the node's broadcast rule: numpy, or attributes `broadcast` and `axis`
// before opset 7. axis gets where b's dims start in a's (-1: numpy alignment).
enum mopt_status mopt__binary_shape(const struct mopt_eval *eval, const struct mopt_tensor *a,
                                    const struct mopt_tensor *b, int *rank, int64_t *dims,
                                    int *axis, struct mopt_error *err);
// out = a op b, all shapes agreed. Errors: MOPT_E_UNSUPPORTED without a row for the type.
enum mopt_status mopt__binary_run(const struct mopt_eval *eval, const struct mopt_binary *binary,
                                  struct mopt_tensor *out, const struct mopt_tensor *a,
                                  const struct mopt_tensor *b, int axis, struct mopt_error *err);
// Facets of nodes whose record's data is a struct mopt_binary.
enum mopt_status mopt__binary_eval(struct mopt_eval *eval, struct mopt_error *err);
enum mopt_status mopt__binary_infer(struct mopt_infer *infer, struct mopt_error *err);

// item, or MOPT_DIM_UNKNOWN when it is a number that output 0's element type (already set) cannot
// hold.
int64_t mopt__value_fit(const struct mopt_infer *infer, int64_t item);
// Values of one integer input as dim numbers; item i of a single value repeats. Used by facets with
// value propagation.
enum mopt_status mopt__values_binary(struct mopt_infer *infer,
                                     int64_t (*values)(struct mopt_dims *, int64_t, int64_t, bool),
                                     struct mopt_error *err);
// Output 0 = f of the values of input 0, item by item.
enum mopt_status mopt__values_unary(struct mopt_infer *infer,
                                    int64_t (*value)(struct mopt_dims *, int64_t),
                                    struct mopt_error *err);
// A dim number for 1 (true), 0 (false); MOPT_DIM_UNKNOWN when equality cannot be told.
int64_t mopt__dim_equal(struct mopt_dims *dims, int64_t a, int64_t b);

// ---- Rows of typed loops --------------------------------------------------------------------------------------
// Loop over x and y of type T giving R. The fast form, for the types of most data, has the
// contiguous and scalar cases apart for vector code.
#define MOPT_LANES_LOOP(T, R, expr, X, Y) \
    for (size_t i = 0; i < n; i++) {      \
        const T x = X;                    \
        const T y = Y;                    \
        o[i] = (R)(expr);                 \
    }
#define MOPT_LANES(name, T, R, expr)                                                    \
    static void name(void *out, const void *pa, const void *pb, size_t n, ptrdiff_t sa, \
                     ptrdiff_t sb)                                                      \
    {                                                                                   \
        R *o = out;                                                                     \
        const T *a = pa;                                                                \
        const T *b = pb;                                                                \
        MOPT_LANES_LOOP(T, R, expr, a[(ptrdiff_t)i * sa], b[(ptrdiff_t)i * sb])         \
    }
#define MOPT_LANES_FAST(name, T, R, expr)                                               \
    static void name(void *out, const void *pa, const void *pb, size_t n, ptrdiff_t sa, \
                     ptrdiff_t sb)                                                      \
    {                                                                                   \
        R *o = out;                                                                     \
        const T *a = pa;                                                                \
        const T *b = pb;                                                                \
        if (sa == 1 && sb == 1) {                                                       \
            MOPT_LANES_LOOP(T, R, expr, a[i], b[i])                                     \
        } else if (sa == 1 && sb == 0) {                                                \
            const T only = *b;                                                          \
            MOPT_LANES_LOOP(T, R, expr, a[i], only)                                     \
        } else if (sa == 0 && sb == 1) {                                                \
            const T only = *a;                                                          \
            MOPT_LANES_LOOP(T, R, expr, only, b[i])                                     \
        } else {                                                                        \
            MOPT_LANES_LOOP(T, R, expr, a[(ptrdiff_t)i * sa], b[(ptrdiff_t)i * sb])     \
        }                                                                               \
    }
// Loops for every integer type: W is what the type computes in (wrapping), S what stands for signed
// ones.
#define MOPT_LANES_SIGNED(name, R, expr)                                 \
    MOPT_LANES(name##_i8, int8_t, MOPT_RESULT_##R(int8_t), expr)         \
    MOPT_LANES(name##_i16, int16_t, MOPT_RESULT_##R(int16_t), expr)      \
    MOPT_LANES_FAST(name##_i32, int32_t, MOPT_RESULT_##R(int32_t), expr) \
    MOPT_LANES_FAST(name##_i64, int64_t, MOPT_RESULT_##R(int64_t), expr)
#define MOPT_LANES_UNSIGNED(name, R, expr)                              \
    MOPT_LANES_FAST(name##_u8, uint8_t, MOPT_RESULT_##R(uint8_t), expr) \
    MOPT_LANES(name##_u16, uint16_t, MOPT_RESULT_##R(uint16_t), expr)   \
    MOPT_LANES(name##_u32, uint32_t, MOPT_RESULT_##R(uint32_t), expr)   \
    MOPT_LANES(name##_u64, uint64_t, MOPT_RESULT_##R(uint64_t), expr)
#define MOPT_LANES_FLOATS(name, R, expr)                             \
    MOPT_LANES_FAST(name##_f32, float, MOPT_RESULT_##R(float), expr) \
    MOPT_LANES(name##_f64, double, MOPT_RESULT_##R(double), expr)
#define MOPT_RESULT_SAME(T) T
#define MOPT_RESULT_BOOL(T) uint8_t

// Rows of the table by element type for loops named as above.
#define MOPT_ROWS_FLOATS(name) [MOPT_FLOAT32] = name##_f32, [MOPT_FLOAT64] = name##_f64
#define MOPT_ROWS_SIGNED(name)                                                     \
    [MOPT_INT8] = name##_i8, [MOPT_INT16] = name##_i16, [MOPT_INT32] = name##_i32, \
    [MOPT_INT64] = name##_i64
#define MOPT_ROWS_UNSIGNED(name)                                                      \
    [MOPT_UINT8] = name##_u8, [MOPT_UINT16] = name##_u16, [MOPT_UINT32] = name##_u32, \
    [MOPT_UINT64] = name##_u64

// The two operands of a node.
#define MOPT_PAIR(a, b, t, set) MOPT_INPUTS({a, t, set, 0}, {b, t, set, 0})

#endif
