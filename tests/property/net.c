// SPDX-License-Identifier: Apache-2.0
// See net.h: choices, values, text. It knows no operator.
#include "property/net.h"

#include <math.h>

int64_t net_below(struct net *net, int64_t bound)
{
    return bound < 1 ? 0 : (int64_t)mopt__rng_below(&net->rng, (uint64_t)bound);
}

bool net_chance(struct net *net, int percent)
{
    return net_below(net, 100) < percent;
}

int64_t net_one_of(struct net *net, const int64_t *items, size_t count)
{
    return items[net_below(net, (int64_t)count)];
}

int64_t net_elements(const struct shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= shape->dims[i];
    }
    return count;
}

bool net_same_dims(const struct shape *a, const struct shape *b)
{
    bool same = a->rank == b->rank && a->type == b->type;
    for (int i = 0; same && i < a->rank; i++) {
        same = a->dims[i] == b->dims[i];
    }
    return same;
}

// ---- Values -------------------------------------------------------------------------------------

int net_result(struct net *net, const struct shape *shape)
{
    net->values[net->count] = *shape;
    net->codes[net->count] = (struct codes){-1, -1};
    return net->count++;
}

int net_add(struct net *net, const struct shape *shape, const char *node, ...)
{
    va_list args;
    mopt__strbuf_printf(&net->body, "    v%d = ", net->count);
    va_start(args, node);
    mopt__strbuf_vprintf(&net->body, node, args);
    va_end(args);
    mopt__strbuf_add(&net->body, ";\n");
    return net_result(net, shape);
}

void net_line(struct net *net, const char *line, ...)
{
    va_list args;
    va_start(args, line);
    mopt__strbuf_vprintf(&net->body, line, args);
    va_end(args);
}

int net_pick(struct net *net, enum net_type type)
{
    enum { RECENT = 6 };
    for (int round = 0; round < 2; round++) {
        int from = round == 0 && net_chance(net, 75) ? net->count - RECENT : 0;
        from = from < 0 ? 0 : from;
        int start = (int)net_below(net, net->count - from);
        for (int i = 0; i < net->count - from; i++) {
            int v = from + (start + i) % (net->count - from);
            if (net->values[v].type == type && net_elements(&net->values[v]) <= ELEMENTS_MAX) {
                return v;
            }
        }
    }
    return -1;
}

int net_pick_like(struct net *net, int v, int axis,
                  bool (*fits)(const struct shape *a, const struct shape *b, int axis))
{
    int start = (int)net_below(net, net->count);
    for (int i = 0; i < net->count; i++) {
        int other = (start + i) % net->count;
        if (net->values[other].type == net->values[v].type &&
            fits(&net->values[v], &net->values[other], axis)) {
            return other;
        }
    }
    return v;
}

const char *net_type_name(enum net_type type)
{
    static const char *const names[] = {"float", "uint8", "int8", "int32", "bool", "float", "?"};
    return names[type];
}

// The sizes of the leading axes a node must not depend on are not told either.
static void type_text(struct mopt_strbuf *out, const struct shape *shape, int hidden)
{
    mopt__strbuf_add(out, net_type_name(shape->type));
    for (int i = 0; i < shape->rank; i++) {
        mopt__strbuf_add(out, i > 0 ? "," : "[");
        if (i < hidden) {
            mopt__strbuf_add(out, "N");
        } else {
            mopt__strbuf_printf(out, "%lld", (long long)shape->dims[i]);
        }
    }
    mopt__strbuf_add(out, shape->rank > 0 ? "]" : "[]");
}

void net_type_text(struct mopt_strbuf *out, const struct shape *shape)
{
    type_text(out, shape, 0);
}

int net_input(struct net *net, const struct shape *shape)
{
    mopt__strbuf_add(&net->inputs, net->input_count > 0 ? ", " : "");
    type_text(&net->inputs, shape, net->fixed_axes);
    mopt__strbuf_printf(&net->inputs, " v%d", net->count);
    net->input_count++;
    return net_result(net, shape);
}

void net_ints_text(struct net *net, const char *name, const int64_t *values, int count)
{
    net_line(net, "%s=[", name);
    for (int i = 0; i < count; i++) {
        net_line(net, "%s%lld", i > 0 ? ", " : "", (long long)values[i]);
    }
    net_line(net, "]");
}

// ---- Constants ----------------------------------------------------------------------------------

// Multiples of 1/64: exact in every float type, so that equal ones are found to be equal.
static int64_t element(struct net *net, enum net_type type, enum fill fill)
{
    if (fill != FILL_RANDOM) {
        return fill == FILL_POSITIVE ? 1 + net_below(net, 96) : fill == FILL_ONE ? 64 : 0;
    }
    switch (type) {
    case NET_U8:
        return net_below(net, 256);
    case NET_I8:
        return net_below(net, 256) - 128;
    case NET_I32:
        return net_below(net, 2001) - 1000;
    default:
        return net_below(net, 129) - 64;
    }
}

static int constant(struct net *net, const struct shape *shape, enum fill fill, double unit)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    %s", net_type_name(shape->type));
    for (int i = 0; i < shape->rank; i++) {
        mopt__strbuf_printf(&net->constants, "%s%lld", i > 0 ? "," : "[",
                            (long long)shape->dims[i]);
    }
    mopt__strbuf_printf(&net->constants, "%s c%d = {", shape->rank > 0 ? "]" : "", name);
    for (int64_t i = 0; i < net_elements(shape); i++) {
        double number = (double)element(net, shape->type, fill);
        mopt__strbuf_printf(&net->constants, "%s%.9g", i > 0 ? ", " : "",
                            shape->type == NET_FLOAT ? number * unit : number);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

int net_constant(struct net *net, const struct shape *shape, enum fill fill)
{
    return constant(net, shape, fill, 1.0 / 64);
}

int net_scalar(struct net *net, double value)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    float c%d = {%.9g};\n", name, value);
    return name;
}

int net_integers(struct net *net, const int64_t *values, int count)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    int64[%d] c%d = {", count, name);
    for (int i = 0; i < count; i++) {
        mopt__strbuf_printf(&net->constants, "%s%lld", i > 0 ? ", " : "", (long long)values[i]);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

int net_weight(struct net *net, const struct shape *shape, int64_t terms)
{
    if (net_chance(net, net->reuse)) {
        for (int i = net->weight_count; i-- > 0;) {
            if (net_same_dims(&net->weights[i].shape, shape)) {
                return net->weights[i].name;
            }
        }
    }
    // The mean square of the elements is about 1/3.
    int halvings = terms > 3 ? (int)lround(log2(sqrt((double)terms / 3))) : 0;
    int name = constant(net, shape, FILL_RANDOM, ldexp(1.0 / 64, -halvings));
    if (net->weight_count < WEIGHTS_MAX) {
        net->weights[net->weight_count++] = (struct weight){*shape, name};
    }
    return name;
}

// ---- Nodes --------------------------------------------------------------------------------------

void net_make(struct net *net, const struct net_makers *makers, int nodes)
{
    enum { ROOM = 48, TRIES = 8 }; // values that one maker and what closes bodies may add
    for (int i = 0; i < nodes * TRIES && nodes > 0 && net->count + ROOM < VALUES_MAX; i++) {
        const net_maker maker = makers->items[net_below(net, (int64_t)makers->count)];
        int v = net_pick(net, NET_FLOAT);
        if (v >= 0 && maker(net, v)) {
            nodes--;
        }
    }
}
