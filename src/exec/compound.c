// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft that say in one node what several of ONNX say (ONNX Runtime writes
// them when it saves an optimized model): in a private copy of the model they become these, which
// lowering knows how to fuse its own way.
#include <string.h>

#include "exec/chain.h"
#include "exec/prepare.h"
#include "ops/epilogue.h"
#include "ops/operands.h"
#include "ops/ops.h"

// ---- Types --------------------------------------------------------------------------------------

// Of what a node computes with; numbers that are added to it must be of this type.
static enum mopt_dtype element_of(const struct mopt_node *node)
{
    const struct mopt_type *type = mopt__prepare_type(node->inputs[0].value);
    return type != NULL ? type->dtype : MOPT_UNDEFINED;
}

// Input `at` is one number, or one for each column, and has no axis that the result lacks: it would
// give its axes to the products.
static bool is_scale(const struct mopt_node *node, uint32_t at, bool columns)
{
    const struct mopt_type *y = mopt__prepare_type(node->outputs[0]);
    const struct mopt_type *scale = mopt__prepare_type(node->inputs[at].value);
    int64_t size = 0;
    if (y == NULL || scale == NULL || scale->rank > 1 || scale->rank > y->rank) {
        return false;
    }
    return scale->rank == 0 || columns ||
           (mopt__dim_is_known(node->graph->model->dims, scale->dims[0], &size) && size == 1);
}

// ---- Numbers ------------------------------------------------------------------------------------

// A number of the type that the node computes with.
static struct mopt_value *number(struct mopt_chain *c, double value)
{
    const enum mopt_dtype dtype = element_of(c->node);
    struct mopt_tensor *tensor = NULL;
    if (c->failed || mopt__tensor_new(dtype, 0, NULL, &tensor, c->err) != MOPT_OK) {
        c->failed = true;
        return NULL;
    }
    mopt__element_set_f64(dtype, mopt__tensor_data(tensor), 0, value);
    struct mopt_value *constant =
        mopt__graph_constant(c->node->graph, c->node->outputs[0]->name, tensor, c->err);
    mopt__tensor_unref(tensor);
    c->failed = constant == NULL;
    return constant;
}

// ---- Products of codes to floats ----------------------------------------------------------------

// sums * (a_scale * b_scale) + bias
static void add_sums(struct mopt_chain *c, struct mopt_value *const sums[4],
                     struct mopt_value *a_scale, struct mopt_value *b_scale,
                     struct mopt_value *bias)
{
    struct mopt_value *scales[] = {a_scale, b_scale};
    mopt__chain_add(c, "Mul", scales, 2, 1);
    struct mopt_value *factor = mopt__chain_last(c);
    mopt__chain_add(c, "MatMulInteger", sums, 4, 1);
    mopt__chain_scale(c, factor);
    if (bias != NULL) {
        mopt__chain_follow(c, "Add", bias);
    }
}

static bool takes_dynamic(const struct mopt_node *node)
{
    return is_scale(node, 2, true);
}

static enum mopt_status spread_dynamic(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_chain c = {.node = node, .err = err};
    struct mopt_value *x = mopt__node_input(node, 0);
    struct mopt_node *quantizer = mopt__chain_add(&c, "DynamicQuantizeLinear", &x, 1, 3);
    struct mopt_value *codes[3] = {NULL};
    for (uint32_t i = 0; i < 3; i++) {
        codes[i] = mopt__chain_output(&c, quantizer, i);
    }
    struct mopt_value *sums[] = {codes[0], mopt__node_input(node, 1), codes[2],
                                 mopt__node_input(node, 3)};
    add_sums(&c, sums, codes[1], mopt__node_input(node, 2), mopt__node_input(node, 4));
    return mopt__chain_finish(&c);
}

static bool takes_to_float(const struct mopt_node *node)
{
    return is_scale(node, 2, false) && is_scale(node, 3, true);
}

static enum mopt_status spread_to_float(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_chain c = {.node = node, .err = err};
    struct mopt_value *sums[] = {mopt__node_input(node, 0), mopt__node_input(node, 1),
                                 mopt__node_input(node, 4), mopt__node_input(node, 5)};
    add_sums(&c, sums, mopt__node_input(node, 2), mopt__node_input(node, 3),
             mopt__node_input(node, 6));
    return mopt__chain_finish(&c);
}

// ---- Activations --------------------------------------------------------------------------------

static void activate(struct mopt_chain *c, const struct mopt_epilogue *e)
{
    static const char *const names[] = {
        [MOPT_EPILOGUE_RELU] = "Relu", [MOPT_EPILOGUE_SIGMOID] = "Sigmoid",
        [MOPT_EPILOGUE_TANH] = "Tanh", [MOPT_EPILOGUE_LEAKY_RELU] = "LeakyRelu",
        [MOPT_EPILOGUE_CLIP] = "Clip", [MOPT_EPILOGUE_HARD_SIGMOID] = "HardSigmoid"};
    if (e->kind == MOPT_EPILOGUE_NONE) {
        return;
    }
    if (e->kind == MOPT_EPILOGUE_CLIP) {
        struct mopt_value *inputs[3] = {mopt__chain_last(c)};
        inputs[1] = number(c, e->alpha);
        inputs[2] = number(c, e->beta);
        mopt__chain_add(c, "Clip", inputs, 3, 1);
        return;
    }
    struct mopt_node *made = mopt__chain_follow(c, names[e->kind], NULL);
    if (e->kind == MOPT_EPILOGUE_LEAKY_RELU || e->kind == MOPT_EPILOGUE_HARD_SIGMOID) {
        mopt__chain_set_float(c, made, "alpha", e->alpha);
    }
    if (e->kind == MOPT_EPILOGUE_HARD_SIGMOID) {
        mopt__chain_set_float(c, made, "beta", e->beta);
    }
}

static bool takes_fused(const struct mopt_node *node)
{
    struct mopt_epilogue e;
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    return element_of(node) != MOPT_UNDEFINED && mopt__epilogue_read(node, &e, &ignored) == MOPT_OK;
}

// The operator without what follows it; its inputs are the first three.
static enum mopt_status spread_fused(struct mopt_node *node, const char *op_type,
                                     struct mopt_value *added, struct mopt_error *err)
{
    static const char *const own[] = {"activation", "activation_params", "activation_alpha",
                                      "activation_beta", "activation_gamma"};
    struct mopt_chain c = {.node = node, .err = err};
    struct mopt_epilogue e;
    struct mopt_value *inputs[3];
    for (uint32_t i = 0; i < 3; i++) {
        inputs[i] = mopt__node_input(node, i);
    }
    enum mopt_status status = mopt__epilogue_read(node, &e, err);
    struct mopt_node *made =
        status == MOPT_OK ? mopt__chain_add(&c, op_type, inputs, inputs[2] != NULL ? 3 : 2, 1)
                          : NULL;
    status = made != NULL ? mopt__node_copy_attributes(made, node, err) : err->status;
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < MOPT_COUNTOF(own); i++) {
        mopt__node_remove_attribute(made, own[i]);
    }
    if (added != NULL) {
        mopt__chain_follow(&c, "Add", added);
    }
    activate(&c, &e);
    return mopt__chain_finish(&c);
}

static enum mopt_status spread_conv(struct mopt_node *node, struct mopt_error *err)
{
    return spread_fused(node, "Conv", mopt__node_input(node, 3), err);
}

static enum mopt_status spread_gemm(struct mopt_node *node, struct mopt_error *err)
{
    return spread_fused(node, "Gemm", NULL, err);
}

// ---- FusedMatMul --------------------------------------------------------------------------------

// The operand, its last two axes swapped when the node says so.
static struct mopt_value *turned(struct mopt_chain *c, uint32_t index, const char *name)
{
    struct mopt_value *value = mopt__node_input(c->node, index);
    int rank = mopt__prepare_rank(value);
    int64_t perm[MOPT_RANK_MAX];
    if (mopt__int_of(c->node, name, 0) == 0 || rank < 2) {
        return value;
    }
    for (int i = 0; i < rank; i++) {
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    }
    struct mopt_node *made = mopt__chain_add(c, "Transpose", &value, 1, 1);
    c->failed =
        c->failed || mopt__node_set_ints(made, "perm", perm, (size_t)rank, c->err) != MOPT_OK;
    return mopt__chain_last(c);
}

static bool takes_matmul(const struct mopt_node *node)
{
    bool moved =
        mopt__int_of(node, "transBatchA", 0) != 0 || mopt__int_of(node, "transBatchB", 0) != 0;
    return !moved && element_of(node) != MOPT_UNDEFINED &&
           mopt__prepare_rank(node->inputs[1].value) >= 0;
}

static enum mopt_status spread_matmul(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_chain c = {.node = node, .err = err};
    const struct mopt_attribute *alpha = mopt__node_attribute(node, "alpha");
    struct mopt_value *a = turned(&c, 0, "transA");
    struct mopt_value *inputs[] = {a, turned(&c, 1, "transB")};
    mopt__chain_add(&c, "MatMul", inputs, 2, 1);
    if (alpha != NULL && alpha->f != 1) {
        struct mopt_value *factor = number(&c, (double)alpha->f);
        mopt__chain_follow(&c, "Mul", factor);
    }
    return mopt__chain_finish(&c);
}

// ---- Attention ----------------------------------------------------------------------------------

enum { INPUT, WEIGHTS, BIAS, MASK, PAST, ADDED };
// Inputs of QAttention behind the bias
enum { Q_SCALE = 3, Q_WEIGHT_SCALE, Q_MASK, Q_ZERO, Q_WEIGHT_ZERO, Q_PAST };

static bool is_coded(const struct mopt_node *node)
{
    return strcmp(node->op_type, "QAttention") == 0;
}

static struct mopt_value *mask_of(const struct mopt_node *node)
{
    return mopt__node_input(node, is_coded(node) ? Q_MASK : MASK);
}

// Sizes of queries, keys and values in the columns of the weights.
static bool read_hidden(const struct mopt_node *node, int64_t sizes[3])
{
    const struct mopt_tensor *w = mopt__value_constant(node->inputs[WEIGHTS].value);
    const struct mopt_attribute *a = mopt__node_attribute(node, "qkv_hidden_sizes");
    if (w == NULL || w->rank != 2 || (a != NULL && a->count != 0 && a->count != 3)) {
        return false;
    }
    int64_t left = w->dims[1];
    for (int i = 0; i < 3; i++) {
        sizes[i] = a != NULL && a->count == 3 ? a->ints[i] : w->dims[1] / 3;
        if (sizes[i] <= 0 || sizes[i] > left) {
            return false;
        }
        left -= sizes[i];
    }
    return left == 0;
}

// MultiHeadAttention knows the mask: ends of the keys [batch], or which keys there are.
static bool takes_mask(const struct mopt_node *node)
{
    const struct mopt_value *mask = mask_of(node);
    const struct mopt_type *m = mask != NULL ? mopt__prepare_type(mask) : NULL;
    const struct mopt_type *x = mopt__prepare_type(node->inputs[INPUT].value);
    bool ends = m != NULL && m->rank == 1 && x != NULL && x->rank == 3 && m->dims[0] == x->dims[0];
    return mask == NULL || ends ||
           (m != NULL && m->rank == 2 && x != NULL && x->rank == 3 && m->dims[0] == x->dims[0] &&
            m->dims[1] == x->dims[1]);
}

static bool takes_attention(const struct mopt_node *node)
{
    int64_t sizes[3];
    bool cached = is_coded(node) && mopt__node_input(node, Q_PAST) != NULL;
    for (uint32_t i = PAST; !is_coded(node) && i < node->input_count; i++) {
        cached = cached || (i != ADDED && node->inputs[i].value != NULL);
    }
    const struct mopt_type *bias =
        is_coded(node) ? mopt__prepare_type(node->inputs[BIAS].value) : NULL;
    bool known = !is_coded(node) || (bias != NULL && bias->dtype == MOPT_FLOAT32);
    return !cached && known && mopt__int_of(node, "do_rotary", 0) == 0 &&
           mopt__int_of(node, "past_present_share_buffer", 0) == 0 && read_hidden(node, sizes) &&
           takes_mask(node);
}

static struct mopt_value *sizes_of(struct mopt_chain *c, const int64_t sizes[3])
{
    static const int64_t count = 3;
    struct mopt_tensor *tensor = NULL;
    if (c->failed || mopt__tensor_new(MOPT_INT64, 1, &count, &tensor, c->err) != MOPT_OK) {
        c->failed = true;
        return NULL;
    }
    memcpy(mopt__tensor_data(tensor), sizes, 3 * sizeof *sizes);
    struct mopt_value *constant =
        mopt__graph_constant(c->node->graph, c->node->outputs[0]->name, tensor, c->err);
    mopt__tensor_unref(tensor);
    c->failed = constant == NULL;
    return constant;
}

// The projection of queries, keys and values, which are parts of its columns.
static void project(struct mopt_chain *c, struct mopt_value *parts[3])
{
    int64_t sizes[3];
    struct mopt_value *in[Q_PAST];
    for (uint32_t i = 0; i < Q_PAST; i++) {
        in[i] = mopt__node_input(c->node, i);
    }
    if (is_coded(c->node)) {
        struct mopt_value *sums[] = {in[INPUT], in[WEIGHTS], in[Q_ZERO], in[Q_WEIGHT_ZERO]};
        add_sums(c, sums, in[Q_SCALE], in[Q_WEIGHT_SCALE], in[BIAS]);
    } else {
        mopt__chain_add(c, "MatMul", in, 2, 1);
        if (in[BIAS] != NULL) {
            mopt__chain_follow(c, "Add", in[BIAS]);
        }
    }
    (void)read_hidden(c->node, sizes);
    struct mopt_value *inputs[] = {mopt__chain_last(c), NULL};
    inputs[1] = sizes_of(c, sizes);
    struct mopt_node *split = mopt__chain_add(c, "Split", inputs, 2, 3);
    mopt__chain_set_int(c, split, "axis", 2);
    for (uint32_t i = 0; i < 3; i++) {
        parts[i] = mopt__chain_output(c, split, i);
    }
}

static enum mopt_status spread_attention(struct mopt_node *node, struct mopt_error *err)
{
    static const char *const own[] = {"qkv_hidden_sizes", "do_rotary", "past_present_share_buffer",
                                      "rotary_embedding_dim"};
    struct mopt_chain c = {.node = node, .err = err};
    struct mopt_value *inputs[6] = {NULL};
    project(&c, inputs);
    inputs[4] = mask_of(node);
    inputs[5] = is_coded(node) ? NULL : mopt__node_input(node, ADDED);
    struct mopt_node *made =
        c.failed ? NULL
                 : mopt__node_new(node->graph, node, "MultiHeadAttention", node->domain, 6, 1, err);
    if (made == NULL || mopt__node_copy_attributes(made, node, err) != MOPT_OK) {
        return err->status;
    }
    made->op = mopt__op_find(node->domain, "MultiHeadAttention", 1);
    for (uint32_t i = 0; i < 6; i++) {
        mopt__node_set_input(made, i, inputs[i]);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(own); i++) {
        mopt__node_remove_attribute(made, own[i]);
    }
    c.last = made;
    return mopt__chain_finish(&c);
}

// ---- The model ----------------------------------------------------------------------------------

struct compound {
    const char *name;
    enum mopt_status (*spread)(struct mopt_node *node, struct mopt_error *err);
    bool (*takes)(const struct mopt_node *node);
};

static const struct compound compounds[] = {
    {"DynamicQuantizeMatMul", spread_dynamic, takes_dynamic},
    {"MatMulIntegerToFloat", spread_to_float, takes_to_float},
    {"FusedConv", spread_conv, takes_fused},
    {"FusedGemm", spread_gemm, takes_fused},
    {"FusedMatMul", spread_matmul, takes_matmul},
    {"Attention", spread_attention, takes_attention},
    {"QAttention", spread_attention, takes_attention},
};

static const struct compound *compound_of(const struct mopt_node *node)
{
    const struct compound *found = NULL;
    bool named = strcmp(node->domain, "com.microsoft") == 0;
    for (size_t i = 0; named && found == NULL && i < MOPT_COUNTOF(compounds); i++) {
        found = strcmp(node->op_type, compounds[i].name) == 0 ? &compounds[i] : NULL;
    }
    return found != NULL && mopt__prepare_is_sound(node) ? found : NULL;
}

static bool takes(const struct mopt_node *node)
{
    return compound_of(node) != NULL;
}

static enum mopt_status change(struct mopt_node *node, struct mopt_error *err)
{
    const struct compound *compound = compound_of(node);
    return compound != NULL && compound->takes(node) ? compound->spread(node, err) : MOPT_OK;
}

const struct mopt_prepare mopt__prepare_compound = {
    .takes = takes,
    .change = change,
    .typed = true,
};
