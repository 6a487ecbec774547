// SPDX-License-Identifier: Apache-2.0
// Fills the table of kernels from kernels.def.
#include "kernels/slots.h"

static void take_kernels(enum mopt_isa level, struct mopt_kernels *table)
{
#define KERNEL(isa, slot, function)          \
    if ((int)level >= (int)MOPT_ISA_##isa) { \
        table->slot = function;              \
    }
#define TILE(isa, family, rows, cols)        \
    if ((int)level >= (int)MOPT_ISA_##isa) { \
        table->family##_rows = (rows);       \
        table->family##_cols = (cols);       \
    }
#include "kernels/kernels.def"
#undef KERNEL
#undef TILE
}

void mopt__kernels_select(enum mopt_isa isa, struct mopt_kernels *table)
{
    enum mopt_isa machine = mopt__cpu_isa();
    *table = (struct mopt_kernels){.isa = isa < machine ? isa : machine};
    take_kernels(table->isa, table);
    table->fetches = !mopt__cpu_likes_sequences();
    table->rounded = MOPT_WEIGHTS_BF16;
    if (table->isa >= MOPT_ISA_AVX512_BF16 && mopt__cpu_likes_bf16()) {
        table->rounded = MOPT_WEIGHTS_PAIRS;
    } else if (table->isa >= MOPT_ISA_AVX512_VNNI) {
        table->rounded = MOPT_WEIGHTS_BLOCKS;
    }
}
