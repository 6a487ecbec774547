// SPDX-License-Identifier: Apache-2.0
// Makes a sample what the model wants: element type, axes of size 1, batch axis. It knows no files.
#ifndef MOPT_DATA_FIT_H
#define MOPT_DATA_FIT_H

#include "data/data.h"

enum mopt_fit {
    MOPT_FIT_ROW,    // stands along a new axis 0 with the others of its batch
    MOPT_FIT_ALONE,  // the input has no batch axis: one sample is a batch
    MOPT_FIT_SHARED, // one number for all samples
};

// Tensor of another element type; the same one (new reference) if it has it already. Values that do
// not fit (3.5 or 300 into uint8) are MOPT_E_VALUE, texts and complex numbers MOPT_E_TYPE.
enum mopt_status mopt__fit_cast(struct mopt_tensor *tensor, enum mopt_dtype dtype,
                                struct mopt_tensor **out, struct mopt_error *err);
// Sample without batch axis -> sample with the axes that the type has behind its axis 0 (a view;
// new reference). Axes of size 1 are added or left out, then, if all sizes are known, the elements
// regrouped. type NULL or not a tensor of known rank: as it is. Errors: MOPT_E_SHAPE.
enum mopt_status mopt__fit_shape(struct mopt_tensor *tensor, const struct mopt_type *type,
                                 const struct mopt_dims *dims, struct mopt_tensor **out,
                                 enum mopt_fit *fit, struct mopt_error *err);
// Tensors of equal type and dims -> [count, dims...]. Errors: MOPT_E_SHAPE, MOPT_E_MEMORY.
enum mopt_status mopt__fit_stack(struct mopt_tensor *const *rows, size_t count,
                                 struct mopt_tensor **out, struct mopt_error *err);

#endif
