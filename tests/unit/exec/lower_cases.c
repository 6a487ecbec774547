// SPDX-License-Identifier: Apache-2.0
// What lowering is tried on: floats, parts of images, bodies, codes, one row each.
#include "lower_cases.h"

const struct lowered mopt__lowered[] = {
    {"convolution, normalization, activation, residual",
     "graph main (float[2,6,7,9] x) -> (float[2,6,7,9] y) {"
     "  float[6,6,3,3] w = @324; float[6] s = @6; float[6] t = @6; float[6] m = @6;"
     "  float[6] v = {1, 2, 0.5, 3, 1, 0.25}; float[6] b = @6;"
     "  c = Conv<pads=[1,1,1,1]>(x, w, b); n = BatchNormalization(c, s, t, m, v); r = Relu(n);"
     "  y = Add(r, x); }",
     1e-5, 1},
    {"residual before the activation; gate",
     "graph main (float[1,4,5,5] x) -> (float[1,4,5,5] z) {"
     "  float[4,4,3,3] w = @144; float[4,4,1,1] u = @16;"
     "  c = Conv<pads=[1,1,1,1]>(x, w); a = Add(x, c); y = Relu(a);"
     "  d = Conv(y, u); g = Sigmoid(d); e = Mul(d, g); z = Add(e, y); }",
     1e-5, 2},
    {"few channels in strips: of one axis, with a residual, apart in a Concat, into a body of an "
     "image",
     "graph main (float[1,1,150] x, float[2,3,9,23] p) -> (float[1,2,36] y, float[2,7,9,23] j,"
     " float[2,2,9,23] e) {"
     "  float[2,1,41] w = @82; float[2] b = @2; float[2,3,3,5] u = @90; float[2,2,3,3] v = @36;"
     "  float[3,4,1,1] o = @12; float[3,3,5,3] q = @135; c = Conv<strides=[3]>(x, w, b);"
     "  y = Tanh(c); d = Conv<pads=[1,2,1,2]>(p, u); f = Conv<pads=[1,1,1,1]>(d, v);"
     "  g = Add(f, d); e = Relu(g); k = Concat<axis=1>(e, d); h = Conv(k, o);"
     "  i = Conv<pads=[2,1,2,1]>(h, q); j = Concat<axis=1>(i, e, d); }",
     1e-5, -1},
    {"images that come and go with their channels last",
     "graph main (float[1,6,7,3] x, float[2,9,4] t) -> (float[1,6,7,5] y, float[1,6,7,5] r,"
     " float[2,9,3] s, float[2,4,9] o, float[1,7,5,6] z) {"
     "  float[5,3,3,3] w = @135; float[3,4,3] k = @36;"
     "  a = Transpose<perm=[0,-1,1,2]>(x); c = Conv<pads=[1,1,1,1]>(a, w);"
     "  r = Transpose<perm=[0,2,3,1]>(c); y = Tanh(r); z = Transpose<perm=[0,3,1,2]>(c);"
     "  o = Transpose<perm=[0,2,1]>(t); d = Conv<pads=[1,1]>(o, k);"
     "  s = Transpose<perm=[0,2,1]>(d); }",
     1e-5, -1},
    {"images with channels last are what convolutions work on",
     "graph main (float[1,6,7,3] x, float[2,9,4] t) -> (float[1,6,7,5] y, float[2,9,3] s) {"
     "  float[5,3,3,3] w = @135; float[3,4,3] k = @36;"
     "  a = Transpose<perm=[0,3,1,2]>(x); c = Conv<pads=[1,1,1,1]>(a, w);"
     "  b = Transpose<perm=[0,2,3,1]>(c); y = Tanh(b);"
     "  o = Transpose<perm=[0,2,1]>(t); d = Conv<pads=[1,1]>(o, k);"
     "  e = Transpose<perm=[0,2,1]>(d); s = Softmax<axis=-1>(e); }",
     1e-5, 4},
    {"one spatial axis as two, one of which is 1",
     "graph main (float[2,21,6] x) -> (float[2,18,5] y) {"
     "  float[5,6,1,4] w = @120; float[1,5,1] b = @5; float[5,1] f = @5; int64[1] one = {1};"
     "  int64[1] two = {2}; u = Unsqueeze(x, one); t = Transpose<perm=[0,3,1,2]>(u);"
     "  c = Conv(t, w); q = Squeeze(c, two); m = Mul(f, q); a = Sub(b, m); r = Relu(a);"
     "  y = Transpose<perm=[0,2,1]>(r); }",
     1e-5, 3},
    {"pixels of an image in one axis, and back",
     "graph main (float[2,3,4,7] x) -> (float[2,28,5] y, float[2,4,7,2] z) {"
     "  float[5,3,3,3] w = @135; float[2,5,3,3] v = @90; int64[3] flat = {2, 5, 28};"
     "  int64[4] image = {2, 5, 4, 7}; c = Conv<pads=[1,1,1,1]>(x, w); f = Reshape(c, flat);"
     "  y = Transpose<perm=[0,2,1]>(f); r = Reshape(f, image); d = Conv<pads=[1,1,1,1]>(r, v);"
     "  z = Transpose<perm=[0,2,3,1]>(d); }",
     1e-5, 3},
    {"the same, pixels apart",
     "graph main (float[2,4,5,6] x) -> (float[2,9,5,6] y) {"
     "  float[4,4,1,1] w = @16; float[5,4,3,3] k = @180; float[1] s = {0.75}; float b = {-0.3};"
     "  c = Conv(x, w); h = HardSwish(c); a = Mul(s, h); e = Add(a, b);"
     "  d = Conv<pads=[1,1,1,1]>(x, k); r = Elu(d); f = Add(b, r);"
     "  y = Concat<axis=1>(e, f); }",
     1e-5, 3},
    {"numbers that multiply and shift what a function makes",
     "graph main (float[2,4,5,6] x, float[7,4] p) -> (float[2,4,5,6] y, float[2,3,10,12] t,"
     " float[7,5] q, float[7,5] n) {"
     "  float[4,4,1,1] w = @16; float[4,1,3,3] k = @36; float[1] s = {0.75}; float b = {-0.3};"
     "  float[4,3,2,2] u = @48; float[4,5] m = @20; float two = {2}; c = Conv(x, w);"
     "  g = HardSigmoid<alpha=0.2, beta=0.5>(c); h = Mul(c, g); a = Mul(s, h); e = Add(a, b);"
     "  d = Conv<pads=[1,1,1,1], group=4>(e, k); r = Relu(d); f = Mul(r, two); y = Add(f, x);"
     "  v = ConvTranspose<strides=[2,2]>(e, u); l = Tanh(v); t = Add(b, l);"
     "  i = MatMul(p, m); j = Mul(i, s); q = Add(j, b); o = Relu(q); n = Mul(two, o); }",
     1e-5, 6},
    {"depthwise, pooling, classifier",
     "graph main (float[2,8,9,9] x) -> (float[2,5] y) {"
     "  float[8,1,3,3] w = @72; float low = {0}; float high = {6}; float[5,8] f = @40;"
     "  float[5] b = @5; c = Conv<group=8, strides=[2,2], pads=[1,1,1,1]>(x, w);"
     "  r = Clip(c, low, high); p = GlobalAveragePool(r); v = Flatten(p);"
     "  y = Gemm<transB=1>(v, f, b); }",
     1e-5, 3},
    {"groups, stride, dilation, one axis",
     "graph main (float[1,8,33] x) -> (float[1,12,15] y) {"
     "  float[12,4,2] w = @96; c = Conv<group=2, strides=[2], dilations=[3], pads=[0,1]>(x, w);"
     "  y = LeakyRelu<alpha=0.1>(c); }",
     1e-5, 1},
    {"pooling windows, concatenation and split of channels",
     "graph main (float[1,3,8,8] x) -> (float[1,8,4,4] y, float[1,4,4,4] z) {"
     "  float[4,3,3,3] w = @108; int64[2] sizes = {2, 6};"
     "  c = Conv<pads=[1,1,1,1]>(x, w);"
     "  a = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(c);"
     "  b = AveragePool<kernel_shape=[2,2], strides=[2,2]>(c); y = Concat<axis=1>(a, b);"
     "  p, q = Split<axis=1>(y, sizes); k, l = Split<axis=1, num_outputs=2>(y); z = Mul(k, l); }",
     1e-5, 4},
    {"products: bias, Gelu by Erf, residual, normalization",
     "graph main (float[2,5,16] x) -> (float[2,5,16] y) {"
     "  float[16,32] w = @512; float[32] b = @32; float[32,16] u = @512; float[16] c = @16;"
     "  float[16] g = @16; float[16] h = @16; float root = {1.4142135}; float one = {1};"
     "  float half = {0.5}; n = LayerNormalization<axis=-1>(x, g, h); p = MatMul(n, w);"
     "  q = Add(b, p); d = Div(q, root); e = Erf(d); f = Add(e, one); i = Mul(q, f);"
     "  j = Mul(i, half); k = MatMul(j, u); l = Add(k, c); y = Add(x, l); }",
     2e-5, 3},
    {"parts of images: split, bottleneck with residual, joined again",
     "graph main (float[2,6,8,8] x) -> (float[2,5,8,8] y) {"
     "  float[8,6,1,1] w = @48; float[4,4,3,3] u = @144; float[4,4,3,3] v = @144;"
     "  float[5,12,1,1] o = @60; c = Conv(x, w); a, b = Split<axis=1, num_outputs=2>(c);"
     "  d = Conv<pads=[1,1,1,1]>(b, u); r = Relu(d); e = Conv<pads=[1,1,1,1]>(r, v);"
     "  f = Add(e, b); j = Concat<axis=1>(a, b, f); y = Conv(j, o); }",
     1e-5, 4},
    {"parts: pools of pools, an operand from outside, one twice, outputs that are parts",
     "graph main (float[1,4,9,7] x) -> (float[1,20,9,7] j, float[1,4,9,7] p, float[1,8,9,7] y) {"
     "  float[4,4,1,1] w = @16; float[20,1,3,3] u = @180; float[8,20,1,1] o = @160;"
     "  c = Conv(x, w); p = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(c);"
     "  q = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(p); j = Concat<axis=-3>(c, p, q, x, c);"
     "  d = Conv<group=20, pads=[1,1,1,1]>(j, u); y = Conv(d, o); }",
     1e-5, 6},
    {"parts of parts, wide ones by Winograd, resized, of one axis",
     "graph main (float[1,24,6,6] x, float[1,4,9] t) -> (float[1,72,12,12] y, float[1,6,9] s) {"
     "  float[24,24,3,3] w = @5184; float[48,48,1,1] o = @2304; float[4] twice = {1, 1, 2, 2};"
     "  float[4,4,3] k = @48; float[2,4,1] l = @8; c = Conv<pads=[1,1,1,1]>(x, w);"
     "  d = Conv<pads=[1,1,1,1]>(c, w); j = Concat<axis=1>(c, d); e = Conv(j, o);"
     "  f = Resize<mode=\"nearest\">(e, _, twice); g = Resize<mode=\"linear\">(d, _, twice);"
     "  y = Concat<axis=1>(f, g); m = Conv<pads=[1,1]>(t, k); n = Conv(m, l);"
     "  s = Concat<axis=1>(n, m); }",
     5e-4, 8},
    {"constants made of constants, read by a body that folds them further",
     "graph main (bool[1] p, float[3] x) -> (float[3] y) {"
     "  float[3] a = {1, 2, 3}; float[3] b = {4, 5, 6}; c = Add(a, b); d = Mul(c, a);"
     "  y = If<then_branch=graph () -> (t) { u = Neg(c); v = Add(u, d); t = Add(v, x); },"
     "         else_branch=graph () -> (t) { t = Sub(x, d); }>(p); }",
     1e-6, -1},
    {"a Concat whose operands a node read first",
     "graph main (float[1,4,6,6] x, float[1,3,6,6] e) -> (float[1,5,6,6] y, float[1,4,6,6] s) "
     "{ float[4,4,1,1] w = @16; float[5,7,1,1] o = @35; c = Conv(x, w); s = Sign(c); j = "
     "Concat<axis=1>(c, e); y = Conv(j, o); }",
     1e-05, -1},
    {"a Concat whose operand a body read first",
     "graph main (bool[1] p, float[1,4,6,6] x, float[1,3,6,6] e) -> (float[1,5,6,6] y, "
     "float[1,4,6,6] s) { float[4,4,1,1] w = @16; float[5,7,1,1] o = @35; c = Conv(x, w); s = "
     "If<then_branch=graph () -> (t) { t = Neg(c); }, else_branch=graph () -> (t) { t = "
     "Abs(c); }>(p); j = Concat<axis=1>(c, e); y = Conv(j, o); }",
     1e-05, -1},
    {"a Split that ran as a node between parts",
     "graph main (float[2,6,5,5] x) -> (float[2,6,5,5] y, float[2,3,5,5] a, float[2,12,5,5] k) "
     "{ float[6,6,1,1] w = @36; float[6,12,1,1] o = @72; c = Conv(x, w); s = Sign(c); a, b = "
     "Split<axis=1, num_outputs=2>(c); j = Concat<axis=1>(a, b, s); y0 = Conv(j, o); y = "
     "Add(y0, c); k = Concat<axis=1>(b, a, c); }",
     1e-05, -1},
    {"parts that became tensors before they were joined",
     "graph main (float[1,4,6,6] x, float[1,3,6,6] e) -> (float[1,7,6,6] y) { float[4,4,1,1] w "
     "= @16; c = Conv(x, w); s = Sign(c); j = Concat<axis=1>(c, e); y = Relu(j); }",
     1e-05, -1},
    {"parts in bodies",
     "graph main (bool[] p, float[1,4,6,6] x, float[1,4,6,6] e) -> (float[1,5,6,6] y) { "
     "float[4,4,1,1] w = @16; float[5,8,1,1] o = @40; y = If<then_branch=graph () -> (t) { c = "
     "Conv(x, w); s = Sign(c); j = Concat<axis=1>(c, e); t0 = Conv(j, o); t = Add(t0, t0); }, "
     "else_branch=graph () -> (t) { c = Conv(x, w); d = Conv(e, w); j = Concat<axis=1>(c, d); "
     "t = Conv(j, o); }>(p); }",
     1e-05, -1},
    {"scales of a loop made outside of it",
     "graph main (float[3,4] x, float[3,6] s0) -> (float[3,6] y) { int64 n = {5}; bool t = "
     "{1}; int8[4,6] w = #24; float ws = {0.1}; x2 = Relu(x); q, qs, qz = "
     "DynamicQuantizeLinear(x2); m = Mul(qs, ws); y = Loop<body=graph (int64 i, bool c, "
     "float[3,6] s) -> (c2, s2) { k = MatMulInteger(q, w, qz); f = Cast<to=1>(k); g = Mul(f, "
     "m); s2 = Add(s, g); c2 = Identity(c); }>(n, t, s0); }",
     0.0001, -1},
    {"queries of a loop turned outside of it",
     "graph main (float[1,5,2,4] x, float[1,2,5,4] s0) -> (float[1,2,5,4] y) { int64 n = {5}; "
     "bool t = {1}; x2 = Relu(x); q = Transpose<perm=[0,2,1,3]>(x2); y = Loop<body=graph "
     "(int64 i, bool c, float[1,2,5,4] s) -> (c2, s2) { c2 = Identity(c); kt = "
     "Transpose<perm=[0,1,3,2]>(s); a = MatMul(q, kt); p = Softmax<axis=-1>(a); s2 = MatMul(p, "
     "s); }>(n, t, s0); }",
     0.0001, -1},
    {"a product of constants made of constants",
     "graph main (float[3,6] x) -> (float[3,6] y) { float[3,4] a = @12; float[3,4] b = @12; "
     "float[4,6] w = @24; c = Add(a, b); m = MatMul(c, w); y = Add(x, m); }",
     1e-05, -1},
    {"a convolution of constants",
     "graph main (float[1,4,5,5] x) -> (float[1,4,5,5] y) { float[1,4,5,5] a = @100; "
     "float[1,4,5,5] b = @100; float[4,4,3,3] w = @144; c = Add(a, b); m = "
     "Conv<pads=[1,1,1,1]>(c, w); y = Add(x, m); }",
     1e-05, -1},
    {"constants made of constants and turned",
     "graph main (float[2,3,4] x) -> (float[2,3,5] y) { float[2,5,4] a = @40; float[2,5,4] b = "
     "@40; c = Add(a, b); t = Transpose<perm=[0,2,1]>(c); y = MatMul(x, t); }",
     1e-05, -1},
    {"one weight, two dilations",
     "graph main (float[1,3,8,8] x) -> (float[1,8,8,8] y, float[1,8,8,8] z) { int8[8,3,3,3] "
     "w=#216; float s={0.02}; uint8 zx={128}; float sw={0.01}; q=QuantizeLinear(x,s,zx); "
     "d=DequantizeLinear(q,s,zx); wd=DequantizeLinear(w,sw); y=Conv<pads=[1,1,1,1]>(d,wd); "
     "z=Conv<pads=[2,2,2,2], dilations=[2,2]>(d,wd); }",
     0.0001, -1},
    {"a factor of more axes than the result",
     "graph main (float[1,3,5,5] x) -> (float[1,1,4,5,5] y) { int8[4,3,1,1] w=#12; "
     "float[1,1,1,1,1] w1={0.1}; q,s,zz = DynamicQuantizeLinear(x); i=ConvInteger(q,w,zz); "
     "f=Cast<to=1>(i); t=Mul(s,w1); m=Mul(f,t); y=Neg(m); }",
     0.0001, -1},
    {"one weight, scales along two axes",
     "graph main (float[3,4] x) -> (float[3,4] y, float[3,4] z) { int8[4,4] w=#16; float[4] "
     "s={0.1,0.2,0.3,0.4}; w0=DequantizeLinear<axis=0>(w,s); w1=DequantizeLinear<axis=1>(w,s); "
     "y=MatMul(x,w0); z=MatMul(x,w1); }",
     1e-05, -1},
    {"one weight, two scales",
     "graph main (float[3,4] x, float[1,4,3,3] i) -> (float[3,4] y, float[3,4] z, "
     "float[1,4,3,3] p, float[1,4,3,3] r) { int8[4,4] w=#16; float s={0.1}; float t={0.3}; "
     "int8[4,4,1,1] v=#16; w0=DequantizeLinear(w,s); w1=DequantizeLinear(w,t); y=MatMul(x,w0); "
     "z=MatMul(x,w1); v0=DequantizeLinear(v,s); v1=DequantizeLinear(v,t); p=Conv(i,v0); "
     "r=Conv(i,v1); }",
     1e-05, -1},
    {"codes of a run that are results, too",
     "graph main (float[64,1] x) -> (float[64,8] y, uint8[64,1] q) { int8[1,8] w = #8; float "
     "ws = {0.1}; q, qs, qz = DynamicQuantizeLinear(x); i = MatMulInteger(q, w, qz); f = "
     "Cast<to=1>(i); m = Mul(qs, ws); y = Mul(f, m); }",
     0.0001, -1},
    {"codes of a table that are results, too",
     "graph main (uint8[64,3] x) -> (uint8[64,3] q, float[64,8] y) { float s = {0.05}; uint8 z "
     "= {120}; float r={0.06}; int8[3,8] w = #24; float sw={0.01}; d = DequantizeLinear(x, s, "
     "z); t = Sigmoid(d); q = QuantizeLinear(t, r, z); e = DequantizeLinear(q, r, z); wd = "
     "DequantizeLinear(w, sw); y = MatMul(e, wd); }",
     0.0001, -1},
    {"images resized by scales, sizes and a cubic rule",
     "graph main (float[2,3,5,4] x) ->"
     "    (float[2,6,10,8] a, float[2,6,7,3] b, float[2,6,9,4] c, float[2,6,8] d) {"
     "  float[6,3,1,1] w = @18; float[4] twice = {1, 1, 2, 2}; int64[4] sizes = {2, 6, 7, 3};"
     "  float[2] tall = {1.8, 1}; float[3] wide = {1, 1, 2}; int64[1] two = {2}; p = Conv(x, w);"
     "  a = Resize<mode=\"nearest\">(p, _, twice);"
     "  b = Resize<mode=\"linear\">(p, _, _, sizes);"
     "  c = Resize<mode=\"cubic\", axes=[2,3], coordinate_transformation_mode=\"align_corners\">"
     "(p, _, tall);"
     "  m = ReduceMax<keepdims=0>(p, two);"
     "  d = Resize<mode=\"linear\", coordinate_transformation_mode=\"asymmetric\">(m, _, wide); }",
     2e-5, 7},
    {"codes through functions, signed and unsigned",
     "graph main (uint8[2,5,4,4] x) -> (int8[2,5,4,4] y, uint8[2,5,4,4] z) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.03}; int8 p = {-100}; float u = {0.004};"
     "  d = DequantizeLinear(x, s, o); g = Sigmoid(d); m = Mul(d, g); y = QuantizeLinear(m, t, p);"
     "  e = DequantizeLinear(y, t, p); h = HardSigmoid(e); z = QuantizeLinear(h, u); }",
     0, 1},
    {"codes through functions that are not quantized between; numbers on either side",
     "graph main (uint8[2,5,4,4] x) -> (int8[2,5,4,4] y, uint8[2,5,4,4] z) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.03}; int8 p = {-10}; float u = {0.004};"
     "  float[1] a = {1.3}; float[1,1] b = {0.25}; int8 c8 = {70}; float cs = {0.02};"
     "  c = DequantizeLinear(c8, cs);"
     "  d = DequantizeLinear(x, s, o); m = Mul(a, d); n = Sub(b, m); k = Div(n, c);"
     "  y = QuantizeLinear(k, t, p); e = DequantizeLinear(y, t, p); h = HardSigmoid(e);"
     "  r = Relu(h); i = Max(r, b); z = QuantizeLinear(i, u); }",
     0, 1},
    {"codes through functions, of which one is seen by others, one grows, one has numbers",
     "graph main (uint8[2,4] x) -> (uint8[2,4] y, float[2,4] v, uint8[1,2,4] z, uint8[2,4] w) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.02}; float[1] a = {1.3};"
     "  float[1,1,1] b = {0.25}; float[4] f = {1, 2, 0.5, 4}; d = DequantizeLinear(x, s, o);"
     "  m = Mul(a, d); n = Add(m, a); y = QuantizeLinear(n, t); v = Neg(m);"
     "  g = Mul(d, a); h = Add(g, b); z = QuantizeLinear(h, t);"
     "  k = Mul(d, a); l = Mul(k, f); w = QuantizeLinear(l, t); }",
     0, -1},
    {"codes through more functions than a table takes in",
     "graph main (uint8[2,4] x) -> (uint8[2,4] y) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.02}; float[1] a = {0.9};"
     "  d = DequantizeLinear(x, s, o); c0 = Mul(a, d); c1 = Mul(a, c0); c2 = Mul(a, c1);"
     "  c3 = Mul(a, c2); c4 = Mul(a, c3); c5 = Mul(a, c4); c6 = Mul(a, c5); c7 = Mul(a, c6);"
     "  c8 = Mul(a, c7); c9 = Add(a, c8); y = QuantizeLinear(c9, t); }",
     0, -1},
    {"codes gated by a quantized function; scaled by channel, by one number, by floats",
     "graph main (uint8[2,6,5,4] x, float[2,6,5,4] f) ->"
     "    (uint8[2,6,5,4] y, uint8[2,6,5,4] z, int8[2,6,5,4] v) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.004}; float u = {0.03}; uint8 p = {10};"
     "  float q = {0.07}; int8 r = {3}; float one = {1.7};"
     "  d = DequantizeLinear(x, s, o); g = Sigmoid(d); gq = QuantizeLinear(g, t);"
     "  gd = DequantizeLinear(gq, t); m = Mul(d, gd); y = QuantizeLinear(m, u, p);"
     "  e = DequantizeLinear(y, u, p); a = GlobalAveragePool(e); aq = QuantizeLinear(a, t);"
     "  ad = DequantizeLinear(aq, t); k = Mul(ad, e); z = QuantizeLinear(k, u, p);"
     "  h = DequantizeLinear(z, u, p); i = Div(h, one); iq = QuantizeLinear(i, u, p);"
     "  id = DequantizeLinear(iq, u, p); w = Sub(f, id); v = QuantizeLinear(w, q, r); }",
     0, -1},
    {"codes of codes between convolutions: a clamp in pieces, a change of scale",
     "graph main (float[1,3,6,6] x) -> (float[1,4,6,6] y) {"
     "  float s = {0.05}; uint8 o = {120}; float t = {0.04}; uint8 p = {60}; float u = {0.02};"
     "  uint8 three = {75}; float v = {0.04}; float low = {0}; float high = {6}; float six = {6};"
     "  int8[4,3,1,1] w = #12; float sw = {0.02}; int8[4,4,3,3] k = #144; float sk = {0.01};"
     "  xq = QuantizeLinear(x, u, o); xd = DequantizeLinear(xq, u, o);"
     "  wd = DequantizeLinear(w, sw); c = Conv(xd, wd); cq = QuantizeLinear(c, s, o);"
     "  d = DequantizeLinear(cq, s, o); td = DequantizeLinear(three, v); a = Add(d, td);"
     "  aq = QuantizeLinear(a, s, p); ad = DequantizeLinear(aq, s, p); h = Clip(ad, low, high);"
     "  hq = QuantizeLinear(h, t); hd = DequantizeLinear(hq, t); m = Mul(d, hd);"
     "  mq = QuantizeLinear(m, t, p); md = DequantizeLinear(mq, t, p); e = Div(md, six);"
     "  eq = QuantizeLinear(e, u, p); ed = DequantizeLinear(eq, u, p);"
     "  r = QuantizeLinear(ed, t, p); rd = DequantizeLinear(r, t, p);"
     "  kd = DequantizeLinear(k, sk); y = Conv<pads=[1,1,1,1]>(rd, kd); }",
     1e-4, 3},
    {"codes: each image by its own factors, in rows shorter than what is worked on at once",
     "graph main (float[3,3,9,7] x) -> (uint8[3,5,9,7] y) {"
     "  float s = {0.0513}; uint8 z = {100}; float t = {0.0231}; uint8 o = {90};"
     "  float u = {0.0937}; int8[5,3,1,1] w = #15; float sw = {0.0197};"
     "  xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); c = Conv(xd, wd); cq = QuantizeLinear(c, s, z);"
     "  d = DequantizeLinear(cq, s, z); g = GlobalAveragePool(d); gq = QuantizeLinear(g, t, o);"
     "  gd = DequantizeLinear(gq, t, o); m = Mul(d, gd); y = QuantizeLinear(m, u, o); }",
     0, -1},
    {"codes times codes: by channel, either way; scales that tie, are tiny, leave no factor",
     "graph main (uint8[2,6,7,5] x, uint8[2,6,1,1] g) -> (uint8[2,6,7,5] y, int8[2,6,7,5] z,"
     "    uint8[2,6,7,5] v, uint8[2,6,7,5] w) {"
     "  float s = {0.0513}; uint8 o = {100}; float t = {0.0231}; uint8 p = {90}; float u = "
     "{0.0937};"
     "  float a = {0.0625}; float b = {0.25}; float c = {0.5}; int8 q = {-7}; uint8 r = {111};"
     "  float small = {1e-42}; float less = {1e-5}; d0 = DequantizeLinear(x, s, o);"
     "  g0 = DequantizeLinear(g, t, p); m0 = Mul(d0, g0); y = QuantizeLinear(m0, u, p);"
     "  d1 = DequantizeLinear(x, a, o); g1 = DequantizeLinear(g, b, p); m1 = Mul(g1, d1);"
     "  z = QuantizeLinear(m1, c, q); m2 = Mul(g0, d0); v = QuantizeLinear(m2, less, r);"
     "  m3 = Mul(d1, g1); w = QuantizeLinear(m3, small, r); }",
     0, 5},
    {"codes times codes: element by element, by the last axis, by one number",
     "graph main (uint8[3,5,31] x, uint8[3,5,31] a, uint8[31] b, uint8[1,1] c) ->"
     "    (uint8[3,5,31] y, int8[3,5,31] z, uint8[3,5,31] v) {"
     "  float s = {0.0513}; uint8 o = {100}; float t = {0.0231}; uint8 p = {90}; float u = "
     "{0.0937};"
     "  int8 q = {-7}; float r = {0.375}; d = DequantizeLinear(x, s, o);"
     "  e = DequantizeLinear(a, t, p); m = Mul(d, e); y = QuantizeLinear(m, u, o);"
     "  f = DequantizeLinear(b, r, p); k = Mul(f, d); z = QuantizeLinear(k, u, q);"
     "  g = DequantizeLinear(c, r, o); n = Mul(d, g); v = QuantizeLinear(n, u, p); }",
     0, 4},
    {"codes times codes and floats: rows longer than what is worked on at once",
     "graph main (uint8[21,2101] x, uint8[2101] a, float[2101] b, uint8[21,1] c) ->"
     "    (uint8[21,2101] y, uint8[21,2101] z, uint8[21,2101] v) {"
     "  float s = {0.0513}; uint8 o = {100}; float t = {0.0231}; uint8 p = {90}; float u = "
     "{0.0937};"
     "  d = DequantizeLinear(x, s, o); e = DequantizeLinear(a, t, p); m = Mul(d, e);"
     "  y = QuantizeLinear(m, u, o); k = Mul(b, d); z = QuantizeLinear(k, u, p);"
     "  g = DequantizeLinear(c, t, o); n = Mul(g, d); v = QuantizeLinear(n, u, p); }",
     0, 3},
    {"codes resized",
     "graph main (uint8[1,4,20,20] x) -> (uint8[1,4,40,40] y) {"
     "  float s = {0.05}; uint8 z = {12}; float[4] twice = {1, 1, 2, 2};"
     "  d = DequantizeLinear(x, s, z);"
     "  r = Resize<mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\","
     "    nearest_mode=\"floor\">(d, _, twice); y = QuantizeLinear(r, s, z); }",
     0, 2},
    {"codes side by side: channels of images, other scales and types, a function, a constant",
     "graph main (float[2,3,5,7] x) -> (uint8[2,26,5,7] y, float[2,3,5,7] o) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.031}; int8 n = {-9}; float u = {0.0451};"
     "  int8[9,3,1,1] w = #27; int8[6,3,3,3] v = #162; float sw = {0.0197};"
     "  float[2,2,5,7] k = @140; xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); vd = DequantizeLinear(v, sw); a = Conv(xd, wd);"
     "  aq = QuantizeLinear(a, t, n); ad = DequantizeLinear(aq, t, n);"
     "  b = Conv<pads=[1,1,1,1]>(xd, vd); bq = QuantizeLinear(b, u, z);"
     "  bd = DequantizeLinear(bq, u, z); g = Sigmoid(bd); gq = QuantizeLinear(g, s);"
     "  gd = DequantizeLinear(gq, s); c = Concat<axis=1>(ad, bd, gd, k, xd);"
     "  y = QuantizeLinear(c, u, z); o = Abs(x); }",
     0, 5},
    {"codes side by side: rows and the last axis, one constant in codes, results that are codes",
     "graph main (float[4,5] x, float[4,6] p) ->"
     "    (int8[4,14] y, uint8[8,5] q, uint8[12,5] r, float[4,5] o) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.031}; int8 n = {-9};"
     "  int8[4,3] k = #12; u = QuantizeLinear(x, s, z); d = DequantizeLinear(u, s, z);"
     "  v = QuantizeLinear(p, t); e = DequantizeLinear(v, t);"
     "  f = DequantizeLinear(k, s, n); c = Concat<axis=-1>(f, d, e); y = QuantizeLinear(c, t, n);"
     "  h = Concat<axis=0>(d, d); q = QuantizeLinear(h, s, z); i = Concat<axis=0>(d, h);"
     "  r = QuantizeLinear(i, s, z); o = Abs(x); }",
     0, 6},
    {"codes cut in two and joined again, the halves of one scale, without a quantizer between",
     "graph main (float[1,4,6,6] x) -> (uint8[1,12,6,6] y, float[1,4,6,6] v) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.0407}; int8[8,4,1,1] w = #32;"
     "  float sw = {0.0197}; int8[4,4,3,3] k = #144; xq = QuantizeLinear(x, s, z);"
     "  xd = DequantizeLinear(xq, s, z); wd = DequantizeLinear(w, sw); c = Conv(xd, wd);"
     "  cq = QuantizeLinear(c, t, z); cd = DequantizeLinear(cq, t, z);"
     "  a, b = Split<axis=1, num_outputs=2>(cd); bq = QuantizeLinear(b, s, z);"
     "  bd = DequantizeLinear(bq, s, z); kd = DequantizeLinear(k, sw);"
     "  e = Conv<pads=[1,1,1,1]>(bd, kd); eq = QuantizeLinear(e, t, z);"
     "  ed = DequantizeLinear(eq, t, z); j = Concat<axis=1>(a, b, ed); y = QuantizeLinear(j, t, z);"
     "  v = Neg(a); }",
     0, 6},
    {"codes cut: outermost, last, unequal, other scales behind some",
     "graph main (float[1,6,4] x) -> (uint8[1,2,4] a, uint8[1,4,4] b, uint8[1,6,1] c,"
     "                                float[1,6,3] d) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.0307}; int64[2] p = {2, 4};"
     "  int64[2] q = {1, 3}; v = QuantizeLinear(x, s, z); e = DequantizeLinear(v, s, z);"
     "  f, g = Split<axis=1>(e, p);"
     "  a = QuantizeLinear(f, s, z); b = QuantizeLinear(g, t, z); h, i = Split<axis=-1>(e, q);"
     "  c = QuantizeLinear(h, s, z); d = Neg(i); }",
     0, 3},
    {"codes turned: matrices, heads, channels out and in again without a move",
     "graph main (float[2,3,4,5] x) -> (uint8[2,4,6,5] a, int8[5,4,3,2] b, uint8[2,6,4,5] y) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.0307}; int8 n = {4};"
     "  int8[6,3,1,1] w = #18; int8[6,6,3,3] u = #324; float sw = {0.0197};"
     "  xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); c = Conv(xd, wd); cq = QuantizeLinear(c, s, z);"
     "  cd = DequantizeLinear(cq, s, z); e = Transpose<perm=[0,2,3,1]>(cd);"
     "  eq = QuantizeLinear(e, s, z); ed = DequantizeLinear(eq, s, z);"
     "  f = Transpose<perm=[0,1,3,2]>(ed); a = QuantizeLinear(f, s, z);"
     "  g = Transpose(xd); b = QuantizeLinear(g, t, n); h = Transpose<perm=[0,3,1,2]>(ed);"
     "  ud = DequantizeLinear(u, sw); i = Conv<pads=[1,1,1,1]>(h, ud);"
     "  y = QuantizeLinear(i, s, z); }",
     0, -1},
    {"codes in slices: forwards, backwards, of channels; padded",
     "graph main (float[1,3,6,7] x) -> (uint8[1,4,3,7] a, uint8[1,2,6,3] b, int8[1,4,8,9] c,"
     "                                 float[1,3,7,7] d) {"
     "  float s = {0.0213}; uint8 z = {120}; int8 n = {-9}; int8[4,3,1,1] w = #12;"
     "  float sw = {0.0197}; int64[1] h = {2}; int64[1] zero = {0}; int64[1] far = {900};"
     "  int64[1] two = {2}; int64[2] from = {3, -2}; int64[2] to = {1, -900};"
     "  int64[2] axes = {1, -1}; int64[2] back = {-1, -2}; int64[8] pads = {0,0,1,1,0,0,1,1};"
     "  int64[2] wide = {1, 0}; xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); v = Conv(xd, wd); vq = QuantizeLinear(v, s, n);"
     "  vd = DequantizeLinear(vq, s, n); i = Slice(vd, zero, far, h, two);"
     "  a = QuantizeLinear(i, s, z); j = Slice(vd, from, to, axes, back);"
     "  b = QuantizeLinear(j, s, z); k = Pad(vd, pads); c = QuantizeLinear(k, s, n);"
     "  l = Pad(xd, wide, _, h); d = Neg(l); }",
     0, 7},
    {"codes in slices of one element, whatever the step",
     "graph main (uint8[2,9,7] x) -> (uint8[2,1,7] a, uint8[1,9,7] b, uint8[2,1,1] c) {"
     "  float s = {0.0213}; uint8 z = {120}; int64[1] zero = {0}; int64[1] one = {1};"
     "  int64[1] last = {-1}; int64[1] most = {9223372036854775807};"
     "  int64[1] least = {-9223372036854775807}; int64[2] from = {8, -1};"
     "  int64[2] to = {-9223372036854775807, 9223372036854775807}; int64[2] axes = {-2, 2};"
     "  int64[2] steps = {-9223372036854775807, 4611686018427387904};"
     "  d = DequantizeLinear(x, s, z); e = Slice(d, zero, most, one, most);"
     "  a = QuantizeLinear(e, s, z); f = Slice(d, last, least, zero, least);"
     "  b = QuantizeLinear(f, s, z); g = Slice(d, from, to, axes, steps);"
     "  c = QuantizeLinear(g, s, z); }",
     0, -1},
    {"codes that are no numbers: moved, joined, padded",
     "graph main (float[1,3,6,7] x) -> (int8[1,8,6,7] a, int8[1,6,7,4] b, int8[1,4,3,7] c,"
     "                                 int8[1,6,6,7] d) {"
     "  float s = {0.0213}; int8 n = {-9}; int8[4,3,1,1] w = #12; float sw = {0.0197};"
     "  int64[1] h = {2}; int64[1] one = {1}; int64[1] far = {900}; int64[1] two = {2};"
     "  int64[2] wide = {1, 1}; int8 e = {-77}; xq = QuantizeLinear(x, s, n);"
     "  xd = DequantizeLinear(xq, s, n); wd = DequantizeLinear(w, sw); v = Conv(xd, wd);"
     "  vq = QuantizeLinear(v, s, n); a = Concat<axis=1>(vq, vq);"
     "  b = Transpose<perm=[0,2,3,1]>(vq); c = Slice(vq, one, far, h, two);"
     "  d = Pad(vq, wide, e, one); }",
     0, 5},
    {"codes resized, their maxima and pieces of them side by side, no quantizer between",
     "graph main (float[1,3,8,8] x) -> (uint8[1,14,8,8] y, float[1,14,1,1] v) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.0307}; int8[6,3,1,1] w = #18;"
     "  int8[2,6,2,2] u = #48; float sw = {0.0197}; float[4] twice = {1, 1, 2, 2};"
     "  xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); ud = DequantizeLinear(u, sw); a = Conv(xd, wd);"
     "  aq = QuantizeLinear(a, s, z); ad = DequantizeLinear(aq, s, z);"
     "  b = Conv<strides=[2,2]>(ad, ud); bq = QuantizeLinear(b, t, z);"
     "  bd = DequantizeLinear(bq, t, z);"
     "  r = Resize<mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\","
     "    nearest_mode=\"floor\">(bd, _, twice);"
     "  m = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(ad); n = Identity(m);"
     "  j = Concat<axis=1>(r, n, ad); y = QuantizeLinear(j, t, z);"
     "  jd = DequantizeLinear(y, t, z); v = GlobalMaxPool(jd); }",
     0, 7},
    {"codes in blocks: channels that become pixels and channels again, both orders",
     "graph main (float[2,3,4,6] x) -> (uint8[2,2,12,18] y, uint8[2,12,2,3] v,"
     "                                  uint8[2,12,2,3] u, float[2,2,12,18] q) {"
     "  float s = {0.0213}; uint8 z = {120}; int8[18,3,1,1] w = #54; float sw = {0.0197};"
     "  xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); a = Conv(xd, wd); aq = QuantizeLinear(a, s, z);"
     "  ad = DequantizeLinear(aq, s, z); b = DepthToSpace<blocksize=3>(ad);"
     "  y = QuantizeLinear(b, s, z); c = DepthToSpace<blocksize=3, mode=\"CRD\">(ad);"
     "  d = SpaceToDepth<blocksize=2>(xd); v = QuantizeLinear(d, s, z);"
     "  u = SpaceToDepth<blocksize=2>(xq); q = Neg(c); }",
     0, 7},
    {"codes picked, of a table of words and of images, one after the other; repeated",
     "graph main (float[2,3,4,5] x, int64[90] i) -> (uint8[90,16] y, int8[2,3,2,4] v,"
     "                                            float[180,16] t, float[90,16] o) {"
     "  float s = {0.0213}; uint8 z = {120}; int8 n = {-3}; uint8[40,16] w = $640;"
     "  int64[2] two = {2, 1}; int64[2] rows = {3, -1}; int64[4] columns = {1, 1, 0, -2};"
     "  wd = DequantizeLinear(w, s, z); a = Gather(wd, i); y = QuantizeLinear(a, s, z);"
     "  xq = QuantizeLinear(x, s, n); xd = DequantizeLinear(xq, s, n);"
     "  b = Gather<axis=2>(xd, rows); c = Gather<axis=-1>(b, columns);"
     "  v = QuantizeLinear(c, s, n); t = Tile(a, two); d = Neg(a); o = Abs(d); }",
     0, 10},
    {"codes viewed: pixels in a row, joined, turned; heads of them",
     "graph main (float[1,3,4,4] x) -> (uint8[1,21,6] y, uint8[1,2,8,6] q) {"
     "  float s = {0.0213}; uint8 z = {120}; float t = {0.0307}; int8[6,3,1,1] w = #18;"
     "  int8[6,6,2,2] u = #144; float sw = {0.0197}; int64[3] rows = {1, 6, -1};"
     "  int64[4] heads = {1, 2, 3, -1}; int64[4] cut = {1, 2, 6, 8};"
     "  xq = QuantizeLinear(x, s, z); xd = DequantizeLinear(xq, s, z);"
     "  wd = DequantizeLinear(w, sw); ud = DequantizeLinear(u, sw); a = Conv(xd, wd);"
     "  aq = QuantizeLinear(a, s, z); ad = DequantizeLinear(aq, s, z);"
     "  b = Conv<strides=[2,2]>(ad, ud); bq = QuantizeLinear(b, t, z);"
     "  bd = DequantizeLinear(bq, t, z); c = Reshape(ad, rows); cq = QuantizeLinear(c, s, z);"
     "  cd = DequantizeLinear(cq, s, z); d = Reshape(bd, rows); e0 = GlobalMaxPool(bd);"
     "  e1 = QuantizeLinear(e0, t, z); e2 = DequantizeLinear(e1, t, z); e = Reshape(e2, rows);"
     "  j = Concat<axis=2>(cd, d, e); jq = QuantizeLinear(j, t, z);"
     "  jd = DequantizeLinear(jq, t, z); k = Transpose<perm=[0,2,1]>(jd);"
     "  y = QuantizeLinear(k, t, z); m = Reshape(cd, cut); n = Transpose<perm=[0,1,3,2]>(m);"
     "  q = QuantizeLinear(n, s, z); }",
     0, -1},
    {"computed operands: broadcast batches, transposed and shared",
     "graph main (float[2,3,5,4] x, float[3,7,4] k, float[4,6] w) ->"
     "    (float[2,3,5,7] y, float[2,3,5,6] z, float[3,4,4] g, float[2,3,4,4] s) {"
     "  kt = Transpose<perm=[0,2,1]>(k); ku = Transpose<perm=[0,2,1]>(k); y = MatMul(x, ku);"
     "  z = MatMul(x, w);"
     "  xt = Transpose<perm=[1,3,0,2]>(x); xr = Transpose<perm=[2,0,3,1]>(xt);"
     "  g0 = MatMul(kt, k); g = Tanh(g0); xu = Transpose<perm=[0,1,3,2]>(xr);"
     "  s = MatMul(xu, x); }",
     1e-5, 8},
    {"pieces of one tensor",
     "graph main (float[3,4] x) -> (float[4,3,2] y, float[1,3,4] c) {"
     "  float[4,12] w = @48; int64[3] form = {3, 3, 4}; int64[1] zero = {0};"
     "  int64[3] pairs = {2, 3, 2}; p = MatMul(x, w); r = Reshape(p, form);"
     "  a, b, c = Split<axis=0, num_outputs=3>(r); q = Squeeze(b, zero); t = Transpose(q);"
     "  s = Add(t, t); v = Reshape(s, pairs); u = Relu(v); n = Neg(v); y = Concat<axis=0>(u, n); }",
     1e-5, 6},
    {"broadcasts",
     "graph main (float[2,3,4,5] x, float[2,3,1,1] g, float[4,5] h, float[3,1,1] k) ->"
     " (float[2,3,4,5] a, float[2,3,4,5] b, float[2,3,4,5] c, float[2,3,4,5] d) {"
     "  float[3,3,1,1] w = @9; float two = {2}; i = Conv(x, w); a = Mul(i, g); b = Add(x, h);"
     "  c = Sub(k, i); e = Max(x, g); d = Div(e, two); }",
     1e-5, 6},
    {"results that others read, too",
     "graph main (float[1,2,3,3] x) -> (float[1,2,3,3] c, float[1,18] v, int64[1,1] best) {"
     "  float[2,2,1,1] w = @4; c = Conv(x, w); r = Relu(c); v = Flatten(r);"
     "  best = ArgMax<axis=1>(v); }",
     1e-5, 6},
    {"a body reads what a native made",
     "graph main (float[2,4] x, bool[] p) -> (float[2,4] y) {"
     "  float[4,4] w = @16; a = MatMul(x, w); b = Relu(a);"
     "  y = If<then_branch=graph () -> (t) { t = Add(b, x); },"
     "  else_branch=graph () -> (e) { e = Neg(b); }>(p); }",
     1e-5, -1},
    {"codes that bodies dequantize: a branch, in it a loop, and a sum that a loop must not repeat",
     "graph main (float[1,4,6,7] x, bool[] p) -> (float[1,4,6,7] y, float[1,4,6,7] z) {"
     "  float s = {0.02}; uint8 o = {100}; int8[4,4,3,3] w = #144; float sw = {0.0137};"
     "  int64 n = {3}; bool t = {1}; q = QuantizeLinear(x, s, o);"
     "  xd = DequantizeLinear(q, s, o);"
     "  y = If<then_branch=graph () -> (a) {"
     "    wd = DequantizeLinear(w, sw); c = Conv<pads=[1,1,1,1]>(xd, wd); m = Relu(xd);"
     "    cq = QuantizeLinear(c, s, o); cd = DequantizeLinear(cq, s, o);"
     "    e = Loop<body=graph (int64 i, bool b, float[1,4,6,7] v) -> (b2, v2) {"
     "      r = Conv<pads=[1,1,1,1]>(cd, wd); h = QuantizeLinear(r, s, o);"
     "      g = DequantizeLinear(h, s, o); v1 = Add(v, g); v2 = Add(v1, xd);"
     "      b2 = Identity(b); }>(n, t, m);"
     "    a = Identity(e); }, else_branch=graph () -> (b) { b = Relu(xd); }>(p);"
     "  z = Neg(xd); }",
     1e-5, 23},
    {"codes: convolutions, sum, maximum, classifier",
     "graph main (float[1,3,8,8] x) -> (float[1,5] y) {"
     "  float sx = {0.01}; uint8 zx = {120}; float sc = {0.05}; uint8 zc = {128};"
     "  float sr = {0.03}; uint8 zr = {0}; float sg = {0.02}; uint8 zg = {100};"
     "  int8[8,3,3,3] w = #216; float[8] sw = {0.01, 0.02, 0.01, 0.03, 0.01, 0.02, 0.01, 0.02};"
     "  int8[8,8,1,1] u = #64; float su = {0.01}; int8[5,128] f = #640; float sf = {0.004};"
     "  int32[8] b = #8; float[8] sb = {0.0001, 0.0002, 0.0001, 0.0003, 0.0001, 0.0002, 0.0001,"
     "  0.0002}; int8[8] zw = {0,0,0,0,0,0,0,0}; int8 zu = {0};"
     "  xq = QuantizeLinear(x, sx, zx); xd = DequantizeLinear(xq, sx, zx);"
     "  wd = DequantizeLinear<axis=0>(w, sw, zw); bd = DequantizeLinear<axis=0>(b, sb);"
     "  c = Conv<pads=[1,1,1,1]>(xd, wd, bd); r = Relu(c); cq = QuantizeLinear(r, sr, zr);"
     "  cd = DequantizeLinear(cq, sr, zr); ud = DequantizeLinear(u, su, zu); d = Conv(cd, ud);"
     "  dq = QuantizeLinear(d, sc, zc); dd = DequantizeLinear(dq, sc, zc); a = Add(cd, dd);"
     "  aq = QuantizeLinear(a, sc, zc); ad = DequantizeLinear(aq, sc, zc);"
     "  m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(ad); mq = QuantizeLinear(m, sc, zc);"
     "  md = DequantizeLinear(mq, sc, zc); v = Flatten(md); vq = QuantizeLinear(v, sc, zc);"
     "  vd = DequantizeLinear(vq, sc, zc); fd = DequantizeLinear(f, sf);"
     "  y = Gemm<transB=1>(vd, fd); }",
     0.25, 7},
    {"codes: odd scales, signed activations, no QuantizeLinear behind",
     "graph main (float[1,4,6,6] x) -> (float[1,4,6,6] y, float[1,4,6,6] z) {"
     "  float sx = {0.02}; int8 zx = {-7}; uint8[4,4,3,3] w = $144; float sw = {0.01};"
     "  uint8 zw = {128}; int32[4] b = #4; float sb = {0.013}; int8[4,1,3,3] k = #36;"
     "  float sk = {0.02}; float[4] fb = @4;"
     "  xq = QuantizeLinear(x, sx, zx); xd = DequantizeLinear(xq, sx, zx);"
     "  wd = DequantizeLinear(w, sw, zw); bd = DequantizeLinear(b, sb);"
     "  c = Conv<pads=[1,1,1,1]>(xd, wd, bd); y = HardSwish(c); kd = DequantizeLinear(k, sk);"
     "  d = Conv<pads=[1,1,1,1], group=4>(xd, kd, fb); z = Relu(d); }",
     1e-4, 3},
    {"codes: biases between the units of the sums, which are many steps of the results",
     "graph main (float[1,4,6,6] x, float[3,4] u) -> (float[1,4,6,5] y, float[3,5] v) {"
     "  float sx = {0.5}; uint8 zx = {128}; float sw = {0.5}; float sc = {0.03125};"
     "  int8[4,4,1,1] w = {1,0,-1,2, 0,1,1,0, -1,1,0,1, 2,-1,0,0}; float[4] b = @4;"
     "  int8[4,1,1,2] k = {1,-1, 0,1, -1,1, 1,-1}; float[4] sk = {2, 2, 2, 2};"
     "  int8[4] zk = {0,0,0,0}; int32[4] a = {3, -5, 21, -33};"
     "  float[4] sa = {0.0625, 0.0625, 0.013, 0.007}; float sy = {0.01};"
     "  int8[4,5] m = {1,0,-1,2,1, 0,1,1,0,-1, -1,1,0,1,0, 2,-1,0,0,1}; float[5] p = @5;"
     "  xq = QuantizeLinear(x, sx, zx); xd = DequantizeLinear(xq, sx, zx);"
     "  wd = DequantizeLinear(w, sw); c = Conv(xd, wd, b); cq = QuantizeLinear(c, sc, zx);"
     "  cd = DequantizeLinear(cq, sc, zx); kd = DequantizeLinear<axis=0>(k, sk, zk);"
     "  ad = DequantizeLinear<axis=0>(a, sa); d = Conv<group=4>(cd, kd, ad);"
     "  dq = QuantizeLinear(d, sy, zx); y = DequantizeLinear(dq, sy, zx);"
     "  uq = QuantizeLinear(u, sx, zx); ud = DequantizeLinear(uq, sx, zx);"
     "  md = DequantizeLinear(m, sw); n = MatMul(ud, md); o = Add(n, p);"
     "  oq = QuantizeLinear(o, sc, zx); v = DequantizeLinear(oq, sc, zx); }",
     0.012, 6},
    {"convolution of dynamically quantized activations",
     "graph main (float[1,4,7,7] x) -> (float[1,6,7,7] y) {"
     "  uint8[6,4,3,3] w = $216; uint8 zw = {128}; float[6,1,1] sw = {0.01, 0.02, 0.03, 0.01,"
     "  0.02, 0.01}; float[6,1,1] b = @6; q, s, z = DynamicQuantizeLinear(x);"
     "  i = ConvInteger<pads=[1,1,1,1]>(q, w, z, zw); f = Cast<to=1>(i); t = Mul(s, sw);"
     "  m = Mul(f, t); a = Add(m, b); y = Relu(a); }",
     1e-4, 2},
    {"depthwise convolution of dynamically quantized activations, residual",
     "graph main (float[2,5,6,6] x) -> (float[2,5,6,6] y) {"
     "  int8[5,1,3,3] w = #45; float sw = {0.02}; q, s, z = DynamicQuantizeLinear(x);"
     "  i = ConvInteger<pads=[1,1,1,1], group=5>(q, w, z); f = Cast<to=1>(i); t = Mul(s, sw);"
     "  m = Mul(f, t); y = Add(x, m); }",
     1e-4, 2},
    {"codes: groups whose weights have zero points, one weight with two of them",
     "graph main (float[1,4,6,7] x) -> (uint8[1,4,6,7] y, uint8[1,4,6,7] v, uint8[1,8,3,4] z) {"
     "  float s = {0.02}; uint8 o = {100}; uint8[4,1,3,3] w = $36; uint8[8,2,3,3] u = $144;"
     "  float[4] sw = {0.01, 0.02, 0.01, 0.03}; uint8[4] zw = {10, 128, 250, 45}; uint8 zv = {0};"
     "  float su = {0.007}; uint8 zu = {30}; int32[4] b = #4; float[4] sb = {0.0002, 0.0004,"
     "  0.0002, 0.0006}; float t = {0.9}; xq = QuantizeLinear(x, s, o);"
     "  xd = DequantizeLinear(xq, s, o); wd = DequantizeLinear<axis=0>(w, sw, zw);"
     "  vd = DequantizeLinear(w, su, zv); ud = DequantizeLinear(u, su, zu);"
     "  bd = DequantizeLinear<axis=0>(b, sb);"
     "  c = Conv<pads=[1,1,1,1], group=4>(xd, wd, bd); y = QuantizeLinear(c, t, o);"
     "  d = Conv<pads=[1,1,1,1], group=4>(xd, vd); v = QuantizeLinear(d, t, o);"
     "  e = Conv<pads=[1,1,1,1], strides=[2,2], group=2>(xd, ud); z = QuantizeLinear(e, t, o); }",
     0, 4},
    {"convolutions of dynamically quantized activations: zero points of weights, groups and one",
     "graph main (float[1,4,7,7] x) -> (float[1,8,7,7] y, float[1,5,7,7] z) {"
     "  uint8[8,2,3,3] w = $144; uint8[8] zw = {100, 0, 255, 128, 60, 60, 200, 180};"
     "  int8[5,4,3,3] u = #180; int8 zu = {-9}; float sw = {0.01};"
     "  q, s, o = DynamicQuantizeLinear(x); t = Mul(s, sw); r = Mul(s, sw);"
     "  i = ConvInteger<pads=[1,1,1,1], group=2>(q, w, o, zw); f = Cast<to=1>(i); y = Mul(f, t);"
     "  j = ConvInteger<pads=[1,1,1,1]>(q, u, o, zu); g = Cast<to=1>(j); z = Mul(g, r); }",
     1e-4, 3},
    {"operators whose scales are operands: convolutions, products, sum",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[2,4,6,5] x) -> (uint8[2,6,6,5] z, int8[2,7] u, uint8[2,7] t) {"
     "  float s = {0.0213}; uint8 o = {100}; float r = {0.0407}; uint8 p = {90}; int8 n = {-3};"
     "  int8[6,4,3,3] w = #216; float[6] sw = {0.01, 0.02, 0.01, 0.03, 0.02, 0.01};"
     "  int8[6] zw = {0, 4, -7, 0, 0, 1}; int32[6] b = #6; uint8[6,1,1,3] k = $18;"
     "  float sk = {0.01}; uint8 zk = {120}; int8[7,180] g = #1260; int8 zg = {2};"
     "  float sg = {0.003}; int32[7] c = #7; int8[7,7] h = #49; float[7] sh = {0.01, 0.02, 0.03,"
     "  0.01, 0.02, 0.03, 0.01}; int8[7] zh = {0, 0, 1, 2, 3, 4, 5}; int64[2] flat = {2, 180};"
     "  q = QuantizeLinear(x, s, o);"
     "  a = QLinearConv<pads=[1,1,1,1]>(q, s, o, w, sw, zw, r, p, b);"
     "  d = QLinearConv<pads=[0,1,0,1], group=6>(a, r, p, k, sk, zk, s, o);"
     "  z = com.microsoft::QLinearAdd(a, r, p, d, s, o, r, p); v = Reshape(z, flat);"
     "  t = com.microsoft::QGemm<transB=1>(v, r, p, g, sg, zg, c, s, o);"
     "  u = QLinearMatMul(t, s, o, h, sh, zh, r, n); } }",
     0, 7},
    {"attention that projects codes, weights by column or as a whole, and a mask",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[2,6,8] x, int32[2,6] m) -> (float[2,6,16] y, float[2,6,16] z) {"
     "  uint8[8,48] w = $384; float[48] b = @48; float sw = {0.004}; uint8 zw = {117};"
     "  int8[8,48] u = #384; float[48] su = @48; int8[48] zu = #48; float s = {0.03};"
     "  uint8 o = {120};"
     "  q, a, e = DynamicQuantizeLinear(x);"
     "  y = com.microsoft::QAttention<num_heads=4>(q, w, b, a, sw, m, e, zw);"
     "  c = QuantizeLinear(x, s, o);"
     "  z = com.microsoft::QAttention<num_heads=2, unidirectional=1, scale=0.2>"
     "(c, u, b, s, su, _, o, zu); } }",
     1e-4, 8},
    {"images of codes whose channels stand last",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (uint8[2,4,9,7] x) -> (uint8[2,6,6,5] y, uint8[2,6,1,1] z, uint8[2,6,5,4] t) {"
     "  float s = {0.0213}; uint8 o = {100}; float r = {0.0407}; uint8 p = {90};"
     "  int8[6,4,3,3] w = #216; float[6] sw = {0.01, 0.02, 0.01, 0.03, 0.02, 0.01};"
     "  int8[6] zw = {0, 0, 0, 0, 0, 0}; int32[6] b = #6; uint8[6,1,3,2] k = $36;"
     "  float sk = {0.01}; uint8 zk = {120};"
     "  n = Transpose<perm=[0,2,3,1]>(x);"
     "  a = com.microsoft::QLinearConv<pads=[1,1,1,1], channels_last=1>"
     "(n, s, o, w, sw, zw, r, p, b);"
     "  m = com.microsoft::NhwcMaxPool<kernel_shape=[3,3], strides=[1,1]>(a);"
     "  d = com.microsoft::QLinearConv<group=6, channels_last=1, pads=[0,0,1,1]>"
     "(m, r, p, k, sk, zk, s, o);"
     "  y = Transpose<perm=[0,3,1,2]>(d);"
     "  g = com.microsoft::QLinearGlobalAveragePool<channels_last=1>(d, s, o, s, o);"
     "  z = Transpose<perm=[0,3,1,2]>(g);"
     "  q = com.microsoft::QLinearConv<group=6>(y, s, o, k, sk, zk, r, p);"
     "  t = com.microsoft::QLinearAveragePool<kernel_shape=[1,1]>(q, r, p, r, p); } }",
     0, 10},
    {"operators on codes whose scales are operands, floats between: of two operands, Concat",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (uint8[2,4,6,5] x, uint8[2,4,1,1] g) -> (uint8[2,12,6,5] k) {"
     "  float s = {0.0213}; uint8 o = {100}; float[1] r = {0.0407}; uint8[1] p = {90};"
     "  float t = {0.0078}; uint8 e = {0};"
     "  a = com.microsoft::QLinearSigmoid(x, s, o, t, e);"
     "  b = com.microsoft::QLinearMul(x, s, o, a, t, e, r, p);"
     "  c = com.microsoft::QLinearMul(b, r, p, g, t, e, s, o);"
     "  d = com.microsoft::QLinearAdd(b, r, p, g, s, o, r, p);"
     "  k = com.microsoft::QLinearConcat<axis=1>(r, p, b, r, p, c, s, o, d, r, p); } }",
     0, 3},
    {"operators on codes whose scales are operands, floats between: of one operand",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (uint8[2,4,6,5] x) -> (uint8[2,4,6,5] l, uint8[2,4,3,2] n, uint8[2,4,1,1] h,"
     "  uint8[2,4,6,5] j) {"
     "  float s = {0.0213}; uint8 o = {100}; float[1] r = {0.0407}; uint8[1] p = {90};"
     "  float t = {0.0078}; uint8 e = {0};"
     "  l = com.microsoft::QLinearLeakyRelu<alpha=0.2>(x, s, o, r, p);"
     "  n = com.microsoft::QLinearAveragePool<kernel_shape=[2,3], strides=[2,2]>(x, s, o, r, p);"
     "  h = com.microsoft::QLinearGlobalAveragePool(x, s, o, s, o);"
     "  j = com.microsoft::QLinearSoftmax<axis=3, opset=13>(x, s, o, t, e); } }",
     0, 6},
    {"products of two computed operands on codes: scales as operands, between linear nodes, to "
     "floats",
     "graph main (uint8[2,3,5,7] x, uint8[2,3,7,4] w, int8[1,3,4,7] u) -> (int8[2,3,5,4] y,"
     "  uint8[2,3,5,4] z, float[2,3,5,4] f) {"
     "  float s = {0.0213}; uint8 o = {100}; float[1] r = {0.0407}; uint8[1] p = {128};"
     "  int8 n = {-3}; float t = {0.0078}; int8 e = {9};"
     "  y = QLinearMatMul(x, s, o, w, r, p, r, n);"
     "  a = DequantizeLinear(x, s, o); h = Transpose<perm=[0,1,3,2]>(u);"
     "  b = DequantizeLinear(h, t, e); c = MatMul(a, b); z = QuantizeLinear(c, s, o);"
     "  d = DequantizeLinear(x, s, o); g = DequantizeLinear(w, s, o); f = MatMul(d, g); }",
     1e-5, 4},
    {"maximum and views of codes as they are",
     "graph main (float[2,4,6,5] x) -> (uint8[2,24] y, int8[2,4,12,5] v) {"
     "  float s = {0.0213}; uint8 o = {100}; int8 z = {-5}; int64[2] flat = {2, -1};"
     "  float[4] by = {1, 1, 2, 1};"
     "  a = QuantizeLinear(x, s, o); b = MaxPool<kernel_shape=[2,3], strides=[2,2]>(a);"
     "  y = Reshape(b, flat);"
     "  c = QuantizeLinear(x, s, z); d = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(c);"
     "  v = Resize<mode=\"nearest\">(d, _, by); }",
     0, 6},
    {"compound operators of com.microsoft: products of codes to floats",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[3,16] x) -> (float[3,8] y, float[3,8] z) {"
     "  int8[16,8] w = #128; int8 zw = {3}; float[8] sw = {0.01, 0.02, 0.03, 0.01, 0.02, 0.01,"
     "  0.04, 0.01}; float[8] b = @8;"
     "  y = com.microsoft::DynamicQuantizeMatMul(x, w, sw, zw, b);"
     "  q, s, o = DynamicQuantizeLinear(x);"
     "  z = com.microsoft::MatMulIntegerToFloat(q, w, s, sw, o, zw, b); } }",
     1e-5, 4},
    {"compound operators of com.microsoft: what follows sums",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[1,4,5,5] x, float[1,6,5,5] a, float[2,3,4,5] m) ->"
     "  (float[1,6,5,5] y, float[4,7] z, float[2,3,5,5] n) {"
     "  float[6,4,3,3] w = @216; float[6] b = @6; float[25,7] g = @175; float[1,7] h = @7;"
     "  int64[2] flat = {4, 25};"
     "  y = com.microsoft::FusedConv<activation=\"Clip\", activation_params=[-0.5,1.5],"
     "  pads=[1,1,1,1]>(x, w, b, a); v = Reshape(x, flat);"
     "  z = com.microsoft::FusedGemm<activation=\"LeakyRelu\", activation_alpha=0.1>(v, g, h);"
     "  n = com.microsoft::FusedMatMul<alpha=0.25, transA=1>(m, m); } }",
     1e-5, 6},
    {"compound operators of com.microsoft: attention with padded keys",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[2,5,8] x, float[2,5,12] q, float[2,7,12] k) ->"
     "  (float[2,5,8] y, float[2,5,8] e, float[2,5,12] z) {"
     "  float[8,24] w = @192; float[24] b = @24; int32[2,5] m = {1,1,1,0,0,1,1,1,1,0};"
     "  int32[2] n = {4, 5};"
     "  y = com.microsoft::Attention<num_heads=2>(x, w, b, m);"
     "  e = com.microsoft::Attention<num_heads=4, unidirectional=1>(x, w, b, n);"
     "  z = com.microsoft::MultiHeadAttention<num_heads=3>(q, k, k); } }",
     1e-5, 7},
    {"constant codes that nobody takes as they are: in blocks, of other types; picked of a table",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[3,160] x, float[1,160] r, float[2] f) -> (float[3,32] y,"
     "  float[40,160] t, float[2,32] g) {"
     "  int4[160,32] a = &5120; float[10,32] s = @320; int8[40,160] b = #6400; int8[40,10] z = "
     "#400;"
     "  float[40,10] h = @400; int16[40,160] c = #6400; float u = {0.3}; uint8[160,32] d = $5120;"
     "  uint8 o = {99}; w = DequantizeLinear<axis=0, block_size=16>(a, s); y = MatMul(x, w);"
     "  v = DequantizeLinear<axis=1, block_size=16>(b, h, z); e = DequantizeLinear(c, u);"
     "  p = Mul(r, v); t = Add(p, e); k = DequantizeLinear(d, u, o); i = Cast<to=7>(f);"
     "  g = Gather(k, i); } }",
     1e-5, 6},
    {"normalized channels: as they lie, innermost, in groups, by factors that are computed",
     "model (ir=10, opset=21) {"
     "graph main (float[2,6,9,11] x, float[6] g, float[2,4,3,5,2] v) -> (float[2,6,9,11] y,"
     "  float[2,6,9,11] z, float[2,4,3,5,2] u, float[2,6,99] t) {"
     "  float[6,6,3,3] w = @324; float[6] s = @6; float[6] b = @6; float[4] r = @4;"
     "  int64[3] flat = {0, 0, -1}; h = InstanceNormalization(x, g, b);"
     "  c = Conv<pads=[1,1,1,1]>(h, w); y = InstanceNormalization<epsilon=0.01>(c, s, b);"
     "  d = Conv<pads=[1,1,1,1]>(y, w); z = GroupNormalization<num_groups=2>(d, s, g);"
     "  u = GroupNormalization<num_groups=1>(v, r, r); q = Neg(s); f = Reshape(x, flat);"
     "  t = GroupNormalization<num_groups=3>(f, q, b); } }",
     2e-5, 8},
    {"images padded and cropped in every mode, parts of them, of one axis",
     "graph main (float[2,6,5,4] x, float[1,4,7] v) -> (float[2,3,9,6] y, float[2,6,4,8] z,"
     "  float[2,6,11,5] u, float[1,4,12] t) {"
     "  float[6,6,1,1] w = @36; float[3,3,3,3] k0 = @81; float[4,4,1] o = @16; float value = {2.5};"
     "  int64[8] p = {0,0,3,2,0,0,3,2}; int64[8] q = {0,0,-1,1,0,0,0,3};"
     "  int64[8] r = {0,0,1,1,0,0,5,0}; int64[6] s = {0,0,2,0,0,3}; c = Conv(x, w);"
     "  a, b = Split<axis=1, num_outputs=2>(c); d = Pad<mode=\"reflect\">(a, p);"
     "  y = Conv(d, k0); z = Pad<mode=\"edge\">(c, q);"
     "  u = Pad(c, r, value); e = Conv(v, o); t = Pad(e, s); }",
     1e-5, -1},
    {"normalized groups that come in parts, functions behind them",
     "graph main (float[2,6,5,4] x, float[1,4,7] v) -> (float[2,6,5,4] y, float[1,4,7] z,"
     "  float[2,6,5,4] u) {"
     "  float[6,6,1,1] w = @36; float[3] s = {1, 0.5, 2}; float[3] b = @3; float[6,1,1] m = @6;"
     "  float[1,6,1,1] a = @6; int64[3] rows = {0, 3, -1}; int64[4] back = {2, 6, 5, 4};"
     "  int64[3] two = {1, 2, -1}; int64[3] flat = {1, 4, 7}; float[2] p = @2; float[4,1] k = @4;"
     "  float[6] a0 = @6; float[6] m0 = @6;"
     "  c = Conv(x, w); r = Reshape(c, rows); i = InstanceNormalization(r, s, b);"
     "  q = Reshape(i, back); n = Mul(q, m); o = Add(n, a); f = Sigmoid(o); y = Mul(o, f);"
     "  t = Reshape(v, two); j = InstanceNormalization(t, p, p); l = Reshape(j, flat);"
     "  z = Mul(k, l); d = InstanceNormalization(y, a0, m0); u = Relu(d); }",
     2e-5, 4},
    {"normalized channels: a factor for each group, parts of an image",
     "model (ir=9, opset=18) {"
     "graph main (float[1,6,7,5] x) -> (float[1,12,7,5] y) {"
     "  float[8,6,1,1] w = @48; float[2] s = @2; float[4] b = @4; float[12,12,1,1] k = @144;"
     "  c = Conv(x, w); p, q = Split<axis=1, num_outputs=2>(c);"
     "  n = GroupNormalization<num_groups=2>(p, s, s); i = InstanceNormalization(q, b, b);"
     "  j = Concat<axis=1>(n, i, q); y = Conv(j, k); } }",
     2e-5, -1},
    {"weights of few bits: bias, residual and activation, zeros of every kind, odd sizes",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[2,3,50] x, float[1,1,50] v, float[2,3,9] r, float[9] c) -> "
     "(float[2,3,9] y, float[1,1,9] z, float[2,3,40] t, float[50] u) {"
     "  uint8[9,4,8] a = $288; float[36] s = @36; float[9] b = @9; uint8[18] o = $18;"
     "  uint8[9,1,64] d = $576; float[9] h = @9; float[9] e = @9; float[9] i = @9;"
     "  uint8[40,4,4] f = $640; float[160] g = @160; uint8[50,1,16] w = $800; float[50] k = @50;"
     "  m = com.microsoft::MatMulNBits<K=50, N=9, block_size=16>(x, a, s, o, _, b);"
     "  n = Relu(m); y = Add(n, r);"
     "  p = com.microsoft::MatMulNBits<K=50, N=9, bits=8, block_size=64>(v, d, h, e);"
     "  z = Add(p, i);"
     "  t = com.microsoft::MatMulNBits<K=50, N=40, bits=2, block_size=16>(x, f, g);"
     "  j = com.microsoft::MatMulNBits<K=9, N=50, bits=4, block_size=32>(c, w, k);"
     "  u = Tanh(j); } }",
     1e-4, 4},
    {"weights of few bits that stay with their operator: in groups, not constant",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[3,32] x, float[8] q) -> (float[3,4] y, float[3,4] z) {"
     "  uint8[4,2,8] a = $64; float[8] s = @8; int32[32] g = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0,"
     "  1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1};"
     "  y = com.microsoft::MatMulNBits<K=32, N=4, block_size=16>(x, a, s, _, g);"
     "  z = com.microsoft::MatMulNBits<K=32, N=4, block_size=16>(x, a, q); } }",
     1e-4, 2},
    {"weights behind DequantizeLinear that stay codes: blocks, scales of columns; one for others",
     "graph main (float[3,160] x, float[3,20] r, float[160] v) -> (float[3,40] y, float[3,40] z,"
     "  float[3,20] t, float[3,40] n, float[40] u) {"
     "  int4[160,40] a = &6400; float[5,40] s = @200; int4[5,40] az = &200; float[40] b = @40;"
     "  w = DequantizeLinear<axis=0, block_size=32>(a, s, az); m = MatMul(x, w); y = Add(m, b);"
     "  uint4[40,160] c = ^6400; float[40,10] h = @400;"
     "  d = DequantizeLinear<axis=1, block_size=16>(c, h); z = Gemm<transB=1>(x, d, b);"
     "  int8[160,40] e = #6400; float[2,40] i = @80;"
     "  f = DequantizeLinear<axis=0, block_size=80>(e, i); g = MatMul(x, f); n = Sigmoid(g);"
     "  uint4[160,20] j = ^3200; float[20] l = @20; uint4[20] lz = ^20;"
     "  p = DequantizeLinear<axis=-1>(j, l, lz); q = MatMul(x, p); t = Add(q, r);"
     "  k = DequantizeLinear<axis=0, block_size=32>(a, s); u = MatMul(v, k); }",
     2e-4, 5},
    {"rows of tables in blocks of codes, of every type, rows that begin amid a byte",
     "model (ir=10, opset=21, \"com.microsoft\"=1) {"
     "graph main (float[5] f) -> (float[5,40] a, float[5,2,17] b, float[5,48] c, float[5,32] h) {"
     "  int4[3,40] d = &120; float[3,3] s = @9; int4[3,3] z = &9; uint4[3,2,17] e = ^102;"
     "  float[3,2,2] t = @12; uint8[3,24] g = $72; uint8[3,2] y = $6; uint8[3,8] k = $24;"
     "  float[3,1] u = @3; i = Cast<to=7>(f);"
     "  a = com.microsoft::GatherBlockQuantized<block_size=16>(d, i, s, z);"
     "  b = com.microsoft::GatherBlockQuantized<block_size=16, quantize_axis=2>(e, i, t);"
     "  c = com.microsoft::GatherBlockQuantized<block_size=16>(g, i, s, y);"
     "  h = com.microsoft::GatherBlockQuantized<block_size=32, bits=2>(k, i, u); } }",
     0, 5},
    {"transposed convolutions: strides, dilation, groups, what comes after them",
     "graph main (float[2,6,5,7] x, float[2,4,9] t) -> (float[2,8,11,16] y, float[2,6,30] s,"
     "  float[2,3,10,14] z) {"
     "  float[6,8,4,4] w = @768; float[8] b = @8; float[8] c = @8; float[8] d = @8; float[8] e = "
     "@8;"
     "  float[8] v = {1, 2, 0.5, 3, 1, 0.25, 1, 2}; float[4,3,3] u = @36; float[6] a = @6;"
     "  float[6,3,2,2] k = @72;"
     "  g = ConvTranspose<strides=[2,2], pads=[1,1,0,0], output_padding=[0,1]>(x, w, b);"
     "  n = BatchNormalization(g, c, d, e, v); y = Relu(n);"
     "  s = ConvTranspose<strides=[3], dilations=[2], pads=[1,0], group=2, output_padding=[2]>(t, "
     "u,"
     " a); h = ConvTranspose<strides=[2,2]>(x, k); z = LeakyRelu(h); }",
     1e-5, 3},
    {"a transposed depthwise convolution with what comes after it",
     "graph main (float[2,6,5,7] x) -> (float[2,6,10,15] y) { float[6,1,4,3] w = @72;"
     "  float[6] b = @6; g = ConvTranspose<strides=[2,2], pads=[1,0,1,0], group=6>(x, w, b);"
     "  y = LeakyRelu(g); }",
     1e-5, 1},
    {"transposed convolutions whose steps leave gaps; a part of an image",
     "graph main (float[1,4,3,5] x) -> (float[1,9,8,14] y) {"
     "  float[4,5,2,2] w = @80; float[5] b = @5; float[4,4,5,6] u = @480;"
     "  g = ConvTranspose<strides=[3,3], output_padding=[0,0]>(x, w, b);"
     "  h = ConvTranspose<strides=[1,2], pads=[0,0,0,0]>(x, u);"
     "  i = ConvTranspose<strides=[1,1], output_shape=[8,14]>(h, u);"
     "  y = Concat<axis=1>(g, i); }",
     1e-5, 4},
    {"convolutions of three axes: strides, dilations, groups, planes that are all padding",
     "graph main (float[2,4,5,6,7] x) -> (float[2,6,5,6,7] y, float[2,8,3,3,4] z,"
     "  float[2,4,5,4,5] d, float[2,3,9,6,7] p) {"
     "  float[6,4,3,3,3] w = @648; float[6] b = @6; float[8,2,3,2,3] u = @288; float[8] c = @8;"
     "  float[4,1,3,3,3] v = @108; float[3,4,1,1,1] k = @12; float[3] e = @3;"
     "  y = Conv<pads=[1,1,1,1,1,1]>(x, w, b);"
     "  z = Conv<strides=[2,2,2], dilations=[1,2,1], pads=[1,1,1,1,0,1], group=2>(x, u, c);"
     "  d = Conv<dilations=[2,1,1], pads=[2,0,0,2,0,0], group=4>(x, v);"
     "  p = Conv<pads=[2,0,0,2,0,0]>(x, k, e); }",
     1e-5, 4},
    {"a convolution of three axes by Winograd's forms",
     "graph main (float[1,32,4,12,12] x) -> (float[1,24,4,12,12] y) {"
     "  float[24,32,3,3,3] w = @20736; r = Relu(x); y = Conv<pads=[1,1,1,1,1,1]>(r, w); }",
     5e-4, 2},
    {"what multiplies or shifts the channels of a convolution is part of it",
     "graph main (float[2,4,5,6] x) -> (float[2,6,5,6] y) {"
     "  float[6,4,3,3] w = @216; float[6] b = @6; float[6,1,1] k = @6; float[1,6,1,1] t = @6;"
     "  float[6] s = @6; float[6] v = {1, 2, 0.5, 3, 1, 0.25}; float two = {2};"
     "  float[1,1] four = {4}; c = Conv<pads=[1,1,1,1]>(x, w, b); i = Identity(c); m = Mul(k, i);"
     "  n = BatchNormalization(m, s, s, s, v); o = Sub(two, n); d = Div(o, four);"
     "  a = Add(d, t); r = Relu(a); y = Sub(r, two); }",
     1e-5, 2},
    {"the same on one axis, and of a transposed convolution",
     "graph main (float[1,4,9] x, float[1,4,3,3] t) -> (float[1,3,9] y, float[1,5,6,6] z) {"
     "  float[3,4,1] w = @12; float[3,1] k = @3; float half = {0.5}; float[4,5,2,2] u = @80;"
     "  float[5,1,1] e = @5; c = Conv(x, w); a = Add(c, k); m = Mul(a, half); y = Sub(m, k);"
     "  g = ConvTranspose<strides=[2,2]>(t, u); i = Identity(g); h = Mul(i, e); f = Sub(h, half);"
     "  z = Sigmoid(f); }",
     1e-5, 2},
    {"what scales the columns of an image, divides by it or widens it is not",
     "graph main (float[1,4,6,6] x) -> (float[1,6,6,6] y, float[1,6,6,6] z, float[2,6,6,6] v) {"
     "  float[6,4,1,1] w = @24; float[6] k = @6; float one = {1}; float[2,1,1,1] u = {1, 2};"
     "  float[6,4,1,1] e = {1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1};"
     "  c = Conv(x, w); y = Mul(c, k); a = Abs(x); b = Add(a, one); d = Conv(b, e);"
     "  z = Div(one, d); g = Conv(x, w); v = Add(g, u); }",
     1e-5, 8},
    {"factors that floats cannot hold together stay what they are",
     "graph main (float[1,4,3,3] x) -> (float[1,2,3,3] y, float[1,2,3,3] z) {"
     "  float[2,4,1,1] w = {0,0,0,0,0,0,0,0}; float tiny = {1e-40}; float large = {1e30};"
     "  c = Conv(x, w); y = Div(c, tiny); d = Conv(x, w); m = Mul(d, large); z = Mul(m, large); }",
     0, -1},
    {"channels that lie innermost already",
     "graph main (float[2,5,7,6] x, float[1,9,4] t) -> (float[2,5,7,8] y, float[1,9,3] z,"
     "  float[2,6,5,7] v, float[2,5,7,8] r) {"
     "  float[8,6,3,3] w = @432; float[3,4,3] u = @36;"
     "  i = Transpose<perm=[0,3,1,2]>(x); c = Conv<pads=[1,1,1,1]>(i, w); a = Relu(c);"
     "  y = Transpose<perm=[0,2,3,1]>(a); s = Abs(a); r = Transpose<perm=[0,2,3,1]>(s);"
     "  j = Transpose<perm=[0,2,1]>(t); d = Conv<pads=[1,1]>(j, u); z = Transpose<perm=[0,2,1]>(d);"
     "  k = Transpose<perm=[0,3,1,2]>(x); v = Neg(k); }",
     1e-5, 4},
    {"axes that change places",
     "graph main (float[3,4,5,6] x, float[1,7,1,9] t) -> (float[6,3,4,5] a, float[3,5,4,6] b,"
     "  float[5,6,3,4] c, float[7,9,1,1] d, float[9,1,7,1] e) {"
     "  a = Transpose<perm=[3,0,1,2]>(x); b = Transpose<perm=[0,2,1,3]>(x);"
     "  c = Transpose<perm=[2,3,0,1]>(x); d = Transpose<perm=[1,3,0,2]>(t);"
     "  e = Transpose<perm=[3,2,1,0]>(t); }",
     0, -1},
    {"axes that change places, in between",
     "graph main (float[3,4,5,6] x, float[2,3,4,5] t) -> (float[6,5,4,3] a, float[3,4,6,5] b,"
     "  float[4,6,3,5] c, float[3,4,5,2] d, float[5,2,3,4] e) {"
     "  f = Neg(x); g = Neg(t); h = Transpose(f); a = Neg(h); i = Transpose<perm=[0,1,3,2]>(f);"
     "  b = Neg(i); j = Transpose<perm=[1,3,0,2]>(f); c = Neg(j);"
     "  k = Transpose<perm=[1,2,3,0]>(g); d = Neg(k); m = Transpose<perm=[3,0,1,2]>(g);"
     "  e = Neg(m); }",
     0, -1},
    {"nodes that hand on what they get, outputs among them",
     "graph main (float[2,3] x, bool[] p) -> (float[2,3] y, float[2,3] z, float[2,3] v) {"
     "  bool never = {0}; float half = {0.5}; i = Identity(x); r = Relu(i); y = Identity(r);"
     "  d = Dropout(r, half, never); n = Neg(d); z = Identity(n);"
     "  v = If<then_branch=graph () -> (a) { a = Identity(r); }, else_branch=graph () -> (b) {"
     "    e = Identity(n); f = Exp(e); b = Identity(f); }>(p); }",
     1e-6, -1},
    {"product of dynamically quantized activations",
     "graph main (float[3,16] x) -> (float[3,8] y) {"
     "  int8[16,8] w = #128; int8 zw = {3}; float[8] sw = {0.01, 0.02, 0.03, 0.01, 0.02, 0.01,"
     "  0.04, 0.01}; float[8] b = @8; q, s, z = DynamicQuantizeLinear(x);"
     "  i = MatMulInteger(q, w, z, zw); f = Cast<to=1>(i); t = Mul(s, sw); m = Mul(f, t);"
     "  a = Add(m, b); y = Relu(a); }",
     1e-4, 2},
    {"codes of scales that turn their order around, are 0 or overflow",
     "graph main (uint8[1,4,6,6] x) -> (uint8[1,4,6,6] a, uint8[1,4,3,3] b, uint8[1,4,6,6] c) {"
     "  uint8 z = {100}; float turned = {-0.0513}; float none = {0}; float wide = {3e38};"
     "  d = DequantizeLinear(x, none, z); a = QuantizeLinear(d, none, z);"
     "  e = DequantizeLinear(x, turned, z);"
     "  m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(e); b = QuantizeLinear(m, turned, z);"
     "  f = DequantizeLinear(x, wide, z); t = Transpose<perm=[0,1,3,2]>(f);"
     "  c = QuantizeLinear(t, wide, z); }",
     0, -1},
    {"sums of codes whose scales turn the order of results or operands around",
     "graph main (uint8[1,4,6,6] x) -> (uint8[1,4,6,6] a, uint8[1,4,6,6] b, uint8[1,4,6,6] c,"
     "    uint8[1,4,6,6] d) {"
     "  float s = {0.0513}; uint8 z = {100}; float turned = {-0.0513}; int8[4,4,1,1] w = #16;"
     "  float sw = {0.0197}; p = DequantizeLinear(x, s, z); n = DequantizeLinear(x, turned, z);"
     "  wd = DequantizeLinear(w, sw); i = Conv(p, wd); j = Relu(i);"
     "  a = QuantizeLinear(j, turned, z); k = Add(p, p); b = QuantizeLinear(k, turned, z);"
     "  l = Conv(n, wd); c = QuantizeLinear(l, s, z); o = Add(p, n);"
     "  d = QuantizeLinear(o, s, z); }",
     0, -1},
    {"codes of one scale along an axis that there is not",
     "model (ir=8, opset=13) { graph main (uint8[9,8] x, float[2,3] f) ->"
     "    (float[2,3] y, uint8[9,8] z) {"
     "  float s = {0.0513}; uint8 o = {100}; int8[3,3] w = #9;"
     "  wd = DequantizeLinear<axis=-9>(w, s); y = MatMul(f, wd);"
     "  d = DequantizeLinear<axis=-9>(x, s, o); r = Relu(d);"
     "  z = QuantizeLinear<axis=77>(r, s, o); } }",
     1e-5, -1},
    {"compound operators of doubles and of 16 bits: a factor, a clamp",
     "model (ir=8, opset=17, \"com.microsoft\"=1) {"
     " graph main (float[2,3,4,5] x) -> (float[2,3,4,6] y, float[2,3,4,6] v, float[2,4,4,5] u) {"
     "  float[5,6] w = @30; float[4,3,1,1] k = @12; xd = Cast<to=11>(x); wd = Cast<to=11>(w);"
     "  yd = com.microsoft::FusedMatMul<alpha=0.3>(xd, wd); y = Cast<to=1>(yd);"
     "  xh = Cast<to=10>(x); wh = Cast<to=10>(w);"
     "  vh = com.microsoft::FusedMatMul<alpha=0.5>(xh, wh); v = Cast<to=1>(vh);"
     "  kd = Cast<to=11>(k); ud = com.microsoft::FusedConv<activation=\"Clip\","
     "    activation_params=[-0.25,0.5]>(xd, kd); u = Cast<to=1>(ud); } }",
     4e-3, -1},
    {"scales of products of codes that have more axes than the result",
     "model (ir=8, opset=17, \"com.microsoft\"=1) {"
     " graph main (uint8[3,4] x, float[3,4] f, uint8[4] r) -> (float[3,5] y, float[3,5] v,"
     "    float[5] u) {"
     "  int8[4,5] w = #20; float[1,1,1] s = {0.0513}; float[1,1,5] t = {0.1,0.2,0.3,0.1,0.2};"
     "  float[1] one = {0.02}; uint8 z = {100};"
     "  y = com.microsoft::MatMulIntegerToFloat(x, w, s, t, z);"
     "  v = com.microsoft::DynamicQuantizeMatMul(f, w, t);"
     "  u = com.microsoft::MatMulIntegerToFloat(r, w, one, one, z); } }",
     1e-4, -1},
    {"softmax of codes over all axes from the last one on, unless the node says another",
     "model (ir=8, opset=11, \"com.microsoft\"=1) {"
     " graph main (uint8[2,9,7] x) -> (uint8[2,9,7] y, uint8[2,9,7] v, uint8[2,9,7] u) {"
     "  float s = {0.0513}; uint8 z = {100}; float t = {0.00390625}; uint8 o = {0};"
     "  y = com.microsoft::QLinearSoftmax<opset=11>(x, s, z, t, o);"
     "  v = com.microsoft::QLinearSoftmax<opset=12, axis=1>(x, s, z, t, o);"
     "  u = com.microsoft::QLinearSoftmax<opset=13>(x, s, z, t, o); } }",
     1, -1},
};
const size_t mopt__lowered_count = sizeof mopt__lowered / sizeof *mopt__lowered;
