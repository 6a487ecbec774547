// SPDX-License-Identifier: Apache-2.0
// Turns --data, --input and --dim into a feed.
#include <stdio.h>
#include <string.h>

#include "cli/job.h"
#include "onnx/onnx.h"

// Splits "NAME=VALUE" at the first '='; the name is kept by the feed.
static enum mopt_status split(struct mopt_job_feed *feed, const char *option, const char *text,
                              const char **name, const char **value, struct mopt_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return mopt_error_set(err, MOPT_E_USAGE, "option '--%s': '%s' is not NAME=VALUE", option,
                              text);
    }
    char *copy = mopt__strndup(text, (size_t)(equals - text));
    if (copy == NULL) {
        return mopt_error_memory(err);
    }
    feed->names[feed->name_count++] = copy;
    *name = copy;
    *value = equals + 1;
    return MOPT_OK;
}

static enum mopt_status make_room(struct mopt_cli *cli, struct mopt_job_feed *feed,
                                  struct mopt_error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < cli->options.count; i++) {
        count += cli->options.values[i].count;
    }
    if (feed->names == NULL) {
        feed->names = mopt__calloc(count, sizeof(char *));
    }
    return feed->names != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__job_bindings(struct mopt_cli *cli, struct mopt_job_feed *feed,
                                    struct mopt_error *err)
{
    const struct mopt_option_value *dims = mopt__option(&cli->options, "dim");
    enum mopt_status status = make_room(cli, feed, err);
    if (status != MOPT_OK) {
        return status;
    }
    feed->bindings = mopt__calloc(dims->count + 1, sizeof *feed->bindings);
    if (feed->bindings == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < dims->count && status == MOPT_OK; i++) {
        struct mopt_binding *binding = &feed->bindings[i];
        const char *value = "";
        long long size;
        status = split(feed, "dim", dims->items[i], &binding->name, &value, err);
        if (status == MOPT_OK && (!mopt__parse_i64(value, &size) || size < 0)) {
            status = mopt_error_set(err, MOPT_E_USAGE, "option '--dim': '%s' is not a size", value);
        } else if (status == MOPT_OK) {
            binding->size = size;
            feed->binding_count++;
        }
    }
    return status;
}

// ---- --input ------------------------------------------------------------------------------------

static const struct mopt_value *find_input(const struct mopt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        if (strcmp(graph->inputs.items[i]->name, name) == 0) {
            return graph->inputs.items[i];
        }
    }
    return NULL;
}

// A tensor of the declared type with every element `number`; open dims count as 1.
static enum mopt_status filled(const struct mopt_model *model, const struct mopt_value *input,
                               double number, struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_type *type = input->type != NULL ? input->type : input->declared;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0 ||
        type->dtype == MOPT_STRING || type->dtype == MOPT_UNDEFINED) {
        return mopt_error_set(err, MOPT_E_USAGE, "input '%s' cannot be filled with a number",
                              input->name);
    }
    int64_t dims[MOPT_RANK_MAX];
    for (int axis = 0; axis < type->rank; axis++) {
        if (!mopt__dim_is_known(model->dims, type->dims[axis], &dims[axis])) {
            dims[axis] = 1;
        }
    }
    enum mopt_status status = mopt__tensor_new(type->dtype, type->rank, dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    void *data = mopt__tensor_data(*out);
    memset(data, 0, (*out)->bytes);
    for (size_t i = 0; i < (*out)->count; i++) {
        if (mopt__dtype_is_float(type->dtype)) {
            mopt__element_set_f64(type->dtype, data, i, number);
        } else {
            mopt__element_set_i64(type->dtype, data, i, (int64_t)number);
        }
    }
    return MOPT_OK;
}

static bool is_npy(const char *path)
{
    struct mopt_error ignored;
    struct mopt_mapping *mapping = NULL;
    mopt_error_clear(&ignored);
    if (mopt__mapping_open(path, 0, &mapping, &ignored) != MOPT_OK) {
        return false;
    }
    bool npy = mapping->size >= 6 && memcmp(mapping->data, "\x93NUMPY", 6) == 0;
    mopt__mapping_unref(mapping);
    return npy;
}

static enum mopt_status load_input(const struct mopt_model *model, const struct mopt_value *input,
                                   const char *text, struct mopt_datum **out,
                                   struct mopt_error *err)
{
    double number;
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status;
    if (!mopt__path_exists(text)) {
        if (!mopt__parse_f64(text, &number)) {
            return mopt_error_set(err, MOPT_E_MISSING, "input '%s': no file '%s'", input->name,
                                  text);
        }
        status = filled(model, input, number, &tensor, err);
    } else if (is_npy(text)) {
        status = mopt__npy_load(text, &tensor, err);
    } else {
        const struct mopt_type *type = input->type != NULL ? input->type : input->declared;
        return mopt__onnx_load_datum(text, type, out, err);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, out, err);
        mopt__tensor_unref(tensor);
    }
    return status;
}

static enum mopt_status load_fixed(struct mopt_cli *cli, const struct mopt_model *model,
                                   struct mopt_job_feed *feed, struct mopt_error *err)
{
    const struct mopt_option_value *inputs = mopt__option(&cli->options, "input");
    feed->fixed = mopt__calloc(inputs->count + 1, sizeof *feed->fixed);
    if (feed->fixed == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < inputs->count && status == MOPT_OK; i++) {
        struct mopt_fixed_input *fixed = &feed->fixed[feed->fixed_count];
        const char *value = "";
        status = split(feed, "input", inputs->items[i], &fixed->name, &value, err);
        if (status != MOPT_OK) {
            break;
        }
        const struct mopt_value *input = find_input(model->graph, fixed->name);
        feed->fixed_count++;
        if (input == NULL) {
            continue; // the feed says so, with the nearest name
        }
        status = load_input(model, input, value, &fixed->datum, err);
        if (status == MOPT_OK && mopt__path_exists(value)) {
            mopt__envelope_input_file(&cli->envelope, "data", value);
        }
    }
    return status;
}

enum mopt_status mopt__job_feed_open(struct mopt_cli *cli, const struct mopt_model *model,
                                     size_t random_samples, struct mopt_job_feed *out,
                                     struct mopt_error *err)
{
    *out = (struct mopt_job_feed){0};
    const char *data = mopt__option_text(&cli->options, "data");
    bool random = data == NULL ? random_samples > 0 : strcmp(data, "random") == 0;
    enum mopt_status status = mopt__job_bindings(cli, out, err);
    if (status == MOPT_OK) {
        status = load_fixed(cli, model, out, err);
    }
    if (status == MOPT_OK && data != NULL && !random) {
        size_t samples = (size_t)mopt__option_int(&cli->options, "samples");
        status = mopt__job_dataset(cli, model, "data", samples, &out->dataset, err);
    }
    if (status == MOPT_OK) {
        int64_t samples = mopt__option_int(&cli->options, "samples");
        bool all_fixed = !random && data == NULL;
        struct mopt_feed_options options = {
            .dataset = out->dataset,
            .fixed = out->fixed,
            .fixed_count = out->fixed_count,
            .random = random,
            .samples = all_fixed            ? 1
                       : samples > 0        ? (size_t)samples
                       : random_samples > 0 ? random_samples
                                            : 1,
            .seed = (uint64_t)mopt__option_int(&cli->options, "seed"),
            .bindings = out->bindings,
            .binding_count = out->binding_count,
            .batch = mopt__option_int(&cli->options, "batch"),
        };
        status = mopt__feed_new(model, &options, &out->feed, err);
    }
    if (status != MOPT_OK) {
        mopt__job_feed_close(out);
    }
    return status;
}

void mopt__job_feed_close(struct mopt_job_feed *feed)
{
    mopt__feed_free(feed->feed);
    mopt__dataset_close(feed->dataset);
    for (size_t i = 0; i < feed->fixed_count; i++) {
        mopt__datum_unref(feed->fixed[i].datum);
    }
    for (size_t i = 0; i < feed->name_count; i++) {
        mopt__free(feed->names[i]);
    }
    mopt__free(feed->names);
    mopt__free(feed->fixed);
    mopt__free(feed->bindings);
    *feed = (struct mopt_job_feed){0};
}
