// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM cells, one direction. Formulas: ONNX operator texts. It must not know tensors
// or nodes.
#include "ops/recurrent_cell.h"

#include <math.h>
#include <strings.h>

#include "base/size.h"
#include "kernels/kernels.h"

static double act_relu(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 ? x : 0;
}

static double act_tanh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return tanh(x);
}

static double act_sigmoid(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / (1 + exp(-x));
}

static double act_affine(double x, double alpha, double beta)
{
    return alpha * x + beta;
}

static double act_leaky(double x, double alpha, double beta)
{
    (void)beta;
    return x >= 0 ? x : alpha * x;
}

static double act_threshold(double x, double alpha, double beta)
{
    (void)beta;
    return x > alpha ? x : 0;
}

static double act_scaled_tanh(double x, double alpha, double beta)
{
    return alpha * tanh(beta * x);
}

static double act_hard_sigmoid(double x, double alpha, double beta)
{
    return fmin(fmax(alpha * x + beta, 0), 1);
}

static double act_elu(double x, double alpha, double beta)
{
    (void)beta;
    return x >= 0 ? x : alpha * expm1(x);
}

static double act_softsign(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x / (1 + fabs(x));
}

static double act_softplus(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

const struct mopt_activation_row *mopt__activation_find(const char *name)
{
    static const struct mopt_activation_row rows[] = {
        {"Relu", false, false, 0, 0, act_relu},
        {"Tanh", false, false, 0, 0, act_tanh},
        {"Sigmoid", false, false, 0, 0, act_sigmoid},
        {"Affine", true, true, 1, 0, act_affine},
        {"LeakyRelu", true, false, 0.01, 0, act_leaky},
        {"ThresholdedRelu", true, false, 1, 0, act_threshold},
        {"ScaledTanh", true, true, 1, 1, act_scaled_tanh},
        {"HardSigmoid", true, true, 0.2, 0.5, act_hard_sigmoid},
        {"Elu", true, false, 1, 0, act_elu},
        {"Softsign", false, false, 0, 0, act_softsign},
        {"Softplus", false, false, 0, 0, act_softplus},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        if (strcasecmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static double activate(const struct mopt_cell *cell, size_t which, double x)
{
    const struct mopt_activation *f = &cell->f[which];
    if (cell->clip > 0) {
        x = fmin(fmax(x, -cell->clip), cell->clip);
    }
    return f->row->apply(x, f->alpha, f->beta);
}

// out [rows, gates] = a [rows, depth] * b[first..first+gates rows, depth]' ; out has ldc elements
// per row.
static void product(const double *a, size_t rows, size_t depth, const double *b, size_t columns,
                    double *out, size_t ldc)
{
    struct mopt_gemm g = {.trans_b = true,
                          .m = (int64_t)rows,
                          .n = (int64_t)columns,
                          .k = (int64_t)depth,
                          .lda = (int64_t)depth,
                          .ldb = (int64_t)depth,
                          .ldc = (int64_t)ldc,
                          .alpha = 1};
    mopt__dgemm(&g, a, b, out);
}

// What one sequence sees at one step.
struct slot {
    const double *x, *r; // [gates*hidden] products with inputs and state
    double *h, *c, *y;   // [hidden]
};

static double bias(const struct mopt_cell *cell, size_t set, size_t gate, size_t j)
{
    size_t width = cell->gates * cell->hidden;
    return cell->bias ? cell->bias[set * width + gate * cell->hidden + j] : 0;
}

// Input plus recurrent part of a gate, biases included.
static double gate(const struct mopt_cell *cell, const struct slot *s, size_t g, size_t j)
{
    size_t at = g * cell->hidden + j;
    return s->x[at] + s->r[at] + bias(cell, 0, g, j) + bias(cell, 1, g, j);
}

static double peephole(const struct mopt_cell *cell, size_t which, size_t j, double c)
{
    return cell->peephole ? cell->peephole[which * cell->hidden + j] * c : 0;
}

static void step_rnn(const struct mopt_cell *cell, const struct slot *s)
{
    for (size_t j = 0; j < cell->hidden; j++) {
        s->h[j] = activate(cell, 0, gate(cell, s, 0, j));
        s->y[j] = s->h[j];
    }
}

static void step_lstm(const struct mopt_cell *cell, const struct slot *s)
{
    for (size_t j = 0; j < cell->hidden; j++) {
        double old = s->c[j];
        double in = activate(cell, 0, gate(cell, s, 0, j) + peephole(cell, 0, j, old));
        double forget = cell->input_forget
                            ? 1 - in
                            : activate(cell, 0, gate(cell, s, 2, j) + peephole(cell, 2, j, old));
        double fresh = activate(cell, 1, gate(cell, s, 3, j));
        double c = forget * old + in * fresh;
        double out = activate(cell, 0, gate(cell, s, 1, j) + peephole(cell, 1, j, c));
        s->c[j] = c;
        // clip holds for the inputs of the gates only
        s->h[j] = out * cell->f[2].row->apply(c, cell->f[2].alpha, cell->f[2].beta);
        s->y[j] = s->h[j];
    }
}

// mixed: without linear_before_reset, the product of (reset . state) with the third gate's weights.
static void step_gru(const struct mopt_cell *cell, const struct slot *s, const double *mixed)
{
    for (size_t j = 0; j < cell->hidden; j++) {
        double update = activate(cell, 0, gate(cell, s, 0, j));
        double recurrent = mixed[j] + bias(cell, 1, 2, j);
        if (cell->linear_before_reset) {
            double reset = activate(cell, 0, gate(cell, s, 1, j));
            recurrent = reset * (s->r[2 * cell->hidden + j] + bias(cell, 1, 2, j));
        }
        double fresh =
            activate(cell, 1, s->x[2 * cell->hidden + j] + bias(cell, 0, 2, j) + recurrent);
        s->h[j] = (1 - update) * fresh + update * s->h[j];
        s->y[j] = s->h[j];
    }
}

// Step number s of sequence b; false when that sequence is over.
static bool slot_at(const struct mopt_cell *cell, size_t step, size_t b, struct slot *s)
{
    size_t length = cell->lengths ? (size_t)cell->lengths[b] : cell->steps;
    if (step >= length) {
        return false;
    }
    size_t t = cell->reverse ? length - 1 - step : step;
    size_t row = t * cell->batch + b;
    size_t width = cell->gates * cell->hidden;
    s->x = cell->xw + row * width;
    s->r = cell->hr + b * width;
    s->h = cell->h + b * cell->hidden;
    s->c = cell->c + b * cell->hidden;
    s->y = cell->y + row * cell->hidden;
    return true;
}

// (reset . state) times the weights of the third gate, for all sequences; uses y rows as room is
// not needed.
static void mix(const struct mopt_cell *cell, size_t step)
{
    size_t n = cell->hidden;
    double *product_out = cell->mixed + cell->batch * n;
    for (size_t b = 0; b < cell->batch; b++) {
        struct slot s;
        bool active = slot_at(cell, step, b, &s);
        for (size_t j = 0; j < n; j++) {
            cell->mixed[b * n + j] = active ? activate(cell, 0, gate(cell, &s, 1, j)) * s.h[j] : 0;
        }
    }
    product(cell->mixed, cell->batch, n, cell->r + 2 * n * n, n, product_out, n);
}

void mopt__cell_round(const double *from, size_t n, double *to)
{
    double low = 0;
    double high = 0;
    for (size_t i = 0; i < n; i++) {
        low = from[i] < low ? from[i] : low;
        high = from[i] > high ? from[i] : high;
    }
    float scale = ((float)high - (float)low) / 255.0F; // in floats, as the operator's definition
    scale = scale == 0 ? 1 : scale;
    float zero = rintf(fminf(fmaxf(0 - (float)low / scale, 0), 255));
    for (size_t i = 0; i < n; i++) {
        float code = rintf((float)from[i] / scale) + zero;
        to[i] = (double)(fminf(fmaxf(code, 0), 255) - zero) * (double)scale;
    }
}

void mopt__cell_run(const struct mopt_cell *cell)
{
    size_t width = cell->gates * cell->hidden;
    bool mixes = cell->kind == MOPT_CELL_GRU && !cell->linear_before_reset;
    product(cell->x, cell->steps * cell->batch, cell->inputs, cell->w, width, cell->xw, width);
    for (size_t step = 0; step < cell->steps; step++) {
        const double *h = cell->h;
        if (cell->quantized) {
            mopt__cell_round(cell->h, cell->batch * cell->hidden, cell->mixed);
            h = cell->mixed;
        }
        product(h, cell->batch, cell->hidden, cell->r, width, cell->hr, width);
        if (mixes) {
            mix(cell, step);
        }
        for (size_t b = 0; b < cell->batch; b++) {
            struct slot s;
            if (!slot_at(cell, step, b, &s)) {
                continue;
            }
            if (cell->kind == MOPT_CELL_LSTM) {
                step_lstm(cell, &s);
            } else if (cell->kind == MOPT_CELL_RNN) {
                step_rnn(cell, &s);
            } else {
                step_gru(cell, &s, cell->mixed + (cell->batch + b) * cell->hidden);
            }
        }
    }
}
