// SPDX-License-Identifier: Apache-2.0
// Depth first: convolutions that follow each other are run over a band of rows, all of them, before
// the next band. What lies between them never leaves the near caches, and takes no memory of the
// plan. Every thread has rows of the last result of its own; rows of what lies between that two
// threads need are made by both. Sums are those of whole images, bit for bit.
#include "exec/bands.h"

#include <string.h>

enum {
    STAGES = 3,         // most actions of a chain
    LARGE = 3 << 18,    // bytes of an image worth it: more than stays in a second cache
    NEAR = 1 << 19,     // bytes of bands between the actions
    BAND_MAX = 16,      // rows of the result
    KEPT_SHARE = 2,     // new rows of a band are as many times those that are kept and moved
    ROWS_OF_THREAD = 8, // at least: else too much is made by two threads
};

struct chain {
    const struct mopt_banded *stages[STAGES];
    const void *works[STAGES];
    size_t count;
    size_t band;               // rows of the last result
    size_t capacity[STAGES];   // rows of what a stage makes, the last one's not counting
    size_t offset[STAGES];     // of those rows in a thread's part of the scratch
    size_t scratch, of_thread; // place of the kernels' own; bytes of a thread
};

// Rows first..past of the image of one stage, as far as they are there.
struct strip {
    size_t first, past;
};

struct walk {
    const struct chain *chain;
    const struct mopt_frame *frame;
    size_t image;
    uint8_t *own;
    struct strip strips[STAGES];
};

// Rows of the input from the first to the last tap of a window.
static size_t reach(const struct mopt_window2d *w)
{
    return (w->kernel_h - 1) * w->dilation_h + 1;
}

// Rows of the input under rows first..past of the result.
static struct strip under(const struct mopt_window2d *w, size_t first, size_t past)
{
    size_t top = first * w->stride_h;
    size_t end = (past - 1) * w->stride_h + reach(w);
    struct strip in = {top > w->pad_top ? top - w->pad_top : 0,
                       end > w->pad_top ? end - w->pad_top : 0};
    in.past = in.past < w->in_h ? in.past : w->in_h;
    return in;
}

// ---- Running ------------------------------------------------------------------------------------

// Forgets the rows in front of `first`.
static void drop(const struct chain *chain, size_t stage, size_t first, uint8_t *rows,
                 struct strip *strip)
{
    const size_t line = chain->stages[stage]->out_line;
    if (strip->past <= first) {
        *strip = (struct strip){first, first};
    } else if (strip->first < first) {
        memmove(rows, rows + (first - strip->first) * line, (strip->past - first) * line);
        strip->first = first;
    }
}

// Rows of every stage that are to be made for rows first..past of the last result.
static void want(struct walk *walk, size_t first, size_t past, struct strip wanted[STAGES])
{
    const struct chain *chain = walk->chain;
    const size_t last = chain->count - 1;
    wanted[last] = (struct strip){first, past};
    for (size_t s = last; s > 0; s--) {
        const struct strip in = under(chain->stages[s]->window, wanted[s].first, wanted[s].past);
        struct strip *there = &walk->strips[s - 1];
        drop(chain, s - 1, in.first, walk->own + chain->offset[s - 1], there);
        wanted[s - 1] = (struct strip){there->past, in.past > there->past ? in.past : there->past};
        if (wanted[s - 1].first == wanted[s - 1].past) {
            return; // all there
        }
    }
}

// Row `row` of what a stage reads, and of what it makes.
static const void *read_at(const struct walk *walk, size_t s, size_t row)
{
    const struct chain *chain = walk->chain;
    const struct mopt_banded *stage = chain->stages[s];
    if (s > 0) {
        return walk->own + chain->offset[s - 1] +
               (row - walk->strips[s - 1].first) * stage->in_line;
    }
    const uint8_t *x = walk->frame->data[stage->x];
    return x + (walk->image * stage->window->in_h + row) * stage->in_line;
}

static void *write_at(const struct walk *walk, size_t s, size_t row)
{
    const struct chain *chain = walk->chain;
    const struct mopt_banded *stage = chain->stages[s];
    if (s + 1 < chain->count) {
        return walk->own + chain->offset[s] + (row - walk->strips[s].first) * stage->out_line;
    }
    uint8_t *y = walk->frame->data[stage->y];
    return y + (walk->image * stage->window->out_h + row) * stage->out_line;
}

static void run_stage(struct walk *walk, size_t s, struct strip rows)
{
    const struct chain *chain = walk->chain;
    const struct strip in = under(chain->stages[s]->window, rows.first, rows.past);
    const struct mopt_band band = {.image = walk->image,
                                   .first = rows.first,
                                   .rows = rows.past - rows.first,
                                   .in_first = in.first,
                                   .in_rows = in.past - in.first,
                                   .x = read_at(walk, s, in.first),
                                   .y = write_at(walk, s, rows.first),
                                   .scratch = walk->own + chain->scratch};
    chain->stages[s]->run(chain->works[s], walk->frame, &band);
    walk->strips[s].past = rows.past;
}

struct job {
    const struct chain *chain;
    const struct mopt_frame *frame;
};

static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *job = context;
    const struct chain *chain = job->chain;
    const size_t height = chain->stages[chain->count - 1]->window->out_h;
    struct walk walk = {.chain = chain,
                        .frame = job->frame,
                        .own = (uint8_t *)job->frame->scratch + (size_t)thread * chain->of_thread};
    for (size_t row = (size_t)begin; row < (size_t)end;) {
        const size_t first = row % height, left = (size_t)end - row;
        size_t rows = height - first < left ? height - first : left;
        rows = rows < chain->band ? rows : chain->band;
        if (first == 0 || row == (size_t)begin) {
            memset(walk.strips, 0, sizeof walk.strips);
            walk.image = row / height;
        }
        struct strip wanted[STAGES] = {{0}};
        want(&walk, first, first + rows, wanted);
        for (size_t s = 0; s < chain->count; s++) {
            if (wanted[s].first < wanted[s].past) {
                run_stage(&walk, s, wanted[s]);
            }
        }
        row += rows;
    }
}

static void run_chain(const void *work, const struct mopt_frame *frame)
{
    const struct chain *chain = work;
    const struct mopt_window2d *w = chain->stages[chain->count - 1]->window;
    struct job job = {chain, frame};
    mopt__pool_for(frame->pool, (int64_t)(w->batch * w->out_h), ROWS_OF_THREAD, some_rows, &job);
}

// ---- Planning -----------------------------------------------------------------------------------

enum mopt_status mopt__low_banded(struct mopt_lower *l, const struct mopt_banded *banded)
{
    struct mopt_banded *own = mopt__low_work(l, sizeof *own);
    if (own == NULL) {
        return MOPT_E_MEMORY;
    }
    *own = *banded;
    l->program->actions[l->program->action_count - 1].banded = own;
    return MOPT_OK;
}

// How many actions touch the bytes of each cell; by root. NULL: out of memory.
static uint32_t *count_uses(const struct mopt_lower *l)
{
    const struct mopt_program *p = l->program;
    uint32_t *uses = mopt__calloc(p->cell_count + (size_t)1, sizeof *uses);
    for (size_t a = 0; uses != NULL && a < p->action_count; a++) {
        for (uint32_t i = 0; i < p->actions[a].cell_count; i++) {
            uses[p->cells[p->actions[a].cells[i]].root]++;
        }
    }
    return uses;
}

// Rows of what stage s makes that `rows` rows of the result of the next one need.
static size_t rows_under(const struct mopt_window2d *w, size_t rows)
{
    size_t most = (rows - 1) * w->stride_h + reach(w);
    return most < w->in_h ? most : w->in_h;
}

// Room for bands of so many rows; bytes of what lies between.
static size_t lay_out(struct chain *chain, size_t band)
{
    size_t rows = band, bytes = 0;
    chain->band = band;
    for (size_t s = chain->count - 1; s > 0; s--) {
        rows = rows_under(chain->stages[s]->window, rows);
        chain->capacity[s - 1] = rows;
        bytes += rows * chain->stages[s]->in_line;
    }
    return bytes;
}

// The largest band whose rows stay near.
static void choose_band(struct chain *chain)
{
    size_t band = BAND_MAX;
    while (band > 1 && lay_out(chain, band) > NEAR) {
        band--;
    }
    lay_out(chain, band);
}

// Few of the rows between the actions are moved for the next band.
static bool moves_little(const struct chain *chain)
{
    size_t rows = chain->band;
    for (size_t s = chain->count - 1; s > 0; s--) {
        const struct mopt_window2d *w = chain->stages[s]->window;
        const size_t kept = reach(w) > w->stride_h ? reach(w) - w->stride_h : 0;
        if (rows * w->stride_h < KEPT_SHARE * kept) {
            return false;
        }
        rows = rows_under(w, rows);
    }
    return true;
}

static void place(struct chain *chain)
{
    enum { LINE = 64 };
    size_t at = 0, scratch = 0;
    for (size_t s = 0; s + 1 < chain->count; s++) {
        chain->offset[s] = at;
        at += chain->capacity[s] * chain->stages[s]->out_line + MOPT_OVERREAD;
        at = (at + LINE - 1) / LINE * LINE;
    }
    for (size_t s = 0; s < chain->count; s++) {
        scratch = chain->stages[s]->scratch > scratch ? chain->stages[s]->scratch : scratch;
    }
    chain->scratch = at;
    chain->of_thread = (at + scratch + LINE - 1) / LINE * LINE;
}

// Every row of the result has a row under it.
static bool covers(const struct mopt_window2d *w)
{
    struct strip first = under(w, 0, 1), last = under(w, w->out_h - 1, w->out_h);
    return first.first < first.past && last.first < last.past;
}

// The image that `from` makes is large, and only `to` reads it.
static bool joins(const struct mopt_lower *l, const uint32_t *uses, const struct mopt_action *from,
                  const struct mopt_action *to)
{
    if (from->banded == NULL || to->banded == NULL || from->banded->y != to->banded->x) {
        return false;
    }
    const struct mopt_cell *cell = &l->program->cells[from->banded->y];
    return cell->root == from->banded->y && cell->place == MOPT_CELL_ARENA && !cell->publish &&
           uses[cell->root] == 2 && cell->bytes >= LARGE &&
           from->banded->out_line == to->banded->in_line && covers(to->banded->window);
}

// Reads and writes of the chain as a whole.
static enum mopt_status join_cells(struct mopt_lower *l, const struct mopt_action *actions,
                                   size_t count, struct mopt_action *joined)
{
    size_t most = 0;
    for (size_t s = 0; s < count; s++) {
        most += actions[s].cell_count;
    }
    uint32_t *cells = mopt__arena_alloc(&l->program->arena, most + 1, sizeof *cells);
    if (cells == NULL) {
        return mopt_error_memory(l->err);
    }
    joined->cells = cells;
    joined->cell_count = 0;
    for (size_t s = 0; s < count; s++) {
        for (uint32_t i = 0; i < actions[s].cell_count; i++) {
            uint32_t cell = actions[s].cells[i];
            bool between = (s > 0 && cell == actions[s].banded->x) ||
                           (s + 1 < count && cell == actions[s].banded->y);
            if (!between) {
                cells[joined->cell_count++] = cell;
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status join(struct mopt_lower *l, const struct mopt_action *actions,
                             struct chain *chain, struct mopt_action *joined)
{
    struct chain *own = mopt__low_work(l, sizeof *own);
    if (own == NULL) {
        return MOPT_E_MEMORY;
    }
    place(chain);
    *own = *chain;
    mopt__low_scratch(l, chain->of_thread * (size_t)mopt__pool_size(l->session->pool));
    *joined =
        (struct mopt_action){.run = run_chain, .work = own, .step = actions[chain->count - 1].step};
    return join_cells(l, actions, chain->count, joined);
}

// What prepares the first of them for its step belongs to the step of all.
static void move_step(struct mopt_program *p, size_t kept, uint32_t from, uint32_t to)
{
    for (; kept > 0 && p->actions[kept - 1].run != NULL && p->actions[kept - 1].step == from;
         kept--) {
        p->actions[kept - 1].step = to;
    }
}

// Enough rows that threads make few twice.
static bool has_rows(const struct mopt_lower *l, const struct chain *chain)
{
    const struct mopt_window2d *w = chain->stages[chain->count - 1]->window;
    return w->batch * w->out_h >= (size_t)mopt__pool_size(l->session->pool) * ROWS_OF_THREAD;
}

// The longest chain that is worth it from this action on; its count is 1 when there is none.
static struct chain find_chain(const struct mopt_lower *l, const uint32_t *uses, size_t first)
{
    const struct mopt_action *actions = l->program->actions + first;
    const size_t left = l->program->action_count - first;
    struct chain chain = {.stages = {actions[0].banded}, .works = {actions[0].work}, .count = 1};
    while (chain.count < STAGES && chain.count < left &&
           joins(l, uses, &actions[chain.count - 1], &actions[chain.count])) {
        chain.stages[chain.count] = actions[chain.count].banded;
        chain.works[chain.count] = actions[chain.count].work;
        chain.count++;
    }
    for (; chain.count > 1; chain.count--) {
        choose_band(&chain);
        if (has_rows(l, &chain) && moves_little(&chain)) {
            break;
        }
    }
    return chain;
}

enum mopt_status mopt__low_bands(struct mopt_lower *l)
{
    struct mopt_program *p = l->program;
    uint32_t *uses = count_uses(l);
    enum mopt_status status = uses != NULL ? MOPT_OK : mopt_error_memory(l->err);
    size_t kept = 0;
    for (size_t a = 0; uses != NULL && status == MOPT_OK && a < p->action_count;) {
        struct chain chain = find_chain(l, uses, a);
        struct mopt_action action = p->actions[a];
        if (chain.count > 1) {
            status = join(l, &p->actions[a], &chain, &action);
            move_step(p, kept, p->actions[a].step, action.step);
        }
        p->actions[kept++] = action;
        a += chain.count;
    }
    if (status == MOPT_OK) {
        p->action_count = kept;
    }
    mopt__free(uses);
    return status;
}
