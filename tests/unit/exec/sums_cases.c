// SPDX-License-Identifier: Apache-2.0
// Integer products and convolutions in the forms that quantizers write, and in others that are
// legal: what lowering is tried on, one row each. Integers must be the same.
#include "lower_cases.h"

const struct lowered mopt__lowered_sums[] = {
    {"an integer bias that the run makes of a float one and the scales, in front of the floats",
     "graph main (float[1,4,7,7] x) -> (float[1,6,4,4] y) {"
     "  uint8[6,4,3,3] w = $216; uint8 zw = {121}; float sw = {0.01}; float[6] b = @6;"
     "  int64[4] form = {1, -1, 1, 1}; q, s, z = DynamicQuantizeLinear(x); u = Mul(s, sw);"
     "  d = Div(b, u); e = Floor(d); c = Cast<to=6>(e);"
     "  i = ConvInteger<pads=[1,1,1,1], strides=[2,2]>(q, w, z, zw); r = Reshape(c, form);"
     "  j = Add(i, r); f = Cast<to=1>(j); t = Mul(s, sw); m = Mul(f, t); g = Sigmoid(m);"
     "  y = Mul(m, g); }",
     1e-4, 7},
    {"sums that stay integers: of a product, of convolutions, of groups, of each channel",
     "graph main (uint8[2,35,6,5] x, int8[3,7] a) ->"
     "    (int32[3,5] c, int32[2,4,6,5] d, int32[2,10,3,3] e, int32[2,35,6,5] f) {"
     "  int8[7,5] w = #35; uint8[4,35,1,1] u = $140; uint8[10,7,3,3] v = $630;"
     "  uint8[35,1,3,3] k = $315; uint8 zu = {100}; uint8[10] zv = $10; uint8 zx = {77};"
     "  c = MatMulInteger(a, w); d = ConvInteger(x, u, zx, zu);"
     "  e = ConvInteger<group=5, strides=[2,2], pads=[1,1,1,1]>(x, v, zx, zv);"
     "  f = ConvInteger<group=35, pads=[1,1,1,1]>(x, k, zx); }",
     0, 4},
    {"signed and unsigned operands, zero points by column, none, of the run",
     "graph main (int8[3,9] x, uint8[3,9] u, int8[] z, uint8[] o) ->"
     "    (int32[3,5] a, int32[3,5] b, float[3,5] c, float[3,5] d) {"
     "  int8[9,5] w = #45; uint8[9,5] v = $45; int8[5] zw = #5; uint8[5] zv = $5;"
     "  float s = {0.01}; float[5] t = {0.1, 0.2, 0.3, 0.1, 0.2}; int32[5] k = #5; int32 one = {7};"
     "  a = MatMulInteger(x, v, z, zv); e = MatMulInteger(x, w, z, zw); b = Add(one, e);"
     "  f = MatMulInteger(u, w, o); g = Cast<to=1>(f); c = Mul(s, g);"
     "  h = MatMulInteger(u, v, o, zv); i = Add(h, k); j = Cast<to=1>(i); l = Mul(j, t);"
     "  d = Relu(l); }",
     1e-6, 4},
    {"images of signed codes, a bias of one number, sums that others read",
     "graph main (int8[1,5,6,7] x, int8[] z) -> (float[1,4,6,7] y, int32[1,4,6,7] j, float[1,3,6] "
     "v)"
     " { int8[4,5,3,3] w = #180; int32 b = {11}; float s = {0.02}; int8[3,5,2] u = #30;"
     "  int32[3,1] c = #3; int8[1,5,7] p = #35;"
     "  i = ConvInteger<auto_pad=\"SAME_UPPER\">(x, w, z); j = Add(i, b); f = Cast<to=1>(j);"
     "  y = Mul(f, s); n = Neg(p); k = ConvInteger(n, u); l = Add(c, k); v = Cast<to=1>(l); }",
     1e-6, -1},
    {"sums that DequantizeLinear scales, by one number or by column",
     "model (ir=8, opset=19) { graph main (float[4,9] x, float[1,4,5,5] p) ->"
     "    (float[4,6] y, float[1,3,5,5] v, float[4,6] u) {"
     "  int8[9,6] w = #54; int8[3,4,1,1] k = #12; float sw = {0.01}; float[3] sk = {0.1, 0.2, 0.3};"
     "  int32 none = {0}; int32 some = {3}; q, s, z = DynamicQuantizeLinear(x); t = Mul(s, sw);"
     "  i = MatMulInteger(q, w, z); y = DequantizeLinear(i, t, none);"
     "  a, b, c = DynamicQuantizeLinear(p); e = ConvInteger(a, k, c);"
     "  v = DequantizeLinear<axis=1>(e, sk); g = MatMulInteger(q, w, z);"
     "  u = DequantizeLinear(g, sw, some); } }",
     1e-5, -1},
    {"sums that DequantizeLinear scales along the one axis or the other",
     "model (ir=8, opset=19) { graph main (float[2,6,9] x) -> (float[2,6,6] y, float[2,6,6] v) {"
     "  int8[9,6] w = #54; float[6] s = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};"
     "  q, r, z = DynamicQuantizeLinear(x); i = MatMulInteger(q, w, z);"
     "  y = DequantizeLinear<axis=-1>(i, s); j = MatMulInteger(q, w, z);"
     "  v = DequantizeLinear<axis=1>(j, s); } }",
     1e-6, -1},
    {"scales one behind the other, a scale of the image, and none",
     "graph main (float[1,4,6,6] x, float[1,3,6,6] o) ->"
     "    (float[1,3,6,6] a, float[1,3,6,6] b, float[1,3,6,6] c) {"
     "  uint8[3,4,3,3] w = $108; uint8 zw = {99}; float[3,1,1] sw = {0.1, 0.2, 0.3};"
     "  float[1,3,1,1] k = @3; q, s, z = DynamicQuantizeLinear(x);"
     "  i = ConvInteger<pads=[1,1,1,1]>(q, w, z, zw); f = Cast<to=1>(i); g = Mul(f, s);"
     "  h = Mul(sw, g); m = Add(h, k); a = Relu(m);"
     "  j = ConvInteger<pads=[1,1,1,1]>(q, w, z, zw); l = Cast<to=1>(j); b = Mul(l, o);"
     "  n = ConvInteger<pads=[2,2,2,2], dilations=[2,2]>(q, w, z, zw); c = Cast<to=1>(n); }",
     1e-4, 8},
    {"products of two computed operands: zero points by column, batches, turned ones, a bias",
     "graph main (float[2,3,5,9] x, float[3,9,6] y, uint8[4,7] u, int8[7,5] v, int8[5] z) ->"
     "    (float[2,3,5,6] a, int32[4,5] b, float[2,3,9,9] c, int32[4,5] d) {"
     "  float[6] k = @6; int32[5] t = #5; uint8 e = {3};"
     "  q, s, o = DynamicQuantizeLinear(x); p, r, m = DynamicQuantizeLinear(y);"
     "  i = MatMulInteger(q, p, o, m); f = Cast<to=1>(i); g = Mul(s, r); h = Mul(f, g);"
     "  j = Add(h, k); a = Relu(j); l = MatMulInteger(u, v, e, z); b = Add(l, t);"
     "  n = Transpose<perm=[0,1,3,2]>(q); w = MatMulInteger(n, q, o, o); c = Cast<to=1>(w);"
     "  d = MatMulInteger(u, v); }",
     1e-4, 7},
    {"constant matrices of more axes, a vector, a constant left operand",
     "graph main (uint8[2,4,6] x, uint8[6] v, uint8[6,3] r) ->"
     "    (int32[2,4,5] a, int32[2,4,3] b, float[5] c, int32[4,3] d) {"
     "  int8[1,6,5] w = #30; uint8[2,6,3] u = $36; uint8[2,1,3] zu = $6; int8[6,5] m = #30;"
     "  uint8[4,6] k = $24; float s = {0.1}; uint8 z = {100};"
     "  a = MatMulInteger(x, w, z); b = MatMulInteger(x, u, z, zu); e = MatMulInteger(v, m, z);"
     "  f = Cast<to=1>(e); c = Mul(f, s); d = MatMulInteger(k, r, z); }",
     1e-6, -1},
    {"codes of a quantizer with constant scales, in and out",
     "graph main (float[3,9] x, float[1,4,6,6] p) -> (float[3,5] y, uint8[1,3,6,6] v) {"
     "  float s = {0.02}; uint8 z = {130}; int8[9,5] w = #45; float t = {0.001};"
     "  int8[3,4,1,1] k = #12; float r = {0.05};"
     "  q = QuantizeLinear(x, s, z); i = MatMulInteger(q, w, z); f = Cast<to=1>(i); y = Mul(f, t);"
     "  c = QuantizeLinear(p, s, z); j = ConvInteger(c, k, z); g = Cast<to=1>(j); h = Mul(g, t);"
     "  v = QuantizeLinear(h, r, z); }",
     1, 5},
    {"operators on codes whose scales and zero points the run makes",
     "graph main (float[2,4,6,5] x, float[3,7] m) ->"
     "    (uint8[2,6,6,5] a, int8[3,5] b, uint8[3,3] c, uint8[2,4,6,5] d) {"
     "  uint8[6,4,3,3] w = $216; float[6] sw = {0.01, 0.02, 0.01, 0.03, 0.02, 0.01};"
     "  uint8[6] zw = $6; int32[6] k = #6; float t = {0.4}; uint8 o = {90}; int8[7,5] u = #35;"
     "  float[1] one = {0.02}; int8[1] zu = {3}; int8 p = {-5};"
     "  float tiny = {0.001}; uint8[4,1,1,1] dw = $4; uint8 zero = {0};"
     "  q, s, z = DynamicQuantizeLinear(x); r, e, f = DynamicQuantizeLinear(m);"
     "  a = QLinearConv<pads=[1,1,1,1]>(q, s, z, w, sw, zw, t, o, k);"
     "  g = Mul(e, one);"
     "  b = QLinearMatMul(r, e, f, u, g, zu, t, p); h = Transpose(r);"
     "  c = QLinearMatMul(r, e, f, h, e, f, t, f);"
     "  d = QLinearConv<group=4>(q, s, z, dw, tiny, zero, s, z); }",
     0, -1},
    {"products of what DequantizeLinear makes of codes by scales of the run",
     "graph main (float[2,4,6,5] x, float[3,7] m, float[1,4,7] n) ->"
     "    (float[2,6,6,5] a, float[3,5] b, float[3,3] c, float[1,3,5] d, float[3,7] e) {"
     "  int8[6,4,3,3] w = #216; float[6] sw = {0.01, 0.02, 0.01, 0.03, 0.02, 0.01}; float[6] k = "
     "@6;"
     "  uint8[7,5] u = $35; float su = {0.01}; uint8 zu = {120}; int8[3,4,3] v = #36;"
     "  float sv = {0.03}; q, s, z = DynamicQuantizeLinear(x); f = DequantizeLinear(q, s, z);"
     "  wd = DequantizeLinear<axis=0>(w, sw); g = Conv<pads=[1,1,1,1]>(f, wd, k); a = Relu(g);"
     "  h, i, j = DynamicQuantizeLinear(m); e = DequantizeLinear(h, i, j);"
     "  ud = DequantizeLinear(u, su, zu); b = MatMul(e, ud); l = Transpose(h);"
     "  o = DequantizeLinear(l, i, j); c = MatMul(e, o); r, p, y = DynamicQuantizeLinear(n);"
     "  t = DequantizeLinear(r, p, y); vd = DequantizeLinear(v, sv); d = Conv(t, vd); }",
     2e-5, 8},
    {"volumes: windows of three axes, of groups, of each channel, of one point, and what follows",
     "graph main (uint8[2,4,3,6,5] x, float[1,35,4,3,3] v) ->"
     "    (int32[2,6,3,6,5] a, uint8[2,6,2,3,3] b, float[1,35,4,3,3] c, float[2,5,3,6,5] d) {"
     "  uint8[6,4,3,3,3] w = $648; uint8 zw = {121}; uint8 z = {77}; int8[6,2,2,3,2] g = #144;"
     "  float s = {0.02}; float[6] sg = {0.01, 0.02, 0.01, 0.03, 0.02, 0.01};"
     "  int8[6] none = {0, 0, 0, 0, 0, 0}; int32[6] k = #6; float t = {0.3}; uint8 o = {90};"
     "  int8[35,1,3,3,3] dw = #945; float[35,1,1,1] sd = @35; int8[5,4,1,1,1] p = #20;"
     "  a = ConvInteger<pads=[1,1,1,1,1,1]>(x, w, z, zw);"
     "  b = QLinearConv<group=2, strides=[2,2,2], pads=[1,1,0,0,0,1]>"
     "(x, s, z, g, sg, none, t, o, k);"
     "  q, r, e = DynamicQuantizeLinear(v); i = ConvInteger<group=35, pads=[1,1,1,1,1,1]>(q, dw, "
     "e);"
     "  f = Cast<to=1>(i); h = Mul(r, sd); m = Mul(f, h); n = Relu(m); c = Add(n, v);"
     "  j = ConvInteger(x, p, z); l = Cast<to=1>(j); y = Mul(l, s); d = Sigmoid(y); }",
     1e-4, 5},
    {"scales of the rows of a matrix, which are none of its columns",
     "graph main (float[3,5] x) -> (float[3,5] y, float[3,5] v) {"
     "  int8[5,5] w = #25; float[5] s = {0.1, 0.2, 0.3, 0.4, 0.5};"
     "  q, r, z = DynamicQuantizeLinear(x); d = DequantizeLinear(q, r, z);"
     "  a = DequantizeLinear<axis=0>(w, s); y = MatMul(d, a);"
     "  b = DequantizeLinear<axis=-1>(w, s); v = MatMul(d, b); }",
     1e-5, -1},
    {"a sum of codes that is too long for an integer",
     "graph main (float[1,120000] x) -> (float[1,1] y) {"
     "  a = Abs(x); q, s, z = DynamicQuantizeLinear(a); d = DequantizeLinear(q, s, z);"
     "  t = Transpose(q); e = DequantizeLinear(t, s, z); y = MatMul(d, e); }",
     1e-4, -1},
};
const size_t mopt__lowered_sums_count = sizeof mopt__lowered_sums / sizeof *mopt__lowered_sums;
