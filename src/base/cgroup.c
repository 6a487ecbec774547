// SPDX-License-Identifier: Apache-2.0
// How many processors this process may use: affinity mask and cgroup quotas (kernel documentation
// admin-guide/cgroup-v2.rst "cpu.max", scheduler/sched-bwc.rst for v1). Files that are absent mean
// no limit.
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/internal.h"
#include "base/threads.h"

static int round_up(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) {
        return 0;
    }
    long long cpus = quota / period + (quota % period != 0);
    return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

// Limit of one cgroup folder, 0 = none. "max 100000" has no number in front: strtoll gives 0.
static int folder_limit(const char *folder)
{
    char path[PATH_MAX];
    char text[64];
    int length = snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (length < 0 || (size_t)length >= sizeof path) {
        return 0;
    }
    if (mopt__read_small(path, text, sizeof text)) {
        char *end;
        long long quota = strtoll(text, &end, 10);
        return round_up(quota, strtoll(end, NULL, 10));
    }
    length = snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if ((size_t)length >= sizeof path || !mopt__read_small(path, text, sizeof text)) {
        return 0;
    }
    long long quota = strtoll(text, NULL, 10);
    length = snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if ((size_t)length >= sizeof path || !mopt__read_small(path, text, sizeof text)) {
        return 0;
    }
    return round_up(quota, strtoll(text, NULL, 10));
}

static int stricter(int a, int b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

// The strictest limit of mount/controller/group and its parents down to the hierarchy's root. In a
// container the group's own folder may not be visible; its root still is.
static int hierarchy_limit(const char *mount, const char *controller, const char *group)
{
    char folder[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%s%s", mount, controller);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return 0;
    }
    size_t root = (size_t)length;
    length = snprintf(folder + root, sizeof folder - root, "%s", group);
    if (length < 0 || (size_t)length >= sizeof folder - root) {
        folder[root] = '\0';
    }
    int limit = 0;
    for (;;) {
        limit = stricter(limit, folder_limit(folder));
        char *slash = strrchr(folder + root, '/');
        if (!slash) {
            return limit;
        }
        *slash = '\0';
    }
}

// True if the comma-separated list holds "cpu".
static bool names_cpu(const char *list)
{
    for (;;) {
        size_t bytes = strcspn(list, ",");
        if (bytes == 3 && memcmp(list, "cpu", 3) == 0) {
            return true;
        }
        if (list[bytes] == '\0') {
            return false;
        }
        list += bytes + 1;
    }
}

// One line "number:controllers:/group"; controllers are empty in v2.
static int line_limit(char *line, const char *mount)
{
    char *list = strchr(line, ':');
    char *group = list ? strchr(list + 1, ':') : NULL;
    if (!group) {
        return 0;
    }
    list++;
    *group++ = '\0';
    if (*list == '\0') {
        return stricter(hierarchy_limit(mount, "", group),
                        hierarchy_limit(mount, "/unified", group));
    }
    return names_cpu(list) ? stricter(hierarchy_limit(mount, "/cpu", group),
                                      hierarchy_limit(mount, "/cpu,cpuacct", group))
                           : 0;
}

int mopt__cgroup_cpus(const char *list, const char *mount)
{
    char text[8192];
    if (!mopt__read_small(list, text, sizeof text)) {
        return 0;
    }
    int limit = 0;
    for (char *line = text; *line;) {
        size_t bytes = strcspn(line, "\n");
        bool last = line[bytes] == '\0';
        line[bytes] = '\0';
        limit = stricter(limit, line_limit(line, mount));
        line += bytes + !last;
    }
    return limit;
}

// Processors in the affinity mask, 0 if unknown. The kernel refuses masks shorter than its own:
// room for 16384.
static int affinity_cpus(void)
{
    cpu_set_t sets[16];
    if (sched_getaffinity(0, sizeof sets, sets) != 0) {
        return 0;
    }
    return CPU_COUNT_S(sizeof sets, sets);
}

int mopt__cpu_count(void)
{
    int count = affinity_cpus();
    if (count <= 0) {
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    int quota = mopt__cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    return stricter(quota, count > 0 ? count : 1);
}
