// SPDX-License-Identifier: Apache-2.0
// Cast and CastLike: elements in another type. BitCast: the same bits under another type.
#include <string.h>
#include <strings.h>

#include "ops/convert.h"
#include "ops/eval.h"
#include "ops/fast.h"
#include "ops/infer.h"
#include "ops/record.h"

// Target type of a node: attribute `to` (a name before opset 6), or the type of input 1 for
// CastLike.
static enum mopt_status attribute_target(const struct mopt_node *node, enum mopt_dtype *to,
                                         struct mopt_error *err)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "to");
    *to = MOPT_UNDEFINED;
    if (attribute != NULL && attribute->kind == MOPT_ATTR_STRING) {
        for (int i = 1; i < MOPT_DTYPE_COUNT; i++) {
            if (strcasecmp(mopt__dtype_name((enum mopt_dtype)i), attribute->s.data) == 0) {
                *to = (enum mopt_dtype)i;
                return MOPT_OK;
            }
        }
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'to' is '%s', which is no type",
                              attribute->s.data);
    }
    int64_t number;
    enum mopt_status status = mopt__attr_int(node, "to", 0, &number, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (number < 1 || number >= MOPT_DTYPE_COUNT || (MOPT_SET_ALL_25 & MOPT_DT(number)) == 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'to' is %lld, which is no type",
                              (long long)number);
    }
    *to = (enum mopt_dtype)number;
    return MOPT_OK;
}

static enum mopt_status infer_to(struct mopt_infer *infer, enum mopt_dtype to,
                                 struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int rank = type != NULL ? type->rank : -1;
    enum mopt_status status =
        mopt__infer_set(infer, 0, to, rank, type != NULL ? type->dims : NULL, err);
    const int64_t *items;
    size_t count;
    if (status != MOPT_OK || (to != MOPT_INT64 && to != MOPT_INT32) || rank > 1 || rank < 0 ||
        !mopt__dtype_is_integer(mopt__infer_dtype(infer, 0)) ||
        !mopt__infer_ints(infer, 0, &items, &count)) {
        return status;
    }
    int64_t *wrapped = mopt__arena_alloc(infer->arena, count + 1, sizeof *wrapped);
    if (wrapped == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t value;
        wrapped[i] = items[i];
        if (to == MOPT_INT32 && mopt__dim_is_known(infer->dims, items[i], &value)) {
            wrapped[i] = mopt__dim_const(infer->dims, (int32_t)(uint32_t)(uint64_t)value);
        }
    }
    return mopt__infer_set_ints(infer, 0, rank, wrapped, count, err);
}

static enum mopt_status cast_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_dtype to;
    enum mopt_status status = attribute_target(infer->node, &to, err);
    return status == MOPT_OK ? infer_to(infer, to, err) : status;
}

static enum mopt_status cast_like_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return infer_to(infer, mopt__infer_dtype(infer, 1), err);
}

static enum mopt_status read_options(const struct mopt_node *node, struct mopt_convert *options,
                                     struct mopt_error *err)
{
    static const char *const names[] = {"up", "down", "nearest"};
    int64_t saturate;
    const char *mode;
    enum mopt_status status = mopt__attr_int(node, "saturate", 1, &saturate, err);
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "round_mode", "up", &mode, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    options->saturate = saturate != 0;
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        if (strcmp(mode, names[i]) == 0) {
            options->round = (enum mopt_round)i;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_VALUE, "attribute 'round_mode' is '%s'", mode);
}

static enum mopt_status eval_to(struct mopt_eval *eval, enum mopt_dtype to, struct mopt_error *err)
{
    struct mopt_tensor *in = mopt__eval_input_mutable(eval, 0);
    struct mopt_convert options;
    enum mopt_status status = read_options(eval->node, &options, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (in->dtype == to) {
        return mopt__eval_set(eval, 0, in, err);
    }
    struct mopt_tensor *out;
    status = mopt__eval_output(eval, 0, to, in->rank, in->dims, &out, err);
    return status == MOPT_OK ? mopt__convert(out, in, &options, err) : status;
}

static enum mopt_status cast_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    enum mopt_dtype to;
    enum mopt_status status = attribute_target(eval->node, &to, err);
    return status == MOPT_OK ? eval_to(eval, to, err) : status;
}

static enum mopt_status cast_like_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    return eval_to(eval, mopt__eval_input(eval, 1)->dtype, err);
}

// ---- Kernels between float and 16 bits -----------------------------------------------------------

struct halves {
    const struct mopt_kernels *kernels;
    const struct mopt_tensor *x;
    struct mopt_tensor *y;
};

static void halves_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct halves *h = context;
    (void)thread;
    mopt__convert_16(h->kernels, h->x->dtype, h->x->data, h->y->dtype, mopt__tensor_data(h->y),
                     (size_t)begin, (size_t)(end - begin));
}

static enum mopt_status halves_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_fast *fast = eval->state;
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    enum mopt_dtype to;
    struct mopt_tensor *y;
    enum mopt_status status = attribute_target(eval->node, &to, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, to, x->rank, x->dims, &y, err);
    }
    if (status == MOPT_OK) {
        struct halves h = {fast->kernels, x, y};
        mopt__pool_for(eval->pool, (int64_t)x->count, MOPT_FAST_GRAIN, halves_piece, &h);
    }
    return status;
}

static enum mopt_status cast_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    const struct mopt_type *x = bind->inputs[0].type;
    const struct mopt_type *y = bind->outputs[0].type;
    bool fits = x != NULL && y != NULL && x->kind == MOPT_TYPE_TENSOR &&
                mopt__converts_16(x->dtype, y->dtype);
    return fits ? mopt__fast_bind(bind, NULL, halves_run, err) : MOPT_OK;
}

// ---- BitCast ------------------------------------------------------------------------------------

static enum mopt_status bits_fit(enum mopt_dtype from, enum mopt_dtype to, struct mopt_error *err)
{
    if (mopt__dtype_bits(from) == 0 || mopt__dtype_bits(from) != mopt__dtype_bits(to)) {
        return mopt_error_set(err, MOPT_E_TYPE, "types '%s' and '%s' have not the same width",
                              mopt__dtype_name(from), mopt__dtype_name(to));
    }
    return MOPT_OK;
}

static enum mopt_status bit_cast_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_dtype to;
    enum mopt_status status = attribute_target(infer->node, &to, err);
    if (status == MOPT_OK && type != NULL && type->dtype != MOPT_UNDEFINED) {
        status = bits_fit(type->dtype, to, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, to, type != NULL ? type->rank : -1,
                                               type != NULL ? type->dims : NULL, err)
                             : status;
}

static enum mopt_status bit_cast_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in = mopt__eval_input(eval, 0);
    enum mopt_dtype to;
    struct mopt_tensor *out;
    enum mopt_status status = attribute_target(eval->node, &to, err);
    if (status == MOPT_OK) {
        status = bits_fit(in->dtype, to, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, to, in->rank, in->dims, &out, err);
    }
    if (status == MOPT_OK && in->bytes > 0) {
        memcpy(mopt__tensor_data(out), in->data, in->bytes);
    }
    return status;
}

#define CAST_SET (MOPT_SET_ALL_25 & ~(MOPT_DT(MOPT_COMPLEX64) | MOPT_DT(MOPT_COMPLEX128)))
#define BITS_SET (MOPT_SET_ALL_25 & ~MOPT_DT(MOPT_STRING))
#define ROUND_MODE MOPT_A_STRING("round_mode", "up", "up|down|nearest")
#define TRAITS (MOPT_TRAIT_ELEMENTWISE)
#define CAST(from, to, ...)                                                                     \
    {                                                                                           \
        .domain = "", .name = "Cast", .since = from, .until = to,                               \
        .summary = "elements converted to another type",                                        \
        MOPT_INPUTS({"input", "T1", CAST_SET, 0}), MOPT_OUTPUTS({"output", "T2", CAST_SET, 0}), \
        MOPT_ATTRIBUTES(__VA_ARGS__), .traits = TRAITS, .infer = cast_infer, .eval = cast_eval, \
        .bind = cast_bind                                                                       \
    }
#define CAST_LIKE                                                                            \
    .domain = "", .name = "CastLike",                                                        \
    .summary = "elements converted to the type of another tensor",                           \
    MOPT_INPUTS({"input", "T1", CAST_SET, 0}, {"target_type", "T2", CAST_SET, 0}),           \
    MOPT_OUTPUTS({"output", "T2", CAST_SET, 0}), .traits = TRAITS, .infer = cast_like_infer, \
    .eval = cast_like_eval

static const struct mopt_op records[] = {
    CAST(1, 5, MOPT_A_STRING_REQUIRED("to", NULL)),
    CAST(6, 18, MOPT_A_INT_REQUIRED("to")),
    CAST(19, 23, MOPT_A_INT_REQUIRED("to"), MOPT_A_FLAG("saturate", 1)),
    CAST(24, 0, MOPT_A_INT_REQUIRED("to"), MOPT_A_FLAG("saturate", 1), ROUND_MODE),
    {CAST_LIKE, .since = 15, .until = 18},
    {CAST_LIKE, .since = 19, .until = 23, MOPT_ATTRIBUTES(MOPT_A_FLAG("saturate", 1))},
    {CAST_LIKE, .since = 24, MOPT_ATTRIBUTES(MOPT_A_FLAG("saturate", 1), ROUND_MODE)},
    {.domain = "",
     .name = "BitCast",
     .since = 26,
     .summary = "the same bits read as another type of the same width",
     MOPT_INPUTS({"input", "T1", BITS_SET, 0}),
     MOPT_OUTPUTS({"output", "T2", BITS_SET, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT_REQUIRED("to")),
     .infer = bit_cast_infer,
     .eval = bit_cast_eval},
};
const struct mopt_op_family mopt__ops_cast = {records, MOPT_COUNTOF(records)};
