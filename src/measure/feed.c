// SPDX-License-Identifier: Apache-2.0
// Inputs for runs, from data, from given tensors, or random.
#include "measure/feed.h"

#include <stdio.h>
#include <string.h>

struct mopt_feed {
    const struct mopt_model *model;
    struct mopt_feed_options options;
    struct mopt_dims *dims;    // clone with the open dims bound
    struct mopt_datum **owned; // [inputs]; random ones
    struct mopt_feed_item item;
    size_t position;
};

static bool needs_value(const struct mopt_value *input)
{
    return input->constant == NULL && input->sparse == NULL;
}

static struct mopt_datum *find_fixed(const struct mopt_feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->options.fixed_count; i++) {
        if (strcmp(feed->options.fixed[i].name, name) == 0) {
            return feed->options.fixed[i].datum;
        }
    }
    return NULL;
}

static enum mopt_status unknown_input(const struct mopt_graph *graph, const char *name,
                                      struct mopt_error *err)
{
    const char **names = mopt__calloc(graph->inputs.count, sizeof *names);
    if (names == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < graph->inputs.count; i++) {
        names[i] = graph->inputs.items[i]->name;
    }
    int nearest = mopt__nearest(name, names, graph->inputs.count);
    enum mopt_status status =
        nearest >= 0
            ? mopt_error_set(err, MOPT_E_USAGE, "the model has no input '%s', did you mean '%s'?",
                             name, names[nearest])
            : mopt_error_set(err, MOPT_E_USAGE, "the model has no input '%s'", name);
    mopt__free(names);
    return status;
}

static bool is_graph_input(const struct mopt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        if (strcmp(graph->inputs.items[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum mopt_status check_inputs(const struct mopt_feed *feed, struct mopt_error *err)
{
    const struct mopt_graph *graph = feed->model->graph;
    for (size_t i = 0; i < feed->options.fixed_count; i++) {
        if (!is_graph_input(graph, feed->options.fixed[i].name)) {
            return unknown_input(graph, feed->options.fixed[i].name, err);
        }
    }
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *input = graph->inputs.items[i];
        if (needs_value(input) && !feed->options.random && feed->options.dataset == NULL &&
            find_fixed(feed, input->name) == NULL) {
            return mopt_error_set(err, MOPT_E_USAGE, "input '%s' is not given", input->name);
        }
    }
    return MOPT_OK;
}

// ---- Random inputs ------------------------------------------------------------------------------

static double random_number(struct mopt_rng *rng, enum mopt_dtype dtype)
{
    if (mopt__dtype_is_float(dtype)) {
        return mopt__rng_normal(rng);
    }
    if (dtype == MOPT_UINT8) {
        return (double)mopt__rng_below(rng, 256);
    }
    if (dtype == MOPT_INT8) {
        return (double)mopt__rng_below(rng, 256) - 128;
    }
    return (double)mopt__rng_below(rng, 2); // may be indices or a condition: legal everywhere
}

// Size of a dimension of which nothing is known, so that the table of dims cannot hold it.
static bool unnamed_size(const struct mopt_feed *feed, const struct mopt_value *input, int axis,
                         int64_t *size)
{
    char name[256];
    (void)snprintf(name, sizeof name, "%s:%d", input->name, axis);
    for (size_t i = 0; i < feed->options.binding_count; i++) {
        if (strcmp(feed->options.bindings[i].name, name) == 0) {
            *size = feed->options.bindings[i].size;
            return true;
        }
    }
    *size = feed->options.batch;
    return axis == 0;
}

static enum mopt_status random_dims(const struct mopt_feed *feed, const struct mopt_value *input,
                                    int64_t dims[MOPT_RANK_MAX], struct mopt_error *err)
{
    const struct mopt_type *type = input->type != NULL ? input->type : input->declared;
    for (int axis = 0; axis < type->rank; axis++) {
        if (mopt__dim_is_known(feed->dims, type->dims[axis], &dims[axis]) ||
            (type->dims[axis] == MOPT_DIM_UNKNOWN &&
             unnamed_size(feed, input, axis, &dims[axis]))) {
            continue;
        }
        const char *name = mopt__dim_name(feed->model->dims, type->dims[axis]);
        return name != NULL
                   ? mopt_error_set(err, MOPT_E_USAGE,
                                    "input '%s' leaves dimension '%s' open, say --dim %s=SIZE",
                                    input->name, name, name)
                   : mopt_error_set(err, MOPT_E_USAGE,
                                    "input '%s' leaves axis %d open, say --dim %s:%d=SIZE",
                                    input->name, axis, input->name, axis);
    }
    return MOPT_OK;
}

static enum mopt_status random_input(const struct mopt_feed *feed, const struct mopt_value *input,
                                     struct mopt_rng *rng, struct mopt_datum **out,
                                     struct mopt_error *err)
{
    const struct mopt_type *type = input->type != NULL ? input->type : input->declared;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0 ||
        type->dtype == MOPT_STRING || type->dtype == MOPT_UNDEFINED ||
        type->dtype == MOPT_COMPLEX64 || type->dtype == MOPT_COMPLEX128) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "no random values for input '%s', give it with --input", input->name);
    }
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = random_dims(feed, input, dims, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(type->dtype, type->rank, dims, &tensor, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    void *data = mopt__tensor_data(tensor);
    memset(data, 0, tensor->bytes);
    for (size_t i = 0; i < tensor->count; i++) {
        mopt__element_set_f64(type->dtype, data, i, random_number(rng, type->dtype));
    }
    status = mopt__datum_tensor(tensor, out, err);
    mopt__tensor_unref(tensor);
    return status;
}

static void drop_owned(struct mopt_feed *feed)
{
    for (size_t i = 0; i < feed->model->graph->inputs.count; i++) {
        mopt__datum_unref(feed->owned[i]);
        feed->owned[i] = NULL;
    }
}

// ---- Items --------------------------------------------------------------------------------------

static enum mopt_status next_sample(struct mopt_feed *feed, struct mopt_error *err)
{
    struct mopt_feed_item *item = &feed->item;
    enum mopt_status status = mopt__dataset_next(feed->options.dataset, &item->sample, err);
    if (status == MOPT_OK && item->sample != NULL) {
        item->rows = item->sample->count;
        (void)snprintf(item->name, sizeof item->name, "%s",
                       item->sample->name != NULL ? item->sample->name : "");
    }
    return status;
}

// Inputs of the sample stand in the order of the inputs that have no initializer.
static enum mopt_status fill(struct mopt_feed *feed, struct mopt_error *err)
{
    const struct mopt_graph *graph = feed->model->graph;
    struct mopt_rng rng;
    mopt__rng_init(&rng, feed->options.seed + feed->position);
    size_t spec = 0;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *input = graph->inputs.items[i];
        struct mopt_datum *datum = find_fixed(feed, input->name);
        bool needed = needs_value(input);
        if (datum == NULL && needed && feed->item.sample != NULL) {
            datum = feed->item.sample->inputs[spec];
        }
        if (datum == NULL && needed && feed->options.random) {
            enum mopt_status status = random_input(feed, input, &rng, &feed->owned[i], err);
            if (status != MOPT_OK) {
                return status;
            }
            datum = feed->owned[i];
        }
        spec += needed;
        feed->item.inputs[i] = datum;
    }
    return MOPT_OK;
}

enum mopt_status mopt__feed_next(struct mopt_feed *feed, const struct mopt_feed_item **item,
                                 struct mopt_error *err)
{
    *item = NULL;
    drop_owned(feed);
    if (feed->options.dataset != NULL) {
        enum mopt_status status = next_sample(feed, err);
        if (status != MOPT_OK || feed->item.sample == NULL) {
            return status;
        }
    } else if (feed->position >= feed->options.samples) {
        return MOPT_OK;
    } else {
        feed->item.rows = (size_t)feed->options.batch;
        (void)snprintf(feed->item.name, sizeof feed->item.name, "input %zu", feed->position + 1);
    }
    enum mopt_status status = fill(feed, err);
    feed->position++;
    if (status == MOPT_OK) {
        *item = &feed->item;
    }
    return status;
}

size_t mopt__feed_count(const struct mopt_feed *feed)
{
    return feed->options.dataset != NULL ? mopt__dataset_count(feed->options.dataset)
                                         : feed->options.samples;
}

enum mopt_status mopt__feed_new(const struct mopt_model *model,
                                const struct mopt_feed_options *options, struct mopt_feed **out,
                                struct mopt_error *err)
{
    *out = NULL;
    struct mopt_feed *feed = mopt__calloc(1, sizeof *feed);
    if (feed == NULL) {
        return mopt_error_memory(err);
    }
    size_t count = model->graph->inputs.count;
    feed->model = model;
    feed->options = *options;
    feed->options.samples = options->samples > 0 ? options->samples : 1;
    feed->options.batch = options->batch > 0 ? options->batch : 1;
    feed->dims = mopt__dims_clone(model->dims);
    feed->owned = mopt__calloc(count + 1, sizeof(struct mopt_datum *));
    feed->item.inputs = mopt__calloc(count + 1, sizeof(struct mopt_datum *));
    enum mopt_status status = MOPT_OK;
    if (feed->dims == NULL || feed->owned == NULL || feed->item.inputs == NULL) {
        status = mopt_error_memory(err);
    } else {
        status = check_inputs(feed, err);
    }
    if (status == MOPT_OK) {
        status = mopt__bind_dims(model->graph, feed->dims, options->bindings,
                                 options->binding_count, feed->options.batch, err);
    }
    if (status != MOPT_OK) {
        mopt__feed_free(feed);
        return status;
    }
    *out = feed;
    return MOPT_OK;
}

void mopt__feed_free(struct mopt_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    if (feed->owned != NULL) {
        drop_owned(feed);
    }
    mopt__free(feed->owned);
    mopt__free(feed->item.inputs);
    mopt__dims_free(feed->dims);
    mopt__free(feed);
}
