// SPDX-License-Identifier: Apache-2.0
// Messages and progress on standard error.
#include "cli/sink.h"

#include <string.h>

#include "base/cpu.h"
#include "base/size.h"

enum { BAR_WIDTH = 30 };
#define SECOND_NS UINT64_C(1000000000)

static const struct {
    const char *name, *color;
} levels[] = {
    [MOPT_LOG_ERROR] = {"error", "\033[1;31m"},
    [MOPT_LOG_WARN] = {"warning", "\033[1;33m"},
    [MOPT_LOG_INFO] = {"info", "\033[36m"},
    [MOPT_LOG_DEBUG] = {"debug", "\033[2m"},
};

void mopt__sink_clear(struct mopt_sink *sink)
{
    if (sink->shown && sink->progress == MOPT_PROGRESS_BAR) {
        (void)fputs("\r\033[K", stderr);
    }
    sink->shown = false;
}

static void write_message(void *context, enum mopt_log_level level, const char *text)
{
    struct mopt_sink *sink = context;
    if (level == MOPT_LOG_WARN && sink->warnings != NULL) {
        mopt__json_text(mopt__json_object(sink->warnings, NULL), "text", text);
    }
    if (sink->file != NULL) {
        (void)fprintf(sink->file, "%s: %s\n", levels[level].name, text);
    }
    if (level > sink->level) {
        return;
    }
    mopt__sink_clear(sink);
    (void)fprintf(stderr, "mopt: %s%s:%s %s\n", sink->color ? levels[level].color : "",
                  levels[level].name, sink->color ? "\033[0m" : "", text);
}

void mopt__sink_line(struct mopt_sink *sink, const char *text)
{
    if (sink->file != NULL) {
        (void)fprintf(sink->file, "%s\n", text);
    }
    if (sink->level > MOPT_LOG_ERROR) {
        mopt__sink_clear(sink);
        (void)fprintf(stderr, "%s\n", text);
    }
}

static void format_left(char *buf, size_t capacity, double seconds)
{
    if (seconds < 90) {
        (void)snprintf(buf, capacity, "%.0f s left", seconds);
    } else if (seconds < 5400) {
        (void)snprintf(buf, capacity, "%.0f min left", seconds / 60);
    } else {
        (void)snprintf(buf, capacity, "%.1f h left", seconds / 3600);
    }
}

static void draw(const struct mopt_sink *sink, uint64_t done, uint64_t total, double elapsed)
{
    char left[32] = "";
    if (total == 0) {
        (void)fprintf(stderr, "%s%.32s  %llu",
                      sink->progress == MOPT_PROGRESS_BAR ? "\r\033[K" : "", sink->what,
                      (unsigned long long)done);
    } else {
        double part = (double)done / (double)total;
        if (done > 0) {
            format_left(left, sizeof left, elapsed * (1 - part) / part);
        }
        char bar[BAR_WIDTH + 1];
        size_t full = (size_t)(part * BAR_WIDTH);
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full < BAR_WIDTH ? full : BAR_WIDTH);
        bar[BAR_WIDTH] = '\0';
        if (sink->progress == MOPT_PROGRESS_BAR) {
            (void)fprintf(stderr, "\r\033[K%.24s [%s] %3.0f %% %s", sink->what, bar, part * 100,
                          left);
        } else {
            (void)fprintf(stderr, "%.32s %llu/%llu %s", sink->what, (unsigned long long)done,
                          (unsigned long long)total, left);
        }
    }
    (void)fputs(sink->progress == MOPT_PROGRESS_BAR ? "" : "\n", stderr);
    (void)fflush(stderr);
}

// Shows work that is longer than a second: a bar ten times a second, or a line every ten seconds.
static void show_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct mopt_sink *sink = context;
    uint64_t now = mopt__clock_ns();
    if (sink->what == NULL || strcmp(sink->what, what) != 0) {
        mopt__sink_clear(sink);
        sink->what = what;
        sink->start_ns = sink->drawn_ns = now;
    }
    if (total > 0 && done >= total) {
        mopt__sink_clear(sink);
        sink->what = NULL;
        return;
    }
    uint64_t pause = sink->progress == MOPT_PROGRESS_BAR ? SECOND_NS / 10 : 10 * SECOND_NS;
    if (sink->progress == MOPT_PROGRESS_NEVER || now - sink->start_ns < SECOND_NS ||
        (sink->shown && now - sink->drawn_ns < pause)) {
        return;
    }
    draw(sink, done, total, (double)(now - sink->start_ns) * 1e-9);
    sink->drawn_ns = now;
    sink->shown = true;
}

struct mopt_log mopt__sink_log(struct mopt_sink *sink)
{
    enum mopt_log_level level = sink->level;
    if (sink->file != NULL && level < MOPT_LOG_INFO) {
        level = MOPT_LOG_INFO;
    }
    if (level < MOPT_LOG_WARN) {
        level = MOPT_LOG_WARN; // warnings belong into the JSON result at any verbosity
    }
    return (struct mopt_log){.level = level,
                             .context = sink,
                             .write = write_message,
                             .progress = show_progress};
}
