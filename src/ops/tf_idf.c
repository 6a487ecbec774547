// SPDX-License-Identifier: Apache-2.0
// TfIdfVectorizer: counts how often the n-grams of a pool stand in a sequence, with gaps up to a
// number of skips.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

enum mode { MODE_TF, MODE_IDF, MODE_TFIDF };

struct vectorizer {
    enum mode mode;
    int64_t shortest, longest, skips;
    const int64_t *starts; // where the n-grams of each length begin in the pool
    size_t start_count;
    const int64_t *targets; // output position of each n-gram
    size_t gram_count;
    const float *weights; // NULL: all 1
    const int64_t *numbers;
    const struct mopt_string *texts;
    size_t pool_count;
    int64_t width;
};

static enum mopt_status read_lists(const struct mopt_node *node, struct vectorizer *v,
                                   struct mopt_error *err)
{
    size_t numbers;
    size_t texts;
    size_t weights;
    enum mopt_status status =
        mopt__attr_ints(node, "ngram_counts", &v->starts, &v->start_count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_ints(node, "ngram_indexes", &v->targets, &v->gram_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_floats(node, "weights", &v->weights, &weights, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_ints(node, "pool_int64s", &v->numbers, &numbers, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_strings(node, "pool_strings", &v->texts, &texts, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if ((numbers > 0) == (texts > 0) || (weights > 0 && weights != v->gram_count)) {
        return mopt_error_set(err, MOPT_E_VALUE, "needs one pool, and as many weights as n-grams");
    }
    v->pool_count = numbers + texts;
    v->texts = texts > 0 ? v->texts : NULL; // an empty list is no pool
    v->weights = weights > 0 ? v->weights : NULL;
    return MOPT_OK;
}

static enum mopt_status read_numbers(const struct mopt_node *node, struct vectorizer *v,
                                     struct mopt_error *err)
{
    const char *mode;
    enum mopt_status status = mopt__attr_string(node, "mode", "TF", &mode, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "min_gram_length", 1, &v->shortest, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "max_gram_length", 1, &v->longest, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "max_skip_count", 0, &v->skips, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    v->mode =
        strcmp(mode, "TF") == 0 ? MODE_TF : (strcmp(mode, "IDF") == 0 ? MODE_IDF : MODE_TFIDF);
    if (v->mode == MODE_TFIDF && strcmp(mode, "TFIDF") != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'mode' is '%s'", mode);
    }
    if (v->shortest < 1 || v->longest < v->shortest || v->skips < 0 ||
        (uint64_t)v->longest > v->start_count) {
        return mopt_error_set(err, MOPT_E_VALUE, "n-gram lengths %lld to %lld, %lld skips",
                              (long long)v->shortest, (long long)v->longest, (long long)v->skips);
    }
    return MOPT_OK;
}

// First element behind the n-grams of this length.
static size_t pool_end(const struct vectorizer *v, size_t length)
{
    return length < v->start_count ? (size_t)v->starts[length] : v->pool_count;
}

// Every position that the evaluation computes lies inside the lists.
static enum mopt_status check_pool(struct vectorizer *v, struct mopt_error *err)
{
    size_t grams = 0;
    for (size_t n = 1; n <= v->start_count; n++) {
        int64_t begin = v->starts[n - 1];
        if (begin < 0 || (uint64_t)begin > v->pool_count || pool_end(v, n) < (size_t)begin ||
            pool_end(v, n) > v->pool_count || (pool_end(v, n) - (size_t)begin) % n != 0) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "attribute 'ngram_counts' does not fit the pool");
        }
        grams += (pool_end(v, n) - (size_t)begin) / n;
    }
    v->width = 0;
    for (size_t i = 0; i < v->gram_count; i++) {
        if (v->targets[i] < 0 || v->targets[i] >= INT32_MAX) {
            return mopt_error_set(err, MOPT_E_VALUE, "attribute 'ngram_indexes' has %lld",
                                  (long long)v->targets[i]);
        }
        v->width = v->targets[i] >= v->width ? v->targets[i] + 1 : v->width;
    }
    if (grams > v->gram_count) {
        return mopt_error_set(err, MOPT_E_VALUE, "pool has %zu n-grams, 'ngram_indexes' %zu", grams,
                              v->gram_count);
    }
    return MOPT_OK;
}

static enum mopt_status open_vectorizer(const struct mopt_node *node, struct vectorizer *v,
                                        struct mopt_error *err)
{
    *v = (struct vectorizer){0};
    enum mopt_status status = read_lists(node, v, err);
    if (status == MOPT_OK) {
        status = read_numbers(node, v, err);
    }
    return status == MOPT_OK ? check_pool(v, err) : status;
}

static enum mopt_status tf_idf_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct vectorizer v;
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_status status = open_vectorizer(infer->node, &v, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (type == NULL || type->rank < 0) {
        return mopt__infer_set(infer, 0, MOPT_FLOAT32, -1, NULL, err);
    }
    int64_t dims[2] = {type->rank == 2 ? type->dims[0] : 0, v.width};
    return mopt__infer_set(infer, 0, MOPT_FLOAT32, type->rank == 2 ? 2 : 1,
                           type->rank == 2 ? dims : dims + 1, err);
}

static bool same_element(const struct vectorizer *v, const struct mopt_tensor *input, size_t at,
                         size_t pool)
{
    if (v->texts != NULL) {
        const struct mopt_string *text = (const struct mopt_string *)input->data + at;
        return text->size == v->texts[pool].size &&
               (text->size == 0 || memcmp(text->data, v->texts[pool].data, text->size) == 0);
    }
    return mopt__tensor_i64_at(input, at) == v->numbers[pool];
}

// Counts one window: `length` elements from `first` on, `step` apart.
static void count_window(const struct vectorizer *v, const struct mopt_tensor *input, size_t first,
                         size_t step, size_t length, float *row)
{
    size_t gram = 0;
    for (size_t n = 1; n < length; n++) {
        gram += (pool_end(v, n) - (size_t)v->starts[n - 1]) / n;
    }
    for (size_t at = (size_t)v->starts[length - 1]; at < pool_end(v, length);
         at += length, gram++) {
        size_t same = 0;
        while (same < length && same_element(v, input, first + same * step, at + same)) {
            same++;
        }
        if (same == length) {
            row[v->targets[gram]] += 1.0F;
        }
    }
}

static void count_row(const struct vectorizer *v, const struct mopt_tensor *input, size_t first,
                      size_t size, float *row)
{
    for (int64_t length = v->shortest; length <= v->longest; length++) {
        // A single element has no gaps: counted once, not once per number of skips.
        int64_t skips = length == 1 ? 0 : v->skips;
        for (int64_t skip = 0; skip <= skips; skip++) {
            size_t step = (size_t)skip + 1;
            size_t span = ((size_t)length - 1) * step;
            if (span >= size) {
                break;
            }
            for (size_t at = 0; at + span < size; at++) {
                count_window(v, input, first + at, step, (size_t)length, row);
            }
        }
    }
}

static void weigh_row(const struct vectorizer *v, float *row)
{
    if (v->mode == MODE_IDF) {
        for (int64_t i = 0; i < v->width; i++) {
            row[i] = row[i] > 0 ? 1.0F : 0.0F;
        }
    }
    if (v->mode != MODE_TF && v->weights != NULL) {
        for (size_t i = 0; i < v->gram_count; i++) {
            row[v->targets[i]] *= v->weights[i];
        }
    }
}

static enum mopt_status tf_idf_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct vectorizer v;
    enum mopt_status status = open_vectorizer(eval->node, &v, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (input->rank != 1 && input->rank != 2) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 1 or 2", input->rank);
    }
    if ((input->dtype == MOPT_STRING) != (v.texts != NULL)) {
        return mopt_error_set(err, MOPT_E_TYPE, "pool and input are not of one type");
    }
    size_t rows = input->rank == 2 ? (size_t)input->dims[0] : 1;
    size_t size = (size_t)input->dims[input->rank - 1];
    int64_t dims[2] = {(int64_t)rows, v.width};
    struct mopt_tensor *out;
    status = mopt__eval_output(eval, 0, MOPT_FLOAT32, input->rank,
                               input->rank == 2 ? dims : dims + 1, &out, err);
    if (status != MOPT_OK) {
        return status;
    }
    float *data = mopt__tensor_data(out);
    memset(data, 0, out->bytes);
    for (size_t r = 0; status == MOPT_OK && r < rows; r++) {
        count_row(&v, input, r * size, size, data + r * (size_t)v.width);
        weigh_row(&v, data + r * (size_t)v.width);
        status = eval->budget != NULL ? mopt__budget_check(eval->budget, err) : MOPT_OK;
    }
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "TfIdfVectorizer",
     .since = 9,
     .summary = "counts of the n-grams of a pool, weighted on request",
     MOPT_INPUTS({"X", "T", MOPT_SET_INDEX | MOPT_DT(MOPT_STRING), 0}),
     MOPT_OUTPUTS({"Y", "T1", MOPT_DT(MOPT_FLOAT32), 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING_REQUIRED("mode", "TF|IDF|TFIDF"),
                     MOPT_A_INT_REQUIRED("min_gram_length"), MOPT_A_INT_REQUIRED("max_gram_length"),
                     MOPT_A_INT_REQUIRED("max_skip_count"), MOPT_A_INTS_REQUIRED("ngram_counts"),
                     MOPT_A_INTS_REQUIRED("ngram_indexes"), MOPT_A_INTS("pool_int64s"),
                     {.name = "pool_strings", .kind = MOPT_ATTR_STRINGS},
                     {.name = "weights", .kind = MOPT_ATTR_FLOATS}),
     .infer = tf_idf_infer,
     .eval = tf_idf_eval},
};
const struct mopt_op_family mopt__ops_tf_idf = {records, MOPT_COUNTOF(records)};
