// SPDX-License-Identifier: Apache-2.0
// The attention family where the conformance suites do not reach: packed forms against plain ones,
// long forms against short ones, hand-computed values, and what is refused.
#include "node_call.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- Elementary ---------------------------------------------------------------------------------

static void swiglu_by_hand(void **state)
{
    (void)state;
    struct node_call call = call_node("SwiGLU", "2=1,-2;2=3,5", "alpha=2.0", 1);
    const struct mopt_tensor *y = call_output(&call, 0);
    assert_true(fabs(mopt__tensor_f64(y, 0) - 3 / (1 + exp(-2.0))) < 1e-6);
    assert_true(fabs(mopt__tensor_f64(y, 1) + 10 / (1 + exp(4.0))) < 1e-6);
    call_release(&call);
}

static void swiglu_of_large_gates_stays_finite(void **state)
{
    (void)state;
    struct node_call call = call_node("SwiGLU", "d3=-1000,1000,0;d3=1", "", 1);
    const double expected[3] = {0, 1000, 0};
    for (size_t i = 0; i < 3; i++) {
        assert_true(mopt__tensor_f64(call_output(&call, 0), i) == expected[i]);
    }
    call_release(&call);
}

// A long row of equal elements: the sum must not stop growing at 256, where bfloat16 has no 257.
static void long_bfloat_rows_sum_up(void **state)
{
    (void)state;
    struct node_call soft = call_node("Softmax", "b2 1000=1", "", 1);
    struct node_call att = call_node("Attention", "b1 1 1 4=0;b1 1 1000 4;b1 1 1000 4=1", "", 1);
    assert_true(fabs(mopt__tensor_f64(call_output(&soft, 0), 0) - 0.001) < 1e-5);
    assert_true(fabs(mopt__tensor_f64(call_output(&att, 0), 0) - 1) < 0.01);
    call_release(&soft);
    call_release(&att);
}

static void embedding_by_hand(void **state)
{
    (void)state;
    // word 1 (4, 8) + position 0 (0, 1) + segment 1 (1, 1) = (5, 10): -1 and 1, doubled, plus 3.
    struct node_call call =
        call_node("ms.EmbedLayerNormalization",
                  "i1 1=1;i1 1=1;2 2=0,0,4,8;3 2=0,1;2 2=0,0,1,1;2=2;2=3;i1 1=1", "epsilon=0.0", 3);
    assert_true(fabs(mopt__tensor_f64(call_output(&call, 0), 0) - 1) < 1e-6);
    assert_true(fabs(mopt__tensor_f64(call_output(&call, 0), 1) - 5) < 1e-6);
    assert_int_equal(mopt__tensor_i64_at(call_output(&call, 1), 0), 1);
    assert_true(mopt__tensor_f64(call_output(&call, 2), 0) == 5);
    assert_true(mopt__tensor_f64(call_output(&call, 2), 1) == 10);
    call_release(&call);
}

// ---- LinearAttention ----------------------------------------------------------------------------

static void linear_attention_by_hand(void **state)
{
    (void)state;
    // Keys 1, 2 with values 3, 5: the state is 3, then 3 + 10; queries 2 and 1 read it.
    struct node_call call = call_node("LinearAttention", "1 2 1=2,1;1 2 1=1,2;1 2 1=3,5",
                                      "q_num_heads=1 kv_num_heads=1 update_rule='linear'", 2);
    assert_true(mopt__tensor_f64(call_output(&call, 0), 0) == 6);
    assert_true(mopt__tensor_f64(call_output(&call, 0), 1) == 13);
    assert_true(mopt__tensor_f64(call_output(&call, 1), 0) == 13);
    call_release(&call);
}

// A sequence in two pieces, the state carried over, is the sequence in one.
static void linear_attention_continues(void **state)
{
    (void)state;
    const char *attributes = "q_num_heads=4 kv_num_heads=2 scale=0.5";
    struct node_call whole =
        call_node("LinearAttention", "1 5 12;1 5 6;1 5 8;_;1 5 2;1 5 2", attributes, 2);
    struct node_call first =
        call_node("LinearAttention", "1 3 12;1 3 6;1 3 8;_;1 3 2;1 3 2", attributes, 2);
    struct node_call second =
        call_node("LinearAttention", "1 2 12;1 2 6;1 2 8;1 2 3 4;1 2 2;1 2 2", attributes, 2);
    static const uint32_t inputs[] = {0, 1, 2, 4, 5};
    for (size_t i = 0; i < 5; i++) {
        const struct mopt_tensor *all = call_input(&whole, inputs[i]);
        call_fill(&first, inputs[i], all, 0);
        call_fill(&second, inputs[i], all, all->count / 5 * 3);
    }
    call_again(&first);
    call_fill(&second, 3, call_output(&first, 1), 0);
    call_again(&second);
    assert_near(call_output(&second, 1), call_output(&whole, 1));
    for (size_t i = 0; i < 32; i++) {
        double x = mopt__tensor_f64(call_output(&second, 0), i);
        assert_true(fabs(x - mopt__tensor_f64(call_output(&whole, 0), 48 + i)) < 1e-5);
    }
    call_release(&whole);
    call_release(&first);
    call_release(&second);
}

// ---- MultiHeadAttention -------------------------------------------------------------------------

// Puts input `from` of a call, [1, length, heads, size], as number `i` of `parts` into input 0 of
// another, [1, length, heads, parts, size].
static void pack(struct node_call *to, uint32_t input, const struct mopt_tensor *from, size_t i,
                 size_t parts, size_t size)
{
    void *data = mopt__tensor_data(to->inputs[input]->tensor);
    for (size_t k = 0; k < from->count; k++) {
        size_t at = (k / size * parts + i) * size + k % size;
        mopt__element_set_f64(MOPT_FLOAT32, data, at, mopt__tensor_f64(from, k));
    }
}

static void packed_heads_are_plain_heads(void **state)
{
    (void)state;
    struct node_call plain = call_node("ms.MultiHeadAttention", "1 3 6;1 3 6;1 3 6;18",
                                       "num_heads=2 unidirectional=1", 3);
    struct node_call all =
        call_node("ms.MultiHeadAttention", "1 3 2 3 3;_;_;18", "num_heads=2 unidirectional=1", 3);
    struct node_call two = call_node("ms.MultiHeadAttention", "1 3 6;1 3 2 2 3;_;18",
                                     "num_heads=2 unidirectional=1", 3);
    for (uint32_t i = 0; i < 3; i++) {
        pack(&all, 0, call_input(&plain, i), i, 3, 3);
    }
    pack(&two, 1, call_input(&plain, 1), 0, 2, 3);
    pack(&two, 1, call_input(&plain, 2), 1, 2, 3);
    call_again(&all);
    call_again(&two);
    for (uint32_t i = 0; i < 3; i++) {
        assert_near(call_output(&all, i), call_output(&plain, i));
        assert_near(call_output(&two, i), call_output(&plain, i));
    }
    call_release(&plain);
    call_release(&all);
    call_release(&two);
}

// New keys written into a buffer that is larger than what is filled.
static void buffers_hold_what_was_there(void **state)
{
    (void)state;
    const char *attributes = "num_heads=1";
    struct node_call grown = call_node("ms.MultiHeadAttention",
                                       "1 1 2;1 1 2;1 1 2;_;_;_;1 1 2 2;1 1 2 2", attributes, 3);
    struct node_call fixed =
        call_node("ms.MultiHeadAttention", "1 1 2;1 1 2;1 1 2;_;_;_;1 1 4 2;1 1 4 2;i1=2",
                  attributes, 3);
    call_fill(&grown, 6, call_input(&fixed, 6), 0);
    call_fill(&grown, 7, call_input(&fixed, 7), 0);
    call_again(&grown);
    assert_near(call_output(&fixed, 0), call_output(&grown, 0));
    const struct mopt_tensor *k = call_output(&fixed, 1);
    assert_int_equal(k->dims[2], 4);
    for (size_t i = 0; i < 8; i++) {
        double x = mopt__tensor_f64(i < 6 ? call_output(&grown, 1) : call_input(&fixed, 6), i);
        assert_true(mopt__tensor_f64(k, i) == x);
    }
    call_release(&grown);
    call_release(&fixed);
}

// ---- Attention of com.microsoft -----------------------------------------------------------------

static void masks_of_all_ranks_agree(void **state)
{
    (void)state;
    const char *attributes = "num_heads=2";
    const char *front = "2 3 4;4 12;12;";
    static const char *const masks[4] = {
        "i2=2,3", "i2 3=1,1,0,1,1,1", "i2 3 3=1,1,0,1,1,0,1,1,0,1,1,1,1,1,1,1,1,1",
        "i2 1 4 4=1,1,0,7,1,1,0,7,1,1,0,7,1,1,1,1,1,1,1,7,1,1,1,7,1,1,1,7,1,1,1,1"};
    struct node_call calls[4];
    for (int i = 0; i < 4; i++) {
        char inputs[200];
        assert_true(snprintf(inputs, sizeof inputs, "%s%s", front, masks[i]) < 200);
        calls[i] = call_node("ms.Attention", inputs, attributes, 1);
        assert_near(call_output(&calls[i], 0), call_output(&calls[0], 0));
    }
    for (int i = 0; i < 4; i++) {
        call_release(&calls[i]);
    }
}

static void absent_bias_is_zero(void **state)
{
    (void)state;
    struct node_call with = call_node("ms.Attention", "2 3 4;4 12;12=0", "num_heads=2", 1);
    struct node_call without = call_node("ms.Attention", "2 3 4;4 12", "num_heads=2", 1);
    assert_near(call_output(&without, 0), call_output(&with, 0));
    call_release(&with);
    call_release(&without);
}

// An added bias and a cache at the same time; a cache in a buffer.
static void merged_caches_agree(void **state)
{
    (void)state;
    const char *attributes = "num_heads=2 unidirectional=1";
    struct node_call grown =
        call_node("ms.Attention", "1 2 4;4 12;12;_;2 1 2 3 2;1 1 2 5=0.5,1,-1,0,2", attributes, 2);
    struct node_call fixed =
        call_node("ms.Attention", "1 2 4;4 12;12;_;2 1 2 6 2;1 1 2 5=0.5,1,-1,0,2;i1=3",
                  "num_heads=2 unidirectional=1 past_present_share_buffer=1", 2);
    void *data = mopt__tensor_data(grown.inputs[4]->tensor);
    for (size_t i = 0; i < 24; i++) { // 3 of 6 rows of 2
        size_t from = i / 6 * 12 + i % 6;
        mopt__element_set_f64(MOPT_FLOAT32, data, i, mopt__tensor_f64(call_input(&fixed, 4), from));
    }
    call_again(&grown);
    assert_near(call_output(&fixed, 0), call_output(&grown, 0));
    assert_int_equal(call_output(&grown, 1)->dims[3], 5);
    assert_int_equal(call_output(&fixed, 1)->dims[3], 6);
    for (size_t i = 0; i < 48; i++) {
        size_t row = i / 2 % 6;
        double x = row < 5 ? mopt__tensor_f64(call_output(&grown, 1), i / 12 * 10 + i % 12)
                           : mopt__tensor_f64(call_input(&fixed, 4), i);
        assert_true(mopt__tensor_f64(call_output(&fixed, 1), i) == x);
    }
    call_release(&grown);
    call_release(&fixed);
}

// ---- GroupQueryAttention ------------------------------------------------------------------------

static void one_group_per_head_is_multi_head(void **state)
{
    (void)state;
    struct node_call group = call_node("ms.GroupQueryAttention", "2 3 8;2 3 8;2 3 8;_;_;i2=2;i.=3",
                                       "num_heads=2 kv_num_heads=2 scale=0.3", 3);
    struct node_call multi = call_node("ms.MultiHeadAttention", "2 3 8;2 3 8;2 3 8",
                                       "num_heads=2 unidirectional=1 scale=0.3", 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_near(call_output(&group, i), call_output(&multi, i));
    }
    call_release(&group);
    call_release(&multi);
}

// Norms inside are norms outside: heads divided by their root mean square times a weight.
static void norms_of_queries_and_keys(void **state)
{
    (void)state;
    const char *tail = ";_;_;i1=2;i.=3;_;_;_;_;_;_;_";
    char inputs[128];
    assert_true(snprintf(inputs, sizeof inputs, "1 3 8;1 3 4;1 3 4%s;4=2,1,0.5,1;4=1,3,1,1", tail) <
                128);
    struct node_call inside = call_node("ms.GroupQueryAttention", inputs,
                                        "num_heads=2 kv_num_heads=1 qk_norm_epsilon=0.5", 1);
    struct node_call outside =
        call_node("ms.GroupQueryAttention", "1 3 8;1 3 4;1 3 4;_;_;i1=2;i.=3",
                  "num_heads=2 kv_num_heads=1", 1);
    for (uint32_t i = 0; i < 2; i++) {
        const struct mopt_tensor *x = call_input(&inside, i);
        const struct mopt_tensor *w = call_input(&inside, 14 + i);
        void *data = mopt__tensor_data(outside.inputs[i]->tensor);
        for (size_t k = 0; k < x->count; k++) {
            double square = 0;
            for (size_t d = 0; d < 4; d++) {
                square += pow(mopt__tensor_f64(x, k / 4 * 4 + d), 2);
            }
            double y = mopt__tensor_f64(x, k) / sqrt(square / 4 + 0.5);
            mopt__element_set_f64(MOPT_FLOAT32, data, k, y * mopt__tensor_f64(w, k % 4));
        }
    }
    call_again(&outside);
    assert_near(call_output(&inside, 0), call_output(&outside, 0));
    call_release(&inside);
    call_release(&outside);
}

// Scores of a sliding cache stand at the positions of the keys.
static void sliding_scores_stand_at_positions(void **state)
{
    (void)state;
    struct node_call call = call_node(
        "ms.GroupQueryAttention", "1 1 4;1 1 2;1 1 2;1 1 3 2;1 1 3 2;i1=7;i.=8",
        "num_heads=2 kv_num_heads=1 local_window_size=3 sliding_window_cache=1 qk_output=2", 4);
    const struct mopt_tensor *scores = call_output(&call, 3);
    assert_int_equal(scores->dims[3], 8);
    double sum = 0;
    for (size_t i = 0; i < 8; i++) {
        double x = mopt__tensor_f64(scores, i);
        assert_true(i < 5 ? x == 0 : x > 0);
        sum += x;
    }
    assert_true(fabs(sum - 1) < 1e-6);
    assert_int_equal(call_output(&call, 1)->dims[2], 3);
    call_release(&call);
}

// Many ways at once must give rows of probabilities that sum to less than 1 with a sink.
static void sinks_take_their_share(void **state)
{
    (void)state;
    struct node_call call =
        call_node("ms.GroupQueryAttention", "1 2 4=0;1 2 2;1 2 2;_;_;i1=1;i.=2;_;_;_;_;2=0,-1000",
                  "num_heads=2 kv_num_heads=1 qk_output=2", 4);
    static const double expected[8] = {0.5, 0, 1.0 / 3, 1.0 / 3, 1, 0, 0.5, 0.5};
    for (size_t i = 0; i < 8; i++) {
        assert_true(fabs(mopt__tensor_f64(call_output(&call, 3), i) - expected[i]) < 1e-6);
    }
    call_release(&call);
}

// ---- FlexAttention ------------------------------------------------------------------------------

static enum mopt_status flex(const char *attributes, const char *query, struct mopt_error *err,
                             double y[2])
{
    char text[800];
    int length = snprintf(text, sizeof text,
                          "model (ir=13, opset=26, \"ai.onnx.preview\"=1) {\n"
                          "  graph g (%s q, float[1,1,3,1] k, float[1,1,3,2] v) -> (y) {\n"
                          "    y = \"ai.onnx.preview\"::FlexAttention<%s>(q, k, v);\n"
                          "  }\n}\n",
                          query, attributes);
    assert_true(length > 0 && (size_t)length < sizeof text);
    struct mopt_model *model = parse_model(text);
    struct mopt_tensor *inputs[3] = {tensor_of(MOPT_FLOAT32, 4, (const int64_t[]){1, 1, 1, 1},
                                               (const double[]){1}),
                                     tensor_of(MOPT_FLOAT32, 4, (const int64_t[]){1, 1, 3, 1},
                                               (const double[]){0, 1, 2}),
                                     tensor_of(MOPT_FLOAT32, 4, (const int64_t[]){1, 1, 3, 2},
                                               (const double[]){1, 10, 2, 20, 4, 40})};
    struct mopt_datum *out = NULL;
    enum mopt_status status = mopt__infer_model(model, MOPT_INFER_STRICT, err);
    if (status == MOPT_OK) {
        status = run_model(model, inputs, 3, &out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < 2; i++) {
        y[i] = mopt__tensor_f64(out->tensor, i);
    }
    mopt__datum_unref(out);
    for (int i = 0; i < 3; i++) {
        mopt__tensor_unref(inputs[i]);
    }
    mopt__model_free(model);
    return status;
}

static void flex_bodies_change_scores_and_probabilities(void **state)
{
    (void)state;
    struct mopt_error err;
    double y[2] = {0, 0};
    mopt_error_clear(&err);
    // Scores 0, 1, 2 are all made 0, probabilities 1/3 doubled: 2/3 of 1 + 2 + 4.
    assert_int_equal(flex("score_mod=graph (float[1,1,1,3] s) -> (float[1,1,1,3] t) {"
                          "t = Sub(s, s); }, "
                          "prob_mod=graph (float[1,1,1,3] p) -> (r) { r = Add(p, p); }",
                          "float[1,1,1,1]", &err, y),
                     MOPT_OK);
    assert_true(fabs(y[0] - 14.0 / 3) < 1e-5 && fabs(y[1] - 140.0 / 3) < 1e-4);
    double whole = 1 + exp(0.5) + exp(1.0);
    assert_int_equal(flex("scale=0.5", "float[1,1,1,1]", &err, y), MOPT_OK);
    assert_true(fabs(y[0] - (1 + 2 * exp(0.5) + 4 * exp(1.0)) / whole) < 1e-5);
}

static void flex_refuses_bodies_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *attributes, *query;
        enum mopt_status status;
    } rows[] = {
        {"score_mod=graph (s, t) -> (u) { u = Add(s, t); }", "float[1,1,1,1]", MOPT_E_FORMAT},
        {"prob_mod=graph (s) -> (u) { u = ReduceSum<keepdims=0>(s); }", "float[1,1,1,1]",
         MOPT_E_TYPE},
        {"score_mod=graph (s) -> (u) { u = Cast<to=11>(s); }", "float[1,1,1,1]", MOPT_E_TYPE},
        {"prob_mod=graph (s) -> (u) { u = ReduceSum(s); }", "float[1,1,1,1]", MOPT_E_SHAPE},
        {"softmax_precision=7", "float[1,1,1,1]", MOPT_E_VALUE},
        {"scale=0.5", "float[1,1,1,3]", MOPT_E_SHAPE},
        {"scale=0.5", "float[1,1,1]", MOPT_E_SHAPE},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        struct mopt_error err;
        double y[2];
        mopt_error_clear(&err);
        enum mopt_status status = flex(rows[i].attributes, rows[i].query, &err, y);
        if (status != rows[i].status || err.text[0] == '\0') {
            fail_msg("row %zu: %d '%s'", i, (int)status, err.text);
        }
    }
}

// ---- Inference ----------------------------------------------------------------------------------

static void assert_types(const char *text, const char *const (*rows)[2], size_t count)
{
    struct mopt_error err;
    struct mopt_model *model = parse_model(text);
    mopt_error_clear(&err);
    assert_int_equal(mopt__infer_model(model, MOPT_INFER_STRICT, &err), MOPT_OK);
    for (size_t i = 0; i < count; i++) {
        char buf[200];
        assert_string_equal(type_text(model, rows[i][0], buf, sizeof buf), rows[i][1]);
    }
    mopt__model_free(model);
}

static void symbolic_dims_are_kept(void **state)
{
    (void)state;
    static const char *const grouped[][2] = {{"y", "float[b,s,32]"},
                                             {"k", "float[b,2,max(7,p),8]"},
                                             {"qk", "float[b,4,s,7]"},
                                             {"u", "float[b,s,32]"},
                                             {"c", "int8[b,2,9,8]"}};
    assert_types(
        "model (ir=9, opset=20, \"com.microsoft\"=1) {\n"
        "  graph g (float[b,s,32] q, float[b,s,16] n, float[b,2,p,8] o, int32[b] l,\n"
        "           float[b,s,64] z, int8[b,2,9,8] w, float[1] d) -> (y, k, v, qk, u) {\n"
        "    int32 t = {7};\n"
        "    y, k, v, qk = com.microsoft::GroupQueryAttention<num_heads=4, kv_num_heads=2,\n"
        "        qk_output=1>(q, n, n, o, o, l, t);\n"
        "    u, c, _ = com.microsoft::GroupQueryAttention<num_heads=4, kv_num_heads=2,\n"
        "        kv_cache_bit_width=8, k_quant_type=\"PER_TENSOR\",\n"
        "        v_quant_type=\"PER_TENSOR\">(z, _, _, w, w, l, t, _, _, _, _, _, d, d);\n"
        "  }\n}\n",
        grouped, MOPT_COUNTOF(grouped));
    static const char *const others[][2] = {{"m", "float[b,s,10]"},     {"mk", "float[b,2,p+t,3]"},
                                            {"mv", "float[b,2,p+t,5]"}, {"a", "float[b,s,4]"},
                                            {"ap", "float[2,b,2,s,2]"}, {"e", "float16[b,s,h]"},
                                            {"ei", "int32[b]"},         {"r", "float[b,s,2*e]"},
                                            {"rs", "float16[b,2,3,e]"}, {"g", "double[b,3,s,v]"},
                                            {"f", "float[b,s,5]"}};
    assert_types(
        "model (ir=13, opset=28, \"com.microsoft\"=1, \"ai.onnx.preview\"=1) {\n"
        "  graph g (float[b,s,6] q, float[b,t,6] k, float[b,t,10] v, float[b,2,p,3] pk,\n"
        "           float[b,2,p,5] pv, float[b,s,7] x, float[7,12] w, int32[b,s] i,\n"
        "           float16[n,h] we, float16[o,h] wp, float16[h] ga, float[b,s,5] f1,\n"
        "           float[b,s,unk] f2, float16[b,2,3,e] st, float[b,s,2*e] lv,\n"
        "           double[b,3,s,d] fq, double[b,3,t,d] fk, double[b,3,t,v] fv)\n"
        "      -> (m, a, e, r, g, f) {\n"
        "    m, mk, mv = com.microsoft::MultiHeadAttention<num_heads=2>(q, k, v, _, _, _, pk, "
        "pv);\n"
        "    a, ap = com.microsoft::Attention<num_heads=2>(x, w);\n"
        "    e, ei = com.microsoft::EmbedLayerNormalization(i, _, we, wp, _, ga, ga);\n"
        "    r, rs = LinearAttention<q_num_heads=2, kv_num_heads=2, update_rule=\"linear\">(q, q,\n"
        "        lv, st);\n"
        "    g = \"ai.onnx.preview\"::FlexAttention(fq, fk, fv);\n"
        "    f = SwiGLU(f2, f1);\n"
        "  }\n}\n",
        others, MOPT_COUNTOF(others));
}

// ---- What is refused ----------------------------------------------------------------------------

struct refusal {
    const char *op, *inputs, *attributes;
    uint32_t outputs;
    enum mopt_status status;
    const char *text; // part of the message
};

static void refuse_all(const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node_call call =
            call_node(rows[i].op, rows[i].inputs, rows[i].attributes, rows[i].outputs);
        assert_refused(&call, rows[i].status, rows[i].text);
        assert_true(call.err.text[0] != 0 && strchr(call.err.text, 10) == NULL);
        call_release(&call);
    }
}

static void elementary_refusals(void **state)
{
    (void)state;
    static const char *const embed = "ms.EmbedLayerNormalization";
    static const char *const linear = "LinearAttention";
    const struct refusal rows[] = {
        {"SwiGLU", "2 3;3", "", 1, MOPT_E_SHAPE, "one shape"},
        {"SwiGLU", "2 3;2 1", "", 1, MOPT_E_SHAPE, "one shape"},
        {"SwiGLU", "2;h2", "", 1, MOPT_E_TYPE, ""},
        {embed, "i1 2=5;_;5 2;3 2;_;2;2", "", 2, MOPT_E_VALUE, "index 5"},
        {embed, "i1 2=-1;_;5 2;3 2;_;2;2", "", 2, MOPT_E_VALUE, "index -1"},
        {embed, "i1 4;_;5 2;3 2;_;2;2", "", 2, MOPT_E_VALUE, "position_embedding"},
        {embed, "i1 2;i1 2=3;5 2;3 2;3 2;2;2", "", 2, MOPT_E_VALUE, "segment_embedding"},
        {embed, "i1 2;i1 2;5 2;3 2;_;2;2", "", 2, MOPT_E_FORMAT, "come together"},
        {embed, "i1 2;_;5 2;3 2;_;3;2", "", 2, MOPT_E_SHAPE, "'gamma'"},
        {embed, "i1 2;_;5 2;3 4;_;2;2", "", 2, MOPT_E_SHAPE, "'position_embedding'"},
        {embed, "i1 2;_;5 2;3 2;_;2;2;i1 3", "", 2, MOPT_E_SHAPE, "'mask'"},
        {embed, "i1 2;_;5 2;3 2;_;2;2;_;i1 2=3", "", 2, MOPT_E_VALUE, "index 3"},
        {embed, "i2;_;5 2;3 2;_;2;2", "", 2, MOPT_E_SHAPE, "'input_ids'"},
        {linear, "1 2 4;1 2 2;1 2 2", "q_num_heads=4 kv_num_heads=0", 2, MOPT_E_VALUE, "0"},
        {linear, "1 2 6;1 2 2;1 2 2", "q_num_heads=3 kv_num_heads=2", 2, MOPT_E_VALUE, "3 and 2"},
        {linear, "1 2 4;1 2 2;1 2 2", "q_num_heads=2 kv_num_heads=1", 2, MOPT_E_FORMAT, "'decay'"},
        {linear, "1 2 4;1 2 2;1 2 2;_;1 2 1", "q_num_heads=2 kv_num_heads=1 update_rule='linear'",
         2, MOPT_E_FORMAT, "has no"},
        {linear, "1 2 4;1 2 2;1 2 2;_;_;1 2 1", "q_num_heads=2 kv_num_heads=1 update_rule='linear'",
         2, MOPT_E_FORMAT, "'beta'"},
        {linear, "1 2 4;1 2 2;1 2 2", "q_num_heads=2 kv_num_heads=1 update_rule='other'", 2,
         MOPT_E_VALUE, "'other'"},
        {linear, "1 2 5;1 2 2;1 2 2", "q_num_heads=2 kv_num_heads=1 update_rule='linear'", 2,
         MOPT_E_SHAPE, "'query'"},
        {linear, "1 2 4;1 2 3;1 2 2", "q_num_heads=2 kv_num_heads=1 update_rule='linear'", 2,
         MOPT_E_SHAPE, "heads of query and key"},
        {linear, "1 2 4;1 3 2;1 2 2", "q_num_heads=2 kv_num_heads=1 update_rule='linear'", 2,
         MOPT_E_SHAPE, "'key'"},
        {linear, "1 2 4;1 2 2;1 2 2;1 1 2 3", "q_num_heads=2 kv_num_heads=1 update_rule='linear'",
         2, MOPT_E_SHAPE, "'past_state'"},
        {linear, "1 2 8;1 2 8;1 2 4;_;1 2 4;1 2 1", "q_num_heads=2 kv_num_heads=2", 2, MOPT_E_SHAPE,
         "'decay'"},
        {linear, "1 2 8;1 2 8;1 2 4;_;1 2 2;1 2 3", "q_num_heads=2 kv_num_heads=2", 2, MOPT_E_SHAPE,
         "'beta'"},
    };
    refuse_all(rows, MOPT_COUNTOF(rows));
}

static void attention_refusals(void **state)
{
    (void)state;
    static const char *const op = "Attention"; // of opset 25
    const struct refusal rows[] = {
        {op, "1 2 3 4;1 2 5 4;1 2 5 4", "q_num_heads=2", 1, MOPT_E_FORMAT, "rank 3"},
        {op, "1 3 8;1 5 8;1 5 8", "", 1, MOPT_E_VALUE, "'q_num_heads'"},
        {op, "1 3 8;1 5 8;1 5 8", "q_num_heads=3 kv_num_heads=2", 1, MOPT_E_SHAPE, "divide"},
        {op, "1 3 8;1 5 8;1 5 8", "q_num_heads=2 kv_num_heads=4", 1, MOPT_E_SHAPE, "fit together"},
        {op, "1 3 4 4;1 2 5 4;1 2 5 4", "", 1, MOPT_E_SHAPE, "3 query heads over 2"},
        {op, "1 2 3 4;1 2 5 4;1 2 4 4", "", 1, MOPT_E_SHAPE, "fit together"},
        {op, "1 2 3 4;1 2 5 4;2 2 5 4", "", 1, MOPT_E_SHAPE, "one batch"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;3 6", "", 1, MOPT_E_SHAPE, "'attn_mask'"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;2 5", "", 1, MOPT_E_SHAPE, "'attn_mask'"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;_;1 2 6 4", "", 1, MOPT_E_FORMAT, "come together"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;_;1 2 6 4;1 2 7 4", "", 1, MOPT_E_SHAPE, "cache"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;_;1 2 6 4;1 2 6 4;l1=5", "", 1, MOPT_E_FORMAT, "combined"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4;_;_;_;l2=5", "", 1, MOPT_E_SHAPE, "'nonpad_kv_seqlen'"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4", "qk_matmul_output_mode=4", 1, MOPT_E_VALUE,
         "'qk_matmul_output_mode'"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4", "softmax_precision=9", 1, MOPT_E_VALUE,
         "'softmax_precision'"},
        {op, "1 2 3 4;1 2 5 4;1 2 5 4", "left_window_size=-2", 1, MOPT_E_VALUE,
         "'left_window_size'"},
    };
    refuse_all(rows, MOPT_COUNTOF(rows));
}

static void merged_refusals(void **state)
{
    (void)state;
    static const char *const op = "ms.Attention";
    const struct refusal rows[] = {
        {op, "2 3 4;4 12;12", "num_heads=0", 1, MOPT_E_VALUE, "'num_heads'"},
        {op, "2 3 4;4 12;12", "num_heads=3", 1, MOPT_E_SHAPE, "3 heads"},
        {op, "2 3 4;5 12;12", "num_heads=2", 1, MOPT_E_SHAPE, "'weights'"},
        {op, "2 3 4;4 12;11", "num_heads=2", 1, MOPT_E_SHAPE, "'bias'"},
        {op, "2 3 4;4 13;13", "num_heads=2", 1, MOPT_E_SHAPE, "13 columns"},
        {op, "2 3 4;4 12;12", "num_heads=2 qkv_hidden_sizes=4,4", 1, MOPT_E_VALUE, "2 elements"},
        {op, "2 3 4;4 12;12", "num_heads=2 qkv_hidden_sizes=4,4,6", 1, MOPT_E_SHAPE, "hidden size"},
        {op, "2 3 4;4 12;12", "num_heads=2 qkv_hidden_sizes=2,6,4", 1, MOPT_E_SHAPE, "hidden size"},
        {op, "2 3 4;4 12;12", "num_heads=2 qkv_hidden_sizes=-4,-4,20", 1, MOPT_E_SHAPE, "-4"},
        {op, "2 3 4;4 12;12;i3", "num_heads=2", 1, MOPT_E_SHAPE, "'mask_index'"},
        {op, "2 3 4;4 12;12;i2 4", "num_heads=2", 1, MOPT_E_SHAPE, "'mask_index'"},
        {op, "2 3 4;4 12;12;i2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'mask_index'"},
        {op, "2 3 4;4 12;12;i2 1 2 2", "num_heads=2", 1, MOPT_E_SHAPE, "'mask_index'"},
        {op, "2 3 4;4 12;12;i2 1 4 4", "num_heads=2 unidirectional=1", 1, MOPT_E_SHAPE,
         "'mask_index'"},
        {op, "2 3 4;4 12;12;i.", "num_heads=2", 1, MOPT_E_SHAPE, "'mask_index'"},
        {op, "2 3 4;4 12;12;_;2 2 2 5 3", "num_heads=2", 2, MOPT_E_SHAPE, "'past'"},
        {op, "2 3 4;4 12;12;_;2 1 2 5 2", "num_heads=2", 2, MOPT_E_SHAPE, "'past'"},
        {op, "2 3 4;4 12;12;_;_;2 2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'attention_bias'"},
        {op, "2 3 4;4 12;12;_;_;3 2 3 3", "num_heads=2", 1, MOPT_E_SHAPE, "'attention_bias'"},
        {op, "2 3 4;4 12;12;_;2 2 2 5 2", "num_heads=2 past_present_share_buffer=1", 2,
         MOPT_E_FORMAT, "'past_sequence_length'"},
        {op, "2 3 4;4 12;12;_;2 2 2 5 2;_;i1=3", "num_heads=2 past_present_share_buffer=1", 2,
         MOPT_E_VALUE, "room for 5"},
        {op, "2 3 4;4 12;12;_;2 2 2 5 2;_;i1=-1", "num_heads=2 past_present_share_buffer=1", 2,
         MOPT_E_VALUE, "-1"},
        {op, "2 3 4;4 12;12", "num_heads=2 do_rotary=1", 1, MOPT_E_UNSUPPORTED, "'do_rotary'"},
        {op, "2 3 4;4 14;14", "num_heads=2 qkv_hidden_sizes=4,4,6", 2, MOPT_E_SHAPE, "'present'"},
        {op, "2 3 4;4 12;12", "num_heads=2 unidirectional=2", 1, MOPT_E_VALUE, "'unidirectional'"},
        {op, "2 3 4;4 12;12", "num_heads=2.0", 1, MOPT_E_TYPE, "'num_heads'"},
        {op, "2 3 4;4 12;12", "num_heads=2 scale=1", 1, MOPT_E_TYPE, "'scale'"},
    };
    refuse_all(rows, MOPT_COUNTOF(rows));
}

static void multi_head_refusals(void **state)
{
    (void)state;
    static const char *const op = "ms.MultiHeadAttention";
    const struct refusal rows[] = {
        {op, "2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'query'"},
        {op, "2 3 4;2 3 4", "num_heads=2", 1, MOPT_E_FORMAT, "'value'"},
        {op, "2 3 4;2 3 4;2 3 4", "num_heads=3", 1, MOPT_E_SHAPE, "3 heads"},
        {op, "2 3 4;2 3 6;2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'key'"},
        {op, "2 3 4;1 3 4;2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'key'"},
        {op, "2 3 4;2 3 4;2 4 4", "num_heads=2", 1, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 4;2 3 4;2 3 5", "num_heads=2", 1, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 4;2 3 4;2 2 3 2", "num_heads=2", 1, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 4;2 3 2 2 2;2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 4;2 3 2 3 2", "num_heads=2", 1, MOPT_E_SHAPE, "'key'"},
        {op, "2 3 2 2 2", "num_heads=2", 1, MOPT_E_SHAPE, "'query'"},
        {op, "2 3 2 3 2;2 3 4;2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'query'"},
        {op, "2 3 2 3 2;_;2 3 4", "num_heads=2", 1, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 4;2 3 4;2 3 4;11", "num_heads=2", 1, MOPT_E_SHAPE, "'bias'"},
        {op, "2 3 4;2 3 4;2 3 4;_;i3", "num_heads=2", 1, MOPT_E_SHAPE, "'key_padding_mask'"},
        {op, "2 3 4;2 3 4;2 3 4;_;i2 4", "num_heads=2", 1, MOPT_E_SHAPE, "'key_padding_mask'"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;2 3 3 3", "num_heads=2", 1, MOPT_E_SHAPE, "'attention_bias'"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;_;2 2 5 2", "num_heads=2", 3, MOPT_E_FORMAT, "come together"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;_;2 2 5 2;2 2 4 2", "num_heads=2", 3, MOPT_E_SHAPE,
         "'past_value'"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;_;2 2 5 3;2 2 5 2", "num_heads=2", 3, MOPT_E_SHAPE,
         "'past_key'"},
        {op, "2 3 4;2 2 3 2;2 2 3 2;_;_;_;2 2 5 2;2 2 5 2", "num_heads=2", 3, MOPT_E_FORMAT,
         "cannot be combined"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;_;2 2 5 2;2 2 5 2;i.=3", "num_heads=2", 3, MOPT_E_VALUE,
         "room for 5"},
        {op, "2 3 4;2 3 4;2 3 4;_;_;_;2 2 5 2;2 2 5 2;i.=1;i2 1 5", "num_heads=2", 3,
         MOPT_E_UNSUPPORTED, "'cache_indirection'"},
        {op, "2 3 4;2 3 4;2 3 4", "num_heads=-1", 1, MOPT_E_VALUE, "'num_heads'"},
    };
    refuse_all(rows, MOPT_COUNTOF(rows));
}

static void group_query_refusals(void **state)
{
    (void)state;
    static const char *const op = "ms.GroupQueryAttention";
    static const char *const two = "num_heads=4 kv_num_heads=2";
    const struct refusal rows[] = {
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", "num_heads=3 kv_num_heads=2", 3, MOPT_E_VALUE,
         "3 query heads over 2"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", "num_heads=4 kv_num_heads=0", 3, MOPT_E_VALUE,
         "'kv_num_heads'"},
        {op, "2 3 8;2 3 4;_;_;_;i2=2;i.=3", two, 3, MOPT_E_FORMAT, "come together"},
        {op, "2 3 9;2 3 4;2 3 4;_;_;i2=2;i.=3", two, 3, MOPT_E_SHAPE, "'query'"},
        {op, "2 3 8;2 3 5;2 3 4;_;_;i2=2;i.=3", two, 3, MOPT_E_SHAPE, "'key'"},
        {op, "2 3 8;2 3 4;2 2 4;_;_;i2=2;i.=3", two, 3, MOPT_E_SHAPE, "'value'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i3=2;i.=3", two, 3, MOPT_E_SHAPE, "'seqlens_k'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=3;i.=3", two, 3, MOPT_E_VALUE, "value 3"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=-1;i.=3", two, 3, MOPT_E_VALUE, "value -1"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=2", two, 3, MOPT_E_VALUE, "length 2"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=2147483647", two, 3, MOPT_E_VALUE, "room for 3"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=4;i.=5", two, 3, MOPT_E_VALUE, "room for 3"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 4 2;2 2 4 2;i2=1;i.=5", two, 3, MOPT_E_VALUE, "value 1"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 4 2;_;i2=4;i.=5", two, 3, MOPT_E_FORMAT, "come together"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 4 2;2 2 4 3;i2=4;i.=5", two, 3, MOPT_E_SHAPE, "'past_value'"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 4 2;2 2 4 2;i2=4;i2=5", two, 3, MOPT_E_SHAPE,
         "total_sequence_length"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", "num_heads=4 kv_num_heads=2 do_rotary=1", 3,
         MOPT_E_FORMAT, "cos_cache"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;2 1;2 1", "num_heads=4 kv_num_heads=2 do_rotary=1", 3,
         MOPT_E_VALUE, "position 2 of 2"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;9 2;9 2", "num_heads=4 kv_num_heads=2 do_rotary=1", 3,
         MOPT_E_SHAPE, "cos_cache"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;9 1;9 1;l2 3=-1",
         "num_heads=4 kv_num_heads=2 do_rotary=1", 3, MOPT_E_VALUE, "position -1"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;9 1;9 1;l3=0",
         "num_heads=4 kv_num_heads=2 do_rotary=1", 3, MOPT_E_SHAPE, "'position_ids'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;_;_;_;2 3 3 3", two, 3, MOPT_E_SHAPE,
         "'attention_bias'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;_;_;_;_;3", two, 3, MOPT_E_SHAPE, "'head_sink'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;_;_;_;_;_;_;_;2", two, 3, MOPT_E_FORMAT,
         "come together"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3;_;_;_;_;_;_;_;2;3", two, 3, MOPT_E_SHAPE,
         "'k_norm_weight'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", two, 4, MOPT_E_VALUE, "'qk_output'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3",
         "num_heads=4 kv_num_heads=2 causal=0 local_window_size=2", 3, MOPT_E_VALUE, "causal"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", "num_heads=4 kv_num_heads=2 sliding_window_cache=1",
         3, MOPT_E_VALUE, "'local_window_size'"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 2 2;2 2 2 2;i2=4;i.=5",
         "num_heads=4 kv_num_heads=2 sliding_window_cache=1 local_window_size=3", 3, MOPT_E_SHAPE,
         "at least 3 rows"},
        {op, "2 3 8;2 3 4;2 3 4;c2 2 4 2;c2 2 4 2;i2=4;i.=5", two, 3, MOPT_E_TYPE, "no scale"},
        {op, "2 3 8;2 3 4;2 3 4;2 2 4 2;2 2 4 2;i2=4;i.=5;_;_;_;_;_;1=1;1=1",
         "num_heads=4 kv_num_heads=2 k_quant_type='PER_TENSOR' v_quant_type='PER_TENSOR' "
         "kv_cache_bit_width=8",
         3, MOPT_E_TYPE, "'past_key' must be int8"},
        {op, "2 3 8;2 3 4;2 3 4;c2 2 4 2;c2 2 4 2;i2=4;i.=5;_;_;_;_;_;3=1;3=1",
         "num_heads=4 kv_num_heads=2 k_quant_type='PER_CHANNEL' v_quant_type='PER_CHANNEL' "
         "kv_cache_bit_width=8",
         3, MOPT_E_SHAPE, "1 or 4"},
        {op, "2 3 8;2 3 4;2 3 4;c2 2 4 2;c2 2 4 2;i2=4;i.=5;_;_;_;_;_;1=1;1=1",
         "num_heads=4 kv_num_heads=2 k_quant_type='PER_TENSOR' v_quant_type='PER_TENSOR'", 3,
         MOPT_E_VALUE, "'k_quant_type'"},
        {op, "2 3 8;2 3 4;2 3 4;_;_;i2=2;i.=3", "num_heads=4 kv_num_heads=2 k_quant_type='OTHER'",
         3, MOPT_E_VALUE, "'OTHER'"},
    };
    refuse_all(rows, MOPT_COUNTOF(rows));
}

int mopt__test_attention(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swiglu_by_hand),
        cmocka_unit_test(swiglu_of_large_gates_stays_finite),
        cmocka_unit_test(long_bfloat_rows_sum_up),
        cmocka_unit_test(embedding_by_hand),
        cmocka_unit_test(linear_attention_by_hand),
        cmocka_unit_test(linear_attention_continues),
        cmocka_unit_test(packed_heads_are_plain_heads),
        cmocka_unit_test(buffers_hold_what_was_there),
        cmocka_unit_test(masks_of_all_ranks_agree),
        cmocka_unit_test(absent_bias_is_zero),
        cmocka_unit_test(merged_caches_agree),
        cmocka_unit_test(one_group_per_head_is_multi_head),
        cmocka_unit_test(norms_of_queries_and_keys),
        cmocka_unit_test(sliding_scores_stand_at_positions),
        cmocka_unit_test(sinks_take_their_share),
        cmocka_unit_test(flex_bodies_change_scores_and_probabilities),
        cmocka_unit_test(flex_refuses_bodies_that_do_not_fit),
        cmocka_unit_test(symbolic_dims_are_kept),
        cmocka_unit_test(elementary_refusals),
        cmocka_unit_test(attention_refusals),
        cmocka_unit_test(merged_refusals),
        cmocka_unit_test(multi_head_refusals),
        cmocka_unit_test(group_query_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
