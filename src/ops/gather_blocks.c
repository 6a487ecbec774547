// SPDX-License-Identifier: Apache-2.0
// GatherBlockQuantized of com.microsoft: Gather from a table whose elements are stored in blocks
// along one axis, each with a scale (and zero point). Bytes may hold several codes of `bits` bits
// along the last axis, low bits first. Indices out of range give zeros, as ONNX Runtime does.
#include <string.h>

#include "ops/nn_util.h"
#include "ops/operands.h"

struct blocks {
    const struct mopt_tensor *data, *indices, *scales, *zeros;
    int gather, quantized;       // axes
    size_t bits, per_byte;       // per_byte: codes in an element of data, 1 = elements are codes
    size_t block;                // 0 = the whole axis
    int rank;                    // of data
    int64_t dims[MOPT_RANK_MAX]; // of data in codes
    int64_t scale_strides[MOPT_RANK_MAX]; // 0 on axes where one scale serves all
    double zero;                          // when there are no zero points
};

static enum mopt_status read_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                 int64_t *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, name, fallback, out, err);
    if (status == MOPT_OK && (*out < 0 || *out > INT32_MAX || (*out & (*out - 1)) != 0)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)*out);
    }
    return status;
}

// Attributes; what they mean for a table of this type and rank.
static enum mopt_status read_attributes(const struct mopt_node *node, enum mopt_dtype dtype,
                                        int rank, struct blocks *b, struct mopt_error *err)
{
    int64_t bits = 4;
    int64_t block = 128;
    int64_t gather = 0;
    int64_t quantized = 1;
    enum mopt_status status = read_int(node, "bits", 4, &bits, err);
    if (status == MOPT_OK) {
        status = read_int(node, "block_size", 128, &block, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "gather_axis", 0, &gather, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "quantize_axis", 1, &quantized, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(gather, rank, &b->gather, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(quantized, rank, &b->quantized, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const bool bytes = dtype == MOPT_UINT8;
    if ((bytes && bits != 2 && bits != 4 && bits != 8) || (block != 0 && block < 16) ||
        (block == 0 && !mopt__dtype_is_float(dtype))) {
        return mopt_error_set(err, MOPT_E_VALUE, "%lld bits in blocks of %lld", (long long)bits,
                              (long long)block);
    }
    if (bytes && (b->gather != 0 || (bits < 8 && b->quantized == b->gather))) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "bytes cannot be gathered along axis %d, quantized "
                              "along axis %d",
                              b->gather, b->quantized);
    }
    b->rank = rank;
    b->bits = (size_t)bits;
    b->per_byte = bytes ? 8 / b->bits : 1;
    b->block = (size_t)block;
    b->zero = bytes ? (double)(1 << (bits - 1)) : 0;
    return MOPT_OK;
}

// One scale per block; axes of length 1 serve all elements.
static enum mopt_status check_scales(struct blocks *b, struct mopt_error *err)
{
    const struct mopt_tensor *s = b->scales;
    int64_t strides[MOPT_RANK_MAX];
    bool fits = s->rank == b->rank;
    mopt__strides(s->rank, s->dims, strides);
    for (int i = 0; fits && i < b->rank; i++) {
        const int64_t block = b->block > 0 ? (int64_t)b->block : b->dims[i];
        const bool along = i == b->quantized;
        const int64_t most = !along ? b->dims[i] : block > 0 ? (b->dims[i] + block - 1) / block : 0;
        fits = s->dims[i] == most ||
               (!along && s->dims[i] == 1 && mopt__dtype_is_float(b->data->dtype));
        b->scale_strides[i] = s->dims[i] == 1 ? 0 : strides[i];
    }
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'scales' does not fit the table's blocks");
    }
    if (b->zeros == NULL) {
        return MOPT_OK;
    }
    size_t row = (size_t)s->dims[s->rank - 1];
    size_t rows = row > 0 ? s->count / row : 0;
    if (mopt__dtype_is_float(b->data->dtype) ||
        b->zeros->count != rows * ((row + b->per_byte - 1) / b->per_byte)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input 'zero_points' has %zu elements, which do "
                              "not fit the scales",
                              b->zeros->count);
    }
    return MOPT_OK;
}

static enum mopt_status open_blocks(const struct mopt_eval *eval, struct blocks *b,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[4];
    *b = (struct blocks){.data = NULL};
    enum mopt_status status = mopt__open(eval, in, 4, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "data", 1, MOPT_RANK_MAX, err);
    }
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, in[0]->dtype, in[0]->rank, b, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    b->data = in[0];
    b->indices = in[1];
    b->scales = in[2];
    b->zeros = in[3];
    for (int i = 0; i < b->rank; i++) {
        b->dims[i] = b->data->dims[i];
    }
    b->dims[b->rank - 1] *= (int64_t)b->per_byte;
    if (b->rank - 1 + b->indices->rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d",
                              b->rank - 1 + b->indices->rank, (int)MOPT_RANK_MAX);
    }
    return check_scales(b, err);
}

// Code i of a tensor whose rows of `row` codes start at whole elements.
static double code_at(const struct blocks *b, const struct mopt_tensor *t, size_t row, size_t i)
{
    if (b->per_byte == 1) {
        return mopt__tensor_f64(t, i);
    }
    const size_t bytes = (row + b->per_byte - 1) / b->per_byte;
    const size_t bit = i % row * b->bits;
    const uint8_t *data = t->data;
    return (double)((unsigned)(data[i / row * bytes + bit / 8] >> (bit % 8)) &
                    ((1U << b->bits) - 1));
}

// The number at code `at` of the table.
static double number_at(const struct blocks *b, size_t at)
{
    size_t rest = at;
    size_t scale = 0;
    for (int i = b->rank - 1; i >= 0; i--) {
        size_t index = rest % (size_t)b->dims[i];
        rest /= (size_t)b->dims[i];
        if (i == b->quantized) {
            index = b->block > 0 ? index / b->block : 0;
        }
        scale += index * (size_t)b->scale_strides[i];
    }
    double zero = b->zero;
    if (b->zeros != NULL) {
        zero = code_at(b, b->zeros, (size_t)b->scales->dims[b->rank - 1], scale);
    }
    const double code = code_at(b, b->data, (size_t)b->dims[b->rank - 1], at);
    return (code - zero) * mopt__tensor_f64(b->scales, scale);
}

// The operands, and the result by their shapes.
static enum mopt_status open_gather(struct mopt_eval *eval, struct blocks *b,
                                    struct mopt_tensor **out, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = open_blocks(eval, b, err);
    if (status != MOPT_OK) {
        return status;
    }
    int rank = 0;
    for (int i = 0; i < b->rank; i++) {
        for (int k = 0; i == b->gather && k < b->indices->rank; k++) {
            dims[rank++] = b->indices->dims[k];
        }
        if (i != b->gather) {
            dims[rank++] = b->dims[i];
        }
    }
    return mopt__eval_output(eval, 0, b->scales->dtype, rank, dims, out, err);
}

static enum mopt_status gather_each(const struct mopt_eval *eval, const struct blocks *b,
                                    struct mopt_tensor *out, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    const size_t outer = mopt__nn_product(b->dims, 0, b->gather);
    const size_t inner = mopt__nn_product(b->dims, b->gather + 1, b->rank);
    const int64_t size = b->dims[b->gather];
    for (size_t i = 0; status == MOPT_OK && i < outer * b->indices->count; i++) {
        int64_t index = mopt__tensor_i64_at(b->indices, i % b->indices->count);
        const bool inside = index >= -size && index < size;
        index += index < 0 ? size : 0;
        for (size_t k = 0; k < inner; k++) {
            const size_t at = (i / b->indices->count * (size_t)size + (size_t)index) * inner + k;
            mopt__nn_store_at(out, i * inner + k, inside ? number_at(b, at) : 0);
        }
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

static enum mopt_status blocks_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct blocks b;
    struct mopt_tensor *out = NULL;
    enum mopt_status status = open_gather(eval, &b, &out, err);
    return status == MOPT_OK ? gather_each(eval, &b, out, err) : status;
}

// ---- Bound form: whole rows, a block after the other ----------------------------------------------------------------

struct rows {
    const struct blocks *b;
    size_t bits;
    int32_t flip; // sign bit of signed codes
    size_t row;   // codes of a row
    size_t inner; // rows of an index
    float *out;
};

// Integer codes along the last axis, as they lie; indices along the first.
static bool is_of_rows(const struct blocks *b)
{
    enum mopt_dtype dtype = b->data->dtype;
    return (dtype == MOPT_UINT8 || dtype == MOPT_INT4 || dtype == MOPT_UINT4) && b->rank > 1 &&
           b->gather == 0 && b->quantized == b->rank - 1 && b->scales->dtype == MOPT_FLOAT32;
}

// `count` codes of 4 bits that begin at a byte.
static void expand_halves(const uint8_t *codes, size_t count, int32_t flip, int32_t zero,
                          float scale, float *y)
{
    for (size_t i = 0; i < count / 2; i++) {
        const int32_t low = (codes[i] & 15) ^ flip;
        const int32_t high = (codes[i] >> 4) ^ flip;
        y[2 * i] = (float)(low - zero) * scale;
        y[2 * i + 1] = (float)(high - zero) * scale;
    }
    if (count % 2 != 0) {
        y[count - 1] = (float)(((codes[count / 2] & 15) ^ flip) - zero) * scale;
    }
}

// The codes from..from+count of the table, which share a scale. zero: as flipped codes count.
static void expand_codes(const struct rows *r, size_t from, size_t count, int32_t zero, float scale,
                         float *y)
{
    const uint8_t *codes = r->b->data->data;
    const size_t each = 8 / r->bits;
    const int32_t mask = (1 << r->bits) - 1;
    if (r->bits == 4 && from % 2 == 0) {
        expand_halves(codes + from / 2, count, r->flip, zero, scale, y);
        return;
    }
    for (size_t i = from; i < from + count; i++) {
        const int32_t code = codes[i / each] >> i % each * r->bits & mask;
        y[i - from] = (float)((code ^ r->flip) - zero) * scale;
    }
}

static void expand_row(const struct rows *r, size_t row, float *y)
{
    const struct blocks *b = r->b;
    const size_t count = (size_t)b->scales->dims[b->rank - 1]; // blocks
    const float *scales = (const float *)b->scales->data + row * count;
    const size_t stored = (r->row + b->per_byte - 1) / b->per_byte * b->per_byte;
    for (size_t i = 0, at = 0; at < r->row; i++, at += b->block) {
        const size_t size = r->row - at < b->block ? r->row - at : b->block;
        const double zero =
            b->zeros != NULL ? code_at(b, b->zeros, count, row * count + i) : b->zero;
        expand_codes(r, row * stored + at, size, (int32_t)zero + r->flip, scales[i], y + at);
    }
}

static void expand_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct rows *r = context;
    const int64_t size = r->b->dims[0];
    (void)thread;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        int64_t index = mopt__tensor_i64_at(r->b->indices, i / r->inner);
        float *y = r->out + i * r->row;
        if (index < -size || index >= size) {
            memset(y, 0, r->row * sizeof *y);
            continue;
        }
        index += index < 0 ? size : 0;
        expand_row(r, (size_t)index * r->inner + i % r->inner, y);
    }
}

static enum mopt_status blocks_run(struct mopt_eval *eval, struct mopt_error *err)
{
    enum { PIECE = 1 << 14 }; // elements that one thread takes at least
    struct blocks b;
    struct mopt_tensor *out = NULL;
    enum mopt_status status = open_gather(eval, &b, &out, err);
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    if (!is_of_rows(&b)) {
        return gather_each(eval, &b, out, err);
    }
    struct rows r = {.b = &b,
                     .bits = b.data->dtype == MOPT_UINT8 ? b.bits : 4,
                     .flip = b.data->dtype == MOPT_INT4 ? 8 : 0,
                     .row = (size_t)b.dims[b.rank - 1],
                     .inner = mopt__nn_product(b.dims, 1, b.rank - 1),
                     .out = mopt__nn_f32(out)};
    mopt__pool_for(eval->pool, (int64_t)(b.indices->count * r.inner), (int64_t)(PIECE / r.row + 1),
                   expand_rows, &r);
    return MOPT_OK;
}

static enum mopt_status blocks_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 2, MOPT_FLOAT32)) {
        bind->run = blocks_run;
    }
    return MOPT_OK;
}

static enum mopt_status blocks_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *data = mopt__infer_tensor(infer, 0);
    const struct mopt_type *indices = mopt__infer_tensor(infer, 1);
    const enum mopt_dtype dtype = mopt__infer_dtype(infer, 2);
    struct blocks b = {.data = NULL};
    int64_t dims[2 * MOPT_RANK_MAX];
    int rank = 0;
    if (data == NULL || data->rank < 0 || indices == NULL || indices->rank < 0) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    enum mopt_status status = read_attributes(infer->node, data->dtype, data->rank, &b, err);
    for (int i = 0; status == MOPT_OK && i < data->rank; i++) {
        const bool last = i == data->rank - 1;
        for (int k = 0; i == b.gather && k < indices->rank; k++) {
            dims[rank++] = indices->dims[k];
        }
        if (i != b.gather) {
            const int64_t each = mopt__dim_const(infer->dims, last ? (int64_t)b.per_byte : 1);
            dims[rank++] = mopt__dim_mul(infer->dims, data->dims[i], each);
        }
    }
    if (status == MOPT_OK && rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d", rank,
                              (int)MOPT_RANK_MAX);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, rank, dims, err) : status;
}

#define CODES                                                                           \
    (MOPT_DT(MOPT_INT4) | MOPT_DT(MOPT_UINT4) | MOPT_DT(MOPT_UINT8) | MOPT_SET_FLOAT8 | \
     MOPT_DT(MOPT_FLOAT4E2M1))
#define NUMBERS (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT16) | MOPT_SET_BFLOAT)

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "GatherBlockQuantized",
     .since = 1,
     .summary = "rows of a table stored in quantized blocks",
     MOPT_INPUTS({"data", "T1", CODES, 0}, {"indices", "Tind", MOPT_SET_INDEX, 0},
                 {"scales", "T2", NUMBERS, 0}, {"zero_points", "T1", CODES, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T2", NUMBERS, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("bits", 4), MOPT_A_INT("block_size", 128),
                     MOPT_A_INT("gather_axis", 0), MOPT_A_INT("quantize_axis", 1)),
     .infer = blocks_infer,
     .eval = blocks_eval,
     .bind = blocks_bind,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_gather_blocks = {records, MOPT_COUNTOF(records)};
