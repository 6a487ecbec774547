// SPDX-License-Identifier: Apache-2.0
// Saving: the same bytes again, external files and their round trip, names, hashes, refusals.
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static struct mopt_mapping *map_file(const char *path)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    if (mopt__mapping_open(path, 0, &mapping, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return mapping;
}

static void save_to(const struct mopt_model *model, const char *path,
                    const struct mopt_onnx_save_options *options, struct mopt_save_result *result)
{
    struct mopt_error err;

    mopt_error_clear(&err);
    if (mopt__onnx_save(model, path, options, result, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static struct mopt_model *load_from(const char *path)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    if (mopt__onnx_load(path, NULL, &model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static void the_same_bytes_again(void **state)
{
    struct pb pb = full_model();
    struct pb copy = {0};
    struct pb saved = {0};
    struct mopt_model *model = NULL;
    struct mopt_error err;
    uint64_t size = 0;
    (void)state;

    pb_add(&copy, pb.data, pb.size);
    model = assert_loads(&pb);
    saved = save_pb(model);
    for (size_t i = 0; i < copy.size && i < saved.size; i++) {
        if (copy.data[i] != saved.data[i]) {
            fail_msg("bytes differ from %zu on", i);
        }
    }
    assert_int_equal(saved.size, copy.size);
    mopt_error_clear(&err);
    assert_int_equal(mopt__onnx_size(model, &size, &err), MOPT_OK);
    assert_int_equal(size, copy.size);
    mopt__model_free(model);
    pb_free(&copy);
    pb_free(&saved);
}

static struct mopt_model *save_and_load(const struct mopt_model *model)
{
    struct pb saved = save_pb(model);

    return assert_loads(&saved);
}

static size_t count_text(const struct mopt_model *model, const char *text)
{
    struct pb saved = save_pb(model);
    size_t count = 0;
    const uint8_t *end = saved.data + saved.size;

    for (const uint8_t *at = saved.data; at != NULL && at < end; count += at != NULL ? 1 : 0) {
        at = memmem(at, (size_t)(end - at), text, strlen(text));
        at = at != NULL ? at + 1 : NULL;
    }
    pb_free(&saved);
    return count;
}

// The full model describes t_raw twice; that is written back only while the list is what it was.
static void repeated_descriptions_follow_the_list(void **state)
{
    struct pb pb = full_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_value_list *list = &model->graph->value_infos;
    size_t before = count_text(model, "t_raw");
    (void)state;

    assert_int_equal(list->count, 3);
    list->count--; // somebody took the last one out
    assert_int_equal(count_text(model, "t_raw"), before - 1);
    struct mopt_model *again = save_and_load(model);
    assert_int_equal(again->graph->value_infos.count, 2);
    mopt__model_free(again);
    list->count++;
    struct mopt_error err;
    assert_int_equal(mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                sizeof(struct mopt_value *), &err),
                     MOPT_OK);
    list->items[list->count++] = mopt__value_find(model->graph, "t_half"); // somebody put one in
    again = save_and_load(model);
    assert_int_equal(again->graph->value_infos.count, 4);
    mopt__model_free(again);
    mopt__model_free(model);
}

static void contradicting_descriptions_are_replaced(void **state)
{
    static const int64_t dims[] = {2};
    struct pb pb = full_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_value *y = mopt__value_find(model->graph, "y");
    (void)state;

    y->declared = mopt__type_tensor(&model->arena, MOPT_INT64, 1, dims);
    struct pb saved = save_pb(model);
    const uint8_t stale[] = {0x0a, 1, 'y', 0x12, 4, 0x0a, 2, 8, MOPT_FLOAT32};
    assert_null(memmem(saved.data, saved.size, stale, sizeof stale));
    pb_free(&saved);
    y->declared = mopt__type_tensor(&model->arena, MOPT_FLOAT32, 1, dims);
    saved = save_pb(model);
    assert_non_null(memmem(saved.data, saved.size, stale, sizeof stale));
    pb_free(&saved);
    mopt__model_free(model);
}

static void built_models_are_written(void **state)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    struct mopt_tensor *tensor = NULL;
    struct mopt_value *x = NULL;
    struct pb saved = {0};
    (void)state;

    mopt_error_clear(&err);
    assert_int_equal(mopt__model_new(&model, &err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(model, "", 17, &err), MOPT_OK);
    x = mopt__value_new(model->graph, "x", &err);
    x->type = mopt__type_tensor(&model->arena, MOPT_FLOAT32, 2,
                                (const int64_t[]){mopt__dim_named(model->dims, "n"), 3});
    assert_int_equal(mopt__graph_add_input(model->graph, x, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_f32_scalar(2.0f, &tensor, &err), MOPT_OK);
    struct mopt_value *w = mopt__graph_constant(model->graph, "w", tensor, &err);
    mopt__tensor_unref(tensor);
    struct mopt_node *node = mopt__node_new(model->graph, NULL, "Mul", "", 2, 1, &err);
    mopt__node_set_input(node, 0, x);
    mopt__node_set_input(node, 1, w);
    struct mopt_value *y = mopt__value_new(model->graph, "y", &err);
    y->type = x->type;
    mopt__node_set_output(node, 0, y);
    assert_int_equal(mopt__node_set_int(node, "axis", 1, &err), MOPT_OK);
    assert_int_equal(mopt__graph_add_output(model->graph, y, &err), MOPT_OK);
    saved = save_pb(model);
    struct mopt_model *again = assert_loads(&saved);
    assert_string_equal(again->graph->name, "main");
    assert_int_equal(again->graph->inputs.items[0]->type->dims[1], 3);
    assert_true(mopt__tensor_f64(mopt__value_find(again->graph, "w")->constant, 0) == 2.0);
    assert_int_equal(mopt__node_attribute(again->graph->first, "axis")->i, 1);
    mopt__model_free(again);
    mopt__model_free(model);
}

// ---- External

// Initializers of 4, 1024 and 5000 floats.
static struct pb weights_model(void)
{
    static const int64_t counts[] = {4, 1024, 5000};
    struct pb graph = {0};

    add_node(&graph, "Relu", "x", "y");
    pb_text(&graph, 2, "g");
    for (size_t i = 0; i < MOPT_COUNTOF(counts); i++) {
        char name[2] = {(char)('a' + i), '\0'};
        struct pb tensor = tensor_of(name, MOPT_FLOAT32, 1, &counts[i]);
        float *values = test_calloc((size_t)counts[i], sizeof *values);

        for (int64_t j = 0; j < counts[i]; j++) {
            values[j] = (float)(j + (int64_t)i);
        }
        pb_bytes(&tensor, 9, values, (size_t)counts[i] * sizeof *values);
        pb_sub(&graph, 5, &tensor);
        test_free(values);
    }
    add_float_info(&graph, 11, "x");
    add_float_info(&graph, 12, "y");
    return model_of(&graph);
}

static void check_weights(const struct mopt_model *model)
{
    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        const struct mopt_tensor *w = mopt__value_find(model->graph, name)->constant;

        for (size_t j = 0; j < w->count; j++) {
            assert_true(mopt__tensor_f64(w, j) == (double)(j + (size_t)i));
        }
    }
}

static void check_hash(const struct mopt_saved_file *file)
{
    struct mopt_mapping *mapping = map_file(file->path);
    struct mopt_sha256 sha;
    char hex[65];

    assert_int_equal(file->bytes, mapping->size);
    mopt__sha256_init(&sha);
    mopt__sha256_update(&sha, mapping->data, mapping->size);
    mopt__sha256_hex(&sha, hex);
    assert_string_equal(hex, file->sha256);
    mopt__mapping_unref(mapping);
}

static void external_data_round_trip(void **state)
{
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct pb inline_bytes = {0};
    struct pb back = {0};
    struct mopt_onnx_save_options options = {.external = 1};
    struct mopt_save_result result;
    (void)state;

    pb_add(&inline_bytes, pb.data, pb.size);
    struct mopt_model *model = assert_loads(&pb);
    save_to(model, in_dir(dir, "m.onnx"), &options, &result);
    mopt__model_free(model);
    assert_int_equal(result.count, 2);
    check_hash(&result.files[0]);
    check_hash(&result.files[1]);
    assert_non_null(strstr(result.files[1].path, "m.onnx.data"));
    assert_int_equal(result.files[1].bytes, 4096 + 20000); // the tensor of 16 bytes stays inside
    mopt__save_result_release(&result);
    model = load_from(in_dir(dir, "m.onnx"));
    check_weights(model);
    assert_int_equal(mopt__value_find(model->graph, "a")->source->storage, MOPT_STORE_RAW);
    const struct mopt_value *c = mopt__value_find(model->graph, "c");
    assert_int_equal(c->source->storage, MOPT_STORE_EXTERNAL);
    assert_string_equal(c->source->location, "m.onnx.data");
    assert_string_equal(c->source->external[1].key, "offset");
    assert_string_equal(c->source->external[1].value, "4096");
    back = save_pb(model); // inline again
    assert_int_equal(back.size, inline_bytes.size);
    assert_memory_equal(back.data, inline_bytes.data, back.size);
    pb_free(&back);
    pb_free(&inline_bytes);
    mopt__model_free(model);
    remove_dir(dir);
}

static void external_tensors_stay_external(void **state)
{
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1, .external_min = 1};
    (void)state;

    save_to(model, in_dir(dir, "m.onnx"), &options, NULL);
    mopt__model_free(model);
    model = load_from(in_dir(dir, "m.onnx"));
    options = (struct mopt_onnx_save_options){.external = -1, .external_name = "weights.bin"};
    save_to(model, in_dir(dir, "n.onnx"), &options, NULL);
    mopt__model_free(model);
    assert_true(mopt__path_exists(in_dir(dir, "weights.bin")));
    model = load_from(in_dir(dir, "n.onnx"));
    check_weights(model);
    assert_string_equal(mopt__value_find(model->graph, "a")->source->location, "weights.bin");
    mopt__model_free(model);
    remove_dir(dir);
}

// The model that is being replaced keeps its data until the new one stands; then the old data go.
static void a_model_is_saved_over_itself(void **state)
{
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1, .force = true};
    (void)state;

    save_to(model, in_dir(dir, "m.onnx"), &options, NULL);
    mopt__model_free(model);
    for (int i = 0; i < 3; i++) {
        model = load_from(in_dir(dir, "m.onnx"));
        save_to(model, in_dir(dir, "m.onnx"), &options, NULL);
        check_weights(model); // still readable: the old file is only unlinked
        mopt__model_free(model);
        model = load_from(in_dir(dir, "m.onnx"));
        check_weights(model);
        mopt__model_free(model);
        char **names = NULL;
        size_t count = 0;
        struct mopt_error err;
        assert_int_equal(mopt__dir_list(dir, &names, &count, &err), MOPT_OK);
        assert_int_equal(count, 2); // nothing left behind
        mopt__names_free(names, count);
    }
    remove_dir(dir);
}

static void a_foreign_data_file_is_left_alone(void **state)
{
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1};
    struct mopt_error err;
    (void)state;

    mopt_error_clear(&err);
    assert_int_equal(mopt__file_write(in_dir(dir, "m.onnx.data"), "mine", 4, false, &err), MOPT_OK);
    save_to(model, in_dir(dir, "m.onnx"), &options, NULL);
    mopt__model_free(model);
    struct mopt_mapping *mapping = map_file(in_dir(dir, "m.onnx.data"));
    assert_int_equal(mapping->size, 4);
    mopt__mapping_unref(mapping);
    model = load_from(in_dir(dir, "m.onnx"));
    check_weights(model);
    mopt__model_free(model);
    remove_dir(dir);
}

static void tensors_over_the_same_bytes_share_them(void **state)
{
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1};
    struct mopt_save_result result;
    struct mopt_error err;
    (void)state;

    mopt_error_clear(&err);
    struct mopt_tensor *c = mopt__value_find(model->graph, "c")->constant;
    assert_non_null(mopt__graph_constant(model->graph, "tied", c, &err));
    save_to(model, in_dir(dir, "m.onnx"), &options, &result);
    mopt__model_free(model);
    assert_int_equal(result.files[1].bytes, 4096 + 20000);
    mopt__save_result_release(&result);
    model = load_from(in_dir(dir, "m.onnx"));
    check_weights(model);
    assert_true(mopt__tensor_equal(mopt__value_find(model->graph, "tied")->constant,
                                   mopt__value_find(model->graph, "c")->constant));
    mopt__model_free(model);
    remove_dir(dir);
}

// ---- Refusals

static void targets_are_protected(void **state)
{
    static const char *const names[] = {"", ".", "..", "a/b", "/abs", "m.onnx"};
    char *dir = temp_dir();
    struct pb pb = weights_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1};
    struct mopt_error err;
    (void)state;

    mopt_error_clear(&err);
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        options.external_name = names[i];
        assert_int_equal(mopt__onnx_save(model, in_dir(dir, "m.onnx"), &options, NULL, &err),
                         MOPT_E_USAGE);
    }
    options = (struct mopt_onnx_save_options){.external = 0};
    save_to(model, in_dir(dir, "m.onnx"), &options, NULL);
    assert_int_equal(mopt__onnx_save(model, in_dir(dir, "m.onnx"), &options, NULL, &err),
                     MOPT_E_CREATE);
    options.external = 1;
    assert_int_equal(mopt__onnx_save(model, in_dir(dir, "m.onnx"), &options, NULL, &err),
                     MOPT_E_CREATE);
    assert_false(mopt__path_exists(in_dir(dir, "m.onnx.data"))); // told before it was made
    assert_int_equal(mopt__onnx_save(model, in_dir(dir, "no/such/m.onnx"), &options, NULL, &err) ==
                         MOPT_OK,
                     0);
    mopt__model_free(model);
    remove_dir(dir);
}

// Borrowed memory stands for a model beyond 2 GiB: inline it is refused before anything is written.
static void large_models_need_external_data(void **state)
{
    char *dir = temp_dir();
    struct mopt_model *model = NULL;
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    struct mopt_onnx_save_options options = {.external = 0};
    static char byte;
    const int64_t dim = INT64_C(3) << 30;
    (void)state;

    mopt_error_clear(&err);
    assert_int_equal(mopt__model_new(&model, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_borrow(MOPT_INT8, 1, &dim, &byte, (size_t)dim, &tensor, &err),
                     MOPT_OK);
    assert_non_null(mopt__graph_constant(model->graph, "w", tensor, &err));
    mopt__tensor_unref(tensor);
    assert_int_equal(mopt__onnx_save(model, in_dir(dir, "m.onnx"), &options, NULL, &err),
                     MOPT_E_LIMIT);
    assert_false(mopt__path_exists(in_dir(dir, "m.onnx")));
    uint64_t size = 0;
    assert_int_equal(mopt__onnx_size(model, &size, &err), MOPT_OK);
    assert_true(size > (uint64_t)dim);
    mopt__model_free(model);
    remove_dir(dir);
}

int mopt__test_save(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_again),
        cmocka_unit_test(repeated_descriptions_follow_the_list),
        cmocka_unit_test(contradicting_descriptions_are_replaced),
        cmocka_unit_test(built_models_are_written),
        cmocka_unit_test(external_data_round_trip),
        cmocka_unit_test(external_tensors_stay_external),
        cmocka_unit_test(a_model_is_saved_over_itself),
        cmocka_unit_test(a_foreign_data_file_is_left_alone),
        cmocka_unit_test(tensors_over_the_same_bytes_share_them),
        cmocka_unit_test(targets_are_protected),
        cmocka_unit_test(large_models_need_external_data),
    };

    return cmocka_run_group_tests_name("save", tests, NULL, NULL);
}
