// SPDX-License-Identifier: Apache-2.0
// Codes in a random network: what the makers of quantized nodes share.
#ifndef MOPT_TESTS_PROPERTY_NET_CODES_H
#define MOPT_TESTS_PROPERTY_NET_CODES_H

#include "property/net.h"

struct kept {
    struct codes codes;
    enum net_type type;
};

struct coded_weight {
    int name; // constant
    enum net_type type;
    struct codes codes;
    bool per_channel;
};

struct coded_conv {
    struct shape weight, out;
    int64_t groups, kernel, stride, dilation, pads[2]; // before, behind
};

int net_zero_point(struct net *net, enum net_type type, int64_t value);
struct codes net_choose_codes(struct net *net, enum net_type type);
void net_codes_text(struct net *net, char kind, int name, struct codes codes);
int net_dequantize(struct net *net, int q);
// axis < 0: one scale only.
struct coded_weight net_code_weight(struct net *net, struct shape shape, int axis, int64_t terms);
bool net_choose_conv(struct net *net, int v, struct coded_conv *c);
void net_conv_attributes(struct net *net, const struct coded_conv *c);
bool net_joins(const struct shape *a, const struct shape *b, int axis);
bool net_window_kept(struct net *net, const struct shape *x, int v);
bool net_like(const struct shape *a, const struct shape *b, int axis);

#endif
