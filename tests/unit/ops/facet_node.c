// SPDX-License-Identifier: Apache-2.0
// See facet_node.h.
#include "facet_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTAINERS = MOPT_PARAM_SEQUENCE | MOPT_PARAM_OPTIONAL_TYPE };

static int64_t pick(struct facet *facet, const int64_t *values, size_t count)
{
    return values[mopt__rng_below(&facet->rng, count)];
}

static bool chance(struct facet *facet, uint64_t percent)
{
    return mopt__rng_below(&facet->rng, 100) < percent;
}

// Mostly small numbers, sometimes those at which careless arithmetic overflows.
int64_t facet_some_int(struct facet *facet)
{
    static const int64_t small[] = {0, 1, 1, 2, 3, -1, -2, -3, 4};
    static const int64_t wild[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, INT32_MAX, INT32_MIN};
    return chance(facet, 96) ? pick(facet, small, MOPT_COUNTOF(small))
                             : pick(facet, wild, MOPT_COUNTOF(wild));
}

enum mopt_dtype facet_some_dtype(struct facet *facet, uint64_t set)
{
    enum mopt_dtype dtype = (enum mopt_dtype)(1 + mopt__rng_below(&facet->rng, FACET_DTYPES));
    for (int tries = 0; tries < 64 && (set & MOPT_DT(dtype)) == 0; tries++) {
        dtype = (enum mopt_dtype)(1 + mopt__rng_below(&facet->rng, FACET_DTYPES));
    }
    while ((set & MOPT_DT(dtype)) == 0) {
        dtype = (enum mopt_dtype)(dtype % FACET_DTYPES + 1);
    }
    return dtype;
}

static enum mopt_dtype variable_dtype(struct facet *facet, const struct mopt_param *param)
{
    for (size_t i = 0; i < facet->variable_count; i++) {
        if (strcmp(facet->variables[i], param->type) == 0 &&
            (param->flags & MOPT_PARAM_HETEROGENEOUS) == 0) {
            return facet->dtypes[i];
        }
    }
    enum mopt_dtype dtype = facet_some_dtype(facet, param->dtypes);
    if (facet->variable_count < FACET_INPUTS_MAX) {
        facet->variables[facet->variable_count] = param->type;
        facet->dtypes[facet->variable_count++] = dtype;
    }
    return dtype;
}

// ---- Contents -----------------------------------------------------------------------------------

static void set_text(struct mopt_tensor *tensor, size_t i, const char *text)
{
    struct mopt_error err;
    assert_int_equal(mopt__tensor_set_string(tensor, i, text, strlen(text), &err), MOPT_OK);
}

static void fill(struct facet *facet, struct mopt_tensor *tensor)
{
    static const char *const texts[] = {"", "a", "1.5", "B c", "-7"};
    void *data = mopt__tensor_data(tensor);
    memset(data, 0, tensor->bytes);
    for (size_t i = 0; i < tensor->count; i++) {
        if (tensor->dtype == MOPT_STRING) {
            set_text(tensor, i, texts[mopt__rng_below(&facet->rng, MOPT_COUNTOF(texts))]);
        } else if (mopt__dtype_is_float(tensor->dtype)) {
            double value = (double)(int64_t)mopt__rng_below(&facet->rng, 17) / 4 - 2;
            mopt__element_set_f64(tensor->dtype, data, i, value);
        } else if (tensor->dtype == MOPT_INT64) {
            ((int64_t *)data)[i] = facet_some_int(facet);
        } else if (tensor->dtype == MOPT_COMPLEX64) {
            ((float *)data)[2 * i] = (float)i - 1;
        } else if (tensor->dtype == MOPT_COMPLEX128) {
            ((double *)data)[2 * i + 1] = (double)i - 1;
        } else {
            mopt__element_set_i64(tensor->dtype, data, i,
                                  tensor->dtype == MOPT_BOOL ? (int64_t)(i & 1) : (int64_t)(i % 3));
        }
    }
}

struct mopt_tensor *facet_some_tensor(struct facet *facet, enum mopt_dtype dtype, int rank,
                                      const int64_t *dims)
{
    struct mopt_tensor *tensor;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &err), MOPT_OK);
    fill(facet, tensor);
    return tensor;
}

static void some_shape(struct facet *facet, uint32_t input, int *rank, int64_t dims[FACET_RANK_MAX])
{
    static const int64_t sizes[] = {0, 1, 1, 2, 2, 3, 3, 4};
    if (input > 0 && chance(facet, 45)) { // like the first input, or made to broadcast with it
        *rank = facet->rank;
        memcpy(dims, facet->dims, sizeof facet->dims);
        if (chance(facet, 30) && *rank > 0) {
            dims[mopt__rng_below(&facet->rng, (uint64_t)*rank)] = 1;
        }
        return;
    }
    *rank = (int)mopt__rng_below(&facet->rng, chance(facet, 20) ? FACET_RANK_MAX + 1 : 5);
    if (input > 0 && chance(facet, 60)) {
        *rank = (int)mopt__rng_below(&facet->rng, 2);
    }
    for (int k = 0; k < *rank; k++) {
        dims[k] = pick(facet, sizes, MOPT_COUNTOF(sizes));
    }
}

// ---- Hints --------------------------------------------------------------------------------------

static int64_t letter(struct facet *facet, char c)
{
    static const int64_t sizes[] = {1, 1, 2, 2, 2, 3, 3, 4, 5};
    int64_t *size = &facet->letters[c - 'a'];
    if (*size < 0) {
        *size = chance(facet, 4) ? 0 : pick(facet, sizes, MOPT_COUNTOF(sizes));
    }
    return *size;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

// Reads "3", "-1", "h" or "4h"; false when nothing of that kind stands there.
static bool read_size(struct facet *facet, const char **at, int64_t *size)
{
    char *end;
    int64_t factor = strtoll(*at, &end, 10);
    bool digits = end != *at;
    *at = end;
    if (is_letter(**at) && !is_letter((*at)[1])) {
        *size = (digits ? factor : 1) * letter(facet, *(*at)++);
        return true;
    }
    *size = factor;
    return digits;
}

static void put_number(struct mopt_tensor *tensor, size_t i, double value)
{
    void *data = mopt__tensor_data(tensor);
    if (mopt__dtype_is_float(tensor->dtype)) {
        mopt__element_set_f64(tensor->dtype, data, i, value);
    } else if (tensor->dtype == MOPT_BOOL || mopt__dtype_is_integer(tensor->dtype)) {
        mopt__element_set_i64(tensor->dtype, data, i, (int64_t)value);
    }
}

// Numbers of a list apart by ','; the text may end with ';', ' ' or its end.
size_t facet_read_numbers(struct facet *facet, const char *at, double *values, size_t max)
{
    size_t count = 0;
    while (count < max && *at != '\0' && *at != ';' && *at != ' ') {
        const char *word = at;
        int64_t whole;
        bool size = read_size(facet, &at, &whole);
        values[count] = (double)whole;
        if (!size || *at == '.' || *at == 'e') {
            char *end;
            values[count] = strtod(word, &end);
            if (end == word) {
                return 0;
            }
            at = end;
        }
        count++;
        at += *at == ',' ? 1 : 0;
    }
    return count;
}

// The part of a hint behind the dims: "=1,2", ":0..3" or ":<n".
static void fill_as_told(struct facet *facet, const char *at, struct mopt_tensor *tensor)
{
    double values[32];
    int64_t low = 0, high = 0;
    if (*at == '=') {
        size_t count = facet_read_numbers(facet, at + 1, values, MOPT_COUNTOF(values));
        for (size_t i = 0; count > 0 && i < tensor->count; i++) {
            put_number(tensor, i, values[i % count]);
        }
        return;
    }
    if (*at != ':') {
        return;
    }
    at++;
    if (*at == '<') {
        at++;
        (void)read_size(facet, &at, &high);
        high--;
    } else {
        (void)read_size(facet, &at, &low);
        at += 2;
        (void)read_size(facet, &at, &high);
    }
    for (size_t i = 0; i < tensor->count && high >= low; i++) {
        uint64_t span = (uint64_t)(high - low) + 1;
        put_number(tensor, i, (double)(low + (int64_t)mopt__rng_below(&facet->rng, span)));
    }
}

// Part `i` of a hint's inputs; NULL when it has fewer.
static const char *segment(const struct facet_hint *hint, uint32_t i)
{
    const char *at = hint != NULL ? hint->inputs : NULL;
    for (; at != NULL && i > 0; i--) {
        at = strchr(at, ';');
        at = at != NULL ? at + 1 : NULL;
    }
    return at;
}

static struct mopt_tensor *told_tensor(struct facet *facet, enum mopt_dtype dtype, const char *at,
                                       int *rank, int64_t dims[FACET_RANK_MAX])
{
    *rank = 0;
    at += *at == '.' ? 1 : 0;
    while (*rank < FACET_RANK_MAX && *at != '\0' && strchr(";:=", *at) == NULL) {
        assert_true(read_size(facet, &at, &dims[*rank]));
        (*rank)++;
        at += *at == ' ' ? 1 : 0;
    }
    struct mopt_tensor *tensor = facet_some_tensor(facet, dtype, *rank, dims);
    fill_as_told(facet, at, tensor);
    return tensor;
}

// ---- Inputs -------------------------------------------------------------------------------------

// A sequence of up to three tensors, or an optional value with or without one.
static struct mopt_value *some_container(struct facet *facet, uint32_t i, enum mopt_dtype dtype,
                                         bool sequence)
{
    struct mopt_error err;
    struct mopt_datum *items[3] = {NULL};
    int64_t dims[FACET_RANK_MAX];
    int rank;
    size_t count = mopt__rng_below(&facet->rng, sequence ? 4 : 2);
    some_shape(facet, 1, &rank, dims);
    for (size_t k = 0; k < count; k++) {
        struct mopt_tensor *tensor = facet_some_tensor(facet, dtype, rank, dims);
        assert_int_equal(mopt__datum_tensor(tensor, &items[k], &err), MOPT_OK);
        mopt__tensor_unref(tensor);
    }
    assert_int_equal(mopt__datum_list(sequence ? MOPT_DATUM_SEQUENCE : MOPT_DATUM_OPTIONAL, dtype,
                                      items, count, &facet->inputs[i], &err),
                     MOPT_OK);
    for (size_t k = 0; k < count; k++) {
        mopt__datum_unref(items[k]);
    }
    struct mopt_arena *arena = &facet->model->arena;
    struct mopt_value *value = mopt__value_fresh(facet->model->graph, "x", &err);
    assert_non_null(value);
    value->type = mopt__type_container(arena, sequence ? MOPT_TYPE_SEQUENCE : MOPT_TYPE_OPTIONAL,
                                       mopt__type_tensor(arena, dtype, -1, NULL));
    assert_int_equal(mopt__graph_add_input(facet->model->graph, value, &err), MOPT_OK);
    return value;
}

static struct mopt_value *tensor_value(struct facet *facet, uint32_t i, struct mopt_tensor *tensor)
{
    struct mopt_error err;
    struct mopt_graph *graph = facet->model->graph;
    assert_int_equal(mopt__datum_tensor(tensor, &facet->inputs[i], &err), MOPT_OK);
    struct mopt_value *value = mopt__value_fresh(graph, "x", &err);
    assert_non_null(value);
    if (chance(facet, 50)) {
        assert_int_equal(mopt__graph_add_initializer(graph, value, tensor, &err), MOPT_OK);
    } else {
        value->type =
            mopt__type_tensor(&facet->model->arena, tensor->dtype, tensor->rank, tensor->dims);
        assert_int_equal(mopt__graph_add_input(graph, value, &err), MOPT_OK);
    }
    mopt__tensor_unref(tensor);
    return value;
}

static struct mopt_value *some_input(struct facet *facet, const struct facet_hint *hint, uint32_t i)
{
    const struct mopt_param *param = mopt__op_input(facet->op, i);
    const char *told = segment(hint, i);
    bool optional = (param->flags & MOPT_PARAM_OPTIONAL) != 0;
    if (optional && (told != NULL ? *told == '_' : hint != NULL || chance(facet, 40))) {
        return NULL;
    }
    enum mopt_dtype dtype = variable_dtype(facet, param);
    bool sequence = (param->flags & MOPT_PARAM_SEQUENCE) != 0;
    if (sequence || ((param->flags & CONTAINERS) != 0 && chance(facet, 60))) {
        return some_container(facet, i, dtype, sequence || chance(facet, 30));
    }
    int rank;
    int64_t dims[FACET_RANK_MAX] = {0};
    struct mopt_tensor *tensor;
    if (told != NULL && strchr("?_", *told) == NULL) {
        tensor = told_tensor(facet, dtype, told, &rank, dims);
    } else {
        some_shape(facet, i, &rank, dims);
        tensor = facet_some_tensor(facet, dtype, rank, dims);
    }
    if (i == 0) {
        facet->rank = rank;
        memcpy(facet->dims, dims, sizeof dims);
    }
    return tensor_value(facet, i, tensor);
}

// ---- Nodes --------------------------------------------------------------------------------------

bool facet_can_build(const struct mopt_op *op)
{
    for (unsigned i = 0; i < op->input_count; i++) {
        if ((op->inputs[i].flags & MOPT_PARAM_MAP) != 0) {
            return false;
        }
    }
    // The one that differentiates what stands before it: test_gradient.c.
    if (strcmp(op->name, "Gradient") == 0) {
        return false;
    }
    return (op->traits & MOPT_TRAIT_CONTROL) == 0 && op->input_count <= FACET_INPUTS_MAX &&
           op->output_count <= FACET_OUTPUTS_MAX;
}

uint64_t facet_seed(const struct mopt_op *op)
{
    uint64_t hash = (uint64_t)op->since;
    for (const char *at = op->domain; *at != '\0'; at++) {
        hash = mopt__hash_mix(hash, (uint64_t)(unsigned char)*at);
    }
    for (const char *at = op->name; *at != '\0'; at++) {
        hash = mopt__hash_mix(hash, (uint64_t)(unsigned char)*at);
    }
    return hash >> 1; // room to count up from it
}

static uint32_t some_input_count(struct facet *facet, const struct facet_hint *hint)
{
    const struct mopt_op *op = facet->op;
    uint32_t count = op->input_count;
    bool variadic = count > 0 && (op->inputs[count - 1].flags & MOPT_PARAM_VARIADIC) != 0;
    if (hint != NULL && variadic) {
        count = 1;
        for (const char *at = hint->inputs; *at != '\0'; at++) {
            count += *at == ';' ? 1 : 0;
        }
    } else if (variadic) {
        count += (uint32_t)mopt__rng_below(&facet->rng, 3);
    }
    return count > FACET_INPUTS_MAX ? FACET_INPUTS_MAX : count;
}

// Optional results are left off now and then; variadic ones are one to three.
static uint32_t some_output_count(struct facet *facet)
{
    const struct mopt_op *op = facet->op;
    uint32_t count = op->output_count;
    if (count > 0 && (op->outputs[count - 1].flags & MOPT_PARAM_VARIADIC) != 0) {
        count += (uint32_t)mopt__rng_below(&facet->rng, 3);
        return count > FACET_OUTPUTS_MAX ? FACET_OUTPUTS_MAX : count;
    }
    while (count > 1 && (op->outputs[count - 1].flags & MOPT_PARAM_OPTIONAL) != 0 &&
           chance(facet, 40)) {
        count--;
    }
    return count;
}

static void build_model(struct facet *facet)
{
    struct mopt_error err;
    const struct mopt_op *op = facet->op;
    mopt_error_clear(&err);
    assert_int_equal(mopt__model_new(&facet->model, &err), MOPT_OK);
    int version = op->until != 0 && chance(facet, 50) ? op->until : op->since;
    assert_int_equal(mopt__model_set_opset(facet->model, op->domain, version, &err), MOPT_OK);
}

void facet_build(struct facet *facet, const struct mopt_op *op, uint64_t seed)
{
    struct mopt_error err;
    struct mopt_value *inputs[FACET_INPUTS_MAX] = {NULL};
    size_t hint_count;
    *facet = (struct facet){.op = op};
    memset(facet->letters, -1, sizeof facet->letters);
    mopt__rng_init(&facet->rng, seed);
    mopt_error_clear(&err);
    const struct facet_hint *hint = facet_hints(op->name, &hint_count);
    if (hint != NULL) {
        hint = chance(facet, 85) ? hint + mopt__rng_below(&facet->rng, hint_count) : NULL;
    }
    build_model(facet);
    facet->input_count = some_input_count(facet, hint);
    for (uint32_t i = 0; i < facet->input_count; i++) {
        inputs[i] = some_input(facet, hint, i);
    }
    uint32_t outputs = some_output_count(facet);
    facet->node = mopt__op_node(facet->model->graph, NULL, op->name, op->domain, inputs,
                                facet->input_count, outputs, &err);
    assert_non_null(facet->node);
    assert_ptr_equal(facet->node->op, op);
    for (uint32_t i = 0; i < outputs; i++) {
        mopt__node_set_output(facet->node, i, mopt__value_fresh(facet->model->graph, "y", &err));
    }
    uint64_t often = hint != NULL ? 10 : 35;
    for (unsigned a = 0; a < op->attribute_count; a++) {
        const char *told = facet_told_value(hint, op->attributes[a].name);
        if (told != NULL) {
            facet_told_attribute(facet, &op->attributes[a], told);
        } else if (op->attributes[a].required || chance(facet, often)) {
            facet_set_attribute(facet, &op->attributes[a]);
        }
    }
}

void facet_release_outputs(struct facet *facet)
{
    for (int i = 0; i < FACET_OUTPUTS_MAX; i++) {
        mopt__datum_unref(facet->outputs[i]);
        facet->outputs[i] = NULL;
    }
}

void facet_release(struct facet *facet)
{
    facet_release_outputs(facet);
    for (int i = 0; i < FACET_INPUTS_MAX; i++) {
        mopt__datum_unref(facet->inputs[i]);
    }
    mopt__model_free(facet->model);
}
