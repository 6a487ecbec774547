// SPDX-License-Identifier: Apache-2.0
// A model that uses every message and field of the schema, encoded canonically (fields in rising
// order, packed typed arrays), with unknown fields and empty strings: what goes in must come out
// unchanged.
#include <string.h>

#include "onnx/wire.h"
#include "support.h"

static void unknown_field(struct pb *pb)
{
    pb_int(pb, 1000, 7);
    pb_text(pb, 1001, "kept");
}

static void metadata(struct pb *pb, uint32_t field)
{
    struct pb pair = {0};

    pb_pair(pb, field, "key", "value");
    pb_text(&pair, 1, "");
    unknown_field(&pair);
    pb_sub(pb, field, &pair);
}

// ---- Types

static struct pb dims(void)
{
    struct pb shape = {0};
    struct pb dim = {0};

    pb_int(&dim, 1, 2);
    pb_text(&dim, 3, "DATA_BATCH");
    pb_sub(&shape, 1, &dim);
    pb_text(&dim, 2, "batch");
    pb_sub(&shape, 1, &dim);
    pb_sub(&shape, 1, &dim); // nothing known
    pb_int(&dim, 1, -1);
    pb_sub(&shape, 1, &dim);
    pb_text(&dim, 2, "");
    pb_sub(&shape, 1, &dim);
    return shape;
}

static struct pb tensor_type(uint32_t kind)
{
    struct pb type = {0};
    struct pb inner = {0};
    struct pb shape = dims();

    pb_int(&inner, 1, MOPT_FLOAT32);
    pb_sub(&inner, 2, &shape);
    pb_sub(&type, kind, &inner);
    return type;
}

static struct pb rankless_type(void)
{
    struct pb type = {0};
    struct pb inner = {0};

    pb_int(&inner, 1, MOPT_FLOAT32);
    pb_sub(&type, 1, &inner);
    return type;
}

static struct pb element_type(uint32_t kind)
{
    struct pb type = {0};
    struct pb inner = {0};
    struct pb element = tensor_type(1);

    pb_sub(&inner, 1, &element);
    if (kind > 6) {
        pb_text(&type, 6, "TENSOR");
        pb_sub(&type, kind, &inner);
    } else {
        pb_sub(&type, kind, &inner);
        pb_text(&type, 6, "TENSOR");
    }
    return type;
}

static struct pb map_type(void)
{
    struct pb type = {0};
    struct pb inner = {0};
    struct pb element = element_type(4);

    pb_int(&inner, 1, MOPT_STRING);
    pb_sub(&inner, 2, &element);
    pb_sub(&type, 5, &inner);
    return type;
}

static struct pb opaque_type(void)
{
    struct pb type = {0};
    struct pb inner = {0};

    pb_text(&inner, 1, "dom");
    pb_text(&inner, 2, "thing");
    pb_sub(&type, 7, &inner);
    unknown_field(&type);
    return type;
}

static void add_typed_info(struct pb *graph, uint32_t field, const char *name, struct pb *type)
{
    struct pb info = {0};

    pb_text(&info, 1, name);
    pb_sub(&info, 2, type);
    pb_text(&info, 3, "doc of a value");
    metadata(&info, 4);
    unknown_field(&info);
    pb_sub(graph, field, &info);
}

// ---- Tensors

static struct pb raw_tensor(const char *name)
{
    struct pb tensor = {0};

    pb_int(&tensor, 1, 2);
    pb_int(&tensor, 2, MOPT_FLOAT32);
    if (name != NULL) {
        pb_text(&tensor, 8, name);
    }
    pb_bytes(&tensor, 9, "\0\0\x80?\0\0\0@", 8);
    pb_text(&tensor, 12, "");
    pb_int(&tensor, 14, 0); // said to be inside the file
    metadata(&tensor, 16);
    unknown_field(&tensor);
    return tensor;
}

static void add_typed(struct pb *graph, const char *name, int dtype, int64_t count, uint32_t field,
                      const void *bytes, size_t size)
{
    struct pb tensor = {0};

    pb_int(&tensor, 1, count);
    pb_int(&tensor, 2, dtype);
    if (field < 8) {
        pb_bytes(&tensor, field, bytes, size);
        pb_text(&tensor, 8, name);
    } else {
        pb_text(&tensor, 8, name);
        pb_bytes(&tensor, field, bytes, size);
    }
    pb_sub(graph, 5, &tensor);
}

static void add_strings(struct pb *graph)
{
    struct pb tensor = {0};

    pb_int(&tensor, 1, 3);
    pb_int(&tensor, 2, MOPT_STRING);
    pb_text(&tensor, 6, "one");
    pb_text(&tensor, 6, "");
    pb_bytes(&tensor, 6, "\0\xff", 2);
    pb_text(&tensor, 8, "t_string");
    pb_sub(graph, 5, &tensor);
}

static void add_empty(struct pb *graph)
{
    struct pb tensor = tensor_of("t_empty", MOPT_FLOAT32, 2, (const int64_t[]){0, 3});

    pb_sub(graph, 5, &tensor);
    tensor = tensor_of("t_empty_raw", MOPT_INT64, 1, (const int64_t[]){0});
    pb_bytes(&tensor, 9, "", 0);
    pb_sub(graph, 5, &tensor);
}

static void add_initializers(struct pb *graph)
{
    const double d = 1.5;
    struct pb tensor = raw_tensor("t_raw");

    pb_sub(graph, 5, &tensor);
    add_typed(graph, "t_float", MOPT_FLOAT32, 2, 4, "\0\0\x80?\0\0\0@", 8);
    add_typed(graph, "t_complex", MOPT_COMPLEX64, 1, 4, "\0\0\x80?\0\0\0@", 8);
    add_typed(graph, "t_int8", MOPT_INT8, 2, 5, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x7f", 11);
    add_typed(graph, "t_half", MOPT_FLOAT16, 1, 5, "\x80\x80\x03", 3);
    add_typed(graph, "t_int4", MOPT_INT4, 3, 5, "\xf1\x01\x0f", 3);
    add_typed(graph, "t_int64", MOPT_INT64, 2, 7, "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
              11);
    add_typed(graph, "t_double", MOPT_FLOAT64, 1, 10, &d, sizeof d);
    add_typed(graph, "t_uint32", MOPT_UINT32, 1, 11, "\xff\xff\xff\xff\x0f", 5);
    add_strings(graph);
    add_empty(graph);
}

static struct pb sparse(const char *name)
{
    struct pb message = {0};
    struct pb values = tensor_of(name, MOPT_FLOAT32, 1, (const int64_t[]){1});
    struct pb indices = tensor_of(NULL, MOPT_INT64, 1, (const int64_t[]){1});

    pb_bytes(&values, 9, "\0\0\x80?", 4);
    pb_bytes(&indices, 9, "\x02\0\0\0\0\0\0\0", 8);
    pb_sub(&message, 1, &values);
    pb_sub(&message, 2, &indices);
    pb_int(&message, 3, 4);
    return message;
}

// ---- Attributes

static struct pb attribute(const char *name)
{
    struct pb message = {0};

    pb_text(&message, 1, name);
    return message;
}

static void finish(struct pb *node, struct pb *message, int type)
{
    pb_int(message, 20, type);
    pb_sub(node, 5, message);
}

static void add_scalars(struct pb *node)
{
    struct pb a = attribute("a_float");
    struct pb sub = {0};

    pb_float(&a, 2, 0.5f);
    finish(node, &a, MOPT_ATTR_FLOAT);
    a = attribute("a_int");
    pb_int(&a, 3, -3);
    pb_text(&a, 13, "doc");
    finish(node, &a, MOPT_ATTR_INT);
    a = attribute("a_string");
    pb_bytes(&a, 4, "a\0b", 3);
    finish(node, &a, MOPT_ATTR_STRING);
    a = attribute("a_tensor");
    sub = raw_tensor("inner");
    pb_sub(&a, 5, &sub);
    finish(node, &a, MOPT_ATTR_TENSOR);
    a = attribute("a_type");
    sub = map_type();
    pb_sub(&a, 14, &sub);
    finish(node, &a, MOPT_ATTR_TYPE);
    a = attribute("a_sparse");
    pb_int(&a, 20, MOPT_ATTR_SPARSE_TENSOR);
    sub = sparse("s");
    pb_sub(&a, 22, &sub);
    unknown_field(&a);
    pb_sub(node, 5, &a);
}

static void add_lists(struct pb *node)
{
    struct pb a = attribute("a_floats");
    struct pb sub = {0};

    pb_float(&a, 7, 1.0f);
    pb_float(&a, 7, -0.0f);
    finish(node, &a, MOPT_ATTR_FLOATS);
    a = attribute("a_ints");
    pb_int(&a, 8, 1);
    pb_int(&a, 8, INT64_MIN);
    finish(node, &a, MOPT_ATTR_INTS);
    a = attribute("a_no_ints");
    finish(node, &a, MOPT_ATTR_INTS);
    a = attribute("a_strings");
    pb_text(&a, 9, "");
    pb_text(&a, 9, "s");
    finish(node, &a, MOPT_ATTR_STRINGS);
    a = attribute("a_tensors");
    sub = raw_tensor(NULL);
    pb_sub(&a, 10, &sub);
    finish(node, &a, MOPT_ATTR_TENSORS);
    a = attribute("a_types");
    sub = element_type(9);
    pb_sub(&a, 15, &sub);
    finish(node, &a, MOPT_ATTR_TYPES);
    a = attribute("a_sparses");
    pb_int(&a, 20, MOPT_ATTR_SPARSE_TENSORS);
    sub = sparse(NULL);
    pb_sub(&a, 23, &sub);
    pb_sub(node, 5, &a);
}

// ---- Graphs

// Body that captures x and t_raw of the graph around it.
static struct pb body(const char *output)
{
    struct pb graph = {0};

    add_node(&graph, "Add", "x,t_raw", output);
    pb_text(&graph, 2, "body");
    add_float_info(&graph, 12, output);
    return graph;
}

static void add_control(struct pb *graph)
{
    struct pb node = node_of("If", "cond", "z");
    struct pb a = attribute("then_branch");
    struct pb sub = body("inner_then");

    pb_sub(&a, 6, &sub);
    finish(&node, &a, MOPT_ATTR_GRAPH);
    a = attribute("more");
    sub = body("inner_1");
    pb_sub(&a, 11, &sub);
    sub = body("inner_2");
    pb_sub(&a, 11, &sub);
    finish(&node, &a, MOPT_ATTR_GRAPHS);
    pb_sub(graph, 1, &node);
}

static void add_rich_node(struct pb *graph)
{
    struct pb node = {0};

    pb_text(&node, 1, "x");
    pb_text(&node, 1, "");
    pb_text(&node, 1, "t_int64");
    pb_text(&node, 2, "y");
    pb_text(&node, 2, "");
    pb_text(&node, 3, "");
    pb_text(&node, 4, "Custom");
    add_scalars(&node);
    add_lists(&node);
    pb_text(&node, 6, "doc of a node");
    pb_text(&node, 7, "my.domain");
    pb_text(&node, 8, "");
    metadata(&node, 9);
    pb_bytes(&node, 10,
             "\x0a\x03"
             "cfg",
             5); // a device configuration
    unknown_field(&node);
    pb_sub(graph, 1, &node);
}

static void add_call(struct pb *graph)
{
    struct pb node = node_of("F", "y", "called");
    struct pb a = attribute("alpha");

    pb_int(&a, 3, 1);
    finish(&node, &a, MOPT_ATTR_INT);
    pb_text(&node, 7, "my.domain");
    pb_text(&node, 8, "v1");
    pb_sub(graph, 1, &node);
}

static struct pb full_graph(void)
{
    struct pb graph = {0};
    struct pb type = tensor_type(1);
    struct pb sub = {0};

    add_rich_node(&graph);
    add_control(&graph);
    add_call(&graph);
    pb_text(&graph, 2, "full");
    add_initializers(&graph);
    pb_text(&graph, 10, "doc of the graph");
    add_typed_info(&graph, 11, "x", &type);
    sub = info_of("cond", MOPT_BOOL, 0, NULL);
    pb_sub(&graph, 11, &sub);
    type = element_type(4);
    add_typed_info(&graph, 11, "sequence", &type);
    type = element_type(9);
    add_typed_info(&graph, 11, "optional", &type);
    type = map_type();
    add_typed_info(&graph, 11, "map", &type);
    type = tensor_type(8);
    add_typed_info(&graph, 11, "sparse_input", &type);
    type = opaque_type();
    add_typed_info(&graph, 11, "opaque", &type);
    add_float_info(&graph, 12, "z");
    add_float_info(&graph, 12, "y");
    pb_text(&sub, 1, "called"); // no type
    pb_sub(&graph, 12, &sub);
    add_float_info(&graph, 13, "t_raw");
    add_float_info(&graph, 13, "t_raw"); // again
    add_float_info(&graph, 13, "t_float");
    type = rankless_type(); // an output again, in other words
    sub = (struct pb){0};
    pb_text(&sub, 1, "y");
    pb_sub(&sub, 2, &type);
    pb_sub(&graph, 13, &sub);
    pb_bytes(&graph, 14, "\x0a\x01x", 3); // a quantization annotation
    pb_text(&graph, 14, "");
    sub = sparse("t_sparse");
    pb_sub(&graph, 15, &sub);
    metadata(&graph, 16);
    unknown_field(&graph);
    return graph;
}

// ---- Model

static void add_opset(struct pb *pb, uint32_t field, const char *domain, int64_t version)
{
    struct pb opset = {0};

    if (domain != NULL) {
        pb_text(&opset, 1, domain);
    }
    pb_int(&opset, 2, version);
    unknown_field(&opset);
    pb_sub(pb, field, &opset);
}

static struct pb function(void)
{
    struct pb f = {0};
    struct pb node = node_of("Scale", "a", "b");
    struct pb a = {0};

    pb_text(&a, 1, "alpha");
    pb_int(&a, 20, MOPT_ATTR_INT);
    pb_text(&a, 21, "alpha");
    pb_sub(&node, 5, &a);
    pb_text(&node, 7, "ai.onnx");
    pb_text(&f, 1, "F");
    pb_text(&f, 4, "a");
    pb_text(&f, 5, "b");
    pb_text(&f, 6, "alpha");
    pb_sub(&f, 7, &node);
    pb_text(&f, 8, "doc of a function");
    add_opset(&f, 9, "", 17);
    pb_text(&f, 10, "my.domain");
    pb_text(&a, 1, "beta");
    pb_float(&a, 2, 2.0f);
    pb_int(&a, 20, MOPT_ATTR_FLOAT);
    pb_sub(&f, 11, &a);
    add_float_info(&f, 12, "b");
    pb_text(&f, 13, "v1");
    metadata(&f, 14);
    unknown_field(&f);
    return f;
}

struct pb full_model(void)
{
    struct pb model = {0};
    struct pb sub = full_graph();

    pb_int(&model, 1, 14);
    pb_text(&model, 2, "producer");
    pb_text(&model, 3, "");
    pb_text(&model, 4, "domain");
    pb_int(&model, 5, 0);
    pb_text(&model, 6, "doc of the model");
    pb_sub(&model, 7, &sub);
    add_opset(&model, 8, "", 21);
    add_opset(&model, 8, "my.domain", 3);
    metadata(&model, 14);
    pb_bytes(&model, 20, "\x1a\x00", 2); // training info
    sub = function();
    pb_sub(&model, 25, &sub);
    pb_bytes(&model, 26,
             "\x0a\x03"
             "gpu",
             5); // a device
    unknown_field(&model);
    return model;
}
