// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU, RNN and DynamicQuantizeLSTM nodes on kernels/lstm.h: weights are packed once,
// directions run one after the other. Whatever does not fit at run time (lengths that differ, odd
// shapes) goes to the eval facet, which also tells the errors.
#include "ops/recurrent_bind.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/size.h"
#include "kernels/lstm.h"
#include "ops/nn_util.h"
#include "ops/recurrent_codes.h"

struct fast {
    const struct mopt_kernels *kernels;
    struct mopt_recurrent_f32 layer; // without steps and batch
    size_t directions;
    bool reverse_first, batch_first;
    size_t stride; // packed floats of one direction
    float *packed;
    struct mopt_recurrent_codes codes; // of DynamicQuantizeLSTM, instead
};

static void free_fast(void *state)
{
    struct fast *fast = state;
    mopt__free_aligned(fast->packed);
    mopt__recurrent_codes_release(&fast->codes);
    mopt__free(fast);
}

// ---- Binding -------------------------------------------------------------------------------------------------------

static size_t gate_count(const struct fast *fast)
{
    static const size_t gates[] = {
        [MOPT_RECURRENT_LSTM] = 4, [MOPT_RECURRENT_GRU] = 3, [MOPT_RECURRENT_RNN] = 1};
    return gates[fast->layer.kind];
}

static bool usual_activations(const struct fast *fast, const struct mopt_string *names,
                              size_t count)
{
    static const char *const usual[2][3] = {[MOPT_RECURRENT_LSTM] = {"Sigmoid", "Tanh", "Tanh"},
                                            [MOPT_RECURRENT_GRU] = {"Sigmoid", "Tanh", NULL}};
    size_t each = fast->layer.kind == MOPT_RECURRENT_LSTM ? 3 : 2;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i].data, usual[fast->layer.kind][i % each]) != 0) {
            return false;
        }
    }
    return count == each * fast->directions;
}

// The function of a RNN: one of those without parameters, the same in both directions.
static bool read_function(struct fast *fast, const struct mopt_string *names, size_t count)
{
    static const struct {
        const char *name;
        enum mopt_act act;
    } rows[] = {{"Tanh", MOPT_ACT_TANH},
                {"Relu", MOPT_ACT_RELU},
                {"Sigmoid", MOPT_ACT_SIGMOID},
                {"Softplus", MOPT_ACT_SOFTPLUS}};
    size_t i = 0;
    while (i < MOPT_COUNTOF(rows) && strcasecmp(rows[i].name, names[0].data) != 0) {
        i++;
    }
    if (i == MOPT_COUNTOF(rows) || count != fast->directions ||
        strcasecmp(names[0].data, names[count - 1].data) != 0) {
        return false;
    }
    fast->layer.function.kind = rows[i].act;
    return true;
}

static bool read_activations(const struct mopt_node *node, struct fast *fast)
{
    const struct mopt_string *names = NULL;
    struct mopt_error ignored;
    size_t count = 0;
    if (mopt__attr_strings(node, "activations", &names, &count, &ignored) != MOPT_OK) {
        return false;
    }
    fast->layer.function.kind = MOPT_ACT_TANH;
    if (!names || count == 0) {
        return !names;
    }
    return fast->layer.kind == MOPT_RECURRENT_RNN ? read_function(fast, names, count)
                                                  : usual_activations(fast, names, count);
}

static bool read_node(const struct mopt_node *node, struct fast *fast)
{
    const char *direction = NULL;
    struct mopt_error ignored;
    float clip = 0;
    if (mopt__attr_string(node, "direction", "forward", &direction, &ignored) != MOPT_OK ||
        mopt__attr_float(node, "clip", 0, &clip, &ignored) != MOPT_OK) {
        return false;
    }
    bool both = mopt__streq(direction, "bidirectional");
    fast->reverse_first = mopt__streq(direction, "reverse");
    fast->directions = both ? 2 : 1;
    fast->batch_first = mopt__int_of(node, "layout", 0) == 1;
    fast->layer.batch_first = fast->batch_first;
    fast->layer.linear_before_reset = mopt__int_of(node, "linear_before_reset", 0) != 0;
    return (both || fast->reverse_first || mopt__streq(direction, "forward")) && clip == 0 &&
           mopt__int_of(node, "input_forget", 0) == 0 && read_activations(node, fast);
}

static const struct mopt_tensor *constant(const struct mopt_bind *bind, uint32_t i)
{
    return i < bind->node->input_count && mopt__nn_bind_is(bind, i, MOPT_FLOAT32)
               ? bind->inputs[i].constant
               : NULL;
}

static bool absent(const struct mopt_bind *bind, uint32_t i)
{
    return i >= bind->node->input_count || !bind->node->inputs[i].value;
}

// Sizes from the constant weights; false: not a node for the fast form.
static bool read_weights(const struct mopt_bind *bind, struct fast *fast)
{
    const struct mopt_tensor *w = constant(bind, 1);
    const struct mopt_tensor *r = constant(bind, 2);
    const struct mopt_tensor *b = constant(bind, 3);
    int64_t gates = (int64_t)gate_count(fast);
    int64_t directions = (int64_t)fast->directions;
    if (!w || !r || w->rank != 3 || r->rank != 3 || (!b && !absent(bind, 3)) || !absent(bind, 7) ||
        !mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        return false;
    }
    int64_t hidden = r->dims[2];
    bool fits = w->dims[0] == directions && r->dims[0] == directions && hidden > 0 &&
                w->dims[2] > 0 && w->dims[1] == gates * hidden && r->dims[1] == gates * hidden &&
                mopt__int_of(bind->node, "hidden_size", hidden) == hidden;
    if (b) {
        fits = fits && b->rank == 2 && b->dims[0] == directions && b->dims[1] == 2 * gates * hidden;
    }
    fast->layer.hidden = (size_t)hidden;
    fast->layer.inputs = (size_t)w->dims[2];
    return fits;
}

static enum mopt_status pack(const struct mopt_bind *bind, struct fast *fast,
                             struct mopt_error *err)
{
    const float *w = constant(bind, 1)->data;
    const float *r = constant(bind, 2)->data;
    const struct mopt_tensor *b = constant(bind, 3);
    size_t bytes = 0;
    fast->stride = mopt__recurrent_f32_packed_count(fast->kernels, &fast->layer);
    bool fits =
        fast->stride > 0 && mopt__size_mul(fast->stride, fast->directions * sizeof(float), &bytes);
    fast->packed = fits ? mopt__malloc_aligned(bytes) : NULL;
    if (!fast->packed) {
        return mopt_error_memory(err);
    }
    size_t hidden = fast->layer.hidden;
    size_t width = gate_count(fast) * hidden;
    for (size_t d = 0; d < fast->directions; d++) {
        const float *bias = b ? (const float *)b->data + d * 2 * width : NULL;
        mopt__recurrent_f32_pack(fast->kernels, &fast->layer, w + d * width * fast->layer.inputs,
                                 r + d * width * hidden, bias, fast->packed + d * fast->stride);
    }
    return MOPT_OK;
}

// ---- Running -------------------------------------------------------------------------------------------------------

// One run: the layer with its sizes, memory for scratch and states.
struct job {
    const struct fast *fast;
    struct mopt_recurrent_f32 layer;
    const float *x;
    const struct mopt_tensor *h0, *c0;
    float *y;     // or NULL
    float *h, *c; // [batch, hidden]
    void *scratch;
    void *memory;
};

static bool all_steps(const struct mopt_tensor *lengths, size_t steps)
{
    for (size_t i = 0; lengths && i < lengths->count; i++) {
        if (mopt__tensor_i64_at(lengths, i) != (int64_t)steps) {
            return false;
        }
    }
    return true;
}

static bool state_fits(const struct mopt_tensor *t, const struct job *job)
{
    size_t batch = job->layer.batch;
    size_t directions = job->fast->directions;
    bool first = job->fast->batch_first;
    return !t || (t->rank == 3 && (size_t)t->dims[0] == (first ? batch : directions) &&
                  (size_t)t->dims[1] == (first ? directions : batch) &&
                  (size_t)t->dims[2] == job->layer.hidden);
}

static bool open_job(const struct mopt_eval *eval, struct job *job)
{
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    const struct mopt_tensor *lengths = mopt__eval_input(eval, 4);
    const struct fast *fast = eval->state;
    *job = (struct job){.fast = fast,
                        .layer = fast->layer,
                        .h0 = mopt__eval_input(eval, 5),
                        .c0 = mopt__eval_input(eval, 6)};
    if (!x || x->rank != 3 || x->count == 0 || (size_t)x->dims[2] != fast->layer.inputs) {
        return false;
    }
    job->x = x->data;
    job->layer.steps = (size_t)x->dims[fast->batch_first ? 1 : 0];
    job->layer.batch = (size_t)x->dims[fast->batch_first ? 0 : 1];
    return (!lengths || lengths->count == job->layer.batch) &&
           all_steps(lengths, job->layer.steps) && state_fits(job->h0, job) &&
           state_fits(job->c0, job);
}

static enum mopt_status allocate(struct job *job, struct mopt_error *err)
{
    size_t scratch = mopt__recurrent_f32_scratch(&job->layer);
    size_t states = job->layer.batch * job->layer.hidden;
    size_t start = 0;
    size_t bytes = 0;
    if (scratch == 0 || !mopt__size_align(scratch, 64, &start) ||
        !mopt__size_add(start, 2 * states * sizeof(float), &bytes)) {
        return mopt_error_memory(err);
    }
    job->memory = mopt__malloc_aligned(bytes);
    if (!job->memory) {
        return mopt_error_memory(err);
    }
    job->scratch = job->memory;
    job->h = (float *)(void *)((char *)job->memory + start);
    job->c = job->h + states;
    return MOPT_OK;
}

static enum mopt_status new_state(struct mopt_eval *eval, const struct job *job, uint32_t output,
                                  float **out, struct mopt_error *err)
{
    const int64_t batch = (int64_t)job->layer.batch;
    const int64_t directions = (int64_t)job->fast->directions;
    const bool first = job->fast->batch_first;
    const int64_t dims[3] = {first ? batch : directions, first ? directions : batch,
                             (int64_t)job->layer.hidden};
    struct mopt_tensor *t = NULL;
    *out = NULL;
    if (!mopt__eval_wants(eval, output)) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__eval_output(eval, output, MOPT_FLOAT32, 3, dims, &t, err);
    *out = status == MOPT_OK ? mopt__nn_f32(t) : NULL;
    return status;
}

static enum mopt_status new_outputs(struct mopt_eval *eval, struct job *job, float *states[2],
                                    struct mopt_error *err)
{
    const int64_t steps = (int64_t)job->layer.steps;
    const int64_t batch = (int64_t)job->layer.batch;
    const int64_t directions = (int64_t)job->fast->directions;
    const int64_t hidden = (int64_t)job->layer.hidden;
    const int64_t dims[2][4] = {{steps, directions, batch, hidden},
                                {batch, steps, directions, hidden}};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = MOPT_OK;
    if (mopt__eval_wants(eval, 0)) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, 4, dims[job->fast->batch_first ? 1 : 0],
                                   &y, err);
        job->y = status == MOPT_OK ? mopt__nn_f32(y) : NULL;
    }
    for (uint32_t i = 0; status == MOPT_OK && i < 2; i++) {
        status = new_state(eval, job, i + 1, &states[i], err);
    }
    return status;
}

// Copies the states of direction d out of a tensor (zeros for NULL) or into one.
static void copy_state(const struct job *job, size_t d, const float *from, float *to, bool out)
{
    size_t n = job->layer.hidden;
    for (size_t b = 0; b < job->layer.batch; b++) {
        size_t at =
            (job->fast->batch_first ? b * job->fast->directions + d : d * job->layer.batch + b) * n;
        if (from) {
            memcpy(to + (out ? at : b * n), from + (out ? b * n : at), n * sizeof *to);
        } else {
            memset(to + b * n, 0, n * sizeof *to);
        }
    }
}

static void run_direction(const struct job *job, size_t d, struct mopt_pool *pool)
{
    const struct fast *fast = job->fast;
    size_t n = job->layer.hidden;
    struct mopt_recurrent_f32 layer = job->layer;
    layer.reverse = d == 1 || fast->reverse_first;
    size_t start = (fast->batch_first ? 1 : layer.batch) * d * n; // of this direction in y
    const struct mopt_recurrent_run run = {
        .layer = &layer,
        .packed = fast->packed ? fast->packed + d * fast->stride : NULL,
        .weights = layer.dynamic ? fast->codes.weights + 2 * d : NULL,
        .bias = layer.dynamic ? fast->codes.bias + d * 4 * n : NULL,
        .x = job->x,
        .y = job->y ? job->y + start : NULL,
        .y_step = (fast->batch_first ? 1 : layer.batch) * fast->directions * n,
        .y_row = (fast->batch_first ? layer.steps * fast->directions : 1) * n,
        .h = job->h,
        .c = job->c,
        .scratch = job->scratch,
    };
    copy_state(job, d, job->h0 ? job->h0->data : NULL, job->h, false);
    copy_state(job, d, job->c0 ? job->c0->data : NULL, job->c, false);
    mopt__recurrent_f32(fast->kernels, &run, pool);
}

static enum mopt_status fast_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct job job;
    float *states[2] = {NULL, NULL};
    if (!open_job(eval, &job)) {
        return eval->node->op->eval(eval, err);
    }
    enum mopt_status status = allocate(&job, err);
    if (status == MOPT_OK) {
        status = new_outputs(eval, &job, states, err);
    }
    for (size_t d = 0; status == MOPT_OK && d < job.fast->directions; d++) {
        run_direction(&job, d, eval->pool);
        for (size_t i = 0; i < 2; i++) {
            if (states[i]) {
                copy_state(&job, d, i == 0 ? job.h : job.c, states[i], true);
            }
        }
    }
    mopt__free_aligned(job.memory);
    return status;
}

// Hands the prepared weights over to the node.
static enum mopt_status settle(struct mopt_bind *bind, struct fast *fast, enum mopt_status status,
                               struct mopt_error *err)
{
    struct fast *state = status == MOPT_OK ? mopt__malloc(sizeof *state) : NULL;
    if (!state) {
        mopt__free_aligned(fast->packed);
        mopt__recurrent_codes_release(&fast->codes);
        return status == MOPT_OK ? mopt_error_memory(err) : status;
    }
    *state = *fast;
    bind->state = state;
    bind->free_state = free_fast;
    bind->run = fast_run;
    return MOPT_OK;
}

static enum mopt_status bind_kind(struct mopt_bind *bind, enum mopt_recurrent_kind kind,
                                  struct mopt_error *err)
{
    struct fast fast = {.kernels = bind->kernels, .layer = {.kind = kind}};
    if (!bind->kernels || !read_node(bind->node, &fast) || !read_weights(bind, &fast)) {
        return MOPT_OK;
    }
    return settle(bind, &fast, pack(bind, &fast, err), err);
}

enum mopt_status mopt__lstm_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return bind_kind(bind, MOPT_RECURRENT_LSTM, err);
}

enum mopt_status mopt__gru_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return bind_kind(bind, MOPT_RECURRENT_GRU, err);
}

enum mopt_status mopt__rnn_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return bind_kind(bind, MOPT_RECURRENT_RNN, err);
}

enum mopt_status mopt__dynamic_lstm_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    struct fast fast = {.kernels = bind->kernels,
                        .layer = {.kind = MOPT_RECURRENT_LSTM, .dynamic = true}};
    struct mopt_recurrent_f32 *layer = &fast.layer;
    if (!bind->kernels || !read_node(bind->node, &fast) || !absent(bind, 7) ||
        !mopt__recurrent_codes_fit(bind, fast.directions, &layer->inputs, &layer->hidden) ||
        mopt__int_of(bind->node, "hidden_size", (int64_t)layer->hidden) != (int64_t)layer->hidden) {
        return MOPT_OK;
    }
    return settle(bind, &fast, mopt__recurrent_codes_pack(bind, fast.directions, &fast.codes, err),
                  err);
}
