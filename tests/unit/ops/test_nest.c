// SPDX-License-Identifier: Apache-2.0
// Inference of nested control flow takes time in proportion to the graph: a body is not inferred
// anew by every level around it. Times are the best of five and the bounds are wide.
#include "support.h"
#include "tests.h"

#include <stdio.h>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

enum shape { THEN_ONLY, ELSE_ONLY, BOTH, LOOPS };

// Opens a body that computes v<depth> from the value before; `level` counts down to the innermost.
static void add_level(struct mopt_strbuf *text, enum shape shape, int level, unsigned *serial)
{
    unsigned id = (*serial)++;
    if (level == 0) {
        mopt__strbuf_printf(text, "b%u = Shape(x); r%u = Reshape(x, b%u); ", id, id, id);
        return;
    }
    for (int branch = 0; branch < 2; branch++) {
        bool deep = shape == BOTH || (shape == ELSE_ONLY) == (branch == 1);
        if (shape == LOOPS && branch == 1) {
            break;
        }
        mopt__strbuf_add(text, shape == LOOPS ? ""
                               : branch == 0  ? "If<then_branch="
                                              : ", else_branch=");
        unsigned inner = *serial;
        struct mopt_strbuf body = {0};
        if (deep || shape == LOOPS) {
            add_level(&body, shape, level - 1, serial);
        } else {
            mopt__strbuf_printf(&body, "r%u = Relu(x); ", (*serial)++);
        }
        if (shape == LOOPS) {
            mopt__strbuf_printf(text,
                                "r%u = Loop<body=graph (int64[] i%u, bool[] c%u, v%u) -> (d%u, "
                                "w%u) { d%u = Identity(c%u); %s w%u = Add(v%u, r%u); }>(n, c, x); ",
                                id, id, id, id, id, id, id, id, mopt__strbuf_text(&body), id, id,
                                inner);
        } else {
            mopt__strbuf_printf(text, "graph () -> (r%u) { %s }", inner, mopt__strbuf_text(&body));
        }
        mopt__strbuf_release(&body);
    }
    if (shape != LOOPS) {
        struct mopt_strbuf whole = {0};
        mopt__strbuf_printf(&whole, "r%u = %s>(c); ", id, mopt__strbuf_text(text));
        mopt__strbuf_clear(text);
        mopt__strbuf_add(text, mopt__strbuf_text(&whole));
        mopt__strbuf_release(&whole);
    }
}

static struct mopt_model *nest(enum shape shape, int levels)
{
    struct mopt_strbuf body = {0};
    struct mopt_strbuf text = {0};
    unsigned serial = 0;
    add_level(&body, shape, levels, &serial);
    mopt__strbuf_printf(&text,
                        "model (ir=8, opset=18) { graph g (float[batch,3] x, bool[] c, int64[] n) "
                        "-> (y) { %s y = Identity(r0); } }",
                        mopt__strbuf_text(&body));
    assert_false(text.failed);
    struct mopt_model *model = parse_model(mopt__strbuf_text(&text));
    mopt__strbuf_release(&body);
    mopt__strbuf_release(&text);
    return model;
}

static enum mopt_status count_bodies(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    (void)err;
    *(size_t *)context += graph->owner != NULL ? 1 : 0;
    return MOPT_OK;
}

// Best of five, in milliseconds; the result must be right.
static double infer_ms(enum shape shape, int levels)
{
    struct mopt_model *model = nest(shape, levels);
    double best = 1e9;
    char buf[256];
    size_t bodies = 0;
    struct mopt_error ignored;
    size_t expected = shape == BOTH    ? ((size_t)2 << levels) - 2
                      : shape == LOOPS ? (size_t)levels
                                       : 2 * (size_t)levels;
    assert_int_equal(mopt__model_walk(model, count_bodies, &bodies, &ignored), MOPT_OK);
    assert_int_equal(bodies, expected);
    for (int i = 0; i < 5; i++) {
        struct mopt_error err;
        mopt_error_clear(&err);
        uint64_t start = mopt__clock_ns();
        assert_int_equal(mopt__infer_model(model, 0, &err), MOPT_OK);
        double ms = (double)(mopt__clock_ns() - start) * 1e-6;
        best = ms < best ? ms : best;
    }
    assert_string_equal(type_text(model, "y", buf, sizeof buf), "float[batch,3]");
    mopt__model_free(model);
    return best;
}

static void grows_slowly(enum shape shape, const char *name, int few, int many, double most_times)
{
    double small = infer_ms(shape, few);
    double large = infer_ms(shape, many);
    print_message("%s: %d levels %.3f ms, %d levels %.3f ms\n", name, few, small, many, large);
    assert_true(large < 1000);
    assert_true(large < most_times * (small + 0.05));
}

static void nests_of_ifs(void **state)
{
    (void)state;
    // Twice the levels: twice the work. Were every level to double it, it would be 1024 times.
    grows_slowly(THEN_ONLY, "if, first branch", 10, 20, 20);
    grows_slowly(ELSE_ONLY, "if, second branch", 10, 20, 20);
    // Both branches hold the next: 15 Ifs against 255, 17 times the work.
    grows_slowly(BOTH, "if, both branches", 4, 8, 170);
}

static void nests_of_loops(void **state)
{
    (void)state;
    grows_slowly(LOOPS, "loop", 10, 20, 20);
}

int mopt__test_nest(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nests_of_ifs),
        cmocka_unit_test(nests_of_loops),
    };
    return cmocka_run_group_tests_name("nest", tests, NULL, NULL);
}
