// SPDX-License-Identifier: Apache-2.0
// Fused attention: blocks of queries go through scores, softmax and values while their scores stay
// in the second cache. Each thread packs the keys and values of the head it is at; softmax sees
// whole rows, so blocks and threads change no byte.
#include "kernels/attention.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernels/product.h"

enum {
    BLOCK_TILES = 4,          // most tiles of queries in a block
    SCORES_BYTES = 256 * 1024 // of a block's scores: part of the second cache
};

// Memory of one thread, in floats.
struct layout {
    size_t keys, values, scores; // starts
    size_t total;
    size_t step; // bytes from one thread's memory to the next one's
    size_t rows; // queries of a block
    size_t ld;   // floats from one row of scores to the next
};

static size_t block_rows(const struct mopt_kernels *kernels, size_t ld)
{
    size_t tile = (size_t)kernels->f32_rows;
    size_t tiles = SCORES_BYTES / sizeof(float) / ld / tile;
    tiles = tiles > BLOCK_TILES ? BLOCK_TILES : tiles;
    return tile * (tiles > 0 ? tiles : 1);
}

static bool plan(const struct mopt_kernels *kernels, const struct mopt_attention_f32 *a,
                 struct layout *out)
{
    enum { LINE = 16 }; // floats of a cache line
    size_t keys = mopt__packed_f32_count(kernels, a->size, a->keys);
    size_t values = mopt__packed_f32_count(kernels, a->keys, a->value_size);
    size_t scores = 0;
    *out = (struct layout){0};
    // one line more than needed: rows a multiple of 4 KiB apart would share their cache sets
    if (keys == 0 || values == 0 || !mopt__size_add(a->keys, 2 * LINE - 1, &out->ld)) {
        return false;
    }
    out->ld = out->ld / LINE * LINE;
    out->rows = block_rows(kernels, out->ld);
    return mopt__size_align(keys, LINE, &out->values) &&
           mopt__size_align(values, LINE, &out->scores) &&
           mopt__size_add(out->scores, out->values, &out->scores) &&
           mopt__size_mul(out->ld, out->rows, &scores) &&
           mopt__size_add(scores, out->scores, &out->total) &&
           mopt__size_add(out->total, MOPT_OVERREAD / sizeof(float), &out->total) &&
           mopt__size_mul(out->total, sizeof(float), &out->step) &&
           mopt__size_apart(out->step, &out->step);
}

size_t mopt__attention_f32_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_attention_f32 *attention, int threads)
{
    struct layout layout;
    size_t bytes = 0;
    if (!plan(kernels, attention, &layout) ||
        !mopt__size_mul(layout.step, (size_t)threads, &bytes)) {
        return 0;
    }
    return bytes;
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_attention_f32 *a;
    struct layout layout;
    float *scratch;
    size_t blocks; // of a head
};

// c [rows, n] = a [rows, k] b with b packed in panels of `depth` rows, of which k are used.
struct part {
    const float *a;
    size_t lda, rows, k;
    const float *b;
    size_t depth, n;
    float *c;
    size_t ldc;
};

static void run_part(const struct mopt_kernels *kernels, const struct part *part)
{
    const float *rows[MOPT_TILE_ROWS_MAX] = {NULL};
    size_t width = (size_t)kernels->f32_cols;
    size_t tiles = mopt__tile_count(kernels, part->rows);
    for (size_t i = 0; i < tiles; i++) {
        size_t from = mopt__tile_start(part->rows, tiles, i);
        size_t to = mopt__tile_start(part->rows, tiles, i + 1);
        for (size_t r = from; r < to; r++) {
            rows[r - from] = part->a + r * part->lda;
        }
        for (size_t j = 0; j < part->n; j += width) {
            struct mopt_tile_f32 tile = {
                .a = rows,
                .taps = 1,
                .k = part->k,
                .b = part->b + j * part->depth,
                .c = part->c + from * part->ldc + j,
                .ldc = part->ldc,
                .low = -INFINITY,
                .high = INFINITY,
                .rows = (int)(to - from),
                .cols = (int)(part->n - j < width ? part->n - j : width),
            };
            kernels->tile_f32(&tile);
        }
    }
}

static bool all_hidden(const float *mask, size_t n)
{
    size_t i = 0;
    while (i < n && mask[i] == -INFINITY) {
        i++;
    }
    return i == n;
}

// Keys that query `row` sees: the first so many.
static size_t visible(const struct mopt_attention_f32 *a, size_t row)
{
    size_t most = a->causal ? row + a->past + 1 : a->keys;
    return most < a->keys ? most : a->keys;
}

// Scores of one query to shares of its first `seen` keys, 0 up to `most`.
static void share_out(const struct work *work, const float *mask, float *scores, size_t seen,
                      size_t most)
{
    const struct mopt_attention_f32 *a = work->a;
    work->kernels->softmax_f32(scores, mask, a->scale, scores, seen);
    // One number that is NaN or infinite makes NaN of the sum, and so of every share.
    if (isnan(scores[0]) &&
        (a->unknown_is_zero || (a->blind_is_zero && mask && all_hidden(mask, seen)))) {
        memset(scores, 0, seen * sizeof *scores);
    }
    memset(scores + seen, 0, (most - seen) * sizeof *scores);
}

// Queries first..first+rows of a head, whose keys and values are packed at `room`.
static void run_block(const struct work *work, float *room, size_t batch, size_t head, size_t first,
                      size_t rows)
{
    const struct mopt_attention_f32 *a = work->a;
    const struct layout *layout = &work->layout;
    float *scores = room + layout->scores;
    size_t most = visible(a, first + rows - 1);
    size_t from = batch * a->q_steps.batch + head * a->q_steps.head + first * a->q_steps.row;
    size_t to = batch * a->y_steps.batch + head * a->y_steps.head + first * a->y_steps.row;
    const struct part to_keys = {.a = a->q + from,
                                 .lda = a->q_steps.row,
                                 .rows = rows,
                                 .k = a->size,
                                 .b = room + layout->keys,
                                 .depth = a->size,
                                 .n = most,
                                 .c = scores,
                                 .ldc = layout->ld};
    run_part(work->kernels, &to_keys);
    const struct mopt_head_steps *m = &a->mask_steps;
    for (size_t r = 0; r < rows; r++) {
        const float *mask =
            a->mask ? a->mask + batch * m->batch + head * m->head + (first + r) * m->row : NULL;
        share_out(work, mask, scores + r * layout->ld, visible(a, first + r), most);
    }
    const struct part of_values = {.a = scores,
                                   .lda = layout->ld,
                                   .rows = rows,
                                   .k = most,
                                   .b = room + layout->values,
                                   .depth = a->keys,
                                   .n = a->value_size,
                                   .c = a->y + to,
                                   .ldc = a->y_steps.row};
    run_part(work->kernels, &of_values);
}

static void pack_group(const struct work *work, float *room, size_t batch, size_t group)
{
    const struct mopt_attention_f32 *a = work->a;
    const float *k = a->k + batch * a->k_steps.batch + group * a->k_steps.head;
    const float *v = a->v + batch * a->v_steps.batch + group * a->v_steps.head;
    mopt__pack_f32(work->kernels, a->size, a->keys, k, 1, a->k_steps.row, room + work->layout.keys);
    mopt__pack_f32(work->kernels, a->keys, a->value_size, v, a->v_steps.row, 1,
                   room + work->layout.values);
}

// Items are blocks of queries, counted through all heads and batch entries.
static void some_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const struct mopt_attention_f32 *a = work->a;
    float *room = work->scratch + (size_t)thread * (work->layout.step / sizeof(float));
    size_t packed = SIZE_MAX; // the group whose keys and values are in `room`
    for (size_t item = (size_t)begin; item < (size_t)end; item++) {
        size_t head = item / work->blocks % a->heads;
        size_t batch = item / work->blocks / a->heads;
        size_t group = head / (a->heads / a->groups);
        size_t block = item % work->blocks;
        if (packed != batch * a->groups + group) {
            packed = batch * a->groups + group;
            pack_group(work, room, batch, group);
        }
        size_t first = mopt__tile_start(a->queries, work->blocks, block);
        size_t next = mopt__tile_start(a->queries, work->blocks, block + 1);
        run_block(work, room, batch, head, first, next - first);
    }
}

static void clear_rows(const struct mopt_attention_f32 *a)
{
    for (size_t item = 0; item < a->batch * a->heads * a->queries; item++) {
        size_t row = item % a->queries;
        size_t head = item / a->queries % a->heads;
        size_t batch = item / a->queries / a->heads;
        memset(a->y + batch * a->y_steps.batch + head * a->y_steps.head + row * a->y_steps.row, 0,
               a->value_size * sizeof *a->y);
    }
}

void mopt__attention_f32(const struct mopt_kernels *kernels,
                         const struct mopt_attention_f32 *attention, void *scratch,
                         struct mopt_pool *pool)
{
    const struct mopt_attention_f32 *a = attention;
    size_t heads = a->batch * a->heads;
    if (heads * a->queries == 0 || a->value_size == 0) {
        return;
    }
    if (a->keys == 0) {
        clear_rows(a);
        return;
    }
    struct work work = {.kernels = kernels, .a = a, .scratch = scratch};
    if (!plan(kernels, a, &work.layout) || work.layout.rows == 0) {
        return; // there is no scratch of that size
    }
    work.blocks = (a->queries + work.layout.rows - 1) / work.layout.rows;
    if (heads * a->queries * a->keys * (a->size + a->value_size) < MOPT_SERIAL_BELOW) {
        pool = NULL;
    }
    mopt__pool_for(pool, (int64_t)(heads * work.blocks), 1, some_blocks, &work);
}
