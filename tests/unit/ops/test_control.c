// SPDX-License-Identifier: Apache-2.0
// Control flow, sequences and optional values, run through the small interpreter of the tests.
#include "support.h"
#include "tests.h"

#include <string.h>

struct ran {
    struct mopt_model *model;
    struct mopt_datum *outputs[8];
    size_t count;
    enum mopt_status status;
    struct mopt_error err;
};

static struct ran run(const char *text, struct mopt_tensor *const *inputs, size_t count)
{
    struct ran ran = {.model = parse_model(text)};
    ran.count = ran.model->graph->outputs.count;
    assert_true(ran.count <= 8);
    mopt_error_clear(&ran.err);
    ran.status = run_model(ran.model, inputs, count, ran.outputs, &ran.err);
    return ran;
}

static void done(struct ran *ran)
{
    for (size_t i = 0; i < ran->count; i++) {
        mopt__datum_unref(ran->outputs[i]);
    }
    mopt__model_free(ran->model);
}

static void assert_values(const struct mopt_datum *datum, int rank, const int64_t *dims,
                          const double *values)
{
    assert_non_null(datum);
    assert_int_equal(datum->kind, MOPT_DATUM_TENSOR);
    assert_int_equal(datum->tensor->rank, rank);
    for (int k = 0; k < rank; k++) {
        assert_int_equal(datum->tensor->dims[k], dims[k]);
    }
    for (size_t i = 0; i < datum->tensor->count; i++) {
        assert_true(mopt__tensor_f64(datum->tensor, i) == values[i]);
    }
}

static void loop_counts_and_collects(void **state)
{
    (void)state;
    // x doubles while it is below 20, at most 10 times; the values before each trip are collected.
    const char *text = "graph g (float x) -> (e, all) {\n"
                       "  int64 m = {10}; bool go = {1}; float limit = {20};\n"
                       "  e, all = Loop<body=graph (int64 i, bool c, v) -> (c2, v2, s) {\n"
                       "    v2 = Add(v, v); c2 = Less(v2, limit); s = Identity(v);\n"
                       "  }>(m, go, x);\n"
                       "}\n";
    struct mopt_tensor *x = tensor_of(MOPT_FLOAT32, 0, NULL, (const double[]){3});
    struct ran ran = run(text, &x, 1);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 0, NULL, (const double[]){24});
    assert_values(ran.outputs[1], 1, (const int64_t[]){3}, (const double[]){3, 6, 12});
    done(&ran);
    mopt__tensor_unref(x);
}

static void loop_without_trips(void **state)
{
    (void)state;
    const char *text = "graph g (float[2] x) -> (e, all) {\n"
                       "  int64 m = {0};\n"
                       "  e, all = Loop<body=graph (int64 i, bool c, float[2] v) ->\n"
                       "                (bool c2, float[2] v2, float[2] s) {\n"
                       "    c2 = Identity(c); v2 = Add(v, v); s = Identity(v);\n"
                       "  }>(m, _, x);\n"
                       "}\n";
    struct mopt_tensor *x =
        tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){2}, (const double[]){3, 4});
    struct ran ran = run(text, &x, 1);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 1, (const int64_t[]){2}, (const double[]){3, 4});
    assert_values(ran.outputs[1], 2, (const int64_t[]){0, 2}, NULL);
    done(&ran);
    mopt__tensor_unref(x);
}

static void if_takes_outer_values(void **state)
{
    (void)state;
    const char *text = "graph g (bool c, float[2] x) -> (y) {\n"
                       "  z = Add(x, x);\n"
                       "  y = If<then_branch=graph () -> (z) { },\n"
                       "         else_branch=graph () -> (n) { n = Neg(z); }>(c);\n"
                       "}\n";
    for (int c = 0; c < 2; c++) {
        const double flag = c;
        struct mopt_tensor *in[2] = {tensor_of(MOPT_BOOL, 0, NULL, &flag),
                                     tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){2},
                                               (const double[]){1, 2})};
        struct ran ran = run(text, in, 2);
        assert_int_equal(ran.status, MOPT_OK);
        assert_values(ran.outputs[0], 1, (const int64_t[]){2},
                      c == 1 ? (const double[]){2, 4} : (const double[]){-2, -4});
        done(&ran);
        mopt__tensor_unref(in[0]);
        mopt__tensor_unref(in[1]);
    }
}

static void scan_directions_and_axes(void **state)
{
    (void)state;
    // x [2,3] is scanned along axis 1 backwards; running sums are put along axis 1 from the front.
    const char *text =
        "graph g (float[2] s, float[2,3] x) -> (e, y) {\n"
        "  e, y = Scan<num_scan_inputs=1, scan_input_axes=[-1], scan_input_directions=[1],\n"
        "    scan_output_axes=[1], scan_output_directions=[1],\n"
        "    body=graph (h, v) -> (h2, o) { h2 = Add(h, v); o = Identity(h2); }>(s, x);\n"
        "}\n";
    struct mopt_tensor *in[2] = {tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){2},
                                           (const double[]){0, 10}),
                                 tensor_of(MOPT_FLOAT32, 2, (const int64_t[]){2, 3},
                                           (const double[]){1, 2, 3, 4, 5, 6})};
    struct ran ran = run(text, in, 2);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 1, (const int64_t[]){2}, (const double[]){6, 25});
    assert_values(ran.outputs[1], 2, (const int64_t[]){2, 3},
                  (const double[]){6, 5, 3, 25, 21, 16});
    done(&ran);
    mopt__tensor_unref(in[0]);
    mopt__tensor_unref(in[1]);
}

static void scan_of_opset_8(void **state)
{
    (void)state;
    const char *text =
        "model (ir=3, opset=8) { graph g (int64[2] l, float[2] s, float[2,3] x) -> (e, y) {\n"
        "  e, y = Scan<num_scan_inputs=1,\n"
        "    body=graph (h, v) -> (h2, o) { h2 = Add(h, v); o = Identity(h2); }>(l, s, x);\n"
        "} }\n";
    struct mopt_tensor *in[3] = {
        tensor_of(MOPT_INT64, 1, (const int64_t[]){2}, (const double[]){3, 1}),
        tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){2}, (const double[]){0, 10}),
        tensor_of(MOPT_FLOAT32, 2, (const int64_t[]){2, 3}, (const double[]){1, 2, 3, 4, 5, 6})};
    struct ran ran = run(text, in, 3);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 1, (const int64_t[]){2}, (const double[]){6, 14});
    assert_values(ran.outputs[1], 2, (const int64_t[]){2, 3}, (const double[]){1, 3, 6, 14, 0, 0});
    done(&ran);
    for (int i = 0; i < 3; i++) {
        mopt__tensor_unref(in[i]);
    }
}

static void loop_reports_changing_shapes(void **state)
{
    (void)state;
    const char *text = "graph g (float[2] x) -> (e, all) {\n"
                       "  int64 m = {3};\n"
                       "  e, all = Loop<body=graph (int64 i, bool c, v) -> (c2, v2, s) {\n"
                       "    c2 = Identity(c); v2 = Concat<axis=0>(v, v); s = Identity(v);\n"
                       "  }>(m, _, x);\n"
                       "}\n";
    struct mopt_tensor *x =
        tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){2}, (const double[]){3, 4});
    struct ran ran = run(text, &x, 1);
    assert_int_equal(ran.status, MOPT_E_SHAPE);
    assert_non_null(strstr(ran.err.text, "trip 1"));
    done(&ran);
    mopt__tensor_unref(x);
}

static void sequences(void **state)
{
    (void)state;
    const char *text = "graph g (float[2,3] x) -> (n, last, joined, stacked) {\n"
                       "  int64 minus = {-1}; int64 one = {1};\n"
                       "  s = SplitToSequence<axis=1, keepdims=0>(x);\n"
                       "  row = SequenceAt(s, minus);\n"
                       "  s2 = SequenceInsert(s, row, one);\n"
                       "  s3 = SequenceErase(s2);\n"
                       "  n = SequenceLength(s2);\n"
                       "  last = SequenceAt(s3, minus);\n"
                       "  joined = ConcatFromSequence<axis=0>(s3);\n"
                       "  stacked = ConcatFromSequence<axis=-1, new_axis=1>(s3);\n"
                       "}\n";
    struct mopt_tensor *x =
        tensor_of(MOPT_FLOAT32, 2, (const int64_t[]){2, 3}, (const double[]){1, 2, 3, 4, 5, 6});
    struct ran ran = run(text, &x, 1);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 0, NULL, (const double[]){4});
    assert_values(ran.outputs[1], 1, (const int64_t[]){2}, (const double[]){2, 5});
    assert_values(ran.outputs[2], 1, (const int64_t[]){6}, (const double[]){1, 4, 3, 6, 2, 5});
    assert_values(ran.outputs[3], 2, (const int64_t[]){2, 3}, (const double[]){1, 3, 2, 4, 6, 5});
    done(&ran);
    mopt__tensor_unref(x);
}

static void sequence_positions_are_checked(void **state)
{
    (void)state;
    static const double bad[] = {2, -3, 9e18, -9e18};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        struct mopt_tensor *in[2] = {tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){1},
                                               (const double[]){1}),
                                     tensor_of(MOPT_INT64, 0, NULL, &bad[i])};
        struct ran ran = run("graph g (float[1] x, int64 at) -> (y) {\n"
                             "  s = SequenceConstruct(x, x);\n"
                             "  y = SequenceAt(s, at);\n"
                             "}\n",
                             in, 2);
        assert_int_equal(ran.status, MOPT_E_VALUE);
        done(&ran);
        mopt__tensor_unref(in[0]);
        mopt__tensor_unref(in[1]);
    }
}

static void sequence_map(void **state)
{
    (void)state;
    const char *text = "graph g (float[2,2] x, float[1] k) -> (y) {\n"
                       "  s = SplitToSequence(x);\n"
                       "  t = SequenceMap<body=graph (e, f) -> (o) { o = Add(e, f); }>(s, k);\n"
                       "  y = ConcatFromSequence<axis=0>(t);\n"
                       "}\n";
    struct mopt_tensor *in[2] = {tensor_of(MOPT_FLOAT32, 2, (const int64_t[]){2, 2},
                                           (const double[]){1, 2, 3, 4}),
                                 tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){1},
                                           (const double[]){10})};
    struct ran ran = run(text, in, 2);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 2, (const int64_t[]){2, 2}, (const double[]){11, 12, 13, 14});
    done(&ran);
    mopt__tensor_unref(in[0]);
    mopt__tensor_unref(in[1]);
}

static void optional_values(void **state)
{
    (void)state;
    const char *text = "graph g (float[1] x) -> (a, b, y) {\n"
                       "  full = Optional(x);\n"
                       "  empty = Optional<type=type(float[1])>();\n"
                       "  a = OptionalHasElement(full);\n"
                       "  b = OptionalHasElement(empty);\n"
                       "  y = OptionalGetElement(full);\n"
                       "}\n";
    struct mopt_tensor *x = tensor_of(MOPT_FLOAT32, 1, (const int64_t[]){1}, (const double[]){5});
    struct ran ran = run(text, &x, 1);
    assert_int_equal(ran.status, MOPT_OK);
    assert_values(ran.outputs[0], 0, NULL, (const double[]){1});
    assert_values(ran.outputs[1], 0, NULL, (const double[]){0});
    assert_values(ran.outputs[2], 1, (const int64_t[]){1}, (const double[]){5});
    done(&ran);
    mopt__tensor_unref(x);
}

static void seeds_decide_random_numbers(void **state)
{
    (void)state;
    const char *text = "graph g () -> (a, b, c, m) {\n"
                       "  a = RandomNormal<shape=[4000], seed=3.5>();\n"
                       "  b = RandomNormal<shape=[4000], seed=3.5>();\n"
                       "  c = RandomUniform<shape=[4000], low=-2.0, high=4.0>();\n"
                       "  float[1,3] p = {0.0, 1000.0, 0.0};\n"
                       "  m = Multinomial<sample_size=50>(p);\n"
                       "}\n";
    struct ran ran = run(text, NULL, 0);
    assert_int_equal(ran.status, MOPT_OK);
    assert_true(mopt__tensor_equal(ran.outputs[0]->tensor, ran.outputs[1]->tensor));
    double normal = 0;
    double uniform = 0;
    for (size_t i = 0; i < 4000; i++) {
        double u = mopt__tensor_f64(ran.outputs[2]->tensor, i);
        assert_true(u >= -2 && u < 4);
        normal += mopt__tensor_f64(ran.outputs[0]->tensor, i) / 4000;
        uniform += u / 4000;
    }
    assert_true(normal > -0.1 && normal < 0.1 && uniform > 0.85 && uniform < 1.15);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(mopt__tensor_i64_at(ran.outputs[3]->tensor, i), 1);
    }
    done(&ran);
}

int mopt__test_control(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loop_counts_and_collects),
        cmocka_unit_test(loop_without_trips),
        cmocka_unit_test(if_takes_outer_values),
        cmocka_unit_test(scan_directions_and_axes),
        cmocka_unit_test(scan_of_opset_8),
        cmocka_unit_test(loop_reports_changing_shapes),
        cmocka_unit_test(sequences),
        cmocka_unit_test(sequence_positions_are_checked),
        cmocka_unit_test(sequence_map),
        cmocka_unit_test(optional_values),
        cmocka_unit_test(seeds_decide_random_numbers),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
