// SPDX-License-Identifier: Apache-2.0
// Convolutions: those that follow each other on images so large that they are run band by band (one
// action each chain; the first row is run with several numbers of threads), and dilated ones larger
// than their image.
#include "lower_cases.h"

const struct lowered mopt__lowered_conv[] = {
    {"wider, by channel, narrower, with a residual; two images",
     "graph main (float[2,8,41,64] x) -> (float[2,8,41,64] y) {"
     "  float[40,8,1,1] u = @320; float[40] b = @40; float[40,1,3,3] v = @360;"
     "  float[8,40,1,1] w = @320; float six = {6}; float none = {0}; a = Conv(x, u, b);"
     "  r = Clip(a, none, six); d = Conv<pads=[1,1,1,1], group=40>(r, v); e = Relu(d);"
     "  p = Conv(e, w); y = Add(p, x); }",
     1e-5, 1},
    {"strides, five rows, nothing above",
     "graph main (float[1,4,81,64] x) -> (float[1,6,39,31] y) {"
     "  float[40,4,1,1] u = @160; float[40,1,5,3] v = @600; float[6,40,1,1] w = @240;"
     "  a = Conv(x, u); r = Sigmoid(a); g = Mul(a, r);"
     "  d = Conv<pads=[0,0,1,0], strides=[2,2], group=40>(g, v); y = Conv(d, w); }",
     1e-5, 2}, // what the stride leaves is small
    {"a plain window first, rows far apart, one that two others read",
     "graph main (float[1,3,64,67] x) -> (float[1,48,32,32] d, float[1,48,30,32] s) {"
     "  float[48,3,3,3] u = @1296; float[48,1,3,3] v = @432; float[48,1,5,1] w = @240;"
     "  a = Conv<pads=[1,1,1,1], strides=[1,1]>(x, u); r = Relu(a);"
     "  d = Conv<pads=[0,0,3,0], dilations=[2,2], group=48, strides=[2,2]>(r, v);"
     "  s = Conv<pads=[1,0,1,0], group=48>(d, w); }",
     1e-5, -1},
    {"an image that a Concat holds is written whole",
     "graph main (float[1,8,64,64] x) -> (float[1,112,64,64] y) {"
     "  float[56,8,1,1] u = @448; float[56,1,3,3] v = @504;"
     "  a = Conv(x, u); r = Relu(a); d = Conv<pads=[1,1,1,1], group=56>(r, v);"
     "  y = Concat<axis=1>(r, d); }",
     1e-5, -1},
    {"taps that never meet the image",
     "graph main (float[2,3,5,6] x, float[1,3,9] v) -> (float[2,4,5,6] a, float[2,4,5,6] b,"
     " float[2,3,9,6] c, float[2,4,2,4] d, float[1,4,9] e) {"
     "  float[4,3,3,3] w = @108; float[4,3,3,3] u = @108; float[3,1,5,3] k = @45;"
     "  float[4,3,3,2] m = @72; float[4,3,5] n = @60; float[4] t = @4;"
     "  i = Conv<dilations=[7,6], pads=[7,6,7,6]>(x, w); a = Relu(i);"
     "  float[1] s = {2}; f = Conv<dilations=[5,4], pads=[5,4,5,4]>(x, u, t); b = Mul(f, s);"
     "  c = Conv<dilations=[4,6], pads=[12,6,8,6], group=3>(x, k);"
     "  d = Conv<dilations=[1,3], pads=[6,0,3,4], strides=[6,2]>(x, m);"
     "  e = Conv<dilations=[9], pads=[18,18]>(v, n); }",
     1e-5, -1},
    {"taps that never meet the image, further from it than the padding is wide",
     "graph main (float[2,3,5,6] x) -> (float[2,4,3,6] y) {"
     "  float[4,3,2,1] w = @24; y = Conv<dilations=[8,1], pads=[6,0,0,0]>(x, w); }",
     1e-5, -1},
};
const size_t mopt__lowered_conv_count = sizeof mopt__lowered_conv / sizeof mopt__lowered_conv[0];
