// SPDX-License-Identifier: Apache-2.0
// The text form: the documented picture, spelling of everything, round trips of random models,
// clean errors.
#include <string.h>

#include "graph_support.h"

static const char sample[] =
    "model (ir=8, opset=13, \"com.microsoft\"=1, producer=\"pytorch\") @doc(\"a \\\"doc\\\"\") {\n"
    "  graph main (float[batch,3,2*seq+1] x, seq(float[?,?3]) s, map(int64, optional(float[...])) "
    "m,"
    " bool[] cond) -> (float[batch,10] y, z) {\n"
    "    float[4] bias = {1, 0.1, nan, -inf};\n"
    "    int8[2,2] w = {1, -1, 2, -2};\n"
    "    complex64[1] c = raw\"0000803f00000040\";\n"
    "    string[2] t = {\"a\", \"\\x00\\xff\"};\n"
    "    sparse(float[3,4]) sp = {float[2]{1, 2}, int64[2]{0, 5}};\n"
    "    %n1: a, _ = Split<axis=1, alpha=1.0, r=@beta:float>(x, _, bias);\n"
    "    y = com.microsoft::Gelu<v=[1.0, 2.5], e=ints[], st=[\"a\"], tt=[int64[]{1}],"
    " ty=type(seq(float[n])), un=undefined>(a, \"odd/name\");\n"
    "    z = If<then_branch=graph () -> (o) {\n"
    "      o = Identity(x);\n"
    "      p = Add(a, w);\n"
    "    }, else_branch=graph e (v) -> (x) @doc(\"d\") {\n"
    "    }>(cond) @doc(\"n\") @meta(\"k\", \"v\");\n"
    "    \"odd/name\" = my.domain::F:over<alpha=2>(x, sp);\n"
    "    () = Sink(t, c);\n"
    "  }\n"
    "  function my.domain::F:over<alpha, beta=1.0>(a, b) -> (c) (opset=13) {\n"
    "    c = Add(a, b);\n"
    "  }\n"
    "}\n";

static void expect_same_text(const struct mopt_model *model)
{
    char *first = support_print(model);
    struct mopt_model *again = support_parse(first);
    support_verify(again);
    char *second = support_print(again);
    assert_string_equal(first, second);
    mopt__free(first);
    mopt__free(second);
    mopt__model_free(again);
}

static void sample_prints_as_written(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse(sample);
    char *text = support_print(model);
    assert_string_equal(text, sample);
    mopt__free(text);
    mopt__model_free(model);
}

static void sample_means_what_it_says(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse(sample);
    const struct mopt_graph *graph = model->graph;
    assert_int_equal(model->ir_version, 8);
    assert_int_equal(mopt__graph_opset(graph, ""), 13);
    assert_int_equal(mopt__graph_opset(graph, "com.microsoft"), 1);
    assert_int_equal(graph->inputs.count, 4);
    assert_int_equal(graph->initializers.count, 4);
    assert_int_equal(graph->sparse_initializers.count, 1);
    const struct mopt_node *split = support_find(graph, "a");
    assert_string_equal(split->name, "n1");
    assert_int_equal(split->input_count, 3);
    assert_null(split->inputs[1].value);
    assert_int_equal(mopt__node_attribute(split, "axis")->kind, MOPT_ATTR_INT);
    assert_int_equal(mopt__node_attribute(split, "alpha")->kind, MOPT_ATTR_FLOAT);
    assert_string_equal(mopt__node_attribute(split, "r")->ref_name, "beta");
    // captured by the bodies of If: once as a node input, once as a graph output
    const struct mopt_value *x = mopt__value_find(graph, "x");
    assert_int_equal(x->use_count, 3);
    assert_int_equal(x->graph_output_count, 1);
    const struct mopt_node *call = support_find(graph, "odd/name");
    assert_ptr_equal(call->function, model->functions[0]);
    const struct mopt_value *text = mopt__value_find(graph, "t");
    const struct mopt_string *strings = text->constant->data;
    assert_int_equal(strings[1].size, 2);
    assert_memory_equal(strings[1].data, "\0\xff", 2);
    mopt__model_free(model);
}

static void names_bind_innermost_and_in_any_order(void **state)
{
    (void)state;
    struct mopt_model *model = support_parse("graph (x, c) -> (y) {\n"
                                             "  y = Relu(late);\n"
                                             "  late = If<then_branch=graph () -> (o) {\n"
                                             "    o = Neg(x); x = Abs(c);\n"
                                             "  }>(c);\n"
                                             "}");
    const struct mopt_graph *body =
        mopt__node_attribute(support_find(model->graph, "late"), "then_branch")->g;
    const struct mopt_node *neg = support_find(body, "o");
    assert_ptr_equal(neg->inputs[0].value->graph, body); // not the x outside
    assert_int_equal(mopt__value_find(model->graph, "x")->use_count, 0);
    assert_int_equal(model->ir_version, 10);
    assert_int_equal(mopt__graph_opset(model->graph, ""), 21);
    mopt__model_free(model);
}

static void floats_keep_their_bits(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    static const enum mopt_dtype dtypes[] = {MOPT_FLOAT32, MOPT_FLOAT64, MOPT_FLOAT16,
                                             MOPT_BFLOAT16};
    for (size_t k = 0; k < MOPT_COUNTOF(dtypes); k++) {
        struct mopt_model *model = support_model();
        struct mopt_tensor *tensor;
        struct mopt_error err;
        int64_t count = 65536;
        assert_int_equal(mopt__tensor_new(dtypes[k], 1, &count, &tensor, &err), MOPT_OK);
        uint16_t *words = mopt__tensor_data(tensor);
        bool half = mopt__dtype_bits(dtypes[k]) == 16;
        for (size_t i = 0; i < tensor->bytes / 2; i++) { // all halves, random wider ones
            words[i] = half ? (uint16_t)i : (uint16_t)mopt__rng_u64(&rng);
        }
        struct mopt_value *value = mopt__graph_constant(model->graph, "w", tensor, &err);
        assert_non_null(value);
        char *text = support_print(model);
        struct mopt_model *again = support_parse(text);
        assert_true(mopt__tensor_equal(tensor, mopt__value_find(again->graph, "w")->constant));
        mopt__free(text);
        mopt__tensor_unref(tensor);
        mopt__model_free(again);
        mopt__model_free(model);
    }
}

static void expect_equal_tensors(const struct mopt_graph *a, const struct mopt_graph *b)
{
    assert_int_equal(a->initializers.count, b->initializers.count);
    for (size_t i = 0; i < a->initializers.count; i++) {
        assert_true(mopt__tensor_equal(a->initializers.items[i]->constant,
                                       b->initializers.items[i]->constant));
    }
}

static void random_models_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct mopt_model *model = support_random_model(seed);
        support_verify(model);
        char *text = support_print(model);
        struct mopt_model *again = support_parse(text);
        expect_equal_tensors(model->graph, again->graph);
        assert_int_equal(mopt__model_node_count(model), mopt__model_node_count(again));
        expect_same_text(model);
        mopt__free(text);
        mopt__model_free(again);
        mopt__model_free(model);
    }
}

static void big_tensors_are_elided_on_request(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_parse("graph () -> () { float[3] a = {1,2,3}; float[2] b = {1,2}; }");
    struct mopt_strbuf text = {0};
    struct mopt_error err;
    struct mopt_text_options options = {.max_elements = 2};
    assert_int_equal(mopt__text_print(model, &options, &text, &err), MOPT_OK);
    assert_non_null(strstr(mopt__strbuf_text(&text), "float[3] a = {...};"));
    assert_non_null(strstr(mopt__strbuf_text(&text), "float[2] b = {1, 2};"));
    struct mopt_model *again;
    assert_int_equal(mopt__text_parse(text.text, text.length, &again, &err), MOPT_E_FORMAT);
    assert_null(again);
    mopt__strbuf_clear(&text);
    assert_int_equal(mopt__text_print_graph(model->graph, NULL, &text, &err), MOPT_OK);
    assert_string_equal(text.text,
                        "graph () -> () {\n  float[3] a = {1, 2, 3};\n  float[2] b = {1, 2};\n}\n");
    mopt__strbuf_release(&text);
    mopt__model_free(model);
}

static void every_truncation_is_a_clean_error(void **state)
{
    (void)state;
    size_t whole = strlen(sample) - 1; // the last newline may go
    for (size_t bytes = 0; bytes < whole; bytes++) {
        struct mopt_error err;
        struct mopt_model *model = NULL;
        char *copy = mopt__strndup(sample, bytes); // so that reading beyond is seen
        assert_int_equal(mopt__text_parse(copy, bytes, &model, &err), MOPT_E_FORMAT);
        assert_null(model);
        assert_memory_equal(err.text, "line ", 5);
        mopt__free(copy);
    }
}

static void damaged_text_never_breaks_the_parser(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 99);
    static const char bytes[] = "(){}[]<>=,:;%@\"\\-+*/.?_ax09\n";
    for (int i = 0; i < 4000; i++) {
        char *copy = mopt__strdup(sample);
        for (uint64_t n = mopt__rng_below(&rng, 4); n < 4; n++) {
            copy[mopt__rng_below(&rng, strlen(sample))] =
                bytes[mopt__rng_below(&rng, sizeof bytes - 1)];
        }
        struct mopt_error err;
        struct mopt_model *model = NULL;
        enum mopt_status status = mopt__text_parse(copy, strlen(copy), &model, &err);
        assert_true(status == MOPT_OK || status == MOPT_E_FORMAT);
        if (status == MOPT_OK) {
            expect_same_text(model);
        }
        mopt__model_free(model);
        mopt__free(copy);
    }
}

static void errors_name_place_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "line 1, column 1: expected 'model' or 'graph', found the end of the text"},
        {"graph (x) -> (y) {\n  y = Relu(z);\n}", "line 2, column 12: value 'z' is not defined"},
        {"graph (x) -> (y) {\n  x = Relu(x);\n}", "line 2, column 3: value 'x' is defined twice"},
        {"graph (x) -> () {\n  y = Relu x;\n}",
         "line 2, column 12: expected '(' or '<', found 'x'"},
        {"graph (x) -> () { float[2] w = {1}; }", "line 1, column 34: expected ',', found '}'"},
        {"graph (x) -> () { float[1] w = {1, 2}; }", "line 1, column 34: expected '}', found ','"},
        {"graph (x) -> () { uint8[1] w = {256}; }",
         "line 1, column 33: the number does not fit type uint8"},
        {"graph (x) -> () { float[99999999999] w = {1}; }",
         "line 1, column 43: a tensor has fewer elements than its type says"},
        {"graph (x) -> () { float[n] w = {1}; }",
         "line 1, column 33: a tensor with data needs known dimensions"},
        {"graph (x) -> () { int8[2] w = raw\"01\"; }",
         "line 1, column 34: expected raw data of 2 bytes in hex"},
        {"graph (x) -> () { y = A<a=1, a=2>(x); }",
         "line 1, column 30: attribute 'a' appears twice"},
        {"graph (x) -> () { y = A<a=[1, \"t\"]>(x); }",
         "line 1, column 31: expected a number, found '\"t\"'"},
        {"graph (x) -> () { y = A<a=[\"t\", 1]>(x); }",
         "line 1, column 33: a list mixes kinds of values"},
        {"graph (x) -> () { y = \"A(x); }",
         "line 1, column 23: a quoted text is not closed on its line"},
        {"graph (x) -> () { } }", "line 1, column 21: expected the end of the text, found '}'"},
        {"model (ir=8, foo=1) { }", "line 1, column 14: expected ir, opset, a quoted domain, "
                                    "producer, producer_version, domain "
                                    "or model_version, found 'foo'"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        struct mopt_error err;
        struct mopt_model *model;
        assert_int_equal(mopt__text_parse(rows[i].text, strlen(rows[i].text), &model, &err),
                         MOPT_E_FORMAT);
        assert_string_equal(err.text, rows[i].error);
    }
}

// `open` repeated, then the middle, then `close` repeated.
static char *nested(const char *head, const char *open, const char *middle, const char *close,
                    const char *tail, int depth)
{
    struct mopt_strbuf text = {0};
    mopt__strbuf_add(&text, head);
    for (int i = 0; i < depth; i++) {
        mopt__strbuf_add(&text, open);
    }
    mopt__strbuf_add(&text, middle);
    for (int i = 0; i < depth; i++) {
        mopt__strbuf_add(&text, close);
    }
    mopt__strbuf_add(&text, tail);
    assert_false(text.failed);
    return text.text;
}

static void expect_depth(const char *head, const char *open, const char *middle, const char *close,
                         const char *tail)
{
    static const int depths[] = {50, 200, 100000};
    for (size_t i = 0; i < MOPT_COUNTOF(depths); i++) {
        char *text = nested(head, open, middle, close, tail, depths[i]);
        struct mopt_error err;
        struct mopt_model *model = NULL;
        assert_int_equal(mopt__text_parse(text, strlen(text), &model, &err),
                         i == 0 ? MOPT_OK : MOPT_E_FORMAT);
        if (i == 0) {
            expect_same_text(model);
        }
        mopt__model_free(model);
        mopt__free(text);
    }
}

static void nesting_is_limited(void **state)
{
    (void)state;
    expect_depth("graph (x) -> () { ", "_ = If<b=graph () -> () {", "y = Abs(x);", "}>(x); ", "}");
    expect_depth("graph (", "seq(", "float[2]", ")", " x) -> () {}");
    expect_depth("graph (float[", "(", "n", ")", "] x) -> () {}");
}

static void comments_and_short_forms_are_read(void **state)
{
    (void)state;
    struct mopt_model *model =
        support_parse("// head\ngraph (float x) -> (y) { // body\n"
                      "  float s = -1.5; int64 n = 3; bool[2] b = {true, false};\n"
                      "  y = Add(x, s); // end\n}// tail");
    const struct mopt_tensor *s = mopt__value_find(model->graph, "s")->constant;
    assert_int_equal(s->rank, 0);
    assert_true(mopt__tensor_f64(s, 0) == -1.5);
    assert_int_equal(mopt__tensor_i64_at(mopt__value_find(model->graph, "n")->constant, 0), 3);
    assert_int_equal(mopt__value_find(model->graph, "x")->type->rank, -1);
    expect_same_text(model);
    mopt__model_free(model);
}

int mopt__test_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_prints_as_written),
        cmocka_unit_test(sample_means_what_it_says),
        cmocka_unit_test(names_bind_innermost_and_in_any_order),
        cmocka_unit_test(floats_keep_their_bits),
        cmocka_unit_test(random_models_round_trip),
        cmocka_unit_test(big_tensors_are_elided_on_request),
        cmocka_unit_test(every_truncation_is_a_clean_error),
        cmocka_unit_test(damaged_text_never_breaks_the_parser),
        cmocka_unit_test(errors_name_place_and_remedy),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(comments_and_short_forms_are_read),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
