// SPDX-License-Identifier: Apache-2.0
// Loop: a body runs up to M times while a condition holds, carrying values from trip to trip and
// collecting others.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"
#include "ops/stack.h"

// Checks the body against the node: 2+N inputs, 1+N+K outputs, of which the node has at most N+K.
static enum mopt_status open_body(const struct mopt_node *node, struct mopt_graph **body,
                                  size_t *carried, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_graph(node, "body", body, err);
    if (status != MOPT_OK) {
        return status;
    }
    *carried = node->input_count > 2 ? node->input_count - 2 : 0;
    if ((*body)->inputs.count != *carried + 2 || (*body)->outputs.count < *carried + 1 ||
        node->output_count > (*body)->outputs.count - 1) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "body has %zu inputs and %zu outputs, which does not fit to %u "
                              "inputs and %u outputs of the node",
                              (*body)->inputs.count, (*body)->outputs.count, node->input_count,
                              node->output_count);
    }
    return MOPT_OK;
}

// ---- Inference ----------------------------------------------------------------------------------

struct looking {
    struct mopt_infer *infer;
    struct mopt_graph *body;
    size_t carried;
    struct mopt_fact *in;  // [2 + carried]
    struct mopt_fact *out; // [1 + carried + K]
    bool always;           // the condition is true before the first trip
};

static bool is_true(const struct mopt_fact *fact)
{
    return fact->constant != NULL && fact->constant->dtype == MOPT_BOOL &&
           fact->constant->count == 1 && mopt__tensor_i64_at(fact->constant, 0) != 0;
}

// Only element type and kind hold for every trip.
static enum mopt_status loosen(struct looking *look, struct mopt_fact *fact, struct mopt_error *err)
{
    fact->constant = NULL;
    fact->ints = NULL;
    if (fact->type != NULL && fact->type->kind == MOPT_TYPE_TENSOR) {
        fact->type = mopt__type_tensor(look->infer->arena, fact->type->dtype, -1, NULL);
    } else if (fact->type != NULL && fact->type->kind == MOPT_TYPE_SEQUENCE) {
        const struct mopt_type *element = fact->type->element;
        if (element != NULL && element->kind == MOPT_TYPE_TENSOR) {
            element = mopt__type_tensor(look->infer->arena, element->dtype, -1, NULL);
        }
        fact->type = mopt__type_container(look->infer->arena, MOPT_TYPE_SEQUENCE, element);
    } else {
        fact->type = NULL;
        return MOPT_OK;
    }
    return fact->type != NULL ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status start(struct looking *look, struct mopt_error *err)
{
    struct mopt_infer *infer = look->infer;
    const struct mopt_node *node = infer->node;
    look->in[0].type = mopt__type_tensor(infer->arena, MOPT_INT64, 0, NULL);
    look->in[1].type = mopt__type_tensor(infer->arena, MOPT_BOOL, 0, NULL);
    if (look->in[0].type == NULL || look->in[1].type == NULL) {
        return mopt_error_memory(err);
    }
    if (mopt__infer_has(infer, 1)) {
        look->always = is_true(&infer->inputs[1]);
        look->in[1].constant = look->always ? infer->inputs[1].constant : NULL;
    }
    for (size_t i = 0; i < look->carried; i++) {
        look->in[2 + i] =
            node->inputs[2 + i].value != NULL ? infer->inputs[2 + i] : (struct mopt_fact){0};
        look->in[2 + i].constant = NULL; // the first value is not the value of later trips
        look->in[2 + i].ints = NULL;
    }
    return MOPT_OK;
}

// Weakens what was assumed of carried values by what a trip made of them. *stable: nothing had to
// be weakened. Dims that change once are taken as unknown (a fresh symbol inside the body), so the
// same dim is not weakened twice.
static enum mopt_status weaken(struct looking *look, bool *stable, struct mopt_error *err)
{
    *stable = true;
    for (size_t i = 0; i < look->carried; i++) {
        struct mopt_fact *in = &look->in[2 + i];
        const struct mopt_type *joined;
        enum mopt_status status =
            mopt__infer_join(look->infer, in->type, look->out[1 + i].type, &joined, err);
        if (status != MOPT_OK) {
            return status;
        }
        bool same = joined == in->type ||
                    (joined != NULL && in->type != NULL && mopt__type_equal(joined, in->type));
        if (!same) {
            *stable = false;
            in->type = joined;
        }
    }
    return MOPT_OK;
}

static enum mopt_status look_into(struct looking *look, struct mopt_error *err)
{
    bool stable = false;
    int tries = mopt__infer_tired(look->infer, look->body) ? 0 : 2;
    for (int k = 0; k < tries && !stable; k++) {
        enum mopt_status status =
            look->infer->body(look->infer, look->body, look->in, look->carried + 2, look->out, err);
        if (status == MOPT_OK) {
            status = weaken(look, &stable, err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    if (stable) {
        return MOPT_OK;
    }
    for (size_t i = 0; i < look->carried; i++) {
        enum mopt_status status = loosen(look, &look->in[2 + i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return look->infer->body(look->infer, look->body, look->in, look->carried + 2, look->out, err);
}

// Number of trips as a dim number; unknown unless the condition provably never stops the loop.
static int64_t trip_dim(const struct looking *look)
{
    const int64_t *trips;
    size_t count;
    bool free_running =
        !mopt__infer_has(look->infer, 1) || (look->always && is_true(&look->out[0]));
    if (!free_running || !mopt__infer_ints(look->infer, 0, &trips, &count) || count != 1) {
        return MOPT_DIM_UNKNOWN;
    }
    int64_t known;
    if (mopt__dim_is_known(look->infer->dims, trips[0], &known)) {
        return known > 0 ? known : 0;
    }
    return mopt__dim_lower_bound(look->infer->dims, trips[0]) >= 0 ? trips[0] : MOPT_DIM_UNKNOWN;
}

static enum mopt_status collected(struct looking *look, uint32_t output, int64_t trips,
                                  struct mopt_error *err)
{
    const struct mopt_type *type = look->out[1 + output].type;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR) {
        return MOPT_OK;
    }
    int64_t dims[MOPT_RANK_MAX + 1];
    int rank = type->rank < 0 ? -1 : type->rank + 1;
    dims[0] = trips;
    for (int k = 1; k < rank; k++) {
        dims[k] = type->dims[k - 1];
    }
    return mopt__infer_set(look->infer, output, type->dtype, rank, dims, err);
}

static enum mopt_status loop_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct looking look = {.infer = infer};
    enum mopt_status status = open_body(infer->node, &look.body, &look.carried, err);
    if (status != MOPT_OK) {
        return status;
    }
    look.in = mopt__arena_alloc(infer->arena, look.body->inputs.count + 1, sizeof *look.in);
    look.out = mopt__arena_alloc(infer->arena, look.body->outputs.count + 1, sizeof *look.out);
    status = look.in != NULL && look.out != NULL ? start(&look, err) : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = look_into(&look, err);
    }
    int64_t trips = status == MOPT_OK ? trip_dim(&look) : 0;
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        if (i < look.carried) {
            const struct mopt_type *type;
            status = mopt__infer_join(infer, look.in[2 + i].type, look.out[1 + i].type, &type, err);
            mopt__infer_set_type(infer, i, type);
        } else {
            status = collected(&look, i, trips, err);
        }
    }
    return status;
}

// ---- Running ------------------------------------------------------------------------------------

struct looping {
    struct mopt_eval *eval;
    struct mopt_graph *body;
    size_t carried, collected;
    struct mopt_datum **in;  // [2 + carried], owned
    struct mopt_datum **out; // [1 + carried + collected], owned
    struct mopt_stack *stacks;
};

static enum mopt_status scalar_datum(enum mopt_dtype dtype, int64_t value, struct mopt_datum **out,
                                     struct mopt_error *err)
{
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__tensor_new(dtype, 0, NULL, &tensor, err);
    if (status == MOPT_OK) {
        mopt__element_set_i64(dtype, mopt__tensor_data(tensor), 0, value);
        status = mopt__datum_tensor(tensor, out, err);
        mopt__tensor_unref(tensor);
    }
    return status;
}

static enum mopt_status truth(const struct mopt_datum *datum, bool *value, struct mopt_error *err)
{
    if (datum == NULL || datum->kind != MOPT_DATUM_TENSOR || datum->tensor->dtype != MOPT_BOOL ||
        datum->tensor->count != 1) {
        return mopt_error_set(err, MOPT_E_TYPE, "loop condition is not a single bool");
    }
    *value = mopt__tensor_i64_at(datum->tensor, 0) != 0;
    return MOPT_OK;
}

static enum mopt_status limits(const struct mopt_eval *eval, bool *bounded, int64_t *trips,
                               bool *going, struct mopt_error *err)
{
    const struct mopt_tensor *most = mopt__eval_input(eval, 0);
    *bounded = most != NULL;
    *trips = 0;
    *going = true;
    if (most != NULL) {
        if (most->count != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "trip count has %zu elements, must have 1",
                                  most->count);
        }
        *trips = mopt__tensor_i64_at(most, 0);
    }
    return eval->input_count > 1 && eval->inputs[1] != NULL ? truth(eval->inputs[1], going, err)
                                                            : MOPT_OK;
}

static enum mopt_status first_inputs(struct looping *loop, bool going, struct mopt_error *err)
{
    struct mopt_eval *eval = loop->eval;
    for (size_t i = 0; i < loop->carried; i++) {
        loop->in[2 + i] = mopt__datum_ref(eval->inputs[2 + i]);
    }
    if (eval->input_count > 1 && eval->inputs[1] != NULL) {
        loop->in[1] = mopt__datum_ref(eval->inputs[1]);
        return MOPT_OK;
    }
    return scalar_datum(MOPT_BOOL, going ? 1 : 0, &loop->in[1], err);
}

// One trip; afterwards the outputs have become the inputs of the next one.
static enum mopt_status trip(struct looping *loop, int64_t number, struct mopt_error *err)
{
    struct mopt_eval *eval = loop->eval;
    mopt__data_release(loop->in, 1);
    enum mopt_status status = scalar_datum(MOPT_INT64, number, &loop->in[0], err);
    if (status == MOPT_OK && eval->budget != NULL) {
        status = mopt__budget_check(eval->budget, err);
    }
    if (status == MOPT_OK) {
        status = eval->body(eval, loop->body, loop->in, 2 + loop->carried, loop->out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < loop->collected; i++) {
        status = mopt__stack_push(&loop->stacks[i], loop->out[1 + loop->carried + i], err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__data_release(loop->in + 1, 1 + loop->carried);
    memcpy(loop->in + 1, loop->out, (1 + loop->carried) * sizeof(struct mopt_datum *));
    memset(loop->out, 0, (1 + loop->carried) * sizeof(struct mopt_datum *));
    mopt__data_release(loop->out + 1 + loop->carried, loop->collected);
    return MOPT_OK;
}

// What is collected over no trips: nothing, of the shape that the body's output is declared with.
static enum mopt_status empty_output(struct looping *loop, uint32_t output, struct mopt_error *err)
{
    const struct mopt_value *value = loop->body->outputs.items[1 + output];
    const struct mopt_type *type = value->type != NULL ? value->type : value->declared;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_UNDEFINED) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "type of output %u is not known and no trip was made", output);
    }
    int64_t dims[MOPT_RANK_MAX + 1] = {0};
    int rank = type->rank < 0 ? 1 : type->rank + 1;
    for (int k = 1; k < rank; k++) {
        dims[k] = type->dims[k - 1] > 0 ? type->dims[k - 1] : 0;
    }
    return mopt__eval_output(loop->eval, output, type->dtype, rank, dims, NULL, err);
}

static enum mopt_status finish(struct looping *loop, struct mopt_error *err)
{
    struct mopt_eval *eval = loop->eval;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; status == MOPT_OK && i < eval->output_count; i++) {
        if (i < loop->carried) {
            status = mopt__eval_set_datum(eval, i, loop->in[2 + i]);
            continue;
        }
        const struct mopt_stack *stack = &loop->stacks[i - loop->carried];
        if (stack->count == 0) {
            status = empty_output(loop, i, err);
            continue;
        }
        struct mopt_tensor *joined;
        status = mopt__stack_join(stack, 0, false, &joined, err);
        if (status == MOPT_OK) {
            status = mopt__eval_set(eval, i, joined, err);
            mopt__tensor_unref(joined);
        }
    }
    return status;
}

static enum mopt_status run(struct looping *loop, struct mopt_error *err)
{
    bool bounded;
    bool going;
    int64_t trips;
    enum mopt_status status = limits(loop->eval, &bounded, &trips, &going, err);
    if (status == MOPT_OK) {
        status = first_inputs(loop, going, err);
    }
    bool ask = loop->eval->input_count > 1 && loop->eval->inputs[1] != NULL;
    for (int64_t number = 0; status == MOPT_OK && going && (!bounded || number < trips); number++) {
        status = trip(loop, number, err);
        if (status == MOPT_OK && ask) {
            status = truth(loop->in[1], &going, err);
        }
        if (status != MOPT_OK) {
            mopt_error_wrap(err, "trip %lld", (long long)number);
        }
    }
    return status == MOPT_OK ? finish(loop, err) : status;
}

static enum mopt_status loop_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct looping loop = {.eval = eval};
    enum mopt_status status = open_body(eval->node, &loop.body, &loop.carried, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (eval->body == NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "bodies cannot be run here");
    }
    loop.collected = loop.body->outputs.count - 1 - loop.carried;
    loop.in = mopt__calloc(2 + loop.carried, sizeof(struct mopt_datum *));
    loop.out = mopt__calloc(loop.body->outputs.count, sizeof(struct mopt_datum *));
    loop.stacks = mopt__calloc(loop.collected + 1, sizeof *loop.stacks);
    if (loop.in == NULL || loop.out == NULL || loop.stacks == NULL) {
        status = mopt_error_memory(err);
    } else {
        status = run(&loop, err);
        mopt__data_release(loop.in, 2 + loop.carried);
        mopt__data_release(loop.out, loop.body->outputs.count);
        for (size_t i = 0; i < loop.collected; i++) {
            mopt__stack_release(&loop.stacks[i]);
        }
    }
    mopt__free(loop.in);
    mopt__free(loop.out);
    mopt__free(loop.stacks);
    return status;
}

#define VARIADIC (MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS)
#define RECORD(from, to, kinds)                                                               \
    {                                                                                         \
        .domain = "", .name = "Loop", .since = from, .until = to,                             \
        .summary = "runs a body a number of times or while a condition holds",                \
        MOPT_INPUTS({"M", "I", MOPT_SET_I64, MOPT_PARAM_OPTIONAL},                            \
                    {"cond", "B", MOPT_SET_BOOL, MOPT_PARAM_OPTIONAL},                        \
                    {"v_initial", "V", MOPT_SET_ALL_25,                                       \
                     VARIADIC | MOPT_PARAM_OPTIONAL | (kinds)}),                              \
        MOPT_OUTPUTS({"v_final_and_scan_outputs", "V", MOPT_SET_ALL_25, VARIADIC | (kinds)}), \
        MOPT_ATTRIBUTES({.name = "body", .kind = MOPT_ATTR_GRAPH, .required = true}),         \
        .traits = MOPT_TRAIT_CONTROL, .infer = loop_infer, .eval = loop_eval                  \
    }

static const struct mopt_op records[] = {
    RECORD(1, 12, 0),
    RECORD(13, 0, MOPT_PARAM_ANY),
};
const struct mopt_op_family mopt__ops_loop = {records, MOPT_COUNTOF(records)};
