// SPDX-License-Identifier: Apache-2.0
// Two models side by side: pairing of outputs, inner tensors, the first bad layer; and the
// benchmark loop and the evaluation on the same small models.
#include <math.h>
#include <string.h>

#include "tests.h"

static const char model_a[] =
    "model (ir=8, opset=13) { graph g (float[b,2] x) -> (float[b,2] y, float[b,2] z) {"
    " m = Neg(x); n = Relu(m); y = Add(n, x); z = Neg(n); } }";
// n differs (Abs), outputs in another order, another input name.
static const char model_b[] =
    "model (ir=8, opset=13) { graph g (float[b,2] in) -> (float[b,2] z, float[b,2] y) {"
    " m = Neg(in); n = Abs(m); y = Add(n, in); z = Neg(n); } }";

static struct mopt_feed *random_feed(struct mopt_model *model, size_t samples)
{
    struct mopt_error err;
    struct mopt_feed *feed = NULL;
    struct mopt_feed_options options = {.random = true, .samples = samples, .batch = 16};
    mopt_error_clear(&err);
    assert_int_equal(mopt__feed_new(model, &options, &feed, &err), MOPT_OK);
    return feed;
}

static const struct mopt_compare_row *find(const struct mopt_comparison *c, const char *name)
{
    size_t count;
    const struct mopt_compare_row *rows = mopt__comparison_rows(c, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static struct mopt_comparison *compare(struct mopt_model *a, struct mopt_model *b)
{
    struct mopt_error err;
    struct mopt_comparison *comparison = NULL;
    const struct mopt_compare_options options = {.session = {.threads = 1},
                                                 .tolerance = {1e-5, 1e-6},
                                                 .inner = true};
    mopt_error_clear(&err);
    if (mopt__comparison_new(a, b, &options, &comparison, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    struct mopt_feed *feed = random_feed(a, 2);
    const struct mopt_feed_item *item;
    while (mopt__feed_next(feed, &item, &err) == MOPT_OK && item != NULL) {
        if (mopt__comparison_add(comparison, item->inputs, &err) != MOPT_OK) {
            fail_msg("%s", err.text);
        }
    }
    mopt__feed_free(feed);
    return comparison;
}

static void same_model_agrees(void **state)
{
    (void)state;
    struct mopt_model *a = mopt__test_model(model_a);
    struct mopt_model *b = mopt__test_model(model_a);
    struct mopt_comparison *c = compare(a, b);
    assert_null(mopt__comparison_first_bad(c));
    assert_int_equal(mopt__comparison_runs(c), 2);
    assert_int_equal(find(c, "y")->difference.elements, 64);
    assert_true(find(c, "y")->output);
    assert_false(find(c, "m")->output);
    assert_string_equal(find(c, "m")->op, "Neg");
    mopt__comparison_free(c);
    mopt__model_free(a);
    mopt__model_free(b);
}

static void first_bad_layer(void **state)
{
    (void)state;
    struct mopt_model *a = mopt__test_model(model_a);
    struct mopt_model *b = mopt__test_model(model_b);
    struct mopt_comparison *c = compare(a, b);
    assert_true(mopt__difference_fits(&find(c, "m")->difference));
    assert_false(mopt__difference_fits(&find(c, "n")->difference));
    assert_string_equal(mopt__comparison_first_bad(c)->name, "n");
    assert_int_equal(find(c, "z")->difference.shapes, 0); // paired by name, not by position
    mopt__comparison_free(c);
    mopt__model_free(a);
    mopt__model_free(b);
}

static void numbers_of_outputs_must_agree(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_comparison *c;
    struct mopt_model *a = mopt__test_model(model_a);
    struct mopt_model *b = mopt__test_model(
        "model (ir=8, opset=13) { graph g (float[b,2] x) -> (float[b,2] y) { y = Neg(x); } }");
    mopt_error_clear(&err);
    assert_int_equal(mopt__comparison_new(a, b, &(struct mopt_compare_options){0}, &c, &err),
                     MOPT_E_SHAPE);
    mopt__model_free(a);
    mopt__model_free(b);
}

static void bench_measures(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_bench_result result;
    const struct mopt_feed_item *item;
    struct mopt_model *model = mopt__test_model(model_a);
    struct mopt_feed *feed = random_feed(model, 1);
    mopt_error_clear(&err);
    assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
    const struct mopt_bench_options options = {.session = {.threads = 1},
                                               .warmup_seconds = 0.05,
                                               .min_runs = 12,
                                               .per_node = true};
    assert_int_equal(mopt__bench_model(model, item->inputs, &options, &result, &err), MOPT_OK);
    assert_int_equal(result.run.count, 12);
    size_t nodes = 0;
    for (size_t i = 0; i < result.node_count; i++) {
        nodes += 1 + result.nodes[i].fused;
        assert_true(result.nodes[i].calls > 0);
        assert_true(i == 0 || result.nodes[i - 1].seconds >= result.nodes[i].seconds);
    }
    assert_int_equal(nodes, 4);
    assert_true(result.run.p50 > 0 && result.run.min <= result.run.p50);
    mopt__bench_release(&result);
    mopt__feed_free(feed);
    mopt__model_free(model);
}

static void evaluation_against_a_baseline(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_evaluation_pair found;
    struct mopt_model *model = mopt__test_model(model_a);
    struct mopt_model *same = mopt__test_model(model_a);
    struct mopt_feed *feed = random_feed(model, 3);
    const struct mopt_evaluate_options options = {.session = {.threads = 1}};
    mopt_error_clear(&err);
    assert_int_equal(mopt__evaluate(model, same, feed, &options, &found, &err), MOPT_OK);
    assert_int_equal(found.model.samples, 48);
    assert_true(found.classes);
    assert_int_equal(found.agree, 48);
    assert_false(found.model.has_labels);
    assert_true(fabs(mopt__difference_cosine(&found.difference) - 1) < 1e-12);
    mopt__feed_free(feed);
    mopt__model_free(model);
    mopt__model_free(same);
}

int mopt__test_compare(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_model_agrees),
        cmocka_unit_test(first_bad_layer),
        cmocka_unit_test(numbers_of_outputs_must_agree),
        cmocka_unit_test(bench_measures),
        cmocka_unit_test(evaluation_against_a_baseline),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
