// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM nodes: attributes, layouts, directions and sequence lengths around the cells of
// recurrent_cell.c. DynamicQuantizeLSTM of com.microsoft has transposed 8-bit weights and rounds
// input and state on the way.
#include <math.h>
#include <string.h>

#include "ops/nn_util.h"
#include "ops/recurrent_bind.h"
#include "ops/recurrent_cell.h"

struct variant {
    enum mopt_cell_kind kind;
    bool quantized;
};

struct recurrent {
    enum mopt_cell_kind kind;
    struct mopt_cell base; // sizes and switches of both directions
    size_t directions;
    bool reverse_first;
    bool batch_first; // layout 1
    struct mopt_activation f[6];
    int64_t *lengths;
    double *x, *w, *r, *bias, *peephole, *h, *c; // heap
    double *y;                                   // [directions, steps, batch, hidden]
};

static const size_t gate_counts[] = {1, 3, 4};
static const size_t activation_counts[] = {1, 2, 3};

// ---- Attributes ------------------------------------------------------------------------------------------------------

static enum mopt_status read_direction(const struct mopt_node *node, struct recurrent *n,
                                       struct mopt_error *err)
{
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, "direction", "forward", &text, err);
    if (status != MOPT_OK) {
        return status;
    }
    n->directions = mopt__streq(text, "bidirectional") ? 2 : 1;
    n->reverse_first = mopt__streq(text, "reverse");
    // "foward" is the default as GRU of opset 1 spells it
    if (n->directions == 1 && !n->reverse_first && !mopt__streq(text, "forward") &&
        !mopt__streq(text, "foward")) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'direction' has the unknown value '%s'",
                              text);
    }
    return MOPT_OK;
}

// Values of alpha and beta are handed out in order to the functions that take them.
static enum mopt_status set_activation(struct mopt_activation *f, const char *name,
                                       const float **alpha, size_t *alphas, const float **beta,
                                       size_t *betas, struct mopt_error *err)
{
    f->row = mopt__activation_find(name);
    if (!f->row) {
        return mopt_error_set(err, MOPT_E_VALUE, "activation '%s' is not known", name);
    }
    f->alpha = f->row->alpha;
    f->beta = f->row->beta;
    if (f->row->takes_alpha && *alphas > 0) {
        f->alpha = (double)*(*alpha)++;
        --*alphas;
    }
    if (f->row->takes_beta && *betas > 0) {
        f->beta = (double)*(*beta)++;
        --*betas;
    }
    return MOPT_OK;
}

static enum mopt_status read_activations(const struct mopt_node *node, struct recurrent *n,
                                         struct mopt_error *err)
{
    static const char *const usual[3][3] = {{"Tanh"},
                                            {"Sigmoid", "Tanh"},
                                            {"Sigmoid", "Tanh", "Tanh"}};
    const struct mopt_string *names = NULL;
    const float *alpha = NULL;
    const float *beta = NULL;
    size_t count = 0;
    size_t alphas = 0;
    size_t betas = 0;
    size_t each = activation_counts[n->kind];
    enum mopt_status status = mopt__attr_strings(node, "activations", &names, &count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_floats(node, "activation_alpha", &alpha, &alphas, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_floats(node, "activation_beta", &beta, &betas, err);
    }
    if (status == MOPT_OK && names && count != each * n->directions &&
        !(n->kind == MOPT_CELL_RNN && count == 2)) { // the schema's default has two
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu activations, must be %zu", count,
                              each * n->directions);
    }
    for (size_t i = 0; status == MOPT_OK && i < each * n->directions; i++) {
        const char *name = names ? names[i].data : usual[n->kind][i % each];
        status = set_activation(&n->f[i], name, &alpha, &alphas, &beta, &betas, err);
    }
    return status;
}

static enum mopt_status read_attributes(const struct mopt_node *node, struct recurrent *n,
                                        struct mopt_error *err)
{
    float clip = 0;
    int64_t layout = 0;
    int64_t linear = 0;
    int64_t forget = 0;
    enum mopt_status status = read_direction(node, n, err);
    if (status == MOPT_OK) {
        status = read_activations(node, n, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "clip", 0, &clip, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "layout", 0, &layout, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "linear_before_reset", 0, &linear, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "input_forget", 0, &forget, err);
    }
    if (status == MOPT_OK && (layout < 0 || layout > 1)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'layout' has the value %lld",
                              (long long)layout);
    }
    if (status == MOPT_OK && (clip < 0 || isnan(clip))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'clip' has the value %g", (double)clip);
    }
    n->batch_first = layout == 1;
    n->base.clip = (double)clip;
    n->base.linear_before_reset = linear != 0;
    n->base.input_forget = forget != 0;
    return status;
}

// ---- Inputs ----------------------------------------------------------------------------------------------------------

static enum mopt_status check_dims(const struct mopt_tensor *t, const char *name, int rank,
                                   const size_t *want, struct mopt_error *err)
{
    bool fits = !t || t->rank == rank;
    for (int i = 0; t && fits && i < rank; i++) {
        fits = (size_t)t->dims[i] == want[i];
    }
    return fits ? MOPT_OK
                : mopt_error_set(err, MOPT_E_SHAPE, "input '%s' does not have the expected shape",
                                 name);
}

static enum mopt_status check_inputs(const struct mopt_node *node, struct recurrent *n,
                                     const struct mopt_tensor *const *in, struct mopt_error *err)
{
    enum mopt_status status = mopt__nn_rank(in[0], "X", 3, 3, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[2], "R", 3, 3, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_cell *c = &n->base;
    c->kind = n->kind;
    c->gates = gate_counts[n->kind];
    c->steps = (size_t)in[0]->dims[n->batch_first ? 1 : 0];
    c->batch = (size_t)in[0]->dims[n->batch_first ? 0 : 1];
    c->inputs = (size_t)in[0]->dims[2];
    int64_t own = in[2]->dims[c->quantized ? 1 : 2];
    int64_t hidden = mopt__int_of(node, "hidden_size", own);
    if (hidden != own) {
        return mopt_error_set(err, MOPT_E_SHAPE, "attribute 'hidden_size' is %lld, 'R' has %lld",
                              (long long)hidden, (long long)own);
    }
    c->hidden = (size_t)own;
    size_t d = n->directions;
    size_t width = c->gates * c->hidden;
    const size_t state[3] = {n->batch_first ? c->batch : d, n->batch_first ? d : c->batch,
                             c->hidden};
    const struct {
        const struct mopt_tensor *t;
        const char *name;
        int rank;
        size_t dims[3];
    } checks[] = {
        {in[1], "W", 3, {d, c->quantized ? c->inputs : width, c->quantized ? width : c->inputs}},
        {in[2], "R", 3, {d, c->quantized ? c->hidden : width, c->quantized ? width : c->hidden}},
        {in[3], "B", 2, {d, 2 * width, 0}},
        {in[4], "sequence_lens", 1, {c->batch, 0, 0}},
        {in[5], "initial_h", 3, {state[0], state[1], state[2]}},
        {in[6], "initial_c", 3, {state[0], state[1], state[2]}},
        {in[7], "P", 2, {d, 3 * c->hidden, 0}}};
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(checks); i++) {
        status = check_dims(checks[i].t, checks[i].name, checks[i].rank, checks[i].dims, err);
    }
    return status;
}

static enum mopt_status read_lengths(struct recurrent *n, const struct mopt_tensor *t,
                                     struct mopt_error *err)
{
    if (!t) {
        return MOPT_OK;
    }
    n->lengths = mopt__calloc(t->count + 1, sizeof *n->lengths);
    if (!n->lengths) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < t->count; i++) {
        n->lengths[i] = mopt__tensor_i64_at(t, i);
        if (n->lengths[i] < 0 || n->lengths[i] > (int64_t)n->base.steps) {
            return mopt_error_set(err, MOPT_E_VALUE, "sequence length %lld of %zu steps",
                                  (long long)n->lengths[i], n->base.steps);
        }
    }
    return MOPT_OK;
}

// Swaps the first two axes of [a, b, n].
static void swap_axes(const double *from, size_t a, size_t b, size_t n, double *to)
{
    for (size_t i = 0; i < a; i++) {
        for (size_t j = 0; j < b; j++) {
            memcpy(to + (j * a + i) * n, from + (i * b + j) * n, n * sizeof *to);
        }
    }
}

// Loads a tensor as doubles; with layout 1 its first two axes are swapped. absent: zeros of
// `count`.
static enum mopt_status load(const struct recurrent *n, const struct mopt_tensor *t, size_t count,
                             double **out, struct mopt_error *err)
{
    *out = NULL;
    if (!t) {
        *out = mopt__nn_zeros(count, err);
        return *out ? MOPT_OK : MOPT_E_MEMORY;
    }
    enum mopt_status status = mopt__nn_doubles(t, out, err);
    if (status != MOPT_OK || !n->batch_first) {
        return status;
    }
    double *swapped = mopt__nn_zeros(t->count, err);
    if (!swapped) {
        return MOPT_E_MEMORY;
    }
    swap_axes(*out, (size_t)t->dims[0], (size_t)t->dims[1], (size_t)t->dims[2], swapped);
    mopt__free(*out);
    *out = swapped;
    return MOPT_OK;
}

// 8-bit weights [d, rows, columns] as doubles [d, columns, rows]; parameters per direction or per
// direction and column.
static enum mopt_status load_codes(const struct mopt_tensor *t, const struct mopt_tensor *scale,
                                   const struct mopt_tensor *zero, double **out,
                                   struct mopt_error *err)
{
    size_t rows = (size_t)t->dims[1];
    size_t columns = (size_t)t->dims[2];
    size_t groups = (size_t)t->dims[0];
    bool each = scale->count == groups * columns && scale->count != groups;
    if ((!each && scale->count != groups) || (zero && zero->count != scale->count)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "scales or zero points do not fit the weights");
    }
    *out = mopt__nn_zeros(t->count, err);
    if (!*out) {
        return MOPT_E_MEMORY;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t d = i / (rows * columns);
        size_t row = i / columns % rows;
        size_t column = i % columns;
        size_t p = each ? d * columns + column : d;
        int64_t code = mopt__tensor_i64_at(t, i) - (zero ? mopt__tensor_i64_at(zero, p) : 0);
        (*out)[(d * columns + column) * rows + row] = (double)code * mopt__tensor_f64(scale, p);
    }
    return MOPT_OK;
}

static enum mopt_status load_weights(struct recurrent *n, const struct mopt_tensor *const *in,
                                     struct mopt_error *err)
{
    if (n->base.quantized) {
        enum mopt_status status = load_codes(in[1], in[8], in[9], &n->w, err);
        return status == MOPT_OK ? load_codes(in[2], in[10], in[11], &n->r, err) : status;
    }
    enum mopt_status status = mopt__nn_doubles(in[1], &n->w, err);
    return status == MOPT_OK ? mopt__nn_doubles(in[2], &n->r, err) : status;
}

static enum mopt_status load_all(struct recurrent *n, const struct mopt_tensor *const *in,
                                 struct mopt_error *err)
{
    const struct mopt_cell *c = &n->base;
    size_t state = n->directions * c->batch * c->hidden;
    size_t total = 0;
    if (!mopt__size_mul(state, c->steps, &total)) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = load(n, in[0], 0, &n->x, err);
    if (status == MOPT_OK) {
        status = load_weights(n, in, err);
    }
    if (status == MOPT_OK && c->quantized) {
        mopt__cell_round(n->x, in[0]->count, n->x);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[3], &n->bias, err);
    }
    if (status == MOPT_OK) {
        status = load(n, in[5], state, &n->h, err);
    }
    if (status == MOPT_OK) {
        status = load(n, in[6], state, &n->c, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[7], &n->peephole, err);
    }
    if (status == MOPT_OK) {
        n->y = mopt__nn_zeros(total, err);
        status = mopt__nn_got(n->y, err);
    }
    return status;
}

static void release(struct recurrent *n)
{
    mopt__free(n->lengths);
    mopt__free(n->x);
    mopt__free(n->w);
    mopt__free(n->r);
    mopt__free(n->bias);
    mopt__free(n->peephole);
    mopt__free(n->h);
    mopt__free(n->c);
    mopt__free(n->y);
}

// ---- Running ---------------------------------------------------------------------------------------------------------

static void run_direction(const struct recurrent *n, size_t d, double *room)
{
    struct mopt_cell c = n->base;
    size_t width = c.gates * c.hidden;
    size_t state = c.batch * c.hidden;
    size_t each = activation_counts[n->kind];
    c.reverse = d == 1 || n->reverse_first;
    memcpy(c.f, n->f + d * each, each * sizeof *c.f);
    c.lengths = n->lengths;
    c.x = n->x;
    c.w = n->w + d * width * c.inputs;
    c.r = n->r + d * width * c.hidden;
    c.bias = n->bias ? n->bias + d * 2 * width : NULL;
    c.peephole = n->peephole ? n->peephole + d * 3 * c.hidden : NULL;
    c.h = n->h + d * state;
    c.c = n->c + d * state;
    c.y = n->y + d * state * c.steps;
    c.xw = room;
    c.hr = c.xw + c.steps * c.batch * width;
    c.mixed = c.hr + c.batch * width;
    mopt__cell_run(&c);
}

static enum mopt_status run_all(struct recurrent *n, struct mopt_error *err)
{
    const struct mopt_cell *c = &n->base;
    size_t rows = c->steps * c->batch + c->batch;
    size_t width = (c->gates + 2) * c->hidden;
    size_t total = 0;
    double *room = mopt__size_mul(rows, width, &total) ? mopt__nn_zeros(total, err) : NULL;
    if (!room) {
        return mopt_error_memory(err);
    }
    for (size_t d = 0; d < n->directions; d++) {
        run_direction(n, d, room);
    }
    mopt__free(room);
    return MOPT_OK;
}

static void put_line(struct mopt_tensor *y, size_t line, size_t hidden, const double *from)
{
    for (size_t j = 0; j < hidden; j++) {
        mopt__nn_store_at(y, line * hidden + j, from[j]);
    }
}

// Y: [steps, directions, batch, hidden], or [batch, steps, directions, hidden] with layout 1.
static enum mopt_status put_sequence(struct mopt_eval *eval, const struct recurrent *n,
                                     enum mopt_dtype dtype, struct mopt_error *err)
{
    const struct mopt_cell *c = &n->base;
    int64_t steps = (int64_t)c->steps;
    int64_t batch = (int64_t)c->batch;
    int64_t directions = (int64_t)n->directions;
    const int64_t dims[2][4] = {{steps, directions, batch, (int64_t)c->hidden},
                                {batch, steps, directions, (int64_t)c->hidden}};
    struct mopt_tensor *y = NULL;
    enum mopt_status status =
        mopt__eval_output(eval, 0, dtype, 4, dims[n->batch_first ? 1 : 0], &y, err);
    const double *from = n->y;
    for (size_t d = 0; status == MOPT_OK && d < n->directions; d++) {
        for (size_t i = 0; i < c->steps * c->batch; i++, from += c->hidden) {
            size_t t = i / c->batch;
            size_t b = i % c->batch;
            size_t line = n->batch_first ? (b * c->steps + t) * n->directions + d
                                         : (t * n->directions + d) * c->batch + b;
            put_line(y, line, c->hidden, from);
        }
    }
    return status;
}

static enum mopt_status put_state(struct mopt_eval *eval, const struct recurrent *n,
                                  uint32_t output, const double *state, enum mopt_dtype dtype,
                                  struct mopt_error *err)
{
    const struct mopt_cell *c = &n->base;
    int64_t batch = (int64_t)c->batch;
    int64_t directions = (int64_t)n->directions;
    const int64_t dims[3] = {n->batch_first ? batch : directions,
                             n->batch_first ? directions : batch, (int64_t)c->hidden};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__eval_output(eval, output, dtype, 3, dims, &y, err);
    for (size_t d = 0; status == MOPT_OK && d < n->directions; d++) {
        for (size_t b = 0; b < c->batch; b++, state += c->hidden) {
            put_line(y, n->batch_first ? b * n->directions + d : d * c->batch + b, c->hidden,
                     state);
        }
    }
    return status;
}

static enum mopt_status put_outputs(struct mopt_eval *eval, const struct recurrent *n,
                                    enum mopt_dtype dtype, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (mopt__eval_wants(eval, 0)) {
        status = put_sequence(eval, n, dtype, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = put_state(eval, n, 1, n->h, dtype, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 2)) {
        status = put_state(eval, n, 2, n->c, dtype, err);
    }
    return status;
}

static enum mopt_status recurrent_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[12] = {NULL};
    const struct variant *variant = eval->node->op->data;
    struct recurrent n = {.kind = variant->kind, .base = {.quantized = variant->quantized}};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, &n, err);
    }
    if (status == MOPT_OK) {
        status = check_inputs(eval->node, &n, in, err);
    }
    if (status == MOPT_OK) {
        status = read_lengths(&n, in[4], err);
    }
    if (status == MOPT_OK) {
        status = load_all(&n, in, err);
    }
    if (status == MOPT_OK) {
        status = run_all(&n, err);
    }
    if (status == MOPT_OK) {
        status = put_outputs(eval, &n, in[0]->dtype, err);
    }
    release(&n);
    return status;
}

static enum mopt_status recurrent_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *r = mopt__infer_tensor(infer, 2);
    struct recurrent n = {0};
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    enum mopt_status status = read_direction(infer->node, &n, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 0, 3, 3, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    bool batch_first = mopt__int_of(infer->node, "layout", 0) == 1;
    bool known = x && x->rank == 3;
    int64_t steps = known ? x->dims[batch_first ? 1 : 0] : MOPT_DIM_UNKNOWN;
    int64_t batch = known ? x->dims[batch_first ? 0 : 1] : MOPT_DIM_UNKNOWN;
    const struct variant *variant = infer->node->op->data;
    int64_t hidden = r && r->rank == 3 ? r->dims[variant->quantized ? 1 : 2] : MOPT_DIM_UNKNOWN;
    if (mopt__has_attribute(infer->node, "hidden_size")) {
        hidden = mopt__int_of(infer->node, "hidden_size", 0);
        if (hidden < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "attribute 'hidden_size' has the value %lld",
                                  (long long)hidden);
        }
    }
    int64_t d = (int64_t)n.directions;
    const int64_t y[2][4] = {{steps, d, batch, hidden}, {batch, steps, d, hidden}};
    const int64_t state[2][3] = {{d, batch, hidden}, {batch, d, hidden}};
    status = mopt__infer_set(infer, 0, dtype, 4, y[batch_first ? 1 : 0], err);
    for (uint32_t i = 1; status == MOPT_OK && i < 3; i++) {
        status = mopt__infer_set(infer, i, dtype, 3, state[batch_first ? 1 : 0], err);
    }
    return status;
}

// Multiply-adds: every step multiplies W and R once per sequence.
static void recurrent_cost(struct mopt_cost *cost)
{
    int64_t x[MOPT_RANK_MAX];
    int64_t w[MOPT_RANK_MAX];
    int64_t r[MOPT_RANK_MAX];
    int rank = 0;
    uint64_t w_count = 0;
    uint64_t r_count = 0;
    uint64_t rows = 0;
    if (mopt__nn_cost_in(cost, 0, &rank, x) && rank == 3 && mopt__nn_count(x, 2, &rows) &&
        mopt__nn_cost_in(cost, 1, &rank, w) && mopt__nn_count(w, rank, &w_count) &&
        mopt__nn_cost_in(cost, 2, &rank, r) && mopt__nn_count(r, rank, &r_count)) {
        cost->known = !__builtin_mul_overflow(rows, w_count + r_count, &cost->macs);
    }
}

// ---- Records ---------------------------------------------------------------------------------------------------------

static const struct variant kind_rnn = {MOPT_CELL_RNN, false};
static const struct variant kind_gru = {MOPT_CELL_GRU, false};
static const struct variant kind_lstm = {MOPT_CELL_LSTM, false};
static const struct variant kind_dynamic = {MOPT_CELL_LSTM, true};
static const struct mopt_quant_spec quant = {.activations = 1,
                                             .weights = 6,
                                             .weight_axis = 1,
                                             .bias_input = -1};

#define OPTIONAL MOPT_PARAM_OPTIONAL
#define COMMON_IN(set)                                                                     \
    {"X", "T", set, 0}, {"W", "T", set, 0}, {"R", "T", set, 0}, {"B", "T", set, OPTIONAL}, \
        {"sequence_lens", "T1", MOPT_SET_I32, OPTIONAL},                                   \
    {                                                                                      \
        "initial_h", "T", set, OPTIONAL                                                    \
    }
#define COMMON_OUT(set)           \
    {"Y", "T", set, OPTIONAL},    \
    {                             \
        "Y_h", "T", set, OPTIONAL \
    }
#define ATTRIBUTES                                                       \
    MOPT_A_FLOATS("activation_alpha"), MOPT_A_FLOATS("activation_beta"), \
        MOPT_A_STRINGS("activations"), MOPT_A_FLOAT_OPTIONAL("clip"),    \
        MOPT_A_STRING("direction", "forward", NULL), MOPT_A_INT_OPTIONAL("hidden_size")
#define OUTPUT_SEQUENCE MOPT_A_INT("output_sequence", 0)
#define LAYOUT MOPT_A_INT("layout", 0)
#define LINEAR MOPT_A_INT("linear_before_reset", 0)
#define FORGET MOPT_A_INT("input_forget", 0)
#define RUN \
    .quant = &quant, .infer = recurrent_infer, .eval = recurrent_eval, .cost = recurrent_cost

#define RNN(from, to, set, ...)                                                  \
    {                                                                            \
        .domain = "", .name = "RNN", .since = from, .until = to,                 \
        .summary = "simple recurrent layer", MOPT_INPUTS(COMMON_IN(set)),        \
        MOPT_OUTPUTS(COMMON_OUT(set)), MOPT_ATTRIBUTES(ATTRIBUTES, __VA_ARGS__), \
        .data = &kind_rnn, .bind = mopt__rnn_bind, RUN                           \
    }
#define GRU(from, to, set, ...)                                                  \
    {                                                                            \
        .domain = "", .name = "GRU", .since = from, .until = to,                 \
        .summary = "gated recurrent layer", MOPT_INPUTS(COMMON_IN(set)),         \
        MOPT_OUTPUTS(COMMON_OUT(set)), MOPT_ATTRIBUTES(ATTRIBUTES, __VA_ARGS__), \
        .data = &kind_gru, .bind = mopt__gru_bind, RUN                           \
    }
#define LSTM(from, to, set, ...)                                                                   \
    {                                                                                              \
        .domain = "", .name = "LSTM", .since = from, .until = to,                                  \
        .summary = "long short-term memory layer",                                                 \
        MOPT_INPUTS(COMMON_IN(set), {"initial_c", "T", set, OPTIONAL}, {"P", "T", set, OPTIONAL}), \
        MOPT_OUTPUTS(COMMON_OUT(set), {"Y_c", "T", set, OPTIONAL}),                                \
        MOPT_ATTRIBUTES(ATTRIBUTES, FORGET, __VA_ARGS__), .data = &kind_lstm,                      \
        .bind = mopt__lstm_bind, RUN                                                               \
    }

static const struct mopt_op records[] = {
    RNN(1, 6, MOPT_SET_FLOATS, OUTPUT_SEQUENCE),
    RNN(7, 13, MOPT_SET_FLOATS, ),
    RNN(14, 21, MOPT_SET_FLOATS, LAYOUT),
    RNN(22, 0, MOPT_SET_FLOATS_BF, LAYOUT),
    GRU(1, 2, MOPT_SET_FLOATS, OUTPUT_SEQUENCE),
    GRU(3, 6, MOPT_SET_FLOATS, OUTPUT_SEQUENCE, LINEAR),
    GRU(7, 13, MOPT_SET_FLOATS, LINEAR),
    GRU(14, 21, MOPT_SET_FLOATS, LINEAR, LAYOUT),
    GRU(22, 0, MOPT_SET_FLOATS_BF, LINEAR, LAYOUT),
    LSTM(1, 6, MOPT_SET_FLOATS, OUTPUT_SEQUENCE),
    LSTM(7, 13, MOPT_SET_FLOATS, ),
    LSTM(14, 21, MOPT_SET_FLOATS, LAYOUT),
    LSTM(22, 0, MOPT_SET_FLOATS_BF, LAYOUT),
    {.domain = "com.microsoft",
     .name = "DynamicQuantizeLSTM",
     .since = 1,
     .summary = "long short-term memory layer with 8-bit weights",
     MOPT_INPUTS({"X", "T", MOPT_SET_F32, 0}, {"W", "T2", MOPT_SET_INT8, 0},
                 {"R", "T2", MOPT_SET_INT8, 0}, {"B", "T", MOPT_SET_F32, OPTIONAL},
                 {"sequence_lens", "T1", MOPT_SET_I32, OPTIONAL},
                 {"initial_h", "T", MOPT_SET_F32, OPTIONAL},
                 {"initial_c", "T", MOPT_SET_F32, OPTIONAL}, {"P", "T", MOPT_SET_F32, OPTIONAL},
                 {"W_scale", "T", MOPT_SET_F32, 0}, {"W_zero_point", "T2", MOPT_SET_INT8, 0},
                 {"R_scale", "T", MOPT_SET_F32, 0}, {"R_zero_point", "T2", MOPT_SET_INT8, 0}),
     MOPT_OUTPUTS(COMMON_OUT(MOPT_SET_F32), {"Y_c", "T", MOPT_SET_F32, OPTIONAL}),
     MOPT_ATTRIBUTES(ATTRIBUTES, FORGET),
     .data = &kind_dynamic,
     .bind = mopt__dynamic_lstm_bind,
     .infer = recurrent_infer,
     .eval = recurrent_eval,
     .cost = recurrent_cost},
};
const struct mopt_op_family mopt__ops_recurrent = {records, MOPT_COUNTOF(records)};
