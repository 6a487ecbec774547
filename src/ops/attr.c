// SPDX-License-Identifier: Apache-2.0
// Typed access to the attributes of a node: kind checked, default taken from the schema. It must
// not know any operator.
#include <string.h>

#include "ops/op.h"

static const char *kind_name(enum mopt_attr_kind kind)
{
    static const char *const names[] = {"undefined",      "a float",  "an integer",
                                        "a string",       "a tensor", "a graph",
                                        "floats",         "integers", "strings",
                                        "tensors",        "graphs",   "a sparse tensor",
                                        "sparse tensors", "a type",   "types"};
    return (size_t)kind < MOPT_COUNTOF(names) ? names[kind] : "unknown";
}

// Sets *out to the attribute of that kind, or to NULL when the node does not carry it.
static enum mopt_status get(const struct mopt_node *node, const char *name,
                            enum mopt_attr_kind kind, const struct mopt_attribute **out,
                            struct mopt_error *err)
{
    *out = mopt__node_attribute(node, name);
    if (*out == NULL) {
        return MOPT_OK;
    }
    if ((*out)->ref_name != NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "attribute '%s' refers to '%s' of a function that is not bound", name,
                              (*out)->ref_name);
    }
    if ((*out)->kind != kind) {
        return mopt_error_set(err, MOPT_E_TYPE, "attribute '%s' holds %s, must hold %s", name,
                              kind_name((*out)->kind), kind_name(kind));
    }
    return MOPT_OK;
}

static const struct mopt_attr_spec *default_of(const struct mopt_node *node, const char *name,
                                               enum mopt_attr_kind kind)
{
    for (unsigned i = 0; node->op != NULL && i < node->op->attribute_count; i++) {
        const struct mopt_attr_spec *spec = &node->op->attributes[i];
        if (strcmp(spec->name, name) == 0) {
            return spec->has_default && spec->kind == kind ? spec : NULL;
        }
    }
    return NULL;
}

enum mopt_status mopt__attr_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                int64_t *value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_INT, &attribute, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (attribute != NULL) {
        *value = attribute->i;
        return MOPT_OK;
    }
    const struct mopt_attr_spec *spec = default_of(node, name, MOPT_ATTR_INT);
    *value = spec != NULL ? spec->i : fallback;
    return MOPT_OK;
}

enum mopt_status mopt__attr_float(const struct mopt_node *node, const char *name, float fallback,
                                  float *value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_FLOAT, &attribute, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (attribute != NULL) {
        *value = attribute->f;
        return MOPT_OK;
    }
    const struct mopt_attr_spec *spec = default_of(node, name, MOPT_ATTR_FLOAT);
    *value = spec != NULL ? (float)spec->f : fallback;
    return MOPT_OK;
}

enum mopt_status mopt__attr_string(const struct mopt_node *node, const char *name,
                                   const char *fallback, const char **value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_STRING, &attribute, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (attribute != NULL) {
        *value = attribute->s.data != NULL ? attribute->s.data : "";
        return MOPT_OK;
    }
    const struct mopt_attr_spec *spec = default_of(node, name, MOPT_ATTR_STRING);
    *value = spec != NULL ? spec->s : fallback;
    return MOPT_OK;
}

enum mopt_status mopt__attr_ints(const struct mopt_node *node, const char *name,
                                 const int64_t **values, size_t *count, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_INTS, &attribute, err);
    *values = status == MOPT_OK && attribute != NULL ? attribute->ints : NULL;
    *count = status == MOPT_OK && attribute != NULL ? attribute->count : 0;
    return status;
}

enum mopt_status mopt__attr_floats(const struct mopt_node *node, const char *name,
                                   const float **values, size_t *count, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_FLOATS, &attribute, err);
    *values = status == MOPT_OK && attribute != NULL ? attribute->floats : NULL;
    *count = status == MOPT_OK && attribute != NULL ? attribute->count : 0;
    return status;
}

enum mopt_status mopt__attr_strings(const struct mopt_node *node, const char *name,
                                    const struct mopt_string **values, size_t *count,
                                    struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_STRINGS, &attribute, err);
    *values = status == MOPT_OK && attribute != NULL ? attribute->strings : NULL;
    *count = status == MOPT_OK && attribute != NULL ? attribute->count : 0;
    return status;
}

enum mopt_status mopt__attr_tensor(const struct mopt_node *node, const char *name,
                                   struct mopt_tensor **value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_TENSOR, &attribute, err);
    *value = status == MOPT_OK && attribute != NULL ? attribute->t : NULL;
    return status;
}

enum mopt_status mopt__attr_graph(const struct mopt_node *node, const char *name,
                                  struct mopt_graph **value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = get(node, name, MOPT_ATTR_GRAPH, &attribute, err);
    *value = status == MOPT_OK && attribute != NULL ? attribute->g : NULL;
    if (status == MOPT_OK && *value == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute '%s' is missing", name);
    }
    return status;
}

enum mopt_status mopt__axis_normalise(int64_t axis, int rank, int *out, struct mopt_error *err)
{
    if (axis < -(int64_t)rank || axis >= rank) {
        return mopt_error_set(err, MOPT_E_VALUE, "axis %lld is out of range for rank %d",
                              (long long)axis, rank);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return MOPT_OK;
}
