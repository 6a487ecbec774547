// SPDX-License-Identifier: Apache-2.0
// Scan: a body runs once per slice of its scanned inputs, carrying state and collecting slices of
// outputs. Opset 8 works batch by batch on [batch, sequence, ...]; from 9 on the axes are free and
// there is no batch.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"
#include "ops/stack.h"

// How the node is built.
struct layout {
    struct mopt_graph *body;
    bool batched;     // opset 8
    size_t first;     // first input that is a state
    size_t states;    // N
    size_t scanned;   // M
    size_t collected; // K
    const int64_t *in_axes, *in_directions, *out_axes, *out_directions; // NULL: all 0
};

static enum mopt_status list_attribute(const struct mopt_node *node, const char *name, size_t count,
                                       const int64_t **values, struct mopt_error *err)
{
    size_t given;
    enum mopt_status status = mopt__attr_ints(node, name, values, &given, err);
    if (status == MOPT_OK && given != 0 && given != count) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has %zu entries, must have %zu",
                              name, given, count);
    }
    if (given == 0) {
        *values = NULL;
    }
    return status;
}

static enum mopt_status lists(const struct mopt_node *node, struct layout *layout,
                              struct mopt_error *err)
{
    if (layout->batched) {
        return list_attribute(node, "directions", layout->scanned, &layout->in_directions, err);
    }
    enum mopt_status status =
        list_attribute(node, "scan_input_axes", layout->scanned, &layout->in_axes, err);
    if (status == MOPT_OK) {
        status = list_attribute(node, "scan_input_directions", layout->scanned,
                                &layout->in_directions, err);
    }
    if (status == MOPT_OK) {
        status =
            list_attribute(node, "scan_output_axes", layout->collected, &layout->out_axes, err);
    }
    if (status == MOPT_OK) {
        status = list_attribute(node, "scan_output_directions", layout->collected,
                                &layout->out_directions, err);
    }
    return status;
}

static enum mopt_status open_layout(const struct mopt_node *node, int64_t version,
                                    struct layout *layout, struct mopt_error *err)
{
    *layout = (struct layout){.batched = version < 9, .first = version < 9 ? 1 : 0};
    int64_t scanned;
    enum mopt_status status = mopt__attr_graph(node, "body", &layout->body, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "num_scan_inputs", 0, &scanned, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    size_t inputs = node->input_count > layout->first ? node->input_count - layout->first : 0;
    if (scanned < 1 || (uint64_t)scanned > inputs) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'num_scan_inputs' is %lld of %zu",
                              (long long)scanned, inputs);
    }
    layout->scanned = (size_t)scanned;
    layout->states = inputs - layout->scanned;
    if (layout->body->inputs.count != inputs || layout->body->outputs.count < layout->states ||
        node->output_count > layout->body->outputs.count) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "body has %zu inputs and %zu outputs, which does not fit the node",
                              layout->body->inputs.count, layout->body->outputs.count);
    }
    layout->collected = layout->body->outputs.count - layout->states;
    return lists(node, layout, err);
}

// ---- Inference ----------------------------------------------------------------------------------

// Type without the axes that the body does not see; *length gets the scanned dimension.
static enum mopt_status sliced(struct mopt_infer *infer, const struct layout *layout, size_t i,
                               struct mopt_fact *out, int64_t *length, struct mopt_error *err)
{
    size_t input = layout->first + i;
    bool state = i < layout->states;
    const struct mopt_type *type = mopt__infer_tensor(infer, (uint32_t)input);
    if (type == NULL) {
        return MOPT_OK;
    }
    int drop = layout->batched ? 0 : -1;
    int axis = layout->batched && !state ? 1 : -1;
    if (!layout->batched && !state && type->rank >= 0) {
        int64_t given = layout->in_axes != NULL ? layout->in_axes[i - layout->states] : 0;
        enum mopt_status status = mopt__axis_normalise(given, type->rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = type->rank < 0 ? -1 : 0;
    for (int k = 0; k < type->rank; k++) {
        if (k == axis) {
            *length = type->dims[k];
        } else if (k != drop) {
            dims[rank++] = type->dims[k];
        }
    }
    out->type = mopt__type_tensor(infer->arena, type->dtype, rank, dims);
    return out->type != NULL ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status with_axes(struct mopt_infer *infer, const struct layout *layout, uint32_t i,
                                  const struct mopt_type *type, int64_t length,
                                  struct mopt_error *err)
{
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR) {
        return MOPT_OK;
    }
    bool state = i < layout->states;
    int added = (layout->batched ? 1 : 0) + (state ? 0 : 1);
    if (type->rank < 0 || type->rank + added > MOPT_RANK_MAX) {
        return mopt__infer_set(infer, i, type->dtype, -1, NULL, err);
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = type->rank + added;
    int axis = -1;
    if (!state) {
        int64_t given = layout->out_axes != NULL ? layout->out_axes[i - layout->states] : 0;
        enum mopt_status status =
            layout->batched ? MOPT_OK : mopt__axis_normalise(given, rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        axis = layout->batched ? 1 : axis;
    }
    const struct mopt_type *first = mopt__infer_tensor(infer, (uint32_t)layout->first);
    for (int k = 0, from = 0; k < rank; k++) {
        if (k == axis) {
            dims[k] = length;
        } else if (layout->batched && k == 0) {
            dims[k] = first != NULL && first->rank > 0 ? first->dims[0] : MOPT_DIM_UNKNOWN;
        } else {
            dims[k] = type->dims[from++];
        }
    }
    return mopt__infer_set(infer, i, type->dtype, rank, dims, err);
}

static enum mopt_status scan_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct layout layout;
    enum mopt_status status = open_layout(infer->node, infer->version, &layout, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t count = layout.states + layout.scanned;
    struct mopt_fact *in = mopt__arena_alloc(infer->arena, count + 1, sizeof *in);
    struct mopt_fact *out =
        mopt__arena_alloc(infer->arena, layout.body->outputs.count + 1, sizeof *out);
    if (in == NULL || out == NULL) {
        return mopt_error_memory(err);
    }
    int64_t length = MOPT_DIM_UNKNOWN;
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        status = sliced(infer, &layout, i, &in[i], &length, err);
    }
    if (status == MOPT_OK) {
        status = infer->body(infer, layout.body, in, count, out, err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        const struct mopt_type *type = out[i].type;
        if (i < layout.states && type != NULL) {
            status = mopt__infer_join(infer, in[i].type, type, &type, err);
        }
        if (status == MOPT_OK) {
            status = with_axes(infer, &layout, i, type, length, err);
        }
    }
    return status;
}

// ---- Running ------------------------------------------------------------------------------------

// One run over a sequence.
struct scanning {
    struct mopt_eval *eval;
    const struct layout *layout;
    struct mopt_datum **in;      // [states + scanned], owned; states first
    struct mopt_datum **out;     // [states + collected], owned
    struct mopt_tensor **inputs; // [scanned] whole sequences
    int *axes;                   // [scanned]
    int64_t length;
    struct mopt_stack *stacks; // [collected]
};

static enum mopt_status set_slice(struct scanning *scan, size_t i, int64_t position,
                                  struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    bool backward = layout->in_directions != NULL && layout->in_directions[i] != 0;
    int64_t at = backward ? scan->length - 1 - position : position;
    struct mopt_tensor *slice;
    enum mopt_status status =
        mopt__slice_axis(scan->inputs[i], scan->axes[i], at, 1, true, &slice, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_datum **slot = &scan->in[layout->states + i];
    mopt__data_release(slot, 1);
    status = mopt__datum_tensor(slice, slot, err);
    mopt__tensor_unref(slice);
    return status;
}

static enum mopt_status step(struct scanning *scan, int64_t position, struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    struct mopt_eval *eval = scan->eval;
    enum mopt_status status =
        eval->budget != NULL ? mopt__budget_check(eval->budget, err) : MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < layout->scanned; i++) {
        status = set_slice(scan, i, position, err);
    }
    if (status == MOPT_OK) {
        status = eval->body(eval, layout->body, scan->in, layout->states + layout->scanned,
                            scan->out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < layout->collected; i++) {
        status = mopt__stack_push(&scan->stacks[i], scan->out[layout->states + i], err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__data_release(scan->in, layout->states);
    if (layout->states > 0) {
        memcpy(scan->in, scan->out, layout->states * sizeof(struct mopt_datum *));
        memset(scan->out, 0, layout->states * sizeof(struct mopt_datum *));
    }
    mopt__data_release(scan->out + layout->states, layout->collected);
    return MOPT_OK;
}

static enum mopt_status run_sequence(struct scanning *scan, int64_t steps, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int64_t t = 0; status == MOPT_OK && t < steps; t++) {
        status = step(scan, t, err);
        if (status != MOPT_OK) {
            mopt_error_wrap(err, "step %lld", (long long)t);
        }
    }
    return status;
}

static enum mopt_status scan_allocate(struct scanning *scan, struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    scan->in = mopt__calloc(layout->states + layout->scanned, sizeof(struct mopt_datum *));
    scan->out = mopt__calloc(layout->body->outputs.count + 1, sizeof(struct mopt_datum *));
    scan->inputs = mopt__calloc(layout->scanned, sizeof(struct mopt_tensor *));
    scan->axes = mopt__calloc(layout->scanned, sizeof(int));
    scan->stacks = mopt__calloc(layout->collected + 1, sizeof *scan->stacks);
    return scan->in != NULL && scan->out != NULL && scan->inputs != NULL && scan->axes != NULL &&
                   scan->stacks != NULL
               ? MOPT_OK
               : mopt_error_memory(err);
}

// Drops what one run left, so that the next batch item can start.
static void scan_reset(struct scanning *scan)
{
    const struct layout *layout = scan->layout;
    if (scan->in != NULL) {
        mopt__data_release(scan->in, layout->states + layout->scanned);
    }
    if (scan->out != NULL) {
        mopt__data_release(scan->out, layout->body->outputs.count);
    }
    for (size_t i = 0; scan->inputs != NULL && i < layout->scanned; i++) {
        mopt__tensor_unref(scan->inputs[i]);
        scan->inputs[i] = NULL;
    }
    for (size_t i = 0; scan->stacks != NULL && i < layout->collected; i++) {
        mopt__stack_release(&scan->stacks[i]);
    }
}

static void scan_release(struct scanning *scan)
{
    scan_reset(scan);
    mopt__free(scan->in);
    mopt__free(scan->out);
    mopt__free(scan->inputs);
    mopt__free(scan->axes);
    mopt__free(scan->stacks);
}

// An output over no steps has the declared shape of the body's output and length 0.
static enum mopt_status empty_slices(const struct layout *layout, size_t i, int axis,
                                     struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_value *value = layout->body->outputs.items[layout->states + i];
    const struct mopt_type *type = value->type != NULL ? value->type : value->declared;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_UNDEFINED ||
        type->rank >= MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "type of scanned output %zu is not known and no step was made", i);
    }
    int64_t dims[MOPT_RANK_MAX] = {0};
    int rank = type->rank < 0 ? 1 : type->rank + 1;
    for (int k = 0; k < rank; k++) {
        int64_t dim = k == axis ? 0 : type->dims[k < axis ? k : k - 1];
        dims[k] = dim > 0 ? dim : 0;
    }
    return mopt__tensor_new(type->dtype, rank, dims, out, err);
}

static enum mopt_status collect(struct scanning *scan, size_t i, struct mopt_tensor **out,
                                struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    const struct mopt_stack *stack = &scan->stacks[i];
    const struct mopt_value *value = layout->body->outputs.items[layout->states + i];
    const struct mopt_type *type = value->type != NULL ? value->type : value->declared;
    int rank = stack->count > 0 ? stack->items[0]->rank + 1
                                : (type != NULL && type->rank >= 0 ? type->rank + 1 : 1);
    int axis;
    enum mopt_status status =
        mopt__axis_normalise(layout->out_axes != NULL ? layout->out_axes[i] : 0, rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    bool prepend = layout->out_directions != NULL && layout->out_directions[i] != 0;
    return stack->count > 0 ? mopt__stack_join(stack, axis, prepend, out, err)
                            : empty_slices(layout, i, axis, out, err);
}

// Sequence length common to all scanned inputs.
static enum mopt_status common_length(struct scanning *scan, struct mopt_error *err)
{
    for (size_t i = 0; i < scan->layout->scanned; i++) {
        const struct mopt_tensor *input = scan->inputs[i];
        int64_t given = scan->layout->in_axes != NULL ? scan->layout->in_axes[i] : 0;
        enum mopt_status status = mopt__axis_normalise(given, input->rank, &scan->axes[i], err);
        if (status != MOPT_OK) {
            return status;
        }
        int64_t length = input->dims[scan->axes[i]];
        if (i > 0 && length != scan->length) {
            return mopt_error_set(err, MOPT_E_SHAPE, "scanned inputs have lengths %lld and %lld",
                                  (long long)scan->length, (long long)length);
        }
        scan->length = length;
    }
    return MOPT_OK;
}

static enum mopt_status eval_free_axes(struct scanning *scan, struct mopt_error *err)
{
    struct mopt_eval *eval = scan->eval;
    const struct layout *layout = scan->layout;
    for (size_t i = 0; i < layout->states; i++) {
        scan->in[i] = mopt__datum_ref(eval->inputs[i]);
    }
    for (size_t i = 0; i < layout->scanned; i++) {
        struct mopt_tensor *input = mopt__eval_input_mutable(eval, (uint32_t)(layout->states + i));
        if (input == NULL) {
            return mopt_error_set(err, MOPT_E_TYPE, "scanned input %zu is not a tensor", i);
        }
        scan->inputs[i] = mopt__tensor_ref(input);
    }
    enum mopt_status status = common_length(scan, err);
    if (status == MOPT_OK) {
        status = run_sequence(scan, scan->length, err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        if (i < layout->states) {
            status = mopt__eval_set_datum(eval, i, scan->in[i]);
            continue;
        }
        struct mopt_tensor *joined;
        status = collect(scan, i - layout->states, &joined, err);
        if (status == MOPT_OK) {
            status = mopt__eval_set(eval, i, joined, err);
            mopt__tensor_unref(joined);
        }
    }
    return status;
}

// ---- Opset 8 ------------------------------------------------------------------------------------

// Batch item b of input i.
static enum mopt_status batch_item(const struct scanning *scan, size_t i, int64_t b,
                                   struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_tensor *whole =
        mopt__eval_input(scan->eval, (uint32_t)(scan->layout->first + i));
    if (whole == NULL || whole->rank < 1 || b >= whole->dims[0]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input %zu has no batch item %lld", i,
                              (long long)b);
    }
    return mopt__slice_axis(whole, 0, b, 1, true, out, err);
}

// Copies what the run over one batch item gave into row b of the outputs' stacks; short sequences
// are filled up.
static enum mopt_status keep_row(struct scanning *scan, struct mopt_stack *rows, int64_t longest,
                                 struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < layout->states; i++) {
        status = mopt__stack_push(&rows[i], scan->in[i], err);
    }
    for (size_t i = 0; status == MOPT_OK && i < layout->collected; i++) {
        struct mopt_tensor *joined;
        status = collect(scan, i, &joined, err);
        if (status != MOPT_OK) {
            return status;
        }
        int64_t dims[MOPT_RANK_MAX];
        memcpy(dims, joined->dims, sizeof dims);
        dims[0] = longest;
        struct mopt_tensor *full;
        status = mopt__tensor_new(joined->dtype, joined->rank, dims, &full, err);
        if (status == MOPT_OK) {
            if (joined->dtype == MOPT_STRING) {
                status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "strings are not scanned");
            } else if (full->bytes > 0) {
                memset(mopt__tensor_data(full), 0, full->bytes);
                memcpy(mopt__tensor_data(full), joined->data, joined->bytes);
            }
            struct mopt_datum row = {.kind = MOPT_DATUM_TENSOR, .tensor = full};
            if (status == MOPT_OK) {
                status = mopt__stack_push(&rows[layout->states + i], &row, err);
            }
            mopt__tensor_unref(full);
        }
        mopt__tensor_unref(joined);
    }
    return status;
}

static enum mopt_status run_batch_item(struct scanning *scan, int64_t b, struct mopt_stack *rows,
                                       struct mopt_error *err)
{
    const struct layout *layout = scan->layout;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < layout->states; i++) {
        struct mopt_tensor *state;
        status = batch_item(scan, i, b, &state, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(state, &scan->in[i], err);
            mopt__tensor_unref(state);
        }
    }
    for (size_t i = 0; status == MOPT_OK && i < layout->scanned; i++) {
        status = batch_item(scan, layout->states + i, b, &scan->inputs[i], err);
    }
    if (status == MOPT_OK) {
        status = common_length(scan, err);
    }
    int64_t longest = scan->length;
    const struct mopt_tensor *lengths = mopt__eval_input(scan->eval, 0);
    if (status == MOPT_OK && lengths != NULL) {
        int64_t own = (size_t)b < lengths->count ? mopt__tensor_i64_at(lengths, (size_t)b) : -1;
        if (own < 0 || own > longest) {
            return mopt_error_set(err, MOPT_E_VALUE, "sequence length of batch item %lld is %lld",
                                  (long long)b, (long long)own);
        }
        scan->length = own;
    }
    if (status == MOPT_OK) {
        status = run_sequence(scan, scan->length, err);
    }
    return status == MOPT_OK ? keep_row(scan, rows, longest, err) : status;
}

static enum mopt_status eval_batched(struct scanning *scan, struct mopt_error *err)
{
    struct mopt_eval *eval = scan->eval;
    size_t outputs = scan->layout->body->outputs.count;
    const struct mopt_tensor *first = mopt__eval_input(eval, (uint32_t)scan->layout->first);
    if (first == NULL || first->rank < 1 || first->dims[0] < 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "first input has no batch");
    }
    struct mopt_stack *rows = mopt__calloc(outputs + 1, sizeof *rows);
    if (rows == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (int64_t b = 0; status == MOPT_OK && b < first->dims[0]; b++) {
        status = run_batch_item(scan, b, rows, err);
        scan_reset(scan);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        struct mopt_tensor *joined;
        status = mopt__stack_join(&rows[i], 0, false, &joined, err);
        if (status == MOPT_OK) {
            status = mopt__eval_set(eval, i, joined, err);
            mopt__tensor_unref(joined);
        }
    }
    for (size_t i = 0; i < outputs; i++) {
        mopt__stack_release(&rows[i]);
    }
    mopt__free(rows);
    return status;
}

static enum mopt_status scan_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct layout layout;
    enum mopt_status status = open_layout(eval->node, eval->version, &layout, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (eval->body == NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "bodies cannot be run here");
    }
    struct scanning scan = {.eval = eval, .layout = &layout};
    status = scan_allocate(&scan, err);
    if (status == MOPT_OK) {
        status = layout.batched ? eval_batched(&scan, err) : eval_free_axes(&scan, err);
    }
    scan_release(&scan);
    return status;
}

#define VARIADIC (MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS)
#define BODY                                                      \
    {                                                             \
        .name = "body", .kind = MOPT_ATTR_GRAPH, .required = true \
    }
#define COMMON                                                                           \
    .domain = "", .name = "Scan", .summary = "runs a body over the slices of sequences", \
    MOPT_OUTPUTS({"final_state_and_scan_outputs", "V", MOPT_SET_ALL_25, VARIADIC}),      \
    .traits = MOPT_TRAIT_CONTROL, .infer = scan_infer, .eval = scan_eval

static const struct mopt_op records[] = {
    {COMMON, .since = 8, .until = 8,
     MOPT_INPUTS({"sequence_lens", "I", MOPT_SET_I64, MOPT_PARAM_OPTIONAL},
                 {"initial_state_and_scan_inputs", "V", MOPT_SET_ALL_25, VARIADIC}),
     MOPT_ATTRIBUTES(BODY, MOPT_A_INT_REQUIRED("num_scan_inputs"), MOPT_A_INTS("directions"))},
    {COMMON, .since = 9,
     MOPT_INPUTS({"initial_state_and_scan_inputs", "V", MOPT_SET_ALL_25, VARIADIC}),
     MOPT_ATTRIBUTES(BODY, MOPT_A_INT_REQUIRED("num_scan_inputs"), MOPT_A_INTS("scan_input_axes"),
                     MOPT_A_INTS("scan_input_directions"), MOPT_A_INTS("scan_output_axes"),
                     MOPT_A_INTS("scan_output_directions"))},
};
const struct mopt_op_family mopt__ops_scan = {records, MOPT_COUNTOF(records)};
