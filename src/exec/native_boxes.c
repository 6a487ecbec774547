// SPDX-License-Identifier: Apache-2.0
// Codes moved from one place to another, a box of bytes at a time: rows next to each other or
// apart, axes in another order, steps backwards, through a table or as they are. It knows nothing
// of nodes.
#include <string.h>

#include "exec/native.h"
#include "kernels/conv_nhwc.h"

enum { PIECE = 4096 }; // bytes one thread takes at least; of a look-up between

struct box_work {
    struct mopt_low_box box;
    size_t rows; // of the last axis
    bool turned; // matrices whose rows become columns
    uint32_t from, to;
    const uint8_t *constant, *table; // NULL: the cell `from`; as they are
};
struct box_run {
    const struct box_work *w;
    const struct mopt_kernels *kernels;
    const uint8_t *from;
    uint8_t *to;
};

// ---- Boxes --------------------------------------------------------------------------------------

void mopt__box_merge(struct mopt_low_box *box)
{
    int rank = 0;
    for (int d = 0; d < box->rank; d++) {
        const ptrdiff_t n = (ptrdiff_t)box->dims[d];
        const int last = rank - 1;
        if (n == 1) {
            continue;
        }
        bool joins = rank > 0 && box->from_steps[last] == box->from_steps[d] * n &&
                     box->to_steps[last] == box->to_steps[d] * n;
        int at = joins ? last : rank;
        box->dims[at] = joins ? box->dims[last] * box->dims[d] : box->dims[d];
        box->from_steps[at] = box->from_steps[d];
        box->to_steps[at] = box->to_steps[d];
        rank = at + 1;
    }
    box->rank = rank;
}

bool mopt__box_is_run(const struct mopt_low_box *box)
{
    return box->rank == 0 || (box->rank == 1 && box->from_steps[0] == 1 && box->to_steps[0] == 1);
}

// As steps of a row-major array of the box's size.
static bool is_dense(const struct mopt_low_box *box, const ptrdiff_t *steps)
{
    ptrdiff_t step = 1;
    bool dense = true;
    for (int d = box->rank - 1; d >= 0; d--) {
        dense = dense && steps[d] == step;
        step *= (ptrdiff_t)box->dims[d];
    }
    return dense;
}

// Matrices one after the other on both sides, turned on the way.
static bool is_turned(const struct mopt_low_box *box)
{
    if ((box->rank != 2 && box->rank != 3) || !is_dense(box, box->to_steps)) {
        return false;
    }
    const int row = box->rank - 2;
    const ptrdiff_t rows = (ptrdiff_t)box->dims[row], columns = (ptrdiff_t)box->dims[row + 1];
    return box->from_steps[row] == 1 && box->from_steps[row + 1] == rows &&
           (row == 0 || box->from_steps[0] == rows * columns);
}

// ---- Running ------------------------------------------------------------------------------------

// Rows are often short: words, the last of which overlaps the one before it.
static inline void copy_row(uint8_t *to, const uint8_t *from, size_t n)
{
    enum { WORD = 16, HALF = 8, QUARTER = 4, FEW = 32 * WORD };
    if (n > FEW) {
        memcpy(to, from, n);
    } else if (n >= WORD) {
        for (size_t i = 0; i + WORD < n; i += WORD) {
            memcpy(to + i, from + i, WORD);
        }
        memcpy(to + n - WORD, from + n - WORD, WORD);
    } else if (n >= HALF) {
        memcpy(to, from, HALF);
        memcpy(to + n - HALF, from + n - HALF, HALF);
    } else if (n >= QUARTER) {
        memcpy(to, from, QUARTER);
        memcpy(to + n - QUARTER, from + n - QUARTER, QUARTER);
    } else {
        for (size_t i = 0; i < n; i++) {
            to[i] = from[i];
        }
    }
}

// A place in a box: the indices of a row and where it is on both sides.
struct place {
    size_t index[MOPT_RANK_MAX];
    ptrdiff_t from, to;
};

static void start_at(const struct mopt_low_box *box, size_t row, struct place *p)
{
    p->from = box->from;
    p->to = box->to;
    for (int d = box->rank - 2; d >= 0; d--) {
        p->index[d] = row % box->dims[d];
        row /= box->dims[d];
        p->from += (ptrdiff_t)p->index[d] * box->from_steps[d];
        p->to += (ptrdiff_t)p->index[d] * box->to_steps[d];
    }
}

static void step_on(const struct mopt_low_box *box, struct place *p)
{
    for (int d = box->rank - 2; d >= 0; d--) {
        p->from += box->from_steps[d];
        p->to += box->to_steps[d];
        if (++p->index[d] < box->dims[d]) {
            return;
        }
        p->from -= box->from_steps[d] * (ptrdiff_t)box->dims[d];
        p->to -= box->to_steps[d] * (ptrdiff_t)box->dims[d];
        p->index[d] = 0;
    }
}

static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct box_run *r = context;
    const struct mopt_low_box *box = &r->w->box;
    const int last = box->rank - 1;
    const ptrdiff_t n = (ptrdiff_t)box->dims[last];
    const ptrdiff_t from_step = box->from_steps[last], to_step = box->to_steps[last];
    struct place p;
    (void)thread;
    start_at(box, (size_t)begin, &p);
    for (int64_t row = begin; row < end; row++, step_on(box, &p)) {
        const uint8_t *from = r->from + p.from;
        uint8_t *to = r->to + p.to;
        if (from_step == 1 && to_step == 1) {
            copy_row(to, from, (size_t)n);
            continue;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            to[i * to_step] = from[i * from_step];
        }
    }
}

// Rows that lie one behind the other, through a table: several at a time when they are short.
static void look_up_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct box_run *r = context;
    const struct mopt_low_box *box = &r->w->box;
    const size_t n = box->dims[box->rank - 1];
    uint8_t found[PIECE];
    struct place p;
    (void)thread;
    start_at(box, (size_t)begin, &p);
    for (size_t row = (size_t)begin; row < (size_t)end;) {
        const uint8_t *from = r->from + box->from + row * n;
        if (n > PIECE / 4) {
            r->kernels->lookup_u8(from, r->w->table, r->to + p.to, n);
            step_on(box, &p);
            row++;
            continue;
        }
        size_t rows = PIECE / n < (size_t)end - row ? PIECE / n : (size_t)end - row;
        r->kernels->lookup_u8(from, r->w->table, found, rows * n);
        for (size_t i = 0; i < rows; i++, step_on(box, &p)) {
            copy_row(r->to + p.to, found + i * n, n);
        }
        row += rows;
    }
}

// The same of a single row, of which each thread takes a part.
static void copy_part(void *context, int64_t begin, int64_t end, int thread)
{
    const struct box_run *r = context;
    const struct mopt_low_box *box = &r->w->box;
    const uint8_t *from = r->from + box->from;
    uint8_t *to = r->to + box->to;
    const ptrdiff_t from_step = box->from_steps[0], to_step = box->to_steps[0];
    (void)thread;
    if (from_step == 1 && to_step == 1) {
        memcpy(to + begin, from + begin, (size_t)(end - begin));
        return;
    }
    for (ptrdiff_t i = (ptrdiff_t)begin; i < (ptrdiff_t)end; i++) {
        to[i * to_step] = from[i * from_step];
    }
}

static void look_up_part(void *context, int64_t begin, int64_t end, int thread)
{
    const struct box_run *r = context;
    const struct mopt_low_box *box = &r->w->box;
    (void)thread;
    r->kernels->lookup_u8(r->from + box->from + begin, r->w->table, r->to + box->to + begin,
                          (size_t)(end - begin));
}

static void run_box(const void *work, const struct mopt_frame *frame)
{
    const struct box_work *w = work;
    const struct mopt_low_box *box = &w->box;
    struct box_run r = {w, frame->kernels, w->constant != NULL ? w->constant : frame->data[w->from],
                        frame->data[w->to]};
    const size_t n = box->dims[box->rank - 1];
    if (w->turned) {
        const int row = box->rank - 2;
        const struct mopt_images images = {.element = 1,
                                           .batch = row > 0 ? box->dims[0] : 1,
                                           .channels = box->dims[row + 1],
                                           .pixels = box->dims[row]};
        mopt__to_nhwc(frame->kernels, &images, r.from + box->from, r.to + box->to, images.channels,
                      frame->pool);
    } else if (box->rank == 1) {
        mopt__pool_for(frame->pool, (int64_t)n, PIECE, w->table != NULL ? look_up_part : copy_part,
                       &r);
    } else {
        mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(PIECE / n + 1),
                       w->table != NULL ? look_up_rows : copy_rows, &r);
    }
}

void mopt__box_copy(const struct mopt_low_box *box, const uint8_t *from, uint8_t *to)
{
    struct box_work w = {.box = *box, .rows = 1};
    struct box_run r = {.w = &w, .from = from, .to = to};
    mopt__box_merge(&w.box);
    if (w.box.rank == 0) {
        to[box->to] = from[box->from];
        return;
    }
    for (int d = 0; d < w.box.rank - 1; d++) {
        w.rows *= w.box.dims[d];
    }
    copy_rows(&r, 0, (int64_t)w.rows, 0);
}

// ---- Emitting -----------------------------------------------------------------------------------

static void add_one(struct mopt_low_box *box)
{
    box->dims[box->rank] = 1;
    box->from_steps[box->rank] = box->to_steps[box->rank] = 1;
    box->rank++;
}

enum mopt_status mopt__low_box(struct mopt_lower *l, const struct mopt_low_box *box,
                               const struct mopt_low_bytes *from, uint32_t to)
{
    struct box_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *w = (struct box_work){.box = *box,
                           .rows = 1,
                           .from = from->cell,
                           .to = to,
                           .constant = from->constant,
                           .table = from->table};
    mopt__box_merge(&w->box);
    if (w->box.rank == 0) {
        add_one(&w->box);
    }
    if (w->table != NULL && w->box.to_steps[w->box.rank - 1] != 1) {
        add_one(&w->box); // rows of one code
    }
    for (int d = 0; d < w->box.rank - 1; d++) {
        w->rows *= w->box.dims[d];
    }
    w->turned = w->table == NULL && is_turned(&w->box);
    uint32_t cells[] = {to, from->cell};
    return mopt__low_emit(l, run_box, w, cells, from->constant != NULL ? 1 : 2);
}

struct fill_work {
    size_t count;
    uint8_t code;
    uint32_t to;
};

static void run_fill(const void *work, const struct mopt_frame *frame)
{
    const struct fill_work *w = work;
    memset(frame->data[w->to], w->code, w->count);
}

enum mopt_status mopt__low_fill(struct mopt_lower *l, size_t count, uint8_t code, uint32_t to)
{
    struct fill_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    *w = (struct fill_work){count, code, to};
    return mopt__low_emit(l, run_fill, w, &to, 1);
}

// ---- How images lie -----------------------------------------------------------------------------

int mopt__low_stored_axis(int rank, bool nhwc, int place)
{
    if (!nhwc || place == 0) {
        return place;
    }
    return place == rank - 1 ? 1 : place + 1;
}

void mopt__low_stored_steps(const struct mopt_low_shape *shape, bool nhwc,
                            ptrdiff_t steps[MOPT_RANK_MAX])
{
    ptrdiff_t step = 1;
    for (int place = shape->rank - 1; place >= 0; place--) {
        int axis = mopt__low_stored_axis(shape->rank, nhwc, place);
        steps[axis] = step;
        step *= (ptrdiff_t)shape->dims[axis];
    }
}

struct mopt_low_box mopt__low_box_of(const struct mopt_low_shape *shape, bool nhwc,
                                     const ptrdiff_t from_steps[MOPT_RANK_MAX],
                                     const ptrdiff_t to_steps[MOPT_RANK_MAX])
{
    struct mopt_low_box box = {.rank = shape->rank};
    for (int place = 0; place < shape->rank; place++) {
        int axis = mopt__low_stored_axis(shape->rank, nhwc, place);
        box.dims[place] = (size_t)shape->dims[axis];
        box.from_steps[place] = from_steps[axis];
        box.to_steps[place] = to_steps[axis];
    }
    return box;
}
