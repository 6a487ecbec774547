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
int net_quantize(struct net *net, int v, enum net_type type, struct codes codes);
struct kept net_choose_kept(struct net *net);
// Of the value that was made dequantizing v's codes; new ones when there are none.
struct kept net_codes_of(struct net *net, int v);
// Behind a node: codes again, always in an exact network.
void net_settle(struct net *net, int y, struct kept kept);
bool net_settle_new(struct net *net, int y); // by new codes; true
// axis < 0: one scale only.
struct coded_weight net_code_weight(struct net *net, struct shape shape, int axis, int64_t terms);
int net_real_weight(struct net *net, struct coded_weight w, int axis); // d<result>
// A bias of so many channels: ", c7" or ", d7" or nothing.
void net_bias_text(struct net *net, int64_t channels, struct mopt_strbuf *out);
bool net_choose_conv(struct net *net, int v, struct coded_conv *c);
void net_conv_attributes(struct net *net, const struct coded_conv *c);
bool net_joins(const struct shape *a, const struct shape *b, int axis);
bool net_window_kept(struct net *net, const struct shape *x, int v);
bool net_like(const struct shape *a, const struct shape *b, int axis);
// net_moved.c
bool net_add_joined(struct net *net, int v);
bool net_add_cut(struct net *net, int v);
bool net_add_moved(struct net *net, int v);

#endif
