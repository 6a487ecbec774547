// SPDX-License-Identifier: Apache-2.0
// The strided copy; see copy.h. A box is reduced to few loops, the two innermost run in a kernel
// chosen by size.
#include "ops/copy.h"

#include <string.h>

#include "base/size.h"
#include "ops/lanes.h"

// The two innermost loops: n0 rows of n1 elements.
struct plane {
    char *to;
    const char *from;
    int64_t n0, n1;
    int64_t to0, to1, from0, from1; // strides in elements
};

enum { TILE = 32 };

struct wide { // 16 bytes
    uint64_t half[2];
};

// fill: a row is one element again and again. mix: a few sources of many neighbours side by side,
// as the colours of an image.
#define PLANE(name, T)                                                                             \
    static void name##_tile(const struct plane *p, int64_t r0, int64_t r1, int64_t c0, int64_t c1) \
    {                                                                                              \
        T *to = (T *)(void *)p->to;                                                                \
        const T *from = (const T *)(const void *)p->from;                                          \
        for (int64_t i = r0; i < r1; i++) {                                                        \
            for (int64_t k = c0; k < c1; k++) {                                                    \
                to[i * p->to0 + k * p->to1] = from[i * p->from0 + k * p->from1];                   \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name##_fill(const struct plane *p)                                                 \
    {                                                                                              \
        for (int64_t i = 0; i < p->n0; i++) {                                                      \
            T *to = (T *)(void *)p->to + i * p->to0;                                               \
            const T only = ((const T *)(const void *)p->from)[i * p->from0];                       \
            for (int64_t k = 0; k < p->n1; k++) {                                                  \
                to[k] = only;                                                                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static inline __attribute__((always_inline)) void name##_mix(const struct plane *p, int n)     \
    {                                                                                              \
        T *to = (T *)(void *)p->to;                                                                \
        const T *from = (const T *)(const void *)p->from;                                          \
        for (int64_t i = 0; i < p->n0; i++) {                                                      \
            for (int k = 0; k < n; k++) {                                                          \
                to[i * n + k] = from[i + k * p->from1];                                            \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name(const struct plane *p)                                                        \
    {                                                                                              \
        const bool mixes = p->to1 == 1 && p->from0 == 1 && p->to0 == p->n1;                        \
        if (p->to1 == 1 && p->from1 == 0) {                                                        \
            name##_fill(p);                                                                        \
            return;                                                                                \
        }                                                                                          \
        if (mixes && p->n1 == 2) {                                                                 \
            name##_mix(p, 2);                                                                      \
            return;                                                                                \
        }                                                                                          \
        if (mixes && p->n1 == 3) {                                                                 \
            name##_mix(p, 3);                                                                      \
            return;                                                                                \
        }                                                                                          \
        if (mixes && p->n1 == 4) {                                                                 \
            name##_mix(p, 4);                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t r = 0; r < p->n0; r += TILE) {                                                \
            for (int64_t c = 0; c < p->n1; c += TILE) {                                            \
                name##_tile(p, r, p->n0 - r < TILE ? p->n0 : r + TILE, c,                          \
                            p->n1 - c < TILE ? p->n1 : c + TILE);                                  \
            }                                                                                      \
        }                                                                                          \
    }
PLANE(plane_8, uint8_t)
PLANE(plane_16, uint16_t)
PLANE(plane_32, uint32_t)
PLANE(plane_64, uint64_t)
PLANE(plane_128, struct wide)

static void plane_copy(const struct plane *p, size_t size)
{
    if (p->to1 == 1 && p->from1 == 1) {
        for (int64_t i = 0; i < p->n0; i++) {
            memcpy(p->to + (size_t)(i * p->to0) * size, p->from + i * p->from0 * (int64_t)size,
                   (size_t)p->n1 * size);
        }
        return;
    }
    switch (size) {
    case 1:
        plane_8(p);
        break;
    case 2:
        plane_16(p);
        break;
    case 4:
        plane_32(p);
        break;
    case 8:
        plane_64(p);
        break;
    default:
        plane_128(p);
        break;
    }
}

// ---- Types without a byte size of their own -------------------------------------------------------------------

static unsigned bits_get(const void *data, int64_t i, unsigned bits)
{
    const uint64_t at = (uint64_t)i * bits;
    return (unsigned)(((const uint8_t *)data)[at / 8] >> (at % 8)) & ((1u << bits) - 1);
}

static void bits_set(void *data, int64_t i, unsigned bits, unsigned value)
{
    const uint64_t at = (uint64_t)i * bits;
    uint8_t *byte = (uint8_t *)data + at / 8;
    const unsigned mask = ((1u << bits) - 1) << (at % 8);
    *byte = (uint8_t)((*byte & ~mask) | (value << (at % 8)));
}

static enum mopt_status element_copy(struct mopt_tensor *to, int64_t i,
                                     const struct mopt_tensor *from, int64_t k,
                                     struct mopt_error *err)
{
    if (to->dtype == MOPT_STRING) {
        const struct mopt_string *text = (const struct mopt_string *)from->data + k;
        return mopt__tensor_set_string(to, (size_t)i, text->data, text->size, err);
    }
    const unsigned bits = mopt__dtype_bits(to->dtype);
    bits_set(mopt__tensor_data(to), i, bits, bits_get(from->data, k, bits));
    return MOPT_OK;
}

static bool plain(const struct mopt_tensor *t)
{
    return t->dtype != MOPT_STRING && mopt__dtype_bits(t->dtype) >= 8;
}

// ---- The box --------------------------------------------------------------------------------------------------

static void move_dim(struct mopt_copy *c, int to, int from)
{
    c->dims[to] = c->dims[from];
    c->to_strides[to] = c->to_strides[from];
    c->from_strides[to] = c->from_strides[from];
}

static void swap_dims(struct mopt_copy *c, int a, int b)
{
    struct mopt_copy old = *c;
    move_dim(c, a, b);
    c->dims[b] = old.dims[a];
    c->to_strides[b] = old.to_strides[a];
    c->from_strides[b] = old.from_strides[a];
}

// Drops loops of one trip and joins loops that are one on both sides. False: nothing to copy.
static bool reduce(struct mopt_copy *c)
{
    int rank = 0;
    for (int i = 0; i < c->rank; i++) {
        if (c->dims[i] == 0) {
            return false;
        }
        if (c->dims[i] == 1) {
            continue;
        }
        if (rank > 0 && c->to_strides[rank - 1] == c->dims[i] * c->to_strides[i] &&
            c->from_strides[rank - 1] == c->dims[i] * c->from_strides[i]) {
            const int64_t trips = c->dims[rank - 1];
            move_dim(c, rank - 1, i);
            c->dims[rank - 1] *= trips;
            continue;
        }
        move_dim(c, rank, i);
        rank++;
    }
    c->rank = rank;
    return true;
}

// Gives the box at least two loops, and puts the loop that is consecutive in the source beside the
// innermost one.
static void arrange(struct mopt_copy *c)
{
    while (c->rank < 2) {
        for (int i = c->rank; i > 0; i--) {
            move_dim(c, i, i - 1);
        }
        c->dims[0] = 1;
        c->to_strides[0] = c->from_strides[0] = 0;
        c->rank++;
    }
    for (int i = 0; i + 2 < c->rank && c->from_strides[c->rank - 1] != 1; i++) {
        if (c->from_strides[i] == 1) {
            swap_dims(c, i, c->rank - 2);
            break;
        }
    }
}

struct job {
    struct mopt_copy box;
    char *to;
    const char *from;
    size_t size;
    int loops; // loops outside the kernel
};

// Offsets of outer trip `index`.
static void locate(const struct mopt_copy *c, int loops, int64_t index, int64_t *to, int64_t *from)
{
    *to = c->to_first;
    *from = c->from_first;
    for (int i = loops - 1; i >= 0; i--) {
        const int64_t at = index % c->dims[i];
        index /= c->dims[i];
        *to += at * c->to_strides[i];
        *from += at * c->from_strides[i];
    }
}

static void run_planes(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *job = context;
    const struct mopt_copy *c = &job->box;
    const int last = c->rank - 1;
    struct plane p = {.n1 = c->dims[last],
                      .to0 = c->to_strides[last - 1],
                      .to1 = c->to_strides[last],
                      .from0 = c->from_strides[last - 1],
                      .from1 = c->from_strides[last]};
    (void)thread;
    // [begin, end) counts rows: outer trips times the rows of a plane
    const int64_t rows = c->dims[last - 1];
    for (int64_t i = begin; i < end; i += p.n0) {
        int64_t to = 0;
        int64_t from = 0;
        locate(c, job->loops, i / rows, &to, &from);
        const int64_t row = i % rows;
        p.n0 = end - i < rows - row ? end - i : rows - row;
        p.to = job->to + (to + row * p.to0) * (int64_t)job->size;
        p.from = job->from + (from + row * p.from0) * (int64_t)job->size;
        plane_copy(&p, job->size);
    }
}

static enum mopt_status run_elements(const struct mopt_copy *c, int64_t trips,
                                     struct mopt_error *err)
{
    for (int64_t i = 0; i < trips; i++) {
        int64_t to = 0;
        int64_t from = 0;
        locate(c, c->rank, i, &to, &from);
        const enum mopt_status status = element_copy(c->to, to, c->from, from, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

enum { GRAIN = 1 << 13 }; // elements one thread takes at least

enum mopt_status mopt__copy_box(const struct mopt_copy *copy, struct mopt_pool *pool,
                                struct mopt_error *err)
{
    struct job job = {.box = *copy};
    struct mopt_copy *c = &job.box;
    if (!reduce(c)) {
        return MOPT_OK;
    }
    arrange(c);
    int64_t trips = 1;
    for (int i = 0; i < c->rank - 1; i++) {
        trips *= c->dims[i];
    }
    if (!plain(c->to)) {
        return run_elements(c, trips * c->dims[c->rank - 1], err);
    }
    job.to = mopt__tensor_data(c->to);
    job.from = c->from->data;
    job.size = mopt__lanes_size(c->to->dtype);
    job.loops = c->rank - 2;
    mopt__pool_for(pool, trips, GRAIN / c->dims[c->rank - 1] + 1, run_planes, &job);
    return MOPT_OK;
}

enum mopt_status mopt__copy_run(struct mopt_tensor *to, int64_t to_first,
                                const struct mopt_tensor *from, int64_t from_first, int64_t count,
                                struct mopt_error *err)
{
    if (plain(to)) {
        const size_t size = mopt__lanes_size(to->dtype);
        if (count > 0) {
            memcpy((char *)mopt__tensor_data(to) + (size_t)to_first * size,
                   (const char *)from->data + (size_t)from_first * size, (size_t)count * size);
        }
        return MOPT_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        const enum mopt_status status = element_copy(to, to_first + i, from, from_first + i, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

int64_t mopt__element_row(int rank, const int64_t *dims, int64_t first, int64_t end)
{
    int64_t n = rank > 0 ? dims[rank - 1] - first % dims[rank - 1] : 1;
    n = n < MOPT_LANES ? n : MOPT_LANES;
    return n < end - first ? n : end - first;
}

void mopt__element_places(int rank, const int64_t *dims, const int64_t *strides, int axis,
                          int64_t first, int64_t n, const int64_t *indices, int64_t *places)
{
    const int last = rank - 1;
    int64_t rest = rank > 0 ? first / dims[last] : 0;
    int64_t base = rank > 0 && axis != last ? first % dims[last] : 0;
    for (int d = last - 1; d >= 0; d--) {
        base += d == axis ? 0 : rest % dims[d] * strides[d];
        rest /= dims[d];
    }
    const int64_t step = rank > 0 ? strides[axis] : 0;
    const int64_t along = axis != last;
    for (int64_t i = 0; i < n; i++) {
        places[i] = base + indices[i] * step + i * along;
    }
}

// Runs of a few bytes are numbers of that size; others are copied as memory.
#define NUMBERS(to_at, from_at, T)                                       \
    for (size_t i = 0; i < count; i++) {                                 \
        ((T *)(void *)x)[to_at] = ((const T *)(const void *)y)[from_at]; \
    }                                                                    \
    return MOPT_OK
#define RUNS(to_at, from_at)                                                                  \
    switch (unit) {                                                                           \
    case 1:                                                                                   \
        NUMBERS(to_at, from_at, uint8_t);                                                     \
    case 2:                                                                                   \
        NUMBERS(to_at, from_at, uint16_t);                                                    \
    case 4:                                                                                   \
        NUMBERS(to_at, from_at, uint32_t);                                                    \
    case 8:                                                                                   \
        NUMBERS(to_at, from_at, uint64_t);                                                    \
    default:                                                                                  \
        for (size_t i = 0; i < count; i++) {                                                  \
            memcpy(x + (size_t)(to_at)*size, y + (size_t)(from_at)*size, (size_t)run * size); \
        }                                                                                     \
        return MOPT_OK;                                                                       \
    }

enum mopt_status mopt__copy_picked(struct mopt_tensor *to, int64_t to_first,
                                   const struct mopt_tensor *from, const int64_t *places,
                                   size_t count, int64_t run, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (plain(to)) {
        const size_t size = mopt__lanes_size(to->dtype);
        const size_t unit = run == 1 ? size : 0;
        char *x = (char *)mopt__tensor_data(to) + (size_t)to_first * size;
        const char *y = from->data;
        RUNS((int64_t)i * run, places[i])
    }
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__copy_run(to, to_first + (int64_t)i * run, from, places[i], run, err);
    }
    return status;
}

enum mopt_status mopt__copy_spread(struct mopt_tensor *to, const int64_t *places,
                                   const struct mopt_tensor *from, int64_t from_first, size_t count,
                                   int64_t run, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (plain(to)) {
        const size_t size = mopt__lanes_size(to->dtype);
        const size_t unit = run == 1 ? size : 0;
        char *x = mopt__tensor_data(to);
        const char *y = (const char *)from->data + (size_t)from_first * size;
        RUNS(places[i], (int64_t)i * run)
    }
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__copy_run(to, places[i], from, from_first + (int64_t)i * run, run, err);
    }
    return status;
}

enum mopt_status mopt__copy_fill(struct mopt_tensor *to, int64_t to_first,
                                 const struct mopt_tensor *from, int64_t from_first, int64_t count,
                                 struct mopt_error *err)
{
    const struct mopt_copy copy = {.to = to,
                                   .from = from,
                                   .rank = 1,
                                   .dims = {count},
                                   .to_first = to_first,
                                   .from_first = from_first,
                                   .to_strides = {1},
                                   .from_strides = {0}};
    return mopt__copy_box(&copy, NULL, err);
}

bool mopt__copy_same(const struct mopt_tensor *a, int64_t i, const struct mopt_tensor *b, int64_t k)
{
    if (a->dtype == MOPT_STRING) {
        const struct mopt_string *x = (const struct mopt_string *)a->data + i;
        const struct mopt_string *y = (const struct mopt_string *)b->data + k;
        return x->size == y->size && (x->size == 0 || memcmp(x->data, y->data, x->size) == 0);
    }
    if (!plain(a)) {
        const unsigned bits = mopt__dtype_bits(a->dtype);
        return bits_get(a->data, i, bits) == bits_get(b->data, k, bits);
    }
    const size_t size = mopt__lanes_size(a->dtype);
    return memcmp((const char *)a->data + (size_t)i * size,
                  (const char *)b->data + (size_t)k * size, size) == 0;
}
