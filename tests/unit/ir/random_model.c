// SPDX-License-Identifier: Apache-2.0
// Random models for the text form: every element type, container, attribute kind, odd names,
// sub-graphs, functions.
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "graph_support.h"

struct maker {
    struct mopt_model *model;
    struct mopt_rng rng;
    struct mopt_error err;
};

static uint64_t below(struct maker *maker, uint64_t bound)
{
    return mopt__rng_below(&maker->rng, bound);
}

static bool chance(struct maker *maker, uint64_t percent)
{
    return below(maker, 100) < percent;
}

static const char *text_of(struct maker *maker)
{
    static const char *const texts[] = {"plain",
                                        "with space",
                                        "quote\"back\\slash",
                                        "new\nline\ttab",
                                        "/layer1/conv/Conv_output_0",
                                        "123",
                                        "",
                                        "_",
                                        "float",
                                        "graph",
                                        "a.b.c",
                                        "\xc3\xa4\xe2\x82\xac",
                                        "\x01\x7f\xff",
                                        "raw"};
    return texts[below(maker, MOPT_COUNTOF(texts))];
}

static const char *keep(struct maker *maker, const char *text)
{
    const char *kept = mopt__model_intern(maker->model, text, &maker->err);
    assert_non_null(kept);
    return kept;
}

static struct mopt_value *make_value(struct maker *maker, struct mopt_graph *graph)
{
    struct mopt_value *value = mopt__value_fresh(graph, text_of(maker), &maker->err);
    assert_non_null(value);
    return value;
}

static const struct mopt_property *make_metadata(struct maker *maker, size_t count)
{
    struct mopt_property *list = mopt__arena_alloc(&maker->model->arena, count, sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        list[i].key = text_of(maker);
        list[i].value = text_of(maker);
    }
    return list;
}

// ---- Types

static int64_t make_dim(struct maker *maker)
{
    struct mopt_dims *dims = maker->model->dims;
    int64_t n = mopt__dim_named(dims, "n"), m = mopt__dim_named(dims, "m");
    switch (below(maker, 9)) {
    case 0:
        return MOPT_DIM_UNKNOWN;
    case 1:
        return n;
    case 2:
        return mopt__dim_named(dims, "past length + 1");
    case 3:
        return mopt__dim_fresh(dims);
    case 4:
        return mopt__dim_add(dims, mopt__dim_mul(dims, 2, n), 1);
    case 5:
        return mopt__dim_floordiv(dims, mopt__dim_sub(dims, m, n), 2);
    case 6:
        return mopt__dim_max(dims, mopt__dim_mul(dims, n, m), 4);
    default:
        return (int64_t)below(maker, 5);
    }
}

static enum mopt_dtype make_dtype(struct maker *maker)
{
    return (enum mopt_dtype)(1 + below(maker, MOPT_DTYPE_COUNT - 1));
}

static const struct mopt_type *make_type(struct maker *maker, int depth)
{
    struct mopt_type type = {.kind = MOPT_TYPE_TENSOR, .rank = -1};
    int64_t dims[4];
    uint64_t choice = depth > 3 ? 0 : below(maker, 9);
    if (choice < 5) {
        int rank = (int)below(maker, 6) - 1;
        for (int i = 0; i < rank; i++) {
            dims[i] = make_dim(maker);
        }
        const struct mopt_type *made =
            mopt__type_tensor(&maker->model->arena, make_dtype(maker), rank, dims);
        assert_non_null(made);
        return made;
    }
    if (choice == 5) {
        type = *make_type(maker, 4);
        type.kind = MOPT_TYPE_SPARSE_TENSOR;
    } else {
        type.kind = choice == 6   ? MOPT_TYPE_SEQUENCE
                    : choice == 7 ? MOPT_TYPE_OPTIONAL
                                  : MOPT_TYPE_MAP;
        type.dtype = choice == 8 ? MOPT_INT64 : MOPT_UNDEFINED;
        type.element = chance(maker, 90) ? make_type(maker, depth + 1) : NULL;
    }
    struct mopt_type *made = mopt__arena_alloc(&maker->model->arena, 1, sizeof *made);
    assert_non_null(made);
    *made = type;
    return made;
}

static void describe(struct maker *maker, struct mopt_value *value)
{
    if (chance(maker, 70)) {
        value->declared = make_type(maker, 0);
        value->type = value->declared;
    }
    if (chance(maker, 20)) {
        struct mopt_value_meta *meta = mopt__arena_alloc(&maker->model->arena, 1, sizeof *meta);
        assert_non_null(meta);
        meta->doc = text_of(maker);
        meta->metadata = make_metadata(maker, 2);
        meta->metadata_count = 2;
        value->meta = meta;
    }
}

// ---- Tensors

static void fill_tensor(struct maker *maker, struct mopt_tensor *tensor)
{
    if (tensor->dtype == MOPT_STRING) {
        for (size_t i = 0; i < tensor->count; i++) {
            const char *text = text_of(maker);
            assert_int_equal(mopt__tensor_set_string(tensor, i, text, strlen(text), &maker->err),
                             MOPT_OK);
        }
        return;
    }
    uint8_t *data = mopt__tensor_data(tensor);
    unsigned bits = mopt__dtype_bits(tensor->dtype);
    for (size_t i = 0; i < tensor->bytes; i++) {
        data[i] = (uint8_t)below(maker, 256);
    }
    size_t used = tensor->count * bits % 8;
    if (bits < 8 && used > 0) { // bits behind the last element are zero
        data[tensor->bytes - 1] &= (uint8_t)((1U << used) - 1);
    }
    if (tensor->dtype == MOPT_BOOL && chance(maker, 80)) {
        for (size_t i = 0; i < tensor->bytes; i++) {
            data[i] &= 1;
        }
    }
}

static struct mopt_tensor *make_tensor(struct maker *maker, enum mopt_dtype dtype)
{
    struct mopt_tensor *tensor;
    int64_t dims[3];
    int rank = (int)below(maker, 4);
    for (int i = 0; i < rank; i++) {
        dims[i] = (int64_t)below(maker, 4);
    }
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &maker->err), MOPT_OK);
    fill_tensor(maker, tensor);
    return tensor;
}

static struct mopt_sparse *make_sparse(struct maker *maker)
{
    struct mopt_tensor *values, *indices;
    struct mopt_sparse *sparse;
    int64_t count = 2, dims[2] = {3, 4}, at[2] = {1, 7};
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 1, &count, &values, &maker->err), MOPT_OK);
    fill_tensor(maker, values);
    assert_int_equal(mopt__tensor_i64(at, 1, &count, &indices, &maker->err), MOPT_OK);
    assert_int_equal(mopt__sparse_new(values, indices, 2, dims, &sparse, &maker->err), MOPT_OK);
    mopt__tensor_unref(values);
    mopt__tensor_unref(indices);
    return sparse;
}

static void make_initializers(struct maker *maker, struct mopt_graph *graph)
{
    uint64_t count = below(maker, 4);
    for (uint64_t i = 0; i < count; i++) {
        struct mopt_tensor *tensor = make_tensor(maker, make_dtype(maker));
        struct mopt_value *value = make_value(maker, graph);
        assert_int_equal(mopt__graph_add_initializer(graph, value, tensor, &maker->err), MOPT_OK);
        mopt__tensor_unref(tensor);
    }
    if (chance(maker, 30)) {
        struct mopt_sparse *sparse = make_sparse(maker);
        struct mopt_value *value = make_value(maker, graph);
        assert_int_equal(mopt__graph_add_sparse_initializer(graph, value, sparse, &maker->err),
                         MOPT_OK);
        mopt__sparse_unref(sparse);
    }
}

// ---- Attributes

static void make_graph(struct maker *maker, struct mopt_graph *graph, int depth);

static struct mopt_graph *make_subgraph(struct maker *maker, struct mopt_node *owner, int depth)
{
    struct mopt_graph *graph = mopt__graph_new(maker->model, owner->graph, &maker->err);
    assert_non_null(graph);
    make_graph(maker, graph, depth + 1);
    return graph;
}

static float make_float(struct maker *maker)
{
    uint32_t bits = (uint32_t)mopt__rng_u64(&maker->rng);
    float value;
    memcpy(&value, &bits, sizeof value);
    return chance(maker, 50) ? value : (float)below(maker, 10);
}

static struct mopt_string make_string(struct maker *maker)
{
    const char *text = text_of(maker);
    return (struct mopt_string){.data = text, .size = strlen(text)};
}

static void *allocate(struct maker *maker, size_t count, size_t size)
{
    void *memory = mopt__arena_alloc(&maker->model->arena, count, size);
    assert_non_null(memory);
    return memory;
}

static void make_array(struct maker *maker, struct mopt_node *node, struct mopt_attribute *out,
                       int depth)
{
    size_t count = out->count = (size_t)below(maker, 4);
    int64_t *ints = allocate(maker, count, sizeof *ints);
    float *floats = allocate(maker, count, sizeof *floats);
    struct mopt_string *strings = allocate(maker, count, sizeof *strings);
    out->tensors = allocate(maker, count, sizeof(struct mopt_tensor *));
    out->graphs = allocate(maker, count, sizeof(struct mopt_graph *));
    out->sparses = allocate(maker, count, sizeof(struct mopt_sparse *));
    out->types = allocate(maker, count, sizeof(const struct mopt_type *));
    for (size_t i = 0; i < count; i++) {
        ints[i] = (int64_t)mopt__rng_u64(&maker->rng);
        floats[i] = make_float(maker);
        strings[i] = make_string(maker);
        if (out->kind == MOPT_ATTR_TENSORS) {
            out->tensors[i] = make_tensor(maker, make_dtype(maker));
        } else if (out->kind == MOPT_ATTR_SPARSE_TENSORS) {
            out->sparses[i] = make_sparse(maker);
        } else if (out->kind == MOPT_ATTR_GRAPHS) {
            out->graphs[i] = make_subgraph(maker, node, depth);
        } else if (out->kind == MOPT_ATTR_TYPES) {
            out->types[i] = make_type(maker, 0);
        }
    }
    out->ints = ints;
    out->floats = floats;
    out->strings = strings;
}

static void make_content(struct maker *maker, struct mopt_node *node, struct mopt_attribute *out,
                         int depth)
{
    switch (out->kind) {
    case MOPT_ATTR_FLOAT:
        out->f = make_float(maker);
        break;
    case MOPT_ATTR_INT:
        out->i = (int64_t)mopt__rng_u64(&maker->rng);
        break;
    case MOPT_ATTR_STRING:
        out->s = make_string(maker);
        break;
    case MOPT_ATTR_TENSOR:
        out->t = make_tensor(maker, make_dtype(maker));
        break;
    case MOPT_ATTR_GRAPH:
        out->g = make_subgraph(maker, node, depth);
        break;
    case MOPT_ATTR_SPARSE_TENSOR:
        out->sparse = make_sparse(maker);
        break;
    case MOPT_ATTR_TYPE:
        out->type = make_type(maker, 0);
        break;
    case MOPT_ATTR_UNDEFINED:
        break;
    default:
        make_array(maker, node, out, depth);
        break;
    }
}

static void make_attribute(struct maker *maker, struct mopt_node *node, int number, int depth)
{
    char name[40];
    struct mopt_attribute attribute = {.kind = (enum mopt_attr_kind)below(maker, 15)};
    bool graph = attribute.kind == MOPT_ATTR_GRAPH || attribute.kind == MOPT_ATTR_GRAPHS;
    if (graph && depth >= 3) {
        return;
    }
    (void)snprintf(name, sizeof name, "%s%d", text_of(maker), number);
    attribute.name = keep(maker, name);
    attribute.doc = chance(maker, 20) ? text_of(maker) : NULL;
    if (chance(maker, 10)) {
        attribute.ref_name = "alpha";
    } else {
        make_content(maker, node, &attribute, depth);
    }
    assert_int_equal(mopt__node_add_attribute(node, &attribute, &maker->err), MOPT_OK);
}

// ---- Nodes and graphs

static struct mopt_value *any_value(struct maker *maker, struct mopt_graph *graph)
{
    for (; graph != NULL;
         graph = chance(maker, 40) || graph->parent == NULL ? NULL : graph->parent) {
        struct mopt_map_entry *entry;
        uint64_t wanted = below(maker, graph->names.live + 1);
        for (size_t i = 0; (entry = mopt__map_next(&graph->names, &i)) != NULL;) {
            if (wanted-- == 0) {
                return entry->value;
            }
        }
    }
    return NULL;
}

static void make_node(struct maker *maker, struct mopt_graph *graph, int depth)
{
    static const char *const domains[] = {"", "com.microsoft", "odd domain", "my.domain"};
    uint32_t inputs = (uint32_t)below(maker, 4), outputs = (uint32_t)below(maker, 3);
    struct mopt_value *from[4];
    for (uint32_t i = 0; i < inputs; i++) { // before outputs exist: no cycles
        from[i] = any_value(maker, graph);
    }
    const char *op = chance(maker, 10) ? "odd op" : chance(maker, 20) ? "F" : "Add";
    struct mopt_node *node =
        mopt__node_new(graph, NULL, op, domains[below(maker, 4)], inputs, outputs, &maker->err);
    assert_non_null(node);
    for (uint32_t i = 0; i < inputs; i++) {
        mopt__node_set_input(node, i, from[i]);
    }
    int attributes = (int)below(maker, 4);
    for (int i = 0; i < attributes; i++) {
        make_attribute(maker, node, i, depth);
    }
    for (uint32_t i = 0; i < outputs; i++) {
        if (chance(maker, 90)) {
            struct mopt_value *value = make_value(maker, graph);
            mopt__node_set_output(node, i, value);
            describe(maker, value);
        }
    }
    node->name = chance(maker, 50) ? text_of(maker) : NULL;
    node->overload = chance(maker, 10) ? text_of(maker) : NULL;
    node->doc = chance(maker, 20) ? text_of(maker) : NULL;
    node->metadata_count = chance(maker, 20) ? 1 : 0;
    node->metadata = make_metadata(maker, 1);
}

static void make_graph(struct maker *maker, struct mopt_graph *graph, int depth)
{
    uint64_t inputs = below(maker, 3), nodes = below(maker, depth == 0 ? 8 : 3);
    for (uint64_t i = 0; i < inputs; i++) {
        struct mopt_value *value = make_value(maker, graph);
        assert_int_equal(mopt__graph_add_input(graph, value, &maker->err), MOPT_OK);
        describe(maker, value);
    }
    make_initializers(maker, graph);
    for (uint64_t i = 0; i < nodes; i++) {
        make_node(maker, graph, depth);
    }
    for (uint64_t i = below(maker, 3); i > 0; i--) {
        struct mopt_value *value = any_value(maker, graph);
        if (value != NULL) {
            assert_int_equal(mopt__graph_add_output(graph, value, &maker->err), MOPT_OK);
        }
    }
    graph->name = chance(maker, 50) ? text_of(maker) : NULL;
    graph->doc = chance(maker, 20) ? text_of(maker) : NULL;
}

static void make_function(struct maker *maker)
{
    struct mopt_model *model = maker->model;
    struct mopt_function *function = allocate(maker, 1, sizeof *function);
    function->body = mopt__graph_new(model, NULL, &maker->err);
    assert_non_null(function->body);
    function->body->function = function;
    function->name = keep(maker, "F");
    function->domain = keep(maker, "my.domain");
    const char **names = allocate(maker, 1, sizeof(const char *));
    names[0] = keep(maker, "alpha");
    function->attribute_names = names;
    function->attribute_name_count = 1;
    function->attribute_defaults = allocate(maker, 1, sizeof *function->attribute_defaults);
    function->attribute_defaults[0] = (struct mopt_attribute){.name = keep(maker, "beta"),
                                                              .kind = MOPT_ATTR_TENSOR,
                                                              .t = make_tensor(maker, MOPT_INT32)};
    function->attribute_default_count = 1;
    assert_int_equal(mopt__grow((void **)&model->functions, &model->function_capacity, 1,
                                sizeof(struct mopt_function *), &maker->err),
                     MOPT_OK);
    model->functions[model->function_count++] = function;
    struct mopt_opset_list *opsets = &function->opsets;
    assert_int_equal(mopt__grow((void **)&opsets->items, &opsets->capacity, 1,
                                sizeof *opsets->items, &maker->err),
                     MOPT_OK);
    opsets->items[opsets->count++] = (struct mopt_opset){.domain = keep(maker, ""), .version = 17};
    make_graph(maker, function->body, 1);
}

struct mopt_model *support_random_model(uint64_t seed)
{
    struct maker maker = {.model = support_model()};
    struct mopt_model *model = maker.model;
    mopt__rng_init(&maker.rng, seed);
    model->has_ir_version = chance(&maker, 80);
    model->has_model_version = chance(&maker, 50);
    model->model_version = -3;
    model->producer_name = chance(&maker, 50) ? text_of(&maker) : NULL;
    model->producer_version = chance(&maker, 50) ? text_of(&maker) : NULL;
    model->domain = chance(&maker, 50) ? text_of(&maker) : NULL;
    model->doc = chance(&maker, 50) ? text_of(&maker) : NULL;
    model->metadata = make_metadata(&maker, 2);
    model->metadata_count = (size_t)below(&maker, 3);
    assert_int_equal(mopt__model_set_opset(model, "", 13, &maker.err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(model, "com.microsoft", 1, &maker.err), MOPT_OK);
    make_graph(&maker, model->graph, 0);
    if (chance(&maker, 40)) {
        make_function(&maker);
    }
    return model;
}
