// SPDX-License-Identifier: Apache-2.0
// Helpers of the onnx tests: models encoded by hand, byte by byte, so that wrong ones can be made
// too.
#ifndef MOPT_TESTS_UNIT_ONNX_SUPPORT_H
#define MOPT_TESTS_UNIT_ONNX_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "onnx/onnx.h"

// A message under construction.
struct pb {
    uint8_t *data;
    size_t size, capacity;
};
void pb_free(struct pb *pb);
void pb_add(struct pb *pb, const void *bytes, size_t size);
void pb_varint(struct pb *pb, uint64_t value);
void pb_tag(struct pb *pb, uint32_t field, int wire);
void pb_int(struct pb *pb, uint32_t field, int64_t value);
void pb_float(struct pb *pb, uint32_t field, float value);
void pb_bytes(struct pb *pb, uint32_t field, const void *bytes, size_t size);
void pb_text(struct pb *pb, uint32_t field, const char *text);
void pb_sub(struct pb *pb, uint32_t field, struct pb *sub); // frees sub
void pb_pair(struct pb *pb, uint32_t field, const char *key, const char *value);

// Parts of models. names: separated by commas, "" for absent ones.
struct pb node_of(const char *op, const char *inputs, const char *outputs);
struct pb info_of(const char *name, int dtype, int rank, const int64_t *dims);
struct pb tensor_of(const char *name, int dtype, int rank, const int64_t *dims); // without values
void add_node(struct pb *graph, const char *op, const char *inputs, const char *outputs);
void add_float_info(struct pb *graph, uint32_t field, const char *name); // float[2]
// Model around a graph (freed): IR 8, opset 17.
struct pb model_of(struct pb *graph);
// x -> Relu -> y.
struct pb small_graph(void);
// Model that uses every message and field of the schema; canonical.
struct pb full_model(void);

enum mopt_status load_pb(const struct pb *pb, struct mopt_model **model, struct mopt_error *err);
// Loads (pb is freed); the load must fail with this status and say `text`.
void assert_load_fails(struct pb *pb, enum mopt_status status, const char *text);
// Loads (pb is freed); the load must work. Free the result.
struct mopt_model *assert_loads(struct pb *pb);
// Bytes that saving gives; free with pb_free.
struct pb save_pb(const struct mopt_model *model);

// A fresh folder for a test, removed with everything in it.
char *temp_dir(void);
void remove_dir(char *dir);
// dir/name; the text is good for seven more calls.
char *in_dir(const char *dir, const char *name);

int mopt__test_wire(void);
int mopt__test_scan(void);
int mopt__test_values(void);
int mopt__test_graphs(void);
int mopt__test_functions(void);
int mopt__test_damage(void);
int mopt__test_external(void);
int mopt__test_save(void);
int mopt__test_zero_copy(void);
int mopt__test_datum(void);
int mopt__test_out_of_memory(void);
int mopt__test_corpus(void);

#endif
