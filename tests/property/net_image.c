// SPDX-License-Identifier: Apache-2.0
// Makers of nodes on images [N,C,L] and [N,C,H,W].
#include <string.h>

#include "property/net_image.h"

enum { WEIGHT_ELEMENTS_MAX = 60000 };

bool net_is_image(const struct shape *shape)
{
    return shape->type == NET_FLOAT && shape->rank >= 3 && shape->rank <= 4 &&
           net_elements(shape) > 0;
}

// ---- Windows ------------------------------------------------------------------------------------

struct window {
    int axes;
    int64_t kernel[2], stride[2], dilation[2], pads[4];
    const char *auto_pad; // NULL: pads
    bool ceil_mode;
};

static int64_t window_extent(const struct window *w, int axis)
{
    return w->dilation[axis] * (w->kernel[axis] - 1) + 1;
}

// Sizes of the result; false when the window does not fit.
static bool slide(const struct window *w, struct shape *shape)
{
    for (int i = 0; i < w->axes; i++) {
        int64_t *size = &shape->dims[2 + i];
        int64_t pads = w->pads[i] + w->pads[i + w->axes];
        if (w->auto_pad != NULL && strcmp(w->auto_pad, "VALID") != 0) {
            *size = (*size + w->stride[i] - 1) / w->stride[i];
            continue;
        }
        int64_t room = *size + (w->auto_pad == NULL ? pads : 0) - window_extent(w, i);
        if (room < 0) {
            return false;
        }
        int64_t steps = (room + (w->ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i];
        // A window that starts in the padding behind is none.
        steps -= w->ceil_mode && steps * w->stride[i] >= *size + w->pads[i] ? 1 : 0;
        *size = steps + 1;
    }
    return true;
}

static void choose_window(struct net *net, int axes, bool pool, struct window *w)
{
    static const char *const autos[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    *w = (struct window){.axes = axes};
    int64_t kernel = NET_ONE_OF(net, 1, 2, 3, 3, 3, 5);
    bool plain = net_chance(net, 50);
    for (int i = 0; i < axes; i++) {
        w->kernel[i] = plain || net_chance(net, 70) ? kernel : NET_ONE_OF(net, 1, 2, 3, 4);
        w->stride[i] = plain ? 1 : NET_ONE_OF(net, 1, 1, 2, 3);
        w->dilation[i] = plain ? 1 : NET_ONE_OF(net, 1, 1, 1, 2);
        int64_t most = pool ? w->kernel[i] : w->kernel[i] + 1; // a window holds an element
        w->pads[i] = plain ? kernel / 2 : net_below(net, most);
        w->pads[i + axes] = plain ? (kernel - 1) / 2 : net_below(net, most);
    }
    w->auto_pad = !plain && net_chance(net, 20) ? autos[net_below(net, 3)] : NULL;
}

static void window_text(struct net *net, const struct window *w, bool kernel)
{
    if (kernel || net_chance(net, 50)) {
        net_ints_text(net, "kernel_shape", w->kernel, w->axes);
        net_line(net, ", ");
    }
    net_ints_text(net, "strides", w->stride, w->axes);
    net_line(net, ", ");
    net_ints_text(net, "dilations", w->dilation, w->axes);
    net_line(net, ", ");
    if (w->auto_pad != NULL) {
        net_line(net, "auto_pad=\"%s\"", w->auto_pad);
    } else {
        net_ints_text(net, "pads", w->pads, 2 * w->axes);
    }
}

// ---- Convolutions -------------------------------------------------------------------------------

static int64_t choose_channels(struct net *net, int64_t groups)
{
    return groups > 1 ? groups * NET_ONE_OF(net, 1, 1, 2, 3, 5, 8)
                      : NET_ONE_OF(net, 1, 2, 3, 5, 7, 8, 16, 17, 24, 32, 33, 40, 64, 65);
}

static int64_t choose_groups(struct net *net, int64_t channels)
{
    int64_t groups = net_chance(net, 25)   ? channels
                     : net_chance(net, 80) ? 1
                                           : NET_ONE_OF(net, 2, 3, 4);
    return channels % groups == 0 ? groups : 1;
}

static bool conv(struct net *net, int v, const struct window *w, int64_t groups, int64_t channels)
{
    struct shape out = net->values[v];
    struct shape weight = {.rank = out.rank, .dims = {channels, out.dims[1] / groups}};
    for (int i = 0; i < w->axes; i++) {
        weight.dims[2 + i] = w->kernel[i];
    }
    out.dims[1] = channels;
    if (net_elements(&weight) > WEIGHT_ELEMENTS_MAX || channels > CHANNELS_MAX || !slide(w, &out) ||
        net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    struct shape bias = {.rank = 1, .dims = {channels}};
    int k = net_weight(net, &weight, net_elements(&weight) / channels);
    int b = net_chance(net, 50) ? net_weight(net, &bias, 1) : -1;
    net_line(net, "    v%d = Conv<", net->count);
    window_text(net, w, false);
    net_line(net, ", group=%d>(v%d, c%d", (int)groups, v, k);
    if (b >= 0) {
        net_line(net, ", c%d", b);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
    return true;
}

static bool add_conv(struct net *net, int v)
{
    struct window w;
    if (!net_is_image(&net->values[v])) {
        return false;
    }
    int64_t groups = choose_groups(net, net->values[v].dims[1]);
    choose_window(net, net->values[v].rank - 2, false, &w);
    return conv(net, v, &w, groups, choose_channels(net, groups));
}

static bool add_conv_transpose(struct net *net, int v)
{
    struct shape out = net->values[v];
    struct window w;
    int64_t more[2] = {0};
    if (!net_is_image(&out)) {
        return false;
    }
    const int64_t groups = choose_groups(net, out.dims[1]);
    choose_window(net, out.rank - 2, false, &w);
    struct shape weight = {.rank = out.rank, .dims = {out.dims[1], NET_ONE_OF(net, 1, 2, 3, 5, 8)}};
    out.dims[1] = weight.dims[1] * groups;
    for (int i = 0; i < w.axes; i++) {
        w.stride[i] = NET_ONE_OF(net, 1, 2, 2, 3);
        more[i] = net_chance(net, 20) ? w.stride[i] - 1 : 0;
        weight.dims[2 + i] = w.kernel[i];
        out.dims[2 + i] = (out.dims[2 + i] - 1) * w.stride[i] + more[i] + window_extent(&w, i) -
                          w.pads[i] - w.pads[i + w.axes];
        if (out.dims[2 + i] < 1) {
            return false;
        }
    }
    if (out.dims[1] > CHANNELS_MAX || net_elements(&out) > ELEMENTS_MAX ||
        net_elements(&weight) > WEIGHT_ELEMENTS_MAX) {
        return false;
    }
    w.auto_pad = NULL;
    struct shape bias = {.rank = 1, .dims = {out.dims[1]}};
    int k = net_weight(net, &weight, net_elements(&weight) / out.dims[1]);
    int b = net_chance(net, 50) ? net_weight(net, &bias, 1) : -1;
    net_line(net, "    v%d = ConvTranspose<", net->count);
    window_text(net, &w, false);
    net_line(net, ", ");
    net_ints_text(net, "output_padding", more, w.axes);
    net_line(net, ", group=%d>(v%d, c%d", (int)groups, v, k);
    if (b >= 0) {
        net_line(net, ", c%d", b);
    }
    net_line(net, ");\n");
    (void)net_result(net, &out);
    return true;
}

bool net_add_conv_1x1(struct net *net, int v)
{
    struct window w = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    if (!net_is_image(&net->values[v])) {
        return false;
    }
    w.axes = net->values[v].rank - 2;
    return conv(net, v, &w, 1, choose_channels(net, 1));
}

// Two convolutions with one weight, which differ in steps.
static bool add_twins(struct net *net, int v)
{
    struct window w;
    if (!net_is_image(&net->values[v])) {
        return false;
    }
    const int reuse = net->reuse;
    int64_t groups = choose_groups(net, net->values[v].dims[1]);
    int64_t channels = choose_channels(net, groups);
    choose_window(net, net->values[v].rank - 2, false, &w);
    bool good = conv(net, v, &w, groups, channels);
    net->reuse = 100;
    for (int i = 0; i < w.axes; i++) {
        w.dilation[i] = NET_ONE_OF(net, 1, 2, 2, 3);
        w.stride[i] = NET_ONE_OF(net, 1, 1, 2);
        w.pads[i] = w.pads[i + w.axes] = w.dilation[i] * (w.kernel[i] / 2);
    }
    good = conv(net, v, &w, groups, channels) || good;
    net->reuse = reuse;
    return good;
}

bool net_add_block(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu"};
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    if (!net_is_image(&net->values[v])) {
        return false;
    }
    const struct shape from = net->values[v];
    const int64_t groups = net_chance(net, 30) ? from.dims[1] : 1;
    w.axes = from.rank - 2;
    int64_t channels = net_chance(net, 50) ? from.dims[1] : choose_channels(net, groups);
    if (!conv(net, v, &w, groups, channels)) {
        return false;
    }
    int y = net->count - 1;
    const struct shape to = net->values[y];
    bool residual = net_same_dims(&from, &to) && net_chance(net, 60);
    bool first = net_chance(net, 50);
    const char *function = behind[net_below(net, (int64_t)MOPT_COUNTOF(behind))];
    if (!first && net_chance(net, 60)) {
        y = net_add(net, &to, "%s(v%d)", function, y);
    }
    if (residual) {
        bool turned = net_chance(net, 50);
        y = net_add(net, &to, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    }
    if (first && net_chance(net, 60)) {
        (void)net_add(net, &to, "%s(v%d)", function, y);
    }
    return true;
}

// Two convolutions and the image that went in, which nobody reads afterwards.
static bool add_bottleneck(struct net *net, int v)
{
    static const char *const behind[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu"};
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    struct window one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    const struct shape from = net->values[v];
    if (!net_is_image(&from)) {
        return false;
    }
    w.axes = one.axes = from.rank - 2;
    const int64_t inner = choose_channels(net, 1);
    const bool thin = net_chance(net, 50), depthwise = thin && net_chance(net, 40);
    const int64_t groups = depthwise ? from.dims[1] : 1;
    if (!conv(net, v, thin ? &one : &w, 1, depthwise ? from.dims[1] : inner) ||
        !conv(net, net->count - 1, net_chance(net, 70) ? &w : &one, groups, from.dims[1]) ||
        !net_same_dims(&from, &net->values[net->count - 1])) {
        return false;
    }
    int y = net->count - 1;
    if (net_chance(net, 60)) {
        y = net_add(net, &from, "%s(v%d)", behind[net_below(net, 5)], y);
    }
    bool turned = net_chance(net, 50);
    y = net_add(net, &from, "Add(v%d, v%d)", turned ? v : y, turned ? y : v);
    if (net_chance(net, 30)) {
        (void)net_add(net, &from, "Relu(v%d)", y);
    }
    return true;
}

// As many channels as Winograd's forms want, and some that do not fill a vector.
static bool add_wide(struct net *net, int v)
{
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pads = {1, 1, 1, 1}};
    struct window one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    if (!net_is_image(&net->values[v])) {
        return false;
    }
    w.axes = one.axes = net->values[v].rank - 2;
    w.pads[0] = w.pads[2] = net_chance(net, 80) ? 1 : 0;
    if (net->values[v].dims[1] < 16) {
        if (!conv(net, v, &one, 1, NET_ONE_OF(net, 16, 17, 32, 33, 64, 70, 96))) {
            return false;
        }
        v = net->count - 1;
    }
    return conv(net, v, &w, 1, NET_ONE_OF(net, 16, 23, 32, 33, 48, 65, 80, 112));
}

// ---- Pools --------------------------------------------------------------------------------------

static bool add_pool(struct net *net, int v)
{
    struct shape out = net->values[v];
    struct window w;
    if (!net_is_image(&out)) {
        return false;
    }
    bool most = net_chance(net, 50);
    choose_window(net, out.rank - 2, true, &w);
    w.ceil_mode = w.auto_pad == NULL && net_chance(net, 30);
    if (!slide(&w, &out) || net_elements(&out) == 0) {
        return false;
    }
    net_line(net, "    v%d = %s<", net->count, most ? "MaxPool" : "AveragePool");
    window_text(net, &w, true);
    net_line(net, ", ceil_mode=%d", w.ceil_mode ? 1 : 0);
    if (!most) {
        net_line(net, ", count_include_pad=%d", net_chance(net, 50) ? 1 : 0);
    }
    net_line(net, ">(v%d);\n", v);
    (void)net_result(net, &out);
    return true;
}

static bool add_global_pool(struct net *net, int v)
{
    static const char *const ops[] = {"GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"};
    struct shape out = net->values[v];
    if (!net_is_image(&out)) {
        return false;
    }
    for (int i = 2; i < out.rank; i++) {
        out.dims[i] = 1;
    }
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    int pooled = net_add(net, &out, "%s(v%d)", op, v);
    if (net_chance(net, 40)) { // a gate of channels
        struct window w = {out.rank - 2, {1, 1}, {1, 1}, {1, 1}, {0}, NULL, false};
        int gate = pooled;
        if (conv(net, pooled, &w, 1, out.dims[1])) {
            gate = net->count - 1;
        }
        gate = net_add(net, &out, "%s(v%d)", net_chance(net, 50) ? "Sigmoid" : "HardSigmoid", gate);
        bool turned = net_chance(net, 50);
        (void)net_add(net, &net->values[v], "Mul(v%d, v%d)", turned ? gate : v, turned ? v : gate);
    }
    return true;
}

// ---- Others -------------------------------------------------------------------------------------

static bool add_resize(struct net *net, int v)
{
    static const char *const modes[] = {"nearest", "nearest", "linear", "cubic"};
    static const char *const ways[] = {"half_pixel", "asymmetric", "align_corners",
                                       "pytorch_half_pixel"};
    struct shape out = net->values[v];
    if (!net_is_image(&out) || out.dims[2] > 16) {
        return false;
    }
    struct shape four = {.rank = 1, .dims = {out.rank}};
    int name = net->names++;
    mopt__strbuf_printf(&net->constants, "    float[%d] c%d = {1, 1", (int)four.dims[0], name);
    for (int i = 2; i < out.rank; i++) {
        int64_t factor = NET_ONE_OF(net, 1, 2, 2, 3);
        out.dims[i] *= factor;
        mopt__strbuf_printf(&net->constants, ", %d", (int)factor);
    }
    mopt__strbuf_add(&net->constants, "};\n");
    if (net_elements(&out) > ELEMENTS_MAX) {
        return false;
    }
    (void)net_add(net, &out,
                  "Resize<mode=\"%s\", coordinate_transformation_mode=\"%s\">(v%d, _, c%d)",
                  modes[net_below(net, 4)], ways[net_below(net, 4)], v, name);
    return true;
}

// GroupNormalization as exporters write it: reshaped, normalized, reshaped back, and factors.
static bool add_group_norm(struct net *net, int v, int64_t groups)
{
    const struct shape shape = net->values[v];
    const int64_t batch = shape.dims[0];
    const struct shape rows = {.rank = 3,
                               .dims = {batch, groups, net_elements(&shape) / batch / groups}};
    struct shape factor = {.rank = shape.rank - 1, .dims = {shape.dims[1], 1, 1, 1}};
    const struct shape each = {.rank = 1, .dims = {groups}};
    const int64_t form[3] = {0, groups, -1};
    if (net->fixed_axes > 0) {
        return false;
    }
    int to = net_integers(net, form, 3), back = net_integers(net, shape.dims, shape.rank);
    int scale = net_weight(net, &each, 1), shift = net_weight(net, &each, 1);
    int m = net_weight(net, &factor, 1), a = net_weight(net, &factor, 1);
    int y = net_add(net, &rows, "Reshape(v%d, c%d)", v, to);
    y = net_add(net, &rows, "InstanceNormalization(v%d, c%d, c%d)", y, scale, shift);
    y = net_add(net, &shape, "Reshape(v%d, c%d)", y, back);
    y = net_add(net, &shape, "Mul(v%d, c%d)", y, m);
    if (net_chance(net, 80)) {
        y = net_add(net, &shape, "Add(v%d, c%d)", y, a);
    }
    if (net_chance(net, 40)) {
        (void)net_add(net, &shape, "Relu(v%d)", y);
    }
    return true;
}

static bool add_norm(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (!net_is_image(shape)) {
        return false;
    }
    struct shape channel = {.rank = 1, .dims = {shape->dims[1]}};
    int scale = net_weight(net, &channel, 1), shift = net_weight(net, &channel, 1);
    if (net_chance(net, 25)) {
        (void)net_add(net, shape, "InstanceNormalization(v%d, c%d, c%d)", v, scale, shift);
        return true;
    }
    if (net_chance(net, 25)) {
        int64_t groups = NET_ONE_OF(net, 1, 2, 4, 8);
        groups = shape->dims[1] % groups == 0 ? groups : 1;
        if (net_chance(net, 50)) {
            return add_group_norm(net, v, groups);
        }
        (void)net_add(net, shape, "GroupNormalization<num_groups=%d>(v%d, c%d, c%d)", (int)groups,
                      v, scale, shift);
        return true;
    }
    int mean = net_weight(net, &channel, 1), var = net_constant(net, &channel, FILL_POSITIVE);
    (void)net_add(net, shape, "BatchNormalization(v%d, c%d, c%d, c%d, c%d)", v, scale, shift, mean,
                  var);
    return true;
}

// Functions, some of which have no native form, and gates.
static bool add_function(struct net *net, int v)
{
    static const char *const ops[] = {"Relu",     "Sigmoid",  "Tanh", "HardSwish", "LeakyRelu",
                                      "Selu",     "Softsign", "Neg",  "Abs",       "Erf",
                                      "Softplus", "Elu",      "Sin",  "Mish",      "Identity"};
    const struct shape shape = net->values[v];
    const char *op = ops[net_below(net, (int64_t)MOPT_COUNTOF(ops))];
    if (net_chance(net, 15)) {
        int low = net_scalar(net, -0.5), high = net_scalar(net, 6);
        (void)net_add(net, &shape, "Clip(v%d, c%d, c%d)", v, low, high);
        return true;
    }
    int y = net_add(net, &shape, "%s(v%d)", op, v);
    if (net_chance(net, 25)) {
        bool turned = net_chance(net, 50);
        (void)net_add(net, &shape, "Mul(v%d, v%d)", turned ? y : v, turned ? v : y);
    }
    return true;
}

static bool same_shape(const struct shape *a, const struct shape *b, int axis)
{
    (void)axis;
    return net_same_dims(a, b);
}

static bool add_sum(struct net *net, int v)
{
    static const char *const ops[] = {"Add", "Add", "Add", "Mul", "Sub", "Max"};
    int other = net_pick_like(net, v, 0, same_shape);
    (void)net_add(net, &net->values[v], "%s(v%d, v%d)", ops[net_below(net, 6)], v, other);
    return true;
}

static bool add_channel_factor(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 3) {
        return false;
    }
    struct shape factor = {.rank = shape->rank, .dims = {1, shape->dims[1], 1, 1, 1}};
    if (net_chance(net, 60)) {
        factor = (struct shape){.rank = shape->rank - 1, .dims = {shape->dims[1], 1, 1, 1}};
    }
    int c = net_weight(net, &factor, 1);
    (void)net_add(net, shape, "%s(v%d, c%d)", net_chance(net, 50) ? "Mul" : "Add", v, c);
    return true;
}

// [N,C,H,W] as rows: [N,C,H*W], or turned to [N,H*W,C].
static bool add_rows(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank != 4 || net_elements(&out) == 0) {
        return false;
    }
    const int64_t form[3] = {0, 0, -1};
    out = (struct shape){.rank = 3, .dims = {out.dims[0], out.dims[1], out.dims[2] * out.dims[3]}};
    int c = net_integers(net, form, 3);
    int y = net_add(net, &out, "Reshape(v%d, c%d)", v, c);
    if (net_chance(net, 50)) {
        out = (struct shape){.rank = 3, .dims = {out.dims[0], out.dims[2], out.dims[1]}};
        (void)net_add(net, &out, "Transpose<perm=[0, 2, 1]>(v%d)", y);
    }
    return true;
}

static bool add_flatten(struct net *net, int v)
{
    struct shape out = net->values[v];
    if (out.rank < 2 || net_elements(&out) == 0) {
        return false;
    }
    out = (struct shape){.rank = 2, .dims = {out.dims[0], net_elements(&out) / out.dims[0]}};
    (void)net_add(net, &out, "Flatten(v%d)", v);
    return true;
}

static bool add_softmax(struct net *net, int v)
{
    const struct shape *shape = &net->values[v];
    if (shape->rank < 2 || net_elements(shape) == 0) {
        return false;
    }
    int axis = 1 + (int)net_below(net, shape->rank - 1);
    (void)net_add(net, shape, "%s<axis=%d>(v%d)", net_chance(net, 80) ? "Softmax" : "LogSoftmax",
                  axis, v);
    return true;
}

static bool add_common(struct net *net, int v)
{
    struct net_makers common = net_common_makers();
    return common.items[net_below(net, (int64_t)common.count)](net, v);
}

static const net_maker makers[] = {
    add_wide,        add_wide,       add_bottleneck,    add_bottleneck,
    add_twins,       add_twins,      net_add_late_join, net_add_late_join,
    add_conv,        add_conv,       net_add_conv_1x1,  net_add_conv_1x1,
    net_add_block,   net_add_block,  net_add_block,     add_conv_transpose,
    add_pool,        add_pool,       net_add_split,     net_add_split,
    net_add_concat,  net_add_concat, net_add_concat,    net_add_slice,
    net_add_pad,     add_resize,     add_norm,          add_function,
    add_function,    add_sum,        add_sum,           add_channel_factor,
    add_global_pool, add_rows,       add_flatten,       add_softmax,
    add_common,      add_common};

struct net_makers net_image_makers(void)
{
    return (struct net_makers){makers, MOPT_COUNTOF(makers)};
}
