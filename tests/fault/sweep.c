// SPDX-License-Identifier: Apache-2.0
// Runs a program once for every point at which the preloaded library can make something fail, and
// holds each run against the promises: it ends by itself, with a code that is allowed; an error is
// one line; the output file is whole (the bytes of an undisturbed run, or what was there before)
// or absent; nothing else is left in its folder.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "usage: sweep --preload LIBRARY --folder EMPTY [--output NAME] [--old TEXT] [--how HOW]\n"
    "             [--points MAX] [--codes 0,75] [--signal N] [--leftovers] PROGRAM ARGUMENT...\n"
    "  --folder     where PROGRAM writes; emptied before every run, taken away at the end\n"
    "  --output     file there that it makes\n"
    "  --old        what the file holds before every run (PROGRAM has to be told to replace it)\n"
    "  --how        handed on as MOPT_FAIL_HOW\n"
    "  --points     at most so many runs, spread evenly; all by default\n"
    "  --signal     the run may die by this signal\n"
    "  --leftovers  temporary files may stay\n";

enum { PATH_BYTES = 4096, SHOWN_MAX = 10, SECONDS_MAX = 120 };

struct bytes {
    char *data;
    size_t size;
};

struct sweep {
    const char *preload, *folder, *output, *old, *how, *codes;
    char **command;
    unsigned long long points;
    int signal;
    bool leftovers;
    struct bytes expected; // output of the undisturbed run
    char count_file[PATH_BYTES], error_file[PATH_BYTES];
    unsigned long long runs, failures, survived;
};

static bool read_file(const char *path, struct bytes *out)
{
    FILE *file = fopen(path, "rb");
    *out = (struct bytes){NULL, 0};
    if (file == NULL) {
        return false;
    }
    size_t capacity = 0, got;
    do {
        if (out->size == capacity) {
            capacity = capacity > 0 ? capacity * 2 : 65536;
            out->data = realloc(out->data, capacity);
            if (out->data == NULL) {
                exit(2);
            }
        }
        got = fread(out->data + out->size, 1, capacity - out->size, file);
        out->size += got;
    } while (got > 0);
    (void)fclose(file);
    return true;
}

static bool same(const struct bytes *a, const char *data, size_t size)
{
    return a->size == size && (size == 0 || memcmp(a->data, data, size) == 0);
}

static void path_of(char out[PATH_BYTES], const char *folder, const char *name)
{
    if (snprintf(out, PATH_BYTES, "%s/%s", folder, name) >= PATH_BYTES) {
        exit(2);
    }
}

// ---- The folder ---------------------------------------------------------------------------------

// Removes all files; returns how many there were besides the output. *name gets one of them.
static int clear(const struct sweep *sweep, char name[256])
{
    int strangers = 0;
    DIR *dir = opendir(sweep->folder);
    if (dir == NULL) {
        exit(2);
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[PATH_BYTES];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (sweep->output == NULL || strcmp(entry->d_name, sweep->output) != 0) {
            strangers++;
            (void)snprintf(name, 256, "%s", entry->d_name);
        }
        path_of(path, sweep->folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    return strangers;
}

static void put_old(const struct sweep *sweep)
{
    char path[PATH_BYTES];
    if (sweep->old == NULL || sweep->output == NULL) {
        return;
    }
    path_of(path, sweep->folder, sweep->output);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputs(sweep->old, file) < 0 || fclose(file) != 0) {
        exit(2);
    }
}

// ---- One run ------------------------------------------------------------------------------------

static void run_child(const struct sweep *sweep, unsigned long long point)
{
    char text[32];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int errors = open(sweep->error_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (null < 0 || errors < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors, 2) < 0) {
        _exit(98);
    }
    (void)snprintf(text, sizeof text, "%llu", point);
    (void)setenv("MOPT_FAIL_AT", text, 1);
    (void)setenv("MOPT_FAIL_HOW", sweep->how, 1);
    (void)setenv("MOPT_FAIL_COUNT", point == 0 ? sweep->count_file : "/dev/null", 1);
    (void)setenv("LD_PRELOAD", sweep->preload, 1);
    (void)setenv("OPENBLAS_NUM_THREADS", "1", 1); // its threads are not ours to fail
    (void)alarm(SECONDS_MAX);
    (void)execv(sweep->command[0], sweep->command);
    _exit(97);
}

// The status as waitpid gives it; point 0 = undisturbed.
static int run(const struct sweep *sweep, unsigned long long point)
{
    int status = 0;
    put_old(sweep);
    pid_t child = fork();
    if (child == 0) {
        run_child(sweep, point);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            exit(2);
        }
    }
    return status;
}

static void fail(struct sweep *sweep, unsigned long long point, const char *what, const char *more)
{
    sweep->failures++;
    if (sweep->failures <= SHOWN_MAX) {
        (void)printf("FAIL at %llu: %s%s\n", point, what, more);
    }
}

static bool code_allowed(const struct sweep *sweep, int code)
{
    char text[16];
    char list[256];
    (void)snprintf(text, sizeof text, ",%d,", code);
    (void)snprintf(list, sizeof list, ",%s,", sweep->codes);
    return strstr(list, text) != NULL;
}

static void judge_errors(struct sweep *sweep, unsigned long long point, bool good)
{
    static const char mark[] = "mopt: error: ";
    struct bytes text;
    int lines = 0;
    if (!read_file(sweep->error_file, &text)) {
        exit(2);
    }
    text.data[text.size < 65535 ? text.size : 65535] = '\0';
    for (const char *at = strstr(text.data, mark); at != NULL; at = strstr(at + 1, mark)) {
        lines++;
    }
    if (lines != (good ? 0 : 1)) {
        fail(sweep, point, good ? "success with an error: " : "not one line of error: ", text.data);
    }
    free(text.data);
}

// The output file is whole after success; old, absent or whole otherwise.
static void judge_output(struct sweep *sweep, unsigned long long point, bool good)
{
    char path[PATH_BYTES];
    struct bytes now;
    if (sweep->output == NULL) {
        return;
    }
    path_of(path, sweep->folder, sweep->output);
    bool there = read_file(path, &now);
    bool whole = there && same(&now, sweep->expected.data, sweep->expected.size);
    bool old = sweep->old == NULL ? !there : there && same(&now, sweep->old, strlen(sweep->old));
    if (good && !whole) {
        fail(sweep, point, "success, but the output is ", there ? "different" : "missing");
    } else if (!whole && !old) {
        fail(sweep, point, "the output is torn", "");
    }
    free(now.data);
}

static void judge(struct sweep *sweep, unsigned long long point, int status)
{
    char text[64];
    char name[256];
    bool killed = WIFSIGNALED(status);
    int number = killed ? WTERMSIG(status) : WEXITSTATUS(status);
    bool good = !killed && number == 0;
    if (killed ? number != sweep->signal : !code_allowed(sweep, number)) {
        (void)snprintf(text, sizeof text, "%s %d", killed ? "died by signal" : "exit code", number);
        fail(sweep, point, text, "");
    }
    if (!killed) {
        judge_errors(sweep, point, good);
    }
    judge_output(sweep, point, good);
    if (clear(sweep, name) > 0 && !sweep->leftovers) {
        fail(sweep, point, "left behind: ", name);
    }
    sweep->runs++;
    sweep->survived += good ? 1 : 0;
}

// ---- All runs -----------------------------------------------------------------------------------

// Number of points, from an undisturbed run.
static unsigned long long measure(struct sweep *sweep)
{
    char path[PATH_BYTES];
    char name[256];
    struct bytes text;
    (void)clear(sweep, name);
    int status = run(sweep, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !read_file(sweep->count_file, &text) ||
        text.size == 0) {
        (void)printf("FAIL: the undisturbed run ended in status %d\n", status);
        exit(1);
    }
    unsigned long long count = strtoull(text.data, NULL, 10);
    free(text.data);
    if (sweep->output != NULL) {
        path_of(path, sweep->folder, sweep->output);
        if (!read_file(path, &sweep->expected)) {
            (void)printf("FAIL: the undisturbed run made no '%s'\n", sweep->output);
            exit(1);
        }
    }
    (void)clear(sweep, name);
    return count;
}

static bool take(struct sweep *sweep, const char *name, const char *value)
{
    if (strcmp(name, "--preload") == 0) {
        sweep->preload = value;
    } else if (strcmp(name, "--folder") == 0) {
        sweep->folder = value;
    } else if (strcmp(name, "--output") == 0) {
        sweep->output = value;
    } else if (strcmp(name, "--old") == 0) {
        sweep->old = value;
    } else if (strcmp(name, "--how") == 0) {
        sweep->how = value;
    } else if (strcmp(name, "--codes") == 0) {
        sweep->codes = value;
    } else if (strcmp(name, "--points") == 0) {
        sweep->points = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--signal") == 0) {
        sweep->signal = (int)strtol(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct sweep sweep = {.how = "", .codes = "0,75"};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--leftovers") == 0) {
            sweep.leftovers = true;
        } else if (i + 1 >= argc || !take(&sweep, argv[i], argv[i + 1])) {
            break;
        } else {
            i++;
        }
    }
    if (sweep.preload == NULL || sweep.folder == NULL || i >= argc || argv[i][0] == '-') {
        (void)fputs(usage, stderr);
        return 2;
    }
    sweep.command = argv + i;
    path_of(sweep.count_file, sweep.folder, "../sweep.count");
    path_of(sweep.error_file, sweep.folder, "../sweep.errors");
    unsigned long long count = measure(&sweep);
    unsigned long long step = sweep.points > 0 && count > sweep.points ? count / sweep.points : 1;
    for (unsigned long long point = 1; point <= count; point += step) {
        judge(&sweep, point, run(&sweep, point));
    }
    (void)printf("%llu points, %llu runs: %llu not hurt, %llu failures\n", count, sweep.runs,
                 sweep.survived, sweep.failures);
    free(sweep.expected.data);
    return sweep.failures > 0 || count == 0;
}
