// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN sequences against plain double loops at every level, both directions and both
// layouts, and the same bytes from any number of threads.
#include "kernels/lstm.h"
#include "support.h"
#include "tests.h"

struct scene {
    struct mopt_recurrent_f32 layer;
    size_t gates;
    float *x, *w, *r, *bias, *h, *c, *y;
    size_t x_count, w_count, r_count, state;
};

static void open_scene(struct scene *s, struct mopt_rng *rng)
{
    const struct mopt_recurrent_f32 *l = &s->layer;
    s->gates = l->kind == MOPT_RECURRENT_LSTM ? 4 : l->kind == MOPT_RECURRENT_GRU ? 3 : 1;
    s->x_count = l->steps * l->batch * l->inputs;
    s->w_count = s->gates * l->hidden * l->inputs;
    s->r_count = s->gates * l->hidden * l->hidden;
    s->state = l->batch * l->hidden;
    s->x = guarded(rng, s->x_count);
    s->w = guarded(rng, s->w_count);
    s->r = guarded(rng, s->r_count);
    s->bias = guarded(rng, 2 * s->gates * l->hidden);
    s->h = guarded(rng, s->state);
    s->c = guarded(rng, s->state);
    s->y = guarded(rng, s->state * l->steps);
    for (size_t i = 0; i < s->r_count; i++) {
        s->r[i] /= sqrtf((float)l->hidden); // keeps the state in the range where gates work
    }
    for (size_t i = 0; i < s->w_count; i++) {
        s->w[i] /= sqrtf((float)l->inputs);
    }
}

static void close_scene(struct scene *s)
{
    release(s->x, s->x_count);
    release(s->w, s->w_count);
    release(s->r, s->r_count);
    release(s->bias, 2 * s->gates * s->layer.hidden);
    release(s->h, s->state);
    release(s->c, s->state);
    release(s->y, s->state * s->layer.steps);
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double dot(const float *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * b[i];
    }
    return sum;
}

// Product of x and of the state for gate g of unit j, each with its bias.
static double of_input(const struct scene *s, const float *x, size_t g, size_t j)
{
    const struct mopt_recurrent_f32 *l = &s->layer;
    double sum = (double)s->bias[g * l->hidden + j];
    for (size_t i = 0; i < l->inputs; i++) {
        sum += (double)x[i] * (double)s->w[(g * l->hidden + j) * l->inputs + i];
    }
    return sum;
}

static double of_state(const struct scene *s, const double *h, size_t g, size_t j)
{
    size_t n = s->layer.hidden;
    return (double)s->bias[(s->gates + g) * n + j] + dot(s->r + (g * n + j) * n, h, n);
}

static void exact_lstm(const struct scene *s, const float *x, double *h, double *c)
{
    double next[64];
    for (size_t j = 0; j < s->layer.hidden; j++) {
        double in = logistic(of_input(s, x, 0, j) + of_state(s, h, 0, j));
        double out = logistic(of_input(s, x, 1, j) + of_state(s, h, 1, j));
        double forget = logistic(of_input(s, x, 2, j) + of_state(s, h, 2, j));
        c[j] = forget * c[j] + in * tanh(of_input(s, x, 3, j) + of_state(s, h, 3, j));
        next[j] = out * tanh(c[j]);
    }
    memcpy(h, next, s->layer.hidden * sizeof *h);
}

static void exact_gru(const struct scene *s, const float *x, double *h)
{
    size_t n = s->layer.hidden;
    double next[64];
    double reset[64];
    double mixed[64];
    for (size_t j = 0; j < n; j++) {
        reset[j] = logistic(of_input(s, x, 1, j) + of_state(s, h, 1, j));
        mixed[j] = reset[j] * h[j];
    }
    for (size_t j = 0; j < n; j++) {
        double update = logistic(of_input(s, x, 0, j) + of_state(s, h, 0, j));
        double state = s->layer.linear_before_reset ? reset[j] * of_state(s, h, 2, j)
                                                    : of_state(s, mixed, 2, j);
        next[j] = (1 - update) * tanh(of_input(s, x, 2, j) + state) + update * h[j];
    }
    memcpy(h, next, n * sizeof *h);
}

static void exact_rnn(const struct scene *s, const float *x, double *h)
{
    double next[64];
    for (size_t j = 0; j < s->layer.hidden; j++) {
        double sum = of_input(s, x, 0, j) + of_state(s, h, 0, j);
        next[j] = s->layer.function.kind == MOPT_ACT_TANH ? tanh(sum) : fmax(sum, 0);
    }
    memcpy(h, next, s->layer.hidden * sizeof *h);
}

// Checks y and the last states of one entry.
static void check_entry(const struct scene *s, const float *h0, const float *c0, size_t b)
{
    const struct mopt_recurrent_f32 *l = &s->layer;
    double h[64];
    double c[64];
    for (size_t j = 0; j < l->hidden; j++) {
        h[j] = (double)h0[b * l->hidden + j];
        c[j] = (double)c0[b * l->hidden + j];
    }
    for (size_t i = 0; i < l->steps; i++) {
        size_t t = l->reverse ? l->steps - 1 - i : i;
        size_t row = s->layer.batch_first ? b * l->steps + t : t * l->batch + b;
        if (l->kind == MOPT_RECURRENT_LSTM) {
            exact_lstm(s, s->x + row * l->inputs, h, c);
        } else if (l->kind == MOPT_RECURRENT_GRU) {
            exact_gru(s, s->x + row * l->inputs, h);
        } else {
            exact_rnn(s, s->x + row * l->inputs, h);
        }
        for (size_t j = 0; j < l->hidden; j++) {
            near((double)s->y[row * l->hidden + j], h[j], 1e-5);
        }
    }
    for (size_t j = 0; j < l->hidden; j++) {
        near((double)s->h[b * l->hidden + j], h[j], 1e-5);
        near(l->kind == MOPT_RECURRENT_LSTM ? (double)s->c[b * l->hidden + j] : c[j], c[j], 1e-5);
    }
}

static void run(const struct mopt_kernels *kernels, const struct scene *s, int threads)
{
    const struct mopt_recurrent_f32 *l = &s->layer;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(threads, &pool, &err), MOPT_OK);
    size_t bytes = mopt__recurrent_f32_scratch(l);
    size_t count = mopt__recurrent_f32_packed_count(kernels, l);
    assert_true(bytes > 0 && count > 0);
    void *scratch = mopt__malloc_aligned(bytes);
    float *packed = mopt__malloc_aligned(count * sizeof *packed);
    assert_true(scratch && packed);
    mopt__recurrent_f32_pack(kernels, l, s->w, s->r, s->bias, packed);
    const struct mopt_recurrent_run job = {
        .layer = l,
        .packed = packed,
        .x = s->x,
        .y = s->y,
        .y_step = (s->layer.batch_first ? 1 : l->batch) * l->hidden,
        .y_row = (s->layer.batch_first ? l->steps : 1) * l->hidden,
        .h = s->h,
        .c = s->c,
        .scratch = scratch,
    };
    mopt__recurrent_f32(kernels, &job, pool);
    mopt__free_aligned(scratch);
    mopt__free_aligned(packed);
    mopt__pool_free(pool);
}

static void check_scene(const struct mopt_kernels *kernels, struct scene *s)
{
    size_t total = s->state * s->layer.steps;
    float *keep = mopt__malloc((2 * s->state + total) * sizeof *keep);
    assert_non_null(keep);
    memcpy(keep, s->h, s->state * sizeof *keep);
    memcpy(keep + s->state, s->c, s->state * sizeof *keep);
    run(kernels, s, 1);
    for (size_t b = 0; b < s->layer.batch; b++) {
        check_entry(s, keep, keep + s->state, b);
    }
    memcpy(keep + 2 * s->state, s->y, total * sizeof *keep);
    memcpy(s->h, keep, s->state * sizeof *keep);
    memcpy(s->c, keep + s->state, s->state * sizeof *keep);
    run(kernels, s, 2);
    assert_memory_equal(keep + 2 * s->state, s->y, total * sizeof *keep);
    mopt__free(keep);
}

static void test_sequences(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 14);
    static const enum mopt_recurrent_kind kinds[] = {MOPT_RECURRENT_LSTM, MOPT_RECURRENT_GRU,
                                                     MOPT_RECURRENT_RNN};
    for (int trial = 0; trial < 36; trial++) {
        for (int isa = MOPT_ISA_REF; isa <= (int)mopt__cpu_isa(); isa++) {
            struct mopt_kernels kernels;
            struct scene s = {
                .layer = {.kind = kinds[trial % 3],
                          .function = {.kind = trial & 1 ? MOPT_ACT_TANH : MOPT_ACT_RELU},
                          .reverse = trial & 2,
                          .batch_first = trial & 8,
                          .linear_before_reset = trial & 4,
                          .inputs = (size_t)between(&rng, 1, 40),
                          .hidden = (size_t)between(&rng, 1, 64),
                          .steps = (size_t)between(&rng, 1, 6),
                          .batch = (size_t)between(&rng, 1, 4)}};
            mopt__kernels_select((enum mopt_isa)isa, &kernels);
            open_scene(&s, &rng);
            check_scene(&kernels, &s);
            close_scene(&s);
        }
    }
}

// So many rows that their inputs are multiplied in several parts, the last one of which is smaller
// with RNN.
static void test_parts(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 15);
    static const enum mopt_recurrent_kind kinds[] = {MOPT_RECURRENT_LSTM, MOPT_RECURRENT_GRU,
                                                     MOPT_RECURRENT_RNN};
    for (int trial = 0; trial < 12; trial++) {
        struct mopt_kernels kernels;
        struct scene s = {.layer = {.kind = kinds[trial % 3],
                                    .function = {.kind = MOPT_ACT_TANH},
                                    .reverse = trial >= 6,
                                    .batch_first = trial & 1,
                                    .inputs = 5,
                                    .hidden = 64,
                                    .steps = 9,
                                    .batch = trial % 6 < 3 ? 300 : 1}};
        s.layer.steps *= s.layer.batch == 1 ? 250 : 1;
        mopt__kernels_select(mopt__cpu_isa(), &kernels);
        open_scene(&s, &rng);
        check_scene(&kernels, &s);
        close_scene(&s);
    }
}

// Gates that are half open halve states which are nearly the smallest normal number.
static void test_smallest(void **state)
{
    (void)state;
    struct mopt_rng rng;
    struct mopt_kernels kernels;
    mopt__rng_init(&rng, 16);
    mopt__kernels_select(mopt__cpu_isa(), &kernels);
    for (int kind = 0; kind < 2; kind++) {
        struct scene s = {.layer = {.kind = kind ? MOPT_RECURRENT_GRU : MOPT_RECURRENT_LSTM,
                                    .inputs = 3,
                                    .hidden = 19,
                                    .steps = 4,
                                    .batch = 2}};
        open_scene(&s, &rng);
        memset(s.w, 0, s.w_count * sizeof *s.w);
        memset(s.r, 0, s.r_count * sizeof *s.r);
        memset(s.bias, 0, 2 * s.gates * s.layer.hidden * sizeof *s.bias);
        for (size_t i = 0; i < s.state; i++) {
            s.h[i] = s.c[i] = i % 2 ? -3e-38F : 3e-38F;
        }
        run(&kernels, &s, 1);
        for (size_t i = 0; i < s.state * s.layer.steps; i++) {
            assert_int_not_equal(fpclassify(s.y[i]), FP_SUBNORMAL);
        }
        for (size_t i = 0; i < s.state; i++) {
            assert_true(s.h[i] == 0 && (kind || s.c[i] == 0));
        }
        close_scene(&s);
    }
}

int mopt__test_lstm(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sequences),
                                       cmocka_unit_test(test_parts),
                                       cmocka_unit_test(test_smallest)};
    return cmocka_run_group_tests_name("lstm", tests, NULL, NULL);
}
