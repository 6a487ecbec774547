// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN sequences: one product for the inputs of several steps, then per step a product
// with the state and the gates as passes of the vector slots over memory in the first cache.
#include "kernels/lstm.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/size.h"

static size_t gate_count(const struct mopt_recurrent_f32 *layer)
{
    static const size_t gates[] = {
        [MOPT_RECURRENT_LSTM] = 4, [MOPT_RECURRENT_GRU] = 3, [MOPT_RECURRENT_RNN] = 1};
    return gates[layer->kind];
}

// Gates whose recurrent product is taken of the state itself, in one product; the third gate of GRU
// has a product of its own.
static size_t first_gates(const struct mopt_recurrent_f32 *layer)
{
    return layer->kind == MOPT_RECURRENT_GRU ? 2 : gate_count(layer);
}

// Where the parts of the packed weights start, in floats.
struct parts {
    size_t w, r, r_third, bias, bias_third, total;
};

static bool add_part(size_t count, size_t *total)
{
    size_t aligned = 0;
    return count > 0 && mopt__size_align(count, 16, &aligned) &&
           mopt__size_add(*total, aligned, total);
}

static bool plan(const struct mopt_kernels *kernels, const struct mopt_recurrent_f32 *layer,
                 struct parts *out)
{
    size_t hidden = layer->hidden;
    size_t width = 0;
    *out = (struct parts){0};
    if (!mopt__size_mul(hidden, 8, &width)) { // room for both biases
        return false;
    }
    width = gate_count(layer) * hidden;
    bool fits = add_part(mopt__packed_f32_count(kernels, layer->inputs, width), &out->total);
    out->r = out->total;
    fits = fits && add_part(mopt__packed_f32_count(kernels, hidden, first_gates(layer) * hidden),
                            &out->total);
    out->r_third = out->total;
    if (layer->kind == MOPT_RECURRENT_GRU) {
        fits = fits && add_part(mopt__packed_f32_count(kernels, hidden, hidden), &out->total);
    }
    out->bias = out->total;
    fits = fits && add_part(width + 1, &out->total);
    out->bias_third = out->total;
    return fits && add_part(hidden + 1, &out->total);
}

size_t mopt__recurrent_f32_packed_count(const struct mopt_kernels *kernels,
                                        const struct mopt_recurrent_f32 *layer)
{
    struct parts parts;
    return plan(kernels, layer, &parts) && parts.total <= SIZE_MAX / sizeof(float) ? parts.total
                                                                                   : 0;
}

// Biases of inputs and state are added once, but for the third gate of a GRU that resets the
// product with the state: there the latter belongs to the product.
static void pack_bias(const struct mopt_recurrent_f32 *layer, const float *bias, float *sum,
                      float *third)
{
    size_t hidden = layer->hidden;
    size_t width = gate_count(layer) * hidden;
    bool apart = layer->kind == MOPT_RECURRENT_GRU && layer->linear_before_reset;
    for (size_t j = 0; j < width; j++) {
        bool own = apart && j >= 2 * hidden;
        sum[j] = bias ? bias[j] + (own ? 0.0F : bias[width + j]) : 0.0F;
    }
    for (size_t j = 0; j < hidden; j++) {
        third[j] = bias && apart ? bias[width + 2 * hidden + j] : 0.0F;
    }
}

void mopt__recurrent_f32_pack(const struct mopt_kernels *kernels,
                              const struct mopt_recurrent_f32 *layer, const float *w,
                              const float *r, const float *bias, float *out)
{
    struct parts parts;
    size_t hidden = layer->hidden;
    size_t first = first_gates(layer) * hidden;
    (void)plan(kernels, layer, &parts); // held when the caller asked for the count
    mopt__pack_f32(kernels, layer->inputs, gate_count(layer) * hidden, w, 1, layer->inputs,
                   out + parts.w);
    mopt__pack_f32(kernels, hidden, first, r, 1, hidden, out + parts.r);
    if (layer->kind == MOPT_RECURRENT_GRU) {
        mopt__pack_f32(kernels, hidden, hidden, r + first * hidden, 1, hidden, out + parts.r_third);
    }
    pack_bias(layer, bias, out + parts.bias, out + parts.bias_third);
}

// Steps whose inputs are multiplied at once: so many that the weights are worth reading again, and
// as long as the results stay in the second cache. All of them where those of an entry lie
// together, or where one scale of codes is theirs.
static size_t steps_at_once(const struct mopt_recurrent_f32 *layer)
{
    enum { FLOATS = 1 << 17, ROWS_MIN = 128 };
    if (layer->dynamic || (layer->batch_first && layer->batch > 1)) {
        return layer->steps;
    }
    size_t rows = FLOATS / (gate_count(layer) * layer->hidden);
    size_t steps = (rows > ROWS_MIN ? rows : ROWS_MIN) / layer->batch;
    steps = steps > 0 ? steps : 1;
    return steps < layer->steps ? steps : layer->steps;
}

// Bytes of the quantized products of a layer, of which one is done at a time.
static bool dynamic_scratch(const struct mopt_recurrent_f32 *layer, size_t rows, size_t *bytes)
{
    size_t width = 4 * layer->hidden;
    size_t inputs = mopt__dynamic_u8_scratch(rows, width, layer->inputs);
    size_t state = mopt__dynamic_u8_scratch(layer->batch, width, layer->hidden);
    *bytes = inputs > state ? inputs : state;
    return inputs > 0 && state > 0;
}

size_t mopt__recurrent_f32_scratch(const struct mopt_recurrent_f32 *layer)
{
    size_t rows = 0;
    size_t total = 0;
    size_t more = 0;
    // products of the inputs, gates of a step and two more rows
    if (layer->hidden == 0 || layer->batch == 0) {
        return MOPT_OVERREAD;
    }
    if (!mopt__size_mul(steps_at_once(layer), layer->batch, &rows) ||
        (layer->dynamic && !dynamic_scratch(layer, rows, &more)) ||
        !mopt__size_add(rows, 2 * layer->batch, &rows) ||
        !mopt__size_mul(rows, gate_count(layer), &total) ||
        !mopt__size_mul(total, layer->hidden, &total) ||
        !mopt__size_mul(total, sizeof(float), &total) || !mopt__size_add(total, more, &total) ||
        !mopt__size_add(total, MOPT_OVERREAD, &total)) {
        return 0;
    }
    return total;
}

// One run; gates: [batch, gates * hidden]; spare: [2, batch, hidden].
struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_recurrent_run *run;
    struct mopt_pool *pool;
    struct parts parts;
    float *inputs; // products of the inputs of steps
    size_t first;  // of these steps
    float *gates, *spare;
    void *codes; // scratch of quantized products
};

static void sigmoid(const struct work *work, float *x, size_t n)
{
    const struct mopt_function_f32 f = {MOPT_ACT_SIGMOID, 0, 0};
    work->kernels->unary_f32(&f, x, x, n);
}

static void hyperbolic(const struct work *work, const float *x, float *y, size_t n)
{
    const struct mopt_function_f32 f = {MOPT_ACT_TANH, 0, 0};
    work->kernels->unary_f32(&f, x, y, n);
}

static void pair(const struct work *work, enum mopt_binary_op op, const float *a, const float *b,
                 float *y)
{
    work->kernels->binary_f32(op, a, 1, b, 1, y, work->run->layer->hidden);
}

static void step_lstm(const struct work *work)
{
    const struct mopt_recurrent_run *run = work->run;
    size_t n = run->layer->hidden;
    for (size_t b = 0; b < run->layer->batch; b++) {
        float *in = work->gates + b * 4 * n;
        float *out = in + n;
        float *forget = in + 2 * n;
        float *fresh = in + 3 * n;
        float *c = run->c + b * n;
        sigmoid(work, in, 3 * n);
        hyperbolic(work, fresh, fresh, n);
        pair(work, MOPT_BIN_MUL, in, fresh, fresh);
        pair(work, MOPT_BIN_MUL, forget, c, c);
        pair(work, MOPT_BIN_ADD, c, fresh, c);
        hyperbolic(work, c, fresh, n);
        pair(work, MOPT_BIN_MUL, out, fresh, run->h + b * n);
    }
}

// Third gate before its activation: with the reset gate on the product, or on the state before it.
static void third_gate(const struct work *work)
{
    const struct mopt_recurrent_run *run = work->run;
    const struct mopt_recurrent_f32 *layer = run->layer;
    size_t n = layer->hidden;
    bool linear = layer->linear_before_reset;
    float *reset_state = work->spare;
    float *product = work->spare + layer->batch * n;
    for (size_t b = 0; b < layer->batch && !linear; b++) {
        pair(work, MOPT_BIN_MUL, work->gates + b * 3 * n + n, run->h + b * n, reset_state + b * n);
    }
    const struct mopt_gemm_f32 gemm = {
        .m = layer->batch,
        .n = n,
        .k = n,
        .a = linear ? run->h : reset_state,
        .lda = n,
        .b = run->packed + work->parts.r_third,
        .c = product,
        .ldc = n,
        .epilogue = {.bias = linear ? run->packed + work->parts.bias_third : NULL}};
    mopt__gemm_f32(work->kernels, &gemm, work->pool);
    for (size_t b = 0; b < layer->batch; b++) {
        float *gates = work->gates + b * 3 * n;
        if (linear) {
            pair(work, MOPT_BIN_MUL, gates + n, product + b * n, product + b * n);
        }
        pair(work, MOPT_BIN_ADD, gates + 2 * n, product + b * n, gates + 2 * n);
    }
}

static void step_gru(const struct work *work)
{
    const struct mopt_recurrent_run *run = work->run;
    size_t n = run->layer->hidden;
    for (size_t b = 0; b < run->layer->batch; b++) {
        sigmoid(work, work->gates + b * 3 * n, 2 * n);
    }
    third_gate(work);
    for (size_t b = 0; b < run->layer->batch; b++) {
        float *update = work->gates + b * 3 * n;
        float *fresh = update + 2 * n;
        float *h = run->h + b * n;
        hyperbolic(work, fresh, fresh, n);
        pair(work, MOPT_BIN_SUB, h, fresh, h); // (1 - z) fresh + z h
        pair(work, MOPT_BIN_MUL, update, h, h);
        pair(work, MOPT_BIN_ADD, fresh, h, h);
    }
}

static void step_rnn(const struct work *work)
{
    const struct mopt_recurrent_run *run = work->run;
    work->kernels->unary_f32(&run->layer->function, work->gates, run->h,
                             run->layer->batch * run->layer->hidden);
}

// y [rows, 4 * hidden] = x [rows, k] times the 8-bit weights of inputs (0) or state (1).
static void multiply_codes(const struct work *work, size_t which, const float *x, size_t rows,
                           float *y)
{
    const struct mopt_recurrent_run *run = work->run;
    const struct mopt_dynamic_u8 job = {.m = rows,
                                        .n = 4 * run->layer->hidden,
                                        .k = which == 0 ? run->layer->inputs : run->layer->hidden,
                                        .a = x,
                                        .weights = run->weights + which,
                                        .bias = which == 0 ? run->bias : NULL,
                                        .c = y,
                                        .scratch = work->codes};
    mopt__dynamic_u8(work->kernels, &job, work->pool);
}

// gates = product of the inputs at step t + state times recurrent weights. GRU: the third gate gets
// the inputs only.
static void open_gates(const struct work *work, size_t t)
{
    const struct mopt_recurrent_run *run = work->run;
    const struct mopt_recurrent_f32 *layer = run->layer;
    size_t n = layer->hidden;
    size_t width = gate_count(layer) * n;
    size_t first = first_gates(layer) * n;
    size_t row = layer->batch_first ? layer->steps * width : width; // from entry to entry
    const float *inputs =
        work->inputs + (t - work->first) * (layer->batch_first ? width : layer->batch * width);
    if (layer->dynamic) {
        multiply_codes(work, 1, run->h, layer->batch, work->gates);
        for (size_t b = 0; b < layer->batch; b++) {
            float *gates = work->gates + b * width;
            work->kernels->binary_f32(MOPT_BIN_ADD, inputs + b * row, 1, gates, 1, gates, width);
        }
        return;
    }
    const struct mopt_gemm_f32 gemm = {.m = layer->batch,
                                       .n = first,
                                       .k = n,
                                       .a = run->h,
                                       .lda = n,
                                       .b = run->packed + work->parts.r,
                                       .c = work->gates,
                                       .ldc = width,
                                       .epilogue = {.residual = inputs, .residual_ld = row}};
    mopt__gemm_f32(work->kernels, &gemm, work->pool);
    for (size_t b = 0; b < layer->batch && first < width; b++) {
        memcpy(work->gates + b * width + first, inputs + b * row + first,
               (width - first) * sizeof(float));
    }
}

// Numbers that are too small to be normal slow products down by far, and gates that are nearly
// closed make many of them: they become 0.
static void drop_smallest(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = fabsf(x[i]) < FLT_MIN ? 0 : x[i];
    }
}

static void multiply_inputs(const struct work *work, size_t steps)
{
    const struct mopt_recurrent_run *run = work->run;
    const struct mopt_recurrent_f32 *layer = run->layer;
    size_t width = gate_count(layer) * layer->hidden;
    if (layer->dynamic) {
        multiply_codes(work, 0, run->x, layer->steps * layer->batch, work->inputs);
        return;
    }
    const struct mopt_gemm_f32 gemm = {.m = steps * layer->batch,
                                       .n = width,
                                       .k = layer->inputs,
                                       .a = run->x + work->first * layer->batch * layer->inputs,
                                       .lda = layer->inputs,
                                       .b = run->packed + work->parts.w,
                                       .c = work->inputs,
                                       .ldc = width,
                                       .epilogue = {.bias = run->packed + work->parts.bias}};
    mopt__gemm_f32(work->kernels, &gemm, work->pool);
}

void mopt__recurrent_f32(const struct mopt_kernels *kernels, const struct mopt_recurrent_run *run,
                         struct mopt_pool *pool)
{
    static void (*const steps[])(const struct work *) = {[MOPT_RECURRENT_LSTM] = step_lstm,
                                                         [MOPT_RECURRENT_GRU] = step_gru,
                                                         [MOPT_RECURRENT_RNN] = step_rnn};
    const struct mopt_recurrent_f32 *layer = run->layer;
    size_t n = layer->hidden;
    size_t width = gate_count(layer) * n;
    if (n == 0 || layer->batch == 0) {
        return;
    }
    struct work work = {.kernels = kernels, .run = run, .pool = pool, .inputs = run->scratch};
    const size_t most = steps_at_once(layer);
    if (!layer->dynamic) {
        (void)plan(kernels, layer, &work.parts);
    }
    work.gates = work.inputs + most * layer->batch * width;
    work.spare = work.gates + layer->batch * width;
    work.codes = work.spare + layer->batch * width;
    for (size_t i = 0; i < layer->steps; i++) {
        size_t t = layer->reverse ? layer->steps - 1 - i : i;
        if (i % most == 0) {
            size_t count = layer->steps - i < most ? layer->steps - i : most;
            work.first = layer->reverse ? t + 1 - count : t;
            multiply_inputs(&work, count);
        }
        open_gates(&work, t);
        steps[layer->kind](&work);
        drop_smallest(run->h, layer->batch * n);
        drop_smallest(run->c, layer->kind == MOPT_RECURRENT_LSTM ? layer->batch * n : 0);
        for (size_t b = 0; run->y && b < layer->batch; b++) {
            memcpy(run->y + t * run->y_step + b * run->y_row, run->h + b * n, n * sizeof(float));
        }
    }
}
