// SPDX-License-Identifier: Apache-2.0
// One-operand maps over elements: the row of such an operator and the facets that all of them
// share. Narrow floats compute as float, integers as 64-bit integers. Knows no single operator.
#ifndef MOPT_OPS_UNARY_H
#define MOPT_OPS_UNARY_H

#include "kernels/table.h"
#include "ops/operands.h"

enum { MOPT_UNARY_PARAMS = 2 };

// Values of the operator's float attributes, in the order of the row's names.
struct mopt_unary_args {
    float f[MOPT_UNARY_PARAMS];
    double d[MOPT_UNARY_PARAMS];
};

struct mopt_unary {
    void (*f32)(float *out, const float *in, size_t n, const struct mopt_unary_args *args);
    void (*f64)(double *out, const double *in, size_t n, const struct mopt_unary_args *args);
    // Integers in place; NULL: they compute as double, then are truncated.
    void (*i64)(int64_t *x, size_t n, bool is_unsigned);
    const char *params[MOPT_UNARY_PARAMS];               // float attributes; NULL: none
    int64_t (*value)(struct mopt_dims *dims, int64_t x); // shape arithmetic; NULL: none
    // The same function as a vector kernel of float32, for records with mopt__unary_bind; alpha and
    // beta are the attributes that params names.
    struct mopt_function_f32 fast;
};

enum mopt_status mopt__unary_eval(struct mopt_eval *eval, struct mopt_error *err);
// out = f(in) over all elements; shapes and types agreed.
void mopt__unary_run(const struct mopt_eval *eval, const struct mopt_unary *row,
                     const struct mopt_unary_args *args, struct mopt_tensor *out,
                     const struct mopt_tensor *in);
enum mopt_status mopt__unary_bind(struct mopt_bind *bind, struct mopt_error *err);
enum mopt_status mopt__unary_infer(struct mopt_infer *infer, struct mopt_error *err);

// Loops for float and double: the same expression of x, with the functions of either width.
#define MOPT_UNARY_LOOP(name, T, member, expr)                                          \
    static void name(T *out, const T *in, size_t n, const struct mopt_unary_args *args) \
    {                                                                                   \
        const T *p = args->member;                                                      \
        (void)p;                                                                        \
        for (size_t i = 0; i < n; i++) {                                                \
            const T x = in[i];                                                          \
            out[i] = (expr);                                                            \
        }                                                                               \
    }
#define MOPT_UNARY(name, expr_f, expr_d)          \
    MOPT_UNARY_LOOP(name##_f32, float, f, expr_f) \
    MOPT_UNARY_LOOP(name##_f64, double, d, expr_d)

#define MOPT_UNARY_FAST .bind = mopt__unary_bind, /* member of records whose row has `fast` */

// A record; the last arguments may give more members, each followed by a comma.
#define MOPT_UNARY_RECORD(op, text, from, to, set, bits, spec, row, ...)                           \
    {                                                                                              \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                     \
        MOPT_INPUTS({"X", "T", set, 0}), MOPT_OUTPUTS({"Y", "T", set, 0}),                         \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE | (bits), .quant = spec, \
        .infer = mopt__unary_infer, .eval = mopt__unary_eval, .cost = mopt__cost_output,           \
        .data = &(row)                                                                             \
    }

#endif
