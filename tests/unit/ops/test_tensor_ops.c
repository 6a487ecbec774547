// SPDX-License-Identifier: Apache-2.0
// Mathematical and tensor-moving operators: hand-checked results of tricky semantics, old opset
// versions, bad indices and sizes, 0-sized and rank-0 tensors, symbolic shapes and values. Every
// case also holds inference against the run.
#include "support.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A graph whose output y must equal the initializer `want`, bit by bit (near: floats within 1e-6
// relative).
struct result_case {
    int opset;
    const char *body; // initializers and nodes
    const char *want; // "type[dims] want = {...};"; "~" in front: near
};

// A graph that must fail to run with this status.
struct error_case {
    int opset;
    const char *body;
    enum mopt_status status;
};

#define MIN64 "-9223372036854775808"
#define MAX64 "9223372036854775807"

// ---- Arithmetic, comparison, bits ---------------------------------------------------------------

static const struct result_case arithmetic_cases[] = {
    {13, "int32[4] a = {7, -7, 7, -7}; int32[4] b = {2, 2, -2, -2}; y = Div(a, b);",
     "int32[4] want = {3, -3, -3, 3};"},
    {13, "int32[2] a = {-2147483648, 5}; int32[2] b = {-1, 0}; y = Div(a, b);",
     "int32[2] want = {-2147483648, 0};"},
    {13, "int64[2] a = {" MIN64 ", 9}; int64[2] b = {-1, 0}; y = Div(a, b);",
     "int64[2] want = {" MIN64 ", 0};"},
    {14, "uint8[2] a = {255, 200}; uint8[2] b = {255, 3}; y = Div(a, b);",
     "uint8[2] want = {1, 66};"},
    {14, "int8[3] a = {127, -128, 100}; int8[3] b = {1, -1, 100}; y = Add(a, b);",
     "int8[3] want = {-128, 127, -56};"},
    {14, "uint8[1] a = {1}; uint8[1] b = {2}; y = Sub(a, b);", "uint8[1] want = {255};"},
    {13, "int64[1] a = {" MAX64 "}; int64[1] b = {2}; y = Mul(a, b);", "int64[1] want = {-2};"},
    {14, "float16[2] a = {1.5, 65504}; float16[2] b = {2.25, 65504}; y = Add(a, b);",
     "float16[2] want = {3.75, inf};"},
    {14, "bfloat16[2] a = {1, 256}; bfloat16[] b = {1}; y = Add(a, b);",
     "bfloat16[2] want = {2, 256};"},
    // broadcasting: scalars, both ways, 0-sized
    {13, "float[2,1] a = {1, 2}; float[3] b = {10, 20, 30}; y = Add(a, b);",
     "float[2,3] want = {11, 21, 31, 12, 22, 32};"},
    {13, "float[] a = {1}; float[] b = {2}; y = Sub(a, b);", "float[] want = {-1};"},
    {13, "float[0,1] a = {}; float[3] b = {1, 2, 3}; y = Mul(a, b);", "float[0,3] want = {};"},
    {13, "double[2,1,2] a = {1, 2, 3, 4}; double[2,1] b = {10, 20}; y = Mul(a, b);",
     "double[2,2,2] want = {10, 20, 20, 40, 30, 40, 60, 80};"},
    // before opset 7
    {6,
     "float[2,3,2] a = {0,0,0,0,0,0,0,0,0,0,0,0}; float[3] b = {1, 2, 3}; "
     "y = Add<broadcast=1, axis=1>(a, b);",
     "float[2,3,2] want = {1,1,2,2,3,3,1,1,2,2,3,3};"},
    {6, "float[2,2] a = {1, 2, 3, 4}; float[2] b = {10, 20}; y = Sub<broadcast=1>(a, b);",
     "float[2,2] want = {-9, -18, -7, -16};"},
    {6, "float[2,2] a = {1, 2, 3, 4}; float[] b = {2}; y = Mul<broadcast=1>(a, b);",
     "float[2,2] want = {2, 4, 6, 8};"},
    // Mod
    {13, "int32[4] a = {7, -7, 7, -7}; int32[4] b = {3, 3, -3, -3}; y = Mod(a, b);",
     "int32[4] want = {1, 2, -2, -1};"},
    {13, "int32[4] a = {7, -7, 7, -7}; int32[4] b = {3, 3, -3, -3}; y = Mod<fmod=1>(a, b);",
     "int32[4] want = {1, -1, 1, -1};"},
    {13, "int64[3] a = {" MIN64 ", 5, " MIN64 "}; int64[3] b = {-1, 0, 3}; y = Mod(a, b);",
     "int64[3] want = {0, 0, 1};"},
    {13, "float[3] a = {-4.5, 5.5, inf}; float[3] b = {2, -2, 2}; y = Mod<fmod=1>(a, b);",
     "float[3] want = {-0.5, 1.5, nan};"},
    // Pow
    {13, "int32[4] a = {2, -2, 0, 3}; int32[4] b = {10, 3, 0, -1}; y = Pow(a, b);",
     "int32[4] want = {1024, -8, 1, 0};"},
    {13, "int64[2] a = {-1, 1}; int64[2] b = {" MIN64 ", " MIN64 "}; y = Pow(a, b);",
     "int64[2] want = {1, 1};"},
    {13, "float[3] a = {-3, 2, 0}; int64[] b = {2}; y = Pow(a, b);", "float[3] want = {9, 4, 0};"},
    {13, "int32[2] a = {9, 2}; float[2] b = {0.5, 0.5}; y = Pow(a, b);", "int32[2] want = {3, 1};"},
    // Min, Max, Sum, Mean
    {13, "float[3] a = {1, nan, 3}; float[3] b = {nan, 2, 2}; y = Max(a, b);",
     "float[3] want = {nan, nan, 3};"},
    {13, "uint64[2] a = {18446744073709551615, 1}; uint64[2] b = {1, 2}; y = Max(a, b);",
     "uint64[2] want = {18446744073709551615, 2};"},
    {13, "int8[2] a = {-5, 5}; int8[] b = {0}; int8[2] c = {-6, 9}; y = Min(a, b, c);",
     "int8[2] want = {-6, 0};"},
    {13, "float[2] a = {1, 2}; float[2,1] b = {1, 3}; float[] c = {4}; y = Mean(a, b, c);",
     "~float[2,2] want = {2, 2.3333333, 2.6666667, 3};"},
    {13, "float[2] a = {1, 2}; y = Sum(a);", "float[2] want = {1, 2};"},
    // comparisons
    {13, "float[3] a = {nan, 1, -0.0}; float[3] b = {nan, 1, 0}; y = Equal(a, b);",
     "bool[3] want = {0, 1, 1};"},
    {19, "string[2] a = {\"ab\", \"\"}; string[] b = {\"ab\"}; y = Equal(a, b);",
     "bool[2] want = {1, 0};"},
    {13, "uint64[1] a = {18446744073709551615}; uint64[1] b = {1}; y = Less(a, b);",
     "bool[1] want = {0};"},
    {16, "bfloat16[2] a = {1, nan}; bfloat16[2] b = {1, 1}; y = LessOrEqual(a, b);",
     "bool[2] want = {1, 0};"},
    {7, "bool[2] a = {1, 1}; bool[2,1] b = {0, 1}; y = Xor(a, b);",
     "bool[2,2] want = {1, 1, 0, 0};"},
    // shifts by the width and more
    {11,
     "uint8[3] a = {255, 1, 255}; uint8[3] b = {8, 7, 200}; y = BitShift<direction=\"LEFT\">(a, "
     "b);",
     "uint8[3] want = {0, 128, 0};"},
    {28,
     "int32[4] a = {-8, -8, 8, 1}; int32[4] b = {1, 99, 99, -1}; "
     "y = BitShift<direction=\"RIGHT\">(a, b);",
     "int32[4] want = {-4, -1, 0, 0};"},
    {18, "int16[2] a = {12, -1}; int16[2] b = {10, 7}; y = BitwiseXor(a, b);",
     "int16[2] want = {6, -8};"},
    {18, "uint8[1] a = {5}; y = BitwiseNot(a);", "uint8[1] want = {250};"},
    // Where of every kind of element
    {16,
     "bool[2] c = {1, 0}; string[2] a = {\"x\", \"y\"}; string[] b = {\"z\"}; y = Where(c, a, b);",
     "string[2] want = {\"x\", \"z\"};"},
    {16, "bool[2,1] c = {1, 0}; float16[2] a = {1, 2}; float16[] b = {3}; y = Where(c, a, b);",
     "float16[2,2] want = {1, 2, 3, 3};"},
    {9, "bool[] c = {0}; int8[0] a = {}; int8[1] b = {3}; y = Where(c, a, b);",
     "int8[0] want = {};"},
};

// ---- One operand --------------------------------------------------------------------------------

static const struct result_case unary_cases[] = {
    {13, "int8[3] a = {-128, -5, 5}; y = Abs(a);", "int8[3] want = {-128, 5, 5};"},
    {13, "uint64[1] a = {18446744073709551615}; y = Abs(a);",
     "uint64[1] want = {18446744073709551615};"},
    {13, "uint64[2] a = {18446744073709551615, 0}; y = Sign(a);", "uint64[2] want = {1, 0};"},
    {13, "float[4] a = {-2, 0, 3, nan}; y = Sign(a);", "float[4] want = {-1, 0, 1, nan};"},
    {11, "float[5] a = {0.5, 1.5, 2.5, -0.5, -1.5}; y = Round(a);",
     "float[5] want = {0, 2, 2, -0.0, -2};"},
    {14, "int32[3] a = {-3, 0, 4}; y = Relu(a);", "int32[3] want = {0, 0, 4};"},
    {13, "float[2] a = {nan, -1}; y = Relu(a);", "float[2] want = {nan, 0};"},
    {13, "float[3] a = {-1000, 0, 1000}; y = Sigmoid(a);", "float[3] want = {0, 0.5, 1};"},
    {13, "float[2] a = {1000, -1000}; y = Softplus(a);", "float[2] want = {1000, 0};"},
    {20, "float[1] a = {nan}; y = HardSwish(a);", "float[1] want = {nan};"},
    {13, "double[1] a = {0.5}; y = Erf(a);", "~double[1] want = {0.52049987781304654};"},
    {20, "float[2] a = {1, -1}; y = Gelu(a);", "~float[2] want = {0.84134475, -0.15865525};"},
    {20, "float[2] a = {1, -1}; y = Gelu<approximate=\"tanh\">(a);",
     "~float[2] want = {0.841192, -0.158808};"},
    {9, "int32[3] a = {-2, 0, 2}; y = Shrink<lambd=1.0, bias=1.0>(a);",
     "int32[3] want = {-1, 0, 1};"},
    {10, "float[3] a = {-inf, inf, nan}; y = IsInf<detect_negative=0>(a);",
     "bool[3] want = {0, 1, 0};"},
    {20, "float8e5m2[3] a = {inf, 1, nan}; y = IsNaN(a);", "bool[3] want = {0, 0, 1};"},
    {6, "float[3] a = {-9, 1, 9}; y = Clip<min=-1.0, max=2.0>(a);", "float[3] want = {-1, 1, 2};"},
    {13, "float[3] a = {-9, nan, 9}; float[] lo = {5}; float[] hi = {2}; y = Clip(a, lo, hi);",
     "float[3] want = {2, nan, 2};"},
    {13, "uint8[3] a = {1, 100, 255}; uint8[] hi = {99}; y = Clip(a, _, hi);",
     "uint8[3] want = {1, 99, 99};"},
    {13, "int64[2] a = {" MAX64 ", " MIN64 "}; int64[] lo = {0}; y = Clip(a, lo);",
     "int64[2] want = {" MAX64 ", 0};"},
    {16, "float[2,2] a = {-1, 2, -3, -4}; float[2,1] s = {0.5, 2}; y = PRelu(a, s);",
     "float[2,2] want = {-0.5, 2, -6, -8};"},
    {6, "float[1,2,1] a = {-1, -2}; float[2] s = {2, 3}; y = PRelu(a, s);",
     "float[1,2,1] want = {-2, -6};"},
    {13, "float[] a = {4}; y = Sqrt(a);", "float[] want = {2};"},
    {13, "float[0] a = {}; y = Exp(a);", "float[0] want = {};"},
};

// ---- Reductions, groups, order ------------------------------------------------------------------

static const struct result_case reduce_cases[] = {
    {13, "float[2,3] a = {1,2,3,4,5,6}; int64[1] x = {0}; y = ReduceSum<keepdims=0>(a, x);",
     "float[3] want = {5, 7, 9};"},
    {13, "float[2,3] a = {1,2,3,4,5,6}; int64[1] x = {-1}; y = ReduceSum(a, x);",
     "float[2,1] want = {6, 15};"},
    {13,
     "float[2,2,2] a = {1,2,3,4,5,6,7,8}; int64[2] x = {0, 2}; y = ReduceSum<keepdims=0>(a, x);",
     "float[2] want = {14, 22};"},
    {13, "float[2] a = {1,2}; int64[0] x = {}; y = ReduceSum<noop_with_empty_axes=1>(a, x);",
     "float[2] want = {1, 2};"},
    {13, "float[2] a = {1,2}; y = ReduceSum<keepdims=0>(a);", "float[] want = {3};"},
    {18, "float[2] a = {-3,2}; y = ReduceSumSquare<noop_with_empty_axes=1>(a);",
     "float[2] want = {9, 4};"},
    {20, "float[2,0] a = {}; int64[1] x = {1}; y = ReduceMax<keepdims=0>(a, x);",
     "float[2] want = {-inf, -inf};"},
    {20, "int8[0] a = {}; y = ReduceMin<keepdims=0>(a);", "int8[] want = {127};"},
    {20, "bool[2,2] a = {0,1,0,0}; int64[1] x = {1}; y = ReduceMax<keepdims=0>(a, x);",
     "bool[2] want = {1, 0};"},
    {18, "float[0,2] a = {}; int64[1] x = {0}; y = ReduceProd<keepdims=0>(a, x);",
     "float[2] want = {1, 1};"},
    {18, "float[0] a = {}; y = ReduceMean<keepdims=0>(a);", "float[] want = {nan};"},
    {18, "float[2] a = {1000, 1000}; y = ReduceLogSumExp<keepdims=0>(a);",
     "~float[] want = {1000.6931};"},
    {18, "float[2] a = {-inf, -inf}; y = ReduceLogSumExp<keepdims=0>(a);",
     "float[] want = {-inf};"},
    {18, "float[2] a = {nan, nan}; y = ReduceLogSumExp<keepdims=0>(a);", "float[] want = {nan};"},
    {18, "float[2] a = {nan, inf}; y = ReduceLogSumExp<keepdims=0>(a);", "float[] want = {nan};"},
    {18, "float[2] a = {inf, -inf}; y = ReduceLogSumExp<keepdims=0>(a);", "float[] want = {inf};"},
    {18, "float[2] a = {3, -4}; y = ReduceL2<keepdims=0>(a);", "float[] want = {5};"},
    {18, "int32[2] a = {3, -4}; y = ReduceL1<keepdims=0>(a);", "int32[] want = {7};"},
    {18, "int32[3] a = {1, 1, -4}; y = ReduceMean<keepdims=0>(a);", "int32[] want = {0};"},
    {18, "float[3] a = {1, nan, 3}; y = ReduceMax<keepdims=0>(a);", "float[] want = {nan};"},
    {18, "float[] a = {3}; y = ReduceMean(a);", "float[] want = {3};"},
    {11, "float[2,3] a = {1,2,3,4,5,6}; y = ReduceMean<axes=[-2]>(a);",
     "float[1,3] want = {2.5, 3.5, 4.5};"},
    // ArgMax
    {13, "int32[4] a = {1, 3, 3, 0}; y = ArgMax<keepdims=0>(a);", "int64[] want = {1};"},
    {13, "int32[4] a = {1, 3, 3, 0}; y = ArgMax<keepdims=0, select_last_index=1>(a);",
     "int64[] want = {2};"},
    {13, "uint64[2] a = {1, 18446744073709551615}; y = ArgMin<keepdims=0>(a);",
     "int64[] want = {0};"},
    {13, "float[2,2] a = {1, 2, 4, 3}; y = ArgMin<axis=-1>(a);", "int64[2,1] want = {0, 1};"},
    {13, "float[3] a = {-0.0, 0, -1}; y = ArgMax<keepdims=0>(a);", "int64[] want = {0};"},
    // TopK: ties by index, smallest, NaN
    {11, "float[5] a = {1, 3, 3, 2, 3}; int64[1] k = {4}; v, y = TopK(a, k);",
     "int64[4] want = {1, 2, 4, 3};"},
    {11, "float[5] a = {1, 3, 1, 2, 3}; int64[1] k = {3}; v, y = TopK<largest=0>(a, k);",
     "int64[3] want = {0, 2, 3};"},
    {11, "float[3] a = {1, nan, 2}; int64[1] k = {1}; v, y = TopK(a, k);", "int64[1] want = {1};"},
    {11, "int64[2,2] a = {1, 2, 4, 3}; int64[1] k = {1}; y = TopK<axis=0>(a, k);",
     "int64[1,2] want = {4, 3};"},
    {11, "float[2,3] a = {1,2,3,4,5,6}; int64[1] k = {0}; y = TopK(a, k);",
     "float[2,0] want = {};"},
    {1, "float[3] a = {5, 1, 6}; y = TopK<k=2>(a);", "float[2] want = {6, 5};"},
    // running sums
    {14, "int32[4] a = {1,2,3,4}; int32[] x = {0}; y = CumSum<exclusive=1, reverse=1>(a, x);",
     "int32[4] want = {9, 7, 4, 0};"},
    {14, "double[2,2] a = {1,2,3,4}; int64[] x = {-1}; y = CumSum(a, x);",
     "double[2,2] want = {1,3,3,7};"},
    {26, "float[3] a = {2,3,4}; int64[] x = {0}; y = CumProd<exclusive=1>(a, x);",
     "float[3] want = {1,2,6};"},
    // Softmax: groups before and after opset 13
    {13, "float[2,1,2] a = {0, 0, 0, 0}; y = Softmax<axis=1>(a);",
     "float[2,1,2] want = {1, 1, 1, 1};"},
    {11, "float[2,1,2] a = {0, 0, 0, 0}; y = Softmax<axis=1>(a);",
     "float[2,1,2] want = {0.5, 0.5, 0.5, 0.5};"},
    {11, "float[2,2] a = {1, 1, 1, 1}; y = Softmax<axis=0>(a);",
     "float[2,2] want = {0.25, 0.25, 0.25, 0.25};"},
    {13, "float[2] a = {1000, -1000}; y = LogSoftmax(a);", "float[2] want = {0, -2000};"},
    {13, "double[2,2] a = {1, 3, 3, 3}; y = Hardmax(a);", "double[2,2] want = {0, 1, 1, 0};"},
    {13, "float[0,3] a = {}; y = Softmax(a);", "float[0,3] want = {};"},
    {13, "float16[2] a = {0, 0}; y = Softmax(a);", "float16[2] want = {0.5, 0.5};"},
    // Einsum
    {12, "float[2,2] a = {1,2,3,4}; y = Einsum<equation=\"ii\">(a);", "float[] want = {5};"},
    {12, "float[2,2] a = {1,2,3,4}; y = Einsum<equation=\"ii->i\">(a);", "float[2] want = {1, 4};"},
    {12, "float[2,2] a = {1,2,3,4}; y = Einsum<equation=\"ba\">(a);",
     "float[2,2] want = {1,3,2,4};"},
    {12,
     "int32[2,2] a = {1,2,3,4}; int32[2] b = {1,10}; y = Einsum<equation=\"ij, j -> i\">(a, b);",
     "int32[2] want = {21, 43};"},
    {12,
     "float[1,2,2] a = {1,2,3,4}; float[3,2,1] b = {1,1,2,2,3,3}; "
     "y = Einsum<equation=\"...ij,...jk->...ik\">(a, b);",
     "float[3,2,1] want = {3,7,6,14,9,21};"},
    {12,
     "float[2] a = {1,2}; float[2] b = {3,4}; float[2] c = {5,6}; y = "
     "Einsum<equation=\"i,j,i->j\">(a,b,c);",
     "float[2] want = {51, 68};"},
    {12, "float[0] a = {}; y = Einsum<equation=\"i->\">(a);", "float[] want = {0};"},
    // Det, Unique, NonZero, Compress
    {11, "float[2,2] a = {0, 2, 3, 4}; y = Det(a);", "float[] want = {-6};"},
    {11, "float[0,3,3] a = {}; y = Det(a);", "float[0] want = {};"},
    {11, "int32[6] a = {3,1,3,2,1,0}; u, i, y, c = Unique(a);", "int64[6] want = {3,1,3,2,1,0};"},
    {11, "int32[6] a = {3,1,3,2,1,0}; u, i, v, y = Unique<sorted=0>(a);",
     "int64[4] want = {2,2,1,1};"},
    {11, "string[3] a = {\"b\", \"a\", \"b\"}; y = Unique(a);", "string[2] want = {\"a\", \"b\"};"},
    {11, "int8[3,2] a = {1,0, 0,1, 1,0}; y = Unique<axis=0>(a);", "int8[2,2] want = {0,1,1,0};"},
    {11, "float[3] a = {nan, 1, nan}; y = Unique(a);", "float[2] want = {1, nan};"},
    {11, "float[0] a = {}; y = Unique(a);", "float[0] want = {};"},
    {13, "float[2,2] a = {0, 1, nan, 0}; y = NonZero(a);", "int64[2,2] want = {0,1,1,0};"},
    {13, "float[] a = {1}; y = NonZero(a);", "int64[0,1] want = {};"},
    {11, "int32[2,2] a = {1,2,3,4}; bool[1] c = {1}; y = Compress<axis=1>(a, c);",
     "int32[2,1] want = {1,3};"},
    {11, "int32[2,2] a = {1,2,3,4}; bool[4] c = {0,1,0,1}; y = Compress(a, c);",
     "int32[2] want = {2,4};"},
};

// ---- Moving -------------------------------------------------------------------------------------

static const struct result_case move_cases[] = {
    {13, "float[2,3] a = {1,2,3,4,5,6}; int64[3] s = {0, -1, 1}; y = Reshape(a, s);",
     "float[2,3,1] want = {1,2,3,4,5,6};"},
    {14, "float[0,3] a = {}; int64[2] s = {3, 0}; y = Reshape<allowzero=1>(a, s);",
     "float[3,0] want = {};"},
    {14, "float[0,3] a = {}; int64[2] s = {0, -1}; y = Reshape(a, s);", "float[0,3] want = {};"},
    {13, "float[1] a = {7}; int64[0] s = {}; y = Reshape(a, s);", "float[] want = {7};"},
    {1, "float[4] a = {1,2,3,4}; y = Reshape<shape=[2,-1]>(a);", "float[2,2] want = {1,2,3,4};"},
    {13,
     "float[2,3,4] a = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24}; "
     "b = Flatten<axis=-1>(a); y = Shape(b);",
     "int64[2] want = {6, 4};"},
    {13, "float[] a = {3}; y = Flatten<axis=0>(a);", "float[1,1] want = {3};"},
    {13, "int8[1,2,1] a = {1,2}; int64[1] x = {-1}; y = Squeeze(a, x);", "int8[1,2] want = {1,2};"},
    {11, "int8[1,2,1] a = {1,2}; y = Squeeze(a);", "int8[2] want = {1,2};"},
    {13, "int8[2] a = {1,2}; int64[2] x = {-1, 0}; y = Unsqueeze(a, x);",
     "int8[1,2,1] want = {1,2};"},
    {13, "string[1,2] a = {\"p\", \"q\"}; y = Transpose(a);", "string[2,1] want = {\"p\", \"q\"};"},
    {13, "int16[2,3] a = {1,2,3,4,5,6}; y = Transpose(a);", "int16[3,2] want = {1,4,2,5,3,6};"},
    {13, "int16[2,2,2] a = {1,2,3,4,5,6,7,8}; y = Transpose<perm=[1,2,0]>(a);",
     "int16[2,2,2] want = {1,5,2,6,3,7,4,8};"},
    {21, "uint4[3,2] a = {1,2,3,4,5,6}; y = Transpose(a);", "uint4[2,3] want = {1,3,5,2,4,6};"},
    {25, "int2[5,1] a = {0,1,-1,-2,1}; y = Transpose<perm=[1,0]>(a);",
     "int2[1,5] want = {0,1,-1,-2,1};"},
    {13,
     "float[2,1] a = {1,2}; float[2,2] b = {3,4,5,6}; float[2,0] c = {}; y = "
     "Concat<axis=-1>(a,b,c);",
     "float[2,3] want = {1,3,4,2,5,6};"},
    {13, "string[1] a = {\"a\"}; string[1] b = {\"\"}; y = Concat<axis=0>(a, b);",
     "string[2] want = {\"a\", \"\"};"},
    {3, "float[1,1] a = {1}; float[1,1] b = {2}; y = Concat(a, b);", "float[1,2] want = {1,2};"},
    {13, "float[5] a = {1,2,3,4,5}; int64[2] s = {2,3}; b, y = Split(a, s);",
     "float[3] want = {3,4,5};"},
    {18, "float[5] a = {1,2,3,4,5}; b, c, y = Split<num_outputs=3>(a);", "float[1] want = {5};"},
    {11, "float[2,2] a = {1,2,3,4}; b, y = Split<axis=1, split=[1,1]>(a);",
     "float[2,1] want = {2,4};"},
    {1, "float[3] a = {1,2,3}; float[2] s = {1, 2}; b, y = Split<axis=0>(a, s);",
     "float[2] want = {2,3};"},
    {2, "float[4] a = {1,2,3,4}; b, y = Split(a);", "float[2] want = {3,4};"},
    // Slice: clamping, negative steps, extreme numbers
    {13,
     "int32[5] a = {0,1,2,3,4}; int64[1] s = {-2}; int64[1] e = {" MAX64 "}; y = Slice(a, s, e);",
     "int32[2] want = {3,4};"},
    {13,
     "int32[5] a = {0,1,2,3,4}; int64[1] s = {" MAX64 "}; int64[1] e = {" MIN64
     "}; int64[1] x = {0}; "
     "int64[1] t = {-2}; y = Slice(a, s, e, x, t);",
     "int32[3] want = {4,2,0};"},
    {13,
     "int32[5] a = {0,1,2,3,4}; int64[1] s = {-1}; int64[1] e = {0}; int64[1] x = {0}; "
     "int64[1] t = {" MIN64 "}; y = Slice(a, s, e, x, t);",
     "int32[1] want = {4};"},
    {13, "int32[5] a = {0,1,2,3,4}; int32[1] s = {3}; int32[1] e = {1}; y = Slice(a, s, e);",
     "int32[0] want = {};"},
    {9, "int32[2,2] a = {0,1,2,3}; y = Slice<starts=[1], ends=[100], axes=[-1]>(a);",
     "int32[2,1] want = {1,3};"},
    {13,
     "int32[0] a = {}; int64[1] s = {0}; int64[1] e = {1}; int64[1] x = {0}; int64[1] t = {-1}; "
     "y = Slice(a, s, e, x, t);",
     "int32[0] want = {};"},
    // Gather family
    {13, "int32[3] a = {10,11,12}; int64[2] i = {-1,-3}; y = Gather(a, i);",
     "int32[2] want = {12,10};"},
    {13, "int32[2,2] a = {1,2,3,4}; int32[] i = {1}; y = Gather<axis=1>(a, i);",
     "int32[2] want = {2,4};"},
    {13, "string[2] a = {\"u\", \"v\"}; int64[1,1] i = {1}; y = Gather(a, i);",
     "string[1,1] want = {\"v\"};"},
    {13, "float[3,0] a = {}; int64[2] i = {0,2}; y = Gather(a, i);", "float[2,0] want = {};"},
    {13, "int32[2,2] a = {1,2,3,4}; int64[1,2] i = {-1,0}; y = GatherElements(a, i);",
     "int32[1,2] want = {3,2};"},
    {13, "int32[2,2] a = {1,2,3,4}; int64[2,1] i = {-1,0}; y = GatherND(a, i);",
     "int32[2,2] want = {3,4,1,2};"},
    {13, "int32[2,2] a = {1,2,3,4}; int64[2,1] i = {1,0}; y = GatherND<batch_dims=1>(a, i);",
     "int32[2] want = {2,3};"},
    // Scatter family
    {18,
     "float[3] a = {1,2,3}; int64[2] i = {-1,-1}; float[2] u = {10,20}; "
     "y = ScatterElements<reduction=\"add\">(a, i, u);",
     "float[3] want = {1,2,33};"},
    {18,
     "int32[3] a = {1,2,3}; int64[2] i = {1,1}; int32[2] u = {10,20}; y = ScatterElements(a, i, "
     "u);",
     "int32[3] want = {1,20,3};"},
    {18,
     "float16[2,2] a = {1,2,3,4}; int64[1,2] i = {1,0}; float16[1] u = {9}; "
     "y = ScatterND<reduction=\"max\">(a, i, u);",
     "float16[2,2] want = {1,2,9,4};"},
    {18,
     "uint64[1] a = {1}; int64[1,1] i = {0}; uint64[1] u = {18446744073709551615}; "
     "y = ScatterND<reduction=\"min\">(a, i, u);",
     "uint64[1] want = {1};"},
    {9, "float[2] a = {1,2}; int64[1] i = {0}; float[1] u = {5}; y = Scatter(a, i, u);",
     "float[2] want = {5,2};"},
    {24,
     "float[1,3,1] a = {1,2,3}; float[1,2,1] u = {8,9}; int64[1] w = {2}; "
     "y = TensorScatter<mode=\"circular\">(a, u, w);",
     "float[1,3,1] want = {9,2,8};"},
    // Pad
    {13, "int32[2] a = {1,2}; int64[2] p = {1,-1}; y = Pad(a, p);", "int32[2] want = {0,1};"},
    {13, "float[3] a = {1,2,3}; int64[2] p = {4,5}; y = Pad<mode=\"reflect\">(a, p);",
     "float[12] want = {1,2,3,2,1,2,3,2,1,2,3,2};"},
    {19, "float[3] a = {1,2,3}; int64[2] p = {4,-1}; y = Pad<mode=\"wrap\">(a, p);",
     "float[6] want = {1,2,1,2,1,2};"},
    {18,
     "float[1,2] a = {1,2}; int64[2] p = {1,1}; float[] v = {9}; int64[1] x = {-2}; y = Pad(a, p, "
     "v, x);",
     "float[3,2] want = {9,9,1,2,9,9};"},
    {13, "string[1] a = {\"a\"}; int64[2] p = {1,0}; y = Pad(a, p);",
     "string[2] want = {\"\", \"a\"};"},
    {2, "float[2] a = {1,2}; y = Pad<pads=[1,1], value=3.0, mode=\"constant\">(a);",
     "float[4] want = {3,1,2,3};"},
    {21, "int4[2] a = {-1,7}; int64[2] p = {1,0}; y = Pad(a, p);", "int4[3] want = {0,-1,7};"},
    {13, "float[0] a = {}; int64[2] p = {1,1}; y = Pad(a, p);", "float[2] want = {0,0};"},
    {13, "float[3] a = {1,2,3}; int64[2] p = {" MIN64 "," MAX64 "}; y = Pad(a, p);",
     "float[2] want = {0,0};"},
    {21, "int4[3] a = {1,2,3}; int64[2] p = {" MIN64 "," MAX64 "}; y = Pad(a, p);",
     "int4[2] want = {0,0};"},
    // Tile, Expand and the rest
    {13, "int32[2] a = {1,2}; int64[1] r = {3}; y = Tile(a, r);", "int32[6] want = {1,2,1,2,1,2};"},
    {13, "int32[2,1] a = {1,2}; int64[2] r = {1,2}; y = Tile(a, r);",
     "int32[2,2] want = {1,1,2,2};"},
    {13, "int32[2] a = {1,2}; int64[1] r = {0}; y = Tile(a, r);", "int32[0] want = {};"},
    {1, "float[2] a = {1,2}; float[] n = {2}; float[] x = {0}; y = Tile(a, n, x);",
     "float[4] want = {1,2,1,2};"},
    {13, "bool[2,1] a = {1,0}; int64[1] s = {2}; y = Expand(a, s);", "bool[2,2] want = {1,1,0,0};"},
    {13, "float[1] a = {1}; int64[2] s = {0,1}; y = Expand(a, s);", "float[0,1] want = {};"},
    {11, "int64[] a = {3}; int64[] b = {-2}; int64[] c = {-2}; y = Range(a, b, c);",
     "int64[3] want = {3,1,-1};"},
    {11, "float[] a = {0}; float[] b = {1}; float[] c = {0.25}; y = Range(a, b, c);",
     "float[4] want = {0,0.25,0.5,0.75};"},
    {11, "int32[] a = {5}; int32[] b = {1}; int32[] c = {1}; y = Range(a, b, c);",
     "int32[0] want = {};"},
    {11, "int64[3] i = {-1,2,5}; int64[] d = {3}; int8[2] v = {0,1}; y = OneHot(i, d, v);",
     "int8[3,3] want = {0,0,1, 0,0,1, 0,0,0};"},
    {11,
     "int64[2] i = {0,1}; float[1] d = {2}; string[2] v = {\"n\",\"y\"}; y = OneHot<axis=0>(i, d, "
     "v);",
     "string[2,2] want = {\"y\",\"n\",\"n\",\"y\"};"},
    {14, "int32[2,3] a = {1,2,3,4,5,6}; int64[] k = {1}; y = Trilu(a, k);",
     "int32[2,3] want = {0,2,3,0,0,6};"},
    {14, "int32[2,2] a = {1,2,3,4}; int64[] k = {" MIN64 "}; y = Trilu<upper=0>(a, k);",
     "int32[2,2] want = {0,0,0,0};"},
    {14, "int32[2,2] a = {1,2,3,4}; int64[] k = {" MIN64 "}; y = Trilu<upper=1>(a, k);",
     "int32[2,2] want = {1,2,3,4};"},
    {9, "float[2,3] a = {0,0,0,0,0,0}; y = EyeLike<dtype=7, k=1>(a);",
     "int64[2,3] want = {0,1,0,0,0,1};"},
    {13, "int8[1,4,1,1] a = {1,2,3,4}; y = DepthToSpace<blocksize=2>(a);",
     "int8[1,1,2,2] want = {1,2,3,4};"},
    {13, "int8[1,8,1,1] a = {1,2,3,4,5,6,7,8}; y = DepthToSpace<blocksize=2, mode=\"CRD\">(a);",
     "int8[1,2,2,2] want = {1,2,3,4,5,6,7,8};"},
    {13, "int8[1,8,1,1] a = {1,2,3,4,5,6,7,8}; y = DepthToSpace<blocksize=2>(a);",
     "int8[1,2,2,2] want = {1,3,5,7,2,4,6,8};"},
    {13, "int8[1,2,2,2] a = {1,3,5,7,2,4,6,8}; y = SpaceToDepth<blocksize=2>(a);",
     "int8[1,8,1,1] want = {1,2,3,4,5,6,7,8};"},
    {10, "int8[3,2] a = {1,2,3,4,5,6}; int64[2] n = {3,2}; y = ReverseSequence(a, n);",
     "int8[3,2] want = {5,4,3,2,1,6};"},
    {18, "int8[4] a = {1,2,3,4}; int64[1] s = {1}; y = CenterCropPad(a, s);",
     "int8[1] want = {2};"},
    {18, "int8[2] a = {1,2}; int64[1] s = {5}; y = CenterCropPad(a, s);",
     "int8[5] want = {0,1,2,0,0};"},
    {18, "float[1,2,2] a = {1,2,3,4}; int64[1] i = {3}; int64[1] b = {2}; y = Col2Im(a, i, b);",
     "float[1,1,3] want = {1,5,4};"},
};

// ---- Errors -------------------------------------------------------------------------------------

#define GATHER(index) "int32[3] a = {1,2,3}; int64[1] i = {" index "}; y = Gather(a, i);"
#define SCATTER(index) \
    "int32[3] a = {1,2,3}; int64[1,1] i = {" index "}; int32[1] u = {0}; y = ScatterND(a, i, u);"

static const struct error_case error_cases[] = {
    {13, GATHER("3"), MOPT_E_VALUE},
    {13, GATHER("-4"), MOPT_E_VALUE},
    {13, GATHER(MIN64), MOPT_E_VALUE},
    {13, GATHER(MAX64), MOPT_E_VALUE},
    {13, SCATTER("3"), MOPT_E_VALUE},
    {13, SCATTER("-4"), MOPT_E_VALUE},
    {13, SCATTER(MIN64), MOPT_E_VALUE},
    {13, SCATTER(MAX64), MOPT_E_VALUE},
    {13, "int32[0] a = {}; int64[1] i = {0}; y = Gather(a, i);", MOPT_E_VALUE},
    {13, "int32[2] a = {1,2}; int64[1] i = {-3}; y = GatherElements(a, i);", MOPT_E_VALUE},
    {13, "int32[2] a = {1,2}; int64[1,1] i = {2}; y = GatherND(a, i);", MOPT_E_VALUE},
    {18,
     "float[2] a = {1,2}; int64[1] i = {" MIN64
     "}; float[1] u = {0}; y = ScatterElements(a, i, u);",
     MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; float[3] b = {1,2,3}; y = Add(a, b);", MOPT_E_SHAPE},
    {6, "float[2,2] a = {1,2,3,4}; float[2] b = {1,2}; y = Add(a, b);", MOPT_E_SHAPE},
    {6, "float[2] a = {1,2}; float[2,2] b = {1,2,3,4}; y = Add<broadcast=1>(a, b);", MOPT_E_SHAPE},
    {13, "float[2] a = {1,2}; int32[2] b = {1,2}; y = Add(a, b);", MOPT_E_TYPE},
    {13, "bool[1] a = {1}; bool[1] b = {1}; y = Add(a, b);", MOPT_E_TYPE},
    {13, "float[6] a = {1,2,3,4,5,6}; int64[2] s = {4,-1}; y = Reshape(a, s);", MOPT_E_SHAPE},
    {13, "float[6] a = {1,2,3,4,5,6}; int64[2] s = {-1,-1}; y = Reshape(a, s);", MOPT_E_VALUE},
    {13, "float[1] a = {1}; int64[2] s = {" MAX64 "," MAX64 "}; y = Reshape(a, s);", MOPT_E_SHAPE},
    {13, "float[1] a = {1}; int64[2] s = {1,0}; y = Reshape(a, s);", MOPT_E_SHAPE},
    {14, "float[1] a = {1}; int64[2] s = {-1,0}; y = Reshape<allowzero=1>(a, s);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[1] x = {0}; y = Squeeze(a, x);", MOPT_E_SHAPE},
    {13, "float[2] a = {1,2}; int64[2] x = {0,0}; y = Unsqueeze(a, x);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[1] x = {2}; y = Unsqueeze(a, x);", MOPT_E_VALUE},
    {13, "float[2,2] a = {1,2,3,4}; y = Transpose<perm=[0,0]>(a);", MOPT_E_VALUE},
    {13, "float[2,2] a = {1,2,3,4}; y = Transpose<perm=[0]>(a);", MOPT_E_VALUE},
    {13, "float[2,2] a = {1,2,3,4}; float[1,1] b = {1}; y = Concat<axis=0>(a, b);", MOPT_E_SHAPE},
    {13, "float[3] a = {1,2,3}; b, y = Split(a);", MOPT_E_SHAPE},
    {13, "float[3] a = {1,2,3}; int64[2] s = {4,-1}; b, y = Split(a, s);", MOPT_E_VALUE},
    {13, "float[3] a = {1,2,3}; int64[2] s = {1,1}; b, y = Split(a, s);", MOPT_E_VALUE},
    {13,
     "float[3] a = {1,2,3}; int64[1] s = {0}; int64[1] e = {1}; int64[1] x = {0}; int64[1] t = "
     "{0}; "
     "y = Slice(a, s, e, x, t);",
     MOPT_E_VALUE},
    {13, "float[3] a = {1,2,3}; int64[1] s = {0}; int64[2] e = {1,1}; y = Slice(a, s, e);",
     MOPT_E_VALUE},
    {13,
     "float[3] a = {1,2,3}; int64[1] s = {0}; int64[1] e = {1}; int64[1] x = {1}; y = Slice(a, s, "
     "e, x);",
     MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[2] p = {-2,-1}; y = Pad(a, p);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[2] p = {" MAX64 ",1}; y = Pad(a, p);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[3] p = {1,1,1}; y = Pad(a, p);", MOPT_E_VALUE},
    {13, "float[0] a = {}; int64[2] p = {1,1}; y = Pad<mode=\"edge\">(a, p);", MOPT_E_SHAPE},
    {13, "float[2] a = {1,2}; int64[1] r = {-1}; y = Tile(a, r);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[1] r = {" MAX64 "}; y = Tile(a, r);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[1] s = {-1}; y = Expand(a, s);", MOPT_E_VALUE},
    {13, "float[2] a = {1,2}; int64[1] s = {3}; y = Expand(a, s);", MOPT_E_SHAPE},
    {13, "float[1] a = {1}; int64[2] s = {" MAX64 "," MAX64 "}; y = Expand(a, s);", MOPT_E_SHAPE},
    {11, "float[3] a = {1,2,3}; int64[1] k = {4}; v, y = TopK(a, k);", MOPT_E_VALUE},
    {11, "float[3] a = {1,2,3}; int64[1] k = {-1}; v, y = TopK(a, k);", MOPT_E_VALUE},
    {13, "float[0] a = {}; y = ArgMax(a);", MOPT_E_SHAPE},
    {18, "float[2] a = {1,2}; int64[1] x = {1}; y = ReduceMax(a, x);", MOPT_E_VALUE},
    {18, "float[2] a = {1,2}; int64[2] x = {0,-1}; y = ReduceMax(a, x);", MOPT_E_VALUE},
    {11, "int64[] a = {0}; int64[] b = {5}; int64[] c = {0}; y = Range(a, b, c);", MOPT_E_VALUE},
    {11, "float[] a = {0}; float[] b = {inf}; float[] c = {1}; y = Range(a, b, c);", MOPT_E_VALUE},
    {11, "float[] a = {0}; float[] b = {nan}; float[] c = {1}; y = Range(a, b, c);", MOPT_E_VALUE},
    {11, "int64[1] i = {0}; int64[] d = {-1}; int8[2] v = {0,1}; y = OneHot(i, d, v);",
     MOPT_E_VALUE},
    {14, "float[2] a = {1,2}; int64[] x = {1}; y = CumSum(a, x);", MOPT_E_VALUE},
    {12, "float[2] a = {1,2}; y = Einsum<equation=\"ij\">(a);", MOPT_E_SHAPE},
    {12, "float[2] a = {1,2}; y = Einsum<equation=\"i->j\">(a);", MOPT_E_VALUE},
    {12, "float[2] a = {1,2}; y = Einsum<equation=\"i,i\">(a);", MOPT_E_VALUE},
    {12, "float[2] a = {1,2}; y = Einsum<equation=\"i!\">(a);", MOPT_E_VALUE},
    {12, "float[2] a = {1,2}; float[3] b = {1,2,3}; y = Einsum<equation=\"i,i\">(a, b);",
     MOPT_E_SHAPE},
    {11, "float[2,3] a = {1,2,3,4,5,6}; y = Det(a);", MOPT_E_SHAPE},
    {13, "float[1,3,1,1] a = {1,2,3}; y = DepthToSpace<blocksize=2>(a);", MOPT_E_SHAPE},
    {13, "float[1,1,1,1] a = {1}; y = SpaceToDepth<blocksize=0>(a);", MOPT_E_VALUE},
    {10, "float[2,2] a = {1,2,3,4}; int64[2] n = {3,1}; y = ReverseSequence(a, n);", MOPT_E_VALUE},
    {24,
     "float[1,2,1] a = {1,2}; float[1,2,1] u = {8,9}; int64[1] w = {1}; y = TensorScatter(a, u, "
     "w);",
     MOPT_E_VALUE},
    {11, "float[2] a = {1,2}; bool[3] c = {0,0,1}; y = Compress(a, c);", MOPT_E_VALUE},
    {18, "string[1,1,1] a = {\"x\"}; int64[1] i = {1}; int64[1] b = {1}; y = Col2Im(a, i, b);",
     MOPT_E_UNSUPPORTED},
    {13, "float[1] a = {1}; y = Softmax<axis=1>(a);", MOPT_E_VALUE},
};

// ---- Running the tables -------------------------------------------------------------------------

static struct mopt_model *model_of(int opset, const char *body, const char *want)
{
    char text[2048];
    const int length =
        snprintf(text, sizeof text, "model (ir=8, opset=%d) { graph main () -> (y) { %s %s } }",
                 opset, body, want);
    assert_true(length > 0 && (size_t)length < sizeof text);
    return parse_model(text);
}

static bool same(const struct mopt_tensor *a, const struct mopt_tensor *b, bool near)
{
    bool equal = a->dtype == b->dtype && a->rank == b->rank && a->count == b->count;
    for (int i = 0; equal && i < a->rank; i++) {
        equal = a->dims[i] == b->dims[i];
    }
    if (!equal || !mopt__dtype_is_float(a->dtype)) {
        return equal && mopt__tensor_equal(a, b);
    }
    for (size_t i = 0; equal && i < a->count; i++) {
        const double x = mopt__tensor_f64(a, i);
        const double y = mopt__tensor_f64(b, i);
        equal = (isnan(x) && isnan(y)) || x == y || (near && fabs(x - y) <= 1e-6 * fabs(y));
    }
    return equal;
}

// Known dims, element type and values that inference gave must be what the run gave.
static void check_inference(struct mopt_model *model, const struct mopt_tensor *actual,
                            const char *body)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__infer_model(model, MOPT_INFER_STRICT, &err) != MOPT_OK) {
        fail_msg("%s: inference: %s", body, err.text);
    }
    const struct mopt_value *y = mopt__value_find(model->graph, "y");
    assert_non_null(y);
    assert_non_null(y->type);
    bool holds =
        y->type->dtype == actual->dtype && (y->type->rank < 0 || y->type->rank == actual->rank);
    for (int i = 0; holds && i < y->type->rank; i++) {
        int64_t known = 0;
        holds =
            !mopt__dim_is_known(model->dims, y->type->dims[i], &known) || known == actual->dims[i];
    }
    for (size_t i = 0; holds && y->ints != NULL && i < y->ints->count; i++) {
        int64_t known = 0;
        holds = y->ints->count == actual->count && y->ints->rank == actual->rank &&
                (!mopt__dim_is_known(model->dims, y->ints->items[i], &known) ||
                 known == mopt__tensor_i64_at(actual, i));
    }
    if (!holds) {
        char text[256];
        fail_msg("%s: inferred %s", body, type_text(model, "y", text, sizeof text));
    }
}

static void run_results(const struct result_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool near = cases[i].want[0] == '~';
        struct mopt_model *model =
            model_of(cases[i].opset, cases[i].body, cases[i].want + (near ? 1 : 0));
        struct mopt_datum *output = NULL;
        struct mopt_error err;
        mopt_error_clear(&err);
        if (run_model(model, NULL, 0, &output, &err) != MOPT_OK) {
            fail_msg("%s: %s", cases[i].body, err.text);
        }
        const struct mopt_value *want = mopt__value_find(model->graph, "want");
        assert_non_null(want);
        if (!same(output->tensor, want->constant, near)) {
            fprintf(stderr, "got");
            for (size_t k = 0; k < output->tensor->count && output->tensor->dtype != MOPT_STRING;
                 k++) {
                fprintf(stderr, " %.9g", mopt__tensor_f64(output->tensor, k));
            }
            fprintf(stderr, "\n");
            fail_msg("opset %d: %s: wrong result, want %s", cases[i].opset, cases[i].body,
                     cases[i].want);
        }
        check_inference(model, output->tensor, cases[i].body);
        mopt__datum_unref(output);
        mopt__model_free(model);
    }
}

static void arithmetic(void **state)
{
    (void)state;
    run_results(arithmetic_cases, MOPT_COUNTOF(arithmetic_cases));
}

static void one_operand(void **state)
{
    (void)state;
    run_results(unary_cases, MOPT_COUNTOF(unary_cases));
}

static void reductions(void **state)
{
    (void)state;
    run_results(reduce_cases, MOPT_COUNTOF(reduce_cases));
}

static void moves(void **state)
{
    (void)state;
    run_results(move_cases, MOPT_COUNTOF(move_cases));
}

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(error_cases); i++) {
        struct mopt_model *model = model_of(error_cases[i].opset, error_cases[i].body, "");
        struct mopt_datum *output = NULL;
        struct mopt_error err;
        mopt_error_clear(&err);
        const enum mopt_status status = run_model(model, NULL, 0, &output, &err);
        if (status != error_cases[i].status || err.status != status || err.text[0] == '\0') {
            fail_msg("%s: status is %s (%s), must be %s", error_cases[i].body,
                     mopt_status_name(status), err.text, mopt_status_name(error_cases[i].status));
        }
        // inference must survive the same graph
        mopt_error_clear(&err);
        assert_int_equal(mopt__infer_model(model, 0, &err), MOPT_OK);
        mopt__datum_unref(output);
        mopt__model_free(model);
    }
}

// ---- Symbolic shapes and values -----------------------------------------------------------------

struct symbol_case {
    const char *inputs, *body;
    const char *type; // of y
    const char *ints; // of y, "-" for none
};

static const struct symbol_case symbol_cases[] = {
    {"float[n,3] x", "int64[2] s = {-1, 1}; y = Reshape(x, s);", "float[3*n,1]", "-"},
    {"float[n,s,8] x", "int64[4] t = {0, 0, 2, 4}; y = Reshape(x, t);", "float[n,s,2,4]", "-"},
    {"float[n,s,8] x", "y = Flatten(x);", "float[n,8*s]", "-"},
    {"float[n,4] x, float[n,4] z", "y = Concat<axis=0>(x, z);", "float[2*n,4]", "-"},
    {"float[n,s] x", "y = Transpose(x);", "float[s,n]", "-"},
    {"float[n,s] x", "y = ReduceMean<axes=[1]>(x);", "float[n,1]", "-"},
    {"float[n] x", "int64[1] p = {2}; q = Concat<axis=0>(p, p); y = Pad(x, q);", "float[n+4]", "-"},
    {"float[n] x", "int64[1] r = {3}; y = Tile(x, r);", "float[3*n]", "-"},
    {"float[n,6] x",
     "int64[1] a = {0}; int64[1] e = {-2}; int64[1] d = {1}; y = Slice(x, a, e, d);", "float[n,4]",
     "-"},
    // the smallest integer as an end, which is how the start of an axis is written backwards
    {"float[n,6] x",
     "int64[1] a = {-1}; int64[1] e = {" MIN64 "}; int64[1] d = {0}; int64[1] t = {-1}; "
     "y = Slice(x, a, e, d, t);",
     "float[n,6]", "-"},
    {"float[n,6] x",
     "int64[2] a = {0, 3}; int64[2] e = {" MAX64 ", " MIN64 "}; int64[2] d = {0, 1}; "
     "int64[2] t = {1, -1}; y = Slice(x, a, e, d, t);",
     "float[n,4]", "-"},
    {"float[n,1] x, float[1,m] z", "y = Add(x, z);", "float[n,m]", "-"},
    {"float[n,4,h,w] x", "y = DepthToSpace<blocksize=2>(x);", "float[n,1,2*h,2*w]", "-"},
    {"float[n,m] x, int64[k] i", "y = Gather<axis=1>(x, i);", "float[n,k]", "-"},
    {"float[n,m] x", "y = ArgMax<axis=1, keepdims=0>(x);", "int64[n]", "-"},
    {"float[a,b] x, float[b,c] z", "y = Einsum<equation=\"ij,jk->ik\">(x, z);", "float[a,c]", "-"},
    {"bool[n] c, float[n] x, float[] z", "y = Where(c, x, z);", "float[n]", "-"},
    {"float[n,s] x", "t = Shape(x); int64[] i = {1}; y = Gather(t, i);", "int64[]", "s"},
    {"float[n,s] x", "t = Shape(x); int64[2] i = {-1, 0}; y = Gather(t, i);", "int64[2]", "[s,n]"},
    {"float[n,s] x", "t = Shape(x); int64[1] a = {1}; int64[1] e = {2}; y = Slice(t, a, e);",
     "int64[1]", "[s]"},
    {"float[n,s] x", "t = Shape(x); y = ReduceProd<keepdims=0>(t);", "int64[]", "n*s"},
    {"float[n,s] x", "t = Shape(x); int64[] c = {2}; y = Mul(t, c);", "int64[2]", "[2*n,2*s]"},
    {"float[n,s] x", "t = Shape(x); int64[] c = {2}; u = Mul(t, c); y = Div(u, c);", "int64[2]",
     "[n,s]"},
    {"float[n,s] x", "t = Shape(x); int64[] c = {-1}; y = Equal(t, c);", "bool[2]", "[0,0]"},
    {"float[n,s] x",
     "t = Shape(x); int64[] c = {-1}; e = Equal(t, c); int64[] o = {1}; y = Where(e, o, t);",
     "int64[2]", "[n,s]"},
    {"float[n,s] x", "t = Shape(x); a, y = Split(t);", "int64[1]", "[s]"},
    {"float[n,s] x", "t = Shape(x); int64[1] o = {1}; y = Concat<axis=0>(t, o);", "int64[3]",
     "[n,s,1]"},
    {"float[n,s] x",
     "t = Shape(x); int64[] i = {0}; g = Gather(t, i); int64[1] a = {0}; y = Unsqueeze(g, a);",
     "int64[1]", "[n]"},
    {"float[n,s] x",
     "t = Shape(x); int64[] i = {0}; g = Gather(t, i); int64[] z = {0}; int64[] o = {1}; y = "
     "Range(z, g, o);",
     "int64[n]", "-"},
    {"float[n,s] x", "t = Shape(x); float[] v = {1}; y = Expand(v, t);", "float[n,s]", "-"},
    {"float[n,s] x", "t = Shape(x); int64[2] m = {-1, 0}; y = Reshape(x, m);", "float[n,s]", "-"},
    {"float[n] x, int64[1] k", "v, y = TopK(x, k);", "int64[?1]", "-"},
    {"", "int64[] a = {7}; int64[] b = {-2}; y = Div(a, b);", "int64[]", "-3"},
    {"float[n,s] x", "t = Shape(x); int64[] c = {1}; y = Clip(t, c);", "int64[2]",
     "[max(1,n),max(1,s)]"},
    {"", "int64[2] a = {2, -5}; y = Neg(a);", "int64[2]", "[-2,5]"},
    {"", "int64[] a = {1}; int64[] b = {7}; int64[] c = {3}; y = Range(a, b, c);", "int64[2]",
     "[1,4]"},
};

static void symbols(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(symbol_cases); i++) {
        const struct symbol_case *c = &symbol_cases[i];
        char text[1024];
        char buf[256];
        struct mopt_error err;
        mopt_error_clear(&err);
        snprintf(text, sizeof text, "model (ir=8, opset=13) { graph main (%s) -> (y) { %s } }",
                 c->inputs, c->body);
        struct mopt_model *model = parse_model(text);
        if (mopt__infer_model(model, MOPT_INFER_STRICT, &err) != MOPT_OK) {
            fail_msg("%s: %s", c->body, err.text);
        }
        if (strcmp(type_text(model, "y", buf, sizeof buf), c->type) != 0) {
            fail_msg("%s: type is %s, must be %s", c->body, buf, c->type);
        }
        if (strcmp(ints_text(model, "y", buf, sizeof buf), c->ints) != 0) {
            fail_msg("%s: values are %s, must be %s", c->body, buf, c->ints);
        }
        mopt__model_free(model);
    }
}

// ---- Records ------------------------------------------------------------------------------------

// Versions of one operator neither overlap nor leave gaps, and the last one is open.
static void versions_are_seamless(void **state)
{
    size_t families = 0;
    const struct mopt_op_family *const *all = mopt__op_families(&families);
    (void)state;
    for (size_t f = 0; f < families; f++) {
        for (size_t i = 0; i < all[f]->count; i++) {
            const struct mopt_op *op = &all[f]->records[i];
            if (op->domain[0] != '\0' || op->until == 0) {
                continue;
            }
            const struct mopt_op *next = mopt__op_find("", op->name, op->until + 1);
            if (next == NULL || next->since != op->until + 1 ||
                mopt__op_find("", op->name, op->since) != op) {
                fail_msg("versions of %s do not join at %d", op->name, op->until);
            }
        }
    }
}

int mopt__test_tensor_ops(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(one_operand),
        cmocka_unit_test(reductions),
        cmocka_unit_test(moves),
        cmocka_unit_test(errors),
        cmocka_unit_test(symbols),
        cmocka_unit_test(versions_are_seamless),
    };
    return cmocka_run_group_tests_name("tensor_ops", tests, NULL, NULL) +
           mopt__test_tensor_kernels();
}
