// SPDX-License-Identifier: Apache-2.0
// Sessions: what is prepared once per model, and the frame of a run around the steps.
#include <stdio.h>

#include "exec/prepare.h"
#include "exec/program.h"
#include "exec/widen.h"
#include "ir/inline.h"

enum { LISTED_MAX = 8 }; // unsupported operators named in one message

struct unsupported {
    char text[512];
    size_t length;
    size_t kinds;
    struct mopt_map seen;
    struct mopt_arena arena;
};

static void note_unsupported(struct unsupported *list, const char *name)
{
    if (list->kinds++ < LISTED_MAX && list->length < sizeof list->text) {
        int n = snprintf(list->text + list->length, sizeof list->text - list->length, "%s%s",
                         list->length > 0 ? ", " : "", name);
        list->length += n > 0 ? (size_t)n : 0;
    }
}

static enum mopt_status find_unsupported(void *context, struct mopt_graph *graph,
                                         struct mopt_error *err)
{
    struct unsupported *list = context;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->op != NULL && node->op->eval != NULL) {
            continue;
        }
        char *name =
            mopt__arena_printf(&list->arena, "%s%s%s-%lld", node->domain, *node->domain ? "::" : "",
                               node->op_type, (long long)mopt__graph_opset(graph, node->domain));
        if (name == NULL) {
            return mopt_error_memory(err);
        }
        if (mopt__map_find(&list->seen, name) == NULL) {
            note_unsupported(list, name);
            enum mopt_status status = mopt__map_put(&list->seen, name, name, err);
            if (status != MOPT_OK) {
                return status;
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_supported(struct mopt_model *model, struct mopt_error *err)
{
    struct unsupported list = {.length = 0};
    mopt__arena_init(&list.arena);
    enum mopt_status status = mopt__graph_walk(model->graph, find_unsupported, &list, err);
    if (status == MOPT_OK && list.kinds > 0) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "%zu operator%s cannot run here: %s%s",
                                list.kinds, list.kinds > 1 ? "s" : "", list.text,
                                list.kinds > LISTED_MAX ? ", ..." : "");
    }
    mopt__map_release(&list.seen);
    mopt__arena_release(&list.arena);
    return status;
}

static enum mopt_status add_constant(struct mopt_session *session, const struct mopt_value *value,
                                     struct mopt_error *err)
{
    if (value->constant != NULL) {
        session->constant_bytes += value->constant->bytes;
        return mopt__datum_tensor(value->constant, &session->constants[value->id], err);
    }
    struct mopt_tensor *dense = NULL;
    enum mopt_status status = mopt__sparse_to_dense(value->sparse, &dense, err);
    if (status == MOPT_OK) {
        session->constant_bytes += dense->bytes;
        status = mopt__datum_tensor(dense, &session->constants[value->id], err);
        mopt__tensor_unref(dense);
    }
    return status;
}

static enum mopt_status add_constants(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    struct mopt_session *session = context;
    const struct mopt_value_list *lists[] = {&graph->initializers, &graph->sparse_initializers};
    for (size_t l = 0; l < MOPT_COUNTOF(lists); l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const struct mopt_value *value = lists[l]->items[i];
            enum mopt_status status = value->constant != NULL || value->sparse != NULL
                                          ? add_constant(session, value, err)
                                          : MOPT_OK;
            if (status != MOPT_OK) {
                return mopt_error_wrap(err, "initializer '%s'", value->name);
            }
        }
    }
    return MOPT_OK;
}

// Inlined nodes carry the records of their function's opsets; only nodes made by inlining itself
// have none.
static enum mopt_status resolve_new(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)context;
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->op == NULL) {
            node->op =
                mopt__op_find(node->domain, node->op_type, mopt__graph_opset(graph, node->domain));
        }
    }
    return MOPT_OK;
}

static enum mopt_status inline_functions(struct mopt_session *session, struct mopt_error *err)
{
    enum mopt_status status = mopt__model_clone(session->model, &session->copy, err);
    if (status == MOPT_OK) {
        status = mopt__model_inline_functions(session->copy, err);
    }
    if (status == MOPT_OK) {
        session->model = session->copy;
        status = mopt__graph_walk(session->copy->graph, resolve_new, NULL, err);
    }
    return status;
}

static enum mopt_status widen(struct mopt_session *session, struct mopt_error *err)
{
    bool changed = false;
    enum mopt_status status =
        session->copy == NULL ? mopt__model_clone(session->model, &session->copy, err) : MOPT_OK;
    if (status == MOPT_OK) {
        status = mopt__model_widen(session->copy, &session->kernels, session->pool, &changed, err);
    }
    if (status == MOPT_OK && changed) {
        session->model = session->copy;
        session->widened = true;
    } else if (session->model != session->copy) {
        mopt__model_free(session->copy);
        session->copy = NULL;
    }
    return status;
}

static bool has_default(const struct mopt_value *input)
{
    return input->constant != NULL || input->sparse != NULL;
}

// What callers could override, but do not, may be folded and packed like any other constant.
static enum mopt_status fix_defaults(struct mopt_session *session, struct mopt_error *err)
{
    const struct mopt_graph *graph = session->model->graph;
    bool found = false;
    for (size_t i = 0; i < graph->inputs.count && !found; i++) {
        const struct mopt_value *input = graph->inputs.items[i];
        found = has_default(input) && mopt__value_is_overridable(input);
    }
    enum mopt_status status = found && session->copy == NULL
                                  ? mopt__model_clone(session->model, &session->copy, err)
                                  : MOPT_OK;
    if (status == MOPT_OK && found) {
        session->model = session->copy;
        session->copy->defaults_stand = true;
    }
    return status;
}

static enum mopt_status prepare(struct mopt_session *session, const struct mopt_prepare *prepare,
                                struct mopt_error *err)
{
    if (!mopt__prepare_applies(prepare, session->model)) {
        return MOPT_OK;
    }
    enum mopt_status status =
        session->copy == NULL ? mopt__model_clone(session->model, &session->copy, err) : MOPT_OK;
    if (status == MOPT_OK) {
        session->model = session->copy;
        status = mopt__prepare_run(prepare, session->copy, err);
    }
    return status;
}

// Model-local functions are inlined, defaults of inputs stand, nodes that do nothing taken out,
// what loops hand on unchanged is read from outside, channels come second, compound operators are
// spread, operators on codes take QDQ form, products whose scales the run makes become sums, what
// computes in 16-bit floats is widened, bodies dequantize what they read, and codes are picked
// before they are dequantized, in a private copy; other models run as they are.
static enum mopt_status choose_model(struct mopt_session *session, struct mopt_error *err)
{
    static const struct mopt_prepare *const narrow[] = {&mopt__prepare_invariants,
                                                        &mopt__prepare_channels_last,
                                                        &mopt__prepare_compound,
                                                        &mopt__prepare_qlinear,
                                                        &mopt__prepare_scales};
    static const struct mopt_prepare *const wide[] = {&mopt__prepare_outer_codes,
                                                      &mopt__prepare_picked_codes};
    mopt__kernels_select(mopt__cpu_isa(), &session->kernels);
    enum mopt_status status =
        session->model->function_count > 0 ? inline_functions(session, err) : MOPT_OK;
    if (status != MOPT_OK || session->options.reference) {
        return status;
    }
    status = session->options.overridden ? MOPT_OK : fix_defaults(session, err);
    if (status == MOPT_OK && !session->options.observed) {
        status = prepare(session, &mopt__prepare_bypass, err);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(narrow) && status == MOPT_OK; i++) {
        status = prepare(session, narrow[i], err);
    }
    if (status == MOPT_OK && mopt__model_has_narrow(session->model)) {
        status = widen(session, err);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(wide) && status == MOPT_OK; i++) {
        status = prepare(session, wide[i], err);
    }
    return status;
}

static enum mopt_status build(struct mopt_session *session, struct mopt_error *err)
{
    enum mopt_status status = mopt__pool_new(session->options.threads, &session->pool, err);
    if (status == MOPT_OK) {
        status = choose_model(session, err);
    }
    if (status == MOPT_OK) {
        status = check_supported(session->model, err);
    }
    if (status == MOPT_OK) {
        status = mopt__schedule_build(session, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    size_t values = session->model->value_count + (size_t)1;
    session->constants = mopt__calloc(values, sizeof *session->constants);
    session->slots = mopt__calloc(values, sizeof *session->slots);
    if (session->constants == NULL || session->slots == NULL) {
        return mopt_error_memory(err);
    }
    status = mopt__graph_walk(session->model->graph, add_constants, session, err);
    if (status == MOPT_OK && !session->options.reference) {
        status = mopt__session_fold(session, err);
    }
    return status;
}

enum mopt_status mopt__session_new(struct mopt_model *model,
                                   const struct mopt_session_options *options,
                                   struct mopt_session **out, struct mopt_error *err)
{
    *out = NULL;
    struct mopt_session *session = mopt__calloc(1, sizeof *session);
    if (session == NULL) {
        return mopt_error_memory(err);
    }
    mopt__arena_init(&session->arena);
    session->model = model;
    session->given = model;
    if (options != NULL) {
        session->options = *options;
    }
    enum mopt_status status = build(session, err);
    if (status != MOPT_OK) {
        mopt__session_free(session);
        return status;
    }
    *out = session;
    return MOPT_OK;
}

static void release_schedule(struct mopt_schedule *schedule)
{
    for (uint32_t s = 0; schedule->steps != NULL && s < schedule->step_count; s++) {
        mopt__step_release(&schedule->steps[s]);
    }
    for (size_t i = 0; schedule->plans != NULL && i < MOPT_PLAN_CACHE; i++) {
        mopt__plan_release(&schedule->plans[i]);
    }
    mopt__free(schedule->plans);
    mopt__exec_memory_release(&schedule->memory);
}

static void release_data(struct mopt_session *session, struct mopt_datum **data)
{
    for (size_t i = 0; data != NULL && i < session->model->value_count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

void mopt__session_free(struct mopt_session *session)
{
    if (session == NULL) {
        return;
    }
    release_data(session, session->slots);
    release_data(session, session->constants);
    for (size_t i = 0; i < session->body_count; i++) {
        release_schedule(&session->body_items[i]);
    }
    release_schedule(&session->main);
    mopt__free(session->slots);
    mopt__free(session->constants);
    mopt__packs_release(session);
    mopt__map_release(&session->bodies);
    mopt__free(session->body_items);
    mopt__free(session->profile);
    mopt__pool_free(session->pool);
    mopt__model_free(session->copy);
    mopt__arena_release(&session->arena);
    mopt__session_free(session->second);
    mopt__free(session);
}

// ---- Run ----------------------------------------------------------------------------------------------------------

static enum mopt_status check_tensor(const struct mopt_session *session,
                                     const struct mopt_type *type, const struct mopt_tensor *tensor,
                                     struct mopt_error *err)
{
    if (type->dtype != MOPT_UNDEFINED && tensor->dtype != type->dtype) {
        return mopt_error_set(err, MOPT_E_TYPE, "element type is %s, must be %s",
                              mopt__dtype_name(tensor->dtype), mopt__dtype_name(type->dtype));
    }
    if (type->rank >= 0 && tensor->rank != type->rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "rank is %d, must be %d", tensor->rank,
                              type->rank);
    }
    for (int d = 0; d < type->rank; d++) {
        int64_t want;
        if (mopt__dim_is_known(session->model->dims, type->dims[d], &want) &&
            want != tensor->dims[d]) {
            return mopt_error_set(err, MOPT_E_SHAPE, "axis %d has size %lld, must be %lld", d,
                                  (long long)tensor->dims[d], (long long)want);
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_input(const struct mopt_session *session,
                                    const struct mopt_value *value, const struct mopt_datum *datum,
                                    struct mopt_error *err)
{
    if (datum == NULL) {
        return session->constants[value->id] != NULL
                   ? MOPT_OK
                   : mopt_error_set(err, MOPT_E_MISSING, "no data given");
    }
    const struct mopt_type *type = value->declared;
    if (type == NULL || type->kind == MOPT_TYPE_NONE) {
        return MOPT_OK;
    }
    if (type->kind == MOPT_TYPE_TENSOR) {
        return datum->kind == MOPT_DATUM_TENSOR
                   ? check_tensor(session, type, datum->tensor, err)
                   : mopt_error_set(err, MOPT_E_TYPE, "a tensor is needed");
    }
    return MOPT_OK;
}

static enum mopt_status set_inputs(struct mopt_session *session, struct mopt_datum *const *inputs,
                                   struct mopt_error *err)
{
    const struct mopt_graph *graph = session->main.graph;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *value = graph->inputs.items[i];
        enum mopt_status status = check_input(session, value, inputs[i], err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "input '%s'", value->name);
        }
        mopt__datum_unref(session->slots[value->id]);
        session->slots[value->id] = inputs[i] != NULL ? mopt__datum_ref(inputs[i]) : NULL;
    }
    return MOPT_OK;
}

// A result must not depend on memory that the next run overwrites.
enum mopt_status mopt__exec_own(struct mopt_datum **datum, struct mopt_error *err)
{
    if ((*datum)->kind == MOPT_DATUM_TENSOR) {
        if (!mopt__exec_memory_is_planned((*datum)->tensor)) {
            return MOPT_OK;
        }
        struct mopt_tensor *copy = NULL;
        struct mopt_datum *owned = NULL;
        enum mopt_status status = mopt__tensor_copy((*datum)->tensor, &copy, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(copy, &owned, err);
            mopt__tensor_unref(copy);
        }
        if (status == MOPT_OK) {
            mopt__datum_unref(*datum);
            *datum = owned;
        }
        return status;
    }
    for (size_t i = 0; i < (*datum)->count; i++) {
        enum mopt_status status = mopt__exec_own(&(*datum)->items[i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status take_results(struct mopt_session *session, struct mopt_datum **outputs,
                                     struct mopt_error *err)
{
    const struct mopt_graph *graph = session->main.graph;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const struct mopt_value *value = graph->outputs.items[i];
        struct mopt_datum *datum = session->slots[value->id];
        datum = datum != NULL ? datum : session->constants[value->id];
        if (datum == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "output '%s' is never computed", value->name);
        }
        outputs[i] = mopt__datum_ref(datum);
        enum mopt_status status = mopt__exec_own(&outputs[i], err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "output '%s'", value->name);
        }
    }
    return MOPT_OK;
}

static enum mopt_status run_main(struct mopt_session *session, struct mopt_datum *const *inputs,
                                 struct mopt_datum **outputs,
                                 const struct mopt_run_options *options, struct mopt_error *err)
{
    // Observers see every value: nothing is fused for them.
    bool whole = session->options.reference || (options != NULL && options->observe != NULL);
    struct mopt_exec_run run = {.session = session,
                                .options = options,
                                .memory = &session->main.memory,
                                .fuse = !whole};
    mopt__rng_init(&run.rng, session->options.seed);
    session->main.memory.limit_bytes =
        options != NULL && options->budget != NULL ? options->budget->max_memory_bytes : 0;
    enum mopt_status status = set_inputs(session, inputs, err);
    if (status == MOPT_OK && !whole) {
        status = mopt__plan_main(session, &run.plan, err);
    }
    if (status == MOPT_OK && !whole && session->main.memory.limit_bytes != 0 &&
        mopt__plan_bytes(run.plan) > session->main.memory.limit_bytes) {
        status = mopt_error_set(err, MOPT_E_LIMIT,
                                "intermediate tensors need %zu bytes, the limit is %zu",
                                mopt__plan_bytes(run.plan), session->main.memory.limit_bytes);
    }
    if (status == MOPT_OK && !whole) {
        status = mopt__exec_memory_reserve(&session->main.memory, run.plan->arena_bytes, err);
    }
    if (status == MOPT_OK) {
        status = run.plan != NULL && run.plan->program != NULL
                     ? mopt__program_run(&run, run.plan->program, err)
                     : mopt__exec_graph(&run, &session->main, err);
    }
    return status == MOPT_OK ? take_results(session, outputs, err) : status;
}

static bool overrides(const struct mopt_session *session, struct mopt_datum *const *inputs)
{
    const struct mopt_graph *graph = session->main.graph;
    bool found = false;
    for (size_t i = 0; i < graph->inputs.count && session->model->defaults_stand; i++) {
        found = found || (inputs[i] != NULL && has_default(graph->inputs.items[i]));
    }
    return found;
}

static enum mopt_status run_second(struct mopt_session *session, struct mopt_datum *const *inputs,
                                   struct mopt_datum **outputs,
                                   const struct mopt_run_options *options, struct mopt_error *err)
{
    struct mopt_session_options own = session->options;
    own.overridden = true;
    enum mopt_status status = session->second == NULL
                                  ? mopt__session_new(session->given, &own, &session->second, err)
                                  : MOPT_OK;
    return status == MOPT_OK ? mopt__session_run(session->second, inputs, outputs, options, err)
                             : status;
}

enum mopt_status mopt__session_run(struct mopt_session *session, struct mopt_datum *const *inputs,
                                   struct mopt_datum **outputs,
                                   const struct mopt_run_options *options, struct mopt_error *err)
{
    size_t count = session->main.graph->outputs.count;
    for (size_t i = 0; i < count; i++) {
        outputs[i] = NULL;
    }
    if (overrides(session, inputs)) {
        return run_second(session, inputs, outputs, options, err);
    }
    enum mopt_status status = run_main(session, inputs, outputs, options, err);
    release_data(session, session->slots);
    for (size_t i = 0; status != MOPT_OK && i < count; i++) {
        mopt__datum_unref(outputs[i]);
        outputs[i] = NULL;
    }
    return status;
}

const struct mopt_node_profile *mopt__session_profile(const struct mopt_session *session,
                                                      size_t *count)
{
    *count = session->profile_count;
    return session->profile;
}

void mopt__session_profile_reset(struct mopt_session *session)
{
    for (size_t i = 0; i < session->profile_count; i++) {
        session->profile[i].calls = 0;
        session->profile[i].total_ns = 0;
    }
}

void mopt__session_memory(const struct mopt_session *session, struct mopt_session_memory *out)
{
    *out = (struct mopt_session_memory){.arena_bytes = session->arena_bytes,
                                        .arena_floor = session->floor_bytes,
                                        .unshared_bytes = session->unshared_bytes,
                                        .constant_bytes = session->constant_bytes,
                                        .packed_bytes = session->packed_bytes,
                                        .heap_peak = session->main.memory.account->peak_bytes};
}

int mopt__session_threads(const struct mopt_session *session)
{
    return mopt__pool_size(session->pool);
}
