// SPDX-License-Identifier: Apache-2.0
// What a pass sees of its run: options, counters, scratch memory, log, limits.
#include <string.h>

#include "pass/internal.h"

enum mopt_status mopt__context_init(struct mopt_pass_context *context,
                                    const struct mopt_pipeline_item *item,
                                    const struct mopt_manager_options *options,
                                    struct mopt_error *err)
{
    const struct mopt_pass *pass = item->pass;
    *context = (struct mopt_pass_context){.pass = pass,
                                          .log = options->log,
                                          .budget = options->budget,
                                          .data = options->data};
    mopt__arena_init(&context->scratch);
    context->values =
        mopt__arena_alloc(&context->scratch, pass->option_count, sizeof(const char *));
    context->counters =
        mopt__arena_alloc(&context->scratch, pass->counter_count, sizeof *context->counters);
    if (context->values == NULL || context->counters == NULL) {
        return mopt_error_memory(err);
    }
    return mopt__arguments_parse(pass, item->arguments, &context->scratch, context->values, err);
}

void mopt__context_release(struct mopt_pass_context *context)
{
    mopt__arena_release(&context->scratch);
}

// ---- Options

// Text of an option; NULL when the pass has no such row of this type or the row no value.
static const char *option_text(const struct mopt_pass_context *context, const char *name,
                               enum mopt_option_type type)
{
    for (size_t i = 0; i < context->pass->option_count; i++) {
        const struct mopt_pass_option *row = &context->pass->options[i];
        if (strcmp(row->name, name) == 0 && row->type == type) {
            return context->values[i];
        }
    }
    return NULL;
}

static enum mopt_status no_option(const struct mopt_pass_context *context, const char *name,
                                  struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_INTERNAL, "pass '%s' has no value for option '%s'",
                          context->pass->name, name);
}

enum mopt_status mopt__pass_option_int(const struct mopt_pass_context *context, const char *name,
                                       int64_t *value, struct mopt_error *err)
{
    const char *text = option_text(context, name, MOPT_OPTION_INT);
    long long number;
    if (text == NULL || !mopt__parse_i64(text, &number)) {
        return no_option(context, name, err);
    }
    *value = number;
    return MOPT_OK;
}

enum mopt_status mopt__pass_option_float(const struct mopt_pass_context *context, const char *name,
                                         double *value, struct mopt_error *err)
{
    const char *text = option_text(context, name, MOPT_OPTION_FLOAT);
    return text != NULL && mopt__parse_f64(text, value) ? MOPT_OK : no_option(context, name, err);
}

bool mopt__pass_option_bool(const struct mopt_pass_context *context, const char *name)
{
    const char *text = option_text(context, name, MOPT_OPTION_BOOL);
    bool value = false;
    return text != NULL && mopt__option_bool(text, &value) && value;
}

const char *mopt__pass_option_string(const struct mopt_pass_context *context, const char *name)
{
    return option_text(context, name, MOPT_OPTION_STRING);
}

// ---- Counters and the rest

void mopt__pass_count(struct mopt_pass_context *context, const char *counter, uint64_t add)
{
    size_t which = 0;
    for (size_t i = 0; i < context->pass->counter_count && counter != NULL; i++) {
        if (strcmp(context->pass->counters[i].name, counter) == 0) {
            which = i;
        }
    }
    if (which < context->pass->counter_count) {
        context->counters[which] += add;
    }
    context->changes += add;
}

const struct mopt_log *mopt__pass_log(const struct mopt_pass_context *context)
{
    return context->log;
}

struct mopt_arena *mopt__pass_scratch(struct mopt_pass_context *context)
{
    return &context->scratch;
}

const struct mopt_budget *mopt__pass_budget(const struct mopt_pass_context *context)
{
    return context->budget;
}

void *mopt__pass_data(const struct mopt_pass_context *context)
{
    return context->data;
}
