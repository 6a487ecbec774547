// SPDX-License-Identifier: Apache-2.0
// See random_net.h.
#include "property/random_net.h"

#include <stdio.h>
#include <string.h>

#include "property/net.h"

static void dims_text(struct mopt_strbuf *out, const struct shape *shape)
{
    for (int i = 0; i < shape->rank; i++) {
        mopt__strbuf_printf(out, "%s%lld", i > 0 ? "," : "[", (long long)shape->dims[i]);
    }
    mopt__strbuf_add(out, shape->rank > 0 ? "]" : "");
}

static void outputs_text(struct net *net, struct mopt_strbuf *out)
{
    int last = net->count - 1;
    int other = (int)net_below(net, net->count);
    mopt__strbuf_add(out, "(float");
    dims_text(out, &net->values[last]);
    mopt__strbuf_printf(out, " v%d", last);
    if (other != last && other != 0) {
        mopt__strbuf_add(out, ", float");
        dims_text(out, &net->values[other]);
        mopt__strbuf_printf(out, " v%d", other);
    }
    mopt__strbuf_add(out, ")");
}

static void release(struct net *net)
{
    mopt__strbuf_release(&net->constants);
    mopt__strbuf_release(&net->body);
    mopt__strbuf_release(&net->inputs);
}

void random_net(uint64_t seed, int nodes, struct mopt_strbuf *out)
{
    struct net net = {.count = 0};
    const struct net_makers makers = net_common_makers();
    mopt__rng_init(&net.rng, seed);
    const struct shape input = {.rank = 4,
                                .dims = {1 + net_below(&net, 2), 1 + net_below(&net, 4), 8, 8}};
    (void)net_result(&net, &input);
    for (int i = 0; i < nodes && net.count + 4 < VALUES_MAX; i++) {
        // Mostly on the newest value, so that chains grow.
        int v = net_chance(&net, 75) ? net.count - 1 : (int)net_below(&net, net.count);
        if (net_elements(&net.values[v]) <= ELEMENTS_MAX) {
            (void)makers.items[net_below(&net, (int64_t)makers.count)](&net, v);
        }
    }
    (void)makers.items[0](&net, net.count - 1);
    mopt__strbuf_printf(out, "model (ir=8, opset=17) {\n  graph main (float");
    dims_text(out, &input);
    mopt__strbuf_add(out, " v0) -> ");
    outputs_text(&net, out);
    mopt__strbuf_printf(out, " {\n%s%s  }\n}\n", mopt__strbuf_text(&net.constants),
                        mopt__strbuf_text(&net.body));
    release(&net);
}

// ---- Families -----------------------------------------------------------------------------------

const char *const net_family_names[NET_FAMILY_COUNT] = {"image", "matrix", "codes", "exact",
                                                        "flow"};

static void image_input(struct net *net)
{
    struct shape in = {.rank = net_chance(net, 15) ? 3 : 4};
    in.dims[0] = NET_ONE_OF(net, 1, 1, 2, 3);
    in.dims[1] = net_chance(net, 30) ? NET_ONE_OF(net, 32, 33, 40, 64, 65)
                                     : NET_ONE_OF(net, 1, 2, 3, 4, 6, 7, 8, 16, 17, 24);
    in.dims[2] = NET_ONE_OF(net, 1, 2, 5, 6, 7, 8, 9, 13);
    in.dims[3] = NET_ONE_OF(net, 1, 3, 6, 7, 8, 11);
    if (net_chance(net, 3)) {
        in.dims[net_below(net, in.rank)] = 0;
    }
    (void)net_input(net, &in);
    if (net_chance(net, 40)) {
        in.dims[1] = net_chance(net, 30) ? in.dims[1] : NET_ONE_OF(net, 1, 3, 4, 8, 17);
        (void)net_input(net, &in);
    }
}

static void matrix_input(struct net *net)
{
    struct shape in = {.rank = (int)NET_ONE_OF(net, 2, 3, 3, 3, 4)};
    for (int i = 0; i < in.rank; i++) {
        in.dims[i] = i + 2 < in.rank ? NET_ONE_OF(net, 1, 2, 3)
                                     : NET_ONE_OF(net, 1, 2, 3, 4, 6, 7, 8, 12, 16, 17, 24, 33);
    }
    if (net_chance(net, 3)) {
        in.dims[net_below(net, in.rank)] = 0;
    }
    (void)net_input(net, &in);
    if (net_chance(net, 50)) {
        (void)net_input(net, &in);
    }
}

// How often the text names v<number>, its definition included.
static int mentions(const char *text, int number)
{
    char name[16];
    int count = 0;
    int length = snprintf(name, sizeof name, "v%d", number);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += length) {
        count += at[length] < '0' || at[length] > '9' ? 1 : 0;
    }
    return count;
}

// Ends of the graph, but for some dead ones; and a few values in the middle.
static void results_text(struct net *net, struct mopt_strbuf *out)
{
    enum { RESULTS_MAX = 14 };
    int results = 0;
    for (int v = net->count - 1; v >= 0 && results < RESULTS_MAX; v--) {
        const enum net_type type = net->values[v].type;
        bool end = mentions(mopt__strbuf_text(&net->body), v) < 2;
        bool input = mentions(mopt__strbuf_text(&net->inputs), v) > 0;
        if (!input && type != NET_HIDDEN && net_chance(net, end ? 90 : 10)) {
            mopt__strbuf_printf(out, "%s%s v%d", results++ > 0 ? ", " : "", net_type_name(type), v);
        }
    }
    if (results == 0) {
        mopt__strbuf_printf(out, "float v%d", net_add(net, &net->values[0], "Identity(v0)"));
    }
}

static void fill(struct net *net, enum net_family family)
{
    struct net_makers makers = net_image_makers();
    bool images = family == NET_IMAGE || family == NET_EXACT || net_chance(net, 50);
    if (family == NET_MATRIX || !images) {
        matrix_input(net);
    } else {
        image_input(net);
    }
    if (family == NET_CODES || family == NET_EXACT) {
        net_codes_start(net, 0);
        makers = net_codes_makers();
    } else if (family == NET_FLOW) {
        makers = net_flow_makers();
    } else if (family == NET_MATRIX) {
        makers = net_matrix_makers();
    }
    net_make(net, &makers, 3 + (int)net_below(net, family == NET_FLOW ? 6 : 14));
}

void random_net_of(enum net_family family, uint64_t seed, struct mopt_strbuf *out)
{
    struct net net = {.exact = family == NET_EXACT};
    struct mopt_strbuf results = {0};
    mopt__rng_init(&net.rng, seed * NET_FAMILY_COUNT + (uint64_t)family);
    net.fixed_axes = net_chance(&net, 30) ? 1 : 0;
    fill(&net, family);
    results_text(&net, &results);
    mopt__strbuf_printf(out,
                        "// %s %llu\nmodel (ir=10, opset=21, \"com.microsoft\"=1) {\n"
                        "  graph main (%s) -> (%s) {\n%s%s  }\n}\n",
                        net_family_names[family], (unsigned long long)seed,
                        mopt__strbuf_text(&net.inputs), mopt__strbuf_text(&results),
                        mopt__strbuf_text(&net.constants), mopt__strbuf_text(&net.body));
    mopt__strbuf_release(&results);
    release(&net);
}
