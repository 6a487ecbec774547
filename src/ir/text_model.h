// SPDX-License-Identifier: Apache-2.0
// What text_parse.c (graphs) offers to text_parse_model.c (models, functions).
#ifndef MOPT_IR_TEXT_MODEL_H
#define MOPT_IR_TEXT_MODEL_H

#include "ir/text_private.h"

struct mopt_operator_name {
    const char *domain, *name, *overload; // domain, overload NULL if absent
};
bool mopt__parse_operator(struct mopt_parser *parser, struct mopt_operator_name *out);
bool mopt__parse_signature(struct mopt_parser *parser, struct mopt_graph *graph); // (...) -> (...)
// { statements }; names used since `start` in the list of pending ones are bound at the end.
bool mopt__parse_body(struct mopt_parser *parser, struct mopt_graph *graph, size_t start);

#endif
