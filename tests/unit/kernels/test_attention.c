// SPDX-License-Identifier: Apache-2.0
// Fused attention against plain double loops at every level: both layouts, groups, masks, causal
// order, and the same bytes from any number of threads.
#include "kernels/attention.h"
#include "support.h"
#include "tests.h"

struct scene {
    struct mopt_attention_f32 a;
    float *q, *k, *v, *y, *mask;
    size_t q_count, k_count, v_count, y_count, mask_count;
};

// [B,H,S,D] or [B,S,H*D].
static struct mopt_head_steps steps_of(size_t heads, size_t rows, size_t size, bool heads_inside)
{
    return heads_inside ? (struct mopt_head_steps){rows * heads * size, size, heads * size}
                        : (struct mopt_head_steps){heads * rows * size, rows * size, size};
}

static void open_scene(struct scene *s, struct mopt_rng *rng, bool heads_inside, int mask)
{
    struct mopt_attention_f32 *a = &s->a;
    s->q_count = a->batch * a->heads * a->queries * a->size;
    s->k_count = a->batch * a->groups * a->keys * a->size;
    s->v_count = a->batch * a->groups * a->keys * a->value_size;
    s->y_count = a->batch * a->heads * a->queries * a->value_size;
    s->q = guarded(rng, s->q_count);
    s->k = guarded(rng, s->k_count);
    s->v = guarded(rng, s->v_count);
    s->y = guarded(rng, s->y_count);
    a->q = s->q;
    a->k = s->k;
    a->v = s->v;
    a->y = s->y;
    a->q_steps = steps_of(a->heads, a->queries, a->size, heads_inside);
    a->k_steps = steps_of(a->groups, a->keys, a->size, heads_inside);
    a->v_steps = steps_of(a->groups, a->keys, a->value_size, heads_inside);
    a->y_steps = steps_of(a->heads, a->queries, a->value_size, heads_inside);
    // bits of mask: a step of its own for batch, head, row
    size_t rows = mask & 4 ? a->queries : 1;
    size_t heads = mask & 2 ? a->heads : 1;
    size_t batch = mask & 1 ? a->batch : 1;
    a->mask_steps = (struct mopt_head_steps){mask & 1 ? heads * rows * a->keys : 0,
                                             mask & 2 ? rows * a->keys : 0, mask & 4 ? a->keys : 0};
    s->mask_count = batch * heads * rows * a->keys;
    s->mask = guarded(rng, s->mask_count);
    for (size_t i = 0; i < s->mask_count; i += 3) {
        s->mask[i] = i % 2 ? -INFINITY : -3.4028235e38F;
    }
    a->mask = mask < 0 ? NULL : s->mask;
}

static void close_scene(struct scene *s)
{
    release(s->q, s->q_count);
    release(s->k, s->k_count);
    release(s->v, s->v_count);
    release(s->y, s->y_count);
    release(s->mask, s->mask_count);
}

static const float *at(const float *p, const struct mopt_head_steps *steps, size_t b, size_t h,
                       size_t row)
{
    return p + b * steps->batch + h * steps->head + row * steps->row;
}

// Shares of all keys in the result of one query.
static void exact_shares(const struct mopt_attention_f32 *a, size_t b, size_t h, size_t row,
                         double *share)
{
    const float *q = at(a->q, &a->q_steps, b, h, row);
    double top = -INFINITY;
    double sum = 0;
    for (size_t j = 0; j < a->keys; j++) {
        const float *k = at(a->k, &a->k_steps, b, h * a->groups / a->heads, j);
        share[j] = 0;
        for (size_t d = 0; d < a->size; d++) {
            share[j] += (double)q[d] * (double)k[d];
        }
        share[j] *= (double)a->scale;
        share[j] += a->mask ? (double)at(a->mask, &a->mask_steps, b, h, row)[j] : 0;
        share[j] = a->causal && j > row + a->past ? -INFINITY : share[j];
        top = fmax(top, share[j]);
    }
    for (size_t j = 0; j < a->keys; j++) {
        share[j] = exp(share[j] - top);
        sum += share[j];
    }
    for (size_t j = 0; j < a->keys; j++) {
        share[j] /= sum;
    }
}

static void check_row(const struct mopt_attention_f32 *a, size_t b, size_t h, size_t row)
{
    double share[300];
    exact_shares(a, b, h, row, share);
    const float *y = at(a->y, &a->y_steps, b, h, row);
    for (size_t d = 0; d < a->value_size; d++) {
        double want = 0;
        for (size_t j = 0; j < a->keys; j++) {
            const float *v = at(a->v, &a->v_steps, b, h * a->groups / a->heads, j);
            want += share[j] * (double)v[d];
        }
        if (isnan(want)) {
            assert_true(a->blind_is_zero ? y[d] == 0 : isnan(y[d]));
        } else {
            near((double)y[d], want, 3e-6);
        }
    }
}

static void run(const struct mopt_kernels *kernels, const struct mopt_attention_f32 *a, int threads)
{
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(threads, &pool, &err), MOPT_OK);
    size_t bytes = mopt__attention_f32_scratch(kernels, a, threads);
    assert_true(bytes > 0);
    void *scratch = mopt__malloc_aligned(bytes);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes);
    mopt__attention_f32(kernels, a, scratch, pool);
    mopt__free_aligned(scratch);
    mopt__pool_free(pool);
}

static void check_scene(const struct mopt_kernels *kernels, struct scene *s)
{
    const struct mopt_attention_f32 *a = &s->a;
    run(kernels, a, 1);
    for (size_t i = 0; i < a->batch * a->heads * a->queries; i++) {
        check_row(a, i / a->queries / a->heads, i / a->queries % a->heads, i % a->queries);
    }
    float *first = mopt__malloc(s->y_count * sizeof *first);
    assert_non_null(first);
    memcpy(first, s->y, s->y_count * sizeof *first);
    run(kernels, a, 3);
    assert_memory_equal(first, s->y, s->y_count * sizeof *first);
    mopt__free(first);
}

static void run_scene(struct mopt_rng *rng, struct mopt_attention_f32 a, bool heads_inside,
                      int mask)
{
    for (int isa = MOPT_ISA_REF; isa <= (int)mopt__cpu_isa(); isa++) {
        struct mopt_kernels kernels;
        struct scene s = {.a = a};
        mopt__kernels_select((enum mopt_isa)isa, &kernels);
        open_scene(&s, rng, heads_inside, mask);
        check_scene(&kernels, &s);
        close_scene(&s);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 11);
    for (int trial = 0; trial < 24; trial++) {
        struct mopt_attention_f32 a = {
            .batch = (size_t)between(&rng, 1, 2),
            .heads = 4,
            .groups = (size_t)1 << (trial % 3),
            .queries = (size_t)between(&rng, 1, 70),
            .keys = (size_t)between(&rng, 1, 90),
            .size = (size_t)between(&rng, 1, 40),
            .value_size = (size_t)between(&rng, 1, 70),
            .scale = 0.25F,
            .causal = trial % 4 == 3,
            .past = (size_t)trial % 5,
        };
        run_scene(&rng, a, trial & 1, trial % 9 - 1);
    }
}

static void test_long(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 12);
    struct mopt_attention_f32 a = {.batch = 1,
                                   .heads = 3,
                                   .groups = 3,
                                   .queries = 130,
                                   .keys = 290,
                                   .size = 64,
                                   .value_size = 64,
                                   .scale = 0.125F};
    run_scene(&rng, a, true, 4);
    a.causal = true;
    a.past = 160;
    run_scene(&rng, a, true, -1);
}

// No key at all, and keys that are all hidden.
static void test_blind(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 13);
    for (int zero = 0; zero < 2; zero++) {
        struct mopt_kernels kernels;
        struct scene s = {.a = {.batch = 1,
                                .heads = 2,
                                .groups = 1,
                                .queries = 5,
                                .keys = 7,
                                .size = 3,
                                .value_size = 4,
                                .scale = 1,
                                .blind_is_zero = zero}};
        mopt__kernels_select(mopt__cpu_isa(), &kernels);
        open_scene(&s, &rng, false, 4);
        for (size_t j = 0; j < 7; j++) {
            s.mask[7 + j] = -INFINITY;
        }
        run(&kernels, &s.a, 1);
        for (size_t row = 0; row < 10; row++) {
            check_row(&s.a, 0, row / 5, row % 5);
        }
        s.a.keys = 0;
        mopt__attention_f32(&kernels, &s.a, NULL, NULL);
        for (size_t i = 0; i < s.y_count; i++) {
            assert_true(s.y[i] == 0);
        }
        close_scene(&s);
    }
}

int mopt__test_attention(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_blind),
    };
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
