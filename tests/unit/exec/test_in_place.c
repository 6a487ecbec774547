// SPDX-License-Identifier: Apache-2.0
// Results that are made in the place of an operand: how much memory is planned, and that nothing is
// overwritten that somebody still reads.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "opened.h"
#include "tests.h"

// Neither a row nor the whole is a number of vectors. Sizes in memory are multiples of 64 bytes.
enum {
    ROWS = 125,
    COLUMNS = 131,
    OUTPUTS_MAX = 3,
    IMAGE = (ROWS * COLUMNS * 4 + 64 + 63) / 64 * 64,
    CODES = (ROWS * COLUMNS + 64 + 63) / 64 * 64,
    ROW = (ROWS * 4 + 63) / 64 * 64,
};

struct placed {
    const char *name;
    const char *text; // one input x, float[125, 131]
    size_t arena;     // bytes; 0: as it comes
};

#define GRAPH(outputs, body) \
    "model (ir=8, opset=18) { graph main (float[125,131] x) -> (" outputs ") { " body " } }"

static const struct placed cases[] = {
    {"one after the other",
     GRAPH("float[125,131] y", "a = Sin(x); b = Cos(a); c = Exp(b); y = Tanh(c);"), IMAGE},
    {"read once more later",
     GRAPH("float[125,131] y", "a = Sin(x); b = Cos(a); c = Exp(b); d = Tanh(c); y = Add(d, a);"),
     2 * IMAGE},
    {"the same operand twice", GRAPH("float[125,131] y", "a = Sin(x); b = Mul(a, a); y = Cos(b);"),
     IMAGE},
    {"the operand that is done with",
     GRAPH("float[125,131] y",
           "a = Sin(x); b = Cos(x); c = Sub(b, a); d = Exp(b); e = Div(d, c); y = Tanh(e);"),
     2 * IMAGE},
    {"the operand that is not repeated",
     GRAPH("float[125,131] y",
           "int64[1] axis = {1}; a = Sin(x); m = ReduceMax<keepdims=1>(a, axis);"
           " c = Sub(m, a); d = Tanh(c); y = Exp(d);"),
     IMAGE + ROW},
    {"an operand that the caller gave, or that is a result",
     GRAPH("float[125,131] y, float[125,131] a, float[125,131] z",
           "y = Sin(x); a = Cos(y); z = Exp(y);"),
     0},
    {"a result that is a view of the operand",
     GRAPH("float[16375] v, float[125,131] y",
           "int64[1] flat = {16375}; a = Sin(x); v = Reshape(a, flat); b = Cos(a); y = Exp(b);"),
     2 * IMAGE},
    {"an operand that is read through a view",
     GRAPH("float[16375] z, float[125,131] y",
           "int64[1] flat = {16375}; a = Sin(x); v = Reshape(a, flat); b = Cos(a); y = Exp(b);"
           " z = Tanh(v);"),
     2 * IMAGE},
    {"operands that are parts of one tensor",
     GRAPH("float[123,131] y, float[62,131] z",
           "int64[1] zero = {0}; int64[1] two = {2}; int64[1] most = {123}; int64[1] all = {125};"
           " a = Sin(x); u = Slice(a, zero, most, zero); v = Slice(a, two, all, zero);"
           " b = Sub(u, v); y = Exp(b); int64[3] parts = {62, 62, 1}; c = Cos(x);"
           " p, q, r = Split<axis=0>(c, parts); d = Sub(q, p); e = Mul(d, p); z = Tanh(e);"),
     0},
    {"an operand of which a part is repeated",
     GRAPH("float[125,131] y", "int64[2] cut = {1, 124}; a = Sin(x); p, q = Split<axis=0>(a, cut);"
                               " d = Sub(a, p); y = Exp(d);"),
     2 * IMAGE},
    {"a part that does not begin where the whole does",
     GRAPH("float[93,131] y", "int64[2] cut = {32, 93}; a = Sin(x); p, q = Split<axis=0>(a, cut);"
                              " d = Exp(q); y = Cos(d);"),
     0},
    {"the last one of all, results being views",
     GRAPH("float[16375] v, float[16375] y",
           "int64[1] flat = {16375}; a = Sin(x); v = Reshape(a, flat); b = Cos(a);"
           " y = Reshape(b, flat);"),
     2 * IMAGE},
    {"what a body reads",
     GRAPH("float[125,131] y", "a = Sin(x); b = Cos(a); c = Exp(b); m = ReduceMax<keepdims=0>(x);"
                               " n = Greater(m, half); float half = {0.5};"
                               " d = If<then_branch=graph () -> (r) { r = Neg(a); },"
                               " else_branch=graph () -> (s) { s = Tanh(b); }>(n); y = Add(c, d);"),
     0},
    {"codes",
     GRAPH("float[125,131] y",
           "float s = {0.0125}; uint8 z = {128}; q = QuantizeLinear(x, s, z);"
           " f = DequantizeLinear(q, s, z); g = Sigmoid(f); h = QuantizeLinear(g, s, z);"
           " i = DequantizeLinear(h, s, z); j = Mul(i, f); k = QuantizeLinear(j, s, z);"
           " l = DequantizeLinear(k, s, z); m = Add(l, f); n = QuantizeLinear(m, s, z);"
           " o = DequantizeLinear(n, s, z); p = Tanh(o); t = QuantizeLinear(p, s, z);"
           " y = DequantizeLinear(t, s, z);"),
     2 * CODES},
};

static struct mopt_datum *input_of(void)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    const int64_t dims[] = {ROWS, COLUMNS};
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 2, dims, &tensor, &err), MOPT_OK);
    for (size_t i = 0; i < tensor->count; i++) {
        ((float *)mopt__tensor_data(tensor))[i] = (float)(i * 37 % 1009) / 700 - 0.7F;
    }
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static void run(struct mopt_session *session, struct mopt_datum **input, struct mopt_datum **out)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_run(session, input, out, NULL, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static void release(struct mopt_datum **data)
{
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

static void compare(const struct placed *c, struct mopt_datum **have, struct mopt_datum **want)
{
    for (size_t o = 0; o < OUTPUTS_MAX && want[o] != NULL; o++) {
        for (size_t i = 0; i < want[o]->tensor->count; i++) {
            double u = mopt__tensor_f64(have[o]->tensor, i);
            double v = mopt__tensor_f64(want[o]->tensor, i);
            if (!(fabs(u - v) <= 1e-5 * (1 + fabs(v)))) {
                fail_msg("%s: output %zu, element %zu is %.9g, must be %.9g", c->name, o, i, u, v);
            }
        }
    }
}

static void try_case(const struct placed *c)
{
    struct mopt_model *model = parsed(c->text, strlen(c->text));
    struct mopt_datum *input = input_of(), *want[OUTPUTS_MAX] = {NULL}, *have[OUTPUTS_MAX] = {NULL};
    struct mopt_session_options options = {.threads = 1, .reference = true};
    struct mopt_session *session = opened(model, &options);
    run(session, &input, want);
    mopt__session_free(session);
    options.reference = false;
    for (options.threads = 1; options.threads <= 3; options.threads += 2) {
        session = opened(model, &options);
        run(session, &input, have);
        compare(c, have, want);
        release(have);
        run(session, &input, have); // without the outputs of the first run
        compare(c, have, want);
        release(have);
        struct mopt_session_memory memory;
        mopt__session_memory(session, &memory);
        if (c->arena != 0 && memory.arena_bytes != c->arena) {
            fail_msg("%s: %zu bytes, must be %zu", c->name, memory.arena_bytes, c->arena);
        }
        mopt__session_free(session);
    }
    release(want);
    mopt__datum_unref(input);
    mopt__model_free(model);
}

static void results_take_the_place_of_operands(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        try_case(&cases[i]);
    }
}

int mopt__test_in_place(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(results_take_the_place_of_operands)};
    return cmocka_run_group_tests_name("in place", tests, NULL, NULL);
}
