// SPDX-License-Identifier: Apache-2.0
// One test per facet for every record of the table, on random nodes (facet_node.h): what eval
// computes is what infer foretold; attributes at their default, beside it and of every wrong kind;
// indices at and beyond both ends; bound kernels against the reference. The floors below are what
// the tests reach today; they fall when a record gets lost or its hint no longer fits.
#include "facet_node.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    TRIALS = 150,  // nodes of every record
    SEARCH = 3000, // tries to find one legal node
    KINDS = 14,    // of attributes
    NOT_BUILT =
        9, // If, Loop, Scan, SequenceMap: test_control.c; FlexAttention, Gradient: own files
    FLOOR_RECORDS = 553,
    FLOOR_COMPUTED = 50000, // nodes
    FLOOR_DEFAULT = 585,    // attributes with their default written out
    FLOOR_OTHER = 990,      // attributes with another value
    FLOOR_EDGES = 6000,     // indices at the edges that are legal
    FLOOR_AXES = 42,        // records with an attribute 'axis'
};

// Calls visit for every record until it returns false; the number of records that it refused.
typedef bool (*visit_record)(void *context, const struct mopt_op *op, uint64_t seed);

static size_t each_record(visit_record visit, void *context)
{
    size_t families, broken = 0;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    for (size_t f = 0; f < families; f++) {
        for (size_t r = 0; r < list[f]->count; r++) {
            const struct mopt_op *op = &list[f]->records[r];
            if (op->eval != NULL && op->infer != NULL && facet_can_build(op) &&
                !visit(context, op, facet_seed(op))) {
                broken++;
            }
        }
    }
    return broken;
}

static bool shown(const struct facet *facet)
{
    facet_show(facet);
    return false;
}

// Builds a node that is legal; false when none was found. Release the facet in any case.
static bool find_legal(struct facet *facet, const struct mopt_op *op, uint64_t seed)
{
    struct mopt_error err;
    for (uint64_t t = 0; t < SEARCH; t++) {
        mopt_error_clear(&err);
        facet_build(facet, op, seed + t);
        if (mopt__op_check(facet->node, &err) == MOPT_OK && facet_eval(facet, &err) == MOPT_OK) {
            return true;
        }
        if (t + 1 < SEARCH) {
            facet_release(facet);
        }
    }
    return false;
}

// ---- Every record -------------------------------------------------------------------------------

struct count {
    size_t records, missed, computed, with_default, with_other;
};

static bool try_record(void *context, const struct mopt_op *op, uint64_t seed)
{
    struct count *count = context;
    size_t before = count->computed;
    count->records++;
    for (uint64_t t = 0; t < TRIALS || (t < SEARCH && count->computed == before); t++) {
        struct facet facet;
        bool computed;
        facet_build(&facet, op, seed + t);
        bool good = facet_agrees(&facet, &computed) || shown(&facet);
        facet_release(&facet);
        count->computed += computed ? 1 : 0;
        if (!good) {
            return false;
        }
    }
    if (count->computed == before) {
        print_message("no legal node of %s %d\n", op->name, op->since);
        count->missed++;
    }
    return true;
}

static void infer_foretells_eval(void **state)
{
    (void)state;
    struct count count = {.records = 0};
    assert_int_equal(each_record(try_record, &count), 0);
    print_message("%zu records, %zu without a legal node, %zu nodes computed\n", count.records,
                  count.missed, count.computed);
    assert_int_equal(count.missed, 0);
    assert_true(count.records >= FLOOR_RECORDS && count.computed >= FLOOR_COMPUTED);
}

static void almost_every_record_is_tried(void **state)
{
    (void)state;
    size_t families, left_out = 0;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    for (size_t f = 0; f < families; f++) {
        for (size_t r = 0; r < list[f]->count; r++) {
            const struct mopt_op *op = &list[f]->records[r];
            if (op->eval == NULL || op->infer == NULL || !facet_can_build(op)) {
                print_message("not tried: %s %d\n", op->name, op->since);
                left_out++;
            }
        }
    }
    assert_true(left_out <= NOT_BUILT);
}

// ---- Attributes ---------------------------------------------------------------------------------

static bool same_tensors(const struct mopt_datum *a, const struct mopt_datum *b)
{
    bool same = a->kind == b->kind && a->count == b->count;
    if (same && a->kind == MOPT_DATUM_TENSOR) {
        return mopt__tensor_equal(a->tensor, b->tensor);
    }
    for (size_t i = 0; same && i < a->count; i++) {
        same = same_tensors(a->items[i], b->items[i]);
    }
    return same;
}

// The default written out means the same as nothing.
static bool default_is_silent(struct facet *facet, const struct mopt_attr_spec *spec)
{
    struct mopt_error err;
    struct mopt_datum *before[FACET_OUTPUTS_MAX];
    (void)mopt__node_remove_attribute(facet->node, spec->name);
    if (facet_eval(facet, &err) != MOPT_OK) {
        return true; // only legal with another value
    }
    memcpy(before, facet->outputs, sizeof before);
    memset(facet->outputs, 0, sizeof facet->outputs);
    facet_set_default(facet, spec);
    bool same = facet_eval(facet, &err) == MOPT_OK;
    for (uint32_t i = 0; i < facet->node->output_count; i++) {
        same = same && (before[i] != NULL) == (facet->outputs[i] != NULL) &&
               (before[i] == NULL || same_tensors(before[i], facet->outputs[i]));
    }
    for (int i = 0; i < FACET_OUTPUTS_MAX; i++) {
        mopt__datum_unref(before[i]);
    }
    if (!same) {
        (void)snprintf(facet->reason, sizeof facet->reason,
                       "the default of attribute '%s' written out changes the result", spec->name);
    }
    return same;
}

static bool is_default(const struct facet *facet, const struct mopt_attr_spec *spec)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(facet->node, spec->name);
    if (attribute == NULL || !spec->has_default) {
        return attribute == NULL;
    }
    return (spec->kind == MOPT_ATTR_INT && attribute->i == spec->i) ||
           (spec->kind == MOPT_ATTR_FLOAT && attribute->f == (float)spec->f) ||
           (spec->kind == MOPT_ATTR_STRING && spec->s != NULL &&
            strcmp(attribute->s.data, spec->s) == 0);
}

// Tries nodes until one is computed with a value that is not the default.
static bool try_other(struct count *count, const struct mopt_op *op,
                      const struct mopt_attr_spec *spec, uint64_t seed)
{
    bool good = true, computed = false;
    for (uint64_t t = 0; t < SEARCH / 4 && good && !computed; t++) {
        struct facet facet;
        facet_build(&facet, op, seed + t);
        if (is_default(&facet, spec)) {
            facet_set_attribute(&facet, spec);
        }
        good = facet_agrees(&facet, &computed) || shown(&facet);
        computed = computed && !is_default(&facet, spec);
        facet_release(&facet);
    }
    count->with_other += computed ? 1 : 0;
    if (!computed) {
        print_message("%s %d: no legal value of '%s' but its default\n", op->name, op->since,
                      spec->name);
    }
    return good;
}

static bool try_attributes(void *context, const struct mopt_op *op, uint64_t seed)
{
    struct count *count = context;
    bool good = true;
    for (unsigned a = 0; a < op->attribute_count && good; a++) {
        const struct mopt_attr_spec *spec = &op->attributes[a];
        struct facet facet;
        if (spec->has_default) {
            bool legal = find_legal(&facet, op, seed);
            good = !legal || default_is_silent(&facet, spec) || shown(&facet);
            count->with_default += legal ? 1 : 0;
            facet_release(&facet);
        }
        good = good && try_other(count, op, spec, seed);
        count->records++;
    }
    return good;
}

static void attributes_have_defaults(void **state)
{
    (void)state;
    struct count count = {.records = 0};
    assert_int_equal(each_record(try_attributes, &count), 0);
    print_message("%zu attributes, %zu at their default, %zu beside it\n", count.records,
                  count.with_default, count.with_other);
    assert_true(count.with_default >= FLOOR_DEFAULT && count.with_other >= FLOOR_OTHER);
}

// The check of the schema names it, and neither infer nor eval takes it for something else.
static bool refuses(struct facet *facet, const struct mopt_attr_spec *spec,
                    enum mopt_attr_kind kind)
{
    struct mopt_error err;
    bool computed;
    mopt_error_clear(&err);
    while (facet->node->attribute_count > 0) {
        (void)mopt__node_remove_attribute(facet->node, facet->node->attributes[0].name);
    }
    facet_set_kind(facet, spec->name, kind);
    if (mopt__op_check(facet->node, &err) != MOPT_E_TYPE) {
        (void)snprintf(facet->reason, sizeof facet->reason, "attribute '%s' may be of kind %d",
                       spec->name, (int)kind);
        return false;
    }
    return facet_agrees(facet, &computed);
}

static bool try_kinds(void *context, const struct mopt_op *op, uint64_t seed)
{
    struct count *count = context;
    bool good = true;
    for (unsigned a = 0; a < op->attribute_count && good; a++) {
        for (int kind = 1; kind <= KINDS && good; kind++) {
            struct facet facet;
            if ((enum mopt_attr_kind)kind == op->attributes[a].kind) {
                continue;
            }
            facet_build(&facet, op, seed + (uint64_t)kind);
            good = refuses(&facet, &op->attributes[a], (enum mopt_attr_kind)kind) || shown(&facet);
            facet_release(&facet);
            count->records++;
        }
    }
    return good;
}

static void wrong_kinds_are_refused(void **state)
{
    (void)state;
    struct count count = {.records = 0};
    assert_int_equal(each_record(try_kinds, &count), 0);
    print_message("%zu attributes of a wrong kind\n", count.records);
    assert_true(count.records > 0);
}

// ---- Indices ------------------------------------------------------------------------------------

enum { EDGES = 6 };

static int64_t edge_of(int64_t n, int which)
{
    const int64_t edges[EDGES] = {-n - 1, -n, n - 1, n, INT64_MIN, INT64_MAX};
    return edges[which];
}

// n of one trial: the rank, or a dim of the first input.
static int64_t some_n(struct facet *facet)
{
    if (facet->rank == 0 || mopt__rng_below(&facet->rng, 2) == 0) {
        return facet->rank;
    }
    return facet->dims[mopt__rng_below(&facet->rng, (uint64_t)facet->rank)];
}

// Puts the edge into an attribute of whole numbers.
static void put_attribute(struct facet *facet, const struct mopt_attr_spec *spec, int which)
{
    struct mopt_error err;
    int64_t value = edge_of(some_n(facet), which);
    if (spec->kind == MOPT_ATTR_INT) {
        assert_int_equal(mopt__node_set_int(facet->node, spec->name, value, &err), MOPT_OK);
        return;
    }
    const struct mopt_attribute *old = mopt__node_attribute(facet->node, spec->name);
    int64_t list[4] = {value, 1, 1, 1};
    size_t count = 1;
    if (old != NULL && old->kind == MOPT_ATTR_INTS && old->count > 0) {
        count = old->count > 4 ? 4 : old->count;
        memcpy(list, old->ints, count * sizeof *list);
        list[mopt__rng_below(&facet->rng, count)] = value;
    }
    assert_int_equal(mopt__node_set_ints(facet->node, spec->name, list, count, &err), MOPT_OK);
}

// Puts the edge into an input of whole numbers, if the node has one there; initializers share the
// tensor.
static bool put_input(struct facet *facet, uint32_t i, int which)
{
    const struct mopt_datum *datum = facet->inputs[i];
    struct mopt_tensor *tensor = datum != NULL ? datum->tensor : NULL;
    if (tensor == NULL || tensor->count == 0 ||
        (tensor->dtype != MOPT_INT64 && tensor->dtype != MOPT_INT32)) {
        return false;
    }
    size_t at = mopt__rng_below(&facet->rng, tensor->count);
    mopt__element_set_i64(tensor->dtype, mopt__tensor_data(tensor), at,
                          edge_of(some_n(facet), which));
    return true;
}

static bool try_edge(struct count *count, struct facet *facet)
{
    bool computed;
    bool good = facet_agrees(facet, &computed) || shown(facet);
    count->records++;
    count->computed += computed ? 1 : 0;
    return good;
}

static bool try_edges(void *context, const struct mopt_op *op, uint64_t seed)
{
    enum { TIMES = 6 };
    struct count *count = context;
    bool good = true;
    for (uint64_t t = 0; t < (uint64_t)EDGES * TIMES && good; t++) {
        int which = (int)(t % EDGES);
        for (unsigned a = 0; a < op->attribute_count && good; a++) {
            struct facet facet;
            const struct mopt_attr_spec *spec = &op->attributes[a];
            if (spec->kind != MOPT_ATTR_INT && spec->kind != MOPT_ATTR_INTS) {
                continue;
            }
            facet_build(&facet, op, seed + t);
            put_attribute(&facet, spec, which);
            good = try_edge(count, &facet);
            facet_release(&facet);
        }
        for (uint32_t i = 0; i < op->input_count && good; i++) {
            struct facet facet;
            facet_build(&facet, op, seed + t);
            good = !put_input(&facet, i, which) || try_edge(count, &facet);
            facet_release(&facet);
        }
    }
    return good;
}

static void indices_at_the_edges(void **state)
{
    (void)state;
    struct count count = {.records = 0};
    assert_int_equal(each_record(try_edges, &count), 0);
    print_message("%zu indices at the edges, %zu of them legal\n", count.records, count.computed);
    assert_true(count.computed >= FLOOR_EDGES);
}

// Operators whose axis may be one more than usual, has no meaning for some inputs, or is not one of
// the first input; and those of old opsets: broadcast from an axis, softmax over a matrix.
static bool axis_is_wider(const struct mopt_op *op)
{
    static const char *const names[] = {
        "Flatten",      "OneHot", "QuantizeLinear", "DequantizeLinear", "ConcatFromSequence",
        "QLinearConcat"};
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        if (strcmp(op->name, names[i]) == 0) {
            return true;
        }
    }
    for (unsigned a = 0; a < op->attribute_count; a++) {
        if (strcmp(op->attributes[a].name, "broadcast") == 0) {
            return true;
        }
    }
    return strstr(op->name, "max") != NULL && op->domain[0] == '\0' && op->since < 13;
}

// -n and n-1 name the first and the last axis, and beyond them there is none.
static bool try_axis(struct facet *facet, const struct mopt_attr_spec *spec)
{
    struct mopt_error err;
    const int64_t beyond[] = {-(int64_t)facet->rank - 1, facet->rank, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < MOPT_COUNTOF(beyond); i++) {
        assert_int_equal(mopt__node_set_int(facet->node, spec->name, beyond[i], &err), MOPT_OK);
        if (facet_eval(facet, &err) == MOPT_OK) {
            (void)snprintf(facet->reason, sizeof facet->reason, "axis %lld is taken at rank %d",
                           (long long)beyond[i], facet->rank);
            return false;
        }
    }
    if (spec->has_range && spec->min >= 0) {
        return true;
    }
    for (int k = 0; k < facet->rank; k++) {
        struct mopt_datum *counted;
        assert_int_equal(mopt__node_set_int(facet->node, spec->name, k, &err), MOPT_OK);
        enum mopt_status status = facet_eval(facet, &err);
        counted = facet->outputs[0];
        facet->outputs[0] = NULL;
        assert_int_equal(mopt__node_set_int(facet->node, spec->name, k - facet->rank, &err),
                         MOPT_OK);
        bool same = facet_eval(facet, &err) == status &&
                    (counted == NULL || same_tensors(counted, facet->outputs[0]));
        mopt__datum_unref(counted);
        if (!same) {
            (void)snprintf(facet->reason, sizeof facet->reason,
                           "axis %d is not the same as axis %d", k, k - facet->rank);
            return false;
        }
    }
    return true;
}

static bool try_axes(void *context, const struct mopt_op *op, uint64_t seed)
{
    struct count *count = context;
    bool good = true;
    for (unsigned a = 0; a < op->attribute_count && good; a++) {
        struct facet facet;
        const struct mopt_attr_spec *spec = &op->attributes[a];
        if (strcmp(spec->name, "axis") != 0 || spec->kind != MOPT_ATTR_INT || axis_is_wider(op)) {
            continue;
        }
        if (find_legal(&facet, op, seed) && facet.rank > 0) {
            good = try_axis(&facet, spec) || shown(&facet);
            count->records++;
        }
        facet_release(&facet);
    }
    return good;
}

static void axes_count_from_both_ends(void **state)
{
    (void)state;
    struct count count = {.records = 0};
    assert_int_equal(each_record(try_axes, &count), 0);
    print_message("%zu records with an axis\n", count.records);
    assert_true(count.records >= FLOOR_AXES);
}

int mopt__test_facets(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(almost_every_record_is_tried), cmocka_unit_test(infer_foretells_eval),
        cmocka_unit_test(attributes_have_defaults),     cmocka_unit_test(wrong_kinds_are_refused),
        cmocka_unit_test(indices_at_the_edges),         cmocka_unit_test(axes_count_from_both_ends),
    };
    return cmocka_run_group_tests_name("facets", tests, NULL, NULL);
}
