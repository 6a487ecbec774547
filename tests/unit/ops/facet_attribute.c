// SPDX-License-Identifier: Apache-2.0
// Attributes of random nodes: see facet_node.h.
#include <stdio.h>
#include <string.h>

#include "facet_private.h"

enum { WORD = 64 };

// ---- Attributes ---------------------------------------------------------------------------------

static void set_word(struct facet *facet, const struct mopt_attr_spec *spec)
{
    char word[WORD] = "x";
    struct mopt_error err;
    const char *choices = spec->choices != NULL ? spec->choices : facet_words(spec->name);
    if (choices != NULL) {
        size_t count = 1;
        for (const char *at = choices; *at != '\0'; at++) {
            count += *at == '|' ? 1 : 0;
        }
        const char *at = choices;
        for (size_t skip = mopt__rng_below(&facet->rng, count); skip > 0; skip--) {
            at = strchr(at, '|') + 1;
        }
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(at, "|"), at);
    }
    assert_int_equal(mopt__node_set_string(facet->node, spec->name, word, &err), MOPT_OK);
}

static void add_strings(struct facet *facet, const char *name, const char *const *texts,
                        size_t count)
{
    struct mopt_error err;
    struct mopt_string *strings =
        mopt__arena_alloc(&facet->model->arena, count + 1, sizeof *strings);
    assert_non_null(strings);
    for (size_t i = 0; i < count; i++) {
        strings[i] =
            (struct mopt_string){.data = mopt__arena_strdup(&facet->model->arena, texts[i]),
                                 .size = strlen(texts[i])};
        assert_non_null(strings[i].data);
    }
    struct mopt_attribute attribute = {.name = mopt__model_intern(facet->model, name, &err),
                                       .kind = MOPT_ATTR_STRINGS,
                                       .count = count,
                                       .strings = strings};
    (void)mopt__node_remove_attribute(facet->node, name);
    assert_int_equal(mopt__node_add_attribute(facet->node, &attribute, &err), MOPT_OK);
}

static int64_t some_attribute_int(struct facet *facet, const struct mopt_attr_spec *spec)
{
    if (strcmp(spec->name, "to") == 0 || strstr(spec->name, "type") != NULL) {
        return 1 + (int64_t)mopt__rng_below(&facet->rng, FACET_DTYPES);
    }
    if (spec->has_range && spec->max - spec->min < 100) {
        uint64_t span = (uint64_t)(spec->max - spec->min) + 1;
        return spec->min + (int64_t)mopt__rng_below(&facet->rng, span);
    }
    return facet_some_int(facet);
}

void facet_set_attribute(struct facet *facet, const struct mopt_attr_spec *spec)
{
    static const char *const texts[] = {"a", "b", "1.5"};
    struct mopt_error err;
    mopt_error_clear(&err);
    int64_t ints[4];
    float floats[4];
    size_t count = mopt__rng_below(&facet->rng, 5);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < 4; i++) {
        ints[i] = some_attribute_int(facet, spec);
        floats[i] = (float)(int64_t)mopt__rng_below(&facet->rng, 9) / 2.0F - 1.0F;
    }
    if (spec->kind == MOPT_ATTR_INT) {
        status = mopt__node_set_int(facet->node, spec->name, ints[0], &err);
    } else if (spec->kind == MOPT_ATTR_FLOAT) {
        status = mopt__node_set_float(facet->node, spec->name, floats[0], &err);
    } else if (spec->kind == MOPT_ATTR_INTS) {
        status = mopt__node_set_ints(facet->node, spec->name, ints, count, &err);
    } else if (spec->kind == MOPT_ATTR_FLOATS) {
        status = mopt__node_set_floats(facet->node, spec->name, floats, count, &err);
    } else if (spec->kind == MOPT_ATTR_STRING) {
        set_word(facet, spec);
    } else if (spec->kind == MOPT_ATTR_STRINGS) {
        add_strings(facet, spec->name, texts, count > 3 ? 3 : count);
    } else {
        facet_set_kind(facet, spec->name, spec->kind);
    }
    assert_int_equal(status, MOPT_OK);
}

void facet_set_default(struct facet *facet, const struct mopt_attr_spec *spec)
{
    struct mopt_error err;
    enum mopt_status status = MOPT_OK;
    mopt_error_clear(&err);
    if (spec->kind == MOPT_ATTR_INT) {
        status = mopt__node_set_int(facet->node, spec->name, spec->i, &err);
    } else if (spec->kind == MOPT_ATTR_FLOAT) {
        status = mopt__node_set_float(facet->node, spec->name, (float)spec->f, &err);
    } else if (spec->kind == MOPT_ATTR_STRING) {
        status =
            mopt__node_set_string(facet->node, spec->name, spec->s != NULL ? spec->s : "", &err);
    } else {
        fail_msg("attribute '%s' has a default of another kind", spec->name);
    }
    assert_int_equal(status, MOPT_OK);
}

static struct mopt_tensor *one_element(struct facet *facet)
{
    const int64_t one = 1;
    return facet_some_tensor(facet, facet_some_dtype(facet, facet->op->outputs[0].dtypes), 1, &one);
}

// An empty list of a kind, or one with a sparse tensor or a type in it.
static void add_rare(struct facet *facet, const char *name, enum mopt_attr_kind kind)
{
    struct mopt_error err;
    struct mopt_attribute attribute = {.name = mopt__model_intern(facet->model, name, &err),
                                       .kind = kind};
    if (kind == MOPT_ATTR_TYPE) {
        attribute.type = mopt__type_tensor(&facet->model->arena, MOPT_FLOAT32, 0, NULL);
    } else if (kind == MOPT_ATTR_SPARSE_TENSOR) {
        const int64_t one = 1, two = 2;
        const double zero = 0;
        struct mopt_tensor *values = one_element(facet);
        struct mopt_tensor *indices = tensor_of(MOPT_INT64, 1, &one, &zero);
        assert_int_equal(mopt__sparse_new(values, indices, 1, &two, &attribute.sparse, &err),
                         MOPT_OK);
        mopt__tensor_unref(values);
        mopt__tensor_unref(indices);
    }
    (void)mopt__node_remove_attribute(facet->node, name);
    assert_int_equal(mopt__node_add_attribute(facet->node, &attribute, &err), MOPT_OK);
}

void facet_set_kind(struct facet *facet, const char *name, enum mopt_attr_kind kind)
{
    static const int64_t one = 1;
    static const float half = 0.5F;
    static const char *const text = "a";
    struct mopt_error err;
    enum mopt_status status = MOPT_OK;
    struct mopt_tensor *tensor = NULL;
    mopt_error_clear(&err);
    if (kind == MOPT_ATTR_INT) {
        status = mopt__node_set_int(facet->node, name, one, &err);
    } else if (kind == MOPT_ATTR_INTS) {
        status = mopt__node_set_ints(facet->node, name, &one, 1, &err);
    } else if (kind == MOPT_ATTR_FLOAT) {
        status = mopt__node_set_float(facet->node, name, half, &err);
    } else if (kind == MOPT_ATTR_FLOATS) {
        status = mopt__node_set_floats(facet->node, name, &half, 1, &err);
    } else if (kind == MOPT_ATTR_STRING) {
        status = mopt__node_set_string(facet->node, name, text, &err);
    } else if (kind == MOPT_ATTR_STRINGS) {
        add_strings(facet, name, &text, 1);
    } else if (kind == MOPT_ATTR_TENSOR) {
        tensor = one_element(facet);
        status = mopt__node_set_tensor(facet->node, name, tensor, &err);
        mopt__tensor_unref(tensor);
    } else if (kind == MOPT_ATTR_GRAPH) {
        struct mopt_graph *graph = mopt__graph_new(facet->model, facet->model->graph, &err);
        assert_non_null(graph);
        status = mopt__node_set_graph(facet->node, name, graph, &err);
    } else {
        add_rare(facet, name, kind);
    }
    assert_int_equal(status, MOPT_OK);
}

// ---- Attributes of hints ------------------------------------------------------------------------

static void told_strings(struct facet *facet, const char *name, const char *at, size_t length)
{
    char buf[WORD];
    const char *texts[8];
    size_t count = 0;
    (void)snprintf(buf, sizeof buf, "%.*s", (int)length, at);
    char *next = buf;
    while (next != NULL && count < MOPT_COUNTOF(texts)) {
        texts[count++] = next;
        next = strchr(next, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
    }
    add_strings(facet, name, texts, count);
}

static void told_tensor_attribute(struct facet *facet, const char *name, const char *at)
{
    double values[16];
    char type[WORD];
    struct mopt_error err;
    enum mopt_dtype dtype = facet->variable_count > 0 ? facet->dtypes[0] : MOPT_FLOAT32;
    const char *colon = strchr(at, ':');
    if (colon != NULL && colon < at + strcspn(at, " ")) {
        (void)snprintf(type, sizeof type, "%.*s", (int)(colon - at), at);
        dtype = mopt__dtype_find(type);
        at = colon + 1;
    }
    int64_t count = (int64_t)facet_read_numbers(facet, at, values, MOPT_COUNTOF(values));
    struct mopt_tensor *tensor = tensor_of(dtype, 1, &count, values);
    assert_int_equal(mopt__node_set_tensor(facet->node, name, tensor, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
}

void facet_told_attribute(struct facet *facet, const struct mopt_attr_spec *spec, const char *at)
{
    double values[16];
    int64_t ints[16];
    float floats[16];
    char word[WORD];
    struct mopt_error err;
    enum mopt_status status = MOPT_OK;
    size_t length = strcspn(at, " ");
    if (spec->kind == MOPT_ATTR_STRINGS) {
        told_strings(facet, spec->name, at, length);
        return;
    }
    if (spec->kind == MOPT_ATTR_TENSOR) {
        told_tensor_attribute(facet, spec->name, at);
        return;
    }
    if (spec->kind == MOPT_ATTR_STRING) {
        (void)snprintf(word, sizeof word, "%.*s", (int)length, at);
        assert_int_equal(mopt__node_set_string(facet->node, spec->name, word, &err), MOPT_OK);
        return;
    }
    size_t count = facet_read_numbers(facet, at, values, MOPT_COUNTOF(values));
    for (size_t i = 0; i < count; i++) {
        ints[i] = (int64_t)values[i];
        floats[i] = (float)values[i];
    }
    if (count == 0) {
        return; // of another version of the operator
    }
    if (spec->kind == MOPT_ATTR_INT) {
        status = mopt__node_set_int(facet->node, spec->name, ints[0], &err);
    } else if (spec->kind == MOPT_ATTR_INTS) {
        status = mopt__node_set_ints(facet->node, spec->name, ints, count, &err);
    } else if (spec->kind == MOPT_ATTR_FLOAT) {
        status = mopt__node_set_float(facet->node, spec->name, floats[0], &err);
    } else if (spec->kind == MOPT_ATTR_FLOATS) {
        status = mopt__node_set_floats(facet->node, spec->name, floats, count, &err);
    }
    assert_int_equal(status, MOPT_OK);
}

// Value of an attribute in a hint, NULL when it is not mentioned.
const char *facet_told_value(const struct facet_hint *hint, const char *name)
{
    size_t length = strlen(name);
    const char *at = hint != NULL ? hint->attributes : NULL;
    while (at != NULL) {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            return at + length + 1;
        }
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return NULL;
}
