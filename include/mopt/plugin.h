// SPDX-License-Identifier: Apache-2.0
// Plugins: a shared object with one exported symbol, mopt_plugin_init, which receives the host's
// functions and returns its descriptor. It links to nothing of mopt. Loaded only when asked for
// (--plugin FILE).
#ifndef MOPT_PLUGIN_H
#define MOPT_PLUGIN_H

#include "mopt/dtype.h"
#include "mopt/pass.h"
#include "mopt/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MOPT_PLUGIN_ABI = 1 };

struct mopt_graph; // all opaque to plugins
struct mopt_node;
struct mopt_value;

// Dense constant seen by a plugin.
struct mopt_constant_view {
    enum mopt_dtype dtype;
    int rank;
    const int64_t *dims; // [rank]
    const void *data;    // little-endian, row-major
    size_t count, bytes;
};

// What the host offers. New members are only ever added at the end: check size before using a later
// one. Strings returned belong to the model. Getters accept any index and return NULL / 0 beyond
// the end.
struct mopt_host {
    size_t size; // sizeof(struct mopt_host) of the host
    // Graphs: the main graph, and the sub-graphs in a node's attributes.
    struct mopt_graph *(*main_graph)(struct mopt_model *model);
    struct mopt_graph *(*subgraph)(const struct mopt_node *node, size_t i);
    struct mopt_node *(*first_node)(const struct mopt_graph *graph);
    struct mopt_node *(*next_node)(const struct mopt_node *node);
    // Nodes.
    const char *(*op_type)(const struct mopt_node *node);
    const char *(*domain)(const struct mopt_node *node); // "" for the default domain
    size_t (*input_count)(const struct mopt_node *node);
    size_t (*output_count)(const struct mopt_node *node);
    struct mopt_value *(*input)(const struct mopt_node *node, size_t i); // NULL: absent
    struct mopt_value *(*output)(const struct mopt_node *node, size_t i);
    int (*get_int)(const struct mopt_node *node, const char *name,
                   int64_t *value); // 1 if the attribute is there
    int (*get_float)(const struct mopt_node *node, const char *name, float *value);
    // Values.
    const char *(*value_name)(const struct mopt_value *value);
    struct mopt_node *(*producer)(const struct mopt_value *value);
    size_t (*use_count)(const struct mopt_value *value); // graph outputs count as uses
    int (*constant)(const struct mopt_value *value,
                    struct mopt_constant_view *view); // 1 if no caller can change it
    int (*shape)(const struct mopt_value *value, int *rank,
                 int64_t dims[16]); // 1 if the rank is known; unknown dims are -1
    enum mopt_dtype (*dtype)(const struct mopt_value *value);
    // Edits.
    struct mopt_node *(*add_node)(struct mopt_graph *graph, struct mopt_node *before,
                                  const char *op_type, const char *domain,
                                  struct mopt_value *const *inputs, size_t input_count,
                                  size_t output_count,
                                  struct mopt_error *err); // outputs get fresh names
    struct mopt_value *(*add_constant)(struct mopt_graph *graph, const char *name,
                                       const struct mopt_constant_view *view,
                                       struct mopt_error *err);
    enum mopt_status (*set_int)(struct mopt_node *node, const char *name, int64_t value,
                                struct mopt_error *err);
    enum mopt_status (*set_float)(struct mopt_node *node, const char *name, float value,
                                  struct mopt_error *err);
    enum mopt_status (*replace_uses)(
        struct mopt_value *from, struct mopt_value *to,
        struct mopt_error *err); // refuses (MOPT_E_USAGE) when from is a graph output
    enum mopt_status (*remove_node)(struct mopt_node *node,
                                    struct mopt_error *err); // MOPT_E_USAGE when an output is used
    // Context.
    void (*count)(struct mopt_pass_context *context, const char *counter, uint64_t add);
    enum mopt_status (*error)(struct mopt_error *err, enum mopt_status status, const char *text);
};

struct mopt_plugin {
    size_t struct_size; // sizeof(struct mopt_plugin)
    uint32_t abi;       // MOPT_PLUGIN_ABI
    const char *name;   // kebab-case; passes must be named NAME-...
    const char *version, *licence;
    const struct mopt_pass *const *passes; // run functions only, no rules
    size_t pass_count;
};

// The one exported symbol. host stays valid until the plugin is unloaded. Return NULL to refuse.
typedef const struct mopt_plugin *(*mopt_plugin_init_fn)(const struct mopt_host *host);
#define MOPT_PLUGIN_SYMBOL "mopt_plugin_init"

#ifdef __cplusplus
}
#endif
#endif
