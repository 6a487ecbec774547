// SPDX-License-Identifier: Apache-2.0
// Neural-network operators: every bound kernel against the reference meaning on random shapes, with
// one and with two threads (same bytes), and the inferred output type against the evaluated one.
// Directed cases of errors follow.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/table.h"
#include "ops/ops.h"
#include "tests.h"

enum { INPUTS = 9, TRIALS = 40 };

// One node with concrete inputs.
struct bench {
    struct mopt_model *model;
    struct mopt_node *node;
    struct mopt_datum *inputs[INPUTS];
    uint32_t input_count;
    int64_t opset;
    struct mopt_rng rng;
    struct mopt_error err;
};

static void setup(struct bench *b, uint64_t seed, int64_t opset)
{
    memset(b, 0, sizeof *b);
    b->opset = opset;
    mopt__rng_init(&b->rng, seed);
    assert_int_equal(mopt__model_new(&b->model, &b->err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(b->model, "", opset, &b->err), MOPT_OK);
}

static void teardown(struct bench *b)
{
    for (uint32_t i = 0; i < b->input_count; i++) {
        mopt__datum_unref(b->inputs[i]);
    }
    mopt__model_free(b->model);
}

static int64_t below(struct bench *b, int64_t low, int64_t high) // inclusive
{
    return low + (int64_t)mopt__rng_below(&b->rng, (uint64_t)(high - low + 1));
}

static void put(struct bench *b, struct mopt_tensor *t)
{
    assert_true(b->input_count < INPUTS);
    if (t != NULL) {
        assert_int_equal(mopt__datum_tensor(t, &b->inputs[b->input_count], &b->err), MOPT_OK);
        mopt__tensor_unref(t);
    }
    b->input_count++;
}

static struct mopt_tensor *tensor(struct bench *b, enum mopt_dtype dtype, int rank,
                                  const int64_t *dims)
{
    struct mopt_tensor *t = NULL;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &t, &b->err), MOPT_OK);
    return t;
}

// Normal floats; integers over their whole range.
static void random_input(struct bench *b, enum mopt_dtype dtype, int rank, const int64_t *dims)
{
    struct mopt_tensor *t = tensor(b, dtype, rank, dims);
    for (size_t i = 0; i < t->count; i++) {
        if (mopt__dtype_is_float(dtype)) {
            mopt__element_set_f64(dtype, mopt__tensor_data(t), i, mopt__rng_normal(&b->rng));
        } else {
            int64_t low = dtype == MOPT_INT8 ? -128 : 0;
            mopt__element_set_i64(dtype, mopt__tensor_data(t), i, below(b, low, low + 255));
        }
    }
    put(b, t);
}

static void scalar(struct bench *b, enum mopt_dtype dtype, double value)
{
    struct mopt_tensor *t = tensor(b, dtype, 0, NULL);
    mopt__element_set_f64(dtype, mopt__tensor_data(t), 0, value);
    put(b, t);
}

// Positive values (scales, variances).
static void positive_input(struct bench *b, int64_t count)
{
    struct mopt_tensor *t = tensor(b, MOPT_FLOAT32, 1, &count);
    for (size_t i = 0; i < t->count; i++) {
        ((float *)mopt__tensor_data(t))[i] = (float)(0.01 + mopt__rng_unit(&b->rng));
    }
    put(b, t);
}

static void build(struct bench *b, const char *op_type, uint32_t outputs)
{
    struct mopt_graph *graph = b->model->graph;
    struct mopt_value *values[INPUTS] = {NULL};
    for (uint32_t i = 0; i < b->input_count; i++) {
        if (b->inputs[i] != NULL) {
            values[i] = mopt__value_fresh(graph, "x", &b->err);
            assert_non_null(values[i]);
            assert_int_equal(mopt__graph_add_input(graph, values[i], &b->err), MOPT_OK);
        }
    }
    b->node = mopt__op_node(graph, NULL, op_type, "", values, b->input_count, outputs, &b->err);
    assert_non_null(b->node);
    assert_non_null(b->node->op);
}

static void set_ints(struct bench *b, const char *name, const int64_t *values, size_t count)
{
    assert_int_equal(mopt__node_set_ints(b->node, name, values, count, &b->err), MOPT_OK);
}

static void set_int(struct bench *b, const char *name, int64_t value)
{
    assert_int_equal(mopt__node_set_int(b->node, name, value, &b->err), MOPT_OK);
}

static struct mopt_tensor *reference(struct bench *b)
{
    struct mopt_datum *outputs[5] = {NULL};
    enum mopt_status status = mopt__eval_node(b->node, b->opset, b->inputs, outputs, NULL, &b->err);
    if (status != MOPT_OK) {
        fail_msg("%s", b->err.text);
    }
    struct mopt_tensor *t = mopt__tensor_ref(outputs[0]->tensor);
    for (size_t i = 0; i < 5; i++) {
        mopt__datum_unref(outputs[i]);
    }
    return t;
}

static enum mopt_status no_body(struct mopt_infer *infer, struct mopt_graph *graph,
                                const struct mopt_fact *inputs, size_t input_count,
                                struct mopt_fact *outputs, struct mopt_error *err)
{
    (void)infer;
    (void)graph;
    (void)inputs;
    (void)input_count;
    (void)outputs;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no bodies here");
}

// Infers with concrete input types; checks output 0 against `expected`; then binds and runs.
static struct mopt_tensor *bound(struct bench *b, const struct mopt_tensor *expected, int threads)
{
    struct mopt_arena arena;
    struct mopt_fact inputs[INPUTS] = {{NULL, NULL, NULL}};
    struct mopt_fact outputs[5] = {{NULL, NULL, NULL}};
    struct mopt_datum *results[5] = {NULL};
    struct mopt_pool *pool = NULL;
    struct mopt_tensor *t = NULL;
    mopt__arena_init(&arena);
    for (uint32_t i = 0; i < b->input_count; i++) {
        if (b->inputs[i] != NULL) {
            const struct mopt_tensor *in = b->inputs[i]->tensor;
            inputs[i].type = mopt__type_tensor(&arena, in->dtype, in->rank, in->dims);
        }
    }
    struct mopt_infer infer = {.node = b->node,
                               .version = b->opset,
                               .dims = b->model->dims,
                               .arena = &arena,
                               .inputs = inputs,
                               .outputs = outputs,
                               .body = no_body};
    assert_int_equal(b->node->op->infer(&infer, &b->err), MOPT_OK);
    assert_int_equal(outputs[0].type->dtype, expected->dtype);
    assert_int_equal(outputs[0].type->rank, expected->rank);
    for (int i = 0; i < expected->rank; i++) {
        assert_int_equal(outputs[0].type->dims[i], expected->dims[i]);
    }
    struct mopt_kernels kernels;
    mopt__kernels_select(mopt__cpu_isa(), &kernels);
    struct mopt_bind bind = {.node = b->node,
                             .version = b->opset,
                             .inputs = inputs,
                             .outputs = outputs,
                             .dims = b->model->dims,
                             .threads = threads,
                             .kernels = &kernels};
    assert_int_equal(b->node->op->bind(&bind, &b->err), MOPT_OK);
    assert_non_null(bind.run);
    if (threads > 1) {
        assert_int_equal(mopt__pool_new(threads, &pool, &b->err), MOPT_OK);
    }
    struct mopt_eval eval = {.node = b->node,
                             .version = b->opset,
                             .inputs = b->inputs,
                             .outputs = results,
                             .input_count = b->input_count,
                             .output_count = b->node->output_count,
                             .pool = pool,
                             .rng = &b->rng,
                             .state = bind.state};
    assert_int_equal(bind.run(&eval, &b->err), MOPT_OK);
    t = mopt__tensor_ref(results[0]->tensor);
    for (size_t i = 0; i < 5; i++) {
        mopt__datum_unref(results[i]);
    }
    if (bind.free_state != NULL) {
        bind.free_state(bind.state);
    }
    mopt__pool_free(pool);
    mopt__arena_release(&arena);
    return t;
}

// tolerance: relative to the largest magnitude of the expected tensor (float sums of random sign).
static void compare(const struct mopt_tensor *expected, const struct mopt_tensor *got,
                    double tolerance)
{
    double top = 1e-6;
    assert_int_equal(expected->rank, got->rank);
    assert_memory_equal(expected->dims, got->dims, (size_t)got->rank * sizeof *got->dims);
    for (size_t i = 0; i < expected->count; i++) {
        double value = fabs(mopt__tensor_f64(expected, i));
        top = value > top ? value : top;
    }
    for (size_t i = 0; i < expected->count; i++) {
        double difference = mopt__tensor_f64(expected, i) - mopt__tensor_f64(got, i);
        if (!(fabs(difference) <= tolerance * top)) {
            fail_msg("element %zu: %.9g, expected %.9g", i, mopt__tensor_f64(got, i),
                     mopt__tensor_f64(expected, i));
        }
    }
}

static void check(struct bench *b, double tolerance)
{
    struct mopt_tensor *expected = reference(b);
    struct mopt_tensor *one = bound(b, expected, 1);
    struct mopt_tensor *two = bound(b, expected, 2);
    compare(expected, one, tolerance);
    assert_true(mopt__tensor_equal(one, two));
    mopt__tensor_unref(expected);
    mopt__tensor_unref(one);
    mopt__tensor_unref(two);
}

// ---- Convolutions and poolings ------------------------------------------------------------------

struct geometry {
    int spatial;
    int64_t x[5], w[5], group;
    int64_t strides[3], dilations[3], pads[6];
};

// A random geometry whose kernel fits. form: 0 any, 1 pointwise, 2 depthwise.
static void random_geometry(struct bench *b, struct geometry *g, int form)
{
    memset(g, 0, sizeof *g);
    g->spatial = (int)below(b, 1, 3);
    g->group = form == 2 ? below(b, 1, 5) : below(b, 1, 3);
    int64_t in = form == 2 ? 1 : below(b, 1, 4);
    g->x[0] = below(b, 0, 3);
    g->x[1] = in * g->group;
    g->w[0] = g->group * below(b, 1, 3);
    g->w[1] = in;
    for (int i = 0; i < g->spatial; i++) {
        bool plain = form == 1;
        g->w[2 + i] = plain ? 1 : below(b, 1, 5);
        g->strides[i] = plain ? 1 : below(b, 1, 3);
        g->dilations[i] = plain ? 1 : below(b, 1, 2);
        g->pads[i] = plain ? 0 : below(b, 0, 3);
        g->pads[g->spatial + i] = plain ? 0 : below(b, 0, 3);
        int64_t span = (g->w[2 + i] - 1) * g->dilations[i] + 1;
        g->x[2 + i] = below(b, span, span + 14);
    }
}

static void set_geometry(struct bench *b, const struct geometry *g)
{
    size_t n = (size_t)g->spatial;
    set_ints(b, "strides", g->strides, n);
    set_ints(b, "dilations", g->dilations, n);
    set_ints(b, "pads", g->pads, 2 * n);
}

static void test_conv(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 3 * TRIALS; trial++) {
        struct bench b;
        struct geometry g;
        setup(&b, trial, 13);
        random_geometry(&b, &g, (int)(trial % 3));
        random_input(&b, MOPT_FLOAT32, g.spatial + 2, g.x);
        random_input(&b, MOPT_FLOAT32, g.spatial + 2, g.w);
        if (trial & 1) {
            random_input(&b, MOPT_FLOAT32, 1, &g.w[0]);
        }
        build(&b, "Conv", 1);
        set_geometry(&b, &g);
        set_int(&b, "group", g.group);
        check(&b, 1e-5);
        teardown(&b);
    }
}

// Large enough for several tiles.
static void test_conv_tiles(void **state)
{
    (void)state;
    static const int64_t shapes[][6] = {// channels, filters, size, kernel, group, stride
                                        {24, 16, 60, 3, 1, 1},
                                        {3, 8, 130, 3, 1, 2},
                                        {64, 32, 40, 1, 1, 1},
                                        {16, 16, 40, 5, 16, 1}};
    for (size_t i = 0; i < MOPT_COUNTOF(shapes); i++) {
        struct bench b;
        const int64_t *s = shapes[i];
        setup(&b, i, 13);
        random_input(&b, MOPT_FLOAT32, 4, (int64_t[]){1, s[0], s[2], s[2]});
        random_input(&b, MOPT_FLOAT32, 4, (int64_t[]){s[1], s[0] / s[4], s[3], s[3]});
        build(&b, "Conv", 1);
        set_int(&b, "group", s[4]);
        set_ints(&b, "strides", (int64_t[]){s[5], s[5]}, 2);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_conv_transpose(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 2 * TRIALS; trial++) {
        struct bench b;
        struct geometry g;
        setup(&b, trial, 13);
        random_geometry(&b, &g, 0);
        // the channel roles are swapped: W is [in, out/group, kernel]
        int64_t out = g.w[1];
        g.w[0] = g.x[1];
        g.w[1] = out;
        for (int i = 0; i < g.spatial; i++) { // padding must leave something
            g.pads[i] = g.pads[g.spatial + i] = (g.w[2 + i] - 1) * g.dilations[i] / 2;
        }
        int64_t bias = out * g.group;
        random_input(&b, MOPT_FLOAT32, g.spatial + 2, g.x);
        random_input(&b, MOPT_FLOAT32, g.spatial + 2, g.w);
        random_input(&b, MOPT_FLOAT32, 1, &bias);
        build(&b, "ConvTranspose", 1);
        set_geometry(&b, &g);
        set_int(&b, "group", g.group);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_conv_integer(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 2 * TRIALS; trial++) {
        struct bench b;
        struct geometry g;
        setup(&b, trial, 13);
        random_geometry(&b, &g, (int)(trial % 3));
        enum mopt_dtype x = trial & 1 ? MOPT_UINT8 : MOPT_INT8;
        enum mopt_dtype w = trial & 2 ? MOPT_UINT8 : MOPT_INT8;
        random_input(&b, x, g.spatial + 2, g.x);
        random_input(&b, w, g.spatial + 2, g.w);
        scalar(&b, x, (double)below(&b, 0, 120));
        random_input(&b, w, 1, &g.w[0]);
        build(&b, "ConvInteger", 1);
        set_geometry(&b, &g);
        set_int(&b, "group", g.group);
        check(&b, 0);
        teardown(&b);
    }
}

static void test_qlinear_conv(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 2 * TRIALS; trial++) {
        struct bench b;
        struct geometry g;
        setup(&b, trial, 13);
        random_geometry(&b, &g, (int)(trial % 3));
        enum mopt_dtype x = trial & 1 ? MOPT_UINT8 : MOPT_INT8;
        random_input(&b, x, g.spatial + 2, g.x);
        scalar(&b, MOPT_FLOAT32, 0.02);
        scalar(&b, x, (double)below(&b, 0, 120));
        random_input(&b, MOPT_INT8, g.spatial + 2, g.w);
        positive_input(&b, g.w[0]);
        scalar(&b, MOPT_INT8, 0);
        scalar(&b, MOPT_FLOAT32, 3.7);
        scalar(&b, trial & 2 ? MOPT_UINT8 : MOPT_INT8, (double)below(&b, 0, 120));
        build(&b, "QLinearConv", 1);
        set_geometry(&b, &g);
        set_int(&b, "group", g.group);
        check(&b, 0);
        teardown(&b);
    }
}

static void test_pools(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 3 * TRIALS; trial++) {
        struct bench b;
        struct geometry g;
        setup(&b, trial, 19);
        random_geometry(&b, &g, 2);
        for (int i = 0; i < g.spatial; i++) { // padding below the kernel
            int64_t most = (g.w[2 + i] - 1) / 2;
            g.pads[i] = below(&b, 0, most);
            g.pads[g.spatial + i] = below(&b, 0, most);
        }
        random_input(&b, MOPT_FLOAT32, g.spatial + 2, g.x);
        build(&b, trial & 1 ? "MaxPool" : "AveragePool", 1);
        set_geometry(&b, &g);
        set_ints(&b, "kernel_shape", &g.w[2], (size_t)g.spatial);
        set_int(&b, "ceil_mode", (int64_t)(trial >> 1 & 1));
        if (!(trial & 1)) {
            set_int(&b, "count_include_pad", (int64_t)(trial >> 2 & 1));
        }
        check(&b, 1e-6);
        teardown(&b);
    }
}

// ---- Matrix products ----------------------------------------------------------------------------

// Random broadcast shapes of a product; returns the ranks through a and b.
static void product_shapes(struct bench *b, int64_t *a, int *a_rank, int64_t *w, int *w_rank)
{
    int64_t m = below(b, 0, 70);
    int64_t k = below(b, 0, 40);
    int64_t n = below(b, 0, 70);
    int batch = (int)below(b, 0, 2);
    *a_rank = 2 + batch;
    *w_rank = 2 + (int)below(b, 0, batch);
    for (int i = 0; i < batch; i++) {
        int64_t size = below(b, 1, 3);
        a[i] = below(b, 0, 3) ? size : 1;
        int at = i - (*a_rank - *w_rank);
        if (at >= 0) {
            w[at] = below(b, 0, 1) ? size : 1;
        }
    }
    a[batch] = m;
    a[batch + 1] = k;
    w[*w_rank - 2] = k;
    w[*w_rank - 1] = n;
}

static void test_matmul(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 3 * TRIALS; trial++) {
        struct bench b;
        int64_t a[4];
        int64_t w[4];
        int a_rank = 0;
        int w_rank = 0;
        setup(&b, trial, 13);
        product_shapes(&b, a, &a_rank, w, &w_rank);
        random_input(&b, MOPT_FLOAT32, a_rank, a);
        random_input(&b, MOPT_FLOAT32, w_rank, w);
        build(&b, "MatMul", 1);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_matmul_vectors(void **state)
{
    (void)state;
    static const int64_t shapes[][4] = {{7, 7, 0, 1}, {7, 7, 9, 2}, {900, 900, 700, 2}};
    for (size_t i = 0; i < MOPT_COUNTOF(shapes); i++) {
        struct bench b;
        setup(&b, i, 13);
        random_input(&b, MOPT_FLOAT32, 1, &shapes[i][0]);
        random_input(&b, MOPT_FLOAT32, (int)shapes[i][3], &shapes[i][1]);
        build(&b, "MatMul", 1);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_gemm(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 2 * TRIALS; trial++) {
        struct bench b;
        setup(&b, trial, 13);
        int64_t m = below(&b, 0, 300);
        int64_t k = below(&b, 0, 30);
        int64_t n = below(&b, 0, 30);
        bool ta = trial & 1;
        bool tb = trial & 2;
        random_input(&b, MOPT_FLOAT32, 2, (int64_t[]){ta ? k : m, ta ? m : k});
        random_input(&b, MOPT_FLOAT32, 2, (int64_t[]){tb ? n : k, tb ? k : n});
        if (trial % 5 != 0) {
            const int64_t forms[4][2] = {{m, n}, {1, n}, {m, 1}, {1, 1}};
            random_input(&b, MOPT_FLOAT32, 2, forms[trial % 4]);
        }
        build(&b, "Gemm", 1);
        set_int(&b, "transA", ta);
        set_int(&b, "transB", tb);
        assert_int_equal(mopt__node_set_float(b.node, "alpha", 0.5F, &b.err), MOPT_OK);
        assert_int_equal(mopt__node_set_float(b.node, "beta", 2, &b.err), MOPT_OK);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_matmul_integer(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 2 * TRIALS; trial++) {
        struct bench b;
        int64_t a[4];
        int64_t w[4];
        int a_rank = 0;
        int w_rank = 0;
        setup(&b, trial, 13);
        product_shapes(&b, a, &a_rank, w, &w_rank);
        enum mopt_dtype left = trial & 1 ? MOPT_UINT8 : MOPT_INT8;
        enum mopt_dtype right = trial & 2 ? MOPT_UINT8 : MOPT_INT8;
        random_input(&b, left, a_rank, a);
        random_input(&b, right, w_rank, w);
        scalar(&b, left, (double)below(&b, 0, 120));
        if (trial & 4) {
            random_input(&b, right, 1, &w[w_rank - 1]);
        }
        build(&b, "MatMulInteger", 1);
        check(&b, 0);
        teardown(&b);
    }
}

// Sums far beyond 2^24 must be exact.
static void test_matmul_integer_long(void **state)
{
    (void)state;
    struct bench b;
    setup(&b, 1, 13);
    struct mopt_tensor *a = tensor(&b, MOPT_UINT8, 2, (int64_t[]){2, 5001});
    struct mopt_tensor *w = tensor(&b, MOPT_UINT8, 2, (int64_t[]){5001, 3});
    memset(mopt__tensor_data(a), 255, a->bytes);
    memset(mopt__tensor_data(w), 255, w->bytes);
    put(&b, a);
    put(&b, w);
    build(&b, "MatMulInteger", 1);
    struct mopt_tensor *expected = reference(&b);
    assert_int_equal(mopt__tensor_i64_at(expected, 0), INT64_C(255) * 255 * 5001);
    mopt__tensor_unref(expected);
    check(&b, 0);
    teardown(&b);
}

static void test_qlinear_matmul(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct bench b;
        int64_t a[4];
        int64_t w[4];
        int a_rank = 0;
        int w_rank = 0;
        setup(&b, trial, 13);
        product_shapes(&b, a, &a_rank, w, &w_rank);
        random_input(&b, MOPT_UINT8, a_rank, a);
        scalar(&b, MOPT_FLOAT32, 0.02);
        scalar(&b, MOPT_UINT8, 127);
        random_input(&b, MOPT_INT8, w_rank, w);
        positive_input(&b, w[w_rank - 1]);
        random_input(&b, MOPT_INT8, 1, &w[w_rank - 1]);
        scalar(&b, MOPT_FLOAT32, 1.3);
        scalar(&b, MOPT_UINT8, 99);
        if (w[w_rank - 1] != 0) {
            build(&b, "QLinearMatMul", 1);
            check(&b, 0);
        }
        teardown(&b);
    }
}

// ---- Normalisations -----------------------------------------------------------------------------

static void test_batch_norm(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct bench b;
        setup(&b, trial, 15);
        int64_t dims[4] = {below(&b, 0, 3), below(&b, 1, 9), below(&b, 1, 9), below(&b, 0, 9)};
        random_input(&b, MOPT_FLOAT32, 4, dims);
        for (int i = 0; i < 3; i++) {
            random_input(&b, MOPT_FLOAT32, 1, &dims[1]);
        }
        positive_input(&b, dims[1]);
        build(&b, "BatchNormalization", 1);
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_layer_norm(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct bench b;
        setup(&b, trial, 17);
        int64_t dims[3] = {below(&b, 0, 5), below(&b, 1, 9), below(&b, 1, 60)};
        random_input(&b, MOPT_FLOAT32, 3, dims);
        random_input(&b, MOPT_FLOAT32, 1, &dims[2]);
        if (trial & 1) {
            random_input(&b, MOPT_FLOAT32, 1, &dims[2]);
        }
        build(&b, "LayerNormalization", 3);
        set_int(&b, "axis", trial & 2 ? -2 : -1); // -2: the scale broadcasts
        check(&b, 1e-5);
        teardown(&b);
    }
}

static void test_global_pool(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct bench b;
        setup(&b, trial, 13);
        int64_t dims[4] = {below(&b, 0, 3), below(&b, 1, 9), below(&b, 1, 9), below(&b, 1, 9)};
        random_input(&b, MOPT_FLOAT32, 4, dims);
        build(&b, "GlobalAveragePool", 1);
        check(&b, 1e-6);
        teardown(&b);
    }
}

// ---- Errors -------------------------------------------------------------------------------------

static void expect_error(struct bench *b, enum mopt_status want)
{
    struct mopt_datum *outputs[5] = {NULL};
    enum mopt_status status = mopt__eval_node(b->node, b->opset, b->inputs, outputs, NULL, &b->err);
    assert_int_equal(status, want);
    assert_null(outputs[0]);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t values[2];
        enum mopt_status status;
    } rows[] = {
        {"strides", {0, 1}, MOPT_E_VALUE},      {"strides", {1, INT64_MAX}, MOPT_E_VALUE},
        {"dilations", {1, -1}, MOPT_E_VALUE},   {"dilations", {1, 9}, MOPT_E_SHAPE},
        {"kernel_shape", {2, 2}, MOPT_E_SHAPE}, {"kernel_shape", {INT64_MIN, 3}, MOPT_E_VALUE},
        {"pads", {1, 1}, MOPT_E_SHAPE},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        struct bench b;
        setup(&b, i, 13);
        random_input(&b, MOPT_FLOAT32, 4, (int64_t[]){1, 2, 5, 5});
        random_input(&b, MOPT_FLOAT32, 4, (int64_t[]){2, 2, 3, 3});
        build(&b, "Conv", 1);
        set_ints(&b, rows[i].name, rows[i].values, 2);
        expect_error(&b, rows[i].status);
        teardown(&b);
    }
}

static void test_unknown_choice(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"mode", "nearest_ish"},
                                          {"coordinate_transformation_mode", "half"},
                                          {"nearest_mode", ""},
                                          {"keep_aspect_ratio_policy", "Stretch"}};
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        struct bench b;
        setup(&b, i, 18);
        random_input(&b, MOPT_FLOAT32, 1, (int64_t[]){5});
        put(&b, NULL);
        scalar(&b, MOPT_FLOAT32, 2);
        build(&b, "Resize", 1);
        assert_int_equal(mopt__node_set_string(b.node, rows[i][0], rows[i][1], &b.err), MOPT_OK);
        expect_error(&b, MOPT_E_VALUE);
        teardown(&b);
    }
}

// Half a step goes to the even code, with an odd zero point too; NaN gives the zero point.
static void test_quantize_ties(void **state)
{
    (void)state;
    static const float values[] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 1e30F, -1e30F, NAN};
    static const int64_t codes[] = {3, 5, 5, 3, 1, 255, 0, 3};
    struct bench b;
    setup(&b, 0, 13);
    struct mopt_tensor *x = tensor(&b, MOPT_FLOAT32, 1, (int64_t[]){8});
    memcpy(mopt__tensor_data(x), values, sizeof values);
    put(&b, x);
    scalar(&b, MOPT_FLOAT32, 1);
    scalar(&b, MOPT_UINT8, 3);
    build(&b, "QuantizeLinear", 1);
    struct mopt_tensor *y = reference(&b);
    for (size_t i = 0; i < MOPT_COUNTOF(codes); i++) {
        assert_int_equal(mopt__tensor_i64_at(y, i), codes[i]);
    }
    mopt__tensor_unref(y);
    teardown(&b);
}

int mopt__test_nn_ops(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_tiles),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_conv_integer),
        cmocka_unit_test(test_qlinear_conv),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_matmul_vectors),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_matmul_integer),
        cmocka_unit_test(test_matmul_integer_long),
        cmocka_unit_test(test_qlinear_matmul),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_global_pool),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unknown_choice),
        cmocka_unit_test(test_quantize_ties),
    };
    return cmocka_run_group_tests_name("nn_ops", tests, NULL, NULL);
}
