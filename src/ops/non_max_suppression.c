// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression: per image and class, boxes in falling order of score; a box that overlaps a
// kept one too much is dropped. Equal scores go in order of index.
#include "ops/nn_util.h"

struct candidate {
    float score;
    int64_t index;
};

struct rectangle {
    float x1, y1, x2, y2;
};

struct suppression {
    const struct mopt_tensor *boxes, *scores;
    int64_t most; // per class
    float overlap, threshold;
    bool has_threshold, centre;
    size_t images, classes, count;
    struct candidate *candidates; // [count]
    struct rectangle *kept;       // [count]
    int64_t *found;               // heap: triples
    size_t found_count, found_capacity;
};

static bool goes_before(const struct candidate *x, const struct candidate *y)
{
    return x->score > y->score || (x->score == y->score && x->index < y->index);
}

// Restores the heap (the one that goes first at the top) below place i: few of many candidates are
// ever looked at, so that sorting all of them would be for nothing.
static void sink(struct candidate *heap, size_t count, size_t i)
{
    const struct candidate moved = heap[i];
    for (size_t child = 2 * i + 1; child < count; child = 2 * i + 1) {
        child += child + 1 < count && goes_before(&heap[child + 1], &heap[child]);
        if (!goes_before(&heap[child], &moved)) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

// Takes the first one from the heap.
static struct candidate take(struct candidate *heap, size_t *count)
{
    const struct candidate first = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0) {
        sink(heap, *count, 0);
    }
    return first;
}

static struct rectangle box_at(const struct suppression *s, size_t image, int64_t index)
{
    const float *b = (const float *)s->boxes->data + (image * s->count + (size_t)index) * 4;
    if (s->centre) { // x, y of the centre, width, height
        struct rectangle r = {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
        return r;
    }
    struct rectangle r = {b[1] < b[3] ? b[1] : b[3], b[0] < b[2] ? b[0] : b[2],
                          b[1] < b[3] ? b[3] : b[1], b[0] < b[2] ? b[2] : b[0]};
    return r;
}

static bool overlaps(const struct rectangle *a, const struct rectangle *b, float limit)
{
    float width = (a->x2 < b->x2 ? a->x2 : b->x2) - (a->x1 > b->x1 ? a->x1 : b->x1);
    float height = (a->y2 < b->y2 ? a->y2 : b->y2) - (a->y1 > b->y1 ? a->y1 : b->y1);
    if (!(width > 0) || !(height > 0)) {
        return false;
    }
    float common = width * height;
    float first = (a->x2 - a->x1) * (a->y2 - a->y1);
    float second = (b->x2 - b->x1) * (b->y2 - b->y1);
    float all = first + second - common;
    return common > 0 && first > 0 && second > 0 && all > 0 && common / all > limit;
}

static enum mopt_status keep(struct suppression *s, size_t image, size_t class, int64_t index,
                             struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&s->found, &s->found_capacity, s->found_count + 3,
                                         sizeof *s->found, err);
    if (status == MOPT_OK) {
        s->found[s->found_count++] = (int64_t)image;
        s->found[s->found_count++] = (int64_t) class;
        s->found[s->found_count++] = index;
    }
    return status;
}

static enum mopt_status one_class(struct suppression *s, size_t image, size_t class,
                                  struct mopt_error *err)
{
    const float *scores = (const float *)s->scores->data + (image * s->classes + class) * s->count;
    size_t candidates = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool wanted = s->has_threshold ? scores[i] > s->threshold : scores[i] == scores[i];
        if (wanted) {
            s->candidates[candidates++] = (struct candidate){scores[i], (int64_t)i};
        }
    }
    for (size_t i = candidates / 2; i > 0; i--) {
        sink(s->candidates, candidates, i - 1);
    }
    size_t kept = 0;
    while (candidates > 0 && (int64_t)kept < s->most) {
        const struct candidate next = take(s->candidates, &candidates);
        struct rectangle box = box_at(s, image, next.index);
        size_t k = 0;
        while (k < kept && !overlaps(&box, &s->kept[k], s->overlap)) {
            k++;
        }
        if (k < kept) {
            continue;
        }
        s->kept[kept++] = box;
        enum mopt_status status = keep(s, image, class, next.index, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status open_suppression(const struct mopt_eval *eval, struct suppression *s,
                                         struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    int64_t centre = 0;
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "center_point_box", 0, &centre, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "boxes", 3, 3, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[1], "scores", 3, 3, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (in[0]->dims[2] != 4 || in[0]->dims[0] != in[1]->dims[0] ||
        in[0]->dims[1] != in[1]->dims[2]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "boxes and scores do not fit together");
    }
    *s = (struct suppression){.boxes = in[0], .scores = in[1], .centre = centre != 0};
    s->images = (size_t)in[0]->dims[0];
    s->classes = (size_t)in[1]->dims[1];
    s->count = (size_t)in[0]->dims[1];
    s->most = in[2] && in[2]->count > 0 ? mopt__tensor_i64_at(in[2], 0) : 0;
    s->overlap = (float)mopt__nn_scalar(in[3], 0);
    s->has_threshold = in[4] && in[4]->count > 0;
    s->threshold = (float)mopt__nn_scalar(in[4], 0);
    s->candidates = mopt__calloc(s->count + 1, sizeof *s->candidates);
    s->kept = mopt__calloc(s->count + 1, sizeof *s->kept);
    return s->candidates && s->kept ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status suppression_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct suppression s = {.boxes = NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_suppression(eval, &s, err);
    for (size_t i = 0; status == MOPT_OK && s.most > 0 && i < s.images * s.classes; i++) {
        status = one_class(&s, i / s.classes, i % s.classes, err);
        if (status == MOPT_OK) {
            status = mopt__nn_tick(eval, err);
        }
    }
    if (status == MOPT_OK) {
        int64_t dims[2] = {(int64_t)(s.found_count / 3), 3};
        status = mopt__eval_output(eval, 0, MOPT_INT64, 2, dims, &y, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < s.found_count; i++) {
        mopt__element_set_i64(MOPT_INT64, mopt__tensor_data(y), i, s.found[i]);
    }
    mopt__free(s.candidates);
    mopt__free(s.kept);
    mopt__free(s.found);
    return status;
}

static enum mopt_status suppression_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int64_t dims[2] = {mopt__dim_fresh(infer->dims), 3};
    return mopt__infer_set(infer, 0, MOPT_INT64, 2, dims, err);
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "NonMaxSuppression",
     .since = 10,
     .summary = "best boxes without much overlap",
     MOPT_INPUTS({"boxes", "tensor(float)", MOPT_SET_F32, 0},
                 {"scores", "tensor(float)", MOPT_SET_F32, 0},
                 {"max_output_boxes_per_class", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL},
                 {"iou_threshold", "tensor(float)", MOPT_SET_F32, MOPT_PARAM_OPTIONAL},
                 {"score_threshold", "tensor(float)", MOPT_SET_F32, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"selected_indices", "tensor(int64)", MOPT_SET_I64, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("center_point_box", 0)),
     .infer = suppression_infer,
     .eval = suppression_eval,
     .cost = mopt__cost_input},
};
const struct mopt_op_family mopt__ops_non_max_suppression = {records, MOPT_COUNTOF(records)};
