// SPDX-License-Identifier: Apache-2.0
// Matching of compiled patterns, and the index of rules by root operator. It only looks: nothing
// here may change a graph.
#include <string.h>

#include "rewrite/pattern.h"

// ---- One attempt: a list of lines still to be bound; commutative orders are tried completely

struct state {
    struct mopt_node *nodes[MOPT_MATCH_NODES];
    struct mopt_value *values[MOPT_MATCH_VALUES];
    uint32_t bound; // bit per value: decided, maybe absent
    uint8_t goals[MOPT_MATCH_NODES];
    size_t goal_count;
};

struct attempt {
    const struct mopt_rule_pattern *pattern;
    const struct mopt_rule *rule;
    struct mopt_node *root;
    struct mopt_match *match;
    const char *refusal;
    struct state state;
};

// The content of such an attribute is only known for one call of the enclosing function.
static bool has_reference(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].ref_name != NULL) {
            return true;
        }
    }
    return false;
}

static bool op_fits(const struct mopt_pattern_line *line, const struct mopt_node *node)
{
    for (size_t i = 0; i < line->op_count; i++) {
        const struct mopt_pattern_op *op = &line->ops[i];
        if ((op->name == NULL ||
             (node->function == NULL && strcmp(op->name, node->op_type) == 0)) &&
            (op->domain == NULL || strcmp(op->domain, node->domain) == 0)) {
            return !has_reference(node);
        }
    }
    return false;
}

// Binds a name to a value (NULL: absent); false if it already means something else.
static bool bind_value(struct attempt *attempt, int index, struct mopt_value *value)
{
    struct state *state = &attempt->state;
    uint32_t bit = UINT32_C(1) << index;
    if ((state->bound & bit) != 0) {
        return state->values[index] == value;
    }
    state->bound |= bit;
    state->values[index] = value;
    return true;
}

static bool is_taken(const struct attempt *attempt, const struct mopt_node *node)
{
    for (size_t i = 0; i < attempt->pattern->line_count; i++) {
        if (attempt->state.nodes[i] == node) {
            return true;
        }
    }
    return false;
}

// The line that makes values[index] must be played by the producer of value, in the root's own
// scope.
static bool bind_producer(struct attempt *attempt, int index, const struct mopt_value *value)
{
    struct state *state = &attempt->state;
    const struct mopt_rule_pattern *pattern = attempt->pattern;
    int line = pattern->line_of[index];
    struct mopt_node *node = value->producer;
    if (node == NULL || node->graph != attempt->root->graph ||
        value->output_index != pattern->slot_of[index]) {
        return false;
    }
    if (state->nodes[line] != NULL) {
        return state->nodes[line] == node;
    }
    if (is_taken(attempt, node) || !op_fits(&pattern->lines[line], node)) {
        return false;
    }
    state->nodes[line] = node;
    state->goals[state->goal_count++] = (uint8_t)line;
    return true;
}

static bool bind_input(struct attempt *attempt, const struct mopt_pattern_slot *slot,
                       struct mopt_value *value)
{
    if ((slot->flags & MOPT_PATTERN_BLANK) != 0) {
        return value == NULL;
    }
    if (value == NULL && (slot->flags & MOPT_PATTERN_OPTIONAL) == 0) {
        return false;
    }
    if (!bind_value(attempt, slot->value, value)) {
        return false;
    }
    if (value == NULL) {
        return true;
    }
    if ((slot->flags & MOPT_PATTERN_CONSTANT) != 0 && mopt__match_constant(value) == NULL) {
        return false;
    }
    return attempt->pattern->line_of[slot->value] < 0 || bind_producer(attempt, slot->value, value);
}

static bool bind_inputs(struct attempt *attempt, const struct mopt_pattern_line *line,
                        const struct mopt_node *node, bool swapped)
{
    for (size_t i = 0; i < line->input_count; i++) {
        size_t from = swapped && i < 2 ? 1 - i : i;
        if (!bind_input(attempt, &line->inputs[i], mopt__node_input(node, (uint32_t)from))) {
            return false;
        }
    }
    for (size_t i = line->input_count; i < node->input_count && !line->rest; i++) {
        if (node->inputs[i].value != NULL) {
            return false;
        }
    }
    return true;
}

static bool bind_output(struct attempt *attempt, const struct mopt_pattern_slot *slot,
                        struct mopt_value *value)
{
    if ((slot->flags & MOPT_PATTERN_BLANK) != 0) {
        return true;
    }
    if (value == NULL && (slot->flags & MOPT_PATTERN_OPTIONAL) == 0) {
        return false;
    }
    if (value != NULL && (slot->flags & MOPT_PATTERN_INNER) != 0 &&
        (value->graph_output_count > 0 || value->use_count > attempt->pattern->uses[slot->value])) {
        return false;
    }
    return bind_value(attempt, slot->value, value);
}

static bool bind_outputs(struct attempt *attempt, const struct mopt_pattern_line *line,
                         const struct mopt_node *node)
{
    for (size_t i = 0; i < line->output_count; i++) {
        if (!bind_output(attempt, &line->outputs[i], mopt__node_output(node, (uint32_t)i))) {
            return false;
        }
    }
    for (size_t i = line->output_count; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return true;
}

static bool can_swap(const struct mopt_pattern_line *line, const struct mopt_node *node)
{
    return node->op != NULL && (node->op->traits & MOPT_TRAIT_COMMUTATIVE) != 0 &&
           line->input_count >= 2 && node->input_count >= 2 &&
           node->inputs[0].value != node->inputs[1].value;
}

// All uses of "!" values must come from matched nodes.
static bool inner_values_hold(const struct attempt *attempt, const struct mopt_pattern_line *line)
{
    for (size_t i = 0; i < line->output_count; i++) {
        const struct mopt_pattern_slot *slot = &line->outputs[i];
        const struct mopt_value *value =
            slot->value >= 0 ? attempt->state.values[slot->value] : NULL;
        if (value == NULL || (slot->flags & MOPT_PATTERN_INNER) == 0) {
            continue;
        }
        for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
            if (!is_taken(attempt, use->node)) {
                return false;
            }
        }
    }
    return true;
}

// The structure fits: the rule's own conditions decide.
static bool finish(struct attempt *attempt)
{
    const struct mopt_rule_pattern *pattern = attempt->pattern;
    for (size_t i = 0; i < pattern->line_count; i++) {
        if (!inner_values_hold(attempt, &pattern->lines[i])) {
            return false;
        }
    }
    struct mopt_match *match = attempt->match;
    memset(match, 0, sizeof *match);
    match->model = attempt->root->graph->model;
    match->root = attempt->root;
    match->rule = attempt->rule;
    match->user = &match->storage;
    memcpy(match->nodes, attempt->state.nodes, sizeof match->nodes);
    memcpy(match->values, attempt->state.values, sizeof match->values);
    if (attempt->rule->match == NULL || attempt->rule->match(match)) {
        return true;
    }
    if (attempt->refusal == NULL) {
        attempt->refusal = match->refusal;
    }
    return false;
}

// Depth is bounded by the number of lines. NOLINTNEXTLINE(misc-no-recursion)
static bool solve(struct attempt *attempt, size_t done)
{
    if (done == attempt->state.goal_count) {
        return finish(attempt);
    }
    uint8_t number = attempt->state.goals[done];
    const struct mopt_pattern_line *line = &attempt->pattern->lines[number];
    const struct mopt_node *node = attempt->state.nodes[number];
    if (!bind_outputs(attempt, line, node)) {
        return false;
    }
    const struct state before = attempt->state;
    if (bind_inputs(attempt, line, node, false) && solve(attempt, done + 1)) {
        return true;
    }
    if (!can_swap(line, node)) {
        return false;
    }
    attempt->state = before;
    return bind_inputs(attempt, line, node, true) && solve(attempt, done + 1);
}

bool mopt__rule_match(const struct mopt_rule_pattern *pattern, const struct mopt_rule *rule,
                      struct mopt_node *root, struct mopt_match *match, const char **refusal)
{
    *refusal = NULL;
    size_t last = pattern->line_count - 1;
    if (!op_fits(&pattern->lines[last], root)) {
        return false;
    }
    struct attempt attempt = {
        .pattern = pattern, .rule = rule, .root = root, .match = match, .refusal = NULL};
    attempt.state.nodes[last] = root;
    attempt.state.goals[0] = (uint8_t)last;
    attempt.state.goal_count = 1;
    bool fits = pattern->bare ? finish(&attempt) : solve(&attempt, 0);
    *refusal = fits ? NULL : attempt.refusal;
    return fits;
}

// ---- Index

static const struct mopt_pattern_line *root_line(const struct mopt_rule_index *index, size_t rule)
{
    const struct mopt_rule_pattern *pattern = &index->patterns[rule];
    return &pattern->lines[pattern->line_count - 1];
}

// Whether the root of a rule may be an operator of this name; NULL: only rules without a name.
static bool root_named(const struct mopt_pattern_line *line, const char *name)
{
    for (size_t i = 0; i < line->op_count; i++) {
        if (line->ops[i].name == NULL || (name != NULL && strcmp(line->ops[i].name, name) == 0)) {
            return true;
        }
    }
    return false;
}

static bool fill_bucket(struct mopt_rule_index *index, const char *name,
                        struct mopt_rule_bucket *bucket)
{
    uint32_t *items = mopt__arena_alloc(&index->arena, index->count, sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < index->count; i++) {
        if (root_named(root_line(index, i), name)) {
            items[bucket->count++] = (uint32_t)i;
        }
    }
    bucket->items = items;
    return true;
}

static enum mopt_status add_bucket(struct mopt_rule_index *index, const char *name,
                                   struct mopt_error *err)
{
    if (name == NULL || mopt__map_find(&index->buckets, name) != NULL) {
        return MOPT_OK;
    }
    struct mopt_rule_bucket *bucket = mopt__arena_alloc(&index->arena, 1, sizeof *bucket);
    if (bucket == NULL || !fill_bucket(index, name, bucket)) {
        return mopt_error_memory(err);
    }
    return mopt__map_put(&index->buckets, name, bucket, err);
}

static enum mopt_status index_rule(struct mopt_rule_index *index, size_t rule,
                                   struct mopt_error *err)
{
    const struct mopt_pattern_line *line = root_line(index, rule);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < line->op_count && status == MOPT_OK; i++) {
        status = add_bucket(index, line->ops[i].name, err);
    }
    return status;
}

static enum mopt_status build_index(struct mopt_rule_index *index, struct mopt_error *err)
{
    index->patterns = mopt__arena_alloc(&index->arena, index->count, sizeof *index->patterns);
    if (index->patterns == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < index->count; i++) {
        struct mopt_rule_pattern *pattern = &index->patterns[i];
        enum mopt_status status = mopt__rule_parse(index->rules[i], &index->arena, pattern, err);
        if (status != MOPT_OK) {
            return status;
        }
        index->depth = pattern->depth > index->depth ? pattern->depth : index->depth;
    }
    for (size_t i = 0; i < index->count; i++) {
        enum mopt_status status = index_rule(index, i, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return fill_bucket(index, NULL, &index->rest) ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__rule_index_init(struct mopt_rule_index *index,
                                       const struct mopt_rule *const *rules, size_t count,
                                       struct mopt_error *err)
{
    *index = (struct mopt_rule_index){.rules = rules, .count = count};
    mopt__arena_init(&index->arena);
    enum mopt_status status = build_index(index, err);
    if (status != MOPT_OK) {
        mopt__rule_index_release(index);
    }
    return status;
}

void mopt__rule_index_release(struct mopt_rule_index *index)
{
    mopt__map_release(&index->buckets);
    mopt__arena_release(&index->arena);
}

const struct mopt_rule_bucket *mopt__rule_index_find(const struct mopt_rule_index *index,
                                                     const struct mopt_node *node)
{
    const struct mopt_rule_bucket *bucket = mopt__map_find(&index->buckets, node->op_type);
    return bucket != NULL ? bucket : &index->rest;
}
