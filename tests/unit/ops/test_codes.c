// SPDX-License-Identifier: Apache-2.0
// Operators on 8-bit codes against their formulas, element by element, and maxima of windows
// against the element that the indices name.
#include "node_call.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>

#include "base/random.h"

struct parameters {
    float scale;
    int zero;
};

static double real_of(uint8_t byte, bool is_signed, struct parameters p)
{
    int code = is_signed ? (int8_t)byte : byte;
    return (double)((float)(code - p.zero) * p.scale);
}

static uint8_t code_of(double value, bool is_signed, struct parameters p)
{
    double code = nearbyint((double)((float)value / p.scale)) + p.zero;
    double low = is_signed ? -128 : 0;
    code = fmin(fmax(code, low), low + 255);
    return (uint8_t)(int)code;
}

static uint8_t *input_bytes(struct node_call *call, uint32_t i)
{
    return mopt__tensor_data(call->inputs[i]->tensor);
}

// Random bits; of floats only finite ones and now and then a NaN or an infinity.
static void random_input(struct node_call *call, uint32_t i, struct mopt_rng *rng)
{
    struct mopt_tensor *t = call->inputs[i]->tensor;
    for (size_t at = 0; at < t->count; at++) {
        if (!mopt__dtype_is_float(t->dtype)) {
            input_bytes(call, i)[at] = (uint8_t)mopt__rng_below(rng, 256);
            continue;
        }
        static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};
        uint64_t pick = mopt__rng_below(rng, 40);
        double value = pick < MOPT_COUNTOF(odd) ? odd[pick] : mopt__rng_normal(rng);
        mopt__element_set_f64(t->dtype, mopt__tensor_data(t), at, value);
    }
}

static void set_parameters(struct node_call *call, uint32_t at, struct parameters p)
{
    ((float *)mopt__tensor_data(call->inputs[at]->tensor))[0] = p.scale;
    input_bytes(call, at + 1)[0] = (uint8_t)p.zero;
}

static struct parameters random_parameters(struct mopt_rng *rng, bool is_signed)
{
    struct parameters p = {ldexpf(1.0F + (float)mopt__rng_below(rng, 1000) / 1000.0F,
                                  -(int)mopt__rng_below(rng, 9)),
                           (int)mopt__rng_below(rng, 256) - (is_signed ? 128 : 0)};
    return p;
}

enum { TRIALS = 40 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double leaky(double x)
{
    return x >= 0 ? x : (double)0.3F * x;
}

static void check_function(const char *op, const char *attributes, double (*function)(double))
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    for (int trial = 0; trial < TRIALS; trial++) {
        bool is_signed = (trial & 1) != 0;
        struct node_call call =
            call_node(op, is_signed ? "c 3 171;.=1;c.=0;.=1;c.=0" : "u 3 171;.=1;u.=0;.=1;u.=0",
                      attributes, 1);
        struct parameters in = random_parameters(&rng, is_signed);
        struct parameters out = random_parameters(&rng, is_signed);
        set_parameters(&call, 1, in);
        set_parameters(&call, 3, out);
        random_input(&call, 0, &rng);
        call_again(&call);
        const struct mopt_tensor *y = call_output(&call, 0);
        for (size_t i = 0; i < y->count; i++) {
            double x = real_of(input_bytes(&call, 0)[i], is_signed, in);
            assert_int_equal(((const uint8_t *)y->data)[i], code_of(function(x), is_signed, out));
        }
        call_release(&call);
    }
}

static void functions_of_codes(void **state)
{
    (void)state;
    check_function("ms.QLinearSigmoid", "", sigmoid);
    check_function("ms.QLinearLeakyRelu", "alpha=0.3", leaky);
}

// x [2,9,4]: softmax over the middle axis (opset 13), or over the last two (opset 12).
static void check_softmax(struct mopt_rng *rng, bool is_signed, bool matrix)
{
    struct node_call call =
        call_node("ms.QLinearSoftmax",
                  is_signed ? "c 2 9 4;.=1;c.=0;.=1;c.=0" : "u 2 9 4;.=1;u.=0;.=1;u.=0",
                  matrix ? "axis=1 opset=12" : "axis=1 opset=13", 1);
    struct parameters in = random_parameters(rng, is_signed);
    struct parameters out = {1.0F / 256, is_signed ? -128 : 0};
    set_parameters(&call, 1, in);
    set_parameters(&call, 3, out);
    random_input(&call, 0, rng);
    call_again(&call);
    const uint8_t *y = call_output(&call, 0)->data;
    const uint8_t *x = input_bytes(&call, 0);
    size_t n = matrix ? 36 : 9;
    size_t inner = matrix ? 1 : 4;
    for (size_t line = 0; line < 72 / n; line++) {
        size_t from = line / inner * inner * n + line % inner;
        double top = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            top = fmax(top, real_of(x[from + i * inner], is_signed, in));
        }
        for (size_t i = 0; i < n; i++) {
            sum += exp(real_of(x[from + i * inner], is_signed, in) - top);
        }
        for (size_t i = 0; i < n; i++) {
            double power = exp(real_of(x[from + i * inner], is_signed, in) - top);
            assert_int_equal(y[from + i * inner], code_of(power / sum, is_signed, out));
        }
    }
    call_release(&call);
}

static void softmax_of_codes(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 8);
    for (int trial = 0; trial < TRIALS; trial++) {
        check_softmax(&rng, (trial & 1) != 0, (trial & 2) != 0);
    }
}

// Pieces [3,2,5] and [3,4,5] to [3,6,5]; the second has the parameters of the result.
static void pieces_of_codes(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 9);
    for (int trial = 0; trial < TRIALS; trial++) {
        bool is_signed = (trial & 1) != 0;
        struct node_call call = call_node("ms.QLinearConcat",
                                          is_signed ? ".=1;c.=0;c 3 2 5;.=1;c.=0;c 3 4 5;.=1;c.=0"
                                                    : ".=1;u.=0;u 3 2 5;.=1;u.=0;u 3 4 5;.=1;u.=0",
                                          "axis=-2", 1);
        struct parameters out = random_parameters(&rng, is_signed);
        struct parameters in = random_parameters(&rng, is_signed);
        set_parameters(&call, 0, out);
        set_parameters(&call, 3, in);
        set_parameters(&call, 6, out);
        random_input(&call, 2, &rng);
        random_input(&call, 5, &rng);
        call_again(&call);
        const uint8_t *y = call_output(&call, 0)->data;
        for (size_t i = 0; i < 90; i++) {
            size_t row = i / 30;
            size_t at = i % 30;
            uint8_t expected = 0;
            if (at < 10) {
                double x = real_of(input_bytes(&call, 2)[row * 10 + at], is_signed, in);
                expected = code_of(x, is_signed, out);
            } else {
                expected = input_bytes(&call, 5)[row * 20 + at - 10];
            }
            assert_int_equal(y[i], expected);
        }
        call_release(&call);
    }
}

// condition [2,3,1], X [3,7], Y [2,1,7].
static void choice_of_codes(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 10);
    for (int trial = 0; trial < TRIALS; trial++) {
        bool is_signed = (trial & 1) != 0;
        struct node_call call =
            call_node("ms.QLinearWhere",
                      is_signed ? "t 2 3 1=1,0,0,1,1,0;c 3 7;.=1;c.=0;c 2 1 7;.=1;c.=0;.=1;c.=0"
                                : "t 2 3 1=1,0,0,1,1,0;u 3 7;.=1;u.=0;u 2 1 7;.=1;u.=0;.=1;u.=0",
                      "", 1);
        struct parameters x = random_parameters(&rng, is_signed);
        struct parameters y = random_parameters(&rng, is_signed);
        struct parameters z = random_parameters(&rng, is_signed);
        set_parameters(&call, 2, x);
        set_parameters(&call, 5, y);
        set_parameters(&call, 7, z);
        random_input(&call, 1, &rng);
        random_input(&call, 4, &rng);
        call_again(&call);
        const struct mopt_tensor *out = call_output(&call, 0);
        assert_int_equal(out->count, 42);
        for (size_t i = 0; i < out->count; i++) {
            bool left = input_bytes(&call, 0)[i / 7] != 0;
            double value = left ? real_of(input_bytes(&call, 1)[i % 21], is_signed, x)
                                : real_of(input_bytes(&call, 4)[i / 21 * 7 + i % 7], is_signed, y);
            assert_int_equal(((const uint8_t *)out->data)[i], code_of(value, is_signed, z));
        }
        call_release(&call);
    }
}

// Without indices the maxima come a row at a time, with them a window at a time: the same bytes,
// and those of the elements that the indices name.
static void check_maxima(const char *input, const char *attributes)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 11);
    for (int trial = 0; trial < TRIALS / 4; trial++) {
        struct node_call plain = call_node("MaxPool", input, attributes, 1);
        struct node_call named = call_node("MaxPool", input, attributes, 2);
        random_input(&plain, 0, &rng);
        call_fill(&named, 0, plain.inputs[0]->tensor, 0);
        call_again(&plain);
        call_again(&named);
        const struct mopt_tensor *y = call_output(&plain, 0);
        const struct mopt_tensor *places = call_output(&named, 1);
        size_t size = mopt__dtype_bits(y->dtype) / 8;
        assert_memory_equal(y->data, call_output(&named, 0)->data, y->count * size);
        for (size_t i = 0; i < y->count; i++) {
            const int64_t from = ((const int64_t *)places->data)[i];
            assert_true(from >= 0);
            assert_memory_equal((const uint8_t *)y->data + i * size,
                                input_bytes(&plain, 0) + (size_t)from * size, size);
        }
        call_release(&plain);
        call_release(&named);
    }
}

static void maxima_of_windows(void **state)
{
    (void)state;
    static const char *const types[] = {"u", "c", "f", "d", "h"};
    static const char *const forms[][2] = {
        {" 2 3 17", "kernel_shape=3,"},
        {" 2 3 11 13", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1"},
        {" 1 2 9 21", "kernel_shape=2,5 strides=1,3 pads=0,2,1,4 dilations=3,1 ceil_mode=1"},
        {" 2 1 5 8 6", "kernel_shape=2,3,2 strides=1,2,1 pads=1,1,0,0,2,1 dilations=2,1,3"},
    };
    for (size_t t = 0; t < MOPT_COUNTOF(types); t++) {
        for (size_t f = 0; f < MOPT_COUNTOF(forms); f++) {
            char input[32];
            (void)snprintf(input, sizeof input, "%s%s", types[t], forms[f][0]);
            check_maxima(input, forms[f][1]);
        }
    }
}

// A window over nothing but padding gives the lowest value of the type and the place -1.
static void maxima_of_padding(void **state)
{
    (void)state;
    for (uint32_t outputs = 1; outputs < 3; outputs++) {
        const char *attributes = "kernel_shape=2, pads=2,0";
        struct node_call u = call_node("MaxPool", "u 1 1 4=9", attributes, outputs);
        struct node_call c = call_node("MaxPool", "c 1 1 4=9", attributes, outputs);
        struct node_call d = call_node("MaxPool", "d 1 1 4=9", attributes, outputs);
        assert_int_equal(((const uint8_t *)call_output(&u, 0)->data)[0], 0);
        assert_int_equal(((const int8_t *)call_output(&c, 0)->data)[0], INT8_MIN);
        assert_true(((const double *)call_output(&d, 0)->data)[0] == (double)-INFINITY);
        assert_int_equal(((const uint8_t *)call_output(&u, 0)->data)[1], 9);
        assert_int_equal(outputs > 1 ? ((const int64_t *)call_output(&u, 1)->data)[0] : -1, -1);
        call_release(&u);
        call_release(&c);
        call_release(&d);
    }
}

// Places of float maxima against those of float16, which are found window by window.
static void places_of_maxima(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"2 3 5 7=3,1,nan,-inf,2,3,3,0,-1", "kernel_shape=2,3 strides=2,1 pads=1,1,0,2"},
        {"1 2 5 7=-inf,-inf,1,-inf", "kernel_shape=2,2 strides=2,2 ceil_mode=1"},
        {"1 2 5 7=4,4,1,4,-2", "kernel_shape=3,2 dilations=2,3 storage_order=1"},
        {"2 2 9=4,4,1,5,-2", "kernel_shape=4, strides=3, pads=3,0"},
        {"1 2 3 4 5=4,nan,nan,5,-2", "kernel_shape=2,2,2 pads=0,0,1,1,0,1 storage_order=1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char half[64];
        assert_true(snprintf(half, sizeof half, "h%s", rows[i][0]) < (int)sizeof half);
        struct node_call fast = call_node("MaxPool", rows[i][0], rows[i][1], 2);
        struct node_call slow = call_node("MaxPool", half, rows[i][1], 2);
        assert_true(mopt__tensor_equal(call_output(&fast, 1), call_output(&slow, 1)));
        for (size_t k = 0; k < call_output(&fast, 0)->count; k++) {
            double x = mopt__tensor_f64(call_output(&fast, 0), k);
            double y = mopt__tensor_f64(call_output(&slow, 0), k);
            assert_true(x == y || (isnan(x) && isnan(y)));
        }
        call_release(&fast);
        call_release(&slow);
    }
}

static void choices_of_all_steps(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "t2 19=1,0,0;2 19;2 19", "t2 19=1,0,0;2 19;1", "t2 19=1,0,0;1;2 19", "t2 1=1,0;2 19;2 19",
        "t2 19=1,0,0;2 1;1 19",  "t2 19=1,0,0;1;1=9,", "t1=1;2 19;2 19",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct node_call call = call_node("Where", rows[i], "", 1);
        const struct mopt_tensor *y = call_output(&call, 0);
        assert_int_equal(y->count, 38);
        for (size_t k = 0; k < y->count; k++) {
            size_t at[3];
            for (uint32_t n = 0; n < 3; n++) {
                const struct mopt_tensor *in = call_input(&call, n);
                bool rows_vary = in->rank == 2 && in->dims[0] > 1;
                bool columns_vary = in->dims[in->rank - 1] > 1;
                size_t width = columns_vary ? 19 : 1;
                at[n] = (rows_vary ? k / 19 * width : 0) + (columns_vary ? k % 19 : 0);
            }
            bool yes = mopt__tensor_f64(call_input(&call, 0), at[0]) != 0;
            assert_true(mopt__tensor_f64(y, k) ==
                        mopt__tensor_f64(call_input(&call, yes ? 1 : 2), at[yes ? 1 : 2]));
        }
        call_release(&call);
    }
}

int mopt__test_codes(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_codes), cmocka_unit_test(softmax_of_codes),
        cmocka_unit_test(pieces_of_codes),    cmocka_unit_test(choice_of_codes),
        cmocka_unit_test(maxima_of_windows),  cmocka_unit_test(maxima_of_padding),
        cmocka_unit_test(places_of_maxima),   cmocka_unit_test(choices_of_all_steps),
    };
    return cmocka_run_group_tests_name("ops codes", tests, NULL, NULL);
}
