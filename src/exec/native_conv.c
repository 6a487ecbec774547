// SPDX-License-Identifier: Apache-2.0
// Convolutions as native actions, in float and in bytes, channels innermost.
#include <math.h>
#include <string.h>

#include "exec/bands.h"
#include "exec/lower.h"
#include "exec/native.h"
#include "kernels/int8.h"
#include "ops/conv_common.h"

// Geometry of a Conv node with up to two spatial axes, of a ConvInteger or QLinearConv with three.
static bool geometry(const struct mopt_lower *l, const struct mopt_node *node,
                     struct mopt_conv2d *conv)
{
    bool linear = mopt__low_is(node, "", "QLinearConv");
    bool codes = linear || mopt__low_is(node, "", "ConvInteger");
    struct mopt_low_shape x;
    struct mopt_low_shape w;
    struct mopt_low_shape y;
    struct mopt_conv c;
    struct mopt_error ignored = {0};
    size_t batch;
    size_t channels;
    size_t pixels;
    if (!mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, mopt__node_input(node, linear ? 3 : 1), &w) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) ||
        (!codes && (x.dtype != MOPT_FLOAT32 || w.dtype != MOPT_FLOAT32)) ||
        x.rank > (codes ? 5 : 4) || !mopt__low_volume(&x, &batch, &channels, &pixels) ||
        mopt__conv_open(node, x.rank, x.dims, w.rank, w.dims, &c, &ignored) != MOPT_OK) {
        return false;
    }
    for (int a = 0; a < c.w.rank; a++) {
        if (c.w.begin[a] < 0) {
            return false;
        }
    }
    *conv = (struct mopt_conv2d){.strict = l->session->options.strict_fp,
                                 .groups = (size_t)c.groups,
                                 .out_channels = (size_t)(c.groups * c.out_channels)};
    mopt__low_window(&c.w, batch, channels, &conv->window);
    if (c.w.rank == 3) {
        conv->planes = (struct mopt_planes){.in = (size_t)c.w.in[0],
                                            .out = (size_t)c.w.out[0],
                                            .kernel = (size_t)c.w.kernel[0],
                                            .stride = (size_t)c.w.stride[0],
                                            .dilation = (size_t)c.w.dilation[0],
                                            .pad = (size_t)c.w.begin[0]};
    }
    return !mopt__conv_is_endless(&c);
}

bool mopt__low_takes_conv(const struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_conv2d conv;
    return geometry(l, node, &conv) && mopt__low_has_weights(l, mopt__node_input(node, 1)) &&
           mopt__low_has_bias(l, mopt__node_input(node, 2), conv.out_channels);
}

bool mopt__low_takes_window(const struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_conv2d conv;
    return geometry(l, node, &conv);
}

// ---- Float --------------------------------------------------------------------------------------------------------

// Taps of one axis that meet the image anywhere: `count` from `first` on of `all`.
struct taps {
    size_t first, count, all;
};

struct conv_work {
    struct mopt_conv2d conv; // of the taps that are left
    enum mopt_conv_form form;
    const void *w;
    struct mopt_finish finish; // residual is set when it runs
    size_t ldx, ldy;
    uint32_t x, y, residual; // residual: MOPT_NO_CELL = none
    struct taps rows, columns;
};

// One axis of a window.
struct axis {
    size_t in, out, stride, dilation, pad;
};

// Some position of the result has pixels under this tap.
static bool meets(const struct axis *a, size_t tap)
{
    const size_t first = tap * a->dilation, last = first + (a->out - 1) * a->stride;
    if (last < a->pad || first >= a->pad + a->in) {
        return false;
    }
    // The first position that is not above the image.
    const size_t above = first < a->pad ? a->pad - first : 0;
    return first + (above + a->stride - 1) / a->stride * a->stride < a->pad + a->in;
}

// The taps in front and behind that only meet padding are left out: all but one where dilated
// windows are larger than the image.
static struct taps find_taps(const struct axis *a, size_t all)
{
    struct taps taps = {.first = 0, .count = all, .all = all};
    while (taps.count > 1 && !meets(a, taps.first) && (taps.first + 1) * a->dilation <= a->pad) {
        taps.first++;
        taps.count--;
    }
    while (taps.count > 1 && !meets(a, taps.first + taps.count - 1)) {
        taps.count--;
    }
    return taps;
}

static void leave_out(struct conv_work *c)
{
    struct mopt_window2d *w = &c->conv.window;
    const struct axis down = {w->in_h, w->out_h, w->stride_h, w->dilation_h, w->pad_top};
    const struct axis across = {w->in_w, w->out_w, w->stride_w, w->dilation_w, w->pad_left};
    c->rows = find_taps(&down, w->kernel_h);
    c->columns = find_taps(&across, w->kernel_w);
    w->kernel_h = c->rows.count;
    w->kernel_w = c->columns.count;
    w->pad_top -= c->rows.first * w->dilation_h;
    w->pad_left -= c->columns.first * w->dilation_w;
}

static bool leaves_out(const struct conv_work *c)
{
    return c->rows.count < c->rows.all || c->columns.count < c->columns.all;
}

// The convolution of some rows alone.
static struct mopt_conv2d rows_of(const struct mopt_conv2d *conv, const struct mopt_band *band)
{
    struct mopt_conv2d some = *conv;
    const size_t top = band->first * conv->window.stride_h; // in the padded image
    some.window.batch = 1;
    some.window.in_h = band->in_rows;
    some.window.out_h = band->rows;
    some.window.pad_top = band->in_first + conv->window.pad_top - top;
    return some;
}

// Rows of the result, or all of it: then only x, y and scratch of the band count.
static void run_part(const struct conv_work *c, const struct mopt_conv2d *conv,
                     const struct mopt_band *band, const struct mopt_frame *frame,
                     struct mopt_pool *pool)
{
    const struct mopt_window2d *w = &c->conv.window;
    struct mopt_conv2d_run run = {.conv = conv,
                                  .form = c->form,
                                  .x = band->x,
                                  .ldx = c->ldx,
                                  .w = c->w,
                                  .y = band->y,
                                  .ldy = c->ldy,
                                  .epilogue = c->finish,
                                  .scratch = band->scratch};
    if (c->residual != MOPT_NO_CELL) {
        const float *residual = frame->data[c->residual];
        run.epilogue.residual =
            residual + (band->image * w->out_h + band->first) * w->out_w * c->finish.residual_ld;
    }
    mopt__conv2d_f32(frame->kernels, &run, pool);
}

static void run_conv(const void *work, const struct mopt_frame *frame)
{
    const struct conv_work *c = work;
    const struct mopt_band whole = {.x = frame->data[c->x],
                                    .y = frame->data[c->y],
                                    .scratch = frame->scratch};
    run_part(c, &c->conv, &whole, frame, frame->pool);
}

static void run_rows(const void *work, const struct mopt_frame *frame, const struct mopt_band *band)
{
    const struct conv_work *c = work;
    const struct mopt_conv2d some = rows_of(&c->conv, band);
    run_part(c, &some, band, frame, NULL);
}

// Winograd's tiles would begin elsewhere, and strips are no rows.
static enum mopt_status note_banded(struct mopt_lower *l, const struct conv_work *c)
{
    const struct mopt_window2d *w = &c->conv.window;
    const bool rows = c->form == MOPT_CONV_POINTWISE || c->form == MOPT_CONV_DEPTHWISE ||
                      c->form == MOPT_CONV_DIRECT;
    if (!rows || c->conv.weights != MOPT_WEIGHTS_F32 || c->conv.planes.kernel > 0) {
        return MOPT_OK;
    }
    return mopt__low_banded(l,
                            &(struct mopt_banded){.run = run_rows,
                                                  .window = w,
                                                  .x = c->x,
                                                  .y = c->y,
                                                  .in_line = w->in_w * c->ldx * sizeof(float),
                                                  .out_line = w->out_w * c->ldy * sizeof(float),
                                                  .scratch =
                                                      mopt__conv2d_scratch(&l->session->kernels,
                                                                           &c->conv, c->form, 1)});
}

static uint64_t geometry_hash(const struct mopt_conv2d *conv, uint64_t salt)
{
    const struct mopt_window2d *w = &conv->window;
    const size_t numbers[] = {w->channels,           w->kernel_h,        w->kernel_w,
                              w->stride_h,           w->stride_w,        w->dilation_h,
                              w->dilation_w,         conv->groups,       conv->out_channels,
                              (size_t)conv->weights, conv->planes.kernel};
    return mopt__hash_mix(mopt__hash_bytes(numbers, sizeof numbers), salt);
}

// The weights with what follows them folded in are a block, the bias of c is replaced; NULL: the
// weights are as they were.
static enum mopt_status fold_affine(struct mopt_lower *l, const struct mopt_group *group,
                                    const struct mopt_low_source *source, struct conv_work *c,
                                    size_t count, void **block)
{
    const float *w = NULL;
    const float *factor = NULL;
    size_t n = c->conv.out_channels;
    bool made = false;
    enum mopt_status status = mopt__low_fold_affine(l, group, n, &c->finish.bias, &factor);
    if (status == MOPT_OK && factor != NULL) {
        uint64_t variant = mopt__low_affine_variant(group, mopt__hash_mix(source->variant, 5));
        status = mopt__low_packed(l, source->tensor, variant, count * sizeof(float), block, &made);
    }
    if (status == MOPT_OK && made) {
        status = mopt__low_weight_floats(l, source, &w);
    }
    size_t channel = n > 0 && count > n ? count / n : 1; // weights of one
    for (size_t i = 0; w != NULL && factor != NULL && i < count; i++) {
        ((float *)*block)[i] = w[i] * factor[i / channel];
    }
    return status;
}

// Packs w[out channels, channels, all rows, all columns] into the block that was made last.
static enum mopt_status pack_taps(struct mopt_lower *l, const struct conv_work *c, const float *w,
                                  void *block)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    if (!leaves_out(c)) {
        mopt__conv2d_pack(kernels, &c->conv, c->form, w, block);
        return MOPT_OK;
    }
    const size_t matrices = c->conv.out_channels * (c->conv.window.channels / c->conv.groups);
    const size_t across = c->columns.count;
    float *left = mopt__malloc(matrices * c->rows.count * across * sizeof *left);
    if (left == NULL) {
        mopt__low_unmade(l);
        return mopt_error_memory(l->err);
    }
    float *to = left;
    for (size_t i = 0; i < matrices; i++, w += c->rows.all * c->columns.all) {
        for (size_t r = 0; r < c->rows.count; r++, to += across) {
            memcpy(to, w + (c->rows.first + r) * c->columns.all + c->columns.first,
                   across * sizeof *to);
        }
    }
    mopt__conv2d_pack(kernels, &c->conv, c->form, left, block);
    mopt__free(left);
    return MOPT_OK;
}

// Much of a dilated window is outside of a small image.
static bool may_skip_padding(const struct conv_work *c, const float *packed, size_t count)
{
    const struct mopt_window2d *w = &c->conv.window;
    if (c->form != MOPT_CONV_DIRECT || c->conv.strict || w->dilation_h * w->dilation_w == 1 ||
        c->conv.weights != MOPT_WEIGHTS_F32) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(packed[i])) {
            return false;
        }
    }
    return true;
}

static enum mopt_status pack_conv(struct mopt_lower *l, const struct mopt_group *group,
                                  struct conv_work *c)
{
    const struct mopt_node *node = group->anchor;
    uint64_t salt = 16 + (uint64_t)c->form;
    const struct mopt_kernels *kernels = &l->session->kernels;
    struct mopt_low_source source;
    void *block = NULL;
    void *folded = NULL;
    bool made = false;
    size_t bytes = 0;
    enum mopt_status status = mopt__low_weights(l, mopt__node_input(node, 1), &source);
    salt = mopt__hash_mix(salt, source.variant);
    if (leaves_out(c)) {
        salt = mopt__hash_mix(salt, c->rows.first);
        salt = mopt__hash_mix(salt, c->columns.first);
    }
    if (status == MOPT_OK && group->affine_count > 0) {
        struct mopt_low_shape shape;
        mopt__low_shape(l, mopt__node_input(node, 1), &shape);
        status = fold_affine(l, group, &source, c, shape.count, &folded);
        salt = folded != NULL ? mopt__low_affine_variant(group, salt) : salt;
    }
    if (status == MOPT_OK) {
        bytes = mopt__conv2d_packed_bytes(kernels, &c->conv, c->form);
        // The size of the image may change how a form packs, but then the bytes tell.
        salt = mopt__hash_mix(salt, (uint64_t)bytes);
        status =
            mopt__low_packed(l, source.tensor, geometry_hash(&c->conv, salt), bytes, &block, &made);
    }
    const float *w = folded;
    if (status == MOPT_OK && made && folded == NULL) {
        status = mopt__low_weight_floats(l, &source, &w);
    }
    if (status == MOPT_OK && made) {
        status = pack_taps(l, c, w, block);
    }
    c->w = block;
    c->conv.finite = status == MOPT_OK && may_skip_padding(c, block, bytes / sizeof(float));
    return status;
}

// Where the images lie, which the choice of the form asks for.
static enum mopt_status conv_cells(struct mopt_lower *l, const struct mopt_group *group,
                                   struct conv_work *c)
{
    enum mopt_status status =
        mopt__low_image_cell(l, mopt__node_input(group->anchor, 0), &c->x, &c->ldx);
    c->residual = MOPT_NO_CELL;
    if (status == MOPT_OK && group->residual != NULL) {
        status = mopt__low_image_cell(l, group->residual, &c->residual, &c->finish.residual_ld);
        c->conv.residual_apart = c->finish.residual_ld != c->conv.out_channels;
    }
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, group->out, &c->y, &c->ldy);
    }
    c->conv.apart = c->ldy != c->conv.out_channels;
    return status;
}

// What is folded into the bias can be much larger than the products: sums that begin with it would
// be rounded as it is, each time. So it is added at the end, as a residual that has one row.
static void add_bias_last(const struct mopt_group *group, struct conv_work *c)
{
    if (group->affine_count > 0 && c->residual == MOPT_NO_CELL && c->form != MOPT_CONV_STRIPS) {
        c->finish.residual = c->finish.bias;
        c->finish.residual_ld = 0;
        c->finish.residual_first = true;
        c->finish.bias = NULL;
    }
}

enum mopt_status mopt__low_conv(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_node *node = group->anchor;
    struct conv_work *c = mopt__low_work(l, sizeof *c);
    if (c == NULL) {
        return MOPT_E_MEMORY;
    }
    geometry(l, node, &c->conv);
    leave_out(c);
    c->finish.act = group->act;
    c->finish.after = group->after;
    c->finish.residual_first = group->residual_first;
    enum mopt_status status = conv_cells(l, group, c);
    c->form = l->session->options.bf16 ? mopt__conv2d_rounded(&l->session->kernels, &c->conv)
                                       : mopt__conv2d_form(&l->session->kernels, &c->conv);
    if (status == MOPT_OK && mopt__node_input(node, 2) != NULL) {
        status = mopt__low_floats(l, mopt__node_input(node, 2), &c->finish.bias, NULL);
    }
    if (status == MOPT_OK) {
        status = pack_conv(l, group, c);
    }
    add_bias_last(group, c);
    mopt__low_scratch(l, mopt__conv2d_scratch(&l->session->kernels, &c->conv, c->form,
                                              mopt__pool_size(l->session->pool)));
    uint32_t cells[] = {c->x, c->y, c->residual};
    if (status == MOPT_OK) {
        status = mopt__low_emit(l, run_conv, c, cells, c->residual != MOPT_NO_CELL ? 3 : 2);
    }
    return status == MOPT_OK ? note_banded(l, c) : status;
}

// ---- Bytes --------------------------------------------------------------------------------------------------------

// Codes of weights as the kernels take them.
struct codes {
    struct mopt_low_columns columns; // no bias
    uint64_t variant;                // which codes of the constant these are
};

// Zero points of groups are subtracted; others stay.
static enum mopt_status subtract_zeros(struct mopt_lower *l, const struct mopt_tensor *id,
                                       struct mopt_conv2d *conv, struct codes *codes)
{
    struct mopt_low_columns *columns = &codes->columns;
    size_t taps = columns->k / (conv->window.channels / conv->groups); // of one column
    uint32_t *again = mopt__low_work(l, 2 * taps * sizeof *again);
    void *block = NULL;
    bool made = false;
    if (again == NULL) {
        return MOPT_E_MEMORY;
    }
    conv->again_count = mopt__conv2d_u8_again(conv, columns->codes, columns->zero, again);
    conv->again = again;
    columns->k += columns->k / taps * conv->again_count;
    codes->variant = mopt__hash_bytes(columns->zero, columns->n * sizeof *columns->zero);
    enum mopt_status status =
        mopt__low_packed(l, id, geometry_hash(conv, mopt__hash_mix(codes->variant, 3)),
                         columns->n * columns->k, &block, &made);
    if (status == MOPT_OK && made) {
        mopt__conv2d_u8_subtract(conv, columns->codes, columns->zero, block);
    }
    columns->codes = block;
    columns->column_step = columns->k;
    columns->zero = NULL;
    return status;
}

static enum mopt_status open_codes(struct mopt_lower *l, const struct mopt_low_quant *w,
                                   struct mopt_conv2d *conv, struct codes *codes)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, w->codes);
    size_t n = conv->out_channels;
    struct mopt_low_columns *columns = &codes->columns;
    *columns = (struct mopt_low_columns){.k = constant->count / n,
                                         .n = n,
                                         .row_step = 1,
                                         .column_step = constant->count / n};
    enum mopt_status status = mopt__low_signed(l, w, &columns->codes);
    if (status == MOPT_OK) {
        status = mopt__low_zeros(l, w, n, &columns->zero);
    }
    codes->variant = 0;
    return status == MOPT_OK && conv->groups > 1 && columns->zero != NULL
               ? subtract_zeros(l, constant, conv, codes)
               : status;
}

struct conv_bytes_work {
    struct mopt_conv2d conv;
    enum mopt_conv_form form;
    const int8_t *w;
    const int32_t *w_zero;
    int32_t x_zero;
    struct mopt_requantize out;
    bool codes;
    uint32_t x, y;
};

static void run_conv_bytes(const void *work, const struct mopt_frame *frame)
{
    const struct conv_bytes_work *c = work;
    struct mopt_conv2d_u8_run run = {.conv = &c->conv,
                                     .form = c->form,
                                     .x = frame->data[c->x],
                                     .ldx = c->conv.window.channels,
                                     .x_zero_point = c->x_zero,
                                     .w = c->w,
                                     .w_zero = c->w_zero,
                                     .out = c->out,
                                     .ldy = c->conv.out_channels,
                                     .scratch = frame->scratch};
    *(c->codes ? (void **)&run.c8 : (void **)&run.cf) = frame->data[c->y];
    mopt__conv2d_u8(frame->kernels, &run, frame->pool);
}

static enum mopt_status pack_codes(struct mopt_lower *l, const struct mopt_tensor *id,
                                   const struct mopt_conv2d *conv, enum mopt_conv_form form,
                                   const struct codes *codes, const int8_t **out)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    void *block = NULL;
    bool made = false;
    uint64_t salt = mopt__hash_mix(codes->variant, 32 + (uint64_t)form);
    enum mopt_status status =
        mopt__low_packed(l, id, geometry_hash(conv, salt),
                         mopt__conv2d_u8_packed_bytes(kernels, conv, form), &block, &made);
    if (status == MOPT_OK && made) {
        mopt__conv2d_u8_pack(kernels, conv, form, codes->columns.codes, block);
    }
    *out = block;
    return status;
}

static enum mopt_status pack_conv_bytes(struct mopt_lower *l, const struct mopt_group *group,
                                        struct conv_bytes_work *c)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, group->w.codes);
    struct codes codes;
    enum mopt_status status = open_codes(l, &group->w, &c->conv, &codes);
    if (status == MOPT_OK) {
        status = pack_codes(l, constant, &c->conv, c->form, &codes, &c->w);
    }
    c->w_zero = codes.columns.zero;
    codes.columns.bias =
        mopt__low_is(group->anchor, "", "Conv") ? mopt__node_input(group->anchor, 2) : NULL;
    return status == MOPT_OK ? mopt__low_requantize(l, group, &codes.columns, &c->out) : status;
}

enum mopt_status mopt__low_conv_bytes(struct mopt_lower *l, const struct mopt_group *group)
{
    struct conv_bytes_work *c = mopt__low_work(l, sizeof *c);
    if (c == NULL) {
        return MOPT_E_MEMORY;
    }
    geometry(l, group->anchor, &c->conv);
    c->form = mopt__conv2d_u8_form(&c->conv);
    c->x_zero = mopt__low_zero(&group->x, 0);
    c->codes = group->out_codes;
    enum mopt_status status = pack_conv_bytes(l, group, c);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, group->x.codes, MOPT_FORM_BYTES_NHWC, &c->x);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, c->codes ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_NHWC,
                                  &c->y);
    }
    mopt__low_scratch(l, mopt__conv2d_u8_scratch(&l->session->kernels, &c->conv, c->form,
                                                 mopt__pool_size(l->session->pool)));
    uint32_t cells[] = {c->x, c->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_conv_bytes, c, cells, 2) : status;
}

// ---- Sums ---------------------------------------------------------------------------------------------------------

struct conv_sums_work {
    struct mopt_conv2d conv;
    enum mopt_conv_form form;
    const int8_t *w;
    const int32_t *w_zero;
    size_t count; // elements of y
    struct mopt_low_sums sums;
    struct mopt_requantize out;
    uint32_t x, y, residual;
};

static void run_conv_sums(const void *work, const struct mopt_frame *frame)
{
    const struct conv_sums_work *c = work;
    struct mopt_conv2d_u8_run run = {.conv = &c->conv,
                                     .form = c->form,
                                     .x = frame->data[c->x],
                                     .ldx = c->conv.window.channels,
                                     .x_zero_point = mopt__low_sums_start(&c->sums, frame),
                                     .w = c->w,
                                     .w_zero = c->w_zero,
                                     .out = c->out,
                                     .ldy = c->conv.out_channels,
                                     .scratch = frame->scratch};
    *(c->sums.scale != NULL ? (void **)&run.cf : (void **)&run.c32) = frame->data[c->y];
    mopt__conv2d_u8(frame->kernels, &run, frame->pool);
    if (c->residual != MOPT_NO_CELL) {
        mopt__low_add_residual(frame, run.cf, frame->data[c->residual], c->count);
    }
}

static enum mopt_status pack_conv_sums(struct mopt_lower *l, const struct mopt_group *group,
                                       struct conv_sums_work *c)
{
    const size_t n = c->conv.out_channels;
    struct mopt_low_quant q;
    struct codes codes;
    if (!mopt__low_sum_weights(l, group->anchor, n, &q)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "weights of a convolution do not fit");
    }
    enum mopt_status status = open_codes(l, &q, &c->conv, &codes);
    if (status == MOPT_OK) {
        status = pack_codes(l, mopt__low_constant(l, q.codes), &c->conv, c->form, &codes, &c->w);
    }
    if (status == MOPT_OK) {
        status = mopt__low_sums(l, group, n, &c->sums);
    }
    if (status == MOPT_OK) {
        const struct mopt_low_columns *w = &codes.columns;
        mopt__fold_zero_point(w->k, n, w->codes, 1, w->k, NULL, -1, w->zero, c->sums.totals);
    }
    c->w_zero = codes.columns.zero;
    c->out =
        (struct mopt_requantize){.start = c->sums.start, .scale = c->sums.scale, .act = group->act};
    if (group->bias != NULL) {
        c->out.float_bias = mopt__low_constant(l, group->bias)->data;
    }
    return status;
}

enum mopt_status mopt__low_conv_sums(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_node *node = group->anchor;
    struct conv_sums_work *c = mopt__low_work(l, sizeof *c);
    struct mopt_low_shape out;
    if (c == NULL) {
        return MOPT_E_MEMORY;
    }
    if (!geometry(l, node, &c->conv) || !mopt__low_shape(l, group->out, &out)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "shapes of a convolution do not fit");
    }
    c->form = mopt__conv2d_u8_form(&c->conv);
    c->count = out.count;
    c->residual = MOPT_NO_CELL;
    enum mopt_status status = pack_conv_sums(l, group, c);
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, mopt__node_input(node, 0), MOPT_FORM_BYTES_NHWC, &c->x);
    }
    if (status == MOPT_OK && group->residual != NULL) {
        status = mopt__low_cell(l, group->residual, MOPT_FORM_NHWC, &c->residual);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, group->out, MOPT_FORM_NHWC, &c->y);
    }
    mopt__low_scratch(l, mopt__conv2d_u8_scratch(&l->session->kernels, &c->conv, c->form,
                                                 mopt__pool_size(l->session->pool)));
    uint32_t cells[3 + MOPT_SUMS_CELLS] = {c->x, c->y, c->residual};
    uint32_t count = mopt__low_sums_cells(&c->sums, cells, c->residual != MOPT_NO_CELL ? 3 : 2);
    return status == MOPT_OK ? mopt__low_emit(l, run_conv_sums, c, cells, count) : status;
}
