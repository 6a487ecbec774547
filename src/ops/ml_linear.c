// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml: LinearRegressor and LinearClassifier. Scores of a row are its products with rows of
// coefficients, plus intercepts; a classifier names the class with the largest one, too.
#include "ops/ml_labels.h"
#include "ops/record.h"

struct linear {
    const float *coefficients; // [targets][width]
    const float *intercepts;   // [targets] or NULL
    size_t targets, width;
    enum mopt_ml_post post;
};

static enum mopt_status open_linear(const struct mopt_node *node, size_t width, struct linear *l,
                                    struct mopt_error *err)
{
    size_t coefficients;
    size_t intercepts = 0;
    const char *post = NULL;
    enum mopt_status status =
        mopt__attr_floats(node, "coefficients", &l->coefficients, &coefficients, err);
    if (status == MOPT_OK) {
        status = mopt__attr_floats(node, "intercepts", &l->intercepts, &intercepts, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_string(node, "post_transform", "NONE", &post, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    l->width = width;
    l->targets = width > 0 ? coefficients / width : 0;
    l->post = mopt__ml_post(post);
    if (l->targets == 0 || coefficients % width != 0 ||
        (intercepts != 0 && intercepts != l->targets) || l->post == MOPT_ML_POSTS) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "%zu coefficients, %zu intercepts, transform '%s' for %zu columns",
                              coefficients, intercepts, post, width);
    }
    l->intercepts = intercepts != 0 ? l->intercepts : NULL;
    return MOPT_OK;
}

static void score_row(const struct linear *l, const double *row, double *scores)
{
    for (size_t t = 0; t < l->targets; t++) {
        double sum = l->intercepts != NULL ? (double)l->intercepts[t] : 0;
        for (size_t i = 0; i < l->width; i++) {
            sum += row[i] * (double)l->coefficients[t * l->width + i];
        }
        scores[t] = sum;
    }
}

static void store(const double *scores, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)scores[i];
    }
}

// Room for a row and its scores, of which there may be one more; NULL: no memory.
static double *room_of(const struct linear *l)
{
    return mopt__calloc(l->width + l->targets + 1, sizeof(double));
}

// ---- Regressor ------------------------------------------------------------------------------------------------

static enum mopt_status regressor_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int64_t dims[2] = {mopt__ml_row_count(infer), 1};
    enum mopt_status status = mopt__attr_int(infer->node, "targets", 1, &dims[1], err);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, MOPT_FLOAT32, 2, dims, err) : status;
}

static enum mopt_status regressor_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    struct linear l = {0};
    struct mopt_tensor *out = NULL;
    double *row = NULL;
    int64_t targets = 1;
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        status = open_linear(eval->node, rows.width, &l, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "targets", 1, &targets, err);
    }
    if (status == MOPT_OK && targets != (int64_t)l.targets) {
        status = mopt_error_set(err, MOPT_E_VALUE, "coefficients of %zu targets, not of %lld",
                                l.targets, (long long)targets);
    }
    if (status == MOPT_OK) {
        const int64_t dims[] = {(int64_t)rows.count, targets};
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, 2, dims, &out, err);
    }
    if (status == MOPT_OK && (row = room_of(&l)) == NULL) {
        status = mopt_error_memory(err);
    }
    for (size_t r = 0; status == MOPT_OK && r < rows.count; r++) {
        double *scores = row + l.width;
        mopt__ml_row(&rows, r, row);
        score_row(&l, row, scores);
        mopt__ml_finish(l.post, scores, l.targets);
        store(scores, l.targets, (float *)mopt__tensor_data(out) + r * l.targets);
    }
    mopt__free(row);
    return status;
}

// ---- Classifier -----------------------------------------------------------------------------------------------

static enum mopt_status classifier_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__ml_classes_infer(infer, "classlabels_ints", err);
}

// As many classes as targets, or two that share one: its score is that of the second class.
static enum mopt_status check_classes(const struct linear *l, const struct mopt_ml_labels *labels,
                                      struct mopt_error *err)
{
    bool shared = l->targets == 1 && labels->count == 2;
    if (labels->count != l->targets && !shared) {
        return mopt_error_set(err, MOPT_E_VALUE, "%zu names of %zu classes", labels->count,
                              l->targets);
    }
    return shared && l->post == MOPT_ML_PROBIT
               ? mopt_error_set(err, MOPT_E_UNSUPPORTED, "PROBIT of a score that classes share")
               : MOPT_OK;
}

static void share_score(enum mopt_ml_post post, double *scores)
{
    bool logistic = post == MOPT_ML_LOGISTIC;
    scores[1] = logistic ? mopt__ml_logistic(scores[0]) : scores[0];
    scores[0] = logistic ? mopt__ml_logistic(-scores[0]) : 1 - scores[0];
}

// The class of a row; its scores are finished behind it.
static size_t classify(const struct linear *l, const struct mopt_ml_labels *labels, double *scores)
{
    size_t best = 0;
    if (l->targets == 1 && labels->count == 2) {
        best = scores[0] > 0 ? 1 : 0;
        share_score(l->post, scores);
        return best;
    }
    for (size_t t = 1; t < l->targets; t++) {
        best = scores[t] > scores[best] ? t : best;
    }
    mopt__ml_finish(l->post, scores, l->targets);
    return best;
}

static enum mopt_status classifier_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    struct linear l = {0};
    struct mopt_ml_classes out = {0};
    double *row = NULL;
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        status = open_linear(eval->node, rows.width, &l, err);
    }
    if (status == MOPT_OK) {
        status = mopt__ml_classes_open(eval, "classlabels_ints", rows.count, &out, err);
    }
    if (status == MOPT_OK) {
        status = check_classes(&l, &out.labels, err);
    }
    if (status == MOPT_OK && (row = room_of(&l)) == NULL) {
        status = mopt_error_memory(err);
    }
    for (size_t r = 0; status == MOPT_OK && r < rows.count; r++) {
        double *scores = row + l.width;
        mopt__ml_row(&rows, r, row);
        score_row(&l, row, scores);
        size_t class = classify(&l, &out.labels, scores);
        status = mopt__ml_classes_put(&out, r, class, scores, err);
    }
    mopt__free(row);
    return status;
}

#define LIST(n, k)               \
    {                            \
        .name = (n), .kind = (k) \
    }
#define LINEAR                                                                    \
    LIST("coefficients", MOPT_ATTR_FLOATS), LIST("intercepts", MOPT_ATTR_FLOATS), \
        MOPT_A_STRING("post_transform", "NONE", MOPT_ML_POST_NAMES)
static const struct mopt_op records[] = {
    {.domain = "ai.onnx.ml",
     .name = "LinearClassifier",
     .since = 1,
     .summary = "class with the largest linear function of a row",
     MOPT_INPUTS({"X", "T1", MOPT_ML_NUMBERS, 0}),
     MOPT_OUTPUTS({"Y", "T2", MOPT_ML_LABEL_TYPES, 0},
                  {"Z", "tensor(float)", MOPT_DT(MOPT_FLOAT32), 0}),
     MOPT_ATTRIBUTES(LINEAR, MOPT_A_INTS("classlabels_ints"),
                     LIST("classlabels_strings", MOPT_ATTR_STRINGS), MOPT_A_FLAG("multi_class", 0)),
     .infer = classifier_infer,
     .eval = classifier_eval},
    {.domain = "ai.onnx.ml",
     .name = "LinearRegressor",
     .since = 1,
     .summary = "linear functions of a row",
     MOPT_INPUTS({"X", "T", MOPT_ML_NUMBERS, 0}),
     MOPT_OUTPUTS({"Y", "tensor(float)", MOPT_DT(MOPT_FLOAT32), 0}),
     MOPT_ATTRIBUTES(LINEAR, MOPT_A_INT("targets", 1)),
     .infer = regressor_infer,
     .eval = regressor_eval},
};
const struct mopt_op_family mopt__ops_ml_linear = {records, MOPT_COUNTOF(records)};
