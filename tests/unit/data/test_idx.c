// SPDX-License-Identifier: Apache-2.0
// IDX files: plain and packed, their labels, Fashion-MNIST itself where it is installed.
#include <string.h>
#include <zlib.h>

#include "tests.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

// `count` pictures of 2x2: pixel p of picture i is 4 i + p. Labels: i % 10.
static size_t make_images(uint8_t *to, size_t count)
{
    const uint8_t header[] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)count, 0, 0, 0, 2, 0, 0, 0, 2};
    memcpy(to, header, sizeof header);
    for (size_t i = 0; i < 4 * count; i++) {
        to[sizeof header + i] = (uint8_t)i;
    }
    return sizeof header + 4 * count;
}

static size_t make_labels(uint8_t *to, size_t count)
{
    const uint8_t header[] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)count};
    memcpy(to, header, sizeof header);
    for (size_t i = 0; i < count; i++) {
        to[sizeof header + i] = (uint8_t)(i % 10);
    }
    return sizeof header + count;
}

static const char *write_gz(const char *name, const uint8_t *data, size_t bytes)
{
    const char *path = mopt__test_path_in(name);
    gzFile file = gzopen(path, "wb9");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, data, (unsigned)bytes), (int)bytes);
    gzclose(file);
    return path;
}

static void check(const char *path, bool shuffle)
{
    struct specs specs = mopt__test_specs("float[batch,1,2,2] x");
    struct mopt_dataset *dataset =
        mopt__test_open(path, &specs,
                        (struct mopt_data_options){
                            .preprocess = "mean=1,chw", .batch = 8, .shuffle = shuffle, .seed = 5});
    assert_int_equal(mopt__dataset_count(dataset), 20);
    assert_true(mopt__dataset_has_labels(dataset));
    assert_string_equal(mopt__dataset_describe(dataset),
                        "idx: 20 samples of 2x2 uint8, with labels");
    for (int round = 0; round < 2; round++) {
        unsigned seen = 0;
        size_t batches = 0;
        const struct mopt_sample *sample = NULL;
        while ((sample = mopt__test_next(dataset)) != NULL) {
            assert_int_equal(sample->count, batches < 2 ? 8 : 4);
            assert_string_equal(mopt__test_shape(sample, 0),
                                batches < 2 ? "8x1x2x2 float" : "4x1x2x2 float");
            for (size_t k = 0; k < sample->count; k++) {
                size_t i = (size_t)(mopt__test_value(sample, 0, 4 * k) + 1) / 4;
                assert_true(mopt__test_value(sample, 0, 4 * k + 3) == (double)(4 * i + 3) - 1);
                assert_int_equal(sample->labels[k], i % 10);
                assert_true(shuffle || i == 8 * batches + k);
                seen |= 1U << i;
            }
            batches++;
        }
        assert_int_equal(seen, (1U << 20) - 1);
        struct mopt_error err;
        mopt__test_works(mopt__dataset_rewind(dataset, &err), &err);
    }
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
}

static void pictures_and_labels_are_read(void **state)
{
    (void)state;
    uint8_t images[128];
    uint8_t labels[32];
    size_t image_bytes = make_images(images, 20);
    size_t label_bytes = make_labels(labels, 20);
    mopt__test_folder();
    const char *plain = mopt__test_write("t10k-images-idx3-ubyte", images, image_bytes);
    mopt__test_write("t10k-labels-idx1-ubyte", labels, label_bytes);
    const char *packed = write_gz("train-images-idx3-ubyte.gz", images, image_bytes);
    write_gz("train-labels-idx1-ubyte.gz", labels, label_bytes);
    check(plain, false);
    check(plain, true);
    check(packed, false);
    check(packed, true);
    mopt__test_remove_folder();
}

static void labels_of_another_number_are_refused(void **state)
{
    (void)state;
    uint8_t images[128];
    uint8_t labels[32];
    struct specs specs = mopt__test_specs("float[batch,1,2,2] x");
    struct mopt_data_options options = {.preprocess = "chw"};
    mopt__test_folder();
    const char *path = mopt__test_write("a-images-idx3-ubyte", images, make_images(images, 20));
    mopt__test_write("a-labels-idx1-ubyte", labels, make_labels(labels, 19));
    mopt__test_open_fails(path, &specs, options, MOPT_E_SHAPE, "19 labels for 20 samples");
    options.labels = mopt__test_write("b", labels, make_labels(labels, 20));
    mopt__dataset_close(mopt__test_open(path, &specs, options));
    options.labels = mopt__test_write("c", images, make_images(images, 20));
    mopt__test_open_fails(path, &specs, options, MOPT_E_FORMAT, "one integer per sample");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void lies_are_refused(void **state)
{
    (void)state;
    uint8_t images[128];
    struct specs specs = mopt__test_specs("float[batch,1,2,2] x");
    struct mopt_data_options options = {.preprocess = "chw"};
    size_t bytes = make_images(images, 20);
    mopt__test_folder();
    mopt__test_open_fails(mopt__test_write("a", images, bytes - 1), &specs, options, MOPT_E_FORMAT,
                          "promises 80");
    mopt__test_open_fails(mopt__test_write("a", images, bytes + 1), &specs, options, MOPT_E_FORMAT,
                          "promises 80");
    mopt__test_open_fails(mopt__test_write("a", images, 10), &specs, options, MOPT_E_FORMAT,
                          "IDX header");
    images[4] = 0x7f; // two thousand million pictures
    mopt__test_open_fails(mopt__test_write("a", images, bytes), &specs, options, MOPT_E_FORMAT,
                          "promises");
    mopt__test_open_fails(write_gz("a.gz", images, bytes), &specs, options, MOPT_E_FORMAT,
                          "more than");
    memset(images + 4, 0xff, 12);
    mopt__test_open_fails(mopt__test_write("a", images, bytes), &specs, options, MOPT_E_FORMAT,
                          "too many elements");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

// The header of packed files cannot be checked against the file: the lie shows when reading.
static void packed_lies_show_when_read(void **state)
{
    (void)state;
    uint8_t images[128];
    struct specs specs = mopt__test_specs("float[batch,1,2,2] x");
    size_t bytes = make_images(images, 20);
    mopt__test_folder();
    for (int more = 0; more < 2; more++) {
        const char *path = write_gz("a.gz", images, more ? bytes + 1 : bytes - 1);
        struct mopt_dataset *dataset =
            mopt__test_open(path, &specs, (struct mopt_data_options){.preprocess = "chw"});
        const struct mopt_sample *sample = NULL;
        struct mopt_error err;
        for (int i = 0; i < 19; i++) {
            assert_non_null(mopt__test_next(dataset));
        }
        mopt__test_fails(mopt__dataset_next(dataset, &sample, &err), MOPT_E_FORMAT, &err,
                         more ? "sample 20: compressed data" : "less than promised");
        assert_null(sample);
        mopt__dataset_close(dataset);
        mopt__test_open_fails(path, &specs,
                              (struct mopt_data_options){.preprocess = "chw", .shuffle = true},
                              MOPT_E_FORMAT, "compressed data");
    }
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void fashion_mnist_is_read(void **state)
{
    (void)state;
    const char *path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    if (!mopt__path_exists(path)) {
        skip();
    }
    struct specs specs = mopt__test_specs("float[batch,1,28,28] image");
    struct mopt_dataset *dataset =
        mopt__test_open(path, &specs,
                        (struct mopt_data_options){.preprocess =
                                                       "scale=1/255,mean=.2860,std=.3530,chw",
                                                   .batch = 100});
    size_t counts[10] = {0};
    double sum = 0;
    const struct mopt_sample *sample = NULL;
    assert_string_equal(mopt__dataset_describe(dataset),
                        "idx: 10000 samples of 28x28 uint8, with labels");
    uint64_t before = mopt__current_rss();
    while ((sample = mopt__test_next(dataset)) != NULL) {
        assert_string_equal(mopt__test_shape(sample, 0), "100x1x28x28 float");
        for (size_t k = 0; k < sample->count; k++) {
            counts[sample->labels[k]]++;
        }
        const float *values = sample->inputs[0]->tensor->data;
        for (size_t i = 0; i < sample->inputs[0]->tensor->count; i++) {
            sum += values[i];
        }
    }
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(counts[i], 1000);
    }
    assert_true(sum / 7840000 > -0.01 && sum / 7840000 < 0.01); // the constants are of the data
    if (!SANITIZED) { // 4.4 MB of packed pages are mapped, 7.8 MB of pixels were never together
        assert_true(mopt__current_rss() < before + (6 << 20));
    }
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_folder();
    mopt__test_remove_folder();
}

int mopt__test_idx(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_and_labels_are_read),
        cmocka_unit_test(labels_of_another_number_are_refused),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(packed_lies_show_when_read),
        cmocka_unit_test(fashion_mnist_is_read),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
