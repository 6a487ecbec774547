// SPDX-License-Identifier: Apache-2.0
// Gradient: every rule against central differences of the same graph, and what is refused.
#include "support.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Body of a graph of double[2,3] a, double[2,3] b, double[3] c, whose value y is differentiated.
static const char *const bodies[] = {
    "y = Add(a, c);",
    "t = Sub(c, b); y = Mul(t, a);",
    "t = Mul(b, b); k = Exp(t); y = Div(a, k);",
    "t = Exp(a); y = Pow(t, b);",
    "s = Sum(a, b, c); y = Mul(s, a);",
    "s = Mean(a, c); y = Mul(s, s);",
    "l = Less(a, b); m = Mul(a, b); y = Where(l, m, c);",
    "n = Neg(a); q = Abs(n); y = Mul(q, b);",
    "p = Exp(a); l = Log(p); r = Sqrt(p); m = Mul(l, r); y = Reciprocal(p); k = Mul(m, y);",
    "p = Sin(a); q = Cos(b); r = Tan(c); s = Mul(p, q); y = Mul(s, r);",
    "p = Sinh(a); q = Cosh(b); r = Tanh(c); s = Mul(p, q); y = Mul(s, r);",
    "p = Atan(a); q = Sigmoid(b); r = Relu(c); s = Mul(p, q); y = Mul(s, r);",
    "p = Softplus(a); q = Softsign(b); r = Erf(c); s = Mul(p, q); y = Mul(s, r);",
    "t = Transpose(b); m = MatMul(a, t); y = Mul(m, m);",
    "m = MatMul(a, c); n = MatMul(b, c); y = Mul(m, n);",
    "v = MatMul(a, c); w = MatMul(v, b); y = Mul(w, c);",
    "y = Gemm<alpha=0.5, beta=2.0, transB=1>(a, b);",
    "m = Gemm<transA=1, alpha=1.5>(a, b, c); y = Mul(m, m);",
    "k = Constant<value=int64[1]{0}>(); u = Unsqueeze(a, k); t = Transpose(b); y = MatMul(u, t);",
    "t = Transpose<perm=[1,0]>(a); s = Shape(a); r = Reshape(t, s); y = Mul(r, b);",
    "t = Flatten<axis=0>(a); u = Flatten<axis=0>(b); k = Concat<axis=-1>(t, u, t); y = Mul(k, k);",
    "k = Constant<value=int64[1]{-1}>(); s = ReduceSum(a, k); t = Mul(s, s); y = Mul(t, c);",
    "m = ReduceMean<axes=[0], keepdims=0>(b); t = Mul(a, m); y = Mul(t, c);",
    "s = ReduceSum<keepdims=0>(a); i = Identity(s); y = Mul(i, b);",
    "s = Softmax<axis=0>(a); l = LogSoftmax(b); m = Mul(s, l); y = Mul(m, c);",
    "f = Cast<to=1>(a); d = Cast<to=11>(f); y = Mul(d, b);", // 32 bits between: looser below
    "y = Identity(b);",
};

struct numbers {
    double a[6], b[6], c[3];
};

static const struct numbers start = {{0.3, -0.7, 1.1, 0.9, -0.2, 0.5},
                                     {0.4, 0.8, -0.6, 1.2, 0.1, -0.9},
                                     {0.25, 0.6, 1.3}};

static void run_text(const char *text, const struct numbers *at, size_t outputs,
                     struct mopt_datum **out)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_model *model = parse_model(text);
    struct mopt_tensor *inputs[3] = {tensor_of(MOPT_FLOAT64, 2, (const int64_t[]){2, 3}, at->a),
                                     tensor_of(MOPT_FLOAT64, 2, (const int64_t[]){2, 3}, at->b),
                                     tensor_of(MOPT_FLOAT64, 1, (const int64_t[]){3}, at->c)};
    assert_int_equal(model->graph->outputs.count, outputs);
    enum mopt_status status = run_model(model, inputs, 3, out, &err);
    if (status != MOPT_OK) {
        print_error("%s: %s\n", text, err.text);
    }
    assert_int_equal(status, MOPT_OK);
    for (int i = 0; i < 3; i++) {
        mopt__tensor_unref(inputs[i]);
    }
    mopt__model_free(model);
}

// Sum over the elements of y.
static double sum_at(const char *text, const struct numbers *at)
{
    struct mopt_datum *out = NULL;
    double sum = 0;
    run_text(text, at, 1, &out);
    for (size_t i = 0; i < out->tensor->count; i++) {
        sum += mopt__tensor_f64(out->tensor, i);
    }
    mopt__datum_unref(out);
    return sum;
}

static size_t count_wrong(const char *body)
{
    const char *head = "model (ir=8, opset=17, \"ai.onnx.preview.training\"=1) { graph g "
                       "(double[2,3] a, double[2,3] b, double[3] c) -> ";
    char plain[1024];
    char sloped[1024];
    bool loose = strstr(body, "Cast") != NULL;
    double step = loose ? 1e-2 : 1e-5;
    size_t wrong = 0;
    struct mopt_datum *slopes[3] = {NULL};
    (void)snprintf(plain, sizeof plain, "%s(y) { %s } }", head, body);
    (void)snprintf(sloped, sizeof sloped,
                   "%s(da, db, dc) { %s da, db, dc = ai.onnx.preview.training::Gradient<xs=[\"a\", "
                   "\"b\", \"c\"], y=\"y\">(a, b, c); } }",
                   head, body);
    run_text(sloped, &start, 3, slopes);
    for (size_t i = 0; i < 15; i++) {
        struct numbers low = start;
        struct numbers high = start;
        (i < 6 ? low.a : i < 12 ? low.b : low.c)[i < 12 ? i % 6 : i - 12] -= step;
        (i < 6 ? high.a : i < 12 ? high.b : high.c)[i < 12 ? i % 6 : i - 12] += step;
        double expected = (sum_at(plain, &high) - sum_at(plain, &low)) / (2 * step);
        double slope =
            mopt__tensor_f64(slopes[i < 12 ? i / 6 : 2]->tensor, i < 12 ? i % 6 : i - 12);
        if (!(fabs(slope - expected) <= (loose ? 1e-4 : 1e-7) * (1 + fabs(expected)))) {
            print_error("%s input %zu: %g, differences give %g\n", body, i, slope, expected);
            wrong++;
        }
    }
    for (int i = 0; i < 3; i++) {
        mopt__datum_unref(slopes[i]);
    }
    return wrong;
}

static void rules_match_differences(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(bodies); i++) {
        wrong += count_wrong(bodies[i]);
    }
    assert_int_equal(wrong, 0);
}

// zs are no variables; inputs may be other values than those of the graph; an inner value may be a
// variable.
static void given_values_count(void **state)
{
    (void)state;
    const char *text = "model (ir=8, opset=17, \"ai.onnx.preview.training\"=1) { graph g "
                       "(double[2,3] a, double[2,3] b, double[3] c) -> (d, e) { "
                       "h = Mul(a, b); y = Mul(h, a); "
                       "d = ai.onnx.preview.training::Gradient<xs=[\"a\"], zs=[\"b\"], "
                       "y=\"y\">(b, a); "
                       "e = ai.onnx.preview.training::Gradient<xs=[\"h\"], zs=[\"a\"], "
                       "y=\"y\">(b, b); } }";
    struct mopt_datum *out[2] = {NULL};
    run_text(text, &start, 2, out);
    for (size_t i = 0; i < 6; i++) {
        // d(a a b)/da = 2 a b at a := b, b := a; d(h a)/dh = a at a := b
        assert_true(fabs(mopt__tensor_f64(out[0]->tensor, i) - 2 * start.a[i] * start.b[i]) <
                    1e-12);
        assert_true(fabs(mopt__tensor_f64(out[1]->tensor, i) - start.b[i]) < 1e-12);
    }
    mopt__datum_unref(out[0]);
    mopt__datum_unref(out[1]);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *body, *attributes, *inputs, *text;
        enum mopt_status status;
    } cases[] = {
        {"y = Round(a);", "xs=[\"a\"], y=\"y\"", "a", "no rule", MOPT_E_UNSUPPORTED},
        {"y = Neg(a);", "xs=[\"q\"], y=\"y\"", "a", "no value 'q'", MOPT_E_VALUE},
        {"y = Neg(a);", "xs=[\"a\"], y=\"q\"", "a", "no value 'q'", MOPT_E_VALUE},
        {"y = Mul(a, b);", "xs=[\"a\"], y=\"y\"", "a", "'b' is not determined", MOPT_E_VALUE},
        {"y = Neg(a);", "xs=[\"a\", \"a\"], y=\"y\"", "a, b", "named twice", MOPT_E_VALUE},
        {"y = Neg(a);", "xs=[\"a\", \"b\"], y=\"y\"", "a", "has no input", MOPT_E_VALUE},
        {"y = Neg(a);", "xs=[\"a\"], y=\"y\"", "a, b", "2 inputs for 1", MOPT_E_FORMAT},
        {"p, q = Split<axis=1, num_outputs=2>(a); y = Neg(q);", "xs=[\"a\"], y=\"y\"", "a",
         "later outputs", MOPT_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        char text[1024];
        struct mopt_error err;
        struct mopt_datum *out = NULL;
        (void)snprintf(text, sizeof text,
                       "model (ir=8, opset=18, \"ai.onnx.preview.training\"=1) { graph g "
                       "(double[2,4] a, double[2,4] b) -> (d) { %s "
                       "d = ai.onnx.preview.training::Gradient<%s>(%s); } }",
                       cases[i].body, cases[i].attributes, cases[i].inputs);
        const double eight[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        struct mopt_tensor *a = tensor_of(MOPT_FLOAT64, 2, (const int64_t[]){2, 4}, eight);
        struct mopt_tensor *inputs[2] = {a, a};
        struct mopt_model *model = parse_model(text);
        mopt_error_clear(&err);
        assert_int_equal(run_model(model, inputs, 2, &out, &err), cases[i].status);
        assert_non_null(strstr(err.text, cases[i].text));
        mopt__tensor_unref(a);
        mopt__model_free(model);
    }
}

int mopt__test_gradient(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match_differences),
        cmocka_unit_test(given_values_count),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("gradient", tests, NULL, NULL);
}
