// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits are a way to store numbers, not to compute: in a private copy of the model,
// operators that may work on FLOAT do so, and what lies between them is FLOAT. Where a number of 16
// bits is meant (inputs and outputs of the model, an explicit Cast, containers, operators that look
// at types or bits), a Cast stands between both forms. So each value has up to two forms, and a
// wide node asks for the wide one; nothing has to be known of the whole model. Values keep their
// names: the form in which a value is made is the value itself, except for outputs of the model.
#include <string.h>

#include "exec/widen.h"
#include "ops/convert.h"
#include "ops/ops.h"

enum { PIECE = 1 << 16 }; // elements of a constant that one thread takes at least

struct form {
    enum mopt_dtype dtype; // the 16-bit type of the model; MOPT_UNDEFINED: not such a value
    bool wide_made;        // by a wide node; else it is made (or given) in 16 bits
    bool constant;         // an initializer nobody can override
    bool weights;          // and what is wide reads it as the weights of products only
    struct mopt_value *narrow, *wide; // NULL: not there yet
};

struct widening {
    struct mopt_model *model;
    const struct mopt_kernels *kernels;
    struct mopt_pool *pool;
    struct form *forms; // by value id, of the values there were at the start
    bool *wide;         // by node id, of the nodes there were
    uint32_t values, nodes;
    bool pays;  // a wide node computes, not only moves
    bool named; // a node refers to values by name: nothing may change
};

// ---- Types --------------------------------------------------------------------------------------

static bool is_narrow(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT16 || dtype == MOPT_BFLOAT16;
}

static bool is_tensor(const struct mopt_type *type)
{
    return type != NULL && type->kind == MOPT_TYPE_TENSOR && type->dtype != MOPT_UNDEFINED;
}

static const struct mopt_type *type_of(const struct mopt_value *value)
{
    bool known = value->type != NULL && value->type->kind != MOPT_TYPE_NONE;
    return known ? value->type : value->declared;
}

static bool is_narrow_value(const struct mopt_value *value)
{
    const struct mopt_type *type = value != NULL ? type_of(value) : NULL;
    return is_tensor(type) && is_narrow(type->dtype);
}

// Some value or attribute of the graph is, or may become, a tensor of 16-bit floats.
static enum mopt_status look(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    bool *found = context;
    (void)err;
    struct mopt_map_entry *entry;
    for (size_t i = 0; !*found && (entry = mopt__map_next(&graph->names, &i)) != NULL;) {
        *found = is_narrow_value(entry->value);
    }
    for (const struct mopt_node *node = graph->first; !*found && node != NULL; node = node->next) {
        for (uint32_t a = 0; a < node->attribute_count; a++) {
            const struct mopt_attribute *attribute = &node->attributes[a];
            bool tensor = attribute->kind == MOPT_ATTR_TENSOR && attribute->t != NULL;
            bool name = attribute->kind == MOPT_ATTR_INT && strcmp(node->op_type, "Cast") == 0;
            *found = *found || (tensor && is_narrow(attribute->t->dtype)) ||
                     (name && is_narrow((enum mopt_dtype)attribute->i));
        }
    }
    return MOPT_OK;
}

bool mopt__model_has_narrow(const struct mopt_model *model)
{
    bool found = false;
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    (void)mopt__graph_walk(model->graph, look, &found, &ignored);
    return found;
}

// The type with other elements; NULL: out of memory.
static const struct mopt_type *retyped(struct mopt_model *model, const struct mopt_type *type,
                                       enum mopt_dtype dtype)
{
    struct mopt_type *copy = mopt__arena_alloc(&model->arena, 1, sizeof *copy);
    if (copy != NULL) {
        *copy = *type;
        copy->dtype = dtype;
    }
    return copy;
}

// ---- Which nodes are wide -----------------------------------------------------------------------

static bool is_op(const struct mopt_node *node, const char *name)
{
    return strcmp(node->op_type, name) == 0 && node->domain[0] == '\0';
}

static bool is_known(const struct mopt_value *value)
{
    const struct mopt_type *type = type_of(value);
    return type != NULL && type->kind != MOPT_TYPE_NONE &&
           (type->kind != MOPT_TYPE_TENSOR || type->dtype != MOPT_UNDEFINED);
}

static bool all_known(const struct mopt_value_list *list)
{
    size_t i = 0;
    while (i < list->count && is_known(list->items[i])) {
        i++;
    }
    return i == list->count;
}

static bool knows_bodies(const struct mopt_node *node)
{
    for (uint32_t a = 0; a < node->attribute_count; a++) {
        const struct mopt_attribute *attribute = &node->attributes[a];
        if (attribute->kind == MOPT_ATTR_GRAPH &&
            (!all_known(&attribute->g->inputs) || !all_known(&attribute->g->outputs))) {
            return false;
        }
    }
    return true;
}

// Bodies take and give the forms their owner does; every tensor must be known, since both sides of
// the border change.
static bool is_wide_control(const struct mopt_node *node)
{
    bool known = is_op(node, "If") || is_op(node, "Loop") || is_op(node, "Scan");
    for (uint32_t i = 0; i < node->input_count; i++) {
        known = known && (node->inputs[i].value == NULL || is_known(node->inputs[i].value));
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        known = known && (node->outputs[o] == NULL || is_known(node->outputs[o]));
    }
    return known && knows_bodies(node);
}

// A Cast of 16-bit floats to their own type: nothing is rounded.
static bool is_idle(const struct mopt_node *node)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    const struct mopt_value *y = mopt__node_output(node, 0);
    return is_op(node, "Cast") && is_narrow_value(x) && is_narrow_value(y) &&
           type_of(x)->dtype == type_of(y)->dtype;
}

// Operators that draw numbers keep the type they draw for (Dropout draws the same for every type);
// others are about types and bits, or look at no number at all.
static bool keeps_types(const struct mopt_node *node)
{
    static const char *const names[] = {"Cast", "CastLike", "BitCast", "Shape", "Size"};
    uint32_t traits = node->op->traits;
    bool keeps = (traits & MOPT_TRAIT_STATE) != 0 ||
                 ((traits & MOPT_TRAIT_RANDOM) != 0 && !is_op(node, "Dropout"));
    for (size_t i = 0; i < MOPT_COUNTOF(names) && !keeps; i++) {
        keeps = is_op(node, names[i]);
    }
    return keeps;
}

// Rows of a table are taken as they are stored: it may be much larger than what is taken.
static bool is_look_up(const struct mopt_node *node)
{
    const struct mopt_value *table = mopt__node_input(node, 0);
    return strncmp(node->op_type, "Gather", 6) == 0 &&
           (node->op->traits & MOPT_TRAIT_SHAPE_ONLY) != 0 && table != NULL &&
           mopt__value_constant(table) != NULL;
}

static bool takes_floats(const struct mopt_param *param)
{
    const unsigned container = MOPT_PARAM_SEQUENCE | MOPT_PARAM_OPTIONAL_TYPE | MOPT_PARAM_MAP;
    return param != NULL && (param->dtypes & MOPT_DT(MOPT_FLOAT32)) != 0 &&
           (param->flags & container) == 0;
}

static bool dequantizes(const struct mopt_node *node)
{
    return strcmp(node->op_type, "DequantizeLinear") == 0;
}

// The type of the output is that of an input which becomes wide.
static bool follows_input(const struct mopt_node *node, const struct mopt_param *output)
{
    bool follows = false;
    for (uint32_t i = 0; i < node->input_count && !follows; i++) {
        const struct mopt_param *input = mopt__op_input(node->op, i);
        follows = is_narrow_value(node->inputs[i].value) && input != NULL &&
                  (strcmp(input->type, output->type) == 0 || (dequantizes(node) && i == 1));
    }
    return follows;
}

static bool is_wide(const struct mopt_node *node)
{
    if (node->op == NULL || node->function != NULL) {
        return false;
    }
    if ((node->op->traits & MOPT_TRAIT_CONTROL) != 0) {
        return is_wide_control(node);
    }
    if (keeps_types(node) || is_look_up(node)) {
        return is_idle(node);
    }
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    if (mopt__op_check(node, &ignored) != MOPT_OK) {
        return false; // types that do not fit must not be made to
    }
    bool any = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        bool narrow = is_narrow_value(value);
        if (value != NULL && (!is_tensor(type_of(value)) ||
                              (narrow && !takes_floats(mopt__op_input(node->op, i))))) {
            return false;
        }
        any = any || narrow;
    }
    for (uint32_t o = 0; o < node->output_count && any; o++) {
        const struct mopt_value *value = node->outputs[o];
        const struct mopt_param *param = mopt__op_output(node->op, o);
        if (value != NULL &&
            (!is_tensor(type_of(value)) ||
             (is_narrow_value(value) && (!takes_floats(param) || !follows_input(node, param))))) {
            return false;
        }
    }
    return any;
}

static enum mopt_status choose_nodes(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    const uint32_t moves = MOPT_TRAIT_SHAPE_ONLY | MOPT_TRAIT_VIEW | MOPT_TRAIT_CONTROL;
    struct widening *w = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        w->wide[node->id] = is_wide(node);
        w->named = w->named || (node->op != NULL && (node->op->traits & MOPT_TRAIT_NAMES) != 0);
        w->pays = w->pays ||
                  (w->wide[node->id] && (node->op->traits & moves) == 0 && !is_op(node, "Concat"));
    }
    return MOPT_OK;
}

// ---- Forms of values ----------------------------------------------------------------------------

// A Cast of the value into a fresh one, right behind the place where it is made.
static enum mopt_status add_cast(struct widening *w, struct mopt_value *from, enum mopt_dtype to,
                                 struct mopt_value *into, struct mopt_error *err)
{
    struct mopt_graph *graph = from->graph;
    struct mopt_node *before = from->producer != NULL ? from->producer->next : graph->first;
    struct mopt_node *cast = mopt__node_new(graph, before, "Cast", "", 1, 1, err);
    if (cast == NULL) {
        return err->status;
    }
    cast->op = mopt__op_find("", "Cast", 13); // whatever the opset: all know this meaning
    mopt__node_set_input(cast, 0, from);
    mopt__node_set_output(cast, 0, into);
    const struct mopt_type *type = retyped(w->model, type_of(from), to);
    if (type == NULL) {
        return mopt_error_memory(err);
    }
    into->type = type;
    return mopt__node_set_int(cast, "to", (int64_t)to, err);
}

struct conversion {
    const struct widening *w;
    const struct mopt_tensor *narrow;
    float *wide;
};

static void convert_part(void *context, int64_t begin, int64_t end, int thread)
{
    const struct conversion *c = context;
    (void)thread;
    mopt__convert_16(c->w->kernels, c->narrow->dtype, c->narrow->data, MOPT_FLOAT32, c->wide,
                     (size_t)begin, (size_t)(end - begin));
}

static enum mopt_status convert_constant(struct widening *w, const struct mopt_value *from,
                                         struct mopt_value **out, struct mopt_error *err)
{
    const struct mopt_tensor *narrow = from->constant;
    struct mopt_tensor *wide = NULL;
    enum mopt_status status =
        mopt__tensor_new(MOPT_FLOAT32, narrow->rank, narrow->dims, &wide, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct conversion c = {w, narrow, mopt__tensor_data(wide)};
    mopt__pool_for(w->pool, (int64_t)narrow->count, PIECE, convert_part, &c);
    *out = mopt__graph_constant(from->graph, from->name, wide, err);
    mopt__tensor_unref(wide);
    return *out != NULL ? MOPT_OK : err->status;
}

// The value in the form asked for; values of other types are returned as they are.
static enum mopt_status get(struct widening *w, struct mopt_value *value, bool wide,
                            struct mopt_value **out, struct mopt_error *err)
{
    struct form *form = value->id < w->values ? &w->forms[value->id] : NULL;
    if (form == NULL || form->dtype == MOPT_UNDEFINED) {
        *out = value;
        return MOPT_OK;
    }
    struct mopt_value **slot = wide ? &form->wide : &form->narrow;
    enum mopt_status status = MOPT_OK;
    if (*slot == NULL && form->constant && !form->weights) {
        status = convert_constant(w, value, slot, err);
    } else if (*slot == NULL) {
        struct mopt_value *fresh = mopt__value_fresh(value->graph, value->name, err);
        status = fresh == NULL ? err->status
                               : add_cast(w, value, wide ? MOPT_FLOAT32 : form->dtype, fresh, err);
        *slot = fresh;
    }
    *out = *slot;
    return status;
}

// Large weights that only products and convolutions read are widened when they are packed: see
// stored.c.
static bool is_weights(const struct widening *w, const struct mopt_value *value)
{
    const struct mopt_tensor *constant = mopt__value_constant(value);
    bool weights =
        constant != NULL && constant->count >= MOPT_STORED_LEAST && value->graph->owner == NULL;
    for (const struct mopt_use *use = value->uses; use != NULL && weights; use = use->next) {
        weights = !w->wide[use->node->id] ||
                  (use->node->graph == value->graph && mopt__use_is_weight(use, constant->rank));
    }
    return weights;
}

static enum mopt_status note(struct widening *w, struct mopt_value *value, bool wide,
                             struct mopt_error *err)
{
    if (value == NULL || !is_narrow_value(value)) {
        return MOPT_OK;
    }
    struct form *form = &w->forms[value->id];
    *form = (struct form){.dtype = type_of(value)->dtype,
                          .wide_made = wide,
                          .constant = mopt__value_constant(value) != NULL,
                          .weights = !wide && is_weights(w, value),
                          .narrow = wide ? NULL : value,
                          .wide = wide ? value : NULL};
    if (!wide) {
        return MOPT_OK;
    }
    value->type = retyped(w->model, type_of(value), MOPT_FLOAT32);
    if (value->type != NULL && is_tensor(value->declared)) {
        value->declared = retyped(w->model, value->declared, MOPT_FLOAT32);
    }
    return value->type != NULL ? MOPT_OK : mopt_error_memory(err);
}

// Wide nodes that name the type of their result.
static enum mopt_status name_type(struct mopt_node *node, struct mopt_error *err)
{
    const char *name = dequantizes(node) ? "output_dtype" : is_op(node, "Cast") ? "to" : NULL;
    return name != NULL && mopt__node_attribute(node, name) != NULL
               ? mopt__node_set_int(node, name, MOPT_FLOAT32, err)
               : MOPT_OK;
}

static enum mopt_status note_values(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct widening *w = context;
    const struct mopt_value_list *lists[] = {&graph->inputs, &graph->initializers,
                                             &graph->sparse_initializers};
    enum mopt_status status = MOPT_OK;
    for (size_t l = 0; l < MOPT_COUNTOF(lists); l++) {
        bool wide = l == 0 && graph->owner != NULL && w->wide[graph->owner->id];
        for (size_t i = 0; i < lists[l]->count && status == MOPT_OK; i++) {
            status = note(w, lists[l]->items[i], wide, err);
        }
    }
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (uint32_t o = 0; o < node->output_count && status == MOPT_OK; o++) {
            status = note(w, node->outputs[o], w->wide[node->id], err);
        }
        if (status == MOPT_OK && w->wide[node->id]) {
            status = name_type(node, err);
        }
    }
    return status;
}

// An output of the model keeps its name and type; what its node makes gets a name of its own.
static enum mopt_status split_output(struct widening *w, struct mopt_value *value,
                                     struct mopt_error *err)
{
    struct form *form = &w->forms[value->id];
    struct mopt_node *node = value->producer;
    if (form->dtype == MOPT_UNDEFINED || !form->wide_made || form->narrow != NULL || node == NULL) {
        return MOPT_OK;
    }
    struct mopt_value *wide = mopt__value_fresh(value->graph, value->name, err);
    if (wide == NULL) {
        return err->status;
    }
    uint32_t index = value->output_index;
    wide->type = value->type;
    mopt__node_set_output(node, index, NULL);
    mopt__node_set_output(node, index, wide);
    form->wide = wide;
    form->narrow = value;
    if (is_tensor(value->declared)) {
        value->declared = retyped(w->model, value->declared, form->dtype);
    }
    return add_cast(w, wide, form->dtype, value, err);
}

// ---- Uses ---------------------------------------------------------------------------------------

// The node reads the input in any form: it asks for shapes or converts it.
static bool takes_any(const struct mopt_node *node, uint32_t input)
{
    return input == 0 && (is_op(node, "Cast") || is_op(node, "CastLike") || is_op(node, "Shape") ||
                          is_op(node, "Size"));
}

static enum mopt_status set_uses(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct widening *w = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
            struct mopt_value *value = node->inputs[i].value;
            if (value == NULL || node->id >= w->nodes || value->id >= w->values) {
                continue;
            }
            bool wide = w->wide[node->id] || (takes_any(node, i) && w->forms[value->id].wide_made);
            status = get(w, value, wide, &value, err);
            if (status == MOPT_OK && value != node->inputs[i].value) {
                mopt__node_set_input(node, i, value);
            }
        }
    }
    bool wide = graph->owner != NULL && w->wide[graph->owner->id];
    for (size_t i = 0; i < graph->outputs.count && status == MOPT_OK; i++) {
        struct mopt_value *value = graph->outputs.items[i];
        status = get(w, value, wide, &value, err);
        if (status == MOPT_OK && value != graph->outputs.items[i]) {
            status = mopt__graph_set_output(graph, i, value, err);
        }
    }
    return status;
}

// A Cast of 16 bits to FLOAT whose operand is wide has nothing left to do: who reads its result
// reads the operand. It stays, so that an observer still meets the name.
static void bypass(struct mopt_node *cast)
{
    struct mopt_value *from = cast->inputs[0].value;
    struct mopt_value *to = cast->outputs[0];
    if (from == NULL || to == NULL || !is_tensor(type_of(from)) || !is_tensor(type_of(to)) ||
        type_of(from)->dtype != MOPT_FLOAT32 || type_of(to)->dtype != MOPT_FLOAT32) {
        return;
    }
    while (to->uses != NULL) {
        mopt__node_set_input(to->uses->node, to->uses->index, from);
    }
}

static enum mopt_status clean(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct widening *w = context;
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (is_op(node, "Cast") && node->input_count == 1 && node->output_count == 1) {
            bypass(node);
        }
    }
    for (size_t i = graph->initializers.count; i-- > 0;) {
        struct mopt_value *value = graph->initializers.items[i];
        bool converted = value->id < w->values && w->forms[value->id].wide != NULL;
        if (converted && mopt__value_is_dead(value) && !value->is_input) {
            mopt__graph_remove_initializer(value);
        }
    }
    return MOPT_OK;
}

// ---- The model ----------------------------------------------------------------------------------

static enum mopt_status rewrite(struct widening *w, struct mopt_error *err)
{
    struct mopt_graph *graph = w->model->graph;
    enum mopt_status status = mopt__graph_walk(graph, note_values, w, err);
    for (size_t i = 0; i < graph->outputs.count && status == MOPT_OK; i++) {
        status = split_output(w, graph->outputs.items[i], err);
    }
    if (status == MOPT_OK) {
        status = mopt__graph_walk(graph, set_uses, w, err);
    }
    return status == MOPT_OK ? mopt__graph_walk(graph, clean, w, err) : status;
}

static enum mopt_status choose(struct widening *w, struct mopt_error *err)
{
    struct mopt_model *model = w->model;
    enum mopt_status status = mopt__infer_model(model, MOPT_INFER_KEEP, err);
    if (status != MOPT_OK && status != MOPT_E_MEMORY) {
        mopt_error_clear(err); // what is wrong, the run will say
        return MOPT_OK;
    }
    if (status != MOPT_OK) {
        return status;
    }
    w->values = model->value_count;
    w->nodes = model->node_count_ever;
    w->forms = mopt__calloc(w->values + (size_t)1, sizeof *w->forms);
    w->wide = mopt__calloc(w->nodes + (size_t)1, sizeof *w->wide);
    if (w->forms == NULL || w->wide == NULL) {
        return mopt_error_memory(err);
    }
    return mopt__graph_walk(model->graph, choose_nodes, w, err);
}

enum mopt_status mopt__model_widen(struct mopt_model *model, const struct mopt_kernels *kernels,
                                   struct mopt_pool *pool, bool *changed, struct mopt_error *err)
{
    struct widening w = {.model = model, .kernels = kernels, .pool = pool};
    enum mopt_status status = choose(&w, err);
    *changed = status == MOPT_OK && w.pays && !w.named;
    if (*changed) {
        status = rewrite(&w, err);
    }
    mopt__free(w.forms);
    mopt__free(w.wide);
    return status;
}
