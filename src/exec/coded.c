// SPDX-License-Identifier: Apache-2.0
// Weights of few bits: products whose matrix is codes with scales, of MatMulNBits or behind a
// DequantizeLinear, keep the codes. Nobody needs such a matrix as floats: the DequantizeLinear is
// neither folded nor run.
#include <string.h>

#include "exec/lower.h"

static bool is_dequantizer(const struct mopt_node *node)
{
    return mopt__low_is(node, "", "DequantizeLinear") ||
           mopt__low_is(node, "com.microsoft", "DequantizeLinear");
}

bool mopt__low_is_nbits(const struct mopt_node *node)
{
    return mopt__low_is(node, "com.microsoft", "MatMulNBits");
}

static bool is_float(const struct mopt_tensor *tensor, size_t count)
{
    return tensor != NULL && tensor->dtype == MOPT_FLOAT32 && tensor->count == count;
}

// A block of all rows is a scale for each column.
static size_t block_of(size_t block, size_t k)
{
    size_t all = (k + MOPT_CODED_STEP - 1) / MOPT_CODED_STEP * MOPT_CODED_STEP;
    return block == 0 || block > all ? all : block;
}

// ---- MatMulNBits --------------------------------------------------------------------------------------------------

// [n][blocks] of zeros: floats, or codes of which each column begins a byte.
static bool read_zeros(const struct mopt_session *session, const struct mopt_value *value,
                       size_t blocks, struct mopt_coded_weights *w)
{
    size_t bits = (size_t)w->form.bits;
    size_t column = (blocks * bits + 7) / 8;
    if (value == NULL) {
        return true;
    }
    w->zero = mopt__session_constant(session, value);
    w->form.zeros = true;
    if (w->zero != NULL && w->zero->dtype == MOPT_UINT8 && w->zero->count == w->n * column) {
        w->source.zero = w->zero->data;
        w->source.zero_row = 1;
        w->source.zero_column = column * 8 / bits;
        return true;
    }
    w->source.float_zero = w->zero != NULL ? w->zero->data : NULL;
    return is_float(w->zero, w->n * blocks);
}

// B is [n][blocks][block * bits / 8] bytes. What is odd is left to the operator's record.
static bool read_nbits(const struct mopt_session *session, const struct mopt_node *node,
                       struct mopt_coded_weights *w)
{
    int64_t k = mopt__int_of(node, "K", 0), n = mopt__int_of(node, "N", 0);
    int64_t block = mopt__int_of(node, "block_size", 0), bits = mopt__int_of(node, "bits", 4);
    const struct mopt_tensor *codes = mopt__session_constant(session, mopt__node_input(node, 1));
    const struct mopt_tensor *scale = mopt__session_constant(session, mopt__node_input(node, 2));
    if (k < 1 || n < 1 || block < MOPT_CODED_STEP || k > INT32_MAX || n > INT32_MAX ||
        block > INT32_MAX || (block & (block - 1)) != 0 || (bits != 2 && bits != 4 && bits != 8) ||
        mopt__node_input(node, 4) != NULL) {
        return false;
    }
    size_t blocks = (size_t)((k + block - 1) / block);
    *w =
        (struct mopt_coded_weights){.codes = codes, .scale = scale, .k = (size_t)k, .n = (size_t)n};
    if (codes == NULL || codes->dtype != MOPT_UINT8 ||
        codes->count != w->n * blocks * (size_t)(block * bits / 8) ||
        !is_float(scale, w->n * blocks)) {
        return false;
    }
    w->form.bits = (int)bits;
    w->form.block = block_of((size_t)block, w->k);
    w->form.zero = (float)(1 << (bits - 1));
    w->source = (struct mopt_coded_source){.codes = codes->data,
                                           .row_step = 1,
                                           .column_step = blocks * (size_t)block,
                                           .scale = scale->data,
                                           .scale_row = 1,
                                           .scale_column = blocks};
    return read_zeros(session, mopt__node_input(node, 3), blocks, w);
}

// ---- DequantizeLinear ---------------------------------------------------------------------------------------------

// Codes of 8 bits with one scale for each column at most are for the integer natives.
static int bits_of(enum mopt_dtype dtype, bool blocks)
{
    switch (dtype) {
    case MOPT_INT2:
    case MOPT_UINT2:
        return 2;
    case MOPT_INT4:
    case MOPT_UINT4:
        return 4;
    case MOPT_INT8:
    case MOPT_UINT8:
        return blocks ? 8 : 0;
    default:
        return 0;
    }
}

// Steps of scales (and zeros), for the rows of B along axis `down` of the codes.
static bool read_scales(const struct mopt_node *node, int down, struct mopt_coded_weights *w)
{
    const struct mopt_tensor *scale = w->scale;
    const struct mopt_attribute *axis = mopt__node_attribute(node, "axis");
    int64_t at = axis != NULL ? axis->i : 1;
    at = at < 0 ? at + 2 : at;
    int64_t block = mopt__int_of(node, "block_size", 0);
    struct mopt_coded_source *s = &w->source;
    w->form.block = block_of((size_t)block, w->k);
    if (block == 0) {
        s->scale_column = scale->count == 1 ? 0 : 1;
        return scale->rank <= 1 && (scale->count == 1 || (at == 1 - down && scale->count == w->n));
    }
    if (block < MOPT_CODED_STEP || block % MOPT_CODED_STEP != 0 || at != down || scale->rank != 2 ||
        scale->dims[1 - down] != (int64_t)w->n ||
        scale->dims[down] != ((int64_t)w->k - 1) / block + 1) {
        return false;
    }
    s->scale_row = down == 0 ? w->n : 1;
    s->scale_column = down == 0 ? 1 : (size_t)scale->dims[down];
    return true;
}

// The product takes what the DequantizeLinear makes as its matrix.
static bool read_dequantizer(const struct mopt_session *session, const struct mopt_node *node,
                             const struct mopt_node *product, struct mopt_coded_weights *w)
{
    const struct mopt_tensor *codes = mopt__session_constant(session, mopt__node_input(node, 0));
    const struct mopt_tensor *scale = mopt__session_constant(session, mopt__node_input(node, 1));
    const int64_t type = mopt__int_of(node, "output_dtype", MOPT_UNDEFINED);
    bool gemm = mopt__low_is(product, "", "Gemm");
    if (codes == NULL || codes->rank != 2 || codes->count == 0 || scale == NULL ||
        !is_float(scale, scale->count) || mopt__int_of(node, "block_size", 0) < 0 ||
        (type != MOPT_UNDEFINED && type != MOPT_FLOAT32) ||
        (!gemm && !mopt__low_is(product, "", "MatMul")) ||
        (gemm && mopt__low_float(product, "alpha", 1) != 1)) {
        return false;
    }
    int down = gemm && mopt__int_of(product, "transB", 0) != 0 ? 1 : 0;
    int bits = bits_of(codes->dtype, mopt__int_of(node, "block_size", 0) != 0);
    *w = (struct mopt_coded_weights){.codes = codes,
                                     .scale = scale,
                                     .k = (size_t)codes->dims[down],
                                     .n = (size_t)codes->dims[1 - down]};
    bool is_signed = mopt__dtype_is_signed(codes->dtype);
    w->form.bits = bits;
    w->form.zero = is_signed && bits != 0 ? (float)(1 << (bits - 1)) : 0;
    w->source = (struct mopt_coded_source){.codes = codes->data,
                                           .row_step = down == 0 ? w->n : 1,
                                           .column_step = down == 0 ? 1 : w->k,
                                           .scale = scale->data};
    w->source.flip = (uint8_t)w->form.zero;
    if (bits == 0 || !read_scales(node, down, w)) {
        return false;
    }
    const struct mopt_value *zero = mopt__node_input(node, 2);
    if (zero == NULL) {
        return true;
    }
    w->zero = mopt__session_constant(session, zero);
    w->form.zeros = true;
    w->source.zero = w->zero != NULL ? w->zero->data : NULL;
    w->source.zero_row = w->source.scale_row;
    w->source.zero_column = w->source.scale_column;
    return w->zero != NULL && w->zero->dtype == codes->dtype && w->zero->count == scale->count;
}

bool mopt__codes_are_weights(const struct mopt_session *session, const struct mopt_node *node)
{
    const struct mopt_value *y = mopt__node_output(node, 0);
    struct mopt_coded_weights ignored;
    if (!is_dequantizer(node) || y == NULL || node->graph->owner != NULL ||
        y->graph_output_count > 0) {
        return false;
    }
    const struct mopt_use *use = y->uses;
    while (use != NULL && use->node->graph == node->graph && use->index == 1 &&
           read_dequantizer(session, node, use->node, &ignored)) {
        use = use->next;
    }
    return use == NULL && y->uses != NULL;
}

bool mopt__low_coded_weights(const struct mopt_lower *l, const struct mopt_node *node,
                             struct mopt_coded_weights *w)
{
    if (mopt__low_is_nbits(node)) {
        return read_nbits(l->session, node, w);
    }
    const struct mopt_value *b = mopt__node_input(node, 1);
    return b != NULL && b->producer != NULL && b->producer->graph == l->schedule->graph &&
           mopt__codes_are_weights(l->session, b->producer) &&
           read_dequantizer(l->session, b->producer, node, w);
}

// Others read it after all: it becomes a constant of the session.
enum mopt_status mopt__low_coded_codes(struct mopt_lower *l, const struct mopt_node *node,
                                       bool *done)
{
    if (!mopt__codes_are_weights(l->session, node)) {
        return MOPT_OK;
    }
    const struct mopt_value *y = mopt__node_output(node, 0);
    struct mopt_step *step = &l->schedule->steps[node->order];
    l->values[y->id].deferred = step;
    *done = true;
    bool packed = true;
    for (const struct mopt_use *use = y->uses; use != NULL; use = use->next) {
        packed = packed && l->absorbed[use->node->order];
    }
    if (!packed) {
        mopt__session_fold_step(l->session, step);
    }
    return MOPT_OK;
}

// ---- Packing ------------------------------------------------------------------------------------------------------

struct packing {
    const struct mopt_kernels *kernels;
    const struct mopt_coded_weights *weights;
    void *block;
};

static void pack_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct packing *p = context;
    const struct mopt_coded_weights *w = p->weights;
    (void)thread;
    mopt__coded_pack(p->kernels, &w->form, w->k, w->n, &w->source, (size_t)begin, (size_t)end,
                     p->block);
}

enum mopt_status mopt__low_pack_coded(struct mopt_lower *l, const struct mopt_coded_weights *w,
                                      const void **out)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    const uintptr_t parts[] = {(uintptr_t)w->scale, (uintptr_t)w->zero, w->form.block, w->k,
                               w->source.row_step,  w->source.scale_row};
    uint64_t variant = mopt__hash_mix(mopt__hash_bytes(parts, sizeof parts), 7);
    size_t bytes = mopt__coded_bytes(kernels, &w->form, w->k, w->n);
    void *block = NULL;
    bool made = false;
    *out = NULL;
    if (bytes == 0) {
        return mopt_error_set(l->err, MOPT_E_LIMIT, "size of packed weights overflows");
    }
    enum mopt_status status = mopt__low_packed(l, w->codes, variant, bytes, &block, &made);
    if (status == MOPT_OK && made) {
        struct packing p = {kernels, w, block};
        size_t cols = (size_t)kernels->f32_cols;
        mopt__pool_for(l->session->pool, (int64_t)((w->n + cols - 1) / cols), 1, pack_panels, &p);
    }
    *out = block;
    return status;
}
