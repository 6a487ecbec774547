// SPDX-License-Identifier: Apache-2.0
// Reads the counters of Linux: /proc/pressure/cpu (kernel documentation accounting/psi.rst),
// /proc/stat (filesystems/proc.rst 1.7), /sys/class/powercap (power/powercap/powercap.rst).
#include "measure/machine.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { PACKAGES_MAX = 8 };

// First `capacity`-1 bytes of a file; false when it cannot be read.
static bool read_text(const char *root, const char *path, char *text, size_t capacity)
{
    char full[PATH_MAX];
    int length = snprintf(full, sizeof full, "%s%s", root, path);
    FILE *file = length > 0 && (size_t)length < sizeof full ? fopen(full, "re") : NULL;
    if (file == NULL) {
        return false;
    }
    size_t bytes = fread(text, 1, capacity - 1, file);
    text[bytes] = '\0';
    (void)fclose(file);
    return bytes > 0;
}

static bool read_number(const char *root, const char *path, uint64_t *value)
{
    char text[64];
    char *end = text;
    if (!read_text(root, path, text, sizeof text)) {
        return false;
    }
    *value = strtoull(text, &end, 10);
    return end != text;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234"
static void read_pressure(const char *root, struct mopt_machine_state *out)
{
    char text[256];
    if (!read_text(root, "/proc/pressure/cpu", text, sizeof text)) {
        return;
    }
    text[strcspn(text, "\n")] = '\0';
    const char *total = strstr(text, "total=");
    if (strncmp(text, "some ", 5) == 0 && total != NULL) {
        out->pressure_known = true;
        out->pressure_us = strtoull(total + 6, NULL, 10);
    }
}

// "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest times are part of
// user and nice.
static void read_steal(const char *root, struct mopt_machine_state *out)
{
    char text[512];
    if (!read_text(root, "/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0) {
        return;
    }
    char *place = text + 4;
    for (int i = 0; i < 8; i++) {
        char *end = place;
        uint64_t ticks = strtoull(place, &end, 10);
        if (end == place) {
            return;
        }
        place = end;
        out->ticks += ticks;
        out->steal = ticks; // the last one stays
    }
    out->steal_known = true;
}

static void read_energy(const char *root, struct mopt_machine_state *out)
{
    out->energy_reason = "there are no powercap counters (/sys/class/powercap/intel-rapl:0)";
    for (int i = 0; i < PACKAGES_MAX; i++) {
        char path[128];
        char name[64];
        (void)snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/name", i);
        if (!read_text(root, path, name, sizeof name)) {
            break;
        }
        if (strncmp(name, "package", 7) != 0) {
            continue; // parts of a package would count twice
        }
        (void)snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/energy_uj", i);
        if (!read_number(root, path, &out->energy_uj[out->packages])) {
            out->energy_reason = "the powercap counters cannot be read by this user";
            out->packages = 0;
            return;
        }
        (void)snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/max_energy_range_uj",
                       i);
        (void)read_number(root, path, &out->energy_range_uj[out->packages]);
        out->packages++;
    }
    if (out->packages > 0) {
        out->energy_reason = NULL;
    }
}

void mopt__machine_read(const char *root, struct mopt_machine_state *out)
{
    *out = (struct mopt_machine_state){.clock_ns = mopt__clock_ns()};
    read_pressure(root, out);
    read_steal(root, out);
    read_energy(root, out);
}

static double part(double value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static double joules_between(const struct mopt_machine_state *before,
                             const struct mopt_machine_state *after)
{
    double sum = 0;
    for (int i = 0; i < after->packages; i++) {
        uint64_t from = before->energy_uj[i];
        uint64_t to = after->energy_uj[i];
        to += to < from ? after->energy_range_uj[i] : 0; // the counter has started again
        sum += to > from ? (double)(to - from) * 1e-6 : 0;
    }
    return sum;
}

void mopt__machine_between(const struct mopt_machine_state *before,
                           const struct mopt_machine_state *after, struct mopt_machine_use *out)
{
    double seconds = (double)(after->clock_ns - before->clock_ns) * 1e-9;
    *out = (struct mopt_machine_use){.seconds = seconds,
                                     .pressure = NAN,
                                     .steal = NAN,
                                     .joules = NAN,
                                     .energy_reason = after->energy_reason};
    if (before->pressure_known && after->pressure_known && seconds > 0) {
        out->pressure = part((double)(after->pressure_us - before->pressure_us) * 1e-6 / seconds);
    }
    if (before->steal_known && after->steal_known && after->ticks > before->ticks) {
        out->steal =
            part((double)(after->steal - before->steal) / (double)(after->ticks - before->ticks));
    }
    if (after->packages > 0 && before->packages == after->packages) {
        out->joules = joules_between(before, after);
    }
}
