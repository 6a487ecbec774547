// SPDX-License-Identifier: Apache-2.0
// The registry, checks that hold for every record, typed attributes, conversion of element types,
// broadcasting.
#include "support.h"
#include "tests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/broadcast.h"
#include "ops/convert.h"

// ---- Registry -----------------------------------------------------------------------------------

static void find_by_version(void **state)
{
    (void)state;
    assert_null(mopt__op_find("", "Cast", 0));
    assert_int_equal(mopt__op_find("", "Cast", 1)->since, 1);
    assert_int_equal(mopt__op_find("", "Cast", 5)->since, 1);
    assert_int_equal(mopt__op_find("", "Cast", 6)->since, 6);
    assert_int_equal(mopt__op_find("", "Cast", 18)->since, 6);
    assert_int_equal(mopt__op_find("", "Cast", 19)->since, 19);
    assert_int_equal(mopt__op_find("", "Cast", 1000)->since, 24);
    assert_null(mopt__op_find("", "SequenceAt", 10));
    assert_null(mopt__op_find("other", "Cast", 13));
    assert_null(mopt__op_find("", "cast", 13));
}

static void check_attribute_specs(const struct mopt_op *op)
{
    for (unsigned i = 0; i < op->attribute_count; i++) {
        const struct mopt_attr_spec *spec = &op->attributes[i];
        assert_true(spec->kind > MOPT_ATTR_UNDEFINED && spec->kind <= MOPT_ATTR_TYPES);
        assert_false(spec->required && spec->has_default);
        assert_true(!spec->has_range || spec->min <= spec->max);
        assert_true(spec->choices == NULL || spec->kind == MOPT_ATTR_STRING);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(spec->name, op->attributes[k].name);
        }
    }
}

static void check_params(const struct mopt_param *params, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_non_null(params[i].name);
        assert_true(params[i].dtypes != 0);
        assert_true((params[i].flags & MOPT_PARAM_VARIADIC) == 0 || i + 1 == count);
    }
}

static void every_record_is_sane(void **state)
{
    (void)state;
    size_t families;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    size_t records = 0;
    for (size_t f = 0; f < families; f++) {
        assert_true(list[f]->count > 0);
        for (size_t r = 0; r < list[f]->count; r++) {
            const struct mopt_op *op = &list[f]->records[r];
            records++;
            assert_true(op->domain != NULL && op->name != NULL && op->summary != NULL);
            assert_true(op->since >= 1 && (op->until == 0 || op->until >= op->since));
            assert_true(op->output_count > 0 || op->outputs == NULL);
            check_params(op->inputs, op->input_count);
            check_params(op->outputs, op->output_count);
            check_attribute_specs(op);
            // Found at both ends of its range: no other record hides it.
            assert_ptr_equal(mopt__op_find(op->domain, op->name, op->since), op);
            assert_ptr_equal(mopt__op_find(op->domain, op->name,
                                           op->until != 0 ? op->until : 1000000),
                             op);
        }
    }
    assert_true(records < 2048); // the index of the registry holds 4096 slots
}

// ---- Every record against wrong nodes -----------------------------------------------------------

static void set_wrong(struct mopt_node *node, const struct mopt_attr_spec *spec, bool as_int)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(as_int ? mopt__node_set_int(node, spec->name, 1, &err)
                            : mopt__node_set_string(node, spec->name, "x", &err),
                     MOPT_OK);
}

// Every attribute of another kind than the schema's is refused, whatever else the node lacks.
static void wrong_kinds_are_refused(void **state)
{
    enum { MANY = 18 }; // as many inputs as a record has
    (void)state;
    size_t families;
    const struct mopt_op_family *const *list = mopt__op_families(&families);
    struct mopt_error err;
    for (size_t f = 0; f < families; f++) {
        for (size_t r = 0; r < list[f]->count; r++) {
            const struct mopt_op *op = &list[f]->records[r];
            for (unsigned a = 0; a < op->attribute_count; a++) {
                struct mopt_model *model;
                assert_int_equal(mopt__model_new(&model, &err), MOPT_OK);
                struct mopt_value *input = mopt__value_new(model->graph, "x", &err);
                struct mopt_value *inputs[MANY];
                for (int i = 0; i < MANY; i++) {
                    inputs[i] = input;
                }
                struct mopt_node *node =
                    mopt__op_node(model->graph, NULL, op->name, op->domain, inputs,
                                  op->input_count < MANY ? op->input_count : MANY, op->output_count,
                                  &err);
                node->op = op;
                set_wrong(node, &op->attributes[a], op->attributes[a].kind != MOPT_ATTR_INT);
                enum mopt_status status = mopt__op_check(node, &err);
                assert_int_equal(status, MOPT_E_TYPE);
                assert_non_null(strstr(err.text, op->attributes[a].name));
                mopt__model_free(model);
            }
        }
    }
}

static enum mopt_status check_text(const char *text, const char *op_type, struct mopt_error *err)
{
    struct mopt_model *model = parse_model(text);
    mopt_error_clear(err);
    enum mopt_status status = mopt__op_check(node_of(model, op_type), err);
    mopt__model_free(model);
    return status;
}

static void schemas_are_enforced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *op_type;
        enum mopt_status status;
        const char *words;
    } cases[] = {
        {"graph g (float[1] x) -> (y) { y = Cast<to=7>(x); }", "Cast", MOPT_OK, ""},
        {"graph g (float[1] x) -> (y) { y = Cast(x); }", "Cast", MOPT_E_FORMAT, "'to' is missing"},
        {"graph g (float[1] x) -> (y) { y = Cast<to=7>(x, x); }", "Cast", MOPT_E_FORMAT,
         "2 inputs"},
        {"graph g (float[1] x) -> (y) { y = Cast<to=7>(); }", "Cast", MOPT_E_FORMAT, "'input'"},
        {"graph g (float[1] x) -> (y) { y, z = Cast<to=7>(x); }", "Cast", MOPT_E_FORMAT,
         "2 outputs"},
        {"graph g (float[1] x) -> (y) { y = Cast<to=7, saturate=2>(x); }", "Cast", MOPT_E_VALUE,
         "[0, 1]"},
        {"graph g (float[1] x) -> (y) { y = Cast<to=7, other=2>(x); }", "Cast", MOPT_E_FORMAT,
         "'other'"},
        {"model (ir=12, opset=24) { graph g (float[1] x) -> (y) { y = Cast<to=7, "
         "round_mode=\"odd\">(x); } }",
         "Cast", MOPT_E_VALUE, "up|down|nearest"},
        {"graph g (complex64[1] x) -> (y) { y = Cast<to=7>(x); }", "Cast", MOPT_E_TYPE,
         "'complex64'"},
        {"graph g (seq(float[1]) x) -> (y) { y = Cast<to=7>(x); }", "Cast", MOPT_E_TYPE, "kind"},
        {"graph g (float[1] x, int64[1] z) -> (y) { y = Add(x, z); }", "Add", MOPT_E_TYPE,
         "'int64'"},
        {"graph g (float[1] x) -> (y) { y = Add(x, _); }", "Add", MOPT_E_FORMAT, "missing"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_error err;
        assert_int_equal(check_text(cases[i].text, cases[i].op_type, &err), cases[i].status);
        assert_non_null(strstr(err.text, cases[i].words));
    }
}

static void attributes_have_defaults(void **state)
{
    (void)state;
    struct mopt_model *model = parse_model("graph g (float[1] x) -> (y) { y = Cast<to=7>(x); z = "
                                           "RandomNormal<shape=[2], mean=1.5>(); }");
    struct mopt_error err;
    mopt_error_clear(&err);
    const struct mopt_node *cast = node_of(model, "Cast");
    const struct mopt_node *random = node_of(model, "RandomNormal");
    int64_t number = 0;
    float real = 0;
    const int64_t *list;
    size_t count;
    assert_int_equal(mopt__attr_int(cast, "to", 0, &number, &err), MOPT_OK);
    assert_int_equal(number, 7);
    assert_int_equal(mopt__attr_int(cast, "saturate", 9, &number, &err), MOPT_OK);
    assert_int_equal(number, 1); // of the schema
    assert_int_equal(mopt__attr_int(cast, "nothing", 9, &number, &err), MOPT_OK);
    assert_int_equal(number, 9);
    assert_int_equal(mopt__attr_float(random, "mean", 0, &real, &err), MOPT_OK);
    assert_true(real == 1.5F);
    assert_int_equal(mopt__attr_float(random, "scale", 0, &real, &err), MOPT_OK);
    assert_true(real == 1.0F);
    assert_int_equal(mopt__attr_ints(random, "shape", &list, &count, &err), MOPT_OK);
    assert_true(count == 1 && list[0] == 2);
    assert_int_equal(mopt__attr_float(cast, "to", 0, &real, &err), MOPT_E_TYPE);
    assert_int_equal(mopt__attr_ints(cast, "to", &list, &count, &err), MOPT_E_TYPE);
    assert_true(list == NULL && count == 0);
    mopt__model_free(model);
}

static void axes_are_normalised(void **state)
{
    (void)state;
    struct mopt_error err;
    int axis = 0;
    assert_int_equal(mopt__axis_normalise(-3, 3, &axis, &err), MOPT_OK);
    assert_int_equal(axis, 0);
    assert_int_equal(mopt__axis_normalise(2, 3, &axis, &err), MOPT_OK);
    assert_int_equal(axis, 2);
    static const int64_t bad[] = {3, -4, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        assert_int_equal(mopt__axis_normalise(bad[i], 3, &axis, &err), MOPT_E_VALUE);
    }
    assert_int_equal(mopt__axis_normalise(0, 0, &axis, &err), MOPT_E_VALUE);
}

// ---- Conversion ---------------------------------------------------------------------------------

static void convert_values(enum mopt_dtype from, enum mopt_dtype to, size_t count, const double *in,
                           const double *out)
{
    const struct mopt_convert options = {.saturate = true};
    const int64_t dims[] = {(int64_t)count};
    struct mopt_tensor *source = tensor_of(from, 1, dims, in);
    struct mopt_tensor *target;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(to, 1, dims, &target, &err), MOPT_OK);
    assert_int_equal(mopt__convert(target, source, &options, &err), MOPT_OK);
    for (size_t i = 0; i < count; i++) {
        double got = mopt__tensor_f64(target, i);
        if (!(isnan(got) && isnan(out[i])) && got != out[i]) {
            fail_msg("%s to %s: %g gives %g, expected %g", mopt__dtype_name(from),
                     mopt__dtype_name(to), in[i], got, out[i]);
        }
    }
    mopt__tensor_unref(source);
    mopt__tensor_unref(target);
}
#define CONVERT(from, to, in, out)                                                   \
    convert_values(from, to, MOPT_COUNTOF(((const double[])in)), (const double[])in, \
                   (const double[])out)
#define LIST(...)   \
    {               \
        __VA_ARGS__ \
    }

static void conversion_of_numbers(void **state)
{
    (void)state;
    double nan = (double)NAN;
    double inf = (double)INFINITY;
    CONVERT(MOPT_FLOAT32, MOPT_INT32, LIST(1.9, -1.9, 3e9, nan, -2147483648.0),
            LIST(1, -1, -2147483648.0, -2147483648.0, -2147483648.0));
    CONVERT(MOPT_FLOAT32, MOPT_UINT8, LIST(255.5, 256, -1, 300, nan), LIST(255, 0, 255, 44, 0));
    CONVERT(MOPT_FLOAT32, MOPT_INT8, LIST(-128.7, 128, 200), LIST(-128, -128, -56));
    CONVERT(MOPT_FLOAT32, MOPT_UINT32, LIST(4294967040.0, -1), LIST(4294967040.0, 4294967295.0));
    CONVERT(MOPT_FLOAT32, MOPT_BOOL, LIST(0, -0.0, 0.1, nan), LIST(0, 0, 1, 1));
    CONVERT(MOPT_FLOAT32, MOPT_INT4, LIST(-9.6, -7.5, 7.7, 8), LIST(7, -7, 7, -8));
    CONVERT(MOPT_FLOAT32, MOPT_UINT2, LIST(3, 4, 5, 2, 1), LIST(3, 0, 1, 2, 1));
    CONVERT(MOPT_INT16, MOPT_INT8, LIST(200, -129, 127), LIST(-56, 127, 127));
    CONVERT(MOPT_INT32, MOPT_UINT4, LIST(-1, 16, 5), LIST(15, 0, 5));
    CONVERT(MOPT_FLOAT32, MOPT_FLOAT16, LIST(65519.996, 65520, 1e-8, 2049),
            LIST(65504, inf, 0, 2048));
    CONVERT(MOPT_FLOAT32, MOPT_BFLOAT16, LIST(1.00390625, 1.01171875, nan), LIST(1, 1.015625, nan));
    CONVERT(MOPT_FLOAT32, MOPT_FLOAT8E4M3FN, LIST(448, 1000, inf, 0.0625),
            LIST(448, 448, 448, 0.0625));
    CONVERT(MOPT_FLOAT32, MOPT_FLOAT4E2M1, LIST(6.5, -100, 0.75, 1.25), LIST(6, -6, 1, 1));
    CONVERT(MOPT_FLOAT32, MOPT_FLOAT8E8M0, LIST(1, 1.1, 4, inf), LIST(1, 2, 4, 0x1p127));
    CONVERT(MOPT_BOOL, MOPT_FLOAT64, LIST(0, 1), LIST(0, 1));
    CONVERT(MOPT_INT4, MOPT_FLOAT32, LIST(-8, 7, 0, -1, 3), LIST(-8, 7, 0, -1, 3));
    // A double just above a tie of two bfloat16 must not fall on the tie on its way through float.
    CONVERT(MOPT_FLOAT64, MOPT_BFLOAT16, LIST(1.00390625 + 0x1p-40, 1.00390625 - 0x1p-40),
            LIST(1.0078125, 1));
}

static void conversion_of_wide_integers(void **state)
{
    (void)state;
    const struct mopt_convert options = {.saturate = true};
    const int64_t dims[] = {2};
    struct mopt_tensor *from;
    struct mopt_tensor *to;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(MOPT_UINT64, 1, dims, &from, &err), MOPT_OK);
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 1, dims, &to, &err), MOPT_OK);
    uint64_t *in = mopt__tensor_data(from);
    in[0] = UINT64_MAX;
    in[1] = (UINT64_C(1) << 24) * 256 +
            129; // one bit above the tie; through double it would be lost only below 2^53
    assert_int_equal(mopt__convert(to, from, &options, &err), MOPT_OK);
    const float *out = to->data;
    assert_true(out[0] == 18446744073709551616.0F);
    assert_true(out[1] == (float)in[1]);
    mopt__tensor_unref(from);
    mopt__tensor_unref(to);
}

static void assert_text(enum mopt_dtype dtype, double value, const char *text)
{
    char buf[MOPT_NUMBER_TEXT];
    assert_int_equal(mopt__float_text(dtype, value, buf), strlen(text));
    assert_string_equal(buf, text);
}

static void numbers_as_text(void **state)
{
    (void)state;
    assert_text(MOPT_FLOAT32, (double)0.47892547F, "0.47892547");
    assert_text(MOPT_FLOAT32, 1, "1.0");
    assert_text(MOPT_FLOAT32, -0.0, "-0.0");
    assert_text(MOPT_FLOAT32, (double)1e-4F, "0.0001");
    assert_text(MOPT_FLOAT32, (double)1.5e-5F, "1.5e-05");
    assert_text(MOPT_FLOAT32, (double)1e20F, "1e+20");
    assert_text(MOPT_FLOAT64, 1e15, "1000000000000000.0");
    assert_text(MOPT_FLOAT64, 1e16, "1e+16");
    assert_text(MOPT_FLOAT64, 0.1, "0.1");
    assert_text(MOPT_FLOAT64, 5e-324, "5e-324");
    assert_text(MOPT_FLOAT64, -1.7976931348623157e308, "-1.7976931348623157e+308");
    assert_text(MOPT_FLOAT64, 123.456, "123.456");
    assert_text(MOPT_FLOAT16, 0.0999755859375, "0.1");
    assert_text(MOPT_FLOAT64, (double)INFINITY, "inf");
    assert_text(MOPT_FLOAT64, -(double)INFINITY, "-inf");
    assert_text(MOPT_FLOAT64, (double)NAN, "nan");
}

static void text_as_numbers(void **state)
{
    (void)state;
    double real;
    int64_t integer;
    assert_true(mopt__text_float(" 1e-3 ", 6, &real) && real == 0.001);
    assert_true(mopt__text_float("+INF", 4, &real) && real == (double)INFINITY);
    assert_true(mopt__text_float("-inf", 4, &real) && real == -(double)INFINITY);
    assert_true(mopt__text_float("NaN", 3, &real) && isnan(real));
    assert_true(mopt__text_float("1234", 2, &real) && real == 12); // the size counts, no NUL needed
    assert_true(mopt__text_integer("-12", 3, &integer) && integer == -12);
    assert_true(mopt__text_integer("100.5", 5, &integer) && integer == 100);
    assert_true(mopt__text_integer("18446744073709551615", 20, &integer) && integer == -1);
    static const char *const bad[] = {"", " ", "one", "1x", "0x10", "1e", "--1", "infinite"};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        assert_false(mopt__text_float(bad[i], strlen(bad[i]), &real));
        assert_false(mopt__text_integer(bad[i], strlen(bad[i]), &integer));
    }
    assert_false(mopt__text_float("1\0002", 3, &real));
}

// ---- Broadcast ----------------------------------------------------------------------------------

static void broadcast_walks(void **state)
{
    (void)state;
    const double values[6] = {0};
    struct mopt_tensor *a = tensor_of(MOPT_INT8, 2, (const int64_t[]){2, 1}, values);
    struct mopt_tensor *b = tensor_of(MOPT_INT8, 1, (const int64_t[]){3}, values);
    struct mopt_tensor *c = tensor_of(MOPT_INT8, 1, (const int64_t[]){2}, values);
    struct mopt_error err;
    struct mopt_broadcast shape;
    assert_int_equal(mopt__broadcast_pair(a, b, &shape, &err), MOPT_OK);
    assert_true(shape.rank == 2 && shape.count == 6 && shape.dims[0] == 2 && shape.dims[1] == 3);
    struct mopt_walk walk;
    for (size_t begin = 0; begin < 6; begin++) {
        mopt__walk_start(&walk, &shape, begin);
        for (size_t i = begin; i < 6; i++, mopt__walk_next(&walk)) {
            assert_int_equal(walk.a, i / 3);
            assert_int_equal(walk.b, i % 3);
        }
    }
    assert_int_equal(mopt__broadcast_pair(b, c, &shape, &err), MOPT_E_SHAPE);
    mopt__tensor_unref(a);
    mopt__tensor_unref(b);
    mopt__tensor_unref(c);
}

int mopt__test_core(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_by_version),          cmocka_unit_test(every_record_is_sane),
        cmocka_unit_test(wrong_kinds_are_refused),  cmocka_unit_test(schemas_are_enforced),
        cmocka_unit_test(attributes_have_defaults), cmocka_unit_test(axes_are_normalised),
        cmocka_unit_test(conversion_of_numbers),    cmocka_unit_test(conversion_of_wide_integers),
        cmocka_unit_test(numbers_as_text),          cmocka_unit_test(text_as_numbers),
        cmocka_unit_test(broadcast_walks),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
