// SPDX-License-Identifier: Apache-2.0
// Hash maps against a plain array as the model of what they must do.
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/random.h"
#include "tests.h"

static int values[4096];

static void empty_map_answers(void **state)
{
    (void)state;
    struct mopt_map map = {0};
    size_t at = 0;
    assert_null(mopt__map_find(&map, "a"));
    assert_null(mopt__map_find_u64(&map, 0));
    assert_false(mopt__map_remove(&map, "a"));
    assert_false(mopt__map_remove_u64(&map, 1));
    assert_null(mopt__map_next(&map, &at));
    mopt__map_clear(&map);
    mopt__map_release(&map);
}

static void put_find_replace_remove(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_map map = {0};
    char key[2] = "k"; // equal text at another address
    assert_int_equal(mopt__map_put(&map, "k", &values[1], &err), MOPT_OK);
    assert_int_equal(mopt__map_put(&map, "", &values[2], &err), MOPT_OK);
    assert_ptr_equal(mopt__map_find(&map, key), &values[1]);
    assert_ptr_equal(mopt__map_find(&map, ""), &values[2]);
    assert_null(mopt__map_find(&map, "K"));
    assert_int_equal(mopt__map_put(&map, key, &values[3], &err), MOPT_OK);
    assert_int_equal(map.live, 2);
    assert_ptr_equal(mopt__map_find(&map, "k"), &values[3]);
    size_t at = 0;
    assert_string_equal(mopt__map_next(&map, &at)->key, "k"); // a replaced value keeps its place
    assert_true(mopt__map_remove(&map, "k"));
    assert_false(mopt__map_remove(&map, "k"));
    assert_null(mopt__map_find(&map, "k"));
    assert_int_equal(map.live, 1);
    assert_int_equal(mopt__map_put(&map, "k", &values[4], &err), MOPT_OK); // now the last
    at = 0;
    assert_string_equal(mopt__map_next(&map, &at)->key, "");
    assert_ptr_equal(mopt__map_next(&map, &at)->value, &values[4]);
    assert_null(mopt__map_next(&map, &at));
    mopt__map_release(&map);
    assert_int_equal(map.live, 0);
}

static void integer_keys_of_all_kinds(void **state)
{
    (void)state;
    static const uint64_t keys[] = {
        0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, 0x9e3779b97f4a7c15};
    struct mopt_error err;
    struct mopt_map map = {0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(mopt__map_put_u64(&map, keys[i], &values[i], &err), MOPT_OK);
    }
    size_t at = 0;
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(mopt__map_find_u64(&map, keys[i]), &values[i]);
        const struct mopt_map_entry *entry = mopt__map_next(&map, &at);
        assert_true(entry->hash == keys[i]);
    }
    mopt__map_clear(&map);
    assert_null(mopt__map_find_u64(&map, 0));
    assert_int_equal(map.live, 0);
    assert_int_equal(mopt__map_put_u64(&map, 5, &values[0], &err), MOPT_OK);
    mopt__map_release(&map);
}

// The order of insertion with removals, kept as a list.
struct model {
    uint64_t keys[4096];
    size_t count;
};

static size_t model_find(const struct model *model, uint64_t key)
{
    size_t i = 0;
    while (i < model->count && model->keys[i] != key) {
        i++;
    }
    return i;
}

static void expect_same(const struct mopt_map *map, const struct model *model)
{
    size_t at = 0;
    assert_int_equal(map->live, model->count);
    for (size_t i = 0; i < model->count; i++) {
        const struct mopt_map_entry *entry = mopt__map_next(map, &at);
        assert_non_null(entry);
        assert_true(entry->hash == model->keys[i]);
        assert_ptr_equal(entry->value, &values[entry->hash % 4096]);
    }
    assert_null(mopt__map_next(map, &at));
}

static void random_steps_follow_the_model(void **state)
{
    (void)state;
    static struct model model;
    struct mopt_error err;
    struct mopt_map map = {0};
    struct mopt_rng rng;
    mopt__rng_init(&rng, 1);
    model.count = 0;
    for (int step = 0; step < 20000; step++) {
        // Keys that differ in high bits only: weak mixing would file them all in one place.
        uint64_t key = mopt__rng_below(&rng, 500) << 52 | 7;
        size_t at = model_find(&model, key);
        if (mopt__rng_below(&rng, 100) < (step < 10000 ? 60 : 40)) {
            assert_int_equal(mopt__map_put_u64(&map, key, &values[key % 4096], &err), MOPT_OK);
            if (at == model.count) {
                model.keys[model.count++] = key;
            }
        } else {
            assert_int_equal(mopt__map_remove_u64(&map, key), at < model.count);
            if (at < model.count) {
                model.count--;
                memmove(&model.keys[at], &model.keys[at + 1],
                        (model.count - at) * sizeof model.keys[0]);
            }
        }
        assert_true((mopt__map_find_u64(&map, key) != NULL) ==
                    (model_find(&model, key) < model.count));
        if (step % 100 == 0) {
            expect_same(&map, &model);
        }
    }
    expect_same(&map, &model);
    mopt__map_release(&map);
}

static void a_queue_does_not_grow(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_map map = {0};
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(mopt__map_put_u64(&map, i, &values[0], &err), MOPT_OK);
        assert_true(i < 4 || mopt__map_remove_u64(&map, i - 4));
    }
    assert_true(map.slot_count <= 32);
    assert_int_equal(map.live, 4);
    mopt__map_release(&map);
}

static void removal_while_iterating(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_map map = {0};
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(mopt__map_put_u64(&map, i, &values[i], &err), MOPT_OK);
    }
    const struct mopt_map_entry *entry;
    uint64_t expected = 0;
    for (size_t at = 0; (entry = mopt__map_next(&map, &at)) != NULL; expected++) {
        assert_true(entry->hash == expected);
        assert_true(mopt__map_remove_u64(&map, entry->hash));
    }
    assert_int_equal(expected, 100);
    assert_int_equal(map.live, 0);
    mopt__map_release(&map);
}

static void hashes_stay_what_they_are(void **state)
{
    (void)state;
    assert_true(mopt__hash_bytes("", 0) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(mopt__hash_bytes("abc", 3) == UINT64_C(0x1799df784aa72944));
    assert_true(mopt__hash_bytes("0123456789abcdef!", 17) == UINT64_C(0x74a28a17852b661f));
    assert_true(mopt__hash_mix(1, 2) == UINT64_C(0x081a5c1377856b73));
    assert_true(mopt__hash_mix(1, 2) != mopt__hash_mix(2, 1));
    assert_true(mopt__hash_bytes("\0", 1) != mopt__hash_bytes("\0\0", 2));
}

static void flipping_a_bit_flips_half_of_the_hash(void **state)
{
    (void)state;
    unsigned char data[24] = "some text that is hashed";
    uint64_t base = mopt__hash_bytes(data, sizeof data);
    int total = 0;
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        int changed = __builtin_popcountll(base ^ mopt__hash_bytes(data, sizeof data));
        data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_in_range(changed, 12, 52);
        total += changed;
    }
    assert_in_range(total / (int)(sizeof data * 8), 30, 34);
}

// The finaliser of splitmix64, as the map uses it.
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

// A key of 16 bytes whose unseeded hash is the same for every number: what a hostile file would be
// full of.
static void make_colliding(char key[17], uint32_t number)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t words[2] = {UINT64_C(0x0101010101010101) * (1 + number % 255) ^ (uint64_t)number << 8,
                         0};
    uint64_t first = mix(mix(mix(16 + step) + step) ^ words[0]);
    words[1] = mix(first + step) ^ UINT64_C(0x123456789abcdef);
    for (size_t i = 0; i < 16; i++) {
        key[i] = (char)(words[i / 8] >> i % 8 * 8);
    }
    key[16] = '\0';
}

static void hostile_names_do_not_collide(void **state)
{
    (void)state;
    static char keys[1000][17];
    struct mopt_error err;
    struct mopt_map map = {0};
    size_t count = 0;
    for (uint32_t number = 0; count < 1000; number++) {
        make_colliding(keys[count], number);
        count += strlen(keys[count]) == 16;
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(mopt__hash_bytes(keys[i], 16) == mopt__hash_bytes(keys[0], 16));
        assert_int_equal(mopt__map_put(&map, keys[i], &values[i], &err), MOPT_OK);
    }
    assert_int_equal(map.live, count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(mopt__map_find(&map, keys[i]), &values[i]);
        assert_true(i == 0 || map.entries[i].hash != map.entries[i - 1].hash);
    }
    mopt__map_release(&map);
}

static enum mopt_status fill_map(void *context, struct mopt_error *err)
{
    (void)context;
    struct mopt_map map = {0};
    enum mopt_status status = MOPT_OK;
    uint64_t done = 0;
    for (; done < 200 && status == MOPT_OK; done += status == MOPT_OK) {
        status = mopt__map_put_u64(&map, done * 1000, &values[done], err);
    }
    assert_int_equal(map.live, done);
    for (uint64_t i = 0; i < done; i++) { // a failure loses nothing
        assert_ptr_equal(mopt__map_find_u64(&map, i * 1000), &values[i]);
    }
    mopt__map_release(&map);
    return status;
}

static void map_without_memory(void **state)
{
    (void)state;
    mopt__test_out_of_memory(fill_map, NULL);
}

int mopt__test_map(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_answers),
        cmocka_unit_test(put_find_replace_remove),
        cmocka_unit_test(integer_keys_of_all_kinds),
        cmocka_unit_test(random_steps_follow_the_model),
        cmocka_unit_test(a_queue_does_not_grow),
        cmocka_unit_test(removal_while_iterating),
        cmocka_unit_test(hashes_stay_what_they_are),
        cmocka_unit_test(flipping_a_bit_flips_half_of_the_hash),
        cmocka_unit_test(hostile_names_do_not_collide),
        cmocka_unit_test(map_without_memory),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
