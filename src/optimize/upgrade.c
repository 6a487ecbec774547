// SPDX-License-Identifier: Apache-2.0
// Raising the opset one version at a time: the table says which operator changes its meaning at
// which version; what is not listed means the same before and after (later versions only allow more
// types or more attributes).
#include "optimize/upgrade_steps.h"

struct step {
    int version; // the first opset with the new form
    const char *op_type;
    mopt_upgrade_fn apply;
};

// In rising version.
static const struct step steps[] = {
    {2, "GlobalLpPool", mopt__step_lp_pool_2},
    {2, "LpPool", mopt__step_lp_pool_2},
    {2, "Pad", mopt__step_pad_2},
    {2, "Split", mopt__step_split_2},
    {4, "Concat", mopt__step_concat_4},
    {5, "Reshape", mopt__step_reshape_5},
    {6, "Cast", mopt__step_cast_6},
    {6, "Selu", mopt__step_selu_6},
    {6, "Tile", mopt__step_tile_6},
    {7, "Add", mopt__step_broadcast_7},
    {7, "And", mopt__step_broadcast_7},
    {7, "BatchNormalization", mopt__step_batch_norm_7},
    {7, "Div", mopt__step_broadcast_7},
    {7, "Dropout", mopt__step_dropout_7},
    {7, "Equal", mopt__step_broadcast_7},
    {7, "GRU", mopt__step_recurrent_7},
    {7, "Gemm", mopt__step_gemm_7},
    {7, "Greater", mopt__step_broadcast_7},
    {7, "LSTM", mopt__step_recurrent_7},
    {7, "Less", mopt__step_broadcast_7},
    {7, "Mul", mopt__step_broadcast_7},
    {7, "Or", mopt__step_broadcast_7},
    {7, "PRelu", mopt__step_prelu_7},
    {7, "Pow", mopt__step_broadcast_7},
    {7, "RNN", mopt__step_recurrent_7},
    {7, "Sub", mopt__step_broadcast_7},
    {7, "Upsample", mopt__step_upsample_7},
    {7, "Xor", mopt__step_broadcast_7},
    {9, "BatchNormalization", mopt__step_batch_norm_9},
    {9, "Scan", mopt__step_scan_9},
    {9, "Upsample", mopt__step_upsample_9},
    {10, "Dropout", mopt__step_dropout_10},
    {10, "Slice", mopt__step_slice_10},
    {10, "TopK", mopt__step_top_k_10},
    {10, "Upsample", mopt__step_upsample_10},
    {11, "Clip", mopt__step_clip_11},
    {11, "Pad", mopt__step_pad_11},
    {11, "Resize", mopt__step_resize_11},
    {11, "Scatter", mopt__step_scatter_11},
    {12, "Dropout", mopt__step_dropout_12},
    {13, "Hardmax", mopt__step_softmax_13},
    {13, "LogSoftmax", mopt__step_softmax_13},
    {13, "ReduceSum", mopt__step_axes_1},
    {13, "Resize", mopt__step_resize_13},
    {13, "Softmax", mopt__step_softmax_13},
    {13, "Split", mopt__step_split_13},
    {13, "Squeeze", mopt__step_axes_1},
    {13, "Unsqueeze", mopt__step_axes_1},
    {14, "BatchNormalization", mopt__step_batch_norm_14},
    {16, "RoiAlign", mopt__step_roi_align_16},
    {18, "ReduceL1", mopt__step_axes_1},
    {18, "ReduceL2", mopt__step_axes_1},
    {18, "ReduceLogSum", mopt__step_axes_1},
    {18, "ReduceLogSumExp", mopt__step_axes_1},
    {18, "ReduceMax", mopt__step_axes_1},
    {18, "ReduceMean", mopt__step_axes_1},
    {18, "ReduceMin", mopt__step_axes_1},
    {18, "ReduceProd", mopt__step_axes_1},
    {18, "ReduceSumSquare", mopt__step_axes_1},
    {18, "Split", mopt__step_split_18},
    {20, "DFT", mopt__step_dft_20},
    {20, "GridSample", mopt__step_grid_sample_20},
    {21, "GroupNormalization", mopt__step_group_norm_21},
};

enum { HINTS_GONE = 6 }; // the opset without consumed_inputs

struct walk {
    int64_t version;
    uint32_t mark;                          // of nodes that have the form of this version already
    size_t first, end;                      // steps of this version
    const char *names[MOPT_COUNTOF(steps)]; // interned names of the steps
};

static enum mopt_status visit_node(const struct walk *walk, struct mopt_node *node,
                                   struct mopt_error *err)
{
    if (walk->version == HINTS_GONE) {
        (void)mopt__node_remove_attribute(node, "consumed_inputs");
    }
    for (size_t i = walk->first; i < walk->end; i++) {
        if (node->op_type != walk->names[i] || node->mark == walk->mark) {
            continue;
        }
        node->mark = walk->mark;
        if (steps[i].apply(node, err) != MOPT_OK) {
            return mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
        }
        break;
    }
    return MOPT_OK;
}

// Nodes made on the way stand before `next` and are not visited again at this version.
static enum mopt_status visit_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct walk *walk = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;) {
        struct mopt_node *next = node->next;
        if (node->domain[0] == '\0' && node->function == NULL) {
            status = visit_node(walk, node, err);
        }
        node = next;
    }
    return status;
}

static void find_steps(struct walk *walk)
{
    walk->first = 0;
    while (walk->first < MOPT_COUNTOF(steps) && steps[walk->first].version < walk->version) {
        walk->first++;
    }
    walk->end = walk->first;
    while (walk->end < MOPT_COUNTOF(steps) && steps[walk->end].version == walk->version) {
        walk->end++;
    }
}

// The import changes first: new nodes are resolved at the version they are made for.
static enum mopt_status raise_by_one(struct mopt_model *model, struct walk *walk,
                                     struct mopt_error *err)
{
    enum mopt_status status = mopt__model_set_opset(model, "", walk->version, err);
    find_steps(walk);
    walk->mark = mopt__model_new_mark(model);
    if (status != MOPT_OK || (walk->first == walk->end && walk->version != HINTS_GONE)) {
        return status;
    }
    return mopt__graph_walk(model->graph, visit_graph, walk, err);
}

// IR version with which this opset was published.
static int64_t ir_version_of(int64_t opset)
{
    static const struct {
        int opset, ir;
    } rows[] = {{9, 4},   {10, 5},  {11, 6},  {12, 7},  {15, 8}, {19, 9},
                {21, 10}, {23, 11}, {24, 12}, {25, 13}, {28, 14}};
    int64_t ir = 3;
    for (size_t i = 0; i < MOPT_COUNTOF(rows) && rows[i].opset <= opset; i++) {
        ir = rows[i].ir;
    }
    return ir;
}

static enum mopt_status raise_all(struct mopt_model *model, int64_t from, int64_t to,
                                  struct mopt_error *err)
{
    struct walk walk = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < MOPT_COUNTOF(steps) && status == MOPT_OK; i++) {
        walk.names[i] = mopt__model_intern(model, steps[i].op_type, err);
        status = walk.names[i] != NULL ? MOPT_OK : err->status;
    }
    int64_t last = steps[MOPT_COUNTOF(steps) - 1].version;
    for (walk.version = from + 1; walk.version <= to && walk.version <= last && status == MOPT_OK;
         walk.version++) {
        status = raise_by_one(model, &walk, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_set_opset(model, "", to, err);
    }
    return status == MOPT_OK ? mopt__ops_resolve(model, err) : status;
}

enum mopt_status mopt__upgrade_opset(struct mopt_model *model, int64_t to, struct mopt_error *err)
{
    int64_t from = mopt__graph_opset(model->graph, "");
    if (from >= to) {
        return MOPT_OK;
    }
    struct mopt_dead_values older = {0};
    mopt__model_raise_ir(model, ir_version_of(to));
    enum mopt_status status = mopt__rewrite_dead_values(model, &older, err);
    if (status == MOPT_OK) {
        status = raise_all(model, from, to, err);
    }
    if (status == MOPT_OK) {
        struct mopt_dead_code removed; // constants whose content moved elsewhere
        status = mopt__rewrite_dead_code(model, &older, &removed, err);
    }
    mopt__free(older.bits);
    return status;
}
