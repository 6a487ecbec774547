// SPDX-License-Identifier: Apache-2.0
// A random network in the making: values with their shapes, constants and nodes as text. What the
// makers of nodes (net_*.c) share; private to them and random_net.c.
#ifndef MOPT_TESTS_PROPERTY_NET_H
#define MOPT_TESTS_PROPERTY_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/size.h"
#include "base/strings.h"

enum { VALUES_MAX = 256, RANK_MAX = 5, ELEMENTS_MAX = 20000, WEIGHTS_MAX = 64, INPUTS_MAX = 8 };

// RESULT: float that no node may read. HIDDEN: nobody, of a body that is closed, say.
enum net_type { NET_FLOAT, NET_U8, NET_I8, NET_I32, NET_BOOL, NET_RESULT, NET_HIDDEN };

struct shape {
    int rank;
    int64_t dims[RANK_MAX];
    enum net_type type;
};

struct codes { // constants c<scale> and c<zero> of a tensor of codes; zero -1: none
    int scale, zero;
};

struct weight {
    struct shape shape;
    int name;
};

struct net {
    struct mopt_rng rng;
    struct mopt_strbuf constants, body, inputs;
    struct shape values[VALUES_MAX]; // v0, v1, ...
    struct codes codes[VALUES_MAX];  // of those that are codes
    int count;
    int names;      // of constants and helpers
    int fixed_axes; // leading axes (0 or 1) whose size a node must not depend on
    int depth;      // of bodies
    bool exact;     // only what must give the same bytes everywhere
    struct weight weights[WEIGHTS_MAX];
    int weight_count;
    int reuse; // chance in percent that a weight is one that was made before
    int input_count;
};

// A maker takes value v and adds a node or a few; false when v is not of its kind.
typedef bool (*net_maker)(struct net *net, int v);
struct net_makers {
    const net_maker *items;
    size_t count;
};

int64_t net_below(struct net *net, int64_t bound); // 0 when bound < 1
bool net_chance(struct net *net, int percent);
int64_t net_elements(const struct shape *shape);
bool net_same_dims(const struct shape *a, const struct shape *b);
int64_t net_one_of(struct net *net, const int64_t *items, size_t count);
#define NET_ONE_OF(net, ...)                          \
    net_one_of((net), (const int64_t[]){__VA_ARGS__}, \
               MOPT_COUNTOF(((const int64_t[]){__VA_ARGS__})))

// Enters the result of the next node; the caller writes the node.
int net_result(struct net *net, const struct shape *shape);
// Writes "v<result> = <node>;" and enters the result.
int net_add(struct net *net, const struct shape *shape, const char *node, ...) MOPT_PRINTF(3, 4);
// Writes lines as they are, for helpers that are not values.
void net_line(struct net *net, const char *line, ...) MOPT_PRINTF(2, 3);
// Value of the type, mostly a new one; -1: none.
int net_pick(struct net *net, enum net_type type);
// Another value of the same type for which fits(a, b, axis) holds, v itself if there is none.
int net_pick_like(struct net *net, int v, int axis,
                  bool (*fits)(const struct shape *a, const struct shape *b, int axis));
int net_input(struct net *net, const struct shape *shape); // new input of the graph
void net_type_text(struct mopt_strbuf *out, const struct shape *shape);
const char *net_type_name(enum net_type type);
void net_make(struct net *net, const struct net_makers *makers, int nodes);
void net_ints_text(struct net *net, const char *name, const int64_t *values, int count);

// ---- Constants c<name>
enum fill { FILL_RANDOM, FILL_POSITIVE, FILL_ZERO, FILL_ONE };
int net_constant(struct net *net, const struct shape *shape, enum fill fill);
int net_scalar(struct net *net, double value);
int net_integers(struct net *net, const int64_t *values, int count);
// Random elements, sums of `terms` of which stay about as large as what they weigh; sometimes one
// that was made before.
int net_weight(struct net *net, const struct shape *shape, int64_t terms);

// ---- Makers
struct net_makers net_common_makers(void);
struct net_makers net_image_makers(void);
struct net_makers net_matrix_makers(void);
struct net_makers net_codes_makers(void);
struct net_makers net_integer_makers(void);
struct net_makers net_flow_makers(void);
struct net_makers net_attention_makers(void); // of them, what consists of many nodes
struct net_makers net_dynamic_makers(void);
void net_codes_start(struct net *net, int v); // codes of v

#endif
