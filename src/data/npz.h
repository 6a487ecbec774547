// SPDX-License-Identifier: Apache-2.0
// What npz.c offers inside the room beyond data.h.
#ifndef MOPT_DATA_NPZ_H
#define MOPT_DATA_NPZ_H

#include "data/data.h"
#include "data/rows.h"

// As mopt__npz_open, from a mapping (a new reference is held).
enum mopt_status mopt__npz_open_mapping(struct mopt_mapping *mapping, struct mopt_npz **out,
                                        struct mopt_error *err);
// Array i as rows.
enum mopt_status mopt__npz_rows(struct mopt_npz *npz, size_t i, struct mopt_rows **out,
                                struct mopt_error *err);

#endif
