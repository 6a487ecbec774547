// SPDX-License-Identifier: Apache-2.0
// Images in a random network: what their makers (net_image.c, net_parts.c) share.
#ifndef MOPT_TESTS_PROPERTY_NET_IMAGE_H
#define MOPT_TESTS_PROPERTY_NET_IMAGE_H

#include "property/net.h"

enum { CHANNELS_MAX = 160 };

bool net_is_image(const struct shape *shape);
bool net_add_conv_1x1(struct net *net, int v);
// 3x3 or depthwise, the size kept; often with what stands behind convolutions.
bool net_add_block(struct net *net, int v);
// net_parts.c
bool net_add_concat(struct net *net, int v);
bool net_add_late_join(struct net *net, int v);
bool net_add_split(struct net *net, int v);
bool net_add_slice(struct net *net, int v);
bool net_add_pad(struct net *net, int v);

#endif
