// SPDX-License-Identifier: Apache-2.0
// Transposed convolution as stride_h * stride_w plain ones. The positions of the result that are
// equal modulo the strides (a phase) meet the same taps, every input pixel under them once: they
// are a convolution of stride 1 with a part of the kernel. Each block of pixels of a phase is a
// product, made in a near cache and then spread over the result.
#include "kernels/conv_transpose_nhwc.h"

#include <string.h>

#include "kernels/conv_nhwc_inner.h"
#include "kernels/conv_transpose_patches.h"

// ---- Phases -------------------------------------------------------------------------------------

// One axis of a phase: positions at + j * stride of the result, j < count. Tap t < taps of it is
// tap `last - t * step` of the kernel and lies on element start + j + t * apart of the input.
struct axis {
    size_t at, count;
    size_t taps, last, step, apart;
    ptrdiff_t start;
};

static size_t common_divisor(size_t a, size_t b)
{
    while (b != 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct axis axis_of(size_t out, size_t kernel, size_t stride, size_t dilation, size_t pad,
                           size_t phase)
{
    struct axis axis = {.at = phase};
    axis.count = out > phase ? (out - phase + stride - 1) / stride : 0;
    size_t first = 0; // the smallest tap that the phase meets
    while (first < kernel && first < stride &&
           first * dilation % stride != (phase + pad) % stride) {
        first++;
    }
    if (first >= kernel || first >= stride) {
        return axis; // none
    }
    axis.step = stride / common_divisor(stride, dilation);
    axis.apart = axis.step * dilation / stride;
    axis.taps = (kernel - 1 - first) / axis.step + 1;
    axis.last = first + (axis.taps - 1) * axis.step;
    axis.start = ((ptrdiff_t)(phase + pad) - (ptrdiff_t)(axis.last * dilation)) / (ptrdiff_t)stride;
    return axis;
}

struct phase {
    struct axis y, x;
    size_t taps;   // at least 1: a phase that meets no tap has one whose weights are 0
    size_t pixels; // of all images
};

static struct phase phase_of(const struct mopt_conv_transpose2d *conv, size_t number)
{
    const struct mopt_window2d *w = &conv->window;
    const size_t across = w->stride_w > 0 ? w->stride_w : 1;
    struct phase phase = {
        .y =
            axis_of(w->out_h, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, number / across),
        .x = axis_of(w->out_w, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left,
                     number % across),
    };
    phase.taps = phase.y.taps * phase.x.taps;
    phase.taps = phase.taps > 0 ? phase.taps : 1;
    phase.pixels = w->batch * phase.y.count * phase.x.count;
    return phase;
}

static bool is_empty(const struct phase *phase)
{
    return phase->y.taps == 0 || phase->x.taps == 0;
}

static size_t phase_count(const struct mopt_conv_transpose2d *conv)
{
    return conv->window.stride_h * conv->window.stride_w;
}

// One channel per group: no product.
static bool is_depthwise(const struct mopt_conv_transpose2d *conv)
{
    return conv->groups > 1 && conv->groups == conv->window.channels &&
           conv->groups == conv->out_channels;
}

static size_t depthwise_floats(const struct mopt_conv_transpose2d *conv, const struct phase *phase)
{
    return phase->y.taps * phase->x.taps * conv->window.channels;
}

// ---- Weights: the panels of one phase after those of another -----------------------------------

// Floats of a panel row of every group, per tap and channel.
static size_t columns_of(const struct mopt_kernels *kernels,
                         const struct mopt_conv_transpose2d *conv)
{
    const size_t n = conv->out_channels / conv->groups;
    return conv->groups * mopt__panel_count(kernels, n) * (size_t)kernels->f32_cols;
}

static size_t phase_floats(const struct mopt_kernels *kernels,
                           const struct mopt_conv_transpose2d *conv, const struct phase *phase)
{
    return phase->taps * (conv->window.channels / conv->groups) * columns_of(kernels, conv);
}

size_t mopt__conv_transpose_packed_bytes(const struct mopt_kernels *kernels,
                                         const struct mopt_conv_transpose2d *conv)
{
    struct mopt_scratch size = {.block = NULL};
    if (mopt__transposes_patches(conv)) {
        return mopt__patches_packed_bytes(kernels, conv);
    }
    if (is_depthwise(conv)) {
        mopt__scratch_take(&size, mopt__window_taps(&conv->window) * sizeof(float),
                           conv->window.channels);
        mopt__scratch_take(&size, MOPT_OVERREAD, 1);
        return size.used == SIZE_MAX ? 0 : size.used;
    }
    for (size_t i = 0; i < phase_count(conv); i++) {
        const struct phase phase = phase_of(conv, i);
        const size_t k = phase.taps * (conv->window.channels / conv->groups);
        const size_t bytes =
            mopt__packed_bytes(kernels, MOPT_WEIGHTS_F32, k, columns_of(kernels, conv));
        mopt__scratch_take(&size, bytes > 0 ? bytes : SIZE_MAX, 1);
    }
    return size.used == SIZE_MAX ? 0 : size.used;
}

struct packing {
    const struct mopt_conv_transpose2d *conv;
    const struct phase *phase;
    const float *w, *factor;
    size_t width; // of a panel
};

// Tap of the kernel that is tap t of the phase.
static size_t tap_of(const struct packing *p, size_t t)
{
    const struct axis *y = &p->phase->y, *x = &p->phase->x;
    return (y->last - t / x->taps * y->step) * p->conv->window.kernel_w + x->last -
           t % x->taps * x->step;
}

// One panel of a phase: columns from j on of group g, [taps][channels][width]; its end.
static float *pack_panel(const struct packing *p, size_t g, size_t j, float *out)
{
    const struct mopt_window2d *w = &p->conv->window;
    const size_t k = w->channels / p->conv->groups, n = p->conv->out_channels / p->conv->groups;
    const size_t each = w->kernel_h * w->kernel_w;
    const size_t cols = n - j < p->width ? n - j : p->width;
    for (size_t t = 0; t < p->phase->taps; t++) {
        const size_t tap = is_empty(p->phase) ? 0 : tap_of(p, t);
        for (size_t i = 0; i < k; i++, out += p->width) {
            const float *from = p->w + ((g * k + i) * n + j) * each + tap;
            memset(out, 0, p->width * sizeof *out);
            for (size_t c = 0; c < cols && !is_empty(p->phase); c++) {
                out[c] = from[c * each] * (p->factor ? p->factor[g * n + j + c] : 1.0F);
            }
        }
    }
    return out;
}

// All taps of a phase, [taps][channels]; their end.
static float *pack_depthwise(const struct packing *p, float *out)
{
    const size_t channels = p->conv->window.channels;
    const size_t each = mopt__window_taps(&p->conv->window);
    for (size_t t = 0; t < p->phase->taps && !is_empty(p->phase); t++) {
        const size_t tap = tap_of(p, t);
        for (size_t c = 0; c < channels; c++) {
            *out++ = p->w[c * each + tap] * (p->factor ? p->factor[c] : 1.0F);
        }
    }
    return out;
}

void mopt__conv_transpose_pack(const struct mopt_kernels *kernels,
                               const struct mopt_conv_transpose2d *conv, const float *w,
                               const float *factor, float *out)
{
    const size_t n = conv->out_channels / conv->groups;
    if (mopt__transposes_patches(conv)) {
        mopt__patches_pack(kernels, conv, w, factor, out);
        return;
    }
    for (size_t i = 0; i < phase_count(conv); i++) {
        const struct phase phase = phase_of(conv, i);
        const struct packing packing = {conv, &phase, w, factor, (size_t)kernels->f32_cols};
        if (is_depthwise(conv)) {
            out = pack_depthwise(&packing, out);
            continue;
        }
        for (size_t g = 0; g < conv->groups; g++) {
            for (size_t j = 0; j < n; j += packing.width) {
                out = pack_panel(&packing, g, j, out);
            }
        }
    }
    memset(out, 0, MOPT_OVERREAD);
}

// ---- Running ------------------------------------------------------------------------------------

struct work {
    const struct mopt_conv_transpose2d_run *run;
    const struct mopt_kernels *kernels;
    size_t most; // pixels of a block
    size_t blocks;
    float *zero;
    struct mopt_parts tables, offsets, sums;
};

// Pixels of a block: as many as the tiles of a product, fewer when their rows are long.
static size_t block_pixels(const struct mopt_kernels *kernels,
                           const struct mopt_conv_transpose2d *conv)
{
    enum { FLOATS = 1 << 16 }; // of sums: in the second cache
    const size_t height = (size_t)kernels->f32_rows;
    size_t tiles = FLOATS / conv->out_channels / height;
    tiles = tiles < 1 ? 1 : tiles;
    return height * (tiles < MOPT_BLOCK_TILES ? tiles : MOPT_BLOCK_TILES);
}

static size_t block_count(const struct phase *phase, size_t most)
{
    return (phase->pixels + most - 1) / most;
}

// Parts of the scratch; the same for counting and for running.
static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv_transpose2d *conv,
                      size_t threads, void *block, struct work *work)
{
    struct mopt_scratch scratch = {.block = block};
    size_t taps = 1;
    work->most = block_pixels(kernels, conv);
    work->blocks = 0;
    for (size_t i = 0; i < phase_count(conv); i++) {
        const struct phase phase = phase_of(conv, i);
        taps = phase.taps > taps ? phase.taps : taps;
        work->blocks += block_count(&phase, work->most);
    }
    work->zero = mopt__scratch_take(&scratch, conv->window.channels, sizeof(float));
    size_t pointers = mopt__table_count(kernels, taps);
    if (is_depthwise(conv) && taps <= SIZE_MAX / MOPT_DEPTHWISE_PIXELS) {
        pointers = MOPT_DEPTHWISE_PIXELS * taps;
    }
    work->tables = mopt__scratch_take_each(&scratch, threads, pointers, sizeof(float *));
    work->offsets = mopt__scratch_take_each(&scratch, threads, taps, sizeof(size_t));
    work->sums =
        mopt__scratch_take_each(&scratch, threads, work->most, conv->out_channels * sizeof(float));
    return scratch.used;
}

size_t mopt__conv_transpose_scratch(const struct mopt_kernels *kernels,
                                    const struct mopt_conv_transpose2d *conv, int threads)
{
    struct work work = {0};
    return mopt__transposes_patches(conv) ? mopt__patches_scratch(kernels, conv, threads)
                                          : lay_out(kernels, conv, (size_t)threads, NULL, &work);
}

// The convolution that a phase is.
static struct mopt_window2d window_of(const struct mopt_conv_transpose2d *conv,
                                      const struct phase *phase)
{
    struct mopt_window2d w = conv->window;
    w.out_h = phase->y.count;
    w.out_w = phase->x.count;
    w.kernel_h = phase->y.taps;
    w.kernel_w = phase->x.taps;
    w.dilation_h = phase->y.apart;
    w.dilation_w = phase->x.apart;
    w.stride_h = w.stride_w = 1;
    w.pad_top = (size_t)-phase->y.start; // which may be less than none, modulo 2^64
    w.pad_left = (size_t)-phase->x.start;
    return w;
}

static void find_taps(const struct work *work, const struct phase *phase, size_t pixel,
                      size_t count, size_t *offsets, const float **a)
{
    const struct mopt_conv_transpose2d_run *run = work->run;
    const size_t height = (size_t)work->kernels->f32_rows;
    const struct mopt_taps taps = {.window = window_of(run->conv, phase),
                                   .x = run->x,
                                   .ldx = run->ldx,
                                   .zero = work->zero,
                                   .height = height};
    const size_t tiles = mopt__tile_count(work->kernels, count);
    struct mopt_place place = mopt__place_at(&taps.window, pixel);
    mopt__taps_offsets(&taps, offsets);
    for (size_t i = 0; i < tiles; i++, a += phase->taps * height) {
        const size_t rows =
            mopt__tile_start(count, tiles, i + 1) - mopt__tile_start(count, tiles, i);
        if (is_empty(phase)) {
            for (size_t r = 0; r < rows; r++) {
                a[r] = work->zero;
            }
        } else {
            mopt__taps_fill(&taps, offsets, &place, rows, a);
        }
    }
}

static void spread(const struct work *work, const struct phase *phase, size_t pixel, size_t count,
                   const float *sums)
{
    const struct mopt_conv_transpose2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    const size_t channels = run->conv->out_channels;
    for (size_t i = 0; i < count; i++, sums += channels) {
        const size_t row = (pixel + i) / phase->x.count, x = (pixel + i) % phase->x.count;
        const size_t image = row / phase->y.count, y = row % phase->y.count;
        const size_t at = (image * w->out_h + phase->y.at + y * w->stride_h) * w->out_w +
                          phase->x.at + x * w->stride_w;
        memcpy(run->y + at * run->ldy, sums, channels * sizeof *sums);
    }
}

// Pixels pixel..pixel+count of a phase whose weights are b.
static void run_block(const struct work *work, const struct phase *phase, const float *b,
                      size_t pixel, size_t count, size_t thread)
{
    const struct mopt_conv_transpose2d *conv = work->run->conv;
    const size_t n = conv->out_channels / conv->groups;
    const float **a = mopt__part(&work->tables, thread);
    float *sums = mopt__part(&work->sums, thread);
    find_taps(work, phase, pixel, count, mopt__part(&work->offsets, thread), a);
    const struct mopt_product product = {
        .kernels = work->kernels,
        .taps = phase->taps,
        .k = conv->window.channels / conv->groups,
        .groups = conv->groups,
        .n = n,
        .b = b,
        .weights = MOPT_WEIGHTS_F32,
        .c = sums,
        .ldc = conv->out_channels,
        .epilogue = &work->run->epilogue,
    };
    mopt__product_block(&product, a, 0, count, 0,
                        conv->groups * mopt__panel_count(work->kernels, n));
    spread(work, phase, pixel, count, sums);
}

static void some_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const struct mopt_conv_transpose2d *conv = work->run->conv;
    const float *b = work->run->w;
    size_t first = 0; // block of the phase
    for (size_t i = 0; i < phase_count(conv); i++) {
        const struct phase phase = phase_of(conv, i);
        const size_t blocks = block_count(&phase, work->most);
        for (size_t k = 0; k < blocks; k++) {
            if (first + k >= (size_t)begin && first + k < (size_t)end) {
                const size_t pixel = mopt__tile_start(phase.pixels, blocks, k);
                const size_t past = mopt__tile_start(phase.pixels, blocks, k + 1);
                run_block(work, &phase, b, pixel, past - pixel, (size_t)thread);
            }
        }
        first += blocks;
        b += phase_floats(work->kernels, conv, &phase);
    }
}

// ---- Depthwise: rows of the result, a phase of a row at once ------------------------------------

// Row j of a phase: rows of taps that lie inside the image, the image's row under the first.
static void find_lines(const struct work *work, const struct axis *y, size_t image, size_t j,
                       struct mopt_depthwise_f32 *call)
{
    const struct mopt_conv_transpose2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    const ptrdiff_t start = y->start + (ptrdiff_t)j;
    size_t first = 0, last = 0;
    while (first < y->taps && start + (ptrdiff_t)(first * y->apart) < 0) {
        first++;
    }
    last = first;
    while (last < y->taps && start + (ptrdiff_t)(last * y->apart) < (ptrdiff_t)w->in_h) {
        last++;
    }
    call->rows = last - first;
    call->w += first * call->cols * call->ldw;
    if (first < last) {
        const size_t at = (size_t)(start + (ptrdiff_t)(first * y->apart));
        call->x = run->x + (image * w->in_h + at) * w->in_w * run->ldx;
    }
}

static void depthwise_row(const struct work *work, size_t number, const float **table)
{
    const struct mopt_conv_transpose2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    const size_t oy = number % w->out_h;
    float *y = run->y + number * w->out_w * run->ldy;
    const float *b = run->w;
    for (size_t i = 0; i < phase_count(run->conv); i++) {
        const struct phase phase = phase_of(run->conv, i);
        struct mopt_depthwise_f32 call = {
            .x = run->x,
            .ldx = run->ldx,
            .line = phase.y.apart * w->in_w * run->ldx,
            .width = w->in_w,
            .first = phase.x.start,
            .stride = 1,
            .dilation = phase.x.apart > 0 ? phase.x.apart : 1,
            .cols = phase.x.taps,
            .table = table,
            .zero = work->zero,
            .w = b,
            .ldw = w->channels,
            .bias = run->epilogue.bias,
            .y = y + phase.x.at * run->ldy,
            .ldy = w->stride_w * run->ldy,
            .channels = w->channels,
            .pixels = phase.x.count,
        };
        mopt__epilogue_bounds(&run->epilogue, &call.low, &call.high);
        if (phase.y.at == oy % w->stride_h && phase.x.count > 0) {
            find_lines(work, &phase.y, number / w->out_h, oy / w->stride_h, &call);
            work->kernels->depthwise_f32(&call);
        }
        b += depthwise_floats(run->conv, &phase);
    }
    mopt__epilogue_rest(work->kernels, &run->epilogue, y, run->ldy, NULL, 0, w->out_w, w->channels);
}

static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const float **table = mopt__part(&work->tables, (size_t)thread);
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        depthwise_row(work, row, table);
    }
}

void mopt__conv_transpose_nhwc(const struct mopt_kernels *kernels,
                               const struct mopt_conv_transpose2d_run *run, struct mopt_pool *pool)
{
    struct work work = {.run = run, .kernels = kernels};
    if (mopt__transposes_patches(run->conv)) {
        mopt__patches_run(kernels, run, pool);
        return;
    }
    lay_out(kernels, run->conv, (size_t)mopt__pool_size(pool), run->scratch, &work);
    memset(work.zero, 0, run->conv->window.channels * sizeof *work.zero);
    if (is_depthwise(run->conv)) {
        const struct mopt_window2d *w = &run->conv->window;
        mopt__pool_for(pool, (int64_t)(w->batch * w->out_h), 1, some_rows, &work);
    } else {
        mopt__pool_for(pool, (int64_t)work.blocks, 1, some_blocks, &work);
    }
}
