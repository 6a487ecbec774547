// SPDX-License-Identifier: Apache-2.0
// MatMul of matrices followed by Add of a bias -> Gemm.
#include "optimize/optimize.h"

static const struct mopt_value *bias_of(const struct mopt_match *match)
{
    const struct mopt_value *product = match->nodes[0]->outputs[0];
    const struct mopt_value *a = mopt__node_input(match->root, 0);
    return a == product ? mopt__node_input(match->root, 1) : a;
}

// Gemm broadcasts its bias to [M,N] only in that direction: the bias must not enlarge the product.
static bool fits(struct mopt_match *match, const struct mopt_type *bias,
                 const struct mopt_type *product)
{
    if (bias->rank > 2) {
        return mopt__match_refuse(match, "the bias has more than two axes");
    }
    for (int d = 0; d < bias->rank; d++) {
        int64_t size = 0;
        int64_t own = bias->dims[bias->rank - 1 - d];
        bool one = mopt__dim_is_known(match->model->dims, own, &size) && size == 1;
        if (!one && (own != product->dims[1 - d] || own == MOPT_DIM_UNKNOWN)) {
            return mopt__match_refuse(match, "the bias may be larger than the product");
        }
    }
    return true;
}

static bool is_gemm_type(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT32 || dtype == MOPT_FLOAT64 || dtype == MOPT_FLOAT16;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_node *product = match->nodes[0];
    const struct mopt_type *a = mopt__match_tensor_type(product->inputs[0].value);
    const struct mopt_type *b = mopt__match_tensor_type(product->inputs[1].value);
    const struct mopt_type *c = mopt__match_tensor_type(product->outputs[0]);
    const struct mopt_value *bias = bias_of(match);
    const struct mopt_type *bias_type = bias != NULL ? mopt__match_tensor_type(bias) : NULL;
    if (a == NULL || b == NULL || c == NULL || bias_type == NULL || a->rank != 2 || b->rank != 2 ||
        c->rank != 2) {
        return mopt__match_refuse(match, "operands are not known to be matrices");
    }
    if (!is_gemm_type(a->dtype) || mopt__graph_opset(match->root->graph, "") < 7) {
        return mopt__match_refuse(match, "element type has no Gemm kernel, or opset below 7");
    }
    if (bias->producer != NULL && mopt__match_constant(bias) == NULL) {
        return mopt__match_refuse(match, "the bias is computed");
    }
    return fits(match, bias_type, c);
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_node *product = match->nodes[0];
    struct mopt_value *y = match->root->outputs[0];
    struct mopt_value *bias = mopt__node_input(match->root, 0);
    bias = bias == product->outputs[0] ? mopt__node_input(match->root, 1) : bias;
    struct mopt_value *inputs[] = {product->inputs[0].value, product->inputs[1].value, bias};
    struct mopt_node *gemm =
        mopt__rewriter_node(rewriter, match->root, "Gemm", "", inputs, 3, 1, y->name, err);
    if (gemm == NULL) {
        return err->status;
    }
    enum mopt_status status = mopt__rewriter_finish_node(rewriter, gemm, err);
    return status == MOPT_OK ? mopt__rewriter_replace(rewriter, y, gemm->outputs[0], err) : status;
}

static const struct mopt_rule rule = {
    .name = "matmul-add",
    .pattern = "p! = MatMul(a, b)\n"
               "y = Add(p, c)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "pairs fused"}};

const struct mopt_pass mopt__pass_fuse_matmul_add_into_gemm = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-matmul-add-into-gemm",
    .summary = "turns MatMul followed by Add of a bias into Gemm",
    .help = "y = Add(MatMul(a, b), c)  ->  y = Gemm(a, b, c)\n"
            "a and b are matrices of a float type, c does not enlarge the product, and the product "
            "is used only here.",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
