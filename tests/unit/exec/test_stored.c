// SPDX-License-Identifier: Apache-2.0
// Weights that are stored in 16 bits: they are widened when they are packed, not kept as floats;
// the results have the very bytes that weights of floats give.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "opened.h"
#include "tests.h"

enum { VALUES_MAX = 3, WEIGHTS = 256 * 256 };

// "@48" in a text is 48 numbers in braces that both forms of 16 bits hold; "#T" the type T.
static struct mopt_model *parse(const char *text, const char *type)
{
    enum { ROOM = 1 << 22 };
    char *out = malloc(ROOM);
    size_t at = 0;
    assert_non_null(out);
    for (; *text != '\0'; text++) {
        assert_true(at + 64 < ROOM);
        if (*text == '#') {
            at += (size_t)snprintf(out + at, ROOM - at, "%s", type);
        } else if (*text == '@') {
            char *end;
            int count = (int)strtol(text + 1, &end, 10);
            for (int i = 0; i < count; i++) {
                double x = (i * 37 % 201 - 100) / 64.0;
                assert_true(at + 64 < ROOM);
                at += (size_t)snprintf(out + at, ROOM - at, "%c%.9g", i > 0 ? ',' : '{', x);
            }
            out[at++] = '}';
            text = end - 1;
        } else {
            out[at++] = *text;
        }
    }
    out[at] = '\0';
    struct mopt_model *model = parsed(out, at);
    free(out);
    return model;
}

static struct mopt_session *open_session(struct mopt_model *model, int threads)
{
    const struct mopt_session_options options = {.threads = threads};
    return opened(model, &options);
}

static size_t constant_bytes(const struct mopt_session *session)
{
    struct mopt_session_memory memory;
    mopt__session_memory(session, &memory);
    return memory.constant_bytes;
}

// first: of the dimension that the model leaves open.
static void run(struct mopt_session *session, const struct mopt_model *model, int64_t first,
                struct mopt_datum **outputs)
{
    const struct mopt_type *type = model->graph->inputs.items[0]->declared;
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *input = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    for (int d = 0; d < type->rank; d++) {
        dims[d] = first;
        (void)mopt__dim_is_known(model->dims, type->dims[d], &dims[d]);
    }
    assert_int_equal(mopt__tensor_new(type->dtype, type->rank, dims, &tensor, &err), MOPT_OK);
    for (size_t i = 0; i < tensor->count; i++) {
        double x = ((int)(i * 29 % 401) - 200) / 30.0;
        mopt__element_set_f64(type->dtype, mopt__tensor_data(tensor), i, x);
    }
    assert_int_equal(mopt__datum_tensor(tensor, &input, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    if (mopt__session_run(session, &input, outputs, NULL, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    mopt__datum_unref(input);
}

struct stored {
    const char *name;
    const char *wide;   // the model with weights of floats
    const char *narrow; // and with weights of type #
    bool kept;          // as floats, too
};

#define PRODUCTS                                                                          \
    " m = MatMul(x, w); r = Relu(m); y = Gemm<transB=1, alpha=0.5>(r, v); k = Add(y, m);" \
    " z = MatMul(k, w); } }"
#define IMAGES                                                                             \
    " c = Conv<pads=[1,1,1,1]>(x, w); n = BatchNormalization(c, s, s, s, v); r = Relu(n);" \
    " d = Conv<pads=[1,1,1,1], strides=[2,2]>(r, w); y = BatchNormalization(d, s, s, s, t); } }"

static const struct stored cases[] = {
    {"products",
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y, float[n,256] z) {"
     " float[256,256] w = @65536; float[256,256] v = @65536;" PRODUCTS,
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y, float[n,256] z) {"
     " #[256,256] w0 = @65536; #[256,256] v0 = @65536; w = Cast<to=1>(w0); v = "
     "Cast<to=1>(v0);" PRODUCTS,
     false},
    {"convolutions, one weight in two of them",
     "model (ir=8, opset=17) { graph g (float[n,96,6,7] x) -> (float[n,96,3,4] y) {"
     " float[96,96,3,3] w = @82944; float[96] s = @96; float[96] v0 = @96; v = Mul(v0, v0);"
     " t = Exp(v);" IMAGES,
     "model (ir=8, opset=17) { graph g (float[n,96,6,7] x) -> (float[n,96,3,4] y) {"
     " #[96,96,3,3] w0 = @82944; w = Cast<to=1>(w0); float[96] s = @96; float[96] v0 = @96;"
     " v = Mul(v0, v0); t = Exp(v);" IMAGES,
     false},
    {"read by others, too",
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y) {"
     " float[256,256] w = @65536; u = Transpose(w); m = MatMul(x, w); y = MatMul(m, u); } }",
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y) {"
     " #[256,256] w0 = @65536; w = Cast<to=1>(w0); u = Transpose(w); m = MatMul(x, w);"
     " y = MatMul(m, u); } }",
     true},
    {"not packed after all: a vector times them",
     "model (ir=8, opset=17) { graph g (float[256] x) -> (float[256] y) {"
     " float[256,256] w = @65536; y = MatMul(x, w); } }",
     "model (ir=8, opset=17) { graph g (float[256] x) -> (float[256] y) {"
     " #[256,256] w0 = @65536; w = Cast<to=1>(w0); y = MatMul(x, w); } }",
     true},
    {"in a body",
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y) { bool p = {1};"
     " float[256,256] w = @65536; q = Not(p); s = ReduceSum<keepdims=0>(x); k = Cast<to=9>(s);"
     " y = If<then_branch=graph () -> (t) { t = MatMul(x, w); },"
     " else_branch=graph () -> (e) { e = Neg(x); }>(k); } }",
     "model (ir=8, opset=17) { graph g (float[n,256] x) -> (float[n,256] y) { bool p = {1};"
     " #[256,256] w0 = @65536; w = Cast<to=1>(w0); q = Not(p); s = ReduceSum<keepdims=0>(x);"
     " k = Cast<to=9>(s); y = If<then_branch=graph () -> (t) { t = MatMul(x, w); },"
     " else_branch=graph () -> (e) { e = Neg(x); }>(k); } }",
     true},
};

static void same_bytes(const struct stored *c, struct mopt_datum *const *a,
                       struct mopt_datum *const *b, size_t count)
{
    for (size_t o = 0; o < count; o++) {
        if (!mopt__tensor_equal(a[o]->tensor, b[o]->tensor)) {
            fail_msg("%s: output %zu is another one", c->name, o);
        }
    }
}

static void release(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

static void try_case(const struct stored *c, const char *type, int threads)
{
    static const int64_t sizes[] = {1, 5, 40, 5}; // few rows, many, planned before
    struct mopt_model *wide = parse(c->wide, type), *narrow = parse(c->narrow, type);
    struct mopt_session *a = open_session(wide, threads), *b = open_session(narrow, threads);
    size_t count = wide->graph->outputs.count;
    struct mopt_datum *have[VALUES_MAX], *want[VALUES_MAX];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run(a, wide, sizes[i], want);
        run(b, narrow, sizes[i], have);
        same_bytes(c, have, want, count);
        release(have, count);
        release(want, count);
    }
    if ((constant_bytes(b) > constant_bytes(a)) != c->kept) {
        fail_msg("%s: %zu bytes of constants, %zu when they are floats", c->name, constant_bytes(b),
                 constant_bytes(a));
    }
    mopt__session_free(a);
    mopt__session_free(b);
    mopt__model_free(wide);
    mopt__model_free(narrow);
}

static void stored_weights_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        try_case(&cases[i], "float16", 1);
        try_case(&cases[i], "bfloat16", 2);
    }
}

// A model of 16 bits as it is widened: the same, with Casts around it.
static void widened_models_store_their_weights(void **state)
{
    (void)state;
    const struct stored c = {
        "widened",
        "model (ir=8, opset=17) { graph g (#[n,256] x) -> (#[n,256] y) {"
        " float[256,256] w = @65536; float[256] b = @256; u = Cast<to=1>(x); m = MatMul(u, w);"
        " a = Add(m, b); y = Cast<to=10>(a); } }",
        "model (ir=8, opset=17) { graph g (#[n,256] x) -> (#[n,256] y) {"
        " #[256,256] w = @65536; #[256] b = @256; m = MatMul(x, w); y = Add(m, b); } }",
        false};
    try_case(&c, "float16", 1);
    struct mopt_model *model = parse(c.narrow, "float16");
    struct mopt_session *session = open_session(model, 1);
    struct mopt_datum *output[1];
    run(session, model, 3, output);
    assert_true(constant_bytes(session) < WEIGHTS * sizeof(float));
    release(output, 1);
    mopt__session_free(session);
    mopt__model_free(model);
}

int mopt__test_stored(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_weights_give_the_same_bytes),
        cmocka_unit_test(widened_models_store_their_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
