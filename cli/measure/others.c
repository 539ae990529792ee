/* A measurement of computing is worth little while a compiler runs beside it, and nothing in its
 * figure shows that. So each measurement notes what share of the cores other programs took: the
 * machine's busy time as Linux counts it, less this process's own and its workers'. The table mentions it where it
 * is large enough to matter, and JSON always has it.
 *
 * Busy is all time that is not idle, time that the host of a virtual machine kept for itself
 * ("steal") included. The server of the HTTP rows counts as another program, which it is. Linux
 * counts in hundredths of a second, so the share of a measurement of less than a tenth means
 * nothing and is given as 0.
 */
#include "others.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The least time, summed over the cores, of which a share is worked out. */
static const double least_seconds = 0.1;

struct cpu_use cpu_use_parse(const char *text, double ticks)
{
    /* user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of the first. */
    enum { FIELDS = 8, IDLE = 3, IOWAIT = 4 };
    unsigned long long field[FIELDS] = {0};
    struct cpu_use use = {0};
    int count = sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1],
                       &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);
    if (count <= IOWAIT || ticks <= 0)
        return use;
    for (int i = 0; i < count; i++)
        use.all += (double)field[i] / ticks;
    use.idle = (double)(field[IDLE] + field[IOWAIT]) / ticks;
    return use;
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec * 1e-6;
}

struct cpu_use cpu_use_now(void)
{
    char text[512];
    struct rusage usage;
    int file = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0)
        (void)close(file);
    if (length <= 0)
        return (struct cpu_use){0};
    text[length] = '\0';
    struct cpu_use use = cpu_use_parse(text, (double)sysconf(_SC_CLK_TCK));
    static const int own[] = {RUSAGE_SELF, RUSAGE_CHILDREN}; /* worker processes that have ended */
    for (int i = 0; i < 2; i++)
        if (getrusage(own[i], &usage) == 0)
            use.own += seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
    return use;
}

double others_share(const struct cpu_use *before, const struct cpu_use *after)
{
    double all = after->all - before->all;
    if (all < least_seconds)
        return 0;
    double share = (all - (after->idle - before->idle) - (after->own - before->own)) / all;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}
