# SPDX-License-Identifier: Apache-2.0
# Writes a synthetic graph in mopt's text form: blocks of 11 nodes as exporters write them,
#   Identity, Shape, Gather, Unsqueeze, Concat, Reshape, MatMul, Add, Relu and two constants' worth of shape arithmetic,
# with dynamic batch and sequence. Usage: awk -v blocks=N -f generate.awk
BEGIN {
    print "model (ir=8, opset=13) {"
    print "  graph synthetic (float[batch,seq,8] x0) -> (float[batch,seq,8] y) {"
    print "    int64[] zero = {0};"
    print "    int64[] one = {1};"
    print "    int64[1] axis = {0};"
    print "    int64[1] width = {8};"
    print "    float[8,8] w = {"
    for (i = 0; i < 64; i++) printf "%s%.3f", (i ? ", " : ""), sin(i) / 8
    print "};"
    print "    float[8] b = {0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8};"
    for (k = 0; k < blocks; k++) {
        printf "    i%d = Identity(x%d);\n", k, k
        printf "    s%d = Shape(i%d);\n", k, k
        printf "    g%d = Gather(s%d, zero);\n", k, k
        printf "    u%d = Unsqueeze(g%d, axis);\n", k, k
        printf "    h%d = Gather(s%d, one);\n", k, k
        printf "    v%d = Unsqueeze(h%d, axis);\n", k, k
        printf "    c%d = Concat<axis=0>(u%d, v%d, width);\n", k, k, k
        printf "    r%d = Reshape(i%d, c%d);\n", k, k, k
        printf "    m%d = MatMul(r%d, w);\n", k, k
        printf "    a%d = Add(m%d, b);\n", k, k
        printf "    x%d = Relu(a%d);\n", k + 1, k
    }
    printf "    y = Identity(x%d);\n", blocks
    print "  }"
    print "}"
}
