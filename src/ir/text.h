// SPDX-License-Identifier: Apache-2.0
// Text form of models: what golden tests, pass patterns, dumps and bug reports are written in.
// Print and parse are inverse for every model that can be built (big tensors may be elided on
// request; then it does not parse back).
//
//   model (ir=8, opset=13, "com.microsoft"=1, producer="pytorch") {
//     graph main (float[batch,3,8,8] x) -> (float[batch,10] y) {
//       float[10] bias = {1, 2, 3};                      // initializer
//       int8[2,2] w = raw"01ff02fe";                     // initializer as hex bytes
//       %n1: t, u = Split<axis=1, num_outputs=2>(x, _);  // _ = absent; "%n1:" only if the node has
//       a name y = com.microsoft::Gelu(t); z = If<then_branch=graph () -> (o) { o = Identity(x); },
//       else_branch=...>(cond);
//     }
//     function "my.domain"::F<alpha, beta=1.0>(a, b) -> (c) (opset=13) { ... }
//   }
// Names that are not identifiers are written in double quotes with \ escapes. Comments: // to end
// of line.
#ifndef MOPT_IR_TEXT_H
#define MOPT_IR_TEXT_H

#include "ir/graph.h"

struct mopt_text_options {
    size_t max_elements; // tensors with more elements are elided as {...}; 0 = never elide
    bool types;          // print known types of intermediate values: "float[2] t = Relu(x);"
    bool details;        // doc strings, metadata
};
enum mopt_status mopt__text_print(const struct mopt_model *model,
                                  const struct mopt_text_options *options, struct mopt_strbuf *out,
                                  struct mopt_error *err);
enum mopt_status mopt__text_print_graph(const struct mopt_graph *graph,
                                        const struct mopt_text_options *options,
                                        struct mopt_strbuf *out, struct mopt_error *err);
// Errors: MOPT_E_FORMAT with line and column. Iterative or depth-limited (MOPT_DEPTH_MAX). A bare
// "graph ..." without "model" is accepted (opset = newest known default 21, ir 10).
enum mopt_status mopt__text_parse(const char *text, size_t bytes, struct mopt_model **out,
                                  struct mopt_error *err);

#endif
