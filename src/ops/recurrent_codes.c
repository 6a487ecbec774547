// SPDX-License-Identifier: Apache-2.0
// Weights of DynamicQuantizeLSTM as constants of products of bytes: W [directions, inputs,
// 4 * hidden] and R [directions, hidden, 4 * hidden] with parameters per direction or per direction
// and column.
#include "ops/recurrent_codes.h"

#include "base/alloc.h"
#include "base/size.h"
#include "ops/nn_util.h"

enum { BIAS = 3 };

// Inputs of the node that make up a matrix.
static const struct {
    uint32_t codes, scale, zero;
} places[2] = {{1, 8, 9}, {2, 10, 11}};

static const struct mopt_tensor *constant(const struct mopt_bind *bind, uint32_t i)
{
    return i < bind->node->input_count ? bind->inputs[i].constant : NULL;
}

static bool is_byte(const struct mopt_tensor *t)
{
    return t->dtype == MOPT_INT8 || t->dtype == MOPT_UINT8;
}

static bool parameters_fit(const struct mopt_tensor *t, size_t directions, size_t width)
{
    return t->count == directions || t->count == directions * width;
}

static bool matrix_fits(const struct mopt_bind *bind, size_t which, size_t directions)
{
    const struct mopt_tensor *codes = constant(bind, places[which].codes);
    const struct mopt_tensor *scale = constant(bind, places[which].scale);
    const struct mopt_tensor *zero = constant(bind, places[which].zero);
    return codes && scale && zero && codes->rank == 3 && codes->count > 0 && is_byte(codes) &&
           (size_t)codes->dims[0] == directions && scale->dtype == MOPT_FLOAT32 &&
           zero->dtype == codes->dtype && zero->count == scale->count &&
           parameters_fit(scale, directions, (size_t)codes->dims[2]);
}

bool mopt__recurrent_codes_fit(const struct mopt_bind *bind, size_t directions, size_t *inputs,
                               size_t *hidden)
{
    const struct mopt_tensor *w = constant(bind, places[0].codes);
    const struct mopt_tensor *r = constant(bind, places[1].codes);
    const struct mopt_tensor *bias = constant(bind, BIAS);
    if (!w || !r || !mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) || !matrix_fits(bind, 0, directions) ||
        !matrix_fits(bind, 1, directions)) {
        return false;
    }
    const int64_t width = 4 * r->dims[1];
    *inputs = (size_t)w->dims[1];
    *hidden = (size_t)r->dims[1];
    bool fits = w->dims[2] == width && r->dims[2] == width;
    if (!bias) {
        return fits && bind->node->inputs[BIAS].value == NULL;
    }
    return fits && bias->dtype == MOPT_FLOAT32 && bias->rank == 2 &&
           (size_t)bias->dims[0] == directions && bias->dims[1] == 2 * width;
}

// ---- Packing ------------------------------------------------------------------------------------

// Memory of all matrices, in this order: parameters of all, then packed codes of all.
struct room {
    char *parameters, *packed; // what is not yet taken
};

static bool add(size_t count, size_t size, size_t *total)
{
    size_t bytes = 0;
    return mopt__size_mul(count, size, &bytes) && mopt__size_align(bytes, 64, &bytes) &&
           mopt__size_add(*total, bytes, total);
}

static void *take(char **from, size_t bytes)
{
    void *taken = *from;
    size_t aligned = 0;
    (void)mopt__size_align(bytes, 64, &aligned); // it was when the sizes were added
    *from += aligned;
    return taken;
}

static enum mopt_status open_room(const struct mopt_bind *bind, size_t directions,
                                  struct mopt_recurrent_codes *codes, struct room *room,
                                  struct mopt_error *err)
{
    size_t parameters = 0;
    size_t packed = 0;
    const size_t width = (size_t)constant(bind, 1)->dims[2];
    bool fits = add(2 * directions, sizeof *codes->weights, &parameters) &&
                add(directions * width, sizeof(float), &parameters);
    for (size_t i = 0; fits && i < 2 * directions; i++) {
        const size_t k = (size_t)constant(bind, places[i % 2].codes)->dims[1];
        const size_t bytes = mopt__packed_s8_bytes(bind->kernels, k, width);
        for (int vector = 0; fits && vector < 3; vector++) { // zero, sums, scale
            fits = add(width, sizeof(int32_t), &parameters);
        }
        fits = fits && bytes > 0 && add(bytes, 1, &packed);
    }
    size_t total = 0;
    codes->memory =
        fits && mopt__size_add(parameters, packed, &total) ? mopt__malloc_aligned(total) : NULL;
    if (!codes->memory) {
        return mopt_error_memory(err);
    }
    room->parameters = codes->memory;
    room->packed = room->parameters + parameters;
    codes->weights = take(&room->parameters, 2 * directions * sizeof *codes->weights);
    codes->bias = take(&room->parameters, directions * width * sizeof(float));
    return MOPT_OK;
}

// Scales and zero points of the columns of direction d; unsigned codes are taken as code - 128.
static void column_parameters(const struct mopt_bind *bind, size_t which, size_t d, size_t width,
                              float *scale, int32_t *zero, bool *all_zero)
{
    const struct mopt_tensor *scales = constant(bind, places[which].scale);
    const struct mopt_tensor *zeros = constant(bind, places[which].zero);
    const bool each = scales->count != (size_t)constant(bind, places[which].codes)->dims[0];
    const int32_t shift = zeros->dtype == MOPT_UINT8 ? 128 : 0;
    *all_zero = true;
    for (size_t j = 0; j < width; j++) {
        const size_t at = each ? d * width + j : d;
        scale[j] = ((const float *)scales->data)[at];
        zero[j] = (int32_t)mopt__tensor_i64_at(zeros, at) - shift;
        *all_zero = *all_zero && zero[j] == 0;
    }
}

static enum mopt_status pack_matrix(const struct mopt_bind *bind, size_t which, size_t d,
                                    struct room *room, struct mopt_dynamic_weights *weights,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *codes = constant(bind, places[which].codes);
    const size_t k = (size_t)codes->dims[1];
    const size_t width = (size_t)codes->dims[2];
    const uint8_t flip = codes->dtype == MOPT_UINT8 ? 0x80 : 0;
    const uint8_t *from = (const uint8_t *)codes->data + d * k * width;
    uint8_t *bytes = mopt__malloc(k * width);
    if (!bytes) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < k * width; i++) {
        bytes[i] = from[i] ^ flip;
    }
    bool all_zero = false;
    int32_t *zero = take(&room->parameters, width * sizeof *zero);
    int32_t *sums = take(&room->parameters, width * sizeof *sums);
    float *scale = take(&room->parameters, width * sizeof *scale);
    int8_t *packed = take(&room->packed, mopt__packed_s8_bytes(bind->kernels, k, width));
    column_parameters(bind, which, d, width, scale, zero, &all_zero);
    mopt__fold_zero_point(k, width, (const int8_t *)bytes, width, 1, NULL, -1, zero, sums);
    mopt__pack_s8(bind->kernels, k, width, (const int8_t *)bytes, width, 1, packed);
    *weights = (struct mopt_dynamic_weights){.packed = packed,
                                             .zero = all_zero ? NULL : zero,
                                             .sums = sums,
                                             .scale = scale};
    mopt__free(bytes);
    return MOPT_OK;
}

static void add_biases(const struct mopt_tensor *bias, size_t directions, size_t width, float *sum)
{
    for (size_t i = 0; i < directions * width; i++) {
        const float *from = bias ? (const float *)bias->data + i / width * 2 * width : NULL;
        sum[i] = from ? from[i % width] + from[width + i % width] : 0;
    }
}

enum mopt_status mopt__recurrent_codes_pack(const struct mopt_bind *bind, size_t directions,
                                            struct mopt_recurrent_codes *codes,
                                            struct mopt_error *err)
{
    struct room room = {NULL, NULL};
    enum mopt_status status = open_room(bind, directions, codes, &room, err);
    for (size_t i = 0; status == MOPT_OK && i < 2 * directions; i++) {
        status = pack_matrix(bind, i % 2, i / 2, &room, &codes->weights[i], err);
    }
    if (status == MOPT_OK) {
        add_biases(constant(bind, BIAS), directions, (size_t)constant(bind, 1)->dims[2],
                   codes->bias);
    }
    return status;
}

void mopt__recurrent_codes_release(struct mopt_recurrent_codes *codes)
{
    mopt__free_aligned(codes->memory);
    *codes = (struct mopt_recurrent_codes){.memory = NULL};
}
