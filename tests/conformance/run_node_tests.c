// SPDX-License-Identifier: Apache-2.0
// Runs folders of the official ONNX backend suite (model.onnx, test_data_set_*/input_*.pb,
// output_*.pb).
//
//   mopt_node_tests [--filter TEXT] [--no-fork] [--no-infer] [--quiet] [--laws] [--table FILE]
//                   FOLDER...
//
// A folder is a test or holds tests, also deeper. Prints one line "PASS|FAIL|UNSUPPORTED name
// max_ulp reason" per test, then a summary. Each test runs in a process of its own, so that a crash
// is just a FAIL. Exit code 1 if a test failed; with --table instead if a test does worse than its
// row there (status, or more than twice the error), has no row, or lost its test. The table has
// lines "STATUS name max_ulp" and # comments. With --laws a test passes when the laws of laws.h
// hold for its model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "data_set.h"
#include "interpret.h"
#include "laws.h"
#include "onnx/onnx.h"

enum verdict { PASS, FAIL, UNSUPPORTED, VERDICTS };
static const char *const verdict_names[] = {"PASS", "FAIL", "UNSUPPORTED"};

struct row {
    char name[160];
    enum verdict verdict;
    double max_ulp;
    bool seen;
};

struct options {
    const char *filter;
    bool fork, infer, quiet;
    bool laws;
    struct row *rows; // NULL: no table
    size_t row_count;
};

struct result {
    enum verdict verdict;
    double max_ulp;
    char reason[512];
};

// ---- One data set -------------------------------------------------------------------------------

// Random results are checked by what must hold of them.
static bool check_random(const char *name, struct comparison *state,
                         const struct mopt_datum *actual, const struct mopt_datum *expected)
{
    const struct mopt_tensor *a = actual->tensor;
    struct comparison shape = *state;
    shape.atol = 2; // any pair of 0 and 1 is near enough; type and shape must be equal
    if (strstr(name, "bernoulli") == NULL || !compare_data(&shape, actual, expected)) {
        *state = shape;
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        double value = mopt__tensor_f64(a, i);
        if (value != 0 && value != 1) {
            snprintf(state->reason, sizeof state->reason, "element %zu is %g, not 0 or 1", i,
                     value);
            return false;
        }
    }
    return true;
}

static bool judge(struct data_set *set, struct mopt_datum *const *values, const char *name,
                  bool infer, struct comparison *state)
{
    for (size_t i = 0; i < set->expected_count; i++) {
        bool random = strstr(name, "bernoulli") != NULL;
        bool equal = random ? check_random(name, state, set->outputs[i], set->expected[i])
                            : compare_data(state, set->outputs[i], set->expected[i]);
        if (!equal) {
            return false;
        }
    }
    const struct mopt_graph *graph = set->model->graph;
    for (const struct mopt_node *node = graph->first; infer && node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->output_count; i++) {
            const struct mopt_value *value = node->outputs[i];
            if (value != NULL && !compare_type(state, set->model->dims, value, values[value->id])) {
                return false;
            }
        }
    }
    return true;
}

static void report(struct result *result, enum mopt_status status, const char *text)
{
    result->verdict = status == MOPT_E_UNSUPPORTED ? UNSUPPORTED : FAIL;
    (void)snprintf(result->reason, sizeof result->reason, "%.*s", (int)sizeof result->reason - 1,
                   text);
}

static void test_set(struct mopt_model *model, const char *name, const char *dir, bool infer,
                     struct result *result)
{
    struct data_set set = {.model = model};
    struct comparison state = {.rtol = 1e-3, .atol = 1e-7};
    struct mopt_error err;
    mopt_error_clear(&err);
    struct mopt_datum **values =
        mopt__calloc((size_t)model->value_count + 1, sizeof(struct mopt_datum *));
    enum mopt_status status =
        values != NULL ? data_set_load(&set, dir, &err) : mopt_error_memory(&err);
    if (status == MOPT_OK) {
        status = interpret(model, set.inputs, set.outputs, values, &err);
    }
    if (status != MOPT_OK) {
        report(result, status, err.text);
    } else if (!judge(&set, values, name, infer, &state)) {
        report(result, MOPT_OK, state.reason);
    }
    if (state.max_ulp > result->max_ulp) {
        result->max_ulp = state.max_ulp;
    }
    data_list_release(values, model->value_count);
    data_set_release(&set);
}

// ---- One test -----------------------------------------------------------------------------------

static enum mopt_status check_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)context;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        enum mopt_status status = mopt__op_check(node, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status prepare(const char *dir, bool infer, struct mopt_model **model,
                                struct mopt_error *err)
{
    char *path = mopt__path_join(dir, "model.onnx");
    enum mopt_status status =
        path != NULL ? mopt__onnx_load(path, NULL, model, err) : mopt_error_memory(err);
    mopt__free(path);
    if (status == MOPT_OK) {
        status = data_correct_model(*model, dir, err);
    }
    if (status == MOPT_OK) {
        status = mopt__ops_resolve(*model, err);
    }
    if (status == MOPT_OK) {
        status = mopt__graph_sort((*model)->graph, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < (*model)->function_count; i++) {
        status = mopt__graph_sort((*model)->functions[i]->body, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_walk(*model, check_graph, NULL, err);
    }
    return status == MOPT_OK && infer ? mopt__infer_model(*model, 0, err) : status;
}

static void run_model(const char *dir, const char *name, bool infer, struct result *result)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    enum mopt_status status = prepare(dir, infer, &model, &err);
    if (status != MOPT_OK) {
        report(result, status, err.text);
    }
    char path[4096];
    size_t sets = 0;
    while (status == MOPT_OK && result->verdict == PASS &&
           data_set_path(path, sizeof path, dir, sets)) {
        test_set(model, name, path, infer, result);
        sets++;
    }
    if (status == MOPT_OK && sets == 0) {
        report(result, MOPT_E_MISSING, "no data set");
    }
    mopt__model_free(model);
}

static void try_laws(const char *dir, struct result *result)
{
    char scratch[64];
    struct mopt_error err;
    mopt_error_clear(&err);
    // In memory if possible: thousands of files are made safe on the disk otherwise.
    (void)snprintf(scratch, sizeof scratch, "%s/mopt-suite-%ld.onnx",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    enum mopt_status status = laws_hold(dir, scratch, &err);
    (void)unlink(scratch);
    if (status != MOPT_OK) {
        report(result, status, err.text);
    }
}

static void run_test(const char *dir, const char *name, const struct options *options,
                     struct result *result)
{
    if (options->laws) {
        try_laws(dir, result);
    } else {
        run_model(dir, name, options->infer, result);
    }
}

static void run_forked(const char *dir, const char *name, const struct options *options,
                       struct result *result)
{
    int ends[2];
    fflush(stdout);
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        alarm(120);
        run_test(dir, name, options, result);
        _exit(write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result ? 0 : 1);
    }
    if (child < 0) {
        report(result, MOPT_E_INTERNAL, "cannot start a process");
        return;
    }
    close(ends[1]);
    struct result told;
    bool complete = read(ends[0], &told, sizeof told) == (ssize_t)sizeof told;
    close(ends[0]);
    int code = 0;
    waitpid(child, &code, 0);
    if (complete) {
        *result = told;
    } else {
        report(result, MOPT_E_INTERNAL, "crashed");
        if (WIFSIGNALED(code)) {
            snprintf(result->reason, sizeof result->reason, "crashed with signal %d",
                     WTERMSIG(code));
        }
    }
}

// ---- Table --------------------------------------------------------------------------------------

static bool read_row(const char *line, struct row *row)
{
    char status[16];
    if (sscanf(line, "%15s %159s %lf", status, row->name, &row->max_ulp) != 3) {
        return false;
    }
    for (int i = 0; i < VERDICTS; i++) {
        if (strcmp(status, verdict_names[i]) == 0) {
            row->verdict = (enum verdict)i;
            return true;
        }
    }
    return false;
}

static bool read_table(const char *path, struct options *options)
{
    FILE *file = fopen(path, "r");
    size_t capacity = 0;
    char line[1024];
    struct mopt_error err;
    bool good = file != NULL;
    while (good && fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        struct row row = {.seen = false};
        good =
            read_row(line, &row) && mopt__grow((void **)&options->rows, &capacity,
                                               options->row_count + 1, sizeof row, &err) == MOPT_OK;
        if (good) {
            options->rows[options->row_count++] = row;
        } else {
            printf("bad line in %s: %s", path, line);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return good && options->row_count > 0;
}

// Number of tests that do worse than the table says.
static size_t worse(const struct options *options, const char *name, const struct result *result)
{
    for (size_t i = 0; i < options->row_count; i++) {
        struct row *row = &options->rows[i];
        if (strcmp(row->name, name) != 0) {
            continue;
        }
        row->seen = true;
        bool status = result->verdict != PASS && row->verdict == PASS;
        bool error = result->verdict == PASS && row->verdict == PASS &&
                     result->max_ulp > 2 * row->max_ulp + 1;
        if (status || error) {
            printf("WORSE %s: table has %s %.4g\n", name, verdict_names[row->verdict],
                   row->max_ulp);
        }
        return status || error ? 1 : 0;
    }
    printf("WORSE %s: not in the table\n", name);
    return 1;
}

static size_t unseen(const struct options *options)
{
    size_t count = 0;
    for (size_t i = 0; options->filter == NULL && i < options->row_count; i++) {
        if (!options->rows[i].seen) {
            printf("WORSE %s: in the table, but there is no such test\n", options->rows[i].name);
            count++;
        }
    }
    return count;
}

// ---- Folders ------------------------------------------------------------------------------------

struct tally {
    size_t counts[VERDICTS];
    size_t worse;
};

static void visit_test(const char *dir, const struct options *options, struct tally *tally)
{
    const char *name = mopt__path_basename(dir);
    if (options->filter != NULL && strstr(name, options->filter) == NULL) {
        return;
    }
    struct result result = {.verdict = PASS};
    if (options->fork) {
        run_forked(dir, name, options, &result);
    } else {
        run_test(dir, name, options, &result);
    }
    tally->counts[result.verdict]++;
    if (!options->quiet || result.verdict != PASS) {
        printf("%s %s %.4g %s\n", verdict_names[result.verdict], name, result.max_ulp,
               result.reason);
    }
    if (options->rows != NULL) {
        tally->worse += worse(options, name, &result);
    }
}

static void visit(const char *dir, const struct options *options, int depth, struct tally *tally)
{
    char **names = NULL;
    size_t count = 0;
    struct mopt_error err;
    mopt_error_clear(&err);
    char *model = mopt__path_join(dir, "model.onnx");
    bool is_test = model != NULL && mopt__path_exists(model);
    mopt__free(model);
    if (is_test) {
        visit_test(dir, options, tally);
        return;
    }
    if (depth == 0 || mopt__dir_list(dir, &names, &count, &err) != MOPT_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char *path = mopt__path_join(dir, names[i]);
        if (path != NULL && mopt__path_is_dir(path)) {
            visit(path, options, depth - 1, tally);
        }
        mopt__free(path);
    }
    mopt__names_free(names, count);
}

// Takes one argument that begins with --; returns how many words it used, 0 if it is unknown.
static int take_option(struct options *options, char **words)
{
    if (strcmp(words[0], "--filter") == 0 && words[1] != NULL) {
        options->filter = words[1];
        return 2;
    }
    if (strcmp(words[0], "--table") == 0 && words[1] != NULL) {
        return read_table(words[1], options) ? 2 : 0;
    }
    if (strcmp(words[0], "--laws") == 0) {
        options->laws = true;
    } else if (strcmp(words[0], "--no-fork") == 0) {
        options->fork = false;
    } else if (strcmp(words[0], "--no-infer") == 0) {
        options->infer = false;
    } else if (strcmp(words[0], "--quiet") == 0) {
        options->quiet = true;
    } else {
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct options options = {.fork = true, .infer = true};
    struct tally tally = {.worse = 0};
    for (int i = 1; i < argc;) {
        if (strncmp(argv[i], "--", 2) != 0) {
            visit(argv[i++], &options, 3, &tally);
            continue;
        }
        int used = take_option(&options, argv + i);
        if (used == 0) {
            printf("cannot use %s\n", argv[i]);
            return 2;
        }
        i += used;
    }
    size_t total = tally.counts[PASS] + tally.counts[FAIL] + tally.counts[UNSUPPORTED];
    printf("%zu tests: %zu passed, %zu failed, %zu unsupported\n", total, tally.counts[PASS],
           tally.counts[FAIL], tally.counts[UNSUPPORTED]);
    bool table = options.rows != NULL;
    bool good = table ? tally.worse + unseen(&options) == 0 : tally.counts[FAIL] == 0;
    mopt__free(options.rows);
    return total > 0 && good ? 0 : 1;
}
