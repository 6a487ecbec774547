// SPDX-License-Identifier: Apache-2.0
// Times (in processor time) type and shape inference of a text model, without reading, printing or
// the start of a program: infer MODEL.txt RUNS prints "NODES SECONDS", the median of the runs.
// Every run infers a model parsed anew, so that nothing is known yet, and begins with other things
// in the caches: else small graphs, which parsing left there, look better than large ones for no
// merit of theirs.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "ir/text.h"
#include "ops/ops.h"

enum { RUNS_MAX = 101, SWEPT_BYTES = 1 << 28, LINE_BYTES = 64 };

// Puts the caches to other use.
static enum mopt_status sweep(struct mopt_error *err)
{
    void *room = mopt__malloc(SWEPT_BYTES);
    volatile char *bytes = room;
    if (room == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < SWEPT_BYTES; i += LINE_BYTES) {
        bytes[i] = (char)i;
    }
    mopt__free(room);
    return MOPT_OK;
}

// Seconds of this process; what else the machine does matters less than on a clock.
static double processor_time(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum mopt_status time_once(const struct mopt_mapping *text, double *seconds, size_t *nodes,
                                  struct mopt_error *err)
{
    struct mopt_model *model = NULL;
    enum mopt_status status = mopt__text_parse((const char *)text->data, text->size, &model, err);
    if (status == MOPT_OK) {
        status = mopt__ops_resolve(model, err);
    }
    if (status == MOPT_OK) {
        status = sweep(err);
    }
    if (status == MOPT_OK) {
        double start = processor_time();
        status = mopt__infer_model(model, MOPT_INFER_STRICT, err);
        *seconds = processor_time() - start;
        *nodes = model->graph->node_count;
    }
    // An inference that gave up early would be fast too.
    const struct mopt_type *type = status == MOPT_OK ? model->graph->outputs.items[0]->type : NULL;
    if (status == MOPT_OK && (type == NULL || type->rank < 0)) {
        status = mopt_error_set(err, MOPT_E_INTERNAL, "the output was not inferred");
    }
    mopt__model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    struct mopt_error err;
    struct mopt_mapping *text = NULL;
    double times[RUNS_MAX];
    size_t nodes = 0;
    int runs = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (runs < 1 || runs > RUNS_MAX) {
        (void)fprintf(stderr, "usage: infer MODEL.txt RUNS (1 to %d)\n", RUNS_MAX);
        return 2;
    }
    mopt_error_clear(&err);
    enum mopt_status status = mopt__mapping_open(argv[1], 0, &text, &err);
    for (int i = 0; status == MOPT_OK && i < runs; i++) {
        status = time_once(text, &times[i], &nodes, &err);
    }
    mopt__mapping_unref(text);
    if (status != MOPT_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    qsort(times, (size_t)runs, sizeof *times, by_size);
    (void)printf("%zu %.6f\n", nodes, times[runs / 2]);
    return 0;
}
