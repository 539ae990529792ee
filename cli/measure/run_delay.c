/* The wait for a core.
 *
 * While other programs compute, a program that computes is slower, and the more workers it has, the larger is its share of the
 * cores. So on a busy machine a program that only computes seems to gain from workers beyond the number of cores. What it would
 * take alone follows from what Linux counts for each thread in /proc/PID/task/TID/schedstat: the time that it ran, and the
 * time that it was ready to run but had no core. A thread that sleeps or waits for a lock counts in neither.
 *
 * Looking. These counts vanish with the thread, so they are read while the command runs. The caller looks at moments that
 * grow by a factor: few looks, the last of which is in the second half of the run. A thread that is gone counts as it was last seen.
 * What is used is only the ratio of the two sums, so what is missed at the end of a thread makes no difference unless it is of
 * another kind.
 *
 * Who computes. A thread that sleeps and wakes again and again also waits for a core each time, but that is not in proportion to
 * the little that it computes, and what it would be alone cannot be told from it. A thread that computes is on a core for
 * milliseconds at a time; a thread with less than 0.4 ms on average does not count here.
 *
 * What others cost. N workers that compute `cpu` seconds are ready for cpu (1 + ratio) / N each. Alone they would be for
 * cpu / min(N, cores): the part of the wait in which they wait for each other. The difference is due to others.
 *
 * That is a mean over workers, while the run ends with the last of them; and the thread that starts them waits before they do.
 * So up to a quarter more is taken out, but never so much that less is left than the computing takes alone. A program that only
 * computes is thereby left with just that, which is known well. If it also waits, the error of the wait grows with the loss,
 * and beyond a half sweep.c does not tell.
 */
#include "run_delay.h"

#include "array.h"
#include "child/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double missed = 1.25;
static const uint64_t turn_of_computing = 400000; /* nanoseconds */

/* The entry of a thread, made if need be; NULL if memory is out. */
static struct scheduled *entry_of(struct run_delay *delay, pid_t tid)
{
    for (size_t i = 0; i < delay->count; i++)
        if (delay->items[i].tid == tid)
            return &delay->items[i];
    if (!array_has_room(&delay->items, delay->count, &delay->room, sizeof *delay->items))
        return NULL;
    delay->items[delay->count] = (struct scheduled){.tid = tid};
    return &delay->items[delay->count++];
}

static void look_at_thread(struct run_delay *delay, int directory, const char *name)
{
    char path[64], text[96];
    struct scheduled seen = {.tid = (pid_t)strtol(name, NULL, 10)};
    snprintf(path, sizeof path, "%.20s/schedstat", name);
    int file = seen.tid > 0 ? openat(directory, path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    if (length <= 0)
        return;
    text[length] = '\0';
    if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &seen.ran, &seen.delayed, &seen.turns) !=
        3)
        return;
    struct scheduled *entry = entry_of(delay, seen.tid);
    if (entry)
        *entry = seen;
}

static void look_at_process(struct run_delay *delay, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    const struct dirent *entry;
    while (threads && (entry = readdir(threads)))
        look_at_thread(delay, dirfd(threads), entry->d_name);
    if (threads)
        closedir(threads);
}

void run_delay_look(struct run_delay *delay, pid_t pid)
{
    struct descendants below = {0};
    look_at_process(delay, pid);
    descendants_find(&below, pid);
    for (size_t i = 0; i < below.count; i++)
        look_at_process(delay, below.items[i].pid);
    descendants_finish(&below);
}

double run_delay_ratio(const struct run_delay *delay)
{
    uint64_t ran = 0, delayed = 0;
    for (size_t i = 0; i < delay->count; i++) {
        if (delay->items[i].ran < delay->items[i].turns * turn_of_computing)
            continue;
        ran += delay->items[i].ran;
        delayed += delay->items[i].delayed;
    }
    return ran > 0 ? (double)delayed / (double)ran : 0;
}

void run_delay_finish(struct run_delay *delay)
{
    free(delay->items);
    *delay = (struct run_delay){0};
}

double run_delay_lost(double seconds, double cpu, double ratio, int workers, int cores)
{
    double alone = cpu / (workers < cores ? workers : cores);
    double lost = cpu * (1 + ratio) / workers - alone;
    return fmax(0, fmin(lost * missed, seconds - alone));
}
