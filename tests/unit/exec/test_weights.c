// SPDX-License-Identifier: Apache-2.0
// Weights of 16 bits: taken of themselves where no bit changes and few rows share them, or rounded
// to bfloat16 when asked for; told apart from those of floats; Winograd's left as they are. Weights
// of few bits.
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

#include "exec/internal.h"
#include "ir/text.h"
#include "kernels/gemm.h"
#include "opened.h"
#include "tests.h"

enum { OUTPUTS_MAX = 3 };

// A number of the named kind: i-th of many.
static float number(char kind, int i)
{
    float x = (float)(i * 37 % 2001 - 1000);
    switch (kind) {
    case 'b':
        return (float)(i * 37 % 201 - 100) / 64; // exact in bfloat16
    case 'h':
        return x / 8; // exact in binary16
    case 'u':
        return (float)(i * 37 % 256);
    case 'c':
        return (float)(i * 37 % 256 - 128);
    default:
        return x / 3;
    }
}

static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

// "b@48" in a text is 48 numbers of kind b in braces; round: of kind f times factor, rounded to
// bfloat16, instead.
static struct mopt_model *parse(const char *text, bool round, float factor)
{
    enum { ROOM = 1 << 20 };
    char *out = malloc(ROOM);
    size_t at = 0;
    assert_non_null(out);
    for (; *text != '\0'; text++) {
        if (text[1] != '@') {
            out[at++] = *text;
            continue;
        }
        char kind = *text, *end;
        int count = (int)strtol(text + 2, &end, 10);
        for (int i = 0; i < count; i++) {
            float x = number(kind, i);
            x = round && kind == 'f' ? rounded(x * factor) : x;
            assert_true(at + 64 < ROOM);
            at += (size_t)snprintf(out + at, ROOM - at, "%c%.9g", i > 0 ? ',' : '{', (double)x);
        }
        out[at++] = '}';
        text = end - 1;
    }
    out[at] = '\0';
    struct mopt_model *model = parsed(out, at);
    free(out);
    return model;
}

static struct mopt_session *open_session(struct mopt_model *model, int threads, bool bf16)
{
    const struct mopt_session_options options = {.threads = threads, .bf16 = bf16};
    return opened(model, &options);
}

static size_t packed_bytes(const struct mopt_session *session)
{
    struct mopt_session_memory memory;
    mopt__session_memory(session, &memory);
    return memory.packed_bytes;
}

static float element(int64_t i)
{
    return (float)((int)(i * 29 % 401) - 200) / 30;
}

static struct mopt_datum *input_of(int rank, const int64_t *dims)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, rank, dims, &tensor, &err), MOPT_OK);
    float *data = mopt__tensor_data(tensor);
    for (size_t i = 0; i < tensor->count; i++) {
        data[i] = element((int64_t)i);
    }
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static void run(struct mopt_session *session, int rank, const int64_t *dims,
                struct mopt_datum **outputs)
{
    struct mopt_datum *input = input_of(rank, dims);
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__session_run(session, &input, outputs, NULL, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    mopt__datum_unref(input);
}

static const float *floats(const struct mopt_datum *datum)
{
    return datum->tensor->data;
}

// Rows of few give the bytes of the same rows among many, whose weights are floats; packed: bytes
// of the weights as they are packed for few.
static void try_exact(char kind, size_t few, size_t weight_bytes)
{
    enum { K = 48, N = 64, MANY = 70 };
    char text[256];
    snprintf(text, sizeof text,
             "graph main (float[n,%d] x) -> (float[n,%d] y) {"
             " float[%d,%d] w = %c@%d; y = MatMul(x, w); }",
             K, N, K, N, kind, K * N);
    struct mopt_model *model = parse(text, false, 1);
    struct mopt_session *session = open_session(model, 1, false);
    struct mopt_datum *some[1], *all[1], *again[1];
    run(session, 2, (const int64_t[]){(int64_t)few, K}, some);
    size_t before = packed_bytes(session);
    assert_in_range(before, K * N * weight_bytes, K * N * weight_bytes + 256);
    run(session, 2, (const int64_t[]){MANY, K}, all);
    size_t after = packed_bytes(session);
    assert_in_range(after - before, weight_bytes == 4 ? 0 : K * N * 4,
                    weight_bytes == 4 ? 0 : K * N * 4 + 256);
    run(session, 2, (const int64_t[]){(int64_t)few, K}, again);
    assert_int_equal(packed_bytes(session), after);
    assert_memory_equal(floats(some[0]), floats(all[0]), few * N * sizeof(float));
    assert_memory_equal(floats(some[0]), floats(again[0]), few * N * sizeof(float));
    mopt__datum_unref(some[0]);
    mopt__datum_unref(all[0]);
    mopt__datum_unref(again[0]);
    mopt__session_free(session);
    mopt__model_free(model);
}

static void exact_weights_are_halved(void **state)
{
    (void)state;
    static const char *const levels[] = {"ref", "avx2", "avx512", "avx512-vnni"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        assert_int_equal(setenv("MOPT_CPU", levels[i], 1), 0);
        try_exact('b', 1, 2);
        try_exact('b', 32, 2);
        try_exact('b', 33, 4);
        try_exact('h', 1, 2);
        try_exact('h', 8, 2);
        try_exact('h', 9, 4);
        try_exact('f', 1, 4);
    }
    assert_int_equal(unsetenv("MOPT_CPU"), 0);
}

// Weights of few bits are packed once, as what they are, for any number of rows; and the rows are
// the same in all.
static void few_bits_stay_few(void **state)
{
    (void)state;
    enum { K = 64, N = 64, MANY = 70, CODES = K * N / 2, SCALES = N * 2 * 4 };
    static const char nbits[] =
        "model (ir=10, opset=21, \"com.microsoft\"=1) {"
        "graph main (float[n,64] x) -> (float[n,64] y) { uint8[64,2,16] w = u@2048;"
        " float[64,2] s = f@128; y = com.microsoft::MatMulNBits<K=64, N=64, block_size=32>(x, w, "
        "s);"
        " } }";
    static const char linear[] =
        "graph main (float[n,64] x) -> (float[n,64] y) { int8[64,64] w = c@4096;"
        " float[2,64] s = f@128; d = DequantizeLinear<axis=0, block_size=32>(w, s);"
        " y = MatMul(x, d); }";
    static const char *const levels[] = {"ref", "avx2", "avx512"};
    for (size_t i = 0; i < 2 * sizeof levels / sizeof *levels; i++) {
        bool codes = i % 2 == 1;
        size_t bytes = (codes ? K * N : CODES) + SCALES;
        assert_int_equal(setenv("MOPT_CPU", levels[i / 2], 1), 0);
        struct mopt_model *model = parse(codes ? linear : nbits, false, 1);
        struct mopt_session *session = open_session(model, 1, false);
        struct mopt_datum *one[1], *all[1];
        run(session, 2, (const int64_t[]){1, K}, one);
        run(session, 2, (const int64_t[]){MANY, K}, all);
        assert_in_range(packed_bytes(session), bytes, bytes + 256);
        assert_memory_equal(floats(one[0]), floats(all[0]), N * sizeof(float));
        mopt__datum_unref(one[0]);
        mopt__datum_unref(all[0]);
        mopt__session_free(session);
        mopt__model_free(model);
    }
    assert_int_equal(unsetenv("MOPT_CPU"), 0);
}

// The bias of a MatMulNBits has an element for each column, also when it runs as a native.
static void bias_of_few_bits_is_checked(void **state)
{
    (void)state;
    static const char format[] =
        "model (ir=10, opset=21, \"com.microsoft\"=1) {"
        "graph main (float[n,16] x) -> (float[n,8] y) { uint8[8,1,8] w = u@64; float[8] s = f@8;"
        " float[%d] b = f@%d;"
        " y = com.microsoft::MatMulNBits<K=16, N=8, block_size=16>(x, w, s, _, _, b); } }";
    for (int count = 1; count <= 8; count += 7) {
        char text[400];
        snprintf(text, sizeof text, format, count, count);
        struct mopt_model *model = parse(text, false, 1);
        struct mopt_session *session = open_session(model, 1, false);
        struct mopt_datum *x = input_of(2, (const int64_t[]){3, 16}), *y = NULL;
        struct mopt_error err;
        mopt_error_clear(&err);
        enum mopt_status status = mopt__session_run(session, &x, &y, NULL, &err);
        assert_int_equal(status, count == 8 ? MOPT_OK : MOPT_E_SHAPE);
        mopt__datum_unref(x);
        mopt__datum_unref(y);
        mopt__session_free(session);
        mopt__model_free(model);
    }
}

// What the option computes is what rounded weights give, up to the levels that may round
// activations, too.
static void try_rounded(const char *text, const char *same, float factor, int rank,
                        const int64_t *dims, int threads)
{
    struct mopt_model *model = parse(text, false, 1);
    struct mopt_model *expected = parse(same, true, factor);
    struct mopt_session *session = open_session(model, threads, true);
    struct mopt_session *plain = open_session(expected, 1, false);
    struct mopt_datum *have[OUTPUTS_MAX] = {NULL}, *want[OUTPUTS_MAX] = {NULL};
    run(session, rank, dims, have);
    run(plain, rank, dims, want);
    for (size_t o = 0; o < model->graph->outputs.count; o++) {
        assert_int_equal(have[o]->tensor->bytes, want[o]->tensor->bytes);
        assert_memory_equal(floats(have[o]), floats(want[o]), want[o]->tensor->bytes);
        mopt__datum_unref(have[o]);
        mopt__datum_unref(want[o]);
    }
    mopt__session_free(session);
    mopt__session_free(plain);
    mopt__model_free(model);
    mopt__model_free(expected);
}

// The option changes nothing where 16 bits would not be faster.
static void try_floats(const char *text, int rank, const int64_t *dims, int threads)
{
    struct mopt_model *model = parse(text, false, 1);
    struct mopt_datum *y[2][OUTPUTS_MAX] = {{NULL}};
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct mopt_session *session = open_session(model, threads, i == 1);
        run(session, rank, dims, y[i]);
        bytes[i] = packed_bytes(session);
        mopt__session_free(session);
    }
    assert_int_equal(bytes[0], bytes[1]);
    for (size_t o = 0; o < model->graph->outputs.count; o++) {
        assert_memory_equal(floats(y[0][o]), floats(y[1][o]), y[0][o]->tensor->bytes);
        mopt__datum_unref(y[0][o]);
        mopt__datum_unref(y[1][o]);
    }
    mopt__model_free(model);
}

static void weights_are_rounded(void **state)
{
    (void)state;
    static const char product[] = "graph main (float[n,40] x) -> (float[n,50] y, float[n,50] z) {"
                                  " float[40,50] w = f@2000; float[50] b = h@50;"
                                  " p = MatMul(x, w); y = Add(p, b); z = Relu(y); }";
    static const char scaled[] = "graph main (float[n,40] x) -> (float[n,50] y) {"
                                 " float[50,40] w = f@2000; float[50] b = h@50;"
                                 " y = Gemm<transB=1, alpha=0.7>(x, w, b); }";
    static const char unscaled[] = "graph main (float[n,40] x) -> (float[n,50] y) {"
                                   " float[50,40] w = f@2000; float[50] b = h@50;"
                                   " y = Gemm<transB=1>(x, w, b); }";
    static const char pointwise[] = "graph main (float[1,20,h,w] x) -> (float[1,40,h,w] y) {"
                                    " float[40,20,1,1] w = f@800; y = Conv(x, w); }";
    static const char direct[] = "graph main (float[1,20,h,w] x) -> (float[1,8,a,b] y) {"
                                 " float[8,10,3,3] w = f@720;"
                                 " y = Conv<group=2,strides=[2,2],pads=[1,1,1,1]>(x, w); }";
    static const int64_t few[] = {1, 20, 2, 1}, many[] = {1, 20, 9, 7};
    assert_int_equal(setenv("MOPT_CPU", "avx512", 1), 0); // above, activations are rounded, too
    for (int64_t rows = 1; rows < 100; rows += 33) {
        for (int threads = 1; threads < 3; threads++) {
            try_rounded(product, product, 1, 2, (const int64_t[]){rows, 40}, threads);
            try_rounded(scaled, unscaled, 0.7F, 2, (const int64_t[]){rows, 40}, threads);
        }
    }
    try_rounded(pointwise, pointwise, 1, 4, few, 1);
    try_rounded(direct, direct, 1, 4, few, 2);
    try_floats(pointwise, 4, many, 1);
    try_floats(direct, 4, many, 2);
    assert_int_equal(unsetenv("MOPT_CPU"), 0);
}

// A product whose activations are rounded, too: what the kernels give for operands of that form.
static void check_both(const struct mopt_session *session, enum mopt_weights weights,
                       bool transposed, const float *y, size_t rows)
{
    enum { K = 201, N = 64 };
    const struct mopt_kernels *kernels = &session->kernels;
    size_t bytes = mopt__packed_bytes(kernels, weights, K, N);
    size_t room = mopt__gemm_f32_scratch(weights, rows, K);
    float *x = malloc(rows * K * sizeof *x), *w = malloc(K * N * sizeof *w);
    float *want = malloc(rows * N * sizeof *want);
    void *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    void *scratch = aligned_alloc(64, (room + 63) / 64 * 64 + 64);
    assert_true(x && w && want && packed && scratch);
    for (size_t i = 0; i < rows * K; i++) {
        x[i] = element((int64_t)i);
    }
    for (int i = 0; i < K * N; i++) {
        w[i] = number('f', i);
    }
    mopt__pack_weights(kernels, weights, K, N, w, transposed ? 1 : N, transposed ? K : 1, packed);
    struct mopt_gemm_f32 gemm = {.m = rows,
                                 .n = N,
                                 .k = K,
                                 .a = x,
                                 .lda = K,
                                 .b = packed,
                                 .weights = weights,
                                 .c = want,
                                 .ldc = N,
                                 .scratch = scratch};
    mopt__gemm_f32(kernels, &gemm, NULL);
    assert_memory_equal(y, want, rows * N * sizeof *want);
    free(x);
    free(w);
    free(want);
    free(packed);
    free(scratch);
}

// Where products of another form are the faster ones, the activations of many rows are rounded,
// too; those of few are not. A convolution of 1x1 is the same product, and takes that form when it
// is faster.
static void activations_are_rounded(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "graph main (float[n,201] x) -> (float[n,64] y) {"
        " float[201,64] w = f@12864; y = MatMul(x, w); }",
        "graph main (float[n,201,1,1] x) -> (float[n,64,1,1] y) {"
        " float[64,201,1,1] w = f@12864; y = Conv(x, w); }",
    };
    static const int64_t rows[] = {3, 4, 70};
    static const enum mopt_weights forms[] = {MOPT_WEIGHTS_PAIRS, MOPT_WEIGHTS_BLOCKS};
    for (size_t at = 0; at < 2 * 2 * 2 * 3; at++) {
        enum mopt_weights form = forms[at % 2];
        bool conv = at / 2 % 2 == 1;
        struct mopt_model *model = parse(texts[conv], false, 1);
        struct mopt_session *session = open_session(model, (int)(at / 4 % 2) + 1, true);
        struct mopt_datum *y[1] = {NULL};
        int64_t n = rows[at / 8];
        session->kernels.rounded = form;
        run(session, conv ? 4 : 2, (const int64_t[]){n, 201, 1, 1}, y);
        enum mopt_weights want = n >= 4 || conv ? form : MOPT_WEIGHTS_BF16;
        check_both(session, want, conv, floats(y[0]), (size_t)n);
        mopt__datum_unref(y[0]);
        mopt__session_free(session);
        mopt__model_free(model);
    }
}

// The Euclidean norm of a - b, or of a without b.
static double norm_of(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)a[i] - (b ? (double)b[i] : 0);
        sum += x * x;
    }
    return sqrt(sum);
}

// A convolution with strides in blocks: the same bytes at every level and with every number of
// threads, near those of floats, in half of their memory.
static void convolutions_in_blocks(void **state)
{
    (void)state;
    static const char text[] = "graph main (float[1,96,9,9] x) -> (float[1,64,5,5] z) {"
                               " float[64,96,3,3] w = f@55296; float[64] b = h@64;"
                               " y = Conv<strides=[2,2],pads=[1,1,1,1]>(x, w, b); z = Relu(y); }";
    static const char *const levels[] = {"ref", "avx2", "avx512", "avx512-vnni"};
    static const int64_t dims[] = {1, 96, 9, 9};
    enum { COUNT = 64 * 5 * 5 };
    struct mopt_model *model = parse(text, false, 1);
    struct mopt_datum *plain[1] = {NULL}, *first[1] = {NULL};
    struct mopt_session *session = open_session(model, 1, false);
    run(session, 4, dims, plain);
    size_t bytes = packed_bytes(session);
    mopt__session_free(session);
    for (size_t at = 0; at < 3 * sizeof levels / sizeof *levels; at++) {
        struct mopt_datum *y[1] = {NULL};
        assert_int_equal(setenv("MOPT_CPU", levels[at / 3], 1), 0);
        session = open_session(model, (int)(at % 3) + 1, true);
        session->kernels.rounded = MOPT_WEIGHTS_BLOCKS;
        run(session, 4, dims, at == 0 ? first : y);
        assert_in_range(packed_bytes(session), bytes / 2, bytes / 2 + bytes / 20);
        mopt__session_free(session);
        if (at > 0) {
            assert_memory_equal(floats(y[0]), floats(first[0]), COUNT * sizeof(float));
            mopt__datum_unref(y[0]);
        }
    }
    double error = norm_of(floats(first[0]), floats(plain[0]), COUNT);
    assert_true(error > 0 && error < 5e-4 * norm_of(floats(plain[0]), NULL, COUNT));
    assert_int_equal(unsetenv("MOPT_CPU"), 0);
    mopt__datum_unref(plain[0]);
    mopt__datum_unref(first[0]);
    mopt__model_free(model);
}

// Winograd's forms and products of computed operands have nothing to do with it.
static void others_stay(void **state)
{
    (void)state;
    static const char text[] = "graph main (float[1,32,12,12] x) -> (float[1,32,12,12] y,"
                               " float[1,32,12,12] z) {"
                               " float[32,32,3,3] w = f@9216; y = Conv<pads=[1,1,1,1]>(x, w);"
                               " z = MatMul(x, y); }";
    static const int64_t dims[] = {1, 32, 12, 12};
    struct mopt_datum *outputs[2][OUTPUTS_MAX] = {{NULL}};
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct mopt_model *model = parse(text, false, 1);
        struct mopt_session *session = open_session(model, 1, i == 1);
        run(session, 4, dims, outputs[i]);
        bytes[i] = packed_bytes(session);
        mopt__session_free(session);
        mopt__model_free(model);
    }
    assert_int_equal(bytes[0], bytes[1]);
    for (int o = 0; o < 2; o++) {
        assert_memory_equal(floats(outputs[0][o]), floats(outputs[1][o]),
                            outputs[0][o]->tensor->bytes);
        mopt__datum_unref(outputs[0][o]);
        mopt__datum_unref(outputs[1][o]);
    }
}

int mopt__test_weights(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_weights_are_halved),
        cmocka_unit_test(few_bits_stay_few),
        cmocka_unit_test(bias_of_few_bits_is_checked),
        cmocka_unit_test(weights_are_rounded),
        cmocka_unit_test(activations_are_rounded),
        cmocka_unit_test(convolutions_in_blocks),
        cmocka_unit_test(others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
