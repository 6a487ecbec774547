# SPDX-License-Identifier: Apache-2.0
# Writes a graph of about `nodes` nodes in mopt's text form. Usage: awk -v kind=KIND -v nodes=N -f generate.awk
#   shapes   dynamic batch and sequence, and in every block the shape arithmetic that exporters write:
#            Shape, Gather, Mul, Unsqueeze, Concat, Reshape, MatMul, Add, Relu
#   network  a convolutional network of known sizes: Conv, BatchNormalization, Relu, Conv, Add
#   cuts     a dimension of its own in every block: Slice by a length that only the data tell, Concat, Add of the sum
BEGIN {
    print "model (ir=8, opset=13) {"
    if (kind == "shapes") shapes(int(nodes / 12))
    else if (kind == "network") network(int(nodes / 5))
    else cuts(int(nodes / 5))
    print "  }"
    print "}"
}

function shapes(blocks,   k) {
    print "  graph shapes (float[batch,seq,8] x0) -> (float[batch,seq,8] x" blocks ") {"
    print "    int64[] zero = {0}; int64[] one = {1}; int64[] two = {2};"
    print "    int64[1] axis = {0}; int64[1] four = {4}; int64[1] rest = {-1};"
    print "    float[4,4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};"
    print "    float[4] b = {0.1, -0.2, 0.3, -0.4};"
    for (k = 0; k < blocks; k++) {
        printf "    s%d = Shape(x%d); g%d = Gather(s%d, zero); h%d = Gather(s%d, one);\n", k, k, k, k, k, k
        printf "    d%d = Mul(h%d, two); u%d = Unsqueeze(g%d, axis); v%d = Unsqueeze(d%d, axis);\n", k, k, k, k, k, k
        printf "    c%d = Concat<axis=0>(u%d, v%d, four); r%d = Reshape(x%d, c%d);\n", k, k, k, k, k, k
        printf "    m%d = MatMul(r%d, w); a%d = Add(m%d, b); e%d = Relu(a%d);\n", k, k, k, k, k, k
        printf "    x%d = Reshape(e%d, s%d);\n", k + 1, k, k
    }
}

function network(blocks,   k) {
    print "  graph network (float[1,2,8,8] x0) -> (float[1,2,8,8] x" blocks ") {"
    print "    float[2,2,1,1] w = {1, 0, 0, 1};"
    print "    float[2] one = {1, 1}; float[2] zero = {0, 0};"
    for (k = 0; k < blocks; k++) {
        printf "    c%d = Conv(x%d, w); n%d = BatchNormalization(c%d, one, zero, zero, one);\n", k, k, k, k
        printf "    r%d = Relu(n%d); d%d = Conv(r%d, w); x%d = Add(x%d, d%d);\n", k, k, k, k, k + 1, k, k
    }
}

function cuts(blocks,   k) {
    print "  graph cuts (float[rows,4] x, int64[1] n0) -> (int64[1] n" blocks ") {"
    print "    int64[1] zero = {0}; int64[1] three = {3}; int64[1] first = {0}; int64[1] second = {1};"
    for (k = 0; k < blocks; k++) {
        printf "    t%d = Slice(x, zero, n%d, first); c%d = Concat<axis=0>(t%d, x);\n", k, k, k, k
        printf "    s%d = Shape(c%d); l%d = Slice(s%d, zero, second, first); n%d = Mod(l%d, three);\n", k, k, k, k, k + 1, k
    }
}
