// SPDX-License-Identifier: Apache-2.0
// Choice of the kernel of one step: the operator's bound kernel for the shapes at hand, or its
// reference.
#include "exec/program.h"

static uint64_t hash_tensor(const struct mopt_tensor *tensor)
{
    uint64_t hash = mopt__hash_mix((uint64_t)tensor->dtype + 1, (uint64_t)tensor->rank);
    for (int d = 0; d < tensor->rank; d++) {
        hash = mopt__hash_mix(hash, (uint64_t)tensor->dims[d]);
    }
    return hash;
}

uint64_t mopt__exec_signature(struct mopt_datum *const *data, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t item = 0;
        if (data[i] != NULL) {
            item = data[i]->kind == MOPT_DATUM_TENSOR ? hash_tensor(data[i]->tensor)
                                                      : (uint64_t)data[i]->kind + 100;
        }
        hash = mopt__hash_mix(hash, item);
    }
    return hash;
}

void mopt__step_release(struct mopt_step *step)
{
    if (step->free_state != NULL) {
        step->free_state(step->state);
    }
    step->run = NULL;
    step->state = NULL;
    step->free_state = NULL;
    step->bound = false;
}

static enum mopt_status no_body(struct mopt_infer *infer, struct mopt_graph *graph,
                                const struct mopt_fact *inputs, size_t input_count,
                                struct mopt_fact *outputs, struct mopt_error *err)
{
    (void)infer;
    (void)graph;
    (void)inputs;
    (void)input_count;
    (void)outputs;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "a body cannot be inferred while binding");
}

struct binder {
    struct mopt_arena arena;
    struct mopt_fact *inputs, *outputs;
    struct mopt_dims *dims;
};

static enum mopt_status input_facts(const struct mopt_session *session,
                                    const struct mopt_step *step, struct mopt_datum *const *inputs,
                                    struct binder *b, struct mopt_error *err)
{
    const struct mopt_node *node = step->node;
    b->inputs = mopt__arena_alloc(&b->arena, node->input_count + (size_t)1, sizeof *b->inputs);
    b->outputs = mopt__arena_alloc(&b->arena, node->output_count + (size_t)1, sizeof *b->outputs);
    if (b->inputs == NULL || b->outputs == NULL) {
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (inputs[i] == NULL || inputs[i]->kind != MOPT_DATUM_TENSOR) {
            continue;
        }
        const struct mopt_tensor *tensor = inputs[i]->tensor;
        b->inputs[i].type = mopt__type_tensor(&b->arena, tensor->dtype, tensor->rank, tensor->dims);
        if (b->inputs[i].type == NULL) {
            return mopt_error_memory(err);
        }
        const struct mopt_value *value = node->inputs[i].value;
        if (mopt__session_constant(session, value) != NULL &&
            inputs[i] == session->constants[value->id]) {
            b->inputs[i].constant = inputs[i]->tensor;
        }
    }
    return MOPT_OK;
}

static enum mopt_status infer_step(const struct mopt_step *step, struct binder *b,
                                   struct mopt_error *err)
{
    const struct mopt_op *op = step->node->op;
    struct mopt_infer infer = {.node = step->node,
                               .version = step->version,
                               .dims = b->dims,
                               .arena = &b->arena,
                               .inputs = b->inputs,
                               .outputs = b->outputs,
                               .body = no_body};
    return op->infer != NULL ? op->infer(&infer, err) : MOPT_OK;
}

static enum mopt_status bind(struct mopt_session *session, struct mopt_step *step,
                             struct mopt_datum *const *inputs, struct binder *b,
                             struct mopt_error *err)
{
    enum mopt_status status = input_facts(session, step, inputs, b, err);
    status = status == MOPT_OK ? infer_step(step, b, err) : status;
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_bind request = {.node = step->node,
                                .version = step->version,
                                .inputs = b->inputs,
                                .outputs = b->outputs,
                                .dims = b->dims,
                                .threads = mopt__pool_size(session->pool),
                                .kernels = &session->kernels};
    status = step->node->op->bind(&request, err);
    if (status == MOPT_OK) {
        step->run = request.run;
        step->state = request.state;
        step->free_state = request.free_state;
    }
    return status;
}

static enum mopt_status binder_init(struct binder *b, struct mopt_error *err)
{
    *b = (struct binder){.dims = mopt__dims_new()};
    mopt__arena_init(&b->arena);
    return b->dims != NULL ? MOPT_OK : mopt_error_memory(err);
}

static void binder_release(struct binder *b)
{
    mopt__dims_free(b->dims);
    mopt__arena_release(&b->arena);
}

// A copy whose dims are numbers without a table; NULL: not fully known, or no memory. Adds its
// bytes.
static const struct mopt_type *keep_type(const struct mopt_dims *dims, const struct mopt_type *type,
                                         struct mopt_arena *arena, size_t *sum)
{
    int64_t numbers[MOPT_RANK_MAX];
    size_t count;
    size_t bytes;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank > MOPT_RANK_MAX ||
        !mopt__type_count(dims, type, &count) || !mopt__dtype_bytes(type->dtype, count, &bytes) ||
        !mopt__size_add(*sum, bytes, sum)) {
        return NULL;
    }
    for (int d = 0; d < type->rank; d++) {
        (void)mopt__dim_is_known(dims, type->dims[d], &numbers[d]);
    }
    return mopt__type_tensor(arena, type->dtype, type->rank, numbers);
}

static bool find_types(const struct mopt_session *session, const struct mopt_step *step,
                       struct mopt_step_types *types, struct binder *b)
{
    const struct mopt_node *node = step->node;
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    if (input_facts(session, step, step->inputs, b, &ignored) != MOPT_OK) {
        return false;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (types->inputs[i] != NULL) {
            b->inputs[i] = (struct mopt_fact){.type = types->inputs[i]};
        }
    }
    bool known = infer_step(step, b, &ignored) == MOPT_OK;
    types->bytes = 0;
    types->content = NULL;
    for (uint32_t o = 0; known && o < node->output_count; o++) {
        if (node->outputs[o] == NULL) {
            continue;
        }
        types->outputs[o] = keep_type(b->dims, b->outputs[o].type, types->arena, &types->bytes);
        known = types->outputs[o] != NULL;
    }
    if (known && node->output_count == 1 && b->outputs[0].ints != NULL) {
        known = mopt__ints_content(b->dims, b->outputs[0].ints, types->outputs[0]->dtype,
                                   &types->content, &ignored) == MOPT_OK;
    }
    return known;
}

bool mopt__step_types(const struct mopt_session *session, const struct mopt_step *step,
                      struct mopt_step_types *types)
{
    struct mopt_error ignored;
    struct binder b;
    mopt_error_clear(&ignored);
    bool known = binder_init(&b, &ignored) == MOPT_OK && find_types(session, step, types, &b);
    binder_release(&b);
    return known;
}

enum mopt_status mopt__step_bind(struct mopt_session *session, struct mopt_step *step,
                                 const struct mopt_eval *eval, struct mopt_error *err)
{
    if (session->options.reference || step->node->op->bind == NULL) {
        return MOPT_OK;
    }
    uint64_t signature = mopt__exec_signature(eval->inputs, eval->input_count);
    if (step->bound && step->signature == signature) {
        return MOPT_OK;
    }
    mopt__step_release(step);
    enum mopt_status status = mopt__eval_check(eval, err); // arity and types: bind relies on them
    if (status != MOPT_OK) {
        return status;
    }
    struct binder b;
    status = binder_init(&b, err);
    status = status == MOPT_OK ? bind(session, step, eval->inputs, &b, err) : status;
    binder_release(&b);
    if (status == MOPT_OK) {
        step->signature = signature;
        step->bound = true;
    }
    return status;
}

enum mopt_status mopt__step_call(struct mopt_step *step, struct mopt_eval *eval,
                                 struct mopt_error *err)
{
    if (step->run == NULL) {
        return mopt__eval_run(eval, err);
    }
    eval->state = step->state;
    enum mopt_status status = step->run(eval, err);
    mopt__eval_release_spare(eval);
    return status;
}
