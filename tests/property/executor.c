// SPDX-License-Identifier: Apache-2.0
// Random networks on the executor in every way it can run, against its reference:
//   executor [--from SEED] [--count N] [--seconds S] [--family NAME] [--all] [--whole] [FILE...]
// FILE: networks as text instead of random ones. --seconds: as many seeds as there is time for.
// --all: every number of threads on every instruction set. --whole: failing ones are not made
// smaller. The environment variables
// MOPT_PROPERTY_FROM, MOPT_PROPERTY_COUNT, MOPT_PROPERTY_SECONDS and MOPT_PROPERTY_ALL say the
// same; an hour, say: MOPT_PROPERTY_FROM=100000 MOPT_PROPERTY_SECONDS=3600 ./executor What fails is
// written to executor-<family>-<seed>.txt, and what is left of it when nodes are dropped to
// executor-<family>-<seed>.small.txt, in the working folder.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "property/random_net.h"
#include "property/shrink.h"

enum { SHRUNK_MAX = 5, FAILURES_MAX = 40 };

struct job {
    uint64_t from, count, seconds;
    int family; // -1: all
    bool all, whole;
    struct apart *apart;
    uint64_t tried, refused, failures;
};

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    bool good = fputs(text, file) >= 0;
    return fclose(file) == 0 && good;
}

static void report(struct job *job, const char *name, struct mopt_strbuf *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s.txt", name);
    (void)printf("%s: %s\n", name, apart_reason(job->apart));
    (void)printf("  %s %s\n",
                 write_text(path, mopt__strbuf_text(text)) ? "written to" : "cannot write", path);
    if (job->failures++ < SHRUNK_MAX && !job->whole) {
        shrink(job->apart, text);
        (void)snprintf(path, sizeof path, "%s.small.txt", name);
        (void)printf("  %s %s (%s)\n",
                     write_text(path, mopt__strbuf_text(text)) ? "smaller:" : "cannot write", path,
                     apart_reason(job->apart));
    }
    (void)fflush(stdout);
}

static void try_seed(struct job *job, uint64_t seed)
{
    struct mopt_strbuf text = {0};
    enum net_family family =
        job->family < 0 ? (enum net_family)(seed % NET_FAMILY_COUNT) : (enum net_family)job->family;
    char name[64];
    random_net_of(family, seed, &text);
    (void)snprintf(name, sizeof name, "executor-%s-%llu", net_family_names[family],
                   (unsigned long long)seed);
    enum trial_verdict verdict =
        text.failed ? TRIAL_BROKEN : apart_trial(job->apart, mopt__strbuf_text(&text));
    job->tried++;
    if (verdict == TRIAL_REFUSED) {
        job->refused++;
        if (getenv("MOPT_PROPERTY_VERBOSE") != NULL) {
            (void)printf("%s: refused: %s\n", name, apart_reason(job->apart));
        }
    } else if (verdict != TRIAL_GOOD) {
        report(job, name, &text);
    }
    mopt__strbuf_release(&text);
}

static bool try_file(struct job *job, const char *path)
{
    enum { ROOM = 4096 };
    struct mopt_strbuf text = {0};
    char piece[ROOM];
    size_t size;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)printf("cannot open %s\n", path);
        return false;
    }
    while ((size = fread(piece, 1, sizeof piece, file)) > 0) {
        mopt__strbuf_add_bytes(&text, piece, size);
    }
    (void)fclose(file);
    enum trial_verdict verdict = apart_trial(job->apart, mopt__strbuf_text(&text));
    job->tried++;
    job->refused += verdict == TRIAL_REFUSED ? 1 : 0;
    job->failures += verdict == TRIAL_FAILED || verdict == TRIAL_BROKEN ? 1 : 0;
    (void)printf("%s: %s %s\n", path,
                 verdict == TRIAL_GOOD      ? "good"
                 : verdict == TRIAL_REFUSED ? "refused:"
                                            : "FAILED:",
                 verdict == TRIAL_GOOD ? "" : apart_reason(job->apart));
    mopt__strbuf_release(&text);
    return true;
}

static void set_number(uint64_t *number, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        *number = strtoull(text, NULL, 10);
    }
}

static int find_family(const char *name)
{
    for (int i = 0; i < NET_FAMILY_COUNT; i++) {
        if (strcmp(name, net_family_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

// Index of the first file.
static int read_options(struct job *job, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--all") == 0) {
            job->all = true;
            continue;
        }
        if (strcmp(argv[i], "--whole") == 0) {
            job->whole = true;
            continue;
        }
        if (strcmp(argv[i], "--from") == 0) {
            set_number(&job->from, value);
        } else if (strcmp(argv[i], "--count") == 0) {
            set_number(&job->count, value);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            set_number(&job->seconds, value);
        } else if (strcmp(argv[i], "--family") == 0) {
            job->family = find_family(value);
        } else {
            return -1;
        }
        i++;
    }
    set_number(&job->from, getenv("MOPT_PROPERTY_FROM"));
    set_number(&job->count, getenv("MOPT_PROPERTY_COUNT"));
    set_number(&job->seconds, getenv("MOPT_PROPERTY_SECONDS"));
    job->all = job->all || getenv("MOPT_PROPERTY_ALL") != NULL;
    return i;
}

static void try_seeds(struct job *job)
{
    const time_t start = time(NULL);
    for (uint64_t i = 0; job->failures < FAILURES_MAX; i++) {
        bool late = job->seconds > 0 && (uint64_t)(time(NULL) - start) >= job->seconds;
        if (job->seconds > 0 ? late : i >= job->count) {
            break;
        }
        try_seed(job, job->from + i);
    }
}

int main(int argc, char **argv)
{
    struct job job = {.count = 100, .family = -1};
    int i = read_options(&job, argc, argv);
    if (i < 0) {
        (void)printf("usage: executor [--from SEED] [--count N] [--seconds S] [--family NAME] "
                     "[--all] [--whole] [FILE...]\n");
        return 2;
    }
    job.apart = apart_new(job.all || i < argc);
    if (job.apart == NULL) {
        return 2;
    }
    bool opened = true;
    for (int f = i; f < argc; f++) {
        opened = try_file(&job, argv[f]) && opened;
    }
    if (i == argc) {
        try_seeds(&job);
    }
    (void)printf("%llu networks from seed %llu, %llu the reference refused, %llu failures\n",
                 (unsigned long long)job.tried, (unsigned long long)job.from,
                 (unsigned long long)job.refused, (unsigned long long)job.failures);
    apart_free(job.apart);
    // Networks that the reference refuses try nothing: more than a few are a mistake of ours.
    return job.failures > 0 || !opened || job.refused * 20 > job.tried + 20;
}
