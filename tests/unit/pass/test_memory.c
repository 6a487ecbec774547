// SPDX-License-Identifier: Apache-2.0
// Every allocation of a run of the manager fails once: the error is told, the model is as it was,
// nothing leaks.
#include <stdlib.h>

#include "tests.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if !defined(SANITIZED) && defined(__GLIBC__)
// The C library lets a program bring its own malloc; ours forwards to the real one.
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *p);

static _Thread_local size_t countdown; // the allocation that fails, 0 = none
static _Thread_local bool fired;
static _Thread_local long long live; // allocations less releases of this thread

static bool refuse(void)
{
    if (countdown > 0 && --countdown == 0) {
        fired = true;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *malloc(size_t bytes)
{
    return refuse() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t bytes)
{
    if (refuse()) {
        return NULL;
    }
    void *grown = __libc_realloc(old, bytes);
    return old != NULL ? grown : counted(grown);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return refuse() ? NULL : counted(__libc_memalign(align, bytes));
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

static const char before[] = "graph main (float[2] x, bool[] c) -> (float[2] z) {\n"
                             "  a = Identity(x);\n"
                             "  b = Neg(a);\n"
                             "  d = Neg(b);\n"
                             "  z = If<then_branch=graph () -> (float[2] o) {\n"
                             "    o = Skip(d);\n"
                             "  }, else_branch=graph () -> (float[2] p) {\n"
                             "    p = Neg(d);\n"
                             "  }>(c);\n"
                             "}\n";
static const char after[] = "graph main (float[2] x, bool[] c) -> (float[2] z) {\n"
                            "  z = If<then_branch=graph () -> (float[2] o) {\n"
                            "    o = Identity(x);\n"
                            "  }, else_branch=graph () -> (float[2] p) {\n"
                            "    p = Neg(x);\n"
                            "  }>(c);\n"
                            "}\n";

struct scene {
    struct mopt_model *model;
    size_t fail_at;
    bool failed;
};

static enum mopt_status run(struct scene *scene, struct mopt_error *err)
{
    struct mopt_pipeline pipeline = {.rounds = 4};
    struct mopt_pass_report report = {.count = 0};
    const struct mopt_manager_options options = {.verify_each = true, .equivalence = 1};
    fired = false;
    countdown = scene->fail_at;
    enum mopt_status status =
        mopt__pipeline_add(&support_passes, "no-identity,set-options{number=3},no-double-neg",
                           &pipeline, err);
    if (status == MOPT_OK) {
        status = mopt__manager_run(&scene->model, &pipeline, &options, &report, err);
    }
    countdown = 0;
    scene->failed = fired;
    mopt__pipeline_release(&pipeline);
    mopt__pass_report_release(&report);
    return status;
}

static void expect_either(struct mopt_model *model, const char *const *texts, size_t count)
{
    static const struct mopt_text_options options;
    struct mopt_error err = {.offset = -1};
    struct mopt_strbuf printed = {0};
    assert_int_equal(mopt__model_verify(model, &err), MOPT_OK);
    assert_int_equal(mopt__text_print_graph(model->graph, &options, &printed, &err), MOPT_OK);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || mopt__streq(texts[i], mopt__strbuf_text(&printed));
    }
    if (!found) {
        fail_msg("%s", mopt__strbuf_text(&printed));
    }
    mopt__strbuf_release(&printed);
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    static const char half[] = "graph main (float[2] x, bool[] c) -> (float[2] z) {\n"
                               "  b = Neg(x);\n"
                               "  d = Neg(b);\n"
                               "  z = If<then_branch=graph () -> (float[2] o) {\n"
                               "    o = Identity(d);\n"
                               "  }, else_branch=graph () -> (float[2] p) {\n"
                               "    p = Neg(d);\n"
                               "  }>(c);\n"
                               "}\n";
    const char *const texts[] = {before, half, after};
    size_t failures = 0;
    struct scene scene = {.failed = true};
    for (size_t at = 1; scene.failed; at++) {
        struct mopt_error err = {.offset = -1};
        long long held = live;
        scene = (struct scene){.model = support_model(before), .fail_at = at};
        enum mopt_status status = run(&scene, &err);
        if (status != MOPT_OK && status != MOPT_E_MEMORY) {
            fail_msg("allocation %zu: %s", at, err.text);
        }
        failures += status == MOPT_E_MEMORY;
        expect_either(scene.model, texts, MOPT_COUNTOF(texts)); // as some pass left it
        mopt__model_free(scene.model);
        assert_int_equal(live, held);
    }
    assert_true(failures > 100);
    print_message("%zu allocations failed\n", failures);
}
#else
static void every_allocation_fails_once(void **state)
{
    (void)state;
    skip(); // the sanitizer owns malloc
}
#endif

int mopt__test_memory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
