// SPDX-License-Identifier: Apache-2.0
// Sessions: values, control flow with captures, functions, views that outlive their plan, limits,
// repeated and ragged runs.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "tests.h"

struct fixture {
    struct mopt_model *model;
    struct mopt_session *session;
    struct mopt_error err;
};

static struct fixture open_text(const char *text)
{
    struct fixture f = {NULL, NULL, {0}};
    mopt_error_clear(&f.err);
    if (mopt__text_parse(text, strlen(text), &f.model, &f.err) != MOPT_OK) {
        fail_msg("%s", f.err.text);
    }
    assert_int_equal(mopt__ops_resolve(f.model, &f.err), MOPT_OK);
    struct mopt_session_options options = {.threads = 1};
    if (mopt__session_new(f.model, &options, &f.session, &f.err) != MOPT_OK) {
        fail_msg("%s", f.err.text);
    }
    return f;
}

static void close_fixture(struct fixture *f)
{
    mopt__session_free(f->session);
    mopt__model_free(f->model);
}

static struct mopt_datum *floats(const float *values, int64_t count)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 1, &count, &tensor, &err), MOPT_OK);
    memcpy(mopt__tensor_data(tensor), values, tensor->bytes);
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static struct mopt_datum *boolean(bool value)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(MOPT_BOOL, 0, NULL, &tensor, &err), MOPT_OK);
    *(uint8_t *)mopt__tensor_data(tensor) = value;
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static void expect_floats(const struct mopt_datum *datum, const float *values, size_t count)
{
    assert_int_equal(datum->kind, MOPT_DATUM_TENSOR);
    assert_int_equal(datum->tensor->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_float_equal(((const float *)datum->tensor->data)[i], values[i], 1e-6F);
    }
}

static const char chain[] =
    "model (ir=8, opset=13) { graph g (float[n] x) -> (float[n] y, float[n] z) {\n"
    "a = Relu(x); b = Neg(a); c = Exp(b); y = Add(c, a); z = Identity(b); } }";

static void test_runs_repeat_and_change_shape(void **state)
{
    (void)state;
    struct fixture f = open_text(chain);
    const float small[] = {-1, 2};
    const float large[] = {0, 1, -1};
    for (int run = 0; run < 6; run++) {
        bool odd = run % 2 != 0;
        struct mopt_datum *in = odd ? floats(large, 3) : floats(small, 2);
        struct mopt_datum *out[2];
        assert_int_equal(mopt__session_run(f.session, &in, out, NULL, &f.err), MOPT_OK);
        const float want_small[] = {1, 2.1353352832F};
        const float want_large[] = {1, 1.3678794412F, 1};
        expect_floats(out[0], odd ? want_large : want_small, odd ? 3 : 2);
        const float want_z[] = {0, -2};
        if (!odd) {
            expect_floats(out[1], want_z, 2);
        }
        mopt__datum_unref(in);
        mopt__datum_unref(out[0]);
        mopt__datum_unref(out[1]);
    }
    close_fixture(&f);
}

static void test_results_outlive_session_and_later_runs(void **state)
{
    (void)state;
    struct fixture f = open_text(chain);
    const float first[] = {3, 4};
    const float second[] = {-5, -6};
    struct mopt_datum *in = floats(first, 2);
    struct mopt_datum *kept[2];
    struct mopt_datum *later[2];
    assert_int_equal(mopt__session_run(f.session, &in, kept, NULL, &f.err), MOPT_OK);
    mopt__datum_unref(in);
    in = floats(second, 2);
    assert_int_equal(mopt__session_run(f.session, &in, later, NULL, &f.err), MOPT_OK);
    close_fixture(&f);
    const float want[] = {-3, -4};
    expect_floats(kept[1], want, 2);
    mopt__datum_unref(in);
    for (int i = 0; i < 2; i++) {
        mopt__datum_unref(kept[i]);
        mopt__datum_unref(later[i]);
    }
}

static void test_if_captures_outer_values(void **state)
{
    (void)state;
    struct fixture f =
        open_text("model (ir=8, opset=13) { graph g (bool[] c, float[2] x) -> (float[2] y) {\n"
                  "a = Neg(x);\n"
                  "y = If<then_branch=graph () -> (t) { t = Abs(a); },\n"
                  "       else_branch=graph () -> (e) { e = Add(a, x); }>(c); } }");
    const float x[] = {1, -2};
    const float want_then[] = {1, 2};
    const float want_else[] = {0, 0};
    for (int c = 0; c < 2; c++) {
        struct mopt_datum *in[] = {boolean(c != 0), floats(x, 2)};
        struct mopt_datum *out = NULL;
        if (mopt__session_run(f.session, in, &out, NULL, &f.err) != MOPT_OK) {
            fail_msg("%s", f.err.text);
        }
        expect_floats(out, c != 0 ? want_then : want_else, 2);
        mopt__datum_unref(out);
        mopt__datum_unref(in[0]);
        mopt__datum_unref(in[1]);
    }
    close_fixture(&f);
}

static void expect_packed(struct fixture *f, const float *x, const float *want)
{
    struct mopt_datum *in = floats(x, 2);
    struct mopt_datum *out[] = {NULL, NULL};
    for (int run = 0; run < 2; run++) {
        if (mopt__session_run(f->session, &in, out, NULL, &f->err) != MOPT_OK) {
            fail_msg("%s", f->err.text);
        }
        const float weights[] = {1, 2, 3, 4};
        expect_floats(out[0], want, 2);
        expect_floats(out[1], weights, 4);
        mopt__datum_unref(out[0]);
        mopt__datum_unref(out[1]);
    }
    struct mopt_session_memory memory;
    mopt__session_memory(f->session, &memory);
    assert_true(memory.packed_bytes > 0);
    mopt__datum_unref(in);
    close_fixture(f);
}

// Weights that every turn hands on are as good as those of the model. The second weights, which the
// body hands on in the place of others, are not.
static void test_loops_read_what_stays_from_outside(void **state)
{
    (void)state;
    struct fixture f = open_text(
        "model (ir=8, opset=16) { graph g (float[2] x) -> (float[1,2] y, float[2,2] z) {\n"
        "float[2,2] w = {1, 2, 3, 4}; int64[2] s = {1, 2}; int64 n = {3}; bool go = {1};\n"
        "float[2] a = {0, 0}; float[2] b = {1, 1};\n"
        "r = Reshape(x, s);\n"
        "y, z, p, q = Loop<body=graph (int64 i, bool c, float[1,2] t, float[2,2] v, float[2] d,"
        " float[2] e) -> (k, u, same, e, d) {\n"
        "k = Identity(c); m = MatMul(t, v); o = Add(m, d); u = Sub(o, e); same = Identity(v); }>"
        "(n, go, r, w, a, b); } }");
    const float x[] = {1, 0};
    // [1 2] - 1, then [3 4] + 1 - 0, then [19 28] + 0 - 1
    const float want[] = {18, 27};
    expect_packed(&f, x, want);
}

static void test_scans_read_what_stays_from_outside(void **state)
{
    (void)state;
    struct fixture f = open_text(
        "model (ir=8, opset=16) { graph g (float[2] x) -> (float[1,2] y, float[2,2] z) {\n"
        "float[2,2] w = {1, 2, 3, 4}; int64[2] s = {1, 2}; float[2,1,2] e = {1, 1, 2, 2};\n"
        "r = Reshape(x, s);\n"
        "y, z = Scan<num_scan_inputs=1, body=graph (float[1,2] t, float[2,2] v, float[1,2] d)"
        " -> (u, v) {\n"
        "m = MatMul(t, v); u = Add(m, d); }>(r, w, e); } }");
    const float x[] = {1, 0};
    const float want[] = {13, 18}; // [1 2] + 1, then [11 16] + 2
    expect_packed(&f, x, want);
}

static void test_functions_are_inlined(void **state)
{
    (void)state;
    struct fixture f =
        open_text("model (ir=8, opset=13, \"my\"=1) { graph g (float[2] x) -> (float[2] y) {\n"
                  "t = \"my\"::Twice(x); y = \"my\"::Twice(t); }\n"
                  "function \"my\"::Twice(a) -> (b) (opset=13) { b = Add(a, a); } }");
    const float x[] = {1, 3};
    const float want[] = {4, 12};
    struct mopt_datum *in = floats(x, 2);
    struct mopt_datum *out = NULL;
    assert_int_equal(mopt__session_run(f.session, &in, &out, NULL, &f.err), MOPT_OK);
    expect_floats(out, want, 2);
    mopt__datum_unref(in);
    mopt__datum_unref(out);
    close_fixture(&f);
}

static void test_views_keep_their_bytes(void **state)
{
    (void)state;
    // r looks at a's bytes; a's last own use is before r's: its memory must not be reused in
    // between.
    struct fixture f =
        open_text("model (ir=8, opset=13) { graph g (float[4] x) -> (float[4] y) {\n"
                  "int64[1] s = {4};\n"
                  "a = Neg(x); r = Reshape(a, s); b = Exp(x); c = Exp(b); d = Mul(c, b);\n"
                  "e = Mul(d, d); q = Add(r, x); y = Add(q, q); } }");
    const float x[] = {1, 2, 3, 0.5F};
    const float want[] = {0, 0, 0, 0};
    struct mopt_datum *in = floats(x, 4);
    struct mopt_datum *out = NULL;
    assert_int_equal(mopt__session_run(f.session, &in, &out, NULL, &f.err), MOPT_OK);
    expect_floats(out, want, 4);
    mopt__datum_unref(in);
    mopt__datum_unref(out);
    close_fixture(&f);
}

static void test_wrong_inputs_are_named(void **state)
{
    (void)state;
    struct fixture f = open_text(chain);
    struct mopt_datum *none = NULL;
    struct mopt_datum *out[2];
    assert_int_equal(mopt__session_run(f.session, &none, out, NULL, &f.err), MOPT_E_MISSING);
    assert_non_null(strstr(f.err.text, "'x'"));
    struct mopt_datum *wrong = boolean(true);
    assert_int_equal(mopt__session_run(f.session, &wrong, out, NULL, &f.err), MOPT_E_TYPE);
    mopt__datum_unref(wrong);
    close_fixture(&f);
}

// Defaults of inputs are packed like other weights until a run gives something else, and again
// afterwards.
static void test_defaults_stand_until_overridden(void **state)
{
    (void)state;
    struct fixture f = open_text(
        "model (ir=8, opset=13) { graph g (float[2] x, float[2,2] w, float[2] b) -> (float[1,2] y) "
        "{\nfloat[2,2] w = {1, 2, 3, 4}; float[2] b = {10, 20}; int64[2] s = {1, 2};\n"
        "r = Reshape(x, s); p = MatMul(r, w); y = Add(p, b); } }");
    const float x[] = {1, 10};
    const float other[] = {-1, -2};
    const float want[] = {41, 62};
    const float want_other[] = {30, 40};
    struct mopt_datum *b = floats(other, 2);
    for (int run = 0; run < 4; run++) {
        bool given = run % 2 != 0;
        struct mopt_datum *in[] = {floats(x, 2), NULL, given ? b : NULL};
        struct mopt_datum *out = NULL;
        if (mopt__session_run(f.session, in, &out, NULL, &f.err) != MOPT_OK) {
            fail_msg("%s", f.err.text);
        }
        expect_floats(out, given ? want_other : want, 2);
        mopt__datum_unref(in[0]);
        mopt__datum_unref(out);
    }
    struct mopt_session_memory memory;
    mopt__session_memory(f.session, &memory);
    assert_true(memory.packed_bytes > 0);
    assert_null(mopt__value_constant(mopt__value_find(f.model->graph, "w"))); // not changed
    mopt__datum_unref(b);
    close_fixture(&f);
}

static void test_step_limit_stops_a_run(void **state)
{
    (void)state;
    struct fixture f = open_text(chain);
    const float x[] = {1, 2};
    struct mopt_datum *in = floats(x, 2);
    struct mopt_datum *out[2];
    struct mopt_budget budget = {.max_steps = 2};
    struct mopt_run_options options = {.budget = &budget};
    assert_int_equal(mopt__session_run(f.session, &in, out, &options, &f.err), MOPT_E_LIMIT);
    assert_null(out[0]);
    mopt__datum_unref(in);
    close_fixture(&f);
}

static void test_unknown_operators_are_listed(void **state)
{
    (void)state;
    const char *text =
        "model (ir=8, opset=13, \"x.y\"=1) { graph g (float[2] x) -> (float[2] y) {\n"
        "a = \"x.y\"::Mystery(x); b = NoSuchThing(a); y = Relu(b); } }";
    struct mopt_model *model = NULL;
    struct mopt_session *session = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__text_parse(text, strlen(text), &model, &err), MOPT_OK);
    assert_int_equal(mopt__ops_resolve(model, &err), MOPT_OK);
    assert_int_equal(mopt__session_new(model, NULL, &session, &err), MOPT_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "x.y::Mystery"));
    assert_non_null(strstr(err.text, "NoSuchThing"));
    mopt__model_free(model);
}

// Large results take the memory of those that were released before them, never of those in use.
static void large_results_take_turns(void **state)
{
    enum { COUNT = 300000, RUNS = 5 };
    struct fixture f =
        open_text("model (ir=8, opset=13) { graph g (float[n] x) -> (float[n] y, float[n] z) {\n"
                  "y = Neg(x); z = Abs(x); } }");
    float *values = test_malloc(COUNT * sizeof *values);
    struct mopt_datum *kept[2] = {NULL, NULL};
    const void *places[RUNS][2];
    (void)state;
    for (int r = 0; r < RUNS; r++) {
        struct mopt_datum *outputs[2];
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = (float)(r + 1);
        }
        struct mopt_datum *x = floats(values, COUNT);
        assert_int_equal(mopt__session_run(f.session, &x, outputs, NULL, &f.err), MOPT_OK);
        mopt__datum_unref(x);
        for (int o = 0; o < 2; o++) {
            const float *data = outputs[o]->tensor->data;
            places[r][o] = data;
            assert_true(data[0] == (float)(o == 0 ? -r - 1 : r + 1));
            assert_true(data[COUNT - 1] == data[0]);
        }
        for (int o = 0; o < 2 && kept[o] != NULL; o++) { // still there, and elsewhere
            assert_true(((const float *)kept[o]->tensor->data)[COUNT / 2] ==
                        (float)(o == 0 ? -r : r));
        }
        mopt__datum_unref(kept[0]);
        mopt__datum_unref(kept[1]);
        memcpy(kept, outputs, sizeof kept);
    }
    const bool again = places[4][0] == places[2][0] || places[4][0] == places[2][1];
    assert_true(again); // what the third run gave back
    close_fixture(&f);  // results outlive their session
    assert_true(((const float *)kept[1]->tensor->data)[COUNT / 2] == RUNS);
    mopt__datum_unref(kept[0]);
    mopt__datum_unref(kept[1]);
    test_free(values);
}

int mopt__test_session(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_results_take_turns),
        cmocka_unit_test(test_runs_repeat_and_change_shape),
        cmocka_unit_test(test_results_outlive_session_and_later_runs),
        cmocka_unit_test(test_if_captures_outer_values),
        cmocka_unit_test(test_loops_read_what_stays_from_outside),
        cmocka_unit_test(test_scans_read_what_stays_from_outside),
        cmocka_unit_test(test_functions_are_inlined),
        cmocka_unit_test(test_views_keep_their_bytes),
        cmocka_unit_test(test_wrong_inputs_are_named),
        cmocka_unit_test(test_defaults_stand_until_overridden),
        cmocka_unit_test(test_step_limit_stops_a_run),
        cmocka_unit_test(test_unknown_operators_are_listed),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
