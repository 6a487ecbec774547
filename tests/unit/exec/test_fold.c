// SPDX-License-Identifier: Apache-2.0
// What depends on no input is computed when the session is made, but values made out of nothing
// only where they lead to little: which nodes are left to run, what stays, and the results.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "exec/internal.h"
#include "ir/text.h"
#include "opened.h"
#include "tests.h"

struct folded {
    const char *name;
    const char *text;   // one input x, float[4]; one output
    const char *runs;   // operators that are left to run in the main graph, in order
    size_t least, most; // bytes of all constants of the session
};

#define GRAPH(body) "model (ir=8, opset=18) { graph g (float[4] x) -> (float[...] y) { " body " } }"

enum { KIB = 1024 };

static const struct folded cases[] = {
    {"a large table of which little is looked up",
     GRAPH("int64 z = {0}; int64 o = {1}; int64 n = {100000}; int64[1] a = {77};"
           " r = Range(z, n, o); f = Cast<to=1>(r); t = Gather(f, a); y = Add(x, t);"),
     "Add ", 0, 1 * KIB},
    {"a large table that is looked up in every run",
     GRAPH("float z = {0}; float o = {1}; float n = {400000}; i = Cast<to=7>(x);"
           " r = Range(z, n, o); y = Gather(r, i);"),
     "Cast Range Gather ", 0, 1 * KIB},
    {"one that has room",
     GRAPH("float z = {0}; float o = {1}; float n = {4000}; i = Cast<to=7>(x);"
           " r = Range(z, n, o); y = Gather(r, i);"),
     "Cast Gather ", 16000, 17000},
    {"the later one has room, the earlier one has not",
     GRAPH("float z = {0}; float o = {1}; float n = {200000}; i = Cast<to=7>(x);"
           " r = Range(z, n, o); s = Neg(r); t = Exp(s); a = Gather(s, i); b = Gather(t, i);"
           " y = Add(a, b);"),
     "Cast Range Neg Gather Gather Add ", 800000, 801000},
    {"larger than anything on the way may be",
     GRAPH("int64[2] s = {2000, 2000}; float v = {1.5}; int64[2] d = {0, 1};"
           " e = Expand(v, s); m = ReduceSum<keepdims=0>(e, d); y = Add(x, m);"),
     "Expand ReduceSum Add ", 0, 1 * KIB},
    {"the shape of what is never made",
     GRAPH("int64[2] s = {500, 1000}; float v = {1.5}; int64[1] a = {1}; e = Expand(v, s);"
           " h = Shape(e); k = Gather(h, a); f = Cast<to=1>(k); y = Add(x, f);"),
     "Add ", 0, 1 * KIB},
    {"a form that comes from such a shape",
     GRAPH("int64[2] s = {500, 1000}; float v = {1.5}; int64[1] a = {1}; int64[1] d = {0};"
           " e = Expand(v, s); h = Shape(e); c = ConstantOfShape(h); k = Cast<to=1>(c);"
           " t = Add(e, k); m = ReduceSum<keepdims=0>(t, d); g = Gather(m, a); y = Add(x, g);"),
     "Add ", 0, 1 * KIB},
    {"a large result with little made of it that is also read in every run",
     GRAPH("int64[1] s = {400000}; float v = {1.5}; i = Cast<to=7>(x); e = Expand(v, s);"
           " m = ReduceMax<keepdims=0>(e); g = Gather(e, i); y = Add(m, g);"),
     "Cast Expand Gather Add ", 0, 1 * KIB},
    {"what the runs make of it needs it",
     GRAPH("float z = {0}; float o = {1}; float n = {100000}; i = Cast<to=7>(x);"
           " e = Range(z, n, o); s = Concat<axis=0>(e, e, e); t = ReduceMax<keepdims=0>(s);"
           " h = ReduceMin<keepdims=0>(e); a = Gather(s, i); b = Add(a, t); y = Add(b, h);"),
     "Cast Concat Gather Add Add ", 400000, 401000},
    {"several results",
     GRAPH("int64[2] s = {2, 100000}; float v = {1.5}; int64[1] a = {3};"
           " e = Expand(v, s); p, q = Split<num_outputs=2>(e); t = Sub(p, q);"
           " r = Reshape(t, c); g = Gather(r, a); y = Add(x, g); int64[1] c = {-1};"),
     "Add ", 0, 1 * KIB},
    {"in a body",
     GRAPH("float z = {0}; float o = {1}; float n = {90000}; int64 a = {7}; b = ReduceMax(x);"
           " k = Cast<to=9>(b); q = Squeeze(k); r = Range(z, n, o); u = Neg(r);"
           " y = If<then_branch=graph () -> (t) { w = Range(z, n, o); h = Add(w, w);"
           " j = Gather(h, a); t = Add(x, j); },"
           " else_branch=graph () -> (t) { j = Gather(u, a); t = Add(x, j); }>(q);"),
     "ReduceMax Cast Squeeze If ", 0, 400 * KIB},
    {"padded on the way",
     GRAPH("int64[1] s = {5000}; float v = {1.5}; e = Expand(v, s);"
           " p = Pad(e, a); m = ReduceSum<keepdims=0>(p); y = Add(x, m); int64[2] a = {1, 2};"),
     "Add ", 0, 1 * KIB},
};

static struct mopt_datum *make_input(void)
{
    static const float numbers[] = {3, 0, 2, 1};
    static const int64_t dims[] = {4};
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 1, dims, &tensor, &err), MOPT_OK);
    memcpy(mopt__tensor_data(tensor), numbers, sizeof numbers);
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static struct mopt_datum *result_of(struct mopt_session *session)
{
    struct mopt_datum *input = make_input();
    struct mopt_datum *output = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_run(session, &input, &output, NULL, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    mopt__datum_unref(input);
    return output;
}

static void list_runs(const struct mopt_session *session, char *out, size_t room)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t s = 0; s < session->main.step_count; s++) {
        const struct mopt_step *step = &session->main.steps[s];
        if (!step->folded) {
            at += (size_t)snprintf(out + at, room - at, "%s ", step->node->op_type);
            assert_true(at < room);
        }
    }
}

static void try_case(const struct folded *c)
{
    const struct mopt_session_options options[] = {{.threads = 1, .reference = true},
                                                   {.threads = 1}};
    struct mopt_datum *results[2];
    struct mopt_model *model = parsed(c->text, strlen(c->text));
    for (int i = 0; i < 2; i++) {
        struct mopt_session *session = opened(model, &options[i]);
        struct mopt_session_memory memory;
        char runs[256];
        list_runs(session, runs, sizeof runs);
        mopt__session_memory(session, &memory);
        if (i > 0 && strcmp(runs, c->runs) != 0) {
            fail_msg("%s: left to run: %s", c->name, runs);
        }
        if (i > 0 && (memory.constant_bytes < c->least || memory.constant_bytes > c->most)) {
            fail_msg("%s: %zu bytes of constants", c->name, memory.constant_bytes);
        }
        results[i] = result_of(session);
        mopt__session_free(session);
    }
    if (!mopt__tensor_equal(results[0]->tensor, results[1]->tensor)) {
        fail_msg("%s: another result", c->name);
    }
    mopt__datum_unref(results[0]);
    mopt__datum_unref(results[1]);
    mopt__model_free(model);
}

static void generated_values_end_in_little(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        try_case(&cases[i]);
    }
}

// What cannot be computed is left to the runs.
static void errors_are_those_of_the_run(void **state)
{
    (void)state;
    static const char text[] =
        GRAPH("int64[1] s = {5000}; float v = {1.5}; e = Expand(v, s); n = Neg(e);"
              " g = Gather(n, i); y = Add(x, g); int64[1] i = {6000};");
    struct mopt_model *model = parsed(text, sizeof text - 1);
    const struct mopt_session_options options = {.threads = 1};
    struct mopt_session *session = opened(model, &options);
    struct mopt_datum *input = make_input(), *output = NULL;
    struct mopt_error err;
    char runs[256];
    list_runs(session, runs, sizeof runs);
    assert_string_equal(runs, "Gather Add ");
    for (int i = 0; i < 2; i++) {
        mopt_error_clear(&err);
        assert_int_equal(mopt__session_run(session, &input, &output, NULL, &err), MOPT_E_VALUE);
        assert_non_null(strstr(err.text, "6000"));
        assert_null(output);
    }
    mopt__datum_unref(input);
    mopt__session_free(session);
    mopt__model_free(model);
}

int mopt__test_fold(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_values_end_in_little),
        cmocka_unit_test(errors_are_those_of_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
