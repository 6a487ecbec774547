// SPDX-License-Identifier: Apache-2.0
// Instruction sets of this processor, clock and memory figures. Compiled without ISA flags; reads
// proc files into stack buffers, so it works when memory is out.
#include "base/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/internal.h"
#include "base/size.h"

static const char *const isa_names[] = {
    [MOPT_ISA_REF] = "ref",
    [MOPT_ISA_AVX2] = "avx2",
    [MOPT_ISA_AVX512] = "avx512",
    [MOPT_ISA_AVX512_VNNI] = "avx512-vnni",
    [MOPT_ISA_AVX512_BF16] = "avx512-bf16",
};

const char *mopt__isa_name(enum mopt_isa isa)
{
    size_t index = (size_t)isa;
    return index < MOPT_COUNTOF(isa_names) ? isa_names[index] : "unknown";
}

#if defined(__x86_64__)
static bool has_bits(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

// Register state that the operating system saves (XCR0): Intel SDM volume 1, section 13.3.
static unsigned saved_state(void)
{
    unsigned low;
    unsigned high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

// Levels by the feature flags of CPUID leaves 1 and 7 (Intel SDM volume 2, CPUID).
static enum mopt_isa detect_isa(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    const unsigned fma_osxsave_avx_f16c = 1U << 12 | 1U << 27 | 1U << 28 | 1U << 29;
    const unsigned f_dq_bw_vl = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_bits(c, fma_osxsave_avx_f16c)) {
        return MOPT_ISA_REF;
    }
    unsigned state = saved_state();
    if (!has_bits(state, 0x06) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        !has_bits(b, 1U << 5)) {
        return MOPT_ISA_REF;
    }
    if (!has_bits(state, 0xe6) || !has_bits(b, f_dq_bw_vl)) {
        return MOPT_ISA_AVX2;
    }
    if (!has_bits(c, 1U << 11)) {
        return MOPT_ISA_AVX512;
    }
    if (a < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !has_bits(a, 1U << 5)) {
        return MOPT_ISA_AVX512_VNNI;
    }
    return MOPT_ISA_AVX512_BF16;
}

static bool is_amd(void)
{
    unsigned words[3] = {0}; // the vendor's name, in this order
    unsigned a;
    return __get_cpuid(0, &a, &words[0], &words[2], &words[1]) &&
           memcmp(words, "AuthenticAMD", sizeof words) == 0;
}
#else
static enum mopt_isa detect_isa(void)
{
    return MOPT_ISA_REF;
}

static bool is_amd(void)
{
    return false;
}
#endif

bool mopt__cpu_likes_bf16(void)
{
    return detect_isa() >= MOPT_ISA_AVX512_BF16 && is_amd();
}

bool mopt__cpu_likes_sequences(void)
{
    return is_amd();
}

enum mopt_isa mopt__cpu_isa(void)
{
    enum mopt_isa isa = detect_isa();
    const char *cap = getenv("MOPT_CPU");
    if (!cap) {
        return isa;
    }
    for (size_t i = 0; i < (size_t)isa; i++) {
        if (strcmp(cap, isa_names[i]) == 0) {
            return (enum mopt_isa)i;
        }
    }
    return isa;
}

// Copies a name of at most `bytes` bytes without leading, trailing and doubled spaces.
static void copy_trimmed(char *buf, size_t capacity, const char *name, size_t bytes)
{
    size_t length = 0;
    for (size_t i = 0; i < bytes && name[i] && name[i] != '\n' && length + 1 < capacity; i++) {
        bool space = name[i] == ' ' || name[i] == '\t';
        if (!space) {
            buf[length++] = name[i];
        } else if (length > 0 && buf[length - 1] != ' ') {
            buf[length++] = ' ';
        }
    }
    while (length > 0 && buf[length - 1] == ' ') {
        length--;
    }
    buf[length] = '\0';
}

#if defined(__x86_64__)
static void brand_string(char *buf, size_t capacity)
{
    unsigned words[12];
    unsigned *w = words;
    for (unsigned leaf = 0x80000002; leaf <= 0x80000004; leaf++, w += 4) {
        if (!__get_cpuid(leaf, w, w + 1, w + 2, w + 3)) {
            return;
        }
    }
    char name[sizeof words];
    memcpy(name, words, sizeof name);
    copy_trimmed(buf, capacity, name, sizeof name);
}
#else
static void brand_string(char *buf, size_t capacity)
{
    char text[4096];
    const char *line =
        mopt__read_small("/proc/cpuinfo", text, sizeof text) ? strstr(text, "model name") : NULL;
    const char *colon = line ? strchr(line, ':') : NULL;
    if (colon) {
        copy_trimmed(buf, capacity, colon + 1, strlen(colon + 1));
    }
}
#endif

const char *mopt__cpu_name(char *buf, size_t capacity)
{
    if (capacity == 0) {
        return "unknown";
    }
    buf[0] = '\0';
    brand_string(buf, capacity);
    if (buf[0] == '\0') {
        copy_trimmed(buf, capacity, "unknown", 7);
    }
    return buf;
}

uint64_t mopt__clock_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

bool mopt__read_small(const char *path, char *buf, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    size_t length = 0;
    ssize_t got = 1;
    while (got != 0 && length + 1 < capacity) {
        got = read(fd, buf + length, capacity - 1 - length);
        if (got > 0) {
            length += (size_t)got;
        } else if (got < 0 && errno != EINTR) {
            break;
        }
    }
    close(fd);
    buf[length] = '\0';
    return got >= 0;
}

uint64_t mopt__peak_rss(void)
{
    char text[4096];
    const char *line =
        mopt__read_small("/proc/self/status", text, sizeof text) ? strstr(text, "\nVmHWM:") : NULL;
    if (line) {
        return strtoull(line + 7, NULL, 10) * 1024;
    }
    struct rusage usage; // counts what ran in this process before exec too, so only second choice
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

uint64_t mopt__current_rss(void)
{
    char text[256];
    const char *second =
        mopt__read_small("/proc/self/statm", text, sizeof text) ? strchr(text, ' ') : NULL;
    if (!second) {
        return 0;
    }
    return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
