// SPDX-License-Identifier: Apache-2.0
// One node written as text and run on its own.
#include "node_call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- Inputs -------------------------------------------------------------------------------------

static enum mopt_dtype letter_type(char letter)
{
    static const char letters[] = "fhbdilcut";
    static const enum mopt_dtype types[] = {MOPT_FLOAT32, MOPT_FLOAT16, MOPT_BFLOAT16,
                                            MOPT_FLOAT64, MOPT_INT32,   MOPT_INT64,
                                            MOPT_INT8,    MOPT_UINT8,   MOPT_BOOL};
    const char *at = strchr(letters, letter);
    return at != NULL && letter != '\0' ? types[at - letters] : MOPT_UNDEFINED;
}

static const char *read_dims(const char *at, int *rank, int64_t *dims)
{
    *rank = 0;
    while (*at == ' ' || *at == '.' || (*at >= '0' && *at <= '9')) {
        if (*at == ' ' || *at == '.') {
            at++;
            continue;
        }
        char *end;
        dims[(*rank)++] = strtoll(at, &end, 10);
        at = end;
    }
    return at;
}

static void fill_values(struct mopt_tensor *t, const char *values, uint64_t seed)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, seed);
    const char *at = values;
    for (size_t i = 0; i < t->count; i++) {
        double value = mopt__dtype_is_float(t->dtype) ? mopt__rng_normal(&rng) : 0;
        if (values != NULL) {
            char *end;
            value = strtod(at, &end);
            at = *end == ',' ? end + 1 : values;
        }
        if (mopt__dtype_is_float(t->dtype)) {
            mopt__element_set_f64(t->dtype, mopt__tensor_data(t), i, value);
        } else {
            mopt__element_set_i64(t->dtype, mopt__tensor_data(t), i, (int64_t)value);
        }
    }
}

// Input number i from its text; returns the end of the text.
static const char *make_input(struct node_call *call, const char *at, uint32_t i)
{
    int64_t dims[MOPT_RANK_MAX];
    int rank;
    if (*at == '_') {
        return at + 1;
    }
    enum mopt_dtype dtype = letter_type(*at);
    at = read_dims(dtype != MOPT_UNDEFINED ? at + 1 : at, &rank, dims);
    dtype = dtype != MOPT_UNDEFINED ? dtype : MOPT_FLOAT32;
    struct mopt_tensor *t;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &t, &call->err), MOPT_OK);
    fill_values(t, *at == '=' ? at + 1 : NULL, 100 + i);
    assert_int_equal(mopt__datum_tensor(t, &call->inputs[i], &call->err), MOPT_OK);
    mopt__tensor_unref(t);
    return at + strcspn(at, ";");
}

static void make_inputs(struct node_call *call, const char *text)
{
    while (*text != '\0') {
        assert_true(call->input_count < CALL_INPUTS_MAX);
        text = make_input(call, text, call->input_count++);
        text += *text == ';' ? 1 : 0;
    }
}

// ---- Attributes ---------------------------------------------------------------------------------

// "[a,b]": strings, at most 8
static enum mopt_status set_strings(struct node_call *call, const char *name, char *list)
{
    struct mopt_string *strings = mopt__arena_alloc(&call->model->arena, 8, sizeof *strings);
    struct mopt_attribute attribute = {.name = mopt__model_intern(call->model, name, &call->err),
                                       .kind = MOPT_ATTR_STRINGS,
                                       .strings = strings};
    assert_non_null(strings);
    for (char *at = list + 1; *at != '\0' && *at != ']' && attribute.count < 8; at++) {
        size_t length = strcspn(at, ",]");
        char *data = mopt__arena_alloc(&call->model->arena, length + 1, 1);
        assert_non_null(data);
        memcpy(data, at, length);
        data[length] = '\0';
        strings[attribute.count++] = (struct mopt_string){.data = data, .size = length};
        at += *(at + length) == ',' ? length : length - 1;
    }
    return mopt__node_add_attribute(call->node, &attribute, &call->err);
}

static bool has_kind(const struct node_call *call, const char *name, enum mopt_attr_kind kind)
{
    const struct mopt_op *op = call->node->op;
    bool found = false;
    for (size_t i = 0; op != NULL && i < op->attribute_count; i++) {
        found =
            found || (strcmp(op->attributes[i].name, name) == 0 && op->attributes[i].kind == kind);
    }
    return found;
}

static enum mopt_status set_floats(struct node_call *call, const char *name, const char *value)
{
    float list[8];
    size_t count = 0;
    for (char *at; *value != '\0' && count < MOPT_COUNTOF(list); value = at + (*at == ',')) {
        list[count++] = strtof(value, &at);
    }
    assert_true(*value == '\0');
    return mopt__node_set_floats(call->node, name, list, count, &call->err);
}

static void set_attribute(struct node_call *call, const char *name, char *value)
{
    struct mopt_error *err = &call->err;
    enum mopt_status status;
    int64_t list[8];
    size_t count = 0;
    if (*value == '\'') {
        value[strlen(value) - 1] = '\0';
        status = mopt__node_set_string(call->node, name, value + 1, err);
    } else if (*value == '[') {
        status = set_strings(call, name, value);
    } else if (has_kind(call, name, MOPT_ATTR_FLOATS)) {
        status = set_floats(call, name, value);
    } else if (strchr(value, ',') != NULL || has_kind(call, name, MOPT_ATTR_INTS)) {
        for (char *at = value; *at != '\0' && count < 8; at += *at == ',' ? 1 : 0) {
            list[count++] = strtoll(at, &at, 10);
        }
        status = mopt__node_set_ints(call->node, name, list, count, err);
    } else if (strchr(value, '.') != NULL) {
        status = mopt__node_set_float(call->node, name, strtof(value, NULL), err);
    } else {
        status = mopt__node_set_int(call->node, name, strtoll(value, NULL, 10), err);
    }
    assert_int_equal(status, MOPT_OK);
}

static void set_attributes(struct node_call *call, const char *text)
{
    char word[128];
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        assert_true(length < sizeof word);
        memcpy(word, text, length);
        word[length] = '\0';
        char *equal = strchr(word, '=');
        assert_non_null(equal);
        *equal = '\0';
        set_attribute(call, word, equal + 1);
        text += length + strspn(text + length, " ");
    }
}

// ---- Running ------------------------------------------------------------------------------------

static void release_outputs(struct node_call *call)
{
    for (int i = 0; i < CALL_OUTPUTS_MAX; i++) {
        mopt__datum_unref(call->outputs[i]);
        call->outputs[i] = NULL;
    }
}

void call_again(struct node_call *call)
{
    release_outputs(call);
    mopt_error_clear(&call->err);
    call->status =
        mopt__eval_node(call->node, mopt__graph_opset(call->model->graph, call->node->domain),
                        call->inputs, call->outputs, NULL, &call->err);
}

struct node_call call_node(const char *op, const char *inputs, const char *attributes,
                           uint32_t outputs)
{
    struct node_call call = {.input_count = 0};
    struct mopt_value *values[CALL_INPUTS_MAX] = {NULL};
    bool contrib = strncmp(op, "ms.", 3) == 0;
    bool learned = strncmp(op, "ml.", 3) == 0;
    const char *domain = contrib ? "com.microsoft" : learned ? "ai.onnx.ml" : "";
    mopt_error_clear(&call.err);
    assert_int_equal(mopt__model_new(&call.model, &call.err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(call.model, "", 28, &call.err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(call.model, "com.microsoft", 1, &call.err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(call.model, "ai.onnx.ml", 3, &call.err), MOPT_OK);
    struct mopt_graph *graph = call.model->graph;
    make_inputs(&call, inputs);
    for (uint32_t i = 0; i < call.input_count; i++) {
        if (call.inputs[i] != NULL) {
            values[i] = mopt__value_fresh(graph, "x", &call.err);
            assert_int_equal(mopt__graph_add_input(graph, values[i], &call.err), MOPT_OK);
        }
    }
    call.node = mopt__op_node(graph, NULL, contrib || learned ? op + 3 : op, domain, values,
                              call.input_count, outputs, &call.err);
    assert_non_null(call.node);
    assert_non_null(call.node->op);
    for (uint32_t i = 0; i < outputs; i++) {
        mopt__node_set_output(call.node, i, mopt__value_fresh(graph, "y", &call.err));
    }
    set_attributes(&call, attributes);
    call_again(&call);
    return call;
}

void call_fill(struct node_call *call, uint32_t i, const struct mopt_tensor *source, size_t from)
{
    struct mopt_tensor *t = call->inputs[i]->tensor;
    assert_true(from + t->count <= source->count);
    for (size_t k = 0; k < t->count; k++) {
        mopt__element_set_f64(t->dtype, mopt__tensor_data(t), k,
                              mopt__tensor_f64(source, from + k));
    }
}

void call_release(struct node_call *call)
{
    release_outputs(call);
    for (uint32_t i = 0; i < call->input_count; i++) {
        mopt__datum_unref(call->inputs[i]);
    }
    mopt__model_free(call->model);
}

const struct mopt_tensor *call_input(const struct node_call *call, uint32_t i)
{
    assert_non_null(call->inputs[i]);
    return call->inputs[i]->tensor;
}

const struct mopt_tensor *call_output(const struct node_call *call, uint32_t i)
{
    if (call->status != MOPT_OK) {
        fail_msg("%s", call->err.text);
    }
    assert_non_null(call->outputs[i]);
    return call->outputs[i]->tensor;
}

void assert_near(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        double x = mopt__tensor_f64(a, i);
        double y = mopt__tensor_f64(b, i);
        if (!(fabs(x - y) <= 1e-5 * (1 + fabs(y)))) {
            fail_msg("element %zu is %g, not %g", i, x, y);
        }
    }
}

void assert_refused(const struct node_call *call, enum mopt_status status, const char *text)
{
    if (call->status != status || strstr(call->err.text, text) == NULL) {
        fail_msg("status %d '%s', not %d '%s'", (int)call->status, call->err.text, (int)status,
                 text);
    }
}
