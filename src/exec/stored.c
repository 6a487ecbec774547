// SPDX-License-Identifier: Apache-2.0
// Weights that are stored in 16 bits and computed with as FLOAT. Those that only products and
// convolutions read are packed once, and nobody needs them as floats afterwards: the Cast in front
// of them is neither folded nor run, and they are widened when they are packed, one at a time.
#include <string.h>

#include "exec/lower.h"
#include "exec/widen.h"
#include "ops/convert.h"

enum { PIECE = 1 << 16 }; // elements that one thread takes at least

bool mopt__use_is_weight(const struct mopt_use *use, int rank)
{
    const struct mopt_node *node = use->node;
    if (use->index != 1 || node->domain[0] != '\0') {
        return false;
    }
    bool product = strcmp(node->op_type, "MatMul") == 0 || strcmp(node->op_type, "Gemm") == 0;
    return product ? rank == 2 : strcmp(node->op_type, "Conv") == 0;
}

bool mopt__weights_are_stored(const struct mopt_node *cast, const struct mopt_tensor *constant)
{
    const struct mopt_value *y = mopt__node_output(cast, 0);
    if (strcmp(cast->op_type, "Cast") != 0 || cast->domain[0] != '\0' || y == NULL ||
        cast->graph->owner != NULL || constant->count < MOPT_STORED_LEAST ||
        !mopt__converts_16(constant->dtype, MOPT_FLOAT32) ||
        mopt__int_of(cast, "to", 0) != MOPT_FLOAT32 || y->graph_output_count > 0) {
        return false;
    }
    const struct mopt_use *use = y->uses;
    while (use != NULL && use->node->graph == cast->graph &&
           mopt__use_is_weight(use, constant->rank)) {
        use = use->next;
    }
    return use == NULL && y->uses != NULL;
}

// The constant behind a Cast that is left for this; NULL otherwise.
static const struct mopt_tensor *stored(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_node *cast = value != NULL ? value->producer : NULL;
    if (cast == NULL || mopt__low_constant(l, value) != NULL || cast->op == NULL ||
        cast->graph != l->schedule->graph || !mopt__low_is(cast, "", "Cast")) {
        return NULL;
    }
    const struct mopt_tensor *constant = mopt__low_constant(l, mopt__node_input(cast, 0));
    return constant != NULL && mopt__weights_are_stored(cast, constant) ? constant : NULL;
}

bool mopt__low_has_weights(const struct mopt_lower *l, const struct mopt_value *value)
{
    return mopt__low_has_floats(l, value) || stored(l, value) != NULL;
}

struct widening {
    const struct mopt_kernels *kernels;
    const struct mopt_tensor *from;
    float *to;
};

static void widen_part(void *context, int64_t begin, int64_t end, int thread)
{
    const struct widening *w = context;
    (void)thread;
    mopt__convert_16(w->kernels, w->from->dtype, w->from->data, MOPT_FLOAT32, w->to, (size_t)begin,
                     (size_t)(end - begin));
}

static void widen(struct mopt_lower *l, const struct mopt_tensor *from, float *to)
{
    struct widening w = {&l->session->kernels, from, to};
    mopt__pool_for(l->session->pool, (int64_t)from->count, PIECE, widen_part, &w);
}

enum mopt_status mopt__low_weights(struct mopt_lower *l, const struct mopt_value *value,
                                   struct mopt_low_source *source)
{
    const struct mopt_tensor *constant = stored(l, value);
    const float *data;
    if (constant == NULL) {
        return mopt__low_floats(l, value, &data, source);
    }
    *source = (struct mopt_low_source){.tensor = constant, .stored = true};
    return MOPT_OK;
}

enum mopt_status mopt__low_weight_floats(struct mopt_lower *l, const struct mopt_low_source *source,
                                         const float **data)
{
    *data = source->data;
    if (!source->stored) {
        return MOPT_OK;
    }
    if (l->wide_of != source->tensor) {
        size_t bytes = 0;
        mopt__low_drop_wide(l);
        bool fits = mopt__size_mul(source->tensor->count, sizeof *l->wide, &bytes);
        l->wide = fits ? mopt__malloc_aligned(bytes) : NULL;
        if (l->wide == NULL) {
            mopt__low_unmade(l);
            return mopt_error_set(l->err, MOPT_E_MEMORY, "no memory for %zu weights as floats",
                                  source->tensor->count);
        }
        l->wide_of = source->tensor;
        widen(l, source->tensor, l->wide);
    }
    *data = l->wide;
    return MOPT_OK;
}

void mopt__low_drop_wide(struct mopt_lower *l)
{
    mopt__free_aligned(l->wide);
    l->wide = NULL;
    l->wide_of = NULL;
}

// Somebody else reads them after all: they become a constant of the session, as if folded.
static enum mopt_status fold_late(struct mopt_lower *l, const struct mopt_value *value,
                                  const struct mopt_tensor *from)
{
    struct mopt_tensor *wide = NULL;
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, from->rank, from->dims, &wide, l->err);
    if (status == MOPT_OK) {
        widen(l, from, mopt__tensor_data(wide));
        status = mopt__datum_tensor(wide, &l->session->constants[value->id], l->err);
    }
    if (status == MOPT_OK) {
        l->session->constant_bytes += wide->bytes;
    }
    mopt__tensor_unref(wide);
    return status;
}

enum mopt_status mopt__low_stored(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    const struct mopt_value *value = mopt__node_output(node, 0);
    const struct mopt_tensor *from = stored(l, value);
    bool folded = value != NULL && mopt__low_is(node, "", "Cast") &&
                  mopt__low_constant(l, value) != NULL; // in an earlier plan
    *done = from != NULL || folded;
    if (from == NULL) {
        return MOPT_OK;
    }
    l->values[value->id].deferred = &l->schedule->steps[node->order];
    bool packed = true;
    for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        packed = packed && l->absorbed[use->node->order];
    }
    return packed ? MOPT_OK : fold_late(l, value, from);
}
