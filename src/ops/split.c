// SPDX-License-Identifier: Apache-2.0
// Split: consecutive pieces along an axis, of given lengths or of equal ones.
#include <math.h>

#include "ops/copy.h"
#include "ops/operands.h"

static bool as_input(const struct mopt_node *node)
{
    return node->op->input_count > 1;
}

// Lengths of `parts` equal pieces; from opset 18 on the last one may be shorter.
static enum mopt_status equal_parts(const struct mopt_node *node, int64_t size, uint32_t parts,
                                    int64_t *lengths, struct mopt_error *err)
{
    const bool ragged = node->op->since >= 18;
    if (parts == 0 || (!ragged && size % parts != 0)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "%lld elements cannot be split into %u equal parts", (long long)size,
                              (unsigned)parts);
    }
    const int64_t chunk = (size + parts - 1) / parts;
    int64_t rest = size;
    for (uint32_t i = 0; i < parts; i++) {
        lengths[i] = rest < chunk ? rest : chunk;
        rest -= lengths[i];
    }
    return MOPT_OK;
}

static enum mopt_status check_parts(const int64_t *lengths, size_t count, int64_t size,
                                    uint32_t outputs, struct mopt_error *err)
{
    int64_t total = 0;
    if (count != outputs) {
        return mopt_error_set(err, MOPT_E_VALUE, "%zu lengths for %u outputs", count,
                              (unsigned)outputs);
    }
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || !mopt__i64_add(total, lengths[i], &total)) {
            return mopt_error_set(err, MOPT_E_VALUE, "length %zu is %lld", i,
                                  (long long)lengths[i]);
        }
    }
    return total == size
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_VALUE, "lengths add up to %lld, axis has %lld",
                                (long long)total, (long long)size);
}

static enum mopt_status check_num_outputs(const struct mopt_node *node, uint32_t outputs,
                                          bool given, struct mopt_error *err)
{
    int64_t wanted = outputs;
    if (node->op->since < 18 || !mopt__has_attribute(node, "num_outputs")) {
        return MOPT_OK;
    }
    const enum mopt_status status = mopt__attr_int(node, "num_outputs", outputs, &wanted, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (given) {
        return mopt_error_set(err, MOPT_E_FORMAT, "both lengths and num_outputs are given");
    }
    return wanted == outputs ? MOPT_OK
                             : mopt_error_set(err, MOPT_E_VALUE, "num_outputs is %lld, node has %u",
                                              (long long)wanted, (unsigned)outputs);
}

static enum mopt_status take(struct mopt_eval *eval, const struct mopt_tensor *in, int axis,
                             uint32_t i, int64_t at, int64_t length, struct mopt_error *err)
{
    struct mopt_tensor *out = NULL;
    struct mopt_copy copy = {.from = in, .rank = in->rank};
    for (int k = 0; k < in->rank; k++) {
        copy.dims[k] = k == axis ? length : in->dims[k];
    }
    const enum mopt_status status =
        mopt__open_output(eval, i, in->dtype, in->rank, copy.dims, &out, err);
    if (status != MOPT_OK) {
        return status;
    }
    copy.to = out;
    mopt__strides(out->rank, out->dims, copy.to_strides);
    mopt__strides(in->rank, in->dims, copy.from_strides);
    copy.from_first = at * copy.from_strides[axis];
    return mopt__copy_box(&copy, eval->pool, err);
}

static enum mopt_status read_lengths(const struct mopt_eval *eval, int64_t size, int64_t **lengths,
                                     struct mopt_error *err)
{
    size_t count = 0;
    bool given = false;
    const bool old_input = as_input(eval->node) && eval->node->op->until == 1;
    enum mopt_status status = MOPT_OK;
    *lengths = NULL;
    if (old_input && mopt__eval_input(eval, 1) != NULL) {
        const struct mopt_tensor *list = mopt__eval_input(eval, 1); // same float type as the data
        *lengths = mopt__calloc(list->count + 1, sizeof **lengths);
        if (*lengths == NULL) {
            return mopt_error_memory(err);
        }
        for (size_t i = 0; i < list->count; i++) {
            (*lengths)[i] = (int64_t)fmax(-1.0, fmin(9e15, mopt__tensor_f64(list, i)));
        }
        count = list->count;
        given = true;
    } else {
        const bool input = as_input(eval->node) && !old_input;
        status = mopt__list_i64(eval, input ? 1 : 0, input ? NULL : "split", lengths, &count,
                                &given, err);
    }
    if (status == MOPT_OK) {
        status = check_num_outputs(eval->node, eval->output_count, given, err);
    }
    if (status == MOPT_OK && given) {
        return check_parts(*lengths, count, size, eval->output_count, err);
    }
    if (status == MOPT_OK) {
        *lengths = mopt__calloc(eval->output_count + 1U, sizeof **lengths);
        status = *lengths == NULL
                     ? mopt_error_memory(err)
                     : equal_parts(eval->node, size, eval->output_count, *lengths, err);
    }
    return status;
}

static enum mopt_status split_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    int64_t *lengths = NULL;
    int64_t value = 0;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", 0, &value, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = read_lengths(eval, in[0]->dims[axis], &lengths, err);
    }
    int64_t at = 0;
    for (uint32_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        status = take(eval, in[0], axis, i, at, lengths[i], err);
        at += lengths[i];
    }
    mopt__free(lengths);
    return status;
}

// ---- Inference ------------------------------------------------------------------------------------------------

// Lengths of the outputs as dims; entries unknown where nothing can be told.
static enum mopt_status infer_lengths(const struct mopt_infer *infer, int64_t size,
                                      int64_t *lengths, struct mopt_error *err)
{
    const uint32_t outputs = infer->node->output_count;
    const bool input = as_input(infer->node) && infer->node->op->until != 1;
    const int64_t *items = NULL;
    size_t count = 0;
    bool given = false;
    if (infer->node->op->until == 1 && mopt__infer_has(infer, 1)) { // the input comes first
        for (uint32_t i = 0; i < outputs; i++) {
            lengths[i] = MOPT_DIM_UNKNOWN;
        }
        return MOPT_OK;
    }
    const bool listed =
        mopt__infer_list(infer, input ? 1 : 0, input ? NULL : "split", &items, &count, &given);
    given = given && (input || count > 0); // an empty attribute is none
    items = count > 0 ? items : NULL;
    if (listed && given && count != outputs) {
        return mopt_error_set(err, MOPT_E_VALUE, "%zu lengths for %u outputs", count,
                              (unsigned)outputs);
    }
    int64_t known = 0;
    const bool sized = mopt__dim_is_known(infer->dims, size, &known);
    for (uint32_t i = 0; i < outputs; i++) {
        lengths[i] = items != NULL ? items[i] : MOPT_DIM_UNKNOWN;
        if (items != NULL && !input && items[i] < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "length %u is %lld", (unsigned)i,
                                  (long long)items[i]);
        }
    }
    if (given) {
        return MOPT_OK;
    }
    if (sized) {
        return equal_parts(infer->node, known, outputs, lengths, err);
    }
    const int64_t chunk = mopt__dim_ceildiv(infer->dims, size, outputs);
    for (uint32_t i = 0; i + 1 < outputs || (infer->node->op->since < 18 && i < outputs); i++) {
        lengths[i] = chunk;
    }
    if (infer->node->op->since >= 18 && outputs > 0) {
        lengths[outputs - 1] = outputs == 1 ? size : MOPT_DIM_UNKNOWN;
    }
    return MOPT_OK;
}

static enum mopt_status split_values(struct mopt_infer *infer, const int64_t *lengths,
                                     struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    size_t at = 0;
    enum mopt_status status = MOPT_OK;
    if (!mopt__infer_ints(infer, 0, &items, &count)) {
        return MOPT_OK;
    }
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        int64_t length = 0;
        if (!mopt__dim_is_known(infer->dims, lengths[i], &length) || length < 0 ||
            at + (size_t)length > count) {
            return MOPT_OK;
        }
        status = mopt__infer_set_ints(infer, i, 1, items + at, (size_t)length, err);
        at += (size_t)length;
    }
    return status;
}

static enum mopt_status split_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_status status = MOPT_OK;
    int axis = 0;
    if (type == NULL || type->rank < 0) {
        for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
            status = mopt__infer_set(infer, i, mopt__infer_dtype(infer, 0), -1, NULL, err);
        }
        return status;
    }
    int64_t *lengths =
        mopt__arena_alloc(infer->arena, infer->node->output_count + 1U, sizeof *lengths);
    if (lengths == NULL) {
        return mopt_error_memory(err);
    }
    status = mopt__axis_normalise(mopt__int_of(infer->node, "axis", 0), type->rank, &axis, err);
    if (status == MOPT_OK) {
        status = infer_lengths(infer, type->dims[axis], lengths, err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        int64_t dims[MOPT_RANK_MAX];
        for (int k = 0; k < type->rank; k++) {
            dims[k] = type->dims[k];
        }
        dims[axis] = lengths[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : lengths[i];
        status = mopt__infer_set(infer, i, type->dtype, type->rank, dims, err);
    }
    return status == MOPT_OK && type->rank == 1 ? split_values(infer, lengths, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(from, to, set, ...)                                                          \
    {                                                                                       \
        .domain = "", .name = "Split", .since = from, .until = to,                          \
        .summary = "consecutive pieces along an axis",                                      \
        MOPT_OUTPUTS({"outputs", "T", set, MOPT_PARAM_VARIADIC}), __VA_ARGS__,              \
        .traits = MOPT_TRAIT_SHAPE_ONLY, .quant = &mopt__quant_moves, .infer = split_infer, \
        .eval = split_eval                                                                  \
    }
#define LENGTHS(set)                    \
    MOPT_INPUTS({"input", "T", set, 0}, \
                {"split", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL})

static const struct mopt_op records[] = {
    RECORD(1, 1, MOPT_SET_FLOATS,
           MOPT_INPUTS({"input", "T", MOPT_SET_FLOATS, 0},
                       {"split", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL}),
           MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0), MOPT_A_INTS("split"))),
    RECORD(2, 12, MOPT_SET_ALL, MOPT_INPUTS({"input", "T", MOPT_SET_ALL, 0}),
           MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0), MOPT_A_INTS("split"))),
    RECORD(13, 17, MOPT_SET_ALL_13, LENGTHS(MOPT_SET_ALL_13),
           MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0))),
    RECORD(18, 0, MOPT_SET_ALL_13, LENGTHS(MOPT_SET_ALL_13),
           MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0), MOPT_A_INT_OPTIONAL("num_outputs"))),
};
const struct mopt_op_family mopt__ops_split = {records, MOPT_COUNTOF(records)};
