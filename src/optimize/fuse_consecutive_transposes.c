// SPDX-License-Identifier: Apache-2.0
// Transpose(Transpose(x)) -> Transpose(x), or x when the permutations cancel.
#include "optimize/optimize.h"

// perm of a Transpose of the given rank; default: reversed. False if malformed.
static bool read_perm(const struct mopt_node *node, int rank, int64_t perm[MOPT_RANK_MAX])
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "perm");
    if (attribute == NULL) {
        for (int i = 0; i < rank; i++) {
            perm[i] = rank - 1 - i;
        }
        return true;
    }
    if (attribute->kind != MOPT_ATTR_INTS || attribute->count != (size_t)rank) {
        return false;
    }
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        perm[i] = attribute->ints[i];
        if (perm[i] < 0 || perm[i] >= rank || (seen >> perm[i] & 1u) != 0) {
            return false;
        }
        seen |= 1u << perm[i];
    }
    return true;
}

static int common_rank(const struct mopt_match *match)
{
    for (int i = 0; i < 2; i++) {
        const struct mopt_attribute *perm = mopt__node_attribute(match->nodes[i], "perm");
        if (perm != NULL && perm->count <= MOPT_RANK_MAX) {
            return (int)perm->count;
        }
    }
    const struct mopt_type *type = mopt__match_tensor_type(match->nodes[0]->inputs[0].value);
    return type != NULL ? type->rank : -1;
}

static bool match_pair(struct mopt_match *match)
{
    int64_t inner[MOPT_RANK_MAX];
    int64_t outer[MOPT_RANK_MAX];
    int rank = common_rank(match);
    if (rank < 0 || !read_perm(match->nodes[0], rank, inner) ||
        !read_perm(match->nodes[1], rank, outer)) {
        return mopt__match_refuse(match, "rank is not known or a permutation is malformed");
    }
    match->storage.ints[0] = rank;
    for (int i = 0; i < rank; i++) { // y[i] = t[outer[i]] = x[inner[outer[i]]]
        match->storage.ints[1 + i] = inner[outer[i]];
    }
    return true;
}

static bool is_identity(const struct mopt_match *match)
{
    for (int64_t i = 0; i < match->storage.ints[0]; i++) {
        if (match->storage.ints[1 + i] != i) {
            return false;
        }
    }
    return true;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_value *x = match->nodes[0]->inputs[0].value;
    struct mopt_value *y = match->root->outputs[0];
    if (is_identity(match) && mopt__rewrite_can_replace(y, x)) {
        return mopt__rewriter_replace(rewriter, y, x, err);
    }
    enum mopt_status status = mopt__node_set_ints(match->root, "perm", &match->storage.ints[1],
                                                  (size_t)match->storage.ints[0], err);
    if (status == MOPT_OK) {
        status = mopt__rewriter_set_input(rewriter, match->root, 0, x, err);
    }
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, match->root, err) : status;
}

static const struct mopt_rule pair = {
    .name = "pair",
    .pattern = "t = Transpose(x)\n"
               "y = Transpose(t)",
    .match = match_pair,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&pair};

static const struct mopt_pass_counter counters[] = {{"fused", "pairs of Transpose fused"}};

const struct mopt_pass mopt__pass_fuse_consecutive_transposes = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-consecutive-transposes",
    .summary = "composes Transpose of Transpose",
    .help = "y = Transpose<perm=p>(Transpose<perm=q>(x))  ->  y = Transpose<perm=q[p]>(x), or x "
            "when that moves nothing",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
