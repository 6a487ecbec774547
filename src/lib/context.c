// SPDX-License-Identifier: Apache-2.0
// The context: the list of passes, plugins, the message sink.
#include <dlfcn.h>
#include <string.h>

#include "lib/lib.h"
#include "lib/passes.h"

static void forward(void *context, enum mopt_log_level level, const char *text)
{
    struct mopt_context *self = context;
    self->message(self->user, (enum mopt_message_level)level, text);
}

static enum mopt_status add_pass(struct mopt_context *context, const struct mopt_pass *pass,
                                 struct mopt_error *err)
{
    enum mopt_status status =
        mopt__grow((void **)&context->passes, &context->pass_capacity, context->pass_count + 1,
                   sizeof(const struct mopt_pass *), err);
    if (status == MOPT_OK) {
        context->passes[context->pass_count++] = pass;
    }
    return status;
}

enum mopt_status mopt_context_new(mopt_message_fn message, void *user,
                                  enum mopt_message_level level, struct mopt_context **out,
                                  struct mopt_error *err)
{
    *out = NULL;
    struct mopt_context *context = mopt__calloc(1, sizeof *context);
    if (context == NULL) {
        return mopt_error_memory(err);
    }
    context->message = message;
    context->user = user;
    context->log = (struct mopt_log){.level = (enum mopt_log_level)level,
                                     .context = context,
                                     .write = message != NULL ? forward : NULL};
    size_t count;
    const struct mopt_pass *const *builtin = mopt__builtin_passes(&count);
    for (size_t i = 0; i < count; i++) {
        enum mopt_status status = add_pass(context, builtin[i], err);
        if (status != MOPT_OK) {
            mopt_context_free(context);
            return status;
        }
    }
    *out = context;
    return MOPT_OK;
}

void mopt_context_free(struct mopt_context *context)
{
    if (context == NULL) {
        return;
    }
    mopt__free(context->passes);
    for (size_t i = 0; i < context->handle_count; i++) {
        (void)dlclose(context->handles[i]);
    }
    mopt__free(context->handles);
    mopt__free(context);
}

struct mopt_pass_set mopt__context_pass_set(const struct mopt_context *context)
{
    return (struct mopt_pass_set){.items = context->passes, .count = context->pass_count};
}

const struct mopt_pass *const *mopt_context_passes(const struct mopt_context *context,
                                                   size_t *count)
{
    *count = context->pass_count;
    return context->passes;
}

static enum mopt_status check_pass(const struct mopt_context *context,
                                   const struct mopt_plugin *plugin, const struct mopt_pass *pass,
                                   struct mopt_error *err)
{
    size_t prefix = strlen(plugin->name);
    if (pass == NULL || pass->struct_size != sizeof(struct mopt_pass) || pass->name == NULL ||
        pass->summary == NULL || pass->help == NULL || pass->run == NULL || pass->rule_count != 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "malformed pass descriptor");
    }
    if (strncmp(pass->name, plugin->name, prefix) != 0 || pass->name[prefix] != '-') {
        return mopt_error_set(err, MOPT_E_FORMAT, "pass '%s' must be named '%s-...'", pass->name,
                              plugin->name);
    }
    struct mopt_pass_set set = mopt__context_pass_set(context);
    if (mopt__pass_find(&set, pass->name) != NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "pass '%s' exists already", pass->name);
    }
    return MOPT_OK;
}

static enum mopt_status add_plugin(struct mopt_context *context, void *handle,
                                   struct mopt_error *err)
{
    void *symbol = dlsym(handle, MOPT_PLUGIN_SYMBOL);
    if (symbol == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "no symbol '%s': not a plugin of mopt",
                              MOPT_PLUGIN_SYMBOL);
    }
    mopt_plugin_init_fn init = NULL;
    memcpy(&init, &symbol, sizeof init); // ISO C has no conversion from object to function pointer
    const struct mopt_plugin *plugin = init(&mopt__host);
    if (plugin == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the plugin refused this host");
    }
    if (plugin->abi != MOPT_PLUGIN_ABI || plugin->struct_size != sizeof(struct mopt_plugin) ||
        plugin->name == NULL || (plugin->passes == NULL && plugin->pass_count > 0)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "plugin has interface %u, this program has %d",
                              plugin->abi, MOPT_PLUGIN_ABI);
    }
    enum mopt_status status = MOPT_OK;
    size_t before = context->pass_count;
    for (size_t i = 0; i < plugin->pass_count && status == MOPT_OK; i++) {
        status = check_pass(context, plugin, plugin->passes[i], err);
        if (status == MOPT_OK) {
            status = add_pass(context, plugin->passes[i], err);
        }
    }
    if (status != MOPT_OK) {
        context->pass_count = before;
    }
    return status;
}

enum mopt_status mopt_context_load_plugin(struct mopt_context *context, const char *path,
                                          struct mopt_error *err)
{
    // dlopen searches system folders for names without a slash; a plugin is always exactly the file
    // named.
    char *file = strchr(path, '/') != NULL ? mopt__strdup(path) : mopt__path_join(".", path);
    if (file == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__grow((void **)&context->handles, &context->handle_capacity,
                                         context->handle_count + 1, sizeof(void *), err);
    void *handle = NULL;
    if (status == MOPT_OK && !mopt__path_exists(file)) {
        status = mopt_error_set(err, MOPT_E_MISSING, "no such file");
    } else if (status == MOPT_OK) {
        handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        status = handle != NULL ? add_plugin(context, handle, err)
                                : mopt_error_set(err, MOPT_E_FORMAT, "%s", dlerror());
    }
    if (status == MOPT_OK) {
        context->handles[context->handle_count++] = handle;
    } else if (handle != NULL) {
        (void)dlclose(handle);
    }
    mopt__free(file);
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "plugin '%s'", path);
}
