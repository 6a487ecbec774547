// SPDX-License-Identifier: Apache-2.0
// Attention between projections in the forms that exporters write it, and products around a Softmax
// that only look like it: what lowering is tried on, one row each.
#include "lower_cases.h"

const struct lowered mopt__lowered_attention[] = {
    {"attention with transposes, scale and mask",
     "graph main (float[2,6,8] x, float[2,1,1,6] mask) -> (float[2,6,8] y) {"
     "  float[8,8] wq = @64; float[8,8] wk = @64; float[8,8] wv = @64; float[8,8] wo = @64;"
     "  int64[4] heads = {0, 0, 2, 4}; int64[3] flat = {0, 0, 8}; float root = {2};"
     "  q = MatMul(x, wq); k = MatMul(x, wk); v = MatMul(x, wv);"
     "  qr = Reshape(q, heads); kr = Reshape(k, heads); vr = Reshape(v, heads);"
     "  qt = Transpose<perm=[0,2,1,3]>(qr); kt = Transpose<perm=[0,2,3,1]>(kr);"
     "  vt = Transpose<perm=[0,2,1,3]>(vr); s = MatMul(qt, kt); d = Div(s, root);"
     "  m = Add(d, mask); p = Softmax<axis=-1>(m); o = MatMul(p, vt);"
     "  ot = Transpose<perm=[0,2,1,3]>(o); or = Reshape(ot, flat); y = MatMul(or, wo); }",
     2e-5, 5},
    {"attention of as many nodes as there can be",
     "graph main (float[2,5,6] x, float[1,1,5,5] mask) -> (float[2,5,6] y) {"
     "  int64[4] heads = {0, 0, 3, 2}; int64[3] flat = {0, 0, 6}; float scale = {0.7};"
     "  float[6,6] w = @36; k = MatMul(x, w); qr = Reshape(x, heads); kr = Reshape(k, heads);"
     "  qt = Transpose<perm=[0,2,1,3]>(qr); ks = Transpose<perm=[0,2,1,3]>(kr);"
     "  vt = Transpose<perm=[0,2,1,3]>(kr); kt = Transpose<perm=[0,1,3,2]>(ks);"
     "  s = MatMul(qt, kt); d = Mul(s, scale); m = Add(d, mask); p = Softmax<axis=-1>(m);"
     "  o = MatMul(p, vt); ot = Transpose<perm=[0,2,1,3]>(o); y = Reshape(ot, flat); }",
     2e-5, 4},
    {"attention as PyTorch traces it: factors on both sides, a query that sees no key",
     "graph main (float[2,3,8] x) -> (float[2,3,8] y) {"
     "  float[8,8] wq = @64; float[8,8] wk = @64; float[8,8] wv = @64; float one = {-1};"
     "  int64[4] heads = {0, 0, 2, 4}; int64[3] flat = {0, 0, 8}; float root = {0.7};"
     "  bool[1,1,3,3] seen = {1,0,1, 0,0,0, 1,1,1}; float none = {0}; never = Div(one, none);"
     "  mask = Where(seen, none, never);"
     "  q = MatMul(x, wq); k = MatMul(x, wk); v = MatMul(x, wv);"
     "  qr = Reshape(q, heads); kr = Reshape(k, heads); vr = Reshape(v, heads);"
     "  qt = Transpose<perm=[0,2,1,3]>(qr); kt = Transpose<perm=[0,2,3,1]>(kr);"
     "  vt = Transpose<perm=[0,2,1,3]>(vr); qs = Mul(qt, root); ks = Div(kt, root);"
     "  s = MatMul(qs, ks); m = Add(s, mask); p = Softmax<axis=-1>(m); u = IsNaN(p);"
     "  c = Where(u, none, p); o = MatMul(c, vt); ot = Transpose<perm=[0,2,1,3]>(o);"
     "  y = Reshape(ot, flat); }",
     2e-5, 5},
    {"attention as PyTorch exports it: heads counted through",
     "graph main (float[2,5,6] x) -> (float[2,5,6] y) {"
     "  float[6,6] wk = @36; int64[4] heads = {0, 0, 2, 3}; int64[3] flat = {0, 0, 6};"
     "  int64[3] through = {-1, 5, 3}; int64[4] places = {2, 2, 3, 5}; float root = {0.7};"
     "  k = MatMul(x, wk); qr = Reshape(x, heads); kr = Reshape(k, heads);"
     "  qt = Transpose<perm=[0,2,1,3]>(qr); kh = Transpose<perm=[0,2,1,3]>(kr);"
     "  vt = Transpose<perm=[0,2,1,3]>(kr); qs = Mul(root, qt); kc = Reshape(kh, through);"
     "  kt = Transpose<perm=[0,2,1]>(kc); kp = Reshape(kt, places); ks = Mul(kp, root);"
     "  s = MatMul(qs, ks); p = Softmax<axis=-1>(s); o = MatMul(p, vt);"
     "  ot = Transpose<perm=[0,2,1,3]>(o); y = Reshape(ot, flat); }",
     2e-5, 4},
    {"attention to heads that come counted through",
     "graph main (float[2,2,5,3] x, float[4,5,3] k, float[2,2,5,3] v) -> (float[2,2,5,3] y) {"
     "  int64[4] places = {2, 2, 3, 5}; kt = Transpose<perm=[0,2,1]>(k); kp = Reshape(kt, places);"
     "  s = MatMul(x, kp); p = Softmax<axis=-1>(s); y = MatMul(p, v); }",
     2e-5, 1},
    {"attention to keys of another shape: those of one entry serve all, heads that change their "
     "size",
     "graph main (float[2,3,5,4] q, float[1,3,5,4] k, float[3,5,4] l, float[4,3,5,2] n,"
     "  float[2,3,5,4] v) -> (float[2,3,5,4] y, float[2,3,5,4] z, float[2,3,5,4] w) {"
     "  int64[3] through = {6, 5, 4}; int64[4] places = {2, 3, 4, 5};"
     "  kt = Transpose<perm=[0,1,3,2]>(k); a = MatMul(q, kt); b = Softmax<axis=-1>(a);"
     "  y = MatMul(b, v); lt = Transpose<perm=[0,2,1]>(l); c = MatMul(q, lt);"
     "  d = Softmax<axis=-1>(c); z = MatMul(d, v); nc = Reshape(n, through);"
     "  nt = Transpose<perm=[0,2,1]>(nc); np = Reshape(nt, places); e = MatMul(q, np);"
     "  f = Softmax<axis=-1>(e); w = MatMul(f, v); }",
     2e-5, -1},
};
const size_t mopt__lowered_attention_count =
    sizeof mopt__lowered_attention / sizeof *mopt__lowered_attention;
