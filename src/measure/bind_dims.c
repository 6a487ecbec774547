// SPDX-License-Identifier: Apache-2.0
// Gives sizes to dimensions that a model leaves open.
#include <string.h>

#include "measure/facts.h"

static bool is_open(const struct mopt_dims *dims, int64_t dim)
{
    int64_t size;
    return !mopt__dim_is_known(dims, dim, &size);
}

static const struct mopt_type *tensor_type(const struct mopt_value *input)
{
    const struct mopt_type *type = input->type != NULL ? input->type : input->declared;
    bool open = type != NULL && type->kind == MOPT_TYPE_TENSOR && type->rank > 0;
    return open && input->constant == NULL && input->sparse == NULL ? type : NULL;
}

// Does a binding name this dimension: by its name in the file, or as INPUT:AXIS?
static bool names_dim(const struct mopt_binding *binding, const struct mopt_dims *dims,
                      const struct mopt_value *input, int axis, int64_t dim)
{
    const char *name = mopt__dim_name(dims, dim);
    if (name != NULL && strcmp(name, binding->name) == 0) {
        return true;
    }
    size_t length = strlen(input->name);
    long long number;
    return strncmp(binding->name, input->name, length) == 0 && binding->name[length] == ':' &&
           mopt__parse_i64(binding->name + length + 1, &number) && number == axis;
}

// Appends the open dims of an input as they can be named, ", " in front of all but the first.
static void list_open(const struct mopt_value *input, const struct mopt_dims *dims,
                      struct mopt_strbuf *names)
{
    const struct mopt_type *type = tensor_type(input);
    for (int axis = 0; type != NULL && axis < type->rank; axis++) {
        if (!is_open(dims, type->dims[axis])) {
            continue;
        }
        const char *known = mopt__dim_name(dims, type->dims[axis]);
        mopt__strbuf_add(names, names->length > 0 ? ", " : "");
        mopt__strbuf_add(names, known != NULL ? known : input->name);
        if (known == NULL) {
            mopt__strbuf_printf(names, ":%d", axis);
        }
    }
}

static enum mopt_status no_such_dim(const struct mopt_graph *graph, const struct mopt_dims *dims,
                                    const char *name, struct mopt_error *err)
{
    struct mopt_strbuf names = {0};
    for (size_t i = 0; i < graph->inputs.count; i++) {
        list_open(graph->inputs.items[i], dims, &names);
    }
    enum mopt_status status =
        mopt_error_set(err, MOPT_E_USAGE, "no open dimension '%s', there %s %s", name,
                       names.length > 0 ? "are" : "is",
                       names.length > 0 ? mopt__strbuf_text(&names) : "none");
    mopt__strbuf_release(&names);
    return status;
}

static enum mopt_status apply(const struct mopt_graph *graph, struct mopt_dims *dims,
                              const struct mopt_dims *before, const struct mopt_binding *binding,
                              struct mopt_error *err)
{
    bool found = false;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const struct mopt_value *input = graph->inputs.items[i];
        const struct mopt_type *type = tensor_type(input);
        for (int axis = 0; type != NULL && axis < type->rank; axis++) {
            if (is_open(before, type->dims[axis]) &&
                names_dim(binding, before, input, axis, type->dims[axis])) {
                found = true;
                (void)mopt__dim_unify(dims, type->dims[axis], binding->size);
            }
        }
    }
    return found ? MOPT_OK : no_such_dim(graph, before, binding->name, err);
}

enum mopt_status mopt__bind_dims(const struct mopt_graph *graph, struct mopt_dims *dims,
                                 const struct mopt_binding *bindings, size_t binding_count,
                                 int64_t batch, struct mopt_error *err)
{
    struct mopt_dims *before = mopt__dims_clone(dims);
    if (before == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < binding_count && status == MOPT_OK; i++) {
        status = apply(graph, dims, before, &bindings[i], err);
    }
    mopt__dims_free(before);
    for (size_t i = 0; i < graph->inputs.count && status == MOPT_OK; i++) {
        const struct mopt_type *type = tensor_type(graph->inputs.items[i]);
        if (type != NULL && is_open(dims, type->dims[0])) {
            (void)mopt__dim_unify(dims, type->dims[0], batch);
        }
    }
    return status;
}
