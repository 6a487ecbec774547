// SPDX-License-Identifier: Apache-2.0
// One node written as text and run on its own, for directed tests of operators.
#ifndef TEST_OPS_NODE_CALL_H
#define TEST_OPS_NODE_CALL_H

#include "support.h"

enum { CALL_INPUTS_MAX = 16, CALL_OUTPUTS_MAX = 4 };

struct node_call {
    struct mopt_model *model;
    struct mopt_node *node;
    struct mopt_datum *inputs[CALL_INPUTS_MAX], *outputs[CALL_OUTPUTS_MAX];
    uint32_t input_count;
    enum mopt_status status;
    struct mopt_error err;
};

// Runs a node. `op` is its name, "ms.Name" being one of com.microsoft, "ml.Name" of ai.onnx.ml.
// `inputs` are apart by ';': an optional letter of the type (f float, h float16, b bfloat16,
// d double, i int32, l int64, c int8, u uint8, t bool), dims apart by blanks ("." a scalar), and
// after '=' values apart by ',' that are repeated; floats without values are random from the
// input's number, the same in every call; "_" is an input left out. `attributes`:
// "num_heads=2 scale=0.5 sizes=1,2 rule='delta' names=[a,b]"; a number with a '.' is a float; what
// the operator knows as a list is one. Lists have at most 8 elements. Release it in any case.
struct node_call call_node(const char *op, const char *inputs, const char *attributes,
                           uint32_t outputs);
// Gives input i (before it is run again) the elements of another tensor, `count` from `from` on.
void call_fill(struct node_call *call, uint32_t i, const struct mopt_tensor *source, size_t from);
// Runs the node again.
void call_again(struct node_call *call);
void call_release(struct node_call *call);

const struct mopt_tensor *call_input(const struct node_call *call, uint32_t i);
// Output i of a call that must have worked.
const struct mopt_tensor *call_output(const struct node_call *call, uint32_t i);
// Element for element within 1e-5.
void assert_near(const struct mopt_tensor *a, const struct mopt_tensor *b);
// The call failed with this status, and the message has this text in it.
void assert_refused(const struct node_call *call, enum mopt_status status, const char *text);

#endif
