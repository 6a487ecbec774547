// SPDX-License-Identifier: Apache-2.0
// Damaged files: every truncation and random bit flips of models that use everything. Each must
// give a sound model or one error; whatever loads can be saved and loaded again.
#include <string.h>

#include "support.h"

// Loads; what loads is sound, can be saved, and what was saved loads to the same bytes again.
static bool survives(const struct pb *pb)
{
    struct mopt_error err;
    struct mopt_model *model = NULL;
    struct mopt_model *again = NULL;
    struct pb saved = {0};
    struct pb saved_again = {0};

    if (load_pb(pb, &model, &err) != MOPT_OK) {
        return false;
    }
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fail_msg("loads, but is not sound: %s", err.text);
    }
    saved = save_pb(model);
    if (load_pb(&saved, &again, &err) != MOPT_OK) {
        fail_msg("loads and saves, but does not load again: %s", err.text);
    }
    saved_again = save_pb(again);
    assert_int_equal(saved.size, saved_again.size);
    assert_memory_equal(saved.data, saved_again.data, saved.size);
    mopt__model_free(model);
    mopt__model_free(again);
    pb_free(&saved);
    pb_free(&saved_again);
    return true;
}

static struct pb tiny_model(void)
{
    struct pb graph = small_graph();

    return model_of(&graph);
}

static void check_truncations(struct pb *model)
{
    size_t loaded = 0;

    for (size_t size = 0; size < model->size; size++) {
        struct pb cut = {.data = model->data, .size = size};

        loaded += survives(&cut) ? 1 : 0;
    }
    assert_true(survives(model));
    assert_true(loaded < model->size / 10);
    pb_free(model);
}

static void truncations(void **state)
{
    struct pb model = tiny_model();
    (void)state;

    check_truncations(&model);
    model = full_model();
    check_truncations(&model);
}

static void bit_flips(void **state)
{
    struct pb model = full_model();
    struct mopt_rng rng;
    size_t loaded = 0;
    (void)state;

    mopt__rng_init(&rng, 1);
    for (int i = 0; i < 1000; i++) {
        size_t at = (size_t)mopt__rng_below(&rng, model.size);
        uint8_t bit = (uint8_t)(1U << mopt__rng_below(&rng, 8));

        model.data[at] ^= bit;
        loaded += survives(&model) ? 1 : 0;
        model.data[at] ^= bit;
    }
    assert_true(loaded > 0 && loaded < 1000);
    pb_free(&model);
}

static void random_bytes(void **state)
{
    struct pb model = full_model();
    struct mopt_rng rng;
    (void)state;

    mopt__rng_init(&rng, 2);
    for (int i = 0; i < 1000; i++) {
        struct pb copy = {0};

        pb_add(&copy, model.data, model.size);
        for (int j = 0; j < 4; j++) {
            copy.data[mopt__rng_below(&rng, copy.size)] = (uint8_t)mopt__rng_u64(&rng);
        }
        (void)survives(&copy);
        pb_free(&copy);
    }
    pb_free(&model);
}

int mopt__test_damage(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncations),
        cmocka_unit_test(bit_flips),
        cmocka_unit_test(random_bytes),
    };

    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
