// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml: Scaler moves and stretches columns, Imputer replaces a value in them, Normalizer
// divides each row by its norm.
#include <math.h>

#include "ops/ml_rows.h"
#include "ops/record.h"

static enum mopt_status floats_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    return mopt__infer_set(infer, 0, MOPT_FLOAT32, type != NULL ? type->rank : -1,
                           type != NULL ? type->dims : NULL, err);
}

// ---- Scaler ---------------------------------------------------------------------------------------------------

// One number for all columns, or one for each.
static enum mopt_status read_columns(const struct mopt_node *node, const char *name, size_t width,
                                     const float **list, size_t *step, struct mopt_error *err)
{
    size_t count;
    enum mopt_status status = mopt__attr_floats(node, name, list, &count, err);
    *step = count == 1 ? 0 : 1;
    return status != MOPT_OK || count == 1 || count == width
               ? status
               : mopt_error_set(err, MOPT_E_VALUE,
                                "attribute '%s' has %zu entries, %zu columns need 1 or %zu", name,
                                count, width, width);
}

static enum mopt_status scaler_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    const float *offset = NULL;
    const float *scale = NULL;
    size_t offset_step = 0;
    size_t scale_step = 0;
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        status = read_columns(eval->node, "offset", rows.width, &offset, &offset_step, err);
    }
    if (status == MOPT_OK) {
        status = read_columns(eval->node, "scale", rows.width, &scale, &scale_step, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, rows.x->rank, rows.x->dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    float *y = mopt__tensor_data(out);
    for (size_t i = 0; i < rows.x->count; i++) {
        size_t column = i % rows.width;
        double x = mopt__tensor_f64(rows.x, i) - (double)offset[column * offset_step];
        y[i] = (float)(x * (double)scale[column * scale_step]);
    }
    return MOPT_OK;
}

// ---- Imputer --------------------------------------------------------------------------------------------------

// What stands in the place of which value; one or the other kind, as the input is.
struct imputer {
    const float *floats;
    const int64_t *ints;
    size_t step;
    float missing;
    int64_t missing_int;
};

static enum mopt_status open_imputer(const struct mopt_node *node, enum mopt_dtype dtype,
                                     size_t width, struct imputer *m, struct mopt_error *err)
{
    bool integer = mopt__dtype_is_integer(dtype);
    const char *name = integer ? "imputed_value_int64s" : "imputed_value_floats";
    size_t count;
    enum mopt_status status = integer ? mopt__attr_ints(node, name, &m->ints, &count, err)
                                      : mopt__attr_floats(node, name, &m->floats, &count, err);
    if (status == MOPT_OK) {
        status = integer ? mopt__attr_int(node, "replaced_value_int64", 0, &m->missing_int, err)
                         : mopt__attr_float(node, "replaced_value_float", 0, &m->missing, err);
    }
    if (status == MOPT_OK && count != 1 && count != width) {
        status = mopt_error_set(err, MOPT_E_VALUE,
                                "attribute '%s' has %zu entries, %zu columns need 1 or %zu", name,
                                count, width, width);
    }
    m->step = status == MOPT_OK && count != 1 ? 1 : 0;
    return status;
}

static enum mopt_status imputer_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    return mopt__infer_set_type(infer, 0, mopt__infer_tensor(infer, 0));
}

static enum mopt_status imputer_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    struct imputer m = {0};
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        status = open_imputer(eval->node, rows.x->dtype, rows.width, &m, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, rows.x->dtype, rows.x->rank, rows.x->dims, &out, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < rows.x->count; i++) {
        size_t at = i % rows.width * m.step;
        void *y = mopt__tensor_data(out);
        if (m.ints != NULL) {
            int64_t x = mopt__tensor_i64_at(rows.x, i);
            mopt__element_set_i64(out->dtype, y, i, x == m.missing_int ? m.ints[at] : x);
            continue;
        }
        double x = mopt__tensor_f64(rows.x, i);
        bool missing = isnan(m.missing) ? isnan(x) : x == (double)m.missing;
        mopt__element_set_f64(out->dtype, y, i, missing ? (double)m.floats[at] : x);
    }
    return status;
}

// ---- Normalizer -----------------------------------------------------------------------------------------------

enum norm { NORM_MAX, NORM_L1, NORM_L2 };

static double norm_of(enum norm norm, const double *row, size_t width)
{
    double sum = norm == NORM_MAX && width > 0 ? row[0] : 0;
    for (size_t i = 0; i < width; i++) {
        switch (norm) {
        case NORM_MAX: // the largest, not that of the largest magnitude
            sum = fmax(sum, row[i]);
            break;
        case NORM_L1:
            sum += fabs(row[i]);
            break;
        default:
            sum += row[i] * row[i];
            break;
        }
    }
    return norm == NORM_L2 ? sqrt(sum) : sum;
}

static enum mopt_status normalizer_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const char *text;
    struct mopt_ml_rows rows = {0};
    struct mopt_tensor *out = NULL;
    double *row = NULL;
    enum mopt_status status = mopt__attr_string(eval->node, "norm", "MAX", &text, err);
    if (status == MOPT_OK) {
        status = mopt__ml_rows(eval, &rows, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, rows.x->rank, rows.x->dims, &out, err);
    }
    if (status == MOPT_OK && (row = mopt__calloc(rows.width + 1, sizeof *row)) == NULL) {
        status = mopt_error_memory(err);
    }
    for (size_t r = 0; status == MOPT_OK && r < rows.count; r++) {
        enum norm norm = text[0] == 'M' ? NORM_MAX : text[1] == '1' ? NORM_L1 : NORM_L2;
        float *y = (float *)mopt__tensor_data(out) + r * rows.width;
        mopt__ml_row(&rows, r, row);
        double size = norm_of(norm, row, rows.width);
        for (size_t i = 0; i < rows.width; i++) {
            y[i] = (float)(size != 0 ? row[i] / size : row[i]);
        }
    }
    mopt__free(row);
    return status;
}

#define FLOATS(n)                             \
    {                                         \
        .name = (n), .kind = MOPT_ATTR_FLOATS \
    }
#define FLOAT_OUTPUT MOPT_OUTPUTS({"Y", "tensor(float)", MOPT_DT(MOPT_FLOAT32), 0})
static const struct mopt_op records[] = {
    {.domain = "ai.onnx.ml",
     .name = "Imputer",
     .since = 1,
     .summary = "replaces a value, such as NaN, by that of a column",
     MOPT_INPUTS({"X", "T", MOPT_ML_NUMBERS, 0}),
     MOPT_OUTPUTS({"Y", "T", MOPT_ML_NUMBERS, 0}),
     MOPT_ATTRIBUTES(FLOATS("imputed_value_floats"), MOPT_A_INTS("imputed_value_int64s"),
                     MOPT_A_FLOAT("replaced_value_float", 0),
                     MOPT_A_INT("replaced_value_int64", 0)),
     .infer = imputer_infer,
     .eval = imputer_eval},
    {.domain = "ai.onnx.ml",
     .name = "Normalizer",
     .since = 1,
     .summary = "each row divided by its norm",
     MOPT_INPUTS({"X", "T", MOPT_ML_NUMBERS, 0}),
     FLOAT_OUTPUT,
     MOPT_ATTRIBUTES(MOPT_A_STRING("norm", "MAX", "MAX|L1|L2")),
     .infer = floats_infer,
     .eval = normalizer_eval},
    {.domain = "ai.onnx.ml",
     .name = "Scaler",
     .since = 1,
     .summary = "columns minus an offset, times a scale",
     MOPT_INPUTS({"X", "T", MOPT_ML_NUMBERS, 0}),
     FLOAT_OUTPUT,
     MOPT_ATTRIBUTES(FLOATS("offset"), FLOATS("scale")),
     .infer = floats_infer,
     .eval = scaler_eval},
};
const struct mopt_op_family mopt__ops_ml_columns = {records, MOPT_COUNTOF(records)};
