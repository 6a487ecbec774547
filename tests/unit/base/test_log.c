// SPDX-License-Identifier: Apache-2.0
// Log levels, cleaning of messages, progress, budgets.
#include <string.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/strings.h"
#include "tests.h"

struct sink {
    int calls;
    enum mopt_log_level level;
    char text[4096];
    uint64_t done, total;
};

static void take_text(void *context, enum mopt_log_level level, const char *text)
{
    struct sink *sink = context;
    sink->calls++;
    sink->level = level;
    size_t bytes = strlen(text);
    assert_true(bytes < sizeof sink->text);
    memcpy(sink->text, text, bytes + 1);
}

static void take_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct sink *sink = context;
    sink->calls++;
    sink->done = done;
    sink->total = total;
    assert_string_equal(what, "samples");
}

static void drops_what_is_too_chatty(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct mopt_log log = {.level = MOPT_LOG_WARN, .context = &sink, .write = take_text};
    mopt__log(&log, MOPT_LOG_INFO, "no");
    mopt__log(&log, MOPT_LOG_DEBUG, "no");
    assert_int_equal(sink.calls, 0);
    mopt__log(&log, MOPT_LOG_WARN, "%d", 5);
    assert_int_equal(sink.calls, 1);
    assert_int_equal(sink.level, MOPT_LOG_WARN);
    assert_string_equal(sink.text, "5");
    mopt__log(&log, MOPT_LOG_ERROR, "yes");
    assert_int_equal(sink.calls, 2);
    mopt__log(NULL, MOPT_LOG_ERROR, "silence");
    log.write = NULL;
    mopt__log(&log, MOPT_LOG_ERROR, "silence");
}

static void cleans_and_cuts(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct mopt_log log = {.level = MOPT_LOG_DEBUG, .context = &sink, .write = take_text};
    mopt__log(&log, MOPT_LOG_INFO, "a%s", "\n\x1b[2J");
    assert_string_equal(sink.text, "a\\n\\x1b[2J");
    static char text[6000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    mopt__log(&log, MOPT_LOG_INFO, "%s", text);
    size_t length = strlen(sink.text);
    assert_in_range(length, 2040, 2047);
    assert_string_equal(sink.text + length - 3, "...");
    assert_true(mopt__utf8_valid(sink.text, length));
}

static void passes_progress(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct mopt_log log = {.context = &sink, .progress = take_progress};
    mopt__progress(&log, "samples", 3, 10);
    assert_int_equal(sink.calls, 1);
    assert_int_equal(sink.done, 3);
    assert_int_equal(sink.total, 10);
    mopt__progress(NULL, "samples", 1, 2);
    log.progress = NULL;
    mopt__progress(&log, "samples", 1, 2);
    assert_int_equal(sink.calls, 1);
}

static void budgets(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_budget budget = {0};
    volatile int interrupted = 0;
    assert_int_equal(mopt__budget_check(NULL, &err), MOPT_OK);
    assert_int_equal(mopt__budget_check(&budget, &err), MOPT_OK);
    budget.deadline_ns = mopt__clock_ns() + UINT64_C(3600000000000);
    budget.max_memory_bytes = UINT64_MAX;
    budget.max_steps = 1;
    budget.interrupted = &interrupted;
    assert_int_equal(mopt__budget_check(&budget, &err), MOPT_OK);
    budget.max_memory_bytes = 1;
    assert_int_equal(mopt__budget_check(&budget, &err), MOPT_E_LIMIT);
    assert_non_null(strstr(err.text, "memory limit"));
    budget.deadline_ns = mopt__clock_ns();
    assert_int_equal(mopt__budget_check(&budget, &err), MOPT_E_LIMIT);
    assert_string_equal(err.text, "time limit reached");
    interrupted = 1;
    assert_int_equal(mopt__budget_check(&budget, &err), MOPT_E_INTERRUPTED);
}

int mopt__test_log(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_is_too_chatty),
        cmocka_unit_test(cleans_and_cuts),
        cmocka_unit_test(passes_progress),
        cmocka_unit_test(budgets),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
