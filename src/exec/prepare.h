// SPDX-License-Identifier: Apache-2.0
// Changes of a session's private copy of its model, node by node: what lowering does not know, or
// knows worse, becomes what it knows. Values keep their names. Private to exec.
#ifndef MOPT_EXEC_PREPARE_H
#define MOPT_EXEC_PREPARE_H

#include "ir/ir.h"

struct mopt_prepare {
    // The node may change. Operators are resolved, functions inlined.
    bool (*takes)(const struct mopt_node *node);
    // Changes it, or leaves it. New nodes stand beside it or in bodies; it may be gone. Errors:
    // MOPT_E_MEMORY.
    enum mopt_status (*change)(struct mopt_node *node, struct mopt_error *err);
    bool typed; // change looks at types: they are inferred first, as far as they can be
};

// bypass.c: nodes that hand on what they get.
extern const struct mopt_prepare mopt__prepare_bypass;
// invariant.c: what turns of a loop hand on unchanged, read from outside the loop.
extern const struct mopt_prepare mopt__prepare_invariants;
// channels_last.c: operators of com.microsoft whose images have their channels last.
extern const struct mopt_prepare mopt__prepare_channels_last;
// compound.c: operators of com.microsoft that several of ONNX can say.
extern const struct mopt_prepare mopt__prepare_compound;
// qdq.c: what its QLinear operators say as DequantizeLinear, an operator on floats and
// QuantizeLinear.
extern const struct mopt_prepare mopt__prepare_qlinear;
// scales.c: products of codes whose scales are made in the run.
extern const struct mopt_prepare mopt__prepare_scales;
// sink.c: a body that reads what a DequantizeLinear of an enclosing graph makes gets one of its
// own.
extern const struct mopt_prepare mopt__prepare_outer_codes;
// pick.c: DequantizeLinear behind nodes that pick elements, instead of in front of them: a table of
// words in codes is not dequantized to look a few of them up.
extern const struct mopt_prepare mopt__prepare_picked_codes;

// Some node of the model, or of a body in it, may change, and none names values (Gradient).
bool mopt__prepare_applies(const struct mopt_prepare *prepare, const struct mopt_model *model);
enum mopt_status mopt__prepare_run(const struct mopt_prepare *prepare, struct mopt_model *model,
                                   struct mopt_error *err);

// The content of an initializer nobody can override, or of a Constant; NULL: neither.
const struct mopt_tensor *mopt__initial_constant(const struct mopt_value *value);
// The node is this operator of ONNX.
bool mopt__prepare_is(const struct mopt_node *node, const char *op_type);
// Of a tensor whose rank is known, as inferred or else as declared; NULL.
const struct mopt_type *mopt__prepare_type(const struct mopt_value *value);
int mopt__prepare_rank(const struct mopt_value *value); // -1: not known
// A new value, named like the hint, as the first output of a node that was made. NULL: no memory.
struct mopt_value *mopt__prepare_output(struct mopt_node *node, const char *hint,
                                        struct mopt_error *err);
// The node has a record, fits it, is no call of a function, and makes one value.
bool mopt__prepare_is_sound(const struct mopt_node *node);

#endif
