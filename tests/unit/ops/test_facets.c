// SPDX-License-Identifier: Apache-2.0
// One test for every record: random nodes, legal or not. Nothing may crash, nothing may be computed
// for a type that the schema does not allow, and whatever eval computes must be what infer
// foretold.
#include "support.h"
#include "tests.h"

#include <stdio.h>
#include <string.h>

enum { TRIALS = 80, INPUTS_MAX = 6, OUTPUTS_MAX = 6 };

struct trial {
    struct mopt_rng rng;
    const struct mopt_op *op;
    struct mopt_model *model;
    struct mopt_node *node;
    struct mopt_datum *inputs[INPUTS_MAX], *outputs[OUTPUTS_MAX];
    const char *variables[INPUTS_MAX]; // type variables met so far, with their types
    enum mopt_dtype dtypes[INPUTS_MAX];
    size_t variable_count;
    int rank;
    int64_t dims[4]; // of the first input
    char reason[512];
};

static int64_t pick(struct trial *trial, const int64_t *values, size_t count)
{
    return values[mopt__rng_below(&trial->rng, count)];
}

static bool chance(struct trial *trial, uint64_t percent)
{
    return mopt__rng_below(&trial->rng, 100) < percent;
}

// Mostly small numbers, sometimes those at which careless arithmetic overflows.
static int64_t some_int(struct trial *trial)
{
    static const int64_t small[] = {0, 1, 1, 2, 3, -1, -2, -3, 4};
    static const int64_t wild[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, INT32_MAX, INT32_MIN};
    return chance(trial, 96) ? pick(trial, small, MOPT_COUNTOF(small))
                             : pick(trial, wild, MOPT_COUNTOF(wild));
}

static enum mopt_dtype some_dtype(struct trial *trial, uint64_t set)
{
    for (int tries = 0; tries < 64; tries++) {
        enum mopt_dtype dtype = (enum mopt_dtype)(1 + mopt__rng_below(&trial->rng, 26));
        if ((set & MOPT_DT(dtype)) != 0) {
            return dtype;
        }
    }
    enum mopt_dtype dtype = MOPT_FLOAT32;
    while ((set & MOPT_DT(dtype)) == 0) {
        dtype = (enum mopt_dtype)(dtype % 26 + 1);
    }
    return dtype;
}

static void fill(struct trial *trial, struct mopt_tensor *tensor)
{
    static const char *const texts[] = {"", "a", "1.5", "B c", "-7"};
    struct mopt_error err;
    void *data = mopt__tensor_data(tensor);
    memset(data, 0, tensor->bytes);
    for (size_t i = 0; i < tensor->count; i++) {
        if (tensor->dtype == MOPT_STRING) {
            const char *text = texts[mopt__rng_below(&trial->rng, MOPT_COUNTOF(texts))];
            assert_int_equal(mopt__tensor_set_string(tensor, i, text, strlen(text), &err), MOPT_OK);
        } else if (mopt__dtype_is_float(tensor->dtype)) {
            double value = (double)(int64_t)mopt__rng_below(&trial->rng, 17) / 4 - 2;
            mopt__element_set_f64(tensor->dtype, data, i, value);
        } else if (tensor->dtype == MOPT_INT64) {
            ((int64_t *)data)[i] = some_int(trial);
        } else if (tensor->dtype == MOPT_COMPLEX64 || tensor->dtype == MOPT_COMPLEX128) {
            ((float *)data)[i] = 1.0F;
        } else {
            mopt__element_set_i64(tensor->dtype, data, i,
                                  tensor->dtype == MOPT_BOOL ? (int64_t)(i & 1) : (int64_t)(i % 3));
        }
    }
}

static struct mopt_tensor *some_tensor(struct trial *trial, enum mopt_dtype dtype, int rank,
                                       const int64_t *dims)
{
    struct mopt_tensor *tensor;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &err), MOPT_OK);
    fill(trial, tensor);
    return tensor;
}

static enum mopt_dtype variable_dtype(struct trial *trial, const struct mopt_param *param)
{
    for (size_t i = 0; i < trial->variable_count; i++) {
        if (strcmp(trial->variables[i], param->type) == 0 &&
            (param->flags & MOPT_PARAM_HETEROGENEOUS) == 0) {
            return trial->dtypes[i];
        }
    }
    enum mopt_dtype dtype = some_dtype(trial, param->dtypes);
    if (trial->variable_count < INPUTS_MAX) {
        trial->variables[trial->variable_count] = param->type;
        trial->dtypes[trial->variable_count++] = dtype;
    }
    return dtype;
}

static void some_shape(struct trial *trial, uint32_t input, int *rank, int64_t dims[4])
{
    static const int64_t sizes[] = {0, 1, 1, 2, 2, 3, 3, 4};
    if (input > 0 && chance(trial, 45)) { // like the first input, or made to broadcast with it
        *rank = trial->rank;
        memcpy(dims, trial->dims, sizeof trial->dims);
        if (chance(trial, 30) && *rank > 0) {
            dims[mopt__rng_below(&trial->rng, (uint64_t)*rank)] = 1;
        }
        return;
    }
    *rank = input > 0 && chance(trial, 60) ? (int)mopt__rng_below(&trial->rng, 2)
                                           : (int)mopt__rng_below(&trial->rng, 5);
    for (int k = 0; k < *rank; k++) {
        dims[k] = pick(trial, sizes, MOPT_COUNTOF(sizes));
    }
}

static struct mopt_value *some_input(struct trial *trial, uint32_t i)
{
    const struct mopt_param *param = mopt__op_input(trial->op, i);
    struct mopt_error err;
    if ((param->flags & MOPT_PARAM_OPTIONAL) != 0 && chance(trial, 40)) {
        return NULL;
    }
    int rank;
    int64_t dims[4];
    some_shape(trial, i, &rank, dims);
    if (i == 0) {
        trial->rank = rank;
        memcpy(trial->dims, dims, sizeof dims);
    }
    struct mopt_tensor *tensor = some_tensor(trial, variable_dtype(trial, param), rank, dims);
    assert_int_equal(mopt__datum_tensor(tensor, &trial->inputs[i], &err), MOPT_OK);
    struct mopt_value *value = mopt__value_fresh(trial->model->graph, "x", &err);
    assert_non_null(value);
    if (chance(trial, 50)) {
        assert_int_equal(mopt__graph_add_initializer(trial->model->graph, value, tensor, &err),
                         MOPT_OK);
    } else {
        value->type = mopt__type_tensor(&trial->model->arena, tensor->dtype, rank, dims);
        assert_int_equal(mopt__graph_add_input(trial->model->graph, value, &err), MOPT_OK);
    }
    mopt__tensor_unref(tensor);
    return value;
}

static void set_text(struct trial *trial, const struct mopt_attr_spec *spec)
{
    char word[64] = "x";
    struct mopt_error err;
    if (spec->choices != NULL) {
        size_t count = 1;
        for (const char *at = spec->choices; *at != '\0'; at++) {
            count += *at == '|' ? 1 : 0;
        }
        const char *at = spec->choices;
        for (size_t skip = mopt__rng_below(&trial->rng, count); skip > 0; skip--) {
            at = strchr(at, '|') + 1;
        }
        size_t length = strcspn(at, "|");
        memcpy(word, at, length);
        word[length] = '\0';
    }
    assert_int_equal(mopt__node_set_string(trial->node, spec->name, word, &err), MOPT_OK);
}

static void set_attribute(struct trial *trial, const struct mopt_attr_spec *spec)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    int64_t ints[4];
    float floats[4];
    size_t count = mopt__rng_below(&trial->rng, 5);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < 4; i++) {
        ints[i] = some_int(trial);
        floats[i] = (float)(int64_t)mopt__rng_below(&trial->rng, 9) / 2.0F - 1.0F;
    }
    if (spec->kind == MOPT_ATTR_INT) {
        bool type = strcmp(spec->name, "to") == 0 || strstr(spec->name, "dtype") != NULL;
        int64_t value = type ? 1 + (int64_t)mopt__rng_below(&trial->rng, 26) : ints[0];
        if (spec->has_range && spec->max - spec->min < 100) {
            uint64_t span = (uint64_t)(spec->max - spec->min) + 1;
            value = spec->min + (int64_t)mopt__rng_below(&trial->rng, span);
        }
        status = mopt__node_set_int(trial->node, spec->name, value, &err);
    } else if (spec->kind == MOPT_ATTR_FLOAT) {
        status = mopt__node_set_float(trial->node, spec->name, floats[0], &err);
    } else if (spec->kind == MOPT_ATTR_INTS) {
        status = mopt__node_set_ints(trial->node, spec->name, ints, count > 4 ? 4 : count, &err);
    } else if (spec->kind == MOPT_ATTR_FLOATS) {
        status =
            mopt__node_set_floats(trial->node, spec->name, floats, count > 4 ? 4 : count, &err);
    } else if (spec->kind == MOPT_ATTR_STRING) {
        set_text(trial, spec);
    } else if (spec->kind == MOPT_ATTR_TENSOR) {
        enum mopt_dtype dtype = some_dtype(trial, trial->op->outputs[0].dtypes);
        int64_t one = 1;
        struct mopt_tensor *tensor = some_tensor(trial, dtype, 1, &one);
        status = mopt__node_set_tensor(trial->node, spec->name, tensor, &err);
        mopt__tensor_unref(tensor);
    }
    assert_int_equal(status, MOPT_OK);
}

static void build(struct trial *trial)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    const struct mopt_op *op = trial->op;
    assert_int_equal(mopt__model_new(&trial->model, &err), MOPT_OK);
    assert_int_equal(mopt__model_set_opset(trial->model, op->domain,
                                           op->until != 0 && chance(trial, 50) ? op->until
                                                                               : op->since,
                                           &err),
                     MOPT_OK);
    struct mopt_value *inputs[INPUTS_MAX] = {NULL};
    uint32_t count = op->input_count;
    if (count > 0 && (op->inputs[count - 1].flags & MOPT_PARAM_VARIADIC) != 0) {
        count += (uint32_t)mopt__rng_below(&trial->rng, 3);
    }
    count = count > INPUTS_MAX ? INPUTS_MAX : count;
    for (uint32_t i = 0; i < count; i++) {
        inputs[i] = some_input(trial, i);
    }
    uint32_t outputs = op->output_count > OUTPUTS_MAX ? OUTPUTS_MAX : op->output_count;
    trial->node = mopt__op_node(trial->model->graph, NULL, op->name, op->domain, inputs, count,
                                outputs, &err);
    assert_non_null(trial->node);
    assert_ptr_equal(trial->node->op, op);
    for (uint32_t i = 0; i < outputs; i++) {
        mopt__node_set_output(trial->node, i, mopt__value_fresh(trial->model->graph, "y", &err));
    }
    for (unsigned a = 0; a < op->attribute_count; a++) {
        if (op->attributes[a].required || chance(trial, 35)) {
            set_attribute(trial, &op->attributes[a]);
        }
    }
}

static bool told(struct trial *trial, const char *what, uint32_t i, const struct mopt_type *type,
                 const struct mopt_tensor *tensor)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(trial->model->dims, type, &text);
    snprintf(trial->reason, sizeof trial->reason,
             "%s of output %u: %s was inferred, %s of rank %d came", what, i,
             mopt__strbuf_text(&text), mopt__dtype_name(tensor->dtype), tensor->rank);
    mopt__strbuf_release(&text);
    return false;
}

static bool holds(struct trial *trial, uint32_t i)
{
    const struct mopt_value *value = trial->node->outputs[i];
    const struct mopt_type *type = value->type;
    if (trial->outputs[i] == NULL || trial->outputs[i]->kind != MOPT_DATUM_TENSOR || type == NULL) {
        return true;
    }
    const struct mopt_tensor *tensor = trial->outputs[i]->tensor;
    const struct mopt_param *param = mopt__op_output(trial->op, i);
    if ((param->dtypes & MOPT_DT(tensor->dtype)) == 0) {
        return told(trial, "type that the schema forbids", i, type, tensor);
    }
    if (type->dtype != MOPT_UNDEFINED && type->dtype != tensor->dtype) {
        return told(trial, "type", i, type, tensor);
    }
    if (type->rank >= 0 && type->rank != tensor->rank) {
        return told(trial, "rank", i, type, tensor);
    }
    for (int k = 0; k < type->rank; k++) {
        if (type->dims[k] >= 0 && type->dims[k] != tensor->dims[k]) {
            return told(trial, "a dim", i, type, tensor);
        }
    }
    for (size_t k = 0; value->ints != NULL && k < value->ints->count; k++) {
        int64_t known;
        if (mopt__dim_is_known(trial->model->dims, value->ints->items[k], &known) &&
            (k >= tensor->count || known != mopt__tensor_i64_at(tensor, k))) {
            return told(trial, "an int", i, type, tensor);
        }
    }
    return true;
}

// False with trial->reason set when a rule is broken. *computed counts nodes that eval accepted.
static bool run_trial(struct trial *trial, size_t *computed)
{
    struct mopt_error err;
    struct mopt_error doubt;
    mopt_error_clear(&err);
    mopt_error_clear(&doubt);
    struct mopt_budget budget = {.deadline_ns = mopt__clock_ns() + UINT64_C(5000000000),
                                 .max_memory_bytes = 1 << 24};
    enum mopt_status checked = mopt__op_check(trial->node, &err);
    enum mopt_status inferred = mopt__infer_model(trial->model, MOPT_INFER_STRICT, &doubt);
    mopt_error_clear(&err);
    int64_t version = mopt__graph_opset(trial->model->graph, trial->op->domain);
    enum mopt_status status =
        mopt__eval_node(trial->node, version, trial->inputs, trial->outputs, &budget, &err);
    if (status == MOPT_E_INTERNAL || (status != MOPT_OK && err.text[0] == '\0')) {
        snprintf(trial->reason, sizeof trial->reason, "eval says: %.400s", err.text);
        return false;
    }
    if (status != MOPT_OK || checked != MOPT_OK) {
        return true;
    }
    (*computed)++;
    if (inferred != MOPT_OK) {
        snprintf(trial->reason, sizeof trial->reason, "infer refuses what eval computes: %.300s",
                 doubt.text);
        return false;
    }
    for (uint32_t i = 0; i < trial->node->output_count; i++) {
        if (!holds(trial, i)) {
            return false;
        }
    }
    return true;
}

static bool has_tensors_only(const struct mopt_op *op)
{
    unsigned flags = MOPT_PARAM_SEQUENCE | MOPT_PARAM_OPTIONAL_TYPE | MOPT_PARAM_MAP;
    for (unsigned i = 0; i < op->input_count; i++) {
        if ((op->inputs[i].flags & flags) != 0) {
            return false;
        }
    }
    return (op->traits & MOPT_TRAIT_CONTROL) == 0;
}

static void show(struct trial *trial)
{
    struct mopt_strbuf text = {0};
    struct mopt_error err;
    const struct mopt_text_options options = {.max_elements = 16, .types = true};
    (void)mopt__text_print(trial->model, &options, &text, &err);
    print_message("%s (%s) since %d: %s\n%s\n", trial->op->name, trial->op->domain,
                  trial->op->since, trial->reason, mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
}

static size_t try_record(const struct mopt_op *op, uint64_t seed, size_t *computed)
{
    size_t broken = 0;
    for (uint64_t t = 0; t < TRIALS && broken == 0; t++) {
        struct trial trial = {.op = op};
        mopt__rng_init(&trial.rng, seed * 1000 + t);
        build(&trial);
        if (!run_trial(&trial, computed)) {
            show(&trial);
            broken++;
        }
        for (int i = 0; i < INPUTS_MAX; i++) {
            mopt__datum_unref(trial.inputs[i]);
        }
        for (int i = 0; i < OUTPUTS_MAX; i++) {
            mopt__datum_unref(trial.outputs[i]);
        }
        mopt__model_free(trial.model);
    }
    return broken;
}

static void random_nodes(void **state)
{
    (void)state;
    size_t families;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    size_t broken = 0;
    size_t computed = 0;
    uint64_t seed = 1;
    for (size_t f = 0; f < families; f++) {
        for (size_t r = 0; r < list[f]->count; r++, seed++) {
            const struct mopt_op *op = &list[f]->records[r];
            if (op->eval != NULL && op->infer != NULL && has_tensors_only(op) &&
                op->output_count <= OUTPUTS_MAX) {
                broken += try_record(op, seed, &computed);
            }
        }
    }
    print_message("%zu random nodes were computed\n", computed);
    assert_int_equal(broken, 0);
    assert_true(computed > 1000);
}

int mopt__test_facets(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_nodes),
    };
    return cmocka_run_group_tests_name("facets", tests, NULL, NULL);
}
