// SPDX-License-Identifier: Apache-2.0
// Declares every function named in kernels.def. Included by the files that define kernels and by
// select.c.
#ifndef MOPT_KERNELS_SLOTS_H
#define MOPT_KERNELS_SLOTS_H

#include "kernels/table.h"

#define KERNEL(isa, slot, function) mopt_slot_##slot function;
#define TILE(isa, family, rows, cols)
#include "kernels/kernels.def"
#undef KERNEL
#undef TILE

#endif
