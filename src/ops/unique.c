// SPDX-License-Identifier: Apache-2.0
// Unique: the distinct elements, or slices of an axis, in rising order or in order of first
// appearance, with where they first stand, which of them each input is, and how often. NaN equals
// NaN and comes last; strings order by bytes; complex numbers by real part first.
#include <string.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

struct slices {
    const struct mopt_tensor *in;
    uint64_t *keys;             // [count * parts] of numbers, NULL for strings
    int64_t parts;              // keys per element: 2 for complex
    int64_t size, outer, inner; // slices; elements of one are outer x inner
};

static int compare_text(const struct mopt_string *a, const struct mopt_string *b)
{
    const size_t n = a->size < b->size ? a->size : b->size;
    const int order = n > 0 ? memcmp(a->data, b->data, n) : 0;
    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
}

static int compare(const struct slices *s, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t i = 0; i < s->inner; i++) {
            const int64_t x = (o * s->size + a) * s->inner + i;
            const int64_t y = (o * s->size + b) * s->inner + i;
            int order = 0;
            if (s->keys == NULL) {
                const struct mopt_string *text = s->in->data;
                order = compare_text(&text[x], &text[y]);
            }
            for (int64_t p = 0; s->keys != NULL && order == 0 && p < s->parts; p++) {
                const uint64_t left = s->keys[x * s->parts + p];
                const uint64_t right = s->keys[y * s->parts + p];
                order = left < right ? -1 : left > right;
            }
            if (order != 0) {
                return order;
            }
        }
    }
    return 0;
}

static enum mopt_status load_keys(struct slices *s, struct mopt_error *err)
{
    enum mopt_dtype dtype = s->in->dtype;
    s->parts = 1;
    if (dtype == MOPT_STRING) {
        return MOPT_OK;
    }
    if (dtype == MOPT_COMPLEX64 || dtype == MOPT_COMPLEX128) {
        dtype = dtype == MOPT_COMPLEX64 ? MOPT_FLOAT32 : MOPT_FLOAT64;
        s->parts = 2;
    }
    s->keys = mopt__calloc(s->in->count * (size_t)s->parts + 1, sizeof *s->keys);
    if (s->keys == NULL) {
        return mopt_error_memory(err);
    }
    mopt__load_keys(dtype, s->in->data, 0, 1, s->in->count * (size_t)s->parts, s->keys);
    return MOPT_OK;
}

// Stable merge sort of order[0..n), spare has room for n.
static void sort(const struct slices *s, int64_t *order, int64_t *spare, int64_t n)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t low = 0; low < n; low += 2 * width) {
            const int64_t mid = low + width < n ? low + width : n;
            const int64_t high = low + 2 * width < n ? low + 2 * width : n;
            int64_t a = low;
            int64_t b = mid;
            for (int64_t k = low; k < high; k++) {
                const bool left = b >= high || (a < mid && compare(s, order[a], order[b]) <= 0);
                spare[k] = left ? order[a++] : order[b++];
            }
        }
        memcpy(order, spare, (size_t)n * sizeof *order);
    }
}

// Classes of equal slices: first place, number of members, and the class of every slice.
struct classes {
    int64_t *first, *members, *of; // [size] each
    int64_t count;
};

static int64_t renumber(const struct slices *s, struct classes *c, int64_t *map)
{
    // classes in order of first appearance
    int64_t next = 0;
    for (int64_t i = 0; i < s->size; i++) {
        if (c->first[c->of[i]] == i) {
            map[c->of[i]] = next++;
        }
    }
    return next;
}

static void classify(const struct slices *s, const int64_t *order, struct classes *c)
{
    c->count = 0;
    for (int64_t i = 0; i < s->size; i++) {
        if (i == 0 || compare(s, order[i - 1], order[i]) != 0) {
            c->first[c->count] = order[i];
            c->members[c->count] = 0;
            c->count++;
        }
        c->members[c->count - 1]++;
        c->of[order[i]] = c->count - 1;
    }
}

static void unsort(const struct slices *s, struct classes *c, int64_t *map, int64_t *spare)
{
    (void)renumber(s, c, map);
    for (int64_t i = 0; i < c->count; i++) {
        spare[map[i]] = c->first[i];
    }
    memcpy(c->first, spare, (size_t)c->count * sizeof *spare);
    for (int64_t i = 0; i < c->count; i++) {
        spare[map[i]] = c->members[i];
    }
    memcpy(c->members, spare, (size_t)c->count * sizeof *spare);
    for (int64_t i = 0; i < s->size; i++) {
        c->of[i] = map[c->of[i]];
    }
}

static enum mopt_status put_list(struct mopt_eval *eval, uint32_t i, const int64_t *items,
                                 int64_t count, struct mopt_error *err)
{
    struct mopt_tensor *out = NULL;
    if (!mopt__eval_wants(eval, i)) {
        return MOPT_OK;
    }
    const enum mopt_status status = mopt__eval_output(eval, i, MOPT_INT64, 1, &count, &out, err);
    if (status == MOPT_OK && count > 0) {
        memcpy(mopt__tensor_data(out), items, (size_t)count * sizeof *items);
    }
    return status;
}

static enum mopt_status put_values(struct mopt_eval *eval, const struct slices *s,
                                   const struct classes *c, int axis, bool flat,
                                   struct mopt_error *err)
{
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    for (int i = 0; !flat && i < s->in->rank; i++) {
        dims[i] = i == axis ? c->count : s->in->dims[i];
    }
    enum mopt_status status = mopt__open_output(eval, 0, s->in->dtype, flat ? 1 : s->in->rank,
                                                flat ? &c->count : dims, &out, err);
    for (int64_t o = 0; status == MOPT_OK && o < s->outer; o++) {
        for (int64_t i = 0; status == MOPT_OK && i < c->count; i++) {
            status = mopt__copy_run(out, (o * c->count + i) * s->inner, s->in,
                                    (o * s->size + c->first[i]) * s->inner, s->inner, err);
        }
    }
    return status;
}

static enum mopt_status find_unique(struct mopt_eval *eval, struct slices *s, int axis, bool flat,
                                    bool sorted, struct mopt_error *err)
{
    const size_t n = (size_t)s->size + 1;
    int64_t *room = mopt__calloc(6 * n, sizeof *room);
    if (room == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = load_keys(s, err);
    if (status == MOPT_OK) {
        struct classes c = {.first = room, .members = room + n, .of = room + 2 * n};
        int64_t *order = room + 3 * n;
        int64_t *spare = room + 4 * n;
        for (int64_t i = 0; i < s->size; i++) {
            order[i] = i;
        }
        sort(s, order, spare, s->size);
        classify(s, order, &c);
        if (!sorted) {
            unsort(s, &c, room + 5 * n, spare);
        }
        status = put_values(eval, s, &c, axis, flat, err);
        status = status == MOPT_OK ? put_list(eval, 1, c.first, c.count, err) : status;
        status = status == MOPT_OK ? put_list(eval, 2, c.of, s->size, err) : status;
        status = status == MOPT_OK ? put_list(eval, 3, c.members, c.count, err) : status;
    }
    mopt__free(room);
    mopt__free(s->keys);
    return status;
}

static enum mopt_status unique_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct slices s = {.outer = 1, .inner = 1};
    int64_t value = 0;
    int64_t sorted = 1;
    int axis = 0;
    const bool flat = !mopt__has_attribute(eval->node, "axis");
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "sorted", 1, &sorted, err);
    }
    if (status == MOPT_OK && !flat) {
        status = mopt__attr_int(eval->node, "axis", 0, &value, err);
        if (status == MOPT_OK) {
            status = mopt__axis_normalise(value, in[0]->rank, &axis, err);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    s.in = in[0];
    s.size = flat ? (int64_t)in[0]->count : in[0]->dims[axis];
    if (!flat) {
        status = mopt__product(in[0]->dims, axis, &s.outer, err);
        if (status == MOPT_OK) {
            status = mopt__product(in[0]->dims + axis + 1, in[0]->rank - axis - 1, &s.inner, err);
        }
    }
    return status == MOPT_OK ? find_unique(eval, &s, axis, flat, sorted != 0, err) : status;
}

static enum mopt_status unique_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const bool flat = !mopt__has_attribute(infer->node, "axis");
    const int64_t found = mopt__dim_fresh(infer->dims);
    int64_t inverse = mopt__dim_fresh(infer->dims);
    int64_t dims[MOPT_RANK_MAX];
    int rank = flat ? 1 : -1;
    int axis = 0;
    enum mopt_status status = MOPT_OK;
    dims[0] = found;
    if (type != NULL && type->rank >= 0) {
        if (!flat) {
            status =
                mopt__axis_normalise(mopt__int_of(infer->node, "axis", 0), type->rank, &axis, err);
            rank = type->rank;
            for (int i = 0; status == MOPT_OK && i < rank; i++) {
                dims[i] = i == axis ? found : type->dims[i];
            }
        }
        const int64_t size = flat || status != MOPT_OK
                                 ? mopt__dim_product(infer->dims, type->dims, type->rank)
                                 : type->dims[axis];
        inverse = size == MOPT_DIM_UNKNOWN ? inverse : size;
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), rank, dims, err);
    }
    for (uint32_t i = 1; status == MOPT_OK && i < 4; i++) {
        status = mopt__infer_set(infer, i, MOPT_INT64, 1, i == 2 ? &inverse : &found, err);
    }
    return status;
}

#define LIST(name)                                               \
    {                                                            \
        name, "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL \
    }
#define RECORD(from, to, set)                                                      \
    {                                                                              \
        .domain = "", .name = "Unique", .since = from, .until = to,                \
        .summary = "distinct elements or slices", MOPT_INPUTS({"X", "T", set, 0}), \
        MOPT_OUTPUTS({"Y", "T", set, 0}, LIST("indices"), LIST("inverse_indices"), \
                     LIST("counts")),                                              \
        MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("axis"), MOPT_A_FLAG("sorted", 1)),    \
        .infer = unique_infer, .eval = unique_eval                                 \
    }

static const struct mopt_op records[] = {
    RECORD(11, 27, MOPT_SET_ALL),
    RECORD(28, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_unique = {records, MOPT_COUNTOF(records)};
