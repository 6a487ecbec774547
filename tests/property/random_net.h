// SPDX-License-Identifier: Apache-2.0
// Random networks of common operators with shapes that fit, as text. Every network is valid and
// runs; passes find something to do in most of them.
#ifndef MOPT_TESTS_PROPERTY_RANDOM_NET_H
#define MOPT_TESTS_PROPERTY_RANDOM_NET_H

#include "base/strings.h"

// Text form of the network of this seed with about so many nodes.
void random_net(uint64_t seed, int nodes, struct mopt_strbuf *out);

#endif
