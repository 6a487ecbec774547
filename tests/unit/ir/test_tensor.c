// SPDX-License-Identifier: Apache-2.0
// Tensors, sparse tensors and runtime values: limits, ownership, sharing, content.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ir/tensor.h"
#include "tests.h"

static struct mopt_error err;

static struct mopt_tensor *make(enum mopt_dtype dtype, int rank, const int64_t *dims)
{
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &err), MOPT_OK);
    return tensor;
}

static void new_tensors_are_aligned_and_counted(void **state)
{
    (void)state;
    const int64_t dims[2] = {3, 5};
    struct mopt_tensor *tensor = make(MOPT_FLOAT32, 2, dims);
    assert_int_equal(tensor->count, 15);
    assert_int_equal(tensor->bytes, 60);
    assert_int_equal((uintptr_t)tensor->data % 64, 0);
    assert_ptr_equal(mopt__tensor_data(tensor), tensor->data);
    memset(mopt__tensor_data(tensor), 0, tensor->bytes); // every byte may be written
    mopt__tensor_unref(tensor);
    tensor = make(MOPT_INT4, 2, dims);
    assert_int_equal(tensor->bytes, 8);
    mopt__tensor_unref(tensor);
    const int64_t empty[3] = {1 << 20, 0, 1 << 20};
    tensor = make(MOPT_FLOAT64, 3, empty);
    assert_int_equal(tensor->count, 0);
    assert_non_null(tensor->data);
    mopt__tensor_unref(tensor);
    tensor = make(MOPT_BOOL, 0, NULL);
    assert_int_equal(tensor->count, 1);
    mopt__tensor_unref(tensor);
    mopt__tensor_unref(NULL);
    assert_null(mopt__tensor_ref(NULL));
}

static void impossible_tensors_are_refused(void **state)
{
    (void)state;
    struct mopt_tensor *tensor;
    int64_t dims[17] = {0};
    dims[0] = -1;
    assert_int_equal(mopt__tensor_new(MOPT_INT8, 1, dims, &tensor, &err), MOPT_E_SHAPE);
    assert_null(tensor);
    const int64_t empty[3] = {INT64_MAX, 0, 3}; // no elements, but its strides do not fit
    assert_int_equal(mopt__tensor_new(MOPT_INT8, 3, empty, &tensor, &err), MOPT_E_SHAPE);
    dims[0] = INT64_MAX;
    dims[1] = 3;
    assert_int_equal(mopt__tensor_new(MOPT_INT8, 2, dims, &tensor, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__tensor_new(MOPT_INT16, 1, dims, &tensor, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__tensor_new(MOPT_INT8, 17, dims, &tensor, &err), MOPT_E_UNSUPPORTED);
    assert_int_equal(mopt__tensor_new(MOPT_INT8, -1, dims, &tensor, &err), MOPT_E_UNSUPPORTED);
    assert_int_equal(mopt__tensor_new(MOPT_UNDEFINED, 0, NULL, &tensor, &err), MOPT_E_TYPE);
    assert_int_equal(mopt__tensor_new((enum mopt_dtype)99, 0, NULL, &tensor, &err), MOPT_E_TYPE);
}

static struct mopt_mapping *make_mapping(size_t size)
{
    uint8_t *bytes = mopt__malloc(size);
    struct mopt_mapping *mapping;
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(mopt__mapping_take(bytes, size, "test", &mapping, &err), MOPT_OK);
    return mapping;
}

static void mapped_data_is_shared_when_aligned(void **state)
{
    (void)state;
    struct mopt_mapping *mapping = make_mapping(64);
    struct mopt_tensor *shared;
    struct mopt_tensor *copied;
    const int64_t dims[1] = {2};
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, dims, mapping, 8, 8, &shared, &err),
                     MOPT_OK);
    assert_ptr_equal(shared->data, mapping->data + 8);
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, dims, mapping, 9, 8, &copied, &err),
                     MOPT_OK);
    assert_int_equal((uintptr_t)copied->data % 4, 0);
    assert_memory_equal(copied->data, mapping->data + 9, 8);
    mopt__mapping_unref(mapping); // kept alive by `shared`
    assert_int_equal(mopt__tensor_i64_at(shared, 0), 0x0b0a0908);
    mopt__tensor_unref(shared);
    assert_int_equal(mopt__tensor_i64_at(copied, 1), 0x100f0e0d);
    mopt__tensor_unref(copied);
}

static void mapped_data_must_fit(void **state)
{
    (void)state;
    struct mopt_mapping *mapping = make_mapping(16);
    struct mopt_tensor *tensor;
    const int64_t dims[1] = {2};
    const int64_t none[1] = {0};
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, dims, mapping, 12, 8, &tensor, &err),
                     MOPT_E_FORMAT);
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, dims, mapping, SIZE_MAX - 3, 8,
                                               &tensor, &err),
                     MOPT_E_FORMAT);
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, dims, mapping, 0, 12, &tensor, &err),
                     MOPT_E_FORMAT);
    assert_int_equal(mopt__tensor_from_mapping(MOPT_STRING, 1, dims, mapping, 0, 16, &tensor, &err),
                     MOPT_E_TYPE);
    assert_int_equal(mopt__tensor_from_mapping(MOPT_INT32, 1, none, mapping, 16, 0, &tensor, &err),
                     MOPT_OK);
    assert_non_null(tensor->data);
    mopt__tensor_unref(tensor);
    assert_int_equal(mapping->references, 1);
    mopt__mapping_unref(mapping);
}

static void borrowed_memory_is_used_in_place(void **state)
{
    (void)state;
    _Alignas(8) float memory[4] = {1.0F, 2.0F, 3.0F, 4.0F};
    const int64_t dims[2] = {2, 2};
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_borrow(MOPT_FLOAT32, 2, dims, memory, sizeof memory, &tensor,
                                         &err),
                     MOPT_OK);
    assert_ptr_equal(mopt__tensor_data(tensor), memory);
    memory[3] = 9.5F;
    assert_true(mopt__tensor_f64(tensor, 3) == 9.5);
    assert_int_equal(mopt__tensor_i64_at(tensor, 3), 9);
    mopt__tensor_unref(tensor);
    assert_int_equal(mopt__tensor_borrow(MOPT_FLOAT32, 2, dims, memory, 12, &tensor, &err),
                     MOPT_E_FORMAT);
    assert_int_equal(mopt__tensor_borrow(MOPT_FLOAT32, 2, dims, NULL, 16, &tensor, &err),
                     MOPT_E_USAGE);
}

static void views_share_and_outlive(void **state)
{
    (void)state;
    const int64_t dims[2] = {2, 3};
    const int64_t other[1] = {6};
    const int64_t wrong[1] = {5};
    const int64_t values[6] = {1, 2, 3, 4, 5, 6};
    struct mopt_tensor *tensor;
    struct mopt_tensor *view;
    assert_int_equal(mopt__tensor_i64(values, 2, dims, &tensor, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_view(tensor, 1, wrong, &view, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__tensor_view(tensor, 1, other, &view, &err), MOPT_OK);
    assert_ptr_equal(view->data, tensor->data);
    assert_false(mopt__tensor_equal(view, tensor));
    mopt__tensor_unref(tensor);
    assert_int_equal(mopt__tensor_i64_at(view, 5), 6);
    mopt__tensor_unref(mopt__tensor_ref(view));
    mopt__tensor_unref(view);
}

static void strings_belong_to_their_tensor(void **state)
{
    (void)state;
    const int64_t dims[1] = {3};
    struct mopt_tensor *tensor = make(MOPT_STRING, 1, dims);
    struct mopt_tensor *copy;
    char text[] = "a\0b";
    assert_int_equal(mopt__tensor_set_string(tensor, 1, text, 3, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_set_string(tensor, 2, "old", 3, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_set_string(tensor, 2, "newer", 5, &err), MOPT_OK);
    text[0] = 'x';
    const struct mopt_string *items = tensor->data;
    assert_int_equal(items[0].size, 0);
    assert_int_equal(items[1].size, 3);
    assert_memory_equal(items[1].data, "a\0b", 3);
    assert_memory_equal(items[2].data, "newer", 5);
    assert_int_equal(mopt__tensor_copy(tensor, &copy, &err), MOPT_OK);
    assert_true(mopt__tensor_equal(tensor, copy));
    assert_int_equal(mopt__tensor_hash(tensor), mopt__tensor_hash(copy));
    assert_false(mopt__tensor_is_splat(copy));
    assert_int_equal(mopt__tensor_set_string(copy, 1, "a", 1, &err), MOPT_OK);
    assert_false(mopt__tensor_equal(tensor, copy));
    assert_true(mopt__tensor_hash(tensor) != mopt__tensor_hash(copy));
    mopt__tensor_unref(tensor);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mopt__tensor_set_string(copy, i, "same", 4, &err), MOPT_OK);
    }
    assert_true(mopt__tensor_is_splat(copy));
    mopt__tensor_unref(copy);
}

static void equality_ignores_padding_only(void **state)
{
    (void)state;
    const int64_t dims[1] = {3};
    struct mopt_tensor *a = make(MOPT_INT4, 1, dims);
    struct mopt_tensor *b = make(MOPT_INT4, 1, dims);
    struct mopt_tensor *c = make(MOPT_UINT4, 1, dims);
    memcpy(mopt__tensor_data(a), "\x21\x03", 2);
    memcpy(mopt__tensor_data(b), "\x21\xf3", 2);
    memcpy(mopt__tensor_data(c), "\x21\x03", 2);
    assert_true(mopt__tensor_equal(a, b));
    assert_int_equal(mopt__tensor_hash(a), mopt__tensor_hash(b));
    assert_false(mopt__tensor_equal(a, c));
    assert_true(mopt__tensor_hash(a) != mopt__tensor_hash(c));
    memcpy(mopt__tensor_data(b), "\x21\x04", 2);
    assert_false(mopt__tensor_equal(a, b));
    assert_true(mopt__tensor_hash(a) != mopt__tensor_hash(b));
    memcpy(mopt__tensor_data(b), "\x31\x03", 2);
    assert_false(mopt__tensor_equal(a, b));
    assert_false(mopt__tensor_equal(a, NULL));
    mopt__tensor_unref(a);
    mopt__tensor_unref(b);
    mopt__tensor_unref(c);
}

static void hash_covers_shape(void **state)
{
    (void)state;
    const int64_t values[4] = {1, 2, 3, 4};
    const int64_t flat[1] = {4};
    const int64_t square[2] = {2, 2};
    struct mopt_tensor *a;
    struct mopt_tensor *b;
    assert_int_equal(mopt__tensor_i64(values, 1, flat, &a, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_i64(values, 2, square, &b, &err), MOPT_OK);
    assert_true(mopt__tensor_hash(a) != mopt__tensor_hash(b));
    assert_false(mopt__tensor_equal(a, b));
    mopt__tensor_unref(a);
    mopt__tensor_unref(b);
}

static void splat_is_seen_in_every_width(void **state)
{
    (void)state;
    static const enum mopt_dtype types[] = {MOPT_UINT2,     MOPT_INT4,    MOPT_INT8,
                                            MOPT_FLOAT16,   MOPT_FLOAT32, MOPT_COMPLEX64,
                                            MOPT_COMPLEX128};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (int64_t n = 0; n <= 9; n++) {
            struct mopt_tensor *tensor = make(types[t], 1, &n);
            unsigned bits = mopt__dtype_bits(types[t]);
            unsigned char *bytes = mopt__tensor_data(tensor);
            memset(bytes, 0x55, tensor->bytes);
            assert_int_equal(mopt__tensor_is_splat(tensor), n > 0);
            if (n > 1) {
                size_t bit = (size_t)(n - 1) * bits; // changes the last element only
                bytes[bit / 8] ^= (unsigned char)(1U << (bit % 8));
                assert_false(mopt__tensor_is_splat(tensor));
            }
            mopt__tensor_unref(tensor);
        }
    }
}

static void scalars_read_back(void **state)
{
    (void)state;
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_f32_scalar(-2.75F, &tensor, &err), MOPT_OK);
    assert_int_equal(tensor->rank, 0);
    assert_true(mopt__tensor_f64(tensor, 0) == -2.75);
    assert_int_equal(mopt__tensor_i64_at(tensor, 0), -2);
    mopt__tensor_unref(tensor);
    assert_int_equal(mopt__tensor_f32_scalar(1e30F, &tensor, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_i64_at(tensor, 0), INT64_MAX);
    mopt__tensor_unref(tensor);
}

// ---- Sparse -------------------------------------------------------------------------------------

static struct mopt_tensor *integers(int rank, const int64_t *dims, const int64_t *values)
{
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_i64(values, rank, dims, &tensor, &err), MOPT_OK);
    return tensor;
}

// Dense form of values at indices in a [2,3] tensor.
static enum mopt_status to_dense(enum mopt_dtype dtype, int64_t count, const int64_t *values,
                                 int index_rank, const int64_t *indices, struct mopt_tensor **out)
{
    const int64_t shape[2] = {2, 3};
    const int64_t index_dims[2] = {count, 2};
    struct mopt_tensor *v = make(dtype, 1, &count);
    struct mopt_tensor *i = integers(index_rank, index_dims, indices);
    struct mopt_sparse *sparse;
    for (size_t k = 0; k < (size_t)count; k++) {
        mopt__element_set_i64(dtype, mopt__tensor_data(v), k, values[k]);
    }
    assert_int_equal(mopt__sparse_new(v, i, 2, shape, &sparse, &err), MOPT_OK);
    mopt__tensor_unref(v);
    mopt__tensor_unref(i);
    enum mopt_status status = mopt__sparse_to_dense(sparse, out, &err);
    mopt__sparse_unref(mopt__sparse_ref(sparse));
    mopt__sparse_unref(sparse);
    mopt__sparse_unref(NULL);
    return status;
}

static void sparse_becomes_dense(void **state)
{
    (void)state;
    static const enum mopt_dtype types[] = {MOPT_INT64, MOPT_INT4, MOPT_UINT2, MOPT_INT8};
    const int64_t values[2] = {1, 3};
    const int64_t linear[2] = {1, 5};
    const int64_t rows[4] = {0, 1, 1, 2};
    const int64_t expected[6] = {0, 1, 0, 0, 0, 3};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (int form = 1; form <= 2; form++) {
            struct mopt_tensor *dense;
            assert_int_equal(to_dense(types[t], 2, values, form, form == 1 ? linear : rows, &dense),
                             MOPT_OK);
            for (size_t i = 0; i < 6; i++) {
                assert_int_equal(mopt__tensor_i64_at(dense, i), expected[i]);
            }
            mopt__tensor_unref(dense);
        }
    }
}

static void sparse_indices_are_checked(void **state)
{
    (void)state;
    const int64_t values[2] = {1, 3};
    const int64_t bad[][2] = {{1, 6}, {-1, 2}, {5, 1}, {2, 2}, {INT64_MIN, 0}};
    const int64_t bad_rows[][4] = {{0, 0, 0, 3}, {0, 0, 2, 0}, {0, -1, 1, 1}, {1, 0, 0, 2}};
    struct mopt_tensor *dense;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(to_dense(MOPT_INT8, 2, values, 1, bad[i], &dense), MOPT_E_VALUE);
        assert_null(dense);
    }
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        assert_int_equal(to_dense(MOPT_INT8, 2, values, 2, bad_rows[i], &dense), MOPT_E_VALUE);
    }
}

static void sparse_parts_must_fit(void **state)
{
    (void)state;
    const int64_t two[2] = {2, 2};
    const int64_t three[2] = {3, 2};
    const int64_t shape[2] = {2, -3};
    const int64_t numbers[6] = {0};
    struct mopt_tensor *values = integers(1, two, numbers);
    struct mopt_tensor *indices = integers(1, three, numbers);
    struct mopt_tensor *square = integers(2, two, numbers);
    struct mopt_tensor *small = make(MOPT_INT32, 1, two);
    struct mopt_sparse *sparse;
    assert_int_equal(mopt__sparse_new(values, indices, 2, two, &sparse, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__sparse_new(square, values, 2, two, &sparse, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__sparse_new(values, small, 2, two, &sparse, &err), MOPT_E_TYPE);
    assert_int_equal(mopt__sparse_new(values, square, 1, two, &sparse, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__sparse_new(values, square, 2, shape, &sparse, &err), MOPT_E_SHAPE);
    assert_int_equal(mopt__sparse_new(values, square, 99, two, &sparse, &err), MOPT_E_UNSUPPORTED);
    assert_int_equal(values->references, 1);
    mopt__tensor_unref(values);
    mopt__tensor_unref(indices);
    mopt__tensor_unref(square);
    mopt__tensor_unref(small);
}

// ---- Runtime values -----------------------------------------------------------------------------

static void datums_own_what_they_hold(void **state)
{
    (void)state;
    struct mopt_tensor *tensor;
    struct mopt_datum *item;
    struct mopt_datum *list;
    struct mopt_datum *empty;
    assert_int_equal(mopt__tensor_f32_scalar(1.0F, &tensor, &err), MOPT_OK);
    assert_int_equal(mopt__datum_tensor(tensor, &item, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    struct mopt_datum *const items[3] = {item, item, item};
    assert_int_equal(mopt__datum_list(MOPT_DATUM_SEQUENCE, MOPT_FLOAT32, items, 3, &list, &err),
                     MOPT_OK);
    assert_int_equal(item->references, 4);
    mopt__datum_unref(item);
    assert_int_equal(list->count, 3);
    assert_true(mopt__tensor_f64(list->items[2]->tensor, 0) == 1.0);
    mopt__datum_unref(mopt__datum_ref(list));
    mopt__datum_unref(list);
    assert_int_equal(mopt__datum_list(MOPT_DATUM_OPTIONAL, MOPT_INT8, NULL, 0, &empty, &err),
                     MOPT_OK);
    assert_int_equal(empty->dtype, MOPT_INT8);
    assert_int_equal(empty->count, 0);
    mopt__datum_unref(empty);
    mopt__datum_unref(NULL);
}

int mopt__test_tensor(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_tensors_are_aligned_and_counted),
        cmocka_unit_test(impossible_tensors_are_refused),
        cmocka_unit_test(mapped_data_is_shared_when_aligned),
        cmocka_unit_test(mapped_data_must_fit),
        cmocka_unit_test(borrowed_memory_is_used_in_place),
        cmocka_unit_test(views_share_and_outlive),
        cmocka_unit_test(strings_belong_to_their_tensor),
        cmocka_unit_test(equality_ignores_padding_only),
        cmocka_unit_test(hash_covers_shape),
        cmocka_unit_test(splat_is_seen_in_every_width),
        cmocka_unit_test(scalars_read_back),
        cmocka_unit_test(sparse_becomes_dense),
        cmocka_unit_test(sparse_indices_are_checked),
        cmocka_unit_test(sparse_parts_must_fit),
        cmocka_unit_test(datums_own_what_they_hold),
    };
    return cmocka_run_group_tests_name("ir/tensor", tests, NULL, NULL);
}
