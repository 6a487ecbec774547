// SPDX-License-Identifier: Apache-2.0
// What does not depend on any input is computed once, when the session is made: weights that a
// model assembles from pieces, tables, ranges. Codes that the integer natives may take are left
// alone, and so is whatever would need much more memory than what it is made of: other codes would
// need it in every run.
#include <string.h>

#include "exec/fold.h"
#include "exec/widen.h"
#include "ops/operands.h"

enum {
    GROWTH = 1 << 22, // bytes that results may have beyond twice their inputs
    ROOM = 1 << 20,   // bytes of generated values that may stay, at least
    ROOM_SHARE = 4,   // and as a part of the model's own constants
};

static bool is_dequantizer(const struct mopt_node *node)
{
    return strcmp(node->op_type, "DequantizeLinear") == 0;
}

// Operators that never look for the codes behind an operand.
static bool reads_floats(const struct mopt_node *node)
{
    static const char *const operators[] = {"Gather", "Transpose", "LSTM", "GRU", "RNN"};
    bool found = false;
    for (size_t i = 0; i < MOPT_COUNTOF(operators) && !found; i++) {
        found = strcmp(node->op_type, operators[i]) == 0;
    }
    return found;
}

// Constant codes of a form that natives can take, and a node that may want them (mopt__low_quant).
static bool keeps_codes(const struct mopt_session *session, const struct mopt_node *node)
{
    const struct mopt_tensor *x = mopt__session_constant(session, mopt__node_input(node, 0));
    const struct mopt_tensor *scale = mopt__session_constant(session, mopt__node_input(node, 1));
    const struct mopt_value *y = mopt__node_output(node, 0);
    const struct mopt_use *use = y != NULL ? y->uses : NULL;
    bool fits = x != NULL && scale != NULL && scale->dtype == MOPT_FLOAT32 && scale->rank <= 1 &&
                (x->dtype == MOPT_INT8 || x->dtype == MOPT_UINT8 || x->dtype == MOPT_INT32) &&
                mopt__int_of(node, "block_size", 0) == 0;
    while (use != NULL && reads_floats(use->node)) {
        use = use->next;
    }
    return fits && use != NULL;
}

// later: what may be a constant then; NULL: what is one.
static bool is_foldable(const struct mopt_session *session, const struct mopt_fold_value *later,
                        const struct mopt_node *node)
{
    const uint32_t never =
        MOPT_TRAIT_RANDOM | MOPT_TRAIT_CONTROL | MOPT_TRAIT_STATE | MOPT_TRAIT_NAMES;
    if ((node->op->traits & never) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        if (value != NULL && mopt__session_constant(session, value) == NULL &&
            (later == NULL || later[value->id].type == NULL)) {
            return false;
        }
    }
    if (is_dequantizer(node) &&
        (keeps_codes(session, node) || mopt__codes_are_weights(session, node))) {
        return false;
    }
    const struct mopt_tensor *x = mopt__session_constant(session, mopt__node_input(node, 0));
    return x == NULL || !mopt__weights_are_stored(node, x);
}

static size_t datum_bytes(const struct mopt_datum *datum)
{
    return datum != NULL && datum->kind == MOPT_DATUM_TENSOR ? datum->tensor->bytes : 0;
}

// Bytes of a folded result that the model does not hold itself.
static size_t counted_bytes(const struct mopt_node *node, const struct mopt_datum *datum)
{
    return strcmp(node->op_type, "Constant") == 0 ? 0 : datum_bytes(datum);
}

// True when every result is a tensor and they are not much larger than the inputs, or codes.
static bool is_worth(const struct mopt_step *step)
{
    size_t in = GROWTH;
    size_t out = 0;
    for (uint32_t i = 0; i < step->node->input_count; i++) {
        in += 2 * datum_bytes(step->inputs[i]);
    }
    for (uint32_t o = 0; o < step->node->output_count; o++) {
        if (step->outputs[o] != NULL && step->outputs[o]->kind != MOPT_DATUM_TENSOR) {
            return false;
        }
        out += datum_bytes(step->outputs[o]);
    }
    return out <= in || is_dequantizer(step->node);
}

// As a run computes it: by the kernel that is bound to these constants, or else the evaluator.
static enum mopt_status compute(struct mopt_session *session, struct mopt_step *step,
                                struct mopt_error *err)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 0);
    struct mopt_eval eval = {.node = step->node,
                             .version = step->version,
                             .inputs = step->inputs,
                             .outputs = step->outputs,
                             .input_count = step->node->input_count,
                             .output_count = step->node->output_count,
                             .pool = session->pool,
                             .rng = &rng};
    enum mopt_status status = mopt__step_bind(session, step, &eval, err);
    status = status == MOPT_OK ? mopt__step_call(step, &eval, err) : status;
    mopt__step_release(step); // nobody computes it again, or a run binds it again
    return status;
}

static void take_inputs(const struct mopt_session *session, struct mopt_step *step)
{
    for (uint32_t i = 0; i < step->node->input_count; i++) {
        const struct mopt_value *value = step->node->inputs[i].value;
        step->inputs[i] = value != NULL ? session->constants[value->id] : NULL;
    }
}

// A node that fails stays as it is: the run says what is wrong.
void mopt__session_fold_step(struct mopt_session *session, struct mopt_step *step)
{
    const struct mopt_node *node = step->node;
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    take_inputs(session, step);
    step->folded = compute(session, step, &ignored) == MOPT_OK && is_worth(step);
    for (uint32_t o = 0; o < node->output_count; o++) {
        struct mopt_datum *datum = step->outputs[o];
        step->outputs[o] = NULL;
        if (step->folded && node->outputs[o] != NULL && datum != NULL) {
            session->constants[node->outputs[o]->id] = datum;
            session->constant_bytes += counted_bytes(node, datum);
        } else {
            mopt__datum_unref(datum);
        }
    }
}

void mopt__fold_set(struct mopt_session *session, struct mopt_step *step,
                    struct mopt_tensor *content)
{
    const struct mopt_value *value = step->node->outputs[0];
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    step->folded = value != NULL &&
                   mopt__datum_tensor(content, &session->constants[value->id], &ignored) == MOPT_OK;
    session->constant_bytes += step->folded ? content->bytes : 0;
}

static void fold_schedule(struct mopt_folding *f, struct mopt_schedule *schedule)
{
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        struct mopt_step *step = &schedule->steps[s];
        if (!is_foldable(f->session, f->values, step->node)) {
            continue;
        }
        take_inputs(f->session, step);
        if (!mopt__fold_waits(f, step)) {
            mopt__session_fold_step(f->session, step);
        }
    }
}

static void fold_chosen(struct mopt_folding *f, struct mopt_schedule *schedule)
{
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        struct mopt_step *step = &schedule->steps[s];
        if (!mopt__fold_is_chosen(f, step->node) || !is_foldable(f->session, NULL, step->node)) {
            continue;
        }
        mopt__session_fold_step(f->session, step);
        if (step->folded) {
            mopt__fold_release_read(f, step->node);
        }
    }
}

const struct mopt_tensor *mopt__session_constant(const struct mopt_session *session,
                                                 const struct mopt_value *value)
{
    const struct mopt_datum *datum = value != NULL ? session->constants[value->id] : NULL;
    if (datum == NULL || datum->kind != MOPT_DATUM_TENSOR) {
        return NULL;
    }
    return mopt__value_is_overridable(value) ? NULL : datum->tensor;
}

// Needed by an output, a node that runs, or a body (its owner hands on all that the body names).
static bool is_needed(const struct mopt_schedule *schedule, const struct mopt_value *value)
{
    bool needed = value->graph_output_count > 0;
    for (const struct mopt_use *use = value->uses; use != NULL && !needed; use = use->next) {
        needed = use->node->graph != schedule->graph || !schedule->steps[use->node->order].folded;
    }
    return needed;
}

void mopt__fold_drop(struct mopt_session *session, const struct mopt_value *value)
{
    session->constant_bytes -= counted_bytes(value->producer, session->constants[value->id]);
    mopt__datum_unref(session->constants[value->id]);
    session->constants[value->id] = NULL;
}

// What only folded nodes read has done its work. (A run that is observed computes it again.)
static void drop_between(struct mopt_session *session, const struct mopt_schedule *schedule)
{
    for (uint32_t s = 0; s < schedule->step_count; s++) {
        const struct mopt_step *step = &schedule->steps[s];
        for (uint32_t o = 0; step->folded && o < step->node->output_count; o++) {
            const struct mopt_value *value = step->node->outputs[o];
            if (value != NULL && !is_needed(schedule, value)) {
                mopt__fold_drop(session, value);
            }
        }
    }
}

// Bodies after the graphs around them, whose values they read; readers choose first.
static void fold_all(struct mopt_folding *f)
{
    struct mopt_session *session = f->session;
    fold_schedule(f, &session->main);
    for (size_t i = 0; i < session->body_count; i++) {
        fold_schedule(f, &session->body_items[i]);
    }
    for (size_t i = session->body_count; i-- > 0;) {
        mopt__fold_choose(f, &session->body_items[i]);
    }
    mopt__fold_choose(f, &session->main);
    fold_chosen(f, &session->main);
    for (size_t i = 0; i < session->body_count; i++) {
        fold_chosen(f, &session->body_items[i]);
    }
    mopt__fold_give_back(f, &session->main);
    drop_between(session, &session->main);
    for (size_t i = 0; i < session->body_count; i++) {
        mopt__fold_give_back(f, &session->body_items[i]);
        drop_between(session, &session->body_items[i]);
    }
}

enum mopt_status mopt__session_fold(struct mopt_session *session, struct mopt_error *err)
{
    const size_t values = session->model->value_count + (size_t)1;
    const size_t share = session->constant_bytes / ROOM_SHARE;
    struct mopt_folding f = {.session = session, .room = share > ROOM ? share : ROOM};
    mopt__arena_init(&f.arena);
    f.values = mopt__arena_alloc(&f.arena, values, sizeof *f.values);
    enum mopt_status status = f.values != NULL ? MOPT_OK : mopt_error_memory(err);
    if (status == MOPT_OK) {
        fold_all(&f);
    }
    mopt__arena_release(&f.arena);
    return status;
}
