// SPDX-License-Identifier: Apache-2.0
// Types of values: copies are deep and equal, text, counting with overflow.
#include <string.h>

#include "ir/dtype.h"
#include "ir/type.h"
#include "tests.h"

static void expect_text(const struct mopt_dims *dims, const struct mopt_type *type,
                        const char *expected)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(dims, type, &text);
    assert_string_equal(mopt__strbuf_text(&text), expected);
    mopt__strbuf_release(&text);
}

static void types_print_as_documented(void **state)
{
    (void)state;
    struct mopt_dims *dims = mopt__dims_new();
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    int64_t shape[4] = {mopt__dim_named(dims, "batch"), 3, MOPT_DIM_UNKNOWN, 224};
    const struct mopt_type *tensor = mopt__type_tensor(&arena, MOPT_FLOAT32, 4, shape);
    expect_text(dims, tensor, "float[batch,3,?,224]");
    expect_text(dims, mopt__type_tensor(&arena, MOPT_INT8, 0, NULL), "int8[]");
    expect_text(dims, mopt__type_tensor(&arena, MOPT_INT8, -1, NULL), "int8[...]");
    expect_text(dims, mopt__type_tensor(&arena, MOPT_UNDEFINED, 1, shape), "undefined[batch]");
    expect_text(dims, NULL, "?");
    const struct mopt_type *list = mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, tensor);
    expect_text(dims, mopt__type_container(&arena, MOPT_TYPE_OPTIONAL, list),
                "optional(seq(float[batch,3,?,224]))");
    expect_text(dims, mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, NULL), "seq(?)");
    struct mopt_type map = {.kind = MOPT_TYPE_MAP,
                            .dtype = MOPT_STRING,
                            .rank = -1,
                            .element = list};
    expect_text(dims, &map, "map(string, seq(float[batch,3,?,224]))");
    struct mopt_type sparse = *tensor;
    sparse.kind = MOPT_TYPE_SPARSE_TENSOR;
    expect_text(dims, &sparse, "sparse(float[batch,3,?,224])");
    mopt__arena_release(&arena);
    mopt__dims_free(dims);
}

static void clones_are_deep_and_equal(void **state)
{
    (void)state;
    struct mopt_arena first;
    struct mopt_arena second;
    mopt__arena_init(&first);
    mopt__arena_init(&second);
    int64_t shape[2] = {4, MOPT_DIM_UNKNOWN};
    const char *const marks[2] = {NULL, "CHANNEL"};
    const uint8_t bytes[3] = {1, 2, 3};
    const struct mopt_blob blob = {bytes, 3};
    struct mopt_type type = *mopt__type_tensor(&first, MOPT_UINT4, 2, shape);
    type.denotation = "IMAGE";
    type.dim_denotations = marks;
    type.unknown = &blob;
    const struct mopt_type *outer = mopt__type_container(&first, MOPT_TYPE_OPTIONAL, &type);
    const struct mopt_type *copy = mopt__type_clone(&second, outer);
    mopt__arena_release(&first); // the copy needs nothing of it
    assert_int_equal(copy->kind, MOPT_TYPE_OPTIONAL);
    const struct mopt_type *inner = copy->element;
    assert_ptr_not_equal(inner, &type);
    assert_int_equal(inner->dims[0], 4);
    assert_int_equal(inner->dims[1], MOPT_DIM_UNKNOWN);
    assert_string_equal(inner->denotation, "IMAGE");
    assert_null(inner->dim_denotations[0]);
    assert_string_equal(inner->dim_denotations[1], "CHANNEL");
    assert_int_equal(inner->unknown->size, 3);
    assert_memory_equal(inner->unknown->data, bytes, 3);
    assert_null(mopt__type_clone(&second, NULL));
    assert_true(mopt__type_equal(copy, mopt__type_clone(&second, copy)));
    mopt__arena_release(&second);
}

static void equality_looks_at_every_part(void **state)
{
    (void)state;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    const int64_t a[2] = {2, MOPT_DIM_UNKNOWN};
    const int64_t b[2] = {2, 3};
    const struct mopt_type *x = mopt__type_tensor(&arena, MOPT_FLOAT32, 2, a);
    assert_true(mopt__type_equal(x, mopt__type_tensor(&arena, MOPT_FLOAT32, 2, a)));
    assert_false(mopt__type_equal(x, mopt__type_tensor(&arena, MOPT_FLOAT32, 2, b)));
    assert_false(mopt__type_equal(x, mopt__type_tensor(&arena, MOPT_FLOAT32, 1, a)));
    assert_false(mopt__type_equal(x, mopt__type_tensor(&arena, MOPT_FLOAT32, -1, NULL)));
    assert_false(mopt__type_equal(x, mopt__type_tensor(&arena, MOPT_FLOAT16, 2, a)));
    assert_false(mopt__type_equal(x, NULL));
    assert_true(mopt__type_equal(NULL, NULL));
    const struct mopt_type *list = mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, x);
    assert_false(mopt__type_equal(list, x));
    assert_false(mopt__type_equal(list, mopt__type_container(&arena, MOPT_TYPE_OPTIONAL, x)));
    assert_false(mopt__type_equal(list, mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, NULL)));
    assert_true(mopt__type_equal(list, mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, x)));
    mopt__arena_release(&arena);
}

static void counting_needs_known_dims_that_fit(void **state)
{
    (void)state;
    struct mopt_dims *dims = mopt__dims_new();
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    size_t count;
    int64_t n = mopt__dim_named(dims, "n");
    const int64_t shape[3] = {2, n, 5};
    const struct mopt_type *type = mopt__type_tensor(&arena, MOPT_FLOAT32, 3, shape);
    assert_false(mopt__type_static(dims, type));
    assert_false(mopt__type_count(dims, type, &count));
    mopt__dim_unify(dims, n, 7); // what is learnt later counts
    assert_true(mopt__type_static(dims, type));
    assert_true(mopt__type_count(dims, type, &count) && count == 70);
    const int64_t huge[3] = {INT64_MAX, 4, 1};
    assert_false(mopt__type_count(dims, mopt__type_tensor(&arena, MOPT_INT8, 3, huge), &count));
    const int64_t empty[3] = {INT64_MAX, INT64_MAX, 0};
    assert_true(mopt__type_count(dims, mopt__type_tensor(&arena, MOPT_INT8, 3, empty), &count));
    assert_int_equal(count, 0);
    const int64_t negative[1] = {mopt__dim_const(dims, -2)};
    assert_false(mopt__type_count(dims, mopt__type_tensor(&arena, MOPT_INT8, 1, negative), &count));
    assert_true(mopt__type_count(dims, mopt__type_tensor(&arena, MOPT_INT8, 0, NULL), &count));
    assert_int_equal(count, 1);
    assert_false(mopt__type_count(dims, mopt__type_tensor(&arena, MOPT_INT8, -1, NULL), &count));
    assert_false(mopt__type_static(dims, NULL));
    mopt__arena_release(&arena);
    mopt__dims_free(dims);
}

int mopt__test_type(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_print_as_documented),
        cmocka_unit_test(clones_are_deep_and_equal),
        cmocka_unit_test(equality_looks_at_every_part),
        cmocka_unit_test(counting_needs_known_dims_that_fit),
    };
    return cmocka_run_group_tests_name("ir/type", tests, NULL, NULL);
}
