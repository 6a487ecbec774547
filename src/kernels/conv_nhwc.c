// SPDX-License-Identifier: Apache-2.0
// Front of the float convolution: choice of the form, and the call of it.
#include "kernels/conv_nhwc_inner.h"
#include "kernels/gemm_rounded.h"

static bool is_pointwise(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    return conv->groups == 1 && w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 &&
           w->stride_w == 1 && w->pad_top == 0 && w->pad_left == 0 && w->out_h == w->in_h &&
           w->out_w == w->in_w;
}

static bool is_depthwise(const struct mopt_conv2d *conv)
{
    return conv->groups > 1 && conv->groups == conv->window.channels &&
           conv->groups == conv->out_channels;
}

static bool is_winograd(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    return !conv->strict && conv->groups == 1 && w->kernel_h == 3 && w->kernel_w == 3 &&
           w->stride_h == 1 && w->stride_w == 1 && w->dilation_h == 1 && w->dilation_w == 1 &&
           w->channels >= 16 && conv->out_channels >= 16;
}

static double parts(size_t n, size_t part)
{
    size_t count = (n + part - 1) / part;
    return (double)count;
}

// Time of a form as measured on a server core with AVX-512 and 2 MB of second cache, in cycles: two
// vectors of 16 multiply-adds in one, of which 0.95 are reached; weights that are not in the second
// cache at 7 bytes, while something is computed; other layers take room in the cache, too. The same
// rule everywhere, so that results do not depend on the machine's choice.

// vectors: of weights, each for `rows` rows.
static double sums_cost(double vectors, double rows)
{
    return vectors * (rows < 4 ? 4.4 : rows + 0.4) / 2 / 0.95;
}

static double reading_cost(double bytes)
{
    return bytes > 4e5 ? bytes / 7 : 0;
}

static double longer(double a, double b)
{
    return a > b ? a : b;
}

// The pointwise and the direct form, in floats.
static double plain_cost(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    double rows = (double)mopt__window_pixels(w), taps = (double)mopt__window_taps(w);
    double outputs = (double)conv->groups * parts(conv->out_channels / conv->groups, 16);
    size_t channels = w->channels / conv->groups;
    double vectors = taps * (double)channels * outputs;
    return longer(sums_cost(vectors, rows), reading_cost(64 * vectors));
}

// The same in blocks, with AVX-512-VNNI: a vector multiplies twice as many; 3 cycles for a block
// of a vector of sums besides; 35 for each block of a pixel, and a fifth for each channel of it.
static double blocks_cost(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    size_t channels = w->channels / conv->groups;
    struct mopt_rounding blocks = mopt__rounding_of(kernels, MOPT_WEIGHTS_BLOCKS, channels);
    double rows = (double)mopt__window_pixels(w), taps = (double)mopt__window_taps(w);
    double outputs = (double)conv->groups * parts(conv->out_channels / conv->groups, 16);
    double vectors = taps * (double)blocks.units * outputs;
    double sums = sums_cost(vectors, rows);
    double inputs = (double)mopt__conv_direct_rounded(w) * (double)conv->groups;
    double count = parts(channels, MOPT_BLOCK_LENGTH); // of a group of a pixel
    sums += taps * outputs * count * rows * 3;
    sums += inputs * (35 * count + 0.2 * (double)channels);
    return longer(sums, reading_cost(64 * vectors));
}

// Winograd: 1.4 for a vector of a frequency of the weights on its way in, 7 for a vector of a tile
// on its way in, 6 on its way out, 3 for a row of a product besides. t: width of an input tile, 3
// for the direct form.
static double cost(const struct mopt_conv2d *conv, size_t t)
{
    const struct mopt_window2d *w = &conv->window;
    if (t == 3) {
        return plain_cost(conv);
    }
    size_t size = t - 2;
    size_t down = (w->out_h + size - 1) / size, across = (w->out_w + size - 1) / size;
    double tiles = (double)(w->batch * down * across), taps = (double)(t * t);
    double inputs = parts(w->channels, 16), outputs = parts(conv->out_channels, 16);
    double vectors = taps * (double)w->channels * outputs; // of weights
    bool half = !(t == 6 && tiles <= MOPT_WINOGRAD_FEW);   // as they are packed
    double sums = sums_cost(vectors, tiles);
    sums += vectors * 1.4 + taps * outputs * tiles * parts(w->channels, 32) * 1.5;
    return longer(sums, reading_cost(64 * vectors / taps * (half ? 3 * (double)t : 9))) +
           taps * tiles * (inputs * 7 + outputs * 6);
}

enum mopt_conv_form mopt__conv2d_form(const struct mopt_kernels *kernels,
                                      const struct mopt_conv2d *conv)
{
    (void)kernels;
    if (is_pointwise(conv)) {
        return MOPT_CONV_POINTWISE;
    }
    if (is_depthwise(conv)) {
        return MOPT_CONV_DEPTHWISE;
    }
    if (!is_winograd(conv)) {
        return mopt__conv_strip(conv) > 1 ? MOPT_CONV_STRIPS : MOPT_CONV_DIRECT;
    }
    double direct = cost(conv, 3), two = cost(conv, 4), four = cost(conv, 6);
    if (direct <= two && direct <= four) {
        return MOPT_CONV_DIRECT;
    }
    return four <= two ? MOPT_CONV_WINOGRAD4 : MOPT_CONV_WINOGRAD2;
}

// Without blocks reading the weights must be most of the work for 16 bits to be faster.
static bool is_read(const struct mopt_conv2d *conv)
{
    enum { ROWS = 4, ROWS_MANY_WEIGHTS = 32, MANY_WEIGHTS = 1 << 19 };
    const struct mopt_window2d *w = &conv->window;
    size_t rows = mopt__window_pixels(w);
    size_t weights = mopt__window_taps(w) * w->channels / conv->groups * conv->out_channels;
    return rows <= ROWS || (rows <= ROWS_MANY_WEIGHTS && weights > MANY_WEIGHTS);
}

enum mopt_conv_form mopt__conv2d_rounded(const struct mopt_kernels *kernels,
                                         struct mopt_conv2d *conv)
{
    const double worth = 1.1; // less of a gain is not worth rounding for
    enum mopt_conv_form form = mopt__conv2d_form(kernels, conv);
    bool pointwise = form == MOPT_CONV_POINTWISE, plain = pointwise || form == MOPT_CONV_DIRECT;
    conv->weights = MOPT_WEIGHTS_F32;
    if (form == MOPT_CONV_DEPTHWISE || form == MOPT_CONV_STRIPS) {
        return form;
    }
    if (kernels->rounded == MOPT_WEIGHTS_BF16) {
        conv->weights = plain && is_read(conv) ? MOPT_WEIGHTS_BF16 : MOPT_WEIGHTS_F32;
        return form;
    }
    double floats = plain ? plain_cost(conv) : cost(conv, form == MOPT_CONV_WINOGRAD4 ? 6 : 4);
    if (blocks_cost(kernels, conv) * worth >= floats) {
        return form;
    }
    conv->weights = pointwise ? kernels->rounded : MOPT_WEIGHTS_BLOCKS;
    return pointwise ? form : MOPT_CONV_DIRECT;
}

size_t mopt__conv2d_packed_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 enum mopt_conv_form form)
{
    switch (form) {
    case MOPT_CONV_POINTWISE:
        return mopt__packed_bytes(kernels, conv->weights, conv->window.channels,
                                  conv->out_channels);
    case MOPT_CONV_DEPTHWISE:
        return mopt__conv_depthwise_count(conv) * sizeof(float);
    case MOPT_CONV_WINOGRAD4:
        return mopt__conv_winograd_count(kernels, conv, 6) * sizeof(float);
    case MOPT_CONV_WINOGRAD2:
        return mopt__conv_winograd_count(kernels, conv, 4) * sizeof(float);
    case MOPT_CONV_STRIPS:
        return mopt__conv_strips_bytes(kernels, conv);
    default:
        return mopt__conv_direct_bytes(kernels, conv);
    }
}

void mopt__conv2d_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                       enum mopt_conv_form form, const float *w, void *out)
{
    switch (form) {
    case MOPT_CONV_POINTWISE:
        mopt__pack_weights(kernels, conv->weights, conv->window.channels, conv->out_channels, w, 1,
                           conv->window.channels, out);
        break;
    case MOPT_CONV_DEPTHWISE:
        mopt__conv_depthwise_pack(conv, w, out);
        break;
    case MOPT_CONV_WINOGRAD4:
        mopt__conv_winograd_pack(kernels, conv, 6, w, out);
        break;
    case MOPT_CONV_WINOGRAD2:
        mopt__conv_winograd_pack(kernels, conv, 4, w, out);
        break;
    case MOPT_CONV_STRIPS:
        mopt__conv_strips_pack(kernels, conv, w, out);
        break;
    default:
        mopt__conv_direct_pack(kernels, conv, w, out);
        break;
    }
}

size_t mopt__conv2d_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            enum mopt_conv_form form, int threads)
{
    switch (form) {
    case MOPT_CONV_POINTWISE:
        return mopt__gemm_f32_scratch(conv->weights, mopt__window_pixels(&conv->window),
                                      conv->window.channels);
    case MOPT_CONV_DEPTHWISE:
        return mopt__conv_depthwise_scratch(conv, threads);
    case MOPT_CONV_WINOGRAD4:
        return mopt__conv_winograd_scratch(kernels, conv, 6, threads);
    case MOPT_CONV_WINOGRAD2:
        return mopt__conv_winograd_scratch(kernels, conv, 4, threads);
    case MOPT_CONV_STRIPS:
        return mopt__conv_strips_scratch(kernels, conv, threads);
    default:
        return mopt__conv_direct_scratch(kernels, conv, threads);
    }
}

static void run_pointwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                          struct mopt_pool *pool)
{
    struct mopt_gemm_f32 gemm = {
        .m = mopt__window_pixels(&run->conv->window),
        .n = run->conv->out_channels,
        .k = run->conv->window.channels,
        .a = run->x,
        .lda = run->ldx,
        .b = run->w,
        .weights = run->conv->weights,
        .c = run->y,
        .ldc = run->ldy,
        .epilogue = run->epilogue,
        .scratch = run->scratch,
    };
    mopt__gemm_f32(kernels, &gemm, pool);
}

void mopt__conv2d_f32(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                      struct mopt_pool *pool)
{
    if (mopt__window_pixels(&run->conv->window) == 0) {
        return;
    }
    switch (run->form) {
    case MOPT_CONV_POINTWISE:
        run_pointwise(kernels, run, pool);
        break;
    case MOPT_CONV_DEPTHWISE:
        mopt__conv_depthwise(kernels, run, pool);
        break;
    case MOPT_CONV_WINOGRAD4:
        mopt__conv_winograd(kernels, run, 6, pool);
        break;
    case MOPT_CONV_WINOGRAD2:
        mopt__conv_winograd(kernels, run, 4, pool);
        break;
    case MOPT_CONV_STRIPS:
        mopt__conv_strips(kernels, run, pool);
        break;
    default:
        mopt__conv_direct(kernels, run, pool);
        break;
    }
}
