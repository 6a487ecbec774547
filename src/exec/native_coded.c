// SPDX-License-Identifier: Apache-2.0
// Elementwise nodes of two operands whose result is made as codes: dequantized and quantized again
// on the way, some elements at a time. A product is made of codes at once: the operand that lies as
// the result stays in codes, the other one becomes floats, or, where each of them serves many
// elements, the factors that lead from code to code. All of it gives the codes that
// DequantizeLinear, the operator and QuantizeLinear give, bit for bit.
#include <math.h>
#include <string.h>

#include "exec/native.h"

// LINE: elements that kernels take at once; PIECE: elements one thread takes at least
enum { SOME = 2048, LINE = 64, PIECE = 2048, CODES = 256 };

// ---- Operands -----------------------------------------------------------------------------------------------------

// The rows of an operand that are worked on.
struct coded_side {
    const struct mopt_binary_side *side;
    const void *data;
    bool whole;         // lies as the result
    const float *table; // [CODES] what codes become; NULL: dequantized
    size_t held;        // element where what `values` holds begins; SIZE_MAX: nothing
    size_t count;
    bool unknown;  // a NaN came out of the table
    float *values; // [SOME]
};

static bool is_whole(const struct mopt_binary_work *w, int side)
{
    const struct mopt_binary_side *s = &w->sides[side];
    return s->step == 1 && (w->rows == 1 || (s->group == 1 && s->row == w->n));
}

static struct coded_side side_of(const struct mopt_frame *frame, const struct mopt_binary_work *w,
                                 int side, const float *table, float *values)
{
    return (struct coded_side){.side = &w->sides[side],
                               .data = frame->data[w->sides[side].cell],
                               .whole = is_whole(w, side),
                               .table = table,
                               .held = SIZE_MAX,
                               .values = values};
}

static void fill(const struct mopt_kernels *kernels, struct coded_side *s, size_t from, size_t n,
                 float *out)
{
    const struct mopt_binary_side *side = s->side;
    const uint8_t *codes = (const uint8_t *)s->data + from;
    if (s->table != NULL) {
        for (size_t i = 0; i < n; i++) {
            out[i] = s->table[codes[i]];
            s->unknown = s->unknown || out[i] != out[i];
        }
    } else if (side->coded) {
        kernels->dequantize_u8(codes, side->scale, side->zero, out, n);
    } else {
        memcpy(out, (const float *)s->data + from, n * sizeof *out);
    }
}

static void fill_row(const struct mopt_kernels *kernels, struct coded_side *s, size_t from,
                     size_t n, float *out)
{
    bool one = s->side->step == 0;
    fill(kernels, s, from, one ? 1 : n, out);
    for (size_t i = 1; one && i < n; i++) {
        out[i] = out[0];
    }
}

// Elements of the result that are made at once: of `rows` rows n from `at` on, which lie one behind
// the other.
struct block {
    size_t row, rows, at, n;
};

static const float *side_values(const struct mopt_kernels *kernels, struct coded_side *s,
                                const struct block *b)
{
    const struct mopt_binary_side *side = s->side;
    size_t count = b->rows * b->n;
    size_t start = b->at * side->step;
    size_t first = b->row / side->group * side->row + start;
    size_t last = (b->row + b->rows - 1) / side->group * side->row + start;
    if (!side->coded && side->step == 1 && (s->whole || b->rows == 1)) {
        return (const float *)s->data + first;
    }
    if (s->held == first && first == last && s->count >= count) {
        return s->values;
    }
    s->unknown = false;
    s->held = first == last && !s->whole ? first : SIZE_MAX;
    s->count = count;
    if (s->whole) {
        fill(kernels, s, first, count, s->values);
        return s->values;
    }
    for (size_t i = 0, before = SIZE_MAX; i < b->rows; i++) {
        size_t from = (b->row + i) / side->group * side->row + start;
        float *out = s->values + i * b->n;
        if (from == before) {
            memcpy(out, out - b->n, b->n * sizeof *out);
        } else {
            fill_row(kernels, s, from, b->n, out);
        }
        before = from;
    }
    return s->values;
}

// ---- Running ------------------------------------------------------------------------------------------------------

struct coded_run {
    const struct mopt_binary_work *w;
    const struct mopt_frame *frame;
    size_t each;  // rows that are worked on together when they are short
    size_t width; // of the pieces of a long row, which have about the same length
};

// What a thread works with.
struct coding {
    const struct mopt_binary_work *w;
    const struct mopt_kernels *kernels;
    uint8_t *y;
    struct coded_side sides[2];
    struct coded_side factors; // the one that codes are multiplied by
};

// rooms: [3, SOME], for both operands and the factors.
static struct coding coding_of(const struct coded_run *r, float *rooms)
{
    const struct mopt_binary_work *w = r->w;
    struct coding c = {.w = w, .kernels = r->frame->kernels, .y = r->frame->data[w->y]};
    for (int i = 0; i < 2; i++) {
        c.sides[i] = side_of(r->frame, w, i, NULL, rooms + (size_t)i * SOME);
    }
    if (w->factors != NULL) {
        c.factors = side_of(r->frame, w, 1 - w->codes, w->factors, rooms + (size_t)2 * SOME);
    }
    return c;
}

static void multiply(struct coding *c, const struct block *b, size_t begin)
{
    const struct mopt_binary_work *w = c->w;
    const struct mopt_binary_side *codes = &w->sides[w->codes];
    const uint8_t *x = (const uint8_t *)c->sides[w->codes].data + begin;
    const int32_t zeros[2] = {codes->zero, mopt__low_zero(&w->after, 0)};
    size_t count = b->rows * b->n;
    if (w->factors != NULL) {
        const float *factors = side_values(c->kernels, &c->factors, b);
        if (!c->factors.unknown) {
            c->kernels->scale_u8(x, factors, zeros, c->y + begin, count);
            return;
        }
    }
    const float *other = side_values(c->kernels, &c->sides[1 - w->codes], b);
    c->kernels->mul_u8(x, codes->scale, other, mopt__low_scale(&w->after, 0), zeros, c->y + begin,
                       count);
}

static void make(struct coding *c, const struct block *b)
{
    const struct mopt_binary_work *w = c->w;
    size_t begin = b->row * w->n + b->at;
    size_t count = b->rows * b->n;
    float values[SOME];
    if (w->codes >= 0) {
        multiply(c, b, begin);
        return;
    }
    const float *left = side_values(c->kernels, &c->sides[0], b);
    const float *right = side_values(c->kernels, &c->sides[1], b);
    c->kernels->binary_f32(w->op, left, 1, right, 1, values, count);
    c->kernels->quantize_u8(values, mopt__low_scale(&w->after, 0), true,
                            mopt__low_zero(&w->after, 0), c->y + begin, count);
}

static void short_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct coded_run *r = context;
    float rooms[3 * SOME];
    struct coding c = coding_of(r, rooms);
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end;) {
        size_t rows = (size_t)end - row < r->each ? (size_t)end - row : r->each;
        make(&c, &(struct block){.row = row, .rows = rows, .n = r->w->n});
        row += rows;
    }
}

// Rows in turn of the first piece, then of the second: what many rows share is made once.
static void pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const struct coded_run *r = context;
    const struct mopt_binary_work *w = r->w;
    float rooms[3 * SOME];
    struct coding c = coding_of(r, rooms);
    (void)thread;
    for (size_t item = (size_t)begin; item < (size_t)end; item++) {
        size_t at = item / w->rows * r->width;
        size_t n = w->n - at < r->width ? w->n - at : r->width;
        make(&c, &(struct block){.row = item % w->rows, .rows = 1, .at = at, .n = n});
    }
}

// Short rows that are worked on together: full lines, if so many rows fit.
static size_t rows_at_once(size_t n)
{
    size_t most = n < SOME ? SOME / n : 1;
    size_t full = 1;
    while (full * n % LINE != 0) {
        full *= 2;
    }
    return full <= most ? most / full * full : most;
}

void mopt__run_coded(const void *work, const struct mopt_frame *frame)
{
    const struct mopt_binary_work *w = work;
    size_t count = (w->n + SOME - 1) / SOME;
    struct coded_run r = {w, frame, rows_at_once(w->n),
                          (w->n + count * LINE - 1) / (count * LINE) * LINE};
    if (r.each > 1 && w->rows > 1) {
        mopt__pool_for(frame->pool, (int64_t)w->rows, (int64_t)(PIECE / w->n + 1), short_rows, &r);
        return;
    }
    size_t piece = w->n < r.width ? w->n : r.width;
    mopt__pool_for(frame->pool, (int64_t)(w->rows * count), (int64_t)(PIECE / piece + 1), pieces,
                   &r);
}

// ---- Lowering -----------------------------------------------------------------------------------------------------

// The factor with which scale_u8 makes, of each of 256 codes, the code that mul_u8 makes of it and
// the number b; NaN when none of the nearest floats does.
static float factor_for(const struct mopt_kernels *kernels, const struct mopt_binary_side *a,
                        float b, float y_scale, const int32_t zeros[2])
{
    uint8_t codes[CODES];
    uint8_t want[CODES];
    uint8_t have[CODES];
    float values[CODES];
    float factor = (float)((double)a->scale * (double)b / (double)y_scale);
    const float tries[] = {factor, nextafterf(factor, INFINITY), nextafterf(factor, -INFINITY)};
    for (int i = 0; i < CODES; i++) {
        codes[i] = (uint8_t)i;
        values[i] = b;
    }
    kernels->mul_u8(codes, a->scale, values, y_scale, zeros, want, CODES);
    for (size_t t = 0; t < MOPT_COUNTOF(tries); t++) {
        if (!(fabsf(tries[t]) <= MOPT_FACTOR_MOST)) {
            continue;
        }
        for (int i = 0; i < CODES; i++) {
            values[i] = tries[t];
        }
        kernels->scale_u8(codes, values, zeros, have, CODES);
        if (memcmp(have, want, CODES) == 0) {
            return tries[t];
        }
    }
    return NAN;
}

// The factors of all codes of the operand b, made once in a session.
static enum mopt_status make_factors(struct mopt_lower *l, struct mopt_binary_work *w)
{
    const struct mopt_binary_side *a = &w->sides[w->codes];
    const struct mopt_binary_side *b = &w->sides[1 - w->codes];
    const int32_t zeros[2] = {a->zero, mopt__low_zero(&w->after, 0)};
    const int32_t parts[] = {zeros[0], zeros[1], b->zero};
    const float scales[] = {a->scale, b->scale};
    uint64_t variant = mopt__hash_mix(mopt__hash_bytes(parts, sizeof parts),
                                      mopt__hash_bytes(scales, sizeof scales));
    void *block = NULL;
    bool made = false;
    enum mopt_status status =
        mopt__low_packed(l, w->after.scale, variant, CODES * sizeof(float), &block, &made);
    float *factors = block;
    for (int code = 0; status == MOPT_OK && made && code < CODES; code++) {
        factors[code] = factor_for(&l->session->kernels, a, (float)(code - b->zero) * b->scale,
                                   mopt__low_scale(&w->after, 0), zeros);
    }
    w->factors = status == MOPT_OK ? factors : NULL;
    return status;
}

// Elements of the result that one element of an operand serves.
static size_t served(const struct mopt_binary_work *w, const struct mopt_binary_side *side)
{
    size_t along = side->step == 0 ? w->n : 1;
    size_t rows = side->row == 0 ? w->rows : side->group;
    return along * rows;
}

enum mopt_status mopt__low_binary_coded(struct mopt_lower *l, struct mopt_binary_work *w)
{
    enum { MANY = 16 };
    w->codes = -1;
    for (int i = 1; i >= 0 && w->op == MOPT_BIN_MUL; i--) {
        w->codes = w->sides[i].coded && is_whole(w, i) ? i : w->codes;
    }
    if (w->codes >= 0 && w->sides[1 - w->codes].coded &&
        served(w, &w->sides[1 - w->codes]) >= MANY) {
        return make_factors(l, w);
    }
    return MOPT_OK;
}
