// SPDX-License-Identifier: Apache-2.0
// Bound kernels against the reference: whatever a record's bind chooses for random nodes gives the
// result of eval, within the rounding of sums in another order; integers exactly.
#include "facet_node.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/table.h"

enum { TRIALS = 600, FLOOR_RECORDS = 100, FLOOR_RUNS = 10000 };

struct bound {
    struct mopt_arena arena;
    struct mopt_dims *dims;
    struct mopt_kernels kernels;
    struct mopt_fact inputs[FACET_INPUTS_MAX], outputs[FACET_OUTPUTS_MAX];
    struct mopt_bind bind;
};

static enum mopt_status no_body(struct mopt_infer *infer, struct mopt_graph *graph,
                                const struct mopt_fact *inputs, size_t input_count,
                                struct mopt_fact *outputs, struct mopt_error *err)
{
    (void)infer;
    (void)graph;
    (void)inputs;
    (void)input_count;
    (void)outputs;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no bodies here");
}

static void input_facts(const struct facet *facet, struct bound *bound)
{
    for (uint32_t i = 0; i < facet->input_count; i++) {
        const struct mopt_datum *datum = facet->inputs[i];
        if (datum == NULL || datum->kind != MOPT_DATUM_TENSOR) {
            continue;
        }
        const struct mopt_tensor *tensor = datum->tensor;
        bound->inputs[i].type =
            mopt__type_tensor(&bound->arena, tensor->dtype, tensor->rank, tensor->dims);
        assert_non_null(bound->inputs[i].type);
        bound->inputs[i].constant = mopt__value_constant(facet->node->inputs[i].value);
    }
}

// Asks the record for a kernel; true when there is one. Release in any case.
static bool ask(const struct facet *facet, struct bound *bound)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    memset(bound, 0, sizeof *bound);
    mopt__arena_init(&bound->arena);
    bound->dims = mopt__dims_new();
    assert_non_null(bound->dims);
    input_facts(facet, bound);
    int64_t version = mopt__graph_opset(facet->model->graph, facet->op->domain);
    struct mopt_infer infer = {.node = facet->node,
                               .version = version,
                               .dims = bound->dims,
                               .arena = &bound->arena,
                               .inputs = bound->inputs,
                               .outputs = bound->outputs,
                               .body = no_body};
    assert_int_equal(facet->op->infer(&infer, &err), MOPT_OK);
    mopt__kernels_select(mopt__cpu_isa(), &bound->kernels);
    bound->bind = (struct mopt_bind){.node = facet->node,
                                     .version = version,
                                     .inputs = bound->inputs,
                                     .outputs = bound->outputs,
                                     .dims = bound->dims,
                                     .threads = 1,
                                     .kernels = &bound->kernels};
    assert_int_equal(facet->op->bind(&bound->bind, &err), MOPT_OK);
    return bound->bind.run != NULL;
}

static void release(struct bound *bound)
{
    if (bound->bind.free_state != NULL) {
        bound->bind.free_state(bound->bind.state);
    }
    mopt__dims_free(bound->dims);
    mopt__arena_release(&bound->arena);
}

// Largest finite magnitude, the scale at which sums of the tensor are rounded.
static double scale_of(const struct mopt_tensor *tensor)
{
    double most = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        double x = fabs(mopt__tensor_f64(tensor, i));
        most = isfinite(x) && x > most ? x : most;
    }
    return most;
}

static bool close_enough(double a, double b, double scale)
{
    if (isnan(a) || isnan(b) || isinf(a) || isinf(b)) {
        return (isnan(a) && isnan(b)) || a == b;
    }
    return fabs(a - b) <= 1e-5 * scale + 1e-5 * fabs(b) + 1e-30;
}

static bool same(struct facet *facet, uint32_t output, const struct mopt_datum *fast)
{
    const struct mopt_datum *slow = facet->outputs[output];
    if (slow == NULL || slow->kind != MOPT_DATUM_TENSOR) {
        return true;
    }
    const struct mopt_tensor *a = fast != NULL ? fast->tensor : NULL;
    const struct mopt_tensor *b = slow->tensor;
    bool shape = a != NULL && a->dtype == b->dtype && a->rank == b->rank &&
                 memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
    if (!shape) {
        (void)snprintf(facet->reason, sizeof facet->reason,
                       "the kernel's output %u has another type or shape", output);
        return false;
    }
    if (!mopt__dtype_is_float(b->dtype)) {
        (void)snprintf(facet->reason, sizeof facet->reason, "the kernel's output %u differs",
                       output);
        return mopt__tensor_equal(a, b);
    }
    double scale = scale_of(b);
    for (size_t i = 0; i < b->count; i++) {
        double x = mopt__tensor_f64(a, i), y = mopt__tensor_f64(b, i);
        if (!close_enough(x, y, scale)) {
            (void)snprintf(facet->reason, sizeof facet->reason,
                           "element %zu of the kernel's output %u is %.9g, not %.9g", i, output, x,
                           y);
            return false;
        }
    }
    return true;
}

static bool run_bound(struct facet *facet, const struct bound *bound)
{
    struct mopt_error err;
    struct mopt_rng rng;
    struct mopt_datum *outputs[FACET_OUTPUTS_MAX] = {NULL};
    mopt__rng_init(&rng, 0);
    mopt_error_clear(&err);
    struct mopt_eval eval = {.node = facet->node,
                             .version = bound->bind.version,
                             .inputs = facet->inputs,
                             .outputs = outputs,
                             .input_count = facet->node->input_count,
                             .output_count = facet->node->output_count,
                             .rng = &rng,
                             .state = bound->bind.state};
    enum mopt_status status = bound->bind.run(&eval, &err);
    bool good = status == MOPT_OK;
    if (!good) {
        (void)snprintf(facet->reason, sizeof facet->reason,
                       "the kernel refuses what eval computes: "
                       "%.300s",
                       err.text);
    }
    for (uint32_t i = 0; i < facet->node->output_count; i++) {
        good = good && same(facet, i, outputs[i]);
    }
    mopt__eval_release_spare(&eval);
    for (int i = 0; i < FACET_OUTPUTS_MAX; i++) {
        mopt__datum_unref(outputs[i]);
    }
    return good;
}

// One random node; *ran counts kernels that ran. False when one was wrong.
static bool try_node(const struct mopt_op *op, uint64_t seed, size_t *ran)
{
    struct facet facet;
    struct bound bound;
    struct mopt_error err;
    bool good = true;
    mopt_error_clear(&err);
    facet_build(&facet, op, seed);
    if (mopt__op_check(facet.node, &err) == MOPT_OK && facet_eval(&facet, &err) == MOPT_OK) {
        if (ask(&facet, &bound)) {
            (*ran)++;
            good = run_bound(&facet, &bound);
        }
        release(&bound);
    }
    if (!good) {
        facet_show(&facet);
    }
    facet_release(&facet);
    return good;
}

static void kernels_agree_with_eval(void **state)
{
    (void)state;
    size_t families, records = 0, runs = 0, broken = 0;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    for (size_t f = 0; f < families; f++) {
        for (size_t r = 0; r < list[f]->count; r++) {
            const struct mopt_op *op = &list[f]->records[r];
            bool good = op->bind != NULL && op->infer != NULL && facet_can_build(op);
            size_t ran = 0;
            for (uint64_t t = 0; good && t < TRIALS; t++) {
                good = try_node(op, facet_seed(op) + t, &ran);
                broken += good ? 0 : 1;
            }
            records += ran > 0 ? 1 : 0;
            runs += ran;
            if (op->bind != NULL && ran == 0) {
                print_message("no kernel of %s %d ran\n", op->name, op->since);
            }
        }
    }
    print_message("%zu records, %zu runs of bound kernels\n", records, runs);
    assert_int_equal(broken, 0);
    assert_true(records >= FLOOR_RECORDS && runs >= FLOOR_RUNS);
}

int mopt__test_bound(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_with_eval),
    };
    return cmocka_run_group_tests_name("bound", tests, NULL, NULL);
}
