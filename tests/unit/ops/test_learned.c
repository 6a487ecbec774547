// SPDX-License-Identifier: Apache-2.0
// Operators of ai.onnx.ml, by numbers that ONNX Runtime gives, and what they refuse.
#include <math.h>
#include <string.h>

#include "node_call.h"
#include "tests.h"

static void expect(const struct node_call *call, uint32_t output, size_t count, const double *want)
{
    const struct mopt_tensor *y = call_output(call, output);
    assert_int_equal(y->count, count);
    for (size_t i = 0; i < count; i++) {
        double got = mopt__tensor_f64(y, i);
        if (!(fabs(got - want[i]) < 1e-6) && !(isnan(got) && isnan(want[i]))) {
            fail_msg("output %u, element %zu: %g, not %g", output, i, got, want[i]);
        }
    }
}

static void expect_one(const char *op, const char *inputs, const char *attributes, size_t count,
                       const double *want)
{
    struct node_call call = call_node(op, inputs, attributes, 1);
    expect(&call, 0, count, want);
    call_release(&call);
}

static void columns(void **state)
{
    (void)state;
    expect_one("ml.Scaler", "2 2=1,2,3,4", "offset=1.0,0.5 scale=2.0,-1.0", 4,
               (const double[]){0, -1.5, 4, -3.5});
    expect_one("ml.Scaler", "l 3=1,2,3", "offset=1.0 scale=2.0", 3, (const double[]){0, 2, 4});
    expect_one("ml.Normalizer", "2 2=3,-4,0,0", "norm='L2'", 4, (const double[]){0.6, -0.8, 0, 0});
    expect_one("ml.Normalizer", "1 2=1,-3", "norm='L1'", 2, (const double[]){0.25, -0.75});
    expect_one("ml.Normalizer", "1 2=2,-4", "", 2, (const double[]){1, -2}); // the largest: 2
    expect_one("ml.Imputer", "2 2=nan,1,2,nan",
               "imputed_value_floats=5.0,6.0 replaced_value_float=nan.", 4,
               (const double[]){5, 1, 2, 6});
    expect_one("ml.Imputer", "l 3=7,0,7", "imputed_value_int64s=1 replaced_value_int64=7", 3,
               (const double[]){1, 0, 1});
}

static void expect_classes(const char *op, const char *inputs, const char *attributes, size_t rows,
                           const double *labels, size_t scores, const double *want)
{
    struct node_call call = call_node(op, inputs, attributes, 2);
    expect(&call, 0, rows, labels);
    expect(&call, 1, scores, want);
    call_release(&call);
}

static void linear(void **state)
{
    (void)state;
    expect_one("ml.LinearRegressor", "2 2=1,2,-1,0.5",
               "coefficients=0.5,-1.0,2.0,1.0 intercepts=0.25,0.0 targets=2", 4,
               (const double[]){-1.25, 4, -0.75, -1.5});
    // Two classes share a score: that of the second one.
    expect_classes("ml.LinearClassifier", "3 2=1,2,-1,0.5,0,0",
                   "coefficients=0.3,0.4 intercepts=0.05 classlabels_ints=5,9 "
                   "post_transform='LOGISTIC'",
                   3, (const double[]){9, 5, 9}, 6,
                   (const double[]){0.24048908, 0.75951092, 0.51249740, 0.48750260, 0.48750260,
                                    0.51249740});
    expect_classes("ml.LinearClassifier", "1 2=1,2",
                   "coefficients=0.3,0.4 intercepts=0.05 classlabels_ints=5,9", 1,
                   (const double[]){9}, 2, (const double[]){-0.15, 1.15});
    expect_classes("ml.LinearClassifier", "1 2=1,2",
                   "coefficients=0.3,0.4,-0.1,0.2,0.1,0.0 intercepts=0.1,0.0,0.2 "
                   "classlabels_ints=5,9,7 post_transform='SOFTMAX'",
                   1, (const double[]){5}, 3, (const double[]){0.55152957, 0.22423521, 0.22423521});
    struct node_call call = call_node("ml.LinearClassifier", "1 2=1,2",
                                      "coefficients=1.0,0.0 classlabels_strings=[no,yes]", 2);
    const struct mopt_string *name = call_output(&call, 0)->data;
    assert_int_equal(name->size, 3);
    assert_memory_equal(name->data, "yes", 3);
    call_release(&call);
}

// x[0] <= 0.5 ? a : (x[1] > 2 ? b : c), the entries of b and c in another order than the nodes; and
// a tree that is one leaf.
#define TREES                                                                           \
    "nodes_treeids=0,0,0,0,0,1 nodes_nodeids=0,1,2,3,4,0 nodes_featureids=0,0,1,0,0,0 " \
    "nodes_values=0.5,0.0,2.0,0.0,0.0,0.0 nodes_truenodeids=1,0,4,0,0,0 "               \
    "nodes_falsenodeids=2,0,3,0,0,0 nodes_missing_value_tracks_true=1,0,0,0,0,0 "       \
    "nodes_modes=[BRANCH_LEQ,LEAF,BRANCH_GT,LEAF,LEAF,LEAF] "
#define ROWS "4 2=0,0,1,3,1,2,nan,9"

static void trees(void **state)
{
    (void)state;
    expect_one("ml.TreeEnsembleRegressor", ROWS,
               TREES "target_treeids=0,0,0,1,0 target_nodeids=4,1,3,0,1 target_ids=0,0,0,0,1 "
                     "target_weights=2.0,1.0,4.0,10.0,0.5 n_targets=2 base_values=100.0,0.0",
               8, (const double[]){111, 0.5, 112, 0, 114, 0, 111, 0.5});
    expect_one("ml.TreeEnsembleRegressor", ROWS,
               TREES "target_treeids=0,0,0,1 target_nodeids=4,1,3,0 target_ids=0,0,0,0 "
                     "target_weights=2.0,1.0,4.0,3.0 aggregate_function='MIN'",
               4, (const double[]){1, 2, 3, 1});
    expect_classes("ml.TreeEnsembleClassifier", ROWS,
                   TREES "class_treeids=0,0,0,1 class_nodeids=4,1,3,0 class_ids=0,1,2,1 "
                         "class_weights=2.0,1.0,4.0,1.0 classlabels_int64s=7,8,9",
                   4, (const double[]){8, 7, 9, 8}, 12,
                   (const double[]){0, 2, 0, 2, 1, 0, 0, 1, 4, 0, 2, 0});
    // Leaves that name the first class only, none of them negative: 1/2 is the border.
    expect_classes("ml.TreeEnsembleClassifier", ROWS,
                   TREES "class_treeids=0,0,0,1 class_nodeids=4,1,3,0 class_ids=0,0,0,0 "
                         "class_weights=0.75,0.25,0.5,0.125 classlabels_int64s=7,8",
                   4, (const double[]){7, 8, 8, 7}, 8,
                   (const double[]){0.625, 0.375, 0.125, 0.875, 0.375, 0.625, 0.625, 0.375});
    expect_classes("ml.TreeEnsembleClassifier", "1 2=1,3",
                   TREES "class_treeids=0,0,0 class_nodeids=4,1,3 class_ids=0,0,0 "
                         "class_weights=-0.75,0.25,0.5 classlabels_int64s=7,8 base_values=0.5",
                   1, (const double[]){7}, 2, (const double[]){0.25, -0.25});
}

static void refuse(const char *op, const char *inputs, const char *attributes, const char *text)
{
    struct node_call call = call_node(op, inputs, attributes, 1);
    assert_refused(&call, MOPT_E_VALUE, text);
    call_release(&call);
}

static void wrong_lists(void **state)
{
    (void)state;
    const char *op = "ml.TreeEnsembleRegressor";
    refuse("ml.Scaler", "1 3", "offset=1.0,2.0 scale=1.0", "3 columns need 1 or 3");
    refuse("ml.LinearRegressor", "1 3", "coefficients=1.0,2.0", "for 3 columns");
    refuse(op, "1 1", TREES "target_treeids=0 target_nodeids=1 target_ids=0 target_weights=1.0",
           "feature");
    refuse(op, ROWS, TREES "target_treeids=0 target_nodeids=2 target_ids=0 target_weights=1.0",
           "is no leaf");
    refuse(op, ROWS, TREES "target_treeids=3 target_nodeids=2 target_ids=0 target_weights=1.0",
           "tree 3 has no node 2");
    refuse(op, ROWS, TREES "target_treeids=0 target_nodeids=1 target_ids=1 target_weights=1.0",
           "target 1 of 1");
    refuse(op, "1 1",
           "nodes_treeids=0,0 nodes_nodeids=0,1 nodes_featureids=0,0 nodes_values=0.5,0.5 "
           "nodes_truenodeids=1,1 nodes_falsenodeids=1,1 nodes_modes=[BRANCH_LEQ,BRANCH_LEQ] "
           "target_treeids=0 target_nodeids=1 target_ids=0 target_weights=1.0",
           "is no leaf");
    refuse(op, "1 1",
           "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=0,0,0 "
           "nodes_values=0.5,0.5,0.0 nodes_truenodeids=1,1,0 nodes_falsenodeids=1,1,0 "
           "nodes_modes=[BRANCH_LEQ,BRANCH_LEQ,LEAF] "
           "target_treeids=0 target_nodeids=2 target_ids=0 target_weights=1.0",
           "cycle");
}

int mopt__test_learned(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns),
        cmocka_unit_test(linear),
        cmocka_unit_test(trees),
        cmocka_unit_test(wrong_lists),
    };
    return cmocka_run_group_tests_name("learned", tests, NULL, NULL);
}
