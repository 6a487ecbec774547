// SPDX-License-Identifier: Apache-2.0
// Makers of nodes with bodies, which read values from outside and have constants of their own, and
// of recurrent nodes; with nodes of the other families in between and inside.
#include <stdio.h>
#include <string.h>

#include "property/net.h"

enum { DEPTH_MAX = 2, BODY_ELEMENTS_MAX = 3000 };

// ---- Bodies -------------------------------------------------------------------------------------

struct body {
    struct mopt_strbuf outer, constants; // text around it
    int values, weights;
    bool own_constants;
};

static void enter(struct net *net, struct body *body)
{
    *body = (struct body){.outer = net->body,
                          .values = net->count,
                          .weights = net->weight_count,
                          .own_constants = net_chance(net, 50)};
    net->body = (struct mopt_strbuf){0};
    if (body->own_constants) {
        body->constants = net->constants;
        net->constants = (struct mopt_strbuf){0};
    }
    net->depth++;
}

// Adds what was written since to `out`; its values cannot be seen from now on.
static void leave(struct net *net, struct body *body, struct mopt_strbuf *out)
{
    if (body->own_constants) {
        mopt__strbuf_add(out, mopt__strbuf_text(&net->constants));
        mopt__strbuf_release(&net->constants);
        net->constants = body->constants;
        net->weight_count = body->weights;
    }
    mopt__strbuf_add(out, mopt__strbuf_text(&net->body));
    mopt__strbuf_release(&net->body);
    net->body = body->outer;
    for (int v = body->values; v < net->count; v++) {
        net->values[v].type = NET_HIDDEN;
    }
    net->depth--;
}

static bool add_any(struct net *net, int v)
{
    struct net_makers makers = net_image_makers();
    switch (net_below(net, 4)) {
    case 0:
        makers = net_matrix_makers();
        break;
    case 1:
        makers = net_codes_makers();
        break;
    case 2:
        makers = net_common_makers();
        break;
    default:
        break;
    }
    return makers.items[net_below(net, (int64_t)makers.count)](net, v);
}

static bool add_inner(struct net *net, int v);

static void fill_body(struct net *net)
{
    static const net_maker inner[] = {add_any, add_any, add_any, add_any, add_inner};
    const struct net_makers makers = {inner, MOPT_COUNTOF(inner)};
    net_make(net, &makers, 1 + (int)net_below(net, net->depth > 1 ? 2 : 4));
}

// Newest float; v when there is none.
static int newest(const struct net *net, int v)
{
    for (int i = net->count - 1; i > v; i--) {
        if (net->values[i].type == NET_FLOAT) {
            return i;
        }
    }
    return v;
}

// A value of v's shape that depends on v and on `last`.
static int closing(struct net *net, int v, int last)
{
    const struct shape shape = net->values[v];
    const struct shape none = {.rank = 0};
    if (net_same_dims(&shape, &net->values[last]) && net_chance(net, 70)) {
        return net_add(net, &shape, "Softsign(v%d)", last);
    }
    int mean = net_add(net, &none, "ReduceMean<keepdims=0>(v%d)", last);
    int small = net_add(net, &none, "Softsign(v%d)", mean);
    return net_add(net, &shape, "Add(v%d, v%d)", v, small);
}

// ---- Loops --------------------------------------------------------------------------------------

static void type_text(const struct net *net, struct mopt_strbuf *out, const struct shape *shape)
{
    if (net->fixed_axes > 0) {
        mopt__strbuf_add(out, "float");
    } else {
        net_type_text(out, shape);
    }
}

static bool fits_body(const struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    return net->depth < DEPTH_MAX && shape->rank > 0 && shape->rank < RANK_MAX &&
           net_elements(shape) > 0 && net_elements(shape) <= BODY_ELEMENTS_MAX;
}

static struct shape stacked(const struct net *net, int64_t count, const struct shape *shape)
{
    struct shape out = {.rank = shape->rank + 1, .dims = {count}};
    memcpy(out.dims + 1, shape->dims, (size_t)shape->rank * sizeof *out.dims);
    out.type = net->fixed_axes > 0 || net->depth > 0 ? NET_RESULT : NET_FLOAT;
    return out;
}

static int number(struct net *net, const char *type, int64_t value)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    %s c%d = {%d};\n", type, name, (int)value);
    return name;
}

static bool add_loop(struct net *net, int v)
{
    if (!fits_body(net, v)) {
        return false;
    }
    const struct shape shape = net->values[v];
    struct mopt_strbuf text = {0};
    struct body body;
    int n = net->names++;
    int64_t turns = NET_ONE_OF(net, 1, 2, 3, 5);
    int trips = number(net, "int64", turns), on = number(net, "bool", 1);
    enter(net, &body);
    int state = net_result(net, &shape);
    fill_body(net);
    int last = newest(net, state);
    int closed = closing(net, state, last);
    const struct shape collected = stacked(net, turns, &net->values[last]);
    net_line(net, "    k%d = Identity(b%d);\n", n, n);
    mopt__strbuf_printf(&text, "Loop<body=graph (int64 i%d, bool b%d, ", n, n);
    type_text(net, &text, &shape);
    mopt__strbuf_printf(&text, " v%d) -> (k%d, v%d, v%d) {\n", state, n, closed, last);
    leave(net, &body, &text);
    net_line(net, "    v%d, v%d = %s    }>(c%d, c%d, v%d);\n", net->count, net->count + 1,
             mopt__strbuf_text(&text), trips, on, v);
    mopt__strbuf_release(&text);
    (void)net_result(net, &shape);
    (void)net_result(net, &collected);
    return true;
}

static bool add_scan(struct net *net, int v)
{
    const struct shape all = net->values[v];
    if (!fits_body(net, v) || net->fixed_axes > 0 || all.rank < 2) {
        return false;
    }
    struct shape slice = {.rank = all.rank - 1};
    memcpy(slice.dims, all.dims + 1, (size_t)slice.rank * sizeof *slice.dims);
    struct mopt_strbuf text = {0};
    struct body body;
    int start = net_weight(net, &slice, 1);
    enter(net, &body);
    int state = net_result(net, &slice), part = net_result(net, &slice);
    int sum = net_add(net, &slice, "Add(v%d, v%d)", state, part);
    fill_body(net);
    int last = newest(net, sum);
    int closed = closing(net, sum, last);
    const struct shape collected = stacked(net, all.dims[0], &net->values[last]);
    mopt__strbuf_add(&text, "Scan<num_scan_inputs=1, body=graph (");
    net_type_text(&text, &slice);
    mopt__strbuf_printf(&text, " v%d, ", state);
    net_type_text(&text, &slice);
    mopt__strbuf_printf(&text, " v%d) -> (v%d, v%d) {\n", part, closed, last);
    leave(net, &body, &text);
    net_line(net, "    v%d, v%d = %s    }>(c%d, v%d);\n", net->count, net->count + 1,
             mopt__strbuf_text(&text), start, v);
    mopt__strbuf_release(&text);
    (void)net_result(net, &slice);
    (void)net_result(net, &collected);
    return true;
}

// ---- If -----------------------------------------------------------------------------------------

// Name of a condition, which depends on inputs only.
static void condition(struct net *net, char *out, size_t size)
{
    const struct shape none = {.rank = 0, .type = NET_BOOL};
    if (net->depth == 0 && net->input_count < INPUTS_MAX && net_chance(net, 60)) {
        (void)snprintf(out, size, "v%d", net_input(net, &none));
        return;
    }
    int n = net->names++;
    const struct shape one = {.rank = 0, .type = NET_HIDDEN};
    int mean = net_add(net, &one, "ReduceMax<keepdims=0>(v0)");
    net_line(net, "    b%d = Greater(v%d, c%d);\n", n, mean, net_scalar(net, 0.987));
    (void)snprintf(out, size, "b%d", n);
}

static void branch(struct net *net, int v, const char *name, struct mopt_strbuf *text)
{
    struct body body;
    enter(net, &body);
    fill_body(net);
    int last = newest(net, body.values - 1);
    int closed = closing(net, v, last < body.values ? v : last);
    mopt__strbuf_printf(text, "%s=graph () -> (v%d, v%d) {\n", name, closed,
                        last < body.values ? closed : last);
    leave(net, &body, text);
    mopt__strbuf_add(text, "    }");
}

static bool add_if(struct net *net, int v)
{
    if (!fits_body(net, v)) {
        return false;
    }
    const struct shape shape = net->values[v];
    struct shape loose = {.rank = 0, .type = net->depth > 0 ? NET_HIDDEN : NET_RESULT};
    struct mopt_strbuf text = {0};
    char test[16];
    condition(net, test, sizeof test);
    branch(net, v, "then_branch", &text);
    mopt__strbuf_add(&text, ", ");
    branch(net, v, "else_branch", &text);
    net_line(net, "    v%d, v%d = If<%s>(%s);\n", net->count, net->count + 1,
             mopt__strbuf_text(&text), test);
    mopt__strbuf_release(&text);
    (void)net_result(net, &shape);
    (void)net_result(net, &loose);
    return true;
}

static bool add_inner(struct net *net, int v)
{
    static const net_maker bodies[] = {add_if, add_loop, add_scan};
    return bodies[net_below(net, 3)](net, v);
}

// ---- Recurrent nodes ----------------------------------------------------------------------------

static bool add_recurrent(struct net *net, int v)
{
    static const char *const ops[] = {"LSTM", "GRU", "RNN"};
    static const int gates[] = {4, 3, 1};
    static const char *const ways[] = {"forward", "reverse", "bidirectional"};
    const struct shape x = net->values[v];
    if (x.rank != 3 || net_elements(&x) == 0 || x.dims[2] > 100) {
        return false;
    }
    int kind = (int)net_below(net, 3), way = (int)net_below(net, 3);
    bool batch_first = net->fixed_axes > 0 || net_chance(net, 40);
    int64_t hidden = NET_ONE_OF(net, 1, 3, 8, 16, 17), directions = way == 2 ? 2 : 1;
    int64_t rows = gates[kind] * hidden;
    const int64_t batch = x.dims[batch_first ? 0 : 1], steps = x.dims[batch_first ? 1 : 0];
    struct shape w = {.rank = 3, .dims = {directions, rows, x.dims[2]}};
    struct shape r = {.rank = 3, .dims = {directions, rows, hidden}};
    struct shape b = {.rank = 2, .dims = {directions, 2 * rows}};
    struct shape y = {.rank = 4, .dims = {steps, directions, batch, hidden}};
    struct shape h = {.rank = 3, .dims = {directions, batch, hidden}};
    if (batch_first) {
        y = (struct shape){.rank = 4, .dims = {batch, steps, directions, hidden}};
        h = (struct shape){.rank = 3, .dims = {batch, directions, hidden}};
    }
    int cw = net_weight(net, &w, x.dims[2]), cr = net_weight(net, &r, hidden);
    int cb = net_weight(net, &b, 1);
    net_line(net, "    v%d, v%d = %s<hidden_size=%d, direction=\"%s\", layout=%d", net->count,
             net->count + 1, ops[kind], (int)hidden, ways[way], batch_first);
    if (kind == 1 && net_chance(net, 50)) {
        net_line(net, ", linear_before_reset=1");
    }
    net_line(net, ">(v%d, c%d, c%d", v, cw, cr);
    if (net_chance(net, 70)) {
        net_line(net, ", c%d", cb);
    }
    net_line(net, ");\n");
    (void)net_result(net, &y);
    (void)net_result(net, &h);
    return true;
}

// Three axes for recurrent nodes, of whatever there is.
static bool add_sequence(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || net_elements(&out) == 0) {
        return out.rank == 3 && add_recurrent(net, v);
    }
    const int64_t form[3] = {0, 0, -1};
    out = (struct shape){.rank = 3, .dims = {out.dims[0], out.dims[1], out.dims[2] * out.dims[3]}};
    return add_recurrent(net,
                         net_add(net, &out, "Reshape(v%d, c%d)", v, net_integers(net, form, 3)));
}

static const net_maker makers[] = {add_if,   add_if,   add_loop,      add_loop,
                                   add_loop, add_scan, add_recurrent, add_sequence,
                                   add_any,  add_any,  add_any,       add_any};

struct net_makers net_flow_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}
