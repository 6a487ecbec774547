// SPDX-License-Identifier: Apache-2.0
// An out-of-tree pass: Neg(Neg(x)) -> x and Reciprocal(Reciprocal(x)) -> x. It is compiled with
// nothing but mopt's public headers and links to nothing: everything comes through the host's
// functions.
//
//   cc -shared -fPIC -I<prefix>/include involution.c -o involution.so
//   mopt optimize model.onnx --plugin ./involution.so --pass involution-eliminate-pairs -o out.onnx
#include <string.h>

#include "mopt/plugin.h"

static const struct mopt_host *host; // set once when the plugin is loaded

// The other half of the pair, or NULL.
static struct mopt_node *inner(const struct mopt_node *node)
{
    const char *type = host->op_type(node);
    if (strcmp(type, "Neg") != 0 && strcmp(type, "Reciprocal") != 0) {
        return NULL;
    }
    struct mopt_value *input = host->input(node, 0);
    struct mopt_node *producer = input != NULL ? host->producer(input) : NULL;
    return producer != NULL && strcmp(host->op_type(producer), type) == 0 ? producer : NULL;
}

static enum mopt_status visit(struct mopt_pass_context *context, struct mopt_node *node,
                              struct mopt_error *err)
{
    struct mopt_node *first = inner(node);
    if (first == NULL) {
        return MOPT_OK;
    }
    struct mopt_error refused; // a graph output keeps its node: not an error of ours
    enum mopt_status status =
        host->replace_uses(host->output(node, 0), host->input(first, 0), &refused);
    if (status != MOPT_OK) {
        if (status != MOPT_E_USAGE) {
            *err = refused;
            return status;
        }
        return MOPT_OK;
    }
    host->count(context, "pairs", 1);
    return host->remove_node(node, err);
}

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    struct mopt_node *node = host->first_node(host->main_graph(model));
    while (node != NULL && status == MOPT_OK) {
        struct mopt_node *next = host->next_node(node);
        status = visit(context, node, err);
        node = next;
    }
    return status;
}

static const struct mopt_pass_counter counters[] = {{"pairs", "pairs removed"}};

static const struct mopt_pass eliminate_pairs = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "involution-eliminate-pairs",
    .summary = "removes pairs of Neg and of Reciprocal",
    .help = "y = Neg(Neg(x))  ->  x",
    .level = 0,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .counters = counters,
    .counter_count = 1,
    .run = run,
};
static const struct mopt_pass *const passes[] = {&eliminate_pairs};

static const struct mopt_plugin plugin = {
    .struct_size = sizeof(struct mopt_plugin),
    .abi = MOPT_PLUGIN_ABI,
    .name = "involution",
    .version = "1.0",
    .licence = "Apache-2.0",
    .passes = passes,
    .pass_count = 1,
};

MOPT_API const struct mopt_plugin *mopt_plugin_init(const struct mopt_host *functions);

const struct mopt_plugin *mopt_plugin_init(const struct mopt_host *functions)
{
    if (functions->size < sizeof(struct mopt_host)) {
        return NULL; // older host
    }
    host = functions;
    return &plugin;
}
