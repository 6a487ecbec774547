// SPDX-License-Identifier: Apache-2.0
// Codes in a random network: scales and zero points, what becomes codes and what is real again,
// weights in codes.
#include <math.h>

#include "property/net_codes.h"

// ---- Codes of values ----------------------------------------------------------------------------

static double choose_scale(struct net *net)
{
    static const double round[] = {0.02, 0.05, 0.01, 0.03125, 0.004, 0.25};
    if (net_chance(net, 4)) {
        return net_chance(net, 50) ? 1e-5 : 20;
    }
    return net_chance(net, 40) ? round[net_below(net, (int64_t)MOPT_COUNTOF(round))]
                               : 0.002 + (double)net_below(net, 100000) * 4e-7;
}

int net_zero_point(struct net *net, enum net_type type, int64_t value)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    %s c%d = {%d};\n", net_type_name(type), name,
                        (int)value);
    return name;
}

struct codes net_choose_codes(struct net *net, enum net_type type)
{
    struct codes codes = {net_scalar(net, choose_scale(net)), -1};
    int64_t zero = type == NET_U8 ? NET_ONE_OF(net, 0, 3, 100, 128, 128, 255)
                                  : NET_ONE_OF(net, 0, 0, -7, 20, -128);
    if (type != NET_U8 || zero != 0 || net_chance(net, 50)) { // absent means uint8 and 0
        codes.zero = net_zero_point(net, type, zero);
    }
    return codes;
}

// "name, scale[, zero]"
void net_codes_text(struct net *net, char kind, int name, struct codes codes)
{
    net_line(net, "%c%d, c%d", kind, name, codes.scale);
    if (codes.zero >= 0) {
        net_line(net, ", c%d", codes.zero);
    }
}

int net_dequantize(struct net *net, int q)
{
    struct shape real = net->values[q];
    real.type = NET_FLOAT;
    net_line(net, "    v%d = DequantizeLinear(", net->count);
    net_codes_text(net, 'v', q, net->codes[q]);
    net_line(net, ");\n");
    int y = net_result(net, &real);
    net->codes[y] = net->codes[q];
    return y;
}

int net_quantize(struct net *net, int v, enum net_type type, struct codes codes)
{
    struct shape shape = net->values[v];
    shape.type = type;
    net_line(net, "    v%d = QuantizeLinear(", net->count);
    net_codes_text(net, 'v', v, codes);
    net_line(net, ");\n");
    int q = net_result(net, &shape);
    net->codes[q] = codes;
    return q;
}

struct kept net_choose_kept(struct net *net)
{
    struct kept kept = {.type = net_chance(net, 60) ? NET_U8 : NET_I8};
    kept.codes = net_choose_codes(net, kept.type);
    return kept;
}

struct kept net_codes_of(struct net *net, int v)
{
    for (int q = v; net->codes[v].scale >= 0 && q >= 0; q--) {
        if (net->codes[q].scale == net->codes[v].scale &&
            net->codes[q].zero == net->codes[v].zero &&
            (net->values[q].type == NET_U8 || net->values[q].type == NET_I8)) {
            return (struct kept){net->codes[v], net->values[q].type};
        }
    }
    return net_choose_kept(net);
}

void net_settle(struct net *net, int y, struct kept kept)
{
    if (!net->exact && net_chance(net, 25)) {
        return;
    }
    int q = net_quantize(net, y, kept.type, kept.codes);
    if (net->exact) {
        net->values[y].type = NET_HIDDEN;
    }
    (void)net_dequantize(net, q);
    if (net_chance(net, 15)) { // for another reader, or for nobody
        (void)net_dequantize(net, q);
    }
}

bool net_settle_new(struct net *net, int y)
{
    net_settle(net, y, net_choose_kept(net));
    return true;
}

void net_codes_start(struct net *net, int v)
{
    struct kept kept = net_choose_kept(net);
    int inputs = net->input_count;
    for (int i = 0; i < inputs; i++) {
        (void)net_dequantize(net, net_quantize(net, v + i, kept.type, kept.codes));
        kept = net_chance(net, 50) ? kept : net_choose_kept(net);
        if (net->exact) {
            net->values[v + i].type = NET_HIDDEN;
        }
    }
}

// ---- Weights ------------------------------------------------------------------------------------

static int scales(struct net *net, int64_t count, double mean)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    float[%d] c%d = {", (int)count, name);
    for (int64_t i = 0; i < count; i++) {
        mopt__strbuf_printf(&net->constants, "%s%.9g", i > 0 ? ", " : "",
                            mean * (0.25 + (double)net_below(net, 1000) / 700));
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

// At most `reach` from the middle.
static int zero_points(struct net *net, enum net_type type, int64_t count, int64_t reach)
{
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    %s[%d] c%d = {", net_type_name(type), (int)count,
                        name);
    for (int64_t i = 0; i < count; i++) {
        int64_t zero = type == NET_U8 ? 128 : 0;
        mopt__strbuf_printf(&net->constants, "%s%d", i > 0 ? ", " : "",
                            (int)(zero + net_below(net, 2 * reach + 1) - reach));
    }
    mopt__strbuf_add(&net->constants, "};\n");
    return name;
}

struct coded_weight net_code_weight(struct net *net, struct shape shape, int axis, int64_t terms)
{
    struct coded_weight w = {.per_channel = axis >= 0 && net_chance(net, 50)};
    shape.type = net_chance(net, 70) ? NET_I8 : NET_U8;
    w.type = shape.type;
    w.name = net_weight(net, &shape, terms);
    double mean = 1 / (74 * sqrt((double)(terms > 0 ? terms : 1)));
    int64_t reach = net_chance(net, 20) ? NET_ONE_OF(net, 4, 60, 127) : 0;
    if (w.per_channel) {
        w.codes.scale = scales(net, shape.dims[axis], mean);
        w.codes.zero = zero_points(net, w.type, shape.dims[axis], reach);
    } else {
        w.codes.scale = net_scalar(net, mean * (0.5 + (double)net_below(net, 1000) / 900));
        int64_t turned = net_chance(net, 50) ? -reach : reach;
        w.codes.zero = net_zero_point(net, w.type, (w.type == NET_U8 ? 128 : 0) + turned);
    }
    return w;
}

int net_real_weight(struct net *net, struct coded_weight w, int axis)
{
    int name = net->names++;
    net_line(net, "    d%d = DequantizeLinear", name);
    if (w.per_channel) {
        net_line(net, "<axis=%d>", axis);
    }
    net_line(net, "(");
    net_codes_text(net, 'c', w.name, w.codes);
    net_line(net, ");\n");
    return name;
}

void net_bias_text(struct net *net, int64_t channels, struct mopt_strbuf *out)
{
    struct shape shape = {.rank = 1, .dims = {channels}};
    int way = (int)net_below(net, 4);
    if (way == 0) {
        return;
    }
    if (way == 1) {
        mopt__strbuf_printf(out, ", c%d", net_weight(net, &shape, 1));
        return;
    }
    shape.type = NET_I32;
    int codes = net_weight(net, &shape, 1), name = net->names++;
    if (way == 2) {
        net_line(net, "    d%d = DequantizeLinear(c%d, c%d);\n", name, codes,
                 net_scalar(net, 0.0007));
    } else {
        net_line(net, "    d%d = DequantizeLinear<axis=0>(c%d, c%d);\n", name, codes,
                 scales(net, channels, 0.0005));
    }
    mopt__strbuf_printf(out, ", d%d", name);
}
