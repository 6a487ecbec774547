// SPDX-License-Identifier: Apache-2.0
// Models encoded by hand; see support.h.
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx/wire.h"

// ---- Messages

void pb_free(struct pb *pb)
{
    free(pb->data);
    *pb = (struct pb){0};
}

void pb_add(struct pb *pb, const void *bytes, size_t size)
{
    if (pb->size + size > pb->capacity) {
        pb->capacity = (pb->size + size) * 2 + 64;
        pb->data = realloc(pb->data, pb->capacity);
        assert_non_null(pb->data);
    }
    if (size > 0) {
        memcpy(pb->data + pb->size, bytes, size);
    }
    pb->size += size;
}

void pb_varint(struct pb *pb, uint64_t value)
{
    uint8_t bytes[MOPT_VARINT_MAX];

    pb_add(pb, bytes, mopt__wire_put(bytes, value));
}

void pb_tag(struct pb *pb, uint32_t field, int wire)
{
    pb_varint(pb, (uint64_t)field << 3 | (uint64_t)wire);
}

void pb_int(struct pb *pb, uint32_t field, int64_t value)
{
    pb_tag(pb, field, MOPT_WIRE_VARINT);
    pb_varint(pb, (uint64_t)value);
}

void pb_float(struct pb *pb, uint32_t field, float value)
{
    pb_tag(pb, field, MOPT_WIRE_FIXED32);
    pb_add(pb, &value, sizeof value);
}

void pb_bytes(struct pb *pb, uint32_t field, const void *bytes, size_t size)
{
    pb_tag(pb, field, MOPT_WIRE_BYTES);
    pb_varint(pb, size);
    pb_add(pb, bytes, size);
}

void pb_text(struct pb *pb, uint32_t field, const char *text)
{
    pb_bytes(pb, field, text, strlen(text));
}

void pb_sub(struct pb *pb, uint32_t field, struct pb *sub)
{
    pb_bytes(pb, field, sub->data, sub->size);
    pb_free(sub);
}

void pb_pair(struct pb *pb, uint32_t field, const char *key, const char *value)
{
    struct pb pair = {0};

    pb_text(&pair, 1, key);
    pb_text(&pair, 2, value);
    pb_sub(pb, field, &pair);
}

// ---- Parts of models

static void add_names(struct pb *pb, uint32_t field, const char *names)
{
    while (names[0] != '\0') {
        size_t n = strcspn(names, ",");

        pb_bytes(pb, field, names, n);
        names += n + (names[n] == ',' ? 1 : 0);
    }
}

struct pb node_of(const char *op, const char *inputs, const char *outputs)
{
    struct pb node = {0};

    add_names(&node, 1, inputs);
    add_names(&node, 2, outputs);
    pb_text(&node, 4, op);
    return node;
}

void add_node(struct pb *graph, const char *op, const char *inputs, const char *outputs)
{
    struct pb node = node_of(op, inputs, outputs);

    pb_sub(graph, 1, &node);
}

static struct pb shape_of(int rank, const int64_t *dims)
{
    struct pb shape = {0};

    for (int i = 0; i < rank; i++) {
        struct pb dim = {0};

        pb_int(&dim, 1, dims[i]);
        pb_sub(&shape, 1, &dim);
    }
    return shape;
}

struct pb info_of(const char *name, int dtype, int rank, const int64_t *dims)
{
    struct pb info = {0};
    struct pb type = {0};
    struct pb tensor = {0};
    struct pb shape = shape_of(rank, dims);

    pb_text(&info, 1, name);
    pb_int(&tensor, 1, dtype);
    pb_sub(&tensor, 2, &shape);
    pb_sub(&type, 1, &tensor);
    pb_sub(&info, 2, &type);
    return info;
}

void add_float_info(struct pb *graph, uint32_t field, const char *name)
{
    struct pb info = info_of(name, MOPT_FLOAT32, 1, (const int64_t[]){2});

    pb_sub(graph, field, &info);
}

struct pb tensor_of(const char *name, int dtype, int rank, const int64_t *dims)
{
    struct pb tensor = {0};

    for (int i = 0; i < rank; i++) {
        pb_int(&tensor, 1, dims[i]);
    }
    pb_int(&tensor, 2, dtype);
    if (name != NULL) {
        pb_text(&tensor, 8, name);
    }
    return tensor;
}

struct pb model_of(struct pb *graph)
{
    struct pb model = {0};
    struct pb opset = {0};

    pb_int(&model, 1, 8);
    pb_sub(&model, 7, graph);
    pb_text(&opset, 1, "");
    pb_int(&opset, 2, 17);
    pb_sub(&model, 8, &opset);
    return model;
}

struct pb small_graph(void)
{
    struct pb graph = {0};

    add_node(&graph, "Relu", "x", "y");
    pb_text(&graph, 2, "g");
    add_float_info(&graph, 11, "x");
    add_float_info(&graph, 12, "y");
    return graph;
}

// ---- Loading and saving

enum mopt_status load_pb(const struct pb *pb, struct mopt_model **model, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    void *copy = mopt__malloc(pb->size);

    mopt_error_clear(err);
    assert_non_null(copy);
    if (pb->size > 0) {
        memcpy(copy, pb->data, pb->size);
    }
    assert_int_equal(mopt__mapping_take(copy, pb->size, "memory", &mapping, err), MOPT_OK);
    enum mopt_status status = mopt__onnx_load_mapping(mapping, NULL, NULL, model, err);
    mopt__mapping_unref(mapping);
    assert_true((status == MOPT_OK) == (*model != NULL));
    assert_true(status == MOPT_OK || err->text[0] != '\0');
    return status;
}

void assert_load_fails(struct pb *pb, enum mopt_status status, const char *text)
{
    struct mopt_error err;
    struct mopt_model *model = NULL;
    enum mopt_status found = load_pb(pb, &model, &err);

    pb_free(pb);
    if (found != status || strstr(err.text, text) == NULL) {
        fail_msg("wanted %s with '%s', got %s: %s", mopt_status_name(status), text,
                 mopt_status_name(found), err.text);
    }
}

struct mopt_model *assert_loads(struct pb *pb)
{
    struct mopt_error err;
    struct mopt_model *model = NULL;

    if (load_pb(pb, &model, &err) != MOPT_OK) {
        fail_msg("load failed: %s", err.text);
    }
    pb_free(pb);
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fail_msg("not sound: %s", err.text);
    }
    return model;
}

struct pb save_pb(const struct mopt_model *model)
{
    struct pb result = {0};
    struct mopt_error err;
    struct mopt_mapping *mapping = NULL;
    struct mopt_onnx_save_options options = {.external = 0};
    char *dir = temp_dir();
    const char *path = in_dir(dir, "model.onnx");

    mopt_error_clear(&err);
    if (mopt__onnx_save(model, path, &options, NULL, &err) != MOPT_OK) {
        fail_msg("save failed: %s", err.text);
    }
    assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
    pb_add(&result, mapping->data, mapping->size);
    mopt__mapping_unref(mapping);
    remove_dir(dir);
    return result;
}

// ---- Folders

char *temp_dir(void)
{
    char *dir = test_calloc(64, 1);
    bool memory = access("/dev/shm", W_OK) == 0; // syncing to a disk takes most of the time

    (void)snprintf(dir, 64, "%s/mopt_test_onnx_XXXXXX", memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

char *in_dir(const char *dir, const char *name)
{
    static char texts[8][512];
    static size_t next;
    char *text = texts[next++ % 8];

    (void)snprintf(text, sizeof texts[0], "%s/%s", dir, name);
    return text;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry = NULL;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char child[1024];
        struct stat info;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (lstat(child, &info) == 0 && S_ISDIR(info.st_mode)) {
            remove_tree(child);
        } else {
            (void)unlink(child);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
}

void remove_dir(char *dir)
{
    remove_tree(dir);
    test_free(dir);
}
