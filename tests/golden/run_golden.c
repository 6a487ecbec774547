// SPDX-License-Identifier: Apache-2.0
// Runs the golden files of passes: `run_golden FILE...` compares, `run_golden --update FILE...`
// rewrites the expected parts.
//
// A file is a list of cases; lines that start with # between cases are comments.
//   == name: why this case exists
//   passes: fuse-bn-into-conv,eliminate-deadend
//   unchecked: why outputs before and after are not compared      (optional)
//   error: words that the message must contain                    (optional; then nothing is
//   expected after)
//   -- before
//   graph main (...) -> (...) { ... }
//   -- after
//   model (...) { ... }        or the single word "same": the passes must leave the graph as it is
// Every case is also run twice (the second time must change nothing) and, unless `unchecked`, both
// graphs are run on adversarial random inputs and must agree.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strings.h"
#include "lib/passes.h"
#include "ops/infer.h"
#include "pass/pass.h"

enum { EQUIVALENCE_RUNS = 6, SEED = 7 };

struct text {
    const char *start;
    size_t size;
};
struct golden {
    struct text title, passes, unchecked, error, before, after;
    const char *head_end; // start of the text after "-- after\n"
};
struct run {
    bool update;
    unsigned passed, failed;
    const char *path;
    const struct golden *now;
    struct mopt_strbuf out; // the file rewritten
};

static void fail(struct run *run, const char *what, const char *detail)
{
    printf("FAILED %s: %.*s: %s\n%s\n", run->path, (int)run->now->title.size, run->now->title.start,
           what, detail);
    run->failed++;
}

// ---- Reading

static struct text line_at(const char *p, const char *end)
{
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    return (struct text){.start = p, .size = (size_t)((stop != NULL ? stop : end) - p)};
}

static bool starts(struct text line, const char *word)
{
    return line.size >= strlen(word) && memcmp(line.start, word, strlen(word)) == 0;
}

static struct text rest(struct text line, size_t from)
{
    while (from < line.size && line.start[from] == ' ') {
        from++;
    }
    return (struct text){.start = line.start + from, .size = line.size - from};
}

static const char *next_line(struct text line, const char *end)
{
    const char *p = line.start + line.size;
    return p < end ? p + 1 : end;
}

// From p up to the next case or section; p moves there.
static struct text section(const char **p, const char *end)
{
    const char *start = *p;
    while (*p < end) {
        struct text line = line_at(*p, end);
        if (starts(line, "== ") || starts(line, "-- ") || starts(line, "# ")) {
            break;
        }
        *p = next_line(line, end);
    }
    size_t size = (size_t)(*p - start);
    while (size > 0 && (start[size - 1] == '\n' || start[size - 1] == ' ')) {
        size--;
    }
    return (struct text){.start = start, .size = size};
}

static void read_line(struct golden *c, struct text line, const char **p, const char *end)
{
    *p = next_line(line, end);
    if (starts(line, "passes:")) {
        c->passes = rest(line, strlen("passes:"));
    } else if (starts(line, "unchecked:")) {
        c->unchecked = rest(line, strlen("unchecked:"));
    } else if (starts(line, "error:")) {
        c->error = rest(line, strlen("error:"));
    } else if (starts(line, "-- before")) {
        c->before = section(p, end);
    } else if (starts(line, "-- after")) {
        c->head_end = *p;
        c->after = section(p, end);
    }
}

// ---- Running

static struct mopt_model *parse(struct run *run, struct text text)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model = NULL;
    if (mopt__text_parse(text.start, text.size, &model, &err) != MOPT_OK ||
        mopt__model_verify(model, &err) != MOPT_OK || mopt__ops_resolve(model, &err) != MOPT_OK) {
        fail(run, "the graph does not parse", err.text);
        mopt__model_free(model);
        return NULL;
    }
    return model;
}

// Types are inferred first: a graph output without a declared one prints what is known.
static char *print(struct mopt_model *model)
{
    static const struct mopt_text_options options;
    struct mopt_error err = {.offset = -1};
    struct mopt_strbuf text = {0};
    if (mopt__infer_model(model, MOPT_INFER_KEEP, &err) != MOPT_OK ||
        mopt__text_print(model, &options, &text, &err) != MOPT_OK) {
        abort();
    }
    while (text.length > 0 && text.text[text.length - 1] == '\n') {
        text.text[--text.length] = '\0';
    }
    return text.text;
}

static enum mopt_status run_passes(const struct golden *c, struct mopt_model **model,
                                   struct mopt_error *err)
{
    struct mopt_pass_set set = {0};
    struct mopt_pipeline pipeline = {0};
    set.items = mopt__builtin_passes(&set.count);
    char *names = mopt__strndup(c->passes.start, c->passes.size);
    if (names == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = names[0] == '-'
                                  ? mopt__pipeline_level(&set, names[2] - '0', &pipeline, err)
                                  : mopt__pipeline_add(&set, names, &pipeline, err);
    struct mopt_manager_options options = {.verify_each = true};
    if (status == MOPT_OK) {
        status = mopt__manager_run(model, &pipeline, &options, NULL, err);
    }
    mopt__pipeline_release(&pipeline);
    mopt__free(names);
    return status;
}

static bool runs_alike(struct run *run, struct mopt_model *before, struct mopt_model *after)
{
    struct mopt_error err = {.offset = -1};
    struct mopt_equivalence result = {0};
    if (run->now->unchecked.size > 0) {
        return true;
    }
    if (mopt__equivalence_check(before, after, MOPT_NUMERICS_REASSOCIATES, EQUIVALENCE_RUNS, SEED,
                                NULL, &result, &err) != MOPT_OK) {
        fail(run, "cannot compare", err.text);
        return false;
    }
    if (!result.equal || result.runs == 0) {
        fail(run, "outputs differ, or nothing could be compared",
             result.failure != NULL   ? result.failure
             : result.skipped != NULL ? result.skipped
                                      : "");
        return false;
    }
    return true;
}

static bool is_same(struct text expected, const char *printed)
{
    return expected.size == strlen(printed) && memcmp(expected.start, printed, expected.size) == 0;
}

static bool runs_again(struct run *run, struct mopt_model **model, const char *printed)
{
    struct mopt_error err = {.offset = -1};
    if (run_passes(run->now, model, &err) != MOPT_OK) {
        fail(run, "the second run fails", err.text);
        return false;
    }
    char *again = print(*model);
    bool same = strcmp(again, printed) == 0;
    if (!same) {
        fail(run, "the second run changes more", again);
    }
    mopt__free(again);
    return same;
}

// Compares with the expected text, or writes it in.
static bool expect(struct run *run, const char *original, const char *printed)
{
    bool unchanged = strcmp(original, printed) == 0;
    if (run->update) {
        mopt__strbuf_printf(&run->out, "%s\n\n", unchanged ? "same" : printed);
        return true;
    }
    bool want_same = is_same(run->now->after, "same");
    if (want_same ? unchanged : is_same(run->now->after, printed)) {
        return true;
    }
    fail(run, "result is not as expected; it is", printed);
    return false;
}

static void run_parsed(struct run *run, struct mopt_model *before, struct mopt_model **after)
{
    struct mopt_error err = {.offset = -1};
    const struct golden *c = run->now;
    enum mopt_status status = run_passes(c, after, &err);
    if (c->error.size > 0) {
        char *words = mopt__strndup(c->error.start, c->error.size);
        bool told = status != MOPT_OK && words != NULL && strstr(err.text, words) != NULL;
        mopt__free(words);
        if (!told) {
            fail(run, "the error is not as expected; it is", status != MOPT_OK ? err.text : "none");
            return;
        }
        run->passed++;
        return;
    }
    if (status != MOPT_OK) {
        fail(run, "the passes fail", err.text);
        return;
    }
    char *original = print(before);
    char *printed = print(*after);
    bool good = expect(run, original, printed);
    good = runs_alike(run, before, *after) && good;
    good = runs_again(run, after, printed) && good;
    run->passed += good;
    mopt__free(original);
    mopt__free(printed);
}

static void run_case(struct run *run, const struct golden *c)
{
    run->now = c;
    struct mopt_model *before = parse(run, c->before);
    struct mopt_model *after = before != NULL ? parse(run, c->before) : NULL;
    if (after != NULL) {
        run_parsed(run, before, &after);
    }
    mopt__model_free(before);
    mopt__model_free(after);
    run->now = NULL;
}

static void run_text(struct run *run, const char *text, size_t size)
{
    const char *end = text + size;
    const char *copied = text;
    for (const char *p = text; p < end;) {
        struct text line = line_at(p, end);
        p = next_line(line, end);
        if (!starts(line, "== ")) {
            continue;
        }
        struct golden c = {.title = rest(line, 3)};
        while (p < end && !starts(line_at(p, end), "== ") && c.after.start == NULL) {
            read_line(&c, line_at(p, end), &p, end);
        }
        if (run->update && c.head_end != NULL) {
            mopt__strbuf_add_bytes(&run->out, copied, (size_t)(c.head_end - copied));
            copied = p;
        }
        run_case(run, &c);
    }
    if (run->update) {
        mopt__strbuf_add_bytes(&run->out, copied, (size_t)(end - copied));
    }
}

static int run_file(struct run *run, const char *path)
{
    struct mopt_strbuf text = {0};
    run->path = path;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("FAILED %s cannot be read\n", path);
        return 1;
    }
    char block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;) {
        mopt__strbuf_add_bytes(&text, block, got);
    }
    (void)fclose(file);
    run_text(run, mopt__strbuf_text(&text), text.length);
    while (run->out.length > 1 && run->out.text[run->out.length - 2] == '\n') {
        run->out.length--; // one end of line at the end
    }
    if (run->update && run->out.length > 0) {
        file = fopen(path, "wb");
        bool written =
            file != NULL && fwrite(run->out.text, 1, run->out.length, file) == run->out.length;
        if (file == NULL || fclose(file) != 0 || !written) {
            printf("FAILED %s cannot be written\n", path);
            run->failed++;
        }
    }
    mopt__strbuf_release(&run->out);
    run->out = (struct mopt_strbuf){0};
    mopt__strbuf_release(&text);
    return 0;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--update") == 0) {
            run.update = true;
        } else {
            run.failed += (unsigned)run_file(&run, argv[i]);
        }
    }
    printf("%u passed, %u failed\n", run.passed, run.failed);
    return run.failed != 0 || run.passed == 0;
}
