// SPDX-License-Identifier: Apache-2.0
// Byte convolution with channels innermost, over the slots tile_u8 and depthwise_u8. Rows of a
// product are output pixels; taps point into the input, or to a row of zero points where the window
// hangs over the edge.
#include <string.h>

#include "base/size.h"
#include "kernels/walk_u8.h"

// Below: a kernel row is one tap, read from a padded copy of the input.
enum { MERGE_CHANNELS = 16 };

// How a convolution is run.
struct layout {
    size_t taps, k;        // of the tile
    size_t group_channels; // of the input
    size_t group_columns;  // of the output
    bool merged;           // a tap is a row of the kernel
    size_t copy_h, copy_w; // padded input when merged
};

static size_t reach(size_t out, size_t stride, size_t kernel, size_t dilation)
{
    return out ? (out - 1) * stride + (kernel - 1) * dilation + 1 : 0;
}

static size_t kernel_taps(const struct mopt_conv2d *conv)
{
    const size_t planes = conv->planes.kernel ? conv->planes.kernel : 1;
    return planes * conv->window.kernel_h * conv->window.kernel_w;
}

static size_t out_pixels(const struct mopt_conv2d *conv)
{
    const size_t planes = conv->planes.kernel ? conv->planes.out : 1;
    return conv->window.batch * planes * conv->window.out_h * conv->window.out_w;
}

static struct layout layout_of(const struct mopt_conv2d *conv, enum mopt_conv_form form)
{
    const struct mopt_window2d *w = &conv->window;
    struct layout l = {.taps = kernel_taps(conv) + conv->again_count,
                       .k = w->channels / conv->groups,
                       .group_channels = w->channels / conv->groups,
                       .group_columns = conv->out_channels / conv->groups};
    if (form == MOPT_CONV_DIRECT && conv->groups == 1 && w->channels < MERGE_CHANNELS &&
        w->kernel_w > 1 && w->dilation_w == 1 && conv->planes.kernel == 0) {
        l.merged = true;
        l.taps = w->kernel_h;
        l.k = w->channels * w->kernel_w;
        l.copy_h = reach(w->out_h, w->stride_h, w->kernel_h, w->dilation_h);
        l.copy_w = reach(w->out_w, w->stride_w, w->kernel_w, 1);
    }
    return l;
}

enum mopt_conv_form mopt__conv2d_u8_form(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    if (conv->groups == w->channels && conv->out_channels == w->channels && w->channels > 1) {
        return MOPT_CONV_DEPTHWISE;
    }
    bool point = w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
                 w->pad_top == 0 && w->pad_left == 0 && w->out_h == w->in_h && w->out_w == w->in_w;
    const struct mopt_planes *planes = &conv->planes;
    point = point && planes->kernel <= 1 && planes->stride <= 1 && planes->in == planes->out;
    return point && conv->groups == 1 ? MOPT_CONV_POINTWISE : MOPT_CONV_DIRECT;
}

// ---- Zero points of the weights of groups
// What is left of a weight goes into one more byte.
static int8_t take_byte(int32_t *rest)
{
    int32_t byte = *rest < -128 ? -128 : *rest > 127 ? 127 : *rest;
    *rest -= byte;
    return (int8_t)byte;
}

size_t mopt__conv2d_u8_again(const struct mopt_conv2d *conv, const int8_t *w, const int32_t *w_zero,
                             uint32_t *again)
{
    size_t taps = kernel_taps(conv);
    size_t inner = conv->window.channels / conv->groups;
    size_t count = 0;
    for (size_t t = 0; t < taps; t++) {
        size_t most = 0;
        for (size_t i = 0; i < conv->out_channels * inner; i++) {
            int32_t rest = w[i * taps + t] - w_zero[i / inner];
            (void)take_byte(&rest);
            size_t bytes = 0;
            for (; rest != 0; bytes++) {
                (void)take_byte(&rest);
            }
            most = bytes > most ? bytes : most;
        }
        for (; most > 0; most--) {
            again[count++] = (uint32_t)t;
        }
    }
    return count;
}

void mopt__conv2d_u8_subtract(const struct mopt_conv2d *conv, const int8_t *w,
                              const int32_t *w_zero, int8_t *out)
{
    size_t taps = kernel_taps(conv);
    size_t inner = conv->window.channels / conv->groups;
    for (size_t i = 0; i < conv->out_channels * inner; i++) {
        size_t more = 0;
        for (size_t t = 0; t < taps; t++) {
            int32_t rest = w[i * taps + t] - w_zero[i / inner];
            out[t] = take_byte(&rest);
            for (; more < conv->again_count && conv->again[more] == t; more++) {
                out[taps + more] = take_byte(&rest);
            }
        }
        out += taps + conv->again_count;
    }
}

// ---- Packed weights
static struct mopt_weight_u8 weight_of(const struct mopt_conv2d *conv, const struct layout *l)
{
    size_t all = kernel_taps(conv) + conv->again_count;
    struct mopt_weight_u8 weight = {.taps = l->taps,
                                    .k = l->k,
                                    .columns = l->group_columns,
                                    .tap_step = 1,
                                    .inner = l->group_channels,
                                    .inner_step = all,
                                    .column_step = l->group_channels * all};
    if (l->merged) {
        weight.tap_step = conv->window.kernel_w;
        weight.outer_step = 1;
    }
    return weight;
}

// Rounded up so that every tap group of a block is aligned.
static bool depthwise_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            size_t *bytes)
{
    size_t cols = (size_t)kernels->dw8_cols;
    size_t taps = kernel_taps(conv); // fits: so many weights lie in memory
    return mopt__size_add(taps, conv->again_count, &taps) && mopt__size_align(taps, 4, &taps) &&
           mopt__size_add(conv->window.channels, cols - 1, bytes) &&
           mopt__size_mul(*bytes / cols * cols, taps, bytes);
}

size_t mopt__conv2d_u8_packed_bytes(const struct mopt_kernels *kernels,
                                    const struct mopt_conv2d *conv, enum mopt_conv_form form)
{
    size_t bytes = 0;
    bool fits = false;
    if (form == MOPT_CONV_DEPTHWISE) {
        fits = depthwise_bytes(kernels, conv, &bytes);
    } else {
        struct layout l = layout_of(conv, form);
        struct mopt_weight_u8 weight = weight_of(conv, &l);
        fits = mopt__panels_s8_bytes(kernels, &weight, &bytes) &&
               mopt__size_mul(bytes, conv->groups, &bytes);
    }
    return fits && mopt__size_add(bytes, MOPT_OVERREAD, &bytes) ? bytes : 0;
}

static void pack_depthwise(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                           const int8_t *w, int8_t *out)
{
    size_t taps = kernel_taps(conv) + conv->again_count;
    size_t channels = conv->window.channels;
    for (size_t c = 0; c < channels; c++) {
        for (size_t t = 0; t < taps; t++) {
            out[mopt__depthwise_u8_at((size_t)kernels->dw8_cols, channels, t, c)] = w[c * taps + t];
        }
    }
}

void mopt__conv2d_u8_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                          enum mopt_conv_form form, const int8_t *w, int8_t *out)
{
    size_t bytes = mopt__conv2d_u8_packed_bytes(kernels, conv, form);
    if (form == MOPT_CONV_DEPTHWISE) {
        memset(out, 0, bytes);
        pack_depthwise(kernels, conv, w, out);
        return;
    }
    struct layout l = layout_of(conv, form);
    struct mopt_weight_u8 weight = weight_of(conv, &l);
    size_t group = (bytes - MOPT_OVERREAD) / conv->groups;
    for (size_t g = 0; g < conv->groups; g++) {
        mopt__panels_s8(kernels, &weight, w + g * weight.columns * weight.column_step,
                        out + g * group);
    }
    memset(out + bytes - MOPT_OVERREAD, 0, MOPT_OVERREAD);
}

// ---- Scratch: a pixel of zero points, the padded copy, the pointers of each thread (and, of a
// depthwise one, a pixel of zero points behind them)
struct scratch {
    size_t copy, pointers;  // offsets
    size_t thread_pointers; // from one thread's to the next one's
    size_t bytes;
};

static void init_walk(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                      const struct layout *l, struct mopt_walk_u8 *walk)
{
    walk->kernels = kernels;
    walk->rows = out_pixels(conv);
    walk->groups = conv->groups;
    walk->columns = l->group_columns;
    walk->taps = l->taps;
    walk->k = l->k;
    walk->group_bytes = l->group_channels;
    mopt__walk_u8_init(walk);
}

static bool scratch_of(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                       enum mopt_conv_form form, size_t threads, struct scratch *s)
{
    const struct mopt_window2d *w = &conv->window;
    struct layout l = layout_of(conv, form);
    size_t bytes = 0;
    *s = (struct scratch){0};
    bool fits =
        mopt__size_add(w->channels, MOPT_OVERREAD, &bytes) && mopt__size_align(bytes, 64, &s->copy);
    if (form == MOPT_CONV_DEPTHWISE) {
        s->thread_pointers = l.taps * (size_t)kernels->dw8_rows + s->copy / sizeof(void *);
    } else {
        struct mopt_walk_u8 walk = {0};
        init_walk(kernels, conv, &l, &walk);
        s->thread_pointers = mopt__walk_u8_pointers(&walk);
    }
    fits = fits && mopt__size_mul(w->batch * l.copy_h, l.copy_w, &bytes) &&
           mopt__size_mul(bytes, w->channels, &bytes) &&
           mopt__size_add(bytes, s->copy + MOPT_OVERREAD, &bytes) &&
           mopt__size_apart(bytes, &s->pointers) &&
           mopt__size_mul(s->thread_pointers, sizeof(void *), &bytes) &&
           mopt__size_apart(bytes, &bytes);
    s->thread_pointers = bytes / sizeof(void *);
    fits = fits && mopt__size_mul(bytes, threads, &bytes);
    return fits && mopt__size_add(bytes, s->pointers, &s->bytes);
}

size_t mopt__conv2d_u8_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                               enum mopt_conv_form form, int threads)
{
    struct scratch s;
    if (form == MOPT_CONV_POINTWISE) {
        return 0;
    }
    return scratch_of(kernels, conv, form, (size_t)threads, &s) ? s.bytes : 0;
}

// ---- Direct
struct direct {
    const struct mopt_conv2d_u8_run *run;
    struct layout layout;
    const uint8_t *zeros; // a pixel of zero points
    uint8_t *copy;        // merged
};

// Output pixels from `at` (a place in the padded row) on whose places lie before `place`.
static size_t pixels_before(size_t place, size_t at, size_t stride, size_t count)
{
    size_t before = place > at ? place - at : 0;
    before = stride == 1 ? before : (before + stride - 1) / stride;
    return before < count ? before : count;
}

// Pointers of one tap for `count` pixels of one output row, the first at column `column`. row:
// NULL when outside of the image.
static inline __attribute__((always_inline)) void point_tap(const struct direct *d,
                                                            const uint8_t *row, size_t kx,
                                                            size_t column, size_t count,
                                                            const uint8_t **a)
{
    const struct mopt_window2d *w = &d->run->conv->window;
    size_t stride = w->stride_w;
    size_t at = column * stride + kx * w->dilation_w;
    size_t left = row ? pixels_before(w->pad_left, at, stride, count) : count;
    size_t right = row ? pixels_before(w->pad_left + w->in_w, at, stride, count) : count;
    size_t i = 0;
    for (; i < left; i++) {
        a[i] = d->zeros;
    }
    if (i < right) {
        const uint8_t *from = row + (at + i * stride - w->pad_left) * d->run->ldx;
        const size_t step = stride * d->run->ldx;
        for (; i < right; i++, from += step) {
            a[i] = from;
        }
    }
    for (; i < count; i++) {
        a[i] = d->zeros;
    }
}

// Pixels of one output row in the padded copy.
static void point_copy(const struct direct *d, size_t line, size_t column, size_t count,
                       size_t step, const uint8_t **a)
{
    const struct mopt_window2d *w = &d->run->conv->window;
    size_t top = line / w->out_h * d->layout.copy_h + line % w->out_h * w->stride_h;
    for (size_t ky = 0; ky < w->kernel_h; ky++) {
        size_t start = (top + ky * w->dilation_h) * d->layout.copy_w;
        for (size_t i = 0; i < count; i++) {
            a[ky * step + i] = d->copy + (start + (column + i) * w->stride_w) * w->channels;
        }
    }
}

// Those of one plane of the kernel, which lies on an image, or outside of all (NULL). top: line of
// the window in the padded image.
static inline __attribute__((always_inline)) void point_plane(const struct direct *d,
                                                              const uint8_t *image, size_t top,
                                                              size_t column, size_t count,
                                                              size_t step, const uint8_t **a)
{
    const struct mopt_window2d *w = &d->run->conv->window;
    for (size_t ky = 0; ky < w->kernel_h; ky++) {
        size_t y = top + ky * w->dilation_h - w->pad_top;
        const uint8_t *row = image && y < w->in_h ? image + y * w->in_w * d->run->ldx : NULL;
        for (size_t kx = 0; kx < w->kernel_w; kx++) {
            point_tap(d, row, kx, column, count, a + (ky * w->kernel_w + kx) * step);
        }
    }
}

// Those of all planes of the kernel. image: number of a plane of the result. By itself: rows of two
// axes are short, and pay for every address that is kept for a third one.
static __attribute__((noinline)) void point_planes(const struct direct *d, size_t image, size_t top,
                                                   size_t column, size_t count, size_t step,
                                                   const uint8_t **a)
{
    const struct mopt_window2d *w = &d->run->conv->window;
    const struct mopt_planes *p = &d->run->conv->planes;
    for (size_t kz = 0; kz < p->kernel; kz++) {
        size_t z = image % p->out * p->stride + kz * p->dilation - p->pad;
        size_t plane = (image / p->out * p->in + z) * w->in_h * w->in_w * d->run->ldx;
        point_plane(d, z < p->in ? d->run->x + plane : NULL, top, column, count, step,
                    a + kz * w->kernel_h * w->kernel_w * step);
    }
}

// Pixels of one output row.
static void point_segment(const struct direct *d, size_t line, size_t column, size_t count,
                          size_t step, const uint8_t **a)
{
    const struct mopt_conv2d *conv = d->run->conv;
    const struct mopt_window2d *w = &conv->window;
    size_t image = line / w->out_h, top = line % w->out_h * w->stride_h;
    if (d->layout.merged) {
        point_copy(d, line, column, count, step, a);
    } else if (conv->planes.kernel > 0) {
        point_planes(d, image, top, column, count, step, a);
    } else {
        const uint8_t *x = d->run->x + image * w->in_h * w->in_w * d->run->ldx;
        point_plane(d, x, top, column, count, step, a);
    }
    for (size_t i = 0; i < conv->again_count; i++) {
        memcpy(a + (kernel_taps(conv) + i) * step, a + conv->again[i] * step, count * sizeof *a);
    }
}

// Pixels of any output rows, one after the other.
static void point_run(const struct direct *d, size_t first, size_t count, size_t step,
                      const uint8_t **a)
{
    size_t width = d->run->conv->window.out_w;
    while (count > 0) {
        size_t column = first % width;
        size_t piece = width - column < count ? width - column : count;
        point_segment(d, first / width, column, piece, step, a);
        first += piece;
        count -= piece;
        a += piece;
    }
}

static void point_pixels(const struct mopt_walk_u8 *walk, size_t first, size_t count, size_t step,
                         const uint8_t **a)
{
    point_run(walk->context, first, count, step, a);
}

// One row of the padded copy.
static void copy_row(const struct direct *d, size_t line, uint8_t *to)
{
    const struct mopt_window2d *w = &d->run->conv->window;
    size_t channels = w->channels;
    size_t width = d->layout.copy_w;
    size_t y = line % d->layout.copy_h - w->pad_top;
    size_t left = w->pad_left < width ? w->pad_left : width;
    size_t inside = width - left < w->in_w ? width - left : w->in_w;
    if (y >= w->in_h) {
        left = width;
        inside = 0;
    }
    memset(to, d->run->x_zero_point, left * channels);
    to += left * channels;
    const uint8_t *from =
        d->run->x + (inside ? (line / d->layout.copy_h * w->in_h + y) * w->in_w * d->run->ldx : 0);
    for (size_t x = 0; d->run->ldx != channels && x < inside; x++) {
        memcpy(to + x * channels, from + x * d->run->ldx, channels);
    }
    if (d->run->ldx == channels) {
        memcpy(to, from, inside * channels);
    }
    memset(to + inside * channels, d->run->x_zero_point, (width - left - inside) * channels);
}

static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct direct *d = context;
    size_t bytes = d->layout.copy_w * d->run->conv->window.channels;
    for (int64_t line = begin; line < end; line++) {
        copy_row(d, (size_t)line, d->copy + (size_t)line * bytes);
    }
}

static void set_results(const struct mopt_conv2d_u8_run *run, struct mopt_walk_u8 *walk)
{
    walk->b = run->w;
    walk->b_zero = run->w_zero;
    walk->out = &run->out;
    walk->c32 = run->c32;
    walk->c8 = run->c8;
    walk->cf = run->cf;
    walk->ldc = run->ldy;
}

static void run_direct(const struct mopt_kernels *kernels, const struct mopt_conv2d_u8_run *run,
                       const struct scratch *s, struct mopt_pool *pool)
{
    const struct mopt_window2d *w = &run->conv->window;
    struct direct d = {.run = run,
                       .layout = layout_of(run->conv, run->form),
                       .zeros = run->scratch,
                       .copy = (uint8_t *)run->scratch + s->copy};
    struct mopt_walk_u8 walk = {.point = point_pixels, .context = &d};
    init_walk(kernels, run->conv, &d.layout, &walk);
    set_results(run, &walk);
    walk.pointers = (const uint8_t **)(void *)((uint8_t *)run->scratch + s->pointers);
    walk.thread_pointers = s->thread_pointers;
    if (d.layout.merged) {
        mopt__pool_for(pool, (int64_t)(w->batch * d.layout.copy_h),
                       (int64_t)((1 << 16) / (d.layout.copy_w * w->channels + 1)) + 1, copy_rows,
                       &d);
    }
    mopt__walk_u8(&walk, pool);
}

static void run_pointwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_u8_run *run,
                          struct mopt_pool *pool)
{
    const struct mopt_window2d *w = &run->conv->window;
    struct mopt_gemm_u8 gemm = {.m = out_pixels(run->conv),
                                .n = run->conv->out_channels,
                                .k = w->channels,
                                .a = run->x,
                                .lda = run->ldx,
                                .b = run->w,
                                .b_zero = run->w_zero,
                                .out = run->out,
                                .c32 = run->c32,
                                .c8 = run->c8,
                                .cf = run->cf,
                                .ldc = run->ldy};
    mopt__gemm_u8(kernels, &gemm, pool);
}

// ---- Depthwise
struct depthwise {
    struct direct direct;
    const struct mopt_kernels *kernels;
    const uint8_t **pointers;
    size_t thread_pointers;
};

// Kernels may read rows of pixels up to a multiple of 4.
static void repeat_last(const uint8_t **x, size_t taps, size_t step, size_t count)
{
    for (size_t i = count; i % 4 != 0; i++) {
        for (size_t t = 0; t < taps; t++) {
            x[t * step + i] = x[t * step + count - 1];
        }
    }
}

// Calls go on from one output row to the next: what a call costs besides is much where rows are
// short, and threads that share pixels have equal parts of few rows.
static void run_pixels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct depthwise *d = context;
    const struct mopt_conv2d_u8_run *run = d->direct.run;
    size_t step = (size_t)d->kernels->dw8_rows, taps = d->direct.layout.taps;
    const uint8_t **x = d->pointers + (size_t)thread * d->thread_pointers;
    // Each thread writes zero points of its own: another's would come from its cache, line by line.
    uint8_t *zeros = (uint8_t *)(void *)(x + taps * step);
    struct direct direct = d->direct;
    direct.zeros = memset(zeros, run->x_zero_point, run->conv->window.channels + MOPT_OVERREAD);
    struct mopt_depthwise_u8 work = {.x = x,
                                     .x_step = step,
                                     .w = run->w,
                                     .bias = run->out.start,
                                     .scale = run->out.scale,
                                     .shift = run->out.shift,
                                     .float_bias = run->out.float_bias,
                                     .ldy = run->ldy,
                                     .channels = run->conv->window.channels,
                                     .taps = taps,
                                     .zero_point = run->out.zero_point,
                                     .low = run->out.low,
                                     .high = run->out.high};
    mopt__clamp_of(&run->out.act, &work.float_low, &work.float_high);
    for (size_t pixel = (size_t)begin; pixel < (size_t)end; pixel += step) {
        size_t count = (size_t)end - pixel < step ? (size_t)end - pixel : step;
        point_run(&direct, pixel, count, step, x);
        repeat_last(x, taps, step, count);
        work.pixels = (int)count;
        work.y = run->c8 ? run->c8 + pixel * run->ldy : NULL;
        work.yf = run->cf ? run->cf + pixel * run->ldy : NULL;
        work.y32 = run->c32 ? run->c32 + pixel * run->ldy : NULL;
        d->kernels->depthwise_u8(&work);
        if (work.yf) {
            mopt__activate_rows(d->kernels, &run->out.act, work.yf, run->ldy, count, work.channels);
        }
    }
}

static void run_depthwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_u8_run *run,
                          const struct scratch *s, struct mopt_pool *pool)
{
    const struct mopt_window2d *w = &run->conv->window;
    struct depthwise d = {.direct = {.run = run, .layout = layout_of(run->conv, run->form)},
                          .kernels = kernels,
                          .thread_pointers = s->thread_pointers};
    d.pointers = (const uint8_t **)(void *)((uint8_t *)run->scratch + s->pointers);
    size_t work = w->channels * d.direct.layout.taps + 1;
    mopt__pool_for(pool, (int64_t)out_pixels(run->conv), (int64_t)((1 << 16) / work) + 1,
                   run_pixels, &d);
}

void mopt__conv2d_u8(const struct mopt_kernels *kernels, const struct mopt_conv2d_u8_run *run,
                     struct mopt_pool *pool)
{
    struct scratch s;
    if (run->form == MOPT_CONV_POINTWISE) {
        run_pointwise(kernels, run, pool);
        return;
    }
    (void)scratch_of(kernels, run->conv, run->form, (size_t)mopt__pool_size(pool), &s);
    if (run->form == MOPT_CONV_DEPTHWISE) {
        run_depthwise(kernels, run, &s, pool);
    } else {
        memset(run->scratch, run->x_zero_point, s.copy);
        run_direct(kernels, run, &s, pool);
    }
}
