/* The number of processors to count on.
 *
 * A container often sees all processors of its host in the affinity mask and is held back by a
 * quota instead: "cpu.max" of its cgroup (version 2) or of any cgroup above it. The least of them
 * counts. Version 1 has the same in cpu.cfs_quota_us and cpu.cfs_period_us of its cpu controller;
 * inside a container that file is at the root of the mount. A file that is not there sets no limit.
 *
 * The first contended lock asks, on a stack that may be a fiber's of 16 KiB. So the texts and paths
 * are on the heap. Without memory for them no cgroup sets a limit, and the next call reads again.
 */
#include "base/cpu.h"
#include "base/atomic.h"
#include "base/memory.h"
#include "base/unexplored.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads the start of a small file as text; an absent one as "". */
static void read_text(const char *path, char *text, size_t size)
{
    ssize_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, text, size - 1);
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
}

static int divide_up(long long quota, long long period)
{
    return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int thrum__cpu_quota(const char *text)
{
    long long quota, period;
    if (sscanf(text, "%lld %lld", &quota, &period) != 2)
        return 0;
    return divide_up(quota, period);
}

static int least(int a, int b)
{
    return b > 0 && b < a ? b : a;
}

struct texts {
    char own[4096], path[4200];
};

/* The quota of the process's own cgroup and of those above it. */
static int limit_by_cgroup2(struct texts *texts, int count)
{
    char text[64];
    read_text("/proc/self/cgroup", texts->own, sizeof texts->own);
    char *group = strstr(texts->own, "0::/");
    if (!group)
        return count;
    group += 3;
    group[strcspn(group, "\n")] = '\0';
    for (char *slash; (slash = strrchr(group, '/')); *slash = '\0') {
        snprintf(texts->path, sizeof texts->path, "/sys/fs/cgroup%s/cpu.max", group);
        read_text(texts->path, text, sizeof text);
        count = least(count, thrum__cpu_quota(text));
    }
    return count;
}

static int limit_by_cgroup1(int count)
{
    char quota[32], period[32];
    read_text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof quota);
    read_text("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period);
    return least(count, divide_up(atoll(quota), atoll(period)));
}

static int by_affinity(void)
{
    for (size_t cpus = 1024; cpus <= 1 << 16; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set)
            break;
        int rc = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set);
        int count = rc < 0 ? 0 : CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
        CPU_FREE(set);
        if (count > 0)
            return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int thrum__cpu_count(void)
{
#ifdef THRUM_EXPLORE
    static int cached = 4; /* the same everywhere, and enough for spin loops to make sense */
#else
    static int cached; /* two threads may both compute it, to the same value */
#endif
    thrum__unexplored_begin();
    int count = thrum__load_relaxed(&cached);
    if (!count) {
        struct texts *texts = thrum__alloc(sizeof *texts);
        count = by_affinity();
        if (texts) {
            count = limit_by_cgroup1(limit_by_cgroup2(texts, count));
            thrum__store_relaxed(&cached, count);
        }
        thrum__free(texts);
    }
    thrum__unexplored_end();
    return count;
}
