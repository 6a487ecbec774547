// SPDX-License-Identifier: Apache-2.0
// What a fused operator does after its sums: add a tensor, apply an activation. It must not know
// the sums.
#ifndef MOPT_OPS_EPILOGUE_H
#define MOPT_OPS_EPILOGUE_H

#include "ops/nn_util.h"

enum mopt_epilogue_kind {
    MOPT_EPILOGUE_NONE,
    MOPT_EPILOGUE_RELU,
    MOPT_EPILOGUE_SIGMOID,
    MOPT_EPILOGUE_TANH,
    MOPT_EPILOGUE_LEAKY_RELU,
    MOPT_EPILOGUE_CLIP,
    MOPT_EPILOGUE_HARD_SIGMOID,
};

struct mopt_epilogue {
    enum mopt_epilogue_kind kind;
    double alpha, beta;
};

// Reads `activation` and `activation_params` (or activation_alpha, activation_beta). A node without
// `activation` gives NONE. Errors: MOPT_E_VALUE (unknown activation, missing parameters).
enum mopt_status mopt__epilogue_read(const struct mopt_node *node, struct mopt_epilogue *e,
                                     struct mopt_error *err);
double mopt__epilogue_apply(const struct mopt_epilogue *e, double x);
// y = activation(y + z); z may be NULL, else has y's type and shape (MOPT_E_SHAPE).
enum mopt_status mopt__epilogue_run(const struct mopt_epilogue *e, const struct mopt_tensor *z,
                                    struct mopt_tensor *y, struct mopt_error *err);

#endif
