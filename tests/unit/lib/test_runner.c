// SPDX-License-Identifier: Apache-2.0
// Running through the public interface: results, life time of outputs, what is refused.
#include <string.h>

#include "tests.h"

static const char sum[] =
    "model (ir=8, opset=13) { graph g (float[n] x, float[n] d, float[1] k) -> (float[n] y) {\n"
    "float[1] k = {10}; s = Add(x, d); y = Mul(s, k); } }";

static struct mopt_tensor_view view_of(const float *data, int64_t count)
{
    struct mopt_tensor_view view = {.dtype = MOPT_FLOAT32, .rank = 1, .data = data};
    view.dims[0] = count;
    view.bytes = (size_t)count * sizeof data[0];
    return view;
}

static struct mopt_runner *runner_for(struct mopt_model *model)
{
    struct mopt_runner *runner = NULL;
    struct mopt_error err;
    if (mopt_runner_new(model, 1, &runner, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return runner;
}

static void test_values(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_load(sum);
    struct mopt_runner *runner = runner_for(model);
    static const float a[] = {1, 2, 3};
    static const float b[] = {0.5F, 0, -3};
    for (int64_t count = 3; count >= 0; count--) { // shapes may change from run to run
        struct mopt_tensor_view in[] = {view_of(a, count), view_of(b, count)};
        struct mopt_tensor_view out;
        assert_int_equal(mopt_runner_run(runner, in, 2, &out, 1, &err), MOPT_OK);
        assert_int_equal(out.dtype, MOPT_FLOAT32);
        assert_int_equal(out.rank, 1);
        assert_int_equal(out.dims[0], count);
        assert_int_equal(out.bytes, (size_t)count * 4);
        for (int64_t i = 0; i < count; i++) {
            assert_true(((const float *)out.data)[i] == (a[i] + b[i]) * 10);
        }
    }
    mopt_runner_free(runner);
    mopt_runner_free(NULL);
    mopt_model_free(model);
}

static void test_refusals(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_load(sum);
    struct mopt_runner *runner = runner_for(model);
    static const float a[] = {1, 2, 3};
    struct mopt_tensor_view in[] = {view_of(a, 3), view_of(a, 3), view_of(a, 3)};
    struct mopt_tensor_view out[2];
    assert_int_equal(mopt_runner_run(runner, in, 1, out, 1, &err), MOPT_E_USAGE);
    assert_int_equal(mopt_runner_run(runner, in, 3, out, 1, &err), MOPT_E_USAGE);
    assert_int_equal(mopt_runner_run(runner, in, 2, out, 2, &err), MOPT_E_USAGE);
    in[1].bytes = 8;
    assert_int_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_E_USAGE);
    in[1] = view_of(a, 3);
    in[1].dims[0] = -1;
    assert_int_not_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_OK);
    in[1] = view_of(a, 3);
    in[1].rank = 17;
    assert_int_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_E_USAGE);
    in[1] = view_of(a, 3);
    in[1].dtype = MOPT_INT32;
    assert_int_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_E_TYPE);
    in[1] = view_of(a, 2);
    assert_int_not_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_OK);
    in[1] = view_of(a, 3); // and after all that it still works
    assert_int_equal(mopt_runner_run(runner, in, 2, out, 1, &err), MOPT_OK);
    assert_true(((const float *)out[0].data)[2] == 60);
    mopt_runner_free(runner);
    mopt_model_free(model);
}

// Inputs are borrowed during the call only, wherever they begin; results stay.
static void test_borrowed(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model = mopt__test_load(
        "model (ir=8, opset=13) { graph g (float[3] x, float[1,3] d) -> (float[1,3] y, float[3] z, "
        "float[3] x) {\nint64[2] s = {1, 3}; int64[1] t = {3}; y = Reshape(x, s); "
        "e = Reshape(d, t); z = Add(x, e); } }");
    struct mopt_runner *runner = runner_for(model);
    unsigned char room[sizeof(float) * 8];
    for (size_t shift = 0; shift < 4; shift++) {
        static const float a[] = {1, 2, 3};
        float b[] = {10, 20, 30};
        memcpy(room + shift, a, sizeof a);
        struct mopt_tensor_view in[] = {view_of(a, 3), view_of(b, 3)};
        struct mopt_tensor_view out[3];
        in[0].data = room + shift;
        in[1].rank = 2;
        in[1].dims[0] = 1;
        in[1].dims[1] = 3;
        assert_int_equal(mopt_runner_run(runner, in, 2, out, 3, &err), MOPT_OK);
        memset(room, 0, sizeof room);
        memset(b, 0, sizeof b);
        assert_memory_equal(out[0].data, a, sizeof a);
        assert_memory_equal(out[1].data, ((const float[]){11, 22, 33}), sizeof a);
        assert_memory_equal(out[2].data, a, sizeof a);
    }
    mopt_runner_free(runner);
    mopt_model_free(model);
}

static void test_operators_that_cannot_run(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_runner *runner = NULL;
    struct mopt_model *model = mopt__test_load(
        "model (ir=8, opset=13, \"my.domain\"=1) { graph g (float[1] x) -> (float[1] y) {\n"
        "y = my.domain::Strange(x); } }");
    assert_int_equal(mopt_runner_new(model, 1, &runner, &err), MOPT_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "Strange"));
    assert_null(runner);
    mopt_model_free(model);
}

// 1.00390625 is half way between two numbers of bfloat16 and goes to the even one, which is 1.
static void test_options(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_model *model =
        mopt__test_load("model (ir=8, opset=13) { graph g (float[1] x) -> (float[1] y) {\n"
                        "int64[2] s = {1, 1}; int64[1] t = {1}; float[1,1] w = {1.00390625};\n"
                        "a = Reshape(x, s); p = MatMul(a, w); y = Reshape(p, t); } }");
    static const float one[] = {1};
    static const float want[] = {1.00390625F, 1};
    for (int i = 0; i < 2; i++) {
        const struct mopt_runner_options options = {.threads = 1, .bf16 = i == 1};
        struct mopt_runner *runner = NULL;
        struct mopt_tensor_view in = view_of(one, 1);
        struct mopt_tensor_view out;
        assert_int_equal(mopt_runner_open(model, &options, &runner, &err), MOPT_OK);
        assert_int_equal(mopt_runner_run(runner, &in, 1, &out, 1, &err), MOPT_OK);
        assert_true(((const float *)out.data)[0] == want[i]);
        mopt_runner_free(runner);
    }
    mopt_model_free(model);
}

int mopt__test_runner(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_borrowed), cmocka_unit_test(test_operators_that_cannot_run),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
