// SPDX-License-Identifier: Apache-2.0
// Broadcast iteration and two-operand operators; see elementwise.h.
#include "ops/elementwise.h"

#include <string.h>

#include "ops/lanes.h"

// ---- Maps -----------------------------------------------------------------------------------------------------

void mopt__loops_open(struct mopt_loops *map, int rank, const int64_t *dims)
{
    memset(map, 0, sizeof *map);
    map->rank = rank;
    for (int i = 0; i < rank; i++) {
        map->dims[i] = dims[i];
    }
}

void mopt__loops_add(struct mopt_loops *map, int rank, const int64_t *dims, int axis)
{
    int64_t *strides = map->strides[map->operands++];
    const int shift = axis >= 0 ? axis : map->rank - rank;
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i + shift] = dims[i] == 1 ? 0 : stride;
        stride *= dims[i] > 0 ? dims[i] : 1;
    }
}

static bool joins(const struct mopt_loops *map, int outer, int inner)
{
    for (int k = 0; k < map->operands; k++) {
        if (map->strides[k][outer] != map->dims[inner] * map->strides[k][inner]) {
            return false;
        }
    }
    return true;
}

static void move_loop(struct mopt_loops *map, int to, int from)
{
    map->dims[to] = map->dims[from];
    for (int k = 0; k < map->operands; k++) {
        map->strides[k][to] = map->strides[k][from];
    }
}

void mopt__loops_close(struct mopt_loops *map)
{
    int rank = 0;
    for (int i = 0; i < map->rank; i++) {
        if (map->dims[i] == 1) {
            continue;
        }
        if (rank > 0 && joins(map, rank - 1, i)) {
            const int64_t trips = map->dims[rank - 1];
            move_loop(map, rank - 1, i);
            map->dims[rank - 1] *= trips;
            continue;
        }
        move_loop(map, rank, i);
        rank++;
    }
    if (rank == 0) {
        map->dims[0] = 1;
        for (int k = 0; k < map->operands; k++) {
            map->strides[k][0] = 0;
        }
        rank = 1;
    }
    map->rank = rank;
}

struct map_job {
    const struct mopt_loops *map;
    void (*body)(const struct mopt_piece *piece);
    void *context;
};

static void map_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct map_job *job = context;
    const struct mopt_loops *map = job->map;
    const int last = map->rank - 1;
    struct mopt_piece piece = {.map = map, .context = job->context};
    (void)thread;
    for (int k = 0; k < map->operands; k++) {
        piece.step[k] = map->strides[k][last];
    }
    for (int64_t i = begin; i < end; i += piece.n) {
        int64_t rest = i;
        int64_t inner = 0;
        memset(piece.at, 0, sizeof piece.at);
        for (int d = last; d >= 0; d--) {
            const int64_t at = rest % map->dims[d];
            rest /= map->dims[d];
            inner = d == last ? at : inner;
            for (int k = 0; k < map->operands; k++) {
                piece.at[k] += at * map->strides[k][d];
            }
        }
        piece.out = i;
        piece.n = map->dims[last] - inner < end - i ? map->dims[last] - inner : end - i;
        job->body(&piece);
    }
}

void mopt__loops_run(const struct mopt_loops *map, struct mopt_pool *pool,
                     void (*body)(const struct mopt_piece *piece), void *context)
{
    struct map_job job = {.map = map, .body = body, .context = context};
    int64_t count = 1;
    for (int i = 0; i < map->rank; i++) {
        count *= map->dims[i];
    }
    if (count > 0) {
        mopt__pool_for(pool, count, MOPT_LOOPS_GRAIN, map_range, &job);
    }
}

// ---- Two operands ---------------------------------------------------------------------------------------------

// The attribute form: b's dims equal a run of a's that starts at `axis` (default: the last ones),
// or are 1.
static enum mopt_status legacy_shape(const struct mopt_node *node, const struct mopt_tensor *a,
                                     const struct mopt_tensor *b, int *axis, struct mopt_error *err)
{
    int64_t broadcast = 0;
    int64_t start = (int64_t)a->rank - b->rank;
    enum mopt_status status = mopt__attr_int(node, "broadcast", 0, &broadcast, err);
    if (status == MOPT_OK && mopt__has_attribute(node, "axis")) {
        status = mopt__attr_int(node, "axis", start, &start, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    start += start < 0 ? a->rank : 0;
    bool fits = start >= 0 && start <= a->rank - b->rank && (broadcast != 0 || a->rank == b->rank);
    for (int i = 0; fits && i < b->rank; i++) {
        const int64_t dim = b->dims[i];
        fits = dim == a->dims[start + i] || (dim == 1 && broadcast != 0);
    }
    *axis = (int)start;
    return fits ? MOPT_OK
                : mopt_error_set(err, MOPT_E_SHAPE,
                                 "shape of input 1 does not broadcast into input 0 by the rule "
                                 "before opset 7");
}

enum mopt_status mopt__binary_shape(const struct mopt_eval *eval, const struct mopt_tensor *a,
                                    const struct mopt_tensor *b, int *rank, int64_t *dims,
                                    int *axis, struct mopt_error *err)
{
    *axis = -1;
    if (eval->node->op->until == 0 || eval->node->op->until >= 7) {
        return mopt__broadcast_shape(a, b, rank, dims, err);
    }
    *rank = a->rank;
    for (int i = 0; i < a->rank; i++) {
        dims[i] = a->dims[i];
    }
    return legacy_shape(eval->node, a, b, axis, err);
}

struct binary_job {
    mopt_lanes_fn fn;
    bool narrow_in, narrow_out;
    enum mopt_dtype in, out;
    const void *a, *b;
    void *to;
    size_t in_size, out_size;
};

// Narrow floats: widen a chunk, compute, narrow.
static void narrow_piece(const struct mopt_piece *piece, const struct binary_job *job)
{
    float a[MOPT_LANES];
    float b[MOPT_LANES];
    float out[MOPT_LANES];
    for (int64_t i = 0; i < piece->n; i += MOPT_LANES) {
        const size_t n = (size_t)(piece->n - i < MOPT_LANES ? piece->n - i : MOPT_LANES);
        const bool many_a = piece->step[0] != 0;
        const bool many_b = piece->step[1] != 0;
        mopt__load_f32(job->in, job->a, piece->at[0] + i * piece->step[0], piece->step[0],
                       many_a ? n : 1, a);
        mopt__load_f32(job->in, job->b, piece->at[1] + i * piece->step[1], piece->step[1],
                       many_b ? n : 1, b);
        if (job->narrow_out) {
            job->fn(out, a, b, n, many_a, many_b);
            mopt__store_f32(job->out, job->to, piece->out + i, n, out);
        } else {
            job->fn((char *)job->to + (size_t)(piece->out + i) * job->out_size, a, b, n, many_a,
                    many_b);
        }
    }
}

static void binary_piece(const struct mopt_piece *piece)
{
    const struct binary_job *job = piece->context;
    if (job->narrow_in) {
        narrow_piece(piece, job);
        return;
    }
    job->fn((char *)job->to + (size_t)piece->out * job->out_size,
            (const char *)job->a + piece->at[0] * (int64_t)job->in_size,
            (const char *)job->b + piece->at[1] * (int64_t)job->in_size, (size_t)piece->n,
            (ptrdiff_t)piece->step[0], (ptrdiff_t)piece->step[1]);
}

enum mopt_status mopt__binary_run(const struct mopt_eval *eval, const struct mopt_binary *binary,
                                  struct mopt_tensor *out, const struct mopt_tensor *a,
                                  const struct mopt_tensor *b, int axis, struct mopt_error *err)
{
    struct binary_job job = {.fn = binary->lanes[a->dtype],
                             .in = a->dtype,
                             .out = out->dtype,
                             .a = a->data,
                             .b = b->data,
                             .to = mopt__tensor_data(out),
                             .in_size = mopt__lanes_size(a->dtype),
                             .out_size = mopt__lanes_size(out->dtype)};
    if (job.fn == NULL && mopt__lanes_narrow(a->dtype)) {
        job.fn = binary->lanes[MOPT_FLOAT32];
        job.narrow_in = true;
        job.narrow_out = binary->result == MOPT_UNDEFINED;
    }
    if (job.fn == NULL) {
        return mopt__eval_unsupported(eval, mopt__dtype_name(a->dtype), err);
    }
    struct mopt_loops map;
    mopt__loops_open(&map, out->rank, out->dims);
    mopt__loops_add(&map, a->rank, a->dims, -1);
    mopt__loops_add(&map, b->rank, b->dims, axis);
    mopt__loops_close(&map);
    mopt__loops_run(&map, eval->pool, binary_piece, &job);
    return MOPT_OK;
}

enum mopt_status mopt__binary_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    int axis = -1;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__binary_shape(eval, in[0], in[1], &rank, dims, &axis, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_binary *binary = eval->node->op->data;
    const enum mopt_dtype result = binary->result == MOPT_UNDEFINED ? in[0]->dtype : binary->result;
    struct mopt_tensor *out = NULL;
    status = mopt__eval_output(eval, 0, result, rank, dims, &out, err);
    return status != MOPT_OK ? status
                             : mopt__binary_run(eval, binary, out, in[0], in[1], axis, err);
}

// ---- Inference ------------------------------------------------------------------------------------------------

int64_t mopt__dim_equal(struct mopt_dims *dims, int64_t a, int64_t b)
{
    int64_t x = 0;
    int64_t y = 0;
    if (a == MOPT_DIM_UNKNOWN || b == MOPT_DIM_UNKNOWN) {
        return MOPT_DIM_UNKNOWN;
    }
    if (a == b) {
        return 1;
    }
    if (mopt__dim_is_known(dims, a, &x) && mopt__dim_is_known(dims, b, &y)) {
        return x == y;
    }
    const int64_t above = mopt__dim_sub(dims, a, b);
    const int64_t below = mopt__dim_sub(dims, b, a);
    const bool apart = (above != MOPT_DIM_UNKNOWN && mopt__dim_lower_bound(dims, above) > 0) ||
                       (below != MOPT_DIM_UNKNOWN && mopt__dim_lower_bound(dims, below) > 0);
    return apart ? 0 : MOPT_DIM_UNKNOWN;
}

int64_t mopt__value_fit(const struct mopt_infer *infer, int64_t item)
{
    const struct mopt_type *type = infer->outputs[0].type;
    const enum mopt_dtype dtype = type != NULL ? type->dtype : MOPT_UNDEFINED;
    const unsigned bits = mopt__dtype_bits(dtype);
    int64_t value = 0;
    if (!mopt__dtype_is_integer(dtype) || !mopt__dim_is_known(infer->dims, item, &value)) {
        return item;
    }
    if (mopt__dtype_is_unsigned(dtype)) {
        return value < 0 || (uint64_t)value > UINT64_MAX >> (64 - bits) ? MOPT_DIM_UNKNOWN : item;
    }
    const int64_t top = (int64_t)(UINT64_MAX >> (65 - bits)); // the smallest type has 2 bits
    return value > top || value < -top - 1 ? MOPT_DIM_UNKNOWN : item;
}

enum mopt_status mopt__values_binary(struct mopt_infer *infer,
                                     int64_t (*values)(struct mopt_dims *, int64_t, int64_t, bool),
                                     struct mopt_error *err)
{
    const int64_t *a = NULL;
    const int64_t *b = NULL;
    size_t na = 0;
    size_t nb = 0;
    const int ra = mopt__infer_rank(infer, 0);
    const int rb = mopt__infer_rank(infer, 1);
    if (ra < 0 || rb < 0 || ra > 1 || rb > 1 || mopt__infer_dtype(infer, 0) == MOPT_UINT64 ||
        !mopt__infer_ints(infer, 0, &a, &na) || !mopt__infer_ints(infer, 1, &b, &nb) ||
        (na != nb && na != 1 && nb != 1)) {
        return MOPT_OK;
    }
    const size_t count = na == 1 ? nb : na;
    int64_t *items = mopt__infer_room(infer, count);
    if (items == NULL) {
        return MOPT_OK;
    }
    const bool exact = mopt__dtype_is_float(mopt__infer_dtype(infer, 0));
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        items[i] = mopt__value_fit(infer, values(infer->dims, a[na == 1 ? 0 : i],
                                                 b[nb == 1 ? 0 : i], exact));
        any = any || items[i] != MOPT_DIM_UNKNOWN;
    }
    return any ? mopt__infer_set_ints(infer, 0, ra > rb ? ra : rb, items, count, err) : MOPT_OK;
}

enum mopt_status mopt__values_unary(struct mopt_infer *infer,
                                    int64_t (*value)(struct mopt_dims *, int64_t),
                                    struct mopt_error *err)
{
    const int64_t *a = NULL;
    size_t count = 0;
    const int rank = mopt__infer_rank(infer, 0);
    if (rank < 0 || rank > 1 || mopt__infer_dtype(infer, 0) == MOPT_UINT64 ||
        !mopt__infer_ints(infer, 0, &a, &count)) {
        return MOPT_OK;
    }
    int64_t *items = mopt__infer_room(infer, count);
    bool any = false;
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i] = mopt__value_fit(infer, value(infer->dims, a[i]));
        any = any || items[i] != MOPT_DIM_UNKNOWN;
    }
    return any ? mopt__infer_set_ints(infer, 0, rank, items, count, err) : MOPT_OK;
}

enum mopt_status mopt__binary_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_op *op = infer->node->op;
    const struct mopt_binary *binary = op->data;
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 1);
    const enum mopt_dtype known = a != NULL ? a->dtype : b != NULL ? b->dtype : MOPT_UNDEFINED;
    const enum mopt_dtype result = binary->result == MOPT_UNDEFINED ? known : binary->result;
    int64_t dims[MOPT_RANK_MAX];
    int rank = -1;
    enum mopt_status status = MOPT_OK;
    if (op->until != 0 && op->until < 7) { // only input 1 broadcasts
        return a == NULL ? mopt__infer_set(infer, 0, result, -1, NULL, err)
                         : mopt__infer_set(infer, 0, result, a->rank, a->dims, err);
    }
    if (a != NULL && b != NULL) {
        status = mopt__infer_broadcast(infer, a->rank, a->dims, b->rank, b->dims, &rank, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, result, rank, dims, err);
    }
    if (status == MOPT_OK && binary->values != NULL) {
        status = mopt__values_binary(infer, binary->values, err);
    }
    return status;
}
