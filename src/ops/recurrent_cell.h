// SPDX-License-Identifier: Apache-2.0
// One direction of a recurrent network on plain arrays. It must not know tensors or nodes.
#ifndef MOPT_OPS_RECURRENT_CELL_H
#define MOPT_OPS_RECURRENT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mopt_cell_kind { MOPT_CELL_RNN, MOPT_CELL_GRU, MOPT_CELL_LSTM };

struct mopt_activation {
    const struct mopt_activation_row *row;
    double alpha, beta;
};
// Row of the activation functions that the attribute `activations` may name.
struct mopt_activation_row {
    const char *name;
    bool takes_alpha, takes_beta;
    double alpha, beta; // defaults
    double (*apply)(double x, double alpha, double beta);
};
// NULL: no such activation. Case does not matter.
const struct mopt_activation_row *mopt__activation_find(const char *name);

struct mopt_cell {
    enum mopt_cell_kind kind;
    size_t steps, batch, inputs, hidden;
    size_t gates; // 1, 3 (z r h) or 4 (i o f c)
    bool reverse, linear_before_reset, input_forget;
    bool quantized; // the state is rounded to 8 bits by its range before each product
    double clip;    // 0 = none
    struct mopt_activation f[3];
    const int64_t *lengths; // [batch], NULL = all of steps
    const double *x;        // [steps, batch, inputs]
    const double *w;        // [gates*hidden, inputs]
    const double *r;        // [gates*hidden, hidden]
    const double *bias;     // [2*gates*hidden] or NULL
    const double *peephole; // [3*hidden] (i o f) or NULL
    double *h, *c;          // [batch, hidden] state in and out; c is used by LSTM
    double *y;              // [steps, batch, hidden], zeroed
    // scratch: xw [steps*batch, gates*hidden], hr [batch, gates*hidden], mixed [batch, hidden]
    double *xw, *hr, *mixed;
};
void mopt__cell_run(const struct mopt_cell *cell);
// Rounds n values to uint8 codes by their range (as DynamicQuantizeLinear) and back; from and to
// may be the same.
void mopt__cell_round(const double *from, size_t n, double *to);

#endif
