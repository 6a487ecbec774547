// SPDX-License-Identifier: Apache-2.0
// Front of the float convolution: choice of the form, and the call of it.
#include "kernels/conv_nhwc_inner.h"

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
// cache at 7 bytes, while something is computed. Winograd: 1.4 for a vector of a frequency of the
// weights on its way in, 7 for a vector of a tile on its way in, 6 on its way out, 3 for a row of
// a product besides. t: width of an input tile, 3 for the direct form. The same rule everywhere, so
// that results do not depend on the machine's choice.
static double cost(const struct mopt_conv2d *conv, size_t t)
{
    const struct mopt_window2d *w = &conv->window;
    size_t size = t - 2;
    size_t down = (w->out_h + size - 1) / size, across = (w->out_w + size - 1) / size;
    double tiles = (double)(w->batch * down * across), taps = (double)(t * t);
    double inputs = parts(w->channels, 16), outputs = parts(conv->out_channels, 16);
    double vectors = taps * (double)w->channels * outputs; // of weights
    double sums = vectors * (tiles < 4 ? 4.4 : tiles + 0.4) / 2 / 0.95;
    bool half = t > 3 && !(t == 6 && tiles <= MOPT_WINOGRAD_FEW); // as they are packed
    double bytes = 64 * vectors / taps * (half ? 3 * (double)t : 9);
    double reading = bytes > 4e5 ? bytes / 7 : 0; // other layers take room in the cache, too
    if (t == 3) {
        return sums > reading ? sums : reading;
    }
    sums += vectors * 1.4 + taps * outputs * tiles * parts(w->channels, 32) * 1.5;
    return (sums > reading ? sums : reading) + taps * tiles * (inputs * 7 + outputs * 6);
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
        return MOPT_CONV_DIRECT;
    }
    double direct = cost(conv, 3), two = cost(conv, 4), four = cost(conv, 6);
    if (direct <= two && direct <= four) {
        return MOPT_CONV_DIRECT;
    }
    return four <= two ? MOPT_CONV_WINOGRAD4 : MOPT_CONV_WINOGRAD2;
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
    default:
        mopt__conv_direct(kernels, run, pool);
        break;
    }
}
