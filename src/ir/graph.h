// SPDX-License-Identifier: Apache-2.0
// The graph: values, nodes, graphs, functions, model; and the primitive edits that keep use lists
// right. Everything lives in the model's arena; tensors are reference counted and owned by the
// value or attribute. A node inside a sub-graph may use values of enclosing graphs directly: those
// uses are in the value's use list like any other, so "has no uses" is true only if no body
// captures the value either.
#ifndef MOPT_IR_GRAPH_H
#define MOPT_IR_GRAPH_H

#include "base/alloc.h"
#include "base/map.h"
#include "base/strings.h"
#include "ir/attribute.h"
#include "ir/dim.h"
#include "ir/tensor.h"
#include "ir/type.h"

enum { MOPT_DEPTH_MAX = 100 }; // nesting of sub-graphs and message levels

struct mopt_model;
struct mopt_function;
struct mopt_op; // record of src/ops; opaque here

// One use: input `index` of `node`. Embedded in the node; linked in the value's list in order of
// creation.
struct mopt_use {
    struct mopt_value *value; // NULL: input absent
    struct mopt_node *node;
    uint32_t index;
    struct mopt_use *prev, *next;
};

// Known content of a small integer tensor of rank 0 or 1, element by element as dim numbers
// (dim.h).
struct mopt_ints {
    int rank;
    size_t count; // 1 for rank 0
    const int64_t *items;
};

struct mopt_value {
    uint32_t id;                // unique in the model, 0 <= id < model->value_count
    const char *name;           // interned, unique in its scope; "" only while being built
    struct mopt_graph *graph;   // scope that owns it
    struct mopt_node *producer; // NULL: graph input, initializer, or undefined
    uint32_t output_index;      // of the producer
    const struct mopt_type
        *declared;                // type written in the file; NULL if none. Written back unchanged
    const struct mopt_type *type; // best known type (inference refines it); NULL if nothing known
    const struct mopt_ints *ints; // known shape arithmetic, or NULL
    struct mopt_tensor *constant; // initializer (owned reference) or NULL
    struct mopt_sparse *sparse;   // sparse initializer (owned reference) or NULL
    const struct mopt_tensor_source *source;         // of constant / sparse values
    const struct mopt_tensor_source *indices_source; // of sparse indices
    const struct mopt_value_meta *meta;              // details of its ValueInfoProto; NULL if none
    struct mopt_use *uses, *last_use;                // all uses, sub-graphs included
    uint32_t use_count;
    uint32_t graph_output_count; // how often it stands in outputs of graphs (its own or inner ones)
    bool is_input;               // stands in graph->inputs
    uint32_t mark;               // scratch for walks; see mopt__model_new_mark
};

struct mopt_value_meta {
    const char *doc;
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob *unknown;
};

struct mopt_node {
    uint32_t id;                // unique in the model, < model->node_count_ever
    const char *op_type;        // interned
    const char *domain;         // interned, normalised: "" for the default domain (never "ai.onnx")
    const char *domain_text;    // as written; NULL if absent
    const char *name;           // NULL if absent
    const char *doc, *overload; // NULL if absent
    const struct mopt_op *op; // record for this operator and opset version; NULL: unknown operator
    struct mopt_function *function;    // model-local function it calls, else NULL
    struct mopt_graph *graph;          // NULL after removal
    struct mopt_node *prev, *next;     // in graph order
    struct mopt_use *inputs;           // [input_count]
    struct mopt_value **outputs;       // [output_count]; NULL: output omitted
    struct mopt_attribute *attributes; // [attribute_count]
    uint32_t input_count, output_count, attribute_count;
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob *unknown;
    uint32_t order; // position given by mopt__graph_sort / mopt__graph_number; for comparisons only
    uint32_t mark;
};

struct mopt_value_list {
    struct mopt_value **items;
    size_t count, capacity; // heap array
};

struct mopt_graph {
    struct mopt_model *model;
    struct mopt_node
        *owner; // node whose attribute holds this sub-graph; NULL for main and function bodies
    struct mopt_graph *parent;      // scope outside; NULL for main and function bodies
    struct mopt_function *function; // set for the body of a function
    const char *name, *doc;         // NULL if absent
    struct mopt_node *first, *last;
    size_t node_count;
    struct mopt_value_list inputs, outputs;
    struct mopt_value_list initializers; // dense ones (constant != NULL), file order
    struct mopt_value_list sparse_initializers;
    struct mopt_value_list value_infos; // values with a ValueInfoProto in the file, file order
    struct mopt_map names;              // name -> value of this scope
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob
        *annotations; // quantization_annotation messages, one blob of tag+length+bytes
    const struct mopt_blob *unknown;
};

struct mopt_opset {
    const char *domain;      // interned, normalised
    const char *domain_text; // as written; NULL if absent
    int64_t version;
    const struct mopt_blob *unknown;
};
struct mopt_opset_list {
    struct mopt_opset *items;
    size_t count, capacity; // heap array
};

struct mopt_function {
    const char *name, *domain, *domain_text, *overload, *doc;
    struct mopt_graph *body;      // inputs and outputs are values of the body
    const char **attribute_names; // required attributes
    size_t attribute_name_count;
    struct mopt_attribute *attribute_defaults;
    size_t attribute_default_count;
    struct mopt_opset_list opsets;
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob *unknown;
};

struct mopt_model {
    struct mopt_arena arena;
    struct mopt_strpool strings;
    struct mopt_dims *dims;
    int64_t ir_version;
    const char *producer_name, *producer_version, *domain, *doc; // NULL if absent
    bool has_ir_version, has_model_version;
    bool defaults_stand; // nobody overrides initializers of the main graph, whatever the IR version
    int64_t model_version;
    struct mopt_opset_list opsets;
    struct mopt_graph *graph;
    struct mopt_function **functions;
    size_t function_count, function_capacity;
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob *unknown;
    const char *path;    // where it came from, for messages and external data; NULL if built
    uint64_t file_bytes; // size of the model file, 0 if built
    uint32_t value_count, node_count_ever; // ids handed out
    uint32_t mark;                         // last mark handed out
    uint32_t fresh_names;                  // counter for new names
};

// ---- Building -------------------------------------------------------------------------------------------------
// Pointers returned stay valid until mopt__model_free. Strings given are interned or copied. All
// functions that return a pointer return NULL only on out of memory (err set).
enum mopt_status mopt__model_new(struct mopt_model **out,
                                 struct mopt_error *err); // empty, with an empty main graph
void mopt__model_free(struct mopt_model *model);          // NULL is fine
// Deep copy of structure; tensors shared by reference. Ids, dim numbers and op pointers are kept.
enum mopt_status mopt__model_clone(const struct mopt_model *model, struct mopt_model **out,
                                   struct mopt_error *err);
enum mopt_status mopt__model_set_opset(struct mopt_model *model, const char *domain,
                                       int64_t version, struct mopt_error *err); // adds or changes
const char *mopt__model_intern(struct mopt_model *model, const char *text, struct mopt_error *err);

struct mopt_graph *mopt__graph_new(
    struct mopt_model *model, struct mopt_graph *parent,
    struct mopt_error *err); // for a sub-graph or body, not yet attached
// New value in the scope; name NULL or "" makes a fresh unique name from `hint`. A name taken is
// MOPT_E_INTERNAL (NULL returned).
struct mopt_value *mopt__value_new(struct mopt_graph *graph, const char *name,
                                   struct mopt_error *err);
struct mopt_value *mopt__value_fresh(
    struct mopt_graph *graph, const char *hint,
    struct mopt_error *err); // name = hint, or hint_1, hint_2 ... unique in all scopes that see it
struct mopt_value *mopt__value_find(const struct mopt_graph *graph,
                                    const char *name); // this scope only
struct mopt_value *mopt__value_lookup(const struct mopt_graph *graph,
                                      const char *name); // and enclosing scopes
enum mopt_status mopt__value_rename(struct mopt_value *value, const char *name,
                                    struct mopt_error *err);

enum mopt_status mopt__graph_add_input(struct mopt_graph *graph, struct mopt_value *value,
                                       struct mopt_error *err);
enum mopt_status mopt__graph_add_output(
    struct mopt_graph *graph, struct mopt_value *value,
    struct mopt_error *err); // value may belong to an enclosing scope
enum mopt_status mopt__graph_set_output(struct mopt_graph *graph, size_t index,
                                        struct mopt_value *value, struct mopt_error *err);
void mopt__graph_remove_output(struct mopt_graph *graph, size_t index); // later ones move up
// Enters value into value_infos (once).
enum mopt_status mopt__graph_add_value_info(struct mopt_graph *graph, struct mopt_value *value,
                                            struct mopt_error *err);
// Makes value an initializer (takes a new reference; sets type). Replaces an earlier constant.
enum mopt_status mopt__graph_add_initializer(struct mopt_graph *graph, struct mopt_value *value,
                                             struct mopt_tensor *tensor, struct mopt_error *err);
enum mopt_status mopt__graph_add_sparse_initializer(struct mopt_graph *graph,
                                                    struct mopt_value *value,
                                                    struct mopt_sparse *sparse,
                                                    struct mopt_error *err);
void mopt__graph_remove_initializer(
    struct mopt_value *value); // drops the constant; the value stays unless unused
// Fresh initializer value named after hint.
struct mopt_value *mopt__graph_constant(struct mopt_graph *graph, const char *hint,
                                        struct mopt_tensor *tensor, struct mopt_error *err);
void mopt__graph_remove_input(struct mopt_graph *graph, size_t index);

// New node at the end of graph (or before `before` when not NULL). Inputs NULL = absent; output
// slots start NULL.
struct mopt_node *mopt__node_new(struct mopt_graph *graph, struct mopt_node *before,
                                 const char *op_type, const char *domain, uint32_t input_count,
                                 uint32_t output_count, struct mopt_error *err);
void mopt__node_set_input(struct mopt_node *node, uint32_t index,
                          struct mopt_value *value); // NULL clears; never fails
enum mopt_status mopt__node_resize_inputs(struct mopt_node *node, uint32_t count,
                                          struct mopt_error *err);
enum mopt_status mopt__node_resize_outputs(struct mopt_node *node, uint32_t count,
                                           struct mopt_error *err); // dropped outputs must be NULL
// Makes node the producer of value at output index (value must have no producer).
void mopt__node_set_output(struct mopt_node *node, uint32_t index, struct mopt_value *value);
struct mopt_value *mopt__node_input(const struct mopt_node *node,
                                    uint32_t index); // NULL if absent or beyond
struct mopt_value *mopt__node_output(const struct mopt_node *node,
                                     uint32_t index); // NULL if absent or beyond
// Unlinks a node whose outputs have no uses; its output values become undefined and are dropped
// from the scope. Sub-graphs in its attributes are dropped with all their nodes. node->next stays
// readable, so that a loop can go on. To keep an output value (a graph output, say) for another
// node, take it away first: mopt__node_set_output(node, i, NULL).
void mopt__node_remove(struct mopt_node *node);
void mopt__node_move_before(struct mopt_node *node,
                            struct mopt_node *before); // same graph; before NULL = to the end

// All uses of from (inputs of nodes anywhere and graph outputs) become uses of to. Linear in the
// number of uses.
enum mopt_status mopt__value_replace_uses(struct mopt_value *from, struct mopt_value *to,
                                          struct mopt_error *err);
bool mopt__value_is_dead(const struct mopt_value *value); // no uses and not a graph output
// True for a graph input: if it is an initializer too, that is a default for those who give no data
// (IR >= 4). False where defaults stand.
bool mopt__value_is_overridable(const struct mopt_value *value);
// Value whose content no caller can change: an initializer that is not overridable. Returns its
// tensor, else NULL. Constant nodes are not looked through.
struct mopt_tensor *mopt__value_constant(const struct mopt_value *value);

// ---- Attributes -----------------------------------------------------------------------------------------------
const struct mopt_attribute *mopt__node_attribute(const struct mopt_node *node,
                                                  const char *name); // NULL if absent
// Setters add or replace; copies are made.
enum mopt_status mopt__node_set_int(struct mopt_node *node, const char *name, int64_t value,
                                    struct mopt_error *err);
enum mopt_status mopt__node_set_float(struct mopt_node *node, const char *name, float value,
                                      struct mopt_error *err);
enum mopt_status mopt__node_set_string(struct mopt_node *node, const char *name, const char *value,
                                       struct mopt_error *err);
enum mopt_status mopt__node_set_ints(struct mopt_node *node, const char *name,
                                     const int64_t *values, size_t count, struct mopt_error *err);
enum mopt_status mopt__node_set_floats(struct mopt_node *node, const char *name,
                                       const float *values, size_t count, struct mopt_error *err);
enum mopt_status mopt__node_set_tensor(struct mopt_node *node, const char *name,
                                       struct mopt_tensor *tensor,
                                       struct mopt_error *err); // new reference
enum mopt_status mopt__node_set_graph(struct mopt_node *node, const char *name,
                                      struct mopt_graph *graph,
                                      struct mopt_error *err); // attaches: sets owner
// Takes over a fully built attribute (arena pointers of the same model, tensor references moved
// in); used by importers. Graphs in it must have been made with node->graph as parent. Errors:
// MOPT_E_FORMAT (name taken), MOPT_E_LIMIT (1024 attributes), MOPT_E_INTERNAL, MOPT_E_MEMORY; then
// nothing was taken over.
enum mopt_status mopt__node_add_attribute(struct mopt_node *node,
                                          const struct mopt_attribute *attribute,
                                          struct mopt_error *err);
bool mopt__node_remove_attribute(struct mopt_node *node, const char *name);
// Deep copy of an attribute list from another node (same or other model, sub-graphs included).
enum mopt_status mopt__node_copy_attributes(struct mopt_node *to, const struct mopt_node *from,
                                            struct mopt_error *err);
// As above; map says what stands for a value of from's scopes that a copied sub-graph captures
// (NULL: as above).
enum mopt_status mopt__node_copy_attributes_mapped(
    struct mopt_node *to, const struct mopt_node *from,
    struct mopt_value *(*map)(void *context, struct mopt_value *value), void *context,
    struct mopt_error *err);
bool mopt__attribute_equal(const struct mopt_attribute *a,
                           const struct mopt_attribute *b); // by content; graphs by identity

// ---- Order, walks, facts --------------------------------------------------------------------------------------
// Stable topological order (ties keep file order), also inside sub-graphs; MOPT_E_FORMAT names a
// node on a cycle. Linear.
enum mopt_status mopt__graph_sort(struct mopt_graph *graph, struct mopt_error *err);
bool mopt__graph_is_sorted(
    const struct mopt_graph *graph); // this graph only; captured values count as defined
void mopt__graph_number(struct mopt_graph *graph); // renumbers node->order
// Calls visit for every graph: this one first, then sub-graphs in node order, recursively. Stops at
// the first failure.
enum mopt_status mopt__graph_walk(struct mopt_graph *graph,
                                  enum mopt_status (*visit)(void *context, struct mopt_graph *graph,
                                                            struct mopt_error *err),
                                  void *context, struct mopt_error *err);
enum mopt_status mopt__model_walk(struct mopt_model *model, // main graph, then each function body
                                  enum mopt_status (*visit)(void *context, struct mopt_graph *graph,
                                                            struct mopt_error *err),
                                  void *context, struct mopt_error *err);
uint32_t mopt__model_new_mark(struct mopt_model *model); // a mark no value or node carries yet
// Opset version of a normalised domain that applies to nodes of this graph (function bodies have
// their own); 0 if not imported.
int64_t mopt__graph_opset(const struct mopt_graph *graph, const char *domain);
struct mopt_function *mopt__model_function(const struct mopt_model *model, const char *domain,
                                           const char *name, const char *overload);
// Raises the IR version to at least `version`. Below IR 4 every initializer has to be a graph input
// too and is constant all the same: those inputs go when the version passes 4, else callers could
// now override them.
void mopt__model_raise_ir(struct mopt_model *model, int64_t version);
size_t mopt__model_node_count(const struct mopt_model *model); // all scopes
const char *mopt__domain_normalise(const char *domain);        // NULL and "ai.onnx" give ""
const char *mopt__node_label(
    const struct mopt_node *node); // name, else first output's name, else op type: for messages

// Checks every invariant: use lists, producers, SSA, scoping, cycles, names, owners, attribute
// kinds. For the manager (after each pass) and tests. Errors: MOPT_E_FORMAT naming the place.
enum mopt_status mopt__model_verify(const struct mopt_model *model, struct mopt_error *err);

#endif
