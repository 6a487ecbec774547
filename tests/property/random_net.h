// SPDX-License-Identifier: Apache-2.0
// Random networks with shapes that fit, as text. Every network is valid and runs.
#ifndef MOPT_TESTS_PROPERTY_RANDOM_NET_H
#define MOPT_TESTS_PROPERTY_RANDOM_NET_H

#include "base/strings.h"

// Text form of the network of this seed with about so many nodes; passes find something to do in
// most of them.
void random_net(uint64_t seed, int nodes, struct mopt_strbuf *out);

// What a network is mostly made of. The first line of the text says it: "// image 17".
enum net_family {
    NET_IMAGE,  // convolutions, pools, parts of channels
    NET_MATRIX, // products, normalizations, attention, reductions
    NET_CODES,  // quantized, floats in between and behind
    NET_EXACT,  // quantized from end to end: "// exact", results have the same bytes everywhere
    NET_FLOW,   // bodies, recurrent nodes, some of all else
    NET_FAMILY_COUNT
};
extern const char *const net_family_names[NET_FAMILY_COUNT];
void random_net_of(enum net_family family, uint64_t seed, struct mopt_strbuf *out);

#endif
