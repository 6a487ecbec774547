// SPDX-License-Identifier: Apache-2.0
// Models in 16-bit floats: what is computed in FLOAT, what keeps its 16 bits, names, and results
// against the reference, which rounds at every node.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "exec/exec.h"
#include "ir/text.h"
#include "opened.h"
#include "tests.h"

struct widened {
    const char *name;
    const char *text;
    double tolerance;   // absolute and relative; 2^-11 is one rounding to float16, 2^-8 to bfloat16
    const char *wide;   // values of the model that are FLOAT in the session, space in front of each
    const char *narrow; // values that keep their type
};

#define HALF 0x1p-11
#define BRAIN 0x1p-8

static const struct widened cases[] = {
    {"inputs, weights and outputs; an output that is read inside, too",
     "model (ir=8, opset=17) { graph g (float16[1,2,4,4] x) -> (float16[1,3,4,4] y, "
     "float16[1,3] z, float16[1,2,4,4] x, float16[3] b) {"
     "  float16[3,2,3,3] w = {0.5,0.25,-1,2,0.125,1,-0.5,0.1,0.3,1,2,3,-1,-2,-3,0.5,0.25,0.75,"
     "  0.5,0.25,-1,2,0.125,1,-0.5,0.1,0.3,1,2,3,-1,-2,-3,0.5,0.25,0.75,"
     "  0.5,0.25,-1,2,0.125,1,-0.5,0.1,0.3,1,2,3,-1,-2,-3,0.5,0.25,0.75};"
     "  float16[3] b = {0.1, -0.2, 0.3}; c = Conv<pads=[1,1,1,1]>(x, w, b); y = Relu(c);"
     "  p = GlobalAveragePool(y); z = Flatten(p); } }",
     4 * HALF, " c p", " y z"},
    {"bfloat16",
     "model (ir=8, opset=17) { graph g (bfloat16[3,4] x) -> (bfloat16[3,2] y) {"
     "  bfloat16[4,2] w = {1, 2, 3, -4, 0.5, 0.25, -1, 1.5}; bfloat16[2] b = {0.1, 2};"
     "  m = MatMul(x, w); a = Add(m, b); y = Relu(a); } }",
     4 * BRAIN, " m a", " y"},
    {"three types of floats together",
     "model (ir=8, opset=17) { graph g (float16[4] x, bfloat16[4] u, float[4] f) -> (float[4] y,"
     " bfloat16[4] v) { a = Mul(x, x); b = Exp(u); c = Cast<to=1>(a); d = Cast<to=1>(b);"
     "  e = Add(c, d); y = Add(e, f); g = Cast<to=16>(y); v = Add(g, b); } }",
     4 * BRAIN, " a b c d e y", " g v"},
    {"a body reads outer values, hands one on and gives results",
     "model (ir=8, opset=17) { graph g (bool[] p, float16[3] x) -> (float16[3] y, float16[3] z) {"
     "  float16[3] k = {1.5, 2.5, 3.5}; a = Mul(x, k);"
     "  y, q = If<then_branch=graph () -> (t, x) { float16[3] n = {1, 2, 3}; s = Add(a, n);"
     "              t = Mul(s, x); },"
     "            else_branch=graph () -> (e, a) { e = Neg(k); }>(p); z = Sqrt(q); } }",
     4 * HALF, " a s t q", " y z"},
    {"a loop: carried, scanned, captured",
     "model (ir=8, opset=17) { graph g (float16[3] x) -> (float16[3] y, float16[4,3] all) {"
     "  int64 n = {4}; bool go = {1}; float16[3] k = {0.5, 1.5, -0.25};"
     "  a = Add(x, k); r, all = Loop<body=graph (int64 i, bool c, float16[3] s) ->"
     "    (c2, float16[3] s2, float16[3] t) { c2 = Identity(c); m = Mul(s, k); s2 = Add(m, a);"
     "    t = Tanh(s2); }>(n, go, x); y = Exp(r); } }",
     16 * HALF, " a m s2 t r", " y all"},
    {"a scan",
     "model (ir=8, opset=17) { graph g (float16[2] s0, float16[3,2] x) -> (float16[2] s,"
     " float16[3,2] y) { a = Exp(s0); s, z = Scan<num_scan_inputs=1, body=graph (float16[2] c,"
     "  float16[2] e) -> (float16[2] c2, float16[2] o) { c2 = Add(c, e); o = Mul(c2, c2); }>(a, x);"
     "  y = Sin(z); } }",
     16 * HALF, " a c2 o z", " s y"},
    {"a body whose owner is not wide",
     "model (ir=8, opset=17) { graph g (float16[2] x) -> (float16[2] y) { int64 zero = {0};"
     "  e = Exp(x); l = SequenceConstruct(e, x); m = SequenceMap<body=graph (float16[2] i) ->"
     "  (float16[2] o) { j = Mul(i, i); o = Add(j, e); }>(l); f = SequenceAt(m, zero);"
     "  y = Sqrt(f); } }",
     8 * HALF, " e j", " f y"},
    {"functions of the model",
     "model (ir=8, opset=13, \"my\"=1) { graph main (float16[2] x) -> (float16[2] y) {\n"
     "a = \"my\"::Square(x); y = Exp(a); } function \"my\"::Square(a) -> (b) (opset=13) {"
     " c = Mul(a, a); b = Mul(c, a); } }",
     8 * HALF, " a", " y"},
    {"constants made by nodes",
     "model (ir=8, opset=27) { graph g (float16[3] x) -> (float16[3] y) {"
     "  c = Constant<value=float16[3]{1, 2, 3}>(); int64[1] three = {3};"
     "  s = ConstantOfShape<value=float16[1]{0.5}>(three); float16 lo = {0}; float16 hi = {3};"
     "  float16 one = {1}; r = Range(lo, hi, one); int64[2] sq = {3, 3};"
     "  i = ConstantOfShape<value=int64[1]{0}>(sq); e = EyeLike<dtype=10>(i);"
     "  a = Add(x, c); b = Mul(a, s); d = Add(b, r); f = MatMul(d, e); y = Neg(f); } }",
     4 * HALF, " a b d f r", " c s e y"},
    {"type of a like: the result is rounded",
     "model (ir=8, opset=17) { graph g (float16[3] x, float[3] f) -> (float[3] y) {"
     "  a = Exp(x); b = CastLike(f, a); c = Mul(b, a); d = CastLike(c, f); y = Neg(d); } }",
     4 * HALF, " a c d", " b"},
    {"codes with scales of 16 bits",
     "model (ir=9, opset=19) { graph g (float16[4] x) -> (float16[4] y, int8[4] q) {"
     "  float16 s = {0.03125}; int8 z = {3}; a = Mul(x, x); q = QuantizeLinear(a, s, z);"
     "  d = DequantizeLinear(q, s, z); y = Sqrt(d); } }",
     4 * HALF, " a d", " q y"},
    {"type of dequantized numbers as an attribute",
     "model (ir=10, opset=23) { graph g (int8[4] q) -> (float16[4] y) {"
     "  float16 s = {0.03125}; d = DequantizeLinear<output_dtype=10>(q, s); y = Exp(d); } }",
     4 * HALF, " d", " y"},
    {"rows of a table stay as they are stored",
     "model (ir=8, opset=17) { graph g (int64[2] i) -> (float16[2,3] y) {"
     "  float16[4,3] t = {1,2,3,4,5,6,7,8,9,10,11,12}; r = Gather(t, i); y = Exp(r); } }",
     4 * HALF, "", " r y"},
    {"nothing is computed: nothing changes",
     "model (ir=8, opset=17) { graph g (float16[2,3] x) -> (float16[3,4] y, int64[2] s) {"
     "  t = Transpose(x); y = Concat<axis=1>(t, t); s = Shape(y); } }",
     0, "", " t y"},
    {"bits are those of 16 bits",
     "model (ir=12, opset=26) { graph g (float16[2] x) -> (int16[2] y, float16[2] z) {"
     "  a = Add(x, x); y = BitCast<to=5>(a); b = BitCast<to=10>(y); z = Mul(b, b); } }",
     4 * HALF, " a", " y b z"},
    {"random numbers stay what they are",
     "model (ir=8, opset=17) { graph g (float16[8] x) -> (float16[8] r, float16[8] y, float16[8] s)"
     " { r = RandomNormalLike(x); y = Exp(r); s = RandomUniform<dtype=10, shape=[8]>(); } }",
     4 * HALF, "", " r y s"},
    {"shapes are asked of any form; other results of a node",
     "model (ir=8, opset=17) { graph g (float16[2,6] x) -> (float16[3,4] y, int64[2] best) {"
     "  int64[1] k = {1}; a = Exp(x); s = Shape(a); n = Size(a); int64[2] f = {3, 4};"
     "  v, i = TopK(a, k); int64[1] k0 = {0}; u = Unsqueeze(n, k0); t = Cast<to=10>(u);"
     "  w = Div(a, t); r = Reshape(w, f); y = Sqrt(r); best = Squeeze(i, k); } }",
     4 * HALF, " a v w r", " t y"},
    {"a table that is multiplied with, too; Casts of a type to itself and to another",
     "model (ir=8, opset=17) { graph g (int64[2] i, float16[2,3] x) -> (float16[2,3] y,"
     " float16[2,4] z) { float16[4,3] t = {1,2,3,4,5,6,7,8,9,10,11,12}; r = Gather(t, i);"
     "  u = Transpose(t); a = Cast<to=10>(x); e = Exp(a); c = Cast<to=10>(e); z = MatMul(c, u);"
     "  d = Cast<to=16>(c); f = Cast<to=10>(d); y = Mul(f, r); } }",
     4 * BRAIN, " u a e c", " r d f y z"},
    {"Gelu with the root of 2 in 16 bits",
     "model (ir=8, opset=17) { graph g (float16[2,5] x) -> (float16[2,5] y, float16[2,5] z) {"
     "  float16 root = {1.4142135}; float16 part = {0.70710678}; float16 one = {1};"
     "  float16 half = {0.5}; u = Neg(x); a = Div(u, root); b = Erf(a); c = Add(b, one);"
     "  d = Mul(u, c); y = Mul(d, half); v = Exp(x); f = Mul(v, part); h = Erf(f);"
     "  i = Add(h, one); j = Mul(v, i); z = Mul(j, half); } }",
     4 * HALF, " u a b c d v f h i j", " y z"},
    {"values that a node names",
     "model (ir=10, opset=17, \"ai.onnx.preview.training\"=1) { graph g (float16[1] x) ->"
     " (float16[1] y, float16[1] d) { y = Mul(x, x);"
     "  d = \"ai.onnx.preview.training\"::Gradient<xs=[\"x\"], y=\"y\">(x); } }",
     0, "", " y d"},
    {"dropout, normalization, a recurrent layer",
     "model (ir=8, opset=17) { graph g (float16[3,1,4] x) -> (float16[3,1,1,2] y,"
     " float16[1,1,2] h) { float16[4] k = {1, 0.5, 2, 1}; n = LayerNormalization(x, k); d ="
     " Dropout(n); float16[1,6,4] w = {1,2,3,4,0.1,0.2,0.3,0.4,0.5,0.25,0.125,1,1,2,3,4,0.1,0.2,"
     " 0.3,0.4,0.5,0.25,0.125,1}; float16[1,6,2] r = {1,2,3,4,0.1,0.2,0.3,0.4,0.5,0.25,0.125,1};"
     " y, h = GRU<hidden_size=2>(d, w, r); } }",
     16 * HALF, " n d", " y h"},
};

// ---- Running ------------------------------------------------------------------------------------

enum { VALUES_MAX = 4, SEEN_MAX = 64 };

struct seen { // what an observer met
    char names[SEEN_MAX][32];
    enum mopt_dtype dtypes[SEEN_MAX];
    size_t count;
};

static enum mopt_status observe(void *context, const struct mopt_value *value,
                                const struct mopt_datum *datum, struct mopt_error *err)
{
    struct seen *seen = context;
    (void)err;
    if (datum->kind == MOPT_DATUM_TENSOR) {
        assert_true(seen->count < SEEN_MAX);
        snprintf(seen->names[seen->count], sizeof seen->names[0], "%s", value->name);
        seen->dtypes[seen->count++] = datum->tensor->dtype;
        if (value->type != NULL && value->type->kind == MOPT_TYPE_TENSOR) {
            assert_int_equal(value->type->dtype, datum->tensor->dtype);
        }
    }
    return MOPT_OK;
}

static enum mopt_dtype dtype_seen(const struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], name) == 0) {
            return seen->dtypes[i];
        }
    }
    fail_msg("nobody saw '%s'", name);
    return MOPT_UNDEFINED;
}

static struct mopt_model *parse(const char *text)
{
    return parsed(text, strlen(text));
}

static struct mopt_session *open_session(struct mopt_model *model, bool reference)
{
    struct mopt_session_options options = {.threads = 1,
                                           .seed = 5,
                                           .reference = reference,
                                           .observed = true};
    return opened(model, &options);
}

static struct mopt_datum *tensor_of(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                    const double *values)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &err), MOPT_OK);
    for (size_t i = 0; i < tensor->count; i++) {
        bool integer = mopt__dtype_is_integer(dtype) || dtype == MOPT_BOOL;
        double value = values != NULL ? values[i] : integer ? 1 : 0.1 * (double)(i % 13) + 0.05;
        if (integer) {
            mopt__element_set_i64(dtype, mopt__tensor_data(tensor), i, (int64_t)value);
        } else {
            mopt__element_set_f64(dtype, mopt__tensor_data(tensor), i, value);
        }
    }
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static struct mopt_datum *input_of(const struct mopt_model *model, size_t i)
{
    const struct mopt_type *type = model->graph->inputs.items[i]->declared;
    int64_t dims[MOPT_RANK_MAX];
    for (int d = 0; d < type->rank; d++) {
        assert_true(mopt__dim_is_known(model->dims, type->dims[d], &dims[d]));
    }
    return tensor_of(type->dtype, type->rank, dims, NULL);
}

static void run(struct mopt_session *session, struct mopt_datum *const *inputs,
                struct mopt_datum **outputs, struct seen *seen)
{
    struct mopt_run_options options = {.observe = observe, .observe_context = seen};
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_run(session, inputs, outputs, seen != NULL ? &options : NULL, &err) !=
        MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static void release(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

static void close_enough(const struct widened *c, size_t output, const struct mopt_tensor *have,
                         const struct mopt_tensor *want)
{
    assert_int_equal(have->dtype, want->dtype);
    assert_int_equal(have->rank, want->rank);
    assert_memory_equal(have->dims, want->dims, (size_t)want->rank * sizeof *want->dims);
    for (size_t i = 0; i < want->count; i++) {
        double u = mopt__tensor_f64(have, i);
        double v = mopt__tensor_f64(want, i);
        if (u != v && !(fabs(u - v) <= c->tolerance * (1 + fabs(v)))) {
            fail_msg("%s: output %zu, element %zu is %.9g, must be %.9g", c->name, output, i, u, v);
        }
    }
}

static void check_names(const struct widened *c, const struct seen *seen, const char *names,
                        bool wide)
{
    char name[32];
    int length;
    for (; sscanf(names, " %31s%n", name, &length) == 1; names += length) {
        if ((dtype_seen(seen, name) == MOPT_FLOAT32) != wide) {
            fail_msg("%s: '%s' is %s", c->name, name, mopt__dtype_name(dtype_seen(seen, name)));
        }
    }
}

static void try_case(const struct widened *c)
{
    struct mopt_model *model = parse(c->text);
    struct mopt_datum *inputs[VALUES_MAX] = {NULL};
    struct mopt_datum *wanted[VALUES_MAX] = {NULL};
    struct mopt_datum *outputs[VALUES_MAX] = {NULL};
    size_t count = model->graph->outputs.count;
    for (size_t i = 0; i < model->graph->inputs.count; i++) {
        inputs[i] = input_of(model, i);
    }
    struct mopt_session *session = open_session(model, true);
    struct seen plain = {.count = 0};
    run(session, inputs, wanted, &plain);
    mopt__session_free(session);

    session = open_session(model, false);
    struct seen seen = {.count = 0};
    for (int turn = 0; turn < 3; turn++) { // node by node, then as a program
        run(session, inputs, outputs, turn == 0 ? &seen : NULL);
        for (size_t o = 0; o < count; o++) {
            close_enough(c, o, outputs[o]->tensor, wanted[o]->tensor);
        }
        release(outputs, count);
    }
    mopt__session_free(session);
    check_names(c, &seen, c->wide, true);
    check_names(c, &seen, c->narrow, false);
    for (size_t i = 0; i < plain.count; i++) { // every name that the model has
        (void)dtype_seen(&seen, plain.names[i]);
    }
    release(inputs, VALUES_MAX);
    release(wanted, count);
    mopt__model_free(model);
}

static void models_compute_in_floats(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        try_case(&cases[i]);
    }
}

// ---- Roundings ----------------------------------------------------------------------------------

// A Cast of the model rounds, and overflows; what only lies between operators does not.
static void casts_of_the_model_stay(void **state)
{
    (void)state;
    struct mopt_model *model =
        parse("model (ir=8, opset=17) { graph g (float[4] x) -> (float[4] y, float[4] z) {"
              "  float16 k = {2}; float16 r = {0.25}; h = Cast<to=10>(x); y = Cast<to=1>(h);"
              "  b = Mul(h, k); c = Mul(b, r); z = Cast<to=1>(c); } }");
    const double x[] = {70000, -1e9, 60000, 1.0001};
    const int64_t four = 4;
    struct mopt_datum *input = tensor_of(MOPT_FLOAT32, 1, &four, x);
    struct mopt_datum *outputs[2];
    struct mopt_session *session = open_session(model, false);
    for (int turn = 0; turn < 2; turn++) {
        run(session, &input, outputs, NULL);
        const float *y = outputs[0]->tensor->data;
        const float *z = outputs[1]->tensor->data;
        assert_true(y[0] == INFINITY && y[1] == -INFINITY);
        assert_true(y[2] == 60000.0F && y[3] == 1.0F);
        assert_true(z[0] == INFINITY && z[1] == -INFINITY);
        assert_true(z[2] == 30000.0F); // 120000 in between
        assert_true(z[3] == 0.5F);
        release(outputs, 2);
    }
    mopt__session_free(session);
    mopt__datum_unref(input);
    mopt__model_free(model);
}

// ---- Inputs with defaults -----------------------------------------------------------------------

static void defaults_can_be_replaced(void **state)
{
    (void)state;
    static const char rest[] = "opset=13) { graph g (float16[2] x, float16[2] w) ->"
                               " (float16[2] y) { float16[2] w = {2, 3}; y = Mul(x, w); } }";
    const double ones[] = {1, 1};
    const double other[] = {5, 7};
    const int64_t two = 2;
    for (int ir = 3; ir <= 4; ir++) {
        char text[256];
        snprintf(text, sizeof text, "model (ir=%d, %s", ir, rest);
        struct mopt_model *model = parse(text);
        struct mopt_session *session = open_session(model, false);
        struct mopt_datum *inputs[] = {tensor_of(MOPT_FLOAT16, 1, &two, ones), NULL};
        struct mopt_datum *output = NULL;
        run(session, inputs, &output, NULL);
        assert_true(mopt__tensor_f64(output->tensor, 0) == 2);
        assert_true(mopt__tensor_f64(output->tensor, 1) == 3);
        release(&output, 1);
        if (ir >= 4) {
            inputs[1] = tensor_of(MOPT_FLOAT16, 1, &two, other);
            run(session, inputs, &output, NULL);
            assert_true(mopt__tensor_f64(output->tensor, 0) == 5);
            assert_true(mopt__tensor_f64(output->tensor, 1) == 7);
            release(&output, 1);
        }
        release(inputs, 2);
        mopt__session_free(session);
        mopt__model_free(model);
    }
}

// ---- What others see ----------------------------------------------------------------------------

static const char plain_model[] =
    "model (ir=8, opset=13) { graph g (float16[2] x) -> (float16[2] y) {"
    " float16[2] w = {2, 3}; a = Mul(x, w); y = Exp(a); } }";

static void reference_sessions_keep_types(void **state)
{
    (void)state;
    struct mopt_model *model = parse(plain_model);
    struct mopt_datum *input = input_of(model, 0);
    struct mopt_datum *output = NULL;
    struct mopt_session *session = open_session(model, true);
    struct seen seen = {.count = 0};
    run(session, &input, &output, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(dtype_seen(&seen, "a"), MOPT_FLOAT16);
    release(&output, 1);
    release(&input, 1);
    mopt__session_free(session);
    mopt__model_free(model);
}

// The caller's model is what it was, and keeps its weights.
static void the_model_is_not_touched(void **state)
{
    (void)state;
    struct mopt_model *model = parse(plain_model);
    const struct mopt_value *w = mopt__value_find(model->graph, "w");
    const struct mopt_tensor *tensor = w->constant;
    struct mopt_session *session = open_session(model, false);
    struct mopt_session_memory memory;
    mopt__session_memory(session, &memory);
    assert_int_equal(memory.constant_bytes, 2 * sizeof(float)); // as they are kept
    assert_ptr_equal(w->constant, tensor);
    assert_int_equal(tensor->dtype, MOPT_FLOAT16);
    assert_int_equal(model->graph->node_count, 2);
    mopt__session_free(session);
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__model_verify(model, &err), MOPT_OK);
    mopt__model_free(model);
}

static void inputs_of_other_types_are_refused(void **state)
{
    (void)state;
    struct mopt_model *model = parse(plain_model);
    const int64_t two = 2;
    struct mopt_datum *input = tensor_of(MOPT_FLOAT32, 1, &two, NULL);
    struct mopt_datum *output = NULL;
    struct mopt_session *session = open_session(model, false);
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__session_run(session, &input, &output, NULL, &err), MOPT_E_TYPE);
    release(&input, 1);
    mopt__session_free(session);
    mopt__model_free(model);
}

// What is wrong stays wrong: both kinds of session refuse it.
static void types_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct mopt_model *model =
        parse("model (ir=8, opset=13) { graph g (float16[2] x, float[2] f) -> (float16[2] y) {"
              " a = Exp(x); b = Mul(a, f); y = Cast<to=10>(b); } }");
    for (int reference = 0; reference < 2; reference++) {
        struct mopt_datum *inputs[] = {input_of(model, 0), input_of(model, 1)};
        struct mopt_datum *output = NULL;
        struct mopt_session *session = open_session(model, reference);
        struct mopt_error err;
        mopt_error_clear(&err);
        assert_int_equal(mopt__session_run(session, inputs, &output, NULL, &err), MOPT_E_TYPE);
        release(inputs, 2);
        mopt__session_free(session);
    }
    mopt__model_free(model);
}

int mopt__test_widen(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_compute_in_floats),
        cmocka_unit_test(casts_of_the_model_stay),
        cmocka_unit_test(defaults_can_be_replaced),
        cmocka_unit_test(reference_sessions_keep_types),
        cmocka_unit_test(the_model_is_not_touched),
        cmocka_unit_test(inputs_of_other_types_are_refused),
        cmocka_unit_test(types_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("exec/widen", tests, NULL, NULL);
}
