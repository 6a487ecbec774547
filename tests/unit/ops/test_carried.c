// SPDX-License-Identifier: Apache-2.0
// Shape arithmetic is carried through these operators: the shape of x [a,b,c] goes in as s, what
// the operator makes of it comes out as t, and a tensor of shape t has dims that are named, not
// unknown.
#include "support.h"
#include "tests.h"

#include <stdio.h>
#include <string.h>

struct carried {
    const char *op, *body, *type;
};

static const struct carried rows[] = {
    {"Shape", "t = Identity(s);", "float[a,b,c]"},
    {"Identity", "t = Identity(s);", "float[a,b,c]"},
    {"Size", "z = Size(x); int64[1] ax={0}; t = Unsqueeze(z, ax);", "float[a*b*c]"},
    {"Gather", "int64[2] i={0,2}; t = Gather(s, i);", "float[a,c]"},
    {"GatherElements", "int64[2] i={0,2}; t = GatherElements(s, i);", "float[a,c]"},
    {"GatherND", "int64[2,1] i={0,2}; t = GatherND(s, i);", "float[a,c]"},
    {"Slice", "int64[1] b={1}; int64[1] e={3}; t = Slice(s, b, e);", "float[b,c]"},
    {"Concat", "int64[1] k={4}; t = Concat<axis=0>(s, k);", "float[a,b,c,4]"},
    {"Squeeze",
     "int64[1] b={1}; int64[1] e={2}; int64[1] ax={0}; q = Slice(s,b,e); r = Squeeze(q, ax); t = "
     "Unsqueeze(r, ax);",
     "float[b]"},
    {"Unsqueeze", "int64 i={1}; int64[1] ax={0}; g = Gather(s,i); t = Unsqueeze(g, ax);",
     "float[b]"},
    {"Reshape", "int64 i={1}; int64[1] m={-1}; g = Gather(s,i); t = Reshape(g, m);", "float[b]"},
    {"Cast", "u = Cast<to=6>(s); t = Cast<to=7>(u);", "float[a,b,c]"},
    {"CastLike", "int64 k={1}; t = CastLike(s,k);", "float[a,b,c]"},
    {"Add", "int64[1] k={2}; t = Add(s,k);", "float[a+2,b+2,c+2]"},
    {"Sub", "int64[1] k={1}; t = Sub(s,k);", "float[a-1,b-1,c-1]"},
    {"Mul", "int64[1] k={2}; t = Mul(s,k);", "float[2*a,2*b,2*c]"},
    {"Div", "int64[1] k={2}; t = Div(s,k);", "float[floor(a/2),floor(b/2),floor(c/2)]"},
    {"Mod", "int64[1] k={2}; t = Mod(s,k);", "float[mod(a,2),mod(b,2),mod(c,2)]"},
    {"Min", "int64[1] k={2}; t = Min(s,k);", "float[min(2,a),min(2,b),min(2,c)]"},
    {"Max", "int64[1] k={2}; t = Max(s,k);", "float[max(2,a),max(2,b),max(2,c)]"},
    {"Neg", "u=Neg(s); t = Neg(u);", "float[a,b,c]"},
    {"Abs", "t = Abs(s);", "float[a,b,c]"},
    {"Where", "int64[3] k={1,2,3}; bool[3] c={1,0,1}; t = Where(c,s,k);", "float[a,2,c]"},
    {"Equal", "int64[3] k={-1,-1,-1}; c = Equal(s,k); t = Where(c,k,s);", "float[a,b,c]"},
    {"Less", "int64[3] k={-1,-1,-1}; c = Less(s,k); t = Where(c,k,s);", "float[a,b,c]"},
    {"Greater", "int64[3] k={-1,-1,-1}; c = Greater(s,k); t = Where(c,s,k);", "float[a,b,c]"},
    {"GreaterOrEqual", "int64[3] k={0,0,0}; c = GreaterOrEqual(s,k); t = Where(c,s,k);",
     "float[a,b,c]"},
    {"LessOrEqual", "int64[3] k={-1,-1,-1}; c = LessOrEqual(s,k); t = Where(c,k,s);",
     "float[a,b,c]"},
    {"Not", "int64[3] k={-1,-1,-1}; c = Equal(s,k); n=Not(c); t = Where(n,s,k);", "float[a,b,c]"},
    {"And", "int64[3] k={-1,-1,-1}; c = Equal(s,k); n=And(c,c); t = Where(n,k,s);", "float[a,b,c]"},
    {"Or", "int64[3] k={-1,-1,-1}; c = Equal(s,k); n=Or(c,c); t = Where(n,k,s);", "float[a,b,c]"},
    {"Xor", "int64[3] k={-1,-1,-1}; c = Equal(s,k); n=Xor(c,c); t = Where(n,k,s);", "float[a,b,c]"},
    {"Range",
     "int64 i={1}; int64 o={0}; int64 n={1}; int64[1] ax={0}; g=Gather(s,i); r=Range(o,g,n); "
     "q=Shape(r); t=Identity(q);",
     "float[b]"},
    {"ConstantOfShape", "int64[1] n={3}; k=ConstantOfShape<value=int64[1]{2}>(n); t=Mul(s,k);",
     "float[2*a,2*b,2*c]"},
    {"Expand",
     "int64 i={1}; int64[1] ax={0}; int64[1] n={2}; g=Gather(s,i); u=Unsqueeze(g,ax); "
     "t=Expand(u,n);",
     "float[b,b]"},
    {"Tile",
     "int64 i={1}; int64[1] ax={0}; int64[1] n={2}; g=Gather(s,i); u=Unsqueeze(g,ax); t=Tile(u,n);",
     "float[b,b]"},
    {"Transpose", "t = Transpose(s);", "float[a,b,c]"},
    {"ReduceProd", "r = ReduceProd<keepdims=1>(s); t=Identity(r);", "float[a*b*c]"},
    {"ReduceSum", "r = ReduceSum<keepdims=1>(s); t=Identity(r);", "float[a+b+c]"},
    {"ReduceMax", "r = ReduceMax<keepdims=1>(s); t=Identity(r);", "float[max(a,b,c)]"},
    {"ReduceMin", "r = ReduceMin<keepdims=1>(s); t=Identity(r);", "float[min(a,b,c)]"},
    {"Split", "int64[2] k={1,2}; p, t = Split<axis=0>(s,k);", "float[b,c]"},
    {"If",
     "bool c={1}; t = If<then_branch=graph () -> (o) { o = Identity(s); }, else_branch=graph () -> "
     "(q) { q = Identity(s); }>(c);",
     "float[a,b,c]"},
    {"ScatterElements", "int64[1] i={1}; int64[1] u={7}; t = ScatterElements(s,i,u);",
     "float[a,7,c]"},
    {"ScatterND", "int64[1,1] i={1}; int64[1] u={7}; t = ScatterND(s,i,u);", "float[a,7,c]"},
    {"Pad", "int64[2] p={1,0}; int64 v={1}; t = Pad(s,p,v);", "float[1,a,b,c]"},
    {"Compress", "bool[3] c={1,0,1}; t=Compress<axis=0>(s,c);", "float[a,c]"},
    {"Clip", "int64 lo={1}; t = Clip(s,lo);", "float[max(1,a),max(1,b),max(1,c)]"},
    {"Relu", "u=Cast<to=6>(s); r=Relu(u); t=Cast<to=7>(r);", "float[a,b,c]"},
    {"OneHot", "int64 i={1}; int64 d={3}; int64[2] v={0,1}; h=OneHot(i,d,v); t=Mul(h,s);",
     "float[0,b,0]"},
};

static void try_row(const struct carried *row)
{
    char text[1024];
    char have[256];
    struct mopt_error err;
    assert_true(
        snprintf(text, sizeof text,
                 "graph g (float[a,b,c] x) -> (y) { s = Shape(x); %s y = ConstantOfShape(t); }",
                 row->body) < (int)sizeof text);
    struct mopt_model *model = parse_model(text);
    mopt_error_clear(&err);
    if (mopt__infer_model(model, 0, &err) != MOPT_OK) {
        fail_msg("%s: %s", row->op, err.text);
    }
    if (strcmp(type_text(model, "y", have, sizeof have), row->type) != 0) {
        fail_msg("%s: the type is %s, must be %s", row->op, have, row->type);
    }
    mopt__model_free(model);
}

static void shape_arithmetic_goes_through_many_operators(void **state)
{
    (void)state;
    size_t operators = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        try_row(&rows[i]);
        operators += i == 0 || strcmp(rows[i].op, rows[i - 1].op) != 0;
    }
    print_message("shape arithmetic is carried through %zu operators\n", operators);
    assert_true(operators >= 45);
}

int mopt__test_carried(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_arithmetic_goes_through_many_operators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
