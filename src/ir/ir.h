// SPDX-License-Identifier: Apache-2.0
// Front door of ir (rank 1): the in-memory graph that every job shares. It knows no file format
// (that is onnx/), no operator meaning (ops/) and no execution (exec/). Read in this order:
// mopt/dtype.h, dtype.h, dim.h, type.h, tensor.h, attribute.h, graph.h, text.h.
#ifndef MOPT_IR_IR_H
#define MOPT_IR_IR_H

#include "base/base.h"
#include "ir/attribute.h"
#include "ir/dim.h"
#include "ir/dtype.h"
#include "ir/graph.h"
#include "ir/tensor.h"
#include "ir/text.h"
#include "ir/type.h"

#endif
