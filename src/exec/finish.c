// SPDX-License-Identifier: Apache-2.0
// The last stage of lowering: from a list of actions to lifetimes, memory offsets, and the lists of
// what is published, loaded and released at each action.
#include "exec/lower.h"

struct finisher {
    struct mopt_lower *l;
    struct mopt_program *p;
    uint32_t *life; // by cell: the cell whose bytes must live as long (views join their source)
    bool *output;   // by value id: stands in the graph's outputs
    bool *taken;    // by cell: read at the end of the run
    uint32_t *home; // by cell: the cell whose place in memory it has
    struct mopt_arena arena;
};

static uint32_t plain_cell(const struct finisher *f, const struct mopt_value *value)
{
    return value != NULL ? f->l->values[value->id].cell[MOPT_FORM_PLAIN] : MOPT_NO_CELL;
}

static void touch(struct finisher *f, uint32_t cell, uint32_t action)
{
    uint32_t index = f->p->cells[cell].root;
    struct mopt_cell *root = &f->p->cells[index];
    struct mopt_cell *life = &f->p->cells[f->life[index]];
    root->first = action < root->first ? action : root->first;
    life->first = action < life->first ? action : life->first;
    life->last = action > life->last ? action : life->last;
}

// A view made by a node action shares its source's bytes.
static void join_view(struct finisher *f, const struct mopt_node *node)
{
    uint32_t from = plain_cell(f, mopt__node_input(node, 0));
    uint32_t to = plain_cell(f, mopt__node_output(node, 0));
    if ((node->op->traits & MOPT_TRAIT_VIEW) != 0 && from != MOPT_NO_CELL && to != MOPT_NO_CELL) {
        f->life[to] = f->life[from];
    }
}

static void touch_node(struct finisher *f, const struct mopt_node *node, uint32_t action)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        uint32_t cell = plain_cell(f, node->inputs[i].value);
        if (cell != MOPT_NO_CELL) {
            touch(f, cell, action);
        }
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        uint32_t cell = plain_cell(f, node->outputs[o]);
        if (cell != MOPT_NO_CELL) {
            touch(f, cell, action);
        }
    }
}

// Values that bodies read live until the last of their owners has run.
static void touch_captured(struct finisher *f, const uint32_t *action_of)
{
    const struct mopt_graph *main = f->l->schedule->graph;
    for (uint32_t c = 0; c < f->p->cell_count; c++) {
        const struct mopt_value *value = f->p->cells[c].value;
        for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
            const struct mopt_node *owner =
                use->node->graph != main ? mopt__schedule_owner(use->node, main) : NULL;
            if (owner != NULL) {
                touch(f, c, action_of[owner->order]);
            }
        }
    }
}

static void find_lifetimes(struct finisher *f, uint32_t *action_of)
{
    struct mopt_program *p = f->p;
    for (uint32_t c = 0; c < p->cell_count; c++) {
        f->life[c] = p->cells[c].root;
    }
    for (uint32_t a = 0; a < p->action_count; a++) {
        if (p->actions[a].run == NULL) {
            join_view(f, f->l->schedule->steps[p->actions[a].step].node);
        }
    }
    for (uint32_t a = 0; a < p->action_count; a++) {
        const struct mopt_action *action = &p->actions[a];
        if (action->run == NULL) {
            touch_node(f, f->l->schedule->steps[action->step].node, a);
            action_of[action->step] = a;
        }
        for (uint32_t i = 0; i < action->cell_count; i++) {
            touch(f, action->cells[i], a);
        }
    }
    touch_captured(f, action_of);
    // Results are taken at the end; one may be a view of a planned value.
    const struct mopt_value_list *outputs = &f->l->schedule->graph->outputs;
    for (size_t i = 0; i < outputs->count && p->action_count > 0; i++) {
        uint32_t cell = plain_cell(f, outputs->items[i]);
        if (cell != MOPT_NO_CELL) {
            touch(f, cell, (uint32_t)p->action_count - 1);
            f->taken[f->life[p->cells[cell].root]] = true;
        }
    }
    for (size_t a = 0; a < p->action_count; a++) {
        p->actions[a].counts = a + 1 == p->action_count || p->actions[a + 1].run == NULL ||
                               p->actions[a + 1].step != p->actions[a].step;
    }
}

// ---- Lists --------------------------------------------------------------------------------------------------------

enum list { PUBLISH, LOAD, RELEASE, LISTS };

struct entry {
    uint32_t action, item;
};

// Deals entries, given in order of items, to the actions' lists.
static enum mopt_status deal(struct finisher *f, enum list list, const struct entry *entries,
                             size_t count)
{
    struct mopt_program *p = f->p;
    uint32_t *counts = mopt__arena_alloc(&f->arena, p->action_count + 1, sizeof *counts);
    uint32_t *items = mopt__arena_alloc(&p->arena, count + 1, sizeof *items);
    if (counts == NULL || items == NULL) {
        return mopt_error_memory(f->l->err);
    }
    for (size_t i = 0; i < count; i++) {
        counts[entries[i].action]++;
    }
    uint32_t *next = items;
    for (size_t a = 0; a < p->action_count; a++) {
        struct mopt_action *action = &p->actions[a];
        const uint32_t **place = list == PUBLISH ? &action->publish
                                 : list == LOAD  ? &action->load
                                                 : &action->release;
        *(list == PUBLISH ? &action->publish_count
          : list == LOAD  ? &action->load_count
                          : &action->release_count) = counts[a];
        *place = next;
        next += counts[a];
        counts[a] = (uint32_t)(*place - items);
    }
    for (size_t i = 0; i < count; i++) {
        items[counts[entries[i].action]++] = entries[i].item;
    }
    return MOPT_OK;
}

static bool made_by_node(const struct finisher *f, const struct mopt_cell *cell)
{
    const struct mopt_graph *main = f->l->schedule->graph;
    return cell->place == MOPT_CELL_SLOT && cell->value->producer != NULL &&
           !f->l->values[cell->value->id].preset && cell->value->producer->graph == main;
}

static enum mopt_status make_lists(struct finisher *f, const uint32_t *action_of)
{
    struct mopt_program *p = f->p;
    struct entry *entries[LISTS];
    size_t counts[LISTS] = {0};
    for (int k = 0; k < LISTS; k++) {
        entries[k] = mopt__arena_alloc(&f->arena, p->cell_count + (size_t)1, sizeof(struct entry));
        if (entries[k] == NULL) {
            return mopt_error_memory(f->l->err);
        }
    }
    uint32_t *given = mopt__arena_alloc(&p->arena, p->cell_count + (size_t)1, sizeof *given);
    if (given == NULL) {
        return mopt_error_memory(f->l->err);
    }
    for (uint32_t c = 0; c < p->cell_count; c++) {
        const struct mopt_cell *cell = &p->cells[c];
        bool node_made = made_by_node(f, cell);
        if (cell->publish && cell->first != UINT32_MAX) {
            entries[PUBLISH][counts[PUBLISH]++] = (struct entry){cell->first, c};
        } else if (node_made) {
            uint32_t maker = action_of[cell->value->producer->order];
            entries[LOAD][counts[LOAD]++] = (struct entry){maker, c};
        } else if (cell->place == MOPT_CELL_SLOT) {
            given[p->load_count++] = c;
        }
        const struct mopt_cell *life = &p->cells[f->life[c]];
        if ((cell->publish || node_made) && !f->output[cell->value->id] &&
            life->first != UINT32_MAX) {
            entries[RELEASE][counts[RELEASE]++] = (struct entry){life->last, cell->value->id};
        }
    }
    p->load = given;
    enum mopt_status status = MOPT_OK;
    for (int k = 0; k < LISTS && status == MOPT_OK; k++) {
        status = deal(f, (enum list)k, entries[k], counts[k]);
    }
    return status;
}

// ---- Memory -------------------------------------------------------------------------------------------------------

// Bytes to plan for a cell; 0: none (views, outputs of the graph, what others made).
static size_t planned_bytes(const struct finisher *f, uint32_t c)
{
    const struct mopt_cell *cell = &f->p->cells[c];
    size_t bytes = 0;
    bool given = f->output[cell->value->id] && (cell->publish || cell->place == MOPT_CELL_SLOT);
    if (f->life[c] != c || cell->root != c || given || cell->first == UINT32_MAX ||
        cell->bytes == 0 || (cell->place != MOPT_CELL_ARENA && !made_by_node(f, cell)) ||
        !mopt__size_add(cell->bytes, cell->place == MOPT_CELL_ARENA ? MOPT_OVERREAD : 0, &bytes)) {
        return 0;
    }
    return bytes;
}

// No other operand has bytes of this one, unless it is the same.
static bool is_alone(const struct finisher *f, const struct mopt_action *action, uint32_t which)
{
    const struct mopt_cell *cells = f->p->cells;
    const uint32_t own = action->cells[which];
    for (uint32_t i = 0; i + 1 < action->cell_count; i++) {
        const uint32_t cell = action->cells[i];
        const bool same = cell == own && (action->overwrites >> i & 1) != 0;
        if (!same && f->life[cells[cell].root] == f->life[cells[own].root]) {
            return false;
        }
    }
    return true;
}

// The result of action a may lie where its operand lies, whose bytes nobody reads later.
static bool takes_over(const struct finisher *f, uint32_t a, uint32_t which)
{
    const struct mopt_action *action = &f->p->actions[a];
    const struct mopt_cell *x = &f->p->cells[action->cells[which]];
    const uint32_t life = f->life[x->root];
    return (action->overwrites >> which & 1) != 0 && x->shift == 0 && !f->taken[life] &&
           f->p->cells[life].last == a && planned_bytes(f, life) != 0 && is_alone(f, action, which);
}

// Results that are made in place of an operand share its item of the plan.
static void find_homes(struct finisher *f)
{
    const struct mopt_program *p = f->p;
    for (uint32_t c = 0; c < p->cell_count; c++) {
        f->home[c] = c;
    }
    for (uint32_t a = 0; a < p->action_count; a++) {
        const struct mopt_action *action = &p->actions[a];
        const uint32_t operands = action->overwrites != 0 ? action->cell_count - 1 : 0;
        const uint32_t result = operands > 0 ? action->cells[operands] : MOPT_NO_CELL;
        for (uint32_t i = 0; i < operands; i++) {
            if (planned_bytes(f, result) != 0 && f->home[result] == result && takes_over(f, a, i)) {
                f->home[result] = f->home[f->life[p->cells[action->cells[i]].root]];
            }
        }
    }
}

// The items of the plan; item[home]: which one.
static size_t list_items(const struct finisher *f, struct mopt_plan_item *items, uint32_t *item)
{
    size_t count = 0;
    for (uint32_t c = 0; c < f->p->cell_count; c++) {
        const size_t bytes = planned_bytes(f, c);
        const struct mopt_cell *cell = &f->p->cells[c];
        if (bytes > 0 && f->home[c] == c) {
            item[c] = (uint32_t)count;
            items[count++] =
                (struct mopt_plan_item){.bytes = bytes, .first = cell->first, .last = cell->last};
        }
    }
    for (uint32_t c = 0; c < f->p->cell_count; c++) {
        if (planned_bytes(f, c) > 0 && f->home[c] != c) {
            struct mopt_plan_item *shared = &items[item[f->home[c]]];
            const uint32_t last = f->p->cells[c].last;
            const size_t bytes = planned_bytes(f, c);
            shared->last = last > shared->last ? last : shared->last;
            shared->bytes = bytes > shared->bytes ? bytes : shared->bytes;
        }
    }
    return count;
}

// An output of the graph that is a view of a planned value would be copied at the end; its source
// is planned all the same.
static enum mopt_status plan_memory(struct finisher *f, struct mopt_exec_plan *plan)
{
    struct mopt_program *p = f->p;
    struct mopt_plan_item *items =
        mopt__arena_alloc(&f->arena, p->cell_count + (size_t)1, sizeof *items);
    uint32_t *item = mopt__arena_alloc(&f->arena, p->cell_count + (size_t)1, sizeof *item);
    plan->slots = mopt__calloc(f->l->session->model->value_count + (size_t)1, sizeof *plan->slots);
    if (items == NULL || item == NULL || plan->slots == NULL) {
        return mopt_error_memory(f->l->err);
    }
    find_homes(f);
    const size_t count = list_items(f, items, item);
    enum mopt_status status =
        mopt__memory_plan(items, count, &plan->arena_bytes, &plan->floor_bytes, f->l->err);
    plan->unshared_bytes = 0;
    for (uint32_t c = 0; c < p->cell_count && status == MOPT_OK; c++) {
        struct mopt_cell *cell = &p->cells[c];
        const size_t bytes = planned_bytes(f, c);
        if (bytes == 0) {
            continue;
        }
        cell->offset = items[item[f->home[c]]].offset;
        plan->unshared_bytes += bytes;
        if (cell->place == MOPT_CELL_SLOT || cell->publish) {
            plan->slots[cell->value->id] =
                (struct mopt_slot_plan){.offset = cell->offset, .bytes = bytes};
        }
    }
    return status;
}

enum mopt_status mopt__low_finish(struct mopt_lower *l, struct mopt_exec_plan *plan)
{
    struct finisher f = {.l = l, .p = l->program};
    const struct mopt_graph *main = l->schedule->graph;
    mopt__arena_init(&f.arena);
    f.life = mopt__arena_alloc(&f.arena, f.p->cell_count + (size_t)1, sizeof *f.life);
    f.output =
        mopt__arena_alloc(&f.arena, l->session->model->value_count + (size_t)1, sizeof *f.output);
    uint32_t *action_of =
        mopt__arena_alloc(&f.arena, l->schedule->step_count + (size_t)1, sizeof *action_of);
    f.taken = mopt__arena_alloc(&f.arena, f.p->cell_count + (size_t)1, sizeof *f.taken);
    f.home = mopt__arena_alloc(&f.arena, f.p->cell_count + (size_t)1, sizeof *f.home);
    f.p->data = mopt__calloc(f.p->cell_count + (size_t)1, sizeof *f.p->data);
    f.p->scratch = f.p->scratch_bytes > 0 ? mopt__malloc_aligned(f.p->scratch_bytes) : NULL;
    bool room = f.life != NULL && f.output != NULL && f.taken != NULL && f.home != NULL &&
                action_of != NULL && f.p->data != NULL &&
                (f.p->scratch != NULL || f.p->scratch_bytes == 0);
    enum mopt_status status = room ? MOPT_OK : mopt_error_memory(l->err);
    if (room) {
        for (size_t i = 0; i < main->outputs.count; i++) {
            f.output[main->outputs.items[i]->id] = true;
        }
        find_lifetimes(&f, action_of);
        status = make_lists(&f, action_of);
    }
    if (status == MOPT_OK) {
        status = plan_memory(&f, plan);
    }
    mopt__arena_release(&f.arena);
    return status;
}
