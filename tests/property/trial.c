// SPDX-License-Identifier: Apache-2.0
// See trial.h. How near to the reference results must be is measured, not guessed:
//
// The reference adds up in double precision and rounds each value once. An executor that computes a
// node another way makes an error of a few units in the last place of the largest of the numbers
// that it adds up, so that its results are those of a network whose values were all disturbed by
// eps * max|value|, with eps = 2^-24 times a factor for the number of terms: rounding errors of a
// sum of n terms add up like a random walk, sqrt(n) * 2^-24 of the sum of magnitudes at most, and
// n < 4096 here; Winograd's forms lose another factor of four. So the reference runs a few times
// more with every value disturbed (in the observer, before anybody reads it) by eps * max|value|:
// the largest change of an output is what rounding can do to it, however values cancel, grow, are
// shared or turn around (the cosine of a million). Times a safety, since few disturbed runs see not
// quite the worst case.
//
// Where values are rounded to codes, changes do not scale: a code changes or does not. There the
// disturbed runs count as they are. They change some hundred times more codes than rounding errors
// do; therefore the mean deviation is held to theirs, too. (Scales in which sums of codes lie just
// between two codes make it as likely as in the disturbed runs: hence a factor of 3.)
#include "property/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "exec/exec.h"
#include "ir/text.h"
#include "ops/ops.h"

enum { DATA_MAX = 32, BATCHES = 2, NOISES = 4, LEVELS_MAX = 5, REASON = TRIAL_REASON_BYTES };

struct limits { // deviations allowed
    double most, mean;
};

struct batch {
    struct mopt_datum *inputs[DATA_MAX], *wanted[DATA_MAX];
    struct limits plain[DATA_MAX], strict[DATA_MAX];
    struct mopt_datum *first[DATA_MAX]; // of the fast executor with one thread
    bool refused;
};

struct trial {
    struct mopt_model *model;
    bool exact, stepped; // stepped: values are rounded to codes
    size_t input_count, output_count;
    struct batch batches[BATCHES];
    int batch_count;
    char *reason;
    char where[96]; // what is being tried
};

static bool fail(struct trial *t, const char *format, ...) MOPT_PRINTF(2, 3);
static bool fail(struct trial *t, const char *format, ...)
{
    va_list args;
    int n = snprintf(t->reason, REASON, "%s: ", t->where);
    va_start(args, format);
    (void)vsnprintf(t->reason + n, REASON - (size_t)n, format, args);
    va_end(args);
    return false;
}

static void release(struct mopt_datum **data)
{
    for (size_t i = 0; i < DATA_MAX; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

// ---- Inputs -------------------------------------------------------------------------------------

static void fill(struct mopt_tensor *tensor, uint64_t seed)
{
    struct mopt_rng rng;
    void *data = mopt__tensor_data(tensor);
    mopt__rng_init(&rng, seed);
    for (size_t i = 0; i < tensor->count; i++) {
        switch (tensor->dtype) {
        case MOPT_FLOAT32:
            ((float *)data)[i] = (float)mopt__rng_normal(&rng);
            break;
        case MOPT_BOOL:
            ((uint8_t *)data)[i] = (uint8_t)mopt__rng_below(&rng, 2);
            break;
        case MOPT_UINT8:
        case MOPT_INT8:
            ((uint8_t *)data)[i] = (uint8_t)mopt__rng_below(&rng, 256);
            break;
        default:
            memset((char *)data + i * (tensor->bytes / tensor->count), 0,
                   tensor->bytes / tensor->count);
            break;
        }
    }
}

static bool make_input(struct trial *t, size_t i, int64_t size, struct mopt_datum **out)
{
    const struct mopt_type *type = t->model->graph->inputs.items[i]->declared;
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    for (int d = 0; d < type->rank; d++) {
        dims[d] = size;
        if (!mopt__dim_is_known(t->model->dims, type->dims[d], &dims[d])) {
            t->batch_count = BATCHES;
            dims[d] = size;
        }
    }
    if (type->rank < 0 ||
        mopt__tensor_new(type->dtype, type->rank, dims, &tensor, &err) != MOPT_OK) {
        return fail(t, "input %zu: %s", i, err.text);
    }
    fill(tensor, i + 17);
    bool good = mopt__datum_tensor(tensor, out, &err) == MOPT_OK;
    mopt__tensor_unref(tensor);
    return good || fail(t, "input %zu: %s", i, err.text);
}

int64_t trial_batch(const char *text)
{
    return 1 + (int64_t)(strlen(text) % 3);
}

// ---- Runs ---------------------------------------------------------------------------------------

static bool run(struct trial *t, struct mopt_session *session, int batch,
                const struct mopt_run_options *options, struct mopt_datum **outputs)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    enum mopt_status status =
        mopt__session_run(session, t->batches[batch].inputs, outputs, options, &err);
    return status == MOPT_OK || fail(t, "does not run: %s", err.text);
}

static struct mopt_session *open_session(struct trial *t,
                                         const struct mopt_session_options *options)
{
    struct mopt_error err;
    struct mopt_session *session = NULL;
    mopt_error_clear(&err);
    if (mopt__session_new(t->model, options, &session, &err) != MOPT_OK) {
        (void)fail(t, "no session: %s", err.text);
    }
    return session;
}

// ---- Reference and what rounding can do to it ---------------------------------------------------

struct noise {
    struct mopt_rng rng;
    double amount;
};

static enum mopt_status disturb(void *context, const struct mopt_value *value,
                                const struct mopt_datum *datum, struct mopt_error *err)
{
    struct noise *noise = context;
    (void)value;
    (void)err;
    const struct mopt_tensor *tensor = datum->tensor;
    // What others hold, too, is another value under a new name, or a constant.
    if (datum->kind != MOPT_DATUM_TENSOR || datum->references != 1 ||
        tensor->dtype != MOPT_FLOAT32 || tensor->references != 1 || tensor->buffer == NULL ||
        tensor->buffer->references != 1) {
        return MOPT_OK;
    }
    float *data = (float *)(uintptr_t)tensor->data;
    double most = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        most = isfinite(data[i]) ? fmax(most, fabs((double)data[i])) : most;
    }
    for (size_t i = 0; i < tensor->count; i++) {
        // No sign changes: roots and logarithms stay numbers.
        double unit = 2 * mopt__rng_unit(&noise->rng) - 1;
        bool small = fabs((double)data[i]) <= noise->amount * most;
        double change = unit * noise->amount * (small ? (double)data[i] : most);
        data[i] = (float)((double)data[i] + change);
    }
    return MOPT_OK;
}

// Largest and mean deviation of finite elements; elements that differ and are not finite: infinite.
static struct limits deviation(const struct mopt_tensor *a, const struct mopt_tensor *b,
                               size_t *worst)
{
    struct limits d = {0, 0};
    for (size_t i = 0; i < b->count; i++) {
        double u = mopt__tensor_f64(a, i), v = mopt__tensor_f64(b, i);
        double gap = u == v || (isnan(u) && isnan(v)) ? 0 : fabs(u - v);
        gap = isnan(gap) ? INFINITY : gap;
        if (gap > d.most) {
            d.most = gap;
            *worst = i;
        }
        d.mean += gap / (double)b->count;
    }
    return d;
}

static bool same_form(const struct mopt_datum *a, const struct mopt_datum *b)
{
    return a->kind == b->kind && a->kind == MOPT_DATUM_TENSOR &&
           a->tensor->dtype == b->tensor->dtype && a->tensor->rank == b->tensor->rank &&
           memcmp(a->tensor->dims, b->tensor->dims,
                  (size_t)a->tensor->rank * sizeof *a->tensor->dims) == 0;
}

static void widen(struct trial *t, struct batch *b, struct mopt_datum *const *noisy)
{
    const double safety = 4, steps = 3, winograd = 4;
    for (size_t o = 0; o < t->output_count; o++) {
        size_t worst;
        struct limits d = {INFINITY, INFINITY};
        if (same_form(noisy[o], b->wanted[o])) {
            d = deviation(noisy[o]->tensor, b->wanted[o]->tensor, &worst);
        }
        double factor = t->stepped ? steps : safety;
        b->strict[o].most = fmax(b->strict[o].most, factor * d.most);
        b->strict[o].mean = fmax(b->strict[o].mean, factor * d.mean);
        factor *= t->stepped ? 1 : winograd;
        b->plain[o].most = fmax(b->plain[o].most, factor * d.most);
        b->plain[o].mean = fmax(b->plain[o].mean, factor * d.mean);
    }
}

static bool make_wanted(struct trial *t, int batch)
{
    struct batch *b = &t->batches[batch];
    struct mopt_datum *noisy[DATA_MAX] = {NULL};
    const double rounding = ldexp(1, -24 + 6); // of a sum of 4096 terms
    struct noise noise = {.amount = t->stepped ? ldexp(1, -9) : rounding};
    struct mopt_run_options options = {.observe = disturb, .observe_context = &noise};
    (void)snprintf(t->where, sizeof t->where, "reference");
    const struct mopt_session_options reference = {.threads = 1, .reference = true};
    struct mopt_session *session = open_session(t, &reference);
    bool good = session != NULL;
    if (good && !run(t, session, batch, NULL, b->wanted)) {
        release(b->wanted);
        b->refused = true;
        mopt__session_free(session);
        return true;
    }
    for (uint64_t i = 0; good && i < NOISES; i++) {
        mopt__rng_init(&noise.rng, i + 1);
        good = run(t, session, batch, &options, noisy);
        if (good) {
            widen(t, b, noisy);
        }
        release(noisy);
    }
    mopt__session_free(session);
    return good;
}

static enum mopt_status find_steps(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    static const char *const ops[] = {"Quantize", "DynamicQuantize", "QLinear", "ArgM",
                                      "Round",    "Floor",           "Ceil",    "Sign",
                                      "TopK"};
    struct trial *t = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (size_t i = 0; i < MOPT_COUNTOF(ops); i++) {
            t->stepped = t->stepped || strncmp(node->op_type, ops[i], strlen(ops[i])) == 0;
        }
    }
    return MOPT_OK;
}

// ---- Fast ---------------------------------------------------------------------------------------

static bool is_near(struct trial *t, const struct batch *b, const struct limits *limits,
                    struct mopt_datum *const *have)
{
    for (size_t o = 0; o < t->output_count; o++) {
        size_t at = 0;
        const char *name = t->model->graph->outputs.items[o]->name;
        if (!same_form(have[o], b->wanted[o])) {
            return fail(t, "output '%s' has another type or shape", name);
        }
        const struct mopt_tensor *want = b->wanted[o]->tensor;
        struct limits d = deviation(have[o]->tensor, want, &at);
        if (!(d.most <= limits[o].most) || !(d.mean <= limits[o].mean)) {
            return fail(t,
                        "output '%s', element %zu of %zu is %.9g, must be %.9g, off by %.3g"
                        " (mean %.3g), may be by %.3g (mean %.3g)",
                        name, at, want->count, mopt__tensor_f64(have[o]->tensor, at),
                        mopt__tensor_f64(want, at), d.most, d.mean, limits[o].most, limits[o].mean);
        }
    }
    return true;
}

static bool is_same(struct trial *t, struct mopt_datum *const *first,
                    struct mopt_datum *const *have)
{
    for (size_t o = 0; o < t->output_count; o++) {
        if (!mopt__tensor_equal(first[o]->tensor, have[o]->tensor)) {
            size_t at = 0;
            struct limits d = deviation(have[o]->tensor, first[o]->tensor, &at);
            return fail(t, "output '%s' has other bytes; element %zu is %.9g, was %.9g (off by %g)",
                        t->model->graph->outputs.items[o]->name, at,
                        mopt__tensor_f64(have[o]->tensor, at),
                        mopt__tensor_f64(first[o]->tensor, at), d.most);
        }
    }
    return true;
}

static void keep(struct mopt_datum **from, struct mopt_datum **to)
{
    memcpy(to, from, DATA_MAX * sizeof *to);
    memset(from, 0, DATA_MAX * sizeof *from);
}

// A run whose results are near to the reference, and the same as of earlier ones with this
// instruction set.
static bool plain_run(struct trial *t, struct mopt_session *session, int batch, const char *what,
                      const struct mopt_run_options *options)
{
    struct batch *b = &t->batches[batch];
    struct mopt_datum *outputs[DATA_MAX] = {NULL};
    size_t length = strlen(t->where);
    (void)snprintf(t->where + length, sizeof t->where - length, ", %s", what);
    bool good;
    if (b->refused) {
        struct mopt_error err;
        mopt_error_clear(&err);
        good = mopt__session_run(session, b->inputs, outputs, options, &err) != MOPT_OK ||
               fail(t, "runs what the reference refuses");
    } else {
        good = run(t, session, batch, options, outputs) && is_near(t, b, b->plain, outputs);
        if (good && b->first[0] == NULL) {
            keep(outputs, b->first);
        } else if (good) {
            good = is_same(t, b->first, outputs);
        }
    }
    release(outputs);
    t->where[length] = '\0';
    return good;
}

static enum mopt_status look(void *context, const struct mopt_value *value,
                             const struct mopt_datum *datum, struct mopt_error *err)
{
    (void)value;
    (void)err;
    *(size_t *)context += datum->kind == MOPT_DATUM_TENSOR ? datum->tensor->count : 0;
    return MOPT_OK;
}

// Watched, node by node: near, and nothing is different afterwards.
static bool watched_run(struct trial *t, struct mopt_session *session)
{
    struct batch *b = &t->batches[0];
    size_t seen = 0;
    struct mopt_datum *outputs[DATA_MAX] = {NULL};
    struct mopt_run_options options = {.observe = look, .observe_context = &seen};
    size_t length = strlen(t->where);
    (void)snprintf(t->where + length, sizeof t->where - length, ", watched");
    bool good = run(t, session, 0, &options, outputs) && is_near(t, b, b->plain, outputs);
    release(outputs);
    t->where[length] = '\0';
    return good;
}

// A limit nothing can keep to makes an error or nothing happen, and no harm.
static bool limited_runs(struct trial *t, struct mopt_session *session)
{
    struct mopt_datum *outputs[DATA_MAX] = {NULL};
    struct mopt_budget budget = {.max_memory_bytes = 1};
    struct mopt_run_options options = {.budget = &budget};
    struct mopt_error err;
    mopt_error_clear(&err);
    enum mopt_status status =
        mopt__session_run(session, t->batches[0].inputs, outputs, &options, &err);
    release(outputs);
    if (status != MOPT_OK && status != MOPT_E_LIMIT) {
        return fail(t, "memory limit of 1 byte: %s", err.text);
    }
    budget.max_memory_bytes = (size_t)4 << 30; // of the process, sanitizers included
    return plain_run(t, session, 0, "with a memory limit", &options);
}

static bool try_session(struct trial *t, int threads)
{
    const struct mopt_session_options plain = {.threads = threads};
    struct mopt_session *session = open_session(t, &plain);
    bool good = session != NULL && plain_run(t, session, 0, "first run", NULL) &&
                plain_run(t, session, 0, "second run", NULL);
    if (good && t->batch_count > 1) {
        good = plain_run(t, session, 1, "another batch", NULL) &&
               plain_run(t, session, 0, "first batch again", NULL) &&
               plain_run(t, session, 1, "another batch again", NULL);
    }
    if (good && !t->batches[0].refused) {
        good = limited_runs(t, session) && watched_run(t, session) &&
               plain_run(t, session, 0, "after being watched", NULL);
    }
    mopt__session_free(session);
    return good;
}

// Another session, near to the reference or (in 16 bits, whose rounding is far above what the noise
// stands for) only the same with any number of threads, and run after run.
static bool try_other(struct trial *t, const char *what, const struct mopt_session_options *options,
                      struct mopt_datum **first)
{
    size_t length = strlen(t->where);
    (void)snprintf(t->where + length, sizeof t->where - length, ", %s", what);
    struct mopt_session *session = open_session(t, options);
    bool good = session != NULL;
    for (int times = 0; good && times < 2; times++) {
        struct mopt_datum *outputs[DATA_MAX] = {NULL};
        good = run(t, session, 0, NULL, outputs) &&
               (options->bf16 || is_near(t, &t->batches[0], t->batches[0].strict, outputs));
        if (good && first[0] != NULL) {
            good = is_same(t, first, outputs);
        } else if (good) {
            keep(outputs, first);
        }
        release(outputs);
    }
    mopt__session_free(session);
    t->where[length] = '\0';
    return good;
}

static bool try_level(struct trial *t, enum mopt_isa isa, bool all)
{
    struct mopt_datum *strict[DATA_MAX] = {NULL}, *narrow[DATA_MAX] = {NULL};
    bool good = setenv("MOPT_CPU", mopt__isa_name(isa), 1) == 0;
    for (int threads = 1; good && threads <= 3; threads++) {
        if (!all && threads != 1 && threads != 2 + (int)isa % 2) {
            continue;
        }
        (void)snprintf(t->where, sizeof t->where, "%s, %d thread%s", mopt__isa_name(isa), threads,
                       threads > 1 ? "s" : "");
        const struct mopt_session_options plain = {.threads = threads, .strict_fp = true};
        const struct mopt_session_options rounded = {.threads = threads, .bf16 = true};
        good = try_session(t, threads) &&
               (t->batches[0].refused || (try_other(t, "strict", &plain, strict) &&
                                          try_other(t, "in 16 bits", &rounded, narrow)));
    }
    release(strict);
    release(narrow);
    for (int b = 0; b < BATCHES && !t->exact; b++) {
        release(t->batches[b].first);
    }
    (void)unsetenv("MOPT_CPU");
    return good;
}

// ---- All ----------------------------------------------------------------------------------------

static bool prepare(struct trial *t, const char *text)
{
    struct mopt_error err;
    const int64_t size = trial_batch(text); // sometimes there is nothing in the other batch
    const int64_t sizes[BATCHES] = {size, strlen(text) % 8 == 0 ? 0 : 4 + size};
    mopt_error_clear(&err);
    (void)snprintf(t->where, sizeof t->where, "text");
    if (mopt__text_parse(text, strlen(text), &t->model, &err) != MOPT_OK ||
        mopt__model_verify(t->model, &err) != MOPT_OK ||
        mopt__ops_resolve(t->model, &err) != MOPT_OK ||
        mopt__graph_walk(t->model->graph, find_steps, t, &err) != MOPT_OK) {
        return fail(t, "%s", err.text);
    }
    t->input_count = t->model->graph->inputs.count;
    t->output_count = t->model->graph->outputs.count;
    if (t->input_count > DATA_MAX || t->output_count > DATA_MAX) {
        return fail(t, "too many inputs or outputs");
    }
    t->batch_count = 1;
    for (int b = 0; b < BATCHES && b < t->batch_count; b++) {
        for (size_t i = 0; i < t->input_count; i++) {
            if (!make_input(t, i, sizes[b], &t->batches[b].inputs[i])) {
                return false;
            }
        }
        if (!make_wanted(t, b)) {
            return false;
        }
    }
    return true;
}

enum trial_verdict trial(const char *text, bool all, char reason[TRIAL_REASON_BYTES])
{
    struct trial t = {.reason = reason};
    const char *end = strchr(text, '\n');
    const char *word = strstr(text, "exact");
    t.exact = strncmp(text, "//", 2) == 0 && end != NULL && word != NULL && word < end;
    (void)unsetenv("MOPT_CPU");
    const enum mopt_isa best = mopt__cpu_isa();
    enum trial_verdict verdict = TRIAL_BROKEN;
    if (prepare(&t, text)) {
        verdict = t.batches[0].refused ? TRIAL_REFUSED : TRIAL_GOOD;
        for (enum mopt_isa isa = MOPT_ISA_REF; isa <= best; isa++) {
            if (!try_level(&t, isa, all)) {
                verdict = TRIAL_FAILED;
                break;
            }
        }
    }
    for (int b = 0; b < BATCHES; b++) {
        release(t.batches[b].inputs);
        release(t.batches[b].wanted);
        release(t.batches[b].first);
    }
    mopt__model_free(t.model);
    return verdict;
}
