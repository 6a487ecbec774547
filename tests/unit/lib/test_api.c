// SPDX-License-Identifier: Apache-2.0
// Models of the public interface: contexts, text and ONNX input, facts, optimizing, saving.
#include <string.h>
#include <unistd.h>

#include "tests.h"

static const char net[] = "// a comment\n\n  model (ir=8, opset=13) { graph g (float[n,2] x, "
                          "float[2] b) -> (float[n,2] y) {\n"
                          "float[2] b = {1, 2}; float[2,2] w = {1, 2, 3, 4}; i = Identity(x); m = "
                          "MatMul(i, w); y = Add(m, b); } }";

static void test_facts(void **state)
{
    (void)state;
    struct mopt_model *model = mopt__test_load(net);
    struct mopt_model_info info;
    mopt_model_info(model, &info);
    assert_int_equal(info.node_count, 3);
    assert_int_equal(info.parameter_count, 6);
    assert_int_equal(info.weight_bytes, 24);
    assert_int_equal(info.ir_version, 8);
    assert_int_equal(info.opset, 13);
    assert_int_equal(info.input_count, 1); // b has an initializer
    assert_int_equal(info.output_count, 1);
    assert_string_equal(mopt_model_input_name(model, 0), "x");
    assert_null(mopt_model_input_name(model, 1));
    assert_string_equal(mopt_model_output_name(model, 0), "y");
    assert_null(mopt_model_output_name(model, 1));
    mopt_model_free(model);
}

static void count_messages(void *user, enum mopt_message_level level, const char *text)
{
    assert_true(level <= MOPT_MESSAGE_DEBUG);
    assert_non_null(text);
    ++*(int *)user;
}

static void test_optimize(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_context *context = NULL;
    int messages = 0;
    assert_int_equal(mopt_context_new(count_messages, &messages, MOPT_MESSAGE_DEBUG, &context,
                                      &err),
                     MOPT_OK);
    struct mopt_model *model = mopt__test_load(net);
    uint64_t changes = 7;
    assert_int_equal(mopt_model_optimize(context, &model, 0, NULL, &changes, &err), MOPT_OK);
    assert_int_equal(changes, 0);
    assert_int_equal(mopt_model_optimize(context, &model, 0, "eliminate-identity", &changes, &err),
                     MOPT_OK);
    assert_int_equal(changes, 1);
    struct mopt_model_info info;
    mopt_model_info(model, &info);
    assert_int_equal(info.node_count, 2);
    struct mopt_model *same = model;
    assert_int_equal(mopt_model_optimize(context, &model, 0, "no-such-pass", &changes, &err),
                     MOPT_E_USAGE);
    assert_int_equal(changes, 0);
    assert_non_null(strstr(err.text, "no-such-pass"));
    assert_int_equal(mopt_model_optimize(context, &model, 4, NULL, NULL, &err), MOPT_E_USAGE);
    assert_ptr_equal(model, same);
    assert_int_equal(mopt_model_optimize(context, &model, 1, NULL, NULL, &err), MOPT_OK);
    assert_true(messages > 0);
    mopt_model_free(model);
    mopt_context_free(context);
    mopt_context_free(NULL);
}

static void test_save_and_load(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_load(net);
    const char *path = mopt__test_file("model.onnx", NULL, 0);
    assert_int_equal(mopt_model_save(model, path, false, &err), MOPT_OK);
    assert_int_equal(mopt_model_save(model, path, false, &err), MOPT_E_CREATE);
    assert_int_equal(mopt_model_save(model, path, true, &err), MOPT_OK);
    mopt_model_free(model);
    assert_int_equal(mopt_model_load(NULL, path, &model, &err), MOPT_OK); // now as ONNX
    struct mopt_model_info info;
    mopt_model_info(model, &info);
    assert_int_equal(info.node_count, 3);
    assert_int_equal(info.input_count, 1);
    mopt_model_free(model);
}

static enum mopt_status load(const char *content, size_t bytes, struct mopt_error *err)
{
    struct mopt_model *model = (struct mopt_model *)err; // anything but NULL
    mopt_error_clear(err);
    enum mopt_status status =
        mopt_model_load(NULL, mopt__test_file("model.txt", content, bytes), &model, err);
    assert_true((status == MOPT_OK) == (model != NULL));
    mopt_model_free(model);
    return status;
}

static void test_kind_of_file(void **state)
{
    (void)state;
    static const char graph[] = "graph g (float[1] x) -> (float[1] y) { y = Relu(x); }";
    static const char broken[] = "model (ir=8, opset=13) {";
    struct mopt_error err;
    assert_int_equal(load(graph, strlen(graph), &err), MOPT_OK);
    assert_int_equal(load(broken, strlen(broken), &err), MOPT_E_FORMAT);
    assert_non_null(strstr(err.text, "model '"));
    assert_non_null(strstr(err.text, "line"));
    assert_int_equal(load("// only a comment", 17, &err), MOPT_E_FORMAT);
    assert_int_equal(load("mode", 4, &err), MOPT_E_FORMAT);
    assert_int_equal(load("\x08", 1, &err), MOPT_E_FORMAT);
    assert_int_not_equal(load("", 0, &err), MOPT_OK);
    struct mopt_model *model = NULL;
    assert_int_equal(mopt_model_load(NULL, "/nonexistent/model.onnx", &model, &err),
                     MOPT_E_MISSING);
    assert_null(model);
}

static void test_passes(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_context *context = NULL;
    assert_int_equal(mopt_context_new(NULL, NULL, MOPT_MESSAGE_ERROR, &context, &err), MOPT_OK);
    size_t count = 0;
    const struct mopt_pass *const *passes = mopt_context_passes(context, &count);
    assert_true(count > 10);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(passes[i]->struct_size, sizeof(struct mopt_pass));
        assert_non_null(passes[i]->summary);
        assert_non_null(passes[i]->help);
        assert_true((passes[i]->run != NULL) != (passes[i]->rule_count > 0));
        assert_true(passes[i]->numerics != MOPT_NUMERICS_LOSSY || passes[i]->level == 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(passes[i]->name, passes[k]->name);
        }
    }
    mopt_context_free(context);
}

int mopt__test_api(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),         cmocka_unit_test(test_optimize),
        cmocka_unit_test(test_save_and_load), cmocka_unit_test(test_kind_of_file),
        cmocka_unit_test(test_passes),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
