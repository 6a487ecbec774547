// SPDX-License-Identifier: Apache-2.0
// Instruction set levels and their cap, names, clock, memory figures.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/internal.h"
#include "base/strings.h"
#include "tests.h"

static const enum mopt_isa levels[] = {MOPT_ISA_REF, MOPT_ISA_AVX2, MOPT_ISA_AVX512,
                                       MOPT_ISA_AVX512_VNNI, MOPT_ISA_AVX512_BF16};

static void levels_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"ref", "avx2", "avx512", "avx512-vnni", "avx512-bf16"};
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(mopt__isa_name(levels[i]), names[i]);
    }
    assert_string_equal(mopt__isa_name((enum mopt_isa)99), "unknown");
}

static void environment_caps_the_level(void **state)
{
    (void)state;
    const char *old = getenv("MOPT_CPU");
    char *saved = old ? mopt__strdup(old) : NULL;
    unsetenv("MOPT_CPU");
    enum mopt_isa best = mopt__cpu_isa();
    for (size_t i = 0; i < 5; i++) {
        setenv("MOPT_CPU", mopt__isa_name(levels[i]), 1);
        assert_int_equal(mopt__cpu_isa(), levels[i] < best ? levels[i] : best);
    }
    setenv("MOPT_CPU", "nonsense", 1);
    assert_int_equal(mopt__cpu_isa(), best);
    setenv("MOPT_CPU", "", 1);
    assert_int_equal(mopt__cpu_isa(), best);
    if (saved) {
        setenv("MOPT_CPU", saved, 1);
    } else {
        unsetenv("MOPT_CPU");
    }
    mopt__free(saved);
}

// The kernel lists what processor and system both support.
static void level_agrees_with_the_kernel(void **state)
{
    (void)state;
    static char text[1 << 16];
    if (!mopt__read_small("/proc/cpuinfo", text, sizeof text) || !strstr(text, "\nflags")) {
        skip();
    }
    char *flags = strstr(text, "\nflags") + 1;
    *strchr(flags, '\n') = ' '; // every flag now has a blank on either side
    flags[strcspn(flags, "\n")] = '\0';
    enum mopt_isa expected = MOPT_ISA_REF;
    if (strstr(flags, " avx2 ") && strstr(flags, " fma ") && strstr(flags, " f16c ")) {
        expected = MOPT_ISA_AVX2;
        if (strstr(flags, " avx512f ") && strstr(flags, " avx512bw ") &&
            strstr(flags, " avx512dq ") && strstr(flags, " avx512vl ")) {
            expected = MOPT_ISA_AVX512;
            if (strstr(flags, " avx512_vnni ")) {
                expected =
                    strstr(flags, " avx512_bf16 ") ? MOPT_ISA_AVX512_BF16 : MOPT_ISA_AVX512_VNNI;
            }
        }
    }
    const char *cap = getenv("MOPT_CPU");
    if (cap) {
        skip();
    }
    assert_int_equal(mopt__cpu_isa(), expected);
}

static void what_is_not_there_is_not_liked(void **state)
{
    (void)state;
    if (mopt__cpu_isa() == MOPT_ISA_AVX512_BF16) {
        skip();
    }
    assert_false(mopt__cpu_likes_bf16());
}

static void processor_has_a_name(void **state)
{
    (void)state;
    char name[64];
    assert_ptr_equal(mopt__cpu_name(name, sizeof name), name);
    size_t length = strlen(name);
    assert_in_range(length, 1, sizeof name - 1);
    assert_true(name[0] != ' ' && name[length - 1] != ' ');
    assert_null(strstr(name, "  "));
    char tiny[4];
    memset(tiny, '#', sizeof tiny);
    mopt__cpu_name(tiny, 3);
    assert_true(strlen(tiny) <= 2);
    assert_int_equal(tiny[3], '#');
    assert_string_equal(mopt__cpu_name(tiny, 0), "unknown");
}

static void clock_goes_forward(void **state)
{
    (void)state;
    uint64_t before = mopt__clock_ns();
    const struct timespec nap = {.tv_nsec = 2000000};
    nanosleep(&nap, NULL);
    uint64_t passed = mopt__clock_ns() - before;
    assert_in_range(passed, 2000000, UINT64_C(60000000000));
}

static void memory_figures_move(void **state)
{
    (void)state;
    uint64_t before = mopt__current_rss();
    assert_true(before > 0);
    size_t bytes = 64 << 20;
    char *block = mopt__malloc(bytes);
    memset(block, 1, bytes);
    assert_in_range(block[bytes / 2], 1, 1);
    uint64_t with = mopt__current_rss();
    mopt__free(block);
    assert_true(with >= before + bytes / 2);
    assert_true(mopt__peak_rss() >= bytes);
}

static void small_reads(void **state)
{
    (void)state;
    char text[4];
    mopt__test_folder();
    mopt__test_write(mopt__test_path_in("f"), "abcdef");
    assert_true(mopt__read_small(mopt__test_path_in("f"), text, sizeof text));
    assert_string_equal(text, "abc");
    assert_false(mopt__read_small(mopt__test_path_in("none"), text, sizeof text));
    assert_false(mopt__read_small(mopt__test_path_in("."), text, sizeof text));
    mopt__test_remove_folder();
}

int mopt__test_cpu(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(environment_caps_the_level),
        cmocka_unit_test(level_agrees_with_the_kernel),
        cmocka_unit_test(what_is_not_there_is_not_liked),
        cmocka_unit_test(processor_has_a_name),
        cmocka_unit_test(clock_goes_forward),
        cmocka_unit_test(memory_figures_move),
        cmocka_unit_test(small_reads),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
