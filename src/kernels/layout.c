// SPDX-License-Identifier: Apache-2.0
// Channels innermost and back: transposes of blocks that stay in the first cache.
#include "kernels/conv_nhwc.h"

enum { SIDE = 16, STRIP = 64 }; // channels of a block; pixels of one piece of work

// A plane of each kind of copy: rows x columns elements, from x[row * ldx + column] to
// y[column * ldy + row].
#define TRANSPOSE(type)                                                                           \
    static void transpose_##type(const void *from, size_t ldx, void *to, size_t ldy, size_t rows, \
                                 size_t columns)                                                  \
    {                                                                                             \
        const type *x = from;                                                                     \
        type *y = to;                                                                             \
        for (size_t r = 0; r < rows; r += SIDE) {                                                 \
            size_t end = rows - r < SIDE ? rows : r + SIDE;                                       \
            for (size_t c = 0; c < columns; c++) {                                                \
                for (size_t i = r; i < end; i++) {                                                \
                    y[c * ldy + i] = x[i * ldx + c];                                              \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }
TRANSPOSE(uint16_t)
TRANSPOSE(uint64_t)

// Three planes of bytes, as images in colours come, to pixels of three bytes.
static void interleave_3(const uint8_t *x, size_t ldx, uint8_t *y, size_t pixels)
{
    const uint8_t *second = x + ldx, *third = second + ldx;
    for (size_t i = 0; i < pixels; i++) {
        y[3 * i] = x[i];
        y[3 * i + 1] = second[i];
        y[3 * i + 2] = third[i];
    }
}

static void transpose(const struct mopt_kernels *kernels, size_t element, const void *x, size_t ldx,
                      void *y, size_t ldy, size_t rows, size_t columns)
{
    switch (element) {
    case 1:
        if (rows == 3 && ldy == 3) {
            interleave_3(x, ldx, y, columns);
        } else {
            kernels->transpose_8(x, ldx, y, ldy, rows, columns);
        }
        break;
    case 2:
        transpose_uint16_t(x, ldx, y, ldy, rows, columns);
        break;
    case 4:
        kernels->transpose_32(x, ldx, y, ldy, rows, columns);
        break;
    default:
        transpose_uint64_t(x, ldx, y, ldy, rows, columns);
        break;
    }
}

struct work {
    const struct mopt_kernels *kernels;
    size_t element, channels, pixels, strips, ld;
    const char *x;
    char *y;
};

static void some_to_nhwc(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    for (size_t item = (size_t)begin; item < (size_t)end; item++) {
        size_t image = item / work->strips, pixel = item % work->strips * STRIP;
        size_t count = work->pixels - pixel < STRIP ? work->pixels - pixel : STRIP;
        size_t from = image * work->channels * work->pixels + pixel;
        size_t to = (image * work->pixels + pixel) * work->ld;
        transpose(work->kernels, work->element, work->x + from * work->element, work->pixels,
                  work->y + to * work->element, work->ld, work->channels, count);
    }
}

static void some_to_nchw(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    for (size_t item = (size_t)begin; item < (size_t)end; item++) {
        size_t image = item / work->strips, pixel = item % work->strips * STRIP;
        size_t count = work->pixels - pixel < STRIP ? work->pixels - pixel : STRIP;
        size_t from = (image * work->pixels + pixel) * work->ld;
        size_t to = image * work->channels * work->pixels + pixel;
        transpose(work->kernels, work->element, work->x + from * work->element, work->ld,
                  work->y + to * work->element, work->pixels, count, work->channels);
    }
}

static void run(struct work *work, size_t batch,
                void (*body)(void *context, int64_t begin, int64_t end, int thread),
                struct mopt_pool *pool)
{
    size_t strip = work->channels * STRIP;
    work->strips = (work->pixels + STRIP - 1) / STRIP;
    size_t grain = strip ? 16384 / strip : 0; // elements below which a second thread is no help
    if (work->channels > 0) {
        mopt__pool_for(pool, (int64_t)(batch * work->strips), (int64_t)(grain ? grain : 1), body,
                       work);
    }
}

void mopt__to_nhwc(const struct mopt_kernels *kernels, const struct mopt_images *images,
                   const void *x, void *y, size_t ldy, struct mopt_pool *pool)
{
    struct work work = {kernels, images->element, images->channels, images->pixels, 0, ldy, x, y};
    run(&work, images->batch, some_to_nhwc, pool);
}

void mopt__to_nchw(const struct mopt_kernels *kernels, const struct mopt_images *images,
                   const void *x, size_t ldx, void *y, struct mopt_pool *pool)
{
    struct work work = {kernels, images->element, images->channels, images->pixels, 0, ldx, x, y};
    run(&work, images->batch, some_to_nchw, pool);
}
