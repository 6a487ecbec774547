// SPDX-License-Identifier: Apache-2.0
// Lowering: small graphs run as programs and by reference must agree, on every instruction set,
// with one thread and two, for changing shapes; and become as few calls as promised.
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
#include "lower_cases.h"
#include "opened.h"
#include "tests.h"

// ---- Text with numbers --------------------------------------------------------------------------------------------

static int next(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (int)((*state >> 8) % 121) - 60;
}

static char *expand(const char *text)
{
    size_t room = 1 << 18;
    char *out = malloc(room);
    size_t at = 0;
    uint32_t state = 7;
    assert_non_null(out);
    for (; *text != '\0'; assert_true(at + 64 < room)) {
        const char kind = *text++;
        if (strchr("@#$&^", kind) == NULL) {
            out[at++] = kind;
            continue;
        }
        char *end;
        unsigned long count = strtoul(text, &end, 10);
        text = end;
        for (unsigned long i = 0; i < count; i++) {
            double number = next(&state);
            number = kind == '@'   ? number / 60
                     : kind == '$' ? number + 128
                     : kind == '&' ? trunc(number / 8)
                     : kind == '^' ? trunc((number + 60) / 8)
                                   : number;
            at += (size_t)snprintf(out + at, room - at, "%c%g", i > 0 ? ',' : '{', number);
            assert_true(at + 64 < room);
        }
        out[at++] = '}';
    }
    out[at] = '\0';
    return out;
}

// ---- Running ------------------------------------------------------------------------------------------------------

enum { VALUES_MAX = 5 };

static struct mopt_datum *make_input(const struct mopt_model *model, const struct mopt_type *type,
                                     uint32_t *state)
{
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    for (int d = 0; d < type->rank; d++) {
        assert_true(mopt__dim_is_known(model->dims, type->dims[d], &dims[d]));
    }
    assert_int_equal(mopt__tensor_new(type->dtype, type->rank, dims, &tensor, &err), MOPT_OK);
    for (size_t i = 0; i < tensor->count; i++) {
        if (type->dtype == MOPT_BOOL) {
            *(uint8_t *)mopt__tensor_data(tensor) = 1;
        } else if (type->dtype == MOPT_INT64) {
            ((int64_t *)mopt__tensor_data(tensor))[i] = next(state) % 10;
        } else if (type->dtype == MOPT_UINT8) {
            ((uint8_t *)mopt__tensor_data(tensor))[i] = (uint8_t)(128 + next(state));
        } else if (type->dtype == MOPT_INT8) {
            ((int8_t *)mopt__tensor_data(tensor))[i] = (int8_t)next(state);
        } else {
            ((float *)mopt__tensor_data(tensor))[i] = (float)next(state) / 30;
        }
    }
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static struct mopt_model *expanded(const char *source)
{
    char *text = expand(source);
    struct mopt_model *model = parsed(text, strlen(text));
    free(text);
    return model;
}

static struct mopt_session *open_session(struct mopt_model *model, int threads, bool reference)
{
    struct mopt_session_options options = {.threads = threads,
                                           .reference = reference,
                                           .profile = true};
    return opened(model, &options);
}

static void run(struct mopt_session *session, struct mopt_datum *const *inputs,
                struct mopt_datum **outputs)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_run(session, inputs, outputs, NULL, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static void close_enough(const struct lowered *c, const char *level, size_t output,
                         const struct mopt_tensor *have, const struct mopt_tensor *want)
{
    assert_int_equal(have->dtype, want->dtype);
    assert_int_equal(have->rank, want->rank);
    assert_memory_equal(have->dims, want->dims, (size_t)want->rank * sizeof *want->dims);
    for (size_t i = 0; i < want->count; i++) {
        double u = mopt__tensor_f64(have, i);
        double v = mopt__tensor_f64(want, i);
        if (!(fabs(u - v) <= c->tolerance * (1 + fabs(v)))) {
            fail_msg("%s, %s: output %zu, element %zu is %.9g, must be %.9g", c->name, level,
                     output, i, u, v);
        }
    }
}

static void release(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

static int calls_of(const struct mopt_session *session)
{
    size_t count;
    uint64_t calls = 0;
    const struct mopt_node_profile *rows = mopt__session_profile(session, &count);
    for (size_t i = 0; i < count; i++) {
        calls += rows[i].calls;
    }
    return (int)calls;
}

static void run_and_compare(const struct lowered *c, const char *level,
                            struct mopt_session *session, struct mopt_datum *const *inputs,
                            struct mopt_datum *const *wanted, size_t count,
                            struct mopt_datum **outputs)
{
    mopt__session_profile_reset(session);
    run(session, inputs, outputs);
    for (size_t o = 0; o < count; o++) {
        close_enough(c, level, o, outputs[o]->tensor, wanted[o]->tensor);
    }
}

// Two runs with one session: the second one finds everything planned, and gives the same bytes.
static void try_level(const struct lowered *c, const char *level, int threads,
                      struct mopt_model *model, struct mopt_datum *const *inputs,
                      struct mopt_datum *const *wanted)
{
    struct mopt_datum *first[VALUES_MAX] = {NULL}, *second[VALUES_MAX] = {NULL};
    size_t count = model->graph->outputs.count;
    assert_int_equal(setenv("MOPT_CPU", level, 1), 0);
    struct mopt_session *session = open_session(model, threads, false);
    run_and_compare(c, level, session, inputs, wanted, count, first);
    run_and_compare(c, level, session, inputs, wanted, count, second);
    for (size_t o = 0; o < count; o++) {
        if (!mopt__tensor_equal(first[o]->tensor, second[o]->tensor)) {
            fail_msg("%s, %s: output %zu changes with the second run", c->name, level, o);
        }
    }
    release(first, count);
    release(second, count);
    if (c->calls >= 0 && calls_of(session) != c->calls) {
        fail_msg("%s, %s: %d calls, must be %d", c->name, level, calls_of(session), c->calls);
    }
    mopt__session_free(session);
    assert_int_equal(unsetenv("MOPT_CPU"), 0);
}

static void try_case(const struct lowered *c)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "avx512-vnni"};
    struct mopt_model *model = expanded(c->text);
    struct mopt_datum *inputs[VALUES_MAX] = {NULL};
    struct mopt_datum *wanted[VALUES_MAX] = {NULL};
    uint32_t state = 3;
    assert_true(model->graph->outputs.count <= VALUES_MAX);
    for (size_t i = 0; i < model->graph->inputs.count; i++) {
        inputs[i] = make_input(model, model->graph->inputs.items[i]->declared, &state);
    }
    struct mopt_session *reference = open_session(model, 1, true);
    run(reference, inputs, wanted);
    mopt__session_free(reference);
    for (size_t i = 0; i < MOPT_COUNTOF(levels); i++) {
        try_level(c, levels[i], 1, model, inputs, wanted);
        try_level(c, levels[i], 2, model, inputs, wanted);
    }
    release(inputs, model->graph->inputs.count);
    release(wanted, model->graph->outputs.count);
    mopt__model_free(model);
}

static void try_cases(const struct lowered *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        try_case(&cases[i]);
    }
}

static void programs_compute_what_the_nodes_say(void **state)
{
    (void)state;
    try_cases(mopt__lowered, mopt__lowered_count);
}

static void attention_is_found(void **state)
{
    (void)state;
    try_cases(mopt__lowered_attention, mopt__lowered_attention_count);
}

static void convolutions_are_of_bands_and_taps(void **state)
{
    (void)state;
    try_cases(mopt__lowered_conv, mopt__lowered_conv_count);
}

// The rows of a band depend on the number of threads, their bytes do not.
static void bands_of_threads_are_equal(void **state)
{
    (void)state;
    struct mopt_model *model = expanded(mopt__lowered_conv[0].text);
    struct mopt_datum *outputs[3] = {NULL};
    uint32_t seed = 9;
    struct mopt_datum *input = make_input(model, model->graph->inputs.items[0]->declared, &seed);
    for (int i = 0; i < 3; i++) {
        struct mopt_session *session = open_session(model, i == 2 ? 5 : i + 1, false);
        run(session, &input, &outputs[i]);
        mopt__session_free(session);
        assert_true(mopt__tensor_equal(outputs[0]->tensor, outputs[i]->tensor));
    }
    release(outputs, 3);
    mopt__datum_unref(input);
    mopt__model_free(model);
}

static void sums_of_codes_are_exact(void **state)
{
    (void)state;
    try_cases(mopt__lowered_sums, mopt__lowered_sums_count);
}

// strict_fp keeps Winograd's forms away: the sums are nearer to the exact ones.
static void strict_sums_are_plain(void **state)
{
    (void)state;
    enum { CHANNELS = 32, SIDE = 16 };
    char source[512];
    snprintf(source, sizeof source,
             "graph main (float[1,%d,%d,%d] x) -> (float[1,%d,%d,%d] y) {"
             " float[%d,%d,3,3] w = @%d; y = Conv<pads=[1,1,1,1]>(x, w); }",
             CHANNELS, SIDE, SIDE, CHANNELS, SIDE, SIDE, CHANNELS, CHANNELS,
             CHANNELS * CHANNELS * 9);
    struct mopt_model *model = expanded(source);
    struct mopt_datum *input[1];
    struct mopt_datum *outputs[3] = {NULL};
    uint32_t seed = 5;
    input[0] = make_input(model, model->graph->inputs.items[0]->declared, &seed);
    const struct mopt_session_options options[] = {{.threads = 1, .reference = true},
                                                   {.threads = 1, .strict_fp = true},
                                                   {.threads = 1}};
    for (size_t i = 0; i < MOPT_COUNTOF(options); i++) {
        struct mopt_session *session = opened(model, &options[i]);
        run(session, input, &outputs[i]);
        mopt__session_free(session);
    }
    double worst[3] = {0};
    for (size_t i = 1; i < MOPT_COUNTOF(options); i++) {
        for (size_t e = 0; e < outputs[0]->tensor->count; e++) {
            double gap =
                mopt__tensor_f64(outputs[i]->tensor, e) - mopt__tensor_f64(outputs[0]->tensor, e);
            worst[i] = fmax(worst[i], fabs(gap));
        }
    }
    if (!(worst[1] < worst[2])) {
        fail_msg("plain sums are off by %g, Winograd's by %g", worst[1], worst[2]);
    }
    release(outputs, 3);
    mopt__datum_unref(input[0]);
    mopt__model_free(model);
}

static struct mopt_datum *numbers(enum mopt_dtype dtype, const float *values, int64_t count)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    uint32_t state = 3;
    assert_int_equal(mopt__tensor_new(dtype, count > 0, &count, &tensor, &err), MOPT_OK);
    for (size_t i = 0; dtype == MOPT_FLOAT32 && i < tensor->count; i++) {
        ((float *)mopt__tensor_data(tensor))[i] = values ? values[i] : (float)next(&state) / 30;
    }
    if (dtype == MOPT_BOOL) {
        *(uint8_t *)mopt__tensor_data(tensor) = 1;
    }
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

// A run that fails in a body, whose shapes cannot be planned, leaves no mark: the next run gives
// the bytes that it gives in a new session.
static void failed_bodies_leave_no_mark(void **state)
{
    (void)state;
    const char *source = "graph main (float[n] x, float[4] s, bool[] p) -> (float[a,b,c,d] y) {"
                         "  float[32,32,3,3] w = @9216; si = Cast<to=7>(s); r = Reshape(x, si);"
                         "  y = If<then_branch=graph () -> (t) { t = Conv<pads=[1,1,1,1]>(r, w); },"
                         "  else_branch=graph () -> (e) { e = Neg(r); }>(p); }";
    static const float good[] = {1, 32, 16, 16};
    static const float bad[] = {1, 16, 32, 16}; // Conv wants 32 channels
    struct mopt_model *model = expanded(source);
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_datum *inputs[] = {numbers(MOPT_FLOAT32, NULL, 32 * 16 * 16), NULL,
                                   numbers(MOPT_BOOL, NULL, 0)};
    struct mopt_datum *shapes[] = {numbers(MOPT_FLOAT32, good, 4), numbers(MOPT_FLOAT32, bad, 4)};
    struct mopt_datum *outputs[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        struct mopt_session *session = open_session(model, 1, false);
        struct mopt_datum *nothing = NULL;
        inputs[1] = shapes[1];
        if (i == 1) {
            assert_int_not_equal(mopt__session_run(session, inputs, &nothing, NULL, &err), MOPT_OK);
            mopt_error_clear(&err);
        }
        inputs[1] = shapes[0];
        run(session, inputs, &outputs[i]);
        mopt__session_free(session);
    }
    assert_true(mopt__tensor_equal(outputs[0]->tensor, outputs[1]->tensor));
    release(outputs, 2);
    release(shapes, 2);
    mopt__datum_unref(inputs[0]);
    mopt__datum_unref(inputs[2]);
    mopt__model_free(model);
}

// What makes no sense is not computed with just because a native needs less than the node does.
static void programs_refuse_what_the_nodes_refuse(void **state)
{
    static const char *const texts[] = {
        "graph main (float[1,4,6,6] x) -> (float[1,8,6,6] y) { float[8,4,1,1] w = @32;"
        "  float[3] b = @3; y = Conv(x, w, b); }",
        "graph main (float[1,4,6,6] x) -> (float[1,8,6,6] y) { float[8,4,1,1] w = @32;"
        "  float[1] b = @1; y = Conv(x, w, b); }",
        "graph main (float[1,4,3,6,6] x) -> (float[1,8,3,6,6] y) { float[8,4,1,1,1] w = @32;"
        "  float[3] b = @3; y = Conv(x, w, b); }",
        "graph main (float[1,4,6,6] x) -> (float[1,8,6,6] y) { float[4,8,1,1] w = @32;"
        "  float[3] b = @3; y = ConvTranspose(x, w, b); }",
        "graph main (uint8[1,4,6,6] x) -> (float[1,8,6,6] y) { int8[8,4,1,1] w = #32;"
        "  float s = {0.1}; int32[3] b = #3; d = DequantizeLinear(x, s);"
        "  e = DequantizeLinear(w, s); c = DequantizeLinear(b, s); y = Conv(d, e, c); }",
    };
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(texts); i++) {
        struct mopt_model *model = expanded(texts[i]);
        uint32_t seed = 5;
        struct mopt_datum *input =
            make_input(model, model->graph->inputs.items[0]->declared, &seed);
        for (int reference = 0; reference < 2; reference++) {
            struct mopt_error err;
            struct mopt_datum *output = NULL;
            struct mopt_session *session = open_session(model, 1, reference != 0);
            mopt_error_clear(&err);
            assert_int_equal(mopt__session_run(session, &input, &output, NULL, &err), MOPT_E_SHAPE);
            mopt__session_free(session);
        }
        mopt__datum_unref(input);
        mopt__model_free(model);
    }
}

int mopt__test_lower(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_compute_what_the_nodes_say),
        cmocka_unit_test(attention_is_found),
        cmocka_unit_test(convolutions_are_of_bands_and_taps),
        cmocka_unit_test(bands_of_threads_are_equal),
        cmocka_unit_test(sums_of_codes_are_exact),
        cmocka_unit_test(programs_refuse_what_the_nodes_refuse),
        cmocka_unit_test(strict_sums_are_plain),
        cmocka_unit_test(failed_bodies_leave_no_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
