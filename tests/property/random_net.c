// SPDX-License-Identifier: Apache-2.0
// See random_net.h.
#include "property/random_net.h"

#include <stdio.h>
#include <string.h>

#include "property/net.h"

enum { RESULTS_MAX = 14 };

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

struct results {
    int items[RESULTS_MAX], count;
};

// Ends of the graph, but for some dead ones; and a few values in the middle.
static void choose_results(struct net *net, struct results *results)
{
    for (int v = net->count - 1; v >= 0 && results->count < RESULTS_MAX; v--) {
        bool input = mentions(mopt__strbuf_text(&net->inputs), v) > 0;
        bool end = mentions(mopt__strbuf_text(&net->body), v) < 2;
        if (!input && net->values[v].type != NET_HIDDEN && net_chance(net, end ? 90 : 10)) {
            results->items[results->count++] = v;
        }
    }
    if (results->count == 0) {
        struct shape shape = net->values[0];
        shape.type = NET_FLOAT;
        results->items[results->count++] = net_add(net, &shape, "Identity(v0)");
    }
}

static bool made_behind(const struct net *net, int v, size_t cut)
{
    char name[16];
    const char *text = mopt__strbuf_text(&net->body);
    int length = snprintf(name, sizeof name, "v%d", v);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += length) {
        if (at[length] < '0' || at[length] > '9') {
            return (size_t)(at - text) >= cut;
        }
    }
    return false;
}

static void results_text(const struct net *net, const struct results *results, size_t cut,
                         struct mopt_strbuf *out)
{
    for (int i = 0; i < results->count; i++) {
        int v = results->items[i];
        mopt__strbuf_printf(out, "%s%s %c%d", i > 0 ? ", " : "", net_type_name(net->values[v].type),
                            cut > 0 && made_behind(net, v, cut) ? 'r' : 'v', v);
    }
}

// ---- The end of a graph as a body ---------------------------------------------------------------

// The line of a statement that is mostly the first part of something that is done at once.
static bool is_begun(const char *line, size_t length)
{
    static const char turned[] = " = Transpose<";
    bool begun = strncmp(line, "    t", 5) == 0; // a scale of sums
    for (size_t i = 0; i + sizeof turned < length && !begun; i++) {
        begun = memcmp(line + i, turned, sizeof turned - 1) == 0;
    }
    return begun;
}

// Where the line of a statement of the graph itself begins, mostly behind such a line; 0: none.
static size_t choose_cut(struct net *net)
{
    const char *text = mopt__strbuf_text(&net->body), *line = text;
    size_t cut = 0;
    int64_t depth = 0, seen = 0, lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        if (*at == '\n' && depth == 0 && at[1] != '\0') {
            // Early ones, since long bodies are the harder ones.
            int64_t weight = (lines++ < 12 ? 4 : 1) * (is_begun(line, (size_t)(at - line)) ? 8 : 1);
            seen += weight;
            cut = net_below(net, seen) < weight ? (size_t)(at - text) + 1 : cut;
        }
        line = *at == '\n' ? at + 1 : line;
    }
    return cut;
}

// "v3, v8" of the results made behind the cut, with another first letter.
static void list_results(const struct net *net, const struct results *results, size_t cut,
                         char letter, struct mopt_strbuf *out)
{
    bool first = true;
    for (int i = 0; i < results->count; i++) {
        if (made_behind(net, results->items[i], cut)) {
            mopt__strbuf_printf(out, "%s%c%d", first ? "" : ", ", letter, results->items[i]);
            first = false;
        }
    }
}

// What stands behind the cut goes into both branches of an If or into a Loop: it reads from outside
// whatever the cut has torn apart. Results r<number>.
static void wrap(struct net *net, const struct results *results, size_t cut)
{
    struct mopt_strbuf text = {0}, inner = {0}, outer = {0};
    const char *tail = mopt__strbuf_text(&net->body) + cut;
    list_results(net, results, cut, 'v', &inner);
    list_results(net, results, cut, 'r', &outer);
    mopt__strbuf_add_bytes(&text, mopt__strbuf_text(&net->body), cut);
    const char *names = mopt__strbuf_text(&inner);
    if (net_chance(net, 60) && net->input_count < INPUTS_MAX) {
        const struct shape none = {.rank = 0, .type = NET_BOOL};
        int p = net_input(net, &none);
        mopt__strbuf_printf(&text,
                            "    %s = If<then_branch=graph () -> (%s) {\n%s    }, "
                            "else_branch=graph () -> (%s) {\n%s    }>(v%d);\n",
                            mopt__strbuf_text(&outer), names, tail, names, tail, p);
    } else {
        mopt__strbuf_add(&net->constants, "    int64 turns = {2};\n    bool on = {1};\n");
        mopt__strbuf_printf(&text,
                            "    %s = Loop<body=graph (int64 turn, bool go) -> (goes, %s) {\n"
                            "    goes = Identity(go);\n%s    }>(turns, on);\n",
                            mopt__strbuf_text(&outer), names, tail);
    }
    mopt__strbuf_release(&net->body);
    net->body = text;
    mopt__strbuf_release(&inner);
    mopt__strbuf_release(&outer);
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
    if (family >= NET_MATRIX && !net->exact && net_chance(net, 30)) {
        // Something long in front, so that a body begins in the middle of it.
        const struct net_makers front =
            family == NET_MATRIX ? net_attention_makers() : net_dynamic_makers();
        net_make(net, &front, 1);
    }
    net_make(net, &makers, 3 + (int)net_below(net, family == NET_FLOW ? 6 : 14));
}

void random_net_of(enum net_family family, uint64_t seed, struct mopt_strbuf *out)
{
    struct net net = {.exact = family == NET_EXACT, .reuse = 40};
    struct mopt_strbuf text = {0};
    struct results results = {.count = 0};
    mopt__rng_init(&net.rng, seed * NET_FAMILY_COUNT + (uint64_t)family);
    net.fixed_axes = net_chance(&net, 30) ? 1 : 0;
    fill(&net, family);
    choose_results(&net, &results);
    size_t cut = net_chance(&net, 30) ? choose_cut(&net) : 0;
    bool torn = false;
    for (int i = 0; i < results.count && cut > 0; i++) {
        torn = torn || made_behind(&net, results.items[i], cut);
    }
    results_text(&net, &results, torn ? cut : 0, &text);
    if (torn) {
        wrap(&net, &results, cut);
    }
    mopt__strbuf_printf(out,
                        "// %s %llu\nmodel (ir=10, opset=21, \"com.microsoft\"=1) {\n"
                        "  graph main (%s) -> (%s) {\n%s%s  }\n}\n",
                        net_family_names[family], (unsigned long long)seed,
                        mopt__strbuf_text(&net.inputs), mopt__strbuf_text(&text),
                        mopt__strbuf_text(&net.constants), mopt__strbuf_text(&net.body));
    mopt__strbuf_release(&text);
    release(&net);
}
