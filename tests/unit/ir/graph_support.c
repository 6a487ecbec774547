// SPDX-License-Identifier: Apache-2.0
// Makers and checks that the tests of graphs, text and verifier share.
#include "graph_support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct mopt_model *support_model(void)
{
    struct mopt_error err;
    struct mopt_model *model;
    assert_int_equal(mopt__model_new(&model, &err), MOPT_OK);
    return model;
}

struct mopt_model *support_parse(const char *text)
{
    struct mopt_error err;
    struct mopt_model *model;
    if (mopt__text_parse(text, strlen(text), &model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

char *support_print(const struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_strbuf text = {0};
    struct mopt_text_options options = {.types = true, .details = true};
    assert_int_equal(mopt__text_print(model, &options, &text, &err), MOPT_OK);
    return text.text;
}

void support_verify(const struct mopt_model *model)
{
    struct mopt_error err;
    if (mopt__model_verify(model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

struct mopt_value *support_input(struct mopt_graph *graph, const char *name)
{
    struct mopt_error err;
    struct mopt_value *value = mopt__value_new(graph, name, &err);
    assert_non_null(value);
    assert_int_equal(mopt__graph_add_input(graph, value, &err), MOPT_OK);
    return value;
}

struct mopt_node *support_node(struct mopt_graph *graph, const char *op, const char *output,
                               struct mopt_value *a, struct mopt_value *b)
{
    struct mopt_error err;
    uint32_t inputs = b != NULL ? 2 : a != NULL ? 1 : 0;
    struct mopt_node *node = mopt__node_new(graph, NULL, op, NULL, inputs, 1, &err);
    struct mopt_value *value = mopt__value_new(graph, output, &err);
    assert_non_null(node);
    assert_non_null(value);
    mopt__node_set_output(node, 0, value);
    if (inputs > 0) {
        mopt__node_set_input(node, 0, a);
    }
    if (inputs > 1) {
        mopt__node_set_input(node, 1, b);
    }
    return node;
}

struct mopt_value *support_constant(struct mopt_graph *graph, const char *hint, float value)
{
    struct mopt_error err;
    struct mopt_tensor *tensor;
    assert_int_equal(mopt__tensor_f32_scalar(value, &tensor, &err), MOPT_OK);
    struct mopt_value *made = mopt__graph_constant(graph, hint, tensor, &err);
    assert_non_null(made);
    mopt__tensor_unref(tensor);
    return made;
}

struct mopt_graph *support_body(struct mopt_node *node, const char *name,
                                struct mopt_value *captured)
{
    struct mopt_error err;
    struct mopt_graph *body = mopt__graph_new(node->graph->model, node->graph, &err);
    assert_non_null(body);
    struct mopt_node *inner = support_node(body, "Inner", "", captured, NULL);
    assert_int_equal(mopt__graph_add_output(body, inner->outputs[0], &err), MOPT_OK);
    assert_int_equal(mopt__node_set_graph(node, name, body, &err), MOPT_OK);
    return body;
}

char *support_order(const struct mopt_graph *graph)
{
    struct mopt_strbuf text = {0};
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        mopt__strbuf_add(&text, text.length > 0 ? " " : "");
        mopt__strbuf_add(&text, node->outputs[0]->name);
    }
    mopt__strbuf_add(&text, "");
    assert_false(text.failed);
    return text.text;
}

struct mopt_node *support_find(const struct mopt_graph *graph, const char *output)
{
    struct mopt_value *value = mopt__value_find(graph, output);
    assert_non_null(value);
    assert_non_null(value->producer);
    return value->producer;
}

double support_cpu_seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
