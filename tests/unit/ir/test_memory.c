// SPDX-License-Identifier: Apache-2.0
// What the lower half of ir does when memory runs out at every single allocation: errors or unknown
// dims, no crash, no leak, no wrong answer. The C library lets a program bring its own malloc;
// builds whose sanitizer owns malloc skip this.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ir/tensor.h"
#include "ir/type.h"
#include "tests.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if !defined(SANITIZED) && defined(__GLIBC__)
#define OWN_MALLOC 1
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *p);

static _Thread_local size_t countdown; // the allocation that fails, 0 = none
static _Thread_local bool fired;
static _Thread_local long long live; // allocations less releases of this thread

static bool refuse(void)
{
    if (countdown > 0 && --countdown == 0) {
        fired = true;
        errno = ENOMEM;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *malloc(size_t bytes)
{
    return refuse() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t bytes)
{
    if (refuse()) {
        return NULL;
    }
    void *grown = __libc_realloc(old, bytes);
    return old ? grown : counted(grown);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return refuse() ? NULL : counted(__libc_memalign(align, bytes));
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}
#endif

// Runs scenario with its first, second, ... allocation failing until one run meets no failure.
static void fail_each(void (*scenario)(void))
{
    scenario();
#if defined(OWN_MALLOC)
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        assert_true(n < 100000);
        long long before = live;
        fired = false;
        countdown = n;
        scenario();
        countdown = 0;
        assert_int_equal(live, before);
        if (!fired) {
            break;
        }
        failures++;
    }
    assert_true(failures > 0); // a scenario without allocations proves nothing
#endif
}

static bool look_up(void *context, const char *name, int64_t *value)
{
    (void)context;
    *value = name[0] == 'n' ? 6 : 10 + (int64_t)strlen(name);
    return true;
}

// The dim is unknown, or has this value under look_up.
static void check(const struct mopt_dims *dims, int64_t dim, int64_t expected)
{
    int64_t value;
    if (dim != MOPT_DIM_UNKNOWN && mopt__dim_evaluate(dims, dim, look_up, NULL, &value)) {
        assert_int_equal(value, expected);
    }
}

static void use_dims(void)
{
    struct mopt_dims *dims = mopt__dims_new();
    int64_t sums[40];
    if (!dims) {
        return;
    }
    int64_t n = mopt__dim_named(dims, "n"); // 6
    for (size_t i = 0; i < MOPT_COUNTOF(sums); i++) {
        char name[48] = "m";
        memset(name, 'm', i + 1); // 10 + i + 1
        int64_t m = mopt__dim_named(dims, name);
        sums[i] = mopt__dim_add(dims, mopt__dim_mul(dims, m, n),
                                mopt__dim_floordiv(dims, mopt__dim_add(dims, m, n), 4));
    }
    mopt__dim_unify(dims, mopt__dim_mul(dims, n, 2), 12);
    int64_t f = mopt__dim_fresh(dims);
    mopt__dim_unify(dims, mopt__dim_add(dims, f, 1), sums[0]);
    check(dims, f, 69);
    struct mopt_dims *copy = mopt__dims_clone(dims);
    struct mopt_strbuf text = {0};
    for (size_t i = 0; i < MOPT_COUNTOF(sums); i++) {
        int64_t m = 11 + (int64_t)i;
        check(dims, sums[i], m * 6 + (m + 6) / 4);
        if (copy) {
            check(copy, sums[i], m * 6 + (m + 6) / 4);
        }
        mopt__dim_print(dims, sums[i], &text);
    }
    mopt__strbuf_release(&text);
    mopt__dims_free(copy);
    mopt__dims_free(dims);
}

static void dims_survive_without_memory(void **state)
{
    (void)state;
    fail_each(use_dims);
}

static void use_tensors(void)
{
    struct mopt_error err;
    struct mopt_tensor *text = NULL;
    struct mopt_tensor *copy = NULL;
    struct mopt_tensor *view = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_datum *list = NULL;
    const int64_t dims[2] = {2, 3};
    const int64_t flat[1] = {6};
    enum mopt_status status = mopt__tensor_new(MOPT_STRING, 2, dims, &text, &err);
    for (size_t i = 0; status == MOPT_OK && i < 6; i++) {
        status = mopt__tensor_set_string(text, i, "abc", i % 3, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__tensor_copy(text, &copy, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__tensor_view(copy, 1, flat, &view, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(view, &datum, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_list(MOPT_DATUM_SEQUENCE, MOPT_STRING, &datum, 1, &list, &err);
    }
    assert_true(status == MOPT_OK || status == MOPT_E_MEMORY);
    assert_true(status != MOPT_OK || mopt__tensor_equal(text, copy));
    mopt__datum_unref(list);
    mopt__datum_unref(datum);
    mopt__tensor_unref(view);
    mopt__tensor_unref(copy);
    mopt__tensor_unref(text);
}

static void use_sparse(void)
{
    struct mopt_error err;
    struct mopt_tensor *values = NULL;
    struct mopt_tensor *indices = NULL;
    struct mopt_tensor *dense = NULL;
    struct mopt_sparse *sparse = NULL;
    const int64_t count[1] = {2};
    const int64_t where[2] = {1, 3};
    enum mopt_status status = mopt__tensor_i64(where, 1, count, &values, &err);
    if (status == MOPT_OK) {
        status = mopt__tensor_i64(where, 1, count, &indices, &err);
    }
    const int64_t shape[1] = {4};
    if (status == MOPT_OK) {
        status = mopt__sparse_new(values, indices, 1, shape, &sparse, &err);
    }
    if (status == MOPT_OK) {
        status = mopt__sparse_to_dense(sparse, &dense, &err);
    }
    assert_true(status == MOPT_OK || status == MOPT_E_MEMORY);
    assert_true(status != MOPT_OK || mopt__tensor_i64_at(dense, 3) == 3);
    mopt__tensor_unref(dense);
    mopt__sparse_unref(sparse);
    mopt__tensor_unref(indices);
    mopt__tensor_unref(values);
}

static void tensors_report_out_of_memory(void **state)
{
    (void)state;
    fail_each(use_tensors);
    fail_each(use_sparse);
}

static void use_types(void)
{
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    static const int64_t dims[2] = {1, 2};
    static const char *const marks[2] = {"A", NULL};
    static const struct mopt_blob blob = {(const uint8_t *)"x", 1};
    struct mopt_type type = {.kind = MOPT_TYPE_TENSOR,
                             .dtype = MOPT_INT8,
                             .rank = 2,
                             .dims = dims,
                             .denotation = "D",
                             .dim_denotations = marks,
                             .unknown = &blob};
    const struct mopt_type *list = mopt__type_container(&arena, MOPT_TYPE_SEQUENCE, &type);
    const struct mopt_type *copy = list ? mopt__type_clone(&arena, list) : NULL;
    assert_true(!copy || mopt__type_equal(copy, list));
    mopt__arena_release(&arena);
}

static void types_report_out_of_memory(void **state)
{
    (void)state;
    fail_each(use_types);
}

int mopt__test_memory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dims_survive_without_memory),
        cmocka_unit_test(tensors_report_out_of_memory),
        cmocka_unit_test(types_report_out_of_memory),
    };
    return cmocka_run_group_tests_name("ir/memory", tests, NULL, NULL);
}
