// SPDX-License-Identifier: Apache-2.0
// Packing of weights of few bits.
#include "kernels/coded.h"

#include <string.h>

#include "base/size.h"

size_t mopt__coded_bytes(const struct mopt_kernels *kernels, const struct mopt_coded *coded,
                         size_t k, size_t n)
{
    const size_t cols = (size_t)kernels->f32_cols;
    size_t rows = 0, each = 0, bytes = 0;
    if (!mopt__size_mul(coded->block, cols * sizeof(uint32_t), &each) ||
        !mopt__size_add(k, coded->block, &rows) ||
        !mopt__size_mul((rows - 1) / coded->block, mopt__coded_block_bytes(coded, cols), &bytes) ||
        !mopt__size_mul(bytes, n / cols + (n % cols != 0), &bytes) ||
        !mopt__size_add(bytes, MOPT_OVERREAD, &bytes)) {
        return 0;
    }
    return bytes;
}

static uint32_t code_at(const uint8_t *codes, size_t i, size_t bits)
{
    const size_t each = 8 / bits;
    return (uint32_t)codes[i / each] >> i % each * bits & ((1U << bits) - 1);
}

// Column of a block: `rows` codes that lie `step` apart, from code i on, into words that lie `cols`
// apart.
static void pack_column(const struct mopt_coded_source *source, size_t bits, size_t i, size_t rows,
                        uint32_t *words, size_t cols)
{
    const size_t each = 32 / bits;
    for (size_t r = 0; r < rows; r += each, words += cols) {
        const size_t count = rows - r < each ? rows - r : each;
        uint32_t word = 0;
        for (size_t u = 0; u < count; u++) {
            uint32_t code = code_at(source->codes, i + (r + u) * source->row_step, bits);
            word |= (code ^ source->flip) << u * bits;
        }
        *words = word;
    }
}

// A block of a panel: `rows` rows from row p on, `used` columns from column j on.
static void pack_block(const struct mopt_coded *coded, const struct mopt_coded_source *source,
                       size_t p, size_t rows, size_t j, size_t used, size_t cols, float *out)
{
    const size_t bits = (size_t)coded->bits;
    const size_t block = p / coded->block;
    float *zero = out + cols;
    uint32_t *words = (uint32_t *)(void *)(zero + (coded->zeros ? cols : 0));
    for (size_t c = 0; c < used; c++) {
        const size_t scale = block * source->scale_row + (j + c) * source->scale_column;
        out[c] = source->scale[scale];
        if (coded->zeros && source->float_zero) {
            zero[c] = source->float_zero[scale];
        } else if (coded->zeros) {
            size_t at = block * source->zero_row + (j + c) * source->zero_column;
            zero[c] = (float)(code_at(source->zero, at, bits) ^ source->flip);
        }
        pack_column(source, bits, p * source->row_step + (j + c) * source->column_step, rows,
                    words + c, cols);
    }
}

// NOLINTNEXTLINE(readability-function-size): the matrix as everywhere, and a range of panels
void mopt__coded_pack(const struct mopt_kernels *kernels, const struct mopt_coded *coded, size_t k,
                      size_t n, const struct mopt_coded_source *source, size_t first, size_t last,
                      void *out)
{
    const size_t cols = (size_t)kernels->f32_cols;
    const size_t bytes = mopt__coded_block_bytes(coded, cols);
    char *to = (char *)out + first * mopt__coded_panel_bytes(coded, k, cols);
    for (size_t j = first * cols; j < last * cols; j += cols) {
        for (size_t p = 0; p < k; p += coded->block, to += bytes) {
            pack_block(coded, source, p, k - p < coded->block ? k - p : coded->block, j,
                       n - j < cols ? n - j : cols, cols, (float *)(void *)to);
        }
    }
}
