// SPDX-License-Identifier: Apache-2.0
// Drivers of inference: symbolic shapes, shape arithmetic, bodies, functions, contradictions.
#include "support.h"
#include "tests.h"

#include <string.h>

#define TYPE(model, value, text)                                               \
    do {                                                                       \
        char buf_[256];                                                        \
        assert_string_equal(type_text(model, value, buf_, sizeof buf_), text); \
    } while (0)
#define INTS(model, value, text)                                               \
    do {                                                                       \
        char buf_[256];                                                        \
        assert_string_equal(ints_text(model, value, buf_, sizeof buf_), text); \
    } while (0)

static struct mopt_model *inferred(const char *text, unsigned flags)
{
    struct mopt_model *model = parse_model(text);
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__infer_model(model, flags, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static void shape_arithmetic(void **state)
{
    (void)state;
    struct mopt_model *model = inferred("graph g (float[batch,3,h,w] x) -> (y) {\n"
                                        "  s = Shape(x);\n"
                                        "  n = Size(x);\n"
                                        "  t = Shape<start=1,end=-1>(x);\n"
                                        "  c = Cast<to=6>(s);\n"
                                        "  z = ConstantOfShape(t);\n"
                                        "  y = Identity(c);\n"
                                        "}\n",
                                        0);
    TYPE(model, "s", "int64[4]");
    INTS(model, "s", "[batch,3,h,w]");
    INTS(model, "t", "[3,h]");
    TYPE(model, "z", "float[3,h]");
    TYPE(model, "y", "int32[4]");
    INTS(model, "y", "[batch,3,h,w]");
    char buf[128];
    assert_non_null(strstr(ints_text(model, "n", buf, sizeof buf), "batch"));
    mopt__model_free(model);
}

static void constants_become_ints(void **state)
{
    (void)state;
    struct mopt_model *model = inferred("graph g () -> (y) {\n"
                                        "  int64[3] a = {1, -2, 3};\n"
                                        "  b = Constant<value_int=7>();\n"
                                        "  c = Cast<to=6>(a);\n"
                                        "  f = Cast<to=1>(a);\n"
                                        "  d = Cast<to=7>(f);\n"
                                        "  y = Identity(b);\n"
                                        "}\n",
                                        0);
    INTS(model, "a", "[1,-2,3]");
    INTS(model, "y", "7");
    INTS(model, "c", "[1,-2,3]");
    INTS(model, "d", "[1,-2,3]"); // through a float, by computing it
    INTS(model, "f", "-");
    mopt__model_free(model);
}

static void unknown_dims_get_symbols(void **state)
{
    (void)state;
    struct mopt_model *model = inferred("graph g (float[?,4] x, int64[r] shape) -> (y) {\n"
                                        "  y = Identity(x);\n"
                                        "  z = ConstantOfShape(shape);\n"
                                        "}\n",
                                        0);
    const struct mopt_value *x = mopt__value_find(model->graph, "x");
    const struct mopt_value *y = mopt__value_find(model->graph, "y");
    assert_true(x->type->dims[0] < 0 && x->type->dims[0] != MOPT_DIM_UNKNOWN);
    assert_int_equal(x->type->dims[0], y->type->dims[0]);
    const struct mopt_value *z = mopt__value_find(model->graph, "z");
    assert_int_equal(z->type->rank, -1);
    assert_int_equal(z->type->dtype, MOPT_FLOAT32);
    mopt__model_free(model);
}

// Paddle's exporter names every unknown dimension "?": two of them are not equal for that.
static void question_marks_are_no_names(void **state)
{
    (void)state;
    struct mopt_model *model =
        inferred("graph g (float[n,\"?\",\"?\"] x) -> (y) { y = Identity(x); }", MOPT_INFER_KEEP);
    const struct mopt_type *y = mopt__value_find(model->graph, "y")->type;
    assert_true(y->dims[1] != y->dims[2]);
    assert_null(mopt__dim_name(model->dims, y->dims[1]));
    assert_string_equal(mopt__dim_name(model->dims, y->dims[0]), "n");
    mopt__model_free(model);
}

static const char branches_text[] =
    "graph g (bool c, float[n,2] a, float[n,3] b) -> (y, z) {\n"
    "  y, z = If<then_branch=graph () -> (p, q) { p = Identity(a); q = Shape(a); },\n"
    "            else_branch=graph () -> (r, s) { r = Identity(b); s = Shape(b); }>(c);\n"
    "}\n";

static void branches_meet(void **state)
{
    (void)state;
    struct mopt_model *model = inferred(branches_text, 0);
    const struct mopt_type *y = mopt__value_find(model->graph, "y")->type;
    assert_int_equal(y->rank, 2);
    assert_string_equal(mopt__dim_name(model->dims, y->dims[0]), "n");
    assert_true(y->dims[1] < 0); // 2 or 3
    TYPE(model, "z", "int64[2]");
    INTS(model, "z", "-");
    mopt__model_free(model);
}

static void constant_condition_settles(void **state)
{
    (void)state;
    struct mopt_model *model =
        inferred("graph g (float[n,2] a) -> (y) {\n"
                 "  bool c = {0};\n"
                 "  y = If<then_branch=graph () -> (p) { p = Identity(a); },\n"
                 "         else_branch=graph () -> (s) { s = Shape(a); }>(c);\n"
                 "}\n",
                 0);
    TYPE(model, "y", "int64[2]");
    INTS(model, "y", "[n,2]");
    mopt__model_free(model);
}

static void loop_widens_what_changes(void **state)
{
    (void)state;
    struct mopt_model *model = inferred(
        "graph g (float[n,2] a) -> (keep, grow, all) {\n"
        "  int64 m = {5};\n"
        "  keep, grow, all = Loop<body=graph (int64 i, bool c, k, w) -> (c2, k2, w2, s) {\n"
        "    c2 = Identity(c); k2 = Identity(k); w2 = Concat<axis=0>(w, w); s = Identity(k);\n"
        "  }>(m, _, a, a);\n"
        "}\n",
        0);
    TYPE(model, "keep", "float[n,2]");
    const struct mopt_type *grow = mopt__value_find(model->graph, "grow")->type;
    assert_int_equal(grow->rank, 2);
    assert_null(mopt__dim_name(model->dims, grow->dims[0]));
    assert_int_equal(grow->dims[1], 2);
    TYPE(model, "all", "float[5,n,2]");
    mopt__model_free(model);
}

static void scan_slices(void **state)
{
    (void)state;
    struct mopt_model *model =
        inferred("graph g (float[2] s, float[t,b,2] x) -> (e, y) {\n"
                 "  e, y = Scan<num_scan_inputs=1, scan_output_axes=[1],\n"
                 "    body=graph (h, v) -> (h2, o) { h2 = Identity(h); o = Identity(v); }>(s, x);\n"
                 "}\n",
                 0);
    TYPE(model, "e", "float[2]");
    TYPE(model, "y", "float[b,t,2]");
    mopt__model_free(model);
}

// Each level holds the next twice, so whoever looks into both branches again for every level above
// needs 2^20 steps.
static void nest_of_ifs_is_linear(void **state)
{
    (void)state;
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(&text, "graph g (bool c, float[n] x) -> (y) {\n");
    enum { LEVELS = 20 };
    for (int i = 0; i < LEVELS; i++) {
        mopt__strbuf_printf(&text,
                            "%s%d = If<else_branch=graph () -> (e%d) { e%d = Identity(x); }, "
                            "then_branch=graph () -> (t%d) {\n",
                            i == 0 ? "y" : "t", i == 0 ? 0 : i - 1, i, i, i);
    }
    mopt__strbuf_printf(&text, "t%d = Identity(x);\n", LEVELS - 1);
    for (int i = 0; i < LEVELS; i++) {
        mopt__strbuf_add(&text, "}>(c);\n");
    }
    mopt__strbuf_add(&text, "y = Identity(y0);\n}\n");
    uint64_t begin = mopt__clock_ns();
    struct mopt_model *model = inferred(mopt__strbuf_text(&text), 0);
    uint64_t elapsed = mopt__clock_ns() - begin;
    TYPE(model, "y", "float[n]");
    assert_true(elapsed < UINT64_C(50000000) * 20); // 50 ms, with room for sanitizers
    mopt__model_free(model);
    mopt__strbuf_release(&text);
}

static void nest_of_loops_is_bounded(void **state)
{
    (void)state;
    struct mopt_strbuf text = {0};
    enum { LEVELS = 20 };
    mopt__strbuf_add(&text, "graph g (float[n] x) -> (y) {\n int64 m = {2};\n");
    for (int i = 0; i < LEVELS; i++) {
        mopt__strbuf_printf(&text,
                            "r%d = Loop<body=graph (int64 i%d, bool c%d, v%d) -> (d%d, w%d) {\n"
                            "d%d = Identity(c%d);\n",
                            i, i, i, i, i, i, i, i);
    }
    mopt__strbuf_printf(&text, "w%d = Concat<axis=0>(v%d, v%d);\n", LEVELS - 1, LEVELS - 1,
                        LEVELS - 1);
    for (int i = LEVELS - 1; i >= 0; i--) {
        if (i == 0) {
            mopt__strbuf_add(&text, "}>(m, _, x);\n");
        } else {
            mopt__strbuf_printf(&text, "}>(m, _, v%d);\nw%d = Identity(r%d);\n", i - 1, i - 1, i);
        }
    }
    mopt__strbuf_add(&text, "y = Identity(r0);\n}\n");
    uint64_t begin = mopt__clock_ns();
    struct mopt_model *model = inferred(mopt__strbuf_text(&text), 0);
    assert_true(mopt__clock_ns() - begin < UINT64_C(1000000000));
    assert_int_equal(mopt__value_find(model->graph, "y")->type->dtype, MOPT_FLOAT32);
    mopt__model_free(model);
    mopt__strbuf_release(&text);
}

static void functions_per_call_site(void **state)
{
    (void)state;
    struct mopt_model *model =
        inferred("model (ir=8, opset=17, \"my.domain\"=1) {\n"
                 "  graph g (float[a,2] x, float[b,3] y) -> (p, q) {\n"
                 "    p, sp = my.domain::F<to=6>(x);\n"
                 "    q, sq = my.domain::F<to=7>(y);\n"
                 "  }\n"
                 "  function \"my.domain\"::F<to>(v) -> (c, s) (opset=17) {\n"
                 "    s = Shape(v);\n"
                 "    c = Cast<to=@to>(v);\n"
                 "  }\n"
                 "}\n",
                 0);
    TYPE(model, "p", "int32[a,2]");
    TYPE(model, "q", "int64[b,3]");
    INTS(model, "sp", "[a,2]");
    INTS(model, "sq", "[b,3]");
    mopt__model_free(model);
}

static void declared_types_help_and_yield(void **state)
{
    (void)state;
    const char *text = "graph g (float[n,4] x) -> (float[m,4] y, float[k,5] z, int64[n] w) {\n"
                       "  z = other::Unknown(x);\n"
                       "  y = Identity(x);\n"
                       "  w = Identity(x);\n"
                       "}\n";
    struct mopt_model *model = inferred(text, MOPT_INFER_KEEP);
    TYPE(model, "z", "float[k,5]"); // nothing inferred: the file is believed
    TYPE(model, "y", "float[n,4]"); // inferred names win
    TYPE(model, "w", "float[n,4]"); // a contradiction: inferred wins
    mopt__model_free(model);
    model = parse_model(text);
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__infer_model(model, MOPT_INFER_KEEP | MOPT_INFER_STRICT, &err),
                     MOPT_E_TYPE);
    assert_non_null(strstr(err.text, "'w'"));
    mopt__model_free(model);
}

static void repeated_inference_is_stable(void **state)
{
    (void)state;
    struct mopt_model *model = inferred(branches_text, 0);
    size_t bytes = model->arena.bytes;
    struct mopt_error err;
    mopt_error_clear(&err);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(mopt__infer_model(model, MOPT_INFER_KEEP, &err), MOPT_OK);
    }
    assert_true(model->arena.bytes < bytes + 4096);
    mopt__model_free(model);
}

static void one_node(void **state)
{
    (void)state;
    struct mopt_model *model = inferred("graph g (float[n,4] x) -> (y) {\n"
                                        "  s = Shape(x);\n"
                                        "  y = Identity(s);\n"
                                        "}\n",
                                        0);
    struct mopt_error err;
    mopt_error_clear(&err);
    mopt__node_set_input(node_of(model, "Identity"), 0, mopt__value_find(model->graph, "x"));
    assert_int_equal(mopt__infer_node(model, node_of(model, "Identity"), &err), MOPT_OK);
    TYPE(model, "y", "float[n,4]");
    INTS(model, "y", "-");
    mopt__model_free(model);
}

static void table_takes_concrete_shapes(void **state)
{
    (void)state;
    struct mopt_model *model = parse_model("graph g (float[n,4] x) -> (int64[7] y) {\n"
                                           "  y = Shape(x);\n"
                                           "  z = ConstantOfShape(y);\n"
                                           "}\n");
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    struct mopt_fact *facts = mopt__calloc(model->value_count, sizeof *facts);
    assert_non_null(facts);
    const int64_t dims[] = {6, 4};
    const struct mopt_value *x = mopt__value_find(model->graph, "x");
    facts[x->id].type = mopt__type_tensor(&arena, MOPT_FLOAT32, 2, dims);
    assert_int_equal(mopt__infer_table(model->graph, model->dims, &arena, facts, &err), MOPT_OK);
    const struct mopt_fact *y = &facts[mopt__value_find(model->graph, "y")->id];
    const struct mopt_fact *z = &facts[mopt__value_find(model->graph, "z")->id];
    assert_int_equal(y->type->dims[0], 2);
    assert_non_null(y->constant);
    assert_int_equal(mopt__tensor_i64_at(y->constant, 0), 6);
    assert_int_equal(z->type->dims[1], 4);
    assert_null(x->type == NULL ? NULL : x->ints);
    mopt__free(facts);
    mopt__arena_release(&arena);
    mopt__model_free(model);
}

static void unsorted_graphs_are_inferred(void **state)
{
    (void)state;
    struct mopt_model *model = parse_model("graph g (float[n,4] x) -> (y) {\n"
                                           "  a = Identity(x);\n"
                                           "  y = Identity(a);\n"
                                           "}\n");
    mopt__node_move_before(model->graph->last, model->graph->first);
    assert_string_equal(model->graph->first->outputs[0]->name, "y");
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__infer_model(model, 0, &err), MOPT_OK);
    TYPE(model, "y", "float[n,4]");
    assert_string_equal(model->graph->first->outputs[0]->name, "y");
    mopt__model_free(model);
}

int mopt__test_infer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_arithmetic),
        cmocka_unit_test(constants_become_ints),
        cmocka_unit_test(unknown_dims_get_symbols),
        cmocka_unit_test(question_marks_are_no_names),
        cmocka_unit_test(branches_meet),
        cmocka_unit_test(constant_condition_settles),
        cmocka_unit_test(loop_widens_what_changes),
        cmocka_unit_test(scan_slices),
        cmocka_unit_test(nest_of_ifs_is_linear),
        cmocka_unit_test(nest_of_loops_is_bounded),
        cmocka_unit_test(functions_per_call_site),
        cmocka_unit_test(declared_types_help_and_yield),
        cmocka_unit_test(repeated_inference_is_stable),
        cmocka_unit_test(one_node),
        cmocka_unit_test(table_takes_concrete_shapes),
        cmocka_unit_test(unsorted_graphs_are_inferred),
    };
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
